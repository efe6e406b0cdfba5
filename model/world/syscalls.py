"""The calls of a host, by name: look the descriptor up, take the socket's lock, fire the rule, let go.

While a call runs it holds the socket's lock: segments that arrive for this very socket wait, and are processed at its
end, before the call returns to the program. That is why a non-blocking connect on loopback says "in progress" and is
connected nevertheless, and why a sender hears of acknowledgements only when its send is over.

Not here: what any call does. Each is a few lines that lead to a machine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..endpoint import Endpoint
from ..errorqueue import ERROR_QUEUE, QueueEvent
from ..rules import Machine
from ..sockets.descriptors import DESCRIPTOR, Descriptor, DescriptorEvent, DescriptorState
from ..sockets.life import SOCKET, LifeEvent
from ..sockets.options import NotModelled, getsockopt, setsockopt
from ..tcp import backlog
from ..tcp.block import Tcb
from ..tcp.closing import FINISHING
from ..tcp.machine import TCP, URGENT, TcpEvent, UrgentEvent
from ..udp.machine import UDP, UdpEvent, UdpSocket
from ..values.addresses import Address
from ..values.constants import (
    FIONREAD,
    MSG_CONFIRM,
    MSG_CTRUNC,
    MSG_DONTROUTE,
    MSG_DONTWAIT,
    MSG_ERRQUEUE,
    MSG_MORE,
    MSG_NOSIGNAL,
    MSG_OOB,
    MSG_PEEK,
    MSG_TRUNC,
    MSG_WAITALL,
    SIOCATMARK,
    SIOCOUTQNSD,
    TIOCOUTQ,
    WAKES_ALL,
    TcpState,
)
from ..values.messages import Ancillary, fitted
from ..values.results import Answer, Block, Done
from ..waiting import epoll, polling
from ..waiting.interest import Epoll, Wish

if TYPE_CHECKING:
    from .host import Host

Call = Callable[..., Answer]
CALLS: dict[str, Call] = {}

MAKES = ("socket", "epoll_create", "epoll_create1")
"""The calls that make a descriptor out of nothing."""
SEND_FLAGS = (
    MSG_DONTWAIT | MSG_NOSIGNAL | MSG_OOB | MSG_PEEK | MSG_MORE | MSG_TRUNC | MSG_WAITALL | MSG_CONFIRM | MSG_DONTROUTE
)
"""MSG_CONFIRM tells ARP that the peer lives, and MSG_DONTROUTE keeps to hosts of the same link: all are here."""
RECEIVE_FLAGS = SEND_FLAGS | MSG_ERRQUEUE


def _call(function: Call) -> Call:
    CALLS[function.__name__.rstrip("_")] = function
    return function


def _closed(host: Host, fd: int, *, ioctl: bool = False) -> Answer:
    """What a call for sockets answers where there is none: the descriptor is closed, or an epoll's."""
    return DESCRIPTOR.fire(  # type: ignore[no-any-return]
        host.trail, DescriptorEvent.CALL, _descriptor(fd, host), host, ioctl
    )


def _descriptor(fd: int, host: Host) -> Descriptor:
    return Descriptor(fd, DescriptorState.CLOSED if host.file(fd) is None else DescriptorState.OPEN)


def _locked(host: Host, machine: Machine, event: int, tcb: Tcb, *args: Any) -> Answer:
    tcb.busy = True
    answer: Answer = machine.fire(host.trail, event, tcb, *args, host)
    backlog.unlock(tcb, host)
    return answer


def _without_port(host: Host, udp: Endpoint) -> Answer | None:
    """Give a UDP socket that has no port one; what the call answers if none is left."""
    if udp.holds_port:
        return None
    return UDP.fire(host.trail, UdpEvent.AUTOBIND, udp, host)  # type: ignore[no-any-return]


def _check_flags(flags: int, modelled: int) -> None:
    unknown = flags & ~modelled
    if unknown:
        raise NotModelled(f"message flags {unknown:#x} are not modelled yet")


@_call
def socket(host: Host, family: int, kind: int, proto: int) -> Answer:
    return DESCRIPTOR.fire(  # type: ignore[no-any-return]
        host.trail, DescriptorEvent.SOCKET, Descriptor(-1), family, kind, proto, host
    )


@_call
def close(host: Host, fd: int, lingers: bool = False) -> Answer:
    """`lingers`: whoever calls waits if SO_LINGER asks for it, and calls again; meanwhile the descriptor is there."""
    file = host.file(fd)
    if file is None:
        return _closed(host, fd)
    shared = file.duplicates > 0
    if lingers and isinstance(file, Tcb):
        if file.number in host.watchers:
            epoll.close(file.number, host)
        _locked(host, TCP, TcpEvent.CLOSE, file)
        if file.state in FINISHING:
            return Block("the peer to acknowledge everything")
    answer: Answer = DESCRIPTOR.fire(
        host.trail, DescriptorEvent.CLOSE, Descriptor(fd, DescriptorState.OPEN), shared, host
    )
    if shared:
        host.close_duplicate(fd)
        return answer
    if isinstance(file, Epoll):
        host.close_epoll(fd)
        return answer
    end = file
    if end.number in host.watchers:
        epoll.close(end.number, host)
    if isinstance(end, Tcb):
        end.busy = True
        TCP.fire(host.trail, TcpEvent.CLOSE, end, host)
        host.close_descriptor(end)
        backlog.unlock(end, host)
    else:
        UDP.fire(host.trail, UdpEvent.CLOSE, end, host)
        host.close_descriptor(end)
    return answer


@_call
def dup(host: Host, fd: int, least: int = 0, inheritable: bool = False) -> Answer:
    """A further descriptor for the same file, the lowest free one from `least` on."""
    descriptor = _descriptor(fd, host)
    if descriptor.state is DescriptorState.CLOSED:
        return _closed(host, fd)
    return DESCRIPTOR.fire(  # type: ignore[no-any-return]
        host.trail, DescriptorEvent.DUP, descriptor, least, inheritable, host
    )


@_call
def fcntl(host: Host, fd: int, command: int, value: int = 0) -> Answer:
    """F_GETFD, F_SETFD, F_GETFL. F_DUPFD is `dup`, F_SETFL is `setblocking`."""
    descriptor = _descriptor(fd, host)
    if descriptor.state is DescriptorState.CLOSED:
        return _closed(host, fd)
    return DESCRIPTOR.fire(  # type: ignore[no-any-return]
        host.trail, DescriptorEvent.FLAGS, descriptor, command, value, host
    )


@_call
def bind(host: Host, fd: int, address: Address) -> Answer:
    end = host.descriptors.get(fd)
    if end is None:
        return _closed(host, fd)
    return SOCKET.fire(host.trail, LifeEvent.BIND, end, address, host)  # type: ignore[no-any-return]


@_call
def listen(host: Host, fd: int, backlog: int) -> Answer:
    end = host.descriptors.get(fd)
    if end is None:
        return _closed(host, fd)
    if isinstance(end, Tcb):
        return TCP.fire(host.trail, TcpEvent.PASSIVE_OPEN, end, backlog, host)  # type: ignore[no-any-return]
    return UDP.fire(host.trail, UdpEvent.LISTEN, end, host)  # type: ignore[no-any-return]


@_call
def accept(host: Host, fd: int, set_aside: int | None = None) -> Answer:
    """`set_aside` is the number that a call which waits took when it began: the kernel does so before it looks at the
    socket (__sys_accept4_file).
    """
    if host.numbers.is_full() and set_aside is None:
        refused: Answer | None = DESCRIPTOR.offer(host.trail, DescriptorEvent.ACCEPT, _descriptor(fd, host), host)
        if refused is not None:
            return refused
    end = host.descriptors.get(fd)
    if end is None:
        return _closed(host, fd)
    if isinstance(end, Tcb):
        host.numbers.promised = set_aside
        answer: Answer = TCP.fire(host.trail, TcpEvent.ACCEPT, end, host)
        host.numbers.promised = None
        return answer
    return UDP.fire(host.trail, UdpEvent.ACCEPT, end, host)  # type: ignore[no-any-return]


@_call
def connect(host: Host, fd: int, address: Address, woken: bool = False) -> Answer:
    """`woken`: the call has waited for the outcome of an attempt, and looks again."""
    end = host.descriptors.get(fd)
    if end is None:
        return _closed(host, fd)
    if isinstance(end, Tcb):
        if woken:
            return _locked(host, SOCKET, LifeEvent.CONNECT_WOKEN, end)
        return _locked(host, SOCKET, LifeEvent.CONNECT, end, address)
    if (refused := _without_port(host, end)) is not None:
        return refused
    return UDP.fire(host.trail, UdpEvent.CONNECT, end, address, host)  # type: ignore[no-any-return]


@_call
def send(host: Host, fd: int, data: bytes, flags: int = 0) -> Answer:
    return sendto(host, fd, data, flags, None)


@_call
def sendto(host: Host, fd: int, data: bytes, flags: int, address: Address | None) -> Answer:
    """MSG_DONTROUTE makes a connected UDP socket look its route up anew, as if the peer's address was given."""
    end = host.descriptors.get(fd)
    if end is None:
        return _closed(host, fd)
    if flags:
        _check_flags(flags, SEND_FLAGS)
    if isinstance(end, Tcb):
        return _locked(host, TCP, TcpEvent.SEND, end, data, flags)
    if (refused := _without_port(host, end)) is not None:
        return refused
    if flags & MSG_DONTROUTE and address is None and end.remote[1]:
        address = end.remote
    return UDP.fire(host.trail, UdpEvent.SEND, end, data, flags, address, host)  # type: ignore[no-any-return]


@_call
def sendmsg(
    host: Host, fd: int, data: bytes, flags: int, address: Address | None, ancillary: Sequence[Ancillary]
) -> Answer:
    """A message, whose buffers were put together. What goes with it makes UDP look its route up anew, as if the peer's
    address was given.
    """
    end = host.descriptors.get(fd)
    _check_flags(flags, SEND_FLAGS & ~MSG_OOB)
    if end is not None and ancillary:
        refused = None if isinstance(end, Tcb) else _without_port(host, end)
        if refused is None:
            refused = SOCKET.offer(host.trail, LifeEvent.ANCILLARY, end, ancillary, len(data), address, host)
        if refused is not None:
            return refused
        if address is None and end.remote[1]:
            address = end.remote
    return sendto(host, fd, data, flags, address)


@_call
def recv(host: Host, fd: int, wanted: int, flags: int = 0) -> Answer:
    answer = recvfrom(host, fd, wanted, flags)
    return Done(answer.value[0]) if type(answer) is Done else answer


@_call
def recvfrom(host: Host, fd: int, wanted: int, flags: int = 0) -> Answer:
    end = host.descriptors.get(fd)
    if end is None:
        return _closed(host, fd)
    if flags:
        _check_flags(flags, RECEIVE_FLAGS)
        if flags & MSG_ERRQUEUE:
            return _first_two(_read_report(host, end, wanted, 0))
    if isinstance(end, Tcb):
        machine, event = (URGENT, UrgentEvent.RECEIVE) if flags & MSG_OOB else (TCP, TcpEvent.RECEIVE)
        answer = _locked(host, machine, event, end, wanted, flags)
        return Done((answer.value, None)) if type(answer) is Done else answer
    return UDP.fire(host.trail, UdpEvent.RECEIVE, end, wanted, flags, host)  # type: ignore[no-any-return]


def _first_two(answer: Answer) -> Answer:
    return Done(answer.value[::3]) if type(answer) is Done else answer


@_call
def recvmsg(host: Host, fd: int, wanted: int, flags: int, room: int) -> Answer:
    """A message: its bytes, the ancillary data that `room` bytes hold, its flags, and whose it is."""
    end = host.descriptors.get(fd)
    _check_flags(flags, RECEIVE_FLAGS & ~MSG_OOB)
    if end is not None and flags & MSG_ERRQUEUE:
        return _read_report(host, end, wanted, room)
    waits = len(end.first.data) if isinstance(end, UdpSocket) and end.first is not None else 0
    answer = recvfrom(host, fd, wanted, flags)
    if type(answer) is not Done:
        return answer
    data, address = answer.value
    return Done((data, [], MSG_TRUNC if waits > wanted else 0, address))


def _read_report(host: Host, end: Endpoint, wanted: int, room: int) -> Answer:
    answer: Answer = ERROR_QUEUE.fire(host.trail, QueueEvent.READ_REPORT, end, host)
    if not isinstance(answer, Done):
        return answer
    report = answer.value
    items, missing = fitted([report.item()], room)
    flags = MSG_ERRQUEUE | (MSG_TRUNC if len(report.data) > wanted else 0) | (MSG_CTRUNC if missing else 0)
    return Done((report.data[:wanted], items, flags, report.goal))


@_call
def shutdown(host: Host, fd: int, how: int) -> Answer:
    end = host.descriptors.get(fd)
    if end is None:
        return _closed(host, fd)
    refused: Answer | None = SOCKET.offer(host.trail, LifeEvent.DIRECTION, end, how, host)
    if refused is not None:
        return refused
    if not isinstance(end, Tcb):
        answer: Answer = UDP.fire(host.trail, UdpEvent.SHUTDOWN, end, how, host)
        host.wake(end, WAKES_ALL)
        return answer
    end.busy = True
    answer = SOCKET.fire(host.trail, LifeEvent.SHUTDOWN, end, how, host)
    host.wake(end, WAKES_ALL)
    backlog.unlock(end, host)
    return answer


@_call
def getsockname(host: Host, fd: int) -> Answer:
    return _of_any(host, fd, LifeEvent.GETSOCKNAME)


@_call
def getpeername(host: Host, fd: int) -> Answer:
    return _of_any(host, fd, LifeEvent.GETPEERNAME)


def _of_any(host: Host, fd: int, event: LifeEvent) -> Answer:
    end = host.descriptors.get(fd)
    if end is None:
        return _closed(host, fd)
    return SOCKET.fire(host.trail, event, end, host)  # type: ignore[no-any-return]


@_call
def setblocking(host: Host, fd: int, blocking: bool) -> Answer:
    end = host.descriptors.get(fd)
    if end is not None:
        end.nonblocking = not blocking
    elif fd in host.epolls:
        host.epolls[fd].nonblocking = not blocking
    else:
        return _closed(host, fd)
    return DESCRIPTOR.fire(  # type: ignore[no-any-return]
        host.trail, DescriptorEvent.SET_BLOCKING, Descriptor(fd, DescriptorState.OPEN), host
    )


@_call
def setsockopt_(host: Host, fd: int, level: int, option: int, value: int | bytes) -> Answer:
    end = host.descriptors.get(fd)
    if end is None:
        return _closed(host, fd)
    if not isinstance(end, Tcb):
        return setsockopt(end, level, option, value, host)
    end.busy = True
    try:
        return setsockopt(end, level, option, value, host)
    finally:
        backlog.unlock(end, host)


@_call
def getsockopt_(host: Host, fd: int, level: int, option: int, buflen: int = 0) -> Answer:
    end = host.descriptors.get(fd)
    return _closed(host, fd) if end is None else getsockopt(end, level, option, buflen, host)


@_call
def ioctl(host: Host, fd: int, request: int) -> Answer:
    end = host.descriptors.get(fd)
    if end is None:
        return _closed(host, fd, ioctl=True)
    return ioctl_of(end, request, host)


def ioctl_of(end: Endpoint, request: int, host: Host) -> Answer:
    """FIONREAD, TIOCOUTQ and SIOCATMARK of an endpoint. SIOCOUTQNSD is counted from TIOCOUTQ, and only TCP has it.
    Others raise `NotModelled`.
    """
    tcp = isinstance(end, Tcb)
    machine: Machine
    event: int
    if request == FIONREAD:
        machine, event = (TCP, TcpEvent.FIONREAD) if tcp else (UDP, UdpEvent.FIONREAD)
    elif request == TIOCOUTQ or (tcp and request == SIOCOUTQNSD):
        machine, event = (TCP, TcpEvent.TIOCOUTQ) if tcp else (UDP, UdpEvent.TIOCOUTQ)
    elif request in (SIOCATMARK, SIOCOUTQNSD):
        machine, event = (URGENT, UrgentEvent.ATMARK) if tcp else (UDP, UdpEvent.ATMARK)
    else:
        raise NotModelled(
            f"ioctl request {request:#x} is not modelled; modelled are FIONREAD, TIOCOUTQ, SIOCOUTQNSD, SIOCATMARK"
        )
    answer: Answer = machine.fire(host.trail, event, end, host)
    if request == SIOCOUTQNSD and isinstance(end, Tcb) and isinstance(answer, Done):
        connecting = end.state in (TcpState.SYN_SENT, TcpState.SYN_RECEIVED)
        return Done(0 if connecting else end.unsent_bytes)
    return answer


@_call
def poll(host: Host, asked: list[tuple[int, int]]) -> Answer:
    answer = Done(polling.poll(asked, host))
    return DESCRIPTOR.fire(  # type: ignore[no-any-return]
        host.trail, DescriptorEvent.POLL, Descriptor(-1, DescriptorState.OPEN), answer, host
    )


@_call
def select(host: Host, reads: list[int], writes: list[int], excepts: list[int], woken: bool = False) -> Answer:
    """`woken`: it has waited and looks again. That all are open is asked only when it begins (max_select_fd)."""
    for fd in () if woken else (*reads, *writes, *excepts):
        if host.file(fd) is None:
            return _closed(host, fd)
    answer = Done(polling.select(reads, writes, excepts, host))
    return DESCRIPTOR.fire(  # type: ignore[no-any-return]
        host.trail, DescriptorEvent.SELECT, Descriptor(-1, DescriptorState.OPEN), answer, host
    )


# ---------------------------------------------------------------- epoll


@_call
def epoll_create(host: Host, size: int) -> Answer:
    return DESCRIPTOR.fire(  # type: ignore[no-any-return]
        host.trail, DescriptorEvent.EPOLL_CREATE, Descriptor(-1), size, 0, host
    )


@_call
def epoll_create1(host: Host, flags: int) -> Answer:
    return DESCRIPTOR.fire(  # type: ignore[no-any-return]
        host.trail, DescriptorEvent.EPOLL_CREATE, Descriptor(-1), 1, flags, host
    )


@_call
def epoll_ctl(host: Host, fd: int, operation: int, watched: int, events: int = 0, data: int | None = None) -> Answer:
    """`data` is what reports name the file by: its descriptor, if it is not said."""
    file = host.file(watched)
    for each in (fd, watched):
        if host.file(each) is None:
            return _closed(host, each)
    instance = host.epolls.get(fd)
    if instance is None or file is None:
        return _no_epoll(host, fd)
    wish = Wish(instance, file, operation, events & 0xFFFFFFFF, watched if data is None else data)
    return epoll.control(wish, watched, host)


@_call
def epoll_wait(host: Host, fd: int, most: int) -> Answer:
    """With a zero time-out: `(data, events)` of at most `most` files."""
    refused: Answer | None = DESCRIPTOR.offer(host.trail, DescriptorEvent.EPOLL_WAIT, _descriptor(fd, host), most, host)
    if refused is not None:
        return refused
    instance = host.epolls.get(fd)
    if instance is None:
        return _no_epoll(host, fd) if fd in host.descriptors else _closed(host, fd)
    return Done(epoll.wait(instance, most, host))


def _no_epoll(host: Host, fd: int) -> Answer:
    return DESCRIPTOR.fire(  # type: ignore[no-any-return]
        host.trail, DescriptorEvent.EPOLL_CALL, Descriptor(fd, DescriptorState.OPEN), host
    )
