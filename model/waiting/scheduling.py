"""Who runs, who could, who waits on what: guest threads as a state machine, and the scheduler that moves them.

One thread runs. It goes on until it waits, ends, or another is let before it, which may happen at every call. A thread
that waits has an *attempt*: a function that tries whether it can go on, and does what it waited for if so. It is asked
when something has woken the thread, and before anybody else runs on: so what was waited for is taken as the kernel's
threads take it, while whoever woke them is still in the middle of its own work. Then the thread is runnable, and comes
to its turn when the scheduler says so.

Which of several runnable threads goes on is a named choice (`NEXT_THREAD`): a system may run any of them. Who of
several that one event has woken is the first to try is another (`FIRST_TO_TRY`).

If nobody can run, time passes until a timer fires or a wait runs out. If there is neither, nobody will ever run
again: a deadlock, and it is told who waits on what and since when.

A signal that comes while its thread waits is put to the wait (`Broken`): the call may wait on as if nothing had been,
be over with what it had, or end with EINTR. Then the program's first thread, which alone runs handlers, has its turn
and makes the call again if they let it; any other makes it again on the spot.

Not here: what carries a thread, and how time passes (the subclasses); wait queues (sleeping.py); what a process does
with a signal (signals.py).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from enum import IntEnum

import attrs

from ..choices import FIRST_TO_TRY, NEXT_THREAD, Policy
from ..rules import Arrow, Machine
from ..trace import CallEvent, Event
from ..values.observation import Observation
from .signals import Alarm, Handler, Signals

MS = 1_000_000
Attempt = Callable[[], bool]
Seen = tuple[tuple[str, Observation], ...]


class ThreadState(IntEnum):
    """Where a guest thread stands."""

    RUNNABLE = 0
    RUNNING = 1
    WAITING = 2
    OVER = 3


class ThreadEvent(IntEnum):
    """What moves it."""

    CHOSEN = 0
    YIELDS = 1
    WAITS = 2
    WOKEN = 3
    LAPSES = 4
    INTERRUPTED = 5
    ENDS = 6


class Broken(IntEnum):
    """What a signal makes of a wait."""

    WAITS_ON = 0
    OVER = 1
    """The call answers with what it has."""
    EINTR = 2


Judge = Callable[[bool, bool], Broken]
"""What a signal makes of a wait, by whether its handler lets calls restart (SA_RESTART), and whether the thread would
make the call again at once.
"""


THREAD = Machine("thread", "A guest thread", ThreadState, ThreadEvent)
S, E = ThreadState, ThreadEvent
_ALONE = "a program with one thread has no other to run; the random check makes its calls from one"


class Deadlock(RuntimeError):
    """Every thread waits, and nothing can end any of the waits. The text says who waits on what, and since when."""


class Interrupted(Exception):
    """A signal has ended the wait of the program's first thread: its handlers are to run (`Scheduler.handle`)."""


class BusyLoop(RuntimeError):
    """A thread asks again and again whether there is something to do, and in virtual time nothing can change meanwhile.
    The text says who asks what.
    """


@attrs.define(eq=False)
class Guest:
    """A guest thread. Times are nanoseconds since the net was made."""

    ident: int
    name: Callable[[], str]
    state: ThreadState = S.RUNNABLE
    on: str = ""
    """What it waits on: the call, as ``recv() on s1``."""
    reason: str = ""
    """What it waits for there, where the arm can say."""
    since_ns: int = 0
    place: int = 0
    """How many waits had begun before its last one."""
    until_ns: int | None = None
    """When its wait runs out; None: never."""
    attempt: Attempt | None = None
    lapsed: bool = False
    """Whether its last wait ran out."""
    judge: Judge | None = None
    """What a signal makes of its wait; None: EINTR, unless the call would be made again at once."""
    interrupted: bool = False
    """Whether a signal ended its last wait."""
    turns: int = 0
    """How often it was chosen."""
    wakes: int = 0
    """How often it was woken out of a wait, whether it could go on then or not."""
    wakes_before: int = 0
    """The same, when its last wait began."""


@THREAD.rule(on=E.CHOSEN, moves={S.RUNNABLE: S.RUNNING}, cite="sched(7)", unconfirmed=_ALONE)
def thread_is_chosen(guest: Guest, now_ns: int) -> None:
    """The scheduler lets the thread run on."""
    guest.turns += 1


@THREAD.rule(on=E.YIELDS, moves={S.RUNNING: S.RUNNABLE}, cite="sched(7)", unconfirmed=_ALONE)
def thread_yields(guest: Guest, now_ns: int) -> None:
    """Another thread is let before it; it could run on."""


@THREAD.rule(on=E.WAITS, moves={S.RUNNING: S.WAITING}, cite="sched(7)", unconfirmed=_ALONE)
def thread_waits(guest: Guest, now_ns: int) -> None:
    """The thread waits: for what a call blocks on, for a lock, or for time to pass."""
    guest.since_ns, guest.lapsed, guest.interrupted = now_ns, False, False
    guest.wakes_before = guest.wakes


@THREAD.rule(on=E.WOKEN, moves={S.WAITING: S.RUNNABLE}, cite="sched(7)", unconfirmed=_ALONE)
def thread_is_woken(guest: Guest, now_ns: int) -> None:
    """What the thread waited for has come, and is its own now."""
    guest.on, guest.attempt, guest.until_ns = "", None, None


@THREAD.rule(on=E.LAPSES, moves={S.WAITING: S.RUNNABLE}, cite="sched(7)", unconfirmed=_ALONE)
def wait_runs_out(guest: Guest, now_ns: int) -> None:
    """The time is over before what the thread waited for has come."""
    guest.on, guest.attempt, guest.until_ns, guest.lapsed = "", None, None, True


@THREAD.rule(on=E.INTERRUPTED, moves={S.WAITING: S.RUNNABLE}, cite="signal(7)", unconfirmed=_ALONE)
def wait_is_interrupted(guest: Guest, now_ns: int) -> None:
    """A signal has come before what the thread waited for, and its handler is to run."""
    guest.on, guest.attempt, guest.until_ns, guest.interrupted = "", None, None, True


@THREAD.rule(on=E.ENDS, moves={S.RUNNING: S.OVER}, cite="pthread_exit(3)", unconfirmed=_ALONE)
def thread_ends(guest: Guest, now_ns: int) -> None:
    """Its function has returned or raised."""


class Scheduler(ABC):
    """The threads of one net. `running` is the one that runs; the first is the program's own, "MainThread"."""

    def __init__(self, policy: Policy, events: list[Event]) -> None:
        self.policy, self.events = policy, events
        self.observed: int | None = None
        """How many events of the trace show the sockets as they were when everybody whom they woke had finished; None
        while there never was a second thread.
        """
        self.trail: list[Arrow] = []
        self.signals = Signals()
        main = Guest(1, lambda: "MainThread", S.RUNNING)
        self.guests = [main]
        self.running = main
        self.alone = True
        """Whether there is no thread but the one that runs, and was none when it made its last call."""
        self.woken: list[Guest] = []
        """Who was woken and has not tried yet."""
        self._born, self._waits = 1, 0

    # ------------------------------------------------------------ what a carrier does

    @property
    @abstractmethod
    def now_ns(self) -> int:
        """Nanoseconds since the net was made."""

    @abstractmethod
    def start(self, body: Callable[[], None], name: Callable[[], str]) -> Guest:
        """A new thread that will run `body`; it is runnable."""

    @abstractmethod
    def is_being_ended(self) -> bool:
        """Whether the thread that asks is what is left of a net that is over: it may not wait any more."""

    @abstractmethod
    def _go_on_elsewhere(self) -> None:
        """Let a runnable thread run, and time pass while there is none; returns when the caller's thread is chosen."""

    # ------------------------------------------------------------ what a thread does

    def wait(
        self, on: str, attempt: Attempt, until_ns: int | None = None, reason: str = "", judge: Judge | None = None
    ) -> bool:  # fmt: skip
        """The running thread waits until `attempt` holds or time is over; it was asked already, and did not hold.

        Whether it held. Raises, in the program's first thread, `Interrupted` if a signal came first (see `judge`), and
        `Deadlock` if nothing can ever come; in a thread that is being ended, SystemExit.
        """
        if self.is_being_ended():
            raise SystemExit
        me = self.running
        me.on, me.reason, me.attempt, me.until_ns, me.judge = on, reason, attempt, until_ns, judge
        self._stand_last(me)
        THREAD.fire(self.trail, E.WAITS, me, self.now_ns)
        self._go_on_elsewhere()
        if me.interrupted:
            raise Interrupted
        return not me.lapsed

    def _stand_last(self, guest: Guest) -> None:
        self._waits += 1
        guest.place = self._waits

    def step(self, look: Callable[[], Seen]) -> None:
        """A thread is about to make a call: who was woken by the one before tries first, and then another may be let
        before it.
        """
        self.observe(look)
        self.alone = len(self.guests) == 1
        if sum(guest.state is S.RUNNABLE for guest in self.guests):
            THREAD.fire(self.trail, E.YIELDS, self.running, self.now_ns)
            self._go_on_elsewhere()
        self.handle()

    def wake(self, guest: Guest) -> None:
        """Something that concerns a waiting thread has happened."""
        guest.wakes += 1
        if guest not in self.woken:
            self.woken.append(guest)

    def over(self, guest: Guest) -> None:
        """The running thread has ended."""
        THREAD.fire(self.trail, E.ENDS, guest, self.now_ns)
        self.forget(guest)

    def forget(self, guest: Guest) -> None:
        """There is no such thread any more."""
        self.guests.remove(guest)

    def waiting(self) -> dict[str, str]:
        """Who waits, by name, and on what."""
        self.settle()
        return {guest.name(): guest.on for guest in self.guests if guest.state is S.WAITING}

    def waited_for(self) -> dict[str, str]:
        """Who waits, by name, and for what; only where the arm can say."""
        self.settle()
        return {guest.name(): guest.reason for guest in self.guests if guest.state is S.WAITING and guest.reason}

    def woken_in_vain(self) -> dict[str, int]:
        """Who waits, by name, and how often that thread was woken meanwhile for what was not there."""
        self.settle()
        return {guest.name(): self._in_vain(guest) for guest in self.guests if guest.state is S.WAITING}

    def _in_vain(self, guest: Guest) -> int:
        return guest.wakes - guest.wakes_before

    # ------------------------------------------------------------ signals

    @abstractmethod
    def send_signal(self, guest: Guest, number: int) -> None:
        """Send a thread a signal that has a handler; `signal` is what comes of it."""

    def dispose(self, number: int, action: int | Handler) -> None:
        """A signal runs a handler from now on, or does what SIG_DFL or SIG_IGN say. It lets no call restart."""
        self.signals.dispose(number, action)

    def let_restart(self, number: int, restarts: bool) -> None:
        """A signal lets calls restart from now on, or not."""
        self.signals.let_restart(number, restarts)

    def set_alarm(self, after_ns: int, every_ns: int) -> None:
        """Send SIGALRM after a time, and then every so often; 0 for never."""
        self.signals.alarm = Alarm(self.now_ns + after_ns, every_ns) if after_ns else None

    def alarm_left(self) -> tuple[int, int]:
        """What is left until SIGALRM, and how often it then comes; 0 for never."""
        alarm = self.signals.alarm
        return (0, 0) if alarm is None else (alarm.at_ns - self.now_ns, alarm.every_ns)

    def signal(self, guest: Guest, number: int) -> None:
        """A thread is given a signal: its handler is to run, and if the thread waits, that may end its wait."""
        self.signals.tripped.add(number)
        self.disturb(guest, number)

    def disturb(self, guest: Guest, number: int) -> None:
        """A signal comes to a thread that may be waiting."""
        if guest.state is not S.WAITING:
            return
        again = guest is not self.guests[0]
        restarts = number in self.signals.restarting
        broken = guest.judge(restarts, again) if guest.judge is not None else as_most(restarts, again)
        if broken is Broken.EINTR:
            THREAD.fire(self.trail, E.INTERRUPTED, guest, self.now_ns)
        elif broken is Broken.OVER:
            THREAD.fire(self.trail, E.WOKEN, guest, self.now_ns)
        else:
            self._stand_last(guest)

    def signal_itself(self, number: int) -> None:
        """A call sends the thread that makes it a signal."""
        if number in self.signals.handlers:
            self.signal(self.running, number)
            self.handle()

    def handle(self) -> None:
        """Run the handlers of the signals that have come, if the program's first thread runs: no other ever does."""
        if self.signals.tripped and self.running is self.guests[0]:
            self.signals.handle()

    # ------------------------------------------------------------ what a scheduler does

    def settle(self) -> None:
        """Let everybody who was woken try; who has waited longest first, unless the policy says otherwise."""
        while self.woken:
            guest, *others = woken = sorted(self.woken, key=lambda each: each.place)
            if others:
                guest = woken[self.policy.choose(FIRST_TO_TRY, 0, len(others), 0, woken)]
            self.woken.remove(guest)
            if guest.state is S.WAITING and guest.attempt is not None and guest.attempt():
                THREAD.fire(self.trail, E.WOKEN, guest, self.now_ns)

    def lapse(self) -> None:
        """Waits whose time is over end. Nobody tries once more: what nobody was woken for is not noticed."""
        now_ns = self.now_ns
        for guest in self.guests:
            if guest.state is S.WAITING and guest.until_ns is not None and guest.until_ns <= now_ns:
                THREAD.fire(self.trail, E.LAPSES, guest, now_ns)

    def next_lapse_ns(self) -> int | None:
        """When the next wait runs out."""
        ends = [guest.until_ns for guest in self.guests if guest.state is S.WAITING and guest.until_ns is not None]
        return min(ends, default=None)

    def choose(self) -> Guest | None:
        """The thread that runs next, running now; None if nobody can run."""
        could = [guest for guest in self.guests if guest.state is S.RUNNABLE]
        if not could:
            return None
        chosen = could[0]
        if len(could) > 1:
            chosen = could[self.policy.choose(NEXT_THREAD, 0, len(could) - 1, None, could)]
        THREAD.fire(self.trail, E.CHOSEN, chosen, self.now_ns)
        self.trail.clear()
        self.running = chosen
        return chosen

    def new_guest(self, name: Callable[[], str]) -> Guest:
        self._born += 1
        guest = Guest(self._born, name)
        if self.alone:
            self.observed = len(self.events)
        self.guests.append(guest)
        self.alone = False
        return guest

    def observe(self, look: Callable[[], Seen]) -> None:
        """Let everybody who was woken finish; then the calls since the last look show what can be seen now.

        In between nobody could say which of several threads was how far.
        """
        self.settle()
        if self.observed is None:
            return
        seen: Seen | None = None
        for at in range(self.observed, len(self.events)):
            event = self.events[at]
            if isinstance(event, CallEvent):
                seen = look() if seen is None else seen
                self.events[at] = attrs.evolve(event, sockets=seen)
        self.observed = len(self.events)

    def deadlock(self, why: str = "no timer is pending that could end it") -> Deadlock:
        """The report of who waits on what, and why that will not end."""
        waiting = [guest for guest in self.guests if guest.state is S.WAITING]
        what = "; ".join(_told(guest) for guest in waiting)
        who = "the only thread waits" if len(waiting) == 1 else f"all {len(waiting)} threads wait"
        return Deadlock(f"at {_seconds(self.now_ns)} {who}, and {why}: {what}")

    def busy_loop(self, what: str, times: int) -> BusyLoop:
        """The report of a thread that does not let time pass."""
        others = [_told(guest) for guest in self.guests if guest.state is S.WAITING]
        meanwhile = f"; meanwhile {'; '.join(others)}" if others else ""
        return BusyLoop(
            f"at {_seconds(self.now_ns)} {self.running.name()} was told {times:,} times, last by {what}, that there is "
            f"nothing to do yet, and does not let time pass: wait with select, poll, a time-out or sleep{meanwhile}"
        )


def as_most(restarts: bool, again: bool) -> Broken:
    """The judgement of a call that no signal lets restart, and that is made again for what is left of its time."""
    return Broken.WAITS_ON if again else Broken.EINTR


def _told(guest: Guest) -> str:
    reason = f", for {guest.reason}" if guest.reason else ""
    return f"{guest.name()} in {guest.on}{reason}, since {_seconds(guest.since_ns)}"


def _seconds(ns: int) -> str:
    return f"{ns / 1e9:.6f}".rstrip("0").rstrip(".") + " s"
