"""What walks have in common that play many sequences in real time: several at once, counted into one report.

Each sequence is played in a process of its own, because a user who is not root may enter a namespace only while the
process has a single thread. A sequence is made from its seed alone, so a difference is found again by it.

Rules and arrows count only what fired on the model in equal sequences: the kernel did the same there.

Not here: what a sequence is, and how it is compared (peerwalk/, threadwalk/).
"""

from __future__ import annotations

import faulthandler
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.pool import AsyncResult, Pool
from typing import Any, TypeVar

import attrs

from model.machines import MACHINES, all_rules
from realnet.namespace import Namespace

MOST_S = 60
"""How long a sequence may take, in seconds. A thread that waits for ever is known at once on the model; on the kernel
it is known so.
"""
_GRACE_S = 5
_POLL_S = 0.02
_Played = TypeVar("_Played")


@attrs.frozen
class Found:
    """One difference. `steps` is the sequence up to it, `script` a packet script that shows it, empty where the
    language has no words for it.
    """

    seed: int
    kind: str
    step: str
    model: str
    kernel: str
    steps: list[str]
    script: str = ""
    again: bool | None = None
    """Whether it was seen again when the sequence was played again; None if that was not tried."""


@attrs.define
class WalkReport:
    """The result of a walk, complete at any moment."""

    seed: int
    kernel: str = ""
    settings: dict[str, str] = attrs.Factory(dict)
    sequences: int = 0
    steps: int = 0
    equal: int = 0
    differences: list[Found] = attrs.Factory(list)
    rules: Counter[str] = attrs.Factory(Counter)
    arrows: Counter[str] = attrs.Factory(Counter)
    seconds: float = 0.0
    interrupted: bool = False

    @property
    def agreed(self) -> bool:
        return not self.differences

    def kinds(self) -> dict[str, list[int]]:
        """Kind of difference → the seeds that showed it, the most frequent kind first."""
        found: dict[str, list[int]] = {}
        for each in self.differences:
            found.setdefault(each.kind, []).append(each.seed)
        return dict(sorted(found.items(), key=lambda item: -len(item[1])))

    def unconfirmed(self) -> dict[str, str]:
        """Rules that never fired in an equal sequence → the reason the rule gives, or an empty string."""
        return {name: rule.unconfirmed for name, rule in all_rules().items() if not self.rules.get(name)}

    def to_json(self) -> dict[str, Any]:
        """The documented shape of a walk's `--json`; every rule and arrow is listed, those never confirmed with 0."""
        arrows = {a.key: 0 for m in MACHINES for rule in m.rules.values() for a in rule.every_arrow()}
        arrows.update(self.arrows)
        return {
            "calls": self.steps, "sequences": self.sequences, "equal": self.equal, "different": len(self.differences),
            "kinds": self.kinds(), "contradictions": [attrs.asdict(each) for each in self.differences],
            "rules": {name: self.rules.get(name, 0) for name in sorted(all_rules())},
            "arrows": dict(sorted(arrows.items())), "unconfirmed": self.unconfirmed(), "kernel": self.kernel,
            "settings": self.settings, "seed": self.seed, "seconds": round(self.seconds, 3),
            "interrupted": self.interrupted,
        }  # fmt: skip


@contextmanager
def workers(number: int, report: WalkReport) -> Iterator[Pool]:
    """Processes that play; `report` learns what kernel they face. Ctrl-C within ends the walk, and the report says so.

    Raises `realnet.NamespaceRefused` where no private namespace may be made.
    """
    with get_context("fork").Pool(number, _work_quietly) as pool:
        report.kernel, report.settings = pool.apply(_facts)
        try:
            yield pool
        except KeyboardInterrupt:
            report.interrupted = True


def play_all(
    pool: Pool, number: int, play: Callable[[int], _Played], count: Callable[[_Played], None], report: WalkReport,
    sequences: int | None, seconds: float | None, progress: Callable[[Any], None] | None,
) -> None:  # fmt: skip
    """Play the seeds `report.seed` and up, `number` of them at once, until `sequences` were begun or `seconds` have
    passed; those begun are played to their end. `progress` is called some times a second with the report so far.

    One that takes longer than `MOST_S` is told as a difference, and its process is gone.
    """
    running: dict[int, tuple[AsyncResult[_Played], float]] = {}
    following, began = report.seed, time.monotonic()

    def goes_on() -> bool:
        enough = sequences is not None and following >= report.seed + sequences
        return not enough and (seconds is None or time.monotonic() - began < seconds)

    while goes_on() or running:
        while len(running) < number and goes_on():
            running[following] = pool.apply_async(_bounded, (play, following)), time.monotonic()
            following += 1
        for seed, (result, since) in list(running.items()):
            if result.ready():
                count(result.get())
            elif time.monotonic() - since < MOST_S + _GRACE_S:
                continue
            else:
                report.sequences += 1
                report.differences.append(Found(seed, "it did not end", "", "its end", f"none in {MOST_S} s", []))
            del running[seed]
        report.seconds = time.monotonic() - began
        if progress is not None:
            progress(report)
        time.sleep(_POLL_S)


def _bounded(play: Callable[[int], _Played], seed: int) -> _Played:
    """Play it; a process that takes too long tells on stderr where it stands, and ends."""
    faulthandler.dump_traceback_later(MOST_S, exit=True)
    try:
        return play(seed)
    finally:
        faulthandler.cancel_dump_traceback_later()


def _work_quietly() -> None:
    """Ctrl-C is the parent's affair."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _facts() -> tuple[str, dict[str, str]]:
    """The kernel's release and its settings."""
    with Namespace() as namespace:
        return namespace.kernel, namespace.settings
