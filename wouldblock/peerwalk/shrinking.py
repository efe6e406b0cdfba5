"""A differing sequence made shorter: steps are left out while the same kind of difference remains.

What lies behind the difference goes first. Then parts are left out, halves before quarters before single steps; those
of one size are tried at once, for each is played in real time on the kernel. The time of a step that is left out
passes all the same, so the others stay as far from every timer as they were. The number of plays and their time are
bounded.

Not here: which sequences (walking.py), the script (scripting.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import attrs

from wouldblock.packetscript.reader import Beyond

from .both import trial
from .comparing import Difference
from .scripting import script
from .steps import Sequence, Step

MOST_PLAYS, MOST_SECONDS = 120, 20.0
OPENING = 2
"""So many steps stay: a socket that does not block."""

Trial = tuple[Sequence, str]
TryAll = Callable[[list[Trial]], Iterable[Difference | None]]
"""Plays sequences, side by side where it can. For each the difference of that kind that it shows, if it does."""


@attrs.frozen
class Shrunk:
    """The shortest sequence found. `again` says whether the difference was seen a second time at all."""

    sequence: Sequence
    difference: Difference
    again: bool
    script: str = ""


def attempt(sequence: Sequence, kind: str) -> Difference | None:
    """The difference of this kind in a sequence, if it shows it beyond doubt."""
    try:
        tried = trial(sequence)
    except Beyond:
        return None
    found = tried.difference
    return found if found is not None and found.kind == kind and not tried.doubtful else None


def shrink(sequence: Sequence, found: Difference, try_all: TryAll) -> Shrunk:
    """`sequence` with as few steps as show the difference `found`, within `MOST_PLAYS` plays and
    about `MOST_SECONDS`.
    """
    until = time.monotonic() + MOST_SECONDS
    kind, steps = found.kind, sequence.steps[: found.step + 1]
    best = attrs.evolve(sequence, steps=steps)
    (again,) = try_all([(best, kind)])
    if again is None:
        return Shrunk(best, found, again=False)
    size, plays = max(len(steps) // 2, 1), 1
    while plays < MOST_PLAYS and time.monotonic() < until:
        last = len(best.steps) - 1
        parts = [range(low, min(low + size, last)) for low in range(OPENING, last, size)]
        trials = [(without(best, [part]), kind) for part in parts]
        plays += len(trials)
        ways = [
            (part, trial[0], seen) for part, trial, seen in zip(parts, trials, try_all(trials), strict=True) if seen
        ]
        if len(ways) > 1:
            together = without(best, [part for part, _, _ in ways])
            plays += 1
            (seen,) = try_all([(together, kind)])
            if seen is not None:
                ways = [(ways[0][0], together, seen)]
        if ways:
            _, best, found = ways[0]
            best = attrs.evolve(best, steps=best.steps[: found.step + 1])
        elif size == 1 or not parts:
            break
        size = max(min(size // (1 if ways else 2), len(best.steps) // 2), 1)
    return Shrunk(best, found, again=True, script=script(best, found))


def without(sequence: Sequence, parts: list[range]) -> Sequence:
    """The sequence without some of its steps; their time passes before the step behind."""
    gone = {at for part in parts for at in part}
    kept: list[Step] = []
    waited = 0
    for at, step in enumerate(sequence.steps):
        waited += step.gap_ms
        if at not in gone:
            kept.append(attrs.evolve(step, gap_ms=waited))
            waited = 0
    return attrs.evolve(sequence, steps=tuple(kept))
