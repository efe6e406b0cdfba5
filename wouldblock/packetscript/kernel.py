"""The running kernel as the arm of a script: real sockets in a private namespace, a TUN device, real time.

The kernel routes everything to the device, behind which the script is the only neighbour. What leaves is seen by a
packet socket, with the kernel's own times; what the script injects is written to the device, and the kernel processes
it before the write returns.

Settings are those of `realnet.PINNED` and what the script's commands set, in this namespace alone.

Not here: the calls (kernelcalls.py); IPv6, which is switched off there so that it sends nothing by itself.
"""

from __future__ import annotations

import os
import select
import socket
import time
from collections import deque
from collections.abc import Mapping
from contextlib import ExitStack

from model.profiles import LINUX
from model.values.packets import IpPacket
from model.values.wire import decode, encode
from realnet import Namespace, NamespaceRefused
from realnet.capture import Capture
from realnet.observe import tcp_info
from realnet.settings import read, write
from realnet.ticks import ticks_ahead, wait_for
from realnet.tun import Tun

from .arm import START_COUNT, START_NS, Ends
from .kernelcalls import KernelAttempt, KernelCalls
from .settings import read_commands
from .syntax import Packet, SystemCall

_SILENCE = {"net.ipv6.conf.default.disable_ipv6": "1", "net.ipv6.conf.all.disable_ipv6": "1"}


class RunningKernel:
    """The kernel's arm. Entering it raises `realnet.NamespaceRefused` where the machine does not allow it."""

    name = "kernel"
    longest_ns = 120_000_000_000

    def __init__(self, ends: Ends) -> None:
        self.captured: deque[tuple[int, IpPacket]] = deque()
        self._ends = ends
        self._began_ns = self._clock_ns = 0
        self._stack = ExitStack()

    def __enter__(self) -> RunningKernel:
        ticks_ahead()
        with ExitStack() as stack:
            stack.enter_context(Namespace())
            write(_SILENCE)
            ends = self._ends
            try:
                self._tun = stack.enter_context(Tun(ends.local[0], ends.netmask, ends.mtu, routed_all=True))
                self._capture = stack.enter_context(Capture(self._tun.name))
            except OSError as error:
                raise NamespaceRefused(
                    error.errno,
                    f"a TUN device could not be set up ({error.strerror}): load the module tun, or run as root",
                ) from error
            self._woken, self._waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
            stack.callback(os.close, self._woken)
            stack.callback(os.close, self._waker)
            self._calls = KernelCalls(ends, self._wake)
            stack.callback(self._calls.close_all)
            self._stack = stack.pop_all()
        self._begin_at(time.monotonic_ns())
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def _wake(self) -> None:
        """Called in the thread of a call that has ended."""
        os.write(self._waker, b".")

    # ----------------------------------------------------------------------------------------------------------- time

    def begin(self) -> None:
        """Wait until the count of ticks stands as the model's does, to within `ticks.WHOLE`: a quarter of a second at
        most.
        """
        self._begin_at(wait_for(START_COUNT, START_NS % LINUX.jiffy_ns))

    def _begin_at(self, monotonic_ns: int) -> None:
        self._began_ns = monotonic_ns
        self._clock_ns = time.time_ns() - time.monotonic_ns() + monotonic_ns

    @property
    def now_ns(self) -> int:
        return time.monotonic_ns() - self._began_ns

    def step(self, until_ns: int) -> bool:
        wait_s = max(until_ns - self.now_ns, 0) / 1e9
        ready, _, _ = select.select([self._capture.fileno(), self._woken, self._tun.fileno()], [], [], wait_s)
        while self._tun.read() is not None:
            pass  # the packet socket has it too
        while (packet := self._capture.read()) is not None:
            ip = decode(packet[1])
            if isinstance(ip, IpPacket):
                self.captured.append((packet[0] - self._clock_ns, ip))
        if self._woken in ready:
            os.read(self._woken, 4096)
        return bool(ready)

    # -------------------------------------------------------------------------------------------------------- calling

    def call(self, call: SystemCall) -> KernelAttempt:
        return self._calls.begin(call)

    def command(self, text: str) -> tuple[str, ...]:
        commands = read_commands(text)
        if commands.mtu is not None:
            self._tun.resize(commands.mtu)
        unknown = list(commands.unknown)
        for name, value in commands.assignments:
            try:
                write({name: value})
                there = bool(read([name]))
            except OSError:
                there = False
            if not there:
                unknown.append(f"the setting {name}={value}")
        return tuple(unknown)

    def info(self, fd: int) -> Mapping[str, int] | None:
        real = self._calls.descriptor(fd)
        if real is None:
            return None
        with socket.socket(fileno=os.dup(real)) as asked:
            try:
                return tcp_info(asked)
            except OSError:
                return None

    # -------------------------------------------------------------------------------------------------------- packets

    def inject(self, packet: IpPacket) -> int:
        data = encode(packet)
        now_ns = self.now_ns
        self._tun.write(data)
        self.step(0)
        return max(self._capture.arrived_ns - self._clock_ns, now_ns)

    def lacks(self, packet: Packet) -> tuple[str, ...]:
        return ()
