"""What a walk with a scripted peer found, as a value that is complete at any moment, and as JSON.

A sequence is *equal* if all its steps showed the same on both arms, *different* if not, *late* if it differed and the
machine was held up while it ran, each time it was tried. Late sequences say nothing and are counted apart. Rules and
arrows count only what fired on the model in equal sequences: the kernel did the same there.

Not here: how it looks (wouldblock/peerchecking.py).
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import attrs

from model.machines import MACHINES, all_rules


@attrs.frozen
class Found:
    """One difference. `script` is a packet script that shows it, empty where the language has no words for it."""

    seed: int
    kind: str
    step: str
    model: str
    kernel: str
    steps: list[str]
    script: str = ""
    again: bool | None = None
    """Whether it was seen again when the sequence was played again; None if that was not tried."""


@attrs.define
class PeerReport:
    """The result of a walk."""

    seed: int
    kernel: str = ""
    settings: dict[str, str] = attrs.Factory(dict)
    sequences: int = 0
    steps: int = 0
    segments: int = 0
    """Packets of the party that were compared, those of equal sequences."""
    equal: int = 0
    late: int = 0
    repeated: int = 0
    """How often a sequence ran again because the machine was held up."""
    differences: list[Found] = attrs.Factory(list)
    rules: Counter[str] = attrs.Factory(Counter)
    arrows: Counter[str] = attrs.Factory(Counter)
    seconds: float = 0.0
    interrupted: bool = False

    @property
    def agreed(self) -> bool:
        return not self.differences

    def kinds(self) -> dict[str, list[int]]:
        """Kind of difference → the seeds that showed it, the most frequent kind first."""
        found: dict[str, list[int]] = {}
        for each in self.differences:
            found.setdefault(each.kind, []).append(each.seed)
        return dict(sorted(found.items(), key=lambda item: -len(item[1])))

    def unconfirmed(self) -> dict[str, str]:
        """Rules that never fired in an equal sequence → the reason the rule gives, or an empty string."""
        return {name: rule.unconfirmed for name, rule in all_rules().items() if not self.rules.get(name)}

    def to_json(self) -> dict[str, Any]:
        """The documented shape of `check --peer --json`; every rule and arrow is listed, those never confirmed with
        0.
        """
        arrows = {a.key: 0 for m in MACHINES for rule in m.rules.values() for a in rule.every_arrow()}
        arrows.update(self.arrows)
        return {
            "calls": self.steps, "sequences": self.sequences, "segments": self.segments, "equal": self.equal,
            "different": len(self.differences), "late": self.late, "repeated": self.repeated,
            "kinds": self.kinds(), "contradictions": [attrs.asdict(each) for each in self.differences],
            "rules": {name: self.rules.get(name, 0) for name in sorted(all_rules())},
            "arrows": dict(sorted(arrows.items())), "unconfirmed": self.unconfirmed(), "kernel": self.kernel,
            "settings": self.settings, "seed": self.seed, "seconds": round(self.seconds, 3),
            "interrupted": self.interrupted,
        }  # fmt: skip
