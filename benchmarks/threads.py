"""What it costs to go from one guest thread to another: by a lock, and by a byte for which the other waits in recv.

On the machine's side they are its own threads, on the processor of this program; on the model guests in virtual time.
Both times are of there and back, two switches.

Not here: the kernel's arm of scenarios (realnet/baton.py), which watches each call and is slow on purpose.
"""

from __future__ import annotations

import socket
import threading
from contextlib import ExitStack, suppress
from statistics import median
from typing import Any

from model import SimNet

from .rounds import Batch, Effort, Loop, Row, in_turns, ratio

SECTION = "two threads, there and back"
LOCK, BYTE = "a semaphore is released, another waited for", "a byte is sent, another waited for in recv"
ADDRESS = ("127.0.0.1", 4711)


def measure(effort: Effort) -> list[Row]:
    """A row for each way and arm. To be called inside a namespace."""
    with ExitStack() as stack:
        net = stack.enter_context(SimNet())
        net.trace.add = _forget  # type: ignore[method-assign]  # a trace of all rounds would fill the memory
        loops: dict[tuple[str, str], Loop] = {
            (LOCK, "threads of the machine"): _by_lock(threading),
            (LOCK, "guests"): _by_lock(net.threading),
            (BYTE, "threads of the machine"): _by_byte(threading, socket, stack),
            (BYTE, "guests"): _by_byte(net.threading, net.socket, stack),
        }
        found = in_turns(
            effort.rounds, {f"{what}/{arm}": Batch(loop, effort.turn_ns) for (what, arm), loop in loops.items()}
        )
    return [row for what in (LOCK, BYTE) for row in _rows(what, found)]


def _rows(what: str, found: dict[str, list[float]]) -> list[Row]:
    real, guests = found[f"{what}/threads of the machine"], found[f"{what}/guests"]
    return [
        Row(SECTION, what, "threads of the machine", median(real) / 1000, "µs"),
        Row(SECTION, what, "guests", median(guests) / 1000, "µs", ratio(guests, real), "time of the machine's"),
    ]


def _forget(event: object) -> None:
    pass


def _by_lock(threading: Any) -> Loop:
    there, back = threading.Semaphore(0), threading.Semaphore(0)

    def other() -> None:
        while True:
            there.acquire()
            back.release()

    threading.Thread(target=other, daemon=True).start()

    def loop(times: int) -> None:
        for _ in range(times):
            there.release()
            back.acquire()

    return loop


def _by_byte(threading: Any, socket: Any, stack: ExitStack) -> Loop:
    with socket.create_server(ADDRESS) as listener:
        near = stack.enter_context(socket.create_connection(ADDRESS))
        far = stack.enter_context(listener.accept()[0])
    for sock in (near, far):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def other() -> None:
        with suppress(OSError):  # it is closed in the end
            while far.recv(1):
                far.send(b"x")

    threading.Thread(target=other, daemon=True).start()

    def loop(times: int) -> None:
        for _ in range(times):
            near.send(b"x")
            near.recv(1)

    return loop
