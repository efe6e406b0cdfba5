"""RFC 9293's figure 5 from the model's rules: no rule that moves is missing, and none stands in two places.

Not here: whether the committed picture is stale.
"""

from __future__ import annotations

from collections import Counter
from xml.etree import ElementTree

import pytest

from diagrams import rfc
from diagrams.diagram import Caption, Status
from diagrams.machines import diagram
from diagrams.render import has_dot, render
from model.values.constants import TcpState

FIGURE_5 = """
    CLOSED>LISTEN CLOSED>SYN_SENT LISTEN>CLOSED LISTEN>SYN_RECEIVED LISTEN>SYN_SENT SYN_SENT>CLOSED
    SYN_SENT>SYN_RECEIVED SYN_SENT>ESTABLISHED SYN_RECEIVED>LISTEN SYN_RECEIVED>ESTABLISHED SYN_RECEIVED>FIN_WAIT_1
    ESTABLISHED>FIN_WAIT_1 ESTABLISHED>CLOSE_WAIT FIN_WAIT_1>FIN_WAIT_2 FIN_WAIT_1>CLOSING CLOSE_WAIT>LAST_ACK
    FIN_WAIT_2>TIME_WAIT CLOSING>TIME_WAIT LAST_ACK>CLOSED TIME_WAIT>CLOSED
""".split()


def test_the_figure_has_the_arrows_of_the_rfc() -> None:
    assert [f"{arrow.before.name}>{arrow.after.name}" for arrow in rfc.FIGURE] == FIGURE_5


def test_every_move_is_in_the_figure_or_aborts_or_is_the_kernels_own() -> None:
    aborts, own = rfc.left_over()
    places = Counter(arrow.key for figure in rfc.FIGURE for arrow in rfc.carried(figure))
    places.update(arrow.key for arrow in (*aborts, *own))
    assert {key for key in places if key.startswith("tcp:")} == {arrow.key for arrow in rfc.moves()}
    assert set(places.values()) == {1}
    assert {arrow.after for arrow in aborts} == {TcpState.CLOSED}
    assert {arrow.rule.name for arrow in own} == {
        "socket_leaves_time_wait", "orphan_does_not_wait_for_fin", "reset_ends_time_wait", "syn_ends_time_wait",
    }  # fmt: skip


@pytest.mark.parametrize("figure", rfc.FIGURE, ids=lambda figure: f"{figure.before.name}>{figure.after.name}")
def test_an_arrow_has_rules_or_a_reason_why_not(figure: rfc.FigureArrow) -> None:
    assert bool(rfc.carried(figure)) != bool(figure.absent)


def test_what_only_one_side_has_is_marked() -> None:
    made = diagram("tcp-rfc", {}, Caption("6.18", 99))
    assert [(e.before, e.after) for e in made.edges if e.status is Status.RFC_ONLY] == [("LISTEN", "SYN_SENT")]
    assert [(e.before, e.after) for e in made.edges if e.status is Status.KERNEL_ONLY] == [
        ("LISTEN", "ESTABLISHED"), ("FIN_WAIT_1", "CLOSED.end"), ("TIME_WAIT", "CLOSED.end"),
    ]  # fmt: skip


@pytest.mark.parametrize("form", ["dot", "mermaid", "svg"])
def test_every_format_says_what_happens_and_how_often(form: str) -> None:
    counts = {"tcp:fin_arrives:ESTABLISHED>CLOSE_WAIT": 12_345, rfc.FIGURE[3].also[0]: 678}
    for dot in {False, has_dot()}:
        text = render(diagram("tcp-rfc", counts, Caption("6.18", 99)), form, dot)
        assert isinstance(text, str)
        for words in ("rcv FIN / snd ACK", "12,345", "678", "LISTEN stays", "EPIPE"):
            assert words in text, words
        if form == "svg":
            ElementTree.fromstring(text)


def test_counts_of_one_rule_are_added() -> None:
    keys = {f"request:reset_ends_request:{state}>NONE": 1 for state in ("HALF_OPEN", "ACKNOWLEDGED")}
    made = diagram("tcp-rfc", keys, Caption("6.18", 99))
    (edge,) = [e for e in made.edges if (e.before, e.after) == ("SYN_RECEIVED", "LISTEN")]
    assert [(line.rule, line.count) for line in edge.lines] == [("reset_ends_request", 2)]
