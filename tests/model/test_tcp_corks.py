"""When bytes move, as far as a program has a say: corks, low-water marks, and a window that is not to grow.

Each as a packet trace on both arms. Not here: Nagle's algorithm alone (test_tcp_data.py).
"""

from __future__ import annotations

from model.values.constants import (
    IPPROTO_TCP,
    MSG_MORE,
    POLLIN,
    POLLOUT,
    SO_RCVLOWAT,
    SOL_SOCKET,
    TCP_CORK,
    TCP_NODELAY,
    TCP_NOTSENT_LOWAT,
    TCP_WINDOW_CLAMP,
)

from .arms import on_both_arms
from .traces import NOTHING_ELSE, SMALL_RCVBUF, Net, established


@on_both_arms
def test_a_cork_holds_less_than_a_segment_until_it_is_drawn(net: Net) -> None:
    client, server = established(net)
    client.setsockopt(IPPROTO_TCP, TCP_CORK, 1)
    assert (client.send(b"one"), client.send(b"two")) == (3, 3)
    assert net.sent() == NOTHING_ELSE
    client.setsockopt(IPPROTO_TCP, TCP_CORK, 0)
    assert net.sent() == ["client > server: P. 1:7(6) ack 1", "server > client: . 1:1(0) ack 7"]
    assert server.recv() == b"onetwo"
    assert net.after(0.2) == NOTHING_ELSE


@on_both_arms
def test_a_cork_gives_way_after_a_fifth_of_a_second(net: Net) -> None:
    """tcp(7): at most 200 ms. It is the timer that probes closed windows."""
    client, _ = established(net)
    client.setsockopt(IPPROTO_TCP, TCP_CORK, 1)
    client.send(b"one")
    assert net.after(0.15) == NOTHING_ELSE
    assert net.after(0.15) == ["client > server: P. 1:4(3) ack 1", "server > client: . 1:1(0) ack 4"]
    assert net.after(0.3) == NOTHING_ELSE


@on_both_arms
def test_more_is_a_cork_for_one_call_that_nodelay_does_not_draw(net: Net) -> None:
    client, _ = established(net)
    client.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
    assert client.send(b"one", MSG_MORE) == 3
    assert net.sent() == NOTHING_ELSE
    assert client.send(b"two") == 3
    assert net.sent() == ["client > server: P. 1:7(6) ack 1", "server > client: . 1:1(0) ack 7"]
    assert net.after(0.2) == NOTHING_ELSE


@on_both_arms
def test_below_the_low_water_mark_a_reader_is_not_told(net: Net) -> None:
    client, server = established(net)
    server.setsockopt(SOL_SOCKET, SO_RCVLOWAT, 5)
    client.send(b"four")
    assert not server.poll() & POLLIN
    client.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
    client.send(b"!")
    assert server.poll() & POLLIN
    assert server.recv() == b"four!"


@on_both_arms
def test_a_window_clamp_of_nothing_is_for_sockets_without_a_connection(net: Net) -> None:
    client, _ = established(net)
    assert client.setsockopt(IPPROTO_TCP, TCP_WINDOW_CLAMP, 0) == "EINVAL"
    assert client.setsockopt(IPPROTO_TCP, TCP_WINDOW_CLAMP, 1) is None
    assert client.call("getsockopt", IPPROTO_TCP, TCP_WINDOW_CLAMP) == 1152


@on_both_arms
def test_what_was_not_sent_is_bounded(net: Net) -> None:
    """poll asks for half of TCP_NOTSENT_LOWAT, send for all of it."""
    client, _ = established(net, rcvbuf=SMALL_RCVBUF)
    assert client.send(b"x" * 10_000) == 10_000
    assert client.poll() & POLLOUT
    client.setsockopt(IPPROTO_TCP, TCP_NOTSENT_LOWAT, 10_000)
    assert not client.poll() & POLLOUT
    assert client.send(b"x") == 1
    client.setsockopt(IPPROTO_TCP, TCP_NOTSENT_LOWAT, 8_000)
    assert client.send(b"x" * 100_000) == 367, "the buffer that is begun is filled all the same"
    assert client.send(b"x" * 100_000) == "EAGAIN"
    client.setsockopt(IPPROTO_TCP, TCP_NOTSENT_LOWAT, 0)
    assert client.poll() & POLLOUT
