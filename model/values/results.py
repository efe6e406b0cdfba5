"""What a call answers: `Done` with a value, `Fail` with an error number, `Block` on something named.

These are values, not exceptions: a rule returns one, the trace stores it, the cross-check compares it, and only the
outermost layer (simnet) turns a `Fail` into the `OSError` that a program sees.
"""

from __future__ import annotations

import errno as _errno
from typing import Any

import attrs


@attrs.define(slots=True, unsafe_hash=True)
class Done:
    """The call succeeded. `value` is what it returned: an int, bytes, an address, or None."""

    value: Any = None

    def __str__(self) -> str:
        return "ok" if self.value is None else show(self.value)


@attrs.define(slots=True, unsafe_hash=True)
class Fail:
    """The call failed with this error number (Linux numbering)."""

    errno: int

    @property
    def name(self) -> str:
        return _errno.errorcode.get(self.errno, str(self.errno))

    def __str__(self) -> str:
        return self.name


@attrs.define(slots=True, unsafe_hash=True)
class Block:
    """The call would have to wait for `on`."""

    on: str

    def __str__(self) -> str:
        return f"blocks on {self.on}"


Answer = Done | Fail | Block

OK = Done(None)


def show(value: Any, limit: int = 24) -> str:
    """A short, stable, one-line picture of a value: long byte strings are cut and their length given."""
    if isinstance(value, bytes):
        if len(value) <= limit:
            return repr(value)
        return f"{value[:8]!r}… ({len(value)} bytes)"
    if isinstance(value, tuple):
        return "(" + ", ".join(show(v, limit) for v in value) + ("," if len(value) == 1 else "") + ")"
    if isinstance(value, list):
        return "[" + ", ".join(show(v, limit) for v in value) + "]"
    return repr(value)
