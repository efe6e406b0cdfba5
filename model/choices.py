"""The named choices: where the kernel is free, the rule asks, and who answers decides what the model is.

A rule asks ``host.choose(CHOICE, low, high, predicted, subject)``: the answer may be any whole number from `low` to
`high`, and `predicted` is the model's own best guess. Four kinds of policy can answer:

- `Seeded` takes the prediction, or draws from a seed where there is none: a deterministic simulator;
- `Follow` takes what the kernel was seen to do if it lies in the range, else reports a contradiction: a checker;
- an enumerating policy branches over the range: an explorer;
- a drawing policy lets Hypothesis pick, so that choices shrink with the program.

All four are the one-method interface `Policy`. A choice whose range has a single value is never asked: it is no choice,
and the answer counts as exact.

Not here: enumerating (it belongs to the explorer) and drawing (to the tests).
"""

from __future__ import annotations

from typing import Protocol

import attrs


@attrs.frozen(eq=False)
class Choice:
    """A point at which a system is free. `reason` says why the model cannot know the answer."""

    name: str
    reason: str


EPHEMERAL_PORT = Choice(
    "ephemeral_port", "ports for port 0 are drawn with a secret that the kernel makes at boot (RFC 6056)"
)
NEVER_ALL_PORTS = "the cross-check never uses up all 28,232 ports; tests/netsem does, where there are two"
"""Why rules about a range of ports that is used up are not confirmed."""
SECRET = Choice(
    "secret",
    "initial sequence numbers, and from where timestamps count, are hashes with a secret of the kernel (RFC 6528)",
)
INITIAL_SEQUENCE = Choice(
    "initial_sequence", "initial sequence numbers are a keyed hash of clock and addresses (RFC 6528)"
)
TIMER_HAS_FIRED = Choice(
    "timer_has_fired",
    "real time passed between two calls and the deadline of a kernel timer lies in that interval, to within its tick",
)
NEXT_THREAD = Choice("next_thread", "of the threads that could run, a system may let any go on (sched(7))")
FIRST_TO_TRY = Choice(
    "first_to_try",
    "those whom one event wakes race for what has come: the first to be woken need not be the first to run (sched(7))",
)

CHOICES = (EPHEMERAL_PORT, SECRET, INITIAL_SEQUENCE, TIMER_HAS_FIRED, NEXT_THREAD, FIRST_TO_TRY)


class Policy(Protocol):
    """Who answers a choice."""

    def choose(self, choice: Choice, low: int, high: int, predicted: int | None, subject: object) -> int:
        """A whole number from `low` to `high`."""
        ...


class Seeded:
    """The default policy: the prediction where the model has one, else a draw from a seed.

    The generator is the 64-bit mixing step known as splitmix64, written out so that the same seed gives the same run on
    every Python version.
    """

    def __init__(self, seed: int) -> None:
        self._state = seed & 0xFFFFFFFFFFFFFFFF

    def choose(self, choice: Choice, low: int, high: int, predicted: int | None, subject: object) -> int:
        if predicted is not None:
            return predicted
        return low + self.draw() % (high - low + 1)

    def draw(self) -> int:
        """The next 64-bit number."""
        self._state = (self._state + 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
        z = self._state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
        return z ^ (z >> 31)

    def clone(self) -> Seeded:
        return Seeded(self._state)
