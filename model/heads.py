"""The head of a buffer: the memory that a packet lies in, and what the kernel charges for it.

A buffer is charged with the memory it takes, not with its bytes: a head, whose size is a power of two (or the one small
size that most packets fit), and its descriptor. In the head there is room for the headers of the link, the packet, and
what the kernel notes at the end.

Not here: bytes that lie outside the head (pages.py, udp/buffers.py); TCP's buffers (tcp/memory.py).
"""

from __future__ import annotations

from functools import cache

from .values.segments import Buffer

LINK_ROOM = 16
"""What a head has in front of the packet, for the header of the link (LL_RESERVED_SPACE of Ethernet and loopback)."""
SPARE = 15
TRAILER = 320
"""What a head has behind the packet (struct skb_shared_info)."""
DESCRIPTOR = 256
"""Of a buffer, beside its head (struct sk_buff)."""


@cache
def linear(size: int, small: int) -> Buffer:
    """A buffer for a packet of `size` bytes, its header included, that lies in its head as a whole. `small` is the size
    that there is for most heads, or 0 (`Profile.small_head`).
    """
    need = size + LINK_ROOM + SPARE + TRAILER
    head = small if need <= small else 1 << max(10 if small else 9, (need - 1).bit_length())
    return Buffer(size, head + DESCRIPTOR, head - TRAILER - LINK_ROOM - size)
