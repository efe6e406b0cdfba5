"""Receive buffers that tune themselves: they grow with what is read in a round trip, and with nothing else.

The same numbers on the kernel are the cross-check's affair (tests/crosscheck/test_agreement.py).
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import attrs
import pytest

from model import SimNet
from model.profiles import LINUX, LINUX_DEFAULT, Profile

FIRST = 131_072
MS = 0.001


@attrs.define
class Stream:
    """A connection whose sender always has more to send."""

    sender: Any
    reader: Any
    net: Any

    def turn(self, size: int = 300_000) -> bytes:
        """The sender fills its buffer, and after a millisecond the reader reads."""
        with suppress(BlockingIOError):
            self.sender.send(bytes(300_000))
        self.net.time.sleep(MS)
        data: bytes = self.reader.recv(size)
        return data

    @property
    def receivers_trip_ms(self) -> int:
        info = self.reader.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 8 + 4 * 22)
        trip_us: int = struct.unpack_from("<I", info, 8 + 4 * 21)[0]
        return trip_us // 1000

    @property
    def rcvbuf(self) -> int:
        size: int = self.reader.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        return size


@contextmanager
def stream(profile: Profile, rcvbuf: int = 0) -> Iterator[Stream]:
    with SimNet(profile=profile) as net, ExitStack() as stack:
        listener = stack.enter_context(net.socket.socket())
        if rcvbuf:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        sender = stack.enter_context(net.socket.create_connection(listener.getsockname()))
        reader = stack.enter_context(listener.accept()[0])
        sender.setblocking(False)
        yield Stream(sender, reader, net)


def sizes(profile: Profile, turns: int = 8, **options: int) -> list[int]:
    with stream(profile, **options) as it:
        found = []
        for _ in range(turns):
            it.turn()
            found.append(it.rcvbuf)
    return found


def test_it_grows_with_what_is_read_and_never_shrinks() -> None:
    found = sizes(LINUX_DEFAULT)
    assert found[0] == FIRST
    assert found == sorted(found)
    assert found[-1] > 4 * FIRST


def test_it_grows_to_the_largest_that_there_is_and_no_further() -> None:
    largest = 400_000
    profile = attrs.evolve(LINUX_DEFAULT, tcp_rmem=(4096, FIRST, largest))
    assert sizes(profile)[-1] == largest


@pytest.mark.parametrize(("profile", "options"), [(LINUX, {}), (LINUX_DEFAULT, {"rcvbuf": 65_536})])
def test_a_buffer_of_fixed_size_stays(profile: Profile, options: dict[str, int]) -> None:
    assert len(set(sizes(profile, **options))) == 1


def test_the_window_follows_the_buffer() -> None:
    with stream(LINUX_DEFAULT) as it:
        read = [len(it.turn()) for _ in range(8)]
    assert read[-1] > 2 * read[0]


def test_a_slow_reader_does_not_enlarge_it() -> None:
    with stream(LINUX_DEFAULT) as it:
        for _ in range(100):
            it.turn(10_000)
        assert it.rcvbuf == FIRST


def test_the_first_text_measures_how_old_the_syn_ack_is() -> None:
    """It echoes the SYN-ACK, and the acknowledgement before it, which did so too, was no text."""
    with stream(LINUX_DEFAULT) as it:
        it.net.time.sleep(20 * MS)
        it.sender.send(bytes(1000))
        it.net.time.sleep(MS)
        it.reader.recv(1000)
        assert it.receivers_trip_ms == 20


def test_text_within_the_millisecond_measures_nothing() -> None:
    with stream(LINUX_DEFAULT) as it:
        it.sender.send(bytes(1000))
        it.reader.recv(1000)
        assert it.receivers_trip_ms == 0
