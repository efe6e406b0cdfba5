"""Options of TCP.

TCP_MAXSEG bounds what a SYN says that this end takes, and what it sends itself; once connected it tells the size in
use, and setting it has no effect. TCP_QUICKACK is no switch but a push: it makes the connection one that acknowledges
at once, or one that delays, and what follows may make it the other again (windows.py). TCP_LINGER2 is how long an
orphan waits for the peer's FIN.

Not here: TCP_FASTOPEN beyond keeping the number; TCP_REPAIR, TCP_ULP, TCP_MD5SIG; TCP_TIMESTAMP, TCP_CC_INFO.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...profiles import MS, SECOND
from ...tcp import keepalive
from ...tcp.algorithms import ALGORITHMS, set_algorithm
from ...tcp.block import Tcb
from ...tcp.calls import clean_up
from ...tcp.output import push_pending
from ...tcp.windows import clamp_window
from ...values.constants import (
    IPPROTO_TCP,
    SOMAXCONN,
    TCP_CONGESTION,
    TCP_CORK,
    TCP_DEFER_ACCEPT,
    TCP_FASTOPEN,
    TCP_FASTOPEN_CONNECT,
    TCP_FASTOPEN_NO_COOKIE,
    TCP_KEEPCNT,
    TCP_KEEPIDLE,
    TCP_KEEPINTVL,
    TCP_LINGER2,
    TCP_MAXSEG,
    TCP_NODELAY,
    TCP_NOTSENT_LOWAT,
    TCP_QUICKACK,
    TCP_SAVE_SYN,
    TCP_SYNCNT,
    TCP_THIN_DUPACK,
    TCP_THIN_LINEAR_TIMEOUTS,
    TCP_USER_TIMEOUT,
    TCP_WINDOW_CLAMP,
    TcpState,
)
from .buffers import tell_room
from .row import INT_MAX, NotModelled, Option, field, stored

if TYPE_CHECKING:
    from ...world.host import Host

NAME_MAX = 16
"""Bytes of a name with its zeros (TCP_CA_NAME_MAX)."""
_OTHER_ALGORITHMS = frozenset(
    "bbr bic cdg dctcp highspeed htcp hybla illinois lp nv scalable vegas veno westwood yeah".split()
)
"""Names that a kernel may know and the model does not."""
_NOT_OPEN = (TcpState.CLOSED, TcpState.LISTEN)
_LEAST_MSS, _MOST_MSS = 88, 32_767
"""What TCP_MAXSEG takes (TCP_MIN_MSS, MAX_TCP_WINDOW)."""
_LINGERS_MOST = 120
"""Seconds that TCP_LINGER2 takes at most (TCP_FIN_TIMEOUT_MAX)."""


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
    tell_room(tcb, host)


def _set_window_clamp(tcb: Tcb, value: int, host: Host) -> None:
    if value:
        clamp_window(tcb, value, host.profile)
    else:
        tcb.window_clamp = 0


def _set_keep_idle(tcb: Tcb, value: int, host: Host) -> None:
    tcb.keep_idle_ns = value * SECOND
    keepalive.start(tcb, host)


def _set_keep_interval(tcb: Tcb, value: int, host: Host) -> None:
    tcb.keep_interval_ns = value * SECOND


def _set_keep_count(tcb: Tcb, value: int, host: Host) -> None:
    tcb.keep_count = value


def _set_user_timeout(tcb: Tcb, value: int, host: Host) -> None:
    tcb.user_timeout_ns = value * MS


def _algorithm(tcb: Tcb, host: Host) -> bytes:
    return tcb.control_name.encode().ljust(NAME_MAX, b"\0")


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


def _segment_size(tcb: Tcb, host: Host) -> int:
    return tcb.user_mss if tcb.user_mss and tcb.state in _NOT_OPEN else tcb.mss


def _acknowledges_at_once(tcb: Tcb, host: Host) -> int:
    return int(tcb.pingpong < host.profile.pingpong_threshold)


def _set_quick_ack(tcb: Tcb, value: int, host: Host) -> None:
    """Any value but zero lets an acknowledgement go that is due; an even one makes the next wait all the same
    (`__tcp_sock_set_quickack`).
    """
    tcb.pingpong = 0 if value else host.profile.pingpong_threshold
    if value and tcb.state in (TcpState.ESTABLISHED, TcpState.CLOSE_WAIT) and tcb.ack_scheduled:
        tcb.ack_pushed = True
        clean_up(tcb, 1, host)
        if not value & 1:
            tcb.pingpong = host.profile.pingpong_threshold


def _set_orphan_patience(tcb: Tcb, value: int, host: Host) -> None:
    tcb.orphan_waits_s = max(min(value, _LINGERS_MOST), -1)


def _orphan_patience(tcb: Tcb, host: Host) -> int:
    return tcb.orphan_waits_s or host.profile.fin_wait_2_ns // SECOND


def the_name(value: int | bytes) -> str:
    """The name that some bytes are, up to the first zero."""
    data = value.to_bytes(4, "little", signed=True) if isinstance(value, int) else value
    name = data[: NAME_MAX - 1].split(b"\0")[0].decode("latin-1")
    if name in _OTHER_ALGORITHMS:
        raise NotModelled(f"the congestion control {name!r} is not modelled; modelled are {', '.join(ALGORITHMS)}")
    return name


def _signed(value: int) -> int:
    """A number of 32 bits as an int has it."""
    return value - (1 << 32) if value > INT_MAX else value


def _may_open_fast(tcb: Tcb, value: int) -> bool:
    return tcb.state in _NOT_OPEN


_BOTH = "Fast Open itself is not modelled."
ROWS = (
    Option(IPPROTO_TCP, TCP_NODELAY, "TCP_NODELAY", lambda t, h: int(t.nodelay), _set_nodelay),
    Option(
        IPPROTO_TCP, TCP_MAXSEG, "TCP_MAXSEG", _segment_size, field("user_mss", int)[1],
        suits=lambda t, value: value == 0 or _LEAST_MSS <= value <= _MOST_MSS,
        note="0: no bound. Before connecting it tells what was set; afterwards what is in use, and sets nothing."
        " Options of segments take their share of it.",
    ),
    Option(IPPROTO_TCP, TCP_CORK, "TCP_CORK", lambda t, h: int(t.corked), _set_cork),
    Option(
        IPPROTO_TCP, TCP_KEEPIDLE, "TCP_KEEPIDLE", lambda t, h: keepalive.idle_ns(t, h) // SECOND, _set_keep_idle,
        1, 32767,
    ),
    Option(
        IPPROTO_TCP, TCP_KEEPINTVL, "TCP_KEEPINTVL",
        lambda t, h: (t.keep_interval_ns or h.profile.keepalive_interval_ns) // SECOND, _set_keep_interval, 1, 32767,
    ),
    Option(
        IPPROTO_TCP, TCP_KEEPCNT, "TCP_KEEPCNT", lambda t, h: t.keep_count or h.profile.keepalive_probes,
        _set_keep_count, 1, 127,
    ),
    Option(
        IPPROTO_TCP, TCP_SYNCNT, "TCP_SYNCNT", lambda t, h: t.syn_retries or h.profile.syn_retries, _set_syn_retries,
        1, 127,
    ),
    Option(
        IPPROTO_TCP, TCP_LINGER2, "TCP_LINGER2", _orphan_patience, _set_orphan_patience,
        note="Seconds that an orphan waits for the peer's FIN. 0 is the system's, net.ipv4.tcp_fin_timeout; less resets"
        " at once. Of more than 60 seconds those above are waited twice, and the 60 not at all.",
    ),
    Option(
        IPPROTO_TCP, TCP_DEFER_ACCEPT, "TCP_DEFER_ACCEPT", _defer_seconds, _set_defer_accept,
        note="Is told as the time that so many SYN-ACKs take.",
    ),
    Option(
        IPPROTO_TCP, TCP_WINDOW_CLAMP, "TCP_WINDOW_CLAMP", lambda t, h: t.window_clamp, _set_window_clamp,
        suits=lambda t, value: value != 0 or t.state is TcpState.CLOSED, note="0 only while TCP's state is CLOSED.",
    ),
    Option(
        IPPROTO_TCP, TCP_QUICKACK, "TCP_QUICKACK", _acknowledges_at_once, _set_quick_ack,
        note="Whether acknowledgements go at once. What is sent and received changes it as well.",
    ),
    Option(
        IPPROTO_TCP, TCP_CONGESTION, "TCP_CONGESTION", _algorithm, lambda t, name, h: set_algorithm(t, name),
        names=ALGORITHMS, note="A name that nothing has: ENOENT.",
    ),
    Option(
        IPPROTO_TCP, TCP_USER_TIMEOUT, "TCP_USER_TIMEOUT", lambda t, h: t.user_timeout_ns // MS, _set_user_timeout, 0,
        note="Milliseconds.",
    ),
    Option(
        IPPROTO_TCP, TCP_NOTSENT_LOWAT, "TCP_NOTSENT_LOWAT", lambda t, h: _signed(t.notsent_lowat), _set_notsent_lowat,
    ),
    stored(
        IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, "TCP_THIN_LINEAR_TIMEOUTS", least=0, most=1,
        note="The kernel then does not double the first six time-outs of a connection with little on its way.",
    ),
    stored(
        IPPROTO_TCP, TCP_THIN_DUPACK, "TCP_THIN_DUPACK", kind=lambda value: 0, least=0, most=1,
        note="Is taken, and stays 0.",
    ),
    stored(
        IPPROTO_TCP, TCP_FASTOPEN, "TCP_FASTOPEN", kind=lambda value: min(value, SOMAXCONN), least=0,
        suits=_may_open_fast, inherited=False, note=f"At most net.core.somaxconn. {_BOTH}",
    ),
    stored(
        IPPROTO_TCP, TCP_FASTOPEN_CONNECT, "TCP_FASTOPEN_CONNECT", least=0, most=1,
        suits=lambda t, value: t.state is TcpState.CLOSED, note=_BOTH,
    ),
    stored(
        IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, "TCP_FASTOPEN_NO_COOKIE", least=0, most=1, suits=_may_open_fast,
        note=_BOTH,
    ),
    stored(
        IPPROTO_TCP, TCP_SAVE_SYN, "TCP_SAVE_SYN", least=0, most=2, note="TCP_SAVED_SYN, which gives it, is missing.",
    ),
)  # fmt: skip
