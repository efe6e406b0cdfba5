"""The memory account of a UDP receive buffer.

A datagram is charged with the buffers it arrived in, not with its bytes: an empty one costs as much as one of 197
bytes. A datagram is kept if the account stays within the receive buffer, or if the account is empty: the smallest
buffer keeps one datagram of any size. What does not fit is dropped and counted, and the sender learns nothing.

Memory of datagrams that were read is given back in lumps of a quarter of the buffer, or when the reader has read
all it took over (`udp_rmem_release`).

Memory is reserved in whole pages before it is charged. What is given back fills them again, and what makes whole pages
then is not reserved any longer, but for one byte that keeps a page from being whole. So a socket that has read all
still has up to a page reserved, and a full one has more often than none.

Not here: limits over all sockets (udp_mem), sharing by GSO and GRO.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from ..values.segments import Buffer, Datagram
from . import buffers
from .machine import UdpSocket

if TYPE_CHECKING:
    from ..world.host import Host


def truesize(datagram: Datagram) -> int:
    """What the kernel charges for a datagram that arrived, in bytes. One that has come in fragments is charged with all
    their buffers; but what follows the first, and fits into its head, costs nothing (`inet_frag_reasm_finish`).
    """
    first, *more = datagram.buffers
    charged, room = first.truesize, 0 if first.pages else first.room
    for buffer in more:
        size = buffer.size - buffers.IP_HEADER
        if size <= room:
            room -= size
        else:
            charged, room = charged + buffer.truesize, 0
    return charged


def condensed(datagram: Datagram) -> Datagram:
    """What lies outside the first buffer's head moves there, if there is room for it (`skb_condense`)."""
    first, *more = datagram.buffers
    outside = first.paged + sum(buffer.size - buffers.IP_HEADER for buffer in more)
    if not outside or outside > first.room:
        return datagram
    head = first.truesize - first.paged
    return attrs.evolve(datagram, buffers=(Buffer(first.size + outside, head, first.room - outside),))


def as_queued(udp: UdpSocket, datagram: Datagram, host: Host) -> Datagram:
    """The datagram as it would be queued: with buffers, and made smaller if half of the receive buffer is used."""
    if not datagram.buffers:
        carrier = buffers.first(len(datagram.data), host.profile.loopback_mtu, udp.number, host)
        datagram = attrs.evolve(datagram, buffers=(carrier,))
    return condensed(datagram) if udp.rmem > udp.rcvbuf >> 1 else datagram


def fits(udp: UdpSocket, datagram: Datagram, host: Host) -> bool:
    """Whether the receive buffer keeps this datagram. What it would be made smaller by does not help it."""
    if host.profile.udp_overruns:
        return udp.rmem <= udp.rcvbuf
    if not udp.rmem:
        return True
    if not datagram.buffers:
        datagram = as_queued(udp, datagram, host)
    return udp.rmem + truesize(datagram) <= udp.rcvbuf


def keep(udp: UdpSocket, datagram: Datagram, host: Host) -> None:
    """Charge a datagram and queue it; pages are reserved for it first."""
    datagram = as_queued(udp, datagram, host)
    size = truesize(datagram)
    missing, page = size - udp.reserved, host.profile.page
    if not host.profile.udp_reserves_missing and missing >= 0:
        missing = size
    if missing > 0:
        udp.reserved += -(-missing // page) * page
    udp.reserved -= size
    udp.rmem += size
    udp.arrived.append(datagram)
    if any(buffer.pages for buffer in datagram.buffers):
        host.page_users.add(udp.number)


def take_over(udp: UdpSocket) -> None:
    """Whoever looks for the next datagram and finds the readers' queue empty moves all that arrived there; FIONREAD
    does too.
    """
    if not udp.reading:
        udp.reading, udp.arrived = udp.arrived, udp.reading


def take(udp: UdpSocket, host: Host) -> Datagram:
    """Take the next datagram out; the caller knows that there is one."""
    take_over(udp)
    datagram = udp.reading.popleft()
    udp.owed += truesize(datagram)
    if udp.owed >= udp.rcvbuf >> 2 or not udp.reading:
        _release(udp, host)
    return datagram


def _release(udp: UdpSocket, host: Host) -> None:
    """Give back what is owed: one byte less than whole pages stay reserved."""
    page = host.profile.page
    udp.rmem -= udp.owed
    udp.reserved += udp.owed
    udp.reserved -= (udp.reserved - 1) // page * page
    udp.owed = 0
    udp.reading.extend(udp.arrived)
    udp.arrived.clear()
