"""What a sender does when something is missing, late or doubled: the recovery machine's arrows, one by one.

Two hosts, forty milliseconds there and back, and a wire that does something to single packets. Which rules fired on the
sender's side is looked at in order, and what became of its congestion window.

Not here: that the bytes arrive (test_loss.py); the same segments on the kernel (tests/scripts).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from model.profiles import SECOND
from model.rules import Arrow
from model.tcp.algorithms import ALGORITHMS
from model.tcp.block import Recovery, Tcb
from model.tcp.congestion import INFINITE
from model.tcp.machine import RECOVERY
from model.values.constants import IPPROTO_TCP, SO_RCVBUF, SOL_SOCKET, TCP_CONGESTION
from model.values.results import Fail
from model.values.segments import Segment
from model.world.wire import DROP, DUPLICATE, PASS, Fate, Judge, Passing, delayed

from .test_loss import Pair, check_delivered, pattern

ONE_WAY_NS = 20_000_000
FIRST_DATA = 3
"""The number of the first packet with data that "lo" sends: SYN, ACK, data."""


class Kept(list[Arrow]):
    """A trail that keeps what a new call would clear."""

    def __init__(self) -> None:
        super().__init__()
        self.all: list[Arrow] = []

    def clear(self) -> None:
        self.all += self
        super().clear()


class Sender:
    """The sending end on "lo", its peer on "b", and the recovery rules that fired on this side so far."""

    def __init__(self, judge: Judge, data: bytes = b"", algorithm: str = "reno", delay_ns: int = ONE_WAY_NS) -> None:
        self.pair = Pair((data, b""), judge, delay_ns=delay_ns)
        self.host, self.fd = self.pair.near.host, self.pair.near.fd
        self.trail = self.host.trail = Kept()
        end = self.host.descriptors[self.fd]
        assert isinstance(end, Tcb)
        self.tcb = end
        self.pair.world.hosts["b"].call("setsockopt", self.pair.listener, SOL_SOCKET, SO_RCVBUF, 4_000_000)
        self.host.call("setsockopt", self.fd, IPPROTO_TCP, TCP_CONGESTION, algorithm.encode())

    def wait(self, seconds: float) -> None:
        self.pair.world.sleep_until(self.pair.world.now_ns + round(seconds * SECOND))

    def arrows(self) -> list[Arrow]:
        self.trail.clear()
        return [arrow for arrow in self.trail.all if arrow.machine == "recovery"]

    @property
    def rules(self) -> list[str]:
        return [arrow.rule.name for arrow in self.arrows()]


class Run(Sender):
    """One whole transfer, and a moment for the last acknowledgement."""

    def __init__(self, judge: Judge, size: int = 100_000, algorithm: str = "reno") -> None:
        super().__init__(judge, pattern(size, 5), algorithm)
        self.pair.run()
        self.wait(0.1)
        check_delivered(self.pair)


def only(number: int, fate: Fate) -> Judge:
    """This happens to one packet of the sender's, all others pass."""
    return lambda passing: fate if (passing.source, passing.number) == ("lo", number) else PASS


def these(numbers: Iterable[int], fate: Fate) -> Judge:
    wanted = set(numbers)
    return lambda passing: fate if passing.source == "lo" and passing.number in wanted else PASS


def test_nothing_is_missing() -> None:
    run = Run(lambda passing: PASS)
    assert run.rules == []
    assert (run.tcb.recovery, run.tcb.ssthresh) == (Recovery.OPEN, INFINITE)


def test_one_lost_segment_halves_the_window() -> None:
    """RFC 5681 §3.2: disorder until three later ones have arrived, then recovery until all that was sent is heard."""
    run = Run(only(FIRST_DATA + 1, DROP))
    assert run.rules == ["disorder_shows", "loss_shows", "recovery_is_over"]
    assert run.tcb.ssthresh < INFINITE


def test_a_segment_that_is_a_little_late_is_waited_for() -> None:
    """RFC 8985 §6.2, step 4: overtaken by two, it arrives within a quarter of the round trip."""
    run = Run(only(FIRST_DATA + 7, delayed(0.005)))
    assert run.rules == ["disorder_shows", "order_is_restored"]
    assert (run.tcb.ssthresh, run.tcb.reordered) == (INFINITE, 1)


def test_a_segment_that_never_comes_is_lost_when_the_wait_is_over() -> None:
    """RFC 8985 §6.2, step 5: only two later ones arrive, which are too few for the old rule."""
    run = Run(only(FIRST_DATA + 7, DROP), 14_480)
    assert run.rules == ["disorder_shows", "loss_shows", "recovery_is_over"]
    assert run.tcb.resent == 1


def test_a_late_original_takes_the_reduction_back() -> None:
    """RFC 3522: the acknowledgement echoes a timestamp from before the retransmission."""
    run = Run(only(FIRST_DATA + 1, delayed(0.03)))
    assert run.rules[:2] == ["disorder_shows", "loss_shows"]
    assert "recovery_is_taken_back" in run.rules or "recovery_was_needless" in run.rules
    assert run.tcb.ssthresh == INFINITE
    assert run.tcb.reordered > 0


def test_everything_lost_but_nothing_heard() -> None:
    """RFC 6298 §5.4, RFC 5681 §3.1: the last flight is gone, probe included; the window begins with one segment."""
    run = Run(these(range(FIRST_DATA, FIRST_DATA + 12), DROP), 14_480)
    assert run.rules[0] == "everything_is_sent_again"
    assert run.arrows()[0].after is Recovery.LOSS
    assert run.rules[-1] == "loss_is_over"


def test_a_time_out_that_came_too_early_is_taken_back() -> None:
    """The wire stops for a second; then everything arrives that was sent at first (RFC 3522; RFC 5682)."""

    def pause(passing: Passing) -> Fate:
        late = passing.source == "lo" and passing.number >= FIRST_DATA and passing.at_ns < 0.9 * SECOND
        return delayed(1 - passing.at_ns / SECOND) if late else PASS

    run = Run(pause, 14_480)
    assert run.rules[0] == "everything_is_sent_again"
    assert run.rules[-1] in {"time_out_was_needless", "original_after_time_out"}
    assert (run.tcb.recovery, run.tcb.ssthresh) == (Recovery.OPEN, INFINITE)


def test_a_lost_tail_is_probed_and_the_window_reduced() -> None:
    """RFC 8985 §7.4: the probe repaired the loss that nobody else would have noticed. It shows with the next bytes."""
    sender = Sender(only(FIRST_DATA + 2, DROP))
    sender.wait(0.1)
    sender.host.call("send", sender.fd, bytes(3 * 1448))
    sender.wait(1)
    assert (sender.tcb.in_flight, sender.tcb.resent, sender.rules) == (0, 1, [])
    sender.host.call("send", sender.fd, b"more")
    sender.wait(0.1)
    assert sender.rules == ["tail_probe_filled_gap", "order_is_restored"]
    assert sender.tcb.ssthresh < INFINITE


def test_a_tail_probe_that_was_not_needed_changes_nothing() -> None:
    """The acknowledgement is late; the probe is told to be a duplicate (RFC 8985 §7.4.2)."""

    def late_answer(passing: Passing) -> Fate:
        segment = passing.packet
        assert isinstance(segment, Segment)
        first = passing.source == "b" and not segment.data and 2 <= passing.number <= 11
        return delayed(0.15) if first else PASS

    run = Run(late_answer, 14_480)
    assert "tail_probe_filled_gap" not in run.rules
    assert run.tcb.ssthresh == INFINITE


def test_a_doubled_segment_is_no_loss() -> None:
    run = Run(only(FIRST_DATA + 1, DUPLICATE))
    assert run.rules == []
    assert run.tcb.ssthresh == INFINITE


def test_a_lost_retransmission_is_sent_again() -> None:
    """RFC 8985 §3.2: what was sent later has arrived, so the retransmission is lost as well."""
    seen: list[int] = []

    def judge(passing: Passing) -> Fate:
        segment = passing.packet
        assert isinstance(segment, Segment)
        if passing.source == "lo" and (passing.number == FIRST_DATA + 1 or segment.seq in seen):
            seen.append(segment.seq)
            return DROP if len(seen) <= 2 else PASS
        return PASS

    run = Run(judge)
    assert "everything_is_sent_again" not in run.rules
    assert run.tcb.resent == 2


def test_a_retransmission_that_arrives_in_no_time_has_arrived() -> None:
    """RFC 8985 §6.2, step 2, does not believe a trip that is shorter than any. In virtual time none is shorter than
    none: so what was sent before the retransmission is lost, and is sent again without any timer.
    """
    sender = Sender(these((FIRST_DATA, FIRST_DATA + 2), DROP), delay_ns=0)
    sender.wait(0.1)
    sender.host.call("send", sender.fd, bytes(3 * 1448))
    sender.wait(0)
    assert (sender.tcb.resent, sender.tcb.in_flight) == (2, 0)
    assert sender.rules == ["loss_shows", "recovery_is_over"]


@pytest.mark.parametrize("loses", [only(FIRST_DATA + 1, DROP), these((FIRST_DATA + 1, FIRST_DATA + 3), DROP)])
def test_during_recovery_the_window_goes_down_to_the_threshold(loses: Judge) -> None:
    """RFC 6937: never below what is in the network, and at the threshold when recovery ends."""
    run = Run(loses, 400_000)
    assert run.rules[-1] == "recovery_is_over"
    assert run.tcb.cwnd >= run.tcb.ssthresh


@pytest.mark.parametrize(("algorithm", "left"), [("reno", 5), ("cubic", 7)])
def test_how_far_the_window_goes_down(algorithm: str, left: int) -> None:
    """RFC 5681 §3.1, equation 4, halves it; RFC 9438 §4.6 leaves seven tenths."""
    run = Run(only(FIRST_DATA + 1, DROP), 20_000, algorithm)
    assert run.tcb.ssthresh == left


def test_cubic_comes_back_to_where_it_was_and_beyond() -> None:
    """RFC 9438 §4.2: the curve is flat at the window of the last loss."""
    tcb = Run(only(100, DROP), 15_000_000, "cubic").tcb
    assert tcb.cwnd > tcb.ssthresh * 10 // 7


def test_an_algorithm_is_chosen_by_name() -> None:
    pair = Pair((b"", b""))
    host, fd = pair.near.host, pair.near.fd
    for name in ALGORITHMS:
        host.call("setsockopt", fd, IPPROTO_TCP, TCP_CONGESTION, name.encode())
        assert getattr(host.call("getsockopt", fd, IPPROTO_TCP, TCP_CONGESTION, 16), "value", b"").rstrip(b"\0") == (
            name.encode()
        )
    assert host.call("setsockopt", fd, IPPROTO_TCP, TCP_CONGESTION, b"nosuch") == Fail(2)


def scenarios() -> dict[str, Callable[[], Run]]:
    return {
        "many are late": lambda: Run(these(range(FIRST_DATA + 10, FIRST_DATA + 40, 7), delayed(0.03)), 400_000),
        "many are lost": lambda: Run(these(range(FIRST_DATA, FIRST_DATA + 90, 2), DROP), 400_000),
    }


@pytest.mark.parametrize("name", list(scenarios()))
def test_every_way_ends_in_the_open(name: str) -> None:
    run = scenarios()[name]()
    assert run.tcb.recovery is Recovery.OPEN
    assert set(run.rules) <= set(RECOVERY.rules)
