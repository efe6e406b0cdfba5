"""`python -m benchmarks`: measure everything in one private network namespace and print it.

Not here: what is measured (calls.py, waiting.py, threads.py, checking.py, sequences.py, wire.py, timers.py, memory.py).
"""

from __future__ import annotations

import sys
import time

import click

from realnet import Namespace, NamespaceRefused
from wouldblock import files
from wouldblock.front import Stop, make_text_safe, screen

from . import calls, checking, machine, memory, printing, sequences, threads, timers, waiting, wire
from .rounds import FULL, QUICK

_WIDTH = 120
"""Of the table where it is not printed to a terminal."""


@click.command("benchmarks", context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--json", "json_file", metavar="FILE", help="Write the result to FILE; - is standard output.")
@click.option("--quick", is_flag=True, help="A few rounds of everything: whether it runs, not how fast.")
def main(json_file: str | None, quick: bool) -> None:
    """Measure the model against the kernel, epoll with many sockets, threads, the cross-check against both, whole
    sequences, a transfer, virtual time and memory. Takes about three minutes.
    """
    files.check_file(json_file, "--json")
    effort = QUICK if quick else FULL
    began = time.monotonic()
    rows = []
    try:
        with Namespace():
            for section in (calls, waiting, threads, checking, sequences, wire, timers, memory):
                _say(f"measuring: {section.SECTION} …")
                rows += section.measure(effort)
    except NamespaceRefused as refused:
        raise Stop(f"there is no kernel to measure against: {refused.strerror}.") from None
    finally:
        _say("")
    described = machine.describe()
    console = screen(json_file)
    if not console.is_terminal:
        console.width = _WIDTH
    printing.print_table(console, described, rows)
    files.write_json(json_file, printing.to_json(described, rows, quick, time.monotonic() - began))


def _say(text: str) -> None:
    """What is going on, for someone who waits."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    make_text_safe()
    main()
