"""Names, addresses and ports: from what a program writes to the dotted text and the number that the model takes.

The simulated machine knows three names: ``""`` is every address, ``"localhost"`` is 127.0.0.1, ``"<broadcast>"`` is
255.255.255.255. Everything else is a number in one of the ways in which inet_aton(3) reads one: ``127.0.0.1``,
``127.1``, ``0x7f000001``. There is no resolver and no service table, so any other name raises `gaierror`, as on a
machine without them.

Errors and their order are those of CPython's getsockaddrarg() and of the GNU C library's getaddrinfo(3); tests
compare.

Not here: IPv6, name servers, /etc/hosts, service names.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address
from typing import Any

from ..values.addresses import ANY, LOOPBACK, Address
from ..values.constants import AF_INET, IPPROTO_TCP, IPPROTO_UDP, SOCK_DGRAM, SOCK_STREAM
from . import constants as c
from .arguments import bytes_view, c_int
from .errors import gaierror, herror, os_error

BROADCAST = "255.255.255.255"
_NUMBER = r"(?:0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)"
_NUMERIC = re.compile(rf"{_NUMBER}(?:\.{_NUMBER}){{0,3}}", re.ASCII)
_CANONICAL = re.compile(r"(?:0|[1-9][0-9]{0,2})(?:\.(?:0|[1-9][0-9]{0,2})){3}", re.ASCII)
_EAI_TEXT = {
    c.EAI_BADFLAGS: "Bad value for ai_flags",
    c.EAI_NONAME: "Name or service not known",
    c.EAI_FAMILY: "ai_family not supported",
    c.EAI_SOCKTYPE: "ai_socktype not supported",
    c.EAI_SERVICE: "Servname not supported for ai_socktype",
    c.EAI_ADDRFAMILY: "Address family for hostname not supported",
}
_KNOWN_FLAGS = (
    c.AI_PASSIVE | c.AI_CANONNAME | c.AI_NUMERICHOST | c.AI_V4MAPPED | c.AI_ALL | c.AI_ADDRCONFIG | c.AI_NUMERICSERV
)
_EAFNOSUPPORT = 97
AddressInfo = tuple[int, int, int, str, Address]


def socket_address(address: Any, call: str) -> Address:
    """A program's ``(host, port)`` as the model's address; `call` is named in the complaints."""
    if not isinstance(address, tuple):
        raise TypeError(f"{call}(): AF_INET address must be tuple, not {type(address).__name__}")
    if len(address) != 2:
        raise TypeError("AF_INET address must be a pair (host, port)")
    host, port = _host_text(address[0]), address[1]
    if host == LOOPBACK and port.__class__ is int and 0 <= port <= 0xFFFF:
        return (host, port)
    try:
        port = c_int(port)
    except OverflowError:
        raise OverflowError(f"{call}(): port must be 0-65535.") from None
    ip = gethostbyname(host)
    if not 0 <= port <= 0xFFFF:
        raise OverflowError(f"{call}(): port must be 0-65535.")
    return (ip, port)


def _host_text(host: Any) -> str:
    if isinstance(host, (bytes, bytearray)):
        host = bytes(host).decode("latin-1")
    if not isinstance(host, str):
        raise TypeError(f"str, bytes or bytearray expected, not {type(host).__name__}")
    if "\0" in host:
        raise TypeError("host name must not contain null character")
    return str(host)


def gethostbyname(hostname: Any) -> str:
    """The IPv4 address of a name as dotted text; raises gaierror for a name the simulated machine does not know."""
    name = _host_text(hostname)
    if name == "":
        return ANY
    if name == "<broadcast>":
        return BROADCAST
    ip = _numeric(name) or (LOOPBACK if name.lower() == "localhost" else None)
    if ip is None:
        raise _failure(c.EAI_ADDRFAMILY if _is_ipv6(name) else c.EAI_NONAME)
    return ip


def _is_ipv6(name: str) -> bool:
    try:
        IPv6Address(name)
    except ValueError:
        return False
    return True


def gethostbyaddr(ip_address: str) -> tuple[str, list[str], list[str]]:
    """The name of an address: ``localhost`` for 127.0.0.1, else herror."""
    ip = gethostbyname(ip_address)
    if ip != LOOPBACK:
        raise herror(1, "Unknown host")
    return ("localhost", [], [ip])


def gethostname() -> str:
    """The name of the simulated machine."""
    return "localhost"


def getaddrinfo(
    host: Any,
    port: Any,
    family: int = 0,
    type: int = 0,
    proto: int = 0,
    flags: int = 0,
) -> list[AddressInfo]:
    """The addresses of a host and a service, as getaddrinfo(3) gives them without IPv6 and without a resolver."""
    if host is not None and not isinstance(host, (str, bytes)):
        raise TypeError("getaddrinfo() argument 1 must be string or None")
    name = host.decode("latin-1") if isinstance(host, bytes) else host
    number = _service_port(port, int(flags))
    if name is None and port is None:
        raise _failure(c.EAI_NONAME)
    if flags & ~_KNOWN_FLAGS or (flags & c.AI_CANONNAME and name is None):
        raise _failure(c.EAI_BADFLAGS)
    if family not in (0, AF_INET, c.AF_INET6):
        raise _failure(c.EAI_FAMILY)
    kinds = _kinds(int(type), int(proto), port is not None)
    if number is None:
        raise _failure(c.EAI_NONAME if flags & c.AI_NUMERICSERV else c.EAI_SERVICE)
    if name is None:
        ip = ANY if flags & c.AI_PASSIVE else LOOPBACK
    else:
        known = _numeric(name)
        if known is None and not flags & c.AI_NUMERICHOST and name.lower() == "localhost":
            known = LOOPBACK
        if known is None:
            raise _failure(c.EAI_NONAME)
        ip = known
    if family == c.AF_INET6:
        raise _failure(c.EAI_ADDRFAMILY)
    answers: list[AddressInfo] = [(AF_INET, kind, protocol, "", (ip, number)) for kind, protocol in kinds]
    if flags & c.AI_CANONNAME and name is not None:
        answers[0] = (*answers[0][:3], name, answers[0][4])
    return answers


def _service_port(port: Any, flags: int) -> int | None:
    """The port of a service: a number or its decimal text, modulo 65536 as in the C library; None for a name."""
    if port is None:
        return 0
    if isinstance(port, bytes):
        port = port.decode("latin-1")
    if isinstance(port, int):
        port = str(int(port))
    if not isinstance(port, str):
        raise OSError("Int or String expected")
    if port == "":
        return 0
    return int(port) & 0xFFFF if port.isascii() and port.isdigit() else None


def _kinds(wanted: int, proto: int, with_service: bool) -> list[tuple[int, int]]:
    """The (socket type, protocol) pairs that fit what was asked for; 0 asks for any."""
    streams, datagrams, raw = (SOCK_STREAM, IPPROTO_TCP), (SOCK_DGRAM, IPPROTO_UDP), (c.SOCK_RAW, proto)
    if not wanted and not proto:
        return [streams, datagrams, raw]
    for kind, protocol in (streams, datagrams, raw):
        if (not wanted or wanted == kind) and (not proto or proto == protocol):
            if kind == c.SOCK_RAW and with_service:
                raise _failure(c.EAI_SERVICE)
            return [(kind, protocol)]
    raise _failure(c.EAI_SOCKTYPE if wanted else c.EAI_SERVICE)


def _numeric(text: str) -> str | None:
    """Dotted text of an IPv4 number in any of inet_aton's notations; None if it is not one."""
    if not _NUMERIC.fullmatch(text):
        return None
    *heads, last = [_number(part) for part in text.split(".")]
    if any(head > 255 for head in heads) or last >= 1 << (8 * (4 - len(heads))):
        return None
    for at, head in enumerate(heads):
        last |= head << (24 - 8 * at)
    return inet_ntoa(last.to_bytes(4, "big"))


def _number(text: str) -> int:
    if text[:2] in ("0x", "0X"):
        return int(text, 16)
    return int(text, 8 if text[0] == "0" else 10)


def inet_aton(ip_address: str) -> bytes:
    """Four bytes in network order from an IPv4 number in any notation, up to the first white space (inet_aton(3))."""
    if not isinstance(ip_address, str):
        raise TypeError(f"inet_aton() argument must be str, not {type(ip_address).__name__}")
    head = re.split(r"[ \t\n\v\f\r]", ip_address, maxsplit=1)[0]
    dotted = _numeric(head)
    if dotted is None:
        raise OSError("illegal IP address string passed to inet_aton")
    return bytes(map(int, dotted.split(".")))


def inet_ntoa(packed_ip: Any) -> str:
    """Dotted text of four bytes in network order."""
    view = bytes_view(packed_ip)
    if view.nbytes != 4:
        raise OSError("packed IP wrong length for inet_ntoa")
    return ".".join(map(str, view.tobytes()))


def inet_pton(address_family: int, ip_string: str) -> bytes:
    """Four bytes in network order from dotted text, four decimal numbers and nothing else; IPv4 only."""
    family = c_int(address_family)
    if not isinstance(ip_string, str):
        raise TypeError(f"inet_pton() argument 2 must be str, not {type(ip_string).__name__}")
    if family != AF_INET:
        raise os_error(_EAFNOSUPPORT)
    if not _CANONICAL.fullmatch(ip_string) or _numeric(ip_string) is None:
        raise OSError("illegal IP address string passed to inet_pton")
    return bytes(map(int, ip_string.split(".")))


def inet_ntop(address_family: int, packed_ip: Any) -> str:
    """Dotted text of four bytes in network order; IPv4 only."""
    family, view = c_int(address_family), bytes_view(packed_ip)
    if family != AF_INET:
        raise ValueError(f"unknown address family {family}")
    if view.nbytes != 4:
        raise ValueError("invalid length of packed IP address string")
    return ".".join(map(str, view.tobytes()))


def _failure(eai: int) -> gaierror:
    return gaierror(eai, _EAI_TEXT[eai])
