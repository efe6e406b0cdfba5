"""What a scenario did, on the screen: one line for each call, and under it the rules that answered, with their
sentences.

    1  s1 = socket(AF_INET, SOCK_STREAM)     ok             ok             =
         socket_made  A socket comes into being, unconnected. [socket(2)]

A rule is explained where it first fires; further on its name stands alone. The columns are as wide as the longest
text in them, within the width of the terminal; what does not fit goes on in the next line of its column. A difference
is marked ≠, and under it stands what each arm saw of the sockets. Nothing is told by colour alone.

Not here: comparing (sidebyside.py), the random check (checking.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs
from rich.console import Console
from rich.text import Text

from model.rules import Rule
from wouldblock.paragraphs import columns, paragraph
from wouldblock.rulebook import all_rules
from wouldblock.scenarios import Run, Scenario
from wouldblock.sidebyside import Comparison, Difference, Ending, Ports, Row, ending
from wouldblock.wording import answer_text, call_text, seen_name, seen_text

SAME, OTHER = "=", "≠"
_NUMBER, _GAP = 3, 2
_ANSWER_MIN, _ROOM_MIN = 12, 40
_SHARE_OF_ANSWERS = 0.3
"""How much of the width one column of answers may take."""


@attrs.frozen(eq=False)
class Line:
    """One call as texts: the call, one answer for each arm, and the mark (empty where nothing was compared)."""

    call: str
    answers: tuple[str, ...]
    mark: str = ""


class Calls:
    """Prints calls in columns, with rules under them."""

    def __init__(self, console: Console, lines: Sequence[Line], heads: tuple[str, ...]) -> None:
        self._console = console
        self._heads = heads
        self._explained: set[str] = set()
        self._rules = {rule.name: rule for _, rule in all_rules()}
        both = len(heads) > 1
        room = max(console.width - _NUMBER - _GAP * (1 + len(heads)) - (1 + _GAP if both else 0), _ROOM_MIN)
        widest = max(int(room * _SHARE_OF_ANSWERS), _ANSWER_MIN)
        longest = [max((len(line.answers[at]) for line in lines), default=0) for at in range(len(heads))]
        self._answers = [max(min(width, widest), len(head)) for width, head in zip(longest, heads, strict=True)]
        calls = max((len(line.call) for line in lines), default=0)
        self._call = max(min(calls, room - sum(self._answers)), _ANSWER_MIN)
        if both:
            self._print(Text(), Text("call", style="dim"), [Text(head, style="dim") for head in heads], Text())

    def call(self, number: int, line: Line, rules: Iterable[str] = ()) -> None:
        """One call, and the rules behind the model's answer: with its sentence the first time, then by name."""
        other = line.mark == OTHER
        answers = [Text(answer, style="bold red" if other else "bold") for answer in line.answers]
        mark = Text(line.mark, style="bold red" if other else "green")
        self._print(Text(str(number), style="dim"), Text(line.call), answers, mark)
        known: list[str] = []
        for name in dict.fromkeys(rules):
            if name in self._explained:
                known.append(name)
                continue
            self._explained.add(name)
            self._names(known)
            self.note(explained(name, self._rules.get(name)))
        self._names(known)

    def note(self, text: Text) -> None:
        """A paragraph under a call."""
        paragraph(self._console, text, _NUMBER + _GAP + 2, hanging=2)

    def _names(self, known: list[str]) -> None:
        if known:
            self.note(Text(", ".join(known), style="cyan"))
        known.clear()

    def _print(self, number: Text, call: Text, answers: list[Text], mark: Text) -> None:
        cells = [(number, -_NUMBER), (call, self._call), *zip(answers, self._answers, strict=True), (mark, 1)]
        columns(self._console, cells, _GAP)


def explained(name: str, rule: Rule | None) -> Text:
    """A rule's name, its sentence and its source."""
    if rule is None:
        return Text(name, style="cyan")
    return Text.assemble((name, "cyan"), "  ", rule.sentence, (f" [{rule.cite}]", "dim"))


def print_comparison(console: Console, found: Comparison) -> None:
    """One scenario on both arms, side by side, and the verdict."""
    _title(console, found.scenario)
    lines = [_line(row) for row in found.rows]
    calls = Calls(console, lines, (found.model.arm, found.kernel.arm))
    for number, (line, row) in enumerate(zip(lines, found.rows, strict=True), 1):
        calls.call(number, line, row.rules)
        for difference in row.differences:
            calls.note(_difference_text(difference, found))
    ours, theirs = found.endings
    if found.same_ending:
        _print_ending(console, "", ours, found.model, SAME)
    else:
        _print_ending(console, found.model.arm, ours, found.model, OTHER)
        _print_ending(console, found.kernel.arm, theirs, found.kernel, OTHER)
    paragraph(console, verdict(found))
    console.print()


def print_run(console: Console, scenario: Scenario, run: Run) -> None:
    """One scenario on one arm."""
    _title(console, scenario)
    ports = Ports()
    events = [ports.event(event) for event in run.calls]
    lines = [Line(call_text(event), (answer_text(event),)) for event in events]
    calls = Calls(console, lines, (run.arm,))
    for number, (line, event) in enumerate(zip(lines, events, strict=True), 1):
        calls.call(number, line, event.rules)
    _print_ending(console, "", ending(run, ports), run, "")
    console.print()


def verdict(found: Comparison) -> Text:
    """The comparison in one sentence."""
    name, calls = found.scenario.name, len(found.rows)
    counted = f"{calls} call{'' if calls == 1 else 's'}"
    if found.equal:
        how = "raised the same on both arms" if found.endings[0].raised else "equal on both arms"
        return Text.assemble((f"{SAME} {name}", "bold green"), f": {counted}, {how}.")
    other = sum(not row.equal for row in found.rows)
    said = f"{other} of {counted} differ{'s' if other == 1 else ''}"
    if not found.same_ending:
        said += ", and so does what it " + " or ".join(dict.fromkeys(_word(end) for end in found.endings))
    return Text.assemble((f"{OTHER} {name}", "bold red"), f": {said}.")


def _title(console: Console, scenario: Scenario) -> None:
    place = f"{scenario.path}:{scenario.line}"
    paragraph(console, Text.assemble((scenario.name, "bold"), "  ", (place, "dim")))
    if scenario.fact:
        paragraph(console, Text(scenario.fact, style="italic"))
    console.print()


def _line(row: Row) -> Line:
    answers = tuple("" if event is None else answer_text(event) for event in (row.model, row.kernel))
    return Line(row.call, answers, SAME if row.equal else OTHER)


def _difference_text(difference: Difference, found: Comparison) -> Text:
    sides = (
        f"{arm} {'no such socket' if value is None else seen_text(difference.field, value)}"
        for arm, value in ((found.model.arm, difference.model), (found.kernel.arm, difference.kernel))
    )
    what = f"{difference.socket} {seen_name(difference.field)}: "
    return Text.assemble((f"{OTHER} after it, ", "bold red"), what, ", ".join(sides))


def _print_ending(console: Console, arm: str, end: Ending, run: Run, mark: str) -> None:
    style = "bold red" if mark == OTHER else "bold"
    words = Text.assemble((f"{arm} " if arm else "") + _word(end) + " ", (end.text, style))
    if mark:
        words.append(f"  {mark}", style="bold red" if mark == OTHER else "green")
    paragraph(console, words, _NUMBER + _GAP)
    for line in run.where:
        paragraph(console, Text(line, style="dim"), _NUMBER + _GAP + 2)


def _word(end: Ending) -> str:
    return "raised" if end.raised else "returned"
