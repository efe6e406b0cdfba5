"""Two plays of a sequence beside each other: the first step at which they differ, and what kind of difference it is.

Everything that a step showed counts: the answer of a call, every segment sent before and after it, and what the socket
says of itself. Behind the first difference the two are in different states, so nothing more is compared.

The *kind* is a short name without numbers, so that differences with one cause fall together.

Not here: playing (playing.py), counting (report.py).
"""

from __future__ import annotations

from collections.abc import Sequence as Ordered
from itertools import pairwise, zip_longest

import attrs

from .playing import AFTER, BEFORE, Seen
from .steps import Sequence

_LOOKS = ("poll", "bytes to read", "bytes not acknowledged", "state")


@attrs.frozen
class Difference:
    """Where the arms part. `model` and `kernel` are what differs, as text."""

    kind: str
    step: int
    model: str
    kernel: str


def first_difference(sequence: Sequence, model: Ordered[Seen], kernel: Ordered[Seen]) -> Difference | None:
    """The first one, or None."""
    for at, (ours, theirs) in enumerate(zip(model, kernel, strict=True)):
        if ours.sent != theirs.sent:
            return _sent(at, ours.sent, theirs.sent)
        if ours.answer != theirs.answer:
            name = sequence.steps[at].text.partition("(")[0]
            return Difference(f"answer of {name}", at, ours.answer, theirs.answer)
        for look, one, two in zip(_LOOKS, ours.state, theirs.state, strict=True):
            if one != two:
                return Difference(f"look: {look}", at, one, two)
    return None


def segments(seen: Ordered[Seen]) -> int:
    """How many packets the party sent."""
    return sum(text not in {BEFORE, AFTER} for each in seen for text in each.sent)


def _sent(at: int, model: tuple[str, ...], kernel: tuple[str, ...]) -> Difference:
    when = "as time passes"
    for one, two in zip_longest(model, kernel):
        if one != two:
            break
        if one == AFTER:
            when = "in answer"
    return Difference(f"segment {when}: {_part(one, two)}", at, _or_nothing(one), _or_nothing(two))


def _or_nothing(text: str | None) -> str:
    return "nothing" if text is None or text == AFTER else text


def _part(one: str | None, two: str | None) -> str:
    if one is None or one == AFTER:
        return "only the kernel sends one"
    if two is None or two == AFTER:
        return "only the model sends one"
    names = ("flags", "text", "acknowledgement", "window", "options")
    for name, left, right in zip(names, _parts(one), _parts(two), strict=True):
        if left != right:
            return name
    return "the rest"


def _parts(text: str) -> tuple[str, ...]:
    """Flags, text, acknowledgement, window and options of a segment as the language writes it."""
    plain, _, options = text.partition(" <")
    words = plain.removeprefix("> ").split()
    after = dict(pairwise(words))
    return words[0], words[1] if len(words) > 1 else "", after.get("ack", ""), after.get("win", ""), options
