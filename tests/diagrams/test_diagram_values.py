"""A diagram as a value: nothing of the rules is lost, and what is known of each is told apart.

Not here: any format.
"""

from __future__ import annotations

from collections import Counter

from diagrams.diagram import Caption, Diagram, Look, Status, make
from diagrams.look import LINES_MAX, rows
from model.rules import Machine, View, arrows_of


def edge_rules(diagram: Diagram, before: str, after: str) -> list[str]:
    return [line.rule for edge in diagram.edges if (edge.before, edge.after) == (before, after) for line in edge.lines]


def test_every_arrow_is_in_the_diagram_once(machine: Machine, view: View, tcp: Diagram, send_buffer: Diagram) -> None:
    for shown, diagram in ((machine, tcp), (view, send_buffer)):
        keys = [line.key for line in diagram.lines]
        assert Counter(keys) == Counter(arrow.key for arrow in arrows_of(shown, [machine]))


def test_one_edge_for_all_rules_between_two_states(tcp: Diagram) -> None:
    ends = [(edge.before, edge.after) for edge in tcp.edges]
    assert len(ends) == len(set(ends))
    assert set(edge_rules(tcp, "ESTABLISHED", "FIN_WAIT_1")) == {"close_sends_fin", "shutdown_sends_fin"}


def test_many_rules_that_stay_are_listed_and_few_are_drawn(tcp: Diagram, send_buffer: Diagram) -> None:
    assert not any(edge.is_loop for edge in tcp.edges)
    established = next(node for node in tcp.nodes if node.key == "ESTABLISHED")
    assert "segment_answered_3" in [line.rule for line in established.stays]
    assert edge_rules(send_buffer, "FULL", "FULL")
    assert not any(node.stays for node in send_buffer.nodes)


def test_a_state_drawn_twice_is_begun_above_and_ended_below(tcp: Diagram) -> None:
    assert (tcp.nodes[0].key, tcp.nodes[-1].key) == ("CLOSED", "CLOSED.end")
    assert tcp.nodes[-1].state == "CLOSED"
    assert "reset_arrives" in edge_rules(tcp, "LAST_ACK", "CLOSED.end")
    assert "close_attempt" in edge_rules(tcp, "SYN_SENT", "CLOSED")
    assert not [edge for edge in tcp.edges if edge.before == "CLOSED.end"]


def test_what_is_known_of_a_rule(machine: Machine, tcp: Diagram) -> None:
    status = {line.rule: line.status for line in tcp.lines}
    assert status["fin_arrives"] is Status.CONFIRMED
    assert status["fin_with_ack_arrives"] is Status.NEVER
    assert status["syn_crosses"] is Status.EXCUSED
    unchecked = make(machine, [machine], {})
    assert {line.status for line in unchecked.lines} == {Status.UNCHECKED, Status.EXCUSED}


def test_a_rule_with_a_reason_that_was_confirmed_after_all_counts(machine: Machine) -> None:
    diagram = make(machine, [machine], {"tcp:syn_crosses:SYN_SENT>SYN_RECEIVED": 3}, Caption("6.18", 10))
    line = next(line for line in diagram.lines if line.rule == "syn_crosses")
    assert (line.status, line.count) == (Status.CONFIRMED, 3)


def test_an_edge_is_confirmed_as_soon_as_one_of_its_rules_is(tcp: Diagram) -> None:
    status = {(edge.before, edge.after): edge.status for edge in tcp.edges}
    assert status["ESTABLISHED", "CLOSED.end"] is Status.CONFIRMED
    assert status["FIN_WAIT_1", "TIME_WAIT"] is Status.NEVER
    assert status["TIME_WAIT", "CLOSED.end"] is Status.EXCUSED


def test_more_rules_than_fit_are_counted_and_defects_among_them_named(tcp: Diagram) -> None:
    edge = next(edge for edge in tcp.edges if (edge.before, edge.after) == ("ESTABLISHED", "CLOSED.end"))
    shown = rows(edge.lines)
    assert len(edge.lines) > LINES_MAX + 1
    assert len(shown) == LINES_MAX + 1
    assert [row.tally for row in shown[:-1]] == [f"{line.count:,}×" for line in edge.lines[:LINES_MAX]]
    assert shown[-1].rule == f"+{len(edge.lines) - LINES_MAX} more"
    assert shown[-1].tally == "1 never"


def test_one_rule_more_than_fits_is_shown_rather_than_counted(tcp: Diagram) -> None:
    lines = next(edge.lines for edge in tcp.edges if edge.after == "CLOSED.end" and len(edge.lines) > LINES_MAX + 1)
    assert len(rows(lines[: LINES_MAX + 1])) == LINES_MAX + 1
    assert rows(lines[: LINES_MAX + 1])[-1].rule == lines[LINES_MAX].rule


def test_states_that_no_look_names_are_drawn_behind_those_it_names(machine: Machine) -> None:
    diagram = make(machine, [machine], {}, look=Look(order=("LISTEN", "NO_SUCH_STATE")))
    assert [node.key for node in diagram.nodes][:2] == ["LISTEN", "ESTABLISHED"]
    assert len(diagram.nodes) == len(machine.states)
