"""A transfer over the wire: a megabyte from one host of the model to another, on one core.

One program, in plain socket code, in turns on four nets: the kernel's loopback, the model's loopback, and the model's
wire between two hosts, good and with one packet in a hundred lost. Loopback carries runs of up to 64 KiB as one packet
where the wire carries segments of 1448 bytes, and every loss is answered and repaired. So megabytes per second compare
what the program sees, and the packets per second of the wire (both directions, acknowledgements included, lost ones
too) what the model does.

Times are real time; the wire's 0.1 ms of delay are virtual and cost nothing.

Not here: bandwidth and queues of a wire, other kinds of bad weather.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from statistics import median
from typing import Any

from model import SimNet
from model.values.constants import AF_INET, SOCK_STREAM

from .programs import HOME, REAL
from .rounds import Effort, Row, in_turns, ratio

SECTION = "a transfer"
KERNEL, LOOPBACK = "kernel, loopback", "model, loopback"
CLEAN, LOSSY = "model, two hosts", "model, two hosts, 1 % lost"
LOSS = 0.01
SEED = 1
MEGABYTE = 1_000_000
_TEXT = bytes(range(256)) * 256


def transfer(near: Any, far: Any, address: str, total: int) -> None:
    """Send so many bytes from one net to another: as many as the sender takes, then as many as there are to read."""
    with far.socket.socket(AF_INET, SOCK_STREAM) as listener, near.socket.socket(AF_INET, SOCK_STREAM) as client:
        listener.bind((address, 0))
        listener.listen()
        client.connect(listener.getsockname())
        client.setblocking(False)
        server, _ = listener.accept()
        with server:
            sent = got = 0
            while got < total:
                try:
                    while sent < total:
                        sent += client.send(_TEXT[: total - sent])
                except BlockingIOError:
                    pass
                got += len(server.recv(1 << 20))
            assert got == sent == total


class Arms:
    """The four arms. Each gives seconds for a megabyte; the wire's also say how many packets it carried."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.packets: dict[str, int] = {}

    def kernel(self) -> float:
        """Real sockets on loopback."""
        return self._timed(REAL, REAL, HOME)

    def loopback(self) -> float:
        """Simulated sockets on the same host."""
        with ExitStack() as stack:
            net = self._net(stack)
            return self._timed(net, net, HOME)

    def clean(self) -> float:
        """Simulated sockets on two hosts."""
        return self._over_wire(CLEAN, 0.0)

    def lossy(self) -> float:
        """The same, and dice decide what is lost."""
        return self._over_wire(LOSSY, LOSS)

    def _over_wire(self, arm: str, loss: float) -> float:
        with ExitStack() as stack:
            net = self._net(stack)
            far = net.host("far")
            if loss:
                net.wire.weather(SEED, loss=loss)
            seconds = self._timed(net, far, far.address)
            self.packets[arm] = sum(path.entered for path in net.world.wire.paths.values())
            return seconds

    def _net(self, stack: ExitStack) -> SimNet:
        net = stack.enter_context(SimNet(SEED))
        net.world.trace = net.world.host.trace = None
        return net

    def _timed(self, near: Any, far: Any, address: str) -> float:
        began = time.perf_counter()
        transfer(near, far, address, self.total)
        return (time.perf_counter() - began) * MEGABYTE / self.total


def measure(effort: Effort) -> list[Row]:
    """Megabytes per second of each arm, and packets per second of the wires. To be called inside a namespace."""
    arms = Arms(effort.transfer)
    found = in_turns(
        effort.long_rounds,
        {KERNEL: arms.kernel, LOOPBACK: arms.loopback, CLEAN: arms.clean, LOSSY: arms.lossy},
    )
    what, rate = "one megabyte over TCP", {arm: 1 / median(seconds) for arm, seconds in found.items()}
    rows = [
        Row(SECTION, what, KERNEL, rate[KERNEL], "MB/s"),
        Row(SECTION, what, LOOPBACK, rate[LOOPBACK], "MB/s", ratio(found[LOOPBACK], found[KERNEL]), "kernel's time"),
    ]
    for arm, other, against in ((CLEAN, LOOPBACK, "time on loopback"), (LOSSY, CLEAN, "time without loss")):
        packets = arms.packets[arm] * rate[arm] * MEGABYTE / effort.transfer
        rows.append(Row(SECTION, what, arm, rate[arm], "MB/s", ratio(found[arm], found[other]), against))
        rows.append(Row(SECTION, what, arm, packets, "packets/s"))
    return rows
