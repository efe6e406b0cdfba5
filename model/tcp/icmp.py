"""ICMP errors that reach a connection: who is believed, what ends an attempt, what is only remembered.

Anyone can send an ICMP error, so it must quote something that is on its way: a sequence number from `snd_una` to
`snd_nxt` (RFC 5927 §4). What does not is counted and forgotten.

RFC 1122 §4.2.3.9 tells *hard* errors (protocol or port unreachable), which should abort a connection, from *soft* ones
(net or host unreachable, time exceeded), which must not. Linux draws the line by the state and not by the kind: while a
connection is being opened every error ends the attempt, so that a program can try another address at once (RFC 5461
§4); once it stands none does, because routes recover and errors may be forged. Such an error is kept, and takes the
place of ETIMEDOUT if nothing gets through in the end; the next acknowledgement forgets it. SO_ERROR tells it.

Two errors do more. That a packet is too big says which size fits (RFC 1191): segments become smaller, and what was too
large is sent again at once. That net or host is unreachable, about the very segment that a time-out sent again, says
that it was not congestion that lost it, and so one doubling of the time-out is taken back (RFC 6069).

Not here: the listeners' and datagrams' errors (udp/icmp.py), which connection an error is about and what the host
remembers of a path (world/errors.py, world/routes.py); reading reports (errorqueue.py), source quench,
redirects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errorqueue import report_error
from ..values.constants import WAKES_ERRORS, TcpState
from ..values.icmp import MEANS
from ..values.packets import IcmpError
from ..values.segments import IcmpMessage
from . import resending
from .block import Pending, Tcb, Timer
from .ends import abort
from .machine import SYNCHRONIZED, TCP, TcpEvent
from .output import start_timer
from .roundtrip import timeout_ns
from .windows import bound_mss

if TYPE_CHECKING:
    from ..world.host import Host

S, E = TcpState, TcpEvent
K = IcmpError

_NO_WAY = (K.NET_UNREACHABLE, K.HOST_UNREACHABLE)
_ON_LOOPBACK = "on loopback nobody complains about segments"


def _quotes_another(tcb: Tcb, message: IcmpMessage, host: Host) -> bool:
    newest = tcb.iss if _half_open(tcb, message, host) else tcb.snd_nxt
    return not tcb.snd_una <= message.seq <= newest


def _half_open(tcb: Tcb, message: IcmpMessage, host: Host) -> bool:
    """Whether this is a listener's child, of which the kernel keeps no more than a request."""
    return tcb.state is S.SYN_RECEIVED and tcb.listener is not None


@TCP.rule(on=E.ICMP_ERROR, stays=(S.CLOSED, S.LISTEN, S.TIME_WAIT), cite="tcp_v4_err", unconfirmed=_ON_LOOPBACK)
def error_comes_too_late(tcb: Tcb, message: IcmpMessage, host: Host) -> None:
    """The connection is over, or rests: nothing is left that the error could concern."""


@TCP.rule(
    on=E.ICMP_ERROR, stays=(S.SYN_SENT, S.SYN_RECEIVED, *SYNCHRONIZED), when=_quotes_another,
    cite="RFC 5927 §4.1; tcp_v4_err", unconfirmed=_ON_LOOPBACK,
)  # fmt: skip
def error_quotes_another_segment(tcb: Tcb, message: IcmpMessage, host: Host) -> None:
    """It quotes a segment that is not on its way: it is late or forged, is counted, and changes nothing."""
    host.errors_outside += 1


# ---------------------------------------------------------------- opening


def _drops_half_open(tcb: Tcb, message: IcmpMessage, host: Host) -> bool:
    return _half_open(tcb, message, host) and message.kind in (*_NO_WAY, K.TIME_EXCEEDED, K.PARAMETER_PROBLEM)


@TCP.rule(
    on=E.ICMP_ERROR, moves={S.SYN_RECEIVED: S.CLOSED}, when=_drops_half_open, cite="tcp_req_err",
    unconfirmed=_ON_LOOPBACK,
)  # fmt: skip
def error_ends_half_open(tcb: Tcb, message: IcmpMessage, host: Host) -> None:
    """Our SYN-ACK does not get through: a listener's child is forgotten, and nobody is told.
    POSIX wants no errors of the network from accept."""
    assert tcb.listener is not None
    host.tcb(tcb.listener).drops += 1
    abort(tcb, 0, host)


@TCP.rule(
    on=E.ICMP_ERROR, stays=(S.SYN_RECEIVED,), when=_half_open, cite="tcp_req_err", unconfirmed=_ON_LOOPBACK,
)  # fmt: skip
def half_open_ignores_error(tcb: Tcb, message: IcmpMessage, host: Host) -> None:
    """Only an error of the way concerns a listener's child: all others it outlives."""


@TCP.rule(
    on=E.ICMP_ERROR, moves=dict.fromkeys((S.SYN_SENT, S.SYN_RECEIVED), S.CLOSED),
    when=lambda tcb, message, host: message.kind is not K.PACKET_TOO_BIG,
    cite="RFC 5461 §4; connect(2), ENETUNREACH; tcp_v4_err", unconfirmed=_ON_LOOPBACK,
)  # fmt: skip
def error_ends_attempt(tcb: Tcb, message: IcmpMessage, host: Host) -> None:
    """Our SYN does not get through: the attempt is over, and what the error means is pending.
    RFC 1122 would have TCP go on trying after a soft error; Linux fails at once, so that another address can be tried.
    A report waits, whether or not the program wants to hear of errors (ip_icmp_error)."""
    report_error(tcb, message, MEANS[message.kind], host)
    abort(tcb, MEANS[message.kind], host)


# ---------------------------------------------------------------- the size of segments


@TCP.rule(
    on=E.ICMP_ERROR, stays=(S.SYN_SENT, S.SYN_RECEIVED, *SYNCHRONIZED),
    when=lambda tcb, message, host: message.kind is K.PACKET_TOO_BIG,
    cite="RFC 1191 §3; tcp_v4_mtu_reduced", unconfirmed=_ON_LOOPBACK,
)  # fmt: skip
def segments_become_smaller(tcb: Tcb, message: IcmpMessage, host: Host) -> None:
    """A link ahead takes less than we send: the host remembers that, and what was too large is sent again at once.
    It was not congestion that lost it, so the congestion window stays."""
    host.learn_path_mtu(tcb.remote[0], message.next_mtu)
    _shrink(tcb, host)


@TCP.rule(
    on=E.PATH_IS_NARROWER, stays=SYNCHRONIZED, cite="RFC 1191 §3; tcp_v4_mtu_reduced, for an error of one's own",
    unconfirmed=_ON_LOOPBACK,
)  # fmt: skip
def another_socket_knows_better(tcb: Tcb, host: Host) -> None:
    """Another socket has learnt that the path takes less: what is on its way is sent again, smaller, and what waits waits on."""  # noqa: E501
    _shrink(tcb, host)


def _shrink(tcb: Tcb, host: Host) -> None:
    before, carries = tcb.mss, host.path_mss(tcb.remote[0])
    if carries < tcb.path_mss:
        tcb.path_mss = carries
        bound_mss(tcb)
        resending.send_in_smaller_pieces(tcb, before, host)


# ---------------------------------------------------------------- soft errors


def _undoes_backoff(tcb: Tcb, message: IcmpMessage, host: Host) -> bool:
    again = bool(tcb.unacked) and tcb.retransmits > 0 and tcb.backoff > 0
    return again and message.kind in _NO_WAY and message.seq == tcb.snd_una


@TCP.rule(
    on=E.ICMP_ERROR, stays=SYNCHRONIZED, when=_undoes_backoff, cite="RFC 6069 §3; tcp_ld_RTO_revert",
    unconfirmed=_ON_LOOPBACK,
)  # fmt: skip
def error_takes_backoff_back(tcb: Tcb, message: IcmpMessage, host: Host) -> None:
    """What a time-out sent again was lost for want of a way, not by congestion: the wait is half as long again.
    The error itself is kept for later, or told if the program wants that."""
    if tcb.hears_errors:
        tcb.error = MEANS[message.kind]
        host.wake(tcb, WAKES_ERRORS)
    else:
        tcb.soft_error = MEANS[message.kind]
    tcb.backoff -= 1
    tcb.rto_ns = min(timeout_ns(tcb, host) << tcb.backoff, host.profile.rto_max_ns)
    left_ns = tcb.rto_ns - (host.now_ns - tcb.unacked[0].sent_ns)
    if left_ns > 0:
        start_timer(tcb, Pending.RETRANSMIT, left_ns, host)
    else:
        host.stop_timer(tcb, Timer.RETRANSMIT)
        TCP.offer(host.trail, E.RETRANSMIT_DUE, tcb, host)


@TCP.rule(
    on=E.ICMP_ERROR, stays=SYNCHRONIZED, when=lambda tcb, message, host: tcb.hears_errors,
    cite="ip(7), IP_RECVERR; tcp_v4_err", unconfirmed=_ON_LOOPBACK,
)  # fmt: skip
def error_is_told_at_once(tcb: Tcb, message: IcmpMessage, host: Host) -> None:
    """The program wants to hear of every error: this one is pending, and the connection goes on all the same."""
    tcb.error = MEANS[message.kind]
    host.wake(tcb, WAKES_ERRORS)


@TCP.rule(
    on=E.ICMP_ERROR, stays=SYNCHRONIZED, cite="RFC 1122 §4.2.3.9; RFC 5461 §2; tcp_v4_err", unconfirmed=_ON_LOOPBACK,
)  # fmt: skip
def error_is_kept_for_later(tcb: Tcb, message: IcmpMessage, host: Host) -> None:
    """An open connection outlives any error: this one is told if it times out, or if SO_ERROR is asked.
    RFC 1122 would abort it when protocol or port are unreachable; Linux does not."""
    tcb.soft_error = MEANS[message.kind]
