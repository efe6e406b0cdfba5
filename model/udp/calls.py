"""UDP's calls and what arrives for them.

A datagram goes whole or not at all; the sender is never told whether it arrived, except that a datagram to a closed
port comes back as an ICMP error, which only a connected socket hears of: as ECONNREFUSED of its *next* call,
whichever that is (icmp.py). A reader gets one datagram at a time and loses what does not fit its buffer.

A sender waits only while a device holds its datagrams back (sending.py).

Not here: what is held back until it is complete (assembling.py), reports of errors (errorqueue.py), who is everybody
(broadcast.py); groups.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from ..choices import NEVER_ALL_PORTS
from ..values.addresses import ANY, Address, is_local, target
from ..values.constants import (
    MSG_DONTWAIT,
    MSG_OOB,
    MSG_PEEK,
    MSG_TRUNC,
    SHUT_RD,
    SHUT_RDWR,
    SHUT_WR,
    WAKES_READERS,
)
from ..values.results import OK, Answer, Block, Done, Fail
from ..values.segments import Datagram
from . import buffers, memory, paths, sending
from .broadcast import is_for_everybody
from .machine import UDP, Corked, UdpEvent, UdpSocket, UdpState

if TYPE_CHECKING:
    from ..world.host import Host

S = UdpState
ONLY_WITH_DEVICE = "on loopback no device holds a datagram back"
NOT_DRAWN = "the random check draws addresses of single hosts; tests/simnet/test_broadcast.py asks both arms"
ALL = tuple(UdpState)
NOT_CONNECTED = (S.UNBOUND, S.BOUND)
READY = (S.BOUND, S.CONNECTED)


def _waits(udp: UdpSocket, flags: int) -> bool:
    return not (udp.nonblocking or flags & MSG_DONTWAIT)


def _usable(udp: UdpSocket, address: Address | None, host: Host) -> bool:
    return address is None or address[0] == ANY or host.reaches(address[0]) or is_for_everybody(udp, address)


def _leaves_from_loopback(udp: UdpSocket, to: Address | None, host: Host) -> bool:
    if to is None or is_for_everybody(udp, to):
        return False
    return is_local(udp.local[0]) and not host.owns(target(to, udp.local)[0])


def _may_not_address(udp: UdpSocket, to: Address | None) -> bool:
    return not udp.broadcasts and is_for_everybody(udp, to)


# ---------------------------------------------------------------- names


@UDP.rule(on=UdpEvent.BOUND, moves={S.UNBOUND: S.BOUND}, cite="bind(2)")
def udp_gets_a_port(udp: UdpSocket, host: Host) -> None:
    """The socket has a port: datagrams can arrive."""


@UDP.rule(
    on=UdpEvent.AUTOBIND, stays=(S.UNBOUND,), when=lambda udp, host: host.udp_ports.none_is_left(host),
    cite="inet_autobind, EAGAIN", unconfirmed=NEVER_ALL_PORTS,
)  # fmt: skip
def first_use_finds_no_port(udp: UdpSocket, host: Host) -> Answer:
    """A socket without a port is to send or to connect, and no port is left: EAGAIN, before all else."""
    return Fail(errno.EAGAIN)


@UDP.rule(
    on=UdpEvent.AUTOBIND, moves={S.UNBOUND: S.BOUND}, cite="udp(7); inet_send_prepare, inet_dgram_connect",
)  # fmt: skip
def first_use_takes_a_port(udp: UdpSocket, host: Host) -> None:
    """A socket without a port gets one when it first tries to send or to connect, even if that fails."""
    host.udp_ports.bind_ephemeral(udp, host)


@UDP.rule(
    on=UdpEvent.CONNECT, stays=READY, when=lambda udp, address, host: not _usable(udp, address, host),
    cite="connect(2), ENETUNREACH",
)  # fmt: skip
def udp_connect_without_route(udp: UdpSocket, address: Address, host: Host) -> Answer:
    """No route leads there: ENETUNREACH. But it is noted, and what is held back, for whomever, goes there."""
    udp.flow, udp.way = (udp.local, address), ""
    return Fail(errno.ENETUNREACH)


@UDP.rule(
    on=UdpEvent.CONNECT, stays=READY, when=_leaves_from_loopback,
    cite="RFC 1122 §3.2.1.3 (g); __mkroute_output", unconfirmed=ONLY_WITH_DEVICE,
)  # fmt: skip
def udp_connect_from_loopback_outside(udp: UdpSocket, address: Address, host: Host) -> Answer:
    """The socket has an address of loopback, and that must not leave the host: EINVAL. But it is noted."""
    udp.flow, udp.way = (udp.local, address), ""
    return Fail(errno.EINVAL)


@UDP.rule(
    on=UdpEvent.CONNECT, stays=READY, when=lambda udp, address, host: _may_not_address(udp, address),
    cite="connect(2), EACCES; __ip4_datagram_connect", unconfirmed=NOT_DRAWN,
)  # fmt: skip
def udp_connect_to_everybody(udp: UdpSocket, address: Address, host: Host) -> Answer:
    """The address is everybody's, and SO_BROADCAST is not set: EACCES. But it is noted."""
    source = host.source_for(address[0]) if udp.local[0] == ANY else udp.local[0]
    udp.flow, udp.way = ((source, udp.local[1]), address), ""
    return Fail(errno.EACCES)


@UDP.rule(
    on=UdpEvent.CONNECT, moves={S.BOUND: S.CONNECTED}, cite="connect(2); udp(7)",
)  # fmt: skip
def udp_connect_fixes_peer(udp: UdpSocket, address: Address, host: Host) -> Answer:
    """Nothing is sent: the peer is fixed, only its datagrams are received from now on, and errors come back.
    What is held back goes to the new peer, too."""
    _fix_peer(udp, address, host)
    return OK


@UDP.rule(on=UdpEvent.CONNECT, stays=(S.CONNECTED,), cite="connect(2): datagram sockets may connect again")
def udp_connect_changes_peer(udp: UdpSocket, address: Address, host: Host) -> Answer:
    """Another peer takes the place of the first."""
    _fix_peer(udp, address, host)
    return OK


def _fix_peer(udp: UdpSocket, address: Address, host: Host) -> None:
    udp.remote = target(address, udp.local)
    if udp.local[0] == ANY:
        udp.local = (host.source_for(udp.remote[0]), udp.local[1])
    udp.flow, udp.way = (udp.local, udp.remote), udp.remote[0]


# ---------------------------------------------------------------- sending


@UDP.rule(
    on=UdpEvent.SEND, stays=READY, when=lambda udp, data, flags, to, host: len(data) > 0xFFFF,
    cite="send(2), EMSGSIZE; udp_sendmsg",
)  # fmt: skip
def datagram_is_far_too_long(udp: UdpSocket, data: bytes, flags: int, to: Address | None, host: Host) -> Answer:
    """More than 65535 bytes can never be one datagram: EMSGSIZE, before anything else is looked at."""
    return Fail(errno.EMSGSIZE)


@UDP.rule(
    on=UdpEvent.SEND, stays=READY, when=lambda udp, data, flags, to, host: bool(flags & MSG_OOB),
    cite="send(2), EOPNOTSUPP; udp_sendmsg",
)  # fmt: skip
def datagram_cannot_be_urgent(udp: UdpSocket, data: bytes, flags: int, to: Address | None, host: Host) -> Answer:
    """Datagrams are never out of band: MSG_OOB is EOPNOTSUPP, but gets the socket a port. recv minds it not."""
    return Fail(errno.EOPNOTSUPP)


@UDP.rule(
    on=UdpEvent.SEND, stays=(S.BOUND,), when=lambda udp, data, flags, to, host: to is None,
    cite="udp_sendmsg: EDESTADDRREQ, where POSIX allows ENOTCONN too",
)  # fmt: skip
def datagram_without_destination(udp: UdpSocket, data: bytes, flags: int, to: Address | None, host: Host) -> Answer:
    """Neither connected nor told where to: EDESTADDRREQ."""
    return Fail(errno.EDESTADDRREQ)


@UDP.rule(
    on=UdpEvent.SEND, stays=READY, when=lambda udp, data, flags, to, host: to is not None and to[1] == 0,
    cite="udp_sendmsg: port 0 is EINVAL",
)  # fmt: skip
def datagram_to_port_zero(udp: UdpSocket, data: bytes, flags: int, to: Address | None, host: Host) -> Answer:
    """Port 0 is nobody: EINVAL."""
    return Fail(errno.EINVAL)


@UDP.rule(
    on=UdpEvent.SEND, stays=READY, when=lambda udp, data, flags, to, host: not _usable(udp, to, host),
    cite="send(2), ENETUNREACH",
)  # fmt: skip
def datagram_without_route(udp: UdpSocket, data: bytes, flags: int, to: Address | None, host: Host) -> Answer:
    """No route leads there: ENETUNREACH."""
    return Fail(errno.ENETUNREACH)


@UDP.rule(
    on=UdpEvent.SEND, stays=READY, when=lambda udp, data, flags, to, host: _leaves_from_loopback(udp, to, host),
    cite="RFC 1122 §3.2.1.3 (g); __mkroute_output", unconfirmed=ONLY_WITH_DEVICE,
)  # fmt: skip
def datagram_would_take_loopback_outside(
    udp: UdpSocket, data: bytes, flags: int, to: Address | None, host: Host
) -> Answer:
    """The socket has an address of loopback, and that must not leave the host: EINVAL."""
    return Fail(errno.EINVAL)


@UDP.rule(
    on=UdpEvent.SEND, stays=READY, when=lambda udp, data, flags, to, host: _may_not_address(udp, to),
    cite="socket(7), SO_BROADCAST; udp_sendmsg, EACCES", unconfirmed=NOT_DRAWN,
)  # fmt: skip
def datagram_to_everybody(udp: UdpSocket, data: bytes, flags: int, to: Address | None, host: Host) -> Answer:
    """The address is everybody's, and SO_BROADCAST is not set: EACCES."""
    return Fail(errno.EACCES)


@UDP.rule(
    on=UdpEvent.SEND, stays=READY, when=lambda udp, data, flags, to, host: len(data) > buffers.MAX_PAYLOAD,
    cite="send(2), EMSGSIZE; __ip_append_data",
)  # fmt: skip
def datagram_is_too_long(udp: UdpSocket, data: bytes, flags: int, to: Address | None, host: Host) -> Answer:
    """More than 65507 bytes leave no room for the headers: EMSGSIZE."""
    (_, goal), way = sending.settle(udp, flags, to, host)
    sending.report_size(udp, goal, paths.carries(udp, way, host), host)
    return Fail(errno.EMSGSIZE)


def _is_too_large_for_path(udp: UdpSocket, data: bytes, flags: int, to: Address | None, host: Host) -> bool:
    way = (udp.way or udp.remote[0]) if to is None else target(to, udp.local)[0]
    return not paths.fits(udp, way, len(data), host)


@UDP.rule(
    on=UdpEvent.SEND, stays=READY, when=_is_too_large_for_path, cite="ip(7), IP_MTU_DISCOVER; __ip_append_data",
    unconfirmed="the cross-check never sets IP_MTU_DISCOVER",
)  # fmt: skip
def datagram_must_not_be_cut(udp: UdpSocket, data: bytes, flags: int, to: Address | None, host: Host) -> Answer:
    """The program wants no fragments, and it would have to be cut: EMSGSIZE."""
    (_, goal), way = sending.settle(udp, flags, to, host)
    sending.report_size(udp, goal, paths.carries(udp, way, host), host)
    return Fail(errno.EMSGSIZE)


@UDP.rule(
    on=UdpEvent.SEND, stays=READY, when=lambda udp, data, flags, to, host: udp.error != 0,
    cite="udp(7): errors of earlier datagrams; sock_alloc_send_pskb",
)  # fmt: skip
def sending_reports_refusal(udp: UdpSocket, data: bytes, flags: int, to: Address | None, host: Host) -> Answer:
    """An earlier datagram found no listener: this call reports it, is not carried out, and the error is gone."""
    sending.settle(udp, flags, to, host)
    return Fail(udp.take_error())


@UDP.rule(
    on=UdpEvent.SEND, stays=READY, when=lambda udp, data, flags, to, host: udp.write_shut,
    cite="send(2), EPIPE; sock_alloc_send_pskb",
)  # fmt: skip
def datagram_after_shutdown(udp: UdpSocket, data: bytes, flags: int, to: Address | None, host: Host) -> Answer:
    """The sending direction was shut: EPIPE."""
    sending.settle(udp, flags, to, host)
    return Fail(errno.EPIPE)


@UDP.rule(
    on=UdpEvent.SEND, stays=READY,
    when=lambda udp, data, flags, to, host: not sending.has_room(udp) and not _waits(udp, flags),
    cite="send(2), EAGAIN; sock_alloc_send_pskb", unconfirmed=ONLY_WITH_DEVICE,
)  # fmt: skip
def datagram_would_block(udp: UdpSocket, data: bytes, flags: int, to: Address | None, host: Host) -> Answer:
    """What has not left yet fills the send buffer: EAGAIN. Anything free at all would do."""
    sending.settle(udp, flags, to, host)
    return Fail(errno.EAGAIN)


@UDP.rule(
    on=UdpEvent.SEND, stays=READY, when=lambda udp, data, flags, to, host: not sending.has_room(udp),
    cite="send(2); sock_alloc_send_pskb", unconfirmed="the cross-check never blocks",
)  # fmt: skip
def udp_send_blocks(udp: UdpSocket, data: bytes, flags: int, to: Address | None, host: Host) -> Answer:
    """What has not left yet fills the send buffer, and the socket is blocking: wait.
    Anything free would do, but the sender is woken when more than half is."""
    sending.settle(udp, flags, to, host)
    return Block("room to send")


@UDP.rule(
    on=UdpEvent.SEND, stays=READY, when=lambda udp, data, flags, to, host: sending.holds_back(udp, flags),
    cite="udp(7), UDP_CORK; send(2), MSG_MORE",
)  # fmt: skip
def datagram_is_held_back(udp: UdpSocket, data: bytes, flags: int, to: Address | None, host: Host) -> Answer:
    """More is to come: these bytes are the beginning of a datagram, and where it goes is settled."""
    _, way = sending.settle(udp, flags, to, host)
    problem, made, mtu = sending.begin(udp, len(data), way, host)
    if problem:
        return sending.answer_to(udp, problem, host)
    udp.corked = Corked(bytes(data), tuple(made), mtu, way)
    return Done(len(data))


@UDP.rule(
    on=UdpEvent.SEND, stays=READY, cite="udp(7); RFC 768",
)  # fmt: skip
def datagram_is_sent(udp: UdpSocket, data: bytes, flags: int, to: Address | None, host: Host) -> Answer:
    """The whole datagram goes out; what becomes of it the sender is not told.
    Over loopback its memory is free before it arrives, which wakes those who wait to send, each time (sock_wfree)."""
    flow, way = sending.settle(udp, flags, to, host)
    problem, made, _ = sending.begin(udp, len(data), way, host)
    problem = problem or sending.hand_over(udp, flow, way, bytes(data), made, host)
    return sending.answer_to(udp, problem, host) if problem else Done(len(data))


@UDP.rule(
    on=UdpEvent.SEND_STOPPED, stays=READY, when=lambda udp, problem, host: problem == errno.EMSGSIZE,
    cite="__ip_append_data; MAX_SKB_FRAGS", unconfirmed="it takes two senders in turn, many times",
)  # fmt: skip
def datagram_has_too_many_pieces(udp: UdpSocket, problem: int, host: Host) -> Answer:
    """What was held back lies on more pages than one buffer can name: EMSGSIZE, and all of it is lost."""
    return Fail(errno.EMSGSIZE)


@UDP.rule(
    on=UdpEvent.SEND_STOPPED, stays=READY, cite="__ip_append_data, ENOBUFS; ip(7), IP_RECVERR; udp_send_skb",
    unconfirmed=ONLY_WITH_DEVICE,
)  # fmt: skip
def fragments_find_no_room(udp: UdpSocket, problem: int, host: Host) -> Answer:
    """Fragments take more than twice the send buffer, or the device drops one and the program wants to know: ENOBUFS.
    Waiting would not help."""
    return Fail(problem)


# ---------------------------------------------------------------- receiving


@UDP.rule(
    on=UdpEvent.RECEIVE, stays=ALL, when=lambda udp, wanted, flags, host: udp.error != 0,
    cite="recv(2), ECONNREFUSED; __skb_try_recv_datagram",
)  # fmt: skip
def receiving_reports_refusal(udp: UdpSocket, wanted: int, flags: int, host: Host) -> Answer:
    """An earlier datagram found no listener: the error is reported before any datagram that waits, and is gone."""
    return Fail(udp.take_error())


@UDP.rule(
    on=UdpEvent.RECEIVE, stays=ALL,
    when=lambda udp, wanted, flags, host: udp.first is not None and bool(flags & MSG_PEEK),
    cite="recv(2), MSG_PEEK",
)  # fmt: skip
def datagram_is_looked_at(udp: UdpSocket, wanted: int, flags: int, host: Host) -> Answer:
    """MSG_PEEK: the next datagram is given and stays where it is."""
    memory.take_over(udp)
    datagram = udp.reading[0]
    return Done((_given(datagram.data, wanted, flags), datagram.src))


@UDP.rule(
    on=UdpEvent.RECEIVE, stays=ALL,
    when=lambda udp, wanted, flags, host: udp.first is not None and len(udp.first.data) > wanted,
    cite="recv(2); udp(7): excess bytes are discarded",
)  # fmt: skip
def datagram_is_cut(udp: UdpSocket, wanted: int, flags: int, host: Host) -> Answer:
    """The reader's buffer is too small: it gets the beginning, and the rest of the datagram is lost."""
    datagram = memory.take(udp, host)
    return Done((_given(datagram.data, wanted, flags), datagram.src))


def _given(data: bytes, wanted: int, flags: int) -> bytes:
    """With MSG_TRUNC the answer is as long as the datagram, though only `wanted` bytes of it are given: the others are
    zeros here.
    """
    given = data[:wanted]
    return given.ljust(len(data), b"\0") if flags & MSG_TRUNC else given


@UDP.rule(
    on=UdpEvent.RECEIVE, stays=ALL, when=lambda udp, wanted, flags, host: udp.first is not None, cite="recv(2); udp(7)",
)  # fmt: skip
def datagram_is_read(udp: UdpSocket, wanted: int, flags: int, host: Host) -> Answer:
    """One whole datagram, never two, even if it is empty."""
    datagram = memory.take(udp, host)
    return Done((datagram.data, datagram.src))


@UDP.rule(
    on=UdpEvent.RECEIVE, stays=ALL, when=lambda udp, wanted, flags, host: not _waits(udp, flags),
    cite="recv(2), EAGAIN",
)  # fmt: skip
def udp_recv_would_block(udp: UdpSocket, wanted: int, flags: int, host: Host) -> Answer:
    """No datagram waits: EAGAIN, whether or not the reading direction was shut."""
    return Fail(errno.EAGAIN)


@UDP.rule(
    on=UdpEvent.RECEIVE, stays=ALL, when=lambda udp, wanted, flags, host: udp.read_shut,
    cite="shutdown(2); __skb_wait_for_more_packets",
    unconfirmed="the random check never blocks; threads do (tests/guests)",
)  # fmt: skip
def udp_recv_after_shutdown(udp: UdpSocket, wanted: int, flags: int, host: Host) -> Answer:
    """No datagram waits, the socket is blocking, and was shut for reading: nothing, at once.
    Nobody waits on a socket that was shut, though datagrams that arrive can still be read."""
    return Done((b"", None))


@UDP.rule(on=UdpEvent.RECEIVE, stays=ALL, cite="recv(2)", unconfirmed="the cross-check never blocks")
def udp_recv_blocks(udp: UdpSocket, wanted: int, flags: int, host: Host) -> Answer:
    """No datagram waits, and the socket is blocking: wait for one."""
    return Block("a datagram")


# ---------------------------------------------------------------- what arrives


@UDP.rule(
    on=UdpEvent.DATAGRAM, stays=READY, when=memory.fits,
    cite="RFC 768; __udp_enqueue_schedule_skb",
)  # fmt: skip
def datagram_is_kept(udp: UdpSocket, datagram: Datagram, host: Host) -> None:
    """The receive buffer has room for it: it waits for a reader."""
    memory.keep(udp, datagram, host)
    host.wake(udp, WAKES_READERS)


@UDP.rule(on=UdpEvent.DATAGRAM, stays=READY, cite="udp(7); SO_MEMINFO, SK_MEMINFO_DROPS")
def datagram_is_dropped(udp: UdpSocket, datagram: Datagram, host: Host) -> None:
    """The receive buffer is full: the datagram is lost, the loss is counted, and the sender is not told."""
    udp.drops += 1


# ---------------------------------------------------------------- the rest


def _shuts(udp: UdpSocket, how: int) -> None:
    udp.read_shut = udp.read_shut or how in (SHUT_RD, SHUT_RDWR)
    udp.write_shut = udp.write_shut or how in (SHUT_WR, SHUT_RDWR)


@UDP.rule(on=UdpEvent.SHUTDOWN, stays=(S.CONNECTED,), cite="shutdown(2); inet_shutdown")
def udp_shutdown(udp: UdpSocket, how: int, host: Host) -> Answer:
    """The direction is shut on this side; nothing is sent."""
    _shuts(udp, how)
    return OK


@UDP.rule(on=UdpEvent.SHUTDOWN, stays=NOT_CONNECTED, cite="shutdown(2), ENOTCONN; inet_shutdown")
def udp_shutdown_without_peer(udp: UdpSocket, how: int, host: Host) -> Answer:
    """No peer is fixed: ENOTCONN, and the direction is shut all the same."""
    if host.profile.shutdown_sticks_before_connect:
        _shuts(udp, how)
    return Fail(errno.ENOTCONN)


@UDP.rule(on=UdpEvent.CLOSE, stays=ALL, cite="close(2)")
def udp_close(udp: UdpSocket, host: Host) -> None:
    """The socket is gone, and what was not read with it."""
    host.remove(udp)


@UDP.rule(on=UdpEvent.LISTEN, stays=ALL, cite="listen(2), EOPNOTSUPP")
def udp_cannot_listen(udp: UdpSocket, host: Host) -> Answer:
    """Datagram sockets have no connections to wait for: EOPNOTSUPP."""
    return Fail(errno.EOPNOTSUPP)


@UDP.rule(on=UdpEvent.ACCEPT, stays=ALL, cite="accept(2), EOPNOTSUPP")
def udp_cannot_accept(udp: UdpSocket, host: Host) -> Answer:
    """Datagram sockets have no connections to give: EOPNOTSUPP."""
    return Fail(errno.EOPNOTSUPP)


@UDP.rule(on=UdpEvent.FIONREAD, stays=ALL, cite="udp(7), SIOCINQ")
def fionread_tells_next_datagram(udp: UdpSocket, host: Host) -> Answer:
    """The size of the next datagram; 0 if there is none, and also if it is empty."""
    memory.take_over(udp)
    return Done(len(udp.first.data) if udp.first is not None else 0)


@UDP.rule(on=UdpEvent.TIOCOUTQ, stays=ALL, cite="udp(7), SIOCOUTQ")
def tiocoutq_of_datagrams(udp: UdpSocket, host: Host) -> Answer:
    """The memory of what has not left yet, and not its bytes; over loopback all leaves at once."""
    return Done(udp.wmem)


@UDP.rule(on=UdpEvent.ATMARK, stays=ALL, cite="ioctl(2), ENOTTY; udp_ioctl")
def datagrams_have_no_mark(udp: UdpSocket, host: Host) -> Answer:
    """SIOCATMARK and SIOCOUTQNSD mean nothing to a datagram socket: ENOTTY."""
    return Fail(errno.ENOTTY)
