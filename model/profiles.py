"""What differs between systems, each difference a named, cited field.

A rule never asks "is this Linux?": it asks the profile for the one fact it needs. So a difference between systems is
a line of data here, and the rule reads the same for all of them.

Sizes are bytes, times nanoseconds, unless the name says otherwise.

A field whose value changed from one release of Linux to another says with which. LINUX is the release that the model
was proved against first; releases.py takes the changes back for older ones.

Not here yet: POSIX and WINDOWS as profiles of their own.
"""

from __future__ import annotations

from typing import Any

import attrs

MS = 1_000_000
SECOND = 1_000_000_000


@attrs.frozen
class Profile:
    """One system's settings and habits, as far as the model reads them."""

    name: str
    release: str
    """The release on which the values were confirmed."""

    jiffy_ns: int
    """One tick of the kernel's timer wheel; timers fire on ticks (CONFIG_HZ)."""
    first_tick: int
    """What the count of ticks is when the machine begins (INITIAL_JIFFIES: five minutes before it wraps)."""
    delayed_ack_min_ns: int
    """Shortest delay of a delayed acknowledgement, and its first value (TCP_DELACK_MIN, TCP_ATO_MIN: 40 ms)."""
    delayed_ack_max_ns: int
    """Longest delay of a delayed acknowledgement (TCP_DELACK_MAX: 200 ms)."""
    compressed_ack_ns: int
    """Longest delay of duplicate acknowledgements beyond the first three (net.ipv4.tcp_comp_sack_delay_ns)."""
    compressed_ack_slack_ns: int
    """By how much later they may go (net.ipv4.tcp_comp_sack_slack_ns)."""
    compressed_acks_max: int
    """How many of them may become one (net.ipv4.tcp_comp_sack_nr)."""
    rto_initial_ns: int
    """First retransmission time-out, before a round trip was measured (RFC 6298 §2.1; TCP_TIMEOUT_INIT)."""
    rto_min_ns: int
    """Shortest retransmission time-out (TCP_RTO_MIN: 200 ms, where RFC 6298 says one second)."""
    rto_max_ns: int
    """Longest retransmission time-out (TCP_RTO_MAX: 120 s)."""
    tail_probe_min_ns: int
    """Added to two round trips, it is the wait for a tail loss probe (TCP_TIMEOUT_MIN_US: 2 ms)."""
    rto_fallback_ns: int
    """The time-out of a connection whose handshake measured no round trip (RFC 6298 §5.7; TCP_TIMEOUT_FALLBACK)."""
    syn_retries: int
    """Retransmissions of a SYN, after the linear ones, before the attempt is given up (net.ipv4.tcp_syn_retries)."""
    syn_linear_timeouts: int
    """After so many time-outs of a SYN the wait is not doubled yet (net.ipv4.tcp_syn_linear_timeouts). Before Linux 6.5
    it was doubled from the first.
    """
    synack_retries: int
    """Retransmissions of a SYN-ACK before the request is forgotten (net.ipv4.tcp_synack_retries)."""
    syn_cookies: int
    """What a full SYN queue does with a SYN (net.ipv4.tcp_syncookies): 0 drops it, 1 answers with a cookie, 2 always
    answers so, queue or not.
    """
    cookie_ns: int
    """How long a cookie is good, and a unit of its clock; cookies are looked for so long after the last was sent
    (TCP_SYNCOOKIE_PERIOD, MAX_SYNCOOKIE_AGE).
    """
    cookie_mss: tuple[int, ...]
    """The MSSs that a cookie can tell apart (msstab)."""
    max_syn_backlog: int
    """Without cookies a SYN queue takes three quarters of this many (net.ipv4.tcp_max_syn_backlog)."""
    abort_on_overflow: bool
    """Whether an acknowledgement that finds the accept queue full is reset (net.ipv4.tcp_abort_on_overflow)."""
    data_retries: int
    """Retransmissions of data before the connection is given up (net.ipv4.tcp_retries2)."""
    orphan_retries: int
    """The same for a connection that no program holds any more (net.ipv4.tcp_orphan_retries, where 0 means 8)."""
    keepalive_idle_ns: int
    keepalive_interval_ns: int
    keepalive_probes: int
    """How long a silent connection waits, between probes, and how many there are (net.ipv4.tcp_keepalive_*)."""
    challenge_ns: int
    """Least time between two acknowledgements that answer segments outside the window
    (net.ipv4.tcp_invalid_ratelimit).
    """
    time_wait_ns: int
    """How long TIME-WAIT lasts (TCP_TIMEWAIT_LEN: 60 s, where RFC 9293 says 2 MSL)."""
    fin_wait_2_ns: int
    """How long an orphan stays in FIN-WAIT-2 (net.ipv4.tcp_fin_timeout)."""
    quick_acks_max: int
    """Most acknowledgements sent at once before the delayed ones begin (TCP_MAX_QUICKACKS)."""
    pingpong_threshold: int
    """Replies after which a connection counts as interactive (net.ipv4.tcp_pingpong_thresh)."""

    congestion_control: str
    """The algorithm of new sockets (net.ipv4.tcp_congestion_control)."""
    tunes_receive_buffers: bool
    """Whether a receive buffer that nobody sized follows what is read in a round trip (net.ipv4.tcp_moderate_rcvbuf).
    """
    slow_start_after_idle: bool
    """Whether the congestion window closes while nothing is sent (net.ipv4.tcp_slow_start_after_idle)."""
    initial_cwnd: int
    """Initial congestion window in segments (RFC 6928; TCP_INIT_CWND)."""
    path_mtu_min: int
    """Smallest path MTU that a router is believed, in bytes (net.ipv4.route.min_pmtu: 552)."""
    path_mtu_ns: int
    """How long a path MTU is believed (net.ipv4.route.mtu_expires: ten minutes)."""
    loopback_mtu: int
    """Largest IP packet on loopback: its MTU is 65536, but a length of 65535 is the largest that IP can tell."""
    ecn: int
    """Explicit congestion notification (net.ipv4.tcp_ecn): 0 never, 1 when asked and asking, 2 only when asked."""
    ecn_fallback: bool
    """Whether a SYN that asked for it and stayed unanswered asks no more (net.ipv4.tcp_ecn_fallback)."""
    timestamps: bool
    """Whether timestamps are offered and taken (RFC 7323 §3; net.ipv4.tcp_timestamps)."""
    paws_days: int
    """After so many days of silence a timestamp is not old any more, but its clock may have wrapped (TCP_PAWS_WRAP)."""

    tso_win_divisor: int
    """A run that is cut short goes all the same if it is this part of the window (net.ipv4.tcp_tso_win_divisor)."""
    run_max: int
    """Most bytes that a run of segments should hold on loopback: gso_max_size, 65,536, less the room for all headers
    and one (MAX_TCP_HEADER, 192 bytes in this kernel).
    """
    packet_max: int
    """Payload from which on loopback cuts a run into its segments (gso_max_size less the headers)."""

    tcp_rmem: tuple[int, int, int]
    tcp_wmem: tuple[int, int, int]
    rmem_max: int
    wmem_max: int
    udp_rmem: int
    udp_wmem: int
    """net.core.rmem_default / wmem_default, which UDP sockets start with."""
    rcvbuf_min: int
    sndbuf_min: int
    """What SO_RCVBUF and SO_SNDBUF are raised to (SOCK_MIN_RCVBUF, SOCK_MIN_SNDBUF)."""
    buffer_overhead: int
    """What the kernel charges for an outgoing TCP buffer beside its payload (sk_buff, shared info, header room). Before
    Linux 6.3 the head had the next power of two, 1024 bytes, so 1280.
    """
    small_head: int
    """Bytes of a head that is large enough for a small packet (SKB_SMALL_HEAD_CACHE_SIZE). 0: there is no such size,
    and all heads are powers of two (before Linux 6.3).
    """
    window_ratio: int
    """Share of a receive buffer that is advertised as window at first, in 1/256 (TCP_DEFAULT_SCALING_RATIO)."""
    window_ratio_measured: bool
    """Whether that share follows what arrives, payload against memory (`scaling_ratio`). Before Linux 6.6 it was fixed
    (net.ipv4.tcp_adv_win_scale), and the window rounded up instead of down.
    """
    first_window_max: int
    """Largest window of a SYN or SYN-ACK. Before Linux 6.11 it was 65,535, scaled or not."""
    lowat_sets_clamp: bool
    """Whether SO_RCVLOWAT sets a widest window where none was set yet. Linux 6.1 does, 6.12 does not."""
    no_memory_closes_window: bool
    """Whether a segment that finds no memory is answered at once, with a closed window. Before Linux 6.6 it vanished
    without an answer, and an empty receive queue took one more whatever its memory.
    """
    fin_enters_closed_window: bool
    """Whether a FIN without text is taken though the window is closed. Linux 6.1 drops it, 6.12 takes it."""
    zero_window_is_news: bool
    """Whether a closed window is believed of a segment that says nothing else new. Before Linux 6.6 it was not."""
    acks_wait_for_calls: bool
    """Whether acknowledgements due while a call holds the socket wait for its end (net.ipv4.tcp_backlog_ack_defer).
    Before Linux 6.7 they went at once.
    """
    buffers_fill_up: bool
    """Whether a buffer that is to be sent takes bytes from the next one (`tcp_grow_skb`). Before Linux 6.10 it left as
    it was.
    """
    udp_overruns: bool
    """Whether a UDP receive buffer with anything free takes one more datagram, whatever its size. Linux 6.1 and 6.12
    do, 6.18 takes what fits, or one datagram alone.
    """
    udp_reserves_missing: bool
    """Whether a UDP receive buffer reserves the pages that are missing for a datagram. Linux 6.1 reserves all that the
    datagram needs as soon as any are missing; 6.12 and 6.18 reserve what is missing.
    """
    epoll_has_requests: bool
    """Whether epoll knows ioctl requests of its own, and says EINVAL of all others. Before Linux 6.9 it had none, and
    that was ENOTTY.
    """
    window_scale: int
    """Window scale offered when SO_RCVBUF was not set: log2(tcp_rmem[2]) - 15."""
    buffer_descriptor: int
    buffer_trailer: int
    """Of a buffer's overhead, what lies outside its head, and what lies behind the data in it (struct sk_buff, struct
    skb_shared_info).
    """
    collapsed_max: int
    """Bytes of data in one buffer when a receive queue is collapsed (SKB_MAX_ORDER)."""
    head_room: int
    """Bytes of data that the head of a TCP buffer holds behind its headers (SKB_SMALL_HEAD_SIZE - MAX_TCP_HEADER). It
    was more before Linux 6.3, whose heads were larger.
    """
    fragments_max: int
    """Page fragments that one buffer can hold (MAX_SKB_FRAGS)."""
    page_fragment: int
    """Size of the page fragment to which sent bytes are copied (SKB_FRAG_PAGE_ORDER)."""
    page_rest_min: int
    """A page fragment with fewer bytes left than this is full (sk_page_frag_refill)."""
    page: int
    """Memory is reserved for sockets in units of this (PAGE_SIZE)."""
    somaxconn: int
    """Longest accept queue (net.core.somaxconn)."""
    ephemeral_ports: tuple[int, int]
    """First and last port handed out for port 0 (net.ipv4.ip_local_port_range)."""

    shutdown_sticks_before_connect: bool
    """Linux: shutdown() of a socket never connected answers ENOTCONN, but the direction stays shut. POSIX: nothing
    changes.
    """


LINUX = Profile(
    name="linux",
    release="6.18",
    jiffy_ns=4 * MS,
    first_tick=-75_000,
    delayed_ack_min_ns=40 * MS,
    delayed_ack_max_ns=200 * MS,
    compressed_ack_ns=1 * MS,
    compressed_ack_slack_ns=100_000,
    compressed_acks_max=44,
    rto_initial_ns=1 * SECOND,
    rto_min_ns=200 * MS,
    rto_max_ns=120 * SECOND,
    tail_probe_min_ns=2 * MS,
    rto_fallback_ns=3 * SECOND,
    syn_retries=6,
    syn_linear_timeouts=4,
    synack_retries=5,
    syn_cookies=1,
    cookie_ns=60 * SECOND,
    cookie_mss=(536, 1300, 1440, 1460),
    max_syn_backlog=4096,
    abort_on_overflow=False,
    data_retries=15,
    orphan_retries=8,
    keepalive_idle_ns=7200 * SECOND,
    keepalive_interval_ns=75 * SECOND,
    keepalive_probes=9,
    challenge_ns=500 * MS,
    time_wait_ns=60 * SECOND,
    fin_wait_2_ns=60 * SECOND,
    quick_acks_max=16,
    pingpong_threshold=1,
    congestion_control="reno",
    tunes_receive_buffers=False,
    slow_start_after_idle=True,
    initial_cwnd=10,
    path_mtu_min=552,
    path_mtu_ns=600 * SECOND,
    loopback_mtu=65535,
    ecn=2,
    ecn_fallback=True,
    timestamps=True,
    paws_days=24,
    run_max=65343,
    tso_win_divisor=3,
    packet_max=65536 - 66,
    tcp_rmem=(4096, 131072, 33554432),
    tcp_wmem=(4096, 16384, 4194304),
    rmem_max=4194304,
    wmem_max=4194304,
    udp_rmem=212992,
    udp_wmem=212992,
    rcvbuf_min=2304,
    sndbuf_min=4608,
    buffer_overhead=832,
    small_head=576,
    window_ratio=128,
    window_ratio_measured=True,
    first_window_max=65535 << 14,
    lowat_sets_clamp=False,
    no_memory_closes_window=True,
    fin_enters_closed_window=True,
    zero_window_is_news=True,
    acks_wait_for_calls=True,
    buffers_fill_up=True,
    udp_overruns=False,
    udp_reserves_missing=True,
    epoll_has_requests=True,
    window_scale=10,
    buffer_descriptor=256,
    buffer_trailer=320,
    collapsed_max=3776,
    head_room=64,
    fragments_max=17,
    page_fragment=32768,
    page_rest_min=32,
    page=4096,
    somaxconn=4096,
    ephemeral_ports=(32768, 60999),
    shutdown_sticks_before_connect=True,
)
"""With the settings pinned that keep the kernel from agreeing with itself (realnet/settings.py)."""

_DEFAULTS: dict[str, Any] = {"congestion_control": "cubic", "tunes_receive_buffers": True}


def with_default_settings(profile: Profile) -> Profile:
    """The same system with the settings that its kernel begins with, but for bbr where a machine prefers that. On
    loopback auto-corking makes no difference: it waits while the device holds something, and this one never does.
    """
    return attrs.evolve(profile, **_DEFAULTS)


LINUX_DEFAULT = with_default_settings(LINUX)
