"""A sequence of operations on the kernel alone, with what it showed and when; to be compared with later.

Without a model in between, a thousand calls take as long as forty with one, so hardly a timer of the kernel's fires
among them that is not waited for. `Recording` stands in for the kernel's arm, so that a pair can follow it afterwards.

Not here: comparing (pair.py, agreement.py).
"""

from __future__ import annotations

from typing import Any

import attrs

from model.values.observation import Observation
from realnet.page import FreshPage

from .arms import DRAWS_PORT
from .operations import Operation
from .places import LOOPBACK, Place


@attrs.frozen
class Shown:
    """One operation, what the kernel answered, and what could be seen of every open socket then."""

    op: Operation
    answer: Any
    seen: tuple[Observation, ...]
    began_ns: int
    ended_ns: int
    looked_ns: int
    port: int
    """The local port of the socket, after an operation that may draw one; else 0."""
    trips_us: tuple[int, ...]
    """The round trip that each socket's receiver had measured then."""


def record(operations: list[Operation], home: str, page: FreshPage, place: Place = LOOPBACK) -> list[Shown]:
    """Perform them on fresh sockets. Those that name a socket which the kernel did not give are left out."""
    page.turn()
    arm = place.kernel(home)
    found: list[Shown] = []
    try:
        for op in operations:
            if not arm.has_all(op):
                continue
            answer = arm.perform(op)
            seen = tuple(arm.observe())
            port = arm.local_port(op[1]) if op[0] in DRAWS_PORT else 0
            found.append(Shown(op, answer, seen, arm.began_ns, arm.ended_ns, arm.looked_ns, port, arm.trips_us))
    finally:
        arm.close()
    return found


class Recording:
    """Shows again what was recorded, operation by operation."""

    rests_s = ()
    """It cannot be looked at twice."""

    def __init__(self, shown: list[Shown]) -> None:
        self._rest = iter(shown)
        self._now: Shown | None = None

    @property
    def now(self) -> Shown:
        assert self._now is not None
        return self._now

    @property
    def began_ns(self) -> int:
        return self.now.began_ns

    @property
    def ended_ns(self) -> int:
        return self.now.ended_ns

    @property
    def looked_ns(self) -> int:
        return self.now.looked_ns

    @property
    def trips_us(self) -> tuple[int, ...]:
        return self.now.trips_us

    def perform(self, op: Operation) -> Any:
        self._now = next(self._rest)
        assert self.now.op == op, "a recording is followed in its own order"
        return self.now.answer

    def observe(self) -> list[Observation]:
        return list(self.now.seen)

    def local_port(self, number: int) -> int:
        return self.now.port

    def close(self) -> None:
        """Nothing is open."""
