"""The fifth question of a segment: what does it acknowledge? (RFC 9293 §3.10.7.4; RFC 5961 §5)

New bytes acknowledged make room, open the congestion window and are measured; anything may tell of a new window, or of
what is missing (resending.py). An acknowledgement of what was never sent, or from before the window of old, may be
forged.

Not here: what a loss leads to (resending.py), what follows a freed window (answering.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..values.constants import WAKES_ALL, TcpFlag, TcpState
from ..values.segments import Segment
from . import congestion, ecn, resending, scoreboard, timestamps
from .acceptance import challenge
from .block import Recovery, Tcb
from .ends import NOT_DRAWN, finish, is_orphan, rest, wait_for_fin
from .machine import DROP, SEND_BUFFER, SYNCHRONIZED, TCP, SendBuffer, TcpEvent
from .output import reset_in_answer
from .roundtrip import note_echo_trip, note_round_trip, note_shortest
from .scoreboard import Progress
from .windows import bound_mss, may_predict, says_new_window

if TYPE_CHECKING:
    from ..world.host import Host

S, E = TcpState, TcpEvent
_FIN, _CWR = int(TcpFlag.FIN), int(TcpFlag.CWR)

_ACKED = {
    SendBuffer.EMPTY: (SendBuffer.EMPTY,),
    SendBuffer.ROOM: (SendBuffer.ROOM, SendBuffer.EMPTY, SendBuffer.FULL),
    SendBuffer.FULL: (SendBuffer.FULL, SendBuffer.ROOM, SendBuffer.EMPTY),
}


@TCP.rule(
    on=E.SEGMENT_ACK, stays=(S.FIN_WAIT_2,),
    when=lambda tcb, seg, host: is_orphan(tcb) and (seg.seq == seg.end or seg.end <= tcb.rcv_nxt),
    cite="tcp_timewait_state_process, TCP_FIN_WAIT2",
)  # fmt: skip
def orphan_waits_for_fin_only(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """Nobody holds the socket and only the peer's FIN is missing: what brings nothing new is dropped, timestamp too."""
    return DROP


@TCP.rule(
    on=E.SEGMENT_ACK, stays=SYNCHRONIZED, when=lambda tcb, seg, host: tcb.snd_una < seg.ack <= tcb.snd_nxt,
    shows={SEND_BUFFER: _ACKED}, cite="RFC 9293 §3.10.7.4, fifth: SND.UNA < SEG.ACK =< SND.NXT",
)  # fmt: skip
def ack_frees_room(tcb: Tcb, segment: Segment, host: Host) -> bool | None:
    """The peer has these bytes: they leave the send buffer, which makes room and may make it writable again."""
    tcb.retransmits = 0
    _take(tcb, segment, host)
    if tcb.snd_una == tcb.write_seq and tcb.write_shut:
        return bool(TCP.offer(host.trail, TcpEvent.OUR_FIN_ACKED, tcb, segment, host))
    return None


def _take(tcb: Tcb, segment: Segment, host: Host) -> None:
    """What every acceptable acknowledgement brings (`tcp_ack`)."""
    progress = _begin(tcb, segment)
    progress.advanced = segment.ack > tcb.snd_una
    if not tcb.predicted:
        timestamps.note(tcb, segment, host)
    progress.news = progress.advanced or segment.seq != segment.end
    progress.news = _update_window(tcb, segment, host) or progress.news
    tcb.snd_una = segment.ack
    if segment.sack and tcb.sack_permitted:
        _note_sack(tcb, segment, progress, host)
    if tcb.ecn:
        progress.echoes_mark = ecn.is_echo(tcb, segment)
        if segment.flags & _CWR:
            TCP.offer(host.trail, E.REDUCTION_TOLD, tcb, segment, host)
    elif segment.ecn:
        ecn.note_stray(tcb)
    tcb.probes = tcb.soft_error = 0
    tcb.probing_since_ns = None
    tcb.heard_ns = host.tick_ns
    if not tcb.in_flight:
        if progress.twice:
            resending.look(tcb, progress, host)
        if tcb.tail_probed_at:
            resending.note_probe_answer(tcb, progress, host)
        return
    sacked_before = tcb.sacked_out
    scoreboard.acknowledge(tcb, progress, host)
    _measure(tcb, segment, progress, sacked_before, host)
    if progress.acknowledged:
        _note_late(tcb, progress)
    scoreboard.adapt_patience(tcb, progress.told)
    if tcb.tail_probed_at:
        resending.note_probe_answer(tcb, progress, host)
    if not (progress.advanced or progress.news or progress.twice):
        progress.duplicates = 1 if segment.seq != segment.end else segment.merged
    odd = progress.sacked or progress.twice or progress.echoes_mark
    calm = progress.news and not odd and tcb.recovery is Recovery.OPEN
    resending.acknowledged(tcb, progress, calm, host)


def _begin(tcb: Tcb, segment: Segment) -> Progress:
    echo = segment.timestamps[1] if tcb.timestamps and segment.timestamps else None
    highest = scoreboard.highest_sacked(tcb) if tcb.sacked_out else tcb.snd_una
    return Progress(tcb.snd_una, echo, tcb.delivered, tcb.lost, highest)


def _note_sack(tcb: Tcb, segment: Segment, progress: Progress, host: Host) -> None:
    scoreboard.note_sack(tcb, segment.sack, segment.ack, progress, host)
    if progress.lowest is not None and (tcb.recovery is not Recovery.LOSS or tcb.undo_marker is not None):
        scoreboard.note_late(tcb, progress.lowest, scoreboard.highest_sacked(tcb))
    progress.lowest = None


def _note_late(tcb: Tcb, progress: Progress) -> None:
    if not tcb.sack_permitted:
        scoreboard.uncount_duplicates(tcb, progress.acknowledged)
        progress.original = progress.original and not progress.any_resent
    elif progress.lowest is not None and progress.lowest < progress.highest:
        scoreboard.note_late(tcb, progress.lowest, scoreboard.highest_sacked(tcb))


def _measure(tcb: Tcb, segment: Segment, progress: Progress, sacked_before: int, host: Host) -> None:
    """Measure round trips: of what was sent once; with timestamps also of what was sent again (RFC 6298 §3)."""
    first = last = None
    if progress.first_sent_ns is not None and progress.last_sent_ns is not None and not progress.any_resent:
        first, last = host.now_ns - progress.first_sent_ns, host.now_ns - progress.last_sent_ns
    sacked = None
    if progress.first_sacked_ns is not None and progress.last_sacked_ns is not None:
        sacked, last = host.now_ns - progress.first_sacked_ns, host.now_ns - progress.last_sacked_ns
    if first is None:
        first = sacked
    if first is None and progress.acknowledged:
        first = last = timestamps.round_trip_ns(tcb, segment, host)
    if first is not None and last is not None:
        lone = progress.acknowledged == 1 and not sacked_before and tcb.snd_una - progress.una < tcb.mss
        if not (lone and not progress.sacked and tcb.shortest_us is not None and last > tcb.shortest_us * 1000):
            note_shortest(tcb, last, host)
        note_round_trip(tcb, first, host)
        tcb.control.round_trip(tcb, last // 1000, host)
    head = tcb.unacked[0] if tcb.unacked else None
    progress.timer_is_due = progress.acknowledged > 0 or (
        head is not None and sacked is not None and sacked > host.now_ns - head.sent_ns
    )


def brings_more(tcb: Tcb, segment: Segment) -> bool:
    """Whether it takes room in the sequence beyond what is expected; the next FIN alone does not."""
    return segment.seq != segment.end and segment.end - bool(segment.flags & _FIN) > tcb.rcv_nxt


def says_nothing_new(tcb: Tcb, segment: Segment) -> bool:
    """Whether it is text as foreseen, with an acknowledgement that was there before: it is looked at no further."""
    return tcb.predicted and len(segment.data) > 0 and segment.ack == tcb.snd_una


@TCP.rule(
    on=E.SEGMENT_ACK, stays=(S.ESTABLISHED,), when=lambda tcb, seg, host: says_nothing_new(tcb, seg),
    cite="RFC 9293 §3.10.7.4, fifth; tcp_rcv_established: no tcp_ack",
)  # fmt: skip
def text_is_all_there_is(tcb: Tcb, segment: Segment, host: Host) -> None:
    """It brings text and repeats the last acknowledgement: nothing is asked of what is on its way, or waits."""
    tcb.snd_wl1 = segment.seq
    if segment.ecn and not tcb.ecn:
        ecn.note_stray(tcb)


def note_receivers_trip(tcb: Tcb, segment: Segment, host: Host) -> None:
    """Measure a round trip where text arrives on an open connection (`tcp_rcv_rtt_measure_ts`). What establishes it is
    no text, and leaves the echo of a SYN-ACK to the first text that repeats it.
    """
    if tcb.timestamps and segment.timestamps and segment.timestamps[1]:
        full = segment.end - segment.seq >= tcb.rcv_mss
        note_echo_trip(tcb, segment.timestamps[1], full, timestamps.round_trip_ns(tcb, segment, host, 0))


@TCP.rule(
    on=E.SEGMENT_ACK, stays=SYNCHRONIZED, when=lambda tcb, seg, host: seg.ack == tcb.snd_una,
    cite="RFC 9293 §3.10.7.4, fifth: window update",
)  # fmt: skip
def ack_updates_window(tcb: Tcb, segment: Segment, host: Host) -> None:
    """It acknowledges nothing new, but may say that the window has changed, or that something is missing."""
    _take(tcb, segment, host)


@TCP.rule(
    on=E.SEGMENT_ACK, stays=SYNCHRONIZED, when=lambda tcb, seg, host: seg.ack > tcb.snd_nxt,
    cite="RFC 9293 §3.10.7.4, fifth", unconfirmed="on loopback nobody acknowledges what was not sent",
)  # fmt: skip
def ack_of_the_future(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """It acknowledges something not sent yet: an acknowledgement goes back and the segment is dropped."""
    tcb.drops += segment.merged
    challenge(tcb, host)
    return DROP


@TCP.rule(
    on=E.SEGMENT_ACK, stays=SYNCHRONIZED,
    when=lambda tcb, seg, host: seg.ack < tcb.snd_una - min(tcb.max_window, tcb.snd_una - tcb.acked_from),
    cite="RFC 5961 §5.2; tcp_ack", unconfirmed="on loopback nobody repeats an acknowledgement of long ago",
)  # fmt: skip
def ack_of_long_ago(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """It is older than anything the peer can have meant: it may be forged, and is answered and dropped."""
    tcb.drops += segment.merged
    challenge(tcb, host)
    return DROP


@TCP.rule(
    on=E.SEGMENT_ACK, stays=SYNCHRONIZED,
    cite="RFC 9293 §3.10.7.4, fifth: a duplicate can be ignored; tcp_ack",
    unconfirmed="on loopback acknowledgements come in order",
)  # fmt: skip
def ack_is_old(tcb: Tcb, segment: Segment, host: Host) -> None:
    """A later acknowledgement overtook it: it says nothing new, but its text may be, and its SACK blocks.
    Its timestamp is not the one to echo, unless the segment was as foreseen."""
    if segment.sack and tcb.sack_permitted:
        progress = _begin(tcb, segment)
        _note_sack(tcb, segment, progress, host)
        resending.send_for(tcb, resending.look(tcb, progress, host), host)


def _update_window(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """Take over the window, if the segment is later than what it is known from. Returns whether it is."""
    if not says_new_window(tcb, segment, host.profile):
        return False
    tcb.snd_wl1 = segment.seq
    if tcb.snd_wnd == segment.window:
        return True
    tcb.snd_wnd = segment.window
    tcb.predicts = may_predict(tcb)
    if tcb.unsent:
        congestion.restart_after_idle(tcb, host)
    if segment.window > tcb.max_window:
        tcb.max_window = segment.window
        bound_mss(tcb)
    return True


@TCP.rule(
    on=E.OUR_FIN_ACKED, moves={S.FIN_WAIT_1: S.CLOSED},
    when=lambda tcb, seg, host: is_orphan(tcb) and tcb.orphan_waits_s < 0,
    cite="tcp(7), TCP_LINGER2; tcp_rcv_state_process", unconfirmed=NOT_DRAWN,
)  # fmt: skip
def orphan_does_not_wait_for_fin(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """Our FIN is acknowledged, nobody holds the socket, and TCP_LINGER2 says not to wait for the peer's: a reset."""
    reset_in_answer(segment, host)
    finish(tcb, host)
    return DROP


@TCP.rule(
    on=E.OUR_FIN_ACKED, moves={S.FIN_WAIT_1: S.FIN_WAIT_2}, cite="RFC 9293 §3.10.7.4, fifth, FIN-WAIT-1",
)  # fmt: skip
def our_fin_is_acked(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """Our FIN is acknowledged: now only the peer's is missing. An orphan does not wait for it for ever.
    For an orphan nothing else of that segment is looked at, unless it brings something new or the FIN."""
    host.wake(tcb, WAKES_ALL)
    if not is_orphan(tcb):
        return False
    wait_for_fin(tcb, host)
    return not (segment.flags & _FIN or brings_more(tcb, segment))


@TCP.rule(on=E.OUR_FIN_ACKED, moves={S.CLOSING: S.TIME_WAIT}, cite="RFC 9293 §3.10.7.4, fifth, CLOSING")
def crossed_fin_is_acked(tcb: Tcb, segment: Segment, host: Host) -> None:
    """Both FINs crossed and both are acknowledged: the connection is over, and its addresses rest for a minute."""
    rest(tcb, host)


@TCP.rule(on=E.OUR_FIN_ACKED, moves={S.LAST_ACK: S.CLOSED}, cite="RFC 9293 §3.10.7.4, fifth, LAST-ACK")
def last_ack_arrives(tcb: Tcb, segment: Segment, host: Host) -> None:
    """The peer closed first and now has our FIN too: the connection is over, and nothing rests."""
    finish(tcb, host)
