"""Random programs of several threads on both arms: the same calls in the same order, with the same answers, the same
accounts of every socket after each, and the same threads waiting in the same calls in the end.

The kernel's threads take real time for their calls, half a millisecond each and more when the machine is busy; in
the midst of them timers of TCP's fire, and pauses end. So the kernel runs first, and the model makes each call in the
moment when the kernel was seen to make it, both from the same tick on.

Compared is what happens until the program shuts its sockets to end itself. That wakes many threads at once, and in
which order they then get at the socket is the kernel's to say.

Not here: programs with a purpose (test_threads.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest

from model import SimNet
from model.profiles import LINUX
from realnet import NamespaceRefused, RealNet
from realnet.ticks import WHOLE, wait_for
from wouldblock.scenarios import Run, Scenario
from wouldblock.sidebyside import compare

from .programs import plan, program

Moments = list[list[int]]
"""When a thread was about to make a call or to set the alarm, and when it did so, in nanoseconds since the trace began;
in the order of the former.
"""


def run(arm: str, net_class: Any, seed: int, moments: Moments) -> Run:
    """The program of this seed, its threads chosen by it too; the calls until it shuts its sockets. The kernel says in
    which moments calls were made, and the model makes them then.
    """
    with net_class(seed) as net:
        if net_class is RealNet:
            wait_for(LINUX.first_tick % WHOLE, 0)
            net._recorder.start()
            _note_moments(net._guests, moments)
        else:
            _keep_moments(net._guests, moments)
        waiting, met, _ = program(plan(seed))(net)
        calls = net.trace.calls()
    end = next(at for at, event in enumerate(calls) if event.call == "shutdown")
    return Run(arm, net.trace, tuple(calls[:end]), (waiting, met))


def _note_moments(guests: Any, moments: Moments) -> None:
    def noted(function: Any) -> Any:
        def call(*args: Any) -> None:
            moments.append([guests.now_ns])
            mine = moments[-1]
            function(*args)
            mine.append(guests.now_ns)

        return call

    guests.step, guests.set_alarm = noted(guests.step), noted(guests.set_alarm)


def _keep_moments(guests: Any, moments: Moments) -> None:
    told = iter(moments)

    def kept(function: Any) -> Any:
        def call(*args: Any) -> None:
            mine = next(told, [])
            for moment in mine[:1]:
                guests.pass_until(moment)
            function(*args)
            for moment in mine[1:]:
                guests.pass_until(moment)
            guests.handle()

        return call

    guests.step, guests.set_alarm = kept(guests.step), kept(guests.set_alarm)


def both(seed: int) -> None:
    moments: Moments = []
    try:
        kernel = run("kernel", RealNet, seed, moments)
    except NamespaceRefused as refusal:
        pytest.skip(f"the running kernel is out of reach: {refusal.strerror}")
    model = run("model", SimNet, seed, moments)
    assert kernel.returned == model.returned
    rows = compare(Scenario("program", Path("programs.py"), 1, "", program(plan(seed))), model, kernel).rows
    assert [row.call for row in rows if not row.equal] == []
    assert len(rows) == len(model.calls) == len(kernel.calls)


@pytest.mark.parametrize("seed", range(6))
def test_threads_meet_the_same_on_both_arms(seed: int) -> None:
    both(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6, 40))
def test_more_threads_meet_the_same_on_both_arms(seed: int) -> None:
    both(seed)


def test_the_same_seed_gives_the_same_run_and_others_give_others() -> None:
    def trace(seed: int, chosen: int) -> list[str]:
        with SimNet(chosen) as net:
            program(plan(seed))(net)
            return [str(attrs.astuple(event)) for event in net.trace.events if event.kind == "call"]

    assert trace(4, 1) == trace(4, 1)
    assert len({tuple(trace(4, chosen)) for chosen in range(8)}) > 1
