"""UDP, as packets and as what each end sees of them.

A datagram is sent whole or not at all, is read whole or cut, and is kept whole or dropped. `connect` sends nothing: it
fixes a peer, and with that decides whom the socket hears and whether it hears of errors. The sender learns of one thing
only, that nobody has the port, and of that only while connected, once, from whatever call comes next.

Not here: devices that hold packets back, broadcast, more than one host.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any

import pytest

from model.values.constants import (
    IPPROTO_TCP,
    MSG_PEEK,
    POLLERR,
    POLLHUP,
    POLLIN,
    POLLOUT,
    POLLRDHUP,
    SHUT_RD,
    SHUT_RDWR,
    SHUT_WR,
    SO_MEMINFO,
    SO_RCVBUF,
    SO_REUSEADDR,
    SOL_SOCKET,
    TCP_NODELAY,
)

from .arms import on_both_arms
from .traces import HERE, NOBODY, NOTHING_ELSE, SERVER, End, Net

OTHER = (HERE, 81)
UNSUPPORTED = errno.errorcode[errno.EOPNOTSUPP]
"""Linux has two names for this number."""
LONGEST = 65507
"""Bytes: 65535 less the headers of IP and UDP."""


def receiver(net: Net, *, rcvbuf: int = 0) -> End:
    """A socket bound to port 80."""
    end = net.udp("server", rcvbuf=rcvbuf)
    assert end.bind(SERVER) is None
    return end


def connected(net: Net, *, rcvbuf: int = 0) -> tuple[End, End]:
    """A client that is connected to a bound server; the server is not connected."""
    server, client = receiver(net, rcvbuf=rcvbuf), net.udp("client")
    assert client.connect() is None
    return client, server


def refused(net: Net) -> End:
    """A client whose datagram found nobody: ECONNREFUSED is pending."""
    client = net.udp("client")
    client.connect(NOBODY)
    assert client.send(b"x") == 1
    assert net.sent() == ["client > nobody: udp (1)", "127.0.0.1 > 127.0.0.1: icmp unreachable port 9"]
    return client


def name(end: End) -> Any:
    return end.call("getsockname")


def drops(end: End) -> int:
    """`SO_MEMINFO`'s last number."""
    return int.from_bytes(end.call("getsockopt", SOL_SOCKET, SO_MEMINFO, 36)[32:36], "little")


# ---------------------------------------------------------------- boundaries


@on_both_arms
def test_a_send_is_a_datagram_and_a_datagram_is_a_recv(net: Net) -> None:
    client, server = connected(net)
    assert [client.send(data) for data in (b"one", b"", b"three")] == [3, 0, 5]
    assert net.sent() == ["client > server: udp (3)", "client > server: udp (0)", "client > server: udp (5)"]
    assert [server.recv() for _ in range(4)] == [b"one", b"", b"three", "EAGAIN"]
    assert net.after(0.05) == NOTHING_ELSE


@on_both_arms
def test_fionread_tells_the_next_datagram_only(net: Net) -> None:
    client, server = connected(net)
    client.send(b"one")
    client.send(b"three")
    assert (server.readable(), server.recv(), server.readable(), client.unacknowledged()) == (3, b"one", 5, 0)


@on_both_arms
def test_an_empty_datagram_is_readable_and_looks_like_nothing_to_fionread(net: Net) -> None:
    client, server = connected(net)
    assert (server.poll(), server.readable()) == (POLLOUT, 0)
    client.send(b"")
    assert (server.poll(), server.readable()) == (POLLIN | POLLOUT, 0)
    assert (server.recv(), server.poll()) == (b"", POLLOUT)


@pytest.mark.parametrize("room", [1, 4])
@on_both_arms
def test_what_does_not_fit_the_reader_is_lost(net: Net, room: int) -> None:
    client, server = connected(net)
    client.send(b"first")
    client.send(b"second")
    assert [server.recv(room), server.recv()] == [b"first"[:room], b"second"]
    assert (server.recv(), drops(server)) == ("EAGAIN", 0)


@on_both_arms
def test_a_datagram_that_is_looked_at_stays_whole(net: Net) -> None:
    client, server = connected(net)
    client.send(b"first")
    assert [server.recv(2, MSG_PEEK), server.recv(9, MSG_PEEK), server.recv()] == [b"fi", b"first", b"first"]


@on_both_arms
def test_each_datagram_says_who_sent_it(net: Net) -> None:
    server, one, two = receiver(net), net.udp("one"), net.udp("two")
    one.sendto(b"1", SERVER)
    two.sendto(b"2", SERVER)
    assert net.sent() == ["one > server: udp (1)", "two > server: udp (1)"]
    assert [server.recvfrom(), server.recvfrom()] == [(b"1", (HERE, name(one)[1])), (b"2", (HERE, name(two)[1]))]


@pytest.mark.parametrize(
    ("size", "answer"), [(LONGEST, LONGEST), (LONGEST + 1, "EMSGSIZE"), (65535, "EMSGSIZE"), (65536, "EMSGSIZE")]
)
@on_both_arms
def test_the_longest_datagram(net: Net, size: int, answer: int | str) -> None:
    client, server = connected(net)
    assert client.send(bytes(size)) == answer
    assert net.sent() == ([f"client > server: udp ({size})"] if answer == size else NOTHING_ELSE)
    assert server.recv() == (bytes(size) if answer == size else "EAGAIN")


# ---------------------------------------------------------------- a full receive buffer


@pytest.mark.parametrize(
    ("size", "kept"), [(0, 5), (1, 5), (100, 5), (197, 5), (198, 3), (500, 3), (645, 3), (646, 2), (1000, 2), (5000, 1)]
)
@on_both_arms
def test_datagrams_until_the_receive_buffer_is_full(net: Net, size: int, kept: int) -> None:
    """Granted 4608: memory is charged, not payload. The sender is told nothing, and all ten pass the wire."""
    client, server = connected(net, rcvbuf=2304)
    assert server.call("getsockopt", SOL_SOCKET, SO_RCVBUF) == 4608
    assert [client.send(bytes(size)) for _ in range(10)] == [size] * 10
    assert net.sent() == [f"client > server: udp ({size})"] * 10
    assert (drops(server), client.poll()) == (10 - kept, POLLOUT)
    assert [server.recv() for _ in range(kept + 1)] == [bytes(size)] * kept + ["EAGAIN"]
    assert net.after(0.05) == NOTHING_ELSE


@on_both_arms
def test_the_smallest_buffer_keeps_one_datagram_of_any_size(net: Net) -> None:
    client, server = connected(net, rcvbuf=1)
    assert [client.send(bytes(LONGEST)), client.send(b"x")] == [LONGEST, 1]
    assert drops(server) == 1
    assert [server.recv(), server.recv()] == [bytes(LONGEST), "EAGAIN"]


@on_both_arms
def test_dropped_is_the_newest(net: Net) -> None:
    """What was kept first stays. Room is for what comes after it was made."""
    client, server = connected(net, rcvbuf=2304)
    for number in range(8):
        client.send(b"%d" % number)
    assert (drops(server), [server.recv() for _ in range(6)]) == (3, [b"0", b"1", b"2", b"3", b"4", "EAGAIN"])
    client.send(b"later")
    assert (server.recv(), drops(server)) == (b"later", 3)


@pytest.mark.parametrize("look", [False, True])
@on_both_arms
def test_looking_for_a_datagram_makes_room_sooner(net: Net, look: bool) -> None:
    """Memory of what was read is given back when a reader's queue is empty, and looking fills that queue: so after a
    look at one datagram that one is a queue of its own.
    """
    client, server = connected(net, rcvbuf=2304)
    client.send(b"1")
    if look:
        assert server.readable() == 1
    for _ in range(4):
        client.send(b"x")
    assert server.recv() == b"1"
    client.send(b"last")
    assert drops(server) == (0 if look else 1)


# ---------------------------------------------------------------- connected and not


@on_both_arms
def test_connecting_sends_nothing(net: Net) -> None:
    client, server = connected(net)
    assert net.after(0.05) == NOTHING_ELSE
    assert (client.call("getpeername"), name(client)[0], name(client)[1] > 0) == (SERVER, HERE, True)
    assert server.call("getpeername") == "ENOTCONN"


@on_both_arms
def test_a_connected_socket_hears_its_peer_only(net: Net) -> None:
    """A datagram from another is for nobody then: the other is refused as at a closed port."""
    client, server = connected(net)
    other = net.udp("other")
    assert other.sendto(b"intruder", name(client)) == 8
    assert net.sent() == ["other > client: udp (8)", f"127.0.0.1 > 127.0.0.1: icmp unreachable port {name(client)[1]}"]
    server.sendto(b"peer", name(client))
    assert [client.recv(), client.recv(), other.error()] == [b"peer", "EAGAIN", 0]


@on_both_arms
def test_what_had_arrived_before_connect_can_be_read_after_it(net: Net) -> None:
    server, other = receiver(net), net.udp("other")
    other.sendto(b"early", SERVER)
    server.connect(OTHER)
    assert [server.recv(), server.recv()] == [b"early", "EAGAIN"]


@on_both_arms
def test_a_connected_socket_may_send_to_others(net: Net) -> None:
    client, server = connected(net)
    other = net.udp("other")
    other.bind(OTHER)
    assert [client.sendto(b"there", OTHER), client.send(b"here")] == [5, 4]
    assert net.sent() == ["client > other: udp (5)", "client > server: udp (4)"]
    assert (other.recv(), server.recv(), client.call("getpeername")) == (b"there", b"here", SERVER)


@on_both_arms
def test_a_socket_connects_again_to_another_peer(net: Net) -> None:
    client, server = connected(net)
    before = name(client)
    other = net.udp("other")
    other.bind(OTHER)
    assert (client.connect(OTHER), name(client), client.call("getpeername")) == (None, before, OTHER)
    server.sendto(b"old", before)
    other.sendto(b"new", before)
    assert [client.recv(), client.recv()] == [b"new", "EAGAIN"]


@on_both_arms
def test_a_connected_socket_goes_before_one_that_is_not(net: Net) -> None:
    """Two on one address: what the peer sends is for the connected one, what others send for the one that is not."""
    ends = [net.udp("plain"), net.udp("bound")]
    for end in ends:
        end.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        assert end.bind(SERVER) is None
    peer, stranger = net.udp("peer"), net.udp("stranger")
    peer.bind(OTHER)
    ends[0].connect(OTHER)
    peer.sendto(b"peer", SERVER)
    stranger.sendto(b"stranger", SERVER)
    assert [end.recv() for end in ends] == [b"peer", b"stranger"]


@on_both_arms
def test_a_socket_sends_to_itself(net: Net) -> None:
    end = receiver(net)
    end.connect()
    assert (end.send(b"echo"), end.recv()) == (4, b"echo")
    assert net.sent() == ["server > server: udp (4)"]


@on_both_arms
def test_the_first_datagram_takes_a_port(net: Net) -> None:
    receiver(net)
    client = net.udp("client")
    assert name(client) == ("0.0.0.0", 0)
    client.sendto(b"x", SERVER)
    taken = name(client)
    assert (taken[0], taken[1] > 0, client.sendto(b"y", SERVER), name(client)) == ("0.0.0.0", True, 1, taken)


@on_both_arms
def test_a_datagram_without_a_destination(net: Net) -> None:
    """EDESTADDRREQ, where POSIX allows ENOTCONN too; and the socket has a port all the same."""
    client = net.udp("client")
    assert (client.send(b"x"), name(client)[1] > 0) == ("EDESTADDRREQ", True)
    assert client.sendto(b"x", (HERE, 0)) == "EINVAL"
    assert client.sendto(b"x", ("10.99.99.99", 80)) == "ENETUNREACH"
    assert net.sent() == NOTHING_ELSE


@on_both_arms
def test_connecting_in_vain_takes_a_port(net: Net) -> None:
    """inet_dgram_connect: the port comes first, as with sending."""
    client = net.udp("client")
    assert client.connect(("10.99.99.99", 80)) == "ENETUNREACH"
    assert name(client)[1] > 0


# ---------------------------------------------------------------- nobody has the port

REPORTS: dict[str, Callable[[End], Any]] = {
    "send": lambda end: end.send(b"lost"),
    "sendto": lambda end: end.sendto(b"lost", SERVER),
    "recv": lambda end: end.recv(),
    "peek": lambda end: end.recv(1, MSG_PEEK),
}


@pytest.mark.parametrize("call", REPORTS)
@on_both_arms
def test_a_closed_port_is_reported_once_by_whatever_call_is_next(net: Net, call: str) -> None:
    """And that call is not carried out: nothing is sent, nothing is read."""
    client = refused(net)
    server = receiver(net)
    assert client.poll() == POLLOUT | POLLERR
    assert (REPORTS[call](client), client.poll(), client.error()) == ("ECONNREFUSED", POLLOUT, 0)
    assert (net.sent(), server.recv()) == (NOTHING_ELSE, "EAGAIN")
    assert (client.recv(), client.sendto(b"x", SERVER), server.recv()) == ("EAGAIN", 1, b"x")


@on_both_arms
def test_reading_the_error_takes_it(net: Net) -> None:
    client = refused(net)
    assert [client.error(), client.error()] == [errno.ECONNREFUSED, 0]
    assert (client.recv(), client.poll()) == ("EAGAIN", POLLOUT)


@on_both_arms
def test_two_refusals_are_one_error(net: Net) -> None:
    client = refused(net)
    assert client.send(b"x") == "ECONNREFUSED", "reports the first, and is not sent"
    assert client.send(b"x") == 1
    assert net.sent() == ["client > nobody: udp (1)", "127.0.0.1 > 127.0.0.1: icmp unreachable port 9"]
    assert [client.recv(), client.recv()] == ["ECONNREFUSED", "EAGAIN"]


@on_both_arms
def test_calls_that_move_no_data_leave_the_error_pending(net: Net) -> None:
    client = refused(net)
    before = (client.readable(), client.unacknowledged(), client.call("getpeername"), client.poll())
    assert before == (0, 0, NOBODY, POLLOUT | POLLERR)
    assert client.recv() == "ECONNREFUSED"


@on_both_arms
def test_the_error_goes_before_datagrams_that_wait(net: Net) -> None:
    client, server = connected(net)
    server.sendto(b"still here", name(client))
    server.close()
    assert client.send(b"x") == 1
    assert [client.recv(), client.recv(), client.recv()] == ["ECONNREFUSED", b"still here", "EAGAIN"]


@on_both_arms
def test_an_unconnected_socket_is_not_told(net: Net) -> None:
    client = net.udp("client")
    assert [client.sendto(b"x", NOBODY), client.sendto(b"y", NOBODY)] == [1, 1]
    assert net.sent() == ["client > nobody: udp (1)", "127.0.0.1 > 127.0.0.1: icmp unreachable port 9"] * 2
    assert (client.poll(), client.error(), client.recv()) == (POLLOUT, 0, "EAGAIN")


@on_both_arms
def test_a_closed_socket_is_a_closed_port(net: Net) -> None:
    client, server = connected(net)
    server.close()
    client.send(b"x")
    assert net.sent() == ["client > server: udp (1)", "127.0.0.1 > 127.0.0.1: icmp unreachable port 80"]
    assert client.recv() == "ECONNREFUSED"


@on_both_arms
def test_closing_sends_nothing_and_frees_the_port(net: Net) -> None:
    client, server = connected(net)
    client.send(b"unread")
    net.sent()
    server.close()
    client.close()
    assert net.after(0.05) == NOTHING_ELSE
    assert net.udp("next").bind(SERVER) is None


# ---------------------------------------------------------------- shutdown


@on_both_arms
def test_shutting_directions_sends_nothing_and_stops_the_sender_only(net: Net) -> None:
    """A reader that was shut reads on, and poll says readable for ever."""
    client, server = connected(net)
    assert client.shutdown(SHUT_WR) is None
    assert (client.send(b"x"), client.sendto(b"x", SERVER), client.poll()) == ("EPIPE", "EPIPE", POLLOUT)
    assert client.shutdown(SHUT_RD) is None
    assert client.poll() == POLLIN | POLLOUT | POLLHUP | POLLRDHUP
    assert (client.recv(), client.recv()) == ("EAGAIN", "EAGAIN")
    assert net.sent() == NOTHING_ELSE
    server.sendto(b"late", name(client))
    assert (client.recv(), client.recv()) == (b"late", "EAGAIN")


@on_both_arms
def test_shutdown_without_a_peer_says_enotconn_and_shuts_all_the_same(net: Net) -> None:
    receiver(net)
    client = net.udp("client")
    assert client.shutdown(SHUT_RDWR) == "ENOTCONN"
    assert client.poll() == POLLIN | POLLOUT | POLLHUP | POLLRDHUP
    assert client.sendto(b"x", SERVER) == "EPIPE"
    assert net.sent() == NOTHING_ELSE


# ---------------------------------------------------------------- what UDP does not do


@on_both_arms
def test_there_are_no_connections_to_wait_for(net: Net) -> None:
    end = receiver(net)
    assert (end.listen(), end.call("accept")) == (UNSUPPORTED, UNSUPPORTED)
    assert end.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1) == "ENOPROTOOPT"
    assert end.call("getsockopt", IPPROTO_TCP, TCP_NODELAY) == UNSUPPORTED


@on_both_arms
def test_udp_and_tcp_have_ports_of_their_own(net: Net) -> None:
    receiver(net)
    assert net.tcp("tcp").bind(SERVER) is None
    assert net.udp("udp").bind(SERVER) == "EADDRINUSE"
