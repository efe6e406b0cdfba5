"""Guest threads on the running kernel: threads of the machine's own, of which only the one that has the baton runs.

A thread that makes a call may block in it, and nobody can say so beforehand. So it makes the call with an *umpire*
looking on: a thread that reads in `/proc/self/task/…/syscall` whether it sleeps, and in which system call. If the call
answers, the thread goes on; if it sleeps, it waits, and another has the baton. A sleeper that the kernel wakes does
what it was woken for at once, writes it down, and then waits for its turn. Before anybody makes a call, everybody who
was woken by the one before is let finish (`settle`): so there is one order of events, the same as on the model, though
the threads and their sleep are real.

A signal is a real one. Its handler in the kernel's eyes is ours (`_arrives`), which Python runs in the main thread: in
the midst of the call that the signal has ended, or later if it has ended none. In the call, the thread gives the baton
back, waits for its turn, and only then runs the program's handlers; if they let it, Python makes the call again. To
know one from the other the call puts its value into `Call.box` before anything else of Python's can run.

What was seen of a sleep is kept (`Nap`): the system call, and the time on the processor and the switches, when it was
seen to have begun and when it was seen last, which is before the call that ends it is made.

Not here: locks, which need no kernel (model/guests/lowlevel.py); a thread that computes for ever.
"""

from __future__ import annotations

import _thread
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import starmap
from pathlib import Path
from types import FrameType
from typing import Any

import attrs

from model.choices import Policy
from model.trace import Event
from model.waiting.scheduling import THREAD, Guest, Scheduler, ThreadEvent, ThreadState
from model.waiting.signals import Handler

SLEEPS_IN = {
    3: "close", 7: "poll", 23: "select", 35: "nanosleep", 42: "connect", 43: "accept", 44: "sendto", 45: "recvfrom",
    46: "sendmsg", 47: "recvmsg",
    230: "clock_nanosleep", 232: "epoll_wait", 270: "pselect6", 271: "ppoll", 281: "epoll_pwait", 288: "accept4",
}  # fmt: skip
"""System calls in which a guest may sleep, by number (x86-64, syscalls(2))."""
_LOOK_S = 0.00005
_LONG_S = threading.TIMEOUT_MAX
"""A wait without an end, but one that a signal always ends (futex(2)), so that `_arrives` can run."""


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
class Call:
    """A call that a guest makes: what it is, in words, and whether an umpire looks on."""

    what: str
    watched: bool
    answered: Callable[[], bool] = lambda: False
    """To be called as soon as the kernel has answered: whether others may have made calls meanwhile."""
    box: list[Any] = attrs.Factory(list)
    """What the function has returned; empty while it is at work."""
    broken: bool = False
    """Whether a handler ran in it."""
    raised: bool = False
    """Whether its exception is a handler's."""

    def made(self, function: Callable[..., Any], *given: Any) -> Any:
        """The value of ``function(*given)``."""
        try:
            self.box.extend(starmap(function, (given,)))
        except BaseException:
            self.box.append(None)
            raise
        return self.box[0]


@attrs.define(eq=False)
class _Carrier:
    """What carries a guest: its thread in the machine, and the semaphore on which it waits for its turn."""

    task: int = 0
    ident: int = 0
    turn: threading.Semaphore = attrs.Factory(lambda: threading.Semaphore(0))
    answered: bool = True
    """Whether the call that the guest is in has answered."""
    slept: bool = False
    """Whether it slept in that call."""
    call: Call | None = None
    """The call that it is in."""
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
        self._carriers = {self.running: _Carrier(_thread.get_native_id(), _thread.get_ident())}
        self._umpire_wanted: threading.Semaphore | None = None
        self._napping: dict[Guest, Nap] = {}
        """Who sleeps in a system call."""
        self._judging = threading.Lock()
        self._in_call: Guest | None = None
        self._hooked: dict[int, Any] = {}
        """Signals that come to `_arrives`, and what they did before."""
        self._alarm_before: tuple[float, float] | None = None
        """What the process had set its alarm to before the net first did."""
        self._due: set[int] = set()
        """Signals that have come while the program's first thread was in no call."""

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
            carrier.task, carrier.ident = _thread.get_native_id(), _thread.get_ident()
            ready.release()
            carrier.turn.acquire()
            try:
                if not self.ending:
                    body()
            except BaseException:
                if not self.ending:  # what is left of a net that is over concerns nobody
                    raise
            if not self.ending:
                self.over(guest)
                self._carriers[self._next()].turn.release()

        _thread.start_new_thread(run, ())
        ready.acquire()
        return guest

    def is_being_ended(self) -> bool:
        return self.ending and _thread.get_ident() != self._carriers[self._main].ident

    def forget(self, guest: Guest) -> None:
        super().forget(guest)
        del self._carriers[guest]

    # ------------------------------------------------------------ calls

    @contextmanager
    def in_call(self, what: str) -> Iterator[Call]:
        """The running thread makes a call, and perhaps sleeps in it; behind it it has the baton again."""
        me = self.running
        carrier = self._carriers[me]
        watched = not (self.alone or self._umpire_wanted is None or self.ending)
        call = Call(what, watched)
        if call.watched:
            call.answered = lambda: self._answered(carrier, call)
            self._look_at(me, carrier)
        try:
            self._may_be_broken(carrier, call)
            yield call
        finally:
            if call.watched:
                self._wait_for_turn(carrier, call)
            carrier.call = None
            self.handle()

    def _look_at(self, guest: Guest, carrier: _Carrier) -> None:
        """Tell the umpire that a guest has the baton and is in a call, for the first time or again."""
        assert self._umpire_wanted is not None
        carrier.answered = carrier.slept = carrier.noted = False
        self._in_call = guest
        self._umpire_wanted.release()

    def _answered(self, carrier: _Carrier, call: Call) -> bool:
        with self._judging:
            carrier.answered = True
            return carrier.slept or call.broken

    def _wait_for_turn(self, carrier: _Carrier, call: Call) -> None:
        """The call has answered, or a signal has broken it off; the thread waits for the baton."""
        call.answered()
        carrier.noted = True
        carrier.turn.acquire(timeout=_LONG_S)
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
        assert carrier.call is not None
        guest.on, guest.attempt, guest.until_ns = carrier.call.what, lambda: carrier.noted, None
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
        while self._due and self._main.state is not ThreadState.RUNNING:
            self.signal(self._main, self._due.pop())
        super().settle()

    def _in_vain(self, guest: Guest) -> int:
        nap = self._napping.get(guest)
        return super()._in_vain(guest) if nap is None else nap.switches_last - nap.switches

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
            self._carriers[me].turn.acquire(timeout=_LONG_S)
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

    # ------------------------------------------------------------ signals

    def dispose(self, number: int, action: int | Handler) -> None:
        before = signal.signal(number, action if isinstance(action, int) else self._arrives)
        self._hooked.setdefault(number, before)
        super().dispose(number, action)

    def let_restart(self, number: int, restarts: bool) -> None:
        signal.siginterrupt(number, not restarts)
        super().let_restart(number, restarts)

    def set_alarm(self, after_ns: int, every_ns: int) -> None:
        before = signal.setitimer(signal.ITIMER_REAL, after_ns / 1e9, every_ns / 1e9)
        if self._alarm_before is None:
            self._alarm_before = before

    def alarm_left(self) -> tuple[int, int]:
        if self._alarm_before is None:
            return 0, 0
        left, every = signal.getitimer(signal.ITIMER_REAL)
        return int(left * 1e9), int(every * 1e9)

    def send_signal(self, guest: Guest, number: int) -> None:
        if number not in self._hooked:  # SIGINT has a handler from the start
            self.dispose(number, self.signals.handlers[number])
        if guest in self._napping or guest is self.running:
            carrier = self._carriers[guest]
            signal.pthread_kill(carrier.ident, number)
            while _is_pending(carrier.task, number):
                time.sleep(_LOOK_S)
            if guest in self._napping:
                self._look_on(carrier)
        else:
            self.signal(guest, number)

    def _arrives(self, number: int, frame: FrameType | None) -> None:
        """A signal has come; this is in the main thread, in the midst of whatever it does, of this function too."""
        carrier = self._carriers[self._main]
        call, carrier.call = carrier.call, None
        if call is None or call.box:
            carrier.call = call
            self._due.add(number)
            return
        self.signals.tripped.add(number)
        self._break_off(carrier, call)
        self._may_be_broken(carrier, call)

    def _break_off(self, carrier: _Carrier, call: Call) -> None:
        """Signals have ended a call of the main thread, which runs their handlers when it is its turn, and makes the
        call again. Others that come meanwhile find no call that they could end.
        """
        call.broken = True
        if call.watched:
            self._wait_for_turn(carrier, call)
        try:
            self.handle()
        except BaseException:
            call.raised = True
            raise
        finally:
            if call.watched:
                self._look_at(self._main, carrier)

    def _may_be_broken(self, carrier: _Carrier, call: Call) -> None:
        """From now on a signal ends the call; one that came too early for that does so at once."""
        carrier.call = call
        while self._due and carrier is self._carriers[self._main]:
            carrier.call = None
            self._take_due()
            self._break_off(carrier, call)
            carrier.call = call

    def handle(self) -> None:
        if self.running is self._main:
            self._take_due()
        super().handle()

    def _take_due(self) -> None:
        while self._due:
            self.signals.tripped.add(self._due.pop())

    def _unhook(self) -> None:
        if self._alarm_before is not None:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number, before in self._hooked.items():
            signal.signal(number, signal.SIG_DFL if before is None else before)
        if self._alarm_before is not None:
            signal.setitimer(signal.ITIMER_REAL, *self._alarm_before)

    # ------------------------------------------------------------ the end

    def end_all(self) -> None:
        """Let no guest run any more. Those that sleep in a call end when it answers; locks are given up."""
        self.ending = True
        self._unhook()
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


def _is_pending(task: int, number: int) -> bool:
    """Whether a signal was sent to a thread of this process that the kernel has not yet given to it."""
    status = Path(f"/proc/self/task/{task}/status").read_text(encoding="utf-8")
    pending = next(line.split()[1] for line in status.splitlines() if line.startswith("SigPnd"))
    return bool(int(pending, 16) >> (number - 1) & 1)


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
