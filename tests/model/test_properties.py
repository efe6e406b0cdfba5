"""What holds of the model in every state that random programs bring it to: its own laws, without a kernel.

Hypothesis draws programs from the operations of the cross-check, with waits in between, and after each step every law
is held against the whole host; a law that is broken comes as the shortest program that breaks it. What a socket *would*
answer is asked of a copy of the host, so that asking changes nothing.

The laws are of five kinds: numbers that must be in order (RFC 9293 §3.4), accounts that must add up (memory), timers
that only the living may have, epolls that know of whom they watch and lose no wake-up, and promises: poll and FIONREAD
say what the next call will do.

Not here: whether the kernel does the same (that is the cross-check).
"""

from __future__ import annotations

import errno
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model.choices import Seeded
from model.endpoint import Endpoint
from model.tcp.block import Tcb, Urgent
from model.udp.machine import UdpSocket
from model.udp.memory import truesize
from model.values.constants import (
    EPOLLET,
    EPOLLEXCLUSIVE,
    FIONREAD,
    POLL_ALL,
    POLLERR,
    POLLHUP,
    POLLIN,
    POLLOUT,
    POLLRDHUP,
    TcpState,
)
from model.values.results import Answer, Done, Fail
from model.waiting.interest import Interest, Item
from model.world.host import Host
from wouldblock.crosscheck.operations import FAMILIES, Operation

from .programs import Program
from .traces import ModelNet, established

STEPS = 25
QUICK = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
PLENTY = 1 << 24
POLL_BITS = 0xFFFF

Law = Callable[[Host], None]


def tcbs(host: Host) -> list[Tcb]:
    return [end for end in host.endpoints.values() if isinstance(end, Tcb)]


def udps(host: Host) -> list[UdpSocket]:
    return [end for end in host.endpoints.values() if isinstance(end, UdpSocket)]


# ---------------------------------------------------------------- numbers in order


def sequence_numbers_are_in_order(host: Host) -> None:
    """SND.UNA =< SND.NXT =< what was handed over, and what was read is no more than what arrived."""
    for tcb in tcbs(host):
        if tcb.state not in (TcpState.CLOSED, TcpState.LISTEN):
            assert tcb.iss <= tcb.snd_una <= tcb.snd_nxt <= tcb.write_seq
            assert tcb.copied_seq <= tcb.rcv_nxt
            assert tcb.rcv_wup <= tcb.rcv_nxt
            assert tcb.rcv_nxt <= tcb.rcv_wup + tcb.rcv_wnd + 1, "a FIN may lie behind the window"


def queues_have_no_gaps(host: Host) -> None:
    """From the oldest unacknowledged byte to the last handed over, and from the next to be read to the next to come."""
    for tcb in tcbs(host):
        if tcb.state in (TcpState.CLOSED, TcpState.LISTEN, TcpState.TIME_WAIT):
            continue
        out = [*tcb.unacked, *tcb.unsent]
        assert all(first.end == second.seq for first, second in pairwise(out))
        if out:
            assert out[0].seq <= tcb.snd_una < out[0].end
            assert out[-1].end == tcb.write_seq
            assert (tcb.unsent[0].seq if tcb.unsent else out[-1].end) == tcb.snd_nxt
        assert sum(item.length - item.offset for item in tcb.received) == tcb.readable_bytes
        assert sum(buffer.segments for buffer in tcb.unacked) == tcb.in_flight


# ---------------------------------------------------------------- accounts that add up


def memory_adds_up(host: Host) -> None:
    """What is charged is what lies in the queues, no more and never less than nothing. (A record that waits out
    TIME-WAIT has neither queues nor accounts.)
    """
    for tcb in tcbs(host):
        assert tcb.wmem == sum(buffer.truesize for buffer in (*tcb.unsent, *tcb.unacked))
        arrived = [item.truesize for item in tcb.received] + [kept.truesize for kept in tcb.out_of_order]
        assert tcb.rmem == sum(arrived) + reported(tcb)
        assert all(one.truesize > 0 for one in tcb.unsent)
        assert all(one.truesize > 0 for one in tcb.received)
        assert tcb.backlog_bytes == 0
    for udp in udps(host):
        assert udp.rmem - udp.owed - reported(udp) == sum(truesize(one) for one in (*udp.reading, *udp.arrived))
        assert udp.owed >= 0
        assert udp.wmem == sum(buffer.truesize for buffer in (udp.corked.buffers if udp.corked else ()))
        assert (udp.rmem - reported(udp) + udp.reserved) % host.profile.page == 0


def reported(end: Endpoint) -> int:
    """What reports of errors take of the receive buffer, in bytes."""
    return sum(report.truesize for report in end.reports)


def only_unacknowledged_buffers_are_held(host: Host) -> None:
    assert host.held <= {buffer.number for tcb in tcbs(host) for buffer in tcb.unacked}


def nothing_is_under_way(host: Host) -> None:
    """Between calls the wire is empty and nobody holds a lock."""
    assert not host.wire
    assert not host.delivering
    assert all(not tcb.busy and not tcb.backlog and not tcb.ack_deferred for tcb in tcbs(host))


def tables_name_the_living(host: Host) -> None:
    ends = host.endpoints
    named = {*host.connections.values(), *host.listeners}
    named |= {n for ports in (host.ports, host.udp_ports) for held in ports.held.values() for n in held}
    named |= {number for tcb in tcbs(host) for number in tcb.accept_queue}
    assert named <= set(ends)
    assert all(ends[host.connections[pair]].local == pair[0] for pair in host.connections)
    assert all(host.tcb(number).state is TcpState.LISTEN for number in host.listeners)
    assert all(end.fd is None or host.descriptors[end.fd] is end for end in ends.values())
    duplicates = Counter(end.number for end in host.descriptors.values())
    assert duplicates == {end.number: 1 + end.duplicates for end in host.descriptors.values()}
    duplicates = Counter(epoll.number for epoll in host.epolls.values())
    assert duplicates == {number: 1 + epoll.duplicates for number, epoll in host.instances.items()}
    assert set(host.names) == {*host.descriptors, *host.epolls}
    assert not host.descriptors.keys() & host.epolls.keys()


# ---------------------------------------------------------------- epolls


def items(host: Host) -> list[Item]:
    return [item for epoll in host.instances.values() for item in epoll.items.values()]


def epolls_and_files_know_of_each_other(host: Host) -> None:
    """What is watched is open, and each epoll that says so watches it; exclusive watchers stand behind the others."""
    files = {end.number for end in host.descriptors.values()} | {*host.instances}
    assert all(item.number in files and item.state is not Interest.OFF for item in items(host))
    watchers = [item for row in host.watchers.values() for item in row]
    assert {id(item) for item in watchers} == {id(item) for item in items(host)}
    for row in host.watchers.values():
        manners = [bool(item.events & EPOLLEXCLUSIVE) for item in row]
        assert row
        assert manners == sorted(manners)


def the_ready_are_in_the_list(host: Host) -> None:
    for epoll in host.epolls.values():
        ready = {key for key, item in epoll.items.items() if item.state is Interest.READY}
        assert set(epoll.ready) == ready
        assert all(epoll.items[key] is item for key, item in epoll.ready.items())


def no_wake_up_is_lost(host: Host) -> None:
    """A file that is ready for what was asked for is in the list, unless that was told before: as an edge, or once."""
    for item in items(host):
        file = host.descriptors.get(item.fd)
        if (
            file is not None
            and file.number == item.number
            and item.state is Interest.IDLE
            and not item.events & EPOLLET
        ):
            answer = asked_of_a_copy(host, "poll", [(item.fd, item.events & POLL_BITS)])
            assert answer == Done([])


# ---------------------------------------------------------------- timers


def the_closed_have_no_timers(host: Host) -> None:
    armed = [tcb for tcb in tcbs(host) if any(deadline is not None for deadline in tcb.timers)]
    assert [tcb.state for tcb in armed if tcb.state in (TcpState.CLOSED, TcpState.LISTEN)] == []


def armed_timers_will_fire(host: Host) -> None:
    """Every deadline lies ahead, on a tick, and the host knows of it."""
    known = {(number, timer, deadline) for deadline, _, number, timer in host.timers}
    for tcb in tcbs(host):
        for timer, deadline in enumerate(tcb.timers):
            assert deadline is None or (tcb.number, timer, deadline) in known
            assert deadline is None or (deadline > host.now_ns and deadline % host.profile.jiffy_ns == 0)


def what_is_unacknowledged_has_a_timer(host: Host) -> None:
    """Else a loss would be for ever. What waits behind a closed window has one as well."""
    for tcb in tcbs(host):
        if tcb.state in (TcpState.CLOSED, TcpState.TIME_WAIT):
            continue
        if tcb.unacked or tcb.unsent:
            assert tcb.timers[0] is not None


# ---------------------------------------------------------------- promises


def asked_of_a_copy(host: Host, name: str, *args: object) -> Answer:
    assert isinstance(host.policy, Seeded)
    return host.fork(host.policy.clone()).call(name, *args)


def polled(host: Host) -> Iterator[tuple[int, int]]:
    """(descriptor, revents) of every socket that is open."""
    for fd in host.descriptors:
        answer = asked_of_a_copy(host, "poll", [(fd, POLL_ALL)])
        assert isinstance(answer, Done)
        yield fd, dict(answer.value).get(fd, 0)


def writable_takes_a_byte(host: Host) -> None:
    """POLLOUT without an error: a send of one byte succeeds, unless that direction is shut or nobody is connected; or
    it would make a datagram too long that is held back, and then it says so.
    """
    for fd, bits in polled(host):
        end = host.descriptors[fd]
        unconnected_udp = isinstance(end, UdpSocket) and not end.remote[1]
        if bits & POLLOUT and not bits & (POLLERR | POLLHUP) and not end.write_shut and not unconnected_udp:
            answer = asked_of_a_copy(host, "send", fd, b"x", 0)
            held_back = isinstance(end, UdpSocket) and end.corked is not None
            assert answer == Done(1) or (held_back and answer == Fail(errno.EMSGSIZE))


def writable_never_blocks(host: Host) -> None:
    """And whatever else it answers, it is not EAGAIN. What poll calls unwritable may take a byte all the same."""
    for fd, bits in polled(host):
        if bits & POLLOUT:
            answer = asked_of_a_copy(host, "send", fd, b"x", 0)
            assert not (isinstance(answer, Fail) and answer.name == "EAGAIN")


def leaves_urgent_byte_out(end: Endpoint) -> bool:
    """Whether the next recv begins by passing over an urgent byte."""
    return isinstance(end, Tcb) and end.at_mark and end.readable_bytes > 0 and not end.urgent_inline


def bytes_before_mark(end: Endpoint) -> int:
    """How many bytes lie before an urgent one that is not the next; beyond all counting if there is none."""
    if isinstance(end, Tcb) and end.urgent is not Urgent.NONE and end.rcv_up > end.copied_seq:
        return end.rcv_up - end.copied_seq
    return PLENTY


def readable_never_blocks(host: Host) -> None:
    """POLLIN: recv, or accept, does not answer EAGAIN; but a datagram socket shut for reading does, having no end, and
    a stream may where nothing but an urgent byte waits and hardly any window is left. Without it nothing is there, or
    less than SO_RCVLOWAT asks for.
    """
    for fd, bits in polled(host):
        end = host.descriptors[fd]
        call = ("accept", fd) if isinstance(end, Tcb) and end.state is TcpState.LISTEN else ("recv", fd, PLENTY, 0)
        answer = asked_of_a_copy(host, *call)
        blocks = isinstance(answer, Fail) and answer.name == "EAGAIN"
        if bits & POLLIN and not (isinstance(end, UdpSocket) and end.read_shut):
            assert not blocks or (leaves_urgent_byte_out(end) and isinstance(end, Tcb) and end.readable_bytes == 1)
        if not bits & POLLIN and isinstance(answer, Done):
            assert 0 < len(answer.value) < end.rcvlowat


def an_end_of_file_was_announced(host: Host) -> None:
    """recv gives an empty result on a stream only with POLLRDHUP, or a hang-up."""
    for fd, bits in polled(host):
        if isinstance(host.descriptors[fd], Tcb) and asked_of_a_copy(host, "recv", fd, PLENTY, 0) == Done(b""):
            assert bits & (POLLRDHUP | POLLHUP)


def fionread_is_what_recv_gives(host: Host) -> None:
    """To the byte, for a stream all of it and for datagrams the next; 0 where recv gives nothing or fails, and before
    an urgent byte that recv would pass over. One that lies in the stream farther on is counted, and so is what is
    behind it; but recv stops before it.
    """
    for fd, end in host.descriptors.items():
        count = asked_of_a_copy(host, "ioctl", fd, FIONREAD)
        answer = asked_of_a_copy(host, "recv", fd, PLENTY, 0)
        if isinstance(count, Done) and not end.error:
            given = len(answer.value) if isinstance(answer, Done) else 0
            reachable = min(count.value, bytes_before_mark(end))
            assert reachable == (0 if leaves_urgent_byte_out(end) else given)


LAWS: tuple[Law, ...] = (
    sequence_numbers_are_in_order, queues_have_no_gaps, memory_adds_up, only_unacknowledged_buffers_are_held,
    nothing_is_under_way, tables_name_the_living, the_closed_have_no_timers, armed_timers_will_fire,
    what_is_unacknowledged_has_a_timer, epolls_and_files_know_of_each_other, the_ready_are_in_the_list,
    no_wake_up_is_lost, writable_takes_a_byte, writable_never_blocks, readable_never_blocks,
    an_end_of_file_was_announced, fionread_is_what_recv_gives,
)  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
@QUICK
@given(data=st.data())
def test_every_law_holds_after_every_step(family: str, data: st.DataObject) -> None:
    program = Program(family, lambda most: data.draw(st.integers(0, most - 1)))
    done: list[Operation] = []
    for _ in range(STEPS):
        done.append(program.step())
        for law in LAWS:
            try:
                law(program.host)
            except AssertionError as broken:
                broken.add_note(f"{law.__name__} is broken after {done}")
                raise


@pytest.mark.parametrize("family", FAMILIES)
@QUICK
@given(data=st.data())
def test_nothing_is_left_when_all_is_closed_and_ten_minutes_have_passed(family: str, data: st.DataObject) -> None:
    program = Program(family, lambda most: data.draw(st.integers(0, most - 1)))
    for _ in range(STEPS):
        program.step()
    program.close()
    host = program.host
    assert (host.endpoints, host.descriptors, host.connections, host.listeners) == ({}, {}, {}, [])
    assert (host.epolls, host.watchers) == ({}, {})
    assert (host.ports.held, host.udp_ports.held, host.held, host.next_deadline()) == ({}, {}, set(), None)


# ---------------------------------------------------------------- streams

SIZES = st.sampled_from([1, 2, 100, 576, 1152, 4000]) | st.integers(1, 5000)
BUFFERS = st.sampled_from([0, 1, 2304, 10_000])
ACTIONS = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from(["send", "send", "recv", "wait", "shut"]), SIZES), max_size=25
)


@QUICK
@given(actions=ACTIONS, sndbuf=BUFFERS, rcvbuf=BUFFERS, nodelay=st.booleans())
def test_what_is_received_is_what_was_sent(
    actions: list[tuple[int, str, int]], sndbuf: int, rcvbuf: int, nodelay: bool
) -> None:
    """In order, nothing twice, nothing missing: at any time a beginning of it, with time all of it, then the end."""
    net = ModelNet()
    ends = established(net, sndbuf=sndbuf, rcvbuf=rcvbuf, nodelay=nodelay)
    sent, got, shut = [bytearray(), bytearray()], [bytearray(), bytearray()], [False, False]
    for who, what, size in actions:
        if what == "send" and not shut[who]:
            start = len(sent[who])
            data = bytes(at % 251 for at in range(start, start + size))
            count = ends[who].send(data)
            sent[who] += data[:count] if isinstance(count, int) else b""
        elif what == "recv":
            data = ends[who].recv(size)
            got[who] += data if isinstance(data, bytes) else b""
        elif what == "shut":
            ends[who].shutdown()
            shut[who] = True
        elif what == "wait":
            net.wait(size / 1000)
        for side in (0, 1):
            assert sent[1 - side].startswith(got[side])
    for _ in range(2 + max(len(data) for data in sent) // 400):
        net.wait(130)
        for side in (0, 1):
            while ends[side].readable():
                got[side] += ends[side].recv()
    assert got == sent[::-1]
    assert [end.recv() for end in ends] == [b"" if shut[1 - side] else "EAGAIN" for side in (0, 1)]
    if not any(shut):
        assert [end.unacknowledged() for end in ends] == [0, 0]
