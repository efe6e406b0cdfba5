"""Keep-alive: asking a silent peer whether it is still there (RFC 9293 §3.8.4; RFC 1122 §4.2.3.6).

A connection with SO_KEEPALIVE that has nothing to send and has heard nothing for TCP_KEEPIDLE is probed with a segment
that must be answered. Any acknowledgement proves the peer alive. Without one a probe follows every TCP_KEEPINTVL, and
after TCP_KEEPCNT of them, or TCP_USER_TIMEOUT if that is set, the connection is reset and ETIMEDOUT is pending.

While something is on its way, the retransmission timer finds out whether the peer lives, and keep-alive only waits.

Not here: the user time-out of what was sent (timers.py).
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from ..values.constants import TcpState
from .block import Tcb, Timer
from .ends import abort
from .machine import SYNCHRONIZED, TCP, TcpEvent
from .output import send_probe, send_reset

if TYPE_CHECKING:
    from ..world.host import Host

_ON = "it would take every check seconds of silence, or an end that is gone"


def idle_ns(tcb: Tcb, host: Host) -> int:
    """How long a silent connection waits before it is probed."""
    return tcb.keep_idle_ns or host.profile.keepalive_idle_ns


def start(tcb: Tcb, host: Host) -> None:
    """Begin to watch, if the program wants that: the connection is established, or the option was set just now."""
    if tcb.keepalive and tcb.state not in (TcpState.CLOSED, TcpState.LISTEN):
        host.set_timer(tcb, Timer.KEEPALIVE, max(idle_ns(tcb, host) - _silent_ns(tcb, host), 0))


def _silent_ns(tcb: Tcb, host: Host) -> int:
    return host.tick_ns - max(tcb.heard_ns, tcb.last_received_ns, tcb.opened_ns)


def _busy(tcb: Tcb, host: Host) -> bool:
    return bool(tcb.unacked or tcb.unsent)


def _heard_lately(tcb: Tcb, host: Host) -> bool:
    return _silent_ns(tcb, host) < idle_ns(tcb, host)


def _gives_up(tcb: Tcb, host: Host) -> bool:
    if tcb.user_timeout_ns:
        return tcb.probes > 0 and _silent_ns(tcb, host) >= tcb.user_timeout_ns
    return tcb.probes >= (tcb.keep_count or host.profile.keepalive_probes)


@TCP.rule(
    on=TcpEvent.KEEPALIVE_DUE, stays=SYNCHRONIZED, when=lambda tcb, host: not tcb.keepalive,
    cite="socket(7), SO_KEEPALIVE; tcp_keepalive_timer", unconfirmed=_ON,
)  # fmt: skip
def keepalive_was_switched_off(tcb: Tcb, host: Host) -> None:
    """The program does not want to know any more."""


@TCP.rule(
    on=TcpEvent.KEEPALIVE_DUE, stays=SYNCHRONIZED, when=_busy, cite="tcp_keepalive_timer", unconfirmed=_ON,
)  # fmt: skip
def keepalive_waits(tcb: Tcb, host: Host) -> None:
    """Something is on its way: its own timer finds out whether the peer lives."""
    host.set_timer(tcb, Timer.KEEPALIVE, idle_ns(tcb, host))


@TCP.rule(
    on=TcpEvent.KEEPALIVE_DUE, stays=SYNCHRONIZED, when=_heard_lately, cite="tcp_keepalive_timer",
)  # fmt: skip
def peer_was_heard(tcb: Tcb, host: Host) -> None:
    """The peer was heard meanwhile: the wait goes on from then."""
    host.set_timer(tcb, Timer.KEEPALIVE, idle_ns(tcb, host) - _silent_ns(tcb, host))


@TCP.rule(
    on=TcpEvent.KEEPALIVE_DUE, moves=dict.fromkeys(SYNCHRONIZED, TcpState.CLOSED), when=_gives_up,
    cite="RFC 1122 §4.2.3.6; tcp_keepalive_timer", unconfirmed=_ON,
)  # fmt: skip
def silent_peer_is_given_up(tcb: Tcb, host: Host) -> None:
    """No probe was answered: the connection is reset, and ETIMEDOUT is pending, or what the network said."""
    send_reset(tcb, host)
    abort(tcb, tcb.soft_error or errno.ETIMEDOUT, host)


@TCP.rule(
    on=TcpEvent.KEEPALIVE_DUE, stays=SYNCHRONIZED, cite="RFC 9293 §3.8.4; tcp_write_wakeup",
)  # fmt: skip
def silent_peer_is_probed(tcb: Tcb, host: Host) -> None:
    """The peer has been silent for so long that it is asked: a segment from before the window must be answered."""
    send_probe(tcb, host)
    tcb.probes += 1
    host.set_timer(tcb, Timer.KEEPALIVE, tcb.keep_interval_ns or host.profile.keepalive_interval_ns)
