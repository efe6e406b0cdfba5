"""docs/netsem.md, made of the ledger: counts first, then a table for each group of names, a line for each.

The line has the name; what became of it; the case as it is here, in a sentence; the rules that carry it, linked to
their files, those in *italics* that the random check cannot confirm, because they say why; and what was observed.

Not here: writing the page (__main__.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import singledispatch
from pathlib import Path
from typing import Any

from model.machines import all_rules

from ..adherence.ledger import ROOT, module_of
from .entries_of_calls import ANY_CALL, ASKING, DESCRIPTORS, NAMES, RECEIVING, SELECT, SENDING
from .entries_of_connections import ACCEPT, BIND, CLOSE, CONNECT, LISTEN, SHUTDOWN, SOCKET
from .entries_of_packets import DATAGRAMS, ERRORS, NETWORK, SEGMENTS, TIMERS
from .ledger import Entry, InTable, Observation, OfTest, OfWait, Played, Verdict
from .scenes import SCENES

PAGE = ROOT / "docs" / "netsem.md"
CHAPTERS: dict[str, tuple[Entry, ...]] = {
    "accept": ACCEPT,
    "bind": BIND,
    "close": CLOSE,
    "connect": CONNECT,
    "listen": LISTEN,
    "shutdown": SHUTDOWN,
    "socket": SOCKET,
    "recv": RECEIVING,
    "send": SENDING,
    "select": SELECT,
    "descriptors": DESCRIPTORS,
    "addresses": NAMES,
    "options": ASKING,
    "any call": ANY_CALL,
    "segments": SEGMENTS,
    "timers": TIMERS,
    "datagrams": DATAGRAMS,
    "ICMP": ERRORS,
    "network and time": NETWORK,
}
ENTRIES = tuple(entry for chapter in CHAPTERS.values() for entry in chapter)
_HEAD = """\
# The rules of an older specification, and what carries them here

netsem specified TCP, UDP and the sockets API of Linux 2.4, FreeBSD 4.6 and Windows XP in higher-order logic. It has
{all} named rules. For each this page says what is so on this kernel, which rules of the model carry it, and what was
observed. The names are netsem's; the sentences are ours, about this kernel. Made by `python -m wouldblock.netsem`, as
by `make diagrams`; tests make the observations again on the model, and on the kernel (`tests/netsem`).

| | |
|---|---:|
{counts}

| verdict | says |
|---|---|
| met | the kernel does it, and rules of the model say so |
| met in part | the same, but some of it is otherwise or is not modelled, as the sentence tells |
| differs here | the case is there, and this kernel answers otherwise; the model answers as the kernel does |
| does not apply | the case is not there: another system's behaviour, or machinery of a specification |
| not modelled | the kernel does it, and the model cannot say it yet |

A rule in *italics* cannot be confirmed by the random check, and says why (`wouldblock rules`). An observation is a cell
of [errors.md](errors.md) (*situation*: call → answer), an outcome of [blocking.md](blocking.md) (what happens to a
call that waits → what it gives), a small program of [scenes.py](../wouldblock/netsem/scenes.py), or a test.
"""


def page() -> str:
    """The whole page."""
    counts = [(each, sum(entry.verdict is each for entry in ENTRIES)) for each in Verdict]
    lines = "\n".join(f"| {verdict} | {count} |" for verdict, count in [*counts, ("all", len(ENTRIES))])
    head = _HEAD.format(all=len(ENTRIES), counts=lines)
    return "\n".join([head, *(line for title, chapter in CHAPTERS.items() for line in _chapter(title, chapter))])


def _chapter(title: str, chapter: tuple[Entry, ...]) -> Iterator[str]:
    yield f"## {title}\n"
    yield "| rule | | here | carried by | seen |"
    yield "|---|---|---|---|---|"
    for each in chapter:
        seen = "<br>".join(in_words(observation) for observation in each.seen) or "–"
        yield f"| `{each.name}` | {each.verdict} | {each.says} | {_carriers(each) or '–'} | {seen} |"
    yield ""


def _carriers(entry: Entry) -> str:
    rules = [all_rules()[name] for name in entry.rules]
    marked = [(f"*`{rule.name}`*" if rule.unconfirmed else f"`{rule.name}`", rule.body.__module__) for rule in rules]
    code = [(f"`{path.removeprefix('model.')}`", path) for path in entry.code]
    return "<br>".join(f"[{name}]({_file_of(path)})" for name, path in (*marked, *code))


def _file_of(path: str) -> str:
    module = module_of(path)
    assert module is not None
    assert module.__file__ is not None
    return f"../{Path(module.__file__).resolve().relative_to(ROOT.resolve())}"


# ---------------------------------------------------------------- observations in words


@singledispatch
def in_words(observation: Observation) -> str:
    """An observation as the page has it."""
    raise TypeError(observation)


@in_words.register
def _of_table(each: InTable) -> str:
    return f"*{each.situation.replace('_', ' ')}*: {each.call} → {each.answer}"


@in_words.register
def _of_wait(each: OfWait) -> str:
    return f"{each.wait}, {each.happens} → {each.gives}"


@in_words.register
def _of_scene(each: Played) -> str:
    where = ", on the kernel alone" if SCENES[each.scene].kernel_only else ""
    return f"{each.scene.replace('_', ' ')}{where} → {_value(each.gives)}"


@in_words.register
def _of_test(each: OfTest) -> str:
    file, _, name = each.node.partition("::")
    words = name.removeprefix("test_").replace("_", " ") or file
    return f"[{words}](../tests/{file})"


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{name} {_value(each)}" for name, each in value.items())
    if isinstance(value, str):
        return value
    if isinstance(value, tuple | list):
        return ", ".join(f"({_value(each)})" if isinstance(each, tuple | list) else _value(each) for each in value)
    return f"`{value!r}`"
