"""One table of arguments, two arms: what the real modules refuse without asking the kernel, ours refuse likewise.

Exception and text must be equal. One complaint alone is worded differently from one version of Python to the next, and
ours is that of 3.13; it is compared as the one complaint that it is (`IN_OTHER_VERSIONS`).
"""

from __future__ import annotations

import fcntl as real_fcntl
import math
import re
import select as real_select
import socket as real_socket
import sys
import time as real_time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from model.values.results import Done, Fail

from .fakehost import FakeNet

FIONREAD = 0x541B
IN_OTHER_VERSIONS = re.compile(
    r"timestamp out of range for platform time_t|timestamp too large to convert to C _?PyTime_t"
)
"""What Python/pytime.c says of a time that does not fit. Before 3.11.4 a float is refused in the words for an int, and
before 3.13 the type has an underscore.
"""
HUGE = 2**70


class BadFileno:
    def fileno(self) -> str:
        return "x"


SOCKET_CALLS: list[tuple[str, tuple[Any, ...]]] = [
    ("recv", ("x",)), ("recv", (1.5,)), ("recv", (-1,)), ("recv", (HUGE,)), ("recv", (None,)), ("recv", (1, 2**40)),
    ("recv", (1, 2**31)), ("recv", (1, -(2**31) - 1)), ("recv", (1, "x")), ("recv", (1, HUGE)), ("recv", (1, 0.0)),
    ("recv", (1, None)), ("recv", (0,)), ("recv", (False,)),
    ("recvfrom", (-1,)), ("recvfrom", ("x",)), ("recvfrom", (HUGE,)), ("recvfrom", (1, "")),
    ("send", ("x",)), ("send", (5,)), ("send", (None,)), ("send", (memoryview(b"abcdef")[::2],)), ("send", (b"x", "y")),
    ("send", (b"x", 2**31)), ("sendall", ("x",)), ("sendall", (b"x", "y")),
    ("sendto", (b"x",)), ("sendto", (b"x", 0)), ("sendto", (b"x", 5, ("127.0.0.1", 1), 4)),
    ("sendto", ("x", ("127.0.0.1", 1))), ("sendto", (b"x", "y", ("127.0.0.1", 1))), ("sendto", (b"x", None)),
    ("sendto", (b"x", ("127.0.0.1", 99999))),
    ("bind", ("x",)), ("bind", ((1,),)), ("bind", ((1, 2),)), ("bind", (("127.0.0.1",),)),
    ("bind", (("127.0.0.1", "x"),)),
    ("bind", (("127.0.0.1", 70000),)), ("bind", (("127.0.0.1", -1),)), ("bind", (("127.0.0.1", 2**40),)),
    ("bind", (("127.0.0.1", HUGE),)), ("bind", (("127.0.0.1", 1.0),)), ("bind", ((None, 1),)), ("bind", (("a\0b", 1),)),
    ("bind", ((b"a\0b", 1),)), ("bind", (["127.0.0.1", 0],)), ("bind", (("127.0.0.1", 1, 2),)), ("bind", (None,)),
    ("connect", (("127.0.0.1", 70000),)), ("connect", ("x",)), ("connect_ex", (("127.0.0.1", 70000),)),
    ("connect_ex", ("x",)),
    ("listen", ("x",)), ("listen", (2**40,)), ("listen", (1.0,)),
    ("settimeout", ("x",)), ("settimeout", (-1,)), ("settimeout", (math.nan,)), ("settimeout", (math.inf,)),
    ("settimeout", (1e10,)), ("settimeout", (-1e-30,)), ("settimeout", (2**40,)), ("settimeout", (HUGE,)),
    ("settimeout", (-HUGE,)),
    ("shutdown", ("x",)), ("shutdown", (None,)), ("shutdown", (2**40,)),
    ("getsockopt", (1, 2, -1)), ("getsockopt", (1, 2, 2000)), ("getsockopt", ("x", 2)), ("getsockopt", (1, HUGE)),
    ("setsockopt", (1, 2, None)), ("setsockopt", (1, 2, "x")), ("setsockopt", (1, 2, 1.5)),
    ("setsockopt", (1, 2, 2**40)),
    ("setsockopt", (1, 2, HUGE)), ("setsockopt", ("x", 2, 1)), ("setsockopt", (1, 2, 4, 4)),
    ("setsockopt", (1, 2, None, 4)),
    ("setsockopt", (1, 2, None, -1)),
    ("recv_into", (b"abc",)), ("recv_into", ("abc",)), ("recv_into", (5,)), ("recv_into", (bytearray(4), -1)),
    ("recv_into", (bytearray(4), 9)), ("recv_into", (bytearray(4), "x")), ("recv_into", (bytearray(0),)),
    ("recv_into", (memoryview(bytearray(8))[::2],)),
    ("recvfrom_into", (b"abc",)), ("recvfrom_into", (bytearray(4), -1)), ("recvfrom_into", (bytearray(4), 9)),
    ("sendmsg", (5,)), ("sendmsg", (b"x",)), ("sendmsg", ("x",)), ("sendmsg", ([5],)), ("sendmsg", ([b"x", "y"],)),
    ("sendmsg", ([b"x"], 5)), ("sendmsg", ([b"x"], None)), ("sendmsg", ([b"x"], [5])), ("sendmsg", ([b"x"], [None])),
    ("sendmsg", ([b"x"], [(1, 2)])), ("sendmsg", ([b"x"], [(1, 2, 3)])), ("sendmsg", ([b"x"], [(1, "x", b"")])),
    ("sendmsg", ([b"x"], [(1.0, 2, b"")])), ("sendmsg", ([b"x"], [(1, 2, "x")])), ("sendmsg", ([b"x"], b"abc")),
    ("sendmsg", ([b"x"], "abc")), ("sendmsg", ([b"x"], [{1: 2}])), ("sendmsg", ([b"x"], [{1, 2, 3}])),
    ("sendmsg", ([b"x"], [(2**40, 2, b"x")])), ("sendmsg", ([b"x"], [(1, HUGE, b"x")])),
    ("sendmsg", ([b"x"], [], "x")), ("sendmsg", ([b"x"], [], 2**40)), ("sendmsg", ([b"x"], [], None)),
    ("sendmsg", ([b"x"], [], 0, 5)), ("sendmsg", ([b"x"], [], 0, ("x",))), ("sendmsg", ([5], 5, 0, 5)),
    ("sendmsg", ([b"x"], [], 0, ("127.0.0.1", 70000))), ("sendmsg", ([5], 5, "x")), ("sendmsg", ([5], 5)),
    ("sendmsg", ([memoryview(b"abcdef")[::2]],)), ("sendmsg", ([b"x"], [(1, 1, memoryview(b"abcdef")[::2])])),
    ("recvmsg", ("x",)), ("recvmsg", (-1,)), ("recvmsg", (1.5,)), ("recvmsg", (HUGE,)), ("recvmsg", (None,)),
    ("recvmsg", (1, "x")), ("recvmsg", (1, -1)), ("recvmsg", (1, 2**31)), ("recvmsg", (1, HUGE)),
    ("recvmsg", (1, 0, "x")), ("recvmsg", (1, 0, 2**40)), ("recvmsg", (-1, -1)), ("recvmsg", (-1, "x")),
    ("recvmsg_into", (5,)), ("recvmsg_into", ("x",)), ("recvmsg_into", (b"x",)), ("recvmsg_into", ([b"x"],)),
    ("recvmsg_into", ([5],)), ("recvmsg_into", ([bytearray(1), b"x"],)), ("recvmsg_into", (bytearray(2),)),
    ("recvmsg_into", ([bytearray(2)], -1)), ("recvmsg_into", ([bytearray(2)], "x")), ("recvmsg_into", ([5], -1)),
    ("recvmsg_into", ([bytearray(2)], 0, "x")), ("recvmsg_into", ([memoryview(bytearray(8))[::2]],)),
    ("recvmsg_into", ([bytearray(2)], 2**40)), ("recvmsg_into", (5, "x")),
    ("makefile", ("x",)), ("makefile", ("r", 0)), ("sendfile", (open,)),
]  # fmt: skip

MODULE_CALLS: list[tuple[str, Callable[[Any, Any], Any]]] = [
    (line.strip(), eval(f"lambda m, s: ({line.strip()})", globals()))
    for line in """
        m.socket.socket("x")
        m.socket.socket(2, 1.5)
        m.socket.socket(2, 1, HUGE)
        m.socket.socket(fileno=1.5)
        m.socket.socket(fileno=-5)
        m.socket.socket(fileno="x")
        m.socket.setdefaulttimeout("x")
        m.socket.setdefaulttimeout(-1)
        m.socket.close("x")
        m.socket.htons(65535)
        m.socket.htons(65536)
        m.socket.htons(-1)
        m.socket.htons("x")
        m.socket.htons(1.5)
        m.socket.ntohs(258)
        m.socket.ntohs(65536)
        m.socket.htonl(258)
        m.socket.htonl(-1)
        m.socket.htonl(HUGE)
        m.socket.htonl(2**32)
        m.socket.htonl("x")
        m.socket.ntohl(2**32 - 2)
        [(m.socket.CMSG_LEN(n), m.socket.CMSG_SPACE(n)) for n in (0, 1, 7, 8, 9, 20, True)]
        m.socket.CMSG_LEN(-1)
        m.socket.CMSG_LEN("x")
        m.socket.CMSG_LEN(1.5)
        m.socket.CMSG_LEN(2**31 - 17)
        m.socket.CMSG_LEN(2**31 - 16)
        m.socket.CMSG_LEN(HUGE)
        m.socket.CMSG_LEN(-HUGE)
        m.socket.CMSG_SPACE(-1)
        m.socket.CMSG_SPACE("x")
        m.socket.CMSG_SPACE(2**31 - 25)
        m.socket.CMSG_SPACE(2**31 - 24)
        m.socket.CMSG_SPACE(2**31 - 17)
        m.socket.CMSG_SPACE(HUGE)
        m.select.poll().register("x")
        m.select.poll().register(-1)
        m.select.poll().register(1.5)
        m.select.poll().register(None)
        m.select.poll().register(2**40)
        m.select.poll().register(BadFileno())
        m.select.poll().register(s, -1)
        m.select.poll().register(s, 70000)
        m.select.poll().register(s, "x")
        m.select.poll().register(s, HUGE)
        m.select.poll().modify(77, 1)
        m.select.poll().unregister(77)
        m.select.poll().unregister("x")
        m.select.poll().poll("x")
        m.select.poll().poll(math.nan)
        m.select.poll().poll(2**40)
        m.select.poll().poll(2**45)
        m.select.poll().poll(HUGE)
        m.select.poll().poll(-math.inf)
        m.select.poll().poll(0)
        m.select.poll().poll(False)
        m.select.poll().poll(1e-9)
        m.select.epoll(0)
        m.select.epoll(-2)
        m.select.epoll("x")
        m.select.epoll(1.5)
        m.select.epoll(2**31)
        m.select.epoll(flags=1)
        m.select.epoll(flags="x")
        m.select.epoll(0, flags=1)
        m.select.epoll(sizehint=5, flags=m.select.EPOLL_CLOEXEC).closed
        m.select.epoll().register("x")
        m.select.epoll().register(-1)
        m.select.epoll().register(None, "x")
        m.select.epoll().register(2**40)
        m.select.epoll().register(BadFileno())
        m.select.epoll().register(s, "x")
        m.select.epoll().register(s, 1.5)
        m.select.epoll().register(s, HUGE)
        m.select.epoll().register(fd=s, eventmask=1 - 2**32)
        m.select.epoll().modify("x", 1)
        m.select.epoll().modify(s, None)
        m.select.epoll().unregister("x")
        m.select.epoll().unregister(-1)
        m.select.epoll().poll("x")
        m.select.epoll().poll(math.nan)
        m.select.epoll().poll(1e30)
        m.select.epoll().poll(HUGE)
        m.select.epoll().poll(2**31 / 1000)
        m.select.epoll().poll(-(2**31) / 1000 - 1)
        m.select.epoll().poll(0, 0)
        m.select.epoll().poll(0, -2)
        m.select.epoll().poll("x", -2)
        m.select.epoll().poll(0, "x")
        m.select.epoll().poll(0, 1.0)
        m.select.epoll().poll(0, 2**31)
        m.select.epoll().poll(-0.0001)
        m.select.epoll().poll(timeout=0.0, maxevents=3)
        m.select.epoll.fromfd("x")
        m.select.epoll.fromfd(2**40)
        m.select.epoll.fromfd(-1).closed
        m.select.epoll().__exit__(1, 2, 3)
        [(e.close(), e.close(), e.closed) for e in [m.select.epoll()]]
        [(e.close(), e.fileno()) for e in [m.select.epoll()]]
        [(e.close(), e.poll("x")) for e in [m.select.epoll()]]
        [(e.close(), e.poll(0, "x")) for e in [m.select.epoll()]]
        [(e.close(), e.register(s)) for e in [m.select.epoll()]]
        [(e.close(), e.register("x")) for e in [m.select.epoll()]]
        [(e.close(), e.modify(s, 1)) for e in [m.select.epoll()]]
        [(e.close(), e.unregister(s)) for e in [m.select.epoll()]]
        [(e.close(), e.__enter__()) for e in [m.select.epoll()]]
        (m.select.epoll.__name__, m.select.epoll.__module__)
        m.select.select(1, [], [])
        m.select.select([], [], [], "x")
        m.select.select([], [], [], -1)
        m.select.select([], [], [], math.nan)
        m.select.select([], [], [], math.inf)
        m.select.select([], [], [], 1e20)
        m.select.select([], [], [], 2**40)
        m.select.select([], [], [], HUGE)
        m.select.select([-1], [], [], 0)
        m.select.select(["x"], [], [], 0)
        m.select.select([5000], [], [], 0)
        m.select.select([None], [], [], 0)
        m.select.select([2**40], [], [], 0)
        m.select.select([BadFileno()], [], [], 0)
        m.select.select([], (), iter([]), 0)
        m.time.sleep("x")
        m.time.sleep(-1)
        m.time.sleep(-1e-30)
        m.time.sleep(math.nan)
        m.time.sleep(math.inf)
        m.time.sleep(2**40)
        m.time.sleep(-HUGE)
        m.time.sleep(None)
        m.fcntl.ioctl(-1, FIONREAD)
        m.fcntl.ioctl("x", FIONREAD)
        m.fcntl.ioctl(s, "x")
        m.fcntl.ioctl(s, FIONREAD)
        m.fcntl.ioctl(s, FIONREAD, 5)
        m.fcntl.ioctl(s, FIONREAD, -1)
        m.fcntl.ioctl(s, FIONREAD, 1.5)
        m.fcntl.ioctl(s, FIONREAD, None)
        m.fcntl.ioctl(s, FIONREAD, 2**40)
        m.fcntl.ioctl(s, FIONREAD, bytes(4))
        m.fcntl.ioctl(s, FIONREAD, bytes([255] * 8))
        m.fcntl.ioctl(s, FIONREAD, bytes([255] * 2))
        m.fcntl.ioctl(s, FIONREAD, b"")
        m.fcntl.ioctl(s, FIONREAD, "abcd")
        m.fcntl.ioctl(s, FIONREAD, bytearray(4))
        m.fcntl.ioctl(s, FIONREAD, bytearray(2))
        m.fcntl.ioctl(s, FIONREAD, bytearray(0))
        m.fcntl.ioctl(s, FIONREAD, bytearray(4), False)
        m.fcntl.ioctl(s, FIONREAD, bytearray(2000))
        m.fcntl.ioctl(s, FIONREAD, bytearray(2000), False)
        m.fcntl.ioctl(s, FIONREAD, bytes(1025))
        m.fcntl.ioctl(s, FIONREAD, array("i", [7]))
        m.fcntl.ioctl(s, 0x5421, 1)
        m.fcntl.ioctl(s, 0x5421, bytes([1, 0, 0, 0]))
        m.fcntl.fcntl(s, 3)
        m.fcntl.fcntl(s, 1)
        m.fcntl.fcntl(s, 4, 0)
        m.fcntl.fcntl(s, 4, 0o4000)
        m.fcntl.fcntl(s, 3, "x")
        m.fcntl.fcntl(s, 3, b"abc")
        m.fcntl.fcntl(s, 3, 1.5)
        m.fcntl.fcntl(s, 3, 2**40)
        m.fcntl.fcntl(s, 3, bytes(2000))
        m.fcntl.fcntl(s, 9999)
        m.fcntl.fcntl(-1, 3)
        s.getblocking(), s.gettimeout(), s.timeout, s.family, s.type, s.proto
        setattr(s, "proto", 3)
        s.get_inheritable()
        (s.set_inheritable(True), s.get_inheritable(), m.fcntl.fcntl(s, 1))
        [(s.settimeout(t), s.gettimeout(), s.getblocking()) for t in (None, 0, 1, 0.1, 1e-10, -0.0, 1234.5678, True)]
        [(s.setblocking(b), s.gettimeout(), m.fcntl.fcntl(s, 3)) for b in (True, False, 1, 0)]
        [(s.settimeout(t), m.fcntl.fcntl(s, 3)) for t in (None, 0, 2.5)]
        (s.close(), s.close(), s.fileno(), s.detach(), repr(s))
        (s.detach() >= 0, s.fileno())
        m.socket.socket(2, m.socket.SOCK_STREAM | m.socket.SOCK_NONBLOCK).gettimeout()
        m.socket.socket(2, m.socket.SOCK_STREAM | m.socket.SOCK_CLOEXEC).type
        m.socket.socket(m.socket.AF_INET, m.socket.SOCK_DGRAM).type
        s.dup
        m.select.select([s], [s], [s], 0)[2]
    """.strip().splitlines()
]


@pytest.fixture
def arms() -> Iterator[Callable[[], tuple[tuple[Any, Any], tuple[Any, Any]]]]:
    real = SimpleNamespace(socket=real_socket, select=real_select, time=real_time, fcntl=real_fcntl)
    made: list[Any] = []

    def make() -> tuple[tuple[Any, Any], tuple[Any, Any]]:
        net = FakeNet()
        net.fake.answers.update(ioctl=Done(0), getsockopt=Done(0))
        net.fake.answers.update(epoll_create1=Done(77), epoll_ctl=Done(), epoll_wait=Done([]))
        theirs, ours = real.socket.socket(), net.socket.socket()
        theirs.setblocking(False)
        ours.setblocking(False)
        made.extend((theirs, ours))
        return (real, theirs), (net, ours)

    yield make
    for sock in made:
        sock.close()


def outcome(function: Callable[[], Any]) -> tuple[Any, ...]:
    """What a call gives or raises, in a form in which both arms can be compared."""
    try:
        value = function()
    except OverflowError as error:
        return (OverflowError, IN_OTHER_VERSIONS.sub("a time that does not fit", str(error)))
    except Exception as error:
        return (type(error), error.args)
    if hasattr(value, "gettimeout"):
        value.close()
        return ("a socket",)
    return (value if not callable(value) else "callable",)


def call_id(call: tuple[str, tuple[Any, ...]]) -> str:
    """A call as a test's name; without the address of an object, which is another one in every run."""
    name, args = call
    return re.sub(r" at 0x[0-9a-f]+", "", f"{name}{args}")[:60]


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize(("name", "args"), SOCKET_CALLS, ids=map(call_id, SOCKET_CALLS))
def test_a_socket_refuses_in_the_same_words(arms: Any, name: str, args: tuple[Any, ...]) -> None:
    (_, theirs), (net, ours) = arms()
    net.fake.calls.clear()
    before = net.fake.now_ns
    assert outcome(lambda: getattr(ours, name)(*args)) == outcome(lambda: getattr(theirs, name)(*args))
    assert [call[0] for call in net.fake.calls] in ([], ["fcntl"])
    assert net.fake.now_ns == before


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("text", [text for text, _ in MODULE_CALLS])
def test_a_module_answers_in_the_same_words(arms: Any, text: str) -> None:
    if "htonl(2**32)" in text and sys.maxsize < 2**32:
        pytest.skip("the limit is that of C's long")
    function = dict(MODULE_CALLS)[text]
    real, ours = arms()
    if "setattr" in text:
        with pytest.raises(AttributeError):
            function(*ours)
        return
    if "FIONREAD" in text:
        real = (real[0], real_socket.socket(real_socket.AF_INET, real_socket.SOCK_DGRAM))
    assert outcome(lambda: function(*ours)) == outcome(lambda: function(*real))
    real[1].close()
    assert real_socket.getdefaulttimeout() is None


CLOSED = [
    ("recv", (1,)), ("send", (b"x",)), ("sendto", (b"x", ("127.0.0.1", 9))), ("recvfrom", (1,)), ("accept", ()),
    ("connect", (("127.0.0.1", 9),)), ("connect_ex", (("127.0.0.1", 9),)), ("bind", (("127.0.0.1", 0),)),
    ("listen", ()),
    ("shutdown", (2,)), ("getsockname", ()), ("getpeername", ()), ("getsockopt", (1, 4)), ("setsockopt", (1, 7, 1)),
    ("setblocking", (True,)), ("settimeout", (1,)), ("settimeout", (None,)), ("recv_into", (bytearray(3),)),
    ("sendall", (b"x",)), ("recv", (0,)), ("gettimeout", ()), ("fileno", ()), ("close", ()), ("detach", ()),
    ("sendmsg", ([b"x"],)), ("recvmsg", (1,)), ("recvmsg_into", ([bytearray(1)],)),
    ("__repr__", ()), ("get_inheritable", ()), ("dup", ()),
]  # fmt: skip


@pytest.mark.parametrize("timeout", [None, 0, 1])
@pytest.mark.parametrize(("name", "args"), CLOSED, ids=map(call_id, CLOSED))
def test_a_closed_socket_answers_alike(arms: Any, name: str, args: tuple[Any, ...], timeout: float | None) -> None:
    (_, theirs), (net, ours) = arms()
    theirs.settimeout(timeout)
    ours.settimeout(timeout)
    theirs.close()
    ours.close()
    net.fake.call = _ebadf
    net.kernel.call = _ebadf
    ours._call = _ebadf
    assert outcome(lambda: getattr(ours, name)(*args)) == outcome(lambda: getattr(theirs, name)(*args))


def _ebadf(name: str, fd: int, *args: Any) -> Fail:
    assert fd == -1
    return Fail(9)
