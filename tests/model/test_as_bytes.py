"""Two hosts whose packets really become bytes on the way, with sequence numbers and clocks that wrap around.

The model counts on without wrapping; only bytes have 32 bits (values/conversion.py). So a transfer that crosses 2**32,
over a wire that loses and reorders, must not be noticed by either program; and windows, scaled to 16 bits, and SACK
blocks must mean the same on the other side.

Not here: single headers (test_wire.py); the kernel as the other side (tests/bridge).
"""

from __future__ import annotations

from functools import partial

import pytest

from model.choices import INITIAL_SEQUENCE, SECRET, Choice, Seeded
from model.values.conversion import Conversion
from model.values.packets import IpPacket
from model.values.segments import Packet
from model.values.wire import decode, encode
from model.world.wire import Judge, Weather, let_pass
from model.world.world import World

from .test_loss import Pair, check_delivered, pattern


class JustBefore(Seeded):
    """Initial sequence numbers lie just before the end of their range."""

    def choose(self, choice: Choice, low: int, high: int, predicted: int | None, subject: object) -> int:
        if choice is INITIAL_SEQUENCE:
            return high - 5000
        if choice is SECRET:
            return 1
        return super().choose(choice, low, high, predicted, subject)


def as_bytes(world: World) -> list[int]:
    """Let every packet of the world go as bytes. Returns a list that will hold the lengths."""
    lengths: list[int] = []
    there, here = Conversion(), Conversion()
    for host in world.hosts.values():
        enter = host.link
        assert enter is not None
        host.link = partial(_link, there, here, enter, lengths)
    return lengths


def _link(there: Conversion, here: Conversion, enter: object, lengths: list[int], packet: Packet) -> None:
    assert callable(enter)
    for ip in there.packets(packet):
        data = encode(ip)
        lengths.append(len(data))
        back = decode(data)
        assert isinstance(back, IpPacket)
        received = here.packet(back)
        assert received is not None
        enter(received)


class BytePair(Pair):
    """A pair on hosts that draw such numbers, with a wire of bytes."""

    def __init__(self, data: tuple[bytes, bytes], judge: Judge = let_pass, **path: int) -> None:
        self.lengths: list[int] = []
        super().__init__(data, judge, **path)

    def make_world(self, seed: int) -> World:
        world = World(seed=seed, policy=JustBefore(seed))
        world.add_host("b")
        self.lengths = as_bytes(world)
        return world


@pytest.mark.parametrize("loss", [0.0, 0.05])
def test_a_transfer_across_the_end_of_the_sequence_space(loss: float) -> None:
    weather = Weather(4, loss=loss, reorder=loss, duplicate=loss, late_s=0.01)
    pair = BytePair((pattern(300_000, 1), pattern(100_000, 2)), weather, delay_ns=5_000_000)
    pair.run()
    check_delivered(pair)
    end = pair.near.host.descriptors[pair.near.fd]
    assert end.snd_una > 1 << 32  # type: ignore[attr-defined]
    assert max(pair.lengths) == 1500
