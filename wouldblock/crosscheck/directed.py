"""Fixed sequences for situations that random calls hardly ever reach, run at the head of every check.

They are operations like any others: both arms perform them, and everything is compared. Each is here because one rule
needs it: the name says which situation it is for.

Not here: anything that needs more than about a second of real time.
"""

from __future__ import annotations

from model.values.constants import (
    EPOLLET,
    EPOLLEXCLUSIVE,
    EPOLLIN,
    EPOLLOUT,
    F_DUPFD,
    F_GETFD,
    F_GETFL,
    F_SETFD,
    IPPROTO_TCP,
    SHUT_RD,
    SHUT_RDWR,
    SHUT_WR,
    SIOCATMARK,
    SO_KEEPALIVE,
    SO_OOBINLINE,
    SO_RCVBUF,
    SO_REUSEADDR,
    SO_SNDBUF,
    SOL_SOCKET,
    TCP_KEEPIDLE,
    TCP_NODELAY,
)

from .operations import BEYOND, Operation

T, U = ("tcp",), ("udp",)
HOME, PORT, SERVICE = ("home", 0), ("home", 7001), ("home", 7002)
CONNECTED: list[Operation] = [T, ("bind", 1, HOME), ("listen", 1, 5), T, ("connect", 2, ("of", 1)), ("accept", 1)]
SMALL: list[Operation] = [
    T, ("setsockopt", 1, SOL_SOCKET, SO_RCVBUF, 1), ("bind", 1, HOME), ("listen", 1, 5), T, ("connect", 2, ("of", 1)),
    ("accept", 1),
]  # fmt: skip

A_SYN_IS_SENT_AGAIN: list[Operation] = [
    T, ("bind", 1, HOME), ("listen", 1, 0), T, ("connect", 2, ("of", 1)), T, ("connect", 3, ("of", 1)), ("send", 3, 1),
    ("recv", 3, 1), ("connect", 3, ("of", 1)), ("poll",), ("select",), ("accept", 1), ("pause", 1100), ("accept", 1),
    ("connect", 3, ("of", 1)), ("connect", 3, ("of", 1)),
]  # fmt: skip
GIVEN_UP_WHILE_CONNECTING: list[Operation] = [
    T, ("bind", 1, HOME), ("listen", 1, 0), T, ("connect", 2, ("of", 1)), T, ("connect", 3, ("of", 1)),
    ("shutdown", 3, SHUT_RDWR), ("getsockopt", 3, SOL_SOCKET, 4), T, ("connect", 4, ("of", 1)), ("close", 4),
]  # fmt: skip
THE_SAME_PAIR_TWICE: list[Operation] = [
    T, ("bind", 1, HOME), ("listen", 1, 5),
    T, ("setsockopt", 2, SOL_SOCKET, SO_REUSEADDR, 1), ("bind", 2, PORT), ("connect", 2, ("of", 1)),
    T, ("setsockopt", 3, SOL_SOCKET, SO_REUSEADDR, 1), ("bind", 3, PORT), ("connect", 3, ("of", 1)),
]  # fmt: skip
TWO_BEGIN_TO_LISTEN: list[Operation] = [
    T, ("setsockopt", 1, SOL_SOCKET, SO_REUSEADDR, 1), ("bind", 1, PORT),
    T, ("setsockopt", 2, SOL_SOCKET, SO_REUSEADDR, 1), ("bind", 2, PORT), ("listen", 1, 1), ("listen", 2, 1),
]  # fmt: skip
LOOKING_AND_ODD_CALLS: list[Operation] = [
    *CONNECTED, ("send", 2, 10), ("peek", 3, 4), ("peek", 3, 100), ("recv", 3, 100), ("peek", 3, 1),
    ("setblocking", 3), ("afterclose",), ("oddsocket",), ("setbytes", 3, SOL_SOCKET, SO_RCVBUF, b"ab"),
    ("setsockopt", 3, SOL_SOCKET, 4, 1),
]  # fmt: skip
ODD_DATAGRAMS: list[Operation] = [
    U, ("bind", 1, HOME), U, ("sendto", 2, 5, ("of", 1)), ("peek", 1, 2), ("recvfrom", 1, 10),
    ("connect", 2, ("foreign", 7)), ("sendto", 2, 5, ("home", 0)), ("getsockopt", 2, IPPROTO_TCP, TCP_NODELAY),
    ("setsockopt", 2, IPPROTO_TCP, TCP_NODELAY, 1),
    ("sendto", 2, 65_536, ("of", 1)), ("sendto", 2, 65_508, ("of", 1)), ("listen", 2, 1), ("accept", 2),
]  # fmt: skip
A_CLOSED_WINDOW_IS_PROBED: list[Operation] = [
    *SMALL, ("send", 2, 10_000), ("pause", 300), ("pause", 500), ("recv", 3, 100_000), ("recv", 3, 100_000),
    ("pause", 60), ("recv", 3, 100_000),
]  # fmt: skip
BOTH_CLOSE_AT_ONCE: list[Operation] = [
    T, ("setsockopt", 1, SOL_SOCKET, SO_RCVBUF, 1), ("bind", 1, HOME), ("listen", 1, 5), T,
    ("setsockopt", 2, SOL_SOCKET, SO_RCVBUF, 1), ("connect", 2, ("of", 1)), ("accept", 1),
    ("send", 2, 10_000), ("send", 3, 10_000), ("shutdown", 2, SHUT_WR), ("shutdown", 3, SHUT_WR),
    *[(name, n, 100_000) for _ in range(14) for name, n in (("recv", 2), ("recv", 3))], ("pause", 60), ("poll",),
]  # fmt: skip
RESTARTED_WHILE_RESTING: list[Operation] = [
    T, ("bind", 1, PORT), ("listen", 1, 5), T, ("connect", 2, ("of", 1)), ("accept", 1), ("shutdown", 3, SHUT_WR),
    ("shutdown", 2, SHUT_WR), ("pause", 60), ("close", 3), ("close", 1), T, ("bind", 3 + 1, PORT), T,
    ("setsockopt", 5, SOL_SOCKET, SO_REUSEADDR, 1), ("bind", 5, PORT), ("getsockopt", 5, IPPROTO_TCP, TCP_NODELAY),
]  # fmt: skip


def _same_pair_after_a_rest(*between: Operation) -> list[Operation]:
    """The server closes first, so its side rests; then the same pair of addresses is used for a new connection."""
    return [
        T, ("bind", 1, SERVICE), ("listen", 1, 5),
        T, ("bind", 2, PORT), ("connect", 2, ("of", 1)), ("accept", 1), ("close", 3), ("close", 2), *between,
        T, ("bind", 4, PORT), ("connect", 4, SERVICE), ("poll",), ("connect", 4, SERVICE),
    ]  # fmt: skip


A_REST_ENDS_BY_A_SYN = _same_pair_after_a_rest()
A_REST_ENDS_BY_A_RESET = [*_same_pair_after_a_rest(("close", 1)), ("pause", 1100), ("poll",), ("connect", 4, SERVICE)]
A_FIN_WAITS_FOR_ROOM: list[Operation] = [
    *SMALL, ("setsockopt", 2, SOL_SOCKET, SO_SNDBUF, 1), *[("send", 2, 10_000)] * 3, ("pause", 60),
    ("shutdown", 2, SHUT_WR), *[op for _ in range(5) for op in (("recv", 3, 100_000), ("pause", 60))], ("pause", 300),
    ("recv", 3, 100_000), ("recv", 3, 100_000),
]  # fmt: skip
A_READER_RUNS_OUT_OF_MEMORY: list[Operation] = [
    *CONNECTED, ("shutdown", 2, SHUT_RD), ("setsockopt", 2, SOL_SOCKET, SO_RCVBUF, 4608), ("send", 3, 65_484),
    ("recv", 2, 100_000), ("pause", 300), ("recv", 2, 100_000), ("poll",),
]  # fmt: skip
A_SILENT_PEER_IS_ASKED: list[Operation] = [
    *CONNECTED, ("setsockopt", 2, IPPROTO_TCP, TCP_KEEPIDLE, 1), ("setsockopt", 2, SOL_SOCKET, SO_KEEPALIVE, 1),
    ("pause", 300), ("send", 3, 1), ("recv", 2, 1), ("pause", 800), ("pause", 400), ("poll",),
]  # fmt: skip
A_RESET_IS_CHALLENGED: list[Operation] = [
    *CONNECTED, ("send", 2, 1), ("setsockopt", 2, SOL_SOCKET, SO_RCVBUF, 2304), ("send", 3, 65_484),
    ("recv", 2, 32_768), ("close", 3), ("poll",),
]  # fmt: skip
A_FIN_FINDS_NO_MEMORY: list[Operation] = [
    *CONNECTED, ("send", 3, 10_000), ("setsockopt", 2, SOL_SOCKET, SO_RCVBUF, 4608), ("shutdown", 3, SHUT_WR),
    ("recv", 2, 100_000), ("recv", 2, 1),
]  # fmt: skip


A_FIN_LIES_BEYOND_THE_WINDOW: list[Operation] = [
    T, ("setsockopt", 1, SOL_SOCKET, SO_RCVBUF, 5000), ("bind", 1, HOME), ("listen", 1, 5), T,
    ("setsockopt", 2, SOL_SOCKET, SO_SNDBUF, 5000), ("connect", 2, ("of", 1)), ("accept", 1), ("send", 2, 10_000),
    ("recv", 3, 10_000), ("send", 2, 10_000), ("shutdown", 2, SHUT_WR), ("recv", 3, 4000),
]  # fmt: skip


A_BUFFER_GROWS_WITH_WHAT_IT_HOLDS: list[Operation] = [
    T, ("listen", 1, 5), T, ("connect", 2, ("of", 1)), ("accept", 1),
    ("send", 3, 127), ("send", 2, 257_670), ("send", 3, 4000), ("sendmore", 3, 65_482), ("recv", 3, 300_000),
    ("send", 3, 124_873), ("send", 3, 63_158), ("recv", 2, 300_000), ("send", 3, 15_876), ("sendmore", 3, 536),
    ("recv", 3, 300_000), ("recv", 2, 114_873), ("send", 3, 10_000), ("send", 2, 10), ("send", 3, 65_482),
    ("send", 3, 536), ("send", 2, 10_000), ("send", 2, 209_210), ("send", 3, 1000),
]  # fmt: skip


A_RUN_IS_AS_LONG_AS_A_PACKET: list[Operation] = [
    T, ("setsockopt", 1, SOL_SOCKET, SO_RCVBUF, 32_640), ("listen", 1, 5), T, ("connect", 2, ("of", 1)),
    ("send", 2, 100_000), ("accept", 1), ("recv", 3, 300_000), ("recv", 3, 300_000),
]  # fmt: skip
"""Segments of which four are a few bytes shorter than the longest run (`Profile.run_max`)."""


A_LISTENER_HAD_A_PEER: list[Operation] = [
    *CONNECTED, ("send", 3, 200_000), ("recv", 2, 300_000), ("send", 2, 1), ("close", 3), ("connect", 2, ("of", 1)),
    ("close", 1), ("setsockopt", 2, SOL_SOCKET, SO_RCVBUF, 200_000), ("bind", 2, PORT), ("listen", 2, 5), T,
    ("connect", 4, ("of", 2)), ("send", 4, 300_000), ("accept", 2), ("recv", 5, 300_000),
]  # fmt: skip
"""What it learnt of the memory that payload takes holds for its children."""
TWO_PROBES_ON_ONE_TICK: list[Operation] = [
    *CONNECTED, ("send", 3, 116_184), ("setsockopt", 2, SOL_SOCKET, SO_SNDBUF, 1),
    ("setsockopt", 2, SOL_SOCKET, SO_RCVBUF, 1000), ("send", 3, 300_000), ("sendmore", 2, 43_936), ("pause", 250),
]  # fmt: skip
"""Both leave before either arrives."""
A_GAP_IS_TOLD_DURING_A_CALL: list[Operation] = [
    *CONNECTED, ("send", 3, 65_483), ("send", 2, 1), ("setsockopt", 2, SOL_SOCKET, SO_RCVBUF, 4608),
    ("send", 3, 300_000), ("setsockopt", 2, SOL_SOCKET, SO_RCVBUF, 200_000), ("recv", 2, 1),
]  # fmt: skip
"""A reader that makes room hears at once of what lies behind what was dropped."""


def _in_each_other(most: int) -> list[Operation]:
    """As many epolls, each of which watches the next, from the inside out."""
    chain = [("add_to", n, ("epoll", n + 1), EPOLLIN) for n in range(most - 1, 0, -1)]
    return [("epoll",)] * most + chain


EPOLLS_IN_EACH_OTHER: list[Operation] = [
    U, ("bind", 1, HOME), *_in_each_other(5), ("add_to", 5, ("of", 1), EPOLLIN | EPOLLET), ("sendto", 1, 5, ("of", 1)),
    ("look_at", 1), ("wait", 1, -1), ("wait", 5, -1), ("look_at", 1), ("wait", 1, -1), ("wait", 3, -1),
    ("add_to", 5, ("epoll", 1), EPOLLIN), ("add_to", 3, ("epoll", 2), EPOLLIN), ("epoll",),
    ("add_to", 6, ("epoll", 1), EPOLLIN), ("add_to", 5, ("epoll", 6), EPOLLIN), ("drop", 3),
    ("add_to", 5, ("epoll", 1), EPOLLIN), ("wait", 5, -1), ("wait", 2, -1),
]  # fmt: skip
PATHS_THROUGH_EPOLLS: list[Operation] = [
    U, ("bind", 1, HOME), *_in_each_other(4), ("add_to", 4, ("of", 1), EPOLLIN), *[("epoll",)] * 11,
    *[("add_to", n, ("epoll", 1), EPOLLIN | EPOLLET) for n in range(5, 16)], ("sendto", 1, 5, ("of", 1)),
    ("wait", 14, -1), ("wait", 15, -1), ("delete_from", 5, ("epoll", 1)), ("add_to", 15, ("epoll", 1), EPOLLIN),
    ("wait", 15, -1),
]  # fmt: skip
"""Ten of five epolls each is what a socket may have."""
TWO_EPOLLS_FOR_ONE_SOCKET: list[Operation] = [
    U, ("bind", 1, HOME), *[("epoll",)] * 4, *[("add_to", n, ("of", 1), EPOLLIN | EPOLLET) for n in (1, 2)],
    ("add_to", 3, ("of", 1), EPOLLIN | EPOLLEXCLUSIVE),
    *[("add_to", 4, ("epoll", n), EPOLLIN | EPOLLET) for n in (3, 1, 2)],
    ("sendto", 1, 5, ("of", 1)), ("wait", 4, -1), ("sendto", 1, 5, ("of", 1)), ("wait", 4, 2), ("wait", 4, 2),
]  # fmt: skip

A_DESCRIPTOR_IS_CLOSED_BEFORE_ITS_FILE: list[Operation] = [
    *CONNECTED, ("epoll",), ("epoll",), ("add_to", 1, ("of", 3), EPOLLIN), ("dup", 3, False), ("dup", 2, True),
    ("add_to", 1, ("of", 4), EPOLLIN | EPOLLET), ("send", 2, 5), ("wait", 1, -1), ("close", 3), ("wait", 1, -1),
    ("send", 5, 5), ("wait", 1, -1), ("dup", 4, False), ("modify_in", 1, ("of", 6), EPOLLIN | EPOLLET), U,
    ("wait", 1, -1), ("close", 2), ("recv", 4, 20), ("twin", 1), ("drop", 1), ("send", 5, 5), ("wait", 3, -1),
    ("close", 6), ("wait", 3, -1), ("add_to", 3, ("of", 7), EPOLLIN | EPOLLOUT), ("close", 5), ("wait", 3, -1),
    ("fcntl", 4, F_GETFD, 0), ("fcntl", 4, F_SETFD, 0), ("fcntl", 4, F_GETFD, 0), ("fcntl", 4, F_GETFL, 0),
    ("fcntl", 4, F_DUPFD, BEYOND), ("close", 4), ("wait", 3, -1), ("add_to", 2, ("epoll", 3), EPOLLIN),
    ("twin", 3), ("add_to", 2, ("epoll", 4), EPOLLIN), ("add_to", 3, ("epoll", 4), EPOLLIN), ("wait", 2, -1),
    ("drop", 3), ("wait", 2, -1),
]  # fmt: skip
AN_URGENT_BYTE_IS_ANNOUNCED_ONLY: list[Operation] = [
    *SMALL, ("recvurgent", 1, 1, 0), ("send", 2, 10_000), ("sendurgent", 2, 1, 0), ("pause", 300),
    ("recvurgent", 3, 1, 0), ("shutdown", 3, SHUT_RD), ("recvurgent", 3, 1, 0), ("recv", 3, 100_000), ("pause", 60),
    ("poll",),
]  # fmt: skip
"""The window is closed: probes tell of it."""
AN_URGENT_BYTE_IS_LOST: list[Operation] = [
    *CONNECTED, ("sendurgent", 2, 1, 0), ("peek", 3, 1), ("poll",), ("recv", 3, 1), ("recvurgent", 3, 1, 0),
    ("sendurgent", 2, 4, 0), ("sendurgent", 2, 4, 0), ("ioctl", 3, SIOCATMARK), ("recv", 3, 100),
    ("ioctl", 3, SIOCATMARK), ("sendurgent", 2, 1, 0), ("recvurgent", 3, 0, 0), ("recvurgent", 3, 1, 0),
    ("recv", 3, 1), ("sendurgent", 2, 1, 0), ("setsockopt", 3, SOL_SOCKET, SO_OOBINLINE, 1), ("recvurgent", 3, 1, 0),
    ("recv", 3, 1),
]  # fmt: skip
AN_URGENT_BYTE_BREAKS_OFF: list[Operation] = [
    *CONNECTED, ("sendurgent", 3, 1, 0), ("send", 2, 1), ("close", 3), ("recvurgent", 2, 1, 0), ("poll",),
    ("connect", 2, ("of", 1)), ("recvurgent", 2, 1, 0), ("ioctl", 2, SIOCATMARK), ("sendurgent", 2, 1, 0),
]  # fmt: skip
URGENT_DATAGRAMS: list[Operation] = [
    U, ("sendurgent", 1, 10, 0), ("ioctl", 1, SIOCATMARK), ("setsockopt", 1, SOL_SOCKET, SO_OOBINLINE, 1),
    U, ("bind", 2, HOME), ("connect", 1, ("of", 2)), ("sendurgent", 1, 65_536, 0), ("sendurgent", 1, 10, 0),
    ("send", 1, 10), ("recvurgent", 2, 100, 0), ("recvurgent", 2, 100, 0),
]  # fmt: skip

DIRECTED: tuple[list[Operation], ...] = (
    LOOKING_AND_ODD_CALLS, ODD_DATAGRAMS, THE_SAME_PAIR_TWICE, TWO_BEGIN_TO_LISTEN, GIVEN_UP_WHILE_CONNECTING,
    RESTARTED_WHILE_RESTING, A_REST_ENDS_BY_A_SYN, A_REST_ENDS_BY_A_RESET, BOTH_CLOSE_AT_ONCE,
    A_FIN_FINDS_NO_MEMORY, A_FIN_LIES_BEYOND_THE_WINDOW, A_RESET_IS_CHALLENGED, A_SILENT_PEER_IS_ASKED,
    A_READER_RUNS_OUT_OF_MEMORY, A_FIN_WAITS_FOR_ROOM, A_BUFFER_GROWS_WITH_WHAT_IT_HOLDS,
    A_RUN_IS_AS_LONG_AS_A_PACKET, A_LISTENER_HAD_A_PEER, TWO_PROBES_ON_ONE_TICK, A_GAP_IS_TOLD_DURING_A_CALL,
    A_CLOSED_WINDOW_IS_PROBED, A_SYN_IS_SENT_AGAIN, EPOLLS_IN_EACH_OTHER, PATHS_THROUGH_EPOLLS,
    TWO_EPOLLS_FOR_ONE_SOCKET, A_DESCRIPTOR_IS_CLOSED_BEFORE_ITS_FILE,
    AN_URGENT_BYTE_IS_LOST, AN_URGENT_BYTE_IS_ANNOUNCED_ONLY, AN_URGENT_BYTE_BREAKS_OFF, URGENT_DATAGRAMS,
)  # fmt: skip
