"""A sequence on both arms: the kernel first, then the model at the moments of the kernel's steps.

A difference may be one of time only, and is *doubtful* then: a step was more than a tick late, a step was made just
after a timer that the kernel may fire a tick late, or the model itself shows something else if its steps are made
fractions of a millisecond later or earlier.

Not here: many sequences (walking.py).
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from random import Random

import attrs

from model.profiles import LINUX
from model.rules import Arrow
from model.trail import CountedTrail
from wouldblock.packetscript.kernel import RunningKernel
from wouldblock.packetscript.simulation import Simulation

from .comparing import Difference, first_difference
from .playing import ENDS, Play, follow, play
from .steps import Sequence

LATE_NS = LINUX.jiffy_ns
NEAR_NS = 2 * LINUX.jiffy_ns
UNKNOWN_NS = 60_000
"""The kernel may have done a step so much later than it was seen to."""
VARIANTS = 6
ATTEMPTS = 3


@attrs.frozen
class Trial:
    """What came of it. `fired` are the arrows of the model."""

    model: Play
    kernel: Play
    fired: Counter[Arrow]
    difference: Difference | None
    doubtful: bool


def on_model(sequence: Sequence, kernel: Play | None = None) -> tuple[Play, Counter[Arrow]]:
    """What the model shows, at the moments of `kernel` if given, and the arrows that fired.

    Raises `Beyond` where it has no answer.
    """
    arm = Simulation(ENDS)
    trail = arm.host.trail = CountedTrail()
    played = play(arm, sequence) if kernel is None else follow(arm, sequence, kernel)
    return played, trail.so_far()


def trial(sequence: Sequence) -> Trial:
    """Play it. Raises `Beyond` where the model has no answer, and `realnet.NamespaceRefused`."""
    kernel = play(RunningKernel(ENDS), sequence)
    model, fired = on_model(sequence, kernel)
    found = first_difference(sequence, model.seen, kernel.seen)
    return Trial(model, kernel, fired, found, found is not None and _doubtful(sequence, model, kernel))


def judged(sequence: Sequence) -> tuple[Trial, int]:
    """Play it, and again while its difference is doubtful, at most `ATTEMPTS` times in all.

    The last trial, and how many there were. Raises like `trial`.
    """
    tried, plays = trial(sequence), 1
    while tried.doubtful and plays < ATTEMPTS:
        tried, plays = trial(sequence), plays + 1
    return tried, plays


def _doubtful(sequence: Sequence, model: Play, kernel: Play) -> bool:
    if kernel.late_ns > LATE_NS or model.nearest_ns < NEAR_NS:
        return True
    dice = Random(0)
    for _ in range(VARIANTS):
        moments = [at_ns + dice.randrange(UNKNOWN_NS) for at_ns in kernel.moments_ns]
        assert all(one < two for one, two in pairwise(moments))
        if on_model(sequence, attrs.evolve(kernel, moments_ns=moments))[0].seen != model.seen:
            return True
    return False
