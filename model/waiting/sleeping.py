"""Wait queues: who sleeps on a socket or an epoll, and whom a wake-up reaches.

Every file has a queue of those who wait for something about it. A wake-up passes along it and says what it is about, in
poll bits. It reaches

- everybody who is not *exclusive*: who waits in recv, send or connect of a stream, whatever the wake-up is about;
  who waits in poll or select, if it is about what was asked for;
- of the exclusive ones, who wait in accept, in recv of a datagram or in epoll_wait, the first; or all, if the wake-up
  says nothing of what it is about (`sock_def_wakeup`).

Exclusive ones stand behind all others, in the order in which they came; but who waits in epoll_wait stands before the
others who do: who came last is woken first (`__add_wait_queue_exclusive`). The others stand before whoever came earlier
(`add_wait_queue`). Who was woken leaves the queue, and comes back, as if it had just come, if it has to wait on.

An epoll that watches the file exclusively stands among the exclusive ones, where it came (waiting/epoll.py): `since`
tells the order of both.

Not here: epolls that watch a file, which stand in the same queue.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import attrs

Queues = dict[int, list["Sleeper"]]
"""Number of a file → who sleeps on it, in the order in which they are woken."""


@attrs.define(eq=False)
class Sleeper:
    """Somebody who waits. `events` are the poll bits that matter to it, 0 for all; `wake` tells it."""

    wake: Callable[[], None]
    events: int = 0
    exclusive: bool = False
    in_epoll_wait: bool = False
    since: int = 0
    """A number that is larger the later it came."""


@attrs.frozen
class Beds:
    """Some files of one host, to sleep on. `order` gives numbers, each larger than any before."""

    queues: Queues
    numbers: tuple[int, ...]
    order: Callable[[], int] = attrs.Factory(lambda: count(1).__next__)

    def enter(self, sleeper: Sleeper) -> None:
        """Sleep on these files."""
        for number in self.numbers:
            queue = self.queues.setdefault(number, [])
            if sleeper not in queue:
                queue.insert(_place(sleeper, queue), sleeper)
                sleeper.since = self.order()

    def leave(self, sleeper: Sleeper) -> None:
        """Sleep on them no more."""
        for number in self.numbers:
            queue = self.queues.get(number)
            if queue is not None and sleeper in queue:
                queue.remove(sleeper)
                if not queue:
                    del self.queues[number]


def _place(sleeper: Sleeper, queue: list[Sleeper]) -> int:
    if not sleeper.exclusive:
        return 0
    return sum(not each.exclusive for each in queue) if sleeper.in_epoll_wait else len(queue)


def wake(number: int, bits: int, queues: Queues) -> bool:
    """A file wakes those who sleep on it; `bits` say what it is about, 0 for no one knows what. Whether an exclusive
    one was among them.
    """
    alone = wake_shared(number, bits, queues)
    for sleeper in alone[:1] if bits else alone:
        rouse(sleeper, number, queues)
    return bool(alone)


def wake_shared(number: int, bits: int, queues: Queues) -> list[Sleeper]:
    """The same for those who are not exclusive. Those who are, and would be woken, in order."""
    heard = [each for each in queues.get(number, ()) if not (each.events and bits) or each.events & bits]
    for sleeper in heard:
        if not sleeper.exclusive:
            rouse(sleeper, number, queues)
    return [sleeper for sleeper in heard if sleeper.exclusive]


def rouse(sleeper: Sleeper, number: int, queues: Queues) -> None:
    """Wake one that sleeps on this file, and so leaves its queue."""
    queues[number].remove(sleeper)
    if not queues[number]:
        del queues[number]
    sleeper.wake()
