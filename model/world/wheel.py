"""The kernel's timer wheel: when a timer fires that was asked for on a certain tick.

The clock of timers is a count of ticks. A timer never fires early, so at the earliest it fires on the tick after the
one that was asked for, because that one may be about to end. One that is farther off fires later than that: the wheel
has levels, each eight times as coarse as the one before, and a timer goes to the first level that reaches as far as its
tick. On level 0 there is a bucket for every tick, on level 1 for every eighth, and all that lie in a bucket fire when
its last tick is over. So a timer of a second is up to eight ticks late and one of a minute up to 512, and how late it
is depends on where the count stands, which is the same for all timers and began before the machine booted.

A timer that is set anew while it lies in the wheel stays where it is if its tick is the same, or its bucket; stopping
one by a mark beside it leaves it there as well. Those of a tick fire the farthest level first, and within a bucket the
one first that came last (`__mod_timer`, `calc_wheel_index`, `enqueue_timer`, `__run_timers`).

Not here: the timers of high resolution, which fire when they are asked to (`Host.set_fine_timer`).
"""

from __future__ import annotations

from typing import NamedTuple

FIRST_LEVEL_TICKS = 63
"""How far level 0 reaches, in ticks; each further level eight times as far."""
LEVEL_BITS = 3
Rank = tuple[int, int, int]
"""Where a timer stands among those of one moment: lowest first."""


class Place(NamedTuple):
    """Where in the wheel a timer lies."""

    asked: int
    """The tick that it was asked for."""
    level: int
    deadline_ns: int
    """When it fires."""
    rank: Rank


def level_of(ticks: int) -> int:
    """The level of a timer that is to fire so many ticks after the wheel's own tick."""
    level, reach = 0, FIRST_LEVEL_TICKS
    while ticks >= reach:
        level, reach = level + 1, reach << LEVEL_BITS
    return level


def firing_tick(asked: int, level: int) -> int:
    """The tick on which a timer of this level fires that was asked for on the tick `asked`."""
    shift = LEVEL_BITS * level
    return ((asked >> shift) + 1) << shift
