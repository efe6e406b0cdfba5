"""How fast the kernel worked, where that decides: taken from what a step showed, not guessed.

Receive buffers that tune themselves compare how long a read took with a round trip, both of some ten microseconds. How
long a call takes is never the same twice: caches are cold after a pause, another processor was busy. But when each call
began and ended is known, so the model's work in it is stretched to fill that time. And the round trip that a receiver
has measured is to be read in the kernel (tcp(7), `tcpi_rcv_rtt`); the model goes on with it.

Not here: what decides (model/tcp/tuning.py), what work there is (model/world/pace.py).
"""

from __future__ import annotations

import copy

from model.tcp.block import Tcb
from model.tcp.roundtrip import told_receive_trip
from model.world.host import Host
from model.world.pace import Pace

from .arms import ModelArm
from .operations import Operation

AROUND_NS = 1500
"""What of a call's time is Python's, and the way into the kernel and back."""
LEAST, MOST = 0.5, 4.0
"""How much faster and slower than usual work may be; a call that took longer was interrupted."""


def stretched(pace: Pace, arm: ModelArm, op: Operation, took_ns: int) -> Pace:
    """The pace with which the work of `op` takes as long as the kernel's call took. `arm` is left as it is."""
    assert isinstance(arm.host, Host)
    host = arm.host.fork(copy.deepcopy(arm.host.policy))
    host.pace, began_ns = pace, host.now_ns
    host.ends_ns = began_ns + round(took_ns / LEAST)
    arm.fork(host).perform(op)
    spent_ns = host.now_ns - began_ns
    if not spent_ns:
        return pace
    return pace.times(min(max((took_ns - AROUND_NS) / spent_ns, LEAST), MOST))


def take_trips(arm: ModelArm, trips_us: tuple[int, ...]) -> None:
    """Every receiver of the model has measured what the kernel's has."""
    for end, trip_us in zip(arm.sockets().values(), trips_us, strict=True):
        if isinstance(end, Tcb):
            told_receive_trip(end, trip_us)
