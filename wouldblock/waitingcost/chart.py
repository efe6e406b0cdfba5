"""The chart of the cost of waiting: processor time, system calls, switches and wake-ups of a message.

Not here: how it is drawn (diagrams/plot.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from statistics import median
from typing import Any

from diagrams.plot import Panel, Plot, Point, plot_svg

from .counts import Counts
from .programs import WAYS
from .report import counts

Quantity = Callable[[Counts], float]
COUNTED: dict[tuple[str, str], Quantity] = {
    ("System calls", "per message, server and client together"): lambda counted: counted.system_calls,
    ("Context switches", "per message, voluntary and involuntary"): lambda counted: counted.switches,
    ("Wake-ups", "of the server's threads, per message"): lambda counted: counted.wakeups,
}


def chart(stored: Mapping[str, Any]) -> str:
    """The figure as SVG, from what report.py has stored."""
    panels = [Panel("Processor time", "microseconds per message", {way: _times(stored, way) for way in WAYS})]
    panels += [
        Panel(title, unit, {way: _counts(stored, way, of) for way in WAYS}) for (title, unit), of in COUNTED.items()
    ]
    return plot_svg(
        Plot(
            "What waiting costs",
            f"An echo of {stored['message_bytes']} bytes, {stored['few']} connections ready at a time; one processor, "
            f"SCHED_FIFO; Linux {stored['kernel']}, {stored['date']}",
            "connections",
            tuple(panels),
        )
    )


def _of(stored: Mapping[str, Any], way: str) -> list[Mapping[str, Any]]:
    return [entry for entry in stored["echo"] if entry["way"] == way]


def _times(stored: Mapping[str, Any], way: str) -> tuple[Point, ...]:
    points = []
    for entry in _of(stored, way):
        times = [ns / 1000 for ns in entry["measured_ns"]]
        predicted = entry["predicted_ns"] / 1000
        points.append(Point(entry["connections"], predicted, min(times), median(times), max(times)))
    return tuple(points)


def _counts(stored: Mapping[str, Any], way: str, of: Quantity) -> tuple[Point, ...]:
    points = []
    for entry in _of(stored, way):
        predicted, measured = (of(counts(entry[arm])) / entry["messages"] for arm in ("predicted", "measured"))
        points.append(Point(entry["connections"], predicted, measured, measured, measured))
    return tuple(points)
