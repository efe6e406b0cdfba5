"""All of it in one run: every program predicted and measured, as one dictionary that is stored as JSON.

Each run on the kernel has a namespace of its own. Counts are taken once where the threads are pinned, and `RUNS` times
where they are not; processor time `RUNS` times, all ways in turn, so that what disturbs the machine disturbs all.

Not here: what is made of it (page.py, chart.py).
"""

from __future__ import annotations

import platform
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

import attrs

from realnet.namespace import Namespace

from . import programs, sending
from .costs import calibrate, priced, refusal
from .counts import REFUSED, Counts
from .frames import Beat, second
from .measurement import Measured
from .naps import CALLS, nap
from .prediction import Predicted

STORED = Path(__file__).parent.parent.parent / "docs" / "waiting.json"
SIZES = {1: 500, 10: 50, 100: 10, 1000: 2}
"""Rounds by number of connections."""
RUNS = 5
UNPINNED_SIZE = 100
SENDERS: dict[str, tuple[Callable[[Any, str, int], int], int]] = {
    "datagrams": (sending.datagrams, 100),
    "stream": (sending.stream, 40),
}
"""Programs of sending.py, and how much they send."""
Say = Callable[[str], None]


def measure(say: Say) -> dict[str, Any]:
    """Everything, measured now; `say` is told what comes next. Raises what `Namespace` and `Measured` refuse with."""
    say("prices of calls")
    prices = _prices()
    with Namespace() as namespace:
        about = {"kernel": namespace.kernel, "settings": namespace.settings}
    return {
        **about,
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "python": platform.python_version(),
        "few": programs.FEW,
        "message_bytes": programs.SIZE,
        "runs": RUNS,
        "prices_ns": prices,
        "echo": [entry for size in SIZES for entry in _echoes(size, prices, say)],
        "unpinned": [_unpinned(way, say) for way in programs.WAYS],
        "senders": [_sender(work, way, prices, say) for work in SENDERS for way in sending.WAYS],
        "frames": [_frames(blocking, say) for blocking in (True, False)],
        "naps": [_nap(call, say) for call in CALLS],
    }


def _run(program: Callable[[Measured], object], *, timed: bool = False, pinned: bool = True) -> Measured:
    with Namespace() as namespace, Measured(namespace.cpu, timed=timed, pinned=pinned) as net:
        program(net)
    return net


def _prices() -> dict[str, float]:
    found: dict[str, float] = {}
    _run(lambda net: found.update(calibrate()), timed=True)
    _run(lambda net: found.update({"datagrams send" + REFUSED: _datagram_refused(net)}), timed=True)
    _run(lambda net: found.update({"stream send" + REFUSED: _portion_refused()}), timed=True)
    return found


def _datagram_refused(net: Measured) -> float:
    with net.device(1) as (sock, receiver):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 0)
        sock.setblocking(False)
        return refusal(lambda: sock.sendto(sending.DATAGRAM, receiver))


def _portion_refused() -> float:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as sock,
        listener.accept()[0],
    ):
        sock.setblocking(False)
        return refusal(lambda: sock.send(sending.PORTION))


def _echoes(size: int, prices: dict[str, float], say: Say) -> list[dict[str, Any]]:
    """All ways with so many connections. Times are nanoseconds of processor time for a message."""
    rounds, messages = SIZES[size], SIZES[size] * size
    times: dict[str, list[float]] = {way: [] for way in programs.WAYS}
    entries = []
    for way in programs.WAYS:
        say(f"{way}, {size} connections, counted")
        model = Predicted()
        programs.echo(model, way, size, rounds)
        counted = _run(lambda net, way=way: programs.echo(net, way, size, rounds)).counts  # type: ignore[misc]
        entries.append(
            {
                "way": way,
                "connections": size,
                "messages": messages,
                "predicted": attrs.asdict(model.counts),
                "measured": attrs.asdict(counted),
                "predicted_ns": round(priced(model.counts, model.asked, prices) / messages),
                "measured_ns": times[way],
            }
        )
    for _ in range(RUNS):
        for way in programs.WAYS:
            say(f"{way}, {size} connections, timed")
            net = _run(lambda net, way=way: programs.echo(net, way, size, rounds), timed=True)  # type: ignore[misc]
            times[way].append(round(net.cpu_ns / messages))
    return entries


def _unpinned(way: str, say: Say) -> dict[str, Any]:
    """What the default scheduler makes of it, several times."""
    say(f"{way}, {UNPINNED_SIZE} connections, default scheduler")
    rounds = SIZES[UNPINNED_SIZE]
    runs = [_run(lambda net: programs.echo(net, way, UNPINNED_SIZE, rounds), pinned=False) for _ in range(RUNS)]
    return {
        "way": way,
        "connections": UNPINNED_SIZE,
        "messages": UNPINNED_SIZE * rounds,
        "measured": [attrs.asdict(net.counts) for net in runs],
    }


def _sender(work: str, way: str, prices: dict[str, float], say: Say) -> dict[str, Any]:
    say(f"{work}, {way}")
    program, number = SENDERS[work]
    model = Predicted(sending_prices(work, prices))
    predicted_in_vain = program(model, way, number)
    in_vain, times = [], []
    for _ in range(RUNS):  # a tracepoint makes calls dearer, and a sender that spins makes fewer then
        net = _run(lambda net: in_vain.append(program(net, way, number)), timed=True)
        times.append(net.cpu_ns)
    return {
        "work": work,
        "way": way,
        "predicted": attrs.asdict(model.counts),
        "predicted_in_vain": predicted_in_vain,
        "measured": [attrs.asdict(_run(lambda net: program(net, way, number)).counts) for _ in range(RUNS)],
        "in_vain": in_vain,
        "cpu_ms": round(median(times) / 1e6, 2),
    }


def sending_prices(work: str, prices: Mapping[str, float]) -> dict[str, int]:
    """How long calls take in a program of sending.py, in nanoseconds."""
    refused = "send" + REFUSED
    return {name: round(ns) for name, ns in prices.items()} | {refused: round(prices[f"{work} {refused}"])}


def _frames(blocking: bool, say: Say) -> dict[str, Any]:
    say(f"frames, {'blocking' if blocking else 'non-blocking'}")
    seen: list[Beat] = []
    _run(lambda net: seen.append(second(net, blocking=blocking)), timed=True, pinned=False)
    return {
        "blocking": blocking,
        "predicted": attrs.asdict(second(Predicted(), blocking=blocking)),
        "measured": attrs.asdict(seen[0]),
    }


def _nap(call: str, say: Say) -> dict[str, Any]:
    say(f"a thread that waits in {call}")
    return {"call": call, **attrs.asdict(nap(call))}


def counts(stored: dict[str, Any]) -> Counts:
    """Counts as they were stored."""
    return Counts(**stored)
