"""The result as a table, and as JSON.

The JSON has `format`, `version`, `quick`, `seconds`, `machine` (what machine.py says) and `rows`, a list of objects
with `section`, `what`, `arm`, `value`, `unit`, `ratio` (null, or `median`, `low`, `high`), `against`, `budget` and
`within`.

Not here: measuring.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any

import attrs
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .machine import Machine
from .rounds import Row

VERSION = 1
_WITHIN = {True: Text("kept", style="green"), False: Text("missed", style="bold red"), None: Text()}


def print_table(console: Console, machine: Machine, rows: list[Row]) -> None:
    """Everything, one table a section. A ratio is followed by the middle half of its rounds."""
    console.print(machine.line(), soft_wrap=True)
    for section, of_section in groupby(rows, key=lambda row: row.section):
        table = Table(title=section, title_justify="left", title_style="bold", box=None, pad_edge=False)
        table.add_column("", no_wrap=True)
        table.add_column("arm", no_wrap=True)
        table.add_column("median", justify="right", no_wrap=True)
        table.add_column("ratio", justify="right", no_wrap=True)
        table.add_column("", justify="right", style="dim", no_wrap=True)
        table.add_column("× what", style="dim", no_wrap=True)
        table.add_column("budget", no_wrap=True)
        table.add_column("")
        before = ""
        for row in of_section:
            what = "" if row.what == before else row.what
            before = row.what
            table.add_row(what, row.arm, _value(row), *_ratio(row), row.budget, _WITHIN[row.within])
        console.print()
        console.print(table)


def _value(row: Row) -> str:
    return f"{_number(row.value)} {row.unit}"


def _ratio(row: Row) -> tuple[str, str, str]:
    found = row.ratio
    if found is None:
        return "", "", ""
    return f"{_number(found.median)} ×", f"{_number(found.low)} – {_number(found.high)}", row.against


def _number(value: float) -> str:
    """Three digits that count."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def to_json(machine: Machine, rows: list[Row], quick: bool, seconds: float) -> dict[str, Any]:
    """The result as JSON has it."""
    return {
        "format": "wouldblock-benchmarks",
        "version": VERSION,
        "quick": quick,
        "seconds": round(seconds, 3),
        "machine": attrs.asdict(machine),
        "rows": [attrs.asdict(row) for row in rows],
    }
