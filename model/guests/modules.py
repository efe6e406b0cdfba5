"""`threading`, `queue`, `signal` and `concurrent.futures` of one net: the standard library's own source over the
scheduler's `_thread`, `_queue` and `_signal`, and the net's clock.

A program may leave a pool of threads that nobody shuts down; Python then ends its idle threads when the program is
over, and so does `join_all`. What a pool would ask the machine or the memory for is fixed, so that the same seed gives
the same run: the machine has one processor, as a net has (so a pool that is not told otherwise has five threads), and
threads and futures are hashed by their number, so that a set of them is walked in an order that does not hang on
addresses.

Not here: pools of processes, which refuse; `asyncio`, `multiprocessing`.
"""

from __future__ import annotations

from itertools import count
from types import ModuleType
from typing import Any

from ..stdlib import fresh
from ..waiting.scheduling import Scheduler
from .lowlevel import make_thread_module
from .queues import make_queue_module
from .signals import make_signal_module

PROCESSORS = 1
"""How many processors a pool of threads is told that there are."""


def make_threading(scheduler: Scheduler, time: ModuleType) -> tuple[ModuleType, ModuleType]:
    """`threading` and `queue`."""
    below = {"_thread": make_thread_module(scheduler), "time": time, "os": ModuleType("os")}
    threading = fresh("threading", below)
    _number(threading.Thread)
    return threading, fresh("queue", {"_queue": make_queue_module(scheduler), "threading": threading, "time": time})


def make_signal(scheduler: Scheduler) -> ModuleType:
    """`signal`."""
    return fresh("signal", {"_signal": make_signal_module(scheduler)})


def make_concurrent(scheduler: Scheduler, threading: ModuleType, queue: ModuleType, time: ModuleType) -> ModuleType:
    """`concurrent`, with `futures` in it, over the `threading` and the `queue` of the same net."""
    os = ModuleType("os")
    os.__dict__.update(cpu_count=lambda: PROCESSORS, process_cpu_count=lambda: PROCESSORS)
    base = fresh("concurrent.futures._base", {"threading": threading, "time": time})
    _number(base.Future)
    setattr(base, "LOGGER", _Logger(scheduler, base.LOGGER))  # noqa: B010  # a module made for this net
    futures = fresh("concurrent.futures", {"concurrent.futures._base": base})
    above = {"concurrent.futures": futures, "concurrent.futures._base": base}
    futures.__dict__["_base"] = base
    thread = fresh("concurrent.futures.thread", {**above, "threading": threading, "queue": queue, "os": os})
    futures.__dict__.update(thread=thread, ThreadPoolExecutor=thread.ThreadPoolExecutor)
    for name in futures.__all__:
        futures.__dict__.setdefault(name, type(name, (_Refused,), {"__module__": futures.__name__}))
    concurrent = ModuleType("concurrent", "The package that has futures.")
    concurrent.__dict__["futures"] = futures
    return concurrent


def join_all(threading: ModuleType) -> None:
    """Wait for all threads that the program would wait for before it ends: those that are no daemons. Pools take no
    more work, finish what they have, and end their threads, as behind the last line of a program.
    """
    for end in reversed(threading._threading_atexits):
        end()
    for thread in threading.enumerate():
        if thread is not threading.main_thread() and not thread.daemon:
            thread.join()


class _Logger:
    """A logger that says nothing of what goes wrong because a thread is being ended with its net."""

    def __init__(self, scheduler: Scheduler, logger: Any) -> None:
        self._scheduler, self._logger = scheduler, logger

    def critical(self, *args: Any, **kwargs: Any) -> None:
        if not self._scheduler.is_being_ended():
            self._logger.critical(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._logger, name)


class _Refused:
    """An executor that is not there."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        raise NotImplementedError(
            f"no {type(self).__name__}: a net's sockets are known to one process only; use ThreadPoolExecutor"
        )


def _number(cls: Any) -> None:
    """Instances of the class are hashed by a number, which each is given when it is first asked for."""
    next_number = count().__next__

    def hashed(self: Any) -> int:
        number: int | None = self.__dict__.get("_hash_of_this_net")
        if number is None:
            self._hash_of_this_net = number = next_number()
        return number

    cls.__hash__ = hashed
