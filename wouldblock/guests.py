"""`wouldblock check --guest`: the same command, run by another kernel.

The guest (realnet/guest) starts with the same Python and the same files, so what runs in it is this very program with
the same options; its report folder is the only place that it may write to. What it prints is printed here, and its exit
status is ours.

Not here: which profile the model takes for that kernel (crosscheck/running.py).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from realnet import guest
from wouldblock import files
from wouldblock.front import Stop, stderr_screen

REPORT_FOLDER = Path("build/report/guest")
DEFAULT_SECONDS = 10.0
_ROOM_S = 120.0
"""Seconds beyond those of the check: the kernel starts, a difference is shrunk, diagrams are drawn."""
_CALLS_PER_S = 50
"""So many calls a second at least are expected of a guest."""


def check(calls: int | None, seconds: float | None, seed: int, out: Path, json_file: str | None) -> int:
    """The random check in a guest; its exit status. Raises `Stop` where there is no guest, or it fails."""
    if calls is None and seconds is None:
        seconds = DEFAULT_SECONDS
    folder = files.make_folder(out, "--out").resolve()
    report = folder / "report.json"
    report.unlink(missing_ok=True)
    limits = {"--calls": calls, "--time": seconds, "--seed": seed, "--out": folder}
    given = [str(part) for option, value in limits.items() if value is not None for part in (option, value)]
    longest = seconds if seconds is not None else (calls or 0) / _CALLS_PER_S
    try:
        kernel = guest.find()
        stderr_screen().print(f"Kernel {guest.release(kernel)} as a guest on this machine.")
        status = guest.run(
            ["-m", "wouldblock", "check", *given], seconds=longest + _ROOM_S, writable=[folder], kernel=kernel,
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
