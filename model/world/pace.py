"""How long work takes: as a rule none, because virtual time goes on between calls only.

Where the model follows a kernel whose receive buffers tune themselves that is not enough: whether two reads belong to
one round trip is decided by microseconds, and a call takes some for each byte that it copies and for each segment that
is delivered while it lasts. So whoever follows tells a host its pace, and when each call was over on the kernel.

Not here: when calls begin (the cross-check's pair.py).
"""

from __future__ import annotations

import attrs


@attrs.frozen
class Pace:
    """What work costs."""

    byte_ps: int
    """To copy a byte, in picoseconds."""
    sending_ns: int
    """To send a segment over loopback, in nanoseconds."""
    arriving_ns: int
    """To process it where it arrived: later, if it has to wait for a call's end."""

    def times(self, factor: float) -> Pace:
        """So many times slower."""
        return Pace(*(round(each * factor) for each in attrs.astuple(self)))
