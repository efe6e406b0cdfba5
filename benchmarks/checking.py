"""The cross-check: checked calls per second, against the kernel alone and against Hypothesis' own loop.

Four arms, in turns:

- the walk of `wouldblock check`, the same sequences each round, on fresh addresses;
- that walk without the few sequences that sleep now and then, so that what is left is work;
- the very calls that those sequences had made, on the kernel alone: no model, no looking at sockets, no comparing;
- Hypothesis running a state machine whose rules do nothing.

Not here: whether the arms agree, which is what `wouldblock check` is for.
"""

from __future__ import annotations

import time
from statistics import median

from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from realnet.diag import Diag
from realnet.page import FreshPage
from wouldblock.crosscheck.arms import KernelArm
from wouldblock.crosscheck.operations import Operation
from wouldblock.crosscheck.places import home_address
from wouldblock.crosscheck.walk import LENGTH, Walk

from .rounds import Effort, Row, in_turns, ratio

SECTION = "cross-check"
WALK, BUSY, ALONE, HYPOTHESIS = "walk, end to end", "walk, sleepless", "kernel alone, same calls", "Hypothesis, empty"
SEED = 1
LEAST_RATE, LEAST_RATIO = 10_000, 4.0
_ELSEWHERE = 1_000_000
"""Where the addresses of the kernel alone begin: the walk never gets so far."""


class Empty(RuleBasedStateMachine):
    """A state machine that does nothing, two ways."""

    steps = 0

    @rule()
    def nothing(self) -> None:
        """One step."""
        Empty.steps += 1

    @rule()
    def nothing_else(self) -> None:
        """One step."""
        Empty.steps += 1


class Check:
    """The arms. Each gives seconds for one call or step."""

    def __init__(self, diag: Diag, page: FreshPage, sequences: int) -> None:
        self.sequences = sequences
        self._walk = Walk(SEED, diag, page)
        self._alone = _ELSEWHERE
        self._made: list[list[Operation]] = []
        """The operations of each sequence in the latest turn of the walk that did not sleep."""
        self._busy = 0.0

    def walk(self) -> float:
        """All sequences, as `wouldblock check` runs them."""
        calls = busy_calls = 0
        seconds = busy_seconds = 0.0
        self._made.clear()
        for number in range(self.sequences):
            began = time.perf_counter()
            steps = self._walk.sequence(number)
            took = time.perf_counter() - began
            operations = [step.op for step in steps]
            calls += len(operations)
            seconds += took
            if all(op[0] != "pause" for op in operations):
                busy_calls += len(operations)
                busy_seconds += took
                self._made.append(operations)
        self._busy = busy_seconds / busy_calls
        return seconds / calls

    def busy(self) -> float:
        """What the latest turn of the walk took for the sequences that did not sleep."""
        return self._busy

    def alone(self) -> float:
        """The calls of those sequences on the kernel, and nothing else."""
        calls = 0
        began = time.perf_counter()
        for operations in self._made:
            self._alone += 1
            arm = KernelArm(home_address(self._alone))
            try:
                for op in operations:
                    arm.perform(op)
                    calls += 1
            except KeyError:
                pass  # the kernel gave a socket less than before, and a later call names it: the rest is left out
            finally:
                arm.close()
        return (time.perf_counter() - began) / calls

    def hypothesis(self) -> float:
        """As many steps of Hypothesis, as long a sequence, with nothing in them."""
        Empty.steps = 0
        began = time.perf_counter()
        run_state_machine_as_test(
            Empty,
            settings=settings(
                max_examples=self.sequences,
                stateful_step_count=LENGTH,
                database=None,
                deadline=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
                verbosity=Verbosity.quiet,
            ),
        )
        return (time.perf_counter() - began) / Empty.steps


def measure(effort: Effort) -> list[Row]:
    """A row for each arm. To be called inside a namespace."""
    with Diag() as diag, FreshPage() as page:
        check = Check(diag, page, effort.sequences)
        arms = {WALK: check.walk, BUSY: check.busy, ALONE: check.alone, HYPOTHESIS: check.hypothesis}
        found = in_turns(effort.long_rounds, arms)
    rate = {arm: 1 / median(seconds) for arm, seconds in found.items()}
    faster = ratio(found[HYPOTHESIS], found[WALK])
    slower = ratio(found[BUSY], found[ALONE])
    calls, steps = "calls/s", "steps/s"
    return [
        Row(SECTION, WALK, "rate", rate[WALK], calls, budget="≥ 10,000", within=rate[WALK] >= LEAST_RATE),
        Row(
            SECTION, WALK, "against Hypothesis", rate[WALK], calls, faster, "Hypothesis' rate",
            budget="≥ 4", within=faster.median >= LEAST_RATIO,
        ),
        Row(SECTION, BUSY, "against the kernel", rate[BUSY], calls, slower, "kernel's time"),
        Row(SECTION, ALONE, "rate", rate[ALONE], calls),
        Row(SECTION, HYPOTHESIS, "rate", rate[HYPOTHESIS], steps),
    ]  # fmt: skip
