"""Scripts run on the model: what passes, what fails with which words, what is not supported.

Not here: the running kernel.
"""

from __future__ import annotations

import pytest

from wouldblock.packetscript import parse
from wouldblock.packetscript.running import Missing, Outcome, Verdict, run

LISTEN = """
0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
"""
SYN = """
+0 < S 0:0(0) win 32792 <mss 1000,sackOK,nop,nop,nop,wscale 7>
+0 > S. 0:0(0) ack 1 <mss 1460,nop,nop,sackOK,nop,wscale 10>
+.1 < . 1:1(0) ack 1 win 257
"""
SERVER = LISTEN + SYN + "+0 accept(3, ..., ...) = 4\n"

PASSING = {
    "passive handshake": SERVER,
    "active handshake": """
        0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
        +0 fcntl(3, F_GETFL) = 0x2 (flags O_RDWR)
        +0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0
        +0 connect(3, ..., ...) = -1 EINPROGRESS (Operation now in progress)
        +0 > S 0:0(0) <...>
        +.1 < S. 0:0(0) ack 1 win 5792 <mss 1460,nop,wscale 7>
        +0 > . 1:1(0) ack 1
        +0 getsockopt(3, SOL_SOCKET, SO_ERROR, [0], [4]) = 0
        +0 poll([{fd=3, events=POLLOUT, revents=POLLOUT}], 1, 0) = 1
    """,
    "data and the end": SERVER
    + """
        +0 write(4, ..., 100) = 100
        +0 > P. 1:101(100) ack 1
        +.01 < F. 1:1(0) ack 101 win 257
        +0~+.1 > . 101:101(0) ack 2
        +0 read(4, ..., 100) = 0
        +0 close(4) = 0
        +0 > F. 101:101(0) ack 2
        +.01 < . 2:2(0) ack 102 win 257
    """,
    "closed port": "0 < S 0:0(0) win 1000\n+0 > R. 0:0(0) ack 1\n",
    "closed window": SERVER
    + """
        +0 < . 1:1(0) ack 1 win 0
        +0 write(4, ..., 100) = 100
        +.3~+.34 > . 0:0(0) ack 1
        +.6~+.68 > . 0:0(0) ack 1
        +.1 < . 1:1(0) ack 1 win 257
        +0 > P. 1:101(100) ack 1
    """,
    "SYN-ACK again": LISTEN
    + """
        +0 < S 0:0(0) win 32792 <mss 1000>
        +0 > S. 0:0(0) ack 1 <...>
        +1~+1.04 > S. 0:0(0) ack 1 <...>
        +2~+2.04 > S. 0:0(0) ack 1 <...>
    """,
    "fast retransmission": SERVER
    + """
        +0 write(4, ..., 4000) = 4000
        +0 > P. 1:4001(4000) ack 1
        +.1 < . 1:1(0) ack 1 win 257 <sack 1001:4001,nop,nop>
        +0 > . 1:1001(1000) ack 1
        +0 %{ assert tcpi_sacked == 3 and tcpi_unacked == 4, tcpi_sacked }%
    """,
    "blocking accept and read": LISTEN
    + "+0...0.1 accept(3, ..., ...) = 4\n"
    + SYN
    + """
        +0...0.1 read(4, ..., 1000) = 500
        +.1 < P. 1:501(500) ack 1 win 257
        +0~+.1 > . 1:1(0) ack 501
        +0 ioctl(4, FIONREAD, [0]) = 0
    """,
}  # fmt: skip


def play(text: str) -> Outcome:
    return run(parse(text, "a.pkt"), "a.pkt")


@pytest.mark.parametrize("name", PASSING)
def test_passes(name: str) -> None:
    outcome = play(PASSING[name])
    assert outcome == Outcome(Verdict.PASSED, "a.pkt"), str(outcome)


@pytest.mark.parametrize(
    ("events", "sentence"),
    [
        ("+0 read(4, ..., 10) = 10", "expected read(4, ..., 10) = 10, seen that it blocks on bytes to read."),
        ("+0 > . 1:1(0) ack 1", "expected > . 1:1(0) ack 1, seen > S. 0:0(0)"),
        ("+0 write(9, ..., 10) = 10", "expected write(9, ..., 10) = 10, seen -1 EBADF."),
        ("+0 write(4, ..., 9) = 9\n+0 > P. 1:11(10) ack 1", "expected > P. 1:11(10) ack 1, seen > P. 1:10(9) ack 1"),
        ("+0 > F. 1:1(0) ack 1", "expected > F. 1:1(0) ack 1, seen no packet by"),
        ("+0 %{ assert tcpi_snd_cwnd == 11 }%", "expected tcpi_snd_cwnd == 11, seen tcpi_snd_cwnd = 10"),
        ("+0 write(4, ..., 9) = 9\n+.1 > P. 1:10(9) ack 1", "expected > P. 1:10(9) ack 1 from"),
    ],
)
def test_fails(events: str, sentence: str) -> None:
    begin = SERVER if "S." not in sentence else LISTEN + "+0 < S 0:0(0) win 9 <mss 1000>\n"
    text = begin + events + "\n"
    outcome = play(text)
    assert outcome.verdict is Verdict.FAILED
    assert outcome.line == text.count("\n")
    assert outcome.sentence is not None
    assert outcome.sentence.startswith(sentence)
    assert str(outcome).startswith(f"a.pkt:{outcome.line}: ")


@pytest.mark.parametrize(
    ("event", "what"),
    [
        ("+0 accept4(3, ..., ..., 0) = 5", "the call accept4"),
        ("+0 send(4, ..., 10, MSG_ZEROCOPY) = 10", "the name MSG_ZEROCOPY"),
        ("+0 setsockopt(4, SOL_TCP, TCP_INQ, [1], 4) = 0", "the name TCP_INQ"),
        ("+0 `ls`", "the command ls"),
        ("+0 `sysctl -q net.ipv4.tcp_ecn=3`", "the setting net.ipv4.tcp_ecn=3"),
        ("+0 %{ import os }%", "code that is not an assertion"),
        ("+0 %{ assert tcpi_rcv_space == 7 }%", "the name tcpi_rcv_space in an assertion"),
    ],
)
def test_unsupported(event: str, what: str) -> None:
    text = SERVER + event + "\n"
    assert play(text) == Outcome(Verdict.UNSUPPORTED, "a.pkt", unsupported=(Missing(what, text.count("\n")),))


CLIENT = """
0 socket(..., SOCK_STREAM, 0) = 3
+0 fcntl(3, F_SETFL, O_NONBLOCK) = 0
+0 connect(3, ..., ...) = -1 EINPROGRESS
+0 > S 0:0(0) <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 10>
+.1 < S. 0:0(0) ack 1 win 5792 <mss 1460,sackOK,TS val 700 ecr 100,nop,wscale 7>
+0 > . 1:1(0) ack 1 <nop,nop,TS val 200 ecr 700>
"""


def test_the_clock_of_timestamps_is_its_own_and_echoes_are_translated() -> None:
    echo = "+0 < . 1:2(1) ack 1 win 9 <nop,nop,TS val 800 ecr 200>\n* > . 1:1(0) ack 2 <nop,nop,TS val 201 ecr 800>\n"
    assert play(CLIENT + echo).verdict is Verdict.PASSED


def test_an_echo_that_is_wrong_fails() -> None:
    assert play(CLIENT.replace("ecr 700", "ecr 701")).line == 7


def test_the_remote_side_may_begin_with_any_number() -> None:
    text = CLIENT.replace("< S. 0:0(0)", "< S. 123:123(0)")
    assert play(text).verdict is Verdict.PASSED


def test_nothing_else_is_sent() -> None:
    assert play(SERVER + "+1 > nothing\n").verdict is Verdict.PASSED
    outcome = play(SERVER + "+0 write(4, ..., 9) = 9\n+.1 > nothing\n")
    assert outcome.sentence is not None
    assert outcome.sentence.startswith("expected that nothing is sent, seen > P. 1:10(9) ack 1 win ")


def test_what_is_read_counts() -> None:
    text = SERVER + "+0 < P. 1:3(2) ack 1 win 257\n+0~+.1 > . 1:1(0) ack 3\n"
    assert play(text + '+0 read(4, "\\0\\0", 9) = 2\n').verdict is Verdict.PASSED
    assert play(text + '+0 read(4, "ab", 9) = 2\n').sentence == (
        'expected read(4, "ab", 9) = 2, which means "ab", seen b\'\\x00\\x00\'.'
    )
