"""How many descriptors a program may have, on the running kernel: RLIMIT_NOFILE, counted as on the model.

There a program begins with descriptors 0, 1 and 2, so a limit of n leaves it n - 3. Here the process has others beside,
and needs them: so its limit is put where just as many numbers are free below it. It is the process's, and put back on
the way out; what the process opens meanwhile for itself counts too.

Not here: threads in a net whose descriptors are used up (who looks on when they sleep must open files for that).
"""

from __future__ import annotations

import os
import resource
from itertools import count, islice
from pathlib import Path

FIRST = 3
"""The first descriptor that a program on the model finds free."""


class DescriptorLimit:
    """While entered, a program can make `limit` - 3 descriptors, and then EMFILE is what it is told."""

    def __init__(self, limit: int) -> None:
        self._limit = limit

    def __enter__(self) -> None:
        taken = {int(each.name) for each in Path("/proc/self/fd").iterdir()}
        taken = {fd for fd in taken if _is_open(fd)}
        free = (fd for fd in count() if fd not in taken)
        last = max(islice(free, self._limit - FIRST), default=max(taken))
        self._before = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (last + 1, self._before[1]))

    def __exit__(self, *exc: object) -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, self._before)


def _is_open(fd: int) -> bool:
    """Whether it still is: to list the descriptors takes one."""
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True
