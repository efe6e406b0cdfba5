"""Out of order: what arrived behind a gap, kept by number until the gap is filled.

The acknowledgements meanwhile tell in SACK blocks what is here, the run with the latest arrival first (RFC 2018 §4);
at most four are remembered. What is here already, whole or in part, is told to be a duplicate (RFC 2883 §4). Kept
segments are charged to the receive buffer like others.

Not here: throwing kept segments away when memory runs short; joining their memory.
"""

from __future__ import annotations

from bisect import insort

from ..values.segments import Run, Segment
from .block import Tcb

MOST_BLOCKS = 4
"""Runs that are remembered to be told (TCP_NUM_SACKS)."""


def keep(tcb: Tcb, segment: Segment) -> None:
    """Keep a segment that lies behind a gap, and what it covers no longer (`tcp_data_queue_ofo`)."""
    here = tcb.out_of_order
    for kept in here:
        if kept.seq <= segment.seq < kept.end:
            if segment.end <= kept.end:
                _note_twice(tcb, segment.seq, segment.end)
                _tell(tcb, segment.seq)
                return
            if segment.seq > kept.seq:
                tcb.duplicate = (segment.seq, kept.end)
    for kept in [kept for kept in here if segment.seq <= kept.seq < segment.end]:
        _note_twice(tcb, kept.seq, min(kept.end, segment.end))
        if kept.end <= segment.end:
            here.remove(kept)
            tcb.rmem -= kept.truesize
    insort(here, segment, key=lambda kept: kept.seq)
    tcb.rmem += segment.truesize
    _tell(tcb, segment.seq)


def _note_twice(tcb: Tcb, begin: int, end: int) -> None:
    """These bytes arrived twice: tell it, with what is to be told of neighbouring ones."""
    if tcb.duplicate and begin <= tcb.duplicate[1] and tcb.duplicate[0] <= end:
        tcb.duplicate = (min(begin, tcb.duplicate[0]), max(end, tcb.duplicate[1]))
    else:
        tcb.duplicate = (begin, end)


def take(tcb: Tcb) -> Segment | None:
    """The next segment that no gap separates from what was received; None if there is none."""
    if not tcb.out_of_order or tcb.out_of_order[0].seq > tcb.rcv_nxt:
        return None
    segment = tcb.out_of_order.pop(0)
    tcb.rmem -= segment.truesize
    _tell(tcb, None)
    return segment


def _tell(tcb: Tcb, latest: int | None) -> None:
    """Make the blocks anew: the run with the latest arrival first, then the others as they were told before."""
    runs: list[Run] = []
    for kept in tcb.out_of_order:
        if runs and kept.seq <= runs[-1][1]:
            runs[-1] = (runs[-1][0], max(runs[-1][1], kept.end))
        else:
            runs.append((kept.seq, kept.end))
    told = [] if latest is None else [latest]
    told += [begin for begin, _ in tcb.sack_blocks]
    ordered = [run for begin in told for run in runs if run[0] <= begin < run[1]]
    tcb.sack_blocks = list(dict.fromkeys(ordered))[:MOST_BLOCKS]
