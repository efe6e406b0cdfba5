"""Where the textbooks are wrong: the table of surprising facts, each as a scenario on the running kernel.

They were measured on Linux 6.18; a kernel that behaves differently fails here, and then either the table or the
profile of the model has to learn of it.

Not here: the model, which is held against the kernel by the cross-check.
"""

from __future__ import annotations

import ctypes
import errno
import socket
from collections.abc import Callable
from typing import Any

import pytest

from realnet import Namespace, RealNet

POLLOUT, POLLHUP = 4, 16
NOBODY = ("127.0.0.1", 9)
Net = Any


def attempt(call: Callable[..., Any], *args: Any) -> Any:
    """What the call returned, or the name of its error."""
    try:
        return call(*args)
    except OSError as error:
        return errno.errorcode[error.errno or 0]


def connected(net: Net) -> tuple[Any, Any]:
    with net.socket.create_server(("127.0.0.1", 0)) as listener:
        client = net.socket.create_connection(listener.getsockname())
        return client, listener.accept()[0]


def polled(net: Net, sock: Any) -> Any:
    poll = net.select.poll()
    poll.register(sock, 0x2007)
    return dict(poll.poll(0)).get(sock.fileno(), 0)


def writable_after_shut_wr(net: Net) -> Any:
    client, _peer = connected(net)
    client.shutdown(net.socket.SHUT_WR)
    return net.select.select([], [client], [], 0)[1] == [client]


def shutdown_before_connect(net: Net) -> Any:
    with net.socket.create_server(("127.0.0.1", 0)) as listener:
        s = net.socket.socket()
        return (
            attempt(s.shutdown, net.socket.SHUT_WR),
            attempt(s.connect, listener.getsockname()),
            attempt(s.send, b"x"),
        )


def udp_send_without_destination(net: Net) -> Any:
    return attempt(net.socket.socket(type=net.socket.SOCK_DGRAM).send, b"x")


def refused_then_connected_again(net: Net) -> Any:
    s = net.socket.socket()
    s.setblocking(False)
    first = attempt(s.connect, NOBODY)
    error = s.getsockopt(net.socket.SOL_SOCKET, net.socket.SO_ERROR)
    return first, errno.errorcode[error], attempt(s.connect, NOBODY), attempt(s.connect, NOBODY)


def connect_on_a_listener(net: Net) -> Any:
    with net.socket.create_server(("127.0.0.1", 0)) as listener:
        return attempt(listener.connect, listener.getsockname())


def never_connected_polled(net: Net) -> Any:
    return polled(net, net.socket.socket())


def connect_to_unspecified(net: Net) -> Any:
    """Python offers no AF_UNSPEC address, so the C library is asked."""
    client, peer = connected(net)
    answer = ctypes.CDLL(None).connect(client.fileno(), bytes(16), 16)
    return answer, attempt(client.getpeername), attempt(peer.recv, 1)


def accepted_is_blocking(net: Net) -> Any:
    with net.socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        net.socket.create_connection(listener.getsockname())
        accepted = listener.accept()[0]
        return accepted.getblocking(), net.fcntl.fcntl(accepted, net.fcntl.F_GETFL) & 0o4000


def close_with_unread_bytes(net: Net) -> Any:
    client, peer = connected(net)
    client.send(b"unread")
    peer.close()
    return attempt(client.recv, 10)


def read_after_shut_rd(net: Net) -> Any:
    client, peer = connected(net)
    client.shutdown(net.socket.SHUT_RD)
    before = client.recv(10)
    sent = peer.send(b"late")
    return before, sent, client.recv(10), client.recv(10)


FACTS: list[tuple[Callable[[Net], Any], Any]] = [
    (writable_after_shut_wr, True),
    (shutdown_before_connect, ("ENOTCONN", None, "EPIPE")),
    (udp_send_without_destination, "EDESTADDRREQ"),
    (refused_then_connected_again, ("EINPROGRESS", "ECONNREFUSED", "ECONNABORTED", "EINPROGRESS")),
    (connect_on_a_listener, "EISCONN"),
    (never_connected_polled, POLLOUT | POLLHUP),
    (connect_to_unspecified, (0, "ENOTCONN", "ECONNRESET")),
    (accepted_is_blocking, (True, 0)),
    (close_with_unread_bytes, "ECONNRESET"),
    (read_after_shut_rd, (b"", 4, b"late", b"")),
]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # scenarios drop their sockets
@pytest.mark.parametrize(("scenario", "fact"), FACTS, ids=lambda value: getattr(value, "__name__", ""))
def test_fact(scenario: Callable[[Net], Any], fact: Any) -> None:
    with RealNet() as net:
        assert scenario(net) == fact


@pytest.mark.parametrize("size", [1, 100, 1000, 10_000])
def test_the_kernel_agrees_with_itself_on_how_much_fits(size: int) -> None:
    """Bytes that a sender gets in before would-block, in a hurry: 40 ms later a delayed acknowledgement makes room."""

    def fill() -> int:
        total = 0
        with Namespace(), socket.socket() as listener, socket.socket() as client:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1152)  # which the kernel doubles
            client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2304)
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            client.connect(listener.getsockname())
            client.setblocking(False)
            try:
                while True:
                    total += client.send(bytes(size))
            except BlockingIOError:
                return total

    assert fill() == fill() > 0


def test_refusals_of_datagrams_are_not_rationed() -> None:
    """ICMP errors are limited to so many per second on a wire, not on loopback: a hundred datagrams, a hundred
    refusals.
    """
    with RealNet() as net, net.socket.socket(type=net.socket.SOCK_DGRAM) as sock:
        sock.connect(NOBODY)
        assert [(attempt(sock.send, b"x"), attempt(sock.recv, 1)) for _ in range(100)] == [(1, "ECONNREFUSED")] * 100
