"""Whole sequences: the model against the kernel, by how long they are and how large the buffers.

The sequences are those of `wouldblock agree`, one connection's data, without pauses. Two arms, in turns: the kernel
performs each operation and every socket is looked at; the model does the same. The ratio must not grow with the length,
or the model would get slower by what it remembers; nor with the buffers, or by what it holds.

Not here: whether they agree.
"""

from __future__ import annotations

import time
from statistics import median

from model.choices import Seeded
from model.profiles import LINUX
from model.values.constants import SO_RCVBUF, SO_SNDBUF, SOL_SOCKET
from model.world.host import Host
from realnet.page import FreshPage
from wouldblock.crosscheck.agreement import made
from wouldblock.crosscheck.arms import ModelArm
from wouldblock.crosscheck.operations import STREAM, Operation
from wouldblock.crosscheck.places import home_address
from wouldblock.crosscheck.recording import record

from .rounds import Effort, Row, in_turns, ratio

SECTION = "sequences"
KERNEL, MODEL = "kernel", "model"
LENGTHS = (60, 200, 1000, 4000)
CALLS = 4000
"""Of a turn, at the least."""
BUFFERS = (1, 10_000, 100_000, 1_000_000, 4_000_000)
LENGTH = 200
"""Of the sequences that differ in their buffers."""
SEED = 4
_ELSEWHERE = 2_000_000


class Sequences:
    """Both arms. Each gives seconds for one call with the looks behind it."""

    def __init__(self, sequences: list[list[Operation]], page: FreshPage) -> None:
        self._sequences, self._page = sequences, page
        self._home = _ELSEWHERE

    def kernel(self) -> float:
        """Each sequence on fresh sockets, from its first call to the last look."""
        calls = spent_ns = 0
        for operations in self._sequences:
            self._home += 1
            shown = record(operations, home_address(self._home), self._page)
            calls += len(shown)
            spent_ns += shown[-1].looked_ns - shown[0].began_ns
        return spent_ns / calls / 1e9

    def model(self) -> float:
        """The same calls on a fresh host."""
        calls = 0
        began = time.perf_counter()
        for operations in self._sequences:
            arm = ModelArm("127.0.0.1", Host("measured", LINUX, Seeded(1)))
            for op in operations:
                if arm.has_all(op):
                    arm.perform(op)
                    arm.observe()
                    calls += 1
        return (time.perf_counter() - began) / calls


def measure(effort: Effort) -> list[Row]:
    """Two rows for each length, and for each size of buffers. To be called inside a namespace."""
    rows: list[Row] = []
    with FreshPage() as page:
        for length in LENGTHS:
            rows += _compared(f"{length:,} calls each", _made(length, effort), page, effort)
        for size in BUFFERS:
            sequences = [_with_buffers(operations, size) for operations in _made(LENGTH, effort)]
            rows += _compared(f"SO_SNDBUF, SO_RCVBUF {size:,}", sequences, page, effort)
    return rows


def _made(length: int, effort: Effort) -> list[list[Operation]]:
    count = max(CALLS * effort.sequences // 100 // length, 1)
    found = [made(STREAM, length, SEED, number) for number in range(count)]
    return [[op for op in operations if op[0] != "pause"] for operations in found]


def _with_buffers(operations: list[Operation], size: int) -> list[Operation]:
    """The same calls, but every size of a buffer that is set is this one, and both ends set it when they are made."""
    found: list[Operation] = []
    made_so_far = 0
    for op in operations:
        if op[0] == "setsockopt" and op[2:4] in ((SOL_SOCKET, SO_RCVBUF), (SOL_SOCKET, SO_SNDBUF)):
            continue
        found.append(op)
        if op[0] == "tcp":
            made_so_far += 1
            found += [("setsockopt", made_so_far, SOL_SOCKET, option, size) for option in (SO_RCVBUF, SO_SNDBUF)]
        elif op[0] == "accept":
            made_so_far += 1
    return found


def _compared(what: str, sequences: list[list[Operation]], page: FreshPage, effort: Effort) -> list[Row]:
    arms = Sequences(sequences, page)
    found = in_turns(effort.long_rounds, {KERNEL: arms.kernel, MODEL: arms.model})
    rate = {arm: 1 / median(seconds) for arm, seconds in found.items()}
    compared = ratio(found[MODEL], found[KERNEL])
    return [
        Row(SECTION, what, KERNEL, rate[KERNEL], "calls/s"),
        Row(SECTION, what, MODEL, rate[MODEL], "calls/s", compared, "kernel's time"),
    ]
