"""One script on two arms, laid side by side event by event.

Both arms judge for themselves whether the script holds. Beyond that they are compared in what the script leaves open:
the answer of a call, and every packet in all that it says, windows and options included. Not compared are times, within
the script's own tolerance, and the clocks in timestamps.

Not here: running (running.py), how it looks (wouldblock/scriptoutput.py).
"""

from __future__ import annotations

from collections import defaultdict
from itertools import zip_longest
from typing import Any

import attrs

from .outcome import Outcome, Row, Verdict


@attrs.frozen
class Pair:
    """One event on both arms; None where an arm did not come so far."""

    model: Row | None
    kernel: Row | None

    @property
    def line(self) -> int:
        return self.any.line

    @property
    def any(self) -> Row:
        """The event on an arm that came to it."""
        row = self.model or self.kernel
        assert row is not None
        return row

    @property
    def equal(self) -> bool:
        if self.model is None or self.kernel is None:
            return False
        if self.model.right != self.kernel.right:
            return False
        if self.model.parts or self.kernel.parts:
            return self.model.parts == self.kernel.parts
        return self.model.seen == self.kernel.seen


@attrs.frozen
class Both:
    """A script on both arms."""

    model: Outcome
    kernel: Outcome
    pairs: tuple[Pair, ...]

    @property
    def verdict(self) -> Verdict:
        """Passed: on both arms, with the same answers and packets. Unsupported: what an arm does not have keeps it from
        passing, and neither arm fails.
        """
        verdicts = {self.model.verdict, self.kernel.verdict}
        if Verdict.FAILED in verdicts:
            return Verdict.FAILED
        if Verdict.UNSUPPORTED in verdicts:
            return Verdict.UNSUPPORTED
        return Verdict.PASSED if all(pair.equal for pair in self.pairs) else Verdict.FAILED

    def to_json(self) -> dict[str, Any]:
        return {"verdict": str(self.verdict), "arms": [self.model.to_json(), self.kernel.to_json()]}


def side_by_side(model: Outcome, kernel: Outcome) -> Both:
    """Lay two runs of the same script side by side, in the order of its lines."""
    rows: tuple[dict[int, list[Row]], ...] = (defaultdict(list), defaultdict(list))
    for found, outcome in zip(rows, (model, kernel), strict=True):
        for row in outcome.rows:
            found[row.line].append(row)
    lines = sorted(rows[0].keys() | rows[1].keys())
    pairs = [Pair(*two) for line in lines for two in zip_longest(rows[0][line], rows[1][line])]
    return Both(model, kernel, tuple(pairs))
