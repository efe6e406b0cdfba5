"""The vocabulary of epoll: the machine, what an epoll holds, what it can be asked for. No rules live here.

An *item* is a file that an epoll watches, under the descriptor that it was registered with. Each is a machine of its
own: not registered, registered and idle, in the ready list, or disarmed because it was to report once. The epoll itself
has no states: it is its items, and the order of those in the ready list.

Not here: rules, and who is watched by whom (epoll.py; `Host.watchers`).
"""

from __future__ import annotations

from collections import OrderedDict
from enum import IntEnum

import attrs

from ..endpoint import Endpoint
from ..rules import Machine

Key = tuple[int, int]
"""A file's number and a descriptor."""


class Interest(IntEnum):
    """Where a file stands with an epoll."""

    OFF = 0
    """It is not registered."""
    IDLE = 1
    """It is watched, and has nothing to report as far as is known."""
    READY = 2
    """It is in the ready list: it may have something to report."""
    DISARMED = 3
    """It was to report once, and has done so: it stays registered, and hears nothing."""


class InterestEvent(IntEnum):
    """What can happen to it."""

    CHECK = 0
    """epoll_ctl is called: can what it asks for be meant?"""
    ADD = 1
    DELETE = 2
    MODIFY = 3
    OTHER = 4
    """epoll_ctl is called with an operation that there is none of."""
    WAKE = 5
    """The file wakes those who wait for it."""
    REPORT = 6
    """A wait has taken it from the front of the ready list and asked what it is ready for."""
    LOOK = 7
    """The epoll is polled itself, and this is the first of its ready list."""
    CLOSE = 8
    """The file is closed."""
    RELEASE = 9
    """The epoll is closed."""


EPOLL = Machine("epoll", "Interest of an epoll in a file", Interest, InterestEvent)


@attrs.define(eq=False)
class Item:
    """A file that an epoll watches, or is asked to. Draft: rules change it in place."""

    is_draft = True
    owner: int
    """The number of the epoll, as a file."""
    number: int
    """The file: an endpoint or an epoll."""
    fd: int
    """The descriptor that it was registered with, which may be closed by now, or mean another file."""
    events: int = 0
    data: int = 0
    """What a report names it by."""
    state: Interest = Interest.OFF
    since: int = 0
    """A number that is larger the later it was registered; as sleepers have it (sleeping.py)."""

    @property
    def key(self) -> Key:
        return self.number, self.fd


@attrs.define(eq=False)
class Epoll:
    """An epoll: the items that it holds, and those in its ready list, in order."""

    number: int
    fd: int
    """Its descriptor, of several one of them."""
    items: dict[Key, Item] = attrs.Factory(dict)
    ready: OrderedDict[Key, Item] = attrs.Factory(OrderedDict)
    nonblocking: bool = False
    """O_NONBLOCK, which means nothing to an epoll, and is told all the same."""
    duplicates: int = 0
    """How many descriptors it has beside `fd`."""


@attrs.frozen(eq=False)
class Wish:
    """What epoll_ctl is asked for: the epoll, the file, the events and the name for reports."""

    epoll: Epoll
    file: Endpoint | Epoll
    operation: int
    events: int
    data: int
