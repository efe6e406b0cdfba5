"""CUBIC: the congestion window as a cubic function of the time since the last loss (RFC 9438, as Linux has it).

After a loss the window goes down to 717/1024 of what it was, and comes back as a curve that is flat near the old
window: fast at first, then carefully, then fast again to find out whether there is more room. It never opens slower
than Reno would. The whole numbers are the kernel's: time in its own ticks (jiffies), turned into 1/1024 s, the curve
scaled by 2**40.

Slow start ends before the first loss if round trips become longer, or if acknowledgements of one round come over a time
that is nearly half a round trip, or half of that and of what four of the largest packets take (HyStart: Ha and Rhee
2011). Those times are microseconds.

Not here: BPF variants; pacing, which makes the kernel wait twice as long for the second sign.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from .block import Tcb
from .congestion import LEAST, additively, slow_start

if TYPE_CHECKING:
    from ..world.host import Host

_BETA, _BETA_UNIT = 717, 1024
_UNITS, _SECOND = 1024, 1_000_000_000
_SCALE = 41
"""The factor of the curve is 41/1024 (`bic_scale`)."""
_CUBE_FACTOR = (1 << 40) // (_SCALE * 10)
_BETA_SCALE = 8 * (_BETA_UNIT + _BETA) // 3 // (_BETA_UNIT - _BETA)
_HYSTART_LOW_WINDOW, _HYSTART_SAMPLES = 16, 8
_HYSTART_TRAIN_US = 2000
_HYSTART_DELAY_MIN_US, _HYSTART_DELAY_MAX_US = 4000, 16000
_HYSTART_LONGEST_US = 1000
_UNSEEN = 1 << 32


def cube_root(number: int) -> int:
    """The largest whole number whose cube is not greater."""
    low = 0
    high = 1 << (number.bit_length() // 3 + 1)
    while low < high:
        middle = (low + high + 1) >> 1
        if middle**3 <= number:
            low = middle
        else:
            high = middle - 1
    return low


@attrs.define(eq=False)
class Cubic:
    """One connection's curve."""

    is_draft = True
    every: int = 0
    """The window opens by a segment for so many acknowledged."""
    last_max: int = 0
    """The window at the last loss."""
    last_cwnd: int = 0
    last_at_ns: int = 0
    origin: int = 0
    """Where the curve is flat, and how many ticks after the loss it gets there."""
    inflection: int = 0
    begins_ns: int | None = None
    """In which tick the curve began; None after a loss, until something is acknowledged."""
    acknowledged: int = 0
    friendly: int = 0
    """The window that Reno would have."""
    shortest_us: int = 0
    found_end: bool = False
    """Whether slow start has found its end."""
    round_end: int = 0
    round_began_us: int = 0
    last_ack_us: int = 0
    round_shortest_us: int = _UNSEEN
    samples: int = 0

    def begins(self, tcb: Tcb, host: Host) -> None:
        fresh = Cubic()
        for field in attrs.fields(Cubic):
            setattr(self, field.name, getattr(fresh, field.name))
        self._begin_round(tcb, host)

    def opens(self, tcb: Tcb, acknowledged: int, host: Host) -> None:
        if tcb.cwnd < tcb.ssthresh:
            acknowledged = slow_start(tcb, acknowledged)
            if not acknowledged:
                return
        self._follow(tcb.cwnd, acknowledged, host)
        additively(tcb, self.every, acknowledged)

    def threshold(self, tcb: Tcb) -> int:
        self.begins_ns = None
        shrinks = tcb.cwnd < self.last_max
        self.last_max = tcb.cwnd * (_BETA_UNIT + _BETA) // (2 * _BETA_UNIT) if shrinks else tcb.cwnd
        return max(tcb.cwnd * _BETA // _BETA_UNIT, LEAST)

    def window_before(self, tcb: Tcb) -> int:
        return max(tcb.cwnd, tcb.prior_cwnd)

    def timed_out(self, tcb: Tcb, host: Host) -> None:
        self.begins(tcb, host)

    def starts_sending(self, tcb: Tcb, host: Host) -> None:
        """Time in which nothing was sent does not count: the curve is moved by it."""
        now_ns = host.tick_ns
        if self.begins_ns is not None and tcb.last_sent_ns >= 0 and now_ns > tcb.last_sent_ns:
            self.begins_ns = min(self.begins_ns + now_ns - tcb.last_sent_ns, now_ns)

    def _follow(self, cwnd: int, acknowledged: int, host: Host) -> None:
        """So many segments were acknowledged: after how many does the window open by one? (`bictcp_update`)"""
        self.acknowledged += acknowledged
        now_ns, tick_ns = host.tick_ns, host.profile.jiffy_ns
        if self.last_cwnd == cwnd and now_ns - self.last_at_ns <= _SECOND // tick_ns // 32 * tick_ns:
            return
        if self.begins_ns is None or now_ns != self.last_at_ns:
            self.last_cwnd, self.last_at_ns = cwnd, now_ns
            if self.begins_ns is None:
                self._begin(cwnd, acknowledged, now_ns)
            ticks = (now_ns - (self.begins_ns or 0)) // tick_ns - (-self.shortest_us * 1000 // tick_ns)
            units = ticks * _UNITS // (_SECOND // tick_ns)
            distance = abs(units - self.inflection)
            delta = (_SCALE * 10 * distance**3) >> 40
            target = self.origin - delta if units < self.inflection else self.origin + delta
            self.every = cwnd // (target - cwnd) if target > cwnd else 100 * cwnd
            if not self.last_max and self.every > 20:
                self.every = 20
        self._be_friendly(cwnd)
        self.every = max(self.every, 2)

    def _begin(self, cwnd: int, acknowledged: int, now_ns: int) -> None:
        self.begins_ns, self.acknowledged, self.friendly = now_ns, acknowledged, cwnd
        if self.last_max <= cwnd:
            self.inflection, self.origin = 0, cwnd
        else:
            self.inflection, self.origin = cube_root(_CUBE_FACTOR * (self.last_max - cwnd)), self.last_max

    def _be_friendly(self, cwnd: int) -> None:
        each = (cwnd * _BETA_SCALE) >> 3
        while self.acknowledged > each > 0:
            self.acknowledged -= each
            self.friendly += 1
        if self.friendly > cwnd:
            self.every = min(self.every, cwnd // (self.friendly - cwnd))

    # ------------------------------------------------------------ the end of slow start

    def round_trip(self, tcb: Tcb, trip_us: int, host: Host) -> None:
        if self.begins_ns is not None and host.tick_ns - self.begins_ns < _SECOND:
            return
        trip_us = max(trip_us, 1)
        if not self.shortest_us or self.shortest_us > trip_us:
            self.shortest_us = trip_us
        if not self.found_end and tcb.cwnd < tcb.ssthresh:
            self._look_for_end(tcb, trip_us, host)

    def _look_for_end(self, tcb: Tcb, trip_us: int, host: Host) -> None:
        """Has the window become as large as what the path holds? (`hystart_update`)"""
        if tcb.snd_una > self.round_end:
            self._begin_round(tcb, host)
        if tcb.cwnd < _HYSTART_LOW_WINDOW:
            return
        now_us = host.now_ns // 1000
        if now_us - self.last_ack_us <= _HYSTART_TRAIN_US:
            self.last_ack_us = now_us
            if now_us - self.round_began_us > (self.shortest_us + self._packets_us(tcb, host)) >> 1:
                self.found_end, tcb.ssthresh = True, tcb.cwnd
        self.round_shortest_us = min(self.round_shortest_us, trip_us)
        if self.samples < _HYSTART_SAMPLES:
            self.samples += 1
            return
        slack = min(max(self.shortest_us >> 3, _HYSTART_DELAY_MIN_US), _HYSTART_DELAY_MAX_US)
        if self.round_shortest_us > self.shortest_us + slack:
            self.found_end, tcb.ssthresh = True, tcb.cwnd

    def _begin_round(self, tcb: Tcb, host: Host) -> None:
        self.round_began_us = self.last_ack_us = host.now_ns // 1000
        self.round_end, self.round_shortest_us, self.samples = tcb.snd_nxt, _UNSEEN, 0

    @staticmethod
    def _packets_us(tcb: Tcb, host: Host) -> int:
        """How long four of the largest packets take (`hystart_ack_delay`)."""
        if not tcb.pacing_rate:
            return 0
        return min(4 * host.profile.run_max * 1_000_000 // tcb.pacing_rate, _HYSTART_LONGEST_US)
