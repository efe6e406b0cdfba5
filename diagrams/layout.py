"""A layered placement of our own, for machines without Graphviz: boxes in rows, edges as smooth curves, text
nobody runs over.

The theory is Sugiyama, Tagawa and Toda's (1981), as Graphviz's dot uses it (Gansner, Koutsofios, North, Vo 1993):

1. *Rows.* Nodes come in an order from top to bottom. An edge that leads down that order pushes its lower end at
   least one row further down; an edge that leads up is laid as if it led down, and only its arrowhead is at the
   other end.
2. *Chains.* Between two rows of nodes lies a row for text. An edge becomes a chain of cells, one in each row it
   passes, and one of them, in the text row nearest to where the edge begins, is as large as its text. So text
   has room of its own by construction.
3. *Order within rows.* Cells move towards the middle of their neighbours above and below, back and forth, and
   neighbours swap while that saves crossings. The order with the fewest crossings is kept.
4. *Across.* Each cell wants to be where its neighbours are, long edges most of all, since they should run
   straight; cells of one row must not overlap. That is a least-squares problem under an order, solved exactly
   row by row by pooling neighbours that collide.
5. *Curves.* Within a row an edge runs straight down; between rows it is an S-curve. So no edge crosses a box or
   a text, and edges cross each other only between rows.

All of it is plain arithmetic in a fixed order: equal input gives equal output.

Not here: what boxes and texts look like (svg.py). Self-loops are given room at the right of their box, not laid out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import attrs

ROW_GAP = 26
"""Least height between two rows, where edges may move sideways; grows with the way they have to go."""
CELL_GAP = 22
LINE_GAP = 14
"""Least distance between cells of one row: between texts or boxes, and beside an edge that only passes."""
ROUNDS = 24

Point = tuple[float, float]


@attrs.frozen
class Size:
    """What a node needs, in pixels: its box, and room to the right of the box for its self-loop."""

    width: float
    height: float
    loop: float = 0


@attrs.frozen
class Link:
    """An edge between two different nodes, by number, and the size of its text."""

    tail: int
    head: int
    width: float
    height: float


@attrs.frozen
class Way:
    """Where an edge runs: `points` begin at the tail and end at the head; each further three make one cubic curve."""

    points: tuple[Point, ...]
    text: Point
    """The centre of its text."""


@attrs.frozen
class Placement:
    """The centre of each node, the way of each link, and the room all of it takes, in pixels from the upper left."""

    nodes: tuple[Point, ...]
    ways: tuple[Way, ...]
    width: float
    height: float


@attrs.define(eq=False)
class _Cell:
    """One thing in one row: a node, or an edge that passes there, perhaps with its text."""

    row: int
    left: float
    right: float
    height: float
    node: int = -1
    at: int = 0
    x: float = 0.0
    up: list[_Cell] = attrs.field(factory=list, repr=False)
    down: list[_Cell] = attrs.field(factory=list, repr=False)

    @property
    def passes(self) -> bool:
        return self.node < 0 and self.height == 0


def place(sizes: Sequence[Size], links: Sequence[Link]) -> Placement:
    """Find positions for nodes, which are given from top to bottom, and for the links between them."""
    ranks = _ranks(len(sizes), links)
    nodes = [
        _Cell(2 * rank, size.width / 2, size.width / 2 + size.loop, size.height, number)
        for number, (size, rank) in enumerate(zip(sizes, ranks, strict=True))
    ]
    chains = _chains(nodes, links)
    rows: list[list[_Cell]] = [[] for _ in range(2 * max(ranks, default=0) + 1)]
    for cell in (*nodes, *(cell for chain in chains for cell in chain[1:-1])):
        rows[cell.row].append(cell)
    _order(rows)
    _across(rows)
    _straighten(rows, chains)
    left = min(cell.x - cell.left for row in rows for cell in row)
    for row in rows:
        for cell in row:
            cell.x -= left
    width = max(cell.x + cell.right for row in rows for cell in row)
    tops, heights = _down(rows)
    middles = [top + height / 2 for top, height in zip(tops, heights, strict=True)]
    ports = _ports(nodes, sizes)
    ways = tuple(
        _way(link, chain, tops, heights, middles, sizes, ports) for link, chain in zip(links, chains, strict=True)
    )
    centres = tuple((cell.x, middles[cell.row]) for cell in nodes)
    return Placement(centres, ways, width, tops[-1] + heights[-1])


def _ranks(count: int, links: Sequence[Link]) -> list[int]:
    """The row of each node among rows of nodes: below everything above it that leads to it."""
    ranks = [0] * count
    spans = sorted({(min(link.tail, link.head), max(link.tail, link.head)) for link in links})
    for upper, lower in spans:
        ranks[lower] = max(ranks[lower], ranks[upper] + 1)
    for node in range(count - 1, 0, -1):
        below = [ranks[lower] for upper, lower in spans if upper == node]
        if below and not any(lower == node for _, lower in spans):
            ranks[node] = min(below) - 1
    return ranks


def _chains(nodes: list[_Cell], links: Sequence[Link]) -> list[list[_Cell]]:
    """For each link the cells it passes from its upper to its lower end, both nodes included, neighbours joined."""
    chains = []
    for link in links:
        upper, lower = sorted((nodes[link.tail], nodes[link.head]), key=lambda cell: cell.row)
        chain = [upper]
        speaks = upper.row + 1 if upper.node == link.tail else lower.row - 1
        for row in range(upper.row + 1, lower.row):
            half, height = (link.width / 2, link.height) if row == speaks else (0.0, 0.0)
            chain.append(_Cell(row, half, half, height))
        chain.append(lower)
        for one, other in pairwise(chain):
            one.down.append(other)
            other.up.append(one)
        chains.append(chain)
    return chains


def _order(rows: list[list[_Cell]]) -> None:
    """Put the cells of each row in an order with few crossings."""

    def settle(row: list[_Cell]) -> None:
        for at, cell in enumerate(row):
            cell.at = at

    for row in rows:
        settle(row)
    best = [list(row) for row in rows]
    fewest = _all_crossings(rows)
    for turn in range(ROUNDS):
        down = turn % 2 == 0
        for row in rows[1:] if down else rows[-2::-1]:
            row.sort(key=lambda cell: _middle(cell, cell.up if down else cell.down))
            settle(row)
        for row in rows:
            _swap(row)
        crossings = _all_crossings(rows)
        if crossings < fewest:
            fewest, best = crossings, [list(row) for row in rows]
    for row, kept in zip(rows, best, strict=True):
        row[:] = kept
        settle(row)


def _middle(cell: _Cell, neighbours: list[_Cell]) -> float:
    return sum(n.at for n in neighbours) / len(neighbours) if neighbours else cell.at


def _swap(row: list[_Cell]) -> None:
    """Swap neighbours in a row while that saves crossings."""
    better = True
    while better:
        better = False
        for at in range(len(row) - 1):
            one, other = row[at], row[at + 1]
            if _crossings(one, other) > _crossings(other, one):
                row[at], row[at + 1] = other, one
                other.at, one.at = at, at + 1
                better = True


def _crossings(left: _Cell, right: _Cell) -> int:
    """Crossings between the edges of two cells when `left` stands to the left of `right`."""
    above = sum(a.at > b.at for a in left.up for b in right.up)
    return above + sum(a.at > b.at for a in left.down for b in right.down)


def _all_crossings(rows: list[list[_Cell]]) -> int:
    total = 0
    for row in rows:
        for at, left in enumerate(row):
            total += sum(a.at > b.at for right in row[at + 1 :] for a in left.down for b in right.down)
    return total


def _across(rows: list[list[_Cell]]) -> None:
    """Give every cell its x: near its neighbours, apart from the cells beside it."""
    for row in rows:
        _settle(row, lambda cell: (0.0, 1.0))
    for turn in range(16 * ROUNDS):
        down = turn % 2 == 0
        one_sided = turn < ROUNDS

        def wish(cell: _Cell, down: bool = down, one_sided: bool = one_sided) -> tuple[float, float]:
            neighbours = (cell.up if down else cell.down) if one_sided else [*cell.up, *cell.down]
            if not neighbours:
                return cell.x, 0.1
            weights = [_pull(cell, other) for other in neighbours]
            total = sum(weights)
            return sum(w * n.x for w, n in zip(weights, neighbours, strict=True)) / total, total

        for row in rows if down else reversed(rows):
            _settle(row, wish)


def _straighten(rows: list[list[_Cell]], chains: list[list[_Cell]]) -> None:
    """Take the small steps out of long edges: as many cells in a row of a chain as can share one x do."""
    for _ in range(3):
        for chain in sorted(chains, key=len, reverse=True):
            run: list[_Cell] = []
            low, high = -math.inf, math.inf
            for cell in chain[1:-1]:
                least, most = _room(rows[cell.row], cell)
                if max(low, least) > min(high, most):
                    _align(run, low, high)
                    run, low, high = [], -math.inf, math.inf
                run.append(cell)
                low, high = max(low, least), min(high, most)
            _align(run, low, high)


def _room(row: list[_Cell], cell: _Cell) -> tuple[float, float]:
    """How far a cell can go to the left and to the right while the others stay."""
    least, most = -math.inf, math.inf
    if cell.at:
        before = row[cell.at - 1]
        least = before.x + before.right + _gap(before, cell) + cell.left
    if cell.at + 1 < len(row):
        behind = row[cell.at + 1]
        most = behind.x - behind.left - _gap(cell, behind) - cell.right
    return min(least, cell.x), max(most, cell.x)


def _align(run: list[_Cell], low: float, high: float) -> None:
    if run:
        weights = [8.0 if cell.height else 1.0 for cell in run]
        wish = sum(w * cell.x for w, cell in zip(weights, run, strict=True)) / sum(weights)
        for cell in run:
            cell.x = max(low, min(high, wish))


def _gap(left: _Cell, right: _Cell) -> float:
    return LINE_GAP if left.passes or right.passes else CELL_GAP


def _pull(one: _Cell, other: _Cell) -> float:
    """How much two joined cells want to stand one above the other: the middle of a long edge most."""
    return (1.0, 2.0, 8.0)[(one.node < 0) + (other.node < 0)]


def _settle(row: list[_Cell], wish: Callable[[_Cell], tuple[float, float]]) -> None:
    """Move each cell as near as possible to the x it wishes for, in order and without overlap.

    With the room that the cells before it need taken off, each wish may only grow from left to right; neighbours that
    would not are pooled at their weighted mean (Ayer et al. 1955), which is the least-squares answer.
    """
    offsets, offset = [], 0.0
    for at, cell in enumerate(row):
        if at:
            before = row[at - 1]
            offset += before.right + _gap(before, cell) + cell.left
        offsets.append(offset)
    pools: list[tuple[float, float, int]] = []
    for cell, off in zip(row, offsets, strict=True):
        x, weight = wish(cell)
        pool = (x - off, weight, 1)
        while pools and pools[-1][0] > pool[0]:
            x0, w0, n0 = pools.pop()
            total = w0 + pool[1]
            pool = ((x0 * w0 + pool[0] * pool[1]) / total, total, n0 + pool[2])
        pools.append(pool)
    flat = [x for x, _, count in pools for _ in range(count)]
    for cell, x, off in zip(row, flat, offsets, strict=True):
        cell.x = x + off


def _down(rows: list[list[_Cell]]) -> tuple[list[float], list[float]]:
    """The upper edge and the height of every row."""
    tops, heights, y = [], [], 0.0
    for row in rows:
        height = max((cell.height for cell in row), default=0.0)
        tops.append(y)
        heights.append(height)
        furthest = max((abs(cell.x - below.x) for cell in row for below in cell.down), default=0.0)
        y += height + min(3 * ROW_GAP, ROW_GAP + furthest / 7)
    return tops, heights


def _ports(nodes: list[_Cell], sizes: Sequence[Size]) -> dict[tuple[int, int, int], float]:
    """Where each edge leaves its node: x by node, side (1 below, 0 above) and identity of the neighbouring cell."""
    ports = {}
    for cell, size in zip(nodes, sizes, strict=True):
        for side, neighbours in enumerate((cell.up, cell.down)):
            if not neighbours:
                continue
            reach = size.width / 2 - 12
            step = min(20.0, 2 * reach / max(1, len(neighbours) - 1))
            ordered = sorted(neighbours, key=lambda other: other.at)
            wishes = [max(cell.x - reach, min(cell.x + reach, other.x)) for other in ordered]
            xs = _spread(wishes, step, cell.x - reach, cell.x + reach)
            for other, x in zip(ordered, xs, strict=True):
                ports[cell.node, side, id(other)] = x
    return ports


def _spread(wishes: list[float], step: float, low: float, high: float) -> list[float]:
    """The wishes, in order, at least `step` apart and between `low` and `high`."""
    xs = list(wishes)
    for at in range(1, len(xs)):
        xs[at] = max(xs[at], xs[at - 1] + step)
    over = xs[-1] - high
    if over > 0:
        xs[-1] = high
        for at in range(len(xs) - 2, -1, -1):
            xs[at] = min(xs[at], xs[at + 1] - step)
    return [max(low, x) for x in xs]


def _way(
    link: Link,
    chain: list[_Cell],
    tops: list[float],
    heights: list[float],
    middles: list[float],
    sizes: Sequence[Size],
    ports: dict[tuple[int, int, int], float],
) -> Way:
    """The curve of one edge: straight within a row, an S between rows."""
    upper, lower = chain[0], chain[-1]
    points: list[Point] = [(ports[upper.node, 1, id(chain[1])], middles[upper.row] + sizes[upper.node].height / 2)]
    text = (0.0, 0.0)

    def line_to(x: float, y: float) -> None:
        x0, y0 = points[-1]
        if y > y0 + 0.01:
            points.extend(((x0, (2 * y0 + y) / 3), (x, (y0 + 2 * y) / 3), (x, y)))

    def curve_to(x: float, y: float) -> None:
        x0, y0 = points[-1]
        points.extend(((x0, (y0 + y) / 2), (x, (y0 + y) / 2), (x, y)))

    line_to(points[0][0], tops[upper.row] + heights[upper.row])
    for cell in chain[1:-1]:
        curve_to(cell.x, tops[cell.row])
        line_to(cell.x, tops[cell.row] + heights[cell.row])
        if cell.height:
            text = (cell.x, middles[cell.row])
    x = ports[lower.node, 0, id(chain[-2])]
    curve_to(x, tops[lower.row])
    line_to(x, middles[lower.row] - sizes[lower.node].height / 2)
    if link.tail != upper.node:
        points.reverse()
    return Way(tuple(points), text)
