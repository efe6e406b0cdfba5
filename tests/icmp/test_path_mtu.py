"""Path MTU discovery: a packet was too big for a link ahead, and the sender goes on with smaller ones.

Segments are sent one call at a time, each at once, so that both arms hold them in the same pieces.

Not here: a router and a narrow link between two hosts of the model (tests/simnet/test_failures.py).
"""

from __future__ import annotations

import attrs
import pytest

from model.profiles import LINUX, SECOND
from model.values.constants import IPPROTO_TCP, SHUT_WR, TCP_NODELAY
from model.values.packets import IcmpError, IpPacket, Sack, Tcp
from model.world.routes import PathMtus

from .bench import HERE, NOTHING, PEER, PEER_PORT, PORT, THEIR_ISS, Bench, Sock, on_both_arms
from .test_connections import established, fin_wait_2, half_open, syn_sent

TOO_BIG = IcmpError.PACKET_TOO_BIG
FULL = 1460
OTHER = PORT + 1


def sends(bench: Bench, sock: Sock, times: int, size: int = FULL) -> list[str]:
    """So many calls of `send`, each a segment of its own."""
    sock.call("setsockopt", IPPROTO_TCP, TCP_NODELAY, 1)
    for _ in range(times):
        assert sock.call("send", b"x" * size) == size
    return bench.take()


def pieces(begin: int, end: int, mss: int) -> list[str]:
    """The segments of what one call sent, of that size at most."""
    starts = range(begin, end, mss)
    return [f"{'P.' if a + mss >= end else '.'} {a}:{min(a + mss, end)}({min(mss, end - a)}) ack 1" for a in starts]


def calls(first: int, last: int, mss: int) -> list[str]:
    """The segments of what the calls `first` to `last` sent, counted from 0."""
    return [line for n in range(first, last + 1) for line in pieces(1 + n * FULL, 1 + (n + 1) * FULL, mss)]


@pytest.mark.parametrize(("told", "mss"), [(1499, 1459), (1000, 960), (553, 513), (552, 512)])
@on_both_arms
def test_what_was_too_big_is_sent_again_at_once(bench: Bench, told: int, mss: int) -> None:
    """RFC 1191 §3. The congestion window stays, and so does the threshold: nothing was congested."""
    sock = established(bench)
    assert sends(bench, sock, 3) == calls(0, 2, FULL)
    before = sock.info
    bench.error(TOO_BIG, seq=1, mtu=told)
    again = calls(0, 2, mss)
    assert bench.take() == again
    assert sock.info == attrs.evolve(before, mss=mss, unacked=len(again))
    assert (sock.error(), bench.counted()) == ("", (0, 0))


@pytest.mark.parametrize("told", [551, 500, 68, 1, 0])
@on_both_arms
def test_less_than_a_minimum_is_not_believed(bench: Bench, told: int) -> None:
    """net.ipv4.route.min_pmtu. What is larger than that may then be fragmented on the way."""
    sock = established(bench)
    sends(bench, sock, 1)
    bench.error(TOO_BIG, seq=1, mtu=told)
    again = bench.packets()
    assert [bench.text(packet) for packet in again] == calls(0, 0, 512)
    assert not any(packet.dont_fragment for packet in again)
    assert (sock.info.mss, sock.error()) == (512, "")


@pytest.mark.parametrize("told", [1500, 1501, 9000, 65535])
@on_both_arms
def test_what_fits_already_is_no_news(bench: Bench, told: int) -> None:
    sock = established(bench)
    sends(bench, sock, 2)
    before = sock.info
    bench.error(TOO_BIG, seq=1, mtu=told)
    assert (bench.take(), sock.info, sock.error()) == (NOTHING, before, "")


@on_both_arms
def test_only_ever_smaller(bench: Bench) -> None:
    """Each segment that was too big provokes an error of its own; one is enough."""
    sock = established(bench)
    sends(bench, sock, 3)
    bench.error(TOO_BIG, seq=1 + FULL, mtu=1000)
    assert bench.take() == calls(0, 2, 960)
    for seq, told in ((1, 1000), (1 + 2 * FULL, 1000), (1, 1200)):
        bench.error(TOO_BIG, seq=seq, mtu=told)
        assert bench.take() == NOTHING
    bench.error(TOO_BIG, seq=1, mtu=800)
    assert bench.take() == calls(0, 2, 760)


@on_both_arms
def test_no_more_than_the_congestion_window_allows_is_sent_again(bench: Bench) -> None:
    """Acknowledgements let the rest go. Two of one call that go together are a run, which ends with PSH."""
    sock = established(bench)
    assert sends(bench, sock, 12) == calls(0, 9, FULL)
    bench.error(TOO_BIG, seq=1, mtu=600)
    small = calls(0, 9, 560)
    assert bench.take() == small[:10]
    bench.segment(".", 1, 1121)
    assert bench.take() == [*small[10:13], small[13].replace(".", "P.", 1)]
    assert (sock.info.mss, sock.info.ssthresh) == (560, 0x7FFFFFFF)


@on_both_arms
def test_what_is_small_enough_is_not_sent_again(bench: Bench) -> None:
    sock = established(bench)
    sends(bench, sock, 1, 100)
    sends(bench, sock, 1, 1200)
    sock.call("shutdown", SHUT_WR)
    assert bench.take() == ["F. 1301:1302(0) ack 1"]
    bench.error(TOO_BIG, seq=1, mtu=1000)
    assert bench.take() == pieces(101, 1301, 960)
    assert sock.state == "FIN_WAIT_1"


@on_both_arms
def test_what_the_peer_has_is_not_sent_again(bench: Bench) -> None:
    """Round trips of 20 ms, so that what is missing may be late, and is waited for."""
    sock = syn_sent(bench)
    bench.wait(0.02)
    bench.segment("S.", 0, 1)
    bench.take()
    sends(bench, sock, 5)
    bench.wait(0.02)
    first = bench.iss[PORT, PEER_PORT]
    block = (first + 1 + 2 * FULL) % 2**32, (first + 1 + 3 * FULL) % 2**32
    tcp = Tcp(PEER_PORT, PORT, THEIR_ISS + 1, (first + 1) % 2**32, 16, 60_000, options=(Sack((block,)),))
    bench.inject(IpPacket(PEER, HERE, tcp))
    assert bench.take() == NOTHING
    bench.error(TOO_BIG, seq=1, mtu=1000)
    assert bench.take() == calls(0, 1, 960) + calls(3, 4, 960)


@on_both_arms
def test_a_time_out_and_then_the_error(bench: Bench) -> None:
    """The congestion window is one segment: no more is sent again than that."""
    sock = established(bench)
    sends(bench, sock, 3)
    bench.wait(0.3)
    assert bench.take() == [*calls(2, 2, FULL), *calls(0, 0, FULL)]
    bench.error(TOO_BIG, seq=1, mtu=1000)
    assert bench.take() == [". 1:961(960) ack 1"]
    bench.segment(".", 1, 961)
    assert bench.take() == ["P. 961:1461(500) ack 1", ". 1461:2421(960) ack 1"]
    bench.segment(".", 1, 1 + 3 * FULL)
    assert (bench.take(), sock.info.backoff, sock.info.unacked) == (NOTHING, 1, 0)


@on_both_arms
def test_a_syn_is_not_sent_again_but_what_follows_is_small(bench: Bench) -> None:
    sock = syn_sent(bench)
    bench.error(TOO_BIG, seq=0, mtu=1000)
    assert (bench.take(), sock.state) == (NOTHING, "SYN_SENT")
    bench.segment("S.", 0, 1)
    assert bench.take() == [". 1:1(0) ack 1"]
    assert sends(bench, sock, 2) == calls(0, 1, 960)


@on_both_arms
def test_a_half_open_child_does_not_hear_of_it(bench: Bench) -> None:
    """tcp_req_err: what a SYN-ACK is about always fits."""
    listener = half_open(bench)
    bench.error(TOO_BIG, seq=0, mtu=1000)
    bench.segment(".", 1, 1)
    assert sends(bench, listener.call("accept"), 2) == calls(0, 1, FULL)


@on_both_arms
def test_an_end_that_has_sent_everything_learns_it_too(bench: Bench) -> None:
    sock = fin_wait_2(bench)
    bench.error(TOO_BIG, seq=2, mtu=1000)
    assert (bench.take(), sock.state, sock.info.mss) == (NOTHING, "FIN_WAIT_2", 960)


# ---------------------------------------------------------------- the host remembers


def other(bench: Bench) -> Sock:
    """A second connection to the same peer."""
    sock = bench.tcp(bound=False)
    sock.call("bind", (HERE, OTHER))
    sock.call("connect", (PEER, PEER_PORT))
    return sock


@on_both_arms
def test_a_later_connection_begins_with_what_is_known(bench: Bench) -> None:
    """Its SYN offers no more either, as if the way back was the same."""
    sock = established(bench)
    sends(bench, sock, 1)
    bench.error(TOO_BIG, seq=1, mtu=1000)
    bench.take()
    second = other(bench)
    assert bench.take() == [f"S 0:1(0) mss 960 from {OTHER}"]
    bench.segment("S.", 0, 1, port=OTHER)
    bench.take()
    assert sends(bench, second, 1) == [f"{line} from {OTHER}" for line in calls(0, 0, 960)]


@on_both_arms
def test_another_connection_learns_it_when_it_sends(bench: Bench) -> None:
    """What it had on its way is sent again, smaller; what it wanted to send waits for the next occasion."""
    second = other(bench)
    bench.take()
    bench.segment("S.", 0, 1, port=OTHER)
    bench.take()
    sends(bench, second, 1)
    sock = established(bench)
    sends(bench, sock, 1)
    bench.error(TOO_BIG, seq=1, mtu=1000)
    bench.take()
    assert second.info.mss == FULL
    assert sends(bench, second, 1) == [f"{line} from {OTHER}" for line in calls(0, 0, 960)]
    assert second.info.mss == 960
    bench.segment(".", 1, 1 + FULL, port=OTHER)
    assert bench.take() == [f"{line} from {OTHER}" for line in calls(1, 1, 960)]


@on_both_arms
def test_another_connection_learns_it_when_it_sends_again(bench: Bench) -> None:
    second = other(bench)
    bench.take()
    bench.segment("S.", 0, 1, port=OTHER)
    bench.take()
    sends(bench, second, 1)
    sock = established(bench)
    sends(bench, sock, 1, 100)
    bench.error(TOO_BIG, seq=1, mtu=1000)
    bench.segment(".", 1, 101)
    assert bench.take() == NOTHING
    bench.wait(0.26)
    assert bench.take() == [f". 1:961(960) ack 1 from {OTHER}"]


@on_both_arms
def test_what_is_forgotten_is_tried_again(bench: Bench) -> None:
    """A connection grows with its next call of send; a new one begins with the interface's size (RFC 1191 §6.3)."""
    bench.believe_for(1)
    sock = established(bench)
    sends(bench, sock, 1)
    bench.error(TOO_BIG, seq=1, mtu=1000)
    assert bench.take() == calls(0, 0, 960)
    bench.segment(".", 1, 1 + FULL)
    assert sends(bench, sock, 1) == calls(1, 1, 960)
    bench.segment(".", 1, 1 + 2 * FULL)
    bench.wait(1.1)
    assert sends(bench, sock, 1) == calls(2, 2, FULL)
    assert sock.info.mss == FULL
    other(bench)
    assert bench.take() == [f"S 0:1(0) mss {FULL} from {OTHER}"]


def test_ten_minutes_later_it_is_forgotten() -> None:
    memory = PathMtus()
    memory.learn(PEER, 1000, 1500, 0, LINUX)
    (just_before, then) = (600 * SECOND - 1, 600 * SECOND)
    assert [memory.find(PEER, at) is None for at in (0, just_before, then)] == [False, False, True]
    assert memory.find(HERE, 0) is None


def test_the_same_again_counts_only_when_half_the_time_is_over() -> None:
    """__ip_rt_update_pmtu."""
    memory = PathMtus()
    memory.learn(PEER, 1000, 1500, 0, LINUX)
    memory.learn(PEER, 1000, 1500, 299 * SECOND, LINUX)
    assert memory.find(PEER, 600 * SECOND) is None
    memory.learn(PEER, 1000, 1500, 301 * SECOND, LINUX)
    assert memory.find(PEER, 600 * SECOND) is not None
