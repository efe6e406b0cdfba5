"""Captures for tests: scenarios that send packets, and a reader of pcapng that believes nothing.

Not here: what is expected of them (test_pcap.py, test_tshark.py).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs

from model import SimNet
from model.trace import Trace
from wouldblock import scenarios

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
ALL = [each for file in sorted(EXAMPLES.glob("*.py")) for each in scenarios.load(str(file))]
Block = tuple[int, bytes, dict[int, bytes]]
_FIXED = {0x0A0D0D0A: 16, 1: 8, 6: 20}
"""Block type → bytes of its body before packet and options."""


def blocks(data: bytes) -> Iterator[Block]:
    """Type, fixed part with the packet, and options of each block."""
    at = 0
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        assert length % 4 == 0
        assert struct.unpack_from("<I", data, at + length - 4) == (length,)
        body = data[at + 8 : at + length - 4]
        size = _FIXED[kind]
        captured = struct.unpack_from("<I", body, 12)[0] if kind == 6 else 0
        yield kind, body[: size + captured], dict(options(body[size + captured + -captured % 4 :]))
        at += length
    assert at == len(data)


def options(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while (code_and_length := struct.unpack_from("<HH", data, at)) != (0, 0):
        code, length = code_and_length
        yield code, data[at + 4 : at + 4 + length]
        at += 4 + length + -length % 4
    assert at + 4 == len(data)


@attrs.frozen
class Caught:
    """One packet of a file."""

    host: str
    at_ns: int
    data: bytes
    comment: str


def caught(data: bytes) -> list[Caught]:
    section, *rest = blocks(data)
    assert section[0] == 0x0A0D0D0A
    assert struct.unpack("<IHHq", section[1]) == (0x1A2B3C4D, 1, 0, -1)
    hosts, found = [], []
    for kind, body, given in rest:
        if kind == 1:
            assert struct.unpack("<HHI", body) == (101, 0, 0)
            assert given[9] == b"\x09"
            hosts.append(given[2].decode())
        else:
            interface, high, low, captured, length = struct.unpack_from("<IIIII", body)
            assert captured == length == len(body) - 20
            assert given[2] == b"\2\0\0\0"
            found.append(Caught(hosts[interface], high << 32 | low, body[20:], given[1].decode()))
    return found


def run(function: Callable[[Any], Any]) -> Trace:
    with SimNet(seed=3) as net:
        function(net)
        return net.trace


def two_hosts(net: Any, loss: bool = True) -> None:
    """A transfer over a wire that loses a segment, then runs on loopback."""
    b = net.host("b")
    if loss:
        net.wire.judge = lambda passing: net.wire.DROP if passing.number == 6 else net.wire.PASS
    with b.socket.create_server((b.address, 80)) as server, net.socket.create_connection((b.address, 80)) as near:
        far, _ = server.accept()
        for _ in range(4):
            near.send(bytes(4000))
            net.time.sleep(0.001)
        net.time.sleep(1)
        assert len(far.recv(20_000)) == 16_000
        far.close()
        assert near.recv(1) == b""
    net.time.sleep(1)


def large_on_loopback(net: Any) -> None:
    """Runs of segments, cut on their way."""
    with net.socket.create_server(("127.0.0.1", 80)) as server:
        near = net.socket.create_connection(("127.0.0.1", 80))
        far, _ = server.accept()
        got, text = b"", bytes(range(250)) * 1200
        near.setblocking(False)
        while len(got) < len(text):
            try:
                near.send(text[len(got) :])
            except BlockingIOError:
                pass
            got += far.recv(1 << 20)
        near.close()
        far.close()
