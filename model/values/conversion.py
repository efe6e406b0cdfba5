"""Between what the model thinks in (segments, datagrams, errors, fragments) and what a wire carries: `IpPacket`.

Two things are lost on the way to a wire and have to be remembered to get them back. Sequence numbers keep 32 of their
bits: a number is found again as the one nearest to where the direction has got to, which is right as long as a segment
is less than 2**31 bytes off (RFC 9293 §3.4; windows are at most 2**30, RFC 7323 §2.2). And a window is shifted by
what its sender offered in its SYN, if both SYNs made an offer (RFC 7323 §2.2): until both have been seen, nothing is
shifted, and the window of a SYN never is.

A run of segments that travels as one in the model is as many packets: FIN and PSH belong to the last, CWR to the first
(`tcp_gso_segment`).

A `Conversion` has seen one place on one wire: every packet that passed there, in order, in whichever direction of
conversion. What the model has no word for is not there after the way through it: unknown options.

A fragment from a wire is kept until all of its packet are here, and the packet is given then.

Not here: bytes (wire.py); which addresses and identification numbers a host would choose.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from .addresses import Address
from .constants import IPPROTO_TCP, IPPROTO_UDP, Ecn, TcpFlag
from .packets import (
    Icmp,
    IpPacket,
    Mss,
    Nop,
    Option,
    Other,
    Quoted,
    Sack,
    SackPermitted,
    Tcp,
    Timestamps,
    Udp,
    WindowScale,
    error_pointer,
    icmp_error,
    next_mtu,
)
from .segments import Datagram, Fragment, IcmpMessage, Packet, Segment
from .wire import decode, decode_quoted, encode, error_about

SCALE_MAX = 14
"""RFC 7323 §2.3: a larger offer counts as this one."""
_MODULUS = 1 << 32
_IP_HEADER, _UDP_HEADER = 20, 8
_INCOMPLETE_MAX = 64
"""Packets of which parts are kept while others are missing."""
_SYN, _FIN, _PSH, _ACK = int(TcpFlag.SYN), int(TcpFlag.FIN), int(TcpFlag.PSH), int(TcpFlag.ACK)
_CWR, _URG = int(TcpFlag.CWR), int(TcpFlag.URG)
_KNOWN = sum(TcpFlag)


def unwrap(number: int, near: int) -> int:
    """The whole number that is `number` modulo 2**32 and nearest to `near`; of two, the lower."""
    return near + (number - near + (1 << 31)) % _MODULUS - (1 << 31)


@attrs.define
class _Direction:
    """What was seen of one direction of a connection."""

    scale: int | None = None
    """What its SYN offered, once the other side's SYN has answered it: a SYN in a connection that stands is none."""
    offered: tuple[int | None, bool] | None = None
    """What the SYN offered that was not answered yet, and whether it is an answer itself."""
    reached: int | None = None
    """The highest sequence number behind a segment, as the model counts."""


class Conversion:
    """What has to be remembered to translate between the model's packets and those of a wire, in either direction."""

    def __init__(self) -> None:
        self._directions: dict[tuple[Address, Address], _Direction] = {}
        self._datagrams: dict[tuple[Address, Address], Datagram] = {}
        self._parts: dict[tuple[str, str, int, int], dict[int, tuple[bytes, bool]]] = {}

    # ------------------------------------------------------------ to the wire

    def packets(self, packet: Packet) -> list[IpPacket]:
        """The packets that the model's `packet` is on a wire: one, or as many as a run has segments.

        A window larger than its scale can express is sent as the largest that it can.
        """
        match packet:
            case Segment():
                return [self._tcp(part) for part in _cut(packet)]
            case Datagram(src, dst, data):
                self._datagrams[src, dst] = packet
                return [IpPacket(src[0], dst[0], Udp(src[1], dst[1], data), dont_fragment=not packet.may_fragment)]
            case Fragment():
                return [self._part(packet)]
            case IcmpMessage(kind, src, dst):
                about = self._quoted(packet)
                return [error_about(about, kind, src=packet.reporter or None, mtu=packet.next_mtu)]

    def _quoted(self, message: IcmpMessage) -> IpPacket:
        """The packet that an error is about, as far as it is known here: of a segment that is its header."""
        src, dst = message.src, message.dst
        if message.protocol == IPPROTO_TCP:
            return IpPacket(src[0], dst[0], Tcp(src[1], dst[1], message.seq % _MODULUS, 0, _ACK, 0), dont_fragment=True)
        (about,) = self.packets(self._datagrams.get((src, dst), Datagram(src, dst, b"")))
        return about

    def _tcp(self, segment: Segment) -> IpPacket:
        src, dst = segment.src, segment.dst
        self._note(segment)
        window = min(segment.window >> self._shift(segment), 0xFFFF)
        ports, ack = (src[1], dst[1]), segment.ack % _MODULUS
        options = tuple(_options(segment))
        urgent = segment.urgent
        tcp = Tcp(*ports, segment.seq % _MODULUS, ack, segment.flags, window, urgent, options, segment.data)
        return IpPacket(src[0], dst[0], tcp, tos=int(segment.ecn), dont_fragment=not segment.may_fragment)

    def _part(self, fragment: Fragment) -> IpPacket:
        (whole,) = self.packets(fragment.whole)
        protocol = IPPROTO_TCP if isinstance(whole.payload, Tcp) else IPPROTO_UDP
        carried = encode(whole)[_IP_HEADER:]
        return IpPacket(
            whole.src, whole.dst, Other(protocol, carried[fragment.begin : fragment.end]),
            tos=whole.tos, identification=fragment.number % (1 << 16), more_fragments=fragment.more,
            fragment_offset=fragment.begin,
        )  # fmt: skip

    # ------------------------------------------------------------ from the wire

    def packet(self, ip: IpPacket, *, seq_near: int | None = None, ack_near: int | None = None) -> Packet | None:
        """What an IP packet is to the model; None for what it has no word for.

        The whole sequence and acknowledgement numbers are those nearest to `seq_near` and `ack_near`; without them,
        nearest to where the two directions have got to; if nothing was seen of one yet, the 32 bits as they are.
        """
        match ip.payload:
            case Tcp() as tcp:
                return self._segment(ip, tcp, seq_near, ack_near)
            case Udp(src_port, dst_port, data):
                datagram = Datagram((ip.src, src_port), (ip.dst, dst_port), data)
                self._datagrams[datagram.src, datagram.dst] = datagram
                return datagram
            case Icmp(data=data):
                return self._error(ip, data)
            case Other() as part if ip.fragment and ip.version == 4:
                whole = self._whole(ip, part)
                return None if whole is None else self.packet(whole, seq_near=seq_near, ack_near=ack_near)
        return None

    def _whole(self, ip: IpPacket, part: Other) -> IpPacket | None:
        """The packet that this part completes, if it does; of others the latest are kept."""
        key = (ip.src, ip.dst, part.protocol, ip.identification)
        parts = self._parts.pop(key, {})
        parts[ip.fragment_offset] = (part.data, ip.more_fragments)
        carried, ended = b"", False
        for offset, (data, more) in sorted(parts.items()):
            if offset != len(carried):
                break
            carried, ended = carried + data, not more
        if not ended:
            self._parts[key] = parts
            for oldest in list(self._parts)[:-_INCOMPLETE_MAX]:
                del self._parts[oldest]
            return None
        whole = decode(encode(IpPacket(ip.src, ip.dst, Other(part.protocol, carried))))
        return whole if isinstance(whole, IpPacket) else None

    def _error(self, ip: IpPacket, data: bytes) -> IcmpMessage | None:
        kind, quoted = icmp_error(ip), decode_quoted(data)
        if kind is None or not isinstance(quoted, Quoted) or quoted.protocol not in (IPPROTO_TCP, IPPROTO_UDP):
            return None
        src, dst = (quoted.src, quoted.src_port), (quoted.dst, quoted.dst_port)
        seq = 0
        if quoted.protocol == IPPROTO_TCP:
            there = self._directions.get((src, dst))
            near = there.reached if there is not None else None
            seq = unwrap(quoted.seq, quoted.seq if near is None else near)
        reporter = "" if ip.src == quoted.dst else ip.src
        begin = (data[0] & 15) * 4 + (_UDP_HEADER if quoted.protocol == IPPROTO_UDP else 0)
        pointer = error_pointer(ip) or 0
        return IcmpMessage(
            kind, src, dst, quoted.protocol, seq, next_mtu(ip) or 0, reporter, len(data), data[begin:], pointer
        )

    def _segment(self, ip: IpPacket, tcp: Tcp, seq_near: int | None, ack_near: int | None) -> Segment:
        src, dst = (ip.src, tcp.src_port), (ip.dst, tcp.dst_port)
        there, back = self._directions.get((src, dst)), self._directions.get((dst, src))
        if seq_near is None:
            seq_near = None if there is None or tcp.flags & _SYN else there.reached
        if ack_near is None:
            ack_near = None if back is None else back.reached
        seq = unwrap(tcp.seq, tcp.seq if seq_near is None else seq_near)
        ack = unwrap(tcp.ack, tcp.ack if ack_near is None else ack_near) if tcp.flags & _ACK else 0
        urgent = tcp.urgent if tcp.flags & _URG else 0
        segment = Segment(src, dst, seq, ack, tcp.flags & _KNOWN, tcp.window, tcp.data, ecn=Ecn(ip.ecn), urgent=urgent)
        segment = _with_options(segment, tcp.options)
        self._note(segment)
        return attrs.evolve(segment, window=tcp.window << self._shift(segment))

    # ------------------------------------------------------------ what is remembered

    def forget(self, one: Address, other: Address) -> None:
        """Nothing more is known of what passed between two addresses."""
        for known in (self._directions, self._datagrams):
            known.pop((one, other), None)
            known.pop((other, one), None)

    def _note(self, segment: Segment) -> None:
        direction = self._directions.setdefault((segment.src, segment.dst), _Direction())
        if segment.flags & _SYN:
            direction.reached = segment.end
            answers = bool(segment.flags & _ACK)
            other = self._directions.get((segment.dst, segment.src))
            if answers and (other is None or other.offered is None):
                return  # there is no offer that it could answer: the SYNs have crossed, or it is forged
            direction.offered = segment.scale, answers
            if other is not None and other.offered is not None and (answers or not other.offered[1]):
                direction.scale, other.scale = segment.scale, other.offered[0]
                direction.offered = other.offered = None
        elif direction.reached is None or segment.end > direction.reached:
            direction.reached = segment.end

    def _shift(self, segment: Segment) -> int:
        """By how many bits the window of `segment` is shifted on the wire."""
        there = self._directions.get((segment.src, segment.dst))
        back = self._directions.get((segment.dst, segment.src))
        if segment.flags & _SYN or there is None or back is None or there.scale is None or back.scale is None:
            return 0
        return min(there.scale, SCALE_MAX)


def _cut(segment: Segment) -> Iterator[Segment]:
    """The segments of a run, or the one that it is."""
    size, data = segment.segment_size, segment.data
    if not 0 < size < len(data):
        yield segment
        return
    for at in range(0, len(data), size):
        last = at + size >= len(data)
        flags = (segment.flags if last else segment.flags & ~(_FIN | _PSH)) & ~(_CWR if at else 0)
        yield attrs.evolve(segment, seq=segment.seq + at, flags=flags, data=data[at : at + size], segment_size=0)


def _options(segment: Segment) -> Iterator[Option]:
    """A segment's options in the order and with the padding of Linux (`tcp_options_write`): one of two bytes takes
    the place of the padding before timestamps.
    """
    if segment.mss is not None:
        yield Mss(segment.mss)
    if segment.sack_permitted:
        yield from (SackPermitted(),) if segment.timestamps else (Nop(), Nop(), SackPermitted())
    if segment.timestamps is not None:
        yield from () if segment.sack_permitted else (Nop(), Nop())
        yield Timestamps(*segment.timestamps)
    if segment.scale is not None:
        yield from (Nop(), WindowScale(segment.scale))
    if segment.sack:
        yield from (Nop(), Nop(), Sack(tuple((a % _MODULUS, b % _MODULUS) for a, b in segment.sack)))


def _with_options(segment: Segment, options: tuple[Option, ...]) -> Segment:
    """The segment with what its options say: the last of a kind counts, and most count on a SYN only
    (`tcp_parse_options`).
    """
    syn = bool(segment.flags & _SYN)
    mss, scale, permitted, sack, timestamps = segment.mss, segment.scale, False, segment.sack, segment.timestamps
    for option in options:
        match option:
            case Mss(size) if syn and size:
                mss = size
            case WindowScale(shift) if syn:
                scale = min(shift, SCALE_MAX)
            case SackPermitted() if syn:
                permitted = True
            case Sack(blocks):
                sack = tuple((unwrap(a, segment.ack), unwrap(b, segment.ack)) for a, b in blocks)
            case Timestamps(value, echo):
                timestamps = value, echo
    return attrs.evolve(segment, mss=mss, scale=scale, sack_permitted=permitted, sack=sack, timestamps=timestamps)
