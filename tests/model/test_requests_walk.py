"""Random segments and calls for a listener, on the model and on the kernel: everything that is answered must be equal.

Few ports, short queues, numbers that are nearly right: so requests are repeated, reset, overflow, and come back. A
sequence is over before any timer but that of a delayed acknowledgement could go off; so answers are compared step by
step, and segments in their order for each port. A step is longer than the two ticks within which a first delayed
acknowledgement goes off, and no number of steps comes near the forty milliseconds of a later one.

Not here: single cases (test_requests.py); timers.
"""

from __future__ import annotations

import random
from typing import Any

import pytest

from model.values.packets import Mss, SackPermitted, WindowScale
from realnet import Namespace, NamespaceRefused

from .outside import KernelWire, ModelWire, Wire, drops
from .traces import End

STEPS, STEP_S = 24, 0.0115
SETTINGS: tuple[dict[str, int], ...] = (
    {}, {"tcp_syncookies": 0}, {"tcp_syncookies": 2}, {"tcp_abort_on_overflow": 1},
    {"tcp_syncookies": 0, "tcp_max_syn_backlog": 4},
)  # fmt: skip
FLAGS = ("S", "S", "S", ".", ".", ".", "P.", "R", "R.", "F.", "S.", "F", "", "SF", "SP", "SR")
Step = tuple[str, tuple[Any, ...]]


def steps(dice: random.Random) -> list[Step]:
    """What the peer and the program do, whatever is answered."""
    found: list[Step] = []
    for _ in range(STEPS):
        kind = dice.random()
        if kind < 0.12:
            found.append(("accept", ()))
        elif kind < 0.2:
            found.append(("listen", (dice.randrange(3),)))
        elif kind < 0.24:
            found.append(("shutdown", (dice.randrange(3),)))
        else:
            flags = dice.choice(FLAGS)
            right = 0 if "S" in flags else 1
            seq = dice.choice((right, right, right, right, right, 0, 4, -4, 100_000))
            ack = dice.choice((1, 1, 1, 1, 0, 6))
            data = b"text" if "P" in flags or dice.random() < 0.1 else b""
            found.append(("sends", (dice.randrange(1, 5), flags, seq, ack, data, dice.random() < 0.3)))
    return found


def play(wire: Wire, plan: list[Step]) -> tuple[list[object], dict[str, list[str]]]:
    """The answers step by step, and the segments by port."""
    server: End = wire.listening(1)
    answers: list[object] = []
    heard: dict[str, list[str]] = {}
    for name, args in plan:
        answer: object = None
        if name == "sends":
            *rest, rich = args
            options = (Mss(1300), SackPermitted(), WindowScale(7)) if rich else (Mss(1460),)
            wire.sends(*rest, options=options)
        elif name == "accept":
            answer = server.call("accept")
            if not isinstance(answer, str):
                child = server.accepted(answer, "child")
                answer = child.state, child.poll(), child.recv()
        else:
            answer = server.call(name, *args)
        for line in wire.hears(STEP_S):
            heard.setdefault(line[0], []).append(line)
        answers.append((name, args, answer, server.state, server.poll(), drops(server)))
    server.close()
    for line in wire.hears(0.05):
        heard.setdefault(line[0], []).append(line)
    return answers, heard


@pytest.mark.parametrize("first", range(0, 40, 10))
def test_model_and_kernel_answer_alike(first: int) -> None:
    for seed in range(first, first + 10):
        check(seed)


def check(seed: int) -> None:
    dice = random.Random(seed)
    settings, plan = dice.choice(SETTINGS), steps(dice)
    try:
        with Namespace(), KernelWire(settings) as wire:
            answers, heard = play(wire, plan)
    except NamespaceRefused as refusal:
        pytest.skip(f"the running kernel is out of reach: {refusal.strerror}")
    said, sent = play(ModelWire(settings), plan)
    for step, (ours, theirs) in enumerate(zip(said, answers, strict=True)):
        assert ours == theirs, f"seed {seed}, step {step}, {settings}"
    assert sent == heard, f"seed {seed}, {settings}"
