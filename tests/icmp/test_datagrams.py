"""ICMP errors about datagrams: who is told, and what becomes of datagrams that are larger than what gets through.

Not here: fragments that are lost on the way (tests/simnet/test_failures.py).
"""

from __future__ import annotations

import errno
from itertools import pairwise

import pytest

from model.values.constants import (
    IP_MTU,
    IP_MTU_DISCOVER,
    IP_PMTUDISC_DO,
    IP_PMTUDISC_DONT,
    IP_PMTUDISC_INTERFACE,
    IP_PMTUDISC_OMIT,
    IP_PMTUDISC_PROBE,
    IP_PMTUDISC_WANT,
    IP_RECVERR,
    IPPROTO_IP,
    POLLERR,
    POLLOUT,
)
from model.values.icmp import LASTING, MEANS
from model.values.packets import IcmpError, IpPacket, Other, Udp
from model.values.wire import encode

from .bench import HERE, NOTHING, PEER, PEER_PORT, PORT, Bench, on_both_arms

K = IcmpError
TOLD = LASTING | {K.PACKET_TOO_BIG: errno.EMSGSIZE}
"""Errors that do not pass, and what a connected socket is told."""
LONGEST = 1472
"""Bytes of the largest datagram that an interface of 1500 bytes carries whole."""


@pytest.mark.parametrize("kind", K, ids=lambda kind: kind.name.lower())
@on_both_arms
def test_a_socket_that_is_not_connected_is_never_told(bench: Bench, kind: K) -> None:
    """RFC 1122 §4.1.3.3."""
    sock = bench.udp()
    assert sock.call("sendto", b"x", (PEER, PEER_PORT)) == 1
    assert bench.take() == ["udp 1 to 80 DF"]
    bench.error(kind, protocol="udp", mtu=1000)
    assert (bench.take(), sock.poll(), sock.error(), sock.call("recv", 1)) == (NOTHING, POLLOUT, "", "EAGAIN")
    assert bench.counted() == (0, 0)


@pytest.mark.parametrize("call", ["send", "recv", "error"])
@pytest.mark.parametrize("kind", K, ids=lambda kind: kind.name.lower())
@on_both_arms
def test_a_connected_socket_is_told_what_does_not_pass(bench: Bench, kind: K, call: str) -> None:
    """RFC 1122 §4.1.3.3; icmp_err_convert. Whatever call comes next tells it, once."""
    sock = bench.udp()
    sock.call("connect", (PEER, PEER_PORT))
    sock.call("send", b"x")
    bench.take()
    bench.error(kind, protocol="udp", mtu=1000)
    name = errno.errorcode[TOLD[kind]] if kind in TOLD else ""
    assert (bench.take(), sock.poll()) == (NOTHING, POLLOUT | (POLLERR if name else 0))
    if call == "error":
        assert (sock.error(), sock.error()) == (name, "")
    elif call == "recv":
        assert [sock.call("recv", 1) for _ in range(2)] == [name or "EAGAIN", "EAGAIN"]
    else:
        assert [sock.call("send", b"y") for _ in range(2)] == [name or 1, 1]
        assert bench.take() == ["udp 1 to 80 DF"] * (1 if name else 2)
    assert (sock.poll(), bench.counted()) == (POLLOUT, (0, 0))


@pytest.mark.parametrize("connected", [False, True])
@pytest.mark.parametrize("kind", K, ids=lambda kind: kind.name.lower())
@on_both_arms
def test_a_socket_that_asks_is_told_everything(bench: Bench, kind: K, connected: bool) -> None:
    """ip(7), IP_RECVERR. The error is told once, the report waits, until nobody wants it any more."""
    sock = bench.udp()
    assert sock.call("setsockopt", IPPROTO_IP, IP_RECVERR, 5) is None
    assert sock.call("getsockopt", IPPROTO_IP, IP_RECVERR) == 1
    if connected:
        sock.call("connect", (PEER, PEER_PORT))
    bench.error(kind, protocol="udp", mtu=1000)
    told = kind is not K.REASSEMBLY_TIME_EXCEEDED
    code = errno.EMSGSIZE if kind is K.PACKET_TOO_BIG else MEANS.get(kind, errno.EAGAIN)
    mask = POLLOUT | (POLLERR if told else 0)
    assert (sock.poll(), sock.call("recv", 1), sock.poll()) == (mask, errno.errorcode[code], mask)
    assert (sock.call("recv", 1), sock.error(), sock.call("sendto", b"x", (PEER, PEER_PORT))) == ("EAGAIN", "", 1)
    sock.call("setsockopt", IPPROTO_IP, IP_RECVERR, 0)
    assert sock.poll() == POLLOUT


@on_both_arms
def test_a_datagram_refused_at_home_is_reported_too(bench: Bench) -> None:
    sock = bench.udp()
    sock.call("connect", (PEER, PEER_PORT))
    for option, value in ((IP_RECVERR, 1), (IP_MTU_DISCOVER, IP_PMTUDISC_DO)):
        sock.call("setsockopt", IPPROTO_IP, option, value)
    assert (sock.call("send", bytes(70_000)), sock.poll()) == ("EMSGSIZE", POLLOUT)
    assert (sock.call("send", bytes(2000)), sock.error(), sock.poll()) == ("EMSGSIZE", "", POLLOUT | POLLERR)


@on_both_arms
def test_errors_about_other_datagrams_are_counted(bench: Bench) -> None:
    sock = bench.udp()
    sock.call("connect", (PEER, PEER_PORT))
    bench.error(K.PORT_UNREACHABLE, protocol="udp", port=PORT + 1)
    bench.error(K.PORT_UNREACHABLE, protocol="udp", peer_port=PEER_PORT + 1)
    assert (sock.poll(), bench.counted()) == (POLLOUT, (0, 2))


# ---------------------------------------------------------------- larger than what gets through


def parts(length: int, mtu: int) -> list[str]:
    """How a datagram of that many bytes leaves: whole, or in parts."""
    size = length + 8
    if size + 20 <= mtu:
        return [f"udp {length} to 80 DF"]
    cuts = [*range(0, size, (mtu - 20) // 8 * 8), size]
    return [f"fragment {begin}:{end}{'' if end == size else '+'}" for begin, end in pairwise(cuts)]


@pytest.mark.parametrize("length", [0, LONGEST, LONGEST + 1, 2952, 2953, 65507])
@on_both_arms
def test_a_datagram_larger_than_the_interface_goes_in_parts(bench: Bench, length: int) -> None:
    """RFC 791 §3.2: each but the last a multiple of eight bytes. A whole one must not be fragmented on the way."""
    sock = bench.udp()
    assert sock.call("sendto", bytes(length), (PEER, PEER_PORT)) == length
    assert bench.take() == parts(length, 1500)


@pytest.mark.parametrize("told", [1499, 1000, 900, 552])
@pytest.mark.parametrize("length", [524, 525, 872, LONGEST, 3000])
@on_both_arms
def test_what_a_router_says_is_known_to_every_later_datagram(bench: Bench, length: int, told: int) -> None:
    """RFC 1191 §3: also to another socket, and to unconnected ones."""
    sock = bench.udp()
    sock.call("sendto", bytes(LONGEST), (PEER, PEER_PORT))
    bench.take()
    bench.error(K.PACKET_TOO_BIG, protocol="udp", mtu=told)
    assert sock.call("sendto", bytes(length), (PEER, PEER_PORT)) == length
    assert bench.take() == parts(length, told)
    sock.call("sendto", bytes(length), ("10.0.0.9", PEER_PORT))
    assert bench.take() == parts(length, 1500)


@on_both_arms
def test_less_than_a_minimum_is_not_believed(bench: Bench) -> None:
    """net.ipv4.route.min_pmtu: then whatever is sent may be fragmented on the way."""
    sock = bench.udp()
    sock.call("connect", (PEER, PEER_PORT))
    sock.call("send", bytes(LONGEST))
    bench.take()
    bench.error(K.PACKET_TOO_BIG, protocol="udp", mtu=300)
    assert sock.error() == "EMSGSIZE"
    sock.call("send", bytes(400))
    sock.call("send", bytes(600))
    assert bench.take() == ["udp 400 to 80", *parts(600, 552)]


@on_both_arms
def test_what_a_datagram_learns_a_connection_knows(bench: Bench) -> None:
    sock = bench.udp()
    sock.call("sendto", bytes(LONGEST), (PEER, PEER_PORT))
    bench.take()
    bench.error(K.PACKET_TOO_BIG, protocol="udp", mtu=1000)
    bench.tcp().call("connect", (PEER, PEER_PORT))
    assert bench.take() == ["S 0:1(0) mss 960"]


# ---------------------------------------------------------------- what the program wants

DISCOVERY = {
    "dont": (IP_PMTUDISC_DONT, False, 1000, 1000),
    "want": (IP_PMTUDISC_WANT, True, 1000, 1000),
    "do": (IP_PMTUDISC_DO, True, 0, 0),
    "probe": (IP_PMTUDISC_PROBE, True, 1500, 0),
    "interface": (IP_PMTUDISC_INTERFACE, False, 1500, 0),
    "omit": (IP_PMTUDISC_OMIT, False, 1500, 1500),
}
"""The value, whether DF is set, and into what a datagram is cut that is larger than what a router said, and than the
interface; 0: it is refused.
"""


@pytest.mark.parametrize("name", DISCOVERY)
@on_both_arms
def test_ip_mtu_discover(bench: Bench, name: str) -> None:
    """ip(7), IP_MTU_DISCOVER."""
    value, whole, cut_to, cut_beyond = DISCOVERY[name]
    sock = bench.udp()
    sock.call("connect", (PEER, PEER_PORT))
    assert sock.call("setsockopt", IPPROTO_IP, IP_MTU_DISCOVER, value) is None
    assert sock.call("getsockopt", IPPROTO_IP, IP_MTU_DISCOVER) == value

    def goes(length: int, mtu: int) -> None:
        assert sock.call("send", bytes(length)) == (length if mtu else "EMSGSIZE")
        sent = parts(length, mtu) if mtu else NOTHING
        assert bench.take() == ([line.removesuffix(" DF") for line in sent] if not whole else sent)

    goes(LONGEST, 1500)
    goes(LONGEST + 1, 1500 if cut_beyond else 0)
    bench.error(K.PACKET_TOO_BIG, protocol="udp", mtu=1000)
    assert sock.error() == ("" if name == "dont" else "EMSGSIZE")
    goes(972, 1500)
    goes(973, cut_to)
    goes(LONGEST + 1, cut_beyond)
    assert (sock.call("send", bytes(65508)), sock.poll()) == ("EMSGSIZE", POLLOUT)


@on_both_arms
def test_ip_mtu(bench: Bench) -> None:
    """ip(7), IP_MTU: what is known of the path, of a socket that has one."""
    udp, tcp = bench.udp(), bench.tcp(bound=False)
    assert [sock.call("getsockopt", IPPROTO_IP, IP_MTU) for sock in (udp, tcp)] == ["ENOTCONN"] * 2
    assert udp.call("setsockopt", IPPROTO_IP, IP_MTU, 1000) == "ENOPROTOOPT"
    for value in (-1, 6):
        assert udp.call("setsockopt", IPPROTO_IP, IP_MTU_DISCOVER, value) == "EINVAL"
    assert [sock.call("getsockopt", IPPROTO_IP, IP_MTU_DISCOVER) for sock in (udp, tcp)] == [IP_PMTUDISC_WANT] * 2
    udp.call("connect", (PEER, PEER_PORT))
    assert udp.call("getsockopt", IPPROTO_IP, IP_MTU) == 1500
    udp.call("send", bytes(LONGEST))
    bench.take()
    bench.error(K.PACKET_TOO_BIG, protocol="udp", mtu=1000)
    tcp.call("connect", (PEER, PEER_PORT))
    assert [sock.call("getsockopt", IPPROTO_IP, IP_MTU) for sock in (udp, tcp)] == [1000] * 2


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0, 0), (0, 0, 1, 2), (0, 2)], ids=str)
@on_both_arms
def test_parts_that_arrive_are_made_whole_again(bench: Bench, order: tuple[int, ...]) -> None:
    """RFC 791 §3.2: in any order; with one missing there is no datagram."""
    sock = bench.udp()
    data = bytes(range(256)) * 12
    carried = encode(IpPacket(PEER, HERE, Udp(PEER_PORT, PORT, data)))[20:]
    for at in order:
        begin, end = at * 1200, min((at + 1) * 1200, len(carried))
        part = Other(17, carried[begin:end])
        bench.inject(
            IpPacket(PEER, HERE, part, identification=7, more_fragments=at < 2, fragment_offset=begin)
        )  # fmt: skip
    assert sock.call("recv", 5000) == (data if {0, 1, 2} <= set(order) else "EAGAIN")
