"""getsockopt and setsockopt: each option is a row that says how it is read, set, clamped, and whether it is modelled.

*Modelled* options change what the model does; there are no merely stored ones yet. What is asked for is not what is
granted: the kernel doubles SO_SNDBUF and SO_RCVBUF to pay for its own overhead and keeps both within bounds
(socket(7)).

An option without a row answers ENOPROTOOPT in the kernel only if the kernel does not know it either; the model cannot
tell, and so raises `NotModelled` instead of guessing.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

import attrs

from ..endpoint import FOR_EVER_TICKS, Endpoint
from ..errorqueue import ERROR_QUEUE, QueueEvent
from ..profiles import MS, SECOND
from ..tcp import keepalive
from ..tcp.algorithms import ALGORITHMS, set_algorithm
from ..tcp.block import Tcb
from ..tcp.output import push_pending
from ..tcp.windows import clamp_window, space_from_window
from ..udp import paths
from ..udp.machine import UDP, UdpEvent, UdpSocket, UdpState
from ..values.constants import (
    AF_INET,
    IP_MTU,
    IP_MTU_DISCOVER,
    IP_PMTUDISC_DO,
    IP_PMTUDISC_OMIT,
    IP_PMTUDISC_WANT,
    IP_RECVERR,
    IPPROTO_IP,
    IPPROTO_TCP,
    IPPROTO_UDP,
    SO_ACCEPTCONN,
    SO_DOMAIN,
    SO_ERROR,
    SO_KEEPALIVE,
    SO_LINGER,
    SO_MEMINFO,
    SO_OOBINLINE,
    SO_PROTOCOL,
    SO_RCVBUF,
    SO_RCVLOWAT,
    SO_RCVTIMEO,
    SO_REUSEADDR,
    SO_SNDBUF,
    SO_SNDLOWAT,
    SO_SNDTIMEO,
    SO_TYPE,
    SOCK_DGRAM,
    SOCK_STREAM,
    SOL_SOCKET,
    TCP_CONGESTION,
    TCP_CORK,
    TCP_DEFER_ACCEPT,
    TCP_INFO,
    TCP_KEEPCNT,
    TCP_KEEPIDLE,
    TCP_KEEPINTVL,
    TCP_NODELAY,
    TCP_NOTSENT_LOWAT,
    TCP_SYNCNT,
    TCP_USER_TIMEOUT,
    TCP_WINDOW_CLAMP,
    UDP_CORK,
    WAKES_READERS,
    WAKES_WRITERS,
    TcpState,
)
from ..values.results import OK, Answer, Done, Fail
from .life import ANY_LIFE, SOCKET, LifeEvent

if TYPE_CHECKING:
    from ..world.host import Host


class NotModelled(NotImplementedError):
    """The scenario asks for something the model does not have. Never an answer, always a sentence."""


@attrs.frozen
class Option:
    """One socket option. `set` is None for one that can only be read; then setting it answers ENOPROTOOPT."""

    name: str
    get: Callable[[Any, Host], int | bytes]
    set: Callable[[Any, Any, Host], None] | None = None
    tcp_only: bool = False
    least: int | None = None
    most: int | None = None
    """Values outside are refused."""
    names: Collection[str] = ()
    """The names that an option takes whose value is a name; `set` is then given the name."""
    suits: Callable[[Any, int], bool] | None = None
    """Whether the socket takes the value in its present state, for an option where that matters."""
    udp_only: bool = False
    size: int = 4
    """Bytes that a value has; `set` is given them if they are no int."""
    of_ip: bool = False
    """Whether a single byte is a value too, and nothing is zero, as for the options of IP (`do_ip_setsockopt`)."""

    def takes(self, value: int, end: Endpoint) -> bool:
        """Whether `value` lies in the option's range."""
        within = (self.least is None or value >= self.least) and (self.most is None or value <= self.most)
        return within and (self.suits is None or self.suits(end, value))


def _take_error(end: Endpoint, host: Host) -> int:
    """The pending error, else an error of the network that is kept for later (`sk_getsockopt`); it is gone then."""
    error = end.take_error()
    if not error:
        error, end.soft_error = end.soft_error, 0
    return error


def _set_sndbuf(end: Tcb | UdpSocket, value: int, host: Host) -> None:
    value = min(value, host.profile.wmem_max) if value >= 0 else host.profile.wmem_max
    end.sndbuf = max(value * 2, host.profile.sndbuf_min)
    end.sndbuf_locked = True
    _tell_room(end, host)


def _tell_room(end: Tcb | UdpSocket, host: Host) -> None:
    """Room to send is told, even if there was as much before (`sk_write_space`)."""
    if end.writable:
        if isinstance(end, Tcb):
            end.ran_full = False
        host.wake(end, WAKES_WRITERS)


def _set_rcvbuf(end: Endpoint, value: int, host: Host) -> None:
    value = min(value, host.profile.rmem_max) if value >= 0 else host.profile.rmem_max
    end.rcvbuf = max(value * 2, host.profile.rcvbuf_min)
    end.rcvbuf_locked = True


def _set_reuse(end: Endpoint, value: int, host: Host) -> None:
    end.reuse_address = bool(value)


def _set_inline(end: Endpoint, value: int, host: Host) -> None:
    end.urgent_inline = bool(value)


def _set_nodelay(tcb: Tcb, value: int, host: Host) -> None:
    tcb.nodelay = bool(value)
    if value:
        tcb.nagle_waived = True
        push_pending(tcb, host)


def _set_cork(tcb: Tcb, value: int, host: Host) -> None:
    """A cork that is drawn lets go what it held; with TCP_NODELAY Nagle's algorithm does not hold it either."""
    tcb.corked = bool(value)
    if not value:
        tcb.nagle_waived = tcb.nagle_waived or tcb.nodelay
        push_pending(tcb, host)


def _set_notsent_lowat(tcb: Tcb, value: int, host: Host) -> None:
    tcb.notsent_lowat = value % (1 << 32)
    _tell_room(tcb, host)


def _set_window_clamp(tcb: Tcb, value: int, host: Host) -> None:
    if value:
        clamp_window(tcb, value, host.profile)
    else:
        tcb.window_clamp = 0


def _set_rcvlowat(end: Endpoint, value: int, host: Host) -> None:
    """TCP takes no more than half of what the receive buffer may become, and lets it grow to hold that much
    (`tcp_set_rcvlowat`).
    """
    value = value if value >= 0 else _INT_MAX
    if not isinstance(end, Tcb):
        end.rcvlowat = value or 1
        return
    value = min(value, (end.rcvbuf if end.rcvbuf_locked else host.profile.tcp_rmem[2]) >> 1)
    end.rcvlowat = value or 1
    if end.readable or end.fin_received:
        host.wake(end, WAKES_READERS)
    space = space_from_window(end, value)
    if not end.rcvbuf_locked and space > end.rcvbuf:
        end.rcvbuf = space
        if end.window_clamp or host.profile.lowat_sets_clamp:
            end.window_clamp = max(end.window_clamp, value)


_LINGER = struct.Struct("=ii")


def _linger(end: Endpoint, host: Host) -> bytes:
    """struct linger. What is longer than its second number holds is cut off there."""
    seconds = end.linger_ticks * host.profile.jiffy_ns // SECOND & 0xFFFF_FFFF
    return _LINGER.pack(end.lingers, seconds - (seconds >> 31 << 32))


def _set_linger(end: Endpoint, value: bytes, host: Host) -> None:
    """SO_LINGER for ever is as long as the kernel can wait at most, which is what less than nothing means too
    (MAX_SCHEDULE_TIMEOUT). A time is not changed by switching it off.
    """
    end.lingers, seconds = bool((given := _LINGER.unpack_from(value))[0]), given[1]
    if end.lingers:
        ticks_a_second = SECOND // host.profile.jiffy_ns
        within = 0 <= seconds < FOR_EVER_TICKS // ticks_a_second
        end.linger_ticks = seconds * ticks_a_second if within else FOR_EVER_TICKS


_TIMEVAL = struct.Struct("=qq")
_MICROSECONDS = 1_000_000


def _patience(ticks: int | None, host: Host) -> bytes:
    """A number of ticks as struct timeval; zero is for ever (`sock_get_timeout`)."""
    seconds, ns = divmod((ticks or 0) * host.profile.jiffy_ns, SECOND)
    return _TIMEVAL.pack(seconds, ns // 1000)


_MOST_TICKS = 2**63 - 1
"""MAX_SCHEDULE_TIMEOUT."""


def _ticks(value: bytes, host: Host) -> int | None:
    """struct timeval in ticks, rounded up; None for zero, and for more than a counter of ticks holds, which are for
    ever; none at all for a negative time (`sock_set_timeout`).
    """
    seconds, microseconds = _TIMEVAL.unpack(value[: _TIMEVAL.size])
    if seconds < 0:
        return 0
    if seconds >= _MOST_TICKS // (SECOND // host.profile.jiffy_ns) - 1:
        return None
    ns = seconds * SECOND + microseconds * 1000
    return -(-ns // host.profile.jiffy_ns) if ns else None


def _is_no_time(option: Option, value: int | bytes) -> bool:
    if option.size != _TIMEVAL.size or isinstance(value, int):
        return False
    return not 0 <= _TIMEVAL.unpack(value[: _TIMEVAL.size])[1] < _MICROSECONDS


def _set_receive_patience(end: Endpoint, value: bytes, host: Host) -> None:
    end.receive_ticks = _ticks(value, host)


def _set_send_patience(end: Endpoint, value: bytes, host: Host) -> None:
    end.send_ticks = _ticks(value, host)


def _set_keepalive(end: Endpoint, value: int, host: Host) -> None:
    was, end.keepalive = end.keepalive, bool(value)
    if isinstance(end, Tcb) and end.keepalive and not was:
        keepalive.start(end, host)


def _set_keep_idle(tcb: Tcb, value: int, host: Host) -> None:
    tcb.keep_idle_ns = value * SECOND
    keepalive.start(tcb, host)


def _set_keep_interval(tcb: Tcb, value: int, host: Host) -> None:
    tcb.keep_interval_ns = value * SECOND


def _set_keep_count(tcb: Tcb, value: int, host: Host) -> None:
    tcb.keep_count = value


def _set_user_timeout(tcb: Tcb, value: int, host: Host) -> None:
    tcb.user_timeout_ns = value * MS


_INT, _INT_MAX = 4, (1 << 31) - 1
HEADERS = 40
"""IPv4 and TCP without options, in bytes."""
_NAME_MAX = 16
"""Bytes of a name with its zeros (TCP_CA_NAME_MAX)."""
_OTHER_ALGORITHMS = frozenset(
    "bbr bic cdg dctcp highspeed htcp hybla illinois lp nv scalable vegas veno westwood yeah".split()
)
"""Names that a kernel may know and the model does not."""


def _algorithm(tcb: Tcb, host: Host) -> bytes:
    return tcb.control_name.encode().ljust(_NAME_MAX, b"\0")


def _set_path_discovery(end: Endpoint, value: int, host: Host) -> None:
    if isinstance(end, Tcb) and value not in (IP_PMTUDISC_WANT, IP_PMTUDISC_DO):
        raise NotModelled("IP_MTU_DISCOVER of a TCP socket is modelled as IP_PMTUDISC_WANT and IP_PMTUDISC_DO only")
    end.path_discovery = value


def _set_hears_errors(end: Endpoint, value: int, host: Host) -> None:
    end.hears_errors = bool(value)
    if not value:
        ERROR_QUEUE.offer(host.trail, QueueEvent.FORGET_REPORTS, end, host)


def _carries(end: Endpoint, host: Host) -> int:
    return paths.carries(end, end.remote[0], host) if isinstance(end, UdpSocket) else host.known_mtu(end.remote[0])


def _set_udp_cork(udp: UdpSocket, value: int, host: Host) -> None:
    udp.wants_cork = bool(value)
    if not value:
        UDP.fire(host.trail, UdpEvent.UNCORK, udp, host)


def _set_syn_retries(tcb: Tcb, value: int, host: Host) -> None:
    tcb.syn_retries = value


def _defer_seconds(tcb: Tcb, host: Host) -> int:
    """How long the first so many waits of a request take together, in seconds (`retrans_to_secs`)."""
    return sum(_waits_seconds(tcb.defer_retries, host))


def _set_defer_accept(tcb: Tcb, value: int, host: Host) -> None:
    """As many waits as these seconds begin (`secs_to_retrans`)."""
    retries = 0
    while retries < 255 and sum(_waits_seconds(retries, host)) < value:
        retries += 1
    tcb.defer_retries = retries


def _waits_seconds(count: int, host: Host) -> list[int]:
    first, longest = host.profile.rto_initial_ns // SECOND, host.profile.rto_max_ns // SECOND
    return [min(first << number, longest) for number in range(count)]


_TCP_INFO = struct.Struct("=8B24I")


def _tcp_info(tcb: Tcb, host: Host) -> bytes:
    """The first 104 bytes of struct tcp_info. Not modelled are tcpi_fackets and tcpi_last_ack_sent: they are 0, and
    tcpi_rcv_space where buffers do not tune themselves: it stays what it was at first.
    """
    return _TCP_INFO.pack(*tcp_info(tcb, host).values())


def tcp_info(tcb: Tcb, host: Host) -> dict[str, int]:
    """The fields of struct tcp_info by name, without their prefix and in their order; times as the kernel counts them,
    in microseconds or milliseconds (`tcp_get_info`).
    """
    listens = tcb.state is TcpState.LISTEN
    connected = not listens and tcb.state is not TcpState.CLOSED
    agreed = tcb.timestamps | tcb.sack_permitted << 1 | tcb.scales << 2 if connected else 0
    agreed |= tcb.ecn << 3 | tcb.marks_seen << 4 if connected else 0
    return {
        "state": int(tcb.state), "ca_state": int(tcb.recovery), "retransmits": tcb.retransmits, "probes": tcb.probes,
        "backoff": tcb.backoff, "options": agreed, "wscale": tcb.snd_scale | tcb.rcv_scale << 4, "flags": 0,
        "rto": tcb.rto_ns // 1000, "ato": tcb.ato_ns // 1000, "snd_mss": tcb.mss, "rcv_mss": tcb.rcv_mss,
        "unacked": len(tcb.accept_queue) if listens else tcb.in_flight,
        "sacked": tcb.backlog_limit if listens else tcb.sacked_out,
        "lost": tcb.lost_out, "retrans": tcb.resent_out, "fackets": 0,
        "last_data_sent": _since_ms(tcb.last_sent_ns, host), "last_ack_sent": 0,
        "last_data_recv": _since_ms(tcb.last_received_ns, host), "last_ack_recv": _since_ms(tcb.heard_ns, host),
        "pmtu": tcb.path_mss + HEADERS, "rcv_ssthresh": tcb.rcv_ssthresh, "rtt": tcb.srtt_us8 >> 3,
        "rttvar": tcb.mdev_us4 >> 2, "snd_ssthresh": tcb.ssthresh, "snd_cwnd": tcb.cwnd, "advmss": tcb.advertised_mss,
        "reordering": tcb.reordering, "rcv_rtt": tcb.receive_trip_us8 >> 3, "rcv_space": 0, "total_retrans": tcb.resent,
    }  # fmt: skip


def _since_ms(at_ns: int, host: Host) -> int:
    return max(host.now_ns - at_ns, 0) // MS if at_ns >= 0 else 0


def _meminfo(end: Tcb | UdpSocket, host: Host) -> bytes:
    """SO_MEMINFO's nine numbers. Not modelled are wmem_alloc of TCP, optmem and backlog: they are 0."""
    allocated, queued = (0, end.wmem) if isinstance(end, Tcb) else (end.wmem, 0)
    reserved = end.reserved & 0xFFFFFFFF
    return struct.pack("=9I", end.rmem, end.rcvbuf, allocated, end.sndbuf, reserved, queued, 0, 0, end.drops)


OPTIONS: dict[tuple[int, int], Option] = {
    (SOL_SOCKET, SO_ERROR): Option("SO_ERROR", _take_error),
    (SOL_SOCKET, SO_SNDBUF): Option("SO_SNDBUF", lambda e, h: e.sndbuf, _set_sndbuf),
    (SOL_SOCKET, SO_RCVBUF): Option("SO_RCVBUF", lambda e, h: e.rcvbuf, _set_rcvbuf),
    (SOL_SOCKET, SO_REUSEADDR): Option("SO_REUSEADDR", lambda e, h: int(e.reuse_address), _set_reuse),
    (SOL_SOCKET, SO_OOBINLINE): Option("SO_OOBINLINE", lambda e, h: int(e.urgent_inline), _set_inline),
    (SOL_SOCKET, SO_TYPE): Option("SO_TYPE", lambda e, h: SOCK_STREAM if e.is_tcp else SOCK_DGRAM),
    (SOL_SOCKET, SO_ACCEPTCONN): Option("SO_ACCEPTCONN", lambda e, h: int(e.is_tcp and e.state is TcpState.LISTEN)),
    (SOL_SOCKET, SO_DOMAIN): Option("SO_DOMAIN", lambda e, h: AF_INET),
    (SOL_SOCKET, SO_PROTOCOL): Option("SO_PROTOCOL", lambda e, h: IPPROTO_TCP if e.is_tcp else IPPROTO_UDP),
    (SOL_SOCKET, SO_MEMINFO): Option("SO_MEMINFO", _meminfo),
    (IPPROTO_UDP, UDP_CORK): Option("UDP_CORK", lambda u, h: int(u.wants_cork), _set_udp_cork, udp_only=True),
    (IPPROTO_TCP, TCP_NODELAY): Option("TCP_NODELAY", lambda t, h: int(t.nodelay), _set_nodelay, tcp_only=True),
    (IPPROTO_TCP, TCP_CORK): Option("TCP_CORK", lambda t, h: int(t.corked), _set_cork, tcp_only=True),
    (IPPROTO_TCP, TCP_NOTSENT_LOWAT): Option(
        "TCP_NOTSENT_LOWAT", lambda t, h: _signed(t.notsent_lowat), _set_notsent_lowat, True
    ),
    (IPPROTO_TCP, TCP_WINDOW_CLAMP): Option(
        "TCP_WINDOW_CLAMP",
        lambda t, h: t.window_clamp,
        _set_window_clamp,
        True,
        suits=lambda t, value: value != 0 or t.state is TcpState.CLOSED,
    ),
    (SOL_SOCKET, SO_RCVTIMEO): Option(
        "SO_RCVTIMEO", lambda e, h: _patience(e.receive_ticks, h), _set_receive_patience, size=_TIMEVAL.size
    ),
    (SOL_SOCKET, SO_SNDTIMEO): Option(
        "SO_SNDTIMEO", lambda e, h: _patience(e.send_ticks, h), _set_send_patience, size=_TIMEVAL.size
    ),
    (SOL_SOCKET, SO_LINGER): Option("SO_LINGER", _linger, _set_linger, size=_LINGER.size),
    (SOL_SOCKET, SO_RCVLOWAT): Option("SO_RCVLOWAT", lambda e, h: e.rcvlowat, _set_rcvlowat),
    (SOL_SOCKET, SO_SNDLOWAT): Option("SO_SNDLOWAT", lambda e, h: 1),
    (SOL_SOCKET, SO_KEEPALIVE): Option("SO_KEEPALIVE", lambda e, h: int(e.keepalive), _set_keepalive),
    (IPPROTO_TCP, TCP_KEEPIDLE): Option(
        "TCP_KEEPIDLE", lambda t, h: keepalive.idle_ns(t, h) // SECOND, _set_keep_idle, True, 1, 32767
    ),
    (IPPROTO_TCP, TCP_KEEPINTVL): Option(
        "TCP_KEEPINTVL",
        lambda t, h: (t.keep_interval_ns or h.profile.keepalive_interval_ns) // SECOND,
        _set_keep_interval,
        True,
        1,
        32767,
    ),
    (IPPROTO_TCP, TCP_KEEPCNT): Option(
        "TCP_KEEPCNT", lambda t, h: t.keep_count or h.profile.keepalive_probes, _set_keep_count, True, 1, 127
    ),
    (IPPROTO_TCP, TCP_SYNCNT): Option(
        "TCP_SYNCNT", lambda t, h: t.syn_retries or h.profile.syn_retries, _set_syn_retries, True, 1, 127
    ),
    (IPPROTO_TCP, TCP_DEFER_ACCEPT): Option("TCP_DEFER_ACCEPT", _defer_seconds, _set_defer_accept, True),
    (IPPROTO_TCP, TCP_USER_TIMEOUT): Option(
        "TCP_USER_TIMEOUT", lambda t, h: t.user_timeout_ns // MS, _set_user_timeout, True, 0
    ),
    (IPPROTO_TCP, TCP_CONGESTION): Option(
        "TCP_CONGESTION", _algorithm, lambda t, name, h: set_algorithm(t, name), True, names=ALGORITHMS
    ),
    (IPPROTO_IP, IP_MTU_DISCOVER): Option(
        "IP_MTU_DISCOVER", lambda e, h: e.path_discovery, _set_path_discovery, False, 0, IP_PMTUDISC_OMIT, of_ip=True
    ),
    (IPPROTO_IP, IP_RECVERR): Option("IP_RECVERR", lambda e, h: int(e.hears_errors), _set_hears_errors, of_ip=True),
    (IPPROTO_IP, IP_MTU): Option("IP_MTU", _carries, of_ip=True),
    (IPPROTO_TCP, TCP_INFO): Option("TCP_INFO", _tcp_info, tcp_only=True),
}


def _option(level: int, number: int) -> Option:
    option = OPTIONS.get((level, number))
    if option is None:
        raise NotModelled(
            f"socket option {number} of level {level} is not modelled yet; modelled are: "
            + ", ".join(row.name for row in OPTIONS.values())
        )
    return option


def _is_foreign(end: Endpoint, option: Option) -> bool:
    return option.tcp_only if isinstance(end, UdpSocket) else option.udp_only


def _has_no_path(end: Endpoint, option: Option, buflen: int, host: Host) -> bool:
    if option.name != "IP_MTU":
        return False
    return end.state is not UdpState.CONNECTED if isinstance(end, UdpSocket) else not end.remote[1]


def _set_foreign(end: Endpoint, option: Option, value: int | bytes, host: Host) -> bool:
    return _is_foreign(end, option)


@SOCKET.rule(
    on=LifeEvent.GETSOCKOPT,
    stays=ANY_LIFE,
    when=lambda end, option, buflen, host: _is_foreign(end, option),
    cite="getsockopt(2); udp_getsockopt hands other levels to IP",
)
def option_of_other_protocol(end: Endpoint, option: Option, buflen: int, host: Host) -> Answer:
    """A TCP option asked of a socket that is not TCP, or one of UDP of a socket that is not UDP: EOPNOTSUPP."""
    return Fail(errno.EOPNOTSUPP)


@SOCKET.rule(
    on=LifeEvent.GETSOCKOPT,
    stays=ANY_LIFE,
    when=lambda end, option, buflen, host: option.name == "SO_ERROR",
    cite="socket(7), SO_ERROR",
)
def pending_error_is_read(end: Endpoint, option: Option, buflen: int, host: Host) -> Answer:
    """The pending error, or 0; it is thereby reported, and gone."""
    return _shaped(option, end, buflen, host)


@SOCKET.rule(
    on=LifeEvent.GETSOCKOPT, stays=ANY_LIFE, when=_has_no_path, cite="ip(7), IP_MTU",
    unconfirmed="the cross-check never asks for IP_MTU",
)  # fmt: skip
def mtu_without_path(end: Endpoint, option: Option, buflen: int, host: Host) -> Answer:
    """What gets through to whom? The socket is not connected: ENOTCONN.
    A connection that is over still has its route, until connect() has told of its end or a listener was shut."""
    return Fail(errno.ENOTCONN)


@SOCKET.rule(on=LifeEvent.GETSOCKOPT, stays=ANY_LIFE, cite="getsockopt(2); socket(7); tcp(7)")
def option_is_read(end: Endpoint, option: Option, buflen: int, host: Host) -> Answer:
    """The option's present value; for a buffer size what was granted, which is not what was asked for."""
    return _shaped(option, end, buflen, host)


def _shaped(option: Option, end: Endpoint, buflen: int, host: Host) -> Done:
    """The value in the form asked for: an int for `buflen` 0, else at most so many bytes. Options of IP whose value is
    that of one byte are one byte then, if there is no room for an int (`do_ip_getsockopt`).
    """
    value = option.get(end, host)
    if option.of_ip and isinstance(value, int) and 0 <= value < 1 << 8 and 0 < buflen < option.size:
        buflen = 1
    if isinstance(value, bytes):
        return Done(value[:buflen] if buflen else int.from_bytes(value[:4], "little", signed=True))
    return Done(value.to_bytes(4, "little", signed=True)[:buflen] if buflen else value)


@SOCKET.rule(on=LifeEvent.SETSOCKOPT, stays=ANY_LIFE, when=_set_foreign, cite="setsockopt(2); udp_setsockopt")
def option_is_not_for_this_protocol(end: Endpoint, option: Option, value: int | bytes, host: Host) -> Answer:
    """A TCP option set on a socket that is not TCP, or one of UDP on a socket that is not UDP: ENOPROTOOPT."""
    return Fail(errno.ENOPROTOOPT)


@SOCKET.rule(
    on=LifeEvent.SETSOCKOPT,
    stays=ANY_LIFE,
    when=lambda end, option, value, host: (
        (4 if isinstance(value, int) else len(value)) < (0 if option.of_ip else 1 if option.names else option.size)
    ),
    cite="setsockopt(2), EINVAL",
)
def option_value_is_too_short(end: Endpoint, option: Option, value: int | bytes, host: Host) -> Answer:
    """Fewer bytes than the option's value has, or an empty name: EINVAL."""
    return Fail(errno.EINVAL)


@SOCKET.rule(
    on=LifeEvent.SETSOCKOPT,
    stays=ANY_LIFE,
    when=lambda end, option, value, host: _is_no_time(option, value),
    cite="socket(7), SO_RCVTIMEO; sock_set_timeout, EDOM",
    unconfirmed="the random check never blocks, and sets no time-outs; tests/guests does",
)
def option_is_no_time(end: Endpoint, option: Option, value: int | bytes, host: Host) -> Answer:
    """A time has less than a million microseconds, and not fewer than none: EDOM."""
    return Fail(errno.EDOM)


@SOCKET.rule(
    on=LifeEvent.SETSOCKOPT,
    stays=ANY_LIFE,
    when=lambda end, option, value, host: option.set is None,
    cite="socket(7): read-only options",
)
def option_can_only_be_read(end: Endpoint, option: Option, value: int | bytes, host: Host) -> Answer:
    """The option can only be read: ENOPROTOOPT."""
    return Fail(errno.ENOPROTOOPT)


@SOCKET.rule(
    on=LifeEvent.SETSOCKOPT,
    stays=ANY_LIFE,
    when=lambda end, option, value, host: bool(option.names) and _name(value) not in option.names,
    cite="tcp(7), TCP_CONGESTION; tcp_set_congestion_control, ENOENT",
    unconfirmed="the cross-check leaves TCP_CONGESTION alone",
)
def option_has_no_such_name(end: Endpoint, option: Option, value: int | bytes, host: Host) -> Answer:
    """The option's value is a name, and nothing has this one: ENOENT."""
    return Fail(errno.ENOENT)


@SOCKET.rule(
    on=LifeEvent.SETSOCKOPT,
    stays=ANY_LIFE,
    when=lambda end, option, value, host: not option.names and not option.takes(_number(value), end),
    cite="tcp(7); do_tcp_setsockopt, EINVAL",
)
def option_value_is_out_of_range(end: Endpoint, option: Option, value: int | bytes, host: Host) -> Answer:
    """The option has a range, which may depend on the socket's state, and this value lies outside: EINVAL."""
    return Fail(errno.EINVAL)


@SOCKET.rule(on=LifeEvent.SETSOCKOPT, stays=ANY_LIFE, cite="setsockopt(2); socket(7)")
def option_is_set(end: Endpoint, option: Option, value: int | bytes, host: Host) -> Answer:
    """The option takes effect. Of a buffer size the double is granted, to pay for overhead, within bounds."""
    assert option.set is not None
    option.set(end, _name(value) if option.names else value if option.size > 4 else _number(value), host)
    return OK


def _signed(value: int) -> int:
    """A number of 32 bits as an int has it."""
    return value - (1 << 32) if value > _INT_MAX else value


def _number(value: int | bytes) -> int:
    if isinstance(value, int):
        return value
    return int.from_bytes(value[:4], "little", signed=True) if len(value) >= _INT else int.from_bytes(value[:1])


def _name(value: int | bytes) -> str:
    """The name that some bytes are, up to the first zero."""
    data = value.to_bytes(4, "little", signed=True) if isinstance(value, int) else value
    name = data[: _NAME_MAX - 1].split(b"\0")[0].decode("latin-1")
    if name in _OTHER_ALGORITHMS:
        raise NotModelled(f"the congestion control {name!r} is not modelled; modelled are {', '.join(ALGORITHMS)}")
    return name


def getsockopt(end: Endpoint, level: int, number: int, buflen: int, host: Host) -> Answer:
    """The value: an int if `buflen` is 0, else at most `buflen` bytes of it."""
    return SOCKET.fire(  # type: ignore[no-any-return]
        host.trail, LifeEvent.GETSOCKOPT, end, _option(level, number), buflen, host
    )


def setsockopt(end: Endpoint, level: int, number: int, value: int | bytes, host: Host) -> Answer:
    """Set the option. EINVAL for a value shorter than an int, ENOPROTOOPT for an option that can only be read."""
    return SOCKET.fire(  # type: ignore[no-any-return]
        host.trail, LifeEvent.SETSOCKOPT, end, _option(level, number), value, host
    )
