"""How often and how long a client asks: TCP_SYNCNT, TCP_USER_TIMEOUT, and what a repeated handshake leaves behind.

The client asks a listener whose accept queue is full, so nobody answers.

Not here: what listeners do (test_requests.py).
"""

from __future__ import annotations

import errno
import struct

import pytest

from model.values.constants import IPPROTO_TCP, TCP_DEFER_ACCEPT, TCP_INFO, TCP_SYNCNT, TCP_USER_TIMEOUT

from .arms import on_both_arms
from .traces import NOTHING_ELSE, End, ModelNet, Net, listening

SYN = "client > server: S 0:1(0) <mss 65495,wscale 10>"
RTO, CWND = 2, 20


def info(end: End, word: int) -> int:
    """One of the 32-bit words of TCP_INFO; the first two hold eight bytes."""
    value: int = struct.unpack("=2Q24I", bytes(8) + end.call("getsockopt", IPPROTO_TCP, TCP_INFO, 104))[word]
    return value


def asking(net: Net, option: int = 0, value: int = 0) -> tuple[End, End]:
    """SYN-SENT with this option, and the listener that is full."""
    listener, first, client = listening(net, backlog=0), net.tcp("first"), net.tcp("client")
    first.connect()
    if option:
        assert client.setsockopt(IPPROTO_TCP, option, value) is None
    client.connect()
    assert net.sent()[-1] == SYN
    return client, listener


@pytest.mark.parametrize(
    ("retries", "times", "end"),
    [(1, [1, 2], 3), (2, [1, 2, 3, 4, 5], 7), (3, [1, 2, 3, 4, 5, 7, 11], 19), (127, [1, 2, 3, 4, 5, 7, 11], None)],
)
def test_synces_are_counted_and_timed(retries: int, times: list[int], end: int | None) -> None:
    """TCP_SYNCNT = 1 would let five go, but one of them with doubled waits would be over after three seconds."""
    net = ModelNet()
    client, _ = asking(net, TCP_SYNCNT, retries)
    again = net.times((end or 19) - 0.5)
    assert [round(float(line.split(" ")[0])) for line in again] == times
    assert client.state == "SYN_SENT"
    after = net.after(1)
    assert (after, client.state) == ((NOTHING_ELSE, "CLOSED") if end else ([SYN], "SYN_SENT"))
    assert client.error() == (errno.ETIMEDOUT if end else 0)


@pytest.mark.parametrize(("timeout_ms", "before", "sent"), [(500, 0.95, 1), (1500, 1.45, 1), (2500, 2.4, 2)])
@on_both_arms
def test_a_user_timeout_ends_the_attempt_but_not_before_the_second_syn(
    net: Net, timeout_ms: int, before: float, sent: int
) -> None:
    """tcp_clamp_rto_to_user_timeout; nothing is timed out that was not sent again."""
    client, _ = asking(net, TCP_USER_TIMEOUT, timeout_ms)
    first = net.after(before)
    assert client.state == "SYN_SENT"
    last = net.after(0.2)
    assert ([*first, *last], client.state, client.error()) == ([SYN] * sent, "CLOSED", errno.ETIMEDOUT)


@pytest.mark.parametrize("value", [0, 128, -1])
@on_both_arms
def test_a_count_out_of_range_is_refused(net: Net, value: int) -> None:
    client = net.tcp("client")
    assert client.setsockopt(IPPROTO_TCP, TCP_SYNCNT, value) == "EINVAL"
    assert client.call("getsockopt", IPPROTO_TCP, TCP_SYNCNT) == 6


@pytest.mark.slow
@on_both_arms
def test_a_handshake_after_two_repeated_syns_begins_with_one_segment(net: Net) -> None:
    """RFC 5681 §3.1, for more than one (`tcp_init_transfer`). The round trip is known from the echo."""
    client, listener = asking(net)
    assert net.after(1.5) == [SYN]
    listener.accept()
    assert net.after(1)[0] == SYN
    assert (client.state, info(client, CWND), info(client, RTO)) == ("ESTABLISHED", 1, 204_000)


@on_both_arms
def test_a_client_that_defers_leaves_the_third_segment_to_its_data(net: Net) -> None:
    """TCP_DEFER_ACCEPT of a client (`tcp_rcv_synsent_state_process`): at most 200 ms."""
    listening(net)
    client = net.tcp("client")
    client.setsockopt(IPPROTO_TCP, TCP_DEFER_ACCEPT, 1)
    client.connect()
    assert (len(net.sent()), client.state) == (2, "ESTABLISHED")
    client.send(b"x")
    assert net.sent()[0] == "client > server: P. 1:2(1) ack 1"


@on_both_arms
def test_a_client_that_defers_and_has_no_data_acknowledges_after_200_ms(net: Net) -> None:
    listening(net)
    client = net.tcp("client")
    client.setsockopt(IPPROTO_TCP, TCP_DEFER_ACCEPT, 1)
    client.connect()
    net.sent()
    assert net.after(0.19) == NOTHING_ELSE
    assert net.after(0.05) == ["client > server: . 1:1(0) ack 1"]
