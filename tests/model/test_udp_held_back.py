"""Datagrams put together from several sends, and the accounts of UDP: same text, same numbers, on both arms.

A bench on the kernel listens on loopback with a packet socket, so every buffer is shared with it and stays as it is.
Numbers here are those of a buffer that nobody made smaller; the cross-check compares the others.

Not here: devices that hold packets back (test_device.py).
"""

from __future__ import annotations

import struct

import pytest

from model.values.constants import (
    IPPROTO_TCP,
    IPPROTO_UDP,
    MSG_MORE,
    MSG_PEEK,
    POLLERR,
    POLLIN,
    POLLOUT,
    SHUT_WR,
    SO_MEMINFO,
    SO_RCVBUF,
    SO_SNDBUF,
    SOCK_STREAM,
    SOL_SOCKET,
    TCP_NODELAY,
    UDP_CORK,
)

from .arms import on_both_arms
from .traces import HERE, NOBODY, NOTHING_ELSE, SERVER, End, Net

OTHER = (HERE, 81)
HEAD = 832
"""Bytes that a small datagram is charged with."""


def accounts(end: End) -> tuple[int, int, int]:
    """`SO_MEMINFO`: charged to the receive buffer, reserved for it, charged to the send buffer."""
    rmem, _, wmem, _, reserved, *_ = struct.unpack("=9I", end.call("getsockopt", SOL_SOCKET, SO_MEMINFO, 36))
    return rmem, reserved, wmem


def pair(net: Net) -> tuple[End, End]:
    """A client that is connected to a bound server."""
    server, client = net.udp("server"), net.udp("client")
    assert (server.bind(SERVER), client.connect()) == (None, None)
    return client, server


def more(end: End, data: bytes, *to: tuple[str, int]) -> object:
    return end.call("sendto", data, MSG_MORE, *to) if to else end.call("send", data, MSG_MORE)


# ---------------------------------------------------------------- one datagram of several sends


@on_both_arms
def test_a_send_with_more_waits_for_one_without(net: Net) -> None:
    client, server = pair(net)
    assert (more(client, b"one "), more(client, b""), net.sent()) == (4, 0, NOTHING_ELSE)
    assert (client.send(b"two"), net.sent()) == (3, ["client > server: udp (7)"])
    assert (server.recv(), server.recv()) == (b"one two", "EAGAIN")


@on_both_arms
def test_a_cork_holds_back_until_it_is_taken_out(net: Net) -> None:
    client, server = pair(net)
    assert client.call("getsockopt", IPPROTO_UDP, UDP_CORK) == 0
    assert client.setsockopt(IPPROTO_UDP, UDP_CORK, 5) is None
    assert (client.send(b"one "), client.send(b"two"), net.sent()) == (4, 3, NOTHING_ELSE)
    assert client.call("getsockopt", IPPROTO_UDP, UDP_CORK) == 1
    assert client.setsockopt(IPPROTO_UDP, UDP_CORK, 0) is None
    assert net.sent() == ["client > server: udp (7)"]
    assert (client.setsockopt(IPPROTO_UDP, UDP_CORK, 0), net.sent()) == (None, NOTHING_ELSE)
    assert server.recv() == b"one two"


@on_both_arms
def test_what_is_held_back_is_charged_and_lost_with_the_socket(net: Net) -> None:
    client, server = pair(net)
    assert client.setsockopt(SOL_SOCKET, SO_SNDBUF, 1) is None
    assert (more(client, b"x"), client.unacknowledged(), accounts(client)) == (1, HEAD, (0, 0, HEAD))
    assert (more(client, bytes(1470)), client.unacknowledged(), client.poll()) == (1470, HEAD + 1470, POLLOUT)
    assert (more(client, b"x"), client.unacknowledged(), client.poll()) == (1, 2303, 0)
    assert (more(client, bytes(10_000)), client.unacknowledged()) == (10_000, 12_303)
    client.close()
    assert (net.sent(), server.recv()) == (NOTHING_ELSE, "EAGAIN")


@on_both_arms
def test_later_addresses_are_not_looked_at(net: Net) -> None:
    client, server = net.udp("client"), net.udp("server")
    assert server.bind(SERVER) is None
    assert more(client, b"a", SERVER) == 1
    assert (more(client, b"b", (HERE, 0)), client.sendto(b"c", NOBODY)) == (1, 1)
    assert net.sent() == ["client > server: udp (3)"]
    assert server.recv() == b"abc"


@on_both_arms
def test_connect_takes_along_what_is_held_back(net: Net) -> None:
    client, server, other = net.udp("client"), net.udp("server"), net.udp("other")
    assert (server.bind(SERVER), other.bind(OTHER)) == (None, None)
    assert (more(client, b"a", SERVER), client.connect(OTHER), client.send(b"b")) == (1, None, 1)
    assert (server.recv(), other.recv()) == ("EAGAIN", b"ab")


@on_both_arms
def test_a_connected_socket_goes_on_sending_where_it_sent_with_more(net: Net) -> None:
    client, server = pair(net)
    other = net.udp("other")
    assert other.bind(OTHER) is None
    assert (more(client, b"a", OTHER), client.send(b"b"), client.send(b"c")) == (1, 1, 1)
    assert (other.recv(), other.recv(), server.recv()) == (b"ab", b"c", "EAGAIN")
    assert (client.call("getpeername"), more(client, b"d"), client.send(b"e")) == (SERVER, 1, 1)
    assert (server.recv(), other.recv()) == (b"de", "EAGAIN")


@on_both_arms
def test_what_grows_too_long_is_lost_as_a_whole(net: Net) -> None:
    client, server = pair(net)
    assert (more(client, bytes(65_000)), more(client, bytes(507))) == (65_000, 507)
    assert (more(client, bytes(65_536)), accounts(client)[2] > 65_507) == ("EMSGSIZE", True)
    assert (more(client, b"x"), accounts(client)) == ("EMSGSIZE", (0, 0, 0))
    assert (client.send(b"new"), server.recv()) == (3, b"new")


@on_both_arms
def test_bytes_that_are_added_report_no_error_and_mind_no_shutdown(net: Net) -> None:
    client = net.udp("client")
    assert (client.connect(NOBODY), client.send(b"x"), more(client, b"y")) == (None, 1, "ECONNREFUSED")
    assert (more(client, b"a"), client.shutdown(SHUT_WR), more(client, b"b"), client.send(b"c")) == (1, None, 1, 1)
    assert (client.poll() & POLLERR, client.error()) == (POLLERR, 111)
    assert (client.send(b"d"), more(client, b"d")) == ("EPIPE", "EPIPE")


@on_both_arms
def test_no_other_protocol_has_the_option(net: Net) -> None:
    end = net.open("stream", SOCK_STREAM)
    assert end.setsockopt(IPPROTO_UDP, UDP_CORK, 1) == "ENOPROTOOPT"
    assert str(end.call("getsockopt", IPPROTO_UDP, UDP_CORK)) in ("EOPNOTSUPP", "ENOTSUP")
    assert net.udp("client").setsockopt(IPPROTO_TCP, TCP_NODELAY, 1) == "ENOPROTOOPT"


# ---------------------------------------------------------------- what arrives, and what is kept for it


@on_both_arms
def test_pages_are_reserved_as_they_are_needed_and_given_back_but_for_a_byte(net: Net) -> None:
    client, server = pair(net)
    assert (client.send(b"x"), accounts(server)) == (1, (832, 3264, 0))
    assert ([client.send(b"x") for _ in range(4)], accounts(server)) == ([1] * 4, (4160, 4032, 0))
    assert (server.recv(), accounts(server)) == (b"x", (4160, 4032, 0))
    assert [server.recv() for _ in range(4)] == [b"x"] * 4
    assert accounts(server) == (0, 4096, 0)
    assert (client.send(b"x"), server.recv(), accounts(server)) == (1, b"x", (0, 4096, 0))


@on_both_arms
def test_memory_comes_back_in_quarters_of_the_buffer(net: Net) -> None:
    client, server = pair(net)
    assert server.setsockopt(SOL_SOCKET, SO_RCVBUF, 4160) is None
    assert [client.send(b"x") for _ in range(12)] == [1] * 12
    assert accounts(server)[0] == 8320
    assert ([server.recv() for _ in range(2)], accounts(server)[0]) == ([b"x"] * 2, 8320)
    assert (server.recv(), accounts(server)[0]) == (b"x", 8320 - 3 * 832)
    assert server.setsockopt(SOL_SOCKET, SO_RCVBUF, 1) is None
    assert (server.recv(), accounts(server)[0]) == (b"x", 6 * 832)


@on_both_arms
def test_what_was_put_together_costs_what_it_cost_its_sender(net: Net) -> None:
    client, server = pair(net)
    assert [more(client, bytes(100)) for _ in range(3)] == [100] * 3
    charged = accounts(client)[2]
    assert (client.send(b""), accounts(client)[2], accounts(server)[0]) == (0, 0, charged)
    assert charged == HEAD + 200


@pytest.mark.parametrize("flags", [0, MSG_PEEK])
@on_both_arms
def test_looking_changes_no_account_and_reading_does(net: Net, flags: int) -> None:
    client, server = pair(net)
    assert (client.send(b"hello"), server.recv(3, flags)) == (5, b"hel")
    assert (accounts(server), server.poll()) == (
        ((832, 3264, 0), POLLIN | POLLOUT) if flags else ((0, 4096, 0), POLLOUT)
    )
