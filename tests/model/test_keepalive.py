"""Keep-alive and the user time-out: what a silent connection sends, and when it is given up.

On the kernel's arm a connection is silent for a second and a bit, which is the shortest that TCP_KEEPIDLE allows.

Not here: the ranges of the options (the cross-check sets them at random).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from model import SimNet
from model.values.constants import (
    IPPROTO_TCP,
    SO_KEEPALIVE,
    SOL_SOCKET,
    TCP_KEEPCNT,
    TCP_KEEPIDLE,
    TCP_KEEPINTVL,
    TCP_USER_TIMEOUT,
)

from .arms import on_both_arms
from .traces import NOTHING_ELSE, ModelNet, Net, established

PROBE = "client > server: . 0:0(0) ack 1"
ALIVE = "server > client: . 1:1(0) ack 1"


@on_both_arms
def test_a_silent_peer_is_asked(net: Net) -> None:
    client, _ = established(net)
    client.setsockopt(IPPROTO_TCP, TCP_KEEPIDLE, 1)
    client.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1)
    assert net.after(0.95) == NOTHING_ELSE
    assert net.after(0.15) == [PROBE, ALIVE]
    assert net.after(0.5) == NOTHING_ELSE


@on_both_arms
def test_without_the_option_nobody_asks(net: Net) -> None:
    client, _ = established(net)
    client.setsockopt(IPPROTO_TCP, TCP_KEEPIDLE, 1)
    assert net.after(1.2) == NOTHING_ELSE


def test_after_two_hours_by_default() -> None:
    net = ModelNet()
    client, _ = established(net)
    client.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1)
    assert net.after(7199) == NOTHING_ELSE
    assert net.after(132) == [PROBE, ALIVE], "a deadline so far off is met to within two minutes"
    assert net.after(7068) == NOTHING_ELSE
    assert net.after(132 + 131) == [PROBE, ALIVE]


def test_what_is_heard_starts_the_wait_anew() -> None:
    net = ModelNet()
    client, server = established(net)
    client.setsockopt(IPPROTO_TCP, TCP_KEEPIDLE, 10)
    client.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1)
    assert net.after(6) == NOTHING_ELSE
    server.send(b"here")
    net.wait(0.1)
    net.sent()
    assert net.after(9.5) == NOTHING_ELSE
    assert len(net.after(1)) == 2


def test_children_inherit_it() -> None:
    net = ModelNet()
    listener = net.tcp("server")
    listener.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1)
    listener.setsockopt(IPPROTO_TCP, TCP_KEEPIDLE, 5)
    listener.bind(("127.0.0.1", 80))
    listener.listen()
    client = net.tcp("client")
    client.connect()
    listener.accept()
    net.sent()
    assert net.after(4.9) == NOTHING_ELSE
    assert net.after(0.2) == ["server > client: . 0:0(0) ack 1", "client > server: . 1:1(0) ack 1"]


# ---------------------------------------------------------------- a peer that is gone


@pytest.fixture
def cut() -> Iterator[tuple[SimNet, Any]]:
    """A connection whose peer is behind a partition."""
    with SimNet() as net:
        b = net.host("b")
        listener = b.socket.create_server((b.address, 80))
        client = net.socket.create_connection((b.address, 80))
        server = listener.accept()[0]
        net.time.sleep(1)
        net.wire.partition("lo", "b")
        client.setblocking(False)
        yield net, client
        for end in (server, client, listener):
            end.close()


def failed_after(net: SimNet, client: Any, limit: int) -> int:
    """How many seconds until recv says ETIMEDOUT."""
    for second in range(limit):
        try:
            client.recv(1)
        except BlockingIOError:
            net.time.sleep(1)
        except TimeoutError:
            return second
    raise AssertionError(f"not within {limit} s")


def test_a_peer_that_does_not_answer_is_given_up(cut: tuple[SimNet, Any]) -> None:
    net, client = cut
    for option, value in ((TCP_KEEPIDLE, 10), (TCP_KEEPINTVL, 5), (TCP_KEEPCNT, 3)):
        client.setsockopt(IPPROTO_TCP, option, value)
    client.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1)
    assert failed_after(net, client, 100) in (24, 25)  # silent for a second before it was set; 10 + 3 * 5 from then


def test_the_user_time_out_goes_before_the_number_of_probes(cut: tuple[SimNet, Any]) -> None:
    net, client = cut
    for option, value in ((TCP_KEEPIDLE, 10), (TCP_KEEPINTVL, 5), (TCP_KEEPCNT, 100), (TCP_USER_TIMEOUT, 31_000)):
        client.setsockopt(IPPROTO_TCP, option, value)
    client.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1)
    assert 30 <= failed_after(net, client, 100) <= 36


def test_the_user_time_out_of_what_was_sent(cut: tuple[SimNet, Any]) -> None:
    """RFC 5482; tcp(7), TCP_USER_TIMEOUT. Without it a quarter of an hour."""
    net, client = cut
    client.setsockopt(IPPROTO_TCP, TCP_USER_TIMEOUT, 10_000)
    client.send(b"nobody hears")
    assert 10 <= failed_after(net, client, 100) <= 11


def test_without_a_user_time_out(cut: tuple[SimNet, Any]) -> None:
    net, client = cut
    client.send(b"nobody hears")
    assert 900 < failed_after(net, client, 2000) < 1000
