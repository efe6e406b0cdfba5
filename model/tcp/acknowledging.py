"""The fifth question of a segment: what does it acknowledge? (RFC 9293 §3.10.7.4; RFC 5961 §5)

New bytes acknowledged make room, open the congestion window and are measured; anything may tell of a new window, or of
what is missing (recovery.py). An acknowledgement of what was never sent, or from before the window of old, may be
forged.

Not here: what a loss leads to (recovery.py), what follows a freed window (answering.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..values.constants import TcpState
from ..values.segments import Segment
from . import congestion, memory, recovery, timestamps
from .acceptance import challenge
from .block import Recovery, Tcb, Timer
from .ends import finish, rest
from .machine import DROP, SEND_BUFFER, SYNCHRONIZED, TCP, SendBuffer, TcpEvent
from .output import arm_retransmission, note_round_trip
from .windows import bound_mss, grow_send_buffer, may_predict, says_new_window

if TYPE_CHECKING:
    from ..world.host import Host

S, E = TcpState, TcpEvent

_ACKED = {
    SendBuffer.EMPTY: (SendBuffer.EMPTY,),
    SendBuffer.ROOM: (SendBuffer.ROOM, SendBuffer.EMPTY),
    SendBuffer.FULL: (SendBuffer.FULL, SendBuffer.ROOM, SendBuffer.EMPTY),
}


@TCP.rule(
    on=E.SEGMENT_ACK, stays=SYNCHRONIZED, when=lambda tcb, seg, host: tcb.snd_una < seg.ack <= tcb.snd_nxt,
    shows={SEND_BUFFER: _ACKED}, cite="RFC 9293 §3.10.7.4, fifth: SND.UNA < SEG.ACK =< SND.NXT",
)  # fmt: skip
def ack_frees_room(tcb: Tcb, segment: Segment, host: Host) -> None:
    """The peer has these bytes: they leave the send buffer, which makes room and may make it writable again."""
    tcb.probes = tcb.retransmits = 0
    tcb.first_resent_ns = tcb.probing_since_ns = None
    tcb.heard_ns = host.now_ns
    timestamps.note(tcb, segment, host)
    _update_window(tcb, segment, host)
    tcb.snd_una = segment.ack
    before = tcb.in_flight
    sent_ns: int | None = None
    while tcb.unacked and tcb.unacked[0].end <= segment.ack:
        buffer = tcb.unacked.popleft()
        sent_ns = None if buffer.sent_again else buffer.sent_ns
        recovery.forget(tcb, buffer, host)
        memory.let_go(tcb, buffer, host)
    recovery.trim_acknowledged(tcb)
    if tcb.recovery is not Recovery.OPEN and tcb.snd_una >= tcb.recover:
        recovery.end_recovery(tcb)
    if tcb.recovery is not Recovery.RECOVERY:
        congestion.opens(tcb, before - tcb.in_flight)
    tcb.backoff = 0
    if sent_ns is not None:
        note_round_trip(tcb, host.now_ns - sent_ns, host)
    _look_for_loss(tcb, segment, host)
    if tcb.snd_una >= tcb.tail_probed_at:
        tcb.tail_probed_at = 0
    arm_retransmission(tcb, host)
    grow_send_buffer_if_wanted(tcb, host)
    if tcb.snd_una == tcb.write_seq and tcb.write_shut:
        TCP.offer(host.trail, TcpEvent.OUR_FIN_ACKED, tcb, segment, host)


def _look_for_loss(tcb: Tcb, segment: Segment, host: Host) -> None:
    if segment.sack or tcb.sacked_out or tcb.lost_out or not tcb.sack_permitted:
        recovery.note_arrivals(tcb, segment, host)
        TCP.offer(host.trail, TcpEvent.SEGMENT_LOSS, tcb, segment, host)


def grow_send_buffer_if_wanted(tcb: Tcb, host: Host) -> None:
    """A send buffer that ran full once grows with the congestion window, unless it was set (`tcp_new_space`)."""
    if tcb.ran_full and tcb.in_flight < tcb.cwnd:
        grow_send_buffer(tcb, host.profile)
        if tcb.writable:
            tcb.ran_full = False


@TCP.rule(
    on=E.SEGMENT_ACK, stays=SYNCHRONIZED, when=lambda tcb, seg, host: seg.ack == tcb.snd_una,
    cite="RFC 9293 §3.10.7.4, fifth: window update",
)  # fmt: skip
def ack_updates_window(tcb: Tcb, segment: Segment, host: Host) -> None:
    """It acknowledges nothing new, but may say that the window has changed, or that something is missing."""
    tcb.probes = 0
    tcb.heard_ns = host.now_ns
    timestamps.note(tcb, segment, host)
    _update_window(tcb, segment, host)
    _look_for_loss(tcb, segment, host)


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
    when=lambda tcb, seg, host: seg.ack < tcb.snd_una - min(tcb.max_window, tcb.snd_una - tcb.iss - 1),
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
    """A later acknowledgement overtook it: it says nothing new, but its text may be."""
    tcb.probes = 0
    tcb.heard_ns = host.now_ns


def _update_window(tcb: Tcb, segment: Segment, host: Host) -> None:
    if not says_new_window(tcb, segment):
        return
    tcb.snd_wl1 = segment.seq
    if tcb.snd_wnd == segment.window:
        return
    tcb.snd_wnd = segment.window
    tcb.predicts = may_predict(tcb)
    if segment.window > tcb.max_window:
        tcb.max_window = segment.window
        bound_mss(tcb)


@TCP.rule(
    on=E.OUR_FIN_ACKED, moves={S.FIN_WAIT_1: S.FIN_WAIT_2}, cite="RFC 9293 §3.10.7.4, fifth, FIN-WAIT-1",
)  # fmt: skip
def our_fin_is_acked(tcb: Tcb, segment: Segment, host: Host) -> None:
    """Our FIN is acknowledged: now only the peer's is missing. An orphan does not wait for it for ever."""
    if tcb.fd is None and tcb.listener is None:
        host.set_timer(tcb, Timer.TIME_WAIT, host.profile.fin_wait_2_ns)


@TCP.rule(on=E.OUR_FIN_ACKED, moves={S.CLOSING: S.TIME_WAIT}, cite="RFC 9293 §3.10.7.4, fifth, CLOSING")
def crossed_fin_is_acked(tcb: Tcb, segment: Segment, host: Host) -> None:
    """Both FINs crossed and both are acknowledged: the connection is over, and its addresses rest for a minute."""
    rest(tcb, host)


@TCP.rule(on=E.OUR_FIN_ACKED, moves={S.LAST_ACK: S.CLOSED}, cite="RFC 9293 §3.10.7.4, fifth, LAST-ACK")
def last_ack_arrives(tcb: Tcb, segment: Segment, host: Host) -> None:
    """The peer closed first and now has our FIN too: the connection is over, and nothing rests."""
    finish(tcb, host)
