"""Senders that meet would-block: one spins and tries again at once, one waits with poll, one blocks.

There is no room because somebody else is slow, and how slow does not hang on the sender. A UDP sender on loopback never
meets would-block, since its datagrams are its receiver's before the call is over; so it sends through a device that
lets out `DEVICE_RATE` bytes a second. A TCP sender writes to a reader that takes what is there every `READS_EVERY_S`.

So each way takes the same time and does the same work; what differs is how often the sender asks in vain.

On a pinned processor the slow reader is urgent, or a sender that spins would never let it run.

Besides what programs.py says, a net here has `make_urgent()`, and `device(rate)`, a context that gives a UDP socket and
the address of a receiver behind such a device.

Not here: which wake-ups a sender gets (model/waiting/sleeping.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

WAYS = ("spin", "poll", "block")
DEVICE_RATE, DATAGRAM = 2_000_000, bytes(1000)
PORTION, READS_EVERY_S, READS = bytes(100_000), 0.002, 1_000_000
_ADDRESS = ("127.0.0.1", 4712)


def datagrams(net: Any, way: str, number: int) -> int:
    """So many datagrams go out through a slow device; how often the sender asked in vain."""
    with net.device(DEVICE_RATE) as (sock, receiver):
        sock.setsockopt(net.socket.SOL_SOCKET, net.socket.SO_SNDBUF, 0)  # the least there is
        trier = _Trier(net, sock, way)
        with net.counting():
            for _ in range(number):
                trier.succeed(lambda: sock.sendto(DATAGRAM, receiver))
    return trier.in_vain


def stream(net: Any, way: str, number: int) -> int:
    """So many portions go to a slow reader, and what is taken beyond; how often the sender asked in vain."""
    with net.socket.create_server(_ADDRESS) as listener:
        sock = net.socket.create_connection(_ADDRESS)
        other, _ = listener.accept()
    thread = net.start(_read_slowly, net, other)
    trier, sent = _Trier(net, sock, way), 0
    with net.counting():
        while sent < number * len(PORTION):
            sent += trier.succeed(lambda: sock.send(PORTION))
    sock.close()
    thread.join()
    other.close()
    return trier.in_vain


class _Trier:
    """Makes a call until it succeeds, in one of the ways."""

    def __init__(self, net: Any, sock: Any, way: str) -> None:
        self.in_vain = 0
        self._waits = way == "poll"
        self._poller = net.select.poll()
        self._poller.register(sock, net.select.POLLOUT)
        sock.setblocking(way == "block")

    def succeed(self, call: Callable[[], int]) -> int:
        while True:
            try:
                return call()
            except BlockingIOError:
                self.in_vain += 1
                if self._waits:
                    self._poller.poll()


def _read_slowly(net: Any, sock: Any) -> None:
    net.make_urgent()
    while sock.recv(READS):
        net.time.sleep(READS_EVERY_S)
