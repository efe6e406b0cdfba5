"""SYN cookies: initial sequence numbers that a listener recognizes, so that it need not remember a SYN (RFC 4987 §3.6).

A cookie is a sum: a hash of the addresses, the client's own number, the minute in the upper eight bits, and in the
lower twenty-four another hash of addresses and minute plus which of four MSSs it stands for. Taking away what is known
again leaves the minute and the MSS. So an acknowledgement whose two numbers are wrong by as much is as good as the
right one, and one that is wrong by one or two may only mean another MSS.

With timestamps the last six bits of the listener's clock tell scale, SACK and ECN, and come back as the echo; without
them the connection has none of these.

Not here: when cookies are sent and what becomes of one that comes back (requests.py); the kernel's own hash.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from ..values.constants import TcpFlag
from ..values.segments import Segment
from . import timestamps
from .block import Tcb
from .windows import DEFAULT_MSS

if TYPE_CHECKING:
    from ..world.host import Host

_SYN, _ACK, _ASKS_ECN = int(TcpFlag.SYN), int(TcpFlag.ACK), int(TcpFlag.ECE | TcpFlag.CWR)
_BITS, _NO_SCALE, _SACK, _ECN = 6, 0xF, 0x10, 0x20
_LOWER_BITS = 24
_LOWER, _MODULUS = (1 << _LOWER_BITS) - 1, 1 << 32
_GOOD_MINUTES = 2
"""A cookie is good in the minute in which it was made and in the next (MAX_SYNCOOKIE_AGE)."""


def _hash(segment: Segment, what: int, host: Host) -> int:
    """A hash of the addresses of this segment to the listener."""
    return host.hashed("cookie", segment.dst, segment.src, what)


def bake(syn: Segment, host: Host) -> int:
    """The cookie that answers this SYN."""
    table = host.profile.cookie_mss
    mss = DEFAULT_MSS if syn.mss is None else syn.mss
    index = max((i for i, least in enumerate(table) if least <= mss), default=0)
    minute = host.now_ns // host.profile.cookie_ns
    told = (_hash(syn, minute, host) + index) & _LOWER
    return (_hash(syn, -1, host) + syn.seq + (minute << _LOWER_BITS) + told) % _MODULUS


def kept(syn: Segment) -> Segment:
    """The SYN with as much of its options as can be kept: without timestamps there is no room for the others."""
    if syn.timestamps:
        return syn
    return attrs.evolve(syn, scale=None, sack_permitted=False, flags=syn.flags & ~_ASKS_ECN)


def mark_options(child: Tcb, host: Host) -> None:
    """Turn the clock back until its last bits tell scale, SACK and ECN (`cookie_init_timestamp`)."""
    now = timestamps.clock(child, host.now_ns) - child.clock_offset
    told = (child.snd_scale if child.scales else _NO_SCALE) | (_SACK if child.sack_permitted else 0)
    told |= _ECN if child.ecn else 0
    marked = now >> _BITS << _BITS | told
    child.clock_offset -= now - (marked if marked <= now else marked - (1 << _BITS))


def recognized(listener: Tcb, segment: Segment, host: Host) -> Segment | None:
    """The SYN that this acknowledges by a cookie of ours, as far as it is known; None if it does not. They are looked
    for only while some may be under way.
    """
    profile = host.profile
    if not profile.syn_cookies or listener.flooded_at_ns is None or segment.flags & (_ACK | _SYN) != _ACK:
        return None
    if host.now_ns - listener.flooded_at_ns > _GOOD_MINUTES * profile.cookie_ns:
        return None
    irs, this = segment.seq - 1, host.now_ns // profile.cookie_ns
    rest = (segment.ack - 1 - _hash(segment, -1, host) - irs) % _MODULUS
    age = (this - (rest >> _LOWER_BITS)) % (_MODULUS >> _LOWER_BITS)
    index = (rest - _hash(segment, this - age, host)) & _LOWER
    if age >= _GOOD_MINUTES or index >= len(profile.cookie_mss):
        return None
    return _told(segment, irs, profile.cookie_mss[index], host)


def _told(segment: Segment, irs: int, mss: int, host: Host) -> Segment:
    """The SYN with the MSS that the cookie stands for, and what the echo of our clock tells."""
    told = _NO_SCALE
    if segment.timestamps:
        told = (segment.timestamps[1] - host.hashed(segment.dst[0], segment.src[0])) % (1 << 32)
    scale = told & _NO_SCALE
    flags = _SYN | (_ASKS_ECN if told & _ECN else 0)
    return Segment(
        segment.src, segment.dst, irs, 0, flags, segment.window, mss=mss, scale=None if scale == _NO_SCALE else scale,
        sack_permitted=bool(told & _SACK), timestamps=segment.timestamps,
    )  # fmt: skip
