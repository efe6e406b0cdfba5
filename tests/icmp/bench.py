"""One host on a wire, and a peer whose every packet the test writes: on the model and on the running kernel.

    @on_both_arms
    def test_something(bench: Bench) -> None: ...

runs the body on a host of the model, whose packets become bytes and come from bytes, and on the kernel behind a TUN
device in a private network namespace. The host is 10.0.0.1 and everything else of 10.0.0.0/24 is the test. A body
injects packets, makes calls, and says what the host sent, in packetdrill's notation with relative numbers; `take` gives
everything since the last look, so that an equality means "this, and nothing else".

The peer offers no timestamps, so that connections have none; its window scale is 0.

Not here: expectations.
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
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from model import machines  # noqa: F401  # a host has all rules: importing this declares them
from model.choices import Seeded
from model.profiles import LINUX, SECOND
from model.values.constants import (
    AF_INET,
    IPPROTO_TCP,
    POLL_ALL,
    SO_ERROR,
    SO_MEMINFO,
    SOCK_DGRAM,
    SOCK_STREAM,
    SOL_SOCKET,
    TCP_INFO,
    TcpFlag,
    TcpState,
)
from model.values.conversion import Conversion, unwrap
from model.values.packets import Icmp, IcmpError, IpPacket, Mss, SackPermitted, Tcp, Udp, WindowScale, icmp_error
from model.values.results import Done, Fail
from model.values.segments import Packet
from model.values.wire import decode, encode, error_about
from model.world.host import Host
from model.world.wire import as_received
from realnet import Namespace, NamespaceRefused
from realnet.settings import write
from realnet.tun import Tun

HERE, PEER, ROUTER = "10.0.0.1", "10.0.0.2", "10.0.0.3"
NETWORK = "10.0.0."
PORT, PEER_PORT = 8000, 80
NOTHING: list[str] = []
THEIR_ISS = 5000
MTU = 1500
SLOW_S = 0.01
MOST_ATTEMPTS = 5
LETTERS = (
    ("S", TcpFlag.SYN), ("F", TcpFlag.FIN), ("R", TcpFlag.RST), ("P", TcpFlag.PSH), ("U", TcpFlag.URG),
    (".", TcpFlag.ACK),
)  # fmt: skip


def on_both_arms(body: Callable[..., None]) -> Callable[..., None]:
    """Make a test of `body`, whose first parameter is a bench: once with the model's, once with the kernel's."""

    def test(arm: str, **others: Any) -> None:
        if arm == "model":
            body(ModelBench(), **others)
        else:
            _on_the_kernel(functools.partial(body, **others))

    test.__name__, test.__doc__, test.__module__ = body.__name__, body.__doc__, body.__module__
    _, *others = inspect.signature(body).parameters.values()
    arm = inspect.Parameter("arm", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    test.__signature__ = inspect.Signature([arm, *others])  # type: ignore[attr-defined]
    twice: Callable[..., None] = pytest.mark.parametrize("arm", ["model", "kernel"])(test)
    return twice


def _on_the_kernel(body: Callable[[Bench], None]) -> None:
    """A body that fails although this process was held up has shown nothing, and is run again."""
    for attempt in range(MOST_ATTEMPTS):
        try:
            with Namespace(), Tun(HERE, mtu=MTU) as tun:
                bench = KernelBench(tun)
                try:
                    body(bench)
                except AssertionError:
                    if not bench.late or attempt == MOST_ATTEMPTS - 1:
                        raise
                else:
                    return
                finally:
                    bench.close()
        except NamespaceRefused as refusal:
            pytest.skip(f"the running kernel is out of reach: {refusal.strerror}")
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.EPERM, errno.EACCES, errno.ENODEV):
                pytest.skip(f"no TUN device may be made here: {error.strerror}")
            raise


class Bench(ABC):
    """The host under test, and the wire that the test writes to."""

    def __init__(self) -> None:
        self.iss: dict[tuple[int, int], int] = {}
        """Own port and peer's → the host's first number."""

    def take(self) -> list[str]:
        """What the host has sent since the last look, in words."""
        return [self.text(packet) for packet in self.packets()]

    def text(self, packet: IpPacket) -> str:
        match packet.payload:
            case Tcp() as tcp:
                return self._segment(tcp)
            case Udp(_, port, data):
                return f"udp {len(data)} to {port}{' DF' if packet.dont_fragment else ''}"
            case Icmp():
                return f"icmp {icmp_error(packet)}"
        part = packet.payload
        more = "+" if packet.more_fragments else ""
        return f"fragment {packet.fragment_offset}:{packet.fragment_offset + len(part.data)}{more}"

    def _segment(self, tcp: Tcp) -> str:
        ports = tcp.src_port, tcp.dst_port
        if tcp.flags & TcpFlag.SYN:
            self.iss[ports] = tcp.seq
        seq = unwrap(tcp.seq - self.iss.get(ports, 0), 0)
        length = len(tcp.data) + bool(tcp.flags & TcpFlag.SYN) + bool(tcp.flags & TcpFlag.FIN)
        letters = "".join(letter for letter, bit in LETTERS if tcp.flags & bit)
        ack = f" ack {unwrap(tcp.ack - THEIR_ISS, 0)}" if tcp.flags & TcpFlag.ACK else ""
        urgent = f" urg {tcp.urgent}" if tcp.flags & TcpFlag.URG else ""
        mss = "".join(f" mss {option.size}" for option in tcp.options if isinstance(option, Mss))
        other = f" from {tcp.src_port}" if tcp.src_port != PORT else ""
        return f"{letters} {seq}:{seq + length}({len(tcp.data)}){ack}{urgent}{mss}{other}"

    def segment(
        self, flags: str, seq: int, ack: int = 0, data: bytes = b"", *, port: int = PORT, peer_port: int = PEER_PORT,
        window: int = 60_000, mss: int = 1460, urgent: int = 0,
    ) -> None:  # fmt: skip
        """A segment of the peer arrives; numbers are relative."""
        bits = sum(int(bit) for letter, bit in LETTERS if letter in flags)
        options = (Mss(mss), SackPermitted(), WindowScale(0)) if "S" in flags else ()
        acked = (self.iss.get((port, peer_port), 0) + ack) % 2**32 if "." in flags else 0
        tcp = Tcp(peer_port, port, THEIR_ISS + seq, acked, bits, window, urgent, options, data)
        self.inject(IpPacket(PEER, HERE, tcp))

    def error(
        self, kind: IcmpError, *, seq: int = 0, mtu: int = 0, protocol: str = "tcp", port: int = PORT,
        peer_port: int = PEER_PORT, source: str = ROUTER,
    ) -> None:  # fmt: skip
        """An ICMP error arrives that quotes a packet of the host."""
        first = self.iss.get((port, peer_port), 0)
        quoted = Tcp(port, peer_port, (first + seq) % 2**32, 0, 16, 0) if protocol == "tcp" else Udp(port, peer_port)
        about = IpPacket(HERE, PEER, quoted, dont_fragment=True)
        self.inject(error_about(about, kind, src=source, mtu=mtu))

    @abstractmethod
    def inject(self, packet: IpPacket) -> None:
        """A packet arrives at the host."""

    @abstractmethod
    def packets(self) -> list[IpPacket]:
        """What the host has sent since the last look."""

    @abstractmethod
    def wait(self, seconds: float) -> None:
        """Let time pass."""

    @abstractmethod
    def open(self, kind: int) -> Sock:
        """A non-blocking socket."""

    @abstractmethod
    def believe_for(self, seconds: int) -> None:
        """How long a path MTU is believed from now on."""

    @abstractmethod
    def counted(self) -> tuple[int, int]:
        """ICMP errors so far that quoted a segment not on its way, and those about nothing that the host knows."""

    def tcp(self, *, bound: bool = True) -> Sock:
        sock = self.open(SOCK_STREAM)
        if bound:
            assert sock.call("bind", (HERE, PORT)) is None
        return sock

    def udp(self) -> Sock:
        sock = self.open(SOCK_DGRAM)
        assert sock.call("bind", (HERE, PORT)) is None
        return sock


class Sock(ABC):
    """A socket of the host under test. Calls answer with a plain value or an error's name."""

    @abstractmethod
    def call(self, name: str, *args: Any) -> Any: ...

    @abstractmethod
    def poll(self) -> int:
        """`revents`, asked for everything."""

    def error(self) -> str:
        """SO_ERROR by name; empty for none."""
        code = self.call("getsockopt", SOL_SOCKET, SO_ERROR)
        return errno.errorcode[code] if code else ""

    @property
    def info(self) -> Info:
        fields = struct.unpack_from("=8B24I", self.call("getsockopt", IPPROTO_TCP, TCP_INFO, 104))
        head, words = fields[:8], fields[8:]
        return Info(TcpState(head[0]).name, head[2], head[4], words[2], words[4], words[17], words[18], words[0])

    @property
    def state(self) -> str:
        return self.info.state

    @property
    def drops(self) -> int:
        """Packets that it refused."""
        return int(struct.unpack("=9I", self.call("getsockopt", SOL_SOCKET, SO_MEMINFO, 36))[8])


@attrs.frozen
class Info:
    """Some fields of `tcp_info`."""

    state: str
    retransmits: int
    backoff: int
    mss: int
    unacked: int
    ssthresh: int
    cwnd: int
    rto_us: int


# ---------------------------------------------------------------------------------------------------- the model's arm


class ModelBench(Bench):
    """A host of the model, in virtual time."""

    def __init__(self) -> None:
        super().__init__()
        self.host = Host("model", LINUX, Seeded(1), addresses=(HERE,), network=NETWORK)
        self.host.link = self._send
        self.host.path_mtu = lambda _ip: MTU
        self._conversion = Conversion()
        self._sent: list[IpPacket] = []

    def _send(self, packet: Packet) -> None:
        for ip in self._conversion.packets(packet):
            again = decode(encode(ip))
            assert isinstance(again, IpPacket)
            self._sent.append(again)

    def inject(self, packet: IpPacket) -> None:
        ip = decode(encode(packet))
        assert isinstance(ip, IpPacket)
        found = self._conversion.packet(ip)
        if found is not None:
            self.host.receive(as_received(found, self.host.profile.buffer_overhead))

    def packets(self) -> list[IpPacket]:
        sent, self._sent = self._sent, []
        return sent

    def wait(self, seconds: float) -> None:
        self.host.sleep_until(self.host.now_ns + round(seconds * SECOND))

    def believe_for(self, seconds: int) -> None:
        self.host.profile = attrs.evolve(self.host.profile, path_mtu_ns=seconds * SECOND)

    def counted(self) -> tuple[int, int]:
        return self.host.errors_outside, self.host.errors_unclaimed

    def open(self, kind: int) -> Sock:
        answer = self.host.call("socket", AF_INET, kind, 0)
        assert isinstance(answer, Done)
        self.host.call("setblocking", answer.value, False)
        return ModelSock(self.host, answer.value)


class ModelSock(Sock):
    def __init__(self, host: Host, fd: int) -> None:
        self.host, self.fd = host, fd

    def call(self, name: str, *args: Any) -> Any:
        if name == "sendto":
            args = (args[0], 0, args[1])
        answer = self.host.call(name, self.fd, *args)
        if isinstance(answer, Fail):
            return answer.name
        assert isinstance(answer, Done), answer
        if name == "accept":
            self.host.call("setblocking", answer.value[0], False)
            return ModelSock(self.host, answer.value[0])
        return answer.value

    def poll(self) -> int:
        answer = self.host.call("poll", [(self.fd, POLL_ALL)])
        assert isinstance(answer, Done)
        return sum(bits for _, bits in answer.value)


# ---------------------------------------------------------------------------------------------------- the kernel's arm


class KernelBench(Bench):
    """The kernel behind a TUN device, in real time, in the namespace that the caller has entered."""

    def __init__(self, tun: Tun) -> None:
        super().__init__()
        self.tun = tun
        self.late = False
        self._sockets: list[socket.socket] = []
        self._touched = time.monotonic()

    def touch(self) -> None:
        now = time.monotonic()
        self.late = self.late or now - self._touched > SLOW_S
        self._touched = now

    def close(self) -> None:
        for sock in self._sockets:
            sock.close()

    def inject(self, packet: IpPacket) -> None:
        self.touch()
        assert self.tun.write(encode(packet))

    def packets(self) -> list[IpPacket]:
        self.touch()
        found = []
        while (data := self.tun.read()) is not None:
            packet = decode(data)
            if isinstance(packet, IpPacket) and packet.version == 4:
                found.append(packet)
        return found

    def wait(self, seconds: float) -> None:
        self.touch()
        until = time.monotonic() + seconds
        time.sleep(seconds)
        self._touched = time.monotonic()
        self.late = self.late or self._touched - until > SLOW_S

    def believe_for(self, seconds: int) -> None:
        write({"net.ipv4.route.mtu_expires": str(seconds)})

    def counted(self) -> tuple[int, int]:
        return _counter("netstat", "TcpExt", "OutOfWindowIcmps"), _counter("snmp", "Icmp", "InErrors")

    def open(self, kind: int) -> Sock:
        return KernelSock(self, socket.socket(socket.AF_INET, kind))


def _counter(file: str, group: str, name: str) -> int:
    """One of the kernel's counters of this namespace."""
    rows = [line.split() for line in Path("/proc/thread-self/net", file).read_text().splitlines()]
    names, values = [row[1:] for row in rows if row[0] == group + ":"]
    return int(values[names.index(name)])


class KernelSock(Sock):
    def __init__(self, bench: KernelBench, sock: socket.socket) -> None:
        self.bench, self.sock = bench, sock
        sock.setblocking(False)
        bench._sockets.append(sock)

    def call(self, name: str, *args: Any) -> Any:
        self.bench.touch()
        try:
            if name == "ioctl":
                return struct.unpack("=i", fcntl.ioctl(self.sock, args[0], bytes(4)))[0]
            answer = getattr(self.sock, name)(*args)
        except OSError as error:
            return errno.errorcode[error.errno or 0]
        return KernelSock(self.bench, answer[0]) if name == "accept" else answer

    def poll(self) -> int:
        poller = select.poll()
        poller.register(self.sock, POLL_ALL)
        return sum(bits for _, bits in poller.poll(0))
