"""Data over TCP, as packet traces: acknowledgements at once and delayed, Nagle's algorithm, segments, tail loss probes.

Not here: closed windows and full buffers (test_tcp_windows.py).
"""

from __future__ import annotations

import pytest

from model.values.constants import IPPROTO_TCP, MSG_PEEK, SHUT_RD, SO_RCVBUF, SOL_SOCKET, TCP_NODELAY

from .arms import on_both_arms
from .traces import NOTHING_ELSE, SMALL_RCVBUF, ModelNet, Net, established, interactive

# ---------------------------------------------------------------- acknowledgements


@on_both_arms
def test_a_young_connection_acknowledges_at_once(net: Net) -> None:
    client, server = established(net)
    assert client.send(b"hello") == 5
    assert net.sent() == ["client > server: P. 1:6(5) ack 1", "server > client: . 1:1(0) ack 6"]
    assert (server.recv(), client.unacknowledged()) == (b"hello", 0)
    assert net.after(0.2) == NOTHING_ELSE


@on_both_arms
def test_youth_lasts_for_sixteen_acknowledgements(net: Net) -> None:
    """TCP_MAX_QUICKACKS; the seventeenth waits."""
    client, _ = established(net)
    for count in range(16):
        client.send(b"ten  bytes")
        at = 1 + 10 * count
        assert net.sent() == [
            f"client > server: P. {at}:{at + 10}(10) ack 1",
            f"server > client: . 1:1(0) ack {at + 10}",
        ]
    client.send(b"ten  bytes")
    assert net.sent() == ["client > server: P. 161:171(10) ack 1"]
    assert net.after(0.02) == NOTHING_ELSE
    assert net.after(0.1) == ["server > client: . 1:1(0) ack 171"]
    assert net.after(0.2) == NOTHING_ELSE


@on_both_arms
def test_an_acknowledgement_waits_forty_milliseconds(net: Net) -> None:
    """RFC 1122 §4.2.3.2 allows half a second; Linux begins with TCP_DELACK_MIN."""
    client, server = interactive(net)
    assert server.send(b"ten  bytes") == 10
    assert net.sent() == ["server > client: P. 11:21(10) ack 2"]
    assert net.after(0.035) == NOTHING_ELSE
    assert server.unacknowledged() == 10
    assert net.after(0.045) == ["client > server: . 2:2(0) ack 21"]
    assert server.unacknowledged() == 0
    assert client.recv() == b"ten  bytes"
    assert net.after(0.2) == NOTHING_ELSE


def test_a_delayed_acknowledgement_goes_on_the_first_tick_that_is_not_early() -> None:
    net = ModelNet()
    _, server = interactive(net)
    server.send(b"ten  bytes")
    net.sent()
    assert net.times(1) == ["+0.044 client > server: . 2:2(0) ack 21"]


@on_both_arms
def test_a_delayed_acknowledgement_rides_on_data(net: Net) -> None:
    client, server = interactive(net)
    server.send(b"ten  bytes")
    net.sent()
    assert client.recv() == b"ten  bytes"
    assert net.sent() == NOTHING_ELSE
    client.send(b"reply")
    assert net.sent() == ["client > server: P. 2:7(5) ack 21"]
    assert net.after(0.02) == NOTHING_ELSE


@on_both_arms
def test_looking_at_bytes_sends_nothing(net: Net) -> None:
    client, server = established(net)
    client.send(b"hello")
    net.sent()
    assert [server.recv(3, MSG_PEEK), server.recv(9, MSG_PEEK), server.readable()] == [b"hel", b"hello", 5]
    assert net.after(0.2) == NOTHING_ELSE


@on_both_arms
def test_sending_nothing_sends_nothing(net: Net) -> None:
    client, _ = established(net)
    assert client.send(b"") == 0
    assert net.after(0.2) == NOTHING_ELSE


@on_both_arms
def test_shutting_the_reading_direction_is_kept_from_the_peer(net: Net) -> None:
    client, server = established(net)
    client.shutdown(SHUT_RD)
    assert (net.sent(), client.recv()) == (NOTHING_ELSE, b"")
    assert server.send(b"late") == 4
    assert net.sent() == ["server > client: P. 1:5(4) ack 1", "client > server: . 1:1(0) ack 5"]
    assert (client.recv(), client.recv()) == (b"late", b"")
    assert net.after(0.2) == NOTHING_ELSE


# ---------------------------------------------------------------- Nagle's algorithm


@on_both_arms
def test_nagle_holds_the_second_small_segment_until_the_first_is_acknowledged(net: Net) -> None:
    """RFC 896 with Minshall's refinement; with the other side's delayed acknowledgement it costs 40 ms."""
    client, server = interactive(net)
    server.send(b"first")
    assert net.sent() == ["server > client: P. 11:16(5) ack 2"]
    assert (server.send(b"second"), server.send(b"third")) == (6, 5)
    assert net.after(0.02) == NOTHING_ELSE
    assert client.recv() == b"first"
    assert net.after(0.1) == [
        "client > server: . 2:2(0) ack 16",
        "server > client: P. 16:27(11) ack 2",
        "client > server: . 2:2(0) ack 27",
    ]
    assert client.recv() == b"secondthird"
    assert net.after(0.2) == NOTHING_ELSE


@on_both_arms
def test_without_nagle_small_segments_go_at_once(net: Net) -> None:
    _, server = interactive(net, nodelay=True)
    server.send(b"first")
    server.send(b"second")
    assert net.sent() == ["server > client: P. 11:16(5) ack 2", "server > client: P. 16:22(6) ack 2"]


@on_both_arms
def test_switching_nagle_off_lets_go_of_what_it_held(net: Net) -> None:
    _, server = interactive(net)
    server.send(b"first")
    server.send(b"second")
    assert net.sent() == ["server > client: P. 11:16(5) ack 2"]
    server.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
    assert net.sent() == ["server > client: P. 16:22(6) ack 2"]


@on_both_arms
def test_a_moment_without_nagle_lets_go_of_what_the_window_held(net: Net) -> None:
    """TCP_NODELAY, set and taken back while the window was closed, still counts for what waited then (TCP_NAGLE_PUSH).
    The segment before it was dropped for want of memory, and comes again when this one arrives.
    """
    client, server = established(net)
    assert (server.send(bytes(65_483)), server.send(bytes(1448))) == (65_483, 1448)
    client.setsockopt(SOL_SOCKET, SO_RCVBUF, 5000)
    assert (client.send(bytes(65_483)), server.send(bytes(536))) == (65_483, 536)
    server.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
    server.setsockopt(IPPROTO_TCP, TCP_NODELAY, 0)
    assert net.sent()[-1] == "client > server: . 65484:65484(0) ack 65484"
    assert len(client.recv()) == 65_483
    assert net.sent() == [
        "client > server: . 65484:65484(0) ack 65484",
        "server > client: P. 66932:67468(536) ack 65484",
        "client > server: . 65484:65484(0) ack 65484 <sack 66932:67468>",
        "server > client: P. 65484:66932(1448) ack 65484",
        "client > server: . 65484:65484(0) ack 67468",
    ]


@on_both_arms
def test_a_fin_takes_along_what_nagle_held(net: Net) -> None:
    _, server = interactive(net)
    server.send(b"first")
    server.send(b"second")
    net.sent()
    server.shutdown()
    assert net.sent() == ["server > client: FP. 16:23(6) ack 2"]


@on_both_arms
def test_an_acknowledgement_on_data_releases_what_nagle_held(net: Net) -> None:
    client, server = interactive(net)
    server.send(b"first")
    server.send(b"second")
    net.sent()
    client.send(b"hello")
    assert net.sent() == ["client > server: P. 2:7(5) ack 16", "server > client: P. 16:22(6) ack 7"]


# ---------------------------------------------------------------- segments


@on_both_arms
def test_a_segment_is_no_longer_than_half_the_largest_window(net: Net) -> None:
    """tcp_bound_to_half_wnd: the first window was 65483, so 65483 bytes go in two; after a wider one, in one."""
    client, server = established(net)
    assert client.send(bytes(65483)) == 65483
    assert net.sent(windows=True) == [
        "client > server: . 1:32742(32741) ack 1 win 65536",
        "server > client: . 1:1(0) ack 32742 win 95232",
        "client > server: P. 32742:65483(32741) ack 1 win 65536",
        "client > server: P. 65483:65484(1) ack 1 win 65536",
    ]
    assert len(server.recv()) == 65483
    net.sent()
    client.send(bytes(47616))
    assert net.sent()[:1] == ["client > server: P. 65484:113100(47616) ack 1"]


@pytest.mark.parametrize("portion", [1, 100, 1000])
@on_both_arms
def test_portions_become_a_stream(net: Net, portion: int) -> None:
    client, server = established(net)
    data = bytes(range(256)) * 8
    assert all(client.send(data[at : at + portion]) for at in range(0, len(data), portion))
    net.wait(0.1)
    assert server.recv() == data


# ---------------------------------------------------------------- tail loss probes


@on_both_arms
def test_two_segments_without_an_answer_provoke_a_tail_loss_probe(net: Net) -> None:
    """RFC 8985 §7: two round trips and a little; the last segment goes again, and a duplicate is answered at once."""
    client, server = interactive(net, nodelay=True)
    server.send(b"first")
    server.send(b"second")
    assert net.sent() == ["server > client: P. 11:16(5) ack 2", "server > client: P. 16:22(6) ack 2"]
    assert net.after(0.02) == ["server > client: P. 16:22(6) ack 2", "client > server: . 2:2(0) ack 22 <sack 16:22>"]
    assert client.recv() == b"firstsecond"
    assert net.after(0.2) == NOTHING_ELSE


@on_both_arms
def test_for_a_single_segment_the_probe_gives_the_delayed_acknowledgement_time(net: Net) -> None:
    """RFC 8985 §7.2: with one segment in flight the worst case of the delay is added, so the answer comes first."""
    _, server = interactive(net)
    server.send(b"first")
    net.sent()
    assert net.after(0.3) == ["client > server: . 2:2(0) ack 16"]


@on_both_arms
def test_a_probe_sends_new_bytes_where_there_are_some(net: Net) -> None:
    """RFC 8985 §7.3: what Nagle holds back goes first."""
    _, server = interactive(net, nodelay=True)
    server.send(b"first")
    server.send(b"second")
    server.setsockopt(IPPROTO_TCP, TCP_NODELAY, 0)
    server.send(b"held")
    assert net.sent() == ["server > client: P. 11:16(5) ack 2", "server > client: P. 16:22(6) ack 2"]
    assert net.after(0.02) == ["server > client: P. 22:26(4) ack 2"]


@on_both_arms
def test_a_probe_goes_beyond_the_congestion_window(net: Net) -> None:
    """RFC 8985 §7.3; tcp_write_xmit, push_one == 2. Ten segments are in flight, and one more waits."""
    client, server = established(net, rcvbuf=SMALL_RCVBUF, nodelay=True)
    assert (client.send(b"."), net.sent()) == (
        1,
        ["client > server: P. 1:2(1) ack 1", "server > client: . 1:1(0) ack 2"],
    )
    assert [client.send(b".") for _ in range(11)] == [1] * 11
    assert net.sent() == [f"client > server: P. {at}:{at + 1}(1) ack 1" for at in range(2, 12)]
    assert net.after(0.1) == ["client > server: P. 12:13(1) ack 1", "server > client: . 1:1(0) ack 13"]
    assert server.recv() == bytes(b"." * 12)
