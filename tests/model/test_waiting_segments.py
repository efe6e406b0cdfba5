"""What waits for a locked socket: which segments become one while they do, and who is told of them when.

Not here: how much may wait, and what it is charged (the cross-check compares both).
"""

from __future__ import annotations

import struct
from typing import Any

import attrs
import pytest

from model import SimNet
from model.choices import Seeded
from model.profiles import LINUX
from model.tcp.block import Tcb
from model.values.constants import AF_INET, SOCK_STREAM, TcpFlag
from model.values.results import Done
from model.values.segments import Segment
from model.world.namespaces import SharedKernel
from realnet import NamespaceRefused, RealNet

FIONREAD, TIOCOUTQ, SO_MEMINFO = 0x541B, 0x5411, 55
NEAR, FAR = "10.0.0.1", "10.0.0.2"


@pytest.fixture
def locked() -> tuple[SharedKernel, Tcb]:
    """A connection, whose client a call holds."""
    kernel = SharedKernel(LINUX, Seeded(0), [(NEAR,), (FAR,)], "10.0.0.", 1500)
    listener, client = (kernel.call("socket", AF_INET, SOCK_STREAM, 0, at=host) for host in (1, 0))
    assert isinstance(listener, Done)
    assert isinstance(client, Done)
    kernel.descriptors[client.value].nonblocking = True
    kernel.call("bind", listener.value, (FAR, 80))
    kernel.call("listen", listener.value, 1)
    kernel.call("connect", client.value, (FAR, 80))
    tcb = kernel.descriptors[client.value]
    assert isinstance(tcb, Tcb)
    tcb.busy = True
    return kernel, tcb


def acknowledgement(tcb: Tcb) -> Segment:
    return Segment(tcb.remote, tcb.local, tcb.rcv_nxt, tcb.snd_una, int(TcpFlag.ACK), 65_536, timestamps=(5, 7))


@pytest.mark.parametrize(
    ("later", "waiting"),
    [
        ({}, 1), ({"window": 32_768}, 1), ({"timestamps": (6, 7)}, 2), ({"timestamps": (5, 8)}, 2),
        ({"timestamps": None}, 2), ({"sack": ((9, 10),)}, 2),
    ],
)  # fmt: skip
def test_only_those_with_the_same_options_become_one(
    locked: tuple[SharedKernel, Tcb], later: dict[str, Any], waiting: int
) -> None:
    """So an acknowledgement that echoes a later millisecond is looked at by itself (`tcp_add_backlog`)."""
    kernel, tcb = locked
    first = acknowledgement(tcb)
    for segment in (first, attrs.evolve(first, **later)):
        kernel.hosts[0].receive(segment)
    assert len(tcb.backlog) == waiting


# Acknowledgements --------------------------------------------------------------------------------------------------


def a_reader_makes_room(net: Any, bulk: int, speaks: bool) -> Any:
    """The first flight into a closed window is dropped. When the reader makes room the next one follows, and waits
    because the reader's call is not over. One who has spoken delays acknowledgements; but of a gap it tells at once.
    """
    server_at, counts = ("127.0.0.1", 8000), []
    with net.socket.create_server(server_at) as listener:
        client = net.socket.create_connection(server_at)
        server = listener.accept()[0]
    with client, server:
        for each in (client, server):
            each.setblocking(False)
        server.send(bytes(65_483))
        if speaks:
            client.send(b"x")
        client.setsockopt(net.socket.SOL_SOCKET, net.socket.SO_RCVBUF, 4608)
        server.send(bytes(bulk))
        client.setsockopt(net.socket.SOL_SOCKET, net.socket.SO_RCVBUF, 200_000)
        client.recv(1)
        for each, request in ((client, FIONREAD), (server, TIOCOUTQ)):
            counts.append(struct.unpack("i", net.fcntl.ioctl(each, request, bytes(4)))[0])
        memory = struct.unpack("9I", client.getsockopt(net.socket.SOL_SOCKET, SO_MEMINFO, 36))
        return counts, memory[0], memory[-1]


@pytest.mark.parametrize("speaks", [True, False])
@pytest.mark.parametrize("bulk", [100_000, 200_000, 240_000, 300_000, 400_000])
def test_a_gap_is_told_before_the_call_is_over(bulk: int, speaks: bool) -> None:
    with SimNet() as net:
        seen = a_reader_makes_room(net, bulk, speaks)
    try:
        with RealNet() as real:
            assert a_reader_makes_room(real, bulk, speaks) == seen
    except NamespaceRefused as error:
        pytest.skip(str(error))


def test_the_window_behind_a_gap_is_smaller_while_segments_wait() -> None:
    """The one example in numbers, as the kernel shows them."""
    with SimNet() as net:
        assert a_reader_makes_room(net, 300_000, speaks=True) == ([303_562, 172_000], 305_227, 1)
