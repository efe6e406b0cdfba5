"""`SimNet`: a simulated network, its modules and its trace.

A scenario is a function of one argument, the net, in plain socket code. The same function runs on the model and on
the running kernel:

    def greeting(net):
        server = net.socket.create_server(("127.0.0.1", 80))
        client = net.socket.create_connection(("127.0.0.1", 80))
        ...

    with SimNet(seed=0) as net:
        greeting(net)

Every entry makes a new world: virtual time starts at zero, no descriptor is open, and the same seed gives the same
run to the byte.

The net is itself a host, called "lo". `net.host("b")` is a further one with the same modules and an address of its own
(`address`), and `net.wire` is what joins them.

Its threads (`net.threading`, `net.queue`, `net.concurrent.futures`) are guests: one runs at a time, in virtual time,
and which is decided by the seed (model/guests). A thread of any host may use the sockets of every other.

Not here: one select over sockets of two hosts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cached_property
from types import ModuleType
from typing import Any

from .. import machines  # noqa: F401  # a rule is there once its file is imported: this imports them all
from ..choices import Seeded
from ..guests.modules import join_all, make_concurrent
from ..profiles import LINUX, Profile
from ..rules import Arrow
from ..sockets.numbers import MOST
from ..trace import Trace
from ..trail import CountedTrail
from ..world.host import Host
from ..world.world import World
from .greenlets import Greenlets
from .kernel import Kernel
from .modules import make_modules
from .wire import SimWire

_INSIDE = (
    "socket", "select", "selectors", "fcntl", "time", "threading", "queue", "signal", "concurrent", "trace", "world",
    "wire",
)  # fmt: skip


class SimHost:
    """One simulated host: the modules that a program on it imports."""

    socket: ModuleType
    select: ModuleType
    selectors: ModuleType
    fcntl: ModuleType
    time: ModuleType
    threading: ModuleType
    queue: ModuleType
    signal: ModuleType

    def _live_on(self, host: Host, world: World, trace: Trace, guests: Greenlets) -> None:
        self._host = host
        self._kernel = Kernel(host, trace.events, world, guests)
        modules = make_modules(self._kernel)
        self.socket, self.select, self.selectors = modules["socket"], modules["select"], modules["selectors"]
        self.fcntl, self.time = modules["fcntl"], modules["time"]
        self.threading, self.queue, self.signal = modules["threading"], modules["queue"], modules["signal"]
        self.__dict__.pop("concurrent", None)

    @cached_property
    def concurrent(self) -> ModuleType:
        """`concurrent`, which has `futures`; made when it is first asked for."""
        return make_concurrent(self._kernel.guests, self.threading, self.queue, self.time)

    @property
    def address(self) -> str:
        """The host's address on the wire; 127.0.0.1 for a host that is alone."""
        return self._host.addresses[0] if self._host.addresses else "127.0.0.1"

    def _leave(self) -> None:
        self._kernel.sweep()
        self._kernel.running = False


class SimNet(SimHost):
    """A context manager that yields a simulated net: its modules, and in `trace` every call made through them.

    `seed` decides where the kernel is free (ports, sequence numbers); `profile` is the system that is simulated;
    `descriptor_limit`, at least 3, is one more than the highest descriptor that a host's program may have, which has 0,
    1 and 2 to begin with (RLIMIT_NOFILE); `watch_limit`, at least 0, is how many files all epolls of a host may watch
    in all (fs.epoll.max_user_watches), None as many as they like: the kernel's own limit grows with the machine's
    memory and lies beyond a million. Raises ValueError for a limit that cannot be.
    """

    trace: Trace
    world: World
    wire: SimWire

    def __init__(
        self,
        seed: int = 0,
        profile: Profile = LINUX,
        descriptor_limit: int = MOST,
        watch_limit: int | None = None,
    ) -> None:
        if watch_limit is not None and watch_limit < 0:
            raise ValueError(f"a limit of {watch_limit} watches: it must be 0 or more")
        self.seed, self.profile = seed, profile
        self.descriptor_limit, self.watch_limit = descriptor_limit, watch_limit
        self._hosts: dict[str, SimHost] = {}
        self._entered = False

    def __enter__(self) -> SimNet:
        if self._entered:
            raise RuntimeError("this SimNet is entered already; make another one")
        self._entered = True
        self.trace = Trace("model", seed=self.seed, profile=self.profile.name)
        self.world = World(seed=self.seed, profile=self.profile, trace=self.trace)
        self._guests = Greenlets(self.world, Seeded(self.seed), self.trace.events)
        self._live_on(self._limited(self.world.host), self.world, self.trace, self._guests)
        self._hosts = {self.world.host.name: self}
        self.wire = SimWire(self.world)
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        try:
            if kind is None:
                self.join_threads()
        finally:
            before = len(self.trace.events)
            self._guests.end_all()
            del self.trace.events[before:]
            self._empty()

    def _limited(self, host: Host) -> Host:
        host.numbers.limit, host.watch_limit = self.descriptor_limit, self.watch_limit
        return host

    def waiting(self) -> dict[str, str]:
        """Which threads wait, by name, and in which call: ``{"server": "accept() on s1"}``."""
        return self._guests.waiting()

    def woken_in_vain(self) -> dict[str, int]:
        """How often each thread that waits was woken meanwhile for what was not there, by name: ``{"server": 0}``."""
        return self._guests.woken_in_vain()

    def waited_for(self) -> dict[str, str]:
        """What each thread that waits in a call waits for, by name: ``{"server": "a connection to accept"}``."""
        return self._guests.waited_for()

    def join_threads(self) -> None:
        """Wait for all threads that a program would wait for before it ends: those that are no daemons."""
        for host in self._hosts.values():
            join_all(host.threading)
        self._guests.observe(self._host.seen)

    def count_arrows(self) -> Callable[[], Counter[Arrow]]:
        """Count from now on which arrows of the rules fire, on the net's own host and of its threads; returns what
        tells the counts so far.
        """
        self._host.trail, self._guests.trail = trails = CountedTrail(), CountedTrail()
        return lambda: trails[0].so_far() + trails[1].so_far()

    def _empty(self) -> None:
        for host in self._hosts.values():
            host._leave()
        self._entered = False

    def host(self, name: str) -> SimHost:
        """The host of this name; a new one, joined to all others by the wire, if there is none yet."""
        if not name.isidentifier():
            raise ValueError(f"host {name!r}: a name of letters, digits and underscores is wanted")
        found = self._hosts.get(name)
        if found is None:
            found = self._hosts[name] = SimHost()
            host = self._limited(self.world.add_host(name))
            found._live_on(host, self.world, self.trace, self._guests)
        return found

    def __getattr__(self, name: str) -> Any:
        if name in _INSIDE or name.startswith("_"):
            raise AttributeError(f"net.{name} is there inside the with statement: with SimNet() as net: ...")
        raise AttributeError(f"a SimNet has no attribute {name!r}")
