"""Programs of several threads that Hypothesis draws, on the model: who runs next is drawn as well, and both shrink.

Whatever a program does: no wake-up is lost (nobody waits who could go on), no time-out is late, and who was told that a
socket is readable is not told would-block by the very next call.

Not here: the kernel's side (test_random.py).
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model import SimNet
from model.values.constants import WAKES_READERS
from model.waiting.scheduling import ThreadState
from model.world.host import Host
from wouldblock.threadwalk.programs import Plan, program

END = st.sampled_from(["client", "server"])
STEP = st.one_of(
    st.tuples(st.just("send"), END, st.integers(1, 3_000_000)),
    st.tuples(st.just("recv"), END, st.integers(1, 1_000_000)),
    st.tuples(st.sampled_from(["select", "epoll"]), END),
    st.tuples(st.sampled_from(["accept", "connect", "receive", "get"])),
    st.tuples(st.just("datagram"), st.integers(0, 1000)),
    st.tuples(st.just("put"), st.integers(0, 9)),
    st.tuples(st.just("sleep"), st.integers(0, 50).map(lambda ms: ms / 1000)),
)
PLANS = st.lists(st.lists(STEP, min_size=1, max_size=6), min_size=1, max_size=4)


@settings(max_examples=150, deadline=None)
@given(PLANS, st.integers(0, 2**32))
def test_nobody_waits_who_could_go_on(steps: Plan, chosen: int) -> None:
    assert who_could_go_on(steps, chosen) == []


def test_a_lost_wake_up_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Host.wake
    monkeypatch.setattr(Host, "wake", lambda host, end, bits: told(host, end, bits) if bits != WAKES_READERS else None)
    assert "t0 in recv() on s3" in who_could_go_on([[("recv", "server", 1)], [("send", "client", 1)]], 0)


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
