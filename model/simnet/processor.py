"""One processor that serves threads in the order in which they can run, as SCHED_FIFO does (sched(7)).

Greenlets lets whoever was woken try at once, which is how threads behave whose waker looks on (waiting/scheduling.py).
Here nobody looks on. A thread runs until it waits. One that is woken stands in line, and only when it comes to its turn
does it look at what it waited for: five sockets may be ready by then, or none any more, and then it has come in vain
and sleeps on. So what is counted here is what a kernel counts with one processor and this policy:

- a *sleep*, each time a thread gives the processor up because it has to wait (voluntary_ctxt_switches, proc(5));
- a *wake-up*, when somebody who sleeps is put in line; of those who stand there already nobody takes note;
- a thread that is *displaced*: it gave way (sched_yield(2)), or somebody urgent was woken, and it could have run on
  (nonvoluntary_ctxt_switches).

Urgent threads have the higher of two priorities: they stand before all others, and as soon as one can run, it does.

Not here: time slices, several processors, more than two priorities, signals.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable

from ..choices import Policy
from ..trace import Event
from ..waiting.scheduling import THREAD, Attempt, Guest, Judge, Seen, ThreadEvent, ThreadState
from .greenlets import Clock, Greenlets


class Processor(Greenlets):
    """The guest threads of one simulated net on one processor. The counters are by thread."""

    def __init__(self, clock: Clock, policy: Policy, events: list[Event]) -> None:
        super().__init__(clock, policy, events)
        self.alone = False  # a step is taken before each call, even if there is nobody to be let before it
        self.sleeps: Counter[Guest] = Counter()
        self.wakeups: Counter[Guest] = Counter()
        self.displaced: Counter[Guest] = Counter()
        self._line: deque[Guest] = deque()
        self._urgent_line: deque[Guest] = deque()
        self._urgent: set[Guest] = set()

    def make_urgent(self) -> None:
        """The running thread goes before others from now on."""
        self._urgent.add(self.running)

    def give_way(self) -> None:
        """The running thread goes to the end of the line (sched_yield(2)); at once its turn again if nobody waits."""
        if self._urgent_line or self._line:
            self._displace(self._place(self.running).append)

    def step(self, look: Callable[[], Seen]) -> None:
        """A thread is about to make a call: only somebody urgent is let before it."""
        if self._urgent_line and self.running not in self._urgent:
            self._displace(self._line.appendleft)

    def settle(self) -> None:
        """Nobody tries before its turn."""

    def wait(
        self, on: str, attempt: Attempt, until_ns: int | None = None, reason: str = "", judge: Judge | None = None
    ) -> bool:  # fmt: skip
        self.sleeps[self.running] += 1
        return super().wait(on, attempt, until_ns, reason, judge)

    def wake(self, guest: Guest) -> None:
        line = self._place(guest)
        if guest.state is ThreadState.WAITING and guest not in line:
            guest.wakes += 1
            self._wake_into(line, guest)

    def lapse(self) -> None:
        super().lapse()
        for guest in self.guests:
            line = self._place(guest)
            if guest.state is ThreadState.RUNNABLE and guest.lapsed and guest not in line:
                self._wake_into(line, guest)

    def choose(self) -> Guest | None:
        while self._urgent_line or self._line:
            guest = (self._urgent_line or self._line).popleft()
            if guest.state is ThreadState.WAITING:
                if guest.attempt is None or not guest.attempt():
                    self.sleeps[guest] += 1  # it came in vain
                    continue
                THREAD.fire(self.trail, ThreadEvent.WOKEN, guest, self.now_ns)
            THREAD.fire(self.trail, ThreadEvent.CHOSEN, guest, self.now_ns)
            self.trail.clear()
            self.running = guest
            return guest
        return None

    def new_guest(self, name: Callable[[], str]) -> Guest:
        guest = super().new_guest(name)
        self._line.append(guest)
        return guest

    def _place(self, guest: Guest) -> deque[Guest]:
        return self._urgent_line if guest in self._urgent else self._line

    def _wake_into(self, line: deque[Guest], guest: Guest) -> None:
        self.wakeups[guest] += 1
        line.append(guest)

    def _displace(self, stand_in_line: Callable[[Guest], None]) -> None:
        me = self.running
        self.displaced[me] += 1
        THREAD.fire(self.trail, ThreadEvent.YIELDS, me, self.now_ns)
        stand_in_line(me)
        self._go_on_elsewhere()
