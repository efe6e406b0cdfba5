"""Assertions in a script's ``%{ }%`` blocks: a little Python, looked at and worked out here, never executed.

packetdrill hands such a block to an interpreter, with what `TCP_INFO` says of the connection in variables. Nearly all
of them are lines of the form ``assert tcpi_snd_cwnd == 10, tcpi_snd_cwnd``, so that is what there is: assert and pass,
comparisons, arithmetic, and, or, not; the names below. Powers, shifts, calls, attributes and indices are not.

Not here: other statements, and what the model does not count.
"""

from __future__ import annotations

import ast
import operator
import textwrap
from collections.abc import Callable
from typing import Any

from model.tcp.block import Tcb
from model.values.constants import TcpState

from .reader import Beyond

INFO: dict[str, Callable[[Tcb], int]] = {
    "tcpi_state": lambda tcb: int(tcb.state),
    "tcpi_retransmits": lambda tcb: tcb.retransmits,
    "tcpi_probes": lambda tcb: tcb.probes,
    "tcpi_backoff": lambda tcb: tcb.backoff,
    "tcpi_snd_wscale": lambda tcb: tcb.snd_scale,
    "tcpi_rcv_wscale": lambda tcb: tcb.rcv_scale,
    "tcpi_rto": lambda tcb: tcb.rto_ns // 1000,
    "tcpi_ato": lambda tcb: tcb.ato_ns // 1000,
    "tcpi_snd_mss": lambda tcb: tcb.mss,
    "tcpi_rcv_mss": lambda tcb: tcb.rcv_mss,
    "tcpi_unacked": lambda tcb: tcb.in_flight,
    "tcpi_sacked": lambda tcb: tcb.sacked_out,
    "tcpi_lost": lambda tcb: tcb.lost_out,
    "tcpi_retrans": lambda tcb: tcb.resent_out,
    "tcpi_rtt": lambda tcb: tcb.srtt_ns // 1000,
    "tcpi_snd_ssthresh": lambda tcb: min(tcb.ssthresh, 0x7FFFFFFF),
    "tcpi_snd_cwnd": lambda tcb: tcb.cwnd,
    "tcpi_advmss": lambda tcb: tcb.advertised_mss,
}
"""What the model has of `struct tcp_info`, by the names that scripts use."""
_SYN_RECEIVED = {"TCP_SYN_RECV": int(TcpState.SYN_RECEIVED), "TCP_FIN_WAIT1": 4, "TCP_FIN_WAIT2": 5, "TCP_CLOSE": 7}
_CONSTANTS = {f"TCP_{state.name}": int(state) for state in TcpState} | _SYN_RECEIVED

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


def failing(text: str, tcb: Tcb | None) -> str | None:
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
            holds = _value(statement.test, tcb)
        except (TypeError, ZeroDivisionError, RecursionError):
            raise Beyond("an assertion whose value cannot be worked out") from None
        if not holds:
            names = sorted({node.id for node in ast.walk(statement.test) if isinstance(node, ast.Name)} & INFO.keys())
            seen = ", ".join(f"{name} = {_value(ast.Name(name), tcb)}" for name in names)
            return f"expected {ast.unparse(statement.test)}, seen {seen or 'otherwise'}"
    return None


def _value(node: ast.expr, tcb: Tcb | None) -> Any:
    match node:
        case ast.Constant(value=bool() | int() | float() as value):
            return value
        case ast.Name(id=name) if name in INFO:
            if tcb is None:
                raise Beyond("an assertion when there is no connection")
            return INFO[name](tcb)
        case ast.Name(id=name) if name in _CONSTANTS:
            return _CONSTANTS[name]
        case ast.Name(id=name):
            raise Beyond(f"the name {name} in an assertion")
        case ast.Compare(left=left, ops=operators, comparators=others):
            values = [_value(each, tcb) for each in (left, *others)]
            return all(
                _operator(sign)(one, two) for sign, one, two in zip(operators, values[:-1], values[1:], strict=True)
            )
        case ast.BoolOp(op=sign, values=parts):
            results = [bool(_value(part, tcb)) for part in parts]
            return all(results) if isinstance(sign, ast.And) else any(results)
        case ast.BinOp(left=left, op=sign, right=right):
            return _operator(sign)(_value(left, tcb), _value(right, tcb))
        case ast.UnaryOp(op=sign, operand=operand):
            return _operator(sign)(_value(operand, tcb))
        case ast.Tuple(elts=[first]):
            return (_value(first, tcb),)
        case _:
            raise Beyond("Python beyond comparisons and arithmetic in an assertion")


def _operator(sign: ast.AST) -> Callable[..., Any]:
    found = _OPERATORS.get(type(sign))
    if found is None:
        raise Beyond("Python beyond comparisons and arithmetic in an assertion")
    return found
