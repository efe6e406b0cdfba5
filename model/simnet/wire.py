"""`net.wire`: what a scenario does to the packets between hosts.

    b = net.host("b")
    net.wire.set(delay=0.02, rate=10_000_000)          # every path, both directions
    net.wire.set("b", "lo", delay=0.5)                 # one direction
    net.wire.judge = lambda p: net.wire.DROP if p.number == 3 else net.wire.PASS
    net.wire.weather(seed=7, loss=0.05)                # dice, from a seed
    net.wire.hold(); ...; net.wire.release()           # keep packets back, let them go
    net.wire.partition("lo", "b"); net.wire.heal("lo", "b")
    net.wire.unreachable("b", how="host"); net.wire.reachable("b")
    net.wire.set("lo", "b", bottleneck=800)            # routers say so; silent=True: they don't

The first host of a net is called "lo". Times are in seconds, rates in bits per second.

A network fails in many ways, and a program sees a different one each time. `how` says which:

| how | what happens to a packet | what a connect sees |
|---|---|---|
| "net", "host" | a router answers that net or host is unreachable | ENETUNREACH, EHOSTUNREACH after a round trip |
| "prohibited" | a router answers that a filter forbids it | EHOSTUNREACH |
| "hops" | a router answers that it took too many hops | EHOSTUNREACH |
| "protocol", "port" | the answer is that nobody there knows the protocol, or the port | ENOPROTOOPT, ECONNREFUSED |
| "arp" | nobody on the link has the address | EHOSTUNREACH after three seconds |
| "route" | the host has no route | ENETUNREACH at once |
| "silence" | it is lost, and nobody says so: a black hole | ETIMEDOUT after two minutes |

A connection that stands outlives all of them for a quarter of an hour. An address that nobody has is a black hole.

Not here: how packets travel (world/wire.py), what routers do (world/router.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any

from ..world.router import WAYS
from ..world.wire import CORRUPT, DROP, DUPLICATE, HOLD, MARK, PASS, Judge, Passing, Weather, delayed, let_pass
from ..world.world import NETWORK, World
from .arguments import NS_PER_SECOND

_LEAST_MTU = 576
_LEAST_LINK = 68
"""Every link takes this much (RFC 791 §3.2)."""


class SimWire:
    """The wire of one net."""

    PASS, DROP, DUPLICATE, CORRUPT, HOLD, MARK = PASS, DROP, DUPLICATE, CORRUPT, HOLD, MARK
    delayed = staticmethod(delayed)

    def __init__(self, world: World) -> None:
        self._world = world
        self._judge: Judge = let_pass
        self._holding: list[tuple[str | None, str | None]] = []

    def set(
        self, source: str | None = None, target: str | None = None, *, delay: float | None = None,
        rate: float | None = None, queue: int | None = None, mtu: int | None = None, bottleneck: int | None = None,
        silent: bool | None = None,
    ) -> None:  # fmt: skip
        """Set properties of the path from `source` to `target`, or of all paths from or to one, or of all.

        delay: seconds from leaving to arriving. rate: bits per second. queue: packets that may wait to leave. mtu:
        bytes of the largest IP packet; connections made later go by it. bottleneck: bytes of the largest IP packet that
        a link further on takes, of which the hosts know nothing until a router answers a packet that is too big.
        silent: whether routers answer nothing then. ValueError for a value out of range, or a name that no host has.
        """
        _check("delay", delay, 0)
        _check("rate", rate, 1)
        _check("queue", queue, 0)
        _check("mtu", mtu, _LEAST_MTU)
        _check("bottleneck", bottleneck, _LEAST_LINK)
        for path in self._paths(source, target):
            if delay is not None:
                path.delay_ns = round(delay * NS_PER_SECOND)
            if rate is not None:
                path.bits_per_second = int(rate)
            if queue is not None:
                path.queue = queue
            if mtu is not None:
                path.mtu = mtu
            if bottleneck is not None:
                path.obstacle.bottleneck = bottleneck
            if silent is not None:
                path.obstacle.silent = silent

    @property
    def judge(self) -> Judge:
        """The function that says of each packet (`Passing`) what becomes of it (PASS, DROP, DUPLICATE, CORRUPT, HOLD,
        MARK, `delayed(seconds)`). MARK tells of congestion, where ECN was agreed on.
        """
        return self._judge

    @judge.setter
    def judge(self, judge: Judge) -> None:
        self._judge = judge
        self._world.wire.judge = self._decide

    def weather(
        self, seed: int = 0, *, loss: float = 0.0, duplicate: float = 0.0, reorder: float = 0.0, corrupt: float = 0.0,
        late: float = 0.01,
    ) -> None:  # fmt: skip
        """Lose, duplicate, reorder and corrupt packets with these probabilities; a reordered one is at most `late`
        seconds late. ValueError for a probability that is none.
        """
        for name, value in (("loss", loss), ("duplicate", duplicate), ("reorder", reorder), ("corrupt", corrupt)):
            if not 0 <= value <= 1:
                raise ValueError(f"{name}={value}: a probability lies between 0 and 1")
        _check("late", late, 0)
        self.judge = Weather(seed, loss=loss, duplicate=duplicate, reorder=reorder, corrupt=corrupt, late_s=late)

    def hold(self, source: str | None = None, target: str | None = None) -> None:
        """Keep packets back from now on: on one path, or on all from or to a host, or on all."""
        self._paths(source, target)
        self._holding.append((source, target))
        self._world.wire.judge = self._decide

    def release(self, order: Sequence[int] | None = None) -> int:
        """Hold no more, and let what was held go: in order, or only the positions in `order`, in that order; the rest
        is then lost. Returns how many packets went.
        """
        wire = self._world.wire
        went = wire.release(self._world.now_ns, order)
        self._holding.clear()
        wire.forget_held()
        return went

    @property
    def held(self) -> list[str]:
        """The packets that are held, in packetdrill's notation with absolute numbers."""
        return [packet.text() for packet in self._world.wire.held]

    def partition(self, source: str, target: str, *, one_way: bool = False) -> None:
        """Lose everything between two hosts, or only what goes from `source` to `target`."""
        self._paths(source, target)
        self._world.partition(source, target, True, one_way)

    def heal(self, source: str, target: str, *, one_way: bool = False) -> None:
        """End a partition."""
        self._paths(source, target)
        self._world.partition(source, target, False, one_way)

    def unreachable(self, target: str, *, how: str = "host", source: str | None = None) -> None:
        """Let nothing arrive at `target` any more: a host's name, or an address of the wire's network. `how` says what
        its senders learn of that, see above. `source`: from one host only. ValueError for a name or address that is
        none, or a way that there is not.
        """
        if how not in WAYS:
            raise ValueError(f"how={how!r}: it is one of {', '.join(WAYS)}")
        self._obstruct(target, how, source)

    def reachable(self, target: str, *, source: str | None = None) -> None:
        """End that, for one sender or for all. ValueError for a name or address that is none."""
        self._obstruct(target, "", source)

    def _obstruct(self, target: str, how: str, source: str | None) -> None:
        self._paths(source, None)
        ip = self._address(target)
        for name, host in self._world.hosts.items():
            if source in (None, name) and not host.owns(ip):
                self._world.obstruct(name, ip, how)

    def _address(self, target: str) -> str:
        host = self._world.hosts.get(target)
        if host is not None and host.addresses:
            return host.addresses[0]
        last = target.removeprefix(NETWORK)
        if target == last or not (
            last.isdecimal() and last.isascii() and 0 < int(last) < 255 and last == str(int(last))
        ):
            raise ValueError(f"{self._unknown(target)}, and it is no address of {NETWORK}0/24")
        return target

    def crash(self, name: str) -> None:
        """The host loses its memory of every socket and connection, without a word, and is back at once."""
        if name not in self._world.hosts:
            raise ValueError(self._unknown(name))
        self._world.crash(name)

    def _decide(self, passing: Passing) -> Any:
        for source, target in self._holding:
            if source in (None, passing.source) and target in (None, passing.target):
                return HOLD
        return self._judge(passing)

    def _paths(self, source: str | None, target: str | None) -> list[Any]:
        hosts = self._world.hosts
        for name in (source, target):
            if name is not None and name not in hosts:
                raise ValueError(self._unknown(name))
        return [
            self._world.wire.path(a, b)
            for a in hosts
            for b in hosts
            if a != b and source in (None, a) and target in (None, b)
        ]

    def _unknown(self, name: str) -> str:
        return f"there is no host {name!r}; there are {', '.join(self._world.hosts)}"


def _check(name: str, value: float | None, least: float) -> None:
    if value is not None and not (isfinite(value) and value >= least):
        raise ValueError(f"{name}={value}: a number of at least {least} is wanted")
