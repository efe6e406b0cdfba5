"""Packets as they are on a wire: IP, TCP, UDP and ICMP headers as frozen values, field by field.

`segments.py` holds what the model thinks in: numbers that never wrap, windows in bytes, runs of segments. Here is what
a cable carries: 32-bit numbers, 16-bit windows, options in the order and with the padding in which they were sent. A
value keeps everything that the bytes say and that cannot be computed, so that bytes read into values and written again
are the same bytes. What can be computed (lengths, data offset) has no field, and a checksum has one only for a checksum
that is not the computed one.

What a host would not accept as a packet is `Malformed`, with a named `Fault`.

Sources: RFC 791 §3.1, RFC 8200 §3 and §4.5 (IP); RFC 9293 §3.1 (TCP), RFC 7323 (window scale, timestamps), RFC 2018
(SACK), RFC 3168 and RFC 9768 (ECE, CWR, AE); RFC 768 (UDP); RFC 792, RFC 4443 (ICMP).

Not here: bytes (wire.py), what the model's values are on a wire (conversion.py), IPv6 extension headers other than
the fragment header (they stay in `Other`), jumbograms.
"""

from __future__ import annotations

from enum import Enum, StrEnum

import attrs

IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_FRAGMENT, IPPROTO_ICMPV6 = 1, 6, 17, 44, 58


class Fault(StrEnum):
    """Why bytes are no packet. The first that is found, in the order in which the kernel looks."""

    IP_VERSION = "the version is neither 4 nor 6"
    IP_TRUNCATED = "the bytes end within the IP header"
    IP_HEADER_LENGTH = "the IP header claims fewer than 20 bytes"
    IP_TOTAL_LENGTH = "the IP length is less than its header or more than the bytes there are"
    IP_CHECKSUM = "the checksum of the IPv4 header is wrong"
    TCP_TRUNCATED = "the bytes end within the TCP header"
    TCP_DATA_OFFSET = "the TCP data offset is less than 5 or points behind the segment"
    TCP_CHECKSUM = "the TCP checksum is wrong"
    UDP_TRUNCATED = "the bytes end within the UDP header"
    UDP_LENGTH = "the UDP length is less than 8 or more than the bytes there are"
    UDP_CHECKSUM = "the UDP checksum is wrong"
    UDP_NO_CHECKSUM = "UDP over IPv6 without a checksum (RFC 8200 §8.1)"
    ICMP_TRUNCATED = "the bytes end within the ICMP header"
    ICMP_CHECKSUM = "the ICMP checksum is wrong"


@attrs.frozen
class Malformed:
    """Bytes that a host would drop, and why."""

    fault: Fault

    @property
    def reason(self) -> str:
        return self.fault.value


# TCP options ----------------------------------------------------------------------------------------------------------


@attrs.frozen
class Mss:
    """Maximum segment size, in bytes, without headers (RFC 9293 §3.7.1)."""

    size: int


@attrs.frozen
class WindowScale:
    """By how many bits the windows of later segments are to be shifted (RFC 7323 §2.2). More than 14 counts as 14."""

    shift: int


@attrs.frozen
class SackPermitted:
    """On a SYN: selective acknowledgements are understood (RFC 2018 §2)."""


@attrs.frozen
class Sack:
    """What arrived behind a gap: left and right edges, modulo 2**32 (RFC 2018 §3)."""

    blocks: tuple[tuple[int, int], ...]


@attrs.frozen
class Timestamps:
    """The sender's clock, and the last it saw of the peer's (RFC 7323 §3.2)."""

    value: int
    echo: int


@attrs.frozen
class Nop:
    """One byte of padding (RFC 9293 §3.1)."""


@attrs.frozen
class EndOfOptions:
    """The end of the list (RFC 9293 §3.1) and what lies behind it in the header, which nobody reads."""

    padding: bytes = b""


@attrs.frozen
class UnknownOption:
    """Any other option (Fast Open, MD5, AccECN, …), or a known one with a length that is not its own: skipped."""

    kind: int
    data: bytes


@attrs.frozen
class BrokenOptions:
    """The rest of a list from the first option on whose length is impossible: nothing of it is read
    (`tcp_parse_options`).

    But a kernel that can check signatures looks for one first, and drops a segment whose list breaks while there is
    room for one: with 18 bytes or more left for RFC 2385, with 5 for RFC 5925 (`tcp_parse_auth_options`; seen on 6.18).
    """

    data: bytes


Option = (
    Mss | WindowScale | SackPermitted | Sack | Timestamps | Nop | EndOfOptions | UnknownOption | BrokenOptions
)  # fmt: skip


# What IP carries ------------------------------------------------------------------------------------------------------


@attrs.frozen
class Tcp:
    """A TCP segment. `flags` has twelve bits: nine control bits, and three that are reserved and ignored.

    Options that do not end at a multiple of four bytes are padded with zeros when they become bytes.
    """

    src_port: int
    dst_port: int
    seq: int
    """Modulo 2**32."""
    ack: int
    """Modulo 2**32."""
    flags: int
    window: int
    """As on the wire, before scaling."""
    urgent: int = 0
    """The urgent pointer."""
    options: tuple[Option, ...] = ()
    data: bytes = b""
    checksum: int | None = None
    """None: the right one."""


@attrs.frozen
class Udp:
    """A UDP datagram."""

    src_port: int
    dst_port: int
    data: bytes = b""
    surplus: bytes = b""
    """Bytes of the IP packet behind the datagram's own length; receivers drop them (RFC 9868 §3)."""
    checksum: int | None = None
    """None: the right one. 0: none, which only IPv4 allows (RFC 768)."""


@attrs.frozen
class Icmp:
    """An ICMP or ICMPv6 message, which of them the IP packet says. An error quotes the packet it is about."""

    type: int
    code: int
    rest: int = 0
    """The second four bytes of the header."""
    data: bytes = b""
    """For an error: the beginning of the offending packet, from its IP header on."""
    checksum: int | None = None
    """None: the right one."""


@attrs.frozen
class Other:
    """What is not looked into: another protocol, an extension header, a part of a packet that was fragmented."""

    protocol: int
    data: bytes


Payload = Tcp | Udp | Icmp | Other


@attrs.frozen
class IpPacket:
    """An IPv4 or IPv6 packet; `src` and `dst` are text, and they say which."""

    src: str
    dst: str
    payload: Payload
    ttl: int = 64
    """Time to live; the hop limit of IPv6."""
    tos: int = 0
    """Type of service, traffic class: DSCP in the upper six bits, ECN in the lower two (RFC 2474, RFC 3168)."""
    identification: int = 0
    """16 bits; 32 in the fragment header of IPv6."""
    dont_fragment: bool = False
    """IPv4 only."""
    more_fragments: bool = False
    fragment_offset: int = 0
    """In bytes, a multiple of 8."""
    atomic: bool = False
    """IPv6: there is a fragment header although the packet is whole (RFC 6946)."""
    reserved: bool = False
    """IPv4: the reserved flag, which means nothing."""
    flow_label: int = 0
    """IPv6 only."""
    options: bytes = b""
    """Of IPv4, with their padding: a multiple of four bytes."""
    checksum: int | None = None
    """Of the IPv4 header. None: the right one."""
    trailer: bytes = b""
    """Behind the packet's own length: a link may pad (RFC 894)."""

    @property
    def version(self) -> int:
        return 6 if ":" in self.src else 4

    @property
    def ecn(self) -> int:
        """0: not ECN-capable, 1 and 2: capable, 3: congestion experienced (RFC 3168 §5)."""
        return self.tos & 3

    @property
    def fragment(self) -> bool:
        """Whether this is a part of a larger packet."""
        return self.more_fragments or self.fragment_offset > 0


# ICMP errors ----------------------------------------------------------------------------------------------------------


class IcmpError(Enum):
    """The errors that a transport hears of: type and code in ICMP, then in ICMPv6, if it is there (RFC 792, RFC 1122
    §3.2.2.1, RFC 1812 §5.2.7.1, RFC 4443).
    """

    NET_UNREACHABLE = (3, 0), (1, 0)
    HOST_UNREACHABLE = (3, 1), (1, 3)
    PROTOCOL_UNREACHABLE = (3, 2), (4, 1)
    PORT_UNREACHABLE = (3, 3), (1, 4)
    PACKET_TOO_BIG = (3, 4), (2, 0)
    """IPv4: fragmentation needed and DF set. With the next link's MTU (RFC 1191 §4, RFC 4443 §3.2)."""
    SOURCE_ROUTE_FAILED = (3, 5), None
    NET_UNKNOWN = (3, 6), None
    HOST_UNKNOWN = (3, 7), None
    SOURCE_ISOLATED = (3, 8), None
    NET_PROHIBITED = (3, 9), None
    HOST_PROHIBITED = (3, 10), None
    NET_UNREACHABLE_FOR_TOS = (3, 11), None
    HOST_UNREACHABLE_FOR_TOS = (3, 12), None
    PROHIBITED = (3, 13), (1, 1)
    PRECEDENCE_VIOLATION = (3, 14), None
    PRECEDENCE_CUTOFF = (3, 15), None
    PARAMETER_PROBLEM = (12, 0), (4, 0)
    TIME_EXCEEDED = (11, 0), (3, 0)
    REASSEMBLY_TIME_EXCEEDED = (11, 1), (3, 1)

    def of(self, version: int) -> tuple[int, int]:
        """Type and code in the ICMP of this IP version. ValueError for one that ICMPv6 does not have."""
        found: tuple[int, int] | None = self.value[version == 6]
        if found is None:
            raise ValueError(f"{self.name} is not an error of ICMPv6")
        return found


def icmp_error(packet: IpPacket) -> IcmpError | None:
    """Which error a packet is; None for one that is none."""
    if not isinstance(packet.payload, Icmp):
        return None
    asked = packet.payload.type, packet.payload.code
    return next((error for error in IcmpError if error.value[packet.version == 6] == asked), None)


def next_mtu(packet: IpPacket) -> int | None:
    """The MTU, in bytes, that a `PACKET_TOO_BIG` names (0: it names none); None for any other packet."""
    if icmp_error(packet) is not IcmpError.PACKET_TOO_BIG:
        return None
    assert isinstance(packet.payload, Icmp)
    return packet.payload.rest if packet.version == 6 else packet.payload.rest & 0xFFFF


def error_pointer(packet: IpPacket) -> int | None:
    """Which byte of the header a `PARAMETER_PROBLEM` of IPv4 complains of; None for any other packet."""
    if icmp_error(packet) is not IcmpError.PARAMETER_PROBLEM or packet.version != 4:
        return None
    assert isinstance(packet.payload, Icmp)
    return packet.payload.rest >> 24


@attrs.frozen
class Quoted:
    """What an ICMP error tells of the packet it is about: addresses, and the first eight bytes of what it carried."""

    src: str
    dst: str
    protocol: int
    src_port: int
    dst_port: int
    seq: int
    """TCP's sequence number, modulo 2**32; says nothing for another protocol."""
