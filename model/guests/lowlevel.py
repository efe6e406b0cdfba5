"""`_thread`: the module that the standard library's `threading` stands on, made anew over a scheduler.

`threading.py` builds everything (conditions, events, semaphores, barriers, timers, `Thread` itself) from very little: a
lock that can be waited for, a way to start a thread, and each thread's number. So that is all there is here, and
whoever waits for a condition or a queue waits for an `Awaited` in the end. What a thread waits for is read off the
stack, for reports: the outermost call into those modules by a name without an underscore.

A lock that is released goes to who has waited longest, before the one that released it makes its next call.

Not here: the queue below `queue` (queues.py), signals (signals.py), stack sizes, what threads of a C library would
need.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from sys import _getframe
from types import FrameType, ModuleType
from typing import Any

from ..waiting.scheduling import Attempt, Broken, Guest, Interrupted, Scheduler, as_most

TIMEOUT_MAX = 9223372036.0
"""Longest time-out of a lock, in seconds (PY_TIMEOUT_MAX)."""
NS_PER_SECOND = 1_000_000_000
_OURS = ("threading", "queue", "concurrent.futures._base", "concurrent.futures.thread")


def _waited_for(call: str) -> str:
    """The outermost call into the modules that wait by locks, on the stack of the caller's caller; or `call` itself."""
    frame: FrameType | None = _getframe(3)
    while frame is not None and frame.f_code.co_name != "run":
        names, told = frame.f_globals, frame.f_code.co_qualname.partition(".<locals>")[0]
        if names.get("__name__") in _OURS:
            call = call if told.rpartition(".")[2].startswith("_") else told
        elif names.get("__package__") != __package__:
            break
        frame = frame.f_back
    return f"{call}()"


class Awaited:
    """A thing that threads wait for in line. `scheduler` is the net's.

    Whoever lets it go calls `_wake`. No wake-up is lost on one whose wait is over already, because its time is or a
    signal came, but who has not run since.
    """

    __slots__ = ("_line",)
    scheduler: Scheduler

    def __init__(self) -> None:
        self._line: list[tuple[Guest, Attempt]] = []

    def _is_there(self) -> bool:
        """Whether it can be taken now."""
        raise NotImplementedError

    def _wait(self, call: str, take: Callable[[], None], until_ns: int | None) -> bool:
        """The running thread waits in `call` until it is there, and `take` takes it; whether that was in time."""
        scheduler = self.scheduler
        if scheduler.is_being_ended():
            raise SystemExit
        judge = _unlimited if until_ns is None else as_most

        def attempt() -> bool:
            if not self._is_there():
                return False
            take()
            self._line.remove(mine)
            self._wake()
            return True

        mine = scheduler.running, attempt
        self._line.append(mine)
        try:
            while True:
                try:
                    return scheduler.wait(_waited_for(call), attempt, until_ns, judge=judge)
                except Interrupted:
                    scheduler.handle()
                if attempt():
                    return True
                if until_ns is not None and scheduler.now_ns > until_ns:
                    return False
        finally:
            if mine in self._line:
                self._line.remove(mine)
                self._wake()
            scheduler.handle()

    def _wake(self) -> None:
        """If it is there, who has waited longest is to try."""
        if not self._is_there():
            return
        for guest, attempt in self._line:
            if guest.attempt is attempt:
                self.scheduler.wake(guest)
                return


class Lock(Awaited):
    """A lock: held by nobody or by somebody, and those who wait for it."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        super().__init__()
        self._held = False

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take the lock, waiting for it if need be, for `timeout` seconds at most; whether it was taken."""
        ends_ns = until_ns(self.scheduler, blocking, timeout)
        if not self._held:
            self._take()
            return True
        if not blocking or timeout == 0:
            return False
        return self._wait("lock.acquire", self._take, ends_ns)

    def release(self) -> None:
        """Let it go; who has waited longest is woken. RuntimeError if nobody holds it."""
        if not self._held:
            raise RuntimeError("release unlocked lock")
        self._held = False
        self._wake()

    def locked(self) -> bool:
        """Whether somebody holds it."""
        return self._held

    def _is_there(self) -> bool:
        return not self._held

    def _take(self) -> None:
        self._held = True

    def _at_fork_reinit(self) -> None:
        self._held = False
        self._line.clear()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *exception: object) -> None:
        self.release()

    def __repr__(self) -> str:
        return f"<{'locked' if self._held else 'unlocked'} _thread.lock object>"


def _unlimited(restarts: bool, again: bool) -> Broken:
    """A signal and a wait without an end: the kernel restarts it where it may (futex(2))."""
    return Broken.WAITS_ON if restarts else as_most(restarts, again)


def until_ns(scheduler: Scheduler, blocking: bool, timeout: float) -> int | None:
    """When a wait of `timeout` seconds that begins now is over; None if never. Raises as `lock.acquire` does."""
    if not blocking and timeout != -1:
        raise ValueError("can't specify a timeout for a non-blocking call")
    if timeout < 0 and timeout != -1:
        raise ValueError("timeout value must be a non-negative number")
    if timeout > TIMEOUT_MAX:
        raise OverflowError("timeout value is too large")
    return None if timeout == -1 else scheduler.now_ns + ceil(timeout * NS_PER_SECOND)  # never before its time


class Handle:
    """What `threading` joins a thread by (3.13)."""

    scheduler: Scheduler

    def __init__(self, ident: int = 0) -> None:
        self.ident = ident
        self._done = type("lock", (Lock,), {"__slots__": (), "scheduler": self.scheduler})()
        self._done.acquire()

    def is_done(self) -> bool:
        """Whether the thread has ended."""
        return not self._done.locked()

    def _set_done(self) -> None:
        if self._done.locked():
            self._done.release()

    def join(self, timeout: float | None = None) -> None:
        """Wait until it has ended, for `timeout` seconds at most."""
        if self._done.acquire(True, -1 if timeout is None else max(timeout, 0)):
            self._done.release()


class Local:
    """An object whose attributes each thread has for itself."""

    scheduler: Scheduler

    def __new__(cls, *args: Any, **kwargs: Any) -> Local:
        self = object.__new__(cls)
        object.__setattr__(self, "_made", (args, kwargs))
        object.__setattr__(self, "_spaces", {cls.scheduler.running.ident: {}})
        return self

    def _space(self) -> dict[str, Any]:
        spaces: dict[int, dict[str, Any]] = object.__getattribute__(self, "_spaces")
        ident = type(self).scheduler.running.ident
        if ident not in spaces:
            spaces[ident] = {}
            args, kwargs = object.__getattribute__(self, "_made")
            type(self).__init__(self, *args, **kwargs)
        return spaces[ident]

    def __getattribute__(self, name: str) -> Any:
        space = object.__getattribute__(self, "_space")()
        if name == "__dict__":
            return space
        return space[name] if name in space else object.__getattribute__(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._space()[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del self._space()[name]
        except KeyError:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}") from None


def make_thread_module(scheduler: Scheduler) -> ModuleType:
    """A module object that looks like `_thread`."""

    def own(cls: type, name: str) -> Any:
        slots = {"__slots__": ()} if cls is Lock else {}
        return type(name, (cls,), {**slots, "__module__": "_thread", "__doc__": cls.__doc__, "scheduler": scheduler})

    lock_type, handle_type, local_type = own(Lock, "lock"), own(Handle, "_ThreadHandle"), own(Local, "_local")
    sentinels: dict[Guest, Any] = {}

    def get_ident() -> int:
        """The number of the thread that runs."""
        return scheduler.running.ident

    def allocate_lock() -> Any:
        """A new lock."""
        return lock_type()

    def start_new_thread(function: Callable[..., Any], args: tuple[Any, ...], kwargs: Any = None, /) -> int:
        """Run a function in a thread of its own; the thread's number."""
        return _start(lambda: function(*args, **(kwargs or {})), function).ident

    def start_joinable_thread(function: Callable[[], Any], handle: Any = None, daemon: bool = True) -> Any:
        """Run a function in a thread that can be joined by its handle (3.13)."""
        handle = handle if handle is not None else handle_type()
        guest = _start(function, function, handle._set_done)
        handle.ident = guest.ident
        return handle

    def _start(body: Callable[[], Any], function: Any, then: Callable[[], None] = lambda: None) -> Guest:
        owner = getattr(function, "__self__", None)
        label = getattr(function, "__qualname__", "function")

        def run() -> None:
            try:
                body()
            except SystemExit:
                pass
            finally:
                then()
                sentinel = sentinels.pop(scheduler.running, None)
                if sentinel is not None and sentinel.locked():
                    sentinel.release()

        return scheduler.start(run, lambda: str(getattr(owner, "name", label)))

    def _set_sentinel() -> Any:
        """A lock that is released when the thread that runs ends (until 3.12)."""
        sentinels[scheduler.running] = lock = lock_type()
        return lock

    def _make_thread_handle(ident: int) -> Any:
        return handle_type(ident)

    def stack_size(size: int = 0, /) -> int:
        """0: the default."""
        return 0

    def yes() -> bool:
        return True

    module = ModuleType("_thread", "The stand-in for the module below the standard library's threading.")
    functions = (
        get_ident, allocate_lock, start_new_thread, start_joinable_thread, _set_sentinel, _make_thread_handle,
        stack_size,
    )  # fmt: skip
    module.__dict__.update(
        {function.__name__: function for function in functions},
        error=RuntimeError, LockType=lock_type, lock=lock_type, _local=local_type, _ThreadHandle=handle_type,
        TIMEOUT_MAX=TIMEOUT_MAX, get_native_id=get_ident, daemon_threads_allowed=yes, _is_main_interpreter=yes,
        _get_main_thread_ident=lambda: scheduler.guests[0].ident, _shutdown=lambda: None,
        allocate=allocate_lock, start_new=start_new_thread,
    )  # fmt: skip
    return module
