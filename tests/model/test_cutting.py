"""What is unacknowledged may be cut to be sent again, but not for any price.

Not here: where it is cut (test_recovery.py).
"""

from __future__ import annotations

import pytest

from model.choices import Seeded
from model.profiles import LINUX
from model.tcp.block import OutBuffer, Tcb
from model.tcp.resending import may_not_be_cut, send_again
from model.world.host import Host

SNDBUF = 10_000
MOST = 2 * (SNDBUF + 2 * 66_112)
"""What a socket with this send buffer may be charged with before nothing is cut any more, in bytes."""


@pytest.fixture
def host() -> Host:
    return Host("lo", LINUX, Seeded(0))


@pytest.fixture
def tcb(host: Host) -> Tcb:
    """Three long buffers are unacknowledged."""
    tcb = host.new_tcb()
    tcb.sndbuf, tcb.mss, tcb.snd_una, tcb.snd_wnd = SNDBUF, 1448, 1, 1 << 20
    tcb.unacked.extend(OutBuffer(number, 1 + number * 5000, bytearray(5000)) for number in range(3))
    return tcb


@pytest.mark.parametrize(("charged", "refused"), [(MOST, [False] * 3), (MOST + 2, [False, True, False])])
def test_only_the_first_and_the_last_are_cut_in_a_buffer_that_holds_far_too_much(
    tcb: Tcb, host: Host, charged: int, refused: list[bool]
) -> None:
    tcb.wmem = charged
    assert [may_not_be_cut(tcb, buffer, host) for buffer in tcb.unacked] == refused


def test_what_is_not_cut_is_not_sent(tcb: Tcb, host: Host) -> None:
    tcb.wmem = MOST + 2
    assert not send_again(tcb, tcb.unacked[1], 1, host)
    assert ([len(buffer.data) for buffer in tcb.unacked], tcb.resent, tcb.wmem) == ([5000] * 3, 0, MOST + 2)
