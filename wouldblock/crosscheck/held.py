"""The cross-check of a sender whose device holds packets back: random sequences on both arms, equal at every step.

The sockets are those of one host, as in the family "udp". Beside each other they reach a further host, through a device
that sends what its bucket holds and then nothing more (realnet/held.py, model/world/device.py). There one socket
receives, and what it shows is compared as well: so what is lost, what becomes whole and what it is charged with.

Operations are those of the family, and four more: ``("renew", burst, limit)`` throws away what waits in the device and
fills the bucket, ``("drain", size)`` receives on the other host, ``("farbuf", size)`` sets its receive buffer, and
``("far", port)`` is an address there.

Each sequence is played three times on the kernel; the model must show the same if all three did.

Not here: timers, of which UDP has none; TCP through such a device.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import attrs
import click

from model import machines  # noqa: F401  # a rule is there once its file is imported
from model.choices import Seeded
from model.profiles import LINUX
from model.rules import Arrow
from model.udp.machine import UdpSocket
from model.values.constants import (
    AF_INET,
    EPOLLET,
    EPOLLIN,
    EPOLLONESHOT,
    EPOLLOUT,
    IP_MTU_DISCOVER,
    IP_RECVERR,
    IPPROTO_IP,
    SO_RCVBUF,
    SO_SNDBUF,
    SOCK_DGRAM,
    SOL_SOCKET,
)
from model.values.observation import Observation
from model.values.results import Answer, show
from model.world.device import Device
from model.world.host import Host
from realnet import Namespace, NamespaceRefused
from realnet.held import BYTES_PER_SECOND, FAR, MTU, NEAR, HeldDevice
from realnet.observe import Observer

from .arms import DRAWS_PORT, KernelArm, ModelArm
from .operations import BUFFERS, CLOSED_PORT, DATAGRAM, LONGEST_DATAGRAM, Draw, Operation, describe, next_operation
from .pair import Follow

OWN = ("renew", "drain", "farbuf")
"""Operations that are made on no socket of the host."""
SINK = ("far", 9)
BURSTS = (1514, 1514, 2000, 2000, 5000, 30_000)
LIMITS = (500, 3000, 10_000, 50_000, 400_000, 1_000_000, 1_000_000)
_SENDS = ("sendto", "sendmoreto", "connect")
WATCHED = (EPOLLOUT | EPOLLET, EPOLLIN | EPOLLOUT | EPOLLET, EPOLLIN | EPOLLOUT, EPOLLOUT | EPOLLET | EPOLLONESHOT)
FAR_READS = (1, 100, 1500, 70_000)

Shown = tuple[Any, tuple[Observation, ...]]


class HeldKernel(KernelArm):
    """Operations on the kernel's sockets, and on the one of the other host."""

    def __init__(self, device: HeldDevice) -> None:
        super().__init__(NEAR)
        self.device = device
        self.sink = device.far()
        self.sink.bind((FAR, SINK[1]))
        self.sink.setblocking(False)
        self.beyond = Observer()
        self.beyond.add(self.sink)

    def observe(self) -> list[Observation]:
        return [*super().observe(), *self.beyond.observe()]

    def close(self) -> None:
        super().close()
        self.sink.close()

    def _address(self, n: int, symbolic: tuple[str, int], *, own: bool = False) -> tuple[str, int]:
        return (FAR, symbolic[1]) if symbolic[0] == "far" else super()._address(n, symbolic)

    def _renew(self, burst: int, limit: int) -> None:
        self.device.renew(burst, limit)
        self.began_ns = time.monotonic_ns()

    def _drain(self, size: int) -> Any:
        return self.sink.recvfrom(size)

    def _farbuf(self, size: int) -> None:
        self.sink.setsockopt(SOL_SOCKET, SO_RCVBUF, size)


class HeldModel(ModelArm):
    """The same operations on two hosts of the model."""

    host: Host

    def __init__(self, policy: Follow) -> None:
        near, far = Host("near", LINUX, policy), Host("far", LINUX, Seeded(0))
        for host, own, other in ((near, NEAR, far), (far, FAR, near)):
            host.addresses, host.network = (own,), own.rpartition(".")[0] + "."
            host.link, host.path_mtu = other.receive, lambda ip: MTU
        super().__init__(NEAR, near)
        self.far = far
        self.sink = self._value(far.call("socket", AF_INET, SOCK_DGRAM, 0))
        far.call("bind", self.sink, (FAR, SINK[1]))
        far.call("setblocking", self.sink, False)

    def observe(self) -> list[Observation]:
        return [*super().observe(), self.far.observe(self.sink)]

    def _address(self, n: int, symbolic: tuple[str, int], *, own: bool = False) -> tuple[str, int]:
        return (FAR, symbolic[1]) if symbolic[0] == "far" else super()._address(n, symbolic)

    def _renew(self, burst: int, limit: int) -> None:
        self.host.trail.clear()
        self.host.purge_device()
        self.host.device = Device(8 * BYTES_PER_SECOND, burst, limit, left_ns=self.host.now_ns)

    def _drain(self, size: int) -> Answer:
        return self.far.call("recvfrom", self.sink, size, 0)

    def _farbuf(self, size: int) -> Answer:
        return self.far.call("setsockopt", self.sink, SOL_SOCKET, SO_RCVBUF, size)


def _size(draw: Draw) -> int:
    """Mostly small: large ones are over at once."""
    return draw(LONGEST_DATAGRAM // 8) >> draw(12)


def _keeps_note(model: HeldModel, number: int) -> bool:
    """Whether a send with an address would be noted by a socket whose notes stay on this host."""
    end = model.endpoint(number)
    return number % 2 == 0 and isinstance(end, UdpSocket) and end.wants_cork


def operations(draw: Draw) -> Callable[[HeldModel], Operation]:
    """A source of operations for one sequence. Half of the sequences want to hear of what the device drops; those send
    no long datagrams, which would provoke reports by themselves, and fill the receive buffer with them.

    What a socket notes of a way (udp/sending.py, `settle`) leads to the other host for every second socket, and stays
    here for the others: a note of one way with the route of the other sends packets to neighbours that nobody knows.
    And 65,508 bytes are not sent: with IP_PMTUDISC_INTERFACE loopback takes them, of which nothing can arrive. Messages
    with ancillary data are for the walk on loopback.
    """
    hears = draw(2) == 1
    first: list[Operation] = [
        ("renew", BURSTS[draw(len(BURSTS))], LIMITS[1 + draw(len(LIMITS) - 1)]), ("udp",), ("bind", 1, ("home", 0)),
        ("setsockopt", 1, SOL_SOCKET, SO_SNDBUF, BUFFERS[draw(6)]), ("connect", 1, SINK), ("udp",),
    ]  # fmt: skip
    if draw(2):
        watched = [("add_to", 1, ("of", n), WATCHED[draw(len(WATCHED))]) for n in (1, 2)]
        first += [("epoll",), *watched]
    first.reverse()

    def draw_next(model: HeldModel) -> Operation:
        if first:
            return first.pop()
        pick = draw(40)
        numbers = sorted(model.fds)
        if not (pick and numbers):
            return ("renew", BURSTS[draw(len(BURSTS))], LIMITS[draw(len(LIMITS))]) if numbers else ("udp",)
        if pick < 5:
            return ("drain", FAR_READS[draw(len(FAR_READS))])
        if pick == 5:
            return ("farbuf", BUFFERS[draw(len(BUFFERS))])
        number = numbers[draw(len(numbers))]
        if pick > 23 and not _keeps_note(model, number):
            return ("sendto", number, _size(draw), SINK)
        if pick > 21:
            return ("setsockopt", number, SOL_SOCKET, SO_SNDBUF, BUFFERS[draw(6)])
        if pick == 6:
            if hears:
                return ("setsockopt", number, IPPROTO_IP, IP_RECVERR, draw(2))
            return ("setsockopt", number, IPPROTO_IP, IP_MTU_DISCOVER, draw(6))
        op = next_operation(DATAGRAM, model.sockets(), model.host, draw)
        if op[0] == "sendmsg" or op[2:4] == (IPPROTO_IP, IP_RECVERR):
            return ("poll",)
        if op[0] in _SENDS:
            end = model.endpoint(op[1])
            assert isinstance(end, UdpSocket)
            notes = op[0] != "sendto" or end.wants_cork
            if (op[1] % 2 if notes else draw(3)) or (hears and op[-1] == ("home", CLOSED_PORT) and not notes):
                op = (*op[:-1], SINK)
        if op[0] in (*_SENDS, "send", "sendmore") and op[2] == LONGEST_DATAGRAM + 1:
            op = (*op[:2], op[2] + 1, *op[3:])
        if hears and op[0] in ("send", "sendmore", *_SENDS[:2]):
            op = (*op[:2], min(op[2], LONGEST_DATAGRAM // 8), *op[3:])
        return op

    return draw_next


@attrs.frozen
class Played:
    """A sequence as it went: what both arms showed after each step, and what differed first, if anything did."""

    operations: list[Operation]
    shown: list[Shown]
    arrows: list[tuple[Arrow, ...]]
    wrong: str

    def text(self) -> str:
        """One line for each step."""
        lines = [
            f"{described(op)} → {_show(answer)}" for op, (answer, _) in zip(self.operations, self.shown, strict=True)
        ]
        return "\n".join([*lines, self.wrong])


def play(device: HeldDevice, source: Callable[[HeldModel], Operation | None], length: int) -> Played:
    """Play up to `length` operations on both arms, until they differ or `source` has none left."""
    policy = Follow(0)
    kernel, model = HeldKernel(device), HeldModel(policy)
    played = Played([], [], [], "")
    epoch_ns = time.monotonic_ns()
    try:
        while len(played.operations) < length and not played.wrong:
            op = source(model)
            if op is None:
                break
            if op[0] not in OWN and not model.has_all(op):
                continue
            answer, seen = kernel.perform(op), tuple(kernel.observe())
            drawn = op[0] in DRAWS_PORT and not model.endpoint(op[1]).holds_port and kernel.local_port(op[1])
            policy.ports = [drawn] if drawn else []
            model.far.trail.clear()
            model.host.now_ns = model.far.now_ns = kernel.began_ns - epoch_ns
            got = model.perform(op)
            mine = tuple(model.observe())
            played.operations.append(op)
            played.shown.append((answer, seen))
            played.arrows.append((*model.host.trail, *model.far.trail))
            if (answer, seen) != (got, mine):
                played = attrs.evolve(played, wrong=_difference(op, answer, got, seen, mine))
    finally:
        kernel.close()
    return played


def described(op: Operation) -> str:
    """One short line."""
    return f"{op[0]}({', '.join(map(str, op[1:]))})" if op[0] in OWN else describe(op)


def _difference(
    op: Operation, answer: Any, got: Any, seen: tuple[Observation, ...], mine: tuple[Observation, ...]
) -> str:
    if answer != got:
        return f"{described(op)}: the model says {_show(got)}, the kernel {_show(answer)}"
    pairs = zip(seen, mine, strict=True)
    at, theirs, ours = next((at, a, b) for at, (a, b) in enumerate(pairs, 1) if a != b)
    who = "the other host" if at == len(seen) else f"socket {at} of {len(seen) - 1}"
    fields = zip(Observation._fields, theirs, ours, strict=True)
    return f"after {described(op)}, {who}: " + ", ".join(f"{f} is {a}, not {b}" for f, a, b in fields if a != b)


def _show(value: Any) -> str:
    return value if isinstance(value, str) else show(value)


@attrs.define
class Agreement:
    """How many sequences were played, how many of them the kernel showed three times alike, and how many of those the
    model shows too; of the others, what differed first.
    """

    played: int = 0
    repeated: int = 0
    equal: int = 0
    different: list[Played] = attrs.Factory(list)


def agree(device: HeldDevice, seed: int, numbers: range, length: int) -> Agreement:
    """Play the sequences of these numbers, each three times; the numbers of one seed are always the same sequences."""
    found = Agreement()
    for number in numbers:
        first = play(device, operations(random.Random(f"{seed}/{number}/held").randrange), length)
        found.played += 1
        if not all(_kernel_again(device, first) for _ in range(2)):
            continue
        found.repeated += 1
        if first.wrong:
            found.different.append(first)
        else:
            found.equal += 1
    return found


def _kernel_again(device: HeldDevice, first: Played) -> bool:
    again = play(device, _replayed(first.operations), len(first.operations))
    return _without_ports(again.shown) == _without_ports(first.shown)


def _replayed(row: list[Operation]) -> Callable[[HeldModel], Operation | None]:
    left = iter(row)
    return lambda model: next(left, None)


def _without_ports(shown: list[Shown]) -> list[Shown]:
    """Answers without the ports that the system drew."""
    return [(_unnamed(answer), seen) for answer, seen in shown]


def _unnamed(answer: Any) -> Any:
    match answer:
        case (str(ip), int(port)):
            return (ip, port if port < LINUX.ephemeral_ports[0] else "drawn")
        case tuple() | list():
            return [_unnamed(item) for item in answer]
    return answer


def shrunk(device: HeldDevice, played: Played) -> Played:
    """The same with the operations left out that it does not need to differ."""
    best, at, kept = played, 1, 0  # without the first, the device is that of another sequence
    while kept < len(best.operations) - 1:  # until none of them can go: what is needed may change with the others
        fewer = play(device, _replayed([*best.operations[:at], *best.operations[at + 1 :]]), len(best.operations))
        if fewer.wrong:
            best, kept = fewer, 0
        else:
            at, kept = at + 1, kept + 1
        at = at if at < len(best.operations) else 1
    return best


@click.command()
@click.option("--sequences", default=200, show_default=True, type=click.IntRange(1), help="How many are played.")
@click.option("--length", default=60, show_default=True, type=click.IntRange(1), help="Calls of a sequence.")
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0), help="The seed of everything random.")
def main(sequences: int, length: int, seed: int) -> None:
    """Random sequences of UDP calls on a host whose device holds packets back, on the model and on the kernel.

    Example: python -m wouldblock.crosscheck.held --sequences 1000 --length 200
    """
    try:
        with Namespace(), HeldDevice() as device:
            found = agree(device, seed, range(sequences), length)
            for each in found.different[:1]:
                click.echo(shrunk(device, each).text())
    except NamespaceRefused as refused:
        raise click.UsageError(str(refused)) from refused
    except OSError as refused:
        raise click.UsageError(f"the kernel makes no device that holds packets back: {refused}") from refused
    click.echo(
        f"Of {found.played} sequences of {length} calls (seed {seed}) the kernel showed {found.repeated} the same way "
        f"three times, and the model shows {found.equal} of these as the kernel does."
    )
    raise SystemExit(int(bool(found.different)))


if __name__ == "__main__":
    main()
