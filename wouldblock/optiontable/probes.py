"""The probes: five sockets, and what each is asked about an option.

The values are a fixed list: the ends of an int, the powers of two that are ends of something, and the edges that tcp(7)
names; the lengths are none, one byte, three, an int, two. Where a value is not an int there is a list for its kind.
Answers are compared as they are, but TCP_INFO's, of which a probe keeps the state and the size: the rest are measured
times, or has a test of its own (tests/model/test_info.py).

Not here: several options together.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterator
from typing import Any

import attrs

from model import SimNet
from model.sockets.options import OPTIONS, NotModelled, Option
from model.values.constants import (
    IPPROTO_IP,
    IPPROTO_TCP,
    IPPROTO_UDP,
    SO_RCVBUF,
    SO_RCVBUFFORCE,
    SO_SNDBUF,
    SO_SNDBUFFORCE,
    SOL_SOCKET,
    TCP_INFO,
    TCP_MAXSEG,
)

VALUES = (
    -(1 << 31), -2, -1, 0, 1, 2, 3, 4, 5, 6, 7, 60, 61, 87, 88, 120, 121, 127, 128, 255, 256, 1000, 32767, 32768,
    65535, 65536, 1 << 20, (1 << 31) - 1,
)  # fmt: skip
LENGTHS = (0, 1, 3, 4, 8)
PAIRS = tuple(struct.pack("=ii", on, seconds) for on, seconds in ((1, 5), (0, 7), (1, 0), (1, -1), (1, (1 << 31) - 1)))
TIMES = tuple(
    struct.pack("=qq", seconds, part)
    for seconds, part in ((0, 1), (1, 999_999), (0, 0), (1, 1_000_000), (0, -1), (-1, 0))
)
NAMES = (b"reno", b"cubic\0", b"reno\0more", b"nobody's", b"")
NOBODYS = (
    (SOL_SOCKET, 9999), (SOL_SOCKET, 0), (SOL_SOCKET, -1), (IPPROTO_IP, 9999), (IPPROTO_IP, 60), (IPPROTO_TCP, 9999),
    (IPPROTO_TCP, 0), (IPPROTO_UDP, 9999), (41, 26), (9999, 1), (-1, 1),
)  # fmt: skip
"""Levels and numbers of options that there are not."""
_TOLD_BY = {
    (SOL_SOCKET, SO_SNDBUFFORCE): (SOL_SOCKET, SO_SNDBUF),
    (SOL_SOCKET, SO_RCVBUFFORCE): (SOL_SOCKET, SO_RCVBUF),
}
"""Options that cannot be read, and what they set."""
SUBJECTS = ("TCP", "TCP listening", "TCP connected", "UDP", "UDP connected")
KEYS = (*OPTIONS, *NOBODYS)
NOTHING = "not modelled"
"""What the model says where it has nothing."""
Given = int | bytes
Told = int | bytes | str
"""What an option is, or the name of an error."""


@attrs.frozen
class Probes:
    """What one socket answered about one option: `told` by length (0: an int), and then, in turn, what setting each
    value and each length answered: an error, or what the option is then.
    """

    told: tuple[tuple[int, Told], ...]
    set: tuple[tuple[Given, Told], ...]
    short: tuple[tuple[int, Told], ...]

    @property
    def default(self) -> Told:
        """What it tells before anything is set."""
        return self.told[0][1]

    def __len__(self) -> int:
        return len(self.told) + len(self.set) + len(self.short)


@attrs.frozen
class Answers:
    """All about one option: by socket, and what a connection has of its listener's: the listener's, its own."""

    probes: dict[str, Probes]
    handed_on: tuple[Told, Told]


def row(key: tuple[int, int]) -> Option:
    """The option's row, or that of one that nobody knows."""
    return OPTIONS.get(key) or Option(*key, name=f"number {key[1]}")


def values(option: Option) -> tuple[Given, ...]:
    """What it is tried with."""
    if option.names:
        return (*NAMES, 0)
    return VALUES if option.size == 4 else (*(PAIRS if option.size == 8 else TIMES), 1)


def made(net: Any, key: tuple[int, int]) -> Answers:
    """Ask everything about one option."""
    option = row(key)
    return Answers({subject: _asked(net, subject, option) for subject in SUBJECTS}, _handed_on(net, option))


def made_on_model() -> dict[tuple[int, int], Answers]:
    """Everything about all options."""
    with SimNet() as net:
        return {key: made(net, key) for key in KEYS}


def count(answers: dict[tuple[int, int], Answers]) -> int:
    """How many probes these are."""
    return sum(2 + sum(map(len, each.probes.values())) for each in answers.values())


def _asked(net: Any, subject: str, option: Option) -> Probes:
    sock, *others = _brought(net, subject)
    try:
        told = tuple((length, _get(sock, option, length)) for length in (0, *LENGTHS[1:]))
        tried = tuple((value, _set(sock, option, value)) for value in values(option))
        sample = b"reno" if option.names else _sample(option)
        short = tuple((length, _set(sock, option, _cut(sample, length))) for length in _lengths(option))
        return Probes(told, tried, short)
    finally:
        for each in (sock, *others):
            each.close()


def _brought(net: Any, subject: str) -> Iterator[Any]:
    socket = net.socket
    if subject.startswith("UDP"):
        sock = socket.socket(type=socket.SOCK_DGRAM)
        if subject.endswith("connected"):
            sock.connect(("127.0.0.1", 9))
        yield sock
        return
    if subject != "TCP connected":
        sock = socket.socket()
        if subject.endswith("listening"):
            sock.bind(("127.0.0.1", 0))
            sock.listen()
        yield sock
        return
    yield from _connection(socket)


def _connection(socket: Any, option: Option | None = None, value: Given = 0) -> Iterator[Any]:
    """A client, its listener, which has the option, and the connection that it has accepted."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    if option is not None:
        before = _get(listener, option, 0)
        if _set(listener, option, value) == before:
            _set(listener, option, 0)
    client = socket.socket()
    client.connect(listener.getsockname())
    client.send(b"x")  # TCP_DEFER_ACCEPT waits for it
    yield client
    yield listener
    yield listener.accept()[0]


def _handed_on(net: Any, option: Option) -> tuple[Told, Told]:
    sample: Given = _sample(option) if option.size > 4 else 120 if option.most is None else min(option.most, 2)
    client, listener, accepted = _connection(net.socket, option, b"cubic" if option.names else sample)
    try:
        return _get(listener, option, 0), _get(accepted, option, 0)
    finally:
        for each in (client, accepted, listener):
            each.close()


def _sample(option: Option) -> bytes:
    if option.size == 4:
        return bytes([120 if option.number == TCP_MAXSEG and option.level == IPPROTO_TCP else 1, *bytes(7)])
    return PAIRS[0] if option.size == 8 else TIMES[1]


def _lengths(option: Option) -> tuple[int, ...]:
    return LENGTHS if option.size == 4 else (*LENGTHS, option.size - 1, option.size, option.size + 8)


def _cut(sample: bytes, length: int) -> bytes:
    return sample[:length].ljust(length, b"\0")


def _get(sock: Any, option: Option, length: int) -> Told:
    size = length or (option.size if option.size > 4 else 16 if option.names else 0)
    if (option.level, option.number) == (IPPROTO_TCP, TCP_INFO):
        size = length or 104
    try:
        found: Told = sock.getsockopt(option.level, option.number, *((size,) if size else ()))
    except OSError as error:
        return _name(error)
    if isinstance(found, bytes) and (option.level, option.number) == (IPPROTO_TCP, TCP_INFO):
        return found[:1] + bytes([len(found)])
    return found


def _set(sock: Any, option: Option, value: Given) -> Told:
    try:
        sock.setsockopt(option.level, option.number, value)
    except OSError as error:
        return _name(error)
    except NotModelled:
        return NOTHING
    return _get(sock, OPTIONS.get(_TOLD_BY.get((option.level, option.number), (0, 0)), option), 0)


def _name(error: OSError) -> str:
    number = error.errno or 0
    return "EOPNOTSUPP" if number == errno.EOPNOTSUPP else errno.errorcode[number]
