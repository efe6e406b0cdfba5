"""Recovery: what was lost, and when it is sent again.

Every buffer in `unacked` is in one of four conditions: on its way, *sacked* (the peer has it, out of order), *lost*, or
*resent*. The segments that are really in the network are `Tcb.pipe`, and the congestion window limits them (RFC 6675).

Loss shows in two ways. Something that was sent later has arrived, and since then a round trip has passed, and an eighth
of one for packets that overtake each other; once three have arrived, without that eighth. Later is by the order of
sending and not of numbers, so that a lost retransmission shows too (RFC 8985). Or nothing comes back for a
retransmission time-out: then all that was not sacked is lost.

A peer without SACK tells by duplicate acknowledgements, each of which is taken for one segment that arrived somewhere
(RFC 6582).

Not here: proportional rate reduction, undoing a needless reduction (F-RTO, D-SACK), a timer for the reordering window,
which is looked at with the next acknowledgement only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..values.constants import TcpFlag
from ..values.segments import Segment
from . import congestion, memory
from .block import OutBuffer, Recovery, Tcb
from .machine import SYNCHRONIZED, TCP, TcpEvent
from .output import arm_retransmission, resend

if TYPE_CHECKING:
    from ..world.host import Host

DUPLICATES = 3
"""As many later segments must have arrived for an earlier one to be lost (RFC 5681 §3.2; net.ipv4.tcp_reordering)."""
_SILENT = int(TcpFlag.SYN | TcpFlag.FIN | TcpFlag.RST)


def cut_unacked(tcb: Tcb, buffer: OutBuffer, at: int, host: Host) -> OutBuffer:
    """Make two buffers of one that was sent, the second behind `at` bytes; both count as what the one was."""
    before = buffer.segments
    rest = memory.split(tcb, buffer, at, host)
    for part in (buffer, rest):
        part.segments = -(-len(part.data) // tcb.mss) or 1
    rest.sent_ns, rest.sent_again = buffer.sent_ns, buffer.sent_again
    rest.sacked, rest.lost, rest.resent = buffer.sacked, buffer.lost, buffer.resent
    more = buffer.segments + rest.segments - before
    _count(tcb, buffer, more)
    tcb.in_flight += more
    host.held.add(rest.number)
    tcb.unacked.insert(tcb.unacked.index(buffer) + 1, rest)
    return rest


def forget(tcb: Tcb, buffer: OutBuffer, host: Host) -> None:
    """A buffer is acknowledged, in whatever condition it is."""
    _count(tcb, buffer, -buffer.segments)
    tcb.in_flight -= buffer.segments
    _has_arrived(tcb, buffer, host)


def _has_arrived(tcb: Tcb, buffer: OutBuffer, host: Host) -> None:
    if (buffer.sent_ns, buffer.end) > tcb.newest_sent:
        tcb.newest_sent = buffer.sent_ns, buffer.end
        tcb.newest_trip_ns = host.now_ns - buffer.sent_ns


def trim_acknowledged(tcb: Tcb) -> None:
    """The first buffer is a run of segments of which some are acknowledged: these are done (`tcp_trim_head`)."""
    run = tcb.unacked[0] if tcb.unacked else None
    if run is None or run.seq >= tcb.snd_una or run.segments == 1:
        return
    done = tcb.snd_una - run.seq
    before = run.segments
    del run.data[:done]
    run.seq += done
    run.segments = -(-len(run.data) // tcb.mss) or 1
    run.pages = memory.cut(run.pages, done)[1]
    run.truesize -= done
    tcb.wmem -= done
    _count(tcb, run, run.segments - before)
    tcb.in_flight += run.segments - before


def _count(tcb: Tcb, buffer: OutBuffer, segments: int) -> None:
    if buffer.sacked:
        tcb.sacked_out += segments
    if buffer.lost:
        tcb.lost_out += segments
    if buffer.resent:
        tcb.resent_out += segments


def _set(tcb: Tcb, buffer: OutBuffer, *, sacked: bool = False, lost: bool = False, resent: bool = False) -> None:
    _count(tcb, buffer, -buffer.segments)
    buffer.sacked, buffer.lost, buffer.resent = sacked, lost, resent
    _count(tcb, buffer, buffer.segments)


# ---------------------------------------------------------------- what an acknowledgement tells


def note_arrivals(tcb: Tcb, segment: Segment, host: Host) -> None:
    """Mark what the peer has out of order."""
    for begin, end in segment.sack:
        if tcb.snd_una < end <= tcb.snd_nxt:
            _note_block(tcb, begin, end, host)
    duplicate = segment.ack == tcb.snd_una and not segment.data and not segment.flags & _SILENT
    if not tcb.sack_permitted and duplicate and tcb.unacked and segment.window == tcb.snd_wnd:
        tcb.sacked_out = min(tcb.sacked_out + 1, tcb.in_flight - 1)


def _note_block(tcb: Tcb, begin: int, end: int, host: Host) -> None:
    at = 0
    while at < len(tcb.unacked):
        buffer = tcb.unacked[at]
        at += 1
        if buffer.sacked or buffer.end <= begin or buffer.seq >= end:
            continue
        if buffer.seq < begin:
            if 0 < begin - buffer.seq < len(buffer.data):
                cut_unacked(tcb, buffer, begin - buffer.seq, host)
            continue
        if buffer.end > end:
            if 0 < end - buffer.seq < len(buffer.data):
                cut_unacked(tcb, buffer, end - buffer.seq, host)
            else:
                continue
        _has_arrived(tcb, buffer, host)
        _set(tcb, buffer, sacked=True)


def _find_lost(tcb: Tcb, host: Host) -> None:
    """Mark what must be lost, seeing what was sent later and has arrived (`tcp_rack_detect_loss`)."""
    many = tcb.sacked_out >= DUPLICATES or tcb.recovery is not Recovery.OPEN
    if not tcb.sack_permitted:
        if many and not tcb.unacked[0].lost:
            _set(tcb, tcb.unacked[0], lost=True)
        return
    latest_ns = host.now_ns - tcb.newest_trip_ns - (0 if many else tcb.srtt_ns // 8)
    for buffer in tcb.unacked:
        waits = buffer.sacked or (buffer.lost and not buffer.resent)
        if not waits and (buffer.sent_ns, buffer.end) < tcb.newest_sent and buffer.sent_ns <= latest_ns:
            _set(tcb, buffer, lost=True)


def _shows_loss(tcb: Tcb, segment: Segment, host: Host) -> bool:
    if not tcb.unacked:
        return False
    if tcb.sacked_out or tcb.recovery is not Recovery.OPEN:
        _find_lost(tcb, host)
    return tcb.lost_out > 0


@TCP.rule(
    on=TcpEvent.SEGMENT_LOSS, stays=SYNCHRONIZED,
    when=lambda tcb, seg, host: tcb.recovery is Recovery.OPEN and _shows_loss(tcb, seg, host),
    cite="RFC 5681 §3.2; RFC 6675 §5; RFC 8985 §6.2",
)  # fmt: skip
def loss_shows(tcb: Tcb, segment: Segment, host: Host) -> None:
    """Three segments sent later have arrived: what is missing is sent again at once, and the sender slows down."""
    tcb.recovery, tcb.recover = Recovery.RECOVERY, tcb.snd_nxt
    tcb.ssthresh = congestion.after_loss(tcb)
    tcb.cwnd = tcb.ssthresh
    resend_lost(tcb, host, at_least=1)


@TCP.rule(
    on=TcpEvent.SEGMENT_LOSS, stays=SYNCHRONIZED, when=_shows_loss,
    cite="RFC 6675 §5; RFC 5681 §3.1",
)  # fmt: skip
def recovery_goes_on(tcb: Tcb, segment: Segment, host: Host) -> None:
    """More is known to be missing: as much as the congestion window allows is sent again."""
    resend_lost(tcb, host)


def resend_lost(tcb: Tcb, host: Host, at_least: int = 0) -> None:
    """Send what is lost again, oldest first, while the network has room for it."""
    at = 0
    before = tcb.resent_out
    while at < len(tcb.unacked) and tcb.lost_out > tcb.resent_out:
        buffer = tcb.unacked[at]
        at += 1
        if not buffer.lost or buffer.resent:
            continue
        room = max(tcb.cwnd - tcb.pipe, at_least)
        if room <= 0:
            break
        at_least = 0
        send_again(tcb, buffer, room, host)
    if tcb.resent_out != before:
        arm_retransmission(tcb, host)


def send_again(tcb: Tcb, buffer: OutBuffer, segments: int, host: Host) -> None:
    """Put a lost buffer on the wire again, at most so many segments of it; the rest stays lost."""
    if buffer.segments > segments:
        cut_unacked(tcb, buffer, segments * tcb.mss, host)
    resend(tcb, buffer, host)
    buffer.sent_ns, buffer.sent_again = host.now_ns, True
    _set(tcb, buffer, lost=True, resent=True)


def end_recovery(tcb: Tcb) -> None:
    """Everything that was on its way when the loss showed is acknowledged."""
    tcb.recovery = Recovery.OPEN
    if not tcb.sack_permitted:
        tcb.sacked_out = 0
    tcb.cwnd = max(min(tcb.cwnd, tcb.ssthresh), 1)


def everything_is_lost(tcb: Tcb, host: Host) -> None:
    """Nothing came back for a whole time-out: whatever the peer was not seen to have is lost."""
    if tcb.recovery is not Recovery.LOSS or tcb.retransmits == 0:
        tcb.ssthresh = congestion.after_loss(tcb)
    if not tcb.sack_permitted:
        tcb.sacked_out = 0
    for buffer in tcb.unacked:
        if not buffer.sacked:
            _set(tcb, buffer, lost=True)
    tcb.recovery, tcb.recover = Recovery.LOSS, tcb.snd_nxt
    tcb.cwnd = 1
    tcb.cwnd_count = 0
