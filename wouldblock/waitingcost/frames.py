"""A loop with a beat, as a game's main thread has it: sixty frames a second, and in each a look at a socket.

A peer says something ten times a second. With a blocking socket the look does not return before it does, and the loop
has the peer's beat instead of its own.

Not here: what else a frame does.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import attrs

FRAME_S, LASTS_S = 1 / 60, 1.0
SPEAKS_EVERY_S, SPEAKS = 0.1, 11
_FIRST_S = 0.05
_ADDRESS, _SIZE = ("127.0.0.1", 4714), 16


@attrs.frozen
class Beat:
    """What a second of frames was like."""

    frames: int
    longest_ms: float
    """The longest time from the beginning of one frame to that of the next, in milliseconds."""
    messages: int


def second(net: Any, *, blocking: bool) -> Beat:
    """Run the loop for a second."""
    with net.socket.create_server(_ADDRESS) as listener:
        near = net.socket.create_connection(_ADDRESS)
        far, _ = listener.accept()
    far.setblocking(blocking)
    thread = net.start(_speak, net, near)
    clock, messages, starts = net.time.monotonic, 0, []
    began = due = clock()
    while clock() - began < LASTS_S:
        starts.append(clock())
        try:
            messages += len(far.recv(_SIZE)) > 0
        except BlockingIOError:
            pass
        due += FRAME_S
        net.time.sleep(max(0, due - clock()))
    starts.append(clock())
    thread.join()
    near.close()
    far.close()
    longest = max(after - before for before, after in pairwise(starts))
    return Beat(len(starts) - 1, round(longest * 1000, 1), messages)


def _speak(net: Any, sock: Any) -> None:
    net.time.sleep(_FIRST_S)
    for _ in range(SPEAKS):
        sock.send(b"m" * _SIZE)
        net.time.sleep(SPEAKS_EVERY_S)
