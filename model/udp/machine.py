"""The UDP machine: states, events, and the endpoint. No rules live here.

A UDP socket has three states: no port, a port, a port and a fixed peer. `connect` sends nothing; it fixes the peer,
filters what arrives, and is what makes errors of earlier datagrams come back to the sender (RFC 1122 §4.1.3.3).

The receive queue is two queues, as in the kernel: datagrams arrive on one, and a reader that finds its own empty
takes over all of them at once. It matters because memory of read datagrams is given back in lumps.
"""

from __future__ import annotations

from collections import deque
from enum import IntEnum, auto

import attrs

from ..endpoint import Endpoint
from ..rules import Machine
from ..values.addresses import UNNAMED, Address
from ..values.segments import Buffer, Datagram


class UdpState(IntEnum):
    """What a UDP socket is tied to."""

    UNBOUND = 0
    BOUND = 1
    CONNECTED = 2


class UdpEvent(IntEnum):
    """What can happen to a UDP socket."""

    BOUND = 0
    CONNECT = auto()
    AUTOBIND = auto()
    SEND = auto()
    RECEIVE = auto()
    SHUTDOWN = auto()
    CLOSE = auto()
    LISTEN = auto()
    ACCEPT = auto()
    FIONREAD = auto()
    TIOCOUTQ = auto()
    ATMARK = auto()
    SEND_STOPPED = auto()
    UNCORK = auto()
    DATAGRAM = auto()
    ICMP_ERROR = auto()


UDP = Machine("udp", "UDP socket", UdpState, UdpEvent)


@attrs.frozen(eq=False)
class Corked:
    """A datagram that is held back until it is complete (assembling.py)."""

    data: bytes
    buffers: tuple[Buffer, ...]
    mtu: int
    """What its fragments are cut for, in bytes."""
    way: str
    """The address that its route was looked up for: that is not done again, wherever it goes in the end."""


@attrs.define(eq=False)
class UdpSocket(Endpoint):
    """A UDP socket. Draft: rules change it in place."""

    state: UdpState = UdpState.UNBOUND
    is_tcp = False
    arrived: deque[Datagram] = attrs.Factory(deque)
    """Datagrams that no reader has taken over yet."""
    reading: deque[Datagram] = attrs.Factory(deque)
    """Datagrams that a reader took over; read first."""
    owed: int = 0
    """Memory of datagrams already read that is still charged, in bytes (`forward_deficit`)."""
    reserved: int = 0
    """Memory that is reserved for what arrives and not charged, in bytes (`sk_forward_alloc`)."""
    wmem: int = 0
    """Memory charged to the send buffer, in bytes: of what is held back, and of what a device has not sent yet."""
    wants_cork: bool = False
    """Whether datagrams are held back until the program says that they are complete (UDP_CORK)."""
    corked: Corked | None = None
    flow: tuple[Address, Address] = (UNNAMED, UNNAMED)
    """The source and the goal that were noted last, by connect or for a datagram that is held back (`cork.fl`)."""
    way: str = ""
    """The address that the route to the peer was looked up for, if that is remembered: then a send without an address
    takes this way, whomever the note says it is for (`sk_dst_cache`).
    """

    def hears(self, src: Address) -> bool:
        """Whether a connected socket takes a datagram from `src`: its peer's; a peer with port 0 is all of that
        address.
        """
        return self.remote[0] == src[0] and self.remote[1] in (0, src[1])

    def holds_page(self, page: int, size: int) -> bool:
        """Whether anything that is held back, or waits to be read, lies on this page (pages.py)."""
        held = [datagram.buffers for datagram in (*self.arrived, *self.reading)]
        held += [self.corked.buffers] if self.corked is not None else []
        return any(begin // size == page for buffers in held for buffer in buffers for begin, _ in buffer.pages)

    @property
    def writable(self) -> bool:
        """Whether poll says writable: less than half of the send buffer is used (`sock_writeable`; the socket itself
        counts as one byte).
        """
        return self.wmem + 1 < self.sndbuf >> 1

    @property
    def first(self) -> Datagram | None:
        """The datagram that recv would give next."""
        if self.reading:
            return self.reading[0]
        return self.arrived[0] if self.arrived else None
