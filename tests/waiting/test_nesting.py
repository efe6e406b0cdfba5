"""Epolls in epolls up to where the kernel refuses more, and the limit on watches: one body on two arms.

The numbers are the kernel's (fs/eventpoll.c), and were found by trying: each scenario goes up to a limit, and the walk
makes graphs of epolls at random, in which files and epolls are registered under several descriptors.

Not here: what epolls report, and when (test_epoll.py); several descriptors of a file otherwise (test_shared_files.py).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from model import SimNet
from model.values.results import Fail
from model.waiting.nesting import MOST_PATHS
from realnet import RealNet
from realnet.limits import HARMLESS

EEXIST, EINVAL, ENOSPC, ELOOP = 17, 22, 28, 40
IN = 1
SETTING = Path("/proc/sys/fs/epoll/max_user_watches")

_OPEN: list[Any] = []


def kept(each: Any) -> Any:
    """It is closed when the scenario is over."""
    _OPEN.append(each)
    return each


def udp(net: Any, port: int = 8000) -> Any:
    sock = kept(net.socket.socket(type=net.socket.SOCK_DGRAM))
    sock.setblocking(False)
    sock.bind(("127.0.0.1", port))
    return sock


def epolls(net: Any, number: int) -> list[Any]:
    return [kept(net.select.epoll()) for _ in range(number)]


def numbers(net: Any, file: Any, number: int) -> list[int]:
    """Further descriptors of a file."""
    made = [net.fcntl.fcntl(file, net.fcntl.F_DUPFD, 0) for _ in range(number)]
    for fd in made:
        _OPEN.append(net.select.epoll.fromfd(fd))  # an object that closes it
    return made


def refused(call: Callable[..., Any], *args: Any) -> int:
    """The error's number; 0 for none."""
    try:
        call(*args)
    except OSError as error:
        return error.errno or -1
    return 0


def until_refused(calls: Iterator[Callable[[], Any]], most: int = 700) -> tuple[int, int]:
    """How many calls went well, and what the next was told; 0 if it is `most`."""
    for done, call in enumerate(calls):
        if done == most or (error := refused(call)):
            return done, 0 if done == most else error
    return done + 1, 0


def chain(net: Any, links: int) -> list[Any]:
    """Epolls of which each but the first watches the one before."""
    made = epolls(net, links + 1)
    for inner, outer in pairwise(made):
        outer.register(inner, IN)
    return made


# Paths ----------------------------------------------------------------------------------------------------------------


def one_file_in_many_chains(net: Any, links: int) -> Any:
    """Each chain is a path; so many that the next is refused. In a chain of no links there is no limit."""
    sock = udp(net)
    return until_refused(partial(chain(net, links)[0].register, sock, IN) for _ in range(1000))


def many_epolls_watch_the_end_of_a_chain(net: Any, links: int) -> Any:
    """The refused one comes last, at the far end from the file."""
    made = chain(net, links - 1)
    made[0].register(udp(net), IN)
    return until_refused(partial(epolls(net, 1)[0].register, made[-1], IN) for _ in range(1000))


def a_file_enters_a_crowded_epoll(net: Any, links: int) -> Any:
    """Without a file there are no paths, and any number of epolls may watch one; then the file is refused."""
    made = chain(net, links - 1)
    most = MOST_PATHS[links]
    assert most
    tops = epolls(net, most + 1)
    seen = [refused(top.register, made[-1], IN) for top in tops]
    sock = udp(net)
    seen += [refused(made[0].register, sock, IN), tops.pop().close(), refused(made[0].register, sock, IN)]
    return seen


def each_descriptor_is_a_path(net: Any) -> Any:
    """4 × 5 × 5 = 100 of length 2; one more is refused at either end and in the middle."""
    sock, inner, middle, outer = udp(net), *epolls(net, 3)
    edges = []
    for lower, upper, times in ((sock, inner, 4), (inner, middle, 5), (middle, outer, 5)):
        edges += [(upper.register, fd, IN) for fd in numbers(net, lower, times)]
    seen = [refused(*edge) for edge in edges]
    seen += [refused(upper.register, lower, IN) for lower, upper in ((sock, inner), (inner, middle), (middle, outer))]
    inner.unregister(edges[0][1])
    return seen, refused(inner.register, sock, IN), refused(inner.register, edges[0][1], IN)


def paths_that_grow_shorter(net: Any) -> Any:
    """500 of one link and 100 of two; the end of the longer is closed, and all 600 are of one link. They stay, but the
    file is in no further ones; another file is.
    """
    sock, other, (low, crowd, side, top, lone) = udp(net), udp(net, 8001), epolls(net, 5)
    seen: list[Any] = [top.register(side, IN)]
    for lower, upper, times in ((sock, low, 10), (low, crowd, 51), (low, side, 11)):
        seen.append(until_refused(partial(upper.register, fd, IN) for fd in numbers(net, lower, times)))
    seen += [top.close(), refused(low.register, sock, IN), refused(side.register, low, IN)]
    seen += [refused(lone.register, low, IN), refused(lone.register, sock, IN), refused(low.register, other, IN)]
    low.unregister(other)
    return seen, sock.sendto(b"x", sock.getsockname()), len(crowd.poll(0)), len(side.poll(0)), len(low.poll(0))


def rings_through_several(net: Any) -> Any:
    made = chain(net, 3)
    seen = [refused(made[at].register, made[up], IN) for at in range(4) for up in range(4)]
    side = epolls(net, 3)
    seen += [refused(side[0].register, each, IN) for each in made]
    seen += [refused(each.register, side[0], IN) for each in made]
    seen += [refused(side[1].register, side[2], IN), refused(made[0].register, side[1], IN)]
    return seen


def what_is_asked_first(net: Any) -> Any:
    """What is there already is not counted anew; a chain that is too long is, before paths are."""
    sock, made, tops = udp(net), chain(net, 4), epolls(net, 9)
    made[0].register(sock, IN)
    for top in tops:
        top.register(made[3], IN)
    more, longer = epolls(net, 2)
    return [
        refused(made[0].register, sock, IN), refused(more.register, made[3], IN), refused(more.register, made[4], IN),
        refused(longer.register, made[0], IN), refused(made[0].register, longer, IN), refused(more.register, more, IN),
    ]  # fmt: skip


# Watches --------------------------------------------------------------------------------------------------------------


def as_many_as_the_user_may(net: Any) -> Any:
    """Five: each item counts, whatever it watches, until it is deleted, or the file or its own epoll is closed."""
    socks, (one, other, third) = [udp(net, port) for port in range(8000, 8004)], epolls(net, 3)
    seen = [refused(one.register, sock, 0) for sock in socks]
    seen += [refused(other.register, one, 0), refused(other.register, socks[0], 0), refused(third.register, one, 0)]
    seen += [refused(one.register, socks[0], 0), refused(one.register, other, 0), refused(one.register, one, 0)]
    seen += [refused(one.modify, socks[0], IN), refused(other.modify, socks[0], IN), one.poll(0), other.poll(0)]
    socks[3].close()
    seen += [refused(other.register, socks[1], 0), refused(other.register, socks[2], 0), one.unregister(socks[0])]
    seen += [refused(other.register, socks[2], 0), refused(other.register, socks[0], 0)]
    one.close()
    seen += [refused(third.register, socks[at], 0) for at in (0, 1, 2)]
    return seen, refused(third.register, other, 0), other.close(), refused(third.register, net.select.epoll(), 0)


# Both arms ------------------------------------------------------------------------------------------------------------

LINKS = (one_file_in_many_chains, many_epolls_watch_the_end_of_a_chain, a_file_enters_a_crowded_epoll)
PLAIN = (each_descriptor_is_a_path, paths_that_grow_shorter, rings_through_several, what_is_asked_first)


def played(net: Any, scenario: Callable[..., Any], *args: Any) -> tuple[Any, list[tuple[Any, ...]]]:
    with net:
        try:
            seen = scenario(net, *args)
        finally:
            while _OPEN:
                _OPEN.pop().close()
        return seen, [(event.call, event.socket, event.args, event.answer) for event in net.trace.calls()]


def on_both(scenario: Callable[..., Any], *args: Any, **limits: Any) -> Any:
    """What the scenario sees, which must be the same on both, and so must the traces."""
    model = played(SimNet(**limits), scenario, *args)
    try:
        assert played(RealNet(**limits), scenario, *args) == model
    except PermissionError as error:
        pytest.skip(str(error))
    return model[0]


@pytest.mark.parametrize(("links", "most"), list(enumerate(MOST_PATHS))[1:])
def test_paths_have_a_limit_for_each_length(links: int, most: int) -> None:
    assert on_both(one_file_in_many_chains, links) == (most, EINVAL)
    assert on_both(many_epolls_watch_the_end_of_a_chain, links) == (most, EINVAL)
    assert on_both(a_file_enters_a_crowded_epoll, links) == [0] * (most + 1) + [EINVAL, None, 0]


def test_a_file_may_be_watched_by_any_number_that_nobody_watches() -> None:
    assert on_both(one_file_in_many_chains, 0) == (700, 0)


@pytest.mark.parametrize("scenario", PLAIN, ids=lambda scenario: scenario.__name__)
def test_both_arms_show_the_same(scenario: Callable[[Any], Any]) -> None:
    on_both(scenario)


def test_the_user_has_a_limit() -> None:
    before = SETTING.read_text(encoding="ascii")
    seen, last, _, fresh = on_both(as_many_as_the_user_may, watch_limit=5)
    assert seen[:9] == [0, 0, 0, 0, 0, ENOSPC, ENOSPC, EEXIST, ELOOP]
    assert (last, fresh) == (ENOSPC, 0)
    assert SETTING.read_text(encoding="ascii") == before


def test_the_setting_is_put_back_if_the_scenario_fails() -> None:
    before = SETTING.read_text(encoding="ascii")

    def fails() -> None:
        with RealNet(watch_limit=1):
            assert int(SETTING.read_text(encoding="ascii")) <= HARMLESS
            raise KeyError

    try:
        with pytest.raises(KeyError):
            fails()
    except PermissionError as error:
        pytest.skip(str(error))
    assert SETTING.read_text(encoding="ascii") == before


def test_limits_that_cannot_be() -> None:
    for arm in (SimNet, RealNet):
        with pytest.raises(ValueError, match="a limit of -1 watches: it must be 0 or more"):
            arm(watch_limit=-1)


# The walk -------------------------------------------------------------------------------------------------------------

STEPS = 900


def a_walk(net: Any, seed: int) -> list[Any]:
    """Epolls in layers, each most likely to watch one of the layer below; few layers have many paths."""
    dice = random.Random(seed)
    layers: list[list[Any]] = [[udp(net, port) for port in (8000, 8001)]]
    layers += [epolls(net, 2 + (3 if seed % 4 < 2 else 1)) for _ in range(2 + seed % 4)]
    names: dict[int, str] = {}
    for at, layer in enumerate(layers):
        for file, letter in zip(layer, "abcdef", strict=False):
            names |= dict.fromkeys([file.fileno(), *numbers(net, file, 6)], f"{at}{letter}")
    fds = {name: [fd for fd, other in names.items() if other == name] for name in sorted({*names.values()})}
    files = {name: layers[int(name[0])]["abcdef".index(name[1])] for name in fds}
    seen: list[Any] = []
    for step in range(STEPS):
        outer = dice.choice([name for name in fds if name[0] != "0"])
        below = [name for name in fds if int(name[0]) == int(outer[0]) - 1]
        inner = dice.choice(below if below and dice.random() < 0.93 else list(fds))
        number, what = dice.choice(fds[inner]), dice.random()
        if what < 0.9:
            seen.append((outer, inner, refused(files[outer].register, number, IN)))
        elif what < 0.97:
            seen.append((outer, inner, refused(files[outer].unregister, number)))
        elif what < 0.975:
            fds[outer].remove(files[outer].fileno())
            seen.append(("closed", outer, files[outer].close()))
            files[outer] = kept(net.select.epoll.fromfd(net.fcntl.fcntl(fds[outer][0], net.fcntl.F_DUPFD, 0)))
            fds[outer].append(files[outer].fileno())
            names[files[outer].fileno()] = outer
        elif what < 0.985:
            sock = layers[0][step % 2]
            seen.append((sock.sendto(b"x", sock.getsockname()), refused(layers[0][0].recv, 10)))
        else:
            seen.append([(names[fd], bits) for fd, bits in files[outer].poll(0)])
    return seen


SEEDS = range(8)


@pytest.mark.parametrize("seed", SEEDS)
def test_graphs_of_epolls_at_random(seed: int) -> None:
    on_both(a_walk, seed)


def test_the_walk_comes_to_every_limit() -> None:
    """Graphs of two to five layers of epolls meet the limit of each length; and rings and chains are refused."""
    for seed in SEEDS:
        said = played(SimNet(), a_walk, seed)[1]
        errors = [answer.errno for call, _, _, answer in said if call == "epoll_ctl" and isinstance(answer, Fail)]
        assert errors.count(EINVAL) > 40
        assert errors.count(ELOOP) > 10
