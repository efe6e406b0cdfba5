"""When a step may be made: far enough from every timer that the kernel fires it on the same side of the step.

The model fires a timer at its tick. The kernel keeps timers in a wheel that is coarser the farther off they are: one of
`FINE_TICKS` ticks or more goes off up to an eighth of its length late, and never early (`calc_wheel_index`). What is
set anew as it goes off inherits its lateness. So each timer is followed from the moment when it is first seen, and a
step is made before the earliest moment of the next one, or after the latest moment of those that went off.

Not here: what is done in a step (generating.py).
"""

from __future__ import annotations

from model.profiles import LINUX
from wouldblock.packetscript.arm import Ends
from wouldblock.packetscript.simulation import START_NS, Simulation

from .steps import MS

CLEAR_BEFORE_NS, CLEAR_AFTER_NS = 8 * MS, 45 * MS
"""No step is made so shortly before a timer, or so shortly after one, whatever its length."""
FINE_TICKS = 63
_LEVELS, _LEVEL_BITS, _SLOTS = 9, 3, 63


class Watched(Simulation):
    """The model, with an eye on its timers."""

    def __init__(self, ends: Ends) -> None:
        super().__init__(ends)
        self._set_ns: dict[int, int] = {}
        """Deadline → since when it is known."""
        self._late_ns: dict[int, int] = {}
        """Deadline → by how much the kernel's may be later before its own lateness, because it was set late."""
        self._calm_ns = 0
        """From when on all timers that went off have gone off in the kernel too."""

    def step(self, until_ns: int) -> bool:
        deadline = self.host.next_deadline()
        due = deadline is not None and deadline <= until_ns + START_NS
        happened = super().step(until_ns)
        late = 0
        if due and deadline is not None:
            late = self._late_ns.pop(deadline, 0) + coarseness_ns(deadline - self._set_ns.pop(deadline, deadline))
            self._calm_ns = max(self._calm_ns, deadline + late + CLEAR_AFTER_NS)
        self.watch(late)
        return happened

    def watch(self, late_ns: int = 0) -> None:
        """Note timers that are new; what set them may come `late_ns` later in the kernel."""
        for deadline, *_ in self.host.timers:
            if deadline not in self._set_ns:
                self._set_ns[deadline], self._late_ns[deadline] = self.host.now_ns, late_ns

    def next_moment(self, least_ms: int) -> int:
        """Let at least `least_ms` pass, and then as long as it takes to be far from all timers. How long it was."""
        began = self.host.now_ns
        end = began + least_ms * MS
        while True:
            self.watch()
            deadline = self.host.next_deadline()
            if deadline is not None and deadline < end + CLEAR_BEFORE_NS:
                self.step(deadline - START_NS)
                end = max(end, -(-(self.host.now_ns - began) // MS) * MS + began)
            elif end < self._calm_ns:
                end = began - (began - self._calm_ns) // MS * MS
            else:
                break
        while self.step(end - START_NS):
            pass
        return (end - began) // MS


def coarseness_ns(length_ns: int) -> int:
    """By how much a timer of this length may go off late in the kernel's wheel."""
    ticks = length_ns // LINUX.jiffy_ns
    for level in range(_LEVELS):
        if ticks < _SLOTS << (_LEVEL_BITS * level):
            return ((1 << (_LEVEL_BITS * level)) if level else 0) * LINUX.jiffy_ns
    return LINUX.jiffy_ns << (_LEVEL_BITS * _LEVELS)
