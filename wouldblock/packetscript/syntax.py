"""What a packet script says, as frozen values: the abstract syntax of packetdrill's script language.

A script is a list of events in time. An event is a packet that arrives from outside (`<`), a packet that is expected to
leave (`>`), the statement that nothing else has left (``> nothing``), a system call with the answer it is expected to
give, an assertion in Python (``%{ }%``), or a command for a shell (in backquotes). Times are absolute, or relative to
the event before; a packet that is expected may also come at any time, or within a range. Sequence numbers are relative
to each side's initial one, as everywhere in that language: ``1:1001(1000)`` are the first thousand bytes.

Arguments and answers of calls are a small expression language: numbers, symbols joined by ``|``, strings, arrays,
structures, and ``...`` for "whatever it is". Symbols are kept by name here; what `SOL_SOCKET` is, and which calls there
are, is for whoever runs the script. What is recognized but not supported stands in the script as `Unsupported`, so that
it can be counted apart from what is wrong.

Values compare by what they say: the line on which something stands does not count. Integers are exact, times are
nanoseconds, sizes bytes.

Not here: reading (parser.py), printing (printing.py), and running.
"""

from __future__ import annotations

from enum import IntFlag

import attrs

# -------------------------------------------------------------------------------------------------------------- times


@attrs.frozen
class At:
    """So long after the script began."""

    at_ns: int


@attrs.frozen
class After:
    """So long after the event before."""

    delay_ns: int


@attrs.frozen
class AnyTime:
    """``*``: whenever it comes. For packets that are expected."""


@attrs.frozen
class Between:
    """Not before the one, not after the other. For packets that are expected."""

    first_ns: int
    last_ns: int
    relative: bool
    """Both count from the event before, not from the beginning."""


When = At | After | AnyTime | Between

# -------------------------------------------------------------------------------------------------------- expressions


@attrs.frozen
class Number:
    """An integer, decimal or hexadecimal."""

    value: int
    hexadecimal: bool = False


@attrs.frozen
class Symbol:
    """A name: a constant, an errno, NULL."""

    name: str


@attrs.frozen
class Text:
    """A string, or several side by side that are one. The pieces are as written, escapes included."""

    pieces: tuple[str, ...]
    more: bool = False
    """Written ``"…"...``: what follows the text does not matter."""


@attrs.frozen
class Anything:
    """``...``: given as a default where it goes in, not looked at where it comes out."""


@attrs.frozen
class Either:
    """Flags joined by ``|``; at least two."""

    parts: tuple[Expression, ...]


@attrs.frozen
class Array:
    """``[1, 2]``: what a pointer argument points to."""

    items: tuple[Expression, ...]


@attrs.frozen
class Field:
    """``events=POLLIN``, or ``msg_iov(1)=[…]`` where `count` says how many there are."""

    name: str
    value: Expression
    count: Expression | None = None


@attrs.frozen
class Struct:
    """``{fd=4, events=POLLIN}``; members without a name, as in ``{..., 1000}``, stand as they are."""

    items: tuple[Expression, ...]

    @property
    def kind(self) -> str | None:
        """The structure of the sockets API that its members belong to, None for one we do not know."""
        first = self.items[0] if self.items else None
        if isinstance(first, Field):
            return _KINDS.get(first.name)
        if isinstance(first, Anything) and len(self.items) == 2:
            return "iovec"
        return None

    def field(self, name: str) -> Field | None:
        """The member of that name, None if it is not given."""
        return next((item for item in self.items if isinstance(item, Field) and item.name == name), None)


_KINDS = {
    "sa_family": "sockaddr",
    "msg_name": "msghdr",
    "iov_base": "iovec",
    "fd": "pollfd",
    "events": "epoll_event",
    "onoff": "linger",
    "cmsg_level": "cmsghdr",
    "cmsg_len": "cmsghdr",
    "ee_errno": "sock_extended_err",
    "scm_sec": "scm_timestamping",
}


@attrs.frozen
class Applied:
    """A function of an argument: ``htons(8080)``, ``inet_addr("192.0.2.1")``, ``sizeof(struct linger)``."""

    name: str
    arguments: tuple[Expression, ...]


Expression = Number | Symbol | Text | Anything | Either | Array | Field | Struct | Applied

# ------------------------------------------------------------------------------------------------------------ packets


class Flag(IntFlag):
    """The control bits of a TCP header, as they lie on the wire (RFC 9293 §3.1; AE: RFC 9768 §3.1)."""

    FIN = 0x001
    SYN = 0x002
    RST = 0x004
    PSH = 0x008
    ACK = 0x010
    URG = 0x020
    ECE = 0x040
    CWR = 0x080
    AE = 0x100


@attrs.frozen
class Ip:
    """What is said of the IP header: as it goes out where the packet is injected, as it must be where it is expected.
    None: nothing.
    """

    ecn: str | None = None
    """``noecn``, ``ect0``, ``ect1``, ``ce``; ``ect01``, either of the two, where the packet is expected."""
    tos: int | None = None
    ttl: int | None = None
    flow_label: int | None = None


@attrs.frozen
class Endpoint:
    """A port, and the address if it is given."""

    port: int
    address: str | None = None


@attrs.frozen
class Mss:
    value: int


@attrs.frozen
class Scale:
    shift: int


@attrs.frozen
class SackPermitted:
    pass


@attrs.frozen
class Sack:
    """What arrived behind a gap: from, to (RFC 2018 §3)."""

    blocks: tuple[tuple[int, int], ...]


@attrs.frozen
class Timestamps:
    value: int
    echo: int


@attrs.frozen
class Nop:
    pass


@attrs.frozen
class EndOfOptions:
    pass


@attrs.frozen
class FastOpen:
    """A cookie, or with none the request for one (RFC 7413 §4.1.1)."""

    cookie: bytes = b""
    experimental: bool = False
    """In the option of experiments, kind 254 (RFC 6994)."""


@attrs.frozen
class Md5:
    digest: bytes


@attrs.frozen
class AccurateEcn:
    """The counters of bytes by their marks, in the order in which they are sent (RFC 9768 §3.2.3)."""

    counters: tuple[tuple[str, int], ...]
    """``e0b``, ``ceb`` or ``e1b``, and its 24 bits."""


TcpOption = Mss | Scale | SackPermitted | Sack | Timestamps | Nop | EndOfOptions | FastOpen | Md5 | AccurateEcn


def option_length(option: TcpOption) -> int:
    """The bytes of `option` in a header."""
    match option:
        case Nop() | EndOfOptions():
            return 1
        case SackPermitted():
            return 2
        case Scale():
            return 3
        case Mss():
            return 4
        case Timestamps():
            return 10
        case Sack(blocks=blocks):
            return 2 + 8 * len(blocks)
        case FastOpen(cookie=cookie, experimental=experimental):
            return (4 if experimental else 2) + len(cookie)
        case Md5(digest=digest):
            return 2 + len(digest)
        case AccurateEcn(counters=counters):
            return 2 + 3 * len(counters)


@attrs.frozen
class Range:
    """The bytes from `seq` on: ``1:1001(1000)``."""

    seq: int
    length: int


@attrs.frozen
class Tcp:
    """A segment. `ack`, `window` and `urgent` are None where they are not written; the window is as on the wire, not
    scaled.
    """

    flags: Flag
    data: Range
    ack: int | None = None
    window: int | None = None
    urgent: int | None = None
    options: tuple[TcpOption, ...] | None = ()
    """None: written ``<...>``, they do not matter."""


@attrs.frozen
class Udp:
    length: int


@attrs.frozen
class QuotedUdp:
    """An ICMP error quotes a datagram of so many bytes."""

    length: int


@attrs.frozen
class QuotedRaw:
    """An ICMP error quotes a packet of another protocol, of so many bytes."""

    length: int


@attrs.frozen
class Icmp:
    """An ICMP or ICMPv6 message by the names of its type and code."""

    type: str
    code: str | None = None
    mtu: int | None = None
    echo_id: int | None = None
    quoted: Range | QuotedUdp | QuotedRaw | None = None


@attrs.frozen
class Packet:
    """One packet: expected to leave (`outbound`), or injected as if it came from the remote side."""

    outbound: bool
    content: Tcp | Udp | Icmp
    ip: Ip = Ip()
    ends: tuple[Endpoint, Endpoint] | None = None
    """From, to. None: those of the connection that the script is about."""


# ------------------------------------------------------------------------------------------------------------- events


@attrs.frozen
class SystemCall:
    """A call and what it must answer."""

    name: str
    arguments: tuple[Expression, ...]
    result: Expression
    errno: str | None = None
    note: str | None = None
    """What stands in parentheses behind the answer: the text of the error, the names of flags."""
    until_ns: int | None = None
    """For a call that blocks: when it must return, counted as the event's own time is. None: at once."""


@attrs.frozen
class Code:
    """An assertion: Python, to be run with what `TCP_INFO` says in its variables."""

    text: str


@attrs.frozen
class Command:
    """Lines for a shell."""

    text: str


@attrs.frozen
class Nothing:
    """``> nothing``, which packetdrill does not have: up to now nothing has left that no event before expected."""


@attrs.frozen
class Unsupported:
    """Something that the language has and we do not."""

    what: str
    text: str
    """As it was written, on one line, without comments."""
    line: int = attrs.field(default=0, eq=False)


Action = Packet | SystemCall | Code | Command | Nothing | Unsupported


@attrs.frozen
class Event:
    when: When
    action: Action
    line: int = attrs.field(default=0, eq=False)


@attrs.frozen
class Option:
    """``--name=value``; the value None if there is none."""

    name: str
    value: str | None = None


@attrs.frozen
class Script:
    options: tuple[Option, ...] = ()
    init: Command | None = None
    """Run before the first event."""
    events: tuple[Event, ...] = ()
    cleanup: Command | None = None
    """Run after the last event, whatever came of them."""

    @property
    def unsupported(self) -> tuple[Unsupported, ...]:
        """What in it we do not support, in order."""
        return tuple(event.action for event in self.events if isinstance(event.action, Unsupported))

    def option(self, name: str) -> str | None:
        """The value of the last option of that name; None if there is none, or none with a value."""
        return next((option.value for option in reversed(self.options) if option.name == name), None)

    @property
    def tolerance_ns(self) -> int | None:
        """How far a time may be missed, if the script says so (``--tolerance_usecs``)."""
        value = self.option("tolerance_usecs")
        return int(value) * 1000 if value is not None and value.isdecimal() else None
