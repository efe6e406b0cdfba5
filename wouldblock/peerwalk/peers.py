"""A tiny peer: it sees the party's segments and answers what the dice say, mostly what a receiver would.

It acknowledges what it saw, sends text in order, twice, overlapping or with a gap, changes its window, ends, resets.
Now and then it is hostile, or an ICMP error arrives about the connection. A peer that *loses* does not get every
segment: it acknowledges up to the first that is missing, tells in SACK blocks what it has behind (if that was offered),
and tells what came twice; so the party detects loss, recovers, and sometimes finds that it was wrong.

Its timestamps are its own time in milliseconds, now and then an old one (RFC 7323 §5); it echoes the last one it saw,
now and then an older one.

Not here: retransmissions by the peer itself; it sends what the dice say.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from random import Random

from wouldblock.packetscript.syntax import Flag, Packet, Tcp

from .steps import FIRST_STAMP, MS, Spoilt

SCALE = 7
OWN_CLOCK = 5_000
"""What the peer's clock says at the beginning, in milliseconds."""
LONG_AGO = (1, 100, 1 << 30)
LOST, LOST_AGAIN = 0.25, 0.1
"""How probably a new segment is lost, and one that was sent again."""


class Offer(StrEnum):
    """What the peer offers in its SYN."""

    ALL = "SACK and scaled windows"
    SIZE = "its segment size only"
    NOTHING = "nothing"


class Peer:
    """What the peer knows: how far it has seen the party's text, and how much it has sent."""

    def __init__(self, dice: Random, offer: Offer, loses: bool) -> None:
        self.dice, self.offer, self.loses = dice, offer, loses
        self.mss = dice.choice([536, 1000, 1460])
        self.stamps = False
        self.seen = self.highest = self.sent = self.now_ms = 0
        self.window = 512 if offer is Offer.ALL else 65535
        self.behind: list[tuple[int, int]] = []
        """What it has behind a gap, the latest first."""
        self.twice: tuple[int, int] | None = None
        self.fin = False

    def note(self, packets: Iterable[Packet]) -> None:
        """See what the party sent."""
        for packet in packets:
            tcp = packet.content
            if not isinstance(tcp, Tcp) or tcp.flags & Flag.RST:
                continue
            low, end = tcp.data.seq, tcp.data.seq + tcp.data.length + bool(tcp.flags & (Flag.SYN | Flag.FIN))
            if end >= 1 << 31:
                continue
            again, self.highest = end <= self.highest, max(self.highest, end)
            lost = self.loses and low > 0 and end > low and self.dice.random() < (LOST_AGAIN if again else LOST)
            if not lost:
                self._receive(low, end)

    def _receive(self, low: int, end: int) -> None:
        if low < end <= self.seen or any(a <= low and end <= b for a, b in self.behind if low < end):
            self.twice = low, end
        elif low <= self.seen:
            self.seen = max(self.seen, end)
        elif low < end:
            touching = [(a, b) for a, b in self.behind if a <= end and low <= b]
            self.behind = [block for block in self.behind if block not in touching]
            self.behind.insert(0, (min([low, *(a for a, _ in touching)]), max([end, *(b for _, b in touching)])))
        for a, b in sorted(self.behind):
            if a <= self.seen:
                self.seen = max(self.seen, b)
        self.behind = [(a, b) for a, b in self.behind if a > self.seen]

    def segment(self, now_ns: int, echo: int) -> tuple[str, Spoilt]:
        """The next segment, and whether it is spoilt on its way. `echo`: the number of the party's last timestamp."""
        self.now_ms = now_ns // MS
        dice, nxt, ack = self.dice, self.sent, self.seen
        kinds = ["ack", "part", "data", "again", "gap", "overlap", "sack", "window", "fin", "hostile", "icmp"]
        weights = [70, 3, 8, 1, 2, 1, 2, 3, 1, 4, 2] if self.loses else [20, 6, 20, 5, 8, 6, 5, 8, 4, 12, 3]
        kind = dice.choices(kinds, weights)[0]
        size = dice.choice([1, 10, 100, 1000, 1460])
        match kind:
            case "part":
                return self._send(".", nxt, 0, dice.randint(min(1, ack), ack), echo), Spoilt.NO
            case "data" if not self.fin:
                self.sent += size
                return self._send(dice.choice(["P.", "."]), nxt, size, ack, echo), Spoilt.NO
            case "again" if nxt > 1:
                low = max(1, nxt - size)
                return self._send("P.", low, nxt - low, ack, echo), Spoilt.NO
            case "gap" if not self.fin:
                return self._send("P.", nxt + dice.choice([1, 10, 1000, 3000]), size, ack, echo), Spoilt.NO
            case "overlap" if not self.fin:
                low = max(1, nxt - dice.choice([1, 10, 500]))
                self.sent = max(nxt, low + size)
                return self._send("P.", low, size, ack, echo), Spoilt.NO
            case "sack" if self.highest - ack > 1 or ack > 2:
                low = dice.randint(1, max(1, ack - 1))
                return self._send(".", nxt, 0, low, echo, ((low + 1, ack + 1),)), Spoilt.NO
            case "window":
                scaled = [0, 0, 1, 8, 64, 512, 4000]
                self.window = dice.choice(scaled if self.offer is Offer.ALL else [0, 0, 100, 1000, 8000, 65535])
            case "fin" if not self.fin:
                self.fin = True
                self.sent += 1
                return self._send("F.", nxt, 0, ack, echo), Spoilt.NO
            case "hostile":
                return self._hostile(nxt, ack, echo)
            case "icmp":
                return self._icmp(ack), Spoilt.NO
        return self._send(".", nxt, 0, ack, echo, self._blocks()), Spoilt.NO

    def _blocks(self) -> tuple[tuple[int, int], ...]:
        if self.offer is not Offer.ALL:
            return ()
        twice = (self.twice,) if self.twice and self.dice.random() < 0.7 else ()
        self.twice = None
        return (*twice, *self.behind)[:3]

    def _send(
        self, flags: str, seq: int, length: int, ack: int, echo: int, blocks: tuple[tuple[int, int], ...] = ()
    ) -> str:
        if self.stamps and self.dice.random() < 0.1:
            echo = max(FIRST_STAMP, echo - self.dice.choice([1, 2, 5]))
        return self.written(flags, seq, length, ack, self.window, echo, blocks)

    def written(
        self, flags: str, seq: int, length: int, ack: int | None, window: int, echo: int,
        blocks: tuple[tuple[int, int], ...] = (),
    ) -> str:  # fmt: skip
        """A segment of the peer's, with the options that it would carry."""
        said = f" ack {ack}" if ack is not None else ""
        options = self._options("S" in flags, echo if ack is not None else 0, blocks)
        shown = f" <{','.join(options)}>" if options else ""
        return f"< {flags} {seq}:{seq + length}({length}){said} win {window}{shown}"

    def _options(self, opens: bool, echo: int, blocks: tuple[tuple[int, int], ...]) -> list[str]:
        value = OWN_CLOCK + self.now_ms
        if self.stamps and not opens and self.dice.random() < 0.05:
            value = (value - self.dice.choice(LONG_AGO)) % (1 << 32)
        stamp = [f"TS val {value} ecr {echo}"] if self.stamps else []
        if opens:
            size = [f"mss {self.mss}"] if self.offer is not Offer.NOTHING else []
            rest = ["sackOK", *(stamp or ["nop", "nop"]), "nop", f"wscale {SCALE}"]
            return size + (rest if self.offer is Offer.ALL else ["nop", "nop", *stamp] if stamp else [])
        if self.stamps and self.dice.random() < 0.03:
            stamp = []
        found = ["nop", "nop", *stamp] if stamp else []
        if blocks:
            found += ["nop", "nop", "sack " + " ".join(f"{low}:{end}" for low, end in blocks)]
        return found

    def _hostile(self, nxt: int, ack: int, echo: int) -> tuple[str, Spoilt]:
        plain = self._send("P.", nxt, 10, ack, echo)
        far = 100_000_000
        return self.dice.choice(
            [
                (plain, Spoilt.CHECKSUM),
                (plain, Spoilt.OPTIONS),
                (plain, Spoilt.SHORT),
                (f"< S {nxt}:{nxt}(0) win 512", Spoilt.LAND),
                (f"< SF. {nxt}:{nxt}(0) ack {ack} win 512", Spoilt.NO),
                (f"< S {nxt}:{nxt}(0) win 512 <mss 1000>", Spoilt.NO),
                (f"< R {nxt}:{nxt}(0) win 0", Spoilt.NO),
                (f"< R {nxt + 1}:{nxt + 1}(0) win 0", Spoilt.NO),
                (f"< R. {nxt + far}:{nxt + far}(0) ack {ack} win 0", Spoilt.NO),
                (self._send(".", nxt, 0, self.highest + 1000, echo), Spoilt.NO),
                (self._send("P.", nxt, 10, ack + 100_000, echo), Spoilt.NO),
                (self._send(".", nxt + far, 0, ack, echo), Spoilt.NO),
                (f"< P {nxt}:{nxt + 10}(10) win 512", Spoilt.NO),
                (self._send(".", max(nxt - 1, 0), 0, ack, echo), Spoilt.NO),
            ]
        )

    def _icmp(self, ack: int) -> str:
        kinds = ["host_unreachable", "net_unreachable", "port_unreachable", "frag_needed mtu 1000"]
        length = self.dice.choice([1, 10, 1000])
        low = self.dice.choice([ack, ack, ack + 100_000])
        return f"< icmp unreachable {self.dice.choice(kinds)} [{low}:{low + length}({length})]"
