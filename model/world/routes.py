"""What a host remembers of the paths to others, and how a packet leaves for one: whole, in fragments, or not at all.

What it remembers is the largest packet that got through (RFC 1191 §3).

A router that could not pass a packet on says what its next link takes. The host keeps that for each destination, for
every connection and socket alike, and forgets it after ten minutes, because routes change and may carry more again
(RFC 1191 §6.3). It never believes less than a minimum: a smaller figure is taken for that minimum, and packets to that
destination may then be fragmented on the way, since nobody can do without.

Not here: what the interface carries (`Host.path_mtu`), looking for larger sizes by probing (RFC 4821).
"""

from __future__ import annotations

import errno
from collections.abc import Iterable
from typing import TYPE_CHECKING

import attrs

from ..profiles import Profile
from ..values.segments import Datagram, Fragment, IcmpMessage, Packet, Segment, destination
from .fragments import cut

if TYPE_CHECKING:
    from .host import Host


@attrs.frozen
class PathMtu:
    """Bytes of the largest IP packet to a destination, and until when that is believed."""

    mtu: int
    expires_ns: int
    may_fragment: bool
    """Whether less was asked for than the minimum."""


@attrs.define(eq=False)
class PathMtus:
    """One host's memory of paths, by address."""

    known: dict[str, PathMtu] = attrs.Factory(dict)

    def find(self, ip: str, now_ns: int) -> PathMtu | None:
        """What is known of the path to `ip`, if it is not forgotten yet."""
        found = self.known.get(ip)
        return found if found is not None and now_ns < found.expires_ns else None

    def learn(self, ip: str, mtu: int, widest: int, now_ns: int, profile: Profile) -> None:
        """A router says that only so much passes; `widest` is what the interface carries. More than what is known
        already is not believed, and the same again keeps it only when half the time is over (`__ip_rt_update_pmtu`).
        """
        before = self.find(ip, now_ns)
        old = before.mtu if before is not None else widest
        if mtu > old:
            return
        locked = mtu < profile.path_mtu_min
        mtu = min(old, profile.path_mtu_min) if locked else mtu
        fresh = before is not None and before.mtu == mtu and now_ns < before.expires_ns - profile.path_mtu_ns // 2
        if fresh and not locked:
            return
        self.known[ip] = PathMtu(mtu, now_ns + profile.path_mtu_ns, locked)


def leaving(packet: Packet, host: Host) -> Iterable[Packet]:
    """The packet as it leaves for another host: in fragments, if it is a datagram that is larger than what gets
    through, and with leave to make more of them, if a router wanted less than anyone is believed (`ip_dont_fragment`).
    Nothing leaves without a route.
    """
    ip = destination(packet)
    if not host.reaches(ip):
        _note_missing_route(packet, host)
        return ()
    if isinstance(packet, IcmpMessage | Fragment):
        return (packet,)
    if isinstance(packet, Datagram) and packet.largest:
        return cut(packet, packet.largest, host.next_order())
    found = host.path_mtus.find(ip, host.now_ns)
    if found is not None and found.may_fragment:
        packet = attrs.evolve(packet, may_fragment=True)
    if isinstance(packet, Segment):
        return (packet,)
    return cut(packet, host.known_mtu(ip), host.next_order())


def _note_missing_route(packet: Packet, host: Host) -> None:
    """A connection whose route is gone goes on trying, and remembers why (`inet_sk_rebuild_header`)."""
    number = host.connections.get((packet.src, packet.dst)) if isinstance(packet, Segment) else None
    if number is not None:
        host.tcb(number).soft_error = errno.ENETUNREACH
