"""Five small programs that make one call, or a few that belong together, over and over.

Each is written twice: in plain socket code over a net, which is the standard library's modules on the kernel and the
simulated ones on the model; and in calls of a host, which is the model alone without the modules above it. All
sockets are non-blocking and on loopback. The model's clock stands still meanwhile, as it does for any program that
does not sleep.

What a program's calls answer is looked at once, before anything is timed.

Not here: timing (rounds.py).
"""

from __future__ import annotations

import select
import socket
from collections.abc import Callable
from contextlib import ExitStack
from errno import EAGAIN, EINPROGRESS
from types import SimpleNamespace
from typing import Any

import attrs

from model.values.constants import AF_INET, POLLIN, POLLOUT, SOCK_DGRAM, SOCK_STREAM
from model.values.results import Done, Fail
from model.world.host import Host

from .rounds import Loop

HOME = "127.0.0.1"
REAL = SimpleNamespace(socket=socket, select=select)
"""The net that is the standard library itself."""


@attrs.frozen
class Program:
    """One program: `sockets` sets it up on a net and `calls` on a host; both give the loop to be timed."""

    name: str
    sockets: Callable[[Any, ExitStack], Loop]
    """Sockets that it makes are closed by the stack."""
    calls: Callable[[Host], Loop]


# Setting up -----------------------------------------------------------------------------------------------------------


def _made(net: Any, stack: ExitStack, kind: int) -> Any:
    made = stack.enter_context(net.socket.socket(AF_INET, kind))
    made.setblocking(False)
    return made


def _listening(net: Any, stack: ExitStack) -> Any:
    listener = _made(net, stack, SOCK_STREAM)
    listener.bind((HOME, 0))
    listener.listen()
    return listener


def connected(net: Any, stack: ExitStack) -> tuple[Any, Any]:
    """A TCP connection: the end that connected and the one that was accepted."""
    listener, client = _listening(net, stack), _made(net, stack, SOCK_STREAM)
    assert client.connect_ex(listener.getsockname()) == EINPROGRESS
    server = stack.enter_context(listener.accept()[0])
    server.setblocking(False)
    return client, server


def _done(host: Host, name: str, *args: object) -> Any:
    answer = host.call(name, *args)
    assert isinstance(answer, Done), answer
    return answer.value


def _made_on(host: Host, kind: int) -> int:
    fd: int = _done(host, "socket", AF_INET, kind, 0)
    _done(host, "setblocking", fd, False)
    return fd


def _listening_on(host: Host) -> int:
    fd = _made_on(host, SOCK_STREAM)
    _done(host, "bind", fd, (HOME, 0))
    _done(host, "listen", fd, 128)
    return fd


def _connected_on(host: Host) -> tuple[int, int]:
    listener, client = _listening_on(host), _made_on(host, SOCK_STREAM)
    assert host.call("connect", client, _done(host, "getsockname", listener)) == Fail(EINPROGRESS)
    server: int = _done(host, "accept", listener)[0]
    _done(host, "setblocking", server, False)
    return client, server


# A byte over TCP ------------------------------------------------------------------------------------------------------


def _byte(net: Any, stack: ExitStack) -> Loop:
    client, server = connected(net, stack)
    assert (client.send(b"x"), server.recv(1)) == (1, b"x")

    def loop(times: int) -> None:
        for _ in range(times):
            client.send(b"x")
            server.recv(1)

    return loop


def _byte_on(host: Host) -> Loop:
    client, server = _connected_on(host)
    assert (_done(host, "send", client, b"x", 0), _done(host, "recv", server, 1, 0)) == (1, b"x")
    call = host.call

    def loop(times: int) -> None:
        for _ in range(times):
            call("send", client, b"x", 0)
            call("recv", server, 1, 0)

    return loop


# recv that would block ------------------------------------------------------------------------------------------------


def _nothing(net: Any, stack: ExitStack) -> Loop:
    _, server = connected(net, stack)

    def loop(times: int) -> None:
        for _ in range(times):
            try:
                server.recv(1)
            except BlockingIOError:
                continue
            raise AssertionError("there was something to receive")

    return loop


def _nothing_on(host: Host) -> Loop:
    _, server = _connected_on(host)
    assert host.call("recv", server, 1, 0) == Fail(EAGAIN)
    call = host.call

    def loop(times: int) -> None:
        for _ in range(times):
            call("recv", server, 1, 0)

    return loop


# poll -----------------------------------------------------------------------------------------------------------------


def _poll(net: Any, stack: ExitStack) -> Loop:
    client, _ = connected(net, stack)
    poller = net.select.poll()
    poller.register(client, POLLIN | POLLOUT)
    assert poller.poll(0) == [(client.fileno(), POLLOUT)]

    def loop(times: int) -> None:
        for _ in range(times):
            poller.poll(0)

    return loop


def _poll_on(host: Host) -> Loop:
    client, _ = _connected_on(host)
    asked = [(client, POLLIN | POLLOUT)]
    assert _done(host, "poll", asked) == [(client, POLLOUT)]
    call = host.call

    def loop(times: int) -> None:
        for _ in range(times):
            call("poll", asked)

    return loop


# A connection ---------------------------------------------------------------------------------------------------------


def _connection(net: Any, stack: ExitStack) -> Loop:
    listener = _listening(net, stack)
    address = listener.getsockname()
    make = net.socket.socket

    def loop(times: int) -> None:
        for _ in range(times):
            client = make(AF_INET, SOCK_STREAM)
            client.setblocking(False)
            client.connect_ex(address)
            server, _ = listener.accept()
            client.close()
            server.close()

    return loop


def _connection_on(host: Host) -> Loop:
    listener = _listening_on(host)
    address = _done(host, "getsockname", listener)
    call = host.call

    def loop(times: int) -> None:
        for _ in range(times):
            client = _done(host, "socket", AF_INET, SOCK_STREAM, 0)
            call("setblocking", client, False)
            call("connect", client, address)
            server, _ = _done(host, "accept", listener)
            call("close", client)
            call("close", server)

    return loop


# A datagram -----------------------------------------------------------------------------------------------------------


def _datagram(net: Any, stack: ExitStack) -> Loop:
    sender, receiver = _made(net, stack, SOCK_DGRAM), _made(net, stack, SOCK_DGRAM)
    receiver.bind((HOME, 0))
    address = receiver.getsockname()
    assert (sender.sendto(b"x", address), receiver.recvfrom(1)[0]) == (1, b"x")

    def loop(times: int) -> None:
        for _ in range(times):
            sender.sendto(b"x", address)
            receiver.recvfrom(1)

    return loop


def _datagram_on(host: Host) -> Loop:
    sender, receiver = _made_on(host, SOCK_DGRAM), _made_on(host, SOCK_DGRAM)
    _done(host, "bind", receiver, (HOME, 0))
    address = _done(host, "getsockname", receiver)
    assert (_done(host, "sendto", sender, b"x", 0, address), _done(host, "recvfrom", receiver, 1, 0)[0]) == (1, b"x")
    call = host.call

    def loop(times: int) -> None:
        for _ in range(times):
            call("sendto", sender, b"x", 0, address)
            call("recvfrom", receiver, 1, 0)

    return loop


PROGRAMS = (
    Program("send and recv of one byte, TCP", _byte, _byte_on),
    Program("recv that would block", _nothing, _nothing_on),
    Program("poll of one socket", _poll, _poll_on),
    Program("socket, connect, accept, close both", _connection, _connection_on),
    Program("sendto and recvfrom of one byte, UDP", _datagram, _datagram_on),
)
