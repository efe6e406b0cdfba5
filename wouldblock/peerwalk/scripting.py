"""A sequence as a packet script that says what the model shows: the model passes it, a kernel that differs does not.

Steps stand at their times since the beginning. What the party sent while time passed is expected between two steps,
what it sent in answer at the step's own time. Where the difference lies in what the socket says of itself, the script
asks for that at the end.

A spoilt segment has no word in the language: such a sequence has no script.

Not here: running scripts (packetscript/running.py).
"""

from __future__ import annotations

import attrs

from wouldblock.packetscript import parse
from wouldblock.packetscript.outcome import Verdict
from wouldblock.packetscript.printing import show_packet
from wouldblock.packetscript.running import run
from wouldblock.packetscript.simulation import Simulation
from wouldblock.packetscript.syntax import Packet, SystemCall, Tcp, Timestamps

from .comparing import Difference
from .playing import ENDS, EVENTS, STAMPS, Player
from .steps import FIRST_STAMP, MS, Sequence


def script(sequence: Sequence, found: Difference) -> str:
    """The steps up to the difference as a script; empty if one of them is spoilt, or the script does not say what
    happened.
    """
    steps = sequence.steps[: found.step + 1]
    if any(step.spoilt for step in steps):
        return ""
    lines = [f"// {found.kind}: the model shows {found.model}, the kernel {found.kernel}."]
    lines.append(f"`{STAMPS.format(int(sequence.stamps))}`")
    with Simulation(ENDS) as arm:
        player = Player(arm, sequence.fd, sequence.stamps)
        for step in steps:
            before_ns, first = player.at_ns, player.segments
            player.wait(step.gap_ms)
            now = _time(player.at_ns)
            lines += [f"{_time(before_ns)}~{now} {text}" for text in _expected(player.packets, first)]
            first = player.segments
            seen = player.make(step)
            answer = seen.answer.split(" ")
            if isinstance(step.action, SystemCall):
                value = " ".join(answer[:2]) if answer[0] == "-1" else answer[0]
                lines.append(f"{now} {step.text.rpartition(' = ')[0]} = {value}")
            else:
                lines.append(f"{now} {step.text}")
            lines += [f"{now} {text}" for text in _expected(player.packets, first)]
        if found.kind.startswith("look: "):
            lines += [f"{now} {text}" for text in _looks(sequence.fd, seen.state)]
    lines.append(f"{_time(player.at_ns + 3 * MS)} > nothing")
    text = "".join(f"{line}\n" for line in lines)
    return text if run(parse(text), "sequence").verdict is Verdict.PASSED else ""


def _expected(packets: list[Packet], first: int) -> list[str]:
    """Packets that the party sent, its timestamps by their numbers, of which `first` is the first's."""
    shown = []
    for number, packet in enumerate(packets, first + FIRST_STAMP):
        tcp = packet.content
        if isinstance(tcp, Tcp) and tcp.options:
            options = tuple(attrs.evolve(o, value=number) if isinstance(o, Timestamps) else o for o in tcp.options)
            shown.append(show_packet(attrs.evolve(packet, content=attrs.evolve(tcp, options=options))))
        else:
            shown.append(show_packet(packet))
    return shown


def _looks(fd: int, state: tuple[str, ...]) -> list[str]:
    poll, reads, writes, info = state
    lines = []
    if "'revents': " in poll:
        revents = poll.partition("'revents': ")[2].rstrip("}")
        lines.append(f"poll([{{fd={fd}, events={EVENTS}, revents={revents}}}], 1, 0) = {poll.split(' ')[0]}")
    for name, said in (("SIOCINQ", reads), ("SIOCOUTQ", writes)):
        value, _, what = said.partition(" ")
        told = f"[{what}]) = {value}" if not value.startswith("-") else f"...) = {value} {what}"
        lines.append(f"ioctl({fd}, {name}, {told}")
    if not info.endswith("None"):
        lines.append(f"%{{ assert tcpi_state == {info.split(' ')[1]} }}%")
    return lines


def _time(at_ns: int) -> str:
    return f"{at_ns / 1e9:.3f}"
