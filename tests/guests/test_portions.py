"""A blocking recv that wants more than the first byte, or none: MSG_WAITALL, SO_RCVLOWAT, and what ends it; both arms.

Not here: what it answers when its patience is over (tests/calls/test_error_table.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from .test_signals import later, noted
from .test_threads import pair, started

pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
FIONREAD = 0x541B


class Reader:
    """A thread in a recv, and what came of it."""

    def __init__(self, net: Any, call: Callable[[], Any]) -> None:
        self._net, self._call = net, call
        self.found: list[Any] = []
        self._thread = started(net, self._run, name="reader")
        net.time.sleep(0.02)

    def _run(self) -> None:
        try:
            self.found.append(self._call())
        except OSError as error:
            self.found.append(error.errno)

    def waits(self) -> bool:
        return "reader" in self._net.waiting()

    def over(self) -> Any:
        self._thread.join()
        return self.found[0]


def waiting_bytes(net: Any, sock: Any) -> int:
    return int.from_bytes(net.fcntl.ioctl(sock, FIONREAD, bytes(4)), "little")


def test_waitall_takes_what_comes_and_waits_for_the_rest(net: Any) -> None:
    client, server = pair(net)
    client.send(b"some")
    reader = Reader(net, lambda: server.recv(8, net.socket.MSG_WAITALL))
    assert reader.waits()
    assert waiting_bytes(net, server) == 0, "it has taken them"
    client.send(b"an")
    net.time.sleep(0.01)
    assert reader.waits()
    client.send(b"d more")
    assert reader.over() == b"someand "
    assert server.recv(9) == b"more"


def test_waitall_may_want_more_than_the_buffer_holds(net: Any) -> None:
    client, server = pair(net)
    server.setsockopt(net.socket.SOL_SOCKET, net.socket.SO_RCVBUF, 8192)
    reader = Reader(net, lambda: len(server.recv(60_000, net.socket.MSG_WAITALL)))
    client.sendall(bytes(60_000))
    assert reader.over() == 60_000


@pytest.mark.parametrize("ending", ["close", "shut", "reset", "shut here", "signal", "urgent"])
def test_what_ends_it_leaves_what_came(net: Any, ending: str) -> None:
    client, server = pair(net)
    client.send(b"half")
    if ending == "signal":
        hits = noted(net, net.signal.SIGUSR1)
        later(net, 0.05, net.signal.pthread_kill, net.threading.get_ident(), net.signal.SIGUSR1)
        assert server.recv(10, net.socket.MSG_WAITALL) == b"half"
        assert hits == [net.signal.SIGUSR1]
        return
    reader = Reader(net, lambda: server.recv(10, net.socket.MSG_WAITALL))
    assert reader.waits()
    if ending == "urgent":
        client.send(b"way!", net.socket.MSG_OOB)
        assert reader.over() == b"halfway"
        return
    if ending == "reset":
        server.send(b"unread")
    {
        "close": client.close, "reset": client.close, "shut": lambda: client.shutdown(net.socket.SHUT_WR),
        "shut here": lambda: server.shutdown(net.socket.SHUT_RD),
    }[ending]()  # fmt: skip
    assert reader.over() == b"half"
    server.setblocking(False)
    if ending == "reset":
        with pytest.raises(ConnectionResetError):
            server.recv(1)
    assert server.recv(1) == b""


@pytest.mark.parametrize("call", ["recv_into", "recvfrom", "recvmsg", "recvmsg_into"])
def test_every_call_of_the_kind_waits_for_all(net: Any, call: str) -> None:
    client, server = pair(net)
    everything = net.socket.MSG_WAITALL
    buffer = bytearray(6)
    calls: dict[str, Callable[[], Any]] = {
        "recv_into": lambda: server.recv_into(buffer, 6, everything),
        "recvfrom": lambda: server.recvfrom(6, everything),
        "recvmsg": lambda: server.recvmsg(6, 0, everything),
        "recvmsg_into": lambda: server.recvmsg_into([buffer], 0, everything),
    }
    reader = Reader(net, calls[call])
    for part in (b"ab", b"cd", b"ef"):
        net.time.sleep(0.01)
        client.send(part)
    expected = {"recv_into": 6, "recvfrom": (b"abcdef", None), "recvmsg": (b"abcdef", [], 0, None),
                "recvmsg_into": (6, [], 0, None)}  # fmt: skip
    assert reader.over() == expected[call]
    assert buffer in (bytearray(6), b"abcdef")


def test_a_peek_waits_for_all_and_takes_nothing(net: Any) -> None:
    client, server = pair(net)
    client.send(b"ab")
    reader = Reader(net, lambda: server.recv(4, net.socket.MSG_WAITALL | net.socket.MSG_PEEK))
    assert reader.waits()
    assert waiting_bytes(net, server) == 2
    client.send(b"cde")
    assert reader.over() == b"abcd"
    assert server.recv(9) == b"abcde"


def test_low_water_is_counted_over_all_portions(net: Any) -> None:
    """Bytes that do not reach it wake nobody (tcp_data_ready), so they stay where they are."""
    client, server = pair(net)
    server.setsockopt(net.socket.SOL_SOCKET, net.socket.SO_RCVLOWAT, 10)
    client.send(bytes(4))
    reader = Reader(net, lambda: server.recv(100))
    assert waiting_bytes(net, server) == 0
    client.send(bytes(5))
    net.time.sleep(0.01)
    assert reader.waits()
    assert waiting_bytes(net, server) == 5
    client.send(bytes(5))
    assert reader.over() == bytes(14)


def test_low_water_may_keep_asleep_who_has_what_it_wants(net: Any) -> None:
    """Six bytes would do for this recv, but nobody is woken below ten."""
    client, server = pair(net)
    server.setsockopt(net.socket.SOL_SOCKET, net.socket.SO_RCVLOWAT, 10)
    reader = Reader(net, lambda: server.recv(6))
    client.send(bytes(9))
    net.time.sleep(0.05)
    assert reader.waits()
    client.send(b"x")
    assert reader.over() == bytes(6)


def test_patience_is_for_the_whole_and_gives_what_came(net: Any) -> None:
    client, server = pair(net)
    timeval = bytes(8) + (100_000).to_bytes(8, "little")
    server.setsockopt(net.socket.SOL_SOCKET, net.socket.SO_RCVTIMEO, timeval)
    began = net.time.monotonic()
    reader = Reader(net, lambda: server.recv(100, net.socket.MSG_WAITALL))
    for _ in range(3):
        client.send(b"x")
        net.time.sleep(0.02)
    assert reader.over() == b"xxx"
    assert 0.09 < net.time.monotonic() - began < 0.15


@pytest.mark.parametrize("waker", ["bytes", "end", "reset", "signal"])
def test_no_bytes_are_waited_for_once(net: Any, waker: str) -> None:
    """Whatever ends the wait, it has all that it asked for, and what came is there for the next."""
    client, server = pair(net)
    if waker == "signal":
        noted(net, net.signal.SIGUSR1)
        later(net, 0.05, net.signal.pthread_kill, net.threading.get_ident(), net.signal.SIGUSR1)
        assert server.recvmsg(0) == (b"", [], 0, None)
        return
    reader = Reader(net, lambda: server.recvmsg(0))
    assert reader.waits()
    if waker == "reset":
        server.send(b"unread")
    {"bytes": lambda: client.send(b"x"), "end": client.close, "reset": client.close}[waker]()
    assert reader.over() == (b"", [], 0, None)
    server.setblocking(False)
    if waker == "reset":
        with pytest.raises(ConnectionResetError):
            server.recv(1)
    else:
        assert server.recv(1) == (b"x" if waker == "bytes" else b"")


def test_a_datagram_is_all(net: Any) -> None:
    here, there = (net.socket.socket(type=net.socket.SOCK_DGRAM) for _ in range(2))
    here.bind(("127.0.0.1", 53))
    there.sendto(b"short", ("127.0.0.1", 53))
    assert here.recv(100, net.socket.MSG_WAITALL) == b"short"
