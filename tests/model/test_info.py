"""TCP_INFO, field by field: the same on both arms wherever time does not decide.

Not here: the fields that tell measured times, and those that the model does not count (`tcp_info` in sockets/options
names them).
"""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from model.sockets.options import tcp_info
from model.tcp.block import Tcb
from model.values.constants import IPPROTO_TCP, TCP_INFO
from model.world.world import World

from .arms import on_both_arms
from .traces import End, Net, close_wait, established, fin_wait_2, listening

NAMES = list(tcp_info(Tcb(0), World().host))
MEASURED = {"rto", "ato", "rtt", "rttvar", "last_data_sent", "last_ack_sent", "last_data_recv", "last_ack_recv"}
NOT_COUNTED = {"fackets", "rcv_rtt", "rcv_space", "flags"}
"""`flags` holds bits of the rate sampler."""


def info(end: End) -> dict[str, int]:
    data = end.call("getsockopt", IPPROTO_TCP, TCP_INFO, 104)
    fields = dict(zip(NAMES, struct.unpack("=8B24I", data), strict=True))
    return {name: value for name, value in fields.items() if name not in MEASURED | NOT_COUNTED}


FRESH = {
    "ca_state": 0, "retransmits": 0, "probes": 0, "backoff": 0, "sacked": 0, "lost": 0, "retrans": 0,
    "snd_ssthresh": 0x7FFF_FFFF, "snd_cwnd": 10, "reordering": 3, "total_retrans": 0,
}  # fmt: skip
OPEN = {
    **FRESH, "options": 7, "wscale": 0xAA, "snd_mss": 32_768, "rcv_mss": 536, "unacked": 0, "pmtu": 65_535,
    "advmss": 65_483,
}  # fmt: skip


def _established(net: Net) -> End:
    return established(net)[1]


def _fin_wait_2(net: Net) -> End:
    return fin_wait_2(net)[0]


def _close_wait(net: Net) -> End:
    return close_wait(net)[1]


@pytest.mark.parametrize(
    ("make", "state", "threshold"), [(_established, 1, 65_483), (_fin_wait_2, 5, 65_495), (_close_wait, 8, 65_483)]
)
@on_both_arms
def test_an_open_connection(net: Net, make: Callable[[Net], End], state: int, threshold: int) -> None:
    """Who has connected began with a window that does not know of timestamps yet."""
    assert info(make(net)) == {**OPEN, "state": state, "rcv_ssthresh": threshold}


@on_both_arms
def test_what_was_sent_and_what_came(net: Net) -> None:
    client, server = established(net)
    server.send(bytes(100_000))
    assert len(client.recv(10_000)) == 10_000
    net.sent()
    sender, receiver = info(server), info(client)
    assert (sender["unacked"], sender["snd_cwnd"], sender["total_retrans"]) == (0, 10, 0)
    assert (receiver["rcv_mss"], receiver["snd_mss"]) == (34_464, 32_768)


@on_both_arms
def test_a_listener_counts_its_queue(net: Net) -> None:
    """unacked: connections that wait; sacked: how many may."""
    listener = listening(net)
    net.tcp("client").connect()
    found = info(listener)
    assert (found["state"], found["unacked"], found["sacked"]) == (10, 1, 5)
