"""The kernel's timer wheel: how late a timer is, what setting it anew does, and in which order those of a tick fire.

Not here: the running kernel, whose firings the walk with a scripted peer and the scripts compare (tests/bridge,
tests/scripts), and whose count of ticks tests/realnet/test_ticks.py looks at.
"""

from __future__ import annotations

import pytest

from model.choices import Seeded
from model.profiles import LINUX
from model.tcp.block import Tcb, Timer
from model.world.host import Host
from model.world.wheel import firing_tick, level_of

TICK = LINUX.jiffy_ns


def host(first_tick: int = 0, now: int = 0) -> Host:
    """A host whose time is counted in ticks here."""
    return Host("h", LINUX, Seeded(0), now_ns=now * TICK, first_tick=first_tick)


def fires_after(ticks: int, first_tick: int = 0) -> int:
    """When a timer fires that is set for so many ticks, in ticks."""
    one = host(first_tick)
    one.set_timer(one.new_tcb(), Timer.RETRANSMIT, ticks * TICK)
    deadline = one.next_deadline()
    assert deadline is not None
    assert deadline % TICK == 0
    return deadline // TICK


@pytest.mark.parametrize(
    ("ticks", "level"),
    [(0, 0), (62, 0), (63, 1), (503, 1), (504, 2), (4031, 2), (4032, 3), (32_255, 3), (32_256, 4), (1_800_000, 5)],
)
def test_each_level_reaches_eight_times_as_far(ticks: int, level: int) -> None:
    assert level_of(ticks) == level
    if level <= 3:
        late = {fires_after(ticks, first) - ticks for first in range(8**level)}
        assert late == set(range(1, 8**level + 1)), "never early, and at most as late as a bucket is wide"


def test_how_late_it_is_the_count_of_ticks_decides() -> None:
    assert [fires_after(250, first) for first in range(4, 9)] == [252, 251, 258, 257, 256]
    assert firing_tick(250, 1) == 256


def test_set_anew_for_the_same_tick_it_stays_where_it_is() -> None:
    """It was coarse when it was set, and 20 ticks before its time it would not be (`__mod_timer`)."""
    one = host()
    tcb = one.new_tcb()
    one.set_timer(tcb, Timer.RETRANSMIT, 100 * TICK)
    assert one.next_deadline() == 104 * TICK
    one.sleep_until(80 * TICK)
    one.set_timer(tcb, Timer.RETRANSMIT, 20 * TICK)
    assert one.next_deadline() == 104 * TICK
    one.set_timer(tcb, Timer.RETRANSMIT, 21 * TICK)
    assert one.next_deadline() == 102 * TICK


def test_a_stopped_timer_lies_in_the_wheel_and_may_be_set_again() -> None:
    one = host()
    tcb = one.new_tcb()
    one.set_timer(tcb, Timer.RETRANSMIT, 100 * TICK)
    one.stop_timer(tcb, Timer.RETRANSMIT)
    assert one.next_deadline() is None
    one.sleep_until(80 * TICK)
    one.set_timer(tcb, Timer.RETRANSMIT, 20 * TICK)
    assert one.next_deadline() == 104 * TICK
    one.stop_timers(tcb)
    one.set_timer(tcb, Timer.RETRANSMIT, 20 * TICK)
    assert one.next_deadline() == 101 * TICK, "taken out and put in"


def test_those_of_a_tick_fire_the_farthest_level_first_and_the_last_of_a_bucket_first() -> None:
    one = host()
    ends: list[Tcb] = [one.new_tcb() for _ in range(5)]
    one.set_timer(ends[0], Timer.RETRANSMIT, 100 * TICK)
    one.set_timer(ends[1], Timer.RETRANSMIT, 100 * TICK)
    one.sleep_until(90 * TICK)
    one.set_timer(ends[2], Timer.DELAYED_ACK, 13 * TICK)
    one.set_timer(ends[3], Timer.DELAYED_ACK, 13 * TICK)
    one.set_timer(ends[4], Timer.TIME_WAIT, 13 * TICK)
    assert [number for number, _ in one.due(104 * TICK)] == [ends[at].number for at in (4, 1, 0, 3, 2)]
    assert not one.due(104 * TICK - 1)


def test_while_a_tick_is_served_the_wheel_is_one_tick_ahead() -> None:
    """So 63 ticks from a timer that fires are few enough for the first level."""
    one = host()
    tcb = one.new_tcb()
    one.set_timer(tcb, Timer.DELAYED_ACK, TICK)
    one.sleep_until(2 * TICK)
    one.set_timer(tcb, Timer.RETRANSMIT, 63 * TICK)
    assert one.next_deadline() == 66 * TICK
    one.stop_timers(tcb)
    one.sleep_until(3 * TICK)
    one.set_timer(tcb, Timer.RETRANSMIT, 63 * TICK)
    assert one.next_deadline() == 72 * TICK
