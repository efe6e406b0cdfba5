"""IP_MTU_DISCOVER: what a program wants done about datagrams that are larger than what gets through (ip(7)).

| value | DF | larger than what is known of the path | larger than the interface |
|---|---|---|---|
| DONT | no | in fragments | in fragments |
| WANT, where nobody asked | if it fits | in fragments | in fragments |
| DO | yes | EMSGSIZE | EMSGSIZE |
| PROBE | yes | is sent all the same | EMSGSIZE |
| INTERFACE | no | is sent all the same | EMSGSIZE |
| OMIT | no | is sent all the same | in fragments |

Not here: what is known of a path, and cutting (world/routes.py, world/fragments.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..values.constants import (
    IP_PMTUDISC_DO,
    IP_PMTUDISC_DONT,
    IP_PMTUDISC_INTERFACE,
    IP_PMTUDISC_OMIT,
    IP_PMTUDISC_PROBE,
    IP_PMTUDISC_WANT,
)
from .machine import UdpSocket

if TYPE_CHECKING:
    from ..world.host import Host

HEADERS = 28
"""IPv4 and UDP, in bytes."""
_CUT_ANYWHERE = (IP_PMTUDISC_DONT, IP_PMTUDISC_INTERFACE, IP_PMTUDISC_OMIT)
_NEVER_CUT = (IP_PMTUDISC_DO, IP_PMTUDISC_PROBE, IP_PMTUDISC_INTERFACE)
_GO_BY_PATH = (IP_PMTUDISC_DONT, IP_PMTUDISC_WANT, IP_PMTUDISC_DO)


def carries(udp: UdpSocket, ip: str, host: Host) -> int:
    """Bytes of the largest IP packet to `ip` that this socket goes by."""
    return host.known_mtu(ip) if udp.path_discovery in _GO_BY_PATH else host.interface_mtu(ip)


def may_cut(udp: UdpSocket) -> bool:
    """Whether the program lets its datagrams leave in fragments (`ip_sk_ignore_df`)."""
    return udp.path_discovery not in _NEVER_CUT


def fits(udp: UdpSocket, ip: str, length: int, host: Host) -> bool:
    """Whether a datagram of so many bytes may leave, whole or in parts (`__ip_append_data`)."""
    return may_cut(udp) or HEADERS + length <= carries(udp, ip, host)


def manners(udp: UdpSocket, ip: str, host: Host) -> tuple[bool, int]:
    """Whether routers may cut a datagram, and how large a packet it may leave as; 0 where the path alone decides."""
    if udp.path_discovery == IP_PMTUDISC_WANT:
        return False, 0
    return udp.path_discovery in _CUT_ANYWHERE, carries(udp, ip, host)
