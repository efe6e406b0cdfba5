"""A script's system calls, made on the running kernel as C would make them.

Arguments are laid out in memory as the C library takes them, and what the kernel wrote there is read back as numbers,
bytes and structures. Descriptors are the script's: which number the kernel gave is of no interest.

Nobody knows beforehand whether a call blocks. So each that may is made in a thread of its own; it is taken to block
when its thread sleeps. Threads start in the namespace of the thread that started them.

Not here: whether the answer is the expected one (running.py). Pipes, files, splice.
"""

from __future__ import annotations

import ctypes
import os
import platform
import socket
import struct
import threading
from collections.abc import Callable
from pathlib import Path

import attrs

from model.values.results import Block

from .arguments import BUFFER_MAX, KERNEL_NAMES, address, buffers, content, number, text
from .arm import Ends, Reply, Seen
from .reader import Beyond
from .syntax import Anything, Array, Expression, Field, Number, Struct, Symbol, SystemCall, Text

_libc = ctypes.CDLL(None, use_errno=True)
_SOCKADDR = struct.Struct("=H2s4s8x")
_SOCKADDR_ROOM, _CONTROL_ROOM = 128, 1024
_POLLFD, _LINGER, _INT = struct.Struct("ihh"), struct.Struct("ii"), struct.Struct("i")
_EPOLL_EVENT = struct.Struct("=Iq" if platform.machine() in {"x86_64", "i686"} else "Iq")
_MSGHDR = struct.Struct("PI4xPNPNi4x")
_IOVEC = struct.Struct("PN")
_CMSGHDR = struct.Struct("Nii")
_EXTENDED_ERROR = struct.Struct("=IBBBBII")
_EXTENDED_NAMES = ("ee_errno", "ee_origin", "ee_type", "ee_code", "ee_pad", "ee_info", "ee_data")
_SOL_IP, _IP_RECVERR = 0, 11
_NO_DESCRIPTOR = 1 << 20
_GLANCE_S = 0.0005
_REQUESTS = frozenset((0x541B, 0x5411, 0x894B, 0x5421, 0x8905))
"""FIONREAD, TIOCOUTQ, SIOCOUTQNSD, FIONBIO, SIOCATMARK: what of ioctl reads or writes one integer."""
_WAITING_MAY = frozenset(
    """accept accept4 connect close read readv recv recvfrom recvmsg write writev send sendto sendmsg poll ppoll
    epoll_wait""".split()
)
"""Calls that may block."""

Memory = ctypes.Array[ctypes.c_char]


@attrs.define
class _Call:
    """A call ready to be made: the C library's function, its arguments, and how to read what it wrote."""

    function: str
    arguments: tuple[object, ...]
    written: Callable[[int], dict[int, Seen]] = lambda value: {}
    kept: tuple[object, ...] = ()
    """Memory to which addresses in other memory point."""


class KernelAttempt:
    """A call that was begun, in a thread of its own if it may block. `wake` is called there when it has ended."""

    def __init__(self, made: Callable[[], Reply], may_block: bool, wake: Callable[[], None]) -> None:
        self._reply: Reply | None = None
        self._wake = wake
        self._ended = threading.Event()
        self.thread: threading.Thread | None = None
        if may_block:
            self.thread = threading.Thread(target=self._run, args=(made,), daemon=True)
            self.thread.start()
        else:
            self._reply = made()

    def _run(self, made: Callable[[], Reply]) -> None:
        self._reply = made()
        self._ended.set()
        self._wake()

    def reply(self) -> Reply | Block:
        """How it ended. It waits if its thread was asleep twice, a moment apart."""
        asleep = 0
        while self._reply is None and asleep < 2:
            asleep = asleep + 1 if self._sleeps() else 0
            self._ended.wait(_GLANCE_S)
        return self._reply if self._reply is not None else Block("the kernel")

    def _sleeps(self) -> bool:
        assert self.thread is not None
        try:
            status = Path(f"/proc/self/task/{self.thread.native_id}/stat").read_text(encoding="ascii")
        except (FileNotFoundError, ProcessLookupError):
            return False
        return status.rpartition(")")[2].split()[0] == "S"


class KernelCalls:
    """The calls of one script on the running kernel, in the caller's namespace. What cannot be done raises `Beyond`."""

    def __init__(self, ends: Ends, wake: Callable[[], None]) -> None:
        self._ends, self._wake = ends, wake
        self._descriptors: dict[int, int] = {}
        """The script's number → the kernel's."""
        self._threads: list[threading.Thread] = []
        self._table: dict[str, Callable[[SystemCall], _Call]] = {
            "socket": lambda call: self._numbers(call, socket.AF_INET),
            "bind": lambda call: self._addressed(call, self._ends.local),
            "connect": lambda call: self._addressed(call, self._ends.remote),
            "listen": self._numbers,
            "shutdown": self._numbers,
            "close": self._numbers,
            "accept": self._accept,
            "accept4": self._accept,
            "read": self._receive,
            "recv": self._receive,
            "recvfrom": self._receive,
            "readv": self._vector,
            "recvmsg": self._recvmsg,
            "write": self._send,
            "send": self._send,
            "sendto": self._send,
            "writev": self._vector,
            "sendmsg": self._sendmsg,
            "setsockopt": self._setsockopt,
            "getsockopt": self._getsockopt,
            "fcntl": self._numbers,
            "ioctl": self._ioctl,
            "poll": self._poll,
            "epoll_create": lambda call: _Call("epoll_create", (self._number(call, 0),)),
            "epoll_create1": lambda call: _Call("epoll_create1", (self._number(call, 0),)),
            "epoll_ctl": self._epoll_ctl,
            "epoll_wait": self._epoll_wait,
        }

    def begin(self, call: SystemCall) -> KernelAttempt:
        """Make `call`."""
        handler = self._table.get(call.name)
        if handler is None:
            raise Beyond(f"the call {call.name}")
        ready = handler(call)
        attempt = KernelAttempt(lambda: self._made(call, ready), call.name in _WAITING_MAY, self._wake)
        if attempt.thread is not None:
            self._threads.append(attempt.thread)
        return attempt

    def descriptor(self, fd: int) -> int | None:
        """The kernel's number for the script's descriptor `fd`."""
        return self._descriptors.get(fd)

    def close_all(self) -> None:
        """End every call that still waits, and close every descriptor."""
        for fd in self._descriptors.values():
            _libc.shutdown(fd, socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(1)
        for fd in self._descriptors.values():
            os.close(fd)
        self._descriptors.clear()

    def _made(self, call: SystemCall, ready: _Call) -> Reply:
        function = getattr(_libc, ready.function)
        function.restype = ctypes.c_ssize_t if ready.function in _LONG else ctypes.c_int
        value = function(*ready.arguments)
        if value < 0:
            return Reply(-1, ctypes.get_errno())
        if call.name in {"socket", "accept", "accept4", "epoll_create", "epoll_create1"}:
            known = call.result.value if isinstance(call.result, Number) and call.result.value >= 0 else value
            self._descriptors[known] = value
            value = known
        elif call.name == "close":
            self._descriptors.pop(self._number(call, 0), None)
        return Reply(value, written=ready.written(value))

    # ------------------------------------------------------------------------------------------------------ arguments

    def _argument(self, call: SystemCall, index: int) -> Expression:
        return call.arguments[index] if index < len(call.arguments) else Anything()

    def _number(self, call: SystemCall, index: int, default: int = 0) -> int:
        return ctypes.c_int(number(self._argument(call, index), KERNEL_NAMES, default)).value

    def _fd(self, call: SystemCall, index: int = 0) -> int:
        return self._real(self._number(call, index))

    def _real(self, fd: int) -> int:
        return self._descriptors.get(fd, _NO_DESCRIPTOR + fd)

    def _numbers(self, call: SystemCall, first: int | None = None) -> _Call:
        """A call whose arguments are numbers; the first is a descriptor, or by default `first`."""
        rest = tuple(self._number(call, index) for index in range(1, len(call.arguments)))
        return _Call(call.name, (self._fd(call) if first is None else self._number(call, 0, first), *rest))

    def _addressed(self, call: SystemCall, default: tuple[str, int]) -> _Call:
        where = _sockaddr(address(self._argument(call, 1), default, KERNEL_NAMES))
        return _Call(call.name, (self._fd(call), where, len(where)))

    def _accept(self, call: SystemCall) -> _Call:
        flags = (self._number(call, 3),) if call.name == "accept4" else ()
        return _Call(call.name, (self._fd(call), None, None, *flags))

    # ----------------------------------------------------------------------------------------------------------- data

    def _receive(self, call: SystemCall) -> _Call:
        size = _bounded(self._number(call, 2))
        memory = ctypes.create_string_buffer(max(size, 1))
        rest: tuple[object, ...] = () if call.name == "read" else (self._number(call, 3),)
        if call.name == "recvfrom":
            rest = (*rest, None, None)
        arguments = (self._fd(call), memory, ctypes.c_size_t(size), *rest)
        return _Call(call.name, arguments, lambda value: {1: memory.raw[:value]})

    def _send(self, call: SystemCall) -> _Call:
        data = content(self._argument(call, 1), self._argument(call, 2), KERNEL_NAMES)
        rest: tuple[object, ...] = () if call.name == "write" else (self._number(call, 3),)
        if call.name == "sendto":
            to = self._argument(call, 4)
            where = None if to == Symbol("NULL") else _sockaddr(address(to, self._ends.remote, KERNEL_NAMES))
            rest = (*rest, where, len(where or b""))
        return _Call(call.name, (self._fd(call), data, ctypes.c_size_t(len(data)), *rest))

    def _vector(self, call: SystemCall) -> _Call:
        table, kept = _iovecs(buffers(self._argument(call, 1), KERNEL_NAMES))
        return _Call(call.name, (self._fd(call), table, len(kept)), kept=kept)

    def _message(self, call: SystemCall) -> Struct:
        message = self._argument(call, 1)
        if not isinstance(message, Struct):
            raise Beyond("a message that is no structure")
        return message

    def _sendmsg(self, call: SystemCall) -> _Call:
        message = self._message(call)
        vector, name = message.field("msg_iov"), message.field("msg_name")
        if message.field("msg_control") is not None:
            raise Beyond("ancillary data that is sent")
        table, kept = _iovecs(buffers(vector.value, KERNEL_NAMES) if vector is not None else [])
        to = _sockaddr(address(name.value, self._ends.remote, KERNEL_NAMES)) if self._is_udp(call) and name else b""
        where = ctypes.create_string_buffer(to, max(len(to), 1))
        header = _MSGHDR.pack(
            ctypes.addressof(where) if to else 0, len(to), ctypes.addressof(table), len(kept), 0, 0, 0
        )
        return _Call("sendmsg", (self._fd(call), header, self._number(call, 2)), kept=(where, table, kept))

    def _is_udp(self, call: SystemCall) -> bool:
        fd = self.descriptor(self._number(call, 0))
        if fd is None:
            return False
        kind, size = ctypes.c_int(), ctypes.c_uint(4)
        _libc.getsockopt(fd, socket.SOL_SOCKET, socket.SO_TYPE, ctypes.byref(kind), ctypes.byref(size))
        return kind.value == socket.SOCK_DGRAM

    def _recvmsg(self, call: SystemCall) -> _Call:
        message = self._message(call)
        vector = message.field("msg_iov")
        table, kept = _iovecs(buffers(vector.value, KERNEL_NAMES) if vector is not None else [])
        name = ctypes.create_string_buffer(_SOCKADDR_ROOM)
        control = ctypes.create_string_buffer(_CONTROL_ROOM)
        packed = _MSGHDR.pack(
            ctypes.addressof(name), _SOCKADDR_ROOM, ctypes.addressof(table), len(kept),
            ctypes.addressof(control), _CONTROL_ROOM, 0,
        )  # fmt: skip
        header = ctypes.create_string_buffer(packed, _MSGHDR.size)

        def written(_: int) -> dict[int, Seen]:
            _, _, _, _, _, controls, flags = _MSGHDR.unpack(header.raw)
            found: dict[str, Seen] = {"msg_flags": flags}
            if message.field("msg_control") is not None:
                found["msg_control"] = list(_ancillary(control.raw[:controls]))
            return {1: found}

        arguments = (self._fd(call), header, self._number(call, 2))
        return _Call("recvmsg", arguments, written, (name, table, kept, control))

    # -------------------------------------------------------------------------------------------------------- options

    def _setsockopt(self, call: SystemCall) -> _Call:
        value = self._value(self._argument(call, 3))
        length = _bounded(self._number(call, 4, len(value or b"")))
        head = (self._fd(call), self._number(call, 1), self._number(call, 2))
        return _Call("setsockopt", (*head, None if value is None else value.ljust(length, b"\0"), length))

    def _value(self, expression: Expression) -> bytes | None:
        match expression:
            case Symbol("NULL"):
                return None
            case Text():
                return text(expression)
            case Struct(items=items):
                fields = [item.value if isinstance(item, Field) else item for item in items]
                return b"".join(_INT.pack(number(field, KERNEL_NAMES)) for field in fields)
            case Array(items=items):
                return b"".join(
                    self._value(item) or b"" if isinstance(item, Struct) else _packed(number(item, KERNEL_NAMES))
                    for item in items
                )
            case _:
                return _packed(number(expression, KERNEL_NAMES))

    def _getsockopt(self, call: SystemCall) -> _Call:
        expected = self._argument(call, 3)
        room = self._argument(call, 4)
        size = _bounded(number(room.items[0] if isinstance(room, Array) and room.items else room, KERNEL_NAMES, 4))
        memory, length = ctypes.create_string_buffer(max(size, 1)), ctypes.c_uint(size)

        def written(_: int) -> dict[int, Seen]:
            data = memory.raw[: length.value]
            if isinstance(expected, Text):
                return {3: data}
            values = [_INT.unpack_from(data, at)[0] for at in range(0, len(data) - 3, 4)]
            if isinstance(expected, Struct):
                names = [item.name if isinstance(item, Field) else "" for item in expected.items]
                return {3: dict(zip(names, values, strict=False))}
            return {3: list(values), 4: length.value}

        head = (self._fd(call), self._number(call, 1), self._number(call, 2))
        return _Call("getsockopt", (*head, memory, ctypes.byref(length)), written, (length,))

    def _ioctl(self, call: SystemCall) -> _Call:
        request = self._number(call, 1)
        if request not in _REQUESTS:
            raise Beyond(f"ioctl request {request:#x}")
        given = self._argument(call, 2)
        inner = given.items[0] if isinstance(given, Array) and given.items else given
        cell = ctypes.c_int(number(inner, KERNEL_NAMES))
        arguments = (self._fd(call), ctypes.c_ulong(request), ctypes.byref(cell))
        return _Call("ioctl", arguments, lambda _: {2: [cell.value]})

    # -------------------------------------------------------------------------------------------------------- waiting

    def _poll(self, call: SystemCall) -> _Call:
        rows = self._argument(call, 0)
        if not isinstance(rows, Array) or not all(isinstance(row, Struct) for row in rows.items):
            raise Beyond("a poll of something that is no array of structures")
        packed = b""
        for row in rows.items:
            assert isinstance(row, Struct)
            fd, events = (row.field(name) for name in ("fd", "events"))
            asked = number(fd.value, KERNEL_NAMES) if fd else -1
            mask = number(events.value, KERNEL_NAMES) if events else 0
            packed += _POLLFD.pack(self._real(asked) if asked >= 0 else -1, mask, 0)
        memory = ctypes.create_string_buffer(packed, max(len(packed), 1))
        found = ("revents",)

        def written(_: int) -> dict[int, Seen]:
            rows_seen = _POLLFD.iter_unpack(memory.raw[: len(packed)])
            return {0: [{found[0]: revents & 0xFFFF} for _, _, revents in rows_seen]}

        arguments = (memory, ctypes.c_ulong(len(rows.items)), self._number(call, 2))
        return _Call("poll", arguments, written)

    def _epoll_ctl(self, call: SystemCall) -> _Call:
        given = self._argument(call, 3)
        event = None
        if isinstance(given, Struct):
            events = given.field("events")
            data = next((f for f in given.items if isinstance(f, Field) and f.name != "events"), None)
            mask = number(events.value, KERNEL_NAMES) if events else 0
            event = _EPOLL_EVENT.pack(mask, number(data.value, KERNEL_NAMES) if data else 0)
        return _Call("epoll_ctl", (self._fd(call), self._number(call, 1), self._fd(call, 2), event))

    def _epoll_wait(self, call: SystemCall) -> _Call:
        expected, most = self._argument(call, 1), self._number(call, 2)
        memory = ctypes.create_string_buffer(_EPOLL_EVENT.size * max(_bounded(abs(most)), 1))

        def written(value: int) -> dict[int, Seen]:
            rows = list(_EPOLL_EVENT.iter_unpack(memory.raw[: _EPOLL_EVENT.size * value]))
            names = ("fd", "ptr", "u32", "u64")
            found: list[Seen] = [{"events": events, **dict.fromkeys(names, data)} for events, data in rows]
            return {1: found} if found and not isinstance(expected, Symbol) else {}

        arguments = (self._fd(call), memory, most, self._number(call, 3))
        return _Call("epoll_wait", arguments, written)


def _bounded(size: int) -> int:
    """A size for which there is memory: the kernel must not be told of more than there is."""
    if not 0 <= size <= BUFFER_MAX:
        raise Beyond("a buffer of less than nothing, or of more than 64 MiB")
    return size


_LONG = frozenset("read readv recv recvfrom recvmsg write writev send sendto sendmsg".split())
"""Functions that return a size."""


def _sockaddr(where: tuple[str, int]) -> bytes:
    if not where[0]:
        return _SOCKADDR.pack(socket.AF_UNSPEC, b"\0\0", bytes(4))
    return _SOCKADDR.pack(socket.AF_INET, where[1].to_bytes(2, "big"), socket.inet_aton(where[0]))


def _packed(value: int) -> bytes:
    return (value & 0xFFFFFFFF).to_bytes(4, "little" if _INT.pack(1)[0] else "big")


def _iovecs(contents: list[bytes]) -> tuple[Memory, tuple[Memory, ...]]:
    """The table of buffers, and the buffers."""
    kept = tuple(ctypes.create_string_buffer(data, max(len(data), 1)) for data in contents)
    packed = b"".join(
        _IOVEC.pack(ctypes.addressof(memory), len(data)) for memory, data in zip(kept, contents, strict=True)
    )
    return ctypes.create_string_buffer(packed, max(len(packed), 1)), kept


def _ancillary(data: bytes) -> list[Seen]:
    """The control messages of a message that was received (cmsg(3))."""
    found: list[Seen] = []
    at = 0
    while at + _CMSGHDR.size <= len(data):
        length, level, kind = _CMSGHDR.unpack_from(data, at)
        body = data[at + _CMSGHDR.size : at + length]
        said: Seen = body
        if (level, kind) == (_SOL_IP, _IP_RECVERR) and len(body) >= _EXTENDED_ERROR.size:
            said = dict(zip(_EXTENDED_NAMES, _EXTENDED_ERROR.unpack_from(body), strict=True))
        elif len(body) == _INT.size:
            said = _INT.unpack(body)[0]
        found.append({"cmsg_level": level, "cmsg_type": kind, "cmsg_data": said})
        at += max(-(-length // 8) * 8, _CMSGHDR.size)
    return found
