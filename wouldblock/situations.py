"""Situations that a socket can be in, each made by plain socket code on either arm.

A situation is a function of the net that returns the socket it is about. Its documentation says what it is, in the
words of the table (readiness.py).

What a call sends on loopback has arrived when it returns. Only the acknowledgement of a FIN comes later: with a tick of
the kernel's, for which `_settle` waits.

Not here: IPv6 (not modelled).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

Situation = Callable[[Any], Any]
HERE, NOBODY = ("127.0.0.1", 7000), ("127.0.0.1", 9)
SITUATIONS: dict[str, Situation] = {}
_RECVERR = 11
"""IP_RECVERR, which Python has no name for before 3.14."""


def situation(function: Situation) -> Situation:
    """Enter it in the table, in the order of this file."""
    SITUATIONS[function.__name__] = function
    return function


def _settle(net: Any) -> None:
    net.time.sleep(0.006)


def _stream(net: Any) -> Any:
    sock = net.socket.socket()
    sock.setblocking(False)
    return sock


def _listening(net: Any, backlog: int = 5) -> Any:
    sock = _stream(net)
    sock.setsockopt(net.socket.SOL_SOCKET, net.socket.SO_REUSEADDR, 1)
    sock.bind(HERE)
    sock.listen(backlog)
    return sock


def _connected(net: Any, buffers: int = 0) -> tuple[Any, Any]:
    """A client and the server's end, with nothing under way; the client knows that it is connected. `buffers` is asked
    for the client's send buffer and the server's receive buffer, in bytes.
    """
    client, server = _connected_unknowing(net, buffers)
    client.connect_ex(HERE)
    return client, server


def _connected_unknowing(net: Any, buffers: int = 0) -> tuple[Any, Any]:
    """The same, where connect() was called once and said EINPROGRESS."""
    with contextlib.closing(_listening(net)) as listener:
        client = _stream(net)
        if buffers:
            client.setsockopt(net.socket.SOL_SOCKET, net.socket.SO_SNDBUF, buffers)
            listener.setsockopt(net.socket.SOL_SOCKET, net.socket.SO_RCVBUF, buffers)
        client.connect_ex(HERE)
        server, _ = listener.accept()
        server.setblocking(False)
    return client, server


def _filled(net: Any) -> tuple[Any, Any]:
    """A client that can send no more. The buffers are small, so that few packets are enough: many would be left to
    ksoftirqd under load, and then there is soon room again.
    """
    client, server = _connected(net, buffers=50_000)
    with contextlib.suppress(BlockingIOError):
        while True:
            client.send(bytes(65_536))
    return client, server


# ---------------------------------------------------------------- streams


@situation
def fresh(net: Any) -> Any:
    """made by socket()"""
    return _stream(net)


@situation
def bound(net: Any) -> Any:
    """bound"""
    sock = _stream(net)
    sock.bind(HERE)
    return sock


@situation
def shut_before_connect(net: Any) -> Any:
    """shut for writing before it was ever connected (ENOTCONN)"""
    sock = _stream(net)
    with contextlib.suppress(OSError):
        sock.shutdown(net.socket.SHUT_WR)
    return sock


@situation
def listening(net: Any) -> Any:
    """listening, nobody waits"""
    return _listening(net)


@situation
def listening_with_child(net: Any) -> Any:
    """listening, a connection waits"""
    sock = _listening(net)
    keep(_stream(net)).connect_ex(HERE)
    return sock


@situation
def listening_with_reset_child(net: Any) -> Any:
    """listening, the connection that waits was reset"""
    sock = _listening(net)
    client = _stream(net)
    client.setsockopt(net.socket.SOL_SOCKET, net.socket.SO_RCVBUF, 1)
    client.connect_ex(HERE)
    client.close()
    return sock


@situation
def listener_shut(net: Any) -> Any:
    """listening, then shut for reading"""
    sock = _listening(net)
    sock.shutdown(net.socket.SHUT_RD)
    return sock


@situation
def connecting(net: Any) -> Any:
    """connecting, the SYN is not answered"""
    keep(_listening(net, 0))
    for _ in range(2):
        sock = keep(_stream(net))
        sock.connect_ex(HERE)
    return sock


@situation
def refused(net: Any) -> Any:
    """refused, the error not read yet"""
    sock = _stream(net)
    sock.connect_ex(NOBODY)
    return sock


@situation
def refused_and_read(net: Any) -> Any:
    """refused, SO_ERROR read"""
    sock = refused(net)
    sock.getsockopt(net.socket.SOL_SOCKET, net.socket.SO_ERROR)
    return sock


@situation
def refused_and_asked(net: Any) -> Any:
    """refused, and connect() has said so when called again"""
    sock = refused(net)
    sock.connect_ex(NOBODY)
    return sock


@situation
def connected_unknowing(net: Any) -> Any:
    """connected, connect() not called again since EINPROGRESS"""
    client, server = _connected_unknowing(net)
    keep(server)
    return client


@situation
def connected(net: Any) -> Any:
    """connected"""
    client, server = _connected(net)
    keep(server)
    return client


@situation
def bytes_wait(net: Any) -> Any:
    """connected, bytes wait to be read"""
    client, server = _connected(net)
    keep(server).send(b"x")
    return client


@situation
def below_low_water(net: Any) -> Any:
    """connected, fewer bytes wait than SO_RCVLOWAT"""
    client, server = _connected(net)
    client.setsockopt(net.socket.SOL_SOCKET, net.socket.SO_RCVLOWAT, 10)
    keep(server).send(b"x")
    return client


@situation
def full(net: Any) -> Any:
    """connected, the send buffer is full"""
    client, server = _filled(net)
    keep(server)
    return client


@situation
def little_room(net: Any) -> Any:
    """connected, the send buffer was full, less than a third is free again"""
    client, server = _filled(net)
    keep(server).recv(10_000)
    return client


@situation
def much_room(net: Any) -> Any:
    """connected, the send buffer was full, the peer has read most"""
    client, server = _filled(net)
    keep(server)
    with contextlib.suppress(BlockingIOError):
        while True:
            server.recv(1_000_000)
    return client


@situation
def shut_for_writing(net: Any) -> Any:
    """connected, shut for writing"""
    client, server = _connected(net)
    keep(server)
    client.shutdown(net.socket.SHUT_WR)
    _settle(net)
    return client


@situation
def shut_for_reading(net: Any) -> Any:
    """connected, shut for reading"""
    client, server = _connected(net)
    keep(server)
    client.shutdown(net.socket.SHUT_RD)
    return client


@situation
def shut_for_both(net: Any) -> Any:
    """connected, shut for both"""
    client, server = _connected(net)
    keep(server)
    client.shutdown(net.socket.SHUT_RDWR)
    _settle(net)
    return client


@situation
def urgent_byte_waits(net: Any) -> Any:
    """connected, an urgent byte waits and nothing else"""
    return _urgent(net, b"!")


@situation
def urgent_byte_behind_bytes(net: Any) -> Any:
    """connected, an urgent byte waits behind others"""
    return _urgent(net, b"text!")


@situation
def urgent_byte_read(net: Any) -> Any:
    """connected, an urgent byte was read with MSG_OOB"""
    client = _urgent(net, b"!")
    client.recv(1, net.socket.MSG_OOB)
    return client


@situation
def urgent_byte_in_line(net: Any) -> Any:
    """connected, an urgent byte waits, SO_OOBINLINE set"""
    client = _urgent(net, b"!")
    client.setsockopt(net.socket.SOL_SOCKET, net.socket.SO_OOBINLINE, 1)
    return client


def _urgent(net: Any, data: bytes) -> Any:
    client, server = _connected(net)
    keep(server).send(data, net.socket.MSG_OOB)
    return client


@situation
def peer_shut(net: Any) -> Any:
    """connected, the peer has shut for writing"""
    client, server = _connected(net)
    keep(server).shutdown(net.socket.SHUT_WR)
    _settle(net)
    return client


@situation
def peer_closed(net: Any) -> Any:
    """connected, the peer has closed, everything was read"""
    client, server = _connected(net)
    server.close()
    _settle(net)
    return client


@situation
def both_shut(net: Any) -> Any:
    """connected, both have shut for writing"""
    client = peer_shut(net)
    client.shutdown(net.socket.SHUT_WR)
    _settle(net)
    return client


@situation
def peer_closed_after_us(net: Any) -> Any:
    """connected, shut for writing, and the peer has closed since (TIME-WAIT)"""
    client, server = _connected(net)
    client.shutdown(net.socket.SHUT_WR)
    _settle(net)
    server.close()
    _settle(net)
    return client


@situation
def reset(net: Any) -> Any:
    """reset, the peer closed with bytes unread"""
    client, server = _connected(net)
    client.send(b"x")
    server.close()
    return client


@situation
def reset_and_read(net: Any) -> Any:
    """reset, and ECONNRESET was read"""
    client = reset(net)
    with contextlib.suppress(ConnectionResetError):
        client.recv(1)
    return client


@situation
def reset_with_bytes(net: Any) -> Any:
    """reset, bytes had come before"""
    client, server = _connected(net)
    server.send(b"last")
    client.send(b"x")
    server.close()
    return client


@situation
def refused_and_asking(net: Any) -> Any:
    """refused, with IP_RECVERR, SO_ERROR read (a reset leaves no report)"""
    sock = _stream(net)
    sock.setsockopt(net.socket.SOL_IP, _RECVERR, 1)
    sock.connect_ex(NOBODY)
    sock.getsockopt(net.socket.SOL_SOCKET, net.socket.SO_ERROR)
    return sock


# ---------------------------------------------------------------- datagrams


def _datagrams(net: Any) -> Any:
    sock = net.socket.socket(type=net.socket.SOCK_DGRAM)
    sock.setblocking(False)
    return sock


@situation
def udp_fresh(net: Any) -> Any:
    """UDP, made by socket()"""
    return _datagrams(net)


@situation
def udp_bound(net: Any) -> Any:
    """UDP, bound"""
    sock = _datagrams(net)
    sock.bind(HERE)
    return sock


@situation
def udp_connected(net: Any) -> Any:
    """UDP, connected"""
    peer = keep(_datagrams(net))
    peer.bind(HERE)
    sock = _datagrams(net)
    sock.connect(HERE)
    return sock


@situation
def udp_datagram_waits(net: Any) -> Any:
    """UDP, a datagram waits"""
    sock = _datagrams(net)
    sock.bind(HERE)
    sock.sendto(b"x", HERE)
    return sock


@situation
def udp_empty_datagram_waits(net: Any) -> Any:
    """UDP, an empty datagram waits"""
    sock = _datagrams(net)
    sock.bind(HERE)
    sock.sendto(b"", HERE)
    return sock


@situation
def udp_refused(net: Any) -> Any:
    """UDP, connected, and a datagram found nobody"""
    sock = _datagrams(net)
    sock.connect(NOBODY)
    sock.send(b"x")
    return sock


def _reported(net: Any) -> Any:
    sock = _datagrams(net)
    sock.setsockopt(net.socket.SOL_IP, _RECVERR, 1)
    sock.sendto(b"x", NOBODY)
    return sock


@situation
def udp_error_reported(net: Any) -> Any:
    """UDP, with IP_RECVERR, and a datagram found nobody"""
    return _reported(net)


@situation
def udp_error_reported_and_taken(net: Any) -> Any:
    """UDP, with IP_RECVERR, a datagram found nobody, SO_ERROR read"""
    sock = _reported(net)
    sock.getsockopt(net.socket.SOL_SOCKET, net.socket.SO_ERROR)
    return sock


@situation
def udp_report_read(net: Any) -> Any:
    """UDP, with IP_RECVERR, a datagram found nobody, its report read"""
    sock = _reported(net)
    sock.recvmsg(1, 0, net.socket.MSG_ERRQUEUE)
    return sock


@situation
def udp_first_report_read(net: Any) -> Any:
    """UDP, with IP_RECVERR, two datagrams found nobody, the first report read"""
    sock = _reported(net)
    sock.getsockopt(net.socket.SOL_SOCKET, net.socket.SO_ERROR)
    sock.sendto(b"y", NOBODY)
    sock.recvmsg(1, 0, net.socket.MSG_ERRQUEUE)
    return sock


@situation
def udp_report_forgotten(net: Any) -> Any:
    """UDP, a datagram found nobody, IP_RECVERR taken back"""
    sock = _reported(net)
    sock.setsockopt(net.socket.SOL_IP, _RECVERR, 0)
    return sock


@situation
def udp_too_long_reported(net: Any) -> Any:
    """UDP, with IP_RECVERR, and a datagram was too long to leave (EMSGSIZE)"""
    sock = _datagrams(net)
    sock.setsockopt(net.socket.SOL_IP, _RECVERR, 1)
    with contextlib.suppress(OSError):
        sock.sendto(bytes(65_508), HERE)
    return sock


@situation
def udp_shut_for_reading(net: Any) -> Any:
    """UDP, connected, shut for reading"""
    sock = _datagrams(net)
    sock.connect(NOBODY)
    sock.shutdown(net.socket.SHUT_RD)
    return sock


@situation
def udp_shut_for_writing(net: Any) -> Any:
    """UDP, connected, shut for writing"""
    sock = _datagrams(net)
    sock.connect(NOBODY)
    sock.shutdown(net.socket.SHUT_WR)
    return sock


@situation
def udp_shut_for_both(net: Any) -> Any:
    """UDP, connected, shut for both"""
    sock = _datagrams(net)
    sock.connect(NOBODY)
    sock.shutdown(net.socket.SHUT_RDWR)
    return sock


@situation
def closed(net: Any) -> Any:
    """closed: a descriptor that nothing is behind"""
    sock = _stream(net)
    keep(sock)
    number = sock.fileno()
    sock.close()
    return number


_kept: list[Any] = []


def keep(sock: Any) -> Any:
    """Not to be closed before the socket was looked at."""
    _kept.append(sock)
    return sock


def let_go() -> None:
    """Close what situations keep open beside their socket."""
    while _kept:
        _kept.pop().close()
