"""A sequence played on one arm: after each step its answer, what was sent, and what the socket says of itself.

Segments are noted with the step after which they left. Each step has its moment, which the kernel's arm meets as well
as it can, a fraction of a millisecond late. The model then makes the step at the very moment when the kernel was seen
to make it, so that both measure the same round trips; and a timer of the model's that is due shortly before the kernel
sent something by itself goes off at that moment, because the kernel's may be a tick late or two. A play says by how
much the latest step was late, and how soon after a timer of the model's one was made: too soon, and the kernel's may
not have fired yet.

Not here: comparing (comparing.py).
"""

from __future__ import annotations

from collections.abc import Sequence as Ordered
from errno import errorcode

import attrs

from model.profiles import SECOND
from model.values.packets import IpPacket, Tcp, Timestamps
from model.values.results import Block
from model.values.wire import decode, encode
from wouldblock.packetscript import parse
from wouldblock.packetscript.arm import Arm, Ends, Reply
from wouldblock.packetscript.matching import Connection, comparable, injected, written
from wouldblock.packetscript.simulation import Simulation
from wouldblock.packetscript.syntax import Flag, Packet, SystemCall

from .steps import FIRST_STAMP, MS, Sequence, Spoilt, Step, spoil

ENDS = Ends(("192.168.0.1", 8080), ("192.0.2.1", 40_001))
STAMPS = "sysctl -q net.ipv4.tcp_timestamps={}"
BEFORE, AFTER = "(before)", "(after)"
"""Marks between what was sent while time passed and what was sent in answer to a step."""
SHIFT_NS, SHIFTS_NS = 930_000, 1_500_000
"""By so much each step is later than the one before, beside its gap, up to so much in all: so round trips are no whole
numbers of milliseconds, of which timers would be due just where one tick ends and the next begins.
"""
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
        self.nearest_ns = SECOND
        """How soon after a timer of the model's a step was made."""
        self.moments: list[int] = []
        """When each step was made: when its segment arrived, or the first that it led to left."""
        self.unasked: list[int] = []
        """When each segment left that nothing but time led to."""
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

    def wait(self, gap_ms: int, moment_ns: int | None = None) -> tuple[str, ...]:
        """Let the time before a step pass, or until `moment_ns`. What was sent meanwhile."""
        self.at_ns += gap_ms * MS
        shift_ns = len(self.moments) * SHIFT_NS % SHIFTS_NS
        until_ns = self.at_ns + shift_ns if moment_ns is None else moment_ns
        while self.arm.step(until_ns):
            pass
        self.unasked += [at_ns for at_ns, _ in self.arm.captured]
        if isinstance(self.arm, Simulation):
            self.nearest_ns = min(self.nearest_ns, until_ns - self.arm.fired_ns)
        return self._sent()

    def make(self, step: Step, action: SystemCall | Packet | None = None) -> Seen:
        """Make a step for which the time has come; `action` is what it says, if that was read before."""
        action = action or step.action
        answer = ""
        ip = spoil(injected(action, self.connection), step.spoilt) if isinstance(action, Packet) else None
        self.moments.append(self.arm.now_ns)
        self.late_ns = max(self.late_ns, self.arm.now_ns - self.at_ns)
        if isinstance(action, SystemCall):
            answer = _shown(self.arm.call(action).reply())
        elif ip is not None and (self.arm.name == "kernel" or isinstance(decode(encode(ip)), IpPacket)):
            self.moments[-1] = self.arm.inject(ip)
        while self.arm.step(self.arm.now_ns):
            pass
        if ip is None and self.arm.captured:
            self.moments[-1] = max(self.moments[-1], self.arm.captured[0][0])
        return Seen(answer, self._sent(), self._state())

    def _sent(self) -> tuple[str, ...]:
        shown = []
        self.packets = []
        while self.arm.captured:
            _, ip = self.arm.captured.popleft()
            if ip.src != ENDS.local[0] or ip.dst != ENDS.remote[0]:
                continue  # an answer to a segment that pretended to come from elsewhere
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
            shown.append(comparable(packet))
        return tuple(shown)

    def _state(self) -> tuple[str, ...]:
        looks = []
        for action in self._looks:
            assert isinstance(action, SystemCall)
            looks.append(_shown(self.arm.call(action).reply()))
        info = self.arm.info(self.fd)
        return (*looks, f"tcpi_state {info['tcpi_state'] if info else None}")


@attrs.frozen
class Play:
    """A sequence that was played: what each step showed, when it was made, when segments left that only time led to,
    how late the latest step was, and how near to a timer of the model's the nearest.
    """

    seen: list[Seen]
    moments_ns: list[int]
    unasked_ns: list[int]
    late_ns: int
    nearest_ns: int


def play(arm: Arm, sequence: Sequence) -> Play:
    """`sequence` on an arm that was not entered yet, each step at its own time."""
    return _play(arm, sequence, [None] * len(sequence.steps))


def follow(arm: Simulation, sequence: Sequence, other: Play) -> Play:
    """`sequence` on the model, each step at its moment in `other`, which was of the same sequence."""
    arm.others_ns = tuple(other.unasked_ns)
    return _play(arm, sequence, other.moments_ns)


def _play(arm: Arm, sequence: Sequence, moments_ns: Ordered[int | None]) -> Play:
    with arm:
        player = Player(arm, sequence.fd, sequence.stamps)
        seen = []
        for step, moment_ns in zip(sequence.steps, moments_ns, strict=True):
            action = step.action
            waited = player.wait(step.gap_ms, moment_ns)
            made = player.make(step, action)
            seen.append(attrs.evolve(made, sent=(BEFORE, *waited, AFTER, *made.sent)))
        return Play(seen, player.moments, player.unasked, player.late_ns, player.nearest_ns)


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


__all__ = ["ENDS", "Play", "Player", "Seen", "Spoilt", "follow", "play"]
