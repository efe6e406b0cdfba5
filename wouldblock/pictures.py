"""Diagrams as files: every machine and view of the model, in the formats asked for.

Mermaid files end in ``.mmd``, the others in the name of their format. A picture that cannot be made (PNG without
Graphviz) is found out before the first file is written.

Not here: what a diagram shows and how it is laid out (diagrams/).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from diagrams import machines
from diagrams.diagram import Caption
from diagrams.render import FORMATS, DotMissing, render
from wouldblock import files
from wouldblock.front import Stop
from wouldblock.rulebook import Confirmations

TOGETHER = ("svg", "dot", "mermaid")
"""The formats of a whole set."""
_SUFFIX = {"mermaid": "mmd"}

__all__ = ["FORMATS", "TOGETHER", "draw", "names", "save"]


def names() -> tuple[str, ...]:
    """The names of all diagrams, in drawing order."""
    return machines.names()


def draw(which: Iterable[str], formats: Sequence[str], known: Confirmations) -> dict[str, str | bytes]:
    """File name -> content of the diagrams `which` in `formats`. Raises `Stop`."""
    caption = Caption(known.kernel, known.calls)
    pictures: dict[str, str | bytes] = {}
    for name in which:
        try:
            diagram = machines.diagram(name, known.arrows, caption)
            for each in formats:
                pictures[f"{name}.{_SUFFIX.get(each, each)}"] = render(diagram, each)
        except (DotMissing, ValueError) as error:
            raise Stop(str(error)) from None
    return pictures


def save(pictures: dict[str, str | bytes], folder: Path) -> list[Path]:
    """Write the pictures into `folder` and return their paths."""
    paths = [folder / name for name in pictures]
    for path, content in zip(paths, pictures.values(), strict=True):
        files.write(path, content)
    return paths
