"""A call that fails changes nothing: the promise behind "would block", and where it is broken.

Two nets. On both arms a table says which calls fail in which state, and with what; before and after each of them
everything that can be seen of every socket is the same, and nothing was sent. On the model every call is made in every
state, and whatever fails leaves every field of the whole host as it was: what cannot be seen now might be seen later.

The exceptions are listed with their reasons, by the rule that makes them, and each must still be needed. A failing
call may report a pending error, which is thereby gone. A few were meant to fail quietly and do not.

Arguments that the model refuses (a flag, an option, a request that it does not know) raise, and change nothing either.

Not here: calls that succeed.
"""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Iterator
from typing import Any

import attrs
import pytest

from model.choices import Seeded
from model.endpoint import Endpoint
from model.sockets.options import NotModelled
from model.values.constants import (
    FIONREAD,
    IPPROTO_IP,
    IPPROTO_TCP,
    MSG_EOR,
    MSG_ERRQUEUE,
    MSG_OOB,
    MSG_PEEK,
    SHUT_RD,
    SHUT_RDWR,
    SHUT_WR,
    SIOCATMARK,
    SO_ERROR,
    SO_MEMINFO,
    SO_RCVBUF,
    SO_SNDBUF,
    SO_TYPE,
    SOL_SOCKET,
    TCP_INFO,
    TCP_NODELAY,
    TIOCOUTQ,
)
from model.values.results import Fail
from model.world.host import Host
from model.world.syscalls import CALLS as SYSCALLS

from .arms import on_both_arms
from .states import STATES
from .traces import HERE, NOTHING_ELSE, SERVER, End, ModelEnd, ModelNet, Net

FOREIGN = ("10.99.99.99", 80)
UNSUPPORTED = errno.errorcode[errno.EOPNOTSUPP]

Calls = dict[str, tuple[Any, ...]]

CALLS: Calls = {
    "bind": ("bind", (HERE, 82)),
    "bind to port 80": ("bind", SERVER),
    "bind to another machine": ("bind", FOREIGN),
    "listen": ("listen", 1),
    "accept": ("accept",),
    "connect": ("connect", SERVER),
    "connect to nobody": ("connect", (HERE, 9)),
    "connect to another machine": ("connect", FOREIGN),
    "send": ("send", b"data", 0),
    "send nothing": ("send", b"", 0),
    "send too much": ("send", bytes(65_508), 0),
    "sendto": ("sendto", b"data", 0, SERVER),
    "sendto port 0": ("sendto", b"data", 0, (HERE, 0)),
    "sendto another machine": ("sendto", b"data", 0, FOREIGN),
    "recv": ("recv", 100, 0),
    "recvfrom": ("recvfrom", 100, 0),
    "peek": ("recv", 100, MSG_PEEK),
    "read a report": ("recvmsg", 100, MSG_ERRQUEUE, 0),
    "send urgent": ("send", b"x", MSG_OOB),
    "recv urgent": ("recv", 1, MSG_OOB),
    "at mark": ("ioctl", SIOCATMARK),
    "shut reading": ("shutdown", SHUT_RD),
    "shut writing": ("shutdown", SHUT_WR),
    "shut both": ("shutdown", SHUT_RDWR),
    "getsockname": ("getsockname",),
    "getpeername": ("getpeername",),
    "FIONREAD": ("ioctl", FIONREAD),
    "TIOCOUTQ": ("ioctl", TIOCOUTQ),
    "set half an option": ("setsockopt", SOL_SOCKET, SO_RCVBUF, b"ab"),
    "set SO_ERROR": ("setsockopt", SOL_SOCKET, SO_ERROR, 1),
    "set SO_TYPE": ("setsockopt", SOL_SOCKET, SO_TYPE, 1),
    "set TCP_NODELAY": ("setsockopt", IPPROTO_TCP, TCP_NODELAY, 1),
    "get TCP_NODELAY": ("getsockopt", IPPROTO_TCP, TCP_NODELAY),
    "get TCP_INFO": ("getsockopt", IPPROTO_TCP, TCP_INFO, 1),
}


GROUPS = {
    "binds": ("bind", "bind to port 80"),
    "connects": ("connect", "connect to nobody", "connect to another machine"),
    "sends": ("send", "send nothing", "send too much", "sendto", "sendto port 0", "sendto another machine"),
    "reads": ("recv", "recvfrom", "peek"),
    "shuts": ("shut reading", "shut writing", "shut both"),
    "opens": ("listen", "accept"),
    "TCP's options": ("get TCP_NODELAY", "get TCP_INFO"),
}

# ---------------------------------------------------------------- what can be seen, on both arms

IN_ANY_STATE = """bind to another machine EADDRNOTAVAIL, set half an option EINVAL, set SO_ERROR ENOPROTOOPT,
    set SO_TYPE ENOPROTOOPT"""
DATAGRAM = f"opens {UNSUPPORTED}, TCP's options {UNSUPPORTED}, set TCP_NODELAY ENOPROTOOPT, at mark ENOTTY"
NOT_A_PLACE = "connect to another machine ENETUNREACH, sendto another machine ENETUNREACH, sendto port 0 EINVAL"
NO_PEER = "send EDESTADDRREQ, send nothing EDESTADDRREQ, send too much EDESTADDRREQ, getpeername ENOTCONN"

FAILING = {
    "fresh": "sends EPIPE, reads ENOTCONN, accept EINVAL, connect to another machine ENETUNREACH, getpeername ENOTCONN",
    "bound": "binds EINVAL, sends EPIPE, reads ENOTCONN, accept EINVAL, connect to another machine ENETUNREACH",
    "beside_another": "bind to port 80 EADDRINUSE, sends EPIPE, reads ENOTCONN, accept EINVAL",
    "listens": "binds EINVAL, connects EISCONN, sends EPIPE, reads ENOTCONN, accept EAGAIN, getpeername ENOTCONN, "
    "FIONREAD EINVAL, TIOCOUTQ EINVAL",
    "listens_and_one_waits": "binds EINVAL, connects EISCONN, sends EPIPE, reads ENOTCONN, FIONREAD EINVAL",
    "connecting": "binds EINVAL, connects EALREADY, sends EAGAIN, reads EAGAIN, opens EINVAL, getpeername ENOTCONN",
    "refused": "shuts ENOTCONN, opens EINVAL, getpeername ENOTCONN",
    "refused_and_told": "sends EPIPE, shuts ENOTCONN, opens EINVAL, getpeername ENOTCONN",
    "refused_and_shut": "connects EINVAL, sends EPIPE, shuts ENOTCONN, opens EINVAL, getpeername ENOTCONN",
    "connected": "binds EINVAL, connects EISCONN, reads EAGAIN, opens EINVAL",
    "connected_unasked": "binds EINVAL, reads EAGAIN, opens EINVAL",
    "self_connected": "binds EINVAL, reads EAGAIN, opens EINVAL",
    "bytes_wait": "binds EINVAL, connects EISCONN, opens EINVAL",
    "window_is_closed": "binds EINVAL, connects EISCONN, opens EINVAL",
    "buffer_is_full": "send EAGAIN, send too much EAGAIN, sendto EAGAIN, binds EINVAL, connects EISCONN, reads EAGAIN",
    "both_buffers_are_full": "binds EINVAL, connects EISCONN, opens EINVAL",
    "fin_wait_2": "binds EINVAL, connects EISCONN, sends EPIPE, reads EAGAIN, opens EINVAL",
    "close_waits": "binds EINVAL, connects EISCONN, opens EINVAL",
    "last_acks": "binds EINVAL, connects EISCONN, sends EPIPE, opens EINVAL",
    "closes_at_once": "binds EINVAL, connects EISCONN, sends EPIPE, opens EINVAL",
    "rests": "connects EISCONN, sends EPIPE, shuts ENOTCONN, opens EINVAL, getpeername ENOTCONN",
    "was_reset": "connects EISCONN, shuts ENOTCONN, opens EINVAL, getpeername ENOTCONN",
    "was_shut_before": "binds EINVAL, sends EPIPE, reads EAGAIN, opens EINVAL",
    "datagram_fresh": f"reads EAGAIN, {DATAGRAM}, getpeername ENOTCONN",
    "datagram_bound": f"binds EINVAL, reads EAGAIN, {DATAGRAM}, {NOT_A_PLACE}, {NO_PEER}",
    "datagram_connected": f"binds EINVAL, reads EAGAIN, {DATAGRAM}, {NOT_A_PLACE}, send too much EMSGSIZE",
    "datagram_refused": f"binds EINVAL, {DATAGRAM}, {NOT_A_PLACE}, send too much EMSGSIZE",
    "datagrams_wait": f"binds EINVAL, {DATAGRAM}, {NOT_A_PLACE}, {NO_PEER}",
}

STICKS = "shut reading ENOTCONN, shut both ENOTCONN"
CHANGING = {
    "fresh": f"{STICKS}, connect EINPROGRESS, connect to nobody EINPROGRESS",
    "bound": STICKS,
    "refused": "connects ECONNREFUSED, sends ECONNREFUSED, reads ECONNREFUSED",
    "refused_and_told": "connects ECONNABORTED",
    "rests": "bind to port 80 EADDRINUSE",
    "was_reset": "sends ECONNRESET, reads ECONNRESET, bind to port 80 EADDRINUSE",
    "datagram_fresh": f"{STICKS}, {NO_PEER.removesuffix(', getpeername ENOTCONN')}, sendto port 0 EINVAL, "
    "sendto another machine ENETUNREACH, connect to another machine ENETUNREACH",
    "datagram_bound": STICKS,
    "datagram_refused": "send ECONNREFUSED, send nothing ECONNREFUSED, sendto ECONNREFUSED, reads ECONNREFUSED",
}
"""Failures that show afterwards. An attempt has begun (EINPROGRESS); a pending error was reported and is gone; the end
of an attempt was noticed; shutdown of what is not connected shuts it all the same; a bind that finds the address taken
forgets the one before; a datagram socket takes a port before it looks at the destination.
"""


def expected(table: str) -> Iterator[tuple[str, str]]:
    """(call, errno) for each entry of a table, groups written out."""
    for entry in table.split(","):
        calls, error = entry.strip().rsplit(" ", 1)
        for call in GROUPS.get(calls, (calls,)):
            yield call, error


def visible(ends: tuple[End, ...]) -> list[Any]:
    """Everything that calls without side effects tell of every socket."""
    asked = ((SOL_SOCKET, SO_SNDBUF), (SOL_SOCKET, SO_RCVBUF), (IPPROTO_TCP, TCP_NODELAY), (IPPROTO_TCP, TCP_INFO, 1))
    return [
        (
            *(end.call(name) for name in ("getsockname", "getpeername")),
            *(end.call("getsockopt", *option) for option in asked),
            *(end.poll(), end.readable(), end.unacknowledged()),
            end.call("getsockopt", SOL_SOCKET, SO_MEMINFO, 36)[32:],
        )
        for end in ends
    ]


def settled(net: Net, state: str) -> tuple[End, ...]:
    """A socket in this state, and the others, with nothing under way any more."""
    ends = STATES[state](net)
    net.wait(0.05)
    net.sent()
    return ends


@pytest.mark.parametrize("state", FAILING)
@on_both_arms
def test_a_failing_call_shows_nowhere(net: Net, state: str) -> None:
    ends = settled(net, state)
    before = visible(ends)
    for call, error in expected(f"{IN_ANY_STATE}, {FAILING[state]}"):
        assert (call, ends[0].call(*CALLS[call])) == (call, error)
        assert (call, net.sent(), visible(ends)) == (call, NOTHING_ELSE, before)


@pytest.mark.parametrize(
    ("state", "call", "error"), [(state, *entry) for state, table in CHANGING.items() for entry in expected(table)]
)
@on_both_arms
def test_a_failing_call_that_shows(net: Net, state: str, call: str, error: str) -> None:
    ends = STATES[state](net)
    net.sent()
    before = visible(ends)
    assert ends[0].call(*CALLS[call]) == error
    assert (net.sent(), visible(ends)) != (NOTHING_ELSE, before)


def test_every_state_has_a_table() -> None:
    assert set(FAILING) == set(STATES)


@on_both_arms
def test_a_closed_descriptor_answers_ebadf_whatever_is_asked(net: Net) -> None:
    client, server = settled(net, "connected")
    third = net.tcp("third")
    third.close()
    before = visible((client, server))
    for call, (name, *args) in CALLS.items():
        if name != "ioctl":  # Python looks at the number itself
            assert (call, third.call(name, *args)) == (call, "EBADF")
    assert (net.sent(), visible((client, server))) == (NOTHING_ELSE, before)


# ---------------------------------------------------------------- the whole host, on the model

SHUT = {"read_shut", "write_shut"}
AS_GOOD_AS_NEW = {"life", "local", "remote", "read_shut", "write_seq", "write_shut", "window_clamp"}

MAY_CHANGE = {
    "send_reports_error": {"error"},
    "recv_reports_error": {"error"},
    "sending_reports_refusal": {"error"},
    "receiving_reports_refusal": {"error"},
    "connect_asked_again_reports_failure": {"error", *AS_GOOD_AS_NEW},
    "connect_asked_again_too_late": AS_GOOD_AS_NEW,
    "shutdown_without_connection": SHUT,
    "shutdown_of_failed_attempt": {"life"},
    "udp_shutdown_without_peer": SHUT,
    "bind_where_another_is": {"local"},
    "udp_connect_without_route": {"flow", "way"},
    "first_use_takes_a_port": {"holds_port", "local", "state", "udp_ports"},
}
"""Which rules of failing calls change which fields; CHANGING above has the reasons. An attempt that has begun
(EINPROGRESS) is left out: it is no failure but a success that is told later.
"""


def picture(value: Any) -> Any:
    """A value of the model as plain data, down to the last field, so that two moments can be compared."""
    if attrs.has(type(value)):
        return {field.name: picture(getattr(value, field.name)) for field in attrs.fields(type(value))}
    if isinstance(value, list | tuple | deque):
        return [picture(item) for item in value]
    if isinstance(value, dict):
        return {key: picture(item) for key, item in value.items()}
    return bytes(value) if isinstance(value, bytearray) else set(value) if isinstance(value, set) else value


LOG = {"asked", "policy", "profile", "trace", "trail"}
"""What records a call, or answers a choice, is no state."""


def whole(host: Host) -> dict[str, Any]:
    """Every field of a host and of its endpoints, by ``endpoint.field`` or ``host.field``."""
    found = {f"host.{f.name}": getattr(host, f.name) for f in attrs.fields(Host) if f.name not in LOG}
    ends: dict[int, Endpoint] = found.pop("host.endpoints")
    found["host.descriptors"] = {fd: end.number for fd, end in host.descriptors.items()}
    for number, end in ends.items():
        found |= {f"{number}.{f.name}": getattr(end, f.name) for f in attrs.fields(type(end))}
    return {name: picture(value) for name, value in found.items()}


def changed(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    return {name for name in before.keys() | after.keys() if before.get(name, picture) != after.get(name, picture)}


def failures() -> Iterator[tuple[str, set[str], set[str]]]:
    """Every call in every state that fails: what it was, the fields that it changed, the rules that fired."""
    for state, factory in STATES.items():
        net = ModelNet()
        end, *_ = factory(net)
        assert isinstance(end, ModelEnd)
        net.wait(0.05)
        for call, (name, *args) in CALLS.items():
            host = net.host.fork(Seeded(0))
            host.trail.clear()
            before = whole(host)
            answer = SYSCALLS[name](host, end.fd, *args)
            if isinstance(answer, Fail) and answer.errno != errno.EINPROGRESS:
                fields = {name.split(".")[1] for name in changed(before, whole(host))}
                yield f"{call} in {state}: {answer.name}", fields, {arrow.rule.name for arrow in host.trail}


def test_a_failing_call_leaves_every_field_as_it_was() -> None:
    made = 0
    used: set[str] = set()
    for what, fields, rules in failures():
        allowed = {rule for rule in rules if MAY_CHANGE.get(rule, set()) & fields}
        assert (what, fields - set().union(*(MAY_CHANGE[rule] for rule in allowed))) == (what, set())
        used |= allowed
        made += 1
    assert used == set(MAY_CHANGE), "an exception that is not needed any more"
    assert made > 450


def test_a_call_on_a_copy_leaves_the_original_alone() -> None:
    """Else the test above would prove nothing: it makes every call on a copy."""
    for factory in STATES.values():
        net = ModelNet()
        end, *_ = factory(net)
        assert isinstance(end, ModelEnd)
        before = whole(net.host)
        for name, *args in CALLS.values():
            SYSCALLS[name](net.host.fork(Seeded(0)), end.fd, *args)
        assert changed(before, whole(net.host)) == set()


# ---------------------------------------------------------------- what the model does not know

UNKNOWN: Calls = {
    "recv with MSG_EOR": ("recv", 1, MSG_EOR),
    "sendmsg with MSG_OOB": ("sendmsg", b"x", MSG_OOB, SERVER, []),
    "recvmsg with MSG_OOB": ("recvmsg", 1, MSG_OOB, 0),
    "recvfrom with MSG_EOR": ("recvfrom", 1, MSG_EOR),
    "get SO_PEEK_OFF": ("getsockopt", SOL_SOCKET, 42),
    "set SO_PEEK_OFF": ("setsockopt", SOL_SOCKET, 42, 1),
    "set IP_TRANSPARENT": ("setsockopt", IPPROTO_IP, 19, 1),
    "ioctl SIOCSPGRP": ("ioctl", 0x8902),
}


@pytest.mark.parametrize("call", UNKNOWN)
def test_what_the_model_does_not_know_raises_and_changes_nothing(call: str) -> None:
    name, *args = UNKNOWN[call]
    for factory in STATES.values():
        net = ModelNet()
        end, *_ = factory(net)
        assert isinstance(end, ModelEnd)
        before = whole(net.host)
        with pytest.raises(NotModelled, match="not modelled"):
            end.call(name, *args)
        assert changed(before, whole(net.host)) == set()


@pytest.mark.parametrize(
    ("arguments", "error"),
    [((10, 1, 0), "EAFNOSUPPORT"), ((2, 3, 0), "EPROTONOSUPPORT"), ((2, 1, 17), "EPROTONOSUPPORT")],
)
def test_a_socket_that_cannot_be_made_leaves_nothing_behind(arguments: tuple[int, int, int], error: str) -> None:
    host = ModelNet().host
    before = whole(host)
    answer = SYSCALLS["socket"](host, *arguments)
    assert isinstance(answer, Fail)
    assert (answer.name, changed(before, whole(host))) == (error, set())
