"""Segment arrival: the questions that are asked of a segment, in their order (RFC 9293 §3.10.7).

Is it old? is it in the window? does it reset? does it carry a SYN? what does it acknowledge? is it urgent? what text
does it bring? a FIN? And last: what is to be sent in answer? Each question is a phase, in each phase at most one rule
fires, and a rule that answers DROP ends the processing.

Not here: the rules: handshake.py, paws.py, acceptance.py, acknowledging.py, urgent.py, text.py, answering.py,
resting.py. Sequence numbers count on without wrapping (values/segments.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..values.constants import WAKES_READERS, TcpFlag, TcpState
from ..values.segments import Segment
from . import order
from .acknowledging import note_receivers_trip, says_nothing_new
from .block import Tcb
from .machine import REQUEST, TCP, RequestEvent, TcpEvent
from .timestamps import is_behind, note
from .windows import use_room

if TYPE_CHECKING:
    from ..world.host import Host

S, E = TcpState, TcpEvent
Phases = tuple[TcpEvent, ...]
_ACK, _PSH = int(TcpFlag.ACK), int(TcpFlag.PSH)

PHASES = {
    S.LISTEN: (E.SEGMENT_RESET, E.SEGMENT_ACK, E.SEGMENT_SYN),
    S.SYN_SENT: (E.SEGMENT_ACK, E.SEGMENT_TIMESTAMP, E.SEGMENT_RESET, E.SEGMENT_SYN),
    S.TIME_WAIT: (E.SEGMENT_SEQUENCE,),
    S.CLOSED: (E.SEGMENT_SEQUENCE,),
}
SYNCHRONIZED_PHASES: Phases = (
    E.SEGMENT_TIMESTAMP, E.SEGMENT_SEQUENCE, E.SEGMENT_RESET, E.SEGMENT_SYN, E.SEGMENT_ACK, E.SEGMENT_URGENT,
    E.SEGMENT_MEMORY, E.SEGMENT_TEXT, E.SEGMENT_FIN, E.SEGMENT_PUSH, E.SEGMENT_ANSWER,
)  # fmt: skip
PREDICTED_PHASES: Phases = (E.SEGMENT_TEXT, E.SEGMENT_ACK, E.SEGMENT_PUSH, E.SEGMENT_ANSWER)
"""What is left to ask of one that is as foreseen: its text goes first, and what it acknowledges is freed after, so that
what is sent for that acknowledges the text too.
"""
TEXT_ONLY_PHASES: Phases = (E.SEGMENT_TEXT, E.SEGMENT_ACK, E.SEGMENT_ANSWER)
"""And of one that, besides, acknowledges nothing new."""
BARE_PHASES: Phases = (E.SEGMENT_ACK, E.SEGMENT_PUSH)
"""And of one that brings no text: whether an acknowledgement is due is not asked."""
_ESTABLISHED, _TEXT_PHASE, _FIN_PHASE, _PUSH_PHASE = S.ESTABLISHED, E.SEGMENT_TEXT, E.SEGMENT_FIN, E.SEGMENT_PUSH


def arrive(tcb: Tcb, segment: Segment, host: Host) -> None:
    """Process one segment: each phase in turn, until one of them is done with it. A request has its own questions."""
    if tcb.request and tcb.is_request:
        REQUEST.fire(host.trail, RequestEvent.SEGMENT, tcb, segment, host)
        return
    tcb.predicted = tcb.predicts and _is_predicted(tcb, segment, host)
    if tcb.predicted:
        note(tcb, segment, host)
        if not segment.data:
            note_receivers_trip(tcb, segment, host)
        phases = _foreseen(tcb, segment)
    else:
        phases = PHASES.get(tcb.state, SYNCHRONIZED_PHASES)
    measures = tcb.state is _ESTABLISHED
    for phase in phases:
        if measures and phase is _TEXT_PHASE:
            note_receivers_trip(tcb, segment, host)
        if TCP.offer(host.trail, phase, tcb, segment, host):
            break
        if phase is _FIN_PHASE:
            if tcb.out_of_order:
                _follow_up(tcb, host)
            if tcb.has_news:
                _wake_readers(tcb, host)
        elif phase is _PUSH_PHASE:
            use_room(tcb, host)
    if tcb.has_news:
        _wake_readers(tcb, host)


def _wake_readers(tcb: Tcb, host: Host) -> None:
    """Something was queued: behind the FIN, if there is one; last of all, if the segment was as foreseen
    (`tcp_data_ready`).
    """
    tcb.has_news = False
    if tcb.readable or tcb.fin_received:
        host.wake(tcb, WAKES_READERS)


def _foreseen(tcb: Tcb, segment: Segment) -> Phases:
    if not segment.data:
        return BARE_PHASES
    return TEXT_ONLY_PHASES if says_nothing_new(tcb, segment) else PREDICTED_PHASES


def _follow_up(tcb: Tcb, host: Host) -> None:
    """A gap may be filled: what waited behind it is text, and may bring the FIN, as if it had arrived now. If nothing
    waits any more, that is acknowledged at once (RFC 5681 §4.2).
    """
    told_to = tcb.rcv_nxt
    while (waited := order.take(tcb, told_to, host.profile)) is not None:
        for phase in (E.SEGMENT_TEXT, E.SEGMENT_FIN):
            tcb.filling_gap = True
            dropped = TCP.offer(host.trail, phase, tcb, waited, host)
            tcb.filling_gap = False
            if dropped:
                return
    if not tcb.out_of_order:
        tcb.ack_now = tcb.ack_scheduled = True


def _is_predicted(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """Whether it is the plain next segment of an open connection, which takes a short way (`tcp_rcv_established`). It
    must fit what memory is reserved already, before anything is acknowledged.
    """
    return (
        tcb.state is _ESTABLISHED
        and segment.flags & ~_PSH == _ACK
        and segment.window == tcb.snd_wnd
        and segment.seq == tcb.rcv_nxt
        and segment.ack <= tcb.snd_nxt
        and tcb.timestamps == (segment.timestamps is not None)
        and not segment.sack
        and not is_behind(tcb, segment, host, 0)
        and (not segment.data or segment.truesize <= tcb.reserved)
    )
