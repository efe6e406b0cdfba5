"""What poll, select and epoll say of a socket in each situation: the same on both arms, and in the committed table.

Not here: edges and the order of reports (test_epoll.py).
"""

from __future__ import annotations

import pytest

from model import SimNet
from realnet import NamespaceRefused, RealNet
from wouldblock.readiness import TABLE, seen, table
from wouldblock.situations import SITUATIONS


@pytest.mark.parametrize("name", SITUATIONS)
def test_both_arms_say_the_same(name: str) -> None:
    with SimNet() as net:
        model = seen(net, name)
    try:
        with RealNet() as net:
            assert seen(net, name) == model
    except NamespaceRefused as refusal:
        pytest.skip(f"the running kernel is out of reach: {refusal.strerror}")
    assert model.epoll == (None if name == "closed" else model.poll)


@pytest.mark.parametrize("selector", ["SelectSelector", "PollSelector", "EpollSelector", "DefaultSelector"])
@pytest.mark.parametrize("name", ["listening_with_child", "refused", "full", "peer_shut", "udp_datagram_waits"])
def test_every_selector_says_what_it_says_on_the_kernel(selector: str, name: str) -> None:
    def found(net: SimNet | RealNet) -> list[int]:
        with getattr(net.selectors, selector)() as chosen:
            sock = SITUATIONS[name](net)
            chosen.register(sock, net.selectors.EVENT_READ | net.selectors.EVENT_WRITE)
            events = [ready for _, ready in chosen.select(0)]
            chosen.unregister(sock)
            sock.close()
        return events

    with SimNet() as net:
        model = found(net)
    try:
        with RealNet() as real:
            assert found(real) == model
    except NamespaceRefused as refusal:
        pytest.skip(f"the running kernel is out of reach: {refusal.strerror}")


def test_the_committed_table_is_the_models() -> None:
    assert TABLE.read_text(encoding="utf-8") == table()
    assert len(set(SITUATIONS)) >= 30
