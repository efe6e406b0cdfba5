"""The buffers that carry a datagram, and what the kernel charges for each of them.

Most datagrams lie in the head of their buffer (heads.py). One that would need more than 16 KiB in one piece keeps only
its headers there, and its bytes lie in page fragments (pages.py).

What is larger than the interface takes is cut before it is sent, and every fragment has a buffer of its own
(`__ip_append_data`). Bytes that are appended to a datagram later, because it is held back (assembling.py), go to page
fragments too, until a buffer has a whole fragment.

Not here: who pays (sending.py, memory.py); cutting on the way (world/fragments.py).
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import attrs

from ..heads import LINK_ROOM, SPARE, linear
from ..pages import place
from ..values.segments import Buffer

if TYPE_CHECKING:
    from ..world.host import Host
    from .machine import UdpSocket

IP_HEADER = 20
HEADERS = 28
"""IPv4 and UDP, in bytes."""
IN_ONE_PIECE = 16_064
"""From so many bytes on, a packet does not lie in its head (SKB_MAX_ALLOC)."""
MAX_PAYLOAD = 65507
"""Longest UDP payload over IPv4: 65535 less IP and UDP headers."""


def first(length: int, mtu: int, user: int, host: Host) -> Buffer:
    """The buffer of a datagram of `length` bytes of payload, or of its first fragment if it is larger than `mtu`."""
    size, small = HEADERS + length, host.profile.small_head
    if size > mtu:
        size = (mtu - IP_HEADER) // 8 * 8 + IP_HEADER
    if size + LINK_ROOM + SPARE < IN_ONE_PIECE:
        return linear(size, small)
    return filled(linear(HEADERS, small), size - HEADERS, user, host)


def filled(buffer: Buffer, count: int, user: int, host: Host) -> Buffer:
    """The buffer with so many more bytes, in page fragments; the same one if it cannot hold as many runs."""
    pages, left = [*buffer.pages], count
    while left:
        put = place(pages, left, user, host)
        if not put:
            return buffer
        left -= put
    return Buffer(buffer.size + count, buffer.truesize + count, buffer.room, tuple(pages))


def append(buffers: list[Buffer], count: int, mtu: int, udp: UdpSocket, host: Host) -> int:
    """Put `count` more bytes behind what is in `buffers`, cut for packets of `mtu` bytes, and charge for what is new.
    Of a new datagram the first buffer must be there. Returns an errno, or 0; what was charged stays so either way.

    ENOBUFS: what would have to be a further fragment finds twice the send buffer in use. EMSGSIZE: a buffer holds no
    more runs.
    """
    most = (mtu - IP_HEADER) // 8 * 8 + IP_HEADER
    charged = 0
    problem = 0
    while count and not problem:
        tail = buffers[-1]
        room = mtu - tail.size if mtu - tail.size >= count else most - tail.size
        if room > 0:
            put = min(room, count)
            buffers[-1] = filled(tail, put, udp.number, host)
            if buffers[-1] is tail:
                problem = errno.EMSGSIZE
            else:
                charged += put
                count -= put
        elif udp.wmem + 1 + charged > 2 * udp.sndbuf:
            problem = errno.ENOBUFS
        else:
            gap = tail.size - most
            buffers[-1] = attrs.evolve(tail, size=most)
            put = count + gap if count + gap <= mtu - IP_HEADER else most - IP_HEADER
            buffers.append(linear(IP_HEADER + put, host.profile.small_head))
            charged += buffers[-1].truesize
            count -= put - gap
    udp.wmem += charged
    return problem
