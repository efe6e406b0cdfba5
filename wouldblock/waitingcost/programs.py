"""The same work, done by five ways to wait: one server that echoes what n clients send.

The clients are one thread, the *driver*. It goes round its connections in *volleys*: to the next `FEW` of them it sends
a message each, then it reads their echoes, and goes on to the next. So however many connections there are, few are
ready at a time.

The server waits in one of five ways: a thread per connection that blocks in recv; a *sweep*, a loop that asks every
socket in turn whether something is there, and gives way to others once a round; select; poll; epoll.

When the driver has read the last echo of a volley the server waits again, and so how many calls, sleeps and wake-ups
the work takes is a matter of arithmetic, if threads run in the order in which they can.

A program is a function of the net, in plain socket code. A net has the modules `socket`, `select` and `time`, and
besides `start(function, *args)`, which runs a function in a thread of the server; `give_way()`, sched_yield(2); and
`counting()`, the context in which is counted.

Not here: the nets (prediction.py on the model, measurement.py on the kernel); senders that meet would-block
(sending.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

FEW = 5
"""Connections of a volley, if there are so many."""
SIZE = 16
"""Bytes of a message."""
MESSAGE, FAREWELL = b"m" * SIZE, b"." * SIZE
SETTLES_S = 0.01
"""In so much time everybody who is about to wait does so."""
HOME = ("127.0.0.1", 4711)


def echo(net: Any, way: str, connections: int, rounds: int) -> int:
    """Each of so many connections sends a message and reads its echo, so many times; how many messages that were."""
    clients, servers = _connected(net, connections)
    threads = WAYS[way](net, servers)
    net.time.sleep(SETTLES_S)
    few = min(FEW, connections)
    with net.counting():
        for _ in range(rounds):
            for first in range(0, connections, few):
                volley = clients[first : first + few]
                for sock in volley:
                    sock.send(MESSAGE)
                for sock in volley:
                    sock.recv(SIZE)
    for sock in clients:
        sock.send(FAREWELL)
    for thread in threads:
        thread.join()
    for sock in (*clients, *servers):
        sock.close()
    return connections * rounds


def _connected(net: Any, connections: int) -> tuple[list[Any], list[Any]]:
    """The clients' sockets and the server's. The server's have the lowest descriptors, since select has no room for
    more than FD_SETSIZE; as connections usually come to be, only every other one would be the server's.
    """
    kept_free = [net.socket.socket() for _ in range(connections)]
    with net.socket.create_server(HOME, backlog=connections) as listener:
        clients = [net.socket.create_connection(HOME) for _ in range(connections)]
        for sock in kept_free:
            sock.close()
        return clients, [listener.accept()[0] for _ in range(connections)]


# ---------------------------------------------------------------- five ways to wait


def _threads(net: Any, socks: list[Any]) -> list[Any]:
    """A thread per connection, which blocks in recv."""

    def serve(sock: Any) -> None:
        while (data := sock.recv(SIZE)) != FAREWELL:
            sock.send(data)

    return [net.start(serve, sock) for sock in socks]


def _sweep(net: Any, socks: list[Any]) -> list[Any]:
    """Every socket is asked in turn, would-block or not; then others are let run."""

    def serve() -> None:
        left = list(socks)
        while left:
            for sock in left[:]:
                try:
                    data = sock.recv(SIZE)
                except BlockingIOError:
                    continue
                if data == FAREWELL:
                    left.remove(sock)
                else:
                    sock.send(data)
            net.give_way()

    return _one(net, socks, serve)


def _select(net: Any, socks: list[Any]) -> list[Any]:
    """select, over all of them each time."""

    def serve() -> None:
        left = list(socks)
        while left:
            for sock in net.select.select(left, [], [])[0]:
                if not _echoes(sock):
                    left.remove(sock)

    return _one(net, socks, serve)


def _poll(net: Any, socks: list[Any]) -> list[Any]:
    """poll, over all of them each time."""
    return _registered(net, socks, net.select.poll(), net.select.POLLIN)


def _epoll(net: Any, socks: list[Any]) -> list[Any]:
    """epoll, with all of them registered beforehand, level-triggered."""
    return _registered(net, socks, net.select.epoll(), net.select.EPOLLIN)


WAYS = {"threads": _threads, "sweep": _sweep, "select": _select, "poll": _poll, "epoll": _epoll}


def _registered(net: Any, socks: list[Any], poller: Any, events: int) -> list[Any]:
    by_number = {sock.fileno(): sock for sock in socks}
    for number in by_number:
        poller.register(number, events)

    def serve() -> None:
        while by_number:
            for number, _ in poller.poll():
                if not _echoes(by_number[number]):
                    poller.unregister(number)
                    del by_number[number]

    return _one(net, socks, serve)


def _one(net: Any, socks: list[Any], serve: Callable[[], None]) -> list[Any]:
    for sock in socks:
        sock.setblocking(False)
    return [net.start(serve)]


def _echoes(sock: Any) -> bool:
    """Whether it was a message, which is sent back, and no farewell."""
    data = sock.recv(SIZE)
    if data == FAREWELL:
        return False
    sock.send(data)
    return True
