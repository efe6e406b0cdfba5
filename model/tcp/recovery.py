"""Recovery: what the sender does when segments are missing.

It is a machine of its own beside the connection's, with the kernel's states (`icsk_ca_state`). Missing segments first
make DISORDER: they may only be late. When one is *lost* (scoreboard.py), RECOVERY begins: the window goes down to a new
threshold while acknowledgements clock out what was lost and what is new (proportional rate reduction, RFC 6937). If
nothing is heard for a time-out, everything that the peer was not seen to have is LOSS (timeouts.py).

Either may turn out to have been needless, and is then taken back (undoing.py).

Not here: which segments are lost (scoreboard.py), in which order these questions are asked and what is sent
(resending.py), how the window moves (congestion.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import congestion, scoreboard
from .block import Recovery, Tcb
from .machine import RECOVERY, STOP, RecoveryEvent
from .scoreboard import Progress
from .undoing import begin_undo, finish, holds_on, in_order, needless, note_nothing_resent, originals_arrived, undo

if TYPE_CHECKING:
    from ..world.host import Host

R, E = Recovery, RecoveryEvent


# ---------------------------------------------------------------- everything is heard


@RECOVERY.rule(
    on=E.ALL_HEARD, moves={R.CWR: R.OPEN}, when=lambda tcb, progress, host: tcb.snd_una != tcb.high_seq,
    cite="RFC 3168 §6.1.2; tcp_fastretrans_alert", unconfirmed="on loopback only a full receive buffer loses anything",
)  # fmt: skip
def reduction_is_over(tcb: Tcb, progress: Progress, host: Host) -> None:
    """What was on its way when the reduction began is acknowledged, and more: the window is at the threshold."""
    if tcb.ssthresh < congestion.INFINITE:
        tcb.cwnd, tcb.cwnd_at_ns = tcb.ssthresh, host.tick_ns


@RECOVERY.rule(
    on=E.ALL_HEARD, stays=(R.RECOVERY,), when=holds_on, cite="RFC 6582 §4; tcp_try_undo_recovery",
    unconfirmed="on loopback only a full receive buffer loses anything",
)  # fmt: skip
def recovery_holds_on(tcb: Tcb, progress: Progress, host: Host) -> bool:
    """Without SACK recovery lasts until something is acknowledged that was sent after it began."""
    tcb.sacked_out = 0
    finish(tcb, progress, host)
    note_nothing_resent(tcb)
    return STOP


@RECOVERY.rule(
    on=E.ALL_HEARD, moves={R.RECOVERY: R.OPEN}, when=needless, cite="RFC 3522 §3.2; RFC 3708",
    unconfirmed="on loopback only a full receive buffer loses anything",
)  # fmt: skip
def recovery_was_needless(tcb: Tcb, progress: Progress, host: Host) -> None:
    """Nothing had been lost, only late: the window is what it was."""
    if not tcb.sack_permitted:
        tcb.sacked_out = 0
    finish(tcb, progress, host)


@RECOVERY.rule(on=E.ALL_HEARD, moves={R.RECOVERY: R.OPEN}, cite="RFC 5681 §3.2, step 6; RFC 6675 §5")
def recovery_is_over(tcb: Tcb, progress: Progress, host: Host) -> None:
    """Everything that was on its way when the loss showed is acknowledged: the window is at the threshold."""
    if not tcb.sack_permitted:
        tcb.sacked_out = 0
    finish(tcb, progress, host)
    if tcb.ssthresh < congestion.INFINITE and tcb.undo_marker is not None:
        tcb.cwnd, tcb.cwnd_at_ns = tcb.ssthresh, host.tick_ns


# ---------------------------------------------------------------- in recovery


def _original_filled_gap(tcb: Tcb, progress: Progress, host: Host) -> bool:
    return tcb.undo_marker is not None and originals_arrived(tcb, progress)


@RECOVERY.rule(
    on=E.LATE, stays=(R.RECOVERY,),
    when=lambda tcb, progress, host: _original_filled_gap(tcb, progress, host) and tcb.resent_out > 0,
    cite="RFC 3522 §3.2; tcp_try_undo_partial", unconfirmed="on loopback only a full receive buffer loses anything",
)  # fmt: skip
def original_was_late(tcb: Tcb, progress: Progress, host: Host) -> bool:
    """The original filled the gap, but other retransmissions are on their way: nothing more is sent again for now."""
    scoreboard.note_late(tcb, progress.una, scoreboard.highest_sacked(tcb))
    return STOP


@RECOVERY.rule(
    on=E.LATE, moves={R.RECOVERY: R.DISORDER}, when=_original_filled_gap, cite="RFC 3522 §3.2; tcp_try_undo_partial",
    unconfirmed="on loopback only a full receive buffer loses anything",
)  # fmt: skip
def recovery_is_taken_back(tcb: Tcb, progress: Progress, host: Host) -> None:
    """The original filled the gap, and nothing that was sent again is on its way: the window is what it was."""
    scoreboard.note_late(tcb, progress.una, scoreboard.highest_sacked(tcb))
    note_nothing_resent(tcb)
    undo(tcb, host, nothing_lost=True)
    tcb.high_seq = tcb.snd_nxt
    RECOVERY.offer(host.trail, E.SETTLED, tcb, progress, host)


def _all_twice(tcb: Tcb, progress: Progress, host: Host) -> bool:
    return tcb.undo_marker is not None and not tcb.undo_resent


@RECOVERY.rule(
    on=E.TOLD_TWICE, stays=(R.OPEN, R.DISORDER, R.RECOVERY), when=_all_twice, cite="RFC 3708; tcp_try_undo_dsack",
    unconfirmed="on loopback only a full receive buffer loses anything",
)  # fmt: skip
def all_arrived_twice(tcb: Tcb, progress: Progress, host: Host) -> bool:
    """The peer had everything that was sent again: the window is what it was."""
    tcb.patience_lasts = min(16, tcb.patience_lasts + 1)
    undo(tcb, host, nothing_lost=False)
    return True


# ---------------------------------------------------------------- into recovery, and disorder


@RECOVERY.rule(
    on=E.LOST, moves={R.CWR: R.RECOVERY}, cite="RFC 6675 §5; tcp_enter_recovery",
    unconfirmed="on loopback only a full receive buffer loses anything",
)  # fmt: skip
def loss_shows_in_reduction(tcb: Tcb, progress: Progress | None, host: Host) -> None:
    """Something is lost while the window is being reduced already: it is sent again, and the threshold stays."""
    note_nothing_resent(tcb)
    tcb.prior_ssthresh = 0
    begin_undo(tcb)


@RECOVERY.rule(
    on=E.LOST, moves=dict.fromkeys((R.OPEN, R.DISORDER, R.LOSS), R.RECOVERY),
    cite="RFC 5681 §3.2; RFC 6675 §5; RFC 8985 §6.2",
)  # fmt: skip
def loss_shows(tcb: Tcb, progress: Progress | None, host: Host) -> None:
    """Something is lost: it is sent again at once, and the window goes down to a new threshold."""
    note_nothing_resent(tcb)
    begin_undo(tcb)
    marked = progress is not None and progress.echoes_mark
    tcb.prior_ssthresh = 0 if marked else congestion.three_quarters(tcb)
    congestion.begin_reduction(tcb)


@RECOVERY.rule(
    on=E.SETTLED, moves={R.OPEN: R.DISORDER}, when=lambda tcb, progress, host: not in_order(tcb),
    cite="RFC 5681 §3.2; tcp_try_keep_open", unconfirmed="on loopback only a full receive buffer loses anything",
)  # fmt: skip
def disorder_shows(tcb: Tcb, progress: Progress, host: Host) -> None:
    """Something arrived behind a gap: what is missing may only be late, and is waited for."""
    tcb.high_seq = tcb.snd_nxt


@RECOVERY.rule(
    on=E.SETTLED, moves={R.DISORDER: R.OPEN, R.RECOVERY: R.OPEN, R.CWR: R.OPEN},
    when=lambda tcb, progress, host: in_order(tcb), cite="tcp_try_keep_open",
)  # fmt: skip
def order_is_restored(tcb: Tcb, progress: Progress, host: Host) -> None:
    """Nothing is missing any more."""
    tcb.high_seq = tcb.snd_nxt


@RECOVERY.rule(
    on=E.SETTLED, moves={R.RECOVERY: R.DISORDER, R.CWR: R.DISORDER}, cite="tcp_try_keep_open",
    unconfirmed="on loopback only a full receive buffer loses anything",
)  # fmt: skip
def disorder_remains(tcb: Tcb, progress: Progress, host: Host) -> None:
    """Nothing is lost, but something is still missing."""
    tcb.high_seq = tcb.snd_nxt


@RECOVERY.rule(
    on=E.MARK_ECHOED, moves=dict.fromkeys((R.OPEN, R.DISORDER), R.CWR), cite="RFC 3168 §6.1.2; tcp_enter_cwr",
    unconfirmed="on loopback nobody asks for ECN, and nobody marks",
)  # fmt: skip
def mark_reduces_window(tcb: Tcb, progress: Progress, host: Host) -> None:
    """A router has marked something of ours instead of dropping it: the window is reduced, and nothing is sent again.
    Further echoes change nothing until all is heard that is on its way now."""
    tcb.prior_ssthresh, tcb.undo_marker = 0, None
    congestion.begin_reduction(tcb)


@RECOVERY.rule(
    on=E.PROBE_ANSWERED, moves={R.OPEN: R.CWR, R.DISORDER: R.CWR, R.CWR: R.CWR},
    cite="RFC 8985 §7.4; tcp_process_tlp_ack",
)  # fmt: skip
def tail_probe_filled_gap(tcb: Tcb, progress: Progress, host: Host) -> None:
    """The peer did not have what the tail probe repeated: it had been lost, and the window is reduced."""
    congestion.begin_reduction(tcb)
    tcb.cwnd, tcb.cwnd_at_ns = tcb.ssthresh, host.tick_ns
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
