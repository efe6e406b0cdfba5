"""`_signal`: the module that the standard library's `signal` stands on, made anew over a scheduler.

A signal is sent to a thread of this program by number (`raise_signal`, `pthread_kill`), by the alarm (`setitimer`,
`alarm`), or by a call (SIGPIPE); what it does to a thread that waits, and when its handler runs, is the scheduler's
(waiting/scheduling.py). A signal that would end or stop the process is refused when it is to be sent.

Not here: masks and waiting for signals (`pthread_sigmask`, `sigwait`, `pause`: absent), `set_wakeup_fd`, timers of
processor time, other processes.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from operator import index
from types import FrameType, ModuleType
from typing import Any, NoReturn

from ..waiting.scheduling import Guest, Scheduler
from ..waiting.signals import Handler

_NAMES = """
    HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU
    XFSZ VTALRM PROF WINCH IO PWR SYS
"""
NUMBERS = {f"SIG{name}": number for number, name in enumerate(_NAMES.split(), 1)}
"""The signals of Linux by name (signal(7)); those of real time are not there."""
SIG_DFL, SIG_IGN = 0, 1
SIGINT, SIGKILL, SIGPIPE, SIGALRM, SIGSTOP, SIGXFSZ = 2, 9, 13, 14, 19, 25
NSIG = 65
NS_PER_SECOND = 1_000_000_000
_NO_ACTION = {NUMBERS[name] for name in ("SIGCHLD", "SIGCONT", "SIGURG", "SIGWINCH")}
"""Signals that do nothing to a process that runs, unless there is a handler."""
_NAMED = {number: name for name, number in NUMBERS.items()}
_EINVAL, _ESRCH = 22, 3


def default_int_handler(number: int, frame: FrameType | None, /) -> NoReturn:
    """Raise KeyboardInterrupt."""
    raise KeyboardInterrupt


class Signalling:
    """The functions of `_signal` for the process whose threads a scheduler moves."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._actions: dict[int, int | Handler] = {SIGPIPE: SIG_IGN, SIGXFSZ: SIG_IGN}
        self._actions[SIGINT] = scheduler.signals.handlers[SIGINT] = default_int_handler

    def signal(self, signalnum: Any, handler: Any, /) -> Any:
        """What a signal does from now on: SIG_DFL, SIG_IGN or a function of two arguments; what it did comes back."""
        number = index(signalnum)
        if self._scheduler.running is not self._scheduler.guests[0]:
            raise ValueError("signal only works in main thread of the main interpreter")
        if not 1 <= number < NSIG:
            raise ValueError("signal number out of range")
        if handler not in (SIG_DFL, SIG_IGN) and not callable(handler):
            raise TypeError("signal handler must be signal.SIG_IGN, signal.SIG_DFL, or a callable object")
        if number in (SIGKILL, SIGSTOP):
            raise OSError(_EINVAL, "Invalid argument")
        self._scheduler.handle()
        before = self.getsignal(number)
        self._actions[number] = action = handler if callable(handler) else int(handler)
        self._scheduler.dispose(number, action)
        return before

    def getsignal(self, signalnum: Any, /) -> Any:
        """What a signal does now: SIG_DFL, SIG_IGN or a function."""
        return self._actions.get(_in_range(signalnum), SIG_DFL)

    def siginterrupt(self, signalnum: Any, flag: Any, /) -> None:
        """Whether a signal ends the system call that it comes in with EINTR (true), or the kernel restarts the call."""
        self._scheduler.let_restart(_in_range(signalnum), not flag)

    def raise_signal(self, signalnum: Any, /) -> None:
        """Send the thread that runs a signal."""
        number = index(signalnum)
        if not 1 <= number < NSIG:
            raise OSError(_EINVAL, "Invalid argument")
        self._send(self._scheduler.running, number)

    def pthread_kill(self, thread_id: Any, signalnum: Any, /) -> None:
        """Send a thread a signal; number 0 only asks whether there is such a thread. ProcessLookupError if not."""
        ident, number = index(thread_id), index(signalnum)
        guest = next((guest for guest in self._scheduler.guests if guest.ident == ident), None)
        if guest is None:
            raise ProcessLookupError(_ESRCH, "No such process")
        if not 0 <= number < NSIG:
            raise OSError(_EINVAL, "Invalid argument")
        if number:
            self._send(guest, number)

    def _send(self, guest: Guest, number: int) -> None:
        action = self.getsignal(number)
        if action == SIG_DFL and number not in _NO_ACTION:
            name = _NAMED.get(number, number)
            raise RuntimeError(f"signal {name} would end or stop the process: give it a handler first, or SIG_IGN")
        if number in self._scheduler.signals.handlers:
            self._scheduler.settle()
            self._scheduler.send_signal(guest, number)
            self._scheduler.handle()

    def setitimer(self, which: int, seconds: float, interval: float = 0.0, /) -> tuple[float, float]:
        """Send SIGALRM after `seconds`, then every `interval` seconds (0: once; `seconds` 0: not at all).

        What was left of the timer, and its interval, come back. Only ITIMER_REAL: no processor time passes here.
        """
        before = self.getitimer(which)
        after_ns, every_ns = (ceil(each * NS_PER_SECOND) for each in (seconds, interval))
        if after_ns < 0 or every_ns < 0:
            raise OSError(_EINVAL, "Invalid argument")
        if after_ns and self.getsignal(SIGALRM) == SIG_DFL:
            raise RuntimeError("signal SIGALRM would end or stop the process: give it a handler first, or SIG_IGN")
        self._scheduler.set_alarm(after_ns, every_ns)
        return before

    def getitimer(self, which: int, /) -> tuple[float, float]:
        """What is left of the timer, and its interval, in seconds."""
        if which != 0:
            raise OSError(_EINVAL, "Invalid argument")
        left_ns, every_ns = self._scheduler.alarm_left()
        return left_ns / NS_PER_SECOND, every_ns / NS_PER_SECOND

    def alarm(self, seconds: int, /) -> int:
        """Send SIGALRM after whole seconds (0: not at all); what was left of the timer comes back, rounded up."""
        return ceil(self.setitimer(0, index(seconds))[0])


def _in_range(signalnum: Any) -> int:
    number = index(signalnum)
    if not 1 <= number < NSIG:
        raise ValueError("signal number out of range")
    return number


def make_signal_module(scheduler: Scheduler) -> ModuleType:
    """A module object that looks like `_signal`."""
    module = ModuleType("_signal", "The stand-in for the module below the standard library's signal.")
    signalling = Signalling(scheduler)
    functions: tuple[Callable[..., Any], ...] = (
        signalling.signal, signalling.getsignal, signalling.siginterrupt, signalling.raise_signal,
        signalling.pthread_kill, signalling.setitimer, signalling.getitimer, signalling.alarm,
    )  # fmt: skip
    module.__dict__.update(
        NUMBERS, SIG_DFL=SIG_DFL, SIG_IGN=SIG_IGN, NSIG=NSIG, ITIMER_REAL=0, ItimerError=OSError,
        default_int_handler=default_int_handler, **{function.__name__: function for function in functions},
    )  # fmt: skip
    return module
