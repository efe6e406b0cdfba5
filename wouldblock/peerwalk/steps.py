"""Steps of a sequence: calls of the party under test, segments that its peer injects, and the time before each.

A step is written in packetdrill's language, so a sequence that shows a difference reads like a packet script. Numbers
are relative to each side's SYN; the peer's first SYN has the number 0. What the language has no word for is a *spoilt*
segment: one whose bytes are changed on their way (a wrong checksum, options with a bad length, the party's own address
as source, an end cut off).

The peer echoes timestamps that it saw, and nobody can foretell those of the kernel: the number `FIRST_STAMP` + n stands
for the timestamp in the party's segment number n, counted from 0.

Not here: which steps are made (generating.py), running them (playing.py).
"""

from __future__ import annotations

from enum import StrEnum

import attrs

from model.values.packets import IPPROTO_TCP, BrokenOptions, IpPacket, Other, Tcp
from model.values.wire import encode
from wouldblock.packetscript import parse
from wouldblock.packetscript.syntax import Packet, SystemCall

MS = 1_000_000
FIRST_STAMP = 100
IP_HEADER, SHORT = 20, 14
"""Bytes of an IP header; bytes of a TCP header that are left of a segment whose end is cut off."""
WRONG_CHECKSUM = 0x1234
BAD_OPTIONS = bytes((2, 1, 5, 180))
"""A maximum segment size that says it is one byte long: no option is."""


class Spoilt(StrEnum):
    """What happened to a segment on its way."""

    NO = ""
    CHECKSUM = "wrong checksum"
    OPTIONS = "bad option length"
    LAND = "own address as source"
    SHORT = "cut off within the header"


@attrs.frozen
class Step:
    """One step, `gap_ms` milliseconds after the one before. `text` is a call or a segment without its time."""

    gap_ms: int
    text: str
    spoilt: Spoilt = Spoilt.NO

    @property
    def action(self) -> SystemCall | Packet:
        """The step as a value of the language."""
        found = parse(f"+0 {self.text}\n").events[0].action
        assert isinstance(found, SystemCall | Packet)
        return found

    def __str__(self) -> str:
        return f"+{self.gap_ms / 1000:g} {self.text}" + (f"  ({self.spoilt})" if self.spoilt else "")


@attrs.frozen
class Sequence:
    """What one walk does: its steps, the descriptor that they are about, and whether the party sends timestamps."""

    fd: int
    stamps: bool
    steps: tuple[Step, ...]


def spoil(packet: IpPacket, how: Spoilt) -> IpPacket:
    """`packet` as it arrives."""
    tcp = packet.payload
    if not how:
        return packet
    assert isinstance(tcp, Tcp)
    match how:
        case Spoilt.CHECKSUM:
            return attrs.evolve(packet, payload=attrs.evolve(tcp, checksum=WRONG_CHECKSUM))
        case Spoilt.OPTIONS:
            return attrs.evolve(packet, payload=attrs.evolve(tcp, options=(BrokenOptions(BAD_OPTIONS),)))
        case Spoilt.LAND:
            return attrs.evolve(packet, src=packet.dst, payload=attrs.evolve(tcp, src_port=tcp.dst_port))
        case _:
            return attrs.evolve(packet, payload=Other(IPPROTO_TCP, encode(packet)[IP_HEADER : IP_HEADER + SHORT]))
