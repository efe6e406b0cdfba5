"""Round trips: how long a segment and its acknowledgement take, and how long to wait for one (RFC 6298).

The smoothed round trip follows an eighth of every difference, the deviation a quarter; but a round trip that is shorter
than foreseen hardly makes the deviation larger, because it is no reason to wait longer. The time-out is the smoothed
round trip plus four deviations, and the latter are never less than 200 ms together, where RFC 6298 would have a second
for the sum. The deviation falls once in a round trip at most, as the largest of that round trip allows.

Times here are whole microseconds, as the kernel counts them; `srtt_us8` is eight times the smoothed round trip and
`mdev_us4` four times the deviation, so that no fraction is lost.

Not here: the filter behind `shortest_us` (`minmax_running_min` keeps three candidates, one is kept here).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .block import Tcb

if TYPE_CHECKING:
    from ..world.host import Host

US = 1000
_SHORTEST_HOLDS_NS = 300_000_000_000
"""After so long the shortest round trip may have become longer (net.ipv4.tcp_min_rtt_wlen)."""


def note_round_trip(tcb: Tcb, sample_ns: int, host: Host) -> None:
    """A segment that was sent once was acknowledged after so long; in virtual time that may be nothing."""
    sample = max(sample_ns // US, 1)
    floor = host.profile.rto_min_ns // US
    if tcb.srtt_us8:
        _smooth(tcb, sample, floor)
    else:
        tcb.srtt_us8 = 8 * sample
        tcb.mdev_us4 = 2 * sample
        tcb.rttvar_us4 = tcb.mdev_max_us4 = max(tcb.mdev_us4, floor)
        tcb.round_ends = tcb.snd_nxt
    tcb.srtt_us8 = max(tcb.srtt_us8, 1)
    tcb.backoff = 0
    set_timeout(tcb, host)


def _smooth(tcb: Tcb, sample: int, floor: int) -> None:
    error = sample - (tcb.srtt_us8 >> 3)
    tcb.srtt_us8 += error
    more = abs(error) - (tcb.mdev_us4 >> 2)
    if error < 0 < more:
        more >>= 3
    tcb.mdev_us4 += more
    if tcb.mdev_us4 > tcb.mdev_max_us4:
        tcb.mdev_max_us4 = tcb.mdev_us4
        tcb.rttvar_us4 = max(tcb.rttvar_us4, tcb.mdev_max_us4)
    if tcb.snd_una > tcb.round_ends:
        tcb.rttvar_us4 -= max(tcb.rttvar_us4 - tcb.mdev_max_us4, 0) >> 2
        tcb.round_ends = tcb.snd_nxt
        tcb.mdev_max_us4 = floor


def set_timeout(tcb: Tcb, host: Host) -> None:
    """The time-out that follows from what was measured (`tcp_set_rto`)."""
    tcb.rto_ns = min(timeout_ns(tcb, host), host.profile.rto_max_ns)


def timeout_ns(tcb: Tcb, host: Host) -> int:
    """That time-out, in whole ticks; without a measurement the one to begin with (`__tcp_set_rto`)."""
    if not tcb.srtt_us8:
        return host.profile.rto_initial_ns
    tick = host.profile.jiffy_ns
    wait_ns = ((tcb.srtt_us8 >> 3) + tcb.rttvar_us4) * US
    return -(-wait_ns // tick) * tick


def note_shortest(tcb: Tcb, sample_ns: int, host: Host) -> None:
    """Keep the shortest round trip of late (`tcp_update_rtt_min`). None takes less than a microsecond but in virtual
    time.
    """
    sample = max(sample_ns // US, 1)
    if tcb.shortest_us is None or sample <= tcb.shortest_us or host.now_ns - tcb.shortest_at_ns > _SHORTEST_HOLDS_NS:
        tcb.shortest_us, tcb.shortest_at_ns = sample, host.now_ns


# ---------------------------------------------------------------- as the receiver sees it


def note_window_trip(tcb: Tcb, host: Host) -> None:
    """A whole window has arrived since the last look: that took a round trip at least (`tcp_rcv_rtt_measure`)."""
    if tcb.receive_trip_began_ns is not None:
        if tcb.rcv_nxt < tcb.receive_trip_ends:
            return
        sample = max((host.now_ns - tcb.receive_trip_began_ns) // US, 1)
        if not tcb.receive_trip_us8 or 8 * sample < tcb.receive_trip_us8:
            tcb.receive_trip_us8 = 8 * sample
    tcb.receive_trip_ends, tcb.receive_trip_began_ns = tcb.rcv_nxt + tcb.rcv_wnd, host.now_ns


def told_receive_trip(tcb: Tcb, trip_us: int) -> None:
    """A kernel that is followed has measured so much, in whole microseconds; 0: nothing yet."""
    if tcb.receive_trip_us8 >> 3 != trip_us:
        tcb.receive_trip_us8 = trip_us << 3


def note_echo_trip(tcb: Tcb, echo: int, full: bool, trip_ns: int | None) -> None:
    """A full segment echoes a timestamp for the first time. One of this very millisecond tells nothing, and one that
    took longer than others is not believed while bytes wait unread: the reader was slow, not the path
    (`tcp_rcv_rtt_measure_ts`, `tcp_rcv_rtt_update`).
    """
    if echo == tcb.echoed_last:
        return
    tcb.echoed_last = echo
    if full and trip_ns:
        sample, before = trip_ns // US, tcb.receive_trip_us8
        if not before or 8 * sample < before:
            tcb.receive_trip_us8 = 8 * sample
        elif tcb.rcv_nxt == tcb.copied_seq:
            tcb.receive_trip_us8 = before - (before >> 3) + sample
