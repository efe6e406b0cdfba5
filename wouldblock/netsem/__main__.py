"""``python -m wouldblock.netsem`` writes docs/netsem.md anew from the ledger.

What is wrong with the ledger is said sentence by sentence, with exit status 1, and the page stays as it was.
"""

from __future__ import annotations

import json
import sys

import click

from .. import files
from ..rulebook import COMMITTED
from .ledger import faults
from .page import ENTRIES, PAGE, page


def main() -> int:
    """Check the ledger and write its page; returns the exit status."""
    wrong = faults(ENTRIES, json.loads(COMMITTED.read_text(encoding="utf-8"))["rules"])
    for sentence in wrong:
        click.echo(f"wouldblock: {sentence}", err=True)
    if not wrong:
        files.write(PAGE, page())
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
