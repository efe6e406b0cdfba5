"""A host: its sockets, its tables, its loopback wire, its timers.

Loopback is a queue of packets and nothing else. A packet that a *program's call* sends is delivered, and everything
it provokes, before the call goes on; a packet sent while another is being delivered waits in line behind it. A socket
that is locked by a call keeps its packets until the call is over. These three sentences are the whole of what makes
loopback deterministic.

Time is an integer of nanoseconds that others advance. A timer fires on a tick of the kernel's clock, never early, and
the later the farther off it is (wheel.py).

A packet for another host goes to the `link`, which gives no answer; what comes from there goes to `receive`. These two,
`next_deadline` and `sleep_until` are all that the world, a wire or a bridge needs of a host.

Not here: further hosts and the wires between them (world.py, wire.py).
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import Any

import attrs

from ..choices import SECRET, Choice, Policy
from ..endpoint import FOR_EVER_TICKS, Endpoint, clone
from ..profiles import Profile
from ..rules import Arrow
from ..sockets.numbers import Numbers
from ..sockets.options.table import heirlooms
from ..sockets.ports import Ports
from ..tcp import backlog, closing, memory, reading
from ..tcp.algorithms import set_algorithm
from ..tcp.arrival import arrive
from ..tcp.block import Pending, Tcb, Timer
from ..tcp.machine import CONNECTING, REQUEST, TCP, RequestEvent, TcpEvent
from ..tcp.output import reset_in_answer
from ..tcp.requests import lost_listener
from ..trace import CallEvent, TimerEvent, Trace, WireEvent
from ..udp import sending
from ..udp.broadcast import receivers
from ..udp.machine import UDP, UdpEvent, UdpSocket, UdpState
from ..udp.memory import take_over
from ..values.addresses import ANY, EVERYBODY, LOOPBACK, LOOPBACK_BROADCAST, Address, is_local, is_one
from ..values.constants import FIONREAD, POLL_ALL, POLL_ALWAYS, TIOCOUTQ, TcpState
from ..values.observation import Observation
from ..values.packets import IcmpError
from ..values.quoting import message_about
from ..values.results import Answer, Done, Fail
from ..values.segments import Buffer, Datagram, Fragment, IcmpMessage, Packet, Segment, destination
from ..waiting import epoll, sleeping
from ..waiting.interest import Epoll, Item
from ..waiting.readiness import note_full, readiness
from .accounts import Accounts, take_down
from .device import Device, Waiting
from .errors import error_arrives
from .fragments import Reassembly
from .pace import Pace
from .routes import PathMtus, leaving
from .syscalls import CALLS, MAKES, ioctl_of
from .wheel import Place, Rank, firing_tick, level_of
from .wire import as_received

_TIMER_EVENTS = {
    Timer.DELAYED_ACK: TcpEvent.DELAYED_ACK_DUE,
    Timer.COMPRESSED_ACK: TcpEvent.COMPRESSED_ACK_DUE,
    Timer.TIME_WAIT: TcpEvent.TIME_WAIT_OVER,
    Timer.KEEPALIVE: TcpEvent.KEEPALIVE_DUE,
}
_PENDING_EVENTS = {
    Pending.RETRANSMIT: TcpEvent.RETRANSMIT_DUE,
    Pending.TAIL_PROBE: TcpEvent.TAIL_PROBE_DUE,
    Pending.REORDERING: TcpEvent.REORDERING_DUE,
    Pending.WINDOW_PROBE: TcpEvent.PROBE_DUE,
}
PINNED, SHARED, FINE = 0, 1, 2
"""Timers that fire at one moment: first those that stay on their processor, then those that may be handed to another,
then those of high resolution.
"""
HEADERS = 40
"""IPv4 and TCP without options, in bytes."""
_UNOBSERVED: list[Arrow] = []


@attrs.define(eq=False)
class Host:
    """One host and everything on it."""

    name: str
    profile: Profile
    policy: Policy
    trace: Trace | None = None
    now_ns: int = 0
    pace: Pace | None = None
    """How long work within a call takes, if it takes any (pace.py)."""
    ends_ns: int = 0
    """When the call at hand was over: it does not take longer."""
    trail: list[Arrow] = attrs.Factory(list)
    """Arrows of the rules that fired since the last call began, in order."""
    asked: list[tuple[Choice, int, int, int | None, int]] = attrs.Factory(list)
    """Choices asked since the last call began: choice, low, high, predicted, answered."""
    endpoints: dict[int, Endpoint] = attrs.Factory(dict)
    descriptors: dict[int, Endpoint] = attrs.Factory(dict)
    """Several may mean one socket (`Endpoint.duplicates`). Negative ones are no program's (`keep`)."""
    epolls: dict[int, Epoll] = attrs.Factory(dict)
    """By descriptor, as `descriptors` are; a number is in one of the two."""
    instances: dict[int, Epoll] = attrs.Factory(dict)
    """Epolls by what they are numbered with as files, however many descriptors each has."""
    numbers: Numbers = attrs.Factory(Numbers)
    watch_limit: int | None = None
    """How many files all epolls may watch in all (fs.epoll.max_user_watches); None: as many as they like."""
    watchers: dict[int, list[Item]] = attrs.Factory(dict)
    """Endpoint or epoll → those that watch it, in the order in which they are woken."""
    sleepers: sleeping.Queues = attrs.Factory(dict)
    """Endpoint or epoll → the threads that sleep on it."""
    names: dict[int, str] = attrs.Factory(dict)
    """What a descriptor is called in traces: each by a name of its own, duplicates too."""
    connections: dict[tuple[Address, Address], int] = attrs.Factory(dict)
    listeners: list[int] = attrs.Factory(list)
    ports: Ports = attrs.Factory(Ports)
    udp_ports: Ports = attrs.Factory(Ports)
    held: set[int] = attrs.Factory(set)
    """Buffers that a sender still keeps because they are not acknowledged."""
    secret: int | None = None
    """What initial sequence numbers and clocks of timestamps are hashed with; None until the first is."""
    next_iss: int = 0
    """With what the connection begins whose SYN is being handed on; 0: as ever."""
    pages: int = 0
    """Bytes copied so far to the page fragments that all senders share."""
    page_users: set[int] = attrs.Factory(set)
    """Endpoints that were given bytes since the last page was begun."""
    addresses: tuple[str, ...] = ()
    """Its own addresses beside those of loopback."""
    network: str = ""
    """The beginning that addresses on the wire have in common; empty without a wire."""
    link: Callable[[Packet], None] | None = None
    """Where packets for other hosts go."""
    takes_runs: bool = False
    """Whether the link takes a run of segments in one piece, and who gets it shares the sender's memory."""
    device: Device | None = None
    """What holds packets for other hosts back; None: they leave at once."""
    path_mtu: Callable[[str], int] | None = None
    """Largest IP packet that the interface to an address on the wire carries, in bytes."""
    unroutable: set[str] = attrs.Factory(set)
    """Addresses of the wire's network that there is no route to."""
    path_mtus: PathMtus = attrs.Factory(PathMtus)
    reassembly: Reassembly = attrs.Factory(Reassembly)
    errors_outside: int = 0
    """ICMP errors that quoted a segment which was not on its way (OutOfWindowIcmps)."""
    errors_unclaimed: int = 0
    """ICMP errors about nothing that is known here (InErrors)."""
    misdirected: int = 0
    """Packets for another's address, or from an impossible one."""
    malformed: int = 0
    """Packets that arrived with a wrong checksum, and were dropped."""
    wire: deque[Packet] = attrs.Factory(deque)
    delivering: bool = False
    first_tick: int = attrs.field(default=attrs.Factory(lambda self: self.profile.first_tick, takes_self=True))
    """What the count of ticks was at the time 0: where it stands decides how late timers are (wheel.py)."""
    tick_served: int = -(1 << 60)
    """The tick behind the last one whose timers fired: the wheel's own, if it is ahead of the clock's."""
    timers: list[tuple[int, Rank, int, int]] = attrs.Factory(list)
    """Heap of (deadline, rank, endpoint, timer); an entry whose deadline is not the endpoint's any more is passed over.
    """
    counter: int = 0
    sockets_made: int = 0
    epolls_made: int = 0

    # ------------------------------------------------------------ calls

    def call(self, name: str, *args: object) -> Answer:
        """Make a call and record it. `name` is one of `syscalls.CALLS`; the arguments' types were checked by the
        caller.
        """
        self.trail.clear()
        self.asked.clear()
        if self.trace is None:
            return CALLS[name](self, *args)
        fd = args[0] if args and type(args[0]) is int and name not in MAKES else None
        before = self.names.get(fd) if fd is not None else None
        answer = CALLS[name](self, *args)
        self._record(name, before, args[1:] if fd is not None else args, answer)
        return answer

    def _record(self, name: str, socket: str | None, args: tuple[object, ...], answer: Answer) -> None:
        assert self.trace is not None
        if name == "socket" and isinstance(answer, Done):
            socket, answer = self.names[answer.value], Done(self.names[answer.value])
        elif name == "accept":
            args = ()
            if isinstance(answer, Done):
                answer = Done((self.names[answer.value[0]], answer.value[1]))
        elif name == "connect":
            args = args[:1]
        elif name == "dup":
            args = args[:1] if args and args[0] else ()
            if isinstance(answer, Done):
                answer = Done(self.names[answer.value])
        elif name == "recvmsg" and isinstance(answer, Done):
            answer = Done((answer.value[0][: args[0]], *answer.value[1:]))  # what more was counted is not said
        elif name == "poll" and isinstance(answer, Done):
            args = ([(self._name(fd), events) for fd, events in args[0]],)  # type: ignore[attr-defined]
            answer = Done([(self._name(fd), events) for fd, events in answer.value])
        elif name.startswith("epoll_c") and isinstance(answer, Done) and answer.value is not None:
            socket, answer = self.names[answer.value], Done(self.names[answer.value])
        elif name == "epoll_ctl":
            operation, watched, *events = args
            args = (operation, self._name(watched), *events)  # type: ignore[arg-type]
        elif name == "epoll_wait" and isinstance(answer, Done):
            answer = Done([(self._name(fd), events) for fd, events in answer.value])
        elif name == "select":
            args = tuple([self._name(fd) for fd in fds] for fds in args[:3])  # type: ignore[attr-defined]
            if isinstance(answer, Done):
                answer = Done(tuple([self._name(fd) for fd in fds] for fds in answer.value))
        args = tuple(bytes(a) if isinstance(a, memoryview | bytearray) else a for a in args)
        rules = tuple(arrow.rule.name for arrow in self.trail if arrow.machine == arrow.rule.machine)
        seen = self.seen()
        accounts: tuple[tuple[str, Accounts], ...] = ()
        if self.trace.wants_accounts:
            named = sorted((fd, end) for fd, end in self.descriptors.items() if fd >= 0)
            accounts = tuple((self.names[fd], take_down(end, self)) for fd, end in named)
        self.trace.add(CallEvent(self.now_ns, self.name, name, socket, args, answer, rules, seen, accounts))

    def seen(self) -> tuple[tuple[str, Observation], ...]:
        """What can be seen of every open socket now, by name."""
        return tuple((self.names[fd], self.observe(fd)) for fd in sorted(self.descriptors) if fd >= 0)

    def _name(self, fd: int) -> str:
        return self.names.get(fd, "closed")

    def observe(self, fd: int) -> Observation:
        """What can be seen of one open socket now. Not a call: no rule fires, but looking leaves the traces it leaves
        in the kernel.
        """
        end = self.descriptors[fd]
        mask = readiness(end) & (POLL_ALL | POLL_ALWAYS)
        if isinstance(end, UdpSocket):
            take_over(end)
            first = len(end.first.data) if end.first is not None else 0
            accounts = end.rmem, end.rcvbuf, end.wmem, end.sndbuf, end.reserved
            return Observation(mask, first, end.wmem, 0, end.drops, *accounts)
        assert isinstance(end, Tcb)
        note_full(end)
        trail, self.trail = self.trail, _UNOBSERVED
        reads, writes = ioctl_of(end, FIONREAD, self), ioctl_of(end, TIOCOUTQ, self)
        self.trail = trail
        _UNOBSERVED.clear()
        notsent = 0 if end.state is TcpState.LISTEN else max(end.unsent_bytes, 0)
        memory = end.rmem, end.rcvbuf, end.wmem, end.sndbuf, end.reserved, notsent
        return Observation(mask, _number(reads), _number(writes), int(end.state), end.drops, *memory)

    def choose(self, choice: Choice, low: int, high: int, predicted: int | None, subject: object) -> int:
        """Ask whoever decides; a range with a single value is no choice and is not asked."""
        if low == high:
            return low
        answer = self.policy.choose(choice, low, high, predicted, subject)
        self.asked.append((choice, low, high, predicted, answer))
        return answer

    # ------------------------------------------------------------ sockets and tables

    def new_tcb(self) -> Tcb:
        profile = self.profile
        tcb = Tcb(self._number_endpoint(), host_name=self.name, sndbuf=profile.tcp_wmem[1], rcvbuf=profile.tcp_rmem[1])
        tcb.window_ratio, tcb.window_rounds_up = profile.window_ratio, not profile.window_ratio_measured
        set_algorithm(tcb, profile.congestion_control)
        self.endpoints[tcb.number] = tcb
        return tcb

    def new_udp(self) -> UdpSocket:
        profile = self.profile
        udp = UdpSocket(
            self._number_endpoint(), host_name=self.name, sndbuf=profile.udp_wmem, rcvbuf=profile.udp_rmem
        )  # fmt: skip
        self.endpoints[udp.number] = udp
        return udp

    def new_child(self, listener: Tcb, segment: Segment) -> Tcb:
        """The control block of a connection to `listener` that begins with this SYN. It has no port of its own yet."""
        child = self.new_tcb()
        child.local, child.remote, child.listener = segment.dst, segment.src, listener.number
        child.rcvbuf, child.rcvbuf_locked = listener.rcvbuf, listener.rcvbuf_locked
        child.window_clamp, child.window_ratio = listener.window_clamp, listener.window_ratio
        child.user_mss, child.write_seq = listener.user_mss, self.next_iss
        self.connections[child.local, child.remote] = child.number
        return child

    def inherit(self, child: Tcb, listener: Tcb) -> None:
        """The connection is made: buffers and options are those that the listener has now, and it holds its port."""
        self.stop_timers(child)  # that of the request was its own
        child.sndbuf, child.rcvbuf = listener.sndbuf, listener.rcvbuf
        child.sndbuf_locked, child.rcvbuf_locked = listener.sndbuf_locked, listener.rcvbuf_locked
        child.nodelay, child.nagle_waived, child.corked = listener.nodelay, listener.nagle_waived, listener.corked
        child.rcvlowat, child.notsent_lowat = listener.rcvlowat, listener.notsent_lowat
        child.receive_ticks, child.send_ticks = listener.receive_ticks, listener.send_ticks
        child.reuse_address, child.urgent_inline = listener.reuse_address, listener.urgent_inline
        child.lingers, child.linger_ticks = listener.lingers, listener.linger_ticks
        child.read_shut, child.write_shut = listener.read_shut, listener.write_shut
        child.hears_errors, child.path_discovery = listener.hears_errors, listener.path_discovery
        set_algorithm(child, listener.control_name)
        child.keepalive, child.user_timeout_ns = listener.keepalive, listener.user_timeout_ns
        child.keep_idle_ns, child.keep_interval_ns = listener.keep_idle_ns, listener.keep_interval_ns
        child.keep_count, child.syn_retries = listener.keep_count, listener.syn_retries
        child.pingpong, child.orphan_waits_s = listener.pingpong, listener.orphan_waits_s
        child.draws_port_late, child.broadcasts = listener.draws_port_late, listener.broadcasts
        child.stored = heirlooms(listener)
        self.ports.hold(child)

    def leave_behind(self, tcb: Tcb) -> Tcb:
        """A record that takes the place of `tcb` in the tables, without its descriptor and its bytes."""
        record = clone(tcb)
        record.number, record.fd, record.listener = self._number_endpoint(), None, None
        for queue in (record.received, record.backlog, record.unacked, record.unsent):
            queue.clear()
        record.reports.clear()
        record.rmem = record.wmem = record.reserved = record.backlog_bytes = 0
        record.busy = record.ack_deferred = record.ack_scheduled = False
        self.endpoints[record.number] = record
        self.ports.hold(record)
        self.connections[record.local, record.remote] = record.number
        return record

    def _number_endpoint(self) -> int:
        self.counter += 1
        return self.counter

    def tcb(self, number: int) -> Tcb:
        tcb = self.endpoints[number]
        assert isinstance(tcb, Tcb)
        return tcb

    def next_buffer(self) -> int:
        return self.next_order()

    def next_order(self) -> int:
        """A number larger than any before."""
        self.counter += 1
        return self.counter

    def open_descriptor(self, end: Endpoint) -> int:
        """Give `end` the lowest free descriptor, or the one that was promised, and a name for traces."""
        fd = self.numbers.promised
        if fd is None:
            fd = self.numbers.take()
        self.descriptors[fd] = end
        end.fd = fd
        self.sockets_made += 1
        self.names[fd] = f"s{self.sockets_made}"
        return fd

    def open_epoll(self) -> int:
        """Make an epoll and give it the lowest free descriptor, and a name for traces."""
        fd = self.numbers.take()
        instance = self.epolls[fd] = Epoll(self._number_endpoint(), fd)
        self.instances[instance.number] = instance
        self.epolls_made += 1
        self.names[fd] = f"e{self.epolls_made}"
        return fd

    def file(self, fd: int) -> Endpoint | Epoll | None:
        """What is open under a descriptor; None if nothing is."""
        return self.descriptors.get(fd) or self.epolls.get(fd)

    def duplicate(self, fd: int, least: int) -> int:
        """A further descriptor for the file under `fd`, the lowest free one from `least` on, with a name of its own."""
        new = self.numbers.take(least)
        self._share(fd, new)
        if fd in self.epolls:
            self.epolls_made += 1
            self.names[new] = f"e{self.epolls_made}"
        else:
            self.sockets_made += 1
            self.names[new] = f"s{self.sockets_made}"
        return new

    def keep(self, fd: int) -> int:
        """A call waits on the file under `fd`, which lives on until that call is over even if nobody can name it any
        more (fget(), fput()). Under which number, a negative one, it is to be closed then.
        """
        kept = min([*self.descriptors, *self.epolls, -1]) - 1  # -1 is what a program has that has no descriptor
        self._share(fd, kept)
        self.names[kept] = self.names[fd]
        return kept

    def _share(self, fd: int, new: int) -> None:
        table: dict[int, Any] = self.epolls if fd in self.epolls else self.descriptors
        table[new] = table[fd]
        table[new].duplicates += 1

    def close_duplicate(self, fd: int) -> None:
        """One of several descriptors of a file is gone."""
        table: dict[int, Any] = self.epolls if fd in self.epolls else self.descriptors
        file = table.pop(fd)
        file.duplicates -= 1
        if file.fd == fd:
            file.fd = max(each for each, other in table.items() if other is file)
        self._forget_descriptor(fd)

    def close_epoll(self, fd: int) -> None:
        """The epoll is gone: whoever watched it, and whatever it watched."""
        instance = self.epolls.pop(fd)
        epoll.close(instance.number, self)
        epoll.release(instance, self)
        del self.instances[instance.number]
        self._forget_descriptor(fd)

    def close_descriptor(self, end: Endpoint) -> None:
        """The last descriptor of a socket is gone."""
        assert end.fd is not None
        del self.descriptors[end.fd]
        self._forget_descriptor(end.fd)
        end.fd = None

    def _forget_descriptor(self, fd: int) -> None:
        del self.names[fd]
        if fd >= 0:
            self.numbers.give_back(fd)

    def wake(self, end: Endpoint, bits: int) -> None:
        """Wake those who wait for this endpoint. `bits` say what for (`WAKES_READERS` and so on); 0 is for anything."""
        if end.number in self.watchers or end.number in self.sleepers:
            epoll.wake(end.number, bits, self)

    def beds(self, fds: Iterable[int]) -> sleeping.Beds:
        """The files behind descriptors, for a thread to sleep on; those that are not open are passed over."""
        numbers = dict.fromkeys(file.number for file in map(self.file, fds) if file is not None)
        return sleeping.Beds(self.sleepers, tuple(numbers), self.next_order)

    def is_nonblocking(self, fd: int) -> bool:
        """Whether the file under a descriptor has O_NONBLOCK."""
        file = self.file(fd)
        return file is not None and file.nonblocking

    def has_error(self, fd: int) -> bool:
        """Whether the next call would report an error that the socket has met."""
        return self.descriptors[fd].error != 0

    def low_water(self, fd: int, wanted: int, flags: int) -> int:
        """How many bytes a recv that waits goes on for; of a datagram socket the first datagram is enough."""
        end = self.descriptors[fd]
        return reading.low_water(end, wanted, flags) if isinstance(end, Tcb) else 1

    def follows_nothing(self, fd: int) -> bool:
        """Whether a recv that has bytes can get no more: at the end, before an error, or at the mark."""
        end = self.descriptors[fd]
        return isinstance(end, Tcb) and reading.follows_nothing(end)

    def is_connecting(self, fd: int) -> bool:
        """Whether the connection of a stream is not there yet."""
        end = self.descriptors.get(fd)
        return isinstance(end, Tcb) and end.state in CONNECTING

    def gives_up_ns(self, fd: int, *, sends: bool) -> int | None:
        """When a call that begins to wait now gives up, to send and connect or to receive and accept; None: never."""
        end = self.descriptors[fd]
        return self._wait_ends_ns(end.send_ticks if sends else end.receive_ticks)

    def closes_by_ns(self, fd: int) -> int | None:
        """When a close() that lingers and begins now gives up; None: never."""
        ticks = self.descriptors[fd].linger_ticks
        return self._wait_ends_ns(ticks if ticks < FOR_EVER_TICKS else None)

    def lingers(self, fd: int) -> bool:
        """Whether close() of a descriptor waits: it is the last one, and SO_LINGER asks for it."""
        end = self.descriptors.get(fd)
        return isinstance(end, Tcb) and not end.duplicates and closing.lingers(end)

    def _wait_ends_ns(self, ticks: int | None) -> int | None:
        if ticks is None:
            return None
        tick_ns = self.profile.jiffy_ns
        asked = self.now_ns // tick_ns + self.first_tick + ticks
        return (firing_tick(asked, level_of(ticks)) - self.first_tick) * tick_ns if ticks else self.now_ns

    def ports_of(self, end: Endpoint) -> Ports:
        return self.ports if isinstance(end, Tcb) else self.udp_ports

    def bound(self, end: Endpoint) -> None:
        if isinstance(end, UdpSocket):
            UDP.fire(self.trail, UdpEvent.BOUND, end, self)

    def is_open(self, end: Endpoint) -> bool:
        """Whether the protocol's state forbids bind: TCP not CLOSED, UDP connected."""
        if isinstance(end, Tcb):
            return end.state is not TcpState.CLOSED
        assert isinstance(end, UdpSocket)
        return end.state is UdpState.CONNECTED

    def has_peer(self, end: Endpoint) -> bool:
        if isinstance(end, Tcb):
            closed = (TcpState.CLOSED, TcpState.SYN_SENT, TcpState.LISTEN)
            return end.state not in closed and end.remote[1] != 0
        assert isinstance(end, UdpSocket)
        return end.state is UdpState.CONNECTED and end.remote[1] != 0

    def remove(self, end: Endpoint) -> None:
        """Forget an endpoint altogether."""
        self.leave_tables(end)
        self.ports_of(end).release(end)
        if isinstance(end, Tcb):
            memory.let_go_all(end, self)
        self.endpoints.pop(end.number, None)

    def leave_tables(self, end: Endpoint) -> None:
        """Segments and connection attempts do not find this endpoint any more."""
        if self.connections.get((end.local, end.remote)) == end.number:
            del self.connections[end.local, end.remote]
        if end.number in self.listeners:
            self.listeners.remove(end.number)
        if isinstance(end, Tcb):
            self.stop_timers(end)

    # ------------------------------------------------------------ the wire

    def transmit(self, packet: Packet, sender: UdpSocket | None = None) -> bool:
        """Send a packet. Over loopback, outside a delivery, it and all it provokes are delivered before this returns.

        `sender` is charged for the buffers of a datagram until they have left the host. Whether all of it is on its
        way: a device may have no room for it, or for its last fragments.
        """
        carriers = packet.buffers if isinstance(packet, Datagram) else ()
        if self.link is None or self.keeps(destination(packet)):
            if self.trace is not None:
                self._note(packet)
            self._leave(sender, carriers)
            if not self.keeps(destination(packet)):
                return True  # what a route leads to that its address does not is nobody's
            self._wait_in_line(packet)
            if not self.delivering:
                self._deliver_all()
            return True
        parts = [*leaving(packet, self)]
        if self.device is not None and len(parts) == len(carriers or parts):
            return self._queue(parts, sender, carriers)
        for at, part in enumerate(parts):
            self._leave(sender, carriers[at : at + 1] if at + 1 < len(parts) else carriers[at:])
            self._put_on_link(part)
        return True

    def _put_on_link(self, packet: Packet) -> None:
        assert self.link is not None
        if self.trace is not None:
            self._note(packet)
        self.link(packet)

    def _queue(self, parts: list[Packet], sender: UdpSocket | None, carriers: tuple[Buffer, ...]) -> bool:
        """Hand a packet's parts to the device, each with its charge. With the first that finds no room, those behind
        it are lost, too (`ip_do_fragment`).
        """
        assert self.device is not None
        number = 0 if sender is None else sender.number
        for at, part in enumerate(parts):
            if not self.device.take(Waiting(part, number, carriers[at].truesize if carriers else 0)):
                self._leave(sender, carriers[at:])
                return False
            self.serve_device()
        return True

    def serve_device(self) -> None:
        """Let leave what the device may send by now; nobody is charged for it any more."""
        while self.device is not None and (gone := self.device.leave(self.now_ns)) is not None:
            self._uncharge(gone)
            self._put_on_link(gone.packet)

    def purge_device(self) -> None:
        """Throw away what waits in the device; nobody is charged for it any more."""
        for gone in self.device.purge() if self.device is not None else ():
            self._uncharge(gone)

    def _uncharge(self, gone: Waiting) -> None:
        end = self.endpoints.get(gone.sender)
        if isinstance(end, UdpSocket):
            sending.free(end, gone.truesize, self)

    def _leave(self, sender: UdpSocket | None, carriers: Iterable[Buffer]) -> None:
        """Buffers have left the host, and their sender is not charged for them any more."""
        if sender is not None:
            for buffer in carriers:
                sending.free(sender, buffer.truesize, self)

    def _note(self, packet: Packet) -> None:
        assert self.trace is not None
        kind = "segment" if isinstance(packet, Segment) else "datagram"
        self.trace.add(WireEvent(self.now_ns, self.name, self.text(packet), kind, packet))

    def receive(self, packet: Packet) -> None:
        """A packet arrives from outside; it and all it provokes are processed before this returns.

        One for another's address, or from an impossible one, is dropped without a word (`ip_route_input_slow`).
        """
        if isinstance(packet, Fragment):
            whole = self.reassembly.add(packet, self.now_ns)
            if whole is None:
                return
            packet = as_received(whole, self.profile.buffer_overhead)
        if self.is_misdirected(packet):
            return
        self._wait_in_line(packet)
        self._deliver_all()

    def is_misdirected(self, packet: Packet) -> bool:
        """Whether a packet that has come from outside is for another's address, or for loopback, or from an impossible
        one, such as the host's own (`fib_validate_source`). That is counted.
        """
        if not isinstance(packet, Segment | Datagram):
            return False
        to, source = packet.dst[0], packet.src[0]
        if self.owns(to) and not is_local(to) and is_one(source) and not self.owns(source):
            return False
        self.misdirected += 1
        return True

    def _wait_in_line(self, packet: Packet) -> None:
        self.wire.append(packet)

    def _deliver_all(self) -> None:
        self.delivering = True
        while self.wire:
            self._deliver(self.wire.popleft())
        self.delivering = False

    def owns(self, ip: str) -> bool:
        """Whether a packet for `ip` is for this host."""
        return is_local(ip) or ip in self.addresses

    def keeps(self, ip: str) -> bool:
        """Whether a packet to `ip` does not leave this host: it is for this host, or for everybody on loopback."""
        return self.owns(ip) or ip in (LOOPBACK_BROADCAST, EVERYBODY)

    def reaches(self, ip: str) -> bool:
        """Whether there is a route to `ip`."""
        return self.owns(ip) or bool(self.network and ip.startswith(self.network) and ip not in self.unroutable)

    def source_for(self, ip: str) -> str:
        """The address that packets to `ip` come from, unless the socket is bound."""
        if is_local(ip) or ip == LOOPBACK_BROADCAST or not self.addresses:
            return LOOPBACK
        return ip if ip in self.addresses else self.addresses[0]

    def interface_mtu(self, ip: str) -> int:
        """The largest IP packet that the interface to `ip` carries, in bytes."""
        if self.path_mtu is None or self.keeps(ip):
            return self.profile.loopback_mtu
        return self.path_mtu(ip)

    def known_mtu(self, ip: str) -> int:
        """The largest IP packet that gets to `ip`, as far as is known, in bytes."""
        found = self.path_mtus.find(ip, self.now_ns)
        return self.interface_mtu(ip) if found is None else found.mtu

    def learn_path_mtu(self, ip: str, mtu: int) -> None:
        """A router says that packets to `ip` may have so many bytes."""
        self.path_mtus.learn(ip, mtu, self.interface_mtu(ip), self.now_ns, self.profile)

    def path_mss(self, ip: str) -> int:
        """Payload of a full segment to `ip` that has no options, in bytes."""
        return self.known_mtu(ip) - HEADERS

    def hashed(self, *what: object) -> int:
        """A number of 32 bits that nobody can foretell who does not know the host's secret (RFC 6528 §3)."""
        if self.secret is None:
            self.secret = self.choose(SECRET, 0, (1 << 32) - 1, None, None)
        digest = blake2b(repr(what).encode(), digest_size=4, key=self.secret.to_bytes(4, "big"))
        return int.from_bytes(digest.digest(), "big")

    def text(self, packet: Packet) -> str:
        if isinstance(packet, IcmpMessage):
            number = self.connections.get((packet.src, packet.dst))
            return packet.text(self.tcb(number).iss if number is not None else packet.seq)
        if not isinstance(packet, Segment):
            return packet.text()
        number = self.connections.get((packet.src, packet.dst))
        tcb = self.endpoints.get(number) if number is not None else None
        if isinstance(tcb, Tcb):
            return packet.text(tcb.iss, tcb.irs)
        number = self.connections.get((packet.dst, packet.src))
        tcb = self.endpoints.get(number) if number is not None else None
        return packet.text(tcb.irs or packet.seq, tcb.iss) if isinstance(tcb, Tcb) else packet.text()

    def _deliver(self, packet: Packet) -> None:
        if isinstance(packet, Segment):
            self._deliver_segment(packet)
        elif isinstance(packet, Datagram):
            receiver = self.udp_receiver(packet.src, packet.dst)
            if packet.dst[0] in (LOOPBACK_BROADCAST, EVERYBODY):
                for each in receivers(packet, self):
                    UDP.fire(self.trail, UdpEvent.DATAGRAM, each, packet, self)
            elif receiver is not None:
                UDP.fire(self.trail, UdpEvent.DATAGRAM, receiver, packet, self)
            elif self.owns(packet.dst[0]):  # nobody else complains about it: an error has an address of its host's
                self.transmit(message_about(packet, IcmpError.PORT_UNREACHABLE))
        elif isinstance(packet, IcmpMessage):
            error_arrives(packet, self)

    def _deliver_segment(self, segment: Segment) -> None:
        if self.pace is not None:
            self._spend(self.pace.sending_ns)
        number = self.connections.get((segment.dst, segment.src))
        if number is not None and lost_listener(self.tcb(number), self):
            number = None
        tcb = self.tcb(number) if number is not None else self.listener(segment.dst)
        if tcb is None:
            reset_in_answer(segment, self)
        elif tcb.busy:
            backlog.put_off(tcb, segment, self)
        else:
            self.process(tcb, segment)

    def process(self, tcb: Tcb, segment: Segment) -> None:
        """A segment has arrived for a socket that nobody has locked."""
        if self.pace is not None:
            self._spend(self.pace.arriving_ns)
        arrive(tcb, segment, self)

    def hand_on(self, segment: Segment, iss: int) -> None:
        """A SYN whose old connection is gone: let the listener for its address have it, and begin with `iss`."""
        listener = self.listener(segment.dst)
        assert listener is not None
        self.next_iss = iss
        arrive(listener, segment, self)
        self.next_iss = 0

    def listener(self, address: Address) -> Tcb | None:
        """The listener for `address`: one bound to exactly it goes before one bound to the wildcard."""
        found = None
        for number in self.listeners:
            tcb = self.tcb(number)
            if tcb.local == address:
                return tcb
            if tcb.local == (ANY, address[1]):
                found = tcb
        return found

    def udp_receiver(self, src: Address, dst: Address) -> UdpSocket | None:
        """The socket that gets a datagram: connected to its source before unconnected, exact address before
        wildcard.
        """
        best, best_score = None, -1
        for number in reversed(self.udp_ports.held.get(dst[1], ())):
            udp = self.endpoints[number]
            assert isinstance(udp, UdpSocket)
            if udp.local[0] not in (ANY, dst[0]):
                continue
            if udp.state is UdpState.CONNECTED and not udp.hears(src):
                continue
            score = 2 * (udp.state is UdpState.CONNECTED) + (udp.local[0] != ANY)
            if score > best_score:
                best, best_score = udp, score
        return best

    # ------------------------------------------------------------ time

    @property
    def tick_ns(self) -> int:
        """When the last tick was: the kernel counts many times in ticks only (`jiffies`)."""
        return self.now_ns - self.now_ns % self.profile.jiffy_ns

    def copied(self, count: int) -> None:
        """A call has copied so many bytes: time for that goes by, if there is any."""
        if self.pace is not None:
            self._spend(count * self.pace.byte_ps // 1000)

    def _spend(self, time_ns: int) -> None:
        self.now_ns = max(self.now_ns, min(self.now_ns + time_ns, self.ends_ns))

    def set_timer(self, tcb: Tcb, timer: Timer, delay_ns: int) -> None:
        """Fire `timer` after `delay_ns`: not earlier, and as much later as the wheel has it (wheel.py)."""
        tick_ns = self.profile.jiffy_ns
        now = self.now_ns // tick_ns + self.first_tick
        asked = now - (-delay_ns // tick_ns)
        place = tcb.places[timer]
        if place is not None and place.deadline_ns <= self.now_ns:
            place = None
        if place is None or place.asked != asked:
            level = level_of(asked - max(now, self.tick_served))
            deadline_ns = (firing_tick(asked, level) - self.first_tick) * tick_ns
            if place is not None and (place.level, place.deadline_ns) == (level, deadline_ns):
                rank = place.rank
            else:
                self.counter += 1
                shared = timer is not Timer.TIME_WAIT and not tcb.is_request
                rank = (SHARED if shared else PINNED, -level, -self.counter)
            place = tcb.places[timer] = Place(asked, level, deadline_ns, rank)
        if tcb.timers[timer] != place.deadline_ns:
            tcb.timers[timer] = place.deadline_ns
            heapq.heappush(self.timers, (place.deadline_ns, place.rank, tcb.number, timer))

    def set_fine_timer(self, tcb: Tcb, timer: Timer, delay_ns: int) -> None:
        """Fire `timer` after `delay_ns`, without regard to ticks."""
        tcb.timers[timer] = self.now_ns + delay_ns
        self.counter += 1
        heapq.heappush(self.timers, (self.now_ns + delay_ns, (FINE, 0, self.counter), tcb.number, timer))

    def stop_timer(self, tcb: Tcb, timer: Timer) -> None:
        """Let it pass unnoticed. It stays in the wheel, which counts if it is set again."""
        tcb.timers[timer] = None

    def stop_timers(self, tcb: Tcb) -> None:
        """Take all of them out of the wheel."""
        tcb.timers, tcb.places = [None] * len(Timer), [None] * len(Timer)

    def next_deadline(self) -> int | None:
        """When the next timer fires, or the device sends, in nanoseconds; None if neither will."""
        timer, departure = self._next_timer(), self._next_departure()
        return departure if timer is None or (departure is not None and departure < timer) else timer

    def _next_departure(self) -> int | None:
        return None if self.device is None else self.device.next_departure()

    def _next_timer(self) -> int | None:
        while self.timers:
            deadline, _, number, timer = self.timers[0]
            end = self.endpoints.get(number)
            if isinstance(end, Tcb) and end.timers[timer] == deadline:
                return deadline
            heapq.heappop(self.timers)
        return None

    def due(self, until_ns: int) -> list[tuple[int, Timer]]:
        """The timers, as (endpoint, timer), whose deadline is at or before `until_ns`, in the order in which they
        will fire.
        """
        found = []
        for deadline, _, number, timer in sorted(entry for entry in self.timers if entry[0] <= until_ns):
            end = self.endpoints.get(number)
            if isinstance(end, Tcb) and end.timers[timer] == deadline:
                found.append((number, Timer(timer)))
        return found

    def fire_early(self, timers: Iterable[tuple[int, Timer]]) -> None:
        """Fire timers, as (endpoint, timer), now, whatever their deadlines; those of one tick together. One that was
        stopped meanwhile does nothing.
        """
        before: int | None = None
        for number, timer in timers:
            end = self.endpoints.get(number)
            deadline = end.timers[timer] if isinstance(end, Tcb) else None
            if isinstance(end, Tcb) and deadline is not None:
                if before not in (None, deadline):
                    self._deliver_all()
                before = deadline
                self._fire(end, timer)
        self._deliver_all()

    def sleep_until(self, at_ns: int) -> None:
        """Let time pass; timers fire in order of their deadlines, first set first."""
        while (deadline := self.next_deadline()) is not None and deadline <= at_ns:
            self.fire_next()
        self.now_ns = max(self.now_ns, at_ns)

    def fire_next(self, late_ns: int = 0) -> None:
        """Fire what is due next, or let the device send; `next_deadline` has said that there is something.

        It happens at its time, or at `late_ns` if that is later. All timers of a tick fire before anything that they
        send arrives (TIMER_SOFTIRQ is served before NET_RX_SOFTIRQ).
        """
        departure = self._next_departure()
        if departure is not None and departure == self.next_deadline() != self._next_timer():
            self.now_ns = max(self.now_ns, departure, late_ns)
            self.serve_device()
            return
        deadline, rank, number, timer = heapq.heappop(self.timers)
        self.now_ns = max(self.now_ns, deadline, late_ns)
        of_wheel = rank[0] < FINE
        if of_wheel:
            self.tick_served = self.now_ns // self.profile.jiffy_ns + self.first_tick + 1
        self._fire(self.tcb(number), Timer(timer))
        while of_wheel and self._next_timer() == deadline and self.timers[0][1][0] < FINE:
            _, _, number, timer = heapq.heappop(self.timers)
            self._fire(self.tcb(number), Timer(timer))
        self._deliver_all()

    def _fire(self, tcb: Tcb, timer: Timer) -> None:
        """Do what a timer was set for. What that sends waits in line, for the other timers of the tick go first."""
        tcb.timers[timer] = tcb.places[timer] = None
        if self.trace is not None:
            name = self.names.get(tcb.fd, "-") if tcb.fd is not None else "-"
            self.trace.add(TimerEvent(self.now_ns, self.name, name, timer.name.lower()))
        event = _TIMER_EVENTS.get(timer) or _PENDING_EVENTS[tcb.pending]
        self.delivering = True  # timers run where arriving packets are processed
        if tcb.is_request:
            if not lost_listener(tcb, self):
                REQUEST.fire(self.trail, RequestEvent.TIMEOUT, tcb, self)
        else:
            TCP.offer(self.trail, event, tcb, self)

    def crash(self) -> None:
        """Lose everything: sockets, connections, timers. Nothing is sent."""
        for table in (
            self.endpoints,
            self.descriptors,
            self.epolls,
            self.instances,
            self.watchers,
            self.sleepers,
            self.names,
            self.connections,
            self.held,
            self.page_users,
        ):
            table.clear()
        for row in (self.listeners, self.timers):
            row.clear()
        self.numbers = Numbers(self.numbers.limit)
        self.ports, self.udp_ports = Ports(), Ports()
        self.path_mtus, self.reassembly = PathMtus(), Reassembly()
        self.purge_device()

    # ------------------------------------------------------------ copies

    def fork(self, policy: Policy) -> Host:
        """An independent copy that goes on under another policy; the trace stays behind."""
        new = clone(self)
        new.policy, new.trace = policy, None
        new.endpoints = {number: clone(end) for number, end in self.endpoints.items()}
        new.descriptors = {fd: new.endpoints[end.number] for fd, end in self.descriptors.items()}
        new.instances, new.watchers = epoll.copies(self.instances, self.watchers)
        new.epolls = {fd: new.instances[each.number] for fd, each in self.epolls.items()}
        new.numbers = clone(self.numbers)
        new.ports, new.udp_ports = clone(self.ports), clone(self.udp_ports)
        new.device = clone(self.device) if self.device is not None else None
        new.path_mtus, new.reassembly = clone(self.path_mtus), self.reassembly.copy()
        return new


def _number(answer: Answer) -> int:
    if isinstance(answer, Done):
        return int(answer.value)
    assert isinstance(answer, Fail)
    return -answer.errno
