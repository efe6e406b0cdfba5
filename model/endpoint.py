"""The endpoint: what TCP and UDP sockets have in common.

Four things that most models merge are kept apart here, because the kernel keeps them apart:

- `life`, the socket's own state (unconnected, connecting, connected), which is what `connect` looks at;
- the protocol's state (`Tcb.state`, `UdpSocket.state`);
- `error`, the pending error, reported once and then forgotten;
- the two shutdown bits.

A refused connect, for instance, leaves life CONNECTING, protocol state CLOSED, a pending error and both directions
shut, and each later call reads a different one of the four.

Endpoints name each other by number, never by reference: so a world can be copied by copying its endpoints.

Not here: which descriptors it has (`Host.descriptors`, sockets/numbers.py).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from enum import IntEnum
from functools import cache
from typing import Any, ClassVar, TypeVar

import attrs

from .values.addresses import UNNAMED, Address
from .values.constants import IP_PMTUDISC_WANT
from .values.messages import Report


class Life(IntEnum):
    """The socket's own state, as opposed to its protocol's (the kernel's SS_UNCONNECTED and so on)."""

    UNCONNECTED = 1
    CONNECTING = 2
    CONNECTED = 3
    DISCONNECTING = 4


class Reports(IntEnum):
    """Whether reports of errors wait to be read (errorqueue.py)."""

    NONE = 0
    WAIT = 1


@attrs.define(eq=False)
class Endpoint:
    """A socket and its place in the tables of its host. Draft: rules change it in place."""

    is_tcp: ClassVar[bool]
    number: int
    life: Life = Life.UNCONNECTED
    host_name: str = ""
    """The host that it is on: several may have their endpoints in common tables (world/namespaces.py)."""
    nonblocking: bool = False
    fd: int | None = None
    """The descriptor, of several one of them; None for a child not accepted yet, and for an orphan, the last of whose
    descriptors was closed.
    """
    duplicates: int = 0
    """How many descriptors it has beside that one (dup(2)): a socket and its open file description are one here."""
    local: Address = UNNAMED
    remote: Address = UNNAMED
    ip_bound: bool = False
    """Whether `bind` chose the local address (SOCK_BINDADDR_LOCK)."""
    port_bound: bool = False
    """Whether `bind` named the local port; one it drew for 0 is given up with the connection (SOCK_BINDPORT_LOCK)."""
    holds_port: bool = False
    """Whether the local port is taken in the host's table of ports."""
    port_from_connect: bool = False
    """Whether `connect` drew the local port, which other connections then may share (SOCK_CONNECT_BIND)."""
    reuse_address: bool = False
    error: int = 0
    """The pending error, as an errno; 0 for none."""
    soft_error: int = 0
    """An error of the network that may pass: told only if nothing gets through in the end, or if SO_ERROR is asked."""
    hears_errors: bool = False
    """Whether the program wants to hear of every error of the network (IP_RECVERR)."""
    reporting: Reports = Reports.NONE
    reports: deque[Report] = attrs.Factory(deque)
    """Reports of errors that wait to be read with MSG_ERRQUEUE, the oldest first."""
    rmem: int = 0
    """Memory charged to the receive buffer, in bytes (`sk_rmem_alloc`)."""
    path_discovery: int = IP_PMTUDISC_WANT
    """What the program makes of a path that takes less than the interface (IP_MTU_DISCOVER)."""
    read_shut: bool = False
    write_shut: bool = False
    sndbuf: int = 0
    rcvbuf: int = 0
    sndbuf_locked: bool = False
    """Whether SO_SNDBUF was set, which ends automatic growth."""
    rcvbuf_locked: bool = False
    rcvlowat: int = 1
    """So many bytes must wait for poll to say readable, and for a blocking recv to return (SO_RCVLOWAT)."""
    receive_ticks: int | None = None
    send_ticks: int | None = None
    """How long a call may wait to receive or accept, to send or connect, in ticks; None: for ever (SO_RCVTIMEO,
    SO_SNDTIMEO).
    """
    lingers: bool = False
    linger_ticks: int = 0
    """Whether close waits until everything is acknowledged, and how many ticks at most; 0: it resets (SO_LINGER)."""
    keepalive: bool = False
    urgent_inline: bool = False
    """Whether the peer's urgent byte stays in the stream (SO_OOBINLINE)."""
    broadcasts: bool = False
    """Whether it may send to addresses that are everybody's (SO_BROADCAST)."""
    draws_port_late: bool = False
    """Whether bind() to port 0 leaves the port to whatever needs one first (IP_BIND_ADDRESS_NO_PORT)."""
    stored: dict[tuple[int, int], int] = attrs.Factory(dict)
    """Options by level and number that were set and that nothing else looks at (sockets/options)."""
    drops: int = 0

    def holds_page(self, page: int, size: int) -> bool:
        """Whether any of its buffers holds bytes of this page fragment, whose pages are so many bytes (pages.py)."""
        raise NotImplementedError

    def take_error(self) -> int:
        """The pending error, which is thereby reported and gone."""
        error, self.error = self.error, 0
        return error


FOR_EVER_TICKS = (1 << 63) - 1
"""The longest that the kernel waits is without end (MAX_SCHEDULE_TIMEOUT)."""

_T = TypeVar("_T")


@cache
def _names(kind: type) -> tuple[str, ...]:
    """The fields of a draft, each of which is an attrs class."""
    return tuple(field.name for field in attrs.fields(kind))


def _row(items: Iterable[Any]) -> Iterator[Any]:
    return (clone(item) if hasattr(item, "is_draft") else item for item in items)


_COPIES: dict[type, Callable[[Any], Any]] = {
    deque: lambda queue: deque(_row(queue)),
    list: lambda row: [*_row(row)],
    dict: dict,
    set: set,
    bytearray: bytearray,
}
"""How what can change is copied; anything else is taken over as it is."""


def clone(draft: _T) -> _T:
    """A copy of a draft: its fields, and its queues one level deep. What the queues hold is frozen or cloned itself."""
    new: Any = object.__new__(type(draft))
    for name in _names(type(draft)):  # type: ignore[arg-type]  # mypy does not see that a class can be hashed
        value = getattr(draft, name)
        copy = _COPIES.get(type(value))
        setattr(new, name, copy(value) if copy else value)
    return new  # type: ignore[no-any-return]
