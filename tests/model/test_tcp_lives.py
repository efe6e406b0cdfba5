"""The lives of a TCP socket, as packet traces: what one call or one connection leaves behind for the next.

A socket outlives its connections. A refused attempt, a shutdown that failed, a listener that stopped, an address that
rests: each leaves something (a bit, an error, a port, a pair in TIME-WAIT) that only a later call shows. And a peer can
outlive the other end's memory of it: then segments arrive that nobody expects.

Not here: one connection's own opening and closing (test_tcp_opening.py, test_tcp_closing.py).
"""

from __future__ import annotations

import errno

import pytest

from model.values.constants import (
    POLLERR,
    POLLHUP,
    POLLIN,
    POLLOUT,
    POLLRDHUP,
    SHUT_RD,
    SHUT_RDWR,
    SHUT_WR,
    SO_REUSEADDR,
    SOL_SOCKET,
)

from .arms import on_both_arms
from .traces import (
    HERE,
    NOBODY,
    NOTHING_ELSE,
    SERVER,
    End,
    ModelNet,
    Net,
    closing,
    established,
    fin_wait_1,
    fin_wait_2,
    last_ack,
    listening,
    syn_sent,
    time_wait,
)

CLIENT = (HERE, 8000)
SYN = "client > server: S 0:1(0) <mss 65495,wscale 10>"
HANDSHAKE = [SYN, "server > client: S. 0:1(0) ack 1 <mss 65495,wscale 10>", "client > server: . 1:1(0) ack 1"]


def bound(net: Net, name: str = "client") -> End:
    """A socket that is bound to the client's address and may share it."""
    end = net.tcp(name)
    end.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
    assert end.bind(CLIENT) is None
    return end


# ---------------------------------------------------------------- before there is a connection


@on_both_arms
def test_a_fresh_socket_is_writable_and_hung_up(net: Net) -> None:
    end = net.tcp("client")
    assert (end.state, end.poll(), end.error()) == ("CLOSED", POLLOUT | POLLHUP, 0)
    assert (end.send(b"x"), end.recv(), end.call("accept")) == ("EPIPE", "ENOTCONN", "EINVAL")
    assert (end.call("getsockname"), end.call("getpeername")) == (("0.0.0.0", 0), "ENOTCONN")
    assert net.after(0.05) == NOTHING_ELSE


@on_both_arms
def test_a_direction_shut_before_connecting_stays_shut(net: Net) -> None:
    """ENOTCONN, and yet the bit stays: the connection stands and does not send. No FIN says so to the peer."""
    listener, client = listening(net), net.tcp("client")
    assert client.shutdown() == "ENOTCONN"
    assert client.connect() == "EINPROGRESS"
    assert (net.sent(), client.connect(), client.send(b"x")) == (HANDSHAKE, None, "EPIPE")
    server = listener.accept()
    assert (client.state, server.state) == ("ESTABLISHED", "ESTABLISHED")
    assert (server.send(b"hello"), client.recv()) == (5, b"hello")
    assert net.sent() == ["server > client: P. 1:6(5) ack 1", "client > server: . 1:1(0) ack 6"]
    client.close()
    assert net.sent() == ["client > server: F. 1:2(0) ack 6"]


@on_both_arms
def test_a_listener_shut_for_writing_before_has_children_that_hang_up(net: Net) -> None:
    listener, client = net.tcp("server"), net.tcp("client")
    assert (listener.bind(SERVER), listener.shutdown(), listener.listen()) == (None, "ENOTCONN", None)
    client.connect()
    assert net.sent() == [*HANDSHAKE, "server > client: F. 1:2(0) ack 1"]
    server = listener.accept()
    assert (client.recv(), server.send(b"x"), client.send(b"y"), server.recv()) == (b"", "EPIPE", 1, b"y")


# ---------------------------------------------------------------- listeners


@on_both_arms
def test_shutting_a_listener_for_writing_does_nothing(net: Net) -> None:
    listener, client = listening(net), net.tcp("client")
    assert (listener.shutdown(SHUT_WR), listener.state) == (None, "LISTEN")
    client.connect()
    assert net.sent() == HANDSHAKE
    assert listener.accept().send(b"x") == 1


@pytest.mark.parametrize("how", [SHUT_RD, SHUT_RDWR])
@on_both_arms
def test_shutting_a_listener_for_reading_stops_it_and_it_may_listen_again(net: Net, how: int) -> None:
    listener, client = listening(net), net.tcp("client")
    client.connect()
    net.sent()
    assert listener.shutdown(how) is None
    assert net.sent() == ["server > client: R. 1:1(0) ack 1"]
    assert (listener.state, listener.call("accept"), client.recv()) == ("CLOSED", "EINVAL", "ECONNRESET")
    other = net.tcp("other")
    other.connect()
    assert net.sent()[1:] == ["server > other: R. 0:0(0) ack 1"]
    assert (listener.listen(), listener.state) == (None, "LISTEN")
    net.tcp("third").connect()
    assert len(net.sent()) == 3
    assert listener.accept().state == "ESTABLISHED"


@on_both_arms
def test_a_listener_that_stopped_may_connect(net: Net) -> None:
    listener = listening(net)
    other = net.tcp("other")
    other.bind(CLIENT)
    other.listen()
    assert listener.connect(CLIENT) == "EISCONN"
    listener.shutdown(SHUT_RD)
    assert listener.connect(CLIENT) == "EINPROGRESS"
    assert [line.split(": ")[0] for line in net.sent()] == ["server > other", "other > server", "server > other"]
    assert listener.state == "ESTABLISHED"


@pytest.mark.parametrize("backlog", [0, 1, 3])
@on_both_arms
def test_an_accept_queue_holds_one_more_than_its_backlog(net: Net, backlog: int) -> None:
    listening(net, backlog=backlog)
    clients = [net.tcp(f"client{number}") for number in range(backlog + 3)]
    for client in clients:
        client.connect()
    states = [client.state for client in clients]
    assert states == ["ESTABLISHED"] * (backlog + 1) + ["SYN_SENT"] * 2


@on_both_arms
def test_listening_again_makes_the_queue_longer_and_loses_nobody(net: Net) -> None:
    listener, first, second = listening(net, backlog=0), net.tcp("first"), net.tcp("second")
    first.connect()
    assert listener.listen(1) is None
    second.connect()
    assert [first.state, second.state] == ["ESTABLISHED", "ESTABLISHED"]
    assert [listener.accept().call("getpeername"), listener.accept().call("getpeername")] == [
        first.call("getsockname"),
        second.call("getsockname"),
    ]
    assert listener.call("accept") == "EAGAIN"


@on_both_arms
def test_a_connection_that_was_reset_while_it_waited_is_accepted_all_the_same(net: Net) -> None:
    """It is in the queue, so accept gives it; what became of it its own calls say."""
    listener, client = listening(net), net.tcp("client")
    client.connect()
    client.send(b"early")
    listener.listen()
    client.shutdown(SHUT_RDWR)
    client.close()
    net.sent()
    server = listener.accept()
    assert (server.recv(), server.recv(), server.state) == (b"early", b"", "CLOSE_WAIT")


# ---------------------------------------------------------------- attempts


@on_both_arms
def test_shutting_an_attempt_gives_it_up_without_a_word(net: Net) -> None:
    client, listener = syn_sent(net)
    assert client.shutdown(SHUT_RDWR) is None
    assert (client.state, client.poll()) == ("CLOSED", POLLOUT | POLLHUP | POLLERR)
    assert [client.error(), client.error()] == [errno.ECONNRESET, 0]
    assert net.sent() == NOTHING_ELSE
    listener.accept()
    assert client.connect() == "EINPROGRESS"
    assert (net.sent(), client.state) == (HANDSHAKE, "ESTABLISHED")


@on_both_arms
def test_a_refused_attempt_that_is_shut_never_connects_again(net: Net) -> None:
    client = net.tcp("client")
    client.connect(NOBODY)
    net.sent()
    assert client.shutdown() == "ENOTCONN"
    assert [client.connect(), client.error(), client.connect()] == ["EINVAL", errno.ECONNREFUSED, "EINVAL"]
    assert net.sent() == NOTHING_ELSE


@on_both_arms
def test_a_connected_socket_never_connects_again(net: Net) -> None:
    client, server = established(net)
    assert client.connect() == "EISCONN"
    server.close()
    client.shutdown()
    net.sent()
    assert (client.state, client.connect(), client.listen()) == ("CLOSED", "EISCONN", "EINVAL")
    assert net.sent() == NOTHING_ELSE


@on_both_arms
def test_the_port_that_connect_drew_is_given_up_with_a_refusal(net: Net) -> None:
    client = net.tcp("client")
    client.connect(NOBODY)
    drawn = client.call("getsockname")
    assert (client.error(), client.bind(CLIENT)) == (errno.ECONNREFUSED, None)
    assert drawn[1] not in (0, CLIENT[1])
    assert net.tcp("other").bind(CLIENT) == "EADDRINUSE"


# ---------------------------------------------------------------- an address at rest


def rested(net: Net, first: str) -> None:
    """A connection from CLIENT to SERVER that has ended in TIME-WAIT, on the side that closed `first`."""
    listener = net.tcp("server")
    listener.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
    listener.bind(SERVER)
    listener.listen()
    client = bound(net)
    client.connect()
    server = listener.accept()
    for end in (client, server) if first == "client" else (server, client):
        end.close()
    net.sent()


@on_both_arms
def test_the_pair_that_rests_may_connect_anew(net: Net) -> None:
    """The end that asks is at rest itself. A bound port need not wait out the minute (tcp_twsk_unique)."""
    rested(net, first="client")
    client = bound(net)
    assert client.connect() == "EINPROGRESS"
    assert (net.sent(), client.state) == (HANDSHAKE, "ESTABLISHED")
    assert net.after(0.2) == NOTHING_ELSE


@on_both_arms
def test_who_takes_the_place_of_one_at_rest_leaves_room_for_timestamps_in_the_first_window(net: Net) -> None:
    """The peer's clock is known from before: 65,495 less 12 bytes."""
    rested(net, first="client")
    client = bound(net)
    client.connect()
    assert net.sent(windows=True)[0] == "client > server: S 0:1(0) win 65483 <mss 65495,wscale 10>"


@on_both_arms
def test_who_was_reset_knows_the_peers_clock_no_more(net: Net) -> None:
    listener, client = listening(net), net.tcp("client")
    client.connect()
    listener.close()
    net.sent()
    assert client.connect() == "ECONNRESET"
    client.connect()
    assert [line.split("win ")[1].split()[0] for line in net.sent(windows=True)] == ["65495", "0"]


@on_both_arms
def test_a_new_syn_ends_the_other_ends_rest(net: Net) -> None:
    """RFC 9293 §3.10.7.4, first, and §3.6.1: with a higher sequence number, or a later timestamp, it goes to the
    listener (tcp_timewait_state_process, TCP_TW_SYN).
    """
    rested(net, first="server")
    net.wait(0.002)  # a later timestamp
    client = bound(net)
    assert client.connect() == "EINPROGRESS"
    assert (net.sent(), client.state) == (HANDSHAKE, "ESTABLISHED")
    assert net.after(0.2) == NOTHING_ELSE


@on_both_arms
def test_a_new_syn_ends_a_rest_that_began_during_a_call(net: Net) -> None:
    """The last FIN came while the reader was in recv."""
    listener, client = listening(net), bound(net)
    client.connect()
    server = listener.accept()
    server.shutdown()
    client.fill()
    client.close()
    assert (server.drain()[1], server.state) == (b"", "CLOSED")
    net.sent()
    net.wait(0.002)  # a later timestamp
    client = bound(net)
    assert client.connect() == "EINPROGRESS"
    assert (len(net.sent()), client.state) == (3, "ESTABLISHED")


@on_both_arms
def test_a_pair_in_use_is_not_given_twice(net: Net) -> None:
    listening(net)
    first = bound(net)
    first.connect()
    net.sent()
    second = bound(net, "second")
    assert (second.connect(), net.sent(), second.state) == ("EADDRNOTAVAIL", NOTHING_ELSE, "CLOSED")
    assert second.connect(NOBODY) == "EINPROGRESS"


@on_both_arms
def test_an_address_at_rest_does_not_listen(net: Net) -> None:
    """The server closed first: without SO_REUSEADDR on both its address rests for a minute."""
    listener, client = listening(net), net.tcp("client")
    client.connect()
    server = listener.accept()
    listener.close()
    server.close()
    client.close()
    net.sent()
    plain, reusing = net.tcp("plain"), net.tcp("reusing")
    reusing.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
    assert (plain.bind(SERVER), reusing.bind(SERVER)) == ("EADDRINUSE", "EADDRINUSE")


# ---------------------------------------------------------------- closing what has said FIN already


@pytest.mark.parametrize("state", [fin_wait_1, fin_wait_2, time_wait])
@on_both_arms
def test_closing_after_a_fin_sends_nothing(net: Net, state: object) -> None:
    client, _ = state(net)  # type: ignore[operator]
    client.close()
    assert net.sent() == NOTHING_ELSE


@pytest.mark.parametrize("state", [last_ack, closing])
@on_both_arms
def test_closing_while_the_fin_waits_behind_bytes_delivers_both(net: Net, state: object) -> None:
    client, server = state(net)  # type: ignore[operator]
    server.close()
    assert net.sent() == NOTHING_ELSE
    assert client.drain() == (2_623_648, b"")
    assert client.state == "CLOSED"


# ---------------------------------------------------------------- one end remembers, the other does not


def half_open(net: ModelNet) -> tuple[End, End]:
    """The client closed, waited a minute for a FIN and forgot; the server, in CLOSE-WAIT, knows nothing of that."""
    listener = listening(net)
    client = bound(net)
    client.connect()
    server = listener.accept()
    client.close()
    net.wait(61)
    net.sent()
    assert (net.states(), server.state) == (["LISTEN", "CLOSE_WAIT"], "CLOSE_WAIT")
    return server, listener


def test_what_is_sent_to_an_end_that_has_forgotten_is_answered_with_a_reset() -> None:
    """RFC 9293 §3.5.1, figure 10."""
    net = ModelNet()
    server, _ = half_open(net)
    assert server.send(b"x") == 1
    assert net.sent() == ["server > client: P. 1:2(1) ack 2", "client > server: R 2:2(0)"]
    assert (server.state, server.poll()) == ("CLOSED", POLLIN | POLLOUT | POLLHUP | POLLRDHUP | POLLERR)
    assert (server.recv(), server.send(b"y")) == (b"", "EPIPE")
    assert net.after(1000) == NOTHING_ELSE


def test_a_new_attempt_finds_out_that_the_other_end_remembers() -> None:
    """RFC 9293 §3.5.1, figure 9, and RFC 5961 §4.2: the SYN is challenged, the answer is unexpected and so is reset;
    the SYN goes out again almost at once (`tcp_rcv_synsent_state_process`) and finds the address free.
    """
    net = ModelNet()
    server, listener = half_open(net)
    client = bound(net)
    assert client.connect() == "EINPROGRESS"
    kinds = [line.split()[3] for line in net.sent()]
    assert (kinds, client.state, server.state) == (["S", ".", "R"], "SYN_SENT", "CLOSED")
    assert net.after(0.004) == NOTHING_ELSE
    assert (net.after(0.02), client.state) == (HANDSHAKE, "ESTABLISHED")
    assert listener.accept().state == "ESTABLISHED"


def test_a_listener_resets_what_it_does_not_know() -> None:
    """The server closed first and has forgotten; its listener hears the client's next bytes."""
    net = ModelNet()
    listener, client = listening(net), net.tcp("client")
    client.connect()
    listener.accept().close()
    net.wait(61)
    net.sent()
    assert net.states() == ["LISTEN", "CLOSE_WAIT"]
    client.send(b"x")
    assert net.sent() == ["client > server: P. 1:2(1) ack 2", "server > client: R 2:2(0)"]
    assert (client.state, client.send(b"y")) == ("CLOSED", "EPIPE")
    assert listener.call("accept") == "EAGAIN"
