"""A state diagram as a value: what is drawn, not how.

A machine has one `Arrow` for each rule and each pair of states it can take the machine between. A picture with
one line for each arrow would be unreadable, so three things are merged here, and nothing is lost:

- arrows between the same two states become one `Edge` with a line of text for each rule;
- in a machine with many rules that do not move, these are no edges: they are listed at their `Node` (`stays`);
- a state to which nearly everything returns may be drawn twice, as RFC 9293 figure 5 draws CLOSED: as the place
  where a life begins and as the place where it ends.

Every line knows how often the kernel confirmed it. Four cases are told apart (`Status`), because "never seen"
is a defect and "not checked yet" is not.

Not here: which machines there are (machines.py), colours and words (look.py), positions (layout.py, or dot).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum

import attrs

from model.rules import Arrow, Machine, View, arrows_of

STAYS_DRAWN_MAX = 80
"""With more arrows than this that stay where they are, a machine's self-loops are listed at the states, not drawn."""


class Status(Enum):
    """What is known about a rule on an edge."""

    UNCHECKED = "not checked yet"
    CONFIRMED = "confirmed by the kernel"
    NEVER = "never confirmed"
    EXCUSED = "cannot be confirmed, with a reason"
    RFC_ONLY = "in the RFC's figure only"
    """An arrow that no rule makes (rfc.py)."""
    KERNEL_ONLY = "in the kernel only"
    """Of an edge: what its rules do has no arrow in the RFC's figure."""


class Kind(Enum):
    """What a state is for the program that holds the socket; decides its colour."""

    PLAIN = "plain"
    IDLE = "idle"
    OPENING = "opening"
    OPEN = "open"
    CLOSING = "closing"
    ENDED = "ended"
    STUCK = "stuck"


@attrs.frozen
class Caption:
    """Where the counts come from. Without calls the diagram shows the rules alone and marks none as unconfirmed."""

    kernel: str = ""
    """The kernel's release, such as ``6.18.44``."""
    calls: int = 0
    """How many calls were checked; 0 for a diagram of the rules alone."""


@attrs.frozen
class Look:
    """How one machine wants to be seen. States it does not name are drawn plainly, behind those it names."""

    order: tuple[str, ...] = ()
    """States from top to bottom; the first is where a life begins."""
    kinds: Mapping[str, Kind] = attrs.Factory(dict)
    words: Mapping[Kind, str] = attrs.Factory(dict)
    """What the legend says about a colour; kinds without a word are not in the legend."""
    twice: str = ""
    """The state drawn twice, at the beginning and at the end; empty for none."""
    notes: Mapping[str, str] = attrs.Factory(dict)
    """A few words under the name of a state."""
    back_to_begin: tuple[str, ...] = ()
    """States whose way to the state drawn twice leads to its upper picture; from all others it leads to the lower."""


NOT_CHECKED, PLAIN = Caption(), Look()


@attrs.frozen
class Line:
    """One rule on one edge."""

    key: str
    """`Arrow.key`, the name under which its confirmations are counted."""
    rule: str
    sentence: str
    cite: str
    unconfirmed: str
    """Why the cross-check cannot confirm the rule; empty for all others."""
    count: int
    status: Status


@attrs.frozen
class Node:
    """One picture of a state."""

    key: str
    """Unique in the diagram: the state's name, with ``.end`` behind it for the lower picture of a state drawn twice."""
    state: str
    kind: Kind
    stays: tuple[Line, ...] = ()
    """Rules that leave the machine in this state, where they are not drawn as a self-loop."""
    note: str = ""
    """A few words under its name, instead of how many rules these are."""
    heading: str = "rules that stay here"
    """What they are."""


@attrs.frozen
class Edge:
    """All rules that lead from one picture of a state to another, most often confirmed first."""

    before: str
    after: str
    lines: tuple[Line, ...]
    words: str = ""
    """What happens and what is done, in the words of a standard; they stand above the rules."""
    remark: str = ""
    """Where the kernel does it in another way."""
    extra: bool = False
    """Whether the standard has no such edge."""

    @property
    def is_loop(self) -> bool:
        return self.before == self.after

    @property
    def count(self) -> int:
        return sum(line.count for line in self.lines)

    @property
    def status(self) -> Status:
        """The best that is known of any of its rules: an edge is confirmed as soon as one rule on it is."""
        if self.extra:
            return Status.KERNEL_ONLY
        seen = {line.status for line in self.lines}
        known = (Status.CONFIRMED, Status.UNCHECKED, Status.NEVER, Status.EXCUSED, Status.RFC_ONLY)
        return next(status for status in known if status in seen)


@attrs.frozen
class Diagram:
    """One picture: nodes from top to bottom, edges in the order of their nodes."""

    name: str
    title: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    caption: Caption
    words: tuple[tuple[Kind, str], ...] = ()

    @property
    def lines(self) -> tuple[Line, ...]:
        """Every rule in the picture once for each arrow, drawn or listed."""
        drawn = [line for edge in self.edges for line in edge.lines]
        return (*drawn, *(line for node in self.nodes for line in node.stays))


def make(
    machine: Machine | View,
    machines: Iterable[Machine],
    counts: Mapping[str, int],
    caption: Caption = NOT_CHECKED,
    look: Look = PLAIN,
    stays_drawn_max: int = STAYS_DRAWN_MAX,
) -> Diagram:
    """The diagram of `machine`, whose arrows are looked for among the rules of `machines`.

    `counts` says how often the kernel confirmed each `Arrow.key`; a key that is missing was never confirmed.
    """
    arrows = arrows_of(machine, machines)
    unlooped = sum(not arrow.is_move for arrow in arrows) > stays_drawn_max
    end = f"{look.twice}.end"
    between: dict[tuple[str, str], list[Line]] = {}
    stays: dict[str, list[Line]] = {}
    for arrow in arrows:
        line = line_of(arrow, counts, caption)
        before, after = arrow.before.name, arrow.after.name
        if not arrow.is_move and unlooped:
            stays.setdefault(before, []).append(line)
            continue
        if arrow.is_move and after == look.twice and before not in look.back_to_begin:
            after = end
        between.setdefault((before, after), []).append(line)

    states = [state.name for state in machine.states]
    known = [name for name in look.order if name in states]
    names = [*known, *(name for name in states if name not in known)]
    nodes = [
        Node(name, name, look.kinds.get(name, Kind.PLAIN), ordered(stays.get(name, [])), look.notes.get(name, ""))
        for name in names
    ]
    if any(after == end for _, after in between):
        nodes.append(Node(end, look.twice, look.kinds.get(look.twice, Kind.PLAIN)))
    place = {node.key: at for at, node in enumerate(nodes)}
    edges = [Edge(*ends, ordered(lines)) for ends, lines in between.items()]
    edges.sort(key=lambda edge: (place[edge.before], place[edge.after]))
    used = {node.kind for node in nodes}
    words = tuple((kind, word) for kind, word in look.words.items() if kind in used)
    return Diagram(machine.name, machine.title, tuple(nodes), tuple(edges), caption, words)


def line_of(arrow: Arrow, counts: Mapping[str, int], caption: Caption) -> Line:
    """What is known of one arrow."""
    rule = arrow.rule
    count = counts.get(arrow.key, 0)
    if count:
        status = Status.CONFIRMED
    elif rule.unconfirmed:
        status = Status.EXCUSED
    else:
        status = Status.NEVER if caption.calls else Status.UNCHECKED
    return Line(arrow.key, rule.name, rule.sentence, rule.cite, rule.unconfirmed, count, status)


def ordered(lines: Iterable[Line]) -> tuple[Line, ...]:
    """Most often confirmed first; those with equal counts in the order in which the rules were declared."""
    return tuple(sorted(lines, key=lambda line: -line.count))
