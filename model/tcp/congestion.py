"""Congestion control: how far the congestion window opens, and how far it closes after a loss.

An algorithm is chosen by name (algorithms.py) and asked: how far may the window open, now that so many segments were
acknowledged? where is the threshold after a loss? what was the window, if there was no loss after all? And it is told
of round trips. The window opens only while it is really used up (RFC 7661 in spirit), and one that rested for a
time-out begins anew (RFC 5681 §4.1).

Reno (RFC 5681 §3.1): below the threshold the window opens by a segment for every segment acknowledged, above it by one
for every window. A loss halves it. Cubic is in cubic.py.

Windows and thresholds are counted in segments.

Not here: when a loss is a loss (recovery.py); bbr, which paces.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from .block import OutBuffer, Recovery, Tcb

if TYPE_CHECKING:
    from ..world.host import Host

LEAST = 2
"""Segments that the threshold never goes below (RFC 5681 §3.1, equation 4)."""
INFINITE = 0x7FFF_FFFF
"""The threshold before the first loss."""


class Algorithm(Protocol):
    """One way to find the window. A draft: it belongs to one connection."""

    is_draft: bool

    def begins(self, tcb: Tcb, host: Host) -> None:
        """The connection is established."""

    def opens(self, tcb: Tcb, acknowledged: int, host: Host) -> None:
        """So many segments were acknowledged, and the window is used up."""

    def threshold(self, tcb: Tcb) -> int:
        """Segments above which the window is to open slowly, now that something was lost."""

    def window_before(self, tcb: Tcb) -> int:
        """The window that a loss has closed, which was none."""

    def timed_out(self, tcb: Tcb, host: Host) -> None:
        """A retransmission time-out."""

    def starts_sending(self, tcb: Tcb, host: Host) -> None:
        """Nothing was on its way, and now something is."""

    def round_trip(self, tcb: Tcb, trip_us: int, host: Host) -> None:
        """Something was acknowledged after so long."""


class Reno:
    """RFC 5681 §3.1."""

    is_draft = True

    def begins(self, tcb: Tcb, host: Host) -> None: ...

    def opens(self, tcb: Tcb, acknowledged: int, host: Host) -> None:
        if tcb.cwnd < tcb.ssthresh:
            acknowledged = slow_start(tcb, acknowledged)
        if acknowledged:
            additively(tcb, tcb.cwnd, acknowledged)

    def threshold(self, tcb: Tcb) -> int:
        return max(tcb.cwnd >> 1, LEAST)

    def window_before(self, tcb: Tcb) -> int:
        return max(tcb.cwnd, tcb.prior_cwnd)

    def timed_out(self, tcb: Tcb, host: Host) -> None: ...

    def starts_sending(self, tcb: Tcb, host: Host) -> None: ...

    def round_trip(self, tcb: Tcb, trip_us: int, host: Host) -> None: ...


def slow_start(tcb: Tcb, acknowledged: int) -> int:
    """A segment for every segment, up to the threshold. Returns how many are left above it."""
    before = tcb.cwnd
    tcb.cwnd = min(tcb.cwnd + acknowledged, tcb.ssthresh)
    return acknowledged - (tcb.cwnd - before)


def additively(tcb: Tcb, every: int, acknowledged: int) -> None:
    """One segment more for `every` so many acknowledged (`tcp_cong_avoid_ai`)."""
    if tcb.cwnd_count >= every:
        tcb.cwnd_count = 0
        tcb.cwnd += 1
    tcb.cwnd_count += acknowledged
    if tcb.cwnd_count >= every:
        tcb.cwnd += tcb.cwnd_count // every
        tcb.cwnd_count %= every


def is_used_up(tcb: Tcb) -> bool:
    """Whether the window, and nothing else, holds sending back (`tcp_is_cwnd_limited`). In slow start half will do."""
    if tcb.cwnd_limited:
        return True
    return tcb.cwnd < tcb.ssthresh and tcb.cwnd < 2 * tcb.in_flight_max


def note_use(tcb: Tcb, limited: bool, host: Host) -> None:
    """Segments were sent, or could not be for want of window: how much of it is used? (`tcp_cwnd_validate`)"""
    more = not tcb.cwnd_limited and tcb.in_flight > tcb.in_flight_max
    if tcb.snd_una >= tcb.use_noted_to or limited or more:
        tcb.cwnd_limited, tcb.in_flight_max, tcb.use_noted_to = limited, tcb.in_flight, tcb.snd_nxt
    if is_used_up(tcb):
        tcb.cwnd_used = 0
        tcb.cwnd_at_ns = host.tick_ns
        return
    tcb.cwnd_used = max(tcb.cwnd_used, tcb.in_flight)
    if host.profile.slow_start_after_idle and host.tick_ns - tcb.cwnd_at_ns >= tcb.rto_ns:
        _close_unused(tcb, host)


def _close_unused(tcb: Tcb, host: Host) -> None:
    """A window that was not used for a time-out goes half the way to what was (`tcp_cwnd_application_limited`)."""
    if tcb.recovery is Recovery.OPEN and tcb.fd is not None and not tcb.ran_full:
        used = max(tcb.cwnd_used, host.profile.initial_cwnd)
        if used < tcb.cwnd:
            tcb.ssthresh = three_quarters(tcb)
            tcb.cwnd = (tcb.cwnd + used) >> 1
        tcb.cwnd_used = 0
    tcb.cwnd_at_ns = host.tick_ns


def restart_after_idle(tcb: Tcb, host: Host) -> None:
    """Something is to be sent: for every time-out that nothing was, the window halves, down to the initial one
    (RFC 5681 §4.1; `tcp_slow_start_after_idle_check`).
    """
    idle_ns = host.tick_ns - tcb.last_sent_ns
    if not host.profile.slow_start_after_idle or tcb.in_flight or idle_ns <= tcb.rto_ns or tcb.last_sent_ns < 0:
        return
    least = min(host.profile.initial_cwnd, tcb.cwnd)
    tcb.ssthresh = three_quarters(tcb)
    while (idle_ns := idle_ns - tcb.rto_ns) > 0 and tcb.cwnd > least:
        tcb.cwnd >>= 1
    tcb.cwnd = max(tcb.cwnd, least)
    tcb.cwnd_at_ns = host.tick_ns
    tcb.cwnd_used = 0


def reduces(tcb: Tcb) -> bool:
    """Whether the window is on its way down to the threshold (`tcp_in_cwnd_reduction`)."""
    return tcb.recovery in (Recovery.CWR, Recovery.RECOVERY)


def three_quarters(tcb: Tcb) -> int:
    """The threshold to come back to: three quarters of the window if that is beyond it (`tcp_current_ssthresh`)."""
    return max(tcb.ssthresh, (tcb.cwnd >> 1) + (tcb.cwnd >> 2))


def begin_reduction(tcb: Tcb) -> None:
    """From here the window goes down to a new threshold, while acknowledgements clock segments out (RFC 6937)."""
    tcb.high_seq = tcb.snd_nxt
    tcb.tail_probed_at = 0
    tcb.cwnd_count = 0
    tcb.prior_cwnd = tcb.cwnd
    tcb.prr_delivered = tcb.prr_out = 0
    tcb.tells_reduction = tcb.ecn
    tcb.ssthresh = tcb.control.threshold(tcb)


def reduce(tcb: Tcb, delivered: int, lost: int, advanced: bool) -> None:
    """So many segments were delivered: as many go out as bring what is on its way to the threshold by the time
    everything is acknowledged (proportional rate reduction, RFC 6937 §3; `tcp_cwnd_reduction`).
    """
    if delivered <= 0:
        return
    tcb.prr_delivered += delivered
    above = tcb.ssthresh - tcb.pipe
    if above < 0:
        count = -(-tcb.ssthresh * tcb.prr_delivered // tcb.prior_cwnd) - tcb.prr_out
    else:
        count = max(tcb.prr_delivered - tcb.prr_out, delivered)
        count = min(above, count + (advanced and not lost))
    tcb.cwnd = tcb.pipe + max(count, 0 if tcb.prr_out else 1)


def pace(tcb: Tcb) -> None:
    """How many bytes a second the window and the round trip come to, and a bit more, to let it open
    (`tcp_update_pacing_rate`).
    """
    percent = 200 if tcb.cwnd < tcb.ssthresh // 2 else 120
    rate = tcb.mss * 80_000 * percent * max(tcb.cwnd, tcb.in_flight)
    tcb.pacing_rate = rate // tcb.srtt_us8 if tcb.srtt_us8 else rate


def run_length(tcb: Tcb, mss: int, longest: int, least: int) -> int:
    """How many segments leave as one run: what is sent in a millisecond or so; near by, as much as a packet holds
    (`tcp_tso_autosize`). `longest` is in bytes.
    """
    if tcb.pacing_rate is None:
        return max(longest // mss, least)
    far = min((tcb.shortest_us or 0) >> 9, 64)
    return max(min((tcb.pacing_rate >> 10) + (longest >> far), longest) // mss, least)


_LATELY_NS = 1_000_000


def run_should_wait(tcb: Tcb, buffer: OutBuffer, longest: int, last: bool, now_ns: int, host: Host) -> bool:
    """Whether a run that the windows let go in part only waits for the next acknowledgement, to go as a longer one
    (`tcp_tso_should_defer`). It does if something was sent a moment ago, and the acknowledgement is due at once.
    """
    if tcb.recovery >= Recovery.RECOVERY or not tcb.unacked or now_ns - tcb.transmitted_ns > _LATELY_NS:
        return False
    room_window = tcb.snd_una + tcb.snd_wnd - buffer.seq
    limit = min(room_window, (tcb.cwnd - tcb.pipe) * tcb.mss)
    if limit >= longest * tcb.mss or (not last and limit >= len(buffer.data)):
        return False
    if limit >= min(tcb.snd_wnd, tcb.cwnd * tcb.mss) // host.profile.tso_win_divisor:
        return False
    due_in_ns = tcb.unacked[0].sent_ns + tcb.srtt_ns - now_ns
    if due_in_ns > min(tcb.srtt_ns // 2, _LATELY_NS):
        return False
    return limit <= len(buffer.data) or not buffer.fin


def window_is_shorter(tcb: Tcb, buffer: OutBuffer) -> bool:
    """Whether it is the congestion window, and not the peer's, that holds a waiting run back."""
    room = (tcb.cwnd - tcb.pipe) * tcb.mss
    return room < tcb.snd_una + tcb.snd_wnd - buffer.seq and room <= len(buffer.data)
