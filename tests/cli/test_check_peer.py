"""`wouldblock check --peer`: the walk it starts, what it prints, its report, its exit status, and its confirmations
beside those of loopback.

The walk is a fake that returns a report made here.

Not here: the walk itself (tests/bridge/test_peerwalk.py).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from realnet import NamespaceRefused
from wouldblock.confirming import figures, with_walk
from wouldblock.crosscheck.report import Report
from wouldblock.peerwalk.report import PeerReport
from wouldblock.walks import Found

from .conftest import Invoke, one_sentence

FOUND = Found(
    7, "segment in answer: window", "+0.01 < . 1:1(0) ack 1 win 0", "> . win 1", "> . win 2", ["+0.01 one"],
    "0.010 < . 1:1(0)\n", again=True,
)  # fmt: skip


@attrs.define
class FakeWalk:
    """Stands in for the walk and remembers how it was called."""

    report: PeerReport
    asked: tuple[Any, ...] = ()
    refusal: Exception | None = None

    def __call__(
        self, seed: int, sequences: int | None, seconds: float | None, progress: Callable[[PeerReport], None]
    ) -> PeerReport:
        self.asked = seed, sequences, seconds
        if self.refusal is not None:
            raise self.refusal
        progress(self.report)
        return self.report


@pytest.fixture
def walk(monkeypatch: pytest.MonkeyPatch) -> FakeWalk:
    report = PeerReport(
        seed=1, kernel="6.18.44", sequences=10, steps=300, segments=450, equal=9, late=1, repeated=3, seconds=2.0,
        rules=Counter(ack_is_old=5), arrows=Counter({"tcp:ack_is_old:ESTABLISHED>ESTABLISHED": 5}),
    )  # fmt: skip
    fake = FakeWalk(report)
    monkeypatch.setattr("wouldblock.peerwalk.walking.walk", fake)
    return fake


@pytest.mark.parametrize(
    ("options", "asked"),
    [([], (1, None, 10.0)), (["--sequences", "5", "--seed", "9"], (9, 5, None)), (["--time", "3"], (1, None, 3.0))],
)
def test_limits_reach_the_walk(
    invoke: Invoke, walk: FakeWalk, options: list[str], asked: tuple[int, int | None, float | None]
) -> None:
    assert invoke("check", "--peer", *options).exit_code == 0
    assert walk.asked == asked


@pytest.mark.parametrize(
    "options",
    [["--peer", "--calls", "5"], ["--peer", "--out", "here"], ["--peer", "-D", "A=1"], ["--sequences", "5"],
     ["--peer", "--sequences", "0"], ["--peer", "some.pkt"]],
)  # fmt: skip
def test_options_that_do_not_belong(invoke: Invoke, walk: FakeWalk, options: list[str]) -> None:
    assert one_sentence(invoke("check", *options))
    assert not walk.asked


def test_no_permission(invoke: Invoke, walk: FakeWalk) -> None:
    walk.refusal = NamespaceRefused(1, "a private network namespace was refused: run as root")
    assert "run as root" in one_sentence(invoke("check", "--peer"))


def test_an_agreement(invoke: Invoke, walk: FakeWalk) -> None:
    result = invoke("check", "--peer", "--json", "peer.json")
    assert result.exit_code == 0
    out = " ".join(result.stdout.split())
    assert "5 ack_is_old" in out
    assert (
        "Agreed: 10 sequences of a scripted peer, 300 steps, against kernel 6.18.44 in 2.0 s (seeds from 1); equal 9 "
        "(90.00 %) with 450 segments, different 0, held up by the machine each time 1; 3 ran again for that."
    ) in out
    told = json.loads(Path("peer.json").read_text())
    assert (told["equal"], told["late"], told["repeated"], told["contradictions"]) == (9, 1, 3, [])
    its_own = {"exact", "allowed", "left", "unrepeatable", "looked_again", "choices", "families", "profile"}
    shared = set(Report(1).to_json()) - its_own
    assert shared <= set(told)
    assert told["rules"]["ack_is_old"] == 5
    assert "ack_is_old" not in told["unconfirmed"]


def test_differences(invoke: Invoke, walk: FakeWalk) -> None:
    other = attrs.evolve(FOUND, seed=3, again=None, script="")
    walk.report = attrs.evolve(walk.report, differences=[other, FOUND], interrupted=True)
    result = invoke("check", "--peer")
    assert result.exit_code == 1
    out = " ".join(result.stdout.split())
    assert "segment in answer: window: 2 times (seeds 3, 7) seed 7, at +0.01 < . 1:1(0) ack 1 win 0" in out
    assert "the model shows > . win 1 the kernel shows > . win 2 0.010 < . 1:1(0)" in out
    assert "2 sequences differed: 10 sequences" in out
    assert "(seeds from 1, interrupted)" in out


def test_nothing_was_compared(invoke: Invoke, walk: FakeWalk) -> None:
    walk.report = PeerReport(1, interrupted=True)
    assert invoke("check", "--peer").exit_code == 2


def test_confirmations_add_up_and_stay_apart(walk: FakeWalk) -> None:
    loopback = Report(1, rules=Counter(ack_is_old=2, send_copies=1)).to_json()
    total = with_walk(loopback, walk.report.to_json())
    assert (total["rules"]["ack_is_old"], total["rules"]["send_copies"]) == (7, 1)
    assert total["arrows"]["tcp:ack_is_old:ESTABLISHED>ESTABLISHED"] == 5
    assert total["peer"]["rules"] == {"ack_is_old": 5}
    assert {"ack_is_old", "send_copies"}.isdisjoint(total["unconfirmed"])
    assert "10 sequences of 300 steps, 450 segments; equal 9, different 0, held up 1" in figures(total)
    with pytest.raises(ValueError, match="already"):
        with_walk(total, walk.report.to_json())
    with pytest.raises(ValueError, match="--peer"):
        with_walk(loopback, loopback)
