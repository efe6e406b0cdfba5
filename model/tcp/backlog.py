"""The socket lock: what arrives for a socket while a call has it waits, until the call is over or looks.

Segments wait in a line. One that follows on the one before it becomes one with it if they are alike, so that the
receiver later sees fewer and larger ones. When the call is over what waits is processed in order, and an
acknowledgement that became due meanwhile goes out (`lock_sock`, `release_sock`).

Not here: which calls lock (world/syscalls.py); what a segment does (arrival.py).
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import attrs

from ..values.constants import TcpFlag
from ..values.segments import Segment
from . import memory
from .block import Tcb
from .output import send_ack

if TYPE_CHECKING:
    from ..world.host import Host

SPARE = 65_536
"""What may wait beyond twice the receive buffer and half the send buffer, in bytes (`tcp_add_backlog`)."""
_FIN = int(TcpFlag.FIN)
_MARKS = int(TcpFlag.ECE | TcpFlag.CWR)
_PLAIN = int(TcpFlag.ACK | TcpFlag.PSH | TcpFlag.FIN) | _MARKS


def put_off(tcb: Tcb, segment: Segment, host: Host) -> None:
    """A segment for a locked socket waits; with the one that waits before it, it becomes one if it can
    (`tcp_add_backlog`).
    """
    overhead = host.profile.buffer_overhead
    segment = memory.condensed(segment, host)
    tail = tcb.backlog[-1] if tcb.backlog else None
    more = None
    if tail is not None and _may_join(tail, segment, host):
        more = memory.cost_of_joining(len(tail.data), tail.pages, host.profile.head_room, segment, host.profile)
    if tail is None or more is None:
        if tcb.backlog_bytes + tcb.rmem > 2 * tcb.rcvbuf + tcb.sndbuf // 2 + SPARE:
            tcb.drops += segment.merged
            return
        tcb.backlog.append(segment)
        tcb.backlog_bytes += segment.truesize or overhead
        return
    tcb.backlog_bytes += more
    tcb.backlog[-1] = attrs.evolve(
        segment,
        seq=tail.seq,
        ack=max(tail.ack, segment.ack),
        flags=tail.flags | segment.flags,
        data=tail.data + segment.data,
        segment_size=max(x.segment_size or len(x.data) for x in (tail, segment)),
        merged=tail.merged + segment.merged,
        truesize=(tail.truesize or overhead) + more,
        pages=tail.pages + segment.pages if more else tail.pages,
        buffer=0,
    )


def _may_join(tail: Segment, segment: Segment, host: Host) -> bool:
    """Whether two segments that wait may become one: plain, with the same options and marks, in sequence, and the
    first shares no memory with its sender.
    """
    if (tail.timestamps, tail.sack) != (segment.timestamps, segment.sack):
        return False
    plain = (tail.flags | segment.flags) & ~_PLAIN == 0 and not tail.flags & _FIN
    plain = plain and not (tail.flags ^ segment.flags) & _MARKS and tail.ecn == segment.ecn
    return plain and tail.end == segment.seq and tail.buffer not in host.held


def _process(tcb: Tcb, host: Host) -> bool:
    """Process what waits. Whether there was anything. What arrives meanwhile waits in a line of its own, and joins
    nothing that waited before it (`__release_sock`).
    """
    if not tcb.backlog:
        return False
    while tcb.backlog:
        waiting, tcb.backlog = tcb.backlog, deque()
        while waiting:
            host.process(tcb, waiting.popleft())
    tcb.backlog_bytes = 0
    return True


def flush(tcb: Tcb, host: Host) -> bool:
    """In the middle of a call: what waits is processed, and an acknowledgement put off till now is sent. Whether
    anything waited (`__sk_flush_backlog`).
    """
    waited = _process(tcb, host)
    if waited:
        _send_deferred(tcb, host)
    return waited


def unlock(tcb: Tcb, host: Host) -> None:
    """The end of a call: what arrived meanwhile is processed, and an acknowledgement put off till now is sent."""
    _process(tcb, host)
    tcb.busy = False
    _send_deferred(tcb, host)


def _send_deferred(tcb: Tcb, host: Host) -> None:
    if tcb.ack_deferred:
        tcb.ack_deferred = False
        if tcb.ack_scheduled:
            send_ack(tcb, host)
