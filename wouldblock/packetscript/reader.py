"""A place in a row of tokens: what comes next, what was expected, and where the event ends that cannot be understood.

Everything that reads the language reads through this. A reader looks one or two tokens ahead, takes what it wants, and
otherwise raises a `ScriptError` that names the place and says what was expected there. What is recognized but not
supported raises `Beyond`: the event that holds it is then skipped to where, at the beginning of a line and outside of
brackets, the next one starts.

Not here: any rule of the language but the shape of a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from .lexer import Kind, ScriptError, Token

U8, U16, U20, U24, U32 = (2**bits - 1 for bits in (8, 16, 20, 24, 32))
SECOND_NS = 1_000_000_000
_DECIMALS = 9
_SHOWN = 30
_DEEPEST = 40


class Beyond(Exception):
    """The script uses `what`, which the language has and we do not."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class Reader:
    """The tokens of a script and how far they are read."""

    def __init__(self, tokens: list[Token], name: str) -> None:
        self._tokens = tokens
        self._name = name
        self.index = 0
        self._depth = 0

    @property
    def now(self) -> Token:
        """The next token, not taken."""
        return self._tokens[self.index]

    def ahead(self, count: int) -> Token:
        """The token `count` behind the next."""
        return self._tokens[min(self.index + count, len(self._tokens) - 1)]

    def take(self) -> Token:
        token = self.now
        if token.kind is not Kind.END:
            self.index += 1
        return token

    def fail(self, expected: str, at: Token | None = None) -> NoReturn:
        """Say that `expected` was expected where `at` stands, by default the next token."""
        token = at or self.now
        raise ScriptError(self._name, token.line, token.column, f"expected {expected}, found {_described(token)}.")

    @contextmanager
    def deeper(self) -> Iterator[None]:
        """Within one more bracket, of which there are not arbitrarily many."""
        if self._depth == _DEEPEST:
            self.fail(f"brackets within brackets at most {_DEEPEST} deep")
        self._depth += 1
        yield
        self._depth -= 1

    # ------------------------------------------------------------------------------------------------- single tokens

    def accept(self, mark: str) -> bool:
        """Take the sign `mark` if it is next."""
        if self.now.is_mark(mark):
            self.take()
            return True
        return False

    def expect(self, mark: str, purpose: str) -> None:
        """Take the sign `mark`; `purpose` says what it does there."""
        if not self.accept(mark):
            self.fail(f"'{mark}' {purpose}")

    def word(self, expected: str) -> str:
        if self.now.kind is not Kind.WORD:
            self.fail(expected)
        return self.take().text

    def accept_word(self, *words: str) -> str | None:
        return self.take().text if self.now.is_word(*words) else None

    def integer(self, what: str, low: int = 0, high: int = U32) -> int:
        """A decimal number from `low` to `high`."""
        expected = f"{what}, a number from {low} to {high}"
        self.undefined()
        if self.now.kind is not Kind.INTEGER or not low <= int(self.now.text) <= high:
            self.fail(expected)
        return int(self.take().text)

    def hexadecimal(self, what: str, high: int) -> int:
        """A number written ``0x…``, up to `high`."""
        self.undefined()
        if self.now.kind is not Kind.HEX or int(self.now.text, 16) > high:
            self.fail(f"{what}, a hexadecimal number up to {high:#x}")
        return int(self.take().text, 16)

    def undefined(self) -> None:
        """Where a number is due: a name in capitals is one that whoever runs the script would have to define."""
        if self.now.kind is Kind.WORD and self.now.text.isupper():
            raise Beyond("a name that nobody defined")

    def time_ns(self, what: str) -> int:
        """Seconds, with up to nine decimals."""
        text = self.now.text
        if self.now.kind is Kind.INTEGER and not text.startswith("-"):
            self.take()
            return int(text) * SECOND_NS
        if self.now.kind is Kind.DECIMAL and not text.startswith("-"):
            whole, decimals = text.split(".")
            if len(decimals) > _DECIMALS:
                self.fail(f"{what} with at most nine decimals")
            self.take()
            return int(whole or "0") * SECOND_NS + int(decimals.ljust(_DECIMALS, "0"))
        return self.fail(f"{what} in seconds")

    # ------------------------------------------------------------------------------------------------ rows of tokens

    def text(self, start: int, end: int) -> str:
        """The tokens from `start` to `end`, not included, as they were written, on one line and without comments."""
        parts: list[str] = []
        for token in self._tokens[start:end]:
            parts += [" ", token.source] if token.spaced and parts else [token.source]
        return "".join(parts)

    def words(self, start: int, end: int) -> list[str]:
        return [token.text for token in self._tokens[start:end] if token.kind is Kind.WORD]

    def end_of_event(self, start: int) -> int:
        """Where the event ends in which `start` lies behind the time."""
        depth = 0
        for index in range(start, len(self._tokens)):
            token = self._tokens[index]
            if token.kind is Kind.END or (token.kind is Kind.DIRECTIVE and index > start):
                return index
            if token.kind is Kind.MARK and token.text in "([{":
                depth += 1
            elif token.kind is Kind.MARK and token.text in ")]}":
                depth = max(0, depth - 1)
            elif depth == 0 and index > start and token.first and self._begins_event(index):
                return index
        return len(self._tokens) - 1

    def _begins_event(self, index: int) -> bool:
        """A time and the beginning of an action stand there, or the cleanup command."""
        tokens = [*self._tokens[index : index + 8], *self._tokens[-1:] * 8]
        if tokens[0].kind is Kind.COMMAND:
            return True
        if tokens[0].is_mark("*"):
            tokens = tokens[1:]
        else:
            tokens = _behind_time(tokens)
            if tokens and (tokens[0].is_mark("~") or tokens[0].kind is Kind.ELLIPSIS):
                tokens = _behind_time(tokens[1:])
        if not tokens:
            return False
        return (
            tokens[0].kind in {Kind.CODE, Kind.COMMAND}
            or tokens[0].is_mark("<")
            or tokens[0].is_mark(">")
            or (tokens[0].kind is Kind.WORD and tokens[1].is_mark("("))
        )


def _behind_time(tokens: list[Token]) -> list[Token]:
    """What stands behind a time; nothing if there is none."""
    behind = tokens[1:] if tokens[0].is_mark("+") else tokens
    return behind[1:] if behind[0].kind in {Kind.INTEGER, Kind.DECIMAL} else []


def _described(token: Token) -> str:
    if token.kind is Kind.END:
        return "the end of the script"
    source = token.source.split("\n")[0]
    return f"'{source[:_SHOWN]}…'" if len(source) > _SHOWN or source != token.source else f"'{source}'"
