"""What surrounds packets and calls: times, options, code, commands, comments, definitions."""

from __future__ import annotations

import pytest

from wouldblock.packetscript import Script, parse, show
from wouldblock.packetscript.syntax import (
    After,
    AnyTime,
    At,
    Between,
    Code,
    Command,
    Event,
    FastOpen,
    Mss,
    Option,
    Packet,
    Symbol,
    SystemCall,
    Tcp,
    Text,
    When,
)

MS = 1_000_000


def only(text: str) -> Event:
    """The one event of a script."""
    (event,) = parse(text).events
    return event


@pytest.mark.parametrize(
    ("written", "when", "normal"),
    [
        ("0", At(0), "0"),
        ("1.5", At(1500 * MS), "1.5"),
        (".002", At(2 * MS), "0.002"),
        ("+0", After(0), "+0"),
        ("+.1", After(100 * MS), "+0.1"),
        ("+ 0.100", After(100 * MS), "+0.1"),
        ("+0.000000001", After(1), "+0.000000001"),
        ("*", AnyTime(), "*"),
        ("0.1~0.2", Between(100 * MS, 200 * MS, False), "0.1~0.2"),
        ("+0~+.5", Between(0, 500 * MS, True), "+0~+0.5"),
        ("+1.0 ~ +1.1", Between(1000 * MS, 1100 * MS, True), "+1~+1.1"),
    ],
)
def test_times(written: str, when: When, normal: str) -> None:
    script = parse(f"{written} > . 1:1(0) ack 1")
    assert script.events[0].when == when
    assert show(script) == f"{normal} > . 1:1(0) ack 1\n"


@pytest.mark.parametrize("written", ["0.1...0.3", "0.1 ... .3"])
def test_a_call_that_blocks_says_until_when(written: str) -> None:
    event = only(f"{written} read(3, ..., 10) = 10")
    assert event.when == At(100 * MS)
    assert isinstance(event.action, SystemCall)
    assert event.action.until_ns == 300 * MS


def test_options() -> None:
    script = parse(
        """
        --dry_run            // a comment behind it
        --tolerance_usecs=14000
        --local_ip=fd3d:0a0b:17d6::1
        --remote_ip = 192.0.2.1
        --wire_server_dev="eth 0"
        --name=first
        --name=second
        """
    )
    assert script.options == (
        Option("dry_run"),
        Option("tolerance_usecs", "14000"),
        Option("local_ip", "fd3d:0a0b:17d6::1"),
        Option("remote_ip", "192.0.2.1"),
        Option("wire_server_dev", "eth 0"),
        Option("name", "first"),
        Option("name", "second"),
    )
    assert script.option("name") == "second"
    assert script.option("dry_run") is None
    assert script.tolerance_ns == 14 * MS
    assert parse("").tolerance_ns is None


def test_code_keeps_its_lines_and_is_python_to_nobody_here() -> None:
    assert only("+0 %{ assert tcpi_rto == 3, 'd=%d' % tcpi_rto }%").action == Code(
        "assert tcpi_rto == 3, 'd=%d' % tcpi_rto"
    )
    assert only("+0 %{\nassert a == {}  # no comment of ours\nassert b\n}%").action == Code(
        "\nassert a == {}  # no comment of ours\nassert b\n"
    )


def test_commands_before_between_and_behind() -> None:
    script = parse(
        """
        `./defaults.sh
         sysctl -q net.ipv4.tcp_ecn=1  # no comment of ours
        `
        0 `echo "a \\` b" // no comment either`
        `restore`
        """
    )
    assert script.init is not None
    assert script.init.text.splitlines()[1].strip() == "sysctl -q net.ipv4.tcp_ecn=1  # no comment of ours"
    assert script.events == (Event(At(0), Command('echo "a \\` b" // no comment either')),)
    assert script.cleanup == Command("restore")


def test_comments_and_lines_do_not_matter() -> None:
    spread = parse(
        """
        // before
        0 socket(..., /* within */ SOCK_STREAM,
                 IPPROTO_TCP) = 3   # behind
        +0 > S 0:0(0) win 100
             <mss 1460>
        # last, without an end of line"""
    )
    close = parse("0 socket(...,SOCK_STREAM,IPPROTO_TCP)=3\n+0>S 0:0(0)win 100<mss 1460>")
    assert spread == close
    assert [event.line for event in spread.events] == [3, 5]


def test_several_events_on_a_line() -> None:
    assert len(parse("0 close(3) = 0 +0 close(4) = 0 +0 > . 1:1(0) ack 1").events) == 3


def test_an_empty_script() -> None:
    assert parse("") == Script()
    assert show(Script()) == ""


def test_names_are_replaced_by_what_script_or_caller_defines() -> None:
    script = parse(
        '--define=LEVEL=SOL_TCP\n--define=CC="reno"\n--define=SETUP=`true`\n--define=SIZE=1000\n'
        "0 SETUP\n0 setsockopt(3, LEVEL, TCP_CONGESTION, CC, 4) = 0\n"
        "0 < S 0:0(0) win SIZE <mss SIZE>\n0 > S. 0:0(0) ack 1 <FO COOKIE>",
        defines={"COOKIE": "0123456789ab", "LEVEL": "SOL_MINE"},
    )
    command, call, packet, answer = (event.action for event in script.events)
    assert command == Command("true")
    assert isinstance(call, SystemCall)
    assert call.arguments[1] == Symbol("SOL_MINE")
    assert call.arguments[3] == Text(("reno",))
    assert isinstance(packet, Packet)
    assert isinstance(packet.content, Tcp)
    assert packet.content.window == 1000
    assert packet.content.options == (Mss(1000),)
    assert isinstance(answer, Packet)
    assert isinstance(answer.content, Tcp)
    assert answer.content.options is not None
    assert answer.content.options[0] == FastOpen(bytes.fromhex("0123456789ab"))
    assert script.option("define") == "SIZE=1000"
    assert parse(show(script)) == script
