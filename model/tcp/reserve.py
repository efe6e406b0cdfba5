"""Memory is reserved for a socket in whole pages, and charged to it in bytes.

Before a buffer is charged, pages are reserved until its bytes are covered; what is charged to either queue and later
freed goes back to what is reserved, and as soon as that comes to a page, the whole pages in it are given back
(`sk_forward_alloc`; `__sk_mem_schedule`, `sk_mem_uncharge`). Usually less than a page is left over. But a segment is
covered before it is known that it merges with the one before it, which makes its overhead needless: then more than a
page may be left, and the next segment finds room without anybody looking at the limit of the receive buffer.

Not here: limits over all sockets (tcp_mem, memory pressure), which are never reached here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..profiles import Profile
    from .block import Tcb


def cover(tcb: Tcb, size: int, profile: Profile) -> None:
    """Reserve pages until so many bytes can be charged."""
    missing = size - tcb.reserved
    if missing > 0:
        tcb.reserved += -(-missing // profile.page) * profile.page


def charge_sending(tcb: Tcb, size: int, profile: Profile) -> None:
    """Cover so many bytes, and charge them to the send buffer."""
    cover(tcb, size, profile)
    tcb.wmem += size
    tcb.reserved -= size


def free_sending(tcb: Tcb, size: int, profile: Profile) -> None:
    """So many bytes of the send buffer are free again."""
    tcb.wmem -= size
    give_back(tcb, size, profile)


def charge_receiving(tcb: Tcb, size: int) -> None:
    """Charge so many bytes to the receive buffer; they are covered, or are about to take the place of others."""
    tcb.rmem += size
    tcb.reserved -= size


def free_receiving(tcb: Tcb, size: int, profile: Profile) -> None:
    """So many bytes of the receive buffer are free again."""
    tcb.rmem -= size
    give_back(tcb, size, profile)


def give_back(tcb: Tcb, size: int, profile: Profile) -> None:
    """So many bytes are charged no more: whole pages of what is then left over are not reserved any longer."""
    tcb.reserved += size
    if tcb.reserved >= profile.page:
        tcb.reserved %= profile.page
