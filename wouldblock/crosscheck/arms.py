"""The two arms: one performs an operation on the running kernel, the other on the model, and both answer alike.

An answer is a plain value: what the call returned, or the name of an error. The kernel's arm goes first; the model's
then follows it (follow.py). Payload bytes are the same on both arms: a running pattern, so that a byte lost or moved
is seen.

Not here: comparing.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import socket
import time
from collections.abc import Callable, Container
from typing import Any

from model.endpoint import Endpoint
from model.values.constants import (
    EPOLL_CTL_ADD,
    EPOLL_CTL_DEL,
    EPOLL_CTL_MOD,
    F_DUPFD,
    FD_SETSIZE,
    FIONREAD,
    MSG_MORE,
    MSG_OOB,
    MSG_PEEK,
    MSG_TRUNC,
    POLL_ALL,
)
from model.values.observation import Observation
from model.values.results import Answer, Block, Done
from realnet.observe import Observer
from realnet.settings import PINNED_SETTINGS

from .operations import ANCILLARY, Hosts, Operation, references

FOREIGN = "10.99.99.99"
ANCILLARY_ROOM = 100
"""Bytes of ancillary data that fit with a message that is received."""
_PATTERN = bytes(range(256)) * (300_000 // 256 + 3)
_ROOM = memoryview(bytearray(1 << 20))
"""Where the kernel puts what is read: to make room for it anew would take as long as reading it."""


def payload(offset: int, size: int) -> bytes:
    """`size` bytes (at most 300,000) of the running pattern."""
    start = offset % 256
    return _PATTERN[start : start + size]


DRAWS_PORT = ("bind", "connect", "listen", "send", "sendmore", "sendmoreto", "sendmsg", "sendto", "sendurgent")
"""Operations after which a socket may have a port that the system drew."""
RESTS_S = (0.001,)
"""How long the kernel is given to finish what it is at, before each further look at it: less than a tick, or a timer
of the kernel could mend what a wrong rule broke.
"""


def _are_there(op: Operation, sockets: Container[int], epolls: Container[int]) -> bool:
    there = {"of": sockets, "epoll": epolls}
    return all(number in there[kind] for kind, number in references(op))


class KernelArm:
    """Operations on real non-blocking sockets in the namespace that the caller has entered."""

    settings = PINNED_SETTINGS

    def __init__(self, home: str) -> None:
        self.home = home
        self.rests_s = RESTS_S
        self.sockets: dict[int, socket.socket] = {}
        self.epolls: dict[int, select.epoll] = {}
        self.epolls_made = 0
        self.names: dict[int, str] = {}
        """What every descriptor is called, or was when it was open: an epoll reports closed ones too."""
        self.observer = Observer()
        self.made = 0
        self.sent = 0
        self.began_ns = self.ended_ns = 0
        self.looked_ns = 0

    def perform(self, op: Operation) -> Any:
        """The kernel's answer. `began_ns` and `ended_ns` then say when the call began and ended on the monotonic clock,
        `looked_ns` when the sockets were looked at last.
        """
        action = getattr(self, "_" + op[0])
        self.began_ns = time.monotonic_ns()
        try:
            answer = action(*op[1:])
        except OSError as error:
            answer = errno.errorcode.get(error.errno or 0, str(error))
        if self.ended_ns < self.began_ns:
            self.ended_ns = time.monotonic_ns()
        return answer

    def observe(self) -> list[Observation]:
        seen = self.observer.observe()
        self.looked_ns = time.monotonic_ns()
        return seen

    @property
    def trips_us(self) -> tuple[int, ...]:
        return tuple(self.observer.trips_us)

    def has_all(self, op: Operation) -> bool:
        """Whether every socket and every epoll that an operation names is there."""
        return _are_there(op, self.sockets, self.epolls)

    def close(self) -> None:
        for sock in self.sockets.values():
            sock.close()
        for epoll in self.epolls.values():
            epoll.close()

    def local_port(self, number: int) -> int:
        return int(self.sockets[number].getsockname()[1])

    def _address(self, n: int, symbolic: tuple[str, int], *, own: bool = False) -> tuple[str, int]:
        """What an address in an operation on socket `n` stands for; `own`: it is to be that socket's own."""
        where, value = symbolic
        if where == "of":
            host, port = self.sockets[value].getsockname()
            return (host, port)
        return ({"home": self.home, "any": "0.0.0.0", "foreign": FOREIGN}[where], value)

    def _add(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.made += 1
        self.sockets[self.made] = sock
        self.names[sock.fileno()] = f"s{self.made}"
        self.observer.add(sock)

    def _tcp(self) -> None:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.settings.tell(sock)
        self._add(sock)

    def _udp(self) -> None:
        self._add(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))

    def _accept(self, n: int) -> Any:
        sock, address = self.sockets[n].accept()
        self._add(sock)
        return address

    def _close(self, n: int) -> None:
        sock = self.sockets.pop(n)
        self.observer.remove(sock)
        sock.close()

    def _bind(self, n: int, address: tuple[str, int]) -> None:
        self.sockets[n].bind(self._address(n, address, own=True))

    def _listen(self, n: int, backlog: int) -> None:
        self.sockets[n].listen(backlog)

    def _connect(self, n: int, address: tuple[str, int]) -> None:
        self.sockets[n].connect(self._address(n, address))

    def _payload(self, size: int) -> bytes:
        """The next bytes to send. The call begins when they are there."""
        data = payload(self.sent, size)
        self.sent += size
        self.began_ns = time.monotonic_ns()
        return data

    def _send(self, n: int, size: int) -> int:
        data = self._payload(size)
        return self.sockets[n].send(data)

    def _sendmore(self, n: int, size: int) -> int:
        data = self._payload(size)
        return self.sockets[n].send(data, socket.MSG_MORE)

    def _sendurgent(self, n: int, size: int, flags: int) -> int:
        data = self._payload(size)
        return self.sockets[n].send(data, socket.MSG_OOB | flags)

    def _sendto(self, n: int, size: int, address: tuple[str, int]) -> int:
        data = self._payload(size)
        return self.sockets[n].sendto(data, self._address(n, address))

    def _recv(self, n: int, size: int) -> bytes:
        if not size:
            return self.sockets[n].recv(0)
        length = self.sockets[n].recv_into(_ROOM, size)
        self.ended_ns = time.monotonic_ns()
        return bytes(_ROOM[:length])

    def _recvurgent(self, n: int, size: int, flags: int) -> bytes:
        return self.sockets[n].recvfrom(size, socket.MSG_OOB | flags)[0]

    def _recvfrom(self, n: int, size: int) -> Any:
        return self.sockets[n].recvfrom(size)

    def _peek(self, n: int, size: int) -> Any:
        return self.sockets[n].recv(size, socket.MSG_PEEK)

    def _sendmoreto(self, n: int, size: int, address: tuple[str, int]) -> int:
        data = self._payload(size)
        return self.sockets[n].sendto(data, socket.MSG_MORE, self._address(n, address))

    def _measure(self, n: int, size: int, flags: int) -> Any:
        """The length that recv says with MSG_TRUNC, and what it gave."""
        buffer = bytearray(size)
        length = self.sockets[n].recv_into(buffer, size, socket.MSG_TRUNC | flags)
        return length, bytes(buffer[:length])

    def _sendmsg(self, n: int, size: int, address: tuple[str, int] | None, kind: int) -> int:
        data = self._payload(size)
        third = size // 3
        to = () if address is None else (self._address(n, address),)
        return self.sockets[n].sendmsg([data[:third], data[third:]], ANCILLARY[kind], 0, *to)

    def _recvmsg(self, n: int, size: int, flags: int) -> Any:
        data, *rest = self.sockets[n].recvmsg(size, ANCILLARY_ROOM, flags)
        if flags & MSG_TRUNC and self.sockets[n].type == socket.SOCK_STREAM:
            data = bytes(len(data))
        return data, *rest

    def _setblocking(self, n: int) -> None:
        self.sockets[n].setblocking(False)

    def _setbytes(self, n: int, level: int, option: int, value: bytes) -> None:
        self.sockets[n].setsockopt(level, option, value)

    def _afterclose(self) -> bytes:
        sock = socket.socket()
        sock.close()
        return sock.recv(1)

    def _oddsocket(self) -> None:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_UDP).close()

    def _shutdown(self, n: int, how: int) -> None:
        self.sockets[n].shutdown(how)

    def _getsockname(self, n: int) -> Any:
        return self.sockets[n].getsockname()

    def _getpeername(self, n: int) -> Any:
        return self.sockets[n].getpeername()

    def _setsockopt(self, n: int, level: int, option: int, value: int) -> None:
        self.sockets[n].setsockopt(level, option, value)

    def _getsockopt(self, n: int, level: int, option: int) -> int:
        return self.sockets[n].getsockopt(level, option)

    def _ioctl(self, n: int, request: int) -> int:
        return int.from_bytes(fcntl.ioctl(self.sockets[n].fileno(), request, b"\0\0\0\0"), "little", signed=True)

    def _poll(self) -> Any:
        poller = select.poll()
        for sock in self.sockets.values():
            poller.register(sock, POLL_ALL)
        numbers = {sock.fileno(): n for n, sock in self.sockets.items()}
        return [(numbers[fd], bits) for fd, bits in poller.poll(0)]

    def _select(self) -> Any:
        all_of_them = list(self.sockets.values())
        numbers = {sock: n for n, sock in self.sockets.items()}
        ready = select.select(all_of_them, all_of_them, all_of_them, 0)
        return tuple([numbers[s] for s in found] for found in ready)

    def _dup(self, n: int, inheritable: bool) -> None:
        old = self.sockets[n]
        command = fcntl.F_DUPFD if inheritable else fcntl.F_DUPFD_CLOEXEC
        self._add(socket.socket(old.family, old.type, old.proto, fcntl.fcntl(old, command, 0)))

    def _fcntl(self, n: int, command: int, value: int) -> int:
        return fcntl.fcntl(self.sockets[n], command, value)

    def _epoll(self) -> None:
        self._add_epoll(select.epoll())

    def _add_epoll(self, epoll: select.epoll) -> None:
        self.epolls_made += 1
        self.epolls[self.epolls_made] = epoll
        self.names[epoll.fileno()] = f"e{self.epolls_made}"

    def _twin(self, e: int) -> None:
        self._add_epoll(select.epoll.fromfd(fcntl.fcntl(self.epolls[e], fcntl.F_DUPFD_CLOEXEC, 0)))

    def _drop(self, e: int) -> None:
        self.epolls.pop(e).close()

    def _file(self, named: tuple[str, int]) -> Any:
        kind, number = named
        return self.epolls[number] if kind == "epoll" else self.sockets[number]

    def _add_to(self, e: int, named: tuple[str, int], events: int) -> None:
        self.epolls[e].register(self._file(named), events)

    def _modify_in(self, e: int, named: tuple[str, int], events: int) -> None:
        self.epolls[e].modify(self._file(named), events)

    def _delete_from(self, e: int, named: tuple[str, int]) -> None:
        self.epolls[e].unregister(self._file(named))

    def _wait(self, e: int, most: int) -> Any:
        return [(self.names[fd], bits) for fd, bits in self.epolls[e].poll(0, most)]

    def _look_at(self, e: int) -> Any:
        poller = select.poll()
        poller.register(self.epolls[e], POLL_ALL)
        return [bits for _, bits in poller.poll(0)]

    def _ask_epoll(self, e: int) -> bytes:
        return fcntl.ioctl(self.epolls[e], FIONREAD, b"\0\0\0\0")

    def _bind_epoll(self, e: int) -> None:
        fd = self.epolls[e].fileno()
        misnamed = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, fd)
        try:
            misnamed.bind((self.home, 0))
        finally:
            misnamed.detach()

    def _wait_on_socket(self, n: int) -> Any:
        epoll = select.epoll.fromfd(os.dup(self.sockets[n].fileno()))
        try:
            return epoll.poll(0)
        finally:
            epoll.close()

    def _pause(self, milliseconds: int) -> None:
        time.sleep(milliseconds / 1000)


class ModelArm:
    """The same operations on a host of the model, or on several that are one kernel's."""

    def __init__(self, home: str, host: Hosts) -> None:
        self.home = home
        self.host = host
        self.fds: dict[int, int] = {}
        self.epolls: dict[int, int] = {}
        self.names: dict[int, str] = {}
        self.made = self.epolls_made = 0
        self.sent = 0

    def perform(self, op: Operation) -> Any:
        """The model's answer, in the form in which the kernel's arm gives its own."""
        action: Callable[..., Any] = getattr(self, "_" + op[0])
        answer = action(*op[1:])
        return plain(answer) if isinstance(answer, Answer) else answer

    def observe(self) -> list[Observation]:
        return [self.host.observe(fd) for fd in self.fds.values()]

    def sockets(self) -> dict[int, Endpoint]:
        return {n: self.host.descriptors[fd] for n, fd in self.fds.items()}

    def endpoint(self, number: int) -> Endpoint:
        return self.host.descriptors[self.fds[number]]

    def has_all(self, op: Operation) -> bool:
        """Whether every socket and every epoll that an operation names is there."""
        return _are_there(op, self.fds, self.epolls)

    def fork(self, host: Hosts) -> ModelArm:
        new = type(self)(self.home, host)
        new.fds, new.made, new.sent = dict(self.fds), self.made, self.sent
        new.epolls, new.epolls_made, new.names = dict(self.epolls), self.epolls_made, dict(self.names)
        return new

    def _address(self, n: int, symbolic: tuple[str, int], *, own: bool = False) -> tuple[str, int]:
        where, value = symbolic
        if where == "of":
            return self.endpoint(value).local
        return ({"home": self.home, "any": "0.0.0.0", "foreign": FOREIGN}[where], value)

    def _add(self, fd: int) -> None:
        self.host.descriptors[fd].nonblocking = True
        self.made += 1
        self.fds[self.made] = fd
        self.names[fd] = f"s{self.made}"

    def _tcp(self) -> None:
        self._add(self._value(self.host.call("socket", 2, 1, 0)))

    def _udp(self) -> None:
        self._add(self._value(self.host.call("socket", 2, 2, 0)))

    @staticmethod
    def _value(answer: Answer) -> Any:
        assert isinstance(answer, Done)
        return answer.value

    def _accept(self, n: int) -> Any:
        answer = self.host.call("accept", self.fds[n])
        if not isinstance(answer, Done):
            return answer
        fd, address = answer.value
        self._add(fd)
        return address

    def _close(self, n: int) -> Answer:
        return self.host.call("close", self.fds.pop(n))

    def _bind(self, n: int, address: tuple[str, int]) -> Answer:
        return self.host.call("bind", self.fds[n], self._address(n, address, own=True))

    def _connect(self, n: int, address: tuple[str, int]) -> Answer:
        return self.host.call("connect", self.fds[n], self._address(n, address))

    def _send(self, n: int, size: int) -> Answer:
        data = payload(self.sent, size)
        self.sent += size
        return self.host.call("send", self.fds[n], data, 0)

    def _sendmore(self, n: int, size: int) -> Answer:
        data = payload(self.sent, size)
        self.sent += size
        return self.host.call("send", self.fds[n], data, MSG_MORE)

    def _sendurgent(self, n: int, size: int, flags: int) -> Answer:
        data = payload(self.sent, size)
        self.sent += size
        return self.host.call("send", self.fds[n], data, MSG_OOB | flags)

    def _sendto(self, n: int, size: int, address: tuple[str, int]) -> Answer:
        data = payload(self.sent, size)
        self.sent += size
        return self.host.call("sendto", self.fds[n], data, 0, self._address(n, address))

    def _recv(self, n: int, size: int) -> Answer:
        return self.host.call("recv", self.fds[n], size, 0)

    def _recvurgent(self, n: int, size: int, flags: int) -> Answer:
        return self.host.call("recv", self.fds[n], size, MSG_OOB | flags)

    def _peek(self, n: int, size: int) -> Answer:
        return self.host.call("recv", self.fds[n], size, MSG_PEEK)

    def _sendmoreto(self, n: int, size: int, address: tuple[str, int]) -> Answer:
        data = payload(self.sent, size)
        self.sent += size
        return self.host.call("sendto", self.fds[n], data, MSG_MORE, self._address(n, address))

    def _measure(self, n: int, size: int, flags: int) -> Any:
        answer = self.host.call("recv", self.fds[n], size, MSG_TRUNC | flags)
        return (len(answer.value), answer.value[:size]) if isinstance(answer, Done) else answer

    def _sendmsg(self, n: int, size: int, address: tuple[str, int] | None, kind: int) -> Answer:
        data = payload(self.sent, size)
        self.sent += size
        to = None if address is None else self._address(n, address)
        return self.host.call("sendmsg", self.fds[n], data, 0, to, ANCILLARY[kind])

    def _recvmsg(self, n: int, size: int, flags: int) -> Any:
        answer = self.host.call("recvmsg", self.fds[n], size, flags, ANCILLARY_ROOM)
        return (answer.value[0][:size], *answer.value[1:]) if isinstance(answer, Done) else answer

    def _setblocking(self, n: int) -> Answer:
        return self.host.call("setblocking", self.fds[n], False)

    def _setbytes(self, n: int, level: int, option: int, value: bytes) -> Answer:
        return self.host.call("setsockopt", self.fds[n], level, option, value)

    def _afterclose(self) -> Answer:
        return self.host.call("recv", 1_000_000, 1, 0)

    def _oddsocket(self) -> Answer:
        return self.host.call("socket", 2, 1, 17)

    def _recvfrom(self, n: int, size: int) -> Answer:
        return self.host.call("recvfrom", self.fds[n], size, 0)

    def __getattr__(self, name: str) -> Callable[..., Answer]:
        """listen, shutdown, getsockname, getpeername, setsockopt, getsockopt, ioctl: the call with the socket's
        descriptor.
        """
        call = name.removeprefix("_")
        return lambda n, *args: self.host.call(call, self.fds[n], *args)

    def _poll(self) -> Any:
        numbers = {fd: n for n, fd in self.fds.items()}
        answer = self.host.call("poll", [(fd, POLL_ALL) for fd in self.fds.values()])
        return [(numbers[fd], bits) for fd, bits in self._value(answer)]

    def _select(self) -> Any:
        fds = list(self.fds.values())
        numbers = {fd: n for n, fd in self.fds.items()}
        answer = self.host.call("select", fds, fds, fds)
        return tuple([numbers[fd] for fd in found] for found in self._value(answer))

    def _dup(self, n: int, inheritable: bool) -> None:
        self._add(self._value(self.host.call("dup", self.fds[n], 0, inheritable)))

    def _fcntl(self, n: int, command: int, value: int) -> Answer:
        if command == F_DUPFD:
            return self.host.call("dup", self.fds[n], value, True)
        return self.host.call("fcntl", self.fds[n], command, value)

    def _epoll(self) -> None:
        self._add_epoll(self._value(self.host.call("epoll_create1", 0)))

    def _add_epoll(self, fd: int) -> None:
        self.epolls_made += 1
        self.epolls[self.epolls_made] = fd
        self.names[fd] = f"e{self.epolls_made}"

    def _twin(self, e: int) -> None:
        self._add_epoll(self._value(self.host.call("dup", self.epolls[e])))

    def _drop(self, e: int) -> Answer:
        return self.host.call("close", self.epolls.pop(e))

    def _control(self, e: int, operation: int, named: tuple[str, int], events: int) -> Answer:
        kind, number = named
        fd = self.epolls[number] if kind == "epoll" else self.fds[number]
        return self.host.call("epoll_ctl", self.epolls[e], operation, fd, events)

    def _add_to(self, e: int, named: tuple[str, int], events: int) -> Answer:
        return self._control(e, EPOLL_CTL_ADD, named, events)

    def _modify_in(self, e: int, named: tuple[str, int], events: int) -> Answer:
        return self._control(e, EPOLL_CTL_MOD, named, events)

    def _delete_from(self, e: int, named: tuple[str, int]) -> Answer:
        return self._control(e, EPOLL_CTL_DEL, named, 0)

    def _wait(self, e: int, most: int) -> Any:
        answer = self.host.call("epoll_wait", self.epolls[e], most if most > 0 else FD_SETSIZE - 1)
        return [(self.names[fd], bits) for fd, bits in self._value(answer)]

    def _look_at(self, e: int) -> Any:
        return [bits for _, bits in self._value(self.host.call("poll", [(self.epolls[e], POLL_ALL)]))]

    def _ask_epoll(self, e: int) -> Answer:
        return self.host.call("ioctl", self.epolls[e], FIONREAD)

    def _bind_epoll(self, e: int) -> Answer:
        return self.host.call("bind", self.epolls[e], (self.home, 0))

    def _wait_on_socket(self, n: int) -> Answer:
        return self.host.call("epoll_wait", self.fds[n], FD_SETSIZE - 1)

    def _pause(self, milliseconds: int) -> None:
        self.host.trail.clear()


def plain(answer: Answer) -> Any:
    """An answer as the kernel's arm gives it: the value, or the error's name."""
    if isinstance(answer, Done):
        return answer.value
    return f"blocks on {answer.on}" if isinstance(answer, Block) else answer.name
