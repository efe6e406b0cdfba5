"""How long calls wait: SO_LINGER, SO_RCVTIMEO and SO_SNDTIMEO.

Times are kept in ticks, rounded up, and told as they are kept. Of the two structures all bytes are asked for.

Not here: the waiting (simnet/kernel.py), what close() does meanwhile (tcp/closing.py).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from ...endpoint import FOR_EVER_TICKS, Endpoint
from ...profiles import SECOND
from ...values.constants import SO_LINGER, SO_RCVTIMEO, SO_SNDTIMEO, SOL_SOCKET
from .row import Option

if TYPE_CHECKING:
    from ...world.host import Host

_LINGER = struct.Struct("=ii")


def _linger(end: Endpoint, host: Host) -> bytes:
    """struct linger. What is longer than its second number holds is cut off there."""
    seconds = end.linger_ticks * host.profile.jiffy_ns // SECOND & 0xFFFF_FFFF
    return _LINGER.pack(end.lingers, seconds - (seconds >> 31 << 32))


def _set_linger(end: Endpoint, value: bytes, host: Host) -> None:
    """SO_LINGER for ever is as long as the kernel can wait at most, which is what less than nothing means too
    (MAX_SCHEDULE_TIMEOUT). A time is not changed by switching it off.
    """
    end.lingers, seconds = bool((given := _LINGER.unpack_from(value))[0]), given[1]
    if end.lingers:
        ticks_a_second = SECOND // host.profile.jiffy_ns
        within = 0 <= seconds < FOR_EVER_TICKS // ticks_a_second
        end.linger_ticks = seconds * ticks_a_second if within else FOR_EVER_TICKS


_TIMEVAL = struct.Struct("=qq")
_MICROSECONDS = 1_000_000


def _patience(ticks: int | None, host: Host) -> bytes:
    """A number of ticks as struct timeval; zero is for ever (`sock_get_timeout`)."""
    seconds, ns = divmod((ticks or 0) * host.profile.jiffy_ns, SECOND)
    return _TIMEVAL.pack(seconds, ns // 1000)


def _ticks(value: bytes, host: Host) -> int | None:
    """struct timeval in ticks, rounded up; None for zero, and for more than a counter of ticks holds, which are for
    ever; none at all for a negative time (`sock_set_timeout`).
    """
    seconds, microseconds = _TIMEVAL.unpack(value[: _TIMEVAL.size])
    if seconds < 0:
        return 0
    if seconds >= FOR_EVER_TICKS // (SECOND // host.profile.jiffy_ns) - 1:
        return None
    ns = seconds * SECOND + microseconds * 1000
    return -(-ns // host.profile.jiffy_ns) if ns else None


def is_no_time(option: Option, value: int | bytes) -> bool:
    """Whether a value is a struct timeval that is no time."""
    if option.size != _TIMEVAL.size or isinstance(value, int):
        return False
    return not 0 <= _TIMEVAL.unpack(value[: _TIMEVAL.size])[1] < _MICROSECONDS


def _set_receive_patience(end: Endpoint, value: bytes, host: Host) -> None:
    end.receive_ticks = _ticks(value, host)


def _set_send_patience(end: Endpoint, value: bytes, host: Host) -> None:
    end.send_ticks = _ticks(value, host)


_NO_TIME = "Too many microseconds, or fewer than none: EDOM. Less than no seconds is no patience at all."
ROWS = (
    Option(
        SOL_SOCKET, SO_LINGER, "SO_LINGER", _linger, _set_linger, size=_LINGER.size,
        note="struct linger. Less than no seconds is for ever; switched off, the seconds stay as they were.",
    ),
    Option(
        SOL_SOCKET, SO_RCVTIMEO, "SO_RCVTIMEO", lambda e, h: _patience(e.receive_ticks, h), _set_receive_patience,
        size=_TIMEVAL.size, note=f"struct timeval, in ticks of the kernel's clock, rounded up. {_NO_TIME}",
    ),
    Option(
        SOL_SOCKET, SO_SNDTIMEO, "SO_SNDTIMEO", lambda e, h: _patience(e.send_ticks, h), _set_send_patience,
        size=_TIMEVAL.size, note="As SO_RCVTIMEO.",
    ),
)  # fmt: skip
