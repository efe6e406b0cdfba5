"""Hypothesis drives the same operations as the walk: model and kernel must answer alike, step by step.

One rule draws one operation: which one, on which socket, with which numbers. So whole programs shrink, towards fewer
operations and smaller numbers. Programs are made up on a model of their own, in virtual time: so what is drawn hangs on
nothing but the draws, whatever the kernel does. A sequence ends where whether a timer has fired was open and comes out
otherwise, or where the kernel does not repeat itself: from there on the model cannot follow (docs/decisions.md).
"""

from __future__ import annotations

import itertools

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from model.choices import Seeded
from model.profiles import LINUX
from model.world.host import Host
from realnet.diag import Diag
from realnet.page import FreshPage
from wouldblock.crosscheck.agreement import CALL_NS
from wouldblock.crosscheck.arms import ModelArm
from wouldblock.crosscheck.operations import DATAGRAM, LIVES, STREAM, Operation, next_operation, prelude
from wouldblock.crosscheck.pair import Pair, Step
from wouldblock.crosscheck.places import home_address
from wouldblock.crosscheck.program import ladder
from wouldblock.crosscheck.repeating import repeats
from wouldblock.crosscheck.walk import Walk

_numbers = itertools.count(1_000_000)


def machine_for(family: str, run: Walk) -> type[RuleBasedStateMachine]:
    """The state machine of one family of operations, on sockets in the namespace that is entered now."""

    class Both(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.pair = Pair(home_address(next(_numbers)), 0, run.diag, run.page)
            self.maker = ModelArm("127.0.0.1", Host("made up", LINUX, Seeded(0)))
            self.steps: list[Step] = []
            self.lost = False

        def perform(self, op: Operation) -> None:
            """On the model that makes programs up, and on both arms if they are so far too."""
            self.maker.host.sleep_until(self.maker.host.now_ns + CALL_NS)
            if self.maker.has_all(op):
                self.maker.perform(op)
            if self.lost or not self.pair.model.has_all(op):
                return
            step = self.pair.step(op)
            self.steps.append(step)
            self.lost = step.left or (step.wrong is not None and not repeats(self.steps, run))
            assert step.wrong is None or self.lost, "\n" + ladder(self.steps)

        @initialize(data=st.data())
        def begin(self, data: st.DataObject) -> None:
            for op in prelude(family, lambda n: data.draw(st.integers(0, n - 1))):
                self.perform(op)

        @rule(data=st.data())
        def operation(self, data: st.DataObject) -> None:
            draw = lambda n: data.draw(st.integers(0, n - 1))  # noqa: E731  # two lines shorter than a function
            self.perform(next_operation(family, self.maker.sockets(), self.maker.host, draw))

        def teardown(self) -> None:
            self.pair.close()

    return Both


@pytest.mark.parametrize("family", [STREAM, LIVES, DATAGRAM])
def test_model_and_kernel_answer_alike(family: str, diag: Diag, page: FreshPage) -> None:
    run_state_machine_as_test(
        machine_for(family, Walk(0, diag, page)),
        settings=settings(
            max_examples=30,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
