"""Two hosts on one kernel: two network namespaces joined by a pair of Ethernet ends with an MTU of 1500.

The near host is the namespace that the caller has entered, the far one a further namespace. Packets go from one end to
the other on the processor that sent them, before its call returns, as on loopback: so what two hosts do with each other
is as repeatable as what one does with itself. But segments are those of a link, 1448 bytes of text long; runs of them
pass the pair in one piece, and are charged as they were sent, because it copies nothing.

Both ends know each other's link address, so that nobody has to ask, and neither speaks IPv6.

Beside the ends' own addresses each host has a network of addresses (a local route, which makes all of it the host's
own). So each sequence of calls may have a pair of addresses that nobody has used before, and connections that rest in
TIME-WAIT disturb none of the next. For everything else there is one route, to the other host: whatever leaves arrives
there, if only to be thrown away, and nobody ever looks for a neighbour in vain.

**Settings** (`SETTINGS`) differ from loopback's (settings.py) in three. Errors are answered without limit
(icmp_ratemask), which loopback never limits. Unfinished datagrams are forgotten after a second (ipfrag_time). And
`tcp_tso_win_divisor` is 255 instead of 3: with segments of 1448 bytes a congestion window often lets a part of a run
go, and then whether the run waits for more hangs on a comparison of round trips with the age of the last segment
(`tcp_tso_should_defer`), which is a matter of microseconds; where less than a third of the window would go, it asks,
with 255 nearly never.

Not here: the model of it (model/world/namespaces.py); a link that holds back (held.py).
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType

from .held import set_up, speak_no_ipv6
from .namespace import CLONE_NEWNET, setns, unshare
from .rtnetlink import Netlink
from .settings import PINNED, write

MTU = 1500
NETWORK = "10.77."
"""What all addresses of both hosts begin with."""
ENDS = ("10.77.0.1", "10.77.0.2")
"""The addresses of the two ends: what packets come from whose socket is not bound."""
SETTINGS = {
    "net.ipv4.icmp_ratemask": "0",
    "net.ipv4.ipfrag_time": "1",
    "net.ipv4.tcp_tso_win_divisor": "255",
}
_LINKS = (b"\x02\0\0\0\0\1", b"\x02\0\0\0\0\2")
_NAMES = ("near", "far")
_FIRST, _PREFIX, _THIRDS = (64, 128), 18, 64
_LOOPBACK = 1
_LOOKS_S, _MOST_LOOKS = 0.005, 200


def homes(number: int) -> tuple[str, str]:
    """A pair of addresses, one of each host, that only this number has; they repeat after sixteen thousand."""
    number %= _THIRDS * 254
    near, far = (f"{NETWORK}{first + number // 254}.{number % 254 + 1}" for first in _FIRST)
    return near, far


def opposite(home: str) -> str:
    """The far host's address that belongs to the near host's of the same number."""
    third, last = home.removeprefix(NETWORK).split(".")
    return f"{NETWORK}{int(third) + _FIRST[1] - _FIRST[0]}.{last}"


def whose(ip: str) -> str:
    """An address without its number: ``near``, ``far``, or itself if it is of no such network."""
    if not ip.startswith(NETWORK):
        return ip
    third = int(ip.removeprefix(NETWORK).split(".")[0])
    return next((name for name, first in zip(_NAMES, _FIRST, strict=True) if first <= third < first + _THIRDS), ip)


class JoinedHosts:
    """Both hosts; a context manager, in the namespace that the caller has entered, which becomes the near one. Leaving
    it leaves the near one as it is. `settings` are written in the far one, and `SETTINGS` in both. Raises OSError where
    the kernel lacks one of the parts.
    """

    def __init__(self, settings: Mapping[str, str] = PINNED) -> None:
        self._settings = dict(settings)

    def __enter__(self) -> JoinedHosts:
        near = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        unshare(CLONE_NEWNET)
        far = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self._namespaces = (near, far)
        try:
            speak_no_ipv6()
            write(self._settings)
            with Netlink() as netlink:
                netlink.bring_up(_LOOPBACK)
            setns(near, CLONE_NEWNET)
            speak_no_ipv6()
            with Netlink() as netlink:
                netlink.join(_NAMES[0], _LINKS[0], _NAMES[1], _LINKS[1], far)
            for host in (1, 0):
                setns(self._namespaces[host], CLONE_NEWNET)
                write(SETTINGS)
                self._set_up(host)
            for host in (0, 1):
                self._wait_for(host)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    @staticmethod
    def _set_up(host: int) -> None:
        other = 1 - host
        own_network = f"{NETWORK}{_FIRST[host]}.0"
        index = socket.if_nametoindex(_NAMES[host])
        with Netlink() as netlink:
            set_up(netlink, index, ENDS[host], ENDS[other], _LINKS[other], prefix=32)
            netlink.add_own_network(_LOOPBACK, own_network, _PREFIX)
            netlink.add_route(index, f"{NETWORK}0.0", 16, ENDS[other])

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        setns(self._namespaces[0], CLONE_NEWNET)
        for namespace in self._namespaces:
            os.close(namespace)

    def _wait_for(self, host: int) -> None:
        """The kernel notices by itself, and somewhat later, that the end which was brought up first has a link now
        (linkwatch); until then it drops what is sent. OSError if that takes a second.
        """
        with self.make(1 - host, socket.SOCK_DGRAM) as receiver, self.make(host, socket.SOCK_DGRAM) as sender:
            receiver.bind((ENDS[1 - host], 0))
            receiver.settimeout(_LOOKS_S)
            for _ in range(_MOST_LOOKS):
                sender.sendto(b"", receiver.getsockname())
                with suppress(TimeoutError):
                    receiver.recv(1)
                    return
        raise OSError(errno.ENETDOWN, f"nothing arrives from {ENDS[host]}")

    def make(self, host: int, kind: socket.SocketKind) -> socket.socket:
        """An IPv4 socket on the near host (0) or the far one (1)."""
        if not host:
            return socket.socket(socket.AF_INET, kind)
        setns(self._namespaces[1], CLONE_NEWNET)
        try:
            return socket.socket(socket.AF_INET, kind)
        finally:
            setns(self._namespaces[0], CLONE_NEWNET)
