"""A device that holds packets back, in virtual time: when what waits leaves, and whom that wakes.

How much is charged for what, and when a send would block, is compared with the kernel (tests/crosscheck/test_held.py),
whose device there never sends what it holds. Here it does, and a program that waits goes on.
"""

from __future__ import annotations

from typing import Any

import pytest

from model import SimNet
from model.profiles import SECOND
from model.values.segments import Datagram
from model.world.device import Device, Waiting

BYTE = 8
"""Bits a second at which a device sends a byte a second."""
HEADERS = 42
"""Ethernet, IP and UDP."""


def packet(size: int) -> Waiting:
    """A packet that takes so many bytes on the link."""
    return Waiting(Datagram(("10.0.0.1", 1), ("10.0.0.2", 2), bytes(size - HEADERS)), 1, 832)


def leaves_at(device: Device, now_s: float) -> list[int]:
    gone = []
    while (one := device.leave(round(now_s * SECOND))) is not None:
        gone.append(one.size)
    return gone


def test_what_the_bucket_holds_leaves_at_once_and_the_rest_byte_by_byte() -> None:
    device = Device(BYTE, burst=200, limit=1000)
    assert [device.take(packet(size)) for size in (100, 100, 60, 50)] == [True] * 4
    assert (leaves_at(device, 0), device.backlog) == ([100, 100], 110)
    assert (device.next_departure(), leaves_at(device, 59.9)) == (60 * SECOND, [])
    assert (leaves_at(device, 60), device.next_departure()) == ([60], 110 * SECOND)
    assert (leaves_at(device, 1000), device.next_departure(), device.backlog) == ([50], None, 0)


def test_the_bucket_fills_to_its_brim_and_no_further() -> None:
    device = Device(BYTE, burst=100, limit=1000)
    assert [device.take(packet(60)) for _ in range(3)] == [True] * 3
    assert (leaves_at(device, 10_000), device.next_departure()) == ([60], 10_020 * SECOND)


def test_what_waits_has_a_limit_and_what_is_too_large_never_leaves() -> None:
    device = Device(BYTE, burst=100, limit=150)
    assert [device.take(packet(size)) for size in (101, 100, 51, 50)] == [False, True, False, True]
    assert (device.dropped, device.backlog, [one.size for one in device.purge()], device.backlog) == (
        2,
        150,
        [100, 50],
        0,
    )


def held_back(net: SimNet) -> tuple[Any, Any]:
    """A socket with the smallest send buffer on a host whose device sends 1000 bytes a second, and one on another host
    that receives.
    """
    far = net.host("b")
    receiver = far.socket.socket(far.socket.AF_INET, far.socket.SOCK_DGRAM)
    receiver.bind((far.address, 9))
    net.world.host.device = Device(1000 * BYTE, burst=1514, limit=100_000)
    sender = net.socket.socket(net.socket.AF_INET, net.socket.SOCK_DGRAM)
    sender.setsockopt(net.socket.SOL_SOCKET, net.socket.SO_SNDBUF, 1)
    sender.connect(receiver.getsockname())
    return sender, receiver


def test_a_sender_that_may_not_wait_is_told_and_poll_says_when_to_go_on() -> None:
    with SimNet() as net:
        sender, receiver = held_back(net)
        sender.setblocking(False)
        for _ in range(3):
            assert sender.send(bytes(1472)) == 1472
        with pytest.raises(BlockingIOError):
            sender.send(b"")
        assert net.select.select([], [sender], [], 0) == ([], [], [])
        assert net.select.select([], [sender], [], 60) == ([], [sender], [])
        assert net.time.monotonic() == pytest.approx(2 * 1.514)
        assert (sender.send(b""), receiver.fileno() >= 0) == (0, True)


def test_a_sender_that_waits_goes_on_when_more_than_half_has_left() -> None:
    """Anything free at all would do, but nobody is told of it before (`sock_def_write_space`). Seen on the kernel
    behind a token bucket: of datagrams that take half the buffer every second one waits, until two have left.
    """
    with SimNet() as net:
        sender, receiver = held_back(net)
        began = net.time.monotonic()
        sent = [sender.send(bytes(1472)) for _ in range(4)]
        assert (sent, net.time.monotonic() - began) == ([1472] * 4, pytest.approx(3.028))
        net.time.sleep(10)
        receiver.setblocking(False)
        assert [len(receiver.recv(2000)) for _ in range(4)] == sent


def test_a_socket_may_be_closed_before_its_datagrams_have_left() -> None:
    with SimNet() as net:
        sender, receiver = held_back(net)
        assert [sender.send(b"x" * 1472) for _ in range(2)] == [1472] * 2
        sender.close()
        net.time.sleep(10)
        receiver.setblocking(False)
        assert [len(receiver.recv(2000)) for _ in range(2)] == [1472] * 2


def test_a_host_that_loses_its_memory_loses_what_waits() -> None:
    with SimNet() as net:
        ends = held_back(net)
        assert [ends[0].send(b"x" * 1472) for _ in range(2)] == [1472] * 2
        net.world.crash("lo")
        assert net.world.host.device is not None
        assert net.world.host.device.backlog == 0
