"""Out of order: what arrived behind a gap, kept by number until the gap is filled.

The acknowledgements meanwhile tell in SACK blocks what is here, the run with the latest arrival first (RFC 2018 §4);
at most four are remembered. What is here already, whole or in part, is told to be a duplicate (RFC 2883 §4). Kept
segments are charged to the receive buffer like others.

Not here: throwing kept segments away when memory runs short; joining their memory.
"""

from __future__ import annotations

from bisect import insort
from typing import TYPE_CHECKING

import attrs

from ..values.segments import Run, Segment
from . import reserve
from .block import Tcb

if TYPE_CHECKING:
    from ..profiles import Profile

MOST_BLOCKS = 4
"""Runs that are remembered to be told (TCP_NUM_SACKS)."""


def is_here(tcb: Tcb, segment: Segment) -> bool:
    """Whether all of a segment arrived before."""
    return any(begin <= segment.seq and segment.end <= end for begin, end in _runs(tcb))


def keep(tcb: Tcb, segment: Segment, profile: Profile) -> None:
    """Keep a segment that lies behind a gap. What of it is here already is told to be a duplicate; if that is all of
    it, nothing but the order of the blocks changes (`tcp_data_queue_ofo`).
    """
    runs = _runs(tcb)
    for begin, end in runs:
        if begin <= segment.seq < end and (segment.end <= end or begin < segment.seq):
            tcb.duplicate = (segment.seq, min(segment.end, end))
    if not is_here(tcb, segment):
        for begin, end in runs:
            if segment.seq <= begin < segment.end:
                _tell_twice(tcb, begin, min(end, segment.end))
        insort(tcb.out_of_order, segment, key=lambda kept: kept.seq)
        reserve.cover(tcb, segment.truesize, profile)
        reserve.charge_receiving(tcb, segment.truesize)
    _tell(tcb, segment.seq)


def take(tcb: Tcb, told_to: int, profile: Profile) -> Segment | None:
    """What is new of the next segment that no gap separates from what was received; None if there is none. What of it
    lies before `told_to`, where the text ended that filled the gap, came twice, and is told (`tcp_ofo_queue`).
    """
    while tcb.out_of_order and tcb.out_of_order[0].seq <= tcb.rcv_nxt:
        segment = tcb.out_of_order.pop(0)
        reserve.charge_receiving(tcb, -segment.truesize)
        _tell(tcb, None)
        if segment.seq < told_to:
            _tell_twice(tcb, segment.seq, min(segment.end, told_to))
        if segment.end > tcb.rcv_nxt:
            known = tcb.rcv_nxt - segment.seq
            return attrs.evolve(segment, seq=tcb.rcv_nxt, data=segment.data[known:]) if known else segment
        reserve.give_back(tcb, 0, profile)
    return None


def forget(tcb: Tcb, profile: Profile) -> None:
    """Nothing follows a FIN: what was kept behind it goes, and is not told any more (`tcp_fin`)."""
    for kept in tcb.out_of_order:
        reserve.free_receiving(tcb, kept.truesize, profile)
    tcb.out_of_order.clear()
    tcb.sack_blocks = []
    tcb.duplicate = None


def _runs(tcb: Tcb) -> list[Run]:
    """What is kept, as stretches without a seam: segments that touch are one, as the kernel merges them."""
    runs: list[Run] = []
    for kept in tcb.out_of_order:
        if runs and kept.seq <= runs[-1][1]:
            runs[-1] = (runs[-1][0], max(runs[-1][1], kept.end))
        else:
            runs.append((kept.seq, kept.end))
    return runs


def _tell_twice(tcb: Tcb, begin: int, end: int) -> None:
    """The stretch came twice: it joins one that is to be told and that it touches, or is told if there is none."""
    if tcb.duplicate is None:
        tcb.duplicate = (begin, end)
    elif begin <= tcb.duplicate[1] and tcb.duplicate[0] <= end:
        tcb.duplicate = (min(begin, tcb.duplicate[0]), max(end, tcb.duplicate[1]))


def _tell(tcb: Tcb, latest: int | None) -> None:
    """Make the blocks anew: the run that holds the latest arrival first, the others as they were told before."""
    runs = _runs(tcb)
    told = [] if latest is None else [latest]
    told += [begin for begin, _ in tcb.sack_blocks]
    ordered = [run for begin in told for run in runs if run[0] <= begin < run[1]]
    tcb.sack_blocks = list(dict.fromkeys(ordered))[:MOST_BLOCKS]
