"""Walks on the screen: what runs at the moment, the rules that the kernel confirmed, and every kind of difference with
its seeds and the shortest sequence that shows it.

Not here: the verdicts of the two walks (peerchecking.py, threadchecking.py), files (files.py), the random check
(checking.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from wouldblock import arms, checking, files
from wouldblock.front import AGREED, CONTRADICTED, UNUSABLE, screen, stderr_screen
from wouldblock.paragraphs import paragraph

if TYPE_CHECKING:
    from wouldblock.walks import Found, WalkReport

DEFAULT_SECONDS = 10.0
_REFRESH_S = 0.5
_SEEDS_SHOWN = 8
_PLACE = 2


def check(
    walk: Callable[..., Any], doing: str, summary: Callable[[Any], Text], sequences: int | None, seconds: float | None,
    seed: int, json_file: str | None,
) -> int:  # fmt: skip
    """The walk, its tables, its `summary` and its report. Raises `Stop` where the kernel is out of reach."""
    from realnet import NamespaceRefused

    if sequences is None and seconds is None:
        seconds = DEFAULT_SECONDS
    limits = [f"{sequences:,} sequences"] if sequences is not None else []
    limits += [f"{seconds:g} s"] if seconds is not None else []
    said = f"{doing}: {' or '.join(limits)} …"
    with arms.refused_in_a_sentence(NamespaceRefused), _progress(stderr_screen(), said) as show:
        report: WalkReport = walk(seed, sequences, seconds, show)
    files.write_json(json_file, report.to_json())
    console = screen(json_file)
    with suppress(KeyboardInterrupt):  # enough read; the verdict stands
        _print_report(console, report)
        paragraph(console, summary(report))
    if report.differences:
        return CONTRADICTED
    return AGREED if report.equal else UNUSABLE


@contextmanager
def _progress(console: Console, said: str) -> Iterator[Callable[[WalkReport], None]]:
    """What runs at the moment, on one line of a terminal; elsewhere one line in all."""
    if not console.is_terminal:
        lines = [said]
        yield lambda report: console.print(lines.pop()) if lines else None
        return
    shown = 0.0
    with console.status(said) as status:

        def show(report: WalkReport) -> None:
            nonlocal shown
            now = time.monotonic()
            if now - shown >= _REFRESH_S:
                shown = now
                status.update(
                    f"{report.sequences:,} sequences · {report.steps:,} steps · equal {report.equal:,} · "
                    f"different {len(report.differences):,} · {report.seconds:.0f} s"
                )

        yield show


def _print_report(console: Console, report: WalkReport) -> None:
    """Everything that was found, from the rules to the differences."""
    checking.print_rules(console, report.rules)
    shrunk: dict[str, Found] = {}
    for each in report.differences:
        if each.again is not None or each.kind not in shrunk:
            shrunk[each.kind] = each
    for kind, seeds in report.kinds().items():
        _print_kind(console, kind, seeds, shrunk[kind])


def verdict(report: WalkReport) -> Text:
    """How it went, in the first words of a summary."""
    found = len(report.differences)
    if found:
        return Text(f"{found:,} sequence{'' if found == 1 else 's'} differed: ", style="bold red")
    if report.equal:
        return Text("Agreed: ", style="bold green")
    return Text("Nothing was compared: ", style="bold yellow")


def _print_kind(console: Console, kind: str, seeds: list[int], one: Found) -> None:
    shown = ", ".join(str(seed) for seed in seeds[:_SEEDS_SHOWN]) + (", …" if len(seeds) > _SEEDS_SHOWN else "")
    times = f"{len(seeds):,} time{'' if len(seeds) == 1 else 's'}"
    paragraph(console, Text.assemble((kind, "bold red"), f": {times} (seeds {shown})"))
    if one.step:
        paragraph(console, Text(f"seed {one.seed}, at {one.step}"), _PLACE)
    paragraph(console, Text.assemble("the model shows ", (one.model, "bold")), _PLACE)
    if one.step:
        paragraph(console, Text.assemble("the kernel shows ", (one.kernel, "bold")), _PLACE)
    if one.again is False:
        paragraph(console, Text("It was not seen again when the sequence was played a second time."), _PLACE)
    console.print()
    for line in one.script.splitlines() or one.steps:
        console.print(Text(line), soft_wrap=True)
    console.print()
