"""The running kernel as the judge of our bytes, through a mirror.

The *mirror* is a TUN device in a private namespace, whose other end is this test. A packet that the kernel sends to the
mirror is decoded, its source and destination change places, and what `encode` makes of that goes back, so that the
kernel talks to itself through our bytes. It computes every checksum there, and believes none. What the decoder calls
malformed the kernel must refuse, and what it does not, welcome.

Not here: packets at random, and what the model's values are on a wire (test_wire.py).
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import attrs
import pytest

from model.values.constants import TcpFlag
from model.values.conversion import Conversion
from model.values.packets import (
    BrokenOptions,
    Fault,
    Icmp,
    IcmpError,
    IpPacket,
    Malformed,
    Mss,
    Other,
    Tcp,
    Udp,
    icmp_error,
)  # fmt: skip
from model.values.segments import Datagram
from model.values.wire import checksum, decode, decode_quoted, encode, error_about
from realnet import Namespace, NamespaceRefused
from realnet.settings import PINNED

A, B, A6, B6 = "10.0.0.1", "10.0.0.2", "fd00::1", "fd00::2"
FIN, SYN, RST, PSH, ACK, URG, ECE, CWR, AE = (int(flag) for flag in TcpFlag)

_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x1, 0x1000
_SIOCSIFADDR, _SIOCSIFNETMASK, _SIOCSIFFLAGS, _IFF_UP = 0x8916, 0x891C, 0x8914, 0x1
_NAME = b"mirror"
QUIET_S = 0.005
"""The kernel answers before the write to a TUN device returns; so much longer is waited for what it sends later."""


class Mirror:
    """The other end of a TUN device, in a namespace whose own addresses are `A` and `A6`."""

    def __init__(self) -> None:
        self.seen: list[bytes] = []
        self.fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            fcntl.ioctl(self.fd, _TUNSETIFF, struct.pack("16sH22x", _NAME, _IFF_TUN | _IFF_NO_PI))
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as v4:
                for request, text in ((_SIOCSIFADDR, A), (_SIOCSIFNETMASK, "255.255.255.0")):
                    address = struct.pack("16sHH4s16x", _NAME, socket.AF_INET, 0, socket.inet_aton(text))
                    fcntl.ioctl(v4, request, address)
                fcntl.ioctl(v4, _SIOCSIFFLAGS, struct.pack("16sh22x", _NAME, _IFF_UP))
            with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as v6:
                index = socket.if_nametoindex(_NAME.decode())
                fcntl.ioctl(v6, _SIOCSIFADDR, struct.pack("16sIi", socket.inet_pton(socket.AF_INET6, A6), 64, index))
                self._wait_until_usable(v6)
        except OSError:
            os.close(self.fd)
            raise

    @staticmethod
    def _wait_until_usable(sock: socket.socket) -> None:
        """A new address of IPv6 is tentative until a worker of the kernel has looked at it (RFC 4862 §5.4)."""
        for _ in range(1000):
            try:
                sock.bind((A6, 0))
                return
            except OSError as error:
                if error.errno != errno.EADDRNOTAVAIL:
                    raise
            time.sleep(0.001)
        raise TimeoutError(errno.ETIMEDOUT, "a new IPv6 address did not become usable")

    def read(self) -> Iterator[IpPacket]:
        """What the kernel sent to `B` or `B6`; every packet must come back from its bytes, with the kernel's sums."""
        while select.select([self.fd], [], [], QUIET_S)[0]:
            data = os.read(self.fd, 1 << 17)
            packet = decode(data)
            assert isinstance(packet, IpPacket), (packet, data.hex())
            assert encode(packet) == data
            self.seen.append(data)
            if packet.dst in (B, B6):
                yield with_one_zero(packet)

    def reflect(self) -> list[IpPacket]:
        """Send everything back until nothing more comes."""
        found = []
        for packet in self.read():
            found.append(packet)
            os.write(self.fd, encode(_reversed(packet)))
        return found

    def answers(self, data: bytes) -> list[IpPacket]:
        """What the kernel sends when it gets `data`."""
        list(self.read())
        with suppress(OSError):  # the device itself refuses what is of no version
            os.write(self.fd, data)
        return list(self.read())


def with_one_zero(packet: IpPacket) -> IpPacket:
    """The kernel's packet, whose checksum must be the one that we compute, or 0xFFFF: that is what it writes for a zero
    that it computes in software, also in TCP (`skb_checksum_help`).
    """
    assert packet.checksum is None, packet
    if isinstance(packet.payload, Other):
        return packet
    assert packet.payload.checksum in (None, 0xFFFF), packet
    return attrs.evolve(packet, payload=attrs.evolve(packet.payload, checksum=None))


def _reversed(packet: IpPacket) -> IpPacket:
    """The packet with source and destination in each other's place, also in the packet that it quotes."""
    payload = packet.payload
    if icmp_error(packet) is not None:
        assert isinstance(payload, Icmp)
        at, size = (12, 4) if packet.version == 4 else (8, 16)
        data = payload.data
        there = data[at + size : at + 2 * size] + data[at : at + size]
        payload = attrs.evolve(payload, data=spoilt(data, at, there))
    return attrs.evolve(packet, src=packet.dst, dst=packet.src, payload=payload)


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    try:
        with Namespace({**PINNED, "net.ipv4.tcp_timestamps": "0"}):
            try:
                mirror = Mirror()
            except OSError as error:
                pytest.skip(f"no TUN device can be made here: {error.strerror}")
            try:
                yield mirror
            finally:
                os.close(mirror.fd)
    except NamespaceRefused as refusal:
        pytest.skip(f"the running kernel is out of reach: {refusal.strerror}")


@pytest.mark.parametrize(("family", "here", "there"), [(socket.AF_INET, A, B), (socket.AF_INET6, A6, B6)])
@pytest.mark.parametrize("timestamps", ["0", "1"])
def test_the_kernel_talks_to_itself_through_our_bytes(
    mirror: Mirror, family: int, here: str, there: str, timestamps: str
) -> None:
    Path("/proc/sys/net/ipv4/tcp_timestamps").write_text(timestamps, encoding="ascii")
    with socket.socket(family) as listener, socket.socket(family) as near:
        listener.bind((here, 80))
        listener.listen()
        near.setblocking(False)
        assert near.connect_ex((there, 80)) == errno.EINPROGRESS
        mirror.reflect()
        listener.settimeout(1)
        far, _ = listener.accept()
        with far:
            text = os.urandom(20_000)
            assert near.send(text) == len(text)
            far.settimeout(1)
            got = b""
            while len(got) < len(text):
                mirror.reflect()
                got += far.recv(1 << 16)
            assert got == text
            near.close()
            mirror.reflect()
            assert far.recv(1) == b""
    mirror.reflect()
    assert len(mirror.seen) > 20
    assert any(isinstance(found, IpPacket) and not found.ecn for found in map(decode, mirror.seen))


@pytest.mark.parametrize(("family", "here", "there"), [(socket.AF_INET, A, B), (socket.AF_INET6, A6, B6)])
def test_a_refusal_through_our_bytes(mirror: Mirror, family: int, here: str, there: str) -> None:
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.bind((here, 5000))
        sock.connect((there, 9))
        sock.setblocking(False)
        sock.send(b"anybody?" * 100)
        sent, refusal = mirror.reflect()
        assert len(encode(refusal)) == (576 if family == socket.AF_INET else 896)
        with pytest.raises(ConnectionRefusedError):
            sock.recv(1)
        # It is what the model's values are on a wire, but for the numbers that the kernel draws.
        known = Conversion()
        drawn = {name: getattr(refusal, name) for name in ("identification", "flow_label")}
        assert refusal == attrs.evolve(error_about(_reversed(sent), IcmpError.PORT_UNREACHABLE), **drawn)
        if family == socket.AF_INET:
            (ours,) = known.packets(Datagram((A, 5000), (B, 9), b"anybody?" * 100))
            assert sent == attrs.evolve(ours, identification=sent.identification)


def test_the_kernels_segments_are_the_models_on_a_wire(mirror: Mirror) -> None:
    """Every packet of a connection without timestamps: to the model's value and back is the same packet."""
    there, back = Conversion(), Conversion()
    with socket.socket() as listener, socket.socket() as near:
        listener.bind((A, 80))
        listener.listen()
        near.setblocking(False)
        near.connect_ex((B, 80))
        packets = mirror.reflect()
        near.send(bytes(5000))
        packets += mirror.reflect()
    packets += mirror.reflect()
    assert len(packets) > 10
    for index, packet in enumerate(packets):
        server = isinstance(packet.payload, Tcp) and packet.payload.src_port == 80
        seen = attrs.evolve(packet, src=B, dst=A) if server else packet  # both ends are the kernel's `A`
        segment = there.packet(seen)
        assert segment is not None
        (again,) = back.packets(segment)
        assert attrs.evolve(again, identification=seen.identification) == seen, index


def spoilt(data: bytes, at: int, value: bytes) -> bytes:
    return data[:at] + value + data[at + len(value) :]


def with_sum(packet: IpPacket, word: int) -> bytes:
    assert isinstance(packet.payload, Tcp | Udp | Icmp)
    return encode(attrs.evolve(packet, payload=attrs.evolve(packet.payload, checksum=word)))


SYN4 = IpPacket(B, A, Tcp(4000, 9, 1, 0, SYN, 1000, options=(Mss(1460),)))
SYN6 = attrs.evolve(SYN4, src=B6, dst=A6)
UDP4, UDP6 = IpPacket(B, A, Udp(4000, 5000, b"hello")), IpPacket(B6, A6, Udp(4000, 5000, b"hello"))
ECHO4, ECHO6 = IpPacket(B, A, Icmp(8, 0, 7, b"data")), IpPacket(B6, A6, Icmp(128, 0, 7, b"data"))
RAW = encode(SYN4)
RAW_UDP = encode(UDP4)


def resummed(data: bytes) -> bytes:
    """An IPv4 packet with the checksum of its header made right."""
    return spoilt(data, 10, checksum(data[:10] + b"\0\0" + data[12:20]).to_bytes(2, "big"))


def options_of(data: bytes) -> bytes:
    assert isinstance(SYN4.payload, Tcp)
    return encode(attrs.evolve(SYN4, payload=attrs.evolve(SYN4.payload, options=(BrokenOptions(data),))))


def offset_of(words: int) -> bytes:
    """A SYN with this data offset and a checksum that says nothing against it."""
    assert isinstance(SYN4.payload, Tcp)
    right = int.from_bytes(RAW[36:38], "big")
    packet = attrs.evolve(SYN4, payload=attrs.evolve(SYN4.payload, checksum=right + ((6 - words) << 12)))
    return spoilt(encode(packet), 32, bytes([words << 4]))


def zero_sum() -> bytes:
    """A SYN whose checksum is zero, written as 0xFFFF."""
    assert isinstance(SYN4.payload, Tcp)
    right = int.from_bytes(RAW[36:38], "big")
    packet = attrs.evolve(SYN4, payload=attrs.evolve(SYN4.payload, urgent=right))
    assert encode(packet)[36:38] == b"\0\0"
    return with_sum(packet, 0xFFFF)


MALFORMED = {
    "version": (spoilt(RAW, 0, b"\x55"), Fault.IP_VERSION),
    "short header": (RAW[:19], Fault.IP_TRUNCATED),
    "short options": (resummed(spoilt(RAW[:40], 0, b"\x4f")), Fault.IP_TRUNCATED),
    "header length": (spoilt(RAW, 0, b"\x44"), Fault.IP_HEADER_LENGTH),
    "total too large": (RAW[:-1], Fault.IP_TOTAL_LENGTH),
    "total too small": (resummed(spoilt(RAW, 2, b"\0\x13")), Fault.IP_TOTAL_LENGTH),
    "header checksum": (spoilt(RAW, 10, b"\1\2"), Fault.IP_CHECKSUM),
    "short header of 6": (encode(SYN6)[:39], Fault.IP_TRUNCATED),
    "length of 6": (encode(SYN6)[:-1], Fault.IP_TOTAL_LENGTH),
    "short tcp": (encode(attrs.evolve(SYN4, payload=Other(6, RAW[20:39]))), Fault.TCP_TRUNCATED),
    "offset too small": (offset_of(4), Fault.TCP_DATA_OFFSET),
    "offset too large": (offset_of(7), Fault.TCP_DATA_OFFSET),
    "tcp checksum": (with_sum(SYN4, 0x0102), Fault.TCP_CHECKSUM),
    "tcp checksum of 6": (with_sum(SYN6, 0x0102), Fault.TCP_CHECKSUM),
    "short udp": (encode(attrs.evolve(UDP4, payload=Other(17, RAW_UDP[20:27]))), Fault.UDP_TRUNCATED),
    "udp length too small": (spoilt(with_sum(UDP4, 0), 24, b"\0\7"), Fault.UDP_LENGTH),
    "udp length too large": (spoilt(with_sum(UDP4, 0), 24, b"\0\x0e"), Fault.UDP_LENGTH),
    "udp checksum": (with_sum(UDP4, 0x0102), Fault.UDP_CHECKSUM),
    "udp checksum of 6": (with_sum(UDP6, 0x0102), Fault.UDP_CHECKSUM),
    "no udp checksum of 6": (with_sum(UDP6, 0), Fault.UDP_NO_CHECKSUM),
    "short icmp": (encode(attrs.evolve(ECHO4, payload=Other(1, b"\10\0\xf7\xff\0\0\0"))), Fault.ICMP_TRUNCATED),
    "icmp checksum": (with_sum(ECHO4, 0x0102), Fault.ICMP_CHECKSUM),
    "icmp checksum of 6": (with_sum(ECHO6, 0x0102), Fault.ICMP_CHECKSUM),
}

WELCOME = {
    "syn": RAW,
    "syn of 6": encode(SYN6),
    "echo": encode(ECHO4),
    "echo of 6": encode(ECHO6),
    "udp": RAW_UDP,
    "udp of 6": encode(UDP6),
    "no udp checksum": with_sum(UDP4, 0),
    "surplus": encode(attrs.evolve(UDP4, payload=Udp(4000, 5000, b"hello", b"more"))),
    "trailer": encode(attrs.evolve(SYN4, trailer=b"pad")),
    "trailer of 6": encode(attrs.evolve(SYN6, trailer=b"pad")),
    "reserved flag": encode(attrs.evolve(SYN4, reserved=True)),
    "ip options": encode(attrs.evolve(SYN4, options=b"\1\1\1\0")),
    "atomic fragment": encode(attrs.evolve(SYN6, atomic=True, identification=7)),
    "all flags of ECN": encode(IpPacket(B, A, Tcp(4000, 9, 1, 0, SYN | ECE | CWR | AE, 1000))),
    "reserved bits of tcp": encode(IpPacket(B, A, Tcp(4000, 9, 1, 0, SYN | 0xE00, 1000))),
    "options without end": options_of(b"\2\5\1\1"),
    "options too short": options_of(b"\2\1\1\1"),
    "checksum zero as ffff": zero_sum(),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_every_fault_has_its_name(name: str) -> None:
    data, fault = MALFORMED[name]
    assert decode(data) == Malformed(fault)


def test_every_fault_is_reached() -> None:
    assert {fault for _, fault in MALFORMED.values()} == set(Fault)
    assert decode(b"") == decode_quoted(b"") == Malformed(Fault.IP_TRUNCATED)


def test_the_kernel_refuses_what_is_malformed_and_welcomes_what_is_not(mirror: Mirror) -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:  # hears IPv4 as well
        sock.bind(("::", 5000))
        sock.setblocking(False)

        def hears(data: bytes) -> bool:
            answered = bool(mirror.answers(data))
            try:
                return bool(sock.recv(100)) or answered
            except BlockingIOError:
                return answered

        refused = [name for name, data in WELCOME.items() if not hears(data)]
        welcome = [name for name, (data, _) in MALFORMED.items() if hears(data)]
    assert (refused, welcome) == ([], [])
    assert [name for name, data in WELCOME.items() if not isinstance(decode(data), IpPacket)] == []
