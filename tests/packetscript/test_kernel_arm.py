"""Scripts on the running kernel: what only it has, calls that wait, and what is left behind.

Not here: the project's scripts (tests/scripts), which run on both arms.
"""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from realnet import Namespace, NamespaceRefused
from realnet.namespace import current_inode
from realnet.settings import read
from wouldblock.packetscript import parse
from wouldblock.packetscript.arm import ends_of
from wouldblock.packetscript.comparing import side_by_side
from wouldblock.packetscript.kernel import RunningKernel
from wouldblock.packetscript.outcome import Outcome, Verdict
from wouldblock.packetscript.running import run

from .test_running import LISTEN, SERVER


@pytest.fixture(autouse=True, scope="module")
def _a_namespace_may_be_made() -> None:
    try:
        with Namespace():
            pass
    except NamespaceRefused as refusal:
        pytest.skip(f"the running kernel is out of reach: {refusal.strerror}")


def play(text: str) -> Outcome:
    script = parse(text, "a.pkt")
    return run(script, "a.pkt", RunningKernel(ends_of(script)))


EPOLL = (
    SERVER
    + """
+0 epoll_create(1) = 5
+0 epoll_ctl(5, EPOLL_CTL_ADD, 4, {events=EPOLLIN|EPOLLET, fd=4}) = 0
+0...0.05 epoll_wait(5, {events=EPOLLIN, fd=4}, 1, 1000) = 1
+.05 < P. 1:11(10) ack 1 win 257
+0~+.1 > . 1:1(0) ack 11
+.01 epoll_wait(5, {events=0, ptr=0}, 1, 0) = 0
"""
)
WRONG_EVENT = """
+0 epoll_create(1) = 5
+0 epoll_ctl(5, EPOLL_CTL_ADD, 4, {events=EPOLLOUT, fd=4}) = 0
+0 epoll_wait(5, {events=EPOLLIN, fd=4}, 1, 0) = 1
"""
INQ = (
    SERVER
    + """
+0 setsockopt(4, SOL_TCP, TCP_INQ, [1], 4) = 0
+0 < P. 1:11(10) ack 1 win 257
+0~+.1 > . 1:1(0) ack 11
+0 recvmsg(4, {msg_name(...)=..., msg_iov(1)=[{..., 4}], msg_flags=0,
               msg_control=[{cmsg_level=SOL_TCP, cmsg_type=TCP_CM_INQ, cmsg_data=6}]}, 0) = 4
"""
)
LINGER = (
    LISTEN
    + """
+0 setsockopt(3, SOL_SOCKET, SO_LINGER, {onoff=1, linger=5}, 8) = 0
+0 getsockopt(3, SOL_SOCKET, SO_LINGER, {onoff=1, linger=5}, [8]) = 0
+0 getsockopt(3, SOL_TCP, TCP_CONGESTION, "reno", [16]) = 0
"""
)


def test_epoll_is_there_on_both() -> None:
    outcome = play(EPOLL)
    assert outcome.verdict is Verdict.PASSED, str(outcome)
    assert run(parse(EPOLL)).verdict is Verdict.PASSED


@pytest.mark.parametrize("text", [INQ, LINGER], ids=["ancillary data", "structures"])
def test_what_only_the_kernel_has(text: str) -> None:
    outcome = play(text)
    assert outcome.verdict is Verdict.PASSED, str(outcome)
    assert run(parse(text)).verdict is Verdict.UNSUPPORTED


@pytest.mark.parametrize(
    ("events", "sentence"),
    [
        ("+0 read(4, ..., 10) = 10", "expected read(4, ..., 10) = 10, seen that it blocks on the kernel."),
        ("+0...0.2 read(4, ..., 10) = 10\n+.3 > nothing", "expected read to return at 0.30"),
        (WRONG_EVENT, "expected epoll_wait(5, {events=EPOLLIN, fd=4}, 1, 0) = 1"),
        ("+0 %{ assert tcpi_snd_cwnd == 11 }%", "expected tcpi_snd_cwnd == 11, seen tcpi_snd_cwnd = 10"),
        ("+0 > F. 1:1(0) ack 1", "expected > F. 1:1(0) ack 1, seen no packet by"),
    ],
)  # fmt: skip
def test_fails(events: str, sentence: str) -> None:
    outcome = play(SERVER + events + "\n")
    assert outcome.verdict is Verdict.FAILED
    assert outcome.sentence is not None
    assert outcome.sentence.startswith(sentence), outcome.sentence


def test_settings_reach_this_namespace_and_no_other() -> None:
    before = read(["net.ipv4.tcp_sack"])
    text = "`sysctl -q net.ipv4.tcp_sack=0`\n" + LISTEN
    text += "+0 < S 0:0(0) win 100 <mss 1000,sackOK,nop,nop>\n+0 > S. 0:0(0) ack 1 <mss 1460>\n"
    assert play(text).verdict is Verdict.PASSED
    assert read(["net.ipv4.tcp_sack"]) == before


@pytest.mark.parametrize(
    "command", ["rm -rf /nowhere", "sysctl -w net.ipv4.no_such_setting=1", "sysctl kernel.hostname=x"]
)
def test_other_commands_are_named_and_not_run(command: str) -> None:
    outcome = play(f"`{command}`\n{LISTEN}")
    assert outcome.verdict is Verdict.UNSUPPORTED
    assert outcome.unsupported[0].line == 1


def test_nothing_is_left_behind() -> None:
    home, descriptors = current_inode(), len(list(Path("/proc/self/fd").iterdir()))
    play(SERVER + "+0...9 read(4, ..., 10) = 10\n+0 > F. 1:1(0) ack 1\n")
    assert current_inode() == home
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors
    assert threading.active_count() == 1


def test_arms_are_compared_beyond_the_script() -> None:
    """The script says nothing of windows; that one arm's is another shows all the same."""
    script = parse(SERVER)
    model, kernel = run(script), play(SERVER)
    assert side_by_side(model, kernel).verdict is Verdict.PASSED
    other = run(parse("`sysctl -q net.ipv4.tcp_rmem='4096 30000 33554432'`\n" + SERVER.lstrip()))
    assert other.verdict is Verdict.PASSED
    assert side_by_side(other, kernel).verdict is Verdict.FAILED
