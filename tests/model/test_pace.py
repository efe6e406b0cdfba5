"""Work takes no time, unless a host is told its pace; and then no more than its call took."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import attrs
import pytest

from model import machines  # noqa: F401  # all rules
from model.choices import Seeded
from model.profiles import LINUX_DEFAULT
from model.tcp.block import Tcb
from model.values.results import Done
from model.world.host import Host
from model.world.pace import Pace

BYTE_PS, SENDING_NS, ARRIVING_NS = 100, 5000, 3000
SEGMENT_NS = SENDING_NS + ARRIVING_NS
PACE = Pace(BYTE_PS, SENDING_NS, ARRIVING_NS)


@attrs.define
class Ends:
    host: Host
    sender: int
    reader: int

    def send(self, size: int) -> int:
        """How long it took, in nanoseconds."""
        return self._call("send", self.sender, bytes(size), 0)

    def recv(self, size: int) -> int:
        return self._call("recv", self.reader, size, 0)

    def _call(self, name: str, *arguments: Any) -> int:
        began = self.host.now_ns
        done(self.host, name, *arguments)
        return self.host.now_ns - began


def done(host: Host, name: str, *arguments: Any) -> Any:
    answer = host.call(name, *arguments)
    assert isinstance(answer, Done)
    return answer.value


@contextmanager
def ends(pace: Pace | None, ends_ns: int = 1 << 60) -> Iterator[Ends]:
    host = Host("paced", LINUX_DEFAULT, Seeded(0))
    listener, client = (done(host, "socket", 2, 1, 0) for _ in range(2))
    done(host, "bind", listener, ("127.0.0.1", 80))
    done(host, "listen", listener, 1)
    host.call("setblocking", client, False)
    host.call("connect", client, ("127.0.0.1", 80))
    accepted, _ = done(host, "accept", listener)
    host.pace, host.ends_ns = pace, ends_ns
    yield Ends(host, client, accepted)


def test_none_goes_by_as_a_rule() -> None:
    with ends(None) as it:
        assert it.send(100_000) == it.recv(100_000) == 0


def test_bytes_and_segments_take_time() -> None:
    with ends(PACE) as it:
        assert it.send(1) == 2 * SEGMENT_NS  # the connection is young, and what arrives is acknowledged at once
        assert it.recv(1) == 0
        assert it.send(10_000) == 10_000 * BYTE_PS // 1000 + 2 * SEGMENT_NS
        assert it.recv(10_000) == 10_000 * BYTE_PS // 1000


def test_no_more_than_the_call_took() -> None:
    with ends(PACE, ends_ns=3000) as it:
        assert it.send(100_000) == 3000
        assert it.send(1000) == it.recv(1000) == 0


@pytest.mark.parametrize("pace", [None, PACE])
def test_a_round_trip_is_measured_within_a_call(pace: Pace | None) -> None:
    """A window that arrives within one call takes what the copying and the segments take."""
    with ends(pace) as it:
        it.send(300_000)
        tcb = it.host.descriptors[it.reader]
        assert isinstance(tcb, Tcb)
        least, most = (1, 1) if pace is None else (2 * SEGMENT_NS // 1000, 100)
        assert least <= tcb.receive_trip_us8 >> 3 <= most
