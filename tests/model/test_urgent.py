"""Urgent data as a program sends and reads them, with the packets that pass: one byte, the mark, and what loses it.

Not here: urgent pointers of a peculiar peer, and of one whose segments are lost (test_urgent_arrivals.py).
"""

from __future__ import annotations

import pytest

from model.values.constants import (
    IPPROTO_TCP,
    MSG_MORE,
    MSG_OOB,
    MSG_PEEK,
    POLLERR,
    POLLHUP,
    POLLIN,
    POLLOUT,
    POLLPRI,
    POLLRDHUP,
    SHUT_RD,
    SIOCATMARK,
    SO_OOBINLINE,
    SO_RCVLOWAT,
    SOL_SOCKET,
    TCP_CORK,
)

from .arms import on_both_arms
from .traces import NOTHING_ELSE, SERVER, SMALL_RCVBUF, End, Net, established, interactive


def seen(end: End) -> tuple[int, int, int]:
    """What poll says, what FIONREAD counts, and whether the mark is here."""
    return end.poll(), end.readable(), end.call("ioctl", SIOCATMARK)


def inline(end: End, on: int = 1) -> None:
    assert end.setsockopt(SOL_SOCKET, SO_OOBINLINE, on) is None


# ---------------------------------------------------------------- one byte, and the mark


@on_both_arms
def test_the_last_byte_of_a_send_is_urgent(net: Net) -> None:
    """The pointer is to the byte behind it: what RFC 6093 §3.1 says that everybody does."""
    client, server = established(net)
    assert client.send(b"abcX", MSG_OOB) == 4
    assert net.sent() == ["client > server: PU. 1:5(4) ack 1 urg 4", "server > client: . 1:1(0) ack 5"]
    assert seen(server) == (POLLIN | POLLPRI | POLLOUT, 3, 0)
    assert (server.recv(9, MSG_OOB), server.recv(9, MSG_OOB)) == (b"X", "EINVAL")
    assert seen(server) == (POLLIN | POLLOUT, 3, 0)
    assert net.after(0.2) == NOTHING_ELSE


@on_both_arms
def test_recv_stops_at_the_mark_and_then_leaves_the_byte_out(net: Net) -> None:
    client, server = established(net)
    client.send(b"abcX", MSG_OOB)
    client.send(b"def")
    assert [server.recv(flags=MSG_PEEK), server.recv()] == [b"abc", b"abc"]
    assert seen(server) == (POLLIN | POLLPRI | POLLOUT, 0, 1)
    assert [server.recv(flags=MSG_PEEK), server.recv(2)] == [b"def", b"de"]
    assert seen(server) == (POLLIN | POLLOUT, 1, 0)
    assert [server.recv(1, MSG_OOB), server.recv()] == ["EINVAL", b"f"]


@on_both_arms
def test_a_recv_that_would_block_has_thrown_the_byte_away(net: Net) -> None:
    client, server = established(net)
    client.send(b"X", MSG_OOB)
    assert seen(server) == (POLLPRI | POLLOUT, 0, 1)
    assert [server.recv(flags=MSG_PEEK), server.recv()] == ["EAGAIN", "EAGAIN"]
    assert [*seen(server), server.recv(1, MSG_OOB)] == [POLLOUT, 0, 0, "EINVAL"]


@on_both_arms
def test_bytes_in_line_keep_their_mark(net: Net) -> None:
    client, server = established(net)
    inline(server)
    client.send(b"abcX", MSG_OOB)
    client.send(b"def")
    assert seen(server) == (POLLIN | POLLPRI | POLLOUT, 7, 0)
    assert [server.recv(1, MSG_OOB), server.recv(), *seen(server)] == [
        "EINVAL", b"abc", POLLIN | POLLPRI | POLLOUT, 4, 1,
    ]  # fmt: skip
    assert [server.recv(), *seen(server)] == [b"Xdef", POLLOUT, 0, 0]


@on_both_arms
def test_in_line_may_be_switched_at_any_time(net: Net) -> None:
    """What was read out of the stream is read again in it."""
    client, server = established(net)
    client.send(b"aX", MSG_OOB)
    assert server.recv(1, MSG_OOB) == b"X"
    inline(server)
    assert [server.recv(), server.recv(1), *seen(server)] == [b"a", b"X", POLLOUT, 0, 0]
    client.send(b"Y", MSG_OOB)
    inline(server, 0)
    assert [server.recv(1, MSG_OOB), server.recv()] == [b"Y", "EAGAIN"]


@on_both_arms
def test_children_of_a_listener_have_its_way_with_urgent_bytes(net: Net) -> None:
    listener = net.tcp("listener")
    inline(listener)
    listener.bind(SERVER)
    listener.listen()
    client = net.tcp("client")
    client.connect()
    server = listener.accept()
    assert server.call("getsockopt", SOL_SOCKET, SO_OOBINLINE) == 1
    client.send(b"X", MSG_OOB)
    assert [server.recv(1, MSG_OOB), server.recv()] == ["EINVAL", b"X"]


@on_both_arms
def test_a_second_urgent_byte_makes_an_ordinary_one_of_the_first(net: Net) -> None:
    client, server = established(net)
    client.send(b"xA", MSG_OOB)
    client.send(b"yB", MSG_OOB)
    assert [server.recv(1, MSG_OOB), *seen(server)] == [b"B", POLLIN | POLLOUT, 3, 0]
    assert [server.recv(), server.recv()] == [b"xAy", "EAGAIN"]


@on_both_arms
def test_a_second_urgent_byte_drops_the_first_if_that_is_next(net: Net) -> None:
    client, server = established(net)
    client.send(b"A", MSG_OOB)
    client.send(b"B", MSG_OOB)
    assert [*seen(server), server.recv(1, MSG_OOB), server.recv()] == [POLLPRI | POLLOUT, 0, 1, b"B", "EAGAIN"]


@on_both_arms
def test_no_byte_is_asked_for_and_it_counts_as_read(net: Net) -> None:
    client, server = established(net)
    client.send(b"X", MSG_OOB)
    assert [server.recv(1, MSG_OOB | MSG_PEEK), server.recv(1, MSG_OOB | MSG_PEEK)] == [b"X", b"X"]
    assert server.recvfrom(0, MSG_OOB)[0] == b""
    assert [server.recv(1, MSG_OOB), *seen(server)] == ["EINVAL", POLLOUT, 0, 1]


@on_both_arms
def test_a_low_water_mark_does_not_count_the_byte(net: Net) -> None:
    client, server = established(net)
    server.setsockopt(SOL_SOCKET, SO_RCVLOWAT, 2)
    client.send(b"X", MSG_OOB)
    client.send(b"a")
    assert [*seen(server), server.recv(flags=MSG_PEEK)] == [POLLPRI | POLLOUT, 0, 1, b"a"]
    client.send(b"b")
    assert [*seen(server), server.recv()] == [POLLIN | POLLPRI | POLLOUT, 0, 1, b"ab"]


@pytest.mark.parametrize(("before", "says"), [(500, POLLPRI | POLLOUT), (600, POLLIN | POLLPRI | POLLOUT)])
@on_both_arms
def test_poll_may_say_readable_and_recv_would_block(net: Net, before: int, says: int) -> None:
    """Where hardly any window is left poll counts the urgent byte, which recv does not give."""
    client, server = established(net, rcvbuf=SMALL_RCVBUF)
    client.send(bytes(before))
    client.send(b"X", MSG_OOB)
    assert len(server.recv()) == before
    assert [*seen(server), server.recv(flags=MSG_PEEK)] == [says, 0, 1, "EAGAIN"]


# ---------------------------------------------------------------- no urgent data


@on_both_arms
def test_who_has_none_says_einval_whatever_it_is(net: Net) -> None:
    client, server = established(net)
    fresh, refused = net.tcp("fresh"), net.tcp("refused")
    refused.connect(("127.0.0.1", 9))
    for end in (client, server, fresh, refused):
        assert [end.recv(1, MSG_OOB), end.call("ioctl", SIOCATMARK)] == ["EINVAL", 0]
    listener = net.tcp("listener")
    listener.listen()
    assert [listener.recv(1, MSG_OOB), listener.call("ioctl", SIOCATMARK)] == ["ENOTCONN", 0]
    assert [end.send(b"X", MSG_OOB) for end in (fresh, listener)] == ["EPIPE", "EPIPE"]
    assert [refused.send(b"X", MSG_OOB), refused.send(b"X", MSG_OOB)] == ["ECONNREFUSED", "EPIPE"]
    client.shutdown()
    assert [client.send(b"X", MSG_OOB), server.recv(1, MSG_OOB), server.recv()] == ["EPIPE", "EINVAL", b""]


@on_both_arms
def test_no_bytes_are_never_urgent(net: Net) -> None:
    client, server = established(net)
    assert client.send(b"", MSG_OOB) == 0
    assert (net.after(0.1), seen(server)) == (NOTHING_ELSE, (POLLOUT, 0, 0))


@on_both_arms
def test_datagrams_are_never_urgent(net: Net) -> None:
    receiver, sender = net.udp("receiver"), net.udp("sender")
    receiver.bind(("127.0.0.1", 5000))
    assert sender.send(b"X", MSG_OOB) == sender.call("sendto", b"X", MSG_OOB, ("127.0.0.1", 5000)) == "ENOTSUP"
    assert sender.call("getsockname")[1] > 0, "it has a port for it"
    assert net.sent() == NOTHING_ELSE
    assert [sender.send(bytes(65_536), MSG_OOB), sender.call("ioctl", SIOCATMARK)] == ["EMSGSIZE", "ENOTTY"]
    sender.sendto(b"data", ("127.0.0.1", 5000))
    assert [receiver.recv(9, MSG_OOB), receiver.recv(9, MSG_OOB)] == [b"data", "EAGAIN"]


# ---------------------------------------------------------------- sending


@on_both_arms
def test_urgent_data_wait_neither_for_nagle_nor_for_a_cork(net: Net) -> None:
    _client, server = interactive(net)
    server.send(b"first")
    assert net.sent() == ["server > client: P. 11:16(5) ack 2"]
    server.setsockopt(IPPROTO_TCP, TCP_CORK, 1)
    assert [server.send(b"second"), server.send(b"X", MSG_OOB | MSG_MORE)] == [6, 1]
    assert net.sent() == ["server > client: U. 16:23(7) ack 2 urg 7"]


# ---------------------------------------------------------------- the end


@on_both_arms
def test_who_has_read_the_byte_and_closes_has_unread_bytes(net: Net) -> None:
    client, server = established(net)
    client.send(b"X", MSG_OOB)
    assert server.recv(1, MSG_OOB) == b"X"
    net.sent()
    server.close()
    assert net.sent() == ["server > client: R. 1:1(0) ack 2"]
    assert client.recv() == "ECONNRESET"


@on_both_arms
def test_who_has_passed_the_byte_and_closes_says_fin(net: Net) -> None:
    client, server = established(net)
    client.send(b"X", MSG_OOB)
    assert server.recv() == "EAGAIN"
    net.sent()
    server.close()
    assert net.sent() == ["server > client: F. 1:2(0) ack 2"]
    assert client.recv() == b""


@on_both_arms
def test_the_byte_outlives_the_peers_fin_but_no_reset(net: Net) -> None:
    client, server = established(net)
    client.send(b"X", MSG_OOB)
    client.shutdown()
    assert seen(server) == (POLLIN | POLLPRI | POLLOUT | POLLRDHUP, 0, 1)
    assert [server.recv(1, MSG_OOB | MSG_PEEK), server.recv(flags=MSG_PEEK)] == [b"X", b""]
    server.send(b"unread")
    client.close()
    hung = POLLIN | POLLPRI | POLLOUT | POLLRDHUP | POLLHUP
    assert seen(server) == (hung | POLLERR, 0, 1)
    assert [server.recv(1, MSG_OOB), server.recv(), server.recv(1, MSG_OOB)] == [b"X", b"", "EINVAL"]


@on_both_arms
def test_a_reset_takes_the_byte_away_and_leaves_poll_to_tell_of_it(net: Net) -> None:
    client, server = established(net)
    client.send(b"X", MSG_OOB)
    server.send(b"unread")
    client.close()
    everything = POLLIN | POLLPRI | POLLOUT | POLLERR | POLLHUP | POLLRDHUP
    assert [*seen(server), server.recv(1, MSG_OOB)] == [everything, 0, 1, "ENOTCONN"]
    assert [*seen(server), server.recv(), server.recv(1, MSG_OOB)] == [everything, 0, 1, "ECONNRESET", "EINVAL"]


@on_both_arms
def test_shutting_the_reading_direction_leaves_the_byte(net: Net) -> None:
    client, server = established(net)
    client.send(b"X", MSG_OOB)
    server.shutdown(SHUT_RD)
    assert [server.recv(1, MSG_OOB | MSG_PEEK), server.recv(), server.recv(1, MSG_OOB)] == [b"X", b"", "EINVAL"]
