"""A device that holds packets back, and a host behind it: two namespaces joined by a pair of Ethernet ends.

The near end sends through a token bucket (tc-tbf(8)) that fills by a byte a second, which in a test is never: what is
in the bucket leaves at once, and everything else waits. So a sender's buffer fills, and shows to the byte what is
charged for which packet. `renew` throws away what waits and fills the bucket.

Both ends know each other's link address, so that nobody has to ask, and neither speaks IPv6: nothing but what a test
sends passes the device. All is told to the kernel by rtnetlink(7), without a program.

Not here: the model's device (model/world/device.py).
"""

from __future__ import annotations

import os
import socket
import struct
from types import TracebackType

from .namespace import CLONE_NEWNET, setns, unshare
from .settings import write

NEAR, FAR = "10.77.0.1", "10.77.0.2"
MTU = 1500
FORGETS_S = "1"
"""After so many seconds the far host forgets fragments that do not become whole. They take 4 MB at most, for all
senders together (net.ipv4.ipfrag_high_thresh); with Linux' half a minute many short tests fill that, and then nothing
becomes whole any more.
"""
BYTES_PER_SECOND = 1

_NEAR_LINK, _FAR_LINK = b"\x02\0\0\0\0\1", b"\x02\0\0\0\0\2"
_NEWLINK, _NEWADDR, _NEWNEIGH, _NEWQDISC, _DELQDISC = 16, 20, 28, 36, 37
_REQUEST, _ACK, _EXCL, _CREATE = 0x1, 0x4, 0x200, 0x400
_ROOT, _UP, _PERMANENT, _ETHERNET = 0xFFFFFFFF, 1, 0x80, 1
_HEADER = struct.Struct("=IHHII")  # struct nlmsghdr
_LINK = struct.Struct("=BxHiII")  # struct ifinfomsg
_ADDRESS = struct.Struct("=BBBBi")  # struct ifaddrmsg
_NEIGHBOUR = struct.Struct("=BxxxiHBB")  # struct ndmsg
_QUEUE = struct.Struct("=BxxxiIII")  # struct tcmsg
_RATE = struct.Struct("=BBHhHI")  # struct tc_ratespec


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


class HeldDevice:
    """The pair of ends, in the namespace that the caller has entered; a context manager. `far` makes a socket on the
    host behind it. Raises OSError where the kernel lacks one of the parts.
    """

    def __enter__(self) -> HeldDevice:
        self._netlink = _netlink()
        here = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            unshare(CLONE_NEWNET)
            self._far = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            setns(here, CLONE_NEWNET)
            self._here = here
            _speak_no_ipv6()
            peer = _attribute(3, b"far\0") + _attribute(1, _FAR_LINK) + _attribute(28, struct.pack("=i", self._far))
            ends = _attribute(1, _LINK.pack(0, 0, 0, 0, 0) + peer)
            link = _attribute(1, b"veth") + _attribute(2, ends)
            named = _attribute(3, b"near\0") + _attribute(1, _NEAR_LINK) + _attribute(18, link)
            self._tell(self._netlink, _NEWLINK, _LINK.pack(0, 0, 0, 0, 0) + named, _CREATE | _EXCL)
            self._index = socket.if_nametoindex("near")
            self._set_up(self._netlink, self._index, NEAR, FAR, _FAR_LINK)
            setns(self._far, CLONE_NEWNET)
            try:
                _speak_no_ipv6()
                write({"net.ipv4.ipfrag_time": FORGETS_S})
                with _netlink() as netlink:
                    self._set_up(netlink, socket.if_nametoindex("far"), FAR, NEAR, _NEAR_LINK)
            finally:
                setns(here, CLONE_NEWNET)
        except BaseException:
            self._netlink.close()
            raise
        self._holds = False
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._netlink.close()
        os.close(self._far)
        os.close(self._here)

    def far(self) -> socket.socket:
        """A UDP socket on the other host."""
        setns(self._far, CLONE_NEWNET)
        try:
            return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        finally:
            setns(self._here, CLONE_NEWNET)

    def renew(self, burst: int, limit: int) -> None:
        """Throw away what waits; the bucket holds `burst` bytes and is full, and `limit` bytes may wait."""
        queue = _QUEUE.pack(0, self._index, 0, _ROOT, 0)
        if self._holds:
            self._tell(self._netlink, _DELQDISC, queue)
        rate = _RATE.pack(0, _ETHERNET, 0, 0, 0, BYTES_PER_SECOND)
        parameters = rate + _RATE.pack(0, 0, 0, 0, 0, 0) + struct.pack("=III", limit, 0, 0)
        options = _attribute(1, parameters) + _attribute(6, struct.pack("=I", burst))
        self._tell(
            self._netlink, _NEWQDISC, queue + _attribute(1, b"tbf\0") + _attribute(2, options), _CREATE | _EXCL
        )  # fmt: skip
        self._holds = True

    def _set_up(self, netlink: socket.socket, index: int, own: str, other: str, link: bytes) -> None:
        mine, yours = socket.inet_aton(own), socket.inet_aton(other)
        self._tell(netlink, _NEWLINK, _LINK.pack(0, 0, index, _UP, _UP))
        names = _attribute(2, mine) + _attribute(1, mine)
        self._tell(netlink, _NEWADDR, _ADDRESS.pack(socket.AF_INET, 24, 0, 0, index) + names, _CREATE | _EXCL)
        where = _attribute(1, yours) + _attribute(2, link)
        known = _NEIGHBOUR.pack(socket.AF_INET, index, _PERMANENT, 0, 0) + where
        self._tell(netlink, _NEWNEIGH, known, _CREATE)

    @staticmethod
    def _tell(netlink: socket.socket, kind: int, message: bytes, flags: int = 0) -> None:
        netlink.send(_HEADER.pack(_HEADER.size + len(message), kind, _REQUEST | _ACK | flags, 0, 0) + message)
        number = -int.from_bytes(netlink.recv(1 << 16)[16:20], "little", signed=True)
        if number:
            raise OSError(number, f"rtnetlink refused a message of type {kind}: {os.strerror(number)}")


def _netlink() -> socket.socket:
    netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
    netlink.bind((0, 0))
    return netlink


def _speak_no_ipv6() -> None:
    write({"net.ipv6.conf.all.disable_ipv6": "1", "net.ipv6.conf.default.disable_ipv6": "1"})
