"""The numbers of the Linux sockets API that the model speaks, under their standard names.

They are written out because `model/` imports neither `socket` nor `select`; a test compares each with the standard
library's. Sources: the kernel's uapi headers; socket(7), tcp(7), udp(7), poll(2).

Not here: numbers that nothing in the model uses yet.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag

AF_UNSPEC, AF_INET = 0, 2
SOCK_STREAM, SOCK_DGRAM = 1, 2
SOCK_NONBLOCK, SOCK_CLOEXEC = 0o4000, 0o2000000
IPPROTO_IP, IPPROTO_TCP, IPPROTO_UDP = 0, 6, 17
SOMAXCONN = 4096
INADDR_ANY, INADDR_LOOPBACK = 0, 0x7F000001

SOL_SOCKET = 1
SO_REUSEADDR, SO_TYPE, SO_ERROR, SO_SNDBUF, SO_RCVBUF, SO_KEEPALIVE = 2, 3, 4, 7, 8, 9
SO_RCVLOWAT, SO_ACCEPTCONN, SO_PROTOCOL, SO_DOMAIN, SO_MEMINFO = 18, 30, 38, 39, 55
SOL_TCP = IPPROTO_TCP
TCP_NODELAY, TCP_MAXSEG, TCP_CORK, TCP_WINDOW_CLAMP, TCP_INFO, TCP_NOTSENT_LOWAT = 1, 2, 3, 10, 11, 25
TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_CONGESTION, TCP_USER_TIMEOUT = 4, 5, 6, 13, 18
TCP_SYNCNT, TCP_DEFER_ACCEPT = 7, 9

IP_MTU_DISCOVER, IP_RECVERR, IP_MTU = 10, 11, 14
IP_PMTUDISC_DONT, IP_PMTUDISC_WANT, IP_PMTUDISC_DO, IP_PMTUDISC_PROBE = 0, 1, 2, 3
IP_PMTUDISC_INTERFACE, IP_PMTUDISC_OMIT = 4, 5

SHUT_RD, SHUT_WR, SHUT_RDWR = 0, 1, 2
MSG_OOB, MSG_PEEK, MSG_DONTROUTE, MSG_TRUNC, MSG_DONTWAIT = 0x1, 0x2, 0x4, 0x20, 0x40
MSG_WAITALL, MSG_NOSIGNAL, MSG_MORE = 0x100, 0x4000, 0x8000

FIONREAD, TIOCOUTQ, SIOCOUTQNSD = 0x541B, 0x5411, 0x894B

POLLIN, POLLPRI, POLLOUT, POLLERR, POLLHUP, POLLNVAL = 0x1, 0x2, 0x4, 0x8, 0x10, 0x20
POLLRDNORM, POLLRDBAND, POLLWRNORM, POLLWRBAND, POLLMSG, POLLRDHUP = 0x40, 0x80, 0x100, 0x200, 0x400, 0x2000
EPOLLIN, EPOLLPRI, EPOLLOUT, EPOLLERR, EPOLLHUP = POLLIN, POLLPRI, POLLOUT, POLLERR, POLLHUP
EPOLLRDNORM, EPOLLRDBAND, EPOLLWRNORM, EPOLLWRBAND = POLLRDNORM, POLLRDBAND, POLLWRNORM, POLLWRBAND
EPOLLMSG, EPOLLRDHUP = POLLMSG, POLLRDHUP
EPOLLEXCLUSIVE, EPOLLWAKEUP, EPOLLONESHOT, EPOLLET = 1 << 28, 1 << 29, 1 << 30, 1 << 31
EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD, EPOLL_CLOEXEC = 1, 2, 3, 0o2000000
EPOLL_MAX_EVENTS = (2**31 - 1) // 12

WAKES_ALL = 0
WAKES_READERS = POLLIN | POLLPRI | POLLRDNORM | POLLRDBAND
WAKES_WRITERS = POLLOUT | POLLWRNORM | POLLWRBAND
WAKES_ERRORS = POLLERR
"""What a wake-up is about, as the kernel's socket code puts it (sock_def_wakeup, sock_def_readable,
sock_def_write_space, sock_def_error_report).
"""

POLL_ALWAYS = POLLERR | POLLHUP | POLLNVAL
POLL_ALL = POLLIN | POLLPRI | POLLOUT | POLLRDHUP

FD_SETSIZE = 1024


class TcpState(IntEnum):
    """TCP's eleven states, numbered as `tcpi_state` numbers them (include/net/tcp_states.h)."""

    ESTABLISHED = 1
    SYN_SENT = 2
    SYN_RECEIVED = 3
    FIN_WAIT_1 = 4
    FIN_WAIT_2 = 5
    TIME_WAIT = 6
    CLOSED = 7
    CLOSE_WAIT = 8
    LAST_ACK = 9
    LISTEN = 10
    CLOSING = 11


class TcpFlag(IntFlag):
    """The control bits of a TCP header (RFC 9293 §3.1)."""

    FIN = 0x01
    SYN = 0x02
    RST = 0x04
    PSH = 0x08
    ACK = 0x10
    URG = 0x20
    ECE = 0x40
    CWR = 0x80
    AE = 0x100


class Ecn(IntEnum):
    """The mark in an IP header by which routers tell of congestion (RFC 3168 §5)."""

    NOT_ECT = 0
    ECT_1 = 1
    ECT_0 = 2
    CE = 3
