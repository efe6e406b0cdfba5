"""The world: hosts in one virtual time, and the wire that joins them.

A world begins with a single host, "lo", joined to itself. With the first further host both get an address of
10.0.0.0/24, and a wire. Time is common to all hosts: it stands still while a program makes calls, and when it is let
pass, packets arrive and timers fire in the order of their times; what falls on the same nanosecond goes in the order
packets before timers, older host before younger.

Not here: guest threads; copying a world.
"""

from __future__ import annotations

from functools import partial

from .. import machines  # noqa: F401  # a world has all rules: importing this declares them
from ..choices import Policy, Seeded
from ..profiles import LINUX, Profile
from ..trace import Trace, WireEvent
from ..values.packets import IcmpError
from ..values.segments import IcmpMessage, Packet, destination
from .host import Host
from .router import ARP, ASKING_NS, ROUTE, complaint
from .wire import Path, Wire, as_received

NETWORK = "10.0.0."
MOST_HOSTS = 253
"""The last address of the network is the routers'."""


class World:
    """A simulated world. The same seed and the same calls give the same trace, byte for byte."""

    def __init__(
        self, seed: int = 0, profile: Profile = LINUX, trace: Trace | None = None, policy: Policy | None = None
    ) -> None:
        self.trace = trace
        self.policy = policy or Seeded(seed)
        self.host = Host("lo", profile, self.policy, trace)
        self.hosts: dict[str, Host] = {"lo": self.host}
        self.wire = Wire()
        self._owners: dict[str, Host] = {}

    def add_host(self, name: str, profile: Profile | None = None) -> Host:
        """A further host, joined to all others by the wire. ValueError for a name that is taken, or one too many."""
        if name in self.hosts:
            raise ValueError(f"there is a host {name!r} already")
        if len(self.hosts) >= MOST_HOSTS:
            raise ValueError(f"a world has at most {MOST_HOSTS} hosts")
        if not self._owners:
            self._join(self.host)
        host = Host(name, profile or self.host.profile, self.policy, self.trace, self.now_ns)
        self.hosts[name] = host
        self._join(host)
        return host

    def _join(self, host: Host) -> None:
        host.addresses = (f"{NETWORK}{len(self._owners) + 1}",)
        host.network = NETWORK
        host.link = partial(self._enter, host)
        host.path_mtu = partial(self.mtu, host.name)
        self._owners[host.addresses[0]] = host

    def _enter(self, source: Host, packet: Packet) -> None:
        ip = destination(packet)
        target = self._owners.get(ip)
        path = self.path(source.name, ip)
        going, answer = path.obstacle.pass_on(packet)
        if path.obstacle.how == ARP:
            self._ask_for_neighbour(source, path, packet)
        elif answer is not None:
            self._note(source, answer)
            self.wire.answer(path, source.name, answer, self.now_ns + path.delay_ns)
        if target is not None:  # nobody has the address: a black hole
            for part in going:
                self.wire.enter(source.name, target.name, part, self.now_ns)

    def _note(self, source: Host, answer: IcmpMessage) -> None:
        if self.trace is not None:
            self.trace.add(WireEvent(self.now_ns, "router", source.text(answer), "datagram", answer))

    def path(self, source: str, ip: str) -> Path:
        """The path from a host to an address, whether somebody has it or not."""
        target = self._owners.get(ip)
        return self.wire.path(source, ip if target is None else target.name)

    def _ask_for_neighbour(self, source: Host, path: Path, packet: Packet) -> None:
        """Nobody says that the address is its own: the host that asks tells itself so when it has asked long enough."""
        obstacle = path.obstacle
        if obstacle.asking_until_ns <= self.now_ns:
            obstacle.asking_until_ns = self.now_ns + ASKING_NS
        message = complaint(packet, IcmpError.HOST_UNREACHABLE, reporter=source.addresses[0])
        if message is not None:
            self.wire.answer(path, source.name, message, obstacle.asking_until_ns)

    def mtu(self, source: str, target_ip: str) -> int:
        """The largest IP packet from one host to an address, in bytes."""
        return self.path(source, target_ip).mtu

    # ------------------------------------------------------------ time

    @property
    def now_ns(self) -> int:
        return self.host.now_ns

    def next_deadline(self) -> int | None:
        """When something happens next by itself, in nanoseconds: a packet arrives or a timer fires."""
        if len(self.hosts) == 1:
            return self.host.next_deadline()
        times = [deadline for host in self.hosts.values() if (deadline := host.next_deadline()) is not None]
        arrival = self.wire.next_arrival()
        if arrival is not None:
            times.append(arrival)
        return min(times, default=None)

    def sleep_until(self, at_ns: int) -> None:
        """Let time pass for everybody."""
        if len(self.hosts) == 1:
            self.host.sleep_until(at_ns)
            return
        while (when := self.next_deadline()) is not None and when <= at_ns:
            self._set_clocks(max(when, self.now_ns))
            if self.wire.next_arrival() == when:
                flying = self.wire.arrive()
                host = self.hosts[flying.target]
                if flying.corrupted:
                    host.malformed += 1
                else:
                    host.receive(as_received(flying.packet, host.profile.buffer_overhead))
            else:
                next(host for host in self.hosts.values() if host.next_deadline() == when).fire_next()
        self._set_clocks(max(at_ns, self.now_ns))

    def _set_clocks(self, now_ns: int) -> None:
        for host in self.hosts.values():
            host.now_ns = now_ns

    # ------------------------------------------------------------ failures

    def crash(self, name: str) -> None:
        """The host loses its memory: every socket is gone without a word, and it is back at once."""
        self.hosts[name].crash()

    def obstruct(self, source: str, ip: str, how: str) -> None:
        """Let packets from a host to an address not arrive any more, in one of the `router.WAYS`; "" mends that."""
        path = self.path(source, ip)
        path.obstacle.how = "" if how == ROUTE else how
        path.obstacle.asking_until_ns = 0
        self.wire.withdraw(path)
        routes = self.hosts[source].unroutable
        if how == ROUTE:
            routes.add(ip)
        else:
            routes.discard(ip)

    def partition(self, source: str, target: str, cut: bool = True, one_way: bool = False) -> None:
        """Cut (or mend) the path between two hosts, in both directions unless `one_way`."""
        self.wire.path(source, target).cut = cut
        if not one_way:
            self.wire.path(target, source).cut = cut
