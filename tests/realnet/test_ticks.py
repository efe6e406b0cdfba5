"""Where the kernel's count of ticks stands: the two ways to find out agree, and it is kept up by the clock.

Not here: the wheel (tests/model/test_wheel.py).
"""

from __future__ import annotations

import time

import pytest

from realnet import ticks


def test_a_tick_is_a_few_milliseconds_long() -> None:
    assert ticks.tick_ns() in {1_000_000, 3_333_333, 4_000_000, 10_000_000}


@pytest.mark.slow
def test_waiting_tells_what_root_may_read() -> None:
    try:
        read = ticks._read()
    except OSError:
        pytest.skip("only root reads /proc/timer_list")
    assert ticks._waited() % ticks.WHOLE == read % ticks.WHOLE


def test_one_waits_for_a_count() -> None:
    moment = ticks.wait_for(17, 1_000_000)
    assert ticks.count_at(moment) == 17
    assert moment % ticks.tick_ns() == 1_000_000
    assert 0 <= time.monotonic_ns() - moment < 50_000_000
