"""Packets of a script and packets of a wire: each made from the other, and compared.

A script numbers the bytes of each side from that side's SYN, which is 0. What the remote side sends begins at a number
that is chosen here; what the model sends begins where the model chose. Windows are as on the wire in both.

A packet that is seen is written as the script would write it, and compared member by member. A run of segments that
left at one moment may be expected as one packet, as the kernel hands it to a device that cuts it up.

Not here: time. Headers around headers, ICMP, and what the model has no word for: urgent data, ECN, timestamps.
"""

from __future__ import annotations

import attrs

from model.values import packets as wire
from model.values.addresses import Address
from model.values.packets import IpPacket

from . import syntax
from .printing import show_option
from .syntax import Flag, Packet, Range, Tcp, TcpOption

THEIR_ISS = 1_000_000
"""Where the remote side's numbers begin on the wire."""
UNMODELLED = Flag.URG | Flag.ECE | Flag.CWR | Flag.AE
_MODULUS = 1 << 32


@attrs.define(eq=False)
class Connection:
    """Two addresses, the model's and the remote one, and where the numbers begin that the model sends."""

    local: Address
    remote: Address
    our_iss: int = 0


def injected(tcp: Tcp, connection: Connection) -> IpPacket:
    """What the script's segment is on the wire, from the remote side to the model's."""
    segment = wire.Tcp(
        connection.remote[1],
        connection.local[1],
        (tcp.data.seq + THEIR_ISS) % _MODULUS,
        (tcp.ack + connection.our_iss) % _MODULUS if tcp.ack is not None else 0,
        int(tcp.flags & ~UNMODELLED),
        tcp.window or 0,
        options=tuple(_on_wire(option, connection.our_iss) for option in tcp.options or ()),
        data=bytes(tcp.data.length),
    )
    return IpPacket(connection.remote[0], connection.local[0], segment, dont_fragment=True)


def _on_wire(option: TcpOption, base: int) -> wire.Option:
    match option:
        case syntax.Mss(value):
            return wire.Mss(value)
        case syntax.Scale(shift):
            return wire.WindowScale(shift)
        case syntax.SackPermitted():
            return wire.SackPermitted()
        case syntax.Sack(blocks):
            return wire.Sack(tuple(((a + base) % _MODULUS, (b + base) % _MODULUS) for a, b in blocks))
        case syntax.Timestamps(value, echo):
            return wire.Timestamps(value, echo)
        case _:
            return wire.Nop()


def written(ip: IpPacket, connection: Connection) -> Packet:
    """A packet that the model sent, as the script would write it."""
    match ip.payload:
        case wire.Tcp() as tcp:
            flags = Flag(tcp.flags & 0x1FF)
            ack = _relative(tcp.ack, THEIR_ISS) if flags & Flag.ACK else None
            options = [_as_written(option) for option in tcp.options]
            data = Range(_relative(tcp.seq, connection.our_iss), len(tcp.data))
            content = Tcp(flags, data, ack, tcp.window, None, tuple(o for o in options if o is not None))
            return Packet(True, content)
        case wire.Udp(data=payload):
            return Packet(True, syntax.Udp(len(payload)))
        case wire.Icmp(type=kind, code=code):
            return Packet(True, syntax.Icmp(f"type_{kind}", f"code_{code}"))
        case wire.Other():
            return Packet(True, syntax.Udp(0))


def _as_written(option: wire.Option) -> TcpOption | None:
    match option:
        case wire.Mss(size):
            return syntax.Mss(size)
        case wire.WindowScale(shift):
            return syntax.Scale(shift)
        case wire.SackPermitted():
            return syntax.SackPermitted()
        case wire.Sack(blocks):
            return syntax.Sack(tuple((_relative(a, THEIR_ISS), _relative(b, THEIR_ISS)) for a, b in blocks))
        case wire.Nop():
            return syntax.Nop()
        case _:
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
    if (one.ack, one.window, one.options) != (two.ack, two.window, two.options):
        return None
    data = Range(one.data.seq, one.data.length + two.data.length)
    return attrs.evolve(first, content=attrs.evolve(two, flags=one.flags | two.flags, data=data))


def matches(expected: Packet, seen: Packet) -> bool:
    """Whether a packet is the one that was expected, in all that the script says of it. Timestamps are passed over,
    and so is padding where they are expected.
    """
    one, two = expected.content, seen.content
    if not isinstance(one, Tcp) or not isinstance(two, Tcp):
        return one == two
    if (one.flags & ~UNMODELLED, one.data, one.ack) != (two.flags, two.data, two.ack):
        return False
    if one.window is not None and one.window != two.window:
        return False
    return one.options is None or _said(one.options, has_timestamps(one)) == _said(two.options, has_timestamps(one))


def has_timestamps(tcp: Tcp) -> bool:
    return any(isinstance(option, syntax.Timestamps) for option in tcp.options or ())


def _said(options: tuple[TcpOption, ...] | None, loosely: bool) -> list[str]:
    padding = (syntax.Timestamps, syntax.Nop, syntax.EndOfOptions)
    return [show_option(option) for option in options or () if not (loosely and isinstance(option, padding))]
