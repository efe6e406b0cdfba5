"""Random programs on the model alone: the operations of the cross-check, time that passes, and no kernel.

A draw gives the numbers, as in the walk: a seeded one for tests of determinism, Hypothesis' own for properties.

Run as a program, it writes the traces of one seed to standard output, one program of each family:

    python -m tests.model.programs 7

and whoever compares them byte by byte sees whether anything but the seed had a say. So it imports nothing that one
Python version has and another lacks.

Not here: what the operations are (wouldblock/crosscheck/operations.py); expectations.
"""

from __future__ import annotations

import sys

from model.choices import Seeded
from model.profiles import MS
from model.rules import ModelDefect
from model.trace import Trace
from model.values.results import Block
from model.world.host import Host
from model.world.world import World
from wouldblock.crosscheck.arms import ModelArm
from wouldblock.crosscheck.operations import FAMILIES, Draw, Operation, next_operation, prelude

HOME = "127.1.1.1"
WAITS_MS = (1, 10, 50, 250, 1500, 70_000)


class Program:
    """A program that is made up as it goes."""

    def __init__(self, family: str, draw: Draw, seed: int = 0, trace: Trace | None = None) -> None:
        self.family, self.draw = family, draw
        self.host: Host = World(seed=seed, trace=trace).host
        self.arm = ModelArm(HOME, self.host)
        self._begin = prelude(family, draw)

    def step(self) -> Operation:
        """One more operation, or some time that passes."""
        if self._begin:
            operation = self._begin.pop(0)
        elif self.draw(8) == 7:
            operation = ("pause", WAITS_MS[self.draw(len(WAITS_MS))])
            self.host.sleep_until(self.host.now_ns + operation[1] * MS)
        else:
            operation = next_operation(self.family, self.arm.sockets(), self.host, self.draw)
        if self.arm.has_all(operation):
            answer = self.arm.perform(operation)
            assert not isinstance(answer, Block)
        return operation

    def close(self) -> None:
        """Close every descriptor, and let ten minutes pass."""
        for number in tuple(self.arm.fds):
            self.arm.perform(("close", number))
        for number in tuple(self.arm.epolls):
            self.arm.perform(("drop", number))
        self.host.sleep_until(self.host.now_ns + 600_000 * MS)


def seeded(family: str, seed: int, length: int = 200) -> Trace:
    """The trace of the program that this seed gives. A defect of the model ends it, at the same place every time."""
    trace = Trace("model", seed=seed, family=family)
    source = Seeded(seed)
    program = Program(family, lambda most: source.draw() % most, seed, trace)
    try:
        for _ in range(length):
            program.step()
        program.close()
    except ModelDefect:
        pass
    return trace


def main(seed: int) -> None:
    for family in FAMILIES:
        seeded(family, seed).write(sys.stdout)


if __name__ == "__main__":
    main(int(sys.argv[1]))
