"""What came of a script on one arm: event by event what was expected and what was seen, and the verdict.

Not here: two arms side by side (comparing.py).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import attrs


class Verdict(StrEnum):
    """What came of a run."""

    PASSED = "passed"
    FAILED = "failed"
    UNSUPPORTED = "unsupported"


@attrs.frozen
class Missing:
    """Something in a script that an arm does not have, and where."""

    what: str
    line: int


@attrs.frozen
class Row:
    """One event that came to its end."""

    line: int
    expected: str
    """The event in the script's normal form."""
    seen: str
    """What there was instead of it, or in it that the script does not say; as the script would write it."""
    right: bool = True
    at_ns: int = 0
    """When it ended, since the script began."""
    parts: tuple[str, ...] = ()
    """The packets that were seen for one that was expected, without what differs from run to run."""


@attrs.frozen
class Outcome:
    """What came of a run. `line` and `sentence` say what was expected and what was seen instead, if anything was."""

    verdict: Verdict
    name: str
    line: int | None = None
    sentence: str | None = None
    unsupported: tuple[Missing, ...] = ()
    arm: str = attrs.field(default="model", eq=False)
    rows: tuple[Row, ...] = attrs.field(default=(), eq=False)
    late_ns: int = attrs.field(default=0, eq=False)
    """The longest time by which an event came later than the script says."""

    def __str__(self) -> str:
        lines = [f"{self.name}: {self.verdict}"] if self.line is None else []
        if self.line is not None:
            lines.append(f"{self.name}:{self.line}: {self.sentence}")
        lines += [f"{self.name}:{missing.line}: not supported: {missing.what}" for missing in self.unsupported]
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        return {
            "arm": self.arm,
            "verdict": str(self.verdict),
            "line": self.line,
            "sentence": self.sentence,
            "unsupported": [attrs.asdict(missing) for missing in self.unsupported],
            "events": [attrs.asdict(row) for row in self.rows],
        }
