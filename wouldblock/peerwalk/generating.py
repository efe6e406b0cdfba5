"""Sequences made at random: what the party calls, and what a tiny peer that sees its segments answers.

A sequence is made while it runs on the model: the peer acknowledges what it saw, sends text in order, twice,
overlapping or with a gap, changes its window, ends, resets; and now and then it is hostile. What comes out are fixed
steps, which any arm can play. A step's moment is chosen so that no timer of the model's is due near it, for the
kernel's fire up to some milliseconds later.

Not here: retransmissions by the peer itself; it sends what the dice say.
"""

from __future__ import annotations

from random import Random

from model.profiles import LINUX
from wouldblock.packetscript.simulation import Simulation
from wouldblock.packetscript.syntax import Flag, Tcp

from .playing import ENDS, Player
from .steps import MS, Sequence, Spoilt, Step

GAPS_MS = (10, 10, 10, 10, 50, 50, 250, 500, 1100)
CLEAR_BEFORE_MS, CLEAR_AFTER_MS = 8, 45
"""No step is made so shortly before a timer, or so shortly after one."""
SCALE = 7


class _Peer:
    """What the peer knows: how far it has seen the party's text, and how much it has sent."""

    def __init__(self, dice: Random) -> None:
        self.dice = dice
        self.seen = self.highest = 0
        self.sent = 0
        self.window = 512
        self.fin = False

    def note(self, player: Player) -> None:
        for packet in player.packets:
            tcp = packet.content
            if not isinstance(tcp, Tcp) or tcp.flags & Flag.RST:
                continue
            end = tcp.data.seq + tcp.data.length + bool(tcp.flags & (Flag.SYN | Flag.FIN))
            if end < 1 << 31:
                self.highest = max(self.highest, end)
                if tcp.data.seq <= self.seen:
                    self.seen = max(self.seen, end)

    def segment(self) -> tuple[str, Spoilt]:
        dice, nxt, ack = self.dice, self.sent, self.seen
        kind = dice.choices(
            ["ack", "part", "data", "again", "gap", "overlap", "sack", "window", "fin", "hostile"],
            [20, 6, 20, 5, 8, 6, 5, 8, 4, 12],
        )[0]
        size = dice.choice([1, 10, 100, 1000, 1460])
        match kind:
            case "part":
                return f"< . {nxt}:{nxt}(0) ack {dice.randint(min(1, ack), ack)} win {self.window}", Spoilt.NO
            case "data" if not self.fin:
                self.sent += size
                flags = dice.choice(["P.", "."])
                return f"< {flags} {nxt}:{nxt + size}({size}) ack {ack} win {self.window}", Spoilt.NO
            case "again" if nxt > 1:
                low = max(1, nxt - size)
                return f"< P. {low}:{nxt}({nxt - low}) ack {ack} win {self.window}", Spoilt.NO
            case "gap" if not self.fin:
                low = nxt + dice.choice([1, 10, 1000, 3000])
                return f"< P. {low}:{low + size}({size}) ack {ack} win {self.window}", Spoilt.NO
            case "overlap" if not self.fin:
                low = max(1, nxt - dice.choice([1, 10, 500]))
                self.sent = max(nxt, low + size)
                return f"< P. {low}:{low + size}({size}) ack {ack} win {self.window}", Spoilt.NO
            case "sack" if self.highest - ack > 1 or ack > 2:
                low = dice.randint(1, max(1, ack - 1))
                return f"< . {nxt}:{nxt}(0) ack {low} win {self.window} <nop,nop,sack {low + 1}:{ack + 1}>", Spoilt.NO
            case "window":
                self.window = dice.choice([0, 0, 1, 8, 64, 512, 4000])
            case "fin" if not self.fin:
                self.fin = True
                self.sent += 1
                return f"< F. {nxt}:{nxt}(0) ack {ack} win {self.window}", Spoilt.NO
            case "hostile":
                return self._hostile(nxt, ack)
        return f"< . {nxt}:{nxt}(0) ack {ack} win {self.window}", Spoilt.NO

    def _hostile(self, nxt: int, ack: int) -> tuple[str, Spoilt]:
        plain = f"< P. {nxt}:{nxt + 10}(10) ack {ack} win {self.window}"
        return self.dice.choice(
            [
                (plain, Spoilt.CHECKSUM),
                (plain, Spoilt.OPTIONS),
                (f"< S {nxt}:{nxt}(0) win 512", Spoilt.LAND),
                (f"< SF. {nxt}:{nxt}(0) ack {ack} win 512", Spoilt.NO),
                (f"< S {nxt}:{nxt}(0) win 512 <mss 1000>", Spoilt.NO),
                (f"< R {nxt}:{nxt}(0) win 0", Spoilt.NO),
                (f"< R {nxt + 1}:{nxt + 1}(0) win 0", Spoilt.NO),
                (f"< R. {nxt + 100000000}:{nxt + 100000000}(0) ack {ack} win 0", Spoilt.NO),
                (f"< . {nxt}:{nxt}(0) ack {self.highest + 1000} win 512", Spoilt.NO),
                (f"< P. {nxt}:{nxt + 10}(10) ack {ack + 100000} win 512", Spoilt.NO),
                (f"< . {nxt + 100000000}:{nxt + 100000000}(0) ack {ack} win 512", Spoilt.NO),
                (f"< P {nxt}:{nxt + 10}(10) win 512", Spoilt.NO),
                (f"< . {max(nxt - 1, 0)}:{max(nxt - 1, 0)}(0) ack {ack} win {self.window}", Spoilt.NO),
            ]
        )


def generate(seed: int, length: int) -> Sequence:
    """A sequence of `length` steps or a few less. Raises `Beyond` where the model has no answer."""
    dice = Random(seed)
    passive = dice.random() < 0.6
    fd = 4 if passive else 3
    peer = _Peer(dice)
    steps: list[Step] = []
    player = Player(Simulation(ENDS), fd, stamps=False)

    def add(text: str, gap_ms: int | None = None, spoilt: Spoilt = Spoilt.NO) -> None:
        gap = _gap(player, dice.choice(GAPS_MS) if gap_ms is None else gap_ms)
        steps.append(Step(gap, text, spoilt))
        player.wait(gap)
        peer.note(player)
        player.make(steps[-1])
        peer.note(player)

    options = f"<mss {dice.choice([536, 1000, 1460])},sackOK,nop,nop,nop,wscale {SCALE}>"
    add("socket(..., SOCK_STREAM, IPPROTO_TCP) = 3", 10)
    add("fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0", 10)
    for name in ("SO_RCVBUF", "SO_SNDBUF"):
        if dice.random() < 0.2:
            add(f"setsockopt(3, SOL_SOCKET, {name}, [{dice.choice([2000, 10000, 50000])}], 4) = 0", 10)
    if passive:
        add("bind(3, ..., ...) = 0", 10)
        add("listen(3, 5) = 0", 10)
        add(f"< S 0:0(0) win 65535 {options}", 10)
        peer.sent = 1
        if dice.random() < 0.8:
            add("< . 1:1(0) ack 1 win 512", 10)
            add("accept(3, ..., ...) = 4", 10)
    else:
        add("connect(3, ..., ...) = 0", 10)
        peer.sent = 1
        if dice.random() < 0.1:
            add(f"< S 0:0(0) win 65535 {options}", 10)
        else:
            add(f"< S. 0:0(0) ack 1 win 65535 {options}")
    while len(steps) < length:
        if dice.random() < 0.6:
            text, spoilt = peer.segment()
            add(text, spoilt=spoilt)
        else:
            add(_call(dice, fd))
    return Sequence(fd, False, tuple(steps))


def _call(dice: Random, fd: int) -> str:
    size = dice.choice([1, 10, 100, 1000, 5000, 30000])
    return dice.choices(
        [
            f"send({fd}, ..., {size}, MSG_DONTWAIT) = 0",
            f"recv({fd}, ..., {size}, MSG_DONTWAIT) = 0",
            f"shutdown({fd}, SHUT_WR) = 0",
            f"close({fd}) = 0",
            f"setsockopt({fd}, SOL_TCP, TCP_NODELAY, [{dice.randint(0, 1)}], 4) = 0",
            "accept(3, ..., ...) = 4" if fd == 4 else f"recv({fd}, ..., 10, MSG_DONTWAIT) = 0",
        ],
        [40, 30, 3, 3, 6, 6],
    )[0]


def _gap(player: Player, least_ms: int) -> int:
    """A time to the next step, at least `least_ms`, that ends well before and well after any timer."""
    host = player.arm.host  # type: ignore[attr-defined]
    gap = least_ms
    while True:
        deadline = host.next_deadline()
        if deadline is None:
            return gap
        end = host.now_ns + gap * MS
        if end + CLEAR_BEFORE_MS * MS < deadline:
            return gap
        if end <= deadline + CLEAR_AFTER_MS * MS:
            gap = (deadline - host.now_ns) // MS + CLEAR_AFTER_MS + LINUX.jiffy_ns // MS
        return gap
