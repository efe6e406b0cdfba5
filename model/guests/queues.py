"""`_queue`: the queue below the standard library's `queue`, made anew over a scheduler.

`put` may strike in the middle of anything: a pool whose last reference goes is woken by one, out of a callback of a
weak reference. So it holds no lock and calls nothing that might wait.

An item goes to who has waited longest, before the one that put it makes its next call.
"""

from __future__ import annotations

from collections import deque
from types import GenericAlias, ModuleType
from typing import Any

from ..waiting.scheduling import Scheduler
from .lowlevel import Awaited, until_ns


class Empty(Exception):
    """There is nothing in the queue."""


class SimpleQueue(Awaited):
    """Items in the order in which they were put, as many as are put."""

    __class_getitem__: Any = classmethod(GenericAlias)

    def __init__(self) -> None:
        super().__init__()
        self._items: deque[Any] = deque()

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Put an item into the queue; this never waits."""
        self._items.append(item)
        self._wake()

    def put_nowait(self, item: Any) -> None:
        """The same."""
        self.put(item)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Take an item out of the queue, waiting for one if need be, for `timeout` seconds at most; else Empty."""
        if block and timeout is not None and timeout < 0:
            raise ValueError("'timeout' must be a non-negative number")
        if self.scheduler.is_being_ended():
            raise SystemExit
        ends_ns = until_ns(self.scheduler, True, -1 if not block or timeout is None else timeout)
        found: list[Any] = []

        def take() -> None:
            found.append(self._items.popleft())

        if self._items:
            take()
        elif block and timeout != 0:
            self._wait("SimpleQueue.get", take, ends_ns)
        if not found:
            raise Empty
        return found[0]

    def _is_there(self) -> bool:
        return bool(self._items)

    def get_nowait(self) -> Any:
        """An item that is there already, or Empty."""
        return self.get(False)

    def empty(self) -> bool:
        """Whether there is nothing in the queue."""
        return not self._items

    def qsize(self) -> int:
        """How many items there are."""
        return len(self._items)


def make_queue_module(scheduler: Scheduler) -> ModuleType:
    """A module object that looks like `_queue`."""
    module = ModuleType("_queue", "The stand-in for the module below the standard library's queue.")
    of_this_net = {"__module__": "_queue", "__doc__": SimpleQueue.__doc__, "scheduler": scheduler}
    module.__dict__.update(Empty=Empty, SimpleQueue=type("SimpleQueue", (SimpleQueue,), of_this_net))
    return module
