"""What a walk with a scripted peer found, as a value that is complete at any moment, and as JSON.

A sequence is *equal* if all its steps showed the same on both arms, *different* if not, *late* if it differed and the
machine was held up while it ran, each time it was tried. Late sequences say nothing and are counted apart.

Not here: what all walks report (wouldblock/walks.py), how it looks (wouldblock/peerchecking.py).
"""

from __future__ import annotations

from typing import Any

import attrs

from wouldblock.walks import WalkReport


@attrs.define
class PeerReport(WalkReport):
    """The result of a walk."""

    segments: int = 0
    """Packets of the party that were compared, those of equal sequences."""
    late: int = 0
    repeated: int = 0
    """How often a sequence ran again because the machine was held up."""

    def to_json(self) -> dict[str, Any]:
        return {**super().to_json(), "segments": self.segments, "late": self.late, "repeated": self.repeated}
