"""`select.epoll`: the object of the standard library, on the simulated host.

Its four calls are the kernel's: what is registered lives in the model and not here, so an epoll object knows its
descriptor and nothing else. A wait asks with a zero time-out and lets virtual time pass in between (kernel.py); the
trace shows one call, the last. epoll_wait(2) waits in whole milliseconds, rounded up, so that a program never wakes
before its time; and a negative time-out of less than a millisecond is rounded to none at all.

Not here: which files are ready (model/waiting/epoll.py), poll and select (selecting.py).
"""

from __future__ import annotations

from operator import index
from typing import Any, ClassVar

from ..values.constants import (
    EPOLL_CLOEXEC,
    EPOLL_CTL_ADD,
    EPOLL_CTL_DEL,
    EPOLL_CTL_MOD,
    EPOLLIN,
    EPOLLOUT,
    EPOLLPRI,
    FD_SETSIZE,
)
from ..values.results import Fail
from .arguments import FOREVER, INT_MAX, NS_PER_MS, NS_PER_SECOND, duration_ns, exact_c_int, file_descriptor, whole_ms
from .errors import raised
from .kernel import Kernel

_CLOSED = -1


class Epoll:
    """An epoll object: ``epoll(sizehint=-1, flags=0)``. Both arguments mean nothing any more, and are checked."""

    __slots__ = ("_fd", "_kernel")
    home: ClassVar[Kernel]

    def __init__(self, sizehint: int = -1, flags: int = 0) -> None:
        self._kernel, self._fd = self.home, _CLOSED
        size, wanted = exact_c_int(sizehint), exact_c_int(flags)
        if size <= 0 and size != -1:
            raise ValueError("negative sizehint")
        if wanted not in (0, EPOLL_CLOEXEC):
            raise OSError("invalid flags")
        if not self._kernel.probing:
            self._fd = self._kernel.ask("epoll_create1", EPOLL_CLOEXEC)

    @classmethod
    def fromfd(cls, fd: int, /) -> Epoll:
        """An epoll object for a descriptor that is there; a new epoll for -1. Nobody looks whether it is an epoll's."""
        number = exact_c_int(fd)
        if number == -1:
            return cls()
        made = object.__new__(cls)
        made._kernel, made._fd = cls.home, number
        return made

    def __enter__(self) -> Epoll:
        self._open()
        return self

    def __exit__(self, kind: Any = None, value: Any = None, traceback: Any = None, /) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_fd", _CLOSED) >= 0 and self._kernel.running:
            self._kernel.drop(self._fd)

    @property
    def closed(self) -> bool:
        """True if the epoll handler is closed."""
        return self._fd < 0

    def close(self) -> None:
        """Close the descriptor; not an error for one that is closed already."""
        fd, self._fd = self._fd, _CLOSED
        if fd >= 0:
            if not self._kernel.guests.alone:
                self._kernel.step()
            answer = self._kernel.close(fd)
            if isinstance(answer, Fail):
                raise raised(answer)

    def fileno(self) -> int:
        """The descriptor."""
        return self._open()

    def register(self, fd: Any, eventmask: int = EPOLLIN | EPOLLOUT | EPOLLPRI) -> None:
        """Watch a descriptor. OSError: EEXIST, EBADF, EINVAL for itself, ELOOP for rings of epolls."""
        number, events = file_descriptor(fd), _mask(eventmask)
        self._kernel.ask("epoll_ctl", self._open(), EPOLL_CTL_ADD, number, events)

    def modify(self, fd: Any, eventmask: int) -> None:
        """Watch for other events. OSError ENOENT for a descriptor that is not registered."""
        number, events = file_descriptor(fd), _mask(eventmask)
        self._kernel.ask("epoll_ctl", self._open(), EPOLL_CTL_MOD, number, events)

    def unregister(self, fd: Any) -> None:
        """Watch it no more. OSError ENOENT for a descriptor that is not registered."""
        number = file_descriptor(fd)
        self._kernel.ask("epoll_ctl", self._open(), EPOLL_CTL_DEL, number)

    def poll(self, timeout: Any = None, maxevents: int = -1) -> list[tuple[int, int]]:
        """`(fd, events)` of at most `maxevents` files that are ready; waits `timeout` s of virtual time, for ever if
        None or negative.
        """
        most = exact_c_int(maxevents)
        fd = self._open()
        wait_ns = 0 if timeout.__class__ is int and not timeout else _timeout_ns(timeout)
        if most == -1:
            most = FD_SETSIZE - 1
        elif most < 1:
            raise ValueError(f"maxevents must be greater than 0, got {most}")
        ready: list[tuple[int, int]] = self._kernel.until_ready("epoll_wait", (fd, most), wait_ns, [fd], 0)
        return ready

    def _open(self) -> int:
        if self._fd < 0:
            raise ValueError("I/O operation on closed epoll object")
        return self._fd


def _mask(eventmask: Any) -> int:
    """A C `unsigned int` that takes the low bits of any int (getargs code "I")."""
    return index(eventmask) & 0xFFFFFFFF


def _timeout_ns(timeout: Any) -> int:
    """Seconds or None as whole milliseconds in nanoseconds, or `FOREVER`."""
    if timeout is None:
        return FOREVER
    try:
        ns = duration_ns(timeout, NS_PER_SECOND)
    except TypeError:
        raise TypeError("timeout must be an integer or None") from None
    ns = whole_ms(ns)
    if not -INT_MAX - 1 <= ns // NS_PER_MS <= INT_MAX:
        raise OverflowError("timeout is too large")
    return FOREVER if ns < 0 else ns
