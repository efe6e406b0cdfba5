"""Sending again: what an acknowledgement means for recovery, in the kernel's order of questions, and what is sent then.

First everything that is on the list is marked (scoreboard.py). Then, if the acknowledgement is not as ever: was all
heard that was on its way when the trouble began? was something needless? what is lost now? (`tcp_fastretrans_alert`).
After that come the timer, the window, and what the window allows of what is lost, oldest first, before anything new.

Not here: the rules that answer these questions (recovery.py, timeouts.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import congestion, scoreboard
from .block import OutBuffer, Pending, Recovery, Tcb
from .machine import RECOVERY, RecoveryEvent, Resend
from .output import current_mss, note_sent, push_pending, rearm_retransmission, resend, set_retransmission, start_timer
from .scoreboard import Progress
from .undoing import note_nothing_resent
from .windows import bound_mss

if TYPE_CHECKING:
    from ..world.host import Host

R, E = Recovery, RecoveryEvent
LONGEST_RUN = 65_536
"""What a send buffer may hold twice beyond its size before nothing in it is cut any more (GSO_LEGACY_MAX_SIZE), in
bytes of text, each time with a buffer's overhead without its head.
"""


# ---------------------------------------------------------------- an acknowledgement has arrived


def look(tcb: Tcb, progress: Progress, host: Host) -> Resend:
    """Ask what an acknowledgement that is not as ever means, and what is to be sent (`tcp_fastretrans_alert`)."""
    trail = host.trail
    if not tcb.in_flight:
        tcb.sacked_out = 0
    if progress.echoes_mark:
        tcb.prior_ssthresh = 0
    if progress.advanced and tcb.unacked and tcb.unacked[0].sacked:
        _wait_for_reneging(tcb, host)
        progress.timer_is_set = True
        return Resend.NOTHING
    if tcb.recovery is R.OPEN:
        tcb.resent_since_ns = None
    elif tcb.snd_una >= tcb.high_seq and RECOVERY.offer(trail, E.ALL_HEARD, tcb, progress, host):
        return Resend.NOTHING
    if tcb.recovery is R.RECOVERY:
        if progress.advanced:
            if RECOVERY.offer(trail, E.LATE, tcb, progress, host):
                return Resend.NOTHING
        elif not tcb.sack_permitted:
            scoreboard.count_duplicates(tcb, progress.duplicates)
        if RECOVERY.offer(trail, E.TOLD_TWICE, tcb, progress, host):
            _try_to_open(tcb, progress, host)
        return _in_recovery(tcb, progress, host)
    if tcb.recovery is R.LOSS:
        again = _after_time_out(tcb, progress, host)
        if again is not None:
            return again
    if not tcb.sack_permitted:
        if progress.advanced:
            tcb.sacked_out = 0
        scoreboard.count_duplicates(tcb, progress.duplicates)
    if tcb.recovery <= R.DISORDER:
        RECOVERY.offer(trail, E.TOLD_TWICE, tcb, progress, host)
    _find_lost(tcb, progress, host)
    if not tcb.lost_out:
        _try_to_open(tcb, progress, host)
        return Resend.NOTHING
    RECOVERY.fire(trail, E.LOST, tcb, progress, host)
    return Resend.LOST


def _try_to_open(tcb: Tcb, progress: Progress, host: Host) -> None:
    """Nothing is lost: is anything missing? And did a router mark anything? (`tcp_try_to_open`)"""
    note_nothing_resent(tcb)
    if progress.echoes_mark:
        RECOVERY.offer(host.trail, E.MARK_ECHOED, tcb, progress, host)
    if tcb.recovery is not R.CWR:
        RECOVERY.offer(host.trail, E.SETTLED, tcb, progress, host)


def _in_recovery(tcb: Tcb, progress: Progress, host: Host) -> Resend:
    """Recovery goes on, or was taken back; then it may begin anew."""
    _find_lost(tcb, progress, host)
    if tcb.recovery is not R.RECOVERY:
        if not tcb.lost_out:
            return Resend.NOTHING
        RECOVERY.fire(host.trail, E.LOST, tcb, progress, host)
    return Resend.LOST


def _after_time_out(tcb: Tcb, progress: Progress, host: Host) -> Resend | None:
    """What an acknowledgement after a time-out leads to; None if it is to be looked at as any other."""
    again: Resend = RECOVERY.fire(host.trail, E.AFTER_TIME_OUT, tcb, progress, host)
    _find_lost(tcb, progress, host)
    return None if _is(tcb, R.OPEN) or progress.resent_lost else again


def _is(tcb: Tcb, state: Recovery) -> bool:
    """Whether the machine is in this state now: a rule may have moved it."""
    return tcb.recovery is state


def _wait_for_reneging(tcb: Tcb, host: Host) -> None:
    """The peer has the first segment and does not acknowledge it: it has thrown it away, or will acknowledge it at
    once (`tcp_check_sack_reneging`).
    """
    start_timer(tcb, Pending.RETRANSMIT, max(tcb.srtt_ns // 2, 10_000_000), host)


def _find_lost(tcb: Tcb, progress: Progress, host: Host) -> None:
    if not tcb.unacked:
        return
    if not tcb.sack_permitted:
        scoreboard.find_lost_by_count(tcb, progress.advanced, host)
        return
    before = tcb.resent_out
    if tcb.newest_is_news:
        tcb.newest_is_news = False
        wait_ns = scoreboard.find_lost(tcb, host)
        if wait_ns:
            patience_ns = wait_ns + host.profile.tail_probe_min_ns
            start_timer(tcb, Pending.REORDERING, min(patience_ns, tcb.rto_ns), host)
            progress.timer_is_set = True
    progress.resent_lost = progress.resent_lost or before > tcb.resent_out


# ---------------------------------------------------------------- sending again


def send_in_smaller_pieces(tcb: Tcb, before: int, host: Host) -> None:
    """Segments are smaller now; `before` is what they were. What is larger is lost, and is sent again as far as the
    congestion window allows (`tcp_simple_retransmit`).
    """
    for buffer in tcb.unacked:
        size = before if buffer.segments > 1 else len(buffer.data)
        if size > current_mss(tcb):
            scoreboard.lose(tcb, buffer)
    if not tcb.lost_out:
        return
    if not congestion.reduces(tcb):
        tcb.ssthresh = congestion.three_quarters(tcb)
    RECOVERY.fire(host.trail, E.TOO_LARGE, tcb, host)
    resend_lost(tcb, host)


def resend_lost(tcb: Tcb, host: Host) -> None:
    """Send what is lost again, oldest first, while the network has room for it (`tcp_xmit_retransmit_queue`)."""
    at = 0
    first = tcb.unacked[0] if tcb.unacked else None
    rearm = False
    longest = congestion.run_length(tcb, current_mss(tcb), host.profile.run_max, 2)
    while at < len(tcb.unacked) and tcb.lost_out > tcb.resent_out:
        room = tcb.cwnd - tcb.pipe
        if room <= 0:
            break
        buffer = tcb.unacked[at]
        at += 1
        if not buffer.lost or buffer.resent or buffer.sacked:
            continue
        if not send_again(tcb, buffer, min(room, longest), host):
            break
        if congestion.reduces(tcb):
            tcb.prr_out += buffer.segments
        rearm = rearm or buffer is first
    if rearm and tcb.pending is not Pending.REORDERING:
        start_timer(tcb, Pending.RETRANSMIT, tcb.rto_ns, host)


def send_again(tcb: Tcb, buffer: OutBuffer, segments: int, host: Host) -> bool:
    """Put a buffer on the wire again, at most so many segments of it; the rest stays as it is. False if the peer's
    window does not reach it any more, or if it would have to be cut and may not be (`tcp_retransmit_skb`).
    """
    if not transmit_again(tcb, buffer, segments, host):
        return False
    scoreboard.mark(tcb, buffer, resent=True)
    if tcb.resent_since_ns is None:
        tcb.resent_since_ns = host.now_ns
    tcb.undo_resent = max(tcb.undo_resent, 0) + buffer.segments
    return True


def transmit_again(tcb: Tcb, buffer: OutBuffer, segments: int, host: Host) -> bool:
    """The same without taking note of it, as a tail probe does (`__tcp_retransmit_skb`)."""
    if host.path_mtus.known:
        tcb.path_mss = host.path_mss(tcb.remote[0])
        bound_mss(tcb)
    mss = current_mss(tcb)
    if buffer.seq < tcb.snd_una and not buffer.syn:
        scoreboard.trim(tcb, buffer, host)
    room = tcb.snd_una + tcb.snd_wnd - buffer.seq
    if room <= 0:
        if buffer.seq > tcb.snd_una:
            return False
        room = mss
    size = mss if tcb.sends_urgent else mss * segments
    if size > room:
        size = room // mss * mss or room
    if len(buffer.data) > size:
        if may_not_be_cut(tcb, buffer, host):
            return False
        scoreboard.cut_unacked(tcb, buffer, size, mss, host)
    else:
        scoreboard.count_anew(tcb, buffer, mss)
        if len(buffer.data) < min(room, mss) and not host.owns(tcb.remote[0]):
            scoreboard.join_following(tcb, buffer, min(room, mss), host)
    note_sent(tcb, buffer, host.now_ns)
    resend(tcb, buffer, host)
    tcb.resent += buffer.segments
    buffer.sent_again = True
    return True


def may_not_be_cut(tcb: Tcb, buffer: OutBuffer, host: Host) -> bool:
    """Whether the send buffer holds so much more than it may that nothing more is charged to it for the sake of
    cutting: neither the first nor the last that is unacknowledged is meant (`tcp_fragment`).
    """
    profile = host.profile
    most = tcb.sndbuf + 2 * (LONGEST_RUN + profile.buffer_descriptor + profile.buffer_trailer)
    return tcb.wmem >> 1 > most and buffer is not tcb.unacked[0] and buffer is not tcb.unacked[-1]


def reordering_is_over(tcb: Tcb, host: Host) -> None:
    """What was waited for has not come: it is lost (`tcp_rack_reo_timeout`)."""
    before, lost = tcb.pipe, tcb.lost
    scoreboard.find_lost(tcb, host)
    if tcb.pipe != before:
        if tcb.recovery is not R.RECOVERY:
            RECOVERY.fire(host.trail, E.LOST, tcb, None, host)
            congestion.reduce(tcb, 1, tcb.lost - lost, False)
        resend_lost(tcb, host)
    if tcb.pending is not Pending.RETRANSMIT:
        rearm_retransmission(tcb, host, fired=True)


def note_probe_answer(tcb: Tcb, progress: Progress, host: Host) -> None:
    """What the tail probe has found out (`tcp_process_tlp_ack`)."""
    if tcb.snd_una < tcb.tail_probed_at:
        return
    if not tcb.tail_was_resent or progress.probe_twice:
        tcb.tail_probed_at = 0
    elif tcb.snd_una > tcb.tail_probed_at:
        RECOVERY.offer(host.trail, E.PROBE_ANSWERED, tcb, progress, host)
        tcb.tail_probed_at = 0
    elif not (progress.advanced or progress.news or progress.sacked):
        tcb.tail_probed_at = 0


def acknowledged(tcb: Tcb, progress: Progress, as_ever: bool, host: Host) -> None:
    """The last of an acknowledgement: what it means, the timer, the window, and what is to be sent for it."""
    again = Resend.NOTHING if as_ever else look(tcb, progress, host)
    if progress.timer_is_due and not progress.timer_is_set:
        set_retransmission(tcb, host)
    delivered = tcb.delivered - progress.told
    if congestion.reduces(tcb):
        congestion.reduce(tcb, delivered, tcb.lost - progress.lost, progress.advanced)
    elif _may_open(tcb, progress):
        if congestion.is_used_up(tcb):
            tcb.control.opens(tcb, delivered, host)
        tcb.cwnd_at_ns = host.tick_ns
    congestion.pace(tcb)
    send_for(tcb, again, host)


def _may_open(tcb: Tcb, progress: Progress) -> bool:
    """Only what is acknowledged in order opens the window, unless segments are known to overtake each other."""
    overtaken = tcb.reordering > scoreboard.REORDERING and progress.sacked
    return progress.acknowledged > 0 or overtaken


def send_for(tcb: Tcb, again: Resend, host: Host) -> None:
    """Send what `look` has found necessary (`tcp_xmit_recovery`)."""
    if again is Resend.NEW:
        push_pending(tcb, host, nagle=False)
        if tcb.snd_nxt > tcb.high_seq:
            return
        tcb.time_out_doubted = False
    if again is not Resend.NOTHING:
        resend_lost(tcb, host)
