"""A program of several threads on both arms: the same calls in the same order, with the same answers, the same accounts
of every socket after each, and the same threads waiting in the same calls in the end.

Compared is what happens until the program shuts its sockets to end itself. That wakes many threads at once, and in
which order they then get at the socket is the kernel's to say.

The kernel's answer is what it shows twice running. What a long send finds in its buffers hangs on whether the machine
interrupts it: packets then wait for another thread of the kernel's. Ahead of everything else that runs (sched(7),
SCHED_FIFO), a program is interrupted hardly ever; whoever may not be ahead plays it again more often.

Not here: the programs (programs.py), many of them (walking.py).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import attrs

from model import SimNet
from model.rules import Arrow
from realnet import RealNet
from wouldblock.scenarios import Run, Scenario
from wouldblock.sidebyside import Row, compare
from wouldblock.wording import answer_text

from .programs import Plan, program

_NOT_MADE = "no such call"
MOST_RUNS = 5
"""So often a program is played on the kernel until it shows the same twice running."""


@attrs.frozen
class Difference:
    """The first thing that differs: in `call`, or in what the threads met."""

    kind: str
    call: str
    model: str
    kernel: str


@attrs.frozen
class Trial:
    """What came of it. `fired` are the arrows of the model; `steady` is whether the kernel has an answer of its own."""

    calls: int
    runs: int
    difference: Difference | None
    steady: bool
    fired: Counter[Arrow] = attrs.Factory(Counter)


@contextmanager
def ahead_of_others() -> Iterator[None]:
    """Nobody else's work takes the processor away, where that may be had."""
    before, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    with suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    try:
        yield
    finally:
        os.sched_setscheduler(0, before, parameters)


def on_model(steps: Plan, seed: int) -> tuple[Run, Counter[Arrow]]:
    """The model's run, its threads chosen by `seed`, and the arrows that fired until the program ended itself."""
    fired: Counter[Arrow] = Counter()
    with SimNet(seed) as net:
        so_far = net.count_arrows()
        return _run(net, "model", steps, lambda: fired.update(so_far())), fired


def on_kernel(steps: Plan, seed: int) -> Run:
    """One run of the kernel's, its threads chosen as the model's are. Raises `realnet.NamespaceRefused`."""
    with ahead_of_others(), RealNet(seed) as net:
        return _run(net, "kernel", steps, lambda: None)


def _run(net: Any, arm: str, steps: Plan, before_the_end: Any) -> Run:
    waiting, met, _ = program(steps, before_the_end)(net)
    calls = net.trace.calls()
    end = next(at for at, event in enumerate(calls) if event.call == "shutdown")
    return Run(arm, net.trace, tuple(calls[:end]), (waiting, met))


def trial(steps: Plan, seed: int) -> Trial:
    """Play a program on both arms. Raises `realnet.NamespaceRefused`."""
    model, fired = on_model(steps, seed)
    kernel, runs = on_kernel(steps, seed), 1
    while runs < MOST_RUNS:
        again, runs = on_kernel(steps, seed), runs + 1
        if difference(steps, kernel, again) is None:
            return Trial(len(model.calls), runs, difference(steps, model, kernel), True, fired)
        kernel = again
    return Trial(len(model.calls), runs, difference(steps, model, kernel), False, fired)


def difference(steps: Plan, one: Run, other: Run) -> Difference | None:
    """Where two runs of one program first differ."""
    for row in compare(Scenario("program", Path("programs.py"), 1, "", program(steps)), one, other).rows:
        if not row.equal:
            return _of_row(row)
    for what, a, b in zip(("who waits on what", "what the threads met"), one.returned, other.returned, strict=True):
        if a != b:
            return Difference(what, "", str(a), str(b))
    return None


def _of_row(row: Row) -> Difference:
    event = row.model or row.kernel
    assert event is not None
    if row.model is None or row.kernel is None:
        made = (_NOT_MADE if each is None else "this call" for each in (row.model, row.kernel))
        return Difference(f"{event.call}: made by one arm only", row.call, *made)
    if not row.same_answer:
        answers = answer_text(row.model), answer_text(row.kernel)
        return Difference(f"{event.call}: answer", row.call, *answers)
    first = row.differences[0]
    where = f"{first.field} of {first.socket} is "
    return Difference(f"{event.call}: {first.field}", row.call, f"{where}{first.model}", f"{where}{first.kernel}")
