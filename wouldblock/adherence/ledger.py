"""The ledger's values: one `Requirement` for each thing that an RFC asks, read from `docs/adherence/*.toml`.

A file opens with the RFC's number, its title and a sentence about what of it concerns sockets. A table for each
requirement follows. Its name is the RFC's own label (MUST-1) where there are such, and else a few words of ours:

    [MUST-37]
    section = "3.8.6.1"
    asks = "While the peer answers probes, the connection stays open."
    status = "kept"
    rules = ["closed_window_is_probed"]
    tests = ["tests/model/test_tcp_windows.py::test_probes_go_on_for_ever"]

A requirement that is `kept`, or `kept otherwise` because Linux differs from the RFC and so does the model, names what
carries it: `rules`, by their names in the machines, or, for what is no rule, `code`, by its path
("model.values.wire.decode"); and `tests`, by pytest's node ids without parameters, or packet scripts, by their file.
Whatever is not plainly kept has a `note` that says how or why.

`faults` looks for what does not exist. A test exists if pytest would collect it: a function whose name begins with
``test``, at the top of a file ``test_*.py`` or in a class ``Test*``. The files are read as syntax trees, not run.

Not here: whether a test shows what it is named for. That takes a reader.
"""

from __future__ import annotations

import ast
import importlib
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs

from model.machines import all_rules
from wouldblock.front import Stop

ROOT = Path(__file__).parent.parent.parent
DATA = ROOT / "docs" / "adherence"


class Status(StrEnum):
    """What became of a requirement."""

    KEPT = "kept"
    OTHERWISE = "kept otherwise"
    """Linux does not do it in the RFC's way, and the model does what Linux does."""
    NOT_MODELLED = "not modelled"
    DOES_NOT_APPLY = "does not apply"

    @property
    def is_carried(self) -> bool:
        """Whether something must carry it: a rule or a function, and a test."""
        return self in (Status.KEPT, Status.OTHERWISE)


@attrs.frozen
class Requirement:
    """One thing that an RFC asks. `section` is a number without the sign §; `note` may be empty if it is kept."""

    label: str
    section: str
    asks: str
    status: Status
    rules: tuple[str, ...] = ()
    code: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    note: str = ""

    def faults(self) -> Iterator[str]:
        """What is wrong with this entry, each a clause without its subject."""
        if not self.asks.endswith("."):
            yield "asks something that is no sentence"
        if self.status is not Status.KEPT and not self.note:
            yield f"is {self.status} and does not say how or why"
        if self.status.is_carried and not (self.rules or self.code):
            yield "names no rule and no function that keeps it"
        if self.status.is_carried and not self.tests:
            yield "names no test that shows it"
        if not self.status.is_carried and (self.rules or self.code or self.tests):
            yield f"is {self.status} and yet names what carries it"
        yield from (f"names the rule {name}, which does not exist" for name in self.rules if name not in all_rules())
        yield from (f"names {path}, which does not exist" for path in self.code if find(path) is None)
        yield from (f"names {test}, which pytest would not collect" for test in self.tests if not is_test(test))


@attrs.frozen
class Standard:
    """One RFC, as far as it concerns sockets."""

    number: int
    title: str
    about: str
    requirements: tuple[Requirement, ...]

    @property
    def name(self) -> str:
        return f"RFC {self.number}"

    def counts(self) -> Counter[Status]:
        return Counter(each.status for each in self.requirements)


# ---------------------------------------------------------------- reading

_LISTS = ("rules", "code", "tests")
_TEXTS = ("section", "asks", "status", "note")


def load(folder: Path = DATA) -> tuple[Standard, ...]:
    """Every standard of the ledger: RFC 9293 first, then by number. Raises `Stop` with one sentence for a bad file."""
    found = [_read(path) for path in sorted(folder.glob("*.toml"))]
    return tuple(sorted(found, key=lambda each: (each.number != 9293, each.number)))


def _read(path: Path) -> Standard:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:  # a label that is there twice is one of these
        raise Stop(f"{path.name}: {error}.") from None
    tables = {label: table for label, table in data.items() if isinstance(table, dict)}
    head = {key: value for key, value in data.items() if key not in tables}
    if set(head) != {"rfc", "title", "about"} or not isinstance(head["rfc"], int):
        raise Stop(f"{path.name}: the head of the file has rfc (a number), title and about, and nothing else.")
    entries = tuple(_requirement(path.name, label, table) for label, table in tables.items())
    return Standard(head["rfc"], head["title"], head["about"], entries)


def _requirement(file: str, label: str, table: Mapping[str, Any]) -> Requirement:
    where = f"{file}, {label}"
    for key, value in table.items():
        if key not in (*_LISTS, *_TEXTS):
            raise Stop(f"{where}: there is no field {key}; there are {', '.join((*_TEXTS, *_LISTS))}.")
        lines = value if key in _LISTS and isinstance(value, list) else [value]
        if not all(isinstance(line, str) for line in lines) or (key in _LISTS) is not isinstance(value, list):
            raise Stop(f"{where}: {key} must be {'a list of texts' if key in _LISTS else 'a text'}.")
    for key in ("section", "asks", "status"):
        if not table.get(key):
            raise Stop(f"{where}: {key} is missing.")
    if table["status"] not in list(Status):
        raise Stop(f"{where}: there is no status {table['status']!r}; there are {', '.join(Status)}.")
    rules, code, tests = (tuple(table.get(key, ())) for key in _LISTS)
    section, asks, note = table["section"], table["asks"], table.get("note", "")
    return Requirement(label, section, asks, Status(table["status"]), rules, code, tests, note)


# ---------------------------------------------------------------- what an entry names


def module_of(path: str) -> ModuleType | None:
    """The module that a dotted path leads into; None if its first name is no module."""
    parts = path.split(".")
    for length in range(len(parts), 0, -1):
        try:
            return importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
    return None


def find(path: str) -> Any | None:
    """What a dotted path names: a module, or something in one. None if there is no such thing."""
    found: Any = module_of(path)
    if found is not None:
        for name in path.removeprefix(found.__name__).split(".")[1:]:
            found = getattr(found, name, None)
    return found


def is_test(node: str) -> bool:
    """Whether pytest would collect this node id, or, for a packet script, whether the file is there."""
    file, *inside = node.split("::")
    path = ROOT / file
    if not file.startswith("tests/") or not path.is_file():
        return False
    if path.suffix == ".pkt":
        return not inside
    return path.name.startswith("test_") and "::".join(inside) in _collected(path)


@cache
def _collected(path: Path) -> frozenset[str]:
    """The tests in a file, without parameters: "test_this", "TestThat::test_this"."""
    return frozenset(_tests_in(ast.parse(path.read_text(encoding="utf-8")).body, ""))


def _tests_in(body: list[ast.stmt], prefix: str) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
            yield prefix + node.name
        elif isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            yield from _tests_in(node.body, f"{prefix}{node.name}::")
        elif isinstance(node, ast.Assign) and ast.unparse(node.value).endswith(".TestCase"):  # a Hypothesis machine's
            yield from (f"{ast.unparse(target)}::runTest" for target in node.targets)


def faults(standards: tuple[Standard, ...]) -> list[str]:
    """Everything that is wrong with the ledger, one sentence each."""
    return [
        f"{standard.name}, {each.label} {fault}."
        for standard in standards
        for each in standard.requirements
        for fault in each.faults()
    ]
