"""The values of the ledger: an `Entry` for each name, with what was observed.

A verdict says how the older rule stands to this kernel and to the model:

    met              the kernel does it, and rules of the model say so
    met in part      the same, but some of it is otherwise or is not modelled, as the sentence tells
    differs here     the case is there, and this kernel answers otherwise; the model answers as the kernel does
    does not apply   the case is not there: another system's behaviour, or machinery of a specification
    not modelled     the kernel does it, and the model cannot say it yet

An observation shows it. There are four kinds: a cell of the table of errors (docs/errors.md), an outcome of the table
of calls that wait (docs/blocking.md), a small program of `scenes.py`, and a test that is there already. The first three
are made on the model when the tests run, and must give what the entry claims; on the kernel they are made by the tests
of those tables, and the programs by tests/netsem. A rule may also be carried by `code` that is no rule, by its path.

Not here: the entries themselves (entries_*.py).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any, Protocol

import attrs

from model import SimNet
from model.machines import all_rules

from .. import blocking
from ..adherence.ledger import find, is_test
from ..errortable.answers import cell as cell_of
from ..errortable.page import COLUMNS, cell_in_words, committed
from ..situations import SITUATIONS
from ..waits import WAITS
from .scenes import SCENES


class Verdict(StrEnum):
    """How an older rule stands to this kernel and to the model."""

    MET = "met"
    IN_PART = "met in part"
    DIFFERS = "differs here"
    DOES_NOT_APPLY = "does not apply"
    NOT_MODELLED = "not modelled"


# ---------------------------------------------------------------- what was observed


class Observation(Protocol):
    """Something that was seen, and can be seen again."""

    def faults(self) -> Iterator[str]:
        """What is wrong with it before anything runs, each a clause without its subject."""

    def claimed(self) -> Any:
        """What the entry says is seen."""

    def on_model(self) -> Any:
        """What is seen on the model now; for a test what is claimed, for that runs by itself."""


@attrs.frozen
class InTable:
    """A cell of the table of errors: a call in a situation, and its answer in the words of docs/errors.md."""

    situation: str
    call: str
    answer: str

    def faults(self) -> Iterator[str]:
        """Situation and call must be there."""
        if self.situation not in SITUATIONS:
            yield f"names the situation {self.situation}, which there is not"
        if self.call not in _COLUMNS:
            yield f"names the call {self.call}, which the table does not have"

    def claimed(self) -> str:
        """The answer."""
        return self.answer

    def on_model(self) -> str:
        """The answer of the model; where it has none, what the page says that the kernel answered."""
        with SimNet() as net:
            made = cell_of(net, self.situation, _COLUMNS[self.call])
        if made.missing:
            said: str = committed()["cells"][self.situation][self.call]
            return said
        return cell_in_words(made, _COLUMNS[self.call])


_COLUMNS = {column.name: column for column in COLUMNS}


@attrs.frozen
class OfWait:
    """An outcome of the table of calls that wait: what happens to a call, and what it gives then."""

    wait: str
    happens: str
    gives: str
    table: str = ""
    """The key of a table of docs/blocking.md, whose column `happens` is; empty for the one of what wakes a call."""

    def faults(self) -> Iterator[str]:
        """The call and what happens to it must be there."""
        if self.wait not in WAITS:
            yield f"names the wait {self.wait}, which there is not"
        elif self.table and self.happens not in blocking.TABLES[self.table].columns:
            yield f"names {self.happens}, which is no column of {self.table}"

    def claimed(self) -> str:
        """What it gives."""
        return self.gives

    def on_model(self) -> str:
        """What it gives on the model."""
        if not self.table:
            seen = blocking.found(SimNet, self.wait, blocking.way(self.happens))
            assert isinstance(seen, blocking.Seen)
            return "waits on" if seen.ended else seen.gave
        table = blocking.TABLES[self.table]
        seen = blocking.found(SimNet, self.wait, table.columns[self.happens])
        natural = blocking.found(SimNet, self.wait, blocking.left_alone)
        assert isinstance(natural, blocking.Seen)
        return "–" if seen is None else table.shown(seen, natural.gave)


@attrs.frozen
class Played:
    """A small program of scenes.py, and what it gives."""

    scene: str
    gives: Any

    def faults(self) -> Iterator[str]:
        """The scene must be there."""
        if self.scene not in SCENES:
            yield f"names the scene {self.scene}, which there is not"

    def claimed(self) -> Any:
        """What it gives."""
        return self.gives

    def on_model(self) -> Any:
        """What it gives on the model; one for the kernel alone is not played there."""
        scene = SCENES[self.scene]
        if scene.kernel_only:
            return self.gives
        with SimNet(profile=scene.profile) as net:
            return scene.play(net)


@attrs.frozen
class OfTest:
    """A test that shows it, by pytest's node id, or a packet script, both without the folder tests/."""

    node: str

    def faults(self) -> Iterator[str]:
        """The test must be there."""
        if not is_test(f"tests/{self.node}"):
            yield f"names tests/{self.node}, which pytest would not collect"

    def claimed(self) -> str:
        """A test says yes or no by itself."""
        return ""

    on_model = claimed


# ---------------------------------------------------------------- entries


@attrs.frozen
class Entry:
    """What became of one rule of the older specification, by its name there. `says` is a sentence or more."""

    name: str
    verdict: Verdict
    says: str
    rules: tuple[str, ...]
    seen: tuple[Observation, ...]
    code: tuple[str, ...] = ()

    @property
    def group(self) -> str:
        """The name without its number: "accept", "timer_tt"."""
        return re.split(r"_(?=\d)", self.name, maxsplit=1)[0]

    def faults(self, counts: Mapping[str, int]) -> Iterator[str]:
        """What is wrong with it, each a clause; `counts` is how often the kernel has confirmed each rule."""
        if not self.says.endswith("."):
            yield "says something that is no sentence"
        carried = self.verdict in (Verdict.MET, Verdict.IN_PART)
        if carried and not (self.rules or self.code):
            yield f"is {self.verdict} and names nothing that carries it"
        if not self.seen and self.verdict is not Verdict.NOT_MODELLED:
            yield "names nothing that was observed"
        if self.verdict is Verdict.NOT_MODELLED and self.rules:
            yield "is not modelled and yet names rules"
        for name in self.rules:
            if name not in all_rules():
                yield f"names the rule {name}, which does not exist"
            elif counts.get(name) == 0 and not all_rules()[name].unconfirmed:
                yield f"names the rule {name}, which the kernel has never confirmed, and nothing says why"
        yield from (f"names {path}, which does not exist" for path in self.code if find(path) is None)
        yield from (fault for each in self.seen for fault in each.faults())


def faults(entries: Iterable[Entry], counts: Mapping[str, int]) -> list[str]:
    """Everything that is wrong with the ledger, one sentence each."""
    found = list(entries)
    names = Counter(each.name for each in found)
    twice = [f"{name} is there {count} times." for name, count in names.items() if count > 1]
    return twice + [f"{each.name} {fault}." for each in found for fault in each.faults(counts)]


# ---------------------------------------------------------------- how entries are written


def cell(situation: str, call: str, answer: str) -> InTable:
    """A cell of the table of errors."""
    return InTable(situation, call, answer)


def wait(call: str, happens: str, gives: str, table: str = "") -> OfWait:
    """An outcome of the table of calls that wait."""
    return OfWait(call, happens, gives, table)


def scene(name: str, gives: Any) -> Played:
    """A small program."""
    return Played(name, gives)


def test(node: str) -> OfTest:
    """A test, or a packet script."""
    return OfTest(node)


test.__test__ = False  # type: ignore[attr-defined]  # pytest need not look at it


def _entry(verdict: Verdict, name: str, says: str, rules: str, seen: tuple[Observation, ...], code: str) -> Entry:
    return Entry(name, verdict, says, tuple(rules.split()), seen, tuple(code.split()))


def met(name: str, says: str, rules: str, *seen: Observation, code: str = "") -> Entry:
    """An older rule that is met; `rules` are names of ours, and `code` paths, with blanks between them."""
    return _entry(Verdict.MET, name, says, rules, seen, code)


def in_part(name: str, says: str, rules: str, *seen: Observation, code: str = "") -> Entry:
    """One that is met in part."""
    return _entry(Verdict.IN_PART, name, says, rules, seen, code)


def differs(name: str, says: str, rules: str, *seen: Observation, code: str = "") -> Entry:
    """One whose case is there, with another answer; `rules` give that."""
    return _entry(Verdict.DIFFERS, name, says, rules, seen, code)


def elsewhere(name: str, says: str, rules: str, *seen: Observation, code: str = "") -> Entry:
    """One that does not apply; `rules` are what is there instead, if anything is."""
    return _entry(Verdict.DOES_NOT_APPLY, name, says, rules, seen, code)


def missing(name: str, says: str, *seen: Observation) -> Entry:
    """One that the kernel has and the model lacks."""
    return _entry(Verdict.NOT_MODELLED, name, says, "", seen, "")
