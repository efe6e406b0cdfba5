"""Closing TCP connections, as packet traces: half, both halves, at once, by force, and what lingers afterwards.

Not here: a close that waits (SO_LINGER with time, tests/guests/test_lingering.py).
"""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from model.values.constants import (
    POLLERR,
    POLLHUP,
    POLLIN,
    POLLOUT,
    POLLRDHUP,
    SHUT_RDWR,
    SO_LINGER,
    SO_REUSEADDR,
    SOL_SOCKET,
)

from .arms import on_both_arms
from .traces import (
    NOTHING_ELSE,
    End,
    ModelNet,
    Net,
    close_wait,
    closing,
    established,
    fin_wait_1,
    fin_wait_2,
    interactive,
    last_ack,
    self_connected,
    stuck,
    time_wait,
)

OVER = POLLIN | POLLOUT | POLLHUP | POLLRDHUP
ENDED = POLLIN | POLLOUT | POLLRDHUP


# ---------------------------------------------------------------- one direction, then the other


@on_both_arms
def test_half_a_close_leaves_the_other_half(net: Net) -> None:
    client, server = established(net)
    assert client.shutdown() is None
    assert net.sent() == ["client > server: F. 1:2(0) ack 1"]
    assert (client.send(b"x"), server.recv(), server.poll()) == ("EPIPE", b"", ENDED)
    server.send(b"reply")
    assert net.sent() == ["server > client: P. 1:6(5) ack 2", "client > server: . 2:2(0) ack 6"]
    assert (client.recv(), client.recv()) == (b"reply", "EAGAIN")
    server.close()
    assert net.sent() == ["server > client: F. 6:7(0) ack 2", "client > server: . 2:2(0) ack 7"]
    assert (client.recv(), client.state, client.poll()) == (b"", "CLOSED", OVER)
    assert net.after(2.2) == NOTHING_ELSE


@on_both_arms
def test_a_fin_alone_is_acknowledged_on_the_next_tick(net: Net) -> None:
    client, server = fin_wait_1(net)
    assert net.after(0.03) == ["server > client: . 1:1(0) ack 2"]
    assert (client.state, server.state) == ("FIN_WAIT_2", "CLOSE_WAIT")
    assert net.after(2.2) == NOTHING_ELSE


@on_both_arms
def test_a_second_shutdown_sends_nothing(net: Net) -> None:
    client, _ = fin_wait_2(net)
    assert (client.shutdown(), client.shutdown(SHUT_RDWR)) == (None, None)
    assert net.after(2.2) == NOTHING_ELSE


@on_both_arms
def test_the_second_fin_ends_the_connection(net: Net) -> None:
    client, server = close_wait(net)
    server.shutdown()
    assert net.sent() == ["server > client: F. 1:2(0) ack 2", "client > server: . 2:2(0) ack 2"]
    assert (client.state, server.state) == ("CLOSED", "CLOSED")
    assert (client.recv(), server.recv(), server.send(b"x")) == (b"", b"", "EPIPE")
    assert net.after(2.2) == NOTHING_ELSE


@on_both_arms
def test_both_close_one_after_the_other(net: Net) -> None:
    """The second FIN carries the acknowledgement of the first."""
    client, server = established(net)
    client.close()
    server.close()
    assert net.sent() == [
        "client > server: F. 1:2(0) ack 1",
        "server > client: F. 1:2(0) ack 2",
        "client > server: . 2:2(0) ack 2",
    ]
    assert net.after(2.2) == NOTHING_ELSE


# ---------------------------------------------------------------- FINs that wait, FINs that cross


@on_both_arms
def test_fins_cross_where_both_wait_behind_closed_windows(net: Net) -> None:
    """RFC 9293 §3.6, case 3: CLOSING, and TIME-WAIT on both sides."""
    client, server = closing(net)
    assert (server.readable(), server.recv()) == (0, b"")
    assert net.after(0.02) == NOTHING_ELSE
    assert client.drain() == (2_623_648, b"")
    last = net.sent()[-2:]
    assert last == [
        "server > client: FP. 2576033:2623650(47616) ack 2623650",
        "client > server: . 2623650:2623650(0) ack 2623650",
    ]
    assert (client.state, server.state) == ("CLOSED", "CLOSED")
    assert net.after(2.2) == NOTHING_ELSE


@on_both_arms
def test_the_last_fin_waits_behind_the_last_bytes(net: Net) -> None:
    client, server = last_ack(net)
    assert client.drain() == (2_623_648, b"")
    assert net.sent()[-2:] == [
        "server > client: FP. 2576033:2623650(47616) ack 2",
        "client > server: . 2:2(0) ack 2623650",
    ]
    assert (client.state, server.state) == ("CLOSED", "CLOSED")
    assert net.after(2.2) == NOTHING_ELSE


@on_both_arms
def test_a_closed_socket_still_delivers_what_it_holds(net: Net) -> None:
    client, server = stuck(net)
    client.close()
    assert net.sent() == NOTHING_ELSE
    assert len(server.recv()) == 1152
    assert net.sent()[:2] == ["server > client: . 1:1(0) ack 1153", "client > server: . 1153:1729(576) ack 1"]


@on_both_arms
def test_nagle_does_not_hold_a_fin(net: Net) -> None:
    _, server = interactive(net)
    server.send(b"one")
    server.send(b"two")
    net.sent()
    server.close()
    assert net.sent() == ["server > client: FP. 14:18(3) ack 2"]


# ---------------------------------------------------------------- resets


@on_both_arms
def test_closing_with_bytes_unread_resets(net: Net) -> None:
    """RFC 2525 §2.17: data was lost, and the peer is told."""
    client, server = established(net)
    client.send(b"abc")
    net.sent()
    server.close()
    assert net.sent() == ["server > client: R. 1:1(0) ack 4"]
    assert (client.state, client.poll()) == ("CLOSED", OVER | POLLERR)
    assert [client.recv(), client.recv(), client.send(b"x")] == ["ECONNRESET", b"", "EPIPE"]
    assert net.after(2.2) == NOTHING_ELSE


@on_both_arms
def test_closing_with_end_of_file_unread_does_not_reset(net: Net) -> None:
    _, server = close_wait(net)
    server.close()
    assert net.sent() == ["server > client: F. 1:2(0) ack 2", "client > server: . 2:2(0) ack 2"]


@on_both_arms
def test_sending_to_a_closed_socket_is_answered_with_a_reset(net: Net) -> None:
    """The first send succeeds: the answer comes after it. In CLOSE-WAIT the reset leaves EPIPE, not ECONNRESET."""
    client, server = established(net)
    server.close()
    assert net.sent() == ["server > client: F. 1:2(0) ack 1"]
    assert client.send(b"x") == 1
    assert net.sent() == ["client > server: P. 1:2(1) ack 2", "server > client: R 2:2(0)"]
    assert (client.state, client.poll()) == ("CLOSED", OVER | POLLERR)
    assert [client.send(b"y"), client.send(b"z"), client.recv()] == ["EPIPE", "EPIPE", b""]
    assert net.after(2.2) == NOTHING_ELSE


@on_both_arms
def test_bytes_for_a_socket_shut_both_ways_are_answered_with_a_reset(net: Net) -> None:
    client, server = established(net)
    client.shutdown(SHUT_RDWR)
    net.sent()
    assert net.after(0.03) == ["server > client: . 1:1(0) ack 2"]
    assert server.send(b"x") == 1
    assert net.sent() == ["server > client: P. 1:2(1) ack 2", "client > server: R 2:2(0)"]
    assert (client.state, server.state) == ("CLOSED", "CLOSED")


# ---------------------------------------------------------------- what lingers, for minutes of virtual time


def test_time_wait_is_over_after_a_minute() -> None:
    net = ModelNet()
    time_wait(net)
    assert net.states() == ["LISTEN", "CLOSED", "TIME_WAIT"]
    assert net.after(59.9) == NOTHING_ELSE
    assert net.states() == ["LISTEN", "CLOSED", "TIME_WAIT"]
    assert net.after(2.2) == NOTHING_ELSE, "late by up to 512 ticks (model/world/wheel.py)"
    assert net.states() == ["LISTEN", "CLOSED"]


def test_crossed_fins_leave_time_wait_on_both_sides() -> None:
    net = ModelNet()
    client, _ = closing(net)
    client.drain()
    net.sent()
    assert net.states() == ["LISTEN", "CLOSED", "CLOSED", "TIME_WAIT", "TIME_WAIT"]
    assert net.after(61) == NOTHING_ELSE
    assert net.states() == ["LISTEN", "CLOSED", "CLOSED"]


def test_a_socket_connected_to_itself_rests_once() -> None:
    net = ModelNet()
    end = self_connected(net)
    end.shutdown()
    assert net.states() == ["CLOSED", "TIME_WAIT"]
    net.wait(61)
    assert net.states() == ["CLOSED"]


@pytest.mark.parametrize("reuse", [0, 1])
def test_an_address_at_rest_is_taken(reuse: int) -> None:
    """SO_REUSEADDR helps only if the connection that rests had it too."""
    net = ModelNet()
    client, _ = time_wait(net)
    ((resting, _),) = net.host.connections
    client.close()
    other = net.tcp("other")
    other.setsockopt(SOL_SOCKET, SO_REUSEADDR, reuse)
    assert other.bind(resting) == "EADDRINUSE"
    net.wait(61)
    assert other.bind(resting) is None


def test_an_orphan_waits_a_minute_for_the_peers_fin() -> None:
    """tcp_fin_timeout. RFC 9293 would have it wait for ever."""
    net = ModelNet()
    client, server = fin_wait_2(net)
    client.close()
    assert net.after(59.9) == NOTHING_ELSE
    assert net.states() == ["LISTEN", "FIN_WAIT_2", "CLOSE_WAIT"]
    assert net.after(2.2) == NOTHING_ELSE
    assert net.states() == ["LISTEN", "CLOSE_WAIT"]
    server.send(b"x")
    assert net.sent() == ["server > client: P. 1:2(1) ack 2", "client > server: R 2:2(0)"]


def test_a_socket_that_a_program_holds_waits_for_ever() -> None:
    net = ModelNet()
    client, server = fin_wait_2(net)
    assert net.after(100_000) == NOTHING_ELSE
    assert (client.state, server.state) == ("FIN_WAIT_2", "CLOSE_WAIT")


@pytest.mark.parametrize("seconds", [0.001, 30])
def test_the_peers_fin_in_time_ends_an_orphan_in_time_wait(seconds: float) -> None:
    net = ModelNet()
    client, server = fin_wait_2(net)
    client.close()
    net.after(seconds)
    server.close()
    assert net.sent() == ["server > client: F. 1:2(0) ack 2", "client > server: . 2:2(0) ack 2"]
    assert net.states() == ["LISTEN", "TIME_WAIT"]
    assert net.after(59.9) == NOTHING_ELSE
    assert net.states() == ["LISTEN", "TIME_WAIT"]
    assert net.after(2.2) == NOTHING_ELSE
    assert net.states() == ["LISTEN"]


# ---------------------------------------------------------------- SO_LINGER without time


@pytest.mark.parametrize(
    ("state", "which", "reset"),
    [
        pytest.param(established, 0, "client > server: R. 1:1(0) ack 1", id="ESTABLISHED"),
        pytest.param(stuck, 0, "client > server: R. 1153:1153(0) ack 1", id="ESTABLISHED with bytes unsent"),
        pytest.param(fin_wait_1, 0, "client > server: R. 2:2(0) ack 1", id="FIN_WAIT_1"),
        pytest.param(fin_wait_2, 0, "client > server: R. 2:2(0) ack 1", id="FIN_WAIT_2"),
        pytest.param(close_wait, 1, "server > client: R. 1:1(0) ack 2", id="CLOSE_WAIT"),
        pytest.param(last_ack, 1, "server > client: R. 100001:100001(0) ack 2", id="LAST_ACK with bytes unsent"),
        pytest.param(closing, 1, "server > client: R. 100001:100001(0) ack 2623650", id="CLOSING with bytes unsent"),
    ],
)
@on_both_arms
def test_closing_without_lingering_resets(
    net: Net, state: Callable[[Net], tuple[End, End]], which: int, reset: str
) -> None:
    """What was not sent is lost, whichever state it is."""
    ends = state(net)
    one, other = ends[which], ends[1 - which]
    one.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("=ii", 1, 0))
    one.close()
    assert net.sent() == [reset]
    assert other.state == "CLOSED"
    assert net.after(2.2) == NOTHING_ELSE
