"""The committed confirmations: what a check counted, kept beside the diagrams, and its figures in the README.

``python -m wouldblock.confirming build/report/report.json`` takes a report of `wouldblock check` over into
`docs/diagrams/confirmations.json` and writes the README's table of figures anew. Further files, made by `wouldblock
check --peer --json` and `--threads --json`, add what these walks confirmed: rules and arrows are the sums, and the
share of each stands apart under ``peer`` and ``threads``. `make confirm` does that after a long check, and draws the
diagrams. Tests hold that the README's table and the committed diagrams are the ones these counts give.

Not here: drawing (pictures.py).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wouldblock import files
from wouldblock.checking import percent
from wouldblock.rulebook import COMMITTED

README = Path(__file__).parent.parent / "README.md"
KEPT = (
    "kernel", "calls", "sequences", "left", "unrepeatable", "looked_again", "seed", "seconds", "exact", "allowed",
    "contradictions", "choices", "families", "rules", "arrows", "unconfirmed",
)  # fmt: skip
KEPT_OF_WALKS = {
    "peer": ("sequences", "calls", "segments", "equal", "different", "late", "kinds", "seed", "seconds", "kernel"),
    "threads": (
        "sequences",
        "calls",
        "compared",
        "equal",
        "different",
        "unsteady",
        "kinds",
        "seed",
        "seconds",
        "kernel",
    ),
}
"""Walk → what is kept of its report. The third of each is in no other walk's report."""
BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"


def figures(counts: Mapping[str, Any]) -> str:
    """The README's table for these counts, between its two marks."""
    calls, rules = counts["calls"], counts["rules"]
    seen = sum(1 for times in rules.values() if times)
    excused = sum(1 for reason in counts["unconfirmed"].values() if reason)
    rows = [
        ("calls checked", f"{calls:,} in {counts['sequences']:,} sequences, kernel {counts['kernel']}"),
        ("exact", f"{counts['exact']:,} ({percent(counts['exact'], calls)})"),
        ("allowed by a named choice", f"{counts['allowed']:,} ({percent(counts['allowed'], calls)})"),
        ("contradicted", f"{len(counts['contradictions']):,}"),
        ("sequences that the kernel does not repeat", f"{len(counts['unrepeatable']):,}"),
        ("sequences left early", f"{counts['left']:,}: a timer may have fired or not"),
        ("rules confirmed", f"{seen} of {len(rules)}; {excused} of the others say why they cannot be"),
    ]
    if peer := counts.get("peer"):
        compared = f"{peer['sequences']:,} sequences of {peer['calls']:,} steps, {peer['segments']:,} segments"
        told = f"{compared}; equal {peer['equal']:,}, different {peer['different']:,}, held up {peer['late']:,}"
        rows.append(("walk with a scripted peer", told))
    if threads := counts.get("threads"):
        compared = f"{threads['sequences']:,} programs of {threads['calls']:,} steps, {threads['compared']:,} calls"
        unsteady = f"no verdict {threads['unsteady']:,}"
        told = f"{compared}; equal {threads['equal']:,}, different {threads['different']:,}, {unsteady}"
        rows.append(("programs of several threads", told))
    table = ["| | |", "|---|---|", *(f"| {left} | {right} |" for left, right in rows)]
    return "\n".join([BEGIN, "", *table, "", END])


def with_figures(readme: str, counts: Mapping[str, Any]) -> str:
    """The README with its table written anew."""
    before, rest = readme.split(BEGIN, 1)
    after = rest.split(END, 1)[1] if END in rest else rest
    return before + figures(counts) + after


def with_walk(counts: Mapping[str, Any], report: Mapping[str, Any]) -> dict[str, Any]:
    """The counts of a check on loopback and those of a walk, added up. Raises `ValueError` if `counts` have those of
    such a walk in them already, or `report` is none of a walk.
    """
    walk = next((name for name, kept in KEPT_OF_WALKS.items() if kept[2] in report), None)
    if walk is None:
        raise ValueError("this is not a report of `wouldblock check --peer --json`, and none of `--threads`")
    if walk in counts:
        raise ValueError(f"these counts have those of a walk with --{walk} in them already")
    total = dict(counts)
    for what in ("rules", "arrows"):
        names = counts[what].keys() | report[what].keys()
        total[what] = {name: counts[what].get(name, 0) + report[what].get(name, 0) for name in names}
    total["unconfirmed"] = {name: why for name, why in counts["unconfirmed"].items() if not total["rules"][name]}
    total[walk] = {key: report[key] for key in KEPT_OF_WALKS[walk]}
    for what in ("rules", "arrows"):
        total[walk][what] = {name: times for name, times in report[what].items() if times}
    return total


def main(report: str, *walks: str) -> None:
    """Take a report over, and those of walks."""
    data = json.loads(Path(report).read_text(encoding="utf-8"))
    counts = {key: data[key] for key in KEPT} | {walk: data[walk] for walk in KEPT_OF_WALKS if walk in data}
    for each in walks:
        counts = with_walk(counts, json.loads(Path(each).read_text(encoding="utf-8")))
    files.write(COMMITTED, json.dumps(counts, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    files.write(README, with_figures(README.read_text(encoding="utf-8"), counts))


if __name__ == "__main__":
    main(*sys.argv[1:])
