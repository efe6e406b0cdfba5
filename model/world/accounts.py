"""The accounts of one socket, taken down as a value: what is charged to it, in which buffers, and what holds it up.

Bytes are not what fills a buffer: each buffer is charged with its memory (tcp/memory.py). A sender stops when its send
buffer is charged as much as it may hold; and that stays so while its bytes cannot leave, because the peer's window, the
congestion window, Nagle's algorithm or a cork holds them. The peer's window in turn hangs on what is charged to the
peer's receive buffer. So *why did send stop here?* is a chain of sentences, each with its numbers (`Holdup`), read off
the state that the rules have left; nothing here is decided.

All sizes are bytes. Not here: words (wouldblock/explaining.py).
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

import attrs

from ..tcp.block import Tcb
from ..tcp.output import current_mss, small_unacknowledged
from ..udp.machine import UdpSocket
from ..values.constants import TcpState

if TYPE_CHECKING:
    from ..endpoint import Endpoint
    from .host import Host


class Reason(Enum):
    """What holds a sender up."""

    SEND_BUFFER = "send buffer"
    """As much is charged as it may hold, or more: no further buffer is begun."""
    NOT_SENT = "not sent"
    """TCP_NOTSENT_LOWAT: enough waits to be sent for the first time."""
    PEER_WINDOW = "peer's window"
    """The first buffer that waits does not fit what is left of the peer's window."""
    CONGESTION_WINDOW = "congestion window"
    """As many segments are on their way as the congestion window lets go."""
    NAGLE = "Nagle"
    """Less than a segment waits, and an earlier small one is unacknowledged."""
    CORK = "cork"
    """TCP_CORK: less than a segment waits."""


@attrs.frozen
class Holdup:
    """One reason: so much there is, and so much is needed or allowed."""

    reason: Reason
    have: int
    need: int


@attrs.frozen
class Held:
    """One buffer in a queue: its payload, what it is charged with, and in how many runs of pages its bytes lie."""

    queue: str
    """``unsent``, ``unacked`` or ``received``; ``datagrams`` for UDP."""
    size: int
    truesize: int
    runs: int


@attrs.frozen
class Accounts:
    """One socket. Of a socket that is not TCP, what only TCP has is 0."""

    wmem: int
    sndbuf: int
    rmem: int
    rcvbuf: int
    reserved: int
    unsent: int
    """Bytes that were never sent."""
    unacked: int
    """Bytes that are on their way."""
    unread: int
    window_left: int
    """What the peer's window still takes."""
    offered: int
    """What this end's window still takes."""
    buffers: tuple[Held, ...]
    holdups: tuple[Holdup, ...]
    """Why nothing more goes in or out, from the program's side to the wire's; empty if a send would be taken and go."""
    full_at: int = 0
    """What was charged to the send buffer when a send found it full last; 0 if none ever did."""
    peer: tuple[int, int, int] | None = None
    """Of the other end, if it is on the same host: charged, size of its receive buffer, and bytes unread there."""

    def to_json(self) -> dict[str, Any]:
        found = attrs.asdict(self)
        for holdup in found["holdups"]:
            holdup["reason"] = holdup["reason"].value
        return found


def take_down(end: Endpoint, host: Host) -> Accounts:
    """The accounts of a socket now. Nothing is changed."""
    if isinstance(end, Tcb):
        return _of_tcp(end, host)
    assert isinstance(end, UdpSocket)
    waiting = (*end.reading, *end.arrived)
    held = tuple(
        Held("datagrams", len(each.data), sum(buffer.truesize for buffer in each.buffers),
             sum(len(buffer.pages) for buffer in each.buffers))
        for each in waiting
    )  # fmt: skip
    unread = sum(len(each.data) for each in waiting)
    return Accounts(
        end.wmem, end.sndbuf, end.rmem, end.rcvbuf, end.reserved, 0, 0, unread, 0, 0, held, ()
    )  # fmt: skip


def _of_tcp(tcb: Tcb, host: Host) -> Accounts:
    buffers = [Held("received", each.length - each.offset, each.truesize, len(each.pages)) for each in tcb.received]
    buffers += [Held("unacked", len(each.data), each.truesize, len(each.pages)) for each in tcb.unacked]
    buffers += [Held("unsent", len(each.data), each.truesize, len(each.pages)) for each in tcb.unsent]
    connected = tcb.state not in (TcpState.LISTEN, TcpState.CLOSED)
    other = host.endpoints.get(host.connections.get((tcb.remote, tcb.local), -1)) if connected else None
    peer = (other.rmem, other.rcvbuf, other.readable_bytes) if isinstance(other, Tcb) else None
    return Accounts(
        tcb.wmem, tcb.sndbuf, tcb.rmem, tcb.rcvbuf, tcb.reserved, sum(len(each.data) for each in tcb.unsent),
        sum(len(each.data) for each in tcb.unacked), tcb.readable_bytes,
        max(tcb.snd_una + tcb.snd_wnd - tcb.snd_nxt, 0) if connected else 0, tcb.receive_window if connected else 0,
        tuple(buffers), tuple(_holdups(tcb)) if connected else (), tcb.full_at, peer,
    )  # fmt: skip


def _holdups(tcb: Tcb) -> list[Holdup]:
    found = []
    if tcb.wmem >= tcb.sndbuf:
        found.append(Holdup(Reason.SEND_BUFFER, tcb.wmem, tcb.sndbuf))
    if tcb.notsent_lowat and tcb.unsent_bytes >= tcb.notsent_lowat:
        found.append(Holdup(Reason.NOT_SENT, tcb.unsent_bytes, tcb.notsent_lowat))
    if not tcb.unsent:
        return found
    buffer, mss = tcb.unsent[0], current_mss(tcb)
    size = len(buffer.data)
    left = tcb.snd_una + tcb.snd_wnd - buffer.seq
    if tcb.pipe >= tcb.cwnd:
        found.append(Holdup(Reason.CONGESTION_WINDOW, tcb.pipe, tcb.cwnd))
    elif min(size, mss) > left:
        found.append(Holdup(Reason.PEER_WINDOW, max(left, 0), min(size, mss)))
    elif size < mss and tcb.corked:
        found.append(Holdup(Reason.CORK, size, mss))
    elif size < mss and not (tcb.nodelay or tcb.nagle_waived) and small_unacknowledged(tcb):
        found.append(Holdup(Reason.NAGLE, size, mss))
    return found
