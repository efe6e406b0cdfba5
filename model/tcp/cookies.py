"""SYN cookies: initial sequence numbers that a listener recognizes, so that it need not remember a SYN (RFC 4987 §3.6).

A cookie is a hash of the addresses, the client's number, the minute, and which of four MSSs it stands for: the listener
tries the few that it may have sent. With timestamps the last six bits of its clock tell scale and SACK, and come back
as the echo; without them the connection has neither.

Not here: when cookies are sent and what becomes of one that comes back (requests.py); ECN; the arithmetic by which the
kernel puts minute and MSS into the number itself.
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

_SYN, _ACK = int(TcpFlag.SYN), int(TcpFlag.ACK)
_BITS, _NO_SCALE, _SACK = 6, 0xF, 0x10
_GOOD_MINUTES = 2


def _hash(segment: Segment, irs: int, minute: int, index: int, host: Host) -> int:
    return host.hashed("cookie", segment.dst, segment.src, irs % (1 << 32), minute, index)


def bake(syn: Segment, host: Host) -> int:
    """The cookie that answers this SYN."""
    table = host.profile.cookie_mss
    mss = DEFAULT_MSS if syn.mss is None else syn.mss
    index = max((i for i, least in enumerate(table) if least <= mss), default=0)
    return _hash(syn, syn.seq, host.now_ns // host.profile.cookie_ns, index, host)


def kept(syn: Segment) -> Segment:
    """The SYN with as much of its options as can be kept: without timestamps there is no room for the others."""
    return syn if syn.timestamps else attrs.evolve(syn, scale=None, sack_permitted=False)


def mark_options(child: Tcb, host: Host) -> None:
    """Turn the clock back until its last bits tell scale and SACK (`cookie_init_timestamp`)."""
    now = timestamps.clock(child, host.now_ns) - child.clock_offset
    told = (child.snd_scale if child.scales else _NO_SCALE) | (_SACK if child.sack_permitted else 0)
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
    for minute in range(this, this - _GOOD_MINUTES, -1):
        for index, mss in enumerate(profile.cookie_mss):
            if _hash(segment, irs, minute, index, host) == (segment.ack - 1) % (1 << 32):
                return _told(segment, irs, mss, host)
    return None


def _told(segment: Segment, irs: int, mss: int, host: Host) -> Segment:
    """The SYN with the MSS that the cookie stands for, and what the echo of our clock tells."""
    told = _NO_SCALE
    if segment.timestamps:
        told = (segment.timestamps[1] - host.hashed(segment.dst[0], segment.src[0])) % (1 << 32)
    scale = told & _NO_SCALE
    return Segment(
        segment.src, segment.dst, irs, 0, _SYN, segment.window, mss=mss, scale=None if scale == _NO_SCALE else scale,
        sack_permitted=bool(told & _SACK), timestamps=segment.timestamps,
    )  # fmt: skip
