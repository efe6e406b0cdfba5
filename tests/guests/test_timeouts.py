"""SO_RCVTIMEO and SO_SNDTIMEO: how long a call of a blocking socket waits, and what it says then. On both arms.

Not here: the time-outs that the standard library makes itself, with poll (tests/simnet).
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable
from typing import Any

import pytest

PORT = ("127.0.0.1", 80)
FOR_EVER = struct.pack("=qq", 0, 0)
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


def time(seconds: int, microseconds: int = 0) -> bytes:
    return struct.pack("=qq", seconds, microseconds)


def pair(net: Any) -> tuple[Any, Any]:
    with net.socket.create_server(PORT) as listener:
        client = net.socket.create_connection(PORT)
        return client, listener.accept()[0]


def met(net: Any, call: Callable[..., Any], *args: Any) -> tuple[Any, float]:
    """What a call answered, or its error number, and how many seconds it took."""
    began = net.time.monotonic()
    try:
        answer = call(*args)
    except OSError as error:
        answer = error.errno
    return answer, net.time.monotonic() - began


def test_receiving_gives_up(net: Any) -> None:
    listener = net.socket.create_server(PORT)
    listener.setsockopt(net.socket.SOL_SOCKET, net.socket.SO_RCVTIMEO, time(0, 50_000))
    answer, took = met(net, listener.accept)
    assert (answer, 0.05 <= took < 0.2) == (errno.EAGAIN, True)
    client = net.socket.create_connection(PORT)
    child, _ = listener.accept()
    answer, took = met(net, child.recv, 1)
    assert (answer, 0.05 <= took < 0.2) == (errno.EAGAIN, True), "a child inherits it"
    datagrams = net.socket.socket(type=net.socket.SOCK_DGRAM)
    datagrams.setsockopt(net.socket.SOL_SOCKET, net.socket.SO_RCVTIMEO, time(0, 50_000))
    assert met(net, datagrams.recv, 1)[0] == errno.EAGAIN
    client.close()


def test_sending_gives_up_with_what_was_taken(net: Any) -> None:
    """In the end there is room again: the last bytes were acknowledged. But too little for anybody to be told of it,
    and who was not woken does not look.
    """
    client, _ = pair(net)
    client.setsockopt(net.socket.SOL_SOCKET, net.socket.SO_SNDTIMEO, time(0, 100_000))
    answer, took = met(net, client.send, bytes(10_000_000))
    assert (answer, 0.1 <= took < 0.3) == (2_633_835, True)
    answer, took = met(net, client.send, b"x")
    assert (answer, took < 0.05) == (1, True)


def test_connecting_goes_on_behind_the_back(net: Any) -> None:
    listener = net.socket.create_server(PORT, backlog=0)
    first = net.socket.create_connection(PORT)
    client = net.socket.socket()
    client.setsockopt(net.socket.SOL_SOCKET, net.socket.SO_SNDTIMEO, time(0, 50_000))
    assert met(net, client.connect, PORT)[0] == errno.EINPROGRESS
    assert met(net, client.connect, PORT)[0] == errno.EALREADY
    listener.accept()[0].close()
    net.time.sleep(1.2)
    assert met(net, client.connect, PORT)[0] is None
    first.close()


def test_a_time_is_kept_in_ticks_and_none_is_for_ever(net: Any) -> None:
    sock = net.socket.socket()
    for option in (net.socket.SO_RCVTIMEO, net.socket.SO_SNDTIMEO):
        assert sock.getsockopt(net.socket.SOL_SOCKET, option, 16) == FOR_EVER
        for value, kept in ((time(3, 5100), time(3, 8000)), (time(0, 1), time(0, 4000)), (FOR_EVER, FOR_EVER)):
            sock.setsockopt(net.socket.SOL_SOCKET, option, value)
            assert sock.getsockopt(net.socket.SOL_SOCKET, option, 16) == kept
        assert sock.getsockopt(net.socket.SOL_SOCKET, option) == 0


def test_a_negative_time_does_not_wait_at_all(net: Any) -> None:
    client, _ = pair(net)
    client.setsockopt(net.socket.SOL_SOCKET, net.socket.SO_RCVTIMEO, time(-1))
    answer, took = met(net, client.recv, 1)
    assert (answer, took < 0.02) == (errno.EAGAIN, True)


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (5, errno.EINVAL), (b"12345678", errno.EINVAL), (b"", errno.EINVAL), (time(0, 1_000_000), errno.EDOM),
        (time(0, -1), errno.EDOM), (time(-1, 1_000_000), errno.EDOM),
    ],
)  # fmt: skip
def test_what_is_no_time_is_refused_and_changes_nothing(net: Any, value: Any, error: int) -> None:
    sock = net.socket.socket()
    sock.setsockopt(net.socket.SOL_SOCKET, net.socket.SO_RCVTIMEO, time(7))
    assert met(net, sock.setsockopt, net.socket.SOL_SOCKET, net.socket.SO_RCVTIMEO, value)[0] == error
    assert sock.getsockopt(net.socket.SOL_SOCKET, net.socket.SO_RCVTIMEO, 16) == time(7)
