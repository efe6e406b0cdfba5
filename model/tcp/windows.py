"""Windows and acknowledgement policy: how much the peer may send, and when it is told so.

A receive buffer of N bytes is advertised as a smaller window, because memory is charged with overhead:
`window_ratio`/256 of it, a share that the receiver corrects from the segments it sees (payload against `truesize`).
The window is never taken back once advertised (RFC 9293 §3.8.6), it opens slowly (`rcv_ssthresh`) and it closes to
zero, instead of creeping, when less than a segment or a sixteenth is left: receiver-side silly-window avoidance (RFC
1122 §4.2.3.3).

Acknowledgements go at once while the connection is young (`quick`), when more than a segment is unacknowledged and
the window can follow, or when the reader empties the buffer. Otherwise they wait up to `ato_ns`, hoping to ride on
data that goes the other way: a connection that answers is *interactive* (`pingpong`), and then acknowledgements are
delayed. This is why, with Nagle's algorithm at the other end, bytes can be sent and not arrive for 40 ms.

Not here: receive buffers that tune themselves (tuning.py), memory pressure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..profiles import Profile
from ..values.constants import WAKES_WRITERS, TcpFlag
from ..values.segments import Segment
from .block import Tcb
from .machine import TCP, TcpEvent
from .roundtrip import note_window_trip

if TYPE_CHECKING:
    from ..world.host import Host


_PSH, _FIN, _URG = int(TcpFlag.PSH), int(TcpFlag.FIN), int(TcpFlag.URG)
MAX_HEADER = 256
"""Room that is kept for headers in the head of a buffer, in bytes (MAX_TCP_HEADER)."""
DEFAULT_MSS = 536
"""What a peer takes that does not say (RFC 9293 §3.7.1, MUST-15)."""
LEAST_MSS = 48
"""No segments are cut smaller than this for want of the peer's leave (net.ipv4.tcp_min_snd_mss)."""


def window_from_space(tcb: Tcb, space: int) -> int:
    """The window to advertise for `space` bytes of buffer memory (`tcp_win_from_space`)."""
    return space - (space * (256 - tcb.window_ratio) >> 8) if tcb.window_rounds_up else (space * tcb.window_ratio) >> 8


def space_from_window(tcb: Tcb, window: int) -> int:
    """The buffer memory that a window of so many bytes is advertised for (`tcp_space_from_win`)."""
    return (window << 8) // tcb.window_ratio


def full_space(tcb: Tcb) -> int:
    return window_from_space(tcb, tcb.rcvbuf)


def free_space(tcb: Tcb) -> int:
    return window_from_space(tcb, tcb.rcvbuf - tcb.rmem - tcb.backlog_bytes)


def initial_window(tcb: Tcb, mss: int, profile: Profile) -> None:
    """Choose the first window and the scale to offer for it (`tcp_select_initial_window`; RFC 7323 §2.3)."""
    space = full_space(tcb)
    if tcb.rcvbuf_locked and (tcb.window_clamp > space or not tcb.window_clamp):
        tcb.window_clamp = space
    clamp = tcb.window_clamp or 65535 << 14
    space = min(clamp, max(space, 0))
    if space > mss:
        space -= space % mss
    tcb.rcv_wnd = min(space, profile.first_window_max)
    widest = min(max(space, profile.tcp_rmem[2], profile.rmem_max), clamp)
    tcb.rcv_scale = min(max(widest.bit_length() - 16, 0), 14)
    tcb.window_clamp = min(65535 << tcb.rcv_scale, clamp)
    tcb.rcv_ssthresh = tcb.rcv_wnd


def note_scale(tcb: Tcb, segment: Segment) -> None:
    """Windows are scaled if both SYNs say so, or not at all (RFC 7323 §2.2)."""
    if segment.scale is not None:
        tcb.snd_scale = segment.scale
    else:
        tcb.snd_scale = tcb.rcv_scale = 0
        tcb.scales = False
        tcb.window_clamp = min(tcb.window_clamp, 65_535)


def settle_buffers(tcb: Tcb, host: Host) -> None:
    """Size the buffers when the connection is established (`tcp_init_buffer_space`)."""
    grow_send_buffer(tcb, host.profile)
    widest = full_space(tcb)
    tcb.window_clamp = min(widest, tcb.window_clamp)
    if tcb.window_clamp > 2 * tcb.advertised_mss and tcb.window_clamp + tcb.advertised_mss > widest:
        tcb.window_clamp = max(2 * tcb.advertised_mss, widest - tcb.advertised_mss)
    tcb.rcv_ssthresh = min(tcb.rcv_ssthresh, tcb.window_clamp)
    tcb.read_in_trip = min(tcb.rcv_ssthresh, tcb.rcv_wnd, host.profile.initial_cwnd * tcb.advertised_mss)
    tcb.measured_from, tcb.measured_at_ns = tcb.copied_seq, host.now_ns


def grow_send_buffer(tcb: Tcb, profile: Profile) -> None:
    """Let the send buffer hold two congestion windows, unless SO_SNDBUF was set (`tcp_sndbuf_expand`)."""
    if tcb.sndbuf_locked:
        return
    per_segment = max(tcb.peer_mss, tcb.mss) + MAX_HEADER + profile.buffer_trailer
    per_segment = (1 << (per_segment - 1).bit_length()) + profile.buffer_descriptor
    wanted = 2 * max(profile.initial_cwnd, tcb.cwnd, tcb.reordering + 1) * per_segment
    if tcb.sndbuf < wanted:
        tcb.sndbuf = min(wanted, profile.tcp_wmem[2])


def user_bound(tcb: Tcb, mss: int) -> int:
    """A segment's payload, bounded by what the program allows (TCP_MAXSEG; `tcp_mss_clamp`)."""
    return min(mss, tcb.user_mss) if tcb.user_mss else mss


def bound_mss(tcb: Tcb) -> None:
    """Segments are as large as the path carries and the peer takes, options included, but never larger than half the
    peer's largest window (`tcp_sync_mss`, `tcp_bound_to_half_wnd`).
    """
    mss = max(min(tcb.path_mss, tcb.peer_mss), LEAST_MSS) - tcb.option_bytes
    half = tcb.max_window >> 1 if tcb.max_window > DEFAULT_MSS else tcb.max_window
    tcb.mss = max(half, 68 - 20 - tcb.option_bytes) if half and mss > half else mss


def use_room(tcb: Tcb, host: Host) -> None:
    """A send buffer that was found full grows with the congestion window, unless it was set or the window is used up:
    whenever something new was sent, and behind every segment that arrives. If there is room again, those who wait for
    it are woken (`tcp_check_space`).
    """
    if not tcb.ran_full:
        return
    if tcb.pipe < tcb.cwnd and not tcb.sndbuf_locked:
        grow_send_buffer(tcb, host.profile)
        tcb.cwnd_at_ns = host.tick_ns
    if tcb.writable:
        tcb.ran_full = False
        host.wake(tcb, WAKES_WRITERS)


def first_rcv_mss(tcb: Tcb) -> None:
    """A first, low guess at the size of the segments that will come (`tcp_initialize_rcv_mss`)."""
    tcb.rcv_mss = max(min(tcb.advertised_mss, tcb.mss, tcb.rcv_wnd // 2, DEFAULT_MSS), 88)


def is_half_full(tcb: Tcb) -> bool:
    """Whether less than half of the widest window is free."""
    return free_space(tcb) < min(tcb.window_clamp, full_space(tcb)) >> 1


def select_window(tcb: Tcb) -> int:
    """The window that could be advertised now, before the rule that it never shrinks (`__tcp_select_window`)."""
    mss = tcb.rcv_mss
    free = free_space(tcb)
    allowed = full_space(tcb)
    full = min(tcb.window_clamp, allowed)
    if mss > full:
        mss = full
        if mss <= 0:
            return 0
    scale = tcb.rcv_scale
    if free < full >> 1:
        free = free >> scale << scale
        if free < allowed >> 4 or free < mss:
            return 0
    free = min(free, tcb.rcv_ssthresh)
    if scale:
        return -(-free >> scale) << scale
    window = tcb.rcv_wnd
    if window <= free - mss or window > free:
        return free - free % mss
    if mss == full and free > window + (full >> 1):
        return free
    return window


def advertise_window(tcb: Tcb, host: Host) -> int:
    """Fix the window that the next segment carries; it never takes back what was advertised (`tcp_select_window`)."""
    scale = tcb.rcv_scale
    if tcb.no_room:
        tcb.rcv_wnd = 0
        tcb.rcv_wup = tcb.rcv_nxt
        tcb.predicts = False
        return 0
    current = tcb.receive_window
    window = select_window(tcb)
    if is_half_full(tcb):
        tcb.quick = 0
    if window < current:
        window = -(-current >> scale) << scale
    tcb.rcv_wnd = window
    tcb.rcv_wup = tcb.rcv_nxt
    window = min(window, 65535 << scale)
    if not window >> scale:
        tcb.predicts = False
    return as_told(tcb, window)


def as_told(tcb: Tcb, window: int) -> int:
    """What a segment tells of this window: whole units of its scale. A peer that was not asked whether it scales takes
    each unit for a byte.
    """
    return window >> tcb.rcv_scale << (tcb.rcv_scale if tcb.scales else 0)


def says_new_window(tcb: Tcb, segment: Segment, profile: Profile) -> bool:
    """Whether the segment is later than the one that the known window is from (RFC 9293 §3.10.7.4, fifth)."""
    return (
        segment.ack > tcb.snd_una
        or segment.seq > tcb.snd_wl1
        or (segment.seq == tcb.snd_wl1 and segment.window > tcb.snd_wnd)
        or (segment.seq == tcb.snd_wl1 and not segment.window and profile.zero_window_is_news)
    )


def may_predict(tcb: Tcb) -> bool:
    """Whether the next segment's header may be predicted from now on (`tcp_fast_path_check`)."""
    return tcb.rcv_wnd > 0 and tcb.rmem < tcb.rcvbuf and not tcb.out_of_order and not tcb.urgent


def add_quick_acks(tcb: Tcb, most: int) -> None:
    """Acknowledge the next few segments at once: half a window of them, at least two (`tcp_incr_quickack`)."""
    quick = min(tcb.rcv_wnd // (2 * tcb.rcv_mss) or 2, most)
    tcb.quick = max(tcb.quick, quick)


def ack_soon(tcb: Tcb, profile: Profile, most: int | None = None) -> None:
    """Something is odd with what the peer sends: the next acknowledgements go at once (`tcp_enter_quickack_mode`)."""
    add_quick_acks(tcb, profile.quick_acks_max if most is None else most)
    tcb.pingpong = 0
    tcb.ato_ns = profile.delayed_ack_min_ns
    tcb.ack_scheduled = True


def acknowledges_quickly(tcb: Tcb, profile: Profile) -> bool:
    return tcb.quick > 0 and tcb.pingpong < profile.pingpong_threshold


def clamp_window(tcb: Tcb, widest: int, profile: Profile) -> None:
    """Set the widest window; `rcv_ssthresh` shrinks with it, or catches up with what was advertised
    (`tcp_set_window_clamp`).
    """
    new, old = max(profile.rcvbuf_min // 2, widest), tcb.window_clamp
    tcb.window_clamp = new
    if new < old:
        tcb.rcv_ssthresh = min(tcb.rcv_ssthresh, new)
    elif new > old:
        tcb.rcv_ssthresh = max(min(tcb.rcv_wnd, new), tcb.rcv_ssthresh)


def note_segment_size(tcb: Tcb, segment: Segment, profile: Profile) -> None:
    """Learn the peer's segment size, and the share of payload in memory, from a segment (`tcp_measure_rcv_mss`). What
    came at once may be several; the size is that of each. One that is short counts with the room that its SACK blocks
    take.
    """
    total, push = len(segment.data), bool(segment.flags & _PSH)
    length, truesize = segment.segment_size or total, segment.truesize
    last, tcb.last_segment_size = tcb.last_segment_size, 0
    if length >= tcb.rcv_mss:
        if length != tcb.rcv_mss and profile.window_ratio_measured:
            ratio = max((total << 8) // truesize, 1) & 0xFF
            if ratio != tcb.window_ratio:
                tcb.window_ratio = ratio
                clamp_window(tcb, full_space(tcb), profile)
                tcb.read_in_trip = min(tcb.read_in_trip, tcb.window_clamp)
        tcb.rcv_mss = min(length, tcb.advertised_mss)
        if push:
            tcb.ack_pushed = True
        return
    length += 4 + 8 * len(segment.sack) if segment.sack else 0
    header = 20 + tcb.option_bytes
    if length + header >= 536 + 20 or (length + header >= 88 + 20 and not segment.flags & (_PSH | _FIN | _URG)):
        tcb.last_segment_size = length
        if length == last:
            tcb.rcv_mss = length
            return
    if tcb.ack_pushed:
        tcb.ack_pushed_twice = True
    tcb.ack_pushed = True


def grow_window(tcb: Tcb, length: int, truesize: int, host: Host, *, in_pages: bool) -> None:
    """Open the window further if segments like this one will fit (`tcp_grow_window`). One that lies in pages may be
    joined to others, and then its overhead does not count.
    """
    room = min(tcb.window_clamp, free_space(tcb)) - tcb.rcv_ssthresh
    if room <= 0:
        return
    payload_only = truesize - host.profile.buffer_overhead
    if in_pages and payload_only >= length:
        truesize = payload_only
    if window_from_space(tcb, truesize) <= length:
        grow = 2 * tcb.advertised_mss
    else:
        grow = _careful_growth(tcb, length, truesize, host.profile)
    if grow:
        tcb.rcv_ssthresh += min(room, max(grow, 2 * length))
        tcb.quick |= 1


def _careful_growth(tcb: Tcb, length: int, truesize: int, profile: Profile) -> int:
    size = window_from_space(tcb, truesize) >> 1
    window = window_from_space(tcb, profile.tcp_rmem[2]) >> 1
    while tcb.rcv_ssthresh <= window:
        if size <= length:
            return 2 * tcb.rcv_mss
        size >>= 1
        window >>= 1
    return 0


def note_data(tcb: Tcb, segment: Segment, host: Host) -> None:
    """Keep the delayed-acknowledgement engine running for an arrived segment (`tcp_event_data_recv`)."""
    total, truesize, profile = len(segment.data), segment.truesize, host.profile
    tcb.ack_scheduled = True
    note_segment_size(tcb, segment, profile)
    now, tick_ns = host.tick_ns, profile.jiffy_ns
    if not tcb.ato_ns:
        add_quick_acks(tcb, profile.quick_acks_max)
        tcb.ato_ns = profile.delayed_ack_min_ns
    else:
        gap = now - tcb.last_received_ns
        if gap <= profile.delayed_ack_min_ns // 2:
            tcb.ato_ns = tcb.ato_ns // tick_ns // 2 * tick_ns + profile.delayed_ack_min_ns // 2
        elif gap < tcb.ato_ns:
            tcb.ato_ns = min(tcb.ato_ns // tick_ns // 2 * tick_ns + gap, tcb.rto_ns, profile.delayed_ack_max_ns)
        elif gap > tcb.rto_ns:
            add_quick_acks(tcb, profile.quick_acks_max)
    tcb.last_received_ns = now
    note_window_trip(tcb, host)
    if tcb.ecn:
        TCP.offer(host.trail, TcpEvent.SEGMENT_MARK, tcb, segment, host)
    if total >= 128:
        grow_window(tcb, total, truesize, host, in_pages=bool(segment.pages))
