"""Shrinking: from a sequence that contradicts to the shortest that still does, and to a program anyone can run.

Operations are dropped in ever smaller runs, then their sizes are made smaller, and each candidate is run again from
the start on both arms: what is left contradicts for itself. The program uses only the standard library; its last line
prints what the kernel says.

Not here: Hypothesis' own shrinking, which the tests use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .operations import MAKES_EPOLL, MAKES_SOCKET, OF_EPOLL, SOCKETLESS, Operation, describe, references, refers
from .pair import Pair, Step
from .places import home_address
from .program import ladder, program
from .report import Contradiction

if TYPE_CHECKING:
    from .walk import Walk

ATTEMPTS = 400


def replay(operations: list[Operation], run: Walk) -> list[Step]:
    """The steps of these operations on fresh arms, up to the first contradiction or to where the model cannot follow
    any more; impossible operations are left out.
    """
    run.number += 1
    pair = Pair(home_address(run.number), 0, run.diag, run.page)
    steps: list[Step] = []
    try:
        for op in operations:
            if not pair.model.has_all(op):
                continue
            steps.append(pair.step(op))
            if steps[-1].wrong is not None or steps[-1].left:
                break
    finally:
        pair.close()
    return steps


def shrink(steps: list[Step], run: Walk) -> list[Step]:
    """The shortest sequence found that still ends in a contradiction."""
    best = steps
    budget = ATTEMPTS
    size = max(len(best) // 2, 1)
    while size and budget > 0:
        at = 0
        smaller = False
        while at < len(best) and budget > 0:
            budget -= 1
            operations = [step.op for step in best]
            found = replay(_without(operations, at, size), run)
            if found and found[-1].wrong is not None and len(found) < len(best):
                best, smaller = found, True
            else:
                at += size
        size = size if smaller and size == 1 else size // 2
    for at in range(len(best)):
        for op in _simpler(best[at].op) if at < len(best) else ():
            if budget <= 0:
                return best
            budget -= 1
            operations = [s.op for s in best]
            operations[at] = op
            found = replay(operations, run)
            if found and found[-1].wrong is not None and len(found) <= len(best):
                best = found
                break
    return best


def _without(operations: list[Operation], at: int, size: int) -> list[Operation]:
    """Leave out a run of operations; what is made behind it is numbered anew, and uses of what is no longer made are
    dropped.
    """
    kept: list[Operation] = []
    numbers: dict[tuple[str, int], int] = {}
    old = {"of": 0, "epoll": 0}
    new = {"of": 0, "epoll": 0}
    for index, op in enumerate(operations):
        kind = "epoll" if op[0] in MAKES_EPOLL else "of"
        makes = op[0] in (*MAKES_SOCKET, *MAKES_EPOLL)
        if makes:
            old[kind] += 1
        if at <= index < at + size or not all(used in numbers for used in references(op)):
            continue
        kept.append(_rename(op, numbers))
        if makes:
            new[kind] += 1
            numbers[kind, old[kind]] = new[kind]
    return kept


def _rename(op: Operation, numbers: dict[tuple[str, int], int]) -> Operation:
    if op[0] in SOCKETLESS:
        return op
    first = numbers["epoll" if op[0] in OF_EPOLL else "of", op[1]]
    return (op[0], first, *((arg[0], numbers[arg]) if refers(arg) else arg for arg in op[2:]))


_SIZED = frozenset(
    "send recv sendto recvfrom sendmore sendmoreto sendmsg recvmsg sendurgent recvurgent peek measure".split()
)
"""Operations whose third part is a size."""


def _simpler(op: Operation) -> list[Operation]:
    if op[0] in _SIZED and op[2] > 1:
        return [(op[0], op[1], size, *op[3:]) for size in (1, 100, 1000, 10_000) if size < op[2]]
    return []


def shrunk(steps: list[Step], run: Walk) -> list[Step]:
    """The same; Ctrl-C ends it, and what was found is not lost, only not made shorter."""
    try:
        return shrink(steps, run)
    except KeyboardInterrupt:
        run.report.interrupted = True
        return steps


def contradiction(best: list[Step], seed: int, number: int) -> Contradiction:
    """Describe a sequence that contradicts."""
    last = best[-1]
    assert last.wrong is not None
    expected, seen = last.wrong
    return Contradiction(
        seed=seed,
        step=number,
        op=last.line(),
        expected=expected,
        seen=seen,
        rules=[arrow.rule.name for arrow in last.arrows],
        program=program(best),
        ladder=ladder(best),
        operations=[describe(step.op) for step in best],
    )
