"""A differing program made shorter: steps are left out while the same kind of difference remains.

The steps of all threads are cut into parts, two at first and ever more. If a part alone shows the difference, or all
but one do, that is gone on with (Zeller and Hildebrandt, Simplifying and Isolating Failure-Inducing Input, 2002). What
can be tried is tried at once, for each program is played in real time on the kernel. The number of plays and their time
are bounded.

Not here: which programs (walking.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import attrs

from .both import Difference, trial
from .programs import Plan

MOST_PLAYS, MOST_SECONDS = 150, 60.0

Part = list[tuple[int, int]]
"""Steps: the number of a thread, and the place among its steps."""
Trial = tuple[Plan, int, str]
TryAll = Callable[[list[Trial]], Iterable[Difference | None]]
"""Plays programs, side by side where it can. For each the difference of that kind that it shows, if it does."""


@attrs.frozen
class Shrunk:
    """The shortest program found. `again` says whether the difference was seen a second time at all."""

    steps: Plan
    difference: Difference
    again: bool


def attempt(steps: Plan, seed: int, kind: str) -> Difference | None:
    """The difference of this kind in a program, if the kernel has an answer of its own."""
    tried = trial(steps, seed)
    found = tried.difference
    return found if tried.steady and found is not None and found.kind == kind else None


def shrink(steps: Plan, seed: int, found: Difference, try_all: TryAll) -> Shrunk:
    """`steps` with as few of them as show the difference `found`, within `MOST_PLAYS` plays and
    about `MOST_SECONDS`.
    """
    until, kind, plays = time.monotonic() + MOST_SECONDS, found.kind, 1
    (again,) = try_all([(steps, seed, kind)])
    if again is None:
        return Shrunk(steps, found, again=False)
    left: Part = [(number, at) for number, mine in enumerate(steps) for at in range(len(mine))]
    cuts = 2
    while 1 < len(left) >= cuts and plays < MOST_PLAYS and time.monotonic() < until:
        parts = [left[len(left) * at // cuts : len(left) * (at + 1) // cuts] for at in range(cuts)]
        others = [[step for step in left if step not in part] for part in parts] if cuts > 2 else []
        tried = parts + others
        plays += len(tried)
        seen = try_all([(only(steps, part), seed, kind) for part in tried])
        shows = next(((at, one) for at, one in enumerate(seen) if one is not None), None)
        if shows is None:
            cuts = len(left) + 1 if cuts == len(left) else min(2 * cuts, len(left))
            continue
        at, found = shows
        left, cuts = tried[at], 2 if at < len(parts) else cuts - 1
    return Shrunk(only(steps, left), found, again=True)


def only(steps: Plan, part: Part) -> Plan:
    """The program with these steps alone. Its threads stay, so that they keep their numbers."""
    return [[step for at, step in enumerate(mine) if (number, at) in part] for number, mine in enumerate(steps)]
