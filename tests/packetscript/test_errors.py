"""Every error names file, line and column, and says in one sentence what was expected there."""

from __future__ import annotations

import pytest

from wouldblock.packetscript import ScriptError, parse

WRONG = [
    # times
    (
        "f() = 3",
        "1:1: expected the time of an event (such as 0.1, +0.1 or *), an option or a command, found 'f'",
    ),
    ("0 f() = 0\nfoo() = 1", "2:1: expected the time of an event (such as 0.1, +0.1 or *), found 'foo'"),
    ("-1 f() = 0", "1:1: expected a time in seconds, found '-1'"),
    ("+ f() = 0", "1:3: expected a time in seconds, found 'f'"),
    ("0.0000000001 f() = 0", "1:1: expected a time with at most nine decimals, found '0.0000000001'"),
    ("+1~2 > . 1:1(0)", "1:4: expected '+' before the end of a range that began with one, found '2'"),
    ("1~+2 > . 1:1(0)", "1:3: expected no '+' before the end of a range that began without, found '+'"),
    ("2~1 > . 1:1(0)", "1:1: expected a range that does not run backwards, found '2'"),
    (
        "* f() = 0",
        "1:1: expected a single time: '*' and ranges are for packets that are expected to leave, found '*'",
    ),
    (
        "0~1 < . 1:1(0) win 5",
        "1:1: expected a single time: '*' and ranges are for packets that are expected to leave, found '0'",
    ),
    ("1...0.5 f() = 0", "1:5: expected a call that does not return before it begins, found '0.5'"),
    (
        "0\n--x",
        "2:1: expected a packet ('<' or '>'), a call, code in %{ }% or a command in backquotes, found '--x'",
    ),
    ("0 f() = 0\n--late=1", "2:1: expected an event: options stand before everything else, found '--late=1'"),
    ("`a`\n`b`\n0 f() = 0", "3:1: expected nothing behind the command that cleans up, found '0'"),
    # calls
    ("0 f = 0", "1:5: expected '(' and arguments behind the name of a call, found '='"),
    ("0 f(1 2) = 0", "1:7: expected ',' or ')' behind the arguments of f, found '2'"),
    ("0 f(1, ) = 0", "1:8: expected an argument: a number, a name, a string, '...', '[' or '{', found ')'"),
    ("0 f([1) = 0", "1:7: expected ',' or ']' of the array, found ')'"),
    ("0 f({a=1) = 0", "1:9: expected ',' or '}' of the structure, found ')'"),
    ("0 f()", "1:6: expected '=' and the answer behind a call, found the end of the script"),
    ("0 f() = -1 EIO (never closed", "1:16: expected ')' behind a note, found '('"),
    ("0 f(" + "[" * 50, "1:45: expected brackets within brackets at most 40 deep, found '['"),
    # packets
    ("0 > 1:1(0)", "1:5: expected a packet: flags such as S. or -, or udp or icmp, found '1'"),
    (
        "0 > SX 1:1(0)",
        "1:5: expected a packet: flags out of S F R P . U E W A and one digit 0 to 7, or udp or icmp, found 'SX'",
    ),
    ("0 > E5. 1:1(0)", "1:5: expected either the letters E, W, A or a digit for all three, found 'E5'"),
    ("0 > . ack 1", "1:7: expected a range of sequence numbers such as 1:1001(1000), found 'ack'"),
    ("0 > . 1-1(0)", "1:8: expected ':' and so a range of sequence numbers such as 1:1001(1000), found '-1'"),
    ("0 > . 1:1001(10)", "1:7: expected a range that ends at 11, because it holds 10 bytes, found '1'"),
    ("0 > . 1:1(0) ack x", "1:18: expected what is acknowledged, a number from 0 to 4294967295, found 'x'"),
    ("0 > . 1:1(0) win 65536", "1:18: expected the window, a number from 0 to 65535, found '65536'"),
    (
        "0 < . 1:1(0) ack 1",
        "1:19: expected 'win' and a number, which a packet that is injected needs, found the",
    ),
    ("0 < [ect01] . 1:1(0) win 1", "1:6: expected ect01 only where a packet is expected to leave, found 'ect01'"),
    ("0 > [ect0, ce] . 1:1(0)", "1:12: expected each thing about the IP header once, found 'ce'"),
    ("0 > [tos 4] . 1:1(0)", "1:10: expected the type of service, a hexadecimal number up to 0xff, found '4'"),
    ("0 > [odd] . 1:1(0)", "1:6: expected noecn, ect0, ect1, ect01, ce, tos, ttl or flowlabel, found 'odd'"),
    ("0 > [ect0 . 1:1(0)", "1:11: expected ']' behind what is said of the IP header, found '.'"),
    (
        "0 < . 1:1(0) win 1 <...>",
        "1:21: expected TCP options: <...> can only be said of a packet that is expected to leave, found '...'",
    ),
    (
        "0 > . 1:1(0) <mms 5>",
        "1:15: expected a TCP option: mss, wscale, sackOK, sack, TS, nop, eol, FO, FOEXP, md5 or ECN, found 'mms'",
    ),
    ("0 > . 1:1(0) <mss 5 nop>", "1:21: expected '>' or ',' behind a TCP option, found 'nop'"),
    (
        "0 > . 1:1(0) <nop,nop,nop>",
        "1:14: expected TCP options of 4, 8, … up to 40 bytes (nop and eol fill up), not of 3, found '<'",
    ),
    ("0 > . 1:1(0) <TS 5>", "1:18: expected 'val' and a number behind TS, found '5'"),
    ("0 > . 1:1(0) <FO abc>", "1:18: expected a cookie in hexadecimal digits, two for a byte, found 'abc'"),
    ("0 > . 1:1(0) <md5>", "1:15: expected a digest of 1 to 16 bytes behind md5, found 'md5'"),
    ("0 > udp 5", "1:9: expected '(' and the size of the payload of the datagram, found '5'"),
    ("0 < icmp", "1:9: expected the name of an ICMP type, such as unreachable, found the end of the script"),
    ("0 < [1:2(1)] udp (5)", "1:14: expected 'icmp' behind what it quotes, found 'udp'"),
    # tokens
    ('0 f("abc) = 0', "1:5: expected the closing quote of the string that begins here, found the end of the script"),
    ("0 f() = 0\n\n `abc", "3:2: expected the closing backquote of the command that begins here, found the end of"),
    ("0 %{ assert", "1:3: expected the }% that closes the code that begins here, found the end of the script"),
    ("/* for ever", "1:1: expected the */ that closes the comment that begins here, found the end of the script"),
    ("--define=A=B\n--define=B=A\n0 f(A) = 0", "3:5: expected a name that is not defined by itself, found 'A'"),
]


@pytest.mark.parametrize(("text", "sentence"), WRONG)
def test_the_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ScriptError) as caught:
        parse(text, "a.pkt")
    message = str(caught.value)
    assert message.startswith(f"a.pkt:{sentence}")
    assert message.endswith(".")
    assert "\n" not in message
    error = caught.value
    assert message == f"{error.name}:{error.line}:{error.column}: {error.sentence}"


def test_what_was_found_is_cut_short() -> None:
    with pytest.raises(ScriptError, match=r"found '`aaaaaaa+…'\."):
        parse("0 f(`" + "a" * 500 + "`) = 0")
