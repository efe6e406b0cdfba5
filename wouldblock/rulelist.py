"""The rules of the model as a list on the screen: one rule, its event, its confirmations, its sentence, where it
leads, its source.

Not here: which rules (rulebook.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from model.rules import Machine, Rule
from wouldblock.paragraphs import columns, paragraph
from wouldblock.rulebook import Confirmations, moves_of

_INDENT, _GAP = 4, 2


def print_rules(console: Console, chosen: Sequence[tuple[Machine, Rule]], known: Confirmations) -> None:
    """The rules by machine, and at the end how many there are and where the confirmations come from."""
    before: Machine | None = None
    for machine, rule in chosen:
        if machine is not before:
            paragraph(console, Text.assemble((machine.title, "bold"), (f"  machine {machine.name}", "dim")))
            console.print()
            before = machine
        _print_rule(console, machine, rule, known)
    paragraph(console, _footer(chosen, known))


def _print_rule(console: Console, machine: Machine, rule: Rule, known: Confirmations) -> None:
    name = Text.assemble("  ", (rule.name, "bold cyan"), (f"  on {rule.event.name}", "dim"))
    confirmed = _confirmed(rule, known)
    columns(console, [(name, console.width - _GAP - confirmed.cell_len), (confirmed, -confirmed.cell_len)], _GAP)
    for text in (
        Text(rule.sentence),
        *(Text(note) for note in rule.notes),
        Text(_moves(machine, rule), style="green"),
        Text(rule.cite, style="dim"),
    ):
        paragraph(console, text, _INDENT)
    if rule.unconfirmed:
        paragraph(console, Text(f"Beyond the cross-check: {rule.unconfirmed}", style="dim"), _INDENT)
    console.print()


def _confirmed(rule: Rule, known: Confirmations) -> Text:
    if known.source is None:
        return Text()
    count = known.rules.get(rule.name, 0)
    if count:
        return Text(f"{count:,}×", style="green")
    return Text("–", style="dim") if rule.unconfirmed else Text("never", style="red")


def _moves(machine: Machine, rule: Rule) -> str:
    words = []
    for befores, after in moves_of(rule):
        states = "any state" if len(befores) == len(machine.states) else ", ".join(befores)
        words.append(f"stays in {states}" if after is None else f"{states} → {after}")
    return "; ".join(words)


def _footer(chosen: Sequence[tuple[Machine, Rule]], known: Confirmations) -> Text:
    count = f"{len(chosen)} rule{'' if len(chosen) == 1 else 's'}"
    if not chosen:
        return Text("No rule matches all of these.")
    if known.source is None:
        return Text(f"{count}. Not checked yet: `wouldblock check` counts how often the kernel confirms each.")
    seen = sum(bool(known.rules.get(rule.name)) for _, rule in chosen)
    kernel = f"kernel {known.kernel}" if known.kernel else "the kernel"
    return Text(f"{count}, {seen} confirmed by {kernel} in {known.calls:,} calls ({known.source}).")
