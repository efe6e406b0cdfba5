"""A connection that rests in TIME-WAIT, and the segments that still come for it (RFC 9293 §3.10.7.4; RFC 1337).

Whoever repeats himself did not hear the last acknowledgement, and gets it again. A reset ends the rest, if it has the
number that is expected. So does a SYN that is later than all that came before, by its number or by its timestamp, if
somebody listens.

Not here: how a connection comes to rest (ends.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..values.constants import TcpFlag, TcpState
from ..values.segments import Segment
from . import ends, timestamps
from .block import Tcb
from .ends import abort, finish, rest
from .machine import DROP, TCP, TcpEvent
from .output import bare
from .windows import as_told

if TYPE_CHECKING:
    from ..world.host import Host

S, E = TcpState, TcpEvent
_SYN, _ACK, _RST = (int(f) for f in (TcpFlag.SYN, TcpFlag.ACK, TcpFlag.RST))
_RESET_HOLDS_NS = 60_000_000_000
"""A reset with an old timestamp is believed after so long a silence (TCP_PAWS_MSL)."""


def _is_old(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """Whether its timestamp says so (`tcp_paws_reject`)."""
    if not timestamps.is_behind(tcb, segment, host, 0):
        return False
    assert tcb.ts_recent_ns is not None
    return not segment.flags & _RST or host.now_ns < tcb.ts_recent_ns + _RESET_HOLDS_NS


def _as_expected(tcb: Tcb, segment: Segment, host: Host) -> bool:
    if segment.seq != tcb.rcv_nxt or _is_old(tcb, segment, host):
        return False
    return segment.seq == segment.end or bool(segment.flags & _RST)


@TCP.rule(
    on=E.SEGMENT_SEQUENCE, moves={S.TIME_WAIT: S.CLOSED},
    when=lambda tcb, seg, host: bool(seg.flags & _RST) and _as_expected(tcb, seg, host),
    cite="RFC 1337 §3; tcp_rfc1337 in tcp(7)",
)  # fmt: skip
def reset_ends_time_wait(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """A reset ends TIME-WAIT early."""
    abort(tcb, 0, host)
    return DROP


@TCP.rule(
    on=E.SEGMENT_SEQUENCE, stays=(S.TIME_WAIT,), when=_as_expected, cite="tcp_timewait_state_process",
    unconfirmed="on loopback nothing comes after the last FIN",
)  # fmt: skip
def ack_prolongs_time_wait(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """A bare acknowledgement with the number that is expected: the peer is alive, and the rest begins anew."""
    timestamps.note(tcb, segment, host)
    rest(tcb, host)
    return DROP


def _is_later(tcb: Tcb, segment: Segment, host: Host) -> bool:
    if segment.flags & (_SYN | _ACK | _RST) != _SYN or _is_old(tcb, segment, host):
        return False
    if segment.seq > tcb.rcv_nxt:
        return True
    return segment.timestamps is not None and timestamps.difference(segment.timestamps[0], tcb.ts_recent) > 0


@TCP.rule(
    on=E.SEGMENT_SEQUENCE, moves={S.TIME_WAIT: S.CLOSED},
    when=lambda tcb, seg, host: host.listener(seg.dst) is not None and _is_later(tcb, seg, host),
    cite="RFC 9293 §3.6.1; RFC 6191; tcp_timewait_state_process",
)  # fmt: skip
def syn_ends_time_wait(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """A later SYN for the same pair of addresses, and somebody listens: the rest is over, and the listener gets it."""
    finish(tcb, host)
    host.hand_on(segment, tcb.snd_nxt + ends.BEHIND)
    return DROP


@TCP.rule(
    on=E.SEGMENT_SEQUENCE, stays=(S.TIME_WAIT,), when=lambda tcb, seg, host: bool(seg.flags & _RST), cite="RFC 1337 §2",
    unconfirmed="on loopback every reset has the number that is expected",
)  # fmt: skip
def reset_in_time_wait_is_ignored(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """A reset with another number is of long ago: it is dropped."""
    return DROP


def _again(tcb: Tcb, segment: Segment, host: Host) -> bool:
    syn = bool(segment.flags & _SYN)
    bare_or_syn = syn or segment.seq == segment.end
    return bare_or_syn and host.tick_ns - tcb.last_challenge_ns < host.profile.challenge_ns


@TCP.rule(
    on=E.SEGMENT_SEQUENCE, stays=(S.TIME_WAIT,),
    when=lambda tcb, seg, host: _again(tcb, seg, host) and not _is_later(tcb, seg, host),
    cite="tcp_invalid_ratelimit in tcp(7); tcp_timewait_check_oow_rate_limit",
    unconfirmed="on loopback nothing comes after the last FIN",
)  # fmt: skip
def segment_in_time_wait_again(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """Another such segment was answered a moment ago: two ends must not answer each other for ever."""
    _prolong(tcb, segment, host)
    return DROP


@TCP.rule(on=E.SEGMENT_SEQUENCE, stays=(S.TIME_WAIT,), cite="RFC 9293 §3.10.7.4; tcp_timewait_state_process")
def segment_in_time_wait(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """The peer repeats itself: it is acknowledged again, and TIME-WAIT begins anew, but for a SYN."""
    if not _is_later(tcb, segment, host):
        _prolong(tcb, segment, host)
        if segment.seq == segment.end or segment.flags & _SYN:
            tcb.last_challenge_ns = host.tick_ns
    host.transmit(bare(tcb, host, tcb.snd_nxt, _ACK, as_told(tcb, tcb.receive_window)))
    return DROP


def _prolong(tcb: Tcb, segment: Segment, host: Host) -> None:
    if segment.flags & _ACK or _is_old(tcb, segment, host):
        rest(tcb, host)
