"""Segment arrival in the synchronized states, phase by phase (RFC 9293 §3.10.7.4).

Each phase asks one question of the segment: is it in the window? does it reset? does it carry a SYN? what does it
acknowledge? what text does it bring? a FIN? And last: what is to be sent in answer? In each phase at most one rule
fires; a rule that answers DROP ends the processing.

Not here: out-of-order text (dropped and asked for again), PAWS, urgent data, security compartments (the RFC's third
check is no check any more). Sequence numbers count on without wrapping (values/segments.py).
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from ..values.constants import TcpFlag, TcpState
from ..values.segments import Segment
from . import congestion, memory, order, recovery
from .block import Recovery, Tcb, Timer
from .calls import SYNCHRONIZED
from .ends import abort, finish, rest
from .handshake import DROP
from .machine import RECEIVE_BUFFER, SEND_BUFFER, TCP, ReceiveBuffer, SendBuffer, TcpEvent
from .output import (
    answer_now,
    arm_retransmission,
    delay_ack,
    note_round_trip,
    probe_interval_ns,
    push_pending,
    reset_in_answer,
    send_ack,
    send_syn,
)
from .windows import (
    ack_soon,
    acknowledges_quickly,
    bound_mss,
    grow_send_buffer,
    is_half_full,
    may_predict,
    note_data,
    select_window,
)

if TYPE_CHECKING:
    from ..world.host import Host

S = TcpState
_SYN, _ACK, _RST, _FIN, _PSH = (int(f) for f in (TcpFlag.SYN, TcpFlag.ACK, TcpFlag.RST, TcpFlag.FIN, TcpFlag.PSH))

E = TcpEvent
PHASES = {
    S.LISTEN: (E.SEGMENT_RESET, E.SEGMENT_ACK, E.SEGMENT_SYN),
    S.SYN_SENT: (E.SEGMENT_ACK, E.SEGMENT_RESET, E.SEGMENT_SYN),
    S.TIME_WAIT: (E.SEGMENT_RESET, E.SEGMENT_SYN, E.SEGMENT_TEXT),
    S.CLOSED: (E.SEGMENT_SEQUENCE,),
}
SYNCHRONIZED_PHASES = (
    E.SEGMENT_SEQUENCE, E.SEGMENT_RESET, E.SEGMENT_SYN, E.SEGMENT_ACK, E.SEGMENT_MEMORY, E.SEGMENT_TEXT,
    E.SEGMENT_FIN, E.SEGMENT_PUSH, E.SEGMENT_ANSWER,
)  # fmt: skip
PREDICTED_PHASES = (E.SEGMENT_ACK, E.SEGMENT_MEMORY, E.SEGMENT_TEXT, E.SEGMENT_PUSH, E.SEGMENT_ANSWER)
"""What is left to ask of a segment that is as foreseen."""


def arrive(tcb: Tcb, segment: Segment, host: Host) -> None:
    """Process one segment: each phase in turn, until one of them is done with it."""
    tcb.predicted = tcb.predicts and _is_predicted(tcb, segment)
    for phase in PREDICTED_PHASES if tcb.predicted else PHASES.get(tcb.state, SYNCHRONIZED_PHASES):
        if TCP.offer(host.trail, phase, tcb, segment, host):
            return
        if tcb.out_of_order and phase is E.SEGMENT_FIN:
            _follow_up(tcb, host)


def _follow_up(tcb: Tcb, host: Host) -> None:
    """A gap may be filled: what waited behind it is text, and may bring the FIN, as if it had arrived now."""
    while (waited := order.take(tcb)) is not None:
        tcb.ack_now = tcb.ack_scheduled = True
        for phase in (E.SEGMENT_TEXT, E.SEGMENT_FIN):
            if TCP.offer(host.trail, phase, tcb, waited, host):
                return


def _is_predicted(tcb: Tcb, segment: Segment) -> bool:
    """Whether it is the plain next segment of an open connection, which takes a short way (`tcp_rcv_established`)."""
    return (
        tcb.state is S.ESTABLISHED
        and segment.flags & ~_PSH == _ACK
        and segment.window == tcb.snd_wnd
        and segment.seq == tcb.rcv_nxt
        and segment.ack <= tcb.snd_nxt
    )


def challenge(tcb: Tcb, host: Host) -> None:
    """Answer what may be forged, or goes wrong, with an acknowledgement; not more often than twice a second, or two
    ends would answer each other for ever (RFC 5961 §7; tcp_invalid_ratelimit in tcp(7)).
    """
    if host.now_ns - tcb.last_challenge_ns >= host.profile.challenge_ns:
        tcb.last_challenge_ns = host.now_ns
        send_ack(tcb, host)


# ---------------------------------------------------------------- first: sequence number


@TCP.rule(
    on=E.SEGMENT_SEQUENCE, stays=(S.SYN_RECEIVED, *SYNCHRONIZED),
    when=lambda tcb, seg, host: not seg.flags & (_ACK | _RST | _SYN),
    cite="RFC 9293 §3.10.7.4, fifth: if the ACK bit is off, drop the segment",
    unconfirmed="on loopback every segment has a flag",
)  # fmt: skip
def segment_without_flags(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """Neither ACK, SYN nor RST: no host sends that, and it is dropped without a word."""
    tcb.drops += segment.merged
    return DROP


def _resets_behind_fin(tcb: Tcb, segment: Segment) -> bool:
    """A reset from before the FIN that we have: the peer's FIN had not been acknowledged yet (`tcp_reset_check`)."""
    closed = tcb.state in (S.CLOSE_WAIT, S.LAST_ACK, S.CLOSING)
    return closed and bool(segment.flags & _RST) and segment.seq == tcb.rcv_nxt - 1


def _outside(tcb: Tcb, segment: Segment, host: Host) -> bool:
    if _resets_behind_fin(tcb, segment):
        return False
    if segment.end < tcb.rcv_wup or segment.seq > tcb.rcv_nxt + tcb.receive_window:
        return True
    return segment.end > tcb.rcv_nxt + tcb.receive_window and bool(tcb.received) and len(segment.data) > 0


def _not_again(tcb: Tcb, segment: Segment, host: Host) -> bool:
    quiet = bool(segment.flags & _RST) or (
        not segment.data and host.now_ns - tcb.last_challenge_ns < host.profile.challenge_ns
    )
    return quiet and _outside(tcb, segment, host)


@TCP.rule(
    on=E.SEGMENT_SEQUENCE, stays=(S.SYN_RECEIVED,),
    when=lambda tcb, seg, host: seg.flags & (_SYN | _ACK | _RST) == _SYN and seg.seq == tcb.irs,
    cite="RFC 9293 §3.10.7.4, first; tcp_check_req", unconfirmed="on loopback no SYN-ACK is lost",
)  # fmt: skip
def syn_comes_again(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """Our SYN-ACK was lost: the peer sends its SYN again, and gets it again."""
    send_syn(tcb, host, ack=True)
    return DROP


@TCP.rule(
    on=E.SEGMENT_SEQUENCE, stays=(S.SYN_RECEIVED, *SYNCHRONIZED), when=_not_again,
    cite="RFC 9293 §3.10.7.4, first; tcp_invalid_ratelimit in tcp(7)",
)  # fmt: skip
def segment_outside_window_again(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """It lies outside the window and is a reset, or another was answered a moment ago: two ends must not answer for ever."""  # noqa: E501
    tcb.drops += segment.merged
    return DROP


@TCP.rule(
    on=E.SEGMENT_SEQUENCE, stays=(S.SYN_RECEIVED, *SYNCHRONIZED), when=_outside,
    cite="RFC 9293 §3.10.7.4, first: check sequence number",
)  # fmt: skip
def segment_outside_window(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """It lies outside the receive window: it is dropped, and an acknowledgement says what is expected."""
    tcb.drops += segment.merged
    if not segment.data:
        tcb.last_challenge_ns = host.now_ns
    if segment.seq < segment.end and segment.seq < tcb.rcv_nxt and not segment.flags & _SYN:
        tcb.duplicate = (segment.seq, min(segment.end, tcb.rcv_nxt))
    send_ack(tcb, host)
    return DROP


@TCP.rule(on=E.SEGMENT_SEQUENCE, stays=(S.CLOSED,), cite="tcp_rcv_state_process, TCP_CLOSE")
def segment_meets_closed_socket(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """It waited for the end of a call during which the connection ended: it is dropped."""
    tcb.drops += segment.merged
    return DROP


# ---------------------------------------------------------------- second: RST


def _resets(tcb: Tcb, segment: Segment, host: Host) -> bool:
    if not segment.flags & _RST:
        return False
    here = tcb.rcv_nxt
    if tcb.out_of_order:
        here = max(end for _, end in tcb.sack_blocks)
    return segment.seq in (tcb.rcv_nxt, here) or _resets_behind_fin(tcb, segment)


@TCP.rule(
    on=E.SEGMENT_RESET, moves={S.CLOSE_WAIT: S.CLOSED}, when=_resets,
    cite="RFC 9293 §3.10.7.4, second; tcp_reset: EPIPE in CLOSE-WAIT",
)  # fmt: skip
def reset_after_peers_fin(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """The peer had closed its direction and now resets: EPIPE is pending, because only sending was left.
    RFC 9293 signals "connection reset" here as everywhere; Linux tells the writer what it will see."""
    abort(tcb, errno.EPIPE, host)
    return DROP


@TCP.rule(
    on=E.SEGMENT_RESET,
    moves=dict.fromkeys((S.ESTABLISHED, S.FIN_WAIT_1, S.FIN_WAIT_2, S.CLOSING, S.LAST_ACK), S.CLOSED), when=_resets,
    cite="RFC 9293 §3.10.7.4, second: check the RST bit",
)  # fmt: skip
def reset_aborts_connection(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """The peer resets the connection: ECONNRESET is pending, both directions are shut, what was unsent is gone."""
    abort(tcb, errno.ECONNRESET, host)
    return DROP


@TCP.rule(
    on=E.SEGMENT_RESET, stays=SYNCHRONIZED, when=lambda tcb, seg, host: bool(seg.flags & _RST), cite="RFC 5961 §3.2",
)  # fmt: skip
def reset_is_challenged(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """It lies in the window but is not what is expected next: it may be forged, and a true peer will repeat it."""
    tcb.drops += segment.merged
    challenge(tcb, host)
    return DROP


@TCP.rule(
    on=E.SEGMENT_RESET, moves={S.TIME_WAIT: S.CLOSED}, when=_resets, cite="RFC 1337 §3; tcp_rfc1337 in tcp(7)",
)  # fmt: skip
def reset_ends_time_wait(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """A reset ends TIME-WAIT early."""
    abort(tcb, 0, host)
    return DROP


# ---------------------------------------------------------------- fourth: SYN


@TCP.rule(
    on=E.SEGMENT_SYN, stays=SYNCHRONIZED, when=lambda tcb, seg, host: bool(seg.flags & _SYN),
    cite="RFC 9293 §3.10.7.4, fourth; RFC 5961 §4.2",
    unconfirmed="on loopback an end forgets an open connection only after a minute of real time",
)  # fmt: skip
def syn_in_connection_is_challenged(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """A SYN in an open connection may be forged: an acknowledgement says so, and nothing changes."""
    tcb.drops += segment.merged
    challenge(tcb, host)
    return DROP


# ---------------------------------------------------------------- fifth: ACK

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
    if not (
        segment.ack > tcb.snd_una
        or segment.seq > tcb.snd_wl1
        or (segment.seq == tcb.snd_wl1 and (segment.window > tcb.snd_wnd or not segment.window))
    ):
        return
    tcb.snd_wl1 = segment.seq
    if tcb.snd_wnd == segment.window:
        return
    tcb.snd_wnd = segment.window
    tcb.predicts = may_predict(tcb)
    if segment.window > tcb.max_window:
        tcb.max_window = segment.window
        bound_mss(tcb, host.profile)


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


# ---------------------------------------------------------------- seventh: text


def _has_text(tcb: Tcb, segment: Segment) -> bool:
    return len(segment.data) > 0


def _new_text(tcb: Tcb, segment: Segment) -> bool:
    return len(segment.data) > 0 and segment.seq + len(segment.data) > tcb.rcv_nxt


@TCP.rule(
    on=E.SEGMENT_TEXT, moves=dict.fromkeys((S.FIN_WAIT_1, S.FIN_WAIT_2), S.CLOSED),
    when=lambda tcb, seg, host: tcb.read_shut and _new_text(tcb, seg),
    cite="RFC 1122 §4.2.2.13; RFC 9293 §3.6.1; tcp_rcv_state_process",
)  # fmt: skip
def text_nobody_will_read(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """Both directions were shut here and the peer sends still: it is reset, because its data would be lost."""
    abort(tcb, errno.ECONNRESET, host)
    reset_in_answer(segment, host)
    return DROP


@TCP.rule(
    on=E.SEGMENT_TEXT, stays=(S.CLOSE_WAIT, S.CLOSING, S.LAST_ACK), when=lambda tcb, seg, host: seg.seq >= tcb.rcv_nxt,
    cite="RFC 9293 §3.10.7.4, seventh: should not occur; tcp_rcv_state_process",
)  # fmt: skip
def nothing_follows_a_fin(tcb: Tcb, segment: Segment, host: Host) -> None:
    """Behind the peer's FIN there is nothing to queue: even a bare acknowledgement is counted as dropped."""
    tcb.drops += segment.merged


_TEXT = {
    ReceiveBuffer.EMPTY: (ReceiveBuffer.HOLDING, ReceiveBuffer.CLOSED_WINDOW),
    ReceiveBuffer.HOLDING: (ReceiveBuffer.HOLDING, ReceiveBuffer.CLOSED_WINDOW),
}
OPEN = (S.ESTABLISHED, S.FIN_WAIT_1, S.FIN_WAIT_2)


@TCP.rule(
    on=E.SEGMENT_TEXT, stays=OPEN,
    when=lambda tcb, seg, host: seg.seq == tcb.rcv_nxt and _has_text(tcb, seg) and not tcb.receive_window,
    shows={RECEIVE_BUFFER: {view: (view,) for view in (ReceiveBuffer.EMPTY, ReceiveBuffer.CLOSED_WINDOW)}},
    cite="RFC 9293 §3.8.6.1; tcp_data_queue",
)  # fmt: skip
def text_meets_closed_window(tcb: Tcb, segment: Segment, host: Host) -> None:
    """The window is closed: the text is dropped, and an acknowledgement repeats the window."""
    tcb.drops += segment.merged
    ack_soon(tcb, host.profile)


def _finds_no_memory(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """The receive buffer is over its limit. A predicted segment that fits the page of memory begun already is not
    asked.
    """
    if tcb.rmem <= tcb.rcvbuf or not (_new_text(tcb, segment) or segment.flags & _FIN):
        return False
    return not tcb.predicted or segment.truesize > -(tcb.rmem + tcb.wmem) % host.profile.page


@TCP.rule(
    on=E.SEGMENT_MEMORY, stays=OPEN,
    when=lambda tcb, seg, host: not tcb.rcvbuf_locked and _finds_no_memory(tcb, seg, host),
    cite="tcp_clamp_window",
)  # fmt: skip
def receive_buffer_grows(tcb: Tcb, segment: Segment, host: Host) -> None:
    """The program did not say how large it is to be: it grows to what it holds."""
    tcb.quick = 0
    tcb.rcvbuf = min(tcb.rmem, host.profile.tcp_rmem[2])


@TCP.rule(on=E.SEGMENT_MEMORY, stays=OPEN, when=_finds_no_memory, cite="tcp_prune_queue, tcp_clamp_window")
def receive_buffer_is_collapsed(tcb: Tcb, segment: Segment, host: Host) -> None:
    """What waits to be read is copied into as little memory as it needs, and later windows are small."""
    tcb.quick = 0
    tcb.rcv_ssthresh = min(tcb.window_clamp, 2 * tcb.advertised_mss)
    memory.collapse(tcb, host.profile)


def _note_no_memory(tcb: Tcb, host: Host) -> None:
    """The window is closed, and an acknowledgement says so at once."""
    tcb.predicts = False
    tcb.no_room = tcb.ack_now = tcb.ack_scheduled = True


@TCP.rule(
    on=E.SEGMENT_TEXT, stays=OPEN,
    when=lambda tcb, seg, host: seg.seq <= tcb.rcv_nxt and _new_text(tcb, seg) and _finds_no_memory(tcb, seg, host),
    cite="RFC 9293 §3.10.7.4, seventh; tcp_try_rmem_schedule",
)  # fmt: skip
def text_finds_no_memory(tcb: Tcb, segment: Segment, host: Host) -> None:
    """It lies in the window, but the receive buffer's memory is used up: it is dropped, and the window is closed."""
    _note_no_memory(tcb, host)
    tcb.drops += segment.merged


@TCP.rule(
    on=E.SEGMENT_TEXT, stays=OPEN,
    when=lambda tcb, seg, host: seg.seq == tcb.rcv_nxt and not seg.data and _finds_no_memory(tcb, seg, host),
    cite="tcp_data_queue",
)  # fmt: skip
def fin_finds_no_memory(tcb: Tcb, segment: Segment, host: Host) -> None:
    """A FIN without text is taken though the receive buffer's memory is used up, but the window is closed."""
    _note_no_memory(tcb, host)


@TCP.rule(
    on=E.SEGMENT_TEXT, stays=OPEN,
    when=lambda tcb, seg, host: seg.seq <= tcb.rcv_nxt and _new_text(tcb, seg),
    shows={RECEIVE_BUFFER: _TEXT}, cite="RFC 9293 §3.10.7.4, seventh: process the segment text",
)  # fmt: skip
def text_arrives(tcb: Tcb, segment: Segment, host: Host) -> None:
    """In order and in the window: the bytes wait for the reader."""
    skip = tcb.rcv_nxt - segment.seq
    if skip:
        tcb.duplicate = (segment.seq, tcb.rcv_nxt)
    data = segment.data[skip:] if skip else segment.data
    memory.queue_received(tcb, segment, data, bool(segment.flags & _FIN), host)
    note_data(tcb, segment.segment_size or len(data), len(data), bool(segment.flags & _PSH), segment.truesize, host)
    if not tcb.predicted:
        tcb.predicts = tcb.predicts or may_predict(tcb)


@TCP.rule(
    on=E.SEGMENT_TEXT, stays=SYNCHRONIZED,
    when=lambda tcb, seg, host: seg.seq < seg.end <= tcb.rcv_nxt,
    cite="RFC 9293 §3.10.7.4, first: a duplicate is acknowledged again",
)  # fmt: skip
def text_is_a_duplicate(tcb: Tcb, segment: Segment, host: Host) -> None:
    """Everything in it was received before: it is acknowledged again, at once, and told to be a duplicate."""
    tcb.drops += segment.merged
    tcb.duplicate = (segment.seq, segment.end)
    ack_soon(tcb, host.profile)


@TCP.rule(
    on=E.SEGMENT_TEXT, stays=OPEN, when=lambda tcb, seg, host: seg.end > seg.seq > tcb.rcv_nxt,
    cite="RFC 5681 §4.2; RFC 9293 §3.10.7.4, seventh",
)  # fmt: skip
def text_out_of_order(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """There is a gap before it: it is kept, and an acknowledgement repeats what is expected and tells what is here."""
    order.keep(tcb, segment)
    tcb.predicts = False
    send_ack(tcb, host)
    return DROP


def _opens_anew(tcb: Tcb, segment: Segment, host: Host) -> bool:
    return segment.flags & (_SYN | _ACK) == _SYN and host.listener(tcb.local) is not None


@TCP.rule(
    on=E.SEGMENT_SYN, moves={S.TIME_WAIT: S.CLOSED}, when=_opens_anew,
    cite="RFC 9293 §3.6.1; RFC 6191; tcp_timewait_state_process",
)  # fmt: skip
def syn_ends_time_wait(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """A SYN for the same pair of addresses, and somebody listens: the rest is over, and the listener gets it.
    It must be later than all that came before, by its number or its timestamp; here every SYN is."""
    finish(tcb, host)
    listener = host.listener(segment.dst)
    assert listener is not None
    arrive(listener, segment, host)
    return DROP


@TCP.rule(
    on=E.SEGMENT_TEXT, stays=(S.TIME_WAIT,),
    when=lambda tcb, seg, host: not seg.seq == seg.end == tcb.rcv_nxt, cite="RFC 9293 §3.10.7.4",
)  # fmt: skip
def segment_in_time_wait(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """The peer repeats itself: it is acknowledged again, and TIME-WAIT begins anew."""
    rest(tcb, host)
    if host.now_ns - tcb.last_challenge_ns >= host.profile.challenge_ns:
        tcb.last_challenge_ns = host.now_ns
        host.transmit(Segment(tcb.local, tcb.remote, tcb.snd_nxt, tcb.rcv_nxt, _ACK, 0))
    return DROP


# ---------------------------------------------------------------- eighth: FIN


def _fin_in_order(tcb: Tcb, segment: Segment, host: Host) -> bool:
    return bool(segment.flags & _FIN) and (tcb.fin_received or segment.end == tcb.rcv_nxt + 1)


def _take_fin(tcb: Tcb, segment: Segment, host: Host) -> None:
    """The FIN takes its place behind the data; if it came with text it is there already."""
    if not tcb.fin_received:
        memory.queue_received(tcb, segment, b"", True, host)
    tcb.ack_scheduled = True
    tcb.read_shut = True


_FIN_VIEW = {
    ReceiveBuffer.EMPTY: (ReceiveBuffer.ENDED,),
    ReceiveBuffer.HOLDING: (ReceiveBuffer.HOLDING, ReceiveBuffer.CLOSED_WINDOW),
    ReceiveBuffer.CLOSED_WINDOW: (ReceiveBuffer.CLOSED_WINDOW,),
    ReceiveBuffer.ENDED: (ReceiveBuffer.ENDED,),
}


@TCP.rule(
    on=E.SEGMENT_FIN, moves={S.ESTABLISHED: S.CLOSE_WAIT}, when=_fin_in_order, shows={RECEIVE_BUFFER: _FIN_VIEW},
    cite="RFC 9293 §3.10.7.4, eighth: check the FIN bit, ESTABLISHED",
)  # fmt: skip
def fin_arrives(tcb: Tcb, segment: Segment, host: Host) -> None:
    """The peer has no more to send: end of file follows the data already queued. Its acknowledgement may wait."""
    _take_fin(tcb, segment, host)
    tcb.pingpong = max(tcb.pingpong, host.profile.pingpong_threshold)


@TCP.rule(
    on=E.SEGMENT_FIN, moves={S.FIN_WAIT_1: S.CLOSING}, when=_fin_in_order, shows={RECEIVE_BUFFER: _FIN_VIEW},
    cite="RFC 9293 §3.10.7.4, eighth, FIN-WAIT-1",
)  # fmt: skip
def fins_cross(tcb: Tcb, segment: Segment, host: Host) -> None:
    """Both sides closed at once: the peer's FIN is acknowledged, ours is still to be."""
    _take_fin(tcb, segment, host)
    send_ack(tcb, host)


@TCP.rule(
    on=E.SEGMENT_FIN, moves={S.FIN_WAIT_2: S.TIME_WAIT}, when=_fin_in_order, shows={RECEIVE_BUFFER: _FIN_VIEW},
    cite="RFC 9293 §3.10.7.4, eighth, FIN-WAIT-2",
)  # fmt: skip
def peers_fin_ends_connection(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """Both directions are closed: the FIN is acknowledged, and the addresses rest for a minute."""
    _take_fin(tcb, segment, host)
    send_ack(tcb, host)
    rest(tcb, host)
    return DROP


# ---------------------------------------------------------------- and last: the answer


@TCP.rule(
    on=E.SEGMENT_PUSH, stays=SYNCHRONIZED, when=lambda tcb, seg, host: bool(tcb.unsent),
    cite="RFC 9293 §3.10.7.4: the usable window; tcp_data_snd_check",
)  # fmt: skip
def waiting_bytes_follow(tcb: Tcb, segment: Segment, host: Host) -> None:
    """Bytes wait to be sent: as many go out as window and Nagle allow now."""
    _keep_probe_timer(tcb, host)
    push_pending(tcb, host)


def _keep_probe_timer(tcb: Tcb, host: Host) -> None:
    """The probe timer runs only while the first buffer does not fit the window (`tcp_ack_probe`)."""
    if not tcb.probing:
        return
    if tcb.unsent[0].end <= tcb.snd_una + tcb.snd_wnd:
        tcb.probing = False
        tcb.backoff = 0
        host.stop_timer(tcb, Timer.RETRANSMIT)
    else:
        host.set_timer(tcb, Timer.RETRANSMIT, probe_interval_ns(tcb, host))


def _ack_is_due(tcb: Tcb, segment: Segment, host: Host) -> bool:
    if not tcb.ack_scheduled:
        return False
    if tcb.ack_now:
        return True
    if tcb.rcv_nxt - tcb.rcv_wup > tcb.rcv_mss:
        if select_window(tcb) >= tcb.rcv_wnd:
            return True
        if is_half_full(tcb):
            return False
    return acknowledges_quickly(tcb, host.profile)


@TCP.rule(on=E.SEGMENT_ANSWER, stays=SYNCHRONIZED, when=_ack_is_due, cite="RFC 9293 §3.8.6.3; __tcp_ack_snd_check")
def ack_goes_at_once(tcb: Tcb, segment: Segment, host: Host) -> None:
    """More than a segment is unacknowledged and the window can follow, or the connection is young: no delay."""
    answer_now(tcb, host)


@TCP.rule(
    on=E.SEGMENT_ANSWER, stays=SYNCHRONIZED, when=lambda tcb, seg, host: tcb.ack_scheduled,
    cite="RFC 1122 §4.2.3.2; RFC 9293 §3.8.6.3",
)  # fmt: skip
def ack_is_delayed(tcb: Tcb, segment: Segment, host: Host) -> None:
    """The acknowledgement waits, at most 40 ms, for data to ride on."""
    if tcb.rcv_nxt - tcb.rcv_wup > tcb.rcv_mss and is_half_full(tcb):
        tcb.quick = 0
    delay_ack(tcb, host)
