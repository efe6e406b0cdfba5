"""A bench for trace tests: calls in plain Python, and the packets that passed the wire since the last look.

A test makes calls and then says what they sent, line by line, in packetdrill's notation with relative numbers:

    client, server = established(net)
    client.send(b"hello")
    assert net.sent() == ["client > server: P. 1:6(5) ack 1", "server > client: . 1:1(0) ack 6"]
    assert net.after(1) == NOTHING_ELSE

Since `sent` gives everything since the last look, an equality means "this, *and nothing else*". `after` lets time pass
and looks then. Windows are left out unless they are asked for. Calls answer with a plain value or an error's name.

There is one factory per state. Each brings a fresh bench to that state by the shortest way that a program has, and
has looked at the wire, so that a test starts with a clean page.

`ModelNet` is the bench on a host of the model, in virtual time.

Not here: the bench on the running kernel (arms.py); expectations.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import Any

from model.profiles import SECOND
from model.tcp.block import Tcb
from model.trace import Trace, WireEvent
from model.udp.machine import UdpSocket
from model.values.addresses import ANY
from model.values.constants import (
    AF_INET,
    FIONREAD,
    IPPROTO_TCP,
    POLL_ALL,
    SHUT_WR,
    SO_ERROR,
    SO_RCVBUF,
    SO_SNDBUF,
    SOCK_DGRAM,
    SOCK_STREAM,
    SOL_SOCKET,
    TCP_INFO,
    TCP_NODELAY,
    TIOCOUTQ,
    TcpFlag,
    TcpState,
)
from model.values.observation import Observation
from model.values.results import Answer, Block, Done
from model.values.segments import Segment
from model.world.syscalls import CALLS
from model.world.world import World

HERE = "127.0.0.1"
SERVER = (HERE, 80)
NOBODY = (HERE, 9)
NOTHING_ELSE: list[str] = []

SMALL_SNDBUF, SMALL_RCVBUF = 2304, 1152
"""The smallest buffers: what is asked for is doubled, so 4608 and 2304 bytes are granted."""

LETTERS = (
    ("S", TcpFlag.SYN), ("F", TcpFlag.FIN), ("R", TcpFlag.RST), ("P", TcpFlag.PSH), ("U", TcpFlag.URG),
    (".", TcpFlag.ACK),
)  # fmt: skip
Address = tuple[str, int]
STRANGE = 5000
"""Initial sequence number of a forged SYN between addresses that have no connection."""

_WINDOW = re.compile(r" win \d+")
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+:\d+")


class Net(ABC):
    """One host, its sockets by name, and its wire."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {"127.0.0.1:9": "nobody"}
        """An address as traces write it → who has it."""

    def tcp(self, name: str, *, sndbuf: int = 0, rcvbuf: int = 0, nodelay: bool = False) -> End:
        """A new non-blocking TCP socket; traces call its address `name`."""
        end = self.open(name, SOCK_STREAM)
        if sndbuf:
            end.setsockopt(SOL_SOCKET, SO_SNDBUF, sndbuf)
        if rcvbuf:
            end.setsockopt(SOL_SOCKET, SO_RCVBUF, rcvbuf)
        if nodelay:
            end.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        return end

    def udp(self, name: str, *, rcvbuf: int = 0) -> End:
        """A new non-blocking UDP socket."""
        end = self.open(name, SOCK_DGRAM)
        if rcvbuf:
            end.setsockopt(SOL_SOCKET, SO_RCVBUF, rcvbuf)
        return end

    def sent(self, *, windows: bool = False) -> list[str]:
        """Every packet that passed the wire since the last look."""
        return [self._line(text, windows) for text in self.look()]

    def after(self, seconds: float, *, windows: bool = False) -> list[str]:
        """Let time pass; every packet that passed the wire meanwhile.

        What was sent before and not looked at would be taken for what came later: that is refused.
        """
        assert self.look() == [], "look at what was sent before letting time pass"
        self.wait(seconds)
        return self.sent(windows=windows)

    def _line(self, text: str, windows: bool) -> str:
        text = _ADDRESS.sub(lambda found: self.names.get(found[0], found[0]), text)
        return text if windows else _WINDOW.sub("", text)

    @abstractmethod
    def open(self, name: str, kind: int) -> End:
        """A new non-blocking socket."""

    @abstractmethod
    def forge(
        self, source: Address, target: Address, flags: str, seq: int = 0, ack: int = 0, size: int = 0,
        window: int = 512, *, late_ms: int | None = None,
    ) -> None:  # fmt: skip
        """Put a segment on the wire that no socket sent; numbers are relative, as traces show them for this
        direction. `flags` are packetdrill's letters; `window` is before scaling. There is no option but timestamps,
        if `late_ms` says by how many milliseconds they are later than the last that passed.
        """

    @abstractmethod
    def look(self) -> list[str]:
        """The packets since the last look, addresses and windows included."""

    @abstractmethod
    def wait(self, seconds: float) -> None:
        """Let time pass."""


class End(ABC):
    """A socket of the bench. A call gives its value, or the error's name."""

    def __init__(self, net: Net, name: str) -> None:
        self.net, self.name = net, name

    @abstractmethod
    def call(self, name: str, *args: Any) -> Any:
        """Make a call of the sockets API on this socket."""

    @abstractmethod
    def accepted(self, value: Any, name: str) -> End:
        """What accept() gave, as an end that is non-blocking."""

    def named(self, local: tuple[str, int]) -> None:
        """Traces call this address by the name of the first who had it. What the wildcard sends comes from HERE."""
        if local[1]:
            ip = HERE if local[0] == ANY else local[0]
            self.net.names.setdefault(f"{ip}:{local[1]}", self.name)

    @property
    def state(self) -> str:
        """`tcpi_state`, in words."""
        return TcpState(self.call("getsockopt", IPPROTO_TCP, TCP_INFO, 1)[0]).name

    def bind(self, address: tuple[str, int]) -> Any:
        return self.call("bind", address)

    def listen(self, backlog: int = 5) -> Any:
        return self.call("listen", backlog)

    def connect(self, address: tuple[str, int] = SERVER) -> Any:
        return self.call("connect", address)

    def accept(self, name: str = "server") -> End:
        """The connection that waits. A test that expects an error uses `call`."""
        answer = self.call("accept")
        assert not isinstance(answer, str)
        return self.accepted(answer, name)

    def send(self, data: bytes, flags: int = 0) -> Any:
        return self.call("send", data, flags)

    def sendto(self, data: bytes, address: tuple[str, int]) -> Any:
        return self.call("sendto", data, 0, address)

    def recv(self, size: int = 1 << 20, flags: int = 0) -> Any:
        return self.call("recv", size, flags)

    def recvfrom(self, size: int = 1 << 20, flags: int = 0) -> Any:
        return self.call("recvfrom", size, flags)

    def shutdown(self, how: int = SHUT_WR) -> Any:
        return self.call("shutdown", how)

    def setsockopt(self, level: int, option: int, value: int | bytes) -> Any:
        return self.call("setsockopt", level, option, value)

    def close(self) -> None:
        assert self.call("close") is None

    def poll(self) -> Any:
        """The bits of a poll that does not wait and asks for everything."""
        return self.call("poll", POLL_ALL)

    def error(self) -> Any:
        """SO_ERROR: the pending error, which is thereby gone."""
        return self.call("getsockopt", SOL_SOCKET, SO_ERROR)

    def readable(self) -> Any:
        return self.call("ioctl", FIONREAD)

    def unacknowledged(self) -> Any:
        return self.call("ioctl", TIOCOUTQ)

    def fill(self, size: int = 100_000) -> int:
        """Send portions of `size` bytes until a send would block; how many bytes were taken."""
        taken = 0
        data = bytes(size)
        while isinstance(count := self.send(data), int):
            taken += count
        assert count == "EAGAIN"
        return taken

    def drain(self) -> tuple[int, Any]:
        """Receive until that gives an error or end of file; how many bytes, and how it ended."""
        taken = 0
        while isinstance(data := self.recv(), bytes) and data:
            taken += len(data)
        return taken, data


class ModelNet(Net):
    """The bench on a host of the model, in virtual time."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.trace = Trace("model")
        self.host = World(seed=seed, trace=self.trace).host
        self._looked = 0

    def open(self, name: str, kind: int) -> ModelEnd:
        answer = self.make("socket", AF_INET, kind, 0)
        assert isinstance(answer, Done)
        return ModelEnd(self, name, answer.value)

    def make(self, name: str, *args: Any) -> Answer:
        """Make a call as a program does, unrecorded: `Host.call` would look at every socket for the trace, and a look
        leaves traces of its own (a datagram is taken over, a full buffer noticed) that the test did not ask for.
        """
        self.host.trail.clear()
        self.host.asked.clear()
        return CALLS[name](self.host, *args)

    def forge(
        self, source: Address, target: Address, flags: str, seq: int = 0, ack: int = 0, size: int = 0,
        window: int = 512, *, late_ms: int | None = None,
    ) -> None:  # fmt: skip
        ours, theirs = self._first(source, target), self._first(target, source)
        if "S" in flags and not ours:
            ours = STRANGE
        bits = sum(int(flag) for letter, flag in LETTERS if letter in flags)
        number = self.host.connections.get((source, target))
        sender = self.host.endpoints.get(number) if number is not None else None
        window <<= sender.rcv_scale if isinstance(sender, Tcb) and "S" not in flags else 0
        stamps = None
        if late_ms is not None:
            stamps = self._last_stamp(source, target) + late_ms, self._last_stamp(target, source)
        self.host.transmit(
            Segment(
                source, target, ours + seq, theirs + ack if "." in flags else 0, bits, window, bytes(size),
                truesize=832 + size, timestamps=stamps,
            )
        )  # fmt: skip

    def _last_stamp(self, source: Address, target: Address) -> int:
        packets = (event.packet for event in reversed(self.trace.events) if isinstance(event, WireEvent))
        passed = (p for p in packets if isinstance(p, Segment) and (p.src, p.dst) == (source, target))
        return next(p.timestamps[0] for p in passed if p.timestamps)

    def _first(self, source: Address, target: Address) -> int:
        """The initial sequence number in one direction; 0 for a pair that has no connection."""
        number = self.host.connections.get((source, target))
        end = self.host.endpoints.get(number) if number is not None else None
        if isinstance(end, Tcb):
            return end.iss
        number = self.host.connections.get((target, source))
        end = self.host.endpoints.get(number) if number is not None else None
        return end.irs if isinstance(end, Tcb) else 0

    def look(self) -> list[str]:
        return [event.text for event in self._events()]

    def wait(self, seconds: float) -> None:
        self.host.sleep_until(self.host.now_ns + round(seconds * SECOND))

    def times(self, seconds: float) -> list[str]:
        """Like `after`, with the time of each packet in front, in seconds since `times` was called."""
        assert self.look() == []
        began = self.host.now_ns
        self.wait(seconds)
        return [f"+{(e.at_ns - began) / SECOND:.3f} {self._line(e.text, windows=False)}" for e in self._events()]

    def states(self) -> list[str]:
        """The TCP state of every control block, whether a program holds it or not, in the order of their making."""
        return [end.state.name for end in self.host.endpoints.values() if isinstance(end, Tcb)]

    def seen(self) -> dict[int, Observation]:
        """What can be seen of every open socket, by descriptor."""
        return {fd: self.host.observe(fd) for fd in sorted(self.host.descriptors)}

    def _events(self) -> list[WireEvent]:
        events = [event for event in self.trace.events[self._looked :] if isinstance(event, WireEvent)]
        self._looked = len(self.trace.events)
        return events


class ModelEnd(End):
    """A socket of the model. A call that would block is a fault of the test."""

    net: ModelNet

    def __init__(self, net: ModelNet, name: str, fd: int) -> None:
        super().__init__(net, name)
        self.fd = fd
        self.call("setblocking", False)

    def accepted(self, value: Any, name: str) -> ModelEnd:
        return ModelEnd(self.net, name, value[0])

    def call(self, name: str, *args: Any) -> Any:
        host = self.net.host
        if name == "poll":
            ready = self.net.make("poll", [(self.fd, args[0])])
            assert isinstance(ready, Done)
            return sum(bits for _, bits in ready.value)
        answer = self.net.make(name, self.fd, *args)
        if self.fd in host.descriptors:
            self.named(host.descriptors[self.fd].local)
        assert not isinstance(answer, Block)
        return answer.value if isinstance(answer, Done) else answer.name

    @property
    def tcb(self) -> Tcb:
        end = self.net.host.descriptors[self.fd]
        assert isinstance(end, Tcb)
        return end

    @property
    def socket(self) -> UdpSocket:
        end = self.net.host.descriptors[self.fd]
        assert isinstance(end, UdpSocket)
        return end


# ---------------------------------------------------------------- one factory per state


def listening(net: Net, backlog: int = 5, rcvbuf: int = 0) -> End:
    """LISTEN, on port 80."""
    listener = net.tcp("server", rcvbuf=rcvbuf)
    assert (listener.bind(SERVER), listener.listen(backlog), listener.state) == (None, None, "LISTEN")
    return listener


def syn_sent(net: Net) -> tuple[End, End]:
    """SYN-SENT: the accept queue is full, so nobody answers. The socket, and the listener."""
    listener = listening(net, backlog=0)
    first, client = net.tcp("first"), net.tcp("client")
    first.connect()
    client.connect()
    assert (net.sent() != NOTHING_ELSE, first.state, client.state) == (True, "ESTABLISHED", "SYN_SENT")
    return client, listener


def established(net: Net, *, sndbuf: int = 0, rcvbuf: int = 0, nodelay: bool = False) -> tuple[End, End]:
    """ESTABLISHED on both sides, client and server. `sndbuf` and `nodelay` are the client's, `rcvbuf` the server's."""
    listener = listening(net, rcvbuf=rcvbuf)
    client = net.tcp("client", sndbuf=sndbuf, nodelay=nodelay)
    client.connect()
    server = listener.accept()
    assert client.connect() is None
    net.sent()
    return client, server


def interactive(net: Net, *, nodelay: bool = False) -> tuple[End, End]:
    """ESTABLISHED, and the client has just answered: from now on it delays its acknowledgements.

    `nodelay` is the server's. 10 bytes went to the client and 1 to the server, all acknowledged and read.
    """
    client, server = established(net)
    if nodelay:
        server.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
    assert (server.send(b"a question"), client.recv()) == (10, b"a question")
    assert (client.send(b"!"), server.recv()) == (1, b"!")
    net.sent()
    return client, server


def stuck(net: Net) -> tuple[End, End]:
    """ESTABLISHED with the smallest buffers: 1152 bytes wait for the server, the window is closed, 2880 wait behind."""
    client, server = established(net, sndbuf=SMALL_SNDBUF, rcvbuf=SMALL_RCVBUF)
    assert client.fill(10_000) == 4032
    net.sent()
    assert net.after(0.1, windows=True) == ["server > client: . 1:1(0) ack 1153 win 0"]
    return client, server


def both_stuck(net: Net) -> tuple[End, End]:
    """ESTABLISHED, both send buffers full, and neither reads: little goes either way."""
    client, server = established(net)
    client.fill()
    server.fill()
    net.sent()
    return client, server


def fin_wait_1(net: Net) -> tuple[End, End]:
    """FIN-WAIT-1 at the client: its FIN is out, and waits for the acknowledgement of CLOSE-WAIT."""
    client, server = established(net)
    client.shutdown()
    net.sent()
    assert (client.state, server.state) == ("FIN_WAIT_1", "CLOSE_WAIT")
    return client, server


def fin_wait_2(net: Net) -> tuple[End, End]:
    """FIN-WAIT-2 at the client, CLOSE-WAIT at the server: the FIN was acknowledged."""
    client, server = fin_wait_1(net)
    net.after(0.05)
    assert (client.state, server.state) == ("FIN_WAIT_2", "CLOSE_WAIT")
    return client, server


close_wait = fin_wait_2


def last_ack(net: Net) -> tuple[End, End]:
    """LAST-ACK at the server: the client closed first and reads nothing, so the server's FIN waits behind bytes."""
    client, server = close_wait(net)
    server.fill()
    server.shutdown()
    net.sent()
    assert (client.state, server.state) == ("FIN_WAIT_2", "LAST_ACK")
    return client, server


def closing(net: Net) -> tuple[End, End]:
    """CLOSING at the server: both FINs waited behind full windows, and now the server has read the client's."""
    client, server = both_stuck(net)
    client.shutdown()
    server.shutdown()
    assert (net.sent(), client.state, server.state) == (NOTHING_ELSE, "FIN_WAIT_1", "FIN_WAIT_1")
    assert server.drain()[1] == b""
    net.sent()
    assert (client.state, server.state) == ("FIN_WAIT_2", "CLOSING")
    return client, server


def time_wait(net: Net) -> tuple[End, End]:
    """TIME-WAIT: a record of it waits, and the client's own socket is closed. The server closed second and is gone."""
    client, server = fin_wait_2(net)
    server.close()
    net.sent()
    assert client.state == "CLOSED"
    return client, server


def self_connected(net: Net) -> End:
    """ESTABLISHED with itself: the SYNs crossed (RFC 9293 figure 7)."""
    end = net.tcp("self")
    end.bind(SERVER)
    end.connect()
    net.sent()
    assert end.state == "ESTABLISHED"
    return end
