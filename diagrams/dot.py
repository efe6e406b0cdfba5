"""The diagram in DOT, Graphviz's language: nodes, edges and HTML-like labels; `dot` finds the positions.

The text is written out here, line by line in a fixed order, so that equal diagrams give equal bytes and a stale
one is found by comparing text. What `dot` makes of it depends on its version and on the fonts of the machine:
that is never compared.

A label is a little table, because a rule's name and its count are coloured apart. The text of a self-loop
stands inside the box of its state, as UML writes internal transitions: beside the box other edges would run
through it. Text in it is escaped as in HTML. Tooltips are ordinary quoted strings: there a quote and a
backslash are escaped, and a line ends with ``\\n``.

Not here: running dot (render.py).
"""

from __future__ import annotations

from html import escape

from .diagram import Diagram, Edge, Node, Status
from .look import (
    COUNT_COLOUR,
    FILLS,
    FONT,
    INK,
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
    edge_heading,
    heaviness,
    is_warning,
    legend,
    node_tooltip,
    rows,
    stays_text,
    subtitle,
    tooltip,
)

_SPACER, _WIDE_SPACER = '<TD WIDTH="5"></TD>', '<TD WIDTH="8"></TD>'
_SAMPLE = {"solid": "━━━", "dashed": "╍╍╍", "dotted": "┅┅┅"}


def dot_text(diagram: Diagram) -> str:
    """The diagram as DOT. Equal diagrams give equal text."""
    font = quoted(FONT)
    out = [
        f"digraph {quoted(diagram.name)} {{",
        f"  graph [label={_heading(diagram)}, labelloc=t, labeljust=l, bgcolor={quoted(PAGE)}, fontname={font},",
        "         rankdir=TB, nodesep=0.35, ranksep=0.45, pad=0.3, tooltip=" + _tip(diagram.title) + "];",
        f'  node [shape=box, style="rounded,filled", fontname={font}, fontsize={STATE_SIZE}, fontcolor={quoted(INK)},',
        '        penwidth=1.4, margin="0.16,0.08"];',
        f"  edge [fontname={font}, fontsize={TEXT_SIZE}, arrowsize=0.75];",
        "",
    ]
    loops = {edge.before: edge for edge in diagram.edges if edge.is_loop}
    out += [f"  {quoted(node.key)} [{_node(node, loops.get(node.key))}];" for node in diagram.nodes]
    out.append("")
    out += [f"  {quoted(edge.before)} -> {quoted(edge.after)} [{_edge(diagram, edge)}];" for edge in diagram.edges]
    ends = [node.key for node in diagram.nodes if node.key.endswith(".end")]
    out += [f"  {{ rank=min; {quoted(diagram.nodes[0].key)}; }}"]
    out += [f"  {{ rank=max; {quoted(key)}; }}" for key in ends]
    out.append("}")
    return "\n".join(out) + "\n"


def quoted(text: str) -> str:
    """A quoted string of DOT."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _tip(text: str) -> str:
    """A quoted string in which dot finds no entity to replace."""
    return quoted(text.replace("&", "&amp;"))


def _node(node: Node, loop: Edge | None) -> str:
    fill, border = FILLS[node.kind]
    label = f"<B>{escape(node.state)}</B>"
    stays = stays_text(node)
    if stays:
        colour = STROKES[Status.NEVER].text if is_warning(node) else MUTED
        label += f"<BR/>{_font(escape(stays), colour, SMALL_SIZE)}"
    if loop:
        inside = "".join(_row(row) for row in rows(loop.lines, STAYS_MAX))
        name = f'<TR><TD COLSPAN="5" CELLPADDING="5">{label}</TD></TR>'
        label = _table(f'{name}<HR/><TR><TD HEIGHT="2"></TD></TR>{inside}')
    tip = node_tooltip(node)
    margin = ', margin="0.04,0.03"' if loop else ""
    return f"label=<{label}>{margin}, fillcolor={quoted(fill)}, color={quoted(border)}, tooltip={_tip(tip)}"


def _edge(diagram: Diagram, edge: Edge) -> str:
    stroke = STROKES[edge.status]
    tip = _tip(tooltip(edge.lines, edge_heading(diagram, edge)))
    words = _words(f"<B>{escape(edge.words)}</B>", INK) if edge.words else ""
    words += _words(f"<I>{escape(edge.remark)}</I>", REMARK_COLOUR) if edge.remark else ""
    label = "" if edge.is_loop else f"label=<{_table(words + ''.join(_row(row) for row in rows(edge.lines)))}>, "
    return (
        f"{label}color={quoted(stroke.colour)}, style={stroke.dot_style}, penwidth={heaviness(edge)}, "
        f"tooltip={tip}, labeltooltip={tip}"
    )


def _table(content: str) -> str:
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1">{content}</TABLE>'


def _words(html: str, colour: str) -> str:
    return f'<TR>{_SPACER}<TD COLSPAN="3" ALIGN="LEFT">{_font(html, colour, TEXT_SIZE)}</TD>{_SPACER}</TR>'


def _row(row: Row) -> str:
    stroke = STROKES[row.status]
    counted = COUNT_COLOUR if row.status is Status.CONFIRMED else stroke.text
    rule = f'<TD ALIGN="LEFT">{_font(escape(row.rule), stroke.text, TEXT_SIZE)}</TD>'
    tally = f'<TD ALIGN="RIGHT">{_font(escape(row.tally), counted, TEXT_SIZE)}</TD>' if row.tally else "<TD></TD>"
    return f"<TR>{_SPACER}{rule}{_WIDE_SPACER}{tally}{_SPACER}</TR>"


def _font(text: str, colour: str, size: int) -> str:
    return f'<FONT COLOR="{colour}" POINT-SIZE="{size}">{text}</FONT>'


def _heading(diagram: Diagram) -> str:
    lines = [
        _font(f"<B>{escape(diagram.title)}</B>", INK, TITLE_SIZE),
        _font(escape(subtitle(diagram)), MUTED, STATE_SIZE),
    ]
    samples = [
        (_font(_SAMPLE[STROKES[status].dot_style], STROKES[status].colour, TEXT_SIZE), word)
        for status, word in legend(diagram)
    ]
    swatches = [(_font("■", FILLS[kind][1], TEXT_SIZE), word) for kind, word in diagram.words]
    lines += [_key(entries) for entries in (samples, swatches) if entries]
    cells = "".join(f'<TR><TD ALIGN="LEFT" CELLPADDING="2">{line}</TD></TR>' for line in lines)
    room_below = '<TR><TD HEIGHT="12"></TD></TR>'
    return f"<{_table(cells + room_below)}>"


def _key(entries: list[tuple[str, str]]) -> str:
    """One line of the legend: signs and what they mean. Blanks are runs of their own: no viewer trims them."""
    blank = "&#160;&#160;"
    return (2 * blank).join(sign + blank + _font(escape(word), MUTED, TEXT_SIZE) for sign, word in entries)
