"""Fragments: a packet that is larger than a link goes in parts, and the receiver makes it whole (RFC 791 §3.2).

A part holds a multiple of eight bytes of what follows the IP header, but for the last. They travel by themselves: each
may be lost, late or twice, and one that is lost loses the packet. What does not become whole within half a minute is
forgotten (net.ipv4.ipfrag_time), and the sender is told nothing that it would listen to.

Not here: overlapping fragments (the kernel drops the packet), limits on memory; who may fragment (host.py for its own
packets, world.py for routers).
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from ..values.segments import Datagram, Fragment, Segment, ip_size

IP_HEADER = 20
_TOGETHER_NS = 30_000_000_000


def cut(packet: Segment | Datagram | Fragment, mtu: int, number: int) -> Iterator[Segment | Datagram | Fragment]:
    """The packet itself if it fits, else its parts; `number` is their identification, if they have none yet."""
    if ip_size(packet) <= mtu:
        yield packet
        return
    if isinstance(packet, Fragment):
        whole, number, begin, end, more = packet.whole, packet.number, packet.begin, packet.end, packet.more
    else:
        whole, begin, end, more = packet, 0, ip_size(packet) - IP_HEADER, False
    step = (mtu - IP_HEADER) // 8 * 8
    for at in range(begin, end, step):
        upto = min(at + step, end)
        yield Fragment(whole, number, at, upto, more or upto < end)


@attrs.define(eq=False)
class _Parts:
    """What has arrived of one packet."""

    expires_ns: int
    runs: list[tuple[int, int]] = attrs.Factory(list)
    end: int | None = None

    def add(self, fragment: Fragment) -> bool:
        """Note a part. Whether all are here now."""
        self.runs = sorted({*self.runs, (fragment.begin, fragment.end)})
        if not fragment.more:
            self.end = fragment.end
        reached = 0
        for begin, end in self.runs:
            if begin > reached:
                return False
            reached = max(reached, end)
        return reached == self.end


@attrs.define(eq=False)
class Reassembly:
    """The packets of which a host has parts, by sender and identification."""

    waiting: dict[tuple[str, int], _Parts] = attrs.Factory(dict)

    def copy(self) -> Reassembly:
        """The same, independent of this one."""
        parts = {key: _Parts(each.expires_ns, list(each.runs), each.end) for key, each in self.waiting.items()}
        return Reassembly(parts)

    def add(self, fragment: Fragment, now_ns: int) -> Segment | Datagram | None:
        """A fragment arrives: the packet, if it is whole now."""
        for key in [key for key, parts in self.waiting.items() if parts.expires_ns <= now_ns]:
            del self.waiting[key]
        key = fragment.whole.src[0], fragment.number
        parts = self.waiting.setdefault(key, _Parts(now_ns + _TOGETHER_NS))
        if not parts.add(fragment):
            return None
        del self.waiting[key]
        return fragment.whole
