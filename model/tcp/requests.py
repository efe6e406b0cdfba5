"""Requests for a connection: what a SYN makes at a listener, and the two queues it passes through.

RFC 9293's figure has one control block go from LISTEN to SYN-RECEIVED. The kernel keeps the listener listening. A SYN
makes a *request*, which is no socket: it knows what both SYNs said, and nothing else. It waits in the listener's **SYN
queue** for the acknowledgement, and has a timer of its own that sends the SYN-ACK again. The acknowledgement makes a
connection of it, which waits in the **accept queue**, established and able to receive, until a program accepts it.

Both queues hold one more than the number that listen was given. What happens when they are full:

- SYN queue full: the SYN is answered with a *cookie*, or without cookies dropped;
- accept queue full: a SYN is dropped, and an acknowledgement too. Then the client takes the connection for established,
  the request waits on, and its SYN-ACK is sent again, to which the client answers with another acknowledgement.

A cookie is an initial sequence number that the listener can recognize, so that it need not remember the SYN. What the
SYN said is lost but for what the cookie tells, one of four MSSs, and what a timestamp's last six bits tell: scale and
SACK.

Here a request is a control block in SYN-RECEIVED from its SYN on, as `inet_diag` shows it; but until it is made a
connection only the rules of this file touch it, and it takes over the listener's options no earlier than that.

Not here: Fast Open, listeners that share a port (SO_REUSEPORT), peers that are spared when the queue is crowded because
earlier connections are remembered (tcp_no_metrics_save is set), the kernel's own choice of a number as a cookie.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..values.constants import WAKES_READERS, TcpFlag, TcpState
from ..values.segments import Segment
from . import cookies, timestamps
from .arrival import arrive
from .block import Request, Tcb, Timer
from .handshake import syn_is_acknowledged
from .machine import REQUEST, TCP, RequestEvent, TcpEvent
from .output import bare, reset_in_answer, send_syn
from .windows import initial_window, note_scale

if TYPE_CHECKING:
    from ..world.host import Host

R, E = Request, RequestEvent
_SYN, _ACK, _RST = (int(f) for f in (TcpFlag.SYN, TcpFlag.ACK, TcpFlag.RST))
IN_SYN_QUEUE = (R.HALF_OPEN, R.ACKNOWLEDGED)
_UNSEEN = "on loopback a handshake is over before anything could happen to it; segments from outside show it, in tests"
_UNPINNED = "the cross-check has the system's defaults; tests with other settings show it"


def is_listening(listener: Tcb | None) -> bool:
    """Whether it still is what requests were made for."""
    return listener is not None and listener.state is TcpState.LISTEN


def lost_listener(tcb: Tcb, host: Host) -> bool:
    """Whether this is a request whose listener listens no more. It is then forgotten, as the kernel does as soon as
    somebody comes upon it: its listener may have been shut, and listen again, and knows it.
    """
    if not tcb.is_request or tcb.listener is None:
        return False
    listener = host.endpoints.get(tcb.listener)
    if isinstance(listener, Tcb) and is_listening(listener):
        return False
    REQUEST.fire(host.trail, E.LISTENER_GONE, tcb, host)
    return True


def _forget(request: Tcb, host: Host) -> None:
    listener = host.endpoints.get(request.listener) if request.listener is not None else None
    if isinstance(listener, Tcb) and request.number in listener.syn_queue:
        listener.syn_queue.remove(request.number)
    host.remove(request)


def _wait(request: Tcb, host: Host) -> None:
    """The next wait for an acknowledgement is twice as long as the last (`reqsk_timeout`)."""
    profile = host.profile
    host.set_timer(request, Timer.RETRANSMIT, min(profile.rto_initial_ns << request.timeouts, profile.rto_max_ns))


def queue_full(listener: Tcb) -> bool:
    """Whether the accept queue takes no more: it holds one more than its length (`sk_acceptq_is_full`)."""
    return len(listener.accept_queue) > listener.backlog_limit


# ---------------------------------------------------------------- a SYN at a listener


def _syn_queue_full(listener: Tcb, host: Host) -> bool:
    """A SYN that ended the rest of an old connection is let in whatever the queue is like."""
    return len(listener.syn_queue) > listener.backlog_limit and not host.next_iss


@REQUEST.rule(
    on=E.SYN, stays=(R.NONE,),
    when=lambda tcb, seg, host: not host.profile.syn_cookies and _syn_queue_full(tcb, host),
    cite="tcp_syncookies in tcp(7); tcp_conn_request, inet_csk_reqsk_queue_is_full", unconfirmed=_UNPINNED,
)  # fmt: skip
def syn_meets_full_syn_queue(tcb: Tcb, segment: Segment, host: Host) -> None:
    """Too many wait for their acknowledgement, and cookies are not sent: the SYN is dropped without a word."""
    tcb.drops += 1


@REQUEST.rule(
    on=E.SYN, stays=(R.NONE,), when=lambda tcb, seg, host: queue_full(tcb),
    cite="listen(2): with more than `backlog` connections waiting; tcp_conn_request, sk_acceptq_is_full",
)  # fmt: skip
def syn_meets_full_queue(tcb: Tcb, segment: Segment, host: Host) -> None:
    """The accept queue is full: the SYN is dropped without a word, and its sender tries again later."""
    tcb.drops += 1


@REQUEST.rule(
    on=E.SYN, stays=(R.NONE,), when=lambda tcb, seg, host: not host.reaches(seg.src[0]),
    cite="tcp_conn_request, tcp_v4_route_req", unconfirmed="on loopback there is a route to everybody",
)  # fmt: skip
def syn_comes_from_where_no_route_leads(tcb: Tcb, segment: Segment, host: Host) -> None:
    """No answer would get there: the SYN is dropped without a word."""
    tcb.drops += 1


def _crowded(listener: Tcb, segment: Segment, host: Host) -> bool:
    most = host.profile.max_syn_backlog
    return not host.profile.syn_cookies and not host.next_iss and most - len(listener.syn_queue) < most >> 2


@REQUEST.rule(
    on=E.SYN, stays=(R.NONE,), when=_crowded, cite="tcp_max_syn_backlog in tcp(7); tcp_conn_request",
    unconfirmed=_UNPINNED,
)  # fmt: skip
def syn_meets_crowded_syn_queue(tcb: Tcb, segment: Segment, host: Host) -> None:
    """Without cookies the last quarter of the SYN queue is for peers known from before: the SYN of another is dropped."""  # noqa: E501
    tcb.drops += 1


def _wants_cookie(listener: Tcb, segment: Segment, host: Host) -> bool:
    return not host.next_iss and (host.profile.syn_cookies == 2 or _syn_queue_full(listener, host))


@REQUEST.rule(
    on=E.SYN, stays=(R.NONE,), when=_wants_cookie,
    cite="RFC 4987 §3.6; tcp_syncookies in tcp(7); cookie_init_sequence", unconfirmed=_UNSEEN,
)  # fmt: skip
def syn_is_answered_with_cookie(tcb: Tcb, segment: Segment, host: Host) -> None:
    """Too many wait for their acknowledgement: the SYN is answered with a cookie, and forgotten."""
    tcb.flooded_at_ns = host.now_ns
    syn = cookies.kept(segment)
    child = host.new_child(tcb, syn)
    child.write_seq = cookies.bake(segment, host)
    TCP.fire(host.trail, TcpEvent.SEGMENT_SYN, child, syn, host)
    cookies.mark_options(child, host)
    send_syn(child, host, ack=True)
    host.remove(child)


@REQUEST.rule(on=E.SYN, stays=(R.NONE,), cite="RFC 9293 §3.10.7.2, third: check for a SYN; tcp_conn_request")
def syn_makes_request(tcb: Tcb, segment: Segment, host: Host) -> None:
    """A connection attempt arrives: a request is made of it. The listener goes on listening."""
    child = host.new_child(tcb, segment)
    TCP.fire(host.trail, TcpEvent.SEGMENT_SYN, child, segment, host)
    REQUEST.fire(host.trail, E.QUEUED, child, segment, host)


@REQUEST.rule(on=E.QUEUED, moves={R.NONE: R.HALF_OPEN}, cite="tcp_conn_request, inet_csk_reqsk_queue_hash_add")
def request_waits_for_ack(tcb: Tcb, segment: Segment, host: Host) -> None:
    """The request joins the SYN queue: SYN-ACK goes out, and a timer waits for the acknowledgement."""
    assert tcb.listener is not None
    host.tcb(tcb.listener).syn_queue.append(tcb.number)
    _wait(tcb, host)
    send_syn(tcb, host, ack=True)


# ---------------------------------------------------------------- a cookie comes back


@REQUEST.rule(
    on=E.COOKIE, stays=(R.NONE,), when=lambda tcb, seg, host: queue_full(tcb),
    cite="tcp_get_cookie_sock, sk_acceptq_is_full", unconfirmed=_UNSEEN,
)  # fmt: skip
def cookie_meets_full_queue(tcb: Tcb, segment: Segment, host: Host) -> None:
    """The accept queue is full: the acknowledgement is dropped. Nobody will send the SYN-ACK again."""
    tcb.drops += 1


@REQUEST.rule(on=E.COOKIE, stays=(R.NONE,), cite="RFC 4987 §3.6; cookie_v4_check", unconfirmed=_UNSEEN)
def cookie_makes_connection(tcb: Tcb, segment: Segment, host: Host) -> None:
    """It acknowledges a cookie of ours: what the SYN said is made up from that, and becomes a connection."""
    syn = cookies.recognized(tcb, segment, host)
    assert syn is not None
    child = host.new_child(tcb, syn)
    child.write_seq = segment.ack - 1
    TCP.fire(host.trail, TcpEvent.SEGMENT_SYN, child, syn, host)
    child.window_clamp = tcb.window_clamp
    initial_window(child, child.peer_mss, host.profile)
    note_scale(child, syn)
    child.retransmits = 1
    REQUEST.fire(host.trail, E.BORN, child, segment, host)


@REQUEST.rule(on=E.BORN, moves={R.NONE: R.WAITING}, cite="tcp_get_cookie_sock", unconfirmed=_UNSEEN)
def connection_comes_of_cookie(tcb: Tcb, segment: Segment, host: Host) -> None:
    """The connection waits to be accepted, like any other."""
    assert tcb.listener is not None
    _join_accept_queue(tcb, host.tcb(tcb.listener), segment, host)


# ---------------------------------------------------------------- a segment for a request (tcp_check_req, in its order)


def _old(tcb: Tcb, segment: Segment, host: Host) -> bool:
    return timestamps.is_behind(tcb, segment, host, 0)


def _same_syn(tcb: Tcb, segment: Segment, host: Host) -> bool:
    return (
        segment.seq == tcb.irs
        and segment.flags & (_SYN | _ACK | _RST) == _SYN
        and not _old(tcb, segment, host)
    )  # fmt: skip


def _answered_lately(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """Whether one like it was answered a moment ago; what carries something is always answered
    (`tcp_oow_rate_limited`).
    """
    return _may_be_an_answer(segment) and _lately(tcb, host)


def _may_be_an_answer(segment: Segment) -> bool:
    return segment.seq == segment.end or bool(segment.flags & _SYN)


def _lately(tcb: Tcb, host: Host) -> bool:
    return host.tick_ns - tcb.last_challenge_ns < host.profile.challenge_ns


def _window(tcb: Tcb) -> int:
    return min(tcb.rcv_wnd, 65_535)


def _echoes_no_syn_ack(tcb: Tcb, segment: Segment) -> bool:
    """Whether it echoes a time that is none of our SYN-ACKs', nor lies between two of them (`tcp_check_req`)."""
    if not (tcb.timestamps and segment.timestamps and segment.timestamps[1] and tcb.unacked):
        return False
    first, last = (timestamps.clock(tcb, at_ns) for at_ns in (tcb.opened_ns, tcb.unacked[0].sent_ns))
    echo = segment.timestamps[1]
    return timestamps.difference(echo, first) < 0 or timestamps.difference(echo, last) > 0


def _outside(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """Whether it is old, echoes what was not sent, or carries nothing that the window takes (`tcp_in_window`)."""
    first, last = tcb.rcv_nxt, tcb.rcv_nxt + _window(tcb)
    inside = segment.seq == first or (segment.end > first and segment.seq < last)
    if _old(tcb, segment, host) or _echoes_no_syn_ack(tcb, segment):
        return True
    return not (inside or segment.seq == segment.end == last)


def _drop(request: Tcb, host: Host) -> None:
    """A request counts nothing; its listener does."""
    assert request.listener is not None
    host.tcb(request.listener).drops += 1


def _acknowledge(request: Tcb, host: Host) -> None:
    """Say what is expected (`tcp_v4_reqsk_send_ack`)."""
    window = _window(request) >> request.rcv_scale << request.rcv_scale
    host.transmit(bare(request, host, request.snd_nxt, _ACK, window))


@REQUEST.rule(
    on=E.SEGMENT, stays=IN_SYN_QUEUE,
    when=lambda tcb, seg, host: _same_syn(tcb, seg, host) and _answered_lately(tcb, seg, host),
    cite="tcp_invalid_ratelimit in tcp(7); tcp_check_req", unconfirmed=_UNSEEN,
)  # fmt: skip
def syn_comes_again_too_soon(tcb: Tcb, segment: Segment, host: Host) -> None:
    """The SYN comes a third time within half a second: it was answered again a moment ago, and is dropped."""
    _drop(tcb, host)


@REQUEST.rule(
    on=E.SEGMENT, stays=IN_SYN_QUEUE, when=_same_syn, cite="RFC 9293 §3.10.7.4, first; tcp_check_req",
    unconfirmed=_UNSEEN,
)  # fmt: skip
def syn_comes_again(tcb: Tcb, segment: Segment, host: Host) -> None:
    """Our SYN-ACK was lost: the peer sends its SYN again, and gets it again. The wait begins anew."""
    _drop(tcb, host)
    tcb.last_challenge_ns = host.tick_ns
    tcb.retransmits += 1
    _wait(tcb, host)
    send_syn(tcb, host, ack=True)


@REQUEST.rule(
    on=E.SEGMENT, stays=IN_SYN_QUEUE,
    when=lambda tcb, seg, host: seg.flags & (_ACK | _RST) == _ACK and seg.ack != tcb.snd_nxt,
    cite="RFC 9293 §3.10.7.4, fifth: check the ACK field, SYN-RECEIVED; tcp_check_req", unconfirmed=_UNSEEN,
)  # fmt: skip
def request_gets_another_ack(tcb: Tcb, segment: Segment, host: Host) -> None:
    """It acknowledges something that was never sent: the listener answers it with a reset, and the request waits on."""
    assert tcb.listener is not None
    arrive(host.tcb(tcb.listener), segment, host)


@REQUEST.rule(
    on=E.SEGMENT, stays=IN_SYN_QUEUE,
    when=lambda tcb, seg, host: _outside(tcb, seg, host)
    and (bool(seg.flags & _RST) or _answered_lately(tcb, seg, host)),
    cite="RFC 9293 §3.10.7.4, first; tcp_invalid_ratelimit in tcp(7)", unconfirmed=_UNSEEN,
)  # fmt: skip
def request_ignores_segment_outside(tcb: Tcb, segment: Segment, host: Host) -> None:
    """It lies outside the window and is a reset, or another was answered a moment ago: it is dropped without a word."""
    _drop(tcb, host)


@REQUEST.rule(
    on=E.SEGMENT, stays=IN_SYN_QUEUE, when=_outside, cite="RFC 9293 §3.10.7.4, first: check sequence number",
    unconfirmed=_UNSEEN,
)  # fmt: skip
def request_answers_segment_outside(tcb: Tcb, segment: Segment, host: Host) -> None:
    """It lies outside the window, is old, or echoes what was not sent: an acknowledgement says what is expected."""
    _drop(tcb, host)
    if _may_be_an_answer(segment):
        tcb.last_challenge_ns = host.tick_ns
    _acknowledge(tcb, host)


@REQUEST.rule(
    on=E.SEGMENT, stays=IN_SYN_QUEUE,
    when=lambda tcb, seg, host: bool(seg.flags & _RST) and seg.seq != tcb.rcv_nxt,
    cite="RFC 5961 §3.2; RFC 9293 §3.10.7.4, second", unconfirmed=_UNSEEN,
)  # fmt: skip
def reset_of_request_is_challenged(tcb: Tcb, segment: Segment, host: Host) -> None:
    """A reset in the window that is not what is expected next may be forged: a true peer will repeat it."""
    _drop(tcb, host)
    if not _lately(tcb, host):
        tcb.last_challenge_ns = host.tick_ns
        _acknowledge(tcb, host)


@REQUEST.rule(
    on=E.SEGMENT, moves=dict.fromkeys(IN_SYN_QUEUE, R.NONE), when=lambda tcb, seg, host: bool(seg.flags & _RST),
    cite="RFC 9293 §3.10.7.4, second: check the RST bit, SYN-RECEIVED", unconfirmed=_UNSEEN,
)  # fmt: skip
def reset_ends_request(tcb: Tcb, segment: Segment, host: Host) -> None:
    """The peer took its SYN back: the request is forgotten, and no program hears of it."""
    _drop(tcb, host)
    _forget(tcb, host)


@REQUEST.rule(
    on=E.SEGMENT, moves=dict.fromkeys(IN_SYN_QUEUE, R.NONE),
    when=lambda tcb, seg, host: bool(seg.flags & _SYN) and seg.seq != tcb.irs,
    cite="RFC 9293 §3.10.7.4, fourth: check the SYN bit, SYN-RECEIVED; tcp_check_req", unconfirmed=_UNSEEN,
)  # fmt: skip
def another_syn_ends_request(tcb: Tcb, segment: Segment, host: Host) -> None:
    """A SYN with another number, within the window: it is reset, and the request forgotten."""
    _drop(tcb, host)
    reset_in_answer(segment, host)
    _forget(tcb, host)


@REQUEST.rule(
    on=E.SEGMENT, stays=IN_SYN_QUEUE, when=lambda tcb, seg, host: not seg.flags & _ACK,
    cite="RFC 9293 §3.10.7.4, fifth: if the ACK bit is off", unconfirmed=_UNSEEN,
)  # fmt: skip
def request_needs_ack(tcb: Tcb, segment: Segment, host: Host) -> None:
    """It acknowledges nothing: it is dropped without a word, whatever it carries."""
    _drop(tcb, host)


def _deferred(tcb: Tcb, segment: Segment, host: Host) -> bool:
    assert tcb.listener is not None
    return tcb.timeouts < host.tcb(tcb.listener).defer_retries and segment.end == tcb.irs + 1


@REQUEST.rule(
    on=E.SEGMENT, moves=dict.fromkeys(IN_SYN_QUEUE, R.ACKNOWLEDGED), when=_deferred,
    cite="TCP_DEFER_ACCEPT in tcp(7); tcp_check_req", unconfirmed="the cross-check does not set TCP_DEFER_ACCEPT",
)  # fmt: skip
def ack_without_data_is_deferred(tcb: Tcb, segment: Segment, host: Host) -> None:
    """The listener waits for data: an acknowledgement alone is dropped, and no program hears of the connection yet."""
    _drop(tcb, host)


def _overflows(tcb: Tcb, segment: Segment, host: Host) -> bool:
    assert tcb.listener is not None
    return queue_full(host.tcb(tcb.listener))


@REQUEST.rule(
    on=E.SEGMENT, moves=dict.fromkeys(IN_SYN_QUEUE, R.NONE),
    when=lambda tcb, seg, host: host.profile.abort_on_overflow and _overflows(tcb, seg, host),
    cite="tcp_abort_on_overflow in tcp(7); tcp_check_req", unconfirmed=_UNPINNED,
)  # fmt: skip
def ack_meets_full_queue_and_is_reset(tcb: Tcb, segment: Segment, host: Host) -> None:
    """The accept queue is full, and the system is set to say so: the connection is reset and forgotten."""
    _drop(tcb, host)
    _drop(tcb, host)
    reset_in_answer(segment, host)
    _forget(tcb, host)


@REQUEST.rule(
    on=E.SEGMENT, moves=dict.fromkeys(IN_SYN_QUEUE, R.ACKNOWLEDGED), when=_overflows,
    cite="listen(2); tcp_check_req, listen_overflow", unconfirmed=_UNSEEN,
)  # fmt: skip
def ack_meets_full_queue(tcb: Tcb, segment: Segment, host: Host) -> None:
    """The accept queue is full: the acknowledgement and its data are dropped, and the request waits on.
    The client knows nothing of this, and takes the connection for established."""
    _drop(tcb, host)
    _drop(tcb, host)


@REQUEST.rule(
    on=E.SEGMENT, moves=dict.fromkeys(IN_SYN_QUEUE, R.WAITING),
    cite="RFC 9293 §3.10.7.4, fifth; tcp_check_req, inet_csk_complete_hashdance",
)  # fmt: skip
def ack_makes_connection(tcb: Tcb, segment: Segment, host: Host) -> None:
    """SYN-ACK is acknowledged: the request becomes a connection with the listener's options, and waits for accept.
    The options are those of this moment, not those of the SYN."""
    assert tcb.listener is not None
    listener = host.tcb(tcb.listener)
    listener.syn_queue.remove(tcb.number)
    _join_accept_queue(tcb, listener, segment, host)


def _join_accept_queue(child: Tcb, listener: Tcb, segment: Segment, host: Host) -> None:
    host.inherit(child, listener)
    syn_is_acknowledged(child, host)
    child.snd_una = child.snd_nxt
    child.snd_wnd = child.max_window = segment.window
    child.last_received_ns = host.tick_ns
    child.last_challenge_ns = -(1 << 60)
    listener.accept_queue.append(child.number)
    arrive(child, segment, host)
    if child.state is TcpState.CLOSED:
        listener.drops += segment.merged  # what was answered with a reset counts there (`tcp_v4_rcv`)
    if child.state is not TcpState.SYN_RECEIVED:
        host.wake(listener, WAKES_READERS)


# ---------------------------------------------------------------- the request's own timer


def _retries(listener: Tcb, host: Host) -> int:
    """Retransmissions of SYN-ACK: fewer while old requests fill more than half of the queue (`reqsk_timer_handler`)."""
    retries = listener.syn_retries or host.profile.synack_retries
    length = len(listener.syn_queue)
    if 2 * length > max(8, listener.backlog_limit):
        young = 2 * sum(not host.tcb(number).timeouts for number in listener.syn_queue)
        while retries > 2 and length >= young:
            retries -= 1
            young *= 2
    return retries


def _expires(tcb: Tcb, host: Host) -> bool:
    assert tcb.listener is not None
    listener = host.tcb(tcb.listener)
    if tcb.timeouts < _retries(listener, host):
        return False
    return tcb.request is not R.ACKNOWLEDGED or tcb.timeouts >= listener.defer_retries


@REQUEST.rule(
    on=E.TIMEOUT, moves=dict.fromkeys(IN_SYN_QUEUE, R.NONE), when=_expires, cite="tcp_synack_retries in tcp(7)",
    unconfirmed="it takes a minute of real time",
)  # fmt: skip
def request_times_out(tcb: Tcb, host: Host) -> None:
    """Every SYN-ACK stayed unanswered, or there was never room: the request is forgotten, and nobody is told."""
    _forget(tcb, host)


def _data_may_come(tcb: Tcb, host: Host) -> bool:
    assert tcb.listener is not None
    return tcb.timeouts < host.tcb(tcb.listener).defer_retries - 1


@REQUEST.rule(
    on=E.TIMEOUT, stays=(R.ACKNOWLEDGED,), when=_data_may_come, cite="TCP_DEFER_ACCEPT in tcp(7); syn_ack_recalc",
    unconfirmed="the cross-check does not set TCP_DEFER_ACCEPT",
)  # fmt: skip
def request_waits_for_data(tcb: Tcb, host: Host) -> None:
    """The peer has answered and data may yet come: nothing is sent, and the next wait is twice as long."""
    tcb.timeouts += 1
    _wait(tcb, host)


@REQUEST.rule(
    on=E.TIMEOUT, stays=IN_SYN_QUEUE, cite="RFC 6298 §5.5; reqsk_timer_handler",
    unconfirmed="on loopback no SYN-ACK is lost",
)  # fmt: skip
def syn_ack_is_sent_again(tcb: Tcb, host: Host) -> None:
    """Nobody answered the SYN-ACK, or its acknowledgement found no room: it is sent again."""
    tcb.timeouts += 1
    tcb.retransmits += 1
    send_syn(tcb, host, ack=True)
    _wait(tcb, host)


# ---------------------------------------------------------------- the end of waiting


@REQUEST.rule(on=E.ACCEPTED, moves={R.WAITING: R.ACCEPTED}, cite="accept(2); inet_csk_accept, reqsk_queue_remove")
def program_accepts_connection(tcb: Tcb, host: Host) -> None:
    """A program accepts the connection: there is room in the accept queue again."""
    tcb.listener = None


@REQUEST.rule(on=E.LISTENER_GONE, moves={R.WAITING: R.NONE}, cite="inet_csk_listen_stop")
def listener_leaves_connection(tcb: Tcb, host: Host) -> None:
    """The listener goes: the connection that waited is reset."""
    tcb.listener = None


@REQUEST.rule(
    on=E.LISTENER_GONE, moves=dict.fromkeys(IN_SYN_QUEUE, R.NONE), cite="tcp_v4_rcv; reqsk_timer_handler",
    unconfirmed=_UNSEEN,
)  # fmt: skip
def request_finds_no_listener(tcb: Tcb, host: Host) -> None:
    """Its listener listens no more: the request is forgotten, and nobody is told. The segment looks for another."""
    _forget(tcb, host)
