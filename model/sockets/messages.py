"""sendmsg and recvmsg: what they do beyond send and recv, which is to say what goes with the bytes.

A message that is sent may have ancillary data. UDP looks at all items that are for IP or for sockets, TCP at those for
sockets only, and both refuse what they do not know; levels that are nobody's here are passed over. Access rights and
credentials are for Unix sockets, and are passed over too.

A message that is received has flags: that its bytes or its ancillary data were cut, that it is a report of an error.

Not here: bytes and addresses, which are those of send and recv (tcp/calls.py, udp/calls.py); items that change what is
sent (IP_TTL, IP_TOS, IP_PKTINFO, UDP_SEGMENT, SO_MARK, SO_TIMESTAMPING …): the model raises `NotModelled`.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..endpoint import Endpoint
from ..tcp.block import Tcb
from ..udp.machine import UdpSocket, UdpState
from ..values.addresses import Address
from ..values.constants import IPPROTO_UDP, SCM_CREDENTIALS, SCM_RIGHTS, SOL_IP, SOL_SOCKET, TcpState
from ..values.messages import Ancillary, space
from ..values.results import Answer, Fail
from .life import ANY_LIFE, SOCKET, LifeEvent
from .options import NotModelled

if TYPE_CHECKING:
    from ..world.host import Host

_OPTMEM_MAX = 131_072
"""Bytes of ancillary data that a message may not reach (net.core.optmem_max)."""
_ON_THE_STACK = 36
"""Bytes of ancillary data that need no memory of the socket's."""
_KNOWN = {
    SOL_SOCKET: frozenset((12, 36, 37, 61, 65, 81)),  # priority, mark, timestamps, time to send, key of a timestamp
    SOL_IP: frozenset((1, 2, 7, 8, 52)),  # IP_TOS, IP_TTL, IP_RETOPTS, IP_PKTINFO, IP_PROTOCOL
}
"""Types that the kernel knows and the model does not, by level."""


def _is_too_much(end: Endpoint, items: Sequence[Ancillary], length: int, to: Address | None, host: Host) -> bool:
    size = sum(space(len(data)) for _, _, data in items)
    return _OPTMEM_MAX <= size > _ON_THE_STACK


@SOCKET.rule(
    on=LifeEvent.ANCILLARY, stays=ANY_LIFE, when=_is_too_much, cite="sendmsg(2), ENOBUFS; socket(7), optmem_max",
    unconfirmed="the random check sends only a little ancillary data; tests/simnet sends too much",
)  # fmt: skip
def ancillary_data_is_too_long(
    end: Endpoint, items: Sequence[Ancillary], length: int, to: Address | None, host: Host
) -> Answer:
    """More ancillary data than a socket may keep: ENOBUFS, before anything else is looked at."""
    return Fail(errno.ENOBUFS)


def _is_looked_at(end: Endpoint, length: int, to: Address | None) -> bool:
    """Whether the call gets as far as its ancillary data."""
    if isinstance(end, Tcb):
        return end.state in (TcpState.ESTABLISHED, TcpState.CLOSE_WAIT)
    assert isinstance(end, UdpSocket)
    return end.corked is None and length <= 0xFFFF and (to is not None or end.state is UdpState.CONNECTED)


def _is_refused(end: Endpoint, items: Sequence[Ancillary], length: int, to: Address | None, host: Host) -> bool:
    return _is_looked_at(end, length, to) and not all(_is_known(end, level, kind) for level, kind, _ in items)


def _is_known(end: Endpoint, level: int, kind: int) -> bool:
    if (level == SOL_IP and isinstance(end, Tcb)) or level not in (SOL_SOCKET, SOL_IP, IPPROTO_UDP):
        return True
    if level == IPPROTO_UDP and isinstance(end, Tcb):
        return True
    if level == IPPROTO_UDP or kind in _KNOWN[level]:
        raise NotModelled(
            f"ancillary data of level {level} and type {kind} is not modelled: it would change the packet"
        )
    return level == SOL_SOCKET and kind in (SCM_RIGHTS, SCM_CREDENTIALS)


@SOCKET.rule(
    on=LifeEvent.ANCILLARY, stays=ANY_LIFE, when=_is_refused,
    cite="sendmsg(2), EINVAL; ip_cmsg_send, __sock_cmsg_send",
)  # fmt: skip
def ancillary_data_is_unknown(
    end: Endpoint, items: Sequence[Ancillary], length: int, to: Address | None, host: Host
) -> Answer:
    """IP, or the socket, is told something that it does not know: EINVAL, before a pending error is looked at."""
    return Fail(errno.EINVAL)
