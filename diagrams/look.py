"""Colours, type sizes and words that all pictures share, whoever lays them out.

A line's style says what is known of it, in form and in colour at once, so that it can also be told apart in
print and by readers who see few colours: solid for confirmed, dashed red for never confirmed, dotted grey for a
rule that the cross-check cannot confirm. The more often an edge was confirmed the heavier its line, by the
logarithm of the count.

Pictures have a white page of their own, so they look the same on a white and on a dark background.

Text has to be measured without a font at hand: the widths below are those of Helvetica, which its usual substitutes
(Arial, Liberation Sans, Nimbus Sans) share to the unit.

Not here: positions (layout.py), the syntax of any format.
"""

from __future__ import annotations

import math

import attrs

from .diagram import Diagram, Edge, Kind, Line, Node, Status

LINES_MAX = 6
"""Rules written out on one edge; with more, the others are counted and named in the tooltip."""
STAYS_MAX = 10
"""The same for a self-loop, whose text stands in the box of its state."""

FONT = "Helvetica,Arial,Liberation Sans,DejaVu Sans,sans-serif"
PAGE, INK, MUTED = "#ffffff", "#1f2937", "#6b7280"
TITLE_SIZE, STATE_SIZE, TEXT_SIZE, SMALL_SIZE = 20, 13, 11, 10
LINE_HEIGHT = 14

FILLS: dict[Kind, tuple[str, str]] = {
    Kind.PLAIN: ("#eef2f7", "#64748b"),
    Kind.IDLE: ("#f1f3f5", "#7b8794"),
    Kind.OPENING: ("#e0effe", "#2f79c2"),
    Kind.OPEN: ("#dcf5e3", "#2b8a4b"),
    Kind.CLOSING: ("#fdeed8", "#c97a1b"),
    Kind.ENDED: ("#ece6fb", "#7a5cc4"),
    Kind.STUCK: ("#fde3e1", "#c4524a"),
}
"""Fill and border of a state."""


@attrs.frozen
class Stroke:
    """How a line is drawn and how the text on it is coloured."""

    colour: str
    text: str
    dot_style: str
    dashes: str
    """`stroke-dasharray` of SVG; empty for a solid line."""


STROKES: dict[Status, Stroke] = {
    Status.UNCHECKED: Stroke("#475569", INK, "solid", ""),
    Status.CONFIRMED: Stroke("#475569", INK, "solid", ""),
    Status.NEVER: Stroke("#d03a3a", "#c22f2f", "dashed", "7 4"),
    Status.EXCUSED: Stroke("#7f8a99", MUTED, "dotted", "1.5 4"),
    Status.RFC_ONLY: Stroke("#c97a1b", "#a8620f", "dashed", "7 4"),
    Status.KERNEL_ONLY: Stroke("#6d4fc2", INK, "solid", ""),
}
COUNT_COLOUR, REMARK_COLOUR = "#1b7f4d", "#6d4fc2"

_WIDTHS = {
    191: "'", 222: "ijl", 260: "|", 278: " !,./:;I[\\]ft·", 333: "()-`r", 334: "{}", 355: '"', 389: "*", 469: "^",
    500: "Jcksvxyz", 584: "+<=>~×", 611: "FTZ", 667: "&ABEKPSVXY", 722: "CDHNRUw", 778: "GOQ", 833: "Mm", 889: "%",
    944: "W", 1000: "…—", 1015: "@",
}  # fmt: skip
_WIDTH_OF = {letter: width for width, letters in _WIDTHS.items() for letter in letters}


def text_width(text: str, size: float, bold: bool = False) -> float:
    """About how wide `text` is in a sans-serif face of `size` pixels, in pixels, with a little to spare."""
    units = sum(_WIDTH_OF.get(letter, 556) for letter in text)
    return units * size * (1.1 if bold else 1.03) / 1000


def heaviness(edge: Edge) -> float:
    """The width of an edge's line in pixels, from 1.2 to 3."""
    return round(min(3.0, 1.2 + 0.28 * math.log10(1 + edge.count)), 2)


def tally(line: Line) -> str:
    """What a line says behind the name of its rule."""
    match line.status:
        case Status.CONFIRMED:
            return f"{line.count:,}×"
        case Status.NEVER:
            return "never"
        case Status.EXCUSED:
            return "not checkable"
    return ""


@attrs.frozen
class Row:
    """One visible line of text on an edge: the rule, what is known, and how that is coloured."""

    rule: str
    tally: str
    status: Status


def rows(lines: tuple[Line, ...], most: int = LINES_MAX) -> tuple[Row, ...]:
    """The visible text of an edge: about `most` rules, then how many more, and how many of those are defects."""
    shown = lines if len(lines) <= most + 1 else lines[:most]
    out = [Row(line.rule, tally(line), line.status) for line in shown]
    rest = lines[len(shown) :]
    if rest:
        never = sum(line.status is Status.NEVER for line in rest)
        status = Status.NEVER if never else rest[0].status
        out.append(Row(f"+{len(rest)} more", f"{never} never" if never else "", status))
    return tuple(out)


def stays_text(node: Node) -> str:
    """One short line under a state's name: its note, or how many rules leave it where it is; empty if none are
    listed."""
    if node.note:
        return node.note
    if not node.stays:
        return ""
    text = f"{len(node.stays)} rule{'s' if len(node.stays) > 1 else ''} stay" + ("" if len(node.stays) > 1 else "s")
    never = sum(line.status is Status.NEVER for line in node.stays)
    if never:
        return f"{text}, {never} never seen"
    count = sum(line.count for line in node.stays)
    return f"{text} · {count:,}×" if count else text


def tooltip(lines: tuple[Line, ...], heading: str) -> str:
    """Everything about every rule on an edge or at a state, as plain text of several lines."""
    out = [heading]
    for line in lines:
        known = tally(line)
        out.append(f"• {line.rule}{'  ' + known if known else ''}")
        out.append(f"   {line.sentence} [{line.cite}]")
        if line.unconfirmed:
            out.append(f"   not checkable: {line.unconfirmed}")
    return "\n".join(out)


def edge_heading(diagram: Diagram, edge: Edge) -> str:
    states = {node.key: node.state for node in diagram.nodes}
    return f"{states[edge.before]} → {states[edge.after]}" + (f": {edge.words}" if edge.words else "")


def node_tooltip(node: Node) -> str:
    return tooltip(node.stays, f"{node.state}: {node.heading}") if node.stays else node.state


def is_warning(node: Node) -> bool:
    """Whether what stands under a state's name tells of rules that were never seen."""
    return not node.note and any(line.status is Status.NEVER for line in node.stays)


def subtitle(diagram: Diagram) -> str:
    """Where the picture comes from, in one line."""
    caption = diagram.caption
    if not caption.calls:
        return "drawn from the rules · not checked against a kernel"
    kernel = f"kernel {caption.kernel}" if caption.kernel else "the kernel"
    return f"drawn from the rules · {caption.calls:,} calls checked against {kernel}"


def legend(diagram: Diagram) -> tuple[tuple[Status, str], ...]:
    """The kinds of line that occur in this picture, with their words."""
    words = {
        Status.CONFIRMED: "confirmed by the kernel, so many times",
        Status.NEVER: "never confirmed",
        Status.EXCUSED: "cannot be confirmed by the cross-check",
        Status.RFC_ONLY: "only in the RFC's figure",
        Status.KERNEL_ONLY: "only in the kernel",
    }
    seen = {line.status for line in diagram.lines} | {edge.status for edge in diagram.edges}
    return tuple((status, word) for status, word in words.items() if status in seen)
