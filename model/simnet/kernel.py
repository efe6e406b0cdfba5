"""The one way down from the simulated modules to a host of the model: calls, waiting in virtual time, tidy traces.

**Waiting.** Only one program runs on the simulated host, and while it waits nothing else moves but the kernel's
timers. So a wait is a loop: ask with a zero timeout; if nothing is ready, let virtual time pass to the next timer or
to the deadline, whichever is first; ask again. If there is neither timer nor deadline, nothing can ever end the wait:
on a real machine another thread or process might, here that is not modelled, and `BlockingNotModelled` says so. Some
timers start themselves again for ever (zero-window probes), so a wait without a deadline is given up after
`PATIENCE_NS`.

**Tidy traces.** A program that calls `poll` once sees one call, however often the simulation had to ask. The host
records every call it answers, so the ones that were only asked on the program's behalf are taken out again
(`quietly`, `forget`).

Not here: what the calls mean (the model), how their arguments are checked (sockets.py, selecting.py, controlling.py).
"""

from __future__ import annotations

from collections.abc import Callable
from sys import _getframe
from types import FrameType
from typing import Any, Protocol

import attrs

from ..trace import CallEvent, Event
from ..values.constants import MSG_DONTWAIT
from ..values.results import Answer, Block, Done, Fail
from .arguments import FOREVER, NS_PER_SECOND
from .errors import BlockingNotModelled, raised

_EAGAIN, _ENOTSOCK = 11, 88
PATIENCE_NS = 24 * 3600 * NS_PER_SECOND
"""Longest virtual time that a wait without a deadline takes: a day."""


class Host(Protocol):
    """What the simulated modules need of a host of the model."""

    def call(self, name: str, /, *args: Any) -> Answer: ...


class Clock(Protocol):
    """Who lets virtual time pass, for all hosts of a world."""

    @property
    def now_ns(self) -> int: ...
    def sleep_until(self, at_ns: int, /) -> None: ...
    def next_deadline(self) -> int | None: ...


class Kernel:
    """One host as the simulated modules of one net see it."""

    def __init__(self, host: Host, events: list[Event], clock: Clock) -> None:
        self.host, self.clock = host, clock
        self.call: Callable[..., Answer] = host.call
        self.events = events
        """The events of the trace to which the host adds; an unused list if there is no trace."""
        self.default_timeout_ns = FOREVER
        self.nonblocking: set[int] = set()
        """Descriptors whose open file description has O_NONBLOCK."""
        self.inheritable: set[int] = set()
        """Descriptors without FD_CLOEXEC."""
        self.running = True
        """False once the program has left the net: sockets and epolls that are dropped later are no longer
        closed."""
        self.probing = False
        """True while `selectors` is executed, which tries whether an epoll can be made: yes, and none is."""
        self._dropped: list[int] = []
        entries = (host.call, clock.sleep_until, clock.next_deadline, getattr(host, "observe", None))
        self._not_in = {getattr(entry, "__code__", None) for entry in entries}
        """The code of the model's ways in: while one of them runs, the model must not be called again."""

    # Calls ----------------------------------------------------------------------------------------------------------

    def ask(self, name: str, *args: Any) -> Any:
        """A call that cannot wait: its value, or the OSError."""
        answer = self.call(name, *args)
        if isinstance(answer, Done):
            return answer.value
        assert isinstance(answer, Fail), f"{name} cannot block"
        raise raised(answer)

    def quietly(self, name: str, *args: Any) -> Any:
        """Like `ask`, but the trace does not show it: the program did not make this call."""
        try:
            return self.ask(name, *args)
        finally:
            self.forget()

    def forget(self) -> tuple[str, ...]:
        """Take the latest call out of the trace, segments and timers stay; return the rules that fired in it."""
        at, event = self._latest()
        if event is None:
            return ()
        del self.events[at]
        return event.rules

    def amend(self, rules: tuple[str, ...] = (), **changes: Any) -> None:
        """Let the latest call in the trace say what the program sees: other fields, more rules in front of its own."""
        at, event = self._latest()
        if event is not None:
            together = tuple(dict.fromkeys((*rules, *event.rules)))
            self.events[at] = attrs.evolve(event, rules=together, **changes)

    def timed_out(self, call: str, fd: int, args: tuple[Any, ...]) -> TimeoutError:
        """The exception of a call that ran into its timeout. The trace shows the call as it stood: EAGAIN."""
        self.call("poll", [(fd, 0)])
        at, event = self._latest()
        if event is not None:
            ((name, _),) = event.args[0]
            shown = attrs.evolve(event, call=call, socket=name, args=args, answer=Fail(_EAGAIN), rules=())
            self.events[at] = shown
        return TimeoutError("timed out")

    def _latest(self) -> tuple[int, CallEvent | None]:
        """Where in the trace the latest call is, and the call; None if there is none."""
        for at in range(len(self.events) - 1, -1, -1):
            event = self.events[at]
            if isinstance(event, CallEvent):
                return at, event
        return 0, None

    # Descriptors ------------------------------------------------------------------------------------------------------

    def set_blocking(self, fd: int, blocking: bool) -> None:
        """Clear or set O_NONBLOCK; EBADF for a descriptor that is not open."""
        self.ask("setblocking", fd, blocking)
        if blocking:
            self.nonblocking.discard(fd)
        else:
            self.nonblocking.add(fd)

    def close(self, fd: int) -> Answer:
        self.nonblocking.discard(fd)
        self.inheritable.discard(fd)
        return self.call("close", fd)

    def check_open(self, fd: int) -> None:
        """Raise EBADF if `fd` is not open."""
        try:
            self.quietly("getsockname", fd)
        except OSError as error:
            if error.errno != _ENOTSOCK:  # an epoll is open, and has no name
                raise

    def drop(self, fd: int) -> None:
        """Close the descriptor of a socket object that the program let go of.

        Garbage collection can strike in the middle of a call of the model; then the descriptor is kept for `sweep`.
        """
        self._dropped.append(fd)
        frame: FrameType | None = _getframe(1)
        while frame is not None:
            if frame.f_code in self._not_in:
                return
            frame = frame.f_back
        self.sweep()

    def sweep(self) -> None:
        """Close what was dropped, without a line in the trace: the program made no call."""
        while self._dropped:
            self.close(self._dropped.pop(0))
            self.forget()

    # Waiting ----------------------------------------------------------------------------------------------------------

    def deadline(self, timeout_ns: int) -> int:
        """The virtual time at which a wait that starts now ends; far away for `FOREVER`."""
        return self.clock.now_ns + (PATIENCE_NS if timeout_ns < 0 else timeout_ns)

    def wait(self, fd: int, events: int, deadline_ns: int) -> bool:
        """Let virtual time pass until `fd` shows one of `events` (True) or the deadline has come (False)."""
        asked = [(fd, events)]
        while not self.quietly("poll", asked):
            if not self.pass_time(deadline_ns):
                return False
        return True

    def pass_time(self, deadline_ns: int) -> bool:
        """Let virtual time pass to the next timer or to the deadline; False if the deadline has come already."""
        clock = self.clock
        if clock.now_ns >= deadline_ns:
            return False
        timer_ns = clock.next_deadline()
        clock.sleep_until(deadline_ns if timer_ns is None or timer_ns > deadline_ns else timer_ns)
        return True

    def pass_time_blocked(self, call: str, on: str, deadline_ns: int) -> None:
        """Let virtual time pass to the next timer for a wait that has no timeout, or say that it can never end."""
        if self.clock.next_deadline() is None:
            raise BlockingNotModelled(
                f"{call}() would block on {on}, and no timer of the simulated kernel is pending that could end it; "
                "a thread might, but threads are not modelled yet: use a non-blocking socket or a timeout"
            )
        if not self.pass_time(deadline_ns):
            raise BlockingNotModelled(
                f"{call}() has been blocked on {on} for {PATIENCE_NS // NS_PER_SECOND // 3600} hours of virtual time; "
                "a thread might end the wait, but threads are not modelled yet: use a non-blocking socket or a timeout"
            )

    def until_unblocked(self, call: str, *args: Any) -> Answer:
        """Repeat a call that has just blocked until it answers, first at once, then whenever a timer has fired.

        At once, because a blocked call lets go of the socket, and what arrived meanwhile is processed then. The trace
        shows one call, with the rules of all attempts.
        """
        deadline_ns = self.deadline(FOREVER)
        while True:
            rules = self.forget()
            answer = self.call(call, *args)
            self.amend(rules)
            if not isinstance(answer, Block):
                return answer
            self.pass_time_blocked(call, answer.on, deadline_ns)

    def until_sent(self, call: str, fd: int, data: bytes, flags: int, *address: Any) -> Answer:
        """A blocking send: it returns when all bytes are taken, in as many portions as it needs (tcp_sendmsg_locked).

        Portions are sent with MSG_DONTWAIT, since a `Block` would not say how many bytes had been taken before it. The
        trace shows one call.
        """
        deadline_ns = self.deadline(FOREVER)
        taken = 0
        rules: tuple[str, ...] = ()
        while True:
            answer = self.call(call, fd, data[taken:] if taken else data, flags | MSG_DONTWAIT, *address)
            if isinstance(answer, Done):
                taken += answer.value
            full = isinstance(answer, Fail) and answer.errno == _EAGAIN
            over = not full and (not isinstance(answer, Done) or taken >= len(data))
            shown = Block("room in the send buffer") if full else Done(taken) if taken else answer
            self.amend(rules, args=(data, flags, *address), answer=shown)
            if over:
                return shown
            if full:
                self.pass_time_blocked(call, "room in the send buffer", deadline_ns)
            rules = self.forget()
