"""ICMP errors on their way in: which socket is meant, and what the host itself learns.

An error quotes the beginning of a packet. Its addresses and ports, seen from the other side, find the socket that sent
it: a connection, never a listener, or the UDP socket that would hear the answer. One that finds nobody is counted.

Not here: what a socket makes of it (tcp/icmp.py, udp/icmp.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..tcp.machine import TCP, TcpEvent
from ..udp.machine import UDP, UdpEvent
from ..values.constants import IPPROTO_TCP
from ..values.packets import IcmpError
from ..values.segments import IcmpMessage

if TYPE_CHECKING:
    from .host import Host


def error_arrives(message: IcmpMessage, host: Host) -> None:
    """Let the socket hear of it whose packet it quotes (`icmp_unreach`)."""
    if message.kind is IcmpError.REASSEMBLY_TIME_EXCEEDED:
        return  # the receiver missed a fragment: for the sender that is a loss like any other
    if message.protocol == IPPROTO_TCP:
        number = host.connections.get((message.src, message.dst))
        if number is None:
            host.errors_unclaimed += 1
        else:
            TCP.fire(host.trail, TcpEvent.ICMP_ERROR, host.tcb(number), message, host)
        return
    if message.kind is IcmpError.PACKET_TOO_BIG:
        host.learn_path_mtu(message.dst[0], message.next_mtu)
    udp = host.udp_receiver(message.dst, message.src)
    if udp is None:
        host.errors_unclaimed += 1
    else:
        UDP.fire(host.trail, UdpEvent.ICMP_ERROR, udp, message, host)
