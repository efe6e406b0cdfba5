"""Packets of a script and packets of a wire: each made from the other, and compared.

A script numbers the bytes of each side from that side's SYN, which is 0. What the remote side sends begins at a number
that is chosen here; what the arm sends begins where the arm chose. Windows are as on the wire in both. Timestamps of
the arm are clocks that nobody can foretell: the first that is expected sets what the script's numbers stand for, and
an echo of one is translated back.

A reset that answers a segment of no connection has no such numbers: its own is 0, wherever the arm's begin.

A packet that is seen is written as the script would write it, and compared member by member. A run of segments that
left at one moment may be expected as one packet, as the kernel hands it to a device that cuts it up.

Not here: time. Headers around headers.
"""

from __future__ import annotations

import attrs

from model.values import packets as wire
from model.values.addresses import Address
from model.values.packets import IPPROTO_TCP, IPPROTO_UDP, IpPacket, Malformed, Quoted
from model.values.wire import decode_quoted, encode

from . import syntax
from .printing import show_option, show_packet
from .reader import Beyond
from .syntax import Flag, Icmp, Ip, Packet, Range, Tcp, TcpOption

THEIR_ISS = 1_000_000
"""What the number 0 of the remote side's first SYN is on the wire."""
ECN_BITS = {"noecn": 0, "ect1": 1, "ect0": 2, "ce": 3}
_MODULUS = 1 << 32

_TYPES = {
    "echo_reply": 0, "unreachable": 3, "source_quench": 4, "redirect": 5, "echo_request": 8, "time_exceeded": 11,
    "parameter_problem": 12, "timestamp_request": 13, "timestamp_reply": 14, "information_request": 15,
    "information_reply": 16, "address_mask_request": 17, "address_mask_reply": 18,
}  # fmt: skip
_UNREACHABLE = dict(zip(
    """net_unreachable host_unreachable protocol_unreachable port_unreachable frag_needed source_route_failed
    net_unknown host_unknown source_host_isolated net_prohibited host_prohibited net_unreachable_for_tos
    host_unreachable_for_tos packet_filtered precedence_violation precedence_cutoff""".split(),
    range(16), strict=True,
))  # fmt: skip
"""Names that the language has for types and codes (RFC 792, RFC 1122 §3.2.2.1, RFC 1812 §5.2.7.1)."""
_UNREACHABLE_TYPE, _FRAG_NEEDED = 3, 4


@attrs.define(eq=False)
class Connection:
    """Two addresses, the arm's and the remote one, and what the script's numbers stand for between them."""

    local: Address
    remote: Address
    our_iss: int = 0
    """Where the numbers begin that the arm sends."""
    their_iss: int = THEIR_ISS
    """Where the remote side's begin: at its first SYN, which a script may number otherwise than 0."""
    opened_with: int | None = None
    """The script's number of that SYN."""
    clock: int | None = None
    """What the arm's timestamps are more than the script's; None until one is expected."""
    stamps: dict[int, int] = attrs.Factory(dict)
    """The script's number for a timestamp of the arm → the arm's."""


# --------------------------------------------------------------------------------------------------------- injecting


def injected(packet: Packet, connection: Connection) -> IpPacket:
    """What a packet of the script is on the wire, from the remote side to the arm's."""
    match packet.content:
        case Tcp() as tcp:
            payload: wire.Payload = _segment(tcp, connection)
        case syntax.Udp(length):
            payload = wire.Udp(connection.remote[1], connection.local[1], bytes(length))
        case Icmp() as message:
            payload = _message(message, connection)
    ip, ecn = packet.ip, packet.ip.ecn
    tos = ip.tos if ip.tos is not None else ECN_BITS[ecn] if ecn is not None else 0
    whole = IpPacket(connection.remote[0], connection.local[0], payload, tos=tos, dont_fragment=True)
    whole = attrs.evolve(whole, ttl=ip.ttl) if ip.ttl is not None else whole
    try:
        encode(whole)
    except ValueError:
        raise Beyond("a packet that is too long for IP") from None
    return whole


def _segment(tcp: Tcp, connection: Connection) -> wire.Tcp:
    if tcp.flags & Flag.SYN and connection.opened_with is None:
        connection.opened_with = tcp.data.seq
        connection.their_iss = THEIR_ISS + tcp.data.seq
    again = tcp.flags & Flag.SYN and tcp.data.seq == connection.opened_with
    return wire.Tcp(
        connection.remote[1],
        connection.local[1],
        (connection.their_iss + (0 if again else tcp.data.seq)) % _MODULUS,
        (tcp.ack + connection.our_iss) % _MODULUS if tcp.ack is not None else 0,
        int(tcp.flags),
        tcp.window or 0,
        tcp.urgent or 0,
        tuple(_on_wire(option, connection) for option in tcp.options or ()),
        bytes(tcp.data.length),
    )


def _on_wire(option: TcpOption, connection: Connection) -> wire.Option:
    match option:
        case syntax.Mss(value):
            return wire.Mss(value)
        case syntax.Scale(shift):
            return wire.WindowScale(shift)
        case syntax.SackPermitted():
            return wire.SackPermitted()
        case syntax.Sack(blocks):
            base = connection.our_iss
            return wire.Sack(tuple(((a + base) % _MODULUS, (b + base) % _MODULUS) for a, b in blocks))
        case syntax.Timestamps(value, echo):
            live = connection.stamps.get(echo, (echo + connection.clock) % _MODULUS if connection.clock else echo)
            return wire.Timestamps(value, live)
        case syntax.Nop():
            return wire.Nop()
        case syntax.EndOfOptions():
            return wire.EndOfOptions()
        case syntax.FastOpen(cookie, experimental):
            return wire.UnknownOption(254, b"\xf9\x89" + cookie) if experimental else wire.UnknownOption(34, cookie)
        case syntax.Md5(digest):
            return wire.UnknownOption(19, digest)
        case syntax.AccurateEcn(counters):
            kind = 172 if not counters or counters[0][0] == "e0b" else 174
            return wire.UnknownOption(kind, b"".join(count.to_bytes(3, "big") for _, count in counters))


def _message(message: Icmp, connection: Connection) -> wire.Icmp:
    kind, code = _type_and_code(message)
    rest = message.mtu if message.mtu is not None else (message.echo_id or 0) << 16
    quoted: wire.Payload
    match message.quoted:
        case Range(seq, length):
            ports = connection.local[1], connection.remote[1]
            quoted = wire.Tcp(*ports, (seq + connection.our_iss) % _MODULUS, 0, 0, 0, data=bytes(length))
        case syntax.QuotedUdp(length):
            quoted = wire.Udp(connection.local[1], connection.remote[1], bytes(length))
        case syntax.QuotedRaw(length):
            return wire.Icmp(kind, code, rest, bytes(max(length - 8, 0)))
        case None:
            return wire.Icmp(kind, code, rest)
    about = IpPacket(connection.local[0], connection.remote[0], quoted, dont_fragment=True)
    return wire.Icmp(kind, code, rest, encode(about)[: 20 + 8])


def _type_and_code(message: Icmp) -> tuple[int, int]:
    kind = _numbered(message.type, "type_", _TYPES)
    if message.code is None:
        return kind, 0
    return kind, _numbered(message.code, "code_", _UNREACHABLE if kind == _UNREACHABLE_TYPE else {})


def _numbered(name: str, beginning: str, names: dict[str, int]) -> int:
    digits = name.removeprefix(beginning)
    if name in names:
        return names[name]
    if digits != name and digits.isdecimal() and int(digits) < 256:
        return int(digits)
    raise Beyond(f"the name {name} in an ICMP message")


# ------------------------------------------------------------------------------------------------------------ seeing


def written(ip: IpPacket, connection: Connection) -> Packet:
    """A packet that the arm sent, as the script would write it."""
    ecn = next(name for name, bits in ECN_BITS.items() if bits == ip.ecn)
    header = Ip(ecn if ip.ecn else None, ip.tos if ip.tos & ~3 else None)
    match ip.payload:
        case wire.Tcp() as tcp:
            flags = Flag(tcp.flags & 0x1FF)
            ack = _relative(tcp.ack, connection.their_iss) if flags & Flag.ACK else None
            options = [_as_written(option, connection) for option in tcp.options]
            # a reset that belongs to no connection has the number 0 itself (RFC 9293 §3.5.2)
            plain = bool(flags & Flag.RST) and not tcp.seq
            data = Range(0 if plain else _relative(tcp.seq, connection.our_iss), len(tcp.data))
            urgent = tcp.urgent if flags & Flag.URG else None
            return Packet(True, Tcp(flags, data, ack, tcp.window, urgent, tuple(options)), header)
        case wire.Udp(data=payload):
            return Packet(True, syntax.Udp(len(payload)), header)
        case wire.Icmp():
            return Packet(True, _as_message(ip.payload, connection))
        case wire.Other(protocol=protocol):
            return Packet(True, Icmp(f"protocol_{protocol}"), header)


def _as_written(option: wire.Option, connection: Connection) -> TcpOption:
    match option:
        case wire.Mss(size):
            return syntax.Mss(size)
        case wire.WindowScale(shift):
            return syntax.Scale(shift)
        case wire.SackPermitted():
            return syntax.SackPermitted()
        case wire.Sack(blocks):
            return syntax.Sack(
                tuple((_relative(a, connection.their_iss), _relative(b, connection.their_iss)) for a, b in blocks)
            )
        case wire.Timestamps(value, echo):
            return syntax.Timestamps((value - (connection.clock or 0)) % _MODULUS, echo)
        case wire.EndOfOptions():
            return syntax.EndOfOptions()
        case wire.UnknownOption(34, cookie):
            return syntax.FastOpen(cookie)
        case wire.UnknownOption(19, digest):
            return syntax.Md5(digest)
        case wire.UnknownOption(172 | 174 as kind, data):
            names = ("e0b", "ceb", "e1b") if kind == 172 else ("e1b", "ceb", "e0b")
            counts = [int.from_bytes(data[at : at + 3], "big") for at in range(0, len(data), 3)]
            return syntax.AccurateEcn(tuple(zip(names, counts, strict=False)))
        case _:
            return syntax.Nop()


def _as_message(icmp: wire.Icmp, connection: Connection) -> Icmp:
    kind = next((name for name, number in _TYPES.items() if number == icmp.type), f"type_{icmp.type}")
    codes = _UNREACHABLE if icmp.type == _UNREACHABLE_TYPE else {}
    code = next((name for name, number in codes.items() if number == icmp.code), f"code_{icmp.code}")
    mtu = icmp.rest & 0xFFFF if (icmp.type, icmp.code) == (_UNREACHABLE_TYPE, _FRAG_NEEDED) else None
    return Icmp(kind, code if codes or icmp.code else None, mtu)


def belongs_to(ip: IpPacket) -> tuple[Address, Address] | None:
    """The arm's address and the remote one that a packet of the arm is about; None if it names no ports."""
    match ip.payload:
        case wire.Tcp() | wire.Udp() as payload:
            return (ip.src, payload.src_port), (ip.dst, payload.dst_port)
        case wire.Icmp(data=data):
            match decode_quoted(data):
                case Quoted(src, dst, protocol, source, target) if protocol in {IPPROTO_TCP, IPPROTO_UDP}:
                    return (dst, target), (src, source)
                case Quoted() | Malformed():
                    return None
    return None


def _relative(number: int, base: int) -> int:
    """The distance from `base`, of less than 2**31 to either side (RFC 9293 §3.4)."""
    return (number - base + (1 << 31)) % _MODULUS - (1 << 31)


def joined(first: Packet, then: Packet) -> Packet | None:
    """Two packets of one run as one; None if they are not."""
    one, two = first.content, then.content
    if not isinstance(one, Tcp) or not isinstance(two, Tcp) or not one.data.length or not two.data.length:
        return None
    if two.data.seq != one.data.seq + one.data.length or one.flags & (Flag.FIN | Flag.SYN | Flag.RST):
        return None
    if (one.ack, one.window, without_clocks(one)) != (two.ack, two.window, without_clocks(two)):
        return None
    data = Range(one.data.seq, one.data.length + two.data.length)
    return attrs.evolve(first, content=attrs.evolve(two, flags=one.flags | two.flags, data=data))


# --------------------------------------------------------------------------------------------------------- comparing


def learn_clock(expected: Packet, seen: IpPacket, connection: Connection) -> None:
    """What the script's numbers for timestamps stand for, from the packet that it expects and the one that came."""
    one, two = (
        _stamps(expected),
        next((o for o in getattr(seen.payload, "options", ()) if isinstance(o, wire.Timestamps)), None),
    )
    if one is None or two is None:
        return
    if connection.clock is None:
        connection.clock = (two.value - one.value) % _MODULUS
    connection.stamps[one.value] = two.value


def matches(expected: Packet, seen: Packet) -> bool:
    """Whether a packet is the one that was expected, in all that the script says of it. Of timestamps only the echo
    counts.
    """
    one, two, ip = expected.content, seen.content, expected.ip
    allowed = {"ect0", "ect1"} if ip.ecn == "ect01" else {ip.ecn}
    if ip.ecn is not None and (seen.ip.ecn or "noecn") not in allowed:
        return False
    if ip.tos is not None and ip.tos != (seen.ip.tos or 0):
        return False
    match one, two:
        case Tcp(), Tcp():
            if (one.flags, one.data, one.ack) != (two.flags, two.data, two.ack):
                return False
            if one.window not in {None, two.window} or one.urgent not in {None, two.urgent}:
                return False
            return one.options is None or without_clocks(one) == without_clocks(two)
        case Icmp(), Icmp():
            return _numbers(one) == _numbers(two) and one.mtu in {None, two.mtu}
        case _:
            return one == two


def _numbers(message: Icmp) -> tuple[int, int] | str:
    try:
        return _type_and_code(message)
    except Beyond:
        return message.type


def without_clocks(tcp: Tcp) -> list[str] | None:
    """The options as text, timestamps without the sender's clock, which is a different one in every run."""
    if tcp.options is None:
        return None
    return [show_option(attrs.evolve(o, value=0) if isinstance(o, syntax.Timestamps) else o) for o in tcp.options]


def comparable(packet: Packet) -> str:
    """A packet as text, without the clock in its timestamps."""
    if isinstance(packet.content, Tcp):
        options = packet.content.options or ()
        plain = tuple(attrs.evolve(o, value=0) if isinstance(o, syntax.Timestamps) else o for o in options)
        packet = attrs.evolve(packet, content=attrs.evolve(packet.content, options=plain))
    return show_packet(packet)


def _stamps(packet: Packet) -> syntax.Timestamps | None:
    options = packet.content.options if isinstance(packet.content, Tcp) else None
    return next((option for option in options or () if isinstance(option, syntax.Timestamps)), None)
