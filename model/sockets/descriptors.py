"""Descriptors: the small integers that programs hold, and the calls that begin by looking one up.

A descriptor is OPEN or CLOSED. A call on a closed one answers EBADF, whatever the call. The lowest free number is
given out, as POSIX demands, so a closed descriptor's number soon means another socket (numbers.py).

Behind a descriptor is a socket or an epoll, and each kind refuses the calls that are for the other.

A file may have several descriptors (dup(2), fcntl(2)). Then each call on one is a call on the file, and can be seen
through all: O_NONBLOCK belongs to the file. FD_CLOEXEC belongs to the descriptor. To close one of several does nothing
to the file: nothing is sent, nobody is woken, and an epoll that watches the file under the closed number goes on
reporting it under that number, which nobody can take back before the last descriptor of the file is closed.

When no number is free below the limit, what would make a descriptor says EMFILE: `socket` after its arguments were
looked at, `accept` before it looks at its socket, so that a connection that waits goes on waiting.

Not here: what an epoll does (waiting/epoll.py); flags of a file other than O_NONBLOCK (O_APPEND, O_ASYNC, O_NOATIME
raise `NotModelled`); files that are no sockets; handing descriptors to other programs.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from enum import IntEnum
from typing import TYPE_CHECKING

import attrs

from ..rules import Machine
from ..values.constants import (
    AF_INET,
    EPOLL_CLOEXEC,
    EPOLL_MAX_EVENTS,
    F_GETFD,
    F_GETFL,
    F_SETFD,
    FD_CLOEXEC,
    IPPROTO_TCP,
    IPPROTO_UDP,
    O_NONBLOCK,
    O_RDWR,
    SOCK_DGRAM,
    SOCK_STREAM,
)
from ..values.results import OK, Answer, Done, Fail

if TYPE_CHECKING:
    from ..world.host import Host


class DescriptorState(IntEnum):
    CLOSED = 0
    OPEN = 1


class DescriptorEvent(IntEnum):
    SOCKET = 0
    CALL = 1
    CLOSE = 2
    POLL = 3
    SELECT = 4
    SET_BLOCKING = 5
    EPOLL_CREATE = 6
    EPOLL_CALL = 7
    EPOLL_WAIT = 8
    ACCEPT = 9
    DUP = 10
    FLAGS = 11


@attrs.define(eq=False)
class Descriptor:
    """A descriptor as the machine sees it; made for one call, never stored."""

    fd: int
    state: DescriptorState = DescriptorState.CLOSED


DESCRIPTOR = Machine("descriptor", "Descriptor", DescriptorState, DescriptorEvent)
_CLOSED, _OPEN = DescriptorState.CLOSED, DescriptorState.OPEN
_UNLIMITED = "the random check leaves the limit of its process alone; tests/simnet/test_descriptors.py, on both arms"


@DESCRIPTOR.rule(
    on=DescriptorEvent.SOCKET, stays=(_CLOSED,), when=lambda d, family, kind, proto, host: family != AF_INET,
    cite="socket(2), EAFNOSUPPORT", unconfirmed="no other family is offered on either arm yet",
)  # fmt: skip
def socket_of_other_family(d: Descriptor, family: int, kind: int, proto: int, host: Host) -> Answer:
    """Only AF_INET is modelled: EAFNOSUPPORT."""
    return Fail(errno.EAFNOSUPPORT)


_PROTOCOLS = {SOCK_STREAM: (0, IPPROTO_TCP), SOCK_DGRAM: (0, IPPROTO_UDP)}


@DESCRIPTOR.rule(
    on=DescriptorEvent.SOCKET, stays=(_CLOSED,), cite="socket(2), EMFILE", unconfirmed=_UNLIMITED,
    when=lambda d, family, kind, proto, host: proto in _PROTOCOLS.get(kind, ()) and host.numbers.is_full(),
)  # fmt: skip
def socket_finds_no_number(d: Descriptor, family: int, kind: int, proto: int, host: Host) -> Answer:
    """The program has as many descriptors as it may have: EMFILE."""
    return Fail(errno.EMFILE)


@DESCRIPTOR.rule(
    on=DescriptorEvent.SOCKET, moves={_CLOSED: _OPEN},
    when=lambda d, family, kind, proto, host: kind == SOCK_STREAM and proto in _PROTOCOLS[kind], cite="socket(2)",
)  # fmt: skip
def tcp_socket_opens(d: Descriptor, family: int, kind: int, proto: int, host: Host) -> Answer:
    """A fresh TCP socket: blocking, unbound, unconnected."""
    return Done(host.open_descriptor(host.new_tcb()))


@DESCRIPTOR.rule(
    on=DescriptorEvent.SOCKET, moves={_CLOSED: _OPEN},
    when=lambda d, family, kind, proto, host: kind == SOCK_DGRAM and proto in _PROTOCOLS[kind], cite="socket(2)",
)  # fmt: skip
def udp_socket_opens(d: Descriptor, family: int, kind: int, proto: int, host: Host) -> Answer:
    """A fresh UDP socket: blocking, without a port."""
    return Done(host.open_descriptor(host.new_udp()))


@DESCRIPTOR.rule(
    on=DescriptorEvent.SOCKET, stays=(_CLOSED,), cite="socket(2), EPROTONOSUPPORT",
)  # fmt: skip
def socket_of_other_protocol(d: Descriptor, family: int, kind: int, proto: int, host: Host) -> Answer:
    """This kind of socket does not speak that protocol: EPROTONOSUPPORT."""
    return Fail(errno.EPROTONOSUPPORT)


@DESCRIPTOR.rule(on=DescriptorEvent.CALL, stays=(_CLOSED,), cite="POSIX, EBADF")
def call_on_closed_descriptor(d: Descriptor, host: Host, ioctl: bool = False) -> Answer:
    """No socket has this number (any more): EBADF."""
    return Fail(errno.EBADF)


@DESCRIPTOR.rule(
    on=DescriptorEvent.CALL, stays=(_OPEN,), cite="ioctl(2), ENOTTY", unconfirmed="Linux before 6.9; seen in the guest",
    when=lambda d, host, ioctl=False: ioctl and not host.profile.epoll_has_requests,
)  # fmt: skip
def ioctl_on_epoll_without_requests(d: Descriptor, host: Host, ioctl: bool = False) -> Answer:
    """An epoll knows no request at all: ENOTTY."""
    return Fail(errno.ENOTTY)


@DESCRIPTOR.rule(
    on=DescriptorEvent.CALL, stays=(_OPEN,), when=lambda d, host, ioctl=False: ioctl, cite="ioctl(2), EINVAL",
)  # fmt: skip
def ioctl_on_epoll(d: Descriptor, host: Host, ioctl: bool = False) -> Answer:
    """An epoll has no bytes to count: EINVAL, where other files that do not know a request say ENOTTY."""
    return Fail(errno.EINVAL)


@DESCRIPTOR.rule(on=DescriptorEvent.CALL, stays=(_OPEN,), cite="POSIX, ENOTSOCK")
def socket_call_on_epoll(d: Descriptor, host: Host, ioctl: bool = False) -> Answer:
    """The call is for sockets, and an epoll is none: ENOTSOCK."""
    return Fail(errno.ENOTSOCK)


@DESCRIPTOR.rule(
    on=DescriptorEvent.ACCEPT, stays=(_OPEN,), when=lambda d, host: host.numbers.is_full(), cite="accept(2), EMFILE",
    unconfirmed=_UNLIMITED,
)  # fmt: skip
def accept_finds_no_number(d: Descriptor, host: Host) -> Answer:
    """The program has as many descriptors as it may have: EMFILE, before the socket is looked at.
    Whatever is open may be asked, and a connection that waits goes on waiting (get_unused_fd_flags)."""
    return Fail(errno.EMFILE)


@DESCRIPTOR.rule(
    on=DescriptorEvent.CLOSE, moves={_OPEN: _CLOSED}, when=lambda d, shared, host: shared, cite="close(2); dup(2)",
)  # fmt: skip
def one_of_several_closes(d: Descriptor, shared: bool, host: Host) -> Answer:
    """The number is free again, and nothing happens to the file: it has another descriptor, or a call waits on it.
    Epolls go on reporting it under the closed number (epoll(7), Q6)."""
    return OK


@DESCRIPTOR.rule(on=DescriptorEvent.CLOSE, moves={_OPEN: _CLOSED}, cite="close(2)")
def descriptor_closes(d: Descriptor, shared: bool, host: Host) -> Answer:
    """The last descriptor: its number is free again at once, whatever the connection still has to do."""
    return OK


@DESCRIPTOR.rule(on=DescriptorEvent.POLL, stays=(_OPEN,), cite="poll(2)")
def poll_tells_readiness(d: Descriptor, answer: Answer, host: Host) -> Answer:
    """Each descriptor that is ready, with the bits it was asked about; errors and hang-ups unasked."""
    return answer


@DESCRIPTOR.rule(on=DescriptorEvent.SELECT, stays=(_OPEN,), cite="select(2)")
def select_tells_readiness(d: Descriptor, answer: Answer, host: Host) -> Answer:
    """Three lists of descriptors that would not wait: to read, to write, with urgent data."""
    return answer


@DESCRIPTOR.rule(on=DescriptorEvent.SET_BLOCKING, stays=(_OPEN,), cite="fcntl(2), O_NONBLOCK")
def blocking_is_set(d: Descriptor, host: Host) -> Answer:
    """O_NONBLOCK belongs to the open file description: it is set or cleared."""
    return OK


# ---------------------------------------------------------------- several descriptors of one file


@DESCRIPTOR.rule(
    on=DescriptorEvent.DUP, stays=(_OPEN,), when=lambda d, least, inheritable, host: least >= host.numbers.limit,
    cite="fcntl(2), F_DUPFD: EINVAL",
)  # fmt: skip
def duplicate_is_beyond_the_limit(d: Descriptor, least: int, inheritable: bool, host: Host) -> Answer:
    """The number from which on one is wanted is beyond the limit itself: EINVAL."""
    return Fail(errno.EINVAL)


@DESCRIPTOR.rule(
    on=DescriptorEvent.DUP, stays=(_OPEN,), when=lambda d, least, inheritable, host: host.numbers.is_full(least),
    cite="dup(2), fcntl(2): EMFILE", unconfirmed=_UNLIMITED,
)  # fmt: skip
def duplicate_finds_no_number(d: Descriptor, least: int, inheritable: bool, host: Host) -> Answer:
    """The program has as many descriptors as it may have, or all from that number on are taken: EMFILE."""
    return Fail(errno.EMFILE)


@DESCRIPTOR.rule(on=DescriptorEvent.DUP, stays=(_OPEN,), cite="dup(2); fcntl(2), F_DUPFD, F_DUPFD_CLOEXEC")
def descriptor_is_duplicated(d: Descriptor, least: int, inheritable: bool, host: Host) -> Answer:
    """The lowest free number from that one on means the same file from now on.
    Whether it outlives exec is its own affair: F_DUPFD lets it, F_DUPFD_CLOEXEC does not."""
    new = host.duplicate(d.fd, least)
    if inheritable:
        host.numbers.inheritable.add(new)
    return Done(new)


def _asks_for(command: int) -> Callable[[Descriptor, int, int, Host], bool]:
    return lambda d, asked, value, host: asked == command


@DESCRIPTOR.rule(on=DescriptorEvent.FLAGS, stays=(_OPEN,), when=_asks_for(F_GETFD), cite="fcntl(2), F_GETFD")
def flags_of_a_descriptor_are_told(d: Descriptor, command: int, value: int, host: Host) -> Answer:
    """FD_CLOEXEC or nothing, of this descriptor alone."""
    return Done(0 if d.fd in host.numbers.inheritable else FD_CLOEXEC)


@DESCRIPTOR.rule(on=DescriptorEvent.FLAGS, stays=(_OPEN,), when=_asks_for(F_SETFD), cite="fcntl(2), F_SETFD")
def flags_of_a_descriptor_are_set(d: Descriptor, command: int, value: int, host: Host) -> Answer:
    """Whether it is closed on exec: of this descriptor, whatever others the file has. Other bits mean nothing."""
    (host.numbers.inheritable.discard if value & FD_CLOEXEC else host.numbers.inheritable.add)(d.fd)
    return Done(0)


@DESCRIPTOR.rule(on=DescriptorEvent.FLAGS, stays=(_OPEN,), when=_asks_for(F_GETFL), cite="fcntl(2), F_GETFL")
def flags_of_a_file_are_told(d: Descriptor, command: int, value: int, host: Host) -> Answer:
    """Open for reading and writing, and O_NONBLOCK if it is set, through whichever descriptor that was."""
    file = host.file(d.fd)
    assert file is not None
    return Done(O_RDWR | O_NONBLOCK * file.nonblocking)


@DESCRIPTOR.rule(
    on=DescriptorEvent.FLAGS, stays=(_OPEN,), cite="fcntl(2), EINVAL", unconfirmed="locks and leases are not offered",
)  # fmt: skip
def other_commands_are_refused(d: Descriptor, command: int, value: int, host: Host) -> Answer:
    """No such command: EINVAL."""
    return Fail(errno.EINVAL)


# ---------------------------------------------------------------- epoll


@DESCRIPTOR.rule(
    on=DescriptorEvent.EPOLL_CREATE, stays=(_CLOSED,), when=lambda d, size, flags, host: size <= 0,
    cite="epoll_create(2), EINVAL", unconfirmed="Python refuses such a size itself",
)  # fmt: skip
def epoll_of_no_size(d: Descriptor, size: int, flags: int, host: Host) -> Answer:
    """The size is a hint that means nothing any more, but must be positive: EINVAL."""
    return Fail(errno.EINVAL)


@DESCRIPTOR.rule(
    on=DescriptorEvent.EPOLL_CREATE, stays=(_CLOSED,), when=lambda d, size, flags, host: bool(flags & ~EPOLL_CLOEXEC),
    cite="epoll_create1(2), EINVAL", unconfirmed="Python refuses such flags itself",
)  # fmt: skip
def epoll_with_other_flags(d: Descriptor, size: int, flags: int, host: Host) -> Answer:
    """There is no flag but EPOLL_CLOEXEC: EINVAL."""
    return Fail(errno.EINVAL)


@DESCRIPTOR.rule(
    on=DescriptorEvent.EPOLL_CREATE, stays=(_CLOSED,), when=lambda d, size, flags, host: host.numbers.is_full(),
    cite="epoll_create(2), EMFILE", unconfirmed=_UNLIMITED,
)  # fmt: skip
def epoll_finds_no_number(d: Descriptor, size: int, flags: int, host: Host) -> Answer:
    """The program has as many descriptors as it may have: EMFILE."""
    return Fail(errno.EMFILE)


@DESCRIPTOR.rule(on=DescriptorEvent.EPOLL_CREATE, moves={_CLOSED: _OPEN}, cite="epoll_create(2)")
def epoll_opens(d: Descriptor, size: int, flags: int, host: Host) -> Answer:
    """A fresh epoll, which watches nothing."""
    return Done(host.open_epoll())


@DESCRIPTOR.rule(on=DescriptorEvent.EPOLL_CALL, stays=(_OPEN,), cite="epoll_ctl(2), epoll_wait(2): EINVAL")
def epoll_call_on_socket(d: Descriptor, host: Host) -> Answer:
    """The call is for epolls, and a socket is none: EINVAL."""
    return Fail(errno.EINVAL)


@DESCRIPTOR.rule(
    on=DescriptorEvent.EPOLL_WAIT, stays=(_CLOSED, _OPEN), cite="epoll_wait(2), EINVAL: maxevents; EP_MAX_EVENTS",
    when=lambda d, most, host: not 0 < most <= EPOLL_MAX_EVENTS, unconfirmed="Python refuses such numbers itself",
)  # fmt: skip
def wait_for_an_impossible_number(d: Descriptor, most: int, host: Host) -> Answer:
    """No events, or more than memory holds: EINVAL, before the descriptor is looked at."""
    return Fail(errno.EINVAL)
