"""A device that holds packets back, and a host behind it: two namespaces joined by a pair of Ethernet ends.

The near end sends through a token bucket (tc-tbf(8)) that fills by a byte a second, which in a test is never, unless
told otherwise: what is in the bucket leaves at once, and everything else waits. So a sender's buffer fills, and shows
to the byte what is charged for which packet. `renew` throws away what waits and fills the bucket.

Both ends know each other's link address, so that nobody has to ask, and neither speaks IPv6: nothing but what a test
sends passes the device.

Not here: the model's device (model/world/device.py), the messages to the kernel (rtnetlink.py).
"""

from __future__ import annotations

import os
import socket
from types import TracebackType

from .namespace import CLONE_NEWNET, setns, unshare
from .rtnetlink import Netlink
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


class HeldDevice:
    """The pair of ends, in the namespace that the caller has entered; a context manager. `far` makes a socket on the
    host behind it. Raises OSError where the kernel lacks one of the parts.
    """

    def __enter__(self) -> HeldDevice:
        self._netlink = Netlink()
        here = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            unshare(CLONE_NEWNET)
            self._far = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            setns(here, CLONE_NEWNET)
            self._here = here
            speak_no_ipv6()
            self._netlink.join("near", _NEAR_LINK, "far", _FAR_LINK, self._far)
            self._index = socket.if_nametoindex("near")
            set_up(self._netlink, self._index, NEAR, FAR, _FAR_LINK)
            setns(self._far, CLONE_NEWNET)
            try:
                speak_no_ipv6()
                write({"net.ipv4.ipfrag_time": FORGETS_S})
                with Netlink() as netlink:
                    set_up(netlink, socket.if_nametoindex("far"), FAR, NEAR, _NEAR_LINK)
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
        return self._socket_there(socket.SOCK_DGRAM, 0)

    def complain(self, packet: bytes) -> None:
        """The other host sends an IP packet of these bytes, such as an ICMP error about what was sent to it."""
        with self._socket_there(socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
            raw.sendto(packet, (NEAR, 0))

    def _socket_there(self, kind: int, protocol: int) -> socket.socket:
        setns(self._far, CLONE_NEWNET)
        try:
            return socket.socket(socket.AF_INET, kind, protocol)
        finally:
            setns(self._here, CLONE_NEWNET)

    def renew(self, burst: int, limit: int, bytes_per_second: int = BYTES_PER_SECOND) -> None:
        """Throw away what waits; the bucket holds `burst` bytes and is full, and `limit` bytes may wait."""
        if self._holds:
            self._netlink.let_go(self._index)
        self._netlink.hold_back(self._index, bytes_per_second, burst, limit)
        self._holds = True


def set_up(netlink: Netlink, index: int, own: str, other: str, link: bytes, prefix: int = 24) -> None:
    """Bring one end up, with its address in a network of its first `prefix` bits, and its neighbour's."""
    netlink.bring_up(index)
    netlink.add_address(index, own, prefix)
    netlink.add_neighbour(index, other, link)


def speak_no_ipv6() -> None:
    """In the namespace of the calling thread, on interfaces that are there and that will be."""
    write({"net.ipv6.conf.all.disable_ipv6": "1", "net.ipv6.conf.default.disable_ipv6": "1"})
