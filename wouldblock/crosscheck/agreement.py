"""How often is a whole sequence equal? The kernel's own repeatability is the measure.

A sequence is made from its seed on the model alone, then played on the kernel three times, each time on fresh sockets.
If the three runs show the same at every step, the kernel has an answer of its own, and the model is asked for it: it
follows one of the recordings, and every answer and everything observed must be equal to the last call. If they do not,
no model could have foretold it, and the sequence counts for neither. The one that is followed is the quickest: an
interruption within a call, of which nobody outside knows where, is the least likely there.

Sequences come in families and lengths. Some pause now and then, so that delayed acknowledgements, tail probes and
probes of a closed window fall due.

Not here: the random check itself, which looks for what is wrong and shrinks it (walk.py).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import attrs

from model.choices import Seeded
from model.profiles import LINUX
from model.values.observation import Observation
from realnet.namespace import Namespace
from realnet.page import FreshPage

from .operations import FAMILIES, Operation, describe, next_operation, prelude
from .pair import Pair, Step
from .places import LOOPBACK, Place
from .recording import Recording, Shown, record
from .repeating import named

TIMES = 3
"""How often the kernel has to show the same."""
PAUSING, MOST_PAUSES = 30, 2
"""One sequence in so many pauses, at most so often."""
PAUSES_MS = (50, 250)
CALL_NS = 20_000
"""How long a call takes while a sequence is made up."""
DIFFERENCES_KEPT = 20


@attrs.frozen
class Difference:
    """Where the model left a kernel that repeats itself."""

    family: str
    length: int
    number: int
    step: int
    op: str
    expected: str
    seen: str
    of_time: bool = False
    """Whether the model goes on as the kernel does where work is somewhat quicker or slower (`Place.doubts`): what
    differs then hangs on microseconds within calls, which nobody outside knows.
    """


@attrs.define
class Cell:
    """What was found for one family and length."""

    family: str
    length: int
    sequences: int = 0
    calls: int = 0
    repeated: int = 0
    """Sequences that the kernel showed the same way each time."""
    equal: int = 0
    """Of those, the ones that the model showed as well, to the last call."""
    kernel_s: float = 0.0
    model_s: float = 0.0
    """Time that one run on the kernel took, and that the model took to follow and to be compared, without pauses."""


@attrs.define
class Agreement:
    """The result, complete at any moment."""

    seed: int
    where: str = "loopback"
    """Between which sockets, and with which settings if not the pinned ones."""
    kernel: str = ""
    settings: dict[str, str] = attrs.Factory(dict)
    cells: list[Cell] = attrs.Factory(list)
    differences: list[Difference] = attrs.Factory(list)
    """The first few of each family and length."""
    seconds: float = 0.0
    interrupted: bool = False

    @property
    def agreed(self) -> bool:
        return all(cell.equal == cell.repeated for cell in self.cells)

    def to_json(self) -> dict[str, Any]:
        return {**attrs.asdict(self), "seconds": round(self.seconds, 3)}


Progress = Callable[[Agreement], None]


def made(family: str, length: int, seed: int, number: int, place: Place = LOOPBACK) -> list[Operation]:
    """The operations of one sequence, made up on the model alone: the same for the same arguments."""
    source = random.Random(f"{seed}/{family}/{length}/{number}")
    draw = source.randrange
    arm = place.model(place.made_at, Seeded(number), LINUX)
    pauses = set(source.sample(range(10, length), MOST_PAUSES)) if length > 20 and draw(PAUSING) == 0 else set()
    todo = prelude(family, draw)
    operations: list[Operation] = []
    for at in range(length):
        if at < len(todo):
            op = todo[at]
        elif at in pauses:
            op = ("pause", PAUSES_MS[draw(len(PAUSES_MS))])
        else:
            op = next_operation(family, arm.sockets(), arm.host, draw)
        arm.host.sleep_until(arm.host.now_ns + (op[1] * 1_000_000 if op[0] == "pause" else CALL_NS))
        if arm.has_all(op):
            arm.perform(op)
            operations.append(op)
    return operations


class _Agreeing:
    """The comparison in progress, in a namespace that was entered."""

    def __init__(self, report: Agreement, page: FreshPage, place: Place) -> None:
        self.report, self.page, self.place = report, page, place
        self.homes = 0

    def sequence(self, cell: Cell, number: int) -> None:
        operations = made(cell.family, cell.length, self.report.seed, number, self.place)
        runs = [self._record(operations) for _ in range(TIMES)]
        first = runs[0][1]
        paused_s = sum(op[1] for op in operations if op[0] == "pause") / 1000
        cell.kernel_s += (first[-1].looked_ns - first[0].began_ns) / 1e9 - paused_s
        cell.sequences += 1
        cell.calls += len(runs[0][1])
        if any(_shown(run) != _shown(runs[0][1]) for _, run in runs[1:]):
            return
        cell.repeated += 1
        began = time.monotonic()
        followed = cell, number, *min(runs, key=lambda run: _spent_ns(run[1]))
        difference = self._follow(self.place, *followed)
        cell.model_s += time.monotonic() - began
        if difference is None:
            cell.equal += 1
        elif cell.repeated - cell.equal <= DIFFERENCES_KEPT:
            steps = [self._follow(place, *followed) for place in self.place.doubts()]
            of_time = any(other is None or other.step > difference.step for other in steps)
            self.report.differences.append(attrs.evolve(difference, of_time=of_time))

    def _record(self, operations: list[Operation]) -> tuple[str, list[Shown]]:
        self.homes += 1
        home = self.place.home(self.homes)
        return home, record(operations, home, self.page, self.place)

    def _follow(self, place: Place, cell: Cell, number: int, home: str, run: list[Shown]) -> Difference | None:
        pair = Pair(home, number, None, recording=Recording(run), place=place)
        for at, shown in enumerate(run):
            step = pair.step(shown.op)
            wrong = _left(step) if step.left else step.wrong
            if wrong is not None:
                return Difference(cell.family, cell.length, number, at, describe(shown.op), *wrong)
        return None


def _spent_ns(run: list[Shown]) -> int:
    """How long its calls took, pauses apart."""
    return sum(shown.ended_ns - shown.began_ns for shown in run if shown.op[0] != "pause")


def _left(step: Step) -> tuple[str, str]:
    """What differs where the model could not go on, because whether a timer had fired was open before."""
    for number, theirs, ours in zip(step.numbers, step.kernel_seen, step.model_seen, strict=True):
        for field, a, b in zip(Observation._fields, theirs, ours, strict=True):
            if a != b:
                return f"after a timer that may have fired: {field} of s{number} is {b}", str(a)
    return f"after a timer that may have fired: {step.model}", str(step.kernel)


def _shown(run: list[Shown]) -> list[Any]:
    return [(shown.op, *what) for shown, what in zip(run, named([(s.answer, s.seen) for s in run]), strict=True)]


def agree(
    seed: int = 1, sequences: int | None = None, seconds: float | None = None, families: Sequence[str] = FAMILIES,
    lengths: Sequence[int] = (60, 200, 1000), progress: Progress | None = None, only: int | None = None,
    place: Place = LOOPBACK,
) -> Agreement:  # fmt: skip
    """Compare until each family and length has had `sequences` of them, or its share of `seconds`.

    `only` plays the sequence of this number alone. Ctrl-C ends it, and the report says so. Raises
    `realnet.NamespaceRefused` where no private namespace may be made, or none with such settings, and `PlaceRefused`
    where the kernel makes no such place.
    """
    report = Agreement(seed, place.where, cells=[Cell(family, length) for family in families for length in lengths])
    with Namespace(place.settings) as namespace, place.opened() as settings, FreshPage() as page:
        report.kernel, report.settings = namespace.kernel, {**namespace.settings, **settings}
        run = _Agreeing(report, page, place)
        began = time.monotonic()
        try:
            for at, cell in enumerate(report.cells):
                until = None if seconds is None else began + seconds * (at + 1) / len(report.cells)
                for number in _numbers(sequences, until, only):
                    run.sequence(cell, number)
                    report.seconds = time.monotonic() - began
                    if progress is not None:
                        progress(report)
        except KeyboardInterrupt:
            report.interrupted = True
        report.seconds = time.monotonic() - began
    return report


def _numbers(sequences: int | None, until: float | None, only: int | None) -> Iterator[int]:
    if only is not None:
        yield only
        return
    number = 0
    while (sequences is None or number < sequences) and (until is None or time.monotonic() < until):
        yield number
        number += 1
