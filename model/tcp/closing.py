"""The user's calls that end a TCP connection: shutdown of one direction or both, and close.

close() of the last descriptor sends a FIN behind everything that waits to be sent, and the connection goes on without a
descriptor. Bytes that were received and never read turn it into a reset.

**SO_LINGER** changes what close() does. With no time to linger the connection is reset and what was not sent is lost.
With some, close() waits, on a non-blocking socket too, until the peer has acknowledged everything and the FIN, or until
the time is over; whatever ends the wait, it succeeds (`sk_stream_wait_close`). So it may take a delayed
acknowledgement's time. Meanwhile the connection still counts as somebody's, so close() looks at its state twice: when
the FIN goes, and when the wait is over.

Not here: who waits, and how long (model/simnet/kernel.py); how connections end otherwise (ends.py).
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from ..values.constants import SHUT_RD, SHUT_RDWR, SHUT_WR, TcpState
from ..values.results import OK, Answer, Fail
from . import memory
from .block import Tcb
from .calls import NOT_CONNECTED
from .ends import NOT_DRAWN, abandon_children, disconnect, unhash, wait_for_fin
from .machine import SYNCHRONIZED, TCP, TcpEvent
from .output import send_fin, send_reset

if TYPE_CHECKING:
    from ..world.host import Host

S = TcpState
FINISHING = (S.FIN_WAIT_1, S.CLOSING, S.LAST_ACK)
"""States in which the FIN is not acknowledged yet: a close() that lingers waits in them."""


def lingers(tcb: Tcb) -> bool:
    """Whether close() of the last descriptor waits for the peer's acknowledgement, unless it has come already."""
    return tcb.lingers and tcb.linger_ticks > 0 and tcb.state in (S.ESTABLISHED, S.CLOSE_WAIT, *FINISHING)


def _shuts(tcb: Tcb, how: int) -> None:
    tcb.read_shut = tcb.read_shut or how in (SHUT_RD, SHUT_RDWR)
    tcb.write_shut = tcb.write_shut or how in (SHUT_WR, SHUT_RDWR)


@TCP.rule(on=TcpEvent.SHUTDOWN, stays=NOT_CONNECTED, cite="shutdown(2), ENOTCONN; inet_shutdown")
def shutdown_without_connection(tcb: Tcb, how: int, host: Host) -> Answer:
    """Not connected: ENOTCONN. The direction is shut all the same, and stays so when the socket is connected later.
    POSIX says that nothing changes; Linux does change it."""
    if host.profile.shutdown_sticks_before_connect:
        _shuts(tcb, how)
    return Fail(errno.ENOTCONN)


@TCP.rule(
    on=TcpEvent.SHUTDOWN, stays=(S.LISTEN,), when=lambda tcb, how, host: how == SHUT_WR, cite="inet_shutdown",
)  # fmt: skip
def shutdown_listener_for_writing(tcb: Tcb, how: int, host: Host) -> Answer:
    """A listener never writes: nothing happens."""
    return OK


@TCP.rule(on=TcpEvent.SHUTDOWN, moves={S.LISTEN: S.CLOSED}, cite="inet_shutdown, tcp_disconnect")
def shutdown_stops_listening(tcb: Tcb, how: int, host: Host) -> Answer:
    """A listener shut for reading is a closed socket again; the connections that waited are reset."""
    abandon_children(tcb, host)
    unhash(tcb, host)
    disconnect(tcb, host)
    return OK


@TCP.rule(on=TcpEvent.SHUTDOWN, moves={S.SYN_SENT: S.CLOSED}, cite="inet_shutdown, tcp_disconnect")
def shutdown_gives_up_connecting(tcb: Tcb, how: int, host: Host) -> Answer:
    """The attempt to connect is abandoned, and ECONNRESET is left pending."""
    unhash(tcb, host)
    disconnect(tcb, host)
    tcb.error = errno.ECONNRESET
    return OK


@TCP.rule(
    on=TcpEvent.SHUTDOWN, stays=(S.SYN_RECEIVED, *SYNCHRONIZED), when=lambda tcb, how, host: how == SHUT_RD,
    cite="shutdown(2)",
)  # fmt: skip
def shutdown_reading(tcb: Tcb, how: int, host: Host) -> Answer:
    """The reader sees end of file; the peer is told nothing, and what it sends can still be read."""
    _shuts(tcb, how)
    return OK


@TCP.rule(
    on=TcpEvent.SHUTDOWN, moves={S.ESTABLISHED: S.FIN_WAIT_1, S.CLOSE_WAIT: S.LAST_ACK},
    cite="RFC 9293 §3.10.4, CLOSE in ESTABLISHED and CLOSE-WAIT; tcp_shutdown",
)  # fmt: skip
def shutdown_sends_fin(tcb: Tcb, how: int, host: Host) -> Answer:
    """A FIN goes out behind everything that waits to be sent; the other direction goes on."""
    _shuts(tcb, how)
    send_fin(tcb, host)
    return OK


@TCP.rule(
    on=TcpEvent.SHUTDOWN, stays=(S.SYN_RECEIVED, S.FIN_WAIT_1, S.FIN_WAIT_2, S.CLOSING, S.LAST_ACK),
    cite="tcp_shutdown",
)  # fmt: skip
def shutdown_again(tcb: Tcb, how: int, host: Host) -> Answer:
    """The FIN was sent before: only the bits change."""
    _shuts(tcb, how)
    return OK


@TCP.rule(on=TcpEvent.CLOSE, stays=(S.CLOSED,), cite="close(2); RFC 9293 §3.10.4, CLOSE in CLOSED")
def close_without_connection(tcb: Tcb, host: Host) -> None:
    """Nothing is connected: the socket is gone."""
    memory.discard_received(tcb, host.profile)
    host.remove(tcb)


@TCP.rule(on=TcpEvent.CLOSE, moves={S.LISTEN: S.CLOSED}, cite="RFC 9293 §3.10.4, CLOSE in LISTEN; inet_csk_listen_stop")
def close_listener(tcb: Tcb, host: Host) -> None:
    """The listener is gone, and the connections that waited to be accepted are reset."""
    abandon_children(tcb, host)
    host.remove(tcb)


@TCP.rule(on=TcpEvent.CLOSE, moves={S.SYN_SENT: S.CLOSED}, cite="RFC 9293 §3.10.4, CLOSE in SYN-SENT")
def close_gives_up_connecting(tcb: Tcb, host: Host) -> None:
    """The attempt to connect is forgotten; nothing is sent."""
    host.remove(tcb)


@TCP.rule(
    on=TcpEvent.CLOSE, moves=dict.fromkeys(SYNCHRONIZED, S.CLOSED),
    when=lambda tcb, host: tcb.readable_bytes > 0, cite="RFC 2525 §2.17; RFC 1122 §4.2.2.13; __tcp_close",
)  # fmt: skip
def close_with_unread_bytes(tcb: Tcb, host: Host) -> None:
    """Received bytes were never read: the peer gets a reset instead of a FIN, because data was lost."""
    memory.discard_received(tcb, host.profile)
    host.leave_tables(tcb)
    send_reset(tcb, host)
    host.remove(tcb)


def _resets_at_once(tcb: Tcb, host: Host) -> bool:
    return tcb.lingers and not tcb.linger_ticks


@TCP.rule(
    on=TcpEvent.CLOSE, moves=dict.fromkeys(SYNCHRONIZED, S.CLOSED), when=_resets_at_once,
    cite="socket(7), SO_LINGER; __tcp_close, tcp_disconnect, tcp_need_reset",
)  # fmt: skip
def close_without_lingering(tcb: Tcb, host: Host) -> None:
    """SO_LINGER with no time: the peer gets a reset, and what was not sent is lost.
    Where both FINs have come nothing is left to be reset, unless bytes are still to be sent."""
    sends = tcb.state not in (S.CLOSING, S.LAST_ACK) or tcb.unsent_bytes > 0
    host.leave_tables(tcb)
    if sends:
        send_reset(tcb, host)
    host.remove(tcb)


@TCP.rule(
    on=TcpEvent.CLOSE,
    moves={S.ESTABLISHED: S.FIN_WAIT_1, S.SYN_RECEIVED: S.FIN_WAIT_1, S.CLOSE_WAIT: S.LAST_ACK},
    cite="RFC 9293 §3.10.4, CLOSE in ESTABLISHED and CLOSE-WAIT",
)  # fmt: skip
def close_sends_fin(tcb: Tcb, host: Host) -> None:
    """A FIN goes out behind everything that waits to be sent; the connection goes on without its descriptor."""
    tcb.read_shut = tcb.write_shut = True
    memory.discard_received(tcb, host.profile)
    send_fin(tcb, host)


@TCP.rule(
    on=TcpEvent.CLOSE, stays=(S.FIN_WAIT_1, S.CLOSING, S.LAST_ACK),
    cite="RFC 9293 §3.10.4: the FIN was sent before",
)  # fmt: skip
def close_after_fin(tcb: Tcb, host: Host) -> None:
    """The FIN was sent before: the connection finishes without its descriptor."""
    tcb.read_shut = tcb.write_shut = True
    memory.discard_received(tcb, host.profile)


@TCP.rule(
    on=TcpEvent.CLOSE, moves={S.FIN_WAIT_2: S.CLOSED}, when=lambda tcb, host: tcb.orphan_waits_s < 0,
    cite="tcp(7), TCP_LINGER2; __tcp_close", unconfirmed=NOT_DRAWN,
)  # fmt: skip
def close_does_not_wait_for_fin(tcb: Tcb, host: Host) -> None:
    """Only the peer's FIN is missing, and TCP_LINGER2 says not to wait for it: the peer gets a reset."""
    memory.discard_received(tcb, host.profile)
    host.leave_tables(tcb)
    send_reset(tcb, host)
    host.remove(tcb)


@TCP.rule(on=TcpEvent.CLOSE, stays=(S.FIN_WAIT_2,), cite="RFC 9293 §3.10.4; tcp_fin_timeout in tcp(7)")
def close_in_fin_wait_2(tcb: Tcb, host: Host) -> None:
    """Only the peer's FIN is missing: it is waited for, but not for ever."""
    tcb.read_shut = tcb.write_shut = True
    memory.discard_received(tcb, host.profile)
    wait_for_fin(tcb, host)
