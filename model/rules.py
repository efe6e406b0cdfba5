"""The rule kit: how a state machine is written down, run, counted and drawn.

A *machine* is a set of named states and a set of named rules. A rule says what starts it (an event),
where it applies (states and a guard), where it leads (moves, as data), what it does and what it answers
(its body). Everything else in the project reads those rules: the simulator fires them, the cross-check counts
them against the kernel, the diagrams draw them, the explanations quote them. So there is one way to write
behaviour down, and it is this file.

Within one cell (event, state) the rules are tried in the order in which they were declared; the first whose guard holds
fires. A rule without a guard always holds, so a rule declared behind it in the same cell could never fire: that is
refused when it is declared. If no rule of a cell holds, the model has a hole and says so (`NoRule`): a missing
branch is a defect, never a silent default.

The kit makes the move, *before* the body runs: a body sees the state it leads to and never assigns one.

A *view* is a machine whose state is not stored but read off the numbers ("the send buffer is full"). Rules of other
machines say what they may do to a view in `shows`; the kit looks before and after, and a turn that was not
declared is a defect of the model.

Each (machine, rule, state before, state after) is one `Arrow`, made once. Firing a rule appends arrows to a list: that
list is the trace, the coverage and the material of the diagrams at once.

Not here: time, choices, sockets. The kit knows nothing of networks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import IntEnum
from typing import Any

import attrs


class ModelDefect(Exception):
    """The model contradicts itself: two rules for one cell, a hole, a turn nobody declared."""


class NoRule(ModelDefect):
    """An event met a state for which no rule holds."""


@attrs.frozen(eq=False)
class Arrow:
    """One edge of one diagram: a rule taking a machine from one state to another (or leaving it where it is)."""

    machine: str
    rule: Rule
    before: IntEnum
    after: IntEnum

    @property
    def key(self) -> str:
        """A stable name, fit for JSON: ``tcp:fin_arrives:ESTABLISHED>CLOSE_WAIT``."""
        return f"{self.machine}:{self.rule.name}:{self.before.name}>{self.after.name}"

    @property
    def is_move(self) -> bool:
        return self.before is not self.after


@attrs.frozen(eq=False)
class Rule:
    """One named way on from one event: an arrow, a sentence, a source, and the code that runs."""

    machine: str
    name: str
    event: IntEnum
    sentence: str
    notes: tuple[str, ...]
    cite: str
    when: Callable[..., bool] | None
    body: Callable[..., Any]
    moves: Mapping[IntEnum, IntEnum]
    shows: tuple[tuple[View, Mapping[IntEnum, tuple[IntEnum, ...]]], ...]
    arrows: tuple[Arrow | None, ...]
    """The arrow of this rule on its own machine, indexed by the state it starts from."""
    looks: tuple[tuple[View, Mapping[tuple[IntEnum, IntEnum], Arrow]], ...]
    """For each view that it shows: the arrow of every turn that is declared."""
    unconfirmed: str
    """Why the cross-check cannot confirm this rule, where it cannot; empty for all others."""

    @property
    def states(self) -> tuple[IntEnum, ...]:
        return tuple(self.moves)

    def every_arrow(self) -> Iterator[Arrow]:
        """Every edge that this rule can draw, on its own machine and on the views it touches."""
        yield from (arrow for arrow in self.arrows if arrow is not None)
        for _, turns in self.looks:
            yield from turns.values()


class View:
    """A machine read off the numbers: its state is a function, its arrows are what rules do to it."""

    def __init__(self, name: str, title: str, states: type[IntEnum], of: Callable[[Any], IntEnum]) -> None:
        self.name, self.title, self.states, self.of = name, title, states, of
        self._arrows: dict[tuple[str, int, int], Arrow] = {}

    def arrow(self, rule: Rule, before: IntEnum, after: IntEnum) -> Arrow:
        key = (rule.name, int(before), int(after))
        found = self._arrows.get(key)
        if found is None:
            found = self._arrows[key] = Arrow(self.name, rule, before, after)
        return found


class Machine:
    """A set of states and the rules between them.

    `field` is the attribute of a draft that holds this machine's state. `events` is the machine's own `IntEnum`.
    """

    def __init__(
        self, name: str, title: str, states: type[IntEnum], events: type[IntEnum], field: str = "state"
    ) -> None:
        self.name, self.title, self.states, self.events, self.field = name, title, states, events, field
        self.rules: dict[str, Rule] = {}
        self._cells: list[list[list[Rule]]] = [[[] for _ in range(max(states) + 1)] for _ in range(max(events) + 1)]

    def rule(
        self,
        *,
        on: IntEnum,
        moves: Mapping[Any, Any] | None = None,
        stays: Iterable[Any] = (),
        when: Callable[..., bool] | None = None,
        shows: Mapping[View, Mapping[Any, tuple[Any, ...]]] | None = None,
        cite: str,
        unconfirmed: str = "",
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Declare the decorated function as a rule of this machine.

        `moves` maps a state to the state it leads to; `stays` lists states in which the rule applies and does not move.
        The first line of the docstring is the rule in English, further non-empty lines are facts with their source.
        """
        leads: dict[IntEnum, IntEnum] = {**(moves or {}), **{state: state for state in stays}}

        def declare(body: Callable[..., Any]) -> Callable[..., Any]:
            name = body.__name__
            lines = [line.strip() for line in (body.__doc__ or "").strip().splitlines()]
            if not lines or not lines[0]:
                raise ModelDefect(f"rule {name} has no sentence: give its function a docstring")
            if not leads:
                raise ModelDefect(f"rule {name} applies in no state: give it moves= or stays=")
            if name in self.rules:
                raise ModelDefect(f"rule {name} is declared twice in machine {self.name}")
            rule = Rule(
                machine=self.name,
                name=name,
                event=on,
                sentence=lines[0],
                notes=tuple(line for line in lines[1:] if line),
                cite=cite,
                when=when,
                body=body,
                moves=leads,
                shows=tuple((shows or {}).items()),
                arrows=(),
                looks=(),
                unconfirmed=unconfirmed,
            )
            self._draw(rule)
            for state in leads:
                cell = self._cells[on][state]
                if cell and cell[-1].when is None:
                    raise ModelDefect(
                        f"rule {name} can never fire on {on.name} in {state.name}: "
                        f"{cell[-1].name} before it has no guard and always holds"
                    )
                cell.append(rule)
            self.rules[name] = rule
            return body

        return declare

    def fire(self, trail: list[Arrow], event: int, subject: Any, *args: Any) -> Any:
        """Fire the rule for `event` on `subject`; append its arrows to `trail`; return its answer."""
        before = len(trail)
        answer = self.offer(trail, event, subject, *args)
        if answer is None and len(trail) == before:
            state = self.states(getattr(subject, self.field))
            raise NoRule(f"machine {self.name} has no rule for {self.events(event).name} in {state.name}: {subject!r}")
        return answer

    def offer(self, trail: list[Arrow], event: int, subject: Any, *args: Any) -> Any:
        """Like `fire`, for a question that need not concern anyone: None where no rule holds."""
        state = getattr(subject, self.field)
        given = (subject, *args)
        for rule in self._cells[event][state]:
            when = rule.when
            if when is None or when(*given):
                arrow: Any = rule.arrows[state]  # never None: a rule stands in the cells of its own states only
                if rule.looks:
                    return self._run_and_look(trail, rule, arrow, subject, given)
                trail.append(arrow)
                after = arrow.after
                if after is not state:
                    setattr(subject, self.field, after)
                return rule.body(*given)
        return None

    def sort_rules(self, modules: list[str]) -> None:
        """List the rules by module, in this order, and by line: else their order would hang on who imports what first.
        Modules that are not named come first. Which rule fires is not touched.
        """
        place = {name: at for at, name in enumerate(modules)}

        def where(item: tuple[str, Rule]) -> tuple[int, int]:
            body = item[1].body
            return place.get(body.__module__, -1), body.__code__.co_firstlineno

        self.rules = dict(sorted(self.rules.items(), key=where))

    def holds(self, event: int, state: int) -> bool:
        """Whether any rule is declared for this event in this state."""
        return bool(self._cells[event][state])

    def cell(self, event: int, state: int) -> tuple[Rule, ...]:
        return tuple(self._cells[event][state])

    def _run_and_look(self, trail: list[Arrow], rule: Rule, arrow: Any, subject: Any, given: Any) -> Any:
        """Run a rule that may turn a view: look at the view before and after, and put that arrow behind the rule's
        own.
        """
        before = [view.of(subject) for view, _ in rule.looks]
        trail.append(arrow)
        at = len(trail)
        if arrow.after is not arrow.before:
            setattr(subject, self.field, arrow.after)
        answer = rule.body(*given)
        for (view, turns), was in zip(rule.looks, before, strict=True):
            now = view.of(subject)
            turn = turns.get((was, now))
            if turn is None:
                raise ModelDefect(f"rule {rule.name} turned {view.name} from {was.name} to {now.name}, undeclared")
            trail.insert(at, turn)
        return answer

    def replace(self, name: str, **changes: Any) -> Callable[[], None]:
        """Swap parts of one rule for others and return a function that puts it back. For tests that plant faults."""
        old = self.rules[name]
        new = attrs.evolve(old, **changes)
        self._draw(new)
        cells = self._cells[old.event]
        before = [list(cell) for cell in cells]
        self.rules[name] = new
        for state, cell in enumerate(cells):
            if old in cell:
                at = cell.index(old)
                cell[at : at + 1] = [new] if state in new.moves else []
            elif state in new.moves:
                cell.insert(0, new)

        def undo() -> None:
            self.rules[name] = old
            self._cells[old.event] = before

        return undo

    def _draw(self, rule: Rule) -> None:
        """Make the rule's arrows, once. Rule and arrow name each other, so this comes after both exist."""
        leads = {int(state): (state, leads_to) for state, leads_to in rule.moves.items()}
        arrows = [Arrow(self.name, rule, *leads[s]) if s in leads else None for s in range(max(self.states) + 1)]
        object.__setattr__(rule, "arrows", tuple(arrows))
        looks = [
            (view, {(was, now): view.arrow(rule, was, now) for was, nows in turns.items() for now in nows})
            for view, turns in rule.shows
        ]
        object.__setattr__(rule, "looks", tuple(looks))


def arrows_of(machine: Machine | View, machines: Iterable[Machine]) -> list[Arrow]:
    """Every edge of one diagram, in the order in which the rules were declared."""
    return [
        arrow
        for m in machines
        for rule in m.rules.values()
        for arrow in rule.every_arrow()
        if arrow.machine == machine.name
    ]
