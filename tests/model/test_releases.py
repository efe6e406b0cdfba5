"""Which profile a kernel's release means, and what the changes say."""

from __future__ import annotations

import attrs
import pytest

from model.profiles import LINUX, LINUX_DEFAULT
from model.releases import CHANGES, LINUX_6_1, for_release


@pytest.mark.parametrize("release", ["6.18", "6.18.44-fc-v657", "6.19.0-rc1", "7.0"])
def test_the_proved_release_and_newer_ones_have_its_profile(release: str) -> None:
    assert for_release(release) == LINUX


def test_an_older_release_is_without_every_later_change() -> None:
    expected = attrs.evolve(
        LINUX, release="6.8", epoll_has_requests=False, buffers_fill_up=False, first_window_max=65_535,
        fin_enters_closed_window=False, lowat_sets_clamp=True, udp_overruns=True, udp_reserves_missing=False,
    )  # fmt: skip
    assert for_release("6.8.0-45-generic") == expected


def test_a_release_has_the_changes_that_came_with_it() -> None:
    assert for_release("6.7").acks_wait_for_calls
    assert not for_release("6.6.99").acks_wait_for_calls


def test_linux_6_1_differs_in_all_that_changed() -> None:
    assert for_release("6.1.176") == LINUX_6_1
    assert LINUX_6_1.release == "6.1"
    changed = {name for change in CHANGES for name in change.before}
    differs = {name for name in attrs.asdict(LINUX) if getattr(LINUX, name) != getattr(LINUX_6_1, name)}
    assert differs == changed | {"release"}


def test_a_field_changes_once() -> None:
    names = [name for change in CHANGES for name in change.before]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("release", ["", "linux", "6", "v6.1"])
def test_no_release_is_an_error(release: str) -> None:
    with pytest.raises(ValueError, match=r"is no release of Linux, which begins like 6\.18"):
        for_release(release)


def test_default_settings_are_two_fields() -> None:
    differs = {name for name in attrs.asdict(LINUX) if getattr(LINUX, name) != getattr(LINUX_DEFAULT, name)}
    assert differs == {"congestion_control", "tunes_receive_buffers"}
