"""What is kept behind a gap: what becomes one, what is dropped for what, and what happens when memory runs short.

Not here: that memory runs short (tests/crosscheck/test_places.py compares it with the kernel), SACK blocks on the wire.
"""

from __future__ import annotations

import pytest

from model.choices import Seeded
from model.profiles import LINUX
from model.tcp import order
from model.tcp.block import Tcb
from model.values.constants import TcpFlag
from model.values.segments import Segment
from model.world.host import Host

OVERHEAD = LINUX.buffer_overhead
ACK, FIN = int(TcpFlag.ACK), int(TcpFlag.FIN)
Ends = list[tuple[int, int]]


@pytest.fixture
def host() -> Host:
    return Host("lo", LINUX, Seeded(0))


@pytest.fixture
def tcb(host: Host) -> Tcb:
    """It waits for number 100, on a link that shares its sender's memory."""
    tcb = host.new_tcb()
    tcb.rcv_nxt = tcb.rcv_wup = 100
    tcb.packet_max, tcb.sack_permitted, tcb.advertised_mss = LINUX.packet_max, True, 1448
    return tcb


def segment(begin: int, end: int, *, buffer: int = 0, flags: int = ACK) -> Segment:
    size = end - begin
    return Segment(
        ("10.0.0.1", 1), ("10.0.0.2", 2), begin, 1, flags, 0, bytes(size), truesize=OVERHEAD + size,
        pages=((begin, end),), buffer=buffer,
    )  # fmt: skip


def keep(tcb: Tcb, host: Host, *ends: tuple[int, int]) -> None:
    for begin, end in ends:
        order.keep(tcb, segment(begin, end), host)


def kept(tcb: Tcb) -> Ends:
    assert tcb.rmem == sum(each.truesize for each in tcb.out_of_order)
    return [(each.seq, each.end) for each in tcb.out_of_order]


def test_what_follows_joins_and_its_overhead_is_free(tcb: Tcb, host: Host) -> None:
    keep(tcb, host, (200, 400), (600, 800), (400, 500), (800, 900))
    assert kept(tcb) == [(200, 500), (600, 900)]
    assert tcb.rmem == 2 * OVERHEAD + 600
    assert tcb.sack_blocks == [(600, 900), (200, 500)]


def test_what_its_sender_still_keeps_is_joined_by_nothing(tcb: Tcb, host: Host) -> None:
    host.held.add(7)
    order.keep(tcb, segment(200, 400, buffer=7), host)
    keep(tcb, host, (400, 500))
    assert kept(tcb) == [(200, 400), (400, 500)]
    assert tcb.sack_blocks == [(200, 500)]


@pytest.mark.parametrize(
    ("before", "arriving", "left", "told", "drops"),
    [
        ([(200, 400)], (250, 350), [(200, 400)], (250, 350), 1),
        ([(200, 400)], (300, 500), [(200, 400), (300, 500)], (300, 400), 0),
        ([(200, 400)], (200, 500), [(200, 500)], (200, 400), 1),
        ([(200, 300), (350, 400)], (150, 500), [(150, 500)], (200, 300), 2),
        ([(200, 400)], (150, 300), [(150, 300), (200, 400)], (200, 300), 0),
    ],
)  # fmt: skip
def test_what_is_covered_is_dropped_for_what_covers_it(
    tcb: Tcb, host: Host, before: Ends, arriving: tuple[int, int], left: Ends, told: tuple[int, int], drops: int
) -> None:
    keep(tcb, host, *before)
    keep(tcb, host, arriving)
    assert (kept(tcb), tcb.duplicate, tcb.drops) == (left, told, drops)


def test_pruning_begins_at_the_end_and_ends_when_an_eighth_is_free(tcb: Tcb, host: Host) -> None:
    keep(tcb, host, (2000, 3000), (4000, 5000), (6000, 7000))
    tcb.rcvbuf = 2 * (OVERHEAD + 1000)
    order.prune(tcb, segment(100, 101), LINUX)
    assert (kept(tcb), tcb.drops, tcb.sack_blocks) == ([(2000, 3000), (4000, 5000)], 1, [])


def test_pruning_goes_on_until_the_limit_is_kept(tcb: Tcb, host: Host) -> None:
    keep(tcb, host, (2000, 3000), (4000, 5000), (6000, 7000))
    tcb.rcvbuf = OVERHEAD
    order.prune(tcb, segment(100, 101), LINUX)
    assert (kept(tcb), tcb.drops) == ([], 3)


def test_what_lies_before_an_arriving_segment_is_not_pruned_for_it(tcb: Tcb, host: Host) -> None:
    keep(tcb, host, (2000, 3000))
    tcb.rcvbuf = 1
    order.prune(tcb, segment(4000, 4001), LINUX)
    assert (kept(tcb), tcb.sack_blocks) == ([(2000, 3000)], [(2000, 3000)])


def test_a_long_one_is_copied_and_a_short_one_is_not(tcb: Tcb, host: Host) -> None:
    keep(tcb, host, (200, 300), (1000, 5000))
    tcb.window_ratio = 255
    order.collapse(tcb, LINUX)
    assert kept(tcb) == [(200, 300), (1000, 4776), (4776, 5000)]
    assert [each.truesize for each in tcb.out_of_order] == [OVERHEAD + 100, 4352, OVERHEAD]


def test_a_fin_is_left_where_it_is(tcb: Tcb, host: Host) -> None:
    tcb.window_ratio = 255
    order.keep(tcb, segment(1000, 5000, flags=ACK | FIN), host)
    before = kept(tcb)
    order.collapse(tcb, LINUX)
    assert kept(tcb) == before == [(1000, 5001)]


def test_small_ones_are_left_alone_only_up_to_an_eighth_of_the_buffer(tcb: Tcb, host: Host) -> None:
    keep(tcb, host, (200, 300), (1000, 5000))
    tcb.window_ratio, tcb.rcvbuf = 255, 8 * OVERHEAD
    order.collapse(tcb, LINUX)
    assert kept(tcb) == [(200, 300), (1000, 5000)]


def test_what_is_old_when_the_gap_is_filled_is_dropped(tcb: Tcb, host: Host) -> None:
    keep(tcb, host, (200, 300), (400, 500))
    tcb.rcv_nxt = 300
    assert order.take(tcb, 300, LINUX) is None
    assert (kept(tcb), tcb.drops, tcb.duplicate) == ([(400, 500)], 1, (200, 300))
