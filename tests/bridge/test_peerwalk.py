"""Sequences of a scripted peer on which model and kernel send the same, each after a rule was mended for it.

Not here: seeds that still differ (docs/decisions.md).
"""

from __future__ import annotations

import pytest

from realnet import NamespaceRefused
from wouldblock.packetscript.kernel import RunningKernel
from wouldblock.packetscript.simulation import Simulation
from wouldblock.peerwalk.playing import ENDS, play
from wouldblock.peerwalk.steps import Sequence, Step

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
    "fin_before_what_was_kept": (
        "< P. 21:31(10) ack 1 win 512", "< F. 1:1(0) ack 1 win 512", "send(4, ..., 10, MSG_DONTWAIT) = 10",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SEQUENCES)
def test_the_same_segments(name: str) -> None:
    sequence = Sequence(4, False, tuple(Step(10, text) for text in (*OPEN, *SEQUENCES[name])))
    try:
        kernel, _ = play(RunningKernel(ENDS), sequence)
    except NamespaceRefused as refusal:
        pytest.skip(f"the running kernel is out of reach: {refusal.strerror}")
    model, _ = play(Simulation(ENDS), sequence)
    assert model == kernel
