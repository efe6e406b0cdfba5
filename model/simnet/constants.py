"""Numbers that socket code wants by name and that the model itself does not need: Linux values, written out.

A number that the model does need lives in model/values/constants.py and nowhere else; `SOCKET`, `SELECT` and `FCNTL`
are those and ours together, by the names under which the standard library's modules carry them. Tests compare every
one with the real modules.

That a name is here does not say that the model knows what to do with it: an option that is not modelled answers as
the model says (ENOPROTOOPT), just like one that the kernel was built without.

Not here: constants of other address families than IPv4, beyond the names of the families; EPOLLWAKEUP, which
Python has no name for before 3.14.
"""

from __future__ import annotations

from ..values import constants as model

_OF_THE_MODEL = """
    AF_UNSPEC AF_INET SOCK_STREAM SOCK_DGRAM SOCK_NONBLOCK SOCK_CLOEXEC IPPROTO_IP IPPROTO_TCP IPPROTO_UDP SOMAXCONN
    INADDR_ANY INADDR_LOOPBACK SOL_SOCKET SOL_TCP SHUT_RD SHUT_WR SHUT_RDWR
    SO_REUSEADDR SO_TYPE SO_ERROR SO_SNDBUF SO_RCVBUF SO_ACCEPTCONN SO_PROTOCOL SO_DOMAIN
    TCP_NODELAY TCP_MAXSEG TCP_INFO
    MSG_OOB MSG_PEEK MSG_DONTROUTE MSG_TRUNC MSG_DONTWAIT MSG_WAITALL MSG_NOSIGNAL MSG_MORE
    MSG_CTRUNC MSG_ERRQUEUE SOL_IP SCM_RIGHTS SCM_CREDENTIALS
"""
_OF_POLL = """
    POLLIN POLLPRI POLLOUT POLLERR POLLHUP POLLNVAL POLLRDNORM POLLRDBAND POLLWRNORM POLLWRBAND POLLMSG POLLRDHUP
    EPOLLIN EPOLLPRI EPOLLOUT EPOLLERR EPOLLHUP EPOLLRDNORM EPOLLRDBAND EPOLLWRNORM EPOLLWRBAND EPOLLMSG EPOLLRDHUP
    EPOLLEXCLUSIVE EPOLLONESHOT EPOLLET EPOLL_CLOEXEC
"""

AF_UNIX, AF_INET6 = 1, 10
SOCK_RAW = 3
AI_PASSIVE, AI_CANONNAME, AI_NUMERICHOST, AI_V4MAPPED, AI_ALL, AI_ADDRCONFIG, AI_NUMERICSERV = 1, 2, 4, 8, 16, 32, 1024
EAI_BADFLAGS, EAI_NONAME, EAI_FAMILY, EAI_SOCKTYPE, EAI_SERVICE, EAI_ADDRFAMILY = -1, -2, -6, -7, -8, -9

SOCKET: dict[str, int] = {
    **{name: int(getattr(model, name)) for name in _OF_THE_MODEL.split()},
    "AF_UNIX": AF_UNIX, "AF_INET6": AF_INET6,
    "SOCK_RAW": SOCK_RAW, "SOCK_RDM": 4, "SOCK_SEQPACKET": 5,
    "AI_PASSIVE": AI_PASSIVE, "AI_CANONNAME": AI_CANONNAME, "AI_NUMERICHOST": AI_NUMERICHOST,
    "AI_V4MAPPED": AI_V4MAPPED, "AI_ALL": AI_ALL, "AI_ADDRCONFIG": AI_ADDRCONFIG, "AI_NUMERICSERV": AI_NUMERICSERV,
    "EAI_ADDRFAMILY": EAI_ADDRFAMILY, "EAI_AGAIN": -3, "EAI_BADFLAGS": EAI_BADFLAGS, "EAI_FAIL": -4,
    "EAI_FAMILY": EAI_FAMILY, "EAI_MEMORY": -10, "EAI_NODATA": -5, "EAI_NONAME": EAI_NONAME, "EAI_OVERFLOW": -12,
    "EAI_SERVICE": EAI_SERVICE, "EAI_SOCKTYPE": EAI_SOCKTYPE, "EAI_SYSTEM": -11,
    "INADDR_BROADCAST": 0xFFFFFFFF, "INADDR_NONE": 0xFFFFFFFF, "INADDR_ALLHOSTS_GROUP": 0xE0000001,
    "INADDR_MAX_LOCAL_GROUP": 0xE00000FF, "INADDR_UNSPEC_GROUP": 0xE0000000,
    "IPPROTO_ICMP": 1, "IPPROTO_IPV6": 41, "IPPROTO_RAW": 255,
    "IP_TOS": 1, "IP_TTL": 2, "IP_MULTICAST_IF": 32, "IP_MULTICAST_TTL": 33, "IP_MULTICAST_LOOP": 34,
    "IP_ADD_MEMBERSHIP": 35, "IP_DROP_MEMBERSHIP": 36, "IPV6_V6ONLY": 26,
    "MSG_EOR": 0x80, "MSG_CONFIRM": 0x800, "MSG_FASTOPEN": 0x20000000, "SOL_UDP": 17,
    "SO_DEBUG": 1, "SO_DONTROUTE": 5, "SO_BROADCAST": 6, "SO_KEEPALIVE": 9, "SO_OOBINLINE": 10, "SO_PRIORITY": 12,
    "SO_LINGER": 13, "SO_REUSEPORT": 15, "SO_RCVLOWAT": 18, "SO_SNDLOWAT": 19, "SO_RCVTIMEO": 20, "SO_SNDTIMEO": 21,
    "SO_BINDTODEVICE": 25, "SO_MARK": 36, "SO_INCOMING_CPU": 49,
    "TCP_CORK": 3, "TCP_KEEPIDLE": 4, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 6, "TCP_SYNCNT": 7, "TCP_LINGER2": 8,
    "TCP_DEFER_ACCEPT": 9, "TCP_WINDOW_CLAMP": 10, "TCP_QUICKACK": 12, "TCP_CONGESTION": 13, "TCP_USER_TIMEOUT": 18,
    "TCP_FASTOPEN": 23, "TCP_NOTSENT_LOWAT": 25,
}  # fmt: skip
"""What the simulated `_socket` carries."""

SELECT: dict[str, int] = {name: int(getattr(model, name)) for name in _OF_POLL.split()}
"""What the simulated `select` carries."""

FIONBIO = 0x5421

_OF_FCNTL = "F_DUPFD F_GETFD F_SETFD F_GETFL F_SETFL F_DUPFD_CLOEXEC FD_CLOEXEC"

FCNTL: dict[str, int] = {name: int(getattr(model, name)) for name in _OF_FCNTL.split()}
"""What the simulated `fcntl` carries."""
