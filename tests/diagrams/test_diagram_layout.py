"""Our own layout: whatever the graph, boxes and texts have room, and edges begin and end where they should.

Not here: how many crossings are left; what is drawn at the positions.
"""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from diagrams.diagram import Diagram
from diagrams.layout import Link, Placement, Size, place
from diagrams.svg import _node_size, _text_size

Box = tuple[float, float, float, float]
CLOSE = 0.01

lengths = st.integers(10, 200)
sizes = st.lists(st.builds(Size, width=lengths.map(lambda w: w + 40), height=lengths, loop=st.sampled_from([0, 30])),
                 min_size=1, max_size=9)  # fmt: skip


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[Size], list[Link]]:
    """Some nodes and at most one link from one to another."""
    nodes = draw(sizes)
    pairs = [(a, b) for a in range(len(nodes)) for b in range(len(nodes)) if a != b]
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=16)) if pairs else []
    return nodes, [Link(a, b, draw(lengths), draw(lengths)) for a, b in chosen]


def boxes(nodes: list[Size], links: list[Link], placed: Placement) -> list[Box]:
    """Left, top, right, bottom of every box with its loop, and of every text."""
    found = [
        (x - size.width / 2, y - size.height / 2, x + size.width / 2 + size.loop, y + size.height / 2)
        for size, (x, y) in zip(nodes, placed.nodes, strict=True)
    ]
    for link, way in zip(links, placed.ways, strict=True):
        x, y = way.text
        found.append((x - link.width / 2, y - link.height / 2, x + link.width / 2, y + link.height / 2))
    return found


def overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] - CLOSE and b[0] < a[2] - CLOSE and a[1] < b[3] - CLOSE and b[1] < a[3] - CLOSE


def curve(points: tuple[tuple[float, float], ...], steps: int = 12) -> list[tuple[float, float]]:
    """Points along a chain of cubic curves."""
    found = []
    for at in range(0, len(points) - 1, 3):
        p = points[at : at + 4]
        for step in range(steps + 1):
            t = step / steps
            weights = ((1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t**2, t**3)
            found.append((sum(w * q[0] for w, q in zip(weights, p, strict=True)),
                          sum(w * q[1] for w, q in zip(weights, p, strict=True))))  # fmt: skip
    return found


def check(nodes: list[Size], links: list[Link], placed: Placement) -> None:
    everything = boxes(nodes, links, placed)
    for one, other in combinations(everything, 2):
        assert not overlap(one, other)
    for left, top, right, bottom in everything:
        assert left >= -CLOSE
        assert top >= -CLOSE
        assert right <= placed.width + CLOSE
        assert bottom <= placed.height + CLOSE
    for number, (link, way) in enumerate(zip(links, placed.ways, strict=True)):
        for node, (x, y) in ((link.tail, way.points[0]), (link.head, way.points[-1])):
            left, top, right, bottom = everything[node]
            assert left - CLOSE <= x <= right - nodes[node].loop + CLOSE
            assert min(abs(y - top), abs(y - bottom)) < CLOSE
        assert len(way.points) % 3 == 1
        for x, y in curve(way.points):
            for which, (left, top, right, bottom) in enumerate(everything):
                if which != len(nodes) + number:
                    inside = left + CLOSE < x < right - CLOSE and top + CLOSE < y < bottom - CLOSE
                    assert not inside


@given(graphs())
def test_nothing_overlaps_and_edges_meet_their_boxes(graph: tuple[list[Size], list[Link]]) -> None:
    placed = place(*graph)
    check(*graph, placed)
    assert place(*graph) == placed


def test_the_tcp_machine_has_room_and_runs_from_top_to_bottom(tcp: Diagram, send_buffer: Diagram) -> None:
    for diagram in (tcp, send_buffer):
        number = {node.key: at for at, node in enumerate(diagram.nodes)}
        loops = {edge.before: edge for edge in diagram.edges if edge.is_loop}
        nodes = [_node_size(node, loops.get(node.key)) for node in diagram.nodes]
        moves = [edge for edge in diagram.edges if not edge.is_loop]
        links = [Link(number[edge.before], number[edge.after], *_text_size(edge)) for edge in moves]
        placed = place(nodes, links)
        check(nodes, links, placed)
        heights = [y for _, y in placed.nodes]
        assert heights[0] == min(heights)
        assert heights[-1] == max(heights)
