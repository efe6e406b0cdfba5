"""The modules of one simulated host, put together.

`selectors` and `socket` are the standard library's own source over the simulated `select` and `_socket`; `fcntl` and
`time` are ours altogether.

Not here: which world the host is in (net.py).
"""

from __future__ import annotations

from types import ModuleType

from ..stdlib import fresh
from .clock import make_time
from .controlling import make_fcntl
from .kernel import Kernel
from .lowlevel import adopt, make_socket_module
from .selecting import make_select


def make_modules(kernel: Kernel) -> dict[str, ModuleType]:
    """The modules of one host by name, leaving no line in its trace."""
    select = make_select(kernel)
    selectors = fresh("selectors", {"select": select})
    socket = fresh("socket", {"_socket": make_socket_module(kernel), "selectors": selectors})
    adopt(socket, kernel)
    kernel.events.clear()
    return {
        "socket": socket,
        "select": select,
        "selectors": selectors,
        "fcntl": make_fcntl(kernel),
        "time": make_time(kernel),
    }
