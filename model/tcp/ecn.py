"""Explicit congestion notification: a router that is nearly full marks a packet instead of dropping it (RFC 3168).

Both SYNs have to agree. Whoever opens says ECE and CWR, whoever answers says ECE; Linux answers so when it is asked,
and asks only if it is told to (net.ipv4.tcp_ecn). From then on new text is sent with the mark ECT(0), "I would
understand", which a router may turn into CE. The receiver of a CE repeats ECE on everything that it sends, so that a
lost acknowledgement does no harm, until the sender says CWR: it has reduced its window, once for a round trip. What
is sent again, and what carries no text, is not marked: its loss has to show.

Two habits are Linux's: CWR is believed on a bare acknowledgement too, and text without a mark, after some with, is
taken for a retransmission and acknowledged at once.

Not here: accurate ECN (RFC 9768), for which tcp_ecn of 3 and more ask, and which Linux 6.18 slips into when the answer
to a SYN says CWR; the reduction of the window (recovery.py); who marks (world/wire.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..values.constants import Ecn, TcpFlag, TcpState
from ..values.segments import Segment
from .block import Tcb
from .machine import SYNCHRONIZED, TCP, TcpEvent
from .windows import ack_soon

if TYPE_CHECKING:
    from ..world.host import Host

S, E = TcpState, TcpEvent
_ECE, _CWR, _AE = int(TcpFlag.ECE), int(TcpFlag.CWR), int(TcpFlag.AE)
_ASKS = _ECE | _CWR
_QUICK = 2
"""So many acknowledgements go at once after a mark, because the sender's window may be very small."""
_WITH_TEXT = (S.ESTABLISHED, S.FIN_WAIT_1, S.FIN_WAIT_2)
_ON_LOOPBACK = "on loopback nobody asks for ECN, and nobody marks"


# ---------------------------------------------------------------- the SYNs


def ask(tcb: Tcb, host: Host) -> None:
    """Say in the first SYN that marks would be understood, if the system is set to (`tcp_ecn_send_syn`)."""
    tcb.ecn = tcb.syn_asks_ecn = host.profile.ecn == 1
    tcb.marks_seen = tcb.echoes_mark = tcb.tells_reduction = False


def agrees(syn: Segment, host: Host) -> bool:
    """Whether a listener agrees to what this SYN asks for. A SYN that is marked itself is of something unknown
    (`tcp_ecn_create_request`).
    """
    return bool(host.profile.ecn) and syn.flags & _ASKS == _ASKS and (not syn.ecn or bool(syn.flags & _AE))


def peer_agreed(tcb: Tcb, syn_ack: Segment) -> bool:
    """Whether the answer to our SYN says yes, and nothing beside it (`tcp_ecn_rcv_synack`)."""
    return tcb.ecn and syn_ack.flags & _ASKS == _ECE


def peer_asks_too(tcb: Tcb, syn: Segment) -> bool:
    """Whether a SYN that crossed ours asks as ours did (`tcp_ecn_rcv_syn`)."""
    return tcb.ecn and syn.flags & _ASKS == _ASKS


def do_without(tcb: Tcb, host: Host) -> None:
    """A SYN stayed unanswered: perhaps somebody on the way drops those that ask. The next one does not (RFC 3168
    §6.1.1.1; net.ipv4.tcp_ecn_fallback). An answer that agrees all the same is still taken, and told that a time-out
    has made the window small.
    """
    tcb.tells_reduction = tcb.ecn
    if host.profile.ecn_fallback:
        tcb.syn_asks_ecn = False


def syn_flags(tcb: Tcb, *, ack: bool) -> int:
    """What a SYN says of it, or a SYN-ACK: of two that crossed only if its own SYN still asked."""
    if not ack:
        return _ASKS if tcb.syn_asks_ecn else 0
    answers = tcb.is_request or tcb.listener is not None
    return _ECE if tcb.ecn and (answers or tcb.syn_asks_ecn) else 0


# ---------------------------------------------------------------- what is sent


def echo(tcb: Tcb) -> int:
    """The flag that every segment carries while a mark is not answered."""
    return _ECE if tcb.echoes_mark else 0


def mark(tcb: Tcb) -> tuple[int, Ecn]:
    """What new text carries: CWR after a reduction, once, and the mark that it may be marked (`tcp_ecn_send`)."""
    if not tcb.ecn:
        return 0, Ecn.NOT_ECT
    told, tcb.tells_reduction = tcb.tells_reduction, False
    return _CWR if told else 0, Ecn.ECT_0


# ---------------------------------------------------------------- what arrives


def is_echo(tcb: Tcb, segment: Segment) -> bool:
    """Whether an acknowledgement says that something of ours was marked (`tcp_ecn_rcv_ecn_echo`)."""
    return tcb.ecn and bool(segment.flags & _ECE)


def note_stray(tcb: Tcb) -> None:
    """A mark arrives though nobody agreed to any: an open connection remembers it for `TCP_INFO`, and that is all
    (`tcp_ecn_received_counters`).
    """
    if tcb.state is S.ESTABLISHED:
        tcb.marks_seen = True


@TCP.rule(
    on=E.SEGMENT_MARK, stays=_WITH_TEXT, when=lambda tcb, seg, host: seg.ecn == Ecn.CE and not tcb.echoes_mark,
    cite="RFC 3168 §6.1.3; tcp_data_ecn_check", unconfirmed=_ON_LOOPBACK,
)  # fmt: skip
def mark_is_echoed(tcb: Tcb, segment: Segment, host: Host) -> None:
    """A router was nearly full: everything that is sent says so, until the peer tells that it has slowed down."""
    tcb.marks_seen = tcb.echoes_mark = True
    ack_soon(tcb, host.profile, _QUICK)


@TCP.rule(
    on=E.SEGMENT_MARK, stays=_WITH_TEXT, when=lambda tcb, seg, host: seg.ecn != Ecn.NOT_ECT,
    cite="RFC 3168 §5; tcp_data_ecn_check", unconfirmed=_ON_LOOPBACK,
)  # fmt: skip
def path_carries_marks(tcb: Tcb, segment: Segment, host: Host) -> None:
    """The peer's text comes with marks, as was agreed."""
    tcb.marks_seen = True


@TCP.rule(
    on=E.SEGMENT_MARK, stays=_WITH_TEXT, when=lambda tcb, seg, host: tcb.marks_seen,
    cite="RFC 3168 §6.1.5; tcp_data_ecn_check", unconfirmed=_ON_LOOPBACK,
)  # fmt: skip
def text_without_mark_was_sent_again(tcb: Tcb, segment: Segment, host: Host) -> None:
    """Only what is sent again comes without a mark: the sender had trouble, and is answered at once."""
    ack_soon(tcb, host.profile, _QUICK)


@TCP.rule(
    on=E.REDUCTION_TOLD, stays=SYNCHRONIZED, cite="RFC 3168 §6.1.3; tcp_ecn_accept_cwr", unconfirmed=_ON_LOOPBACK,
)  # fmt: skip
def peer_has_slowed_down(tcb: Tcb, segment: Segment, host: Host) -> None:
    """The peer says CWR: the echo of the mark ends. If that came with text, it is acknowledged at once."""
    tcb.echoes_mark = False
    if segment.seq != segment.end:
        tcb.ack_now = True
