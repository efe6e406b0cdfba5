"""Out of order: what arrived behind a gap, kept by number until the gap is filled.

The acknowledgements meanwhile tell in SACK blocks what is here, the run with the latest arrival first (RFC 2018 §4);
at most four are remembered. What is here already, whole or in part, is told to be a duplicate (RFC 2883 §4).

Kept segments are charged to the receive buffer like others, and one that follows on another joins it where the kernel
would join their memory; then they are one. None lies within another, but two may overlap.

When memory runs short, what is kept is first copied into less of it, run by run (`collapse`); if that does not help it
is thrown away from its end, and nothing that was told of it counts any more (`prune`).

Not here: when memory runs short (text.py); room that a collapsed buffer has left in its head.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

import attrs

from ..values.constants import TcpFlag
from ..values.segments import Run, Segment
from . import memory, reserve
from .block import Tcb
from .windows import grow_window, window_from_space

if TYPE_CHECKING:
    from ..profiles import Profile
    from ..world.host import Host

MOST_BLOCKS = 4
"""Runs that are remembered to be told (TCP_NUM_SACKS)."""
_FIN = int(TcpFlag.FIN)


def keep(tcb: Tcb, segment: Segment, host: Host) -> None:
    """Keep a segment that lies behind a gap. What of it is here already is told to be a duplicate; if that is all of
    it, it is dropped, and nothing but the order of the blocks changes. What it covers is dropped for it. The window
    opens if the sender hears of each segment (`tcp_data_queue_ofo`).
    """
    kept = tcb.out_of_order
    reserve.cover(tcb, segment.truesize, host.profile)
    at = bisect_right(kept, segment.seq, key=lambda one: one.seq)
    before = kept[at - 1] if at else None
    if before is not None and segment.seq < before.end:
        if segment.end <= before.end:
            tcb.drops += segment.merged
            tcb.duplicate = (segment.seq, segment.end)
            _tell(tcb, segment.seq)
            return
        if segment.seq > before.seq:
            tcb.duplicate = (segment.seq, before.end)
        else:
            at -= 1
    elif before is not None and (more := _cost_of_joining(tcb, before, segment, host)) is not None:
        kept[at - 1] = _joined(before, segment, more)
        reserve.charge_receiving(tcb, more)
        if tcb.sack_permitted:
            grow_window(tcb, len(segment.data), segment.truesize, host, in_pages=bool(segment.pages))
        _tell(tcb, segment.seq)
        return
    while at < len(kept) and segment.end > kept[at].seq:
        _tell_twice(tcb, kept[at].seq, min(segment.end, kept[at].end))
        if segment.end < kept[at].end:
            break
        _drop(tcb, kept.pop(at), host.profile)
    if tcb.sack_permitted:
        grow_window(tcb, len(segment.data), segment.truesize, host, in_pages=False)
    segment = memory.condensed(segment, host)
    kept.insert(at, segment)
    reserve.charge_receiving(tcb, segment.truesize)
    _tell(tcb, segment.seq)


def _cost_of_joining(tcb: Tcb, before: Segment, segment: Segment, host: Host) -> int | None:
    """What it costs to put `segment` behind the one that it follows on; None if it stays by itself. What came over a
    wire is one with it, and costs what it costs alone.
    """
    if before.end != segment.seq or before.buffer in host.held:
        return None
    if not tcb.packet_max:
        return segment.truesize
    return memory.cost_of_joining(len(before.data), before.pages, host.profile.head_room, segment, host.profile)


def _joined(before: Segment, segment: Segment, more: int) -> Segment:
    return attrs.evolve(
        before,
        flags=before.flags | segment.flags,
        data=before.data + segment.data,
        merged=before.merged + segment.merged,
        truesize=before.truesize + more,
        pages=before.pages + segment.pages if more else before.pages,
    )


def _drop(tcb: Tcb, kept: Segment, profile: Profile) -> None:
    tcb.drops += kept.merged
    reserve.free_receiving(tcb, kept.truesize, profile)


def take(tcb: Tcb, told_to: int, profile: Profile) -> Segment | None:
    """What is new of the next segment that no gap separates from what was received; None if there is none. What of it
    lies before `told_to`, where the text ended that filled the gap, came twice, and is told (`tcp_ofo_queue`).
    """
    while tcb.out_of_order and tcb.out_of_order[0].seq <= tcb.rcv_nxt:
        segment = tcb.out_of_order.pop(0)
        _tell(tcb, None)
        if segment.seq < told_to:
            _tell_twice(tcb, segment.seq, min(segment.end, told_to))
        if segment.end > tcb.rcv_nxt:
            reserve.charge_receiving(tcb, -segment.truesize)
            return segment
        _drop(tcb, segment, profile)
    return None


def forget(tcb: Tcb, profile: Profile) -> None:
    """Nothing follows a FIN: what was kept behind it goes, and is not told any more (`tcp_fin`)."""
    for kept in tcb.out_of_order:
        reserve.free_receiving(tcb, kept.truesize, profile)
    tcb.out_of_order.clear()
    tcb.sack_blocks = []
    tcb.duplicate = None


# ---------------------------------------------------------------- memory runs short


def collapse(tcb: Tcb, profile: Profile) -> None:
    """Copy what is kept into as little memory as it needs, each run by itself. A single small one is left alone; when
    such have an eighth of the receive buffer together, so is the rest (`tcp_collapse_ofo_queue`).
    """
    left, small = [*tcb.out_of_order], 0
    tcb.out_of_order = []
    while left:
        end, count, charged = left[0].end, 1, left[0].truesize
        while count < len(left) and left[count].seq <= end:
            end, charged = max(end, left[count].end), charged + left[count].truesize
            count += 1
        run, left = left[:count], left[count:]
        if count > 1 or end - run[0].seq >= profile.collapsed_max:
            run = _copied(tcb, run, end, profile)
        else:
            small += charged
            if small > tcb.rcvbuf >> 3:
                tcb.out_of_order += [*run, *left]
                return
        tcb.out_of_order += run


def _copied(tcb: Tcb, run: list[Segment], end: int, profile: Profile) -> list[Segment]:
    """The run in buffers that it fills, from the first that is mostly overhead or overlaps the next; what has a FIN is
    left as it is (`tcp_collapse`).
    """
    start, index = run[0].seq, 0
    while index < len(run):
        one = run[index]
        following = run[index + 1].seq if index + 1 < len(run) else one.end
        wasteful = window_from_space(tcb, one.truesize) > len(one.data) or one.seq < start
        if (wasteful and not one.flags & _FIN) or following != one.end:
            break
        start = one.end
        index += 1
    if index == len(run) or run[index].flags & _FIN:
        return run
    stop = next((at for at in range(index, len(run)) if run[at].flags & _FIN), len(run))
    old, data = run[index:stop], b""
    for one in old:
        data += one.data[max(start + len(data) - one.seq, 0) :]
    made: list[Segment] = []
    for at in range(0, len(data), profile.collapsed_max):
        part = data[at : at + profile.collapsed_max]
        truesize, _ = memory.collapsed_size(len(part), profile)
        made.append(
            attrs.evolve(
                run[index], seq=start + at, data=part, truesize=truesize, pages=(), buffer=0, merged=1, segment_size=0
            )
        )
        reserve.charge_receiving(tcb, truesize)
        while old and old[0].end <= start + at + len(part):
            reserve.free_receiving(tcb, old.pop(0).truesize, profile)
    return [*run[:index], *made, *run[stop:]]


def prune(tcb: Tcb, arriving: Segment, profile: Profile) -> None:
    """Throw away what is kept, from its end, until an eighth of the receive buffer is free and it is within its limit;
    but nothing that lies before the segment that arrives. The SACK blocks are forgotten (`tcp_prune_ofo_queue`).
    """
    goal, pruned = tcb.rcvbuf >> 3, False
    while tcb.out_of_order and arriving.seq <= tcb.out_of_order[-1].seq:
        kept = tcb.out_of_order.pop()
        pruned = True
        goal -= kept.truesize
        _drop(tcb, kept, profile)
        if not tcb.out_of_order or goal <= 0:
            if tcb.rmem <= tcb.rcvbuf:
                break
            goal = tcb.rcvbuf >> 3
    if pruned:
        tcb.sack_blocks = []
        tcb.duplicate = None


# ---------------------------------------------------------------- what is told of it


def _runs(tcb: Tcb) -> list[Run]:
    """What is kept, as stretches without a seam."""
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
