"""The wire: what happens to a packet between two hosts.

Every pair of hosts has one *path* in each direction. A packet that enters it waits until those before it have left,
leaves at the path's bandwidth, and arrives after its delay; one that finds the queue full is dropped. So packets never
overtake each other by themselves.

Before it enters, somebody judges it. A `Fate` says how many copies go on and how much later than the path would have
it, each by itself: none is a drop, two are a duplicate, an extra delay lets others overtake. A held packet waits until
it is released. A corrupted one travels like any other, and the host that gets it finds the checksum wrong. A marked one
tells of congestion, if its sender has said that it would understand (RFC 3168 §5).

`Weather` is the judge that rolls dice: rates of loss, duplication, reordering and corruption, from a seed.

Not here: fragments (fragments.py), routers between the hosts and what they answer (world.py).
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Sequence

import attrs

from ..choices import Seeded
from ..values.constants import Ecn
from ..values.segments import IcmpMessage, Packet, Segment, ip_size
from .router import Obstacle

SECOND = 1_000_000_000


@attrs.frozen
class Fate:
    """What becomes of one packet: for each copy that goes on, how much later it enters the path, in nanoseconds."""

    copies: tuple[int, ...] = (0,)
    held: bool = False
    corrupted: bool = False
    marked: bool = False


PASS, DROP, DUPLICATE = Fate(), Fate(()), Fate((0, 0))
CORRUPT, HOLD, MARK = Fate(corrupted=True), Fate(held=True), Fate(marked=True)


def delayed(seconds: float) -> Fate:
    """Arrive so much later than the path alone would have it; those behind it overtake it."""
    return Fate((round(seconds * SECOND),))


@attrs.frozen(eq=False)
class Passing:
    """A packet about to enter a path: `number` counts from 1 in its direction. On a bridge to a kernel it is bytes."""

    number: int
    source: str
    target: str
    packet: Packet | bytes
    at_ns: int


Judge = Callable[[Passing], Fate]


def let_pass(passing: Passing) -> Fate:
    """The judge of a good wire."""
    return PASS


class Weather:
    """A judge with dice: each packet is lost, duplicated, corrupted or late with these probabilities (0 to 1)."""

    def __init__(
        self, seed: int, *, loss: float = 0.0, duplicate: float = 0.0, reorder: float = 0.0, corrupt: float = 0.0,
        late_s: float = 0.01,
    ) -> None:  # fmt: skip
        self._dice = Seeded(seed)
        self.loss, self.duplicate, self.reorder, self.corrupt, self.late_s = loss, duplicate, reorder, corrupt, late_s

    def __call__(self, passing: Passing) -> Fate:
        if self._falls(self.loss):
            return DROP
        if self._falls(self.corrupt):
            return CORRUPT
        late = self._dice.draw() % (round(self.late_s * SECOND) + 1) if self._falls(self.reorder) else 0
        return Fate((late, late) if self._falls(self.duplicate) else (late,))

    def _falls(self, probability: float) -> bool:
        return self._dice.draw() < probability * (1 << 64)


@attrs.define(eq=False)
class Path:
    """One direction between two hosts. It belongs to a `Wire`."""

    delay_ns: int = 100_000
    bits_per_second: int | None = None
    """None: a packet takes no time to leave."""
    queue: int = 1000
    """Packets that may wait to leave."""
    mtu: int = 1500
    """Largest IP packet, in bytes."""
    obstacle: Obstacle = attrs.Factory(Obstacle)
    """What routers on the way do to packets."""
    cut: bool = False
    """Whether everything is lost: a partition in this direction."""
    entered: int = 0
    dropped: int = 0
    """Packets that found the queue full."""
    leaving: deque[int] = attrs.Factory(deque)
    """When each packet that has not left yet will have, in nanoseconds."""

    def arrival(self, packet: Packet, now_ns: int) -> int | None:
        """When a packet that enters now arrives, in nanoseconds; None if it finds the queue full."""
        if self.bits_per_second is None:
            return now_ns + self.delay_ns
        leaving = self.leaving
        while leaving and leaving[0] <= now_ns:
            leaving.popleft()
        if len(leaving) > self.queue:
            self.dropped += 1
            return None
        begins = leaving[-1] if leaving else now_ns
        leaving.append(begins + ip_size(packet) * 8 * SECOND // self.bits_per_second)
        return leaving[-1] + self.delay_ns


@attrs.frozen(eq=False)
class Flying:
    """A packet on its way to `target`."""

    target: str
    packet: Packet
    corrupted: bool
    refused_by: Path | None = None
    """For an error: the path on which the packet that it quotes could not go on."""


class Wire:
    """All paths of one world, and what is on them."""

    def __init__(self) -> None:
        self.judge: Judge = let_pass
        self.paths: dict[tuple[str, str], Path] = {}
        self._flying: list[tuple[int, int, Flying]] = []
        self._held: list[tuple[Path, Flying]] = []
        self._order = 0

    def path(self, source: str, target: str) -> Path:
        """The path in one direction."""
        found = self.paths.get((source, target))
        if found is None:
            found = self.paths[source, target] = Path()
        return found

    def answer(self, path: Path, source: str, message: IcmpMessage, at_ns: int) -> None:
        """An error is on its way back to `source`, and arrives then."""
        self._order += 1
        heapq.heappush(self._flying, (at_ns, self._order, Flying(source, message, False, path)))

    def withdraw(self, path: Path) -> None:
        """What could not go on there can now: errors that say otherwise and are on their way are gone."""
        self._flying = [each for each in self._flying if each[2].refused_by is not path]
        heapq.heapify(self._flying)

    def enter(self, source: str, target: str, packet: Packet, now_ns: int) -> None:
        """A host sends a packet: judge it, and let as many copies go on as the verdict says."""
        path = self.path(source, target)
        path.entered += 1
        fate = self.judge(Passing(path.entered, source, target, packet, now_ns))
        if path.cut:
            return
        flying = Flying(target, with_mark(packet) if fate.marked else packet, fate.corrupted)
        if fate.held:
            self._held.append((path, flying))
            return
        for late_ns in fate.copies:
            self._fly(path, flying, now_ns, late_ns)

    def _fly(self, path: Path, flying: Flying, now_ns: int, late_ns: int) -> None:
        arrival = path.arrival(flying.packet, now_ns)
        if arrival is not None:
            self._order += 1
            heapq.heappush(self._flying, (arrival + late_ns, self._order, flying))

    def release(self, now_ns: int, order: Sequence[int] | None = None) -> int:
        """Let held packets enter their paths: all in the order in which they were held, or those at the positions in
        `order`, which are then gone from the list. Returns how many packets that was. IndexError for a position where
        nothing is held; nothing is released then.
        """
        positions = range(len(self._held)) if order is None else order
        going = [self._held[position] for position in positions]
        gone = set(positions)
        self._held = [each for position, each in enumerate(self._held) if position not in gone]
        for path, flying in going:
            self._fly(path, flying, now_ns, 0)
        return len(going)

    def forget_held(self) -> None:
        """Lose what is still held."""
        self._held.clear()

    @property
    def held(self) -> list[Packet]:
        """Packets that wait to be released."""
        return [flying.packet for _, flying in self._held]

    def next_arrival(self) -> int | None:
        """When the next packet arrives, in nanoseconds."""
        return self._flying[0][0] if self._flying else None

    def arrive(self) -> Flying:
        """Take the next packet off the wire."""
        return heapq.heappop(self._flying)[2]


def with_mark(packet: Packet) -> Packet:
    """The packet as a router sends it on that is nearly full: marked, if it may be."""
    if isinstance(packet, Segment) and packet.ecn is not Ecn.NOT_ECT:
        return attrs.evolve(packet, ecn=Ecn.CE)
    return packet


def as_received(packet: Packet, overhead: int) -> Packet:
    """The packet as another host gets it: its bytes lie in a buffer of its own, which has so much overhead."""
    if not isinstance(packet, Segment) or not packet.data:
        return packet
    truesize = overhead + len(packet.data)
    if packet.truesize == truesize and not packet.pages:
        return packet
    return attrs.evolve(packet, buffer=0, pages=(), truesize=truesize)
