"""The question before all others: is a segment older than what was seen already? (RFC 7323 §5)

An old duplicate whose sequence number fits again is known by its timestamp. An acknowledgement that was overtaken by
data a moment ago is older too, and is let pass. A reset is never too old.

Not here: clocks and echoes (timestamps.py); a connection that rests (resting.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..values.constants import TcpFlag, TcpState
from ..values.segments import Segment
from .acceptance import answer_unacceptable, answered_lately, challenge
from .block import Tcb
from .machine import DROP, SYNCHRONIZED, TCP, TcpEvent
from .output import reset_in_answer
from .timestamps import MS, clock, difference, is_behind
from .windows import says_new_window

if TYPE_CHECKING:
    from ..world.host import Host

_SYN, _ACK, _RST = (int(f) for f in (TcpFlag.SYN, TcpFlag.ACK, TcpFlag.RST))
_WHY = "on loopback no segment is old"


def _fails(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """Whether it is old, and not just an acknowledgement that was overtaken a moment ago (`tcp_disordered_ack`)."""
    if not is_behind(tcb, segment, host) or segment.flags & _RST:
        return False
    assert segment.timestamps is not None
    overtaken = (
        bool(segment.flags & _ACK)
        and segment.seq == segment.end == tcb.rcv_nxt
        and segment.ack == tcb.snd_una
        and not says_new_window(tcb, segment, host.profile)
        and difference(tcb.ts_recent, segment.timestamps[0]) <= tcb.rto_ns * 6 // 5 // MS
    )
    return not overtaken


def _is_bare(segment: Segment) -> bool:
    return bool(segment.flags & _ACK) and segment.seq == segment.end


@TCP.rule(
    on=TcpEvent.SEGMENT_TIMESTAMP, stays=(TcpState.SYN_RECEIVED, *SYNCHRONIZED),
    when=lambda tcb, seg, host: _fails(tcb, seg, host) and bool(seg.flags & _SYN), cite="RFC 7323 §5.3; RFC 5961 §4.2",
    unconfirmed=_WHY,
)  # fmt: skip
def old_syn_is_challenged(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """A SYN with an old timestamp: an acknowledgement says where the connection is."""
    tcb.drops += segment.merged
    challenge(tcb, host)
    return DROP


@TCP.rule(
    on=TcpEvent.SEGMENT_TIMESTAMP, stays=(TcpState.SYN_RECEIVED, *SYNCHRONIZED),
    when=lambda tcb, seg, host: _fails(tcb, seg, host) and _is_bare(seg) and seg.seq < tcb.rcv_nxt,
    cite="RFC 7323 §5.3; tcp_disordered_ack_check", unconfirmed=_WHY,
)  # fmt: skip
def old_ack_is_dropped(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """An acknowledgement from before the last data, with an old timestamp, was overtaken: it is dropped."""
    tcb.drops += segment.merged
    return DROP


@TCP.rule(
    on=TcpEvent.SEGMENT_TIMESTAMP, stays=(TcpState.SYN_RECEIVED, *SYNCHRONIZED),
    when=lambda tcb, seg, host: _fails(tcb, seg, host) and answered_lately(tcb, seg, host),
    cite="RFC 7323 §5.3, R1; tcp_invalid_ratelimit in tcp(7)", unconfirmed=_WHY,
)  # fmt: skip
def old_segment_is_dropped_again(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """Another old one was answered a moment ago: two ends must not answer for ever."""
    tcb.drops += segment.merged
    return DROP


@TCP.rule(
    on=TcpEvent.SEGMENT_TIMESTAMP, stays=(TcpState.SYN_RECEIVED, *SYNCHRONIZED), when=_fails,
    cite="RFC 7323 §5.3, R1", unconfirmed=_WHY,
)  # fmt: skip
def old_segment_is_dropped(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """Its clock is behind what was seen: it is an old duplicate, dropped, and acknowledged like one out of window."""
    tcb.drops += segment.merged
    answer_unacceptable(tcb, segment, host)
    return DROP


def _echoes_another_syn(tcb: Tcb, segment: Segment, host: Host) -> bool:
    if not (segment.flags & _ACK and segment.timestamps and segment.timestamps[1] and tcb.timestamps):
        return False
    since = clock(tcb, tcb.opened_ns)
    echo = segment.timestamps[1]
    return difference(echo, since) < 0 or difference(echo, clock(tcb, host.now_ns)) > 0


@TCP.rule(
    on=TcpEvent.SEGMENT_TIMESTAMP, stays=(TcpState.SYN_SENT,), when=_echoes_another_syn,
    cite="RFC 7323 §5.4; tcp_rcv_synsent_state_process, PAWSACTIVEREJECTED", unconfirmed=_WHY,
)  # fmt: skip
def syn_ack_echoes_another_syn(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """It echoes a time at which no SYN of ours was sent: it is not meant for us, and is answered with a reset."""
    reset_in_answer(segment, host)
    return DROP
