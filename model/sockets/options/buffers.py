"""Sizes and marks of buffers: what is granted, which is not what was asked for.

Of a size the double is granted, to pay for overhead, between a least one and the double of the system's limit
(net.core.wmem_max, net.core.rmem_max), which SO_SNDBUFFORCE and SO_RCVBUFFORCE pass over for who may (CAP_NET_ADMIN;
programs of the model may). A buffer whose size was asked for does not grow by itself any more, until SO_BUF_LOCK says
so.

Not here: what fills a buffer (tcp/memory.py, udp/memory.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...endpoint import Endpoint
from ...tcp.block import Tcb
from ...tcp.windows import space_from_window
from ...udp.machine import UdpSocket
from ...values.constants import (
    SO_BUF_LOCK,
    SO_RCVBUF,
    SO_RCVBUFFORCE,
    SO_RCVLOWAT,
    SO_SNDBUF,
    SO_SNDBUFFORCE,
    SO_SNDLOWAT,
    SOL_SOCKET,
    WAKES_READERS,
    WAKES_WRITERS,
)
from .row import INT_MAX, Option

if TYPE_CHECKING:
    from ...world.host import Host

_SEND, _RECEIVE = 1, 2
"""The bits of SO_BUF_LOCK."""


def _set_sndbuf(end: Tcb | UdpSocket, value: int, host: Host) -> None:
    _grant_sending(end, min(value, host.profile.wmem_max) if value >= 0 else host.profile.wmem_max, host)


def _force_sndbuf(end: Tcb | UdpSocket, value: int, host: Host) -> None:
    _grant_sending(end, max(value, 0), host)


def _grant_sending(end: Tcb | UdpSocket, value: int, host: Host) -> None:
    end.sndbuf = max(min(value, INT_MAX >> 1) * 2, host.profile.sndbuf_min)
    end.sndbuf_locked = True
    tell_room(end, host)


def tell_room(end: Tcb | UdpSocket, host: Host) -> None:
    """Room to send is told, even if there was as much before (`sk_write_space`)."""
    if end.writable:
        if isinstance(end, Tcb):
            end.ran_full = False
        host.wake(end, WAKES_WRITERS)


def _set_rcvbuf(end: Endpoint, value: int, host: Host) -> None:
    _grant_receiving(end, min(value, host.profile.rmem_max) if value >= 0 else host.profile.rmem_max, host)


def _force_rcvbuf(end: Endpoint, value: int, host: Host) -> None:
    _grant_receiving(end, max(value, 0), host)


def _grant_receiving(end: Endpoint, value: int, host: Host) -> None:
    end.rcvbuf = max(min(value, INT_MAX >> 1) * 2, host.profile.rcvbuf_min)
    end.rcvbuf_locked = True


def _locks(end: Endpoint, host: Host) -> int:
    return _SEND * end.sndbuf_locked | _RECEIVE * end.rcvbuf_locked


def _set_locks(end: Endpoint, value: int, host: Host) -> None:
    end.sndbuf_locked, end.rcvbuf_locked = bool(value & _SEND), bool(value & _RECEIVE)


def _set_rcvlowat(end: Endpoint, value: int, host: Host) -> None:
    """TCP takes no more than half of what the receive buffer may become, and lets it grow to hold that much
    (`tcp_set_rcvlowat`).
    """
    value = value if value >= 0 else INT_MAX
    if not isinstance(end, Tcb):
        end.rcvlowat = value or 1
        return
    value = min(value, (end.rcvbuf if end.rcvbuf_locked else host.profile.tcp_rmem[2]) >> 1)
    end.rcvlowat = value or 1
    if end.readable or end.fin_received:
        host.wake(end, WAKES_READERS)
    space = space_from_window(end, value)
    if not end.rcvbuf_locked and space > end.rcvbuf:
        end.rcvbuf = space
        if end.window_clamp or host.profile.lowat_sets_clamp:
            end.window_clamp = max(end.window_clamp, value)


_SIZE = "The double is granted, and not less than {0} bytes. More than net.core.{1}, and less than nothing, is that."
_FORCED = "As {0} without the limit, for CAP_NET_ADMIN. {0} tells what was granted."
ROWS = (
    Option(
        SOL_SOCKET, SO_SNDBUF, "SO_SNDBUF", lambda e, h: e.sndbuf, _set_sndbuf, note=_SIZE.format("4,608", "wmem_max"),
    ),
    Option(
        SOL_SOCKET, SO_RCVBUF, "SO_RCVBUF", lambda e, h: e.rcvbuf, _set_rcvbuf, note=_SIZE.format("2,304", "rmem_max"),
    ),
    Option(SOL_SOCKET, SO_SNDBUFFORCE, "SO_SNDBUFFORCE", None, _force_sndbuf, note=_FORCED.format("SO_SNDBUF")),
    Option(SOL_SOCKET, SO_RCVBUFFORCE, "SO_RCVBUFFORCE", None, _force_rcvbuf, note=_FORCED.format("SO_RCVBUF")),
    Option(
        SOL_SOCKET, SO_BUF_LOCK, "SO_BUF_LOCK", _locks, _set_locks, 0, _SEND | _RECEIVE,
        note="1: the send buffer does not tune itself, 2: nor does the receive buffer. SO_SNDBUF and SO_RCVBUF set it.",
    ),
    Option(
        SOL_SOCKET, SO_RCVLOWAT, "SO_RCVLOWAT", lambda e, h: e.rcvlowat, _set_rcvlowat,
        note="0 is 1, less is the most. TCP takes half of what the receive buffer may become.",
    ),
    Option(SOL_SOCKET, SO_SNDLOWAT, "SO_SNDLOWAT", lambda e, h: 1, note="Is always 1; see TCP_NOTSENT_LOWAT."),
)  # fmt: skip
