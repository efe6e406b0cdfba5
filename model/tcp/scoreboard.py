"""The scoreboard: what the sender knows of every segment that is not acknowledged yet (RFC 6675; RFC 8985).

Every buffer in `unacked` is on its way, *sacked* (the peer has it, out of order) or *lost*, and a lost one may be
*resent*.
The segments that are really in the network are `Tcb.pipe`.

Loss is found by the order of sending and not of numbers, so that a lost retransmission shows too: something that was
sent later has arrived, and since then as much time has passed as that one took, and a bit for packets that overtake
each other (RACK). That bit is nothing until overtaking was seen, or once three segments have arrived early.

A peer without SACK tells by duplicate acknowledgements, each of which is taken for one segment that arrived somewhere
(RFC 6582).

Buffers that the peer has, and that lie side by side, become one: their overhead is free for what is to be sent, and if
the peer goes back on its word they are cut anew.

Not here: what is done about it (recovery.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from ..values.segments import Run
from . import memory, reserve
from .block import OutBuffer, Recovery, Tcb
from .roundtrip import US
from .timestamps import clock, difference

if TYPE_CHECKING:
    from ..world.host import Host

REORDERING = 3
"""As many segments may arrive early at first (net.ipv4.tcp_reordering)."""
MOST_REORDERING = 300
"""net.ipv4.tcp_max_reordering."""


@attrs.define(eq=False)
class Progress:
    """What one acknowledgement brings. A draft that lives as long as its segment is processed."""

    una: int
    """`snd_una` before it."""
    echo: int | None = None
    """The timestamp that it echoes."""
    told: int = 0
    """Segments delivered before it."""
    lost: int = 0
    """Segments lost before it."""
    highest: int = 0
    """The end of the highest sacked segment before it."""
    advanced: bool = False
    acknowledged: int = 0
    """Segments that were acknowledged, and whether any of them was sent twice."""
    any_resent: bool = False
    sacked: bool = False
    """Segments were sacked that were not before."""
    original: bool = False
    """Something has arrived that was sent once, before the trouble began."""
    twice: bool = False
    """It tells of something that arrived twice, and whether that was the tail probe."""
    probe_twice: bool = False
    news: bool = False
    """It carries text, or a window: it is no mere duplicate."""
    duplicates: int = 0
    first_sent_ns: int | None = None
    last_sent_ns: int | None = None
    first_sacked_ns: int | None = None
    last_sacked_ns: int | None = None
    """When the first and the last of those were sent that were sent once."""
    lowest: int | None = None
    """The lowest number that arrived late, without having been sent again."""
    resent_lost: bool = False
    """Something that was sent again is found to be lost again."""
    echoes_mark: bool = False
    """It says that something on its way was marked by a router."""
    timer_is_due: bool = False
    timer_is_set: bool = False
    """Whether the retransmission timer begins anew, and whether it was set for something else meanwhile."""


def _count(tcb: Tcb, buffer: OutBuffer, segments: int) -> None:
    if buffer.sacked:
        tcb.sacked_out += segments
    if buffer.lost:
        tcb.lost_out += segments
    if buffer.resent:
        tcb.resent_out += segments


def mark(
    tcb: Tcb, buffer: OutBuffer, *, sacked: bool | None = None, lost: bool | None = None, resent: bool | None = None
) -> None:
    """Change the condition of a buffer, and the counts with it; None leaves a part of it."""
    _count(tcb, buffer, -buffer.segments)
    buffer.sacked = buffer.sacked if sacked is None else sacked
    buffer.lost = buffer.lost if lost is None else lost
    buffer.resent = buffer.resent if resent is None else resent
    _count(tcb, buffer, buffer.segments)


def lose(tcb: Tcb, buffer: OutBuffer) -> None:
    """This buffer is lost, or what was sent of it again is. The first finding does not concern the latter, though a
    loss that was taken back may leave one on its way (`tcp_mark_skb_lost`).
    """
    if buffer.sacked or (buffer.lost and not buffer.resent):
        return
    tcb.lost += buffer.segments
    mark(tcb, buffer, lost=True, resent=buffer.resent and not buffer.lost)


def _count_segments(buffer: OutBuffer, mss: int) -> int:
    """A buffer is made of segments of `mss` bytes. Returns how many more it is than before (`tcp_set_skb_tso_segs`)."""
    before, buffer.cut = buffer.segments, mss
    buffer.segments = -(-len(buffer.data) // mss) or 1
    return buffer.segments - before


def cut_unacked(tcb: Tcb, buffer: OutBuffer, at: int, mss: int, host: Host) -> OutBuffer:
    """Make two buffers of one that was sent, the second behind `at` bytes, each of segments of `mss` bytes; both count
    as what the one was (`tcp_fragment`).
    """
    before = buffer.segments
    rest = memory.split(tcb, buffer, at, host)
    for part in (buffer, rest):
        _count_segments(part, mss)
    rest.sent_ns, rest.order, rest.sent_again = buffer.sent_ns, buffer.order, buffer.sent_again
    rest.clock_ns = buffer.clock_ns
    rest.sacked, rest.lost, rest.resent, rest.watched = buffer.sacked, buffer.lost, buffer.resent, buffer.watched
    more = buffer.segments + rest.segments - before
    _count(tcb, buffer, more)
    tcb.in_flight += more
    host.held.add(rest.number)
    tcb.unacked.insert(tcb.unacked.index(buffer) + 1, rest)
    return rest


def count_anew(tcb: Tcb, buffer: OutBuffer, mss: int) -> None:
    """How many segments it is now: they may have become smaller since it was sent."""
    more = _count_segments(buffer, mss)
    if more:
        _count(tcb, buffer, more)
        tcb.in_flight += more


def join_following(tcb: Tcb, buffer: OutBuffer, most: int, host: Host) -> None:
    """Small segments that follow go along with what is sent again, as many as fit one segment and the peer's window
    (`tcp_retrans_try_collapse`). On loopback nothing is joined, because the receiver has the very same memory.
    """
    at = tcb.unacked.index(buffer) + 1
    if buffer.segments > 1 or buffer.syn or buffer.sacked:
        return
    while at < len(tcb.unacked):
        following = tcb.unacked[at]
        too_long = len(buffer.data) + len(following.data) > most or following.end > tcb.snd_una + tcb.snd_wnd
        if following.segments > 1 or following.sacked or too_long:
            return
        _count(tcb, following, -1)
        tcb.in_flight -= 1
        memory.join(tcb, buffer, at, host)


def _join_sacked(tcb: Tcb, at: int, host: Host) -> bool:
    """What the peer has is put behind what it has before that, if both are made of segments of one size. Whether it
    was. Only what is news is looked at, and what is behind it then; not what was sent again without being lost
    (`tcp_shift_skb_data`). On loopback nothing is joined, as above.
    """
    buffer = tcb.unacked[at]
    before = tcb.unacked[at - 1] if at else None
    if before is None or tcb.packet_max or not (before.sacked and buffer.sacked):
        return False
    size = _segment_size(buffer)
    if before.lost or before.resent or not size or size != _segment_size(before):
        return False
    if len(memory.joined(before.pages, buffer.pages, host)) > host.profile.fragments_max:
        return False
    before.segments, before.cut = before.segments + buffer.segments, size
    memory.join(tcb, before, at, host)
    return True


def _segment_size(buffer: OutBuffer) -> int:
    return len(buffer.data) if buffer.segments == 1 else buffer.cut


def highest_sacked(tcb: Tcb) -> int:
    """The end of the highest segment that was sacked; `snd_una` if none is (`tcp_highest_sack_seq`)."""
    if not tcb.sacked_out:
        return tcb.snd_una
    return next((buffer.end for buffer in reversed(tcb.unacked) if buffer.sacked), tcb.snd_una)


# ---------------------------------------------------------------- what has arrived


def _arrived(tcb: Tcb, buffer: OutBuffer, host: Host) -> None:
    """A segment is known to have arrived that was not before: is it the latest of all? (`tcp_rack_advance`)

    If the answer came sooner than any ever did, it is not the retransmission that has arrived, and says nothing. In
    virtual time a trip may take none, which counts as the least that could be measured, as it does among the shortest.
    """
    trip_ns = host.now_ns - buffer.clock_ns
    if (buffer.sent_again or buffer.resent) and max(trip_ns // US, 1) < (tcb.shortest_us or 0):
        return
    tcb.newest_is_news, tcb.newest_trip_ns = True, trip_ns
    tcb.newest_arrived = max(tcb.newest_arrived, (buffer.order, buffer.end))


def _was_needless(tcb: Tcb, buffer: OutBuffer, progress: Progress) -> bool:
    """Whether the echo is older than the retransmission: the original has arrived."""
    return buffer.sent_again and echoes_before(tcb, progress, buffer.sent_ns)


def echoes_before(tcb: Tcb, progress: Progress, at_ns: int) -> bool:
    """Whether the acknowledgement echoes something that was sent before that moment (RFC 3522)."""
    return bool(progress.echo) and difference(progress.echo or 0, clock(tcb, at_ns)) < 0


def acknowledge(tcb: Tcb, progress: Progress, host: Host) -> None:
    """Take off the list what is acknowledged (`tcp_clean_rtx_queue`)."""
    while tcb.unacked and tcb.unacked[0].seq < tcb.snd_una:
        buffer = tcb.unacked[0]
        if buffer.end > tcb.snd_una:
            if buffer.segments > 1:
                _acknowledge_part(tcb, buffer, progress, host)
            break
        _note_acknowledged(tcb, buffer, buffer.segments, progress, host)
        tcb.unacked.popleft()
        _count(tcb, buffer, -buffer.segments)
        tcb.in_flight -= buffer.segments
        memory.let_go(tcb, buffer, host)


def _acknowledge_part(tcb: Tcb, buffer: OutBuffer, progress: Progress, host: Host) -> None:
    """The beginning of a run is acknowledged; what counts is whole segments (`tcp_tso_acked`)."""
    before = buffer.segments
    left = len(buffer.data) - (tcb.snd_una - buffer.seq)
    segments = before - (-(-left // buffer.cut) or 1)
    if segments:
        _note_acknowledged(tcb, buffer, segments, progress, host)
    trim(tcb, buffer, host)


def _note_acknowledged(tcb: Tcb, buffer: OutBuffer, segments: int, progress: Progress, host: Host) -> None:
    progress.acknowledged += segments
    if buffer.sent_again or buffer.resent:
        progress.any_resent = True
    elif not buffer.sacked:
        progress.last_sent_ns = buffer.sent_ns
        if progress.first_sent_ns is None:
            progress.first_sent_ns = buffer.sent_ns
        if progress.lowest is None or buffer.seq < progress.lowest:
            progress.lowest = buffer.seq
        if buffer.end <= tcb.high_seq:
            progress.original = True
    if not buffer.sacked and tcb.sack_permitted:
        tcb.delivered += segments
        if not _was_needless(tcb, buffer, progress):
            _arrived(tcb, buffer, host)


def trim(tcb: Tcb, run: OutBuffer, host: Host) -> None:
    """The beginning of a buffer is acknowledged: that is done (`tcp_trim_head`)."""
    done = tcb.snd_una - run.seq
    del run.data[:done]
    run.seq += done
    run.pages = memory.cut(run.pages, done)[1]
    run.truesize -= done
    reserve.free_sending(tcb, done, host.profile)
    more = _count_segments(run, run.cut) if run.segments > 1 else 0
    _count(tcb, run, more)
    tcb.in_flight += more


def note_sack(tcb: Tcb, blocks: tuple[Run, ...], ack: int, progress: Progress, host: Host) -> None:
    """Mark what the peer has out of order, in the order of its numbers. A first block below the acknowledgement, or
    within the second, tells what arrived twice (RFC 2883; `tcp_sacktag_write_queue`). It is seen with the block that
    holds it, and once more only if that one ends where all ends.
    """
    first = blocks[0]
    twice = first[0] < ack or (len(blocks) > 1 and blocks[1][0] <= first[0] and first[1] <= blocks[1][1])
    twice = twice and _note_twice(tcb, first, progress)
    if ack < progress.una - tcb.max_window:
        return
    told = sorted(((*block, twice and not index) for index, block in enumerate(blocks)), key=lambda block: block[0])
    reached = 0
    before, tcb.told_before = tcb.told_before if tcb.sacked_out else (), ()
    for (begin, end, again), (_, _, again_next) in zip(told, [*told[1:], (0, 0, False)], strict=True):
        seen = again and begin < reached and bool(tcb.unacked) and tcb.unacked[-1].end > reached
        if end > progress.una and _is_sensible(tcb, begin, end, again) and not seen:
            twice_here = first if again or again_next else (0, 0)
            _note_block(tcb, begin, end, twice_here, () if again else before, progress, host)
            reached = end
            tcb.told_before += ((begin, end),)


def _is_sensible(tcb: Tcb, begin: int, end: int, again: bool) -> bool:
    """Whether a block may be meant: it lies in what is on its way, behind its first byte, which is missing; or it tells
    of what arrived again since the window was reduced (`tcp_is_sackblock_valid`).
    """
    if not begin < end <= tcb.snd_nxt or begin >= tcb.snd_nxt:
        return False
    if begin > tcb.snd_una:
        return True
    if not again or tcb.undo_marker is None or end > tcb.snd_una:
        return False
    return begin >= tcb.undo_marker or (end > tcb.undo_marker and begin >= end - tcb.max_window)


def _note_twice(tcb: Tcb, block: Run, progress: Progress) -> bool:
    """Count what arrived twice. Returns whether it is to be believed (`tcp_check_dsack`)."""
    length = block[1] - block[0]
    if not 0 < length <= tcb.max_window:
        return False
    segments = -(-length // tcb.mss) if length > tcb.mss else 1
    if length <= tcb.mss and tcb.tail_probed_at and tcb.tail_probed_at == block[1]:
        progress.probe_twice = True
    tcb.duplicates_told += segments
    if tcb.duplicates_told > tcb.resent:
        return False
    if tcb.reordered and not progress.probe_twice:
        tcb.needless_seen = True
    progress.twice = True
    tcb.delivered += segments
    if tcb.undo_marker is not None and tcb.undo_resent > 0 and tcb.undo_marker < block[1] <= progress.una:
        tcb.undo_resent = max(0, tcb.undo_resent - segments)
    return True


def _note_block(
    tcb: Tcb, begin: int, end: int, twice: Run, before: tuple[Run, ...], progress: Progress, host: Host
) -> None:
    """The peer has what lies in this block, and some of it `twice`. What was told `before` is left as it is
    (`tcp_sacktag_walk`).
    """
    at = 0
    while at < len(tcb.unacked):
        buffer = tcb.unacked[at]
        at += 1
        if buffer.seq >= end:
            break
        if buffer.end <= begin:
            continue
        known = any(low <= buffer.seq and buffer.end <= high for low, high in before)
        if buffer.seq < begin and not known:
            first = -(-(begin - buffer.seq) // buffer.cut) * buffer.cut if buffer.segments > 1 else 0
            if 0 < first < len(buffer.data):
                cut_unacked(tcb, buffer, first, buffer.cut, host)
            continue
        if buffer.end > end and not known:
            if buffer.segments == 1 or end - buffer.seq < buffer.cut:
                break
            cut_unacked(tcb, buffer, (end - buffer.seq) // buffer.cut * buffer.cut, buffer.cut, host)
        again = twice[0] <= buffer.seq and buffer.end <= twice[1]
        in_the_way = known or (buffer.resent and not buffer.lost and not again)
        _note_buffer(tcb, buffer, again, progress, host)
        if not in_the_way and _join_sacked(tcb, at - 1, host):
            at -= 1
            if at < len(tcb.unacked) and not (tcb.unacked[at].lost or tcb.unacked[at].resent):
                _join_sacked(tcb, at, host)


def _note_buffer(tcb: Tcb, buffer: OutBuffer, again: bool, progress: Progress, host: Host) -> None:
    """The peer has this buffer, or has it `again` (`tcp_sacktag_one`)."""
    if again and (buffer.sent_again or buffer.resent):
        if tcb.undo_marker is not None and tcb.undo_resent > 0 and buffer.end > tcb.undo_marker:
            tcb.undo_resent = max(0, tcb.undo_resent - buffer.segments)
        if buffer.sacked and (progress.lowest is None or buffer.seq < progress.lowest):
            progress.lowest = buffer.seq
    if buffer.end <= tcb.snd_una:
        return
    if not buffer.sacked:
        _note_sacked(tcb, buffer, progress, host)
    if again and buffer.resent:
        mark(tcb, buffer, resent=False)


def _note_sacked(tcb: Tcb, buffer: OutBuffer, progress: Progress, host: Host) -> None:
    _arrived(tcb, buffer, host)
    if not (buffer.sent_again or buffer.resent):
        if buffer.seq < progress.highest and (progress.lowest is None or buffer.seq < progress.lowest):
            progress.lowest = buffer.seq
        if buffer.end <= tcb.high_seq:
            progress.original = True
        if progress.first_sacked_ns is None:
            progress.first_sacked_ns = buffer.sent_ns
        progress.last_sacked_ns = buffer.sent_ns
    progress.sacked, buffer.watched = True, False
    tcb.delivered += buffer.segments
    if buffer.resent and not buffer.lost:
        mark(tcb, buffer, sacked=True)
    else:
        mark(tcb, buffer, sacked=True, lost=False, resent=False)


# ---------------------------------------------------------------- a peer without SACK


def count_duplicates(tcb: Tcb, duplicates: int) -> None:
    """Each stands for a segment that arrived somewhere (`tcp_add_reno_sack`)."""
    if duplicates:
        before = tcb.sacked_out
        tcb.sacked_out += duplicates
        _limit(tcb, 0)
        tcb.delivered += max(tcb.sacked_out - before, 0)


def _limit(tcb: Tcb, more: int) -> None:
    """At least one segment is missing, and more duplicates mean that some overtook others."""
    most = tcb.in_flight - min(max(tcb.lost_out, 1), tcb.in_flight)
    if tcb.sacked_out > most:
        tcb.sacked_out = most
        tcb.reordering = min(tcb.in_flight + more, MOST_REORDERING)
        tcb.reordered += 1


def uncount_duplicates(tcb: Tcb, acknowledged: int) -> None:
    """One segment filled the gap, the others had been counted as arrived (`tcp_remove_reno_sacks`)."""
    if acknowledged > 0:
        tcb.delivered += max(acknowledged - tcb.sacked_out, 1)
        tcb.sacked_out = max(tcb.sacked_out - (acknowledged - 1), 0)
    _limit(tcb, acknowledged)


# ---------------------------------------------------------------- what is lost


def note_late(tcb: Tcb, lowest: int, highest: int) -> None:
    """Something arrived that was missing while later ones were here, without having been sent again: segments overtake
    each other here, and by how many (`tcp_check_sack_reordering`).
    """
    if lowest >= highest:
        return
    distance = highest - lowest
    if distance > tcb.reordering * tcb.mss:
        tcb.reordering = min(-(-distance // tcb.mss), MOST_REORDERING)
    tcb.reordered += 1


def adapt_patience(tcb: Tcb, told: int) -> None:
    """Retransmissions that overtaking made needless make the sender wait longer, for a while
    (`tcp_rack_update_reo_wnd`).
    """
    if not told:
        return
    if told < tcb.patience_from:
        tcb.needless_seen = False
    if tcb.needless_seen:
        tcb.patience = min(tcb.patience + 1, 255)
        tcb.needless_seen = False
        tcb.patience_from = tcb.delivered
        tcb.patience_lasts = 16
    elif not tcb.patience_lasts:
        tcb.patience = 1


def _slack_ns(tcb: Tcb) -> int:
    """How long something is waited for that may only have been overtaken (`tcp_rack_reo_wnd`)."""
    if not tcb.reordered and (tcb.recovery >= Recovery.RECOVERY or tcb.sacked_out >= tcb.reordering):
        return 0
    return min((tcb.shortest_us or 0) // 4 * tcb.patience, tcb.srtt_us8 >> 3) * 1000


def lost_in_ns(tcb: Tcb, buffer: OutBuffer, slack_ns: int, host: Host) -> int:
    """In how many nanoseconds a buffer is lost, if nothing is heard of it; not more than 0: it is."""
    return tcb.newest_trip_ns + slack_ns - (host.now_ns - buffer.clock_ns)


def find_lost(tcb: Tcb, host: Host) -> int:
    """Mark what must be lost. Returns in how many nanoseconds more may be; 0 for nothing (`tcp_rack_detect_loss`).
    What was taken for lost, and is not any more, is not looked at again before it was sent again.
    """
    slack_ns = _slack_ns(tcb)
    longest_ns = 0
    for buffer in tcb.unacked:
        waits = buffer.lost and not buffer.resent
        if not buffer.watched or waits or (buffer.order, buffer.end) >= tcb.newest_arrived:
            continue
        wait_ns = lost_in_ns(tcb, buffer, slack_ns, host)
        if wait_ns <= 0:
            lose(tcb, buffer)
            buffer.watched = False
        else:
            longest_ns = max(longest_ns, wait_ns)
    return longest_ns


def find_lost_by_count(tcb: Tcb, advanced: bool, host: Host) -> None:
    """Without SACK: the first is lost after three duplicates, or if an acknowledgement in recovery stops before it
    (RFC 6582 §3.2; `tcp_newreno_mark_lost`).
    """
    many = tcb.recovery < Recovery.RECOVERY and tcb.sacked_out >= tcb.reordering
    if not many and not (tcb.recovery is Recovery.RECOVERY and advanced):
        return
    first = tcb.unacked[0]
    if first.lost:
        return
    if first.segments > 1 and len(first.data) > tcb.mss:
        cut_unacked(tcb, first, tcb.mss, tcb.mss, host)
    lose(tcb, first)


def everything_is_lost(tcb: Tcb, host: Host) -> None:
    """Nothing came back for a time-out: what the peer was not seen to have is lost, but for what was sent only lately
    (`tcp_timeout_mark_lost`). A peer that has the first but did not acknowledge it has thrown away what it told of.
    """
    head = tcb.unacked[0]
    reneged = head.sacked
    tcb.reneging = tcb.reneging or reneged
    if reneged:
        for buffer in tcb.unacked:
            mark(tcb, buffer, sacked=False)
        tcb.sacked_out = 0
    elif not tcb.sack_permitted:
        tcb.sacked_out = 0
    for buffer in tcb.unacked:
        if reneged or buffer is head or lost_in_ns(tcb, buffer, 0, host) <= 0:
            lose(tcb, buffer)
