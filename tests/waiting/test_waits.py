"""What ends each call that waits: every cell of docs/blocking.md on both arms, and the page that was made of them.

Who waits for a lock waits for one of ours on both arms; so those cells are made a third time, with Python's own modules
and threads. What is seen of a sleep is seen in /proc.

Not here: which thread runs when several could (tests/guests).
"""

from __future__ import annotations

import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from model import SimNet
from realnet import NamespaceRefused, RealNet
from wouldblock.blocking import PAGE, TABLES, Answer, Cell, Seen, found, left_alone, made, page, way, ways
from wouldblock.confirming import README
from wouldblock.waitingcost.naps import WAITS_S, nap
from wouldblock.waits import FUTEX, SYSTEM_CALLS, WAITS

WORKERS = 4
FAST = ("recv", "Lock.acquire")
LOCKS = [name for name in WAITS if SYSTEM_CALLS[name] == FUTEX]
CALLS = [name for name in WAITS if SYSTEM_CALLS[name] != FUTEX]
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


def slowly(names: list[str]) -> list[Any]:
    """Names of waits as parameters; most of them take seconds."""
    return [pytest.param(name, marks=[] if name in FAST else pytest.mark.slow) for name in names]


def takes_time_outs(name: str) -> bool:
    with SimNet() as net, made(net, name) as wait:
        return bool(wait.sock and wait.times_out)


def cells(table: str, name: str) -> dict[str, Cell]:
    """The cells of one wait in a table."""
    if table != "ways":
        return TABLES[table].columns
    with SimNet() as net:
        return {words: way(words) for words in ways(net, name)}


def answers(arm: Any, name: str, table: str) -> dict[str, Answer | None]:
    return {column: found(arm, name, cell) for column, cell in cells(table, name).items()}


@pytest.fixture(scope="module")
def on_kernel(request: pytest.FixtureRequest) -> Iterator[Callable[[str, str], dict[str, Answer | None]]]:
    """The kernel's answers of a table. To make them is to sleep most of the time, so those of all tests that are to run
    are made side by side, each by a process of its own.
    """
    tests = [item for item in request.session.items if isinstance(item, pytest.Function)]
    mine = [item.callspec.params for item in tests if item.obj is test_both_arms_say_the_same]
    with get_context("fork").Pool(WORKERS) as pool:
        asked = {
            (params["name"], params["table"]): pool.apply_async(answers, (RealNet, params["name"], params["table"]))
            for params in mine
        }

        def answered(name: str, table: str) -> dict[str, Answer | None]:
            try:
                return asked[name, table].get()
            except NamespaceRefused as refusal:
                pytest.skip(f"the running kernel is out of reach: {refusal.strerror}")

        yield answered


@pytest.mark.parametrize("table", ["ways", *TABLES])
@pytest.mark.parametrize("name", slowly(list(WAITS)))
def test_both_arms_say_the_same(name: str, table: str, on_kernel: Any) -> None:
    assert on_kernel(name, table) == answers(SimNet, name, table)


@pytest.mark.parametrize("name", CALLS)
def test_who_waits_sleeps_in_the_kernel(name: str) -> None:
    """In the call that the model names, and neither its processor time nor its switches grow until it is woken."""
    try:
        seen = nap(name)
    except NamespaceRefused as refusal:
        pytest.skip(f"the running kernel is out of reach: {refusal.strerror}")
    assert (seen.on, seen.system_call, seen.state) == (on_the_model(name).on, SYSTEM_CALLS[name], "S")
    assert seen.last_ns - seen.since_ns > 0.8 * WAITS_S * 1e9, "it was looked at until the wait was over"
    assert (seen.cpu_ns_last, seen.switches_last) == (seen.cpu_ns, seen.switches)


@pytest.mark.parametrize("name", slowly([name for name in CALLS if takes_time_outs(name)]))
def test_with_a_time_out_of_pythons_it_sleeps_in_poll(name: str) -> None:
    by_settimeout = next(iter(TABLES["time-outs"].columns.values()))
    try:
        with RealNet() as net, made(net, name) as wait:
            assert by_settimeout(net, wait) is not None
            naps = {nap.system_call for nap in net.naps if nap.guest == "MainThread" and nap.on[:5] != "sleep"}
    except NamespaceRefused as refusal:
        pytest.skip(f"the running kernel is out of reach: {refusal.strerror}")
    assert naps - {"poll"} == set()


def on_the_model(name: str) -> Seen:
    with SimNet() as net, made(net, name) as wait:
        return left_alone(net, wait)


@pytest.mark.parametrize("name", [name for name in CALLS if name != "time.sleep"])
def test_the_model_says_for_what(name: str) -> None:
    with SimNet() as net, made(net, name) as wait:
        thread = net.threading.Thread(target=wait.call, name="waits", daemon=True)
        thread.start()
        net.time.sleep(0.1)
        assert len(net.waited_for()["waits"]) > len("bytes")


def test_the_committed_page_is_the_models() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make diagrams`"
    assert f"each of {len(WAITS)} calls that wait" in README.read_text(encoding="utf-8")


# ---------------------------------------------------------------- locks, with Python's own


class Plain:
    """Python's own modules as a net. It notes how the first thread was seen to wait."""

    threading, queue, time, signal = threading, queue, time, signal

    def __init__(self) -> None:
        self.sleeps: list[tuple[str, str]] = []
        self._on = ""

    def as_on(self, name: str) -> Plain:
        """Say in words of the nets that a thread waits."""
        self._on = on_the_model(name).on
        return self

    def waiting(self) -> dict[str, str]:
        task = Path(f"/proc/self/task/{threading.main_thread().native_id}")
        number = (task / "syscall").read_text(encoding="ascii").split()[0]
        self.sleeps.append((number, (task / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]))
        return dict.fromkeys(["MainThread", "other"], self._on)

    def woken_in_vain(self) -> dict[str, int]:
        return {}


@contextmanager
def plainly(name: str) -> Iterator[Plain]:
    before = signal.getsignal(signal.SIGUSR2)
    try:
        yield Plain().as_on(name)
    finally:
        signal.signal(signal.SIGUSR2, before)


@pytest.mark.parametrize("table", ["ways", *(name for name in TABLES if name != "closing")])
@pytest.mark.parametrize("name", slowly(LOCKS))
def test_the_locks_of_python_say_the_same(name: str, table: str) -> None:
    assert answers(lambda: plainly(name), name, table) == answers(SimNet, name, table)


@pytest.mark.parametrize("name", LOCKS)
def test_who_waits_for_a_lock_of_python_sleeps_in_futex(name: str) -> None:
    with plainly(name) as net, made(net, name) as wait:
        assert left_alone(net, wait).ended
        assert net.sleeps == [("202", "S")]
