"""SO_BROADCAST, one body on two arms: who may send to everybody, who gets it, and what a connected socket remembers.

Not here: what goes over a wire; sockets that are bound to such an address.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from model import SimNet
from realnet import NamespaceRefused, RealNet

from .test_options import outcome, played

LOOPBACK, EVERYBODY = "127.255.255.255", "255.255.255.255"
Keep = Callable[[Any], Any]


def made(net: Any, keep: Keep, name: tuple[str, int] | None = None, *, allowed: bool = True) -> Any:
    sock = keep(net.socket.socket(type=net.socket.SOCK_DGRAM))
    sock.setblocking(False)
    sock.setsockopt(net.socket.SOL_SOCKET, net.socket.SO_BROADCAST, allowed)
    sock.setsockopt(net.socket.SOL_SOCKET, net.socket.SO_REUSEADDR, 1)
    if name is not None:
        sock.bind(name)
    return sock


def who_may_send(net: Any, keep: Keep) -> Any:
    seen = []
    for there in ((LOOPBACK, 7000), (EVERYBODY, 7000)):
        for name in (None, ("0.0.0.0", 6000), ("127.0.0.1", 6000)):
            for allowed in (False, True):
                sock = made(net, keep, name, allowed=allowed)
                sent = outcome(sock.sendto, b"x", there), sock.getsockname()[1] > 0
                connected = outcome(sock.connect, there), outcome(sock.getpeername), sock.getsockname()[0]
                again = outcome(sock.send, b"y"), outcome(sock.sendto, b"z", ("127.0.0.1", 9)), outcome(sock.send, b"y")
                seen.append((sent, connected, again, sock.getsockopt(1, 4)))
                sock.close()
    return seen


def who_gets_it(net: Any, keep: Keep) -> Any:
    everybody = [made(net, keep, (ip, 7000)) for ip in ("0.0.0.0", "127.0.0.1", "0.0.0.0", "127.0.0.2", "0.0.0.0")]
    everybody[4].connect(("127.0.0.1", 6000))
    other = made(net, keep, ("0.0.0.0", 7001))
    sender = made(net, keep, ("127.0.0.1", 6000))
    got = []
    for there in (LOOPBACK, EVERYBODY):
        for what in (b"x", b"", bytes(60_000)):
            sender.sendto(what, (there, 7000))
            got.append([outcome(sock.recvfrom, 1 << 16) for sock in (*everybody, other, sender)])
    poll = net.select.poll()
    everybody[0].sendto(b"to myself, too", (LOOPBACK, 7000))
    for sock in everybody:
        poll.register(sock, 1)
    return got, len(poll.poll(0)), outcome(everybody[0].recvfrom, 100)


def nobody_complains(net: Any, keep: Keep) -> Any:
    sock = made(net, keep)
    sock.setsockopt(0, 11, 1)
    return sock.sendto(b"x", (LOOPBACK, 9)), sock.getsockopt(1, 4), outcome(sock.recv, 1)


def what_is_looked_at_first(net: Any, keep: Keep) -> Any:
    sock = made(net, keep, allowed=False)
    refused = [outcome(sock.sendto, bytes(size), (LOOPBACK, 7000)) for size in (1, 65_507, 65_508, 65_536)]
    refused += [outcome(sock.sendto, b"", (LOOPBACK, 0)), outcome(sock.sendto, b"", 1, (LOOPBACK, 7000))]
    sock.connect(("127.0.0.1", 9))
    sock.send(b"nobody hears it")
    return refused, outcome(sock.sendto, b"x", (LOOPBACK, 7000)), outcome(sock.send, b"x")


def connected_socket_remembers(net: Any, keep: Keep) -> Any:
    """Once it is connected nobody asks again, but a connect that fails makes it forget."""
    reader, sock = made(net, keep, ("0.0.0.0", 7000)), made(net, keep)
    sock.connect((LOOPBACK, 7000))
    sock.setsockopt(1, 6, 0)
    seen = [outcome(sock.send, b"a"), outcome(sock.sendto, b"b", (LOOPBACK, 7000)), outcome(sock.send, b"c")]
    seen += [outcome(sock.connect, (LOOPBACK, 7001)), sock.getpeername(), outcome(sock.send, b"d")]
    sock.setsockopt(1, 6, 1)
    seen.append(outcome(sock.send, b"e"))
    return seen, [outcome(reader.recv, 1) for _ in range(5)]


def streams_never(net: Any, keep: Keep) -> Any:
    seen = []
    for name in (None, ("127.0.0.1", 6000)):
        for there in (LOOPBACK, EVERYBODY):
            sock = keep(net.socket.socket())
            sock.setsockopt(1, 6, 1)
            if name:
                sock.bind(name)
            seen.append(outcome(sock.connect, (there, 7000)))
            sock.close()
    return seen


SCENARIOS = (
    who_may_send, who_gets_it, nobody_complains, what_is_looked_at_first, connected_socket_remembers, streams_never,
)  # fmt: skip


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_both_arms_do_the_same(scenario: Callable[..., Any]) -> None:
    ours = played(SimNet, scenario)
    try:
        theirs = played(RealNet, scenario)
    except NamespaceRefused as refusal:
        pytest.skip(f"the running kernel is out of reach: {refusal.strerror}")
    assert ours == theirs


def test_without_leave_it_is_refused() -> None:
    refused, other, _ = played(SimNet, what_is_looked_at_first)
    assert [each[1] for each in refused] == [13, 13, 13, 90, 22, 95]
    assert other == ("PermissionError", 13)
