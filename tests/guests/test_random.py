"""Random programs of several threads on both arms, and the walk over many: a planted fault is found and made short.

Not here: programs with a purpose (test_threads.py), the command line (tests/cli).
"""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from model import SimNet
from model.tcp.machine import TCP
from model.values.results import Done
from model.waiting.scheduling import THREAD
from realnet import NamespaceRefused
from wouldblock.threadwalk.both import Difference, on_model, trial
from wouldblock.threadwalk.programs import Plan, plan
from wouldblock.threadwalk.shrinking import Trial, only, shrink
from wouldblock.threadwalk.walking import walk


def both(seed: int) -> None:
    try:
        tried = trial(plan(seed), seed)
    except NamespaceRefused as refusal:
        pytest.skip(f"the running kernel is out of reach: {refusal.strerror}")
    assert tried.steady, "the kernel does not show the same three times running"
    assert tried.difference is None
    assert tried.calls
    assert tried.fired


@pytest.mark.parametrize("seed", range(6))
def test_threads_meet_the_same_on_both_arms(seed: int) -> None:
    both(seed)


def test_the_same_seed_gives_the_same_run_and_others_give_others() -> None:
    def trace(seed: int, chosen: int) -> list[str]:
        run, _ = on_model(plan(seed), chosen, [])
        return [str(attrs.astuple(event)) for event in run.calls]

    assert trace(4, 1) == trace(4, 1)
    assert len({tuple(trace(4, chosen)) for chosen in range(8)}) > 1


def test_arrows_are_counted_until_the_program_ends_itself() -> None:
    steps: Plan = [[("recv", "server", 10)], [("send", "client", 10)]]
    _, fired = on_model(steps, 1, [])
    times = {arrow.rule.name: count for arrow, count in fired.items() if arrow.machine == THREAD.name}
    assert times["thread_waits"] >= times["thread_is_woken"] + times["wait_runs_out"] > 0
    with SimNet() as net:
        so_far = net.count_arrows()
        net.socket.socket().close()
        net.socket.socket().close()
    assert sorted((arrow.rule.name, times) for arrow, times in so_far().items()) == [
        ("close_without_connection", 2), ("descriptor_closes", 2), ("tcp_socket_opens", 2),
    ]  # fmt: skip


def test_some_steps_alone() -> None:
    steps: Plan = [[("get",), ("accept",)], [("receive",)], [("put", 1), ("get",)]]
    assert only(steps, [(0, 0), (2, 1)]) == [[("get",)], [], [("get",)]]


@pytest.mark.parametrize("wanted", [{(1, 0)}, {(0, 1), (2, 0)}])
def test_what_is_not_needed_goes(wanted: set[tuple[int, int]]) -> None:
    steps: Plan = [[("put", 1), ("put", 2)], [("put", 3)], [("put", 4), ("put", 5), ("put", 6)]]
    needed = {steps[number][at] for number, at in wanted}
    found = Difference("a kind", "", "", "")

    def try_all(trials: list[Trial]) -> list[Difference | None]:
        return [found if needed <= {step for mine in tried for step in mine} else None for tried, *_ in trials]

    shrunk = shrink(steps, 1, found, try_all)
    assert shrunk.again
    assert {step for mine in shrunk.steps for step in mine} == needed
    assert not shrink(steps, 1, found, lambda trials: [None for _ in trials]).again


def walked(**options: Any) -> Any:
    try:
        return walk(**options)
    except NamespaceRefused as refusal:
        pytest.skip(f"the running kernel is out of reach: {refusal.strerror}")


@pytest.mark.slow
def test_a_range_of_programs() -> None:
    report = walked(seed=6, sequences=24)
    assert report.differences == []
    assert (report.sequences, report.equal + report.unsteady) == (24, 24)
    assert report.unsteady < 3
    assert report.compared > 240
    assert {"thread_is_chosen", "thread_waits", "thread_is_woken", "thread_yields"} <= set(report.rules)
    assert report.arrows["thread:thread_waits:RUNNING>WAITING"] == report.rules["thread_waits"]


def test_a_wrong_rule_is_found_and_its_program_made_short() -> None:
    undo = TCP.replace("send_takes_everything", body=lambda tcb, taken, wanted, flags, host: Done(taken + 1))
    try:
        report = walked(seed=50, sequences=2)
    finally:
        undo()
    (kind,) = report.kinds()
    assert kind == "send: answer"
    (short,) = [each for each in report.differences if each.again]
    assert len(short.steps) == 1
    assert int(short.model) == int(short.kernel) + 1
