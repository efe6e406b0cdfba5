"""A program of several threads on both arms: the same calls in the same order, with the same answers, the same accounts
of every socket after each, and the same threads waiting in the same calls in the end.

Compared is what happens until the program shuts its sockets to end itself. That wakes many threads at once, and in
which order they then get at the socket is the kernel's to say.

The kernel's threads take real time for their calls, half a millisecond each and more when the machine is busy; in
the midst of them timers of TCP's fire, and pauses end. So the kernel runs first, and the model makes each call in the
moment when the kernel was seen to make it, both from the same tick on.

The kernel's answer is what it shows three times running. What a long send finds in its buffers hangs on whether the
machine interrupts it: packets then wait for another thread of the kernel's. Ahead of everything else that runs
(sched(7), SCHED_FIFO), a program is interrupted hardly ever; whoever may not be ahead plays it again more often.

The kernel's timers may be a tick late. So the model is asked in the moments of each of the three runs: where it agrees
in some of them and not in others, a timer decides that was about to fire, and the program counts for neither.

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
from model.profiles import LINUX
from model.rules import Arrow
from realnet import RealNet
from realnet.ticks import WHOLE, wait_for
from wouldblock.scenarios import Run, Scenario
from wouldblock.sidebyside import Row, compare
from wouldblock.wording import answer_text

from .programs import Plan, program

_NOT_MADE = "no such call"
Moments = list[list[int]]
"""When a thread was about to make a call or to set the alarm, and when it did so, in nanoseconds since the trace began;
in the order of the former.
"""
TIMES, MOST_RUNS = 3, 8
"""How often the kernel has to show the same, one time behind the other, and how often it is asked at most."""


@attrs.frozen
class Difference:
    """The first thing that differs: in `call`, or in what the threads met."""

    kind: str
    call: str
    model: str
    kernel: str


@attrs.frozen
class Trial:
    """What came of it. `fired` are the arrows of the model; `steady` is whether there is a verdict: the kernel has an
    answer of its own, and whether the model gives it does not hang on the moments.
    """

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


def on_model(steps: Plan, seed: int, moments: Moments) -> tuple[Run, Counter[Arrow]]:
    """The model's run, its threads chosen by `seed` and its calls made in these moments, as far as there are any; and
    the arrows that fired until the program ended itself.
    """
    fired: Counter[Arrow] = Counter()
    with SimNet(seed) as net:
        so_far = net.count_arrows()
        _keep_moments(net._guests, moments)
        return _run(net, "model", steps, lambda: fired.update(so_far())), fired


def on_kernel(steps: Plan, seed: int) -> tuple[Run, Moments]:
    """One run of the kernel's, its threads chosen as the model's are, and when it made its calls. Raises
    `realnet.NamespaceRefused`.
    """
    moments: Moments = []
    with ahead_of_others(), RealNet(seed) as net:
        wait_for(LINUX.first_tick % WHOLE, 0)
        net._recorder.start()
        _note_moments(net._guests, moments)
        return _run(net, "kernel", steps, lambda: None), moments


def _note_moments(guests: Any, moments: Moments) -> None:
    def noted(function: Any) -> Any:
        def call(*args: Any) -> None:
            moments.append([guests.now_ns])
            mine = moments[-1]
            function(*args)
            mine.append(guests.now_ns)

        return call

    guests.step, guests.set_alarm = noted(guests.step), noted(guests.set_alarm)


def _keep_moments(guests: Any, moments: Moments) -> None:
    told = iter(moments)

    def kept(function: Any) -> Any:
        def call(*args: Any) -> None:
            mine = next(told, [])
            for moment in mine[:1]:
                guests.pass_until(moment)
            function(*args)
            for moment in mine[1:]:
                guests.pass_until(moment)
            guests.handle()

        return call

    guests.step, guests.set_alarm = kept(guests.step), kept(guests.set_alarm)


def _run(net: Any, arm: str, steps: Plan, before_the_end: Any) -> Run:
    waiting, met, _ = program(steps, before_the_end)(net)
    calls = net.trace.calls()
    end = next(at for at, event in enumerate(calls) if event.call == "shutdown")
    return Run(arm, net.trace, tuple(calls[:end]), (waiting, met))


def trial(steps: Plan, seed: int) -> Trial:
    """Play a program on both arms. Raises `realnet.NamespaceRefused`."""
    alike, runs = [on_kernel(steps, seed)], 1
    while len(alike) < TIMES and runs < MOST_RUNS:
        again, runs = on_kernel(steps, seed), runs + 1
        alike = [*alike, again] if difference(steps, alike[-1][0], again[0]) is None else [again]
    found: list[Difference | None] = []
    for kernel, moments in alike:
        model, fired = on_model(steps, seed, moments)
        found.append(difference(steps, model, kernel))
    agreed = found.count(None)
    return Trial(len(model.calls), runs, found[-1], len(alike) == TIMES and agreed in (0, TIMES), fired)


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
