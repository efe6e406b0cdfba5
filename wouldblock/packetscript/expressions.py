"""Arguments and answers of calls: numbers, names, strings, and what is built of them.

The structures of the sockets API are all written alike, ``{name=value, …}``, so one rule reads them all; which members
a structure must have is for whoever hands it to a call. Two ways of writing are particular: a member may say in
parentheses how many things follow, ``msg_iov(2)=[…]``, and strings side by side are one string.

Not here: what a name stands for, how wide a number is.
"""

from __future__ import annotations

from .lexer import Kind
from .reader import Beyond, Reader
from .syntax import Anything, Applied, Array, Either, Expression, Field, Number, Struct, Symbol, Text

_GRE = ("flags", "Flags")


def expressions(reader: Reader, closing: str, purpose: str) -> tuple[Expression, ...]:
    """Expressions separated by commas up to the sign `closing`, which is taken; the opening one was."""
    found: list[Expression] = []
    if reader.accept(closing):
        return ()
    while True:
        with reader.deeper():
            found.append(expression(reader))
        if reader.accept(closing):
            return tuple(found)
        if not reader.accept(","):
            reader.fail(f"',' or '{closing}' {purpose}")


def expression(reader: Reader) -> Expression:
    """One expression: flags, or a member of a structure."""
    parts = [_simple(reader)]
    first = parts[0]
    if reader.now.is_mark("="):
        if isinstance(first, Symbol):
            reader.take()
            return Field(first.name, _flags(reader, [_simple(reader)]))
        if isinstance(first, Applied) and len(first.arguments) == 1:
            reader.take()
            return Field(first.name, _flags(reader, [_simple(reader)]), first.arguments[0])
    return _flags(reader, parts)


def _flags(reader: Reader, parts: list[Expression]) -> Expression:
    while reader.accept("|"):
        parts.append(_simple(reader))
    return parts[0] if len(parts) == 1 else Either(tuple(parts))


def _simple(reader: Reader) -> Expression:
    token = reader.now
    match token.kind:
        case Kind.ELLIPSIS:
            reader.take()
            return Anything()
        case Kind.INTEGER:
            return Number(int(reader.take().text))
        case Kind.HEX:
            return Number(int(reader.take().text, 16), hexadecimal=True)
        case Kind.STRING:
            return _text(reader)
        case Kind.WORD:
            reader.take()
            if reader.accept("("):
                return Applied(token.text, _arguments(reader, token.text))
            return Symbol(token.text)
        case _ if reader.accept("["):
            return Array(expressions(reader, "]", "of the array"))
        case _ if reader.accept("{"):
            if reader.now.is_mark("(") and reader.ahead(1).is_word("label"):
                raise Beyond("an MPLS label stack")
            if reader.now.is_word(*_GRE) and not reader.ahead(1).is_mark("="):
                raise Beyond("a GRE header")
            return Struct(expressions(reader, "}", "of the structure"))
        case _:
            return reader.fail("an argument: a number, a name, a string, '...', '[' or '{'")


def _arguments(reader: Reader, name: str) -> tuple[Expression, ...]:
    if name == "sizeof" and reader.accept_word("struct"):
        structure = Symbol(f"struct {reader.word('the name of a structure')}")
        reader.expect(")", "behind what sizeof measures")
        return (structure,)
    return expressions(reader, ")", f"behind the arguments of {name}")


def _text(reader: Reader) -> Text:
    pieces = [reader.take().text]
    while reader.now.kind is Kind.STRING:
        pieces.append(reader.take().text)
    if reader.now.kind is Kind.ELLIPSIS:
        reader.take()
        return Text(tuple(pieces), more=True)
    return Text(tuple(pieces))
