"""What a process does with signals: the handlers, which of them are to run, and the alarm.

A handler of Python's is not run by the kernel. What the kernel runs is a function in C that notes the number
(`tripped`) and returns; so the system call that the thread was in ends, with EINTR or with what it has, or is restarted
by the kernel if `restarting` says so (SA_RESTART; Python's default is not). The handler itself runs when the program's
first thread comes to it, in the order of numbers, once for however often the signal came.

Not here: which waits a signal ends (scheduling.py, simnet/kernel.py); masks; signals that come from other processes.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FrameType

import attrs

SIGPIPE, SIGALRM = 13, 14
Handler = Callable[[int, FrameType | None], object]


@attrs.define(eq=False)
class Alarm:
    """A timer that sends SIGALRM: when next, and how long after that again (0: never). Nanoseconds."""

    at_ns: int
    every_ns: int


@attrs.define(eq=False)
class Signals:
    """The signals of one process."""

    handlers: dict[int, Handler] = attrs.Factory(dict)
    restarting: set[int] = attrs.Factory(set)
    """Those whose handlers let the kernel restart the call that was interrupted (SA_RESTART)."""
    tripped: set[int] = attrs.Factory(set)
    """Those that have come and whose handlers have not run yet."""
    alarm: Alarm | None = None

    def dispose(self, number: int, action: int | Handler) -> None:
        """A signal runs a handler from now on, or does what a number says (SIG_DFL, SIG_IGN)."""
        self.restarting.discard(number)
        if isinstance(action, int):
            self.handlers.pop(number, None)
        else:
            self.handlers[number] = action

    def let_restart(self, number: int, restarts: bool) -> None:
        """A signal lets calls restart from now on, or not."""
        if restarts:
            self.restarting.add(number)
        else:
            self.restarting.discard(number)

    def next_alarm_ns(self) -> int | None:
        """When the alarm goes off next; None if it does not, or is ignored."""
        return self.alarm.at_ns if self.alarm is not None and SIGALRM in self.handlers else None

    def alarm_is_due(self, now_ns: int) -> bool:
        """Whether the alarm goes off, which it does only once each time."""
        alarm = self.alarm
        if alarm is None or alarm.at_ns > now_ns:
            return False
        self.alarm = Alarm(alarm.at_ns + alarm.every_ns, alarm.every_ns) if alarm.every_ns else None
        return SIGALRM in self.handlers

    def handle(self) -> None:
        """Run what is to run. An exception of a handler leaves the others for the next time."""
        while self.tripped:
            number = min(self.tripped)
            self.tripped.remove(number)
            handler = self.handlers.get(number)
            if handler is not None:
                handler(number, None)
