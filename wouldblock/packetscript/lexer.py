"""From text to tokens: where words, numbers, addresses, strings and whole blocks of code begin and end.

The language has three traps, all about which token is longest. ``1:1001`` is a range of sequence numbers and
``1::1001`` an address, so that an IPv6 address is one only with ``::`` or eight groups. ``000102ff`` is a word although
it begins with digits, because a word is all that hangs together; ``0...0.4`` is a number, an ellipsis and a number. And
a block between ``%{`` and ``}%``, quotes or backquotes is one token whatever it holds, comments and line ends included.

Comments are ``//`` and ``#`` to the end of the line (``#`` only where white space precedes it) and ``/* */``. A line
that begins with ``#if`` or its like is no comment but a directive of a dialect with a preprocessor. Tokens know whether
white space preceded them and whether they are the first on their line: what is not supported is skipped by lines and
written down again as it stood.

Names that the script (``--define=NAME=value``) or its caller defines are replaced here, before anyone reads them.

Not here: what tokens mean in a row (parser.py).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping
from enum import Enum

import attrs


class Kind(Enum):
    """What a token is."""

    WORD = "a word"
    INTEGER = "a number"
    HEX = "a hexadecimal number"
    DECIMAL = "a decimal number"
    STRING = "a string"
    COMMAND = "a command in backquotes"
    CODE = "a block of code"
    IPV4 = "an IPv4 address"
    IPV6 = "an IPv6 address"
    ELLIPSIS = "an ellipsis"
    OPTION = "an option"
    DIRECTIVE = "a directive"
    MARK = "a sign"
    END = "the end of the script"


@attrs.frozen
class Token:
    kind: Kind
    text: str
    """What was written; without the quotes of a string, a command or a block of code."""
    line: int
    column: int
    spaced: bool
    """White space or a comment precedes it."""
    first: bool
    """It is the first on its line."""

    def is_mark(self, mark: str) -> bool:
        return self.kind is Kind.MARK and self.text == mark

    def is_word(self, *words: str) -> bool:
        return self.kind is Kind.WORD and self.text in words

    @property
    def source(self) -> str:
        """As it was written, quotes included."""
        match self.kind:
            case Kind.STRING:
                return f'"{self.text}"'
            case Kind.COMMAND:
                return f"`{self.text}`"
            case Kind.CODE:
                return f"%{{ {self.text} }}%"
            case _:
                return self.text


class ScriptError(ValueError):
    """A script that is not one: where, and what was expected there, in one sentence."""

    def __init__(self, name: str, line: int, column: int, sentence: str) -> None:
        super().__init__(f"{name}:{line}:{column}: {sentence}")
        self.name = name
        self.line = line
        self.column = column
        self.sentence = sentence


_GROUP = "[0-9a-fA-F]{1,4}"
_IPV4 = r"\d+\.\d+\.\d+\.\d+"
_IPV6 = (
    rf"(?:{_GROUP}(?::{_GROUP})*)?::(?:(?:{_GROUP}:)*(?:{_IPV4}|{_GROUP}(?![0-9a-zA-Z_])))?|(?:{_GROUP}:){{7}}{_GROUP}"
)
_STRING = r'"(?:\\.|[^"\\])*"'
_COMMAND = r"`(?:\\.|[^`\\])*`"
OPTION_VALUE = rf"{_STRING}|\w+=(?:{_STRING}|{_COMMAND})|[^\s\"]\S*"
"""What may stand behind the equals sign of an option."""

_TOKEN = re.compile(
    rf"""
      (?P<BLANK>   \s+ | //[^\n]* | /\*.*?\*/ )
    | (?P<CODE>    %\{{.*?\}}% )
    | (?P<OPTION>  --\w+(?:[ \t]*=[ \t]*(?:{OPTION_VALUE}))? )
    | (?P<STRING>  {_STRING} )
    | (?P<COMMAND> {_COMMAND} )
    | (?P<IPV6>    {_IPV6} )
    | (?P<IPV4>    {_IPV4} )
    | (?P<DECIMAL> -?\d{{0,40}}\.\d+ )
    | (?P<ELLIPSIS> \.\.\. )
    | (?P<INTEGER> -\d{{1,40}} )
    | (?P<WORD>    [A-Za-z0-9_]+ )
    | (?P<MARK>    . )
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_HASH = re.compile(r"#(?P<DIRECTIVE>(?:if|ifdef|ifndef|elif|else|endif|define|undef|include)\b)?[^\n]*")
_NUMBER = re.compile(r"\d{1,40}")  # longer ones are words: digits of a cookie, and no number anyone means
_HEX = re.compile(r"0x[0-9a-fA-F]+")
_OPEN = {
    '"': "the closing quote of the string that begins here",
    "`": "the closing backquote of the command that begins here",
    "%{": "the }% that closes the code that begins here",
    "/*": "the */ that closes the comment that begins here",
}


def tokens_of(text: str, name: str) -> list[Token]:
    """The tokens of `text`, the last of them of kind END. `name` is the script's, for errors."""
    lines = [0, *(match.end() for match in re.finditer("\n", text))]
    found: list[Token] = []
    at, spaced, line_before = 0, False, 0
    while at < len(text):
        group, written = _next(text, at)
        if group == "BLANK":
            at, spaced = at + len(written), True
            continue
        line = bisect_right(lines, at)
        column = at - lines[line - 1] + 1
        for opening, missing in _OPEN.items():
            if group == "MARK" and text.startswith(opening, at):
                raise ScriptError(name, line, column, f"expected {missing}, found the end of the script.")
        found.append(_token(Kind[group], written, line, column, spaced, line != line_before))
        at, spaced, line_before = at + len(written), False, line
    line = bisect_right(lines, len(text))
    found.append(Token(Kind.END, "", line, len(text) - lines[line - 1] + 1, spaced, line != line_before))
    return found


def _next(text: str, at: int) -> tuple[str, str]:
    """The name of the group that matches at `at`, and what it matches."""
    if text[at] == "#" and (at == 0 or text[at - 1].isspace()):
        comment = _HASH.match(text, at)
        assert comment is not None
        alone = not text[text.rfind("\n", 0, at) + 1 : at].strip()
        return ("DIRECTIVE" if alone and comment["DIRECTIVE"] else "BLANK"), comment.group().rstrip()
    match = _TOKEN.match(text, at)
    assert match is not None, "any character is at least a sign"
    return match.lastgroup or "MARK", match.group()


def _token(kind: Kind, written: str, line: int, column: int, spaced: bool, first: bool) -> Token:
    match kind:
        case Kind.STRING | Kind.COMMAND:
            written = written[1:-1]
        case Kind.CODE:
            written = written[2:-2].strip(" \t")
        case Kind.WORD if _NUMBER.fullmatch(written):
            kind = Kind.INTEGER
        case Kind.WORD if _HEX.fullmatch(written):
            kind = Kind.HEX
        case _:
            pass
    return Token(kind, written, line, column, spaced, first)


def define(tokens: list[Token], values: Mapping[str, str], name: str) -> list[Token]:
    """Put for every word that `values` defines the tokens of its value, and for those theirs."""
    if not values:
        return tokens
    result: list[Token] = []
    for token in tokens:
        result += _value_of(token, values, name, ()) if token.kind is Kind.WORD else [token]
    return result


def _value_of(token: Token, values: Mapping[str, str], name: str, within: tuple[str, ...]) -> list[Token]:
    value = values.get(token.text) if token.kind is Kind.WORD else None
    if value is None:
        return [token]
    if token.text in within:
        raise ScriptError(
            name, token.line, token.column, f"expected a name that is not defined by itself, found '{token.text}'."
        )
    result: list[Token] = []
    for number, inner in enumerate(tokens_of(value, f"{name}, the value of {token.text}")[:-1]):
        placed = attrs.evolve(
            inner,
            line=token.line,
            column=token.column,
            spaced=token.spaced if number == 0 else inner.spaced,
            first=token.first and number == 0,
        )
        result += _value_of(placed, values, name, (*within, token.text))
    return result
