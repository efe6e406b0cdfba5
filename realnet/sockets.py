"""`_socket` on the running kernel, recording: what the standard library's `socket.py` is executed over.

The class is the real `_socket.socket` with a recording method in front of each one that asks the kernel. Arguments go
to the real method as they came, so that argument checks and exceptions are the originals; only the trace gets them
tidied (numbers for enums, dotted text for names, bytes for buffers).

The module differs from the real one where the two arms shall offer the same:

- the default timeout belongs to the net, not to the process;
- no IPv6: `has_ipv6` is false and `getaddrinfo` answers with IPv4 addresses unless asked for others;
- `sendmsg_afalg` is absent, as on a system without it, and `sendfile` sends piece by piece.

With MSG_TRUNC the kernel counts more bytes than it gives; the trace shows zeros for what was not given.

Not here: select and poll (selecting.py), ioctl and fcntl (controlling.py).
"""

from __future__ import annotations

import _socket
import time
from collections.abc import Iterator
from contextlib import suppress
from operator import index
from types import ModuleType
from typing import Any, ClassVar, NoReturn

from model.values.constants import SOCK_CLOEXEC, SOCK_NONBLOCK
from model.values.results import Done, Fail

from .recorder import Recorder, no_arguments

_NAMES = {"": "0.0.0.0", "<broadcast>": "255.255.255.255", "localhost": "127.0.0.1"}
_EINPROGRESS, _EAGAIN = 115, 11
_CLOSED = _socket.socket()
_CLOSED.close()
Address = Any
"""A socket address in Python's form: a pair for IPv4, other things for other families."""


class _Absent:
    """A method that is not there."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: type) -> NoReturn:
        raise AttributeError(f"{owner.__name__!r} object has no attribute {self._name!r} (not on both arms)")


class RecordingSocket(_socket.socket):
    """A socket of the running kernel whose calls are recorded. `home` is the net it belongs to: each net has a class
    of its own.
    """

    __slots__ = ()
    home: ClassVar[Recorder]

    def __init__(self, family: int = -1, type: int = -1, proto: int = -1, fileno: int | None = None) -> None:
        home = self.home
        if fileno is None:
            home.check_here()
            home.step()
            try:
                super().__init__(family, type, proto)
            except OSError as error:
                if error.errno:
                    home.add("socket", None, self._asked_for(family, type, proto), Fail(error.errno))
                raise
            home.own(self)
            if self.family == _socket.AF_INET and self.type == _socket.SOCK_STREAM:
                home.settings.tell(self)
        else:
            super().__init__(family, type, proto, fileno)
            home.own(self)
        wanted = 0.0 if type != -1 and type & SOCK_NONBLOCK else home.default_timeout
        if super().gettimeout() != wanted:
            super().settimeout(wanted)
        if fileno is None:
            name = home.name(super().fileno())
            home.add("socket", name, self._asked_for(family, type, proto), Done(name))

    @staticmethod
    def _asked_for(family: int, kind: int, proto: int) -> tuple[int, int, int]:
        kind = int(_socket.SOCK_STREAM) if kind == -1 else int(kind) & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)
        return (int(_socket.AF_INET) if family == -1 else int(family), kind, 0 if proto == -1 else int(proto))

    def __del__(self) -> None:
        fd = super().fileno()
        if fd >= 0:
            self.home.part(fd)
        with self.home.unrecorded():  # the warning that it was not closed shows its addresses
            super().__del__()  # type: ignore[misc]  # typeshed does not know the finalizer

    @property
    def _name(self) -> str | None:
        return self.home.name_or_none(super().fileno())

    def _ask(self, call: str, tidy: Any, function: Any, *given: Any, **shown: Any) -> Any:
        return self.home.ask(call, self._name, tidy, function, *given, **shown)

    # Sending and receiving --------------------------------------------------------------------------------------------

    def send(self, *args: Any) -> Any:
        return self._ask("send", _data_and_flags, super().send, *args)

    def sendall(self, *args: Any) -> None:
        """Each send(2) that it takes is a line of its own. As in the original, a timeout is for the whole."""
        with suppress(OSError):
            _CLOSED.sendall(*args)  # complains of wrong arguments, and otherwise that it is closed
        data, flags = _data_and_flags(*args)
        timeout = super().gettimeout()
        deadline = time.monotonic() + timeout if timeout else None
        try:
            while True:
                data = data[self.send(data, flags) :]
                if not data:
                    return
                if deadline is not None:
                    left = deadline - time.monotonic()
                    if left <= 0:
                        raise TimeoutError("timed out")
                    super().settimeout(left)
        finally:
            if deadline is not None and super().fileno() >= 0:
                super().settimeout(timeout)

    def sendto(self, *args: Any) -> Any:
        return self._ask("sendto", _data_flags_and_address, super().sendto, *args)

    def recv(self, *args: Any) -> Any:
        if args and args[0] == 0:  # the original does not ask the kernel then either
            return super().recv(*args)
        return self._ask(
            "recv", _size_and_flags, super().recv, *args, shown=lambda data: self._given(data, len(data), *args)
        )

    def recvfrom(self, *args: Any) -> Any:
        return self._ask(
            "recvfrom",
            _size_and_flags,
            super().recvfrom,
            *args,
            shown=lambda got: (self._given(got[0], len(got[0]), *args), got[1]),
        )

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> Any:
        if nbytes == 0 and _size_of(buffer) == 0:
            return super().recv_into(buffer, nbytes, flags)
        return self._ask(
            "recv", _room_and_flags, super().recv_into, buffer, nbytes, flags,
            shown=lambda n: self._given(_head([buffer], n), n, nbytes or _size_of(buffer), flags),
        )  # fmt: skip

    def recvfrom_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> Any:
        return self._ask(
            "recvfrom", _room_and_flags, super().recvfrom_into, buffer, nbytes, flags,
            shown=lambda got: (
                self._given(_head([buffer], got[0]), got[0], nbytes or _size_of(buffer), flags), got[1]
            ),
        )  # fmt: skip

    def sendmsg(self, buffers: Any, ancdata: Any = (), *flags_and_address: Any) -> Any:
        return self._ask(
            "sendmsg", _message, super().sendmsg, _Once(buffers), _Once(ancdata), *flags_and_address
        )  # fmt: skip

    def recvmsg(self, *args: Any) -> Any:
        return self._ask(
            "recvmsg", _size_room_and_flags, super().recvmsg, *args,
            shown=lambda got: (self._given(got[0], len(got[0]), args[0], *args[2:]), *got[1:]),
        )  # fmt: skip

    def recvmsg_into(self, buffers: Any, *args: Any) -> Any:
        once = _Once(buffers)

        def shown(got: Any) -> Any:
            data = self._given(_head(once.items, got[0]), got[0], once.size, *args[1:])
            return (data[: once.size], *got[1:])

        return self._ask(
            "recvmsg", lambda _, *more: _size_room_and_flags(once.size, *more), super().recvmsg_into, once, *args,
            shown=shown,
        )  # fmt: skip

    def _given(self, data: bytes, counted: int, size: int, flags: int = 0) -> bytes:
        """What a call with room for `size` bytes gave, as the trace shows it."""
        if not flags & _socket.MSG_TRUNC:
            return data
        none = self.type == _socket.SOCK_STREAM and not flags & _socket.MSG_ERRQUEUE
        return (b"" if none else data[:size]).ljust(counted, b"\0")

    sendmsg_afalg = _Absent()

    # Connecting -------------------------------------------------------------------------------------------------------

    def bind(self, address: Address, /) -> None:
        self._ask("bind", _address, super().bind, address)

    def listen(self, backlog: int = min(_socket.SOMAXCONN, 128), /) -> None:
        self._ask("listen", lambda n: (max(index(n), 0),), super().listen, backlog)

    def _accept(self) -> Any:
        def shown(accepted: tuple[int, Address]) -> tuple[str, Address]:
            return self.home.welcome(accepted[0], self.family, self.type, self.proto), accepted[1]

        return self._ask("accept", no_arguments, super()._accept, shown=shown)  # type: ignore[misc]  # typeshed hides it

    def connect(self, address: Address, /) -> None:
        self._ask("connect", _address, super().connect, address)

    def connect_ex(self, address: Address, /) -> int:
        self.home.step()
        before = len(self.home.trace.events)
        with self.home.guests.in_call(f"connect() on {self._name}") as call:
            number: int = call.made(super().connect_ex, address)
            at = None if call.answered() else before
            in_time = number != _EAGAIN or not super().gettimeout()
            answer = Done(None) if number == 0 else Fail(number if in_time else _EINPROGRESS)
            self.home.add("connect", self._name, _address(address), answer, at)
        return number

    def shutdown(self, how: int, /) -> None:
        self._ask("shutdown", lambda how: (int(how),), super().shutdown, how)

    def getsockname(self) -> Address:
        return self._ask("getsockname", no_arguments, super().getsockname)

    def getpeername(self) -> Address:
        return self._ask("getpeername", no_arguments, super().getpeername)

    # Options and modes ------------------------------------------------------------------------------------------------

    def getsockopt(self, *args: Any) -> Any:
        return self._ask("getsockopt", _option, super().getsockopt, *args)

    def setsockopt(self, *args: Any) -> None:
        self._ask("setsockopt", _option_and_value, super().setsockopt, *args)

    def setblocking(self, flag: Any, /) -> None:
        self._ask("setblocking", lambda flag: (bool(flag),), super().setblocking, flag)

    def settimeout(self, timeout: float | None, /) -> None:
        self._ask("setblocking", lambda timeout: (timeout is None,), super().settimeout, timeout)

    # The descriptor ---------------------------------------------------------------------------------------------------

    def close(self) -> None:
        if super().fileno() >= 0:
            self.home.ask("close", self._name, no_arguments, self._close)

    def _close(self) -> None:
        self.home.part(super().fileno())
        super().close()


def shown_address(address: Address) -> Address:
    """An address as the trace shows it: a pair of dotted text and a number; what is no IPv4 address, as it is."""
    if not isinstance(address, tuple) or len(address) != 2 or not isinstance(address[0], str | bytes | bytearray):
        return address
    host = address[0] if isinstance(address[0], str) else bytes(address[0]).decode("latin-1")
    try:
        host = _NAMES.get(host.lower()) or _socket.inet_ntoa(_socket.inet_aton(host))
    except OSError:  # some name
        return (host, address[1])
    return (host, int(address[1]))


# Arguments as the trace shows them. They are made behind the call, when the real method has found them in order.


def _address(address: Address, /) -> tuple[Address]:
    return (shown_address(address),)


def _data_and_flags(data: Any, flags: int = 0, /) -> tuple[bytes, int]:
    return bytes(memoryview(data)), index(flags)


def _data_flags_and_address(data: Any, *flags_and_address: Any) -> tuple[bytes, int, Address]:
    *flags, address = flags_and_address
    return (*_data_and_flags(data, *flags), shown_address(address))


class _Once:
    """An iterable of which one knows afterwards what was in it."""

    def __init__(self, given: Any) -> None:
        self.given = given
        self.items: list[Any] = []

    def __iter__(self) -> Iterator[Any]:
        self.items = list(self.given)
        return iter(self.items)

    @property
    def size(self) -> int:
        """The bytes of buffers that were in it."""
        return sum(map(_size_of, self.items))


def _message(
    buffers: _Once, ancillary: _Once, flags: int = 0, address: Address = None, /
) -> tuple[bytes, int, Address, list[tuple[int, int, bytes]]]:
    data = b"".join(bytes(memoryview(part)) for part in buffers.items)
    extra = [(int(level), int(kind), bytes(memoryview(more))) for level, kind, more in ancillary.items]
    return data, int(flags), None if address is None else shown_address(address), extra


def _size_room_and_flags(size: Any, room: int = 0, flags: int = 0, /) -> tuple[int, int, int]:
    return index(size), int(flags), int(room)


def _size_and_flags(size: Any, flags: int = 0, /) -> tuple[int, int]:
    return index(size), int(flags)


def _room_and_flags(buffer: Any, nbytes: int, flags: int, /) -> tuple[int, int]:
    return index(nbytes) or _size_of(buffer), int(flags)


def _option(level: int, option: int, buflen: int = 0, /) -> tuple[int, int, int]:
    return int(level), int(option), int(buflen)


def _option_and_value(level: int, option: int, value: Any, *_optlen: int) -> tuple[int, int, int | bytes | None]:
    return int(level), int(option), value if value is None else int(value) if isinstance(value, int) else bytes(value)


def _size_of(buffer: Any) -> int:
    """The bytes of a buffer; -1 for what is none, of which the real method will complain."""
    try:
        return memoryview(buffer).nbytes
    except TypeError:
        return -1


def _head(buffers: list[Any], size: int) -> bytes:
    """The first bytes of what some buffers hold."""
    return b"".join(bytes(memoryview(buffer)) for buffer in buffers)[:size]


# The module -----------------------------------------------------------------------------------------------------------


def make_socket_module(recorder: Recorder) -> ModuleType:
    """A module object that looks like `_socket`, whose sockets record."""

    def close(fd: int, /) -> None:
        """Close a descriptor that a socket object gave away with detach()."""

        def part_and_close(fd: int) -> None:
            recorder.part(fd)
            _socket.close(fd)

        recorder.ask("close", recorder.name_or_none(fd), no_arguments, part_and_close, fd)

    def dup(fd: int, /) -> Any:
        """A further descriptor for the same socket, which is closed on exec."""
        name = recorder.name_or_none(fd)
        return recorder.ask("dup", name, no_arguments, _socket.dup, fd, shown=lambda new: recorder.duplicated(fd, new))

    def getdefaulttimeout() -> float | None:
        """The timeout of new sockets of this net in seconds, or None."""
        return recorder.default_timeout

    def setdefaulttimeout(timeout: float | None, /) -> None:
        """Set the timeout of new sockets of this net, in seconds or None."""
        trial = _socket.socket(_socket.AF_UNIX)
        try:
            trial.settimeout(timeout)  # the original's argument checks and rounding
            recorder.default_timeout = trial.gettimeout()
        finally:
            trial.close()

    def getaddrinfo(host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0) -> Any:
        """The original's answers for IPv4, unless another family is asked for."""
        return _socket.getaddrinfo(host, port, family or _socket.AF_INET, type, proto, flags)

    cls = type("socket", (RecordingSocket,), {"__slots__": (), "__module__": "_socket", "home": recorder})
    module = ModuleType("_socket", _socket.__doc__)
    module.__dict__.update({name: value for name, value in vars(_socket).items() if not name.startswith("__")})
    module.__dict__.update(socket=cls, SocketType=cls, has_ipv6=False)
    for function in (close, dup, getdefaulttimeout, setdefaulttimeout, getaddrinfo):
        function.__module__, function.__qualname__ = "_socket", function.__name__
        setattr(module, function.__name__, function)
    return module


def adopt(module: ModuleType, recorder: Recorder) -> None:
    """Two methods of a fresh `socket.socket` are changed: files are sent by send(), which is recorded, and not by
    sendfile(2); and that a program prints a socket leaves no line in the trace.
    """
    original_repr = module.socket.__repr__

    def _sendfile_use_sendfile(self: Any, file: Any, offset: int = 0, count: int | None = None) -> NoReturn:
        raise module._GiveupOnSendfile("not on both arms")

    def __repr__(self: Any) -> str:  # noqa: N807  # it becomes a method
        with recorder.unrecorded():
            text: str = original_repr(self)
            return text

    for method in (_sendfile_use_sendfile, __repr__):
        setattr(module.socket, method.__name__, method)
