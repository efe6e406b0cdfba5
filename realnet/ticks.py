"""Where the kernel's count of ticks stands: by that, timers of a quarter of a second and more are late.

Ticks fall on whole multiples of their length on the clock CLOCK_MONOTONIC; what is not known of their count (jiffies)
is with what number it began. Root reads it in /proc/timer_list. Anybody else finds out by waiting: a `recv` with a
time-out waits on the kernel's wheel, where a wait of more than 63 ticks ends when the count is a multiple of 8, and one
of more than 504 when it is one of 64. That takes four seconds, once a process.

A timer may fire a tick late besides: each processor looks at the count on its own tick, and another one counts.

Not here: what the wheel does with the count (the model's wheel.py).
"""

from __future__ import annotations

import re
import socket
import struct
import time
from collections import Counter
from contextlib import suppress
from functools import cache
from pathlib import Path

WHOLE = 64
"""What is found out of the count without root is its remainder by this."""
_LIST = Path("/proc/timer_list")
_CLOCK_MONOTONIC_COARSE = 6
_LOOKS, _BETWEEN_S = 15, 0.0007
_SHORT_S, _LONG_S, _SHORT_WAITS = 0.3, 2.1, 5
_NS = 1_000_000_000


@cache
def tick_ns() -> int:
    """The length of a tick (CONFIG_HZ)."""
    return round(time.clock_getres(_CLOCK_MONOTONIC_COARSE) * _NS)


@cache
def ticks_ahead() -> int:
    """The count of ticks when CLOCK_MONOTONIC was 0: the remainder by `WHOLE`, from 0 on."""
    try:
        return _read() % WHOLE
    except OSError:
        return _waited() % WHOLE


def count_at(monotonic_ns: int) -> int:
    """The remainder of the count of ticks by `WHOLE` at a moment of CLOCK_MONOTONIC."""
    return (monotonic_ns // tick_ns() + ticks_ahead()) % WHOLE


def wait_for(count: int, after_ns: int) -> int:
    """Sleep until the count of ticks has this remainder by `WHOLE`, and the tick is `after_ns` old. That moment of
    CLOCK_MONOTONIC.
    """
    now = time.monotonic_ns()
    first = now // tick_ns() + 1
    moment = (first + (count - ticks_ahead() - first) % WHOLE) * tick_ns() + after_ns
    while (left_ns := moment - time.monotonic_ns()) > 0:
        time.sleep(left_ns / _NS)
    return moment


def _read() -> int:
    """As root. Raises OSError for anybody else, or where there is no such file."""
    found: Counter[int] = Counter()
    for _ in range(_LOOKS):
        text = _LIST.read_text()
        now = re.search(r"^now at (\d+)", text, re.MULTILINE)
        count = re.search(r"^jiffies: (\d+)", text, re.MULTILINE)
        if now is None or count is None:
            raise FileNotFoundError(f"{_LIST} does not tell the count of ticks")
        found[int(count[1]) - int(now[1]) // tick_ns()] += 1
        time.sleep(_BETWEEN_S)
    return found.most_common(1)[0][0]


def _waited() -> int:
    """By the ends of waits, the short ones first: one may be a tick late, and the earliest is not."""
    short = {-_end_of_wait(_SHORT_S) % 8 for _ in range(_SHORT_WAITS)}
    right = next((one for one in short if (one + 1) % 8 not in short), 0)
    long = -_end_of_wait(_LONG_S) % WHOLE
    return long + (right - long) % 8


def _end_of_wait(seconds: float) -> int:
    """The tick, counted on CLOCK_MONOTONIC, on which a `recv` gave up that had so long."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        timeval = struct.pack("@ll", int(seconds), round(seconds % 1 * 1_000_000))
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval)
        silent.bind(("127.0.0.1", 0))
        with suppress(BlockingIOError):
            silent.recv(1)
        return time.monotonic_ns() // tick_ns()
