"""The algorithms of congestion control by the names that TCP_CONGESTION and net.ipv4.tcp_congestion_control know.

Not here: bbr, which sends by a clock; the others of the kernel, which are modules that most systems do not load.
"""

from __future__ import annotations

from collections.abc import Callable

from .block import Tcb
from .congestion import Algorithm, Reno
from .cubic import Cubic

ALGORITHMS: dict[str, Callable[[], Algorithm]] = {"reno": Reno, "cubic": Cubic}


def set_algorithm(tcb: Tcb, name: str) -> None:
    """Go on with this algorithm, from where the window is. KeyError for a name that is not one of `ALGORITHMS`."""
    tcb.control, tcb.control_name = ALGORITHMS[name](), name
