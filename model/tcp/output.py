"""Output: what is sent, and when.

Bytes wait in `unsent` until all of these let the first buffer go: the congestion window, the peer's window (a buffer
goes whole or not at all: sender-side silly-window avoidance), and Nagle's algorithm in Minshall's variant: a buffer
smaller than a segment waits while an earlier small one is unacknowledged (RFC 896; RFC 9293 §3.7.4). A cork is
stricter: what is smaller than a segment waits for more, whatever is acknowledged (tcp(7), TCP_CORK; send(2), MSG_MORE).
While urgent data are unacknowledged neither holds anything back, and no run is longer than a segment.

Every segment carries an acknowledgement and the window of this moment, so sending anything settles a delayed
acknowledgement.

One timer does for retransmission, tail probes, reordering and closed windows: only one of them can be waited for.

Not here: pacing, what is sent again (resending.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from ..values.constants import Ecn, TcpFlag, TcpState
from ..values.segments import Run, Segment
from . import congestion, ecn, memory, reserve
from .block import OutBuffer, Pending, Recovery, Tcb, Timer
from .machine import TCP, TcpEvent
from .timestamps import clock, stamps
from .windows import DEFAULT_MSS, advertise_window, bound_mss, use_room, user_bound

if TYPE_CHECKING:
    from ..world.host import Host

_FIN, _SYN, _RST, _PSH, _ACK = (int(f) for f in (TcpFlag.FIN, TcpFlag.SYN, TcpFlag.RST, TcpFlag.PSH, TcpFlag.ACK))
_URG, FARTHEST = int(TcpFlag.URG), 0xFFFF

LEAST_NS = 1000
"""The least time that the kernel tells from none."""
OPTIONS_MAX = 40
"""Bytes of options that a header holds (RFC 9293 §3.1)."""


def current_mss(tcb: Tcb) -> int:
    """Payload of a full segment that is sent now: SACK blocks take their room of it (`tcp_current_mss`)."""
    blocks = min(len(tcb.sack_blocks) + (tcb.duplicate is not None), _most_blocks(tcb)) if tcb.sack_permitted else 0
    return tcb.mss - (4 + 8 * blocks if blocks else 0)


def size_goal(tcb: Tcb, host: Host) -> int:
    """Bytes that a buffer should hold before the next is begun: whole segments, as many as a run may have, but not more
    than half of the largest window seen (`tcp_xmit_size_goal`).
    """
    half = tcb.max_window >> 1 if tcb.max_window > DEFAULT_MSS else tcb.max_window
    mss = current_mss(tcb)
    return max(min(host.profile.run_max, half or host.profile.run_max) // mss, 1) * mss


def _most_blocks(tcb: Tcb) -> int:
    return (OPTIONS_MAX - tcb.option_bytes - 4) // 8


def _sack(tcb: Tcb) -> tuple[Run, ...]:
    """The blocks that the next segment carries; a duplicate is told once (RFC 2018 §4; RFC 2883 §4)."""
    if not tcb.sack_permitted or not (tcb.sack_blocks or tcb.duplicate):
        return ()
    blocks = (*((tcb.duplicate,) if tcb.duplicate else ()), *tcb.sack_blocks)[: _most_blocks(tcb)]
    tcb.duplicate = None
    return blocks


def push_pending(
    tcb: Tcb, host: Host, *, nagle: bool = True, more: bool = False, only_one: bool = False, probe: bool = False
) -> None:
    """Send what may be sent now (`tcp_write_xmit`).

    `nagle=False` switches Nagle's algorithm and a cork off for this call, `more` is a cork for this call that nothing
    switches off; `only_one` stops after one buffer; a `probe` does too, and may go beyond the congestion window. What
    is too large for the path as it is known now does not go.
    """
    now_ns = _look_at_clock(tcb, host)
    corked = nagle and (more or tcb.corked)
    held = corked and (more or not tcb.nagle_waived)
    nagle = nagle and not (corked or tcb.nodelay or tcb.nagle_waived)
    fits = not host.path_mtus.known or _fits_path(tcb, host)
    mss = current_mss(tcb)
    sent, waits = 0, False
    longest = congestion.run_length(tcb, mss, host.profile.run_max, 2)
    while tcb.unsent and fits:
        quota = min(tcb.cwnd - tcb.pipe, max(tcb.cwnd >> 1, 1))
        if quota <= 0:
            if not probe:
                break
            quota = 1
        buffer = tcb.unsent[0]
        quota = min(quota, longest)
        if host.profile.buffers_fill_up:
            _fill_up(tcb, buffer, quota * mss, host)
        length = len(buffer.data)
        first_end = buffer.seq + min(length, mss) + (buffer.fin and length <= mss)
        if first_end > tcb.snd_una + tcb.snd_wnd:
            break
        segments = -(-length // mss) or 1
        last = len(tcb.unsent) == 1
        if segments == 1:
            small = last and not buffer.fin and length < mss and not tcb.sends_urgent
            if small and (held or (nagle and small_unacknowledged(tcb))):
                break
        else:
            if not (only_one or probe) and congestion.run_should_wait(tcb, buffer, longest, last, now_ns, host):
                waits = True
                break
            whole = corked or (nagle and small_unacknowledged(tcb))
            limit = mss if tcb.sends_urgent else _split_point(tcb, buffer, mss, quota, last, whole)
            if length > limit:
                tcb.unsent.insert(1, memory.split(tcb, buffer, limit, host))
                length = limit
                segments = -(-length // mss) or 1
        buffer.segments, buffer.cut = segments, mss
        send_buffer(tcb, host, now_ns)
        if length < segments * mss:
            tcb.small_seq = buffer.end
        sent += segments
        if only_one or probe:
            break
    limited = tcb.pipe >= tcb.cwnd or (waits and congestion.window_is_shorter(tcb, tcb.unsent[0]))
    if sent or limited:
        congestion.note_use(tcb, limited, host)
    if sent:
        if congestion.reduces(tcb):
            tcb.prr_out += sent
        if not probe:
            _schedule_tail_probe(tcb, host, from_now=False)
    elif tcb.unsent and not tcb.unacked and tcb.timers[Timer.RETRANSMIT] is None and tcb.state is not TcpState.CLOSED:
        start_timer(tcb, Pending.WINDOW_PROBE, first_probe_ns(tcb, host), host)


def _fits_path(tcb: Tcb, host: Host) -> bool:
    """Whether segments have the size that the path to the peer takes now. If it takes more again, they grow; if
    another socket has learnt that it takes less, that is news to this one (`tcp_current_mss`, `ip_fragment`).
    """
    if not tcb.unsent:
        return True
    carries = host.path_mss(tcb.remote[0])
    if carries > tcb.path_mss:
        tcb.path_mss = carries
        bound_mss(tcb)
    if carries >= tcb.path_mss:
        return True
    TCP.offer(host.trail, TcpEvent.PATH_IS_NARROWER, tcb, host)
    return False


# ---------------------------------------------------------------- the retransmission timer


def start_timer(tcb: Tcb, pending: Pending, delay_ns: int, host: Host) -> None:
    """Set the timer that retransmission, probes and reordering share."""
    tcb.pending = pending
    host.set_timer(tcb, Timer.RETRANSMIT, delay_ns)


def set_retransmission(tcb: Tcb, host: Host) -> None:
    """Something was acknowledged: the timer begins anew, for a tail probe if one may be sent (RFC 6298 §5.3; RFC 8985
    §7.2; `tcp_set_xmit_timer`).
    """
    if not _schedule_tail_probe(tcb, host, from_now=True):
        rearm_retransmission(tcb, host)


def rearm_retransmission(tcb: Tcb, host: Host, *, fired: bool = False) -> None:
    """The timer runs for a time-out, which counts from when the first was sent if it ran for something else meanwhile,
    or has `fired` for something else just now (`tcp_rearm_rto`).
    """
    if not tcb.unacked:
        host.stop_timer(tcb, Timer.RETRANSMIT)
        return
    wait_ns = tcb.rto_ns
    runs = fired or tcb.timers[Timer.RETRANSMIT] is not None
    if tcb.pending in (Pending.REORDERING, Pending.TAIL_PROBE) and runs:
        wait_ns = max(tcb.unacked[0].sent_ns + tcb.rto_ns - host.now_ns, 1)
    start_timer(tcb, Pending.RETRANSMIT, wait_ns, host)


def _schedule_tail_probe(tcb: Tcb, host: Host, *, from_now: bool) -> bool:
    """Two round trips after the last segment a probe finds out whether it was lost, unless the time-out comes first.
    Whether one may be sent (`tcp_schedule_loss_probe`).
    """
    if not tcb.unacked or not tcb.sack_permitted or tcb.recovery not in (Recovery.OPEN, Recovery.CWR):
        return False
    slack_ns = host.profile.rto_min_ns if tcb.in_flight == 1 else host.profile.tail_probe_min_ns
    wait_ns = 2 * tcb.srtt_ns + slack_ns if tcb.srtt_us8 else host.profile.rto_initial_ns
    left_ns = tcb.rto_ns if from_now else tcb.unacked[0].sent_ns + tcb.rto_ns - host.now_ns
    if left_ns > 0:
        wait_ns = min(wait_ns, left_ns)
    start_timer(tcb, Pending.TAIL_PROBE, wait_ns, host)
    return True


def _fill_up(tcb: Tcb, buffer: OutBuffer, size: int, host: Host) -> None:
    """Move bytes of the next buffer into the first while it is short of `size` (`tcp_grow_skb`)."""
    missing = size - len(buffer.data)
    if missing <= 0 or len(tcb.unsent) < 2 or buffer.fin:
        return
    following = tcb.unsent[1]
    count = min(missing, len(following.data))
    moved, left = memory.cut(following.pages, count)
    pages = memory.joined(buffer.pages, moved, host)
    if not count or len(pages) > host.profile.fragments_max:
        return
    buffer.pages, following.pages = pages, left
    buffer.data += following.data[:count]
    del following.data[:count]
    following.seq += count
    buffer.truesize += count
    following.truesize -= count
    buffer.push = buffer.push or following.push
    if not following.data:
        buffer.fin = following.fin
        reserve.free_sending(tcb, following.truesize, host.profile)
        del tcb.unsent[1]


def small_unacknowledged(tcb: Tcb) -> bool:
    """Whether a segment smaller than the MSS is on its way (`tcp_minshall_check`)."""
    return tcb.in_flight > 0 and tcb.snd_una < tcb.small_seq <= tcb.snd_nxt


def _split_point(tcb: Tcb, buffer: OutBuffer, mss: int, quota: int, last: bool, whole: bool) -> int:
    """How many bytes of a buffer go now; only `whole` segments if a small one has to wait (`tcp_mss_split_point`)."""
    window = tcb.snd_una + tcb.snd_wnd - buffer.seq
    most = mss * quota
    if most <= window and not last:
        return most
    needed = min(len(buffer.data), window)
    if most <= needed:
        return most
    return needed - needed % mss if whole else needed


def send_buffer(tcb: Tcb, host: Host, now_ns: int) -> None:
    """Put the first unsent buffer on the wire; it stays in `unacked` until it is acknowledged. `now_ns` is when its
    sender looked at the clock.
    """
    buffer = tcb.unsent.popleft()
    begins = not tcb.unacked
    if begins:
        tcb.control.starts_sending(tcb, host)
    tcb.unacked.append(buffer)
    host.held.add(buffer.number)
    tcb.in_flight += buffer.segments
    note_sent(tcb, buffer, now_ns)
    tcb.snd_nxt = buffer.end
    _emit(tcb, host, buffer, new=True)
    if begins or tcb.pending is Pending.TAIL_PROBE:
        rearm_retransmission(tcb, host)
    use_room(tcb, host)


def note_sent(tcb: Tcb, buffer: OutBuffer, now_ns: int) -> None:
    """A buffer goes out: when, and in which order?"""
    tcb.transmissions += 1
    tcb.transmitted_ns = now_ns
    buffer.watched = True
    buffer.sent_ns, buffer.order = now_ns, tcb.transmissions
    buffer.clock_ns = max(now_ns, tcb.clock_ns)


def _look_at_clock(tcb: Tcb, host: Host) -> int:
    """What time it is. What is sent now was not sent at the same moment as what was sent before, for instance again,
    though in virtual time no time has passed; within one run over the queue it was (`tcp_mstamp_refresh`).
    """
    if tcb.unacked and host.now_ns <= tcb.transmitted_ns:
        tcb.clock_ns = max(host.now_ns, tcb.clock_ns) + LEAST_NS
    return host.now_ns


def resend(tcb: Tcb, buffer: OutBuffer, host: Host) -> None:
    """Put a buffer that was sent before on the wire again."""
    if buffer.syn:
        send_syn(tcb, host, ack=tcb.state is not TcpState.SYN_SENT)
    else:
        _emit(tcb, host, buffer, new=False)


def _emit(tcb: Tcb, host: Host, buffer: OutBuffer, *, new: bool) -> None:
    """One buffer as one packet, or, if it is too long for loopback, as one packet a segment (`gso_features_check`). A
    run is always pushed.
    """
    flags = _ACK | (_PSH if buffer.push or buffer.segments > 1 else 0) | (_FIN if buffer.fin else 0)
    pointer = _urgent_pointer(tcb, buffer.seq, buffer.seq if new else tcb.snd_nxt) if tcb.sends_urgent else 0
    flags |= ecn.echo(tcb) | (_URG if pointer else 0)
    told, mark = ecn.mark(tcb) if new and buffer.data else (0, Ecn.NOT_ECT)
    mss = buffer.cut or current_mss(tcb)
    sack = _sack(tcb)
    window = advertise_window(tcb, host)
    _settle_ack(tcb, host)
    if buffer.data:
        if host.tick_ns - tcb.last_received_ns < tcb.ato_ns:
            tcb.pingpong = min(tcb.pingpong + 1, 255)
        tcb.last_sent_ns = host.tick_ns
    data = bytes(buffer.data)
    if tcb.packet_max:
        truesize, pages, number = buffer.truesize, tuple(buffer.pages), buffer.number
    else:  # on a wire nobody shares the sender's memory
        truesize, pages, number = host.profile.buffer_overhead + len(data), (), 0
    whole = Segment(
        tcb.local, tcb.remote, buffer.seq, tcb.rcv_nxt, flags | told, window, data, sack=sack,
        timestamps=stamps(tcb, host), segment_size=mss if buffer.segments > 1 else 0, truesize=truesize, pages=pages,
        buffer=number, ecn=mark, merged=buffer.segments if tcb.packet_max else 1, urgent=pointer,
    )  # fmt: skip
    if buffer.segments == 1 or len(data) < tcb.packet_max:
        host.transmit(whole)
        return
    rest = [*pages]
    for at in range(0, len(data), mss):
        here, rest = memory.cut(rest, mss)
        part = data[at : at + mss]
        bits = flags if at + mss >= len(data) else flags & ~(_PSH | _FIN)
        host.transmit(
            attrs.evolve(
                whole, seq=buffer.seq + at, flags=bits if at else bits | told, data=part, segment_size=0,
                truesize=host.profile.buffer_overhead + len(part), pages=tuple(here), buffer=0, merged=1,
            )
        )  # fmt: skip


def _urgent_pointer(tcb: Tcb, seq: int, sent_to: int) -> int:
    """How far behind `seq` the urgent data end; 0 if there are none there. If that is farther than 16 bits can say, a
    segment at the end of what was sent, which is at `sent_to`, says the farthest, and an older one nothing
    (`__tcp_transmit_skb`).
    """
    ahead = tcb.snd_up - seq
    if ahead <= FARTHEST:
        return max(ahead, 0)
    return FARTHEST if seq + FARTHEST > sent_to else 0


def _settle_ack(tcb: Tcb, host: Host) -> None:
    """What sending an acknowledgement does to the delayed ones (`tcp_event_ack_sent`)."""
    if tcb.quick:
        sent = 1 if tcb.ack_scheduled else 0
        if sent >= tcb.quick:
            tcb.quick = 0
            tcb.ato_ns = host.profile.delayed_ack_min_ns
        else:
            tcb.quick -= sent
    tcb.ack_scheduled = tcb.ack_pushed = tcb.ack_pushed_twice = tcb.ack_now = tcb.no_room = False
    tcb.timers[Timer.DELAYED_ACK] = tcb.timers[Timer.COMPRESSED_ACK] = None
    tcb.compressed = 0


def _acceptable_seq(tcb: Tcb) -> int:
    """The number of a segment without data that the peer will find in its window (`tcp_acceptable_seq`)."""
    end = tcb.snd_una + tcb.snd_wnd
    return tcb.snd_nxt if tcb.snd_nxt - end < 1 << tcb.rcv_scale else end


def bare(tcb: Tcb, host: Host, seq: int, flags: int, window: int, sack: tuple[Run, ...] = ()) -> Segment:
    """A segment without text."""
    tcb.transmitted_ns = host.now_ns
    stamped = stamps(tcb, host)
    pointer = _urgent_pointer(tcb, seq, tcb.snd_nxt) if tcb.sends_urgent else 0
    flags |= ecn.echo(tcb) | (_URG if pointer else 0)
    return Segment(
        tcb.local, tcb.remote, seq, tcb.rcv_nxt, flags, window, sack=sack, timestamps=stamped, urgent=pointer
    )


def send_ack(tcb: Tcb, host: Host, seq: int | None = None) -> None:
    """Send a bare acknowledgement with the window of this moment."""
    if tcb.state is TcpState.CLOSED:
        return
    if seq is None:
        seq = _acceptable_seq(tcb)
    window = advertise_window(tcb, host)
    _settle_ack(tcb, host)
    host.transmit(bare(tcb, host, seq, _ACK, window, _sack(tcb)))


def delay_ack(tcb: Tcb, host: Host) -> None:
    """Let the acknowledgement wait for data to ride on, at most `ato_ns` (`tcp_send_delayed_ack`)."""
    profile = host.profile
    tick_ns, ato = profile.jiffy_ns, tcb.ato_ns
    if ato > profile.delayed_ack_min_ns:
        longest = 500_000_000
        if tcb.pingpong >= profile.pingpong_threshold or tcb.ack_pushed:
            longest = profile.delayed_ack_max_ns
        if tcb.srtt_ns:
            longest = min(longest, max(-(-tcb.srtt_ns // tick_ns) * tick_ns, profile.delayed_ack_min_ns))
        ato = min(ato, longest)
    ato = min(ato, profile.delayed_ack_max_ns)
    due = tcb.timers[Timer.DELAYED_ACK]
    if due is not None and due - tick_ns <= host.tick_ns + ato // tick_ns // 4 * tick_ns:
        send_ack(tcb, host)
        return
    tcb.ack_scheduled = True
    if due is None or host.tick_ns + ato < due - tick_ns:
        host.set_timer(tcb, Timer.DELAYED_ACK, ato)


def send_syn(tcb: Tcb, host: Host, *, ack: bool = False) -> None:
    """Send SYN, or SYN-ACK. Its window is not scaled (RFC 7323 §2.2). A request answers with the options that it was
    asked for; whoever opens actively offers the same ones in each.
    """
    if tcb.unacked:
        tcb.unacked[0].sent_ns = host.now_ns
    offers = not tcb.is_request and tcb.listener is None
    stamped = stamps(tcb, host)
    if offers and host.profile.timestamps and stamped is None:
        stamped = clock(tcb, host.now_ns), 0
    host.transmit(
        Segment(
            tcb.local,
            tcb.remote,
            tcb.iss,
            tcb.rcv_nxt if ack else 0,
            _SYN | (_ACK if ack else 0) | ecn.syn_flags(tcb, ack=ack),
            min(tcb.rcv_wnd, 65535),
            mss=user_bound(tcb, host.path_mss(tcb.remote[0])),
            scale=tcb.scale_offered if offers else tcb.rcv_scale if tcb.scales else None,
            sack_permitted=offers or tcb.sack_permitted,
            timestamps=stamped,
        )
    )


def send_fin(tcb: Tcb, host: Host) -> None:
    """Queue a FIN behind what waits, on the last unsent buffer if there is one, and push (`tcp_send_fin`)."""
    if tcb.unsent:
        buffer = tcb.unsent[-1]
    else:
        buffer = memory.begin_buffer(tcb, host)
    buffer.fin = True
    tcb.write_seq += 1
    push_pending(tcb, host, nagle=False)


def send_reset(tcb: Tcb, host: Host) -> None:
    """Tell the peer that this connection is gone (`tcp_send_active_reset`)."""
    host.transmit(bare(tcb, host, _acceptable_seq(tcb), _RST | _ACK, advertise_window(tcb, host), _sack(tcb)))


def reset_in_answer(segment: Segment, host: Host) -> None:
    """Answer a segment that belongs to no connection (RFC 9293 §3.10.7.1)."""
    if segment.flags & _RST:
        return
    if segment.flags & _ACK:
        host.transmit(Segment(segment.dst, segment.src, segment.ack, 0, _RST, 0))
    else:
        host.transmit(Segment(segment.dst, segment.src, 0, segment.end, _RST | _ACK, 0))


def answer_now(tcb: Tcb, host: Host) -> None:
    """Send the acknowledgement that is due; during a call of this very socket, at the end of that call."""
    if tcb.busy and host.profile.acks_wait_for_calls:
        tcb.ack_deferred = True
    else:
        send_ack(tcb, host)


def send_probe(tcb: Tcb, host: Host) -> None:
    """Send a segment from before the peer's window, which must be answered. If urgent data lie near one from the window
    goes first and tells of them (`tcp_write_wakeup`, `tcp_xmit_probe_skb`).
    """
    if 0 < tcb.snd_up - tcb.snd_una <= FARTHEST:
        send_ack(tcb, host, tcb.snd_una)
    window = advertise_window(tcb, host)
    _settle_ack(tcb, host)
    host.transmit(bare(tcb, host, tcb.snd_una - 1, _ACK, window, _sack(tcb)))


def first_probe_ns(tcb: Tcb, host: Host) -> int:
    """How long until a closed window is probed first: the retransmission time-out, however often that was doubled
    (`tcp_check_probe_timer`).
    """
    return max(tcb.rto_ns, host.profile.rto_min_ns)


def probe_interval_ns(tcb: Tcb, host: Host) -> int:
    """How long until it is probed again: doubled with each probe, and with each retransmission that nothing was
    measured after (`tcp_probe0_when`).
    """
    return min(first_probe_ns(tcb, host) << min(tcb.backoff, 9), host.profile.rto_max_ns)
