"""What an epoll loop costs with many sockets watched and one ready: it should follow the number that are ready.

A datagram is sent to one of the watched sockets, the epoll reports it, and it is read: in turns with ten, a thousand
and more of them registered. On the kernel there are as many as the limit on open files allows.

Not here: poll and select, which cost what is asked for (calls.py has one socket).
"""

from __future__ import annotations

import resource
import select
import socket
from contextlib import ExitStack
from statistics import median
from typing import Any

from model.values.constants import AF_INET, EPOLL_CTL_ADD, EPOLLIN, SOCK_DGRAM
from model.values.results import Done
from model.world.host import Host
from model.world.world import World

from .rounds import Batch, Effort, Loop, Row, in_turns, ratio

SECTION = "an epoll loop, one socket ready"
HOME, FEW, MANY, SPARE = "127.0.0.1", 10, 1000, 100


def measure(effort: Effort) -> list[Row]:
    """A row for each arm and number of sockets, against the same arm with ten. To be called inside a namespace."""
    room = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - SPARE
    numbers = sorted({FEW, MANY, effort.connections})
    on_kernel = sorted({FEW, *(min(number, (room - FEW) // 2) for number in numbers)})
    with ExitStack() as stack:
        loops: dict[tuple[str, int], Loop] = {("kernel", number): _real(number, stack) for number in on_kernel}
        loops.update((("model, host.call", number), _modelled(World().host, number)) for number in numbers)
        found = in_turns(
            effort.rounds, {f"{arm}/{number}": Batch(loop, effort.turn_ns) for (arm, number), loop in loops.items()}
        )
    return [_row(arm, number, found) for arm, number in loops]


def _row(arm: str, number: int, found: dict[str, list[float]]) -> Row:
    times = found[f"{arm}/{number}"]
    what = f"sendto, epoll_wait and recv of a datagram, {number:,} sockets watched"
    if number == FEW:
        return Row(SECTION, what, arm, median(times) / 1000, "µs")
    compared = ratio(times, found[f"{arm}/{FEW}"])
    return Row(SECTION, what, arm, median(times) / 1000, "µs", compared, f"time with {FEW}")


def _real(number: int, stack: ExitStack) -> Loop:
    epoll = stack.enter_context(select.epoll())
    socks = [stack.enter_context(socket.socket(type=socket.SOCK_DGRAM)) for _ in range(number)]
    for sock in socks:
        sock.bind((HOME, 0))
        epoll.register(sock, select.EPOLLIN)
    last = socks[-1]
    address = last.getsockname()

    def loop(times: int) -> None:
        for _ in range(times):
            last.sendto(b"x", address)
            epoll.poll(0)
            last.recv(10)

    return loop


def _modelled(host: Host, number: int) -> Loop:
    def done(name: str, *args: object) -> Any:
        answer = host.call(name, *args)
        assert isinstance(answer, Done), answer
        return answer.value

    epoll = done("epoll_create1", 0)
    fd = 0
    for _ in range(number):
        fd = done("socket", AF_INET, SOCK_DGRAM, 0)
        done("bind", fd, (HOME, 0))
        done("epoll_ctl", epoll, EPOLL_CTL_ADD, fd, EPOLLIN)
    address = done("getsockname", fd)
    call = host.call

    def loop(times: int) -> None:
        for _ in range(times):
            call("sendto", fd, b"x", 0, address)
            call("epoll_wait", epoll, 100)
            call("recv", fd, 10, 0)

    return loop
