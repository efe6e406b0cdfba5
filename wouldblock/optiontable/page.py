"""docs/options.md: the probes as tables, a level each, with what all values of a run have in common.

What a value answers is told in runs of neighbours that were tried: refused alike, granted as given, doubled, or turned
into the same. A listener, a connected socket and UDP are told where they differ from a new socket of TCP.

Not here: the probes (probes.py).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from model.sockets.options import OPTIONS, Option
from model.values.constants import IPPROTO_IP, IPPROTO_TCP, IPPROTO_UDP, SOL_SOCKET

from .probes import LENGTHS, NOBODYS, NOTHING, SUBJECTS, VALUES, Answers, Given, Probes, Told, count, row

PAGE = Path(__file__).parents[2] / "docs" / "options.md"
_HEAD = """# Options

Every option that the model has: what it takes, refuses, clamps and tells. Made by `python -m wouldblock.optiontable` on
the model; the kernel confirmed every answer (`tests/calls/test_option_table.py` makes each of them on both arms).

| | |
|---|---:|
| options | {options} |
| of which *modelled*: they change what the model does, as they change what the kernel does | {modelled} |
| of which *stored*: the value is kept, refused and told as the kernel does, and nothing follows from it | {stored} |
| options that there are not, for comparison | {nobodys} |
| calls of getsockopt and setsockopt, equal on both arms | {calls:,} |
| further calls that are not modelled: IP_MTU_DISCOVER of TCP, where it is not 1 or 2 | {missing} |

How to read it:

- Each option was set to {values} numbers from −2³¹ to 2³¹−1 in turn, with {lengths} bytes, and read each time; on a
  new TCP socket, a listener, a connected one, a new UDP socket and a connected one. **listening**, **connected** and
  **UDP** say what differs from a new TCP socket.
- *as given* is what getsockopt tells then; *the double*, or a number, is what it tells instead.
- *bytes* is the least length of a value. Fewer are EINVAL, more do no harm. getsockopt gives as many bytes as it is
  asked for, up to the size of the value. Options of IP are one byte there if fewer than four are asked for, and can be
  set in one byte; where no byte is enough that is 0.
- *handed on* is whether an accepted connection has what its listener was set to. A dash: a listener cannot be set so.
- Privileges are the superuser's.
"""
_TITLES = {
    SOL_SOCKET: ("SOL_SOCKET", "Every socket takes these. Flags are 1 whatever they were set to, if it was not 0."),
    IPPROTO_TCP: ("IPPROTO_TCP", "On a UDP socket these are ENOPROTOOPT to set and EOPNOTSUPP to read."),
    IPPROTO_IP: ("IPPROTO_IP", "TCP and UDP take these."),
    IPPROTO_UDP: ("IPPROTO_UDP", "On a TCP socket these are ENOPROTOOPT to set and EOPNOTSUPP to read."),
}
_FOOT = """## Options that there are not

| level, number | TCP set | TCP read | UDP set | UDP read |
|---|---|---|---|---|
{rows}

A level that a socket does not look at is ENOPROTOOPT to set and EOPNOTSUPP to read, whatever the number and the length.
On a level that it looks at a number that nobody knows is ENOPROTOOPT both ways; but fewer than four bytes are EINVAL
first, except on IP's. Numbers that Linux has given to an option without a row here raise `NotModelled` on the model.
"""
_KINDS: tuple[tuple[str, Callable[[int], int]], ...] = (
    ("as given", lambda value: value),
    ("the double", lambda value: 2 * value),
)
_BYTES: tuple[tuple[str, Callable[[int], int]], ...] = (
    ("its lowest byte", lambda value: value & 0xFF),
    ("its lowest byte without the lowest two bits", lambda value: value & 0xFC),
)
_MOST_RUNS = 9


def page(answers: dict[tuple[int, int], Answers]) -> str:
    """The page in Markdown."""
    rows = [row(key) for key in OPTIONS]
    stored = sum(option.stored for option in rows)
    missing = sum(told == NOTHING for each in answers.values() for made in each.probes.values() for _, told in made.set)
    head = _HEAD.format(
        options=len(rows), modelled=len(rows) - stored, stored=stored, nobodys=len(NOBODYS),
        calls=count(answers) - missing, missing=missing, values=len(VALUES),
        lengths=f"{', '.join(map(str, LENGTHS[:-1]))} and {LENGTHS[-1]}",
    )  # fmt: skip
    levels = [_level(level, [each for each in rows if each.level == level], answers) for level in _TITLES]
    return "\n".join([head, *levels, _FOOT.format(rows="\n".join(_nobodys(answers)))])


def _level(level: int, rows: list[Option], answers: dict[tuple[int, int], Answers]) -> str:
    title, says = _TITLES[level]
    lines = [_line(option, answers[option.level, option.number]) for option in sorted(rows, key=lambda o: o.number)]
    heads = "option", "", "default", "values tried, and what they answer", "bytes", "handed on", ""
    head = f"| {' | '.join(heads)} |\n{'|---' * 4}|---:{'|---' * 2}|"
    return "\n".join([f"## {title}\n\n{says}\n", head, *lines, ""])


def _line(option: Option, found: Answers) -> str:
    probes = [found.probes[subject] for subject in SUBJECTS]
    new = probes[3] if option.level == IPPROTO_UDP else probes[0]
    kind = "stored" if option.stored else "modelled" if option.set is not None else "modelled, read only"
    length = _least_length(probes[3] if _refuses(new) else new)
    cells = [
        f"{option.name} ({option.number})", kind, _defaults(option, found), _takes(option, found, new), length,
        _handed_on(option, found, new), option.note,
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _defaults(option: Option, found: Answers) -> str:
    if option.get is None:
        return "cannot be read"
    told = {subject: _in_words(option, found.probes[subject].default) for subject in SUBJECTS}
    if option.level == IPPROTO_UDP:
        return told["UDP"]
    return _differing(option, told)


def _takes(option: Option, found: Answers, new: Probes) -> str:
    if option.set is None:
        return "any: ENOPROTOOPT"
    told = {subject: _runs(option, found.probes[subject].set) for subject in SUBJECTS}
    return told["UDP"] if option.level == IPPROTO_UDP else _differing(option, told)


def _differing(option: Option, told: dict[str, str]) -> str:
    """What a new TCP socket answers, and where the others differ."""
    parts = [told["TCP"]]
    parts += [f"**{name}**: {told[f'TCP {name}']}" for name in ("listening", "connected")
              if told[f"TCP {name}"] != told["TCP"]]  # fmt: skip
    if option.level != IPPROTO_TCP and told["UDP"] != told["TCP"]:
        parts.append(f"**UDP**: {told['UDP']}")
    if option.level != IPPROTO_TCP and told["UDP connected"] != told["UDP"]:
        parts.append(f"**UDP connected**: {told['UDP connected']}")
    return "<br>".join(parts)


def _least_length(new: Probes) -> str:
    fine = [length for length, told in new.short if told != "EINVAL"]
    return str(min(fine)) if fine and new.short[-1][1] != "ENOPROTOOPT" else "–"


def _refuses(new: Probes) -> bool:
    return all(told == "EINVAL" for _, told in new.short)


def _handed_on(option: Option, found: Answers, new: Probes) -> str:
    listeners, own = found.handed_on
    if option.set is None or option.get is None or option.level == IPPROTO_UDP or listeners == new.default:
        return "–" if own == listeners or option.set is None else f"{_in_words(option, own)}"
    return "yes" if own == listeners else f"no: {_in_words(option, own)}"


def _nobodys(answers: dict[tuple[int, int], Answers]) -> Iterable[str]:
    for level, number in NOBODYS:
        found = answers[level, number].probes
        name = _TITLES[level][0] if level in _TITLES else f"level {level}"
        words = [word for each in (found["TCP"], found["UDP"]) for word in (each.set[0][1], each.default)]
        yield f"| {name}, {number} | {' | '.join(map(str, words))} |"


# ---------------------------------------------------------------- in words


def _runs(option: Option, tried: tuple[tuple[Given, Told], ...]) -> str:
    """What neighbours among the values have in common, in a line."""
    if option.names or option.size > 4:
        return ", ".join(f"{_value(option, given)}: {_told(option, given, told)}" for given, told in tried)
    if all(told == bool(given) for given, told in tried):
        return "a flag"
    runs: list[tuple[list[Any], list[str]]] = []
    for given, told in tried:
        kinds = _kinds(given, told)
        common = [kind for kind in runs[-1][1] if kind in kinds] if runs else []
        if common:
            runs[-1] = ([*runs[-1][0], given], common)
        else:
            runs.append(([given], kinds))
    if len(runs) > _MOST_RUNS:
        runs = [*runs[: _MOST_RUNS - 1], ([], ["…"]), runs[-1]]
    return ", ".join(f"{_span(values)}: {kinds[0]}" if values else kinds[0] for values, kinds in runs)


def _kinds(given: Any, told: Told) -> list[str]:
    if isinstance(told, str):
        return [told]
    assert isinstance(told, int)
    as_told = [name for name, kind in _KINDS if kind(given) == told]
    bytes_of_it = [name for name, kind in _BYTES if kind(given) == told]
    return [*as_told, _number(told), *bytes_of_it]


def _span(values: list[int]) -> str:
    return _number(values[0]) if len(values) == 1 else f"{_number(values[0])} … {_number(values[-1])}"


def _number(value: int) -> str:
    special = {-(1 << 31): "−2³¹", (1 << 31) - 1: "2³¹−1", 1 << 20: "2²⁰"}
    return special.get(value, f"{value:,}".replace("-", "−"))


def _told(option: Option, given: Given, told: Told) -> str:
    if isinstance(told, str):
        return told
    words = _in_words(option, told)
    return "as given" if words == _value(option, given) else words


def _value(option: Option, given: Given) -> str:
    return "an int" if isinstance(given, int) else _in_words(option, given)


def _in_words(option: Option, told: Told) -> str:
    if isinstance(told, str):
        return told
    if isinstance(told, int):
        return _number(told)
    if option.names:
        return f"`{told.rstrip(bytes(1)).decode('latin-1')!r}`".replace("\\x00", "\\0")
    if option.name == "SO_LINGER":
        on, seconds = struct.unpack("=ii", told)
        return f"{'on' if on else 'off'} {_number(seconds)} s"
    if option.name.endswith("TIMEO"):
        seconds, part = struct.unpack("=qq", told)
        return f"{seconds} s {part:,} µs"
    return f"{told[1] if option.name == 'TCP_INFO' else len(told)} bytes"
