"""Random programs of several threads on both arms: the same calls in the same order, with the same answers, the same
accounts of every socket after each, and the same threads waiting in the same calls in the end.

Compared is what happens until the program shuts its sockets to end itself. That wakes many threads at once, and in
which order they then get at the socket is the kernel's to say.

Not here: programs with a purpose (test_threads.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest

from model import SimNet
from realnet import NamespaceRefused, RealNet
from wouldblock.scenarios import Run, Scenario
from wouldblock.sidebyside import compare

from .programs import plan, program

MOST_RUNS = 5


def run(arm: str, net_class: Any, seed: int) -> Run:
    """The program of this seed, its threads chosen by it too; the calls until it shuts its sockets."""
    with net_class(seed) as net:
        waiting, met, _ = program(plan(seed))(net)
        calls = net.trace.calls()
    end = next(at for at, event in enumerate(calls) if event.call == "shutdown")
    return Run(arm, net.trace, tuple(calls[:end]), (waiting, met))


def unequal(seed: int, one: Run, other: Run) -> list[str]:
    """The calls that differ; those that only one has are among them."""
    rows = compare(Scenario("program", Path("programs.py"), 1, "", program(plan(seed))), one, other).rows
    return [row.call for row in rows if not row.equal]


def on_kernel(seed: int) -> Run:
    """What the kernel shows twice running: a single run may hang on when the machine interrupted it."""
    try:
        runs = [run("kernel", RealNet, seed) for _ in range(2)]
        while unequal(seed, runs[-2], runs[-1]):
            assert len(runs) < MOST_RUNS, "the kernel does not show the same twice running"
            runs.append(run("kernel", RealNet, seed))
    except NamespaceRefused as refusal:
        pytest.skip(f"the running kernel is out of reach: {refusal.strerror}")
    return runs[-1]


def both(seed: int) -> None:
    model, kernel = run("model", SimNet, seed), on_kernel(seed)
    assert kernel.returned == model.returned
    assert unequal(seed, model, kernel) == []


@pytest.mark.parametrize("seed", range(6))
def test_threads_meet_the_same_on_both_arms(seed: int) -> None:
    both(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6, 40))
def test_more_threads_meet_the_same_on_both_arms(seed: int) -> None:
    both(seed)


def test_the_same_seed_gives_the_same_run_and_others_give_others() -> None:
    def trace(seed: int, chosen: int) -> list[str]:
        with SimNet(chosen) as net:
            program(plan(seed))(net)
            return [str(attrs.astuple(event)) for event in net.trace.events if event.kind == "call"]

    assert trace(4, 1) == trace(4, 1)
    assert len({tuple(trace(4, chosen)) for chosen in range(8)}) > 1
