"""How anything is measured here: in turns, as many rounds as it takes, and by medians.

An *arm* is a function that works for a few milliseconds and says how long one piece of its work took. The arms of a
comparison take turns: one round is each arm once. What disturbs the machine for longer than a round disturbs all of
them alike and cancels in the round's ratio; what disturbs one turn is one of many, and a median passes it over.

Not here: what the arms do.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from statistics import median, quantiles

import attrs

Arm = Callable[[], float]
Loop = Callable[[int], None]
"""A piece of work, done so many times."""

NS_PER_SECOND = 1_000_000_000


@attrs.frozen
class Effort:
    """How much trouble to take."""

    rounds: int
    """Rounds of short turns."""
    long_rounds: int
    """Rounds of turns that take a large part of a second."""
    turn_ns: int
    """How long a short turn should take."""
    sequences: int
    """Sequences of the cross-check in a turn."""
    hours: float
    """Virtual time of the timers, in hours."""
    transfer: int
    """Bytes that are sent over a wire."""
    connections: int
    """Connections whose memory is looked at."""


FULL = Effort(
    rounds=60, long_rounds=7, turn_ns=2_000_000, sequences=100, hours=1.0, transfer=1_000_000, connections=10_000
)  # fmt: skip
QUICK = Effort(
    rounds=3, long_rounds=2, turn_ns=200_000, sequences=8, hours=0.02, transfer=100_000, connections=200
)  # fmt: skip


@attrs.frozen
class Ratio:
    """How two arms compare, round by round: the median, and the middle half of the rounds."""

    median: float
    low: float
    high: float


@attrs.frozen
class Row:
    """One line of the result."""

    section: str
    what: str
    arm: str
    value: float
    """The median, in `unit`."""
    unit: str
    ratio: Ratio | None = None
    against: str = ""
    """What the ratio is of, in words; empty without a ratio."""
    budget: str = ""
    within: bool | None = None
    """Whether the budget is kept; None without one."""


class Batch:
    """An arm that repeats a loop often enough to fill a turn, and gives nanoseconds for one time.

    `before` is called before each turn and is not timed.
    """

    def __init__(self, loop: Loop, turn_ns: int, before: Callable[[], object] = lambda: None) -> None:
        self._loop, self._before = loop, before
        self.times = 1
        while self() * self.times < turn_ns:
            self.times *= 2

    def __call__(self) -> float:
        self._before()
        began = time.perf_counter_ns()
        self._loop(self.times)
        return (time.perf_counter_ns() - began) / self.times


def in_turns(rounds: int, arms: Mapping[str, Arm]) -> dict[str, list[float]]:
    """What each arm said in each round.

    Garbage collection stays on, as in any program, but does not walk through what was there before.
    """
    found: dict[str, list[float]] = {name: [] for name in arms}
    gc.collect()
    gc.freeze()
    try:
        for _ in range(rounds):
            for name, arm in arms.items():
                found[name].append(arm())
    finally:
        gc.unfreeze()
    return found


def ratio(ours: list[float], theirs: list[float]) -> Ratio:
    """`ours` by `theirs`, round by round."""
    each = [a / b for a, b in zip(ours, theirs, strict=True)]
    low, _, high = quantiles(each, n=4, method="inclusive")
    return Ratio(median(each), low, high)
