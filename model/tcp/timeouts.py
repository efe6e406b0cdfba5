"""After a retransmission time-out: everything is sent again, unless the time-out came too early.

The window begins with one segment, and opens as in the beginning (RFC 5681 §3.1; RFC 6298 §5). But first it is looked
at whether the time-out was needless: an echo is older than the retransmission (RFC 3522), or, after the retransmission
was acknowledged, new bytes are sent instead of more old ones, and what comes back for them tells (F-RTO, RFC 5682).

Not here: when the timer fires (timers.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import congestion, scoreboard
from .block import Recovery, Tcb
from .machine import RECOVERY, RecoveryEvent, Resend
from .scoreboard import Progress
from .undoing import begin_undo, finish, holds_on, needless, note_nothing_resent, undo

if TYPE_CHECKING:
    from ..world.host import Host

R, E = Recovery, RecoveryEvent


@RECOVERY.rule(
    on=E.TIMED_OUT, moves={**dict.fromkeys((R.OPEN, R.DISORDER, R.CWR, R.RECOVERY), R.LOSS), R.LOSS: R.LOSS},
    cite="RFC 5681 §3.1; RFC 6298 §5; RFC 5682 §3.1, step 1",
    unconfirmed="on loopback only a full receive buffer loses anything",
)  # fmt: skip
def everything_is_sent_again(tcb: Tcb, before: Recovery, host: Host) -> None:
    """Nothing was heard for a time-out: the window begins with one segment, and the threshold is new, once."""
    scoreboard.everything_is_lost(tcb, host)
    if before <= R.DISORDER or tcb.high_seq <= tcb.snd_una or (before is R.LOSS and not tcb.retransmits):
        reducing = before in (R.CWR, R.RECOVERY)
        tcb.prior_ssthresh = tcb.ssthresh if reducing else congestion.three_quarters(tcb)
        tcb.prior_cwnd = tcb.cwnd
        tcb.ssthresh = tcb.control.threshold(tcb)
        begin_undo(tcb)
    tcb.cwnd = tcb.pipe + 1
    tcb.cwnd_count, tcb.cwnd_at_ns = 0, host.tick_ns
    if before <= R.DISORDER and tcb.sacked_out >= scoreboard.REORDERING:
        tcb.reordering = min(tcb.reordering, scoreboard.REORDERING)
    tcb.control.timed_out(tcb, host)
    tcb.high_seq, tcb.tail_probed_at = tcb.snd_nxt, 0
    tcb.tells_reduction = tcb.ecn
    tcb.time_out_doubted = before < R.RECOVERY or tcb.retransmits > 0


@RECOVERY.rule(
    on=E.SYN_TIMED_OUT, moves={R.OPEN: R.LOSS, R.LOSS: R.LOSS}, cite="RFC 6298 §5.5; tcp_retransmit_timer",
)  # fmt: skip
def syn_is_taken_for_lost(tcb: Tcb, host: Host) -> None:
    """The SYN was not acknowledged for a time-out: a loss like any other, and the window begins with one segment."""
    tcb.high_seq, tcb.cwnd = tcb.snd_nxt, 1
    tcb.time_out_doubted, tcb.undo_marker = True, None


@RECOVERY.rule(
    on=E.SYN_ACKED, moves={R.LOSS: R.OPEN}, when=lambda tcb, host: tcb.sack_permitted,
    cite="tcp_process_loss; tcp_try_undo_recovery",
)  # fmt: skip
def opening_ends_the_loss(tcb: Tcb, host: Host) -> None:
    """The SYN that was sent again is acknowledged: nothing is missing. Without SACK the loss lasts until bytes are."""


# ---------------------------------------------------------------- after a time-out


def _undo_time_out(tcb: Tcb, host: Host) -> Resend:
    undo(tcb, host, nothing_lost=True)
    tcb.retransmits = 0
    return Resend.NOTHING


def _originals_acknowledged(tcb: Tcb, progress: Progress, host: Host) -> bool:
    return progress.advanced and needless(tcb, progress, host)


@RECOVERY.rule(
    on=E.AFTER_TIME_OUT, moves={R.LOSS: R.OPEN},
    when=lambda tcb, progress, host: tcb.sack_permitted and _originals_acknowledged(tcb, progress, host),
    cite="RFC 3522 §3.2; RFC 4015; tcp_try_undo_loss",
    unconfirmed="on loopback only a full receive buffer loses anything",
)  # fmt: skip
def time_out_was_needless(tcb: Tcb, progress: Progress, host: Host) -> Resend:
    """What is acknowledged are the originals: the time-out came too early, and the window is what it was."""
    tcb.reneging = False
    return _undo_time_out(tcb, host)


@RECOVERY.rule(
    on=E.AFTER_TIME_OUT, stays=(R.LOSS,), when=_originals_acknowledged, cite="RFC 3522 §3.2; tcp_try_undo_loss",
    unconfirmed="on loopback only a full receive buffer loses anything",
)  # fmt: skip
def time_out_was_needless_without_sack(tcb: Tcb, progress: Progress, host: Host) -> Resend:
    """The same without SACK: the window is what it was, but duplicates will not be taken for a new loss."""
    return _undo_time_out(tcb, host)


@RECOVERY.rule(
    on=E.AFTER_TIME_OUT, moves={R.LOSS: R.OPEN},
    when=lambda tcb, progress, host: tcb.time_out_doubted and progress.original and not holds_on(tcb, progress, host),
    cite="RFC 5682 §3.1, step 3b",
    unconfirmed="on loopback only a full receive buffer loses anything",
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


@RECOVERY.rule(
    on=E.AFTER_TIME_OUT, stays=(R.LOSS,), when=_may_test, cite="RFC 5682 §3.1, step 2b",
    unconfirmed="on loopback only a full receive buffer loses anything",
)  # fmt: skip
def new_bytes_test_the_time_out(tcb: Tcb, progress: Progress, host: Host) -> Resend:
    """The retransmission was acknowledged: instead of more of them, new bytes go out, and what comes back will tell."""
    tcb.high_seq = tcb.snd_nxt
    return Resend.NEW


@RECOVERY.rule(
    on=E.AFTER_TIME_OUT, moves={R.LOSS: R.OPEN},
    when=lambda tcb, progress, host: tcb.snd_una >= tcb.high_seq and not holds_on(tcb, progress, host),
    cite="RFC 5681 §3.1; tcp_process_loss",
    unconfirmed="on loopback only a full receive buffer loses anything",
)  # fmt: skip
def loss_is_over(tcb: Tcb, progress: Progress, host: Host) -> Resend:
    """Everything that was on its way at the time-out is acknowledged."""
    finish(tcb, progress, host)
    tcb.reneging = False
    return Resend.NOTHING


@RECOVERY.rule(
    on=E.AFTER_TIME_OUT, stays=(R.LOSS,), when=lambda tcb, progress, host: tcb.snd_una >= tcb.high_seq,
    cite="RFC 6582 §4; tcp_try_undo_recovery",
    unconfirmed="on loopback only a full receive buffer loses anything",
)  # fmt: skip
def loss_holds_on(tcb: Tcb, progress: Progress, host: Host) -> Resend:
    """Without SACK it lasts until something is acknowledged that was sent after the time-out."""
    finish(tcb, progress, host)
    note_nothing_resent(tcb)
    return Resend.NOTHING


@RECOVERY.rule(
    on=E.AFTER_TIME_OUT, stays=(R.LOSS,), cite="RFC 5681 §3.1; tcp_process_loss",
    unconfirmed="on loopback only a full receive buffer loses anything",
)  # fmt: skip
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
