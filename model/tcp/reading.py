"""How long a recv of a blocking socket goes on (tcp_recvmsg_locked).

It has a *low water*: so many bytes it waits for, SO_RCVLOWAT or all that were asked for if that is less, and with
MSG_WAITALL all of them. Bytes that are there it takes at once, and so the window opens while it waits for the rest. It
goes on until it has its low water, until nothing can follow (end of file, an error, the mark of urgent data), or until
its patience or a signal ends it; then it answers with what it has. An error that comes behind bytes is left for the
next call.

Asked for no bytes it waits like any other, but only once: whatever wakes it, it has all that it asked for.

Not here: the calls themselves (calls.py); who sleeps and wakes (simnet/kernel.py).
"""

from __future__ import annotations

from ..values.constants import MSG_WAITALL, TcpState
from . import urgent
from .block import Tcb


def low_water(tcb: Tcb, wanted: int, flags: int) -> int:
    """How many bytes a recv of `wanted` bytes waits for (`sock_rcvlowat`)."""
    return wanted if flags & MSG_WAITALL else min(tcb.rcvlowat, wanted)


def up_to_mark(tcb: Tcb, wanted: int) -> int:
    """How many of so many bytes lie before the mark of urgent data."""
    before = urgent.before_mark(tcb)
    return wanted if before is None else min(wanted, before)


def follows_nothing(tcb: Tcb, read: int = 0) -> bool:
    """Whether a recv has come to an end behind the next `read` bytes: nothing can follow, or the mark is there."""
    over = tcb.fin_received or tcb.error or tcb.read_shut or tcb.state is TcpState.CLOSED
    at_mark = tcb.urgent and tcb.rcv_up == tcb.copied_seq + read
    return bool(at_mark or (over and tcb.readable_bytes <= read))
