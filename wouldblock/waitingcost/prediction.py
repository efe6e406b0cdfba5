"""What waiting costs, predicted: the program runs on the model, on one simulated processor, and is counted.

Calls are counted where a thread makes them (`Kernel.step`): the first that reaches the host behind a step is the
program's, what follows was asked on its behalf. Sleeps and wake-ups are counted by the processor
(model/simnet/processor.py). No trace is kept: with a thousand sockets each call would write down a thousand
observations.

A call takes a microsecond of virtual time, or what `takes_ns` says: behind it timers fire and waits run out. So a loop
that spins spins as often as it can in the time for which there is nothing to do.

Not here: processor time (costs.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from model.choices import Seeded
from model.simnet.kernel import Kernel
from model.simnet.modules import make_modules
from model.simnet.processor import Processor
from model.values.constants import AF_INET, SOCK_DGRAM
from model.values.results import Answer, Done, Fail
from model.world.device import Device
from model.world.host import Host
from model.world.world import World

from .counts import BURST, LIMIT, PORT, REFUSED, Counts

SERVER = "server"
A_CALL_NS = 1000
"""How long a call takes of which nothing else is said."""
_EAGAIN = 11
_SAME = {"sendto": "send"}
"""Calls of Python's that are one system call."""


class Predicted:
    """A net on the model for the programs of this room. `counts` is what was counted, behind it."""

    counts: Counts

    def __init__(self, takes_ns: Mapping[str, int] | None = None) -> None:
        self.world = World(seed=0)
        self.processor = Processor(self.world, Seeded(0), [])
        self._kernel = _CountingKernel(self.world.host, self.world, self.processor, takes_ns or {})
        modules = make_modules(self._kernel)
        self.socket, self.select, self.time = modules["socket"], modules["select"], modules["time"]
        self.threading = modules["threading"]
        self.asked: Counter[str] = Counter()
        """How many descriptors select and poll were asked about, by name of the call."""

    def start(self, function: Callable[..., None], *args: Any) -> Any:
        """Run a function in a thread of the server."""
        thread = self.threading.Thread(target=function, args=args, name=SERVER)
        thread.start()
        return thread

    def give_way(self) -> None:
        """sched_yield(2)."""
        self._kernel.made("sched_yield")
        self.processor.give_way()

    def make_urgent(self) -> None:
        """The calling thread runs before all others as soon as it can."""
        self.processor.make_urgent()

    @contextmanager
    def device(self, bytes_per_second: int) -> Iterator[tuple[Any, tuple[str, int]]]:
        """A UDP socket that sends through a token bucket, and the address of a receiver behind it, who never reads."""
        far = self.world.add_host("far")
        receiver = far.call("socket", AF_INET, SOCK_DGRAM, 0)
        assert isinstance(receiver, Done)
        far.call("bind", receiver.value, (far.addresses[0], PORT))
        self.world.host.device = Device(bytes_per_second * 8, BURST, LIMIT)
        with self.socket.socket(type=SOCK_DGRAM) as sock:
            yield sock, (far.addresses[0], PORT)

    @contextmanager
    def counting(self) -> Iterator[None]:
        """What happens in here is counted."""
        processor, kernel = self.processor, self._kernel
        calls, sleeps = kernel.calls.copy(), processor.sleeps.total()
        displaced, wakeups = processor.displaced.total(), self._server_wakeups()
        asked = kernel.asked.copy()
        yield
        self.asked = kernel.asked - asked
        self.counts = Counts(
            calls=dict(sorted((kernel.calls - calls).items())),
            sleeps=processor.sleeps.total() - sleeps,
            displaced=processor.displaced.total() - displaced,
            wakeups=self._server_wakeups() - wakeups,
        )

    def _server_wakeups(self) -> int:
        return sum(count for guest, count in self.processor.wakeups.items() if guest.name() == SERVER)


class _CountingKernel(Kernel):
    """The way down to the host, where calls are counted and take their time."""

    def __init__(self, host: Host, world: World, processor: Processor, takes_ns: Mapping[str, int]) -> None:
        super().__init__(host, [], world, processor)
        self.call = self._counted
        self.calls: Counter[str] = Counter()
        self.asked: Counter[str] = Counter()
        self._answer_to = host.call
        self._takes_ns = takes_ns
        self._is_next = False
        self._took_ns = 0

    def step(self) -> None:
        if self._took_ns:
            self.clock.sleep_until(self.clock.now_ns + self._took_ns)
            self._took_ns = 0
            self.guests.lapse()
        super().step()
        self._is_next = True

    def sleep(self, ns: int) -> None:
        self.step()
        self._is_next = False
        self.made("sleep")
        self.guests.wait("sleep()", lambda: False, self.clock.now_ns + ns)

    def made(self, call: str) -> None:
        """The program has made a call."""
        self.calls[call] += 1
        self._took_ns += self._takes_ns.get(call, A_CALL_NS)

    def _counted(self, name: str, *args: Any) -> Answer:
        answer = self._answer_to(name, *args)
        if self._is_next:
            self._is_next = False
            refused = isinstance(answer, Fail) and answer.errno == _EAGAIN
            self.made(_SAME.get(name, name) + REFUSED * refused)
            if name in {"poll", "select"}:
                self.asked[name] += len(args[0]) if name == "poll" else sum(map(len, args))
        return answer
