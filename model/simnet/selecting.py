"""`select`: the functions select() and poll() of the simulated host, and the class epoll (epolling.py). `selectors`
runs over them and picks EpollSelector, as it does on Linux.

Both ask the host with a zero timeout and let virtual time pass in between (kernel.py); however long that takes, the
trace shows one call, the last. poll(2) waits in whole milliseconds and select(2) in whole microseconds, both rounded
up, so that a program never wakes before its time.

Not here: which flags a socket shows (model/waiting/).
"""

from __future__ import annotations

import functools
import operator
from types import ModuleType
from typing import Any, ClassVar

from ..values.constants import FD_SETSIZE, POLL_ALWAYS, POLLIN, POLLOUT, POLLPRI
from .arguments import FOREVER, INT_MAX, NS_PER_MS, NS_PER_SECOND, duration_ns, file_descriptor, whole_ms
from .constants import SELECT
from .epolling import Epoll
from .errors import os_error
from .kernel import Kernel

_ENOENT = 2
_USHORT_MAX, _ULONG_MAX = 2**16 - 1, 2**64 - 1


class Poll:
    """A polling object: descriptors and the events asked for, in the order of registration."""

    __slots__ = ("_asked", "_kernel", "_polling", "_registered")
    home: ClassVar[Kernel]

    def __init__(self) -> None:
        self._kernel = self.home
        self._registered: dict[int, int] = {}
        self._asked: list[tuple[int, int]] | None = None
        self._polling = False

    def register(self, fd: Any, eventmask: int = POLLIN | POLLPRI | POLLOUT, /) -> None:
        """Ask for `eventmask` of a descriptor from now on, new or known."""
        number = file_descriptor(fd)
        self._registered[number] = _events(eventmask)
        self._asked = None

    def modify(self, fd: Any, eventmask: int, /) -> None:
        """Ask for other events of a descriptor that is registered; OSError ENOENT for any other."""
        number, events = file_descriptor(fd), _events(eventmask)
        if number not in self._registered:
            raise os_error(_ENOENT)
        self._registered[number] = events
        self._asked = None

    def unregister(self, fd: Any, /) -> None:
        """Ask no more; KeyError for a descriptor that is not registered."""
        del self._registered[file_descriptor(fd)]
        self._asked = None

    def poll(self, timeout: Any = None, /) -> list[tuple[int, int]]:
        """The descriptors that are ready, with events; waits `timeout` ms of virtual time, for ever if None or < 0.

        RuntimeError while another thread waits in it.
        """
        wait_ns = 0 if timeout.__class__ is int and not timeout else _poll_timeout_ns(timeout)
        asked = self._asked
        if asked is None:
            asked = self._asked = list(self._registered.items())
        events = functools.reduce(operator.or_, self._registered.values(), POLL_ALWAYS)
        kernel = self._kernel
        if not kernel.guests.alone:
            kernel.step()
        if self._polling:
            raise RuntimeError("concurrent poll() invocation")
        self._polling = True
        try:
            ready: list[tuple[int, int]] = kernel.until_ready(
                "poll", (asked,), wait_ns, self._registered, events, stepped=True
            )
        finally:
            self._polling = False
        return ready


def _poll_timeout_ns(timeout: Any) -> int:
    if timeout is None:
        return FOREVER
    try:
        ns = duration_ns(timeout, NS_PER_MS)
    except TypeError:
        raise TypeError("timeout must be an integer or None") from None
    if ns < 0:
        return FOREVER
    if ns > INT_MAX * NS_PER_MS:
        raise OverflowError("timeout is too large")
    return whole_ms(ns)


def _events(eventmask: Any) -> int:
    if not isinstance(eventmask, int):
        raise TypeError("an integer is required")
    if eventmask < 0:
        raise ValueError("value must be positive")
    if eventmask > _ULONG_MAX:
        raise OverflowError("Python int too large to convert to C unsigned long")
    if eventmask > _USHORT_MAX:
        raise OverflowError("Python int too large for C unsigned short")
    return int(eventmask)


def _descriptors(objects: Any) -> tuple[list[Any], list[int]]:
    try:
        items = list(objects)
    except TypeError:
        raise TypeError("arguments 1-3 must be sequences") from None
    fds = []
    for item in items:
        fd = file_descriptor(item)
        if fd >= FD_SETSIZE:
            raise ValueError("filedescriptor out of range in select()")
        fds.append(fd)
    return items, fds


def _select_timeout_ns(timeout: Any) -> int:
    if timeout is None:
        return FOREVER
    try:
        ns = duration_ns(timeout, NS_PER_SECOND)
    except TypeError:
        raise TypeError("timeout must be a float or None") from None
    if ns < 0:
        raise ValueError("timeout must be non-negative")
    return -(-ns // 1000) * 1000


def make_select(kernel: Kernel) -> ModuleType:
    """A module object that looks like `select`."""

    def select(rlist: Any, wlist: Any, xlist: Any, timeout: Any = None, /) -> tuple[list[Any], list[Any], list[Any]]:
        """The objects that are readable, writable, exceptional; waits `timeout` s of virtual time, for ever if None."""
        wait_ns = _select_timeout_ns(timeout)
        (readers, r), (writers, w), (others, x) = _descriptors(rlist), _descriptors(wlist), _descriptors(xlist)
        ready = kernel.until_ready("select", (r, w, x), wait_ns, (*r, *w, *x), 0)
        return (
            [item for item, fd in zip(readers, r, strict=True) if fd in ready[0]],
            [item for item, fd in zip(writers, w, strict=True) if fd in ready[1]],
            [item for item, fd in zip(others, x, strict=True) if fd in ready[2]],
        )

    module = ModuleType("select", "The simulated stand-in for the standard library's module.")
    select.__module__ = select.__qualname__ = "select"
    poll = type("poll", (Poll,), {"__slots__": (), "__module__": "select", "__doc__": Poll.__doc__, "home": kernel})
    epoll = type("epoll", (Epoll,), {"__slots__": (), "__module__": "select", "__doc__": Epoll.__doc__, "home": kernel})
    module.__dict__.update({**SELECT, "error": OSError, "select": select, "poll": poll, "epoll": epoll})
    return module
