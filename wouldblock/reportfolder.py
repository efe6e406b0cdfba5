"""What a random check leaves behind: one folder with the report for programs, the report for people, and the diagrams.

    report.json     everything that was counted; `wouldblock rules` and `wouldblock draw` read it
    report.md       the same for reading, with the diagrams in it
    tcp.svg …       every machine and view, as SVG, DOT and Mermaid, each arrow with this run's confirmations

Not here: the tables on the screen (checking.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from wouldblock import checking, files, pictures
from wouldblock.rulebook import Confirmations

if TYPE_CHECKING:
    from wouldblock.crosscheck.report import Report


def save(report: Report, folder: Path) -> None:
    """Write the report and the diagrams into `folder`, which exists."""
    known = Confirmations(report.rules, report.arrows, report.calls, report.kernel)
    files.write_json(folder / "report.json", report.to_json())
    files.write(folder / "report.md", "\n".join(markdown(report)))
    pictures.save(pictures.draw(pictures.names(), pictures.TOGETHER, known), folder)


def markdown(report: Report) -> Iterator[str]:
    """The report for people, line by line."""
    yield "# Model against kernel"
    yield ""
    yield checking.summary(report).plain
    yield ""
    yield from _contradictions(report)
    yield from _unrepeatable(report)
    yield from _diagrams()
    yield from _rules(report)
    yield from _choices(report)
    yield from _settings(report)


def _contradictions(report: Report) -> Iterator[str]:
    yield "## Contradictions"
    yield ""
    if not report.contradictions:
        yield "None."
        yield ""
    for number, each in enumerate(report.contradictions, 1):
        yield f"### {number}. `{each.op}`"
        yield ""
        yield f"Seed {each.seed}, step {each.step}."
        yield f"The model expects `{each.expected}`, the kernel shows `{each.seen}`."
        if each.rules:
            yield f"Rules: {', '.join(f'`{name}`' for name in dict.fromkeys(each.rules))}."
        yield ""
        for language, text in (("text", each.ladder), ("python", each.program)):
            if text.strip():
                yield f"```{language}"
                yield from (line.rstrip() for line in text.rstrip().splitlines())
                yield "```"
                yield ""


def _unrepeatable(report: Report) -> Iterator[str]:
    from wouldblock.crosscheck.repeating import TIMES

    if not report.unrepeatable:
        return
    yield "## Where the kernel does not repeat itself"
    yield ""
    yield f"Played {TIMES} times, these sequences did not show the same each time."
    yield ""
    yield "| seed | sequence | after | model | kernel, the first time |"
    yield "|---:|---:|---|---|---|"
    for each in report.unrepeatable:
        yield f"| {each.seed} | {each.sequence} | `{_cell(each.op)}` | {_cell(each.expected)} | {_cell(each.seen)} |"
    yield ""


def _diagrams() -> Iterator[str]:
    yield "## Diagrams"
    yield ""
    for name in pictures.names():
        yield f"![{name}]({name}.svg)"
        yield ""


def _rules(report: Report) -> Iterator[str]:
    fired, silent = checking.split(report.rules)
    yield "## Rules"
    yield ""
    for machine, rules in fired.items():
        yield f"### {machine.title}"
        yield ""
        yield f"{len(rules)} of {len(machine.rules)} rules confirmed."
        yield ""
        yield "| rule | confirmed | says | source |"
        yield "|---|---:|---|---|"
        for rule in [*rules, *silent[machine]]:
            count = report.rules.get(rule.name, 0)
            confirmed = f"{count:,}" if count else rule.unconfirmed or "**not in this run**"
            yield f"| `{rule.name}` | {_cell(confirmed)} | {_cell(rule.sentence)} | {_cell(rule.cite)} |"
        yield ""


def _choices(report: Report) -> Iterator[str]:
    yield "## Choices of the kernel"
    yield ""
    yield "| choice | asked | why the model cannot know |"
    yield "|---|---:|---|"
    why = checking.reasons()
    for name, asked in report.choices.items():
        yield f"| `{name}` | {asked:,} | {_cell(why.get(name, ''))} |"
    yield ""


def _settings(report: Report) -> Iterator[str]:
    yield "## Settings of the kernel"
    yield ""
    yield "| setting | value |"
    yield "|---|---|"
    yield from (f"| `{key}` | {_cell(value)} |" for key, value in report.settings.items())
    yield ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
