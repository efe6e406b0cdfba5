"""A bench for what comes from outside: a host with listeners, and a peer on the wire that is not one but a test.

    @from_outside
    def test_something(wire: Wire) -> None:
        server = wire.listening()
        wire.sends(1, "S")
        assert wire.hears() == ["1: S. 0 ack 1 <mss 1460>"]

runs the body on a host of the model, and on the kernel behind a TUN device. No stack answers on the peer's side, so a
handshake can be left half done. The peer has one address and many ports, which traces call by number; numbers of
segments are relative: the peer's initial number is what its first SYN had, the host's is in its SYN-ACK.

`@from_outside` also takes settings, as sysctl(8) names them without ``net.ipv4.``: they are written to the kernel's
namespace, and to the field of the model's profile that is named with them.

Not here: a host that connects by itself; comparing windows.
"""

from __future__ import annotations

import functools
import inspect
import select
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import attrs
import pytest

from model.choices import Seeded
from model.profiles import LINUX, SECOND
from model.trace import Trace
from model.values.constants import SO_MEMINFO, SO_REUSEADDR, SOCK_STREAM, SOL_SOCKET, TcpFlag
from model.values.conversion import Conversion
from model.values.packets import IpPacket, Mss, Option, SackPermitted, Tcp, Timestamps, WindowScale
from model.values.wire import decode, encode
from model.world.host import Host
from model.world.wire import as_received
from realnet import Namespace, NamespaceRefused
from realnet.tun import Tun

from .arms import KernelNet
from .traces import LETTERS, End, ModelNet, Net

HERE, PEER, MTU = "10.0.0.254", "10.0.0.1", 1500
SERVICE = (HERE, 80)
FIRST_PORT, FIRST_NUMBER = 1000, 5000
FIELDS: Mapping[str, str] = {
    "tcp_syncookies": "syn_cookies", "tcp_max_syn_backlog": "max_syn_backlog",
    "tcp_abort_on_overflow": "abort_on_overflow", "tcp_synack_retries": "synack_retries",
}  # fmt: skip
NOTHING: list[str] = []


class Wire(ABC):
    """The host's sockets by way of `net`, and the wire's other end."""

    net: Net

    def __init__(self) -> None:
        self._iss: dict[int, int] = {}
        self._stamp: dict[int, int] = {}

    def listening(self, backlog: int = 5, **options: int) -> End:
        """A listener on SERVICE. `options` are TCP's, by name and in lower case."""
        server = self.net.open("server", SOCK_STREAM)
        server.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        for name, value in options.items():
            server.setsockopt(socket.IPPROTO_TCP, getattr(socket, name.upper()), value)
        assert (server.bind(SERVICE), server.listen(backlog)) == (None, None)
        return server

    def sends(
        self, port: int, flags: str, seq: int = 0, ack: int = 1, data: bytes = b"", *, stamp: int | None = None,
        options: tuple[Option, ...] = (Mss(1460),),
    ) -> None:  # fmt: skip
        """A segment from the peer's `port`; `ack` counts only with the flag. SYNs carry `options`; `stamp` is the
        peer's clock, and what the host told of its own last is echoed."""
        bits = sum(int(flag) for letter, flag in LETTERS if letter in flags)
        carried = options if "S" in flags else ()
        if stamp is not None:
            carried = (*carried, Timestamps(stamp, self._stamp.get(port, 0) if "." in flags else 0))
        tcp = Tcp(
            FIRST_PORT + port, SERVICE[1], FIRST_NUMBER + seq,
            (self._iss.get(port, 0) + ack) % (1 << 32) if "." in flags else 0, bits, 1000, options=carried, data=data,
        )  # fmt: skip
        self._arrives(IpPacket(PEER, HERE, tcp))

    def asks(self, *ports: int) -> None:
        """A SYN from each of these ports, which is answered."""
        for port in ports:
            self.sends(port, "S")
            assert self.hears() == [f"{port}: S. 0 ack 1 <mss 1460>"]

    def opens(self, *ports: int) -> None:
        """A connection from each of these ports."""
        self.asks(*ports)
        for port in ports:
            self.sends(port, ".", 1)
        assert self.hears() == NOTHING

    def hears(self, seconds: float = 0.0) -> list[str]:
        """What the host sent since the last look, at the end of so many seconds."""
        return [self._text(packet) for packet in self._sent(seconds)]

    def _text(self, packet: IpPacket) -> str:
        tcp = packet.payload
        assert isinstance(tcp, Tcp)
        port = tcp.dst_port - FIRST_PORT
        letters = "".join(letter for letter, flag in LETTERS if tcp.flags & flag)
        if "S" in letters:
            self._iss[port] = tcp.seq
        stamps = [option.value for option in tcp.options if isinstance(option, Timestamps)]
        self._stamp[port] = stamps[0] if stamps else self._stamp.get(port, 0)
        known = port in self._iss and (tcp.seq or not letters.startswith("R"))
        parts = [letters, str(_near(tcp.seq - self._iss[port]) if known else tcp.seq)]
        if tcp.flags & TcpFlag.ACK:
            parts.append(f"ack {_near(tcp.ack - FIRST_NUMBER)}")
        if tcp.data:
            parts.append(f"({len(tcp.data)})")
        names = [_name(option) for option in tcp.options]
        options = ",".join(name for name in names if name)
        return f"{port}: {' '.join(parts)}" + (f" <{options}>" if options else "")

    @abstractmethod
    def set(self, name: str, value: int) -> None:
        """Change a setting."""

    @abstractmethod
    def _arrives(self, packet: IpPacket) -> None: ...

    @abstractmethod
    def _sent(self, seconds: float) -> list[IpPacket]: ...


def _near(difference: int) -> int:
    return (difference + (1 << 31)) % (1 << 32) - (1 << 31)


def _name(option: Option) -> str:
    match option:
        case Mss(size):
            return f"mss {size}"
        case WindowScale(shift):
            return f"wscale {shift}"
        case SackPermitted():
            return "sackOK"
    return ""


def drops(end: End) -> int:
    """SO_MEMINFO's last number: what was dropped."""
    return int.from_bytes(end.call("getsockopt", SOL_SOCKET, SO_MEMINFO, 36)[32:], "little")


class ModelWire(Wire):
    """The host is the model's."""

    def __init__(self, settings: Mapping[str, int]) -> None:
        super().__init__()
        net = ModelNet()
        host = Host("model", LINUX, Seeded(0), Trace("model"), addresses=(HERE,), network=PEER[:-1])
        host.link = self._goes
        host.path_mtu = lambda _ip: MTU
        net.host, self.net, self.host = host, net, host
        self._conversion, self._out = Conversion(), list[IpPacket]()
        for name, value in settings.items():
            self.set(name, value)

    def set(self, name: str, value: int) -> None:
        change: Any = {FIELDS[name]: value}
        self.host.profile = attrs.evolve(self.host.profile, **change)

    def _goes(self, packet: Any) -> None:
        self._out += self._conversion.packets(packet)

    def _arrives(self, packet: IpPacket) -> None:
        arrived = self._conversion.packet(packet)
        assert arrived is not None
        self.host.receive(as_received(arrived, self.host.profile.buffer_overhead))

    def _sent(self, seconds: float) -> list[IpPacket]:
        self.host.sleep_until(self.host.now_ns + round(seconds * SECOND))
        out, self._out[:] = list(self._out), []
        return out

    def times(self, seconds: float) -> list[int]:
        """When something was sent in that time, in whole seconds."""
        began = self.host.now_ns
        found: list[int] = []
        while (at := self.host.next_deadline()) is not None and at <= began + seconds * SECOND:
            self.host.sleep_until(at)
            found += [round((at - began) / SECOND)] * len(self._sent(0))
        self.host.sleep_until(began + round(seconds * SECOND))
        return found


class KernelWire(Wire):
    """The host is the kernel, in the namespace that the caller has entered."""

    def __init__(self, settings: Mapping[str, int]) -> None:
        super().__init__()
        for name, value in settings.items():
            self.set(name, value)
        self.net = KernelNet()
        self._tun = Tun(HERE, mtu=MTU)

    def set(self, name: str, value: int) -> None:
        Path("/proc/sys/net/ipv4", name).write_text(str(value), encoding="ascii")

    def __enter__(self) -> KernelWire:
        self._tun.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for sock in self.net.sockets:  # type: ignore[attr-defined]  # the kernel's
            sock.close()
        self.net._tap.close()  # type: ignore[attr-defined]
        self._tun.__exit__(kind, error, traceback)

    def _arrives(self, packet: IpPacket) -> None:
        assert self._tun.write(encode(packet))

    def _sent(self, seconds: float) -> list[IpPacket]:
        time.sleep(seconds)
        found = []
        while select.select([self._tun], [], [], 0.002)[0] and (data := self._tun.read()) is not None:
            packet = decode(data)
            if isinstance(packet, IpPacket) and isinstance(packet.payload, Tcp):
                found.append(packet)
        return found


def from_outside(body: Callable[..., None] | None = None, **settings: int) -> Callable[..., Any]:
    """Make a test of `body`, whose first parameter is a wire: once with the model, once with the kernel."""
    return _on_both_wires(body, settings) if body else functools.partial(_on_both_wires, settings=settings)


def _on_both_wires(body: Callable[..., None], settings: Mapping[str, int]) -> Callable[..., Any]:
    def test(arm: str, **others: Any) -> None:
        if arm == "model":
            body(ModelWire(settings), **others)
        else:
            _on_the_kernel(functools.partial(body, **others), settings)

    test.__name__, test.__doc__, test.__module__ = body.__name__, body.__doc__, body.__module__
    signature = inspect.signature(body)
    _, *others = signature.parameters.values()
    arm = inspect.Parameter("arm", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    test.__signature__ = signature.replace(parameters=[arm, *others])  # type: ignore[attr-defined]
    marked: Callable[..., Any] = pytest.mark.parametrize("arm", ["model", "kernel"])(test)
    return marked


def _on_the_kernel(body: Callable[[Wire], None], settings: Mapping[str, int]) -> None:
    try:
        with Namespace(), KernelWire(settings) as wire:
            body(wire)
    except NamespaceRefused as refusal:
        pytest.skip(f"the running kernel is out of reach: {refusal.strerror}")
