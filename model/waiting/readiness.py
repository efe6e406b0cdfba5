"""Readiness: one function that gives any socket's poll mask, made of named conditions.

poll, select and epoll all read this one mask. Each bit is there because a condition with a name holds, so an
answer of poll can be explained like any other: "writable, because the sending direction was shut".

What surprises most: a socket that was never connected is *writable and hung up*; a direction that was shut is ready
for ever, because a call on it would not wait; a refused connect is readable, writable, hung up and in error at once.

Not here: waiting itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from ..endpoint import Endpoint
from ..tcp.block import Tcb, Urgent
from ..udp.machine import UdpSocket
from ..values.constants import (
    POLLERR,
    POLLHUP,
    POLLIN,
    POLLOUT,
    POLLPRI,
    POLLRDHUP,
    POLLRDNORM,
    POLLWRBAND,
    POLLWRNORM,
    TcpState,
)


@attrs.define(eq=False)
class Condition:
    """Why some bits of a mask are set. `holds` takes the endpoint."""

    name: str
    bits: int
    sentence: str
    cite: str
    holds: Callable[[Any], bool]


_CONNECTING = (TcpState.SYN_SENT, TcpState.SYN_RECEIVED)
_CLOSED, _LISTEN = TcpState.CLOSED, TcpState.LISTEN
_READ = POLLIN | POLLRDNORM
_WRITE = POLLOUT | POLLWRNORM


def _reads(tcb: Tcb) -> bool:
    """At the mark one byte more must wait: the urgent one is none that recv gives."""
    if tcb.at_mark and not tcb.urgent_inline:
        return tcb.state not in _CONNECTING and tcb.has_waiting(tcb.rcvlowat + 1)
    return tcb.state not in _CONNECTING and tcb.readable


LISTENER = (
    Condition(
        "connection_waits", _READ, "A connection waits to be accepted.", "accept(2)", lambda t: bool(t.accept_queue)
    ),
)

TCP_SOCKET = (
    Condition(
        "hung_up", POLLHUP, "Both directions are shut, or there is no connection.", "poll(2); tcp_poll",
        lambda t: (t.read_shut and t.write_shut) or t.state is _CLOSED,
    ),
    Condition(
        "end_is_readable", _READ | POLLRDHUP, "Nothing more will come: recv would not wait.", "poll(2), POLLRDHUP",
        lambda t: t.read_shut,
    ),
    Condition(
        "bytes_are_readable", _READ, "Bytes wait to be read, as many as SO_RCVLOWAT asks for.", "poll(2), POLLIN",
        _reads,
    ),
    Condition(
        "urgent_byte_waits", POLLPRI, "The peer's urgent byte is here, and was not read.", "poll(2), POLLPRI; tcp_poll",
        lambda t: t.urgent is Urgent.WAITING,
    ),
    Condition(
        "room_to_send", _WRITE, "At least a third of the send buffer is free.", "sk_stream_is_writeable",
        lambda t: t.state not in _CONNECTING and not t.write_shut and t.writable,
    ),
    Condition(
        "shut_is_writable", _WRITE, "The sending direction is shut: send would not wait, it would fail.", "tcp_poll",
        lambda t: t.state not in _CONNECTING and t.write_shut,
    ),
    Condition("error_waits", POLLERR, "An error is pending.", "poll(2), POLLERR", lambda t: t.error != 0),
    Condition(
        "error_report_waits", POLLERR, "A report of an error waits to be read.", "ip(7), IP_RECVERR",
        lambda t: bool(t.reports),
    ),
)  # fmt: skip

UDP_SOCKET = (
    Condition("udp_error_waits", POLLERR, "An error is pending.", "poll(2), POLLERR", lambda u: u.error != 0),
    Condition(
        "udp_error_report_waits", POLLERR, "A report of an error waits to be read.", "ip(7), IP_RECVERR",
        lambda u: bool(u.reports),
    ),
    Condition(
        "udp_end_is_readable", _READ | POLLRDHUP, "The reading direction was shut.", "datagram_poll",
        lambda u: u.read_shut,
    ),
    Condition(
        "udp_hung_up", POLLHUP, "Both directions were shut.", "datagram_poll", lambda u: u.read_shut and u.write_shut,
    ),
    Condition(
        "datagram_is_readable", _READ, "A datagram waits, possibly an empty one.", "poll(2), POLLIN",
        lambda u: u.first is not None,
    ),
    Condition(
        "udp_is_writable", _WRITE | POLLWRBAND, "Less than half of the send buffer is used.",
        "datagram_poll; sock_writeable", lambda u: u.writable,
    ),
)  # fmt: skip


def conditions(endpoint: Endpoint) -> tuple[Condition, ...]:
    """The conditions that apply to this kind of socket in its present state."""
    if isinstance(endpoint, UdpSocket):
        return UDP_SOCKET
    return LISTENER if endpoint.state is _LISTEN else TCP_SOCKET  # type: ignore[attr-defined]


def readiness(endpoint: Endpoint) -> int:
    """The poll mask of a socket: every bit for which a condition holds, asked for or not."""
    mask = 0
    for condition in conditions(endpoint):
        if condition.bits & ~mask and condition.holds(endpoint):
            mask |= condition.bits
    return mask


def reasons(endpoint: Endpoint) -> tuple[Condition, ...]:
    """The conditions that hold for a socket now."""
    return tuple(condition for condition in conditions(endpoint) if condition.holds(endpoint))


def note_full(tcb: Tcb) -> None:
    """Remember that the send buffer was found full: it may grow when it has room again (SOCK_NOSPACE)."""
    if not tcb.write_shut and not tcb.writable:
        tcb.ran_full = True
