"""Names and addresses: what ours make of them is what the C library makes of them."""

from __future__ import annotations

import socket as real
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.simnet import names

NUMBERS = [
    "127.0.0.1", "127.1", "0x7f.1", "0X7F.0.0.1", "1", "0", "00", "0x0", "0x", "1.2.3.4 x", "", " ", "256.1.1.1",
    "1.2.3.4.5",
    "08.1", "010.1", "1.", ".1", "1..2", "1.2.70000", "1.2.65535", "1.16777215", "1.16777216", "4294967295",
    "4294967296",
    " 1.2.3.4", "1.2.3.4\n", "1.2.3.4\tx", "1.2.3.4x", "é", "1.2.3.é", "+1", "-1", "1.2.3.0x10", "1.2.3.00",
    "01.02.03.04",
    "255.255.255.255", "localhost",
]  # fmt: skip


def outcome(function: Callable[..., Any], *args: Any) -> tuple[Any, ...]:
    try:
        return (function(*args),)
    except Exception as error:
        return (type(error).__name__, error.args)


@pytest.mark.parametrize("text", NUMBERS)
def test_numbers_are_read_alike(text: str) -> None:
    assert outcome(names.inet_aton, text) == outcome(real.inet_aton, text)
    assert outcome(names.inet_pton, 2, text) == outcome(real.inet_pton, 2, text)


@given(
    st.text("0123456789abcdefxX. \n", max_size=18) | st.from_regex(r"\A0?x?[0-9a-f]{1,4}(\.0?x?[0-9a-f]{1,4}){0,4}\Z")
)
def test_any_text_is_read_alike(text: str) -> None:
    assert outcome(names.inet_aton, text) == outcome(real.inet_aton, text)
    assert outcome(names.inet_pton, 2, text) == outcome(real.inet_pton, 2, text)


@pytest.mark.parametrize("packed", [b"abcd", b"abc", b"", bytearray(4), memoryview(b"\xff\0\1\2"), "abcd", 5])
def test_packed_addresses_are_written_alike(packed: Any) -> None:
    assert outcome(names.inet_ntoa, packed) == outcome(real.inet_ntoa, packed)
    assert outcome(names.inet_ntop, 2, packed) == outcome(real.inet_ntop, 2, packed)


def test_other_families_are_refused() -> None:
    assert outcome(names.inet_pton, 99, "1.2.3.4") == outcome(real.inet_pton, 99, "1.2.3.4")
    assert outcome(names.inet_ntop, 99, b"abcd") == outcome(real.inet_ntop, 99, b"abcd")
    assert outcome(names.inet_pton, 2, 5) == outcome(real.inet_pton, 2, 5)


LOOKUPS: list[tuple[Any, ...]] = [
    ("127.0.0.1", 80), ("127.0.0.1", "80"), ("127.0.0.1", None), ("", 80), ("127.1", 80), ("127.0.0.1", 80, 2, 1),
    ("127.0.0.1", 80, 2, 2), ("127.0.0.1", 80, 0, 3), ("127.0.0.1", None, 0, 3), ("127.0.0.1", 80, 0, 99),
    ("127.0.0.1", 80, 99), ("127.0.0.1", 80, 0, 0, 6), ("127.0.0.1", 80, 0, 0, 17), ("127.0.0.1", 80, 0, 1, 17),
    ("127.0.0.1", 80, 0, 0, 99), ("127.0.0.1", None, 0, 0, 99), ("127.0.0.1", "nosuch"), ("127.0.0.1", 70000),
    ("127.0.0.1", "70000"), ("127.0.0.1", -1), (None, None), ("127.0.0.1", 1.5), (5, 80), (b"127.0.0.1", b"80"),
    ("127.0.0.1", 80, 0, 1, 0, 2), ("127.0.0.1", 80, 0, 0, 0, 2), ("127.0.0.1", 80, 0, 1, 0, 4), (None, 80, 2, 1, 0, 2),
    ("localhost", 80, 2, 1, 0, 4), ("localhost", 80, 2, 1), ("LocalHost", 80, 2, 1), ("localhost", 80, 2, 1, 0, 2),
    ("127.0.0.1", "nosuch", 0, 1, 0, 1024), ("127.0.0.1", "", 0, 1), ("127.0.0.1", 80, 0, 1, 0, 2**20),
    ("<broadcast>", 80, 0, 1, 0, 4), ("0.0.0.0", 0, 10, 1), (None, 80, 2), (None, 80, 2, 0, 0, 1),
    ("1.2.3.4x", 80, 0, 1, 0, 4),
]  # fmt: skip


@pytest.mark.parametrize("args", LOOKUPS, ids=str)
def test_lookups_answer_alike(args: tuple[Any, ...]) -> None:
    assert outcome(names.getaddrinfo, *args) == outcome(real._socket.getaddrinfo, *args)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["127.1", "localhost", "", "<broadcast>", "255.255.255.255", b"127.0.0.1", 5, "a\0b"])
def test_host_names_answer_alike(name: Any) -> None:
    ours, theirs = outcome(names.gethostbyname, name), outcome(real.gethostbyname, name)
    assert ours[0] == theirs[0]


def test_an_unknown_name_is_a_gaierror_and_an_unknown_address_a_herror() -> None:
    assert outcome(names.gethostbyname, "example.org") == ("gaierror", (-2, "Name or service not known"))
    assert outcome(names.socket_address, ("example.org", 1), "connect") == (
        "gaierror",
        (-2, "Name or service not known"),
    )
    assert outcome(names.gethostbyaddr, "10.0.0.1") == ("herror", (1, "Unknown host"))
    assert names.gethostbyaddr("localhost")[0] == names.gethostname()


def test_addresses_become_what_the_model_takes() -> None:
    assert names.socket_address(("", 5), "bind") == ("0.0.0.0", 5)
    assert names.socket_address(("localhost", True), "bind") == ("127.0.0.1", 1)
    assert names.socket_address((bytearray(b"127.2"), 65535), "bind") == ("127.0.0.2", 65535)
    assert names.socket_address(("<broadcast>", 0), "sendto") == ("255.255.255.255", 0)
