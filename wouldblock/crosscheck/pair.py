"""A pair of arms taken through the same operations, the model following the kernel.

Each step the kernel goes first. Then the model makes the same call under the `Follow` policy: where a rule asks a
named choice whose answer the kernel's step shows (which port it drew), that is the answer; every other choice keeps
the model's own prediction. What both then answered, and what can be seen of every open socket, must be equal.

Time is real on one arm and virtual on the other. The model's clock is set to the kernel's before each call, and a
timer has fired, or not, when that is certain. The model's count of ticks stands where the kernel's does, so no timer of
the kernel's is early; but it may fire a tick late, and later on a busy machine. So shortly after a deadline *whether it
fired* is a named choice too, and the alternatives are tried on copies of the model until one agrees.

A timer that fires can wake whom an epoll watches, and whether that came before a wait took its reports or behind it may
show only at the next wait. So where an epoll is open all alternatives that agree are kept that differ in what their
epolls will report (`others`), and go through the same steps until one is left, or they are alike again.

The kernel is looked at socket by socket, and on a busy machine it delivers packets a moment after the call that sent
them (by ksoftirqd). So a first look may show no one moment, or an unfinished one. Where answers agree and looks do
not, the kernel is given a millisecond of rest and looked at again; real differences are still there. Such steps
are counted (`looks`).

Not here: which operations (operations.py), many sequences (walk.py).
"""

from __future__ import annotations

import copy
import itertools
import time
from typing import Any

import attrs

from model.choices import (
    EPHEMERAL_PORT,
    INITIAL_SEQUENCE,
    SECRET,
    TIMER_HAS_FIRED,
    Choice,
    Seeded,
)
from model.endpoint import Endpoint
from model.rules import Arrow, ModelDefect
from model.tcp.block import Tcb, Timer
from model.tcp.ends import is_orphan
from model.values.addresses import Address
from model.values.constants import POLLOUT
from model.values.observation import Observation
from model.values.results import show
from model.world.host import Host
from realnet.diag import Diag
from realnet.page import FreshPage
from realnet.ticks import count_at

from .arms import DRAWS_PORT, ModelArm
from .operations import Hosts, Operation, describe
from .pacing import stretched, take_trips
from .places import LOOPBACK, Place
from .recording import Recording
from .running import running_profile

PROFILE = running_profile()
TICK_NS = PROFILE.jiffy_ns
LATE_NS = 20_000_000
"""How late a timer may be beyond the tick it is due on: softirq latency on a busy machine."""

MOST_TIMERS = 4
"""How many timers close to their deadlines are tried in every combination; further ones are taken as not fired."""

MOST_OTHERS = 6
"""How many alternatives are kept beside the one that is gone on with."""

UNSEEN = (INITIAL_SEQUENCE, SECRET)
"""Choices that no call shows the answer of."""

LASTING = (TIMER_HAS_FIRED,)
"""The choice whose answer may show only in a later step."""

Fired = tuple[tuple[int, Timer], ...]


class Follow:
    """The policy that takes from the kernel what it has shown, and else the prediction."""

    def __init__(self, seed: int) -> None:
        self.seeded = Seeded(seed)
        self.ports: list[int] = []
        """Ports the kernel was seen to draw in this step, in order."""

    def choose(self, choice: Choice, low: int, high: int, predicted: int | None, subject: object) -> int:
        if choice is EPHEMERAL_PORT and self.ports:
            port = self.ports.pop(0)
            if not low <= port <= high:
                raise Contradicted(f"an ephemeral port between {low} and {high}", str(port))
            return port
        return self.seeded.choose(choice, low, high, predicted, subject)


class Contradicted(Exception):
    """The kernel did what no rule and no choice allows."""

    def __init__(self, expected: str, seen: str) -> None:
        super().__init__(f"expected {expected}, seen {seen}")
        self.expected, self.seen = expected, seen


@attrs.frozen
class Step:
    """One operation on both arms."""

    op: Operation
    kernel: Any
    model: Any
    kernel_seen: tuple[Observation, ...]
    model_seen: tuple[Observation, ...]
    arrows: tuple[Arrow, ...]
    asked: tuple[Choice, ...]
    wrong: tuple[str, str] | None
    """What was expected and what was seen instead, or None if both arms agree."""
    left: bool
    """Whether amounts differ within the range of a named choice: nothing is wrong, but the model cannot go on from
    here.
    """
    looks: int
    """How often the kernel was looked at until it was at rest, or was given up as being in another state."""
    numbers: tuple[int, ...]
    """The sockets that the observations belong to, in order."""

    def line(self) -> str:
        return describe(self.op)


@attrs.define
class _Tried:
    """What the model made of a step under one assumption about its timers."""

    arm: ModelArm
    answer: Any
    seen: tuple[Observation, ...]
    arrows: tuple[Arrow, ...]
    asked: tuple[Choice, ...]
    wrong: tuple[str, str] | None


class Pair:
    """Both arms, a common clock, and the comparison."""

    def __init__(
        self, home: str, seed: int, diag: Diag | None, page: FreshPage | None = None,
        recording: Recording | None = None, place: Place = LOOPBACK,
    ) -> None:  # fmt: skip
        if page is not None:
            page.turn()
        self.place = place
        self.kernel = recording or place.kernel(home)
        self.policy = Follow(seed)
        self.model = place.model(home, self.policy, PROFILE)
        self.others: list[ModelArm] = []
        self.diag = diag
        self.epoch_ns: int | None = None
        self.closing: Endpoint | None = None
        self.orphans: dict[tuple[Address, Address], int | None] = {}
        self.open: set[Choice] = set()
        """Lasting choices that were asked so far: from then on, what they decide is known only within its range."""

    def close(self) -> None:
        self.kernel.close()

    def step(self, op: Operation) -> Step:
        """Perform `op` on the kernel, then on the model, and compare."""
        self.closing = self.model.endpoint(op[1]) if op[0] == "close" else None
        answer = self.kernel.perform(op)
        seen = tuple(self.kernel.observe())
        orphans = self._look_at_orphans(op)
        observed_ns = self.kernel.looked_ns
        if self.epoch_ns is None:
            self._set_clock()
            assert self.epoch_ns is not None
        began = (observed_ns if op[0] == "pause" else self.kernel.began_ns) - self.epoch_ns
        ended = observed_ns - self.epoch_ns
        ports = self._new_port(op, answer)
        self.orphans = orphans
        tried, *more = self._follow(self.model, op, answer, seen, began, ended, ports)
        looks = 1
        for rest in self.kernel.rests_s:
            if tried.wrong is None or tried.answer != answer:
                break
            looks += 1
            time.sleep(rest)
            seen = tuple(self.kernel.observe())
            self.orphans = self._look_at_orphans(op)
            ended = self.kernel.looked_ns - self.epoch_ns
            if tried.arm is self.model:
                tried.wrong = self._compare(op, tried.arm, answer, tried.answer, seen, tried.seen)
                tried = self._fire_within(tried, op, answer, seen, ended)
            else:
                tried, *more = self._follow(self.model, op, answer, seen, began, ended, ports)
        if self.others:
            for other in self.others:
                more += self._follow(other, op, answer, seen, began, ended, ports)
            tried.asked = (*tried.asked, TIMER_HAS_FIRED)
        if more:
            tried = self._keep_others([tried, *more])
        else:
            self.others = []
        self.model = tried.arm
        self.model.host.policy = self.policy
        if self.place.pace is not None:
            for arm in (self.model, *self.others):
                take_trips(arm, self.kernel.trips_us)
        self.open.update(choice for choice in tried.asked if choice in LASTING)
        left = tried.wrong is not None and self._within_range(op, tried, answer, seen)
        if left:
            tried.wrong = None
            tried.asked = (*tried.asked, *(choice for choice in LASTING if choice in self.open))
        return Step(
            op,
            answer,
            tried.answer,
            seen,
            tried.seen,
            tried.arrows,
            tried.asked,
            tried.wrong,
            left,
            looks,
            tuple(tried.arm.fds),
        )

    def _set_clock(self) -> None:
        """The model's time begins with the tick in which the kernel's first call began, and with its count."""
        self.epoch_ns = self.kernel.began_ns // TICK_NS * TICK_NS
        self.model.host.first_tick = count_at(self.epoch_ns)

    def _keep_others(self, tried: list[_Tried]) -> _Tried:
        """The alternative to go on with: the first that agrees. The others that do are kept, as far as they differ."""
        agreeing = [each for each in tried if each.wrong is None] or tried[:1]
        different = {_will_report(each.arm.host): each for each in reversed(agreeing)}
        first = agreeing[0]
        self.others = [each.arm for each in different.values() if each is not first][:MOST_OTHERS]
        return first

    def _within_range(self, op: Operation, tried: _Tried, answer: Any, seen: tuple[Observation, ...]) -> bool:
        """Whether what differs lies in the range of a choice that this sequence has asked."""
        if not self.open:
            return False
        return only_amounts(op, tried, answer, seen) or only_drops(tried, answer, seen)

    def _new_port(self, op: Operation, answer: Any) -> list[int]:
        """The port that the kernel gave a socket in this step, if it gave one."""
        name = op[0]
        if name not in DRAWS_PORT:
            return []
        if self.model.endpoint(op[1]).holds_port:
            return []
        port = self.kernel.local_port(op[1])
        return [port] if port else []

    def _follow(
        self, arm: ModelArm, op: Operation, answer: Any, seen: tuple[Observation, ...], began: int, ended: int,
        ports: list[int],
    ) -> list[_Tried]:  # fmt: skip
        """What the model made of a step, beginning with `arm`; several if more than one alternative agrees and an epoll
        may tell them apart later.
        """
        host = arm.host
        host.trail.clear()
        deadline = host.next_deadline()
        if deadline is not None and deadline + TICK_NS + LATE_NS <= began:
            host.sleep_until(began - TICK_NS - LATE_NS)
            deadline = host.next_deadline()
        if deadline is None or deadline > ended:
            tried = self._try(arm, op, answer, seen, began, None, ports)
            return [self._fire_within(tried, op, answer, seen, ended)]
        first: _Tried | None = None
        agreeing: list[_Tried] = []
        due = host.due(ended)[:MOST_TIMERS]
        subsets = [fired for size in range(len(due) + 1) for fired in itertools.combinations(due, size)]
        for before, after in [(fired, ()) for fired in subsets] + [((), fired) for fired in subsets[1:]]:
            fork = arm.fork(host.fork(copy.copy(self.policy)))
            tried = self._try(fork, op, answer, seen, began, (before, after), ports)
            tried = self._fire_within(tried, op, answer, seen, ended)
            first = first or tried
            if tried.wrong is None:
                agreeing.append(tried)
                if not fork.host.epolls:
                    break
        assert first is not None
        return agreeing or [first]

    def _fire_within(
        self, tried: _Tried, op: Operation, answer: Any, seen: tuple[Observation, ...], ended: int
    ) -> _Tried:
        """A timer that this very step set may have fired before the kernel was observed: if so, let it."""
        host = tried.arm.host
        first = (tried.seen, tried.wrong)
        for _ in range(MOST_TIMERS):
            deadline = host.next_deadline()
            if tried.wrong is None or deadline is None or deadline > ended:
                break
            host.trail.clear()
            host.sleep_until(deadline)
            tried.arrows += tuple(host.trail)
            tried.asked += (TIMER_HAS_FIRED,)
            tried.seen = tuple(tried.arm.observe())
            tried.wrong = self._compare(op, tried.arm, answer, tried.answer, seen, tried.seen)
        if tried.wrong is not None:
            tried.seen, tried.wrong = first
        return tried

    def _try(
        self, arm: ModelArm, op: Operation, answer: Any, seen: tuple[Observation, ...], began: int,
        timers: tuple[Fired, Fired] | None, ports: list[int],
    ) -> _Tried:  # fmt: skip
        host = arm.host
        policy = host.policy
        assert isinstance(policy, Follow)
        policy.ports = list(ports)
        asked: tuple[Choice, ...] = ()
        if timers is not None:
            asked = (TIMER_HAS_FIRED,)
            host.fire_early(timers[0])
        host.now_ns = max(began, host.now_ns)  # a timer within the last step was let fire on its tick, which is later
        if isinstance(host, Host):
            host.ends_ns = self.kernel.ended_ns - (self.epoch_ns or 0)
            if self.place.pace is not None:
                took_ns = self.kernel.ended_ns - self.kernel.began_ns
                host.pace = stretched(self.place.pace, arm, op, took_ns).times(self.place.slower)
        arrows = list(host.trail)
        try:
            got = arm.perform(op)
        except ModelDefect as defect:
            return _Tried(arm, f"defect: {defect}", (), (), asked, (f"a rule ({defect})", _show(answer)))
        except Contradicted as wrong:
            return _Tried(arm, None, (), (), asked, (wrong.expected, wrong.seen))
        arrows += host.trail
        asked += tuple(choice for choice, *_ in host.asked if choice not in UNSEEN)
        if timers is not None and timers[1]:
            host.trail.clear()
            host.fire_early(timers[1])
            arrows += host.trail
        mine = tuple(arm.observe())
        wrong_pair = self._compare(op, arm, answer, got, seen, mine)
        return _Tried(arm, got, mine, tuple(arrows), asked, wrong_pair)

    def _compare(
        self, op: Operation, arm: ModelArm, answer: Any, got: Any, seen: tuple[Observation, ...],
        mine: tuple[Observation, ...],
    ) -> tuple[str, str] | None:  # fmt: skip
        if answer != got:
            return (f"{describe(op)} → {_show(got)}", _show(answer))
        if seen != mine:
            for number, theirs, ours in zip(arm.fds, seen, mine, strict=True):
                for field, a, b in zip(Observation._fields, theirs, ours, strict=True):
                    if a != b:
                        return (f"after {describe(op)}: {field} of s{number} is {b}", str(a))
        return self._compare_orphans(op, arm)

    def _compare_orphans(self, op: Operation, arm: ModelArm) -> tuple[str, str] | None:
        """The states of connections whose descriptor is gone."""
        for end in arm.host.endpoints.values():
            names = (end.local, end.remote)
            if names in self.orphans and isinstance(end, Tcb) and is_orphan(end):
                state, actual = int(end.state), self.orphans[names]
                if actual != state:
                    where = f"{end.local[1]} → {end.remote[1]}"
                    return (f"after {describe(op)}: the closed connection {where} is in state {state}", str(actual))
        return None

    def _look_at_orphans(self, op: Operation) -> dict[tuple[Address, Address], int | None]:
        """What the kernel has for each connection whose descriptor is gone, or goes with this step."""
        if self.diag is None:
            return {}
        closing = self.closing if op[0] == "close" else None
        ends = [e for e in self.model.host.endpoints.values() if isinstance(e, Tcb) and (is_orphan(e) or e is closing)]
        return {(e.local, e.remote): self.diag.state(e.local, e.remote) for e in ends if e.remote[1]}


def _will_report(host: Hosts) -> tuple[Any, ...]:
    """What the epolls of a host will be asked about, in order: all that a wake-up leaves behind."""
    return tuple((fd, tuple(epoll.ready)) for fd, epoll in host.epolls.items())


NEAR_MARK = 16 * PROFILE.buffer_overhead
"""How close to its mark for POLLOUT a send buffer must be for the bit to be a choice: the overhead of some buffers,
in bytes.
"""


def only_amounts(op: Operation, tried: _Tried, answer: Any, seen: tuple[Observation, ...]) -> bool:
    """Whether the arms differ in nothing but how much of a stream has moved.

    Then a send took another number of bytes, a recv gave more or fewer of the *same* bytes, or FIONREAD, TIOCOUTQ or
    drops of some socket differ; only together with such a difference may poll bits and states of TCP sockets differ
    too. Equal amounts and other poll bits are a contradiction, because that is what a lost wake-up looks like, unless
    the bit is POLLOUT and the send buffer is within a few buffers' overhead of its mark.
    """
    if tried.answer != answer and not _same_but_for_amount(op, tried.answer, answer):
        return False
    if len(seen) != len(tried.seen):
        return False
    pairs = [(a, b) for a, b in zip(seen, tried.seen, strict=True) if a != b]
    if not all(a.tcp_state and b.tcp_state for a, b in pairs):
        return False
    if any(a.fionread != b.fionread or a.outq != b.outq or a.drops != b.drops for a, b in pairs):
        return True
    if not pairs:
        return bool(tried.answer != answer)
    ends = [end for end, a, b in zip(tried.arm.sockets().values(), seen, tried.seen, strict=True) if a != b]
    near = all(isinstance(e, Tcb) and abs(e.sndbuf - e.wmem - (e.wmem >> 1)) <= NEAR_MARK for e in ends)
    return near and all(a.poll ^ b.poll == POLLOUT and a[1:] == b[1:] for a, b in pairs)


def only_drops(tried: _Tried, answer: Any, seen: tuple[Observation, ...]) -> bool:
    """Whether the arms differ in nothing but drops of TCP sockets.

    A tail loss probe that races the acknowledgement it asks for is counted as dropped where it arrives. Whether it
    was sent may not show before that socket is accepted, long after the timer was due.
    """
    if tried.answer != answer or len(seen) != len(tried.seen):
        return False
    return all(
        a == b or (a.tcp_state and a == b._replace(drops=a.drops)) for a, b in zip(seen, tried.seen, strict=True)
    )


def _same_but_for_amount(op: Operation, mine: Any, theirs: Any) -> bool:
    if isinstance(mine, str) and isinstance(theirs, str) and {mine, theirs} == {"EPIPE", "ECONNRESET"}:
        return True  # which error a reset leaves depends on whether the peer's FIN had come through before it
    if op[0] in ("send", "sendmore", "sendmsg", "sendurgent"):
        return all(isinstance(x, int) or x == "EAGAIN" for x in (mine, theirs))
    if op[0] in ("recv", "recvmsg"):
        mine, theirs = (b"" if x == "EAGAIN" else x[0] if isinstance(x, tuple) else x for x in (mine, theirs))
        if not isinstance(mine, bytes) or not isinstance(theirs, bytes) or mine == theirs:
            return False
        return mine.startswith(theirs) or theirs.startswith(mine)
    return op[0] in ("ioctl", "poll", "select")


def _show(value: Any) -> str:
    return value if isinstance(value, str) else show(value)
