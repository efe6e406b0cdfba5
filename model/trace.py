"""The trace: what happened, in order, on either arm, as values and as JSON Lines.

Line one is a header: ``{"format": "wouldblock-trace", "version": 1, "arm": "model" | "kernel", …}``. Every further
line is one event with ``at_ns`` (nanoseconds since the scenario began), ``kind`` and the fields of that kind:

- ``call``     host, call, socket, args, answer (``{"ok": …}``, ``{"errno": "EAGAIN"}`` or ``{"blocks": …}``), rules,
  sockets
- ``segment``  host, text: packetdrill's notation, relative sequence numbers
- ``datagram`` host, text
- ``timer``    host, socket, timer

Sockets are named ``s1``, ``s2``, … in the order in which they came to be, epolls ``e1``, ``e2``, …, so that both arms
name them alike; bytes are
written as ``{"bytes": length, "head": first sixteen in hex}``. Keys are sorted and nothing depends on hashing: the same
seed gives the same bytes.

Not here: what the events mean; pcapng (wouldblock/pcap.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, TextIO

import attrs

from .values.observation import Observation
from .values.results import Answer, Block, Done, Fail
from .values.segments import Packet

VERSION = 1


@attrs.frozen
class CallEvent:
    """One call and its answer. `rules` are the names of the rules that fired, in order (empty on the kernel's arm)."""

    at_ns: int
    host: str
    call: str
    socket: str | None
    args: tuple[Any, ...]
    answer: Answer
    rules: tuple[str, ...] = ()
    sockets: tuple[tuple[str, Observation], ...] = ()
    accounts: tuple[tuple[str, Any], ...] = ()
    """The accounts of each open socket in full (world/accounts.py), if the trace asks for them; not in JSON."""
    kind = "call"


@attrs.frozen
class WireEvent:
    """A segment or a datagram as it passes the wire; `text` in packetdrill's notation. `kind`: segment or datagram.

    `packet` is the value itself, where the model sent it; JSON leaves it out.
    """

    at_ns: int
    host: str
    text: str
    kind: str = "segment"
    packet: Packet | None = None


@attrs.frozen
class TimerEvent:
    """A timer that fired."""

    at_ns: int
    host: str
    socket: str
    timer: str
    kind = "timer"


Event = CallEvent | WireEvent | TimerEvent


class Trace:
    """Events in order, with a header."""

    def __init__(self, arm: str, **header: Any) -> None:
        self.header: dict[str, Any] = {"format": "wouldblock-trace", "version": VERSION, "arm": arm, **header}
        self.events: list[Event] = []
        self.wants_accounts = False
        """Whether each call is to come with the accounts of every open socket."""

    def add(self, event: Event) -> None:
        self.events.append(event)

    def calls(self) -> list[CallEvent]:
        return [event for event in self.events if isinstance(event, CallEvent)]

    def lines(self) -> Iterator[str]:
        yield json.dumps(self.header, sort_keys=True, ensure_ascii=False)
        for event in self.events:
            yield json.dumps(to_json(event), sort_keys=True, ensure_ascii=False)

    def write(self, file: TextIO) -> None:
        file.writelines(line + "\n" for line in self.lines())


def to_json(value: Any) -> Any:
    """The JSON picture of an event or of anything in it."""
    match value:
        case CallEvent():
            return {
                "at_ns": value.at_ns, "kind": value.kind, "host": value.host, "call": value.call,
                "socket": value.socket, "args": to_json(value.args), "answer": to_json(value.answer),
                "rules": list(value.rules), "sockets": {name: seen._asdict() for name, seen in value.sockets},
            }  # fmt: skip
        case WireEvent():
            return {"at_ns": value.at_ns, "kind": value.kind, "host": value.host, "text": value.text}
        case TimerEvent():
            return {**attrs.asdict(value), "kind": value.kind}
        case Done():
            return {"ok": to_json(value.value)}
        case Fail():
            return {"errno": value.name}
        case Block():
            return {"blocks": value.on}
        case bytes() | bytearray() | memoryview():
            return {"bytes": len(value), "head": bytes(value[:16]).hex()}
        case tuple() | list():
            return [to_json(item) for item in value]
        case dict():
            return {str(key): to_json(item) for key, item in value.items()}
        case None | bool() | int() | float() | str():
            return value
    return repr(value)
