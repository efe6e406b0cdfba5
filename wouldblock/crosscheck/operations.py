"""Operations: what a random program may do next, written once for the raw walk and for Hypothesis.

An operation is a plain tuple: the name of a call, the number of the socket it is made on (in order of creation), and
arguments. Addresses are symbolic, so that an operation means the same on both arms and can be replayed anywhere:

- ``("of", n)``: the address socket n is bound to;
- ``("home", port)``: that port on the loopback address that belongs to this sequence alone;
- ``("any", port)``: that port on the wildcard address;
- ``("foreign", port)``: an address that is not this host's.

Epolls are numbered by themselves, and ``("epoll", n)`` is one that another is to watch. A duplicate of a descriptor has
a number of its own, as if it were a further socket or epoll.

`next_operation` asks a *draw* for numbers: `draw(n)` gives a whole number from 0 to n - 1. The walk draws from a
seeded generator, Hypothesis from its own, and shrinks towards zero: so the simplest alternative comes first
everywhere.

It looks at the model to prefer what leads somewhere: accept where a connection waits, recv where bytes wait. It never
looks for an answer.

Not here: performing operations (arms.py).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from model.endpoint import Endpoint
from model.tcp.block import Tcb
from model.values.constants import (
    EPOLLET,
    EPOLLEXCLUSIVE,
    EPOLLIN,
    EPOLLONESHOT,
    EPOLLOUT,
    EPOLLPRI,
    EPOLLRDHUP,
    EPOLLRDNORM,
    EPOLLWAKEUP,
    EPOLLWRBAND,
    EPOLLWRNORM,
    F_DUPFD,
    F_GETFD,
    F_GETFL,
    F_SETFD,
    FIONREAD,
    IP_RECVERR,
    IPPROTO_IP,
    IPPROTO_TCP,
    IPPROTO_UDP,
    MSG_ERRQUEUE,
    MSG_MORE,
    MSG_PEEK,
    MSG_TRUNC,
    SCM_RIGHTS,
    SHUT_RD,
    SHUT_RDWR,
    SHUT_WR,
    SIOCATMARK,
    SIOCOUTQNSD,
    SO_ERROR,
    SO_KEEPALIVE,
    SO_LINGER,
    SO_OOBINLINE,
    SO_RCVBUF,
    SO_RCVLOWAT,
    SO_REUSEADDR,
    SO_SNDBUF,
    SOL_SOCKET,
    TCP_CORK,
    TCP_KEEPCNT,
    TCP_KEEPIDLE,
    TCP_KEEPINTVL,
    TCP_NODELAY,
    TCP_NOTSENT_LOWAT,
    TCP_USER_TIMEOUT,
    TCP_WINDOW_CLAMP,
    TIOCOUTQ,
    UDP_CORK,
    TcpState,
)
from model.world.host import Host
from model.world.namespaces import SharedKernel

Operation = tuple[Any, ...]
Draw = Callable[[int], int]
Sockets = dict[int, Endpoint]
Hosts = Host | SharedKernel

SIZES = (
    1,
    2,
    10,
    100,
    127,
    128,
    500,
    536,
    1000,
    1448,
    4000,
    10_000,
    32_767,
    32_768,
    65_482,
    65_483,
    65_484,
    100_000,
    300_000,
)
ANY_SIZE = 300_000
"""Up to so many bytes a call may send or ask for; one in four draws its size from all of these."""
FEW = (1, 2, 3, 10, 100)
"""Sizes of what is near a mark."""
BUFFERS = (1, 1000, 2304, 4608, 5000, 10_000, 20_000, 50_000, 100_000, 200_000, 1_000_000, 4_194_304)
DATAGRAMS = (0, 1, 100, 197, 198, 500, 645, 646, 1669, 1670, 5000, 16_004, 16_005, 65_507, 65_508, 65_536)
LONGEST_DATAGRAM = 65_507
FIXED_PORTS = (7001, 7002)
CLOSED_PORT = 9
BEYOND = 1 << 30
"""A descriptor that no limit allows."""
LIFE_OPTIONS = (TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_USER_TIMEOUT)
FINE_OPTIONS = (TCP_CORK, TCP_NOTSENT_LOWAT, TCP_WINDOW_CLAMP)
LIFE_VALUES = (-1, 0, 1, 127, 128, 7200, 32_767, 32_768)
LINGERS = (struct.pack("=ii", 1, 0), struct.pack("=ii", 0, 5), struct.pack("=ii", -1, 0))
"""Times to linger in which close never waits."""
NOTSENT = (1, 2, 1000, 4096, 16_384, 100_000, 0, -1)
LOW_MARKS = (1, 2, 100, 1000, 5000, 50_000, 300_000, 0, -1)
CLAMPS = (1, 1152, 1153, 3000, 10_000, 32_768, 65_536, 300_000, 0)
ANCILLARY = ((), ((SOL_SOCKET, SCM_RIGHTS, b""),), ((IPPROTO_IP, 99, b"unknown"),), ((SOL_SOCKET, 99, b""),))
"""What may go with a message that is sent: nothing, what is passed over, what IP and the socket do not know."""
MESSAGE_FLAGS = (0, MSG_TRUNC, MSG_PEEK)
MOST_SOCKETS = {"stream": 9, "lives": 16, "udp": 9, "urgent": 9}
"""By family; sixteen are six connections with two listeners and what is being made."""

SOCKETLESS = ("tcp", "udp", "epoll", "poll", "select", "pause", "afterclose", "oddsocket")
"""Operations whose first argument is neither a socket nor an epoll."""

OF_EPOLL = ("add_to", "modify_in", "delete_from", "wait", "look_at", "drop", "twin", "ask_epoll", "bind_epoll")
"""Operations whose first argument is an epoll. Those that name a file do it as ``("of", n)`` or ``("epoll", n)``."""
MAKES_SOCKET, MAKES_EPOLL = ("tcp", "udp", "accept", "dup"), ("epoll", "twin")
"""Operations that make a socket or an epoll, or a further descriptor of one, which has a number of its own."""
MOST_EPOLLS = 3

STREAM, LIVES, DATAGRAM, URGENT = "stream", "lives", "udp", "urgent"
FAMILIES = (STREAM, LIVES, DATAGRAM, URGENT)
"""One connection's data; the lives of many connections; UDP; one connection's data, some of them urgent."""


def prelude(family: str, draw: Draw) -> list[Operation]:
    """The first operations of a sequence, which take it to where its family gets interesting. Half of the sequences
    have an epoll, and then it watches from the beginning.
    """
    first = _beginning(family, draw)
    if draw(2) == 0:
        return first
    made = sum(op[0] in MAKES_SOCKET for op in first)
    also = EPOLLPRI if family == URGENT else 0
    watched = [("add_to", 1, ("of", n), _events(draw) | also) for n in range(1, made + 1) if draw(3)]
    return [*first, ("epoll",), *watched]


def _beginning(family: str, draw: Draw) -> list[Operation]:
    if family == DATAGRAM:
        first: list[Operation] = [("udp",), ("bind", 1, ("home", 0)), ("udp",)]
        if draw(2):
            first.append(("setsockopt", 1, SOL_SOCKET, SO_RCVBUF, BUFFERS[draw(6)]))
        if draw(2):
            first.append(("connect", 2, ("of", 1)))
        if draw(3) == 2:
            first.append(("setsockopt", 2, IPPROTO_IP, IP_RECVERR, 1))
        return first
    if family == LIVES:
        return [("tcp",), ("bind", 1, ("home", 0)), ("listen", 1, draw(4))] if draw(4) else [("tcp",)]
    first = [("tcp",)]
    if draw(2):
        first.append(("setsockopt", 1, SOL_SOCKET, SO_RCVBUF, _buffer_size(draw)))
    first += [("bind", 1, ("home", 0)), ("listen", 1, 5), ("tcp",)]
    if draw(2):
        first.append(("setsockopt", 2, SOL_SOCKET, SO_SNDBUF, _buffer_size(draw)))
    if draw(2):
        first.append(("setsockopt", 2, IPPROTO_TCP, TCP_NODELAY, 1))
    if draw(4) == 3:
        first.append(_fine_option(1, draw))
    if draw(4) == 3:
        first.append(_fine_option(2, draw))
    return [*first, ("connect", 2, ("of", 1)), ("accept", 1)]


def next_operation(family: str, sockets: Sockets, host: Hosts, draw: Draw) -> Operation:
    """One operation that makes sense to try, whether or not it can succeed."""
    if not sockets:
        return ("udp",) if family == DATAGRAM else ("tcp",)
    numbers = sorted(sockets)
    if host.epolls and draw(10) > 6:
        return _epoll_operation(numbers, host, draw)
    number = numbers[draw(len(numbers))]
    end = sockets[number]
    if family == URGENT and draw(3) == 0:
        return _urgent_operation(number, draw)
    if draw(40) == 39:
        return _descriptor_operation(number, end, len(sockets) < MOST_SOCKETS[family], draw)
    if isinstance(end, Tcb):
        return _tcp_operation(family, number, end, sockets, draw)
    return _udp_operation(number, numbers, sockets, draw)


def _descriptor_operation(number: int, end: Endpoint, may_add: bool, draw: Draw) -> Operation:
    """What concerns the descriptor and not the socket: a further one, one of several closed, flags."""
    if end.duplicates and draw(2):
        return ("close", number)
    pick = draw(8)
    if pick < 5 and may_add:
        return ("dup", number, draw(4) == 3)
    commands = ((F_GETFD, 0), (F_SETFD, draw(2)), (F_GETFL, 0), (F_DUPFD, BEYOND))
    return ("fcntl", number, *commands[draw(len(commands))])


def _tcp_operation(family: str, number: int, tcb: Tcb, sockets: Sockets, draw: Draw) -> Operation:
    lives = family == LIVES
    if lives and draw(6) == 0 and len(sockets) < MOST_SOCKETS[LIVES]:
        return ("tcp",)
    if tcb.state is TcpState.LISTEN:
        pick = draw(12)
        if pick < 7 and (tcb.accept_queue or pick == 0):
            return ("accept", number) if len(sockets) < MOST_SOCKETS[family] else ("close", number)
        if lives and pick == 8:
            return ("close", number)
    elif tcb.lingers and draw(4) == 0:
        return ("close", number)
    elif tcb.state is TcpState.CLOSED and lives and draw(3):
        return _opening(number, sockets, draw)
    elif tcb.state is not TcpState.CLOSED and draw(10) < (5 if lives else 8):
        return _transfer(number, tcb, draw)
    return _anything(number, sockets, draw, family)


def _opening(number: int, sockets: Sockets, draw: Draw) -> Operation:
    pick = draw(10)
    if pick < 5:
        return ("connect", number, _target(number, sockets, draw))
    if pick < 7:
        return ("bind", number, _name(sockets, draw))
    if pick < 9:
        return ("listen", number, draw(3))
    return ("setsockopt", number, SOL_SOCKET, SO_REUSEADDR, 1)


def _target(number: int, sockets: Sockets, draw: Draw) -> tuple[str, int]:
    listening = [n for n, e in sockets.items() if isinstance(e, Tcb) and e.state is TcpState.LISTEN]
    pick = draw(10)
    if pick < 6 and listening:
        return ("of", listening[draw(len(listening))])
    if pick < 8:
        return ("home", CLOSED_PORT)
    if pick == 8:
        return ("of", number) if sockets[number].holds_port else ("home", FIXED_PORTS[0])
    return ("foreign", 80)


def _name(sockets: Sockets, draw: Draw) -> tuple[str, int]:
    pick = draw(8)
    if pick < 3:
        return ("home", 0)
    if pick < 5:
        return ("home", FIXED_PORTS[draw(len(FIXED_PORTS))])
    if pick == 5:
        return ("any", 0)
    held = [n for n, e in sockets.items() if e.holds_port]
    if pick == 6 and held:
        return ("of", held[draw(len(held))])
    return ("foreign", 0)


def _transfer(number: int, tcb: Tcb, draw: Draw) -> Operation:
    if draw(2):
        if tcb.readable_bytes and draw(3):
            return ("recv", number, _size(draw))
        return ("recv", number, SIZES[-1])
    return ("sendmore" if draw(16) == 15 else "send", number, _size(draw))


def _size(draw: Draw) -> int:
    return SIZES[draw(len(SIZES))] if draw(4) else 1 + draw(ANY_SIZE)


def _urgent_operation(number: int, draw: Draw) -> Operation:
    size = FEW[draw(len(FEW))]
    pick = draw(24)
    if pick < 7:
        return ("sendurgent", number, size if draw(4) else _size(draw), MSG_MORE * (draw(8) == 7))
    if pick < 11:
        return ("recvurgent", number, size if draw(8) else 0, MSG_PEEK * (draw(3) == 2))
    if pick < 13:
        return ("send", number, size)
    if pick < 16:
        return ("recv", number, size)
    if pick < 18:
        return ("peek", number, size if draw(2) else _size(draw))
    if pick < 20:
        return ("ioctl", number, (SIOCATMARK, FIONREAD)[draw(2)])
    if pick < 22:
        return ("setsockopt", number, SOL_SOCKET, SO_OOBINLINE, draw(2))
    if pick == 22:
        return ("getsockopt", number, SOL_SOCKET, SO_OOBINLINE)
    return ("close", number) if draw(3) == 2 else ("poll",)


def _buffer_size(draw: Draw) -> int:
    """Up to the system's maximum, sizes of every order alike often."""
    return BUFFERS[draw(len(BUFFERS))] if draw(4) else 1 + draw(1 << draw(23))


def _fine_option(number: int, draw: Draw) -> Operation:
    """One of the options that say when bytes move."""
    level, option, values = (
        (IPPROTO_TCP, TCP_CORK, (1, 0)), (IPPROTO_TCP, TCP_NOTSENT_LOWAT, NOTSENT),
        (SOL_SOCKET, SO_RCVLOWAT, LOW_MARKS), (IPPROTO_TCP, TCP_WINDOW_CLAMP, CLAMPS),
    )[draw(4)]  # fmt: skip
    return ("setsockopt", number, level, option, values[draw(len(values))])


def _anything(number: int, sockets: Sockets, draw: Draw, family: str) -> Operation:
    pick = draw(32 if family == LIVES else 26)
    match pick:
        case 0 | 1:
            return ("send", number, _size(draw))
        case 2 | 3:
            return ("recv", number, _size(draw))
        case 4:
            return (
                "getsockopt",
                number,
                SOL_SOCKET,
                (SO_ERROR, SO_SNDBUF, SO_RCVBUF, SO_REUSEADDR, SO_RCVLOWAT)[draw(5)],
            )
        case 5:
            return ("getsockopt", number, IPPROTO_TCP, (TCP_NODELAY, *LIFE_OPTIONS, *FINE_OPTIONS)[draw(8)])
        case 6:
            if draw(3):
                return ("setsockopt", number, IPPROTO_TCP, TCP_NODELAY, draw(2))
            if draw(3) == 0:
                return ("setsockopt", number, SOL_SOCKET, SO_KEEPALIVE, draw(2))
            return ("setsockopt", number, IPPROTO_TCP, LIFE_OPTIONS[draw(4)], LIFE_VALUES[draw(len(LIFE_VALUES))])
        case 7:
            return ("setsockopt", number, SOL_SOCKET, (SO_SNDBUF, SO_RCVBUF)[draw(2)], _buffer_size(draw))
        case 8:
            return ("ioctl", number, (FIONREAD, TIOCOUTQ, SIOCOUTQNSD)[draw(3)])
        case 9:
            return ("poll",)
        case 10:
            return ("select",)
        case 11:
            return ("getsockname", number)
        case 12:
            return ("getpeername", number)
        case 13 | 14:
            return ("shutdown", number, (SHUT_WR, SHUT_RD, SHUT_RDWR)[draw(3)])
        case 15:
            return ("connect", number, _target(number, sockets, draw))
        case 16:
            return ("accept", number) if len(sockets) < MOST_SOCKETS[family] else ("poll",)
        case 17:
            return ("bind", number, _name(sockets, draw))
        case 18:
            return ("listen", number, draw(3))
        case 19:
            return ("send", number, 0)
        case 20 | 21:
            return _fine_option(number, draw)
        case 22:
            return ("sendmsg", number, _size(draw), None, draw(len(ANCILLARY)))
        case 23:
            return ("recvmsg", number, _size(draw), MESSAGE_FLAGS[draw(len(MESSAGE_FLAGS))])
        case 24:
            return ("recvmsg", number, 1, MSG_ERRQUEUE)
        case 25:
            return ("setsockopt", number, IPPROTO_IP, IP_RECVERR, draw(2))
        case _:
            if not sockets[number].lingers and draw(5) == 4:
                return ("setbytes", number, SOL_SOCKET, SO_LINGER, LINGERS[draw(3)])
            return ("close", number)


def _datagram_size(draw: Draw) -> int:
    """One of the sizes at which something changes, or any other."""
    return DATAGRAMS[draw(len(DATAGRAMS))] if draw(3) else draw(LONGEST_DATAGRAM + 1) >> draw(12)


def _udp_operation(number: int, numbers: list[int], sockets: Sockets, draw: Draw) -> Operation:
    pick = draw(44)
    other = numbers[draw(len(numbers))]
    target = ("of", other) if sockets[other].holds_port and draw(8) else ("home", CLOSED_PORT)
    if pick < 8:
        return ("sendto", number, _datagram_size(draw), target)
    if pick < 11:
        return ("send", number, _datagram_size(draw))
    if pick < 18:
        return ("recvfrom", number, max(_datagram_size(draw), 1))
    match pick:
        case 18:
            return ("connect", number, target)
        case 19:
            return ("bind", number, _name(sockets, draw))
        case 20:
            return ("setsockopt", number, SOL_SOCKET, (SO_RCVBUF, SO_SNDBUF)[draw(2)], BUFFERS[draw(len(BUFFERS))])
        case 21:
            return ("getsockopt", number, SOL_SOCKET, (SO_ERROR, SO_SNDBUF, SO_RCVBUF)[draw(3)])
        case 22:
            return ("shutdown", number, (SHUT_WR, SHUT_RD, SHUT_RDWR)[draw(3)])
        case 23:
            return ("getsockname", number)
        case 24:
            return ("getpeername", number)
        case 25:
            return ("ioctl", number, (FIONREAD, TIOCOUTQ)[draw(2)])
        case 26:
            return ("poll",) if draw(2) else ("select",)
        case 27:
            return ("udp",) if len(sockets) < MOST_SOCKETS[DATAGRAM] else ("close", number)
        case 28:
            return ("close", number)
        case 29:
            return ("sendmore", number, _datagram_size(draw))
        case 30:
            return ("sendmoreto", number, _datagram_size(draw), target)
        case 31:
            return ("setsockopt", number, IPPROTO_UDP, UDP_CORK, draw(2))
        case 32:
            return ("peek", number, max(_datagram_size(draw), 1))
        case 33:
            return ("measure", number, max(_datagram_size(draw), 1), MSG_PEEK * draw(2))
        case 34:
            return ("setsockopt", number, SOL_SOCKET, (SO_RCVBUF, SO_SNDBUF, SO_RCVLOWAT)[draw(3)], draw(1 << draw(24)))
        case 35 | 36:
            return ("sendmsg", number, _datagram_size(draw), target if draw(3) else None, draw(len(ANCILLARY)))
        case 37 | 38:
            return ("recvmsg", number, _datagram_size(draw), MESSAGE_FLAGS[draw(len(MESSAGE_FLAGS))])
        case 39 | 40 | 41:
            return ("recvmsg", number, _datagram_size(draw), MSG_ERRQUEUE)
        case 42:
            return ("setsockopt", number, IPPROTO_IP, IP_RECVERR, int(draw(4) > 0))
        case _:
            return (("listen", number, 1), ("accept", number), ("sendto", number, 10, ("foreign", 5)))[draw(3)]


INTERESTS = (
    EPOLLIN, EPOLLOUT, EPOLLIN | EPOLLOUT, EPOLLIN | EPOLLRDHUP, EPOLLIN | EPOLLOUT | EPOLLRDHUP, EPOLLRDHUP, 0,
    EPOLLIN | EPOLLOUT | EPOLLRDNORM | EPOLLWRNORM | EPOLLWRBAND | EPOLLPRI, EPOLLWRBAND, EPOLLRDNORM,
)  # fmt: skip


def _events(draw: Draw) -> int:
    events = INTERESTS[draw(len(INTERESTS)) if draw(4) == 0 else draw(5)]
    if draw(2):
        events |= EPOLLET
    if draw(5) == 4:
        events |= EPOLLONESHOT
    if draw(12) == 11:
        events |= EPOLLEXCLUSIVE
    if draw(20) == 19:
        events |= EPOLLWAKEUP
    return events


def _epoll_operation(numbers: list[int], host: Hosts, draw: Draw) -> Operation:
    epolls = {int(host.names[fd].removeprefix("e")): epoll for fd, epoll in host.epolls.items()}
    order = sorted(epolls)
    e = order[draw(len(order))]
    pick = draw(32)
    if pick < 15:
        return ("wait", e, -1) if draw(3) else ("wait", e, 1 + draw(3))
    if pick < 18:
        return ("look_at", e)
    file = ("of", numbers[draw(len(numbers))])
    if draw(6) == 5:
        file = ("epoll", order[draw(len(order))])
    known = any(host.names.get(item.fd) == _traced(file, host) for item in epolls[e].items.values())
    if pick < 27:
        if known and draw(8):
            return ("modify_in", e, file, _events(draw))
        return ("add_to", e, file, _events(draw))
    match pick:
        case 27 | 28:
            return ("delete_from", e, file)
        case 29:
            return ("epoll",) if len(epolls) < MOST_EPOLLS else ("wait", e, -1)
        case 30:
            return ("modify_in", e, file, _events(draw))
    twin = ("twin", e) if len(epolls) < MOST_EPOLLS else ("look_at", e)
    return (("drop", e), ("ask_epoll", e), ("bind_epoll", e), ("wait_on_socket", numbers[0]), twin)[draw(5)]


def _traced(file: tuple[str, int], host: Hosts) -> str:
    """How the model's traces call a file."""
    return f"{'e' if file[0] == 'epoll' else 's'}{file[1]}"


def refers(argument: Any) -> bool:
    """Whether an argument names a socket or an epoll."""
    return isinstance(argument, tuple) and argument[0] in ("of", "epoll")


def references(operation: Operation) -> list[tuple[str, int]]:
    """The sockets, ``("of", n)``, and epolls, ``("epoll", n)``, that an operation is made on or names."""
    if operation[0] in SOCKETLESS:
        return []
    first = ("epoll" if operation[0] in OF_EPOLL else "of", operation[1])
    return [first, *(argument for argument in operation[2:] if refers(argument))]


NAMES = {
    "tcp": "tcp()", "udp": "udp()", "epoll": "epoll()", "poll": "poll()", "select": "select()",
    "afterclose": "recv on a closed socket", "oddsocket": "socket(AF_INET, SOCK_STREAM, IPPROTO_UDP)",
}  # fmt: skip


def describe(operation: Operation) -> str:
    """One short line: ``s2.connect(s1's address)``."""
    name, *rest = operation
    if name in NAMES:
        return NAMES[name]
    if name == "pause":
        return f"pause {rest[0]} ms"
    number, *args = rest
    if name in OF_EPOLL:
        return f"e{number}.{name}({', '.join(_argument(arg) for arg in args)})"
    return f"s{number}.{name}({', '.join(_argument(arg) for arg in args)})"


def _argument(arg: Any) -> str:
    match arg:
        case ("of", number):
            return f"address of s{number}"
        case ("epoll", number):
            return f"e{number}"
        case (where, port):
            return f"{where}:{port}"
    return str(arg)
