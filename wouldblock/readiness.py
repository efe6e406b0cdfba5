"""`python -m wouldblock.readiness`: the table of what poll, select and epoll say of a socket in each situation.

The table is made on the model; a test makes it on the kernel too and demands the same.

Not here: the situations (situations.py); what makes an edge (docs/decisions.md, model/waiting/epoll.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs

from .situations import SITUATIONS, let_go

TABLE = Path(__file__).parent.parent / "docs" / "readiness.md"
BITS = ("POLLIN", "POLLPRI", "POLLOUT", "POLLERR", "POLLHUP", "POLLRDHUP", "POLLNVAL")
_HEAD = """# Readiness

What poll(2), select(2) and epoll(7) say of a socket, situation by situation; made by `python -m wouldblock.readiness`
on the model, and equal on the kernel (`tests/waiting/test_readiness.py`). poll was asked for POLLIN, POLLPRI, POLLOUT
and POLLRDHUP; the other bits are never asked for. select's three sets are r, w and x. epoll says what poll says, except
of a descriptor that nothing is behind, which cannot be registered.

| a socket that is … | poll | select |
|---|---|---|
"""


@attrs.frozen
class Ready:
    """What was seen of one situation. `epoll` is None where the descriptor cannot be registered."""

    poll: int
    select: str
    epoll: int | None

    def in_words(self, net: Any) -> str:
        """The bits of poll by name."""
        return " ".join(name for name in BITS if self.poll & getattr(net.select, name)) or "–"


def seen(net: Any, name: str) -> Ready:
    """Make the situation `name` on a net and ask all three."""
    select, sock = net.select, SITUATIONS[name](net)
    number = sock if isinstance(sock, int) else sock.fileno()
    try:
        events = select.POLLIN | select.POLLPRI | select.POLLOUT | select.POLLRDHUP
        poller = select.poll()
        poller.register(number, events)
        polled = dict(poller.poll(0)).get(number, 0)
        try:
            sets = "".join(
                letter for letter, found in zip("rwx", select.select(*[[number]] * 3, 0), strict=True) if found
            )
        except OSError as error:
            sets = str(error.strerror)
        return Ready(polled, sets, _epolled(select, number, events))
    finally:
        if not isinstance(sock, int):
            sock.close()
        let_go()


def _epolled(select: Any, number: int, events: int) -> int | None:
    with select.epoll() as epoll:
        try:
            epoll.register(number, events)
        except OSError:
            return None
        found: dict[int, int] = dict(epoll.poll(0))
        return found.get(number, 0)


def table() -> str:
    """The table in Markdown."""
    from model import SimNet

    rows = []
    for name, make in SITUATIONS.items():
        with SimNet() as net:
            ready = seen(net, name)
            rows.append(f"| {make.__doc__} | {ready.in_words(net)} | {ready.select or '–'} |")
    return _HEAD + "\n".join(rows) + "\n"


if __name__ == "__main__":
    TABLE.write_text(table(), encoding="utf-8")
