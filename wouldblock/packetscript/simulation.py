"""The model as the arm of a script: a host with one address and one neighbour, in virtual time.

The neighbour is the script. What it injects arrives at the moment that it names, and what the host sends is kept with
its time. Time passes only between events, from timer to timer.

What the model does not have is named and never guessed.

Not here: UDP and ICMP beyond what the model has words for, IPv6, epoll.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import attrs

from model import machines  # noqa: F401  # a host has all rules: importing this declares them
from model.choices import Seeded
from model.profiles import LINUX, SECOND
from model.rules import ModelDefect
from model.sockets.options import NotModelled, tcp_info
from model.tcp.block import Tcb
from model.values.conversion import Conversion
from model.values.packets import IpPacket
from model.values.results import Block
from model.values.segments import Packet as ModelPacket
from model.values.segments import Segment
from model.values.wire import decode, encode
from model.world.host import Host

from .arm import START_NS, Ends, Reply
from .modelcalls import ModelAttempt, ModelCalls
from .reader import Beyond
from .settings import read_commands, settled
from .syntax import AccurateEcn, FastOpen, Flag, Icmp, Md5, Packet, SystemCall, Tcp

_PAGE, _LINE, _PAD = 4096, 64, 64
_DESCRIPTOR, _TRAILER, _SMALL_HEAD = 256, 320, 576
"""Sizes in the kernel, in bytes: PAGE_SIZE, SMP_CACHE_BYTES, NET_SKB_PAD, struct sk_buff, struct skb_shared_info, and
the smallest head of a buffer, as `SO_MEMINFO` shows them.
"""

LATE_TICKS = 3
"""So late at most do the kernel's timers go off on a machine that has enough to do, in ticks; none is early."""
UNKNOWN = {"fackets", "last_ack_sent", "rcv_rtt", "rcv_space", "flags"}
"""Fields of the first 104 bytes that the model does not count."""
BEYOND_104: dict[str, Callable[[Tcb], int]] = {
    "tcpi_reord_seen": lambda tcb: tcb.reordered,
    "tcpi_dsack_dups": lambda tcb: tcb.duplicates_told,
    "tcpi_snd_wnd": lambda tcb: tcb.snd_wnd,
    "tcpi_rcv_wnd": lambda tcb: tcb.rcv_wnd,
    "tcpi_notsent_bytes": lambda tcb: tcb.unsent_bytes,
}
"""What the model has of `struct tcp_info` behind its first 104 bytes, by the names that scripts use."""


class Simulation:
    """The model's arm."""

    name = "model"
    longest_ns = 3600 * SECOND

    def __init__(self, ends: Ends) -> None:
        network = ends.remote[0].rpartition(".")[0] + "."
        self.captured: deque[tuple[int, IpPacket]] = deque()
        self.host = Host("model", LINUX, Seeded(0), now_ns=START_NS, addresses=(ends.local[0],), network=network)
        self.host.link = self._sent
        self.mtu = ends.mtu
        self.host.path_mtu = lambda _ip: self.mtu
        self._calls = ModelCalls(self.host, ends)
        self._conversion = Conversion()
        self._waking: list[ModelAttempt] = []
        self.fired_ns = -SECOND
        """When a timer fired last."""
        self.others_ns: Sequence[int] = ()
        """When another arm sent something by itself: a timer that was due up to `LATE_TICKS` before fires then."""

    def __enter__(self) -> Simulation:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    # ----------------------------------------------------------------------------------------------------------- time

    @property
    def now_ns(self) -> int:
        return self.host.now_ns - START_NS

    def begin(self) -> None:
        """The clock stands at the beginning already."""

    def step(self, until_ns: int) -> bool:
        until = until_ns + START_NS
        deadline = self.host.next_deadline()
        wakes = [each.wake_ns for each in self._waking if each.wake_ns is not None]
        due = [ns for ns in (deadline, *wakes) if ns is not None and ns <= until]
        if not due:
            self.host.sleep_until(until)
            return False
        if deadline == min(due):
            with _as_missing():
                self.host.fire_next(self._as_late_as_others(deadline, until))
            self.fired_ns = self.now_ns
        else:
            self.host.sleep_until(min(due))
            self._waking = [each for each in self._waking if each.wake_ns is None or each.wake_ns > self.host.now_ns]
        return True

    def _as_late_as_others(self, deadline: int, until: int) -> int:
        latest = min(until, deadline + LATE_TICKS * LINUX.jiffy_ns)
        return next((ns + START_NS for ns in self.others_ns if deadline <= ns + START_NS <= latest), deadline)

    # -------------------------------------------------------------------------------------------------------- calling

    def call(self, call: SystemCall) -> _Careful:
        with _as_missing():
            attempt = self._calls.attempt(call)
        if attempt.wake_ns is not None:
            self._waking.append(attempt)
        return _Careful(attempt)

    def command(self, text: str) -> tuple[str, ...]:
        commands = read_commands(text)
        self.mtu = commands.mtu or self.mtu
        self.host.profile, unknown = settled(self.host.profile, commands.assignments)
        return commands.unknown + unknown

    def info(self, fd: int) -> Mapping[str, int] | None:
        tcb = self._calls.end(fd)
        if not isinstance(tcb, Tcb):
            return None
        found = {f"tcpi_{name}": value for name, value in tcp_info(tcb, self.host).items() if name not in UNKNOWN}
        scales = found.pop("tcpi_wscale")
        found |= {"tcpi_snd_wscale": scales & 15, "tcpi_rcv_wscale": scales >> 4}
        return found | {name: of(tcb) for name, of in BEYOND_104.items()}

    # -------------------------------------------------------------------------------------------------------- packets

    def inject(self, packet: IpPacket) -> int:
        with _as_missing():
            data = encode(packet)
            received = decode(data)
            arriving = self._conversion.packet(received) if isinstance(received, IpPacket) else None
            if arriving is None:
                raise Beyond("a packet for which the model has no word")
            if isinstance(arriving, Segment) and arriving.data:
                arriving = attrs.evolve(arriving, truesize=_truesize(len(data)))
            now_ns = self.now_ns
            self.host.receive(arriving)
        return now_ns

    def lacks(self, packet: Packet) -> tuple[str, ...]:
        found = []
        if isinstance(packet.content, Tcp):
            if packet.content.flags & Flag.URG and packet.content.flags & Flag.SYN:
                found.append("urgent data of a SYN")
            options = packet.content.options or ()
            if any(isinstance(option, Md5) for option in options):
                found.append("the TCP option MD5")
            if packet.outbound and any(isinstance(option, FastOpen | AccurateEcn) for option in options):
                found.append("TCP options Fast Open, accurate ECN")
        if isinstance(packet.content, Icmp) and not packet.outbound and packet.content.type == "echo_request":
            found.append("echo")
        return tuple(found)

    def _sent(self, packet: ModelPacket) -> None:
        for ip in self._conversion.packets(packet):
            self.captured.append((self.now_ns, ip))


def _truesize(length: int) -> int:
    """What the kernel charges for the buffer of a packet that a TUN device was given, in bytes: up to a page it lies in
    one piece of memory, of which there are certain sizes; the rest of a longer one in pages (`tun_alloc_skb`).
    """
    if _PAD + length >= _PAGE:
        rest = length - (_PAGE - _TRAILER - _PAD)
        return _DESCRIPTOR + _PAGE - (-rest // _PAGE) * _PAGE
    head = -(-(_PAD + length) // _LINE) * _LINE + _TRAILER
    return _DESCRIPTOR + (_SMALL_HEAD if head <= _SMALL_HEAD else 1 << (head - 1).bit_length())


@contextmanager
def _as_missing() -> Iterator[None]:
    """What the model does not have, named."""
    try:
        yield
    except NotModelled as missing:
        raise Beyond(str(missing)) from None
    except ModelDefect as defect:
        raise Beyond(f"a case for which the model has no rule ({defect})") from None


@attrs.frozen
class _Careful:
    """A call of which anything that the model does not have is named."""

    attempt: ModelAttempt

    def reply(self) -> Reply | Block:
        with _as_missing():
            return self.attempt.reply()
