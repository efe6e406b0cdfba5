"""The model and the kernel as each other's peers: real packets, real time, unmodified programs on the kernel's side.

Not here: comparing single segments (tests/model does that on loopback).
"""

from __future__ import annotations

import errno
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from model.values.constants import (
    AF_INET,
    IPPROTO_TCP,
    SO_KEEPALIVE,
    SO_RCVBUF,
    SOCK_DGRAM,
    SOCK_STREAM,
    SOL_SOCKET,
    TCP_KEEPIDLE,
    TcpState,
)
from model.values.results import Done, Fail
from model.world.host import Host
from model.world.wire import Judge, Weather, let_pass
from realnet import Namespace, NamespaceRefused
from wouldblock.bridge import ADDRESS, Bridge

from ..model.test_loss import End, pattern

KERNEL = "10.0.0.254"
PATIENCE_S = 60.0
SOME_MB = 10_000_000


@contextmanager
def bridge(judge: Judge = let_pass) -> Iterator[Bridge]:
    try:
        with Namespace(), Bridge(judge=judge) as found:
            yield found
    except NamespaceRefused as refusal:
        pytest.skip(f"the running kernel is out of reach: {refusal.strerror}")
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.EPERM, errno.EACCES, errno.ENODEV):
            pytest.skip(f"no TUN device may be made here: {error.strerror}")
        raise


def opened(host: Host, kind: int = SOCK_STREAM) -> int:
    fd = int(done(host, "socket", AF_INET, kind, 0))
    done(host, "setblocking", fd, False)
    return fd


def done(host: Host, name: str, *args: object) -> Any:
    answer = host.call(name, *args)
    assert isinstance(answer, Done), answer
    return answer.value


def until(between: Bridge, holds: Callable[[], Any], patience_s: float = PATIENCE_S) -> Any:
    """Let packets pass until `holds` gives something true, and return that."""
    began = time.monotonic()
    while not (value := holds()):
        assert time.monotonic() - began < patience_s, "nothing more happens"
        between.turn(0.02)
    return value


class KernelEnd:
    """The same program as `End`, on a socket of the kernel."""

    def __init__(self, sock: socket.socket, data: bytes) -> None:
        sock.setblocking(False)
        self.sock, self.data = sock, data
        self.sent, self.got = 0, bytearray()
        self.shut = self.ended = False

    @property
    def over(self) -> bool:
        return self.shut and self.ended

    def go_on(self) -> bool:
        before = self.sent, len(self.got), self.shut, self.ended
        try:
            if self.sent < len(self.data):
                self.sent += self.sock.send(self.data[self.sent : self.sent + 65_536])
            elif not self.shut:
                self.sock.shutdown(socket.SHUT_WR)
                self.shut = True
        except BlockingIOError:
            pass
        try:
            data = self.sock.recv(1 << 17)
            self.got += data
            self.ended = not data
        except BlockingIOError:
            pass
        return before != (self.sent, len(self.got), self.shut, self.ended)


def pair(between: Bridge, data: tuple[bytes, bytes], kernel_connects: bool) -> tuple[End, KernelEnd]:
    """A connection, the model's end of it and the kernel's; `data` is what each is to send."""
    host = between.host
    if not kernel_connects:
        with socket.create_server((KERNEL, 80)) as server:
            server.setblocking(False)
            fd = opened(host)
            assert host.call("connect", fd, (KERNEL, 80)) == Fail(errno.EINPROGRESS)
            end = host.descriptors[fd]
            until(between, lambda: end.state is TcpState.ESTABLISHED)  # type: ignore[attr-defined]
            return End(host, fd, data[0]), KernelEnd(until(between, lambda: _accepted(server)), data[1])
    listener = opened(host)
    done(host, "bind", listener, (ADDRESS, 80))
    done(host, "listen", listener, 5)
    sock = socket.socket()
    sock.setblocking(False)
    assert sock.connect_ex((ADDRESS, 80)) == errno.EINPROGRESS
    answer = until(between, lambda: _done_or_none(host.call("accept", listener)))
    done(host, "setblocking", answer[0], False)
    return End(host, answer[0], data[0]), KernelEnd(sock, data[1])


def _done_or_none(answer: object) -> Any:
    return answer.value if isinstance(answer, Done) else None


def _accepted(server: socket.socket) -> socket.socket | None:
    try:
        return server.accept()[0]
    except BlockingIOError:
        return None


def exchange(between: Bridge, model: End, kernel: KernelEnd) -> None:
    """Both send everything, shut that direction, and read until the other has."""
    began = time.monotonic()
    while not (model.over and kernel.over):
        moved = kernel.go_on()
        moved = (not model.over and model.go_on()) or moved
        between.turn(0 if moved else 0.05)
        assert time.monotonic() - began < PATIENCE_S, "nothing more happens"
        assert model.error == 0
    assert between.malformed == 0
    assert sha256(kernel.got).digest() == sha256(model.data).digest()
    assert sha256(model.got).digest() == sha256(kernel.data).digest()


@pytest.mark.parametrize("kernel_connects", [True, False], ids=["kernel_connects", "model_connects"])
def test_ten_megabytes_each_way(kernel_connects: bool) -> None:
    with bridge() as between:
        model, kernel = pair(between, (pattern(SOME_MB, 1), pattern(SOME_MB, 2)), kernel_connects)
        with kernel.sock:
            exchange(between, model, kernel)


@pytest.mark.parametrize("kernel_connects", [True, False], ids=["kernel_connects", "model_connects"])
def test_ten_megabytes_each_way_over_a_bad_wire(kernel_connects: bool) -> None:
    """5 % lost, some twice, some late, in both directions."""
    weather = Weather(5, loss=0.05, duplicate=0.02, reorder=0.05, late_s=0.005)
    with bridge(weather) as between:
        model, kernel = pair(between, (pattern(SOME_MB, 1), pattern(SOME_MB, 2)), kernel_connects)
        with kernel.sock:
            exchange(between, model, kernel)


def unread(between: Bridge) -> tuple[End, KernelEnd]:
    """A connection on which both ends have bytes that nobody has read."""
    model, kernel = pair(between, (b"", b""), True)
    done(between.host, "send", model.fd, b"unread", 0)
    kernel.sock.send(b"unread")
    between.turn(0.02)
    between.turn(0.02)
    return model, kernel


def test_the_kernel_resets() -> None:
    """RFC 1122 §4.2.2.13: bytes were lost, and the peer is to know."""
    with bridge() as between:
        model, kernel = unread(between)
        kernel.sock.close()
        end = between.host.descriptors[model.fd]
        until(between, lambda: end.error == errno.ECONNRESET)


def test_the_model_resets() -> None:
    with bridge() as between:
        model, kernel = unread(between)
        with kernel.sock as sock:
            done(between.host, "close", model.fd)
            until(between, lambda: sock.getsockopt(SOL_SOCKET, socket.SO_ERROR) == errno.ECONNRESET)


def test_nobody_listens() -> None:
    with bridge() as between, socket.socket() as sock:
        sock.setblocking(False)
        assert sock.connect_ex((ADDRESS, 81)) == errno.EINPROGRESS
        until(between, lambda: sock.getsockopt(SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED)
        fd = opened(between.host)
        assert between.host.call("connect", fd, (KERNEL, 81)) == Fail(errno.EINPROGRESS)
        until(between, lambda: between.host.descriptors[fd].error == errno.ECONNREFUSED)


def test_a_closed_window_opens_again() -> None:
    """The kernel's reader sleeps while the model fills its buffer; then everything arrives."""
    with bridge() as between:
        model, kernel = pair(between, (pattern(300_000, 1), b""), True)
        with kernel.sock:
            kernel.sock.setsockopt(SOL_SOCKET, SO_RCVBUF, 20_000)
            while model.go_on():
                between.turn(0.02)
            until(between, lambda: between.host.descriptors[model.fd].snd_wnd == 0)  # type: ignore[attr-defined]
            exchange(between, model, kernel)


def test_keepalive_is_answered_by_both() -> None:
    with bridge() as between:
        model, kernel = pair(between, (b"", b""), True)
        with kernel.sock:
            kernel.sock.setsockopt(IPPROTO_TCP, TCP_KEEPIDLE, 1)
            kernel.sock.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1)
            done(between.host, "setsockopt", model.fd, IPPROTO_TCP, TCP_KEEPIDLE, 1)
            done(between.host, "setsockopt", model.fd, SOL_SOCKET, SO_KEEPALIVE, 1)
            before = between.received, between.sent
            until(between, lambda: between.received >= before[0] + 2 and between.sent >= before[1] + 2, 5)
            end = between.host.descriptors[model.fd]
            assert end.state is TcpState.ESTABLISHED  # type: ignore[attr-defined]


def test_datagrams() -> None:
    with bridge() as between, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fd = opened(between.host, SOCK_DGRAM)
        done(between.host, "bind", fd, (ADDRESS, 53))
        sock.setblocking(False)
        sock.connect((ADDRESS, 53))
        sock.send(b"question")
        data, who = until(between, lambda: _done_or_none(between.host.call("recvfrom", fd, 100, 0)))
        assert (data, who) == (b"question", sock.getsockname())
        done(between.host, "sendto", fd, b"answer", 0, who)
        assert until(between, lambda: _received(sock)) == b"answer"
        done(between.host, "close", fd)
        sock.send(b"nobody there")
        until(between, lambda: sock.getsockopt(SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED)


def _received(sock: socket.socket) -> bytes | None:
    try:
        return sock.recv(100)
    except BlockingIOError:
        return None


def test_an_unmodified_web_server(tmp_path: Path) -> None:
    """Python's own, started as anybody starts it; the model fetches a file."""
    page = pattern(200_000, 7)
    (tmp_path / "page").write_bytes(page)
    with bridge() as between:
        command = [sys.executable, "-I", "-m", "http.server", "8000", "--bind", KERNEL]
        server = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _wait_for_port(8000)
            host, fd = between.host, opened(between.host)
            host.call("connect", fd, (KERNEL, 8000))
            end = host.descriptors[fd]
            until(between, lambda: end.state is TcpState.ESTABLISHED)  # type: ignore[attr-defined]
            done(host, "send", fd, b"GET /page HTTP/1.0\r\n\r\n", 0)
            answer = bytearray()

            def ended() -> bool:
                while isinstance(got := host.call("recv", fd, 1 << 17, 0), Done):
                    if not got.value:
                        return True
                    answer.extend(got.value)
                return False

            until(between, ended)
        finally:
            server.terminate()
            server.wait(10)
    head, _, body = bytes(answer).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 200 OK")
    assert sha256(body).digest() == sha256(page).digest()


def _wait_for_port(port: int) -> None:
    for _ in range(200):
        with socket.socket() as sock:
            if sock.connect_ex((KERNEL, port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("the web server does not start")
