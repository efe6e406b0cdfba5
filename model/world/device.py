"""A device that holds packets back: it sends no faster than its rate, and what waits there is still its sender's.

This is Linux' token bucket (tc-tbf(8)). A bucket of bytes fills at the device's rate up to its size, and a packet that
leaves takes as many bytes out as it has, with the header of the link. A packet for which there are not enough waits,
and everything behind it. What waits may take so many bytes and no more: a packet beyond that is dropped, and its
sender's call is told, which is not the same as its sender being told (udp/sending.py).

A wire holds packets too (wire.py), but they have left the host: nobody is charged for them any more.

Not here: who is charged (udp/sending.py); devices with several queues.
"""

from __future__ import annotations

from collections import deque

import attrs

from ..values.segments import Datagram, Fragment, Packet, ip_size

SECOND = 1_000_000_000
LINK_HEADER = 14
"""Ethernet's, in bytes."""


@attrs.frozen(eq=False)
class Waiting:
    """A packet in a device, and whom it is charged to, by number; 0 for nobody."""

    packet: Packet
    sender: int
    truesize: int

    @property
    def size(self) -> int:
        """Bytes that it takes on the link."""
        return ip_size(self.packet) + LINK_HEADER


@attrs.define(eq=False)
class Device:
    """A token bucket and what waits for it. Draft: it changes in place. A new one has a full bucket."""

    is_draft = True
    bits_per_second: int
    burst: int
    """Bytes that the bucket holds; a larger packet is dropped."""
    limit: int
    """Bytes that may wait."""
    waiting: deque[Waiting] = attrs.Factory(deque)
    backlog: int = 0
    """Bytes that wait."""
    dropped: int = 0
    saved_ns: int = attrs.field(default=attrs.Factory(lambda self: self.takes_ns(self.burst), takes_self=True))
    """What the bucket held when a packet left last, as the time in which that much is sent."""
    left_ns: int = 0
    """When that was."""

    def takes_ns(self, size: int) -> int:
        """How long so many bytes take to leave, in nanoseconds."""
        return size * 8 * SECOND // self.bits_per_second

    def take(self, waiting: Waiting) -> bool:
        """A packet is to be sent: it waits in line, if there is room."""
        if waiting.size > self.burst or self.backlog + waiting.size > self.limit:
            self.dropped += 1
            return False
        self.waiting.append(waiting)
        self.backlog += waiting.size
        return True

    def next_departure(self) -> int | None:
        """When the first in line may leave, in nanoseconds; None if nothing waits."""
        return self.left_ns + self.takes_ns(self.waiting[0].size) - self.saved_ns if self.waiting else None

    def leave(self, now_ns: int) -> Waiting | None:
        """The first in line leaves, if it may by now."""
        due = self.next_departure()
        if due is None or due > now_ns:
            return None
        gone = self.waiting.popleft()
        self.backlog -= gone.size
        full = self.takes_ns(self.burst)
        self.saved_ns = min(self.saved_ns + now_ns - self.left_ns, full) - self.takes_ns(gone.size)
        self.left_ns = now_ns
        return gone

    def holds_page(self, page: int, size: int) -> bool:
        """Whether anything that waits lies on this page fragment (pages.py)."""
        packets = (one.packet.whole if isinstance(one.packet, Fragment) else one.packet for one in self.waiting)
        runs = (run for each in packets if isinstance(each, Datagram) for part in each.buffers for run in part.pages)
        return any(begin // size == page for begin, _ in runs)

    def purge(self) -> list[Waiting]:
        """Everything that waits is thrown away, as when the queue is replaced."""
        gone = [*self.waiting]
        self.waiting.clear()
        self.backlog = 0
        return gone
