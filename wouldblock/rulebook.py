"""The rules of the model, filtered, with how often the kernel confirmed each.

The numbers come from a report that `wouldblock check` wrote (`report.json`): its ``rules`` count how often a rule
stood behind an answer that the kernel gave too, its ``arrows`` count the same for each edge of a diagram. Without a
report of one's own there is the one that the pictures in docs/diagrams were drawn with.

Not here: making a report (checking.py), how rules look on the screen (output.py).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from enum import IntEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import attrs

from model.rules import Machine, Rule
from wouldblock.front import Stop

LAST_REPORT = Path("build/report/report.json")
"""Where `wouldblock check` leaves its report, unless told otherwise; relative to the working directory."""
COMMITTED = Path(__file__).parent.parent / "docs" / "diagrams" / "confirmations.json"
"""The report behind the pictures in docs/diagrams."""

_IN_THE_WORDS_OF_TCP = {
    "listen": "PASSIVE_OPEN", "connect": "ACTIVE_OPEN", "connect_ex": "ACTIVE_OPEN", "recv": "RECEIVE",
    "recvfrom": "RECEIVE", "sendto": "SEND", "shutdown": "SHUT*", "select": "POLL",
    "recvmsg": "RECEIVE|READ_REPORT", "sendmsg": "SEND|ANCILLARY",
    "epoll_create": "EPOLL_CREATE", "epoll_create1": "EPOLL_CREATE", "epoll_ctl": "CHECK|ADD|DELETE|MODIFY|OTHER",
    "epoll_wait": "EPOLL_WAIT|REPORT|LOOK|WAKE",
    "ioctl": "FIONREAD|TIOCOUTQ|SIOCOUTQNSD|ATMARK",
}  # fmt: skip
"""Calls of the API and the events of a protocol's machine that they lead to, where the names differ (RFC 9293
§3.9.1).
"""


@attrs.frozen
class Confirmations:
    """How often the kernel confirmed each rule and each arrow, and where that is known from."""

    rules: Mapping[str, int] = attrs.Factory(dict)
    arrows: Mapping[str, int] = attrs.Factory(dict)
    calls: int = 0
    kernel: str = ""
    source: Path | None = None


def confirmations(report: str | None, *, last: bool = True) -> Confirmations:
    """The counts of the file `report`; without one those of the last check (if `last`), the committed ones, or none.

    Raises `Stop` for a file that cannot be read or is no report.
    """
    if report is not None:
        return _read(Path(report))
    for path in (LAST_REPORT, COMMITTED) if last else (COMMITTED,):
        if path.is_file():
            return _read(path)
    return Confirmations()


def _read(path: Path) -> Confirmations:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Stop(f"--report {path}: cannot be read ({(error.strerror or str(error)).lower()}).") from None
    except ValueError as error:
        raise Stop(f"--report {path}: this is not JSON ({error}).") from None
    rules, arrows = (found.get(key) if isinstance(found, dict) else None for key in ("rules", "arrows"))
    if not (_counts(rules) and _counts(arrows)):
        raise Stop(
            f"--report {path}: this is not a report of `wouldblock check --json`: 'rules' or 'arrows' is missing."
        )
    return Confirmations(rules or {}, arrows or {}, int(found.get("calls") or 0), str(found.get("kernel") or ""), path)


def _counts(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(count, int) for count in value.values())


def all_rules() -> list[tuple[Machine, Rule]]:
    """Every rule of every machine, in drawing order."""
    from model.machines import MACHINES

    return [(machine, rule) for machine in MACHINES for rule in machine.rules.values()]


def sentence_of() -> dict[str, str]:
    """Rule name -> its sentence."""
    return {rule.name: rule.sentence for _, rule in all_rules()}


def select(
    call: str | None = None, state: str | None = None, machine: str | None = None, text: str | None = None
) -> list[tuple[Machine, Rule]]:
    """The rules that all of the given filters let through; a filter that is None lets everything through.

    `call` is a call of the API (``connect``) or an event of a machine (``SEGMENT_FIN``); `state` one that the rule
    starts from or leads to; `machine` its machine; `text` occurs in its name, sentence, notes or source. Small and
    capital letters are alike, ``*`` stands for anything. Raises `Stop` with what there is if no rule at all has such
    a call, state or machine.
    """
    rules = all_rules()
    filters: list[Callable[[Machine, Rule], bool]] = []
    if machine is not None:
        _must_be_there("machine", machine, (m.name for m, _ in rules))
        filters.append(lambda m, rule: _like(m.name, machine))
    if call is not None:
        _must_be_there("call", call, (rule.event.name for _, rule in rules), _events(call))
        filters.append(lambda m, rule: any(_like(rule.event.name, event) for event in _events(call)))
    if state is not None:
        _must_be_there("state", state, (each.name for _, rule in rules for each in _states(rule)))
        filters.append(lambda m, rule: any(_like(each.name, state) for each in _states(rule)))
    if text is not None:
        filters.append(lambda m, rule: text.lower() in _all_words(rule))
    return [(m, rule) for m, rule in rules if all(lets(m, rule) for lets in filters)]


def _events(call: str) -> list[str]:
    plain = call.removesuffix("()")
    return [plain, *_IN_THE_WORDS_OF_TCP.get(plain.lower(), "").split("|")]


def _states(rule: Rule) -> list[IntEnum]:
    shown = (s for _, turns in rule.shows for before, afters in turns.items() for s in (before, *afters))
    return [*rule.moves, *rule.moves.values(), *shown]


def _all_words(rule: Rule) -> str:
    return " ".join((rule.name, rule.sentence, *rule.notes, rule.cite, rule.unconfirmed)).lower()


def _like(name: str, pattern: str) -> bool:
    return bool(pattern) and fnmatchcase(name.upper(), pattern.upper().replace("-", "_"))


def _must_be_there(what: str, wanted: str, names: Iterable[str], patterns: Iterable[str] | None = None) -> None:
    there = list(dict.fromkeys(names))
    if not any(_like(name, pattern) for name in there for pattern in (patterns or [wanted])):
        raise Stop(f"--{what} {wanted}: no rule has such a {what}; there are {', '.join(there)}.")


def moves_of(rule: Rule) -> list[tuple[list[str], str | None]]:
    """Where a rule leads: (states it starts from, state it leads to), None for those where it stays."""
    ways: dict[str | None, list[str]] = {}
    for before, after in rule.moves.items():
        ways.setdefault(None if before is after else after.name, []).append(before.name)
    return [(befores, after) for after, befores in ways.items()]


def rule_json(machine: Machine, rule: Rule, known: Confirmations) -> dict[str, Any]:
    """One rule for ``rules --json``."""
    return {
        "name": rule.name,
        "machine": machine.name,
        "on": rule.event.name,
        "sentence": rule.sentence,
        "notes": list(rule.notes),
        "cite": rule.cite,
        "moves": {before.name: after.name for before, after in rule.moves.items()},
        "unconfirmed": rule.unconfirmed,
        "confirmed": known.rules.get(rule.name, 0) if known.source else None,
        "arrows": {arrow.key: known.arrows.get(arrow.key, 0) if known.source else None for arrow in rule.every_arrow()},
    }
