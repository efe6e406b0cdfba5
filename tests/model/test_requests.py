"""What a listener makes of a SYN: requests, SYN queue, accept queue, overflow, cookies; the peer is a test.

Not here: how often a client asks (test_syn_retries.py).
"""

from __future__ import annotations

import ctypes
import struct

import pytest

from model.values.constants import IPPROTO_TCP, SHUT_RD, TCP_DEFER_ACCEPT, TCP_INFO, TCP_NODELAY
from model.values.packets import Mss, SackPermitted, WindowScale

from .arms import KernelEnd
from .outside import NOTHING, ModelWire, Wire, drops, from_outside
from .traces import End

AGAIN = ["1: S. 0 ack 1 <mss 1460>"]
OPTIONS = (Mss(1400), SackPermitted(), WindowScale(7))
MSS, UNACKED, SACKED = 4, 6, 7


def info(end: End, word: int) -> int:
    value: int = struct.unpack("=2Q24I", bytes(8) + end.call("getsockopt", IPPROTO_TCP, TCP_INFO, 104))[word]
    return value


def waiting(server: End) -> int:
    """Connections in the accept queue: a listener's `tcpi_unacked`."""
    return info(server, UNACKED)


# ---------------------------------------------------------------- a segment for a request


@pytest.mark.parametrize(
    ("flags", "seq", "ack", "data", "answer", "dropped", "lives"),
    [
        (".", 1, 1, b"", None, 0, True),
        ("P.", 1, 1, b"hello", "1: . 1 ack 6", 0, True),
        ("F.", 1, 1, b"", "1: . 1 ack 2", 0, True),
        (".", 4, 1, b"", None, 0, True),
        (".", 1, 6, b"", "1: R 6", 0, False),
        (".", 1, 0, b"", "1: R 0", 0, False),
        ("R", 1, 1, b"", None, 1, None),
        ("R.", 1, 1, b"", None, 1, None),
        ("R.", 1, 6, b"", None, 1, None),
        ("R", 6, 1, b"", "1: . 1 ack 1", 1, False),
        ("R", 0, 1, b"", None, 1, False),
        ("R", 100_000, 1, b"", None, 1, False),
        ("S", 0, 1, b"", AGAIN[0], 1, False),
        ("S", 4, 1, b"", "1: R. 0 ack 5", 1, None),
        ("S", 100_000, 1, b"", "1: . 1 ack 1", 1, False),
        ("S.", 0, 1, b"", "1: . 1 ack 1", 1, False),
        ("S.", 4, 1, b"", "1: R 1", 1, None),
        ("F", 1, 1, b"", None, 1, False),
        ("", 1, 1, b"xx", None, 1, False),
        (".", -4, 1, b"", "1: . 1 ack 1", 1, False),
        (".", 100_000, 1, b"", "1: . 1 ack 1", 1, False),
    ],
)
@from_outside
def test_a_segment_for_a_request(
    wire: Wire, flags: str, seq: int, ack: int, data: bytes, answer: str | None, dropped: int, lives: bool | None
) -> None:
    """RFC 9293 §3.10.7.4 in SYN-RECEIVED, RFC 5961 §3.2. It becomes a connection (True), is forgotten (None), or waits
    on: then the right acknowledgement still makes one."""
    server = wire.listening()
    wire.asks(1)
    wire.sends(1, flags, seq, ack, data)
    heard = wire.hears(0.02)
    assert (heard, drops(server), waiting(server)) == ([answer] if answer else NOTHING, dropped, lives is True)
    if lives is not True:
        wire.sends(1, ".", 1)
        assert (wire.hears(), waiting(server)) == ((["1: R 1"], 0) if lives is None else (NOTHING, 1))
    assert wire.hears(0.05) == NOTHING


@from_outside
def test_a_syn_that_comes_again_is_answered_twice_a_second_and_begins_the_wait_anew(wire: Wire) -> None:
    server = wire.listening()
    wire.asks(1)
    for answered in (True, False, False):
        wire.sends(1, "S")
        assert wire.hears() == (AGAIN if answered else NOTHING)
    assert wire.hears(0.6) == NOTHING
    wire.sends(1, "S")
    assert (wire.hears(), drops(server)) == (AGAIN, 4)
    assert wire.hears(0.85) == NOTHING
    assert wire.hears(0.3) == AGAIN


def test_an_unanswered_syn_ack_is_sent_again_five_times_and_then_forgotten() -> None:
    wire = ModelWire({})
    server = wire.listening()
    wire.asks(1)
    assert wire.times(62) == [1, 3, 7, 15, 31]
    assert len(wire.host.endpoints) == 2
    assert wire.times(10) == []
    assert len(wire.host.endpoints) == 1
    wire.sends(1, ".", 1)
    assert (wire.hears(), waiting(server)) == (["1: R 1"], 0)


@from_outside(tcp_synack_retries=1)
def test_the_request_is_forgotten_after_its_last_wait(wire: Wire) -> None:
    server = wire.listening()
    wire.asks(1)
    assert wire.hears(0.9) == NOTHING
    assert wire.hears(0.25) == AGAIN
    assert wire.hears(2.0) == NOTHING
    wire.sends(1, ".", 1)
    assert (wire.hears(), waiting(server)) == (["1: R 1"], 0)


@pytest.mark.slow
@from_outside
def test_old_requests_that_fill_half_of_the_queue_are_given_up_sooner(wire: Wire) -> None:
    """reqsk_timer_handler: five old ones in a queue for eight are one too many; one goes, and all is well."""
    wire.listening(8)
    wire.asks(*range(1, 6))
    assert [len(wire.hears(seconds)) for seconds in (1.5, 2.0, 4.5)] == [5, 5, 4]


# ---------------------------------------------------------------- the accept queue


@pytest.mark.parametrize("backlog", [0, 1, 3])
@from_outside
def test_an_accept_queue_that_is_full_drops_the_syn(wire: Wire, backlog: int) -> None:
    """It holds one more than its length; `tcpi_unacked` and `tcpi_sacked` of a listener tell both."""
    server = wire.listening(backlog)
    wire.opens(*range(1, backlog + 2))
    assert (waiting(server), info(server, SACKED)) == (backlog + 1, backlog)
    wire.sends(9, "S")
    assert (wire.hears(), drops(server)) == (NOTHING, 1)
    server.accept()
    wire.asks(9)


@from_outside
def test_an_acknowledgement_that_finds_the_accept_queue_full_is_dropped_with_its_data(wire: Wire) -> None:
    """The client takes the connection for established. SYN-ACK is sent again, until there is room for its answer."""
    server = wire.listening(0)
    server.listen(2)
    wire.asks(1, 2)
    server.listen(0)
    wire.sends(2, "P.", 1, data=b"early")
    assert (wire.hears(), drops(server), waiting(server)) == (["2: . 1 ack 6"], 0, 1)
    wire.sends(1, "P.", 1, data=b"lost")
    assert (wire.hears(), drops(server), waiting(server)) == (NOTHING, 2, 1)
    wire.sends(1, "P.", 1, data=b"lost")
    assert (wire.hears(), drops(server), waiting(server)) == (NOTHING, 4, 1)
    assert wire.hears(1.15) == AGAIN
    assert server.accept().recv() == b"early"
    wire.sends(1, ".", 1)
    assert (wire.hears(), waiting(server)) == (NOTHING, 1)
    wire.sends(1, "P.", 1, data=b"again")
    assert (wire.hears(), server.accept().recv()) == (["1: . 1 ack 6"], b"again")
    assert wire.hears(0.1) == NOTHING


@from_outside(tcp_abort_on_overflow=1)
def test_an_acknowledgement_that_finds_the_accept_queue_full_may_be_reset(wire: Wire) -> None:
    server = wire.listening(2)
    wire.asks(1, 2)
    server.listen(0)
    wire.sends(1, ".", 1)
    wire.sends(2, ".", 1)
    assert (wire.hears(), drops(server), waiting(server)) == (["2: R 1"], 2, 1)
    wire.sends(2, "S")
    assert (wire.hears(1.1), drops(server)) == (NOTHING, 3)


@pytest.mark.parametrize("backlog", [-1, 5000])
@from_outside
def test_a_backlog_is_cut_to_the_systems_most(wire: Wire, backlog: int) -> None:
    server = wire.listening()
    if isinstance(server, KernelEnd):  # Python's own listen takes what is negative for 0
        assert ctypes.CDLL(None).listen(server.sock.fileno(), backlog) == 0
    else:
        server.listen(backlog)
    assert info(server, SACKED) == 4096


@from_outside
def test_a_queue_that_is_made_shorter_keeps_what_it_holds(wire: Wire) -> None:
    server = wire.listening(2)
    wire.opens(1, 2, 3)
    server.listen(0)
    assert (waiting(server), info(server, SACKED)) == (3, 0)
    for name in ("one", "two", "three"):
        server.accept(name)
    assert server.call("accept") == "EAGAIN"


# ---------------------------------------------------------------- the SYN queue


@pytest.mark.parametrize("backlog", [0, 1, 4])
@from_outside(tcp_syncookies=0)
def test_a_syn_queue_that_is_full_drops_the_syn_without_cookies(wire: Wire, backlog: int) -> None:
    server = wire.listening(backlog)
    wire.asks(*range(1, backlog + 2))
    wire.sends(9, "S")
    assert (wire.hears(), drops(server), waiting(server)) == (NOTHING, 1, 0)
    wire.sends(1, ".", 1)
    server.accept()
    wire.asks(9)


@pytest.mark.parametrize(("most", "taken"), [(4, 4), (8, 7), (16, 13)])
@from_outside(tcp_syncookies=0)
def test_without_cookies_a_quarter_of_the_syn_queue_is_kept_free(wire: Wire, most: int, taken: int) -> None:
    """tcp_max_syn_backlog, for peers that the system does not remember."""
    wire.set("tcp_max_syn_backlog", most)
    server = wire.listening(100)
    wire.asks(*range(1, taken + 1))
    wire.sends(99, "S")
    assert (wire.hears(), drops(server)) == (NOTHING, 1)


# ---------------------------------------------------------------- cookies


@from_outside
def test_a_full_syn_queue_answers_with_a_cookie_which_is_not_remembered(wire: Wire) -> None:
    """No timer sends it again; it comes back and makes a connection of what it tells: one of four MSSs."""
    server = wire.listening(0)
    wire.asks(1)
    wire.sends(2, "S", options=OPTIONS)
    assert (wire.hears(), drops(server)) == (["2: S. 0 ack 1 <mss 1460>"], 0)
    assert wire.hears(1.15) == AGAIN
    wire.sends(2, ".", 1, 7)
    assert (wire.hears(), waiting(server)) == (["2: R 7"], 0)
    wire.sends(2, "P.", 1, data=b"hello")
    assert (wire.hears(), waiting(server)) == (["2: . 1 ack 6"], 1)
    child = server.accept()
    assert (child.recv(), info(child, MSS), info(child, 2)) == (b"hello", 500, 3_000_000)


@from_outside(tcp_syncookies=2)
def test_with_timestamps_a_cookie_keeps_scale_and_sack(wire: Wire) -> None:
    server = wire.listening()
    wire.sends(1, "S", stamp=100, options=OPTIONS)
    assert wire.hears() == ["1: S. 0 ack 1 <mss 1460,sackOK,wscale 10>"]
    wire.sends(1, ".", 1, stamp=101)
    assert (wire.hears(), waiting(server)) == (NOTHING, 1)
    child = server.accept()
    assert (info(child, MSS), child.call("getsockopt", IPPROTO_TCP, TCP_INFO, 7)[6]) == (1288, 0xA7)


@from_outside(tcp_syncookies=2)
def test_a_cookie_that_finds_the_accept_queue_full_is_lost(wire: Wire) -> None:
    server = wire.listening(0)
    for port in (1, 2):
        wire.sends(port, "S")
    assert len(wire.hears()) == 2
    wire.sends(1, ".", 1)
    wire.sends(2, ".", 1)
    assert (wire.hears(), waiting(server), drops(server)) == (NOTHING, 1, 1)
    assert wire.hears(1.1) == NOTHING


def test_a_cookie_is_good_for_two_minutes() -> None:
    for seconds, good in ((60, True), (180, False)):
        wire = ModelWire({"tcp_syncookies": 2})
        server = wire.listening()
        wire.sends(1, "S")
        assert len(wire.hears()) == 1
        assert wire.hears(seconds) == NOTHING
        wire.sends(1, ".", 1)
        assert (wire.hears(), waiting(server)) == ((NOTHING, 1) if good else (["1: R 1"], 0))


# ---------------------------------------------------------------- TCP_DEFER_ACCEPT


@pytest.mark.parametrize(("asked", "granted"), [(0, 0), (-1, 0), (1, 1), (2, 3), (3, 3), (4, 7), (10, 15)])
@from_outside
def test_deferral_is_counted_in_waits(wire: Wire, asked: int, granted: int) -> None:
    server = wire.listening(tcp_defer_accept=asked)
    assert server.call("getsockopt", IPPROTO_TCP, TCP_DEFER_ACCEPT) == granted


@from_outside
def test_a_listener_that_defers_waits_for_data(wire: Wire) -> None:
    server = wire.listening(tcp_defer_accept=3)
    wire.asks(1)
    wire.sends(1, ".", 1)
    assert (wire.hears(), drops(server), waiting(server), server.poll()) == (NOTHING, 1, 0, 0)
    wire.sends(1, "P.", 1, data=b"data")
    assert (wire.hears(), waiting(server)) == (["1: . 1 ack 5"], 1)


def test_deferral_ends_with_a_last_chance() -> None:
    """After the first of two waits the client hears nothing, after the second SYN-ACK; now a bare answer will do."""
    wire = ModelWire({})
    server = wire.listening(tcp_defer_accept=3)
    wire.asks(1)
    wire.sends(1, ".", 1)
    assert wire.times(8) == [3, 7]
    wire.sends(1, ".", 1)
    assert (wire.hears(), waiting(server)) == (NOTHING, 1)


def test_one_second_of_deferral_asks_again_after_one() -> None:
    wire = ModelWire({})
    wire.listening(tcp_defer_accept=1)
    wire.asks(1)
    wire.sends(1, ".", 1)
    assert wire.times(4) == [1, 3]


# ---------------------------------------------------------------- the listener goes, or changes


@from_outside
def test_a_request_outlives_a_listener_that_listens_again(wire: Wire) -> None:
    """Shut and listening anew, the same socket still knows it; nothing was sent meanwhile."""
    server = wire.listening()
    wire.asks(1)
    assert (server.shutdown(SHUT_RD), wire.hears()) == (None, NOTHING)
    assert server.listen(5) is None
    wire.sends(1, ".", 1)
    assert (wire.hears(), waiting(server)) == (NOTHING, 1)


@pytest.mark.parametrize("again", [True, False], ids=["a new listener", "no listener"])
@from_outside
def test_a_request_whose_listener_is_closed_is_forgotten(wire: Wire, again: bool) -> None:
    server = wire.listening()
    wire.asks(1)
    server.close()
    assert wire.hears() == NOTHING
    if again:
        wire.listening()
    wire.sends(1, ".", 1)
    assert wire.hears() == ["1: R 1"]
    assert wire.hears(1.1) == NOTHING


@from_outside
def test_no_syn_ack_is_sent_again_for_a_closed_listener(wire: Wire) -> None:
    server = wire.listening()
    wire.asks(1)
    server.close()
    assert wire.hears(1.2) == NOTHING
    server = wire.listening()
    wire.asks(1)


@from_outside
def test_closing_a_listener_resets_what_waits_but_not_what_is_half_open(wire: Wire) -> None:
    server = wire.listening()
    wire.opens(1)
    wire.asks(2)
    server.close()
    assert wire.hears() == ["1: R. 1 ack 1"]


@from_outside
def test_a_connection_has_the_options_that_the_listener_has_when_it_is_made(wire: Wire) -> None:
    server = wire.listening()
    wire.asks(1)
    server.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
    wire.sends(1, ".", 1)
    assert server.accept().call("getsockopt", IPPROTO_TCP, TCP_NODELAY) == 1


@from_outside
def test_a_connection_whose_syn_ack_was_sent_again_has_no_round_trip(wire: Wire) -> None:
    """RFC 6298 §3 and §5.7: three seconds, and without timestamps nobody can tell."""
    server = wire.listening()
    wire.asks(1)
    assert wire.hears(1.2) == AGAIN
    wire.sends(1, ".", 1)
    assert (wire.hears(), info(server.accept(), 2)) == (NOTHING, 3_000_000)


@from_outside
def test_accept_may_give_a_connection_that_is_not_established(wire: Wire) -> None:
    """A SYN-ACK with data acknowledges ours, so a connection is made, which then challenges it for its SYN."""
    server = wire.listening()
    wire.asks(1)
    wire.sends(1, "S.", data=b"data")
    assert (wire.hears(), waiting(server)) == (["1: . 1 ack 1"], 1)
    child = server.accept()
    assert (child.state, child.poll(), child.send(b"x"), child.recv()) == ("SYN_RECEIVED", 0, "EAGAIN", "EAGAIN")
    wire.sends(1, ".", 1)
    assert (wire.hears(), child.state) == (NOTHING, "ESTABLISHED")


@from_outside(tcp_syncookies=2)
def test_a_listener_that_listens_again_does_not_know_its_cookies(wire: Wire) -> None:
    server = wire.listening()
    wire.sends(1, "S")
    assert len(wire.hears()) == 1
    server.shutdown(SHUT_RD)
    server.listen(5)
    wire.sends(1, ".", 1)
    assert (wire.hears(), waiting(server)) == (["1: R 1"], 0)
