"""A script's system calls, made on a host of the model: what the host is asked, and what it gave as C would see it.

A script writes calls as C does: descriptors that it numbers itself, names of constants, arrays for what a pointer
points to, and ``...`` for whatever packetdrill puts there by default: its own address to bind to, the remote one to
connect to, zeros to send. The host knows less than C: one way to send, one to receive, integers for options.

A call becomes a `ModelAttempt`, which can be made again and again. A call that blocks answers `Block` and is made again
when something has happened; what a blocking send has got rid of by then is remembered here, because the program would
be told of all bytes at once.

Not here: time, and whether the answer is the expected one (running.py). Ancillary data, signals, files.
"""

from __future__ import annotations

from collections.abc import Callable
from errno import EFAULT, EPIPE

import attrs

from model.endpoint import Endpoint
from model.tcp.block import Tcb
from model.values.addresses import Address
from model.values.constants import AF_INET, EPOLL_CTL_DEL, MSG_DONTWAIT, SOCK_CLOEXEC, SOCK_NONBLOCK
from model.values.results import Answer, Block, Done, Fail
from model.world.host import Host

from . import arguments
from .arguments import MODEL_NAMES, content
from .arm import Ends, Reply, Seen
from .reader import Beyond
from .syntax import Anything, Array, Expression, Field, Number, Struct, Symbol, SystemCall

MS = 1_000_000
F_GETFL, F_SETFL = 3, 4
O_RDWR, O_NONBLOCK = 0o2, 0o4000
_NO_DESCRIPTOR = 1 << 20

Answered = tuple[Answer, dict[int, Seen]]


@attrs.define
class ModelAttempt:
    """A call that can be made until it answers."""

    make: Callable[[], Answer]
    """An int when it is done."""
    written: Callable[[], dict[int, Seen]] = dict
    """What it then wrote elsewhere."""
    wake_ns: int | None = None
    """When it is to be made again although nothing happened."""

    def reply(self) -> Reply | Block:
        answer = self.make()
        if isinstance(answer, Block):
            return answer
        if isinstance(answer, Fail):
            return Reply(-1, answer.errno)
        value = answer.value if isinstance(answer.value, int) else 0
        return Reply(value, written=self.written())


class ModelCalls:
    """The calls of one script on one host. What cannot be done raises `Beyond`."""

    def __init__(self, host: Host, ends: Ends) -> None:
        self.host = host
        self.ends = ends
        self._descriptors: dict[int, int] = {}
        """The script's number → the host's."""
        self._table: dict[str, Callable[[SystemCall], ModelAttempt]] = {
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
            "writev": lambda call: self._send(call, b"".join(self._vector(self._argument(call, 1))), 0),
            "sendmsg": self._sendmsg,
            "read": lambda call: self._receive(call, self._number(call, 2), 0),
            "recv": lambda call: self._receive(call, self._number(call, 2), self._number(call, 3)),
            "recvfrom": lambda call: self._receive(call, self._number(call, 2), self._number(call, 3)),
            "readv": self._readv,
            "recvmsg": self._recvmsg,
            "setsockopt": self._setsockopt,
            "getsockopt": self._getsockopt,
            "fcntl": self._fcntl,
            "ioctl": self._ioctl,
            "poll": self._poll,
            "epoll_create": lambda call: self._epoll_create(call, "epoll_create"),
            "epoll_create1": lambda call: self._epoll_create(call, "epoll_create1"),
            "epoll_ctl": self._epoll_ctl,
            "epoll_wait": self._epoll_wait,
        }

    def attempt(self, call: SystemCall) -> ModelAttempt:
        """`call`, ready to be made."""
        handler = self._table.get(call.name)
        if handler is None:
            raise Beyond(f"the call {call.name}")
        return handler(call)

    def end(self, fd: int) -> Endpoint | None:
        """What is behind the script's descriptor."""
        return self.host.descriptors.get(self._fd(fd))

    # ------------------------------------------------------------------------------------------------------ arguments

    def _argument(self, call: SystemCall, index: int) -> Expression:
        return call.arguments[index] if index < len(call.arguments) else Anything()

    def _number(self, call: SystemCall, index: int, default: int = 0) -> int:
        return number(self._argument(call, index), default)

    def _fd(self, script: int) -> int:
        return self._descriptors.get(script, _NO_DESCRIPTOR + script)

    def _data(self, call: SystemCall, index: int, length: int) -> bytes:
        return content(self._argument(call, index), self._argument(call, length), MODEL_NAMES)

    def _vector(self, vector: Expression) -> list[bytes]:
        return arguments.buffers(vector, MODEL_NAMES)

    def _to(self, call: SystemCall) -> Address | None:
        argument = self._argument(call, 4)
        return None if argument == Symbol("NULL") else address(argument, self.ends.remote)

    def _plain(self, call: SystemCall, name: str, *arguments: object) -> ModelAttempt:
        fd = self._fd(self._number(call, 0))
        return ModelAttempt(lambda: self.host.call(name, fd, *arguments))

    # ---------------------------------------------------------------------------------------------------- descriptors

    def _opened(self, call: SystemCall, fd: int) -> Done:
        """The script calls the new descriptor as its answer says."""
        known = call.result.value if isinstance(call.result, Number) and call.result.value >= 0 else fd
        self._descriptors[known] = fd
        return Done(known)

    def _socket(self, call: SystemCall) -> ModelAttempt:
        family, kind = self._number(call, 0, AF_INET), self._number(call, 1)
        plain = kind & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)

        def make() -> Answer:
            answer = self.host.call("socket", family, plain, self._number(call, 2))
            if not isinstance(answer, Done):
                return answer
            if kind & SOCK_NONBLOCK:
                self.host.call("setblocking", answer.value, False)
            return self._opened(call, answer.value)

        return ModelAttempt(make)

    def _accept(self, call: SystemCall) -> ModelAttempt:
        fd = self._fd(self._number(call, 0))

        def make() -> Answer:
            answer = self.host.call("accept", fd)
            return self._opened(call, answer.value[0]) if isinstance(answer, Done) else answer

        return ModelAttempt(make)

    def _close(self, call: SystemCall) -> ModelAttempt:
        fd = self._fd(self._number(call, 0))

        def make() -> Answer:
            answer = self.host.call("close", fd)
            self._descriptors.pop(self._number(call, 0), None)
            return answer

        return ModelAttempt(make)

    def _bind(self, call: SystemCall) -> ModelAttempt:
        return self._plain(call, "bind", address(self._argument(call, 1), self.ends.local))

    def _connect(self, call: SystemCall) -> ModelAttempt:
        return self._plain(call, "connect", address(self._argument(call, 1), self.ends.remote))

    def _fcntl(self, call: SystemCall) -> ModelAttempt:
        fd, command = self._fd(self._number(call, 0)), self._number(call, 1)
        if command == F_SETFL:
            return self._plain(call, "setblocking", not self._number(call, 2) & O_NONBLOCK)
        if command != F_GETFL:
            raise Beyond(f"command {command} of fcntl")
        end = self.host.descriptors.get(fd)
        if end is None:
            return self._plain(call, "setblocking", True)  # which says what is said of a closed descriptor
        return ModelAttempt(lambda: Done(O_RDWR | (O_NONBLOCK if end.nonblocking else 0)))

    def _ioctl(self, call: SystemCall) -> ModelAttempt:
        fd, request = self._fd(self._number(call, 0)), self._number(call, 1)
        return self._out(lambda: self.host.call("ioctl", fd, request), 2)

    def _out(self, ask: Callable[[], Answer], index: int) -> ModelAttempt:
        """A call that answers 0 and writes a number to where its argument `index` points."""
        seen: dict[int, Seen] = {}

        def make() -> Answer:
            answer = ask()
            if isinstance(answer, Done):
                seen[index] = [answer.value]
                return Done(0)
            return answer

        return ModelAttempt(make, lambda: seen)

    # -------------------------------------------------------------------------------------------------------- options

    def _setsockopt(self, call: SystemCall) -> ModelAttempt:
        value = self._argument(call, 3)
        if isinstance(value, Array) and len(value.items) == 1:
            value = value.items[0]
        return self._plain(call, "setsockopt", self._number(call, 1), self._number(call, 2), number(value))

    def _getsockopt(self, call: SystemCall) -> ModelAttempt:
        fd, level, option = self._fd(self._number(call, 0)), self._number(call, 1), self._number(call, 2)
        expected = self._argument(call, 3)
        if not isinstance(expected, Array | Number | Symbol | Anything):
            raise Beyond("a structure as the value of a socket option")
        return self._out(lambda: self.host.call("getsockopt", fd, level, option), 3)

    # ----------------------------------------------------------------------------------------------------------- data

    def _send(self, call: SystemCall, data: bytes, flags: int, to: Address | None = None) -> ModelAttempt:
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

        return ModelAttempt(make)

    def _sendmsg(self, call: SystemCall) -> ModelAttempt:
        message = self._message(call)
        vector = message.field("msg_iov")
        if message.field("msg_control") is not None:
            raise Beyond("ancillary data")
        name = message.field("msg_name")
        end = self.end(self._number(call, 0))
        to = None if name is None or end is None or isinstance(end, Tcb) else address(name.value, self.ends.remote)
        data = b"".join(self._vector(vector.value)) if vector is not None else b""
        return self._send(call, data, self._number(call, 2), to)

    def _message(self, call: SystemCall) -> Struct:
        message = self._argument(call, 1)
        if not isinstance(message, Struct):
            raise Beyond("a message that is no structure")
        return message

    def _receive(self, call: SystemCall, wanted: int, flags: int, *, plain: bool = True) -> ModelAttempt:
        """`plain`: the second argument is where the bytes go."""
        fd = self._fd(self._number(call, 0))
        seen: dict[int, Seen] = {}

        def make() -> Answer:
            answer = self.host.call("recv", fd, wanted, flags)
            if not isinstance(answer, Done):
                return answer
            if plain:
                seen[1] = answer.value
            return Done(len(answer.value))

        return ModelAttempt(make, lambda: seen)

    def _readv(self, call: SystemCall) -> ModelAttempt:
        wanted = sum(map(len, self._vector(self._argument(call, 1))))
        return self._receive(call, wanted, 0, plain=False)

    def _recvmsg(self, call: SystemCall) -> ModelAttempt:
        message = self._message(call)
        if message.field("msg_control") is not None:
            raise Beyond("ancillary data")
        vector = message.field("msg_iov")
        wanted = sum(map(len, self._vector(vector.value))) if vector is not None else 0
        attempt = self._receive(call, wanted, self._number(call, 2), plain=False)
        if isinstance(self.end(self._number(call, 0)), Tcb):
            attempt.written = lambda: {1: {"msg_flags": 0}}
        return attempt

    # -------------------------------------------------------------------------------------------------------- waiting

    def _poll(self, call: SystemCall) -> ModelAttempt:
        rows = self._argument(call, 0)
        if not isinstance(rows, Array):
            raise Beyond("a poll of something that is no array")
        asked: list[tuple[int, int]] = []
        for row in rows.items:
            if not isinstance(row, Struct):
                raise Beyond("a poll of something that is no structure")
            fd, events = (row.field(name) for name in ("fd", "events"))
            asked.append((self._fd(number(fd.value)) if fd else -1, number(events.value) if events else 0))
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

        return ModelAttempt(make, lambda: {0: [{"revents": seen.get(fd, 0)} for fd, _ in asked]}, until)

    def _epoll_create(self, call: SystemCall, name: str) -> ModelAttempt:
        def make() -> Answer:
            answer = self.host.call(name, self._number(call, 0))
            return self._opened(call, answer.value) if isinstance(answer, Done) else answer

        return ModelAttempt(make)

    def _epoll_ctl(self, call: SystemCall) -> ModelAttempt:
        operation, watched, event = self._number(call, 1), self._fd(self._number(call, 2)), self._argument(call, 3)
        if not isinstance(event, Struct):
            if operation != EPOLL_CTL_DEL:
                return ModelAttempt(lambda: Fail(EFAULT))  # the event is copied before anything is looked at
            return self._plain(call, "epoll_ctl", operation, watched)
        events = event.field("events")
        data = next((field.value for field in event.items if isinstance(field, Field) and field.name != "events"), None)
        mask = number(events.value) if events else 0
        return self._plain(call, "epoll_ctl", operation, watched, mask, number(data) if data else 0)

    def _epoll_wait(self, call: SystemCall) -> ModelAttempt:
        fd, expected = self._fd(self._number(call, 0)), self._argument(call, 1)
        most, timeout = self._number(call, 2), self._number(call, 3)
        until = self.host.now_ns + timeout * MS if timeout > 0 else None
        seen: dict[int, Seen] = {}

        def make() -> Answer:
            answer = self.host.call("epoll_wait", fd, most)
            if not isinstance(answer, Done):
                return answer
            found: list[Seen] = [
                {"events": bits, **dict.fromkeys(("fd", "ptr", "u32", "u64"), data)} for data, bits in answer.value
            ]
            seen.clear()
            if found and not isinstance(expected, Symbol):
                seen[1] = found
            over = timeout == 0 or (until is not None and self.host.now_ns >= until)
            return Done(len(found)) if found or over else Block("a file that is ready")

        return ModelAttempt(make, lambda: seen, until)


def number(expression: Expression, default: int = 0) -> int:
    return arguments.number(expression, MODEL_NAMES, default)


def address(expression: Expression, default: Address) -> Address:
    return arguments.address(expression, default, MODEL_NAMES)
