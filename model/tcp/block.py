"""The transmission control block: everything one end of a TCP connection knows.

Protocol variables keep the RFC's names (`snd_una`, `rcv_nxt`; RFC 9293 §3.3.1), the acknowledgement policy and the
memory accounts the kernel's. Two kinds of buffer hold the stream:

- `OutBuffer`, a run of bytes to be sent as one segment: first in `unsent`, after transmission in `unacked`;
- `InBuffer`, a run of bytes received: neighbours merge when the kernel would merge them.

Each carries a `truesize`, the memory the kernel charges for it, which is what fills a buffer; payload does not
(`sk_buff.truesize`; see memory.py for the accounts).

Not here: rules.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from enum import IntEnum
from itertools import chain
from typing import TYPE_CHECKING

import attrs

from ..endpoint import Endpoint
from ..values.constants import TcpState
from ..values.segments import Run, Segment

if TYPE_CHECKING:
    from ..world.wheel import Place
    from .congestion import Algorithm


class Timer(IntEnum):
    """The timers of one control block. Retransmission, probe and connection attempt share the first, as in the
    kernel.
    """

    RETRANSMIT = 0
    DELAYED_ACK = 1
    TIME_WAIT = 2
    KEEPALIVE = 3
    COMPRESSED_ACK = 4


class Recovery(IntEnum):
    """What the sender does about losses (`icsk_ca_state`): the states of a machine of its own (recovery.py)."""

    OPEN = 0
    """Nothing is known to be missing."""
    DISORDER = 1
    """Something arrived out of order, or was sent again: what is missing may only be late."""
    CWR = 2
    """The window is being reduced, but nothing is missing."""
    RECOVERY = 3
    """Something is lost and sent again, and the window is being reduced."""
    LOSS = 4
    """Nothing was heard for a time-out: what the peer was not seen to have is sent again from the beginning."""


class Request(IntEnum):
    """Where a connection attempt from outside stands (requests.py): a machine of its own, beside TCP's states."""

    NONE = 0
    """There is none: nobody asked, or it is over."""
    HALF_OPEN = 1
    """SYN-ACK was sent: it waits in the listener's SYN queue for the acknowledgement."""
    ACKNOWLEDGED = 2
    """The acknowledgement came, but no connection was made of it; it waits on in the SYN queue."""
    WAITING = 3
    """A connection was made of it, which waits in the accept queue."""
    ACCEPTED = 4
    """A program has it."""


class Urgent(IntEnum):
    """Where the peer's urgent byte stands, as the receiver has it (`urg_data`): a machine of its own (urgent.py)."""

    NONE = 0
    """There is none, or the reader is past it."""
    ANNOUNCED = 1
    """A segment has pointed at it, but it has not arrived."""
    WAITING = 2
    """It is here, and MSG_OOB gives it."""
    READ = 3
    """MSG_OOB has given it; its place in the stream is still ahead of the reader."""


class Pending(IntEnum):
    """What the retransmission timer was set for last (`icsk_pending`)."""

    RETRANSMIT = 0
    TAIL_PROBE = 1
    REORDERING = 2
    """What is missing may only be late: after this it is lost."""
    WINDOW_PROBE = 3


@attrs.define(eq=False)
class OutBuffer:
    """Bytes on their way out, in one piece. `seq` is the number of its first byte."""

    is_draft = True
    number: int
    seq: int
    data: bytearray
    fin: bool = False
    push: bool = False
    syn: bool = False
    truesize: int = 0
    segments: int = 1
    """How many full-sized segments it counts as, once sent (`tcp_skb_pcount`)."""
    cut: int = 0
    """How long each of them is, in bytes (`gso_size`); 0 while it was not sent."""
    sent_ns: int = 0
    clock_ns: int = 0
    order: int = 0
    """When it was sent last, what its sender's clock said (output.py), and the how many-th transmission that was."""
    sent_again: bool = False
    sacked: bool = False
    lost: bool = False
    resent: bool = False
    """Its condition while it is unacknowledged: see recovery.py."""
    watched: bool = True
    """Whether it may be found lost by the order of sending: not again before it was sent again."""
    pages: list[Run] = attrs.Factory(list)
    """Where in the page fragments its bytes lie: see memory.py."""

    @property
    def end(self) -> int:
        return self.seq + len(self.data) + self.fin + self.syn


@attrs.define(eq=False)
class InBuffer:
    """Bytes that arrived and wait for the reader. `shared` names the sender's buffer that it shares pages with."""

    is_draft = True
    seq: int
    chunks: list[bytes]
    length: int
    truesize: int
    pages: list[Run]
    shared: int
    head: int
    """Bytes that fit into its head, where it has no pages."""
    fin: bool = False
    offset: int = 0
    """Bytes of it that were read already; its memory stays charged until all of them are."""


@attrs.define(eq=False)
class Tcb(Endpoint):
    """One end of a TCP connection, or a listener, or a socket that is neither yet."""

    state: TcpState = TcpState.CLOSED
    is_tcp = True

    # listener
    backlog_limit: int = 0
    syn_queue: deque[int] = attrs.Factory(deque)
    """Numbers of requests that no connection was made of yet."""
    accept_queue: deque[int] = attrs.Factory(deque)
    """Numbers of established children that wait for accept."""
    flooded_at_ns: int | None = None
    """When a SYN was answered with a cookie last."""
    listener: int | None = None
    """The listener that a request or a child belongs to until it is accepted."""
    request: Request = Request.NONE
    timeouts: int = 0
    """How often a request waited in vain for an acknowledgement (`num_timeout`)."""
    defer_retries: int = 0
    """After so many of these an acknowledgement without data will do; 0: it always does (TCP_DEFER_ACCEPT)."""
    syn_retries: int = 0
    """Retransmissions of SYN or SYN-ACK that the program has asked for; 0: as the system has it (TCP_SYNCNT)."""

    # send sequence space and window (RFC 9293 §3.3.1)
    iss: int = 0
    snd_una: int = 0
    acked_from: int = 0
    """From where acknowledged bytes are counted: who connected counts the SYN (`bytes_acked`)."""
    snd_nxt: int = 0
    snd_wnd: int = 0
    snd_wl1: int = 0
    max_window: int = 0
    write_seq: int = 0
    """The number behind the last byte that the program handed over."""
    pushed_seq: int = 0
    snd_up: int = 0
    """The number behind the last byte that was sent as urgent; it counts until that is acknowledged."""
    small_seq: int = 0
    """End of the last segment smaller than the MSS (Minshall's variant of Nagle's algorithm)."""
    unsent: deque[OutBuffer] = attrs.Factory(deque)
    unacked: deque[OutBuffer] = attrs.Factory(deque)
    full_at: int = 0
    """What was charged to the send buffer when a send found it full last (world/accounts.py tells it; no rule asks)."""
    ran_full: bool = False
    """Whether a send or a poll found the send buffer full since it last had room (SOCK_NOSPACE)."""
    has_news: bool = False
    """Whether bytes or a FIN were queued for the reader, who is to be woken."""
    notsent_lowat: int = 0
    """So many bytes may wait to be sent for the first time; 0: any number (TCP_NOTSENT_LOWAT)."""
    wmem: int = 0
    """Memory charged to the send buffer, in bytes (`sk_wmem_queued`)."""
    mss: int = 536
    """Payload of a full segment, in bytes."""
    path_mss: int = 65495
    peer_mss: int = 536
    """What the way to the peer carries, and what the peer takes, in one segment without options."""
    option_bytes: int = 0
    """What options take out of every segment."""
    packet_max: int = 0
    """Payload up to which a run of segments leaves as one packet; 0 on a wire, where each is one of its own."""
    user_mss: int = 0
    """What the program allows in one segment, here and of the peer; 0: anything (TCP_MAXSEG)."""
    corked: bool = False
    """Only full segments leave (TCP_CORK)."""
    nodelay: bool = False
    nagle_waived: bool = False
    """TCP_NODELAY was set, if only for a moment: what waits then need not wait for Nagle's algorithm any more."""
    in_flight: int = 0
    """Segments sent and not acknowledged (`packets_out`)."""
    opened_ns: int = 0
    """When its SYN was sent."""
    backoff: int = 0
    retransmits: int = 0
    probes: int = 0

    # round trips, in microseconds; 8 and 4: so many times (roundtrip.py)
    rto_ns: int = 0
    srtt_us8: int = 0
    mdev_us4: int = 0
    mdev_max_us4: int = 0
    rttvar_us4: int = 0
    round_ends: int = 0
    """What must be acknowledged for the deviation to fall again."""
    receive_trip_us8: int = 0
    """The round trip as the receiver sees it (roundtrip.py); 0 until there is one."""
    receive_trip_ends: int = 0
    receive_trip_began_ns: int | None = None
    echoed_last: int = 0
    read_in_trip: int = 0
    """The most bytes that were read in a round trip; before that, the window that was offered first (tuning.py)."""
    measured_from: int = 0
    measured_at_ns: int = 0
    """From where, and since when, the bytes of this round trip are counted."""
    shortest_us: int | None = None
    shortest_at_ns: int = 0

    # congestion window, in segments (congestion.py)
    control: Algorithm = attrs.field(default=None)
    control_name: str = ""
    cwnd: int = 10
    ssthresh: int = 0x7FFF_FFFF
    cwnd_count: int = 0
    """Segments acknowledged since the congestion window opened last."""
    cwnd_limited: bool = False
    in_flight_max: int = 0
    use_noted_to: int = 0
    """Whether the window held sending back, how many segments were on their way, and until when that counts."""
    cwnd_used: int = 0
    cwnd_at_ns: int = 0
    prior_cwnd: int = 0
    prior_ssthresh: int = 0
    """As they were before a loss; 0: there is no way back."""
    prr_delivered: int = 0
    prr_out: int = 0
    """Segments delivered and sent since the reduction began (RFC 6937)."""
    pacing_rate: int | None = None
    """Bytes in a second that the window and the round trip come to; None until the latter is known."""

    # receive sequence space and window
    irs: int = 0
    rcv_nxt: int = 0
    rcv_wup: int = 0
    """What rcv_nxt was when the window was last advertised."""
    rcv_wnd: int = 0
    """The window then advertised: the peer may send up to rcv_wup + rcv_wnd."""
    copied_seq: int = 0
    rcv_ssthresh: int = 0
    window_clamp: int = 0
    window_ratio: int = 128
    window_rounds_up: bool = False
    rcv_scale: int = 0
    scale_offered: int = 0
    """What the own SYN offered, when there was no other to answer."""
    scales: bool = True
    """Whether windows are scaled: both ends offer that, or neither does it (RFC 7323 §2.2)."""
    snd_scale: int = 0
    advertised_mss: int = 0
    received: deque[InBuffer] = attrs.Factory(deque)
    reserved: int = 0
    """Memory that is reserved and charged to neither buffer, in bytes (`sk_forward_alloc`; reserve.py)."""
    fin_received: bool = False
    urgent: Urgent = Urgent.NONE
    rcv_up: int = 0
    """The number of the urgent byte itself (`urg_seq`), while there is one."""
    urgent_byte: bytes = b""

    # keep-alive and user time-out; 0: as the system has it
    keep_idle_ns: int = 0
    keep_interval_ns: int = 0
    keep_count: int = 0
    user_timeout_ns: int = 0
    orphan_waits_s: int = 0
    """How long an orphan waits for the peer's FIN, in seconds; less than 0: it does not (TCP_LINGER2)."""
    heard_ns: int = 0
    """When an acknowledgement was received last."""
    resent_since_ns: int | None = None
    """When something was sent again first, since recovery began (`retrans_stamp`)."""
    probing_since_ns: int | None = None

    # recovery from loss (scoreboard.py, recovery.py)
    sack_permitted: bool = False
    recovery: Recovery = Recovery.OPEN
    high_seq: int = 0
    """The number up to which everything must be acknowledged for recovery to end."""
    sacked_out: int = 0
    lost_out: int = 0
    resent_out: int = 0
    """Segments in these conditions, of those in flight."""
    delivered: int = 0
    lost: int = 0
    resent: int = 0
    """Segments that were, ever."""
    transmitted_ns: int = -(1 << 60)
    """When the last segment of any kind was sent."""
    clock_ns: int = 0
    """What the clock of its sender said: a little more than the time where virtual time has stood (output.py)."""
    transmissions: int = 0
    newest_arrived: tuple[int, int] = (0, 0)
    """How many buffers were sent, and which of these transmissions is the latest that is known to have arrived, and up
    to which number, for the parts of a buffer that was cut count as sent together."""
    newest_trip_ns: int = 0
    """How long the last one's acknowledgement took."""
    newest_is_news: bool = False
    told_before: tuple[Run, ...] = ()
    """The SACK blocks of the acknowledgement before."""
    reordering: int = 3
    """As many segments may arrive early without the one before them being lost (net.ipv4.tcp_reordering)."""
    reordered: int = 0
    """How often one was seen to arrive late."""
    patience: int = 1
    """How many quarters of the shortest round trip a late one is waited for (`reo_wnd_steps`)."""
    patience_lasts: int = 0
    needless_seen: bool = False
    patience_from: int = 0
    duplicates_told: int = 0
    """Segments of which the peer has told that they arrived twice."""
    undo_marker: int | None = None
    """Where `snd_una` was when the window was reduced; None: nothing is to be undone."""
    undo_resent: int = -1
    """Retransmissions since then that may yet turn out to have been needless; 0: all were."""
    time_out_doubted: bool = False
    """Whether it is still to be found out if a time-out was needless (RFC 5682)."""
    reneging: bool = False
    out_of_order: list[Segment] = attrs.Factory(list)
    """What arrived behind a gap, by number."""
    sack_blocks: list[Run] = attrs.Factory(list)
    """The runs of it, latest first."""
    told_behind: int = 0
    told_at_once: int = 0
    compressed: int = 0
    """Behind which number how many duplicate acknowledgements went at once, and how many wait to become one."""
    duplicate: Run | None = None
    """What arrived twice, to be told with the next acknowledgement (RFC 2883)."""

    # explicit congestion notification (ecn.py)
    ecn: bool = False
    """Whether both ends have agreed to it, or, before an answer, whether it was asked for."""
    syn_asks_ecn: bool = False
    marks_seen: bool = False
    """Whether any text of the peer's came with a mark."""
    echoes_mark: bool = False
    """A mark arrived, and the peer has not said yet that it has slowed down."""
    tells_reduction: bool = False
    """The window was reduced, and the next new text says so."""

    # timestamps (RFC 7323)
    timestamps: bool = False
    """Whether every segment carries them: both SYNs did."""
    clock_offset: int = 0
    ts_recent: int = 0
    """The timestamp to echo."""
    ts_recent_ns: int | None = None
    """When it arrived; None if none has."""

    # acknowledgement policy
    rcv_mss: int = 0
    last_segment_size: int = 0
    ack_scheduled: bool = False
    ack_pushed: bool = False
    ack_pushed_twice: bool = False
    filling_gap: bool = False
    """What is received now arrived earlier, behind a gap."""
    ack_now: bool = False
    predicts: bool = False
    """Whether the header of the next segment is foreseen, so that it may take a short way (`pred_flags`)."""
    predicted: bool = False
    """Whether that of the segment at hand was as foreseen."""
    no_room: bool = False
    """A segment was dropped for want of memory: the next acknowledgement closes the window."""
    quick: int = 0
    pingpong: int = 0
    ato_ns: int = 0
    last_received_ns: int = -(1 << 60)
    last_sent_ns: int = -(1 << 60)
    last_challenge_ns: int = -(1 << 60)

    # the socket lock: segments that arrive during a call of this socket wait for its end
    busy: bool = False
    ack_deferred: bool = False
    backlog: deque[Segment] = attrs.Factory(deque)
    backlog_bytes: int = 0
    """Memory of what waits in the backlog, counted until all of it is processed."""

    timers: list[int | None] = attrs.Factory(lambda: [None] * len(Timer))
    """When each fires; None if it is not set."""
    places: list[Place | None] = attrs.Factory(lambda: [None] * len(Timer))
    """Where in the wheel each lies. One that was stopped lies there until its time has come."""
    pending: Pending = Pending.RETRANSMIT
    tail_probed_at: int = 0
    """Where snd_nxt was at the last tail loss probe: one is enough until that is acknowledged; 0 for none."""
    tail_was_resent: bool = False
    """Whether that probe was something old."""

    @property
    def is_request(self) -> bool:
        """Whether it is no connection yet, but a request for one (requests.py)."""
        return self.request in (Request.HALF_OPEN, Request.ACKNOWLEDGED)

    @property
    def pipe(self) -> int:
        """Segments that are in the network (RFC 6675 §2)."""
        return self.in_flight - self.sacked_out - self.lost_out + self.resent_out

    @property
    def srtt_ns(self) -> int:
        """The smoothed round trip; 0 until one was measured."""
        return self.srtt_us8 * 125

    @property
    def receive_window(self) -> int:
        """What the peer may still send, in bytes."""
        return max(0, self.rcv_wup + self.rcv_wnd - self.rcv_nxt)

    def holds_page(self, page: int, size: int) -> bool:
        """Whether anything that is to be sent, acknowledged or read lies on this page (pages.py)."""
        buffers: Iterable[OutBuffer | InBuffer] = chain(reversed(self.unsent), reversed(self.unacked), self.received)
        return any(begin // size == page for buffer in buffers for begin, _ in reversed(buffer.pages))

    @property
    def readable_bytes(self) -> int:
        """Bytes that recv could give now."""
        waiting = self.rcv_nxt - self.copied_seq
        return waiting - 1 if waiting and self.fin_received else waiting

    @property
    def unsent_bytes(self) -> int:
        return self.write_seq - self.snd_nxt

    @property
    def writable(self) -> bool:
        """Whether poll says writable: a third of the send buffer is free, and of what may wait to be sent for the first
        time at most half waits (`__sk_stream_is_writeable`).
        """
        room = self.sndbuf - self.wmem
        few = not self.notsent_lowat or 2 * self.unsent_bytes < self.notsent_lowat
        return room >= self.wmem >> 1 and room > 0 and few

    @property
    def sends_urgent(self) -> bool:
        """Whether the peer has not acknowledged all that is urgent (`tcp_urg_mode`)."""
        return self.snd_up > self.snd_una

    @property
    def at_mark(self) -> bool:
        """Whether the next byte in the stream is the urgent one, were it here or not."""
        return self.urgent is not Urgent.NONE and self.rcv_up == self.copied_seq

    @property
    def readable(self) -> bool:
        """Whether as much waits as SO_RCVLOWAT asks for, or it will not become more, because memory or window are
        nearly used up (`tcp_epollin_ready`).
        """
        return self.has_waiting(self.rcvlowat)

    def has_waiting(self, least: int) -> bool:
        """The same for any number of bytes."""
        waiting = self.rcv_nxt - self.copied_seq
        return waiting > 0 and (
            waiting >= least or self.rmem > self.rcvbuf - (self.rcvbuf >> 3) or self.receive_window <= self.rcv_mss
        )
