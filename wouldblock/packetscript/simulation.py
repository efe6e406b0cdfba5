"""The model as the arm of a script: a host with one address and one neighbour, in virtual time.

The neighbour is the script. What it injects arrives at the moment that it names, and what the host sends is kept with
its time. Time passes only between events, from timer to timer.

What the model does not have is named and never guessed.

Not here: UDP and ICMP beyond what the model has words for, IPv6, epoll.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import attrs

from model import machines  # noqa: F401  # a host has all rules: importing this declares them
from model.choices import Seeded
from model.profiles import LINUX, SECOND
from model.rules import ModelDefect
from model.sockets.options import NotModelled
from model.tcp.block import Tcb
from model.values.constants import TcpState
from model.values.conversion import Conversion
from model.values.packets import IpPacket
from model.values.results import Block
from model.values.segments import Packet as ModelPacket
from model.values.segments import Segment
from model.values.wire import decode, encode
from model.world.host import Host

from .arm import Ends, Reply
from .modelcalls import ModelAttempt, ModelCalls
from .reader import Beyond
from .settings import read_commands, settled
from .syntax import AccurateEcn, FastOpen, Flag, Icmp, Md5, Packet, SystemCall, Tcp

START_NS = 1000 * SECOND
"""What the host's clock says when the script begins."""
_PAGE, _LINE, _PAD = 4096, 64, 64
_DESCRIPTOR, _TRAILER, _SMALL_HEAD = 256, 320, 576
"""Sizes in the kernel, in bytes: PAGE_SIZE, SMP_CACHE_BYTES, NET_SKB_PAD, struct sk_buff, struct skb_shared_info, and
the smallest head of a buffer, as `SO_MEMINFO` shows them.
"""
_URGENT_OR_ECN = Flag.URG | Flag.ECE | Flag.CWR | Flag.AE

INFO: dict[str, Callable[[Tcb], int]] = {
    "tcpi_state": lambda tcb: int(tcb.state),
    "tcpi_ca_state": lambda tcb: int(tcb.recovery),
    "tcpi_retransmits": lambda tcb: tcb.retransmits,
    "tcpi_probes": lambda tcb: tcb.probes,
    "tcpi_backoff": lambda tcb: tcb.backoff,
    "tcpi_snd_wscale": lambda tcb: tcb.snd_scale,
    "tcpi_rcv_wscale": lambda tcb: tcb.rcv_scale if tcb.state is not TcpState.SYN_SENT else 0,
    "tcpi_rto": lambda tcb: tcb.rto_ns // 1000,
    "tcpi_ato": lambda tcb: tcb.ato_ns // 1000,
    "tcpi_snd_mss": lambda tcb: tcb.mss,
    "tcpi_rcv_mss": lambda tcb: tcb.rcv_mss,
    "tcpi_unacked": lambda tcb: tcb.in_flight,
    "tcpi_sacked": lambda tcb: tcb.sacked_out,
    "tcpi_lost": lambda tcb: tcb.lost_out,
    "tcpi_retrans": lambda tcb: tcb.resent_out,
    "tcpi_rtt": lambda tcb: tcb.srtt_us8 >> 3,
    "tcpi_rttvar": lambda tcb: tcb.rttvar_us4 >> 2,
    "tcpi_reordering": lambda tcb: tcb.reordering,
    "tcpi_reord_seen": lambda tcb: tcb.reordered,
    "tcpi_dsack_dups": lambda tcb: tcb.duplicates_told,
    "tcpi_total_retrans": lambda tcb: tcb.resent,
    "tcpi_snd_wnd": lambda tcb: tcb.snd_wnd,
    "tcpi_snd_ssthresh": lambda tcb: min(tcb.ssthresh, 0x7FFFFFFF),
    "tcpi_snd_cwnd": lambda tcb: tcb.cwnd,
    "tcpi_advmss": lambda tcb: tcb.advertised_mss,
}
"""What the model has of `struct tcp_info`, by the names that scripts use."""


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
                self.host.fire_next()
        else:
            self.host.sleep_until(min(due))
            self._waking = [each for each in self._waking if each.wake_ns is None or each.wake_ns > self.host.now_ns]
        return True

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
        return {name: of(tcb) for name, of in INFO.items()} if isinstance(tcb, Tcb) else None

    # -------------------------------------------------------------------------------------------------------- packets

    def inject(self, packet: IpPacket) -> None:
        with _as_missing():
            data = encode(packet)
            received = decode(data)
            arriving = self._conversion.packet(received) if isinstance(received, IpPacket) else None
            if arriving is None:
                raise Beyond("a packet for which the model has no word")
            if isinstance(arriving, Segment) and arriving.data:
                arriving = attrs.evolve(arriving, truesize=_truesize(len(data)))
            self.host.receive(arriving)

    def lacks(self, packet: Packet) -> tuple[str, ...]:
        found = []
        if packet.ip.ecn not in {None, "noecn"} or packet.ip.tos is not None:
            found.append("ECN and the type of service")
        if isinstance(packet.content, Tcp):
            if packet.content.flags & _URGENT_OR_ECN:
                found.append("urgent data or ECN")
            if any(isinstance(option, FastOpen | Md5 | AccurateEcn) for option in packet.content.options or ()):
                found.append("TCP options Fast Open, MD5, accurate ECN")
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
