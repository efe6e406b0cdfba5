"""Every rule of the older specification has one answer in the ledger, and what was observed can be observed again.

The names are in names.txt; where the catalogue that they are from lies beside the project, they are its names.

Not here: the tables of errors and of calls that wait on the kernel (tests/calls, tests/waiting), whose cells the ledger
quotes; tests that it names, which run by themselves.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import attrs
import pytest

from model import SimNet
from model.sockets.options import NotModelled
from realnet import NamespaceRefused, RealNet
from wouldblock.adherence.ledger import ROOT
from wouldblock.netsem import __main__ as program
from wouldblock.netsem.ledger import (
    Entry,
    InTable,
    Observation,
    OfTest,
    OfWait,
    Played,
    Verdict,
    cell,
    elsewhere,
    faults,
    met,
    missing,
    scene,
    wait,
)
from wouldblock.netsem.page import ENTRIES, PAGE, page
from wouldblock.netsem.scenes import SCENES
from wouldblock.rulebook import COMMITTED

NAMES = (Path(__file__).parent / "names.txt").read_text(encoding="utf-8").split()
CATALOGUE = ROOT.parent / "shared" / "catalogue" / "netsem-rules.tsv"
COUNTS: dict[str, int] = json.loads(COMMITTED.read_text(encoding="utf-8"))["rules"]


def observations() -> dict[str, list[Observation]]:
    """By the name of the entry, what can be made on the model."""
    found = {each.name: [seen for seen in each.seen if not isinstance(seen, OfTest)] for each in ENTRIES}
    return {name: seen for name, seen in found.items() if seen}


def claims() -> dict[str, Any]:
    """What each scene is said to give."""
    return {seen.scene: seen.gives for each in ENTRIES for seen in each.seen if isinstance(seen, Played)}


def test_every_name_is_there_once() -> None:
    assert Counter(each.name for each in ENTRIES) == Counter(NAMES)
    assert len(NAMES) == 195


@pytest.mark.skipif(not CATALOGUE.exists(), reason="the catalogue does not lie beside the project")
def test_the_names_are_those_of_the_catalogue() -> None:
    lines = CATALOGUE.read_text(encoding="utf-8").splitlines()[1:]
    assert [line.split("\t")[0] for line in lines] == NAMES


@pytest.mark.skipif(not CATALOGUE.exists(), reason="the catalogue does not lie beside the project")
def test_the_sentences_are_ours() -> None:
    theirs = {
        line.split("\t")[3].rstrip(".").lower() for line in CATALOGUE.read_text(encoding="utf-8").splitlines()[1:]
    }
    text = page().lower()
    assert [sentence for sentence in theirs if len(sentence) > 20 and sentence in text] == []


def test_nothing_is_wrong_with_the_ledger() -> None:
    assert faults(ENTRIES, COUNTS) == []


@pytest.mark.parametrize("name", observations())
def test_the_model_gives_what_was_observed(name: str) -> None:
    for seen in observations()[name]:
        assert seen.on_model() == seen.claimed(), seen


@pytest.mark.parametrize("name", SCENES)
def test_the_kernel_gives_it_too(name: str) -> None:
    each = SCENES[name]
    try:
        with RealNet() as net, each.system():
            assert each.play(net) == claims()[name]
    except NamespaceRefused as refusal:
        pytest.skip(f"the running kernel is out of reach: {refusal.strerror}")


@pytest.mark.parametrize("name", ["a_file_that_sends_signals"])
def test_what_is_said_to_be_not_modelled_is_not(name: str) -> None:
    """The others for the kernel alone have calls that no net offers."""
    with SimNet() as net:
        try:
            SCENES[name].play(net)
        except NotModelled:
            return
    pytest.fail(f"the model plays {name} by now: the entries that name it should say so, and it is for both arms")


def test_a_scene_has_one_claim() -> None:
    for each in ENTRIES:
        for seen in each.seen:
            assert not isinstance(seen, Played) or seen.gives == claims()[seen.scene]
    assert claims().keys() == SCENES.keys()


def test_the_committed_page_is_the_ledgers() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make diagrams`"


def test_the_readme_has_the_counts() -> None:
    counts = Counter(each.verdict for each in ENTRIES)
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert ", ".join(f"{counts[each]} {each}" for each in Verdict) in text


def test_the_page_is_a_table_that_can_be_read() -> None:
    """A line for each name with as many cells as its head, whose links lead somewhere."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert [line.split("`")[1] for line in lines] == [each.name for each in ENTRIES]
    assert {line.count("|") for line in lines} == {6}


# ---------------------------------------------------------------- what is found wrong

GOOD = met("a_1", "Something is so.", "fin_arrives", cell("fresh", "recv", "ENOTCONN"))


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        (GOOD, ""),
        (missing("a_1", "It cannot be said."), ""),
        (attrs.evolve(GOOD, says="No sentence"), "no sentence"),
        (met("a_1", "A.", "", *GOOD.seen), "nothing that carries it"),
        (met("a_1", "A.", "fin_arrives"), "nothing that was observed"),
        (elsewhere("a_1", "A.", ""), "nothing that was observed"),
        (attrs.evolve(missing("a_1", "A."), rules=("fin_arrives",)), "and yet names rules"),
        (met("a_1", "A.", "fin_leaves", *GOOD.seen), "fin_leaves, which does not exist"),
        (met("a_1", "A.", "text_arrives", *GOOD.seen), "has never confirmed"),
        (met("a_1", "A.", "", *GOOD.seen, code="model.no"), "model.no, which does not exist"),
        (met("a_1", "A.", "fin_arrives", cell("no", "recv", "")), "the situation no, which there is not"),
        (met("a_1", "A.", "fin_arrives", cell("fresh", "no", "")), "the call no, which the table does not have"),
        (met("a_1", "A.", "fin_arrives", wait("no", "a byte comes", "")), "the wait no, which there is not"),
        (met("a_1", "A.", "fin_arrives", wait("recv", "no", "", "closing")), "no, which is no column of closing"),
        (met("a_1", "A.", "fin_arrives", scene("no", 1)), "the scene no, which there is not"),
        (met("a_1", "A.", "fin_arrives", OfTest("test_docs.py::test_no")), "would not collect"),
    ],
)  # fmt: skip
def test_a_fault_is_found(entry: Entry, fault: str) -> None:
    (*found,) = faults([entry], {"fin_arrives": 5, "text_arrives": 0})
    assert len(found) == bool(fault)
    assert all(fault in sentence and sentence.startswith("a_1 ") for sentence in found)


def test_a_name_that_is_there_twice_is_found() -> None:
    assert faults([GOOD, GOOD], {"fin_arrives": 5}) == ["a_1 is there 2 times."]


@pytest.mark.parametrize(
    "wrong",
    [
        InTable("fresh", "recv", "EPIPE"),
        OfWait("recv", "a byte comes", "end of file"),
        OfWait("recv", "`SHUT_RD`", "waits on", "closing"),
        Played("a_listener_shut_for_writing_accepts", "ECONNABORTED"),
    ],
)
def test_a_wrong_claim_is_seen(wrong: Observation) -> None:
    assert wrong.on_model() != wrong.claimed()


def test_the_page_is_written_only_if_nothing_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written = tmp_path / "netsem.md"
    monkeypatch.setattr(program, "PAGE", written)
    with monkeypatch.context() as planted:
        planted.setattr(program, "faults", lambda entries, counts: ["a_1 is wrong."])
        assert (program.main(), written.exists()) == (1, False)
    assert capsys.readouterr().err == "wouldblock: a_1 is wrong.\n"
    assert program.main() == 0
    assert written.read_text(encoding="utf-8") == page()
