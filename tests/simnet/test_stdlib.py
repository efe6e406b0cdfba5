"""`fresh`: the standard library's modules executed anew, and `sys.modules` left as it was."""

from __future__ import annotations

import fcntl as real_fcntl
import select as real_select
import selectors as real_selectors
import socket as real_socket
import sys
import time as real_time
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from model.stdlib import fresh

from .fakehost import FakeNet


def test_the_fresh_module_is_new_each_time_and_the_original_stays() -> None:
    before = dict(sys.modules)
    first, second = fresh("selectors", {"select": real_select}), fresh("selectors", {"select": real_select})
    assert first is not second
    assert first is not real_selectors
    assert first.PollSelector is not real_selectors.PollSelector
    assert dict(sys.modules) == before


def test_sys_modules_is_restored_after_an_exception() -> None:
    before = dict(sys.modules)
    empty = ModuleType("_socket")
    with pytest.raises((AttributeError, NameError, ImportError)):
        fresh("socket", {"_socket": empty})
    assert dict(sys.modules) == before


def test_a_module_that_was_not_loaded_is_not_loaded_afterwards() -> None:
    held = sys.modules.pop("selectors")
    try:
        fresh("selectors", {"select": real_select})
        assert "selectors" not in sys.modules
    finally:
        sys.modules["selectors"] = held


@pytest.mark.parametrize("name", ["no_such_module_anywhere", "sys"])
def test_a_module_without_python_source_is_refused(name: str) -> None:
    with pytest.raises(ImportError, match=f"{name} has no Python source"):
        fresh(name, {})


def test_the_enums_are_made_from_the_replacement() -> None:
    net = FakeNet()
    assert repr(net.socket.AF_INET) == repr(real_socket.AF_INET)
    assert net.socket.AF_INET is not real_socket.AF_INET
    assert net.socket.AF_INET == real_socket.AF_INET
    assert net.socket.SOCK_STREAM.name == "SOCK_STREAM"
    assert real_socket.AF_INET is sys.modules["socket"].AF_INET


def test_every_net_has_classes_of_its_own() -> None:
    first, second = FakeNet(), FakeNet()
    assert first.socket.socket is not second.socket.socket
    assert first.selectors.DefaultSelector is first.selectors.EpollSelector
    assert first.selectors.EpollSelector is not real_selectors.EpollSelector
    assert first.events == []


@pytest.mark.parametrize(
    "use",
    [
        lambda net, keeping: keeping(net.select.select)([], [], [], 0),
        lambda net, keeping: keeping(net.time.monotonic)() >= 0,
        lambda net, keeping: keeping(net.socket.htons)(258),
        lambda net, keeping: keeping(net.socket.inet_aton)("127.0.0.1"),
        lambda net, keeping: keeping(net.fcntl.fcntl)(net.sock, 3) & 0o4000,
    ],
    ids=["select", "monotonic", "htons", "inet_aton", "fcntl"],
)
def test_a_class_that_keeps_a_function_makes_no_method_of_it(use: Callable[[Any, Any], Any]) -> None:
    """As with the originals, which are written in C."""

    def keeping(function: Any) -> Any:
        return type("Keeper", (), {"kept": function})().kept

    net = FakeNet()
    real = SimpleNamespace(socket=real_socket, select=real_select, time=real_time, fcntl=real_fcntl)
    for arm in (net, real):
        arm.sock = arm.socket.socket()
    with net.sock, real.sock:
        assert use(net, keeping) == use(real, keeping)
