"""What the arguments and answers of a script's calls stand for: names, numbers, addresses, bytes; and whether what a
call gave is what the script expects.

Names are looked up in a table, and each arm has its own: the model knows fewer. A name that is not in the table is not
supported there, and is named.

Not here: the calls themselves.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import socket
import types
from collections.abc import Mapping
from ipaddress import IPv4Address

from model.values import constants
from model.values.addresses import ANY, UNNAMED, Address
from model.values.constants import AF_INET

from .arm import Seen
from .printing import show_expression
from .reader import Beyond
from .syntax import Anything, Applied, Array, Either, Expression, Field, Number, Struct, Symbol, Text

Names = Mapping[str, int]
BUFFER_MAX = 1 << 26

MODEL_NAMES: dict[str, int] = {
    **{name: int(value) for name, value in vars(constants).items() if name.isupper() and isinstance(value, int)},
    "NULL": 0,
    "F_GETFL": 3,
    "F_SETFL": 4,
    "O_RDONLY": 0,
    "O_WRONLY": 1,
    "O_RDWR": 0o2,
    "O_NONBLOCK": 0o4000,
    "SIOCINQ": constants.FIONREAD,
    "SIOCOUTQ": constants.TIOCOUTQ,
    "SOL_IP": 0,
    "SOL_UDP": constants.IPPROTO_UDP,
}
"""The names that the model knows."""


def _public(module: types.ModuleType, *beginnings: str) -> dict[str, int]:
    return {
        name: int(value)
        for name, value in vars(module).items()
        if name.startswith(beginnings) and isinstance(value, int)
    }


KERNEL_NAMES: dict[str, int] = {
    **_public(
        socket, "AF_", "SOCK_", "SOL_", "SO_", "IPPROTO_", "IP_", "TCP_", "MSG_", "SHUT_", "INADDR_", "SOMAXCONN"
    ),
    **_public(select, "POLL", "EPOLL"),
    **_public(os, "O_"),
    **_public(fcntl, "F_", "FD_"),
    **_public(errno, "E"),
    **MODEL_NAMES,
    "EPOLL_CTL_ADD": 1,
    "EPOLL_CTL_DEL": 2,
    "EPOLL_CTL_MOD": 3,
    "IP_MTU_DISCOVER": 10,
    "IP_RECVERR": 11,
    "IP_MTU": 14,
    "IP_PMTUDISC_DONT": 0,
    "IP_PMTUDISC_WANT": 1,
    "IP_PMTUDISC_DO": 2,
    "IP_PMTUDISC_PROBE": 3,
    "MSG_FASTOPEN": 0x20000000,
    "MSG_ZEROCOPY": 0x4000000,
    "SO_BUSY_POLL": 46,
    "SO_EE_CODE_ZEROCOPY_COPIED": 1,
    "SO_EE_ORIGIN_NONE": 0,
    "SO_EE_ORIGIN_LOCAL": 1,
    "SO_EE_ORIGIN_ICMP": 2,
    "SO_EE_ORIGIN_ICMP6": 3,
    "SO_EE_ORIGIN_TIMESTAMPING": 4,
    "SO_EE_ORIGIN_ZEROCOPY": 5,
    "SO_MAX_PACING_RATE": 47,
    "SO_ZEROCOPY": 60,
    "TCP_CM_INQ": 36,
    "TCP_CONGESTION": 13,
    "TCP_FASTOPEN": 23,
    "TCP_FASTOPEN_CONNECT": 30,
    "TCP_INQ": 36,
    "TCP_NOTSENT_LOWAT": 25,
    "TCP_THIN_LINEAR_TIMEOUTS": 16,
    "TCP_THIN_DUPACK": 17,
    "TCP_TIMESTAMP": 24,
}
"""The names that the running kernel's arm knows (the kernel's uapi headers)."""


def number(expression: Expression, names: Names, default: int = 0) -> int:
    """The integer that an expression is; `default` for ``...``."""
    match expression:
        case Number(value=value):
            return value
        case Symbol(name=name) if name in names:
            return names[name]
        case Symbol(name=name):
            raise Beyond(f"the name {name}")
        case Either(parts=parts):
            value = 0
            for part in parts:
                value |= number(part, names)
            return value
        case Anything():
            return default
        case Applied(name="htons" | "htonl", arguments=(only,)):
            return number(only, names)
        case Applied(name=name):
            raise Beyond(f"{name} in an argument")
        case Struct() | Array() | Text():
            raise Beyond("a structure, an array or a string where a number is due")
        case _:
            raise Beyond("a member where a number is due")


def address(expression: Expression, default: Address, names: Names) -> Address:
    """The address that an expression is; `default` for ``...``, also for a part of it."""
    if isinstance(expression, Anything):
        return default
    if not isinstance(expression, Struct):
        return UNNAMED
    family, port, ip = (expression.field(name) for name in ("sa_family", "sin_port", "sin_addr"))
    if family is not None and number(family.value, names, AF_INET) != AF_INET:
        raise Beyond("an address of another family than AF_INET")
    host = default[0]
    match ip.value if ip is not None else Anything():
        case Applied(name="inet_addr", arguments=(Text(pieces=pieces),)):
            try:
                host = str(IPv4Address("".join(pieces)))
            except ValueError:
                raise Beyond("an address that is no IPv4 address") from None
        case Symbol(name="INADDR_ANY"):
            host = ANY
        case Symbol(name="INADDR_LOOPBACK"):
            host = "127.0.0.1"
        case Anything():
            pass
        case _:
            raise Beyond("an address that is neither inet_addr nor INADDR_ANY")
    return host, number(port.value, names, default[1]) & 0xFFFF if port is not None else default[1]


def text(expression: Text) -> bytes:
    """The bytes of a string, escapes resolved as C does."""
    written = "".join(expression.pieces).encode("latin-1", "replace")
    return written.decode("unicode_escape").encode("latin-1", "replace")


def content(what: Expression, length: Expression, names: Names) -> bytes:
    """What a buffer holds that is so long: a string, and zeros."""
    size = number(length, names)
    if size < 0 or size > BUFFER_MAX:
        raise Beyond("a buffer of more than 64 MiB")
    return text(what)[:size].ljust(size, b"\0") if isinstance(what, Text) else bytes(size)


def buffers(vector: Expression, names: Names) -> list[bytes]:
    """What the buffers of an array of ``{what, how long}`` hold."""
    if not isinstance(vector, Array):
        raise Beyond("a vector of buffers that is no array")
    found = []
    for item in vector.items:
        if not isinstance(item, Struct) or len(item.items) != 2:
            raise Beyond("a buffer of a vector that is not {what, how long}")
        what, length = (part.value if isinstance(part, Field) else part for part in item.items)
        found.append(content(what, length, names))
    return found


# ---------------------------------------------------------------------------------------------------------- judging


def differing(expected: Expression, seen: Seen, names: Names) -> str | None:
    """What of that which a call wrote is not as expected, None if all is. What the script does not say does not
    count.
    """
    match expected, seen:
        case Anything(), _:
            return None
        case Array(items=items), list():
            if len(items) != len(seen):
                return f"{len(items)} values, seen {len(seen)}"
            return _first(zip(items, seen, strict=True), names)
        case Array(items=(only,)), _:
            return differing(only, seen, names)
        case ((Struct() | Number() | Symbol() | Either()), [first]):
            return differing(expected, first, names)
        case Struct(items=members), dict():
            for member in members:
                if isinstance(member, Field) and member.name in seen:
                    wrong = differing(member.value, seen[member.name], names)
                    if wrong is not None:
                        return wrong if wrong.startswith(member.name) else f"{member.name} {wrong}"
            return None
        case Text(more=more), bytes():
            wanted = text(expected)
            same = seen.startswith(wanted) if more else seen.rstrip(b"\0") == wanted.rstrip(b"\0")
            return None if same else f"{show_expression(expected)}, seen {seen!r}"
        case _, int():
            wanted_number = number(expected, names)
            if (wanted_number - seen) % (1 << 32) == 0:
                return None
            return (
                f"{show_expression(expected)}, seen {seen:#x}"
                if seen > 9 and isinstance(expected, Symbol | Either)
                else f"{show_expression(expected)}, seen {seen}"
            )
        case _:
            return None


def _first(pairs: object, names: Names) -> str | None:
    for expected, seen in pairs:  # type: ignore[attr-defined]
        wrong = differing(expected, seen, names)
        if wrong is not None:
            return str(wrong)
    return None
