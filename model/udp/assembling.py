"""Corking: a datagram that is put together from several sends.

A send with MSG_MORE, or any send while UDP_CORK is set, does not send: its bytes begin a datagram, and further sends
add to it, until one comes without MSG_MORE, or UDP_CORK is taken back. Where it goes is settled with the first, or by a
`connect` meanwhile; later addresses are not even looked at, nor is anything else that a first send asks for: what was
shut, or which error is pending. Bytes that are added need no room either, and never wait.

What goes wrong while bytes are added loses all that was held back, and the answer tells of it.

What is held back is charged to the send buffer: TIOCOUTQ counts it, and a socket that holds back half of its buffer is
not writable, although nothing but itself is in the way.

Not here: the first send (calls.py); the buffers (buffers.py).
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import attrs

from ..values.addresses import Address
from ..values.results import OK, Answer, Done, Fail
from . import buffers, paths, sending
from .machine import UDP, UdpEvent, UdpSocket, UdpState

if TYPE_CHECKING:
    from ..world.host import Host

ALL = tuple(UdpState)
READY = (UdpState.BOUND, UdpState.CONNECTED)


def _adds(udp: UdpSocket, data: bytes, flags: int, to: Address | None, host: Host) -> bool:
    return udp.corked is not None and len(data) <= 0xFFFF


def _grows_too_long(udp: UdpSocket, data: bytes, flags: int, to: Address | None, host: Host) -> bool:
    corked = udp.corked
    if corked is None or len(data) > 0xFFFF:
        return False
    return buffers.HEADERS + len(corked.data) + len(data) > (0xFFFF if paths.may_cut(udp) else corked.mtu)


@UDP.rule(
    on=UdpEvent.SEND, stays=READY, when=_grows_too_long, cite="__ip_append_data, EMSGSIZE; udp_flush_pending_frames",
)  # fmt: skip
def corked_datagram_grows_too_long(udp: UdpSocket, data: bytes, flags: int, to: Address | None, host: Host) -> Answer:
    """With these bytes the datagram would be longer than it may leave: EMSGSIZE, and all that was held back is lost."""
    assert udp.corked is not None
    sending.report_size(udp, udp.flow[1], udp.corked.mtu, host)
    drop(udp, host)
    return Fail(errno.EMSGSIZE)


@UDP.rule(
    on=UdpEvent.SEND, stays=READY, when=_adds, cite="udp(7), UDP_CORK; udp_sendmsg",
)  # fmt: skip
def corked_datagram_grows(udp: UdpSocket, data: bytes, flags: int, to: Address | None, host: Host) -> Answer:
    """Bytes are added to what is held back, wherever they were meant to go; if they are the last, all of it leaves."""
    corked = udp.corked
    assert corked is not None
    made = [*corked.buffers]
    problem = buffers.append(made, len(data), corked.mtu, udp, host) if data else 0
    udp.corked = attrs.evolve(corked, data=corked.data + bytes(data), buffers=tuple(made))
    if problem:
        drop(udp, host)
    elif not sending.holds_back(udp, flags):
        problem = push(udp, host)
    return sending.answer_to(udp, problem, host) if problem else Done(len(data))


@UDP.rule(
    on=UdpEvent.UNCORK, stays=ALL, when=lambda udp, host: udp.corked is not None,
    cite="udp(7), UDP_CORK; udp_lib_setsockopt",
)  # fmt: skip
def uncorked_datagram_leaves(udp: UdpSocket, host: Host) -> Answer:
    """UDP_CORK is taken back: what was held back leaves, and if it cannot, nobody is told."""
    push(udp, host)
    return OK


@UDP.rule(on=UdpEvent.UNCORK, stays=ALL, cite="udp(7), UDP_CORK")
def nothing_was_held_back(udp: UdpSocket, host: Host) -> Answer:
    """UDP_CORK is taken back, and nothing waits for it."""
    return OK


def push(udp: UdpSocket, host: Host) -> int:
    """What is held back leaves. An errno, or 0."""
    corked, udp.corked = udp.corked, None
    assert corked is not None
    return sending.hand_over(udp, udp.flow, corked.way, corked.data, corked.buffers, host)


def drop(udp: UdpSocket, host: Host) -> None:
    """What is held back is lost (`udp_flush_pending_frames`)."""
    corked, udp.corked = udp.corked, None
    if corked is not None:
        sending.free_all(udp, corked.buffers, host)
