"""Several hosts on one kernel: network namespaces, joined by links that are no more than a function call.

Each has addresses, ports, routes and connections of its own. What belongs to the machine they have in common: the
clock, the processor's timers, descriptors and epolls (one program has sockets in all of them), the page to which sent
bytes are copied, and the line of packets. For a packet that leaves through a pair of Ethernet ends (veth(4)) waits in
the same line as one over loopback: what a call sends is delivered, with all it provokes on either side, before the call
goes on. And it is not copied, so that the receiver is charged with the sender's own buffers.

A `Host` knows nothing of this. Tables that are common are one object in all hosts (`_COMMON`); numbers that are, are
handed over when the processor turns to another host (`_HANDED_OVER`), of which there is always one at a time.

Not here: links that delay or lose (wire.py); the kernel's side (realnet/joined.py).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from functools import partial
from typing import cast

import attrs

from .. import machines  # noqa: F401  # a host has all rules: importing this declares them
from ..choices import Choice, Policy
from ..endpoint import Endpoint
from ..profiles import Profile
from ..rules import Arrow
from ..tcp.block import Tcb, Timer
from ..values.observation import Observation
from ..values.results import Answer
from ..values.segments import Fragment, Packet, destination
from ..waiting.interest import Epoll
from .host import Host

_COMMON = (
    "trail", "asked", "endpoints", "descriptors", "epolls", "instances", "watchers", "sleepers", "numbers", "names",
    "held", "page_users", "timers",
)  # fmt: skip
_HANDED_OVER = (
    "now_ns", "first_tick", "tick_served", "delivering", "counter", "pages", "sockets_made", "epolls_made",
)  # fmt: skip


@attrs.define(eq=False)
class _Namespace(Host):
    kernel: SharedKernel = attrs.field(default=None)

    def _wait_in_line(self, packet: Packet) -> None:
        self.kernel.line.append((self, packet, False))

    def _deliver_all(self) -> None:
        self.kernel.deliver_all()

    def _fire(self, tcb: Tcb, timer: Timer) -> None:
        host = self.kernel.host_of(tcb)
        self.kernel.turn_to(host)
        Host._fire(host, tcb, timer)


class SharedKernel:
    """The hosts, as one: what a `Host` answers to a program, and to those who let time pass, it answers for all.

    `own` has each host's addresses, and all begin with `network`; links between any two carry packets of `mtu` bytes.
    """

    def __init__(
        self, profile: Profile, policy: Policy, own: Sequence[tuple[str, ...]], network: str, mtu: int
    ) -> None:
        self.line: deque[tuple[_Namespace, Packet, bool]] = deque()
        """What waits: for which host, and whether it has come from another one."""
        self.hosts = [_Namespace(f"host {number}", profile, policy) for number in range(1, len(own) + 1)]
        for host, addresses in zip(self.hosts, own, strict=True):
            host.addresses, host.network, host.takes_runs = addresses, network, True
            host.path_mtu = partial(_same, mtu)
        self._at = self.hosts[0]
        self._share()

    def _share(self) -> None:
        first = self.hosts[0]
        for host in self.hosts:
            host.kernel, host.link = self, self._cross
            for name in _COMMON:
                setattr(host, name, getattr(first, name))
        self._by_name = {host.name: host for host in self.hosts}

    def turn_to(self, host: _Namespace) -> None:
        """The processor goes on with this host."""
        before = self._at
        if host is not before:
            for name in _HANDED_OVER:
                setattr(host, name, getattr(before, name))
            self._at = host

    def host_of(self, end: Endpoint) -> _Namespace:
        """The host that an endpoint is on."""
        return self._by_name[end.host_name]

    # ------------------------------------------------------------ packets

    def _cross(self, packet: Packet) -> None:
        """A packet for another host waits in line; outside a delivery it does not wait long."""
        ip = destination(packet)
        target = next((host for host in self.hosts if ip in host.addresses), None)
        if target is not None:
            self.line.append((target, packet, True))
            if not self._at.delivering:
                self.deliver_all()

    def deliver_all(self) -> None:
        """Deliver what waits in line, and all it provokes."""
        caller = self._at
        caller.delivering = True
        while self.line:
            host, packet, from_outside = self.line.popleft()
            self.turn_to(host)
            whole = host.reassembly.add(packet, host.now_ns) if isinstance(packet, Fragment) else packet
            if whole is not None and not (from_outside and host.is_misdirected(whole)):
                host._deliver(whole)
        self._at.delivering = False
        self.turn_to(caller)

    # ------------------------------------------------------------ calls

    def call(self, name: str, *args: object, at: int = 0) -> Answer:
        """Make a call: on the host whose socket it is about, or, to make one, on the host of this number."""
        end = self.descriptors.get(args[0]) if args and type(args[0]) is int and name != "socket" else None
        self.turn_to(self.hosts[at] if end is None else self.host_of(end))
        return self._at.call(name, *args)

    def observe(self, fd: int) -> Observation:
        """See `Host.observe`."""
        return self.host_of(self.descriptors[fd]).observe(fd)

    @property
    def trail(self) -> list[Arrow]:
        return self._at.trail

    @property
    def asked(self) -> list[tuple[Choice, int, int, int | None, int]]:
        return self._at.asked

    @property
    def endpoints(self) -> dict[int, Endpoint]:
        return self._at.endpoints

    @property
    def descriptors(self) -> dict[int, Endpoint]:
        return self._at.descriptors

    @property
    def epolls(self) -> dict[int, Epoll]:
        return self._at.epolls

    @property
    def names(self) -> dict[int, str]:
        return self._at.names

    @property
    def policy(self) -> Policy:
        return self._at.policy

    @policy.setter
    def policy(self, policy: Policy) -> None:
        for host in self.hosts:
            host.policy = policy

    # ------------------------------------------------------------ time

    @property
    def now_ns(self) -> int:
        return self._at.now_ns

    @now_ns.setter
    def now_ns(self, now_ns: int) -> None:
        self._at.now_ns = now_ns

    @property
    def first_tick(self) -> int:
        return self._at.first_tick

    @first_tick.setter
    def first_tick(self, count: int) -> None:
        self._at.first_tick = count

    def next_deadline(self) -> int | None:
        """See `Host.next_deadline`."""
        return self._at.next_deadline()

    def due(self, until_ns: int) -> list[tuple[int, Timer]]:
        """See `Host.due`."""
        return self._at.due(until_ns)

    def fire_early(self, timers: Iterable[tuple[int, Timer]]) -> None:
        """See `Host.fire_early`."""
        self._at.fire_early(timers)

    def sleep_until(self, at_ns: int) -> None:
        """See `Host.sleep_until`."""
        while (deadline := self.next_deadline()) is not None and deadline <= at_ns:
            self._at.fire_next()
        self.now_ns = max(self.now_ns, at_ns)

    # ------------------------------------------------------------ copies

    def fork(self, policy: Policy) -> SharedKernel:
        """An independent copy that goes on under another policy."""
        new: SharedKernel = object.__new__(SharedKernel)
        new.line = deque()
        new.hosts = [cast("_Namespace", host.fork(policy)) for host in self.hosts]
        new._at = new.hosts[self.hosts.index(self._at)]
        new._share()
        return new


def _same(mtu: int, ip: str) -> int:
    return mtu
