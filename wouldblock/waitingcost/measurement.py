"""What waiting costs, measured: the program runs on the kernel, with the standard library's own modules and threads.

It runs in a private namespace (realnet/namespace.py), without the recorder and the umpire of `RealNet`, which cost more
than what is to be measured. All its threads are on one processor. *Pinned*, they are there under SCHED_FIFO with equal
priorities: who is woken stands in line and displaces nobody. Then counts are the same each time. It also keeps Python's
global lock out of the picture: a thread gives the processor up only in system calls, and those are made without the
lock, so that nobody ever waits for it. Left to the default scheduler (SCHED_OTHER), counts vary from run to run.

Calls and wake-ups are counted by the kernel's tracepoints (realnet/tracepoints.py), switches by what it says in
`/proc/self/task/…/status`. Processor time, of the whole process and in user mode and kernel mode together, is taken in
runs in which tracepoints are off, because on they make calls dearer.

Not here: how processor time follows from counts (costs.py).
"""

from __future__ import annotations

import ctypes
import gc
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from realnet.held import FAR, HeldDevice
from realnet.tracepoints import Counter, Tracepoints

from .counts import BURST, LIMIT, PORT, REFUSED, Counts

_SERVER, _DRIVER = "cost-server", "cost-driver"
_NUMBERS = {
    "recv": 45, "send": 44, "select": 270, "poll": 7, "epoll_wait": 232, "sched_yield": 24, "sleep": 230, "futex": 202,
}  # fmt: skip
"""System calls by number (x86-64, syscalls(2)). Python's send is sendto(2), recv recvfrom(2), select pselect6(2)."""
_SET_NAME = 15
_EAGAIN = 11
_ORDINARY, _URGENT = 1, 2

_libc = ctypes.CDLL(None, use_errno=True)


class PriorityRefused(PermissionError):
    """The machine does not let this process run under SCHED_FIFO. The text says in one sentence what to do."""


class Measured:
    """A net on the kernel for the programs of this room; a context manager, inside the `Namespace` whose `cpu` is told.

    It counts, or it takes the time (`timed`). Raises `PriorityRefused`, if `pinned`, and `TracepointsRefused`, if it
    counts, where the machine does not allow that.
    """

    socket, select, time, threading = socket, select, time, threading
    give_way = staticmethod(os.sched_yield)
    counts: Counts
    cpu_ns: int
    """Processor time of what was counted, in nanoseconds."""

    def __init__(self, cpu: int, *, timed: bool = False, pinned: bool = True) -> None:
        self._pinned = pinned
        self._tracepoints = None if timed else Tracepoints(cpu)
        self._calls: _Calls | None = None

    def __enter__(self) -> Measured:
        if self._tracepoints is not None:
            self._calls = _Calls(self._tracepoints.__enter__())
        name = Path("/proc/thread-self/comm").read_text(encoding="utf-8").strip()
        self._before = os.sched_getscheduler(0), os.sched_getparam(0), name
        if self._pinned:
            _take_priority(_ORDINARY)
        _call_oneself(_DRIVER)
        gc.collect()
        gc.freeze()
        gc.disable()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._tracepoints is not None:
            self._tracepoints.__exit__(kind, error, traceback)
        gc.enable()
        gc.unfreeze()
        policy, parameter, name = self._before
        os.sched_setscheduler(0, policy, parameter)
        _call_oneself(name)

    def start(self, function: Callable[..., None], *args: Any) -> threading.Thread:
        """Run a function in a thread of the server."""

        def run() -> None:
            _call_oneself(_SERVER)
            function(*args)

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    def make_urgent(self) -> None:
        """The calling thread runs before all others as soon as it can."""
        if self._pinned:
            _take_priority(_URGENT)

    @contextmanager
    def device(self, bytes_per_second: int) -> Iterator[tuple[socket.socket, tuple[str, int]]]:
        """A UDP socket that sends through a token bucket, and the address of a receiver behind it, who never reads."""
        with HeldDevice() as device, device.far() as receiver, socket.socket(type=socket.SOCK_DGRAM) as sock:
            receiver.bind((FAR, PORT))
            device.renew(BURST, LIMIT, bytes_per_second)
            yield sock, (FAR, PORT)

    @contextmanager
    def counting(self) -> Iterator[None]:
        """What happens in here is counted, or its time is taken."""
        if self._calls is None:
            began_ns = time.process_time_ns()
            yield
            self.cpu_ns = time.process_time_ns() - began_ns
            return
        switches, calls = _switches(), self._calls.read()
        yield
        calls_after = self._calls.read()
        sleeps, displaced = (after - before for after, before in zip(_switches(), switches, strict=True))
        counted = {name: calls_after[name] - before for name, before in calls.items()}
        wakeups = counted.pop(_WAKEUPS)
        for name in [name for name in counted if name.endswith(REFUSED)]:
            counted[name.removesuffix(REFUSED)] -= counted[name]
        self.counts = Counts({name: n for name, n in sorted(counted.items()) if n}, sleeps, displaced, wakeups)


_WAKEUPS, _OTHERS = "wakeups", "others"


class _Calls:
    """The counters of system calls and wake-ups."""

    def __init__(self, tracepoints: Tracepoints) -> None:
        own = 'COMM ~ "cost-*"'
        known = " && ".join(f"id != {number}" for number in _NUMBERS.values())
        count = tracepoints.count
        self._counters: dict[str, Counter] = {
            name: count("raw_syscalls/sys_enter", f"{own} && id == {number}") for name, number in _NUMBERS.items()
        }
        for name in ("recv", "send"):
            only = f"{own} && id == {_NUMBERS[name]} && ret == -{_EAGAIN}"
            self._counters[name + REFUSED] = count("raw_syscalls/sys_exit", only)
        self._counters[_OTHERS] = count("raw_syscalls/sys_enter", f"{own} && {known}")
        self._counters[_WAKEUPS] = count("sched/sched_wakeup", f'comm == "{_SERVER}"')

    def read(self) -> dict[str, int]:
        """The counts so far. Reading is a system call too, one of those that have no name here."""
        counts = {name: counter.read() for name, counter in self._counters.items()}
        counts.pop(_OTHERS)
        return counts


def _switches() -> tuple[int, int]:
    """Voluntary and involuntary context switches of all threads of the process."""
    voluntary = involuntary = 0
    for task in Path("/proc/self/task").iterdir():
        for line in (task / "status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("voluntary_ctxt_switches"):
                voluntary += int(line.split()[1])
            elif line.startswith("nonvoluntary_ctxt_switches"):
                involuntary += int(line.split()[1])
    return voluntary, involuntary


def _take_priority(priority: int) -> None:
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
    except PermissionError as error:
        raise PriorityRefused(
            error.errno, "threads cannot be run under SCHED_FIFO: it takes root, CAP_SYS_NICE or a limit (ulimit -r)"
        ) from error


def _call_oneself(name: str) -> None:
    """Name the calling thread, as /proc and the tracepoints show it."""
    _libc.prctl(_SET_NAME, name.encode(), 0, 0, 0)
