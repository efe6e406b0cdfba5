"""Processor time as a sum: each thing that was counted, at its price.

The prices are *calibrated* once, on the kernel, pinned, each in a loop of its own that has little to do with the
programs that they are to predict:

- `send` and `recv` of a message of a connection, the reader not waiting; `recv` that would block, with the exception
  that Python makes of it; `sched_yield`, nobody else being there;
- `sleep`: to wait in recv and to be woken, and the switches that it takes: a message there and back between two
  threads, less the calls;
- select, poll and epoll_wait that find one socket ready; what each further descriptor adds, from 16 to 256 of them; and
  what it adds to a call that sleeps, which the kernel walks through twice, once to wait everywhere and once to see.

So a prediction is linear by construction, and may be wrong in two ways that are of interest: where memory gets cold (a
thread for each of a thousand connections), and where costs depend on more than counts.

Not here: who counts; prices of anything but a message of `SIZE` bytes over loopback.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from statistics import median

from .counts import REFUSED, Counts
from .programs import MESSAGE, SIZE

FEW_WATCHED, MANY_WATCHED = 16, 256
_CONNECTIONS = 64
_TIMES, _TURNS = 200, 15
_NAP_MS = 1

Prices = Mapping[str, float]
"""Nanoseconds of processor time by what they are for."""


def priced(counts: Counts, asked: Mapping[str, int], prices: Prices) -> float:
    """The processor time of what was counted, in nanoseconds; `asked` is about how many descriptors, by call."""
    total = sum(number * prices[name] for name, number in counts.calls.items())
    total += counts.sleeps * prices["sleep"] + counts.displaced * prices["switch"]
    return total + sum(number * prices[f"{name} descriptor"] for name, number in asked.items())


def calibrate() -> dict[str, float]:
    """The prices on this machine. To be called on a pinned `Measured` net that takes times."""
    with _connections(_CONNECTIONS) as pairs:
        found = _calls(pairs)
    found["sleep"], found["switch"] = _sleep(found), _switch(found)
    with _connections(MANY_WATCHED) as pairs:
        found |= _readiness([server for _, server in pairs])
    return {name: round(value, 1) for name, value in found.items()}


@contextlib.contextmanager
def _connections(number: int) -> Iterator[list[tuple[socket.socket, socket.socket]]]:
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=number))
        pairs = []
        for _ in range(number):
            client = stack.enter_context(socket.create_connection(listener.getsockname()))
            pairs.append((client, stack.enter_context(listener.accept()[0])))
        yield pairs


def _calls(pairs: list[tuple[socket.socket, socket.socket]]) -> dict[str, float]:
    """What calls on sockets cost, one on each connection in turn, as the programs make them.

    Every message is answered, so that the answer carries the acknowledgement; else recv would send one of its own.
    """
    clients, servers = [client for client, _ in pairs], [server for _, server in pairs]
    for server in servers:
        server.setblocking(False)
    turns = [
        {
            "send": _ns(lambda: _send(clients)),
            "recv": _ns(lambda: _recv(servers)),
            "recv" + REFUSED: _ns(lambda: _recv(servers)),
            "sched_yield": _ns(lambda: _give_way(len(servers))),
            "back": _ns(lambda: _send(servers)) + _ns(lambda: _recv(clients)),
        }
        for _ in range(_TURNS * 4)
    ]
    return {name: median(turn[name] for turn in turns) / len(pairs) for name in turns[0] if name != "back"}


def _send(socks: list[socket.socket]) -> None:
    for sock in socks:
        sock.send(MESSAGE)


def _recv(socks: list[socket.socket]) -> None:
    for sock in socks:
        try:
            sock.recv(SIZE)
        except BlockingIOError:
            continue


def _give_way(times: int) -> None:
    for _ in range(times):
        os.sched_yield()


def _sleep(found: Prices) -> float:
    """To go to sleep in recv, be woken, and everything that this takes besides the call."""
    with _connections(1) as ((near, far),):

        def echo() -> None:
            while data := far.recv(SIZE):
                far.send(data)

        def there_and_back() -> None:
            for _ in range(_TIMES):
                near.send(MESSAGE)
                near.recv(SIZE)

        thread = threading.Thread(target=echo)
        thread.start()
        each = median(_ns(there_and_back) for _ in range(_TURNS)) / _TIMES
        near.shutdown(socket.SHUT_WR)
        thread.join()
    return each / 2 - found["send"] - found["recv"]


def _switch(found: Prices) -> float:
    """To go over to another thread without sleep, besides the call."""
    done = False

    def other() -> None:
        while not done:
            os.sched_yield()

    thread = threading.Thread(target=other)
    thread.start()
    each = median(_ns(lambda: _give_way(_TIMES)) for _ in range(_TURNS)) / _TIMES
    done = True
    thread.join()
    return each / 2 - found["sched_yield"]


def _readiness(socks: list[socket.socket]) -> dict[str, float]:
    """What select, poll and epoll_wait cost, and each descriptor more."""
    with socket.socket(type=socket.SOCK_DGRAM) as ready:  # can be read: a datagram to itself, the last that is asked
        ready.bind(("127.0.0.1", 0))
        ready.sendto(b"", ready.getsockname())
        prices: dict[str, float] = {}
        makes: dict[str, Callable[[list[socket.socket]], Callable[[float], object]]] = {
            "select": _selecting, "poll": _polling, "epoll_wait": _epolling,
        }  # fmt: skip
        for name, make in makes.items():
            base = _each(make([ready]), -1, _TIMES)
            few, many = (_each(make(socks[:number]), _NAP_MS, 8) for number in (FEW_WATCHED, MANY_WATCHED))
            prices[name] = base
            if name != "epoll_wait":
                prices[f"{name} descriptor"] = (many - few) / (MANY_WATCHED - FEW_WATCHED)
        return prices


def _selecting(socks: list[socket.socket]) -> Callable[[float], object]:
    return lambda ms: select.select(socks, [], [], None if ms < 0 else ms / 1000)


def _polling(socks: list[socket.socket]) -> Callable[[float], object]:
    poller = select.poll()
    for sock in socks:
        poller.register(sock, select.POLLIN)
    return poller.poll


def _epolling(socks: list[socket.socket]) -> Callable[[float], object]:
    epoll = select.epoll()
    for sock in socks:
        epoll.register(sock, select.EPOLLIN)
    return lambda ms: epoll.poll(None if ms < 0 else ms / 1000)


def _each(ask: Callable[[float], object], timeout_ms: float, times: int) -> float:
    def work() -> None:
        for _ in range(times):
            ask(timeout_ms)

    return median(_ns(work) for _ in range(_TURNS)) / times


def _ns(work: Callable[[], None]) -> int:
    """Processor time of the process for a piece of work."""
    began_ns = time.process_time_ns()
    work()
    return time.process_time_ns() - began_ns


def refusal(send: Callable[[], int]) -> float:
    """What a call costs that says would-block, and the exception that Python makes of it, in nanoseconds. `send` is
    called until there is no room, and then in vain.
    """
    with contextlib.suppress(BlockingIOError):
        while True:
            send()

    def in_vain() -> None:
        for _ in range(_TIMES):
            try:
                send()
            except BlockingIOError:
                continue

    return round(median(_ns(in_vain) for _ in range(_TURNS)) / _TIMES, 1)
