"""Opening a connection: from CLOSED to ESTABLISHED, on either side, and how it fails.

RFC 9293's figure has one control block go from LISTEN to SYN-RECEIVED. The kernel keeps the listener listening and
makes a request, then a *child* (requests.py). A full accept queue drops the SYN without a word, and the other side
sends it again after a second: that is how a connection attempt stays "in progress" on loopback, where otherwise the
handshake is over before connect returns.

A SYN is sent again every second at first, and only then are the waits doubled; what ends the attempt is either the
number of SYNs or the time that so many would have taken with doubled waits alone, whichever is sooner.

Two SYNs that cross open one connection between two sockets (RFC 9293 figure 7); on one host only a socket connected
to its own address does that.

Not here: what a listener does with a SYN (requests.py); Fast Open.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from ..choices import INITIAL_SEQUENCE
from ..values.constants import SHUT_WR, WAKES_ALL, TcpFlag, TcpState
from ..values.segments import TIMESTAMPS_SIZE, Segment
from . import congestion, cookies, ecn, keepalive, memory, reserve, timestamps
from .block import OutBuffer, Tcb, Timer
from .ends import abort
from .machine import DROP, RECOVERY, REQUEST, TCP, RecoveryEvent, RequestEvent, TcpEvent
from .output import reset_in_answer, send_ack, send_syn
from .roundtrip import note_round_trip, note_shortest
from .timers import modelled_ns
from .windows import (
    DEFAULT_MSS,
    ack_soon,
    bound_mss,
    first_rcv_mss,
    initial_window,
    note_scale,
    settle_buffers,
    use_room,
    user_bound,
)

if TYPE_CHECKING:
    from ..world.host import Host

S = TcpState
SOON_TICKS = 2
"""Ticks after which a SYN goes out again that met an answer to another one (TCP_TIMEOUT_MIN)."""
_SYN, _ACK, _RST, _FIN = (int(f) for f in (TcpFlag.SYN, TcpFlag.ACK, TcpFlag.RST, TcpFlag.FIN))


def _start(tcb: Tcb, host: Host) -> None:
    """Fresh send variables and the SYN as the first thing unacknowledged.

    A socket that was connected before goes on from its old numbers.
    """
    tcb.iss = tcb.write_seq or _initial_sequence(tcb, host)
    tcb.snd_una = tcb.acked_from = tcb.iss
    tcb.snd_nxt = tcb.write_seq = tcb.pushed_seq = tcb.small_seq = tcb.iss + 1
    tcb.opened_ns = host.now_ns
    tcb.rto_ns = host.profile.rto_initial_ns
    tcb.backoff = tcb.retransmits = 0
    syn = OutBuffer(host.next_buffer(), tcb.iss, bytearray(), syn=True)
    if tcb.listener is None:  # a request's SYN-ACK is nobody's memory
        syn.truesize = host.profile.buffer_overhead
        reserve.charge_sending(tcb, syn.truesize, host.profile)
    tcb.unacked.append(syn)
    tcb.in_flight = 1
    tcb.cwnd, tcb.ssthresh = host.profile.initial_cwnd, congestion.INFINITE
    tcb.high_seq = tcb.snd_nxt


def _initial_sequence(tcb: Tcb, host: Host) -> int:
    """A number that grows by one in 64 nanoseconds, from a start of its own for every pair of addresses and ports
    (RFC 6528; `secure_tcp_seq`).
    """
    number = (host.hashed(tcb.local, tcb.remote) + (host.now_ns >> 6)) % (1 << 32)
    return host.choose(INITIAL_SEQUENCE, 0, (1 << 32) - 1, number, None)


def set_route(tcb: Tcb, host: Host) -> None:
    """What the way to the peer carries."""
    tcb.path_mss = host.path_mss(tcb.remote[0])
    in_one_piece = host.takes_runs or host.owns(tcb.remote[0])
    tcb.packet_max = host.profile.packet_max if in_one_piece else 0


def note_options(tcb: Tcb, segment: Segment, host: Host) -> None:
    """What the peer's SYN says it can take (RFC 9293 §3.7.1; RFC 7323 §3.2; RFC 2018 §2)."""
    tcb.sack_permitted = segment.sack_permitted
    if segment.mss is not None:
        tcb.peer_mss = user_bound(tcb, segment.mss)
    timestamps.agree(tcb, segment, host)


@TCP.rule(on=TcpEvent.ACTIVE_OPEN, moves={S.CLOSED: S.SYN_SENT}, cite="RFC 9293 §3.10.1, OPEN in CLOSED, active")
def active_open(tcb: Tcb, host: Host) -> None:
    """A SYN goes out; the connection is in progress."""
    profile = host.profile
    tcb.error = 0
    tcb.fin_received = False
    tcb.max_window = tcb.snd_wnd = 0
    set_route(tcb, host)
    tcb.peer_mss, tcb.option_bytes = tcb.user_mss or DEFAULT_MSS, TIMESTAMPS_SIZE if profile.timestamps else 0
    bound_mss(tcb)
    tcb.advertised_mss = user_bound(tcb, tcb.path_mss)
    first_rcv_mss(tcb)
    initial_window(tcb, tcb.advertised_mss - (tcb.option_bytes if timestamps.knows_peer(tcb) else 0), profile)
    tcb.scale_offered = tcb.rcv_scale
    tcb.rcv_nxt = tcb.rcv_wup = tcb.copied_seq = 0
    timestamps.offer(tcb, host)
    ecn.ask(tcb, host)
    _start(tcb, host)
    host.set_timer(tcb, Timer.RETRANSMIT, tcb.rto_ns)
    send_syn(tcb, host)


# ---------------------------------------------------------------- LISTEN


@TCP.rule(
    on=TcpEvent.SEGMENT_RESET, stays=(S.LISTEN,), when=lambda tcb, seg, host: bool(seg.flags & _RST),
    cite="RFC 9293 §3.10.7.2, first: check for a RST", unconfirmed="on loopback nobody resets a listener",
)  # fmt: skip
def reset_to_listener_is_ignored(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """A reset cannot concern a listener. One that acknowledges is not even counted."""
    if not segment.flags & _ACK:
        tcb.drops += segment.merged
    return DROP


@TCP.rule(
    on=TcpEvent.SEGMENT_ACK, stays=(S.LISTEN,),
    when=lambda tcb, seg, host: cookies.recognized(tcb, seg, host) is not None,
    cite="RFC 4987 §3.6; tcp_v4_cookie_check", unconfirmed="on loopback no SYN queue is full",
)  # fmt: skip
def ack_brings_cookie(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """It acknowledges a cookie that this listener sent instead of remembering a SYN."""
    REQUEST.fire(host.trail, RequestEvent.COOKIE, tcb, segment, host)
    return DROP


@TCP.rule(
    on=TcpEvent.SEGMENT_ACK, stays=(S.LISTEN,), when=lambda tcb, seg, host: bool(seg.flags & _ACK),
    cite="RFC 9293 §3.10.7.2, second: check for an ACK",
)  # fmt: skip
def ack_to_listener_is_reset(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """An acknowledgement of a connection that the listener does not know is answered with a reset."""
    reset_in_answer(segment, host)
    return DROP


@TCP.rule(
    on=TcpEvent.SEGMENT_SYN, stays=(S.LISTEN,), when=lambda tcb, seg, host: seg.flags & (_SYN | _FIN) != _SYN,
    cite="RFC 9293 §3.10.7.2, fourth: other data or control; tcp_rcv_state_process",
    unconfirmed="on loopback nobody sends such a thing",
)  # fmt: skip
def no_way_to_open(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """Neither an acknowledgement nor a plain SYN: it is dropped without a word."""
    tcb.drops += segment.merged
    return DROP


@TCP.rule(on=TcpEvent.SEGMENT_SYN, stays=(S.LISTEN,), cite="RFC 9293 §3.10.7.2, third: check for a SYN")
def syn_reaches_listener(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """Somebody wants a connection: the queues decide what comes of it, and the listener goes on listening."""
    REQUEST.fire(host.trail, RequestEvent.SYN, tcb, segment, host)
    return DROP


@TCP.rule(on=TcpEvent.SEGMENT_SYN, moves={S.CLOSED: S.SYN_RECEIVED}, cite="RFC 9293 §3.10.7.2; tcp_conn_request")
def child_answers_syn(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """The child of a listener is half open: SYN-ACK tells what it can take, and waits for the acknowledgement.
    RFC 9293 has the listening block itself move from LISTEN to SYN-RECEIVED; the kernel moves a child from nothing."""
    tcb.irs = segment.seq
    tcb.rcv_nxt = tcb.rcv_wup = tcb.copied_seq = segment.seq + 1
    set_route(tcb, host)
    tcb.advertised_mss = user_bound(tcb, tcb.path_mss)
    timestamps.offer(tcb, host)
    note_options(tcb, segment, host)
    tcb.ecn = ecn.agrees(segment, host)
    initial_window(tcb, tcb.advertised_mss - tcb.option_bytes, host.profile)
    note_scale(tcb, segment)
    first_rcv_mss(tcb)
    tcb.max_window = tcb.snd_wnd = segment.window
    tcb.last_received_ns = host.tick_ns
    _start(tcb, host)
    tcb.acked_from += 1
    return DROP


# ---------------------------------------------------------------- SYN-SENT


@TCP.rule(
    on=TcpEvent.SEGMENT_ACK, stays=(S.SYN_SENT,),
    when=lambda tcb, seg, host: bool(seg.flags & _ACK) and not tcb.snd_una < seg.ack <= tcb.snd_nxt,
    cite="RFC 9293 §3.10.7.3, first: check the ACK bit; tcp_rcv_synsent_state_process",
)  # fmt: skip
def ack_of_another_syn(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """It acknowledges something that was never sent: a reset answers it, and the SYN goes out again almost at once.
    What the peer remembers of an older connection is gone by then."""
    if not tcb.retransmits:
        host.set_timer(tcb, Timer.RETRANSMIT, SOON_TICKS * host.profile.jiffy_ns)
    reset_in_answer(segment, host)
    return DROP


@TCP.rule(
    on=TcpEvent.SEGMENT_RESET, moves={S.SYN_SENT: S.CLOSED},
    when=lambda tcb, seg, host: bool(seg.flags & _RST) and bool(seg.flags & _ACK),
    cite="RFC 9293 §3.10.7.3, second: check the RST bit; connect(2), ECONNREFUSED",
)  # fmt: skip
def reset_refuses_connection(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """Nobody listens there: the attempt is over, ECONNREFUSED is pending, both directions are shut."""
    abort(tcb, errno.ECONNREFUSED, host)
    return DROP


@TCP.rule(
    on=TcpEvent.SEGMENT_RESET, stays=(S.SYN_SENT,), when=lambda tcb, seg, host: bool(seg.flags & _RST),
    cite="RFC 9293 §3.10.7.3, second: otherwise (no ACK), drop the segment",
    unconfirmed="on loopback every reset of a SYN carries an acknowledgement",
)  # fmt: skip
def reset_without_ack_is_ignored(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """A reset that acknowledges nothing may be forged: it is dropped."""
    return DROP


@TCP.rule(
    on=TcpEvent.SEGMENT_SYN, moves={S.SYN_SENT: S.ESTABLISHED},
    when=lambda tcb, seg, host: bool(seg.flags & _SYN) and bool(seg.flags & _ACK),
    cite="RFC 9293 §3.10.7.3, fourth: check the SYN bit",
)  # fmt: skip
def syn_ack_establishes(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """The peer accepts: the connection is established, and the handshake's third segment goes out.
    Behind it a socket that found its buffer full in an earlier life finds room."""
    syn_is_acknowledged(tcb, host)
    tcb.irs = segment.seq
    tcb.rcv_nxt = tcb.rcv_wup = tcb.copied_seq = segment.seq + 1
    tcb.snd_una = segment.ack
    tcb.snd_wnd = tcb.max_window = segment.window
    tcb.snd_wl1 = segment.seq
    note_options(tcb, segment, host)
    note_scale(tcb, segment)
    tcb.ecn = ecn.peer_agreed(tcb, segment)
    tcb.advertised_mss -= tcb.option_bytes
    tcb.last_received_ns = host.tick_ns
    _established(tcb, segment, host)
    tcb.predicts = not tcb.snd_scale
    host.wake(tcb, WAKES_ALL)
    if tcb.defer_retries or tcb.pingpong >= host.profile.pingpong_threshold:
        acknowledge_with_data(tcb, host)
    else:
        send_ack(tcb, host)
        use_room(tcb, host)
    return DROP


@TCP.rule(
    on=TcpEvent.SEGMENT_SYN, moves={S.SYN_SENT: S.SYN_RECEIVED}, when=lambda tcb, seg, host: bool(seg.flags & _SYN),
    cite="RFC 9293 §3.5, figure 7: simultaneous connection synchronization",
)  # fmt: skip
def syns_cross(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """The other side's SYN crossed ours: answer it with SYN-ACK. A socket connected to itself does this.
    RFC 7323 §2.2 says windows are scaled if both SYNs offer that; Linux scales its own here in any case."""
    tcb.irs = segment.seq
    tcb.rcv_nxt = tcb.rcv_wup = tcb.copied_seq = segment.seq + 1
    tcb.snd_wnd = tcb.max_window = segment.window
    tcb.snd_wl1 = segment.seq
    note_options(tcb, segment, host)
    tcb.snd_scale, tcb.scales = segment.scale or 0, segment.scale is not None
    tcb.ecn = ecn.peer_asks_too(tcb, segment)
    bound_mss(tcb)
    first_rcv_mss(tcb)
    send_syn(tcb, host, ack=True)
    return DROP


# ---------------------------------------------------------------- SYN-RECEIVED


@TCP.rule(
    on=TcpEvent.SEGMENT_ACK, moves={S.SYN_RECEIVED: S.ESTABLISHED},
    when=lambda tcb, seg, host: bool(seg.flags & _ACK) and tcb.snd_una <= seg.ack <= tcb.snd_nxt,
    cite="RFC 9293 §3.10.7.4, fifth: check the ACK field, SYN-RECEIVED",
)  # fmt: skip
def ack_establishes(tcb: Tcb, segment: Segment, host: Host) -> bool | None:
    """Our SYN is acknowledged: the connection is established; a listener's child waits to be accepted.
    A socket that was shut for writing before it listened hands that on: its children send FIN at once.
    RFC 9293 wants something new acknowledged; the kernel does not ask for that if the SYNs had crossed."""
    if segment.ack > tcb.snd_una:
        syn_is_acknowledged(tcb, host)
    tcb.snd_una = segment.ack
    tcb.snd_wnd = segment.window
    tcb.snd_wl1 = segment.seq
    tcb.max_window = max(tcb.max_window, tcb.snd_wnd)
    tcb.advertised_mss -= tcb.option_bytes
    timestamps.note(tcb, segment, host)
    _established(tcb, segment, host)
    congestion.pace(tcb)
    host.wake(tcb, WAKES_ALL)
    tcb.predicts = True
    if tcb.write_shut:
        TCP.fire(host.trail, TcpEvent.SHUTDOWN, tcb, SHUT_WR, host)
    return None


@TCP.rule(
    on=TcpEvent.SEGMENT_ACK, stays=(S.SYN_RECEIVED,),
    when=lambda tcb, seg, host: bool(seg.flags & _ACK) and not tcb.snd_una <= seg.ack <= tcb.snd_nxt,
    cite="RFC 9293 §3.10.7.4, fifth: check the ACK field, SYN-RECEIVED",
    unconfirmed="on loopback nobody acknowledges what was not sent",
)  # fmt: skip
def ack_of_another_syn_ack(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """The SYNs had crossed, and this acknowledges something that was never sent: it is answered with a reset."""
    reset_in_answer(segment, host)
    return DROP


@TCP.rule(
    on=TcpEvent.SEGMENT_RESET, moves={S.SYN_RECEIVED: S.CLOSED}, when=lambda tcb, seg, host: bool(seg.flags & _RST),
    cite="RFC 9293 §3.10.7.4, second: check the RST bit, SYN-RECEIVED",
    unconfirmed="on loopback the handshake is over before anyone could reset it",
)  # fmt: skip
def reset_ends_half_open(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """The SYNs had crossed, and now the peer takes its own back: ECONNRESET is pending.
    RFC 9293 calls the attempt refused; Linux leaves ECONNRESET, because the peer had answered once."""
    abort(tcb, errno.ECONNRESET, host)
    return DROP


def syn_is_acknowledged(tcb: Tcb, host: Host) -> None:
    """Nothing is in flight any more."""
    for buffer in tcb.unacked:
        memory.let_go(tcb, buffer, host)
    tcb.unacked.clear()
    tcb.in_flight = 0
    host.stop_timer(tcb, Timer.RETRANSMIT)


def _first_round_trip_ns(tcb: Tcb, segment: Segment, host: Host) -> int | None:
    """How long the handshake took; of a SYN that was sent again only an echo can tell (RFC 6298 §3)."""
    if not tcb.retransmits:
        return host.now_ns - tcb.opened_ns
    return timestamps.round_trip_ns(tcb, segment, host)


def _established(tcb: Tcb, segment: Segment, host: Host) -> None:
    profile = host.profile
    trip_ns = _first_round_trip_ns(tcb, segment, host)
    if trip_ns is None:
        tcb.mdev_us4 = tcb.mdev_max_us4 = tcb.rttvar_us4 = profile.rto_fallback_ns // 1000
        tcb.rto_ns = profile.rto_fallback_ns
    else:
        note_shortest(tcb, trip_ns, host)
        note_round_trip(tcb, trip_ns, host)
    lost = tcb.retransmits > 1 and not _was_needless(tcb, segment)
    congestion.pace(tcb)
    tcb.cwnd = 1 if lost else profile.initial_cwnd
    RECOVERY.offer(host.trail, RecoveryEvent.SYN_ACKED, tcb, host)
    tcb.backoff = tcb.retransmits = tcb.timeouts = 0
    bound_mss(tcb)
    first_rcv_mss(tcb)
    tcb.control.begins(tcb, host)
    settle_buffers(tcb, host)
    tcb.heard_ns = host.tick_ns
    keepalive.start(tcb, host)
    tcb.pushed_seq = tcb.small_seq = tcb.write_seq


def _was_needless(tcb: Tcb, segment: Segment) -> bool:
    """Whether the first SYN is echoed, so that sending it again was needless (`tcp_try_undo_spurious_syn`)."""
    return segment.timestamps is not None and segment.timestamps[1] == timestamps.clock(tcb, tcb.opened_ns)


def acknowledge_with_data(tcb: Tcb, host: Host) -> None:
    """The program has said that it will send at once: the acknowledgement waits for that, but no longer than any
    (`tcp_rcv_synsent_state_process`; TCP_DEFER_ACCEPT or TCP_QUICKACK of a client).
    """
    ack_soon(tcb, host.profile)
    host.set_timer(tcb, Timer.DELAYED_ACK, host.profile.delayed_ack_max_ns)


# ---------------------------------------------------------------- nobody answers


def _gives_up(tcb: Tcb, host: Host) -> bool:
    """Whether the SYN was sent often enough, or for long enough (`tcp_write_timeout`)."""
    profile = host.profile
    retries = tcb.syn_retries or profile.syn_retries
    linear = profile.syn_linear_timeouts if tcb.state is S.SYN_SENT else 0
    if tcb.retransmits >= retries + linear:
        return True
    patience_ns = tcb.user_timeout_ns or modelled_ns(retries, profile.rto_initial_ns, host)
    return tcb.retransmits > 0 and host.now_ns - tcb.opened_ns >= patience_ns


@TCP.rule(
    on=TcpEvent.RETRANSMIT_DUE, stays=(S.SYN_SENT,), when=lambda tcb, host: not _gives_up(tcb, host),
    cite="RFC 6298 §5.5; tcp_syn_retries, tcp_syn_linear_timeouts in tcp(7)",
)  # fmt: skip
def syn_is_sent_again(tcb: Tcb, host: Host) -> None:
    """Nobody answered the SYN: it is sent again. The first few waits are alike, then each is twice the last.
    RFC 6298 doubles the wait each time; Linux begins with four that are not doubled."""
    _again(tcb, host, doubled=tcb.retransmits >= host.profile.syn_linear_timeouts)
    ecn.do_without(tcb, host)
    send_syn(tcb, host)


@TCP.rule(
    on=TcpEvent.RETRANSMIT_DUE, moves={S.SYN_SENT: S.CLOSED}, cite="connect(2), ETIMEDOUT; RFC 9293 §3.8.3",
    unconfirmed="it takes two minutes of real time",
)  # fmt: skip
def connecting_times_out(tcb: Tcb, host: Host) -> None:
    """Every SYN stayed unanswered: ETIMEDOUT is pending."""
    abort(tcb, errno.ETIMEDOUT, host)


@TCP.rule(
    on=TcpEvent.RETRANSMIT_DUE, stays=(S.SYN_RECEIVED,), when=lambda tcb, host: not _gives_up(tcb, host),
    cite="RFC 6298 §5.5; tcp_retransmit_timer", unconfirmed="on loopback no SYN-ACK is lost",
)  # fmt: skip
def crossed_syn_is_sent_again(tcb: Tcb, host: Host) -> None:
    """The SYNs had crossed, and nobody answered our SYN-ACK: it is sent again, and the next wait is twice as long.
    It takes the whole congestion window: a FIN waits until it is acknowledged."""
    _again(tcb, host)
    send_syn(tcb, host, ack=True)


@TCP.rule(
    on=TcpEvent.RETRANSMIT_DUE, moves={S.SYN_RECEIVED: S.CLOSED}, cite="tcp_syn_retries in tcp(7)",
    unconfirmed="on loopback no SYN-ACK is lost",
)  # fmt: skip
def crossed_opening_times_out(tcb: Tcb, host: Host) -> None:
    """The SYNs had crossed, and every SYN-ACK stayed unanswered: ETIMEDOUT is pending."""
    abort(tcb, errno.ETIMEDOUT, host)


def _again(tcb: Tcb, host: Host, *, doubled: bool = True) -> None:
    tcb.retransmits += 1
    tcb.resent += 1
    tcb.unacked[0].sent_again = True
    RECOVERY.fire(host.trail, RecoveryEvent.SYN_TIMED_OUT, tcb, host)
    if doubled:
        tcb.backoff += 1
        tcb.rto_ns = min(tcb.rto_ns * 2, host.profile.rto_max_ns)
    wait_ns = tcb.rto_ns
    if tcb.user_timeout_ns:
        wait_ns = min(wait_ns, max(tcb.opened_ns + tcb.user_timeout_ns - host.now_ns, 1))
    host.set_timer(tcb, Timer.RETRANSMIT, wait_ns)


def forget_syn(tcb: Tcb, host: Host) -> None:
    """Drop the SYN from what is unacknowledged."""
    memory.let_go_all(tcb, host)
