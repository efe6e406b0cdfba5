"""The running kernel as the router between two hosts of the model: it forwards, cuts, and answers with ICMP.

Two TUN devices in one private namespace, a host of the model behind each, and the kernel's forwarding between them. So
the errors are the kernel's own, and the model has to understand them.

Not here: the kernel as an end (test_bridge.py).
"""

from __future__ import annotations

import errno
import select
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from model import machines  # noqa: F401  # a host has all rules: importing this declares them
from model.choices import Seeded
from model.profiles import LINUX
from model.values.constants import AF_INET, SO_ERROR, SOCK_DGRAM, SOCK_STREAM, SOL_SOCKET, TcpState
from model.values.conversion import Conversion
from model.values.packets import IcmpError, IpPacket, icmp_error
from model.values.results import Done, Fail
from model.values.segments import Packet
from model.values.wire import decode, encode
from model.world.host import Host
from model.world.wire import as_received
from realnet import Namespace, NamespaceRefused
from realnet.settings import write
from realnet.tun import Tun

from ..model.test_loss import End, pattern

NETWORK = "10.0."
NEAR, FAR = "10.0.0.1", "10.0.1.1"
NARROW = 1000
PATIENCE_S = 20.0


class Side:
    """A host of the model and the device that it is behind."""

    def __init__(self, name: str, ip: str, tun: Tun, began_ns: int) -> None:
        self.host = Host(name, LINUX, Seeded(1), addresses=(ip,), network=NETWORK)
        self.host.link, self.host.path_mtu = self._send, lambda _ip: 1500
        self.tun, self._conversion, self._began_ns = tun, Conversion(), began_ns
        self.errors: list[IcmpError | None] = []
        self.largest = 0

    def _send(self, packet: Packet) -> None:
        for ip in self._conversion.packets(packet):
            self.tun.write(encode(ip))

    def turn(self) -> None:
        self.host.sleep_until(time.monotonic_ns() - self._began_ns)
        while (data := self.tun.read()) is not None:
            ip = decode(data)
            if not isinstance(ip, IpPacket) or ip.version != 4:
                continue
            self.largest = max(self.largest, len(data))
            if icmp_error(ip) is not None:
                self.errors.append(icmp_error(ip))
            packet = self._conversion.packet(ip)
            if packet is not None:
                self.host.receive(as_received(packet, LINUX.buffer_overhead))


@contextmanager
def routed(*commands: str) -> Iterator[tuple[Side, Side]]:
    """Two hosts with the kernel between them. `commands` are for ip(8), and change its routes."""
    if commands and shutil.which("ip") is None:
        pytest.skip("iproute2 is not installed: the kernel's routes cannot be changed")
    try:
        with (
            Namespace(),
            Tun("10.0.0.254", name="tun0") as near,
            Tun("10.0.1.254", mtu=NARROW, name="tun1") as far,
        ):
            write({"net.ipv4.ip_forward": "1", "net.ipv4.icmp_ratelimit": "0"})
            for command in commands:
                subprocess.run(["ip", *command.split()], check=True)
            began_ns = time.monotonic_ns()
            yield Side("near", NEAR, near, began_ns), Side("far", FAR, far, began_ns)
    except NamespaceRefused as refusal:
        pytest.skip(f"the running kernel is out of reach: {refusal.strerror}")
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.EPERM, errno.EACCES, errno.ENODEV):
            pytest.skip(f"no TUN device may be made here: {error.strerror}")
        raise


def until(sides: tuple[Side, Side], holds: Callable[[], Any]) -> Any:
    began = time.monotonic()
    while not (value := holds()):
        assert time.monotonic() - began < PATIENCE_S, "nothing more happens"
        select.select([side.tun for side in sides], [], [], 0.005)
        for side in sides:
            side.turn()
    return value


def opened(host: Host, kind: int = SOCK_STREAM) -> int:
    fd = int(done(host, "socket", AF_INET, kind, 0))
    done(host, "setblocking", fd, False)
    return fd


def done(host: Host, name: str, *args: object) -> Any:
    answer = host.call(name, *args)
    assert isinstance(answer, Done), answer
    return answer.value


def value_or_none(host: Host, name: str, *args: object) -> Any:
    answer = host.call(name, *args)
    return answer.value if isinstance(answer, Done) else None


def connecting(host: Host) -> int:
    fd = opened(host)
    assert host.call("connect", fd, (FAR, 80)) == Fail(errno.EINPROGRESS)
    return fd


def test_a_transfer_through_a_narrow_link_that_the_kernel_tells_of() -> None:
    """RFC 1191, with the kernel's own "fragmentation needed"."""
    with routed() as sides:
        near, far = sides
        listener = opened(far.host)
        done(far.host, "bind", listener, (FAR, 80))
        done(far.host, "listen", listener, 5)
        client = connecting(near.host)
        accepted = until(sides, partial(value_or_none, far.host, "accept", listener))
        done(far.host, "setblocking", accepted[0], False)
        ends = End(near.host, client, pattern(300_000, 1)), End(far.host, accepted[0], pattern(300_000, 2))

        def over() -> bool:
            for end in ends:
                if not end.over:
                    end.go_on()
            return all(end.over for end in ends)

        until(sides, over)
        assert [end.error for end in ends] == [0, 0]
        assert (bytes(ends[1].got), bytes(ends[0].got)) == (ends[0].data, ends[1].data)
        assert 1 <= len(near.errors) <= 10
        assert set(near.errors) == {IcmpError.PACKET_TOO_BIG}
        assert far.largest == NARROW


@pytest.mark.parametrize(
    ("route", "code", "kind"),
    [
        ("route replace unreachable 10.0.1.0/24", errno.EHOSTUNREACH, IcmpError.HOST_UNREACHABLE),
        ("route replace prohibit 10.0.1.0/24", errno.EHOSTUNREACH, IcmpError.PROHIBITED),
        ("route del 10.0.1.0/24 dev tun1", errno.ENETUNREACH, IcmpError.NET_UNREACHABLE),
    ],
)
def test_the_kernel_says_that_there_is_no_way(route: str, code: int, kind: IcmpError) -> None:
    with routed(route) as sides:
        near, _ = sides
        client = connecting(near.host)
        until(sides, lambda: near.errors)
        assert near.errors == [kind]
        end = near.host.descriptors[client]
        assert end.state is TcpState.CLOSED  # type: ignore[attr-defined]
        assert done(near.host, "getsockopt", client, SOL_SOCKET, SO_ERROR) == code


def test_the_kernel_cuts_what_may_be_cut_and_parts_are_made_whole() -> None:
    """A datagram of 5000 bytes leaves in parts of 1500, which the kernel cuts again for the narrow link."""
    with routed() as sides:
        near, far = sides
        there, here = opened(far.host, SOCK_DGRAM), opened(near.host, SOCK_DGRAM)
        done(far.host, "bind", there, (FAR, 53))
        data = pattern(5000, 3)
        done(near.host, "sendto", here, data, 0, (FAR, 53))
        assert until(sides, partial(value_or_none, far.host, "recv", there, 10_000)) == data
        assert (near.errors, far.largest <= NARROW) == ([], True)
