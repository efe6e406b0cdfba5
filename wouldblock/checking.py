"""The random check on the screen: progress while it runs, and afterwards what was found.

The walk itself (wouldblock/crosscheck/) makes random calls on the model and on the kernel and counts. Here its
`Report` becomes tables: the verdict, the answers (*exact*: the model allowed one only; *allowed*: one of several),
the named choices and how often the model guessed them right, the rules that the kernel confirmed, those that no call
fired, and every contradiction with a program that shows it.

The progress display has no thread of its own: a private network namespace can only be made for a user who is not root
while the process has a single thread. It moves whenever the walk reports.

Not here: files (reportfolder.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from model.choices import CHOICES
from model.rules import Machine, Rule
from wouldblock.paragraphs import Cell, columns, paragraph
from wouldblock.rulebook import all_rules

if TYPE_CHECKING:
    from wouldblock.crosscheck.report import Contradiction, Report

_REFRESH_S = 0.1
_CONTRADICTIONS_SHOWN = 5
_PLACE = 2


@contextmanager
def progress(console: Console, calls: int | None, seconds: float | None) -> Iterator[Callable[[Report], None]]:
    """A progress display on a terminal, one line elsewhere. Yields what the walk is to call now and then."""
    limits = [f"{calls:,} calls"] if calls is not None else []
    limits += [f"{seconds:g} s"] if seconds is not None else []
    if not console.is_terminal:
        said = [f"Checking the model against the kernel: {' or '.join(limits)} …"]
        yield lambda report: console.print(said.pop()) if said else None
        return
    bar = Progress(
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[words]}"),
        console=console,
        auto_refresh=False,
        transient=True,
    )
    began = shown = time.monotonic()
    task = bar.add_task("", total=1.0, words="starting")

    def show(report: Report) -> None:
        nonlocal shown
        now = time.monotonic()
        if now - shown < _REFRESH_S:
            return
        shown = now
        parts = [report.calls / calls] if calls else []
        parts += [(now - began) / seconds] if seconds else []
        bar.update(task, completed=min(max(parts), 1.0), words=_running_words(report, now - began))
        bar.refresh()

    with bar:
        bar.refresh()
        yield show


def _running_words(report: Report, elapsed_s: float) -> str:
    rate = report.calls / elapsed_s if elapsed_s else 0.0
    exact, found = percent(report.exact, report.calls), len(report.contradictions)
    return f"{report.calls:,} calls · {rate:,.0f}/s · exact {exact} · contradictions {found:,}"


def print_report(console: Console, report: Report) -> None:
    """Everything that was found, from the verdict to the last contradiction."""
    print_rules(console, report.rules)
    _print_choices(console, report)
    _print_contradictions(console, report.contradictions)
    paragraph(console, summary(report))


def print_rules(console: Console, counts: Mapping[str, int]) -> None:
    """The rules with how often the kernel confirmed each, and those it did not."""
    fired, silent = split(counts)
    _print_fired(console, fired, counts)
    _print_silent(console, silent)


def summary(report: Report) -> Text:
    """The verdict in one paragraph."""
    found = len(report.contradictions)
    if found:
        verdict = Text(f"{found:,} contradiction{'' if found == 1 else 's'}: ", style="bold red")
    elif report.calls:
        verdict = Text("Agreed: ", style="bold green")
    else:
        verdict = Text("Nothing was checked: ", style="bold yellow")
    rate = report.calls / report.seconds if report.seconds else 0.0
    model = f", the model being {report.profile}," if report.profile else ""
    cut = ", interrupted" if report.interrupted else ""
    said = (
        f"{report.calls:,} calls checked against kernel {report.kernel}{model} in {report.seconds:.1f} s "
        f"({rate:,.0f} calls/s, seed {report.seed}{cut}); "
        f"answers exact {report.exact:,} ({percent(report.exact, report.calls)}), "
        f"allowed {report.allowed:,} ({percent(report.allowed, report.calls)}), contradicted {found:,}. "
        f"Of {report.sequences:,} sequences {len(report.unrepeatable):,} ended early where the kernel does not repeat "
        f"itself, and {report.left:,} where a timer may have fired or not; after {report.looked_again:,} calls the "
        "kernel needed a moment to come to rest."
    )
    return verdict.append(said, style="not bold default")


def percent(part: int, whole: int) -> str:
    """A share in per cent; never rounded up to a full hundred or down to none."""
    if not whole:
        return "–"
    share = 100 * part / whole
    if 0 < part < whole:
        share = min(max(share, 0.01), 99.99)
    return f"{share:.2f} %"


def split(counts: Mapping[str, int]) -> tuple[dict[Machine, list[Rule]], dict[Machine, list[Rule]]]:
    """The rules that the kernel confirmed, most often first, and those it did not, by machine in drawing order."""
    fired: dict[Machine, list[Rule]] = {}
    silent: dict[Machine, list[Rule]] = {}
    for machine, rule in all_rules():
        fired.setdefault(machine, [])
        silent.setdefault(machine, [])
        (fired if counts.get(rule.name) else silent)[machine].append(rule)
    for rules in fired.values():
        rules.sort(key=lambda rule: -counts[rule.name])
    return fired, silent


def reasons() -> dict[str, str]:
    """Choice -> why the model cannot know the answer."""
    return {choice.name: choice.reason for choice in CHOICES}


def _print_fired(console: Console, fired: Mapping[Machine, list[Rule]], counts: Mapping[str, int]) -> None:
    for machine, rules in fired.items():
        times = sum(counts[rule.name] for rule in rules)
        words = f": {len(rules)} of {len(machine.rules)} rules confirmed, {times:,} times"
        paragraph(console, Text.assemble((machine.title, "bold"), words))
        _print_counts(console, [(rule.name, counts[rule.name]) for rule in rules])
        console.print()


def _print_counts(console: Console, entries: list[tuple[str, int]]) -> None:
    """Names with counts, read down one column and then down the next."""
    if not entries:
        return
    name = max(len(name) for name, _ in entries)
    number = max(len(f"{count:,}") for _, count in entries)
    across = max(1, (console.width - _PLACE) // (name + number + 2 * _PLACE))
    down = -(-len(entries) // across)
    for row in range(down):
        cells: list[Cell] = [(Text(), 0)]
        for name_, count in entries[row::down]:
            cells += [(Text(f"{count:,}", style="green"), -number), (Text(name_), name)]
        columns(console, cells, _PLACE)


def _print_silent(console: Console, silent: Mapping[Machine, list[Rule]]) -> None:
    rules = [rule for each in silent.values() for rule in each]
    excused = [rule for rule in rules if rule.unconfirmed]
    others = [rule for rule in rules if not rule.unconfirmed]
    for heading, group in (
        ("Not confirmed in this run", others),
        ("Beyond the cross-check, with the reason", excused),
    ):
        if not group:
            continue
        paragraph(console, Text.assemble((heading, "bold"), f": {len(group)} rule{'' if len(group) == 1 else 's'}"))
        for rule in group:
            words = Text.assemble(
                (rule.name, "dim" if rule.unconfirmed else "red"), "  ", rule.unconfirmed or rule.sentence
            )
            paragraph(console, words, _PLACE)
        console.print()


def _print_choices(console: Console, report: Report) -> None:
    why = reasons()
    if not report.choices:
        return
    paragraph(
        console, Text.assemble(("Choices of the kernel", "bold"), ": what the model cannot know, it takes from there")
    )
    for name, asked in report.choices.items():
        words = Text.assemble((name, "cyan"), f"  asked {asked:,}")
        paragraph(console, words, _PLACE)
        if name in why:
            paragraph(console, Text(why[name], style="dim"), 2 * _PLACE)
    console.print()


def _print_contradictions(console: Console, found: list[Contradiction]) -> None:
    for number, each in enumerate(found[:_CONTRADICTIONS_SHOWN], 1):
        heading = f"Contradiction {number} of {len(found)}"
        paragraph(console, Text.assemble((heading, "bold red"), f" (seed {each.seed}, step {each.step}): {each.op}"))
        paragraph(console, Text.assemble("the model expects ", (each.expected, "bold")), _PLACE)
        paragraph(console, Text.assemble("the kernel shows ", (each.seen, "bold")), _PLACE)
        if each.rules:
            paragraph(console, Text(f"rules: {', '.join(dict.fromkeys(each.rules))}"), _PLACE)
        for part in (each.ladder, each.program):
            if part.strip():
                console.print()
                for line in part.rstrip().splitlines():
                    console.print(Text(line.rstrip()), soft_wrap=True)
        console.print()
    if len(found) > _CONTRADICTIONS_SHOWN:
        paragraph(console, Text(f"… and {len(found) - _CONTRADICTIONS_SHOWN:,} more contradictions in the report."))
        console.print()
