"""The calls of the table: a column each, in groups, in the order of the page.

A call is a function of the net and of the socket. What else it needs (somebody to connect to, a port that is taken)
it makes itself, and keeps until the cell is done. Addresses are written out below; a situation uses port 7000.

Not here: connect with AF_UNSPEC, which Python's sockets cannot say; read(2) and write(2), which no net offers.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from ..situations import NOBODY, keep

Made = Callable[[Any, Any], Any]
FREE, TAKEN, SOMEBODY = ("127.0.0.1", 7001), ("127.0.0.1", 7002), ("127.0.0.1", 7003)
NOT_OURS = ("192.0.2.1", 7000)
MUCH = bytes(4_000_000)
_UDP_CORK, _IP_RECVERR, _IP_MTU, _UNKNOWN = 1, 11, 14, 9999
_TIOCOUTQ, _SIOCOUTQNSD, _SIOCATMARK, _FIONREAD = 0x5411, 0x894B, 0x8905, 0x541B
_LINGER = struct.pack("ii", 1, 0)


@attrs.frozen
class Column:
    """A call. `name` is the head of its column: the function, and behind a comma what it was given."""

    name: str
    make: Made
    waits: bool = False
    """Whether a blocking socket may wait in it."""
    means: Mapping[int, str] = attrs.Factory(dict)
    """Names for the numbers that it returns."""

    @property
    def function(self) -> str:
        """The function that is called."""
        return self.name.partition(", ")[0]


@attrs.frozen
class Group:
    """Calls that share a table, and what is worth knowing of them."""

    title: str
    note: str
    columns: tuple[Column, ...]


def _held(net: Any, sock: Any, address: tuple[str, int]) -> Any:
    """Another socket of the same type at an address."""
    other = keep(net.socket.socket(type=sock.type))
    other.setblocking(False)
    other.bind(address)
    return other


def _bind_taken(net: Any, sock: Any) -> Any:
    _held(net, sock, TAKEN)
    return sock.bind(TAKEN)


def _connect(net: Any, sock: Any) -> Any:
    other = _held(net, sock, SOMEBODY)
    if sock.type == net.socket.SOCK_STREAM:
        other.listen()
    return sock.connect(SOMEBODY)


def _received_into(net: Any, sock: Any) -> Any:
    buffer = bytearray(4)
    return sock.recv_into(buffer), bytes(buffer)


def _peeked_at_urgent(net: Any, sock: Any) -> Any:
    return sock.recv(4, net.socket.MSG_OOB | net.socket.MSG_PEEK)


def _counted(net: Any, sock: Any) -> Any:
    return sock.recv_into(bytearray(4), 4, net.socket.MSG_TRUNC)


def _reported(net: Any, sock: Any) -> Any:
    return sock.recvmsg(4, 100, net.socket.MSG_ERRQUEUE)


def _connect_ex(net: Any, sock: Any) -> Any:
    return sock.connect_ex(NOBODY)


def _sent_with_the_syn(net: Any, sock: Any) -> Any:
    return sock.sendto(b"x", net.socket.MSG_FASTOPEN, NOBODY)


def _dup(net: Any, sock: Any) -> Any:
    return keep(sock.dup())


def _accept(net: Any, sock: Any) -> Any:
    other, address = sock.accept()
    return keep(other), address


def _detached(net: Any, sock: Any) -> Any:
    number = sock.detach()
    return number if number < 0 else keep(net.socket.socket(fileno=number))


def _asked(name: str, request: int) -> Column:
    def ioctl(net: Any, sock: Any) -> Any:
        number = sock.fileno() if sock.fileno() >= 0 else _STALE
        return int.from_bytes(net.fcntl.ioctl(number, request, bytes(4)), "little", signed=True)

    return Column(f"ioctl, {name}", ioctl)


_STALE = 900
"""A number that no cell opens."""


def _got(level: str, option: str, number: int | None = None, **more: Any) -> Column:
    def getsockopt(net: Any, sock: Any) -> Any:
        return sock.getsockopt(getattr(net.socket, level), getattr(net.socket, option) if number is None else number)

    return Column(f"getsockopt, {option}", getsockopt, **more)


def _set(level: str, option: str, value: Any, number: int | None = None) -> Column:
    def setsockopt(net: Any, sock: Any) -> Any:
        known = getattr(net.socket, option) if number is None else number
        return sock.setsockopt(getattr(net.socket, level), known, value)

    return Column(f"setsockopt, {option}", setsockopt)


def _sent(flags: str) -> Column:
    return Column(f"send, {flags}", lambda net, sock: sock.send(b"x", getattr(net.socket, flags)), waits=True)


def _received(flags: str) -> Column:
    return Column(f"recv, {flags}", lambda net, sock: sock.recv(4, getattr(net.socket, flags)), waits=True)


def _shut(how: str) -> Column:
    return Column(f"shutdown, {how}", lambda net, sock: sock.shutdown(getattr(net.socket, how)))


_STATES = "ESTABLISHED SYN_SENT SYN_RECV FIN_WAIT1 FIN_WAIT2 TIME_WAIT CLOSE CLOSE_WAIT LAST_ACK LISTEN CLOSING".split()


def _state() -> Column:
    def getsockopt(net: Any, sock: Any) -> Any:
        return sock.getsockopt(net.socket.IPPROTO_TCP, net.socket.TCP_INFO, 104)[0]

    return Column("getsockopt, TCP_INFO: state", getsockopt, means=dict(enumerate(_STATES, 1)))


GROUPS = (
    Group(
        "Names",
        "A socket has a port of its own from bind() or connect() on, an unconnected UDP socket from its first datagram"
        " on, and then it cannot be bound any more. TCP gives back the name that it did not ask for when the connection"
        " is over, so that such a socket can be bound anew; getsockname still tells the old one.",
        (
            Column("bind, a free port", lambda net, sock: sock.bind(FREE)),
            Column("bind, any port", lambda net, sock: sock.bind(("", 0))),
            Column("bind, a taken port", _bind_taken),
            Column("bind, not our address", lambda net, sock: sock.bind(NOT_OURS)),
            Column("getsockname", lambda net, sock: sock.getsockname()),
            Column("getpeername", lambda net, sock: sock.getpeername()),
        ),
    ),
    Group(
        "Connections",
        "A non-blocking connect() says EINPROGRESS once. What became of it is told by the next connect(), whatever"
        " address that is given: success, once, and EISCONN from then on; or the error, once, and then the socket is as"
        " good as new. Who takes the error by SO_ERROR first finds ECONNABORTED there, once. accept() on what does not"
        " listen is EINVAL, and a connection that was reset while it waited is accepted all the same.",
        (
            Column("listen", lambda net, sock: sock.listen()),
            Column("accept", _accept, waits=True),
            Column("connect, somebody is there", _connect, waits=True),
            Column("connect, nobody is there", lambda net, sock: sock.connect(NOBODY), waits=True),
            Column("connect, no route", lambda net, sock: sock.connect(NOT_OURS), waits=True),
            Column("connect_ex, nobody is there", _connect_ex, waits=True, means=errno.errorcode),
        ),
    ),
    Group(
        "Sending",
        "TCP does not look at the address that sendto() is given. Who sends to a peer that has closed is told that it"
        " went well; the reset that this brings is told to the next call, as EPIPE. No bytes are something else than"
        " nothing to UDP, and to a TCP socket that is still connecting. A datagram too long for any packet is refused"
        " before it is asked whom it is for.",
        (
            Column("send", lambda net, sock: sock.send(b"x"), waits=True),
            Column("send, no bytes", lambda net, sock: sock.send(b""), waits=True),
            Column("send, 4 MB", lambda net, sock: sock.send(MUCH), waits=True),
            Column("sendall, 4 MB", lambda net, sock: sock.sendall(MUCH), waits=True),
            Column("sendto, nobody is there", lambda net, sock: sock.sendto(b"x", NOBODY), waits=True),
            Column("sendto, no route", lambda net, sock: sock.sendto(b"x", NOT_OURS), waits=True),
            Column("sendmsg", lambda net, sock: sock.sendmsg([b"x", b"y"]), waits=True),
            Column("sendmsg, nobody is there", lambda net, sock: sock.sendmsg([b"x", b"y"], [], 0, NOBODY), waits=True),
        ),
    ),
    Group(
        "Sending with flags",
        "MSG_DONTWAIT makes this one call non-blocking. MSG_OOB is for TCP only. Beside these MSG_NOSIGNAL keeps"
        " SIGPIPE away, which Python ignores anyhow.",
        (
            _sent("MSG_DONTWAIT"),
            _sent("MSG_MORE"),
            _sent("MSG_OOB"),
            _sent("MSG_EOR"),
            _sent("MSG_CONFIRM"),
            _sent("MSG_DONTROUTE"),
            Column("sendto, MSG_FASTOPEN", _sent_with_the_syn, waits=True),
        ),
    ),
    Group(
        "Receiving",
        "Bytes that came before the end are given first: before the error of a reset, and before the end of file that"
        " shutdown() makes of the reading direction. A blocking socket waits until SO_RCVLOWAT is met, or as many"
        " bytes as were asked for if that is less; if it gives up it returns what there is. Zero bytes are received"
        " without waiting only if something is there.",
        (
            Column("recv", lambda net, sock: sock.recv(4), waits=True),
            Column("recv_into", _received_into, waits=True),
            Column("recvfrom", lambda net, sock: sock.recvfrom(4), waits=True),
            Column("recvmsg", lambda net, sock: sock.recvmsg(4), waits=True),
            Column("recvmsg, no bytes", lambda net, sock: sock.recvmsg(0), waits=True),
        ),
    ),
    Group(
        "Receiving with flags",
        "MSG_OOB never waits: EINVAL says that there is no urgent byte to wait for, and EAGAIN that it is under way."
        " UDP does not know the flag and receives as ever. MSG_ERRQUEUE never waits either.",
        (
            _received("MSG_DONTWAIT"),
            _received("MSG_PEEK"),
            _received("MSG_OOB"),
            Column("recv, MSG_OOB and MSG_PEEK", _peeked_at_urgent, waits=True),
            Column("recv_into, MSG_TRUNC", _counted, waits=True),
            _received("MSG_WAITALL"),
            Column("recvmsg, MSG_ERRQUEUE", _reported, waits=True),
        ),
    ),
    Group(
        "Asking",
        "SO_ERROR takes the error away; nothing else here changes anything. SIOCOUTQ of a socket whose attempt has"
        " failed counts the SYN that was never acknowledged, and more once the socket was made as good as new.",
        (
            _got("SOL_SOCKET", "SO_ERROR", means=errno.errorcode),
            _got("SOL_SOCKET", "SO_ACCEPTCONN"),
            _state(),
            _got("IPPROTO_IP", "IP_MTU", _IP_MTU),
            _asked("FIONREAD", _FIONREAD),
            _asked("SIOCOUTQ", _TIOCOUTQ),
            _asked("SIOCOUTQNSD", _SIOCOUTQNSD),
            _asked("SIOCATMARK", _SIOCATMARK),
            Column("fileno", lambda net, sock: min(sock.fileno(), 0), means={0: "a number"}),
        ),
    ),
    Group(
        "Setting options",
        "An option of the other protocol is ENOPROTOOPT, and so is one that can only be read. TCP_WINDOW_CLAMP is set"
        " to 0 here, which only a socket takes that is closed in TCP's eyes.",
        (
            _set("SOL_SOCKET", "SO_REUSEADDR", 1),
            _set("SOL_SOCKET", "SO_RCVBUF", 4096),
            _set("SOL_SOCKET", "SO_KEEPALIVE", 1),
            _set("SOL_SOCKET", "SO_ERROR", 1),
            _set("IPPROTO_TCP", "TCP_NODELAY", 1),
            _set("IPPROTO_TCP", "TCP_CORK", 1),
            _set("IPPROTO_TCP", "TCP_CONGESTION", b"reno"),
            _set("IPPROTO_TCP", "TCP_DEFER_ACCEPT", 1),
            _set("IPPROTO_TCP", "TCP_WINDOW_CLAMP", 0),
            _set("IPPROTO_UDP", "UDP_CORK", 1, _UDP_CORK),
            _set("IPPROTO_IP", "IP_RECVERR", 1, _IP_RECVERR),
            _set("SOL_SOCKET", "SO_REUSEPORT", 1),
        ),
    ),
    Group(
        "Setting further options",
        "What each takes is in [options.md](options.md). TCP_FASTOPEN counts those who may wait, which only a socket"
        " has that listens or may come to it.",
        (
            _set("SOL_SOCKET", "SO_LINGER", _LINGER),
            _set("SOL_SOCKET", "SO_BROADCAST", 1),
            _set("IPPROTO_TCP", "TCP_MAXSEG", 500),
            _set("IPPROTO_TCP", "TCP_QUICKACK", 1),
            _set("IPPROTO_TCP", "TCP_FASTOPEN", 5),
            _set("IPPROTO_IP", "IP_TTL", 5),
            _set("IPPROTO_IP", "IP_TOS", 16),
            _set("SOL_SOCKET", "one that there is not", 1, _UNKNOWN),
        ),
    ),
    Group(
        "The end",
        "shutdown() on what is not connected is ENOTCONN and shuts the direction all the same. close() and detach()"
        " succeed on a socket object that is closed.",
        (
            _shut("SHUT_RD"),
            _shut("SHUT_WR"),
            _shut("SHUT_RDWR"),
            Column("dup", _dup),
            Column("detach", _detached),
            Column("setblocking", lambda net, sock: sock.setblocking(True)),
            Column("close", lambda net, sock: sock.close()),
        ),
    ),
)
