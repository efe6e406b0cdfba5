"""Wrong arguments, by the thousand: what the kernel's sockets refuse, the model's refuse in the same words.

Each parameter of each call has a kind, each kind a list of values good and bad. Every call is made with every value of
each parameter, and with every pair of values of each two, the rest being good: so the order in which arguments are
looked at is compared as well. The answer, the class of the exception, its number and its text must be equal, on a TCP
socket, on a UDP socket and on a closed one.

Not here: a wrong *number* of arguments, of which a Python function speaks otherwise than one in C; arguments that
the model knows and does not have (`NotModelled`); what setblocking() takes, which is anything since Python 3.12; sizes
that hang on the memory of the machine; modules' functions (tests/simnet/test_arguments.py).
"""

from __future__ import annotations

import enum
import re
from array import array
from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

import pytest

from model import SimNet
from model.sockets.options import NotModelled
from realnet import NamespaceRefused, RealNet

from ..simnet.test_arguments import IN_OTHER_VERSIONS

pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


class Index:
    """An integer in the eyes of C."""

    def __index__(self) -> int:
        return 2

    def __repr__(self) -> str:
        return "Index()"


class Unwilling(Index):
    """One that fails to say which."""

    def __index__(self) -> int:
        raise KeyError("no")


class Two(enum.IntEnum):
    """An enum is an int."""

    TWO = 2


Makes = Callable[[], Any]
INTS: list[Any] = [
    2, None, True, "1", b"1", 1.0, 2j, [], -1, 0, 2**31, -(2**31) - 1, 2**32, 2**63, -(2**63) - 1, 2**70, Index(),
    Unwilling(), Two.TWO,
]  # fmt: skip
SHUT_HOWS = [*INTS, 3, 2**31 - 1, -(2**31)]
DATA: list[Any] = [
    b"ab", b"", "ab", None, 5, [1], bytearray(b"ab"), memoryview(b"abcdef")[::2], memoryview(b"abcd").cast("H"),
    array("i", [1]), object,
]  # fmt: skip
BUFFERS: list[Makes] = [
    lambda: bytearray(4), bytearray, lambda: b"abcd", lambda: "abcd", lambda: 5, lambda: None,
    lambda: memoryview(b"abcd"), lambda: memoryview(bytearray(8))[::2], lambda: array("i", [1, 2]), lambda: [1],
]  # fmt: skip
SEVERAL: list[Makes] = [
    lambda: [bytearray(2), bytearray(2)], list, lambda: iter([bytearray(2)]), lambda: bytearray(2), lambda: 5,
    lambda: None, lambda: [5], lambda: [b"ab"], lambda: [bytearray(2), "x"], lambda: "ab", dict,
]  # fmt: skip
PARTS: list[Makes] = [
    lambda: [b"a", b"b"], list, lambda: iter([b"ab"]), lambda: b"ab", lambda: 5, lambda: None, lambda: [5],
    lambda: ["ab"], lambda: [memoryview(b"abcd")[::2]], dict, lambda: {b"a": 1},
]  # fmt: skip
ANCILLARY: list[Makes] = [
    list, tuple, lambda: None, lambda: 5, lambda: [5], lambda: [(1, 2)], lambda: [(1, "x", b"")],
    lambda: [(1, 2, "x")], lambda: [(1, 2**40, b"x")], lambda: [(1.0, 2, b"x")], lambda: [(77, 77, b"x")],
    lambda: iter([]),
]  # fmt: skip
ADDRESSES: list[Any] = [
    ("127.0.0.1", 7000), None, 5, "127.0.0.1", b"x", [], (), ("127.0.0.1",), ("127.0.0.1", 7000, 0),
    ("127.0.0.1", 7000, 0, 0), ["127.0.0.1", 7000], ("127.0.0.1", "7000"), ("127.0.0.1", b"1"), ("127.0.0.1", 7000.0),
    ("127.0.0.1", None), ("127.0.0.1", -1), ("127.0.0.1", 65536), ("127.0.0.1", 2**31), ("127.0.0.1", 2**70),
    ("127.0.0.1", True), ("127.0.0.1", Index()), ("127.0.0.1", Unwilling()), (5, 7000), (None, 7000),
    (b"127.0.0.1", 7000), (bytearray(b"127.0.0.1"), 7000), (memoryview(b"127.0.0.1"), 7000), ("127.0.0.1\0", 7000),
    (b"\0", 7000), ("", 7000), (b"", 7000), ("localhost", 7000), ("127.1", 7000), ("0x7f000001", 7000),
    ("0177.0.0.1", 7000), ("127.0.0.1", 0), ("0.0.0.0", 7000), ("::1", 7000), ("::1", 7000, 0, 0), ("256.0.0.1", 7000),
    ("127.0.0.1.1", 7000), ("-1", 7000), ("192.0.2.1", 7000),
]  # fmt: skip
LEVELS: list[Any] = [1, 6, 0, 17, None, "1", 1.0, -1, 2**31, 2**70, Index(), Unwilling()]
OPTIONS: list[Any] = [2, 4, 3, 1, None, "2", 2.0, -1, 2**31, 2**70]
LENGTHS: list[Any] = [0, 4, 1, 3, 5, 1024, 1025, -1, None, "4", 4.0, 2**31, 2**70, Index()]
VALUES: list[Any] = [
    1, 0, -1, 2**31 - 1, -(2**31), 2**31, 2**70, True, None, "x", 1.5, b"", b"a", b"abc", b"abcd", b"abcdefgh",
    bytearray(4), memoryview(b"abcdefgh")[::2], [1], Index(), Two.TWO,
]  # fmt: skip
TIMES: list[Any] = [0, 0.0, 1e-12, -0.0, None, "1", b"1", [], 2j, Index(), -1, -1e-9, float("nan"), float("inf"), 2**70]
FLAGS: list[Any] = [0, None, True, "0", 0.0, 2**31, -(2**31) - 1, 2**63, 2**70, Index(), Unwilling()]
CALLS: dict[str, list[list[Any]]] = {
    "accept": [],
    "bind": [ADDRESSES],
    "connect": [ADDRESSES],
    "connect_ex": [ADDRESSES],
    "listen": [INTS],
    "shutdown": [SHUT_HOWS],
    "recv": [INTS, FLAGS],
    "recvfrom": [INTS, FLAGS],
    "recv_into": [BUFFERS, INTS, FLAGS],
    "recvfrom_into": [BUFFERS, INTS, FLAGS],
    "recvmsg": [INTS, INTS, FLAGS],
    "recvmsg_into": [SEVERAL, INTS, FLAGS],
    "send": [DATA, FLAGS],
    "sendall": [DATA, FLAGS],
    "sendto": [DATA, ADDRESSES],
    "sendto with flags": [DATA, FLAGS, ADDRESSES],
    "sendmsg": [PARTS, ANCILLARY, FLAGS, ADDRESSES],
    "getsockopt": [LEVELS, OPTIONS, LENGTHS],
    "setsockopt": [LEVELS, OPTIONS, VALUES],
    "setblocking": [[True, False, 0, 2, -1, Two.TWO]],
    "settimeout": [TIMES],
}
SOCKETS = ["stream", "datagram", "closed"]
_ADDRESS_OF_OBJECT = re.compile(r" at 0x[0-9a-f]+")


def argument_lists(kinds: list[list[Any]]) -> Iterator[list[Any]]:
    """Every value of each parameter and every pair of values of each two, the others good: the first of their kind."""
    good = [kind[0] for kind in kinds]
    yield good
    for at, kind in enumerate(kinds):
        yield from ([*good[:at], value, *good[at + 1 :]] for value in kind[1:])
    for one, two in combinations(range(len(kinds)), 2):
        for value in kinds[one][1:]:
            yield from ([*good[:one], value, *good[one + 1 : two], more, *good[two + 1 :]] for more in kinds[two][1:])


def made(net: Any, kind: str) -> Any:
    sock = net.socket.socket(type=net.socket.SOCK_DGRAM if kind == "datagram" else net.socket.SOCK_STREAM)
    sock.setblocking(False)
    if kind == "closed":
        sock.close()
    return sock


def outcome(net: Any, call: str, kind: str, given: list[Any]) -> tuple[Any, ...]:
    """What a call gives or raises, on a socket of its own."""
    args = [value() if callable(value) and value is not object else value for value in given]
    with made(net, kind) as sock:
        try:
            value = getattr(sock, call.split(maxsplit=1)[0])(*args)
        except Exception as error:
            if isinstance(error, NotModelled):
                return ("not modelled",)
            text = IN_OTHER_VERSIONS.sub("a time that does not fit", str(error))
            return (type(error).__name__, getattr(error, "errno", None), text, args)
        return ("answers", value, args)


@pytest.fixture(scope="module")
def kernel() -> Iterator[RealNet]:
    try:
        with RealNet() as net:
            yield net
    except NamespaceRefused as refusal:
        pytest.skip(f"the running kernel is out of reach: {refusal.strerror}")


@pytest.mark.parametrize("kind", SOCKETS)
@pytest.mark.parametrize("call", CALLS)
def test_wrong_arguments_are_refused_in_the_same_words(kernel: RealNet, call: str, kind: str) -> None:
    different, missing = [], 0
    with SimNet() as model:
        for given in argument_lists(CALLS[call]):
            ours = outcome(model, call, kind, given)
            if ours == ("not modelled",):
                missing += 1
                continue
            theirs = outcome(kernel, call, kind, given)
            if _ADDRESS_OF_OBJECT.sub("", repr(ours)) != _ADDRESS_OF_OBJECT.sub("", repr(theirs)):
                different.append((given, ours, theirs))
    assert different == []
