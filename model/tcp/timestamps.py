"""Timestamps: every segment tells its sender's clock, and repeats the last that was seen of the other's (RFC 7323).

They serve two ends. A segment whose clock is behind what was seen already is an old one, though its sequence number may
fit again: protection against wrapped sequence numbers (PAWS, paws.py). And an echo tells which of several transmissions
an acknowledgement belongs to, so that a round trip can be measured, and a needless retransmission noticed, where the
number alone says nothing (recovery.py).

A clock counts milliseconds modulo 2**32 from an offset that is secret; "behind" is by less than half of that. What is
echoed is the timestamp of the segment that an acknowledgement is about: it changes only with a segment that begins at
or before what was acknowledged last, so that a delayed acknowledgement measures the delay too (RFC 7323 §4.3).

Not here: microsecond clocks, which a route can ask for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..values.segments import TIMESTAMPS_SIZE, Segment, Stamps
from .block import Tcb

if TYPE_CHECKING:
    from ..world.host import Host

MS = 1_000_000
_DAY_NS = 86_400_000 * MS
_MODULUS = 1 << 32
_HALF = 1 << 31
_LONGEST_MS = _HALF // 1000
"""As many milliseconds are fewer microseconds than 2**31."""


def clock(tcb: Tcb, at_ns: int) -> int:
    """What this end's clock says at that moment, in milliseconds."""
    return (at_ns // MS + tcb.clock_offset) % _MODULUS


def stamps(tcb: Tcb, host: Host) -> Stamps | None:
    """The timestamps of a segment that is sent now; None if the ends have not agreed on them."""
    return (clock(tcb, host.now_ns), tcb.ts_recent) if tcb.timestamps else None


def offer(tcb: Tcb, host: Host) -> None:
    """A SYN goes out with timestamps, if the system has them: from where does the clock count?"""
    tcb.timestamps = host.profile.timestamps
    if tcb.timestamps:
        tcb.clock_offset = host.hashed(tcb.local[0], tcb.remote[0])


def knows_peer(tcb: Tcb) -> bool:
    """Whether a timestamp of the peer's was noted, or left by a connection that rested (`ts_recent_stamp`)."""
    return tcb.ts_recent_ns is not None


def agree(tcb: Tcb, segment: Segment, host: Host) -> None:
    """The peer's SYN says whether it has timestamps; the first is noted. They cost room in every segment."""
    tcb.timestamps = host.profile.timestamps and segment.timestamps is not None
    tcb.option_bytes = TIMESTAMPS_SIZE if tcb.timestamps else 0
    if tcb.timestamps:
        _store(tcb, segment, host)


def note(tcb: Tcb, segment: Segment, host: Host) -> None:
    """The segment's timestamp is the one to echo from now on, if the segment is the next that was waited for
    (`tcp_replace_ts_recent`).
    """
    if segment.timestamps is not None and segment.seq <= tcb.rcv_wup and not is_behind(tcb, segment, host, 0):
        _store(tcb, segment, host)


def _store(tcb: Tcb, segment: Segment, host: Host) -> None:
    assert segment.timestamps is not None
    tcb.ts_recent, tcb.ts_recent_ns = segment.timestamps[0], host.now_ns


def difference(one: int, other: int) -> int:
    """By how many milliseconds one timestamp is later than the other."""
    return (one - other + _HALF) % _MODULUS - _HALF


def is_behind(tcb: Tcb, segment: Segment, host: Host, slack_ms: int = 1) -> bool:
    """Whether the segment is older than what was seen already, by more than so many milliseconds
    (`tcp_paws_check`).
    """
    if segment.timestamps is None or tcb.ts_recent_ns is None or not tcb.ts_recent:
        return False
    if difference(tcb.ts_recent, segment.timestamps[0]) <= slack_ms:
        return False
    return host.now_ns < tcb.ts_recent_ns + host.profile.paws_days * _DAY_NS


def round_trip_ns(tcb: Tcb, segment: Segment, host: Host, least_ms: int = 1) -> int | None:
    """How long ago the segment that is echoed was sent, `least_ms` milliseconds at least; None if nothing is echoed, or
    what lies in the future or too far back to be an echo (`tcp_rtt_tsopt_us`).
    """
    if not tcb.timestamps or segment.timestamps is None or not segment.timestamps[1]:
        return None
    trip_ms = (clock(tcb, host.now_ns) - segment.timestamps[1]) % _MODULUS
    return max(trip_ms, least_ms) * MS if trip_ms < _LONGEST_MS else None
