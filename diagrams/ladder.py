"""A ladder: the same calls on the model and on the kernel, side by side, with a broken rung where they differ.

    call                              model        kernel
    1  s1 = socket(2, 1, 0)              ok ├────┤ ok
    2  s1.send(b'x', 0)                   1 ├ ≠≠ ┤ EPIPE
         rules: send_copies
         s1 poll                    POLLOUT ├ ≠≠ ┤ POLLOUT|POLLHUP

A rung stands for one call and its two answers. Beneath a call stands what else is known of it where the arms
differ: the rules that gave the model's answer, and what can be seen of a socket afterwards (`Observation`). A
call that only one arm made has no rung to the other side.

Compared are answers as they are, except for what no two runs share: the number of a fresh descriptor, and all
of `TCP_INFO` but its first byte, the state (the rest are measured times).

Not here: finding out which calls belong together (they are taken in order), names for ports, colours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest
from typing import Any

import attrs

from model.trace import CallEvent
from model.values import constants
from model.values.results import Done, show

CALL_WIDTH_MAX = 64
"""Longer calls are cut, so that both answers stay in view."""
NOTHING = "·"

_POLL = ("POLLIN", "POLLPRI", "POLLOUT", "POLLERR", "POLLHUP", "POLLNVAL", "POLLRDHUP")

Wording = Callable[[CallEvent], str]


@attrs.frozen
class _Rung:
    """One line: a number (or none), a text, both answers, and how they relate."""

    number: str
    text: str
    model: str = ""
    kernel: str = ""
    middle: str = ""
    """What stands between the two rails; empty for a line without answers."""


_MAKES = ("socket", "epoll_create", "epoll_create1")
"""The calls that make a descriptor out of nothing: its number says nothing."""
_SAME, _DIFFERENT, _APART = "────", " ≠≠ ", "    "


def plain_call(event: CallEvent) -> str:
    """The call with its arguments as the trace holds them: numbers stay numbers."""
    arguments = ", ".join(show(argument) for argument in event.args)
    if event.call in _MAKES and event.socket:
        return f"{event.socket} = {event.call}({arguments})"
    return f"{event.socket}.{event.call}({arguments})" if event.socket else f"{event.call}({arguments})"


def plain_answer(event: CallEvent) -> str:
    """The answer: an errno's name, a value; poll bits by name."""
    if not isinstance(event.answer, Done):
        return str(event.answer)
    value = event.answer.value
    if event.call in _MAKES or value is None:
        return "ok"
    if event.call in ("poll", "epoll_wait"):
        return ", ".join(f"{name}: {poll_text(bits)}" for name, bits in value) or "nothing ready"
    return show(value)


def poll_text(bits: int) -> str:
    """Poll bits by name: ``POLLIN|POLLOUT``; ``0`` for none."""
    known = {name: int(getattr(constants, name)) for name in _POLL}
    names = [name for name, bit in known.items() if bits & bit]
    rest = bits & ~sum(known.values())
    return "|".join(names + ([f"{rest:#x}"] if rest else [])) or "0"


def ladder(
    model_calls: Sequence[CallEvent],
    kernel_calls: Sequence[CallEvent],
    call_text: Wording = plain_call,
    answer_text: Wording = plain_answer,
) -> str:
    """The two lists of calls as a ladder, one line each, ending with a line feed; calls are paired in order.

    `call_text` and `answer_text` put a call and its answer into words.
    """
    rungs = list(_rungs(model_calls, kernel_calls, call_text, answer_text))
    numbers = max((len(rung.number) for rung in rungs), default=0)
    texts = max((len(rung.text) for rung in rungs), default=0)
    left = max([len("model"), *(len(rung.model) for rung in rungs)])
    lines = [f"{'call':<{numbers + 2 + texts}}  {'model':>{left}}        kernel"]
    for rung in rungs:
        line = f"{rung.number:>{numbers}}  {rung.text:<{texts}}"
        if rung.middle:
            line += f"  {rung.model:>{left}} ├{rung.middle}┤ {rung.kernel}"
        lines.append(line.rstrip())
    return "\n".join(lines) + "\n"


def _rungs(
    model_calls: Sequence[CallEvent], kernel_calls: Sequence[CallEvent], call_text: Wording, answer_text: Wording
) -> Iterator[_Rung]:
    for number, (model, kernel) in enumerate(zip_longest(model_calls, kernel_calls), 1):
        if model is None or kernel is None or _call(model) != _call(kernel):
            if model is not None:
                yield _Rung(str(number), _cut(call_text(model)), answer_text(model), NOTHING, _APART)
                yield from _rules(model)
            if kernel is not None:
                yield _Rung(str(number), _cut(call_text(kernel)), NOTHING, answer_text(kernel), _APART)
            continue
        same = _comparable(model) == _comparable(kernel)
        seen = list(_seen(model, kernel))
        middle = _SAME if same else _DIFFERENT
        yield _Rung(str(number), _cut(call_text(model)), answer_text(model), answer_text(kernel), middle)
        if seen or not same:
            yield from _rules(model)
        yield from seen


def _rules(event: CallEvent) -> Iterator[_Rung]:
    if event.rules:
        yield _Rung("", _cut(f"  rules: {', '.join(event.rules)}"))


def _seen(model: CallEvent, kernel: CallEvent) -> Iterator[_Rung]:
    """A line for each thing seen of a socket that differs. A socket that one arm did not look at is left out."""
    theirs = dict(kernel.sockets)
    for name, ours in model.sockets:
        for field, value, other in zip(ours._fields, ours, theirs.get(name, ours), strict=True):
            if value != other:
                words = poll_text if field == "poll" else str
                yield _Rung("", f"  {name} {field}", words(value), words(other), _DIFFERENT)


def _call(event: CallEvent) -> tuple[Any, ...]:
    return event.host, event.socket, event.call, _tidy(event.args)


def _comparable(event: CallEvent) -> tuple[Any, ...]:
    answer = event.answer
    if not isinstance(answer, Done):
        return type(answer).__name__, answer
    value = _tidy(answer.value)
    if event.call in _MAKES:
        value = None
    elif event.call == "getsockopt" and event.args[:2] == (constants.SOL_TCP, constants.TCP_INFO):
        value = value[:1] if isinstance(value, bytes) else value
    return "Done", value


def _tidy(value: Any) -> Any:
    """Lists and tuples alike: which of the two a trace holds says nothing."""
    return tuple(_tidy(item) for item in value) if isinstance(value, list | tuple) else value


def _cut(text: str) -> str:
    return text if len(text) <= CALL_WIDTH_MAX else text[: CALL_WIDTH_MAX - 1] + "…"
