"""The diagram as Mermaid's stateDiagram-v2, the text that GitHub draws inside a Markdown file.

Mermaid reads a transition as ``before --> after : text`` up to the end of the line. In that text a semicolon or
a colon would end it, angle brackets would be taken for HTML, and a hash begins an entity; all of these are
written as Mermaid's entities (``#59;``), lines are parted by ``<br/>``. Names of states are letters, digits and
underscores; a state drawn twice gets a second name with the same text.

Mermaid's state diagrams have no dashed transitions, so a rule that was never confirmed says so in capitals.
Mermaid puts the text of a self-loop on top of its neighbours, so it stands in the box of its state.

Not here: the Markdown fence around it.
"""

from __future__ import annotations

import re

from .diagram import Diagram, Edge
from .look import FILLS, INK, LINES_MAX, STAYS_MAX, rows, stays_text, subtitle

_SPECIAL = re.compile(r"[^\w ,.()+=×·…→*/?!'-]", re.ASCII)
_KEPT = "×·…→"


def mermaid_text(diagram: Diagram) -> str:
    """The diagram as Mermaid. Equal diagrams give equal text."""
    names = {node.key: re.sub(r"\W", "_", node.key, flags=re.ASCII) for node in diagram.nodes}
    out = ["---", f'title: "{_title(diagram)}"', "---", "stateDiagram-v2", "    direction TB"]
    kinds = sorted({node.kind for node in diagram.nodes}, key=list(FILLS).index)
    for kind in kinds:
        fill, border = FILLS[kind]
        out.append(f"    classDef {kind.value}State fill:{fill},stroke:{border},color:{INK}")
    loops = {edge.before: edge for edge in diagram.edges if edge.is_loop}
    for node in diagram.nodes:
        lines = [escaped(node.state), *([escaped(stays_text(node))] if stays_text(node) else [])]
        lines += _lines(loops[node.key]) if node.key in loops else []
        out.append(f'    state "{"<br/>".join(lines)}" as {names[node.key]}')
    for edge in diagram.edges:
        text = "" if edge.is_loop else f" : {'<br/>'.join(_lines(edge))}"
        out.append(f"    {names[edge.before]} --> {names[edge.after]}{text}")
    for kind in kinds:
        members = [names[node.key] for node in diagram.nodes if node.kind is kind]
        out.append(f"    class {','.join(members)} {kind.value}State")
    return "\n".join(out) + "\n"


def escaped(text: str) -> str:
    """Text that Mermaid shows as it is: what could mean something to it becomes an entity."""
    return _SPECIAL.sub(lambda found: found[0] if found[0] in _KEPT else f"#{ord(found[0])};", " ".join(text.split()))


def _title(diagram: Diagram) -> str:
    """Inside YAML's double quotes, shown as HTML: what means something to either is replaced by what looks like it."""
    return f"{diagram.title}: {subtitle(diagram)}".translate(str.maketrans('\\"<>', "/'()"))


def _lines(edge: Edge) -> list[str]:
    most = STAYS_MAX if edge.is_loop else LINES_MAX
    shown = [(row, "NEVER CONFIRMED" if row.tally == "never" else row.tally) for row in rows(edge.lines, most)]
    words = [escaped(text) for text in (edge.words, edge.remark) if text]
    return [*words, *(escaped(f"{row.rule} {known}".strip()) for row, known in shown)]
