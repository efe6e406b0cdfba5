"""The memory account of a UDP receive buffer.

A datagram is charged with the buffer it arrived in, not with its bytes: an empty one costs as much as one of 197
bytes. A datagram is kept if the account stays within the receive buffer, or if the account is empty: the smallest
buffer keeps one datagram of any size. What does not fit is dropped and counted, and the sender learns nothing.

Memory of datagrams that were read is given back in lumps of a quarter of the buffer, or when the reader has read
all it took over (`udp_rmem_release`).

Not here: limits over all sockets (udp_mem), sharing by GSO and GRO.
"""

from __future__ import annotations

from ..profiles import Profile
from ..values.segments import Datagram
from .machine import UdpSocket

HEADERS = 379
"""Room for headers, alignment and shared info around the payload, in bytes."""
LINEAR_MAX = 16004
"""Longest datagram that is kept in one piece of memory of a power of two; longer ones are kept in pages."""
DESCRIPTOR = 256
MAX_PAYLOAD = 65507
"""Longest UDP payload over IPv4: 65535 less IP and UDP headers."""


def truesize(length: int, profile: Profile) -> int:
    """What the kernel charges for a datagram of `length` bytes of payload (0 to 65507) that came over loopback."""
    small = profile.small_head
    if length > LINEAR_MAX:
        return length + (small or 512) + DESCRIPTOR
    need = length + HEADERS
    head = small if need <= small else 1 << max(10 if small else 9, (need - 1).bit_length())
    return head + DESCRIPTOR


def fits(udp: UdpSocket, datagram: Datagram, profile: Profile) -> bool:
    """Whether the receive buffer keeps this datagram."""
    if profile.udp_overruns:
        return udp.rmem <= udp.rcvbuf
    return not udp.rmem or udp.rmem + truesize(len(datagram.data), profile) <= udp.rcvbuf


def take_over(udp: UdpSocket) -> None:
    """Whoever looks for the next datagram and finds the readers' queue empty moves all that arrived there; FIONREAD
    does too.
    """
    if not udp.reading:
        udp.reading, udp.arrived = udp.arrived, udp.reading


def take(udp: UdpSocket, profile: Profile) -> Datagram:
    """Take the next datagram out; the caller knows that there is one."""
    take_over(udp)
    datagram = udp.reading.popleft()
    udp.owed += truesize(len(datagram.data), profile)
    if udp.owed >= udp.rcvbuf >> 2 or not udp.reading:
        udp.rmem -= udp.owed
        udp.owed = 0
        udp.reading.extend(udp.arrived)
        udp.arrived.clear()
    return datagram
