"""What the language and its dialects have and we do not: named, counted, passed over, and never an error."""

from __future__ import annotations

import pytest

from wouldblock.packetscript import parse, show

BEYOND = [
    ("< ipv4 2.2.2.2 > 1.1.1.1: gre: . 1:1001(1000) ack 1 win 123", "GRE encapsulation"),
    ("> ipv6 2::2 > 1::1: gre flags 0xb000, sum 5, off 10, key 0x8, seq 5: . 1:1(0)", "GRE encapsulation"),
    ("> ipv4 2.2.2.2 > 1.1.1.1: mpls (label 1, tc 1, [S], ttl 255): . 1:1(0)", "MPLS encapsulation"),
    ("> [ect0] ipv4 2.2.2.2 > 1.1.1.1: . 1:1(0)", "IP in IP"),
    ("< encap psp spi 0x68, vc 0x12 . 1:1(0) ack 1 win 1", "PSP encapsulation"),
    ("> S 0:0(0) <mss 1460,mpcapable v1 flags[flag_h] key[ckey,skey] >", "MPTCP options"),
    ("> > addr[saddr] S 0:0(0) win 65535 <nop>", "MPTCP endpoints"),
    ("< addr[a] > addr[b] . 1:1(0) win 5", "MPTCP endpoints"),
    ("> fd3d::1:80 > fd3d::2:90 . 1:1(0)", "an IPv6 address before a port"),
    ("> sctp: INIT[flgs=0, tag=1, a_rwnd=..., ...]", "SCTP packets"),
    ("< udplite (10)", "UDP-Lite packets"),
    ("> S 0:0(0) <mss 1460> { mut ipv4 ihl; trun tcp 34-36 }", "mutation of a packet"),
    ("> S 0:0(0) <...> sock(3)", "packets that name their socket"),
    ("> S. 0:0(0) ack 1 <mss MSS>", "a name that nobody defined"),
    ("> S. 0:0(0) ack 1 <FO TFO_COOKIE,nop,nop>", "a name that nobody defined"),
    ("setsockopt(3, SOL_IP, X, {(label 5, tc 0, ttl 3)}, 4) = 0", "an MPLS label stack"),
    ("setsockopt(3, SOL_IP, X, {flags [none], sum 0, off 0, key=1, seq 0}, 4) = 0", "a GRE header"),
]


@pytest.mark.parametrize(("written", "what"), BEYOND)
def test_it_is_named_and_the_rest_is_read(written: str, what: str) -> None:
    script = parse(f"0 socket(..., SOCK_STREAM, 0) = 3\n+.1 {written} // comment\n\n+0~+1 > . 1:1(0)\n* > . 1:1(0)\n")
    assert len(script.events) == 4
    (unsupported,) = script.unsupported
    assert unsupported.what == what
    assert unsupported.text == written
    assert unsupported.line == 2
    assert parse(show(script)) == script


@pytest.mark.parametrize("written", ["+0.1 ... 0.5 f() = 0", "0.5...7 f() = 0", "+0 %{ a }%", "+0 `a`", "`cleanup`"])
def test_it_ends_where_the_next_event_begins(written: str) -> None:
    script = parse(
        f"0 > ipv4 1.1.1.1 > 2.2.2.2: gre:\n   mpls (label 1, tc 1,\n 5 [S], ttl 255):\n  . 1:1(0)\n{written}"
    )
    assert len(script.unsupported) == 1
    assert script.unsupported[0].text.endswith(". 1:1(0)")


def test_all_of_them_in_one_script() -> None:
    script = parse("".join(f"+0 {written}\n" for written, _ in BEYOND))
    assert [unsupported.what for unsupported in script.unsupported] == [what for _, what in BEYOND]
    assert parse(show(script)) == script


def test_directives_stand_alone() -> None:
    script = parse("0 f() = 0\n#ifdef Linux\n+0 g() = 0\n#else\n#endif\n#a comment\n# if this is one too\n")
    assert [unsupported.text for unsupported in script.unsupported] == ["#ifdef Linux", "#else", "#endif"]
    assert len(script.events) == 5
    assert parse(show(script)) == script
