"""Sequences between two hosts: made up the same way each time, divided among both, equal unless a rule is wrong."""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import pytest

from model.profiles import LINUX
from model.values.addresses import ANY
from model.values.constants import (
    EPOLLET,
    EPOLLIN,
    EPOLLOUT,
    IPPROTO_TCP,
    SHUT_RDWR,
    SO_RCVBUF,
    SO_SNDBUF,
    SOL_SOCKET,
    TCP_NODELAY,
)
from realnet import Namespace, NamespaceRefused
from realnet.joined import SETTINGS, homes
from realnet.page import FreshPage
from realnet.settings import read
from wouldblock.crosscheck.agreement import agree, made
from wouldblock.crosscheck.operations import FAMILIES, LIVES, STREAM, Operation
from wouldblock.crosscheck.pair import Pair, Step
from wouldblock.crosscheck.places import LOOPBACK, PlaceRefused, TwoHosts
from wouldblock.crosscheck.running import running_profile


@pytest.fixture
def place() -> Iterator[TwoHosts]:
    """Two hosts, in a namespace of the test's own."""
    place = TwoHosts()
    try:
        with Namespace(), place.opened():
            yield place
    except (NamespaceRefused, PlaceRefused) as refused:
        pytest.skip(f"the kernel's arm needs two hosts: {refused}")


def both(place: TwoHosts, operations: list[Operation]) -> list[Step]:
    """These operations, on both arms, which must be equal."""
    with FreshPage() as page:
        pair = Pair(place.home(1), 0, None, page, place=place)
        try:
            steps = [pair.step(op) for op in operations]
        finally:
            pair.close()
    assert [step.wrong for step in steps] == [None] * len(steps)
    return steps


def answers(place: TwoHosts, *operations: Operation) -> list[object]:
    return [step.kernel for step in both(place, list(operations))]


CONNECTED: list[Operation] = [
    ("tcp",), ("bind", 1, ("home", 0)), ("listen", 1, 5), ("tcp",), ("connect", 2, ("of", 1)), ("accept", 1),
]  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_a_sequence_is_made_of_its_numbers_alone(family: str) -> None:
    again = made(family, 60, 1, 2, TwoHosts())
    assert made(family, 60, 1, 2, TwoHosts()) == again
    assert 0 < len(again) <= 60


def test_a_fin_that_is_acknowledged_at_once_may_open_the_window() -> None:
    """In this sequence one does, with 86,880 bytes unread; a rule that had not declared it was a defect."""
    assert len(made(STREAM, 1000, 601, 12, TwoHosts())) == 1000


def test_places_have_names() -> None:
    assert (LOOPBACK.where, TwoHosts().where) == ("loopback", "two hosts, MTU 1500")


def test_what_is_pinned_is_what_the_model_has(place: TwoHosts) -> None:
    divisor = int(read(SETTINGS)["net.ipv4.tcp_tso_win_divisor"])
    profile = running_profile()
    assert place.profile(profile) == attrs.evolve(profile, tso_win_divisor=divisor)
    assert divisor != LINUX.tso_win_divisor


def test_sockets_are_divided_among_both_hosts(place: TwoHosts) -> None:
    near, far = homes(1)
    names = answers(
        place, *CONNECTED, ("getsockname", 1), ("getpeername", 2), ("getsockname", 3), ("getpeername", 3),
        ("tcp",), ("bind", 4, ("home", 0)), ("getsockname", 4), ("tcp",), ("bind", 5, ("home", 0)), ("getsockname", 5),
    )  # fmt: skip
    own = [answer[0] for answer in names if isinstance(answer, tuple)]
    assert own == ["10.77.0.2", near, near, near, "10.77.0.2", near, far]


def test_a_stream_between_both(place: TwoHosts) -> None:
    found = answers(place, *CONNECTED, ("send", 2, 10_000), ("recv", 3, 300_000), ("send", 3, 10), ("recv", 2, 10))
    assert [each if isinstance(each, int) else len(each) for each in found[6:]] == [10_000, 10_000, 10, 10]  # type: ignore[arg-type]


def test_the_wildcard_is_a_home_from_the_other_host(place: TwoHosts) -> None:
    found = answers(
        place, ("tcp",), ("bind", 1, ("any", 0)), ("listen", 1, 5), ("tcp",), ("connect", 2, ("of", 1)), ("accept", 1),
        ("tcp",), ("getsockname", 1),
    )  # fmt: skip
    assert found[4] == "EINPROGRESS"
    assert found[-1][0] == ANY  # type: ignore[index]


@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_another_hosts_address_cannot_be_bound(place: TwoHosts, kind: str) -> None:
    assert answers(place, (kind,), ("bind", 1, ("home", 0)), (kind,), ("bind", 2, ("of", 1)))[-1] == "EADDRNOTAVAIL"


def test_loopback_must_not_leave_its_host(place: TwoHosts) -> None:
    """A datagram socket that is connected to the wildcard has an address of loopback, and another is bound to it."""
    found = answers(
        place, ("udp",), ("bind", 1, ("any", 0)), ("connect", 1, ("any", 9)), ("udp",), ("tcp",),
        ("bind", 3, ("of", 1)), ("connect", 3, ("home", 9)), ("connect", 3, ("foreign", 80)),
        ("sendto", 1, 1, ("home", 9)), ("sendto", 1, 1, ("foreign", 5)),
    )  # fmt: skip
    assert found[6:] == ["EINVAL", "ENETUNREACH", "EINVAL", "ENETUNREACH"]


def test_a_refusal_comes_back(place: TwoHosts) -> None:
    found = answers(
        place, ("tcp",), ("connect", 1, ("home", 9)), ("connect", 1, ("home", 9)), ("udp",),
        ("connect", 2, ("home", 9)), ("send", 2, 1), ("send", 2, 1),
    )  # fmt: skip
    assert found[1:3] == ["EINPROGRESS", "ECONNREFUSED"]
    assert found[-2:] == [1, "ECONNREFUSED"]


@pytest.mark.parametrize("size", [1472, 1473, 2953, 16_005, 65_507])
def test_a_datagram_in_fragments(place: TwoHosts, size: int) -> None:
    found = answers(place, ("udp",), ("bind", 1, ("home", 0)), ("udp",), ("sendto", 2, size, ("of", 1)))
    assert found[-1] == size


ONE_EACH: list[Operation] = [("udp",), ("bind", 1, ("home", 0)), ("udp",), ("bind", 2, ("home", 0))]


def test_a_route_is_kept_for_what_is_held_back(place: TwoHosts) -> None:
    """It leads to the other host, or stays here, whatever address the datagram has in the end."""
    turned_here = both(
        place, [*ONE_EACH, ("sendmoreto", 1, 100, ("of", 2)), ("connect", 1, ("of", 1)), ("send", 1, 10)]
    )
    assert [seen.fionread for seen in turned_here[-1].kernel_seen] == [0, 0]
    turned_away = both(
        place, [*ONE_EACH, ("sendmoreto", 1, 100, ("of", 1)), ("connect", 1, ("of", 2)), ("send", 1, 10)]
    )
    assert [seen.fionread for seen in turned_away[-1].kernel_seen] == [0, 0]
    assert turned_away[-1].kernel == 10


def test_what_is_for_loopback_is_dropped_where_it_comes_from_outside(place: TwoHosts) -> None:
    """A socket of loopback on the other host does not hear it, nor is it refused."""
    steps = both(
        place,
        [("udp",), ("bind", 1, ("home", 0)), ("udp",), ("bind", 2, ("any", 0)), ("connect", 2, ("of", 2)),
         ("sendmoreto", 1, 10, ("home", 9)), ("connect", 1, ("of", 2)), *[("send", 1, 1)] * 3],
    )  # fmt: skip
    assert [step.kernel for step in steps[-3:]] == [1, 1, "ECONNREFUSED"]  # the second one is for this very host
    assert [seen.fionread for seen in steps[-1].kernel_seen] == [0, 0]


def test_a_route_is_what_a_datagram_is_cut_for(place: TwoHosts) -> None:
    found = answers(
        place, *ONE_EACH, ("setsockopt", 1, SOL_SOCKET, SO_SNDBUF, 1), ("connect", 1, ("of", 1)),
        ("sendmoreto", 1, 10, ("of", 2)), ("send", 1, 10), ("send", 1, 16_005),
    )  # fmt: skip
    assert found[-1] == 16_005  # in fragments that would be more than twice the send buffer


def test_who_can_send_hears_of_it_before_who_can_read(place: TwoHosts) -> None:
    found = answers(
        place, *ONE_EACH, ("epoll",), ("add_to", 1, ("of", 1), EPOLLIN | EPOLLET),
        ("add_to", 1, ("of", 2), EPOLLIN | EPOLLOUT | EPOLLET), ("wait", 1, -1), ("sendto", 2, 100, ("of", 1)),
        ("wait", 1, -1),
    )  # fmt: skip
    assert found[-1] == [("s2", EPOLLOUT), ("s1", EPOLLIN)]


@pytest.mark.parametrize(
    ("rcvbuf", "size", "left", "drops"), [(1, 4000, 1, 4), (2304, 4000, 3072, 1), (2304, 3500, 3072, 1)]
)
def test_what_waits_behind_a_gap_makes_way_for_what_fills_it(
    place: TwoHosts, rcvbuf: int, size: int, left: int, drops: int
) -> None:
    """A byte is dropped for want of memory, and what is sent then lies behind it. When it comes again, the smallest
    buffer throws that away; one that is a bit larger keeps it.
    """
    steps = both(
        place,
        [*CONNECTED, ("setsockopt", 2, IPPROTO_TCP, TCP_NODELAY, 1), ("send", 2, 10_000),
         ("setsockopt", 3, SOL_SOCKET, SO_RCVBUF, rcvbuf), ("send", 2, 1), ("recv", 3, 20_000), ("send", 2, size)],
    )  # fmt: skip
    assert [len(step.kernel) for step in steps[-2:-1]] == [10_000]
    seen = steps[-1].kernel_seen[2]
    assert (seen.fionread, seen.drops) == (left, drops)


def test_a_full_buffer_of_an_earlier_life_is_forgotten_when_the_next_begins(place: TwoHosts) -> None:
    """The peer resets a connection whose buffer was found full; on the next one that is no reason to let it grow."""
    steps = both(
        place,
        [*CONNECTED, ("shutdown", 3, SHUT_RDWR), ("send", 2, 151_864), ("connect", 2, ("of", 1)),
         ("connect", 2, ("of", 1)), ("send", 2, 39_651)],
    )  # fmt: skip
    assert [step.kernel for step in steps[-3:]] == ["EPIPE", "EINPROGRESS", 39_651]
    assert len({step.kernel_seen[1].sndbuf for step in steps[-4:]}) == 1


def test_what_the_kernel_repeats_the_model_shows(place: TwoHosts) -> None:
    report = agree(seed=1, sequences=8, lengths=(60,), place=TwoHosts())
    assert report.where == "two hosts, MTU 1500"
    assert report.settings["net.ipv4.tcp_tso_win_divisor"] == "255"
    assert [cell.sequences for cell in report.cells] == [8, 8, 8, 8]
    assert all(cell.repeated for cell in report.cells)
    assert report.differences == []


def test_another_mtu_would_show(place: TwoHosts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wouldblock.crosscheck.places.joined.MTU", 9000)
    assert not agree(seed=1, sequences=4, families=[STREAM, LIVES], lengths=(60,), place=TwoHosts()).agreed
