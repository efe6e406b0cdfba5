"""A blocking recv and SO_RCVLOWAT: it takes what is there before it waits, only so many *new* bytes wake it, and
whatever else ends the wait leaves it with what has come. On both arms.

Not here: what poll makes of the option (tests/waiting/test_readiness.py); the calls of one byte and two
(tests/waiting/test_waits.py).
"""

from __future__ import annotations

import struct
from typing import Any

import pytest

from .test_threads import pair, started

LEAST = 3
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


class Bench:
    """A reader that wants ten bytes, three at least, and a peer who has sent some before."""

    def __init__(self, net: Any, before: bytes = b"") -> None:
        self.net = net
        self.near, self.far = pair(net)
        self.far.setsockopt(net.socket.SOL_SOCKET, net.socket.SO_RCVLOWAT, LEAST)
        if before:
            self.near.send(before)

    def limit(self, milliseconds: int) -> None:
        self.far.setsockopt(
            self.net.socket.SOL_SOCKET, self.net.socket.SO_RCVTIMEO, struct.pack("=qq", 0, milliseconds * 1000)
        )

    def read(self, *then: Any, flags: int = 0) -> tuple[bytes, int]:
        """What recv gives while these things happen, and how many had happened by then."""
        happened: list[Any] = []

        def happen() -> None:
            for each in then:
                self.net.time.sleep(0.05)
                happened.append(each)
                self.near.send(each) if isinstance(each, bytes) else each()

        other = started(self.net, happen)
        data = self.far.recv(10, flags)
        count = len(happened)
        other.join()
        return data, count

    def left(self) -> bytes:
        self.far.setblocking(False)
        try:
            return bytes(self.far.recv(10))
        except BlockingIOError:
            return b""


def test_what_was_taken_does_not_count_when_more_comes(net: Any) -> None:
    bench = Bench(net, b"xx")
    assert bench.read(b"1", b"2", b"3", b"4") == (b"xx123", 3)
    assert bench.left() == b"4"


def test_what_is_only_looked_at_does_count(net: Any) -> None:
    bench = Bench(net, b"xx")
    assert bench.read(b"1", b"2", flags=net.socket.MSG_PEEK) == (b"xx1", 1)
    assert bench.left() == b"xx12"


@pytest.mark.parametrize("before", [b"", b"xx"])
def test_a_time_out_gives_what_has_come(net: Any, before: bytes) -> None:
    """Though what has come woke nobody."""
    bench = Bench(net, before)
    bench.limit(100)
    assert bench.read(b"1") == (before + b"1", 1)


@pytest.mark.parametrize("before", [b"", b"xx"])
def test_a_signal_gives_what_has_come(net: Any, before: bytes) -> None:
    bench, main = Bench(net, before), net.threading.get_ident()
    hits: list[int] = []
    net.signal.signal(net.signal.SIGUSR1, lambda number, frame: hits.append(number))
    assert bench.read(b"1", lambda: net.signal.pthread_kill(main, net.signal.SIGUSR1)) == (before + b"1", 2)
    assert len(hits) == 1


def test_the_end_gives_what_has_come_and_comes_again(net: Any) -> None:
    bench = Bench(net, b"xx")
    assert bench.read(lambda: bench.near.shutdown(net.socket.SHUT_WR)) == (b"xx", 1)
    assert bench.far.recv(10) == b""


def test_a_reset_gives_what_has_come_and_stays_pending(net: Any) -> None:
    bench = Bench(net, b"xx")

    def reset() -> None:
        bench.far.send(b"unread")
        bench.near.close()

    assert bench.read(reset) == (b"xx", 1)
    with pytest.raises(ConnectionResetError):
        bench.far.recv(10)


def test_an_urgent_byte_ends_it(net: Any) -> None:
    bench = Bench(net, b"xx")
    assert bench.read(lambda: bench.near.send(b"!", net.socket.MSG_OOB)) == (b"xx", 1)


@pytest.mark.parametrize("call", ["recvfrom", "recvmsg"])
def test_the_other_calls_do_the_same(net: Any, call: str) -> None:
    bench = Bench(net, b"xx")
    bench.limit(100)
    data, *_ = getattr(bench.far, call)(10)
    assert data == b"xx"


def test_datagrams_do_not_heed_it(net: Any) -> None:
    sock = net.socket.socket(type=net.socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 80))
    sock.setsockopt(net.socket.SOL_SOCKET, net.socket.SO_RCVLOWAT, LEAST)
    other = started(net, lambda: (net.time.sleep(0.05), sock.sendto(b"x", ("127.0.0.1", 80))))
    assert sock.recv(10) == b"x"
    other.join()
