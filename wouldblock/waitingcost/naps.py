"""A thread that waits, in each call in which one can wait: what the kernel shows of it meanwhile.

The thread makes the call and sleeps; the program sleeps too, `WAITS_S`, and then does what the thread waits for. What
is seen of the sleep is `RealNet.naps` (realnet/baton.py).

Not here: who is woken by what (tests/guests).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from realnet import RealNet
from realnet.baton import Nap

WAITS_S = 0.1
_ADDRESS = ("127.0.0.1", 4711)

Wait = Callable[[Any], tuple[Callable[[], object], Callable[[], object]]]
"""From a net: the call that waits, and what ends the wait."""


def _pair(net: Any) -> tuple[Any, Any]:
    with net.socket.create_server(_ADDRESS) as listener:
        return net.socket.create_connection(_ADDRESS), listener.accept()[0]


def _recv(net: Any) -> tuple[Callable[[], object], Callable[[], object]]:
    near, far = _pair(net)
    return lambda: far.recv(1), lambda: near.send(b"x")


def _send(net: Any) -> tuple[Callable[[], object], Callable[[], object]]:
    """The buffer is full, and was filled again after the peer's delayed acknowledgement, which makes room and would
    wake the sender once for that.
    """
    near, far = _pair(net)
    filled = _fill(near)
    net.time.sleep(WAITS_S)
    filled += _fill(near)
    near.setblocking(True)

    def read() -> None:
        left = filled
        while left:
            left -= len(far.recv(left))

    return lambda: near.send(b"x"), read


def _fill(sock: Any) -> int:
    """How many bytes went in, until the socket said would-block."""
    sock.setblocking(False)
    taken = 0
    with suppress(BlockingIOError):
        while True:
            taken += sock.send(bytes(10_000))
    return taken


def _accept(net: Any) -> tuple[Callable[[], object], Callable[[], object]]:
    listener = net.socket.create_server(_ADDRESS)
    return listener.accept, lambda: net.socket.create_connection(_ADDRESS)


def _connect(net: Any) -> tuple[Callable[[], object], Callable[[], object]]:
    """The queue is full: the SYN is dropped, and the next, a second later, finds room."""
    listener = net.socket.create_server(_ADDRESS, backlog=0)
    net.socket.create_connection(_ADDRESS)
    return lambda: net.socket.create_connection(_ADDRESS), listener.accept


def _select(net: Any) -> tuple[Callable[[], object], Callable[[], object]]:
    near, far = _pair(net)
    return lambda: net.select.select([far], [], []), lambda: near.send(b"x")


def _poll(net: Any) -> tuple[Callable[[], object], Callable[[], object]]:
    return _registered(net, net.select.poll())


def _epoll_wait(net: Any) -> tuple[Callable[[], object], Callable[[], object]]:
    return _registered(net, net.select.epoll())


def _registered(net: Any, poller: Any) -> tuple[Callable[[], object], Callable[[], object]]:
    near, far = _pair(net)
    poller.register(far, net.select.POLLIN)
    return lambda: (poller.poll(), far), lambda: near.send(b"x")


def _sleep(net: Any) -> tuple[Callable[[], object], Callable[[], object]]:
    return lambda: net.time.sleep(2 * WAITS_S), lambda: None


WAITS: dict[str, Wait] = {
    "recv": _recv, "send": _send, "accept": _accept, "connect": _connect,
    "select": _select, "poll": _poll, "epoll_wait": _epoll_wait, "sleep": _sleep,
}  # fmt: skip


def nap(call: str) -> Nap:
    """What was seen of a thread that waits in this call. Raises `NamespaceRefused` where the kernel is out of reach."""
    kept: list[object] = []  # nothing is closed before its time
    with RealNet() as net:
        wait, end = WAITS[call](net)
        kept += [wait, end]
        thread = net.threading.Thread(target=lambda: kept.append(wait()), name="waits")
        thread.start()
        net.time.sleep(WAITS_S)
        kept.append(end())
        thread.join()
        return next(each for each in net.naps if each.guest == "waits")
