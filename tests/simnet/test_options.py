"""What options do, one body on two arms: TCP_MAXSEG, TCP_QUICKACK, TCP_LINGER2, IP_BIND_ADDRESS_NO_PORT, IP_TOS and
SO_PRIORITY, buffers beyond the limit.

Not here: what options take and tell (tests/calls/test_option_table.py); options with tests of their own.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from model import SimNet
from model.trace import WireEvent
from realnet import NamespaceRefused, RealNet

SERVER, CLIENT = ("127.0.0.1", 8000), ("127.0.0.1", 8001)
IP, TCP, SOL = 0, 6, 1
MAXSEG, LINGER2, INFO, QUICKACK = 2, 8, 11, 12
TOS, NO_PORT, PRIORITY = 1, 24, 12
TIOCOUTQ = 0x5411
Keep = Callable[[Any], Any]
Scenario = Callable[[Any, Keep], Any]


def pair(net: Any, keep: Keep, ours: int = 0, theirs: int = 0, port: int = 8000) -> tuple[Any, Any]:
    """A client and the accepted end, TCP_MAXSEG set of the client and of the listener."""
    listener, client = keep(net.socket.socket()), keep(net.socket.socket())
    listener.setsockopt(TCP, MAXSEG, theirs)
    listener.bind(("127.0.0.1", port))
    listener.listen()
    client.setsockopt(TCP, MAXSEG, ours)
    client.bind(("127.0.0.1", port + 1))
    client.connect(("127.0.0.1", port))
    server = keep(listener.accept()[0])
    listener.close()
    return client, server


def outcome(function: Callable[..., Any], *args: Any) -> Any:
    try:
        return function(*args)
    except OSError as error:
        return type(error).__name__, error.errno


def sizes(sock: Any) -> tuple[int, ...]:
    """What it sends in a segment, what it takes the peer to send, what it has told the peer."""
    told = struct.unpack("=8B24I", sock.getsockopt(TCP, INFO, 104))
    return told[10], told[11], told[27]


def waiting(net: Any, sock: Any) -> int:
    """Bytes that the peer has not acknowledged."""
    return int.from_bytes(net.fcntl.ioctl(sock.fileno(), TIOCOUTQ, bytes(4)), "little")


# ---------------------------------------------------------------- TCP_MAXSEG


def segment_sizes(net: Any, keep: Keep, ours: int, theirs: int) -> Any:
    client, server = pair(net, keep, ours, theirs)
    at_first = [(sizes(each), each.getsockopt(TCP, MAXSEG)) for each in (client, server)]
    client.setsockopt(TCP, MAXSEG, 100)  # has no effect any more
    client.sendall(b"x" * 5000)
    server.sendall(b"y" * 3000)
    read = len(server.recv(10_000)), len(client.recv(10_000))
    return at_first, read, [(sizes(each), each.getsockopt(TCP, MAXSEG)) for each in (client, server)]


def sizes_of_next_life(net: Any, keep: Keep) -> Any:
    """Set while connected, it counts for the next connection of that socket."""
    client, server = pair(net, keep, 500)
    client.setsockopt(TCP, MAXSEG, 900)
    server.setsockopt(SOL, 13, struct.pack("ii", 1, 0))
    server.close()
    before = client.getsockopt(TCP, MAXSEG), outcome(client.recv, 1)
    return before, client.getsockopt(TCP, MAXSEG)


# ---------------------------------------------------------------- TCP_QUICKACK


def acknowledgement_is_pushed(net: Any, keep: Keep) -> Any:
    client, server = pair(net, keep)
    told = [server.getsockopt(TCP, QUICKACK)]
    server.setsockopt(TCP, QUICKACK, 0)
    client.send(b"a")
    held_back = waiting(net, client)
    server.recv(1)
    told += [held_back, waiting(net, client), server.getsockopt(TCP, QUICKACK)]
    server.setsockopt(TCP, QUICKACK, 1)
    told += [waiting(net, client), server.getsockopt(TCP, QUICKACK)]
    server.send(b"an answer")
    told += [server.getsockopt(TCP, QUICKACK), client.recv(100)]
    return told


def acknowledgement_is_pushed_once(net: Any, keep: Keep) -> Any:
    """An even number lets the acknowledgement go that is due, and the next one waits."""
    client, server = pair(net, keep)
    server.setsockopt(TCP, QUICKACK, 0)
    told = []
    for _ in range(2):
        client.send(b"a")
        server.recv(1)
        told.append(waiting(net, client))
        server.setsockopt(TCP, QUICKACK, 2)
        told += [waiting(net, client), server.getsockopt(TCP, QUICKACK)]
    return told


def listening_forgets(net: Any, keep: Keep) -> Any:
    """TCP_QUICKACK is handed on if it was set of a listener, and forgotten if it was set before."""
    seen = []
    for before in (True, False):
        listener, client = keep(net.socket.socket()), keep(net.socket.socket())
        if before:
            listener.setsockopt(TCP, QUICKACK, 0)
        listener.bind(SERVER)
        listener.listen()
        seen.append(listener.getsockopt(TCP, QUICKACK))
        if not before:
            listener.setsockopt(TCP, QUICKACK, 0)
        client.connect(SERVER)
        client.send(b"x")
        seen += [waiting(net, client), keep(listener.accept()[0]).getsockopt(TCP, QUICKACK)]
        client.setsockopt(SOL, 13, struct.pack("ii", 1, 0))
        client.close()
        listener.close()
    return seen


def connecting_waits_with_its_acknowledgement(net: Any, keep: Keep) -> Any:
    """A client that does not acknowledge at once does not acknowledge the SYN-ACK at once: what it sends does."""
    listener, client = keep(net.socket.create_server(SERVER)), keep(net.socket.socket())
    listener.setblocking(False)
    client.setsockopt(TCP, QUICKACK, 0)
    client.connect(SERVER)
    early = outcome(listener.accept)
    told = client.getsockopt(TCP, QUICKACK)
    client.send(b"x")
    return early, told, keep(listener.accept()[0]).recv(9), waiting(net, client)


def listener_counts_what_is_reset(net: Any, keep: Keep) -> Any:
    """The acknowledgement that makes a connection brings bytes, and the listener was shut: the connection is reset."""
    seen = []
    for size in (1, 70_000):
        listener, client = keep(net.socket.socket()), keep(net.socket.socket())
        listener.bind(SERVER)
        seen.append(outcome(listener.shutdown, net.socket.SHUT_RDWR))
        listener.listen()
        client.setblocking(False)
        client.setsockopt(TCP, QUICKACK, 0)
        seen += [outcome(client.connect, SERVER), outcome(client.send, bytes(size))]
        seen += [struct.unpack("9I", each.getsockopt(SOL, 55, 36))[8] for each in (listener, client)]
        seen += [client.getsockopt(SOL, 4), outcome(keep(listener.accept()[0]).recv, 1)]
        listener.close()
    return seen


def failed_attempt_forgets(net: Any, keep: Keep) -> Any:
    """What TCP_MAXSEG allows is forgotten when a failed attempt is told of."""
    sock = keep(net.socket.socket())
    sock.setblocking(False)
    sock.setsockopt(TCP, MAXSEG, 100)
    seen = [outcome(sock.connect, ("127.0.0.1", 9)), sock.getsockopt(TCP, MAXSEG)]
    seen += [outcome(sock.connect, ("127.0.0.1", 9)), sock.getsockopt(TCP, MAXSEG) == 100]
    sock.listen()
    client = keep(net.socket.socket())
    client.connect(sock.getsockname())
    return seen, client.getsockopt(TCP, MAXSEG)


def bytes_that_wait_are_not_acknowledged(net: Any, keep: Keep) -> Any:
    """Nobody has read them: then there is nothing to push."""
    client, server = pair(net, keep)
    server.setsockopt(TCP, QUICKACK, 0)
    client.send(b"a")
    server.setsockopt(TCP, QUICKACK, 1)
    return waiting(net, client), server.getsockopt(TCP, QUICKACK)


# ---------------------------------------------------------------- TCP_LINGER2


def orphans_wait(net: Any, keep: Keep) -> Any:
    """For so many seconds the port is taken; of more than 60 those above count twice."""
    seconds = {1: 8000, 61: 8010, 62: 8020}
    for each, port in seconds.items():
        client, _ = pair(net, keep, port=port)
        client.setsockopt(TCP, LINGER2, each)
        client.close()
    seen = []
    for pause in (0.5, 1.0, 1.2):
        net.time.sleep(pause)
        for port in seconds.values():
            sock = keep(net.socket.socket())
            seen.append(outcome(sock.bind, ("127.0.0.1", port + 1)))
            sock.close()
    return seen


def orphan_does_not_wait(net: Any, keep: Keep, shut_first: bool) -> Any:
    client, server = pair(net, keep)
    client.setsockopt(TCP, LINGER2, -1)
    if shut_first:
        client.shutdown(net.socket.SHUT_WR)
        net.time.sleep(0.1)  # the acknowledgement of a FIN may be put off
    client.close()
    net.time.sleep(0.1)
    poll = net.select.poll()
    poll.register(server, 0x2017)
    bits = dict(poll.poll(0))[server.fileno()]
    error = server.getsockopt(SOL, 4)
    sock = keep(net.socket.socket())
    return bits, error, outcome(server.recv, 1), outcome(sock.bind, CLIENT)


# ---------------------------------------------------------------- IP_BIND_ADDRESS_NO_PORT


def late(net: Any, keep: Keep, kind: int) -> Any:
    sock = keep(net.socket.socket(type=kind))
    sock.setsockopt(IP, NO_PORT, 1)
    return sock


def port_is_drawn_by_connect(net: Any, keep: Keep) -> Any:
    listener = keep(net.socket.create_server(SERVER))
    sock = late(net, keep, net.socket.SOCK_STREAM)
    names = [sock.bind(("127.0.0.2", 0)), sock.getsockname(), sock.bind(("127.0.0.3", 0)), sock.getsockname()]
    sock.connect(SERVER)
    own = sock.getsockname()
    accepted, peer = listener.accept()
    keep(accepted)
    return names, own[0], own[1] > 0, peer == own, outcome(sock.bind, ("127.0.0.1", 0))


def port_is_drawn_by_listen(net: Any, keep: Keep) -> Any:
    sock = late(net, keep, net.socket.SOCK_STREAM)
    sock.bind(("127.0.0.1", 0))
    before = sock.getsockname()
    sock.listen()
    client = keep(net.socket.socket())
    client.connect(sock.getsockname())
    return before, sock.getsockname()[1] > 0


def port_is_drawn_by_datagram(net: Any, keep: Keep) -> Any:
    sock, other = late(net, keep, net.socket.SOCK_DGRAM), keep(net.socket.socket(type=net.socket.SOCK_DGRAM))
    other.bind(SERVER)
    sock.bind(("127.0.0.2", 0))
    before = sock.getsockname()
    sock.setblocking(False)
    none = outcome(sock.recv, 1)
    sock.sendto(b"x", SERVER)
    return before, none, other.recvfrom(1)[1] == sock.getsockname(), sock.getsockname()[0]


def port_that_is_named_is_taken_at_once(net: Any, keep: Keep) -> Any:
    sock, other = late(net, keep, net.socket.SOCK_STREAM), late(net, keep, net.socket.SOCK_STREAM)
    sock.bind(SERVER)
    return outcome(other.bind, SERVER), sock.getsockname(), outcome(sock.bind, ("127.0.0.1", 0))


# ---------------------------------------------------------------- others


def service_brings_priority(net: Any, keep: Keep) -> Any:
    found = []
    for kind in (net.socket.SOCK_STREAM, net.socket.SOCK_DGRAM):
        sock = keep(net.socket.socket(type=kind))
        for tos in range(0, 256, 3):
            sock.setsockopt(SOL, PRIORITY, 5)
            sock.setsockopt(IP, TOS, tos)
            first = sock.getsockopt(SOL, PRIORITY)
            sock.setsockopt(SOL, PRIORITY, 5)
            sock.setsockopt(IP, TOS, tos)
            found.append((first, sock.getsockopt(SOL, PRIORITY), sock.getsockopt(IP, TOS)))
    return found


def service_is_handed_on(net: Any, keep: Keep) -> Any:
    listener = keep(net.socket.create_server(SERVER))
    listener.setsockopt(IP, TOS, 0x10)
    client = keep(net.socket.create_connection(SERVER))
    client.setsockopt(IP, TOS, 8)
    accepted = keep(listener.accept()[0])
    return [(each.getsockopt(IP, TOS), each.getsockopt(SOL, PRIORITY)) for each in (listener, client, accepted)]


def buffers_beyond_the_limit(net: Any, keep: Keep) -> Any:
    """A lock that is taken off lets the buffer tune itself again."""
    sock = keep(net.socket.socket())
    found = []
    for forced, number in ((32, 7), (33, 8)):
        sock.setsockopt(SOL, forced, 20_000_000)
        found += [sock.getsockopt(SOL, number), sock.getsockopt(SOL, 72)]
    sock.setsockopt(SOL, 7, 5000)
    sock.setsockopt(SOL, 72, 0)
    keep(net.socket.create_server(SERVER))
    sock.connect(SERVER)
    return found, sock.getsockopt(SOL, 7)


SCENARIOS: dict[str, Scenario] = {
    each.__name__: each
    for each in (
        sizes_of_next_life, acknowledgement_is_pushed, acknowledgement_is_pushed_once,
        listening_forgets, connecting_waits_with_its_acknowledgement, failed_attempt_forgets,
        bytes_that_wait_are_not_acknowledged, listener_counts_what_is_reset,
        orphans_wait, port_is_drawn_by_connect, port_is_drawn_by_listen,
        port_is_drawn_by_datagram, port_that_is_named_is_taken_at_once, service_brings_priority, service_is_handed_on,
        buffers_beyond_the_limit,
    )
}  # fmt: skip
BOUNDS = [
    (0, 0),
    (500, 0),
    (0, 500),
    (88, 88),
    (1000, 300),
    (300, 1000),
    (32767, 0),
    (0, 32767),
    (0, 88),
    (20_000, 600),
]
SCENARIOS |= {
    f"segments of {ours}, {theirs}": partial(segment_sizes, ours=ours, theirs=theirs) for ours, theirs in BOUNDS
}
SCENARIOS |= {f"orphan_does_not_wait, {shut}": partial(orphan_does_not_wait, shut_first=shut) for shut in (False, True)}


def played(arm: Callable[[], Any], scenario: Scenario) -> Any:
    made: list[Any] = []

    def keep(sock: Any) -> Any:
        made.append(sock)
        return sock

    with arm() as net:
        try:
            return scenario(net, keep)
        finally:
            for sock in made:
                sock.close()


@pytest.mark.parametrize("name", SCENARIOS)
def test_both_arms_do_the_same(name: str) -> None:
    if name == "buffers_beyond_the_limit" and os.geteuid():
        pytest.skip("only the superuser of the machine may do this, and the model's programs are that")
    ours = played(SimNet, SCENARIOS[name])
    try:
        theirs = played(RealNet, SCENARIOS[name])
    except NamespaceRefused as refusal:
        pytest.skip(f"the running kernel is out of reach: {refusal.strerror}")
    assert ours == theirs


@pytest.fixture
def net() -> Iterator[SimNet]:
    with SimNet() as net:
        yield net


def test_an_acknowledgement_goes_when_it_is_asked_for() -> None:
    assert played(SimNet, acknowledgement_is_pushed) == [1, 1, 1, 0, 0, 1, 0, b"an answer"]


def test_an_orphan_waits_as_long_as_it_is_told() -> None:
    taken = ("OSError", 98)
    assert played(SimNet, orphans_wait) == [taken, taken, taken, None, taken, taken, None, None, taken]


def test_an_orphan_that_does_not_wait_resets() -> None:
    _, error, _, bound = played(SimNet, lambda net, keep: orphan_does_not_wait(net, keep, False))
    assert (error, bound) == (32, None)


def test_a_syn_says_what_is_allowed(net: SimNet) -> None:
    client, server = pair(net, lambda sock: sock, 500, 700)
    client.sendall(b"x" * 1000)
    said = [event.text for event in net.trace.events if isinstance(event, WireEvent)]
    assert ["mss 500" in said[0], "mss 700" in said[1]] == [True, True]
    assert (sizes(client)[0], sizes(server)[0]) == (488, 488), "timestamps take their share"
    for sock in (client, server):
        sock.close()


def test_a_name_can_be_changed_until_there_is_a_port() -> None:
    names, own, has_port, same, again = played(SimNet, port_is_drawn_by_connect)
    assert names == [None, ("127.0.0.2", 0), None, ("127.0.0.3", 0)]
    assert (own, has_port, same, again) == ("127.0.0.3", True, True, ("OSError", 22))
