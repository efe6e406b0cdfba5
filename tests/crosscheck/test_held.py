"""A sender whose device holds packets back: model and kernel agree at every step, and a wrong rule would show.

The kernel's device is a pair of Ethernet ends with a token bucket that is never filled again. Where the machine does
not allow such a pair, the tests say so and are skipped.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import pytest

from model import heads
from model.udp import buffers, sending
from model.udp.machine import UdpSocket
from model.values.constants import IP_RECVERR, IPPROTO_IP, POLLOUT, SO_SNDBUF, SOL_SOCKET
from model.values.segments import ip_size
from model.world.device import Device, Waiting
from model.world.host import Host
from realnet.diag import Diag
from realnet.held import HeldDevice
from wouldblock.crosscheck.held import SINK, HeldModel, Played, agree, operations, play, shrunk
from wouldblock.crosscheck.operations import Operation

SEQUENCES, LENGTH = 100, 60
BEGIN: list[Operation] = [("renew", 2000, 1_000_000), ("udp",)]


@pytest.fixture
def device(diag: Diag) -> Iterator[HeldDevice]:
    """The pair of ends, in a namespace of the test's own."""
    try:
        found = HeldDevice().__enter__()
    except OSError as refused:
        pytest.skip(f"the kernel makes no device that holds packets back: {refused}")
    try:
        yield found
    finally:
        found.__exit__(None, None, None)


def follow(row: list[Operation]) -> Callable[[HeldModel], Operation | None]:
    left = iter(row)
    return lambda model: next(left, None)


def both(device: HeldDevice, row: list[Operation]) -> Played:
    """These operations, on both arms, which must be equal."""
    played = play(device, follow(row), len(row))
    assert not played.wrong, played.text()
    assert len(played.shown) == len(row)
    return played


def sends_until_it_would_block(device: HeldDevice, size: int, sndbuf: int) -> tuple[int, int, bool]:
    """How many datagrams of `size` bytes go in, what is charged in the end, and whether poll says writable then."""
    set_up = [*BEGIN, ("setsockopt", 1, SOL_SOCKET, SO_SNDBUF, sndbuf)]
    played = both(device, [*set_up, *[("sendto", 1, size, SINK)] * 60])
    answers = [answer for answer, _ in played.shown[len(set_up) :]]
    seen = played.shown[-1][1][0]
    return answers.index("EAGAIN"), seen.wmem, bool(seen.poll & POLLOUT)


@pytest.mark.parametrize(
    ("size", "sndbuf", "count", "charged"),
    [
        (0, 1, 53, 4992), (100, 1, 20, 4992), (1000, 1, 3, 4608), (1472, 1, 3, 4608), (1473, 1, 3, 6272),
        (5000, 1, 1, 5888),
    ],
)  # fmt: skip
def test_so_many_datagrams_go_in(device: HeldDevice, size: int, sndbuf: int, count: int, charged: int) -> None:
    """2000 bytes leave the bucket, and what is charged for the rest fills the buffer."""
    assert sends_until_it_would_block(device, size, sndbuf) == (count, charged, False)


def test_fragments_may_take_twice_the_buffer_and_no_more(device: HeldDevice) -> None:
    played = both(device, [*BEGIN, ("setsockopt", 1, SOL_SOCKET, SO_SNDBUF, 1), ("sendto", 1, 9000, SINK)])
    assert (played.shown[-1][0], played.shown[-1][1][0].wmem) == ("ENOBUFS", 0)


@pytest.mark.parametrize(("hears", "answer"), [(0, 1000), (1, "ENOBUFS")])
def test_what_the_device_drops_is_told_to_those_who_want_to_hear(device: HeldDevice, hears: int, answer: Any) -> None:
    row: list[Operation] = [("renew", 1514, 1100), ("udp",), ("setsockopt", 1, IPPROTO_IP, IP_RECVERR, hears)]
    played = both(device, [*row, *[("sendto", 1, 1000, SINK)] * 3])
    assert [answer for answer, _ in played.shown[3:]] == [1000, 1000, answer]


def test_a_datagram_of_which_a_fragment_is_lost_is_never_seen(device: HeldDevice) -> None:
    """Of three fragments one leaves and one waits; the third finds no room. The first is all that ever arrives."""
    row: list[Operation] = [("renew", 1514, 1600), ("udp",), ("sendto", 1, 4000, SINK), ("drain", 5000)]
    played = both(device, row)
    assert played.shown[2][0] == 4000
    assert (played.shown[2][1][0].wmem, played.shown[3][0]) == (2304, "EAGAIN")


def test_throwing_away_what_waits_makes_room(device: HeldDevice) -> None:
    played = both(device, [*BEGIN, *[("sendto", 1, 1472, SINK)] * 3, ("renew", 2000, 3000)])
    assert [seen[0].wmem for _, seen in played.shown[2:]] == [0, 2304, 4608, 0]


def test_random_sequences_are_equal_throughout(device: HeldDevice) -> None:
    found = agree(device, 1, range(SEQUENCES), LENGTH)
    assert not found.different, shrunk(device, found.different[0]).text()
    assert (found.played, found.equal) == (SEQUENCES, found.repeated)
    assert found.repeated > 0.95 * SEQUENCES


def test_the_sequences_come_upon_every_way_out(device: HeldDevice) -> None:
    fired: Counter[str] = Counter()
    for number in range(40):
        played = play(device, operations(random.Random(f"2/{number}/held").randrange), LENGTH)
        fired.update(arrow.rule.name for row in played.arrows for arrow in row)
    wanted = "datagram_would_block fragments_find_no_room datagram_is_kept datagram_is_dropped corked_datagram_grows"
    assert not {name for name in wanted.split() if not fired[name]}


# ---------------------------------------------------------------- planted faults


def counts_payload(patch: pytest.MonkeyPatch) -> None:
    """A buffer costs its bytes."""
    linear = heads.linear
    patch.setattr(buffers, "linear", lambda size, small: attrs.evolve(linear(size, small), truesize=size))


def frees_too_late(patch: pytest.MonkeyPatch) -> None:
    """What is thrown away stays charged."""
    patch.setattr(Host, "purge_device", lambda host: host.device and host.device.purge())


def asks_for_a_whole_datagram(patch: pytest.MonkeyPatch) -> None:
    """Room is there only if a small datagram fits into it."""
    patch.setattr(sending, "has_room", lambda udp: udp.wmem + 832 <= udp.sndbuf)


def forgets_the_link(patch: pytest.MonkeyPatch) -> None:
    """The device counts IP packets, without the header of the link."""
    patch.setattr(Waiting, "size", property(lambda waiting: ip_size(waiting.packet)))


def sends_the_rest(patch: pytest.MonkeyPatch) -> None:
    """A device that has dropped a fragment takes those behind it."""
    take = Device.take
    patch.setattr(Device, "take", lambda device, waiting: take(device, waiting) or waiting.packet.__class__ is not None)


def is_writable_to_the_brim(patch: pytest.MonkeyPatch) -> None:
    """Writable means any room at all, as if send and poll were of one mind."""
    patch.setattr(UdpSocket, "writable", property(lambda udp: udp.wmem < udp.sndbuf))


FAULTS = (
    counts_payload, frees_too_late, asks_for_a_whole_datagram, forgets_the_link, sends_the_rest,
    is_writable_to_the_brim,
)  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_planted_fault_is_found(
    fault: Callable[[pytest.MonkeyPatch], None], device: HeldDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault(monkeypatch)
    found = agree(device, 1, range(SEQUENCES), LENGTH)
    assert found.different
    short = shrunk(device, found.different[0])
    assert short.wrong
    assert len(short.operations) <= 22, short.text()
