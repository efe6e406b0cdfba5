"""Urgent data that arrive in ways that no well-behaved sender on the same host makes: behind a gap, announced ahead,
pointed at twice, too far away; and what of them is sent again. The peer's every packet is written here.

Not here: what a program makes of them (test_urgent.py).
"""

from __future__ import annotations

import pytest

from model.values.constants import (
    FIONREAD,
    MSG_OOB,
    POLLIN,
    POLLOUT,
    POLLPRI,
    SIOCATMARK,
    SO_OOBINLINE,
    SO_SNDBUF,
    SOL_SOCKET,
)

from ..icmp.bench import NOTHING, Bench, Sock, on_both_arms


def connected(bench: Bench, *, window: int = 60_000) -> Sock:
    listener = bench.tcp()
    assert listener.call("listen", 5) is None
    bench.segment("S", 0, window=window)
    assert bench.take() == ["S. 0:1(0) ack 1 mss 1460"]
    bench.segment(".", 1, 1, window=window)
    accepted = listener.call("accept")
    assert isinstance(accepted, Sock)
    return accepted


def seen(sock: Sock) -> tuple[int, int, int]:
    return sock.poll(), sock.call("ioctl", FIONREAD), sock.call("ioctl", SIOCATMARK)


@on_both_arms
def test_the_byte_can_be_read_before_those_that_are_missing(bench: Bench) -> None:
    sock = connected(bench)
    bench.segment("U.", 11, 1, b"cdX", urgent=3)
    assert bench.take() == [". 1:1(0) ack 1"]
    assert [*seen(sock), sock.call("recv", 9)] == [POLLPRI | POLLOUT, 0, 0, "EAGAIN"]
    assert sock.call("recv", 1, MSG_OOB) == b"X"
    bench.segment(".", 1, 1, b"0123456789")
    assert bench.take() == [". 1:1(0) ack 14"]
    assert [*seen(sock), sock.call("recv", 99), *seen(sock)] == [
        POLLIN | POLLOUT,
        12,
        0,
        b"0123456789cd",
        POLLOUT,
        0,
        1,
    ]
    assert bench.take() == NOTHING


@on_both_arms
def test_a_byte_that_is_announced_wakes_nobody(bench: Bench) -> None:
    """RFC 9293 §3.8.5 would have the program told; Linux sends SIGURG, but poll says nothing before the byte came."""
    sock = connected(bench)
    bench.segment("U.", 1, 1, b"ab", urgent=4)
    assert [*seen(sock), sock.call("recv", 1, MSG_OOB)] == [POLLIN | POLLOUT, 2, 0, "EAGAIN"]
    assert [sock.call("recv", 99), *seen(sock), sock.call("recv", 9)] == [b"ab", POLLOUT, 0, 0, "EAGAIN"]
    bench.segment(".", 3, 1, b"c")
    assert [*seen(sock), sock.call("recv", 99), *seen(sock)] == [POLLIN | POLLOUT, 1, 0, b"c", POLLOUT, 0, 1]
    bench.segment(".", 4, 1, b"X")
    assert [*seen(sock), sock.call("recv", 1, MSG_OOB)] == [POLLPRI | POLLOUT, 0, 1, b"X"]


@on_both_arms
def test_a_byte_that_will_not_come_any_more(bench: Bench) -> None:
    sock = connected(bench)
    bench.segment("UF.", 1, 1, b"ab", urgent=9)
    assert [sock.call("recv", 1, MSG_OOB), sock.call("recv", 9), sock.call("recv", 1, MSG_OOB)] == [b"", b"ab", b""]


@pytest.mark.parametrize(("pointer", "byte"), [(0, b"a"), (1, b"a"), (2, b"b"), (3, b"c")])
@on_both_arms
def test_the_pointer_is_to_the_byte_behind(bench: Bench, pointer: int, byte: bytes) -> None:
    """But none is the same as one."""
    sock = connected(bench)
    bench.segment("U.", 1, 1, b"abc", urgent=pointer)
    assert sock.call("recv", 1, MSG_OOB) == byte


@on_both_arms
def test_a_pointer_that_comes_again_says_nothing_new(bench: Bench) -> None:
    sock = connected(bench)
    bench.segment("U.", 1, 1, b"aX", urgent=2)
    assert sock.call("recv", 1, MSG_OOB) == b"X"
    assert bench.take() == [". 1:1(0) ack 3"]
    bench.segment("U.", 1, 1, b"aX", urgent=2)
    assert bench.take() == [". 1:1(0) ack 3"]
    bench.segment("U.", 3, 1, urgent=0)
    assert bench.take() == NOTHING
    assert [sock.call("recv", 1, MSG_OOB), sock.call("recv", 9), sock.call("recv", 9)] == ["EAGAIN", b"aX", "EAGAIN"]


@on_both_arms
def test_what_is_sent_again_points_at_urgent_data_that_came_after_it(bench: Bench) -> None:
    sock = connected(bench)
    assert sock.call("send", bytes(2000)) == 2000
    assert [line.split(" ack")[0] for line in bench.take()] == [". 1:1461(1460)", "P. 1461:2001(540)"]
    assert sock.call("send", b"X", MSG_OOB) == 1
    assert bench.take() == ["PU. 2001:2002(1) ack 1 urg 1"]
    bench.wait(0.32)
    assert bench.take() == ["PU. 2001:2002(1) ack 1 urg 1", "U. 1:1461(1460) ack 1 urg 2001"]
    bench.segment(".", 1, 2002)
    assert sock.call("send", b"plain") == 5
    assert bench.take() == ["P. 2002:2007(5) ack 1"]


@on_both_arms
def test_a_pointer_reaches_no_farther_than_sixteen_bits(bench: Bench) -> None:
    """From farther away it says the farthest that it can."""
    sock = connected(bench, window=3000)
    sock.call("setsockopt", SOL_SOCKET, SO_SNDBUF, 1_000_000)
    assert sock.call("send", bytes(100_000), MSG_OOB) == 100_000
    assert bench.take() == ["U. 1:1461(1460) ack 1 urg 65535", "U. 1461:2921(1460) ack 1 urg 65535"]
    bench.segment(".", 1, 2921, window=60_000)
    bench.take()
    bench.segment(".", 1, 33_581, window=60_000)
    lines = [line for line in bench.take() if line.startswith(("U.", "PU."))]
    assert [line.split(" urg ")[1] for line in lines] == [
        str(min(100_001 - int(line.split()[1].split(":")[0]), 65_535)) for line in lines
    ]


@on_both_arms
def test_in_line_it_waits_like_any_other(bench: Bench) -> None:
    sock = connected(bench)
    sock.call("setsockopt", SOL_SOCKET, SO_OOBINLINE, 1)
    bench.segment("U.", 1, 1, b"abX", urgent=3)
    assert [*seen(sock), sock.call("recv", 9), *seen(sock)] == [
        POLLIN | POLLPRI | POLLOUT, 3, 0, b"ab", POLLIN | POLLPRI | POLLOUT, 1, 1,
    ]  # fmt: skip
