"""`wouldblock check --peer`: the walk with a scripted peer (peerwalk/), and its verdict in one paragraph.

Not here: its tables (walkchecking.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from wouldblock import checking, walkchecking

if TYPE_CHECKING:
    from wouldblock.peerwalk.report import PeerReport


def check(sequences: int | None, seconds: float | None, seed: int, json_file: str | None) -> int:
    """The walk, its tables and its report. Raises `Stop` where the kernel is out of reach."""
    from wouldblock.peerwalk.walking import walk

    doing = "Playing a scripted peer against model and kernel"
    return walkchecking.check(walk, doing, summary, sequences, seconds, seed, json_file)


def summary(report: PeerReport) -> Text:
    """The verdict in one paragraph."""
    cut = ", interrupted" if report.interrupted else ""
    said = (
        f"{report.sequences:,} sequences of a scripted peer, {report.steps:,} steps, against kernel {report.kernel} in "
        f"{report.seconds:.1f} s (seeds from {report.seed}{cut}); equal {report.equal:,} "
        f"({checking.percent(report.equal, report.sequences)}) with {report.segments:,} segments, different "
        f"{len(report.differences):,}, held up by the machine each time {report.late:,}; {report.repeated:,} ran again "
        "for that."
    )
    return walkchecking.verdict(report).append(said, style="not bold default")
