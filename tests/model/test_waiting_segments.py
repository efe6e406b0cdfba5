"""What waits for a locked socket: which segments become one while they do.

Not here: how much may wait, and what it is charged (the cross-check compares both).
"""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from model.choices import Seeded
from model.profiles import LINUX
from model.tcp.block import Tcb
from model.values.constants import AF_INET, SOCK_STREAM, TcpFlag
from model.values.results import Done
from model.values.segments import Segment
from model.world.namespaces import SharedKernel

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
