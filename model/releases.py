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
    """The first release that behaves as LINUX does."""
    what: str
    """The change in words."""
    before: dict[str, Any]
    """The fields it is about, with their values before it."""


CHANGES: tuple[Change, ...] = (
    Change((6, 3), "heads of small buffers have a cache of their own, and with it another size", {}),
)


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
