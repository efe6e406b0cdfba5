"""sendmsg, recvmsg and the error queue, through the standard library's interface on both arms: every call, its
arguments and its answer are the same, and so is what can be seen of the sockets after it.

Not here: arguments that are refused before the kernel is asked (test_arguments.py); errors that come from a wire
(tests/icmp).
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable
from typing import Any

import pytest

from model import SimNet
from realnet import NamespaceRefused, RealNet

from .test_two_arms import CLIENT, SERVER, complaint, lines, pair

NOBODY, NEITHER = ("127.0.0.1", 9), ("127.0.0.2", 10)
IP, RECVERR, DISCOVER, DO, WANT = 0, 11, 10, 2, 1
PEEK, TRUNC, DONTWAIT, ERRQUEUE, MORE = 0x2, 0x20, 0x40, 0x2000, 0x8000
ROOM = 100
Keep = Callable[[Any], Any]
"""Gives a socket back that is closed when the scenario is over."""
TOO_LONG = bytes(65_508)


def datagrams(net: Any, keep: Keep) -> tuple[Any, Any]:
    a, b = (keep(net.socket.socket(type=net.socket.SOCK_DGRAM)) for _ in range(2))
    a.bind(SERVER)
    b.bind(CLIENT)
    for sock in (a, b):
        sock.setblocking(False)
    return a, b


def asking(net: Any, keep: Keep) -> Any:
    """An unconnected socket that hears of errors."""
    sock = keep(net.socket.socket(type=net.socket.SOCK_DGRAM))
    sock.bind(CLIENT)
    sock.setblocking(False)
    sock.setsockopt(IP, RECVERR, 1)
    return sock


def error(sock: Any) -> int:
    return int(sock.getsockopt(1, 4))


def used(sock: Any) -> int:
    """Bytes of the receive buffer (SO_MEMINFO)."""
    return int(struct.unpack("9I", sock.getsockopt(1, 55, 36))[0])


def report(sock: Any, size: int = 2000) -> Any:
    """The next report: bytes, what sock_extended_err says, who complains, flags, whom it was for."""
    try:
        data, ((level, kind, told),), flags, goal = sock.recvmsg(size, ROOM, ERRQUEUE)
    except BlockingIOError:
        return None
    assert (level, kind, len(told)) == (IP, RECVERR, 32)
    family, port, ip = struct.unpack("=HH4s8x", told[16:])
    return data, struct.unpack("=IBBBBII", told[:16]), (family, port, *ip), flags, goal


# ---------------------------------------------------------------- messages


def several_buffers(net: Any, keep: Keep) -> Any:
    a, b = datagrams(net, keep)
    first, second, third = bytearray(2), bytearray(3), bytearray(9)
    seen = [b.sendmsg([b"one", bytearray(b"two"), memoryview(b"three")], [], 0, SERVER), a.recvmsg(100)]
    seen += [b.sendmsg((bytes([n]) for n in range(7)), (), DONTWAIT, SERVER)]
    seen += [a.recvmsg_into([first, second, third], 50), first, second, third]
    seen += [b.sendmsg([], [], 0, SERVER), a.recvmsg(1), complaint(a.recvmsg, 1), complaint(b.sendmsg, [b"x"])]
    b.connect(SERVER)
    return [*seen, b.sendmsg([b"x"]), b.sendmsg([b"y"], [], 0, None), a.recvmsg(0), a.recvmsg(5)]


def cut_datagrams(net: Any, keep: Keep) -> Any:
    a, b = datagrams(net, keep)
    small, large = bytearray(b"...."), bytearray(b"." * 12)
    for _ in range(9):
        b.sendto(b"datagram", SERVER)
    seen: list[Any] = [a.recvmsg(3), a.recvmsg(8), a.recvmsg(3, 0, PEEK), a.recvmsg(3, ROOM, PEEK | TRUNC)]
    seen += [a.recvmsg(3, 0, TRUNC), a.recvmsg_into([small], 0, TRUNC), small, a.recvmsg_into([large], 0, TRUNC), large]
    seen += [a.recv_into(small, 2, TRUNC), small, a.recvfrom_into(large, 3, TRUNC), large]
    return [*seen, len(a.recv(2, TRUNC)), len(a.recvfrom(2, TRUNC)[0]), complaint(a.recv, 1, TRUNC)]


def messages_of_a_stream(net: Any, keep: Keep) -> Any:
    client, server = pair(net)
    with client, server:
        buffers = [bytearray(b"..."), bytearray(b"....")]
        seen: list[Any] = [
            client.sendmsg([b"abc", b"def"]),
            server.recvmsg(4, ROOM),
            server.recvmsg_into(buffers),
            buffers,
        ]
        seen += [client.sendmsg([bytes(70_000), bytes(30_000)], [], 0, ("127.0.0.9", 1))]
        seen += [sum(len(server.recvmsg(50_000)[0]) for _ in range(2)), client.sendmsg([]), client.sendmsg([b"rest"])]
        server.settimeout(0.01)
        client.shutdown(net.socket.SHUT_WR)
        seen += [server.recvmsg(10), server.recvmsg(10), complaint(client.sendmsg, [b"x"])]
        client.settimeout(0.01)
        return [*seen, complaint(client.recvmsg, 10), complaint(client.recvmsg, 0)]


def bytes_thrown_away(net: Any, keep: Keep) -> Any:
    """tcp(7): MSG_TRUNC discards what it counts."""
    client, server = pair(net)
    with client, server:
        buffer = bytearray(b"......")
        client.send(b"0123456789")
        seen: list[Any] = [len(server.recv(3, TRUNC | PEEK)), len(server.recv(3, TRUNC)), server.recv(2)]
        seen += [server.recv_into(buffer, 2, TRUNC), buffer, server.recvmsg_into([buffer], 0, TRUNC), buffer]
        server.setblocking(False)
        return [*seen, complaint(server.recv, 1, TRUNC), complaint(server.recvmsg, 1, 0, TRUNC)]


def ancillary_data_out(net: Any, keep: Keep) -> Any:
    """What is nobody's is passed over, what IP or the socket does not know is refused."""
    a, b = datagrams(net, keep)
    client, server = pair(net)
    rows = (
        [(41, 1, b"x")],
        [(1, 1, b""), (1, 2, b"four")],
        [(0, 99, b"")],
        [(1, 99, b"")],
        [(1, 1, b""), (0, 98, b"")],
    )
    with client, server:
        seen = [complaint(b.sendmsg, [b"x"], row, 0, SERVER) for row in rows]
        seen += [complaint(b.sendmsg, [data], [(0, 99, b"")]) for data in (b"x", bytes(65_536))]
        seen += [complaint(client.sendmsg, [b"x"], row) for row in rows]
        seen += [complaint(s.sendmsg, [b"x"], [(1, 1, bytes(n))]) for s in (b, client) for n in (131_032, 131_056)]
        b.connect(SERVER)
        seen += [complaint(b.sendmsg, [b"x"], row, flags) for row in rows for flags in (0, MORE, MORE, 0)]
        client.shutdown(net.socket.SHUT_WR)
        seen += [
            complaint(client.sendmsg, [b"x"], [(1, 99, b"")]),
            complaint(keep(net.socket.socket()).sendmsg, [b"x"], rows[3]),
        ]
        return [*seen, len(server.recv(99)), [complaint(a.recv, 9) for _ in range(9)]]


# ---------------------------------------------------------------- the error queue


def reports_of_datagrams(net: Any, keep: Keep) -> Any:
    """In order, to an unconnected socket; reading the pending error leaves them."""
    sock = asking(net, keep)
    seen: list[Any] = [
        report(sock),
        sock.sendto(b"one", NOBODY),
        used(sock),
        complaint(sock.recv, 1),
        complaint(sock.recv, 1),
    ]
    seen += [sock.sendto(b"three", NEITHER), used(sock), complaint(sock.sendto, b"x", NOBODY), sock.sendto(b"", NOBODY)]
    seen += [sock.sendto(bytes(600), NOBODY) if error(sock) else 0]
    while (found := report(sock)) is not None:
        seen += [found, used(sock)]
    return [*seen, error(sock), sock.sendto(b"last", NOBODY), error(sock), error(sock)]


def whose_error_is_pending(net: Any, keep: Keep) -> Any:
    """Each report that is read makes the next one's error pending, if that is the network's."""
    sock = asking(net, keep)
    seen: list[Any] = []
    for order in ("N", "L", "NN", "NL", "LN", "LL", "NLN", "LNL"):
        for read_between in (False, True):
            for step in order:
                error(sock)
                seen.append(complaint(sock.sendto, b"x" if step == "N" else TOO_LONG, NOBODY))
            while True:
                seen += [error(sock)] if read_between else []
                seen.append(report(sock))
                if seen[-1] is None:
                    break
            seen.append(error(sock))
    return seen


def reading_takes_what_was_pending(net: Any, keep: Keep) -> Any:
    """Even an error that another datagram left."""
    sock = asking(net, keep)
    sock.sendto(b"x", NOBODY)
    seen = [report(sock), complaint(sock.recv, 1), sock.sendto(b"y", NOBODY)]
    sock.setsockopt(IP, RECVERR, 0)
    seen += [report(sock), complaint(sock.recv, 1), sock.sendto(b"y", NOBODY), complaint(sock.recv, 1), report(sock)]
    return seen


def datagrams_too_large(net: Any, keep: Keep) -> Any:
    """SO_EE_ORIGIN_LOCAL: whom it was for, and the peer's port."""
    sock = asking(net, keep)
    seen: list[Any] = [complaint(sock.sendto, TOO_LONG, NEITHER), error(sock), report(sock)]
    sock.setsockopt(IP, DISCOVER, DO)
    seen += [complaint(sock.sendto, TOO_LONG, NEITHER), report(sock), complaint(sock.sendto, bytes(65_536), NEITHER)]
    sock.setsockopt(IP, DISCOVER, WANT)
    sock.connect(("127.0.0.3", 77))
    seen += [
        report(sock),
        complaint(sock.sendto, TOO_LONG, NEITHER),
        report(sock),
        complaint(sock.send, TOO_LONG),
        report(sock),
    ]
    seen += [sock.send(bytes(40_000), MORE), complaint(sock.send, bytes(40_000)), report(sock), complaint(sock.recv, 1)]
    sock.setsockopt(IP, RECVERR, 0)
    return [*seen, complaint(sock.send, TOO_LONG), report(sock)]


def room_for_reports(net: Any, keep: Keep) -> Any:
    """They take room in the receive buffer; what finds none is lost, and its error is pending all the same."""
    sock = asking(net, keep)
    sock.setsockopt(1, 8, 1)
    seen: list[Any] = []
    for size in (0, 100, 110, 300, 500):
        seen += [sock.sendto(bytes(size), NOBODY), used(sock), error(sock)]
    sock.sendto(b"self", CLIENT)
    seen += [
        report(sock),
        used(sock),
        error(sock),
        sock.sendto(b"self", CLIENT),
        sock.sendto(b"x", NOBODY),
        used(sock),
        error(sock),
    ]
    seen += [report(sock), complaint(sock.recv, 9), complaint(sock.recv, 9), report(sock), used(sock)]
    return [*seen, sock.sendto(b"x", NOBODY), report(sock), used(sock)]


def parts_of_a_report(net: Any, keep: Keep) -> Any:
    """Less room than it takes; recv and recvfrom; what MSG_PEEK and MSG_TRUNC do: nothing."""
    sock = asking(net, keep)
    buffers = [bytearray(2), bytearray(9)]
    seen: list[Any] = []
    for room in (0, 8, 15, 16, 17, 20, 47, 48, 49, 64):
        sock.sendto(b"datagram", NOBODY)
        seen.append(sock.recvmsg(100, room, ERRQUEUE))
    calls: list[Callable[[], Any]] = [
        lambda: sock.recvmsg(3, ROOM, ERRQUEUE), lambda: sock.recvmsg(0, 0, ERRQUEUE),
        lambda: sock.recvmsg_into(buffers, ROOM, ERRQUEUE), lambda: sock.recv(3, ERRQUEUE),
        lambda: sock.recvfrom(3, ERRQUEUE | PEEK), lambda: sock.recvfrom(3, ERRQUEUE | TRUNC),
        lambda: sock.recv_into(buffers[1], 4, ERRQUEUE), lambda: sock.recvmsg(9, 0, ERRQUEUE | PEEK | TRUNC | DONTWAIT),
    ]  # fmt: skip
    for call in calls:
        sock.sendto(b"datagram", NOBODY)
        seen += [call(), buffers, complaint(call), error(sock)]
    return seen


def reports_never_wait(net: Any, keep: Keep) -> Any:
    """But a timeout is Python's, which waits for the socket to be readable, or in error."""
    sock, stream = asking(net, keep), keep(net.socket.socket())
    sock.setblocking(True)
    seen: list[Any] = [complaint(sock.recvmsg, 9, 9, ERRQUEUE), complaint(stream.recvmsg, 9, 9, ERRQUEUE)]
    sock.settimeout(0.01)
    seen += [complaint(sock.recvmsg, 9, 9, ERRQUEUE), sock.sendto(b"x", NOBODY), report(sock)]
    stream.bind(SERVER)
    stream.listen()
    return [*seen, complaint(stream.recvmsg, 9, 9, ERRQUEUE), complaint(stream.recv, 9, ERRQUEUE)]


def poll_says_so(net: Any, keep: Keep) -> Any:
    sock = asking(net, keep)
    poller = net.select.poll()
    poller.register(sock, 0x7)
    seen: list[Any] = []
    for step in (lambda: sock.sendto(b"x", NOBODY), lambda: error(sock), lambda: report(sock)):
        seen += [step(), [bits for _, bits in poller.poll(0)]]
    sock.sendto(b"x", NOBODY)
    for value in (1, 0):
        sock.setsockopt(IP, RECVERR, value)
        seen += [[bits for _, bits in poller.poll(0)], used(sock)]
    return [*seen, error(sock), [bits for _, bits in poller.poll(0)]]


def values_of_the_option(net: Any, keep: Keep) -> Any:
    """One byte is enough for an option of IP, and none is zero (do_ip_setsockopt)."""
    sock, seen = asking(net, keep), []
    for value in (b"", b"\1", b"\0\1", b"\0\0\0\1", b"\0\0\0\0\1", -1, 256, 0, 1):
        seen += [complaint(sock.setsockopt, IP, RECVERR, value), sock.getsockopt(IP, RECVERR)]
    seen += [sock.getsockopt(IP, option, size) for option in (RECVERR, DISCOVER) for size in (1, 2, 3, 4, 5)]
    seen += [complaint(sock.setsockopt, IP, DISCOVER, value) for value in (b"", b"\1", b"\6", b"\2\0\0", b"\2\0\0\1")]
    with net.socket.socket() as stream:
        stream.setsockopt(IP, RECVERR, b"\2")
        return [*seen, sock.getsockopt(IP, DISCOVER), stream.getsockopt(IP, RECVERR)]


SCENARIOS = (
    several_buffers, cut_datagrams, messages_of_a_stream, bytes_thrown_away, ancillary_data_out, reports_of_datagrams,
    whose_error_is_pending, reading_takes_what_was_pending, datagrams_too_large, room_for_reports, parts_of_a_report,
    reports_never_wait, poll_says_so, values_of_the_option,
)  # fmt: skip


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_both_arms_show_the_same(scenario: Callable[[Any, Keep], Any]) -> None:
    with SimNet() as net, contextlib.ExitStack() as stack:
        seen, said = scenario(net, stack.enter_context), lines(net)
        watched = [dict(event.sockets) for event in net.trace.calls()]
    try:
        real = RealNet()
        with real, contextlib.ExitStack() as stack:
            assert scenario(real, stack.enter_context) == seen
            assert lines(real) == said
            assert [dict(event.sockets) for event in real.trace.calls()] == watched
            assert len(said) > 3
    except NamespaceRefused as refusal:
        pytest.skip(str(refusal))
