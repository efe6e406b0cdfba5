"""The diagrams of the model's own machines: all of them, complete, and no look for states that are not there.

Not here: whether the committed pictures are stale.
"""

from __future__ import annotations

from collections import Counter
from xml.etree import ElementTree

import pytest

from diagrams.diagram import Caption
from diagrams.machines import LOOKS, diagram, names
from diagrams.render import has_dot, render
from model.machines import MACHINES, VIEWS
from model.rules import Machine, View, arrows_of

ALL: tuple[Machine | View, ...] = (*MACHINES, *VIEWS)
SHOWN = {shown.name: shown for shown in ALL}


def test_the_promised_diagrams_are_there() -> None:
    assert set(names()) == {*SHOWN, "tcp-rfc"}
    assert set(names()) >= {"tcp", "request", "socket", "udp", "send_buffer", "receive_buffer"}


@pytest.mark.parametrize("name", sorted(SHOWN))
def test_every_arrow_of_the_model_is_in_its_diagram(name: str) -> None:
    arrows = arrows_of(SHOWN[name], MACHINES)
    made = diagram(name, {arrows[0].key: 12345}, Caption("6.18", 99))
    assert Counter(line.key for line in made.lines) == Counter(arrow.key for arrow in arrows)
    for dot in {False, has_dot()}:
        svg = render(made, "svg", dot)
        assert "12,345×" in svg if isinstance(svg, str) else False
        ElementTree.fromstring(svg)


@pytest.mark.parametrize("name", sorted(LOOKS))
def test_a_look_names_only_what_is_there(name: str) -> None:
    look, states = LOOKS[name], {state.name for state in SHOWN[name].states}
    assert {*look.order, *look.kinds, *look.back_to_begin} - states == set()
    assert look.twice in states | {""}


def test_an_unknown_diagram_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^there is no diagram 'sctp'; there are tcp, "):
        diagram("sctp")
