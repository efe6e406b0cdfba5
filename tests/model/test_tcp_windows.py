"""Full buffers and closed windows, as packet traces and as numbers of bytes.

Not here: what any amount is made of (model/tcp/memory.py says); amounts in general are the cross-check's.
"""

from __future__ import annotations

import itertools

import pytest

from model.tcp.block import Timer
from model.values.constants import POLLIN, POLLOUT, SHUT_RD, SO_RCVBUF, SO_SNDBUF, SOL_SOCKET

from .arms import on_both_arms
from .traces import NOTHING_ELSE, SMALL_RCVBUF, SMALL_SNDBUF, ModelEnd, ModelNet, Net, established, stuck

PROBE = "client > server: . 1152:1152(0) ack 1 win 65536"
STILL_CLOSED = "server > client: . 1:1(0) ack 1153 win 0"


# ---------------------------------------------------------------- a closed window


@on_both_arms
def test_a_reader_who_makes_room_opens_the_window(net: Net) -> None:
    client, server = stuck(net)
    assert client.poll() & POLLOUT == 0
    assert len(server.recv()) == 1152
    assert net.sent(windows=True) == [
        "server > client: . 1:1(0) ack 1153 win 576",
        "client > server: . 1153:1729(576) ack 1 win 65536",
    ]
    assert server.readable() == 576
    assert net.after(0.1, windows=True) == ["server > client: . 1:1(0) ack 1729 win 0"]
    assert net.after(0.05) == NOTHING_ELSE


@on_both_arms
def test_reading_a_little_sends_nothing(net: Net) -> None:
    """RFC 1122 §4.2.3.3: the receiver does not offer a silly window."""
    _, server = stuck(net)
    assert len(server.recv(100)) == 100
    assert net.after(0.03) == NOTHING_ELSE


@on_both_arms
def test_a_closed_window_is_probed(net: Net) -> None:
    """RFC 9293 §3.8.6.1: first after a retransmission time-out. A second probe within half a second is not answered
    (tcp_invalid_ratelimit).
    """
    stuck(net)
    assert net.after(0.1) == NOTHING_ELSE
    assert net.after(0.1, windows=True) == [PROBE, STILL_CLOSED]
    assert net.after(0.3) == NOTHING_ELSE
    assert net.after(0.2, windows=True) == [PROBE]


def test_probes_go_on_for_ever_and_the_wait_between_them_doubles_up_to_two_minutes() -> None:
    net = ModelNet()
    client, _ = stuck(net)
    probes = [float(line.split()[0]) for line in net.times(1000) if "client > server" in line]
    waits = [later - earlier for earlier, later in itertools.pairwise(probes)]
    for late, wait in zip(waits[:9], [0.416, 0.832, 1.664, 3.328, 6.656, 13.312, 26.624, 53.248, 106.496], strict=True):
        assert wait <= late <= wait * 9 / 8, "the wheel is coarser the farther off a deadline is"
    assert all(106.496 <= wait < 108.545 for wait in waits[9:])
    assert client.state == "ESTABLISHED"


@on_both_arms
def test_memory_is_free_when_the_last_byte_of_a_buffer_was_read(net: Net) -> None:
    """1000 of 1152 bytes read make no room at all, and the last of them opens the window."""
    _, server = stuck(net)
    for _ in range(4):
        assert (len(server.recv(250)), net.sent()) == (250, NOTHING_ELSE)
    assert len(server.recv(152)) == 152
    assert net.sent(windows=True) == [
        "server > client: . 1:1(0) ack 1153 win 576",
        "client > server: . 1153:1729(576) ack 1 win 65536",
    ]


def test_everything_arrives_in_the_end() -> None:
    net = ModelNet()
    client, server = stuck(net)
    taken = 0
    while data := (server.recv() if server.readable() else b""):
        taken += len(data)
        net.wait(1)
    assert taken == 4032
    assert (client.unacknowledged(), client.poll()) == (0, POLLOUT)


@on_both_arms
def test_a_fin_does_not_go_beyond_the_window(net: Net) -> None:
    """The window has room for the bytes and not for the FIN behind them: what fits is sent alone (tcp_write_wakeup
    compares with end_seq, which counts the FIN).
    """
    client, server = stuck(net)
    client.shutdown()
    for _ in range(5):
        net.wait(0.1)
        server.recv()
    net.sent()
    assert net.after(0.3, windows=True)[0] == "client > server: P. 3457:4033(576) ack 1 win 65536"


@on_both_arms
def test_a_window_that_closed_for_want_of_memory_opens_with_the_next_segment(net: Net) -> None:
    """A reader who shut this direction tells nobody that there is room again: the sender finds out by trying."""
    client, server = established(net)
    client.shutdown(SHUT_RD)
    client.setsockopt(SOL_SOCKET, SO_RCVBUF, 4608)
    assert (server.send(bytes(65484)), net.sent(windows=True)[-1]) == (
        65484,
        "client > server: . 1:1(0) ack 32769 win 0",
    )
    assert (len(client.recv()), net.sent()) == (32768, NOTHING_ELSE)
    assert net.after(0.3, windows=True) == [
        "server > client: P. 32769:65485(32716) ack 1 win 65536",
        "client > server: . 1:1(0) ack 32769 win 9216",
    ]


def test_a_part_that_was_sent_can_be_lost() -> None:
    """Whatever is unacknowledged has a retransmission timer (RFC 6298 §5.1; tcp_event_new_data_sent)."""
    net = ModelNet()
    client, server = established(net)
    assert (server.send(bytes(10_000)), server.send(bytes(300_000)), client.send(bytes(10))) == (10_000, 300_000, 10)
    net.sent()
    assert net.after(0.25) == ["server > client: P. 121617:128785(7168) ack 11"]
    assert isinstance(server, ModelEnd)
    assert server.tcb.unacked
    assert server.tcb.timers[Timer.RETRANSMIT] is not None


# ---------------------------------------------------------------- how much fits


@pytest.mark.parametrize(
    ("portion", "taken"),
    [
        (100, 2300),
        (200, 2400),
        (500, 3500),
        (576, 4032),
        (577, 4033),
        (1000, 3728),
        (1152, 4032),
        (2000, 3728),
        (4000, 4032),
        (10_000, 4032),
        (100_000, 4032),
    ],
)
@on_both_arms
def test_bytes_until_a_send_would_block(net: Net, portion: int, taken: int) -> None:
    """Granted 4608 to send and 2304 to receive: neither is what fits, and it depends on the portions."""
    client, server = established(net, sndbuf=SMALL_SNDBUF, rcvbuf=SMALL_RCVBUF)
    granted = [client.call("getsockopt", SOL_SOCKET, SO_SNDBUF), server.call("getsockopt", SOL_SOCKET, SO_RCVBUF)]
    assert granted == [4608, 2304]
    assert client.fill(portion) == taken
    assert client.poll() & POLLOUT == 0
    assert server.poll() & POLLIN
    assert 0 < server.readable() <= 1152
    assert client.unacknowledged() <= taken


@pytest.mark.parametrize(("portion", "taken"), [(1, 2113), (2, 2114), (10, 2130), (50, 2200)])
@on_both_arms
def test_small_portions_until_a_send_would_block(net: Net, portion: int, taken: int) -> None:
    client, _ = established(net, sndbuf=SMALL_SNDBUF, rcvbuf=SMALL_RCVBUF)
    assert client.fill(portion) == taken


@pytest.mark.parametrize("portion", [1000, 10_000])
@on_both_arms
def test_without_nagle_as_many_bytes_fit(net: Net, portion: int) -> None:
    client, _ = established(net, sndbuf=SMALL_SNDBUF, rcvbuf=SMALL_RCVBUF, nodelay=True)
    assert client.fill(portion) == {1000: 3728, 10_000: 4032}[portion]


@on_both_arms
def test_bytes_that_fit_with_buffers_as_they_come(net: Net) -> None:
    client, server = established(net)
    assert (client.fill(), server.fill()) == (2_623_648, 2_623_648)
    assert (client.readable(), server.readable()) == (100_000, 100_000)


@on_both_arms
def test_poll_says_writable_only_when_a_third_is_free(net: Net) -> None:
    """A socket that is not writable may still take bytes: send asks for any room at all, poll for a third."""
    client, _ = established(net, sndbuf=SMALL_SNDBUF, rcvbuf=SMALL_RCVBUF)
    accepted_unwritable = 0
    while (count := client.send(bytes(100))) != "EAGAIN":
        accepted_unwritable += not client.poll() & POLLOUT
        assert count == 100
    assert accepted_unwritable > 0
    assert client.poll() & POLLOUT == 0


@on_both_arms
def test_memory_is_looked_at_before_what_is_acknowledged(net: Net) -> None:
    """The receiver is over its limit, and its own unacknowledged byte takes what is left of the page that is begun. The
    segment that acknowledges it comes too early to profit (tcp_rcv_established: sk_forward_alloc before tcp_ack).
    """
    client, server = established(net)
    assert (server.send(b"x"), client.send(bytes(10_000)), server.send(b"x")) == (1, 10_000, 1)
    server.setsockopt(SOL_SOCKET, SO_RCVBUF, 2304)
    net.sent()
    client.send(b"x")
    assert net.sent(windows=True) == [
        "client > server: P. 10001:10002(1) ack 3 win 65536",
        "server > client: . 3:3(0) ack 10001 win 0",
    ]
    assert server.readable() == 10_000
