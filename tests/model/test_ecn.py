"""Explicit congestion notification between two hosts: what is marked, echoed and told, and that nothing is lost for it.

What single segments carry is compared with the kernel in tests/scripts/ecn_*.pkt.

Not here: marks among losses and other mishaps (test_wires.py).
"""

from __future__ import annotations

import attrs
import pytest

from model import SimNet
from model.profiles import LINUX
from model.tcp.block import Tcb
from model.trace import WireEvent
from model.values.constants import Ecn, TcpFlag
from model.values.segments import Datagram, Segment
from model.world.wire import MARK, PASS, Fate, Passing, with_mark
from model.world.world import World

from .test_loss import Pair, pattern

ECE, CWR, SYN = int(TcpFlag.ECE), int(TcpFlag.CWR), int(TcpFlag.SYN)
ASKS = attrs.evolve(LINUX, ecn=1)
SIZE = 300_000


class Marked(Pair):
    """A pair of which the near end sends, and asks for ECN if `near` does."""

    near_profile = ASKS
    far_profile = LINUX

    def make_world(self, seed: int) -> World:
        world = World(seed=seed, profile=self.near_profile)
        world.add_host("b", self.far_profile)
        self.sent: list[Segment] = []
        return world

    def watch(self, fate: Fate, at: int) -> None:
        """Let the packet with this number from the near end meet that fate."""

        def judge(passing: Passing) -> Fate:
            assert isinstance(passing.packet, Segment)
            self.sent.append(passing.packet)
            return fate if passing.source == "lo" and passing.number == at else PASS

        self.world.wire.judge = judge

    @property
    def sender(self) -> Tcb:
        end = self.near.host.descriptors[self.near.fd]
        assert isinstance(end, Tcb)
        return end


def moved(pair: Marked, fate: Fate, at: int = 8) -> Marked:
    pair.watch(fate, at)
    pair.run()
    assert pair.far is not None
    assert bytes(pair.far.got) == pair.near.data
    return pair


def test_a_mark_reduces_the_window_and_loses_nothing() -> None:
    pair = moved(Marked((pattern(SIZE, 1), b""), delay_ns=5_000_000), MARK)
    ours = [segment for segment in pair.sent if segment.src == pair.sender.local]
    theirs = [segment for segment in pair.sent if segment.dst == pair.sender.local]
    echoes = [segment for segment in theirs if segment.flags & ECE and not segment.flags & SYN]
    told = [segment for segment in ours if segment.flags & CWR and not segment.flags & SYN]
    assert echoes, "the mark is echoed"
    assert len(told) == 1, "and the reduction told, once"
    assert not any(segment.flags & ECE for segment in theirs if segment.ack > told[0].end), "which ends the echo"
    assert pair.sender.ssthresh < SIZE
    assert pair.sender.resent == 0, "nothing was sent again"
    assert all((segment.ecn is Ecn.ECT_0) == bool(segment.data) for segment in ours)
    assert all(segment.ecn is Ecn.NOT_ECT for segment in theirs)


def test_without_a_mark_nothing_is_told() -> None:
    pair = moved(Marked((pattern(SIZE, 1), b""), delay_ns=5_000_000), PASS)
    assert not any(segment.flags & (ECE | CWR) for segment in pair.sent if not segment.flags & SYN)


@pytest.mark.parametrize(("near", "far"), [(2, 2), (0, 1), (2, 1), (1, 0)])
def test_both_ends_have_to_want_it(near: int, far: int) -> None:
    """0 is never, 1 asks, 2 only answers: here nobody asks, or nobody answers."""

    class Unwilling(Marked):
        near_profile, far_profile = attrs.evolve(LINUX, ecn=near), attrs.evolve(LINUX, ecn=far)

    pair = moved(Unwilling((pattern(SIZE, 1), b""), delay_ns=5_000_000), MARK)
    assert not any(segment.ecn for segment in pair.sent)
    assert not any(segment.flags & (ECE | CWR) for segment in pair.sent if not segment.flags & SYN)
    assert not pair.sender.ecn


def test_only_what_would_understand_is_marked() -> None:
    plain = Segment(("10.0.0.1", 1), ("10.0.0.2", 2), 1, 1, int(TcpFlag.ACK), 100, b"x")
    assert with_mark(plain) is plain
    marked = with_mark(attrs.evolve(plain, ecn=Ecn.ECT_1))
    assert isinstance(marked, Segment)
    assert marked.ecn is Ecn.CE
    datagram = Datagram(plain.src, plain.dst, b"x")
    assert with_mark(datagram) is datagram


def test_a_trace_shows_marks_and_flags() -> None:
    with SimNet(profile=ASKS) as net:
        b = net.host("b")
        net.wire.judge = lambda passing: net.wire.MARK
        listener = b.socket.create_server((b.address, 80))
        client = net.socket.create_connection((b.address, 80))
        server, _ = listener.accept()
        client.sendall(b"marked")
        assert server.recv(100) == b"marked"
        server.sendall(b"heard")
        assert client.recv(100) == b"heard"
        sent = [event.text.partition(": ")[2] for event in net.trace.events if isinstance(event, WireEvent)]
    shown = [" ".join(line.split()[:3]) for line in dict.fromkeys(sent)]
    assert shown[:2] == ["SEW 0:1(0) win", "SE. 0:1(0) ack"], shown
    assert any(line.startswith("[ect0] P. 1:7(6)") for line in shown), shown
    assert any(line.startswith("[ect0] PE. 1:6(5)") for line in shown), shown
