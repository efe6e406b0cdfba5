"""Two programs, a connection and a wire that anything may happen to, as one Hypothesis state machine.

Either program sends, reads, shuts its direction or closes, in any order; meanwhile packets are lost, doubled,
corrupted, late or held, hosts are cut off from each other, or one of them forgets everything. After every step the laws
hold (`look` in test_loss.py, and those of `Watch` here). In the end the wire is mended and the programs go on until
they are done: then every byte has arrived once and in order, or both ends have heard of the failure, in bounded time;
and nothing is left in flight. Keep-alive is on: without it TCP itself lets a silent end wait for ever for one that has
forgotten it.

Not here: what single packets look like.
"""

from __future__ import annotations

from errno import EAGAIN, ECONNRESET, EPIPE, ETIMEDOUT

import attrs
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from model.profiles import LINUX, SECOND
from model.tcp.block import Tcb
from model.values.constants import AF_INET, SHUT_WR, SO_ERROR, SO_KEEPALIVE, SOCK_STREAM, SOL_SOCKET, TcpFlag, TcpState
from model.values.results import Answer, Done, Fail
from model.values.segments import Segment
from model.world.host import Host
from model.world.wire import CORRUPT, DROP, DUPLICATE, HOLD, MARK, PASS, Fate, Passing, delayed
from model.world.world import World

from .test_loss import look, pattern

LONGEST = 4 * 3600 * SECOND
BYTES = pattern(1 << 20, 1)
FATES = {
    "pass": PASS, "drop": DROP, "double": DUPLICATE, "corrupt": CORRUPT, "hold": HOLD, "late": delayed(0.05),
    "mark": MARK,
}  # fmt: skip


@attrs.define(eq=False)
class Program:
    """One end: what it has sent and read, and what it heard of the connection's end."""

    host: Host
    fd: int
    sent: int = 0
    read: int = 0
    shut: bool = False
    ended: bool = False
    closed: bool = False
    crashed: bool = False
    error: int = 0

    def call(self, name: str, *args: object) -> Answer:
        answer = self.host.call(name, self.fd, *args)
        if isinstance(answer, Fail) and answer.errno != EAGAIN:
            assert answer.errno in (ECONNRESET, EPIPE, ETIMEDOUT), answer
            if not (answer.errno == EPIPE and self.shut):
                self.error = answer.errno
        return answer

    @property
    def alive(self) -> bool:
        return not (self.closed or self.crashed or self.error)

    def send(self, size: int) -> bool:
        answer = self.call("send", BYTES[self.sent : self.sent + size], 0)
        if isinstance(answer, Done):
            self.sent += answer.value
        return isinstance(answer, Done)

    def receive(self, size: int) -> bool:
        answer = self.call("recv", size, 0)
        if not isinstance(answer, Done):
            return False
        assert answer.value == BYTES[self.read : self.read + len(answer.value)], "in order, and once"
        self.read += len(answer.value)
        self.ended = self.ended or not answer.value
        return bool(answer.value)


class Watch:
    """Laws that take two looks: what was said is never taken back (RFC 9293 §3.4, §3.8.6)."""

    def __init__(self) -> None:
        self.seen: dict[int, tuple[int, int, int, int]] = {}
        self.fins: dict[tuple[object, object], int] = {}

    def look(self, world: World) -> None:
        look(world)
        for host in world.hosts.values():
            for end in host.endpoints.values():
                if isinstance(end, Tcb) and end.state not in (TcpState.CLOSED, TcpState.LISTEN, TcpState.SYN_SENT):
                    self._compare(end)

    def _compare(self, end: Tcb) -> None:
        now = end.snd_una, end.snd_nxt, end.rcv_nxt, end.rcv_wup + end.rcv_wnd
        for before, after, name in zip(self.seen.get(id(end), now), now, ("una", "nxt", "rcv", "edge"), strict=True):
            out_of_memory = end.no_room or (not end.rcv_wnd and end.rmem > end.rcvbuf)  # then Linux closes the window
            assert before <= after or (name == "edge" and out_of_memory), f"{name} went back"
        self.seen[id(end)] = now

    def passes(self, segment: Segment) -> None:
        """A direction has one FIN: whenever it is sent, it has the same number."""
        if segment.flags & TcpFlag.FIN:
            way = segment.src, segment.dst
            assert self.fins.setdefault(way, segment.end) == segment.end, "a second FIN"


class Wires(RuleBasedStateMachine):
    """The machine. `near` has connected, `far` has accepted."""

    @initialize(delay_ms=st.sampled_from([0, 1, 50]), seed=st.integers(0, 1000), ecn=st.integers(1, 2))
    def connect(self, delay_ms: int, seed: int, ecn: int) -> None:
        self.world = World(seed=seed, profile=attrs.evolve(LINUX, ecn=ecn))
        near, far = self.world.host, self.world.add_host("b")
        for source, target in (("lo", "b"), ("b", "lo")):
            self.world.wire.path(source, target).delay_ns = delay_ms * 1_000_000
        self.watch, self.fates = Watch(), [PASS]
        self.world.wire.judge = self.judge
        listener, client = self._socket(far), self._socket(near)
        far.call("bind", listener, ("0.0.0.0", 80))
        far.call("listen", listener, 5)
        near.call("connect", client, (far.addresses[0], 80))
        self.world.sleep_until(SECOND)
        accepted = far.call("accept", listener)
        assert isinstance(accepted, Done)
        far.call("setblocking", accepted.value[0], False)
        self.near, self.far = Program(near, client), Program(far, accepted.value[0])
        for program in (self.near, self.far):
            program.host.call("setsockopt", program.fd, SOL_SOCKET, SO_KEEPALIVE, 1)

    @staticmethod
    def _socket(host: Host) -> int:
        answer = host.call("socket", AF_INET, SOCK_STREAM, 0)
        assert isinstance(answer, Done)
        host.call("setblocking", answer.value, False)
        return int(answer.value)

    def judge(self, passing: Passing) -> Fate:
        assert isinstance(passing.packet, Segment)
        self.watch.passes(passing.packet)
        return self.fates[passing.number % len(self.fates)]

    def program(self, near: bool) -> Program:
        return self.near if near else self.far

    # ------------------------------------------------------------ the programs

    @rule(near=st.booleans(), size=st.sampled_from([1, 100, 1448, 10_000, 100_000]))
    def send(self, near: bool, size: int) -> None:
        program = self.program(near)
        if program.alive and not program.shut and program.sent < 400_000:
            program.send(size)

    @rule(near=st.booleans(), size=st.sampled_from([1, 1000, 1 << 20]))
    def receive(self, near: bool, size: int) -> None:
        if self.program(near).alive:
            self.program(near).receive(size)

    @rule(near=st.booleans())
    def shut(self, near: bool) -> None:
        program = self.program(near)
        if program.alive and not program.shut:
            program.shut = True
            program.host.call("shutdown", program.fd, SHUT_WR)

    @rule(near=st.booleans())
    def close(self, near: bool) -> None:
        program = self.program(near)
        if not (program.closed or program.crashed):
            program.closed = True
            program.host.call("close", program.fd)

    # ------------------------------------------------------------ the wire

    @rule(fates=st.lists(st.sampled_from(sorted(FATES)), min_size=1, max_size=5))
    def weather(self, fates: list[str]) -> None:
        self.fates = [FATES[name] for name in fates]

    @rule()
    def release(self) -> None:
        self.world.wire.release(self.world.now_ns)

    @rule(cut=st.booleans(), one_way=st.booleans(), near=st.booleans())
    def partition(self, cut: bool, one_way: bool, near: bool) -> None:
        ends = ("lo", "b") if near else ("b", "lo")
        self.world.partition(*ends, cut=cut, one_way=one_way)

    @precondition(lambda self: not (self.near.crashed or self.far.crashed))
    @rule(near=st.booleans())
    def crash(self, near: bool) -> None:
        self.world.crash("lo" if near else "b")
        self.program(near).crashed = True

    @rule(ms=st.sampled_from([0, 1, 30, 300, 5_000]))
    def time_passes(self, ms: int) -> None:
        self.world.sleep_until(self.world.now_ns + ms * 1_000_000)

    @invariant()
    def laws_hold(self) -> None:
        if hasattr(self, "near"):
            self.watch.look(self.world)

    # ------------------------------------------------------------ the end

    def teardown(self) -> None:
        if not hasattr(self, "near"):
            return
        self.fates = [PASS]
        self.world.partition("lo", "b", cut=False)
        self.release()
        for program in (self.near, self.far):
            if program.alive and not program.shut:
                program.shut = True
                program.host.call("shutdown", program.fd, SHUT_WR)
        while self._go_on():
            self.watch.look(self.world)
            deadline = self.world.next_deadline()
            assert deadline is not None, "a deadlock: somebody waits, and nothing will ever happen"
            self.world.sleep_until(deadline)
            assert self.world.now_ns < LONGEST, "it takes for ever"
        for mine, other in ((self.near, self.far), (self.far, self.near)):
            if mine.alive and other.alive:
                assert mine.ended
                assert mine.read == other.sent
            if mine.alive and other.crashed:
                assert mine.ended, "who is alive has heard of the end, or the end had come before"
        self.world.sleep_until(self.world.now_ns + LONGEST)
        for host in self.world.hosts.values():
            ends = [end for end in host.endpoints.values() if isinstance(end, Tcb) and end.state is not TcpState.LISTEN]
            assert all(not end.unacked and not end.unsent for end in ends if end.fd is None), "in flight for ever"

    def _go_on(self) -> bool:
        """Both read what there is; whether anybody still waits for something."""
        for program in (self.near, self.far):
            while program.alive and not program.ended and program.receive(1 << 20):
                pass
            if program.alive and program.ended:
                pending = program.host.call("getsockopt", program.fd, SOL_SOCKET, SO_ERROR)
                assert isinstance(pending, Done)
                program.error = pending.value
        return any(program.alive and not self._is_over(program) for program in (self.near, self.far))

    @staticmethod
    def _is_over(program: Program) -> bool:
        end = program.host.descriptors[program.fd]
        assert isinstance(end, Tcb)
        return program.ended and not end.unacked and not end.unsent


TestWires = Wires.TestCase
TestWires.settings = settings(
    max_examples=120, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
