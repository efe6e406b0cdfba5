"""Every call in every situation: the same on both arms, and the committed page is what the model makes of it.

Not here: wrong arguments; IPv6.
"""

from __future__ import annotations

import pytest

from model import SimNet
from realnet import NamespaceRefused, RealNet
from wouldblock.errortable.answers import Answer, Cell, cell
from wouldblock.errortable.page import (
    COLUMNS,
    PAGE,
    Key,
    cell_in_words,
    committed,
    made,
    made_on_model,
    page,
    timed,
    timed_on_model,
)
from wouldblock.situations import SITUATIONS
from wouldblock.threadwalk.both import ahead_of_others


@pytest.fixture(scope="module")
def cells() -> dict[Key, Cell]:
    return made_on_model()


@pytest.fixture(scope="module")
def patient() -> dict[Key, Answer]:
    return timed_on_model()


@pytest.mark.parametrize("situation", SITUATIONS)
def test_both_arms_answer_the_same(situation: str, cells: dict[Key, Cell]) -> None:
    """Where the model has nothing, the page has what the kernel says. Nobody else's work holds a cell up: a delayed
    acknowledgement or a probe would come in between.
    """
    try:
        with ahead_of_others(), RealNet() as net:
            kernel = made(situation, net)
    except NamespaceRefused as refusal:
        pytest.skip(f"the running kernel is out of reach: {refusal.strerror}")
    said = committed()["cells"][situation]
    ours: dict[str, Cell | str] = {}
    theirs: dict[str, Cell | str] = {}
    for column in COLUMNS:
        here, there = cells[situation, column.name], kernel[column.name]
        if here.missing:
            ours[column.name], theirs[column.name] = said[column.name], cell_in_words(there, column)
        else:
            ours[column.name], theirs[column.name] = here, there
    assert ours == theirs


@pytest.mark.slow
@pytest.mark.parametrize("situation", SITUATIONS)
def test_both_arms_answer_the_same_with_a_timeout(situation: str, patient: dict[Key, Answer]) -> None:
    try:
        with ahead_of_others(), RealNet() as net:
            kernel = timed(situation, net)
    except NamespaceRefused as refusal:
        pytest.skip(f"the running kernel is out of reach: {refusal.strerror}")
    ours = {name: patient[situation, name] for name in kernel if not patient[situation, name].missing}
    assert ours == {name: kernel[name] for name in ours}


def test_the_committed_page_is_the_models(cells: dict[Key, Cell], patient: dict[Key, Answer]) -> None:
    assert PAGE.read_text(encoding="utf-8") == page(cells, patient, committed()), (
        "run `python -m wouldblock.errortable`"
    )


def test_the_page_holds_every_call_and_every_situation(cells: dict[Key, Cell]) -> None:
    missing = sum(each.missing for each in cells.values())
    assert set(cells) == {(situation, column.name) for situation in SITUATIONS for column in COLUMNS}
    assert len({column.name for column in COLUMNS}) == len(COLUMNS) >= 70
    said = f"{len(cells):,} cells, non-blocking and blocking, equal on both arms but for the {missing:,} that"
    assert said in (PAGE.parents[1] / "README.md").read_text(encoding="utf-8")
    assert {each.nonblocking.waited for each in cells.values()} == {False}


@pytest.mark.slow
@pytest.mark.parametrize("situation", SITUATIONS)
def test_a_cell_does_not_hang_on_those_before_it(situation: str, cells: dict[Key, Cell]) -> None:
    for column in COLUMNS:
        with SimNet() as net:
            assert cell(net, situation, column) == cells[situation, column.name], column.name
