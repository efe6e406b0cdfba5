"""RFC 9293's figure of the states of a connection, drawn from the model's rules: which arrow is which.

The RFC's figure 5 (§3.3.2) has one control block go its way, and leaves out what aborts: resets, time-outs, errors. The
model's machines do it as the kernel does: a listener stays, and a request makes a child of it (model/tcp/requests.py).
Both are the same rules, so the figure is made of the model's arrows: each of the RFC's arrows names the two states and
the events that lead there, and finds the rules that do it. What is left over then is

- the RFC's alone: an arrow for which there is no rule, with the reason;
- the kernel's alone: a rule that moves where the RFC has no arrow;
- left out: what aborts a connection, listed at the state that it ends.

So a rule that moves cannot be missing in the figure, and a test holds that each is in one of these places.

Not here: the machine as the kernel has it (machines.py), colours (look.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import attrs

from model.machines import MACHINES
from model.rules import Arrow, arrows_of
from model.tcp.machine import REQUEST, TCP, TcpEvent
from model.values.constants import TcpState

from .diagram import Caption, Diagram, Edge, Kind, Line, Look, Node, Status, line_of, ordered

NAME = "tcp-rfc"
TITLE = "TCP connection: RFC 9293's figure 5, and what the kernel does"
S, E = TcpState, TcpEvent


@attrs.frozen
class FigureArrow:
    """One arrow of the RFC's figure: from where to where, what happens, and what is done."""

    before: TcpState
    after: TcpState
    happens: str
    done: str
    on: tuple[TcpEvent, ...] = ()
    also: tuple[str, ...] = ()
    """Keys of arrows that are this one in the kernel's machines, though they join other states there."""
    absent: str = ""
    """Why the kernel has no such arrow."""
    differs: str = ""
    """What is another thing in the kernel that does the same."""

    @property
    def words(self) -> str:
        return f"{self.happens} / {self.done}"


_CLOSE = (E.CLOSE, E.SHUTDOWN)
FIGURE = (
    FigureArrow(S.CLOSED, S.LISTEN, "passive OPEN", "create TCB", (E.PASSIVE_OPEN,)),
    FigureArrow(S.CLOSED, S.SYN_SENT, "active OPEN", "create TCB, snd SYN", (E.ACTIVE_OPEN,)),
    FigureArrow(S.LISTEN, S.CLOSED, "CLOSE", "delete TCB", _CLOSE),
    FigureArrow(
        S.LISTEN, S.SYN_RECEIVED, "rcv SYN", "snd SYN,ACK",
        also=("request:request_waits_for_ack:NONE>HALF_OPEN", "tcp:child_answers_syn:CLOSED>SYN_RECEIVED"),
        differs="a child goes there; LISTEN stays",
    ),
    FigureArrow(
        S.LISTEN, S.SYN_SENT, "SEND", "snd SYN",
        absent="Linux: send gives EPIPE, connect EISCONN",
    ),
    FigureArrow(S.SYN_SENT, S.CLOSED, "CLOSE", "delete TCB", _CLOSE),
    FigureArrow(S.SYN_SENT, S.SYN_RECEIVED, "rcv SYN", "snd SYN,ACK", (E.SEGMENT_SYN,)),
    FigureArrow(S.SYN_SENT, S.ESTABLISHED, "rcv SYN,ACK", "snd ACK", (E.SEGMENT_SYN,)),
    FigureArrow(
        S.SYN_RECEIVED, S.LISTEN, "rcv RST", "after a passive OPEN",
        also=("request:reset_ends_request:HALF_OPEN>NONE", "request:reset_ends_request:ACKNOWLEDGED>NONE"),
        differs="the child is forgotten; LISTEN stayed",
    ),
    FigureArrow(
        S.SYN_RECEIVED, S.ESTABLISHED, "rcv ACK of SYN", "x", (E.SEGMENT_ACK,),
        also=("request:ack_makes_connection:HALF_OPEN>WAITING", "request:ack_makes_connection:ACKNOWLEDGED>WAITING"),
    ),
    FigureArrow(S.SYN_RECEIVED, S.FIN_WAIT_1, "CLOSE", "snd FIN", _CLOSE),
    FigureArrow(S.ESTABLISHED, S.FIN_WAIT_1, "CLOSE", "snd FIN", _CLOSE),
    FigureArrow(S.ESTABLISHED, S.CLOSE_WAIT, "rcv FIN", "snd ACK", (E.SEGMENT_FIN,)),
    FigureArrow(S.FIN_WAIT_1, S.FIN_WAIT_2, "rcv ACK of FIN", "x", (E.OUR_FIN_ACKED,)),
    FigureArrow(S.FIN_WAIT_1, S.CLOSING, "rcv FIN", "snd ACK", (E.SEGMENT_FIN,)),
    FigureArrow(S.CLOSE_WAIT, S.LAST_ACK, "CLOSE", "snd FIN", _CLOSE),
    FigureArrow(S.FIN_WAIT_2, S.TIME_WAIT, "rcv FIN", "snd ACK", (E.SEGMENT_FIN,)),
    FigureArrow(S.CLOSING, S.TIME_WAIT, "rcv ACK of FIN", "x", (E.OUR_FIN_ACKED,)),
    FigureArrow(S.LAST_ACK, S.CLOSED, "rcv ACK of FIN", "x", (E.OUR_FIN_ACKED,)),
    FigureArrow(
        S.TIME_WAIT, S.CLOSED, "2 MSL are over", "delete TCB", (E.TIME_WAIT_OVER,),
        differs="a record's, after 60 s",
    ),
)  # fmt: skip

ABORTS = (
    E.SEGMENT_RESET, E.ICMP_ERROR, E.RETRANSMIT_DUE, E.PROBE_DUE, E.KEEPALIVE_DUE, E.SEGMENT_TEXT, E.TIME_WAIT_OVER,
    E.CLOSE,
)  # fmt: skip
"""What ends a connection by force, and is in no arrow of the figure: resets that are received or sent, time-outs,
errors."""

_FIRST = (S.LISTEN, S.SYN_SENT, S.SYN_RECEIVED)
"""States whose way to CLOSED leads to its upper picture, where a life begins."""
COOKIE = "request:connection_comes_of_cookie:NONE>WAITING"


def moves() -> list[Arrow]:
    """Every arrow of a connection that moves it."""
    return [arrow for arrow in arrows_of(TCP, MACHINES) if arrow.is_move]


def carried(figure: FigureArrow) -> list[Arrow]:
    """The arrows of the model that are this arrow of the figure."""
    known = {arrow.key: arrow for arrow in (*moves(), *arrows_of(REQUEST, MACHINES))}
    found = [known[key] for key in figure.also]
    for arrow in moves():
        between = (arrow.before, arrow.after) == (figure.before, figure.after)
        if between and arrow.rule.event in figure.on:
            found.append(arrow)
    return found


def left_over() -> tuple[list[Arrow], list[Arrow]]:
    """The moves that no arrow of the figure carries: those that abort, and the kernel's own."""
    carries = {arrow.key for figure in FIGURE for arrow in carried(figure)}
    rest = [arrow for arrow in moves() if arrow.key not in carries]
    aborts = [arrow for arrow in rest if arrow.rule.event in ABORTS]
    return aborts, [arrow for arrow in rest if arrow.rule.event not in ABORTS]


def diagram(counts: Mapping[str, int], caption: Caption, look: Look) -> Diagram:
    """The figure. `look` has the states' order and colours, as the kernel's machine is drawn."""
    aborts, own = left_over()
    edges = [
        Edge(
            figure.before.name,
            _end(figure.before, figure.after),
            _lines(figure, counts, caption),
            figure.words,
            figure.differs,
        )
        for figure in FIGURE
    ]
    cookie = next(arrow for arrow in arrows_of(REQUEST, MACHINES) if arrow.key == COOKIE)
    for before, after, words, arrows in (
        (S.LISTEN, S.ESTABLISHED, "rcv ACK of a cookie / create TCB", [cookie]),
        *_joined(own),
    ):
        lines = ordered(line_of(arrow, counts, caption) for arrow in arrows)
        edges.append(Edge(before.name, _end(before, after), lines, words, extra=True))
    nodes = [_node(S[name], aborts, counts, caption, look) for name in look.order]
    nodes.append(Node("CLOSED.end", "CLOSED", look.kinds.get("CLOSED", Kind.PLAIN)))
    place = {node.key: at for at, node in enumerate(nodes)}
    edges.sort(key=lambda edge: (place[edge.before], place[edge.after], edge.extra))
    return Diagram(NAME, TITLE, tuple(nodes), tuple(edges), caption, tuple(look.words.items()))


def _joined(own: list[Arrow]) -> list[tuple[TcpState, TcpState, str, list[Arrow]]]:
    """The kernel's own moves, those between the same states on one line."""
    between: dict[tuple[TcpState, TcpState], list[Arrow]] = {}
    for arrow in own:
        between.setdefault((S(arrow.before), S(arrow.after)), []).append(arrow)
    return [(before, after, "at once, or by RST or a later SYN", arrows) for (before, after), arrows in between.items()]


def _end(before: TcpState, after: TcpState) -> str:
    return "CLOSED.end" if after is S.CLOSED and before not in _FIRST else after.name


def _lines(figure: FigureArrow, counts: Mapping[str, int], caption: Caption) -> tuple[Line, ...]:
    if figure.absent:
        key = f"{NAME}:{figure.before.name}>{figure.after.name}"
        return (Line(key, figure.absent, figure.absent, "RFC 9293 §3.3.2, figure 5", "", 0, Status.RFC_ONLY),)
    return _merged(line_of(arrow, counts, caption) for arrow in carried(figure))


def _merged(lines: Iterable[Line]) -> tuple[Line, ...]:
    """One line for each rule: the kernel's machines may tell states apart that are one in the figure."""
    found: dict[str, Line] = {}
    for line in lines:
        other = found.get(line.rule)
        if other is None or (not other.count and line.count):
            found[line.rule] = line
        elif line.count:
            found[line.rule] = attrs.evolve(other, count=other.count + line.count)
    return ordered(found.values())


def _node(state: TcpState, aborts: Iterable[Arrow], counts: Mapping[str, int], caption: Caption, look: Look) -> Node:
    ends = ordered(line_of(arrow, counts, caption) for arrow in aborts if arrow.before is state)
    note = f"{len(ends)} abort{'s' if len(ends) > 1 else ''} not shown" if ends else ""
    count = sum(line.count for line in ends)
    note += f" · {count:,}×" if count else ""
    name = state.name.replace("_", "-")
    heading = "resets, time-outs and errors that end it, which the RFC leaves out of its figure"
    return Node(state.name, name, look.kinds.get(state.name, Kind.PLAIN), ends, note, heading)
