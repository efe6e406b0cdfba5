"""One body, two arms: what a program sees through the standard library's interfaces, and what the trace says of it.

These scenarios are about the interfaces (timeouts, files, selectors, ioctl, closed sockets), not about what TCP does:
that is the cross-check's. Every call, its arguments and its answer must be the same on the model and on the kernel.

Not here: observations and times, which the cross-check compares.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from model import SimNet
from model.values.results import Done
from realnet import NamespaceRefused, RealNet

FIONREAD, TIOCOUTQ, FIONBIO = 0x541B, 0x5411, 0x5421
SERVER = ("127.0.0.1", 8000)
CLIENT = ("127.0.0.1", 8001)


def pair(net: Any) -> tuple[Any, Any]:
    with net.socket.create_server(SERVER) as listener:
        client = net.socket.create_connection(SERVER, source_address=CLIENT)
        return client, listener.accept()[0]


def complaint(function: Callable[..., Any], *args: Any) -> tuple[Any, ...]:
    """The exception of a call, as far as both arms must agree on it; or its value."""
    try:
        return (function(*args),)
    except OSError as error:
        return (type(error).__name__, error.errno, str(error))


def blocking_sockets(net: Any) -> Any:
    client, server = pair(net)
    with client, server, server.makefile("rw", newline="\n") as file:
        client.sendall(b"one\ntwo\n")
        seen = [file.readline(), file.readline()]
        file.write("three\n")
        file.flush()
        return seen, client.recv(100), client.getpeername(), server.getsockname(), client.getblocking()


def timeouts(net: Any) -> Any:
    client, server = pair(net)
    with client, server:
        client.settimeout(0.01)
        seen: list[Any] = [complaint(client.recv, 1), complaint(client.recvfrom, 1), client.gettimeout()]
        server.settimeout(5)
        client.send(b"x")
        seen += [server.recv(5), complaint(server.connect_ex, SERVER)]
        server.settimeout(0)
        return [*seen, complaint(server.recv, 5)]


def timed_connect(net: Any) -> Any:
    seen: list[Any] = [complaint(net.socket.create_connection, ("127.0.0.1", 9), 1.0)]
    with net.socket.socket() as s:
        s.settimeout(1)
        seen.append(s.connect_ex(("127.0.0.1", 9)))
    with net.socket.create_server(SERVER) as listener:
        listener.settimeout(0.01)
        seen.append(complaint(listener.accept))
        with net.socket.socket() as s:
            s.settimeout(1)
            s.bind(CLIENT)
            seen.append(s.connect_ex(("localhost", SERVER[1])))
            child, address = listener.accept()
            with child:
                return [*seen, address, child.gettimeout()]


def readiness(net: Any) -> Any:
    client, server = pair(net)
    with client, server, net.selectors.DefaultSelector() as selector:
        selector.register(client, net.selectors.EVENT_READ | net.selectors.EVENT_WRITE, "client")
        selector.register(server, net.selectors.EVENT_READ, "server")
        seen: list[Any] = [[(key.data, events) for key, events in selector.select(0)]]
        client.send(b"x")
        seen.append([(key.data, events) for key, events in selector.select()])
        poller = net.select.poll()
        poller.register(server, net.select.POLLIN)
        seen += [[events for _, events in poller.poll(1000)], len(server.recv(1)), poller.poll(2)]
        ready = net.select.select([client, server], [server, server], [], 0.5)
        seen.append([[item is client for item in items] for items in ready])
        return seen, type(selector).__name__


def every_selector(net: Any) -> Any:
    client, server = pair(net)
    seen: list[Any] = [net.selectors.DefaultSelector.__name__, hasattr(net.selectors, "EpollSelector")]
    with client, server:
        for cls in (net.selectors.SelectSelector, net.selectors.PollSelector, net.selectors.EpollSelector):
            with cls() as selector:

                def ready(chosen: Any = selector) -> list[tuple[str, int]]:
                    return sorted((key.data, events) for key, events in chosen.select(0))

                seen += [ready(), selector.register(server, net.selectors.EVENT_READ, "server").data, ready()]
                client.send(b"x")
                seen.append(ready())
                selector.register(client, net.selectors.EVENT_READ | net.selectors.EVENT_WRITE, "client")
                seen.append(ready())
                selector.modify(server, net.selectors.EVENT_WRITE, "server too")
                seen.append(ready())
                selector.modify(server, net.selectors.EVENT_READ, "server")
                seen += [selector.unregister(client).data, ready(), server.recv(10), ready(), len(selector.get_map())]
        with net.selectors.SelectSelector() as selecting, net.selectors.PollSelector() as polling:
            for selector in (selecting, polling):
                selector.register(client, net.selectors.EVENT_READ, "client")
            server.shutdown(net.socket.SHUT_WR)
            seen += [[(key.data, events) for key, events in each.select(0)] for each in (selecting, polling)]
    return seen


def numbers_of_a_socket(net: Any) -> Any:
    client, server = pair(net)
    with client, server:
        server.send(b"12345")
        array = bytearray(6)
        seen = [net.fcntl.ioctl(client, FIONREAD, b"....|"), net.fcntl.ioctl(client, FIONREAD, array), bytes(array)]
        seen += [net.fcntl.ioctl(server, TIOCOUTQ, b"...."), complaint(net.fcntl.ioctl, client, FIONREAD)]
        net.fcntl.fcntl(client, net.fcntl.F_SETFL, 0o4000)
        client.recv(10)
        seen += [complaint(client.recv, 1), net.fcntl.fcntl(client, net.fcntl.F_GETFL)]
        net.fcntl.ioctl(server, FIONBIO, b"\1\0\0\0")
        seen += [complaint(server.recv, 1), server.getblocking(), complaint(net.fcntl.fcntl, 1000, 4, 0)]
        return seen


def datagrams(net: Any) -> Any:
    with net.socket.socket(type=net.socket.SOCK_DGRAM) as a, net.socket.socket(type=net.socket.SOCK_DGRAM) as b:
        a.bind(SERVER)
        b.bind(("localhost", CLIENT[1]))
        b.connect(SERVER)
        b.send(memoryview(b"one"))
        b.send(b"")
        buffer = bytearray(b".....")
        seen = [a.recvfrom_into(buffer, 2), bytes(buffer), a.recvfrom(5), a.sendto(b"back", 0, CLIENT), b.recv(10)]
        a.setblocking(False)
        return [*seen, complaint(a.recv, 1), complaint(a.recv, 0), complaint(a.recv_into, bytearray())]


def ends_of_sockets(net: Any) -> Any:
    s = net.socket.socket()
    s.close()
    seen: list[Any] = [complaint(s.recv, 1), complaint(s.bind, SERVER), complaint(s.settimeout, 1), s.gettimeout()]
    t = net.socket.socket(net.socket.AF_INET, net.socket.SOCK_DGRAM | net.socket.SOCK_NONBLOCK)
    seen += [t.type == net.socket.SOCK_DGRAM, t.getblocking(), complaint(t.recv, 1)]
    fd = t.detach()
    with net.socket.socket(fileno=fd) as adopted:
        seen += [adopted.type == net.socket.SOCK_DGRAM, adopted.proto, adopted.getblocking()]
        adopted.bind(SERVER)
    with contextlib.suppress(OSError):
        net.socket.close(fd)
    return seen, complaint(net.socket.create_server, ("192.0.2.1", 80))


def default_timeout(net: Any) -> Any:
    net.socket.setdefaulttimeout(0.005)
    with net.socket.create_server(SERVER) as listener:
        seen = complaint(listener.accept)
        with net.socket.socket() as s:
            return seen, listener.gettimeout(), s.gettimeout(), net.socket.getdefaulttimeout()


SCENARIOS = (
    blocking_sockets, timeouts, timed_connect, readiness, every_selector, numbers_of_a_socket, datagrams,
    ends_of_sockets, default_timeout,
)  # fmt: skip


def lines(net: Any) -> list[tuple[Any, ...]]:
    """Every call of the trace. What select() was asked and answered is compared as sets: SelectSelector keeps
    descriptors in sets, the order of which depends on their numbers, and those differ between the arms.
    """
    said = [(event.call, event.socket, event.args, event.answer) for event in net.trace.calls()]
    return [
        (call, socket, in_order(args), Done(in_order(answer.value)))
        if call == "select"
        else (call, socket, args, answer)
        for call, socket, args, answer in said
    ]


def in_order(lists: Any) -> list[list[str]]:
    return [sorted(names) for names in lists]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_both_arms_show_the_same(scenario: Callable[[Any], Any]) -> None:
    with SimNet() as net:
        seen, said = scenario(net), lines(net)
    try:
        real = RealNet()
        with real:
            assert scenario(real) == seen
            assert lines(real) == said
            assert len(said) > 3
    except NamespaceRefused as error:
        pytest.skip(str(error))
