"""Socket objects over a scripted host: what goes down, what comes up, and how a socket ends."""

from __future__ import annotations

import gc
import warnings
from array import array
from typing import Any

import pytest

from model.trace import CallEvent
from model.values.results import Answer, Done, Fail

from .fakehost import FakeNet

FIONREAD, FIONBIO = 0x541B, 0x5421


@pytest.fixture
def net() -> FakeNet:
    return FakeNet()


@pytest.fixture
def sock(net: FakeNet) -> Any:
    made = net.socket.socket()
    made.setblocking(False)
    net.events.clear()
    net.fake.calls.clear()
    yield made
    made.close()


# What goes down -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "args", "down", "answer", "up"),
    [
        ("bind", (("", 80),), ("bind", 3, ("0.0.0.0", 80)), None, None),
        ("listen", (), ("listen", 3, 128), None, None),
        ("listen", (-5,), ("listen", 3, 0), None, None),
        ("shutdown", (1,), ("shutdown", 3, 1), None, None),
        ("send", (memoryview(b"abc"), 0x40), ("send", 3, b"abc", 0x40), 3, 3),
        ("send", (array("H", [1, 2]),), ("send", 3, b"\1\0\2\0", 0), 4, 4),
        ("sendto", (bytearray(b"abc"), ("localhost", 5)), ("sendto", 3, b"abc", 0, ("127.0.0.1", 5)), 3, 3),
        ("sendto", (b"abc", 0x40, ("", 5)), ("sendto", 3, b"abc", 0x40, ("0.0.0.0", 5)), 3, 3),
        ("recv", (10,), ("recv", 3, 10, 0), b"abc", b"abc"),
        ("recv", (True, 2), ("recv", 3, 1, 2), b"a", b"a"),
        ("recvfrom", (0,), ("recvfrom", 3, 0, 0), (b"", None), (b"", None)),
        ("sendmsg", ([b"ab", bytearray(b"c")],), ("sendmsg", 3, b"abc", 0, None, []), 3, 3),
        ("sendmsg", (iter([b"ab"]), [[1, 1, b"x"]], 0x40, ("", 5)),
         ("sendmsg", 3, b"ab", 0x40, ("0.0.0.0", 5), [(1, 1, b"x")]), 2, 2),
        ("recvmsg", (3, 20, 2), ("recvmsg", 3, 3, 2, 20), (b"abc", [], 0, None), (b"abc", [], 0, None)),
        ("recvmsg", (2, 0, 0x20), ("recvmsg", 3, 2, 0x20, 0), (b"ab\0\0", [], 0x20, None), (b"ab", [], 0x20, None)),
        ("recvmsg_into", ([bytearray(2), bytearray(9)], 16), ("recvmsg", 3, 11, 0, 16), (b"abc", [], 8, None),
         (3, [], 8, None)),
        ("getsockname", (), ("getsockname", 3), ("0.0.0.0", 0), ("0.0.0.0", 0)),
        ("getpeername", (), ("getpeername", 3), ("127.0.0.1", 5), ("127.0.0.1", 5)),
        ("getsockopt", (1, 4), ("getsockopt", 3, 1, 4, 0), 111, 111),
        ("getsockopt", (6, 11, 100), ("getsockopt", 3, 6, 11, 100), b"\1", b"\1"),
        ("setsockopt", (1, 7, 4608), ("setsockopt", 3, 1, 7, 4608), None, None),
        ("setsockopt", (1, 7, bytearray(4)), ("setsockopt", 3, 1, 7, bytes(4)), None, None),
        ("connect_ex", (("127.0.0.1", 9),), ("connect", 3, ("127.0.0.1", 9)), None, 0),
        ("_accept", (), ("accept", 3), (4, ("127.0.0.1", 5)), (4, ("127.0.0.1", 5))),
    ],
)  # fmt: skip
def test_a_call_goes_down_once(net: FakeNet, sock: Any, call: str, args: Any, down: Any, answer: Any, up: Any) -> None:
    net.fake.answers[down[0]] = Done(answer)
    assert getattr(sock, call)(*args) == up
    assert net.fake.calls == [down]
    assert all(type(part) in (str, int, bytes, tuple, list, type(None)) for part in net.fake.calls[0])


@pytest.mark.parametrize(
    ("errno", "exception"),
    [(11, BlockingIOError), (104, ConnectionResetError), (32, BrokenPipeError), (107, OSError), (9, OSError)],
)
def test_a_failure_comes_up_as_pythons_own_exception(net: FakeNet, sock: Any, errno: int, exception: Any) -> None:
    net.fake.answers.update(send=Fail(errno), recv=Fail(errno), recvfrom=Fail(errno), getpeername=Fail(errno))
    for call, *args in (("send", b"x"), ("recv", 1), ("recvfrom", 1), ("getpeername",), ("recv_into", bytearray(1))):
        with pytest.raises(exception) as caught:
            getattr(sock, call)(*args)
        assert type(caught.value) is exception
        assert caught.value.errno == errno


def test_recv_into_fills_the_buffer_that_it_is_given(net: FakeNet, sock: Any) -> None:
    net.fake.answers.update(recv=Done(b"abc"), recvfrom=Done((b"xy", ("127.0.0.1", 5))))
    buffer = bytearray(b"......")
    assert sock.recv_into(buffer) == 3
    assert bytes(buffer) == b"abc..."
    assert sock.recv_into(memoryview(buffer)[2:], 4) == 3
    assert bytes(buffer) == b"ababc."
    assert sock.recvfrom_into(buffer, 2, 0x40) == (2, ("127.0.0.1", 5))
    assert bytes(buffer) == b"xyabc."
    numbers = array("I", [0, 7])
    assert sock.recv_into(numbers, nbytes=4, flags=2) == 3
    assert numbers[1] == 7
    assert [call[2:] for call in net.fake.calls] == [(6, 0), (4, 0), (2, 0x40), (4, 2)]


def test_sendall_sends_what_is_left(net: FakeNet, sock: Any) -> None:
    net.fake.answers["send"] = [Done(2), Done(3), Done(1)]
    sock.sendall(bytearray(b"abcdef"))
    assert [call[2] for call in net.fake.calls] == [b"abcdef", b"cdef", b"f"]
    net.fake.answers["send"] = [Done(2), Fail(11)]
    with pytest.raises(BlockingIOError):
        sock.sendall(b"abcdef")
    net.fake.answers["send"] = Done(0)
    sock.sendall(b"")


def test_accept_makes_a_socket_of_the_standard_library(net: FakeNet, sock: Any) -> None:
    net.fake.answers["accept"] = Done((7, ("127.0.0.1", 5)))
    child, address = sock.accept()
    assert (type(child), child.fileno(), address) == (net.socket.socket, 7, ("127.0.0.1", 5))
    assert child.gettimeout() is None
    assert child.type is net.socket.SOCK_STREAM
    assert net.names() == ["accept"]
    child.close()


def test_a_descriptor_can_be_adopted(net: FakeNet, sock: Any) -> None:
    net.fake.answers["getsockopt"] = lambda fd, level, option, *rest: Done({3: 2, 38: 17}[option])
    fd = sock.detach()
    assert sock.fileno() == -1
    adopted = net.socket.socket(fileno=fd)
    assert (adopted.fileno(), adopted.family, adopted.type, adopted.proto) == (fd, 2, 2, 17)
    assert net.names() == []
    net.fake.answers["getsockname"] = Fail(9)
    with pytest.raises(OSError, match="Bad file descriptor"):
        net.socket.socket(fileno=77)
    assert adopted.detach() == fd
    net.socket.close(fd)
    net.fake.answers["close"] = Fail(9)
    with pytest.raises(OSError, match="Bad file descriptor"):
        net.socket.close(fd)


def test_the_default_timeout_is_for_new_sockets(net: FakeNet) -> None:
    net.socket.setdefaulttimeout(2.5)
    assert net.socket.getdefaulttimeout() == 2.5
    with net.socket.socket() as made:
        assert made.gettimeout() == 2.5
    assert ("setblocking", 3, False) in net.fake.calls
    assert net.names() == ["socket", "close"]
    net.socket.setdefaulttimeout(None)
    assert net.socket.getdefaulttimeout() is None
    with net.socket.socket(type=net.socket.SOCK_STREAM | net.socket.SOCK_NONBLOCK) as made:
        assert made.getblocking() is False
        assert made.type == net.socket.SOCK_STREAM
    assert ("socket", 2, 1, 0) in net.fake.calls


# Files ----------------------------------------------------------------------------------------------------------------


def test_makefile_reads_and_writes_through_the_socket(net: FakeNet, sock: Any) -> None:
    sock.setblocking(True)
    net.fake.answers["recv"] = [Done(b"one\ntw"), Done(b"o\n"), Done(b"")]
    net.fake.answers["send"] = lambda fd, data, flags: Done(len(data))
    with sock.makefile("r", encoding="ascii") as lines:
        assert list(lines) == ["one\n", "two\n"]
    with sock.makefile("wb") as out:
        out.write(b"abc")
    assert net.fake.calls[-1] == ("send", 3, b"abc", 0x40)


def test_sendfile_never_touches_a_real_descriptor(net: FakeNet, sock: Any, tmp_path: Any) -> None:
    sock.setblocking(True)
    sent = bytearray()

    def send(fd: int, data: bytes, flags: int) -> Answer:
        sent.extend(data)
        return Done(len(data))

    net.fake.answers["send"] = send
    (tmp_path / "data").write_bytes(b"abc" * 5000)
    with (tmp_path / "data").open("rb") as file:
        assert sock.sendfile(file) == 15000
    assert bytes(sent) == b"abc" * 5000


# ioctl and fcntl ------------------------------------------------------------------------------------------------------


def test_ioctl_answers_through_whatever_it_is_given(net: FakeNet, sock: Any) -> None:
    net.fake.answers["ioctl"] = Done(0x01020304)
    number = (0x01020304).to_bytes(4, "little")
    assert net.fcntl.ioctl(sock, FIONREAD, b"\xff" * 6) == number + b"\xff\xff"
    assert net.fcntl.ioctl(sock.fileno(), FIONREAD, "ab") == number[:2]
    target = bytearray(b"\xff" * 5)
    assert net.fcntl.ioctl(sock, FIONREAD, target) == 0
    assert bytes(target) == number + b"\xff"
    numbers = array("i", [0])
    assert net.fcntl.ioctl(sock, FIONREAD, numbers) == 0
    assert numbers[0] == 0x01020304
    assert net.fcntl.ioctl(sock, FIONREAD, numbers, False) == number
    with pytest.raises(OSError, match="Bad address"):
        net.fcntl.ioctl(sock, FIONREAD)
    assert net.answer() == Fail(14)
    net.fake.answers["ioctl"] = Fail(22)
    for argument in (0, bytes(4), bytearray(4)):
        with pytest.raises(OSError, match="Invalid argument"):
            net.fcntl.ioctl(sock, FIONREAD, argument)
    assert set(net.names()) == {"ioctl"}


def test_o_nonblock_belongs_to_the_description(net: FakeNet, sock: Any) -> None:
    assert net.fcntl.fcntl(sock, net.fcntl.F_GETFL) == 0o4002
    net.fcntl.fcntl(sock, net.fcntl.F_SETFL, 0)
    assert net.fcntl.fcntl(sock, net.fcntl.F_GETFL) == 0o2
    assert sock.gettimeout() == 0
    net.fcntl.ioctl(sock, FIONBIO, b"\1\0\0\0")
    assert net.fcntl.fcntl(sock, net.fcntl.F_GETFL) == 0o4002
    assert [call for call in net.fake.calls if call[0] == "setblocking"] == [
        ("setblocking", 3, True),
        ("setblocking", 3, False),
    ]
    net.fake.answers["fcntl"] = Fail(9)
    with pytest.raises(OSError, match="Bad file descriptor"):
        net.fcntl.fcntl(77, net.fcntl.F_GETFL)


# How a socket ends ----------------------------------------------------------------------------------------------------


def test_a_dropped_socket_is_closed_with_a_warning_and_without_a_line(net: FakeNet) -> None:
    dropped = net.socket.socket()
    net.events.clear()
    with pytest.warns(ResourceWarning, match="unclosed <socket object, fd=3, family=2, type=1, proto=0>"):
        del dropped
    assert ("close", 3) in net.fake.calls
    assert net.names() == []


def test_a_socket_dropped_inside_a_call_of_the_model_is_closed_later(net: FakeNet, sock: Any) -> None:
    def collect(fd: int, size: int, flags: int) -> Answer:
        gc.collect()
        assert ("close", 4) not in net.fake.calls
        return Done(b"x")

    net.fake.answers["recv"] = collect
    dropped: Any = [net.socket.socket()]
    dropped.append(dropped)
    del dropped
    with pytest.warns(ResourceWarning):
        sock.recv(1)
    assert ("close", 4) not in net.fake.calls
    net.time.sleep(0)
    assert ("close", 4) in net.fake.calls


def test_after_the_net_is_left_nothing_happens(net: FakeNet) -> None:
    dropped = net.socket.socket()
    net.kernel.running = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del dropped
    assert ("close", 3) not in net.fake.calls


def test_closing_forgives_a_reset_and_nothing_else(net: FakeNet) -> None:
    for errno in (104, 5):
        made = net.socket.socket()
        net.fake.answers["close"] = Fail(errno)
        if errno == 104:
            made.close()
        else:
            with pytest.raises(OSError, match="Input/output error"):
                made.close()
        assert made.fileno() == -1


def test_looking_at_a_socket_leaves_no_line(net: FakeNet, sock: Any) -> None:
    assert repr(sock) == "<socket.socket fd=3, family=2, type=1, proto=0, laddr=('0.0.0.0', 0)>"
    assert net.events == []


def test_what_is_not_modelled_says_so(net: FakeNet, sock: Any) -> None:
    with pytest.raises(NotImplementedError, match="status flags 0o2000 are not modelled"):
        net.fcntl.fcntl(sock, net.fcntl.F_SETFL, 0o2000)
    with pytest.raises(OSError, match="socketpair") as caught:
        net.socket.socketpair()
    assert caught.value.errno == 95
    assert not hasattr(sock, "sendmsg_afalg")


def test_segments_of_a_hidden_call_stay_in_the_trace(net: FakeNet) -> None:
    net.kernel.call("poll", [])
    marker: Any = object()
    net.events.append(marker)
    net.kernel.forget()
    assert net.events == [marker]
    net.kernel.forget()
    net.kernel.amend(answer=Done(1))
    assert net.events == [marker]
    net.events.append(CallEvent(0, "lo", "x", None, (), Done(), rules=("b", "a")))
    net.kernel.amend(("a", "c"), answer=Done(1))
    assert (net.event().rules, net.answer()) == (("a", "c", "b"), Done(1))
