"""The adherence ledger says what is: no label is missing, and what it names exists; its page is the one it gives.

Not here: whether a test shows what it is named for; the tests that were written because the ledger had none to name
(tests/model/test_required_*.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from model.machines import all_rules
from wouldblock.adherence import __main__ as program
from wouldblock.adherence.ledger import ROOT, Requirement, Standard, Status, faults, find, is_test, load
from wouldblock.adherence.page import PAGE, page
from wouldblock.front import Stop

LABELS = {"MUST": 69, "SHLD": 31, "MAY": 18, "REC": 1}
"""The highest number of each kind of label in Appendix B of RFC 9293; none is left out."""
OTHERS = {1122, 2018, 5681, 5682, 5961, 6298, 6582, 6675, 6928, 6937, 7323, 8985, 9438}
LEDGER = load()
KEPT = Requirement(
    "MUST-1", "3.1", "Something is done.", Status.KEPT, ("fin_arrives",), (),
    ("tests/test_adherence.py::test_nothing_is_wrong_with_the_ledger",),
)  # fmt: skip


def test_every_label_of_rfc_9293_is_there_once() -> None:
    first, *others = LEDGER
    assert first.number == 9293
    assert [each.label for each in first.requirements] == [
        f"{kind}-{n + 1}" for kind in LABELS for n in range(LABELS[kind])
    ]
    assert {each.number for each in others} == OTHERS


def test_nothing_is_wrong_with_the_ledger() -> None:
    assert faults(LEDGER) == []


def test_the_page_is_the_one_that_the_ledger_gives() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(LEDGER), "run `make diagrams`"


def test_the_links_of_the_page_lead_somewhere() -> None:
    text = PAGE.read_text(encoding="utf-8")
    headlines = re.findall(r"^## (.+)$", text, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", headline).lower().replace(" ", "-") for headline in headlines}
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if target.startswith("#"):
            assert target[1:] in anchors
        elif not target.startswith("https://www.rfc-editor.org/rfc/"):
            assert (PAGE.parent / target).exists(), target


def test_the_page_is_a_table_that_can_be_read() -> None:
    """Every row has as many cells as its head, and all requirements have a row."""
    rows = [
        line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ") and "](http" in line
    ]
    assert len(rows) == sum(len(standard.requirements) for standard in LEDGER)
    assert {row.replace("\\|", "").count("|") for row in rows} == {6}


# ---------------------------------------------------------------- what is found wrong


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        (KEPT, ""),
        (Requirement("L", "1", "No sentence", Status.KEPT, KEPT.rules, (), KEPT.tests), "no sentence"),
        (Requirement("L", "1", "A.", Status.KEPT, (), (), KEPT.tests), "no rule and no function"),
        (Requirement("L", "1", "A.", Status.KEPT, KEPT.rules), "no test"),
        (Requirement("L", "1", "A.", Status.OTHERWISE, KEPT.rules, (), KEPT.tests), "does not say how"),
        (Requirement("L", "1", "A.", Status.NOT_MODELLED), "does not say how or why"),
        (Requirement("L", "1", "A.", Status.NOT_MODELLED, KEPT.rules, note="Why."), "names what carries it"),
        (Requirement("L", "1", "A.", Status.KEPT, ("fin_leaves",), (), KEPT.tests), "fin_leaves, which does not exist"),
        (Requirement("L", "1", "A.", Status.KEPT, (), ("model.tcp.no",), KEPT.tests), "model.tcp.no, which does"),
        (Requirement("L", "1", "A.", Status.KEPT, KEPT.rules, (), ("tests/no.py::test_a",)), "not collect"),
    ],
)  # fmt: skip
def test_a_fault_is_found(entry: Requirement, fault: str) -> None:
    (*found,) = faults((Standard(9293, "t", "a", (entry,)),))
    assert len(found) == bool(fault)
    assert all(fault in sentence and sentence.startswith("RFC 9293, ") for sentence in found)


@pytest.mark.parametrize(
    "node",
    [
        "tests/test_adherence.py::test_no_such",
        "tests/test_adherence.py",
        "tests/model/traces.py::established",
        "tests/model/arms.py::test",
        "model/rules.py::fire",
        "tests/scripts/no.pkt",
        "tests/test_adherence.py::TestNo::test_a",
    ],
)
def test_what_pytest_would_not_collect_is_no_test(node: str) -> None:
    assert not is_test(node)


def test_what_pytest_collects_is_a_test(pytestconfig: pytest.Config, request: pytest.FixtureRequest) -> None:
    """Of this very run: each collected item, without its parameters."""
    for item in request.session.items:
        assert is_test(item.nodeid.split("[")[0]), item.nodeid


def test_paths_are_found_in_modules_and_classes() -> None:
    assert find("model.world.host.Host.receive") is not None
    assert find("model.values") is not None
    assert find("no.such.module") is None
    assert set(all_rules()) >= {name for standard in LEDGER for each in standard.requirements for name in each.rules}


# ---------------------------------------------------------------- a file that is no ledger

HEAD = 'rfc = 1\ntitle = "t"\nabout = "a"\n'
ENTRY = '[A-1]\nsection = "1"\nasks = "A."\nstatus = "kept"\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rfc = ", ["x.toml", "Invalid value"]),
        ('rfc = "1"\n', ["rfc (a number), title and about"]),
        (HEAD + ENTRY + ENTRY, ["x.toml", "line 8"]),
        (HEAD + ENTRY.replace("kept", "done"), ["x.toml, A-1", "no status 'done'", "kept otherwise"]),
        (HEAD + ENTRY.replace('section = "1"', ""), ["x.toml, A-1", "section is missing"]),
        (HEAD + ENTRY + 'rule = "x"\n', ["x.toml, A-1", "no field rule"]),
        (HEAD + ENTRY + 'rules = "x"\n', ["x.toml, A-1", "rules must be a list"]),
        (HEAD + ENTRY + 'note = ["x"]\n', ["x.toml, A-1", "note must be a text"]),
    ],
)
def test_a_bad_file_is_refused_in_one_sentence(tmp_path: Path, text: str, words: list[str]) -> None:
    (tmp_path / "x.toml").write_text(text, encoding="utf-8")
    with pytest.raises(Stop) as refusal:
        load(tmp_path)
    assert all(word in str(refusal.value) for word in words), refusal.value


def test_the_page_is_written_only_if_nothing_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written = tmp_path / "adherence.md"
    monkeypatch.setattr(program, "PAGE", written)
    wrong: Callable[..., list[str]] = lambda standards: ["RFC 9293, MUST-1 is wrong."]  # noqa: E731
    with monkeypatch.context() as planted:
        planted.setattr(program, "faults", wrong)
        assert (program.main(), written.exists()) == (1, False)
    assert capsys.readouterr().err == "wouldblock: RFC 9293, MUST-1 is wrong.\n"
    assert program.main() == 0
    assert written.read_text(encoding="utf-8") == page(LEDGER)


def test_no_sentence_is_longer_than_a_reader_likes() -> None:
    for standard in LEDGER:
        for each in standard.requirements:
            assert len(each.asks) <= 200, each.label
            assert len(each.note) <= 260, each.label
    assert (ROOT / "docs" / "adherence").is_dir()
