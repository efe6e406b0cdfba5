"""What changed from one release of Linux to the next, as far as a program on loopback can notice.

`profiles.LINUX` is the release that the model was proved against, field by field. Each entry of `CHANGES` names a
release, and what fields held *before* it. So the profile of an older kernel is LINUX with every later change taken back
(`for_release`), and no rule ever asks for a release: it asks its field.

Not here: what the fields mean (profiles.py); the length of a tick, which is a matter of how a kernel was built
(CONFIG_HZ) and not of its release.
"""

from __future__ import annotations

import re
from typing import Any

import attrs

from .profiles import LINUX, Profile

Release = tuple[int, int]


@attrs.frozen
class Change:
    """One change of the kernel."""

    since: Release
    """The first release that is known to behave as LINUX does."""
    what: str
    """The change in words."""
    before: dict[str, Any]
    """The fields it is about, with their values before it."""


# fmt: off
CHANGES: tuple[Change, ...] = (
    Change(
        (6, 3), "heads of small buffers come from a cache of their own, whose size is no power of two",
        {"buffer_overhead": 1280, "small_head": 0, "head_room": 448},
    ),
    Change((6, 5), "the first time-outs of a SYN are of one length", {"syn_linear_timeouts": 0}),
    Change((6, 6), "the share of a receive buffer that becomes window is measured", {"window_ratio_measured": False}),
    Change(
        (6, 6), "a receiver without memory says so, and is believed",
        {"no_memory_closes_window": False, "zero_window_is_news": False},
    ),
    Change((6, 7), "acknowledgements wait for the end of a call", {"acks_wait_for_calls": False}),
    Change((6, 9), "epoll can be asked to poll busily", {"epoll_has_requests": False}),
    Change((6, 10), "a buffer that is to be sent is filled from the next one", {"buffers_fill_up": False}),
    Change((6, 12), "a bare FIN is taken though the window is closed", {"fin_enters_closed_window": False}),
    Change((6, 12), "SO_RCVLOWAT sets no widest window", {"lowat_sets_clamp": True}),
    Change((6, 12), "a UDP receive buffer reserves what is missing", {"udp_reserves_missing": False}),
    Change((6, 18), "a UDP receive buffer is not overrun", {"udp_overruns": True}),
    Change((6, 11), "the first window may be larger than 64 KiB", {"first_window_max": 65_535}),
)
# fmt: on


def for_release(release: str) -> Profile:
    """The profile for a kernel that calls itself so (``6.1.176``, ``6.18.44-fc``): LINUX without the changes that came
    later. Of a release that is newer than LINUX nothing is known, and LINUX is the answer. ValueError for a text that
    is no release.
    """
    number = _number(release)
    before = {name: value for change in CHANGES if change.since > number for name, value in change.before.items()}
    if number >= _number(LINUX.release):
        return LINUX
    return attrs.evolve(LINUX, release=f"{number[0]}.{number[1]}", **before)


def _number(release: str) -> Release:
    found = re.match(r"(\d+)\.(\d+)", release)
    if found is None:
        raise ValueError(f"{release!r} is no release of Linux, which begins like 6.18")
    return int(found[1]), int(found[2])


LINUX_6_1 = for_release("6.1")
"""Linux 6.1, checked in a guest (realnet/guest)."""
