"""Telling the kernel about interfaces, addresses, neighbours, routes and queues: rtnetlink(7), without a program.

A message is a header, a structure that says what it is about, and attributes; a number and a value each, filled up to
four bytes. Everything here asks for an answer and raises OSError if that is an error, with what was asked in its text.

A `Netlink` speaks for the network namespace in which it was opened, wherever its thread goes later.

Not here: asking the kernel what there is; its monitor.
"""

from __future__ import annotations

import os
import socket
import struct
from types import TracebackType

_NEWLINK, _NEWADDR, _NEWROUTE, _NEWNEIGH, _NEWQDISC, _DELQDISC = 16, 20, 24, 28, 36, 37
_REQUEST, _ACK, _EXCL, _CREATE = 0x1, 0x4, 0x200, 0x400
_ROOT, _UP, _PERMANENT, _ETHERNET = 0xFFFFFFFF, 1, 0x80, 1
_MAIN, _LOCAL_TABLE, _BOOT, _HERE, _ANYWHERE, _UNICAST, _LOCAL = 254, 255, 3, 254, 0, 1, 2  # rtnetlink.h, struct rtmsg
_ON_LINK = 4  # RTNH_F_ONLINK
_HEADER = struct.Struct("=IHHII")  # struct nlmsghdr
_LINK = struct.Struct("=BxHiII")  # struct ifinfomsg
_ADDRESS = struct.Struct("=BBBBi")  # struct ifaddrmsg
_NEIGHBOUR = struct.Struct("=BxxxiHBB")  # struct ndmsg
_ROUTE = struct.Struct("=BBBBBBBBI")  # struct rtmsg
_QUEUE = struct.Struct("=BxxxiIII")  # struct tcmsg
_RATE = struct.Struct("=BBHhHI")  # struct tc_ratespec


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


class Netlink:
    """A socket to the kernel, in the namespace of the calling thread. A context manager."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
        self._socket.bind((0, 0))

    def __enter__(self) -> Netlink:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """The kernel is told nothing more."""
        self._socket.close()

    def join(self, near: str, near_link: bytes, far: str, far_link: bytes, far_namespace: int) -> None:
        """Make a pair of Ethernet ends (veth(4)) with these names and link addresses: the near one here, the far one in
        the namespace behind the descriptor. Both are down.
        """
        peer = _name(far) + _attribute(1, far_link) + _attribute(28, struct.pack("=i", far_namespace))
        ends = _attribute(1, _LINK.pack(0, 0, 0, 0, 0) + peer)
        link = _attribute(1, b"veth") + _attribute(2, ends)
        named = _name(near) + _attribute(1, near_link) + _attribute(18, link)
        self._tell(_NEWLINK, _LINK.pack(0, 0, 0, 0, 0) + named, _CREATE | _EXCL)

    def bring_up(self, index: int) -> None:
        """The interface with this number works from now on."""
        self._tell(_NEWLINK, _LINK.pack(0, 0, index, _UP, _UP))

    def add_address(self, index: int, ip: str, prefix: int) -> None:
        """The interface has this IPv4 address, and behind it is the network of its first `prefix` bits."""
        own = socket.inet_aton(ip)
        names = _attribute(2, own) + _attribute(1, own)
        self._tell(_NEWADDR, _ADDRESS.pack(socket.AF_INET, prefix, 0, 0, index) + names, _CREATE | _EXCL)

    def add_neighbour(self, index: int, ip: str, link: bytes) -> None:
        """Behind the interface `ip` has this link address, for ever: nobody has to ask."""
        where = _attribute(1, socket.inet_aton(ip)) + _attribute(2, link)
        self._tell(_NEWNEIGH, _NEIGHBOUR.pack(socket.AF_INET, index, _PERMANENT, 0, 0) + where, _CREATE)

    def add_own_network(self, index: int, network: str, prefix: int) -> None:
        """Each address of a network is the host's own, on the interface with this number (that of loopback)."""
        message = _ROUTE.pack(socket.AF_INET, prefix, 0, 0, _LOCAL_TABLE, _BOOT, _HERE, _LOCAL, 0)
        where = _attribute(1, socket.inet_aton(network)) + _attribute(4, struct.pack("=i", index))
        self._tell(_NEWROUTE, message + where, _CREATE | _EXCL)

    def add_route(self, index: int, network: str, prefix: int, via: str) -> None:
        """Packets to a network go to the neighbour `via` behind this interface, whether or not it is in a network of
        that interface's.
        """
        message = _ROUTE.pack(socket.AF_INET, prefix, 0, 0, _MAIN, _BOOT, _ANYWHERE, _UNICAST, _ON_LINK)
        where = _attribute(1, socket.inet_aton(network)) + _attribute(4, struct.pack("=i", index))
        self._tell(_NEWROUTE, message + where + _attribute(5, socket.inet_aton(via)), _CREATE | _EXCL)

    def hold_back(self, index: int, bytes_per_second: int, burst: int, limit: int) -> None:
        """The interface sends through a token bucket (tc-tbf(8)): `burst` bytes at once, and `limit` may wait."""
        rate = _RATE.pack(0, _ETHERNET, 0, 0, 0, bytes_per_second)
        parameters = rate + _RATE.pack(0, 0, 0, 0, 0, 0) + struct.pack("=III", limit, 0, 0)
        options = _attribute(1, parameters) + _attribute(6, struct.pack("=I", burst))
        bucket = _QUEUE.pack(0, index, 0, _ROOT, 0) + _attribute(1, b"tbf\0") + _attribute(2, options)
        self._tell(_NEWQDISC, bucket, _CREATE | _EXCL)

    def let_go(self, index: int) -> None:
        """It does not any more, and what waited is thrown away."""
        self._tell(_DELQDISC, _QUEUE.pack(0, index, 0, _ROOT, 0))

    def _tell(self, kind: int, message: bytes, flags: int = 0) -> None:
        self._socket.send(_HEADER.pack(_HEADER.size + len(message), kind, _REQUEST | _ACK | flags, 0, 0) + message)
        number = -int.from_bytes(self._socket.recv(1 << 16)[16:20], "little", signed=True)
        if number:
            raise OSError(number, f"rtnetlink refused a message of type {kind}: {os.strerror(number)}")


def _name(interface: str) -> bytes:
    return _attribute(3, interface.encode() + b"\0")
