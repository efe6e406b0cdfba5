"""Shrinking: from a sequence that contradicts to the shortest that still does, and to a program anyone can run.

Operations are dropped in ever smaller runs, then their sizes are made smaller, and each candidate is run again from
the start on both arms: what is left contradicts for itself. The program uses only the standard library; its last line
prints what the kernel says.

Not here: Hypothesis' own shrinking, which the tests use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .operations import SOCKETLESS, Operation, describe
from .pair import Pair, Step
from .program import ladder, program
from .report import Contradiction

if TYPE_CHECKING:
    from .walk import Walk

ATTEMPTS = 400


def replay(operations: list[Operation], run: Walk) -> list[Step]:
    """The steps of these operations on fresh arms, up to the first contradiction or to where the model cannot follow
    any more; impossible operations are left out.
    """
    from .walk import home_address

    run.number += 1
    pair = Pair(home_address(run.number), 0, run.diag, run.page)
    steps: list[Step] = []
    try:
        for op in operations:
            if not _possible(op, pair):
                continue
            steps.append(pair.step(op))
            if steps[-1].wrong is not None or steps[-1].left:
                break
    finally:
        pair.close()
    return steps


def _possible(op: Operation, pair: Pair) -> bool:
    fds = pair.model.fds
    if op[0] in SOCKETLESS:
        return True
    return op[1] in fds and all(not (isinstance(a, tuple) and a[0] == "of" and a[1] not in fds) for a in op[2:])


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
    """Leave out a run of operations; sockets made behind it are numbered anew, and uses of sockets no longer made are
    dropped.
    """
    kept: list[Operation] = []
    numbers: dict[int, int] = {}
    old = new = 0
    for index, op in enumerate(operations):
        makes = op[0] in ("tcp", "udp", "accept")
        dropped = at <= index < at + size
        if makes:
            old += 1
        if dropped:
            continue
        renamed = _rename(op, numbers)
        if renamed is None:
            continue
        if makes:
            new += 1
            numbers[old] = new
        kept.append(renamed)
    return kept


def _rename(op: Operation, numbers: dict[int, int]) -> Operation | None:
    if op[0] in SOCKETLESS:
        return op
    result: list[Any] = [op[0]]
    for position, arg in enumerate(op[1:]):
        if position == 0:
            if arg not in numbers:
                return None
            result.append(numbers[arg])
        elif isinstance(arg, tuple) and arg[0] == "of":
            if arg[1] not in numbers:
                return None
            result.append(("of", numbers[arg[1]]))
        else:
            result.append(arg)
    return tuple(result)


def _simpler(op: Operation) -> list[Operation]:
    if op[0] in ("send", "recv", "sendto", "recvfrom") and op[2] > 1:
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
