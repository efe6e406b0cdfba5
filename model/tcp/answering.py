"""The last questions of a segment: can bytes that waited go now, and when is it acknowledged?

Not here: what is sent (output.py), when a reader's call acknowledges (calls.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..values.segments import Segment
from .block import Pending, Tcb, Timer
from .machine import SYNCHRONIZED, TCP, TcpEvent
from .output import answer_now, delay_ack, probe_interval_ns, push_pending, send_ack, start_timer
from .windows import acknowledges_quickly, is_half_full, select_window

if TYPE_CHECKING:
    from ..world.host import Host

E = TcpEvent
AT_ONCE = 3
"""As many duplicates as make a sender send again (TCP_FASTRETRANS_THRESH)."""


@TCP.rule(
    on=E.SEGMENT_PUSH, stays=SYNCHRONIZED, when=lambda tcb, seg, host: bool(tcb.unsent),
    cite="RFC 9293 §3.10.7.4: the usable window; tcp_data_snd_check",
)  # fmt: skip
def waiting_bytes_follow(tcb: Tcb, segment: Segment, host: Host) -> None:
    """Bytes wait to be sent: as many go out as window and Nagle allow now."""
    _keep_probe_timer(tcb, host)
    push_pending(tcb, host)


def _keep_probe_timer(tcb: Tcb, host: Host) -> None:
    """The probe timer runs only while the first buffer does not fit the window (`tcp_ack_probe`)."""
    if tcb.pending is not Pending.WINDOW_PROBE or tcb.timers[Timer.RETRANSMIT] is None:
        return
    if tcb.unsent[0].end <= tcb.snd_una + tcb.snd_wnd:
        tcb.backoff = 0
        host.stop_timer(tcb, Timer.RETRANSMIT)
    else:
        start_timer(tcb, Pending.WINDOW_PROBE, probe_interval_ns(tcb, host), host)


def _ack_is_due(tcb: Tcb, segment: Segment, host: Host) -> bool:
    if not tcb.ack_scheduled:
        return False
    if tcb.ack_now:
        return True
    if tcb.rcv_nxt - tcb.rcv_wup > tcb.rcv_mss:
        if tcb.rcv_nxt - tcb.copied_seq < tcb.rcvlowat or select_window(tcb) >= tcb.rcv_wnd:
            return True
        if is_half_full(tcb):
            return False
    return acknowledges_quickly(tcb, host.profile)


@TCP.rule(on=E.SEGMENT_ANSWER, stays=SYNCHRONIZED, when=_ack_is_due, cite="RFC 9293 §3.8.6.3; __tcp_ack_snd_check")
def ack_goes_at_once(tcb: Tcb, segment: Segment, host: Host) -> None:
    """More than a segment is unacknowledged and the window can follow, or the connection is young: no delay.
    Nor is there one while a segment and more is unacknowledged and SO_RCVLOWAT asks for more than is there."""
    answer_now(tcb, host)


def _may_not_wait(tcb: Tcb, segment: Segment, host: Host) -> bool:
    """A gap is open: three acknowledgements at least tell the sender at once, and without SACK each one does."""
    if not (tcb.ack_scheduled and tcb.out_of_order):
        return False
    if not tcb.sack_permitted or tcb.compressed >= host.profile.compressed_acks_max:
        return True
    return tcb.told_at_once < AT_ONCE or tcb.told_behind != tcb.rcv_nxt


@TCP.rule(
    on=E.SEGMENT_ANSWER, stays=SYNCHRONIZED, when=_may_not_wait, cite="RFC 5681 §4.2; __tcp_ack_snd_check",
)  # fmt: skip
def gap_is_told_at_once(tcb: Tcb, segment: Segment, host: Host) -> None:
    """Something is missing: the sender is told at once, so that it sees three duplicates as soon as possible.
    That does not wait for the end of a call: so its window is one that what the call made wait still takes room of."""
    if tcb.told_behind != tcb.rcv_nxt:
        tcb.told_behind, tcb.told_at_once = tcb.rcv_nxt, 0
    tcb.told_at_once += 1
    send_ack(tcb, host)


@TCP.rule(
    on=E.SEGMENT_ANSWER, stays=SYNCHRONIZED, when=lambda tcb, seg, host: tcb.ack_scheduled and bool(tcb.out_of_order),
    cite="tcp_comp_sack_delay_ns in tcp(7); __tcp_ack_snd_check", unconfirmed="on loopback nothing is out of order",
)  # fmt: skip
def further_duplicates_become_one(tcb: Tcb, segment: Segment, host: Host) -> None:
    """The sender knows of the gap by now: what more arrives behind it is told together, and a little later.
    A twentieth of a round trip, at most a millisecond; and a bit, for the kernel is not in a hurry about it."""
    tcb.compressed += 1
    if tcb.timers[Timer.COMPRESSED_ACK] is None:
        trip_us8 = min(tcb.receive_trip_us8, tcb.srtt_us8 or tcb.receive_trip_us8)
        wait_ns = min(host.profile.compressed_ack_ns, trip_us8 * 125 // 20) + host.profile.compressed_ack_slack_ns
        host.set_fine_timer(tcb, Timer.COMPRESSED_ACK, wait_ns)


@TCP.rule(
    on=E.SEGMENT_ANSWER, stays=SYNCHRONIZED, when=lambda tcb, seg, host: tcb.ack_scheduled,
    cite="RFC 1122 §4.2.3.2; RFC 9293 §3.8.6.3",
)  # fmt: skip
def ack_is_delayed(tcb: Tcb, segment: Segment, host: Host) -> None:
    """The acknowledgement waits, at most 40 ms, for data to ride on."""
    if tcb.rcv_nxt - tcb.rcv_wup > tcb.rcv_mss and is_half_full(tcb):
        tcb.quick = 0
    delay_ack(tcb, host)
