"""The normal form: a script written down so that reading it again gives the same values.

One event a line, everything in one way: single spaces, brackets for what is said of the IP header, letters for the bits
of accurate ECN, times without superfluous zeros. Comments are gone, defined names are replaced by their values.

Not here: columns, wrapping of long lines.
"""

from __future__ import annotations

import re

from .lexer import OPTION_VALUE
from .packets import LETTERS
from .reader import SECOND_NS
from .syntax import (
    AccurateEcn,
    Action,
    After,
    Anything,
    AnyTime,
    Applied,
    Array,
    At,
    Between,
    Code,
    Command,
    Either,
    EndOfOptions,
    Endpoint,
    Event,
    Expression,
    FastOpen,
    Field,
    Flag,
    Icmp,
    Ip,
    Md5,
    Mss,
    Nop,
    Nothing,
    Number,
    Option,
    Packet,
    QuotedRaw,
    QuotedUdp,
    Range,
    Sack,
    SackPermitted,
    Scale,
    Script,
    Struct,
    Symbol,
    SystemCall,
    Tcp,
    TcpOption,
    Text,
    Timestamps,
    Udp,
    Unsupported,
    When,
)

_VALUE = re.compile(OPTION_VALUE, re.DOTALL | re.ASCII)


def show(script: Script) -> str:
    """The script as text."""
    lines = [_option(option) for option in script.options]
    lines += [f"`{script.init.text}`"] if script.init else []
    lines += [show_event(event) for event in script.events]
    lines += [f"`{script.cleanup.text}`"] if script.cleanup else []
    return "".join(f"{line}\n" for line in lines)


def show_event(event: Event) -> str:
    if isinstance(event.action, Unsupported) and event.action.text.startswith("#"):
        return event.action.text  # a directive has no time
    until = ""
    if isinstance(event.action, SystemCall) and event.action.until_ns is not None:
        until = f"...{show_time(event.action.until_ns)}"
    return f"{_when(event.when)}{until} {show_action(event.action)}"


def show_action(action: Action) -> str:
    """What happens, without when; of a call without until when."""
    match action:
        case Packet():
            return show_packet(action)
        case SystemCall():
            return _call(action)
        case Code(text=text):
            return f"%{{ {text} }}%"
        case Command(text=text):
            return f"`{text}`"
        case Nothing():
            return "> nothing"
        case Unsupported(text=text):
            return text


def show_time(time_ns: int) -> str:
    """Seconds, with as many decimals as are needed."""
    whole, rest = divmod(time_ns, SECOND_NS)
    return f"{whole}.{rest:09}".rstrip("0") if rest else f"{whole}"


def _when(when: When) -> str:
    match when:
        case At(at_ns=at_ns):
            return show_time(at_ns)
        case After(delay_ns=delay_ns):
            return f"+{show_time(delay_ns)}"
        case AnyTime():
            return "*"
        case Between(first_ns=first_ns, last_ns=last_ns, relative=relative):
            sign = "+" if relative else ""
            return f"{sign}{show_time(first_ns)}~{sign}{show_time(last_ns)}"


def _option(option: Option) -> str:
    if option.value is None:
        return f"--{option.name}"
    plain = _VALUE.fullmatch(option.value) and not option.value.startswith('"')
    return f"--{option.name}={option.value}" if plain else f'--{option.name}="{option.value}"'


# -------------------------------------------------------------------------------------------------------------- calls


def _call(call: SystemCall) -> str:
    text = f"{call.name}({_list(call.arguments)}) = {show_expression(call.result)}"
    text += f" {call.errno}" if call.errno is not None else ""
    return text + (f" ({call.note})" if call.note is not None else "")


def _list(expressions: tuple[Expression, ...]) -> str:
    return ", ".join(map(show_expression, expressions))


def show_expression(expression: Expression) -> str:
    match expression:
        case Number(value=value, hexadecimal=hexadecimal):
            return f"{value:#x}" if hexadecimal else f"{value}"
        case Symbol(name=name):
            return name
        case Text(pieces=pieces, more=more):
            return " ".join(f'"{piece}"' for piece in pieces) + ("..." if more else "")
        case Anything():
            return "..."
        case Either(parts=parts):
            return "|".join(map(show_expression, parts))
        case Array(items=items):
            return f"[{_list(items)}]"
        case Struct(items=items):
            return f"{{{_list(items)}}}"
        case Field(name=name, value=value, count=count):
            counted = f"({show_expression(count)})" if count is not None else ""
            return f"{name}{counted}={show_expression(value)}"
        case Applied(name=name, arguments=arguments):
            return f"{name}({_list(arguments)})"


# ------------------------------------------------------------------------------------------------------------ packets


def show_packet(packet: Packet) -> str:
    ends = [f"{_endpoint(packet.ends[0])} > {_endpoint(packet.ends[1])}"] if packet.ends else []
    match packet.content:
        case Tcp():
            content = [*ends, _tcp(packet.content)]
        case Udp(length=length):
            content = ["udp", *ends, f"({length})"]
        case Icmp():
            content = [_icmp(packet.content)]
    return " ".join([">" if packet.outbound else "<", *_ip(packet.ip), *content])


def _endpoint(end: Endpoint) -> str:
    return f"{end.address}:{end.port}" if end.address is not None else f"{end.port}"


def _ip(ip: Ip) -> list[str]:
    parts = [ip.ecn] if ip.ecn is not None else []
    parts += [f"tos {ip.tos:#x}"] if ip.tos is not None else []
    parts += [f"ttl {ip.ttl}"] if ip.ttl is not None else []
    parts += [f"flowlabel {ip.flow_label:#x}"] if ip.flow_label is not None else []
    return [f"[{', '.join(parts)}]"] if parts else []


def _tcp(segment: Tcp) -> str:
    parts = [show_flags(segment.flags), _range(segment.data)]
    parts += [f"ack {segment.ack}"] if segment.ack is not None else []
    parts += [f"win {segment.window}"] if segment.window is not None else []
    parts += [f"urg {segment.urgent}"] if segment.urgent is not None else []
    if segment.options is None:
        parts.append("<...>")
    elif segment.options:
        parts.append(f"<{','.join(map(show_option, segment.options))}>")
    return " ".join(parts)


def show_flags(flags: Flag) -> str:
    """Letters, and the dot last; a dash for none."""
    letters = "".join(letter for letter, flag in LETTERS.items() if flags & flag)
    return letters + ("." if flags & Flag.ACK else "") or "-"


def _range(data: Range) -> str:
    return f"{data.seq}:{data.seq + data.length}({data.length})"


def show_option(option: TcpOption) -> str:
    """One TCP option."""
    match option:
        case Nop():
            return "nop"
        case EndOfOptions():
            return "eol"
        case Mss(value=value):
            return f"mss {value}"
        case Scale(shift=shift):
            return f"wscale {shift}"
        case SackPermitted():
            return "sackOK"
        case Sack(blocks=blocks):
            return " ".join(["sack", *(f"{left}:{right}" for left, right in blocks)])
        case Timestamps(value=value, echo=echo):
            return f"TS val {value} ecr {echo}"
        case FastOpen(cookie=cookie, experimental=experimental):
            return f"{'FOEXP' if experimental else 'FO'} {cookie.hex()}".rstrip()
        case Md5(digest=digest):
            return f"md5 {digest.hex()}"
        case AccurateEcn(counters=counters):
            return " ".join(["ECN", *(f"{name} {count}" for name, count in counters)])


def _icmp(message: Icmp) -> str:
    parts = ["icmp", message.type]
    parts += [message.code] if message.code is not None else []
    parts += [f"mtu {message.mtu}"] if message.mtu is not None else []
    parts += [f"id {message.echo_id}"] if message.echo_id is not None else []
    match message.quoted:
        case Range():
            parts.append(f"[{_range(message.quoted)}]")
        case QuotedUdp(length=length):
            parts.append(f"[udp ({length})]")
        case QuotedRaw(length=length):
            parts.append(f"[raw ({length})]")
        case None:
            pass
    return " ".join(parts)
