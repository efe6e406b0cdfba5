"""`python -m wouldblock.waitingcost`: measure anew and write docs/waiting.json, docs/waiting.md and the chart; with
`--page` write the last two from what is stored.

Not here: what is measured (report.py).
"""

from __future__ import annotations

import json
import sys

import click

from .chart import chart
from .page import page
from .report import STORED, measure

PAGE, CHART = STORED.with_name("waiting.md"), STORED.parent / "diagrams" / "waiting.svg"


def main() -> None:
    """Do it. OSError, in one sentence, where the kernel's tracepoints or a namespace are out of reach."""
    if "--page" not in sys.argv[1:]:
        stored = measure(lambda what: click.echo(what, err=True))
        STORED.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
    stored = json.loads(STORED.read_text(encoding="utf-8"))
    PAGE.write_text(page(stored), encoding="utf-8")
    CHART.write_text(chart(stored), encoding="utf-8")


if __name__ == "__main__":
    main()
