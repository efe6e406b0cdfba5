"""Packets to bytes and back: lengths, offsets and checksums are made here, and judged here.

`encode` computes what a packet value leaves out. `decode` takes any bytes and never raises: it gives a packet or a
`Malformed` with the first fault, looked for in the order of the kernel (`ip_rcv_core`, `tcp_v4_rcv`, `udp_rcv`,
`icmp_rcv`). For every `data` that decodes, ``encode(decode(data)) == data``.

The checksum of the internet is the complement of a sum in ones' complement, that is modulo 65535 (RFC 1071). There
zero has two notations, 0x0000 and 0xFFFF, and a receiver that sums everything up accepts either. So a checksum that
is right but not the one that would be computed is kept in the packet (Linux writes 0xFFFF for a zero that it computes
in software, also in TCP: `skb_checksum_help`), as is a wrong one if `decode` is told not to judge: a capture may have
caught packets before the device that was to fill in their checksums.

A list of TCP options is read as `tcp_parse_options` reads it: a length less than two or beyond the header ends it and
the rest is ignored; a known option with a length that is not its own is skipped. Neither makes the segment malformed.

Addresses come out as inet_ntop(3) writes them, so that they are the text that sockets show.

Not here: reassembly of fragments (they stay `Other`), IP options and extension headers (kept or left alone, never
judged), jumbograms, the checksums of other protocols.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from .packets import (
    IPPROTO_FRAGMENT,
    IPPROTO_ICMP,
    IPPROTO_ICMPV6,
    IPPROTO_TCP,
    IPPROTO_UDP,
    BrokenOptions,
    EndOfOptions,
    Fault,
    Icmp,
    IcmpError,
    IpPacket,
    Malformed,
    Mss,
    Nop,
    Option,
    Other,
    Payload,
    Quoted,
    Sack,
    SackPermitted,
    Tcp,
    Timestamps,
    Udp,
    UnknownOption,
    WindowScale,
)

_V4 = struct.Struct("!BBHHHBBH4s4s")
_V6 = struct.Struct("!IHBB16s16s")
_FRAGMENT = struct.Struct("!BBHI")
_TCP = struct.Struct("!HHIIHHHH")
_UDP = struct.Struct("!HHHH")
_ICMP = struct.Struct("!BBHI")
_RESERVED, _DF, _MF, _OFFSET = 0x8000, 0x4000, 0x2000, 0x1FFF
_OPTIONS_MAX = 40
"""Bytes of options that an IPv4 or a TCP header can hold: its length counts up to 15 words of four bytes."""
_QUOTE = {4: 576, 6: 1280}
"""Longest ICMP error with its IP header, in bytes (RFC 1812 §4.3.2.3, RFC 4443 §2.4 (c))."""
_PRECEDENCE = 0xC0
"""Type of service of an ICMP error: internetwork control (RFC 1812 §4.3.2.5); ICMPv6 has none such."""


def checksum(data: bytes) -> int:
    """The complement of the sum of all 16-bit words in ones' complement; an odd byte at the end is padded with zero
    (RFC 1071 §1).
    """
    total = int.from_bytes(data + b"\0" if len(data) & 1 else data, "big")
    if total == 0:
        return 0xFFFF
    return 0xFFFF - (total % 0xFFFF or 0xFFFF)


# Encoding -------------------------------------------------------------------------------------------------------------


def encode(packet: IpPacket) -> bytes:
    """The bytes of a packet. ValueError for one that has no bytes: a field out of range, or not of its IP version."""
    try:
        return _encode_v6(packet) if packet.version == 6 else _encode_v4(packet)
    except struct.error as error:
        raise ValueError(f"a field is out of range ({error})") from None


def _encode_v4(packet: IpPacket) -> bytes:
    src, dst = _packed(packet.src, 4), _packed(packet.dst, 4)
    options = _words(packet.options, "IPv4 options")
    _refuse(packet.atomic or packet.flow_label, "an IPv4 packet has no fragment header and no flow label")
    protocol, body = _encode_payload(packet.payload, 4, src, dst)
    length = _V4.size + len(options)
    flags = _RESERVED * packet.reserved | _DF * packet.dont_fragment | _MF * packet.more_fragments
    fields = (
        4 << 4 | length >> 2,
        packet.tos,
        length + len(body),
        packet.identification,
        flags | _eighths(packet.fragment_offset),
        packet.ttl,
        protocol,
    )
    given = packet.checksum
    if given is None:
        given = checksum(_V4.pack(*fields, 0, src, dst) + options)
    return _V4.pack(*fields, given, src, dst) + options + body + packet.trailer


def _encode_v6(packet: IpPacket) -> bytes:
    src, dst = _packed(packet.src, 6), _packed(packet.dst, 6)
    fragment = packet.fragment or packet.atomic
    _refuse(
        packet.dont_fragment or packet.reserved or packet.options or packet.checksum is not None,
        "an IPv6 header has no flags, options or checksum",
    )
    _refuse(packet.identification and not fragment, "an IPv6 packet without a fragment header has no identification")
    _refuse(not (0 <= packet.tos < 1 << 8 and 0 <= packet.flow_label < 1 << 20), "a field is out of range")
    protocol, body = _encode_payload(packet.payload, 6, src, dst)
    if fragment:
        offset = _eighths(packet.fragment_offset) << 3 | packet.more_fragments
        body = _FRAGMENT.pack(protocol, 0, offset, packet.identification) + body
        protocol = IPPROTO_FRAGMENT
    first = 6 << 28 | packet.tos << 20 | packet.flow_label
    return _V6.pack(first, len(body), protocol, packet.ttl, src, dst) + body + packet.trailer


def _encode_payload(payload: Payload, version: int, src: bytes, dst: bytes) -> tuple[int, bytes]:
    """The protocol's number, and the bytes with their checksum."""
    match payload:
        case Tcp():
            options = _words(encode_options(payload.options), "TCP options")
            _refuse(not 0 <= payload.flags < 1 << 12, "a TCP header has twelve flags")
            ports = payload.src_port, payload.dst_port, payload.seq, payload.ack
            bits = (_TCP.size + len(options)) >> 2 << 12 | payload.flags
            head = _TCP.pack(*ports, bits, payload.window, 0, payload.urgent)
            body = head + options + payload.data
            return IPPROTO_TCP, _filled(body, 16, payload.checksum, _pseudo(src, dst, IPPROTO_TCP, len(body)))
        case Udp():
            length = _UDP.size + len(payload.data)
            body = _UDP.pack(payload.src_port, payload.dst_port, length, 0) + payload.data
            given = payload.checksum
            if given is None:  # 0 would mean that there is none (RFC 768)
                given = checksum(_pseudo(src, dst, IPPROTO_UDP, length) + body) or 0xFFFF
            return IPPROTO_UDP, _filled(body, 6, given) + payload.surplus
        case Icmp():
            body = _ICMP.pack(payload.type, payload.code, 0, payload.rest) + payload.data
            if version == 4:
                return IPPROTO_ICMP, _filled(body, 2, payload.checksum)
            pseudo = _pseudo(src, dst, IPPROTO_ICMPV6, len(body))
            return IPPROTO_ICMPV6, _filled(body, 2, payload.checksum, pseudo)
        case Other():
            return payload.protocol, payload.data


def _filled(body: bytes, at: int, given: int | None, pseudo: bytes = b"") -> bytes:
    """`body`, whose checksum is still zero, with the given or the right one at `at`."""
    if given is None:
        given = checksum(pseudo + body)
    return body[:at] + struct.pack("!H", given) + body[at + 2 :]


def _pseudo(src: bytes, dst: bytes, protocol: int, length: int) -> bytes:
    """What a checksum covers besides the segment (RFC 9293 §3.1, RFC 8200 §8.1). The sum of the IPv6 one with
    addresses of four bytes is that of the IPv4 one.
    """
    return src + dst + struct.pack("!II", length, protocol)


def encode_options(options: tuple[Option, ...]) -> bytes:
    """The bytes of a list of TCP options, without padding (RFC 9293 §3.1)."""
    return b"".join(map(_encode_option, options))


def _encode_option(option: Option) -> bytes:
    match option:
        case Nop():
            return b"\1"
        case EndOfOptions():
            return b"\0" + option.padding
        case Mss():
            return struct.pack("!BBH", 2, 4, option.size)
        case WindowScale():
            return struct.pack("!BBB", 3, 3, option.shift)
        case SackPermitted():
            return b"\4\2"
        case Sack():
            edges = [edge for block in option.blocks for edge in block]
            return struct.pack(f"!BB{len(edges)}I", 5, 2 + 4 * len(edges), *edges)
        case Timestamps():
            return struct.pack("!BBII", 8, 10, option.value, option.echo)
        case UnknownOption():
            _refuse(option.kind < 2, "kinds 0 and 1 are EndOfOptions and Nop")
            return struct.pack("!BB", option.kind, 2 + len(option.data)) + option.data
        case BrokenOptions():
            return option.data


def _words(data: bytes, what: str) -> bytes:
    """`data`, padded with zeros to words of four bytes."""
    _refuse(len(data) > _OPTIONS_MAX, f"{what} take at most {_OPTIONS_MAX} bytes")
    return data + bytes(-len(data) % 4)


def _eighths(offset: int) -> int:
    _refuse(offset % 8 or not 0 <= offset >> 3 <= _OFFSET, "a fragment offset is a multiple of 8 below 65536")
    return offset >> 3


def _refuse(condition: object, sentence: str) -> None:
    if condition:
        raise ValueError(sentence)


@lru_cache(1024)
def _packed(text: str, version: int) -> bytes:
    address = ip_address(text)
    _refuse(address.version != version, f"{text} is no address of IPv{version}")
    return address.packed


# Decoding -------------------------------------------------------------------------------------------------------------


def decode(data: bytes, *, verify: bool = True) -> IpPacket | Malformed:
    """The packet that `data` begins with. Without `verify` wrong checksums are kept in it and not judged."""
    if not data:
        return Malformed(Fault.IP_TRUNCATED)
    if data[0] >> 4 == 4:
        return _decode_v4(data, verify)
    return _decode_v6(data, verify) if data[0] >> 4 == 6 else Malformed(Fault.IP_VERSION)


def _decode_v4(data: bytes, verify: bool) -> IpPacket | Malformed:
    if len(data) < _V4.size:
        return Malformed(Fault.IP_TRUNCATED)
    first, tos, total, identification, bits, ttl, protocol, field, src, dst = _V4.unpack_from(data)
    length = (first & 15) * 4
    if length < _V4.size:
        return Malformed(Fault.IP_HEADER_LENGTH)
    if len(data) < length:
        return Malformed(Fault.IP_TRUNCATED)
    right = checksum(data[:10] + b"\0\0" + data[12:length])
    if verify and not _holds(field, right):
        return Malformed(Fault.IP_CHECKSUM)
    if not length <= total <= len(data):
        return Malformed(Fault.IP_TOTAL_LENGTH)
    whole = bits & (_MF | _OFFSET) == 0
    payload = _decode_payload(protocol, 4, src + dst, data[length:total], verify, whole)
    if isinstance(payload, Malformed):
        return payload
    return IpPacket(
        _text(src), _text(dst), payload, ttl, tos, identification, bool(bits & _DF), bool(bits & _MF),
        (bits & _OFFSET) << 3, False, bool(bits & _RESERVED), 0, data[_V4.size : length],
        None if field == right else field, data[total:],
    )  # fmt: skip


def _decode_v6(data: bytes, verify: bool) -> IpPacket | Malformed:
    if len(data) < _V6.size:
        return Malformed(Fault.IP_TRUNCATED)
    first, length, protocol, ttl, src, dst = _V6.unpack_from(data)
    end = _V6.size + length
    if len(data) < end:
        return Malformed(Fault.IP_TOTAL_LENGTH)
    body, bits, identification, fragment = data[_V6.size : end], 0, 0, False
    if protocol == IPPROTO_FRAGMENT:
        if length < _FRAGMENT.size:
            return Malformed(Fault.IP_TRUNCATED)
        inner, reserved, bits, identification = _FRAGMENT.unpack_from(body)
        fragment = not (reserved or bits & 6)  # such bits are ignored by receivers (RFC 8200 §4.5), and kept here
        if fragment:
            protocol, body = inner, body[_FRAGMENT.size :]
        else:
            bits = identification = 0
    payload = _decode_payload(protocol, 6, src + dst, body, verify, bits & ~6 == 0)
    if isinstance(payload, Malformed):
        return payload
    return IpPacket(
        _text(src), _text(dst), payload, ttl, first >> 20 & 0xFF, identification,
        more_fragments=bool(bits & 1), fragment_offset=bits & ~7, atomic=fragment and not bits & ~6,
        flow_label=first & 0xFFFFF, trailer=data[end:],
    )  # fmt: skip


def _decode_payload(
    protocol: int, version: int, addresses: bytes, body: bytes, verify: bool, whole: bool
) -> Payload | Malformed:
    if whole and protocol == IPPROTO_TCP:
        return _decode_tcp(addresses, body, verify)
    if whole and protocol == IPPROTO_UDP:
        return _decode_udp(version, addresses, body, verify)
    if whole and protocol == (IPPROTO_ICMP if version == 4 else IPPROTO_ICMPV6):
        pseudo = b"" if version == 4 else _pseudo(addresses, b"", protocol, len(body))
        return _decode_icmp(pseudo, body, verify)
    return Other(protocol, body)


def _decode_tcp(addresses: bytes, body: bytes, verify: bool) -> Tcp | Malformed:
    if len(body) < _TCP.size:
        return Malformed(Fault.TCP_TRUNCATED)
    src_port, dst_port, seq, ack, bits, window, field, urgent = _TCP.unpack_from(body)
    length = (bits >> 12) * 4
    if not _TCP.size <= length <= len(body):
        return Malformed(Fault.TCP_DATA_OFFSET)
    pseudo = _pseudo(addresses, b"", IPPROTO_TCP, len(body))
    right = checksum(pseudo + body[:16] + b"\0\0" + body[18:])
    if verify and not _holds(field, right):
        return Malformed(Fault.TCP_CHECKSUM)
    given = None if field == right else field
    options = decode_options(body[_TCP.size : length])
    return Tcp(src_port, dst_port, seq, ack, bits & 0xFFF, window, urgent, options, body[length:], given)


def _decode_udp(version: int, addresses: bytes, body: bytes, verify: bool) -> Udp | Malformed:
    if len(body) < _UDP.size:
        return Malformed(Fault.UDP_TRUNCATED)
    src_port, dst_port, length, field = _UDP.unpack_from(body)
    if not _UDP.size <= length <= len(body):
        return Malformed(Fault.UDP_LENGTH)
    if field == 0 and version == 6 and verify:
        return Malformed(Fault.UDP_NO_CHECKSUM)
    pseudo = _pseudo(addresses, b"", IPPROTO_UDP, length)
    right = checksum(pseudo + body[:6] + b"\0\0" + body[8:length]) or 0xFFFF
    if verify and field not in (0, right):
        return Malformed(Fault.UDP_CHECKSUM)
    return Udp(src_port, dst_port, body[_UDP.size : length], body[length:], None if field == right else field)


def _decode_icmp(pseudo: bytes, body: bytes, verify: bool) -> Icmp | Malformed:
    if len(body) < _ICMP.size:
        return Malformed(Fault.ICMP_TRUNCATED)
    kind, code, field, rest = _ICMP.unpack_from(body)
    right = checksum(pseudo + body[:2] + b"\0\0" + body[4:])
    if verify and not _holds(field, right):
        return Malformed(Fault.ICMP_CHECKSUM)
    return Icmp(kind, code, rest, body[_ICMP.size :], None if field == right else field)


def _holds(field: int, right: int) -> bool:
    """Whether a receiver accepts a checksum: the right one, or the other notation of zero."""
    return field == right or (field == 0xFFFF and right == 0)


def decode_options(data: bytes) -> tuple[Option, ...]:
    """The list of TCP options in `data`, all of it: ``encode_options(decode_options(data)) == data``."""
    found: list[Option] = []
    at = 0
    while at < len(data):
        kind = data[at]
        if kind == 1:
            found.append(Nop())
            at += 1
            continue
        if kind == 0:
            found.append(EndOfOptions(data[at + 1 :]))
            break
        size = data[at + 1] if at + 1 < len(data) else 0
        if size < 2 or at + size > len(data):
            found.append(BrokenOptions(data[at:]))
            break
        found.append(_decode_option(kind, data[at + 2 : at + size]))
        at += size
    return tuple(found)


def _decode_option(kind: int, data: bytes) -> Option:
    match kind, len(data):
        case 2, 2:
            return Mss(int.from_bytes(data, "big"))
        case 3, 1:
            return WindowScale(data[0])
        case 4, 0:
            return SackPermitted()
        case 5, 8 | 16 | 24 | 32:
            return Sack(tuple(struct.iter_unpack("!II", data)))
        case 8, 8:
            return Timestamps(*struct.unpack("!II", data))
    return UnknownOption(kind, data)


@lru_cache(1024)
def _text(address: bytes) -> str:
    if len(address) == 4:
        return str(IPv4Address(address))
    last, rest = address[12:], address[:12]
    if rest == bytes(12) and last[:2] != b"\0\0":
        return f"::{IPv4Address(last)}"
    if rest == bytes(10) + b"\xff\xff":
        return f"::ffff:{IPv4Address(last)}"
    return IPv6Address(address).compressed


# ICMP errors ----------------------------------------------------------------------------------------------------------


def error_about(offending: IpPacket, error: IcmpError, *, src: str | None = None, mtu: int = 0) -> IpPacket:
    """The ICMP error that a packet provokes. `src`: who complains, by default the one it was sent to. `mtu`: the next
    link's, in bytes, for `PACKET_TOO_BIG`.

    It quotes as much of the packet as a host may (RFC 1122 §3.2.2, RFC 4443 §2.4 (c)).
    """
    version = offending.version
    kind, code = error.of(version)
    room = _QUOTE[version] - _ICMP.size - (_V4.size if version == 4 else _V6.size)
    message = Icmp(kind, code, mtu, encode(offending)[:room])
    return IpPacket(src or offending.dst, offending.src, message, tos=_PRECEDENCE if version == 4 else 0)


def decode_quoted(data: bytes) -> Quoted | Malformed:
    """What an ICMP error's `data` says of the packet it is about: its IP header and eight bytes must be there.
    Checksums are not judged, and there may be more or less behind (RFC 792).
    """
    version = data[0] >> 4 if data else 0
    if version == 6:
        start, at, addresses = _V6.size, 6, 8
    else:
        start, at, addresses = (data[0] & 15) * 4 if data else 0, 9, 12
        if version != 4 and data:
            return Malformed(Fault.IP_VERSION)
    if len(data) < max(start, _V4.size) + _UDP.size:
        return Malformed(Fault.IP_TRUNCATED)
    if start < _V4.size:
        return Malformed(Fault.IP_HEADER_LENGTH)
    size = 16 if version == 6 else 4
    src, dst = data[addresses : addresses + size], data[addresses + size : addresses + 2 * size]
    src_port, dst_port, seq = struct.unpack_from("!HHI", data, start)
    return Quoted(_text(src), _text(dst), data[at], src_port, dst_port, seq)
