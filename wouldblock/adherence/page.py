"""The page `docs/adherence.md`, made of the ledger: counts first, then a table for each RFC.

A row is one requirement: its label, linked to the RFC's section; what it asks, with a note behind it; what became of
it; the rules or functions that keep it, linked to their files; and the tests, whose names read as sentences, so they
are printed as such.

Not here: writing the page (__main__.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from model.machines import all_rules
from wouldblock.adherence.ledger import ROOT, Requirement, Standard, Status, module_of

PAGE = ROOT / "docs" / "adherence.md"
_RFC = "https://www.rfc-editor.org/rfc/rfc"

_OPENING = """\
# What the standards ask, and what carries it here

Each row is one requirement of an RFC, in our own words, with the rule that keeps it and the test that shows it. Where
the RFC labels its requirements, the labels are its own. This page is made from [docs/adherence/](adherence) by
`make diagrams`; a test fails if it is stale, or names a rule or a test that does not exist.

| status | says |
|---|---|
| kept | the model does it, and a test shows it |
| kept otherwise | Linux does it in another way, which the note tells, and so does the model |
| not modelled | the model cannot do it yet, or not at all; the note tells why |
| does not apply | it concerns something that is not there: an application's habits, a layer below |
"""


def page(standards: tuple[Standard, ...]) -> str:
    """The whole page."""
    return "\n".join([_OPENING, *_counts(standards), *(line for each in standards for line in _chapter(each))])


def _counts(standards: tuple[Standard, ...]) -> Iterator[str]:
    yield f"| | about | all | {' | '.join(Status)} |"
    yield f"|---|---|{'---:|' * (1 + len(Status))}"
    total = dict.fromkeys(Status, 0)
    for standard in standards:
        counts = standard.counts()
        for status in Status:
            total[status] += counts[status]
        cells = [str(counts[status] or "") for status in Status]
        yield f"| [{standard.name}](#{_anchor(standard)}) | {standard.title} | {counts.total()} | {' | '.join(cells)} |"
    yield f"| | all | {sum(total.values())} | {' | '.join(str(total[status]) for status in Status)} |"
    yield ""


def _anchor(standard: Standard) -> str:
    """GitHub's name for the chapter's headline."""
    return re.sub(r"[^\w -]", "", _headline(standard)).lower().replace(" ", "-")


def _headline(standard: Standard) -> str:
    return f"{standard.name}: {standard.title}"


def _chapter(standard: Standard) -> Iterator[str]:
    yield f"## {_headline(standard)}"
    yield ""
    yield standard.about
    yield ""
    yield "| | asks | status | kept by | shown by |"
    yield "|---|---|---|---|---|"
    for each in standard.requirements:
        cells = (_label(standard, each), _asks(each), str(each.status), _keepers(each), _tests(each))
        yield "| " + " | ".join(cells) + " |"
    yield ""


def _label(standard: Standard, each: Requirement) -> str:
    begins = re.match(r"[\d.]+|[A-Z][\d.]*", each.section)
    name = each.section.rstrip(".") if begins is None else begins[0].rstrip(".")
    return f"{each.label}<br>[§{each.section}]({_RFC}{standard.number}#section-{name})"


def _asks(each: Requirement) -> str:
    return f"{each.asks}<br>*{each.note}*" if each.note else each.asks


def _keepers(each: Requirement) -> str:
    rules = [(name, all_rules()[name].body.__module__) for name in each.rules]
    code = [(path.rsplit(".", 1)[1], path) for path in each.code]
    return "<br>".join(f"[`{name}`]({_file_of(path)})" for name, path in (*rules, *code))


def _file_of(path: str) -> str:
    """The link from the page to the file of a module, or of the module that something is in."""
    module = module_of(path)
    assert module is not None
    assert module.__file__ is not None
    return f"../{Path(module.__file__).resolve().relative_to(ROOT.resolve())}"


def _tests(each: Requirement) -> str:
    return "<br>".join(f"[{_in_words(test)}](../{test.split('::', maxsplit=1)[0]})" for test in each.tests)


def _in_words(test: str) -> str:
    """`tests/x.py::test_a_peer_is_asked` as "a peer is asked"; a packet script by its path."""
    if test.endswith(".pkt"):
        return test.removeprefix("tests/")
    return test.rsplit("::", 1)[1].removeprefix("test_").replace("_", " ")
