"""What a check found: counts, confirmations, contradictions; as a value that adds up and as JSON.

An answer is *exact* if the model had one possible answer and the kernel gave it, *allowed* if the model had asked a
named choice in that step and followed the kernel within its range, and a *contradiction* otherwise. A sequence ends
at its first contradiction, because what follows it was not predicted from a known state. A difference that the kernel
does not repeat is no contradiction, and is counted apart.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import attrs

from model.machines import MACHINES, all_rules


@attrs.frozen
class Contradiction:
    """One disagreement between model and kernel, shrunk, with a program that shows the kernel's side of it."""

    seed: int
    step: int
    op: str
    expected: str
    seen: str
    rules: list[str]
    program: str
    ladder: str
    operations: list[str]


@attrs.frozen
class Unrepeatable:
    """A difference where the kernel did not agree with itself when the sequence was played again (repeating.py)."""

    seed: int
    sequence: int
    op: str
    expected: str
    seen: str


@attrs.define
class Report:
    """The result of a check, complete at any moment."""

    seed: int
    kernel: str = ""
    profile: str = ""
    """What the model was: system, release, length of a tick."""
    settings: dict[str, str] = attrs.Factory(dict)
    calls: int = 0
    exact: int = 0
    allowed: int = 0
    sequences: int = 0
    left: int = 0
    """Sequences left early, because whether a timer had fired was open, and what it decides came out otherwise."""
    unrepeatable: list[Unrepeatable] = attrs.Factory(list)
    """Sequences left early, because the kernel did not repeat what it had shown."""
    looked_again: int = 0
    """Calls after which the kernel was not at rest when first looked at, and agreed with the model when it was."""
    contradictions: list[Contradiction] = attrs.Factory(list)
    rules: Counter[str] = attrs.Factory(Counter)
    arrows: Counter[str] = attrs.Factory(Counter)
    choices: dict[str, int] = attrs.Factory(dict)
    """How often each was asked."""
    families: dict[str, dict[str, int]] = attrs.Factory(dict)
    seconds: float = 0.0
    interrupted: bool = False

    @property
    def agreed(self) -> bool:
        return not self.contradictions

    def unconfirmed(self) -> dict[str, str]:
        """Rules that never fired in agreement with the kernel → the reason the rule gives, or an empty string."""
        return {name: rule.unconfirmed for name, rule in all_rules().items() if not self.rules.get(name)}

    def to_json(self) -> dict[str, Any]:
        """The documented shape of `check --json`; every rule and arrow is listed, those never confirmed with 0."""
        rules = {name: self.rules.get(name, 0) for name in sorted(all_rules())}
        arrows = {a.key: 0 for m in MACHINES for rule in m.rules.values() for a in rule.every_arrow()}
        arrows.update(self.arrows)
        return {
            "calls": self.calls, "exact": self.exact, "allowed": self.allowed, "sequences": self.sequences,
            "left": self.left, "unrepeatable": [attrs.asdict(each) for each in self.unrepeatable],
            "looked_again": self.looked_again,
            "contradictions": [attrs.asdict(c) for c in self.contradictions],
            "rules": rules, "arrows": dict(sorted(arrows.items())), "choices": self.choices, "families": self.families,
            "unconfirmed": self.unconfirmed(), "kernel": self.kernel, "profile": self.profile,
            "settings": self.settings, "seed": self.seed, "seconds": round(self.seconds, 3),
            "interrupted": self.interrupted,
        }  # fmt: skip
