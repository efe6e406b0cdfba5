"""Cubic on its own: when slow start ends before a loss, and that its curve counts in ticks.

Whole transfers are in test_recovery.py; the same numbers on the kernel are the cross-check's affair.
"""

from __future__ import annotations

import attrs
import pytest

from model.choices import Seeded
from model.profiles import LINUX_DEFAULT
from model.tcp.block import Tcb
from model.tcp.congestion import INFINITE
from model.tcp.cubic import Cubic
from model.world.host import Host

TRIP_US = 10_000
US, TICK = 1000, LINUX_DEFAULT.jiffy_ns
PACKETS_US = 500
"""What four of the largest packets take at the pace of the connection below."""


@attrs.define
class Flow:
    """A connection in slow start with so many segments of window, in the middle of a round."""

    cwnd: int = 16
    host: Host = attrs.Factory(lambda: Host("h", LINUX_DEFAULT, Seeded(0)))
    tcb: Tcb = attrs.Factory(lambda: Tcb(1))
    cubic: Cubic = attrs.Factory(Cubic)

    def __attrs_post_init__(self) -> None:
        self.tcb.cwnd, self.tcb.ssthresh = self.cwnd, INFINITE
        self.tcb.pacing_rate = 4 * LINUX_DEFAULT.run_max * 1_000_000 // PACKETS_US
        self.tcb.snd_nxt = 1000
        self.cubic.begins(self.tcb, self.host)

    def ack(self, at_us: int, trip_us: int = TRIP_US, una: int = 1) -> bool:
        """Something was acknowledged: whether slow start has found its end."""
        self.host.now_ns, self.tcb.snd_una = at_us * US, una
        self.tcb.snd_nxt = una + 999
        self.cubic.round_trip(self.tcb, trip_us, self.host)
        return self.cubic.found_end


def test_acknowledgements_over_half_a_round_trip_end_slow_start() -> None:
    flow = Flow()
    end = (TRIP_US + PACKETS_US) // 2
    assert not any(flow.ack(at) for at in range(1000, end, 1000))
    assert not flow.ack(end)
    assert flow.tcb.ssthresh == INFINITE
    assert flow.ack(end + 1)
    assert flow.tcb.ssthresh == flow.cwnd


def test_a_gap_between_acknowledgements_ends_their_train() -> None:
    flow = Flow()
    assert not any(flow.ack(at) for at in (1000, 3001, 6000, 9000))


def test_a_round_begins_with_what_was_sent_in_the_last() -> None:
    flow = Flow()
    assert not any(flow.ack(at) for at in range(1000, 5000, 1000))
    assert not flow.ack(6000, una=1001)
    assert not flow.ack(8000, una=1002)


def test_small_windows_are_left_alone_but_their_rounds_count() -> None:
    flow = Flow(cwnd=15)
    assert not flow.ack(9000, una=1001)
    flow.tcb.cwnd = 16
    assert not flow.ack(10_000)
    assert flow.cubic.round_began_us == 9000


@pytest.mark.parametrize(("slower_us", "ends"), [(4000, False), (4001, True)])
def test_longer_round_trips_end_slow_start(slower_us: int, ends: bool) -> None:
    """Eight are looked at first, and up to four milliseconds more are nothing."""
    flow = Flow()
    flow.ack(1)
    begins = 10_000
    apart = range(begins, begins + 8 * 3000, 3000)  # too far for a train
    assert not any(flow.ack(at, TRIP_US + slower_us, una=1001) for at in apart)
    assert flow.ack(begins + 8 * 3000, TRIP_US + slower_us, una=1001) == ends


def test_the_curve_is_looked_at_once_a_tick() -> None:
    flow = Flow()
    flow.tcb.ssthresh = 10
    flow.cubic.last_max = 40
    flow.host.now_ns = 100 * TICK
    flow.cubic.opens(flow.tcb, 1, flow.host)
    first = flow.cubic.every
    flow.tcb.cwnd += 1  # another window is looked at, but not within the tick
    flow.host.now_ns += TICK - 1
    flow.cubic.opens(flow.tcb, 1, flow.host)
    assert flow.cubic.every == first
    flow.host.now_ns += 50 * TICK
    flow.cubic.opens(flow.tcb, 1, flow.host)
    assert flow.cubic.every < first


def test_a_time_out_begins_anew() -> None:
    flow = Flow()
    flow.ack(6000)
    flow.ack(6001)
    flow.cubic.last_max = 99
    flow.cubic.timed_out(flow.tcb, flow.host)
    assert (flow.cubic.last_max, flow.cubic.found_end, flow.cubic.round_end) == (0, False, flow.tcb.snd_nxt)
