"""A host that answers from a script: what the simulated modules do can be tested apart from what the model says.

`FakeHost` keeps a list of every call, answers from a table (call name -> answers, the last one repeated; a function is
called with the arguments), and has timers that are no more than a list of times. Descriptors count up from 3.

Not here: any behaviour of sockets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

from model.simnet.kernel import Kernel
from model.simnet.modules import make_modules
from model.sockets.numbers import Numbers
from model.trace import CallEvent, Event
from model.values.constants import F_GETFD, F_GETFL, F_SETFD, FD_CLOEXEC, O_NONBLOCK, O_RDWR
from model.values.observation import Observation
from model.values.results import Answer, Done, Fail
from model.waiting.sleeping import Beds, Queues, wake

Scripted = Answer | Callable[..., Answer]


class FakeHost:
    """A scripted host: `answers` maps a call's name to one answer or to a list that is used up, except its last."""

    def __init__(self, events: list[Event]) -> None:
        self.now_ns = 0
        self.timers: list[int] = []
        self.names: dict[int, str] = {}
        self.numbers = Numbers()
        self.sleepers: Queues = {}
        self.calls: list[tuple[Any, ...]] = []
        self.answers: dict[str, Scripted | list[Scripted]] = {
            "setblocking": Done(),
            "close": Done(),
            "fcntl": self._flags,
            "getsockname": Done(("0.0.0.0", 0)),
            "getpeername": Fail(107),
            "poll": Done([]),
            "select": Done(([], [], [])),
        }
        self._events = events
        self._nonblocking: set[int] = set()
        self._next_fd = 3

    def call(self, name: str, /, *args: Any) -> Answer:
        self.calls.append((name, *args))
        if name == "setblocking":
            (self._nonblocking.discard if args[1] else self._nonblocking.add)(args[0])
        scripted = self.answers.get(name)
        if isinstance(scripted, list):
            scripted = scripted.pop(0) if len(scripted) > 1 else scripted[0]
        if scripted is None and name == "socket":
            scripted = Done(self._next_fd)
            self._next_fd += 1
        assert scripted is not None, f"no answer for {name}{args}"
        answer = scripted(*args) if callable(scripted) else scripted
        if name == "poll":
            shown: tuple[Any, ...] = ([(f"s{fd}", events) for fd, events in args[0]],)
        else:
            shown = args
        self._events.append(CallEvent(self.now_ns, "lo", name, None, shown, answer, rules=(f"rule_of_{name}",)))
        return answer

    def _flags(self, fd: int, command: int, value: int = 0) -> Answer:
        if command == F_GETFL:
            return Done(O_RDWR | O_NONBLOCK * self.is_nonblocking(fd))
        if command == F_SETFD:
            (self.numbers.inheritable.discard if value else self.numbers.inheritable.add)(fd)
        return Done(FD_CLOEXEC * (fd not in self.numbers.inheritable)) if command in (F_GETFD, F_SETFD) else Fail(22)

    def has_error(self, fd: int, /) -> bool:
        return False

    def low_water(self, fd: int, /) -> int:
        return 1

    def is_connecting(self, fd: int, /) -> bool:
        return False

    def is_at_mark(self, fd: int, /) -> bool:
        return False

    def gives_up_ns(self, fd: int, /, *, sends: bool) -> int | None:
        return None

    def keep(self, fd: int, /) -> int:
        return -1

    def is_nonblocking(self, fd: int, /) -> bool:
        return fd in self._nonblocking

    def seen(self) -> tuple[tuple[str, Observation], ...]:
        return ()

    def beds(self, fds: Iterable[int], /) -> Beds:
        return Beds(self.sleepers, (0,))

    def sleep_until(self, at_ns: int, /) -> None:
        assert at_ns >= self.now_ns
        self.now_ns = at_ns
        self.timers = [timer for timer in self.timers if timer > at_ns]
        wake(0, 0, self.sleepers)  # whoever waits asks again

    def next_deadline(self) -> int | None:
        return min(self.timers, default=None)


class FakeNet(SimpleNamespace):
    """A net over a scripted host: its modules as attributes, and `fake`, `kernel`, `events`."""

    fake: FakeHost
    kernel: Kernel
    events: list[Event]

    def __init__(self) -> None:
        events: list[Event] = []
        fake = FakeHost(events)
        kernel = Kernel(fake, events, fake)
        super().__init__(fake=fake, kernel=kernel, events=events, **make_modules(kernel))
        fake.calls.clear()

    def event(self) -> CallEvent:
        """The last event of the trace, which is a call."""
        event = self.events[-1]
        assert isinstance(event, CallEvent)
        return event

    def answer(self) -> Answer:
        """What the trace says of the last call."""
        return self.event().answer

    def names(self) -> list[str]:
        """The calls that the trace shows."""
        return [event.call for event in self.events if isinstance(event, CallEvent)]
