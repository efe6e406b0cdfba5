"""Memory: what ten thousand established connections take, both ends of each.

Connections are made between two hosts of the model, as calls of the hosts, and stay. What Python's allocator has given
out for them (tracemalloc) is divided by their number: everything counts, the tables, the timers and what the two SYNs
left behind. A connection that was used holds two numbers more that are no small ones; what waits in a buffer comes on
top.

Not here: the socket objects of SimNet over them; the kernel, whose memory is not the process'.
"""

from __future__ import annotations

import gc
import tracemalloc
from errno import EINPROGRESS

from model.values.constants import AF_INET, SOCK_STREAM
from model.values.results import Done, Fail
from model.world.host import Host
from model.world.world import World

from .rounds import Effort, Row

SECTION = "memory"
BUDGET, MOST = "< 20 kB", 20.0
_PORT = 80
_AT_ONCE = 100
"""Connections that are begun before the packets may arrive: as many as the listener's backlog holds."""


def measure(effort: Effort) -> list[Row]:
    """One row: kilobytes for a connection."""
    world = World()
    near, far = world.host, world.add_host("far")
    listener = _done(far, "socket", AF_INET, SOCK_STREAM, 0)
    _done(far, "bind", listener, (far.addresses[0], _PORT))
    _done(far, "listen", listener, _AT_ONCE)
    _connect(world, near, far, listener, _AT_ONCE)  # what is made once is made now
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        _connect(world, near, far, listener, effort.connections)
        gc.collect()
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    kilobytes = taken / effort.connections / 1000
    what = f"{effort.connections:,} established connections"
    return [Row(SECTION, what, "both ends of one", kilobytes, "kB", budget=BUDGET, within=kilobytes < MOST)]


def _connect(world: World, near: Host, far: Host, listener: int, count: int) -> None:
    """So many connections more, accepted and idle."""
    address = (far.addresses[0], _PORT)
    for begun in range(0, count, _AT_ONCE):
        some = min(_AT_ONCE, count - begun)
        for _ in range(some):
            client = _done(near, "socket", AF_INET, SOCK_STREAM, 0)
            _done(near, "setblocking", client, False)
            assert near.call("connect", client, address) == Fail(EINPROGRESS)
        world.sleep_until(world.now_ns + 1_000_000)
        for _ in range(some):
            _done(far, "accept", listener)


def _done(host: Host, name: str, *args: object) -> int:
    answer = host.call(name, *args)
    assert isinstance(answer, Done), answer
    return answer.value if isinstance(answer.value, int) else 0
