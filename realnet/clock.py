"""`time` on the running kernel: the real module, whose `sleep` is a call like others, so that guest threads take turns.

Not here: virtual time.
"""

from __future__ import annotations

import time as real
from types import ModuleType

from .recorder import Recorder


def make_time(recorder: Recorder) -> ModuleType:
    """A module object that looks like `time`."""
    guests = recorder.guests

    def sleep(seconds: float, /) -> None:
        """Sleep; other threads of the net run meanwhile."""
        recorder.step()
        with guests.in_call("sleep()") as call:
            call.made(real.sleep, seconds)

    module = ModuleType("time", real.__doc__)
    module.__dict__.update({name: value for name, value in vars(real).items() if not name.startswith("__")})
    sleep.__module__ = "time"
    module.__dict__["sleep"] = staticmethod(sleep)
    return module
