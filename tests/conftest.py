"""What all tests share: the header of a run and how hard Hypothesis tries.

Hypothesis' own time limit for one example is off: an example here is a program that makes kernel sockets, and the
machine may be busy. Two profiles, chosen with ``--hypothesis-profile``:

- ``usual``, the default. Where the variable ``CI`` is set it draws the same examples every time, so that a run that
  nobody watches fails for what changed and not for what was drawn.
- ``thorough``, fifty times as many examples, new ones every time: for an evening.

Not here: fixtures. Each test file makes what it needs, so that it can be read alone.
"""

from __future__ import annotations

import os
import platform
import shutil

from hypothesis import settings

_EXAMPLES = 100

settings.register_profile(
    "usual", max_examples=_EXAMPLES, deadline=None, print_blob=True, derandomize=bool(os.environ.get("CI"))
)
settings.register_profile("thorough", max_examples=50 * _EXAMPLES, deadline=None, print_blob=True, derandomize=False)
settings.load_profile("usual")


def pytest_report_header() -> list[str]:
    """The facts that a reader of a failed run asks for first."""
    rights = "root" if os.geteuid() == 0 else "not root"
    dot = shutil.which("dot") or "missing (plain SVG layout)"
    return [f"kernel: {platform.system()} {platform.release()} ({os.cpu_count()} CPUs, {rights}); dot: {dot}"]
