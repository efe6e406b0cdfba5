"""`threading`, `queue` and `signal` of one net: the standard library's own source over the scheduler's `_thread` and
`_signal`, and the net's clock.

Not here: `concurrent.futures`, `asyncio`, `multiprocessing`.
"""

from __future__ import annotations

from types import ModuleType

from ..stdlib import fresh
from ..waiting.scheduling import Scheduler
from .lowlevel import make_thread_module
from .signals import make_signal_module


def make_threading(scheduler: Scheduler, time: ModuleType) -> tuple[ModuleType, ModuleType]:
    """`threading` and `queue`."""
    below = {"_thread": make_thread_module(scheduler), "time": time, "os": ModuleType("os")}
    threading = fresh("threading", below)
    absent = {"_queue": ModuleType("_queue")}  # without the class in C, queue.py has one of its own
    return threading, fresh("queue", {**absent, "threading": threading, "time": time})


def make_signal(scheduler: Scheduler) -> ModuleType:
    """`signal`."""
    return fresh("signal", {"_signal": make_signal_module(scheduler)})


def join_all(threading: ModuleType) -> None:
    """Wait for all threads that the program would wait for before it ends: those that are no daemons."""
    for thread in threading.enumerate():
        if thread is not threading.main_thread() and not thread.daemon:
            thread.join()
