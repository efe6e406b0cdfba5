"""A range of sequences on both arms, several at once, counted into one report.

A sequence is real time spent waiting, so many run side by side (wouldblock/walks.py). A sequence whose difference is
doubtful (both.py) runs again, a few times. One that differs beyond doubt is never run again.

Not here: shrinking what differs (shrinking.py), the screen.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from functools import partial

import attrs

from model.trail import by_name
from realnet.ticks import ticks_ahead
from wouldblock import walks
from wouldblock.packetscript.reader import Beyond
from wouldblock.walks import Found

from .both import judged
from .comparing import Difference, segments
from .generating import generate
from .report import PeerReport
from .shrinking import Shrunk, Trial, attempt, shrink
from .steps import Sequence

LENGTH = 30
WORKERS = 12
SHRUNK_MOST = 5
"""So many kinds of difference are shrunk; the others are told as they are."""

Progress = Callable[[PeerReport], None]


@attrs.frozen
class Compared:
    """One sequence, played on both arms. `difference` is None if they were equal."""

    seed: int
    sequence: Sequence
    difference: Difference | None
    segments: int = 0
    attempts: int = 1
    doubtful: bool = False
    rules: Counter[str] = attrs.Factory(Counter)
    arrows: Counter[str] = attrs.Factory(Counter)


def compare(seed: int, length: int = LENGTH) -> Compared:
    """The sequence of this seed on both arms. Raises `realnet.NamespaceRefused`."""
    sequence = Sequence(3, False, ())
    try:
        sequence = generate(seed, length)
        tried, plays = judged(sequence)
    except Beyond as beyond:
        return Compared(seed, sequence, Difference("the model has no answer", 0, beyond.what, ""))
    if tried.difference is not None:
        return Compared(seed, sequence, tried.difference, 0, plays, tried.doubtful)
    rules, arrows = by_name(tried.fired)
    return Compared(seed, sequence, None, segments(tried.model.seen), plays, rules=rules, arrows=arrows)


def walk(
    seed: int = 1, sequences: int | None = None, seconds: float | None = None, progress: Progress | None = None,
    length: int = LENGTH, workers: int = WORKERS, shrinking: bool = True,
) -> PeerReport:  # fmt: skip
    """Play sequences with the seeds `seed`, `seed` + 1, … until `sequences` were begun or `seconds` have passed,
    whichever comes first; those begun are played to their end.

    `progress` is called some times a second with the report so far. Ctrl-C ends the walk and the report says so.
    Raises `realnet.NamespaceRefused` where no private namespace may be made.
    """
    report = PeerReport(seed)
    began = time.monotonic()
    ticks_ahead()  # learnt once, for all
    differing: list[Compared] = []
    with walks.workers(workers, report) as pool:

        def try_all(trials: list[Trial]) -> list[Difference | None]:
            return pool.starmap(attempt, trials, chunksize=1)

        play = partial(compare, length=length)
        count = partial(_count, report, differing)
        walks.play_all(pool, workers, play, count, report, sequences, seconds, progress)
        if shrinking:
            first = {d.kind: each for each in reversed(differing) if (d := each.difference) and each.sequence.steps}
            for one in list(first.values())[:SHRUNK_MOST]:
                assert one.difference is not None
                _tell(report, one, shrink(one.sequence, one.difference, try_all))
    report.seconds = time.monotonic() - began
    report.differences.sort(key=lambda each: each.seed)
    return report


def _count(report: PeerReport, differing: list[Compared], one: Compared) -> None:
    report.sequences += 1
    report.steps += len(one.sequence.steps)
    report.repeated += one.attempts - 1
    if one.difference is None:
        report.equal += 1
        report.segments += one.segments
        report.rules.update(one.rules)
        report.arrows.update(one.arrows)
    elif one.doubtful:
        report.late += 1
    else:
        differing.append(one)
        report.differences.append(_found(one.seed, one.sequence, one.difference))


def _found(seed: int, sequence: Sequence, found: Difference, script: str = "", again: bool | None = None) -> Found:
    steps = [str(step) for step in sequence.steps[: found.step + 1]]
    return Found(seed, found.kind, steps[-1] if steps else "", found.model, found.kernel, steps, script, again)


def _tell(report: PeerReport, one: Compared, shrunk: Shrunk) -> None:
    """Put the shrunk sequence in the place of the one that was found."""
    at = next(at for at, each in enumerate(report.differences) if each.seed == one.seed)
    report.differences[at] = _found(one.seed, shrunk.sequence, shrunk.difference, shrunk.script, shrunk.again)
