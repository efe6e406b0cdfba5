"""A range of programs on both arms, several at once, counted into one report.

Not here: shrinking what differs (shrinking.py), the screen (wouldblock/threadchecking.py).
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable
from functools import partial

import attrs

from model.trail import by_name
from wouldblock import walks
from wouldblock.walks import Found

from .both import TIMES, Difference, trial
from .programs import Plan, plan
from .report import ThreadReport
from .shrinking import Shrunk, Trial, attempt, shrink

WORKERS = os.cpu_count() or 1
"""Each thread is to be ahead of all others on a processor of its own."""
SHRUNK_MOST = 3
"""So many kinds of difference are shrunk; the others are told as they are."""

Progress = Callable[[ThreadReport], None]


@attrs.frozen
class Compared:
    """One program, played on both arms."""

    seed: int
    steps: Plan
    calls: int
    runs: int
    steady: bool
    difference: Difference | None
    rules: Counter[str]
    arrows: Counter[str]


def compare(seed: int) -> Compared:
    """The program of this seed on both arms. Raises `realnet.NamespaceRefused`."""
    steps = plan(seed)
    tried = trial(steps, seed)
    return Compared(seed, steps, tried.calls, tried.runs, tried.steady, tried.difference, *by_name(tried.fired))


def walk(
    seed: int = 1, sequences: int | None = None, seconds: float | None = None, progress: Progress | None = None,
    workers: int = WORKERS, shrinking: bool = True,
) -> ThreadReport:  # fmt: skip
    """Play programs with the seeds `seed`, `seed` + 1, … until `sequences` were begun or `seconds` have passed,
    whichever comes first; those begun are played to their end.

    `progress` is called some times a second with the report so far. Ctrl-C ends the walk and the report says so.
    Raises `realnet.NamespaceRefused` where no private namespace may be made.
    """
    report = ThreadReport(seed)
    began = time.monotonic()
    differing: list[Compared] = []
    with walks.workers(workers, report) as pool:

        def try_all(trials: list[Trial]) -> list[Difference | None]:
            return pool.starmap(attempt, trials, chunksize=1)

        walks.play_all(
            pool, workers, compare, partial(_count, report, differing), report, sequences, seconds, progress
        )  # fmt: skip
        if shrinking:
            first = {each.difference.kind: each for each in reversed(differing) if each.difference}
            for one in list(first.values())[:SHRUNK_MOST]:
                assert one.difference is not None
                _tell(report, one, shrink(one.steps, one.seed, one.difference, try_all))
    report.seconds = time.monotonic() - began
    report.differences.sort(key=lambda each: each.seed)
    return report


def _count(report: ThreadReport, differing: list[Compared], one: Compared) -> None:
    report.sequences += 1
    report.steps += sum(map(len, one.steps))
    report.repeated += one.runs - TIMES
    if not one.steady:
        report.unsteady += 1
    elif one.difference is None:
        report.equal += 1
        report.compared += one.calls
        report.rules.update(one.rules)
        report.arrows.update(one.arrows)
    else:
        differing.append(one)
        report.differences.append(_found(one.seed, one.steps, one.difference))


def _found(seed: int, steps: Plan, found: Difference, again: bool | None = None) -> Found:
    lines = [f"t{number}: {step}" for number, mine in enumerate(steps) for step in mine]
    return Found(seed, found.kind, found.call, found.model, found.kernel, lines, again=again)


def _tell(report: ThreadReport, one: Compared, shrunk: Shrunk) -> None:
    """Put the shrunk program in the place of the one that was found."""
    at = next(at for at, each in enumerate(report.differences) if each.seed == one.seed)
    report.differences[at] = _found(one.seed, shrunk.steps, shrunk.difference, shrunk.again)
