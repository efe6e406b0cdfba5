"""A cell of the table: a call made in a situation, and its answer in a form that two arms can share.

A port that the kernel was free to choose is shown as `*`, a new socket as `socket`: neither is a matter of the
situation. Everything else is compared as it is.

Not here: how a cell is written on the page (page.py).
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable
from resource import RUSAGE_THREAD, getrusage
from typing import Any

import attrs

from model import SimNet
from model.sockets.options import NotModelled

from ..situations import HERE, NOBODY, SITUATIONS, keep, let_go
from .calls import FREE, SOMEBODY, TAKEN, Column

PATIENCE_S = 0.012
"""How long a blocking call waits before it gives up, in seconds: three ticks of the kernel's."""
_KNOWN_PORTS = {0, *(port for _, port in (HERE, NOBODY, FREE, TAKEN, SOMEBODY))}
_TIMEVAL = struct.pack("=qq", 0, int(PATIENCE_S * 1e6))


@attrs.frozen
class Answer:
    """What came of one call. Exactly one of `error`, `missing` and `value` says it.

    `value` is what it returned, `error` the class and the number of its exception, `missing` the sentence of what is
    not modelled. `waited` is whether the thread slept in it, if the socket is blocking, `bits` and `left` what poll and
    SO_ERROR said afterwards, None if nothing was left to ask.
    """

    value: Any = None
    error: tuple[str, int] | None = None
    missing: str = ""
    waited: bool = False
    bits: int | None = None
    left: int | None = None


@attrs.frozen
class Cell:
    """A call in a situation: non-blocking, and blocking if it may wait."""

    nonblocking: Answer
    blocking: Answer | None = None

    @property
    def missing(self) -> bool:
        """Whether the model does not have it."""
        return bool(self.nonblocking.missing)


def cell(net: Any, situation: str, column: Column) -> Cell:
    """Make the call in the situation, on a net of either arm."""
    return Cell(
        _answer(net, situation, column, _nothing),
        _answer(net, situation, column, _block) if column.waits else None,
    )


def with_timeout(net: Any, situation: str, column: Column) -> Answer:
    """Make the call on a socket that has patience by settimeout(), which is Python's and not the kernel's."""
    return _answer(net, situation, column, _set_timeout)


def _nothing(net: Any, sock: Any) -> None:
    """It is non-blocking already."""


def _block(net: Any, sock: Any) -> None:
    sock.setblocking(True)
    for option in (net.socket.SO_RCVTIMEO, net.socket.SO_SNDTIMEO):
        sock.setsockopt(net.socket.SOL_SOCKET, option, _TIMEVAL)


def _set_timeout(net: Any, sock: Any) -> None:
    sock.settimeout(PATIENCE_S)


def _answer(net: Any, situation: str, column: Column, prepare: Callable[[Any, Any], None]) -> Answer:
    try:
        sock = _brought(net, situation)
        if sock.fileno() >= 0:
            prepare(net, sock)
        value, error = None, None
        before = _sleeps(net)
        try:
            value = _tidy(column.make(net, sock))
        except NotModelled as missing:
            return Answer(missing=str(missing))
        except (OSError, ValueError) as raised:
            error = (type(raised).__name__, getattr(raised, "errno", None) or 0)
        waited = prepare is _block and _sleeps(net) > before
        bits, left = _afterwards(net, sock)
        return Answer(value, error, "", waited, bits, left)
    finally:
        with contextlib.suppress(OSError, UnboundLocalError):
            sock.close()
        let_go()


def _sleeps(net: Any) -> int:
    """A number that grows if the thread sleeps, and only then: virtual time, or how often the kernel says that it gave
    the processor up by itself.
    """
    return net.time.monotonic_ns() if isinstance(net, SimNet) else getrusage(RUSAGE_THREAD).ru_nvcsw


def _brought(net: Any, situation: str) -> Any:
    """A socket in the situation; a closed one where there is no socket but a number."""
    sock = SITUATIONS[situation](net)
    if isinstance(sock, int):
        sock = keep(net.socket.socket())
        sock.close()
    return sock


def _afterwards(net: Any, sock: Any) -> tuple[int | None, int | None]:
    if sock.fileno() < 0:
        return None, None
    poll = net.select.poll()
    poll.register(sock, net.select.POLLIN | net.select.POLLPRI | net.select.POLLOUT | net.select.POLLRDHUP)
    bits = dict(poll.poll(0)).get(sock.fileno(), 0)
    return bits, sock.getsockopt(net.socket.SOL_SOCKET, net.socket.SO_ERROR)


def _tidy(value: Any) -> Any:
    if hasattr(value, "fileno"):
        return "socket"
    if isinstance(value, tuple | list):
        if len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], int):
            return value[0], value[1] if value[1] in _KNOWN_PORTS else "*"
        return tuple(_tidy(each) for each in value)
    return int(value) if isinstance(value, int) else value
