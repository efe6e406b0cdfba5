"""What travels: TCP segments and UDP datagrams, as frozen values, printed in packetdrill's notation.

Sequence numbers are whole numbers that never wrap: the model counts on, and only an encoding for a real wire takes
them modulo 2**32 (RFC 9293 §3.4). `window` is the value after scaling, in bytes, as the receiver of the segment
understands it.

Timestamps count milliseconds modulo 2**32 (RFC 7323 §3.2). Nearly every segment carries them, and a line of text
leaves them out.

Not here: bytes, IP, checksums (packets.py, wire.py); ECN, urgent data.
"""

from __future__ import annotations

import attrs

from .addresses import Address
from .constants import TcpFlag

FIN, SYN, RST, PSH, ACK = TcpFlag.FIN, TcpFlag.SYN, TcpFlag.RST, TcpFlag.PSH, TcpFlag.ACK
_SYN, _FIN = int(SYN), int(FIN)
Run = tuple[int, int]
"""From where to where, not included, some bytes lie."""

TIMESTAMPS_SIZE = 12
"""What timestamps take out of every segment, in bytes (TCPOLEN_TSTAMP_ALIGNED)."""
Stamps = tuple[int, int]
"""A sender's clock, and the last it saw of the receiver's (RFC 7323 §3.2)."""

_LETTERS = ((int(SYN), "S"), (int(FIN), "F"), (int(RST), "R"), (int(PSH), "P"))


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
    """How many bare acknowledgements became this one while they waited for a locked socket."""
    truesize: int = 0
    """What the kernel charges for the buffer that carries it, in bytes; 0 for one that is never queued."""
    pages: tuple[Run, ...] = ()
    """Where in the sender's page fragments its bytes lie: from, to."""
    buffer: int = 0
    """The sender's buffer that it shares its pages with (loopback does not copy); 0 for none."""

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
        options = [f"mss {self.mss}"] if self.mss is not None else []
        options += [f"wscale {self.scale}"] if self.scale is not None else []
        options += [f"sack {begin - ack_base}:{end - ack_base}" for begin, end in self.sack]
        if options:
            parts.append(f"<{','.join(options)}>")
        return f"{self.src[0]}:{self.src[1]} > {self.dst[0]}:{self.dst[1]}: {' '.join(parts)}"


@attrs.frozen(eq=False)
class Datagram:
    """One UDP datagram."""

    src: Address
    dst: Address
    data: bytes

    def text(self) -> str:
        return f"{self.src[0]}:{self.src[1]} > {self.dst[0]}:{self.dst[1]}: udp ({len(self.data)})"


@attrs.frozen(eq=False)
class PortUnreachable:
    """The ICMP error a datagram to a closed port provokes (RFC 1122 §4.1.3.3); `offending` is that datagram's path."""

    src: Address
    dst: Address

    def text(self) -> str:
        return f"{self.dst[0]} > {self.src[0]}: icmp unreachable port {self.dst[1]}"


Packet = Segment | Datagram | PortUnreachable
"""Whatever travels."""


def destination(packet: Packet) -> str:
    """The address that a packet travels to: an error goes back to where the offending datagram came from."""
    return packet.src[0] if isinstance(packet, PortUnreachable) else packet.dst[0]
