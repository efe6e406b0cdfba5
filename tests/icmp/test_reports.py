"""Reports of errors that a wire brings: what MSG_ERRQUEUE says of each kind, for datagrams and for attempts to connect.

Not here: reports on loopback, and what a program's own calls make of the queue (tests/simnet/test_messages.py).
"""

from __future__ import annotations

import errno
import struct
from typing import Any

import pytest

from model.values.constants import (
    IP_MTU_DISCOVER,
    IP_PMTUDISC_DO,
    IP_RECVERR,
    IPPROTO_IP,
    MSG_ERRQUEUE,
    MSG_TRUNC,
    POLLERR,
    SO_MEMINFO,
    SOL_SOCKET,
)
from model.values.icmp import MEANS
from model.values.packets import Icmp, IcmpError, IpPacket
from model.values.wire import encode, error_about

from .bench import HERE, PEER, PEER_PORT, PORT, ROUTER, Bench, Sock, on_both_arms

K = IcmpError
REPORTED = [kind for kind in K if kind is not K.REASSEMBLY_TIME_EXCEEDED]


def report(sock: Sock, size: int = 2000) -> Any:
    """Bytes; errno, origin, type, code, info; who complains; flags; whom it was for."""
    answer = sock.call("recvmsg", size, 100, MSG_ERRQUEUE) if not hasattr(sock, "host") else _of_model(sock, size)
    if isinstance(answer, str):
        return answer
    data, ((level, kind, told),), flags, goal = answer
    assert (level, kind) == (IPPROTO_IP, IP_RECVERR)
    number, *what, data_word, family, port, ip = struct.unpack("=IBBBxIIHH4s8x", told)
    assert (data_word, port) == (0, 0)
    return data, (number, *what), ".".join(map(str, ip)) if family else "", flags, goal


def _of_model(sock: Sock, size: int) -> Any:
    return sock.call("recvmsg", size, MSG_ERRQUEUE, 100)


def used(sock: Sock) -> int:
    """Bytes of the receive buffer."""
    return int(struct.unpack("9I", sock.call("getsockopt", SOL_SOCKET, SO_MEMINFO, 36))[0])


def asking(bench: Bench) -> Sock:
    sock = bench.udp()
    sock.call("setsockopt", IPPROTO_IP, IP_RECVERR, 1)
    return sock


@pytest.mark.parametrize("kind", REPORTED, ids=lambda kind: kind.name.lower())
@on_both_arms
def test_a_report_says_what_the_error_says(bench: Bench, kind: K) -> None:
    sock = asking(bench)
    sock.call("sendto", b"datagram", (PEER, PEER_PORT))
    (sent,) = bench.packets()
    bench.inject(error_about(sent, kind, src=ROUTER, mtu=0x0700_0400))
    code = errno.EMSGSIZE if kind is K.PACKET_TOO_BIG else MEANS[kind]
    info = 0x400 if kind is K.PACKET_TOO_BIG else 7 if kind is K.PARAMETER_PROBLEM else 0
    assert (used(sock), sock.error()) == (832, errno.errorcode[code])
    told = (code, 2, *kind.of(4), info)
    assert report(sock) == (b"datagram", told, ROUTER, MSG_ERRQUEUE, (PEER, PEER_PORT))
    assert (used(sock), report(sock)) == (0, "EAGAIN")


@pytest.mark.parametrize("size", [0, 1, 100, 129, 200, 520, 521, 1400])
@on_both_arms
def test_a_report_has_the_bytes_that_are_quoted(bench: Bench, size: int) -> None:
    """And costs as much as the packet that brought it; near 160 bytes one from a TUN device costs more than another."""
    sock = asking(bench)
    payload = bytes(range(200)) * 7
    sock.call("sendto", payload[:size], (PEER, PEER_PORT))
    (sent,) = bench.packets()
    bench.inject(error_about(sent, K.HOST_UNREACHABLE, src=ROUTER))
    told = (errno.EHOSTUNREACH, 2, 3, 1, 0)
    cost = used(sock)
    assert report(sock) == (payload[: min(size, 520)], told, ROUTER, MSG_ERRQUEUE, (PEER, PEER_PORT))
    assert cost == (832 if size < 150 else 1280)


@on_both_arms
def test_a_quote_may_be_shorter_or_longer(bench: Bench) -> None:
    """RFC 792 wants eight bytes behind the header, and nothing forbids all of it."""
    sock = asking(bench)
    sock.call("sendto", bytes(1000), (PEER, PEER_PORT))
    (sent,) = bench.packets()
    for quoted in (28, 30, 1028):
        message = Icmp(3, 1, 0, encode(sent)[:quoted])
        bench.inject(IpPacket(ROUTER, HERE, message))
        assert len(report(sock)[0]) == quoted - 28
    assert (sock.error(), used(sock)) == ("", 0)


@on_both_arms
def test_a_datagram_that_may_not_be_cut_is_reported_with_the_size_that_fits(bench: Bench) -> None:
    sock = asking(bench)
    sock.call("setsockopt", IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO)
    assert sock.call("sendto", bytes(1473), (PEER, PEER_PORT)) == "EMSGSIZE"
    assert report(sock) == (b"", (errno.EMSGSIZE, 1, 0, 0, 1500), "", MSG_ERRQUEUE, (PEER, 0))
    sock.call("sendto", bytes(1472), (PEER, PEER_PORT))
    bench.error(K.PACKET_TOO_BIG, protocol="udp", mtu=1000)
    assert (sock.error(), report(sock)[1]) == ("EMSGSIZE", (errno.EMSGSIZE, 2, 3, 4, 1000))
    assert sock.call("sendto", bytes(973), (PEER, PEER_PORT)) == "EMSGSIZE"
    assert report(sock)[1] == (errno.EMSGSIZE, 1, 0, 0, 1000)


@pytest.mark.parametrize("hears", [0, 1])
@on_both_arms
def test_an_attempt_to_connect_is_reported_even_to_who_never_asked(bench: Bench, hears: int) -> None:
    """POLLERR shows until the report is read, though SO_ERROR was (tcp_v4_err)."""
    sock = bench.tcp()
    sock.call("setsockopt", IPPROTO_IP, IP_RECVERR, hears)
    sock.call("connect", (PEER, PEER_PORT))
    (syn,) = bench.packets()
    bench.text(syn)
    bench.inject(error_about(syn, K.HOST_UNREACHABLE, src=ROUTER))
    assert (used(sock), sock.error(), sock.poll() & POLLERR) == (832, "EHOSTUNREACH", POLLERR)
    quoted = encode(syn)[20:]
    flags = MSG_ERRQUEUE | MSG_TRUNC
    told = (errno.EHOSTUNREACH, 2, 3, 1, 0)
    assert report(sock, 8) == (quoted[:8], told, ROUTER, flags, (PEER, PEER_PORT))
    assert (used(sock), report(sock), sock.poll() & POLLERR) == (0, "EAGAIN", 0)


@on_both_arms
def test_what_a_connection_outlives_is_not_reported(bench: Bench) -> None:
    """It is pending, if the program asks for it, and no report waits."""
    sock = bench.tcp()
    sock.call("setsockopt", IPPROTO_IP, IP_RECVERR, 1)
    sock.call("connect", (PEER, PEER_PORT))
    bench.take()
    bench.segment("S.", 0, 1)
    sock.call("send", b"x")
    bench.take()
    bench.error(K.HOST_UNREACHABLE, seq=1, port=PORT)
    assert (report(sock), sock.error(), used(sock)) == ("EAGAIN", "EHOSTUNREACH", 0)
