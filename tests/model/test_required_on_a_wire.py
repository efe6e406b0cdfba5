"""What the standards ask that only a wire with delay and loss shows: two hosts of the model, and every segment seen.

Each is named in the ledger (docs/adherence/). Times are seconds, numbers are relative to each end's first.

Not here: what two hosts need no bad wire for (test_required_of_two_hosts.py); properties of any wire (test_loss.py);
the same on the kernel, which has no wire whose packets can be judged one by one but over a TUN device.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise

import attrs
import pytest

from model import SimNet
from model.profiles import LINUX, SECOND
from model.tcp.block import Tcb
from model.tcp.congestion import INFINITE
from model.trace import WireEvent
from model.values.segments import Segment
from model.world.wire import DROP, PASS, Fate, Passing, delayed

from .test_loss import Pair, check_delivered, pattern

FULL = 1448
"""Data in a full segment: 1500 bytes less the headers, timestamps included."""
ROUND_TRIP_S = 0.1
Choose = Callable[["Seen"], bool]


@attrs.frozen
class Seen:
    """A segment as it entered the wire: when, from which host, and its number among that host's packets, from 1."""

    at_s: float
    source: str
    number: int
    seq: int
    ack: int
    segment: Segment


def nothing(seen: Seen) -> bool:
    return False


class Flow:
    """One program sends `size` bytes to another, over a wire that loses what `lost` says."""

    def __init__(self, size: int, lost: Choose = nothing, back: int = 0, **path: int) -> None:
        self.seen: list[Seen] = []
        self._first: dict[str, int] = {}
        self._lost = lost
        delay_ns = round(ROUND_TRIP_S * SECOND / 2)
        self.pair = Pair((pattern(size, 1), pattern(back, 2)), self._judge, **{"delay_ns": delay_ns, **path})

    def _judge(self, passing: Passing) -> Fate:
        segment = passing.packet
        assert isinstance(segment, Segment)
        self._first.setdefault(passing.source, segment.seq)
        peer = self._first.get(passing.target, 0)
        seq = segment.seq - self._first[passing.source]
        seen = Seen(passing.at_ns / SECOND, passing.source, passing.number, seq, segment.ack - peer, segment)
        self.seen.append(seen)
        return DROP if self._lost(seen) else PASS

    def run(self) -> Flow:
        self.pair.run()
        check_delivered(self.pair)
        return self

    def run_for(self, seconds: float) -> None:
        world, end_ns = self.pair.world, round(seconds * SECOND)
        while self.pair.step() or ((deadline := world.next_deadline()) is not None and deadline <= end_ns):
            world.sleep_until(min(world.next_deadline() or end_ns, end_ns))

    def data(self) -> list[Seen]:
        """Segments with data from the sender."""
        return [seen for seen in self.seen if seen.source == "lo" and seen.segment.data]

    def acks(self) -> list[Seen]:
        return [seen for seen in self.seen if seen.source == "b"]

    @property
    def sender(self) -> Tcb:
        end = self.pair.near.host.descriptors[self.pair.near.fd]
        assert isinstance(end, Tcb)
        return end

    def round_trips(self) -> list[int]:
        """How many segments with data were sent in each round trip, from the first of them on."""
        first = self.data()[0].at_s
        rounds = Counter(int((seen.at_s - first + 0.001) / ROUND_TRIP_S) for seen in self.data())
        return [rounds[n] for n in range(max(rounds) + 1)]


def segments(net: SimNet) -> Iterator[Segment]:
    for event in net.trace.events:
        if isinstance(event, WireEvent) and isinstance(event.packet, Segment):
            yield event.packet


def lose_once(place: int) -> Choose:
    """Lose the segment with data that is so many full ones from the first."""
    seen_before = False

    def choose(seen: Seen) -> bool:
        nonlocal seen_before
        if seen_before or seen.source != "lo" or seen.seq != 1 + place * FULL or not seen.segment.data:
            return False
        seen_before = True
        return True

    return choose


class LateFlow(Flow):
    """One segment with data is late, so that others overtake it."""

    def __init__(self, size: int, *, late: int, by_s: float) -> None:
        self._late, self._by_s = 1 + late * FULL, by_s
        super().__init__(size)

    def _judge(self, passing: Passing) -> Fate:
        super()._judge(passing)
        last = self.seen[-1]
        return delayed(self._by_s) if last.source == "lo" and last.segment.data and last.seq == self._late else PASS


def second_segment(times: int) -> Choose:
    """Lose the second segment with data, and as many of its copies."""
    lost = 0

    def choose(seen: Seen) -> bool:
        nonlocal lost
        if seen.source == "lo" and seen.segment.data and seen.seq == 1 + FULL and lost < times:
            lost += 1
            return True
        return False

    return choose


# ---------------------------------------------------------------- congestion


def test_ten_segments_at_first_and_twice_as_many_each_round_trip() -> None:
    """RFC 6928 §2; RFC 5681 §3.1, slow start."""
    assert Flow(200_000).run().round_trips()[:3] == [10, 20, 40]


def test_a_loss_halves_the_window_and_then_it_opens_by_one_a_round_trip() -> None:
    """RFC 5681 §3.1, §3.2, congestion avoidance."""
    flow = Flow(400_000, second_segment(1)).run()
    assert flow.sender.ssthresh < 1 << 29, "the loss was noticed"
    after = [count for count in flow.round_trips()[4:-1] if count]
    steps = [later - earlier for earlier, later in pairwise(after)]
    assert set(steps) <= {0, 1}
    assert sum(steps) >= len(steps) - 1


def test_a_time_out_leaves_a_window_of_one_segment() -> None:
    """RFC 5681 §3.1: whatever it was before. Its acknowledgement lets two out, which are new, because they will show if
    the time-out was needless (RFC 5682); then it opens up to the threshold, five, as at the beginning.
    """
    flow = Flow(60_000, lambda seen: bool(seen.segment.data) and seen.at_s < 0.5).run()
    again = [seen for seen in flow.data() if seen.at_s > 0.5]
    first = again[0].at_s
    rounds = [[seen.seq // FULL for seen in again if round((seen.at_s - first) * 10) == n] for n in range(5)]
    assert rounds == [[0], [11, 12], [1, 2], [3, 4, 5, 6], [7, 8, 9, 10, 13]]


def test_a_lost_acknowledgement_is_made_good_by_the_next() -> None:
    """RFC 9293 §3.4: acknowledgements are cumulative."""
    flow = Flow(100_000, lambda seen: seen.source == "b" and seen.number in (3, 5, 7)).run()
    assert len({seen.seq for seen in flow.data()}) == len(flow.data()), "nothing is sent twice"


def test_the_end_that_was_called_begins_with_ten_segments_too() -> None:
    """RFC 6928 §2."""
    flow = Flow(1, back=100_000).run()
    back = [seen for seen in flow.seen if seen.source == "b" and seen.segment.data]
    assert sum(seen.at_s == back[0].at_s for seen in back) == 10


def test_two_losses_in_one_window_halve_it_once() -> None:
    """RFC 6675 §5: recovery lasts until everything is acknowledged that was sent when it began."""
    lost = {1 + 3 * FULL, 1 + 7 * FULL}

    def twice(seen: Seen) -> bool:
        if seen.source == "lo" and seen.seq in lost:
            lost.remove(seen.seq)
            return True
        return False

    flow = Flow(200_000, twice).run()
    assert not lost
    assert flow.sender.ssthresh == 6, "half of thirteen: three had been acknowledged by then"


def test_a_second_time_out_leaves_the_threshold() -> None:
    """RFC 5681 §3.1: it was set when the segment was lost first."""
    flow = Flow(60_000, lambda seen: bool(seen.segment.data) and seen.at_s < 2.5).run()
    assert len([seen for seen in flow.data() if seen.seq == 1]) >= 3
    assert flow.sender.ssthresh == 5


def test_lost_segments_are_sent_again_oldest_first_and_before_new_ones() -> None:
    """RFC 6675 §4, NextSeg. Of ten segments four are lost, and what follows them comes later."""
    lost = [1 + n * FULL for n in (2, 4, 5, 8)]
    seen_once: set[int] = set()

    def first_time(seen: Seen) -> bool:
        if seen.source != "lo" or seen.seq not in lost or seen.seq in seen_once:
            return False
        seen_once.add(seen.seq)
        return True

    flow = Flow(25 * FULL, first_time).run()
    again = [seen.seq for seen in flow.data()]
    first = again.index(lost[0], 10)
    assert again[first : first + 4] == lost, "each once, and nothing new in between"
    assert again[first + 4 :] == sorted(again[first + 4 :]), "then new ones"


def test_a_packet_that_is_overtaken_by_two_is_not_sent_again() -> None:
    """RFC 8985 §6.2: it may still come, for an eighth of a round trip."""

    flow = LateFlow(10 * FULL, late=7, by_s=0.005)
    flow.run()
    assert len(flow.data()) == 10


def test_what_is_only_told_stays_in_the_send_buffer() -> None:
    """RFC 2018 §5: bytes behind a gap are counted as unacknowledged until the gap is filled."""
    flow = Flow(10 * FULL, second_segment(9))
    flow.run_for(0.25)
    assert flow.sender.sacked_out == 8
    assert flow.sender.write_seq - flow.sender.snd_una >= 9 * FULL
    assert sum(len(buffer.data) for buffer in flow.sender.unacked) == 9 * FULL


def test_after_a_time_out_what_was_told_is_not_sent_again() -> None:
    """RFC 2018 §5.1 would have it sent again. Only the second segment is lost, and each time that it goes again."""
    flow = Flow(10 * FULL, second_segment(3)).run()
    counts = Counter(seen.seq for seen in flow.data())
    assert counts.pop(1 + FULL) == 4
    assert set(counts.values()) == {1}


def test_a_reduction_is_spread_over_a_round_trip() -> None:
    """RFC 6937: the window goes down not by waiting until half is gone, but by sending one for every second that
    arrives. The third of ten is lost; the first two let four out, the next two, in disorder, two.
    """
    flow = Flow(60 * FULL, lose_once(2)).run()
    sent = [seen.seq // FULL for seen in flow.data()]
    assert sent[:18] == [*range(10), 10, 11, 12, 13, 14, 15, 2, 16]
    assert flow.sender.ssthresh == 6


def test_what_is_missing_is_sent_again_when_it_was_waited_for() -> None:
    """RFC 8985 §6.2: one later segment has arrived; a quarter of a round trip is given to what may only be late."""
    flow = Flow(3 * FULL, lose_once(1)).run()
    again = [seen.at_s for seen in flow.data() if seen.seq == 1 + FULL]
    assert len(again) == 2
    assert again[1] - again[0] == pytest.approx(ROUND_TRIP_S * 5 / 4, abs=0.012)


def test_packets_that_overtake_each_other_are_noticed() -> None:
    """RFC 8985 §6.2; RFC 4653: eight arrive before one that was late and never lost."""
    flow = LateFlow(40 * FULL, late=1, by_s=0.012)
    flow.run()
    assert flow.sender.reordered > 0


def test_a_probe_that_repaired_a_loss_slows_the_sender_down() -> None:
    """RFC 8985 §7.4: the last of ten is lost, no FIN follows, and the probe of the tail fills the gap; for a single
    segment it waits as long as a time-out would. Linux slows down when something behind the probe is acknowledged too.
    """
    flow = Flow(10 * FULL - 1, lose_once(9))
    flow.pair.near.shut = True
    flow.pair.run()
    assert [seen.at_s for seen in flow.data() if seen.seq == 1 + 9 * FULL] == pytest.approx(
        [0.1, 0.504], abs=8 * LINUX.jiffy_ns / SECOND
    )
    window = flow.sender.cwnd
    assert flow.sender.ssthresh == INFINITE
    flow.pair.near.host.call("send", flow.pair.near.fd, b"x", 0)
    flow.pair.world.sleep_until(2 * SECOND)
    assert (flow.sender.ssthresh, flow.sender.cwnd) == (window // 2, window // 2)


def test_a_window_that_rested_begins_anew() -> None:
    """RFC 5681 §4.1: it had opened far; after ten seconds of silence ten segments go, and then more."""
    with SimNet(seed=3) as net:
        b = net.host("b")
        net.wire.set(delay=0.05)
        listener = b.socket.create_server((b.address, 80))
        client = net.socket.create_connection((b.address, 80))
        server = listener.accept()[0]
        bursts = []
        for _ in range(2):
            client.setblocking(False)
            for _ in range(20):
                with suppress(BlockingIOError):
                    client.send(bytes(40_000))
                net.time.sleep(0.1)
                server.setblocking(False)
                with suppress(BlockingIOError):
                    while server.recv(1 << 20):
                        pass
            net.time.sleep(10)
            with suppress(BlockingIOError):
                while server.recv(1 << 20):
                    pass
            net.time.sleep(10)
            before = len(list(segments(net)))
            client.send(bytes(60_000))
            bursts.append(sum(bool(each.data) for each in list(segments(net))[before:]))
            net.time.sleep(10)
        assert bursts == [10, 10]
        for end in (client, server, listener):
            end.close()


# ---------------------------------------------------------------- the retransmission time-out


def test_the_first_round_trip_sets_the_time_out() -> None:
    """RFC 6298 §2.2: the round trip and four times its half."""
    flow = Flow(1)
    flow.pair.world.sleep_until(SECOND // 2)
    tick = LINUX.jiffy_ns
    assert flow.sender.srtt_us8 == 8 * 100_000
    assert flow.sender.mdev_us4 == 4 * 50_000
    assert flow.sender.rto_ns == pytest.approx(3 * ROUND_TRIP_S * SECOND, abs=tick)


def test_what_was_sent_twice_does_not_measure_the_round_trip() -> None:
    """RFC 6298 §3 (Karn): else a round trip of more than a whole time-out would be believed."""
    flow = Flow(1, lambda seen: seen.source == "lo" and bool(seen.segment.data) and seen.number <= 4)
    flow.run()
    assert len(flow.data()) > 1
    assert flow.sender.srtt_us8 == pytest.approx(800_000, rel=0.05)


def test_an_echo_measures_what_was_sent_twice() -> None:
    """RFC 7323 §4.1: the way has grown longer, and the echo tells that it was the repetition which took so long."""
    flow = Flow(1, lambda seen: seen.source == "lo" and bool(seen.segment.data) and seen.number <= 4)
    flow.pair.world.sleep_until(SECOND // 10)
    for source, target in (("lo", "b"), ("b", "lo")):
        flow.pair.world.wire.path(source, target).delay_ns = 90_000_000
    flow.pair.run()
    flow.pair.world.sleep_until(3 * SECOND)
    assert len(flow.data()) > 1
    assert 100_000 < flow.sender.srtt_us8 / 8 < 130_000


def test_the_time_out_starts_anew_with_each_acknowledgement() -> None:
    """RFC 6298 §5.3. One segment a quarter of a second is never sent twice, though the whole takes several seconds."""
    flow = Flow(40 * FULL, bits_per_second=46_000, queue=100)
    flow.run()
    assert len(flow.data()) - len({seen.seq for seen in flow.data()}) <= 10
    assert flow.data()[-1].at_s > 3


def test_later_round_trips_move_the_time_out_slowly() -> None:
    """RFC 6298 §2.3: an eighth and a quarter of what differs. The way grows longer from 100 to 180 ms."""
    flow = Flow(FULL, back=0)
    flow.pair.world.sleep_until(SECOND // 10)
    sender = flow.sender
    assert sender.srtt_us8 == 8 * 100_000
    for source, target in (("lo", "b"), ("b", "lo")):
        flow.pair.world.wire.path(source, target).delay_ns = 90_000_000
    flow.pair.run()
    flow.pair.world.sleep_until(SECOND)
    srtt_ms, mdev_ms = 100.0, 50.0
    for _ in ("data", "FIN"):
        mdev_ms += (180 - srtt_ms - mdev_ms) / 4
        srtt_ms += (180 - srtt_ms) / 8
    assert sender.srtt_us8 == 8000 * srtt_ms
    assert sender.mdev_us4 == pytest.approx(4000 * mdev_ms, abs=4)


def test_a_short_round_trip_still_waits_a_fifth_of_a_second() -> None:
    """RFC 6298 §2.4 says a second; Linux has 200 ms (TCP_RTO_MIN), counted on ticks of 4 ms."""
    flow = Flow(1, delay_ns=10_000)
    flow.pair.world.sleep_until(SECOND // 10)
    assert (flow.sender.srtt_ns, flow.sender.rto_ns) == (20_000, 204_000_000)


def test_a_syn_that_is_answered_late_leaves_no_round_trip() -> None:
    """RFC 6298 §3, §5.7: a SYN that was sent twice measures nothing; the time-out is the first one again, a second."""
    flow = Flow(0, lambda seen: seen.source == "lo" and seen.number == 1)
    flow.pair.world.sleep_until(int(1.2 * SECOND))
    assert flow.sender.srtt_ns < ROUND_TRIP_S * SECOND * 1.5
