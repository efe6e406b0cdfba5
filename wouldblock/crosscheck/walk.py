"""The raw walk: many short random sequences, each in fresh sockets on both arms, counted into one report.

A sequence's family, length and operations all come from one seed, so a contradiction is found again by its seed.
Every sequence has a loopback address of its own (127.x.y.z), so that connections resting in TIME-WAIT disturb none of
the next.

Not here: shrinking (shrink.py), Hypothesis (the tests drive the same operations).
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable

from realnet.diag import Diag
from realnet.namespace import Namespace
from realnet.page import FreshPage

from .directed import DIRECTED
from .operations import DATAGRAM, LIVES, STREAM, URGENT, Operation, next_operation, prelude
from .pair import Pair, Step
from .places import home_address
from .repeating import repeats
from .report import Report, Unrepeatable
from .running import told
from .shrink import contradiction, replay, shrunk

LENGTH = 60
"""Operations of a sequence."""
WEIGHTED = (STREAM, LIVES, DATAGRAM) * 3 + (URGENT,)
"""The families, each as often as its share of the sequences."""
PAUSING = 200
"""One sequence in so many pauses now and then, to let delayed acknowledgements fall due."""
PAUSE_MS = 60

Progress = Callable[[Report], None]


class Walk:
    """One check in progress, in a namespace that was entered."""

    def __init__(self, seed: int, diag: Diag | None = None, page: FreshPage | None = None) -> None:
        self.report = Report(seed)
        self.seed = seed
        self.diag, self.page = diag, page
        self.number = 0
        self._fired: Counter[object] = Counter()

    def sequence(self, number: int, length: int = LENGTH, family: str | None = None) -> list[Step]:
        """Run one sequence to its end or its first contradiction, and return its steps."""
        source = random.Random(f"{self.seed}/{number}")
        draw = source.randrange
        family = family or WEIGHTED[draw(len(WEIGHTED))]
        pausing = draw(PAUSING) == 0
        self.number += 1
        pair = Pair(home_address(self.number), number, self.diag, self.page)
        steps: list[Step] = []
        try:
            todo: list[Operation] = prelude(family, draw)
            for at in range(length):
                if at < len(todo):
                    op = todo[at]
                    if not pair.model.has_all(op):
                        continue
                elif pausing and draw(12) == 0:
                    op = ("pause", PAUSE_MS)
                else:
                    op = next_operation(family, pair.model.sockets(), pair.model.host, draw)
                step = pair.step(op)
                steps.append(step)
                if step.wrong is not None or step.left:
                    break
        finally:
            pair.close()
        self._judge(number, steps)
        self._count(family, steps)
        return steps

    def _judge(self, number: int, steps: list[Step]) -> None:
        """A difference that the kernel itself does not repeat is noted, and is none of the model's."""
        last = steps[-1] if steps else None
        if last is None or last.wrong is None or repeats(steps, self):
            return
        self._note_unrepeatable(number, last)
        steps.pop()

    def directed(self, operations: list[Operation]) -> list[Step]:
        """Run one of the fixed sequences (directed.py)."""
        number = self.number
        steps = replay(operations, self)
        self._judge(number, steps)
        self._count("directed", steps)
        return steps

    def note(self, steps: list[Step], number: int) -> None:
        """A sequence that contradicts goes into the report, shrunk, if what is left of it contradicts each time too."""
        best = shrunk(steps, self)
        if repeats(best, self):
            self.report.contradictions.append(contradiction(best, self.seed, number))
        else:
            self._note_unrepeatable(number, best[-1])

    def _note_unrepeatable(self, number: int, step: Step) -> None:
        assert step.wrong is not None
        self.report.unrepeatable.append(Unrepeatable(self.seed, number, step.line(), *step.wrong))

    def _count(self, family: str, steps: list[Step]) -> None:
        report = self.report
        report.sequences += 1
        report.calls += len(steps)
        tally = report.families.setdefault(family, {"sequences": 0, "calls": 0, "contradicted": 0})
        tally["sequences"] += 1
        tally["calls"] += len(steps)
        for step in steps:
            if step.wrong is not None:
                tally["contradicted"] += 1
                continue
            report.looked_again += step.looks > 1 and not step.left
            if step.asked:
                report.allowed += 1
                report.left += step.left
                for name in {choice.name for choice in step.asked}:
                    report.choices[name] = report.choices.get(name, 0) + 1
            else:
                report.exact += 1
            for arrow in step.arrows:
                self._fired[arrow] += 1

    def settle(self) -> Report:
        """Bring the report's counts by name up to date."""
        report = self.report
        report.arrows = Counter()
        report.rules = Counter()
        for arrow, times in self._fired.items():
            report.arrows[arrow.key] += times  # type: ignore[attr-defined]
            if arrow.machine == arrow.rule.machine:  # type: ignore[attr-defined]
                report.rules[arrow.rule.name] += times  # type: ignore[attr-defined]
        return report


def walk(
    seed: int = 1, calls: int | None = None, seconds: float | None = None, progress: Progress | None = None,
    most_contradictions: int = 5,
) -> Report:  # fmt: skip
    """Check model against kernel until `calls` were compared or `seconds` have passed, whichever comes first.

    `progress` is called about ten times a second with the report so far. Ctrl-C ends the walk and the report says so.
    Raises `realnet.NamespaceRefused` where no private namespace may be made.
    """
    with Namespace() as namespace, Diag() as diag, FreshPage() as page:
        run = Walk(seed, diag, page)
        run.report.kernel, run.report.settings, run.report.profile = namespace.kernel, namespace.settings, told()
        began = shown = time.monotonic()

        def goes_on() -> bool:
            enough = calls is not None and run.report.calls >= calls
            return not enough and (seconds is None or time.monotonic() - began < seconds)

        directed = iter(DIRECTED)
        try:
            while goes_on():
                number = run.number
                operations = next(directed, None)
                steps = run.sequence(number) if operations is None else run.directed(operations)
                if steps and steps[-1].wrong is not None:
                    run.note(steps, number)
                    if len(run.report.contradictions) >= most_contradictions or run.report.interrupted:
                        break
                now = time.monotonic()
                run.report.seconds = now - began
                if progress is not None and now - shown > 0.1:
                    shown = now
                    progress(run.settle())
        except KeyboardInterrupt:
            run.report.interrupted = True
        run.report.seconds = time.monotonic() - began
        return run.settle()
