"""The observer: the five quantities of every socket, in order, and refusals as numbers; the whole structures by name.

Not here: how fast it is (benchmarks).
"""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from model.values.observation import Observation
from realnet import Namespace
from realnet.observe import Observer, meminfo, tcp_info

POLLIN, POLLOUT, POLLHUP, POLLNVAL = 1, 4, 16, 32


@pytest.fixture(autouse=True)
def _namespace() -> Iterator[None]:
    with Namespace():
        yield


@pytest.fixture
def trio() -> Iterator[tuple[socket.socket, socket.socket, socket.socket]]:
    """A listener and the two ends of a connection."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as client,
        listener.accept()[0] as peer,
    ):
        yield listener, client, peer


def test_all_that_can_be_seen(trio: tuple[socket.socket, socket.socket, socket.socket]) -> None:
    listener, client, peer = trio
    observer = Observer()
    with socket.socket() as unused, socket.socket(type=socket.SOCK_DGRAM) as udp, socket.socket(socket.AF_UNIX) as unix:
        udp.bind(("127.0.0.1", 0))
        udp.sendto(b"datagram", udp.getsockname())
        udp.sendto(b"another", udp.getsockname())
        client.send(b"hello")
        watched = (udp, peer, client, listener, unused, unix)
        for sock in watched:
            observer.add(sock)
        assert len(observer) == 6
        assert [Observation(*seen[:5]) for seen in observer.observe()] == [
            Observation(POLLIN | POLLOUT, 8, 0, 0, 0),
            Observation(POLLIN | POLLOUT, 5, 0, 1, 0),
            Observation(POLLOUT, 0, 0, 1, 0),
            Observation(0, -22, -22, 10, 0),
            Observation(POLLOUT | POLLHUP, 0, 0, 7, 0),
            Observation(POLLOUT | POLLHUP, 0, 0, 0, 0),
        ]
        for sock, seen in zip(watched, observer.observe(), strict=True):
            assert type(seen) is Observation
            told = meminfo(sock)
            assert (seen.rmem, seen.rcvbuf) == (told["rmem_alloc"], told["rcvbuf"])
            assert (seen.wmem, seen.sndbuf) == (told["wmem_queued"], told["sndbuf"])
        assert observer.observe()[1].rmem > 5


def test_looking_changes_nothing(trio: tuple[socket.socket, socket.socket, socket.socket]) -> None:
    _, client, peer = trio
    observer = Observer()
    observer.add(peer)
    client.send(b"unread")
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()
    first = observer.observe()
    assert observer.observe() == first
    assert peer.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 104


def test_unacknowledged_bytes(trio: tuple[socket.socket, socket.socket, socket.socket]) -> None:
    _, client, peer = trio
    observer = Observer()
    observer.add(client)
    observer.add(peer)
    client.setblocking(False)
    sent = 0
    while observer.observe()[0].poll & POLLOUT:
        sent += client.send(bytes(10_000))
    seen = observer.observe()
    assert seen[0].outq > 0
    assert sent - seen[1].fionread <= seen[0].outq <= sent  # what was received may not be acknowledged yet
    assert not seen[0].poll & POLLOUT


def test_drops_of_datagrams() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2304)
        sock.bind(("127.0.0.1", 0))
        for _ in range(20):
            sock.sendto(b"x", sock.getsockname())
        observer = Observer()
        observer.add(sock)
        received = 0
        drops = observer.observe()[0].drops
        while observer.observe()[0].poll & POLLIN:
            received += len(sock.recv(10))
        assert drops == 20 - received > 0
        assert meminfo(sock)["drops"] == drops


def test_sockets_come_and_go(trio: tuple[socket.socket, socket.socket, socket.socket]) -> None:
    listener, client, peer = trio
    observer = Observer()
    assert observer.observe() == []
    for sock in trio:
        observer.add(sock)
    with pytest.raises(ValueError, match="observed already"):
        observer.add(client)
    observer.remove(listener)
    assert [seen.tcp_state for seen in observer.observe()] == [1, 1]
    observer.add(listener)
    client.close()
    assert observer.observe()[0] == Observation(POLLNVAL, *[-9] * 10)
    observer.remove(client)
    assert [seen.tcp_state for seen in observer.observe()] == [8, 10]
    with pytest.raises(KeyError):
        observer.remove(client)
    with pytest.raises(ValueError, match="negative"):
        observer.add(client)
    peer.close()
    observer.remove(peer)
    with socket.socket() as new:  # it gets a descriptor that was observed before
        observer.add(new)
        assert [seen.tcp_state for seen in observer.observe()] == [10, 7]


def test_tcp_info(trio: tuple[socket.socket, socket.socket, socket.socket]) -> None:
    """Offsets are right if what is known is found under its name, first fields and last."""
    listener, client, peer = trio
    client.send(bytes(1000))
    peer.recv(300)
    mine, theirs = tcp_info(client), tcp_info(peer)
    assert next(iter(mine)) == "tcpi_state"
    assert (mine["tcpi_state"], tcp_info(listener)["tcpi_state"]) == (1, 10)
    assert mine["tcpi_snd_wscale"] == theirs["tcpi_rcv_wscale"] > 0
    assert mine["tcpi_options"] & 7 == 7  # timestamps, SACK, window scaling
    assert mine["tcpi_pmtu"] in range(65_000, 65_537)
    assert mine["tcpi_snd_cwnd"] == 10
    assert (mine["tcpi_bytes_sent"], mine["tcpi_bytes_acked"], theirs["tcpi_bytes_received"]) == (1000, 1001, 1000)
    assert (mine["tcpi_data_segs_out"], theirs["tcpi_data_segs_in"]) == (1, 1)
    assert mine["tcpi_bytes_retrans"] == mine["tcpi_rcv_ooopack"] == 0
    assert mine["tcpi_snd_wnd"] > 0
    size = len(client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1024))
    if size >= 232:  # Linux 5.4
        assert mine["tcpi_snd_wnd"] <= theirs.get("tcpi_rcv_wnd", mine["tcpi_snd_wnd"])
    with socket.socket(type=socket.SOCK_DGRAM) as udp, pytest.raises(OSError, match="not supported"):
        tcp_info(udp)


def test_tcp_info_of_an_older_kernel() -> None:
    class Old:
        family, type, proto = 2, 1, 0

        def fileno(self) -> int:
            return -1

        def getsockopt(self, _level: int, _option: int, _buflen: int, /) -> bytes:
            return bytes([1, 0, 0, 0, 0, 0, 0x72, 5, *range(8)])

    info = tcp_info(Old())
    assert list(info)[-1] == "tcpi_ato"
    assert (info["tcpi_snd_wscale"], info["tcpi_rcv_wscale"]) == (2, 7)
    assert (info["tcpi_delivery_rate_app_limited"], info["tcpi_fastopen_client_fail"]) == (1, 2)


def test_meminfo(trio: tuple[socket.socket, socket.socket, socket.socket]) -> None:
    _, client, peer = trio
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 50_000)
    client.send(bytes(1000))
    accounts = meminfo(peer)
    assert accounts["rcvbuf"] == 100_000
    assert accounts["rmem_alloc"] > 1000
    assert accounts["drops"] == 0
    assert meminfo(client)["wmem_queued"] == 0
