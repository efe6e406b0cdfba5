"""Guest threads on the running kernel: threads of the machine's own, of which only the one that has the baton runs.

A thread that makes a call may block in it, and nobody can say so beforehand. So it makes the call with an *umpire*
looking on: a thread that reads in `/proc/self/task/…/syscall` whether it sleeps, and in which system call. If the call
answers, the thread goes on; if it sleeps, it waits, and another has the baton. A sleeper that the kernel wakes does
what it was woken for at once, writes it down, and then waits for its turn. Before anybody makes a call, everybody who
was woken by the one before is let finish (`settle`): so there is one order of events, the same as on the model, though
the threads and their sleep are real.

What was seen of a sleep is kept (`Nap`): the system call, and the time on the processor and the switches, when it was
seen to have begun and when it was seen last, which is before the call that ends it is made.

Not here: locks, which need no kernel (model/guests/lowlevel.py); interrupting a thread; one that computes for ever.
"""

from __future__ import annotations

import _thread
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs

from model.choices import Policy
from model.trace import Event
from model.waiting.scheduling import THREAD, Guest, Scheduler, ThreadEvent

SLEEPS_IN = {
    7: "poll", 23: "select", 35: "nanosleep", 42: "connect", 43: "accept", 44: "sendto", 45: "recvfrom",
    230: "clock_nanosleep", 232: "epoll_wait", 270: "pselect6", 271: "ppoll", 281: "epoll_pwait", 288: "accept4",
}  # fmt: skip
"""System calls in which a guest may sleep, by number (x86-64, syscalls(2))."""
_LOOK_S = 0.00005


@attrs.define
class Nap:
    """One sleep of a guest in the kernel, as /proc showed it."""

    guest: str
    on: str
    system_call: str
    state: str
    """The state of the thread in /proc/…/stat: S sleeps and can be interrupted."""
    cpu_ns: int
    """Processor time of the thread, in nanoseconds, when it was seen to sleep (/proc/…/schedstat)."""
    switches: int
    """How often it had given the processor up by itself then (voluntary_ctxt_switches)."""
    cpu_ns_last: int
    """The same when it was last seen to sleep there."""
    switches_last: int
    since_ns: int
    """When it was seen first, in nanoseconds since the trace began."""
    last_ns: int
    """When it was seen last."""


@attrs.define(eq=False)
class _Carrier:
    """What carries a guest: its thread in the machine, and the semaphore on which it waits for its turn."""

    task: int = 0
    turn: threading.Semaphore = attrs.Factory(lambda: threading.Semaphore(0))
    answered: bool = True
    """Whether the call that the guest is in has answered."""
    slept: bool = False
    """Whether it slept in that call."""
    noted: bool = True
    """Whether the answer was written down, so that the guest waits for nothing but its turn."""


class Baton(Scheduler):
    """The guest threads of one net on the kernel. Made by the program's own thread; `began_ns` is when its trace began,
    on the monotonic clock.
    """

    def __init__(self, policy: Policy, events: list[Event]) -> None:
        super().__init__(policy, events)
        self.began_ns = 0
        self.naps: list[Nap] = []
        self.ending = False
        self._main = self.running
        self._carriers = {self.running: _Carrier(_thread.get_native_id())}
        self._umpire_wanted: threading.Semaphore | None = None
        self._napping: dict[Guest, Nap] = {}
        """Who sleeps in a system call."""
        self._judging = threading.Lock()
        self._in_call: Guest | None = None
        self._what = ""

    @property
    def now_ns(self) -> int:
        return time.monotonic_ns() - self.began_ns

    def start(self, body: Callable[[], None], name: Callable[[], str]) -> Guest:
        if self._umpire_wanted is None:
            self._umpire_wanted = threading.Semaphore(0)
            _thread.start_new_thread(self._umpire, (self._umpire_wanted,))
        guest = self.new_guest(name)
        carrier = self._carriers[guest] = _Carrier()
        ready = threading.Semaphore(0)

        def run() -> None:
            carrier.task = _thread.get_native_id()
            ready.release()
            carrier.turn.acquire()
            if not self.ending:
                body()
            self.over(guest)
            if not self.ending:
                self._carriers[self._next()].turn.release()

        _thread.start_new_thread(run, ())
        ready.acquire()
        return guest

    def forget(self, guest: Guest) -> None:
        super().forget(guest)
        del self._carriers[guest]

    # ------------------------------------------------------------ calls

    @contextmanager
    def in_call(self, what: str) -> Iterator[Callable[[], bool]]:
        """The running thread makes a call, and perhaps sleeps in it; behind it it has the baton again.

        Yields what the thread is to call as soon as the kernel has answered: it says whether the thread slept.
        """
        wanted = self._umpire_wanted
        if self.alone or wanted is None or self.ending:
            yield lambda: False
            return
        me = self.running
        carrier = self._carriers[me]
        carrier.answered = carrier.slept = carrier.noted = False
        self._in_call, self._what = me, what
        wanted.release()

        def answered() -> bool:
            with self._judging:
                carrier.answered = True
                return carrier.slept

        try:
            yield answered
        finally:
            answered()
            carrier.noted = True
            carrier.turn.acquire()
        if self.ending:
            raise SystemExit

    def _umpire(self, wanted: threading.Semaphore) -> None:
        """Look on while somebody is in a call; hand the baton on when it sleeps there."""
        while True:
            wanted.acquire()
            guest = self._in_call
            if guest is None:
                return
            carrier = self._carriers[guest]
            self._look_on(carrier)
            with self._judging:
                carrier.slept = not carrier.answered
            if carrier.slept:
                self._fall_asleep(guest, carrier)
                guest = self._next()
            else:
                self._look_on(carrier)
            self._carriers[guest].turn.release()

    def _look_on(self, carrier: _Carrier) -> None:
        """Until the call has answered and that was written down, or its thread sleeps in the kernel."""
        while not carrier.noted and (carrier.answered or not _asleep(carrier.task)):
            time.sleep(_LOOK_S)

    def _fall_asleep(self, guest: Guest, carrier: _Carrier) -> None:
        guest.on, guest.attempt, guest.until_ns = self._what, lambda: carrier.noted, None
        THREAD.fire(self.trail, ThreadEvent.WAITS, guest, self.now_ns)
        nap = self._napping[guest] = _nap(guest, carrier.task, self.now_ns)
        self.naps.append(nap)

    # ------------------------------------------------------------ turns

    def settle(self) -> None:
        """Let everybody whom the kernel has woken finish, then everybody who was woken otherwise."""
        for guest in [guest for guest in self.guests if guest in self._napping]:
            carrier = self._carriers[guest]
            self._look_on(carrier)
            if carrier.noted:
                del self._napping[guest]
                self.wake(guest)
            else:
                self._look_again(self._napping[guest], carrier)
        super().settle()

    def _look_again(self, nap: Nap, carrier: _Carrier) -> None:
        """Note how a sleeper fares, unless it wakes just then."""
        now_ns, cpu_ns, switches = self.now_ns, _cpu_ns(carrier.task), _switches(carrier.task)
        if not carrier.answered and _asleep(carrier.task):
            nap.last_ns, nap.cpu_ns_last, nap.switches_last = now_ns, cpu_ns, switches

    def _go_on_elsewhere(self) -> None:
        me = self.running
        chosen = self._next()
        if chosen is not me:
            self._carriers[chosen].turn.release()
            self._carriers[me].turn.acquire()
            if self.ending:
                raise SystemExit

    def _next(self) -> Guest:
        """The thread that runs next; real time passes until one can."""
        while True:
            self.settle()
            chosen = self.choose()
            if chosen is not None:
                return chosen
            time.sleep(_LOOK_S)
            self.lapse()

    def end_all(self) -> None:
        """Let no guest run any more. Those that sleep in a call end when it answers; locks are given up."""
        self.ending = True
        for guest, carrier in list(self._carriers.items()):
            if guest is not self._main:
                carrier.turn.release()
        self._in_call = None
        if self._umpire_wanted is not None:
            self._umpire_wanted.release()
        self.running = self._main


def _asleep(task: int) -> bool:
    """Whether a thread of this process sleeps in a system call of `SLEEPS_IN`."""
    number = Path(f"/proc/self/task/{task}/syscall").read_text(encoding="ascii").split(maxsplit=1)[0]
    return number.isdigit() and int(number) in SLEEPS_IN


def _nap(guest: Guest, task: int, now_ns: int) -> Nap:
    folder = Path(f"/proc/self/task/{task}")
    number = (folder / "syscall").read_text(encoding="ascii").split(maxsplit=1)[0]
    state = (folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    name = SLEEPS_IN.get(int(number), number) if number.isdigit() else number
    cpu_ns, switches = _cpu_ns(task), _switches(task)
    return Nap(guest.name(), guest.on, name, state, cpu_ns, switches, cpu_ns, switches, now_ns, now_ns)


def _cpu_ns(task: int) -> int:
    return int(Path(f"/proc/self/task/{task}/schedstat").read_text(encoding="ascii").split()[0])


def _switches(task: int) -> int:
    status = Path(f"/proc/self/task/{task}/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("voluntary"))
