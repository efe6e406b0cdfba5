"""epoll: a set of files that are watched, and a list of those that may have something to report.

poll looks at every descriptor each time it is asked. epoll is told once (`control`), and from then on each file *wakes*
it: the socket code calls `Host.wake` wherever the kernel wakes those who wait, with the poll bits that the wake-up is
about, or with none, which concerns everybody. A wake-up looks at nothing; it only puts the item at the end of the ready
list, unless it stands there already. Whoever waits (`wait`) takes items from the front and only then asks each what it
is ready for. From this all of epoll follows:

- *level*: an item that was reported goes to the end of the list, and so is asked again next time. An item with
  nothing to report falls off the list, silently;
- *edge* (EPOLLET): an item that was reported falls off too, and only a further wake-up puts it back. An edge is a
  wake-up and not a change: bytes that arrive behind unread ones are a new edge, and so is a datagram that was sent;
- *once* (EPOLLONESHOT): an item that was reported hears nothing more until it is modified;
- what a wait with few places leaves keeps its place, before what was reported; so nobody starves;
- to register or to modify is to ask at once: what is ready then is an edge, whoever has reported it before.

A file is known by its number and the descriptor that it was registered with. So one file may be registered under each
of its descriptors, and is reported under each; and if one of them is closed, the file goes on being reported under a
number that means nothing any more, or another file, which may be registered beside it. Nobody can name the old item
then. Only when the last descriptor of a file is closed it is forgotten. An epoll is itself a file: it can be polled,
and be watched by another epoll; a wake-up passes on to whoever watches it. Rings, chains of more than five epolls and
too many paths from one file up to epolls are refused (nesting.py), and so is more than the number of items that a user
may have in all (fs.epoll.max_user_watches, `Host.watch_limit`).

Of several items of one file the one that was registered last is woken first, those with EPOLLEXCLUSIVE behind all
others, in the order in which they were registered. Exclusive means that one *sleeper* is enough: a wake-up goes along
the exclusive items, and makes each of them ready, until it comes to one in whose epoll somebody sleeps in a wait, and
ends there. Threads that sleep exclusively on the file itself, in accept or in recv of a datagram, stand in the same row
where they came, and end it as well.

Threads that sleep in a wait on one epoll are woken one at a time, who came last before others. A wait that leaves
anything in the ready list, be it because it had few places or because a level is asked again, wakes the next.

Here each file that an epoll watches is an item, and each item a machine (interest.py).

Not here: what arrives while a wait reports (nothing can, on one processor); files that cannot be polled and are refused
with EPERM (there are sockets and epolls only); suspending the machine (EPOLLWAKEUP is taken and does nothing).
"""

from __future__ import annotations

import errno
from collections import OrderedDict
from typing import TYPE_CHECKING

import attrs

from ..tcp.block import Tcb
from ..values.constants import (
    EPOLL_CTL_ADD,
    EPOLL_CTL_DEL,
    EPOLL_CTL_MOD,
    EPOLLERR,
    EPOLLET,
    EPOLLEXCLUSIVE,
    EPOLLHUP,
    EPOLLIN,
    EPOLLONESHOT,
    EPOLLOUT,
    EPOLLRDNORM,
    EPOLLWAKEUP,
)
from ..values.results import OK, Answer, Fail
from . import nesting, sleeping
from .interest import EPOLL, Epoll, Interest, InterestEvent, Item, Wish
from .readiness import note_full, readiness

if TYPE_CHECKING:
    from ..world.host import Host

_UNASKED = EPOLLERR | EPOLLHUP
_PASSED_ON = EPOLLIN
"""What a wake-up that an epoll passes on is about."""
_MANNERS = EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE
_EXCLUSIVE_TAKES = EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE
_OPERATIONS = {
    EPOLL_CTL_ADD: InterestEvent.ADD, EPOLL_CTL_DEL: InterestEvent.DELETE, EPOLL_CTL_MOD: InterestEvent.MODIFY,
}  # fmt: skip


# ---------------------------------------------------------------- what others call


def control(wish: Wish, fd: int, host: Host) -> Answer:
    """epoll_ctl: register, modify or forget a file under its descriptor `fd`."""
    key = (wish.file.number, fd)
    item = wish.epoll.items.get(key) or Item(wish.epoll.number, *key)
    refused: Answer | None = EPOLL.offer(host.trail, InterestEvent.CHECK, item, wish, host)
    if refused is not None:
        return refused
    event = _OPERATIONS.get(wish.operation, InterestEvent.OTHER)
    return EPOLL.fire(host.trail, event, item, wish, host)  # type: ignore[no-any-return]


def wait(epoll: Epoll, most: int, host: Host) -> list[tuple[int, int]]:
    """epoll_wait with a zero time-out: `(data, events)` of at most so many items, in the order of the ready list."""
    reports: list[tuple[int, int]] = []
    for _ in range(len(epoll.ready)):
        if len(reports) >= most:
            break
        _, item = epoll.ready.popitem(last=False)
        bits = _asked_bits(item, host)
        EPOLL.fire(host.trail, InterestEvent.REPORT, item, bits, host)
        if bits:
            reports.append((item.data, bits))
    if epoll.ready and epoll.number in host.sleepers:
        sleeping.wake(epoll.number, _PASSED_ON, host.sleepers)
    return reports


def look(epoll: Epoll, host: Host) -> int:
    """The poll mask of an epoll: readable if any item has something to report. What has not falls off the list."""
    while epoll.ready:
        item = next(iter(epoll.ready.values()))
        bits = _asked_bits(item, host)
        EPOLL.fire(host.trail, InterestEvent.LOOK, item, bits, host)
        if bits:
            return EPOLLIN | EPOLLRDNORM
    return 0


def wake(number: int, bits: int, host: Host) -> bool:
    """A file wakes those who watch it and those who sleep on it. `bits` are what it is about, 0 for no one knows what
    (`__wake_up_common`, `ep_poll_callback`). Whether somebody who sleeps exclusively was among them.
    """
    exclusive: list[Item | sleeping.Sleeper] = []
    for item in host.watchers.get(number, ()):
        if item.events & EPOLLEXCLUSIVE:
            exclusive.append(item)
        else:
            EPOLL.fire(host.trail, InterestEvent.WAKE, item, bits, host)
    if not exclusive:
        return number in host.sleepers and sleeping.wake(number, bits, host.sleepers)
    exclusive += sleeping.wake_shared(number, bits, host.sleepers)
    for each in sorted(exclusive, key=lambda each: each.since):
        if isinstance(each, Item):
            enough = EPOLL.fire(host.trail, InterestEvent.WAKE, each, bits, host)
        else:
            sleeping.rouse(each, number, host.sleepers)
            enough = True
        if enough and bits:
            return True
    return False


def close(number: int, host: Host) -> None:
    """A file is closed: nobody watches it any more (`eventpoll_release_file`)."""
    for item in host.watchers.pop(number, ()):
        EPOLL.fire(host.trail, InterestEvent.CLOSE, item, host)


def release(epoll: Epoll, host: Host) -> None:
    """An epoll is closed: it watches nothing any more (`ep_clear_and_put`)."""
    for item in tuple(epoll.items.values()):
        EPOLL.fire(host.trail, InterestEvent.RELEASE, item, host)


def copies(epolls: dict[int, Epoll], watchers: dict[int, list[Item]]) -> tuple[dict[int, Epoll], dict[int, list[Item]]]:
    """The epolls of a host, by number, and who watches whom, copied so that they can go on apart."""
    new = {}
    for number, epoll in epolls.items():
        items = {key: attrs.evolve(item) for key, item in epoll.items.items()}
        ready = OrderedDict((key, items[key]) for key in epoll.ready)
        new[number] = attrs.evolve(epoll, items=items, ready=ready)
    return new, {number: [new[item.owner].items[item.key] for item in row] for number, row in watchers.items()}


# ---------------------------------------------------------------- between items and files


def _asked_bits(item: Item, host: Host) -> int:
    """What a file is ready for, of what was asked for. A send buffer that is found full is remembered."""
    inner = host.instances.get(item.number)
    if inner is not None:
        return look(inner, host) & item.events
    endpoint = host.endpoints[item.number]
    mask = readiness(endpoint)
    if isinstance(endpoint, Tcb):
        note_full(endpoint)
    return mask & item.events


def _append(item: Item, host: Host) -> bool:
    """Put it at the end of the ready list, and tell those who watch the epoll itself and who sleep in a wait on it.
    Whether anybody does.
    """
    host.instances[item.owner].ready[item.key] = item
    return wake(item.owner, _PASSED_ON, host)


def _suffices(item: Item, bits: int, *, slept: bool) -> bool:
    """Whether a wake-up that passes along exclusive items ends here: somebody slept in a wait on the epoll, and the
    wake-up is about reading or about writing, as was asked for, or about neither.
    """
    about = bits & (EPOLLIN | EPOLLOUT)
    return slept and (not about or (about in (EPOLLIN, EPOLLOUT) and bool(item.events & about)))


def _forget(item: Item, host: Host) -> None:
    epoll = host.instances[item.owner]
    del epoll.items[item.key]
    epoll.ready.pop(item.key, None)
    row = host.watchers.get(item.number)
    if row is not None:
        row.remove(item)
        if not row:
            del host.watchers[item.number]


def _enter(item: Item, wish: Wish, host: Host) -> None:
    """Watch the file: before those who do already; exclusively behind them (`add_wait_queue_exclusive`)."""
    item.events, item.data = wish.events | _UNASKED, wish.data
    wish.epoll.items[item.key] = item
    if item.events & EPOLLEXCLUSIVE:
        item.since = host.next_order()
    row = host.watchers.setdefault(item.number, [])
    row.insert(len(row) if item.events & EPOLLEXCLUSIVE else 0, item)


def _watches_are_used_up(item: Item, wish: Wish, host: Host) -> bool:
    """Whether the user has as many as allowed. They are counted where they are limited, so that nobody else pays."""
    most = host.watch_limit
    return most is not None and sum(len(each.items) for each in host.instances.values()) >= most


# ---------------------------------------------------------------- epoll_ctl

_OFF, _IDLE, _READY, _DISARMED = Interest
_ANY = tuple(Interest)
_ON = (_IDLE, _READY, _DISARMED)
E = InterestEvent


@EPOLL.rule(
    on=E.CHECK, stays=(_OFF,), when=lambda item, wish, host: wish.file is wish.epoll, cite="epoll_ctl(2), EINVAL",
)  # fmt: skip
def epoll_cannot_watch_itself(item: Item, wish: Wish, host: Host) -> Answer:
    """An epoll is asked to watch itself: EINVAL."""
    return Fail(errno.EINVAL)


@EPOLL.rule(
    on=E.CHECK, stays=_ANY,
    when=lambda item, wish, host: wish.operation == EPOLL_CTL_MOD and bool(wish.events & EPOLLEXCLUSIVE),
    cite="epoll_ctl(2), EPOLLEXCLUSIVE",
)  # fmt: skip
def exclusive_comes_with_adding(item: Item, wish: Wish, host: Host) -> Answer:
    """EPOLLEXCLUSIVE says how a file is watched, which is settled when it is registered: EINVAL."""
    return Fail(errno.EINVAL)


def _exclusive_asks_too_much(item: Item, wish: Wish, host: Host) -> bool:
    if wish.operation != EPOLL_CTL_ADD or not wish.events & EPOLLEXCLUSIVE:
        return False
    return isinstance(wish.file, Epoll) or bool(wish.events & ~_EXCLUSIVE_TAKES)


@EPOLL.rule(on=E.CHECK, stays=_ANY, when=_exclusive_asks_too_much, cite="epoll_ctl(2), EPOLLEXCLUSIVE")
def exclusive_takes_few_bits(item: Item, wish: Wish, host: Host) -> Answer:
    """EPOLLEXCLUSIVE goes with reading, writing and edges only, and not with an epoll as the file: EINVAL."""
    return Fail(errno.EINVAL)


def _makes_ring(item: Item, wish: Wish, host: Host) -> bool:
    return wish.operation == EPOLL_CTL_ADD and nesting.makes_ring(wish, host)


@EPOLL.rule(on=E.CHECK, stays=(_OFF,), when=_makes_ring, cite="epoll_ctl(2), ELOOP; ep_loop_check")
def ring_of_epolls_is_refused(item: Item, wish: Wish, host: Host) -> Answer:
    """The epoll would watch one that watches it: ELOOP."""
    return Fail(errno.ELOOP)


def _makes_long_chain(item: Item, wish: Wish, host: Host) -> bool:
    return wish.operation == EPOLL_CTL_ADD and nesting.makes_long_chain(wish, host)


@EPOLL.rule(
    on=E.CHECK, stays=(_OFF,), when=_makes_long_chain, cite="epoll_ctl(2), ELOOP; ep_loop_check, EP_MAX_NESTS",
)  # fmt: skip
def chain_of_epolls_is_too_long(item: Item, wish: Wish, host: Host) -> Answer:
    """More than five epolls would hang in each other: ELOOP."""
    return Fail(errno.ELOOP)


@EPOLL.rule(on=E.OTHER, stays=_ANY, cite="epoll_ctl(2), EINVAL", unconfirmed="Python's epoll has no other operations")
def epoll_ctl_of_another_kind(item: Item, wish: Wish, host: Host) -> Answer:
    """Neither add, modify nor delete: EINVAL."""
    return Fail(errno.EINVAL)


@EPOLL.rule(on=E.ADD, stays=_ON, cite="epoll_ctl(2), EEXIST")
def file_is_watched_already(item: Item, wish: Wish, host: Host) -> Answer:
    """It is registered under this descriptor: EEXIST."""
    return Fail(errno.EEXIST)


@EPOLL.rule(
    on=E.ADD, stays=(_OFF,), when=_watches_are_used_up, cite="epoll_ctl(2), ENOSPC; ep_alloc_epitem",
    unconfirmed="the random check leaves the limit of the machine alone; tests/waiting/test_nesting.py, on both arms",
)  # fmt: skip
def watches_are_used_up(item: Item, wish: Wish, host: Host) -> Answer:
    """The user's epolls watch as many files as they may in all: ENOSPC."""
    return Fail(errno.ENOSPC)


@EPOLL.rule(
    on=E.ADD, stays=(_OFF,), when=lambda item, wish, host: nesting.makes_many_paths(wish, host),
    cite="epoll_ctl(2), EINVAL; reverse_path_check",
)  # fmt: skip
def paths_through_epolls_are_too_many(item: Item, wish: Wish, host: Host) -> Answer:
    """A file's wake-up would climb along too many paths of one length: EINVAL. How many may be is `MOST_PATHS`."""
    return Fail(errno.EINVAL)


def _is_ready(item: Item, wish: Wish, host: Host) -> bool:
    """Whether the file has something to report of what is asked for now. It is asked once, for asking is not free: a
    send buffer that is found full is remembered.
    """
    wanted = Item(item.owner, item.number, item.fd, wish.events | _UNASKED)
    return bool(_asked_bits(wanted, host))


@EPOLL.rule(on=E.ADD, moves={_OFF: _READY}, when=_is_ready, cite="epoll_ctl(2), EPOLL_CTL_ADD; ep_insert")
def ready_file_is_added(item: Item, wish: Wish, host: Host) -> Answer:
    """It is watched from now on, and has something to report at once, which counts as an edge too."""
    _enter(item, wish, host)
    _append(item, host)
    return OK


@EPOLL.rule(on=E.ADD, moves={_OFF: _IDLE}, cite="epoll_ctl(2), EPOLL_CTL_ADD; ep_insert")
def idle_file_is_added(item: Item, wish: Wish, host: Host) -> Answer:
    """It is watched from now on."""
    _enter(item, wish, host)
    return OK


@EPOLL.rule(on=E.MODIFY, stays=(_OFF,), cite="epoll_ctl(2), ENOENT")
def unwatched_file_is_not_modified(item: Item, wish: Wish, host: Host) -> Answer:
    """It is not registered under this descriptor: ENOENT."""
    return Fail(errno.ENOENT)


@EPOLL.rule(
    on=E.MODIFY, stays=(_IDLE, _READY), when=lambda item, wish, host: bool(item.events & EPOLLEXCLUSIVE),
    cite="epoll_ctl(2), EPOLLEXCLUSIVE",
)  # fmt: skip
def exclusive_stays_as_it_is(item: Item, wish: Wish, host: Host) -> Answer:
    """What was registered with EPOLLEXCLUSIVE cannot be modified: EINVAL. Disarmed it never is."""
    return Fail(errno.EINVAL)


@EPOLL.rule(
    on=E.MODIFY, moves=dict.fromkeys(_ON, _READY), when=_is_ready, cite="epoll_ctl(2), EPOLL_CTL_MOD; ep_modify",
)  # fmt: skip
def modified_file_is_ready(item: Item, wish: Wish, host: Host) -> Answer:
    """It is asked anew and has something to report: an edge, even if nothing has happened since the last report.
    In the list already, it keeps its place."""
    item.events, item.data = wish.events | _UNASKED, wish.data
    if item.key not in wish.epoll.ready:
        _append(item, host)
    return OK


@EPOLL.rule(on=E.MODIFY, moves={_DISARMED: _IDLE, _IDLE: _IDLE, _READY: _READY}, cite="epoll_ctl(2), EPOLL_CTL_MOD")
def modified_file_waits(item: Item, wish: Wish, host: Host) -> Answer:
    """Other events count from now on, of which it has none to report. From the list it falls only when it is asked."""
    item.events, item.data = wish.events | _UNASKED, wish.data
    return OK


@EPOLL.rule(on=E.DELETE, stays=(_OFF,), cite="epoll_ctl(2), ENOENT")
def unwatched_file_is_not_deleted(item: Item, wish: Wish, host: Host) -> Answer:
    """It is not registered under this descriptor: ENOENT."""
    return Fail(errno.ENOENT)


@EPOLL.rule(on=E.DELETE, moves=dict.fromkeys(_ON, _OFF), cite="epoll_ctl(2), EPOLL_CTL_DEL; ep_remove")
def file_is_deleted(item: Item, wish: Wish, host: Host) -> Answer:
    """It is watched no more, and what it had to report is not reported."""
    _forget(item, host)
    return OK


# ---------------------------------------------------------------- wake-ups


# Each says whether it is enough: then no exclusive item behind it hears of the wake-up.


@EPOLL.rule(on=E.WAKE, stays=(_DISARMED,), cite="epoll_ctl(2), EPOLLONESHOT; ep_poll_callback")
def disarmed_file_is_not_heard(item: Item, bits: int, host: Host) -> bool:
    """It has reported once: it wakes nobody until it is modified."""
    return False


@EPOLL.rule(
    on=E.WAKE, stays=(_IDLE, _READY), when=lambda item, bits, host: bits and not bits & item.events,
    cite="ep_poll_callback",
)  # fmt: skip
def wake_up_is_about_something_else(item: Item, bits: int, host: Host) -> bool:
    """The wake-up says what it is about, and none of that was asked for."""
    return False


@EPOLL.rule(on=E.WAKE, moves={_IDLE: _READY}, cite="epoll(7); ep_poll_callback")
def wake_up_makes_ready(item: Item, bits: int, host: Host) -> bool:
    """It goes to the end of the ready list. Nobody looks whether it has something to report."""
    return _suffices(item, bits, slept=_append(item, host))


@EPOLL.rule(on=E.WAKE, stays=(_READY,), cite="epoll(7); ep_poll_callback")
def wake_up_finds_it_ready(item: Item, bits: int, host: Host) -> bool:
    """It stands in the list already and keeps its place; who waits for the epoll is woken all the same."""
    return _suffices(item, bits, slept=wake(item.owner, _PASSED_ON, host))


# ---------------------------------------------------------------- reports


@EPOLL.rule(
    on=E.REPORT, moves={_READY: _IDLE}, when=lambda item, bits, host: not bits, cite="epoll_wait(2); ep_send_events",
)  # fmt: skip
def nothing_is_reported(item: Item, bits: int, host: Host) -> None:
    """What it was woken for is over, or is not what was asked for: it falls off the list."""


@EPOLL.rule(
    on=E.REPORT, moves={_READY: _DISARMED}, when=lambda item, bits, host: bool(item.events & EPOLLONESHOT),
    cite="epoll_ctl(2), EPOLLONESHOT; ep_send_events",
)  # fmt: skip
def report_is_the_only_one(item: Item, bits: int, host: Host) -> None:
    """It is reported, and is disarmed thereby."""
    item.events &= _MANNERS


@EPOLL.rule(
    on=E.REPORT, moves={_READY: _IDLE}, when=lambda item, bits, host: bool(item.events & EPOLLET),
    cite="epoll(7), EPOLLET; ep_send_events",
)  # fmt: skip
def edge_is_reported(item: Item, bits: int, host: Host) -> None:
    """It is reported, and not again before the next wake-up, though it may be as ready as before."""


@EPOLL.rule(on=E.REPORT, stays=(_READY,), cite="epoll(7); ep_send_events")
def level_is_reported(item: Item, bits: int, host: Host) -> None:
    """It is reported, goes to the end of the list, and is asked again by the next wait."""
    host.instances[item.owner].ready[item.key] = item


@EPOLL.rule(
    on=E.LOOK, stays=(_READY,), when=lambda item, bits, host: bool(bits), cite="epoll(7), Q3; ep_eventpoll_poll",
)  # fmt: skip
def epoll_is_readable(item: Item, bits: int, host: Host) -> None:
    """The first in the list has something to report: the epoll is readable, and nothing moves."""


@EPOLL.rule(on=E.LOOK, moves={_READY: _IDLE}, cite="ep_eventpoll_poll")
def looking_drops_what_is_not_ready(item: Item, bits: int, host: Host) -> None:
    """It has nothing to report: looking at the epoll takes it off the list."""
    host.instances[item.owner].ready.pop(item.key)


# ---------------------------------------------------------------- the end


@EPOLL.rule(on=E.CLOSE, moves=dict.fromkeys(_ON, _OFF), cite="epoll(7), Q6; eventpoll_release_file")
def closed_file_is_forgotten(item: Item, host: Host) -> None:
    """The last descriptor of the file is closed: it is watched no more, and nobody is told."""
    _forget(item, host)


@EPOLL.rule(on=E.RELEASE, moves=dict.fromkeys(_ON, _OFF), cite="close(2); ep_clear_and_put")
def closing_epoll_lets_go(item: Item, host: Host) -> None:
    """The epoll itself is closed: it watches nothing any more."""
    _forget(item, host)
