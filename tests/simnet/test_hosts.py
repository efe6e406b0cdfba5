"""Further hosts and the wire between them, as a scenario in plain socket code sees them.

Not here: recovery from loss as such (tests/model/test_wire.py).
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from model import SimNet
from model.trace import WireEvent
from model.values.constants import POLLIN, POLLOUT

pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # programs end without closing


@pytest.fixture
def net() -> Iterator[SimNet]:
    with SimNet(seed=1) as net:
        yield net


def served(net: SimNet) -> tuple[Any, Any, Any]:
    """A listener on host b, a connection to it from the net's own host, and its other end."""
    b = net.host("b")
    listener = b.socket.create_server((b.address, 80))
    client = net.socket.create_connection((b.address, 80))
    return listener, client, listener.accept()[0]


def packets(net: SimNet) -> list[str]:
    return [event.text for event in net.trace.events if isinstance(event, WireEvent)]


def test_every_host_has_an_address_and_modules_of_its_own(net: SimNet) -> None:
    assert net.address == "127.0.0.1"
    b, c = net.host("b"), net.host("c")
    assert (net.address, b.address, c.address) == ("10.0.0.1", "10.0.0.2", "10.0.0.3")
    assert net.host("b") is b
    assert len({id(host.socket.socket) for host in (net, b, c)}) == 3
    near, far = net.socket.socket(), b.socket.socket()
    near.bind(("0.0.0.0", 80))
    far.bind(("0.0.0.0", 80))
    with pytest.raises(OSError, match="Cannot assign requested address"):
        b.socket.socket().bind((net.address, 81))


def test_a_connection_has_the_addresses_of_both(net: SimNet) -> None:
    _, client, server = served(net)
    assert (client.getsockname()[0], client.getpeername()) == ("10.0.0.1", ("10.0.0.2", 80))
    assert server.getpeername() == client.getsockname()
    client.sendall(b"across")
    assert server.recv(100) == b"across"


def test_time_is_common_and_a_connection_takes_a_round_trip(net: SimNet) -> None:
    b = net.host("b")
    net.wire.set(delay=0.05)
    _listener = b.socket.create_server((b.address, 80))
    began = net.time.monotonic()
    net.socket.create_connection((b.address, 80))
    assert net.time.monotonic() - began == pytest.approx(0.1)
    assert b.time.monotonic() == net.time.monotonic()


def test_a_connect_is_in_progress_until_the_answer_is_here(net: SimNet) -> None:
    b = net.host("b")
    net.wire.set(delay=0.05)
    _listener = b.socket.create_server((b.address, 80))
    client = net.socket.socket()
    client.setblocking(False)
    poll = net.select.poll()
    poll.register(client, POLLIN | POLLOUT)
    answers = [client.connect_ex((b.address, 80)), client.connect_ex((b.address, 80))]
    assert (answers, poll.poll(99)) == ([errno.EINPROGRESS, errno.EALREADY], [])
    assert poll.poll(2) == [(client.fileno(), POLLOUT)]
    assert [client.connect_ex((b.address, 80)) for _ in range(2)] == [0, errno.EISCONN]


def test_nobody_listens_there(net: SimNet) -> None:
    with pytest.raises(ConnectionRefusedError):
        net.socket.create_connection((net.host("b").address, 80))


def test_no_route_and_a_black_hole(net: SimNet) -> None:
    net.host("b")
    with pytest.raises(OSError, match="Network is unreachable"):
        net.socket.create_connection(("10.0.1.1", 80))
    with pytest.raises(TimeoutError):
        net.socket.create_connection(("10.0.0.99", 80), timeout=5)


def test_datagrams_cross_and_their_errors_come_back(net: SimNet) -> None:
    b = net.host("b")
    net.wire.set(delay=0.01)
    there, here = b.socket.socket(type=b.socket.SOCK_DGRAM), net.socket.socket(type=net.socket.SOCK_DGRAM)
    there.bind((b.address, 53))
    here.connect((b.address, 53))
    here.send(b"question")
    data, who = there.recvfrom(100)
    assert (data, who) == (b"question", here.getsockname())
    there.close()
    here.send(b"again")
    with pytest.raises(ConnectionRefusedError):
        here.recv(100)


def test_a_segment_holds_what_the_mtu_allows(net: SimNet) -> None:
    b = net.host("b")
    net.wire.set(mtu=1000)
    listener = b.socket.create_server((b.address, 80))
    client = net.socket.create_connection((b.address, 80))
    server = listener.accept()[0]
    client.sendall(bytes(5000))
    net.time.sleep(1)
    assert len(server.recv(10_000)) == 5000
    assert {text.split("(")[1].split(")")[0] for text in packets(net) if "(" in text} == {"0", "948", "260"}


def test_the_third_packet_is_lost_and_comes_again(net: SimNet) -> None:
    b = net.host("b")
    net.wire.judge = lambda passing: net.wire.DROP if passing.source == "lo" and passing.number == 3 else net.wire.PASS
    listener = b.socket.create_server((b.address, 80))
    client = net.socket.create_connection((b.address, 80))
    server = listener.accept()[0]
    client.send(b"lost once")
    assert server.recv(100) == b"lost once"
    assert sum("P. 1:10(9)" in text for text in packets(net)) == 2


def test_held_packets_are_let_go_in_another_order(net: SimNet) -> None:
    _, client, server = served(net)
    net.wire.hold("lo", "b")
    client.setsockopt(net.socket.IPPROTO_TCP, net.socket.TCP_NODELAY, 1)
    for part in (b"one", b"two", b"three"):
        client.send(part)
    net.time.sleep(0.001)
    assert len(net.wire.held) == 3
    assert net.wire.release([2, 0, 1]) == 3
    net.time.sleep(0.01)
    assert server.recv(100) == b"onetwothree"


def test_a_partition_is_healed(net: SimNet) -> None:
    _, client, server = served(net)
    net.wire.partition("lo", "b")
    client.send(b"patience")
    net.time.sleep(5)
    server.setblocking(False)
    with pytest.raises(BlockingIOError):
        server.recv(100)
    net.wire.heal("lo", "b")
    net.time.sleep(60)
    assert server.recv(100) == b"patience"


def test_a_partition_that_lasts_ends_the_connection_in_bounded_time(net: SimNet) -> None:
    _, client, _ = served(net)
    net.wire.partition("lo", "b")
    client.send(b"nobody hears")
    net.time.sleep(1800)
    with pytest.raises(TimeoutError):
        client.recv(1)


def test_a_host_that_crashed_resets_what_it_does_not_remember(net: SimNet) -> None:
    _, client, _ = served(net)
    net.wire.crash("b")
    client.send(b"are you there?")
    with pytest.raises(ConnectionResetError):
        client.recv(1)


def test_a_queue_that_is_full_drops(net: SimNet) -> None:
    listener, client, server = served(net)
    net.wire.set(delay=0.02, rate=1_000_000, queue=4)
    client.setblocking(False)
    data, taken, got = bytes(range(256)) * 400, 0, bytearray()
    server.setblocking(False)
    while len(got) < len(data):
        with suppress(BlockingIOError):
            taken += client.send(data[taken:])
        with suppress(BlockingIOError):
            got += server.recv(65536)
        net.time.sleep(0.01)
    assert bytes(got) == data
    assert net.world.wire.path("lo", "b").dropped > 0
    listener.close()


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda net: net.wire.set(delay=-1), "delay=-1: a number of at least 0"),
        (lambda net: net.wire.set(rate=float("nan")), "rate=nan"),
        (lambda net: net.wire.set(mtu=68), "mtu=68: a number of at least 576"),
        (lambda net: net.wire.set("nowhere", delay=1), "there is no host 'nowhere'; there are lo, b"),
        (lambda net: net.wire.partition("lo", "c"), "there is no host 'c'"),
        (lambda net: net.wire.crash("c"), "there is no host 'c'"),
        (lambda net: net.wire.weather(loss=5), "loss=5: a probability"),
        (lambda net: net.host("b b"), "host 'b b': a name of letters"),
    ],
)
def test_what_cannot_be(net: SimNet, act: Callable[[SimNet], Any], message: str) -> None:
    net.host("b")
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        act(net)


def test_the_same_seed_gives_the_same_trace() -> None:
    def lines() -> list[str]:
        with SimNet(seed=3) as net:
            net.host("b")
            net.wire.weather(seed=5, loss=0.1, duplicate=0.1, reorder=0.1)
            _, client, server = served(net)
            client.sendall(bytes(20_000))
            net.time.sleep(60)
            server.recv(100_000)
            return list(net.trace.lines())

    assert lines() == lines()
