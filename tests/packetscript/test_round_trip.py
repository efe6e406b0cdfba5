"""Whatever can be said can be written and read again; whatever cannot is refused with a place, and never a crash."""

from __future__ import annotations

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from wouldblock.packetscript import Script, ScriptError, parse, show

from . import strategies

FRAGMENTS = """
    0 +0 +.1 * ~ ... 0.1...0.3 < > - . , : ; | = ( ) [ ] { } <...> S. P5. .5 1:1001(1000) 1:1(0) ack 1 win 257 urg
    <mss 1460> <nop , TS val ecr sack sackOK FO FOEXP md5 ECN e0b abcd udp (10) icmp unreachable mtu [udp 1.2.3.4 1::2
    ipv4 gre: mpls encap [ect0] (tos 0x4) sctp addr sock(3) f( ) = 3 -1 EAGAIN (note) "text" 'quote' " ` `command` %{
    %{code}% }% // # /* */ #ifdef --option --define=A=B A msg_iov(1)=[{..., 5}] {fd=3} sizeof(struct x)
    99999999999999999999 \\
    """.split()


@given(strategies.scripts)
def test_values_to_text_to_values(script: Script) -> None:
    text = show(script)
    again = parse(text)
    assert again == script
    assert show(again) == text


@given(st.lists(st.sampled_from([*FRAGMENTS, "\n"]), max_size=25).map(" ".join))
def test_fragments_are_read_or_refused(text: str) -> None:
    with contextlib.suppress(ScriptError):
        script = parse(text)
        assert parse(show(script)) == script


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(ScriptError):
        parse(text)
