"""Every option asked and set: the same on both arms, and the committed page is what the model makes of it.

Not here: what options do (tests/simnet/test_options.py).
"""

from __future__ import annotations

import os
from collections import Counter

import pytest

from model import SimNet
from model.sockets.options import OPTIONS, NotModelled
from model.sockets.options.table import GIVEN
from realnet import NamespaceRefused, RealNet
from wouldblock.optiontable.page import PAGE, page
from wouldblock.optiontable.probes import KEYS, NOTHING, SUBJECTS, Answers, count, made, made_on_model

Found = dict[tuple[int, int], Answers]


@pytest.fixture(scope="module")
def model() -> Found:
    return made_on_model()


@pytest.fixture(scope="module")
def kernel() -> Found:
    try:
        with RealNet() as net:
            return {key: made(net, key) for key in KEYS}
    except NamespaceRefused as refusal:
        pytest.skip(f"the running kernel is out of reach: {refusal.strerror}")


@pytest.mark.parametrize("key", KEYS, ids=lambda key: OPTIONS[key].name if key in OPTIONS else str(key))
def test_both_arms_answer_the_same(key: tuple[int, int], model: Found, kernel: Found) -> None:
    ours, theirs = model[key], kernel[key]
    if key in OPTIONS and OPTIONS[key].name.endswith("BUFFORCE") and os.geteuid():
        pytest.skip("only the superuser of the machine may set this, and the model's programs are that")
    for subject in SUBJECTS:
        here, there = ours.probes[subject], theirs.probes[subject]
        assert here.told == there.told, subject
        known = [n for n, (_, told) in enumerate(here.set) if told != NOTHING]
        assert [here.set[n] for n in known] == [there.set[n] for n in known], subject
        assert [each for each in here.short if each[1] != NOTHING] == [
            there.short[n] for n, each in enumerate(here.short) if each[1] != NOTHING
        ], subject
    assert ours.handed_on == theirs.handed_on


def test_only_the_path_of_tcp_has_values_that_are_not_modelled(model: Found) -> None:
    missing = Counter(
        (OPTIONS[key].name, subject.split()[0])
        for key, each in model.items()
        for subject, made in each.probes.items()
        if any(told == NOTHING for _, told in (*made.set, *made.short))
    )
    assert missing == {("IP_MTU_DISCOVER", "TCP"): 3}


def test_the_committed_page_is_the_models(model: Found) -> None:
    assert PAGE.read_text(encoding="utf-8") == page(model), "run `python -m wouldblock.optiontable`"


def test_the_page_holds_every_option(model: Found) -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert set(OPTIONS) <= set(model)
    assert [row.name for row in OPTIONS.values() if f"\n| {row.name} (" not in text] == []
    said = f"{len(OPTIONS)} options"
    assert said in (PAGE.parents[1] / "README.md").read_text(encoding="utf-8")
    assert count(model) > 10_000


def test_what_linux_has_given_to_an_option_without_a_row_is_refused_and_changes_nothing() -> None:
    with SimNet() as net:
        socket = net.socket
        sock = socket.socket()
        for level, number in ((socket.SOL_SOCKET, 50), (socket.IPPROTO_TCP, 19), (socket.IPPROTO_IP, 80)):
            assert any(number in numbers for numbers in GIVEN[level])
            with pytest.raises(NotModelled, match=f"option {number} of level {level} is not modelled yet"):
                sock.setsockopt(level, number, 1)
            with pytest.raises(NotModelled):
                sock.getsockopt(level, number)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
