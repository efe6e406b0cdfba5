"""SO_LINGER: its value, what close() sends, whom it makes wait, for how long, and what ends the wait; on both arms.

Not here: close without it (tests/model/test_tcp_closing.py).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any

import pytest

HERE = ("127.0.0.1", 80)
SOON = (0.19, 0.7)
"""The other thread begins its 0.2 s a little before close is called."""


def linger(on: int, seconds: int) -> bytes:
    return struct.pack("ii", on, seconds)


def value(net: Any, sock: Any, size: int = 8) -> tuple[int, ...]:
    found: bytes = sock.getsockopt(net.socket.SOL_SOCKET, net.socket.SO_LINGER, size)
    return struct.unpack("ii", found)


def ask(net: Any, sock: Any, seconds: int, on: int = 1) -> None:
    sock.setsockopt(net.socket.SOL_SOCKET, net.socket.SO_LINGER, linger(on, seconds))


class Pair:
    """A connection at rest."""

    def __init__(self, net: Any) -> None:
        self.net = net
        with net.socket.create_server(HERE) as listener:
            self.near = net.socket.create_connection(HERE)
            self.far, _ = listener.accept()
        net.time.sleep(0.05)

    def fill(self) -> None:
        self.near.setblocking(False)
        try:
            while True:
                self.near.send(bytes(65_536))
        except BlockingIOError:
            self.near.setblocking(True)

    def close(self, meanwhile: Callable[[], None] | None = None) -> float:
        """Close the near end, `meanwhile` in another thread after 0.2 s; how long that took, in seconds."""
        net = self.net

        def wait() -> None:
            net.time.sleep(0.2)
            assert meanwhile is not None
            meanwhile()

        thread = net.threading.Thread(target=wait)
        if meanwhile is not None:
            thread.start()
        began = net.time.monotonic()
        self.near.close()
        took: float = net.time.monotonic() - began
        if meanwhile is not None:
            thread.join()
        return took

    def found(self) -> Any:
        """What the far end receives, and at last its error."""
        count = 0
        try:
            while data := self.far.recv(1 << 20):
                count += len(data)
        except OSError as error:
            return count, type(error).__name__
        return count, "end"


@pytest.fixture
def pair(net: Any) -> Iterator[Pair]:
    made = Pair(net)
    yield made
    made.far.close()
    made.near.close()


def test_the_value(net: Any) -> None:
    with net.socket.socket() as sock:
        assert value(net, sock) == (0, 0)
        for on, seconds, given in ((1, 5, (1, 5)), (0, 9, (0, 5)), (-1, 4, (1, 4)), (1, 2**31 - 1, (1, 2**31 - 1))):
            ask(net, sock, seconds, on)
            assert value(net, sock) == given
        for wrong in (b"", bytes(4), 1):
            with pytest.raises(OSError, match="Invalid argument"):
                sock.setsockopt(net.socket.SOL_SOCKET, net.socket.SO_LINGER, wrong)
        assert sock.getsockopt(net.socket.SOL_SOCKET, net.socket.SO_LINGER) == 1
        assert sock.getsockopt(net.socket.SOL_SOCKET, net.socket.SO_LINGER, 4) == bytes([1, 0, 0, 0])


def test_less_than_nothing_is_for_ever() -> None:
    """How much that is in seconds hangs on how the kernel counts: the same on both arms."""
    from model import SimNet
    from realnet import NamespaceRefused, RealNet

    def least(net_class: Any) -> tuple[int, ...]:
        with net_class() as net, net.socket.socket() as sock:
            ask(net, sock, -1)
            return value(net, sock)

    try:
        assert least(SimNet) == least(RealNet)
    except NamespaceRefused as refusal:
        pytest.skip(f"the running kernel is out of reach: {refusal.strerror}")


def test_what_is_accepted_lingers_as_its_listener_does(net: Any) -> None:
    with net.socket.create_server(HERE) as listener:
        ask(net, listener, 3)
        with net.socket.create_connection(HERE):
            accepted, _ = listener.accept()
            assert value(net, accepted) == (1, 3)
            accepted.close()


@pytest.mark.parametrize(
    ("before", "found"),
    [
        pytest.param(lambda pair: None, (0, "ConnectionResetError"), id="nothing sent"),
        pytest.param(lambda pair: pair.near.send(b"abc"), (3, "ConnectionResetError"), id="bytes are there"),
        pytest.param(lambda pair: pair.near.shutdown(1), (0, "end"), id="the FIN is there"),
        pytest.param(lambda pair: pair.far.shutdown(1), (0, "ConnectionResetError"), id="the peer has closed"),
        pytest.param(lambda pair: (pair.far.shutdown(1), pair.near.shutdown(1)), (0, "end"), id="both have"),
    ],
)
def test_no_time_resets(net: Any, pair: Pair, before: Callable[[Pair], Any], found: Any) -> None:
    before(pair)
    net.time.sleep(0.05)
    ask(net, pair.near, 0)
    assert pair.close() < 0.1
    state, poller = pair.far.getsockopt(6, 11, 1), net.select.poll()
    assert state == bytes([7])
    poller.register(pair.far)
    polled = poller.poll(0)
    assert pair.found() == found, polled


def test_no_time_throws_away_what_was_not_sent(net: Any, pair: Pair) -> None:
    pair.fill()
    ask(net, pair.near, 0)
    assert pair.close() < 0.1
    count, ended = pair.found()
    assert 0 < count < 1_000_000
    assert ended == "ConnectionResetError"


@pytest.mark.parametrize("blocking", [True, False])
def test_close_waits_until_its_time_is_over(net: Any, pair: Pair, blocking: bool) -> None:
    """A non-blocking socket too."""
    pair.fill()
    pair.near.setblocking(blocking)
    ask(net, pair.near, 1)
    assert pair.close() >= 1
    assert pair.found()[1] == "end", "the connection goes on behind it"


def test_close_waits_for_a_delayed_acknowledgement(net: Any, pair: Pair) -> None:
    pair.near.send(b"abc")
    net.time.sleep(0.1)
    pair.near.send(b"abc")
    ask(net, pair.near, 1)
    began = net.time.monotonic()
    pair.near.close()
    assert 0.03 <= net.time.monotonic() - began < 0.09


def test_close_ends_with_what_it_waits_for(net: Any, pair: Pair) -> None:
    pair.fill()
    ask(net, pair.near, 5)
    found: list[Any] = []
    assert SOON[0] <= pair.close(lambda: found.append(pair.found())) < SOON[1]
    assert found[0][1] == "end"


def test_close_ends_with_a_reset(net: Any, pair: Pair) -> None:
    pair.fill()
    ask(net, pair.near, 5)
    assert SOON[0] <= pair.close(pair.far.close) < SOON[1]


def test_close_ends_with_a_signal_and_succeeds(net: Any, pair: Pair) -> None:
    main, hits = net.threading.get_ident(), []
    net.signal.signal(net.signal.SIGUSR1, lambda number, frame: hits.append(number))
    pair.fill()
    ask(net, pair.near, 5)
    assert SOON[0] <= pair.close(lambda: net.signal.pthread_kill(main, net.signal.SIGUSR1)) < SOON[1]
    assert hits == [net.signal.SIGUSR1]


def test_who_waits_says_so_and_the_number_is_free(net: Any, pair: Pair) -> None:
    seen, number = [], []
    pair.fill()
    ask(net, pair.near, 1)
    number.append(pair.near.fileno())

    def look() -> None:
        seen.append(net.waiting())
        with net.socket.socket(), net.socket.socket() as second:
            number.append(second.fileno())

    assert pair.close(look) >= 1
    assert seen == [{"MainThread": "close() on s2"}]
    assert number[0] == number[1]


def test_the_last_descriptor_waits(net: Any, pair: Pair) -> None:
    pair.fill()
    ask(net, pair.near, 1)
    twin = pair.near.dup()
    assert pair.close() < 0.1
    pair.near = twin
    assert pair.close() >= 1


def test_unread_bytes_reset_at_once(net: Any, pair: Pair) -> None:
    pair.far.send(b"unread")
    net.time.sleep(0.02)
    ask(net, pair.near, 1)
    assert pair.close() < 0.1
    assert pair.found() == (0, "ConnectionResetError")


def test_a_datagram_socket_never_waits(net: Any) -> None:
    sock = net.socket.socket(type=net.socket.SOCK_DGRAM)
    ask(net, sock, 5)
    began = net.time.monotonic()
    sock.close()
    assert net.time.monotonic() - began < 0.1


def test_an_attempt_to_connect_never_waits(net: Any) -> None:
    sock = net.socket.socket()
    ask(net, sock, 5)
    sock.setblocking(False)
    sock.connect_ex(("127.0.0.1", 9))
    began = net.time.monotonic()
    sock.close()
    assert net.time.monotonic() - began < 0.1
