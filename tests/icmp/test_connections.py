"""ICMP errors about segments, of every kind, in every state, quoting what is on its way and what is not.

Not here: the size of segments (test_path_mtu.py), datagrams (test_datagrams.py).
"""

from __future__ import annotations

import errno
from collections.abc import Callable

import pytest

from model.values.constants import (
    IP_RECVERR,
    IPPROTO_IP,
    POLLERR,
    POLLHUP,
    POLLIN,
    POLLOUT,
    POLLRDHUP,
    SHUT_WR,
)
from model.values.icmp import MEANS
from model.values.packets import IcmpError

from .bench import NOTHING, PEER, PEER_PORT, PORT, Bench, Sock, on_both_arms

K = IcmpError
ENDED = POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP
FAR = 1_000_000
FULL = 1460


def syn_sent(bench: Bench) -> Sock:
    sock = bench.tcp()
    assert sock.call("connect", (PEER, PEER_PORT)) == "EINPROGRESS"
    assert bench.take() == ["S 0:1(0) mss 1460"]
    return sock


def crossed(bench: Bench) -> Sock:
    """The peer's SYN crossed ours: half open, and no listener's child."""
    sock = syn_sent(bench)
    bench.segment("S", 0)
    assert bench.take() == ["S. 0:1(0) ack 1 mss 1460"]
    return sock


def established(bench: Bench) -> Sock:
    sock = syn_sent(bench)
    bench.segment("S.", 0, 1)
    assert bench.take() == [". 1:1(0) ack 1"]
    return sock


def bytes_on_their_way(bench: Bench) -> Sock:
    sock = established(bench)
    sock.call("send", b"x" * 100)
    assert bench.take() == ["P. 1:101(100) ack 1"]
    return sock


def fin_wait_1(bench: Bench) -> Sock:
    sock = established(bench)
    sock.call("shutdown", SHUT_WR)
    assert bench.take() == ["F. 1:2(0) ack 1"]
    return sock


def fin_wait_2(bench: Bench) -> Sock:
    sock = fin_wait_1(bench)
    bench.segment(".", 1, 2)
    return sock


def closing(bench: Bench) -> Sock:
    sock = fin_wait_1(bench)
    bench.segment("F.", 1, 1)
    assert bench.take() == [". 2:2(0) ack 2"]
    return sock


def close_wait(bench: Bench) -> Sock:
    sock = established(bench)
    bench.segment("F.", 1, 1)
    bench.wait(0.06)
    assert bench.take() == [". 1:1(0) ack 2"]
    return sock


def last_ack(bench: Bench) -> Sock:
    sock = close_wait(bench)
    sock.call("shutdown", SHUT_WR)
    assert bench.take()[-1:] == ["F. 1:2(0) ack 2"]
    return sock


Way = tuple[Callable[[Bench], Sock], str, int, int]
OPENING: dict[str, Way] = {
    "syn_sent": (syn_sent, "SYN_SENT", 0, 1),
    "crossed": (crossed, "SYN_RECEIVED", 0, 1),
}
"""How to get there, the state, the oldest number on its way and the next to be sent."""
OPEN: dict[str, Way] = {
    "established": (established, "ESTABLISHED", 1, 1),
    "bytes_on_their_way": (bytes_on_their_way, "ESTABLISHED", 1, 101),
    "fin_wait_1": (fin_wait_1, "FIN_WAIT_1", 1, 2),
    "fin_wait_2": (fin_wait_2, "FIN_WAIT_2", 2, 2),
    "closing": (closing, "CLOSING", 1, 2),
    "close_wait": (close_wait, "CLOSE_WAIT", 1, 1),
    "last_ack": (last_ack, "LAST_ACK", 1, 2),
}


@pytest.mark.parametrize("state", [*OPENING, *OPEN])
@on_both_arms
def test_an_error_that_quotes_another_segment_changes_nothing(bench: Bench, state: str) -> None:
    """RFC 5927 §4.1. An error about reassembly never gets so far that it is counted."""
    way, name, oldest, following = (OPENING | OPEN)[state]
    sock = way(bench)
    before = sock.info, sock.poll()
    counted = 0
    for kind in K:
        for seq in (oldest - 1, following + 1, oldest - FAR, following + FAR):
            counted += kind is not K.REASSEMBLY_TIME_EXCEEDED
            bench.error(kind, seq=seq, mtu=1000)
            assert (bench.take(), sock.info, sock.poll(), bench.counted()) == (NOTHING, *before, (counted, 0)), kind
    assert (sock.state, sock.error()) == (name, "")


@pytest.mark.parametrize("kind", MEANS, ids=lambda kind: kind.name.lower())
@pytest.mark.parametrize("state", OPENING)
@on_both_arms
def test_an_attempt_ends_with_the_first_error(bench: Bench, state: str, kind: K) -> None:
    """RFC 5461 §4."""
    way, _, oldest, following = OPENING[state]
    sock = way(bench)
    bench.error(kind, seq=oldest if kind is K.HOST_UNREACHABLE else following)
    assert (bench.take(), sock.state, sock.poll()) == (NOTHING, "CLOSED", ENDED)
    assert sock.call("recv", 1) == errno.errorcode[MEANS[kind]]
    assert (sock.error(), sock.call("recv", 1), sock.call("send", b"x")) == ("", b"", "EPIPE")
    assert bench.counted() == (0, 0)


@pytest.mark.parametrize("kind", [K.HOST_UNREACHABLE, K.PORT_UNREACHABLE], ids=lambda kind: kind.name.lower())
@on_both_arms
def test_after_a_failed_attempt_another_may_be_made(bench: Bench, kind: K) -> None:
    sock = syn_sent(bench)
    bench.error(kind, seq=0)
    answers = [sock.call("connect", (PEER, PEER_PORT)) for _ in range(2)]
    assert answers == [errno.errorcode[MEANS[kind]], "EINPROGRESS"]
    assert len(bench.take()) == 1
    bench.wait(0.9)
    assert bench.take() == NOTHING


@pytest.mark.parametrize("state", OPEN)
@on_both_arms
def test_an_open_connection_keeps_the_error_for_later(bench: Bench, state: str) -> None:
    """RFC 1122 §4.2.3.9. Nothing shows, but SO_ERROR tells it once."""
    way, _, oldest, following = OPEN[state]
    sock = way(bench)
    before = sock.info, sock.poll()
    for kind in MEANS:
        for seq in (oldest, following):
            bench.error(kind, seq=seq)
            assert (bench.take(), sock.info, sock.poll()) == (NOTHING, *before), kind
            assert (sock.error(), sock.error()) == (errno.errorcode[MEANS[kind]], ""), kind
    assert bench.counted() == (0, 0)


@on_both_arms
def test_calls_do_not_report_what_is_kept(bench: Bench) -> None:
    sock = established(bench)
    bench.error(K.HOST_UNREACHABLE, seq=1)
    assert (sock.call("recv", 1), sock.call("send", b"x")) == ("EAGAIN", 1)
    assert bench.take() == ["P. 1:2(1) ack 1"]
    assert sock.error() == "EHOSTUNREACH"


def asks(sock: Sock) -> Sock:
    assert sock.call("setsockopt", IPPROTO_IP, IP_RECVERR, 1) is None
    return sock


@pytest.mark.parametrize("kind", [K.HOST_UNREACHABLE, K.PORT_UNREACHABLE], ids=lambda kind: kind.name.lower())
@on_both_arms
def test_a_program_that_asks_is_told_at_once(bench: Bench, kind: K) -> None:
    """ip(7), IP_RECVERR. The connection goes on all the same."""
    sock = asks(bytes_on_their_way(bench))
    bench.error(kind, seq=1)
    assert (sock.state, sock.poll()) == ("ESTABLISHED", POLLOUT | POLLERR)
    assert (sock.call("recv", 1), sock.poll(), sock.error()) == (errno.errorcode[MEANS[kind]], POLLOUT, "")
    assert sock.call("send", b"x" * FULL) == FULL
    assert len(bench.take()) == 1
    bench.error(K.PACKET_TOO_BIG, seq=1, mtu=1000)
    assert (len(bench.take()), sock.error()) == (2, "")


@on_both_arms
def test_of_a_failed_attempt_a_report_stays(bench: Bench) -> None:
    """It is there even while the next attempt is in progress."""
    sock = asks(bench.tcp())
    sock.call("connect", (PEER, PEER_PORT))
    bench.take()
    bench.error(K.HOST_UNREACHABLE, seq=0)
    assert (sock.poll(), sock.error(), sock.poll()) == (ENDED, "EHOSTUNREACH", ENDED)
    answers = [sock.call("connect", (PEER, PEER_PORT)) for _ in range(2)]
    assert (answers, sock.poll()) == (["ECONNABORTED", "EINPROGRESS"], POLLERR)
    sock.call("setsockopt", IPPROTO_IP, IP_RECVERR, 0)
    assert sock.poll() == 0


@on_both_arms
def test_children_ask_if_their_listener_does(bench: Bench) -> None:
    listener = asks(bench.tcp())
    listener.call("listen", 5)
    bench.segment("S", 0)
    bench.take()
    bench.segment(".", 1, 1)
    assert listener.call("accept").call("getsockopt", IPPROTO_IP, IP_RECVERR) == 1


@on_both_arms
def test_an_acknowledgement_forgets_what_is_kept(bench: Bench) -> None:
    """Something got through (tcp_ack)."""
    sock = bytes_on_their_way(bench)
    bench.error(K.NET_UNREACHABLE, seq=1)
    bench.segment(".", 1, 101)
    assert (bench.take(), sock.error()) == (NOTHING, "")


@on_both_arms
def test_a_time_out_tells_what_is_kept(bench: Bench) -> None:
    """TCP_USER_TIMEOUT makes it short."""
    sock = established(bench)
    sock.call("setsockopt", 6, 18, 300)
    sock.call("send", b"x")
    bench.take()
    bench.error(K.PROHIBITED, seq=1)
    bench.wait(1.5)
    assert (sock.state, sock.poll()) == ("CLOSED", ENDED)
    assert sock.call("send", b"x") == "EHOSTUNREACH"


# ---------------------------------------------------------------- listeners


def half_open(bench: Bench) -> Sock:
    listener = bench.tcp()
    listener.call("listen", 5)
    bench.segment("S", 0)
    assert bench.take() == ["S. 0:1(0) ack 1 mss 1460"]
    return listener


@pytest.mark.parametrize("kind", K, ids=lambda kind: kind.name.lower())
@on_both_arms
def test_half_open_connections_end_when_there_is_no_way(bench: Bench, kind: K) -> None:
    """tcp_req_err. Nobody is told; the peer learns it from the reset of its acknowledgement."""
    listener = half_open(bench)
    ends = kind in (K.NET_UNREACHABLE, K.HOST_UNREACHABLE, K.TIME_EXCEEDED, K.PARAMETER_PROBLEM)
    bench.error(kind, seq=0, mtu=1000)
    assert (bench.take(), listener.drops, listener.error()) == (NOTHING, int(ends), "")
    bench.segment(".", 1, 1)
    assert bench.take() == (["R 1:1(0)"] if ends else NOTHING)
    assert (listener.poll(), bench.counted()) == (0 if ends else POLLIN, (0, 0))


@pytest.mark.parametrize("seq", [-1, 1, FAR])
@pytest.mark.parametrize("kind", [K.HOST_UNREACHABLE, K.PORT_UNREACHABLE], ids=lambda kind: kind.name.lower())
@on_both_arms
def test_half_open_connections_know_their_own_number(bench: Bench, kind: K, seq: int) -> None:
    listener = half_open(bench)
    bench.error(kind, seq=seq)
    assert (bench.take(), listener.drops, bench.counted()) == (NOTHING, 0, (1, 0))
    bench.segment(".", 1, 1)
    assert listener.poll() == POLLIN


@pytest.mark.parametrize("kind", [K.HOST_UNREACHABLE, K.PACKET_TOO_BIG], ids=lambda kind: kind.name.lower())
@on_both_arms
def test_errors_about_nobody_are_counted(bench: Bench, kind: K) -> None:
    """A listener sends nothing itself, and what it has no child for it never sent."""
    listener = bench.tcp()
    listener.call("listen", 5)
    bench.error(kind, seq=0, mtu=1000)
    bench.error(kind, seq=0, mtu=1000, port=PORT + 1)
    assert (bench.take(), listener.error(), bench.counted()) == (NOTHING, "", (0, 2))


@on_both_arms
def test_a_connection_that_rests_is_not_concerned(bench: Bench) -> None:
    sock = fin_wait_2(bench)
    bench.segment("F.", 1, 2)
    assert bench.take() == [". 2:2(0) ack 2"]
    bench.error(K.HOST_UNREACHABLE, seq=2)
    bench.error(K.HOST_UNREACHABLE, seq=FAR)
    assert (bench.take(), sock.error(), bench.counted()) == (NOTHING, "", (0, 0))
    bench.segment("F.", 1, 2)
    assert bench.take() == [". 2:2(0) ack 2"]


# ---------------------------------------------------------------- time-outs that are shortened


@pytest.mark.parametrize(
    "kind", [K.NET_UNREACHABLE, K.HOST_UNREACHABLE, K.PROHIBITED], ids=lambda kind: kind.name.lower()
)
@on_both_arms
def test_an_unreachable_net_or_host_takes_a_doubling_back(bench: Bench, kind: K) -> None:
    """RFC 6069 §3: the second retransmission comes as soon as the first did."""
    sock = bytes_on_their_way(bench)
    sock.call("setsockopt", 6, 1, 1)
    bench.wait(0.25)
    bench.take()
    bench.wait(0.3)
    assert bench.take()[-1:] == ["P. 1:101(100) ack 1"]
    before = sock.info
    bench.error(kind, seq=1)
    after = sock.info
    way = kind in (K.NET_UNREACHABLE, K.HOST_UNREACHABLE)
    assert before.retransmits == after.retransmits
    assert after.backoff == before.backoff - way
    assert after.rto_us == before.rto_us // (2 if way else 1)


@on_both_arms
def test_only_an_error_about_the_oldest_takes_a_doubling_back(bench: Bench) -> None:
    sock = bytes_on_their_way(bench)
    bench.wait(0.6)
    bench.take()
    before = sock.info
    bench.error(K.HOST_UNREACHABLE, seq=2)
    assert sock.info == before
    assert before.backoff > 0
