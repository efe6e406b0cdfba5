"""Options of every socket that are not about its buffers or its patience.

Not here: SO_REUSEPORT; SO_DEBUG, SO_BINDTODEVICE, SO_INCOMING_CPU; filters; options that show in ancillary data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...endpoint import Endpoint
from ...tcp import keepalive
from ...tcp.block import Tcb
from ...values.constants import (
    AF_INET,
    IPPROTO_TCP,
    IPPROTO_UDP,
    SO_ACCEPTCONN,
    SO_BROADCAST,
    SO_BSDCOMPAT,
    SO_BUSY_POLL,
    SO_DOMAIN,
    SO_DONTROUTE,
    SO_ERROR,
    SO_KEEPALIVE,
    SO_MARK,
    SO_NO_CHECK,
    SO_NOFCS,
    SO_OOBINLINE,
    SO_PRIORITY,
    SO_PROTOCOL,
    SO_REUSEADDR,
    SO_TYPE,
    SOCK_DGRAM,
    SOCK_STREAM,
    SOL_SOCKET,
    TcpState,
)
from .row import Option, field, flag, stored

if TYPE_CHECKING:
    from ...world.host import Host


def _take_error(end: Endpoint, host: Host) -> int:
    """The pending error, else an error of the network that is kept for later (`sk_getsockopt`); it is gone then."""
    error = end.take_error()
    if not error:
        error, end.soft_error = end.soft_error, 0
    return error


def _set_keepalive(end: Endpoint, value: int, host: Host) -> None:
    was, end.keepalive = end.keepalive, bool(value)
    if isinstance(end, Tcb) and end.keepalive and not was:
        keepalive.start(end, host)


def _nothing(end: Endpoint, value: int, host: Host) -> None:
    """The option is there for programs of old."""


ROWS = (
    Option(
        SOL_SOCKET, SO_ERROR, "SO_ERROR", _take_error, note="The pending error, as a number; it is thereby reported.",
    ),
    Option(SOL_SOCKET, SO_TYPE, "SO_TYPE", lambda e, h: SOCK_STREAM if e.is_tcp else SOCK_DGRAM),
    Option(SOL_SOCKET, SO_DOMAIN, "SO_DOMAIN", lambda e, h: AF_INET),
    Option(SOL_SOCKET, SO_PROTOCOL, "SO_PROTOCOL", lambda e, h: IPPROTO_TCP if e.is_tcp else IPPROTO_UDP),
    Option(
        SOL_SOCKET, SO_ACCEPTCONN, "SO_ACCEPTCONN", lambda e, h: int(e.is_tcp and e.state is TcpState.LISTEN),
        note="Whether it listens.",
    ),
    Option(SOL_SOCKET, SO_REUSEADDR, "SO_REUSEADDR", *field("reuse_address")),
    Option(SOL_SOCKET, SO_KEEPALIVE, "SO_KEEPALIVE", lambda e, h: int(e.keepalive), _set_keepalive),
    Option(
        SOL_SOCKET, SO_OOBINLINE, "SO_OOBINLINE", *field("urgent_inline"), note="UDP takes it and has no use for it.",
    ),
    Option(
        SOL_SOCKET, SO_BROADCAST, "SO_BROADCAST", *field("broadcasts"),
        note="Without it a datagram to an address that is everybody's is EACCES. TCP takes it and has no use for it.",
    ),
    stored(
        SOL_SOCKET, SO_DONTROUTE, "SO_DONTROUTE", kind=flag,
        note="Keeps to hosts of the same link, which all of the model's are.",
    ),
    stored(
        SOL_SOCKET, SO_NO_CHECK, "SO_NO_CHECK", kind=flag, note="Datagrams of the kernel leave without a checksum.",
    ),
    stored(
        SOL_SOCKET, SO_PRIORITY, "SO_PRIORITY", inherited=False,
        note="More than 6, or less than 0, is for CAP_NET_ADMIN. IP_TOS sets it anew.",
    ),
    stored(SOL_SOCKET, SO_MARK, "SO_MARK", note="For CAP_NET_ADMIN or CAP_NET_RAW."),
    stored(SOL_SOCKET, SO_BUSY_POLL, "SO_BUSY_POLL", least=0),
    stored(SOL_SOCKET, SO_NOFCS, "SO_NOFCS", kind=flag),
    Option(
        SOL_SOCKET, SO_BSDCOMPAT, "SO_BSDCOMPAT", lambda e, h: 0, _nothing, stored=True,
        note="Is taken, and stays 0.",
    ),
)  # fmt: skip
