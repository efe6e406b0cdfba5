"""The life of a socket as programs see it: unconnected, connecting, connected, and the names it has meanwhile.

`connect` looks at this life first, and only then at TCP's state. A non-blocking connect answers EINPROGRESS and
leaves the life CONNECTING, even when the handshake was over before the call returned, as on loopback. Whoever wants
to know asks again: the second connect brings the life up to date, and reports what became of the attempt. Read the
error with SO_ERROR first, and that second connect finds nothing to report: it says ECONNABORTED, once.

A blocking connect begins an attempt, or joins the one there is, and waits. When it is woken it only looks at the
outcome (CONNECT_WOKEN), and never begins another attempt, whatever was done to the socket meanwhile.

UDP sockets stay UNCONNECTED in this sense for ever; their connect is their own (udp/calls.py).

Not here: AF_UNSPEC.
"""

from __future__ import annotations

import errno
from enum import IntEnum
from typing import TYPE_CHECKING

from ..choices import NEVER_ALL_PORTS
from ..endpoint import Endpoint, Life
from ..rules import Machine
from ..tcp.block import Tcb
from ..tcp.ends import disconnect, take_over
from ..tcp.machine import TCP, TcpEvent
from ..values.addresses import ANY, Address, is_local, target
from ..values.constants import SHUT_RD, SHUT_RDWR, SHUT_WR, TcpState
from ..values.results import OK, Answer, Block, Done, Fail

if TYPE_CHECKING:
    from ..world.host import Host

U, G, C, D = Life.UNCONNECTED, Life.CONNECTING, Life.CONNECTED, Life.DISCONNECTING
ANY_LIFE = tuple(Life)
_ESTABLISHED = "the connection to be established"


class LifeEvent(IntEnum):
    """Calls that look at the life of a socket before they look at its protocol."""

    CONNECT = 0
    SHUTDOWN = 1
    BIND = 2
    GETSOCKNAME = 3
    GETPEERNAME = 4
    GETSOCKOPT = 5
    SETSOCKOPT = 6
    ANCILLARY = 7
    DIRECTION = 8
    CONNECT_WOKEN = 9
    """Whoever waits in connect looks what has become of the attempt."""


SOCKET = Machine("socket", "Life of a TCP socket: connect in progress", Life, LifeEvent, field="life")

# ---------------------------------------------------------------- connect


@SOCKET.rule(
    on=LifeEvent.CONNECT, stays=(U,), when=lambda s, addr, host: s.state is not TcpState.CLOSED,
    cite="connect(2), EISCONN; inet_stream_connect, SS_UNCONNECTED",
)  # fmt: skip
def connect_on_listener(tcb: Tcb, address: Address, host: Host) -> Answer:
    """A listening socket cannot connect: EISCONN."""
    return Fail(errno.EISCONN)


@SOCKET.rule(
    on=LifeEvent.CONNECT, stays=(U,), when=lambda s, addr, host: not (addr[0] == ANY or host.reaches(addr[0])),
    cite="connect(2), ENETUNREACH; tcp_v4_connect",
)  # fmt: skip
def connect_without_route(tcb: Tcb, address: Address, host: Host) -> Answer:
    """No route leads there: ENETUNREACH."""
    return Fail(errno.ENETUNREACH)


def _leaves_from_loopback(tcb: Tcb, address: Address, host: Host) -> bool:
    return is_local(tcb.local[0]) and not host.owns(target(address, tcb.local)[0])


@SOCKET.rule(
    on=LifeEvent.CONNECT, stays=(U,), when=_leaves_from_loopback, cite="RFC 1122 §3.2.1.3 (g); __mkroute_output",
    unconfirmed="on loopback there is no other host",
)  # fmt: skip
def connect_from_loopback_outside(tcb: Tcb, address: Address, host: Host) -> Answer:
    """The socket has an address of loopback, and that must not leave the host: EINVAL."""
    return Fail(errno.EINVAL)


def _pair_taken(tcb: Tcb, address: Address, host: Host) -> bool:
    if not tcb.holds_port:
        return False
    remote = target(address, tcb.local)
    local = (host.source_for(remote[0]) if tcb.local[0] == ANY else tcb.local[0], tcb.local[1])
    other = host.connections.get((local, remote))
    return other is not None and host.tcb(other).state is not TcpState.TIME_WAIT


@SOCKET.rule(
    on=LifeEvent.CONNECT, stays=(U,), when=_pair_taken, cite="connect(2), EADDRNOTAVAIL; __inet_check_established",
)  # fmt: skip
def connect_where_pair_is_taken(tcb: Tcb, address: Address, host: Host) -> Answer:
    """Another connection has the same two addresses and ports: EADDRNOTAVAIL."""
    return Fail(errno.EADDRNOTAVAIL)


def _no_port_left(tcb: Tcb, address: Address, host: Host) -> bool:
    remote = target(address, tcb.local)
    ip = host.source_for(remote[0]) if tcb.local[0] == ANY else tcb.local[0]
    return not (tcb.holds_port or host.ports.any_to_connect(ip, remote, host))


@SOCKET.rule(
    on=LifeEvent.CONNECT, stays=(U,), when=_no_port_left, cite="connect(2), EADDRNOTAVAIL; __inet_hash_connect",
    unconfirmed=NEVER_ALL_PORTS,
)  # fmt: skip
def connect_finds_no_port(tcb: Tcb, address: Address, host: Host) -> Answer:
    """Every port of the ephemeral range is bound, or has a connection to the same place: EADDRNOTAVAIL."""
    return Fail(errno.EADDRNOTAVAIL)


@SOCKET.rule(on=LifeEvent.CONNECT, moves={U: G}, cite="connect(2), EINPROGRESS; RFC 9293 §3.10.1")
def connect_starts(tcb: Tcb, address: Address, host: Host) -> Answer:
    """The attempt begins; the answer is EINPROGRESS even if the handshake is over before connect returns.
    The socket was locked by this very call, so the peer's answer waits for its end.
    A connection of the same pair that rests in TIME-WAIT makes way (tcp_twsk_unique)."""
    tcb.remote = target(address, tcb.local)
    if tcb.local[0] == ANY:
        tcb.local = (host.source_for(tcb.remote[0]), tcb.local[1])
    if not tcb.holds_port:
        host.ports.bind_to_connect(tcb, host)
    resting = host.connections.get((tcb.local, tcb.remote))
    if resting is not None:
        take_over(tcb, host.tcb(resting), host)
    host.connections[tcb.local, tcb.remote] = tcb.number
    TCP.fire(host.trail, TcpEvent.ACTIVE_OPEN, tcb, host)
    return Fail(errno.EINPROGRESS) if tcb.nonblocking else Block(_ESTABLISHED, errno.EINPROGRESS)


@SOCKET.rule(
    on=LifeEvent.CONNECT, stays=(G,), when=lambda s, addr, host: s.state in (TcpState.SYN_SENT, TcpState.SYN_RECEIVED),
    cite="connect(2), EALREADY",
)  # fmt: skip
def connect_asked_again_in_progress(tcb: Tcb, address: Address, host: Host) -> Answer:
    """The first attempt is still in progress: EALREADY."""
    return Fail(errno.EALREADY) if tcb.nonblocking else Block(_ESTABLISHED, errno.EALREADY)


@SOCKET.rule(
    on=LifeEvent.CONNECT, moves={G: U},
    when=lambda s, addr, host: s.state is TcpState.CLOSED and s.error != 0,
    cite="connect(2); inet_stream_connect, sock_error",
)  # fmt: skip
def connect_asked_again_reports_failure(tcb: Tcb, address: Address, host: Host) -> Answer:
    """The attempt failed: this connect reports the pending error, and the next one starts anew."""
    error = tcb.take_error()
    disconnect(tcb, host)
    return Fail(error)


@SOCKET.rule(
    on=LifeEvent.CONNECT, moves={G: U}, when=lambda s, addr, host: s.state is TcpState.CLOSED,
    cite="inet_stream_connect: sock_error, or else ECONNABORTED",
)  # fmt: skip
def connect_asked_again_too_late(tcb: Tcb, address: Address, host: Host) -> Answer:
    """The attempt failed, and its error was read already: ECONNABORTED, once; the next connect starts anew."""
    disconnect(tcb, host)
    return Fail(errno.ECONNABORTED)


@SOCKET.rule(on=LifeEvent.CONNECT, moves={G: C}, cite="connect(2)")
def connect_asked_again_succeeds(tcb: Tcb, address: Address, host: Host) -> Answer:
    """The attempt has succeeded meanwhile: this connect says so, wherever it was asked to connect to."""
    return OK


@SOCKET.rule(on=LifeEvent.CONNECT, stays=(C,), cite="connect(2), EISCONN")
def connect_when_connected(tcb: Tcb, address: Address, host: Host) -> Answer:
    """Connected already: EISCONN, even after the connection has ended."""
    return Fail(errno.EISCONN)


@SOCKET.rule(on=LifeEvent.CONNECT, stays=(D,), cite="inet_stream_connect, default")
def connect_after_failed_shutdown(tcb: Tcb, address: Address, host: Host) -> Answer:
    """The failed attempt was shut down before anyone asked for its end: EINVAL, for ever."""
    return Fail(errno.EINVAL)


# ---------------------------------------------------------------- waiting in connect

_NEVER_WAITS = "the cross-check never blocks"


@SOCKET.rule(
    on=LifeEvent.CONNECT_WOKEN, stays=(G, D),
    when=lambda s, host: s.state in (TcpState.SYN_SENT, TcpState.SYN_RECEIVED),
    cite="inet_wait_for_connect", unconfirmed=_NEVER_WAITS,
)  # fmt: skip
def connect_waits_on(tcb: Tcb, host: Host) -> Answer:
    """The attempt is still in progress, and whoever waits for it waits on."""
    return Block(_ESTABLISHED)


@SOCKET.rule(
    on=LifeEvent.CONNECT_WOKEN, moves={G: U, C: U, D: U}, stays=(U,),
    when=lambda s, host: s.state is TcpState.CLOSED, cite="inet_stream_connect, sock_error",
    unconfirmed=_NEVER_WAITS,
)  # fmt: skip
def waiting_connect_fails(tcb: Tcb, host: Host) -> Answer:
    """The attempt has failed or was shut down: who waited for it is told the pending error, or else ECONNABORTED."""
    error = tcb.take_error() or errno.ECONNABORTED
    disconnect(tcb, host)
    return Fail(error)


@SOCKET.rule(
    on=LifeEvent.CONNECT_WOKEN, moves={G: C, D: C}, stays=(C,), cite="inet_stream_connect, SS_CONNECTED",
    unconfirmed=_NEVER_WAITS,
)  # fmt: skip
def waiting_connect_succeeds(tcb: Tcb, host: Host) -> Answer:
    """The attempt has succeeded, and everybody who waited for it is told so."""
    return OK


# ---------------------------------------------------------------- shutdown


@SOCKET.rule(
    on=LifeEvent.SHUTDOWN, moves={G: U}, when=lambda s, how, host: s.state is TcpState.SYN_SENT, cite="inet_shutdown",
)  # fmt: skip
def shutdown_ends_attempt(tcb: Tcb, how: int, host: Host) -> Answer:
    """Shutting down an attempt in progress ends it."""
    return TCP.fire(host.trail, TcpEvent.SHUTDOWN, tcb, how, host)  # type: ignore[no-any-return]


@SOCKET.rule(
    on=LifeEvent.SHUTDOWN, moves={G: D}, when=lambda s, how, host: s.state in (TcpState.CLOSED, TcpState.SYN_RECEIVED),
    cite="inet_shutdown, SS_DISCONNECTING",
)  # fmt: skip
def shutdown_of_failed_attempt(tcb: Tcb, how: int, host: Host) -> Answer:
    """The attempt had failed already: the socket can never connect again."""
    return TCP.fire(host.trail, TcpEvent.SHUTDOWN, tcb, how, host)  # type: ignore[no-any-return]


@SOCKET.rule(on=LifeEvent.SHUTDOWN, moves={G: C}, cite="inet_shutdown, SS_CONNECTED")
def shutdown_notices_success(tcb: Tcb, how: int, host: Host) -> Answer:
    """The attempt had succeeded, which shutdown is the first to notice."""
    return TCP.fire(host.trail, TcpEvent.SHUTDOWN, tcb, how, host)  # type: ignore[no-any-return]


@SOCKET.rule(on=LifeEvent.SHUTDOWN, stays=(U, C, D), cite="shutdown(2)")
def shutdown_concerns_protocol(tcb: Tcb, how: int, host: Host) -> Answer:
    """The life of the socket does not change: what happens is TCP's affair."""
    return TCP.fire(host.trail, TcpEvent.SHUTDOWN, tcb, how, host)  # type: ignore[no-any-return]


@SOCKET.rule(
    on=LifeEvent.DIRECTION, stays=ANY_LIFE, when=lambda end, how, host: how not in (SHUT_RD, SHUT_WR, SHUT_RDWR),
    cite="shutdown(2), EINVAL; inet_shutdown",
    unconfirmed="the cross-check shuts what there is; tests/calls/test_bad_input.py shuts more",
)  # fmt: skip
def shutdown_of_no_direction(end: Endpoint, how: int, host: Host) -> Answer:
    """There is no such direction: EINVAL, before it is asked whether the socket is connected."""
    return Fail(errno.EINVAL)


# ---------------------------------------------------------------- names


@SOCKET.rule(
    on=LifeEvent.BIND, stays=ANY_LIFE, when=lambda s, addr, host: not (addr[0] == ANY or host.owns(addr[0])),
    cite="bind(2), EADDRNOTAVAIL",
)  # fmt: skip
def bind_to_foreign_address(end: Endpoint, address: Address, host: Host) -> Answer:
    """The address is not one of this host: EADDRNOTAVAIL."""
    return Fail(errno.EADDRNOTAVAIL)


@SOCKET.rule(
    on=LifeEvent.BIND, stays=ANY_LIFE, when=lambda s, addr, host: s.holds_port or host.is_open(s),
    cite="bind(2), EINVAL; inet_bind",
)  # fmt: skip
def bind_again(end: Endpoint, address: Address, host: Host) -> Answer:
    """It has a port already: EINVAL."""
    return Fail(errno.EINVAL)


@SOCKET.rule(
    on=LifeEvent.BIND, stays=ANY_LIFE,
    when=lambda s, addr, host: addr[1] != 0 and host.ports_of(s).conflicts(s, addr[0], addr[1], host),
    cite="bind(2), EADDRINUSE",
)  # fmt: skip
def bind_where_another_is(end: Endpoint, address: Address, host: Host) -> Answer:
    """Another socket holds this port on an overlapping address: EADDRINUSE, and an address bound earlier is forgotten."""  # noqa: E501
    end.local = (ANY, end.local[1])
    return Fail(errno.EADDRINUSE)


@SOCKET.rule(
    on=LifeEvent.BIND, stays=ANY_LIFE, when=lambda s, addr, host: s.draws_port_late and not addr[1],
    cite="ip(7), IP_BIND_ADDRESS_NO_PORT; __inet_bind",
    unconfirmed="the random check leaves that option alone; tests/simnet/test_options.py sets it on both arms",
)  # fmt: skip
def bind_leaves_port_open(end: Endpoint, address: Address, host: Host) -> Answer:
    """Any port will do, and connect(), listen() or the first datagram is to draw it: the socket has an address only.
    It can be bound again."""
    end.local = address
    end.ip_bound = end.ip_bound or address[0] != ANY
    return OK


@SOCKET.rule(
    on=LifeEvent.BIND, stays=ANY_LIFE,
    when=lambda s, addr, host: addr[1] == 0 and host.ports_of(s).none_is_left(host),
    cite="bind(2), EADDRINUSE; inet_csk_find_open_port, udp_lib_get_port",
    unconfirmed=NEVER_ALL_PORTS,
)  # fmt: skip
def bind_finds_no_port(end: Endpoint, address: Address, host: Host) -> Answer:
    """Every port of the ephemeral range is held: EADDRINUSE, and an address bound earlier is forgotten."""
    end.local = (ANY, end.local[1])
    return Fail(errno.EADDRINUSE)


@SOCKET.rule(on=LifeEvent.BIND, stays=ANY_LIFE, cite="bind(2)")
def bind_takes_address(end: Endpoint, address: Address, host: Host) -> Answer:
    """The socket has this name now; port 0 stands for a free port of the ephemeral range."""
    end.local = address
    end.ip_bound = end.ip_bound or address[0] != ANY
    end.port_bound = address[1] != 0
    ports = host.ports_of(end)
    if address[1]:
        ports.hold(end)
    else:
        ports.bind_ephemeral(end, host)
    host.bound(end)
    return OK


@SOCKET.rule(on=LifeEvent.GETSOCKNAME, stays=ANY_LIFE, cite="getsockname(2)")
def getsockname_tells_own_name(end: Endpoint, host: Host) -> Answer:
    """The own address and port, 0.0.0.0 and 0 as long as there are none."""
    return Done(end.local)


@SOCKET.rule(
    on=LifeEvent.GETPEERNAME, stays=ANY_LIFE, when=lambda s, host: host.has_peer(s), cite="getpeername(2)",
)  # fmt: skip
def getpeername_tells_peer(end: Endpoint, host: Host) -> Answer:
    """The peer's address and port."""
    return Done(end.remote)


@SOCKET.rule(on=LifeEvent.GETPEERNAME, stays=ANY_LIFE, cite="getpeername(2), ENOTCONN; inet_getname")
def getpeername_without_peer(end: Endpoint, host: Host) -> Answer:
    """Not connected, not yet, or no more: ENOTCONN."""
    return Fail(errno.ENOTCONN)
