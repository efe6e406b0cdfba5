"""What the standards ask and no trace of a plain connection shows: one test for one requirement, on both arms.

Each is named in the ledger (docs/adherence/). Segments that no honest peer would send at that moment are forged; their
numbers are relative, as in traces, and their windows count before scaling.

Not here: what needs a wire (test_required_on_a_wire.py); hostile segments as such (test_forged.py).
"""

from __future__ import annotations

import errno

import pytest

from model.values.constants import (
    IPPROTO_TCP,
    POLLIN,
    SO_KEEPALIVE,
    SO_REUSEADDR,
    SOL_SOCKET,
    TCP_KEEPIDLE,
    TCP_NODELAY,
)

from .arms import on_both_arms
from .test_forged import STRANGER, address, victim
from .traces import HERE, NOTHING_ELSE, SERVER, Net, established, interactive, listening, stuck, syn_sent

# ---------------------------------------------------------------- windows


@on_both_arms
def test_a_window_with_its_top_bit_set_is_wide(net: Net) -> None:
    """RFC 9293 MUST-1: with a sign it would be negative. Windows of the smallest buffers are not scaled."""
    server = listening(net, rcvbuf=1152)
    client = net.tcp("client")
    client.connect()
    server.accept()
    net.sent()
    source, target = SERVER, address(client)
    net.forge(source, target, ".", 1, 1, window=0)
    assert client.send(b"ten  bytes") == 10
    assert net.sent()[1:] == NOTHING_ELSE
    net.forge(source, target, ".", 1, 1, window=0x8001)
    assert net.sent()[1:2] == ["client > server: P. 1:11(10) ack 1"]


@on_both_arms
def test_a_window_that_shrinks_is_borne(net: Net) -> None:
    """RFC 9293 MUST-34, SHLD-15: what was sent lies beyond the new window. Nothing new goes until it opens again."""
    client, server = interactive(net, nodelay=True)
    server.send(b"first")
    assert net.sent() == ["server > client: P. 11:16(5) ack 2"]
    net.forge(address(client), SERVER, ".", 2, 11, window=0)
    assert (server.send(b"second"), net.sent()[1:]) == (6, NOTHING_ELSE)
    client.send(b"!")
    assert net.sent()[:2] == ["client > server: P. 2:3(1) ack 16", "server > client: P. 16:22(6) ack 3"]
    assert client.recv() == b"firstsecond"


@on_both_arms
def test_a_sliver_of_a_window_is_not_filled_at_once(net: Net) -> None:
    """RFC 9293 MUST-38: 100 bytes of room are not used for a piece of 576, until the override time is over."""
    client, _ = stuck(net)
    net.forge(SERVER, address(client), ".", 1, 1153, window=100)
    assert net.sent()[1:] == NOTHING_ELSE
    assert net.after(0.15) == NOTHING_ELSE
    assert net.after(0.2)[:1] == ["client > server: P. 1153:1253(100) ack 1"]


@on_both_arms
def test_a_reset_is_heard_although_the_window_is_closed(net: Net) -> None:
    """RFC 9293 MUST-66."""
    client, server = stuck(net)
    net.forge(address(client), SERVER, "R", 1153)
    assert (net.sent()[1:], server.state, server.error()) == (NOTHING_ELSE, "CLOSED", errno.ECONNRESET)


# ---------------------------------------------------------------- acknowledgements


@on_both_arms
def test_a_filled_gap_is_acknowledged_once_for_all_that_waited(net: Net) -> None:
    """RFC 9293 MUST-58, MUST-59: what waited behind the gap is taken before the acknowledgement goes."""
    end, source, target = victim(net, "ESTABLISHED")
    net.forge(source, target, ".", 11, 1, 10)
    net.forge(source, target, ".", 21, 1, 10)
    net.sent()
    net.forge(source, target, ".", 1, 1, 10)
    assert net.sent()[1] == "server > client: . 1:1(0) ack 31"
    assert end.readable() == 30


@on_both_arms
def test_a_gap_that_is_filled_in_part_is_acknowledged_at_once(net: Net) -> None:
    """RFC 5681 §4.2: though this end delays its acknowledgements otherwise."""
    client, server = interactive(net)
    target = address(client)
    net.forge(SERVER, target, ".", 31, 2, 10)
    assert net.sent()[1:] == ["client > server: . 2:2(0) ack 11 <sack 31:41>"]
    net.forge(SERVER, target, ".", 11, 2, 10)
    assert net.sent()[1] == "client > server: . 2:2(0) ack 21 <sack 31:41>"
    assert server.state == "ESTABLISHED"


@on_both_arms
def test_the_block_with_the_latest_segment_is_told_first_and_three_fit(net: Net) -> None:
    """RFC 2018 §3, §4: beside timestamps there is room for three of four. What fills a gap joins two blocks."""
    _, source, target = victim(net, "ESTABLISHED")
    for seq in (101, 201, 301):
        net.forge(source, target, ".", seq, 1, 10)
    assert net.sent()[-1] == "server > client: . 1:1(0) ack 1 <sack 301:311,sack 201:211,sack 101:111>"
    net.forge(source, target, ".", 1, 1, 10)
    net.forge(source, target, ".", 401, 1, 10)
    assert net.sent()[-1] == "server > client: . 1:1(0) ack 11 <sack 401:411,sack 301:311,sack 201:211>"
    net.forge(source, target, ".", 111, 1, 10)
    assert net.sent()[-1] == "server > client: . 1:1(0) ack 11 <sack 101:121,sack 401:411,sack 301:311>"


@on_both_arms
def test_what_fits_the_window_in_part_is_taken_as_far_as_it_is_new(net: Net) -> None:
    """RFC 9293 §3.10.7.4, first: of a segment that overlaps what is here only the new part counts."""
    end, source, target = victim(net, "ESTABLISHED")
    net.forge(source, target, ".", 1, 1, 10)
    net.forge(source, target, ".", 6, 1, 10)
    assert end.readable() == 15


# ---------------------------------------------------------------- opening


@on_both_arms
def test_a_reset_takes_a_half_open_child_back(net: Net) -> None:
    """RFC 9293 MUST-11: it came from LISTEN, so nobody is told, and the listener goes on."""
    server = listening(net)
    net.names[f"{STRANGER[0]}:{STRANGER[1]}"] = "stranger"
    net.forge(STRANGER, SERVER, "S", 0)
    assert net.sent()[1:] == ["server > stranger: S. 0:1(0) ack 1 <mss 65495>", "stranger > server: R 1:1(0)"]
    assert (server.state, server.error(), server.poll(), server.call("accept")) == ("LISTEN", 0, 0, "EAGAIN")
    net.tcp("client").connect()
    assert (len(net.sent()), server.poll()) == (3, POLLIN)


@on_both_arms
def test_a_reset_ends_an_attempt_whose_syns_crossed(net: Net) -> None:
    """RFC 9293 MUST-10, MUST-11: it came from SYN-SENT, so the program is told; the RFC calls the attempt refused, and
    Linux reset. A forged SYN crosses the client's; the listener whose address it bears resets what answers it.
    """
    client, _ = syn_sent(net)
    net.forge(SERVER, address(client), "S", 0)
    kinds = [line.split()[3] for line in net.sent()[1:]]
    assert (kinds, client.state) == (["S.", "R"], "CLOSED")
    assert client.error() == errno.ECONNRESET


@on_both_arms
def test_one_may_listen_where_another_connects_from(net: Net) -> None:
    """RFC 9293 MUST-41, MUST-42: the same port is in SYN-SENT, and goes its own way."""
    waiting, _ = syn_sent(net)
    port = address(waiting)[1]
    both = [net.tcp("one"), net.tcp("two")]
    for end in both:
        end.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        assert end.bind((HERE, port + 1)) is None
    assert both[0].connect() == "EINPROGRESS"
    assert both[0].state == "SYN_SENT"
    assert (both[1].listen(), both[1].state) == (None, "LISTEN")
    assert (both[0].state, waiting.state) == ("SYN_SENT", "SYN_SENT")


@pytest.mark.parametrize("ip", ["224.0.0.1", "255.255.255.255", "127.255.255.255"])
@on_both_arms
def test_nobody_connects_to_many(net: Net, ip: str) -> None:
    """RFC 9293 MUST-46: an address of a group, or of everybody, is refused, and nothing is sent."""
    client = net.tcp("client")
    assert (client.connect((ip, 80)), client.state, net.sent()) == ("ENETUNREACH", "CLOSED", NOTHING_ELSE)


@on_both_arms
def test_the_segment_size_is_told_with_a_syn_only(net: Net) -> None:
    """RFC 9293 MUST-14, MUST-65, MAY-3."""
    listening(net)
    client = net.tcp("client")
    client.connect()
    client.send(b"x")
    client.shutdown()
    lines = net.sent()
    assert len(lines) > 4
    assert all(("mss" in line) is (": S" in line) for line in lines)


# ---------------------------------------------------------------- closing


@pytest.mark.parametrize("size", [1, 100])
@on_both_arms
def test_a_reset_may_carry_an_explanation(net: Net, size: int) -> None:
    """RFC 9293 SHLD-2: its data are not for the program."""
    end, source, target = victim(net, "ESTABLISHED")
    net.forge(source, target, "R", 1, 0, size)
    assert (net.sent()[1:], end.state, end.readable(), end.error()) == (NOTHING_ELSE, "CLOSED", 0, errno.ECONNRESET)


@on_both_arms
def test_the_program_is_told_how_a_connection_ended(net: Net) -> None:
    """RFC 9293 MUST-12: a FIN leaves an empty result and no error, a reset an error and then nothing."""
    end, source, target = victim(net, "ESTABLISHED")
    net.forge(source, target, "F.", 1, 1)
    assert [end.recv(), end.error(), end.state] == [b"", 0, "CLOSE_WAIT"]
    end.close()
    net.sent()


@on_both_arms
def test_a_reset_is_told_by_the_next_call(net: Net) -> None:
    """RFC 9293 MUST-12."""
    end, source, target = victim(net, "ESTABLISHED")
    net.forge(source, target, "R", 1)
    assert [end.recv(), end.recv(), end.send(b"x")] == ["ECONNRESET", b"", "EPIPE"]


# ---------------------------------------------------------------- sending


@on_both_arms
def test_many_small_sends_become_one_segment_with_one_push(net: Net) -> None:
    """RFC 9293 SHLD-27, SHLD-28, MAY-16, MUST-61: while a small segment is unacknowledged, the others wait and join."""
    client, server = interactive(net)
    server.send(b"a")
    assert net.sent() == ["server > client: P. 11:12(1) ack 2"]
    for _ in range(50):
        server.send(b"bc")
    assert net.sent() == NOTHING_ELSE
    client.send(b"!")
    assert net.sent()[1] == "server > client: P. 12:112(100) ack 3"
    server.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
    assert client.recv() == b"a" + b"bc" * 50


@on_both_arms
def test_what_is_behind_a_gap_does_not_set_the_clock(net: Net) -> None:
    """RFC 7323 §5.3, R5: it claims to be five seconds later, and what fills the gap is not old for that."""
    end, source, target = victim(net, "ESTABLISHED")
    net.forge(source, target, ".", 11, 1, 10, late_ms=5000)
    net.sent()
    net.forge(source, target, ".", 1, 1, 10, late_ms=-4990)
    assert (net.sent()[1], end.readable()) == ("server > client: . 1:1(0) ack 21", 20)


@on_both_arms
def test_keepalive_can_be_switched_off_again(net: Net) -> None:
    """RFC 9293 MUST-24."""
    client, _ = established(net)
    client.setsockopt(IPPROTO_TCP, TCP_KEEPIDLE, 1)
    client.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1)
    assert net.after(0.5) == NOTHING_ELSE
    client.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 0)
    assert net.after(0.8) == NOTHING_ELSE


@on_both_arms
def test_a_segment_with_data_tells_what_is_behind_a_gap(net: Net) -> None:
    """RFC 2018 §4."""
    end, source, target = victim(net, "ESTABLISHED")
    net.forge(source, target, ".", 11, 1, 10)
    net.sent()
    end.send(b"data")
    assert net.sent()[0] == "server > client: P. 1:5(4) ack 1 <sack 11:21>"
