"""Small programs that show what no cell of a table shows, in plain socket code on either arm.

A scene is a function of the net that returns what it saw: values, and errors by their names. Some need a system with
only two ports to draw, and some can be played on the kernel alone, because no net offers the call.

Not here: what they are to give (entries_*.py).
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import attrs

from model.profiles import LINUX, Profile

LOW, HIGH = 40_000, 40_001
"""The ports of a system that has only two to draw."""
HERE, THERE, NOBODY = ("127.0.0.1", 7000), ("127.0.0.1", 7001), ("127.0.0.1", 9)
_SIZES = {"SO_LINGER": struct.Struct("=ii"), "SO_RCVTIMEO": struct.Struct("=qq"), "SO_SNDTIMEO": struct.Struct("=qq")}
_F_SETFL, _F_GETFL, _F_DUPFD = 4, 3, 0


@attrs.frozen
class Scene:
    """A small program. `kernel_only`: the model cannot play it."""

    play: Callable[[Any], Any]
    profile: Profile
    kernel_only: bool

    def system(self) -> AbstractContextManager[object]:
        """What the kernel's arm must be given while it plays, inside of its net."""
        return nullcontext() if self.profile is LINUX else _two_ports()


SCENES: dict[str, Scene] = {}


def _scene(
    *, two_ports: bool = False, kernel_only: bool = False
) -> Callable[[Callable[[Any], Any]], Callable[[Any], Any]]:
    profile = attrs.evolve(LINUX, ephemeral_ports=(LOW, HIGH)) if two_ports else LINUX

    def enter(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        SCENES[function.__name__] = Scene(function, profile, kernel_only)
        return function

    return enter


@contextlib.contextmanager
def _two_ports() -> Iterator[None]:
    setting = Path("/proc/sys/net/ipv4/ip_local_port_range")
    before = setting.read_text(encoding="ascii")
    setting.write_text(f"{LOW} {HIGH}", encoding="ascii")
    try:
        yield
    finally:
        setting.write_text(before, encoding="ascii")


def _tried(call: Callable[..., Any], *args: Any) -> Any:
    """What a call gives, or the name of its error; of a complaint of Python's own the class."""
    try:
        given = call(*args)
    except (OSError, ValueError) as error:
        number = getattr(error, "errno", None)
        return errno.errorcode[number] if number else type(error).__name__
    return "ok" if given is None else given


class _Many(contextlib.ExitStack):
    """Makes sockets, and closes them in the end."""

    def __init__(self, net: Any) -> None:
        super().__init__()
        self.net = net

    def stream(self) -> Any:
        return self.enter_context(self.net.socket.socket())

    def datagrams(self) -> Any:
        return self.enter_context(self.net.socket.socket(type=self.net.socket.SOCK_DGRAM))

    def listener(self, address: tuple[str, int]) -> Any:
        return self.enter_context(self.net.socket.create_server(address))

    def pair(self) -> tuple[Any, Any]:
        with self.net.socket.create_server(HERE) as listener:
            near = self.enter_context(self.net.socket.create_connection(HERE))
            return near, self.enter_context(listener.accept()[0])

    def both(self) -> tuple[Any, Any]:
        """One of either protocol."""
        return self.stream(), self.datagrams()


# ---------------------------------------------------------------- names and ports


@_scene()
def a_listener_shut_for_writing_accepts(net: Any) -> Any:
    with _Many(net) as made:
        listener = made.listener(HERE)
        listener.shutdown(net.socket.SHUT_WR)
        made.enter_context(net.socket.create_connection(HERE))
        return _tried(lambda: made.enter_context(listener.accept()[0]) and "a connection")


@_scene(two_ports=True)
def bind_when_no_port_is_left(net: Any) -> Any:
    """Of either protocol: three times, and the name that the third has then."""
    seen = []
    with _Many(net) as made:
        for make in (made.stream, made.datagrams):
            ends = [make() for _ in range(3)]
            answers = [_tried(end.bind, ("127.0.0.1", 0)) for end in ends]
            seen.append((answers, ends[2].getsockname(), _tried(ends[2].bind, THERE)))
    return seen


@_scene(two_ports=True)
def listen_when_no_port_is_left(net: Any) -> Any:
    """And then with a port that was asked for."""
    with _Many(net) as made:
        for _ in range(2):
            made.stream().bind(("127.0.0.1", 0))
        end = made.stream()
        first = _tried(end.listen)
        return first, end.getsockname(), _tried(end.bind, THERE), _tried(end.listen)


@_scene(two_ports=True)
def connect_when_no_port_is_left(net: Any) -> Any:
    with _Many(net) as made:
        made.listener(HERE)
        for _ in range(2):
            made.stream().bind(("127.0.0.1", 0))
        return _tried(made.stream().connect, HERE)


@_scene(two_ports=True)
def datagrams_when_no_port_is_left(net: Any) -> Any:
    """Every call that wants a port, on a socket of its own; then again when there is one."""
    s = net.socket
    with _Many(net) as made:
        made.datagrams().bind(HERE)
        taken = [made.datagrams() for _ in range(2)]
        for each in taken:
            each.bind(("127.0.0.1", 0))
        ends = [made.datagrams() for _ in range(8)]
        for end in ends:
            end.setblocking(False)
        answers = [
            _tried(ends[0].sendto, b"x", HERE),
            _tried(ends[1].connect, HERE),
            _tried(ends[2].send, b"x"),
            _tried(ends[3].sendto, b"x", s.MSG_OOB, HERE),
            _tried(ends[4].sendto, bytes(70_000), HERE),
            _tried(ends[5].sendto, b"x", ("192.0.2.1", 7)),
            _tried(ends[6].sendmsg, [b"x"], [], 0, HERE),
            _tried(ends[7].recv, 1),
        ]
        name, peer = ends[1].getsockname(), _tried(ends[1].getpeername)
        taken[0].close()
        return answers, name, peer, _tried(ends[0].sendto, b"x", HERE)


@_scene()
def a_pair_of_addresses_in_use(net: Any) -> Any:
    with _Many(net) as made:
        made.listener(HERE)
        ends = [made.stream(), made.stream()]
        for end in ends:
            end.setsockopt(net.socket.SOL_SOCKET, net.socket.SO_REUSEADDR, 1)
            end.bind(THERE)
        return [_tried(end.connect, HERE) for end in ends]


@_scene()
def two_listen_at_one_address(net: Any) -> Any:
    with _Many(net) as made:
        ends = [made.stream(), made.stream()]
        for end in ends:
            end.setsockopt(net.socket.SOL_SOCKET, net.socket.SO_REUSEADDR, 1)
            end.bind(HERE)
        return [_tried(end.listen) for end in ends]


@_scene()
def datagrams_to_port_zero(net: Any) -> Any:
    with _Many(net) as made:
        end = made.datagrams()
        return _tried(end.connect, ("127.0.0.1", 0)), _tried(end.getpeername), _tried(end.send, b"x")


@_scene()
def connect_does_not_tell_a_refusal(net: Any) -> Any:
    with _Many(net) as made:
        end = made.datagrams()
        end.connect(NOBODY)
        end.send(b"x")
        answer = _tried(end.connect, HERE)
        return answer, end.getpeername(), errno.errorcode[end.getsockopt(net.socket.SOL_SOCKET, net.socket.SO_ERROR)]


@_scene()
def two_datagram_sockets_with_the_same_ends(net: Any) -> Any:
    with _Many(net) as made:
        made.datagrams().bind(HERE)
        ends = [made.datagrams(), made.datagrams()]
        for end in ends:
            end.setsockopt(net.socket.SOL_SOCKET, net.socket.SO_REUSEADDR, 1)
        return [(_tried(end.bind, THERE), _tried(end.connect, HERE), _tried(end.send, b"x")) for end in ends]


@_scene()
def a_receiver_without_a_port(net: Any) -> Any:
    with _Many(net) as made:
        end = made.datagrams()
        end.setblocking(False)
        return _tried(end.recv, 1), end.getsockname()


@_scene()
def a_low_port(net: Any) -> Any:
    with _Many(net) as made:
        return _tried(made.stream().bind, ("127.0.0.1", 81))


@_scene(kernel_only=True)
def a_low_port_without_privileges(net: Any) -> Any:
    """In a process of its own, which gives up root first."""
    child = os.fork()
    if child == 0:  # pragma: no cover
        try:
            os.setresgid(65534, 65534, 65534)
            os.setresuid(65534, 65534, 65534)
            made = net.socket.socket()
            os._exit(made.bind(("127.0.0.1", 81)) or 0)
        except OSError as error:
            os._exit(error.errno or 255)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return errno.errorcode.get(status, status)


# ---------------------------------------------------------------- connect() with AF_UNSPEC


def _disconnect(sock: Any, family: int = 0) -> str:
    address = struct.pack("=H14x", family)
    libc = ctypes.CDLL(None, use_errno=True)
    return "ok" if libc.connect(sock.fileno(), address, len(address)) == 0 else errno.errorcode[ctypes.get_errno()]


@_scene(kernel_only=True)
def a_connection_let_go(net: Any) -> Any:
    """What it says, what the peer sees, and whether the socket connects again."""
    with _Many(net) as made:
        listener = made.listener(THERE)
        near, far = made.pair()
        return (
            _disconnect(near),
            _tried(near.getpeername),
            _tried(far.recv, 1),
            _tried(near.connect, THERE),
            bool(listener),
        )


@_scene(kernel_only=True)
def a_listener_or_a_fresh_socket_let_go(net: Any) -> Any:
    with _Many(net) as made:
        listener = made.listener(HERE)
        return _disconnect(listener), _tried(listener.accept), _disconnect(made.stream())


@_scene(kernel_only=True)
def an_address_of_another_family(net: Any) -> Any:
    with _Many(net) as made:
        return [_disconnect(end, 99) for end in made.both()]


@_scene(kernel_only=True)
def a_peer_let_go(net: Any) -> Any:
    """A UDP socket: one that bound its port, one that did not, one that never had a peer."""
    with _Many(net) as made:
        bound, drawn, fresh = (made.datagrams() for _ in range(3))
        bound.bind(THERE)
        for end in (bound, drawn):
            end.connect(HERE)
        return [(_disconnect(end), _tried(end.getpeername), end.getsockname()) for end in (bound, drawn, fresh)]


# ---------------------------------------------------------------- descriptors


@_scene()
def a_duplicate_keeps_the_connection(net: Any) -> Any:
    with _Many(net) as made:
        near, far = made.pair()
        other = made.enter_context(near.dup())
        near.close()
        return other.send(b"x"), far.recv(1)


@_scene()
def duplicates_from_a_number_on(net: Any) -> Any:
    with _Many(net) as made:
        end = made.stream()
        number = net.fcntl.fcntl(end, _F_DUPFD, 600)
        net.socket.close(number)
        return (
            number >= 600,
            _tried(net.fcntl.fcntl, end, _F_DUPFD, -1),
            _tried(net.fcntl.fcntl, end, _F_DUPFD, 1 << 30),
        )


@_scene()
def flags_of_a_file(net: Any) -> Any:
    """Before and after O_NONBLOCK is set, through either of two descriptors."""
    with _Many(net) as made:
        end = made.stream()
        other = made.enter_context(end.dup())
        before = net.fcntl.fcntl(end, _F_GETFL)
        net.fcntl.fcntl(end, _F_SETFL, before | os.O_NONBLOCK)
        return before == os.O_RDWR, net.fcntl.fcntl(other, _F_GETFL) == os.O_RDWR | os.O_NONBLOCK


@_scene(kernel_only=True)
def a_file_that_sends_signals(net: Any) -> Any:
    with _Many(net) as made:
        end = made.stream()
        net.fcntl.fcntl(end, _F_SETFL, os.O_ASYNC)
        return bool(net.fcntl.fcntl(end, _F_GETFL) & os.O_ASYNC)


@_scene(kernel_only=True)
def interfaces(net: Any) -> Any:
    return net.socket.if_nameindex()


@_scene()
def a_file_that_is_no_socket(net: Any) -> Any:
    """A socket object of its number cannot be made, because the name is asked for then."""
    s = net.socket
    with net.select.epoll() as epoll:
        return _tried(lambda: s.socket(s.AF_INET, s.SOCK_STREAM, 0, fileno=epoll.fileno()).detach())


@_scene()
def sockets_of_both_protocols(net: Any) -> Any:
    s = net.socket
    with _Many(net) as made:
        return [end.getsockopt(s.SOL_SOCKET, s.SO_TYPE) == end.type for end in made.both()], _tried(
            s.socket, s.AF_INET, s.SOCK_STREAM, 17
        )


# ---------------------------------------------------------------- options


def _options(net: Any, names: tuple[str, ...], values: tuple[Any, ...]) -> Any:
    """Each option on either protocol: what is set, how that went, and what is told then."""
    seen: dict[str, Any] = {}
    s = net.socket
    with _Many(net) as made:
        for name in names:
            number, form = getattr(s, name), _SIZES.get(name)
            for end in made.both():
                for value in values:
                    given = form.pack(*value) if form else value
                    answer = _tried(end.setsockopt, s.SOL_SOCKET, number, given)
                    size = (form.size,) if form else ()
                    told = _tried(end.getsockopt, s.SOL_SOCKET, number, *size)
                    seen.setdefault(name, []).append((answer, form.unpack(told) if form else told))
    return seen


@_scene()
def options_that_are_on_or_off(net: Any) -> Any:
    names = ("SO_KEEPALIVE", "SO_OOBINLINE", "SO_REUSEADDR", "SO_BROADCAST", "SO_DONTROUTE")
    return _options(net, names, (1, 0))


@_scene()
def options_that_are_numbers(net: Any) -> Any:
    return _options(net, ("SO_RCVBUF", "SO_SNDBUF", "SO_RCVLOWAT"), (5000, 0))


@_scene()
def the_low_water_of_sending(net: Any) -> Any:
    return _options(net, ("SO_SNDLOWAT",), (1, 0))


@_scene()
def options_that_are_times(net: Any) -> Any:
    times = _options(net, ("SO_RCVTIMEO", "SO_SNDTIMEO"), ((2, 0), (0, 0)))
    return times | _options(net, ("SO_LINGER",), ((1, 3), (0, 0)))


@_scene()
def a_time_that_is_far_too_long(net: Any) -> Any:
    """The answer, and what is told then: none, which means for ever."""
    return _options(net, ("SO_RCVTIMEO",), ((2**60, 0), (1, 1_000_000)))


# ---------------------------------------------------------------- select


@_scene()
def select_at_once(net: Any) -> Any:
    with _Many(net) as made:
        near, _ = made.pair()
        ask = net.select.select
        return [[len(found) for found in ask([near], [near], [near], seconds)] for seconds in (0, 60)]


@_scene()
def select_of_what_cannot_be(net: Any) -> Any:
    """A time below zero, numbers below zero and beyond 1023, and a descriptor that was closed."""
    ask = net.select.select
    end = net.socket.socket()
    number = end.fileno()
    end.close()
    return [
        _tried(ask, [], [], [], -1), _tried(ask, [-1], [], [], 0), _tried(ask, [1024], [], [], 0),
        _tried(ask, [number], [], [], 0),
    ]  # fmt: skip


@_scene(kernel_only=True)
def select_beyond_the_table(net: Any) -> Any:
    """A number that is beyond what the process has room for is not looked at, and comes back as if it were ready."""
    room = 64
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("FDSize:"):
            room = int(line.split()[1])
    return _tried(net.select.select, [1023], [], [], 0) == ([1023], [], []) if room < 1024 else True


# ---------------------------------------------------------------- bytes and datagrams


@_scene()
def flags_that_mean_nothing_to_send(net: Any) -> Any:
    s = net.socket
    with _Many(net) as made:
        near, _ = made.pair()
        end, peer = made.datagrams(), made.datagrams()
        peer.bind(HERE)
        end.connect(HERE)
        return [[_tried(each.send, b"x", flag) for flag in (s.MSG_PEEK, s.MSG_WAITALL)] for each in (near, end)]


@_scene()
def a_datagram_longer_than_was_asked_for(net: Any) -> Any:
    with _Many(net) as made:
        end = made.datagrams()
        end.bind(HERE)
        end.sendto(b"abcdef", HERE)
        end.setblocking(False)
        return end.recv(3), _tried(end.recv, 3)


@_scene()
def a_connected_socket_sends_elsewhere(net: Any) -> Any:
    with _Many(net) as made:
        end, peer = made.datagrams(), made.datagrams()
        peer.bind(HERE)
        end.connect(NOBODY)
        return _tried(end.sendto, b"x", HERE), peer.recv(10)
