"""The modules of one simulated host, put together.

`selectors` and `socket` are the standard library's own source over the simulated `select` and `_socket`; `fcntl` and
`time` are ours altogether.

What the originals write in C does not become a method when a class keeps it: ``_select = select.select`` in the body of
SelectSelector, ``clock = time.monotonic`` in a program's own class are called without the instance. A Python function
would be handed it. `_as_in_c` takes that difference away.

Not here: which world the host is in (net.py).
"""

from __future__ import annotations

from types import FunctionType, ModuleType

from ..guests.modules import make_signal, make_threading
from ..stdlib import fresh
from .clock import make_time
from .controlling import make_fcntl
from .kernel import Kernel
from .lowlevel import adopt, make_socket_module
from .selecting import make_select


def make_modules(kernel: Kernel) -> dict[str, ModuleType]:
    """The modules of one host by name, leaving no line in its trace."""
    before = len(kernel.events)
    select = _as_in_c(make_select(kernel))
    kernel.probing = True
    selectors = fresh("selectors", {"select": select})
    kernel.probing = False
    socket = fresh("socket", {"_socket": _as_in_c(make_socket_module(kernel)), "selectors": selectors})
    adopt(socket, kernel)
    time = _as_in_c(make_time(kernel))
    threading, queue = make_threading(kernel.guests, time)
    del kernel.events[before:]
    return {
        "socket": socket,
        "select": select,
        "selectors": selectors,
        "fcntl": _as_in_c(make_fcntl(kernel)),
        "time": time,
        "threading": threading,
        "queue": queue,
        "signal": make_signal(kernel.guests),
    }


def _as_in_c(module: ModuleType) -> ModuleType:
    """The module, with functions that are not bound to the instances of a class that keeps them."""
    functions = {name: value for name, value in module.__dict__.items() if isinstance(value, FunctionType)}
    module.__dict__.update({name: staticmethod(function) for name, function in functions.items()})
    return module
