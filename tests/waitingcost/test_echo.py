"""What the five ways to wait cost: arithmetic, the model and the kernel say the same."""

from __future__ import annotations

from typing import Any

import pytest

from wouldblock.waitingcost.counts import Counts
from wouldblock.waitingcost.measurement import Measured
from wouldblock.waitingcost.prediction import Predicted
from wouldblock.waitingcost.programs import FEW, WAYS, echo

SIZES = [(1, 6), (FEW, 3), (10, 3), (40, 2)]
"""Connections and rounds; volleys are full."""
ASKS = {"select": "select", "poll": "poll", "epoll": "epoll_wait"}


def expected(way: str, connections: int, rounds: int) -> Counts:
    """What the work takes if threads run in the order in which they can: a matter of arithmetic."""
    messages = connections * rounds
    volleys = messages // min(FEW, connections)
    calls = {"recv": 2 * messages, "send": 2 * messages}
    if way == "threads":
        return Counts(calls, sleeps=messages + volleys, displaced=0, wakeups=messages)
    if way == "sweep":
        calls |= {"recv EAGAIN": volleys * connections - messages, "sched_yield": volleys}
        return Counts({name: n for name, n in calls.items() if n}, sleeps=volleys, displaced=volleys, wakeups=0)
    return Counts({**calls, ASKS[way]: volleys}, sleeps=2 * volleys, displaced=0, wakeups=volleys)


@pytest.mark.parametrize(("connections", "rounds"), SIZES)
@pytest.mark.parametrize("way", WAYS)
def test_the_model_counts_what_arithmetic_says(way: str, connections: int, rounds: int) -> None:
    net = Predicted()
    assert echo(net, way, connections, rounds) == connections * rounds
    assert net.counts == expected(way, connections, rounds)
    volleys = rounds * max(1, connections // FEW)
    assert net.asked == ({way: volleys * connections} if way in {"select", "poll"} else {})


@pytest.mark.parametrize("way", WAYS)
def test_the_kernel_counts_the_same(cpu: int, way: str) -> None:
    """To the last system call, switch and wake-up, since nobody displaces anybody (SCHED_FIFO)."""
    for connections, rounds in SIZES:
        with Measured(cpu) as net:
            echo(net, way, connections, rounds)
        assert net.counts == expected(way, connections, rounds), (connections, rounds)


@pytest.mark.parametrize("way", WAYS)
def test_the_default_scheduler_may_wake_less_and_ask_more_but_the_useful_calls_are_the_same(cpu: int, way: str) -> None:
    """Each message is sent twice and received twice. A thread that is woken early finds less than a volley, and asks
    again; it is woken at most once for each message.
    """
    with Measured(cpu, pinned=False) as net:
        messages = echo(net, way, 20, 5)
    assert net.counts.calls["send"] == 2 * messages
    # the driver may be switched away from between the last echo's arrival and its reading of it
    assert net.counts.wakeups <= messages + 1


@pytest.mark.parametrize("arm", ["model", "kernel"])
def test_a_descriptor_from_1024_on_is_none_for_select(cpu: int, arm: str) -> None:
    """It is refused before the kernel is asked; poll has no such limit."""
    net: Any = Predicted() if arm == "model" else Measured(cpu, timed=True)
    socks = [net.socket.socket(type=net.socket.SOCK_DGRAM) for _ in range(1030)]
    high = next(sock for sock in socks if sock.fileno() >= 1024)
    with pytest.raises(ValueError, match=r"filedescriptor out of range in select\(\)"):
        net.select.select([high], [], [], 0)
    poller = net.select.poll()
    poller.register(high, net.select.POLLOUT)
    assert poller.poll(0) == [(high.fileno(), net.select.POLLOUT)]
    for sock in socks:
        sock.close()
