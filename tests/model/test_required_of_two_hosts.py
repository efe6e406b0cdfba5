"""What the standards ask of two hosts that talk to each other: windows, initial numbers, timestamps, keep-alive.

Each is named in the ledger (docs/adherence/).

Not here: loss and congestion (test_required_on_a_wire.py), peculiar peers (test_required_of_a_stranger.py).
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from itertools import pairwise

import pytest

from model import SimNet
from model.trace import WireEvent
from model.values.constants import (
    IPPROTO_TCP,
    SO_ERROR,
    SO_KEEPALIVE,
    SOL_SOCKET,
    TCP_KEEPCNT,
    TCP_KEEPIDLE,
    TCP_KEEPINTVL,
    TcpFlag,
)
from model.values.segments import Segment

from .test_forged import victim
from .test_required_on_a_wire import FULL, Flow, segments
from .traces import NOBODY, ModelNet, interactive

# ---------------------------------------------------------------- acknowledgements and windows


def test_every_second_full_segment_is_acknowledged() -> None:
    """RFC 9293 SHLD-19; RFC 5681 §4.2. The reader reads each segment as it comes."""
    flow = Flow(200_000, bits_per_second=20_000_000, queue=1000).run()
    here = 0
    for seen in flow.acks():
        if seen.ack > 1 and seen.segment.flags & TcpFlag.ACK:
            assert seen.ack - here <= 2 * FULL + 1
            here = seen.ack
    assert here >= 200_000


def test_a_window_never_shrinks() -> None:
    """RFC 9293 SHLD-14: the last number that may be sent never goes back, though the reader is slow."""
    with SimNet(seed=2) as net:
        b = net.host("b")
        listener = b.socket.create_server((b.address, 80))
        client = net.socket.create_connection((b.address, 80))
        server = listener.accept()[0]
        client.setblocking(False)
        server.setblocking(False)
        for turn in range(200):
            try:
                client.send(bytes(20_000))
            except BlockingIOError:
                pass
            if turn % 3 == 0:
                try:
                    server.recv(1000 * (turn % 7))
                except BlockingIOError:
                    pass
            net.time.sleep(0.01)
        edges = [
            packet.ack + packet.window
            for packet in segments(net)
            if packet.src[1] == 80 and not packet.flags & TcpFlag.SYN
        ]
        assert edges == sorted(edges)
        assert any(packet.window == 0 for packet in segments(net) if packet.src[1] == 80), "it was closed in between"
        for end in (client, server, listener):
            end.close()


# ---------------------------------------------------------------- opening


def test_two_hosts_that_call_each_other_share_one_connection() -> None:
    """RFC 9293 MUST-10, figure 7: the SYNs cross, and both ends are established without a listener."""
    with SimNet(seed=1) as net:
        b = net.host("b")
        net.wire.set(delay=0.05)
        here, there = net.socket.socket(), b.socket.socket()
        here.bind((net.address, 5000))
        there.bind((b.address, 6000))
        for end, address in ((here, (b.address, 6000)), (there, (net.address, 5000))):
            end.setblocking(False)
            assert end.connect_ex(address) == errno.EINPROGRESS
        net.time.sleep(1)
        assert [end.connect_ex(("10.0.0.9", 1)) for end in (here, there)] == [0, 0]
        assert [packet.flags & (TcpFlag.SYN | TcpFlag.ACK) for packet in segments(net)][:4] == [2, 2, 18, 18]
        here.send(b"from here")
        there.send(b"from there")
        net.time.sleep(1)
        assert (here.recv(100), there.recv(100)) == (b"from there", b"from here")
        here.close()
        there.close()


def initial_sequence(net: ModelNet, port: int) -> int:
    """The first number of a connection from `port` to nobody."""
    end = net.tcp("client")
    assert end.bind(("127.0.0.1", port)) is None
    end.connect(NOBODY)
    syn = [packet for packet in sent_by(net) if packet.flags & TcpFlag.SYN][-1]
    end.close()
    return syn.seq


def sent_by(net: ModelNet) -> Iterator[Segment]:
    for event in net.trace.events:
        if isinstance(event, WireEvent) and isinstance(event.packet, Segment):
            yield event.packet


def test_initial_numbers_follow_a_clock() -> None:
    """RFC 9293 MUST-8: for the same addresses and ports, one in 64 nanoseconds, where the RFC has 4 microseconds."""
    net = ModelNet()
    first = initial_sequence(net, 5000)
    net.wait(0.01)
    net.wait(0.01)
    assert (initial_sequence(net, 5000) - first) % 2**32 == 20_000_000 // 64


def test_initial_numbers_tell_nothing_of_other_connections() -> None:
    """RFC 9293 SHLD-1, MUST-9: each pair begins elsewhere, and where depends on a secret."""
    one, other = ModelNet(seed=1), ModelNet(seed=2)
    numbers = [initial_sequence(net, port) for net in (one, other) for port in (5000, 5001, 5002)]
    assert len(set(numbers)) == 6
    assert len({(b - a) % 2**32 for a, b in pairwise(numbers)}) == 5


# ---------------------------------------------------------------- timestamps


def test_every_segment_has_timestamps_if_both_syns_had() -> None:
    """RFC 7323 §3.2."""
    flow = Flow(100_000, back=30_000).run()
    assert all(seen.segment.timestamps for seen in flow.seen)
    assert flow.seen[0].segment.timestamps is not None
    assert flow.seen[0].segment.timestamps[1] == 0, "a SYN has nothing to echo"


def test_the_clock_of_timestamps_counts_milliseconds() -> None:
    """RFC 7323 §5.4; each pair of hosts has a start of its own."""
    flow = Flow(100_000).run()
    for source in ("lo", "b"):
        mine = [seen for seen in flow.seen if seen.source == source and seen.segment.timestamps]
        starts = {(seen.segment.timestamps[0] - int(seen.at_s * 1000 + 1e-6)) % 2**32 for seen in mine}  # type: ignore[index]
        assert len(starts) == 1


def test_a_delayed_acknowledgement_echoes_the_first_segment() -> None:
    """RFC 7323 §4.3: of two that it answers, so that the round trip measured includes the delay."""
    net = ModelNet()
    client, server = interactive(net, nodelay=True)
    net.wait(0.5)
    before = net.host.now_ns
    server.send(b"first")
    net.wait(0.003)
    server.send(b"second")
    net.wait(0.1)
    packets = [event.packet for event in net.trace.events if isinstance(event, WireEvent) and event.at_ns >= before]
    stamps = [packet.timestamps for packet in packets if isinstance(packet, Segment)]
    assert stamps[0] is not None
    assert stamps[1] is not None
    assert stamps[-1] is not None
    assert stamps[1][0] - stamps[0][0] == 3
    answer = next(each for each in packets if isinstance(each, Segment) and each.dst[1] == 80)
    assert answer.timestamps is not None
    assert answer.timestamps[1] == stamps[0][0]
    assert client.recv() == b"firstsecond"


@pytest.mark.parametrize(("days", "old"), [(20, True), (28, False)])
def test_after_four_weeks_of_silence_no_segment_is_old(days: int, old: bool) -> None:
    """RFC 7323 §5.5: the clock may have wrapped meanwhile, so it is not asked."""
    net = ModelNet()
    end, source, target = victim(net, "ESTABLISHED")
    net.wait(days * 86_400)
    net.forge(source, target, "P.", 1, 1, 5, late_ms=-1000)
    assert end.readable() == (0 if old else 5)


# ---------------------------------------------------------------- datagrams


def test_a_spoilt_datagram_is_dropped_without_a_word() -> None:
    """RFC 1122 §4.1.3.4."""
    with SimNet() as net:
        b = net.host("b")
        there, here = b.socket.socket(type=b.socket.SOCK_DGRAM), net.socket.socket(type=net.socket.SOCK_DGRAM)
        there.bind((b.address, 53))
        there.setblocking(False)
        here.connect((b.address, 53))
        net.wire.judge = lambda passing: net.wire.CORRUPT if passing.number == 1 else net.wire.PASS
        for data in (b"spoilt", b"whole"):
            here.send(data)
            net.time.sleep(0.01)
        assert there.recv(100) == b"whole"
        with pytest.raises(BlockingIOError):
            there.recv(100)
        assert here.getsockopt(SOL_SOCKET, SO_ERROR) == 0
        there.close()
        here.close()


# ---------------------------------------------------------------- keep-alive


def test_no_probe_goes_while_something_is_on_its_way() -> None:
    """RFC 9293 MUST-26: the retransmission timer finds out whether the peer lives."""
    with SimNet() as net:
        b = net.host("b")
        listener = b.socket.create_server((b.address, 80))
        client = net.socket.create_connection((b.address, 80))
        server = listener.accept()[0]
        client.setsockopt(IPPROTO_TCP, TCP_KEEPIDLE, 2)
        client.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1)
        net.time.sleep(1)
        net.wire.partition("lo", "b")
        client.send(b"nobody hears")
        net.time.sleep(60)
        late = [each for each in segments(net) if each.src[0] == net.address and not each.flags & TcpFlag.SYN][1:]
        assert len(late) > 5
        assert all(each.data for each in late)
        for end in (client, server, listener):
            end.close()


def test_one_unanswered_probe_is_no_proof() -> None:
    """RFC 9293 MUST-29: the answer is lost once, the next arrives, and the connection stands."""
    with SimNet() as net:
        b = net.host("b")
        listener = b.socket.create_server((b.address, 80))
        client = net.socket.create_connection((b.address, 80))
        server = listener.accept()[0]
        for option, value in ((TCP_KEEPIDLE, 10), (TCP_KEEPINTVL, 5), (TCP_KEEPCNT, 2)):
            client.setsockopt(IPPROTO_TCP, option, value)
        client.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1)
        net.time.sleep(1)
        net.wire.partition("lo", "b", one_way=True)
        net.time.sleep(11)
        net.wire.heal("lo", "b", one_way=True)
        net.time.sleep(100)
        client.setblocking(False)
        with pytest.raises(BlockingIOError):
            client.recv(1)
        for end in (client, server, listener):
            end.close()
