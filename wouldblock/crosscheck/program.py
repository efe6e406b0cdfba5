"""A contradiction as a program: a dozen lines of standard-library Python that show the kernel's side of it.

The program prints one line, what the kernel says; a comment says what the model expected. Calls that are meant to
fail are wrapped, so the program runs to its end. Also here: the same steps as a ladder, model and kernel side by
side.
"""

from __future__ import annotations

from typing import Any

import attrs

from model.values.constants import MSG_OOB, POLL_ALL
from model.values.observation import Observation
from model.values.results import show

from .arms import ANCILLARY_ROOM, FOREIGN, payload
from .operations import ANCILLARY, OF_EPOLL, Operation, describe
from .pair import Step

HOME = "127.1.1.1"
_IN_PYTHON = {
    "add_to": "register", "modify_in": "modify", "delete_from": "unregister", "drop": "close",
}  # fmt: skip
HEAD = """\
import errno, fcntl, os, select, socket, struct, time
def call(f, *a):
    try: return f(*a)
    except OSError as e: return errno.errorcode[e.errno]"""
HEAD_FOR_EPOLL = """\
N = lambda fd: next((k for k, s in globals().items() if k[1:].isdigit() and s.fileno() == fd), fd)"""


@attrs.define
class Made:
    """How many sockets and epolls the program has made so far, and how many bytes it has tried to send."""

    sockets: int = 0
    epolls: int = 0
    sent: int = 0


def program(steps: list[Step]) -> str:
    """The steps as a program that prints, last, what was compared last."""
    lines = [HEAD, HEAD_FOR_EPOLL] if any(step.op[0] == "wait" for step in steps) else [HEAD]
    body: list[str] = []
    made = Made()
    for step in steps[:-1]:
        _statement(step.op, made, body, step.kernel)
    lines += _packed(body)
    lines += _last(steps[-1], made)
    return "\n".join(lines) + "\n"


def _packed(body: list[str]) -> list[str]:
    """Statements, several to a line where they are short, so that a program stays within a dozen lines."""
    lines: list[str] = []
    for statement in body:
        if lines and len(lines[-1]) + len(statement) < 118 and len(body) > 6:
            lines[-1] += "; " + statement
        else:
            lines.append(statement)
    return lines


def _statement(op: Operation, made: Made, body: list[str], answer: Any) -> None:
    name = op[0]
    if name in ("tcp", "udp"):
        made.sockets += 1
        kind = "" if name == "tcp" else "type=socket.SOCK_DGRAM"
        body.append(f"s{made.sockets} = socket.socket({kind}); s{made.sockets}.setblocking(False)")
    elif name == "accept" and not isinstance(answer, str):
        made.sockets += 1
        body.append(f"s{made.sockets} = s{op[1]}.accept()[0]; s{made.sockets}.setblocking(False)")
    elif name == "dup":
        made.sockets += 1
        body.append(f"s{made.sockets} = s{op[1]}.dup()")
    elif name == "twin":
        made.epolls += 1
        body.append(f"e{made.epolls} = select.epoll.fromfd(os.dup(e{op[1]}.fileno()))")
    elif name == "epoll":
        made.epolls += 1
        body.append(f"e{made.epolls} = select.epoll()")
    else:
        body.append(_expression(op, made))


def _expression(op: Operation, made: Made) -> str:
    name, *rest = op
    if name == "pause":
        return f"time.sleep({rest[0] / 1000})"
    if name in ("poll", "select"):
        return _look(name, made)
    if name == "afterclose":
        return "call((lambda s: (s.close(), s.recv(1)))(socket.socket()))"
    if name == "oddsocket":
        return "call(socket.socket, socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_UDP)"
    number, *args = rest
    if name in OF_EPOLL:
        return _of_epoll(name, number, args)
    if name == "wait_on_socket":
        return f"call(lambda: select.epoll.fromfd(os.dup(s{number}.fileno())).poll(0))"
    if name == "peek":
        return f"call(s{number}.recv, {args[0]}, socket.MSG_PEEK)"
    if name == "setblocking":
        return f"s{number}.setblocking(False)"
    if name == "setbytes":
        name = "setsockopt"
    if name == "dup":
        return f"s{number}.dup()"
    if name == "fcntl":
        return f"call(fcntl.fcntl, s{number}, {args[0]}, {args[1]})"
    if name == "ioctl":
        return f"call(lambda: struct.unpack('i', fcntl.ioctl(s{number}, {args[0]:#x}, bytes(4)))[0])"
    if name == "measure":
        return f"call(lambda: s{number}.recv_into(bytearray({args[0]}), {args[0]}, {args[1] | 0x20:#x}))"
    if name == "recvmsg":
        return f"call(s{number}.recvmsg, {args[0]}, {ANCILLARY_ROOM}, {args[1]:#x})"
    if name == "recvurgent":
        return f"call(s{number}.recvfrom, {args[0]}, {args[1] | MSG_OOB:#x})"
    if name in ("send", "sendmore", "sendto", "sendmoreto", "sendmsg", "sendurgent"):
        size = args[0]
        args[0] = f"bytes({size})" if size > 10 else repr(payload(made.sent, size))
        made.sent += size
    if name == "sendmsg":
        to = "" if args[1] is None else f", 0, {_address(args[1])}"
        return f"call(s{number}.sendmsg, [{args[0]}], {list(ANCILLARY[args[2]])}{to})"
    if name == "sendmore":
        name, args = "send", [*args, "socket.MSG_MORE"]
    if name == "sendurgent":
        name, args = "send", [args[0], f"{args[1] | MSG_OOB:#x}"]
    if name == "sendmoreto":
        name, args = "sendto", [args[0], "socket.MSG_MORE", args[1]]
    written = "".join(f", {_address(a) if isinstance(a, tuple) else a}" for a in args)
    return f"call(s{number}.{name}{written})"


def _of_epoll(name: str, number: int, args: list[Any]) -> str:
    epoll = f"e{number}"
    match name:
        case "look_at":
            return f"[(p := select.poll()), p.register({epoll}, {POLL_ALL:#x}), [bits for _, bits in p.poll(0)]][2]"
        case "ask_epoll":
            return f"call(fcntl.ioctl, {epoll}, 0x541b, bytes(4))"
        case "bind_epoll":
            return f"call(socket.socket(2, 1, 0, os.dup({epoll}.fileno())).bind, ({HOME!r}, 0))"
        case "twin":
            return f"os.dup({epoll}.fileno())"
        case "wait":
            return f"[(N(fd), bits) for fd, bits in {epoll}.poll(0, {args[0]})]"
    written = "".join(f", {_file(a) if isinstance(a, tuple) else hex(a) if a > 9 else a}" for a in args)
    return f"call({epoll}.{_IN_PYTHON[name]}{written})"


def _file(named: tuple[str, int]) -> str:
    return f"{'e' if named[0] == 'epoll' else 's'}{named[1]}"


def _address(symbolic: tuple[str, int]) -> str:
    where, value = symbolic
    if where == "of":
        return f"s{value}.getsockname()"
    return repr(({"home": HOME, "any": "0.0.0.0", "foreign": FOREIGN}[where], value))


def _look(name: str, made: Made) -> str:
    every = ", ".join(f"s{n}" for n in range(1, made.sockets + 1))
    if name == "select":
        return f"[[s.fileno() for s in x] for x in select.select([{every}], [{every}], [{every}], 0)]"
    return f"[(p := select.poll()), [p.register(s, {POLL_ALL:#x}) for s in ({every},)], p.poll(0)][2]"


def _last(step: Step, made: Made) -> list[str]:
    expected = "" if step.wrong is None else f"  # the model expects {step.wrong[0]}"
    if step.kernel != step.model or not step.kernel_seen:
        return [f"print({_expression(step.op, made)}){expected}"]
    body: list[str] = []
    _statement(step.op, made, body, step.kernel)
    for number, theirs, ours in zip(step.numbers, step.kernel_seen, step.model_seen, strict=False):
        for field, a, b in zip(Observation._fields, theirs, ours, strict=True):
            if a != b:
                return [
                    *body,
                    f"print({_observe(number, field if theirs.tcp_state else UDP_NAMES.get(field, field))}){expected}",
                ]
    return [*body, f"print('see the state of the closed connection in: ss -tan'){expected}"]


ACCOUNTS = {"rmem": 0, "rcvbuf": 1, "sndbuf": 3, "reserved": 4, "wmem": 5, "drops": 8, "wmem_alloc": 2}
"""Where in SO_MEMINFO's nine numbers a field of an observation lies."""
UDP_NAMES = {"wmem": "wmem_alloc"}
"""Fields that lie elsewhere for a socket that is not TCP."""


def _observe(number: int, field: str) -> str:
    s = f"s{number}"
    match field:
        case "poll":
            return f"[(p := select.poll()), p.register({s}, {POLL_ALL:#x}), p.poll(0)][2][0][1]"
        case "fionread":
            return f"call(lambda: struct.unpack('i', fcntl.ioctl({s}, 0x541b, bytes(4)))[0])"
        case "outq":
            return f"call(lambda: struct.unpack('i', fcntl.ioctl({s}, 0x5411, bytes(4)))[0])"
        case "tcp_state":
            return f"{s}.getsockopt(6, 11, 1)[0]"
        case "notsent":
            return f"struct.unpack_from('I', {s}.getsockopt(6, 11, 148), 144)[0]"
    return f"struct.unpack('9I', {s}.getsockopt(1, 55, 36))[{ACCOUNTS[field]}]"


def ladder(steps: list[Step]) -> str:
    """The steps as a table of text: the call, the model's answer, the kernel's, and a mark where they differ."""
    rows = [(describe(s.op), _text(s.model), _text(s.kernel), s.wrong is not None) for s in steps]
    wide = [max(len(row[i]) for row in [*rows, ("call", "model", "kernel", False)]) for i in range(3)]  # type: ignore[arg-type]
    lines = [f"  {'call':{wide[0]}}  {'model':{wide[1]}}  {'kernel':{wide[2]}}"]
    for call, model, kernel, wrong in rows:
        lines.append(f"{'≠' if wrong else ' '} {call:{wide[0]}}  {model:{wide[1]}}  {kernel:{wide[2]}}".rstrip())
    if steps and steps[-1].wrong is not None:
        expected, seen = steps[-1].wrong
        lines.append(f"  expected {expected}; the kernel: {seen}")
    return "\n".join(lines)


def _text(value: Any) -> str:
    if value is None:
        return "ok"
    return value if isinstance(value, str) else show(value)
