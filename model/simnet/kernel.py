"""The one way down from the simulated modules to a host of the model: calls, waiting in virtual time, tidy traces.

**Waiting.** A call that would block is an *attempt* that did not hold: the scheduler of guest threads asks it again
when a socket that it is about wakes whoever sleeps on it (`_sleeping`), and lets other threads run meanwhile, or
virtual time pass. If nothing can ever end the wait, `Deadlock` says who waits on what.

**Signals.** A signal may end a call that waits (EINTR). Then the handlers run, and the call is made again, as Python
does it (PEP 475): for what is left of the time if Python keeps the time, for the whole of it if the kernel does
(SO_RCVTIMEO). The trace shows one call. `handle` at the end of whatever may wait runs those that came meanwhile.

**Turns.** A thread's every call is a `step`: what was woken by the call before is done first, and another thread may
be let before this one.

**Tidy traces.** A program that calls `poll` once sees one call, however often the simulation had to ask. The host
records every call it answers, so the ones that were only asked on the program's behalf are taken out again
(`quietly`, `forget`).

Not here: what the calls mean (the model), how their arguments are checked (sockets.py, selecting.py, controlling.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from sys import _getframe
from types import FrameType
from typing import Any, Protocol

import attrs

from ..choices import Seeded
from ..sockets.numbers import Numbers
from ..trace import CallEvent, Event
from ..values.constants import (
    F_GETFD,
    MSG_DONTWAIT,
    MSG_PEEK,
    POLL_ALWAYS,
    POLLERR,
    POLLIN,
    SO_TYPE,
    SOCK_DGRAM,
    SOL_SOCKET,
)
from ..values.observation import Observation
from ..values.results import OK, Answer, Block, Done, Fail
from ..waiting import sleeping
from ..waiting.scheduling import Attempt, Broken, Deadlock, Interrupted, Judge, as_most
from .arguments import FOREVER
from .errors import raised
from .greenlets import Clock, Greenlets

_EINTR, _EAGAIN = 4, 11
_SENDS, _RECEIVES = ("connect", "send", "sendto", "sendmsg"), ("recv", "recvfrom", "recvmsg")
_ROOM, _CONNECTION = "room in the send buffer", "the connection to be established"
BUSY_CALLS = 20_000
"""So often may calls say that there is nothing to do yet, one behind the other, while no virtual time passes."""

READINGS, NUDGES = 1000, 20
"""How often a program reads the clock, with no call in between, until a nanosecond passes; and how often that happens
until it is a busy loop.
"""


class Host(Protocol):
    """What the simulated modules need of a host of the model."""

    names: dict[int, str]
    numbers: Numbers

    def call(self, name: str, /, *args: Any) -> Answer: ...
    def keep(self, fd: int, /) -> int: ...
    def is_nonblocking(self, fd: int, /) -> bool: ...
    def has_error(self, fd: int, /) -> bool: ...
    def low_water(self, fd: int, wanted: int, flags: int, /) -> int: ...
    def follows_nothing(self, fd: int, /) -> bool: ...
    def is_connecting(self, fd: int, /) -> bool: ...
    def gives_up_ns(self, fd: int, /, *, sends: bool) -> int | None: ...
    def lingers(self, fd: int, /) -> bool: ...
    def closes_by_ns(self, fd: int, /) -> int | None: ...
    def seen(self) -> tuple[tuple[str, Observation], ...]: ...
    def beds(self, fds: Iterable[int], /) -> sleeping.Beds: ...


@attrs.define(eq=False)
class _Hold:
    """A call that waits on the file behind a descriptor."""

    fd: int


class Kernel:
    """One host as the simulated modules of one net see it."""

    def __init__(self, host: Host, events: list[Event], clock: Clock, guests: Greenlets | None = None) -> None:
        self.host, self.clock = host, clock
        self.guests = guests if guests is not None else Greenlets(clock, Seeded(0), events)
        self.call: Callable[..., Answer] = host.call
        self.events = events
        """The events of the trace to which the host adds; an unused list if there is no trace."""
        self.default_timeout_ns = FOREVER
        self.running = True
        """False once the program has left the net: sockets and epolls that are dropped later are no longer
        closed."""
        self.probing = False
        """True while `selectors` is executed, which tries whether an epoll can be made: yes, and none is."""
        self._idle = self._idle_from = self._idle_at_ns = 0
        self._readings = self._nudges = 0
        self._read_at = (0, 0)
        self._held: dict[int, list[_Hold]] = {}
        """Descriptor → the calls that wait on the file behind it."""
        self._dropped: list[int] = []
        entries = (host.call, clock.sleep_until, clock.next_deadline, getattr(host, "observe", None))
        self._not_in = {getattr(entry, "__code__", None) for entry in entries}
        """The code of the model's ways in: while one of them runs, the model must not be called again."""

    # Calls ----------------------------------------------------------------------------------------------------------

    def step(self) -> None:
        """A thread is about to make a call. Who was woken by the call before tries first, and then another thread may
        be let before this one.

        """
        self.guests.step(self.host.seen)

    def ask(self, name: str, *args: Any) -> Any:
        """A call that cannot wait: its value, or the OSError."""
        if not self.guests.alone:
            self.step()
        return self._asked(name, *args)

    def _asked(self, name: str, *args: Any) -> Any:
        answer = self.call(name, *args)
        if isinstance(answer, Done):
            return answer.value
        assert isinstance(answer, Fail), f"{name} cannot block"
        raise raised(answer)

    def quietly(self, name: str, *args: Any) -> Any:
        """Like `ask`, but the trace does not show it: the program did not make this call."""
        try:
            return self._asked(name, *args)
        finally:
            self.forget()

    def forget(self) -> tuple[str, ...]:
        """Take the latest call out of the trace, segments and timers stay; return the rules that fired in it."""
        event = self.take_out()
        return event.rules if event is not None else ()

    def take_out(self) -> CallEvent | None:
        """The latest call, which is in the trace no more."""
        at, event = self._latest()
        if event is not None:
            del self.events[at]
        return event

    def put(self, line: CallEvent | None, answer: Answer) -> None:
        """Put a call into the trace that was taken out, with another answer and as things stand now."""
        if line is not None:
            changed = attrs.evolve(line, at_ns=self.clock.now_ns, answer=answer, sockets=self.host.seen())
            self.events.append(changed)

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

    def note_idle(self, call: str, fd: int) -> None:
        """A call said that there is nothing to do yet. Too often, with nothing else in between, is a busy loop."""
        if self._idle == 0 or self._idle_at_ns != self.clock.now_ns:
            self._idle, self._idle_from, self._idle_at_ns = 0, len(self.events), self.clock.now_ns
        self._idle += 1
        if self._idle < BUSY_CALLS:
            return
        alone = len(self.events) - self._idle_from < self._idle + BUSY_CALLS // 100
        self._idle = 0
        if alone:
            what = f"{call}() on {self.host.names.get(fd)}"
            raise self.guests.busy_loop(what, BUSY_CALLS)

    def note_reading(self) -> None:
        """The program reads the clock. Often, with no call in between, is how it waits until some moment is over: so a
        nanosecond passes. That ends a wait for the very next moment; one for a later moment is a busy loop.
        """
        now_ns, events = self.clock.now_ns, len(self.events)
        if (now_ns, events) != self._read_at:
            self._readings, self._nudges, self._read_at = 0, 0, (now_ns, events)
        self._readings += 1
        if self._readings < READINGS:
            return
        if self._nudges == NUDGES:
            raise self.guests.busy_loop("the clock", READINGS * NUDGES)
        self._readings, self._nudges = 0, self._nudges + 1
        self.clock.sleep_until(now_ns + 1)
        self._read_at = (now_ns + 1, len(self.events))

    # Descriptors ------------------------------------------------------------------------------------------------------

    def set_blocking(self, fd: int, blocking: bool) -> None:
        """Clear or set O_NONBLOCK; EBADF for a descriptor that is not open."""
        self.ask("setblocking", fd, blocking)

    def close(self, fd: int) -> Answer:
        holds = self._held.pop(fd, None)
        if holds is not None:
            kept = self.host.keep(fd)
            self._held[kept] = holds
            for hold in holds:
                hold.fd = kept
        if self.host.lingers(fd):
            return self._until_closed(fd)
        return self.call("close", fd)

    def _until_closed(self, fd: int) -> Answer:
        """close() with SO_LINGER: the number is free at once, the file lives on until all is acknowledged, a signal
        comes or the time is over, and the call succeeds (model/tcp/closing.py). The trace shows one call.
        """
        until_ns, kept = self.host.closes_by_ns(fd), self.host.keep(fd)
        self.call("close", fd)
        line = self.take_out()

        def attempt() -> bool:
            answer = self.call("close", kept, True)
            self.forget()
            return not isinstance(answer, Block)

        if not attempt():
            with suppress(Interrupted):
                self.wait_for(
                    _on("close", line), attempt, [kept], reason="the peer to acknowledge everything",
                    until_ns=until_ns, line=line,
                )  # fmt: skip
            if kept in self.host.names:
                self.quietly("close", kept)
        self.put(line, OK)
        self.guests.handle()
        return OK

    @contextmanager
    def _hold(self, fd: int) -> Iterator[_Hold]:
        """A call that waits keeps the file from going away, whoever closes the descriptor meanwhile."""
        hold = _Hold(fd)
        self._held.setdefault(fd, []).append(hold)
        try:
            yield hold
        finally:
            others = self._held[hold.fd]
            others.remove(hold)
            if not others:
                del self._held[hold.fd]
                if hold.fd < 0:
                    self.quietly("close", hold.fd)

    @contextmanager
    def _hold_all(self, fds: Iterable[int]) -> Iterator[list[_Hold]]:
        """The same for several. A thread that is alone need not: nobody can close anything meanwhile."""
        with ExitStack() as stack:
            yield [] if self.guests.alone else [stack.enter_context(self._hold(fd)) for fd in dict.fromkeys(fds)]

    @contextmanager
    def _more_for(self, call: str) -> Iterator[tuple[int, ...]]:
        """What more a call is told when it looks again: accept the number of the descriptor that it is to give, which
        it takes before it waits; connect that it has begun its attempt.
        """
        if call != "accept" or self.guests.alone:
            yield (True,) if call == "connect" else ()
            return
        number = self.host.numbers.take()
        try:
            yield (number,)
        finally:
            if number not in self.host.names:
                self.host.numbers.give_back(number)

    def check_open(self, fd: int) -> None:
        """Raise EBADF if `fd` is not open."""
        self.quietly("fcntl", fd, F_GETFD)

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

    def deadline(self, timeout_ns: int) -> int | None:
        """The virtual time at which a wait that starts now ends; None for `FOREVER`."""
        return None if timeout_ns < 0 else self.clock.now_ns + timeout_ns

    def wait_for(
        self, on: str, attempt: Attempt, fds: Iterable[int], *, reason: str = "", events: int = 0,
        exclusive: bool = False, in_epoll_wait: bool = False, until_ns: int | None = None,
        line: CallEvent | None = None, judge: Judge = as_most,
    ) -> bool:  # fmt: skip
        """The running thread waits in a call until `attempt` holds, or until a time; whether it held.

        It is asked again whenever one of `fds` wakes those who sleep on it for one of `events` (0 for all), the first
        of them only if all are `exclusive`, the last if they are `in_epoll_wait`. `line` is what the trace is to say if
        none can ever hold. A signal may end it with `Interrupted`; `judge` says whether.
        """
        try:
            with self._sleeping(attempt, fds, events, exclusive, in_epoll_wait) as (asked_again, stand_last):

                def judged(restarts: bool, again: bool) -> Broken:
                    broken = judge(restarts, again)
                    if broken is Broken.WAITS_ON:
                        stand_last()
                    return broken

                return self.guests.wait(on, asked_again, until_ns, reason, judged)
        except Deadlock:
            if line is not None:
                self.events.append(line)
            raise

    @contextmanager
    def _sleeping(
        self, attempt: Attempt, fds: Iterable[int], events: int, exclusive: bool, in_epoll_wait: bool
    ) -> Iterator[tuple[Attempt, Callable[[], None]]]:
        """Sleep on files while the context lasts; yields the attempt that sleeps on if it does not hold, and what to do
        when the call is made again: to sleep as one who has just come.
        """
        guests = self.guests
        me = guests.running
        beds = self.host.beds(fds)
        sleeper = sleeping.Sleeper(lambda: guests.wake(me), events, exclusive or in_epoll_wait, in_epoll_wait)

        def asked_again() -> bool:
            held = attempt()
            if not held:
                beds.enter(sleeper)
            return held

        def stand_last() -> None:
            beds.leave(sleeper)
            beds.enter(sleeper)

        beds.enter(sleeper)
        try:
            yield asked_again, stand_last
        finally:
            beds.leave(sleeper)

    def until_ready(
        self, call: str, args: tuple[Any, ...], timeout_ns: int, fds: Iterable[int], events: int, *,
        stepped: bool = False,
    ) -> Any:  # fmt: skip
        """What is ready, as `call` says it; waits for `timeout_ns`, for ever if it is `FOREVER`. `stepped`: the caller
        has made the thread's `step`.

        poll and select look descriptors up each time they look, so they notice one that is closed meanwhile or means
        another file; but the files that they began with live on until they are over (do_poll, do_select). epoll_wait
        keeps the epoll.
        """
        ready = self._asked(call, *args) if stepped else self.ask(call, *args)
        if _any_ready(ready):
            return ready
        if timeout_ns == 0:
            self.note_idle(call, -1)
            return ready
        line = self.take_out()
        nothing, until_ns, waits_on_epoll = ready, self.deadline(timeout_ns), call == "epoll_wait"

        def ask_again() -> Any:
            if waits_on_epoll and holds:
                return self._asked(call, holds[0].fd, *args[1:])
            return self._asked(call, *args, True) if call == "select" else self._asked(call, *args)

        def attempt() -> bool:
            nonlocal ready, line
            ready = ask_again()
            found = _any_ready(ready)
            if not found:
                line = self.take_out()
            return found

        while True:
            with self._hold_all(fds) as holds, suppress(Interrupted):
                held = self.wait_for(
                    _on(call, line), attempt, fds, reason="readiness", events=events, in_epoll_wait=waits_on_epoll,
                    until_ns=until_ns, line=line,
                )  # fmt: skip
                ready = ready if held else ask_again()
                break
            self.guests.handle()
            if self._is_past(until_ns):
                self.put(line, Done(nothing))
                return nothing
            ready = self._asked(call, *args)
            if _any_ready(ready):
                break
            line = self.take_out()
        self.guests.handle()
        return ready

    def _is_past(self, until_ns: int | None) -> bool:
        """Whether handlers took so long that what is left of the time is less than nothing."""
        return until_ns is not None and self.clock.now_ns > until_ns

    def when_ready(self, call: str, fd: int, events: int, until_ns: int | None, then: Callable[[], bool]) -> bool:
        """Wait, without a line in the trace, until `fd` shows one of `events` and `then` holds, which does what `call`
        is about. False if the time has come before.
        """
        asked = [(fd, events)]

        def attempt() -> bool:
            return bool(self.quietly("poll", asked)) and then()

        on = f"{call}() on {self.host.names.get(fd)}"
        held = attempt()
        if not held and until_ns is not None and self.clock.now_ns >= until_ns:
            return False
        while not held:
            with self._hold_all([fd]), suppress(Interrupted):
                held = self.wait_for(on, attempt, [fd], events=events | POLL_ALWAYS, until_ns=until_ns) or attempt()
                break
            self.guests.handle()
            if self._is_past(until_ns):
                return False
            held = attempt()
        self.guests.handle()
        return held

    def sleep(self, ns: int) -> None:
        """The running thread sleeps."""
        if self.guests.alone and self.guests.signals.alarm is None:
            self.clock.sleep_until(self.clock.now_ns + ns)
            return
        until_ns = self.clock.now_ns + ns
        if not self.guests.alone:
            self.step()
        while True:
            try:
                self.guests.wait("sleep()", lambda: False, until_ns)
                break
            except Interrupted:
                self.guests.handle()
                if self.clock.now_ns >= until_ns:
                    break
        self.guests.handle()

    def until_unblocked(self, blocked: Block, call: str, fd: int, *args: Any) -> Answer:
        """Repeat a call that has just blocked until it answers or gives up, first at once, then whenever it may.

        At once, because a blocked call lets go of the socket, and what arrived meanwhile is processed then. The trace
        shows one call, with the rules of all attempts. A connect that a signal has interrupted answers EINTR, and goes
        on behind that.
        """
        if call in _RECEIVES and self.host.low_water(fd, *args[:2]) != 1:
            return self._until_received(blocked, call, fd, *args)
        line = self.take_out()
        answer: Answer = blocked

        def attempt() -> bool:
            nonlocal answer, line
            answer = self.call(call, hold.fd, *args, *more)
            self.amend(line.rules if line is not None else ())
            if isinstance(answer, Block):
                line = self.take_out()
                return False
            return True

        datagrams = call in _RECEIVES and self._is_datagram(fd)
        while True:
            with self._hold(fd) as hold, self._more_for(call) as more:
                if attempt():
                    break
                assert isinstance(answer, Block)
                until_ns = self.host.gives_up_ns(fd, sends=call in _SENDS)
                with suppress(Interrupted):
                    if not self.wait_for(
                        _on(call, line), attempt, [fd], reason=answer.on, until_ns=until_ns, line=line,
                        events=POLLIN | POLLERR if datagrams else 0, exclusive=call == "accept" or datagrams,
                        judge=self._judge(call, hold, until_ns),
                    ):  # fmt: skip
                        answer = Fail(blocked.errno)
                        self.put(line, answer)
                    break
            self.guests.handle()
            if call == "connect":
                answer = Fail(_EINTR)
                self.put(line, answer)
                break
        self.guests.handle()
        return answer

    def _judge(self, call: str, hold: _Hold, until_ns: int | None) -> Judge:
        """What a signal makes of a call that the kernel keeps the time of: if there is a time the call is never
        restarted (signal(7)), and has the whole time once more if it is made again, but for connect, of which then only
        the outcome is waited for.
        """
        me = self.guests.running

        def judge(restarts: bool, again: bool) -> Broken:
            if until_ns is not None and again:
                me.until_ns = None if call == "connect" else self.host.gives_up_ns(hold.fd, sends=call in _SENDS)
            return Broken.WAITS_ON if again or (restarts and until_ns is None) else Broken.EINTR

        return judge

    def _over(self, line: CallEvent | None, answer: Answer) -> Broken:
        """A signal makes a call answer with what it has."""
        self.put(line, answer)
        return Broken.OVER

    def _is_datagram(self, fd: int) -> bool:
        return not self.guests.alone and self.quietly("getsockopt", fd, SOL_SOCKET, SO_TYPE) == SOCK_DGRAM

    def until_sent(self, call: str, fd: int, data: bytes, flags: int, *address: Any) -> Answer:
        """A blocking send: it returns when all bytes are taken, in as many portions as it needs (tcp_sendmsg_locked).

        Portions are sent with MSG_DONTWAIT, since a `Block` would not say how many bytes had been taken before it. An
        error that comes behind some of them ends it, and is left for the next call. The trace shows one call.
        """
        taken = 0
        line: CallEvent | None = None
        shown: Answer = Done(0)

        def answered(answer: Answer) -> Answer:
            nonlocal shown
            shown = answer
            return answer

        def attempt() -> bool:
            nonlocal taken, line, shown
            while True:
                if taken and self.host.has_error(hold.fd):
                    self.put(line, answered(Done(taken)))
                    return True
                answer = self.call(call, hold.fd, data[taken:] if taken else data, flags | MSG_DONTWAIT, *address)
                if isinstance(answer, Done):
                    taken += answer.value
                full = isinstance(answer, Fail) and answer.errno == _EAGAIN
                over = not full and (not isinstance(answer, Done) or taken >= len(data) or self.host.has_error(hold.fd))
                shown = Block(_ROOM) if full else Done(taken) if taken else answer
                self.amend(line.rules if line is not None else (), args=(data, flags, *address), answer=shown)
                if over:
                    return True
                line = self.take_out()
                if full:
                    return False

        while True:
            with self._hold(fd) as hold:
                if attempt():
                    break
                until_ns = self.host.gives_up_ns(fd, sends=True)
                as_ever = self._judge(call, hold, until_ns)

                def judge(restarts: bool, again: bool, as_ever: Judge = as_ever) -> Broken:
                    return self._over(line, answered(Done(taken))) if taken else as_ever(restarts, again)

                reason = _CONNECTION if self.host.is_connecting(fd) else _ROOM
                with suppress(Interrupted):
                    if not self.wait_for(
                        _on(call, line), attempt, [fd], reason=reason, until_ns=until_ns, line=line, judge=judge
                    ):  # fmt: skip
                        self.put(line, answered(Done(taken) if taken else Fail(_EAGAIN)))
                    break
            self.guests.handle()
        self.guests.handle()
        return shown

    def _until_received(self, blocked: Block, call: str, fd: int, wanted: int, flags: int, *room: int) -> Answer:
        """A recv of a stream that waits for more than one byte, or for none (model/tcp/reading.py).

        It takes what there is in portions, with MSG_DONTWAIT; MSG_PEEK looks at all of it each time. Whatever ends the
        wait, a time-out and a signal too, it looks once more, and answers with what it has if it has some
        (tcp_recvmsg_locked). The trace shows one call.
        """
        least, peeks = self.host.low_water(fd, wanted, flags), bool(flags & MSG_PEEK)
        line = self.take_out()
        taken = b""
        nothing = Done({"recv": b"", "recvfrom": (b"", None), "recvmsg": (b"", [], 0, None)}[call])
        shown: Answer = Fail(blocked.errno) if wanted else nothing
        woken = False

        def attempt() -> bool:
            while not ((woken and not wanted) or (taken and self.host.follows_nothing(hold.fd))):
                before = len(taken)
                if not portion():
                    return True
                if len(taken) == before:
                    return False
            self.put(line, shown)
            return True

        def portion() -> bool:
            """Take what there is; whether it has to go on."""
            nonlocal taken, line, shown
            size = wanted if peeks else wanted - len(taken)
            answer = self.call(call, hold.fd, size, flags | MSG_DONTWAIT, *room)
            if isinstance(answer, Done):
                data = answer.value if call == "recv" else answer.value[0]
                taken = data if peeks else taken + data
                shown = Done(taken if call == "recv" else (taken, *answer.value[1:]))
                goes_on = 0 < len(taken) < least
            else:
                assert isinstance(answer, Fail)
                goes_on = answer.errno == _EAGAIN
                shown = shown if goes_on else answer
            self.amend(line.rules if line is not None else (), args=(wanted, flags, *room), answer=shown)
            if goes_on:
                line = self.take_out()
            return goes_on

        while True:
            with self._hold(fd) as hold:
                if attempt():
                    break
                until_ns = self.host.gives_up_ns(fd, sends=False)
                as_ever = self._judge(call, hold, until_ns)

                def judge(restarts: bool, again: bool, as_ever: Judge = as_ever) -> Broken:
                    if attempt():
                        return Broken.OVER
                    return self._over(line, shown) if taken else as_ever(restarts, again)

                woken = True
                with suppress(Interrupted):
                    if not self.wait_for(
                        _on(call, line), attempt, [fd], reason=blocked.on, until_ns=until_ns, line=line, judge=judge
                    ) and not attempt():  # fmt: skip
                        self.put(line, shown)
                    break
            self.guests.handle()
        self.guests.handle()
        return shown


def _any_ready(ready: Any) -> bool:
    """Whether poll, epoll_wait or select has found anything."""
    return any(ready) if isinstance(ready, tuple) else bool(ready)


def _on(call: str, line: CallEvent | None) -> str:
    return f"{call}()" if line is None or line.socket is None else f"{call}() on {line.socket}"
