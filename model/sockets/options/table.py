"""All rows; and of all other numbers, whether the kernel knows them.

A number that the kernel has given to an option without a row is not modelled. One that it has given to nothing is
answered as the kernel answers it: there is no such option. Levels are the same: a socket looks at those of sockets, of
IP, and of its own protocol, whatever else there is.

Not here: what an option without a row would do.
"""

from __future__ import annotations

from ...endpoint import Endpoint
from ...values.constants import IP_MULTICAST_TTL, IPPROTO_IP, IPPROTO_TCP, IPPROTO_UDP, SOL_SOCKET
from . import buffers, info, network, patience, sockets, streams
from .network import DEFAULT_TTL
from .row import NotModelled, Option

OPTIONS: dict[tuple[int, int], Option] = {
    (row.level, row.number): row
    for room in (sockets, buffers, patience, info, streams, network)
    for row in room.ROWS
}  # fmt: skip

GIVEN = {
    SOL_SOCKET: (range(1, 85),),
    IPPROTO_IP: (range(1, 53), range(64, 1300)),  # those from 64 on belong to netfilter and to routers of groups
    IPPROTO_TCP: (range(1, 47),),
    IPPROTO_UDP: (range(1, 2), range(10, 11), range(100, 105)),
}
"""The numbers of each level that Linux has given to something (uapi: asm-generic/socket.h, in.h, tcp.h, udp.h)."""
_UDP_LITE = 136
"""A level that UDP takes for its own."""


def option_of(end: Endpoint, level: int, number: int) -> Option:
    """The option with this number. Raises NotModelled if the kernel knows it and the model does not."""
    option = OPTIONS.get((level, number))
    if option is not None:
        return option
    option = Option(level, number, f"option {number}")
    given = any(number in numbers for numbers in GIVEN.get(level, ()))
    if (option.concerns(end) and given) or (level == _UDP_LITE and not end.is_tcp):
        raise NotModelled(
            f"socket option {number} of level {level} is not modelled yet; modelled are: "
            + ", ".join(row.name for row in OPTIONS.values())
        )
    return option


def heirlooms(listener: Endpoint) -> dict[tuple[int, int], int]:
    """What a connection is given of the options that its listener has stored. Its IP_MULTICAST_TTL is the TTL of the
    packet that completed it (`tcp_v4_syn_recv_sock`), which is the system's here.
    """
    ttl = {(IPPROTO_IP, IP_MULTICAST_TTL): DEFAULT_TTL}
    return {key: value for key, value in listener.stored.items() if OPTIONS[key].inherited} | ttl
