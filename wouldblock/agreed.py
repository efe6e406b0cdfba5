"""The committed agreement: how often model and kernel were equal over whole sequences, by kernel, family and length.

``python -m wouldblock.agreed REPORT…`` takes reports of `wouldblock agree --json` over into `docs/agreement.json`,
without their settings, and writes the README's table anew. `make agreement` makes the reports. A test holds that the
table is the one these figures give.

Not here: the comparison (crosscheck/agreement.py), its table on the screen (agreeing.py).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wouldblock import files
from wouldblock.checking import percent

ROOT = Path(__file__).parent.parent
README, COMMITTED = ROOT / "README.md", ROOT / "docs" / "agreement.json"
BEGIN, END = "<!-- agreement -->", "<!-- end of agreement -->"
KEPT = ("where", "kernel", "seed", "seconds", "cells", "differences")
KEPT_OF_CELL = ("family", "length", "sequences", "calls", "repeated", "equal")


def kept(report: Mapping[str, Any]) -> dict[str, Any]:
    """What is committed of a report. Raises ValueError if it is none of `wouldblock agree`."""
    if "cells" not in report:
        raise ValueError("this is not a report of `wouldblock agree --json`")
    found = {key: report[key] for key in KEPT}
    return {**found, "cells": [{key: cell[key] for key in KEPT_OF_CELL} for cell in report["cells"]]}


def table(reports: Sequence[Mapping[str, Any]]) -> str:
    """The README's table, between its two marks."""
    lengths = sorted({cell["length"] for report in reports for cell in report["cells"]})
    head = ["kernel", "family", *(f"{length:,} calls" for length in lengths)]
    rows = ["| " + " | ".join(head) + " |", "|---" * 2 + "|---:" * len(lengths) + "|"]
    for report in reports:
        cells = {(cell["family"], cell["length"]): cell for cell in report["cells"]}
        for family in dict.fromkeys(family for family, _ in cells):
            row = [_cell(cells.get((family, length))) for length in lengths]
            rows.append("| " + " | ".join([f"{report['kernel']}, {report['where']}", family, *row]) + " |")
    return "\n".join([BEGIN, "", *rows, "", END])


def _cell(cell: Mapping[str, Any] | None) -> str:
    if cell is None or not cell["sequences"]:
        return "–"
    share = percent(cell["equal"], cell["repeated"])
    return f"{share} of {cell['repeated']:,} ({cell['sequences']:,} played)"


def with_table(readme: str, reports: Sequence[Mapping[str, Any]]) -> str:
    """The README with its table written anew."""
    before, rest = readme.split(BEGIN, 1)
    return before + table(reports) + rest.split(END, 1)[1]


def main(*names: str) -> None:
    """Take reports over, in this order."""
    reports = [kept(json.loads(Path(name).read_text(encoding="utf-8"))) for name in names]
    files.write(COMMITTED, json.dumps(reports, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    files.write(README, with_table(README.read_text(encoding="utf-8"), reports))


if __name__ == "__main__":
    main(*sys.argv[1:])
