"""The bench of the trace tests on the running kernel, and one body on two arms.

    @on_both_arms
    def test_something(net: Net) -> None: ...

runs the body on the model and, in a private network namespace with a packet socket listening on loopback, on the
kernel. The expectations are the same text: what the model is expected to send, the kernel sends. Where the model is
known not to, `@model_is_wrong("how")` below says so.

Time is real on the kernel's arm. A body states times by brackets that are wide enough for a kernel tick ("nothing for
20 ms, then within 80"). A machine that is busy can still be late: a body that fails although this process was held up
between two calls has shown nothing, and is run again.

Not here: comparing memory accounts, timers of a minute.
"""

from __future__ import annotations

import errno
import fcntl
import functools
import inspect
import select
import socket
import struct
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

import pytest

from model.rules import ModelDefect
from model.values.constants import TcpFlag
from realnet import Namespace, NamespaceRefused

from .traces import LETTERS, STRANGE, Address, End, ModelNet, Net

SLOW_S = 0.003
"""Longest time between two calls of a body that counts as no time at all."""
MOST_ATTEMPTS = 10

_OUTGOING, _ETHERNET, _ALL = 4, 14, 3
_SO_TIMESTAMPNS = 35


def on_both_arms(body: Callable[..., None]) -> Callable[..., None]:
    """Make a test of `body`, whose first parameter is a net: once with the model's, once with the kernel's."""

    def test(arm: str, **others: Any) -> None:
        if arm == "model":
            body(ModelNet(), **others)
        else:
            _on_the_kernel(functools.partial(body, **others))

    test.__name__, test.__doc__, test.__module__ = body.__name__, body.__doc__, body.__module__
    signature = inspect.signature(body)
    _, *others = signature.parameters.values()
    arm = inspect.Parameter("arm", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    test.__signature__ = signature.replace(parameters=[arm, *others])  # type: ignore[attr-defined]
    marks = (
        [pytest.mark.xfail(reason=body.wrong, raises=(AssertionError, ModelDefect))] if hasattr(body, "wrong") else []
    )
    twice: Callable[..., None] = pytest.mark.parametrize("arm", [pytest.param("model", marks=marks), "kernel"])(test)
    return twice


def model_is_wrong(how: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Say of a body that the model is known to fail it, and how. Once it does not any more, that is a failure too."""

    def mark(body: Callable[..., None]) -> Callable[..., None]:
        body.wrong = how  # type: ignore[attr-defined]
        return body

    return mark


@functools.cache
def _stamping() -> socket.socket:
    """Held open for the life of the process, so that the kernel stamps packets with their time when they are sent. It
    begins to do so a while after the first socket asked for it, and one that has no stamp gets it when it is read.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    return sock


def _on_the_kernel(body: Callable[[Net], None]) -> None:
    _stamping()
    for attempt in range(MOST_ATTEMPTS):
        try:
            with Namespace(), KernelNet() as net:
                try:
                    body(net)
                except AssertionError:
                    if not net.late or attempt == MOST_ATTEMPTS - 1:
                        raise
                else:
                    return
        except NamespaceRefused as refusal:
            pytest.skip(f"the running kernel is out of reach: {refusal.strerror}")


class KernelNet(Net):
    """The bench on the kernel, in the namespace that the caller has entered. A context manager: it owns sockets."""

    def __init__(self) -> None:
        super().__init__()
        self.late = False
        """Whether time passed that the body knows nothing of."""
        self.sockets: list[socket.socket] = []
        self._tap = self._listen()
        self._touched = time.monotonic()
        self._later: list[tuple[float, bytes]] = []
        self._first: dict[tuple[str, str], int] = {}
        self._forged: set[bytes] = set()
        """Headers of segments that no socket sent: their SYNs begin nothing."""
        self._scale: dict[tuple[str, str], int] = {}
        self._stamp: dict[tuple[str, str], int] = {}

    def __enter__(self) -> KernelNet:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for sock in (*self.sockets, self._tap):
            sock.close()

    @staticmethod
    def _listen() -> socket.socket:
        tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL))
        tap.bind(("lo", 0))
        tap.setblocking(False)
        tap.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        tap.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        return tap

    def open(self, name: str, kind: int) -> KernelEnd:
        return KernelEnd(self, name, socket.socket(socket.AF_INET, kind))

    def forge(
        self, source: Address, target: Address, flags: str, seq: int = 0, ack: int = 0, size: int = 0,
        window: int = 512, *, late_ms: int | None = None,
    ) -> None:  # fmt: skip
        self.look_ahead()
        here, goal = f"{source[0]}:{source[1]}", f"{target[0]}:{target[1]}"
        bits = sum(int(flag) for letter, flag in LETTERS if letter in flags)
        self._first.setdefault((here, goal), STRANGE if "S" in flags else 0)
        first, last = self._first[here, goal], self._first.get((goal, here), 0)
        ends = socket.inet_aton(source[0]) + socket.inet_aton(target[0])
        options = b""
        if late_ms is not None:
            stamp = (self._stamp[here, goal] + late_ms) % 2**32
            options = struct.pack("!BBBBII", 1, 1, 8, 10, stamp, self._stamp[goal, here])
        segment = struct.pack(
            "!HHIIBBHHH", source[1], target[1], (first + seq) % 2**32, (last + ack) % 2**32 if "." in flags else 0,
            (5 + len(options) // 4) << 4, bits, window, 0, 0,
        ) + options + bytes(size)  # fmt: skip
        check = _checksum(ends + struct.pack("!HH", socket.IPPROTO_TCP, len(segment)) + segment)
        segment = segment[:16] + struct.pack("!H", check) + segment[18:]
        self._forged.add(segment[:20])
        self._first.setdefault((goal, here), 0)
        header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(segment), 0, 0, 64, socket.IPPROTO_TCP, 0) + ends
        self.touch()
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
            raw.sendto(header + segment, (target[0], 0))
        self._touched = time.monotonic()

    def look_ahead(self) -> None:
        """Read the packets so far, so that first numbers are known, and keep them for the next look."""
        self._later += self._arrived()
        for _, packet in self._later:
            if packet[9] == socket.IPPROTO_TCP:
                src, dst = socket.inet_ntoa(packet[12:16]), socket.inet_ntoa(packet[16:20])
                self._segment(src, dst, packet[(packet[0] & 15) * 4 :])

    def touch(self) -> None:
        """A call begins: see that the one before was just now. What it sends is not what came while waiting."""
        now = time.monotonic()
        self._until = float("inf")
        self.late = self.late or now - self._touched > SLOW_S
        self._touched = now

    def wait(self, seconds: float) -> None:
        self.touch()
        self._later += self._arrived()
        self._until = time.time() + seconds
        time.sleep(seconds)
        self._touched = time.monotonic()
        self.late = self.late or time.time() > self._until + SLOW_S

    def look(self) -> list[str]:
        """The packets since the last look; those that came later than the waiting was to last are left for the next."""
        until = self._until
        self.touch()
        packets = [*self._later, *self._arrived()]
        self._later = [packet for packet in packets if packet[0] > until]
        lines = (self._text(packet) for at, packet in packets if at <= until)
        found = [line for line in lines if line]
        self._touched = time.monotonic()
        return found

    _until = float("inf")

    def _arrived(self) -> Iterator[tuple[float, bytes]]:
        while True:
            try:
                packet, extra, _, (_, _, kind, *_) = self._tap.recvmsg(1 << 17, 256)
            except BlockingIOError:
                return
            if kind == _OUTGOING:  # on loopback every packet passes twice
                seconds, ns = struct.unpack("=qq", extra[0][2])
                yield seconds + ns / 1e9, packet[_ETHERNET:]

    def _text(self, packet: bytes) -> str:
        """The packet in the model's words; empty for one that is none of ours."""
        src, dst = socket.inet_ntoa(packet[12:16]), socket.inet_ntoa(packet[16:20])
        inner = packet[(packet[0] & 15) * 4 :]
        if packet[9] == socket.IPPROTO_TCP:
            return self._segment(src, dst, inner)
        from_port, to_port = struct.unpack("!HH", inner[:4])
        if packet[9] == socket.IPPROTO_UDP:
            return f"{src}:{from_port} > {dst}:{to_port}: udp ({len(inner) - 8})"
        if packet[9] == socket.IPPROTO_ICMP:
            (port,) = struct.unpack("!H", inner[8 + 20 + 2 : 8 + 20 + 4])
            return f"{src} > {dst}: icmp unreachable port {port}"
        return ""

    def _segment(self, src: str, dst: str, segment: bytes) -> str:
        from_port, to_port, seq, ack, offset, bits, window = struct.unpack("!HHIIBBH", segment[:16])
        (urgent,) = struct.unpack("!H", segment[18:20])
        there = (f"{src}:{from_port}", f"{dst}:{to_port}")
        back = (there[1], there[0])
        options = _options(segment[20 : (offset >> 4) * 4])
        length = len(segment) - (offset >> 4) * 4
        self._stamp[there] = options.pop("stamp", self._stamp.get(there))
        if bits & TcpFlag.SYN and segment[:20] not in self._forged:
            self._first[there] = seq
            self._scale[there] = options.get("wscale", 0)
            if not bits & TcpFlag.ACK and there != back:
                self._first.pop(back, None)
        else:
            window <<= self._scale.get(there, 0)
        start = _near(seq - self._first.get(there, seq))
        end = start + length + bool(bits & TcpFlag.SYN) + bool(bits & TcpFlag.FIN)
        parts = ["".join(letter for letter, flag in LETTERS if bits & flag), f"{start}:{end}({length})"]
        if bits & TcpFlag.ACK:
            parts.append(f"ack {_near(ack - self._first.get(back, 0))}")
        parts.append(f"win {window}")
        parts += [f"urg {urgent}"] if bits & TcpFlag.URG else []
        blocks = options.pop("sack", [])
        texts = [f"{name} {value}" for name, value in options.items()]
        texts += [
            f"sack {_near(b - self._first.get(back, 0))}:{_near(e - self._first.get(back, 0))}" for b, e in blocks
        ]
        if texts:
            parts.append("<" + ",".join(texts) + ">")
        return f"{there[0]} > {there[1]}: {' '.join(parts)}"


def _checksum(data: bytes) -> int:
    """The internet checksum (RFC 1071)."""
    even = data + bytes(len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(even) // 2}H", even))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _near(difference: int) -> int:
    """A difference of sequence numbers: modulo 2**32, as a number with a sign (RFC 9293 §3.4)."""
    return (difference + (1 << 31)) % (1 << 32) - (1 << 31)


def _options(data: bytes) -> dict[str, Any]:
    """MSS, window scale, SACK blocks and the timestamp (RFC 9293 §3.2; RFC 2018 §3; RFC 7323 §3.2)."""
    found: dict[str, Any] = {}
    at = 0
    while at < len(data) and data[at]:
        kind = data[at]
        if kind == 1:
            at += 1
            continue
        value = data[at + 2 : at + data[at + 1]]
        if kind in (2, 3):
            found["mss" if kind == 2 else "wscale"] = int.from_bytes(value, "big")
        if kind == 8:
            (found["stamp"],) = struct.unpack("!I", value[:4])
        if kind == 5:
            found["sack"] = list(struct.iter_unpack("!II", value))
        at += data[at + 1]
    return found


class KernelEnd(End):
    """A socket of the kernel."""

    net: KernelNet

    def __init__(self, net: KernelNet, name: str, sock: socket.socket) -> None:
        super().__init__(net, name)
        self.sock = sock
        sock.setblocking(False)
        net.sockets.append(sock)

    def accepted(self, value: Any, name: str) -> KernelEnd:
        return KernelEnd(self.net, name, value[0])

    def call(self, name: str, *args: Any) -> Any:
        self.net.touch()
        try:
            answer = self._call(name, args)
        except OSError as error:
            answer = errno.errorcode[error.errno or 0]
        if self.sock.fileno() >= 0:
            self.named(self.sock.getsockname())
        return answer

    def _call(self, name: str, args: tuple[Any, ...]) -> Any:
        if name == "ioctl":
            return struct.unpack("=i", fcntl.ioctl(self.sock, args[0], bytes(4)))[0]
        if name == "poll":
            poller = select.poll()
            poller.register(self.sock, args[0])
            return sum(bits for _, bits in poller.poll(0))
        return getattr(self.sock, name)(*args)
