"""What leaves through a device, with the kernel's own times: a packet socket in the namespace that the caller is in.

Of what arrives only the time is kept.

A device that is read by a program tells nothing of when a packet was sent, and a busy program reads late. A packet
socket gets a copy of every packet at the moment that it is handed to the device, with the time (packet(7),
SO_TIMESTAMPNS in socket(7)).

Not here: the bytes of packets that arrive; protocols other than IPv4.
"""

from __future__ import annotations

import socket
import struct
from types import TracebackType

_SO_TIMESTAMPNS = 35
_ETH_P_ALL, _ETH_P_IP = 0x0003, 0x0800
_PACKET_OUTGOING = 4
_LONGEST = 65_600
_ROOM = 1 << 22
_TIMESPEC = struct.Struct("qq")


class Capture:
    """IPv4 packets that leave through the device `name`. A context manager; the device must be up."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.arrived_ns = 0
        """When the last packet arrived that was read past, by the machine's clock."""

    def __enter__(self) -> Capture:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETH_P_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _ROOM)
        self._socket.bind((self._name, _ETH_P_ALL))
        self._socket.setblocking(False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._socket.close()

    def fileno(self) -> int:
        """The descriptor, for select."""
        return self._socket.fileno()

    def read(self) -> tuple[int, bytes] | None:
        """The next packet that left, behind the time at which it did, in nanoseconds of the machine's clock
        (`time.time_ns`); None if there is none.
        """
        while True:
            try:
                data, ancillary, _, address = self._socket.recvmsg(_LONGEST, 64)
            except BlockingIOError:
                return None
            if address[1] != _ETH_P_IP:
                continue
            seconds, ns = next(
                _TIMESPEC.unpack(value)
                for level, kind, value in ancillary
                if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS)
            )
            if address[2] == _PACKET_OUTGOING:
                return seconds * 1_000_000_000 + ns, data
            self.arrived_ns = seconds * 1_000_000_000 + ns
