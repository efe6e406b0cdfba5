"""Two hosts and a bad wire: whatever happens to packets, the stream arrives whole, or both ends hear of the failure.

`Pair` moves bytes both ways between two hosts, calling only what non-blocking programs call, and lets time pass to the
next event when neither end can go on. After every event the laws of the sequence space are looked at.

Not here: single traces of recovery against the kernel.
"""

from __future__ import annotations

import hashlib
from errno import EAGAIN, ETIMEDOUT
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model.profiles import SECOND
from model.tcp.block import Tcb
from model.trace import Trace
from model.values.constants import AF_INET, SHUT_WR, SO_ERROR, SOCK_STREAM, SOL_SOCKET, TcpState
from model.values.results import Done, Fail
from model.values.segments import Segment
from model.world.host import Host
from model.world.wire import DROP, PASS, Fate, Judge, Passing, Weather, let_pass
from model.world.world import World

PORTION = 32_768
LONGEST = 4 * 3600 * SECOND
"""Virtual time in which everything must be over."""


def pattern(size: int, seed: int) -> bytes:
    """Bytes in which a missing or moved one shows."""
    block = b"".join(hashlib.sha256(f"{seed}/{n}".encode()).digest() for n in range(64))
    return (block * (size // len(block) + 1))[:size]


class End:
    """A program that sends `data`, shuts that direction, and receives until the other has."""

    def __init__(self, host: Host, fd: int, data: bytes) -> None:
        self.host, self.fd, self.data = host, fd, data
        self.sent, self.got = 0, bytearray()
        self.shut = self.ended = False
        self.error = 0

    @property
    def over(self) -> bool:
        return bool(self.error) or (self.shut and self.ended)

    @property
    def is_open(self) -> bool:
        return self.fd in self.host.descriptors

    def go_on(self) -> bool:
        """Do what can be done now; whether that was anything."""
        moved = False
        while not self.over:
            answers = []
            if self.sent < len(self.data):
                answers.append(self._call("send", self.data[self.sent : self.sent + PORTION], 0))
                self.sent += answers[-1] or 0
            elif not self.shut:
                self.shut = True
                answers.append(self._call("shutdown", SHUT_WR) or 1)
            if not self.ended:
                data = self._call("recv", 1 << 20, 0)
                self.ended = data == b""
                self.got += data or b""
                answers.append(data if data is None else 1)
            if all(answer is None for answer in answers):
                break
            moved = True
        return moved

    def _call(self, name: str, *args: object) -> Any:
        answer = self.host.call(name, self.fd, *args)
        if isinstance(answer, Done):
            return answer.value
        assert isinstance(answer, Fail)
        if answer.errno != EAGAIN:
            self.error = answer.errno
        return None


class Pair:
    """Two hosts, "lo" and "b", a connection between them, and a program at each end."""

    def __init__(self, data: tuple[bytes, bytes], judge: Judge = let_pass, seed: int = 0, **path: int) -> None:
        self.trace = Trace("model")
        self.world = self.make_world(seed)
        far, near = self.world.hosts["b"], self.world.host
        self.world.wire.judge = judge
        for source, target in (("lo", "b"), ("b", "lo")):
            for name, value in path.items():
                setattr(self.world.wire.path(source, target), name, value)
        self.listener = self._socket(far)
        far.call("bind", self.listener, ("0.0.0.0", 80))
        far.call("listen", self.listener, 5)
        client = self._socket(near)
        near.call("connect", client, (far.addresses[0], 80))
        self.near = End(near, client, data[0])
        self.far: End | None = None
        self._data = data[1]

    def make_world(self, seed: int) -> World:
        world = World(seed=seed)
        world.add_host("b")
        return world

    @staticmethod
    def _socket(host: Host) -> int:
        answer = host.call("socket", AF_INET, SOCK_STREAM, 0)
        assert isinstance(answer, Done)
        host.call("setblocking", answer.value, False)
        return int(answer.value)

    def run(self) -> None:
        """Until both programs are over, or nothing will ever happen again, or too much time has passed."""
        world = self.world
        while world.now_ns < LONGEST and not (self.near.over and self.far and self.far.over):
            moved = self.step()
            look(world)
            deadline = world.next_deadline()
            if not moved and deadline is None:
                break
            if not moved:
                world.sleep_until(deadline or 0)
        for end in (self.near, self.far):  # a program that has read everything hears of a later failure by asking
            if end is not None and end.is_open:
                end.error = end.error or end.host.descriptors[end.fd].error

    def step(self) -> bool:
        """Both programs do what they can now; whether that was anything."""
        far = self.world.hosts["b"]
        if self.far is None and isinstance(answer := far.call("accept", self.listener), Done):
            far.call("setblocking", answer.value[0], False)
            self.far = End(far, answer.value[0], self._data)
        near = self.near.host.descriptors.get(self.near.fd)
        opened = isinstance(near, Tcb) and near.state is not TcpState.SYN_SENT
        moved = [end.go_on() for end in (self.near if opened else None, self.far) if end and end.is_open]
        return any(moved)


def look(world: World) -> None:
    """The laws of the sequence space, in every connection of every host (RFC 9293 §3.4)."""
    for host in world.hosts.values():
        for end in host.endpoints.values():
            if not isinstance(end, Tcb) or end.state in (TcpState.CLOSED, TcpState.LISTEN, TcpState.TIME_WAIT):
                continue
            assert end.snd_una <= end.snd_nxt <= end.write_seq + 1
            assert end.in_flight == sum(buffer.segments for buffer in end.unacked)
            counts = {"lost": end.lost_out, "resent": end.resent_out}
            if end.sack_permitted:  # else duplicate acknowledgements are counted, which name no segment
                counts["sacked"] = end.sacked_out
            for name, count in counts.items():
                assert count == sum(buffer.segments for buffer in end.unacked if getattr(buffer, name)), name
            assert end.pipe >= 0
            assert end.cwnd >= 1
            assert all(kept.seq > end.rcv_nxt for kept in end.out_of_order)
            assert not (end.unacked and end.timers[0] is None), "nothing is in flight for ever"
            kept = [each.truesize for each in end.received] + [each.truesize for each in end.out_of_order]
            assert end.rmem == sum(kept)
            assert end.wmem == sum(buffer.truesize for buffer in (*end.unsent, *end.unacked))


def check_delivered(pair: Pair) -> None:
    assert pair.far is not None
    assert (pair.near.error, pair.far.error) == (0, 0)
    assert bytes(pair.far.got) == pair.near.data
    assert bytes(pair.near.got) == pair.far.data


@pytest.mark.parametrize(
    "path", [{}, {"delay_ns": 50_000_000}, {"delay_ns": 10_000_000, "bits_per_second": 10_000_000, "queue": 20}]
)
def test_a_good_wire(path: dict[str, Any]) -> None:
    pair = Pair((pattern(500_000, 1), pattern(200_000, 2)), **path)
    pair.run()
    check_delivered(pair)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    seed=st.integers(0, 2**32), loss=st.sampled_from([0.0, 0.02, 0.1, 0.3]), duplicate=st.sampled_from([0.0, 0.1]),
    reorder=st.sampled_from([0.0, 0.1, 0.5]), corrupt=st.sampled_from([0.0, 0.05]),
    delay=st.sampled_from([0, 1_000_000, 100_000_000]), queue=st.sampled_from([2, 20, 1000]),
    there=st.integers(0, 80_000), back=st.integers(0, 20_000), mtu=st.sampled_from([576, 1500, 9000]),
)  # fmt: skip
def test_every_byte_arrives_once_and_in_order_or_both_ends_hear_of_it(
    seed: int, loss: float, duplicate: float, reorder: float, corrupt: float, delay: int, queue: int, there: int,
    back: int, mtu: int,
) -> None:  # fmt: skip
    weather = Weather(seed, loss=loss, duplicate=duplicate, reorder=reorder, corrupt=corrupt, late_s=0.05)
    pair = Pair(
        (pattern(there, seed), pattern(back, seed + 1)), weather, seed,
        delay_ns=delay, queue=queue, bits_per_second=20_000_000, mtu=mtu,
    )  # fmt: skip
    pair.run()
    assert pair.world.now_ns < LONGEST
    if pair.near.error or pair.far is None or pair.far.error:
        assert loss > 0.02, "on a fair wire a connection does not fail"
        return
    check_delivered(pair)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(lost=st.sets(st.integers(1, 40), max_size=12), side=st.sampled_from(["lo", "b"]))
def test_any_few_packets_may_be_lost(lost: set[int], side: str) -> None:
    def judge(passing: Passing) -> Fate:
        return DROP if passing.source == side and passing.number in lost else PASS

    pair = Pair((pattern(40_000, 3), pattern(10_000, 4)), judge, delay_ns=20_000_000)
    pair.run()
    check_delivered(pair)


def sent(judge: Judge, size: int = 40_000) -> list[tuple[float, str, int, tuple[tuple[int, int], ...]]]:
    """Data segments, and acknowledgements with SACK, of one transfer: seconds, sender, first byte's number, blocks."""
    seen: list[tuple[float, str, int, tuple[tuple[int, int], ...]]] = []
    first: dict[str, int] = {}

    def watch(passing: Passing) -> Fate:
        segment = passing.packet
        assert isinstance(segment, Segment)
        first.setdefault(passing.source, segment.seq)
        peer = "b" if passing.source == "lo" else "lo"
        blocks = tuple((a - first[peer], b - first[peer]) for a, b in segment.sack)
        if segment.data or blocks:
            seen.append((passing.at_ns / SECOND, passing.source, segment.seq - first[passing.source], blocks))
        return judge(passing)

    pair = Pair((pattern(size, 5), b""), watch, delay_ns=20_000_000)
    pair.run()
    check_delivered(pair)
    return seen


def test_three_later_segments_bring_a_lost_one_back_after_a_round_trip() -> None:
    """RFC 5681 §3.2. Packets of "lo": SYN, ACK, and then data; the fourth is the second segment of data."""
    seen = sent(lambda passing: DROP if (passing.source, passing.number) == ("lo", 4) else PASS)
    second = [(at, blocks) for at, who, seq, blocks in seen if who == "lo" and seq == 1449]
    assert len(second) == 2
    assert second[1][0] - second[0][0] == pytest.approx(0.04, abs=0.001)
    told = [blocks for _, who, _, blocks in seen if who == "b"]
    assert told[:3] == [((2897, 4345),), ((2897, 5793),), ((2897, 7241),)]
    assert len([1 for _, who, _, _ in seen if who == "lo"]) == 29, "28 segments, and one of them twice"


def test_two_gaps_are_told_latest_first() -> None:
    """RFC 2018 §4."""
    seen = sent(lambda passing: DROP if passing.source == "lo" and passing.number in (4, 6) else PASS)
    told = [blocks for _, who, _, blocks in seen if who == "b"]
    assert told[:2] == [((2897, 4345),), ((5793, 7241), (2897, 4345))]


def test_a_lost_retransmission_is_found_by_later_segments() -> None:
    """RFC 8985 §6.2: by the order of sending."""
    times: list[int] = []

    def judge(passing: Passing) -> Fate:
        segment = passing.packet
        assert isinstance(segment, Segment)
        if passing.source == "lo" and segment.data:
            first = times[0] if times else segment.seq
            times.append(first)
            if segment.seq == first + 1448:
                times.append(-1)
                return DROP if times.count(-1) <= 2 else PASS
        return PASS

    seen = sent(judge)
    at = [moment for moment, who, seq, _ in seen if who == "lo" and seq == 1449]
    assert len(at) == 3
    assert at[2] - at[0] < 0.2, "without waiting for a time-out"


def test_a_time_out_doubles() -> None:
    """RFC 6298 §5.5: everything is lost from the third packet on, and comes again ever later; at last the connection
    fails with ETIMEDOUT on the side that has something to send (RFC 9293 §3.8.3).
    """
    times: list[float] = []

    def judge(passing: Passing) -> Fate:
        if passing.source != "lo" or passing.number <= 2:
            return PASS
        if isinstance(passing.packet, Segment) and passing.packet.data:
            times.append(passing.at_ns / SECOND)
        return DROP

    pair = Pair((b"x", b""), judge)
    pair.run()
    pair.world.sleep_until(2000 * SECOND)
    waits = [b - a for a, b in pairwise(times)]
    for late, wait in zip(waits[:9], [0.204 * 2**doubled for doubled in range(9)], strict=True):
        assert wait <= late <= wait * 9 / 8, "the wheel is coarser the farther off a deadline is"
    assert 120 <= max(waits) < 123
    assert len(times) == 16, "once, and tcp_retries2 more times"
    assert pair.near.host.call("getsockopt", pair.near.fd, SOL_SOCKET, SO_ERROR) == Done(ETIMEDOUT)


@pytest.mark.parametrize(("source", "number"), [("lo", 1), ("b", 1), ("lo", 2), ("lo", 3), ("b", 2)])
def test_each_packet_of_the_handshake_may_be_lost(source: str, number: int) -> None:
    """A second passes at most: the initial retransmission time-out (RFC 6298 §2)."""
    pair = Pair((b"x", b"y"), lambda passing: DROP if (passing.source, passing.number) == (source, number) else PASS)
    pair.run()
    check_delivered(pair)
    assert pair.world.now_ns < 1.5 * SECOND


def test_an_orphan_is_given_up_sooner() -> None:
    """Nobody holds the connection, and its FIN is never acknowledged: a hundred seconds, not a quarter of an hour
    (tcp_orphan_retries in tcp(7)).
    """
    pair = Pair((b"", b""), lambda passing: PASS if passing.number <= 2 else DROP)
    pair.world.sleep_until(SECOND)
    pair.near.host.call("send", pair.near.fd, b"lost", 0)
    pair.near.host.call("close", pair.near.fd)
    pair.world.sleep_until(90 * SECOND)
    assert [end for end in pair.near.host.endpoints.values() if isinstance(end, Tcb)]
    pair.world.sleep_until(200 * SECOND)
    assert not [end for end in pair.near.host.endpoints.values() if isinstance(end, Tcb)]
