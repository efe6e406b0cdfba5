"""The page fragments that all sockets of a program share.

Bytes that do not go into the head of a buffer are copied to a page of 32 KiB, one sender's behind the other's, until it
is full. `host.pages` counts where the next byte goes; a `Run` is where some bytes lie. A buffer holds at most 17 runs,
and two are one only if they lie side by side on one page. A page that no buffer holds bytes of any more is begun anew
(`skb_page_frag_refill`, `skb_can_coalesce`).

Not here: what a buffer is charged with (tcp/memory.py, udp/buffers.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .values.segments import Run

if TYPE_CHECKING:
    from .world.host import Host


def place(pages: list[Run], wanted: int, user: int, host: Host) -> int:
    """Put as many of `wanted` bytes behind `pages` as one page takes; endpoint `user` holds them. Returns how many that
    is: 0 if the buffer holds no more runs.
    """
    size = host.profile.page_fragment
    at = host.pages
    if size - at % size < host.profile.page_rest_min or (at % size and not _held(at // size, host)):
        at = (at // size + 1) * size
    if not at % size:
        host.page_users.clear()
    follows = pages and pages[-1][1] == at and at % size
    if not follows and len(pages) >= host.profile.fragments_max:
        return 0
    count = min(wanted, size - at % size)
    if follows:
        pages[-1] = (pages[-1][0], at + count)
    else:
        pages.append((at, at + count))
    host.pages = at + count
    host.page_users.add(user)
    return count


def _held(page: int, host: Host) -> bool:
    """Whether any buffer holds bytes of the page that was begun last; only those who were given some can."""
    size = host.profile.page_fragment
    users = (host.endpoints.get(number) for number in host.page_users)
    if any(user is not None and user.holds_page(page, size) for user in users):
        return True
    return host.device is not None and host.device.holds_page(page, size)
