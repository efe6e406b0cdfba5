"""A script run on an arm: its events in their order and time, its expectations, and what was seen instead.

The arm's only neighbour is the remote side, which is the script: what the script injects arrives at the moment that it
names, and what the arm sends is kept, with its time, until the script expects it. As in packetdrill, each expectation
is met by the next packet that was sent, and packets after the last expectation do not matter; but a script may say
``> nothing``: up to that moment nothing was sent that no line before expected.

A relative time counts from the event before, and from when a packet really left if that was the event. A packet may
miss its time by the tolerance (``--tolerance_usecs``, or four milliseconds), one tick of the kernel's clock, on which
its timers fire, and a hundredth of the time since the event before. A call that blocks is asked again whenever
something has happened, until it has ended, which must be at the moment that the script says.

What an arm does not have is named and never guessed. Where nothing later depends on it, the run goes on; a difference
that is found behind something that was left out is reported, but is no failure.

Not here: the arms (simulation.py, kernel.py); IPv6.
"""

from __future__ import annotations

import errno
import os

import attrs

from model.profiles import LINUX, SECOND
from model.values.packets import IpPacket
from model.values.packets import Tcp as WireTcp
from model.values.results import Block

from .arguments import KERNEL_NAMES, address, differing, number
from .arm import Arm, Attempt, Reply, ends_of
from .assertions import failing
from .matching import Connection, belongs_to, comparable, injected, joined, learn_clock, matches, written
from .outcome import Missing, Outcome, Row, Verdict
from .printing import show_action, show_packet, show_time
from .reader import Beyond
from .simulation import Simulation
from .syntax import (
    After,
    Anything,
    AnyTime,
    At,
    Between,
    Code,
    Command,
    Event,
    Flag,
    Nothing,
    Number,
    Packet,
    Script,
    SystemCall,
    Tcp,
    Unsupported,
    When,
)

__all__ = ["Missing", "Outcome", "Row", "Verdict", "run"]

TOLERANCE_NS = 4_000_000
LONGEST_NS = 30 * SECOND
"""How long a call that blocks is waited for beyond its time, at the end of a script."""
FIRST_PORT = 40_001
"""The remote side's port in the first connection that it opens."""


class _Difference(Exception):
    """Something else was seen than expected."""

    def __init__(self, line: int, expected: str, seen: str, sentence: str) -> None:
        super().__init__(sentence)
        self.line, self.expected, self.seen, self.sentence = line, expected, seen, sentence


class _End(Exception):
    """What follows depends on something that there is not."""


def run(script: Script, name: str = "script", arm: Arm | None = None) -> Outcome:
    """Run `script` on `arm`, by default the model. `name` is for messages. Raises `ScriptError` for an option at the
    top that cannot be, and what entering the arm raises.
    """
    runner = _Runner(script, arm if arm is not None else Simulation(ends_of(script, name)), name)
    line, sentence = None, None
    with runner.arm:
        try:
            runner.run()
        except _Difference as difference:
            line, sentence = difference.line, difference.sentence
            now = runner.arm.now_ns
            runner.rows.append(Row(line, difference.expected, difference.seen, right=False, at_ns=now))
        except _End:
            pass
    verdict = Verdict.PASSED if line is None else Verdict.FAILED
    if runner.missing and (line is None or runner.shielded):
        verdict = Verdict.UNSUPPORTED
    missing = tuple(dict.fromkeys(runner.missing))
    return Outcome(verdict, name, line, sentence, missing, runner.arm.name, tuple(runner.rows), runner.late_ns)


@attrs.define(eq=False)
class _Waiting:
    """A call that has not ended yet."""

    call: SystemCall
    attempt: Attempt
    line: int
    until_ns: int


class _Runner:
    def __init__(self, script: Script, arm: Arm, name: str) -> None:
        self.script, self.arm = script, arm
        self.ends = ends_of(script, name)
        self.missing: list[Missing] = []
        self.rows: list[Row] = []
        self.shielded = False
        """Something was left out that may have changed what followed."""
        self.connections: list[Connection] = []
        self.listening: int | None = None
        """The port of a listener since which no connection has begun."""
        self.bound: dict[int, int] = {}
        """Descriptor → port."""
        self.subject: int | None = None
        """The descriptor that assertions are about: the last one connected or accepted."""
        self.waiting: list[_Waiting] = []
        self.base_ns = self.late_ns = 0
        tolerance = script.tolerance_ns
        self.tolerance_ns = (TOLERANCE_NS if tolerance is None else tolerance) + LINUX.jiffy_ns

    def run(self) -> None:
        version = self.script.option("ip_version")
        if version not in {None, "ipv4"}:
            self._end(f"--ip_version={version}", 1)
        if self.script.init is not None:
            self._command(self.script.init, 1)
        self.arm.begin()
        for event in self.script.events:
            try:
                self._event(event)
            except Beyond as beyond:
                self._end(beyond.what, event.line)
        while self.waiting:
            self._pass_until(max(waiting.until_ns for waiting in self.waiting) + self.tolerance_ns)

    # -------------------------------------------------------------------------------------------- what there is not

    def _leave_out(self, what: str, line: int, *, matters: bool = True) -> None:
        self.missing.append(Missing(what, line))
        self.shielded = self.shielded or matters

    def _end(self, what: str, line: int) -> None:
        self._leave_out(what, line)
        raise _End

    # --------------------------------------------------------------------------------------------------------- events

    def _event(self, event: Event) -> None:
        action = event.action
        if isinstance(action, Packet) and action.outbound:
            self._expect(action, event.when, event.line)
            return
        at_ns = self._time(event.when)
        self._pass_until(at_ns)
        self.late_ns = max(self.late_ns, self.arm.now_ns - at_ns)
        self.base_ns = at_ns
        match action:
            case Packet():
                self._inject(action, event.line)
            case SystemCall():
                self._call(action, event)
            case Code(text=text):
                self._assert(text, event.line)
            case Command():
                self._command(action, event.line)
            case Nothing():
                self._expect_nothing(action, event.line)
            case Unsupported(what=what):
                self._end(what, event.line)

    def _time(self, when: When) -> int:
        match when:
            case At(at_ns=at_ns):
                return at_ns
            case After(delay_ns=delay_ns):
                return self.base_ns + delay_ns
            case _:
                return self.base_ns

    def _command(self, command: Command, line: int) -> None:
        for what in self.arm.command(command.text):
            self._leave_out(what, line)

    def _assert(self, text: str, line: int) -> None:
        try:
            wrong = failing(text, self.arm.info(self.subject) if self.subject is not None else None)
        except Beyond as beyond:
            self._leave_out(beyond.what, line, matters=False)
            return
        shown = f"%{{ {' '.join(text.split())} }}%"
        if wrong is not None:
            raise _Difference(line, shown, wrong.rpartition("seen ")[2], wrong)
        self._row(line, shown, "holds")

    def _row(self, line: int, expected: str, seen: str, at_ns: int | None = None, parts: tuple[str, ...] = ()) -> None:
        now = self.arm.now_ns if at_ns is None else at_ns
        self.rows.append(Row(line, expected, seen, at_ns=now, parts=parts))

    # ----------------------------------------------------------------------------------------------------------- time

    def _pass_until(self, at_ns: int) -> None:
        """Let time pass to that moment; calls that wait are asked again whenever something has happened."""
        while self.arm.step(at_ns):
            self._ask_again()
        for waiting in self.waiting:
            if self.arm.now_ns > waiting.until_ns + self.tolerance_ns:
                expected = f"{waiting.call.name} to return at {_shown(waiting.until_ns)}"
                raise _Difference(
                    waiting.line, show_action(waiting.call), "still waits", f"expected {expected}, still waits."
                )

    def _slack(self, at_ns: int) -> int:
        return self.tolerance_ns + max(at_ns - self.base_ns, 0) // 100

    # ---------------------------------------------------------------------------------------------------------- calls

    def _call(self, call: SystemCall, event: Event) -> None:
        until_ns = None
        if call.until_ns is not None:
            until_ns = call.until_ns + (0 if isinstance(event.when, At) else self._before(event.when))
        try:
            attempt = self.arm.call(call)
            reply = attempt.reply()
        except Beyond as beyond:
            if call.name not in {"setsockopt", "getsockopt"}:
                raise
            self._leave_out(beyond.what, event.line)
            return
        if isinstance(reply, Reply):
            self._ended(call, reply, event.line, until_ns)
        elif until_ns is None:
            shown = show_action(call)
            raise _Difference(event.line, shown, str(reply), f"expected {shown}, seen that it {reply}.")
        self._ask_again()
        if isinstance(reply, Block) and until_ns is not None:
            self.waiting.append(_Waiting(call, attempt, event.line, until_ns))

    def _before(self, when: When) -> int:
        return self.base_ns - (when.delay_ns if isinstance(when, After) else 0)

    def _ask_again(self) -> None:
        for waiting in tuple(self.waiting):
            reply = waiting.attempt.reply()
            if isinstance(reply, Reply):
                self.waiting.remove(waiting)
                self._ended(waiting.call, reply, waiting.line, waiting.until_ns)

    def _ended(self, call: SystemCall, reply: Reply, line: int, until_ns: int | None) -> None:
        name = errno.errorcode.get(reply.errno, str(reply.errno)) if reply.errno else None
        seen = f"{reply.value}{f' {name}' if name else ''}"
        wrong = self._wrong(call, reply, name, seen)
        now = self.arm.now_ns
        if wrong is None and until_ns is not None:
            self.late_ns = max(self.late_ns, now - until_ns)
            if abs(now - until_ns) > self.tolerance_ns:
                wrong = f"to return at {_shown(until_ns)}, seen at {_shown(now)}"
        if wrong is not None:
            shown = show_action(call)
            told = seen if f"seen {seen}" == wrong else wrong.removeprefix("which means ")
            raise _Difference(line, shown, told, f"expected {shown}, {wrong}.")
        self._row(line, show_action(call), seen, now)
        if not reply.errno or name == "EINPROGRESS":
            self._note(call, reply)

    def _wrong(self, call: SystemCall, reply: Reply, name: str | None, seen: str) -> str | None:
        if not isinstance(call.result, Anything):
            wanted = number(call.result, KERNEL_NAMES)
            if wanted != reply.value or (name and call.errno not in {None, name}) or (call.errno and not name):
                return f"seen {seen}"
            if reply.errno and call.errno and call.note is not None and call.note != os.strerror(reply.errno):
                return f"seen the note ({os.strerror(reply.errno)})"
        if reply.errno:
            return None
        for index, value in reply.written.items():
            if index < len(call.arguments):
                wrong = differing(call.arguments[index], value, KERNEL_NAMES)
                if wrong is not None:
                    return f"which means {wrong}"
        return None

    def _note(self, call: SystemCall, reply: Reply) -> None:
        """What a call that succeeded means for the packets and assertions behind it."""
        fd = call.arguments[0] if call.arguments else None
        if not isinstance(fd, Number):
            return
        if call.name == "bind":
            where = call.arguments[1] if len(call.arguments) > 1 else Anything()
            self.bound[fd.value] = address(where, self.ends.local, KERNEL_NAMES)[1]
        elif call.name == "listen":
            self.listening = self.bound.get(fd.value, self.ends.local[1])
        elif call.name == "close" and fd.value == self.subject:
            self.subject = None
        elif call.name == "connect":
            self.subject = fd.value
        elif call.name in {"accept", "accept4"}:
            self.subject = reply.value

    # -------------------------------------------------------------------------------------------------------- packets

    def _connection(self, ip: IpPacket) -> Connection:
        """The one a packet of the arm belongs to; the latest, or a new one."""
        ends = belongs_to(ip)
        if ends is None:
            return self.connections[-1] if self.connections else Connection(self.ends.local, self.ends.remote)
        local, remote = ends
        found = next((c for c in reversed(self.connections) if (c.local, c.remote) == (local, remote)), None)
        if found is None:
            found = Connection(local, remote)
            self.connections.append(found)
        return found

    def _met(self, ip: IpPacket) -> Connection:
        """The connection of a packet that has left. A SYN begins its numbers."""
        connection = self._connection(ip)
        if isinstance(ip.payload, WireTcp) and ip.payload.flags & Flag.SYN:
            connection.our_iss = ip.payload.seq
        return connection

    def _inject(self, packet: Packet, line: int) -> None:
        for what in self.arm.lacks(packet):
            self._leave_out(what, line)
        for _, ip in self.arm.captured:
            self._met(ip)  # the numbers of what left before are known to whoever answers it
        self.arm.inject(injected(packet, self._meant(packet)))
        self._row(line, show_packet(packet), "")
        self._ask_again()

    def _meant(self, packet: Packet) -> Connection:
        """The connection to which an injected packet belongs. The first SYN since a socket listens begins one."""
        local = self.ends.local
        if packet.ends is not None:
            source, target = packet.ends
            remote = (source.address or self.ends.remote[0], source.port)
            local = (target.address or local[0], target.port)
            found = next((c for c in self.connections if (c.local, c.remote) == (local, remote)), None)
            if found is None:
                found = Connection(local, remote)
            else:
                self.connections.remove(found)
            self.connections.append(found)
            return found
        tcp = packet.content
        opens = isinstance(tcp, Tcp) and tcp.flags & (Flag.SYN | Flag.ACK) == Flag.SYN and self.listening is not None
        if self.connections and not opens:
            return self.connections[-1]
        if not isinstance(tcp, Tcp):
            self.connections.append(Connection(local, self.ends.remote))
            return self.connections[-1]
        if self.listening is not None:
            local = (local[0], self.listening)
            self.listening = None
        self.connections.append(Connection(local, (self.ends.remote[0], FIRST_PORT + len(self.connections))))
        return self.connections[-1]

    def _expect(self, packet: Packet, when: When, line: int) -> None:
        for what in self.arm.lacks(packet):
            self._leave_out(what, line)
        first, last = self._when_due(when)
        while not self.arm.captured and self.arm.step(last):
            self._ask_again()
        wanted = show_packet(packet)
        if not self.arm.captured:
            raise _Difference(line, wanted, "no packet", f"expected {wanted}, seen no packet by {_shown(last)}.")
        at_ns, ip = self.arm.captured.popleft()
        connection = self._met(ip)
        learn_clock(packet, ip, connection)
        length = packet.content.data.length if isinstance(packet.content, Tcp) else 0
        parts = [comparable(written(ip, connection))]
        seen = self._whole(written(ip, connection), at_ns + self.tolerance_ns, connection, length, parts)
        shown = show_packet(seen)
        if not matches(packet, seen) or not _same_ports(packet, connection):
            raise _Difference(line, wanted, shown, f"expected {wanted}, seen {shown} at {_shown(at_ns)}.")
        if not first <= at_ns <= last:
            raise _Difference(
                line,
                f"{wanted} from {_shown(first)} to {_shown(last)}",
                f"at {_shown(at_ns)}",
                f"expected {wanted} from {_shown(first)} to {_shown(last)}, seen at {_shown(at_ns)}.",
            )
        self._row(line, wanted, shown, at_ns, tuple(parts))
        self.base_ns = at_ns

    def _expect_nothing(self, action: Nothing, line: int) -> None:
        if not self.arm.captured:
            self._row(line, show_action(action), "nothing")
            return
        at_ns, ip = self.arm.captured[0]
        shown = show_packet(written(ip, self._met(ip)))
        raise _Difference(
            line, show_action(action), shown, f"expected that nothing is sent, seen {shown} at {_shown(at_ns)}."
        )

    def _when_due(self, when: When) -> tuple[int, int]:
        if isinstance(when, AnyTime):
            return 0, self.arm.now_ns + self.arm.longest_ns
        if isinstance(when, Between):
            base = self.base_ns if when.relative else 0
            first, last = base + when.first_ns, base + when.last_ns
        else:
            first = last = self._time(when)
        return first - self._slack(first), last + self._slack(last)

    def _whole(self, seen: Packet, last: int, connection: Connection, length: int, parts: list[str]) -> Packet:
        """The packet and, up to `last`, as many behind it as make it as long as expected; each is noted in `parts`."""
        while isinstance(seen.content, Tcp) and seen.content.data.length < length:
            while not self.arm.captured and self.arm.step(last):
                self._ask_again()
            if not self.arm.captured:
                break
            next_ns, ip = self.arm.captured[0]
            if next_ns > last or self._connection(ip) is not connection:
                break
            both = joined(seen, written(ip, connection))
            if both is None:
                break
            self.arm.captured.popleft()
            parts.append(comparable(written(ip, connection)))
            seen = both
        return seen


def _shown(at_ns: int) -> str:
    return f"{show_time(max(at_ns, 0) // 1000 * 1000)} s"


def _same_ports(packet: Packet, connection: Connection) -> bool:
    if packet.ends is None:
        return True
    source, target = packet.ends
    return (source.port, target.port) == (connection.local[1], connection.remote[1])
