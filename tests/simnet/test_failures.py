"""Networks that fail, as a scenario in plain socket code sees them: unreachable, forbidden, silent, too narrow.

Not here: each ICMP error against the kernel (tests/icmp).
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from model import SimNet
from model.trace import WireEvent
from model.values.packets import IpPacket
from model.values.segments import Fragment, Segment, ip_size
from model.values.wire import decode
from wouldblock.pcap import pcapng

pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # programs end without closing

TRIP = 0.02
CONNECTS = [
    ("net", errno.ENETUNREACH, TRIP),
    ("host", errno.EHOSTUNREACH, TRIP),
    ("protocol", errno.ENOPROTOOPT, TRIP),
    ("port", errno.ECONNREFUSED, TRIP),
    ("prohibited", errno.EHOSTUNREACH, TRIP),
    ("hops", errno.EHOSTUNREACH, TRIP),
    ("arp", errno.EHOSTUNREACH, 3.0),
    ("route", errno.ENETUNREACH, 0.0),
    ("silence", errno.ETIMEDOUT, 127.0),
]
"""How it fails, what connect is told, and after how many seconds."""
TOLD = {"protocol": errno.ENOPROTOOPT, "port": errno.ECONNREFUSED, "prohibited": errno.EHOSTUNREACH}
"""Failures that a connected UDP socket hears of from the network."""


@pytest.fixture
def net() -> Iterator[SimNet]:
    with SimNet(seed=1) as net:
        net.host("b")
        net.wire.set(delay=TRIP)
        yield net


def served(net: SimNet) -> tuple[Any, Any]:
    """A connection to host b, and its other end."""
    b = net.host("b")
    listener = b.socket.create_server((b.address, 80))
    client = net.socket.create_connection((b.address, 80))
    return client, listener.accept()[0]


def on_the_wire(net: SimNet) -> list[WireEvent]:
    return [event for event in net.trace.events if isinstance(event, WireEvent)]


def texts(net: SimNet, words: str) -> list[str]:
    return [event.text for event in on_the_wire(net) if words in event.text]


# ---------------------------------------------------------------- unreachable


@pytest.mark.parametrize(("how", "code", "seconds"), CONNECTS, ids=[how for how, _, _ in CONNECTS])
@pytest.mark.parametrize("target", ["b", "10.0.0.77"])
def test_connecting(net: SimNet, target: str, how: str, code: int, seconds: float) -> None:
    """Whether somebody has the address or not; the path to nobody has the delay that paths begin with."""
    if seconds == TRIP and target != "b":
        seconds = 0.0001
    net.wire.unreachable(target, how=how)
    began = net.time.monotonic()
    with pytest.raises(OSError) as failed:  # noqa: PT011
        net.socket.create_connection((net.host("b").address if target == "b" else target, 80))
    assert failed.value.errno == code
    assert net.time.monotonic() - began == pytest.approx(seconds, rel=0.1, abs=0.0001)


@pytest.mark.parametrize("how", [how for how, _, _ in CONNECTS])
def test_datagrams(net: SimNet, how: str) -> None:
    """A connected socket hears of what does not pass; without a route no socket sends at all."""
    sock = net.socket.socket(type=net.socket.SOCK_DGRAM)
    sock.connect((net.host("b").address, 53))
    net.wire.unreachable("b", how=how)
    sock.setblocking(False)
    told = [sock.connect_ex((net.host("b").address, 53))] if how == "route" else []
    if how != "route":
        sock.send(b"anybody?")
        net.time.sleep(5)
        told = [sock.getsockopt(net.socket.SOL_SOCKET, net.socket.SO_ERROR) for _ in range(2)]
    assert told == ([errno.ENETUNREACH] if how == "route" else [TOLD.get(how, 0), 0])


def test_one_direction_may_be_closed(net: SimNet) -> None:
    """What b sends to others than the first host arrives; its answers to that one do not."""
    b, c = net.host("b"), net.host("c")
    net.wire.set(delay=TRIP)
    net.wire.unreachable("lo", how="host", source="b")
    _listener = b.socket.create_server((b.address, 80))
    c.socket.create_connection((b.address, 80))
    with pytest.raises(TimeoutError):
        net.socket.create_connection((b.address, 80), timeout=3)
    assert texts(net, "icmp unreachable host")


@pytest.mark.parametrize("how", ["net", "host", "prohibited", "hops", "arp", "route", "silence"])
def test_a_connection_outlives_it_and_goes_on(net: SimNet, how: str) -> None:
    """RFC 1122 §4.2.3.9."""
    client, server = served(net)
    net.wire.unreachable("b", how=how)
    client.send(b"patience")
    net.time.sleep(30)
    told = client.getsockopt(net.socket.SOL_SOCKET, net.socket.SO_ERROR)
    assert told == (0 if how == "silence" else next(code for word, code, _ in CONNECTS if word == how))
    net.wire.reachable("b")
    net.time.sleep(60)
    assert server.recv(100) == b"patience"
    assert client.getsockopt(net.socket.SOL_SOCKET, net.socket.SO_ERROR) == 0


@pytest.mark.parametrize(("how", "code"), [("host", errno.EHOSTUNREACH), ("silence", errno.ETIMEDOUT)])
def test_a_quarter_of_an_hour_later_the_network_is_quoted(net: SimNet, how: str, code: int) -> None:
    """It is given up when it would be without errors, however often it was sent again meanwhile."""
    client, _ = served(net)
    net.wire.unreachable("b", how=how)
    client.send(b"nobody hears")
    net.time.sleep(900)
    client.setblocking(False)
    with pytest.raises(BlockingIOError):
        client.recv(1)
    net.time.sleep(200)
    with pytest.raises(OSError) as failed:  # noqa: PT011
        client.recv(1)
    assert failed.value.errno == code


def test_who_hears_that_there_is_no_way_waits_less(net: SimNet) -> None:
    """RFC 6069: after half a minute the next attempt is a fraction of a second away, not half a minute."""
    client, server = served(net)
    net.wire.unreachable("b", how="host")
    client.send(b"soon")
    net.time.sleep(30)
    net.wire.reachable("b")
    net.time.sleep(1)
    assert server.recv(100) == b"soon"


def test_what_waited_for_an_address_does_not_fail_when_it_appears(net: SimNet) -> None:
    b = net.host("b")
    _listener = b.socket.create_server((b.address, 80))
    net.wire.unreachable("b", how="arp")
    client = net.socket.socket()
    client.setblocking(False)
    client.connect_ex((b.address, 80))
    net.time.sleep(2)
    net.wire.reachable("b")
    net.time.sleep(10)
    assert client.connect_ex((b.address, 80)) == 0


# ---------------------------------------------------------------- too narrow


@pytest.mark.parametrize("bottleneck", [1499, 1000, 576, 552])
def test_a_bulk_transfer_finds_out_what_fits(net: SimNet, bottleneck: int) -> None:
    """RFC 1191: a router says so about the first flight, and from then on everything fits."""
    net.wire.set("lo", "b", bottleneck=bottleneck)
    client, server = served(net)
    data = bytes(range(256)) * 800
    assert transfer(net, client, server, data) == data
    sizes = [ip_size(event.packet) for event in on_the_wire(net) if isinstance(event.packet, Segment)]
    said = texts(net, "need to frag")
    assert 1 <= len(said) <= 10, "no more than the first flight is answered"
    assert all(f"mtu {bottleneck}" in text for text in said)
    assert sum(size > bottleneck for size in sizes) == len(said)
    full = [size for size in sizes if size == bottleneck]
    assert len(full) > 100


def test_what_is_found_out_serves_the_next_connection_and_is_forgotten(net: SimNet) -> None:
    """Ten minutes later another packet has to find out."""
    net.wire.set("lo", "b", bottleneck=700)
    b = net.host("b")
    listener = b.socket.create_server((b.address, 80))
    for pause, said in ((0, 1), (1, 1), (601, 2)):
        net.time.sleep(pause)
        client = net.socket.create_connection((b.address, 80))
        server = listener.accept()[0]
        client.sendall(bytes(1400))
        net.time.sleep(1)
        assert len(server.recv(5000)) == 1400
        assert len(texts(net, "need to frag")) == said


def test_a_path_that_widens_is_used_again(net: SimNet) -> None:
    net.wire.set("lo", "b", bottleneck=700)
    client, server = served(net)
    transfer(net, client, server, bytes(5000))
    net.wire.set("lo", "b", bottleneck=65535)
    net.time.sleep(601)
    before = len(on_the_wire(net))
    transfer(net, client, server, bytes(5000))
    assert any(ip_size(e.packet) == 1500 for e in on_the_wire(net)[before:] if isinstance(e.packet, Segment))


def test_a_silent_bottleneck_is_a_black_hole_for_what_is_large(net: SimNet) -> None:
    """RFC 2923 §2.1: what is small arrives, and the connection dies of the first full segment."""
    net.wire.set("lo", "b", bottleneck=1000, silent=True)
    client, server = served(net)
    client.sendall(b"small")
    net.time.sleep(1)
    assert server.recv(100) == b"small"
    client.sendall(bytes(5000))
    net.time.sleep(1100)
    server.setblocking(False)
    with pytest.raises(BlockingIOError):
        server.recv(100)
    with pytest.raises(TimeoutError):
        client.recv(1)
    assert not texts(net, "icmp")


def test_less_than_anyone_is_believed_is_fragmented_by_the_router(net: SimNet) -> None:
    """Below 552 bytes a host leaves the cutting to routers."""
    net.wire.set("lo", "b", bottleneck=400)
    client, server = served(net)
    data = bytes(range(256)) * 40
    assert transfer(net, client, server, data) == data
    assert all("mtu 400" in text for text in texts(net, "need to frag"))


def transfer(net: SimNet, client: Any, server: Any, data: bytes) -> bytes:
    got, sent = bytearray(), 0
    client.setblocking(False)
    server.setblocking(False)
    for _ in range(10_000):
        with suppress(BlockingIOError):
            sent += client.send(data[sent:])
        with suppress(BlockingIOError):
            got += server.recv(1 << 16)
        if len(got) == len(data):
            break
        net.time.sleep(0.01)
    return bytes(got)


# ---------------------------------------------------------------- datagrams in parts


def questioner(net: SimNet) -> tuple[Any, Any]:
    b = net.host("b")
    there, here = b.socket.socket(type=b.socket.SOCK_DGRAM), net.socket.socket(type=net.socket.SOCK_DGRAM)
    there.bind((b.address, 53))
    here.connect((b.address, 53))
    there.setblocking(False)
    return here, there


def test_a_large_datagram_arrives_in_one_piece(net: SimNet) -> None:
    here, there = questioner(net)
    data = bytes(range(256)) * 20
    here.send(data)
    net.time.sleep(1)
    assert there.recv(10_000) == data
    assert sum(isinstance(event.packet, Fragment) for event in on_the_wire(net)) == 4


@pytest.mark.parametrize("lost", [1, 2, 4])
def test_a_lost_part_loses_the_datagram(net: SimNet, lost: int) -> None:
    here, there = questioner(net)
    net.wire.judge = lambda passing: net.wire.DROP if passing.number == lost else net.wire.PASS
    here.send(bytes(5120))
    here.send(b"after it")
    net.time.sleep(60)
    assert there.recv(10_000) == b"after it"
    with pytest.raises(BlockingIOError):
        there.recv(10_000)


def test_a_datagram_too_big_is_lost_and_the_next_one_is_cut(net: SimNet) -> None:
    """RFC 1191: the program is told once, and need not care."""
    net.wire.set("lo", "b", bottleneck=1000)
    here, there = questioner(net)
    here.send(bytes(1400))
    net.time.sleep(1)
    with pytest.raises(BlockingIOError):
        there.recv(2000)
    with pytest.raises(OSError, match="Message too long"):
        here.send(bytes(1400))
    here.send(bytes(1400))
    net.time.sleep(1)
    assert len(there.recv(2000)) == 1400


def test_what_is_cut_may_be_cut_again(net: SimNet) -> None:
    """Parts of 1500 bytes come to a link that takes 300; they carry no DF, and no error comes back."""
    net.wire.set("lo", "b", bottleneck=300)
    here, there = questioner(net)
    data = bytes(range(256)) * 20
    here.send(data)
    net.time.sleep(1)
    assert there.recv(10_000) == data
    assert not texts(net, "icmp")


# ---------------------------------------------------------------- the rest


def test_every_packet_of_it_can_be_captured(net: SimNet) -> None:
    net.wire.set("lo", "b", bottleneck=800)
    client, server = served(net)
    transfer(net, client, server, bytes(20_000))
    here, _ = questioner(net)
    here.send(bytes(3000))
    net.wire.unreachable("b", how="net")
    client.send(b"x")
    net.time.sleep(1)
    assert {"icmp unreachable need to frag", "icmp unreachable net", "frag"} <= {
        words for words in ("icmp unreachable need to frag", "icmp unreachable net", "frag") if texts(net, words)
    }
    whole = pcapng(net.trace)
    at, found = 0, 0
    while at < len(whole):
        kind, length = int.from_bytes(whole[at : at + 4], "little"), int.from_bytes(whole[at + 4 : at + 8], "little")
        if kind == 6:
            size = int.from_bytes(whole[at + 20 : at + 24], "little")
            assert isinstance(decode(whole[at + 28 : at + 28 + size]), IpPacket)
            found += 1
        at += length
    assert found == len(on_the_wire(net))


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda net: net.wire.unreachable("b", how="gone"), "how='gone': it is one of net, host, protocol, port"),
        (
            lambda net: net.wire.unreachable("c"),
            "there is no host 'c'; there are lo, b, and it is no address of 10.0.0.",
        ),
        (lambda net: net.wire.unreachable("10.0.0.0"), "there is no host '10.0.0.0'"),
        (lambda net: net.wire.unreachable("10.0.0.07"), "there is no host '10.0.0.07'"),
        (lambda net: net.wire.unreachable("10.0.1.7"), "there is no host '10.0.1.7'"),
        (lambda net: net.wire.unreachable("b", source="c"), "there is no host 'c'"),
        (lambda net: net.wire.reachable("c"), "there is no host 'c'"),
        (lambda net: net.wire.set(bottleneck=67), "bottleneck=67: a number of at least 68"),
    ],
)
def test_what_cannot_be(net: SimNet, act: Callable[[SimNet], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        act(net)
    _client, _server = served(net)


def test_the_same_seed_gives_the_same_trace() -> None:
    def lines() -> list[str]:
        with SimNet(seed=3) as net:
            net.host("b")
            net.wire.set(bottleneck=900)
            net.wire.weather(seed=5, loss=0.1, duplicate=0.1, reorder=0.1)
            client, server = served(net)
            transfer(net, client, server, bytes(20_000))
            here, _ = questioner(net)
            here.send(bytes(5000))
            net.time.sleep(60)
            return list(net.trace.lines())

    assert lines() == lines()
