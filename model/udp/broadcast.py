"""Datagrams for everybody: who may send them, and who gets them.

127.255.255.255 is everybody on loopback, and so is 255.255.255.255 for a socket that has an address of loopback; for
another it has no route here. SO_BROADCAST is asked for where a route is looked up: by connect, and by a send with an
address; a connected socket that remembers its route is not asked again (`udp_sendmsg`). Every socket gets one that has
the port, no peer, and no address of its own, the sender too. If there is none, nobody complains.

Not here: what goes over a wire to everybody there, and groups; sockets bound to such an address.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..values.addresses import ANY, EVERYBODY, LOOPBACK_BROADCAST, Address, is_local
from ..values.segments import Datagram
from .machine import UdpSocket, UdpState

if TYPE_CHECKING:
    from ..world.host import Host


def is_for_everybody(udp: UdpSocket, to: Address | None) -> bool:
    """Whether a datagram of this socket to that address is for everybody; None: to its peer, by the known way."""
    if to is None:
        return not udp.way and is_for_everybody(udp, udp.remote)
    return to[0] == LOOPBACK_BROADCAST or (to[0] == EVERYBODY and is_local(udp.local[0]))


def receivers(datagram: Datagram, host: Host) -> Iterator[UdpSocket]:
    """The sockets that get it (`__udp_is_mcast_sock`)."""
    for number in reversed(host.udp_ports.held.get(datagram.dst[1], ())):
        udp = host.endpoints[number]
        assert isinstance(udp, UdpSocket)
        if udp.local[0] == ANY and udp.state is not UdpState.CONNECTED:
            yield udp
