"""Assertions in a script's ``%{ }%`` blocks: a little Python, looked at and worked out here, never executed.

packetdrill hands such a block to an interpreter, with what `TCP_INFO` says of the connection in variables. Nearly all
of them are lines of the form ``assert tcpi_snd_cwnd == 10, tcpi_snd_cwnd``, so that is what there is: assert and pass,
comparisons, arithmetic, and, or, not; the names below. Powers, shifts, calls, attributes and indices are not.

Not here: other statements, and where the values come from.
"""

from __future__ import annotations

import ast
import operator
import textwrap
from collections.abc import Callable, Mapping
from typing import Any

from model.values.constants import TcpState

from .reader import Beyond

_SYN_RECEIVED = {"TCP_SYN_RECV": int(TcpState.SYN_RECEIVED), "TCP_FIN_WAIT1": 4, "TCP_FIN_WAIT2": 5, "TCP_CLOSE": 7}
_CONGESTION = {f"TCP_CA_{name}": number for number, name in enumerate(("Open", "Disorder", "CWR", "Recovery", "Loss"))}
_CONSTANTS = {f"TCP_{state.name}": int(state) for state in TcpState} | _SYN_RECEIVED | _CONGESTION

_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
}


def failing(text: str, info: Mapping[str, int] | None) -> str | None:
    """The first assertion in `text` that does not hold, with the values of its names; None if all hold."""
    try:
        tree = ast.parse(textwrap.dedent(text).strip())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise Beyond("code that is not an assertion") from None
    for statement in tree.body:
        if isinstance(statement, ast.Pass):
            continue
        if not isinstance(statement, ast.Assert):
            raise Beyond("code that is not an assertion")
        try:
            holds = _value(statement.test, info)
        except (TypeError, ZeroDivisionError, RecursionError):
            raise Beyond("an assertion whose value cannot be worked out") from None
        if not holds:
            named = {node.id for node in ast.walk(statement.test) if isinstance(node, ast.Name)}
            seen = ", ".join(f"{name} = {(info or {})[name]}" for name in sorted(named & (info or {}).keys()))
            return f"expected {ast.unparse(statement.test)}, seen {seen or 'otherwise'}"
    return None


def _value(node: ast.expr, info: Mapping[str, int] | None) -> Any:
    match node:
        case ast.Constant(value=bool() | int() | float() as value):
            return value
        case ast.Name(id=name) if name.startswith("tcpi_") and info is None:
            raise Beyond("an assertion when there is no connection")
        case ast.Name(id=name) if info is not None and name in info:
            return info[name]
        case ast.Name(id=name) if name in _CONSTANTS:
            return _CONSTANTS[name]
        case ast.Name(id=name):
            raise Beyond(f"the name {name} in an assertion")
        case ast.Compare(left=left, ops=operators, comparators=others):
            values = [_value(each, info) for each in (left, *others)]
            return all(
                _operator(sign)(one, two) for sign, one, two in zip(operators, values[:-1], values[1:], strict=True)
            )
        case ast.BoolOp(op=sign, values=parts):
            results = [bool(_value(part, info)) for part in parts]
            return all(results) if isinstance(sign, ast.And) else any(results)
        case ast.BinOp(left=left, op=sign, right=right):
            return _operator(sign)(_value(left, info), _value(right, info))
        case ast.UnaryOp(op=sign, operand=operand):
            return _operator(sign)(_value(operand, info))
        case ast.Tuple(elts=[first]):
            return (_value(first, info),)
        case _:
            raise Beyond("Python beyond comparisons and arithmetic in an assertion")


def _operator(sign: ast.AST) -> Callable[..., Any]:
    found = _OPERATORS.get(type(sign))
    if found is None:
        raise Beyond("Python beyond comparisons and arithmetic in an assertion")
    return found
