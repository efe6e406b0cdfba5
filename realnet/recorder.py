"""The recorder: who is who, and a line in the trace for every call.

A program names a socket by an object or by a descriptor; the trace names it ``s1``, ``s2``, … in the order in which
sockets came to be, accepted ones included, and an epoll ``e1``, ``e2``, …, so that the model's trace and the kernel's
can be laid side by side. A duplicate of a descriptor has a name of its own. A name ends with its descriptor: a number
that belongs to no open socket or epoll of this net is shown as ``closed``, because numbers differ between the arms.

After each call all open sockets are observed, through a second socket object on the same descriptor (a *view*) that
is never closed, only detached. So a socket that the program drops is still collected, and thereby closed, when the
program drops it.

What is recorded is what a program asked the kernel for, with the answer that came in the end:

- a call that waited (blocking, or with a timeout) is one line;
- one that ran into its timeout stands as the kernel answered: EAGAIN, for a connect EINPROGRESS;
- a call that failed before it reached the kernel (a wrong type, a port of 70000) leaves no line;
- nor does a socket that is closed because the program dropped it, or because the net is left.

Not here: which methods make which calls (sockets.py, selecting.py, controlling.py).
"""

from __future__ import annotations

import _socket
import errno
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import attrs

from model.choices import Seeded
from model.trace import CallEvent, Trace
from model.values.observation import Observation
from model.values.results import Answer, Done, Fail

from .baton import Baton
from .namespace import Namespace
from .observe import Observer
from .settings import PINNED_SETTINGS, Settings

HOST = "lo"
NOT_OPEN = "closed"


class Closing(Protocol):
    """What can be closed."""

    def close(self) -> None: ...


@attrs.define(eq=False)
class Known:
    """One open socket of the net."""

    name: str
    view: _socket.socket
    inode: int
    owner: Callable[[], _socket.socket | None] = lambda: None
    """The program's socket object, if there is one."""


@attrs.define(eq=False)
class KnownEpoll:
    """One open descriptor of an epoll."""

    name: str
    inode: int
    owner: Callable[[], Closing | None] = lambda: None
    """The program's epoll object, if there is one."""


class Recorder:
    """Names the sockets of one net, observes them and writes the trace. It records only while `recording`."""

    def __init__(self, namespace: Namespace, trace: Trace, seed: int = 0, settings: Settings = PINNED_SETTINGS) -> None:
        self.namespace, self.trace, self.settings = namespace, trace, settings
        self.recording = False
        self.default_timeout: float | None = None
        """The timeout of new sockets of this net, in seconds."""
        self._began_ns = 0
        self.guests = Baton(Seeded(seed), trace.events)
        self._observer = Observer()
        self._looking = threading.Lock()
        self._known: dict[int, Known] = {}
        self._epolls: dict[int, KnownEpoll] = {}
        self._made = self._epolls_made = 0

    # Calls ----------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Record from now on; the trace's time begins here."""
        self._began_ns = time.monotonic_ns()
        self.guests.began_ns = self._began_ns
        self.recording = True

    def ask(
        self,
        call: str,
        socket: str | None,
        tidy: Callable[..., tuple[Any, ...]],
        function: Callable[..., Any],
        *given: Any,
        shown: Callable[[Any], Any] = lambda value: value,
    ) -> Any:
        """Make a call by ``function(*given)`` and record it as `call`, with the arguments that ``tidy(*given)`` makes
        for the trace.

        `tidy` is asked only behind the call, so that it is the real function that complains of its arguments. `shown`
        turns the value that comes back into what the trace shows.
        """
        self.step()
        before = len(self.trace.events)
        with self.guests.in_call(_in_words(call, socket)) as made:
            try:
                value = made.made(function, *given)
            except OSError as error:
                at = None if made.answered() else before
                number = _errno(call, error)
                if number and not made.raised:
                    self.add(call, socket, tidy(*given), Fail(number), at)
                raise
            at = None if made.answered() else before
            self.add(call, socket, tidy(*given), Done(shown(value)), at)
        return value

    def step(self) -> None:
        """A thread is about to make a call. Who was woken by the call before finishes first, and then another thread
        may be let before this one.
        """
        if self.guests.alone or not self.recording:
            return
        self.guests.step(self._seen)

    def observe(self) -> None:
        """Let everybody who was woken finish; the calls since the last look then show what can be seen now."""
        self.guests.observe(self._seen)

    def add(
        self, call: str, socket: str | None, args: tuple[Any, ...], answer: Answer, at: int | None = None
    ) -> None:  # fmt: skip
        """Record a call that has just answered, at the end or, in front of what its waking of others led to, `at`."""
        if self.recording:
            now_ns = time.monotonic_ns() - self._began_ns
            event = CallEvent(now_ns, HOST, call, socket, args, answer, (), self._seen())
            self.trace.events.insert(len(self.trace.events) if at is None else at, event)

    @contextmanager
    def unrecorded(self) -> Iterator[None]:
        """What is called in here is not the program's doing and leaves no line."""
        before, self.recording = self.recording, False
        try:
            yield
        finally:
            self.recording = before

    def _seen(self) -> tuple[tuple[str, Observation], ...]:
        while True:
            with self._looking:
                names = [known.name for known in list(self._known.values())]
                seen = self._observer.observe()
            if len(seen) == len(names) == len(self._known):
                return tuple(zip(names, seen, strict=True))
            # garbage collection has just dropped a socket: look again

    # Names ----------------------------------------------------------------------------------------------------------

    def name(self, fd: int) -> str:
        """The name of the open socket or epoll with this descriptor, or `NOT_OPEN`."""
        return self.name_or_none(fd) or NOT_OPEN

    def name_or_none(self, fd: int) -> str | None:
        known = self._known.get(fd)
        if known is not None:
            return known.name
        return self._epolls[fd].name if fd in self._epolls else None

    def own_epoll(self, fd: int, epoll: Closing) -> None:
        """`epoll` is the program's object for its descriptor; it gets a name if it has none."""
        if fd not in self._epolls:
            self._welcome_epoll(fd)
        self.adopt_epoll(fd, epoll)

    def adopt_epoll(self, fd: int, epoll: Closing) -> None:
        """`epoll` is a further object of the program for a descriptor: the owner, if it is an epoll's without one."""
        if fd in self._epolls and self._epolls[fd].owner() is None:
            self._epolls[fd].owner = weakref.ref(epoll)

    def part_with_epoll(self, fd: int, epoll: Closing) -> None:
        """The program's object is gone, and the descriptor with it."""
        if fd in self._epolls and self._epolls[fd].owner() in (None, epoll):
            del self._epolls[fd]

    def _welcome_epoll(self, fd: int) -> str:
        self._epolls_made += self.recording
        known = self._epolls[fd] = KnownEpoll(f"e{self._epolls_made}", os.fstat(fd).st_ino)
        return known.name

    def duplicated(self, fd: int, new: int) -> str:
        """A descriptor was duplicated: the name of the new one; `NOT_OPEN` if the file is none of this net."""
        if fd in self._epolls:
            return self._welcome_epoll(new)
        known = self._known.get(fd)
        if known is None:
            return NOT_OPEN
        return self.welcome(new, known.view.family, known.view.type, known.view.proto)

    def welcome(self, fd: int, family: int, kind: int, proto: int) -> str:
        """Name and observe a socket that has come to be."""
        self._made += 1
        view = _socket.socket(family, kind, proto, fd)
        known = self._known[fd] = Known(f"s{self._made}", view, os.fstat(fd).st_ino)
        self._observer.add(view)
        return known.name

    def own(self, sock: _socket.socket) -> None:
        """`sock` is the program's object for its descriptor; the socket gets a name if it has none."""
        fd = sock.fileno()
        if fd not in self._known:
            self.welcome(fd, sock.family, sock.type, sock.proto)
        try:
            self._known[fd].owner = weakref.ref(sock)
        except TypeError:  # an instance of the C class's direct heir has no room for weak references
            self._known[fd].owner = lambda: sock

    def part(self, fd: int) -> None:
        """The descriptor is about to be closed: it has a name no more, and nobody observes the socket through it."""
        self._epolls.pop(fd, None)
        known = self._known.pop(fd, None)
        if known is not None:
            self._observer.remove(known.view)
            known.view.detach()

    # The end --------------------------------------------------------------------------------------------------------

    def check_here(self) -> None:
        """Raise RuntimeError if a socket made now would not be in this net's namespace."""
        if not self.namespace.contains_this_thread():
            raise RuntimeError(
                "this net makes sockets only inside its with statement, in the thread that entered or one started "
                "from there: anywhere else they would be on the machine's own network"
            )

    def close_all(self) -> None:
        """Close every socket that is still open, whoever has it, and record no more. None lingers."""
        self.recording = False
        for fd, known_epoll in list(self._epolls.items()):
            epoll = known_epoll.owner()
            if epoll is not None:
                epoll.close()
            elif _is_still(fd, known_epoll.inode):
                os.close(fd)
        for fd, known in list(self._known.items()):
            if _is_still(fd, known.inode):
                known.view.setsockopt(_socket.SOL_SOCKET, _socket.SO_LINGER, bytes(8))
            self.part(fd)
            owner = known.owner()
            if owner is not None and owner.fileno() == fd:
                _socket.socket.close(owner)
            elif _is_still(fd, known.inode):
                os.close(fd)


def _in_words(call: str, socket: str | None) -> str:
    return f"{call}()" if socket is None else f"{call}() on {socket}"


def _errno(call: str, error: OSError) -> int:
    """The number with which the kernel refused; 0 if it was not asked."""
    if isinstance(error, _socket.gaierror | _socket.herror):
        return 0
    if error.errno is None and isinstance(error, TimeoutError):
        return errno.EINPROGRESS if call == "connect" else errno.EAGAIN
    return error.errno or 0


def _is_still(fd: int, inode: int) -> bool:
    """Whether the descriptor, which was given away, is open and the same socket as ever."""
    try:
        return os.fstat(fd).st_ino == inode
    except OSError:
        return False


def no_arguments(*_given: Any) -> tuple[()]:
    """`tidy` for a call that has none."""
    return ()
