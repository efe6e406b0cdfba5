"""`wouldblock check --threads`: the walk it starts, its verdict, its report, and its confirmations beside the others.

The walk is a fake that returns a report made here.

Not here: the walk itself (tests/guests/test_random.py), what all walks print (test_check_peer.py).
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from wouldblock.confirming import figures, with_walk
from wouldblock.crosscheck.report import Report
from wouldblock.threadwalk.report import ThreadReport
from wouldblock.walks import Found

from .conftest import Invoke, one_sentence

FOUND = Found(7, "send: answer", "s2.send(10)", "11", "10", ["t0: ('send', 'client', 10)"], again=True)
REPORT = ThreadReport(
    seed=1, kernel="6.18.44", sequences=10, steps=80, compared=200, equal=9, unsteady=1, repeated=4, seconds=2.0,
    rules=Counter(thread_waits=5), arrows=Counter({"thread:thread_waits:RUNNING>WAITING": 5}),
)  # fmt: skip


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """How the walk was called."""
    calls: list[Any] = []

    def walk(seed: int, sequences: int | None, seconds: float | None, progress: Any) -> ThreadReport:
        calls.append((seed, sequences, seconds))
        return REPORT

    monkeypatch.setattr("wouldblock.threadwalk.walking.walk", walk)
    return calls


def test_an_agreement(invoke: Invoke, asked: list[Any]) -> None:
    result = invoke("check", "--threads", "--sequences", "5", "--seed", "9", "--json", "threads.json")
    assert result.exit_code == 0
    assert asked == [(9, 5, None)]
    out = " ".join(result.stdout.split())
    assert "5 thread_waits" in out
    assert (
        "Agreed: 10 programs of threads, 80 steps, against kernel 6.18.44 in 2.0 s (seeds from 1); equal 9 (90.00 %) "
        "in 200 calls, different 0, no verdict 1; 4 further runs were needed for "
        "that."
    ) in out
    told = json.loads(Path("threads.json").read_text())
    assert (told["equal"], told["compared"], told["unsteady"], told["repeated"]) == (9, 200, 1, 4)


def test_a_difference(invoke: Invoke, asked: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(REPORT, "differences", [FOUND])
    result = invoke("check", "--threads")
    assert result.exit_code == 1
    out = " ".join(result.stdout.split())
    assert "send: answer: 1 time (seeds 7) seed 7, at s2.send(10) the model shows 11 the kernel shows 10" in out
    assert "t0: ('send', 'client', 10)" in out


@pytest.mark.parametrize(
    "options", [["--threads", "--peer"], ["--threads", "--calls", "5"], ["--threads", "--guest"], ["--threads", "a.py"]]
)
def test_options_that_do_not_belong(invoke: Invoke, asked: list[Any], options: list[str]) -> None:
    assert "--threads" in one_sentence(invoke("check", *options))
    assert not asked


def test_confirmations_add_up_and_stay_apart() -> None:
    loopback = Report(1, rules=Counter(thread_waits=2)).to_json()
    total = with_walk(loopback, REPORT.to_json())
    assert total["rules"]["thread_waits"] == 7
    assert total["threads"]["rules"] == {"thread_waits": 5}
    assert "10 programs of 80 steps, 200 calls; equal 9, different 0" in figures(total)
    with pytest.raises(ValueError, match="--threads"):
        with_walk(total, REPORT.to_json())
