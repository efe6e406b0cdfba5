"""The seventh and the eighth question of a segment: what text does it bring, and does a FIN end it?

Text in order waits for the reader, if there is memory for it; text behind a gap is kept (order.py); a duplicate is told
to be one. A FIN takes its place behind the text, and moves the connection on.

Not here: urgent data (urgent.py); the accounts of memory (memory.py); what is answered (answering.py).
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from ..values.constants import WAKES_ALL, WAKES_READERS, TcpFlag, TcpState
from ..values.segments import Segment
from . import memory, order
from .acknowledging import brings_more
from .block import Tcb
from .ends import abort, rest
from .machine import DROP, RECEIVE_BUFFER, SYNCHRONIZED, TCP, ReceiveBuffer, TcpEvent
from .output import reset_in_answer, send_ack
from .tuning import make_room
from .windows import ack_soon, may_predict, note_data, note_segment_size

if TYPE_CHECKING:
    from ..world.host import Host

S, E = TcpState, TcpEvent
_FIN = int(TcpFlag.FIN)


def _has_text(tcb: Tcb, segment: Segment) -> bool:
    return len(segment.data) > 0


def _new_text(tcb: Tcb, segment: Segment) -> bool:
    return len(segment.data) > 0 and segment.seq + len(segment.data) > tcb.rcv_nxt


def _nobody_will_read(tcb: Tcb, segment: Segment) -> bool:
    return tcb.read_shut and tcb.state is not S.ESTABLISHED and brings_more(tcb, segment)


@TCP.rule(
    on=E.SEGMENT_TEXT, moves=dict.fromkeys((S.FIN_WAIT_1, S.FIN_WAIT_2), S.CLOSED),
    when=lambda tcb, seg, host: _nobody_will_read(tcb, seg),
    cite="RFC 1122 §4.2.2.13; RFC 9293 §3.6.1; tcp_rcv_state_process",
)  # fmt: skip
def text_nobody_will_read(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """Both directions were shut here and the peer sends still: it is reset, because its data would be lost.
    A FIN behind a gap says that there is such data."""
    abort(tcb, errno.ECONNRESET, host)
    reset_in_answer(segment, host)
    return DROP


def _overlaps_fin(tcb: Tcb, segment: Segment, host: Host) -> bool:
    return segment.seq < tcb.rcv_nxt and _new_text(tcb, segment)


@TCP.rule(
    on=E.SEGMENT_TEXT, moves={S.CLOSE_WAIT: S.CLOSED}, when=_overlaps_fin,
    cite="RFC 1122 §4.2.2.13; tcp_rcv_state_process, TCP_CLOSE_WAIT", unconfirmed="no honest peer sends it",
)  # fmt: skip
def text_goes_on_beyond_a_fin(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """It begins before the peer's FIN and goes on behind it: the peer is reset, and EPIPE is left."""
    abort(tcb, errno.EPIPE, host)
    reset_in_answer(segment, host)
    return DROP


@TCP.rule(
    on=E.SEGMENT_TEXT, moves=dict.fromkeys((S.CLOSING, S.LAST_ACK), S.CLOSED), when=_overlaps_fin,
    cite="RFC 1122 §4.2.2.13; tcp_rcv_state_process, TCP_CLOSING", unconfirmed="no honest peer sends it",
)  # fmt: skip
def text_goes_on_beyond_both_fins(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """It begins before the peer's FIN and goes on behind it, and ours was sent: the peer is reset."""
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
    ReceiveBuffer.CLOSED_WINDOW: (ReceiveBuffer.CLOSED_WINDOW,),
}
OPEN = (S.ESTABLISHED, S.FIN_WAIT_1, S.FIN_WAIT_2)


def _meets_closed_window(tcb: Tcb, segment: Segment, host: Host) -> bool:
    if segment.seq != tcb.rcv_nxt or tcb.receive_window or tcb.filling_gap:
        return False
    is_fin = bool(segment.flags & _FIN) and not host.profile.fin_enters_closed_window
    return _has_text(tcb, segment) or is_fin


@TCP.rule(
    on=E.SEGMENT_TEXT, stays=OPEN, when=_meets_closed_window,
    shows={RECEIVE_BUFFER: {view: (view,) for view in (ReceiveBuffer.EMPTY, ReceiveBuffer.CLOSED_WINDOW)}},
    cite="RFC 9293 §3.8.6.1; tcp_data_queue",
)  # fmt: skip
def text_meets_closed_window(tcb: Tcb, segment: Segment, host: Host) -> None:
    """The window is closed: the text is dropped, and an acknowledgement repeats the window."""
    tcb.drops += segment.merged
    ack_soon(tcb, host.profile)


def _finds_no_memory(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """It is over its limit. Not asked are a predicted segment, one that will be reset, and one that has its memory."""
    if tcb.predicted or tcb.filling_gap or tcb.rmem <= tcb.rcvbuf or _nobody_will_read(tcb, segment):
        return False
    if segment.seq <= tcb.rcv_nxt and not tcb.received and not host.profile.no_memory_closes_window:
        return False
    return _new_text(tcb, segment) or bool(segment.flags & _FIN)


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
    """What waits, to be read or behind a gap, is copied into as little memory as it needs, and later windows are small.
    If that does not help, what waits behind a gap is thrown away from its end."""
    tcb.quick = 0
    tcb.rcv_ssthresh = min(tcb.window_clamp, 2 * tcb.advertised_mss)
    order.collapse(tcb, host.profile)
    memory.collapse(tcb, host.profile)
    if tcb.rmem > tcb.rcvbuf:
        order.prune(tcb, segment, host.profile)


def _note_no_memory(tcb: Tcb, host: Host) -> None:
    """The window is closed, and an acknowledgement says so at once. The reader is woken, who alone can help."""
    tcb.predicts = False
    tcb.no_room = tcb.ack_now = tcb.ack_scheduled = True
    host.wake(tcb, WAKES_READERS)


def _is_lost_for_memory(tcb: Tcb, segment: Segment, host: Host) -> bool:
    silent = not host.profile.no_memory_closes_window
    return silent and segment.seq <= tcb.rcv_nxt and _finds_no_memory(tcb, segment, host)


@TCP.rule(
    on=E.SEGMENT_TEXT, stays=OPEN, when=_is_lost_for_memory, cite="tcp_data_queue; tcp_try_rmem_schedule",
    unconfirmed="Linux before 6.6; seen in the guest",
)  # fmt: skip
def segment_vanishes_for_want_of_memory(tcb: Tcb, segment: Segment, host: Host) -> None:
    """The receive buffer's memory is used up: text and FIN are dropped without an answer, and the reader is woken."""
    tcb.drops += segment.merged
    host.wake(tcb, WAKES_READERS)


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
    if skip and not tcb.filling_gap:
        tcb.duplicate = (segment.seq, tcb.rcv_nxt)
    data = segment.data[skip:] if skip else segment.data
    memory.queue_received(tcb, segment, data, bool(segment.flags & _FIN), host)
    if not tcb.filling_gap:
        note_data(tcb, segment, host)
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
    on=E.SEGMENT_TEXT, stays=OPEN,
    when=lambda tcb, seg, host: seg.end > seg.seq > tcb.rcv_nxt and _finds_no_memory(tcb, seg, host),
    cite="tcp_data_queue_ofo", unconfirmed="who has no memory has closed the window; Linux before 6.6 has not",
)  # fmt: skip
def text_behind_a_gap_finds_no_memory(tcb: Tcb, segment: Segment, host: Host) -> None:
    """There is a gap before it, and the receive buffer's memory is used up: it is dropped, and the reader is woken."""
    tcb.drops += segment.merged
    host.wake(tcb, WAKES_READERS)


@TCP.rule(
    on=E.SEGMENT_TEXT, stays=OPEN, when=lambda tcb, seg, host: seg.end > seg.seq > tcb.rcv_nxt,
    cite="RFC 5681 §4.2; RFC 9293 §3.10.7.4, seventh",
)  # fmt: skip
def text_out_of_order(tcb: Tcb, segment: Segment, host: Host) -> None:
    """There is a gap before it: it is kept, and an acknowledgement repeats what is expected and tells what is here."""
    if tcb.ecn:
        TCP.offer(host.trail, E.SEGMENT_MARK, tcb, segment, host)
    note_segment_size(tcb, segment, host.profile)
    order.keep(tcb, segment, host)
    if tcb.fd is not None:
        make_room(tcb, 2 * tcb.read_in_trip, host)
    tcb.predicts = False
    tcb.ack_scheduled = True


# ---------------------------------------------------------------- eighth: FIN


def _fin_in_order(tcb: Tcb, segment: Segment, host: Host) -> bool:
    if not segment.flags & _FIN or tcb.fin_received:
        return bool(segment.flags & _FIN)
    return segment.end == tcb.rcv_nxt + 1 and not _bare_fin_was_dropped(tcb, segment, host)


def _bare_fin_was_dropped(tcb: Tcb, segment: Segment, host: Host) -> bool:
    if segment.data:
        return False
    return _meets_closed_window(tcb, segment, host) or _is_lost_for_memory(tcb, segment, host)


def _take_fin(tcb: Tcb, segment: Segment, host: Host, *, at_once: bool = False) -> None:
    """The FIN takes its place behind the data; if it came with text it is there already. What arrived behind it is
    forgotten, but an acknowledgement that goes at once still tells of it.
    """
    if not tcb.fin_received:
        memory.queue_received(tcb, segment, b"", True, host)
    tcb.ack_scheduled = True
    tcb.read_shut = True
    if at_once:
        send_ack(tcb, host)
    order.forget(tcb, host.profile)


_FIN_VIEW = {
    ReceiveBuffer.EMPTY: (ReceiveBuffer.ENDED,),
    ReceiveBuffer.HOLDING: (ReceiveBuffer.HOLDING, ReceiveBuffer.CLOSED_WINDOW),
    ReceiveBuffer.CLOSED_WINDOW: (ReceiveBuffer.CLOSED_WINDOW,),
    ReceiveBuffer.ENDED: (ReceiveBuffer.ENDED,),
}


_FIN_TOLD_VIEW = {**_FIN_VIEW, ReceiveBuffer.CLOSED_WINDOW: (ReceiveBuffer.CLOSED_WINDOW, ReceiveBuffer.HOLDING)}
"""Where the FIN is acknowledged at once, that may open the window."""


@TCP.rule(
    on=E.SEGMENT_FIN, moves={S.ESTABLISHED: S.CLOSE_WAIT}, when=_fin_in_order, shows={RECEIVE_BUFFER: _FIN_VIEW},
    cite="RFC 9293 §3.10.7.4, eighth: check the FIN bit, ESTABLISHED",
)  # fmt: skip
def fin_arrives(tcb: Tcb, segment: Segment, host: Host) -> None:
    """The peer has no more to send: end of file follows the data already queued. Its acknowledgement may wait."""
    _take_fin(tcb, segment, host)
    tcb.pingpong = max(tcb.pingpong, host.profile.pingpong_threshold)
    host.wake(tcb, WAKES_ALL)


@TCP.rule(
    on=E.SEGMENT_FIN, moves={S.FIN_WAIT_1: S.CLOSING}, when=_fin_in_order, shows={RECEIVE_BUFFER: _FIN_TOLD_VIEW},
    cite="RFC 9293 §3.10.7.4, eighth, FIN-WAIT-1",
)  # fmt: skip
def fins_cross(tcb: Tcb, segment: Segment, host: Host) -> None:
    """Both sides closed at once: the peer's FIN is acknowledged, ours is still to be."""
    _take_fin(tcb, segment, host, at_once=True)
    host.wake(tcb, WAKES_ALL)


@TCP.rule(
    on=E.SEGMENT_FIN, moves={S.FIN_WAIT_2: S.TIME_WAIT}, when=_fin_in_order, shows={RECEIVE_BUFFER: _FIN_TOLD_VIEW},
    cite="RFC 9293 §3.10.7.4, eighth, FIN-WAIT-2",
)  # fmt: skip
def peers_fin_ends_connection(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """Both directions are closed: the FIN is acknowledged, and the addresses rest for a minute."""
    _take_fin(tcb, segment, host, at_once=True)
    rest(tcb, host)
    return DROP
