"""The profile of the kernel that runs here: its release says what it does, its clock how long its ticks are.

Not here: what changed between releases (the model's releases.py).
"""

from __future__ import annotations

import platform
from functools import cache

import attrs

from model.profiles import MS, Profile
from model.releases import for_release
from realnet.ticks import tick_ns


@cache
def running_profile() -> Profile:
    """What the model is to be, to be compared with this kernel."""
    return attrs.evolve(for_release(platform.release()), jiffy_ns=tick_ns())


def told() -> str:
    """The same in words, for a report: ``linux 6.1, ticks of 10 ms``."""
    profile = running_profile()
    return f"{profile.name} {profile.release}, ticks of {profile.jiffy_ns // MS} ms"
