"""Out of order: what arrived behind a gap, kept by number until the gap is filled.

The acknowledgements meanwhile tell in SACK blocks what is here, the run with the latest arrival first (RFC 2018 §4).
Kept segments are charged to the receive buffer like others.

Not here: throwing kept segments away when memory runs short.
"""

from __future__ import annotations

from bisect import insort

from ..values.segments import Run, Segment
from .block import Tcb


def keep(tcb: Tcb, segment: Segment) -> None:
    """Keep a segment that lies behind a gap; one that is here already changes nothing but the order of the blocks."""
    if not any(kept.seq <= segment.seq and segment.end <= kept.end for kept in tcb.out_of_order):
        insort(tcb.out_of_order, segment, key=lambda kept: kept.seq)
        tcb.rmem += segment.truesize
    _tell(tcb, segment.seq)


def take(tcb: Tcb) -> Segment | None:
    """The next segment that no gap separates from what was received; None if there is none."""
    if not tcb.out_of_order or tcb.out_of_order[0].seq > tcb.rcv_nxt:
        return None
    segment = tcb.out_of_order.pop(0)
    tcb.rmem -= segment.truesize
    _tell(tcb, None)
    return segment


def _tell(tcb: Tcb, latest: int | None) -> None:
    """Make the blocks anew: the run that holds the latest arrival first, the others as they were told before."""
    runs: list[Run] = []
    for kept in tcb.out_of_order:
        if runs and kept.seq <= runs[-1][1]:
            runs[-1] = (runs[-1][0], max(runs[-1][1], kept.end))
        else:
            runs.append((kept.seq, kept.end))
    told = [] if latest is None else [latest]
    told += [begin for begin, _ in tcb.sack_blocks]
    ordered = [run for begin in told for run in runs if run[0] <= begin < run[1]]
    tcb.sack_blocks = list(dict.fromkeys([*ordered, *runs]))
