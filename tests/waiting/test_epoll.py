"""epoll, one body on two arms: what it reports, in which order, and what wakes it; answers and traces must be equal.

The random walk compares masses of such lists; here stands, by name, what a program may rely on. Each scenario waits
with a time-out of 0 unless it is about waiting, and sees itself by the names "a", "b", … that it gave.

Not here: wrong arguments (tests/simnet/test_arguments.py), segments from outside (tests/scripts).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from model import SimNet
from realnet import NamespaceRefused, RealNet

IN, PRI, OUT, ERR, HUP, RDHUP = 1, 2, 4, 8, 16, 0x2000
ONESHOT, ET, EXCLUSIVE = 1 << 30, 1 << 31, 1 << 28
SERVER = ("127.0.0.1", 8000)


class Watch:
    """An epoll that reports by name."""

    def __init__(self, net: Any) -> None:
        self.epoll = net.select.epoll()
        self.names: dict[int, str] = {}

    def __call__(self, maxevents: int = -1) -> list[tuple[str, int]]:
        return [(self.names[fd], events) for fd, events in self.epoll.poll(0, maxevents)]

    def add(self, name: str, file: Any, events: int) -> None:
        self.names[file.fileno()] = name
        self.epoll.register(file, events)

    def fileno(self) -> int:
        return int(self.epoll.fileno())


def complaint(function: Callable[..., Any], *args: Any) -> tuple[Any, ...]:
    try:
        return (function(*args),)
    except OSError as error:
        return (type(error).__name__, error.errno, str(error))


_OPEN: list[Any] = []


def kept(sock: Any) -> Any:
    """The socket, non-blocking, which is closed when the scenario is over."""
    _OPEN.append(sock)
    sock.setblocking(False)
    return sock


def pair(net: Any) -> tuple[Any, Any]:
    """A client and its server, both non-blocking."""
    with net.socket.create_server(SERVER) as listener:
        client = net.socket.create_connection(SERVER)
        server = listener.accept()[0]
    return kept(client), kept(server)


def udp(net: Any) -> Any:
    sock = kept(net.socket.socket(type=net.socket.SOCK_DGRAM))
    sock.bind(("127.0.0.1", 0))
    return sock


def settle(net: Any) -> None:
    """Let delayed acknowledgements pass, which wake those who wait for them."""
    net.time.sleep(0.1)


# What is reported, and how often --------------------------------------------------------------------------------------


def a_level_is_reported_until_it_is_gone(net: Any) -> Any:
    client, server = pair(net)
    watch = Watch(net)
    watch.add("a", server, IN)
    seen = [watch()]
    client.send(b"12")
    seen += [watch(), watch()]
    server.recv(1)
    seen.append(watch())
    server.recv(1)
    return seen, watch(), client.close(), watch(), server.recv(1), watch()


def an_edge_is_reported_once(net: Any) -> Any:
    """Reading a part is no edge. More bytes behind unread ones are, although nothing changes for poll."""
    client, server = pair(net)
    watch = Watch(net)
    watch.add("a", server, IN | ET)
    seen = [watch()]
    client.send(b"12")
    seen += [watch(), watch()]
    server.recv(1)
    seen.append(watch())
    client.send(b"34")
    seen += [watch(), watch()]
    server.recv(100)
    return seen, complaint(server.recv, 1), watch(), client.close(), watch(), watch()


def an_edge_that_is_over_is_not_reported(net: Any) -> Any:
    client, server = pair(net)
    watch = Watch(net)
    watch.add("a", server, IN | ET)
    client.send(b"1")
    server.recv(1)
    return watch(), client.send(b"2"), watch()


def once_means_until_it_is_modified(net: Any) -> Any:
    client, server = pair(net)
    watch = Watch(net)
    watch.add("a", server, IN | ONESHOT)
    client.send(b"1")
    seen = [watch(), watch()]
    client.send(b"2")
    seen.append(watch())
    watch.epoll.modify(server, IN | ONESHOT)
    seen += [watch(), watch()]
    client.close()
    seen.append(watch())
    watch.epoll.modify(server, RDHUP)
    return seen, watch(), watch()


def errors_and_hang_ups_come_unasked(net: Any) -> Any:
    client, server = pair(net)
    watch = Watch(net)
    watch.add("a", client, 0)
    watch.add("b", kept(net.socket.socket()), 0)
    seen = [watch()]
    client.send(b"unread")
    client.shutdown(net.socket.SHUT_WR)
    settle(net)
    seen.append(watch())
    server.close()
    seen.append(watch())
    watch.epoll.unregister(client)
    return seen, watch(), complaint(client.recv, 1), watch.epoll.close()


def to_register_is_an_edge(net: Any) -> Any:
    """And so is to modify, though nothing has happened since the last report."""
    client, server = pair(net)
    watch = Watch(net)
    client.send(b"1")
    watch.add("a", server, IN | ET)
    seen = [watch(), watch()]
    watch.epoll.modify(server, IN | OUT | ET)
    seen += [watch(), watch()]
    watch.epoll.modify(server, PRI | ET)
    seen.append(watch())
    watch.epoll.unregister(server)
    client.send(b"2")
    seen.append(watch())
    watch.add("a", server, OUT | ET)
    return seen, watch(), watch()


# What wakes -----------------------------------------------------------------------------------------------------------


def who_wakes_a_listener(net: Any) -> Any:
    """Each connection does; to accept one is none of its business."""
    with net.socket.create_server(SERVER) as listener:
        watch = Watch(net)
        watch.add("a", listener, IN | ET)
        seen = [watch()]
        with net.socket.create_connection(SERVER), net.socket.create_connection(SERVER):
            seen += [watch(), watch()]
            listener.accept()[0].close()
            seen.append(watch())
        listener.accept()[0].close()
        with net.socket.create_connection(SERVER):
            seen.append(watch())
        listener.setblocking(False)
        listener.shutdown(net.socket.SHUT_RD)
        return seen, watch(), watch()


def who_wakes_a_client(net: Any) -> Any:
    """A fresh socket is writable and hung up, which is an edge; connecting is none before it succeeds or fails."""
    watch = Watch(net)
    seen: list[Any] = []
    with net.socket.create_server(SERVER) as listener, net.socket.socket() as made, net.socket.socket() as refused:
        for name, sock in (("made", made), ("refused", refused)):
            sock.setblocking(False)
            watch.add(name, sock, IN | OUT | RDHUP | ET)
        seen += [watch(), watch()]
        seen += [made.connect_ex(SERVER), watch(), refused.connect_ex(("127.0.0.1", 9)), watch(), watch()]
        seen += [made.connect_ex(SERVER), watch(), refused.connect_ex(("127.0.0.1", 9)), watch()]
        server = listener.accept()[0]
        seen += [watch(), server.send(b"hello"), watch(), watch(), made.shutdown(net.socket.SHUT_RD), watch()]
        server.close()
        settle(net)
        return seen, watch(), watch()


def who_wakes_a_writer(net: Any) -> Any:
    """Only one who has found the buffer full, and only when a third of it is free again."""
    client, server = pair(net)
    client.setsockopt(net.socket.SOL_SOCKET, net.socket.SO_SNDBUF, 20_000)
    watch = Watch(net)
    watch.add("a", client, OUT | ET)
    seen: list[Any] = [watch(), client.send(b"x" * 100), server.recv(1000), watch()]
    with contextlib.suppress(BlockingIOError):
        while True:
            client.send(bytes(10_000))
    seen += [watch(), len(server.recv(1)), watch()]
    with contextlib.suppress(BlockingIOError):
        while server.recv(100_000):
            pass
    settle(net)
    with contextlib.suppress(BlockingIOError):
        while server.recv(100_000):
            pass
    settle(net)
    return seen, watch(), watch()


def a_larger_buffer_wakes_writers(net: Any) -> Any:
    client, _server = pair(net)
    datagrams = udp(net)
    watch = Watch(net)
    watch.add("a", client, OUT | ET)
    watch.add("b", datagrams, OUT | ET)
    seen = [watch(), watch()]
    for sock in (datagrams, client):
        sock.setsockopt(net.socket.SOL_SOCKET, net.socket.SO_SNDBUF, 20_000)
    return seen, watch(), watch()


def a_datagram_that_leaves_wakes_its_sender(net: Any) -> Any:
    """Its memory is free again at once, and that is an edge each time; so a reader hears of its own answers."""
    with udp(net) as one, udp(net) as other:
        watch = Watch(net)
        watch.add("one", one, IN | OUT | ET)
        watch.add("other", other, IN | ET)
        seen = [watch(), watch()]
        for _ in range(2):
            one.sendto(b"x", other.getsockname())
            seen += [watch(), watch()]
        other.sendto(b"y", one.getsockname())
        other.recv(10)
        other.recv(10)
        return seen, watch(), other.sendto(b"", one.getsockname()), watch(), watch()


def a_refused_datagram_wakes_its_sender(net: Any) -> Any:
    with udp(net) as sock:
        sock.connect(("127.0.0.1", 9))
        watch = Watch(net)
        watch.add("a", sock, IN | ET)
        seen: list[Any] = [watch(), sock.send(b"x"), watch(), watch(), complaint(sock.recv, 1), watch()]
        return seen, sock.shutdown(net.socket.SHUT_RDWR), watch(), watch()


def what_the_peer_does_wakes(net: Any) -> Any:
    """FIN, bytes before a reset, the reset; and every shutdown of one's own, even one that changes nothing."""
    client, server = pair(net)
    watch = Watch(net)
    watch.add("a", client, IN | OUT | RDHUP | ET)
    seen = [watch()]
    server.shutdown(net.socket.SHUT_WR)
    seen += [watch(), watch()]
    for how in (net.socket.SHUT_RD, net.socket.SHUT_RD, net.socket.SHUT_WR):
        client.shutdown(how)
        settle(net)
        seen += [watch(), watch()]
    one, other = pair(net)
    watch.add("b", one, IN | OUT | RDHUP | ET)
    watch()
    one.send(b"unread")
    other.send(b"last words")
    other.close()
    return seen, watch(), watch(), complaint(one.recv, 100), complaint(one.recv, 100), watch()


# Order ----------------------------------------------------------------------------------------------------------------


def reports_come_in_the_order_of_wake_ups(net: Any) -> Any:
    """Not in that of registration, nor by descriptor; who is in the list already keeps its place."""
    socks = [udp(net) for _ in range(4)]
    watch = Watch(net)
    for name, sock in zip("abcd", socks, strict=True):
        watch.add(name, sock, IN)
    with udp(net) as sender:
        for at in (2, 0, 3, 2, 1):
            sender.sendto(b"x", socks[at].getsockname())
    seen = [watch(), watch()]
    socks[0].recv(10)
    return seen, watch(), [sock.close() for sock in socks], watch()


def nobody_starves(net: Any) -> Any:
    """With few places what is left over comes first next time; what was reported goes to the end."""
    socks = [udp(net) for _ in range(4)]
    watch = Watch(net)
    with udp(net) as sender:
        for name, sock in zip("abcd", socks, strict=True):
            watch.add(name, sock, IN | (ET if name == "c" else 0))
            sender.sendto(b"x", sock.getsockname())
    seen = [watch(1), watch(2), watch(3), watch(2), watch(9)]
    return seen, [sock.close() for sock in socks]


# Files that go --------------------------------------------------------------------------------------------------------


def a_closed_file_is_forgotten(net: Any) -> Any:
    """And its number means another file from then on."""
    client, server = pair(net)
    watch = Watch(net)
    watch.add("a", server, IN)
    client.send(b"1")
    fd = server.fileno()
    server.close()
    seen: list[Any] = [watch(), complaint(watch.epoll.modify, fd, IN), complaint(watch.epoll.unregister, fd)]
    with udp(net) as reused:
        seen += [reused.fileno() == fd, complaint(watch.epoll.unregister, fd), complaint(watch.epoll.register, fd, OUT)]
        return seen, [events for _, events in watch.epoll.poll(0)]


def what_epoll_ctl_refuses(net: Any) -> Any:
    with udp(net) as sock, net.select.epoll() as one, net.select.epoll() as other:
        seen = [complaint(one.modify, sock, IN), complaint(one.unregister, sock)]
        one.register(sock, IN)
        seen += [complaint(one.register, sock, OUT), complaint(one.register, one, IN)]
        seen += [complaint(one.register, sock.fileno() + 1000, IN), complaint(one.unregister, one)]
        seen += [complaint(one.modify, sock, IN | EXCLUSIVE), complaint(other.register, one, IN | EXCLUSIVE)]
        seen += [complaint(other.register, sock, IN | EXCLUSIVE | ONESHOT)]
        seen += [complaint(other.register, sock, IN | RDHUP | EXCLUSIVE)]
        other.register(sock, IN | EXCLUSIVE | ET)
        seen += [complaint(other.modify, sock, IN), other.unregister(sock), complaint(other.unregister, sock)]
        on_socket = net.select.epoll.fromfd(sock.detach())
        seen += [complaint(on_socket.poll, 0), complaint(on_socket.register, one, IN), on_socket.close()]
        return seen, complaint(net.select.epoll.fromfd(1_000_000).poll, 0), one.poll(0)


# Epolls in epolls -----------------------------------------------------------------------------------------------------


def an_epoll_can_be_polled_and_watched(net: Any) -> Any:
    with udp(net) as sock:
        inner, outer, poller = Watch(net), Watch(net), net.select.poll()
        inner.add("sock", sock, IN)
        outer.add("inner", inner, IN | ET)
        poller.register(inner, IN | OUT)

        def polled() -> Any:
            return [bits for _, bits in poller.poll(0)], len(net.select.select([inner], [inner], [], 0)[0])

        seen: list[Any] = [outer(), inner(), polled()]
        sock.sendto(b"x", sock.getsockname())
        seen += [polled(), outer(), outer(), inner(), inner(), outer()]
        sock.sendto(b"y", sock.getsockname())
        seen += [outer(), sock.recv(10), sock.recv(10), polled(), inner(), outer()]
        inner.epoll.close()
        return seen, outer(), complaint(outer.epoll.unregister, sock)


def rings_and_long_chains_are_refused(net: Any) -> Any:
    epolls = [net.select.epoll() for _ in range(7)]
    seen = [complaint(epolls[at].register, epolls[at + 1], IN) for at in (3, 2, 1, 0, 4, 5)]
    seen += [complaint(epolls[3].register, epolls[0], IN), complaint(epolls[5].register, epolls[4], IN)]
    return seen, [epoll.close() for epoll in epolls]


def who_registered_last_is_woken_first(net: Any) -> Any:
    """But behind all others if it watches exclusively."""
    with udp(net) as sock:
        first, second, exclusive, all_of_them = (Watch(net) for _ in range(4))
        for watch, events in ((exclusive, EXCLUSIVE), (first, 0), (second, 0)):
            watch.add("sock", sock, IN | ET | events)
        for name, watch in (("first", first), ("second", second), ("exclusive", exclusive)):
            all_of_them.add(name, watch, IN)
        sock.sendto(b"x", sock.getsockname())
        return all_of_them(), first(), second(), exclusive(), all_of_them()


# Waiting --------------------------------------------------------------------------------------------------------------


def a_wait_ends_in_time(net: Any) -> Any:
    """At the first report, or after the time-out, which is rounded up to milliseconds; less than none is none."""
    with udp(net) as sock, net.select.epoll() as epoll:
        epoll.register(sock, IN)
        seen = []
        for timeout in (0.03, 0, 0.0001, -0.0001):
            began = net.time.monotonic()
            seen.append(epoll.poll(timeout))
            took = net.time.monotonic() - began
            seen.append((took >= max(timeout, 0), took < timeout + 0.02))
        sock.sendto(b"x", sock.getsockname())
        return seen, [[bits for _, bits in epoll.poll(timeout)] for timeout in (None, -1, 5.0)]


def a_wait_ends_with_a_timer_of_the_kernel(net: Any) -> Any:
    """The acknowledgement of a FIN may wait; it is what the wait is for."""
    client, _server = pair(net)
    watch = Watch(net)
    client.shutdown(net.socket.SHUT_WR)
    watch.add("a", client, IN | ET)
    return [(watch.names[fd], bits) for fd, bits in watch.epoll.poll(0.5)], watch()


def an_epoll_is_a_descriptor_like_others(net: Any) -> Any:
    epoll = net.select.epoll()
    seen: list[Any] = [complaint(net.fcntl.ioctl, epoll, request, b"....") for request in (0x541B, 0x5411, 0x894B)]
    seen += [net.fcntl.fcntl(epoll, net.fcntl.F_GETFD), net.fcntl.fcntl(epoll, net.fcntl.F_GETFL) & 0o4000]
    net.fcntl.fcntl(epoll, net.fcntl.F_SETFL, 0o4000)
    seen += [net.fcntl.fcntl(epoll, net.fcntl.F_GETFL) & 0o4000, epoll.closed]
    with epoll as entered:
        seen += [entered is epoll, epoll.fileno() == entered.fileno()]
    epoll.close()
    return seen, epoll.closed, [complaint_of_value(epoll, name) for name in ("fileno", "poll", "__enter__")]


def complaint_of_value(epoll: Any, name: str) -> str:
    try:
        return repr(getattr(epoll, name)())
    except ValueError as error:
        return str(error)


def the_default_selector_is_epolls(net: Any) -> Any:
    client, server = pair(net)
    with net.selectors.DefaultSelector() as selector:
        selector.register(server, net.selectors.EVENT_READ, "server")
        seen: list[Any] = [type(selector).__name__, selector.select(0)]
        client.send(b"x")
        seen += [[(key.data, events) for key, events in selector.select(1)] for _ in range(2)]
        selector.modify(server, net.selectors.EVENT_READ | net.selectors.EVENT_WRITE, "both")
        seen.append([(key.data, events) for key, events in selector.select()])
        server.close()
        return seen, selector.select(0.001), selector.fileno() >= 0


SCENARIOS = (
    a_level_is_reported_until_it_is_gone, an_edge_is_reported_once, an_edge_that_is_over_is_not_reported,
    once_means_until_it_is_modified, errors_and_hang_ups_come_unasked, to_register_is_an_edge, who_wakes_a_listener,
    who_wakes_a_client, who_wakes_a_writer, a_larger_buffer_wakes_writers, a_datagram_that_leaves_wakes_its_sender,
    a_refused_datagram_wakes_its_sender, what_the_peer_does_wakes, reports_come_in_the_order_of_wake_ups,
    nobody_starves, a_closed_file_is_forgotten, what_epoll_ctl_refuses, an_epoll_can_be_polled_and_watched,
    rings_and_long_chains_are_refused, who_registered_last_is_woken_first, a_wait_ends_in_time,
    a_wait_ends_with_a_timer_of_the_kernel, an_epoll_is_a_descriptor_like_others, the_default_selector_is_epolls,
)  # fmt: skip
OF_EPOLL = ("epoll_create1", "epoll_ctl", "epoll_wait", "close")


def played(scenario: Callable[[Any], Any], net: Any) -> Any:
    """What a scenario sees. What it leaves open is closed."""
    try:
        return scenario(net)
    finally:
        while _OPEN:
            _OPEN.pop().close()


def lines(net: Any) -> list[tuple[Any, ...]]:
    """What the trace says of epolls: calls, arguments and answers."""
    said = [(event.call, event.socket, event.args, event.answer) for event in net.trace.calls()]
    return [line for line in said if line[0] in OF_EPOLL]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_both_arms_report_the_same(scenario: Callable[[Any], Any]) -> None:
    with SimNet() as net:
        seen, said = played(scenario, net), lines(net)
    try:
        with RealNet() as real:
            assert played(scenario, real) == seen
            assert lines(real) == said
    except NamespaceRefused as error:
        pytest.skip(str(error))


def test_a_datagram_is_reported_once_for_its_sender() -> None:
    """One list in full, so that equal arms cannot both be empty."""
    with SimNet() as net:
        seen, answer, _, again, nothing = played(a_datagram_that_leaves_wakes_its_sender, net)
    sent = [("one", OUT), ("other", IN)]
    assert seen == [[("one", OUT)], [], sent, [], sent, []]
    assert answer == [("one", IN | OUT)]
    assert (again, nothing) == ([("one", IN | OUT)], [])


@pytest.mark.parametrize("registered", [10, 200])
def test_a_wait_costs_what_is_ready_not_what_is_registered(registered: int) -> None:
    with SimNet() as net:
        host, watch = net.world.host, Watch(net)
        socks = [udp(net) for _ in range(registered)]
        for sock in socks:
            watch.add("a", sock, IN)
        with udp(net) as sender:
            sender.sendto(b"x", socks[-1].getsockname())
        assert watch() == [("a", IN)]
        assert [arrow.rule.name for arrow in host.trail] == ["level_is_reported"]
        socks[-1].recv(10)
        assert [watch(), [arrow.rule.name for arrow in host.trail], watch()] == [[], ["nothing_is_reported"], []]
        assert host.trail == []


def test_what_is_refused_changes_nothing() -> None:
    with SimNet() as net, udp(net) as sock, net.select.epoll() as epoll:
        epoll.register(sock, IN)
        host = net.world.host
        (item,) = host.epolls[epoll.fileno()].items.values()
        before = (item.events, item.state, dict(host.watchers))
        for function, *args in (
            (epoll.register, sock, OUT),
            (epoll.register, epoll, IN),
            (epoll.modify, sock, IN | EXCLUSIVE),
            (epoll.modify, 77, IN),
            (epoll.unregister, epoll),
        ):
            with pytest.raises(OSError):  # noqa: PT011  # which one is said in what_epoll_ctl_refuses
                function(*args)
            assert (item.events, item.state, dict(host.watchers)) == before
            assert list(host.epolls[epoll.fileno()].items.values()) == [item]


def test_a_dropped_epoll_is_closed() -> None:
    with SimNet() as net:
        epoll = net.select.epoll()
        fd = epoll.fileno()
        del epoll
        with udp(net) as sock:
            assert sock.fileno() == fd
            assert net.world.host.epolls == {}


@pytest.fixture(autouse=True)
def nothing_stays_open() -> Iterator[None]:
    yield
    while _OPEN:
        _OPEN.pop().close()
