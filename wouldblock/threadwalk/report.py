"""What a walk over programs of threads found.

A program is *equal* if both arms showed the same, *different* if not, *unsteady* if the kernel never showed the same
three times running, or the model agreed in the moments of some of these runs only: then it counts for neither.

Not here: what all walks report (wouldblock/walks.py), how it looks (wouldblock/threadchecking.py).
"""

from __future__ import annotations

from typing import Any

import attrs

from wouldblock.walks import WalkReport


@attrs.define
class ThreadReport(WalkReport):
    """The result of a walk. Its steps are those of all threads."""

    compared: int = 0
    """Calls that were compared, those of equal programs."""
    unsteady: int = 0
    repeated: int = 0
    """How often a program ran again because the kernel had not shown the same three times running."""

    def to_json(self) -> dict[str, Any]:
        return {
            **super().to_json(), "compared": self.compared, "unsteady": self.unsteady, "repeated": self.repeated,
        }  # fmt: skip
