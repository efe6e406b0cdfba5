"""Receive buffers that tune themselves: as large as what the program reads in a round trip makes sensible.

A window that is smaller than what can be on its way in a round trip holds the sender back; one that is larger wastes
memory. The receiver knows neither the path nor the sender, but it sees how much the program reads in a round trip, and
that its own window allowed so much: it offers twice of it, and more while it grows, so that a sender in slow start is
never held back. A buffer that SO_RCVBUF has sized is left alone, and none shrinks (`tcp_rcv_space_adjust`; Fisk and
Feng, Dynamic Right-Sizing, 2001).

The round trip is the receiver's (roundtrip.py): the shortest time in which a whole window arrived, or the age of an
echoed timestamp. What waits unread counts against what was read, so that a slow reader does not enlarge the buffer.

Not here: windows (windows.py); the buffer that grows because it is overrun (text.py, receive_buffer_grows).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .block import Tcb
from .windows import space_from_window, window_from_space

if TYPE_CHECKING:
    from ..world.host import Host

_US = 1000


def note_read(tcb: Tcb, host: Host) -> None:
    """Bytes of one buffer were read, or looked at: a round trip after the last look the buffer may grow."""
    trip_us = tcb.receive_trip_us8 >> 3
    if not trip_us or (host.now_ns - tcb.measured_at_ns) // _US < trip_us:
        return
    unread = tcb.rcv_nxt - tcb.copied_seq
    read = tcb.copied_seq - tcb.measured_from - unread
    if read > tcb.read_in_trip:
        _follow_reader(tcb, read, host)
    tcb.measured_from, tcb.measured_at_ns = tcb.copied_seq, host.now_ns


def _follow_reader(tcb: Tcb, read: int, host: Host) -> None:
    """In this round trip more was read than in any before: the receive buffer grows, unless SO_RCVBUF was set."""
    before, tcb.read_in_trip = tcb.read_in_trip, read
    window = 2 * read
    make_room(tcb, window + 2 * (window * (read - before) // before), host)


def make_room(tcb: Tcb, window: int, host: Host) -> None:
    """Let the receive buffer hold a window of so many bytes, and what waits behind a gap (`tcp_rcvbuf_grow`)."""
    if tcb.rcvbuf_locked or not host.profile.tunes_receive_buffers:
        return
    if tcb.out_of_order:
        window += max(kept.end for kept in tcb.out_of_order) - tcb.rcv_nxt
    wanted = min(space_from_window(tcb, window) & 0xFFFF_FFFF, host.profile.tcp_rmem[2])
    if wanted > tcb.rcvbuf:
        tcb.rcvbuf = wanted
        tcb.window_clamp = window_from_space(tcb, wanted)
