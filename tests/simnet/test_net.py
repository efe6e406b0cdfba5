"""`SimNet` over the model itself: scenarios in plain socket code."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from model import Deadlock, SimNet
from model.values.results import Done, Fail

SECOND = 1_000_000_000
FIONREAD = 0x541B


@pytest.fixture
def net() -> Iterator[SimNet]:
    with SimNet(seed=1) as made:
        yield made


def pair(net: Any) -> tuple[Any, Any]:
    """Two connected, non-blocking TCP sockets."""
    with net.socket.create_server(("127.0.0.1", 0)) as listener:
        client = net.socket.socket()
        client.setblocking(False)
        client.connect_ex(listener.getsockname())
        server, _ = listener.accept()
        server.setblocking(False)
    client.connect_ex(server.getsockname())
    return client, server


def fill(sock: Any) -> int:
    """Send until the buffer is full; how many bytes that took."""
    sent = 0
    while True:
        try:
            sent += sock.send(b"x" * 100_000)
        except BlockingIOError:
            return sent


def refused(net: Any) -> int:
    with net.socket.socket(net.socket.AF_INET, net.socket.SOCK_STREAM) as s:
        s.setblocking(False)
        s.connect_ex(("127.0.0.1", 9))
        net.select.select([], [s], [], 1.0)
        return int(s.getsockopt(net.socket.SOL_SOCKET, net.socket.SO_ERROR))


def test_refused(net: SimNet) -> None:
    assert refused(net) == errno.ECONNREFUSED
    calls = net.trace.calls()
    assert [call.call for call in calls] == ["socket", "setblocking", "connect", "select", "getsockopt", "close"]
    assert calls[2].answer == Fail(errno.EINPROGRESS)
    assert calls[3].answer == Done(([], ["s1"], []))
    assert net.time.monotonic_ns() == 0


def test_a_tcp_echo(net: SimNet) -> None:
    client, server = pair(net)
    with pytest.raises(BlockingIOError):
        server.recv(10)
    assert client.send(b"hello") == 5
    assert server.recv(3) + server.recv(10) == b"hello"
    server.sendall(b"HELLO")
    buffer = bytearray(10)
    assert client.recv_into(buffer) == 5
    assert buffer[:5] == b"HELLO"
    client.shutdown(net.socket.SHUT_WR)
    assert server.recv(1) == b""
    server.close()
    assert client.recv(1) == b""
    client.close()
    assert all(call.host == "lo" for call in net.trace.calls())


def test_blocking_sockets_work_as_long_as_nothing_has_to_wait(net: SimNet) -> None:
    with net.socket.create_server(("", 80)) as listener, net.socket.create_connection(("localhost", 80)) as client:
        connect = next(call for call in net.trace.calls() if call.call == "connect")
        assert connect.answer == Done(None)
        assert connect.rules[0] == "connect_starts"
        server, address = listener.accept()
        assert address == client.getsockname()
        with server, server.makefile("rwb", buffering=0) as file, io.BufferedReader(file) as reader:
            client.sendall(b"one\ntwo\n")
            assert reader.readline() == b"one\n"
            assert file.write(b"three") == 5
        assert client.recv(100) == b"three"
        with pytest.raises(Deadlock, match=r"MainThread in accept\(\) on s1, for a connection to accept"):
            listener.accept()
    with pytest.raises(ConnectionRefusedError):
        net.socket.create_connection(("localhost", 81))


def test_a_timeout_passes_in_virtual_time(net: SimNet) -> None:
    client, server = pair(net)
    client.settimeout(3600)
    before = net.time.monotonic()
    with pytest.raises(TimeoutError):
        client.recv(1)
    assert net.time.monotonic() - before == 3600
    server.close()
    assert client.recv(1) == b""
    client.close()


def test_a_full_send_buffer_frees_when_the_reader_reads(net: SimNet) -> None:
    client, server = pair(net)
    sent = fill(client)
    assert net.select.select([server], [client], [], 0) == ([server], [], [])
    got = 0
    while got < sent:
        got += len(server.recv(1 << 20))
        net.time.sleep(1)
    assert got == sent
    assert net.select.select([server], [client], [], 0) == ([], [client], [])
    client.close()
    server.close()


def test_udp(net: SimNet) -> None:
    with net.socket.socket(type=net.socket.SOCK_DGRAM) as a, net.socket.socket(type=net.socket.SOCK_DGRAM) as b:
        a.bind(("127.0.0.1", 0))
        b.sendto(b"one", a.getsockname())
        b.sendto(b"", a.getsockname())
        assert net.fcntl.ioctl(a, FIONREAD, bytes(4)) == b"\3\0\0\0"
        assert a.recvfrom(2) == (b"on", ("127.0.0.1", b.getsockname()[1]))
        assert a.recv(10) == b""
        a.settimeout(1.5)
        with pytest.raises(TimeoutError):
            a.recvfrom(10)
        assert net.time.monotonic_ns() == 1.5 * SECOND


def test_the_default_selector(net: SimNet) -> None:
    client, server = pair(net)
    with net.selectors.DefaultSelector() as selector:
        selector.register(server, net.selectors.EVENT_READ, "server")
        selector.register(client, net.selectors.EVENT_READ | net.selectors.EVENT_WRITE, "client")
        ready = {key.data: events for key, events in selector.select(0)}
        assert ready == {"client": net.selectors.EVENT_WRITE}
        client.send(b"x")
        selector.modify(client, net.selectors.EVENT_READ, "client")
        assert [(key.data, events) for key, events in selector.select()] == [("server", net.selectors.EVENT_READ)]
    client.close()
    server.close()


def test_a_closed_socket(net: SimNet) -> None:
    client, server = pair(net)
    client.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        client.recv(1)
    assert client.connect_ex(("127.0.0.1", 9)) == errno.EBADF
    poller = net.select.poll()
    poller.register(99)
    assert poller.poll(0) == [(99, net.select.POLLNVAL)]
    with pytest.raises(OSError, match="Bad file descriptor"):
        net.select.select([99], [], [], 0)
    server.close()


def test_the_same_seed_gives_the_same_trace_and_each_entry_a_new_world() -> None:
    def run(net: Any) -> list[str]:
        client, server = pair(net)
        client.send(b"abc")
        net.time.sleep(1)
        server.close()
        client.close()
        refused(net)
        return list(net.trace.lines())

    again = SimNet(seed=7)
    with again as net:
        first = run(net)
    with again as net:
        assert run(net) == first
    with SimNet(seed=7) as net:
        assert run(net) == first
    assert '"seed": 7' in first[0]


DIGEST = """
from model import SimNet
from tests.simnet.test_net import fill, pair, refused
with SimNet(seed=7) as net:
    client, server = pair(net)
    fill(client)
    server.recv(1000)
    net.time.sleep(60)
    client.close()
    server.close()
    refused(net)
    print(*net.trace.lines(), sep="\\n")
"""


def test_the_trace_does_not_depend_on_hashing() -> None:
    root = Path(__file__).parents[2]
    runs = [
        subprocess.run(
            [sys.executable, "-c", DIGEST],
            cwd=root,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1]
    assert runs[0].count(b"\n") > 20


def test_what_a_net_does_not_have_it_says() -> None:
    net = SimNet()
    with pytest.raises(AttributeError, match="inside the with statement"):
        _ = net.socket
    with net:
        with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
            _ = net.nonsense
        with pytest.raises(RuntimeError, match="entered already"):
            net.__enter__()
        with pytest.raises(OSError, match="Address family not supported"):
            net.socket.socket(net.socket.AF_INET6)


def test_two_nets_side_by_side_do_not_meet() -> None:
    with SimNet() as one, SimNet() as two, one.socket.create_server(("", 80)):
        with two.socket.socket() as client:
            client.setblocking(False)
            assert client.connect_ex(("127.0.0.1", 80)) == errno.EINPROGRESS
            assert client.getsockopt(1, 4) == errno.ECONNREFUSED
        assert len(one.trace.calls()) == 4


def test_a_socket_left_open_is_closed_silently_with_the_net() -> None:
    with SimNet() as net:
        left = net.socket.socket()
    del left
