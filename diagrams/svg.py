"""The diagram as SVG, drawn on our own layout: what is shown where there is no Graphviz.

The text of a self-loop stands inside the box of its state, as UML writes internal transitions. Edges are drawn
first, then their texts on patches of page colour that lie on the line they belong to, then the states: so each
text is read on its own line. Tooltips are ``<title>`` elements, which browsers show when the pointer rests on a
shape.

Not here: positions (layout.py), colours and words (look.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from .diagram import Diagram, Edge, Node, Status
from .layout import Link, Placement, Point, Size, place
from .look import (
    COUNT_COLOUR,
    FILLS,
    FONT,
    INK,
    LINE_HEIGHT,
    LINES_MAX,
    MUTED,
    PAGE,
    REMARK_COLOUR,
    SMALL_SIZE,
    STATE_SIZE,
    STAYS_MAX,
    STROKES,
    TEXT_SIZE,
    TITLE_SIZE,
    Row,
    Stroke,
    edge_heading,
    heaviness,
    is_warning,
    legend,
    node_tooltip,
    rows,
    stays_text,
    subtitle,
    text_width,
    tooltip,
)

MARGIN = 24
LOOP = 30
"""How far a self-loop reaches out of its box, in pixels."""
COLUMN_GAP = 8


def svg_text(diagram: Diagram) -> str:
    """The diagram as SVG. Equal diagrams give equal text."""
    loops = {edge.before: edge for edge in diagram.edges if edge.is_loop}
    moves = [edge for edge in diagram.edges if not edge.is_loop]
    number = {node.key: at for at, node in enumerate(diagram.nodes)}
    sizes = [_node_size(node, loops.get(node.key)) for node in diagram.nodes]
    links = [Link(number[edge.before], number[edge.after], *_text_size(edge)) for edge in moves]
    placed = place(sizes, links)
    head, head_width, head_height = _heading(diagram)
    width = max(placed.width, head_width) + 2 * MARGIN
    height = placed.height + head_height + 2 * MARGIN
    shift_x = MARGIN + max(0.0, (head_width - placed.width) / 2)
    wide, high = _n(width), _n(height)
    body = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{high}" viewBox="0 0 {wide} {high}"',
        f' font-family="{escape(FONT)}" font-size="{TEXT_SIZE}" role="img">',
        f"<title>{escape(diagram.title)}</title>",
        f'<rect width="100%" height="100%" rx="8" fill="{PAGE}"/>',
        *head,
        f'<g transform="translate({_n(shift_x)} {_n(head_height + MARGIN)})">',
        *_edges(diagram, moves, placed),
    ]
    for node, size, centre in zip(diagram.nodes, sizes, placed.nodes, strict=True):
        body += _node(diagram, node, size, centre, loops.get(node.key))
    return "\n".join([*body, "</g>", "</svg>"]) + "\n"


def _edges(diagram: Diagram, moves: list[Edge], placed: Placement) -> Iterable[str]:
    """All lines first, then all texts, so that no line runs over a text."""
    for edge, way in zip(moves, placed.ways, strict=True):
        yield f'<g class="edge {edge.status.name.lower()}">{_title(diagram, edge)}'
        yield _curve(edge, way.points) + "</g>"
    for edge, way in zip(moves, placed.ways, strict=True):
        yield f'<g class="text">{_title(diagram, edge)}'
        yield from _patch(edge, *way.text)
        yield "</g>"


def _node(diagram: Diagram, node: Node, size: Size, centre: Point, loop: Edge | None) -> Iterable[str]:
    x, y = centre
    if loop:
        yield f'<g class="loop {loop.status.name.lower()}">{_title(diagram, loop)}'
        yield _loop(loop, x + size.width / 2, y) + "</g>"
    left, top = x - size.width / 2, y - size.height / 2
    fill, border = FILLS[node.kind]
    yield f'<g class="state"><title>{escape(node_tooltip(node))}</title>'
    yield (
        f'<rect x="{_n(left)}" y="{_n(top)}" width="{_n(size.width)}" height="{_n(size.height)}" rx="9" '
        f'fill="{fill}" stroke="{border}" stroke-width="1.5"/>'
    )
    yield (
        f'<text x="{_n(x)}" y="{_n(top + 21.5)}" text-anchor="middle" font-size="{STATE_SIZE}" font-weight="bold" '
        f'fill="{INK}">{escape(node.state)}</text>'
    )
    if stays_text(node):
        colour = STROKES[Status.NEVER].text if is_warning(node) else MUTED
        yield (
            f'<text x="{_n(x)}" y="{_n(top + 37)}" text-anchor="middle" font-size="{SMALL_SIZE}" '
            f'fill="{colour}">{escape(stays_text(node))}</text>'
        )
    yield "</g>"
    if loop:
        yield f'<g class="text">{_title(diagram, loop)}'
        line = top + (46 if stays_text(node) else 32)
        yield f'<path d="M{_n(left)},{_n(line)}H{_n(left + size.width)}" stroke="{border}" stroke-opacity="0.5"/>'
        yield from _text(loop, left + 8, left + size.width - 8, line + 4)
        yield "</g>"


def _node_size(node: Node, loop: Edge | None) -> Size:
    width = max(text_width(node.state, STATE_SIZE, bold=True), text_width(stays_text(node), SMALL_SIZE)) + 28
    if not loop:
        return Size(width, 46 if stays_text(node) else 34)
    text_wide, text_high = _text_size(loop)
    return Size(max(width, text_wide + 4), (50 if stays_text(node) else 36) + text_high, LOOP)


def _rows(edge: Edge) -> tuple[Row, ...]:
    return rows(edge.lines, STAYS_MAX if edge.is_loop else LINES_MAX)


def _columns(edge: Edge) -> tuple[float, float]:
    """How wide the names and the counts of an edge's text are."""
    shown = _rows(edge)
    return max(text_width(row.rule, TEXT_SIZE) for row in shown), max(text_width(row.tally, TEXT_SIZE) for row in shown)


def _text_size(edge: Edge) -> tuple[float, float]:
    names, counts = _columns(edge)
    wide = names + counts + (COLUMN_GAP if counts else 0)
    lines = len(_rows(edge)) + bool(edge.words) + bool(edge.remark)
    wide = max(wide, text_width(edge.words, TEXT_SIZE, bold=True), text_width(edge.remark, TEXT_SIZE))
    return wide + 12, lines * LINE_HEIGHT + 6


def _text(edge: Edge, left: float, right: float, top: float) -> Iterable[str]:
    """An edge's text: names from `left`, counts up to `right`."""
    bold, italic = f'font-weight="bold" fill="{INK}"', f'font-style="italic" fill="{REMARK_COLOUR}"'
    for words, style in ((edge.words, bold), (edge.remark, italic)):
        if words:
            yield f'<text x="{_n(left)}" y="{_n(top + TEXT_SIZE)}" {style}>{escape(words)}</text>'
            top += LINE_HEIGHT
    for at, row in enumerate(_rows(edge)):
        base = _n(top + LINE_HEIGHT * at + TEXT_SIZE)
        stroke = STROKES[row.status]
        counted = COUNT_COLOUR if row.status is Status.CONFIRMED else stroke.text
        yield f'<text x="{_n(left)}" y="{base}" fill="{stroke.text}">{escape(row.rule)}</text>'
        if row.tally:
            yield f'<text x="{_n(right)}" y="{base}" text-anchor="end" fill="{counted}">{escape(row.tally)}</text>'


def _patch(edge: Edge, x: float, y: float) -> Iterable[str]:
    """An edge's text with its centre at x, y, on a patch of page colour."""
    width, height = _text_size(edge)
    left, top = x - width / 2, y - height / 2
    yield f'<rect x="{_n(left)}" y="{_n(top)}" width="{_n(width)}" height="{_n(height)}" rx="4" fill="{PAGE}"/>'
    yield from _text(edge, left + 6, left + width - 6, top + 3)


def _loop(edge: Edge, right: float, y: float) -> str:
    """A self-loop at the right of a box whose right side is at `right`; its text stands in the box."""
    return _curve(edge, ((right, y - 8), (right + LOOP, y - 20), (right + LOOP, y + 20), (right, y + 8)))


def _curve(edge: Edge, points: tuple[Point, ...]) -> str:
    """A line with an arrowhead at its end. The line stops inside the head, so that a heavy one does not stick out."""
    stroke = STROKES[edge.status]
    weight = heaviness(edge)
    (x1, y1), (x2, y2) = points[-2], points[-1]
    length = ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5 or 1.0
    ux, uy = (x2 - x1) / length, (y2 - y1) / length
    size = 7.5 + weight
    wide = size * 0.42
    back_x, back_y = x2 - ux * size, y2 - uy * size
    line = [*points[:-1], (x2 - ux * size * 0.7, y2 - uy * size * 0.7)]
    path = f"M{_p(line[0])}C" + " ".join(_p(point) for point in line[1:])
    corners = ((x2, y2), (back_x - uy * wide, back_y + ux * wide), (back_x + uy * wide, back_y - ux * wide))
    head = " ".join(_p(corner) for corner in corners)
    return f'<path d="{path}" fill="none" {_stroke(stroke, weight)}/><polygon points="{head}" fill="{stroke.colour}"/>'


def _stroke(stroke: Stroke, weight: float) -> str:
    dashes = f' stroke-dasharray="{stroke.dashes}"' if stroke.dashes else ""
    return f'stroke="{stroke.colour}" stroke-width="{_n(weight)}" stroke-linecap="round"{dashes}'


def _heading(diagram: Diagram) -> tuple[list[str], float, float]:
    """Title, source and legend; how wide and how high they are."""
    title, source = diagram.title, subtitle(diagram)
    bold = f'font-size="{TITLE_SIZE}" font-weight="bold" fill="{INK}"'
    out = [
        f'<text x="{MARGIN}" y="{MARGIN + 16}" {bold}>{escape(title)}</text>',
        f'<text x="{MARGIN}" y="{MARGIN + 36}" font-size="{STATE_SIZE}" fill="{MUTED}">{escape(source)}</text>',
    ]
    widths = [text_width(title, TITLE_SIZE, bold=True), text_width(source, STATE_SIZE)]
    y = MARGIN + 58.0
    samples = [(_sample(STROKES[status]), 30, word) for status, word in legend(diagram)]
    swatches = [(_swatch(*FILLS[kind]), 16, word) for kind, word in diagram.words]
    for entries in (samples, swatches):
        x = float(MARGIN)
        for sign, width, word in entries:
            out.append(f'<g transform="translate({_n(x)} {_n(y)})">{sign}')
            out.append(f'<text x="{width + 7}" fill="{MUTED}">{escape(word)}</text></g>')
            x += width + 7 + text_width(word, TEXT_SIZE) + 22
        widths.append(x - MARGIN)
        y += 20 if entries else 0
    return out, max(widths), y


def _sample(stroke: Stroke) -> str:
    return f'<line x1="0" y1="-4" x2="30" y2="-4" {_stroke(stroke, 2)}/>'


def _swatch(fill: str, border: str) -> str:
    return f'<rect x="0" y="-10" width="16" height="11" rx="3" fill="{fill}" stroke="{border}"/>'


def _title(diagram: Diagram, edge: Edge) -> str:
    return f"<title>{escape(tooltip(edge.lines, edge_heading(diagram, edge)))}</title>"


def _p(point: Point) -> str:
    return f"{_n(point[0])},{_n(point[1])}"


def _n(value: float) -> str:
    """A length with at most one decimal."""
    return f"{value:.1f}".removesuffix(".0")
