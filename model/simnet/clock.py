"""`time` in virtual time: the clock stands still while the program computes and jumps when it sleeps or waits.

An hour of `sleep` costs nothing, and the same program reads the same times on every run. Monotonic time starts at
zero when the net is made; the wall clock then reads midnight of 1 January 2000 UTC, so that a program that prints
dates prints plausible ones.

Who reads the clock again and again, and makes no call in between, waits for time to pass (`Kernel.note_reading`).

Not here: calendars (strftime, localtime, …), processor time, setting the clock.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from .arguments import NS_PER_SECOND, duration_ns
from .kernel import Kernel

EPOCH_NS = 946_684_800 * NS_PER_SECOND
"""What the wall clock reads when the net is made, in nanoseconds since 1970: 2000-01-01T00:00:00Z."""


def make_time(kernel: Kernel) -> ModuleType:
    """A module object that looks like `time`."""
    clock = kernel.clock

    def sleep(seconds: Any, /) -> None:
        """Let virtual time pass; timers that are due in it fire."""
        ns = duration_ns(seconds, NS_PER_SECOND)
        if ns < 0:
            raise ValueError("sleep length must be non-negative")
        kernel.sweep()
        kernel.sleep(ns)

    def monotonic_ns() -> int:
        """Virtual nanoseconds since the net was made."""
        kernel.note_reading()
        return clock.now_ns

    def monotonic() -> float:
        """Virtual seconds since the net was made."""
        return monotonic_ns() / NS_PER_SECOND

    def time_ns() -> int:
        """Virtual wall-clock time, in nanoseconds since 1970."""
        return EPOCH_NS + monotonic_ns()

    def time() -> float:
        """Virtual wall-clock time, in seconds since 1970."""
        return time_ns() / NS_PER_SECOND

    def perf_counter_ns() -> int:
        """The same clock as monotonic_ns()."""
        return monotonic_ns()

    def perf_counter() -> float:
        """The same clock as monotonic()."""
        return monotonic()

    module = ModuleType("time", "Virtual time: the simulated stand-in for the standard library's module.")
    for function in (sleep, monotonic_ns, monotonic, time_ns, time, perf_counter_ns, perf_counter):
        function.__module__, function.__qualname__ = "time", function.__name__
        setattr(module, function.__name__, function)
    return module
