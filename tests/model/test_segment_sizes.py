"""What a receiver learns of the size of its peer's segments.

Not here: what follows for acknowledgements and windows (test_tcp_windows.py).
"""

from __future__ import annotations

import pytest

from model.choices import Seeded
from model.profiles import LINUX
from model.tcp.block import Tcb
from model.tcp.windows import note_segment_size
from model.values.constants import TcpFlag
from model.values.segments import Run, Segment
from model.world.host import Host

FULL, SHORT = 1448, 1436
ACK, PSH, FIN = int(TcpFlag.ACK), int(TcpFlag.PSH), int(TcpFlag.FIN)


@pytest.fixture
def receiver() -> Tcb:
    return Tcb(1, rcv_mss=FULL, advertised_mss=1460, option_bytes=12, rcvbuf=131_072)


def arrive(tcb: Tcb, size: int, flags: int = ACK, sack: tuple[Run, ...] = ()) -> None:
    data = bytes(size)
    segment = Segment(tcb.remote, tcb.local, 1, 1, flags, 0, data, sack=sack, truesize=LINUX.buffer_overhead + size)
    note_segment_size(tcb, segment, LINUX)


def test_two_shorter_ones_alike_are_the_new_size(receiver: Tcb) -> None:
    for expected in (FULL, SHORT):
        arrive(receiver, SHORT)
        assert receiver.rcv_mss == expected


def test_room_that_sack_blocks_take_makes_no_segment_shorter(receiver: Tcb) -> None:
    for _ in range(2):
        arrive(receiver, SHORT, sack=((5, 6),))
        assert receiver.rcv_mss == FULL
    arrive(receiver, FULL)
    assert receiver.window_ratio == 128  # as it was: the size has not changed


@pytest.mark.parametrize(("flag", "size"), [(0, 100), (PSH, FULL), (FIN, FULL)])
def test_what_ends_a_write_or_the_stream_need_not_be_full(receiver: Tcb, flag: int, size: int) -> None:
    for _ in range(2):
        arrive(receiver, 100, ACK | flag)
    assert receiver.rcv_mss == size


def test_a_child_begins_with_the_share_of_payload_that_its_listener_measured() -> None:
    """The listener may have been a connection before."""
    host = Host("lo", LINUX, Seeded(0))
    listener = host.new_tcb()
    arrive(listener, FULL)
    assert listener.window_ratio != LINUX.window_ratio
    syn = Segment(("127.0.0.1", 1), ("127.0.0.1", 2), 1, 0, int(TcpFlag.SYN), 65_535)
    assert host.new_child(listener, syn).window_ratio == listener.window_ratio
