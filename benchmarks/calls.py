"""One call: the model against the kernel, both from Python.

Four arms, in turns: the kernel through real sockets; the model in place, as calls of a host; the model through the
standard library's own socket objects over it (SimNet), with the trace switched off; and the same with the trace on,
which looks at every open socket after every call.

Not here: the programs (programs.py).
"""

from __future__ import annotations

from contextlib import ExitStack
from statistics import median

from model import SimNet
from model.world.world import World

from .programs import PROGRAMS, REAL, Program
from .rounds import Batch, Effort, Row, in_turns, ratio

SECTION = "one call"
KERNEL, IN_PLACE, UNTRACED, TRACED = "kernel", "model, host.call", "model, SimNet, untraced", "model, SimNet"
BUDGET, MOST = "≤ 3, aim 1", 3.0


def measure(effort: Effort) -> list[Row]:
    """Four rows for each program, the kernel's first. To be called inside a namespace."""
    return [row for program in PROGRAMS for row in _measured(program, effort)]


def _measured(program: Program, effort: Effort) -> list[Row]:
    turn_ns = effort.turn_ns
    with ExitStack() as stack:
        untraced = stack.enter_context(SimNet())
        untraced.world.host.trace = None  # from now on; what was recorded so far is what setting up left: nothing
        traced = stack.enter_context(SimNet())
        found = in_turns(
            effort.rounds,
            {
                KERNEL: Batch(program.sockets(REAL, stack), turn_ns),
                IN_PLACE: Batch(program.calls(World().host), turn_ns),
                UNTRACED: Batch(program.sockets(untraced, stack), turn_ns),
                TRACED: Batch(program.sockets(traced, stack), turn_ns, before=traced.trace.events.clear),
            },
        )
    return [_row(program.name, arm, found) for arm in found]


def _row(what: str, arm: str, found: dict[str, list[float]]) -> Row:
    value = median(found[arm]) / 1000
    if arm == KERNEL:
        return Row(SECTION, what, arm, value, "µs")
    compared = ratio(found[arm], found[KERNEL])
    judged = arm == IN_PLACE
    return Row(
        SECTION, what, arm, value, "µs", compared, "kernel's time",
        budget=BUDGET if judged else "", within=compared.median <= MOST if judged else None,
    )  # fmt: skip
