"""Several threads in epoll_wait, on one epoll or on several that watch one socket: who is woken; on both arms.

Only the thread that the kernel wakes finds something; the others are still asleep, which `net.waiting` tells, until
their time is over.

Not here: one thread on one epoll (tests/waiting/test_epoll.py).
"""

from __future__ import annotations

from typing import Any

import pytest

from .test_threads import PORT, started

IN, OUT, ET, EXCLUSIVE = 1, 4, 1 << 31, 1 << 28
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


class Bench:
    """A UDP socket, and threads that wait on epolls, by name."""

    def __init__(self, net: Any) -> None:
        self.net = net
        self.sock = self.socket()
        self.found: list[tuple[str, Any]] = []

    def socket(self) -> Any:
        sock = self.net.socket.socket(type=self.net.socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        return sock

    def epoll(self, *masks: int) -> Any:
        """An epoll that watches the socket, once for each mask: under a duplicate of its own after the first."""
        epoll = self.net.select.epoll()
        for number, mask in enumerate(masks):
            epoll.register(self.sock.dup().detach() if number else self.sock, mask)
        return epoll

    def waits(self, name: str, epoll: Any, most: int = -1, timeout: float = 0.6) -> None:
        self.sleeps(name, lambda: [bits for _, bits in epoll.poll(timeout, most)])

    def sleeps(self, name: str, call: Any) -> None:
        started(self.net, lambda: self.found.append((name, call())), name=name)
        self.net.time.sleep(0.01)
        assert name in self.net.waiting()

    def datagram(self, sock: Any = None) -> list[str]:
        """Who is woken by a datagram."""
        before = len(self.found)
        sock = sock or self.sock
        sock.sendto(b"x", sock.getsockname())
        self.net.time.sleep(0.01)
        return sorted(name for name, _ in self.found[before:])

    def asleep(self) -> list[str]:
        return sorted(name for name in self.net.waiting() if name != "MainThread")


# ---------------------------------------------------------------- one epoll


def test_who_came_last_is_woken_first(net: Any) -> None:
    bench = Bench(net)
    epoll = bench.epoll(IN | ET)
    for name in ("first", "second", "third"):
        bench.waits(name, epoll)
    assert [bench.datagram() for _ in range(4)] == [["third"], ["second"], ["first"], []]


def test_a_level_wakes_one_after_the_other(net: Any) -> None:
    """Who reports it leaves it in the list, and so wakes the next: all report the same datagram."""
    bench = Bench(net)
    epoll = bench.epoll(IN)
    for name in ("first", "second", "third"):
        bench.waits(name, epoll)
    assert bench.datagram() == ["first", "second", "third"]
    assert [bits for _, bits in bench.found] == [[IN]] * 3


def test_a_reader_leaves_nothing_to_report(net: Any) -> None:
    """With one place each and two sockets ready both threads get one, and the third sleeps on."""
    bench = Bench(net)
    epoll, other = bench.epoll(IN | ET), bench.socket()
    epoll.register(other, IN | ET)
    for name in ("first", "second", "third"):
        bench.waits(name, epoll, most=1)
    assert [bench.datagram(), bench.datagram(other), bench.asleep()] == [["third"], ["second"], ["first"]]


def test_two_descriptors_of_one_socket_wake_two(net: Any) -> None:
    """Who runs first of the two finds both reports, and the other sleeps on."""
    bench = Bench(net)
    epoll = bench.epoll(IN | ET, IN | ET)
    for name in ("first", "second", "third"):
        bench.waits(name, epoll)
    assert len(bench.datagram()) == 1
    assert [bits for _, bits in bench.found] == [[IN, IN]]
    assert "first" in bench.asleep()


def test_to_modify_wakes_one(net: Any) -> None:
    bench = Bench(net)
    epoll = bench.epoll(0)
    bench.sock.sendto(b"x", bench.sock.getsockname())
    for name in ("first", "second"):
        bench.waits(name, epoll)
    epoll.modify(bench.sock, IN | ET)
    net.time.sleep(0.01)
    assert bench.asleep() == ["first"]


def test_who_watches_the_epoll_is_woken_besides(net: Any) -> None:
    """One that waits on the epoll itself, everybody who polls it, and one that waits on an epoll around it."""
    bench = Bench(net)
    inner, outer = bench.epoll(IN), net.select.epoll()
    outer.register(inner, IN | ET)
    for name, epoll in (("outer 1", outer), ("outer 2", outer), ("inner", inner)):
        bench.waits(name, epoll)
    for name in ("poll 1", "poll 2"):
        poll = net.select.poll()
        poll.register(inner, IN)
        bench.sleeps(name, poll.poll)
    assert bench.datagram() == ["inner", "outer 2", "poll 1", "poll 2"]


# ---------------------------------------------------------------- several epolls


@pytest.mark.parametrize(
    ("masks", "woken"),
    [
        ((IN, IN, IN), ["0", "1", "2"]),
        ((IN | EXCLUSIVE, IN | EXCLUSIVE, IN | EXCLUSIVE), ["0"]),
        ((IN | EXCLUSIVE, IN, IN | EXCLUSIVE), ["0", "1"]),
        ((IN | EXCLUSIVE | ET, IN | EXCLUSIVE | ET, IN), ["0", "2"]),
        ((EXCLUSIVE, IN | EXCLUSIVE, IN | EXCLUSIVE), ["1"]),
    ],
    ids=["none", "all", "two of three", "edges", "about something else"],
)
def test_exclusive_spares_those_who_registered_later(net: Any, masks: tuple[int, ...], woken: list[str]) -> None:
    bench = Bench(net)
    epolls = [bench.epoll(mask) for mask in masks]
    for number, epoll in enumerate(epolls):
        bench.waits(str(number), epoll)
    assert bench.datagram() == woken
    ready = [bool(epoll.poll(0)) for epoll in epolls]
    assert ready == [str(number) in woken and not mask & ET for number, mask in enumerate(masks)]


def test_exclusive_goes_on_to_the_first_where_somebody_sleeps(net: Any) -> None:
    """Those that it passes on its way are ready too; those behind are not."""
    bench = Bench(net)
    epolls = [bench.epoll(IN | EXCLUSIVE | ET) for _ in range(4)]
    bench.waits("3", epolls[3])
    bench.waits("2", epolls[2])
    assert bench.datagram() == ["2"]
    assert [len(epoll.poll(0)) for epoll in epolls] == [1, 1, 0, 0]
    assert bench.datagram() == ["3"]


def test_a_time_out_ends_an_exclusive_wait(net: Any) -> None:
    bench = Bench(net)
    epolls = [bench.epoll(IN | EXCLUSIVE | ET) for _ in range(2)]
    bench.waits("0", epolls[0], timeout=0.03)
    bench.waits("1", epolls[1])
    net.time.sleep(0.06)
    assert bench.found == [("0", [])]
    assert bench.datagram() == ["1"]


def test_everybody_hears_what_nobody_knows_the_reason_of(net: Any) -> None:
    """A shutdown says nothing of what it is about: it passes all."""
    bench = Bench(net)
    bench.sock.connect(bench.sock.getsockname())
    epolls = [bench.epoll(IN | EXCLUSIVE | ET) for _ in range(3)]
    for number, epoll in enumerate(epolls):
        bench.waits(str(number), epoll)
    bench.sock.shutdown(net.socket.SHUT_RD)
    net.time.sleep(0.01)
    assert (bench.asleep(), len(bench.found)) == ([], 3)


@pytest.mark.parametrize("first", ["epoll", "recv"])
def test_who_sleeps_in_recv_stands_in_the_same_row(net: Any, first: str) -> None:
    bench = Bench(net)
    if first == "recv":
        bench.sleeps("recv", lambda: bench.sock.recv(9))
    epoll = bench.epoll(IN | EXCLUSIVE | ET)
    bench.waits("epoll", epoll)
    if first == "epoll":
        bench.sleeps("recv", lambda: bench.sock.recv(9))
    assert bench.datagram() == [first]
    if first == "epoll":
        assert bench.datagram() == ["recv"]
        assert len(epoll.poll(0)) == 1


def test_who_sleeps_in_accept_stands_in_the_same_row(net: Any) -> None:
    """Two accept, and an epoll that watches exclusively between them: in turn, as they came."""
    bench = Bench(net)
    listener = net.socket.create_server(PORT)
    bench.sleeps("accept 1", listener.accept)
    epoll = net.select.epoll()
    epoll.register(listener, IN | EXCLUSIVE | ET)
    bench.waits("epoll", epoll)
    bench.sleeps("accept 2", listener.accept)
    clients = []
    for _ in range(3):
        clients.append(net.socket.create_connection(PORT))
        net.time.sleep(0.01)
    assert [name for name, _ in bench.found] == ["accept 1", "epoll", "accept 2"]
