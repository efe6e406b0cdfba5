"""The machines of the model as diagrams, by name: which states stand at the top, and what they are for the program.

`Look` is all that a picture adds to the rules: an order from top to bottom, a colour for each state, and
whether the state to which everything returns is drawn twice. A state or machine that is not named here is drawn
plainly, so a new one needs no entry.

Not here: what the machines do (model/).
"""

from __future__ import annotations

from collections.abc import Mapping

from model.machines import MACHINES, VIEWS
from model.rules import Machine, View

from . import rfc
from .diagram import NOT_CHECKED, PLAIN, Caption, Diagram, Kind, Look, make

_TCP = Look(
    order=(
        "CLOSED", "LISTEN", "SYN_SENT", "SYN_RECEIVED", "ESTABLISHED", "FIN_WAIT_1", "CLOSE_WAIT", "FIN_WAIT_2",
        "CLOSING", "LAST_ACK", "TIME_WAIT",
    ),
    kinds={
        "CLOSED": Kind.IDLE, "LISTEN": Kind.OPENING, "SYN_SENT": Kind.OPENING, "SYN_RECEIVED": Kind.OPENING,
        "ESTABLISHED": Kind.OPEN, "FIN_WAIT_1": Kind.CLOSING, "FIN_WAIT_2": Kind.CLOSING, "CLOSING": Kind.CLOSING,
        "TIME_WAIT": Kind.CLOSING, "CLOSE_WAIT": Kind.ENDED, "LAST_ACK": Kind.ENDED,
    },
    words={
        Kind.IDLE: "no connection", Kind.OPENING: "being opened", Kind.OPEN: "open", Kind.CLOSING: "closed here first",
        Kind.ENDED: "closed by the peer first",
    },
    twice="CLOSED",
    back_to_begin=("LISTEN", "SYN_SENT", "SYN_RECEIVED"),
)  # fmt: skip

LOOKS: dict[str, Look] = {
    "tcp": _TCP,
    "request": Look(
        order=("NONE", "HALF_OPEN", "ACKNOWLEDGED", "WAITING", "ACCEPTED"),
        kinds={
            "NONE": Kind.IDLE,
            "HALF_OPEN": Kind.OPENING,
            "ACKNOWLEDGED": Kind.STUCK,
            "WAITING": Kind.OPEN,
            "ACCEPTED": Kind.ENDED,
        },
        words={
            Kind.OPENING: "SYN queue: half open",
            Kind.STUCK: "SYN queue: acknowledged, but no room or no data",
            Kind.OPEN: "accept queue: a connection",
            Kind.ENDED: "a program's",
        },
        notes={
            "NONE": "a listener, asked by a SYN",
            "HALF_OPEN": "in the SYN queue",
            "ACKNOWLEDGED": "still in the SYN queue",
            "WAITING": "in the accept queue",
            "ACCEPTED": "a socket of its own",
        },
        twice="NONE",
    ),
    "socket": Look(
        order=("UNCONNECTED", "CONNECTING", "CONNECTED", "DISCONNECTING"),
        kinds={
            "UNCONNECTED": Kind.IDLE,
            "CONNECTING": Kind.OPENING,
            "CONNECTED": Kind.OPEN,
            "DISCONNECTING": Kind.CLOSING,
        },
    ),
    "udp": Look(
        kinds={"UNBOUND": Kind.IDLE, "BOUND": Kind.OPENING, "CONNECTED": Kind.OPEN},
    ),
    "epoll": Look(
        order=("OFF", "IDLE", "READY", "DISARMED"),
        kinds={"OFF": Kind.IDLE, "IDLE": Kind.OPENING, "READY": Kind.OPEN, "DISARMED": Kind.STUCK},
        words={
            Kind.IDLE: "not registered",
            Kind.OPENING: "nothing known to report",
            Kind.OPEN: "in the ready list",
            Kind.STUCK: "reported once, waits to be modified",
        },
        notes={"READY": "in the ready list"},
        twice="OFF",
    ),
    "descriptor": Look(kinds={"CLOSED": Kind.IDLE, "OPEN": Kind.OPEN}),
    "send_buffer": Look(
        order=("EMPTY", "ROOM", "FULL"), kinds={"EMPTY": Kind.IDLE, "ROOM": Kind.OPEN, "FULL": Kind.STUCK}
    ),
    "receive_buffer": Look(
        order=("EMPTY", "HOLDING", "CLOSED_WINDOW", "ENDED"),
        kinds={"EMPTY": Kind.IDLE, "HOLDING": Kind.OPEN, "CLOSED_WINDOW": Kind.STUCK, "ENDED": Kind.ENDED},
    ),
}


def names() -> tuple[str, ...]:
    """The names of all diagrams, in drawing order."""
    first, *others = _all()
    return (first, rfc.NAME, *others)


def diagram(name: str, counts: Mapping[str, int] | None = None, caption: Caption = NOT_CHECKED) -> Diagram:
    """The diagram of one machine or view of the model.

    `counts` maps `Arrow.key` to the times the kernel confirmed it. Raises ValueError for a name not in `names()`.
    """
    there = _all()
    if name == rfc.NAME:
        return rfc.diagram(counts or {}, caption, _TCP)
    if name not in there:
        raise ValueError(f"there is no diagram {name!r}; there are {', '.join(names())}")
    return make(there[name], MACHINES, counts or {}, caption, LOOKS.get(name, PLAIN))


def _all() -> dict[str, Machine | View]:
    shown: tuple[Machine | View, ...] = (*MACHINES, *VIEWS)
    return {each.name: each for each in shown}
