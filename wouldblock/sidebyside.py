"""Two runs of one scenario, laid side by side and compared call by call.

Compared are the call itself, its answer, what can be seen of every open socket after it (`Observation`), and at the
end what the scenario returned or raised. Everything is compared for equality, with four exceptions that no two runs
of the kernel would survive either:

- ports that the system picked have no meaning of their own: on each arm they are named ``port#1``, ``port#2``, … in
  the order in which the scenario got to see them, and the names are compared. A port that the scenario itself chose
  keeps its number;
- of `TCP_INFO` only the first byte, the state, is compared: the rest are measured times;
- the order of sockets in the lists of select(): `selectors.SelectSelector` makes them of sets, whose order depends on
  descriptor numbers;
- time: the model's is virtual.

While the arms agree they make the same calls. A scenario may branch on an answer, so behind a difference the calls
are matched like the lines of two texts, and a call that only one arm made stands alone.

Not here: running (scenarios.py), how it looks (output.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher
from itertools import pairwise
from typing import Any

import attrs

from model.trace import CallEvent, to_json
from model.values import constants
from model.values.results import Done
from wouldblock.scenarios import Run, Scenario
from wouldblock.wording import MAKES, answer_text, call_text, is_address

_MATCHED_MAX = 2000
"""Calls behind a difference that are still matched like lines of text; more are laid side by side as they come."""


class Ports:
    """Names for the ports that the system picked, in the order in which one arm's trace shows them.

    A port that the scenario names before the system does is the scenario's own and keeps its number.
    """

    def __init__(self) -> None:
        self.names: dict[int, str] = {}
        self._own: set[int] = {0}

    def given(self, value: Any) -> Any:
        """Arguments of a call, ports renamed."""
        if is_address(value):
            if value[1] not in self.names:
                self._own.add(value[1])
            return self.renamed(value)
        return _over(value, self.given)

    def answered(self, value: Any) -> Any:
        """The value of an answer, ports renamed; one not seen before gets the next name."""
        if is_address(value):
            if value[1] not in self._own:
                self.names.setdefault(value[1], f"port#{len(self.names) + 1}")
            return self.renamed(value)
        return _over(value, self.answered)

    def renamed(self, value: Any) -> Any:
        """Any value, ports renamed that have a name already, in addresses only."""
        if is_address(value):
            return (value[0], self.names.get(value[1], value[1]))
        return _over(value, self.renamed)

    def event(self, event: CallEvent) -> CallEvent:
        """A call with its answer, ports renamed. To be asked for each call of one arm in order."""
        args, answer = self.given(event.args), event.answer
        if isinstance(answer, Done):
            answer = Done(self.answered(answer.value))
        return attrs.evolve(event, args=args, answer=answer)


@attrs.frozen
class Difference:
    """A field of one socket's observation that the arms see differently after the same call."""

    socket: str
    field: str
    model: int | None
    kernel: int | None


@attrs.frozen(eq=False)
class Row:
    """One call on both arms; None where an arm did not make it. Ports are renamed."""

    model: CallEvent | None
    kernel: CallEvent | None
    same_answer: bool
    differences: tuple[Difference, ...] = ()

    @property
    def equal(self) -> bool:
        return self.same_answer and not self.differences

    @property
    def call(self) -> str:
        return call_text(self.model or self.kernel)  # type: ignore[arg-type]  # a row has at least one of them

    @property
    def rules(self) -> tuple[str, ...]:
        return self.model.rules if self.model else ()

    def to_json(self) -> dict[str, Any]:
        return {
            "call": self.call,
            "equal": self.equal,
            "rules": list(self.rules),
            "model": _event_json(self.model),
            "kernel": _event_json(self.kernel),
            "differences": [attrs.asdict(difference) for difference in self.differences],
        }


@attrs.frozen(eq=False)
class Ending:
    """How a run ended: what it returned or raised, as text and in a form that can be compared."""

    raised: bool
    text: str
    value: Any


@attrs.frozen(eq=False)
class Comparison:
    """One scenario on both arms."""

    scenario: Scenario
    model: Run
    kernel: Run
    rows: tuple[Row, ...]
    endings: tuple[Ending, Ending]

    @property
    def same_ending(self) -> bool:
        return self.endings[0].raised == self.endings[1].raised and self.endings[0].value == self.endings[1].value

    @property
    def equal(self) -> bool:
        return self.same_ending and all(row.equal for row in self.rows)

    @property
    def held_up_ns(self) -> int:
        """The longest time that passed between two calls on the kernel and not on the model, in nanoseconds."""
        times = [(row.kernel.at_ns, row.model.at_ns) for row in self.rows if row.kernel and row.model]
        return max((b[0] - a[0] - (b[1] - a[1]) for a, b in pairwise(times)), default=0)

    def to_json(self) -> dict[str, Any]:
        arms = self.model.arm, self.kernel.arm
        return {
            "scenario": self.scenario.name,
            "file": str(self.scenario.path),
            "line": self.scenario.line,
            "fact": self.scenario.fact,
            "equal": self.equal,
            "calls": [row.to_json() for row in self.rows],
            "ending": {
                "equal": self.same_ending,
                **{arm: _ending_json(end) for arm, end in zip(arms, self.endings, strict=True)},
            },
        }  # fmt: skip


def compare(scenario: Scenario, model: Run, kernel: Run) -> Comparison:
    """Lay the two runs side by side."""
    names = Ports(), Ports()
    calls = [[ports.event(event) for event in run.calls] for ports, run in zip(names, (model, kernel), strict=True)]
    rows = tuple(_row(left, right) for left, right in _matched(*calls))
    endings = ending(model, names[0]), ending(kernel, names[1])
    return Comparison(scenario, model, kernel, rows, endings)


def _matched(left: list[CallEvent], right: list[CallEvent]) -> Iterator[tuple[CallEvent | None, CallEvent | None]]:
    """Pairs of calls that belong together, in order."""
    at = 0
    while at < min(len(left), len(right)) and _call(left[at]) == _call(right[at]):
        yield left[at], right[at]
        at += 1
    left, right = left[at:], right[at:]
    if max(len(left), len(right)) > _MATCHED_MAX:
        yield from ((event, None) for event in left)
        yield from ((None, event) for event in right)
        return
    matcher = SequenceMatcher(None, [_call(event) for event in left], [_call(event) for event in right], autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag == "equal":
            yield from zip(left[i1:i2], right[j1:j2], strict=True)
        else:
            yield from ((event, None) for event in left[i1:i2])
            yield from ((None, event) for event in right[j1:j2])


def _call(event: CallEvent) -> tuple[Any, ...]:
    """What makes two calls the same call; hashable."""
    return event.host, event.socket, event.call, repr(_unordered(event, event.args))


def _row(model: CallEvent | None, kernel: CallEvent | None) -> Row:
    if model is None or kernel is None:
        return Row(model, kernel, same_answer=False)
    return Row(model, kernel, _comparable(model) == _comparable(kernel), tuple(_differences(model, kernel)))


def _comparable(event: CallEvent) -> tuple[type, Any]:
    answer = event.answer
    if not isinstance(answer, Done):
        return type(answer), answer
    value = None if event.call in MAKES else _unordered(event, _tidy(answer.value))
    if event.call == "getsockopt" and event.args[:2] == (constants.SOL_TCP, constants.TCP_INFO):
        value = value[:1] if isinstance(value, bytes) else value
    return Done, value


def _unordered(event: CallEvent, value: Any) -> Any:
    """The lists of a select() in one order, everything else as it is."""
    if event.call != "select":
        return value
    return [sorted(item) if isinstance(item, list | tuple) else item for item in value]


def _tidy(value: Any) -> Any:
    """Lists and tuples alike: which of the two a trace holds says nothing."""
    return [_tidy(item) for item in value] if isinstance(value, list | tuple) else value


def _differences(model: CallEvent, kernel: CallEvent) -> Iterator[Difference]:
    left, right = dict(model.sockets), dict(kernel.sockets)
    for name in [*left, *(name for name in right if name not in left)]:
        ours, theirs = left.get(name), right.get(name)
        for field in (ours or theirs)._fields:  # type: ignore[union-attr]  # the name comes from one of the two
            pair = getattr(ours, field, None), getattr(theirs, field, None)
            if pair[0] != pair[1]:
                yield Difference(name, field, *pair)


def ending(run: Run, ports: Ports) -> Ending:
    """How `run` ended. `ports` has seen all of its calls."""
    if run.raised is not None:
        number = run.raised.errno if isinstance(run.raised, OSError) else None
        return Ending(True, run.error, (type(run.raised).__name__, number))
    value = _Plain(ports, run.calls).of(run.returned)
    return Ending(False, repr(value), value)


class _Plain:
    """Turns what a scenario returned into something that can be compared between the arms: classes and sockets are
    not the same objects, and their ports and descriptors are not the same numbers.

    A descriptor is recognized in what poll or epoll gave, a list of (descriptor, bits) or a dictionary made of it, and
    named.
    """

    def __init__(self, ports: Ports, calls: tuple[CallEvent, ...]) -> None:
        self._ports = ports
        polled = [
            each.answer.value for each in calls if each.call in ("poll", "epoll_wait") and isinstance(each.answer, Done)
        ]
        self._polled = {tuple(bits for _, bits in ready): [name for name, _ in ready] for ready in polled if ready}

    def of(self, value: Any) -> Any:
        """The value, ports and descriptors by name, objects by the name of their class."""
        match value:
            case bool() | None | float() | str() | bytes() | bytearray():
                return value
            case int():
                return int(value)
            case list() | tuple() if is_address(value):
                return self._ports.renamed(value)
            case list() if names := self._names(value):
                return [(name, bits) for name, (_, bits) in zip(names, value, strict=True)]
            case dict() if names := self._names(list(value.items())):
                return dict(zip(names, value.values(), strict=True))
            case list() | tuple():
                items = [self.of(item) for item in value]
                kind = type(value)
                return kind(items) if kind in (list, tuple) else _Named(kind.__name__, items)
            case dict():
                return {self.of(key): self.of(item) for key, item in value.items()}
            case set() | frozenset():
                return {self.of(item) for item in value}
            case OSError():
                return _Named(type(value).__name__, value.errno)
            case BaseException():
                return _Named(type(value).__name__, str(value))
        return _Named(type(value).__name__, None)

    def _names(self, pairs: list[Any]) -> list[str] | None:
        """The sockets of a poll that answered `pairs`, if there was one."""
        if not all(type(pair) is tuple and [type(item) for item in pair] == [int, int] for pair in pairs):
            return None
        return self._polled.get(tuple(bits for _, bits in pairs))


@attrs.frozen
class _Named:
    """What is left of a value of some class."""

    name: str
    value: Any

    def __repr__(self) -> str:
        return f"<{self.name}>" if self.value is None else f"{self.name}({self.value!r})"


def _over(value: Any, change: Any) -> Any:
    """`change` applied to the items of a list or tuple; other values as they are."""
    if type(value) in (list, tuple):
        return type(value)(change(item) for item in value)
    return value


def _event_json(event: CallEvent | None) -> Any:
    return None if event is None else {**to_json(event), "text": answer_text(event)}


def _ending_json(ending: Ending) -> dict[str, Any]:
    return {"raised" if ending.raised else "returned": ending.text}
