"""The rule kit, on a machine of three states made for the purpose, and then what holds of every rule of the model.

Not here: what the rules of the model do.
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import Any

import attrs
import pytest

from model.machines import MACHINES, VIEWS, all_rules
from model.rules import Arrow, Machine, ModelDefect, NoRule, Rule, View, arrows_of
from model.values.constants import TcpState


class Light(IntEnum):
    RED = 0
    GREEN = 1
    BROKEN = 2


class Event(IntEnum):
    CLOCK = 0
    PUSH = 1


class Level(IntEnum):
    EMPTY = 0
    FULL = 1


@attrs.define
class Draft:
    state: Light = Light.RED
    amount: int = 0
    seen: list[str] = attrs.Factory(list)


LEVEL = View("level", "How full it is", Level, lambda draft: Level.FULL if draft.amount else Level.EMPTY)
RED, GREEN, BROKEN = Light


@pytest.fixture
def machine() -> Machine:
    """RED and GREEN take turns, BROKEN is a hole on CLOCK."""
    m = Machine("light", "A light", Light, Event)

    @m.rule(on=Event.CLOCK, moves={RED: GREEN, GREEN: RED}, cite="nowhere")
    def light_changes(draft: Draft, word: str) -> str:
        """It changes.
        A first fact.

        A second one."""
        draft.seen.append(draft.state.name)
        return word.upper()

    @m.rule(on=Event.PUSH, stays=(RED,), when=lambda draft: draft.amount > 3, cite="nowhere")
    def push_is_too_much(draft: Draft) -> str:
        """It overflows."""
        return "too much"

    @m.rule(
        on=Event.PUSH, stays=(RED,), moves={GREEN: BROKEN}, cite="nowhere",
        shows={LEVEL: {Level.EMPTY: (Level.FULL,), Level.FULL: (Level.FULL,)}},
    )  # fmt: skip
    def push_adds_one(draft: Draft) -> int:
        """One more."""
        draft.amount += 1
        return draft.amount

    return m


def declare(m: Machine, name: str = "again", sentence: str = "A sentence.", **how: Any) -> None:
    def body(draft: Draft) -> None:
        return None

    body.__name__, body.__doc__ = name, sentence
    m.rule(**{"on": Event.CLOCK, "cite": "nowhere", "stays": (BROKEN,), **how})(body)


# ---------------------------------------------------------------- firing


def test_the_move_is_made_before_the_body_runs(machine: Machine) -> None:
    draft, trail = Draft(), list[Arrow]()
    assert machine.fire(trail, Event.CLOCK, draft, "done") == "DONE"
    assert machine.fire(trail, Event.CLOCK, draft, "done") == "DONE"
    assert draft.seen == ["GREEN", "RED"]
    assert [arrow.key for arrow in trail] == ["light:light_changes:RED>GREEN", "light:light_changes:GREEN>RED"]
    assert all(arrow.is_move for arrow in trail)


def test_rules_are_tried_in_order_and_the_first_that_holds_fires(machine: Machine) -> None:
    draft, trail = Draft(), list[Arrow]()
    assert [machine.fire(trail, Event.PUSH, draft) for _ in range(6)] == [1, 2, 3, 4, "too much", "too much"]
    assert [rule.name for rule in machine.cell(Event.PUSH, RED)] == ["push_is_too_much", "push_adds_one"]
    assert not trail[-1].is_move


def test_a_hole_is_a_defect_and_nothing_changes(machine: Machine) -> None:
    draft, trail = Draft(BROKEN, 7), list[Arrow]()
    with pytest.raises(NoRule, match="machine light has no rule for CLOCK in BROKEN"):
        machine.fire(trail, Event.CLOCK, draft, "word")
    assert (draft, trail) == (Draft(BROKEN, 7), [])
    assert issubclass(NoRule, ModelDefect)
    assert not machine.holds(Event.CLOCK, BROKEN)
    assert machine.holds(Event.CLOCK, RED)


def test_an_offer_need_not_concern_anyone(machine: Machine) -> None:
    draft, trail = Draft(BROKEN, 7), list[Arrow]()
    assert machine.offer(trail, Event.CLOCK, draft, "word") is None
    assert (draft, trail) == (Draft(BROKEN, 7), [])
    assert machine.offer(trail, Event.CLOCK, Draft(), "word") == "WORD"
    assert len(trail) == 1


def test_the_field_that_holds_the_state_can_have_another_name() -> None:
    @attrs.define
    class Other:
        mood: Light = RED

    m = Machine("mood", "A mood", Light, Event, field="mood")
    declare(m, stays=(), moves={RED: BROKEN})
    other = Other()
    m.fire([], Event.CLOCK, other)
    assert other.mood is BROKEN


def test_docstring_makes_sentence_and_notes(machine: Machine) -> None:
    rule = machine.rules["light_changes"]
    assert (rule.sentence, rule.notes) == ("It changes.", ("A first fact.", "A second one."))
    assert (rule.states, rule.cite, rule.unconfirmed) == ((RED, GREEN), "nowhere", "")


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"name": "light_changes"}, "rule light_changes is declared twice in machine light"),
        ({"stays": (RED,)}, "rule again can never fire on CLOCK in RED: light_changes before it has no guard"),
        ({"stays": (BROKEN, GREEN), "when": bool}, "rule again can never fire on CLOCK in GREEN"),
        ({"sentence": ""}, "rule again has no sentence"),
        ({"sentence": "  \n "}, "rule again has no sentence"),
        ({"stays": ()}, "rule again applies in no state"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(machine: Machine, how: dict[str, Any], why: str) -> None:
    before = set(machine.rules)
    with pytest.raises(ModelDefect, match=re.escape(why)):
        declare(machine, **how)
    assert set(machine.rules) == before


def test_a_rule_may_stand_behind_one_with_a_guard(machine: Machine) -> None:
    declare(machine, "guarded", when=lambda draft: False)
    declare(machine, "last")
    trail: list[Arrow] = []
    machine.fire(trail, Event.CLOCK, Draft(BROKEN))
    assert [arrow.rule.name for arrow in trail] == ["last"]


# ---------------------------------------------------------------- views


def test_a_view_is_looked_at_before_and_after(machine: Machine) -> None:
    draft, trail = Draft(), list[Arrow]()
    machine.fire(trail, Event.PUSH, draft)
    machine.fire(trail, Event.PUSH, draft)
    assert [arrow.key for arrow in trail] == [
        "light:push_adds_one:RED>RED",
        "level:push_adds_one:EMPTY>FULL",
        "light:push_adds_one:RED>RED",
        "level:push_adds_one:FULL>FULL",
    ]


def test_an_undeclared_turn_is_a_defect(machine: Machine) -> None:
    undo = machine.replace("push_adds_one", body=lambda draft: setattr(draft, "amount", 0))
    with pytest.raises(ModelDefect, match="rule push_adds_one turned level from FULL to EMPTY, undeclared"):
        machine.fire([], Event.PUSH, Draft(RED, 1))
    undo()
    assert machine.fire([], Event.PUSH, Draft(RED, 1)) == 2


def test_the_arrow_of_a_view_stands_behind_the_rules_own_and_before_what_it_provokes(machine: Machine) -> None:
    trail: list[Arrow] = []

    def body(draft: Draft) -> None:
        draft.amount += 1
        machine.fire(trail, Event.CLOCK, Draft(), "")

    undo = machine.replace("push_adds_one", body=body)
    machine.fire(trail, Event.PUSH, Draft())
    undo()
    assert [arrow.key.split(":")[0:2] for arrow in trail] == [
        ["light", "push_adds_one"],
        ["level", "push_adds_one"],
        ["light", "light_changes"],
    ]


# ---------------------------------------------------------------- arrows


def test_arrows_are_made_once(machine: Machine) -> None:
    rule = machine.rules["push_adds_one"]
    first, again = list(rule.every_arrow()), list(rule.every_arrow())
    assert all(a is b for a, b in zip(first, again, strict=True))
    trail: list[Arrow] = []
    machine.fire(trail, Event.PUSH, Draft())
    assert all(any(arrow is known for known in first) for arrow in trail)


def test_every_arrow_gives_the_edges_of_the_machine_and_of_its_views(machine: Machine) -> None:
    keys = [arrow.key for arrow in machine.rules["push_adds_one"].every_arrow()]
    assert keys == [
        "light:push_adds_one:RED>RED",
        "light:push_adds_one:GREEN>BROKEN",
        "level:push_adds_one:EMPTY>FULL",
        "level:push_adds_one:FULL>FULL",
    ]
    assert [arrow.key for arrow in arrows_of(LEVEL, [machine])] == keys[2:]
    assert [arrow.rule.name for arrow in arrows_of(machine, [machine])] == [
        "light_changes", "light_changes", "push_is_too_much", "push_adds_one", "push_adds_one",
    ]  # fmt: skip


# ---------------------------------------------------------------- planting faults


def picture(machine: Machine) -> dict[str, list[Rule]]:
    """Every cell's rules, in order."""
    return {f"{e.name} {s.name}": list(machine.cell(e, s)) for e in Event for s in Light}


@pytest.mark.parametrize(
    "changes",
    [
        {"body": lambda draft: 42},
        {"when": lambda draft: False},
        {"moves": {RED: BROKEN, GREEN: BROKEN}},
        {"moves": {RED: RED, GREEN: BROKEN, BROKEN: BROKEN}},
    ],
)
def test_a_fault_is_planted_and_undone(machine: Machine, changes: dict[str, Any]) -> None:
    before, keys = picture(machine), [arrow.key for arrow in arrows_of(machine, [machine])]
    undo = machine.replace("push_adds_one", **changes)
    assert picture(machine) != before
    undo()
    assert picture(machine) == before
    assert [arrow.key for arrow in arrows_of(machine, [machine])] == keys
    assert machine.fire([], Event.PUSH, Draft()) == 1


def test_a_planted_move_is_made(machine: Machine) -> None:
    undo = machine.replace("push_adds_one", moves={RED: BROKEN})
    draft, trail = Draft(), list[Arrow]()
    machine.fire(trail, Event.PUSH, draft)
    undo()
    assert draft.state is BROKEN
    assert trail[0].key == "light:push_adds_one:RED>BROKEN"
    with pytest.raises(NoRule):
        machine.fire([], Event.PUSH, Draft(BROKEN))


def test_undo_puts_a_rule_back_where_it_stood(machine: Machine) -> None:
    before = picture(machine)
    machine.replace("push_adds_one", moves={GREEN: BROKEN})()
    assert picture(machine) == before


# ---------------------------------------------------------------- what holds of all rules of the model

SHOWN: tuple[Machine | View, ...] = (*MACHINES, *VIEWS)
RULES = [rule for machine in MACHINES for rule in machine.rules.values()]


def test_names_are_unique_across_machines() -> None:
    assert len(all_rules()) == len(RULES)
    assert len({shown.name for shown in SHOWN}) == len(SHOWN)


def test_keys_of_arrows_are_unique_and_stable() -> None:
    keys = [arrow.key for shown in SHOWN for arrow in arrows_of(shown, MACHINES)]
    assert len(set(keys)) == len(keys)
    assert keys == [arrow.key for shown in SHOWN for arrow in arrows_of(shown, MACHINES)]
    assert "tcp:fin_arrives:ESTABLISHED>CLOSE_WAIT" in keys


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.machine}:{rule.name}")
def test_every_rule_can_be_read(rule: Rule) -> None:
    assert re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)+", rule.name), "a name is a phrase in snake_case"
    assert re.match(r"[A-Z0-9]", rule.sentence), "a sentence begins with a capital"
    assert rule.sentence.endswith("."), "a sentence ends with a full stop"
    assert rule.cite.strip() == rule.cite != "", "whoever states something says where it is written"
    assert rule.body.__name__ == rule.name


def test_a_rule_without_a_guard_is_the_last_of_its_cell() -> None:
    for machine in MACHINES:
        for event in machine.events:
            for state in machine.states:
                cell = machine.cell(event, state)
                unguarded = [rule.name for rule in cell[:-1] if rule.when is None]
                assert unguarded == [], f"{machine.name}, {event.name} in {state.name}"
                assert len({rule.name for rule in cell}) == len(cell)


def reachable(machine: Machine, start: IntEnum) -> set[IntEnum]:
    """The states to which moves lead from `start`, and `start`."""
    found, todo = {start}, [start]
    while todo:
        here = todo.pop()
        for rule in machine.rules.values():
            there = rule.moves.get(here, here)
            if there not in found:
                found.add(there)
                todo.append(there)
    return found


def test_every_state_of_tcp_can_be_reached_from_closed_and_left_for_it() -> None:
    (tcp,) = (machine for machine in MACHINES if machine.name == "tcp")
    assert reachable(tcp, TcpState.CLOSED) == set(TcpState)
    assert all(TcpState.CLOSED in reachable(tcp, state) for state in TcpState)


def test_every_event_of_every_machine_has_a_rule() -> None:
    silent = [
        f"{machine.name} {event.name}"
        for machine in MACHINES
        for event in machine.events
        if not any(machine.holds(event, state) for state in machine.states)
    ]
    assert silent == []
