"""Packets: every header, every option, and what is only said of packets that are expected."""

from __future__ import annotations

import pytest

from wouldblock.packetscript import parse, show
from wouldblock.packetscript.syntax import (
    AccurateEcn,
    EndOfOptions,
    Endpoint,
    FastOpen,
    Flag,
    Icmp,
    Ip,
    Md5,
    Mss,
    Nop,
    Packet,
    QuotedRaw,
    QuotedUdp,
    Range,
    Sack,
    SackPermitted,
    Scale,
    Tcp,
    TcpOption,
    Timestamps,
    Udp,
)

ACK, SYN, PSH = Flag.ACK, Flag.SYN, Flag.PSH


def packet(text: str) -> Packet:
    (event,) = parse(f"0 {text}").events
    assert isinstance(event.action, Packet)
    return event.action


def tcp(text: str) -> Tcp:
    content = packet(text).content
    assert isinstance(content, Tcp)
    return content


def test_a_whole_segment() -> None:
    assert packet("< P. 1:1001(1000) ack 1 win 257 urg 3 <nop,nop,sack 1:2 5:9>") == Packet(
        outbound=False,
        content=Tcp(PSH | ACK, Range(1, 1000), 1, 257, 3, (Nop(), Nop(), Sack(((1, 2), (5, 9))))),
    )


def test_what_is_not_written_is_none() -> None:
    assert packet("> . 1:1(0)") == Packet(True, Tcp(ACK, Range(1, 0)))
    assert tcp("> . 1:1(0) <...>").options is None
    assert tcp("> . 1:1(0)").options == ()


@pytest.mark.parametrize(
    ("written", "flags", "normal"),
    [
        ("S", SYN, "S"),
        ("S.", SYN | ACK, "S."),
        (".", ACK, "."),
        ("-", Flag(0), "-"),
        ("FP.", Flag.FIN | PSH | ACK, "FP."),
        ("PF.", Flag.FIN | PSH | ACK, "FP."),
        ("R", Flag.RST, "R"),
        ("U.", Flag.URG | ACK, "U."),
        ("SEWA", SYN | Flag.ECE | Flag.CWR | Flag.AE, "SEWA"),
        ("P5.", PSH | ACK | Flag.ECE | Flag.AE, "PEA."),
        ("P.5", PSH | ACK | Flag.ECE | Flag.AE, "PEA."),
        (".2", ACK | Flag.CWR, "W."),
        (".0", ACK, "."),
    ],
)
def test_flags(written: str, flags: Flag, normal: str) -> None:
    assert tcp(f"> {written} 1:1(0)").flags == flags
    assert show(parse(f"0 > {written} 1:1(0)")) == f"0 > {normal} 1:1(0)\n"


@pytest.mark.parametrize(
    ("written", "options"),
    [
        ("mss 1460", (Mss(1460),)),
        ("wscale 8,nop", (Scale(8), Nop())),
        ("sackOK,nop,nop", (SackPermitted(), Nop(), Nop())),
        ("eol,nop,eol,eol", (EndOfOptions(), Nop(), EndOfOptions(), EndOfOptions())),
        ("sack 1:2 3:4 5:6,nop,nop", (Sack(((1, 2), (3, 4), (5, 6))), Nop(), Nop())),
        ("nop,nop,TS val 4294967295 ecr 0", (Nop(), Nop(), Timestamps(2**32 - 1, 0))),
        ("FO,nop,nop", (FastOpen(), Nop(), Nop())),
        ("FO abcd1234,nop,nop", (FastOpen(b"\xab\xcd\x12\x34"), Nop(), Nop())),
        ("FO 12345678,nop,nop", (FastOpen(b"\x12\x34\x56\x78"), Nop(), Nop())),
        ("FOEXP", (FastOpen(experimental=True),)),
        ("FOEXP 00000000", (FastOpen(bytes(4), experimental=True),)),
        ("md5 000102030405060708090a0b0c0d0e0f,nop,nop", (Md5(bytes(range(16))), Nop(), Nop())),
        ("ECN,nop,nop", (AccurateEcn(()), Nop(), Nop())),
        ("ECN e1b 1 ceb 0 e0b 1,nop", (AccurateEcn((("e1b", 1), ("ceb", 0), ("e0b", 1))), Nop())),
    ],
)
def test_options(written: str, options: tuple[TcpOption, ...]) -> None:
    assert tcp(f"> . 1:1(0) <{written}>").options == options
    assert show(parse(f"0 > . 1:1(0) <{written}>")) == f"0 > . 1:1(0) <{written}>\n"


@pytest.mark.parametrize(
    ("written", "ip"),
    [
        ("[ect0]", Ip(ecn="ect0")),
        ("(ce)", Ip(ecn="ce")),
        ("[ect01]", Ip(ecn="ect01")),
        ("[noecn]", Ip(ecn="noecn")),
        ("[tos 0x4]", Ip(tos=4)),
        ("[ttl 64]", Ip(ttl=64)),
        ("(flowlabel 0xfffff)", Ip(flow_label=0xFFFFF)),
        ("[ect1, flowlabel 0x12]", Ip(ecn="ect1", flow_label=0x12)),
    ],
)
def test_the_ip_header(written: str, ip: Ip) -> None:
    assert packet(f"> {written} . 1:1(0)").ip == ip


def test_ports_and_addresses() -> None:
    assert packet("> 8080 > 80 S 0:0(0)").ends == (Endpoint(8080), Endpoint(80))
    ends = (Endpoint(40000, "192.0.2.1"), Endpoint(80, "192.0.2.2"))
    assert packet("> [ect0] 192.0.2.1:40000 > 192.0.2.2:80 S 0:0(0)").ends == ends
    assert packet("> 192.0.2.1:40000 > 192.0.2.2:80: P. 1:11(10) ack 1 win 100").ends == ends
    assert packet("< udp 53 > 1024 (100)") == Packet(False, Udp(100), ends=(Endpoint(53), Endpoint(1024)))


def test_datagrams() -> None:
    assert packet("> udp (1000)") == Packet(True, Udp(1000))
    assert packet("> udp(0)") == Packet(True, Udp(0))


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("icmp unreachable port_unreachable", Icmp("unreachable", "port_unreachable")),
        ("icmp unreachable [1:11(10)]", Icmp("unreachable", quoted=Range(1, 10))),
        (
            "icmp unreachable frag_needed mtu 1300 [udp (8)]",
            Icmp("unreachable", "frag_needed", 1300, quoted=QuotedUdp(8)),
        ),
        ("icmp packet_too_big mtu 1280 [1:1461(1460)]", Icmp("packet_too_big", mtu=1280, quoted=Range(1, 1460))),
        ("icmp unreachable [raw (20)]", Icmp("unreachable", quoted=QuotedRaw(20))),
        ("icmp echo_request id 7", Icmp("echo_request", echo_id=7)),
    ],
)
def test_icmp(written: str, message: Icmp) -> None:
    assert packet(f"< {written}").content == message
    assert show(parse(f"0 < {written}")) == f"0 < {written}\n"


def test_the_older_way_to_quote() -> None:
    old = parse("0 < [1:1461(1460)] icmp unreachable frag_needed mtu 1200")
    assert old == parse("0 < icmp unreachable frag_needed mtu 1200 [1:1461(1460)]")
