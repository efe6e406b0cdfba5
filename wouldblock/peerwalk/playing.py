"""A sequence played on one arm: after each step its answer, what was sent, and what the socket says of itself.

Segments are noted with the step after which they left. Each step has its moment, the same on both arms; a sequence
whose steps the machine could not make in time says by how much it was late.

Not here: comparing (comparing.py).
"""

from __future__ import annotations

from errno import errorcode

import attrs

from model.values.packets import IpPacket, Tcp, Timestamps
from model.values.results import Block
from model.values.wire import decode, encode
from wouldblock.packetscript import parse
from wouldblock.packetscript.arm import Arm, Ends, Reply
from wouldblock.packetscript.matching import Connection, comparable, injected, written
from wouldblock.packetscript.syntax import Flag, Packet, Range, SystemCall
from wouldblock.packetscript.syntax import Tcp as Written

from .steps import FIRST_STAMP, MS, Sequence, Spoilt, Step, spoil

ENDS = Ends(("192.168.0.1", 8080), ("192.0.2.1", 40_001))
STAMPS = "sysctl -q net.ipv4.tcp_timestamps={}"
BEFORE, AFTER = "(before)", "(after)"
"""Marks between what was sent while time passed and what was sent in answer to a step."""
EVENTS = "POLLIN|POLLOUT|POLLPRI|POLLRDHUP"


@attrs.frozen
class Seen:
    """What one step showed."""

    answer: str
    sent: tuple[str, ...]
    state: tuple[str, ...]


class Player:
    """An arm that was entered, and the connection on it."""

    def __init__(self, arm: Arm, fd: int, stamps: bool) -> None:
        self.arm, self.fd = arm, fd
        self.connection = Connection(ENDS.local, ENDS.remote)
        self.at_ns = self.late_ns = self.segments = 0
        self.packets: list[Packet] = []
        """What the party sent in the last step, as the language writes it."""
        arm.command(STAMPS.format(int(stamps)))
        arm.begin()
        self._looks = tuple(
            parse(f"+0 {text}\n").events[0].action
            for text in (
                f"poll([{{fd={fd}, events={EVENTS}, revents=0}}], 1, 0) = 0",
                f"ioctl({fd}, SIOCINQ, [0]) = 0",
                f"ioctl({fd}, SIOCOUTQ, [0]) = 0",
            )
        )

    def wait(self, gap_ms: int) -> tuple[str, ...]:
        """Let the time before a step pass. What was sent meanwhile."""
        self.at_ns += gap_ms * MS
        while self.arm.step(self.at_ns):
            pass
        self.late_ns = max(self.late_ns, self.arm.now_ns - self.at_ns)
        return self._sent()

    def make(self, step: Step) -> Seen:
        """Make a step for which the time has come."""
        action = step.action
        answer = ""
        if isinstance(action, SystemCall):
            answer = _shown(self.arm.call(action).reply())
        else:
            ip = spoil(injected(action, self.connection), step.spoilt)
            if isinstance(decode(encode(ip)), IpPacket) or self.arm.name == "kernel":
                self.arm.inject(ip)
        while self.arm.step(self.arm.now_ns):
            pass
        return Seen(answer, self._sent(), self._state())

    def _sent(self) -> tuple[str, ...]:
        shown = []
        self.packets = []
        while self.arm.captured:
            _, ip = self.arm.captured.popleft()
            if ip.src != ENDS.local[0] or ip.dst != ENDS.remote[0]:
                continue  # what was injected: the capture sees both directions
            if isinstance(ip.payload, Tcp):
                if ip.payload.flags & Flag.SYN:
                    self.connection.our_iss = ip.payload.seq
                if ip.payload.dst_port == ENDS.remote[1]:
                    self.connection = attrs.evolve(self.connection, local=(ENDS.local[0], ip.payload.src_port))
                for option in ip.payload.options:
                    if isinstance(option, Timestamps):
                        self.connection.stamps[FIRST_STAMP + self.segments] = option.value
                self.segments += 1
            packet = written(ip, self.connection)
            self.packets.append(packet)
            shown.append(comparable(_with_plain_zero(packet, ip)))
        return tuple(shown)

    def _state(self) -> tuple[str, ...]:
        looks = []
        for action in self._looks:
            assert isinstance(action, SystemCall)
            looks.append(_shown(self.arm.call(action).reply()))
        info = self.arm.info(self.fd)
        return (*looks, f"tcpi_state {info['tcpi_state'] if info else None}")


def _with_plain_zero(packet: Packet, ip: IpPacket) -> Packet:
    """A reset that answers what acknowledged nothing has the number 0 itself, wherever the connection's numbers begin
    (RFC 9293 §3.5.2).
    """
    if not isinstance(ip.payload, Tcp) or ip.payload.seq or not ip.payload.flags & Flag.RST:
        return packet
    assert isinstance(packet.content, Written)
    return attrs.evolve(packet, content=attrs.evolve(packet.content, data=Range(0, 0)))


def play(arm: Arm, sequence: Sequence) -> tuple[list[Seen], int]:
    """`sequence` on an arm that was not entered yet, and by how many nanoseconds the latest step was late."""
    with arm:
        player = Player(arm, sequence.fd, sequence.stamps)
        seen = []
        for step in sequence.steps:
            waited = player.wait(step.gap_ms)
            made = player.make(step)
            seen.append(attrs.evolve(made, sent=(BEFORE, *waited, AFTER, *made.sent)))
        return seen, player.late_ns


def _shown(reply: Reply | Block) -> str:
    if isinstance(reply, Block):
        return "waits"
    written = [value[0] if isinstance(value, list) and len(value) == 1 else value for value in reply.written.values()]
    what = "".join(f" {_told(value)}" for value in written)
    return f"{reply.value}{what}" if not reply.errno else f"{reply.value} {errorcode.get(reply.errno, reply.errno)}"


def _told(value: object) -> object:
    """A number written to where a pointer points is the same alone and in an array of one; text is told by its length,
    for what the peer sends is zeros.
    """
    return f"{len(value)} bytes" if isinstance(value, bytes) else value


__all__ = ["ENDS", "Player", "Seen", "Spoilt", "play"]
