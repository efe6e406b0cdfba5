"""``python -m wouldblock.adherence`` writes `docs/adherence.md` anew from the ledger.

What is wrong with the ledger is said sentence by sentence, with exit status 1, and the page stays as it was. Status 2:
a file cannot be read.
"""

from __future__ import annotations

import sys

import click

from wouldblock import files
from wouldblock.adherence.ledger import faults, load
from wouldblock.adherence.page import PAGE, page
from wouldblock.front import Stop


def main() -> int:
    """Check the ledger and write its page; returns the exit status."""
    try:
        standards = load()
    except Stop as stop:
        stop.show()
        return stop.exit_code
    wrong = faults(standards)
    for sentence in wrong:
        click.echo(f"wouldblock: {sentence}", err=True)
    if not wrong:
        files.write(PAGE, page(standards))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
