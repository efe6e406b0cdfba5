"""Several hosts on one kernel: what they have in common, and what each has for itself.

Not here: the comparison with the kernel (tests/crosscheck/test_places.py).
"""

from __future__ import annotations

import errno

import pytest

from model.choices import Seeded
from model.profiles import LINUX
from model.tcp.block import Tcb
from model.trace import TimerEvent, Trace
from model.values.constants import (
    AF_INET,
    EPOLL_CTL_ADD,
    EPOLLIN,
    IPPROTO_TCP,
    POLLIN,
    SO_KEEPALIVE,
    SOCK_DGRAM,
    SOCK_STREAM,
    SOL_SOCKET,
    TCP_KEEPIDLE,
)
from model.values.results import Answer, Done, Fail
from model.world.namespaces import SharedKernel

NEAR, FAR = "10.0.0.1", "10.0.0.2"
SERVER = (FAR, 80)
MSS = 1448
OVERHEAD = LINUX.buffer_overhead


@pytest.fixture
def kernel() -> SharedKernel:
    return SharedKernel(LINUX, Seeded(0), [(NEAR,), (FAR,)], "10.0.0.", 1500)


def value(answer: Answer) -> int:
    assert isinstance(answer, Done), answer
    return int(answer.value)


def connected(kernel: SharedKernel) -> tuple[int, int]:
    """Descriptors of a connection from the near host to the far one."""
    listener = value(kernel.call("socket", AF_INET, SOCK_STREAM, 0, at=1))
    client = value(kernel.call("socket", AF_INET, SOCK_STREAM, 0))
    for fd in (listener, client):
        kernel.descriptors[fd].nonblocking = True
    kernel.call("bind", listener, SERVER)
    kernel.call("listen", listener, 1)
    assert kernel.call("connect", client, SERVER) == Fail(errno.EINPROGRESS)
    answer = kernel.call("accept", listener)
    assert isinstance(answer, Done)
    return client, answer.value[0]


def tcb(kernel: SharedKernel, fd: int) -> Tcb:
    end = kernel.descriptors[fd]
    assert isinstance(end, Tcb)
    return end


def test_a_call_returns_when_what_it_sent_has_arrived(kernel: SharedKernel) -> None:
    client, server = connected(kernel)
    assert kernel.call("send", client, b"hello", 0) == Done(5)
    assert kernel.call("recv", server, 100, 0) == Done(b"hello")
    assert (tcb(kernel, client).local[0], tcb(kernel, server).local) == (NEAR, SERVER)


def test_a_run_arrives_in_one_piece_and_costs_what_its_sender_pays(kernel: SharedKernel) -> None:
    client, server = connected(kernel)
    assert kernel.call("send", client, bytes(5 * MSS), 0) == Done(5 * MSS)
    end = tcb(kernel, server)
    assert (end.rcv_mss, end.rmem, len(end.received)) == (MSS, OVERHEAD + 5 * MSS, 1)


def test_each_host_has_addresses_and_ports_of_its_own(kernel: SharedKernel) -> None:
    fds = [value(kernel.call("socket", AF_INET, SOCK_DGRAM, 0, at=host)) for host in (0, 1, 0)]
    assert kernel.call("bind", fds[0], (FAR, 7)) == Fail(errno.EADDRNOTAVAIL)
    assert [kernel.call("bind", fd, ("0.0.0.0", 7)) for fd in fds[:2]] == [Done(None), Done(None)]
    assert kernel.call("bind", fds[2], ("0.0.0.0", 7)) == Fail(errno.EADDRINUSE)


def test_one_program_polls_and_watches_sockets_of_both(kernel: SharedKernel) -> None:
    one, other = (value(kernel.call("socket", AF_INET, SOCK_DGRAM, 0, at=host)) for host in (0, 1))
    for fd, ip in ((one, NEAR), (other, FAR)):
        kernel.call("bind", fd, (ip, 7))
    epoll = value(kernel.call("epoll_create1", 0))
    for fd in (one, other):
        assert kernel.call("epoll_ctl", epoll, EPOLL_CTL_ADD, fd, EPOLLIN) == Done(None)
    kernel.call("sendto", one, b"there", 0, (FAR, 7))
    kernel.call("sendto", other, b"back", 0, (NEAR, 7))
    assert kernel.call("poll", [(one, POLLIN), (other, POLLIN)]) == Done([(one, POLLIN), (other, POLLIN)])
    assert kernel.call("epoll_wait", epoll, 8) == Done([(other, EPOLLIN), (one, EPOLLIN)])


def test_nobody_hears_a_datagram_for_loopback_from_outside(kernel: SharedKernel) -> None:
    one = value(kernel.call("socket", AF_INET, SOCK_DGRAM, 0))
    kernel.call("bind", one, ("127.0.0.1", 7))
    assert kernel.call("sendto", one, b"x", 0, (FAR, 7)) == Fail(errno.EINVAL)


def test_timers_of_both_fire(kernel: SharedKernel) -> None:
    fds = [value(kernel.call("socket", AF_INET, SOCK_STREAM, 0, at=host)) for host in (0, 1)]
    for fd in fds:
        kernel.descriptors[fd].nonblocking = True
        kernel.call("connect", fd, ("10.0.0.9", 80))  # nobody's address
    kernel.sleep_until(2_500_000_000)
    assert [tcb(kernel, fd).retransmits for fd in fds] == [2, 2]
    assert kernel.now_ns == 2_500_000_000


def test_timers_of_one_tick_fire_before_anything_arrives(kernel: SharedKernel) -> None:
    """Both ends probe a silent peer at the same moment: neither has heard from the other by then."""
    client, server = connected(kernel)
    trace = Trace("model")
    for host in kernel.hosts:
        host.trace = trace
    for fd in (client, server):
        kernel.call("setsockopt", fd, IPPROTO_TCP, TCP_KEEPIDLE, 1)
        kernel.call("setsockopt", fd, SOL_SOCKET, SO_KEEPALIVE, 1)
    before = len(trace.events)
    kernel.sleep_until(1_200_000_000)
    found = ["timer" if isinstance(event, TimerEvent) else "packet" for event in trace.events[before:]]
    assert found == ["timer", "packet", "timer", "packet", "packet", "packet"]


def test_a_copy_goes_its_own_way(kernel: SharedKernel) -> None:
    client, server = connected(kernel)
    copy = kernel.fork(Seeded(1))
    assert copy.call("send", client, b"only here", 0) == Done(9)
    assert copy.call("recv", server, 100, 0) == Done(b"only here")
    kernel.descriptors[server].nonblocking = True
    assert kernel.call("recv", server, 100, 0) == Fail(errno.EAGAIN)
    assert kernel.call("send", client, b"there too", 0) == Done(9)
    assert kernel.call("recv", server, 100, 0) == Done(b"there too")
