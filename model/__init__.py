"""The model: the sockets API as state machines, and the simulated network that runs on them.

    from model import SimNet

    with SimNet(seed=0) as net:
        server = net.socket.create_server(("127.0.0.1", 80))

The rooms of this package are named in docs/; this file only opens the door. `SimNet` is looked up when it is asked
for, so that a reader of the rules (a diagram, a report) does not load the world.

Not here: anything that touches a real socket, a real clock or a real thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .simnet.net import SimNet
    from .waiting.scheduling import BusyLoop, Deadlock

__all__ = ["BusyLoop", "Deadlock", "SimNet"]


def __getattr__(name: str) -> Any:
    if name == "SimNet":
        from .simnet.net import SimNet

        return SimNet
    if name in ("BusyLoop", "Deadlock"):
        from .waiting import scheduling

        return getattr(scheduling, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
