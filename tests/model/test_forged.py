"""Single segments that no honest peer sent, and what comes back; the model and the kernel get the same ones.

Numbers are relative, as in traces: the victim expects 1 (2 behind the peer's FIN), its window is far from a million.

Not here: masses of such segments (test_hostile.py).
"""

from __future__ import annotations

from errno import ECONNRESET, EPIPE

import pytest

from .arms import on_both_arms
from .traces import (
    HERE,
    NOTHING_ELSE,
    SERVER,
    Address,
    End,
    ModelEnd,
    ModelNet,
    Net,
    close_wait,
    established,
    fin_wait_2,
    listening,
)

FAR, LONG_AGO = 5_000_000, -50_000_000
Forged = tuple[str, int, int, int]
"""Flags, number of the first byte, acknowledgement, bytes."""

RESETS: list[Forged] = [("R", 1, 0, 0), ("R.", 1, 1, 0)]
CHALLENGED: list[Forged] = [
    ("R", 100, 0, 0), ("R", 100, 0, 10), ("R", -5, 0, 10),  # in the window, but not what is expected next
    ("S", 1, 0, 0), ("S", 0, 0, 0), ("S", FAR, 0, 0), ("S", 0, 0, 10), ("S.", 1, 1, 0), ("SF", 1, 0, 0),
    (".", 1, 5000, 0), (".", 1, -5000, 0), (".", 1, -5000, 10), (".", 1, LONG_AGO, 0),  # of the future, of long ago
    (".", 0, 1, 0), (".", FAR, 1, 0),  # outside the window
]  # fmt: skip
SILENT: list[Forged] = [("R", FAR, 0, 0), ("R", -5, 0, 0), ("", 1, 0, 0), ("", 1, 0, 10), ("F", 1, 0, 0)]

STATES = ["ESTABLISHED", "FIN_WAIT_2", "CLOSE_WAIT"]


def victim(net: Net, state: str) -> tuple[End, Address, Address]:
    """An end in this state, where segments to it claim to come from, and where they go."""
    match state:
        case "ESTABLISHED":
            peer, end = established(net)
        case "FIN_WAIT_2":
            end, peer = fin_wait_2(net)
        case _:
            peer, end = close_wait(net)
    assert end.state == state
    return end, address(peer), address(end)


def address(end: End) -> Address:
    ip, port = next(where for where, name in end.net.names.items() if name == end.name).split(":")
    return ip, int(port)


def plain_ack(end: End) -> str:
    """What an end in these states acknowledges, when nothing was sent but a FIN."""
    here, there = ("client", "server") if end.name == "client" else ("server", "client")
    seq, ack = (2 if end.state == "FIN_WAIT_2" else 1), (2 if end.state == "CLOSE_WAIT" else 1)
    return f"{here} > {there}: . {seq}:{seq}(0) ack {ack}"


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("forged", RESETS, ids=str)
@on_both_arms
def test_a_reset_that_is_expected_next_ends_the_connection(net: Net, forged: Forged, state: str) -> None:
    """RFC 5961 §3.2, and behind a FIN the number before it too."""
    end, source, target = victim(net, state)
    net.forge(source, target, *forged)
    assert (len(net.sent()), end.state) == (1, "CLOSED")
    assert end.error() == (EPIPE if state == "CLOSE_WAIT" else ECONNRESET)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("forged", CHALLENGED, ids=str)
@on_both_arms
def test_what_may_be_forged_is_answered_with_an_acknowledgement(net: Net, forged: Forged, state: str) -> None:
    """RFC 5961 §3.2, §4.2, §5.2; RFC 9293 §3.10.7.4, first. Half a second passes before the next answer."""
    end, source, target = victim(net, state)
    answer = plain_ack(end)
    net.forge(source, target, *forged)
    assert (net.sent()[1:], end.state, end.readable()) == ([answer], state, 0)
    net.forge(source, target, ".", FAR, 1)
    assert (net.sent()[1:], end.state) == (NOTHING_ELSE, state)


@pytest.mark.parametrize("state", STATES)
@on_both_arms
def test_text_outside_the_window_is_answered_each_time(net: Net, state: str) -> None:
    """What carries data is never too much (tcp_oow_rate_limited)."""
    end, source, target = victim(net, state)
    for _ in range(3):
        net.forge(source, target, ".", FAR, 1, 10)
        assert (net.sent()[1:], end.state) == ([plain_ack(end)], state)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("forged", SILENT, ids=str)
@on_both_arms
def test_some_things_are_not_worth_an_answer(net: Net, forged: Forged, state: str) -> None:
    end, source, target = victim(net, state)
    net.forge(source, target, *forged)
    assert (net.sent()[1:], end.state, end.readable()) == (NOTHING_ELSE, state, 0)


@on_both_arms
def test_text_behind_a_gap_is_kept_and_told(net: Net) -> None:
    """RFC 2018 §3."""
    end, source, target = victim(net, "ESTABLISHED")
    net.forge(source, target, "P.", 101, 1, 10)
    assert net.sent()[1:] == ["server > client: . 1:1(0) ack 1 <sack 101:111>"]
    net.forge(source, target, "P.", 201, 1, 10)
    assert net.sent()[1:] == ["server > client: . 1:1(0) ack 1 <sack 201:211,sack 101:111>"]
    assert end.readable() == 0


@on_both_arms
def test_text_that_is_here_in_part_is_told_to_be_a_duplicate(net: Net) -> None:
    """RFC 2883 §4. The client never sent what the server acknowledges, and says so."""
    end, source, target = victim(net, "ESTABLISHED")
    net.forge(source, target, ".", 0, 1, 10)
    assert net.sent()[1:] == [
        "server > client: . 1:1(0) ack 10 <sack 0:1>",
        "client > server: . 1:1(0) ack 1",
        "server > client: . 1:1(0) ack 10",
    ]
    assert end.readable() == 9


@on_both_arms
def test_a_fin_behind_a_gap_waits(net: Net) -> None:
    end, source, target = victim(net, "ESTABLISHED")
    net.forge(source, target, "F.", 100, 1)
    assert net.sent()[1:] == ["server > client: . 1:1(0) ack 1 <sack 100:101>"]
    assert end.state == "ESTABLISHED"


@on_both_arms
def test_time_wait_answers_whatever_is_not_expected(net: Net) -> None:
    """The forged FIN is taken for the peer's, who knows nothing of it, says so, and is corrected."""
    end, source, target = victim(net, "FIN_WAIT_2")
    net.forge(source, target, "F.", 1, 1)
    assert net.sent()[1:] == [
        "client > server: . 2:2(0) ack 2",
        "server > client: . 1:1(0) ack 2",
        "client > server: . 2:2(0) ack 2",
    ]
    assert end.state == "CLOSED"


# ---------------------------------------------------------------- old timestamps


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("forged", [(".", 1, 1, 10), ("P.", 1, 1, 1), ("F.", 1, 1, 0), ("S", 1, 0, 0)], ids=str)
@on_both_arms
def test_an_old_segment_is_dropped_and_answered(net: Net, forged: Forged, state: str) -> None:
    """RFC 7323 §5.3, R1: its number would fit, but its clock is behind."""
    end, source, target = victim(net, state)
    flags, seq, *others = forged
    net.forge(source, target, flags, seq + (state == "CLOSE_WAIT"), *others, late_ms=-1000)
    assert (net.sent()[1:], end.state, end.readable()) == ([plain_ack(end)], state, 0)


@on_both_arms
def test_a_segment_that_is_a_millisecond_old_is_not_old(net: Net) -> None:
    """TCP_PAWS_WINDOW. But what it tells of the clock is not believed: a second later one is judged as before."""
    end, source, target = victim(net, "ESTABLISHED")
    net.forge(source, target, "P.", 1, 1, 5, late_ms=-1)
    assert end.readable() == 5


@on_both_arms
def test_a_reset_is_never_too_old(net: Net) -> None:
    """RFC 7323 §5.3: a reset may come from a host that has forgotten its clock."""
    end, source, target = victim(net, "ESTABLISHED")
    net.forge(source, target, "R", 1, late_ms=-1000)
    assert (len(net.sent()), end.state) == (1, "CLOSED")


@on_both_arms
def test_an_overtaken_acknowledgement_is_let_pass(net: Net) -> None:
    """A pure duplicate that was overtaken by less than the retransmission time-out; one that is older is answered."""
    end, source, target = victim(net, "ESTABLISHED")
    net.forge(source, target, ".", 1, 1, window=64, late_ms=-100)
    assert net.sent()[1:] == NOTHING_ELSE
    net.forge(source, target, ".", 1, 1, window=64, late_ms=-1000)
    assert net.sent()[1:] == [plain_ack(end)]
    net.forge(source, target, ".", 1, 1, window=64, late_ms=-1000)
    assert net.sent()[1:] == NOTHING_ELSE


@on_both_arms
def test_an_old_acknowledgement_from_before_the_data_is_dropped(net: Net) -> None:
    _, source, target = victim(net, "ESTABLISHED")
    net.forge(source, target, ".", 0, 1, late_ms=-1000)
    assert net.sent()[1:] == NOTHING_ELSE


@on_both_arms
def test_a_clock_from_the_future_makes_the_present_old(net: Net) -> None:
    """RFC 7323 §5.3, R3: what comes in order sets the clock; what the true peer sends is old from then on."""
    end, source, target = victim(net, "ESTABLISHED")
    net.forge(source, target, "P.", 1, 1, 5, late_ms=5000)
    net.sent()
    net.forge(source, target, "P.", 6, 1, 5, late_ms=6000)
    assert end.readable() == 10
    net.forge(source, target, "P.", 11, 1, 5, late_ms=-3000)
    assert end.readable() == 10


@pytest.mark.parametrize(("late_ms", "answer"), [(10, 1), (-1000, 0)])
@on_both_arms
def test_a_reset_of_a_resting_connection_is_believed_if_it_is_new(net: Net, late_ms: int, answer: int) -> None:
    """RFC 1337 §2, §3."""
    end, peer = fin_wait_2(net)
    peer.close()
    net.sent()
    assert end.state == "CLOSED"
    target, source = address(end), address(peer)
    net.forge(source, target, "R", 2, late_ms=late_ms)
    net.sent()
    net.forge(source, target, "F.", 1, 2, late_ms=20)
    assert net.sent()[1:2] == [["client > server: . 2:2(0) ack 2"], ["client > server: R 2:2(0)"]][answer]


# ---------------------------------------------------------------- a listener, and nobody

STRANGER = (HERE, 5555)


@pytest.mark.parametrize(
    ("forged", "answer"),
    [
        (("R", 1, 0), []), (("R.", 1, 1), []), (("SF", 1, 0), []), (("", 1, 0), []), (("F", 1, 0), []),
        ((".", 1, 7), ["server > stranger: R 7:7(0)"]), (("F.", 1, 7), ["server > stranger: R 7:7(0)"]),
        (("S.", 1, 7), ["server > stranger: R 7:7(0)"]),
    ],
    ids=str,
)  # fmt: skip
@on_both_arms
def test_a_listener(net: Net, forged: tuple[str, int, int], answer: list[str]) -> None:
    """RFC 9293 §3.10.7.2."""
    listening(net)
    net.names[f"{STRANGER[0]}:{STRANGER[1]}"] = "stranger"
    net.forge(STRANGER, SERVER, *forged)
    assert net.sent()[1:] == answer


@on_both_arms
def test_a_syn_without_options_gets_an_answer_without_them(net: Net) -> None:
    """Windows are scaled only if both ends offer it (RFC 7323 §2.2). The stranger knows nothing of a connection."""
    listening(net)
    net.names[f"{STRANGER[0]}:{STRANGER[1]}"] = "stranger"
    net.forge(STRANGER, SERVER, "S", 0)
    assert net.sent()[1:] == ["server > stranger: S. 0:1(0) ack 1 <mss 65495>", "stranger > server: R 1:1(0)"]


def test_a_forged_segment_leaves_the_model_with_nothing_in_flight() -> None:
    """The window of a segment that was dropped is not believed."""
    net = ModelNet()
    end, source, target = victim(net, "ESTABLISHED")
    assert isinstance(end, ModelEnd)
    before = end.tcb.snd_wnd
    net.forge(source, target, ".", 1, 5000, 0, 1)
    assert end.tcb.snd_wnd == before


@on_both_arms
def test_text_that_goes_on_beyond_the_fin_resets(net: Net) -> None:
    """RFC 1122 §4.2.2.13 in CLOSE-WAIT: the FIN had number 1, and now there are bytes 1 to 10."""
    end, source, target = victim(net, "CLOSE_WAIT")
    net.forge(source, target, ".", 1, 1, 10)
    assert (net.sent()[1:], end.state, end.error()) == (["server > client: R 1:1(0)"], "CLOSED", EPIPE)
