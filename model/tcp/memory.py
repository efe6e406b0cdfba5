"""The memory accounts of TCP: what fills a buffer is what the kernel charges, not the payload.

Every outgoing buffer costs `profile.buffer_overhead` beside its bytes. Bytes are appended to the last unsent buffer
as long as it has not reached the size goal, and room is looked at only when a *new* buffer is begun: so a send buffer
can be overrun by almost one full segment, and a socket that sends single bytes with TCP_NODELAY fills its buffer with
overhead.

A few bytes may lie in the head of their buffer instead, behind the headers.

On loopback the receiver gets the very pages the sender filled. A received buffer is charged with the sender's
`truesize`; if it follows on the buffer before it, and the sender has let go of that one (it was acknowledged), the
two merge and the overhead is counted once. `host.held` is the set of buffers that a sender still keeps.

Sent bytes are copied to page fragments that all sockets of a program share (pages.py).

Not here: what is out of order (order.py); limits over all sockets (tcp_mem).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

import attrs

from ..pages import place
from ..values.segments import Run, Segment
from . import congestion
from .block import InBuffer, OutBuffer, Recovery, Tcb
from .machine import URGENT, UrgentEvent
from .reserve import charge_receiving, charge_sending, cover, free_receiving, free_sending, give_back
from .tuning import note_read
from .windows import window_from_space

if TYPE_CHECKING:
    from ..profiles import Profile
    from ..world.host import Host


def has_room(tcb: Tcb) -> bool:
    """Whether the send buffer takes another buffer (`sk_stream_memory_free`): anything free at all is enough, unless
    too much waits to be sent for the first time.
    """
    return tcb.wmem < tcb.sndbuf and (not tcb.notsent_lowat or tcb.unsent_bytes < tcb.notsent_lowat)


def begin_buffer(tcb: Tcb, host: Host) -> OutBuffer:
    """A new, empty buffer at the end of what is to be sent, and its overhead charged."""
    congestion.restart_after_idle(tcb, host)
    tcb.nagle_waived = False
    overhead = host.profile.buffer_overhead
    buffer = OutBuffer(host.next_buffer(), tcb.write_seq, bytearray(), truesize=overhead)
    tcb.unsent.append(buffer)
    charge_sending(tcb, overhead, host.profile)
    return buffer


def copy_in(tcb: Tcb, buffer: OutBuffer, data: bytes | memoryview, host: Host) -> int:
    """Append as much of `data` to `buffer` as one page fragment takes. Returns bytes copied; 0 if it holds no more
    runs.
    """
    count = place(buffer.pages, len(data), tcb.number, host)
    if count:
        buffer.data += data[:count]
        buffer.truesize += count
        charge_sending(tcb, count, host.profile)
        tcb.write_seq += count
        host.copied(count)
    return count


def cut(pages: list[Run], at: int) -> tuple[list[Run], list[Run]]:
    """The runs of the first `at` bytes, and those of the rest."""
    first: list[Run] = []
    for index, (begin, end) in enumerate(pages):
        if at < end - begin:
            straddling = [(begin, begin + at)] if at else []
            return first + straddling, [(begin + at, end), *pages[index + 1 :]]
        first.append((begin, end))
        at -= end - begin
    return first, []


def joined(pages: list[Run], more: list[Run], host: Host) -> list[Run]:
    """The runs of bytes that are put behind others, two neighbours on one page being one (`skb_shift`)."""
    if pages and more and pages[-1][1] == more[0][0] and more[0][0] % host.profile.page_fragment:
        return [*pages[:-1], (pages[-1][0], more[0][1]), *more[1:]]
    return pages + more


def join(tcb: Tcb, buffer: OutBuffer, at: int, host: Host) -> None:
    """What is at `at` among the unacknowledged is put behind `buffer`, whose overhead is enough for both
    (`skb_shift`).
    """
    following = tcb.unacked[at]
    buffer.data += following.data
    buffer.pages = joined(buffer.pages, following.pages, host)
    buffer.truesize += len(following.data)
    free_sending(tcb, following.truesize - len(following.data), host.profile)
    buffer.fin, buffer.push = following.fin, buffer.push or following.push
    buffer.sent_again = buffer.sent_again or following.sent_again
    host.held.discard(following.number)
    del tcb.unacked[at]


def let_go(tcb: Tcb, buffer: OutBuffer, host: Host) -> None:
    """The buffer was acknowledged (or given up): its memory is free again."""
    free_sending(tcb, buffer.truesize, host.profile)
    host.held.discard(buffer.number)


def let_go_all(tcb: Tcb, host: Host) -> None:
    """Forget everything that was to be sent or acknowledged (`tcp_write_queue_purge`)."""
    for buffer in (*tcb.unacked, *tcb.unsent):
        let_go(tcb, buffer, host)
    tcb.in_flight = tcb.sacked_out = tcb.lost_out = tcb.resent_out = 0
    tcb.recovery = Recovery.OPEN
    tcb.unacked.clear()
    tcb.unsent.clear()


def split(tcb: Tcb, buffer: OutBuffer, at: int, host: Host) -> OutBuffer:
    """Cut a buffer behind its first `at` bytes. Returns the rest, a buffer of its own that is in no queue yet
    (`tcp_fragment`).
    """
    overhead = host.profile.buffer_overhead
    rest = OutBuffer(host.next_buffer(), buffer.seq + at, buffer.data[at:], buffer.fin, buffer.push)
    rest.truesize = overhead + len(rest.data)
    buffer.pages, rest.pages = cut(buffer.pages, at)
    buffer.data = buffer.data[:at]
    buffer.fin = buffer.push = False
    buffer.truesize -= len(rest.data)
    charge_sending(tcb, overhead, host.profile)
    return rest


def condensed(segment: Segment, host: Host) -> Segment:
    """A small piece that must wait moves into its buffer's head, if it shares that with nobody (`skb_condense`)."""
    profile = host.profile
    if segment.pages and segment.buffer not in host.held and len(segment.data) <= profile.head_room:
        return attrs.evolve(segment, pages=(), truesize=profile.buffer_overhead)
    return segment


def cost_of_joining(
    length: int, pages: Sequence[Run], head: int, segment: Segment, profile: Profile
) -> int | None:  # fmt: skip
    """What it costs, in bytes of memory, to put `segment` behind `length` bytes that lie in `pages`, or in their
    buffer's head, which holds `head` bytes, if there are none. None: it must stay a buffer of its own
    (`skb_try_coalesce`).
    """
    size = len(segment.data)
    if size <= (0 if pages else max(head - length, 0)):
        return 0
    in_head = size - sum(end - begin for begin, end in segment.pages)
    if in_head > 0 or len(pages) + len(segment.pages) > profile.fragments_max:
        return None
    return segment.truesize - profile.buffer_overhead


def queue_received(tcb: Tcb, segment: Segment, data: bytes, fin: bool, host: Host) -> None:
    """Put arrived bytes behind those that wait, merged with their neighbour where the kernel merges
    (`tcp_queue_rcv`).
    """
    seq = tcb.rcv_nxt
    if segment.pages:
        host.page_users.add(tcb.number)
    if not (tcb.predicted or tcb.filling_gap):
        cover(tcb, segment.truesize, host.profile)
    tail = tcb.received[-1] if tcb.received else None
    more = None
    if tail is not None and segment.seq == seq and tail.shared not in host.held and not tail.fin:
        more = cost_of_joining(tail.length, tail.pages, tail.head, segment, host.profile)
    if tail is not None and more is not None:
        tail.chunks.append(data)
        tail.length += len(data)
        tail.fin = fin
        if more:
            tail.pages += segment.pages
        tail.truesize += more
        charge_receiving(tcb, more)
    else:
        pages, head = [*segment.pages], host.profile.head_room
        tcb.received.append(InBuffer(seq, [data], len(data), segment.truesize, pages, segment.buffer, head, fin))
        charge_receiving(tcb, segment.truesize)
    if tcb.filling_gap:
        give_back(tcb, 0, host.profile)
    tcb.rcv_nxt = seq + len(data) + fin
    tcb.has_news = True
    tcb.fin_received = tcb.fin_received or fin


def collapse(tcb: Tcb, profile: Profile) -> None:
    """Copy what waits to be read into buffers that it fills, from the first that is read in part or mostly overhead
    (`tcp_collapse`). A buffer with a FIN is left as it is, and what is behind it.
    """
    queue = list(tcb.received)
    start, index = tcb.copied_seq, 0
    while index < len(queue):
        buffer = queue[index]
        wasteful = window_from_space(tcb, buffer.truesize) > buffer.length or buffer.seq < start
        if wasteful and not buffer.fin:
            break
        start = buffer.seq + buffer.length + buffer.fin
        index += 1
    if index == len(queue):
        return
    stop = next((at for at in range(index, len(queue)) if queue[at].fin), len(queue))
    old = deque(queue[index:stop])
    data = b"".join(chunk for buffer in old for chunk in buffer.chunks)[start - old[0].seq :]
    tcb.received.clear()
    tcb.received.extend(queue[:index])
    for at in range(0, len(data), profile.collapsed_max):
        part = data[at : at + profile.collapsed_max]
        truesize, head = collapsed_size(len(part), profile)
        tcb.received.append(InBuffer(start + at, [part], len(part), truesize, [], 0, head))
        charge_receiving(tcb, truesize)
        while old and old[0].seq + old[0].length <= start + at + len(part):
            free_receiving(tcb, old.popleft().truesize, profile)
    tcb.received.extend(queue[stop:])


def collapsed_size(length: int, profile: Profile) -> tuple[int, int]:
    """What a buffer is charged with that so many bytes were copied into, and how many its head holds (`alloc_skb`)."""
    size = profile.small_head or 512
    while size < -(-length // 64) * 64 + profile.buffer_trailer:
        size = 1 << size.bit_length()
    return size + profile.buffer_descriptor, size - profile.buffer_trailer


def take_received(tcb: Tcb, wanted: int, host: Host) -> bytes:
    """The next bytes for the reader, at most `wanted`; the memory of every buffer emptied thereby is free again."""
    tunes = host.profile.tunes_receive_buffers
    taken: list[bytes] = []
    need = wanted
    received = tcb.received
    while received and need:
        buffer = received[0]
        rest = buffer.length - buffer.offset
        if rest:
            data = b"".join(buffer.chunks) if len(buffer.chunks) > 1 else buffer.chunks[0]
            buffer.chunks = [data]
            count = min(need, rest)
            taken.append(data[buffer.offset : buffer.offset + count] if count < len(data) else data)
            buffer.offset += count
            need -= count
            tcb.copied_seq += count
            if tcb.urgent and tcb.copied_seq > tcb.rcv_up:
                URGENT.fire(host.trail, UrgentEvent.PASSED, tcb, host)
            rest -= count
            if tunes:
                host.copied(count)
                note_read(tcb, host)
        if rest:
            break
        if buffer.fin:
            tcb.copied_seq += 1
        free_receiving(tcb, buffer.truesize, host.profile)
        received.popleft()
    return taken[0] if len(taken) == 1 else b"".join(taken)


def skip_received(tcb: Tcb, host: Host) -> None:
    """Leave out the next byte, which nobody is given; a buffer emptied thereby is free again, but not with a FIN."""
    buffer = tcb.received[0]
    buffer.offset += 1
    tcb.copied_seq += 1
    if buffer.offset == buffer.length and not buffer.fin:
        free_receiving(tcb, tcb.received.popleft().truesize, host.profile)


def peek_received(tcb: Tcb, begin: int, wanted: int) -> bytes:
    """Bytes that wait, from the one `begin` behind the next, left where they are (MSG_PEEK)."""
    found = b"".join(b"".join(buffer.chunks)[buffer.offset :] for buffer in tcb.received)
    return found[begin : begin + wanted]


def discard_received(tcb: Tcb, profile: Profile) -> int:
    """Throw away what was not read, as close does. Returns how many bytes that was."""
    unread = tcb.readable_bytes
    while tcb.received:
        free_receiving(tcb, tcb.received.popleft().truesize, profile)
    return unread
