"""Indented paragraphs and columns for a terminal, without blanks at the ends of lines.

rich fills every line of a padded text or a table up to its width; in a file, in a pipe or after a selection with the
mouse those blanks are in the way. So text is wrapped here, line by line, with rich's own wrapping.

Not here: which text.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from rich.console import Console
from rich.text import Text

Cell = tuple[Text, int]
"""A text and the width of its column; a negative width puts it at the right edge of the column."""

_WIDTH_MIN = 20


def paragraph(console: Console, text: Text, indent: int = 0, hanging: int = 0) -> None:
    """Print `text`, `indent` columns in; its second line and all others `hanging` columns further."""
    width = max(console.width - indent - hanging, _WIDTH_MIN)
    for number, line in enumerate(text.wrap(console, width)):
        _print(console, Text(" " * (indent + (hanging if number else 0))).append_text(line))


def columns(console: Console, cells: Sequence[Cell], gap: int = 2) -> None:
    """Print one row of a table; a text that does not fit its column goes on in the next line."""
    wrapped = [list(text.wrap(console, abs(width), overflow="fold")) for text, width in cells]
    for parts in zip_longest(*wrapped, fillvalue=Text()):
        row = Text()
        for at, (part, (_, width)) in enumerate(zip(parts, cells, strict=True)):
            row.append(" " * gap if at else "")
            part.rstrip()
            blanks = " " * (abs(width) - part.cell_len)
            row.append_text(Text(blanks).append_text(part) if width < 0 else part.copy().append(blanks))
        _print(console, row)


def _print(console: Console, line: Text) -> None:
    line.rstrip()
    console.print(line, soft_wrap=True)
