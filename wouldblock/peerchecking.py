"""`wouldblock check --peer`: the walk with a scripted peer on the screen.

The walk itself (peerwalk/) plays calls of a party and segments of its peer on the model and on the kernel. Here its
report becomes the verdict, the rules that the kernel confirmed, and every kind of difference with its seeds and the
packet script that shows it.

Not here: files (files.py), the random check on loopback (checking.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from wouldblock import arms, checking, files
from wouldblock.front import AGREED, CONTRADICTED, UNUSABLE, screen, stderr_screen
from wouldblock.paragraphs import paragraph

if TYPE_CHECKING:
    from wouldblock.peerwalk.report import PeerReport
    from wouldblock.walks import Found

DEFAULT_SECONDS = 10.0
_REFRESH_S = 0.5
_SEEDS_SHOWN = 8
_PLACE = 2


def check(sequences: int | None, seconds: float | None, seed: int, json_file: str | None) -> int:
    """The walk, its tables and its report. Raises `Stop` where the kernel is out of reach."""
    from realnet import NamespaceRefused
    from wouldblock.peerwalk.walking import walk

    if sequences is None and seconds is None:
        seconds = DEFAULT_SECONDS
    with arms.refused_in_a_sentence(NamespaceRefused), _progress(stderr_screen(), sequences, seconds) as show:
        report = walk(seed, sequences, seconds, show)
    files.write_json(json_file, report.to_json())
    console = screen(json_file)
    with suppress(KeyboardInterrupt):  # enough read; the verdict stands
        print_report(console, report)
    if report.differences:
        return CONTRADICTED
    return AGREED if report.equal else UNUSABLE


@contextmanager
def _progress(console: Console, sequences: int | None, seconds: float | None) -> Iterator[Callable[[PeerReport], None]]:
    """What runs at the moment, on one line of a terminal; elsewhere one line in all."""
    limits = [f"{sequences:,} sequences"] if sequences is not None else []
    limits += [f"{seconds:g} s"] if seconds is not None else []
    said = [f"Playing a scripted peer against model and kernel: {' or '.join(limits)} …"]
    if not console.is_terminal:
        yield lambda report: console.print(said.pop()) if said else None
        return
    shown = 0.0
    with console.status(said[0]) as status:

        def show(report: PeerReport) -> None:
            nonlocal shown
            now = time.monotonic()
            if now - shown >= _REFRESH_S:
                shown = now
                status.update(
                    f"{report.sequences:,} sequences · {report.steps:,} steps · equal {report.equal:,} · "
                    f"different {len(report.differences):,} · {report.seconds:.0f} s"
                )

        yield show


def print_report(console: Console, report: PeerReport) -> None:
    """Everything that was found, from the rules to the verdict."""
    checking.print_rules(console, report.rules)
    shrunk: dict[str, Found] = {}
    for each in report.differences:
        if each.again is not None or each.kind not in shrunk:
            shrunk[each.kind] = each
    for kind, seeds in report.kinds().items():
        _print_kind(console, kind, seeds, shrunk[kind])
    paragraph(console, summary(report))


def summary(report: PeerReport) -> Text:
    """The verdict in one paragraph."""
    found = len(report.differences)
    if found:
        verdict = Text(f"{found:,} sequence{'' if found == 1 else 's'} differed: ", style="bold red")
    elif report.equal:
        verdict = Text("Agreed: ", style="bold green")
    else:
        verdict = Text("Nothing was compared: ", style="bold yellow")
    cut = ", interrupted" if report.interrupted else ""
    said = (
        f"{report.sequences:,} sequences of a scripted peer, {report.steps:,} steps, against kernel {report.kernel} in "
        f"{report.seconds:.1f} s (seeds from {report.seed}{cut}); equal {report.equal:,} "
        f"({checking.percent(report.equal, report.sequences)}) with {report.segments:,} segments, different {found:,}, "
        f"held up by the machine each time {report.late:,}; {report.repeated:,} ran again for that."
    )
    return verdict.append(said, style="not bold default")


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
