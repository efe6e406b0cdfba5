"""What a packet script did, on the screen: one line for each event, what was expected and what each arm did.

     7  > S. 0:0(0) ack 1 <...>              0.000   0.000126   =

For a packet that was expected an arm shows when it left, for a call what it answered; where the two arms differ, or
something else was expected, what was seen itself. Then the verdict in a sentence, and what is not supported.

Not here: running and comparing (packetscript/).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest

import attrs
from rich.console import Console
from rich.text import Text

from wouldblock.packetscript.comparing import Both, Pair
from wouldblock.packetscript.outcome import Outcome, Row, Verdict
from wouldblock.paragraphs import columns, paragraph

SAME, OTHER = "=", "≠"
_NUMBER, _GAP = 4, 2
_EVENT_MIN, _ARM_MIN, _ARM_MAX = 24, 8, 0.3
_SIGNS = {Verdict.PASSED: (SAME, "bold green"), Verdict.FAILED: (OTHER, "bold red"), Verdict.UNSUPPORTED: ("?", "bold")}


@attrs.frozen
class _Line:
    """One event as texts: for each arm what it did, and the mark."""

    line: int
    event: str
    arms: tuple[str, ...]
    good: bool
    mark: str = ""


def print_outcome(console: Console, outcome: Outcome, *, brief: bool = False) -> None:
    """One script on one arm. `brief`: events only if something is not as expected."""
    if not brief or outcome.verdict is Verdict.FAILED:
        _title(console, outcome.name)
        _print(
            console, [_Line(r.line, r.expected, (_told(r, r.right),), r.right) for r in outcome.rows], (outcome.arm,)
        )
    said = outcome.sentence if outcome.verdict is Verdict.FAILED else None
    _verdict(console, outcome.verdict, outcome.name, [_said(outcome) if said else f"passed on the {outcome.arm}"])
    _missing(console, (outcome,))


def print_both(console: Console, both: Both, *, brief: bool = False) -> None:
    """One script on both arms, side by side. `brief`: events only if something is not as expected."""
    name, outcomes = both.model.name, (both.model, both.kernel)
    if not brief or both.verdict is Verdict.FAILED:
        _title(console, name)
        lines = []
        for pair in both.pairs:
            good = pair.equal and pair.any.right
            at = _first_other(pair)
            arms = tuple("" if row is None else _told(row, good, at) for row in (pair.model, pair.kernel))
            injected = pair.any.expected.startswith("<")
            lines.append(_Line(pair.line, pair.any.expected, arms, good, "" if injected else SAME if good else OTHER))
        _print(console, lines, (both.model.arm, both.kernel.arm))
    told = [_said(each) for each in outcomes if each.verdict is Verdict.FAILED]
    if not told and both.verdict is Verdict.FAILED:
        other = [pair.line for pair in both.pairs if not pair.equal]
        told = [f"passed on both arms, and they differ in line {', '.join(map(str, other))}"]
    _verdict(console, both.verdict, name, told or ["passed on both arms, with the same answers and packets"])
    _missing(console, outcomes)


def print_summary(console: Console, counts: Mapping[Verdict, int]) -> None:
    """How many scripts came to which end."""
    total = sum(counts.values())
    said = ", ".join(f"{counts.get(verdict, 0)} {verdict}" for verdict in Verdict)
    paragraph(console, Text(f"{total} scripts: {said}.", style="bold"))


def _title(console: Console, name: str) -> None:
    paragraph(console, Text(name, style="bold"))
    console.print()


def _first_other(pair: Pair) -> int | None:
    """Which of the packets of one run is the first that the arms sent differently, if only such a part differs."""
    if pair.model is None or pair.kernel is None or pair.model.seen != pair.kernel.seen:
        return None
    parts = zip_longest(pair.model.parts, pair.kernel.parts)
    return next((at for at, (one, two) in enumerate(parts) if one != two), None)


def _told(row: Row, good: bool, part: int | None = None) -> str:
    """What an arm did, briefly if it did what was expected; of a run of packets, the `part` that differs."""
    if part is not None:
        return f"in it, {row.parts[part] if part < len(row.parts) else 'no more'}"
    if row.expected.startswith("<"):
        return ""
    if good and row.expected.startswith(">"):
        return f"{row.at_ns / 1e9:.6f}".rstrip("0").rstrip(".")
    return row.seen


def _said(outcome: Outcome) -> str:
    return f"fails on the {outcome.arm}, line {outcome.line}: {(outcome.sentence or '').rstrip('.')}"


def _verdict(console: Console, verdict: Verdict, name: str, told: Sequence[str]) -> None:
    sign, style = _SIGNS[verdict]
    if verdict is Verdict.UNSUPPORTED:
        told = ["needs what is not supported"]
    for each in told:
        paragraph(console, Text.assemble((f"{sign} {name}", style), f": {each}."), hanging=2)


def _missing(console: Console, outcomes: Sequence[Outcome]) -> None:
    for outcome in outcomes:
        for missing in outcome.unsupported:
            text = f"{outcome.name}:{missing.line}: not supported on the {outcome.arm}: {missing.what}"
            console.print(Text(text, style="dim"), soft_wrap=True)


def _print(console: Console, lines: Sequence[_Line], heads: tuple[str, ...]) -> None:
    room = console.width - _NUMBER - _GAP * (1 + len(heads)) - (1 + _GAP if len(heads) > 1 else 0)
    longest = [max([len(line.arms[at]) for line in lines], default=0) for at in range(len(heads))]
    most = max(int(room * _ARM_MAX), _ARM_MIN)
    widths = [max(min(width, most), len(head)) for width, head in zip(longest, heads, strict=True)]
    event = max(min(max([len(line.event) for line in lines], default=0), room - sum(widths)), _EVENT_MIN)
    rows = [_Line(0, "expected", heads, True), *lines]
    for row in rows:
        head = row.line == 0
        style = "dim" if head else "bold" if row.good else "bold red"
        cells = [(Text(str(row.line) if not head else "", style="dim"), -_NUMBER)]
        cells.append((Text(row.event, style="dim" if head else ""), event))
        cells += [(Text(arm, style=style), width) for arm, width in zip(row.arms, widths, strict=True)]
        cells.append((Text(row.mark, style="green" if row.good else "bold red"), 1))
        columns(console, cells, _GAP)
    console.print()
