"""Wait queues: who sleeps on a socket or an epoll, and whom a wake-up reaches.

Every file has a queue of those who wait for something about it. A wake-up passes along it and says what it is about, in
poll bits. It reaches

- everybody who is not *exclusive*: who waits in recv, send or connect of a stream, whatever the wake-up is about;
  who waits in poll or select, if it is about what was asked for;
- of the exclusive ones, who wait in accept, in recv of a datagram or in epoll_wait, the first; or all, if the wake-up
  says nothing of what it is about (`sock_def_wakeup`).

Exclusive ones stand behind all others, in the order in which they came; the others before whoever came earlier
(`add_wait_queue`, `prepare_to_wait_exclusive`). Who was woken leaves the queue, and comes back if it has to wait on:
then an exclusive one stands last.

Not here: the epolls that watch a file (waiting/epoll.py), which stand in the same queue and are never exclusive towards
threads.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

Queues = dict[int, list["Sleeper"]]
"""Number of a file → who sleeps on it, in the order in which they are woken."""


@attrs.define(eq=False)
class Sleeper:
    """Somebody who waits. `events` are the poll bits that matter to it, 0 for all; `wake` tells it."""

    wake: Callable[[], None]
    events: int = 0
    exclusive: bool = False


@attrs.frozen
class Beds:
    """Some files of one host, to sleep on."""

    queues: Queues
    numbers: tuple[int, ...]

    def enter(self, sleeper: Sleeper) -> None:
        """Sleep on these files."""
        for number in self.numbers:
            queue = self.queues.setdefault(number, [])
            if sleeper not in queue:
                queue.insert(len(queue) if sleeper.exclusive else 0, sleeper)

    def leave(self, sleeper: Sleeper) -> None:
        """Sleep on them no more."""
        for number in self.numbers:
            queue = self.queues.get(number)
            if queue is not None and sleeper in queue:
                queue.remove(sleeper)
                if not queue:
                    del self.queues[number]


def wake(number: int, bits: int, queues: Queues) -> None:
    """A file wakes those who sleep on it; `bits` say what it is about, 0 for no one knows what."""
    queue = queues.get(number, [])
    for sleeper in tuple(queue):
        if sleeper.events and bits and not sleeper.events & bits:
            continue
        queue.remove(sleeper)
        sleeper.wake()
        if sleeper.exclusive and bits:
            break
    if not queue:
        queues.pop(number, None)
