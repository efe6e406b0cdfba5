"""The two calls, as rules: what a wrong option, length or value answers, in the order in which the kernel looks.

Not here: what an option does (its own room).
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from ...endpoint import Endpoint
from ...udp.machine import UdpSocket, UdpState
from ...values.results import OK, Answer, Done, Fail
from ..life import ANY_LIFE, SOCKET, LifeEvent
from .patience import is_no_time
from .row import Option
from .streams import the_name
from .table import option_of

if TYPE_CHECKING:
    from ...world.host import Host

_INT = 4


def _has_no_path(end: Endpoint, option: Option, buflen: int, host: Host) -> bool:
    if option.name != "IP_MTU":
        return False
    return end.state is not UdpState.CONNECTED if isinstance(end, UdpSocket) else not end.remote[1]


@SOCKET.rule(
    on=LifeEvent.GETSOCKOPT,
    stays=ANY_LIFE,
    when=lambda end, option, buflen, host: not option.concerns(end),
    cite="getsockopt(2); udp_getsockopt hands other levels to IP",
)
def option_of_other_protocol(end: Endpoint, option: Option, buflen: int, host: Host) -> Answer:
    """Another protocol's option, or one of a level that there is not: EOPNOTSUPP."""
    return Fail(errno.EOPNOTSUPP)


@SOCKET.rule(
    on=LifeEvent.GETSOCKOPT, stays=ANY_LIFE, when=lambda end, option, buflen, host: option.get is None,
    cite="getsockopt(2), ENOPROTOOPT",
    unconfirmed="the random check asks for what there is; tests/calls/test_option_table.py asks for more",
)  # fmt: skip
def option_cannot_be_read(end: Endpoint, option: Option, buflen: int, host: Host) -> Answer:
    """The option can only be set, or nobody knows it: ENOPROTOOPT."""
    return Fail(errno.ENOPROTOOPT)


@SOCKET.rule(
    on=LifeEvent.GETSOCKOPT,
    stays=ANY_LIFE,
    when=lambda end, option, buflen, host: option.name == "SO_ERROR",
    cite="socket(7), SO_ERROR",
)
def pending_error_is_read(end: Endpoint, option: Option, buflen: int, host: Host) -> Answer:
    """The pending error, or 0; it is thereby reported, and gone."""
    return _shaped(option, end, buflen, host)


@SOCKET.rule(
    on=LifeEvent.GETSOCKOPT, stays=ANY_LIFE, when=_has_no_path, cite="ip(7), IP_MTU",
    unconfirmed="the cross-check never asks for IP_MTU",
)  # fmt: skip
def mtu_without_path(end: Endpoint, option: Option, buflen: int, host: Host) -> Answer:
    """What gets through to whom? The socket is not connected: ENOTCONN.
    A connection that is over still has its route, until connect() has told of its end or a listener was shut."""
    return Fail(errno.ENOTCONN)


@SOCKET.rule(on=LifeEvent.GETSOCKOPT, stays=ANY_LIFE, cite="getsockopt(2); socket(7); tcp(7)")
def option_is_read(end: Endpoint, option: Option, buflen: int, host: Host) -> Answer:
    """The option's present value; for a buffer size what was granted, which is not what was asked for."""
    return _shaped(option, end, buflen, host)


def _shaped(option: Option, end: Endpoint, buflen: int, host: Host) -> Done:
    """The value in the form asked for: an int for `buflen` 0, else at most so many bytes. Options of IP whose value is
    that of one byte are one byte then, if there is no room for an int (`do_ip_getsockopt`).
    """
    assert option.get is not None
    value = option.get(end, host)
    if option.of_ip and isinstance(value, int) and 0 <= value < 1 << 8 and 0 < buflen < option.size:
        buflen = 1
    if isinstance(value, bytes):
        return Done(value[:buflen] if buflen else int.from_bytes(value[:4], "little", signed=True))
    return Done(value.to_bytes(4, "little", signed=True)[:buflen] if buflen else value)


@SOCKET.rule(
    on=LifeEvent.SETSOCKOPT, stays=ANY_LIFE, when=lambda end, option, value, host: not option.concerns(end),
    cite="setsockopt(2); udp_setsockopt; ip_setsockopt",
)  # fmt: skip
def option_is_not_for_this_protocol(end: Endpoint, option: Option, value: int | bytes, host: Host) -> Answer:
    """Another protocol's option, or one of a level that there is not: ENOPROTOOPT."""
    return Fail(errno.ENOPROTOOPT)


@SOCKET.rule(
    on=LifeEvent.SETSOCKOPT,
    stays=ANY_LIFE,
    when=lambda end, option, value, host: (_INT if isinstance(value, int) else len(value)) < option.shortest,
    cite="setsockopt(2), EINVAL",
)
def option_value_is_too_short(end: Endpoint, option: Option, value: int | bytes, host: Host) -> Answer:
    """Fewer bytes than the option's value has, or an empty name: EINVAL."""
    return Fail(errno.EINVAL)


@SOCKET.rule(
    on=LifeEvent.SETSOCKOPT,
    stays=ANY_LIFE,
    when=lambda end, option, value, host: is_no_time(option, value),
    cite="socket(7), SO_RCVTIMEO; sock_set_timeout, EDOM",
    unconfirmed="the random check never blocks, and sets no time-outs; tests/guests does",
)
def option_is_no_time(end: Endpoint, option: Option, value: int | bytes, host: Host) -> Answer:
    """A time has less than a million microseconds, and not fewer than none: EDOM."""
    return Fail(errno.EDOM)


@SOCKET.rule(
    on=LifeEvent.SETSOCKOPT,
    stays=ANY_LIFE,
    when=lambda end, option, value, host: option.set is None,
    cite="socket(7): read-only options",
)
def option_can_only_be_read(end: Endpoint, option: Option, value: int | bytes, host: Host) -> Answer:
    """The option can only be read, or nobody knows it: ENOPROTOOPT, if there are bytes enough for a value."""
    return Fail(errno.ENOPROTOOPT)


@SOCKET.rule(
    on=LifeEvent.SETSOCKOPT,
    stays=ANY_LIFE,
    when=lambda end, option, value, host: bool(option.names) and the_name(value) not in option.names,
    cite="tcp(7), TCP_CONGESTION; tcp_set_congestion_control, ENOENT",
    unconfirmed="the cross-check leaves TCP_CONGESTION alone",
)
def option_has_no_such_name(end: Endpoint, option: Option, value: int | bytes, host: Host) -> Answer:
    """The option's value is a name, and nothing has this one: ENOENT."""
    return Fail(errno.ENOENT)


@SOCKET.rule(
    on=LifeEvent.SETSOCKOPT,
    stays=ANY_LIFE,
    when=lambda end, option, value, host: not option.names and not option.takes(_number(value), end),
    cite="tcp(7); do_tcp_setsockopt, EINVAL",
)
def option_value_is_out_of_range(end: Endpoint, option: Option, value: int | bytes, host: Host) -> Answer:
    """The option has a range, which may depend on the socket's state, and this value lies outside: EINVAL."""
    return Fail(errno.EINVAL)


@SOCKET.rule(on=LifeEvent.SETSOCKOPT, stays=ANY_LIFE, cite="setsockopt(2); socket(7)")
def option_is_set(end: Endpoint, option: Option, value: int | bytes, host: Host) -> Answer:
    """The option takes effect. Of a buffer size the double is granted, to pay for overhead, within bounds."""
    assert option.set is not None
    option.set(end, the_name(value) if option.names else value if option.size > 4 else _number(value), host)
    return OK


def _number(value: int | bytes) -> int:
    if isinstance(value, int):
        return value
    return int.from_bytes(value[:4], "little", signed=True) if len(value) >= _INT else int.from_bytes(value[:1])


def getsockopt(end: Endpoint, level: int, number: int, buflen: int, host: Host) -> Answer:
    """The value: an int if `buflen` is 0, else at most `buflen` bytes of it."""
    return SOCKET.fire(  # type: ignore[no-any-return]
        host.trail, LifeEvent.GETSOCKOPT, end, option_of(end, level, number), buflen, host
    )


def setsockopt(end: Endpoint, level: int, number: int, value: int | bytes, host: Host) -> Answer:
    """Set the option. EINVAL for a value shorter than an int, ENOPROTOOPT for an option that can only be read."""
    return SOCKET.fire(  # type: ignore[no-any-return]
        host.trail, LifeEvent.SETSOCKOPT, end, option_of(end, level, number), value, host
    )
