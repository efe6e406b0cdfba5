"""`wouldblock check --guest`, `wouldblock agree --guest`: the same command, run by another kernel.

The guest (realnet/guest) starts with the same Python and the same files, so what runs in it is this very program with
the same options; its report folder is the only place that it may write to. What it prints is printed here, and its exit
status is ours.

Not here: which profile the model takes for that kernel (crosscheck/running.py).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from realnet import guest
from wouldblock import agreeing, files, verbs
from wouldblock.front import Stop, stderr_screen

REPORT_FOLDER = Path("build/report/guest")
_ROOM_S = 120.0
"""Seconds beyond those of the work itself: the kernel starts, a difference is shrunk, diagrams are drawn."""
_CALLS_PER_S = 50
"""So many calls a second at least are expected of a guest."""


def check(calls: int | None, seconds: float | None, seed: int, out: Path, json_file: str | None) -> int:
    """The random check in a guest; its exit status. Raises `Stop` where there is no guest, or it fails."""
    if calls is None and seconds is None:
        seconds = verbs.DEFAULT_SECONDS
    folder = files.make_folder(out, "--out").resolve()
    options = _given(("--calls", calls), ("--time", seconds), ("--seed", seed), ("--out", folder))
    expected_s = seconds if seconds is not None else (calls or 0) / _CALLS_PER_S
    return _run(["check", *options], expected_s, folder, folder / "report.json", json_file)


def agree(
    sequences: int | None, seconds: float | None, seed: int, families: Iterable[str], lengths: Iterable[int],
    only: int | None, json_file: str | None,
) -> int:  # fmt: skip
    """The comparison of whole sequences in a guest; its exit status. Raises `Stop` as `check` does."""
    if sequences is None and seconds is None and only is None:
        seconds = agreeing.DEFAULT_SECONDS
    families, lengths = list(families), list(lengths)
    folder = files.make_folder(REPORT_FOLDER, "the report folder").resolve()
    report = folder / "agreement.json"
    options = _given(
        ("--sequences", sequences), ("--time", seconds), ("--seed", seed), ("--only", only), ("--json", report),
        *(("--family", each) for each in families), *(("--length", each) for each in lengths),
    )  # fmt: skip
    played = (1 if only is not None else sequences or 0) * len(families) * 3 * sum(lengths)
    return _run(["agree", *options], seconds or played / _CALLS_PER_S, folder, report, json_file)


def _given(*options: tuple[str, Any]) -> list[str]:
    return [str(part) for name, value in options if value is not None for part in (name, value)]


def _run(command: list[str], expected_s: float, folder: Path, report: Path, json_file: str | None) -> int:
    """Run a command of ours in the guest, which may write into `folder`, and hand its `report` on."""
    report.unlink(missing_ok=True)
    try:
        kernel = guest.find()
        stderr_screen().print(f"Kernel {guest.release(kernel)} as a guest on this machine.")
        status = guest.run(
            ["-m", "wouldblock", *command], seconds=expected_s + _ROOM_S, writable=[folder], kernel=kernel,
            say=_say_aside if json_file == files.STDOUT else None,
        )  # fmt: skip
    except guest.GuestRefused as refusal:
        raise Stop(f"{refusal}.") from None
    if report.exists():
        files.write_json(json_file, json.loads(report.read_text(encoding="utf-8")))
    return status


def _say_aside(said: bytes, is_error: bool) -> None:
    """Everything to where errors go, because standard output is the report's."""
    click.echo(said.decode(errors="replace"), nl=False, file=sys.stderr)
