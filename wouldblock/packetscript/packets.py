"""Packets: what is injected and what is expected, header by header.

A packet reads from the outside in: direction, then in brackets what is said of the IP header, ports where they differ
from the connection's, and then a segment (flags, ``1:1001(1000)``, ``ack``, ``win``, ``urg``, options), ``udp (1000)``,
or ``icmp`` with the names of type and code and what it quotes. Flags are letters, ``.`` for ACK and ``-`` for none at
all; instead of ``E``, ``W`` and ``A`` a digit may give the three bits as the counter they are under accurate ECN.

What the language allows only where a packet is expected is refused where one is injected: ``<...>`` for any options,
``ect01`` for either mark. What is injected needs a window. Options fill whole words of four bytes, forty at most.

Not here: headers around headers (GRE, MPLS, IP in IP, PSP), MPTCP, SCTP, mutations, and packets that name their socket:
recognized, named, not supported.
"""

from __future__ import annotations

from .lexer import Kind, Token
from .reader import U8, U16, U20, U24, U32, Beyond, Reader
from .syntax import (
    AccurateEcn,
    EndOfOptions,
    Endpoint,
    FastOpen,
    Flag,
    Icmp,
    Ip,
    Md5,
    Mss,
    Nop,
    Packet,
    QuotedRaw,
    QuotedUdp,
    Range,
    Sack,
    SackPermitted,
    Scale,
    Tcp,
    TcpOption,
    Timestamps,
    Udp,
    option_length,
)

LETTERS = {
    "S": Flag.SYN,
    "F": Flag.FIN,
    "R": Flag.RST,
    "P": Flag.PSH,
    "E": Flag.ECE,
    "W": Flag.CWR,
    "A": Flag.AE,
    "U": Flag.URG,
}
"""Flags by their letters, in the order in which they are printed; ACK, the dot, comes last."""
_ECN_LETTERS = "EWA"
_ACE = {1: Flag.ECE, 2: Flag.CWR, 4: Flag.AE}
_ECN = ("noecn", "ect0", "ect1", "ect01", "ce")
_COUNTERS = ("e0b", "ceb", "e1b")
_MAX_OPTIONS = 40
_MAX_DIGEST = 16

_AROUND = {
    "gre": "GRE encapsulation",
    "GREv0": "GRE encapsulation",
    "mpls": "MPLS encapsulation",
    "psp": "PSP encapsulation",
    "encap": "PSP encapsulation",
    "ipv4": "IP in IP",
    "ipv6": "IP in IP",
}
_OTHERS = {"sctp": "SCTP", "udplite": "UDP-Lite", "dccp": "DCCP"}
_MPTCP = frozenset(
    """
    add_address dss mp_capable mp_capable_no_cs mp_fail mp_fastclose mp_join_ack mp_join_syn mp_join_syn_ack mp_prio
    mp_reset mpcapable remove_address
    """.split()
)
_OPTION_NAMES = "mss, wscale, sackOK, sack, TS, nop, eol, FO, FOEXP, md5 or ECN"


def packet(reader: Reader) -> Packet:
    """A packet from its direction on."""
    start = reader.index
    outbound = reader.take().text == ">"
    if reader.now.is_mark(">") or reader.now.is_word("addr"):
        raise Beyond("MPTCP endpoints")
    if reader.now.is_mark("[") and reader.ahead(1).kind is Kind.INTEGER:
        reader.take()
        return Packet(outbound, _icmp_behind(reader, _quoted(reader)))
    ip = _ip(reader, outbound) if reader.now.is_mark("[") or reader.now.is_mark("(") else Ip()
    if reader.now.is_word(*_AROUND):
        words = reader.words(start, reader.end_of_event(start))
        raise Beyond(next((what for word, what in _AROUND.items() if word in words), "encapsulation"))
    if reader.now.is_word(*_OTHERS):
        raise Beyond(f"{_OTHERS[reader.now.text]} packets")
    if reader.accept_word("icmp"):
        return Packet(outbound, _icmp(reader), ip)
    if reader.accept_word("udp"):
        ends = _ends(reader)
        return Packet(outbound, Udp(_length(reader, "the payload of the datagram")), ip, ends)
    ends = _ends(reader)
    return Packet(outbound, _tcp(reader, outbound), ip, ends)


def _ip(reader: Reader, outbound: bool) -> Ip:
    closing = "]" if reader.take().text == "[" else ")"
    ecn: str | None = None
    numbers: dict[str, int] = {}
    while True:
        token = reader.now
        word = reader.word("noecn, ect0, ect1, ect01, ce, tos, ttl or flowlabel")
        if word in numbers or (word in {*_ECN, "tos"} and (ecn or "tos" in numbers)):
            reader.fail("each thing about the IP header once", token)
        if word in _ECN:
            if word == "ect01" and not outbound:
                reader.fail("ect01 only where a packet is expected to leave", token)
            ecn = word
        elif word == "tos":
            numbers[word] = reader.hexadecimal("the type of service", U8)
        elif word == "flowlabel":
            numbers[word] = reader.hexadecimal("the flow label", U20)
        elif word == "ttl":
            numbers[word] = reader.integer("the time to live", 0, U8)
        else:
            reader.fail("noecn, ect0, ect1, ect01, ce, tos, ttl or flowlabel", token)
        if not reader.accept(","):
            break
    reader.expect(closing, "behind what is said of the IP header")
    return Ip(ecn, numbers.get("tos"), numbers.get("ttl"), numbers.get("flowlabel"))


def _ends(reader: Reader) -> tuple[Endpoint, Endpoint] | None:
    if reader.now.kind is Kind.IPV6:
        raise Beyond("an IPv6 address before a port")
    if reader.now.kind is not Kind.IPV4 and not (reader.now.kind is Kind.INTEGER and reader.ahead(1).is_mark(">")):
        return None
    source = _endpoint(reader)
    reader.expect(">", "between the endpoints")
    destination = _endpoint(reader)
    reader.accept(":")
    return source, destination


def _endpoint(reader: Reader) -> Endpoint:
    address: str | None = None
    if reader.now.kind is Kind.IPV4:
        address = reader.take().text
        reader.expect(":", "and a port behind the address")
    return Endpoint(reader.integer("a port", 0, U16), address)


# ----------------------------------------------------------------------------------------------------------- segments


def _tcp(reader: Reader, outbound: bool) -> Tcp:
    flags = _flags(reader)
    data = _range(reader)
    ack = reader.integer("what is acknowledged") if reader.accept_word("ack") else None
    before_window = reader.now
    window = reader.integer("the window", 0, U16) if reader.accept_word("win") else None
    if window is None and not outbound:
        reader.fail("'win' and a number, which a packet that is injected needs", before_window)
    urgent = reader.integer("the urgent pointer", 0, U16) if reader.accept_word("urg") else None
    options = _options(reader, outbound) if reader.now.is_mark("<") else ()
    if reader.now.is_mark("{"):
        raise Beyond("mutation of a packet")
    if reader.now.is_word("sock"):
        raise Beyond("packets that name their socket")
    return Tcp(flags, data, ack, window, urgent, options)


def _flags(reader: Reader) -> Flag:
    first = reader.now
    if reader.accept("-"):
        return Flag(0)
    letters = reader.take().text if first.kind is Kind.WORD else ""
    if reader.accept("."):
        letters += "."
    elif reader.now.kind is Kind.DECIMAL and len(reader.now.text) == 2:
        letters += reader.take().text
    if not letters:
        reader.fail("a packet: flags such as S. or -, or udp or icmp")
    return _bits(reader, letters, first)


def _bits(reader: Reader, letters: str, at: Token) -> Flag:
    bits, counted = Flag(0), False
    for letter in letters:
        if letter == ".":
            bits |= Flag.ACK
        elif letter in LETTERS:
            bits |= LETTERS[letter]
        elif letter in "01234567" and not counted:
            counted = True
            bits |= _ace(int(letter))
        else:
            reader.fail("a packet: flags out of S F R P . U E W A and one digit 0 to 7, or udp or icmp", at)
    if counted and any(letter in _ECN_LETTERS for letter in letters):
        reader.fail("either the letters E, W, A or a digit for all three", at)
    return bits


def _ace(count: int) -> Flag:
    bits = Flag(0)
    for value, flag in _ACE.items():
        bits |= flag if count & value else Flag(0)
    return bits


def _range(reader: Reader) -> Range:
    shape = "a range of sequence numbers such as 1:1001(1000)"
    at = reader.now
    if at.kind is not Kind.INTEGER:
        reader.undefined()
        reader.fail(shape)
    first = reader.integer("the first sequence number")
    reader.expect(":", f"and so {shape}")
    last = reader.integer("the last sequence number")
    length = _length(reader, "the payload")
    if last != first + length:
        reader.fail(f"a range that ends at {first + length}, because it holds {length} bytes", at)
    return Range(first, length)


def _length(reader: Reader, what: str) -> int:
    reader.expect("(", f"and the size of {what}")
    length = reader.integer(f"the size of {what}", 0, U16)
    reader.expect(")", f"behind the size of {what}")
    return length


# ------------------------------------------------------------------------------------------------------------ options


def _options(reader: Reader, outbound: bool) -> tuple[TcpOption, ...] | None:
    opening = reader.take()
    if reader.now.kind is Kind.ELLIPSIS:
        if not outbound:
            reader.fail("TCP options: <...> can only be said of a packet that is expected to leave")
        reader.take()
        reader.expect(">", "behind '...'")
        return None
    options = [_option(reader)]
    while reader.accept(","):
        options.append(_option(reader))
    reader.expect(">", "or ',' behind a TCP option")
    length = sum(map(option_length, options))
    if length % 4 or length > _MAX_OPTIONS:
        reader.fail(
            f"TCP options of 4, 8, … up to {_MAX_OPTIONS} bytes (nop and eol fill up), not of {length}", opening
        )
    return tuple(options)


def _option(reader: Reader) -> TcpOption:
    at = reader.now
    match reader.word(f"a TCP option: {_OPTION_NAMES}"):
        case "nop":
            return Nop()
        case "eol":
            return EndOfOptions()
        case "mss":
            return Mss(reader.integer("the maximum segment size", 0, U16))
        case "wscale":
            return Scale(reader.integer("the window scale", 0, U8))
        case "sackOK":
            return SackPermitted()
        case "sack":
            blocks = [_block(reader)]
            while reader.now.kind is Kind.INTEGER:
                blocks.append(_block(reader))
            return Sack(tuple(blocks))
        case "TS":
            return _timestamps(reader)
        case "FO":
            return FastOpen(_bytes(reader, "a cookie"))
        case "FOEXP":
            return FastOpen(_bytes(reader, "a cookie"), experimental=True)
        case "md5":
            digest = _bytes(reader, "a digest")
            if not 0 < len(digest) <= _MAX_DIGEST:
                reader.fail("a digest of 1 to 16 bytes behind md5", at)
            return Md5(digest)
        case "ECN":
            return _counters(reader)
        case name if name in _MPTCP:
            raise Beyond("MPTCP options")
        case _:
            return reader.fail(f"a TCP option: {_OPTION_NAMES}", at)


def _block(reader: Reader) -> tuple[int, int]:
    left = reader.integer("the left edge of a block")
    reader.expect(":", "between the edges of a block")
    return left, reader.integer("the right edge of a block")


def _timestamps(reader: Reader) -> Timestamps:
    if not reader.accept_word("val"):
        reader.fail("'val' and a number behind TS")
    value = reader.integer("a timestamp", 0, U32)
    if not reader.accept_word("ecr"):
        reader.fail("'ecr' and a number behind the timestamp")
    return Timestamps(value, reader.integer("the timestamp that is echoed", 0, U32))


def _bytes(reader: Reader, what: str) -> bytes:
    """Hexadecimal digits, two for a byte; none at all are none."""
    token = reader.now
    if token.kind not in {Kind.WORD, Kind.INTEGER}:
        return b""
    try:
        found = bytes.fromhex(token.text)
    except ValueError:
        reader.undefined()
        reader.fail(f"{what} in hexadecimal digits, two for a byte")
    reader.take()
    return found


def _counters(reader: Reader) -> AccurateEcn:
    counters: list[tuple[str, int]] = []
    while name := reader.accept_word(*_COUNTERS):
        counters.append((name, reader.integer(f"the bytes counted by {name}", 0, U24)))
    return AccurateEcn(tuple(counters))


# --------------------------------------------------------------------------------------------------------------- ICMP


def _icmp(reader: Reader) -> Icmp:
    kind = reader.word("the name of an ICMP type, such as unreachable")
    code = reader.take().text if reader.now.kind is Kind.WORD and not reader.now.is_word("mtu", "id") else None
    mtu = reader.integer("the MTU") if reader.accept_word("mtu") else None
    echo_id = reader.integer("the identifier of the echo", 0, U16) if reader.accept_word("id") else None
    return Icmp(kind, code, mtu, echo_id, _quoted(reader) if reader.accept("[") else None)


def _icmp_behind(reader: Reader, quoted: Range | QuotedUdp | QuotedRaw) -> Icmp:
    """The older way to write it: what the message quotes comes before the message."""
    if not reader.accept_word("icmp"):
        reader.fail("'icmp' behind what it quotes")
    message = _icmp(reader)
    return Icmp(message.type, message.code, message.mtu, message.echo_id, quoted)


def _quoted(reader: Reader) -> Range | QuotedUdp | QuotedRaw:
    quoted: Range | QuotedUdp | QuotedRaw
    if reader.accept_word("udp"):
        quoted = QuotedUdp(_length(reader, "the datagram that is quoted"))
    elif reader.accept_word("raw"):
        quoted = QuotedRaw(_length(reader, "the packet that is quoted"))
    else:
        quoted = _range(reader)
    reader.expect("]", "behind what the message quotes")
    return quoted
