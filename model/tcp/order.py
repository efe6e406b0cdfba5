"""Out of order: what arrived behind a gap, kept by number until the gap is filled.

The acknowledgements meanwhile tell in SACK blocks what is here, the run with the latest arrival first (RFC 2018 §4);
at most four are remembered. What is here already, whole or in part, is told to be a duplicate (RFC 2883 §4). Kept
segments are charged to the receive buffer like others. If memory runs short they are copied into less of it, and if
that does not help thrown away, the last one first; whoever sent them does not know, and is told of none any more.

Not here: joining their memory.
"""

from __future__ import annotations

import itertools
from bisect import insort
from collections import deque
from typing import TYPE_CHECKING

import attrs

from ..values.constants import TcpFlag
from ..values.segments import Run, Segment
from . import reserve
from .block import Tcb
from .windows import window_from_space

if TYPE_CHECKING:
    from ..profiles import Profile

_FIN = int(TcpFlag.FIN)
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


def collapse(tcb: Tcb, profile: Profile) -> None:
    """Copy what is kept into as little memory as it needs, stretch by stretch; a single small segment is left alone
    (`tcp_collapse_ofo_queue`).
    """
    kept, tcb.out_of_order = tcb.out_of_order, []
    for begin, end in _runs_of(kept):
        stretch = [segment for segment in kept if begin <= segment.seq < end]
        if len(stretch) > 1 or end - begin >= profile.collapsed_max:
            stretch = _copied(tcb, stretch, profile)
        tcb.out_of_order += stretch


def _copied(tcb: Tcb, stretch: list[Segment], profile: Profile) -> list[Segment]:
    """A stretch, copied from the first segment that is mostly overhead or overlaps the next, up to a FIN."""
    first = next((at for at in range(len(stretch)) if _is_wasteful(tcb, stretch, at)), len(stretch))
    old = deque(itertools.takewhile(lambda segment: not segment.flags & _FIN, stretch[first:]))
    if not old:
        return stretch
    rest = stretch[first + len(old) :]
    start = max([old[0].seq, *(segment.end for segment in stretch[:first])])
    data, model = bytearray(), old[0]
    for segment in old:
        data += segment.data[max(start + len(data) - segment.seq, 0) :]
    new = []
    for seq, part, truesize in reserve.copied(bytes(data), start, profile):
        new.append(attrs.evolve(model, seq=seq, data=part, truesize=truesize, pages=(), buffer=0, merged=1))
        reserve.charge_receiving(tcb, truesize)
        while old and old[0].end <= seq + len(part):
            reserve.free_receiving(tcb, old.popleft().truesize, profile)
    return stretch[:first] + new + rest


def _is_wasteful(tcb: Tcb, stretch: list[Segment], at: int) -> bool:
    segment = stretch[at]
    if segment.flags & _FIN:
        return False
    overlaps = at + 1 < len(stretch) and segment.end != stretch[at + 1].seq
    return overlaps or window_from_space(tcb, segment.truesize) > len(segment.data)


def prune(tcb: Tcb, before: Segment, profile: Profile) -> None:
    """Throw away what is kept, the last first, an eighth of the receive buffer at a time, until memory is free; but
    nothing that comes `before` the segment which needs it (`tcp_prune_ofo_queue`).
    """
    goal, pruned = tcb.rcvbuf >> 3, False
    while tcb.out_of_order and before.seq <= tcb.out_of_order[-1].seq:
        segment = tcb.out_of_order.pop()
        reserve.free_receiving(tcb, segment.truesize, profile)
        tcb.drops += segment.merged
        goal, pruned = goal - segment.truesize, True
        if goal <= 0 or not tcb.out_of_order:
            if tcb.rmem <= tcb.rcvbuf:
                break
            goal = tcb.rcvbuf >> 3
    if pruned:
        tcb.sack_blocks, tcb.duplicate = [], None


def forget(tcb: Tcb, profile: Profile) -> None:
    """Nothing follows a FIN: what was kept behind it goes, and is not told any more (`tcp_fin`)."""
    for kept in tcb.out_of_order:
        reserve.free_receiving(tcb, kept.truesize, profile)
    tcb.out_of_order.clear()
    tcb.sack_blocks = []
    tcb.duplicate = None


def _runs(tcb: Tcb) -> list[Run]:
    return _runs_of(tcb.out_of_order)


def _runs_of(segments: list[Segment]) -> list[Run]:
    """What is kept, as stretches without a seam: segments that touch are one, as the kernel merges them."""
    runs: list[Run] = []
    for kept in segments:
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
