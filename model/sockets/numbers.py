"""Numbers: which descriptors a program may be given next, how many it may have, and which outlive exec.

Whoever asks gets the lowest number that is free, as POSIX demands, or the lowest from a given one on (F_DUPFD). All are
below the limit (RLIMIT_NOFILE). FD_CLOEXEC is kept here because it belongs to the number and not to the file: two
descriptors of one file may differ in it, and a number that is given out anew begins afresh.

`free` is a heap of what was given back below `top`, and everything from `top` on is free but for the few in `beyond`,
which were asked for by name. So a number costs what it costs, however far up it is.

Not here: which file a number means (`Host.descriptors`, `Host.epolls`).
"""

from __future__ import annotations

import heapq

import attrs

FIRST = 3
"""The first that a program finds free: it has standard input, output and error."""
MOST = 1 << 20
"""The limit unless another is said: as high as the system lets it be set (fs.nr_open)."""


@attrs.define(eq=False)
class Numbers:
    """The descriptors of one program. `limit` is one more than the highest; at least 3."""

    limit: int = MOST
    top: int = FIRST
    free: list[int] = attrs.Factory(list)
    beyond: set[int] = attrs.Factory(set)
    inheritable: set[int] = attrs.Factory(set)
    """Those without FD_CLOEXEC."""
    promised: int | None = None
    """What the accept that answers now took when it began to wait."""

    def is_full(self, least: int = 0) -> bool:
        """Whether no number from `least` on is free."""
        return self._lowest(least) >= self.limit

    def take(self, least: int = 0) -> int:
        """The lowest free number that is `least` or more, which is taken thereby; there is one (`is_full`)."""
        fd = self._lowest(least)
        if fd > self.top:
            self.beyond.add(fd)
        elif fd == self.top:
            self.top += 1
            while self.top in self.beyond:
                self.beyond.remove(self.top)
                self.top += 1
        elif fd == self.free[0]:
            heapq.heappop(self.free)
        else:
            self.free.remove(fd)
            heapq.heapify(self.free)
        return fd

    def give_back(self, fd: int) -> None:
        """The number is free again."""
        self.inheritable.discard(fd)
        if fd in self.beyond:
            self.beyond.remove(fd)
        else:
            heapq.heappush(self.free, fd)

    def _lowest(self, least: int) -> int:
        if self.free and least <= self.free[0]:
            return self.free[0]
        found = [fd for fd in self.free if fd >= least]
        if found:
            return min(found)
        fd = max(least, self.top)
        while fd in self.beyond:
            fd += 1
        return fd
