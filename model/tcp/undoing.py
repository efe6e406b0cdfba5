"""Taking a reduction back: nothing had been lost, only late, and the window is what it was (RFC 4015).

Three things tell. The peer says that everything which was sent again arrived twice (RFC 3708). An acknowledgement
echoes a timestamp from before the retransmission (RFC 3522). Or after a time-out something is acknowledged that was
sent only once (timeouts.py).

Not here: when that is asked (recovery.py, timeouts.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import scoreboard
from .block import Tcb
from .scoreboard import Progress

if TYPE_CHECKING:
    from ..world.host import Host


def anything_was_resent(tcb: Tcb) -> bool:
    return tcb.resent_out > 0 or bool(tcb.unacked and tcb.unacked[0].sent_again)


def note_nothing_resent(tcb: Tcb) -> None:
    if not anything_was_resent(tcb):
        tcb.resent_since_ns = None


def originals_arrived(tcb: Tcb, progress: Progress) -> bool:
    """Whether what is acknowledged are the originals, by the echo, or because nothing was sent again
    (`tcp_packet_delayed`).
    """
    if tcb.resent_since_ns is not None:
        return scoreboard.echoes_before(tcb, progress, tcb.resent_since_ns)
    return tcb.sack_permitted or tcb.snd_una < tcb.high_seq


def needless(tcb: Tcb, progress: Progress, host: Host) -> bool:
    return tcb.undo_marker is not None and (not tcb.undo_resent or originals_arrived(tcb, progress))


def begin_undo(tcb: Tcb) -> None:
    """From here the reduction may be taken back (`tcp_init_undo`)."""
    tcb.undo_marker = tcb.snd_una
    tcb.undo_resent = tcb.resent_out + bool(tcb.tail_probed_at and tcb.tail_was_resent) or -1


def undo(tcb: Tcb, host: Host, *, nothing_lost: bool) -> None:
    """The window and the threshold are what they were (`tcp_undo_cwnd_reduction`)."""
    if nothing_lost:
        for buffer in tcb.unacked:
            scoreboard.mark(tcb, buffer, lost=False)
    if tcb.prior_ssthresh:
        tcb.cwnd = tcb.control.window_before(tcb)
        if tcb.prior_ssthresh > tcb.ssthresh:
            tcb.ssthresh, tcb.tells_reduction = tcb.prior_ssthresh, False
    tcb.cwnd_at_ns = host.tick_ns
    tcb.undo_marker = None
    tcb.newest_is_news = True


def holds_on(tcb: Tcb, progress: Progress, host: Host) -> bool:
    """Without SACK, duplicates of before could look like a new loss, until more is acknowledged (RFC 6582 §4)."""
    return tcb.snd_una == tcb.high_seq and not tcb.sack_permitted


def finish(tcb: Tcb, progress: Progress, host: Host) -> None:
    if needless(tcb, progress, host):
        undo(tcb, host, nothing_lost=False)
    elif tcb.patience_lasts:
        tcb.patience_lasts -= 1


def in_order(tcb: Tcb) -> bool:
    return not (tcb.sacked_out or tcb.lost_out or anything_was_resent(tcb))
