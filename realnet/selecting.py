"""`select` on the running kernel, recording: select(), poll() and epoll.

All are the real ones; the trace shows what was asked and what was ready, with names in place of descriptors.

`select` is handed out as a bound method: `selectors.py` stores it in a class, and a plain function would be bound to
its instances there.

Not here: waiting. The real functions wait by themselves.
"""

from __future__ import annotations

import select as real
from types import ModuleType
from typing import Any, ClassVar

from model.values.constants import FD_SETSIZE
from model.values.results import Done, Fail

from .recorder import Recorder, no_arguments


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


class RecordingEpoll:
    """An epoll object: the real one, and a name."""

    __slots__ = ("__weakref__", "_epoll", "_fd")
    home: ClassVar[Recorder]

    def __init__(self, sizehint: int = -1, flags: int = 0) -> None:
        self._fd = -1
        self.home.step()
        try:
            self._epoll = real.epoll(sizehint, flags)
        except OSError as error:
            if error.errno:
                self.home.add("epoll_create1", None, (real.EPOLL_CLOEXEC,), Fail(error.errno))
            raise
        self._fd = self._epoll.fileno()
        self.home.own_epoll(self._fd, self)
        self.home.add("epoll_create1", self._name(), (real.EPOLL_CLOEXEC,), Done(self._name()))

    @classmethod
    def fromfd(cls, fd: int, /) -> RecordingEpoll:
        """An epoll object for a descriptor that is there, whatever is behind it; a new epoll for -1."""
        if fd == -1:
            return cls()
        made = object.__new__(cls)
        made._epoll, made._fd = real.epoll.fromfd(fd), fd
        cls.home.adopt_epoll(fd, made)
        return made

    def __enter__(self) -> RecordingEpoll:
        self._epoll.__enter__()
        return self

    def __exit__(self, kind: Any = None, value: Any = None, traceback: Any = None, /) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_fd", -1) >= 0:
            self.home.part_with_epoll(self._fd, self)

    @property
    def closed(self) -> bool:
        """True if the epoll handler is closed."""
        return bool(self._epoll.closed)

    def close(self) -> None:
        """Close the descriptor; not an error for one that is closed already."""
        if not self._epoll.closed:
            self.home.ask("close", self._name(), no_arguments, self._close)

    def _close(self) -> None:
        fd, self._fd = self._fd, -1
        self.home.part_with_epoll(fd, self)
        self.home.part(fd)  # fromfd() takes a socket's descriptor too
        self._epoll.close()

    def fileno(self) -> int:
        """The descriptor."""
        return self._epoll.fileno()

    def register(self, fd: Any, eventmask: int = real.EPOLLIN | real.EPOLLOUT | real.EPOLLPRI) -> None:
        """Watch a descriptor."""
        self._control(1, self._epoll.register, fd, eventmask)

    def modify(self, fd: Any, eventmask: int) -> None:
        """Watch for other events; OSError ENOENT for a descriptor that is not registered."""
        self._control(3, self._epoll.modify, fd, eventmask)

    def unregister(self, fd: Any) -> None:
        """Watch it no more; OSError ENOENT for a descriptor that is not registered."""
        self._control(2, self._epoll.unregister, fd)

    def poll(self, timeout: float | None = None, maxevents: int = -1) -> Any:
        """The descriptors that are ready, with their events; waits for `timeout` s, for ever if None or negative."""
        return self.home.ask(
            "epoll_wait", self._name(), _most_events, self._epoll.poll, timeout, maxevents, shown=self._named
        )

    def _control(self, operation: int, function: Any, fd: Any, *events: Any) -> None:
        self.home.ask(
            "epoll_ctl", self._name(), lambda *_: (operation, self.home.name(descriptor(fd)), *map(_low_bits, events)),
            function, fd, *events,
        )  # fmt: skip

    def _name(self) -> str | None:
        return self.home.name_or_none(self._fd)

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


def _most_events(_timeout: Any, maxevents: int) -> tuple[int]:
    return (FD_SETSIZE - 1 if maxevents == -1 else maxevents,)


def _low_bits(eventmask: int) -> int:
    return int(eventmask) & 0xFFFFFFFF


def _as_list(given: Any) -> Any:
    try:
        return list(given)
    except TypeError:  # the real select() says so in its own words
        return given


def make_select(recorder: Recorder) -> ModuleType:
    """A module object that looks like `select`."""
    module = ModuleType("select", real.__doc__)
    names = [name for name in vars(real) if not name.startswith("__")]
    module.__dict__.update({name: getattr(real, name) for name in names})
    module.__dict__["select"] = Select(recorder).select
    module.__dict__["poll"] = type(
        "poll",
        (RecordingPoll,),
        {"__slots__": (), "__module__": "select", "__doc__": RecordingPoll.__doc__, "home": recorder},
    )
    module.__dict__["epoll"] = type(
        "epoll",
        (RecordingEpoll,),
        {"__slots__": (), "__module__": "select", "__doc__": RecordingEpoll.__doc__, "home": recorder},
    )
    return module
