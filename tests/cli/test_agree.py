"""`wouldblock agree`: the table it prints, the report it writes, its exit status, and what it refuses.

The comparison is a fake that returns a report made here.

Not here: the comparison itself (tests of the cross-check).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs
import pytest

from realnet import NamespaceRefused
from realnet.settings import DEFAULT, NAMED, PINNED_SETTINGS
from wouldblock.cli import SETTINGS
from wouldblock.crosscheck import agreement
from wouldblock.crosscheck.agreement import Agreement, Cell, Difference
from wouldblock.crosscheck.places import PlaceRefused

from .conftest import Invoke, one_sentence

DIFFERENCE = Difference("udp", 60, 17, 8, "s1.send(100)", "after s1.send(100): rmem of s2 is 768", "1024")


@attrs.define
class Fake:
    """Stands in for the comparison and remembers how it was called."""

    cell: Cell
    differences: list[Difference] = attrs.Factory(list)
    asked: tuple[Any, ...] = ()
    refusal: Exception | None = None

    def agree(self, *asked: Any) -> Agreement:
        self.asked = asked
        if self.refusal is not None:
            raise self.refusal
        seed, *_ = asked
        cells, differences = [self.cell], self.differences
        return Agreement(seed, kernel="6.18.44", cells=cells, differences=differences, seconds=12.0)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    it = Fake(Cell("udp", 60, sequences=40, calls=2400, repeated=38, equal=38, kernel_s=0.1, model_s=0.25))
    monkeypatch.setattr(agreement, "agree", it.agree)
    return it


def test_all_equal(invoke: Invoke, fake: Fake, tmp_path: Path) -> None:
    file = tmp_path / "agreement.json"
    of = ("--family", "udp", "--length", "60")
    found = invoke("agree", "--sequences", "40", "--seed", "5", *of, "--json", str(file))
    assert found.exit_code == 0
    assert fake.asked[:5] == (5, 40, None, ("udp",), (60,))
    row = next(line for line in found.stdout.splitlines() if line.startswith("udp"))
    assert row.split() == ["udp", "60", "40", "38", "95.00", "%", "38", "100.00", "%", "2.5×"]
    assert "Agreed: of 40 sequences on kernel 6.18.44" in found.stdout
    written = json.loads(file.read_text())
    assert written["cells"][0]["equal"] == 38
    assert written["kernel"] == "6.18.44"


def test_a_difference_is_shown(invoke: Invoke, fake: Fake) -> None:
    fake.cell.equal = 37
    fake.differences.append(DIFFERENCE)
    found = invoke("agree", "--time", "5")
    assert found.exit_code == 1
    assert fake.asked[1:5] == (None, 5.0, ("stream", "lives", "udp", "urgent"), (60, 200, 1000))
    assert "udp, 60 calls, number 17, step 8: s1.send(100)" in found.stdout
    assert "the model expects after s1.send(100): rmem of s2 is 768" in found.stdout
    assert "1 differed: of 40 sequences" in found.stdout
    assert "97.37 %" in found.stdout


def test_one_alone(invoke: Invoke, fake: Fake) -> None:
    assert invoke("agree", "--only", "17", "--family", "udp", "--length", "60").exit_code == 0
    assert fake.asked[1:3] == (None, None)
    assert fake.asked[6] == 17
    refused = invoke("agree", "--only", "17", "--time", "5")
    assert refused.exit_code == 2
    assert "leave --sequences and --time out" in one_sentence(refused)


def test_two_hosts(invoke: Invoke, fake: Fake) -> None:
    assert invoke("agree", "--sequences", "1").exit_code == 0
    assert fake.asked[7].where == "loopback"
    assert invoke("agree", "--two-hosts", "--sequences", "1").exit_code == 0
    assert fake.asked[7].where == "two hosts, MTU 1500"
    refused = invoke("agree", "--two-hosts", "--guest")
    assert refused.exit_code == 2
    assert "one host only" in one_sentence(refused)


def test_settings_are_named(invoke: Invoke, fake: Fake) -> None:
    assert invoke("agree").exit_code == 0
    assert fake.asked[7].settings is PINNED_SETTINGS
    assert invoke("agree", "--settings", "default").exit_code == 0
    assert fake.asked[7].settings is DEFAULT
    assert fake.asked[7].where == "loopback, default settings"
    found = invoke("agree", "--settings", "mine")
    assert found.exit_code == 2
    assert "'pinned', 'default'" in found.stderr
    assert set(SETTINGS) == set(NAMED)
    for other in ("--guest", "--two-hosts"):
        found = invoke("agree", "--settings", "default", other)
        assert found.exit_code == 2
        assert "is for loopback" in one_sentence(found)


def test_no_such_place(invoke: Invoke, fake: Fake) -> None:
    fake.refusal = PlaceRefused("this kernel joins no two hosts")
    found = invoke("agree", "--two-hosts")
    assert found.exit_code == 2
    assert "joins no two hosts" in one_sentence(found)


def test_nothing_repeated_is_no_agreement(invoke: Invoke, fake: Fake) -> None:
    fake.cell.repeated = fake.cell.equal = 0
    found = invoke("agree")
    assert found.exit_code == 2
    assert "Nothing was compared" in found.stdout


def test_no_kernel(invoke: Invoke, fake: Fake) -> None:
    fake.refusal = NamespaceRefused(1, "this machine allows no namespaces: run it as root")
    found = invoke("agree")
    assert found.exit_code == 2
    assert "run it as root" in one_sentence(found)


def test_families_are_named(invoke: Invoke) -> None:
    found = invoke("agree", "--family", "sctp")
    assert found.exit_code == 2
    assert "'stream', 'lives', 'udp', 'urgent'" in found.stderr
