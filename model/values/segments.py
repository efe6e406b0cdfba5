"""What travels: TCP segments, UDP datagrams and ICMP errors, as frozen values, printed in packetdrill's notation.

Sequence numbers are whole numbers that never wrap: the model counts on, and only an encoding for a real wire takes
them modulo 2**32 (RFC 9293 §3.4). `window` is the value after scaling, in bytes, as the receiver of the segment
understands it.

Timestamps count milliseconds modulo 2**32 (RFC 7323 §3.2). Nearly every segment carries them, and a line of text
leaves them out.

Not here: bytes, IP, checksums (packets.py, wire.py).
"""

from __future__ import annotations

import attrs

from .addresses import Address
from .constants import IPPROTO_TCP, IPPROTO_UDP, Ecn, TcpFlag
from .packets import IcmpError

FIN, SYN, RST, PSH, ACK, URG = TcpFlag.FIN, TcpFlag.SYN, TcpFlag.RST, TcpFlag.PSH, TcpFlag.ACK, TcpFlag.URG
_SYN, _FIN = int(SYN), int(FIN)
Run = tuple[int, int]
"""From where to where, not included, some bytes lie."""

TIMESTAMPS_SIZE = 12
"""What timestamps take out of every segment, in bytes (TCPOLEN_TSTAMP_ALIGNED)."""
Stamps = tuple[int, int]
"""A sender's clock, and the last it saw of the receiver's (RFC 7323 §3.2)."""

_LETTERS = (
    (int(SYN), "S"), (int(FIN), "F"), (int(RST), "R"), (int(PSH), "P"), (int(TcpFlag.ECE), "E"),
    (int(TcpFlag.CWR), "W"), (int(TcpFlag.AE), "A"), (int(URG), "U"),
)  # fmt: skip
_MARKS = {Ecn.NOT_ECT: "", Ecn.ECT_1: "[ect1] ", Ecn.ECT_0: "[ect0] ", Ecn.CE: "[ce] "}


@attrs.frozen(eq=False)
class Segment:
    """One TCP segment. `flags` is a plain int of `TcpFlag` bits, because it is tested for every segment."""

    src: Address
    dst: Address
    seq: int
    ack: int
    flags: int
    window: int
    data: bytes = b""
    mss: int | None = None
    scale: int | None = None
    sack_permitted: bool = False
    """On a SYN: selective acknowledgements are understood (RFC 2018 §2)."""
    sack: tuple[Run, ...] = ()
    """What arrived behind a gap: from, to (RFC 2018 §3)."""
    timestamps: Stamps | None = None
    segment_size: int = 0
    """For a run of several segments that travels as one (segmentation offload): the size of each. 0: it is one
    segment.
    """
    merged: int = 1
    """As how many it counts where it is dropped: those of a run, and those that became one while waiting for a locked
    socket.
    """
    truesize: int = 0
    """What the kernel charges for the buffer that carries it, in bytes; 0 for one that is never queued."""
    pages: tuple[Run, ...] = ()
    """Where in the sender's page fragments its bytes lie: from, to."""
    buffer: int = 0
    """The sender's buffer that it shares its pages with (loopback does not copy); 0 for none."""
    may_fragment: bool = False
    """Whether a router may send it on in fragments: DF is not set."""
    ecn: Ecn = Ecn.NOT_ECT
    """The mark of the IP packet that it travels in (RFC 3168 §5)."""
    urgent: int = 0
    """The urgent pointer, 16 bits: how far behind `seq` the urgent data end. It counts with the flag URG only."""

    @property
    def end(self) -> int:
        """The sequence number behind it: SYN and FIN count one each (RFC 9293 §3.4)."""
        return self.seq + len(self.data) + (1 if self.flags & _SYN else 0) + (1 if self.flags & _FIN else 0)

    def text(self, seq_base: int = 0, ack_base: int = 0) -> str:
        """packetdrill's notation: ``127.0.0.1:40000 > 127.0.0.1:80: P. 1:11(10) ack 1 win 65536``."""
        letters = "".join(letter for bit, letter in _LETTERS if self.flags & bit)
        if self.flags & ACK:
            letters += "."
        seq = self.seq - seq_base
        parts = [f"{letters} {seq}:{self.end - seq_base}({len(self.data)})"]
        if self.flags & ACK:
            parts.append(f"ack {self.ack - ack_base}")
        parts.append(f"win {self.window}")
        if self.flags & URG:
            parts.append(f"urg {self.urgent}")
        options = [f"mss {self.mss}"] if self.mss is not None else []
        options += [f"wscale {self.scale}"] if self.scale is not None else []
        options += [f"sack {begin - ack_base}:{end - ack_base}" for begin, end in self.sack]
        if options:
            parts.append(f"<{','.join(options)}>")
        return f"{self.src[0]}:{self.src[1]} > {self.dst[0]}:{self.dst[1]}: {_MARKS[self.ecn]}{' '.join(parts)}"


@attrs.frozen(eq=False)
class Buffer:
    """What carries a datagram or a fragment of it. Sizes in bytes."""

    size: int
    """Of the IP packet in it, with its header."""
    truesize: int
    """What the kernel charges for it."""
    room: int = 0
    """What its head has left."""
    pages: tuple[Run, ...] = ()
    """Where in page fragments its bytes lie: from, to. Those that lie in its head are not told of."""

    @property
    def paged(self) -> int:
        """Bytes that do not lie in its head."""
        return sum(end - begin for begin, end in self.pages)


@attrs.frozen(eq=False)
class Datagram:
    """One UDP datagram."""

    src: Address
    dst: Address
    data: bytes
    may_fragment: bool = False
    largest: int = 0
    """Bytes of the largest IP packet as which it may leave; 0: what is known of the path decides."""
    buffers: tuple[Buffer, ...] = ()
    """What carries it, one for each fragment; empty for one that nobody on this host has made."""
    way: str = ""
    """The address that its route was looked up for, if that is not where it goes."""

    def text(self) -> str:
        return f"{self.src[0]}:{self.src[1]} > {self.dst[0]}:{self.dst[1]}: udp ({len(self.data)})"


_ERROR_WORDS = {
    IcmpError.NET_UNREACHABLE: "unreachable net",
    IcmpError.HOST_UNREACHABLE: "unreachable host",
    IcmpError.PROTOCOL_UNREACHABLE: "unreachable protocol",
    IcmpError.PORT_UNREACHABLE: "unreachable port",
    IcmpError.PACKET_TOO_BIG: "unreachable need to frag",
    IcmpError.SOURCE_ROUTE_FAILED: "source route failed",
    IcmpError.NET_UNKNOWN: "net unknown",
    IcmpError.HOST_UNKNOWN: "host unknown",
    IcmpError.SOURCE_ISOLATED: "source isolated",
    IcmpError.NET_PROHIBITED: "net unreachable, admin prohibited",
    IcmpError.HOST_PROHIBITED: "host unreachable, admin prohibited",
    IcmpError.NET_UNREACHABLE_FOR_TOS: "net unreachable for tos",
    IcmpError.HOST_UNREACHABLE_FOR_TOS: "host unreachable for tos",
    IcmpError.PROHIBITED: "unreachable admin prohibited",
    IcmpError.PRECEDENCE_VIOLATION: "unreachable precedence violation",
    IcmpError.PRECEDENCE_CUTOFF: "unreachable precedence cutoff",
    IcmpError.PARAMETER_PROBLEM: "parameter problem",
    IcmpError.TIME_EXCEEDED: "time exceeded in-transit",
    IcmpError.REASSEMBLY_TIME_EXCEEDED: "ip reassembly time exceeded",
}


@attrs.frozen(eq=False)
class IcmpMessage:
    """An ICMP error about a packet that went from `src` to `dst`, and which it quotes: it travels back to `src`."""

    kind: IcmpError
    src: Address
    dst: Address
    protocol: int = IPPROTO_UDP
    """Of the packet that it quotes."""
    seq: int = 0
    """The quoted packet's first number, if it was a TCP segment."""
    next_mtu: int = 0
    """For `PACKET_TOO_BIG`: bytes of the largest packet that the next link takes; 0 if that is not told."""
    reporter: str = ""
    """Whose message it is: a router's address; empty for the one that the packet was sent to."""
    about: int = 0
    """Bytes of the packet that it quotes, with its header; 0 if that is not known."""
    quote: bytes = b""
    """What it quotes of a datagram's bytes, or of a segment from its header on, as far as that is known."""
    pointer: int = 0
    """For `PARAMETER_PROBLEM`: which byte of the header is wrong."""

    @property
    def info(self) -> int:
        """The number that the error comes with, if its kind has one (`ee_info`)."""
        return self.pointer if self.kind is IcmpError.PARAMETER_PROBLEM else self.next_mtu

    def text(self, seq_base: int = 0) -> str:
        """In the words of tcpdump: ``10.0.0.254 > 10.0.0.1: icmp unreachable host [10.0.0.2:80 seq 1]``."""
        words = _ERROR_WORDS[self.kind]
        about = f" [{self.dst[0]}:{self.dst[1]} seq {self.seq - seq_base}]"
        if self.kind is IcmpError.PACKET_TOO_BIG:
            words += f" mtu {self.next_mtu}"
        if self.protocol != IPPROTO_TCP:
            told = self.kind is IcmpError.PORT_UNREACHABLE
            about = f" {self.dst[1]}" if told else f" [{self.dst[0]}:{self.dst[1]}]"
        return f"{self.reporter or self.dst[0]} > {self.src[0]}: icmp {words}{about}"


@attrs.frozen(eq=False)
class Fragment:
    """A part of a packet that was larger than a link: bytes `begin` to `end`, not included, behind the IP header."""

    whole: Segment | Datagram
    number: int
    """Its identification: all parts of a packet have the same."""
    begin: int
    end: int
    more: bool
    """Whether others follow it."""

    @property
    def src(self) -> Address:
        return self.whole.src

    @property
    def dst(self) -> Address:
        return self.whole.dst

    @property
    def may_fragment(self) -> bool:
        return True

    def text(self) -> str:
        """In the words of tcpdump: ``10.0.0.1 > 10.0.0.2: frag 7:1480@0+``."""
        more = "+" if self.more else ""
        return f"{self.src[0]} > {self.dst[0]}: frag {self.number}:{self.end - self.begin}@{self.begin}{more}"


Packet = Segment | Datagram | IcmpMessage | Fragment
"""Whatever travels."""

_IP, _TCP, _UDP = 20, 20, 8
_ERROR_QUOTES = 56
"""An ICMP error about a packet, with its IP header and no more than another header quoted, at least."""


def ip_size(packet: Packet) -> int:
    """The size of the IP packet on a wire, in bytes; of a run of segments, as if it was one."""
    match packet:
        case Segment():
            return _IP + _TCP + _options_size(packet) + len(packet.data)
        case Datagram():
            return _IP + _UDP + len(packet.data)
        case Fragment():
            return _IP + packet.end - packet.begin
        case _:
            return _ERROR_QUOTES


def _options_size(segment: Segment) -> int:
    """Bytes of TCP options, padded as Linux pads them: see conversion.py."""
    size = 4 if segment.mss is not None else 0
    size += 4 if segment.scale is not None else 0
    size += 4 + 8 * len(segment.sack) if segment.sack else 0
    return size + (TIMESTAMPS_SIZE if segment.timestamps is not None else 4 if segment.sack_permitted else 0)


def destination(packet: Packet) -> str:
    """The address that a packet travels to: an error goes back to where the offending datagram came from, and a
    datagram follows its route.
    """
    if isinstance(packet, IcmpMessage):
        return packet.src[0]
    whole = packet.whole if isinstance(packet, Fragment) else packet
    return (whole.way if isinstance(whole, Datagram) else "") or whole.dst[0]
