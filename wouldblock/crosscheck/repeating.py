"""Does the kernel repeat itself? A difference counts against the model only if it does.

The kernel is far more deterministic than its reputation, but some of what it does hangs on microseconds: whether a run
of segments waits for one more acknowledgement is decided by measured round trips. So a sequence that differs is played
again, on fresh sockets and at the same pace. If the kernel shows the same at every step each time, the model is wrong.
If it does not agree with itself, no model could have foretold it: the sequence is counted apart, with what differed,
and is left there.

A sequence that is equal is never played again. What a rule gets wrong, it gets wrong each time.

Not here: shrinking, which plays sequences again for another reason (shrink.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from model.values.observation import Observation
from realnet.joined import whose

from .operations import Operation
from .pair import Pair, Step
from .places import home_address

if TYPE_CHECKING:
    from .walk import Walk

TIMES = 6
"""How often the kernel has to show the same, the first time included: it may hang between two ways like a coin."""
_FIRST_EPHEMERAL = 32_768

Shown = tuple[Any, tuple[Observation, ...]]


def repeats(steps: list[Step], run: Walk) -> bool:
    """Whether the kernel shows what it showed in these steps as often as it is asked."""
    operations = [step.op for step in steps]
    first = named([(step.kernel, step.kernel_seen) for step in steps])
    return all(_again(operations, run) == first for _ in range(TIMES - 1))


def _again(operations: list[Operation], run: Walk) -> list[Shown]:
    run.number += 1
    pair = Pair(home_address(run.number), 0, run.diag, run.page)
    shown: list[Shown] = []
    try:
        for op in operations:
            if not pair.model.has_all(op):
                break
            step = pair.step(op)
            shown.append((step.kernel, step.kernel_seen))
    finally:
        pair.close()
    return named(shown)


def named(shown: list[Shown]) -> list[Shown]:
    """What was shown, with ports that the system drew by the order in which they show."""
    return _Names().over(shown)


class _Names:
    """Ports that the system drew, by the order in which they show."""

    def __init__(self) -> None:
        self._ports: dict[int, str] = {}

    def over(self, shown: list[Shown]) -> list[Shown]:
        return [(self._named(answer), seen) for answer, seen in shown]

    def _named(self, answer: Any) -> Any:
        match answer:
            case (str(ip), int(port)):
                drawn = port >= _FIRST_EPHEMERAL
                name = self._ports.setdefault(port, f"port#{len(self._ports) + 1}") if drawn else str(port)
                return ("home" if ip.startswith("127.") else whose(ip), name)
            case tuple() | list():
                return [self._named(item) for item in answer]
        return answer
