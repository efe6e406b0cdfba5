"""Recovery: what the sender does when segments are missing, and how it takes that back if they were not.

It is a machine of its own beside the connection's, with the kernel's states (`icsk_ca_state`). Missing segments first
make DISORDER: they may only be late. When one is *lost* (scoreboard.py), RECOVERY begins: the window goes down to a new
threshold while acknowledgements clock out what was lost and what is new (proportional rate reduction, RFC 6937). If
nothing is heard for a time-out, everything that the peer was not seen to have is LOSS, and the window begins with one
segment (RFC 5681 §3.1; RFC 6298).

Both may turn out to have been needless: the originals were only late. Three things tell. The peer says that everything
which was sent again arrived twice (RFC 2883, RFC 3708). An acknowledgement echoes a timestamp from before the
retransmission (RFC 3522). Or after a time-out something is acknowledged that was sent only once (RFC 5682). Then the
window and the threshold become what they were.

Not here: which segments are lost (scoreboard.py), how the window moves (congestion.py), when timers fire (timers.py).
ECN, which would be another reason for CWR.
"""

from __future__ import annotations

from enum import IntEnum, auto
from typing import TYPE_CHECKING

from ..rules import Machine
from . import congestion, scoreboard
from .block import OutBuffer, Pending, Recovery, Tcb
from .output import current_mss, note_sent, push_pending, rearm_retransmission, resend, set_retransmission, start_timer
from .scoreboard import Progress
from .windows import bound_mss

if TYPE_CHECKING:
    from ..world.host import Host

R = Recovery


class RecoveryEvent(IntEnum):
    """What can happen to a sender that misses something, or does not."""

    ALL_HEARD = 0
    """Everything that was on its way when the trouble showed is acknowledged."""
    LATE = auto()
    """An acknowledgement in recovery goes on: did a retransmission fill the gap, or the original?"""
    TOLD_TWICE = auto()
    """Has all that was sent again arrived twice?"""
    AFTER_TIME_OUT = auto()
    LOST = auto()
    """Something is lost."""
    SETTLED = auto()
    """Nothing is lost: is everything in order?"""
    TIMED_OUT = auto()
    PROBE_ANSWERED = auto()
    """The tail probe was acknowledged, and not as a duplicate: it had filled a gap."""
    TOO_LARGE = auto()
    """Segments have become smaller, and something larger was on its way: it did not get through."""


class Resend(IntEnum):
    """What an acknowledgement makes the sender send beyond what it would send anyway."""

    NOTHING = 0
    LOST = 1
    """What is lost."""
    NEW = 2
    """New bytes; if there are none, what is lost (RFC 5682)."""


RECOVERY = Machine("recovery", "Recovery from loss", Recovery, RecoveryEvent, field="recovery")
E = RecoveryEvent
STOP = True
"""What a rule answers when nothing more is to be asked about this acknowledgement."""


# ---------------------------------------------------------------- an acknowledgement has arrived


def look(tcb: Tcb, progress: Progress, host: Host) -> Resend:
    """Ask what an acknowledgement that is not as ever means, and what is to be sent (`tcp_fastretrans_alert`)."""
    trail = host.trail
    if not tcb.in_flight:
        tcb.sacked_out = 0
    if tcb.unacked and tcb.unacked[0].sacked:
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
            _note_nothing_resent(tcb)
            RECOVERY.offer(trail, E.SETTLED, tcb, progress, host)
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
        _note_nothing_resent(tcb)
        if tcb.recovery is not R.CWR:
            RECOVERY.offer(trail, E.SETTLED, tcb, progress, host)
        return Resend.NOTHING
    RECOVERY.fire(trail, E.LOST, tcb, progress, host)
    return Resend.LOST


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


def _anything_was_resent(tcb: Tcb) -> bool:
    return tcb.resent_out > 0 or bool(tcb.unacked and tcb.unacked[0].sent_again)


def _note_nothing_resent(tcb: Tcb) -> None:
    if not _anything_was_resent(tcb):
        tcb.resent_since_ns = None


# ---------------------------------------------------------------- taking it back


def _originals_arrived(tcb: Tcb, progress: Progress) -> bool:
    """Whether what is acknowledged are the originals, by the echo, or because nothing was sent again
    (`tcp_packet_delayed`).
    """
    if tcb.resent_since_ns is not None:
        return scoreboard.echoes_before(tcb, progress, tcb.resent_since_ns)
    return tcb.sack_permitted or tcb.snd_una < tcb.high_seq


def _needless(tcb: Tcb, progress: Progress, host: Host) -> bool:
    return tcb.undo_marker is not None and (not tcb.undo_resent or _originals_arrived(tcb, progress))


def begin_undo(tcb: Tcb) -> None:
    """From here the reduction may be taken back (`tcp_init_undo`)."""
    tcb.undo_marker = tcb.snd_una
    tcb.undo_resent = tcb.resent_out + bool(tcb.tail_probed_at and tcb.tail_was_resent) or -1


def _undo(tcb: Tcb, host: Host, *, nothing_lost: bool) -> None:
    """The window and the threshold are what they were (`tcp_undo_cwnd_reduction`)."""
    if nothing_lost:
        for buffer in tcb.unacked:
            scoreboard.mark(tcb, buffer, lost=False)
    if tcb.prior_ssthresh:
        tcb.cwnd = tcb.control.window_before(tcb)
        tcb.ssthresh = max(tcb.ssthresh, tcb.prior_ssthresh)
    tcb.cwnd_at_ns = host.now_ns
    tcb.undo_marker = None
    tcb.newest_is_news = True


def _holds_on(tcb: Tcb, progress: Progress, host: Host) -> bool:
    """Without SACK, duplicates of before could look like a new loss, until more is acknowledged (RFC 6582 §4)."""
    return tcb.snd_una == tcb.high_seq and not tcb.sack_permitted


# ---------------------------------------------------------------- everything is heard


@RECOVERY.rule(
    on=E.ALL_HEARD, moves={R.CWR: R.OPEN}, when=lambda tcb, progress, host: tcb.snd_una != tcb.high_seq,
    cite="RFC 3168 §6.1.2; tcp_fastretrans_alert",
)  # fmt: skip
def reduction_is_over(tcb: Tcb, progress: Progress, host: Host) -> None:
    """What was on its way when the reduction began is acknowledged, and more: the window is at the threshold."""
    if tcb.ssthresh < congestion.INFINITE:
        tcb.cwnd, tcb.cwnd_at_ns = tcb.ssthresh, host.now_ns


@RECOVERY.rule(on=E.ALL_HEARD, stays=(R.RECOVERY,), when=_holds_on, cite="RFC 6582 §4; tcp_try_undo_recovery")
def recovery_holds_on(tcb: Tcb, progress: Progress, host: Host) -> bool:
    """Without SACK recovery lasts until something is acknowledged that was sent after it began."""
    tcb.sacked_out = 0
    _finish(tcb, progress, host)
    _note_nothing_resent(tcb)
    return STOP


@RECOVERY.rule(on=E.ALL_HEARD, moves={R.RECOVERY: R.OPEN}, when=_needless, cite="RFC 3522 §3.2; RFC 3708")
def recovery_was_needless(tcb: Tcb, progress: Progress, host: Host) -> None:
    """Nothing had been lost, only late: the window is what it was."""
    if not tcb.sack_permitted:
        tcb.sacked_out = 0
    _finish(tcb, progress, host)


@RECOVERY.rule(on=E.ALL_HEARD, moves={R.RECOVERY: R.OPEN}, cite="RFC 5681 §3.2, step 6; RFC 6675 §5")
def recovery_is_over(tcb: Tcb, progress: Progress, host: Host) -> None:
    """Everything that was on its way when the loss showed is acknowledged: the window is at the threshold."""
    if not tcb.sack_permitted:
        tcb.sacked_out = 0
    _finish(tcb, progress, host)
    if tcb.ssthresh < congestion.INFINITE and tcb.undo_marker is not None:
        tcb.cwnd, tcb.cwnd_at_ns = tcb.ssthresh, host.now_ns


def _finish(tcb: Tcb, progress: Progress, host: Host) -> None:
    if _needless(tcb, progress, host):
        _undo(tcb, host, nothing_lost=False)
    elif tcb.patience_lasts:
        tcb.patience_lasts -= 1


# ---------------------------------------------------------------- in recovery


def _original_filled_gap(tcb: Tcb, progress: Progress, host: Host) -> bool:
    return tcb.undo_marker is not None and _originals_arrived(tcb, progress)


@RECOVERY.rule(
    on=E.LATE, stays=(R.RECOVERY,),
    when=lambda tcb, progress, host: _original_filled_gap(tcb, progress, host) and tcb.resent_out > 0,
    cite="RFC 3522 §3.2; tcp_try_undo_partial",
)  # fmt: skip
def original_was_late(tcb: Tcb, progress: Progress, host: Host) -> bool:
    """The original filled the gap, but other retransmissions are on their way: nothing more is sent again for now."""
    scoreboard.note_late(tcb, progress.una, scoreboard.highest_sacked(tcb))
    return STOP


def _in_order(tcb: Tcb) -> bool:
    return not (tcb.sacked_out or tcb.lost_out or _anything_was_resent(tcb))


@RECOVERY.rule(
    on=E.LATE, moves={R.RECOVERY: R.DISORDER}, when=_original_filled_gap, cite="RFC 3522 §3.2; tcp_try_undo_partial",
)  # fmt: skip
def recovery_is_taken_back(tcb: Tcb, progress: Progress, host: Host) -> None:
    """The original filled the gap, and nothing that was sent again is on its way: the window is what it was."""
    scoreboard.note_late(tcb, progress.una, scoreboard.highest_sacked(tcb))
    _note_nothing_resent(tcb)
    _undo(tcb, host, nothing_lost=True)
    tcb.high_seq = tcb.snd_nxt
    RECOVERY.offer(host.trail, E.SETTLED, tcb, progress, host)


def _all_twice(tcb: Tcb, progress: Progress, host: Host) -> bool:
    return tcb.undo_marker is not None and not tcb.undo_resent


@RECOVERY.rule(
    on=E.TOLD_TWICE, stays=(R.OPEN, R.DISORDER, R.RECOVERY), when=_all_twice, cite="RFC 3708; tcp_try_undo_dsack",
)  # fmt: skip
def all_arrived_twice(tcb: Tcb, progress: Progress, host: Host) -> bool:
    """The peer had everything that was sent again: the window is what it was."""
    tcb.patience_lasts = min(16, tcb.patience_lasts + 1)
    _undo(tcb, host, nothing_lost=False)
    return True


# ---------------------------------------------------------------- after a time-out


def _undo_time_out(tcb: Tcb, host: Host) -> Resend:
    _undo(tcb, host, nothing_lost=True)
    tcb.retransmits = 0
    return Resend.NOTHING


def _originals_acknowledged(tcb: Tcb, progress: Progress, host: Host) -> bool:
    return progress.advanced and _needless(tcb, progress, host)


@RECOVERY.rule(
    on=E.AFTER_TIME_OUT, moves={R.LOSS: R.OPEN},
    when=lambda tcb, progress, host: tcb.sack_permitted and _originals_acknowledged(tcb, progress, host),
    cite="RFC 3522 §3.2; RFC 4015; tcp_try_undo_loss",
)  # fmt: skip
def time_out_was_needless(tcb: Tcb, progress: Progress, host: Host) -> Resend:
    """What is acknowledged are the originals: the time-out came too early, and the window is what it was."""
    tcb.reneging = False
    return _undo_time_out(tcb, host)


@RECOVERY.rule(
    on=E.AFTER_TIME_OUT, stays=(R.LOSS,), when=_originals_acknowledged, cite="RFC 3522 §3.2; tcp_try_undo_loss",
)  # fmt: skip
def time_out_was_needless_without_sack(tcb: Tcb, progress: Progress, host: Host) -> Resend:
    """The same without SACK: the window is what it was, but duplicates will not be taken for a new loss."""
    return _undo_time_out(tcb, host)


@RECOVERY.rule(
    on=E.AFTER_TIME_OUT, moves={R.LOSS: R.OPEN},
    when=lambda tcb, progress, host: tcb.time_out_doubted and progress.original and not _holds_on(tcb, progress, host),
    cite="RFC 5682 §3.1, step 3b",
)  # fmt: skip
def original_after_time_out(tcb: Tcb, progress: Progress, host: Host) -> Resend:
    """Something has arrived that was sent only once, before the time-out, which therefore came too early."""
    tcb.reneging = False
    return _undo_time_out(tcb, host)


def _may_test(tcb: Tcb, progress: Progress, host: Host) -> bool:
    """The retransmission was acknowledged, and nothing else: what comes back for new bytes will tell."""
    if not (tcb.time_out_doubted and progress.advanced and tcb.snd_una < tcb.high_seq):
        return False
    return tcb.snd_nxt <= tcb.high_seq and bool(tcb.unsent) and tcb.snd_una + tcb.snd_wnd > tcb.snd_nxt


@RECOVERY.rule(on=E.AFTER_TIME_OUT, stays=(R.LOSS,), when=_may_test, cite="RFC 5682 §3.1, step 2b")
def new_bytes_test_the_time_out(tcb: Tcb, progress: Progress, host: Host) -> Resend:
    """The retransmission was acknowledged: instead of more of them, new bytes go out, and what comes back will tell."""
    tcb.high_seq = tcb.snd_nxt
    return Resend.NEW


@RECOVERY.rule(
    on=E.AFTER_TIME_OUT, moves={R.LOSS: R.OPEN},
    when=lambda tcb, progress, host: tcb.snd_una >= tcb.high_seq and not _holds_on(tcb, progress, host),
    cite="RFC 5681 §3.1; tcp_process_loss",
)  # fmt: skip
def loss_is_over(tcb: Tcb, progress: Progress, host: Host) -> Resend:
    """Everything that was on its way at the time-out is acknowledged."""
    _finish(tcb, progress, host)
    tcb.reneging = False
    return Resend.NOTHING


@RECOVERY.rule(
    on=E.AFTER_TIME_OUT, stays=(R.LOSS,), when=lambda tcb, progress, host: tcb.snd_una >= tcb.high_seq,
    cite="RFC 6582 §4; tcp_try_undo_recovery",
)  # fmt: skip
def loss_holds_on(tcb: Tcb, progress: Progress, host: Host) -> Resend:
    """Without SACK it lasts until something is acknowledged that was sent after the time-out."""
    _finish(tcb, progress, host)
    _note_nothing_resent(tcb)
    return Resend.NOTHING


@RECOVERY.rule(on=E.AFTER_TIME_OUT, stays=(R.LOSS,), cite="RFC 5681 §3.1; tcp_process_loss")
def loss_recovery_goes_on(tcb: Tcb, progress: Progress, host: Host) -> Resend:
    """Step by step everything is sent again that is not here yet; the window opens as in the beginning."""
    tested = tcb.snd_nxt > tcb.high_seq
    if tcb.time_out_doubted and tested and (progress.sacked or progress.duplicates):
        tcb.time_out_doubted = False
    if tcb.time_out_doubted and not tested and progress.advanced:
        tcb.high_seq, tcb.time_out_doubted = tcb.snd_nxt, False
    if not tcb.sack_permitted:
        if tested and progress.duplicates:
            scoreboard.count_duplicates(tcb, progress.duplicates)
        elif progress.advanced:
            tcb.sacked_out = 0
    return Resend.LOST


# ---------------------------------------------------------------- into recovery, and disorder


@RECOVERY.rule(on=E.LOST, moves={R.CWR: R.RECOVERY}, cite="RFC 6675 §5; tcp_enter_recovery")
def loss_shows_in_reduction(tcb: Tcb, progress: Progress | None, host: Host) -> None:
    """Something is lost while the window is being reduced already: it is sent again, and the threshold stays."""
    _note_nothing_resent(tcb)
    tcb.prior_ssthresh = 0
    begin_undo(tcb)


@RECOVERY.rule(
    on=E.LOST, moves=dict.fromkeys((R.OPEN, R.DISORDER, R.LOSS), R.RECOVERY),
    cite="RFC 5681 §3.2; RFC 6675 §5; RFC 8985 §6.2",
)  # fmt: skip
def loss_shows(tcb: Tcb, progress: Progress | None, host: Host) -> None:
    """Something is lost: it is sent again at once, and the window goes down to a new threshold."""
    _note_nothing_resent(tcb)
    begin_undo(tcb)
    tcb.prior_ssthresh = congestion.three_quarters(tcb)
    congestion.begin_reduction(tcb, host.now_ns)


@RECOVERY.rule(
    on=E.SETTLED, moves={R.OPEN: R.DISORDER}, when=lambda tcb, progress, host: not _in_order(tcb),
    cite="RFC 5681 §3.2; tcp_try_keep_open",
)  # fmt: skip
def disorder_shows(tcb: Tcb, progress: Progress, host: Host) -> None:
    """Something arrived behind a gap: what is missing may only be late, and is waited for."""
    tcb.high_seq = tcb.snd_nxt


@RECOVERY.rule(
    on=E.SETTLED, moves={R.DISORDER: R.OPEN, R.RECOVERY: R.OPEN, R.CWR: R.OPEN},
    when=lambda tcb, progress, host: _in_order(tcb), cite="tcp_try_keep_open",
)  # fmt: skip
def order_is_restored(tcb: Tcb, progress: Progress, host: Host) -> None:
    """Nothing is missing any more."""
    tcb.high_seq = tcb.snd_nxt


@RECOVERY.rule(on=E.SETTLED, moves={R.RECOVERY: R.DISORDER, R.CWR: R.DISORDER}, cite="tcp_try_keep_open")
def disorder_remains(tcb: Tcb, progress: Progress, host: Host) -> None:
    """Nothing is lost, but something is still missing."""
    tcb.high_seq = tcb.snd_nxt


@RECOVERY.rule(
    on=E.TIMED_OUT, moves={**dict.fromkeys((R.OPEN, R.DISORDER, R.CWR, R.RECOVERY), R.LOSS), R.LOSS: R.LOSS},
    cite="RFC 5681 §3.1; RFC 6298 §5; RFC 5682 §3.1, step 1",
)  # fmt: skip
def everything_is_sent_again(tcb: Tcb, before: Recovery, host: Host) -> None:
    """Nothing was heard for a time-out: the window begins with one segment, and the threshold is new, once."""
    scoreboard.everything_is_lost(tcb, host)
    if before <= R.DISORDER or tcb.high_seq <= tcb.snd_una or (before is R.LOSS and not tcb.retransmits):
        reducing = before in (R.CWR, R.RECOVERY)
        tcb.prior_ssthresh = tcb.ssthresh if reducing else congestion.three_quarters(tcb)
        tcb.prior_cwnd = tcb.cwnd
        tcb.ssthresh = tcb.control.threshold(tcb, host.now_ns)
        begin_undo(tcb)
    tcb.cwnd = tcb.pipe + 1
    tcb.cwnd_count, tcb.cwnd_at_ns = 0, host.now_ns
    if before <= R.DISORDER and tcb.sacked_out >= scoreboard.REORDERING:
        tcb.reordering = min(tcb.reordering, scoreboard.REORDERING)
    tcb.control.timed_out()
    tcb.high_seq, tcb.tail_probed_at = tcb.snd_nxt, 0
    tcb.time_out_doubted = before < R.RECOVERY or tcb.retransmits > 0


@RECOVERY.rule(
    on=E.PROBE_ANSWERED, moves={R.OPEN: R.CWR, R.DISORDER: R.CWR, R.CWR: R.CWR},
    cite="RFC 8985 §7.4; tcp_process_tlp_ack",
)  # fmt: skip
def tail_probe_filled_gap(tcb: Tcb, progress: Progress, host: Host) -> None:
    """The peer did not have what the tail probe repeated: it had been lost, and the window is reduced."""
    congestion.begin_reduction(tcb, host.now_ns)
    tcb.cwnd, tcb.cwnd_at_ns = tcb.ssthresh, host.now_ns
    RECOVERY.offer(host.trail, E.SETTLED, tcb, progress, host)


@RECOVERY.rule(
    on=E.TOO_LARGE, stays=(R.LOSS,), cite="RFC 1191 §3; tcp_non_congestion_loss_retransmit",
    unconfirmed="on loopback no packet is too large",
)  # fmt: skip
def large_ones_are_lost_too(tcb: Tcb, host: Host) -> None:
    """Everything is being sent again already: now it is smaller."""


@RECOVERY.rule(
    on=E.TOO_LARGE, moves=dict.fromkeys((R.OPEN, R.DISORDER, R.CWR, R.RECOVERY), R.LOSS),
    cite="RFC 1191 §3; tcp_non_congestion_loss_retransmit", unconfirmed="on loopback no packet is too large",
)  # fmt: skip
def large_ones_are_lost(tcb: Tcb, host: Host) -> None:
    """A packet was too big, and so was all that is as large: it is sent again, smaller.
    The window is as before, for it was not congestion."""
    tcb.high_seq, tcb.prior_ssthresh, tcb.undo_marker = tcb.snd_nxt, 0, None


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
    while at < len(tcb.unacked) and tcb.lost_out > tcb.resent_out:
        room = tcb.cwnd - tcb.pipe
        if room <= 0:
            break
        buffer = tcb.unacked[at]
        at += 1
        if not buffer.lost or buffer.resent or buffer.sacked:
            continue
        if not send_again(tcb, buffer, room, host):
            break
        if congestion.reduces(tcb):
            tcb.prr_out += buffer.segments
        rearm = rearm or buffer is first
    if rearm and tcb.pending is not Pending.REORDERING:
        start_timer(tcb, Pending.RETRANSMIT, tcb.rto_ns, host)


def send_again(tcb: Tcb, buffer: OutBuffer, segments: int, host: Host) -> bool:
    """Put a buffer on the wire again, at most so many segments of it; the rest stays as it is. False if the peer's
    window does not reach it any more (`tcp_retransmit_skb`).
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
    room = tcb.snd_una + tcb.snd_wnd - buffer.seq
    if room <= 0:
        if buffer.seq > tcb.snd_una:
            return False
        room = mss
    size = mss * segments
    if size > room:
        size = room // mss * mss or room
    if len(buffer.data) > size:
        scoreboard.cut_unacked(tcb, buffer, size, host)
    else:
        scoreboard.count_anew(tcb, buffer)
    note_sent(tcb, buffer, host)
    resend(tcb, buffer, host)
    tcb.resent += buffer.segments
    buffer.sent_again = True
    return True


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
        rearm_retransmission(tcb, host)


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
            tcb.control.opens(tcb, delivered, host.now_ns)
        tcb.cwnd_at_ns = host.now_ns
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
