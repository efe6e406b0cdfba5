"""The model's constants are the standard library's: it writes them out because it may import neither socket nor select.

Every public name counts, one by one, so that a name added tomorrow is compared tomorrow. A name is looked up in every
module that might know it, and all that know it must agree. What no module names is listed here with the header that
does: a name that is nowhere fails, it is not passed over.

Not here: the names that `SimNet`'s modules show to programs (tests/simnet/test_tables.py).
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import socket
import termios
from enum import Enum

import pytest

from model.values import constants
from model.values.constants import Ecn, TcpFlag, TcpState

MODULES = (socket, select, errno, termios, fcntl, os)

ONLY_IN_HEADERS = {
    "SO_MEMINFO": 55,  # asm-generic/socket.h
    "SO_NO_CHECK": 11,
    "SO_BSDCOMPAT": 14,
    "SO_SNDBUFFORCE": 32,
    "SO_RCVBUFFORCE": 33,
    "SO_NOFCS": 43,
    "SO_BUSY_POLL": 46,
    "SO_BUF_LOCK": 72,
    "TCP_THIN_LINEAR_TIMEOUTS": 16,  # linux/tcp.h, as are these
    "TCP_THIN_DUPACK": 17,
    "TCP_SAVE_SYN": 27,
    "TCP_FASTOPEN_CONNECT": 30,
    "TCP_FASTOPEN_NO_COOKIE": 34,
    "UDP_NO_CHECK6_TX": 101,  # linux/udp.h, as is the next
    "UDP_NO_CHECK6_RX": 102,
    "IP_NODEFRAG": 22,  # linux/in.h, as is the next
    "IP_MULTICAST_ALL": 49,
    "SIOCOUTQNSD": 0x894B,  # linux/sockios.h
    "SIOCATMARK": 0x8905,  # asm-generic/sockios.h
    "FD_SETSIZE": 1024,  # sys/select.h
    "IP_MTU_DISCOVER": 10,  # linux/in.h, as are these
    "UDP_CORK": 1,  # linux/udp.h
    "IP_RECVERR": 11,
    "IP_MTU": 14,
    "IP_PMTUDISC_DONT": 0,
    "IP_PMTUDISC_WANT": 1,
    "IP_PMTUDISC_DO": 2,
    "IP_PMTUDISC_PROBE": 3,
    "IP_PMTUDISC_INTERFACE": 4,
    "IP_PMTUDISC_OMIT": 5,
    "SO_EE_ORIGIN_LOCAL": 1,  # linux/errqueue.h, as is the next
    "SO_EE_ORIGIN_ICMP": 2,
    "EPOLLWAKEUP": 1 << 29,  # linux/eventpoll.h, as are these
    "EPOLL_CTL_ADD": 1,
    "EPOLL_CTL_DEL": 2,
    "EPOLL_CTL_MOD": 3,
    "EPOLL_MAX_EVENTS": 178_956_970,  # fs/eventpoll.c
}
SUMS = {
    "POLL_ALWAYS": select.POLLERR | select.POLLHUP | select.POLLNVAL,
    "POLL_ALL": select.POLLIN | select.POLLPRI | select.POLLOUT | select.POLLRDHUP,
    "WAKES_ALL": 0,
    "WAKES_READERS": select.POLLIN | select.POLLPRI | select.POLLRDNORM | select.POLLRDBAND,
    "WAKES_WRITERS": select.POLLOUT | select.POLLWRNORM | select.POLLWRBAND,
    "WAKES_ERRORS": select.POLLERR,
}
"""What poll() reports unasked, what the model and the cross-check ask for, and what wake-ups are about."""

NUMBERS = {name: value for name, value in vars(constants).items() if name.isupper() and isinstance(value, int)}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_constant_has_the_standard_librarys_value(name: str) -> None:
    known = [getattr(module, name) for module in MODULES if hasattr(module, name)]
    known += [table[name] for table in (ONLY_IN_HEADERS, SUMS) if name in table]
    assert known, f"{name} is in no module: give it a line in ONLY_IN_HEADERS"
    assert [int(value) for value in known] == [NUMBERS[name]] * len(known)


def test_a_name_is_listed_only_while_no_module_knows_it() -> None:
    listed = {*ONLY_IN_HEADERS, *SUMS}
    assert listed <= set(NUMBERS)
    assert [name for name in listed if any(hasattr(module, name) for module in MODULES)] == []


def test_every_public_name_is_compared() -> None:
    """Numbers above, the three enumerations below: there is nothing else."""
    public = {name for name, value in vars(constants).items() if name[0] != "_" and not _imported(value)}
    assert public == {*NUMBERS, "TcpState", "TcpFlag", "Ecn"}


def _imported(value: object) -> bool:
    return not isinstance(value, int | type) or (isinstance(value, type) and value.__module__ != constants.__name__)


def test_the_states_of_tcp_are_numbered_as_the_kernel_numbers_them() -> None:
    """include/net/tcp_states.h: `TCP_INFO` of a fresh socket says CLOSE, of a listening one LISTEN."""
    with socket.socket() as sock:
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == TcpState.CLOSED
        sock.listen()
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == TcpState.LISTEN
    assert sorted(TcpState) == list(range(1, 12))


@pytest.mark.parametrize("enumeration", [TcpState, TcpFlag, Ecn])
def test_no_two_members_share_a_number(enumeration: type[Enum]) -> None:
    assert len(set(enumeration)) == len(enumeration.__members__)


def test_the_flags_are_the_nine_lowest_bits_of_a_tcp_header() -> None:
    """RFC 9293 §3.1 and RFC 9768 §3.1, from the right: FIN, SYN, RST, PSH, ACK, URG, ECE, CWR, AE."""
    assert [flag.name for flag in sorted(TcpFlag)] == "FIN SYN RST PSH ACK URG ECE CWR AE".split()
    assert [int(flag) for flag in sorted(TcpFlag)] == [1 << bit for bit in range(9)]


def test_the_marks_of_congestion_are_numbered_as_in_ip() -> None:
    """RFC 3168 §5: two bits, and ECT(1) is the lower of the two that say "I would understand"."""
    assert [(mark.name, int(mark)) for mark in Ecn] == [("NOT_ECT", 0), ("ECT_1", 1), ("ECT_0", 2), ("CE", 3)]
