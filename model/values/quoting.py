"""What an ICMP error quotes of the packet that it is about: as much of it as makes the error no longer than 576 bytes
(RFC 1812 §4.3.2.3). From that the sender knows which socket is meant, and a program that reads reports of errors which
of its datagrams.

Of a segment only a SYN is quoted in full, for of others nobody is shown anything.

Not here: who is told of the error (world/errors.py).
"""

from __future__ import annotations

from .constants import IPPROTO_TCP, IPPROTO_UDP, TcpFlag
from .conversion import Conversion
from .packets import IcmpError
from .segments import Datagram, Fragment, IcmpMessage, Segment, ip_size
from .wire import encode

QUOTES_MAX = 548
"""Most bytes of a packet that an error quotes."""
_IP, _UDP = 20, 8


def message_about(
    packet: Segment | Datagram | Fragment, kind: IcmpError, mtu: int = 0, reporter: str = ""
) -> IcmpMessage:
    """The error that a packet provokes. `mtu`: bytes that the next link takes, for `PACKET_TOO_BIG`."""
    whole = packet.whole if isinstance(packet, Fragment) else packet
    quoted = min(ip_size(packet), QUOTES_MAX)
    if isinstance(whole, Segment):
        protocol, seq, quote = IPPROTO_TCP, whole.seq, _header(whole)
    else:
        protocol, seq, quote = IPPROTO_UDP, 0, whole.data[: quoted - _IP - _UDP]
    return IcmpMessage(kind, whole.src, whole.dst, protocol, seq, mtu, reporter, quoted, quote)


def _header(segment: Segment) -> bytes:
    if not segment.flags & TcpFlag.SYN:
        return b""
    (packet,) = Conversion().packets(segment)
    return encode(packet)[_IP:]
