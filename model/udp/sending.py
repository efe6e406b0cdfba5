"""The memory account of a UDP send buffer, and the way out.

A datagram is charged to its sender from the moment its buffers are made until they leave the host: over loopback that
is at once, and so a sender never waits there. A device that holds packets back makes it wait, and so does a datagram
that the program itself holds back (assembling.py).

Room is looked at once for each datagram, before its first buffer is made: anything free at all is enough
(`sock_alloc_send_pskb`). Further fragments may take twice the buffer, and no more. Writable, for poll, is a socket that
uses less than half.

What a device has no room for is lost. A datagram in fragments loses that fragment and those behind it; the ones before
it are on their way, and nobody will ever make a whole of them (`ip_do_fragment`).

Not here: rules (calls.py); the device (world/device.py).
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from ..errorqueue import report_too_large
from ..values.addresses import ANY, Address, target
from ..values.constants import MSG_MORE, WAKES_WRITERS
from ..values.results import Answer
from ..values.segments import Buffer, Datagram
from . import buffers, paths
from .machine import UDP, UdpEvent, UdpSocket

if TYPE_CHECKING:
    from ..world.host import Host


def has_room(udp: UdpSocket) -> bool:
    """Whether another datagram may be begun."""
    return udp.wmem < udp.sndbuf


def free(udp: UdpSocket, size: int, host: Host) -> None:
    """So many bytes of the send buffer are free again, which wakes those who wait to send, if it is writable now
    (`sock_wfree`).
    """
    udp.wmem -= size
    if udp.writable:
        host.wake(udp, WAKES_WRITERS)


def free_all(udp: UdpSocket, made: tuple[Buffer, ...] | list[Buffer], host: Host) -> None:
    """The buffers of a datagram that will not be sent are free again."""
    for buffer in made:
        free(udp, buffer.truesize, host)


def settle(udp: UdpSocket, flags: int, to: Address | None, host: Host) -> tuple[tuple[Address, Address], str]:
    """Where a datagram comes from and goes to, and for which address its route is looked up. This is settled before
    anything can go wrong but the address.

    What connect noted is not looked up again, and the note is one with that of the datagram that is held back: so after
    a send with MSG_MORE to somebody else a connected socket sends to him, too (`udp_sendmsg`, `fl4`).
    """
    goal = udp.remote if to is None else target(to, udp.local)
    source = (host.source_for(goal[0]) if udp.local[0] == ANY else udp.local[0], udp.local[1])
    way = goal[0]
    if to is None and udp.way:
        way = udp.way
        if not holds_back(udp, flags):
            return udp.flow, way
        source = udp.flow[0]
    elif to is None:
        udp.way = way
    if holds_back(udp, flags):
        udp.flow = source, goal
    return (source, goal), way


def begin(udp: UdpSocket, length: int, ip: str, host: Host) -> tuple[int, list[Buffer], int]:
    """Make the buffers of a datagram of `length` bytes to `ip`, and charge for them: an errno, or 0, and what its
    fragments are cut for. After an error nothing is charged.
    """
    mtu = paths.carries(udp, ip, host)
    made = [buffers.first(length, mtu, udp.number, host)]
    udp.wmem += made[0].truesize
    rest = buffers.HEADERS + length - made[0].size
    problem = buffers.append(made, rest, mtu, udp, host) if rest else 0
    if problem:
        free_all(udp, made, host)
    return problem, made, mtu


def hand_over(
    udp: UdpSocket, flow: tuple[Address, Address], way: str, data: bytes, made: tuple[Buffer, ...] | list[Buffer],
    host: Host,
) -> int:  # fmt: skip
    """A datagram leaves, by the route to the address `way`. Returns an errno, or 0: ENOBUFS if the device had no room
    for all of it, and the program wants to hear of such things (IP_RECVERR).
    """
    datagram = Datagram(*flow, data, *paths.manners(udp, way, host), tuple(made), "" if way == flow[1][0] else way)
    if host.transmit(datagram, udp) or not udp.hears_errors:
        return 0
    return errno.ENOBUFS


def holds_back(udp: UdpSocket, flags: int) -> bool:
    """Whether a send with these flags keeps its datagram back (assembling.py)."""
    return udp.wants_cork or bool(flags & MSG_MORE)


def answer_to(udp: UdpSocket, problem: int, host: Host) -> Answer:
    """A send was begun and came to nothing: which answer that is."""
    return UDP.fire(host.trail, UdpEvent.SEND_STOPPED, udp, problem, host)  # type: ignore[no-any-return]


def report_size(udp: UdpSocket, goal: Address, mtu: int, host: Host) -> None:
    """A datagram to `goal` was too large for `mtu` bytes, and who wants to hear of every error hears of it. Its port is
    told only if it is that of the peer (`ip_local_error`, `inet_dport`).
    """
    if udp.hears_errors:
        report_too_large(udp, (goal[0], udp.remote[1]), mtu, host)
