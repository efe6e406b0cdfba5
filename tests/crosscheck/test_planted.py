"""It bites: planted faults are found, shrunk, and shown in a program of a dozen lines that runs on the kernel.

Each fault is one that people really make: a wrong error number, a move that is missing, a buffer off by one, a wake-up
of POLLOUT that is lost. The walk must find it within a bounded number of sequences; the program it prints must run
without this project and print what the kernel was seen to say.
"""

from __future__ import annotations

import errno
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from model.sockets.life import SOCKET
from model.tcp import arrival, memory
from model.tcp.block import Tcb
from model.tcp.machine import TCP
from model.udp import memory as udp_memory
from model.udp.machine import UdpSocket
from model.values.constants import WAKES_READERS, WAKES_WRITERS, TcpState
from model.values.results import Fail
from model.waiting import readiness
from model.waiting.interest import EPOLL, Item
from model.world.host import Host
from realnet.diag import Diag
from realnet.page import FreshPage
from wouldblock.crosscheck.report import Contradiction
from wouldblock.crosscheck.shrink import contradiction, shrunk
from wouldblock.crosscheck.walk import Walk

SEQUENCES = 2500
"""A lost wake-up shows in one sequence of three hundred."""


@contextmanager
def wrong_errno() -> Iterator[str]:
    """connect on a connected socket answers EINVAL."""
    undo = SOCKET.replace("connect_when_connected", body=lambda tcb, address, host: Fail(errno.EINVAL))
    yield "lives"
    undo()


@contextmanager
def missing_move() -> Iterator[str]:
    """A FIN does everything it should, but the connection stays ESTABLISHED."""
    undo = TCP.replace("fin_arrives", moves={TcpState.ESTABLISHED: TcpState.ESTABLISHED})
    yield "lives"
    undo()


@contextmanager
def off_by_one() -> Iterator[str]:
    """A reader that asks for less than there is gets one byte too many."""
    take = memory.take_received

    def greedy(tcb: Tcb, wanted: int, host: Host) -> bytes:
        return take(tcb, wanted + 1 if 0 < wanted < tcb.readable_bytes else wanted, host)

    memory.take_received = greedy
    yield "stream"
    memory.take_received = take


@contextmanager
def lost_wakeup() -> Iterator[str]:
    """Once a send buffer was full, poll says writable again only when it is empty."""
    condition = next(c for c in readiness.TCP_SOCKET if c.name == "room_to_send")
    holds = condition.holds

    full: set[int] = set()

    def late(tcb: Any) -> bool:
        if not tcb.wmem:
            full.discard(tcb.number)
        elif not holds(tcb):
            full.add(tcb.number)
        return holds(tcb) and tcb.number not in full

    condition.holds = late
    yield "stream"
    condition.holds = holds


@contextmanager
def lost_edge() -> Iterator[str]:
    """Bytes that arrive behind unread ones wake nobody."""
    said = arrival._wake_readers

    def only_the_first(tcb: Tcb, host: Any) -> None:
        tcb.has_news = False
        if tcb.fin_received or not tcb.received or tcb.received[0].length == tcb.readable_bytes:
            host.wake(tcb, WAKES_READERS)

    arrival._wake_readers = only_the_first
    yield "stream"
    arrival._wake_readers = said


@contextmanager
def unfair_report() -> Iterator[str]:
    """What was reported level-triggered goes to the front of the ready list, and starves the others."""

    def to_the_front(item: Item, bits: int, host: Any) -> None:
        ready = host.instances[item.owner].ready
        ready[item.key] = item
        ready.move_to_end(item.key, last=False)

    undo = EPOLL.replace("level_is_reported", body=to_the_front)
    yield "stream"
    undo()


@contextmanager
def quiet_datagram() -> Iterator[str]:
    """A datagram that leaves wakes no writer, as if UDP were like TCP."""
    wake = Host.wake
    Host.wake = lambda self, end, bits: wake(self, end, bits) if bits != WAKES_WRITERS else None  # type: ignore[method-assign]
    yield "udp"
    Host.wake = wake  # type: ignore[method-assign]


@contextmanager
def no_byte_kept() -> Iterator[str]:
    """A receive buffer that is empty has nothing reserved, as TCP's."""
    release = udp_memory._release

    def all_of_it(udp: UdpSocket, host: Host) -> None:
        release(udp, host)
        udp.reserved %= host.profile.page

    udp_memory._release = all_of_it
    yield "udp"
    udp_memory._release = release


FAULTS = [wrong_errno, missing_move, off_by_one, lost_wakeup, lost_edge, unfair_report, quiet_datagram, no_byte_kept]


def find(fault: Callable[[], Any], diag: Diag, page: FreshPage) -> Contradiction:
    """The first contradiction that the walk finds under a fault."""
    with fault() as family:
        run = Walk(1, diag, page)
        for number in range(SEQUENCES):
            steps = run.sequence(number, family=family)
            if steps and steps[-1].wrong is not None:
                return contradiction(shrunk(steps, run), 1, number)
    raise AssertionError(f"{fault.__name__} was not found in {SEQUENCES} sequences")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_planted_fault_is_found(fault: Callable[[], Any], diag: Diag, page: FreshPage) -> None:
    found = find(fault, diag, page)
    assert len(found.program.strip().splitlines()) <= 12, found.program
    assert "model" not in {
        line.split()[1] for line in found.program.splitlines() if line.startswith(("import", "from"))
    }
    result = subprocess.run(
        [sys.executable, "-I", "-c", found.program], capture_output=True, text=True, timeout=30, check=False
    )
    assert result.returncode == 0, result.stderr + found.program
    assert result.stdout.strip() == found.seen, found.program


def test_a_fault_leaves_no_trace() -> None:
    """The faults of this file are taken back: the rules are the ones declared."""
    for fault in FAULTS:
        with fault():
            pass
    assert TCP.rules["fin_arrives"].moves == {TcpState.ESTABLISHED: TcpState.CLOSE_WAIT}
    assert memory.take_received.__name__ == "take_received"
