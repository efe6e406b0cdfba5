"""Sequences made at random: what the party calls, and what a tiny peer that sees its segments answers (peers.py).

A sequence is made while it runs on the model. What comes out are fixed steps, which any arm can play. No step is made
within some ticks after a timer: the kernel's may fire a tick late (realnet/ticks.py).

What is drawn first, once for each sequence, is its kind: who opens, whether timestamps are sent, what the peer offers,
whether segments are lost on the way to it, whether the party keeps the connection alive.

Not here: the peer's segments.
"""

from __future__ import annotations

from random import Random

from model.profiles import LINUX
from wouldblock.packetscript.arm import START_NS
from wouldblock.packetscript.simulation import Simulation

from .peers import Offer, Peer
from .playing import ENDS, Player
from .steps import FIRST_STAMP, MS, Sequence, Spoilt, Step

GAPS_MS = (12, 12, 12, 12, 52, 52, 252, 500, 1100)
QUICK_GAPS_MS = (12, 12, 12, 12, 12, 20, 20, 52, 252)
"""Whole numbers of ticks, as all gaps are: so every step is made in the middle of one."""
CLEAR_BEFORE_NS, CLEAR_AFTER_NS = 4 * MS, 12 * MS
"""No step is made so shortly before a timer, or so shortly after one."""
SILENCE_MS = 3500
"""Long enough for keep-alive probes, where they are asked for."""
KEPT_ALIVE = (("SOL_SOCKET", "SO_KEEPALIVE", 1), ("SOL_TCP", "TCP_KEEPIDLE", 1), ("SOL_TCP", "TCP_KEEPINTVL", 1))


class _Maker:
    """A sequence in the making."""

    def __init__(self, seed: int) -> None:
        self.dice = dice = Random(seed)
        self.passive = dice.random() < 0.6
        self.fd = 4 if self.passive else 3
        self.stamps = dice.random() < 0.5
        self.keeps_alive = dice.random() < 0.15
        self.peer = Peer(dice, dice.choices(list(Offer), [70, 15, 15])[0], loses=dice.random() < 0.4)
        self.gaps = QUICK_GAPS_MS if self.peer.loses else GAPS_MS
        self.steps: list[Step] = []
        self.arm = Simulation(ENDS)
        self.player = Player(self.arm, self.fd, self.stamps)

    def add(self, text: str, gap_ms: int | None = None, spoilt: Spoilt = Spoilt.NO) -> None:
        gap = self._clear_of_timers(self.dice.choice(self.gaps) if gap_ms is None else gap_ms)
        self.steps.append(Step(gap, text, spoilt))
        self.player.wait(gap)
        self.peer.note(self.player.packets)
        self.player.make(self.steps[-1])
        self.peer.note(self.player.packets)

    def _clear_of_timers(self, gap_ms: int) -> int:
        """Let at least `gap_ms` pass, and then as many ticks as it takes. How long it was, in milliseconds."""
        while True:
            at_ns = self.player.at_ns + gap_ms * MS
            while self.arm.step(at_ns):
                pass
            deadline = self.arm.host.next_deadline()
            soon = deadline is not None and deadline - START_NS < at_ns + CLEAR_BEFORE_NS
            if not soon and self.arm.fired_ns + CLEAR_AFTER_NS <= at_ns:
                return gap_ms
            gap_ms += LINUX.jiffy_ns // MS

    def segment(self, flags: str, seq: int, length: int = 0, ack: int | None = None, window: int = 65535) -> str:
        echo = max(self.player.connection.stamps, default=0)
        return self.peer.written(flags, seq, length, ack, window, echo=echo)

    def open(self) -> None:
        dice, peer = self.dice, self.peer
        self.add("socket(..., SOCK_STREAM, IPPROTO_TCP) = 3", 12)
        self.add("fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0", 12)
        for name in ("SO_RCVBUF", "SO_SNDBUF"):
            if dice.random() < 0.2:
                self.add(f"setsockopt(3, SOL_SOCKET, {name}, [{dice.choice([2000, 10000, 50000])}], 4) = 0", 12)
        if self.keeps_alive:
            for level, name, value in KEPT_ALIVE:
                self.add(f"setsockopt(3, {level}, {name}, [{value}], 4) = 0", 12)
            if dice.random() < 0.5:
                self.add("setsockopt(3, SOL_TCP, TCP_KEEPCNT, [2], 4) = 0", 12)
        peer.stamps = self.stamps and peer.offer is not Offer.NOTHING
        if self.passive:
            self.add("bind(3, ..., ...) = 0", 12)
            self.add("listen(3, 5) = 0", 12)
            self.add(self.segment("S", 0), 12)
            peer.sent = 1
            if dice.random() < 0.8:
                self.add(self.segment(".", 1, 0, 1, peer.window), 12)
                self.add("accept(3, ..., ...) = 4", 12)
            return
        self.add("connect(3, ..., ...) = 0", 12)
        peer.sent = 1
        if dice.random() < 0.1:
            self.add(self.segment("S", 0), 12)
        else:
            self.add(self.segment("S.", 0, 0, 1))

    def go_on(self) -> None:
        if self.keeps_alive and self.dice.random() < 0.06:
            self.add(f"recv({self.fd}, ..., 10, MSG_DONTWAIT) = 0", SILENCE_MS)
        elif self.dice.random() < 0.6:
            stamps = self.player.connection.stamps
            text, spoilt = self.peer.segment(self.player.at_ns, max(stamps, default=FIRST_STAMP))
            self.add(text, spoilt=spoilt)
        else:
            self.add(self._call())

    def _call(self) -> str:
        dice, fd = self.dice, self.fd
        size = dice.choice([1000, 5000, 30000] if self.peer.loses else [1, 10, 100, 1000, 5000, 30000])
        return dice.choices(
            [
                f"send({fd}, ..., {size}, MSG_DONTWAIT) = 0",
                f"recv({fd}, ..., {size}, MSG_DONTWAIT) = 0",
                f"shutdown({fd}, SHUT_WR) = 0",
                f"close({fd}) = 0",
                f"setsockopt({fd}, SOL_TCP, TCP_NODELAY, [{dice.randint(0, 1)}], 4) = 0",
                "accept(3, ..., ...) = 4" if fd == 4 else f"recv({fd}, ..., 10, MSG_DONTWAIT) = 0",
            ],
            [40, 30, 3, 3, 6, 6] if not self.peer.loses else [60, 15, 2, 1, 3, 6],
        )[0]


def generate(seed: int, length: int) -> Sequence:
    """A sequence of `length` steps, or of those that open it. Raises `Beyond` where the model has no answer."""
    maker = _Maker(seed)
    maker.open()
    while len(maker.steps) < length:
        maker.go_on()
    return Sequence(maker.fd, maker.stamps, tuple(maker.steps))
