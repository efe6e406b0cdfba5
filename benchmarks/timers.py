"""Virtual time: an hour of timers, in seconds of real time.

Programs that each let an hour pass, asleep most of it, while timers of the simulated kernel go off:

- *closed windows*: a hundred connections whose peer reads nothing, each probing its closed window again and again,
  while the program sleeps second by second;
- *heartbeats*: one byte every tenth of a second, read only at the next, so that each is acknowledged by a timer;
- *short connections*: one every second, closed at once, each resting for a minute in TIME-WAIT;
- *idle, kept alive*: one, a hundred or a thousand connections over a wire, of which nobody hears anything but a
  probe and its answer every minute. A thousand are given a tenth of an hour, and the time is multiplied.

Each with the trace off and on, keep-alive with it off. There is no other arm to take turns with: on the kernel an hour
takes an hour.

Not here: what a single call costs (calls.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from errno import EINPROGRESS
from statistics import median
from typing import Any

import attrs

from model import SimNet
from model.values.constants import (
    AF_INET,
    IPPROTO_TCP,
    SO_KEEPALIVE,
    SO_RCVBUF,
    SO_SNDBUF,
    SOCK_STREAM,
    SOL_SOCKET,
    TCP_KEEPIDLE,
)

from .programs import HOME, connected
from .rounds import Arm, Effort, Ratio, Row, in_turns

SECTION = "virtual time"
HOUR_S = 3600
CONNECTIONS = 100
BUDGET, MOST_S = "< 1 s", 1.0
PER_HOUR = "s"

IDLE_S = 60
"""How long a connection must be idle to be probed."""

Sleeper = Callable[[Any, ExitStack], Callable[[float], None]]
"""Sets a program up on a net; what it gives back lets so many virtual seconds pass."""


def closed_windows(net: Any, stack: ExitStack) -> Callable[[float], None]:
    """A hundred connections that probe, and a program that sleeps."""
    for _ in range(CONNECTIONS):
        client, server = connected(net, stack)
        client.setsockopt(SOL_SOCKET, SO_SNDBUF, 1)
        server.setsockopt(SOL_SOCKET, SO_RCVBUF, 1)
        try:
            while True:
                client.send(bytes(65536))
        except BlockingIOError:
            pass

    def run(seconds: float) -> None:
        for _ in range(int(seconds)):
            net.time.sleep(1)

    return run


def heartbeats(net: Any, stack: ExitStack) -> Callable[[float], None]:
    """Ten bytes a second on one connection, each acknowledged late."""
    client, server = connected(net, stack)

    def run(seconds: float) -> None:
        for _ in range(int(seconds * 10)):
            client.send(b"x")
            net.time.sleep(0.1)
            server.recv(1)

    return run


def short_connections(net: Any, stack: ExitStack) -> Callable[[float], None]:
    """One connection a second, and a minute of TIME-WAIT for each."""
    listener = stack.enter_context(net.socket.socket(AF_INET, SOCK_STREAM))
    listener.bind((HOME, 0))
    listener.listen()
    address = listener.getsockname()

    def run(seconds: float) -> None:
        for _ in range(int(seconds)):
            client = net.socket.socket(AF_INET, SOCK_STREAM)
            client.setblocking(False)
            assert client.connect_ex(address) == EINPROGRESS
            server, _ = listener.accept()
            client.close()
            server.close()
            net.time.sleep(1)

    return run


def idle(connections: int) -> Sleeper:
    """So many connections between two hosts that probe each other's life."""

    def program(net: Any, stack: ExitStack) -> Callable[[float], None]:
        far = net.host("far")
        listener = stack.enter_context(far.socket.socket(AF_INET, SOCK_STREAM))
        listener.bind((far.address, 0))
        listener.listen()
        for _ in range(connections):
            client = stack.enter_context(net.socket.create_connection(listener.getsockname()))
            client.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1)
            client.setsockopt(IPPROTO_TCP, TCP_KEEPIDLE, IDLE_S)
            stack.enter_context(listener.accept()[0])
        net.time.sleep(IDLE_S)
        return net.time.sleep  # type: ignore[no-any-return]

    return program


@attrs.frozen
class Hour:
    """A program, and for how much of the hour it runs."""

    program: Sleeper
    traced: tuple[bool, ...] = (False, True)
    part: float = 1.0


HOURS = {
    "100 closed windows, asleep": Hour(closed_windows),
    "36,000 heartbeats": Hour(heartbeats),
    "3,600 short connections": Hour(short_connections),
    "1 idle connection, kept alive": Hour(idle(1), (False,)),
    "100 idle connections, kept alive": Hour(idle(100), (False,)),
    "1,000 idle connections, kept alive": Hour(idle(1000), (False,), 0.1),
}


def measure(effort: Effort) -> list[Row]:
    """A row or two for each program."""
    arms = {
        (what, traced): _arm(hour.program, traced, effort.hours * hour.part)
        for what, hour in HOURS.items()
        for traced in hour.traced
    }
    found = in_turns(effort.long_rounds, {f"{what}/{traced}": arm for (what, traced), arm in arms.items()})
    rows = []
    for what, traced in arms:
        each = found[f"{what}/{traced}"]
        seconds = median(each)
        times = Ratio(HOUR_S / seconds, HOUR_S / max(each), HOUR_S / min(each))
        arm = "SimNet" if traced else "SimNet, untraced"
        rows.append(Row(SECTION, what, arm, seconds, PER_HOUR, times, "real time", BUDGET, seconds < MOST_S))
    return rows


def _arm(program: Sleeper, traced: bool, hours: float) -> Arm:
    def arm() -> float:
        with ExitStack() as stack:
            net = stack.enter_context(SimNet())
            if not traced:
                net.world.trace = net.world.host.trace = None
            run = program(net, stack)
            began = time.perf_counter()
            run(hours * HOUR_S)
            return (time.perf_counter() - began) / hours

    return arm
