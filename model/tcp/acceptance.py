"""Is a segment acceptable? The first four questions (RFC 9293 §3.10.7.4): its number, RST, the third that is none, SYN.

What lies outside the window is dropped, and an acknowledgement says what is expected. A reset must have exactly the
number that is expected; one that is only in the window may be forged, and so may a SYN in an open connection: both are
challenged, and a true peer will answer (RFC 5961).

Not here: timestamps (paws.py), security compartments (the RFC's third check is no check any more), segments for a
resting connection (resting.py).
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from ..values.constants import TcpFlag, TcpState
from ..values.segments import Segment
from .block import Tcb
from .ends import abort, is_orphan
from .machine import DROP, SYNCHRONIZED, TCP, TcpEvent
from .output import send_ack
from .windows import ack_soon

if TYPE_CHECKING:
    from ..world.host import Host

S, E = TcpState, TcpEvent
_SYN, _ACK, _RST, _FIN = (int(f) for f in (TcpFlag.SYN, TcpFlag.ACK, TcpFlag.RST, TcpFlag.FIN))


def challenge(tcb: Tcb, host: Host) -> None:
    """Answer what may be forged, or goes wrong, with an acknowledgement; not more often than twice a second, or two
    ends would answer each other for ever (RFC 5961 §7; tcp_invalid_ratelimit in tcp(7)).
    """
    if host.tick_ns - tcb.last_challenge_ns >= host.profile.challenge_ns:
        tcb.last_challenge_ns = host.tick_ns
        send_ack(tcb, host)


def _may_be_an_echo(segment: Segment) -> bool:
    """Whether it may be an answer to an answer; what takes room in the sequence and is no SYN is none."""
    return segment.seq == segment.end or bool(segment.flags & _SYN)


def answer_unacceptable(tcb: Tcb, segment: Segment, host: Host) -> None:
    """Acknowledge a segment that is dropped, and tell what of it is here already; the peer may not have heard the last
    acknowledgement, and so the next ones go at once (`tcp_send_dupack`).
    """
    if _may_be_an_echo(segment):
        tcb.last_challenge_ns = host.tick_ns
    if segment.seq < segment.end and segment.seq < tcb.rcv_nxt and not segment.flags & _SYN:
        tcb.duplicate = (segment.seq, min(segment.end, tcb.rcv_nxt))
        ack_soon(tcb, host.profile)
    send_ack(tcb, host)


def answered_lately(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """Whether such a segment was answered a moment ago; one with data or a FIN is always answered
    (`tcp_oow_rate_limited`).
    """
    return _may_be_an_echo(segment) and host.tick_ns - tcb.last_challenge_ns < host.profile.challenge_ns


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
    text_ends = segment.end - bool(segment.flags & _FIN)  # a FIN may lie beyond the window (`tcp_sequence`)
    return text_ends > tcb.rcv_nxt + tcb.receive_window and bool(tcb.received) and len(segment.data) > 0


def _not_again(tcb: Tcb, segment: Segment, host: Host) -> bool:
    waits_alone = tcb.state is S.FIN_WAIT_2 and is_orphan(tcb)
    quiet = (bool(segment.flags & _RST) and not waits_alone) or answered_lately(tcb, segment, host)
    return quiet and _outside(tcb, segment, host)


@TCP.rule(
    on=E.SEGMENT_SEQUENCE, stays=(S.SYN_RECEIVED, *SYNCHRONIZED), when=_not_again,
    cite="RFC 9293 §3.10.7.4, first; tcp_invalid_ratelimit in tcp(7)",
)  # fmt: skip
def segment_outside_window_again(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """It lies outside the window and is a reset, or another was answered lately: two ends must not answer for ever.
    What the kernel keeps of an orphan in FIN-WAIT-2 answers a reset too."""
    tcb.drops += segment.merged
    return DROP


@TCP.rule(
    on=E.SEGMENT_SEQUENCE, stays=(S.SYN_RECEIVED, *SYNCHRONIZED), when=_outside,
    cite="RFC 9293 §3.10.7.4, first: check sequence number",
)  # fmt: skip
def segment_outside_window(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """It lies outside the receive window: it is dropped, and an acknowledgement says what is expected."""
    tcb.drops += segment.merged
    answer_unacceptable(tcb, segment, host)
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
    here = max((end for _, end in tcb.sack_blocks), default=tcb.rcv_nxt) if tcb.sack_permitted else tcb.rcv_nxt
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
    on=E.SEGMENT_RESET, stays=(S.SYN_RECEIVED, *SYNCHRONIZED),
    when=lambda tcb, seg, host: bool(seg.flags & _RST) and (tcb.state is not S.SYN_RECEIVED or seg.seq != tcb.rcv_nxt),
    cite="RFC 5961 §3.2",
)  # fmt: skip
def reset_is_challenged(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """It lies in the window but is not what is expected next: it may be forged, and a true peer will repeat it."""
    tcb.drops += segment.merged
    challenge(tcb, host)
    return DROP


# ---------------------------------------------------------------- fourth: SYN


def _answers_crossed_syn(tcb: Tcb, segment: Segment) -> bool:
    """Whether it is the SYN-ACK of a peer whose SYN crossed ours, which tells nothing new but its acknowledgement."""
    crossed = tcb.state is S.SYN_RECEIVED and bool(segment.flags & _ACK)
    return crossed and segment.seq + 1 == segment.end == tcb.rcv_nxt and segment.ack == tcb.snd_nxt


@TCP.rule(
    on=E.SEGMENT_SYN, stays=(S.SYN_RECEIVED, *SYNCHRONIZED),
    when=lambda tcb, seg, host: bool(seg.flags & _SYN) and not _answers_crossed_syn(tcb, seg),
    cite="RFC 9293 §3.10.7.4, fourth; RFC 5961 §4.2",
    unconfirmed="on loopback an end forgets an open connection only after a minute of real time",
)  # fmt: skip
def syn_in_connection_is_challenged(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """A SYN in an open connection may be forged: an acknowledgement says so, and nothing changes."""
    tcb.drops += segment.merged
    challenge(tcb, host)
    return DROP
