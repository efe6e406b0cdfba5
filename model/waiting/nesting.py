"""Epolls in epolls: which graphs of them are allowed.

An epoll can be watched by another, so epolls and files are a graph. A wake-up of a file climbs along it: to each epoll
that watches the file, to each that watches that one, and so on. The kernel keeps this bounded when an edge is added,
and only then:

- no *ring*, and no *chain* of more than five epolls: asked when an epoll is to be watched (`ep_loop_check`);
- of the *paths* from a file that is no epoll up to an epoll that nobody watches at most as many as `MOST_PATHS` says
  for their length (`reverse_path_check`). Of the shortest there may be any number: a file may be watched by any number
  of epolls that nobody watches. Each item is an edge of its own, so what is registered under two descriptors has twice
  as many paths.

Paths are counted for the files that the new edge may add paths to: the file itself, or all that hang in the epoll that
is to be watched, however deep. They are not counted where an epoll that nobody watches is to watch a file that is no
epoll. Nor when an edge goes: if nobody watches an epoll any more, paths end in it, which are shorter than they were,
and for the shorter the file may have more than the limit then. It keeps them; but no edge is added that it is asked
about.

An epoll that nothing hangs in has no paths, and may be watched by any number.

Not here: rules (epoll.py); the order of wake-ups.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .interest import Epoll, Wish

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..world.host import Host

MOST_LINKS = 4
"""Most links in a chain of epolls (EP_MAX_NESTS)."""
MOST_PATHS = (None, 500, 100, 50, 10)
"""Most paths from a file to epolls that nobody watches, by the number of links between epolls (`path_limits`). None: as
many as there may be.
"""


def makes_ring(wish: Wish, host: Host) -> bool:
    """Whether the epoll would watch one that watches it, be it through others."""
    return isinstance(wish.file, Epoll) and wish.epoll.number in _hanging_in(wish.file, host)


def makes_long_chain(wish: Wish, host: Host) -> bool:
    """Whether more than `MOST_LINKS` links would hang in each other. There is no ring."""
    if not isinstance(wish.file, Epoll):
        return False
    above = _links(wish.epoll.number, host, up=True, known={})
    return _links(wish.file.number, host, up=False, known={}) + 1 + above > MOST_LINKS


def makes_many_paths(wish: Wish, host: Host) -> bool:
    """Whether a file that paths are counted for would have more than `MOST_PATHS` of some length."""
    if isinstance(wish.file, Epoll):
        files = _hanging_in(wish.file, host) - host.instances.keys()
    else:
        files = {wish.file.number} if wish.epoll.number in host.watchers else set()
    return any(_has_many_paths(number, wish, host) for number in files)


def _below(number: int, host: Host) -> Iterator[int]:
    """What an epoll watches; nothing for another file."""
    epoll = host.instances.get(number)
    return (item.number for item in epoll.items.values()) if epoll is not None else iter(())


def _above(number: int, host: Host) -> Iterator[int]:
    """The epolls that watch a file, as often as they do."""
    return (item.owner for item in host.watchers.get(number, ()))


def _hanging_in(epoll: Epoll, host: Host) -> set[int]:
    """All files that an epoll watches, or one that it watches, and so on."""
    found: set[int] = set()
    asked = [epoll.number]
    while asked:
        new = set(_below(asked.pop(), host)) - found
        found |= new
        asked += new
    return found


def _links(number: int, host: Host, *, up: bool, known: dict[int, int]) -> int:
    """How many links the longest chain of epolls has that hangs in this one, or that this one hangs in."""
    if number not in known:
        others = {each for each in (_above if up else _below)(number, host) if each in host.instances}
        known[number] = max((1 + _links(each, host, up=up, known=known) for each in others), default=0)
    return known[number]


def _has_many_paths(file: int, wish: Wish, host: Host) -> bool:
    """Whether there are too many from a file, if the wish comes true."""
    counts = [0] * len(MOST_PATHS)

    def climb(number: int, depth: int) -> bool:
        owners = list(_above(number, host))
        if number == wish.file.number:
            owners.append(wish.epoll.number)
        for owner in owners:
            if owner in host.watchers or owner == wish.file.number:
                if climb(owner, depth + 1):
                    return True
                continue
            counts[depth] += 1
            most = MOST_PATHS[depth]
            if most is not None and counts[depth] > most:
                return True
        return False

    return climb(file, 0)
