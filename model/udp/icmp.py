"""ICMP errors about datagrams: which of them a socket hears of.

A UDP socket must be connected to be told, because only then is it known which datagrams an error can be about
(RFC 1122 §4.1.3.3). And only errors that will not pass are told: nobody listens there, the protocol is unknown, a
filter forbids it, or a datagram was too big for a link ahead. An unreachable net or host may be reachable a moment
later. What is told is pending like any error, and the next call reports it, whichever that is.

A program that asks with IP_RECVERR hears of all errors, connected or not, and poll shows an error as long as their
reports have not been read.

Not here: reading the reports (errorqueue.py); what the host remembers of a path (world/routes.py).
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from ..errorqueue import report_error
from ..values.constants import IP_PMTUDISC_DONT, WAKES_ERRORS
from ..values.icmp import LASTING, MEANS
from ..values.packets import IcmpError
from ..values.segments import IcmpMessage
from .machine import UDP, UdpEvent, UdpSocket, UdpState

if TYPE_CHECKING:
    from ..world.host import Host

S = UdpState
READY = (S.BOUND, S.CONNECTED)
K = IcmpError
_ON_LOOPBACK = "on loopback there is no router"


@UDP.rule(
    on=UdpEvent.ICMP_ERROR, stays=READY,
    when=lambda udp, message, host: message.kind is K.PACKET_TOO_BIG and udp.path_discovery == IP_PMTUDISC_DONT,
    cite="ip(7), IP_MTU_DISCOVER; __udp4_lib_err", unconfirmed=_ON_LOOPBACK,
)  # fmt: skip
def nobody_asked_what_fits(udp: UdpSocket, message: IcmpMessage, host: Host) -> None:
    """The socket lets routers cut its datagrams: that one was too big is not told."""


@UDP.rule(
    on=UdpEvent.ICMP_ERROR, stays=READY, when=lambda udp, message, host: udp.hears_errors,
    cite="ip(7), IP_RECVERR; __udp4_lib_err",
)  # fmt: skip
def every_error_is_told(udp: UdpSocket, message: IcmpMessage, host: Host) -> None:
    """The program wants to hear of every error, even if it is not connected: it is pending, and a report waits."""
    code = errno.EMSGSIZE if message.kind is K.PACKET_TOO_BIG else MEANS[message.kind]
    report_error(udp, message, code, host)
    udp.error = code
    host.wake(udp, WAKES_ERRORS)


@UDP.rule(
    on=UdpEvent.ICMP_ERROR, stays=(S.CONNECTED,), when=lambda udp, message, host: message.kind is K.PORT_UNREACHABLE,
    cite="RFC 1122 §4.1.3.3; udp(7), ECONNREFUSED",
)  # fmt: skip
def refusal_arrives(udp: UdpSocket, message: IcmpMessage, host: Host) -> None:
    """Nobody listens where the datagram went: ECONNREFUSED is pending."""
    udp.error = errno.ECONNREFUSED
    host.wake(udp, WAKES_ERRORS)


@UDP.rule(
    on=UdpEvent.ICMP_ERROR, stays=(S.CONNECTED,), when=lambda udp, message, host: message.kind is K.PACKET_TOO_BIG,
    cite="RFC 1191 §3; ip(7), EMSGSIZE; __udp4_lib_err", unconfirmed=_ON_LOOPBACK,
)  # fmt: skip
def datagram_was_too_big(udp: UdpSocket, message: IcmpMessage, host: Host) -> None:
    """A link ahead takes no datagram of that size: EMSGSIZE is pending, and later ones will leave in fragments."""
    udp.error = errno.EMSGSIZE
    host.wake(udp, WAKES_ERRORS)


@UDP.rule(
    on=UdpEvent.ICMP_ERROR, stays=(S.CONNECTED,), when=lambda udp, message, host: message.kind in LASTING,
    cite="RFC 1122 §3.2.2.1; RFC 1812 §5.2.7.1; icmp_err_convert", unconfirmed=_ON_LOOPBACK,
)  # fmt: skip
def lasting_error_arrives(udp: UdpSocket, message: IcmpMessage, host: Host) -> None:
    """No datagram will get there, for a filter forbids it, or the protocol or the host is unknown: that is pending."""
    udp.error = LASTING[message.kind]
    host.wake(udp, WAKES_ERRORS)


@UDP.rule(
    on=UdpEvent.ICMP_ERROR, stays=(S.CONNECTED,), cite="RFC 1122 §4.1.3.3; icmp_err_convert", unconfirmed=_ON_LOOPBACK,
)  # fmt: skip
def passing_error_is_not_told(udp: UdpSocket, message: IcmpMessage, host: Host) -> None:
    """Net or host are unreachable, or the datagram took too many hops: that may pass, and nothing is pending."""


@UDP.rule(
    on=UdpEvent.ICMP_ERROR, stays=(S.UNBOUND, S.BOUND), cite="RFC 1122 §4.1.3.3; __udp4_lib_err",
)  # fmt: skip
def refusal_is_not_for_unconnected(udp: UdpSocket, message: IcmpMessage, host: Host) -> None:
    """Whatever became of the datagram, a socket without a fixed peer is not told."""
