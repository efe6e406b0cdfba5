"""`wouldblock explain`: a scenario on the model, with the accounts of memory after each call and why it stopped there.

Calls that are alike, made in a row and answered alike, are one row with a count: filling a buffer byte by byte is one
line, and the accounts are those after the last of them. Under it stands each socket whose accounts moved:

    s1  sends 4,777 of 4,608   receives 0 of 131,072   in flight 0   unsent 65   window left 0

then its buffers, and after a send that took less than it was given, or nothing, the chain of reasons, each with its
numbers. They are read off the model's state (model/world/accounts.py); nothing is written for a scenario by hand.

Not here: the kernel (`wouldblock check` compares the same accounts after every call).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any

import attrs
from rich.console import Console
from rich.text import Text

from model.trace import CallEvent, to_json
from model.values.results import Block, Done, Fail
from model.world.accounts import Accounts, Held, Holdup, Reason
from wouldblock import arms, files, scenarios
from wouldblock.front import AGREED, UNUSABLE, screen
from wouldblock.paragraphs import paragraph
from wouldblock.scenarios import Run, Scenario
from wouldblock.sidebyside import Ports
from wouldblock.wording import answer_text, call_text

_INDENT, _HANGING = 5, 2
_SENDS = ("send", "sendto")
_QUEUES = {
    "received": "waits to be read",
    "unacked": "in flight",
    "unsent": "waits to be sent",
    "datagrams": "waits to be read",
}


@attrs.frozen(eq=False)
class Row:
    """Calls in a row that are alike, and the accounts after the last."""

    event: CallEvent
    times: int
    taken: int
    """Bytes that they sent or received together."""
    moved: tuple[tuple[str, Accounts], ...]
    """The sockets whose accounts are others than before."""

    @property
    def stopped(self) -> Accounts | None:
        """The accounts of the sender, if it was stopped: fewer bytes were taken than given, or none."""
        if self.event.call not in _SENDS:
            return None
        accounts = dict(self.event.accounts).get(self.event.socket or "")
        answer, wanted = self.event.answer, len(self.event.args[0])
        short = isinstance(answer, Block) or (isinstance(answer, Fail) and answer.name == "EAGAIN")
        short = short or (isinstance(answer, Done) and answer.value < wanted)
        return accounts if short else None

    def to_json(self) -> dict[str, Any]:
        return {
            "call": call_text(self.event), "answer": to_json(self.event.answer), "times": self.times,
            "bytes": self.taken, "accounts": {name: each.to_json() for name, each in self.event.accounts},
            "why": list(why(self.stopped)) if self.stopped else [],
        }  # fmt: skip


def explain(target: str, seed: int, json_file: str | None) -> int:
    """The work of the verb. Raises `Stop` for a file or a name that means no scenario."""
    console = screen(json_file)
    found: list[dict[str, Any]] = []
    failed = False
    for scenario in scenarios.load(target):
        done = scenarios.run(scenario, "model", lambda: _with_accounts(seed))
        rows = list(rows_of(done))
        found.append(
            {"scenario": scenario.target, "rows": [row.to_json() for row in rows], "error": done.error or None}
        )
        _print(console, scenario, rows, done)
        failed = failed or done.raised is not None
    files.write_json(json_file, {"seed": seed, "scenarios": found})
    return UNUSABLE if failed else AGREED


@contextmanager
def _with_accounts(seed: int) -> Iterator[Any]:
    """The simulated net, whose trace takes the accounts down."""
    with arms.model(seed) as net:
        net.trace.wants_accounts = True
        yield net


def rows_of(run: Run) -> Iterator[Row]:
    """The calls of a run, alike ones together."""
    ports = Ports()
    events = [ports.event(event) for event in run.calls]
    before: dict[str, Accounts] = {}
    for _, alike in groupby(events, key=_likeness):
        group = list(alike)
        last = group[-1]
        moved = tuple((name, each) for name, each in last.accounts if before.get(name) != each)
        before = dict(last.accounts)
        yield Row(last, len(group), sum(_bytes(event) for event in group), moved)


def _likeness(event: CallEvent) -> tuple[Any, ...]:
    args = tuple(("bytes", len(arg)) if isinstance(arg, bytes) else repr(arg) for arg in event.args)
    answer = event.answer
    told = (
        ("bytes", len(answer.value)) if isinstance(answer, Done) and isinstance(answer.value, bytes) else repr(answer)
    )
    return event.host, event.call, event.socket, args, told


def _bytes(event: CallEvent) -> int:
    if not isinstance(event.answer, Done):
        return 0
    value = event.answer.value
    if event.call in _SENDS:
        return int(value)
    return len(value) if isinstance(value, bytes) else 0


def why(accounts: Accounts) -> Iterator[str]:
    """The reasons that a sender was stopped, one sentence each, from the program's side to the peer's."""
    if accounts.full_at >= accounts.sndbuf > accounts.wmem:
        yield (
            f"the send buffer was charged {accounts.full_at:,} bytes of {accounts.sndbuf:,} when the send stopped; "
            f"{accounts.full_at - accounts.wmem:,} of them were free again when it returned"
        )
    for holdup in accounts.holdups:
        yield _SENTENCES[holdup.reason](holdup, accounts)
    if any(holdup.reason is Reason.PEER_WINDOW for holdup in accounts.holdups) and accounts.peer:
        charged, size, unread = accounts.peer
        yield (
            f"the receiver holds {unread:,} bytes unread, which are charged {charged:,} of the {size:,} bytes of its "
            "receive buffer; only reading there opens the window"
        )


def _full(holdup: Holdup, accounts: Accounts) -> str:
    sending = [each for each in accounts.buffers if each.queue in ("unacked", "unsent")]
    payload = sum(each.size for each in sending)
    buffers = f"{len(sending):,} buffer{'' if len(sending) == 1 else 's'}"
    return (
        f"the send buffer is charged {holdup.have:,} bytes of {holdup.need:,}, and a further buffer is begun only "
        f"below that: {payload:,} bytes of payload in {buffers}, and {holdup.have - payload:,} of overhead"
    )


_SENTENCES: dict[Reason, Callable[[Holdup, Accounts], str]] = {
    Reason.SEND_BUFFER: _full,
    Reason.NOT_SENT: lambda h, a: (
        f"{h.have:,} bytes wait to be sent for the first time, and TCP_NOTSENT_LOWAT takes more only below {h.need:,}"
    ),
    Reason.PEER_WINDOW: lambda h, a: (
        f"what waits cannot leave: its first piece has {h.need:,} bytes, and the peer's window takes {h.have:,} more"
    ),
    Reason.CONGESTION_WINDOW: lambda h, a: (
        f"what waits cannot leave: {h.have:,} segments are on their way, and the congestion window lets {h.need:,} be"
    ),
    Reason.NAGLE: lambda h, a: (
        f"what waits, {h.have:,} bytes, is less than a segment of {h.need:,}, and by Nagle's algorithm it stays until "
        "the small one before it is acknowledged"
    ),
    Reason.CORK: lambda h, a: (
        f"what waits, {h.have:,} bytes, is less than a segment of {h.need:,}, and TCP_CORK keeps it"
    ),
}


def _print(console: Console, scenario: Scenario, rows: Sequence[Row], done: Run) -> None:
    paragraph(console, Text.assemble((scenario.name, "bold"), f": {scenario.fact}" if scenario.fact else ""))
    for number, row in enumerate(rows, 1):
        times = f" × {row.times:,}, {row.taken:,} bytes" if row.times > 1 and row.taken else ""
        times = times or (f" × {row.times:,}" if row.times > 1 else "")
        line = Text.assemble((f"{number:>3}", "dim"), f"  {call_text(row.event)}{times}  →  ")
        paragraph(console, line.append(answer_text(row.event), style="bold"), 0, _INDENT + _HANGING)
        for name, accounts in row.moved:
            paragraph(console, Text.assemble((name, "cyan"), "  ", _line(accounts)), _INDENT, _HANGING)
            for text in _buffers(accounts.buffers):
                paragraph(console, Text(text, style="dim"), _INDENT + 2 * _HANGING, _HANGING)
        if row.stopped:
            for at, sentence in enumerate(why(row.stopped)):
                head = "why  " if not at else "and  "
                paragraph(console, Text.assemble((head, "bold yellow"), sentence + "."), _INDENT, len(head))
    if done.raised is not None:
        paragraph(console, Text(f"It ended with {done.error}", style="red"))
    console.print()


def _line(accounts: Accounts) -> str:
    parts = [
        f"sends {accounts.wmem:,} of {accounts.sndbuf:,}", f"receives {accounts.rmem:,} of {accounts.rcvbuf:,}",
        f"reserved {accounts.reserved:,}",
    ]  # fmt: skip
    numbers = (
        ("in flight", accounts.unacked), ("unsent", accounts.unsent), ("unread", accounts.unread),
        ("window left", accounts.window_left), ("offers", accounts.offered),
    )  # fmt: skip
    return "   ".join([*parts, *(f"{what} {number:,}" for what, number in numbers if number)])


def _buffers(buffers: Sequence[Held]) -> Iterator[str]:
    for queue, held in groupby(buffers, key=lambda each: each.queue):
        told = []
        for one, same in groupby(held):
            times = len(list(same))
            pages = f", in {one.runs} runs of pages" if one.runs > 1 else ""
            told.append((f"{times:,} × " if times > 1 else "") + f"{one.size:,} charged {one.truesize:,}{pages}")
        yield f"{_QUEUES[queue]}: " + "; ".join(told)
