"""Guest threads in virtual time: each is a greenlet, and time passes when none can run.

A greenlet is a stack of its own that runs until it hands over to another, so no two guests are ever in the middle of
anything, and the same seed gives the same run. Handing over happens in `_go_on_elsewhere` and nowhere else.

While the program's own thread is alone nothing is switched: a wait is a loop that lets time pass until something wakes
it.

Not here: what is waited for (kernel.py); a guest that never makes a call again is never interrupted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from greenlet import getcurrent, greenlet

from ..choices import Policy
from ..trace import Event
from ..waiting.scheduling import THREAD, Deadlock, Guest, Scheduler, ThreadEvent
from ..waiting.signals import SIGALRM
from .arguments import NS_PER_SECOND

PATIENCE_NS = 24 * 3600 * NS_PER_SECOND
"""Longest virtual time for which everybody may wait, kept alive by timers that start themselves again: a day."""


class Clock(Protocol):
    """Who lets virtual time pass, for all hosts of a world."""

    @property
    def now_ns(self) -> int: ...
    def sleep_until(self, at_ns: int, /) -> None: ...
    def next_deadline(self) -> int | None: ...


class Greenlets(Scheduler):
    """The guest threads of one simulated net. Made by the program's own thread."""

    def __init__(self, clock: Clock, policy: Policy, events: list[Event]) -> None:
        super().__init__(policy, events)
        self.clock = clock
        self._main = self.running
        self._carriers: dict[Guest, greenlet] = {self.running: getcurrent()}
        self._all_wait_since_ns = 0

    @property
    def now_ns(self) -> int:
        return self.clock.now_ns

    def start(self, body: Callable[[], None], name: Callable[[], str]) -> Guest:
        guest = self.new_guest(name)

        def run(*_: object) -> None:
            body()
            if guest in self.guests:
                self.over(guest)
                getcurrent().parent = self._next()  # who is switched to when this one has returned

        self._carriers[guest] = greenlet(run)
        return guest

    def _go_on_elsewhere(self) -> None:
        carrier = self._next()
        if carrier is not getcurrent():
            carrier.switch()

    def _next(self) -> greenlet:
        """The carrier of the thread that runs next; time passes until one can."""
        self.settle()
        chosen = self.choose()
        self._all_wait_since_ns = self.now_ns
        while chosen is None:
            self._pass_time()
            chosen = self.choose()
        return self._carriers[chosen]

    def _pass_time(self) -> None:
        """Nobody can run: on to the next timer, or the next wait that runs out."""
        lapse_ns, timer_ns, alarm_ns = self.next_lapse_ns(), self.clock.next_deadline(), self.signals.next_alarm_ns()
        patience_ns = self._all_wait_since_ns + PATIENCE_NS
        if lapse_ns is timer_ns is alarm_ns is None:
            self._fail(self.deadlock())
        if lapse_ns is None and self.now_ns >= patience_ns:
            self._fail(self.deadlock(f"no timer has ended it in {PATIENCE_NS // NS_PER_SECOND // 3600} hours"))
        ends = (lapse_ns, timer_ns, alarm_ns, patience_ns if lapse_ns is None else None)
        self._let_pass(min(ns for ns in ends if ns is not None))

    def pass_until(self, at_ns: int) -> None:
        """Time passes while a thread runs, as it does on a machine; what fires or runs out meanwhile does so."""
        while self.now_ns < at_ns:
            ends = (self.next_lapse_ns(), self.clock.next_deadline(), self.signals.next_alarm_ns(), at_ns)
            self._let_pass(max(min(ns for ns in ends if ns is not None), self.now_ns))

    def _let_pass(self, until_ns: int) -> None:
        self.clock.sleep_until(until_ns)
        self.settle()
        if self.signals.alarm_is_due(self.now_ns):
            self.signal(self._main, SIGALRM)
        self.lapse()

    def send_signal(self, guest: Guest, number: int) -> None:
        self.signal(guest, number)

    def _fail(self, report: Deadlock) -> None:
        """Tell the program's own thread that nobody will ever run again."""
        main = self._main
        THREAD.fire(self.trail, ThreadEvent.LAPSES, main, self.now_ns)
        THREAD.fire(self.trail, ThreadEvent.CHOSEN, main, self.now_ns)
        self.running = main
        if getcurrent() is self._carriers[main]:
            raise report
        self._carriers[main].throw(report)

    def forget(self, guest: Guest) -> None:
        super().forget(guest)
        del self._carriers[guest]

    def is_being_ended(self) -> bool:
        return self.running not in self.guests

    def end_all(self) -> None:
        """End every guest but the program's own where it stands; its `finally` clauses run, and cannot wait."""
        main = getcurrent()
        others = {guest: carrier for guest, carrier in self._carriers.items() if guest is not self._main}
        for guest, carrier in others.items():
            self.forget(guest)
            if carrier:  # it has begun
                self.running = guest
                carrier.parent = main
                carrier.throw(SystemExit)
        self.running = self._main
