"""A TUN device in the namespace that the caller has entered: IP packets of the running kernel, as bytes.

What the kernel routes to the device's network can be read from it, one packet a read, checksums complete; what is
written to it arrives at the kernel as if from a wire. Without an offload flag the kernel sends no packet larger than
the MTU.

Not here: who is at the other end (wouldblock/bridge.py); IPv6.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import socket
import struct
from types import TracebackType

_DEVICE = "/dev/net/tun"
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
_SIOCADDRT, _SIOCSIFADDR, _SIOCSIFNETMASK, _SIOCSIFMTU, _SIOCSIFFLAGS = 0x890B, 0x8916, 0x891C, 0x8922, 0x8914
_RTENTRY, _RTF_UP = struct.Struct("L16s16s16sHhLPhPLLH"), 0x1
_IFF_UP, _IFF_RUNNING = 0x1, 0x40
_LONGEST = 65_536


class Tun:
    """A TUN device with an address and a network of its own. A context manager; leaving it removes the device.

    `address` is the kernel's, `netmask` says what it routes to the device, or everything that is `routed_all`; `mtu` is
    in bytes. Raises OSError where the machine has no TUN or does not allow it.
    """

    def __init__(
        self,
        address: str = "10.0.0.254",
        netmask: str = "255.255.255.0",
        mtu: int = 1500,
        name: str = "tun0",
        routed_all: bool = False,
    ) -> None:
        self.address, self.netmask, self.mtu, self.name = address, netmask, mtu, name
        self._routed_all = routed_all
        self._fd = -1

    def __enter__(self) -> Tun:
        self._fd = os.open(_DEVICE, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            fcntl.ioctl(self._fd, _TUNSETIFF, self._request(struct.pack("=H", _IFF_TUN | _IFF_NO_PI)))
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
                for request, value in (
                    (_SIOCSIFADDR, _sockaddr(self.address)),
                    (_SIOCSIFNETMASK, _sockaddr(self.netmask)),
                    (_SIOCSIFMTU, struct.pack("=i", self.mtu)),
                    (_SIOCSIFFLAGS, struct.pack("=H", _IFF_UP | _IFF_RUNNING)),
                ):
                    fcntl.ioctl(control, request, self._request(value))
                if self._routed_all:
                    fcntl.ioctl(control, _SIOCADDRT, self._route())
        except BaseException:
            os.close(self._fd)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        os.close(self._fd)

    def fileno(self) -> int:
        """The descriptor, for select."""
        return self._fd

    def read(self) -> bytes | None:
        """The next packet that the kernel sent; None if there is none."""
        try:
            return os.read(self._fd, _LONGEST)
        except BlockingIOError:
            return None

    def write(self, packet: bytes) -> bool:
        """Let a packet arrive at the kernel; False if the kernel does not take it for one (its first byte says no IP
        version).
        """
        try:
            os.write(self._fd, packet)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            return False
        return True

    def resize(self, mtu: int) -> None:
        """Let the device take packets of up to `mtu` bytes from now on. Raises OSError for a size that it does not
        take.
        """
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            fcntl.ioctl(control, _SIOCSIFMTU, self._request(struct.pack("=i", mtu)))
        self.mtu = mtu

    def _route(self) -> bytes:
        """A route to everywhere through this device (rtentry, route(8))."""
        self._name_in_c = ctypes.create_string_buffer(self.name.encode())
        anywhere, name = _sockaddr("0.0.0.0"), ctypes.addressof(self._name_in_c)
        return _RTENTRY.pack(0, anywhere, anywhere, anywhere, _RTF_UP, 0, 0, 0, 0, name, 0, 0, 0)

    def _request(self, value: bytes) -> bytes:
        return struct.pack("=16s24s", self.name.encode(), value)


def _sockaddr(address: str) -> bytes:
    return struct.pack("=HH4s8x", socket.AF_INET, 0, socket.inet_aton(address))
