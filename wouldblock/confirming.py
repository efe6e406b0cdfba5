"""The committed confirmations: what a check counted, kept beside the diagrams, and its figures in the README.

``python -m wouldblock.confirming build/report/report.json`` takes a report of `wouldblock check` over into
`docs/diagrams/confirmations.json` and writes the README's table of figures anew. A second file, made by `wouldblock
check --peer --json`, adds what the walk with a scripted peer confirmed: rules and arrows are the sums, and its own
share stands apart under ``peer``. `make confirm` does that after a long check, and draws the diagrams. Tests hold that
the README's table and the committed diagrams are the ones these counts give.

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
KEPT_OF_PEER = ("sequences", "calls", "segments", "equal", "different", "late", "kinds", "seed", "seconds", "kernel")
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
    table = ["| | |", "|---|---|", *(f"| {left} | {right} |" for left, right in rows)]
    return "\n".join([BEGIN, "", *table, "", END])


def with_figures(readme: str, counts: Mapping[str, Any]) -> str:
    """The README with its table written anew."""
    before, rest = readme.split(BEGIN, 1)
    after = rest.split(END, 1)[1] if END in rest else rest
    return before + figures(counts) + after


def with_peer(counts: Mapping[str, Any], peer: Mapping[str, Any]) -> dict[str, Any]:
    """The counts of a check on loopback and those of a walk with a scripted peer, added up. Raises `ValueError` if
    `counts` have a peer's in them already, or `peer` is no report of that walk.
    """
    if "peer" in counts:
        raise ValueError("these counts have those of a walk with a scripted peer in them already")
    if "segments" not in peer:
        raise ValueError("this is not a report of `wouldblock check --peer --json`")
    total = dict(counts)
    for what in ("rules", "arrows"):
        names = counts[what].keys() | peer[what].keys()
        total[what] = {name: counts[what].get(name, 0) + peer[what].get(name, 0) for name in names}
    total["unconfirmed"] = {name: why for name, why in counts["unconfirmed"].items() if not total["rules"][name]}
    total["peer"] = {key: peer[key] for key in KEPT_OF_PEER}
    for what in ("rules", "arrows"):
        total["peer"][what] = {name: times for name, times in peer[what].items() if times}
    return total


def main(report: str, peer_report: str | None = None) -> None:
    """Take a report over, and that of the walk with a scripted peer."""
    data = json.loads(Path(report).read_text(encoding="utf-8"))
    counts = {key: data[key] for key in KEPT}
    if "peer" in data:
        counts["peer"] = data["peer"]
    if peer_report is not None:
        counts = with_peer(counts, json.loads(Path(peer_report).read_text(encoding="utf-8")))
    files.write(COMMITTED, json.dumps(counts, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    files.write(README, with_figures(README.read_text(encoding="utf-8"), counts))


if __name__ == "__main__":
    main(*sys.argv[1:3])
