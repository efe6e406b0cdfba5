"""From tokens to a script: options, the command before, events in time, the command after.

The grammar on one screen, what is optional in brackets:

    script  := option* [command] event* [command]            a directive may stand between events
    event   := time action
    time    := T | +T | * | T~T | +T~+T                      T in seconds
    action  := packet | > nothing | code | command | [...T] call
    call    := name(arguments) = answer [errno] [(note)]

``*`` and ranges are for packets that are expected, and a range does not run backwards. Packets are read by packets.py,
arguments by expressions.py.

An error ends the reading: one sentence, with file, line and column. What is recognized but not supported does not: that
event becomes an `Unsupported`, and reading goes on behind it.

Not here: files (the caller has the text), and judging what a script means.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from .expressions import expression, expressions
from .lexer import Kind, Token, define, tokens_of
from .packets import packet
from .reader import Beyond, Reader
from .syntax import (
    Action,
    After,
    AnyTime,
    At,
    Between,
    Code,
    Command,
    Event,
    Expression,
    Nothing,
    Option,
    Packet,
    Script,
    Symbol,
    SystemCall,
    Unsupported,
    When,
)

_ERRNO = re.compile("E[A-Z0-9]+")


def parse(text: str, name: str = "script", defines: Mapping[str, str] | None = None) -> Script:
    """The script that `text` is. Words that `defines` holds, or the script's own ``--define=NAME=value``, are replaced
    by their values; `defines` wins. `name` is the file's, for errors.

    Raises `ScriptError`.
    """
    tokens = tokens_of(text, name)
    values = dict(_definitions(tokens)) | dict(defines or {})
    reader = Reader(define(tokens, values, name), name)
    options = tuple(_options(reader))
    init = _command(reader)
    events: list[Event] = []
    while reader.now.kind is not Kind.END and reader.now.kind is not Kind.COMMAND:
        events.append(_event(reader, after_init=init is not None or bool(events)))
    cleanup = _command(reader)
    if reader.now.kind is not Kind.END:
        reader.fail("nothing behind the command that cleans up")
    return Script(options, init, tuple(events), cleanup)


def _definitions(tokens: list[Token]) -> list[tuple[str, str]]:
    options = [_option(token) for token in tokens if token.kind is Kind.OPTION]
    values = [option.value or "" for option in options if option.name == "define"]
    return [(name, value) for name, equals, value in (value.partition("=") for value in values) if equals]


def _options(reader: Reader) -> list[Option]:
    found: list[Option] = []
    while reader.now.kind is Kind.OPTION:
        found.append(_option(reader.take()))
    return found


def _option(token: Token) -> Option:
    name, equals, value = token.text.removeprefix("--").partition("=")
    if not equals:
        return Option(name)
    value = value.lstrip(" \t")
    return Option(name.rstrip(" \t"), value[1:-1] if value.startswith('"') else value)


def _command(reader: Reader) -> Command | None:
    return Command(reader.take().text) if reader.now.kind is Kind.COMMAND else None


# ------------------------------------------------------------------------------------------------------------- events


def _event(reader: Reader, after_init: bool) -> Event:
    first = reader.now
    if first.kind is Kind.DIRECTIVE:
        return Event(After(0), Unsupported("a preprocessor", reader.take().text, first.line), first.line)
    when = _when(reader, after_init)
    start = reader.index
    try:
        action = _action(reader, when)
    except Beyond as beyond:
        end = reader.end_of_event(start)
        reader.index = end
        return Event(when, Unsupported(beyond.what, reader.text(start, end), first.line), first.line)
    if isinstance(when, AnyTime | Between) and not (isinstance(action, Packet) and action.outbound):
        reader.fail("a single time: '*' and ranges are for packets that are expected to leave", first)
    return Event(when, action, first.line)


def _when(reader: Reader, after_init: bool) -> When:
    first = reader.now
    if reader.accept("*"):
        return AnyTime()
    if first.kind is Kind.OPTION:
        reader.fail("an event: options stand before everything else")
    relative = reader.accept("+")
    if not relative and first.kind not in {Kind.INTEGER, Kind.DECIMAL}:
        commands = "" if after_init else ", an option or a command"
        reader.fail(f"the time of an event (such as 0.1, +0.1 or *){commands}")
    start_ns = reader.time_ns("a time")
    if not reader.accept("~"):
        return After(start_ns) if relative else At(start_ns)
    if relative and not reader.accept("+"):
        reader.fail("'+' before the end of a range that began with one")
    if not relative and reader.now.is_mark("+"):
        reader.fail("no '+' before the end of a range that began without")
    end_ns = reader.time_ns("the end of the range")
    if end_ns < start_ns:
        reader.fail("a range that does not run backwards", first)
    return Between(start_ns, end_ns, relative)


def _action(reader: Reader, when: When) -> Action:
    token = reader.now
    match token.kind:
        case Kind.COMMAND:
            return Command(reader.take().text)
        case Kind.CODE:
            return Code(reader.take().text)
        case Kind.ELLIPSIS | Kind.WORD:
            return _call(reader, when)
        case _ if token.is_mark(">") and reader.ahead(1).is_word("nothing"):
            reader.take()
            reader.take()
            return Nothing()
        case _ if token.is_mark("<") or token.is_mark(">"):
            return packet(reader)
        case _:
            return reader.fail("a packet ('<' or '>'), a call, code in %{ }% or a command in backquotes")


def _call(reader: Reader, when: When) -> SystemCall:
    until_ns: int | None = None
    if reader.now.kind is Kind.ELLIPSIS:
        reader.take()
        end = reader.now
        until_ns = reader.time_ns("the time at which the call returns")
        start_ns = when.at_ns if isinstance(when, At) else when.delay_ns if isinstance(when, After) else 0
        if until_ns < start_ns:
            reader.fail("a call that does not return before it begins", end)
    name = reader.word("the name of a call")
    reader.expect("(", "and arguments behind the name of a call")
    arguments = expressions(reader, ")", f"behind the arguments of {name}")
    reader.expect("=", "and the answer behind a call")
    if reader.now.kind is Kind.WORD and reader.ahead(1).is_mark("("):
        result: Expression = Symbol(reader.take().text)  # and a note behind it, not an argument
    else:
        result = expression(reader)
    errno = reader.take().text if reader.now.kind is Kind.WORD and _ERRNO.fullmatch(reader.now.text) else None
    note = _note(reader) if reader.now.is_mark("(") else None
    return SystemCall(name, arguments, result, errno, note, until_ns)


def _note(reader: Reader) -> str:
    opening = reader.take()
    start, depth = reader.index, 1
    while True:
        if reader.now.kind is Kind.END:
            reader.fail("')' behind a note", opening)
        depth += reader.now.is_mark("(") - reader.now.is_mark(")")
        if not depth:
            text = reader.text(start, reader.index)
            reader.take()
            return text
        reader.take()
