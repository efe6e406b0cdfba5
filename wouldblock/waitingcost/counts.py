"""What waiting costs, counted: the vocabulary that prediction and measurement share.

Not here: who counts (prediction.py, measurement.py).
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

REFUSED = " EAGAIN"
"""What stands behind the name of a call that said would-block."""


PORT = 4713
BURST, LIMIT = 1100, 1_000_000
"""Of a token bucket: bytes that it holds, enough for one datagram, and that may wait for it."""


@attrs.frozen
class Counts:
    """What a piece of work has cost, the server's and the driver's share together unless said otherwise."""

    calls: Mapping[str, int]
    """System calls by name; those that said would-block apart, as ``recv EAGAIN``."""
    sleeps: int
    """How often a thread gave the processor up because it had to wait: voluntary context switches."""
    displaced: int
    """How often a thread that could have run on was switched away from: involuntary context switches."""
    wakeups: int
    """How often a thread of the server was woken."""

    @property
    def system_calls(self) -> int:
        """All of them."""
        return sum(self.calls.values())

    @property
    def switches(self) -> int:
        """Context switches of either kind."""
        return self.sleeps + self.displaced
