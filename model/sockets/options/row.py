"""A row of the table of options: how one is read and set, what it takes, and what else is known of it.

A value is an int, a name, or some bytes (struct linger, struct timeval). Where an int is taken, at least four bytes are
asked for, and more do no harm. The options of IP take a single byte as well, most of them none at all, which is zero
then (`do_ip_setsockopt`).

Not here: the rows (the other rooms), and what a wrong value answers (calls.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

import attrs

from ...endpoint import Endpoint
from ...values.constants import IPPROTO_IP, IPPROTO_TCP, IPPROTO_UDP, SOL_SOCKET

if TYPE_CHECKING:
    from ...world.host import Host

INT_MAX = (1 << 31) - 1
Get = Callable[[Any, Any], int | bytes]
Set = Callable[[Any, Any, Any], None]


class NotModelled(NotImplementedError):
    """The scenario asks for something the model does not have. Never an answer, always a sentence."""


@attrs.frozen
class Option:
    """One socket option. `get` is None for one that can only be set, and `set` for one that can only be read; then the
    other call answers ENOPROTOOPT. Both are None for one that nobody knows.
    """

    level: int
    number: int
    name: str
    get: Get | None = None
    set: Set | None = None
    least: int | None = None
    most: int | None = None
    """Values outside are refused."""
    suits: Callable[[Any, int], bool] | None = None
    """Whether the socket takes the value, for an option where that hangs on the socket, or the values have gaps."""
    names: Collection[str] = ()
    """The names that an option takes whose value is a name; `set` is then given the name."""
    size: int = 4
    """Bytes that a value has; `set` is given them if they are no int."""
    needs_byte: bool = False
    """Whether an option of IP takes no value of no bytes."""
    stored: bool = False
    """Whether the value is kept and told, and nothing follows from it."""
    inherited: bool = True
    """Whether what a listener has stored is handed on to the connections that it accepts."""
    note: str = ""
    """What is worth knowing of it, in a sentence or two."""

    @property
    def of_ip(self) -> bool:
        """Whether a single byte is a value too."""
        return self.level == IPPROTO_IP

    @property
    def shortest(self) -> int:
        """The fewest bytes that it takes for a value."""
        if self.of_ip:
            return int(self.needs_byte)
        return 1 if self.names else self.size

    def concerns(self, end: Endpoint) -> bool:
        """Whether sockets of this protocol look at the option's level at all."""
        return self.level in (SOL_SOCKET, IPPROTO_IP, IPPROTO_TCP if end.is_tcp else IPPROTO_UDP)

    def takes(self, value: int, end: Endpoint) -> bool:
        """Whether `value` lies in the option's range."""
        within = (self.least is None or value >= self.least) and (self.most is None or value <= self.most)
        return within and (self.suits is None or self.suits(end, value))


def field(name: str, kind: Callable[[int], Any] = bool) -> tuple[Get, Set]:
    """How an option is read and set that is a field of the socket, with nothing else to do."""

    def get(end: Endpoint, host: Host) -> int:
        return int(getattr(end, name))

    def put(end: Endpoint, value: int, host: Host) -> None:
        setattr(end, name, kind(value))

    return get, put


def stored(
    level: int, number: int, name: str, default: int = 0, *, kind: Callable[[int], int] = int, **more: Any
) -> Option:
    """An option whose value is kept and told again, and nothing more. `kind` makes of what is given what is kept."""

    def get(end: Endpoint, host: Host) -> int:
        return end.stored.get((level, number), default)

    def put(end: Endpoint, value: int, host: Host) -> None:
        end.stored[level, number] = kind(value)

    return Option(level, number, name, get, put, stored=True, **more)


def flag(value: int) -> int:
    """Anything but zero is one."""
    return int(bool(value))
