"""What goes with a message beside its bytes: ancillary data, and the report of an error (recvmsg(2), cmsg(3), ip(7)).

Ancillary data is a row of items, each a level, a type and some bytes. For what it receives a program gives room, and an
item takes a header of 16 bytes and its bytes, the next item begins at a multiple of eight. What the room has no header
for is left out; the bytes of one item may be cut. Either is told with MSG_CTRUNC.

Not here: which item says what to whom (sockets/messages.py, errorqueue.py).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

import attrs

from .addresses import Address
from .constants import AF_INET, IP_RECVERR, SO_EE_ORIGIN_ICMP, SOL_IP

Ancillary = tuple[int, int, bytes]
"""One item of ancillary data: level, type, bytes."""

HEADER = 16
"""Bytes in front of the bytes of an item (struct cmsghdr)."""
_ALIGNMENT = 8
_EXTENDED_ERROR = struct.Struct("=IBBBxII")
_SOCKET_ADDRESS = struct.Struct("=HH4s8x")


def space(length: int) -> int:
    """Bytes that an item of so many bytes takes, with what keeps the next one aligned (CMSG_SPACE)."""
    return HEADER + -(-length // _ALIGNMENT) * _ALIGNMENT


def fitted(items: Iterable[Ancillary], room: int) -> tuple[list[Ancillary], bool]:
    """What a buffer of `room` bytes holds of these items, and whether anything is missing (`put_cmsg`)."""
    held: list[Ancillary] = []
    cut = False
    for level, kind, data in items:
        if room < HEADER:
            cut = True
            continue
        cut = cut or room < HEADER + len(data)
        held.append((level, kind, data[: room - HEADER]))
        room -= min(space(len(data)), room)
    return held, cut


@attrs.frozen(eq=False)
class Report:
    """The report of an error, which waits to be read with MSG_ERRQUEUE."""

    errno: int
    origin: int
    """SO_EE_ORIGIN_LOCAL for a datagram that did not leave, SO_EE_ORIGIN_ICMP for one that somebody complains about."""
    goal: Address
    """Whom the packet was for."""
    truesize: int
    """What it takes of the receive buffer, in bytes."""
    kind: int = 0
    code: int = 0
    """Type and code of the ICMP error."""
    info: int = 0
    """The size that gets through, in bytes, or which byte of the header is wrong."""
    offender: str = ""
    """Who complains; empty for the host itself."""
    data: bytes = b""
    """What the error quotes: of a datagram its bytes, of a segment its header and what follows."""

    @property
    def is_icmp(self) -> bool:
        """Whether it came from the network."""
        return self.origin == SO_EE_ORIGIN_ICMP

    def item(self) -> Ancillary:
        """The ancillary data that it is read as: struct sock_extended_err, and the offender's address behind it."""
        told = _EXTENDED_ERROR.pack(self.errno, self.origin, self.kind, self.code, self.info, 0)
        ip = bytes(map(int, self.offender.split("."))) if self.offender else bytes(4)
        return SOL_IP, IP_RECVERR, told + _SOCKET_ADDRESS.pack(AF_INET if self.offender else 0, 0, ip)
