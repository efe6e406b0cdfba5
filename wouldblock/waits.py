"""Calls that wait, each about to be made: what is called, what it waits for, and what else others can do to it.

A *wait* is made from a net in plain socket code, on either arm. Its documentation says what stands in the way, in the
words of the page (blocking.py). Locks and queues are among them: they are the standard library's own on the kernel,
over a lock of ours on both arms (model/guests/lowlevel.py).

Not here: what is done to a wait, and what is seen of it (blocking.py); MSG_WAITALL (tests/guests/test_portions.py) and
close with SO_LINGER (tests/guests/test_lingering.py).
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import attrs

from model import SimNet
from model.values.conversion import Conversion
from model.values.packets import IcmpError
from model.values.quoting import message_about
from model.values.segments import Datagram, IcmpMessage
from model.values.wire import encode
from model.world.device import Device
from realnet.held import FAR, HeldDevice

HERE, NOBODY = ("127.0.0.1", 7000), ("127.0.0.1", 9)
MUCH = 4_000_000
"""Bytes that no two buffers hold."""
Do = Callable[..., object]
Address = tuple[str, int]


@attrs.define(eq=False)
class Wait:
    """A call that will wait."""

    call: Callable[[], Any]
    end: Do
    """What it waits for comes, once."""
    told: Callable[[Any], str] = lambda _: "returns"
    """What the call has given, in words."""
    ways: dict[str, Do] = attrs.Factory(dict)
    """Everything that may wake it, and what one might think does; with what it is in words."""
    sock: Any = None
    """The socket that it is about, if there is one."""
    option: str = ""
    """The option that limits it, if there is one: SO_RCVTIMEO or SO_SNDTIMEO."""
    limited: Callable[[float], Any] | None = None
    """The same call with a time-out in seconds as an argument, if it takes one."""
    times_out: bool = True
    """Whether settimeout() concerns it."""
    twice: bool = True
    """Whether two threads can make it on the same thing."""
    takes_s: float = 0.0
    """How long it takes, in seconds, until that is noticed."""


Make = Callable[[Any], Wait]
WAITS: dict[str, Make] = {}
SYSTEM_CALLS: dict[str, str] = {}
"""The system call in which it sleeps, by name of the wait."""
FUTEX = "futex"
"""In it sleeps who waits for a lock of Python's."""


def wait(name: str, system_call: str) -> Callable[[Make], Make]:
    """Enter it in the table, in the order of this file."""

    def enter(make: Make) -> Make:
        WAITS[name], SYSTEM_CALLS[name] = make, system_call
        return make

    return enter


def limit(net: Any, sock: Any, option: str, seconds: float) -> None:
    """Give a socket a time-out that the kernel keeps."""
    whole, part = divmod(round(seconds * 1_000_000), 1_000_000)
    sock.setsockopt(net.socket.SOL_SOCKET, getattr(net.socket, option), struct.pack("=qq", whole, part))


_kept: list[Any] = []


def _keep_open(context: AbstractContextManager[Any]) -> Any:
    """Enter a context that lasts until everything is let go."""
    stack = contextlib.ExitStack()
    keep(stack)
    return stack.enter_context(context)


def keep(thing: Any) -> Any:
    """Not to be closed before the wait was looked at."""
    _kept.append(thing)
    return thing


def let_go() -> None:
    """Close what waits keep open."""
    while _kept:
        thing = _kept.pop()
        with contextlib.suppress(OSError):
            thing.close()


def _pair(net: Any) -> tuple[Any, Any]:
    """Two connected ends, with nothing under way."""
    with net.socket.create_server(HERE) as listener:
        near = keep(net.socket.create_connection(HERE))
        far = keep(listener.accept()[0])
    net.time.sleep(0.05)
    return near, far


def _bytes(data: bytes) -> str:
    return f"{len(data)} byte{'s' if len(data) > 1 else ''}" if data else "end of file"


# ---------------------------------------------------------------- connections


@wait("accept", "accept4")
def accept(net: Any) -> Wait:
    """nobody has connected"""
    listener = keep(net.socket.create_server(HERE))

    def connect() -> None:
        keep(net.socket.create_connection(HERE))

    def connect_and_close() -> None:
        net.socket.create_connection(HERE).close()

    return Wait(
        lambda: keep(listener.accept()[0]), connect, lambda _: "a connection", sock=listener, option="SO_RCVTIMEO",
        ways={"a client connects": connect, "a client connects and closes at once": connect_and_close},
    )  # fmt: skip


@wait("connect", "connect")
def connect(net: Any) -> Wait:
    """the listener's queue is full, so that the SYN is dropped; it goes again after a second"""
    listener = keep(net.socket.create_server(HERE, backlog=0))
    keep(net.socket.create_connection(HERE))
    sock = keep(net.socket.socket())

    def accept() -> None:
        with contextlib.suppress(OSError):  # it was closed, or everybody was accepted
            listener.setblocking(False)
            keep(listener.accept()[0])

    return Wait(
        lambda: sock.connect(HERE), accept, lambda _: "connected", sock=sock, option="SO_SNDTIMEO", takes_s=1.0,
        ways={
            "the listener accepts, and the SYN goes again": accept,
            "the listener closes, and the SYN goes again": listener.close,
        },
    )  # fmt: skip


def _connecting(net: Any, call: Callable[[Any], Any], told: Callable[[Any], str], option: str) -> Wait:
    """A blocking socket that is connecting behind the back."""
    listener = keep(net.socket.create_server(HERE, backlog=0))
    keep(net.socket.create_connection(HERE))
    sock = keep(net.socket.socket())
    sock.setblocking(False)
    sock.connect_ex(HERE)
    sock.setblocking(True)

    accepted: list[Any] = []

    def accept() -> None:
        with contextlib.suppress(OSError):  # it was closed, or everybody was accepted
            listener.setblocking(False)
            accepted.append(keep(listener.accept()[0]))

    def accept_and_speak() -> None:
        accept()
        if len(accepted) == 1:
            net.time.sleep(1.0)
            accept()
        for each in accepted:
            each.send(b"x")

    return Wait(
        lambda: call(sock), accept if option == "SO_SNDTIMEO" else accept_and_speak, told, sock=sock, option=option,
        takes_s=1.0,
        ways={
            "the listener accepts, and the SYN goes again": accept,
            "the listener closes, and the SYN goes again": listener.close,
        },
    )  # fmt: skip


@wait("send while connecting", "sendto")
def send_while_connecting(net: Any) -> Wait:
    """the connection is not there yet"""
    return _connecting(net, lambda sock: sock.send(b"x"), lambda n: f"{n} byte", "SO_SNDTIMEO")


@wait("recv while connecting", "recvfrom")
def recv_while_connecting(net: Any) -> Wait:
    """the connection is not there yet"""
    return _connecting(net, lambda sock: sock.recv(10), _bytes, "SO_RCVTIMEO")


# ---------------------------------------------------------------- sending


def _full(net: Any) -> tuple[Any, Any, Callable[..., None]]:
    """A connection whose send buffer is full, its other end, and what makes room: the peer reads everything.

    It was filled again after the peer's delayed acknowledgement, which makes room for itself.
    """
    near, far = _pair(net)
    filled = _fill(near)
    net.time.sleep(0.1)
    filled += _fill(near)
    near.setblocking(True)

    return near, far, _reader(far, filled)


def _reader(sock: Any, size: int) -> Callable[..., None]:
    """Reads so many bytes, of `size` in all; all that are left if not told how many."""
    left = [size]

    def read(most: int = MUCH) -> None:
        while left[0] and most and (data := sock.recv(min(left[0], most))):
            left[0] -= len(data)
            most -= len(data)

    return read


def _fill(sock: Any) -> int:
    taken = 0
    sock.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            taken += sock.send(bytes(10_000))
    return taken


def _sending(net: Any, send: Callable[[Any], Any], told: Callable[[Any], str]) -> Wait:
    near, far, read = _full(net)

    def finish() -> None:
        far.shutdown(net.socket.SHUT_WR)

    return Wait(
        lambda: send(near), read, told, sock=near, option="SO_SNDTIMEO",
        ways={
            "the peer reads everything": read,
            "the peer reads a little": lambda: read(100_000),
            "the peer shuts for writing (FIN)": finish,
            "the peer closes with bytes unread (reset)": far.close,
        },
    )  # fmt: skip


@wait("send", "sendto")
def send(net: Any) -> Wait:
    """the send buffer is full"""
    return _sending(net, lambda sock: sock.send(b"x"), lambda n: f"{n} byte")


@wait("sendmsg", "sendmsg")
def sendmsg(net: Any) -> Wait:
    """the send buffer is full"""
    return _sending(net, lambda sock: sock.sendmsg([b"x"]), lambda n: f"{n} byte")


@wait("sendall", "sendto")
def sendall(net: Any) -> Wait:
    """the send buffer is full"""
    return _sending(net, lambda sock: sock.sendall(b"x"), lambda _: "everything sent")


def _sending_much(net: Any, send: Callable[[Any], Any], told: Callable[[Any], str]) -> Wait:
    near, far = _pair(net)
    read = _reader(far, MUCH)
    return Wait(
        lambda: send(near), read, told, sock=near, option="SO_SNDTIMEO", twice=False,
        ways={
            "the peer reads everything": read,
            "the peer shuts for writing (FIN)": lambda: far.shutdown(net.socket.SHUT_WR),
            "the peer closes with bytes unread (reset)": far.close,
        },
    )  # fmt: skip


@wait("send of 4 MB", "sendto")
def send_much(net: Any) -> Wait:
    """the buffers have taken a part"""
    return _sending_much(net, lambda sock: sock.send(bytes(MUCH)), lambda n: "everything" if n == MUCH else "a part")


@wait("sendall of 4 MB", "sendto")
def sendall_much(net: Any) -> Wait:
    """the buffers have taken a part"""
    return _sending_much(net, lambda sock: sock.sendall(bytes(MUCH)), lambda _: "everything sent")


@contextlib.contextmanager
def _held_back(net: Any) -> Iterator[tuple[Address, Do, Callable[[Address], None]]]:
    """A device that holds back nearly everything: an address behind it, what throws away what waits there, and what has
    the host there complain to one of ours that it knows no such port.
    """
    port, burst, limit = 4713, 1100, 1_000_000
    if isinstance(net, SimNet):
        far = net.host("far")
        with far.socket.socket(type=far.socket.SOCK_DGRAM) as receiver:
            receiver.bind((far.address, port))
            net.world.host.device = Device(8, burst, limit)
            near = net.world.host
            yield (far.address, port), near.purge_device, lambda own: near.receive(_complaint(own, (far.address, port)))
        return
    with HeldDevice() as held, held.far() as receiver:
        receiver.bind((FAR, port))
        held.renew(burst, limit)
        yield (
            (FAR, port), lambda: held.renew(burst, limit),
            lambda own: held.complain(encode(Conversion().packets(_complaint(own, (FAR, port)))[0])),
        )  # fmt: skip


def _complaint(src: Address, dst: Address) -> IcmpMessage:
    return message_about(Datagram(src, dst, bytes(1000)), IcmpError.PORT_UNREACHABLE)


@wait("UDP sendto", "sendto")
def send_datagram(net: Any) -> Wait:
    """a slow device still has what was sent before; on loopback a datagram is the receiver's at once"""
    address, let_leave, complain = _keep_open(_held_back(net))
    sock = keep(net.socket.socket(type=net.socket.SOCK_DGRAM))
    sock.setsockopt(net.socket.SOL_SOCKET, net.socket.SO_SNDBUF, 0)
    sock.connect(address)
    sock.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            sock.sendto(bytes(1000), address)
    sock.setblocking(True)
    return Wait(
        lambda: sock.sendto(bytes(1000), address), let_leave, lambda n: "the datagram sent", sock=sock,
        option="SO_SNDTIMEO", ways={
            "the device lets it leave": let_leave,
            "an ICMP error says that nobody is there": lambda: complain(sock.getsockname()),
        },
    )  # fmt: skip


# ---------------------------------------------------------------- receiving


def _receiving(net: Any, receive: Callable[[Any], bytes]) -> Wait:
    near, far = _pair(net)

    def reset() -> None:
        far.send(b"x")
        near.close()

    def speak(data: bytes = b"x") -> None:
        near.send(data)

    return Wait(
        lambda: receive(far), speak, _bytes, sock=far, option="SO_RCVTIMEO",
        ways={
            "a byte comes": speak,
            "the peer shuts for writing, or closes (FIN)": lambda: near.shutdown(net.socket.SHUT_WR),
            "the peer closes with a byte unread (reset)": reset,
            "an urgent byte comes": lambda: near.send(b"!", net.socket.MSG_OOB),
        },
    )  # fmt: skip


@wait("recv", "recvfrom")
def recv(net: Any) -> Wait:
    """no bytes are there"""
    return _receiving(net, lambda sock: sock.recv(10))


@wait("recv with SO_RCVLOWAT", "recvfrom")
def recv_with_low_water(net: Any) -> Wait:
    """a byte was there, and SO_RCVLOWAT asks for two; the call has taken the one"""
    made = _receiving(net, lambda sock: sock.recv(10))
    made.sock.setsockopt(net.socket.SOL_SOCKET, net.socket.SO_RCVLOWAT, 2)
    one = made.end
    one()

    def two() -> None:
        one(b"xx")

    ways = {"another byte comes": one, "two more bytes come at once": two}
    return attrs.evolve(made, end=two, twice=False, ways={**ways, **dict(list(made.ways.items())[1:])})


@wait("recv_into", "recvfrom")
def recv_into(net: Any) -> Wait:
    """no bytes are there"""
    return _receiving(net, lambda sock: bytes(sock.recv_into(bytearray(10))))


@wait("recvfrom", "recvfrom")
def recvfrom(net: Any) -> Wait:
    """no bytes are there"""
    return _receiving(net, lambda sock: sock.recvfrom(10)[0])


@wait("recvmsg", "recvmsg")
def recvmsg(net: Any) -> Wait:
    """no bytes are there"""
    return _receiving(net, lambda sock: sock.recvmsg(10)[0])


def _receiving_datagrams(net: Any, receive: Callable[[Any], bytes]) -> Wait:
    """On a connected socket, which hears of what finds nobody."""
    sock = keep(net.socket.socket(type=net.socket.SOCK_DGRAM))
    sock.bind(HERE)
    sock.connect(NOBODY)
    peers: list[Any] = []

    def speak(data: bytes = b"x") -> None:
        if not peers:
            peers.append(keep(net.socket.socket(type=net.socket.SOCK_DGRAM)))
            peers[0].bind(NOBODY)
        peers[0].sendto(data, HERE)

    return Wait(
        lambda: receive(sock), speak, lambda data: _bytes(data) if data else "no bytes", sock=sock,
        option="SO_RCVTIMEO",
        ways={
            "a datagram comes": speak,
            "an empty datagram comes": lambda: speak(b""),
            "a datagram that it sent has found nobody": lambda: sock.send(b"?"),
        },
    )  # fmt: skip


@wait("UDP recv", "recvfrom")
def recv_datagram(net: Any) -> Wait:
    """no datagram is there"""
    return _receiving_datagrams(net, lambda sock: sock.recv(10))


@wait("UDP recvfrom", "recvfrom")
def recvfrom_datagram(net: Any) -> Wait:
    """no datagram is there"""
    return _receiving_datagrams(net, lambda sock: sock.recvfrom(10)[0])


@wait("UDP recvmsg", "recvmsg")
def recvmsg_datagram(net: Any) -> Wait:
    """no datagram is there"""
    return _receiving_datagrams(net, lambda sock: sock.recvmsg(10)[0])


# ---------------------------------------------------------------- readiness


Ask = Callable[[float | None], Any]
"""Makes a call that asks for readiness, with a time-out in seconds or none."""


def _watching(net: Any, make: Callable[[Any], Ask], told: Callable[[Any], str], instead: Do | None = None) -> Wait:
    """A socket is watched for bytes to read; `make` gives the call from the socket. If the socket is closed by then,
    bytes wake the call no more, and what it waits for is `instead`.
    """
    near, far = _pair(net)
    ask = make(far)

    def reset() -> None:
        far.send(b"x")
        near.close()

    def speak() -> None:
        near.send(b"x")
        if instead is not None and far.fileno() < 0:
            instead()

    return Wait(
        lambda: ask(None), speak, told, sock=far, limited=ask, times_out=False,
        ways={
            "a byte comes": speak,
            "the peer shuts for writing, or closes (FIN)": lambda: near.shutdown(net.socket.SHUT_WR),
            "the peer closes with a byte unread (reset)": reset,
            "an urgent byte comes": lambda: near.send(b"!", net.socket.MSG_OOB),
        },
    )  # fmt: skip


def _bits(net: Any) -> Callable[[Any], str]:
    names = ("POLLIN", "POLLPRI", "POLLOUT", "POLLERR", "POLLHUP", "POLLNVAL")

    def told(found: Any) -> str:
        return ", ".join(
            " ".join(name for name in names if bits & getattr(net.select, name)) for _, bits in found
        ) or "nothing"  # fmt: skip

    return told


@wait("select", "pselect6")
def select(net: Any) -> Wait:
    """a socket is watched that has nothing to read"""
    return _watching(
        net, lambda sock: lambda seconds: net.select.select([sock.fileno()], [], [], seconds),
        lambda found: "readable" if found[0] else "nothing",
    )  # fmt: skip


@wait("poll", "poll")
def poll(net: Any) -> Wait:
    """a socket is watched that has nothing to read"""

    def ask(sock: Any, seconds: float | None) -> Any:
        poller = net.select.poll()  # one for each thread: it refuses two at once
        poller.register(sock, net.select.POLLIN)
        return poller.poll(None if seconds is None else seconds * 1000)

    return _watching(net, lambda sock: partial(ask, sock), _bits(net))


@wait("epoll.poll", "epoll_wait")
def epoll_poll(net: Any) -> Wait:
    """a socket is watched that has nothing to read"""
    epoll = keep(net.select.epoll())
    other = keep(net.socket.socket(type=net.socket.SOCK_DGRAM))

    def make(sock: Any) -> Ask:
        epoll.register(sock, net.select.EPOLLIN)
        return epoll.poll  # type: ignore[no-any-return]  # of a module made for the net

    def register() -> None:
        epoll.register(other, net.select.EPOLLOUT)

    made = _watching(net, make, _bits(net), register)
    made.ways["another socket is registered, and is ready"] = register
    made.ways["the epoll itself is closed"] = lambda: net.socket.close(epoll.fileno())
    return made


@wait("DefaultSelector.select", "epoll_wait")
def selector(net: Any) -> Wait:
    """a socket is watched that has nothing to read"""
    chosen = keep(net.selectors.DefaultSelector())
    other = keep(net.socket.socket(type=net.socket.SOCK_DGRAM))

    def make(sock: Any) -> Ask:
        chosen.register(sock, net.selectors.EVENT_READ)
        return chosen.select  # type: ignore[no-any-return]  # of a module made for the net

    def register() -> None:
        chosen.register(other, net.selectors.EVENT_WRITE)

    made = _watching(net, make, lambda found: "readable" if found else "nothing", register)
    made.ways["another socket is registered, and is ready"] = register
    return made


# ---------------------------------------------------------------- time, threads, locks


@wait("time.sleep", "clock_nanosleep")
def sleep(net: Any) -> Wait:
    """nothing is waited for but time"""
    return Wait(lambda: net.time.sleep(0.35), lambda: None, limited=net.time.sleep, times_out=False, twice=False)


@wait("Thread.join", FUTEX)
def join(net: Any) -> Wait:
    """the thread has not ended"""
    event = net.threading.Event()
    thread = net.threading.Thread(target=event.wait, daemon=True)
    thread.start()
    return Wait(
        thread.join, event.set, limited=thread.join, times_out=False, ways={"the thread ends": event.set}
    )  # fmt: skip


def _truth(value: Any) -> str:
    return "True" if value else "False"


@wait("Lock.acquire", FUTEX)
def acquire(net: Any) -> Wait:
    """somebody holds it"""
    lock = net.threading.Lock()
    lock.acquire()
    return Wait(
        lock.acquire, lock.release, _truth, limited=lambda seconds: lock.acquire(timeout=seconds), times_out=False,
        ways={"it is released": lock.release},
    )  # fmt: skip


@wait("Semaphore.acquire", FUTEX)
def acquire_semaphore(net: Any) -> Wait:
    """its value is 0"""
    semaphore = net.threading.Semaphore(0)
    return Wait(
        semaphore.acquire, semaphore.release, _truth, limited=lambda seconds: semaphore.acquire(timeout=seconds),
        times_out=False, ways={"it is released": semaphore.release},
    )  # fmt: skip


@wait("Condition.wait", FUTEX)
def wait_for_condition(net: Any) -> Wait:
    """nobody has notified"""
    condition = net.threading.Condition()

    def waits(seconds: float | None = None) -> Any:
        with condition:
            return condition.wait(seconds)

    def notify() -> None:
        with condition:
            condition.notify()

    def notify_all() -> None:
        with condition:
            condition.notify_all()

    return Wait(
        waits, notify, _truth, limited=waits, times_out=False, ways={"notify()": notify, "notify_all()": notify_all}
    )  # fmt: skip


@wait("Event.wait", FUTEX)
def wait_for_event(net: Any) -> Wait:
    """it is not set"""
    event = net.threading.Event()
    return Wait(event.wait, event.set, _truth, limited=event.wait, times_out=False, ways={"it is set": event.set})


@wait("Barrier.wait", FUTEX)
def wait_at_barrier(net: Any) -> Wait:
    """another thread is to come"""
    barrier = net.threading.Barrier(2)
    return Wait(
        barrier.wait, barrier.wait, str, limited=barrier.wait, times_out=False, twice=False,
        ways={"the last thread comes": barrier.wait, "it is broken off (abort)": barrier.abort},
    )  # fmt: skip


@wait("Queue.get", FUTEX)
def get(net: Any) -> Wait:
    """it is empty"""
    queue = net.queue.Queue()

    def put() -> None:
        queue.put("item")

    return Wait(
        queue.get, put, str, limited=lambda seconds: queue.get(timeout=seconds), times_out=False,
        ways={"an item is put": put},
    )  # fmt: skip


@wait("Queue.put", FUTEX)
def put(net: Any) -> Wait:
    """it is full"""
    queue = net.queue.Queue(maxsize=1)
    queue.put("item")
    return Wait(
        lambda: queue.put("item"), queue.get, lambda _: "put",
        limited=lambda seconds: queue.put("item", timeout=seconds), times_out=False,
        ways={"an item is taken": queue.get},
    )  # fmt: skip


@wait("Queue.join", FUTEX)
def join_queue(net: Any) -> Wait:
    """an item is not done"""
    queue = net.queue.Queue()
    queue.put("item")
    done = queue.task_done
    return Wait(queue.join, done, times_out=False, ways={"the last item is done (task_done)": done})
