"""How connections end: in an error, in peace, in TIME-WAIT, or by being forgotten while the socket lives on.

The state itself is moved by the rule that calls one of these; here is what goes with the move.

Not here: which segment or call ends a connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..profiles import SECOND
from ..values.addresses import ANY
from ..values.constants import WAKES_ALL, WAKES_ERRORS, TcpState
from . import memory
from .block import Tcb, Timer
from .machine import REQUEST, TCP, URGENT, RequestEvent, TcpEvent, UrgentEvent
from .output import send_reset

if TYPE_CHECKING:
    from ..world.host import Host


NOT_DRAWN = "the random check leaves TCP_LINGER2 alone; tests/simnet/test_options.py sets it on both arms"
BEHIND = 65_535 + 2
"""How far behind the numbers of a resting connection the next one between its addresses begins (`tcp_twsk_unique`)."""


def unhash(tcb: Tcb, host: Host) -> None:
    """The connection is over: out of the tables, and an automatic port is free again."""
    host.leave_tables(tcb)
    if not tcb.port_bound:
        host.ports.release(tcb)


def abort(tcb: Tcb, error: int, host: Host) -> None:
    """The connection ended in an error (`tcp_done_with_error`): it is pending, and both directions are shut."""
    tcb.error = error
    memory.let_go_all(tcb, host)
    finish(tcb, host)
    host.wake(tcb, WAKES_ERRORS)


def finish(tcb: Tcb, host: Host) -> None:
    """The connection is over (`tcp_done`); an orphan, or a child that nobody knows of, disappears."""
    tcb.read_shut = tcb.write_shut = True
    unhash(tcb, host)
    host.wake(tcb, WAKES_ALL)
    waits = tcb.listener is not None and tcb.number in host.tcb(tcb.listener).accept_queue
    if tcb.fd is None and not waits:
        host.remove(tcb)


def is_orphan(tcb: Tcb) -> bool:
    """Whether no program holds this connection, nor will accept it."""
    return tcb.fd is None and tcb.listener is None


def rest(tcb: Tcb, host: Host) -> None:
    """TIME-WAIT: the addresses stay taken for a minute. A record of its own keeps them, and the socket is closed at
    once.

    RFC 9293 has the control block itself wait. An orphan's does: nobody else has a use for it.
    """
    host.stop_timers(tcb)
    waiting = tcb
    if tcb.state is TcpState.TIME_WAIT and not is_orphan(tcb):
        waiting = host.leave_behind(tcb)
        TCP.fire(host.trail, TcpEvent.LEFT_BEHIND, tcb, host)
    host.set_timer(waiting, Timer.TIME_WAIT, host.profile.time_wait_ns)


def wait_for_fin(tcb: Tcb, host: Host) -> None:
    """An orphan waits for the peer's FIN, for as long as TCP_LINGER2 or the system says, and three and a half times the
    retransmission time-out at least (`tcp_fin_time`).

    It is to wait a minute of that as TIME-WAIT does, and the rest before; but when the rest is over the kernel takes
    that for the whole once more, instead of the minute (`tcp_keepalive_timer`).
    """
    asked_ns = tcb.orphan_waits_s * SECOND or host.profile.fin_wait_2_ns
    wait_ns, minute_ns = max(asked_ns, tcb.rto_ns * 7 // 2), host.profile.time_wait_ns
    host.set_timer(tcb, Timer.TIME_WAIT, wait_ns if wait_ns <= minute_ns else 2 * (wait_ns - minute_ns))


def take_over(tcb: Tcb, resting: Tcb, host: Host) -> None:
    """A new connection takes the place of one that rests, with later numbers and the timestamp last seen
    (RFC 6191; `tcp_twsk_unique`).
    """
    tcb.write_seq = resting.snd_nxt + BEHIND
    tcb.ts_recent, tcb.ts_recent_ns = resting.ts_recent, resting.ts_recent_ns
    host.remove(resting)


@TCP.rule(on=TcpEvent.LEFT_BEHIND, moves={TcpState.TIME_WAIT: TcpState.CLOSED}, cite="tcp_time_wait, tcp_done")
def socket_leaves_time_wait(tcb: Tcb, host: Host) -> None:
    """A record of its own waits out TIME-WAIT; the socket that programs hold is closed, and TCP_INFO says so."""
    tcb.read_shut = tcb.write_shut = True
    unhash(tcb, host)
    host.wake(tcb, WAKES_ALL)


def disconnect(tcb: Tcb, host: Host) -> None:
    """The socket is as good as new, but for its bound name and its error (`tcp_disconnect`). It is out of the tables
    already.

    Its sequence numbers jump over everything that the old connection could have sent, and TIOCOUTQ counts that jump.
    """
    host.stop_timers(tcb)
    tcb.out_of_order.clear()
    tcb.sack_blocks.clear()
    memory.discard_received(tcb, host.profile)
    memory.let_go_all(tcb, host)
    tcb.copied_seq = tcb.rcv_nxt
    if tcb.urgent:
        URGENT.fire(host.trail, UrgentEvent.FORGOTTEN, tcb, host)
    tcb.fin_received = tcb.read_shut = tcb.write_shut = False
    tcb.write_seq += tcb.max_window + 2
    tcb.window_clamp = tcb.user_mss = 0
    tcb.flooded_at_ns = None
    tcb.ack_scheduled = tcb.ack_pushed = tcb.ack_pushed_twice = tcb.ack_now = tcb.no_room = False
    tcb.quick = tcb.pingpong = tcb.ato_ns = tcb.last_segment_size = 0
    tcb.rcv_mss = 88
    tcb.last_received_ns = -(1 << 60)
    tcb.ts_recent, tcb.ts_recent_ns = 0, None
    tcb.remote = (tcb.remote[0], 0)
    if not tcb.ip_bound:
        tcb.local = (ANY, tcb.local[1])
    host.wake(tcb, WAKES_ERRORS)


def abandon_children(listener: Tcb, host: Host) -> None:
    """The listener goes: connections in its accept queue are reset. Requests are forgotten when somebody next comes
    upon them (`inet_csk_listen_stop`).
    """
    for number in tuple(listener.accept_queue):
        child = host.tcb(number)
        REQUEST.fire(host.trail, RequestEvent.LISTENER_GONE, child, host)
        if child.state is not TcpState.CLOSED:
            host.leave_tables(child)
            send_reset(child, host)
        host.remove(child)
    listener.accept_queue.clear()
