"""Guest threads, each case on both arms: several that wait at once, locks, and what is said of who waits for ever.

Not here: what each call waits for and what ends it (tests/waiting/test_waits.py); random programs (test_random.py); the
facts in examples/threads.py, which tests/cli runs on both arms.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from typing import Any

import pytest

from model import BusyLoop, Deadlock, SimNet
from model.choices import FIRST_TO_TRY, Choice, Seeded
from realnet import NamespaceRefused, RealNet

PORT = ("127.0.0.1", 80)
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


def started(net: Any, target: Callable[..., Any], *args: Any, name: str = "guest", daemon: bool = False) -> Any:
    thread = net.threading.Thread(target=target, args=args, name=name, daemon=daemon)
    thread.start()
    return thread


def pair(net: Any) -> tuple[Any, Any]:
    with net.socket.create_server(PORT) as listener:
        client = net.socket.create_connection(PORT)
        return client, listener.accept()[0]


# ---------------------------------------------------------------- what blocks and what wakes


class LastFirst(Seeded):
    """A system on which of those that one event wakes the last runs first."""

    def choose(self, choice: Choice, low: int, high: int, predicted: int | None, subject: object) -> int:
        return high if choice is FIRST_TO_TRY else super().choose(choice, low, high, predicted, subject)


def who_reads(net: Any) -> list[str]:
    """Of three that wait for a byte in turn: who has it."""
    client, server = pair(net)
    read: list[str] = []

    def reader(name: str) -> None:
        if server.recv(1):
            read.append(name)

    for name in ("first", "second", "third"):
        started(net, reader, name, name=name)
        net.time.sleep(0.05)
    client.send(b"1")
    net.time.sleep(0.05)
    found = list(read)
    assert set(net.waiting()) == {"first", "second", "third"} - set(found)
    server.shutdown(net.socket.SHUT_RDWR)
    net.join_threads()
    return found


def test_who_of_several_readers_gets_the_byte_is_free(net: Any) -> None:
    (name,) = who_reads(net)
    assert name == "first" or not isinstance(net, SimNet)


def test_a_policy_may_say_who_gets_the_byte() -> None:
    with SimNet() as net:
        net._guests.policy = LastFirst(0)
        assert who_reads(net) == ["third"]


def test_a_poll_object_is_for_one_thread_at_a_time(net: Any) -> None:
    client, server = pair(net)
    poll = net.select.poll()
    poll.register(server, net.select.POLLIN)
    asker = started(net, poll.poll)
    net.time.sleep(0.02)
    with pytest.raises(RuntimeError, match=r"concurrent poll\(\) invocation"):
        poll.poll(0)
    client.send(b"x")
    asker.join()
    assert len(poll.poll(0)) == 1


def test_one_datagram_wakes_one_reader(net: Any) -> None:
    sock = net.socket.socket(type=net.socket.SOCK_DGRAM)
    sock.bind(PORT)
    got: list[tuple[int, bytes]] = []
    for number in range(3):
        started(net, lambda number=number: got.append((number, sock.recv(9))), name=f"r{number}", daemon=True)
        net.time.sleep(0.01)
    for data in (b"a", b"b"):
        sock.sendto(data, PORT)
        net.time.sleep(0.01)
    assert got == [(0, b"a"), (1, b"b")]
    assert net.waiting() == {"r2": "recv() on s1"}
    with contextlib.suppress(OSError):
        sock.shutdown(net.socket.SHUT_RD)  # ENOTCONN, and the last one is woken
    net.time.sleep(0.01)
    assert got[2] == (2, b"")


def test_a_time_out_passes_while_others_work(net: Any) -> None:
    client, server = pair(net)
    server.settimeout(0.1)
    said: list[str] = []

    def read() -> None:
        try:
            server.recv(1)
        except TimeoutError as error:
            said.append(str(error))

    reader = started(net, read)
    net.time.sleep(0.03)
    assert net.waiting() == {"guest": "recv() on s3"}
    server.settimeout(None)  # of the next call
    client.send(b"")
    reader.join()
    assert said == ["timed out"]


@pytest.mark.parametrize("how", ["close", "detach"])
def test_a_socket_lives_as_long_as_somebody_waits_on_it(net: Any, how: str) -> None:
    client, server = pair(net)
    got: list[bytes] = []
    reader = started(net, lambda: got.append(server.recv(9)))
    net.time.sleep(0.02)
    if how == "close":
        server.close()
    else:
        net.socket.close(server.detach())
    assert net.waiting() == {"guest": "recv() on s3"}
    with pytest.raises(OSError, match="Bad file descriptor"):
        server.send(b"x")
    client.settimeout(0.05)
    with pytest.raises(TimeoutError):
        client.recv(1)
    client.send(b"x")
    reader.join()
    assert (got, client.recv(1)) == ([b"x"], b"")


# ---------------------------------------------------------------- locks


def test_locks_conditions_events_and_queues(net: Any) -> None:
    threading, said = net.threading, []
    condition, barrier, event = threading.Condition(), threading.Barrier(2), threading.Event()
    queue = net.queue.Queue(maxsize=1)

    def other() -> None:
        with condition:
            condition.wait()
            said.append("notified")
        barrier.wait()
        for number in range(3):
            queue.put(number)
        event.set()

    thread = started(net, other)
    net.time.sleep(0.01)
    assert net.waiting() == {"guest": "Condition.wait()"}
    with condition:
        condition.notify()
    barrier.wait()
    net.time.sleep(0.01)
    assert net.waiting() == {"guest": "Queue.put()"}
    said += [queue.get() for _ in range(3)]
    assert event.wait(1)
    thread.join()
    assert said == ["notified", 0, 1, 2]
    with pytest.raises(net.queue.Empty):
        queue.get(timeout=0.01)


def test_what_a_lock_is_asked_wrongly(net: Any) -> None:
    lock = net.threading.Lock()
    with pytest.raises(RuntimeError, match="release unlocked lock"):
        lock.release()
    for args, error in (((False, 1), ValueError), ((True, -2), ValueError), ((True, 1e10), OverflowError)):
        with pytest.raises(error):
            lock.acquire(*args)
    assert lock.acquire()
    assert not lock.acquire(blocking=False)
    assert not lock.acquire(timeout=0.01)


def test_each_thread_has_its_own_locals(net: Any) -> None:
    class Mine(net.threading.local):  # type: ignore[misc]  # made for this net
        made = 0

        def __init__(self, start: int) -> None:
            self.value = start

    mine, seen = Mine(5), []
    mine.value = 6
    started(net, lambda: seen.append(mine.value)).join()
    assert (seen, mine.value, mine.__dict__) == ([5], 6, {"value": 6})
    del mine.value
    with pytest.raises(AttributeError, match="no attribute 'value'"):
        _ = mine.value


def test_what_a_thread_raises_is_told_and_hurts_nobody(net: Any, capsys: pytest.CaptureFixture[str]) -> None:
    started(net, lambda: 1 / 0, name="broken").join()
    assert re.search(r"Exception in thread broken:\n(.*\n)*ZeroDivisionError", capsys.readouterr().err)


def test_daemons_are_left_where_they_are() -> None:
    done: list[str] = []
    with SimNet() as net:

        def wait() -> None:
            try:
                net.queue.Queue().get()
            finally:
                done.append("left")

        started(net, wait, daemon=True)
        started(net, lambda: net.time.sleep(3), name="sleeper")
        net.time.sleep(1)
        began = net.time.monotonic()
    assert done == ["left"]
    assert (began, net.time.monotonic()) == (1, 3), "who is no daemon is waited for"


# ---------------------------------------------------------------- nobody can go on


def test_a_deadlock_is_told_with_who_waits_on_what() -> None:
    with SimNet() as net:
        client, _ = pair(net)
        first, second = net.threading.Lock(), net.threading.Lock()

        def other() -> None:
            with second:
                net.time.sleep(0.5)
                first.acquire()

        first.acquire()
        started(net, other, name="other", daemon=True)
        started(net, client.recv, 10, name="reader", daemon=True)
        net.time.sleep(1)
        with pytest.raises(Deadlock) as told:
            second.acquire()
    assert str(told.value) == (
        "at 1 s all 3 threads wait, and no timer is pending that could end it: MainThread in lock.acquire(), "
        "since 1 s; other in lock.acquire(), since 0.5 s; reader in recv() on s2, for bytes to read, since 0 s"
    )


def test_threads_that_nobody_ends_are_waited_for() -> None:
    with pytest.raises(Deadlock, match=r"MainThread in .*; stuck in Queue\.get\(\), since 0 s"), SimNet() as net:
        started(net, net.queue.Queue().get, name="stuck")


def test_a_loop_that_lets_no_time_pass_is_told() -> None:
    with SimNet() as net:
        client, server = pair(net)
        started(net, server.recv, 1, name="reader", daemon=True)
        client.setblocking(False)

        def ask_for_ever() -> None:
            while True:
                with contextlib.suppress(BlockingIOError):
                    client.recv(1)

        with pytest.raises(BusyLoop) as told:
            ask_for_ever()
    assert str(told.value) == (
        "at 0 s MainThread was told 20,000 times, last by recv() on s2, that there is nothing to do yet, and does not "
        "let time pass: wait with select, poll, a time-out or sleep; meanwhile reader in recv() on s3, for bytes to "
        "read, since 0 s"
    )


def test_who_waits_for_the_very_next_moment_gets_there() -> None:
    with SimNet() as net:
        net.time.sleep(0.5)
        while not net.time.monotonic() > 0.5:
            pass
        assert net.time.monotonic_ns() == 500_000_001


def test_waiting_by_the_clock_alone_is_a_busy_loop() -> None:
    with SimNet() as net:

        def wait() -> None:
            while net.time.perf_counter() < 1:
                pass

        with pytest.raises(BusyLoop, match=r"MainThread was told 20,000 times, last by the clock"):
            wait()
        net.time.sleep(1)
        for _ in range(30_000):
            net.time.time()
            net.time.sleep(0.001)


def test_asking_often_is_no_busy_loop_while_time_passes_or_something_is_done() -> None:
    with SimNet() as net:
        client, _ = pair(net)
        client.setblocking(False)
        for number in range(24_000):
            with contextlib.suppress(BlockingIOError):
                client.recv(1)
            if number % 10_000 == 0:
                net.time.sleep(0.001)


# ---------------------------------------------------------------- seen in the kernel


def test_an_epoll_may_be_left_open_by_a_program_with_threads() -> None:
    try:
        with RealNet() as net:
            epoll = net.select.epoll()
            started(net, lambda: epoll.poll(0)).join()
    except NamespaceRefused as refusal:
        pytest.skip(f"the running kernel is out of reach: {refusal.strerror}")
    assert epoll.closed
