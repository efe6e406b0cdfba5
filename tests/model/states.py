"""Every state that a socket of the bench can be in, by name: what the tests of calls in general go through.

A factory takes a fresh bench and gives the socket in question first and the others behind it. All are non-blocking,
and no timer is close to its deadline.

Not here: the factories of TCP's states (traces.py); expectations.
"""

from __future__ import annotations

from collections.abc import Callable

from .traces import (
    NOBODY,
    SERVER,
    SMALL_RCVBUF,
    End,
    Net,
    both_stuck,
    closing,
    established,
    fin_wait_2,
    last_ack,
    listening,
    self_connected,
    stuck,
    syn_sent,
    time_wait,
)


def fresh(net: Net) -> tuple[End, ...]:
    return (net.tcp("fresh"),)


def bound(net: Net) -> tuple[End, ...]:
    end = net.tcp("bound")
    end.bind(SERVER)
    return (end,)


def beside_another(net: Net) -> tuple[End, ...]:
    """A fresh socket, and one that holds port 80."""
    return net.tcp("fresh"), listening(net)


def listens(net: Net) -> tuple[End, ...]:
    return (listening(net),)


def listens_and_one_waits(net: Net) -> tuple[End, ...]:
    listener, client = listening(net), net.tcp("client")
    client.connect()
    return listener, client


def connecting(net: Net) -> tuple[End, ...]:
    return syn_sent(net)


def refused(net: Net) -> tuple[End, ...]:
    """The pending error was not read."""
    end = net.tcp("refused")
    end.connect(NOBODY)
    return (end,)


def refused_and_told(net: Net) -> tuple[End, ...]:
    """The pending error was read."""
    (end,) = refused(net)
    end.error()
    return (end,)


def refused_and_shut(net: Net) -> tuple[End, ...]:
    (end,) = refused_and_told(net)
    end.shutdown()
    return (end,)


def connected(net: Net) -> tuple[End, ...]:
    return established(net)


def connected_unasked(net: Net) -> tuple[End, ...]:
    """The handshake is over, and the program does not know yet."""
    listening(net)
    client = net.tcp("client")
    client.connect()
    return (client,)


def bytes_wait(net: Net) -> tuple[End, ...]:
    client, server = established(net)
    client.send(b"hello")
    return server, client


def window_is_closed(net: Net) -> tuple[End, ...]:
    """The reader's side of full buffers."""
    client, server = stuck(net)
    return server, client


def buffer_is_full(net: Net) -> tuple[End, ...]:
    """The writer's side of full buffers: not a byte more goes in."""
    client, server = stuck(net)
    client.fill(1)
    return client, server


def both_buffers_are_full(net: Net) -> tuple[End, ...]:
    return both_stuck(net)


def close_waits(net: Net) -> tuple[End, ...]:
    client, server = fin_wait_2(net)
    return server, client


def last_acks(net: Net) -> tuple[End, ...]:
    client, server = last_ack(net)
    return server, client


def closes_at_once(net: Net) -> tuple[End, ...]:
    client, server = closing(net)
    return server, client


def rests(net: Net) -> tuple[End, ...]:
    """The connection is over, and its addresses rest in TIME-WAIT."""
    return time_wait(net)[:1]


def was_reset(net: Net) -> tuple[End, ...]:
    """ECONNRESET is pending."""
    client, server = established(net)
    client.send(b"unread")
    server.close()
    return (client,)


def was_shut_before(net: Net) -> tuple[End, ...]:
    listener, client = listening(net), net.tcp("client")
    client.shutdown()
    client.connect()
    return client, listener.accept()


def datagram_fresh(net: Net) -> tuple[End, ...]:
    return (net.udp("fresh"),)


def datagram_bound(net: Net) -> tuple[End, ...]:
    end = net.udp("bound")
    end.bind(SERVER)
    return (end,)


def datagram_connected(net: Net) -> tuple[End, ...]:
    (server,) = datagram_bound(net)
    client = net.udp("client")
    client.connect()
    return client, server


def datagram_refused(net: Net) -> tuple[End, ...]:
    """ECONNREFUSED is pending."""
    client = net.udp("client")
    client.connect(NOBODY)
    client.send(b"x")
    return (client,)


def datagrams_wait(net: Net) -> tuple[End, ...]:
    """As many as the buffer keeps, and some were dropped."""
    server, client = net.udp("server", rcvbuf=SMALL_RCVBUF), net.udp("client")
    server.bind(SERVER)
    client.connect()
    for _ in range(8):
        client.send(b"x")
    return server, client


State = Callable[[Net], tuple[End, ...]]

TCP_STATES: tuple[State, ...] = (
    fresh, bound, beside_another, listens, listens_and_one_waits, connecting, refused, refused_and_told,
    refused_and_shut, connected, connected_unasked, bytes_wait, window_is_closed, buffer_is_full,
    both_buffers_are_full, fin_wait_2, close_waits, last_acks, closes_at_once, rests, was_reset, was_shut_before,
)  # fmt: skip
UDP_STATES: tuple[State, ...] = (
    datagram_fresh, datagram_bound, datagram_connected, datagram_refused, datagrams_wait,
)  # fmt: skip
STATES: dict[str, State] = {state.__name__: state for state in (*TCP_STATES, *UDP_STATES)}
STATES["self_connected"] = lambda net: (self_connected(net),)
