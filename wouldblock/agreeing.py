"""`wouldblock agree`: over whole sequences, how often model and kernel are equal, on the screen.

The comparison itself is crosscheck/agreement.py. Here its report becomes a table by family and length, the sequences
where the model left a kernel that repeats itself, and the verdict.

Not here: the committed figures (confirming.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from wouldblock import arms, files
from wouldblock.checking import percent
from wouldblock.front import AGREED, CONTRADICTED, UNUSABLE, screen, stderr_screen
from wouldblock.paragraphs import paragraph

if TYPE_CHECKING:
    from wouldblock.crosscheck.agreement import Agreement

DEFAULT_SECONDS = 60.0
_REFRESH_S = 0.5


def agree(
    sequences: int | None, seconds: float | None, seed: int, families: Sequence[str], lengths: Sequence[int],
    only: int | None, json_file: str | None, *, two_hosts: bool = False, own_settings: bool = False,
) -> int:  # fmt: skip
    """The comparison, its table and its report. Raises `Stop` where the kernel is out of reach."""
    from realnet import NamespaceRefused
    from wouldblock.crosscheck import agreement, places

    if sequences is None and seconds is None and only is None:
        seconds = DEFAULT_SECONDS
    place = places.TwoHosts() if two_hosts else places.OwnSettings() if own_settings else places.LOOPBACK
    with arms.refused_in_a_sentence(NamespaceRefused, places.PlaceRefused), _progress(stderr_screen()) as show:
        report = agreement.agree(seed, sequences, seconds, families, lengths, show, only, place)
    files.write_json(json_file, report.to_json())
    console = screen(json_file)
    with suppress(KeyboardInterrupt):  # enough read; the verdict stands
        print_report(console, report)
    if not report.agreed:
        return CONTRADICTED
    return AGREED if any(cell.repeated for cell in report.cells) else UNUSABLE


@contextmanager
def _progress(console: Console) -> Iterator[Callable[[Agreement], None]]:
    said = ["Playing sequences three times on the kernel, and once on the model …"]
    if not console.is_terminal:
        yield lambda report: console.print(said.pop()) if said else None
        return
    shown = 0.0
    with console.status(said[0]) as status:

        def show(report: Agreement) -> None:
            nonlocal shown
            now = time.monotonic()
            if now - shown < _REFRESH_S:
                return
            shown = now
            cell = [each for each in report.cells if each.sequences][-1]
            status.update(
                f"{cell.family}, {cell.length:,} calls: {cell.sequences:,} sequences · repeated {cell.repeated:,} · "
                f"equal {cell.equal:,} · {report.seconds:.0f} s"
            )

        yield show


def print_report(console: Console, report: Agreement) -> None:
    """The table, what differed, and the verdict."""
    table = Table(box=None, pad_edge=False)
    table.add_column("family")
    for heading in ("calls", "sequences", "kernel repeats", "", "model equal", "", "time, to kernel's"):
        table.add_column(heading, justify="right")
    for cell in report.cells:
        table.add_row(
            cell.family, f"{cell.length:,}", f"{cell.sequences:,}",
            f"{cell.repeated:,}",
            percent(cell.repeated, cell.sequences), f"{cell.equal:,}",
            Text(percent(cell.equal, cell.repeated), style="green" if cell.equal == cell.repeated else "bold red"),
            f"{cell.model_s / cell.kernel_s:.1f}×" if cell.kernel_s > 0 and cell.equal else "–",
        )  # fmt: skip
    console.print(table)
    console.print()
    for each in report.differences:
        where = f"{each.family}, {each.length:,} calls, number {each.number}, step {each.step}: "
        paragraph(console, Text.assemble((where, "bold red"), each.op))
        paragraph(console, Text.assemble("the model expects ", (each.expected, "bold")), 2)
        paragraph(console, Text.assemble("the kernel shows ", (each.seen, "bold")), 2)
        if each.of_time:
            paragraph(
                console,
                Text("microseconds decide: where work is quicker or slower the model agrees with the kernel"),
                2,
            )
    if report.differences:
        console.print()
    paragraph(console, summary(report))


def summary(report: Agreement) -> Text:
    """The verdict in one paragraph."""
    repeated = sum(cell.repeated for cell in report.cells)
    equal = sum(cell.equal for cell in report.cells)
    if not repeated:
        verdict = Text("Nothing was compared: ", style="bold yellow")
    elif equal == repeated:
        verdict = Text("Agreed: ", style="bold green")
    else:
        verdict = Text(f"{repeated - equal:,} differed: ", style="bold red")
    played = sum(cell.sequences for cell in report.cells)
    cut = ", interrupted" if report.interrupted else ""
    return verdict.append(
        f"of {played:,} sequences on kernel {report.kernel}, {report.where}, in {report.seconds:.0f} s (seed "
        f"{report.seed}{cut}) the "
        f"kernel showed {repeated:,} the same way three times, and the model shows {equal:,} of these "
        f"({percent(equal, repeated)}) as the kernel does, in every answer and everything observed after every call.",
        style="not bold default",
    )
