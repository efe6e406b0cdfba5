"""Options of IP, and UDP_CORK.

The least significant two bits of IP_TOS are TCP's own, which tells of congestion there (ecn.py): TCP leaves them as
they are. A new IP_TOS brings the SO_PRIORITY that goes with it (`rt_tos2priority`). The packets of the model have no
fields for either, nor for a TTL: those are stored.

IP_BIND_ADDRESS_NO_PORT leaves the port open when bind() is given port 0: connect() draws it, from more ports than
bind() could, because many connections may share one (ports.py).

Not here: IP_FREEBIND, IP_MINTTL, IP_TRANSPARENT; groups; options that show in ancillary data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...endpoint import Endpoint
from ...errorqueue import ERROR_QUEUE, QueueEvent
from ...tcp.block import Tcb
from ...udp import paths
from ...udp.machine import UDP, UdpEvent, UdpSocket
from ...values.constants import (
    IP_BIND_ADDRESS_NO_PORT,
    IP_HDRINCL,
    IP_MTU,
    IP_MTU_DISCOVER,
    IP_MULTICAST_ALL,
    IP_MULTICAST_LOOP,
    IP_MULTICAST_TTL,
    IP_NODEFRAG,
    IP_PMTUDISC_DO,
    IP_PMTUDISC_OMIT,
    IP_PMTUDISC_WANT,
    IP_RECVERR,
    IP_TOS,
    IP_TTL,
    IPPROTO_IP,
    IPPROTO_UDP,
    SO_PRIORITY,
    SOL_SOCKET,
    UDP_CORK,
    UDP_NO_CHECK6_RX,
    UDP_NO_CHECK6_TX,
)
from .row import NotModelled, Option, field, flag, stored

if TYPE_CHECKING:
    from ...world.host import Host

DEFAULT_TTL = 64
"""What packets may cross, in routers, unless the program says otherwise (net.ipv4.ip_default_ttl)."""
_ECN_BITS = 3
_PRIORITIES = (0, 2, 6, 4)
"""What SO_PRIORITY becomes by the two bits of IP_TOS that ask for much or quickly (`ip_tos2prio`)."""


def _set_path_discovery(end: Endpoint, value: int, host: Host) -> None:
    if isinstance(end, Tcb) and value not in (IP_PMTUDISC_WANT, IP_PMTUDISC_DO):
        raise NotModelled("IP_MTU_DISCOVER of a TCP socket is modelled as IP_PMTUDISC_WANT and IP_PMTUDISC_DO only")
    end.path_discovery = value


def _set_hears_errors(end: Endpoint, value: int, host: Host) -> None:
    end.hears_errors = bool(value)
    if not value:
        ERROR_QUEUE.offer(host.trail, QueueEvent.FORGET_REPORTS, end, host)


def _carries(end: Endpoint, host: Host) -> int:
    return paths.carries(end, end.remote[0], host) if isinstance(end, UdpSocket) else host.known_mtu(end.remote[0])


def _set_udp_cork(udp: UdpSocket, value: int, host: Host) -> None:
    udp.wants_cork = bool(value)
    if not value:
        UDP.fire(host.trail, UdpEvent.UNCORK, udp, host)


def _set_tos(end: Endpoint, value: int, host: Host) -> None:
    """One byte of it counts (`__ip_sock_set_tos`)."""
    before = end.stored.get((IPPROTO_IP, IP_TOS), 0)
    value = value & ~_ECN_BITS | before & _ECN_BITS if end.is_tcp else value
    end.stored[IPPROTO_IP, IP_TOS] = value & 0xFF
    if before != value:
        end.stored[SOL_SOCKET, SO_PRIORITY] = _PRIORITIES[value >> 3 & 3]


ROWS = (
    stored(
        IPPROTO_IP, IP_TTL, "IP_TTL", DEFAULT_TTL, kind=lambda value: DEFAULT_TTL if value == -1 else value,
        needs_byte=True, suits=lambda e, value: value == -1 or 1 <= value <= 255,
        note="-1 is the system's, net.ipv4.ip_default_ttl. Packets of the model have no such field.",
    ),
    Option(
        IPPROTO_IP, IP_TOS, "IP_TOS", lambda e, h: e.stored.get((IPPROTO_IP, IP_TOS), 0), _set_tos, stored=True,
        note="One byte. TCP leaves the lowest two bits alone. Where it changes it sets SO_PRIORITY, too. Packets of the"
        " model have no such field.",
    ),
    Option(
        IPPROTO_IP, IP_MTU_DISCOVER, "IP_MTU_DISCOVER", lambda e, h: e.path_discovery, _set_path_discovery, 0,
        IP_PMTUDISC_OMIT,
    ),
    Option(IPPROTO_IP, IP_MTU, "IP_MTU", _carries, note="Not connected: ENOTCONN."),
    Option(IPPROTO_IP, IP_RECVERR, "IP_RECVERR", lambda e, h: int(e.hears_errors), _set_hears_errors),
    Option(
        IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, "IP_BIND_ADDRESS_NO_PORT", *field("draws_port_late"),
        note="bind() to port 0 leaves the port to connect(), listen() or the first datagram.",
    ),
    stored(
        IPPROTO_IP, IP_MULTICAST_TTL, "IP_MULTICAST_TTL", 1, kind=abs, least=-1, most=255, needs_byte=True,
        suits=lambda e, value: not e.is_tcp,
        note="TCP tells it and does not take it; of an accepted connection it is the TTL of the peer's packet."
        " -1 is 1.",
    ),
    stored(IPPROTO_IP, IP_MULTICAST_LOOP, "IP_MULTICAST_LOOP", 1, kind=flag, needs_byte=True),
    stored(IPPROTO_IP, IP_MULTICAST_ALL, "IP_MULTICAST_ALL", 1, least=0, most=1, needs_byte=True),
    Option(IPPROTO_IP, IP_HDRINCL, "IP_HDRINCL", lambda e, h: 0, note="For raw sockets."),
    Option(IPPROTO_IP, IP_NODEFRAG, "IP_NODEFRAG", lambda e, h: 0, note="For raw sockets."),
    Option(
        IPPROTO_UDP, UDP_CORK, "UDP_CORK", lambda u, h: int(u.wants_cork), _set_udp_cork,
        note="Datagrams are held back until it is taken away.",
    ),
    stored(IPPROTO_UDP, UDP_NO_CHECK6_TX, "UDP_NO_CHECK6_TX", kind=flag, note="Means something with IPv6 only."),
    stored(IPPROTO_UDP, UDP_NO_CHECK6_RX, "UDP_NO_CHECK6_RX", kind=flag, note="Means something with IPv6 only."),
)  # fmt: skip
