"""TCP_INFO and SO_MEMINFO: what a socket tells of itself.

Not here: the fields of struct tcp_info behind the first 104 bytes.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from ...profiles import MS
from ...tcp.block import Tcb
from ...udp.machine import UdpSocket
from ...values.constants import IPPROTO_TCP, SO_MEMINFO, SOL_SOCKET, TCP_INFO, TcpState
from .row import Option

if TYPE_CHECKING:
    from ...world.host import Host

HEADERS = 40
"""IPv4 and TCP without options, in bytes."""
_TCP_INFO = struct.Struct("=8B24I")


def _tcp_info(tcb: Tcb, host: Host) -> bytes:
    """The first 104 bytes of struct tcp_info. Not modelled are tcpi_fackets and tcpi_last_ack_sent: they are 0, and
    tcpi_rcv_space where buffers do not tune themselves: it stays what it was at first.
    """
    return _TCP_INFO.pack(*tcp_info(tcb, host).values())


def tcp_info(tcb: Tcb, host: Host) -> dict[str, int]:
    """The fields of struct tcp_info by name, without their prefix and in their order; times as the kernel counts them,
    in microseconds or milliseconds (`tcp_get_info`).
    """
    listens = tcb.state is TcpState.LISTEN
    connected = not listens and tcb.state is not TcpState.CLOSED
    agreed = tcb.timestamps | tcb.sack_permitted << 1 | tcb.scales << 2 if connected else 0
    agreed |= tcb.ecn << 3 | tcb.marks_seen << 4 if connected else 0
    return {
        "state": int(tcb.state), "ca_state": int(tcb.recovery), "retransmits": tcb.retransmits, "probes": tcb.probes,
        "backoff": tcb.backoff, "options": agreed, "wscale": tcb.snd_scale | tcb.rcv_scale << 4, "flags": 0,
        "rto": tcb.rto_ns // 1000, "ato": tcb.ato_ns // 1000, "snd_mss": tcb.mss, "rcv_mss": tcb.rcv_mss,
        "unacked": len(tcb.accept_queue) if listens else tcb.in_flight,
        "sacked": tcb.backlog_limit if listens else tcb.sacked_out,
        "lost": tcb.lost_out, "retrans": tcb.resent_out, "fackets": 0,
        "last_data_sent": _since_ms(tcb.last_sent_ns, host), "last_ack_sent": 0,
        "last_data_recv": _since_ms(tcb.last_received_ns, host), "last_ack_recv": _since_ms(tcb.heard_ns, host),
        "pmtu": tcb.path_mss + HEADERS, "rcv_ssthresh": tcb.rcv_ssthresh, "rtt": tcb.srtt_us8 >> 3,
        "rttvar": tcb.mdev_us4 >> 2, "snd_ssthresh": tcb.ssthresh, "snd_cwnd": tcb.cwnd, "advmss": tcb.advertised_mss,
        "reordering": tcb.reordering, "rcv_rtt": tcb.receive_trip_us8 >> 3, "rcv_space": 0, "total_retrans": tcb.resent,
    }  # fmt: skip


def _since_ms(at_ns: int, host: Host) -> int:
    return max(host.now_ns - at_ns, 0) // MS if at_ns >= 0 else 0


def _meminfo(end: Tcb | UdpSocket, host: Host) -> bytes:
    """SO_MEMINFO's nine numbers. Not modelled are wmem_alloc of TCP, optmem and backlog: they are 0."""
    allocated, queued = (0, end.wmem) if isinstance(end, Tcb) else (end.wmem, 0)
    reserved = end.reserved & 0xFFFFFFFF
    return struct.pack("=9I", end.rmem, end.rcvbuf, allocated, end.sndbuf, reserved, queued, 0, 0, end.drops)


ROWS = (
    Option(
        SOL_SOCKET,
        SO_MEMINFO,
        "SO_MEMINFO",
        _meminfo,
        note="Nine numbers, the accounts of its memory; of four bytes the first.",
    ),
    Option(IPPROTO_TCP, TCP_INFO, "TCP_INFO", _tcp_info, note="struct tcp_info, its first 104 bytes."),
)
