"""Whole sequences: made up the same way each time, recorded and followed, equal unless a rule is wrong."""

from __future__ import annotations

import errno
from itertools import pairwise

import pytest

from model.profiles import LINUX
from model.sockets.life import SOCKET
from model.values.constants import IPPROTO_TCP, SO_RCVBUF, SOL_SOCKET, TCP_NODELAY
from model.values.results import Fail
from realnet.namespace import Namespace, NamespaceRefused
from realnet.page import FreshPage
from wouldblock.crosscheck.agreement import agree, made
from wouldblock.crosscheck.directed import CONNECTED
from wouldblock.crosscheck.operations import DATAGRAM, FAMILIES, LIVES, STREAM
from wouldblock.crosscheck.pacing import AROUND_NS, stretched
from wouldblock.crosscheck.pair import Follow, Pair
from wouldblock.crosscheck.places import LOOPBACK, PACE, OwnSettings, Place
from wouldblock.crosscheck.recording import Recording, record


@pytest.fixture
def kernel() -> None:
    """There is one to ask."""
    try:
        with Namespace():
            pass
    except NamespaceRefused as refused:
        pytest.skip(f"the kernel's arm needs a private namespace: {refused}")


@pytest.mark.parametrize("family", FAMILIES)
def test_a_sequence_is_made_of_its_numbers_alone(family: str) -> None:
    again = made(family, 60, seed=1, number=2)
    assert made(family, 60, seed=1, number=2) == again
    assert made(family, 60, seed=1, number=3) != again
    assert made(family, 60, seed=2, number=2) != again
    assert 0 < len(again) <= 60


def test_many_connections_are_alive_at_once() -> None:
    longest = 0
    for number in range(8):
        alive = 0
        for op in made(LIVES, 200, 1, number):
            alive += {"tcp": 1, "accept": 1, "close": -1}.get(op[0], 0)
            longest = max(longest, alive)
    assert longest >= 12


def test_a_recording_is_followed_as_the_kernel_is(page: FreshPage) -> None:
    operations = made(STREAM, 60, 1, 1)
    shown = record(operations, "127.0.3.1", page)
    assert [each.op for each in shown] == operations
    assert all(a.looked_ns <= b.began_ns for a, b in pairwise(shown))
    pair = Pair("127.0.3.1", 1, None, recording=Recording(shown))
    steps = [pair.step(each.op) for each in shown]
    assert [(step.kernel, step.kernel_seen) for step in steps] == [(each.answer, each.seen) for each in shown]
    with pytest.raises(StopIteration):
        pair.step(("poll",))


@pytest.mark.parametrize(("size", "behind"), [(1152, [2000, 2000]), (2304, [4000])])
def test_what_waits_behind_a_gap_is_copied_and_then_thrown_away(size: int, behind: list[int], page: FreshPage) -> None:
    """What fills the gap finds no memory but that: 3,776 of 4,000 bytes stay, or one of two segments."""
    operations = [
        *CONNECTED, ("setsockopt", 2, IPPROTO_TCP, TCP_NODELAY, 1), ("send", 2, 10_000),
        ("setsockopt", 3, SOL_SOCKET, SO_RCVBUF, size), ("send", 2, 1000), ("recv", 3, 10_000),
        *(("send", 2, each) for each in behind), ("recv", 3, 300_000),
    ]  # fmt: skip
    home = "127.0.3.2"
    shown = record(operations, home, page)
    pair = Pair(home, 1, None, recording=Recording(shown))
    steps = [pair.step(each.op) for each in shown]
    assert [step.wrong for step in steps] == [None] * len(operations)
    assert steps[-1].kernel_seen[2].drops >= 2


def test_what_the_kernel_repeats_the_model_shows(kernel: None) -> None:
    report = agree(seed=1, sequences=8, lengths=(60,))
    assert [cell.sequences for cell in report.cells] == [8, 8, 8, 8]
    assert all(cell.repeated for cell in report.cells)
    assert report.differences == []
    assert report.agreed


def test_the_kernels_own_settings(kernel: None) -> None:
    report = agree(seed=1, sequences=6, lengths=(60,), families=[STREAM, DATAGRAM], place=OwnSettings())
    assert report.where == "loopback, default settings"
    assert report.settings["net.ipv4.tcp_moderate_rcvbuf"] == "1"
    assert all(cell.repeated for cell in report.cells)
    assert [each for each in report.differences if not each.of_time] == []


@pytest.mark.parametrize(
    ("seed", "number"),
    [
        pytest.param(31, 51, id="a run is sent with one look at the clock"),
        pytest.param(31, 90, id="a run that was cut is dropped piece by piece"),
        pytest.param(2002, 31, id="acknowledgements that echo other timestamps do not become one"),
        pytest.param(31, 140, id="what waits behind a gap is thrown away for want of memory"),
    ],
)
def test_what_once_differed_with_the_kernels_own_settings(kernel: None, seed: int, number: int) -> None:
    report = agree(seed=seed, only=number, lengths=(200,), families=[STREAM], place=OwnSettings())
    assert [each for each in report.differences if not each.of_time] == []


def test_a_calls_work_takes_as_long_as_the_call_took() -> None:
    arm = OwnSettings().model("127.0.0.1", Follow(1), LINUX)
    for op in CONNECTED:
        arm.perform(op)
    quick, slow = (stretched(PACE, arm, ("send", 2, 200_000), took_ns) for took_ns in (20_000, 40_000))
    assert slow.byte_ps / quick.byte_ps == pytest.approx((40_000 - AROUND_NS) / (20_000 - AROUND_NS), rel=0.05)
    assert stretched(PACE, arm, ("getsockname", 2), 40_000) == PACE
    assert arm.perform(("send", 2, 1)) == 1, "nothing was sent"


@pytest.mark.parametrize("place", [LOOPBACK, OwnSettings()])
def test_a_wrong_rule_shows(place: Place, kernel: None) -> None:
    undo = SOCKET.replace("connect_when_connected", body=lambda tcb, address, host: Fail(errno.EINVAL))
    try:
        report = agree(seed=1, sequences=20, families=[LIVES], lengths=(200,), place=place)
    finally:
        undo()
    assert not report.agreed
    wrong = [each for each in report.differences if not each.of_time]
    cell = report.cells[0]
    assert cell.equal < cell.repeated
    assert {each.expected.split(" → ")[-1] for each in wrong} == {"EINVAL"}
    assert {each.seen for each in wrong} <= {"EISCONN"}
