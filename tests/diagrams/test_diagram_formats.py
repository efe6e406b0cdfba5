"""DOT, Mermaid, SVG and PNG of a diagram: well formed, complete, deterministic, honest about what is unconfirmed.

Not here: whether the pictures are beautiful. That takes eyes.
"""

from __future__ import annotations

import re
import subprocess
import sys
from html import unescape
from pathlib import Path
from xml.etree import ElementTree

import attrs
import pytest

from diagrams.diagram import Diagram, Edge
from diagrams.mermaid import escaped
from diagrams.render import FORMATS, DotMissing, has_dot, render

NASTY = "a;b:c <i>x</i> \"q\" #35; %% &amp; [x] {y} \\n --> `z` | 'p'"
needs_dot = pytest.mark.skipif(not has_dot(), reason="Graphviz's dot is not installed")
EITHER_SVG = pytest.mark.parametrize("dot", [pytest.param(True, marks=needs_dot), False])


def text(diagram: Diagram, format: str, dot: bool | None = None) -> str:
    rendered = render(diagram, format, dot)
    assert isinstance(rendered, str)
    return rendered


def visible(svg: str) -> str:
    """Everything that an SVG says, shown or in a tooltip, in one string."""
    root = ElementTree.fromstring(svg)
    tips = [value for node in root.iter() for name, value in node.attrib.items() if name.endswith("title")]
    return "\n".join([*root.itertext(), *tips]).replace("\xa0", " ")


def dot_edges(dot: str) -> dict[tuple[str, str], str]:
    """(before, after) -> attributes, of every edge of a DOT text."""
    found = re.findall(r'^  "([\w.]+)" -> "([\w.]+)" \[(.*)\];$', dot, re.MULTILINE)
    return {(before, after): attributes for before, after, attributes in found}


@EITHER_SVG
def test_svg_is_well_formed_and_says_everything(tcp: Diagram, send_buffer: Diagram, dot: bool) -> None:
    for diagram in (tcp, send_buffer):
        said = visible(text(diagram, "svg", dot))
        assert diagram.title in said
        assert "drawn from the rules · 1,234,567 calls checked against kernel 6.18.44" in said
        for node in diagram.nodes:
            assert node.state in said
        for line in diagram.lines:
            assert line.rule in said
            assert line.sentence in said
            assert line.unconfirmed in said
            assert not line.count or f"{line.count:,}×" in said


@EITHER_SVG
def test_svg_refers_to_nothing_outside_and_carries_no_version(tcp: Diagram, dot: bool) -> None:
    svg = text(tcp, "svg", dot)
    assert "<!--" not in svg
    assert "<image" not in svg
    assert "<script" not in svg
    assert "@import" not in svg
    assert "graphviz version" not in svg


def test_svg_without_dot_styles_edges_by_what_is_known(tcp: Diagram) -> None:
    root = ElementTree.fromstring(text(tcp, "svg", dot=False))
    styles: dict[str, set[tuple[str | None, str | None]]] = {}
    for group in root.iter("{http://www.w3.org/2000/svg}g"):
        kind = group.get("class", "")
        path = group.find("{http://www.w3.org/2000/svg}path")
        if kind.startswith("edge ") and path is not None:
            styles.setdefault(kind, set()).add((path.get("stroke"), path.get("stroke-dasharray")))
    assert set(styles) == {"edge confirmed", "edge never", "edge excused"}
    assert len(set().union(*styles.values())) == sum(map(len, styles.values())) == 3  # one style each


def test_svg_without_dot_draws_every_edge_with_its_head(tcp: Diagram, send_buffer: Diagram) -> None:
    for diagram in (tcp, send_buffer):
        svg = text(diagram, "svg", dot=False)
        assert svg.count("<polygon") == len(diagram.edges)


def test_dot_has_every_node_and_edge_with_counts(tcp: Diagram, send_buffer: Diagram) -> None:
    for diagram in (tcp, send_buffer):
        dot = text(diagram, "dot")
        edges = dot_edges(dot)
        assert set(edges) == {(edge.before, edge.after) for edge in diagram.edges}
        for node in diagram.nodes:
            assert f'  "{node.key}" [label=<' in dot
        for edge in diagram.edges:
            if not edge.is_loop and len(edge.lines) < 6:  # all lines are visible
                for line in edge.lines:
                    assert line.rule in edges[edge.before, edge.after]
                    assert not line.count or f"{line.count:,}×" in edges[edge.before, edge.after]


def test_dot_styles_edges_by_what_is_known(tcp: Diagram) -> None:
    edges = dot_edges(text(tcp, "dot"))
    assert "style=solid" in edges["ESTABLISHED", "CLOSE_WAIT"]
    assert "style=dashed" in edges["FIN_WAIT_1", "TIME_WAIT"]
    assert "never" in edges["FIN_WAIT_1", "TIME_WAIT"]
    assert "style=dotted" in edges["TIME_WAIT", "CLOSED.end"]
    assert "takes a minute" in edges["TIME_WAIT", "CLOSED.end"]


@needs_dot
def test_dot_accepts_the_text_with_any_words(tcp: Diagram) -> None:
    said = visible(text(nasty(tcp), "svg", dot=True))
    assert said.count(NASTY) >= 5  # title, rule, and in tooltips rule, sentence, reason


def test_own_svg_takes_any_words(tcp: Diagram) -> None:
    assert NASTY in visible(text(nasty(tcp), "svg", dot=False))


def nasty(diagram: Diagram) -> Diagram:
    """The diagram with a title and a rule full of characters that mean something to some format."""
    first = diagram.edges[0]
    line = attrs.evolve(first.lines[0], rule=NASTY, sentence=NASTY, unconfirmed=NASTY)
    return attrs.evolve(diagram, title=NASTY, edges=(Edge(first.before, first.after, (line,)), *diagram.edges[1:]))


MERMAID_LINE = re.compile(
    r"stateDiagram-v2|    direction TB"
    r"|    classDef \w+State fill:#\w{6},stroke:#\w{6},color:#\w{6}"
    r'|    state "(?P<state>[^"]*)" as \w+'
    r"|    \w+ --> \w+( : (?P<label>.*))?"
    r"|    class \w+(,\w+)* \w+State"
)


def test_mermaid_lines_are_of_the_grammar_and_complete(tcp: Diagram, send_buffer: Diagram) -> None:
    for diagram in (tcp, send_buffer, nasty(tcp)):
        mermaid = text(diagram, "mermaid")
        head, title, rule, *lines = mermaid.splitlines()
        assert (head, rule) == ("---", "---")
        assert re.fullmatch(r'title: "[^"\\<>]*"', title)
        for line in lines:
            found = MERMAID_LINE.fullmatch(line)
            assert found, line
            words = found["label"] or found["state"] or ""
            left = re.sub(r"#\d+;|<br/>", "", words)
            assert not re.search(r'[;:<>"#{}\[\]`|&%\\]', left), line
        assert mermaid.count(" --> ") == len(diagram.edges)


def test_mermaid_shows_counts_and_says_never(tcp: Diagram) -> None:
    mermaid = text(tcp, "mermaid")
    assert "    FIN_WAIT_1 --> TIME_WAIT : fin_with_ack_arrives NEVER CONFIRMED\n" in mermaid
    line = next(line for line in tcp.lines if line.key == "tcp:syn_arrives:LISTEN>SYN_RECEIVED")
    assert f"    LISTEN --> SYN_RECEIVED : syn_arrives {line.count:,}×\n" in mermaid
    assert '    state "CLOSED" as CLOSED_end\n' in mermaid


def test_mermaid_escaping_can_be_undone() -> None:
    assert unescape(re.sub(r"#(\d+);", r"&#\1;", escaped(NASTY))) == NASTY
    assert escaped("two\nlines") == "two lines"


@pytest.mark.parametrize("format", ["dot", "mermaid", "svg"])
def test_equal_diagrams_give_equal_text(tcp: Diagram, format: str) -> None:
    assert text(tcp, format, dot=False) == text(attrs.evolve(tcp), format, dot=False)


def test_text_does_not_depend_on_hashing() -> None:
    program = (
        "from diagrams.machines import diagram, names\n"
        "from diagrams.render import render\n"
        "for name in names():\n"
        "    for format in ('dot', 'mermaid', 'svg'):\n"
        "        print(render(diagram(name), format, dot=False))\n"
    )
    root = Path(__file__).parents[2]
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, cwd=root, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


@pytest.mark.usefixtures("no_dot")
def test_without_dot_svg_is_drawn_and_png_is_refused(tcp: Diagram) -> None:
    assert not has_dot()
    assert text(tcp, "svg") == text(tcp, "svg", dot=False)
    assert text(tcp, "dot").startswith("digraph")
    with pytest.raises(DotMissing, match=r"^Graphviz's dot is not installed, and PNG needs it: [^.]*\.$"):
        render(tcp, "png")


@needs_dot
def test_png_is_a_png(send_buffer: Diagram) -> None:
    png = render(send_buffer, "png")
    assert isinstance(png, bytes)
    assert png.startswith(b"\x89PNG\r\n\x1a\n")


def test_a_dot_that_fails_is_one_clear_sentence(
    send_buffer: Diagram, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "dot"
    broken.write_text('#!/bin/sh\nwhile read -r line; do :; done\necho "Format: png not recognized" >&2\nexit 1\n')
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DotMissing, match=r"^Graphviz's dot cannot draw PNG here: Format: png not recognized$"):
        render(send_buffer, "png")


def test_an_unknown_format_is_refused(tcp: Diagram) -> None:
    with pytest.raises(ValueError, match=f"no format 'gif'; there are {', '.join(FORMATS)}"):
        render(tcp, "gif")
