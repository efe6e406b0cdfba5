"""Programs of several threads that Hypothesis draws, on the model: who runs next is drawn as well, and both shrink.

Whatever a program does, and whatever signals come meanwhile: no wake-up is lost (nobody waits who could go on), every
time-out is kept, each signal runs its handler, once for as often as it came before the handler ran; and who was told
that a socket is readable is not told would-block by the very next call.

Not here: the kernel's side (test_random.py).
"""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model import SimNet
from model.profiles import LINUX
from model.values.constants import WAKES_READERS
from model.waiting.scheduling import ThreadState
from model.waiting.signals import Signals
from model.world.host import Host
from wouldblock.threadwalk.programs import HOWS, SIGNALS, Doing, Plan, program

TICK_S = LINUX.jiffy_ns / 1e9
LATE_S = {"SO_RCVTIMEO": 2.001 * TICK_S, "poll": 0.001001, "epoll": 0.001001, "settimeout": 0.001001}
"""How late a time-out may be where its time is rounded up."""
SIGUSR1 = 10
HOW = st.sampled_from(HOWS)
END = st.sampled_from(["client", "server"])
STEP = st.one_of(
    st.tuples(st.just("send"), END, st.integers(1, 3_000_000)),
    st.tuples(st.just("recv"), END, st.integers(1, 1_000_000)),
    st.tuples(st.sampled_from(["select", "epoll"]), END),
    st.tuples(st.sampled_from(["accept", "receive", "get", "alarm"])),
    st.tuples(st.just("connect"), st.integers(1, 1000).map(lambda ms: ms / 1000)),
    st.tuples(st.just("datagram"), st.integers(0, 1000)),
    st.tuples(st.just("put"), st.integers(0, 9)),
    st.tuples(st.just("pause"), HOW, st.integers(1, 50).map(lambda ms: ms / 1000)),
    st.tuples(st.just("kick"), st.sampled_from(SIGNALS), st.integers(0, 3)),
)
PLANS = st.lists(st.lists(STEP, min_size=1, max_size=6), min_size=1, max_size=4)


@settings(max_examples=150, deadline=None)
@given(PLANS, st.integers(0, 2**32))
def test_nobody_waits_who_could_go_on(steps: Plan, chosen: int) -> None:
    assert who_could_go_on(steps, chosen) == []


def test_a_lost_wake_up_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Host.wake
    monkeypatch.setattr(Host, "wake", lambda host, end, bits: told(host, end, bits) if bits != WAKES_READERS else None)
    assert "t1 in recv() on s3" in who_could_go_on([[("get",)], [("recv", "server", 1)], [("send", "client", 1)]], 0)


def who_could_go_on(steps: Plan, chosen: int) -> list[str]:
    """Run a program, and look whenever it sleeps, when everything has come to rest: who waits though its attempt holds?
    It is tried for good, so a thread that could go on does.
    """
    found: list[str] = []
    with SimNet(chosen) as net:
        guests, sleep = net._guests, net.time.sleep

        def look(seconds: float) -> None:
            sleep(seconds)
            guests.settle()
            for guest in guests.guests:
                waits = guest.state is ThreadState.WAITING and guest is not guests.running and guest.on != "sleep()"
                if waits and guest.attempt is not None and guest.attempt():
                    found.append(f"{guest.name()} in {guest.on}")

        setattr(net.time, "sleep", look)  # noqa: B010  # a module made for this net
        program(steps)(net)
    return found


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 200), st.integers(1, 200)), min_size=1, max_size=6), st.integers(0, 2**32))
def test_every_time_out_is_kept(waits: list[tuple[int, int]], chosen: int) -> None:
    """Each thread sleeps, and then waits for a queue in vain."""
    with SimNet(chosen) as net:
        ends: dict[int, float] = {}

        def wait(number: int, first_ms: int, then_ms: int) -> None:
            net.time.sleep(first_ms / 1000)
            try:
                net.queue.Queue().get(timeout=then_ms / 1000)
            except net.queue.Empty:
                ends[number] = net.time.monotonic()

        for number, (first_ms, then_ms) in enumerate(waits):
            net.threading.Thread(target=wait, args=(number, first_ms, then_ms)).start()
        net.join_threads()
    for number, (first_ms, then_ms) in enumerate(waits):
        assert 0 <= ends[number] - (first_ms + then_ms) / 1000 < 1e-6


WAIT = st.tuples(st.integers(1, 100), HOW, st.integers(1, 248))
KICK = st.tuples(st.integers(1, 300), st.sampled_from(["SIGUSR1", "SIGUSR2", "SIGVTALRM"]), st.integers(0, 3))


@settings(max_examples=100, deadline=None)
@given(st.lists(WAIT, min_size=1, max_size=4), st.lists(KICK, max_size=6), st.integers(0, 2**32))
def test_every_time_out_is_kept_though_signals_come(
    waits: list[tuple[int, str, int]], kicks: list[tuple[int, str, int]], chosen: int
) -> None:
    """Each thread sleeps, and then waits in vain; only a time-out of the kernel's own begins anew with each signal."""
    times: dict[int, tuple[float, float]] = {}
    came: list[tuple[int, float]] = []
    with SimNet(chosen) as net:
        doing = Doing(net, [])

        def wait(number: int, first_ms: int, how: str, then_ms: int) -> None:
            net.time.sleep(first_ms / 1000)
            began = net.time.monotonic()
            doing.pause(how, then_ms / 1000)
            times[number] = began, net.time.monotonic()

        def kick() -> None:
            for after_ms, name, whom in kicks:
                net.time.sleep(after_ms / 1000)
                with contextlib.suppress(ProcessLookupError):
                    doing.kick(name, whom)
                    came.append((whom % len(waits), net.time.monotonic()))

        others = [net.threading.Thread(target=wait, args=(at, *each)) for at, each in enumerate(waits) if at]
        doing.threads = [net.threading.main_thread(), *others]
        for thread in (*others, net.threading.Thread(target=kick)):
            thread.start()
        wait(0, *waits[0])
        net.join_threads()
        doing.close()
    for number, (_, how, then_ms) in enumerate(waits):
        began, ended = times[number]
        if how == "SO_RCVTIMEO":
            began = max([began, *(at for whom, at in came if whom == number and at < ended)])
        late = ended - began - then_ms / 1000
        assert -1e-9 <= late < LATE_S.get(how, 2e-6)


@settings(max_examples=100, deadline=None)
@given(PLANS, st.integers(0, 2**32))
def test_every_signal_runs_its_handler(steps: Plan, chosen: int) -> None:
    assert unanswered(steps, chosen) == []


def test_a_lost_signal_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Signals, "handle", lambda signals: signals.tripped.clear())
    assert unanswered([[("kick", "SIGUSR1", 0)]], 0) == [SIGUSR1]


def unanswered(steps: Plan, chosen: int) -> list[int]:
    """Run a program: the signals that came and whose handlers did not run, and those whose ran though none came."""
    pending: set[int] = set()
    for_nothing: list[int] = []
    with SimNet(chosen) as net:
        guests, dispose = net._guests, net.signal.signal
        given_to = guests.signal

        def come(guest: Any, number: int) -> None:
            pending.add(number)
            given_to(guest, number)

        def noted(number: int, handler: Any) -> Any:
            def run(number: int, frame: object) -> None:
                if number not in pending:
                    for_nothing.append(number)
                pending.discard(number)
                handler(number, frame)

            return dispose(number, run)

        setattr(guests, "signal", come)  # noqa: B010  # a scheduler made for this net
        setattr(net.signal, "signal", noted)  # noqa: B010  # a module made for this net
        program(steps)(net)
    return [*sorted(pending), *for_nothing]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 20_000), min_size=1, max_size=6), st.integers(1, 5000), st.integers(0, 2**32))
def test_who_alone_reads_what_is_reported_never_would_block(sizes: list[int], most: int, chosen: int) -> None:
    with SimNet(chosen) as net:
        listener = net.socket.create_server(("127.0.0.1", 80))
        client = net.socket.create_connection(("127.0.0.1", 80))
        server, _ = listener.accept()
        server.setblocking(False)
        got: list[int] = []

        def read() -> None:
            selector: Any = net.selectors.DefaultSelector()
            selector.register(server, net.selectors.EVENT_READ)
            while selector.select():
                data = server.recv(most)
                if not data:
                    break
                got.append(len(data))
            selector.close()

        reader = net.threading.Thread(target=read)
        reader.start()
        for size in sizes:
            client.sendall(bytes(size))
        client.close()
        reader.join()
        for sock in (listener, server):
            sock.close()
    assert sum(got) == sum(sizes)
