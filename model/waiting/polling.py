"""poll and select with a zero time-out: what each descriptor is ready for, now.

Not here: waiting for it (the caller lets time pass and asks again), what an epoll is ready for (epoll.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..tcp.block import Tcb
from ..values.constants import POLL_ALWAYS, POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT, POLLPRI
from . import epoll
from .readiness import note_full, readiness

if TYPE_CHECKING:
    from ..world.host import Host

READ_SET = 0x0040 | 0x0080 | POLLIN | POLLHUP | POLLERR | POLLNVAL
WRITE_SET = 0x0200 | 0x0100 | POLLOUT | POLLERR | POLLNVAL
EXCEPT_SET = POLLPRI | POLLNVAL
"""Which poll bits put a descriptor into each of select's three sets (fs/select.c: POLLIN_SET, POLLOUT_SET,
POLLEX_SET).
"""


def look(fd: int, host: Host) -> int:
    """The whole mask of one descriptor; POLLNVAL if it is not open.

    Looking at a full send buffer makes the kernel remember that someone did.
    """
    endpoint = host.descriptors.get(fd)
    if endpoint is None:
        return epoll.look(host.epolls[fd], host) if fd in host.epolls else POLLNVAL
    mask = readiness(endpoint)
    if isinstance(endpoint, Tcb):
        note_full(endpoint)
    return mask


def poll(asked: list[tuple[int, int]], host: Host) -> list[tuple[int, int]]:
    """`(fd, revents)` for each descriptor that is ready, in the order asked."""
    ready = []
    for fd, events in asked:
        revents = look(fd, host) & (events | POLL_ALWAYS | POLLNVAL)
        if revents:
            ready.append((fd, revents))
    return ready


def select(
    reads: list[int], writes: list[int], excepts: list[int], host: Host
) -> tuple[list[int], list[int], list[int]]:
    """The descriptors of each list that are ready. One that was closed meanwhile is in all (do_select)."""
    return (
        [fd for fd in reads if look(fd, host) & READ_SET],
        [fd for fd in writes if look(fd, host) & WRITE_SET],
        [fd for fd in excepts if look(fd, host) & EXCEPT_SET],
    )
