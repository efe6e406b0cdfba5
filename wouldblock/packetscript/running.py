"""A script run on a host of the model, in virtual time.

The host has one address and one neighbour, the remote side, which is the script: what the script injects arrives at the
moment that it names, and what the host sends is kept, with its time, until the script expects it. As in packetdrill,
each expectation is met by the next packet that was sent, and packets after the last expectation do not matter.

Time passes only between events, from timer to timer. A relative time counts from the event before, and from when a
packet really left if that was the event. A packet may miss its time by the tolerance (``--tolerance_usecs``, or
four milliseconds), one tick of the kernel's clock, on which its timers fire, and a hundredth of the time since the
event before. A call that blocks is made again whenever something has happened, until it answers.

What the model does not have is named and never guessed. Where nothing later depends on it, the run goes on; a
difference that is found behind something that was left out is reported, but is no failure.

Not here: UDP and ICMP packets, IPv6; the running kernel as the other arm.
"""

from __future__ import annotations

import errno
import os
from collections import deque
from enum import StrEnum

import attrs

from model import machines  # noqa: F401  # a host has all rules: importing this declares them
from model.choices import Seeded
from model.profiles import LINUX, SECOND
from model.rules import ModelDefect
from model.sockets.options import NotModelled
from model.tcp.block import Tcb
from model.values.conversion import Conversion
from model.values.packets import IpPacket
from model.values.packets import Tcp as WireTcp
from model.values.results import Answer, Block, Done, Fail
from model.values.segments import Packet as ModelPacket
from model.values.segments import Segment
from model.world.host import Host
from model.world.wire import as_received

from .assertions import failing
from .calls import Attempt, Calls, Ends, number
from .matching import THEIR_ISS, UNMODELLED, Connection, has_timestamps, injected, joined, matches, written
from .printing import show_action, show_packet, show_time
from .reader import Beyond
from .settings import settled
from .syntax import (
    AccurateEcn,
    After,
    Anything,
    AnyTime,
    At,
    Between,
    Code,
    Command,
    Event,
    FastOpen,
    Flag,
    Md5,
    Packet,
    Script,
    SystemCall,
    Tcp,
    Timestamps,
    Unsupported,
    When,
)

TOLERANCE_NS = 4_000_000
LONGEST_NS = 3600 * SECOND
"""How long a packet is waited for that may come at any time."""
START_NS = 1000 * SECOND
"""What the host's clock says when the script begins."""
FIRST_PORT = 40_001
"""The remote side's port in the first connection that it opens."""


class Verdict(StrEnum):
    """What came of a run."""

    PASSED = "passed"
    FAILED = "failed"
    UNSUPPORTED = "unsupported"


@attrs.frozen
class Missing:
    """Something in a script that the model does not have, and where."""

    what: str
    line: int


@attrs.frozen
class Outcome:
    """What came of a run. `line` and `sentence` say what was expected and what was seen instead, if anything was."""

    verdict: Verdict
    name: str
    line: int | None = None
    sentence: str | None = None
    unsupported: tuple[Missing, ...] = ()

    def __str__(self) -> str:
        lines = [f"{self.name}: {self.verdict}"] if self.line is None else []
        if self.line is not None:
            lines.append(f"{self.name}:{self.line}: {self.sentence}")
        lines += [f"{self.name}:{missing.line}: not supported: {missing.what}" for missing in self.unsupported]
        return "\n".join(lines)


class _Difference(Exception):
    """Something else was seen than expected."""

    def __init__(self, line: int, sentence: str) -> None:
        super().__init__(sentence)
        self.line, self.sentence = line, sentence


class _End(Exception):
    """What follows depends on something that there is not."""


def run(script: Script, name: str = "script") -> Outcome:
    """Run `script` on the model. `name` is for messages."""
    runner = _Runner(script)
    line, sentence = None, None
    try:
        runner.run()
    except _Difference as difference:
        line, sentence = difference.line, difference.sentence
    except _End:
        pass
    verdict = Verdict.PASSED if line is None else Verdict.FAILED
    if runner.missing and (line is None or runner.shielded):
        verdict = Verdict.UNSUPPORTED
    return Outcome(verdict, name, line, sentence, tuple(dict.fromkeys(runner.missing)))


@attrs.define(eq=False)
class _Waiting:
    """A call that has not answered yet."""

    call: SystemCall
    attempt: Attempt
    line: int
    until_ns: int


class _Runner:
    def __init__(self, script: Script) -> None:
        self.script = script
        self.missing: list[Missing] = []
        self.shielded = False
        """Something was left out that may have changed what followed."""
        local, remote = script.option("local_ip") or "192.168.0.1", script.option("remote_ip") or "192.0.2.1"
        ours, theirs, mtu = (
            self._option(*each) for each in (("bind_port", 8080), ("connect_port", 8080), ("mtu", 1500))
        )
        timed = any(isinstance(e.action, Packet) and _timed(e.action) for e in script.events)
        profile = LINUX if timed else attrs.evolve(LINUX, timestamps=False)
        self.host = Host(
            "model", profile, Seeded(0), now_ns=START_NS, addresses=(local,), network=remote.rpartition(".")[0] + "."
        )
        self.host.link = self._sent
        self.host.path_mtu = lambda _ip: mtu
        self.calls = Calls(self.host, Ends((local, ours), (remote, theirs)))
        self.conversion = Conversion()
        self.connections: list[Connection] = []
        self.captured: deque[tuple[int, IpPacket]] = deque()
        self.waiting: list[_Waiting] = []
        self.base_ns = START_NS
        tolerance = script.tolerance_ns
        self.tolerance_ns = (TOLERANCE_NS if tolerance is None else tolerance) + profile.jiffy_ns

    def _option(self, name: str, default: int) -> int:
        value = self.script.option(name)
        return int(value) if value is not None and value.isdecimal() else default

    def run(self) -> None:
        version = self.script.option("ip_version")
        if version not in {None, "ipv4"}:
            self._end(f"--ip_version={version}", 1)
        if self.script.init is not None:
            self._command(self.script.init, 1)
        for event in self.script.events:
            try:
                self._event(event)
            except (Beyond, NotModelled) as beyond:
                self._end(str(beyond), event.line)
            except ModelDefect as defect:
                self._end(f"a case for which the model has no rule ({defect})", event.line)
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
        self.base_ns = at_ns
        match action:
            case Packet():
                self._inject(action, event.line)
            case SystemCall():
                self._call(action, event)
            case Code(text=text):
                try:
                    wrong = failing(text, self._tcb())
                except Beyond as beyond:
                    self._leave_out(beyond.what, event.line, matters=False)
                else:
                    if wrong is not None:
                        raise _Difference(event.line, wrong)
            case Command():
                self._command(action, event.line)
            case Unsupported(what=what):
                self._end(what, event.line)

    def _time(self, when: When) -> int:
        match when:
            case At(at_ns=at_ns):
                return START_NS + at_ns
            case After(delay_ns=delay_ns):
                return self.base_ns + delay_ns
            case _:
                return self.base_ns

    def _command(self, command: Command, line: int) -> None:
        self.host.profile, unknown = settled(command.text, self.host.profile)
        for what in unknown:
            self._leave_out(what, line)

    def _tcb(self) -> Tcb | None:
        if not self.connections:
            return None
        last = self.connections[-1]
        known = self.host.connections.get((last.local, last.remote))
        return self.host.tcb(known) if known is not None else None

    # ----------------------------------------------------------------------------------------------------------- time

    def _pass_until(self, at_ns: int) -> None:
        """Let time pass to that moment; calls that wait are made again after every timer."""
        while (next_ns := self._next(at_ns)) is not None:
            self._step(next_ns)
        self.host.sleep_until(at_ns)
        for waiting in self.waiting:
            if self.host.now_ns > waiting.until_ns + self.tolerance_ns:
                raise _Difference(
                    waiting.line,
                    f"expected {waiting.call.name} to return by {self._shown(waiting.until_ns)}, still waits.",
                )

    def _next(self, at_ns: int) -> int | None:
        due = [self.host.next_deadline(), *(waiting.attempt.wake_ns for waiting in self.waiting)]
        found = [ns for ns in due if ns is not None and ns <= at_ns]
        return min(found) if found else None

    def _step(self, next_ns: int) -> None:
        if self.host.next_deadline() == next_ns:
            self.host.fire_next()
        else:
            self.host.sleep_until(next_ns)
            for waiting in self.waiting:
                if waiting.attempt.wake_ns == next_ns:
                    waiting.attempt.wake_ns = None
        self._try_again()

    def _shown(self, at_ns: int) -> str:
        return f"{show_time(max(at_ns - START_NS, 0))} s"

    # ---------------------------------------------------------------------------------------------------------- calls

    def _call(self, call: SystemCall, event: Event) -> None:
        try:
            attempt = self.calls.attempt(call)
            if attempt.unseen is not None:
                self._leave_out(attempt.unseen, event.line, matters=False)
            answer = attempt.make()
        except (Beyond, NotModelled) as beyond:
            if call.name not in {"setsockopt", "getsockopt"}:
                raise
            self._leave_out(str(beyond), event.line)
            return
        until_ns = None
        if call.until_ns is not None:
            until_ns = call.until_ns + (START_NS if isinstance(event.when, At) else self._before(event.when))
        if isinstance(answer, Block):
            if until_ns is None:
                raise _Difference(event.line, f"expected {show_action(call)}, seen that it {answer}.")
            self.waiting.append(_Waiting(call, attempt, event.line, until_ns))
        else:
            self._answered(call, attempt, answer, event.line, until_ns)
        self._try_again(since=len(self.waiting) - isinstance(answer, Block))

    def _before(self, when: When) -> int:
        return self.base_ns - (when.delay_ns if isinstance(when, After) else 0)

    def _try_again(self, since: int | None = None) -> None:
        for waiting in self.waiting[:since]:
            answer = waiting.attempt.make()
            if not isinstance(answer, Block):
                self.waiting.remove(waiting)
                self._answered(waiting.call, waiting.attempt, answer, waiting.line, waiting.until_ns)

    def _answered(self, call: SystemCall, attempt: Attempt, answer: Answer, line: int, until_ns: int | None) -> None:
        seen, code = (-1, answer.errno) if isinstance(answer, Fail) else (_value(answer), 0)
        name = errno.errorcode.get(code, str(code)) if code else None
        wrong = None
        if not isinstance(call.result, Anything):
            wanted = number(call.result)
            if wanted != seen or (code and call.errno not in {None, name}) or (call.errno and not code):
                wrong = f"seen {seen}{f' {name}' if name else ''}"
            elif code and call.errno and call.note is not None and call.note != os.strerror(code):
                wrong = f"seen the note ({os.strerror(code)})"
        if wrong is None and not code and (difference := attempt.verify()) is not None:
            wrong = f"which means {difference}"
        now = self.host.now_ns
        if wrong is None and until_ns is not None and now > until_ns + self.tolerance_ns:
            wrong = f"to return by {self._shown(until_ns)}, seen at {self._shown(now)}"
        if wrong is not None:
            raise _Difference(line, f"expected {show_action(call)}, {wrong}.")

    def _slack(self, at_ns: int) -> int:
        return self.tolerance_ns + max(at_ns - self.base_ns, 0) // 100

    # -------------------------------------------------------------------------------------------------------- packets

    def _connection(self, ip: IpPacket) -> Connection:
        """The one a packet of the model belongs to; the latest, or a new one."""
        assert isinstance(ip.payload, WireTcp)
        local, remote = (ip.src, ip.payload.src_port), (ip.dst, ip.payload.dst_port)
        found = next((c for c in reversed(self.connections) if (c.local, c.remote) == (local, remote)), None)
        if found is None:
            found = Connection(local, remote)
            self.connections.append(found)
        if ip.payload.flags & Flag.SYN:
            found.our_iss = ip.payload.seq
        return found

    def _sent(self, packet: ModelPacket) -> None:
        for ip in self.conversion.packets(packet):
            if isinstance(ip.payload, WireTcp):
                self._connection(ip)
            self.captured.append((self.host.now_ns, ip))

    def _inject(self, packet: Packet, line: int) -> None:
        tcp = packet.content
        if not isinstance(tcp, Tcp):
            raise Beyond("packets other than TCP's")
        if tcp.flags & UNMODELLED:
            self._leave_out("urgent data or ECN", line)
        if packet.ip.ecn not in {None, "noecn"}:
            self._leave_out("ECN", line)
        if any(isinstance(option, FastOpen | Md5 | AccurateEcn) for option in tcp.options or ()):
            self._leave_out("TCP options Fast Open, MD5, accurate ECN", line)
        connection = self._meant(packet, tcp)
        ip = injected(tcp, connection)
        segment = self.conversion.packet(ip, seq_near=tcp.data.seq + THEIR_ISS)
        assert isinstance(segment, Segment)
        if tcp.ack is not None:
            segment = attrs.evolve(segment, ack=tcp.ack + connection.our_iss)
        self.host.receive(as_received(segment, self.host.profile.buffer_overhead))
        self._try_again()

    def _meant(self, packet: Packet, tcp: Tcp) -> Connection:
        """The connection to which an injected packet belongs. A SYN to a listener begins one, unless one begins."""
        ends, local = self.calls.ends, self.calls.ends.local
        if packet.ends is not None:
            source, target = packet.ends
            remote = (source.address or ends.remote[0], source.port)
            local = (target.address or local[0], target.port)
            found = next((c for c in self.connections if (c.local, c.remote) == (local, remote)), None)
            if found is None:
                found = Connection(local, remote)
            else:
                self.connections.remove(found)
            self.connections.append(found)
            return found
        opens = tcp.flags & (Flag.SYN | Flag.ACK) == Flag.SYN and bool(self.host.listeners)
        tcb = self._tcb()
        half_open = tcb is not None and tcb.state.name in {"SYN_SENT", "SYN_RECEIVED"}
        if self.connections and (not opens or half_open):
            return self.connections[-1]
        if self.host.listeners:
            local = (local[0], self.host.tcb(self.host.listeners[-1]).local[1])
        self.connections.append(Connection(local, (ends.remote[0], FIRST_PORT + len(self.connections))))
        return self.connections[-1]

    def _expect(self, packet: Packet, when: When, line: int) -> None:
        tcp = packet.content
        if not isinstance(tcp, Tcp):
            raise Beyond("packets other than TCP's")
        if has_timestamps(tcp):
            self._leave_out("timestamps", line)
        if tcp.flags & UNMODELLED or packet.ip.ecn not in {None, "noecn"}:
            self._leave_out("urgent data or ECN", line)
        first, last = self._when_due(when)
        while not self.captured and (next_ns := self._next(last)) is not None:
            self._step(next_ns)
        if not self.captured:
            raise _Difference(line, f"expected {show_packet(packet)}, seen no packet by {self._shown(last)}.")
        at_ns, ip = self.captured.popleft()
        if not isinstance(ip.payload, WireTcp):
            raise _Difference(line, f"expected {show_packet(packet)}, seen a packet that is not TCP's.")
        connection = self._connection(ip)
        seen = self._whole(written(ip, connection), at_ns, connection, tcp.data.length)
        if not matches(packet, seen) or not _same_ports(packet, connection):
            raise _Difference(
                line, f"expected {show_packet(packet)}, seen {show_packet(seen)} at {self._shown(at_ns)}."
            )
        if not first <= at_ns <= last:
            raise _Difference(
                line,
                f"expected {show_packet(packet)} from {self._shown(first)} to {self._shown(last)}, "
                f"seen at {self._shown(at_ns)}.",
            )
        self.base_ns = at_ns
        if isinstance(when, At | After):
            self._pass_until(max(self.host.now_ns, at_ns))

    def _when_due(self, when: When) -> tuple[int, int]:
        if isinstance(when, AnyTime):
            return 0, self.host.now_ns + LONGEST_NS
        if isinstance(when, Between):
            base = self.base_ns if when.relative else START_NS
            first, last = base + when.first_ns, base + when.last_ns
        else:
            first = last = self._time(when)
        return first - self._slack(first), last + self._slack(last)

    def _whole(self, seen: Packet, at_ns: int, connection: Connection, length: int) -> Packet:
        """The packet, and as much of what left with it as makes it as long as expected."""
        while isinstance(seen.content, Tcp) and seen.content.data.length < length and self.captured:
            next_ns, ip = self.captured[0]
            if next_ns != at_ns or not isinstance(ip.payload, WireTcp) or self._connection(ip) is not connection:
                break
            both = joined(seen, written(ip, connection))
            if both is None:
                break
            self.captured.popleft()
            seen = both
        return seen


def _timed(packet: Packet) -> bool:
    options = packet.content.options if isinstance(packet.content, Tcp) else None
    return any(isinstance(option, Timestamps) for option in options or ())


def _same_ports(packet: Packet, connection: Connection) -> bool:
    if packet.ends is None:
        return True
    source, target = packet.ends
    return (source.port, target.port) == (connection.local[1], connection.remote[1])


def _value(answer: Answer) -> int:
    assert isinstance(answer, Done)
    return answer.value if isinstance(answer.value, int) else 0
