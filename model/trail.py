"""A trail that counts: how often each arrow of the rules fired, although the trail is cleared again and again.

A host clears its trail before every call, because the trace wants the rules of one call. Who wants all of them puts
such a list in its place.

Not here: what fires arrows (rules.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from .rules import Arrow


class CountedTrail(list[Arrow]):
    """A trail of arrows; `fired` counts those that were cleared from it."""

    def __init__(self) -> None:
        super().__init__()
        self.fired: Counter[Arrow] = Counter()

    def clear(self) -> None:
        self.fired.update(self)
        super().clear()

    def so_far(self) -> Counter[Arrow]:
        """All that fired, those that are still on the trail too."""
        return self.fired + Counter(self)


def by_name(fired: Mapping[Arrow, int]) -> tuple[Counter[str], Counter[str]]:
    """The same by name of the rule, each time once, and by key of the arrow: a view's arrow is of the rule as well."""
    rules: Counter[str] = Counter()
    arrows: Counter[str] = Counter()
    for arrow, times in fired.items():
        arrows[arrow.key] += times
        if arrow.machine == arrow.rule.machine:
            rules[arrow.rule.name] += times
    return rules, arrows
