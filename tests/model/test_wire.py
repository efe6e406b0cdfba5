"""Real bytes: packets there and back, any bytes at all, and the model's packets as those of a wire.

Not here: what the kernel says of the same bytes (test_mirror.py); pcapng (tests/cli/test_pcap.py); how the model fills
its segments.
"""

from __future__ import annotations

import socket
import struct
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.values.constants import TcpFlag
from model.values.conversion import Conversion, unwrap
from model.values.packets import (
    BrokenOptions,
    EndOfOptions,
    Fault,
    Icmp,
    IcmpError,
    IpPacket,
    Mss,
    Nop,
    Other,
    Quoted,
    Sack,
    SackPermitted,
    Tcp,
    Timestamps,
    Udp,
    UnknownOption,
    WindowScale,
    icmp_error,
    next_mtu,
)  # fmt: skip
from model.values.quoting import message_about
from model.values.segments import Datagram, IcmpMessage, Segment
from model.values.wire import checksum, decode, decode_options, decode_quoted, encode, encode_options, error_about

MANY = settings(max_examples=5 * settings().max_examples)
A, B, A6, B6 = "10.0.0.1", "10.0.0.2", "fd00::1", "fd00::2"
FIN, SYN, RST, PSH, ACK, URG, ECE, CWR, AE = (int(flag) for flag in TcpFlag)

# ---------------------------------------------------------------------------------------------------- packets at random

BITS = {bits: st.integers(0, (1 << bits) - 1) for bits in (3, 8, 12, 13, 16, 20, 32)}
DATA = st.binary(max_size=40)
OPTIONS = st.lists(
    st.one_of(
        st.just(Nop()), st.builds(Mss, BITS[16]), st.builds(WindowScale, BITS[8]), st.just(SackPermitted()),
        st.builds(Timestamps, BITS[32], BITS[32]),
        st.builds(Sack, st.lists(st.tuples(BITS[32], BITS[32]), min_size=1, max_size=4).map(tuple)),
        st.builds(UnknownOption, st.integers(9, 255), st.binary(max_size=16)),
        st.builds(UnknownOption, st.just(2), st.binary(max_size=1)),
    ),
    max_size=6,
).map(tuple)  # fmt: skip
ENDS = st.sampled_from(
    [(), (EndOfOptions(),), (EndOfOptions(b"\1\2"),), (BrokenOptions(b"\5"),), (BrokenOptions(b"\5\1\1"),)]
)


@st.composite
def tcp(draw: st.DrawFn) -> Tcp:
    options = draw(OPTIONS) + draw(ENDS)
    size = len(encode_options(options))
    if size > 40:
        options, size = (), 0
    ended = options and isinstance(options[-1], EndOfOptions | BrokenOptions)
    if size % 4 and ended:
        options, size = options[:-1], len(encode_options(options[:-1]))
    options = (*options, *[Nop()] * (-size % 4)) if size % 4 else options
    return Tcp(
        draw(BITS[16]), draw(BITS[16]), draw(BITS[32]), draw(BITS[32]), draw(BITS[12]), draw(BITS[16]), draw(BITS[16]),
        options, draw(DATA),
    )  # fmt: skip


PAYLOADS = st.one_of(
    tcp(),
    st.builds(Udp, BITS[16], BITS[16], DATA, surplus=st.binary(max_size=3)),
    st.builds(Icmp, BITS[8], BITS[8], BITS[32], DATA),
    st.builds(Other, st.sampled_from([0, 2, 47, 132]), DATA),
)


def text_of(address: IPv4Address | IPv6Address) -> str:
    """As a socket would show it."""
    return socket.inet_ntop(socket.AF_INET if address.version == 4 else socket.AF_INET6, address.packed)


@st.composite
def packets(draw: st.DrawFn) -> IpPacket:
    v6 = draw(st.booleans())
    src, dst = (draw(st.ip_addresses(v=6 if v6 else 4).map(text_of)) for _ in range(2))
    offset, more = draw(st.sampled_from([(0, False), (0, False), (0, False), (0, True), (1480, True), (65528, False)]))
    payload = Other(draw(BITS[8]), draw(DATA)) if offset or more else draw(PAYLOADS)
    common: dict[str, Any] = {
        "ttl": draw(BITS[8]), "tos": draw(BITS[8]), "more_fragments": more, "fragment_offset": offset,
        "trailer": draw(st.binary(max_size=3)),
    }  # fmt: skip
    if not v6:
        return IpPacket(
            src, dst, payload, identification=draw(BITS[16]), dont_fragment=draw(st.booleans()),
            reserved=draw(st.booleans()), options=draw(st.sampled_from([b"", b"\1" * 4, bytes(40)])), **common,
        )  # fmt: skip
    atomic = draw(st.booleans()) and not (offset or more)
    fragment = atomic or more or offset
    number = draw(BITS[32]) if fragment else 0
    return IpPacket(src, dst, payload, identification=number, atomic=atomic, flow_label=draw(BITS[20]), **common)


@MANY
@given(packets())
def test_a_packet_comes_back_from_its_bytes(packet: IpPacket) -> None:
    data = encode(packet)
    assert decode(data) == packet
    if isinstance(packet.payload, Tcp | Udp | Icmp):
        given_wrong = attrs.evolve(packet, payload=attrs.evolve(packet.payload, checksum=0xDEAD))
        assert decode(encode(given_wrong), verify=False) in (given_wrong, packet)


def bytes_come_back(data: bytes) -> None:
    for verify in (True, False):
        found = decode(data, verify=verify)
        if isinstance(found, IpPacket):
            assert encode(found) == data
        else:
            assert found.reason == Fault(found.fault).value
    decode_quoted(data)


@MANY
@given(st.binary(max_size=120), st.sampled_from([b"", b"\x45", b"\x46", b"\x60\0\0\0"]))
def test_any_bytes_are_a_packet_or_malformed(data: bytes, start: bytes) -> None:
    bytes_come_back(start + data)


@MANY
@given(packets(), st.data())
def test_a_spoilt_packet_is_a_packet_or_malformed(packet: IpPacket, draw: st.DataObject) -> None:
    data = bytearray(encode(packet))
    for _ in range(draw.draw(st.integers(1, 3), "spoilt bytes")):
        data[draw.draw(st.integers(0, len(data) - 1), "at")] = draw.draw(BITS[8], "value")
    cut = draw.draw(st.integers(0, len(data)), "cut") if draw.draw(st.booleans(), "is cut") else len(data)
    bytes_come_back(bytes(data[:cut]))


@given(st.binary(max_size=40))
def test_any_list_of_options_comes_back(data: bytes) -> None:
    assert encode_options(decode_options(data)) == data


# ------------------------------------------------------------------------------------------------------------ checksums


def test_the_example_of_rfc_1071() -> None:
    assert checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xFFFF - 0xDDF2


@given(st.binary(max_size=300))
def test_checksum_is_the_sum_that_the_rfc_describes(data: bytes) -> None:
    total = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + bytes(len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    assert checksum(data) == ~total & 0xFFFF


def test_udp_never_sends_zero_for_a_checksum() -> None:
    right = encode(IpPacket(A, B, Udp(1, 2, bytes(2))))[26:28]
    assert encode(IpPacket(A, B, Udp(1, 2, right)))[26:28] == b"\xff\xff"  # with this data the sum is 0xFFFF


# -------------------------------------------------------------------------------------------------------------- options


@pytest.mark.parametrize(
    ("data", "options"),
    [
        (b"\2\4\5\xb4", (Mss(1460),)),
        (b"\2\3\5\0", (UnknownOption(2, b"\5"), EndOfOptions())),  # a length that is not its own: skipped
        (b"\1\1\5\x0a" + bytes(8), (Nop(), Nop(), Sack(((0, 0),)))),
        (b"\5\x0c" + bytes(10), (UnknownOption(5, bytes(10)),)),
        (b"\0\2\4\5", (EndOfOptions(b"\2\4\5"),)),
        (b"\1\2\1\1", (Nop(), BrokenOptions(b"\2\1\1"))),  # shorter than itself
        (b"\1\2\4\5", (Nop(), BrokenOptions(b"\2\4\5"))),  # longer than the header
        (b"\1\1\1\3", (Nop(), Nop(), Nop(), BrokenOptions(b"\3"))),
        (b"\x22\4\1\2", (UnknownOption(34, b"\1\2"),)),  # Fast Open
    ],
)
def test_options_are_read_as_the_kernel_reads_them(data: bytes, options: tuple[object, ...]) -> None:
    assert decode_options(data) == options


def test_what_has_no_bytes_is_refused() -> None:
    syn = Tcp(1, 2, 0, 0, SYN, 0)
    fields: dict[str, Any]
    for fields in (
        {"flags": 1 << 12},
        {"seq": 1 << 32},
        {"options": (Nop(),) * 41},
        {"options": (UnknownOption(1, b""),)},
    ):
        refused(IpPacket(A, B, attrs.evolve(syn, **fields)))
    refused(IpPacket(A, B, attrs.evolve(syn, options=(Nop(),) * 41)))
    for fields in ({"ttl": 256}, {"flow_label": 1}, {"fragment_offset": 4}, {"options": bytes(44)}, {"dst": "nobody"}):
        refused(attrs.evolve(IpPacket(A, B, syn), **fields))
    for fields in ({"tos": 256}, {"dont_fragment": True}, {"options": b"\1"}, {"checksum": 0}, {"identification": 1}):
        refused(attrs.evolve(IpPacket(A6, B6, syn), **fields))
    refused(IpPacket(A, B6, syn))
    refused(IpPacket(A, B, Udp(1, 2, bytes(65536))))


def refused(packet: IpPacket) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # the sentence is for people
        encode(packet)


# ---------------------------------------------------------------------------------------------------------- ICMP errors


@pytest.mark.parametrize(("src", "dst"), [(A, B), (A6, B6)])
@pytest.mark.parametrize("error", IcmpError)
def test_an_error_says_what_it_is_about(src: str, dst: str, error: IcmpError) -> None:
    sent = IpPacket(src, dst, Tcp(4000, 80, 77, 0, SYN, 1000, data=bytes(2000)))
    if sent.version == 6 and error.value[1] is None:
        with pytest.raises(ValueError, match=f"{error.name} is not an error of ICMPv6"):
            error_about(sent, error)
        return
    about = error_about(sent, error, mtu=1280)
    assert decode(encode(about)) == about
    assert (about.src, about.dst, icmp_error(about)) == (dst, src, error)
    assert next_mtu(about) == (1280 if error is IcmpError.PACKET_TOO_BIG else None)
    assert len(encode(about)) == (576 if about.version == 4 else 1280)
    assert isinstance(about.payload, Icmp)
    assert decode_quoted(about.payload.data) == Quoted(src, dst, 6, 4000, 80, 77)
    assert icmp_error(sent) is None


# ------------------------------------------------------------------------------------------- the model's packets, there

CLIENT, SERVER = (A, 4000), (B, 80)


def opened(scale: int | None = 7, other: int | None = 3) -> Conversion:
    known = Conversion()
    known.packets(Segment(CLIENT, SERVER, 0, 0, SYN, 64240, mss=1460, scale=scale, sack_permitted=True))
    known.packets(Segment(SERVER, CLIENT, 0, 1, SYN | ACK, 64240, mss=1460, scale=other))
    return known


def only_tcp(found: list[IpPacket]) -> Tcp:
    (packet,) = found
    assert isinstance(packet.payload, Tcp)
    return packet.payload


def test_options_of_a_syn_stand_in_the_kernels_order() -> None:
    syn = Segment(CLIENT, SERVER, 5 << 32, 0, SYN, 65535, mss=65495, scale=10, sack_permitted=True)
    options = (Mss(65495), Nop(), Nop(), SackPermitted(), Nop(), WindowScale(10))
    assert only_tcp(Conversion().packets(syn)) == Tcp(4000, 80, 0, 0, SYN, 65535, options=options)


@pytest.mark.parametrize(("scale", "other", "window"), [(7, 3, 512), (7, 0, 512), (None, 3, 65535), (7, None, 65535)])
def test_a_window_is_shifted_if_both_offered(scale: int | None, other: int | None, window: int) -> None:
    known = opened(scale, other)
    assert only_tcp(known.packets(Segment(CLIENT, SERVER, 1, 1, ACK, 65536))).window == window


def test_nothing_is_shifted_before_both_syns_were_seen() -> None:
    known = Conversion()
    assert only_tcp(known.packets(Segment(CLIENT, SERVER, 0, 0, SYN, 70000, scale=7))).window == 65535
    assert only_tcp(known.packets(Segment(CLIENT, SERVER, 1, 1, RST, 640))).window == 640


def test_a_run_is_cut_into_its_segments() -> None:
    run = Segment(CLIENT, SERVER, 1, 1, ACK | PSH | FIN, 0, bytes(range(25)), segment_size=10)
    found = [packet.payload for packet in opened().packets(run)]
    assert [(each.seq, len(each.data), each.flags) for each in found if isinstance(each, Tcp)] == [
        (1, 10, ACK), (11, 10, ACK), (21, 5, ACK | PSH | FIN),
    ]  # fmt: skip
    assert len(opened().packets(attrs.evolve(run, segment_size=0))) == 1


@given(st.integers(-(1 << 40), 1 << 40), st.integers(-(1 << 31), (1 << 31) - 1))
def test_a_number_is_found_again_near_another(near: int, off: int) -> None:
    assert unwrap((near + off) % (1 << 32), near) == near + off


FIELDS = ("src", "dst", "seq", "ack", "flags", "window", "data", "mss", "scale", "sack_permitted", "sack", "ecn")


def same(one: object, other: object) -> None:
    assert isinstance(one, Segment)
    assert isinstance(other, Segment)
    assert [getattr(one, name) for name in FIELDS] == [getattr(other, name) for name in FIELDS]


@given(st.data())
def test_a_conversation_comes_back(draw: st.DataObject) -> None:
    """Two observers of one wire: one has the model's segments, the other only the bytes."""
    number = BITS[32]
    scale = st.none() | st.integers(0, 14)
    there, back = Conversion(), Conversion()
    next_seq = {CLIENT: draw.draw(number), SERVER: draw.draw(number)}
    offers = {CLIENT: draw.draw(scale), SERVER: draw.draw(scale)}

    def pass_on(segment: Segment) -> None:
        (packet,) = there.packets(segment)
        arrived = decode(encode(packet))
        assert isinstance(arrived, IpPacket)
        assert arrived == packet
        same(back.packet(arrived), segment)
        next_seq[segment.src] = max(next_seq[segment.src], segment.end)

    pass_on(Segment(CLIENT, SERVER, next_seq[CLIENT], 0, SYN, 65535, mss=1460, scale=offers[CLIENT]))
    pass_on(Segment(SERVER, CLIENT, next_seq[SERVER], next_seq[CLIENT], SYN | ACK, 1, mss=1, scale=offers[SERVER]))
    scaled = None not in offers.values()
    for src, dst in draw.draw(st.lists(st.sampled_from([(CLIENT, SERVER), (SERVER, CLIENT)]), max_size=8)):
        shift = (offers[src] or 0) if scaled else 0
        off = draw.draw(st.integers(-1000, 1 << 30))
        ack = next_seq[dst] - draw.draw(st.integers(0, 1 << 30))
        sack = draw.draw(st.sampled_from([(), ((ack + 10, ack + 20), (ack + 30, ack + 40))]))
        window = draw.draw(BITS[16]) << shift
        data = draw.draw(st.binary(max_size=9))
        pass_on(Segment(src, dst, next_seq[src] + off, ack, ACK, window, data, sack=sack))


def test_a_hint_goes_before_what_was_seen() -> None:
    known = opened()
    (packet,) = known.packets(Segment(CLIENT, SERVER, 1 << 33, 3, ACK, 0))
    found = Conversion().packet(packet, seq_near=(1 << 33) + 5, ack_near=7 << 32)
    assert isinstance(found, Segment)
    assert (found.seq, found.ack) == (1 << 33, (7 << 32) + 3)


def test_what_the_model_has_no_word_for_is_left_out() -> None:
    options = (Timestamps(1, 2), UnknownOption(34, b"\1\2"), WindowScale(15), Mss(0))
    arrived = IpPacket(A, B, Tcp(1, 2, 3, 4, SYN | ECE | CWR | AE | URG, 5, 6, options))
    found = Conversion().packet(arrived)
    same(found, Segment((A, 1), (B, 2), 3, 0, SYN | ECE | CWR | AE | URG, 5, scale=14))
    assert Conversion().packet(IpPacket(A, B, Icmp(8, 0))) is None
    assert Conversion().packet(IpPacket(A, B, Icmp(3, 3, 0, b"E"))) is None
    assert Conversion().packet(IpPacket(A, B, Other(47, b""))) is None


def test_an_error_finds_its_datagram() -> None:
    known = Conversion()
    (packet,) = known.packets(Datagram(CLIENT, SERVER, b"anybody?"))
    message = message_about(Datagram(CLIENT, SERVER, b"anybody?"), IcmpError.PORT_UNREACHABLE)
    (refusal,) = known.packets(message)
    assert refusal == error_about(packet, IcmpError.PORT_UNREACHABLE)
    found = Conversion().packet(refusal)
    assert isinstance(found, IcmpMessage)
    assert attrs.astuple(found) == attrs.astuple(message)
    known.forget(SERVER, CLIENT)
    (alone,) = known.packets(message)
    assert isinstance(alone.payload, Icmp)
    assert len(alone.payload.data) == 28
