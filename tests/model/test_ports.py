"""Ports that connect draws, on a system that has only two: the same calls on the model and on the kernel.

Not here: what bind allows (tests/cli, the cross-check), UDP.
"""

from __future__ import annotations

import errno
import socket as real_socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import pytest

from model import SimNet
from model.profiles import LINUX
from realnet import Namespace
from realnet.settings import PINNED

LOW, HIGH = 40_000, 40_001
REUSE = (real_socket.SOL_SOCKET, real_socket.SO_REUSEADDR, 1)


@attrs.define
class Arm:
    """A socket module, and what waits on its clock."""

    socket: Any
    sleep: Callable[[float], None]
    opened: list[Any] = attrs.Factory(list)

    def open(self) -> Any:
        self.opened.append(self.socket.socket())
        return self.opened[-1]

    def listener(self, port: int) -> Any:
        end = self.open()
        end.setsockopt(*REUSE)
        end.bind(("127.0.0.1", port))
        end.listen(8)
        return end

    def connect(self, port: int, *, bound: bool = False) -> Any:
        """A connection to `port` from a port that connect draws, or that bind drew before."""
        end = self.open()
        if bound:
            end.bind(("127.0.0.1", 0))
        end.connect(("127.0.0.1", port))
        return end

    def refused(self, port: int) -> bool:
        """Whether a connection to `port` finds no port to come from."""
        return int(self.open().connect_ex(("127.0.0.1", port))) == errno.EADDRNOTAVAIL


@pytest.fixture(params=["model", "kernel"])
def arm(request: pytest.FixtureRequest) -> Iterator[Arm]:
    if request.param == "model":
        with SimNet(profile=attrs.evolve(LINUX, ephemeral_ports=(LOW, HIGH))) as net:
            yield Arm(net.socket, net.time.sleep)
    else:
        with Namespace({**PINNED, "net.ipv4.ip_local_port_range": f"{LOW} {HIGH}"}):
            arm = Arm(real_socket, time.sleep)
            yield arm
            for end in arm.opened:
                end.close()


def test_connections_to_different_places_share_a_port(arm: Arm) -> None:
    for port in (7001, 7002):
        arm.listener(port)
    ends = [arm.connect(port) for port in (7001, 7001, 7002, 7002)]
    assert sorted(end.getsockname()[1] for end in ends) == [LOW, LOW, HIGH, HIGH]
    assert arm.refused(7001)
    assert arm.refused(7002)


def test_a_port_that_was_bound_is_not_shared(arm: Arm) -> None:
    for port in (7001, 7002):
        arm.listener(port)
    ends = [arm.connect(7001, bound=True) for _ in range(2)]
    assert sorted(end.getsockname()[1] for end in ends) == [LOW, HIGH]
    assert arm.refused(7002)


def test_one_holder_who_bound_it_is_enough(arm: Arm) -> None:
    for port in (7001, 7002):
        arm.listener(port)
    first = arm.connect(7001)
    first.setsockopt(*REUSE)
    port = first.getsockname()[1]
    binder, other = arm.open(), arm.open()
    binder.setsockopt(*REUSE)
    binder.bind(("127.0.0.1", port))
    other.bind(("127.0.0.1", LOW + HIGH - port))
    assert arm.refused(7002)
    binder.close()
    assert arm.connect(7002).getsockname()[1] == port


def test_time_wait_makes_way_after_a_second(arm: Arm) -> None:
    listener = arm.listener(7001)
    arm.open().bind(("127.0.0.1", HIGH))
    client = arm.connect(7001)
    server, _ = listener.accept()
    arm.opened.append(server)
    client.close()
    arm.sleep(0.01)
    server.close()
    arm.sleep(0.5)
    assert arm.refused(7001)
    arm.sleep(1.5)
    assert arm.connect(7001).getsockname()[1] == LOW
