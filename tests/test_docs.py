"""What is written agrees with what is: diagrams, figures, examples and commands named in the README."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from diagrams import machines
from diagrams.diagram import Caption
from diagrams.render import render
from model.choices import CHOICES
from model.machines import all_rules
from wouldblock import agreed
from wouldblock.confirming import README, with_figures
from wouldblock.rulebook import COMMITTED

ROOT = README.parent
DRAWN = COMMITTED.parent


def counts() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(COMMITTED.read_text(encoding="utf-8"))
    return loaded


@pytest.mark.parametrize("name", machines.names())
@pytest.mark.parametrize(("form", "suffix"), [("dot", "dot"), ("mermaid", "mmd")])
def test_committed_diagrams_are_drawn_from_the_rules(name: str, form: str, suffix: str) -> None:
    known = counts()
    diagram = machines.diagram(name, known["arrows"], Caption(known["kernel"], known["calls"]))
    drawn = render(diagram, form)
    committed = (DRAWN / f"{name}.{suffix}").read_text(encoding="utf-8")
    assert (drawn.decode() if isinstance(drawn, bytes) else drawn) == committed, "run `make diagrams`"


def test_committed_pictures_show_the_committed_counts() -> None:
    """dot's coordinates vary, so the pictures are not compared; but the counts in them are the committed ones."""
    known = counts()
    for name in ("tcp", "socket"):
        picture = (DRAWN / f"{name}.svg").read_text(encoding="utf-8")
        assert f"{known['calls']:,} calls checked" in picture, "run `make diagrams`"
        assert f"docs/diagrams/{name}.svg" in README.read_text(encoding="utf-8")


def test_counts_name_the_rules_there_are() -> None:
    assert set(counts()["rules"]) == set(all_rules()), "run `make confirm`"


def test_agreement_in_the_readme_is_the_committed_one() -> None:
    text = README.read_text(encoding="utf-8")
    reports = json.loads(agreed.COMMITTED.read_text(encoding="utf-8"))
    assert agreed.with_table(text, reports) == text, "run `make agreement`"


def test_figures_in_the_readme_are_the_committed_ones() -> None:
    text = README.read_text(encoding="utf-8")
    assert with_figures(text, counts()) == text, "run `python -m wouldblock.confirming build/report/report.json`"


def test_readme_names_what_exists() -> None:
    text = README.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert (ROOT / target).exists(), target
    for file, function in re.findall(r"(examples/\w+\.py)::(\w+)", text):
        assert f"def {function}(net)" in (ROOT / file).read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for word in re.findall(r"^make (\w+)", text, re.MULTILINE):
        assert f"\n{word}:" in makefile


def test_every_choice_has_a_reason() -> None:
    for choice in CHOICES:
        assert len(choice.reason) > 20


def test_mechanisms_name_rooms_that_exist() -> None:
    text = (ROOT / "docs" / "mechanisms.md").read_text(encoding="utf-8")
    for room in re.findall(r"\| `([\w/]+\.py)` \|$", text, re.MULTILINE):
        assert Path(ROOT / "model" / room).exists(), room
