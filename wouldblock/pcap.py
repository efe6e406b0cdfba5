"""A trace as a pcapng file: what a packet sniffer would have written, had one listened where the model ran.

pcapng is a row of blocks, each with its length in front and behind (draft-ietf-opsawg-pcapng): a section header, one
interface for every host, and every packet at the time when its host sent it, as raw IP (LINKTYPE_RAW), in nanoseconds
since the scenario began. Wireshark so shows a clock that starts in 1970. Every packet carries the model's own line as
its comment (`frame.comment`), with whole sequence numbers relative to the connection. The same trace gives the same
bytes.

A sender's interface is where a packet is seen, so one that the wire loses later is there all the same, as it would be
in a capture on that host. A run of segments is written as the packets that it is on a wire.

The blocks are written here because no library does it that is kept up: python-pcapng has had no release since 2022,
names Python 3.8 as its last and has no types; scapy and dpkt would bring a stack of protocols along for three blocks.

Not here: reading captures; the kernel's arm, whose traces hold no packets.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from model.trace import Trace, WireEvent
from model.values.conversion import Conversion
from model.values.wire import encode

LINKTYPE_RAW = 101
_SECTION, _INTERFACE, _PACKET = 0x0A0D0D0A, 1, 6
_BYTE_ORDER = 0x1A2B3C4D
_NANOSECONDS, _OUTBOUND = 9, 2
_COMMENT, _IF_NAME, _USERAPPL, _TSRESOL, _FLAGS = 1, 2, 4, 9, 2
"""Option codes; their meaning depends on the block, so that 2 is a name here and flags there."""
_LENGTH_UNKNOWN = -1
_LONGEST = 0xFFFF
"""Bytes that an option can hold."""

Option = tuple[int, bytes]


def pcapng(trace: Trace) -> bytes:
    """The packets of a trace in the order in which they were sent. Events that are no packets leave no mark."""
    return b"".join(_blocks(trace))


def _blocks(trace: Trace) -> Iterator[bytes]:
    about = ", ".join(f"{name} {trace.header[name]}" for name in sorted(trace.header) if name != "format")
    head = struct.pack("<IHHq", _BYTE_ORDER, 1, 0, _LENGTH_UNKNOWN)
    yield _block(_SECTION, head, (_COMMENT, about.encode()), (_USERAPPL, b"wouldblock"))
    sent = [event for event in trace.events if isinstance(event, WireEvent)]
    interfaces = {host: number for number, host in enumerate(dict.fromkeys(event.host for event in sent))}
    for host in interfaces:
        head = struct.pack("<HHI", LINKTYPE_RAW, 0, 0)
        yield _block(_INTERFACE, head, (_IF_NAME, host.encode()), (_TSRESOL, bytes([_NANOSECONDS])))
    wire = Conversion()
    for event in sent:
        for packet in wire.packets(event.packet) if event.packet is not None else ():
            yield _packet(interfaces[event.host], event.at_ns, encode(packet), event.text)


def _packet(interface: int, at_ns: int, data: bytes, comment: str) -> bytes:
    head = struct.pack("<IIIII", interface, at_ns >> 32, at_ns & 0xFFFFFFFF, len(data), len(data))
    flags = struct.pack("<I", _OUTBOUND)
    return _block(_PACKET, head + _padded(data), (_COMMENT, comment.encode()), (_FLAGS, flags))


def _block(kind: int, body: bytes, *options: Option) -> bytes:
    parts = [body]
    for code, value in options:
        kept = value[:_LONGEST]
        parts.append(struct.pack("<HH", code, len(kept)) + _padded(kept))
    parts.append(bytes(4))  # the end of the options
    inside = b"".join(parts)
    length = 12 + len(inside)
    return struct.pack("<II", kind, length) + inside + struct.pack("<I", length)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
