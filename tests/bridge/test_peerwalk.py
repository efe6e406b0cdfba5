"""The walk with a scripted peer: sequences that are equal after a rule was mended for them, a range of seeds that is
equal, a planted fault that it finds, and the values that it is made of.

Not here: seeds that still differ (docs/decisions.md), the command line (tests/cli).
"""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from model.tcp.machine import TCP
from realnet import NamespaceRefused
from wouldblock.packetscript import parse
from wouldblock.packetscript.outcome import Verdict
from wouldblock.packetscript.running import run
from wouldblock.peerwalk.both import judged, on_model
from wouldblock.peerwalk.comparing import Difference, first_difference
from wouldblock.peerwalk.generating import generate
from wouldblock.peerwalk.report import PeerReport
from wouldblock.peerwalk.scripting import script
from wouldblock.peerwalk.shrinking import shrink, without
from wouldblock.peerwalk.steps import Sequence, Spoilt, Step
from wouldblock.peerwalk.walking import walk

OPEN = (
    "socket(..., SOCK_STREAM, IPPROTO_TCP) = 3",
    "bind(3, ..., ...) = 0",
    "listen(3, 5) = 0",
    "< S 0:0(0) win 65535 <mss 1000,sackOK,nop,nop,nop,wscale 7>",
    "< . 1:1(0) ack 1 win 512",
    "accept(3, ..., ...) = 4",
)
SEQUENCES = {
    "twice_behind_a_gap": ("< P. 12:22(10) ack 1 win 512", "< P. 12:13(1) ack 1 win 512"),
    "gap_filled_too_far": (
        "< P. 11:12(1) ack 1 win 512", "< P. 101:201(100) ack 1 win 512", "< . 1:51(50) ack 1 win 512",
    ),
    "window_behind_a_gap": ("< P. 11:1471(1460) ack 1 win 512",),
    "fin_is_acknowledged_with_what_came_behind_it": (
        "shutdown(4, SHUT_WR) = 0", "< P. 12:22(10) ack 1 win 512", "< F. 1:1(0) ack 2 win 512",
    ),
    "peer_that_reneges_on_joined_buffers": (
        "send(4, ..., 5000, MSG_DONTWAIT) = 5000", "< . 1:1(0) ack 1 win 512 <nop,nop,sack 2001:4001>",
        "< . 1:1(0) ack 2500 win 512 <nop,nop,sack 2501:4001>", *("recv(4, ..., 10, MSG_DONTWAIT) = 0",) * 6,
    ),
    "buffer_grows_behind_any_segment": (
        "send(4, ..., 100000, MSG_DONTWAIT) = 0", "< . 1:1(0) ack 10001 win 0", "< . 1:1(0) ack 10001 win 0",
    ),
    "fin_before_what_was_kept": (
        "< P. 21:31(10) ack 1 win 512", "< F. 1:1(0) ack 1 win 512", "send(4, ..., 10, MSG_DONTWAIT) = 10",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SEQUENCES)
def test_the_same_segments(name: str) -> None:
    sequence = Sequence(4, False, tuple(Step(10, text) for text in (*OPEN, *SEQUENCES[name])))
    try:
        tried, _ = judged(sequence)
    except NamespaceRefused as refusal:
        pytest.skip(f"the running kernel is out of reach: {refusal.strerror}")
    assert tried.difference is None
    assert tried.model.seen == tried.kernel.seen


EQUAL_FROM, EQUAL_SEQUENCES, STEPS = 54, 36, 16
"""Seeds that are all equal: the beginning of the longest run among the first 300, of which 8 differ at this length.
What differs in others is in docs/decisions.md.
"""


def walked(**options: Any) -> PeerReport:
    try:
        return walk(workers=12, length=STEPS, **options)
    except NamespaceRefused as refusal:
        pytest.skip(f"the running kernel is out of reach: {refusal.strerror}")


@pytest.mark.slow
def test_seeds_that_are_equal() -> None:
    report = walked(seed=EQUAL_FROM, sequences=EQUAL_SEQUENCES)
    assert not report.differences, report.kinds()
    assert report.sequences == report.equal + report.late == EQUAL_SEQUENCES
    assert report.equal
    assert report.segments > report.equal
    assert report.rules["text_out_of_order"]
    assert not report.unconfirmed().keys() & report.rules.keys()


@pytest.mark.slow
def test_a_planted_fault_is_found_and_shrunk() -> None:
    """What lies behind a gap is kept, but nobody is told."""
    undo = TCP.replace("gap_is_told_at_once", body=lambda tcb, segment, host: None)
    try:
        report = walked(seed=EQUAL_FROM, sequences=EQUAL_SEQUENCES)
    finally:
        undo()
    shown = [each for each in report.differences if each.again]
    assert shown, "the fault was not found"
    assert len(shown[0].steps) < STEPS
    assert report.equal + report.late + len(report.differences) == EQUAL_SEQUENCES


def test_a_seed_makes_one_sequence() -> None:
    assert generate(3, STEPS) == generate(3, STEPS) != generate(4, STEPS)


def test_differences_have_a_kind_and_a_place() -> None:
    sequence = Sequence(4, False, tuple(Step(10, text) for text in (*OPEN, "send(4, ..., 10, MSG_DONTWAIT) = 10")))
    played, fired = on_model(sequence)
    seen = played.seen
    assert first_difference(sequence, seen, seen) is None
    assert any(arrow.rule.name == "send_copies" for arrow in fired)

    def changed(**what: Any) -> Difference | None:
        return first_difference(sequence, seen, [*seen[:-1], attrs.evolve(seen[-1], **what)])

    last = len(sequence.steps) - 1
    (text,) = seen[-1].sent[2:]
    window = text.rpartition("win ")[0] + "win 1"
    marks = ("(before)", "(after)")
    assert changed(answer="5") == Difference("answer of send", last, "10", "5")
    assert changed(sent=marks) == Difference("segment in answer: only the model sends one", last, text, "nothing")
    assert changed(sent=(*marks, window)) == Difference("segment in answer: window", last, text, window)
    before = changed(sent=("(before)", text, "(after)"))
    assert before == Difference("segment as time passes: only the kernel sends one", last, "nothing", text)
    assert changed(state=("", *seen[-1].state[1:])) == Difference("look: poll", last, seen[-1].state[0], "")


def test_a_script_says_what_the_model_shows() -> None:
    sequence = generate(3, STEPS)
    text = script(sequence, Difference("look: state", STEPS - 1, "", ""))
    assert run(parse(text)).verdict is Verdict.PASSED
    assert text.count("\n") > STEPS
    spoilt = attrs.evolve(sequence.steps[-1], spoilt=Spoilt.CHECKSUM)
    assert not script(attrs.evolve(sequence, steps=(*sequence.steps[:-1], spoilt)), Difference("", STEPS - 1, "", ""))


def test_shrinking_keeps_what_the_difference_needs() -> None:
    """A difference that takes two of the steps: those two stay, the opening, and the step that shows it."""
    sequence = Sequence(4, False, tuple(Step(10, f"send(4, ..., {n}, 0) = 0") for n in range(1, 17)))
    needed = {sequence.steps[at].text for at in (4, 11)}

    def try_all(trials: list[tuple[Sequence, str]]) -> list[Difference | None]:
        return [
            Difference("kind", len(each.steps) - 1, "a", "b") if needed <= {s.text for s in each.steps} else None
            for each, _ in trials
        ]

    shrunk = shrink(sequence, Difference("kind", 15, "a", "b"), try_all)
    assert shrunk.again
    assert [s.text for s in shrunk.sequence.steps] == [sequence.steps[at].text for at in (0, 1, 4, 11, 15)]
    assert sum(s.gap_ms for s in shrunk.sequence.steps) == 160
    never = shrink(sequence, Difference("kind", 15, "a", "b"), lambda trials: [None for _ in trials])
    assert (never.again, never.script, len(never.sequence.steps)) == (False, "", 16)


def test_time_of_what_is_left_out_passes() -> None:
    sequence = Sequence(3, False, tuple(Step(gap, "close(3) = 0") for gap in (1, 20, 300, 4000)))
    assert [step.gap_ms for step in without(sequence, [range(1, 3)]).steps] == [1, 4320]
