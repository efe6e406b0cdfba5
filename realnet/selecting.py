"""`select` on the running kernel, recording: select() and poll().

Both are the real ones; the trace shows what was asked and what was ready, with names in place of descriptors. epoll
is left out, here as on the model, so that `selectors.DefaultSelector` is the same class on both arms (PollSelector).

`select` is handed out as a bound method: `selectors.py` stores it in a class, and a plain function would be bound to
its instances there.

Not here: waiting. The real functions wait by themselves.
"""

from __future__ import annotations

import select as real
from types import ModuleType
from typing import Any, ClassVar

from .recorder import Recorder

_LEFT_OUT = ("epoll", "EPOLL")


class RecordingPoll:
    """A polling object: the real one, and what was registered, in order."""

    __slots__ = ("_poll", "_registered")
    home: ClassVar[Recorder]

    def __init__(self) -> None:
        self._poll = real.poll()
        self._registered: dict[int, int] = {}

    def register(self, fd: Any, eventmask: int = real.POLLIN | real.POLLPRI | real.POLLOUT, /) -> None:
        """Ask for `eventmask` of a descriptor from now on, new or known."""
        self._poll.register(fd, eventmask)
        self._registered[descriptor(fd)] = int(eventmask)

    def modify(self, fd: Any, eventmask: int, /) -> None:
        """Ask for other events of a descriptor that is registered; OSError ENOENT for any other."""
        self._poll.modify(fd, eventmask)
        self._registered[descriptor(fd)] = int(eventmask)

    def unregister(self, fd: Any, /) -> None:
        """Ask no more; KeyError for a descriptor that is not registered."""
        self._poll.unregister(fd)
        del self._registered[descriptor(fd)]

    def poll(self, timeout: float | None = None, /) -> Any:
        """The descriptors that are ready, with their events; waits for `timeout` milliseconds, for ever if None or
        negative.
        """
        return self.home.ask("poll", None, self._asked, self._poll.poll, timeout, shown=self._named)

    def _asked(self, _timeout: Any) -> tuple[list[tuple[str, int]]]:
        return (self._named(self._registered.items()),)

    def _named(self, pairs: Any) -> list[tuple[str, int]]:
        return [(self.home.name(fd), events) for fd, events in pairs]


class Select:
    """select() of one net."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def select(self, rlist: Any, wlist: Any, xlist: Any, timeout: float | None = None, /) -> Any:
        """The objects that are readable, writable, exceptional; waits for `timeout` seconds, for ever if None."""
        lists = [_as_list(given) for given in (rlist, wlist, xlist)]
        return self._recorder.ask("select", None, self._asked, real.select, *lists, timeout, shown=self._named)

    def _asked(self, rlist: Any, wlist: Any, xlist: Any, _timeout: Any) -> tuple[list[str], ...]:
        return self._named((rlist, wlist, xlist))

    def _named(self, lists: Any) -> tuple[list[str], ...]:
        return tuple([self._recorder.name(descriptor(item)) for item in items] for items in lists)


def descriptor(item: Any) -> int:
    """The descriptor of an int or of an object with fileno(); -1 for anything else, of which the real function will
    complain.
    """
    fd = item if isinstance(item, int) else getattr(item, "fileno", lambda: -1)()
    return fd if isinstance(fd, int) else -1


def _as_list(given: Any) -> Any:
    try:
        return list(given)
    except TypeError:  # the real select() says so in its own words
        return given


def make_select(recorder: Recorder) -> ModuleType:
    """A module object that looks like `select`, without epoll."""
    module = ModuleType("select", real.__doc__)
    names = [name for name in vars(real) if not name.startswith(("__", *_LEFT_OUT))]
    module.__dict__.update({name: getattr(real, name) for name in names})
    module.__dict__["select"] = Select(recorder).select
    module.__dict__["poll"] = type(
        "poll",
        (RecordingPoll,),
        {"__slots__": (), "__module__": "select", "__doc__": RecordingPoll.__doc__, "home": recorder},
    )
    return module
