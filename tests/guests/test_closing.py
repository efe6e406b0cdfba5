"""What becomes of a descriptor that is closed, or of one of several, while a thread waits on it; on both arms.

A call keeps the file that it began with: nothing is sent to the peer before it is over. poll and select keep files too,
but look each *number* up again when they are woken, and so notice that it is closed, or means another file by now.
epoll_wait keeps the epoll, and nobody keeps the files that it watches.

Not here: wake-ups of threads that wait on several epolls (test_several_epolls.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from .test_threads import PORT, pair, started

IN, OUT, NVAL = 1, 4, 32
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


class Waiter:
    """A thread that waits, and what came of it."""

    def __init__(self, net: Any, call: Callable[[], Any]) -> None:
        self.found: list[Any] = []
        self._net, self._call = net, call
        self._thread = started(net, self._run, name="waiter")
        net.time.sleep(0.02)
        assert net.waiting(), "it does not wait"

    def _run(self) -> None:
        try:
            self.found.append(self._call())
        except OSError as error:
            self.found.append(error.errno)

    def over(self) -> Any:
        self._thread.join()
        return self.found[0]


def bits(found: Any) -> list[int]:
    return [bits for _, bits in found]


def polled(net: Any, sock: Any, timeout: float | None = None) -> Callable[[], list[int]]:
    poll = net.select.poll()
    poll.register(sock, IN)
    return lambda: bits(poll.poll(timeout))


def silent(net: Any, sock: Any) -> bool:
    """Whether nothing has come for a socket, not even the end."""
    return not net.select.select([sock], [], [], 0)[0]


# ---------------------------------------------------------------- poll and select


def test_poll_keeps_a_socket_and_then_misses_its_number(net: Any) -> None:
    client, server = pair(net)
    waiter = Waiter(net, polled(net, server))
    server.close()
    assert silent(net, client)
    client.send(b"x")
    assert waiter.over() == [NVAL]
    net.time.sleep(0.02)
    with pytest.raises(ConnectionResetError):  # it was closed with a byte unread, once poll had let go
        client.recv(1)


def test_poll_looks_once_more_when_its_time_is_over(net: Any) -> None:
    client, server = pair(net)
    waiter = Waiter(net, polled(net, server, 60))
    server.close()
    assert silent(net, client)
    assert waiter.over() == [NVAL]
    assert client.recv(1) == b""


@pytest.mark.parametrize("ready", [True, False])
def test_poll_asks_the_file_that_the_number_means_by_then(net: Any, ready: bool) -> None:
    client, server = pair(net)
    filler = net.socket.socket()  # takes the listener's number
    waiter = Waiter(net, polled(net, server, 80))
    number = server.fileno()
    server.close()
    other = net.socket.socket(type=net.socket.SOCK_DGRAM)
    assert other.fileno() == number
    other.bind(PORT)
    if ready:
        other.sendto(b"x", PORT)  # wakes nobody: it is not what was waited for
        net.time.sleep(0.02)
        assert waiter.found == []
    client.send(b"x")
    assert waiter.over() == ([IN] if ready else [])
    filler.close()


def test_select_says_everything_of_a_closed_descriptor(net: Any) -> None:
    client, server = pair(net)
    number = server.fileno()
    waiter = Waiter(net, lambda: [len(each) for each in net.select.select([number], [], [number])])
    server.close()
    assert silent(net, client)
    client.send(b"x")
    assert waiter.over() == [1, 0, 1]


def test_select_refuses_a_descriptor_that_is_closed_from_the_beginning(net: Any) -> None:
    _, server = pair(net)
    number = server.fileno()
    server.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        net.select.select([], [], [number], 0)
    assert polled(net, number, 0)() == [NVAL]


# ---------------------------------------------------------------- epoll


def test_epoll_wait_outlives_its_epoll(net: Any) -> None:
    client, server = pair(net)
    epoll = net.select.epoll()
    epoll.register(server, IN)
    waiter = Waiter(net, lambda: bits(epoll.poll()))
    net.socket.close(epoll.fileno())
    client.send(b"x")
    assert waiter.over() == [IN]
    with pytest.raises(OSError, match="Bad file descriptor"):
        epoll.poll(0)
    net.socket.socket(type=net.socket.SOCK_DGRAM)  # so that no other file is closed when the epoll object is dropped


def test_epoll_keeps_no_socket(net: Any) -> None:
    client, server = pair(net)
    epoll = net.select.epoll()
    epoll.register(server, IN)
    waiter = Waiter(net, lambda: epoll.poll(0.06))
    server.close()
    assert client.recv(1) == b""
    assert waiter.over() == []


def test_epoll_reports_under_a_number_that_was_closed(net: Any) -> None:
    client, server = pair(net)
    twin = server.dup()
    epoll = net.select.epoll()
    epoll.register(server, IN)
    number = server.fileno()
    waiter = Waiter(net, lambda: epoll.poll() == [(number, IN)])
    server.close()
    client.send(b"x")
    assert waiter.over() is True
    assert twin.recv(1) == b"x"


# ---------------------------------------------------------------- calls


@pytest.mark.parametrize("how", ["recv", "send", "accept"])
def test_a_call_goes_on_through_a_number_that_was_closed(net: Any, how: str) -> None:
    """Whether the socket has another descriptor or not."""
    client, server = pair(net)
    if how == "accept":
        listener = net.socket.create_server(PORT)
        twin = listener.dup()
        waiter = Waiter(net, lambda: listener._accept()[1] is not None)  # the descriptor alone: its object is gone
        net.socket.close(listener.detach())
        twin.close()
        net.socket.create_connection(PORT)
        assert waiter.over() is True
        return
    twin = server.dup()
    waiter = Waiter(net, lambda: server.recv(3) if how == "recv" else server.send(bytes(4_000_000)))
    net.socket.close(server.detach())
    twin.close()
    if how == "recv":
        assert silent(net, client)
        client.send(b"xyz")
        assert waiter.over() == b"xyz"
        assert client.recv(1) == b""
    else:
        taken = 0
        while data := client.recv(1_000_000):
            taken += len(data)
        assert (waiter.over(), taken) == (4_000_000, 4_000_000)


def test_accept_takes_its_number_before_it_waits(net: Any) -> None:
    listener = net.socket.create_server(PORT)
    spare = net.socket.socket()
    number = spare.fileno()
    spare.close()
    waiter = Waiter(net, lambda: listener._accept()[0])
    client = net.socket.create_connection(PORT)
    assert client.fileno() > number
    assert waiter.over() == number


def test_an_accept_that_gives_up_gives_its_number_back(net: Any) -> None:
    listener = net.socket.create_server(PORT)
    listener.setsockopt(net.socket.SOL_SOCKET, net.socket.SO_RCVTIMEO, (50_000 << 64).to_bytes(16, "little"))
    waiter = Waiter(net, listener._accept)
    before = net.socket.socket()
    assert waiter.over() == 11
    assert net.socket.socket().fileno() == before.fileno() - 1
