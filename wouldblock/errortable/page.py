"""docs/errors.md: the cells as tables, a group of calls each, with situations as rows.

Situations in which every call of a group answers the same share a row. What the model does not have is written in
italics as the kernel said it when the page was made there (docs/errors.json); the rest is the model's, and a test makes
it on the kernel too.

Not here: what poll says (readiness.py).
"""

from __future__ import annotations

import errno
import json
import os
import platform
from collections import Counter
from pathlib import Path
from textwrap import fill
from typing import Any

from model import SimNet

from ..situations import SITUATIONS
from .answers import Answer, Cell, cell, with_timeout
from .calls import GROUPS, Column, Group

PAGE = Path(__file__).parents[2] / "docs" / "errors.md"
SAID = PAGE.with_suffix(".json")
_FLAGS = {0x8: "MSG_CTRUNC", 0x20: "MSG_TRUNC", 0x2000: "MSG_ERRQUEUE"}
_HEAD = """# What every call answers

Every call, in every situation that a socket can be in: what it returns, or the error it fails with. Made by
`python -m wouldblock.errortable` on the model, and compared with the running kernel cell by cell
(`tests/calls/test_error_table.py`): the answer, the class of the exception, whether the call waits, and what poll and
`SO_ERROR` say afterwards.

| | |
|---|---:|
| situations × calls | {situations} × {calls} = {cells:,} cells |
| made on a non-blocking socket and on a blocking one | {twice:,} |
| equal on both arms | {equal:,} |
| not modelled yet: *in italics*, as {kernel} says it | {missing:,} |
| IPv6, Unix and raw sockets | not modelled |
| connect with AF_UNSPEC; read(2), write(2), sendfile(2), splice(2) | never tried: no net offers them |

How to read it:

- `In this type` is what the call returned, and **ok** that it returned nothing. NAMES in plain type are errors.
- **waits**: a blocking socket waits; a non-blocking one fails with EAGAIN.
- *a* **/** *b*: *a* on a non-blocking socket, *b* on a blocking one. **/ waits**: the blocking one waits.
- `:*` is a port that the kernel chose, `socket` a new socket, `a report` what IP_RECVERR tells.
- A socket that is bound has port 7000, one that is connected has its peer there, and one that was refused asked for
  port 9. Calls to receive want four bytes.
- Every cell has a socket of its own: nothing that one call changed is seen by another.
- Situations that answer alike share a row. What poll, select and epoll say of each is in [readiness.md](readiness.md).
"""


Key = tuple[str, str]
"""A situation and the name of a call."""
COLUMNS = tuple(column for group in GROUPS for column in group.columns)


def made(situation: str, net: Any) -> dict[str, Cell]:
    """The cells of one situation, on a net that serves all of them."""
    return {column.name: cell(net, situation, column) for column in COLUMNS}


def made_on_model() -> dict[Key, Cell]:
    """Every cell."""
    cells: dict[Key, Cell] = {}
    for situation in SITUATIONS:
        with SimNet() as net:
            cells |= {(situation, name): each for name, each in made(situation, net).items()}
    return cells


def timed(situation: str, net: Any) -> dict[str, Answer]:
    """What calls that may wait answer in one situation on a socket with a timeout."""
    return {column.name: with_timeout(net, situation, column) for column in COLUMNS if column.waits}


def timed_on_model() -> dict[Key, Answer]:
    """All of these."""
    answers: dict[Key, Answer] = {}
    for situation in SITUATIONS:
        with SimNet() as net:
            answers |= {(situation, name): each for name, each in timed(situation, net).items()}
    return answers


def said_by_kernel(cells: dict[Key, Cell]) -> dict[str, Any]:
    """What docs/errors.json holds: what the kernel says in each cell that the model does not have."""
    from realnet import RealNet

    said: dict[str, dict[str, str]] = {}
    for situation in SITUATIONS:
        with RealNet() as net:
            kernel = made(situation, net)
        missing = [column for column in COLUMNS if cells[situation, column.name].missing]
        said[situation] = {column.name: cell_in_words(kernel[column.name], column) for column in missing}
    return {"kernel": f"Linux {platform.release()}", "cells": said}


def committed() -> dict[str, Any]:
    """docs/errors.json as it was read from the disk."""
    loaded: dict[str, Any] = json.loads(SAID.read_text(encoding="utf-8"))
    return loaded


# ---------------------------------------------------------------- in words


def error_name(number: int) -> str:
    """The name that manuals of sockets have for an error number."""
    return "EOPNOTSUPP" if number == errno.EOPNOTSUPP else errno.errorcode[number]


def in_words(answer: Answer, column: Column) -> str:
    """An answer as the page has it."""
    if answer.error is not None:
        kind, number = answer.error
        return error_name(number) if number else kind
    if answer.value is None:
        return "ok"
    return ", ".join(f"`{word}`" for word in _words(answer.value, column))


def _words(value: Any, column: Column) -> list[str]:
    if isinstance(value, int):
        return [column.means.get(value, f"{value:,}")]
    if isinstance(value, bytes):
        return [repr(value)]
    if not isinstance(value, tuple):
        return [str(value)]
    if _is_address(value):
        return [f"{value[0]}:{value[1]}"]
    if column.function == "recvmsg":
        data, ancillary, flags, address = value
        names = [name for bit, name in _FLAGS.items() if flags & bit]
        return [repr(data), *names, *["a report"] * len(ancillary), *(_words(address, column) if address else ())]
    return [word for each in value if each is not None for word in _words(each, column)]


def _is_address(value: tuple[Any, ...]) -> bool:
    return isinstance(value[0], str) and value[0][:1].isdigit()


def cell_in_words(made: Cell, column: Column) -> str:
    """A cell as the page has it."""
    first, second = in_words(made.nonblocking, column), made.blocking
    if second is None:
        return first
    if second.waited:
        return "waits" if first == "EAGAIN" else f"{first} / waits"
    then = in_words(second, column)
    return first if then == first else f"{first} / {then}"


# ---------------------------------------------------------------- the page


def page(cells: dict[Key, Cell], patient: dict[Key, Answer], said: dict[str, Any]) -> str:
    """The page in Markdown. `patient` are the answers with a timeout, `said` is docs/errors.json."""
    words = {}
    for situation in SITUATIONS:
        for column in COLUMNS:
            each = cells[situation, column.name]
            known = f"*{said['cells'][situation][column.name]}*" if each.missing else cell_in_words(each, column)
            words[situation, column.name] = known
    missing = sum(each.missing for each in cells.values())
    twice = sum(each.blocking is not None for each in cells.values())
    head = _HEAD.format(
        situations=len(SITUATIONS), calls=len(COLUMNS), cells=len(cells), twice=twice,
        equal=len(cells) - missing, missing=missing, kernel=said["kernel"],
    )  # fmt: skip
    parts = [*(_of_group(group, words) for group in GROUPS), _with_timeouts(cells, patient), _by_error(cells)]
    return "\n".join([head, *parts])


def _of_group(group: Group, words: dict[Key, str]) -> str:
    rows: dict[tuple[str, ...], list[str]] = {}
    for situation in SITUATIONS:
        rows.setdefault(tuple(words[situation, column.name] for column in group.columns), []).append(situation)
    heads = [column.name.replace(", ", "<br>", 1) for column in group.columns]
    return "\n".join(
        [
            f"## {group.title}\n\n{fill(group.note, 120)}\n",
            f"| a socket that is … | {' | '.join(heads)} |",
            "|---" * (1 + len(heads)) + "|",
            *(f"| {_together(situations)} | {' | '.join(answers)} |" for answers, situations in rows.items()),
            "",
        ]
    )


_BARE = "nothing else"


def _together(situations: list[str]) -> str:
    """Several situations in one phrase, family by family: what the part of a description before its comma says."""
    families: dict[str, dict[str, str]] = {}
    for situation, make in SITUATIONS.items():
        family, _, rest = str(make.__doc__).partition(", ")
        families.setdefault(family, {})[situation] = rest.removeprefix("and ") or _BARE
    return "<br>".join(
        _phrase(family, list(members.values()), [rest for each, rest in members.items() if each in situations])
        for family, members in families.items()
        if not members.keys().isdisjoint(situations)
    )


def _phrase(family: str, members: list[str], inside: list[str]) -> str:
    outside = [rest for rest in members if rest not in inside]
    if len(members) == 1:
        return family if members == [_BARE] else f"{family}, {members[0]}"
    if not outside:
        return f"**{family}**: all {len(members)}"
    if len(outside) < len(inside) - 1:
        return f"**{family}**: all but “{'”, “'.join(outside)}”"
    return f"**{family}**: {'; '.join(inside)}"


def _with_timeouts(cells: dict[Key, Cell], patient: dict[Key, Answer]) -> str:
    """Where a socket with a timeout does not answer as a blocking one would."""
    count, alike = 0, dict[tuple[str, str, str], list[str]]()
    for column in COLUMNS:
        found: dict[tuple[str, str], list[str]] = {}
        for situation in SITUATIONS:
            blocking, answer = cells[situation, column.name].blocking, patient.get((situation, column.name))
            if blocking is None or answer is None or blocking.missing:
                continue
            count += 1
            says, instead = in_words(blocking, column), in_words(answer, column)
            if instead != ("TimeoutError" if blocking.waited else says):
                found.setdefault(("waits" if blocking.waited else says, instead), []).append(situation)
        for (says, instead), situations in found.items():
            alike.setdefault((_together(situations), says, instead), []).append(column.name)
    lines = [
        f"## With a timeout\n\n{fill(_TIMEOUTS.format(count), 120)}\n",
        "| a socket that is … | calls | blocking | with a timeout |",
        "|---|---|---|---|",
        *(
            f"| {who} | {'; '.join(calls)} | {says} | {instead} |"
            for (who, says, instead), calls in alike.items()
        ),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


_TIMEOUTS = (
    "settimeout() makes a socket non-blocking, and Python asks poll before it makes a call, and again when the call"
    " says EAGAIN. So where a blocking socket waits, TimeoutError is raised when the time is over, and elsewhere the"
    " answer is the same; but poll does not know every call. Of {:,} answers these are others. What never waits may"
    " wait, because poll sees nothing to read or no room, or not yet enough: a call that would fail at once, one with"
    " MSG_DONTWAIT, an urgent byte that is there. And what a blocking socket waits for to the end comes in part. Where"
    " poll says that there is something, and the call says EAGAIN all the same, Python does not sleep meanwhile."
)


def _by_error(cells: dict[Key, Cell]) -> str:
    """Which calls give which error."""
    functions = {column.name: column.function for column in COLUMNS}
    givers: dict[int, Counter[str]] = {}
    for (_, name), each in cells.items():
        numbers = {answer.error[1] for answer in (each.nonblocking, each.blocking) if answer and answer.error}
        for number in numbers:
            givers.setdefault(number, Counter())[functions[name]] += 1
    lines = ["## By error", "", _BY_ERROR, "", "| error | in words | given by |", "|---|---|---|"]
    for number in sorted(givers, key=error_name):
        calls = ", ".join(f"{function} {count}" for function, count in givers[number].items())
        lines.append(f"| {error_name(number)} | {os.strerror(number)} | {calls} |")
    return "\n".join(lines) + "\n"


_BY_ERROR = "Which function fails with an error, and in how many cells, on a non-blocking socket or a blocking one."
