"""Calls and answers as short text: ``s1.setsockopt(SOL_SOCKET, SO_SNDBUF, 4096)``, ``s1: POLLOUT|POLLHUP``.

A trace carries numbers, because numbers are what a call takes. People read names. The names are those of the standard
library's modules; a number without a name stays a number, so nothing is ever hidden.

Not here: colours, columns (output.py); names for ports (sidebyside.py).
"""

from __future__ import annotations

import errno
import socket
from typing import Any

from model.trace import CallEvent
from model.values import constants
from model.values.observation import Observation
from model.values.results import Done, show

_POLL = {
    getattr(constants, name): name
    for name in ("POLLIN", "POLLPRI", "POLLOUT", "POLLERR", "POLLHUP", "POLLNVAL", "POLLRDHUP")
}
_IOCTL = {getattr(constants, name): name for name in ("FIONREAD", "TIOCOUTQ", "SIOCOUTQNSD", "SIOCATMARK")}
_SHUT = {0: "SHUT_RD", 1: "SHUT_WR", 2: "SHUT_RDWR"}
_ADDRESS_LENGTH = 2
MAKES = ("socket", "epoll_create", "epoll_create1")
_CONTROL = {
    getattr(constants, name): name for name in ("EPOLL_CTL_ADD", "EPOLL_CTL_DEL", "EPOLL_CTL_MOD")
}  # fmt: skip
_EPOLL = {
    getattr(constants, name): name
    for name in (
        "EPOLLIN", "EPOLLPRI", "EPOLLOUT", "EPOLLERR", "EPOLLHUP", "EPOLLRDNORM", "EPOLLRDBAND", "EPOLLWRNORM",
        "EPOLLWRBAND", "EPOLLMSG", "EPOLLRDHUP", "EPOLLEXCLUSIVE", "EPOLLWAKEUP", "EPOLLONESHOT", "EPOLLET",
    )
}  # fmt: skip


def _names(prefix: str) -> dict[int, str]:
    """Number -> name for the socket module's constants that begin with `prefix`; of two names for one number the
    shorter.
    """
    found: dict[int, str] = {}
    for name in sorted((name for name in vars(socket) if name.startswith(prefix)), key=lambda name: (-len(name), name)):
        found[int(getattr(socket, name))] = name
    return found


_FAMILY, _TYPE, _PROTOCOL, _FLAG = _names("AF_"), _names("SOCK_"), _names("IPPROTO_"), _names("MSG_")
_LEVEL = {0: "IPPROTO_IP", constants.SOL_SOCKET: "SOL_SOCKET", 6: "IPPROTO_TCP", 17: "IPPROTO_UDP"}
_OPTION = {
    0: _names("IP_"),
    constants.SOL_SOCKET: {**_names("SO_"), constants.SO_MEMINFO: "SO_MEMINFO"},
    6: _names("TCP_"),
}


def is_address(value: Any) -> bool:
    """Whether `value` looks like ("127.0.0.1", port), the port a number or a name."""
    return (
        isinstance(value, tuple)
        and len(value) == _ADDRESS_LENGTH
        and isinstance(value[0], str)
        and value[0].count(".") == 3  # dotted IPv4
        and isinstance(value[1], int | str)
    )


def call_text(event: CallEvent) -> str:
    """The call with its arguments, as a program would write it. The name of a new socket stands before it."""
    arguments = ", ".join(_arguments(event))
    if event.call in MAKES:
        made = f"{event.call}({arguments})"
        return f"{event.socket} = {made}" if event.socket else made
    if event.socket is None:
        return f"{event.call}({arguments})"
    return f"{event.socket}.{event.call}({arguments})"


def _arguments(event: CallEvent) -> list[str]:
    match event.call, event.args:
        case "socket", (family, kind, protocol):
            texts = [_FAMILY.get(family, str(family)), _TYPE.get(kind, str(kind))]
            return texts + ([_PROTOCOL.get(protocol, str(protocol))] if protocol else [])
        case ("send", (data, flags)) | ("recv" | "recvfrom", (data, flags)):
            return [show(data), *_flags(flags)]
        case "sendto", (data, flags, address):
            return [show(data), *_flags(flags), _value(address)]
        case "sendmsg", (data, flags, address, ancillary):
            return [f"[{show(data)}]", show(ancillary), *_flags(flags), *([] if address is None else [_value(address)])]
        case "recvmsg", (size, flags, room):
            return [show(size), *([show(room)] if room or flags else []), *_flags(flags)]
        case "shutdown", (how,):
            return [_SHUT.get(how, str(how))]
        case "getsockopt", (level, option):
            return _option(level, option)
        case "getsockopt", (level, option, size):
            return _option(level, option) + ([str(size)] if size else [])
        case "setsockopt", (level, option, value):
            return [*_option(level, option), show(value)]
        case "ioctl", (request, *_):
            return [_IOCTL.get(request, f"{request:#x}")]
        case "epoll_create1", (flags,):
            return ["EPOLL_CLOEXEC"] if flags == constants.EPOLL_CLOEXEC else [str(flags)] if flags else []
        case "epoll_ctl", (operation, who, *events):
            texts = [_CONTROL.get(operation, str(operation)), str(who)]
            return texts + [epoll_text(bits) for bits in events[:1]]
        case "poll", (wanted, *rest):
            return [", ".join(f"{name}: {poll_text(bits)}" for name, bits in wanted), *map(show, rest)]
        case "select", (reading, writing, excepting, *rest):
            return [_listed(reading), _listed(writing), _listed(excepting), *map(show, rest)]
    return [_value(argument) for argument in event.args]


def answer_text(event: CallEvent) -> str:
    """The answer in the words of the call: an errno's name, poll bits, addresses, ``ok`` for nothing."""
    if not isinstance(event.answer, Done):
        return str(event.answer)
    value = event.answer.value
    match event.call, value:
        case "poll", list() | tuple():
            return ", ".join(f"{name}: {poll_text(bits)}" for name, bits in value) or "nothing ready"
        case "select", (reading, writing, excepting):
            ready = (("readable", reading), ("writable", writing), ("exceptional", excepting))
            return "; ".join(f"{word}: {', '.join(map(str, who))}" for word, who in ready if who) or "nothing ready"
        case "epoll_wait", list() | tuple():
            return ", ".join(f"{name}: {epoll_text(bits)}" for name, bits in value) or "nothing ready"
        case (("socket" | "epoll_create" | "epoll_create1"), _):
            return "ok"
        case "getsockopt", int():
            return _option_value(event.args[:2], value)
        case "getsockopt", bytes():
            return _structure(event.args[:2], value)
        case "accept", (who, address):
            return f"{who} from {_value(address)}"
        case "recvfrom", (data, address):
            return f"{show(data)} from {_value(address)}"
        case "recvmsg", (data, ancillary, flags, address):
            told = [f"ancillary data {show(ancillary)}"] if ancillary else []
            told += _flags(flags) + ([] if address is None else [f"from {_value(address)}"])
            return ", ".join([show(data), *told])
    return "ok" if value is None else _value(value)


def poll_text(bits: int) -> str:
    """Poll bits by name: ``POLLIN|POLLOUT``; ``0`` for none."""
    return _bits_text(bits, _POLL)


def epoll_text(bits: int) -> str:
    """Events of epoll by name: ``EPOLLIN|EPOLLET``; ``0`` for none."""
    return _bits_text(bits, _EPOLL)


def seen_text(field: str, value: int) -> str:
    """One field of an `Observation`."""
    if field == "poll":
        return poll_text(value)
    if field == "tcp_state":
        return _state(value) if value else "0"
    return errno.errorcode.get(-value, str(value)) if value < 0 else str(value)


def seen_name(field: str) -> str:
    """What a field of an `Observation` is called in the API."""
    return {"fionread": "FIONREAD", "outq": "TIOCOUTQ", "tcp_state": "tcpi_state"}.get(field, field)


def all_seen(seen: Observation) -> str:
    """An `Observation` in one line."""
    return "  ".join(f"{seen_name(field)} {seen_text(field, value)}" for field, value in seen._asdict().items())


def _bits_text(bits: int, known: dict[int, str]) -> str:
    names = [name for bit, name in known.items() if bits & bit]
    rest = bits & ~sum(bit for bit in known if bits & bit)
    return "|".join(names + ([f"{rest:#x}"] if rest else [])) or "0"


def _flags(flags: int) -> list[str]:
    if not flags:
        return []
    names = [name for bit, name in sorted(_FLAG.items()) if flags & bit == bit]
    return ["|".join(names) or f"{flags:#x}"]


def _option(level: int, option: int) -> list[str]:
    return [_LEVEL.get(level, str(level)), _OPTION.get(level, {}).get(option, str(option))]


def _option_value(which: tuple[Any, ...], value: int) -> str:
    if which == (constants.SOL_SOCKET, constants.SO_ERROR) and value:
        return errno.errorcode.get(value, str(value))
    return str(value)


def _structure(which: tuple[Any, ...], value: bytes) -> str:
    if which == (constants.SOL_TCP, constants.TCP_INFO) and value:
        return f"tcpi_state {_state(value[0])} ({len(value)} bytes)"
    return show(value)


def _state(number: int) -> str:
    names = {int(state): state.name for state in constants.TcpState}
    return names.get(number, str(number))


def _listed(names: Any) -> str:
    return "[" + ", ".join(map(str, names)) + "]"


def _value(value: Any) -> str:
    return f"{value[0]}:{value[1]}" if is_address(value) else show(value)
