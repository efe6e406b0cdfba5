"""Opening a connection: from CLOSED to ESTABLISHED, on either side, and how it fails.

RFC 9293's figure has one control block go from LISTEN to SYN-RECEIVED. The kernel keeps the listener listening and
makes a *child*: half open until the third segment of the handshake, then in the listener's accept queue, established
and able to receive before anyone accepts it. A full accept queue drops the SYN without a word, and the other side
sends it again after a second: that is how a connection attempt stays "in progress" on loopback, where otherwise the
handshake is over before connect returns.

Two SYNs that cross open one connection between two sockets (RFC 9293 figure 7); on one host only a socket connected
to its own address does that.

Not here: SYN cookies, Fast Open, TCP_DEFER_ACCEPT.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from ..choices import INITIAL_SEQUENCE
from ..values.constants import SHUT_WR, TcpFlag, TcpState
from ..values.segments import TIMESTAMPS_SIZE, Segment
from . import congestion, keepalive, memory, timestamps
from .block import OutBuffer, Tcb, Timer
from .ends import abort
from .machine import DROP, TCP, TcpEvent
from .output import reset_in_answer, send_ack, send_syn
from .roundtrip import note_round_trip, note_shortest
from .windows import DEFAULT_MSS, bound_mss, first_rcv_mss, initial_window, settle_buffers

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
    tcb.packet_max = host.profile.packet_max if host.owns(tcb.remote[0]) else 0


def note_options(tcb: Tcb, segment: Segment, host: Host) -> None:
    """What the peer's SYN says it can take (RFC 9293 §3.7.1; RFC 7323 §3.2; RFC 2018 §2)."""
    tcb.sack_permitted = segment.sack_permitted
    tcb.peer_mss = DEFAULT_MSS if segment.mss is None else segment.mss
    timestamps.agree(tcb, segment, host)


def note_scale(tcb: Tcb, segment: Segment) -> None:
    """Windows are scaled if both SYNs say so, or not at all (RFC 7323 §2.2)."""
    if segment.scale is not None:
        tcb.snd_scale = segment.scale
    else:
        tcb.snd_scale = tcb.rcv_scale = 0
        tcb.scales = False
        tcb.window_clamp = min(tcb.window_clamp, 65_535)


@TCP.rule(on=TcpEvent.ACTIVE_OPEN, moves={S.CLOSED: S.SYN_SENT}, cite="RFC 9293 §3.10.1, OPEN in CLOSED, active")
def active_open(tcb: Tcb, host: Host) -> None:
    """A SYN goes out; the connection is in progress."""
    profile = host.profile
    tcb.error = 0
    tcb.fin_received = False
    tcb.max_window = tcb.snd_wnd = 0
    set_route(tcb, host)
    tcb.peer_mss, tcb.option_bytes = DEFAULT_MSS, TIMESTAMPS_SIZE if profile.timestamps else 0
    bound_mss(tcb)
    tcb.advertised_mss = tcb.path_mss
    first_rcv_mss(tcb)
    initial_window(tcb, tcb.advertised_mss, profile)
    tcb.rcv_nxt = tcb.rcv_wup = tcb.copied_seq = 0
    timestamps.offer(tcb, host)
    _start(tcb, host)
    host.set_timer(tcb, Timer.RETRANSMIT, tcb.rto_ns)
    send_syn(tcb, host)


# ---------------------------------------------------------------- LISTEN


@TCP.rule(
    on=TcpEvent.SEGMENT_RESET, stays=(S.LISTEN,), when=lambda tcb, seg, host: bool(seg.flags & _RST),
    cite="RFC 9293 §3.10.7.2, first: check for a RST", unconfirmed="on loopback nobody resets a listener",
)  # fmt: skip
def reset_to_listener_is_ignored(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """A reset cannot concern a listener."""
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
    return DROP


def _queue_full(tcb: Tcb, segment: Segment, host: Host) -> bool:
    return len(tcb.accept_queue) > tcb.backlog_limit


@TCP.rule(
    on=TcpEvent.SEGMENT_SYN, stays=(S.LISTEN,), when=_queue_full,
    cite="listen(2): with more than `backlog` connections waiting; tcp_conn_request, sk_acceptq_is_full",
)  # fmt: skip
def syn_meets_full_queue(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """The accept queue is full: the SYN is dropped without a word, and its sender tries again later."""
    tcb.drops += 1
    return DROP


@TCP.rule(on=TcpEvent.SEGMENT_SYN, stays=(S.LISTEN,), cite="RFC 9293 §3.10.7.2, third: check for a SYN")
def syn_makes_a_child(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """A connection attempt arrives: a child of the listener answers it with SYN-ACK. The listener goes on listening."""
    child = host.new_child(tcb, segment)
    TCP.fire(host.trail, TcpEvent.SEGMENT_SYN, child, segment, host)
    return DROP


@TCP.rule(on=TcpEvent.SEGMENT_SYN, moves={S.CLOSED: S.SYN_RECEIVED}, cite="RFC 9293 §3.10.7.2; tcp_conn_request")
def child_answers_syn(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """The child of a listener is half open: it sends SYN-ACK and waits for the acknowledgement.
    RFC 9293 has the listening block itself move from LISTEN to SYN-RECEIVED; the kernel moves a child from nothing."""
    profile = host.profile
    tcb.irs = segment.seq
    tcb.rcv_nxt = tcb.rcv_wup = tcb.copied_seq = segment.seq + 1
    set_route(tcb, host)
    tcb.advertised_mss = tcb.path_mss
    timestamps.offer(tcb, host)
    note_options(tcb, segment, host)
    initial_window(tcb, tcb.advertised_mss - tcb.option_bytes, profile)
    note_scale(tcb, segment)
    first_rcv_mss(tcb)
    tcb.max_window = tcb.snd_wnd = segment.window
    tcb.last_received_ns = host.now_ns
    _start(tcb, host)
    tcb.acked_from += 1
    host.set_timer(tcb, Timer.RETRANSMIT, tcb.rto_ns)
    send_syn(tcb, host, ack=True)
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
    """The peer accepts: the connection is established, and the handshake's third segment goes out."""
    tcb.unacked.clear()
    tcb.in_flight = 0
    host.stop_timer(tcb, Timer.RETRANSMIT)
    tcb.irs = segment.seq
    tcb.rcv_nxt = tcb.rcv_wup = tcb.copied_seq = segment.seq + 1
    tcb.snd_una = segment.ack
    tcb.snd_wnd = tcb.max_window = segment.window
    tcb.snd_wl1 = segment.seq
    note_options(tcb, segment, host)
    note_scale(tcb, segment)
    tcb.advertised_mss -= tcb.option_bytes
    tcb.last_received_ns = host.now_ns
    _established(tcb, host)
    send_ack(tcb, host)
    return DROP


@TCP.rule(
    on=TcpEvent.SEGMENT_SYN, moves={S.SYN_SENT: S.SYN_RECEIVED}, when=lambda tcb, seg, host: bool(seg.flags & _SYN),
    cite="RFC 9293 §3.5, figure 7: simultaneous connection synchronization",
)  # fmt: skip
def syns_cross(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """The other side's SYN crossed ours: answer it with SYN-ACK. A socket connected to itself does this."""
    tcb.irs = segment.seq
    tcb.rcv_nxt = tcb.rcv_wup = tcb.copied_seq = segment.seq + 1
    tcb.snd_wnd = tcb.max_window = segment.window
    tcb.snd_wl1 = segment.seq
    note_options(tcb, segment, host)
    note_scale(tcb, segment)
    bound_mss(tcb)
    first_rcv_mss(tcb)
    send_syn(tcb, host, ack=True)
    return DROP


# ---------------------------------------------------------------- SYN-RECEIVED


@TCP.rule(
    on=TcpEvent.SEGMENT_ACK, moves={S.SYN_RECEIVED: S.ESTABLISHED},
    when=lambda tcb, seg, host: bool(seg.flags & _ACK) and tcb.snd_una < seg.ack <= tcb.snd_nxt,
    cite="RFC 9293 §3.10.7.4, fifth: check the ACK field, SYN-RECEIVED",
)  # fmt: skip
def ack_establishes(tcb: Tcb, segment: Segment, host: Host) -> bool | None:
    """Our SYN is acknowledged: the connection is established; a listener's child waits to be accepted.
    A socket that was shut for writing before it listened hands that on: its children send FIN at once."""
    tcb.unacked.clear()
    tcb.in_flight = 0
    host.stop_timer(tcb, Timer.RETRANSMIT)
    tcb.snd_una = segment.ack
    tcb.snd_wnd = segment.window
    tcb.snd_wl1 = segment.seq
    tcb.max_window = max(tcb.max_window, tcb.snd_wnd)
    tcb.advertised_mss -= tcb.option_bytes
    timestamps.note(tcb, segment, host)
    _established(tcb, host)
    tcb.predicts = True
    if tcb.listener is not None:
        host.tcb(tcb.listener).accept_queue.append(tcb.number)
    if tcb.write_shut:
        TCP.fire(host.trail, TcpEvent.SHUTDOWN, tcb, SHUT_WR, host)
    return None


@TCP.rule(
    on=TcpEvent.SEGMENT_ACK, stays=(S.SYN_RECEIVED,),
    when=lambda tcb, seg, host: bool(seg.flags & _ACK) and not tcb.snd_una < seg.ack <= tcb.snd_nxt,
    cite="RFC 9293 §3.10.7.4, fifth: check the ACK field, SYN-RECEIVED",
    unconfirmed="on loopback nobody acknowledges what was not sent",
)  # fmt: skip
def ack_of_another_syn_ack(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """It acknowledges something else than our SYN: it is answered with a reset."""
    reset_in_answer(segment, host)
    return DROP


@TCP.rule(
    on=TcpEvent.SEGMENT_RESET, moves={S.SYN_RECEIVED: S.CLOSED}, when=lambda tcb, seg, host: bool(seg.flags & _RST),
    cite="RFC 9293 §3.10.7.4, second: check the RST bit, SYN-RECEIVED",
    unconfirmed="on loopback the handshake is over before anyone could reset it",
)  # fmt: skip
def reset_ends_half_open(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """The peer took its SYN back: a listener's child is forgotten, and an attempt whose SYNs crossed is reset.
    RFC 9293 calls the attempt refused; Linux leaves ECONNRESET, because the peer had answered once."""
    abort(tcb, errno.ECONNRESET, host)
    return DROP


def _established(tcb: Tcb, host: Host) -> None:
    profile = host.profile
    trip_ns = 0 if tcb.retransmits else host.now_ns - tcb.opened_ns
    note_shortest(tcb, trip_ns, host)
    note_round_trip(tcb, trip_ns, host)
    congestion.pace(tcb)
    tcb.backoff = tcb.retransmits = 0
    bound_mss(tcb)
    first_rcv_mss(tcb)
    settle_buffers(tcb, profile)
    tcb.heard_ns = host.now_ns
    keepalive.start(tcb, host)
    tcb.pushed_seq = tcb.small_seq = tcb.write_seq


@TCP.rule(
    on=TcpEvent.RETRANSMIT_DUE, stays=(S.SYN_SENT,),
    when=lambda tcb, host: tcb.retransmits < host.profile.syn_retries + host.profile.syn_linear_timeouts,
    cite="RFC 6298 §5.5; tcp_syn_retries in tcp(7); tcp_syn_linear_timeouts in ip-sysctl",
)  # fmt: skip
def syn_is_sent_again(tcb: Tcb, host: Host) -> None:
    """Nobody answered the SYN: it is sent again. The next wait is as long, and after the fifth time twice as long.
    RFC 6298 doubles the wait each time; Linux begins with four that are not doubled."""
    _again(tcb, host, doubles=tcb.retransmits >= host.profile.syn_linear_timeouts)
    send_syn(tcb, host)


@TCP.rule(
    on=TcpEvent.RETRANSMIT_DUE, moves={S.SYN_SENT: S.CLOSED}, cite="connect(2), ETIMEDOUT; RFC 9293 §3.8.3",
    unconfirmed="it takes two minutes of real time",
)  # fmt: skip
def connecting_times_out(tcb: Tcb, host: Host) -> None:
    """Every SYN stayed unanswered: ETIMEDOUT is pending."""
    abort(tcb, errno.ETIMEDOUT, host)


@TCP.rule(
    on=TcpEvent.RETRANSMIT_DUE, stays=(S.SYN_RECEIVED,),
    when=lambda tcb, host: tcb.retransmits < host.profile.synack_retries, cite="RFC 6298 §5.5",
    unconfirmed="on loopback no SYN-ACK is lost",
)  # fmt: skip
def syn_ack_is_sent_again(tcb: Tcb, host: Host) -> None:
    """Nobody answered the SYN-ACK: it is sent again."""
    _again(tcb, host)
    send_syn(tcb, host, ack=True)


@TCP.rule(
    on=TcpEvent.RETRANSMIT_DUE, moves={S.SYN_RECEIVED: S.CLOSED}, cite="tcp_synack_retries in tcp(7)",
    unconfirmed="on loopback no SYN-ACK is lost",
)  # fmt: skip
def half_open_times_out(tcb: Tcb, host: Host) -> None:
    """Every SYN-ACK stayed unanswered: the half-open connection is forgotten."""
    abort(tcb, errno.ETIMEDOUT, host)


def _again(tcb: Tcb, host: Host, *, doubles: bool = True) -> None:
    tcb.retransmits += 1
    tcb.resent += 1
    if doubles:
        tcb.backoff += 1
        tcb.rto_ns = min(tcb.rto_ns * 2, host.profile.rto_max_ns)
    host.set_timer(tcb, Timer.RETRANSMIT, tcb.rto_ns)


def forget_syn(tcb: Tcb, host: Host) -> None:
    """Drop the SYN from what is unacknowledged."""
    memory.let_go_all(tcb, host)
