"""Segments that nobody should have sent: forged, stale, overlapping, with senseless flags.

Whatever arrives, the model has an answer: no hole in the rules, no defect, and the laws of the sequence space hold
(test_loss.py). A stream that such segments do not end goes on with the bytes that were sent.

Not here: whether the kernel answers alike; bytes that are no segment at all.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator

import attrs
import pytest

from model.profiles import SECOND
from model.tcp.block import Tcb
from model.values.constants import SHUT_RD, SHUT_RDWR, SHUT_WR, SO_RCVBUF, SOL_SOCKET, TcpFlag, TcpState
from model.values.segments import Segment
from model.world.host import Host
from model.world.wire import Weather
from model.world.world import World

from .test_loss import Pair, check_delivered, look, pattern

OVERHEAD = 832
FLAGS = (0, 1, 2, 4, 8, 16, 16, 16, 17, 18, 20, 24, 3, 6, 63)
"""Plain ones more often than senseless ones."""


def ends(world: World) -> Iterator[tuple[Host, Tcb]]:
    for host in world.hosts.values():
        for end in host.endpoints.values():
            if isinstance(end, Tcb) and end.remote[1] and end.state is not TcpState.CLOSED:
                yield host, end


def forge(dice: random.Random, end: Tcb) -> Segment:
    """Something that claims to come from the peer of `end`, with numbers in and around its windows."""
    seq = dice.choice((end.rcv_nxt, end.rcv_nxt, end.irs, end.rcv_nxt + end.rcv_wnd))
    ack = dice.choice((end.snd_una, end.snd_nxt, end.snd_nxt, end.iss))
    size = dice.choice((0, 0, 1, 100, 1448))
    block = (ack + dice.randrange(-2000, 2000), ack + dice.randrange(-2000, 4000))
    return Segment(
        end.remote, end.local,
        seq + dice.choice((0, 0, 1, -1, 100, -100, dice.randrange(-1_000_000, 1_000_000))),
        ack + dice.choice((0, 0, 1, -1, 1000, -1000)),
        dice.choice((*FLAGS, dice.randrange(64))),
        dice.choice((0, 1, 65_535, 1 << 20)),
        bytes(size), truesize=OVERHEAD + size, sack=dice.choice(((), (), (block,))),
    )  # fmt: skip


@pytest.mark.parametrize("first", range(0, 600, 100))
def test_no_segment_is_without_an_answer(first: int) -> None:
    met: Counter[TcpState] = Counter()
    for seed in range(first, first + 100):
        dice = random.Random(seed)
        data = (pattern(dice.choice((10, 5000, 200_000)), seed), pattern(dice.choice((10, 5000, 200_000)), seed + 1))
        pair = Pair(data, Weather(seed, loss=dice.choice((0.0, 0.2))), seed, delay_ns=10_000_000)
        world = pair.world
        for _ in range(dice.randrange(1, 60)):
            deadline = world.next_deadline()
            if deadline is None:
                break
            world.sleep_until(deadline)
            pair.step()
            victims = list(ends(world))
            if victims:
                host, end = dice.choice(victims)
                met[end.state] += 1
                segment = forge(dice, end)
                for _ in range(dice.choice((1, 1, 2))):
                    host.receive(segment)
            look(world)
            _do_something(dice, pair)
        world.sleep_until(world.now_ns + 2000 * SECOND)
        look(world)
    assert set(met) >= set(TcpState) - {TcpState.CLOSED, TcpState.LISTEN, TcpState.FIN_WAIT_2, TcpState.CLOSE_WAIT}


def _do_something(dice: random.Random, pair: Pair) -> None:
    """The program closes, shuts a direction, or makes its receive buffer small."""
    if dice.random() > 0.1:
        return
    end = dice.choice([each for each in (pair.near, pair.far) if each is not None])
    if end.fd in end.host.descriptors:
        calls = [("shutdown", how) for how in (SHUT_RD, SHUT_WR, SHUT_RDWR)]
        name, *args = dice.choice([*calls, ("setsockopt", SOL_SOCKET, SO_RCVBUF, 1), ("close",)])
        end.host.call(str(name), end.fd, *args)


FAR_AWAY = 10_000_000


@pytest.mark.parametrize(
    "change",
    [
        {"seq": -FAR_AWAY}, {"seq": FAR_AWAY}, {"ack": FAR_AWAY}, {"ack": -FAR_AWAY},
        {"flags": TcpFlag.RST, "seq": FAR_AWAY},
        {"flags": TcpFlag.RST, "seq": -FAR_AWAY}, {"flags": TcpFlag.SYN}, {"flags": TcpFlag.SYN | TcpFlag.FIN},
        {"flags": TcpFlag.SYN | TcpFlag.ACK}, {"flags": 0}, {"flags": TcpFlag.FIN, "seq": FAR_AWAY},
    ],
    ids=str,
)  # fmt: skip
def test_a_stream_goes_on_after_what_is_plainly_forged(change: dict[str, int]) -> None:
    """RFC 9293 §3.10.7.4, first to fifth; RFC 5961 §3.2, §4.2, §5.2."""
    pair = Pair((pattern(100_000, 1), pattern(100_000, 2)), delay_ns=10_000_000)
    world = pair.world
    for _ in range(40):
        world.sleep_until(world.next_deadline() or 0)
        pair.step()
        for host, end in list(ends(world)):
            if end.state is TcpState.ESTABLISHED:
                honest = Segment(end.remote, end.local, end.rcv_nxt, end.snd_una, int(TcpFlag.ACK), end.snd_wnd)
                seq, ack = honest.seq + change.get("seq", 0), honest.ack + change.get("ack", 0)
                host.receive(attrs.evolve(honest, seq=seq, ack=ack, flags=int(change.get("flags", TcpFlag.ACK))))
                look(world)
    pair.run()
    check_delivered(pair)
