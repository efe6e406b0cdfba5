"""Whatever routers say and whatever links take: a stream arrives whole, or both ends hear of the failure.

Not here: single errors against the kernel.
"""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model.values.constants import IPPROTO_TCP
from model.values.packets import IcmpError
from model.values.segments import IcmpMessage, Segment
from model.world.wire import PASS, Fate, Passing, Weather

from ..model.test_loss import Pair, check_delivered, pattern

_QUICK = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
WIDTHS = st.sampled_from([68, 300, 551, 552, 600, 1000, 1499, 1500])
LATE_NS = 5_000_000


def pair(seed: int, bytes_there: int = 60_000, bytes_back: int = 20_000) -> Pair:
    return Pair((pattern(bytes_there, seed), pattern(bytes_back, seed + 1)), seed=seed, delay_ns=LATE_NS)


@_QUICK
@given(
    seed=st.integers(0, 99), there=WIDTHS, back=WIDTHS, loss=st.sampled_from([0, 0.01]),
    reorder=st.sampled_from([0, 0.05]), duplicate=st.sampled_from([0, 0.05]),
)  # fmt: skip
def test_links_of_any_width(seed: int, there: int, back: int, loss: float, reorder: float, duplicate: float) -> None:
    both = pair(seed)
    wire = both.world.wire
    wire.judge = Weather(seed, loss=loss, reorder=reorder, duplicate=duplicate)
    wire.path("lo", "b").obstacle.bottleneck = there
    wire.path("b", "lo").obstacle.bottleneck = back
    both.run()
    check_delivered(both)


@_QUICK
@given(seed=st.integers(0, 99), widths=st.lists(WIDTHS, min_size=1, max_size=6), every=st.integers(3, 40))
def test_links_that_change_on_the_way(seed: int, widths: list[int], every: int) -> None:
    """Every so many packets another route is taken."""
    both = pair(seed)
    path = both.world.wire.path("lo", "b")

    def judge(passing: Passing) -> Fate:
        path.obstacle.bottleneck = widths[passing.number // every % len(widths)]
        return PASS

    both.world.wire.judge = judge
    both.run()
    check_delivered(both)


@_QUICK
@given(
    seed=st.integers(0, 99),
    errors=st.lists(
        st.tuples(
            st.integers(4, 120), st.sampled_from(list(IcmpError)), st.integers(0, 1600), st.integers(-3000, 3000)
        ),
        max_size=30,
    ),
)  # fmt: skip
def test_errors_that_anyone_forges_break_no_stream(seed: int, errors: list[tuple[int, IcmpError, int, int]]) -> None:
    """Also those that quote what is on its way: an open connection outlives any. Hence none before the handshake ends."""  # noqa: E501
    both = pair(seed)
    wire = both.world.wire

    def judge(passing: Passing) -> Fate:
        segment = passing.packet
        if isinstance(segment, Segment):
            for number, kind, mtu, off in errors:
                if number == passing.number:
                    message = IcmpMessage(
                        kind, segment.src, segment.dst, IPPROTO_TCP, segment.seq + off, mtu, "10.0.0.254"
                    )
                    wire.answer(wire.path(passing.source, passing.target), passing.source, message, passing.at_ns)
        return PASS

    wire.judge = judge
    both.run()
    check_delivered(both)
