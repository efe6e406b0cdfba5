"""`RealNet`: the running kernel in a private network namespace, its modules and the trace of every call.

The other arm of `model.SimNet`: one scenario, a function of the net in plain socket code, runs on both.

    def greeting(net):
        server = net.socket.create_server(("127.0.0.1", 80))
        client = net.socket.create_connection(("127.0.0.1", 80))
        ...

    with RealNet() as net:
        greeting(net)

Here `net.socket` and `net.selectors` are the standard library's own source executed over the real `_socket` and
`select` with a recorder in between, `net.fcntl` is the real one recorded, `net.time` *is* the real one: a call that
waits, waits, and one that can never end hangs.

Threads of `net.threading`, and those of pools of `net.concurrent.futures`, are threads of the machine's own that take
turns (baton.py). Sockets left open are closed on the way out; then the thread that entered is back where it was.

Not here: further hosts, wires.
"""

from __future__ import annotations

import _socket
from contextlib import ExitStack, nullcontext
from functools import cached_property
from types import ModuleType
from typing import Any, NoReturn

from model.guests.modules import join_all, make_concurrent, make_signal, make_threading
from model.stdlib import fresh
from model.trace import Trace

from .baton import Nap
from .clock import make_time
from .controlling import make_fcntl
from .limits import DescriptorLimit, WatchLimit
from .namespace import Namespace
from .page import FreshPage
from .recorder import HOST, Recorder
from .selecting import make_select
from .settings import PINNED_SETTINGS, Settings
from .sockets import adopt, make_socket_module

_INSIDE = (
    "socket",
    "select",
    "selectors",
    "fcntl",
    "time",
    "threading",
    "queue",
    "signal",
    "concurrent",
    "trace",
    "settings",
    "kernel",
)
_LATER = {
    "wire": "a wire that can be held is not there yet: the only link is the loopback",
}


class RealNet:
    """A context manager that yields a net on the running kernel: `socket`, `select`, `selectors`, `fcntl`, `time`,
    and the `trace`.

    `settings` are those that are pinned (settings.py): `DEFAULT` has the kernel's own. `descriptor_limit` is how many
    descriptors the program may have, counted as on the model (limits.py); None leaves the process's own limit.
    `watch_limit` is how many files all its epolls may watch in all; None leaves the machine's own. For that the machine
    has a setting of its own as long as the net is entered, which is harmless (`limits.WatchLimit`). Raises
    `NamespaceRefused` where the machine does not allow a private network namespace, PermissionError where a limit on
    watches cannot be had, and ValueError for one that cannot be.
    """

    socket: ModuleType
    select: ModuleType
    selectors: ModuleType
    fcntl: ModuleType
    time: ModuleType
    threading: ModuleType
    queue: ModuleType
    signal: ModuleType
    trace: Trace
    settings: dict[str, str]
    """The settings of the namespace, by sysctl name, and the option that TCP sockets are told, if any."""
    kernel: str
    """The running kernel's release."""

    def __init__(
        self,
        seed: int = 0,
        settings: Settings = PINNED_SETTINGS,
        descriptor_limit: int | None = None,
        watch_limit: int | None = None,
    ) -> None:
        self.seed, self.descriptor_limit, self.watch_limit = seed, descriptor_limit, watch_limit
        self._watches = WatchLimit(watch_limit) if watch_limit is not None else nullcontext()
        self._told = settings
        self._stack: ExitStack | None = None

    def __enter__(self) -> RealNet:
        if self._stack is not None:
            raise RuntimeError("this RealNet is entered already; make another one")
        with ExitStack() as stack:
            namespace = stack.enter_context(Namespace(self._told))
            self.settings, self.kernel = namespace.settings, namespace.kernel
            with FreshPage() as page:
                page.turn()
            self.trace = Trace("kernel", host=HOST, kernel=self.kernel, settings=self.settings)
            stack.callback(_socket.setdefaulttimeout, _socket.getdefaulttimeout())
            _socket.setdefaulttimeout(None)  # the process's own default does not reach into the net
            recorder = Recorder(namespace, self.trace, self.seed, self._told)
            stack.callback(recorder.close_all)
            stack.callback(recorder.guests.end_all)
            self._guests, self._recorder = recorder.guests, recorder
            self.select, self.fcntl, self.time = make_select(recorder), make_fcntl(recorder), make_time(recorder)
            self.threading, self.queue = make_threading(recorder.guests, self.time)
            self.signal = make_signal(recorder.guests)
            self.selectors = fresh("selectors", {"select": self.select})
            self.socket = fresh("socket", {"_socket": make_socket_module(recorder), "selectors": self.selectors})
            adopt(self.socket, recorder)
            stack.enter_context(self._watches)
            if self.descriptor_limit is not None:
                stack.enter_context(DescriptorLimit(self.descriptor_limit))
            recorder.start()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        stack, self._stack = self._stack, None
        if stack is not None:
            with stack:
                if kind is None:
                    self.join_threads()

    @cached_property
    def concurrent(self) -> ModuleType:
        """`concurrent`, which has `futures`; made when it is first asked for."""
        return make_concurrent(self._guests, self.threading, self.queue, self.time)

    def waiting(self) -> dict[str, str]:
        """Which threads wait, by name, and in which call: ``{"server": "accept() on s1"}``."""
        return self._guests.waiting()

    def woken_in_vain(self) -> dict[str, int]:
        """How often each thread that waits was woken meanwhile for what was not there, by name: ``{"server": 0}``."""
        return self._guests.woken_in_vain()

    @property
    def naps(self) -> list[Nap]:
        """How threads that waited in a call were seen to sleep in the kernel, in order."""
        return self._guests.naps

    def join_threads(self) -> None:
        """Wait for all threads that a program would wait for before it ends: those that are no daemons."""
        join_all(self.threading)
        self._recorder.observe()

    def host(self, name: str) -> NoReturn:
        """A further host of the same net; not there yet."""
        raise NotImplementedError(
            f"no host {name!r}: further hosts are not there yet, a RealNet is one host and its loopback"
        )

    def __getattr__(self, name: str) -> Any:
        if name in _INSIDE:
            raise AttributeError(f"net.{name} is there inside the with statement: with RealNet() as net: ...")
        raise AttributeError(_LATER.get(name, f"a RealNet has no attribute {name!r}"))
