"""Waiting in virtual time: timeouts, deadlines, timers, and what the trace shows of it. Over a scripted host."""

from __future__ import annotations

from typing import Any

import pytest

from model import Deadlock
from model.values.results import Block, Done, Fail

from .fakehost import FakeNet

MS = 1_000_000
SECOND = 1000 * MS
POLLIN, POLLOUT, POLLERR = 1, 4, 8
MSG_DONTWAIT = 0x40


@pytest.fixture
def net() -> FakeNet:
    return FakeNet()


@pytest.fixture
def sock(net: FakeNet) -> Any:
    made = net.socket.socket()
    net.events.clear()
    net.fake.calls.clear()
    yield made
    made.close()


def ready_at(net: FakeNet, at_ns: int, answer: Any) -> Any:
    """An answer to poll or select: nothing before `at_ns`, then `answer`."""
    nothing: Any = [] if isinstance(answer, list) else ([], [], [])
    return lambda *args: Done(answer if net.fake.now_ns >= at_ns else nothing)


# Time itself ----------------------------------------------------------------------------------------------------------


def test_sleep_is_free_and_exact(net: FakeNet) -> None:
    net.fake.timers = [2 * SECOND]
    net.time.sleep(3600)
    net.time.sleep(0.1)
    assert net.time.monotonic_ns() == net.time.perf_counter_ns() == 3600 * SECOND + 100 * MS
    assert net.time.monotonic() == net.time.perf_counter() == 3600.1
    assert net.time.time_ns() - net.time.monotonic_ns() == 946_684_800 * SECOND
    assert net.time.time() == 946_688_400.1
    assert net.fake.timers == []
    assert net.events == []


def test_the_clock_stands_still_while_the_program_computes(net: FakeNet) -> None:
    before = net.time.monotonic_ns()
    sum(range(10_000))
    assert net.time.monotonic_ns() == before


# poll and select ------------------------------------------------------------------------------------------------------


def test_poll_with_nothing_to_wait_for_asks_once(net: FakeNet) -> None:
    poller = net.select.poll()
    poller.register(5, POLLIN)
    net.fake.answers["poll"] = Done([(5, POLLIN)])
    assert poller.poll() == poller.poll(1000) == poller.poll(0) == [(5, POLLIN)]
    assert net.fake.now_ns == 0
    assert net.names() == ["poll"] * 3


def test_poll_waits_for_timers_and_shows_one_call(net: FakeNet) -> None:
    poller = net.select.poll()
    poller.register(5, POLLIN)
    net.fake.timers = [40 * MS, 200 * MS, 900 * MS]
    net.fake.answers["poll"] = ready_at(net, 200 * MS, [(5, POLLIN)])
    assert poller.poll(1000) == [(5, POLLIN)]
    assert net.fake.now_ns == 200 * MS
    assert net.fake.timers == [900 * MS]
    assert net.names() == ["poll"]


def test_poll_gives_up_at_its_deadline_in_whole_milliseconds(net: FakeNet) -> None:
    assert net.select.poll().poll(1.2) == []
    assert net.fake.now_ns == 2 * MS
    assert net.names() == ["poll"]


@pytest.mark.parametrize("timeout", [None, -1, -0.5])
def test_poll_without_end_that_nobody_can_end(net: FakeNet, timeout: Any) -> None:
    net.fake.timers = [3 * SECOND]
    with pytest.raises(Deadlock, match=r"the only thread waits, .*: MainThread in poll\(\), for readiness"):
        net.select.poll().poll(timeout)
    assert net.fake.now_ns == 3 * SECOND
    assert net.names() == ["poll"]


def test_select_waits_and_gives_the_objects_back_in_order(net: FakeNet, sock: Any) -> None:
    net.fake.timers = [40 * MS]
    net.fake.answers["select"] = ready_at(net, 40 * MS, ([9, 3], [], [7]))
    assert net.select.select([sock, 9, sock], [8], (7, 6), 1.0) == ([sock, 9, sock], [], [7])
    assert net.fake.now_ns == 40 * MS
    assert net.names() == ["select"]
    assert net.fake.calls[-1] == ("select", [3, 9, 3], [8], [7, 6], True)


def test_select_gives_up_at_its_deadline_in_whole_microseconds(net: FakeNet) -> None:
    assert net.select.select([], [], [], 1e-7) == ([], [], [])
    assert net.fake.now_ns == 1000
    assert net.select.select([], [], [], 0) == ([], [], [])
    with pytest.raises(Deadlock, match="select"):
        net.select.select([], [], [])


def test_a_wait_that_timers_keep_alive_for_ever_is_given_up_after_a_day(
    net: FakeNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(net.fake, "next_deadline", lambda: net.fake.now_ns + 120 * SECOND)
    with pytest.raises(Deadlock, match="no timer has ended it in 24 hours"):
        net.select.poll().poll()
    assert net.fake.now_ns == 24 * 3600 * SECOND
    assert net.names() == ["poll"]


def test_the_poll_object_follows_registration(net: FakeNet) -> None:
    poller = net.select.poll()
    poller.register(9)
    poller.register(4, POLLIN)
    poller.modify(9, POLLOUT)
    poller.poll(0)
    poller.unregister(9)
    poller.poll(0)
    asked = [call[1] for call in net.fake.calls]
    assert asked == [[(9, POLLOUT), (4, POLLIN)], [(4, POLLIN)]]


def test_selectors_run_over_the_simulated_poll(net: FakeNet, sock: Any) -> None:
    with net.selectors.PollSelector() as selector:
        selector.register(sock, net.selectors.EVENT_READ, data="mine")
        net.fake.answers["poll"] = ready_at(net, 2 * SECOND, [(3, POLLIN)])
        assert selector.select(1.5) == []
        assert net.fake.now_ns == 1500 * MS
        ((key, events),) = selector.select(1.5) or selector.select(1.5)
        assert (key.data, events) == ("mine", net.selectors.EVENT_READ)


# Sockets with a timeout -----------------------------------------------------------------------------------------------


def test_a_timeout_makes_the_kernels_side_non_blocking(net: FakeNet, sock: Any) -> None:
    for timeout in (2.5, 0, None):
        sock.settimeout(timeout)
    sock.setblocking(False)
    sock.setblocking(True)
    assert [call[2] for call in net.fake.calls] == [False, False, True, False, True]


@pytest.mark.parametrize(
    ("call", "args", "recorded", "events", "answer"),
    [
        ("recv", (10,), ("recv", 3, 10, 0), POLLIN, b"abc"),
        ("recvfrom", (10,), ("recvfrom", 3, 10, 0), POLLIN, (b"abc", None)),
        ("send", (b"abc",), ("send", 3, b"abc", 0), POLLOUT, 3),
        ("sendto", (b"abc", ("", 5)), ("sendto", 3, b"abc", 0, ("0.0.0.0", 5)), POLLOUT, 3),
        ("sendmsg", ([b"abc"],), ("sendmsg", 3, b"abc", 0, None, []), POLLOUT, 3),
        ("recvmsg", (9,), ("recvmsg", 3, 9, 0, 0), POLLIN, (b"abc", [], 0, None)),
        ("_accept", (), ("accept", 3), POLLIN, (4, ("127.0.0.1", 5))),
    ],
)
def test_a_timed_call_waits_until_ready(
    net: FakeNet, sock: Any, call: str, args: Any, recorded: Any, events: int, answer: Any
) -> None:
    sock.settimeout(1)
    net.events.clear()
    net.fake.timers = [300 * MS]
    net.fake.answers["poll"] = ready_at(net, 300 * MS, [(3, events)])
    net.fake.answers[recorded[0]] = Done(answer)
    assert getattr(sock, call)(*args) == answer
    assert net.fake.now_ns == 300 * MS
    assert net.fake.calls[-1] == recorded
    assert net.fake.calls[-2] == ("poll", [(3, events)])
    assert net.names() == [recorded[0]]


def test_a_timed_call_times_out(net: FakeNet, sock: Any) -> None:
    sock.settimeout(0.25)
    net.events.clear()
    with pytest.raises(TimeoutError) as caught:
        sock.recv(1)
    assert caught.value.args == ("timed out",)
    assert net.fake.now_ns == 250 * MS
    assert net.names() == ["recv"]
    event = net.event()
    assert (event.socket, event.args, event.answer, event.rules) == ("s3", (1, 0), Fail(11), ())


def test_a_timed_call_that_was_woken_for_nothing_waits_on(net: FakeNet, sock: Any) -> None:
    sock.settimeout(1)
    net.events.clear()
    net.fake.timers = [300 * MS]
    net.fake.answers["poll"] = Done([(3, POLLIN)])
    net.fake.answers["recv"] = [Fail(11), Done(b"x")]
    assert sock.recv(1) == b"x"
    assert net.fake.now_ns == 300 * MS
    assert net.names() == ["recv"]
    net.fake.answers["recv"] = Fail(11)
    with pytest.raises(TimeoutError):
        sock.recv(1)
    assert net.fake.now_ns == 1300 * MS


def test_a_timed_call_raises_what_it_is_told(net: FakeNet, sock: Any) -> None:
    sock.settimeout(1)
    net.fake.answers.update(poll=Done([(3, POLLERR)]), recv=Fail(104))
    with pytest.raises(ConnectionResetError, match="Connection reset by peer"):
        sock.recv(1)


def test_the_timeout_of_sendall_is_for_the_whole(net: FakeNet, sock: Any) -> None:
    sock.settimeout(1)
    net.fake.timers = [400 * MS, 800 * MS, 1200 * MS]
    net.fake.answers["send"] = Done(2)
    net.fake.answers["poll"] = lambda asked: Done([(3, POLLOUT)] if net.fake.now_ns % (400 * MS) == 0 else [])
    sent: list[bytes] = []

    def send(fd: int, data: bytes, flags: int) -> Done:
        sent.append(data)
        net.fake.sleep_until(net.fake.now_ns + 1)
        return Done(2)

    net.fake.answers["send"] = send
    with pytest.raises(TimeoutError):
        sock.sendall(b"abcdefghi")
    assert sent == [b"abcdefghi", b"cdefghi", b"efghi"]
    assert net.fake.now_ns == 1000 * MS


# Connecting -----------------------------------------------------------------------------------------------------------


def connecting(net: FakeNet, sock: Any, outcome: int, at_ns: int = 500 * MS) -> None:
    sock.settimeout(1)
    net.events.clear()
    net.fake.timers = [at_ns]
    net.fake.answers.update(connect=Fail(115), getsockopt=Done(outcome))
    net.fake.answers["poll"] = ready_at(net, at_ns, [(3, POLLOUT)])


@pytest.mark.parametrize("outcome", [0, 106])
def test_a_timed_connect_waits_for_success(net: FakeNet, sock: Any, outcome: int) -> None:
    connecting(net, sock, outcome)
    sock.connect(("127.0.0.1", 80))
    assert net.fake.now_ns == 500 * MS
    assert net.names() == ["connect"]
    assert net.answer() == Done(None)
    assert ("poll", [(3, POLLOUT | POLLERR)]) in net.fake.calls


def test_a_timed_connect_reports_what_went_wrong(net: FakeNet, sock: Any) -> None:
    connecting(net, sock, 111)
    with pytest.raises(ConnectionRefusedError):
        sock.connect(("127.0.0.1", 80))
    assert net.answer() == Fail(111)
    connecting(net, sock, 111, at_ns=900 * MS)
    assert sock.connect_ex(("127.0.0.1", 80)) == 111


def test_a_timed_connect_that_takes_too_long(net: FakeNet, sock: Any) -> None:
    connecting(net, sock, 0, at_ns=5 * SECOND)
    with pytest.raises(TimeoutError, match="timed out"):
        sock.connect(("127.0.0.1", 80))
    assert net.fake.now_ns == SECOND
    assert sock.connect_ex(("127.0.0.1", 80)) == 11
    assert net.fake.now_ns == 2 * SECOND
    assert net.names() == ["connect", "connect"]


@pytest.mark.parametrize(("answer", "errno"), [(Done(), 0), (Fail(111), 111), (Fail(115), 115), (Fail(114), 114)])
def test_connect_ex_gives_the_number_and_connect_the_exception(
    net: FakeNet, sock: Any, answer: Any, errno: int
) -> None:
    sock.setblocking(False)
    net.fake.answers["connect"] = answer
    assert sock.connect_ex(("localhost", 80)) == errno
    assert net.fake.calls[-1] == ("connect", 3, ("127.0.0.1", 80))
    if errno:
        with pytest.raises(OSError, match=rf"Errno {errno}\b"):
            sock.connect(("localhost", 80))
    else:
        sock.connect(("localhost", 80))


# Blocking sockets -----------------------------------------------------------------------------------------------------


def test_a_blocked_call_is_made_again_at_once_and_after_each_timer(net: FakeNet, sock: Any) -> None:
    net.fake.timers = [40 * MS, 80 * MS]
    net.fake.answers["recv"] = [Block("bytes"), Block("bytes"), Block("bytes"), Done(b"x")]
    assert sock.recv(1) == b"x"
    assert net.fake.now_ns == 80 * MS
    assert net.names() == ["recv"]


def test_a_blocked_call_that_nobody_can_end_says_so(net: FakeNet, sock: Any) -> None:
    net.fake.answers["recv"] = Block("bytes to read")
    with pytest.raises(Deadlock, match=r"MainThread in recv\(\), for bytes to read, since 0 s"):
        sock.recv(1)
    assert net.names() == ["recv"]
    assert net.answer() == Block("bytes to read")


def test_a_blocked_connect_is_over_when_it_is_asked_again(net: FakeNet, sock: Any) -> None:
    net.fake.answers["connect"] = [Block("the handshake"), Done()]
    sock.connect(("127.0.0.1", 80))
    assert net.fake.now_ns == 0
    assert net.names() == ["connect"]
    net.fake.answers["connect"] = [Block("the handshake"), Fail(111)]
    assert sock.connect_ex(("127.0.0.1", 80)) == 111


def test_a_blocking_send_goes_out_in_portions_and_is_one_call(net: FakeNet, sock: Any) -> None:
    net.fake.timers = [40 * MS]
    net.fake.answers["send"] = [Done(2), Fail(11), Done(1)]
    assert sock.send(b"abc") == 3
    assert [call[2:] for call in net.fake.calls] == [(b"abc", 64), (b"c", 64), (b"c", 64)]
    assert net.fake.now_ns == 40 * MS
    assert net.names() == ["send"]
    assert (net.event().args, net.answer()) == ((b"abc", 0), Done(3))


def test_a_blocking_send_that_fails_half_way_tells_what_was_taken(net: FakeNet, sock: Any) -> None:
    net.fake.answers["send"] = [Done(2), Fail(104), Fail(32)]
    assert sock.send(b"abc") == 2
    with pytest.raises(BrokenPipeError):
        sock.send(b"abc")
    net.fake.answers["send"] = [Done(0)]
    assert sock.send(b"") == 0
    assert (net.event().args, net.answer()) == ((b"", 0), Done(0))


def test_a_blocking_send_that_nobody_can_end_says_so(net: FakeNet, sock: Any) -> None:
    net.fake.answers["send"] = Fail(11)
    with pytest.raises(Deadlock, match=r"MainThread in send\(\), for room in the send buffer"):
        sock.send(b"abc")
    assert net.answer() == Block("room in the send buffer")
    with pytest.raises(BlockingIOError):
        sock.send(b"abc", MSG_DONTWAIT)
    net.fcntl.fcntl(sock, 4, 0o4000)
    with pytest.raises(BlockingIOError):
        sock.send(b"abc")
