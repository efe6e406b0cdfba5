"""What the running kernel shows of a socket: fast for the cross-check, in full for a person.

Five looks are taken after every step, and each is one system call: a single poll(2) for all sockets, then for each
socket FIONREAD and TIOCOUTQ (ioctl_tty(2), tcp(7), udp(7)), `tcpi_state` with what was not sent yet (tcp(7), TCP_INFO),
and the accounts of memory with the number of packets dropped (socket(7), SO_MEMINFO). Nothing that a program sees is
changed by looking: pending errors stay pending, nothing is received. One thing the kernel does note: poll finding a TCP
send buffer full marks the socket as waiting for room (SOCK_NOSPACE, tcp_poll), just as a send() that would block does,
and a marked socket's buffer may be enlarged when room comes (tcp_new_space). So a program that is observed and one that
is not may differ in how much fits; both arms observe alike.

Where the time goes: a system call from Python takes 0.4 µs, TCP_INFO 0.7 µs because the kernel fills in the whole
structure behind the socket's lock, however few bytes are asked for. So the calls themselves are four fifths of what
an observation costs, and the loop around them is kept flat: one array for all answers, everything looked up
beforehand, no call that could be an index.

`tcp_info` and `meminfo` give the whole structures by the kernel's own names, as far as the running kernel fills them
in.

Not here: connections whose descriptor is gone (diag.py).
"""

from __future__ import annotations

import errno
from array import array
from fcntl import ioctl
from select import poll
from struct import Struct, calcsize
from typing import Protocol

from model.values.constants import (
    AF_INET,
    FIONREAD,
    IPPROTO_TCP,
    POLL_ALL,
    SO_MEMINFO,
    SOCK_STREAM,
    SOL_SOCKET,
    TCP_INFO,
    TIOCOUTQ,
)
from model.values.observation import Observation

_AF_INET6 = 10
_MEMINFO_BYTES = 36


class Socket(Protocol):
    """What is asked of a socket here: any socket object of the standard library has it."""

    @property
    def family(self) -> int: ...
    @property
    def type(self) -> int: ...
    @property
    def proto(self) -> int: ...
    def fileno(self) -> int: ...
    def getsockopt(self, level: int, option: int, buflen: int, /) -> bytes: ...


class Observer:
    """Looks at a changing set of sockets, all at once, always in the order in which they were added."""

    __slots__ = ("_answer", "_poll", "_register", "_sockets", "_unregister", "_watched", "trips_us")

    def __init__(self) -> None:
        self.trips_us: list[int] = []
        """The round trip of each socket's receiver at the last observation (`tcpi_rcv_rtt`); 0: none was measured."""
        poller = poll()
        self._poll, self._register, self._unregister = poller.poll, poller.register, poller.unregister
        self._answer = array("i", [0])
        self._sockets: dict[Socket, tuple[int, bool, object]] = {}
        self._watched: list[tuple[int, bool, object]] = []

    def __len__(self) -> int:
        return len(self._sockets)

    def add(self, sock: Socket) -> None:
        """Look at `sock` from now on; its descriptor is noted now. ValueError for a socket that is closed or already
        looked at.
        """
        fd = sock.fileno()
        if sock in self._sockets:
            raise ValueError("this socket is being observed already")
        self._register(fd, POLL_ALL)
        self._sockets[sock] = (fd, is_tcp(sock), sock.getsockopt)
        self._watched = list(self._sockets.values())

    def remove(self, sock: Socket) -> None:
        """Look no more; the socket may be closed already. KeyError for one that is not looked at."""
        fd = self._sockets.pop(sock)[0]
        self._watched = list(self._sockets.values())
        if all(other != fd for other, _, _ in self._watched):
            self._unregister(fd)

    def observe(self) -> list[Observation]:
        """Every socket's observation. Where the kernel refuses one, minus the error number stands in its place."""
        revents = dict(self._poll(0)).get
        answer, new = self._answer, tuple.__new__
        seen: list[Observation] = []
        add = seen.append
        self.trips_us = trips_us = []
        for fd, tcp, getsockopt in self._watched:
            try:
                ioctl(fd, FIONREAD, answer)
                fionread = answer[0]
            except OSError as error:
                fionread = -(error.errno or errno.EIO)
            try:
                ioctl(fd, TIOCOUTQ, answer)
                outq = answer[0]
            except OSError as error:
                outq = -(error.errno or errno.EIO)
            try:
                info = getsockopt(IPPROTO_TCP, TCP_INFO, _UP_TO_NOTSENT) if tcp else _NOT_TCP  # type: ignore[operator]
                state, notsent = info[0], _one(info, _NOTSENT_AT)[0]
                accounts = getsockopt(SOL_SOCKET, SO_MEMINFO, _MEMINFO_BYTES)  # type: ignore[operator]
                trips_us.append(_one(info, _RCV_RTT_AT)[0])
                rmem, rcvbuf, allocated, sndbuf, reserved, queued, _, _, drops = _nine(accounts)
                wmem = queued if tcp else allocated
            except OSError as error:
                trips_us.append(0)
                state = drops = -(error.errno or errno.EIO)
                rmem = rcvbuf = wmem = sndbuf = reserved = notsent = drops
            memory = rmem, rcvbuf, wmem, sndbuf, reserved, notsent
            add(new(Observation, (revents(fd, 0), fionread, outq, state, drops, *memory)))
        return seen


_nine = Struct("=4Ii4I").unpack
_one = Struct("=I").unpack_from
_NOTSENT_AT = 144
"""Where in struct tcp_info tcpi_notsent_bytes lies."""
_UP_TO_NOTSENT = _NOTSENT_AT + 4
_RCV_RTT_AT = 92
"""Where tcpi_rcv_rtt lies."""
_NOT_TCP = bytes(_UP_TO_NOTSENT)


def is_tcp(sock: Socket) -> bool:
    """Whether `tcpi_state` can be asked for."""
    return sock.family in (AF_INET, _AF_INET6) and sock.type == SOCK_STREAM and sock.proto in (0, IPPROTO_TCP)


# The whole structures -------------------------------------------------------------------------------------------------

# include/uapi/linux/tcp.h, struct tcp_info: it only ever grows at its end. Two bytes of bit fields are taken apart.
# What follows behind tcpi_received_ce_bytes is laid out differently in different releases and is left out.
_TCP_INFO_FIELDS = (
    "B state B ca_state B retransmits B probes B backoff B options B wscale B flags "
    "I rto I ato I snd_mss I rcv_mss I unacked I sacked I lost I retrans I fackets "
    "I last_data_sent I last_ack_sent I last_data_recv I last_ack_recv "
    "I pmtu I rcv_ssthresh I rtt I rttvar I snd_ssthresh I snd_cwnd I advmss I reordering "
    "I rcv_rtt I rcv_space I total_retrans "
    "Q pacing_rate Q max_pacing_rate Q bytes_acked Q bytes_received I segs_out I segs_in "
    "I notsent_bytes I min_rtt I data_segs_in I data_segs_out Q delivery_rate "
    "Q busy_time Q rwnd_limited Q sndbuf_limited I delivered I delivered_ce "
    "Q bytes_sent Q bytes_retrans I dsack_dups I reord_seen I rcv_ooopack I snd_wnd I rcv_wnd I rehash "
    "H total_rto H total_rto_recoveries I total_rto_time "
    "I received_ce I delivered_e1_bytes I delivered_e0_bytes I delivered_ce_bytes "
    "I received_e1_bytes I received_e0_bytes I received_ce_bytes"
).split()
_TCP_INFO = tuple(zip(_TCP_INFO_FIELDS[::2], _TCP_INFO_FIELDS[1::2], strict=True))
_TCP_INFO_BYTES = 1024

_MEMINFO = ("rmem_alloc", "rcvbuf", "wmem_alloc", "sndbuf", "fwd_alloc", "wmem_queued", "optmem", "backlog", "drops")


def tcp_info(sock: Socket) -> dict[str, int]:
    """`struct tcp_info` by field, ``tcpi_state`` first; fields that the running kernel does not have are absent.

    Times in microseconds (`rto`, `ato`, `rtt`, `rttvar`, `rcv_rtt`, `min_rtt`, `…_time`, `…_limited`) or milliseconds
    (`last_…`, `total_rto_time`), amounts in bytes or segments as the kernel's header says. Raises OSError
    (EOPNOTSUPP) for a socket that is not TCP.
    """
    data = sock.getsockopt(IPPROTO_TCP, TCP_INFO, _TCP_INFO_BYTES)
    found: dict[str, int] = {}
    offset = 0
    for code, name in _TCP_INFO:
        size = calcsize("=" + code)
        if offset + size > len(data):
            break
        value = Struct("=" + code).unpack_from(data, offset)[0]
        offset += size
        if name == "wscale":
            found["tcpi_snd_wscale"], found["tcpi_rcv_wscale"] = value & 0xF, value >> 4
        elif name == "flags":
            found["tcpi_delivery_rate_app_limited"], found["tcpi_fastopen_client_fail"] = value & 1, value >> 1 & 3
        else:
            found["tcpi_" + name] = value
    return found


def meminfo(sock: Socket) -> dict[str, int]:
    """The memory accounts of `SO_MEMINFO` by field, in bytes, and ``drops`` in packets
    (include/uapi/linux/sock_diag.h).
    """
    data = sock.getsockopt(SOL_SOCKET, SO_MEMINFO, _MEMINFO_BYTES)
    return dict(zip(_MEMINFO, Struct(f"={len(data) // 4}I").unpack(data), strict=False))
