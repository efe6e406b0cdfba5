"""`wouldblock check --threads`: the walk over programs of threads (threadwalk/), and its verdict in one paragraph.

Not here: its tables (walkchecking.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from wouldblock import checking, walkchecking

if TYPE_CHECKING:
    from wouldblock.threadwalk.report import ThreadReport


def check(sequences: int | None, seconds: float | None, seed: int, json_file: str | None) -> int:
    """The walk, its tables and its report. Raises `Stop` where the kernel is out of reach."""
    from wouldblock.threadwalk.walking import walk

    doing = "Playing programs of several threads on model and kernel"
    return walkchecking.check(walk, doing, summary, sequences, seconds, seed, json_file)


def summary(report: ThreadReport) -> Text:
    """The verdict in one paragraph."""
    cut = ", interrupted" if report.interrupted else ""
    said = (
        f"{report.sequences:,} programs of threads, {report.steps:,} steps, against kernel {report.kernel} in "
        f"{report.seconds:.1f} s (seeds from {report.seed}{cut}); equal {report.equal:,} "
        f"({checking.percent(report.equal, report.sequences)}) in {report.compared:,} calls, different "
        f"{len(report.differences):,}, no verdict {report.unsteady:,}; "
        f"{report.repeated:,} further runs were needed for that."
    )
    return walkchecking.verdict(report).append(said, style="not bold default")
