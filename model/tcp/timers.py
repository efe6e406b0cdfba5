"""TCP's timers: delayed acknowledgement, retransmission, zero-window probe, and the end of TIME-WAIT.

A timer is a deadline in the control block and an entry in the host's heap; stopping it clears the deadline, and the
entry is passed over when its time comes. Kernel timers fire on ticks and never early (`Host.set_timer`).
Retransmission and probe share one timer: there is either something to be acknowledged or something that may not be
sent.

Not here: keep-alive (keepalive.py).
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from ..values.constants import TcpState
from . import memory, resending, scoreboard
from .block import OutBuffer, Pending, Tcb
from .ends import abort, finish, is_orphan
from .machine import RECOVERY, SYNCHRONIZED, TCP, RecoveryEvent, TcpEvent
from .output import (
    current_mss,
    probe_interval_ns,
    push_pending,
    rearm_retransmission,
    send_ack,
    send_buffer,
    send_probe,
    start_timer,
)

if TYPE_CHECKING:
    from ..world.host import Host

S = TcpState


@TCP.rule(
    on=TcpEvent.DELAYED_ACK_DUE, stays=SYNCHRONIZED, when=lambda tcb, host: tcb.ack_scheduled,
    cite="RFC 1122 §4.2.3.2; tcp_delack_timer_handler",
)  # fmt: skip
def delayed_ack_is_due(tcb: Tcb, host: Host) -> None:
    """No data came to ride on: the acknowledgement goes alone."""
    profile = host.profile
    if tcb.pingpong < profile.pingpong_threshold:
        tcb.ato_ns = min(tcb.ato_ns * 2, tcb.rto_ns, profile.delayed_ack_max_ns)
    else:
        tcb.pingpong = 0
        tcb.ato_ns = profile.delayed_ack_min_ns
    send_ack(tcb, host)


@TCP.rule(
    on=TcpEvent.COMPRESSED_ACK_DUE, stays=SYNCHRONIZED, when=lambda tcb, host: tcb.compressed > 0,
    cite="tcp_compressed_ack_kick", unconfirmed="on loopback nothing is out of order",
)  # fmt: skip
def compressed_ack_is_due(tcb: Tcb, host: Host) -> None:
    """What arrived behind the gap meanwhile is told in one acknowledgement."""
    send_ack(tcb, host)


@TCP.rule(
    on=TcpEvent.TAIL_PROBE_DUE, stays=SYNCHRONIZED, when=lambda tcb, host: bool(tcb.unacked),
    cite="RFC 8985 §7.3; tcp_send_loss_probe",
)  # fmt: skip
def tail_is_probed(tcb: Tcb, host: Host) -> None:
    """Two round trips without an acknowledgement: what was sent last may be lost. New bytes, or it again, find out."""
    if not tcb.tail_probed_at and _probe(tcb, host):
        tcb.tail_probed_at = tcb.snd_nxt
        tcb.pending = Pending.RETRANSMIT
    rearm_retransmission(tcb, host, fired=True)


def _probe(tcb: Tcb, host: Host) -> bool:
    """Send one segment: a new one if the peer's window lets it, else the last of those before. Whether that went."""
    tcb.tail_was_resent = False
    if tcb.unsent and _fits(tcb, tcb.unsent[0]):
        before = tcb.in_flight
        push_pending(tcb, host, nagle=False, probe=True)
        return tcb.in_flight > before
    run = tcb.unacked[-1]
    mss = current_mss(tcb)
    at = (run.segments - 1) * mss
    if 0 < at < len(run.data):
        run = scoreboard.cut_unacked(tcb, run, at, mss, host)
    tcb.tail_was_resent = resending.transmit_again(tcb, run, 1, host)
    return tcb.tail_was_resent


def _fits(tcb: Tcb, buffer: OutBuffer) -> bool:
    mss = current_mss(tcb)
    end = buffer.end if len(buffer.data) <= mss else buffer.seq + mss
    return end <= tcb.snd_una + tcb.snd_wnd


@TCP.rule(
    on=TcpEvent.REORDERING_DUE, stays=SYNCHRONIZED, when=lambda tcb, host: bool(tcb.unacked),
    cite="RFC 8985 §6.2, step 5; tcp_rack_reo_timeout",
    unconfirmed="on loopback only a full receive buffer loses anything",
)  # fmt: skip
def missing_is_taken_for_lost(tcb: Tcb, host: Host) -> None:
    """What is missing could have been late only, and was waited for long enough: it is lost."""
    resending.reordering_is_over(tcb, host)


def _gives_up(tcb: Tcb, host: Host) -> bool:
    """Whether nothing was acknowledged for too long: for as long as so many retransmissions take if the first comes
    after the shortest time-out, or as the program has said (`retransmits_timed_out`).
    """
    if _window_was_taken_back(tcb):
        return _is_silent(tcb, host)
    if not tcb.retransmits or tcb.resent_since_ns is None:
        return False
    patience_ns = tcb.user_timeout_ns or modelled_ns(_retries(tcb, host), host.profile.rto_min_ns, host)
    return host.now_ns - tcb.resent_since_ns >= patience_ns


def _retries(tcb: Tcb, host: Host) -> int:
    """How often something is sent again for want of an answer: less often if no program holds the connection any more
    (`tcp_orphan_retries`).
    """
    if not is_orphan(tcb):
        return host.profile.data_retries
    return host.profile.orphan_retries if tcb.rto_ns < host.profile.rto_max_ns else 0


def _window_was_taken_back(tcb: Tcb) -> bool:
    """Whether retransmissions serve as probes of a window that is closed, though it had been open for what was sent."""
    return not tcb.snd_wnd and tcb.fd is not None


def _is_silent(tcb: Tcb, host: Host) -> bool:
    """Whether such a peer has not answered for too long (`tcp_rtx_probe0_timed_out`)."""
    limit_ns = 2 * host.profile.rto_max_ns
    if tcb.user_timeout_ns:
        limit_ns = min(limit_ns, tcb.user_timeout_ns)
    since_ns = tcb.resent_since_ns
    return since_ns is not None and host.now_ns - max(tcb.heard_ns, since_ns) > limit_ns


def modelled_ns(retries: int, shortest: int, host: Host) -> int:
    """How long so many retransmissions take, the first wait being the shortest (`tcp_model_timeout`)."""
    longest = host.profile.rto_max_ns
    doubled = (longest // shortest).bit_length() - 1
    if retries <= doubled:
        return ((2 << retries) - 1) * shortest
    return ((2 << doubled) - 1) * shortest + (retries - doubled) * longest


@TCP.rule(
    on=TcpEvent.RETRANSMIT_DUE, stays=SYNCHRONIZED,
    when=lambda tcb, host: bool(tcb.unacked) and not _gives_up(tcb, host),
    cite="RFC 6298 §5.4 to §5.6",
    unconfirmed="on loopback only a full receive buffer loses anything",
)  # fmt: skip
def oldest_is_sent_again(tcb: Tcb, host: Host) -> None:
    """All that is unacknowledged is taken for lost, the oldest is sent again, and the next wait is twice as long."""
    RECOVERY.fire(host.trail, RecoveryEvent.TIMED_OUT, tcb, tcb.recovery, host)
    if not _window_was_taken_back(tcb):
        tcb.retransmits += 1
    resending.send_again(tcb, tcb.unacked[0], 1, host)
    tcb.backoff += 1
    tcb.rto_ns = min(tcb.rto_ns * 2, host.profile.rto_max_ns)
    wait_ns = tcb.rto_ns
    if tcb.user_timeout_ns and tcb.resent_since_ns is not None:
        wait_ns = min(wait_ns, max(tcb.resent_since_ns + tcb.user_timeout_ns - host.now_ns, 1))
    start_timer(tcb, Pending.RETRANSMIT, wait_ns, host)


@TCP.rule(
    on=TcpEvent.RETRANSMIT_DUE, moves=dict.fromkeys(SYNCHRONIZED, S.CLOSED), when=lambda tcb, host: bool(tcb.unacked),
    cite="RFC 9293 §3.8.3; tcp_retries2 in tcp(7)", unconfirmed="it takes a quarter of an hour of real time",
)  # fmt: skip
def sending_times_out(tcb: Tcb, host: Host) -> None:
    """The peer has not acknowledged for too long: ETIMEDOUT is pending, or what the network said meanwhile."""
    abort(tcb, tcb.soft_error or errno.ETIMEDOUT, host)


def _can_send_part(tcb: Tcb, host: Host) -> bool:
    return bool(tcb.unsent) and tcb.unsent[0].seq < tcb.snd_una + tcb.snd_wnd


def _nobody_answers(tcb: Tcb, host: Host) -> bool:
    if tcb.user_timeout_ns and tcb.probing_since_ns is not None:
        return host.now_ns - tcb.probing_since_ns >= tcb.user_timeout_ns
    return tcb.probes >= _retries(tcb, host)


@TCP.rule(
    on=TcpEvent.PROBE_DUE, moves=dict.fromkeys(SYNCHRONIZED, S.CLOSED), when=_nobody_answers,
    cite="RFC 9293 §3.8.6.1; tcp_probe_timer", unconfirmed="on loopback every probe is answered",
)  # fmt: skip
def probing_times_out(tcb: Tcb, host: Host) -> None:
    """As many probes as a segment has retransmissions were not answered: ETIMEDOUT is pending, or what the network said."""  # noqa: E501
    abort(tcb, tcb.soft_error or errno.ETIMEDOUT, host)


@TCP.rule(
    on=TcpEvent.PROBE_DUE, stays=SYNCHRONIZED, when=_can_send_part, cite="RFC 9293 §3.8.6.2.1; tcp_write_wakeup",
)  # fmt: skip
def stuck_bytes_are_sent_in_part(tcb: Tcb, host: Host) -> None:
    """The window is open, but for less than the buffer that waits: after a while as much as fits is sent."""
    buffer = tcb.unsent[0]
    room = tcb.snd_una + tcb.snd_wnd - buffer.seq
    tcb.pushed_seq = max(tcb.pushed_seq, buffer.end)
    buffer.push = True
    if room < buffer.end - buffer.seq or len(buffer.data) > tcb.mss:
        tcb.unsent.insert(1, memory.split(tcb, buffer, min(room, tcb.mss), host))
        buffer.push = True
    send_buffer(tcb, host, host.now_ns)


@TCP.rule(
    on=TcpEvent.PROBE_DUE, stays=SYNCHRONIZED, when=lambda tcb, host: bool(tcb.unsent),
    cite="RFC 9293 §3.8.6.1: managing the window",
)  # fmt: skip
def closed_window_is_probed(tcb: Tcb, host: Host) -> None:
    """The window is closed and bytes wait: a segment that must be answered asks for the window."""
    if tcb.probing_since_ns is None:
        tcb.probing_since_ns = host.now_ns
    tcb.probes += 1
    tcb.backoff = min(tcb.backoff + 1, host.profile.data_retries)
    start_timer(tcb, Pending.WINDOW_PROBE, probe_interval_ns(tcb, host), host)
    send_probe(tcb, host)


@TCP.rule(
    on=TcpEvent.TIME_WAIT_OVER, moves={S.TIME_WAIT: S.CLOSED}, cite="RFC 9293 §3.10.8, time-wait timeout",
    unconfirmed="it takes a minute of real time",
)  # fmt: skip
def time_wait_ends(tcb: Tcb, host: Host) -> None:
    """The addresses have rested long enough: the connection is forgotten."""
    finish(tcb, host)


@TCP.rule(
    on=TcpEvent.TIME_WAIT_OVER, moves={S.FIN_WAIT_2: S.CLOSED}, cite="tcp_fin_timeout in tcp(7)",
    unconfirmed="it takes a minute of real time",
)  # fmt: skip
def orphan_gives_up(tcb: Tcb, host: Host) -> None:
    """The peer's FIN never came, and nobody holds the socket any more: the connection is forgotten."""
    finish(tcb, host)
