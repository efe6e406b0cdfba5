"""Routers: what stands between two hosts, and what it answers when a packet cannot go on.

Between any two hosts there is a router that passes everything on, until a scenario says otherwise. Then it may say with
an ICMP error that net or host cannot be reached, that a filter forbids it, or that a packet took too many hops; or it
loses everything without a word, which nobody can tell from a slow network: a black hole. Nobody may answer the question
of the link who has the address: a host asks three times, a second apart, and then tells itself what a router would
(RFC 1122 §2.3.2.2; `arp_error_report`). Or the host itself has no route: it is told at once, by the call.

A link further on may take smaller packets than the hosts' own. A router cuts what may be cut, and answers what may not
with the size that fits (RFC 1191 §4); a silent one answers nothing, and large packets vanish where small ones pass
(RFC 2923 §2.1).

An error takes as long to come back as a packet takes to arrive: the router is half-way. It is not answered itself, and
the judge of the wire does not see it; nor is any fragment but the first answered (RFC 1122 §3.2.2).

Not here: routes as such, and that one is better than another; limits on how many errors a router sends.
"""

from __future__ import annotations

import attrs

from ..values.packets import IcmpError
from ..values.quoting import message_about
from ..values.segments import Fragment, IcmpMessage, Packet, ip_size
from .fragments import cut

ADDRESS = "10.0.0.254"
ASKING_NS = 3_000_000_000
"""How long a host asks who has an address: three times a second."""

REFUSALS = {
    "net": IcmpError.NET_UNREACHABLE,
    "host": IcmpError.HOST_UNREACHABLE,
    "protocol": IcmpError.PROTOCOL_UNREACHABLE,
    "port": IcmpError.PORT_UNREACHABLE,
    "prohibited": IcmpError.PROHIBITED,
    "hops": IcmpError.TIME_EXCEEDED,
}
"""What a router answers, by the word for it."""
ARP, SILENCE, ROUTE = "arp", "silence", "route"
"""Nobody has the address; nobody says anything; the host has no route."""
WAYS = (*REFUSALS, ARP, SILENCE, ROUTE)


@attrs.define(eq=False)
class Obstacle:
    """What is wrong with one direction between two hosts."""

    how: str = ""
    """One of `WAYS`; empty if everything is passed on."""
    bottleneck: int | None = None
    """Bytes of the largest IP packet that a link further on takes, if it takes less than the hosts' own."""
    silent: bool = False
    """Whether nobody says that a packet was too big."""
    asking_until_ns: int = 0
    numbers: int = 0
    """Packets that a router has cut."""

    def pass_on(self, packet: Packet) -> tuple[list[Packet], IcmpMessage | None]:
        """What goes on, and what comes back."""
        if self.how in REFUSALS:
            return [], complaint(packet, REFUSALS[self.how])
        if self.how:
            return [], None
        if self.bottleneck is None or ip_size(packet) <= self.bottleneck or isinstance(packet, IcmpMessage):
            return [packet], None
        if not packet.may_fragment:
            told = IcmpError.PACKET_TOO_BIG
            return [], None if self.silent else complaint(packet, told, self.bottleneck)
        self.numbers += 1
        return list(cut(packet, self.bottleneck, -self.numbers)), None


def complaint(packet: Packet, kind: IcmpError, mtu: int = 0, reporter: str = ADDRESS) -> IcmpMessage | None:
    """The error that a packet provokes; None for one that is never answered."""
    if isinstance(packet, IcmpMessage) or (isinstance(packet, Fragment) and packet.begin):
        return None
    return message_about(packet, kind, mtu, reporter)
