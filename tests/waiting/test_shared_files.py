"""One file under several descriptors, as epoll, poll and select see it; answers and traces equal on both arms.

The trap of epoll(7), Q6, step by step; and what the three make of descriptors twice in a list, closed, or out of range,
and of time-outs that are next to nothing or for ever.

Not here: waits that a closing interrupts (tests/guests/test_closing.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from model import SimNet
from realnet import NamespaceRefused, RealNet

from .test_epoll import _OPEN, ET, EXCLUSIVE, IN, ONESHOT, OUT, Watch, complaint, kept, lines, pair, played, udp

WAKEUP = 1 << 29


def message(function: Callable[..., Any], *args: Any) -> str:
    """What Python or the kernel complains of; nothing if nobody does."""
    try:
        function(*args)
    except (OSError, ValueError, OverflowError, TypeError) as error:
        return f"{type(error).__name__}: {error}"
    return ""


# Several descriptors in one epoll ------------------------------------------------------------------------------------


def a_file_is_reported_under_each_descriptor(net: Any) -> Any:
    """Who was registered last comes first, for it is woken first; each with its own wishes."""
    sock, watch = udp(net), Watch(net)
    twins = [kept(sock.dup()) for _ in range(3)]
    for name, each, events in zip("abcd", (sock, *twins), (IN, IN | OUT, IN | ET, IN | ONESHOT), strict=True):
        watch.add(name, each, events)
    seen: list[Any] = [watch()]
    sock.sendto(b"x", sock.getsockname())
    seen += [watch(), watch(), watch(2), watch(2)]
    watch.epoll.modify(twins[2], IN | ONESHOT)
    seen += [watch(), complaint(watch.epoll.register, twins[0], IN), watch.epoll.unregister(twins[0])]
    return seen, watch(), sock.recv(9), watch()


def a_closed_descriptor_goes_on_being_reported(net: Any) -> Any:
    """Nobody can take it back; only the end of the file ends it."""
    client, server = pair(net)
    twin, watch = kept(server.dup()), Watch(net)
    watch.add("a", server, IN)
    number = server.fileno()
    server.close()
    client.send(b"1")
    seen: list[Any] = [watch(), watch()]
    seen += [complaint(watch.epoll.modify, number, OUT), complaint(watch.epoll.unregister, number)]
    seen += [complaint(watch.epoll.register, number, IN), complaint(watch.epoll.unregister, twin)]
    watch.add("twin", twin, IN)
    seen += [watch(), twin.recv(9), watch(), client.send(b"2"), watch()]
    twin.close()
    return seen, watch()


def a_number_that_means_another_file(net: Any) -> Any:
    """Both are reported under it, and what is modified or deleted is the new one."""
    client, server = pair(net)
    twin, watch = kept(server.dup()), Watch(net)
    watch.add("number", server, IN | ET)
    number = server.fileno()
    while server.fileno() >= 0:
        server.close()
    others = [udp(net) for _ in range(3)]
    other = next(each for each in others if each.fileno() == number)
    seen: list[Any] = [complaint(watch.epoll.modify, other, OUT), complaint(watch.epoll.unregister, other)]
    watch.add("number", other, OUT)
    client.send(b"1")
    seen += [watch(), watch.epoll.modify(other, IN | OUT | ET), watch(), client.send(b"2"), watch()]
    other.sendto(b"x", other.getsockname())
    seen += [
        watch(),
        watch.epoll.unregister(other),
        client.send(b"3"),
        watch(),
        complaint(watch.epoll.unregister, other),
    ]
    return seen, twin.close(), watch()


def the_same_number_of_the_same_file_again(net: Any) -> Any:
    """A descriptor that is closed and given out anew for the same file is the item that was there."""
    client, server = pair(net)
    twin, watch = kept(server.dup()), Watch(net)
    watch.add("a", server, IN)
    number = server.fileno()
    server.close()
    filled = [kept(twin.dup()) for _ in range(3)]
    again = next(each for each in filled if each.fileno() == number)
    seen: list[Any] = [complaint(watch.epoll.register, again, IN), watch.epoll.modify(again, IN | OUT), watch()]
    return seen, watch.epoll.unregister(again), client.send(b"1"), watch()


def closing_the_last_descriptor_forgets_all(net: Any) -> Any:
    client, server = pair(net)
    twins = [server, kept(server.dup()), kept(server.dup())]
    watch, outer = Watch(net), Watch(net)
    outer.add("watch", watch, IN | ET)
    for name, each in zip("abc", twins, strict=True):
        watch.add(name, each, IN)
    client.send(b"1")
    seen: list[Any] = [outer(), watch()]
    for each in twins:
        each.close()
        seen += [watch(), outer()]
    return seen, watch()


def one_descriptor_each_in_two_epolls(net: Any) -> Any:
    sock, first, second = udp(net), Watch(net), Watch(net)
    twin = kept(sock.dup())
    first.add("sock", sock, IN | ET)
    second.add("twin", twin, IN | ET | EXCLUSIVE)
    sock.sendto(b"x", sock.getsockname())
    seen: list[Any] = [first(), second(), sock.close(), twin.sendto(b"y", twin.getsockname())]
    return seen, first(), second(), twin.close(), first(), second()


def a_duplicate_of_an_epoll_in_epolls(net: Any) -> Any:
    """It is the same epoll: to watch it under a further descriptor is to watch itself, or a ring."""
    fcntl = net.fcntl
    inner, outer = Watch(net), Watch(net)
    sock = udp(net)
    inner.add("sock", sock, IN)
    twin = net.select.epoll.fromfd(fcntl.fcntl(inner, fcntl.F_DUPFD_CLOEXEC, 0))
    outer.add("inner", inner, IN)
    outer.add("twin", twin, IN)
    back = net.select.epoll.fromfd(fcntl.fcntl(outer, fcntl.F_DUPFD, 0))
    seen: list[Any] = [complaint(twin.register, inner.epoll, IN), complaint(twin.register, back, IN)]
    sock.sendto(b"x", sock.getsockname())
    seen += [outer(), outer(1), outer(1), inner.epoll.close(), outer(), len(twin.poll(0)), back.close()]
    return seen, twin.close(), outer()


def wishes_that_mean_little(net: Any) -> Any:
    """EPOLLWAKEUP is taken, and so are bits that there are none of; EPOLLEXCLUSIVE is particular."""
    sock, watch = udp(net), Watch(net)
    watch.add("a", sock, IN | WAKEUP)
    seen: list[Any] = [
        watch(),
        watch.epoll.modify(sock, OUT | WAKEUP | ET),
        watch(),
        watch(),
        watch.epoll.unregister(sock),
    ]
    watch.add("a", sock, OUT | 0x0A000000)
    seen += [watch(), watch.epoll.unregister(sock)]
    for events in (
        IN | EXCLUSIVE | WAKEUP | ET,
        OUT | EXCLUSIVE,
        EXCLUSIVE,
        IN | EXCLUSIVE | 2,
        IN | EXCLUSIVE | ONESHOT,
    ):
        seen.append(complaint(watch.epoll.register, sock, events))
        seen += [complaint(watch.epoll.modify, sock, IN), complaint(watch.epoll.unregister, sock)]
    return seen


def few_places_go_round(net: Any) -> Any:
    """With one place: levels in turn for ever, edges each once."""
    socks, watch = [udp(net) for _ in range(3)], Watch(net)
    for name, sock in zip("abc", socks, strict=True):
        watch.add(name, sock, IN)
        sock.sendto(b"x", sock.getsockname())
    seen: list[Any] = [[watch(1) for _ in range(7)]]
    for sock in socks:
        watch.epoll.modify(sock, IN | ET)
    seen.append([watch(1) for _ in range(5)])
    seen.append([message(watch.epoll.poll, 0, most) for most in (0, -2, 1 << 31, 1 << 20)])
    return seen


# poll and select -----------------------------------------------------------------------------------------------------


def twice_in_a_list(net: Any) -> Any:
    """select gives an object back as often as it was handed in; poll has a number once, as it was registered last."""
    sock = udp(net)
    twin = kept(sock.dup())
    sock.sendto(b"x", sock.getsockname())
    ready = net.select.select([sock, twin, sock, sock.fileno()], [twin, sock, sock], [sock, sock], 0)
    seen: list[Any] = [[[each is sock for each in found] for found in ready]]
    poller = net.select.poll()
    names = {sock.fileno(): "sock", twin.fileno(): "twin"}
    for each, events in ((sock, IN), (twin, IN), (sock, OUT), (sock, IN | OUT)):
        poller.register(each, events)
        seen.append([(names[fd], bits) for fd, bits in poller.poll(0)])
    return seen, message(poller.unregister, sock), message(poller.modify, sock, IN)


def closed_in_a_list(net: Any) -> Any:
    sock, other = udp(net), udp(net)
    number = sock.fileno()
    poller, epoll = net.select.poll(), net.select.epoll()
    for each in (sock, other):
        poller.register(each, OUT)
        epoll.register(each, OUT)
    sock.close()
    seen: list[Any] = [[bits for _, bits in each.poll(0)] for each in (poller, epoll)]
    seen += [
        complaint(net.select.select, [number], [], [], 0),
        complaint(net.select.select, [], [other, number], [], 0),
    ]
    seen += [message(poller.poll, 0), message(net.select.select, [sock], [], [], 0), message(poller.register, sock)]
    return seen, [bits for _, bits in poller.poll()], epoll.close()


def out_of_range(net: Any) -> Any:
    fcntl = net.fcntl
    sock = udp(net)
    seen: list[Any] = []
    for least in (1023, 1024, 1500):
        number = fcntl.fcntl(sock, fcntl.F_DUPFD, least)
        poller = net.select.poll()
        poller.register(number, OUT)
        seen += [number, message(net.select.select, [], [number], [], 0), poller.poll(0)]
        net.socket.close(number)
    return seen, message(net.select.select, [-1], [], [], 0), message(net.select.select, [1 << 40], [], [], 0)


TIMEOUTS = (0, 0.0, 1e-9, 1e-6, 0.0001, 0.0009, 0.001, 0.0011, 0.1, 1, -1e-9, -0.0005, -0.001, -1, None, True)
HUGE = (2**31 / 1000, 2**31, 2**31 - 1, 1e18, 1e30, float("inf"), float("nan"), "1", b"")


def time_outs(net: Any) -> Any:
    """What is ready is told at once, however long the wait could be; and what cannot be meant is refused."""
    sock = udp(net)
    sock.sendto(b"x", sock.getsockname())
    epoll, poller = net.select.epoll(), net.select.poll()
    epoll.register(sock, IN)
    poller.register(sock, IN)
    waits = (epoll.poll, poller.poll, lambda timeout: net.select.select([sock], [], [], timeout))
    return [[message(wait, timeout) for wait in waits] for timeout in (*TIMEOUTS, *HUGE)], epoll.close()


SCENARIOS = (
    a_file_is_reported_under_each_descriptor, a_closed_descriptor_goes_on_being_reported,
    a_number_that_means_another_file, the_same_number_of_the_same_file_again, closing_the_last_descriptor_forgets_all,
    one_descriptor_each_in_two_epolls, a_duplicate_of_an_epoll_in_epolls, wishes_that_mean_little, few_places_go_round,
    twice_in_a_list, closed_in_a_list, out_of_range, time_outs,
)  # fmt: skip


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


@pytest.mark.parametrize(
    ("seconds", "epoll_ms", "poll_ms", "select_us"),
    [
        (0, 0, 0, 0), (1e-9, 1, 1, 1), (1e-6, 1, 1, 1), (0.0001, 1, 1, 100), (0.001, 1, 1, 1000),
        (0.0010001, 2, 2, 1001), (0.02, 20, 20, 20_000), (-1e-9, 0, None, None), (-0.0009, 0, None, None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("arm", [SimNet, RealNet])
def test_how_time_outs_are_rounded(
    arm: Any, seconds: float, epoll_ms: int, poll_ms: int | None, select_us: int | None
) -> None:
    """epoll and poll wait whole milliseconds, select whole microseconds, always rounded up. What is negative is for
    ever for poll, and nothing that select takes. Time on the model is exact; the kernel is held to its lower bound.
    """
    try:
        with arm() as net:
            _check_rounding(net, seconds, epoll_ms, poll_ms, select_us, exact=arm is SimNet)
    except NamespaceRefused as error:
        pytest.skip(str(error))


def _check_rounding(
    net: Any, seconds: float, epoll_ms: int, poll_ms: int | None, select_us: int | None, *, exact: bool
) -> None:
    def took(wait: Callable[[], Any], expected_us: int) -> None:
        began = net.time.monotonic_ns()
        assert not any(wait())
        us = (net.time.monotonic_ns() - began) / 1000
        assert us == expected_us if exact else us >= expected_us

    with udp(net) as sock, net.select.epoll() as epoll:
        poller = net.select.poll()
        poller.register(sock, IN)
        epoll.register(sock, IN)
        took(lambda: epoll.poll(seconds), epoll_ms * 1000)
        if poll_ms is not None:
            took(lambda: poller.poll(seconds * 1000), poll_ms * 1000)
        if select_us is not None:
            took(lambda: net.select.select([sock], [], [], seconds), select_us)


@pytest.fixture(autouse=True)
def nothing_stays_open() -> Iterator[None]:
    yield
    while _OPEN:
        _OPEN.pop().close()
