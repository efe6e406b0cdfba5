"""A script's system calls, made on a host of the model: what its arguments stand for, and what the host is asked.

A script writes calls as C does: descriptors that it numbers itself, names of constants, arrays for what a pointer
points to, and ``...`` for whatever packetdrill puts there by default: its own address to bind to, the remote one to
connect to, zeros to send. The host knows less than C: one way to send, one to receive, integers for options.

A call becomes an `Attempt`, which can be made again and again. A call that blocks answers `Block` and is made again
when something has happened; what a blocking send has got rid of by then is remembered here, because the program would
be
told of all bytes at once.

Not here: time, and whether the answer is the expected one (running.py). Ancillary data, signals, epoll, files.
"""

from __future__ import annotations

from collections.abc import Callable
from errno import EPIPE

import attrs

from model.endpoint import Endpoint
from model.tcp.block import Tcb
from model.values import constants
from model.values.addresses import ANY, UNNAMED, Address
from model.values.constants import AF_INET, MSG_DONTWAIT, SOCK_CLOEXEC, SOCK_NONBLOCK
from model.values.results import Answer, Block, Done, Fail
from model.world.host import Host

from .reader import Beyond
from .syntax import Anything, Applied, Array, Either, Expression, Number, Struct, Symbol, SystemCall, Text

MS = 1_000_000
F_GETFL, F_SETFL = 3, 4
O_RDWR, O_NONBLOCK = 0o2, 0o4000
_NO_DESCRIPTOR = 1 << 20
SYMBOLS: dict[str, int] = {
    **{name: int(value) for name, value in vars(constants).items() if name.isupper() and isinstance(value, int)},
    "NULL": 0,
    "F_GETFL": F_GETFL,
    "F_SETFL": F_SETFL,
    "O_RDONLY": 0,
    "O_WRONLY": 1,
    "O_RDWR": O_RDWR,
    "O_NONBLOCK": O_NONBLOCK,
    "SIOCINQ": constants.FIONREAD,
    "SIOCOUTQ": constants.TIOCOUTQ,
    "SOL_IP": 0,
    "SOL_UDP": constants.IPPROTO_UDP,
}
"""What the names in a script stand for; others are not supported."""


@attrs.frozen
class Ends:
    """What ``...`` stands for where an address is due."""

    local: Address
    remote: Address


@attrs.define
class Attempt:
    """A call that can be made until it answers. `make` gives an int when it is done; `verify` then says what of that
    which it wrote elsewhere is not as expected.
    """

    make: Callable[[], Answer]
    verify: Callable[[], str | None] = lambda: None
    wake_ns: int | None = None
    """When it is to be made again although nothing happened."""
    unseen: str | None = None
    """What the script expects of it beside that, and nobody looks at."""


class Calls:
    """The calls of one script on one host. What cannot be done raises `Beyond`."""

    def __init__(self, host: Host, ends: Ends) -> None:
        self.host = host
        self.ends = ends
        self._descriptors: dict[int, int] = {}
        """The script's number → the host's."""
        self._table: dict[str, Callable[[SystemCall], Attempt]] = {
            "socket": self._socket,
            "bind": self._bind,
            "listen": lambda call: self._plain(call, "listen", self._number(call, 1)),
            "accept": self._accept,
            "connect": self._connect,
            "shutdown": lambda call: self._plain(call, "shutdown", self._number(call, 1)),
            "close": self._close,
            "write": lambda call: self._send(call, self._data(call, 1, 2), 0),
            "send": lambda call: self._send(call, self._data(call, 1, 2), self._number(call, 3)),
            "sendto": lambda call: self._send(call, self._data(call, 1, 2), self._number(call, 3), self._to(call)),
            "writev": lambda call: self._send(call, self._gathered(self._argument(call, 1)), 0),
            "sendmsg": self._sendmsg,
            "read": lambda call: self._receive(call, self._number(call, 2), 0),
            "recv": lambda call: self._receive(call, self._number(call, 2), self._number(call, 3)),
            "recvfrom": lambda call: self._receive(call, self._number(call, 2), self._number(call, 3)),
            "readv": lambda call: self._receive(call, len(self._gathered(self._argument(call, 1))), 0),
            "recvmsg": self._recvmsg,
            "setsockopt": self._setsockopt,
            "getsockopt": self._getsockopt,
            "fcntl": self._fcntl,
            "ioctl": self._ioctl,
            "poll": self._poll,
        }

    def attempt(self, call: SystemCall) -> Attempt:
        """`call`, ready to be made."""
        handler = self._table.get(call.name)
        if handler is None:
            raise Beyond(f"the call {call.name}")
        return handler(call)

    # ------------------------------------------------------------------------------------------------------ arguments

    def _argument(self, call: SystemCall, index: int) -> Expression:
        return call.arguments[index] if index < len(call.arguments) else Anything()

    def _number(self, call: SystemCall, index: int, default: int = 0) -> int:
        return number(self._argument(call, index), default)

    def _fd(self, script: int) -> int:
        return self._descriptors.get(script, _NO_DESCRIPTOR + script)

    def _end(self, call: SystemCall) -> Endpoint | None:
        return self.host.descriptors.get(self._fd(self._number(call, 0)))

    def _data(self, call: SystemCall, index: int, length: int) -> bytes:
        return _bytes(self._argument(call, index), self._argument(call, length))

    def _gathered(self, vector: Expression) -> bytes:
        if not isinstance(vector, Array):
            raise Beyond("a vector of buffers that is no array")
        parts = []
        for item in vector.items:
            if not isinstance(item, Struct) or len(item.items) != 2:
                raise Beyond("a buffer of a vector that is not {what, how long}")
            parts.append(_bytes(*item.items))
        return b"".join(parts)

    def _to(self, call: SystemCall) -> Address | None:
        argument = self._argument(call, 4)
        return None if argument == Symbol("NULL") else address(argument, self.ends.remote)

    def _plain(self, call: SystemCall, name: str, *arguments: object) -> Attempt:
        fd = self._fd(self._number(call, 0))
        return Attempt(lambda: _as_number(self.host.call(name, fd, *arguments)))

    # ---------------------------------------------------------------------------------------------------- descriptors

    def _opened(self, call: SystemCall, fd: int) -> Done:
        """The script calls the new descriptor as its answer says."""
        known = call.result.value if isinstance(call.result, Number) and call.result.value >= 0 else fd
        self._descriptors[known] = fd
        return Done(known)

    def _socket(self, call: SystemCall) -> Attempt:
        family, kind = self._number(call, 0, AF_INET), self._number(call, 1)
        plain = kind & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)

        def make() -> Answer:
            answer = self.host.call("socket", family, plain, self._number(call, 2))
            if not isinstance(answer, Done):
                return answer
            if kind & SOCK_NONBLOCK:
                self.host.call("setblocking", answer.value, False)
            return self._opened(call, answer.value)

        return Attempt(make)

    def _accept(self, call: SystemCall) -> Attempt:
        fd = self._fd(self._number(call, 0))

        def make() -> Answer:
            answer = self.host.call("accept", fd)
            return self._opened(call, answer.value[0]) if isinstance(answer, Done) else answer

        return Attempt(make)

    def _close(self, call: SystemCall) -> Attempt:
        fd = self._fd(self._number(call, 0))

        def make() -> Answer:
            answer = self.host.call("close", fd)
            self._descriptors.pop(self._number(call, 0), None)
            return _as_number(answer)

        return Attempt(make)

    def _bind(self, call: SystemCall) -> Attempt:
        return self._plain(call, "bind", address(self._argument(call, 1), self.ends.local))

    def _connect(self, call: SystemCall) -> Attempt:
        return self._plain(call, "connect", address(self._argument(call, 1), self.ends.remote))

    def _fcntl(self, call: SystemCall) -> Attempt:
        fd, command = self._fd(self._number(call, 0)), self._number(call, 1)
        if command == F_SETFL:
            return self._plain(call, "setblocking", not self._number(call, 2) & O_NONBLOCK)
        if command != F_GETFL:
            raise Beyond(f"command {command} of fcntl")
        end = self.host.descriptors.get(fd)
        if end is None:
            return self._plain(call, "setblocking", True)  # which says what is said of a closed descriptor
        return Attempt(lambda: Done(O_RDWR | (O_NONBLOCK if end.nonblocking else 0)))

    def _ioctl(self, call: SystemCall) -> Attempt:
        fd, request = self._fd(self._number(call, 0)), self._number(call, 1)
        return self._out(lambda: self.host.call("ioctl", fd, request), self._argument(call, 2))

    def _out(self, ask: Callable[[], Answer], expected: Expression) -> Attempt:
        """A call that answers 0 and writes a number to where `expected` stands."""
        seen: list[int] = []

        def make() -> Answer:
            answer = ask()
            if isinstance(answer, Done):
                seen.append(answer.value)
                return Done(0)
            return answer

        def verify() -> str | None:
            wanted = expected.items[0] if isinstance(expected, Array) and expected.items else expected
            if not seen or isinstance(wanted, Anything) or number(wanted) == seen[-1]:
                return None
            return f"the value {number(wanted)}, seen {seen[-1]}"

        return Attempt(make, verify)

    # -------------------------------------------------------------------------------------------------------- options

    def _setsockopt(self, call: SystemCall) -> Attempt:
        value = self._argument(call, 3)
        if isinstance(value, Array) and len(value.items) == 1:
            value = value.items[0]
        return self._plain(call, "setsockopt", self._number(call, 1), self._number(call, 2), number(value))

    def _getsockopt(self, call: SystemCall) -> Attempt:
        fd, level, option = self._fd(self._number(call, 0)), self._number(call, 1), self._number(call, 2)
        expected = self._argument(call, 3)
        if isinstance(expected, Struct | Text):
            raise Beyond("a structure as the value of a socket option")
        return self._out(lambda: self.host.call("getsockopt", fd, level, option), expected)

    # ----------------------------------------------------------------------------------------------------------- data

    def _send(self, call: SystemCall, data: bytes, flags: int, to: Address | None = None) -> Attempt:
        fd, sent = self._fd(self._number(call, 0)), 0

        def make() -> Answer:
            nonlocal sent
            end = self.host.descriptors.get(fd)
            before = end.write_seq if isinstance(end, Tcb) else 0
            answer = self.host.call("sendto", fd, data[sent:], flags, to)
            if isinstance(end, Tcb) and isinstance(answer, Done | Block):
                sent += end.write_seq - before
                waits = not (end.nonblocking or flags & MSG_DONTWAIT)
                if waits and sent < len(data):
                    return Block("room in the send buffer")
                return answer if isinstance(answer, Block) else Done(sent)
            if sent and isinstance(answer, Fail) and answer.errno == EPIPE:
                return Done(sent)
            return answer

        return Attempt(make)

    def _sendmsg(self, call: SystemCall) -> Attempt:
        message = self._message(call)
        vector = message.field("msg_iov")
        if message.field("msg_control") is not None:
            raise Beyond("ancillary data")
        name = message.field("msg_name")
        end = self._end(call)
        to = None if name is None or end is None or isinstance(end, Tcb) else address(name.value, self.ends.remote)
        data = self._gathered(vector.value) if vector is not None else b""
        return self._send(call, data, self._number(call, 2), to)

    def _message(self, call: SystemCall) -> Struct:
        message = self._argument(call, 1)
        if not isinstance(message, Struct):
            raise Beyond("a message that is no structure")
        return message

    def _receive(self, call: SystemCall, wanted: int, flags: int) -> Attempt:
        fd = self._fd(self._number(call, 0))

        def make() -> Answer:
            answer = self.host.call("recv", fd, wanted, flags)
            return Done(len(answer.value)) if isinstance(answer, Done) else answer

        text = isinstance(self._argument(call, 1), Text)
        return Attempt(make, unseen="the content of what is read" if text else None)

    def _recvmsg(self, call: SystemCall) -> Attempt:
        message = self._message(call)
        vector, flags = message.field("msg_iov"), message.field("msg_flags")
        wanted = len(self._gathered(vector.value)) if vector is not None else 0
        attempt = self._receive(call, wanted, self._number(call, 2))
        if message.field("msg_control") is not None:
            attempt.unseen = "ancillary data"
        elif flags is not None and flags.value not in {Number(0), Anything()}:
            attempt.unseen = "flags of a message that is received"
        return attempt

    # -------------------------------------------------------------------------------------------------------- waiting

    def _poll(self, call: SystemCall) -> Attempt:
        rows = self._argument(call, 0)
        if not isinstance(rows, Array):
            raise Beyond("a poll of something that is no array")
        asked: list[tuple[int, int]] = []
        expected: list[int | None] = []
        for row in rows.items:
            if not isinstance(row, Struct):
                raise Beyond("a poll of something that is no structure")
            fd, events, revents = (row.field(name) for name in ("fd", "events", "revents"))
            asked.append((self._fd(number(fd.value)) if fd else -1, number(events.value) if events else 0))
            expected.append(None if revents is None or revents.value == Anything() else number(revents.value))
        timeout = self._number(call, 2)
        until = self.host.now_ns + timeout * MS if timeout > 0 else None
        seen: dict[int, int] = {}

        def make() -> Answer:
            answer = self.host.call("poll", asked)
            if not isinstance(answer, Done):
                return answer
            seen.clear()
            seen.update(answer.value)
            over = timeout == 0 or (until is not None and self.host.now_ns >= until)
            return Done(len(answer.value)) if answer.value or over else Block("a descriptor that is ready")

        def verify() -> str | None:
            for (fd, _), wanted in zip(asked, expected, strict=True):
                if wanted is not None and wanted != seen.get(fd, 0):
                    return f"revents {wanted:#x}, seen {seen.get(fd, 0):#x}"
            return None

        return Attempt(make, verify, until)


# --------------------------------------------------------------------------------------------------------- expressions


def number(expression: Expression, default: int = 0) -> int:
    """The integer that an expression is; `default` for ``...``."""
    match expression:
        case Number(value=value):
            return value
        case Symbol(name=name) if name in SYMBOLS:
            return SYMBOLS[name]
        case Symbol(name=name):
            raise Beyond(f"the name {name}")
        case Either(parts=parts):
            value = 0
            for part in parts:
                value |= number(part)
            return value
        case Anything():
            return default
        case Applied(name="htons" | "htonl", arguments=(only,)):
            return number(only)
        case Applied(name=name):
            raise Beyond(f"{name} in an argument")
        case Struct() | Array() | Text():
            raise Beyond("a structure, an array or a string where a number is due")
        case _:
            raise Beyond("a member where a number is due")


def address(expression: Expression, default: Address) -> Address:
    """The address that an expression is; `default` for ``...``, also for a part of it."""
    if isinstance(expression, Anything):
        return default
    if not isinstance(expression, Struct):
        return UNNAMED
    family, port, ip = (expression.field(name) for name in ("sa_family", "sin_port", "sin_addr"))
    if family is not None and number(family.value, AF_INET) != AF_INET:
        raise Beyond("an address of another family than AF_INET")
    host = default[0]
    match ip.value if ip is not None else Anything():
        case Applied(name="inet_addr", arguments=(Text(pieces=pieces),)):
            host = "".join(pieces)
        case Symbol(name="INADDR_ANY"):
            host = ANY
        case Symbol(name="INADDR_LOOPBACK"):
            host = "127.0.0.1"
        case Anything():
            pass
        case _:
            raise Beyond("an address that is neither inet_addr nor INADDR_ANY")
    return host, number(port.value, default[1]) if port is not None else default[1]


def _bytes(what: Expression, length: Expression) -> bytes:
    size = number(length)
    if isinstance(what, Text):
        data = "".join(what.pieces).encode("latin-1", "replace").decode("unicode_escape").encode("latin-1", "replace")
        return data[:size].ljust(size, b"\0")
    if size < 0 or size > 1 << 26:
        raise Beyond("a buffer of more than 64 MiB")
    return bytes(size)


def _as_number(answer: Answer) -> Answer:
    return Done(0) if isinstance(answer, Done) and answer.value is None else answer
