"""Curves as SVG: panels side by side with common series, both axes logarithmic.

What is predicted is a line, what was measured a dot, with a bar from the least to the most where several runs differ.
So a prediction that is wrong is seen as dots beside their line. Where lines lie on one another, those drawn first are
the wider ones, and show at the rim. At the right of each panel stand the names of the series at the height where their
lines end, those at one height together.

A logarithm has no place for nothing: a series that is 0 is left out of the panel, and named below it.

Not here: what is plotted; linear axes.
"""

from __future__ import annotations

import math
from html import escape

import attrs

from .look import FONT, INK, LINE_HEIGHT, MUTED, PAGE, SMALL_SIZE, STATE_SIZE, TEXT_SIZE, TITLE_SIZE, text_width

COLOURS = ("#0072b2", "#d55e00", "#b0529b", "#c98a00", "#009e73")
"""Five that readers who see few colours can tell apart (Okabe and Ito, two of them darkened for white paper)."""
_GRID, _FRAME = "#e5e7eb", "#9ca3af"
_WIDE, _HIGH, _LEFT, _RIGHT, _GAP = 320.0, 210.0, 46.0, 150.0, 16.0
_SPARE = 1.15
"""Room for substitutes of the font that are wider."""
_ABOVE, _BELOW, _MARGIN, _PER_ROW = 46.0, 40.0, 26.0, 2


@attrs.frozen
class Point:
    """One place on the x axis: what is predicted, and the least, the middle and the most of what was measured."""

    x: float
    predicted: float
    low: float
    middle: float
    high: float


@attrs.frozen
class Panel:
    """One quantity. `series` are points by name, in the order of their colours."""

    title: str
    unit: str
    series: dict[str, tuple[Point, ...]]


@attrs.frozen
class Plot:
    """A figure of several panels."""

    title: str
    subtitle: str
    x_label: str
    panels: tuple[Panel, ...]


def plot_svg(plot: Plot) -> str:
    """The figure as SVG. Equal figures give equal text."""
    rows = -(-len(plot.panels) // _PER_ROW)
    cell_wide, cell_high = _LEFT + _WIDE + _RIGHT, _ABOVE + _HIGH + _BELOW
    head = _MARGIN + TITLE_SIZE + 2 * LINE_HEIGHT + 30
    width = 2 * _MARGIN + _PER_ROW * cell_wide + (_PER_ROW - 1) * _GAP
    height = head + rows * cell_high + (rows - 1) * 10 + _MARGIN
    names = list(dict.fromkeys(name for panel in plot.panels for name in panel.series))
    body = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_n(width)}" height="{_n(height)}"',
        f' viewBox="0 0 {_n(width)} {_n(height)}" font-family="{escape(FONT)}" font-size="{TEXT_SIZE}" role="img">',
        f"<title>{escape(plot.title)}</title>",
        f'<rect width="100%" height="100%" rx="8" fill="{PAGE}"/>',
        _text(_MARGIN, _MARGIN + TITLE_SIZE - 4, plot.title, INK, TITLE_SIZE, bold=True),
        _text(_MARGIN, _MARGIN + TITLE_SIZE + LINE_HEIGHT + 2, plot.subtitle, MUTED, TEXT_SIZE),
        *_legend(names, _MARGIN, _MARGIN + TITLE_SIZE + 2 * LINE_HEIGHT + 14),
    ]
    for at, panel in enumerate(plot.panels):
        x = _MARGIN + at % _PER_ROW * (cell_wide + _GAP) + _LEFT
        y = head + at // _PER_ROW * (cell_high + 10) + _ABOVE
        body += _panel(panel, plot.x_label, names, x, y)
    return "\n".join([*body, "</svg>"]) + "\n"


class _Scale:
    """From values to pixels, by their logarithm."""

    def __init__(self, low: float, high: float, begin: float, end: float) -> None:
        self.low, self.high = math.log10(low), math.log10(high)
        self._begin, self._end = begin, end

    def __call__(self, value: float) -> float:
        return self._begin + (math.log10(value) - self.low) / (self.high - self.low) * (self._end - self._begin)

    def ticks(self) -> list[float]:
        """Powers of ten, and where these are few, twice and five times them."""
        powers = range(math.floor(self.low), math.ceil(self.high) + 1)
        steps = (1, 2, 5) if self.high - self.low < 2 else (1,)
        all_of_them = [step * 10.0**power for power in powers for step in steps]
        return [tick for tick in all_of_them if self.low - 1e-9 <= math.log10(tick) <= self.high + 1e-9]


def _panel(panel: Panel, x_label: str, names: list[str], x: float, y: float) -> list[str]:
    shown = {name: points for name, points in panel.series.items() if all(p.predicted > 0 for p in points)}
    points = [point for series in shown.values() for point in series]
    xs = [point.x for point in points]
    values = [value for point in points for value in (point.predicted, point.low, point.high) if value > 0]
    across = _Scale(min(xs) / 1.3, max(xs) * 1.3, x, x + _WIDE)
    up = _Scale(min(values) / 1.35, max(values) * 1.35, y + _HIGH, y)
    out = [
        _text(x - 34, y - 24, panel.title, INK, STATE_SIZE, bold=True),
        _text(x - 34, y - 9, panel.unit, MUTED, SMALL_SIZE),
    ]
    for tick in up.ticks():
        out.append(f'<path d="M{_n(x)} {_n(up(tick))}h{_n(_WIDE)}" stroke="{_GRID}"/>')
        out.append(_text(x - 6, up(tick) + 3.5, _short(tick), MUTED, SMALL_SIZE, anchor="end"))
    for value in sorted(set(xs)):
        out.append(f'<path d="M{_n(across(value))} {_n(y)}v{_n(_HIGH)}" stroke="{_GRID}"/>')
        out.append(_text(across(value), y + _HIGH + 14, _short(value), MUTED, SMALL_SIZE, anchor="middle"))
    out.append(
        f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(_WIDE)}" height="{_n(_HIGH)}" fill="none" stroke="{_FRAME}"/>'
    )
    out.append(_text(x + _WIDE / 2, y + _HIGH + 30, x_label, MUTED, SMALL_SIZE, anchor="middle"))
    for name, series in shown.items():
        out.append(_line(series, across, up, _colour(names, name), 5.0 - 0.9 * names.index(name)))
    for name, series in shown.items():
        out += _dots(name, series, across, up, _colour(names, name), 3 * (names.index(name) - (len(names) - 1) / 2))
    ends = {name: up(series[-1].predicted) for name, series in shown.items()}
    out += _end_labels(ends, names, x + _WIDE + 8)
    none = [name for name in panel.series if name not in shown]
    if none:
        text = f"{', '.join(none)}: none, predicted and measured"
        out.append(_text(x + _WIDE, y - 24, text, _colour(names, none[0]), SMALL_SIZE, anchor="end"))
    return out


def _line(series: tuple[Point, ...], across: _Scale, up: _Scale, colour: str, width: float) -> str:
    path = " ".join(f"{_n(across(point.x))},{_n(up(point.predicted))}" for point in series)
    return (
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{_n(width)}" stroke-linejoin="round"/>'
    )


def _dots(
    name: str, series: tuple[Point, ...], across: _Scale, up: _Scale, colour: str, aside: float
) -> list[str]:  # fmt: skip
    """The dots stand somewhat aside of one another, so that all can be seen."""
    out = []
    for point in series:
        x, y = across(point.x) + aside, up(point.middle)
        said = f"{name}, {point.x:,.0f}: predicted {point.predicted:.3g}, measured {point.middle:.3g}"
        if point.high > point.low:
            out.append(f'<path d="M{_n(x)} {_n(up(point.low))}V{_n(up(point.high))}" stroke="{colour}"/>')
        out.append(
            f'<circle cx="{_n(x)}" cy="{_n(y)}" r="3.6" fill="{PAGE}" stroke="{colour}" stroke-width="1.8">'
            f"<title>{escape(said)}</title></circle>"
        )
    return out


def _end_labels(ends: dict[str, float], names: list[str], x: float) -> list[str]:
    """Names where the lines end; those at one height in one line of text, others apart enough to be read."""
    groups: list[tuple[float, list[str]]] = []
    for name, y in sorted(ends.items(), key=lambda item: (item[1], names.index(item[0]))):
        if groups and y - groups[-1][0] < 1.5:
            groups[-1][1].append(name)
        else:
            groups.append((y, [name]))
    out: list[str] = []
    lowest = -math.inf
    for wanted, together in groups:
        lowest = max(wanted, lowest + LINE_HEIGHT - 1)
        words = (f'<tspan fill="{_colour(names, name)}">{escape(name)}</tspan>' for name in together)
        out.append(
            f'<text x="{_n(x)}" y="{_n(lowest + 4)}" fill="{MUTED}" font-weight="bold">{", ".join(words)}</text>'
        )
    return out


def _legend(names: list[str], x: float, y: float) -> list[str]:
    out = []
    for words, shape in (
        ("predicted by the model", f'<path d="M0 -4h22" stroke="{INK}" stroke-width="2.5"/>'),
        (
            "measured on the kernel",
            f'<circle cx="11" cy="-4" r="3.6" fill="{PAGE}" stroke="{INK}" stroke-width="1.8"/>',
        ),
    ):
        out.append(f'<g transform="translate({_n(x)} {_n(y)})">{shape}</g>')
        out.append(_text(x + 28, y, words, INK, TEXT_SIZE))
        x += 28 + text_width(words, TEXT_SIZE) * _SPARE + 18
    x += 10
    for name in names:
        out.append(f'<path d="M{_n(x)} {_n(y - 4)}h16" stroke="{_colour(names, name)}" stroke-width="4"/>')
        out.append(_text(x + 21, y, name, _colour(names, name), TEXT_SIZE, bold=True))
        x += 21 + text_width(name, TEXT_SIZE, bold=True) * _SPARE + 14
    return out


def _colour(names: list[str], name: str) -> str:
    return COLOURS[names.index(name) % len(COLOURS)]


def _text(
    x: float, y: float, text: str, colour: str, size: int, *, anchor: str = "start", bold: bool = False
) -> str:  # fmt: skip
    weight = ' font-weight="bold"' if bold else ""
    return (
        f'<text x="{_n(x)}" y="{_n(y)}" fill="{colour}" font-size="{size}" text-anchor="{anchor}"{weight}>'
        f"{escape(text)}</text>"
    )


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"


def _n(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")
