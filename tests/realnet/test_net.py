"""`RealNet`: the modules, the trace, and that nothing is left behind.

Not here: what the kernel answers (test_facts.py), that the model's trace has the same lines (tests of both arms).
"""

from __future__ import annotations

import gc
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from model.trace import CallEvent
from model.values.results import Done, Fail
from realnet import RealNet
from realnet.namespace import current_inode
from realnet.settings import DEFAULT

FIONREAD, FIONBIO = 0x541B, 0x5421


def calls(net: RealNet, *left_out: str) -> list[tuple[Any, ...]]:
    """The trace as (socket, call, args, answer)."""
    return [(e.socket, e.call, e.args, e.answer) for e in net.trace.calls() if e.call not in left_out]


def lines(net: RealNet) -> list[str]:
    return [f"{e.socket or '-'} {e.call} {e.answer}" for e in net.trace.calls()]


def open_descriptors() -> list[str]:
    return sorted(path.name for path in Path("/proc/self/fd").iterdir())


def test_a_conversation_is_recorded() -> None:
    with RealNet() as net:
        s = net.socket
        server = s.socket(s.AF_INET, s.SOCK_STREAM | s.SOCK_NONBLOCK)
        server.setsockopt(s.SOL_SOCKET, s.SO_REUSEADDR, 1)
        server.bind(("localhost", 80))
        server.listen(5)
        client = s.socket()
        client.bind(("127.0.0.1", 5000))
        client.setblocking(False)
        assert client.connect_ex(("127.0.0.1", 80)) == 115
        assert client.connect_ex(("127.0.0.1", 80)) == 0
        peer, _ = server.accept()
        client.sendall(b"hello")
        assert peer.recv(2) == b"he"
        room = bytearray(10)
        assert peer.recv_into(room) == 3
        with pytest.raises(BlockingIOError):
            client.recv(1, s.MSG_PEEK)
        poll = net.select.poll()
        poll.register(client, net.select.POLLIN | net.select.POLLOUT)
        poll.register(peer, net.select.POLLIN)
        poll.poll(0)
        net.select.select([peer], [client], [], 0)
        net.fcntl.ioctl(peer, FIONREAD, b"\0\0\0\0")
        client.shutdown(s.SHUT_WR)
        client.getsockopt(s.SOL_SOCKET, s.SO_ERROR)
        client.getpeername()
        peer.close()
        peer.close()
    listener, caller = ("127.0.0.1", 80), ("127.0.0.1", 5000)
    assert calls(net) == [
        ("s1", "socket", (2, 1, 0), Done("s1")),
        ("s1", "setsockopt", (1, 2, 1), Done()),
        ("s1", "bind", (listener,), Done()),
        ("s1", "listen", (5,), Done()),
        ("s2", "socket", (2, 1, 0), Done("s2")),
        ("s2", "bind", (caller,), Done()),
        ("s2", "setblocking", (False,), Done()),
        ("s2", "connect", (listener,), Fail(115)),
        ("s2", "connect", (listener,), Done()),
        ("s1", "accept", (), Done(("s3", caller))),
        ("s2", "send", (b"hello", 0), Done(5)),
        ("s3", "recv", (2, 0), Done(b"he")),
        ("s3", "recv", (10, 0), Done(b"llo")),
        ("s2", "recv", (1, 2), Fail(11)),
        (None, "poll", ([("s2", 5), ("s3", 1)],), Done([("s2", 4)])),
        (None, "select", (["s3"], ["s2"], []), Done(([], ["s2"], []))),
        ("s3", "ioctl", (FIONREAD,), Done(0)),
        ("s2", "shutdown", (1,), Done()),
        ("s2", "getsockopt", (1, 4, 0), Done(0)),
        ("s2", "getpeername", (), Done(listener)),
        ("s3", "close", (), Done()),
    ]


def test_every_open_socket_is_observed_after_each_call() -> None:
    with RealNet() as net:
        server = net.socket.create_server(("127.0.0.1", 80))
        client = net.socket.create_connection(("127.0.0.1", 80))
        peer, _ = server.accept()
        accepted: CallEvent = net.trace.calls()[-1]
        client.send(b"hello")
        sent = net.trace.calls()[-1]
        client.close()
        closed = net.trace.calls()[-1]
        assert [name for name, _ in accepted.sockets] == ["s1", "s2", "s3"]
        assert {name: tuple(seen) for name, seen in sent.sockets} == {
            "s1": (0, -22, -22, 10, 0, 0, 131_072, 0, 16_384, 0, 0),
            "s2": (4, 0, 0, 1, 0, 0, 131_072, 0, 2_626_560, 0, 0),
            "s3": (5, 5, 0, 1, 0, 837, 131_072, 0, 2_626_560, 4096 - 837, 0),
        }
        assert {name: seen.tcp_state for name, seen in closed.sockets} == {"s1": 10, "s3": 8}
        peer.close()
        server.close()


def test_the_trace_is_written() -> None:
    with RealNet() as net, net.socket.socket() as sock:
        sock.getsockname()
    header, *events = list(net.trace.lines())
    assert '"arm": "kernel"' in header
    assert net.kernel in header
    assert net.settings["net.ipv4.tcp_congestion_control"] == "reno"
    assert [event.at_ns for event in net.trace.calls()] == sorted(event.at_ns for event in net.trace.calls())
    assert len(events) == 3


def test_datagrams_and_timeouts() -> None:
    with RealNet() as net:
        s = net.socket
        with s.socket(type=s.SOCK_DGRAM) as one, s.socket(type=s.SOCK_DGRAM) as two:
            one.bind(("", 53))
            two.bind(("127.1", 54))
            two.sendto(b"ask", ("127.0.0.1", 53))
            two.sendto(b"", s.MSG_DONTWAIT, ("127.0.0.1", 53))
            assert one.recvfrom(10) == (b"ask", ("127.0.0.1", 54))
            assert one.recvfrom_into(bytearray(4)) == (0, ("127.0.0.1", 54))
            one.settimeout(0.01)
            with pytest.raises(TimeoutError):
                one.recv(10)
            one.sendto(b"answer", ("127.0.0.1", 54))
    assert calls(net, "socket", "close") == [
        ("s1", "bind", (("0.0.0.0", 53),), Done()),
        ("s2", "bind", (("127.0.0.1", 54),), Done()),
        ("s2", "sendto", (b"ask", 0, ("127.0.0.1", 53)), Done(3)),
        ("s2", "sendto", (b"", 64, ("127.0.0.1", 53)), Done(0)),
        ("s1", "recvfrom", (10, 0), Done((b"ask", ("127.0.0.1", 54)))),
        ("s1", "recvfrom", (4, 0), Done((b"", ("127.0.0.1", 54)))),
        ("s1", "setblocking", (False,), Done()),
        ("s1", "recv", (10, 0), Fail(11)),
        ("s1", "sendto", (b"answer", 0, ("127.0.0.1", 54)), Done(6)),
    ]


def test_the_kernels_own_settings() -> None:
    """Its sockets use cubic, those it accepts too, and buffers tune themselves; the option is no line of the trace."""
    with RealNet(settings=DEFAULT) as net:
        assert net.settings["net.ipv4.tcp_moderate_rcvbuf"] == "1"
        listener = net.socket.create_server(("127.0.0.1", 0))
        client = net.socket.create_connection(listener.getsockname())
        accepted, _ = listener.accept()
        net.socket.socket(net.socket.AF_INET, net.socket.SOCK_DGRAM).close()
        calls = [event for event in net.trace.events if isinstance(event, CallEvent)]
        assert not [call for call in calls if call.call == "setsockopt" and socket.TCP_CONGESTION in call.args]
        for each in (listener, client, accepted):
            assert each.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).rstrip(b"\0") == b"cubic"


def test_what_does_not_reach_the_kernel_leaves_no_line() -> None:
    with RealNet() as net, net.socket.socket() as sock:
        wrong: Callable[[], Any]
        for wrong in (
            lambda: sock.connect("127.0.0.1"),
            lambda: sock.connect(("127.0.0.1", 70_000)),
            lambda: sock.bind(("no.such.name.invalid", 80)),
            lambda: sock.send("text"),
            sock.send,
            lambda: sock.recv(-1),
            lambda: sock.recv_into(b"read only"),
            lambda: sock.getsockopt(1),
            lambda: sock.getsockopt(1, 4, 5000),
            lambda: net.socket.socket(type="stream"),
            lambda: net.select.select(1, [], []),
            lambda: net.select.select([-1], [], []),
            lambda: net.select.poll().register("x"),
        ):
            with pytest.raises((TypeError, ValueError, OverflowError, OSError)):
                wrong()
        repr(sock)
        assert lines(net) == ["s1 socket 's1'"]


def test_a_closed_socket() -> None:
    with RealNet() as net:
        sock = net.socket.socket()
        poll = net.select.poll()
        poll.register(sock)
        sock.close()
        with pytest.raises(OSError, match="Bad file descriptor"):
            sock.recv(1)
        assert poll.poll(0)[0][1] == net.select.POLLNVAL
    assert calls(net)[2:] == [
        (None, "recv", (1, 0), Fail(9)),
        (None, "poll", ([("closed", 7)],), Done([("closed", 32)])),
    ]


def test_a_socket_that_could_not_be_made() -> None:
    with RealNet() as net:
        with pytest.raises(OSError, match="Protocol not supported"):
            net.socket.socket(net.socket.AF_INET, net.socket.SOCK_STREAM, 17)
        assert calls(net) == [(None, "socket", (2, 1, 17), Fail(93))]


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # the ResourceWarning, as in the original
def test_a_dropped_socket_is_closed_at_once() -> None:
    with RealNet() as net:
        server = net.socket.create_server(("127.0.0.1", 80))
        client = net.socket.create_connection(("127.0.0.1", 80))
        peer = server.accept()[0]
        del client
        gc.collect()
        assert peer.recv(1) == b""
        assert [name for name, _ in net.trace.calls()[-1].sockets] == ["s1", "s3"]
        assert "close" not in {event.call for event in net.trace.calls()}


def test_sockets_in_other_hands() -> None:
    with RealNet() as net:
        s = net.socket
        first = s.socket()
        again = s.socket(fileno=first.detach())
        double = again.dup()
        s.close(again.detach())
        double.getsockname()
        double.close()
    assert lines(net) == [
        "s1 socket 's1'",
        "s1 dup 's2'",
        "s2 setblocking ok",
        "s1 close ok",
        "s2 getsockname ('0.0.0.0', 0)",
        "s2 close ok",
    ]


def test_nothing_is_left_behind() -> None:
    before = open_descriptors(), current_inode(), os.sched_getaffinity(0), socket.getdefaulttimeout()
    with RealNet() as net:
        server = net.socket.create_server(("127.0.0.1", 80))
        client = net.socket.create_connection(("127.0.0.1", 80))
        file = client.makefile("rwb")
        client.close()  # the file still holds it
        given_away = net.socket.socket().detach()
        net.socket.setdefaulttimeout(5)
        timed = net.socket.socket()
        assert timed.gettimeout() == net.socket.getdefaulttimeout() == 5
    assert (open_descriptors(), current_inode(), os.sched_getaffinity(0), socket.getdefaulttimeout()) == before
    assert server.fileno() == timed.fileno() == -1
    assert str(given_away) not in open_descriptors()
    made = len(net.trace.events)
    server.close()
    file.close()
    assert len(net.trace.events) == made


def test_an_error_in_the_scenario_leaves_nothing_behind_either() -> None:
    before = open_descriptors(), current_inode()
    net, sockets = RealNet(), []

    def scenario() -> None:
        with net:
            sockets.append(net.socket.create_server(("127.0.0.1", 80)))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        scenario()
    assert sockets[0].fileno() == -1
    assert (open_descriptors(), current_inode()) == before


def test_no_socket_outside() -> None:
    """Neither after the net nor in a thread that was never inside; a thread started inside is inside."""
    said: list[Any] = []
    outside, inside = threading.Event(), threading.Event()
    nets: list[RealNet] = []

    def make() -> None:
        outside.set()
        inside.wait(10)
        try:
            nets[0].socket.socket()
        except RuntimeError as error:
            said.append(str(error))

    thread = threading.Thread(target=make)
    thread.start()
    outside.wait(10)
    with RealNet() as net:
        nets.append(net)
        inside.set()
        thread.join()
        threading.Thread(target=lambda: said.append(net.socket.socket().close())).start()
        while len(said) < 2:
            net.time.sleep(0.001)
    assert said[0].startswith("this net makes sockets only inside its with statement")
    assert said[1] is None
    with pytest.raises(RuntimeError, match="the machine's own network"):
        net.socket.socket()


def test_the_modules_look_like_the_originals() -> None:
    with RealNet() as net:
        assert net.socket is not socket
        assert net.socket.socket.__mro__[1].__module__ == "_socket"
        assert net.socket.AF_INET is not socket.AF_INET
        assert net.socket.AF_INET == socket.AF_INET
        assert net.socket.timeout is TimeoutError
        assert net.socket.gaierror is socket.gaierror
        assert net.selectors.DefaultSelector is net.selectors.EpollSelector
        assert not hasattr(net.socket.socket, "sendmsg_afalg")
        assert not net.socket.has_ipv6
        assert {info[0] for info in net.socket.getaddrinfo("localhost", 80)} == {2}
        assert net.trace.events == []


@pytest.mark.parametrize("name", ["SelectSelector", "PollSelector", "EpollSelector"])
def test_selectors(name: str) -> None:
    with RealNet() as net:
        server = net.socket.create_server(("127.0.0.1", 80))
        with getattr(net.selectors, name)() as selector:
            selector.register(server, net.selectors.EVENT_READ, "server")
            assert selector.select(0) == []
            with net.socket.create_connection(("127.0.0.1", 80)):
                assert [key.data for key, _ in selector.select(1)] == ["server"]


def test_three_ways_to_set_nonblocking() -> None:
    with RealNet() as net, net.socket.socket() as sock:
        net.fcntl.ioctl(sock, FIONBIO, b"\1\0\0\0")
        assert net.fcntl.fcntl(sock, net.fcntl.F_GETFL) & os.O_NONBLOCK
        net.fcntl.fcntl(sock, net.fcntl.F_SETFL, os.O_RDWR)
        sock.settimeout(3)
        with pytest.raises(OSError, match="Bad address"):
            net.fcntl.ioctl(sock, FIONREAD)
        room = bytearray(4)
        assert net.fcntl.ioctl(sock, FIONREAD, room) == 0
    assert calls(net, "socket", "close") == [
        ("s1", "setblocking", (False,), Done()),
        ("s1", "setblocking", (True,), Done()),
        ("s1", "setblocking", (False,), Done()),
        ("s1", "ioctl", (FIONREAD,), Fail(14)),
        ("s1", "ioctl", (FIONREAD,), Done(0)),
    ]


def test_a_file_is_sent_by_send(tmp_path: Any) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    with RealNet() as net:
        server = net.socket.create_server(("127.0.0.1", 80))
        client = net.socket.create_connection(("127.0.0.1", 80))
        peer = server.accept()[0]
        with path.open("rb") as file:
            assert client.sendfile(file) == 10
        assert peer.recv(20) == b"0123456789"
    assert ("s2", "send", (b"0123456789", 0), Done(10)) in calls(net)


def test_sendall_waits_no_longer_than_its_timeout() -> None:
    with RealNet() as net:
        server = net.socket.create_server(("127.0.0.1", 80))
        client = net.socket.create_connection(("127.0.0.1", 80))
        client.settimeout(0.05)
        with pytest.raises(TimeoutError):
            client.sendall(bytes(8 << 20))
        assert client.gettimeout() == 0.05
        assert calls(net)[-1][3] == Fail(11)
        server.close()


def test_what_is_not_there_says_so() -> None:
    net = RealNet()
    with pytest.raises(AttributeError, match="inside the with statement"):
        _ = net.socket
    with net:
        with pytest.raises(NotImplementedError, match="no host 'a'"):
            net.host("a")
        with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
            _ = net.nonsense
        with pytest.raises(RuntimeError, match="entered already"):
            net.__enter__()
