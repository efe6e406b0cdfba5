"""From a diagram to bytes: SVG, PNG, DOT, Mermaid; with Graphviz's `dot` where it is installed, and without.

DOT and Mermaid are text written here and depend on nothing but the diagram. SVG comes from `dot` if there is
one, else from our own layout, so that a picture can be had on every machine. PNG needs `dot`.

What `dot` writes carries its version in comments; they are taken out. Its coordinates still differ between
versions, so pictures are compared by their DOT or Mermaid text, never by the SVG that `dot` made.

Not here: writing files.
"""

from __future__ import annotations

import re
import shutil

import graphviz  # type: ignore[import-untyped]  # the package has annotations but no py.typed

from .diagram import Diagram
from .dot import dot_text
from .mermaid import mermaid_text
from .svg import svg_text

PNG_DPI = 144
FORMATS = ("svg", "png", "dot", "mermaid")


class DotMissing(Exception):
    """A picture was wanted that only Graphviz's dot can make, and dot is not installed or does not work."""


def has_dot() -> bool:
    """Whether Graphviz's `dot` is installed."""
    return shutil.which("dot") is not None


def render(diagram: Diagram, format: str, dot: bool | None = None) -> str | bytes:
    """The diagram in one of `FORMATS`: text, or bytes for ``png``.

    `dot` says whether Graphviz draws the SVG: None for "if it is there and works". Raises `DotMissing` for a picture
    that needs it where it is missing, and ValueError for a format that is not one of `FORMATS`.
    """
    match format:
        case "dot":
            return dot_text(diagram)
        case "mermaid":
            return mermaid_text(diagram)
        case "svg" if dot or (dot is None and has_dot()):
            try:
                return without_comments(_pipe(diagram, "svg").decode())
            except DotMissing:
                if dot:
                    raise
                return svg_text(diagram)
        case "svg":
            return svg_text(diagram)
        case "png":
            return _pipe(diagram, "png")
    raise ValueError(f"there is no format {format!r}; there are {', '.join(FORMATS)}")


def without_comments(svg: str) -> str:
    """The SVG without comments, among them the one in which dot names its version."""
    return re.sub(r"<!--.*?-->\n?", "", svg, flags=re.DOTALL)


def _pipe(diagram: Diagram, format: str) -> bytes:
    text = dot_text(diagram)
    if format == "png":
        text = text.replace("rankdir=TB", f"rankdir=TB, dpi={PNG_DPI}", 1)
    source = graphviz.Source(text)
    try:
        drawn: bytes = source.pipe(format, quiet=True)
    except graphviz.ExecutableNotFound:
        raise DotMissing(
            f"Graphviz's dot is not installed, and {format.upper()} needs it: install Debian's package graphviz, "
            "or ask for SVG, which is drawn without it."
        ) from None
    except graphviz.CalledProcessError as error:
        said = (error.stderr or b"").decode(errors="replace").strip().splitlines()
        raise DotMissing(f"Graphviz's dot cannot draw {format.upper()} here: {said[0] if said else error}") from None
    except OSError as error:
        raise DotMissing(f"Graphviz's dot cannot draw {format.upper()} here: {error.strerror or error}") from None
    return drawn
