"""Scripts drawn at random, as values, each of them one that can be written down."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from wouldblock.packetscript.reader import U8, U16, U20, U24, U32
from wouldblock.packetscript.syntax import (
    AccurateEcn,
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
    When,
    option_length,
)

_RESERVED = frozenset("flags Flags label mtu id sizeof struct".split())
times = st.integers(0, 10**13)
names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True).filter(lambda name: name not in _RESERVED)


def optional(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


def tuples_of(strategy: st.SearchStrategy[Any], least: int = 0, most: int = 3) -> st.SearchStrategy[Any]:
    return st.lists(strategy, min_size=least, max_size=most).map(tuple)


# -------------------------------------------------------------------------------------------------------- expressions

pieces = st.text(max_size=8).map(lambda text: text.replace("\\", "\\\\").replace('"', '\\"'))
atoms: st.SearchStrategy[Expression] = st.one_of(
    st.builds(Number, st.integers(-(2**63), 2**64)),
    st.builds(Number, st.integers(0, 2**64), st.just(True)),
    st.builds(Symbol, names),
    st.builds(Text, tuples_of(pieces, 1), st.booleans()),
    st.just(Anything()),
)


def _larger(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    value = inner.filter(lambda expression: not isinstance(expression, Field))
    flat = value.filter(lambda expression: not isinstance(expression, Either))
    return st.one_of(
        st.builds(Either, tuples_of(flat, 2)),
        st.builds(Array, tuples_of(inner)),
        st.builds(Struct, tuples_of(inner)),
        st.builds(Field, names, value, optional(inner)),
        st.builds(Applied, names, tuples_of(inner)),
    )


expressions = st.recursive(atoms, _larger, max_leaves=8)

# ------------------------------------------------------------------------------------------------------------ packets

u8, u16, u32 = st.integers(0, U8), st.integers(0, U16), st.integers(0, U32)
edges = st.tuples(u32, u32)
counters = st.tuples(st.sampled_from(["e0b", "ceb", "e1b"]), st.integers(0, U24))
single_options: st.SearchStrategy[TcpOption] = st.one_of(
    st.builds(Mss, u16),
    st.builds(Scale, u8),
    st.just(SackPermitted()),
    st.builds(Sack, tuples_of(edges, 1)),
    st.builds(Timestamps, u32, u32),
    st.just(Nop()),
    st.just(EndOfOptions()),
    st.builds(FastOpen, st.binary(max_size=16), st.booleans()),
    st.builds(Md5, st.binary(min_size=1, max_size=16)),
    st.builds(AccurateEcn, tuples_of(counters)),
)


def _fitted(options: tuple[TcpOption, ...]) -> tuple[TcpOption, ...]:
    """As many as fit into a header, filled up."""
    kept: list[TcpOption] = []
    for option in options:
        if sum(map(option_length, kept)) + option_length(option) <= 40:
            kept.append(option)
    return (*kept, *[Nop()] * (-sum(map(option_length, kept)) % 4))


ranges = st.builds(Range, st.integers(0, U32 - U16), u16)
options = tuples_of(single_options, most=5).map(_fitted)


@st.composite
def packets(draw: st.DrawFn) -> Packet:
    outbound = draw(st.booleans())
    ecn = draw(optional(st.sampled_from(["noecn", "ect0", "ect1", "ce", *(["ect01"] if outbound else [])])))
    tos = None if ecn else draw(optional(u8))
    ip = Ip(ecn, tos, draw(optional(u8)), draw(optional(st.integers(0, U20))))
    addresses = st.ip_addresses(v=4).map(str)
    end = st.builds(Endpoint, u16, optional(addresses))
    ends = draw(optional(st.tuples(end, end)))
    kind = draw(st.sampled_from(["tcp", "udp", "icmp"]))
    if kind == "icmp":
        quoted = st.one_of(ranges, st.builds(QuotedUdp, u16), st.builds(QuotedRaw, u16))
        message = st.builds(Icmp, names, optional(names), optional(u32), optional(u16), optional(quoted))
        return Packet(outbound, draw(message), ip)
    if kind == "udp":
        return Packet(outbound, Udp(draw(u16)), ip, ends)
    segment = Tcp(
        Flag(draw(st.integers(0, 0x1FF))),
        draw(ranges),
        draw(optional(u32)),
        draw(optional(u16) if outbound else u16),
        draw(optional(u16)),
        draw(optional(options) if outbound else options),
    )
    return Packet(outbound, segment, ip, ends)


# ------------------------------------------------------------------------------------------------------------- events

_CODE = st.text(max_size=20).filter(lambda text: "}%" not in f"{text} }}%"[:-2])
codes = _CODE.map(lambda text: Code(text.strip(" \t")))
commands = st.text(max_size=20).map(lambda text: Command(text.replace("\\", "\\\\").replace("`", "\\`")))
errnos = st.from_regex(r"E[A-Z0-9]{1,8}", fullmatch=True)
notes = st.lists(names, max_size=3).map(" ".join)
answers = st.one_of(st.builds(Number, st.integers(-1, 10**6)), st.just(Anything()), st.builds(Symbol, names))


@st.composite
def events(draw: st.DrawFn) -> Event:
    first, second = sorted(draw(st.tuples(times, times)))
    exact: list[When] = [At(first), After(first)]
    wide: list[When] = [AnyTime(), Between(first, second, True), Between(first, second, False)]
    single = draw(st.sampled_from(exact))
    match draw(st.sampled_from(["packet", "call", "code", "command"])):
        case "packet":
            packet = draw(packets())
            return Event(draw(st.sampled_from(exact + wide if packet.outbound else exact)), packet)
        case "call":
            arguments = draw(tuples_of(expressions))
            until = draw(st.sampled_from([None, second]))
            call = SystemCall(
                draw(names), arguments, draw(answers), draw(optional(errnos)), draw(optional(notes)), until
            )
            return Event(single, call)
        case "code":
            return Event(single, draw(codes))
        case _:
            return Event(single, draw(commands))


_values = st.from_regex(r"[^\s\"\\]\S{0,8}", fullmatch=True) | pieces
script_options = st.builds(Option, names.filter(lambda name: name != "define"), optional(_values))
scripts = st.builds(
    Script, tuples_of(script_options), optional(commands), tuples_of(events(), 1, 4), optional(commands)
)
