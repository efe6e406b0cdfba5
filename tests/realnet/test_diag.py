"""The life of connections after their descriptors are gone, as inet_diag tells it.

Not here: what the states mean.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from model.values.constants import TcpState
from realnet import Namespace
from realnet.diag import Address, Diag


def open_descriptors() -> list[str]:
    return sorted(path.name for path in Path("/proc/self/fd").iterdir())


def fill(sock: socket.socket) -> int:
    """Send until it would block; how many bytes were taken."""
    sock.setblocking(False)
    sent = 0
    while True:
        try:
            sent += sock.send(bytes(10_000))
        except BlockingIOError:
            return sent


@pytest.fixture
def diag() -> Iterator[Diag]:
    with Namespace(), Diag() as diag:
        yield diag


@pytest.fixture
def listener(diag: Diag) -> Iterator[socket.socket]:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2304)
        listener.bind(("127.0.0.1", 80))
        listener.listen()
        yield listener


class Two:
    """The two ends of a connection and what inet_diag says of them."""

    def __init__(self, diag: Diag, listener: socket.socket) -> None:
        self.diag = diag
        self.client = socket.create_connection(listener.getsockname())
        self.peer, self.caller = listener.accept()
        self.called: Address = listener.getsockname()

    def states(self) -> tuple[int | None, int | None]:
        return self.diag.state(self.caller, self.called), self.diag.state(self.called, self.caller)

    def close(self) -> None:
        self.client.close()
        self.peer.close()


@pytest.fixture
def two(diag: Diag, listener: socket.socket) -> Iterator[Two]:
    two = Two(diag, listener)
    yield two
    two.close()


def test_an_orderly_end(two: Two) -> None:
    assert two.states() == (TcpState.ESTABLISHED, TcpState.ESTABLISHED)
    two.client.close()
    mine, theirs = two.states()
    assert mine in (TcpState.FIN_WAIT_1, TcpState.FIN_WAIT_2)  # the acknowledgement may be delayed
    assert theirs == TcpState.CLOSE_WAIT
    two.peer.close()
    assert two.states() == (TcpState.TIME_WAIT, None)


def test_fin_wait_2_has_become_small(two: Two) -> None:
    """Data and the FIN behind it are acknowledged at once; an orphan that waits for the peer's FIN is a TIME_WAIT
    socket inside.
    """
    two.client.shutdown(socket.SHUT_WR)
    two.peer.recv(1)
    two.peer.send(b"!")
    two.client.recv(1)
    two.client.close()
    assert two.states() == (TcpState.FIN_WAIT_2, TcpState.CLOSE_WAIT)


def test_both_at_once(two: Two) -> None:
    """The client's FIN waits behind data that the peer has no room for; then the peer's FIN crosses it."""
    assert fill(two.client)
    two.client.close()
    assert two.states() == (TcpState.FIN_WAIT_1, TcpState.ESTABLISHED)
    two.peer.shutdown(socket.SHUT_WR)
    assert two.states()[0] == TcpState.CLOSING


def test_last_ack(two: Two) -> None:
    two.peer.shutdown(socket.SHUT_WR)
    assert fill(two.client)
    two.client.close()
    assert two.states()[0] == TcpState.LAST_ACK


def test_a_reset_leaves_nothing(two: Two) -> None:
    two.peer.send(b"unread")
    two.client.close()
    assert two.states() == (None, None)


def test_a_listener_is_not_a_connection(diag: Diag, listener: socket.socket) -> None:
    assert diag.state(("127.0.0.1", 80), ("127.0.0.1", 4711)) is None
    assert diag.state(("127.0.0.1", 80), ("0.0.0.0", 0)) == TcpState.LISTEN
    assert diag.state(("127.0.0.1", 81), ("0.0.0.0", 0)) is None


def test_connections_of_another_namespace_are_not_seen(two: Two) -> None:
    with Namespace(), Diag() as other:
        assert other.state(two.caller, two.called) is None
        assert two.states() == (TcpState.ESTABLISHED, TcpState.ESTABLISHED)  # the socket stays where it was made


def test_an_unanswered_question_does_not_spoil_the_next(two: Two) -> None:
    """Ctrl-C between question and answer leaves the answer in the socket."""
    original = two.diag._socket

    class Interrupting:
        def send(self, data: bytes) -> int:
            original.send(data)
            raise KeyboardInterrupt

    two.diag._socket = Interrupting()  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt):
        two.diag.state(("127.0.0.1", 1), ("127.0.0.1", 2))
    two.diag._socket = original
    assert two.states() == (TcpState.ESTABLISHED, TcpState.ESTABLISHED)


def test_nothing_stays_open() -> None:
    before = open_descriptors()
    with Namespace():
        Diag().close()
    assert open_descriptors() == before


def test_a_kernel_without_inet_diag(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says of everything that it is not there, so a Diag asks for something that is."""
    before = open_descriptors()
    monkeypatch.setattr(Diag, "state", lambda *_: None)
    with Namespace(), pytest.raises(OSError, match="no inet_diag for TCP") as caught:
        Diag()
    assert caught.value.errno == errno.EPROTONOSUPPORT
    assert open_descriptors() == before
