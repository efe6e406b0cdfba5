"""Tables of ours against the running system: every constant, every error text, every exported name."""

from __future__ import annotations

import errno
import fcntl as real_fcntl
import os
import select as real_select
import socket as real_socket
from types import ModuleType

import pytest

from model.simnet.errors import STRERROR, os_error
from model.values import constants as values

from .fakehost import FakeNet

net = FakeNet()


def integers(module: ModuleType) -> list[str]:
    return [name for name in sorted(vars(module)) if name.isupper() and isinstance(getattr(module, name), int)]


@pytest.mark.parametrize(
    ("ours", "real"),
    [(net.socket._socket, real_socket), (net.socket, real_socket), (net.select, real_select), (net.fcntl, real_fcntl)],
    ids=["_socket", "socket", "select", "fcntl"],
)
def test_every_constant_has_the_real_value(ours: ModuleType, real: ModuleType) -> None:
    names = integers(ours)
    assert len(names) >= 5
    assert {name: int(getattr(ours, name)) for name in names} == {name: int(getattr(real, name)) for name in names}


def test_the_numbers_written_out_for_fcntl_are_the_systems() -> None:
    names = ("O_RDWR", "O_APPEND", "O_NONBLOCK", "O_ASYNC", "O_DIRECT", "O_NOATIME")
    assert [getattr(values, name) for name in names] == [getattr(os, name) for name in names]


def test_the_constants_of_the_model_that_the_modules_carry_are_the_real_ones() -> None:
    known = [name for name in integers(values) if hasattr(real_socket, name)]
    assert len(known) > 30
    assert {name: int(getattr(values, name)) for name in known} == {
        name: int(getattr(real_socket, name)) for name in known
    }


@pytest.mark.skipif(os.strerror(11) != "Resource temporarily unavailable", reason="another C library, other texts")
def test_every_error_text_is_the_systems() -> None:
    assert {number: os.strerror(number) for number in errno.errorcode} == {
        number: STRERROR[number] for number in errno.errorcode
    }
    assert {number: os.strerror(number) for number in STRERROR} == STRERROR
    assert os_error(9999).strerror == os.strerror(9999)


@pytest.mark.parametrize("number", sorted(errno.errorcode))
def test_python_picks_the_same_exception(number: int) -> None:
    assert type(os_error(number)) is type(OSError(number, ""))


def test_the_fresh_modules_export_nothing_that_the_originals_lack() -> None:
    for ours, real in ((net.socket, real_socket), (net.select, real_select), (net.selectors, __import__("selectors"))):
        extra = {name for name in vars(ours) if not name.startswith("_")} - set(vars(real))
        assert extra == set(), ours.__name__


def test_exception_classes_are_those_a_program_expects() -> None:
    assert net.socket.error is OSError
    assert net.socket.timeout is TimeoutError
    assert issubclass(net.socket.gaierror, OSError)
    assert issubclass(net.socket.herror, OSError)
    assert net.socket.gaierror.__module__ == "socket"
    assert net.select.error is OSError
