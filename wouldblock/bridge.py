"""A bridge: a host of the model on one side, the running kernel on the other, real packets in between.

The model's host has the address 10.0.0.1 and takes part in real time: its clock follows the machine's, its timers fire
when they are due, and what it sends is written to a TUN device of a private namespace (realnet/tun.py). The kernel
sees a peer on a network like any other. Nobody can tell the model to wait, so whoever uses a bridge calls `turn`
again and again, and makes calls of the model's host and of the kernel in between.

A judge may lose, duplicate or delay packets, as on the model's own wire (model/world/wire.py).

Not here: several hosts; IPv6.
"""

from __future__ import annotations

import heapq
import select
import time
from types import TracebackType

from model import machines  # noqa: F401  # a host has all rules: importing this declares them
from model.choices import Seeded
from model.profiles import LINUX, Profile
from model.trace import Trace
from model.values.conversion import Conversion
from model.values.packets import IpPacket, Malformed
from model.values.segments import Packet
from model.values.wire import decode, encode
from model.world.host import Host
from model.world.wire import Judge, Passing, as_received, let_pass
from realnet.tun import Tun

ADDRESS, NETWORK = "10.0.0.1", "10.0.0."
LONGEST_TURN_S = 0.05


class Bridge:
    """A context manager, to be entered inside a `realnet.Namespace`. `host` is the model's, `tun` the kernel's side."""

    def __init__(
        self, seed: int = 0, profile: Profile = LINUX, trace: Trace | None = None, judge: Judge = let_pass
    ) -> None:
        self.host = Host("model", profile, Seeded(seed), trace, addresses=(ADDRESS,), network=NETWORK)
        self.host.link = self._send
        self.judge = judge
        self.tun = Tun()
        self.host.path_mtu = lambda _ip: self.tun.mtu
        self.received = self.sent = self.malformed = 0
        """Packets from the kernel, packets to it, and how many of the kernel's nobody understood."""
        self._conversion = Conversion()
        self._epoch_ns = time.monotonic_ns()
        self._late: list[tuple[int, int, bool, bytes]] = []
        self._passed = {"model": 0, "kernel": 0}

    def __enter__(self) -> Bridge:
        self.tun.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.tun.__exit__(kind, error, traceback)

    def turn(self, longest_s: float = LONGEST_TURN_S) -> bool:
        """Wait for the next packet or timer, at most so many seconds, and process all that is due. Whether a packet
        came.
        """
        self._catch_up()
        due = [ns for ns in (self.host.next_deadline(), self._late[0][0] if self._late else None) if ns is not None]
        wait_s = min([longest_s, *((ns - self._now_ns()) / 1e9 for ns in due)])
        select.select([self.tun], [], [], max(wait_s, 0))
        self._catch_up()
        came = False
        while (data := self.tun.read()) is not None:
            came = True
            self._judge("kernel", data)
        return came

    def _now_ns(self) -> int:
        return time.monotonic_ns() - self._epoch_ns

    def _catch_up(self) -> None:
        now = self._now_ns()
        while self._late and self._late[0][0] <= now:
            _, _, to_model, data = heapq.heappop(self._late)
            self._deliver(to_model, data)
        self.host.sleep_until(now)

    def _send(self, packet: Packet) -> None:
        for ip in self._conversion.packets(packet):
            self._judge("model", encode(ip))

    def _judge(self, source: str, data: bytes) -> None:
        self._passed[source] += 1
        target = "kernel" if source == "model" else "model"
        fate = self.judge(Passing(self._passed[source], source, target, data, self._now_ns()))
        for late_ns in fate.copies:
            if late_ns:
                number = self._passed["model"] + self._passed["kernel"]
                heapq.heappush(self._late, (self._now_ns() + late_ns, number, target == "model", data))
            else:
                self._deliver(target == "model", data)

    def _deliver(self, to_model: bool, data: bytes) -> None:
        if not to_model:
            self.sent += 1
            self.tun.write(data)
            return
        self.received += 1
        ip = decode(data)
        packet = self._conversion.packet(ip) if isinstance(ip, IpPacket) else None
        if isinstance(ip, Malformed):
            self.malformed += 1
        elif packet is not None:
            self.host.receive(as_received(packet, self.host.profile.buffer_overhead))
