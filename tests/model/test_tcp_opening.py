"""Opening TCP connections, as packet traces: the handshake, refusals, a full accept queue, a connection to oneself.

Not here: what connect answers in each life of a socket (the cross-check compares that with the kernel).
"""

from __future__ import annotations

import errno

import pytest

from model.values.constants import POLLERR, POLLHUP, POLLIN, POLLOUT, POLLRDHUP

from .arms import on_both_arms
from .traces import NOBODY, NOTHING_ELSE, SERVER, ModelNet, Net, established, listening, self_connected, syn_sent

HANDSHAKE = [
    "client > server: S 0:1(0) <mss 65495,wscale 10>",
    "server > client: S. 0:1(0) ack 1 <mss 65495,wscale 10>",
    "client > server: . 1:1(0) ack 1",
]


@on_both_arms
def test_three_segments_open_a_connection(net: Net) -> None:
    listener = listening(net)
    client = net.tcp("client")
    assert client.connect() == "EINPROGRESS"
    assert net.sent() == HANDSHAKE
    assert client.state == "ESTABLISHED"
    assert listener.accept().state == "ESTABLISHED"
    assert client.connect() is None, "the second connect says what became of the first, and sends nothing"
    assert net.after(0.2) == NOTHING_ELSE


@on_both_arms
def test_the_windows_of_a_syn_are_not_scaled(net: Net) -> None:
    """RFC 7323 §2.2: they stand as they are; the third segment's counts units of 1024."""
    listening(net)
    net.tcp("client").connect()
    assert [line.split("win ")[1].split()[0] for line in net.sent(windows=True)] == ["65495", "65483", "65536"]


@on_both_arms
def test_a_small_receive_buffer_shows_in_the_first_window(net: Net) -> None:
    listening(net, rcvbuf=1152)
    net.tcp("client").connect()
    assert net.sent(windows=True)[1] == "server > client: S. 0:1(0) ack 1 win 1152 <mss 65495,wscale 0>"


@on_both_arms
def test_listening_sends_nothing(net: Net) -> None:
    listening(net)
    assert net.sent() == NOTHING_ELSE


@on_both_arms
def test_a_connection_to_nobody_is_refused(net: Net) -> None:
    client = net.tcp("client")
    assert client.connect(NOBODY) == "EINPROGRESS"
    assert net.sent() == ["client > nobody: S 0:1(0) <mss 65495,wscale 10>", "nobody > client: R. 0:0(0) ack 1"]
    assert (client.state, client.poll()) == ("CLOSED", POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP)
    assert client.error() == errno.ECONNREFUSED
    assert net.after(0.2) == NOTHING_ELSE


@pytest.mark.parametrize("ask", ["error first", "connect at once"])
@on_both_arms
def test_after_a_refusal_the_same_socket_connects_anew(net: Net, ask: str) -> None:
    client = net.tcp("client")
    client.connect(NOBODY)
    if ask == "error first":
        assert client.error() == errno.ECONNREFUSED
        assert client.connect(NOBODY) == "ECONNABORTED"
    else:
        assert client.connect(NOBODY) == "ECONNREFUSED"
    net.sent()
    listening(net)
    assert client.connect() == "EINPROGRESS"
    assert [line.split(": ")[1] for line in net.sent()] == [line.split(": ")[1] for line in HANDSHAKE]
    assert client.state == "ESTABLISHED"


@on_both_arms
def test_a_full_accept_queue_drops_the_syn_and_it_is_sent_again_after_a_second(net: Net) -> None:
    client, listener = syn_sent(net)
    assert client.connect() == "EALREADY"
    assert (client.poll(), client.send(b"x"), client.recv()) == (0, "EAGAIN", "EAGAIN")
    assert net.after(0.9) == NOTHING_ELSE
    listener.accept()
    assert net.after(0.3) == HANDSHAKE
    assert (client.poll(), client.connect()) == (POLLOUT, None)
    assert net.after(0.2) == NOTHING_ELSE


@on_both_arms
def test_a_syn_is_sent_again_every_second_at_first(net: Net) -> None:
    client, _ = syn_sent(net)
    assert net.after(0.9) == NOTHING_ELSE
    for _ in range(5):
        assert net.after(0.3) == HANDSHAKE[:1]
        assert net.after(0.7) == NOTHING_ELSE
    assert net.after(0.8) == NOTHING_ELSE, "the sixth wait is twice as long"
    assert client.state == "SYN_SENT"


def test_the_wait_for_an_answer_doubles_until_the_attempt_is_given_up() -> None:
    """RFC 6298 §5.5; tcp_syn_linear_timeouts = 4, tcp_syn_retries = 6: the eleventh wait ends in ETIMEDOUT after two
    minutes.
    """
    net = ModelNet()
    client, _ = syn_sent(net)
    again = net.times(130)
    assert {line.split(" ", 1)[1] for line in again} == {HANDSHAKE[0]}
    assert [round(float(line.split(" ")[0])) for line in again] == [1, 2, 3, 4, 5, 7, 11, 19, 36, 69]
    assert client.state == "SYN_SENT"
    assert net.after(8) == NOTHING_ELSE
    assert (client.state, client.error()) == ("CLOSED", errno.ETIMEDOUT)
    assert net.after(1000) == NOTHING_ELSE


def test_closing_an_attempt_sends_nothing() -> None:
    net = ModelNet()
    client, _ = syn_sent(net)
    client.close()
    assert net.sent() == NOTHING_ELSE
    assert net.after(1000) == NOTHING_ELSE


@on_both_arms
def test_data_may_arrive_before_anyone_accepts(net: Net) -> None:
    listener = listening(net)
    client = net.tcp("client")
    client.connect()
    client.send(b"early")
    assert net.sent() == [*HANDSHAKE, "client > server: P. 1:6(5) ack 1", "server > client: . 1:1(0) ack 6"]
    assert listener.accept().recv() == b"early"
    assert net.after(0.2) == NOTHING_ELSE


@on_both_arms
def test_closing_a_listener_resets_the_connections_that_wait(net: Net) -> None:
    listener = listening(net)
    client, second = net.tcp("client"), net.tcp("second")
    client.connect()
    second.connect()
    net.sent()
    listener.close()
    assert net.sent() == ["server > client: R. 1:1(0) ack 1", "server > second: R. 1:1(0) ack 1"]
    assert [client.recv(), second.recv()] == ["ECONNRESET", "ECONNRESET"]
    assert [client.state, second.state] == ["CLOSED", "CLOSED"]
    assert net.after(0.2) == NOTHING_ELSE


@on_both_arms
def test_an_accepted_connection_outlives_its_listener(net: Net) -> None:
    listener = listening(net)
    client = net.tcp("client")
    client.connect()
    server = listener.accept()
    net.sent()
    listener.close()
    assert net.sent() == NOTHING_ELSE
    client.send(b"still")
    assert server.recv() == b"still"


@on_both_arms
def test_a_socket_connects_to_itself(net: Net) -> None:
    """RFC 9293 §3.5, figure 7: both SYNs are the same one."""
    end = net.tcp("self")
    end.bind(SERVER)
    assert end.connect() == "EINPROGRESS"
    assert net.sent() == [
        "self > self: S 0:1(0) <mss 65495,wscale 10>",
        "self > self: S. 0:1(0) ack 1 <mss 65495,wscale 10>",
        "self > self: . 1:1(0) ack 1 <sack 0:1>",
    ]
    assert end.state == "ESTABLISHED"
    assert net.after(0.2) == NOTHING_ELSE


@on_both_arms
def test_a_socket_connected_to_itself_hears_itself(net: Net) -> None:
    end = self_connected(net)
    assert (end.send(b"echo"), end.recv()) == (4, b"echo")
    assert net.sent() == ["self > self: P. 1:5(4) ack 1", "self > self: . 5:5(0) ack 5"]
    end.shutdown()
    assert net.sent() == ["self > self: F. 5:6(0) ack 5", "self > self: . 6:6(0) ack 6"]
    assert (end.recv(), end.state) == (b"", "CLOSED")
    assert net.after(0.2) == NOTHING_ELSE


def test_the_seed_decides_what_the_kernel_draws() -> None:
    """Initial sequence numbers (RFC 6528) and ephemeral ports (RFC 6056) are free; relative numbers hide the first."""

    def drawn(seed: int) -> tuple[object, ...]:
        net = ModelNet(seed)
        established(net)
        return tuple(name for name in net.names), *(end.local for end in net.host.endpoints.values())

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
