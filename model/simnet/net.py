"""`SimNet`: one simulated network, its modules and its trace.

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

Not here: further hosts, a wire that can be held, threads.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any, NoReturn

from .. import machines  # noqa: F401  # a rule is there once its file is imported: this imports them all
from ..profiles import LINUX, Profile
from ..trace import Trace
from ..world.world import World
from .kernel import Kernel
from .modules import make_modules

_LATER = {
    "threading": "guest threads are not modelled yet: write the scenario with non-blocking sockets",
    "wire": "the wire is not modelled yet: the only link is the loopback",
}


class SimNet:
    """A context manager that yields a simulated net: its modules, and in `trace` every call made through them.

    `seed` decides where the kernel is free (ports, sequence numbers); `profile` is the system that is simulated.
    """

    socket: ModuleType
    select: ModuleType
    selectors: ModuleType
    fcntl: ModuleType
    time: ModuleType
    trace: Trace
    world: World

    def __init__(self, seed: int = 0, profile: Profile = LINUX) -> None:
        self.seed, self.profile = seed, profile
        self._kernel: Kernel | None = None

    def __enter__(self) -> SimNet:
        if self._kernel is not None and self._kernel.running:
            raise RuntimeError("this SimNet is entered already; make another one")
        self.trace = Trace("model", seed=self.seed, profile=self.profile.name)
        self.world = World(seed=self.seed, profile=self.profile, trace=self.trace)
        self._kernel = Kernel(self.world.host, self.trace.events)
        modules = make_modules(self._kernel)
        self.socket, self.select, self.selectors = modules["socket"], modules["select"], modules["selectors"]
        self.fcntl, self.time = modules["fcntl"], modules["time"]
        return self

    def __exit__(self, *exception: object) -> None:
        if self._kernel is not None:
            self._kernel.sweep()
            self._kernel.running = False

    def host(self, name: str) -> NoReturn:
        """A further host of the same net; not modelled yet."""
        raise NotImplementedError(
            f"host {name!r}: further hosts are not modelled yet, a net is one host and its loopback"
        )

    def __getattr__(self, name: str) -> Any:
        if name in ("socket", "select", "selectors", "fcntl", "time", "trace", "world"):
            raise AttributeError(f"net.{name} is there inside the with statement: with SimNet() as net: ...")
        raise AttributeError(_LATER.get(name, f"a SimNet has no attribute {name!r}"))
