"""The user's calls on a TCP socket: listen, accept, send, recv, ioctl, and what each can answer.

`send` only copies: what it answers depends on the room in the send buffer, not on the peer, except that on loopback
the bytes are with the peer before the call returns and may make room again. `recv` only takes what is there. A call
that finds nothing to do answers EAGAIN if the socket is non-blocking and `Block` if it is not.

The order of the rules for one call is the order in which the kernel looks: bytes before end of file, end of file
before a pending error, the error before "not connected".

Not here: connect (its way depends on the socket's life, see sockets/life.py), recv of urgent data (urgent.py),
how long a recv goes on that waits (reading.py), shutdown and close (closing.py).
"""

from __future__ import annotations

import errno
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..choices import NEVER_ALL_PORTS
from ..endpoint import Life
from ..rules import View
from ..values.constants import (
    MSG_DONTWAIT,
    MSG_MORE,
    MSG_OOB,
    MSG_PEEK,
    MSG_TRUNC,
    TcpState,
)
from ..values.results import OK, Answer, Block, Done, Fail
from . import backlog, memory, urgent
from .block import Tcb
from .machine import (
    CONNECTING,
    RECEIVE_BUFFER,
    REQUEST,
    SEND_BUFFER,
    SYNCHRONIZED,
    TCP,
    ReceiveBuffer,
    RequestEvent,
    SendBuffer,
    TcpEvent,
)
from .output import current_mss, push_pending, send_ack, size_goal
from .reading import follows_nothing, low_water, up_to_mark
from .tuning import note_read
from .windows import is_half_full, select_window

if TYPE_CHECKING:
    from ..world.host import Host

S = TcpState
ALL = tuple(s for s in TcpState if s is not S.TIME_WAIT)
"""Every state that a socket can be in: TIME-WAIT is left to a record of its own (resting.py)."""
NOT_CONNECTED = (S.CLOSED,)
NOT_LISTENING = tuple(s for s in ALL if s is not S.LISTEN)

_EMPTY, _ROOM, _FULL = SendBuffer.EMPTY, SendBuffer.ROOM, SendBuffer.FULL


def waits(tcb: Tcb, flags: int) -> bool:
    """Whether this call may wait: neither O_NONBLOCK nor MSG_DONTWAIT."""
    return not (tcb.nonblocking or flags & MSG_DONTWAIT)


# ---------------------------------------------------------------- listen and accept


@TCP.rule(
    on=TcpEvent.PASSIVE_OPEN, stays=ALL, when=lambda tcb, backlog, host: tcb.life is not Life.UNCONNECTED,
    cite="listen(2); inet_listen",
)  # fmt: skip
def listen_on_used_socket(tcb: Tcb, backlog: int, host: Host) -> Answer:
    """A socket that connects, is connected, or failed to connect cannot listen: EINVAL."""
    return Fail(errno.EINVAL)


@TCP.rule(
    on=TcpEvent.PASSIVE_OPEN, stays=(S.CLOSED,), when=lambda tcb, backlog, host: not host.ports.may_listen(tcb, host),
    cite="listen(2), EADDRINUSE; inet_csk_listen_start",
)  # fmt: skip
def listen_where_another_listens(tcb: Tcb, backlog: int, host: Host) -> Answer:
    """Another socket listens on this address and port: EADDRINUSE."""
    return Fail(errno.EADDRINUSE)


@TCP.rule(
    on=TcpEvent.PASSIVE_OPEN, stays=(S.CLOSED,),
    when=lambda tcb, backlog, host: not tcb.holds_port and host.ports.none_is_left(host),
    cite="listen(2), EADDRINUSE; inet_csk_listen_start, inet_csk_get_port", unconfirmed=NEVER_ALL_PORTS,
)  # fmt: skip
def listen_finds_no_port(tcb: Tcb, backlog: int, host: Host) -> Answer:
    """The socket has no port, and every one of the ephemeral range is held: EADDRINUSE."""
    return Fail(errno.EADDRINUSE)


@TCP.rule(on=TcpEvent.PASSIVE_OPEN, moves={S.CLOSED: S.LISTEN}, cite="RFC 9293 §3.10.1, OPEN in CLOSED, passive")
def listen_starts(tcb: Tcb, backlog: int, host: Host) -> Answer:
    """The socket begins to listen; without a bound port it gets an ephemeral one.
    How it acknowledged before is forgotten (inet_csk_delack_init)."""
    tcb.pingpong = 0
    if not tcb.holds_port:
        host.ports.bind_ephemeral(tcb, host)
    tcb.backlog_limit = min(backlog, host.profile.somaxconn) if backlog >= 0 else host.profile.somaxconn
    host.listeners.append(tcb.number)
    return OK


@TCP.rule(on=TcpEvent.PASSIVE_OPEN, stays=(S.LISTEN,), cite="listen(2); inet_listen, old_state == TCP_LISTEN")
def listen_again(tcb: Tcb, backlog: int, host: Host) -> Answer:
    """Listening already: only the length of the accept queue changes."""
    tcb.backlog_limit = min(backlog, host.profile.somaxconn) if backlog >= 0 else host.profile.somaxconn
    return OK


@TCP.rule(
    on=TcpEvent.PASSIVE_OPEN, stays=tuple(s for s in ALL if s not in (S.CLOSED, S.LISTEN)),
    cite="listen(2); inet_listen",
    unconfirmed="a socket in these states has a life other than UNCONNECTED, which an earlier rule answers",
)  # fmt: skip
def listen_while_connected(tcb: Tcb, backlog: int, host: Host) -> Answer:
    """Neither closed nor listening: EINVAL."""
    return Fail(errno.EINVAL)


@TCP.rule(on=TcpEvent.ACCEPT, stays=NOT_LISTENING, cite="accept(2), EINVAL")
def accept_without_listen(tcb: Tcb, host: Host) -> Answer:
    """Only a listening socket accepts: EINVAL."""
    return Fail(errno.EINVAL)


@TCP.rule(
    on=TcpEvent.ACCEPT, stays=(S.LISTEN,), when=lambda tcb, host: bool(tcb.accept_queue),
    cite="accept(2); RFC 9293 §3.10.1",
)  # fmt: skip
def accept_gives_connection(tcb: Tcb, host: Host) -> Answer:
    """The connection that waited longest becomes a socket of its own.
    It is blocking, whatever the listener is (accept(2): on Linux the new socket inherits no file status flags)."""
    child = host.tcb(tcb.accept_queue.popleft())
    REQUEST.fire(host.trail, RequestEvent.ACCEPTED, child, host)
    child.life = Life.CONNECTED
    return Done((host.open_descriptor(child), child.remote))


@TCP.rule(
    on=TcpEvent.ACCEPT, stays=(S.LISTEN,), when=lambda tcb, host: tcb.nonblocking, cite="accept(2), EAGAIN",
)  # fmt: skip
def accept_would_block(tcb: Tcb, host: Host) -> Answer:
    """No connection waits: EAGAIN."""
    return Fail(errno.EAGAIN)


@TCP.rule(on=TcpEvent.ACCEPT, stays=(S.LISTEN,), cite="accept(2)", unconfirmed="the cross-check never blocks")
def accept_blocks(tcb: Tcb, host: Host) -> Answer:
    """No connection waits, and the socket is blocking: wait for one."""
    return Block("a connection to accept")


# ---------------------------------------------------------------- send


@TCP.rule(
    on=TcpEvent.SEND, stays=ALL, when=lambda tcb, data, flags, host: tcb.error != 0,
    cite="send(2); sk_stream_error: a pending error goes before EPIPE",
)  # fmt: skip
def send_reports_error(tcb: Tcb, data: bytes, flags: int, host: Host) -> Answer:
    """A pending error is reported by this send, and is then gone."""
    return Fail(tcb.take_error())


@TCP.rule(
    on=TcpEvent.SEND, stays=CONNECTING, when=lambda tcb, data, flags, host: not waits(tcb, flags),
    cite="RFC 9293 §3.10.2, SEND in SYN-SENT: the RFC queues the data; sk_stream_wait_connect does not",
)  # fmt: skip
def send_while_connecting_would_block(tcb: Tcb, data: bytes, flags: int, host: Host) -> Answer:
    """The connection is not there yet: EAGAIN."""
    return Fail(errno.EAGAIN)


@TCP.rule(
    on=TcpEvent.SEND, stays=CONNECTING, cite="sk_stream_wait_connect", unconfirmed="the cross-check never blocks",
)  # fmt: skip
def send_while_connecting_blocks(tcb: Tcb, data: bytes, flags: int, host: Host) -> Answer:
    """The connection is not there yet, and the socket is blocking: wait for it."""
    return Block("the connection to be established")


@TCP.rule(
    on=TcpEvent.SEND, stays=tuple(s for s in ALL if s not in (S.ESTABLISHED, S.CLOSE_WAIT, *CONNECTING)),
    cite="send(2), EPIPE; RFC 9293 §3.10.2: error: connection closing",
)  # fmt: skip
def send_without_connection(tcb: Tcb, data: bytes, flags: int, host: Host) -> Answer:
    """Never connected, listening, or already closed for sending: EPIPE."""
    return Fail(errno.EPIPE)


@TCP.rule(
    on=TcpEvent.SEND, stays=(S.ESTABLISHED, S.CLOSE_WAIT), when=lambda tcb, data, flags, host: tcb.write_shut,
    cite="send(2), EPIPE; tcp_sendmsg_locked looks at sk_shutdown",
)  # fmt: skip
def send_after_early_shutdown(tcb: Tcb, data: bytes, flags: int, host: Host) -> Answer:
    """The socket was shut for writing before it was connected: EPIPE, though the connection stands.
    shutdown() on a socket never connected answers ENOTCONN and shuts the direction all the same (inet_shutdown)."""
    return Fail(errno.EPIPE)


@TCP.rule(
    on=TcpEvent.SEND, stays=(S.ESTABLISHED, S.CLOSE_WAIT), when=lambda tcb, data, flags, host: not data,
    cite="send(2); tcp_sendmsg_locked",
)  # fmt: skip
def send_nothing(tcb: Tcb, data: bytes, flags: int, host: Host) -> Answer:
    """Sending no bytes succeeds and does nothing."""
    return Done(0)


_COPIED = {_EMPTY: (_EMPTY, _ROOM, _FULL), _ROOM: (_EMPTY, _ROOM, _FULL), _FULL: (_ROOM, _FULL)}


@TCP.rule(
    on=TcpEvent.SEND, stays=(S.ESTABLISHED, S.CLOSE_WAIT),
    when=lambda tcb, data, flags, host: bool(flags & MSG_OOB), shows={SEND_BUFFER: _COPIED},
    cite="RFC 9293 §3.10.2, the URGENT flag; RFC 6093 §3; tcp_mark_urg",
)  # fmt: skip
def send_copies_urgent_data(tcb: Tcb, data: bytes, flags: int, host: Host) -> Answer:
    """MSG_OOB: the last byte that is taken is urgent, and until it is acknowledged nothing waits to fill a segment.
    The bytes go in single segments, but not before all of them are copied or the send buffer is full."""
    return _send(tcb, data, flags, host)


@TCP.rule(
    on=TcpEvent.SEND, stays=(S.ESTABLISHED, S.CLOSE_WAIT), shows={SEND_BUFFER: _COPIED},
    cite="RFC 9293 §3.10.2, SEND in ESTABLISHED; tcp_sendmsg_locked",
)  # fmt: skip
def send_copies(tcb: Tcb, data: bytes, flags: int, host: Host) -> Answer:
    """The bytes are copied to the send buffer as far as it takes them, and go out as far as window and Nagle allow.
    With MSG_MORE, what does not fill a segment waits for more (send(2))."""
    return _send(tcb, data, flags, host)


def _send(tcb: Tcb, data: bytes, flags: int, host: Host) -> Answer:
    taken = _copy(tcb, data, bool(flags & MSG_OOB), host)
    if taken and tcb.unsent:
        more = bool(flags & MSG_MORE)
        if not more or _pushes(tcb):
            _mark(tcb)
        if flags & MSG_OOB:
            tcb.snd_up = tcb.write_seq
        push_pending(tcb, host, more=more)
    answer: Answer = TCP.fire(host.trail, TcpEvent.SEND_STOPPED, tcb, taken, len(data), flags, host)
    return answer


def _copy(tcb: Tcb, data: bytes, urgent: bool, host: Host) -> int:
    """Copy as much of `data` as the buffers take, pushing full ones on the way; returns the bytes taken. What is urgent
    is put in buffers of one segment, and pushed when there is no more room.
    """
    view = memoryview(data)
    wanted, goal = len(data), current_mss(tcb) if urgent else size_goal(tcb, host)
    taken = 0
    begun = 0
    while taken < wanted:
        if tcb.error or tcb.write_shut:
            break
        tail = tcb.unsent[-1] if tcb.unsent else None
        room = goal - len(tail.data) if tail is not None else 0
        copied = 0
        if tail is not None and room > 0:
            copied = memory.copy_in(tcb, tail, view[taken : taken + room], host)
        if not copied:
            if not memory.has_room(tcb):
                tcb.ran_full, tcb.full_at = True, tcb.wmem
                if taken:
                    if tcb.unsent:
                        _mark(tcb)
                        tcb.snd_up = tcb.write_seq if urgent else tcb.snd_up
                    push_pending(tcb, host, nagle=False)
                    tcb.ran_full = True
                break
            if begun >= 16:
                begun = 0
                if backlog.flush(tcb, host):
                    goal = current_mss(tcb) if urgent else size_goal(tcb, host)
                    continue
            tail = memory.begin_buffer(tcb, host)
            begun += 1
            copied = memory.copy_in(tcb, tail, view[taken : taken + goal], host)
        assert tail is not None
        if not taken:
            tail.push = False
        taken += copied
        if taken == wanted or len(tail.data) < goal or urgent:
            continue
        if _pushes(tcb):
            _mark(tcb)
            push_pending(tcb, host, nagle=False)
        elif tail is tcb.unsent[0]:
            push_pending(tcb, host, nagle=False, only_one=True)
    return taken


def _pushes(tcb: Tcb) -> bool:
    """Whether so much was handed over since the last push that the receiver should know (`forced_push`)."""
    return tcb.write_seq > tcb.pushed_seq + (tcb.max_window >> 1)


def _mark(tcb: Tcb) -> None:
    tcb.unsent[-1].push = True
    tcb.pushed_seq = tcb.write_seq


@TCP.rule(
    on=TcpEvent.SEND_STOPPED, stays=(S.ESTABLISHED, S.CLOSE_WAIT),
    when=lambda tcb, taken, wanted, flags, host: taken == wanted,
    shows={SEND_BUFFER: {_EMPTY: (_EMPTY,), _ROOM: (_ROOM,), _FULL: (_FULL,)}},
    cite="send(2)",
)  # fmt: skip
def send_takes_everything(tcb: Tcb, taken: int, wanted: int, flags: int, host: Host) -> Answer:
    """All bytes fit the send buffer, or the peer already took enough of them: send returns their number."""
    return Done(taken)


@TCP.rule(
    on=TcpEvent.SEND_STOPPED, stays=(S.ESTABLISHED, S.CLOSE_WAIT, S.CLOSED),
    when=lambda tcb, taken, wanted, flags, host: taken > 0 and not waits(tcb, flags),
    shows={SEND_BUFFER: {view: (view,) for view in SendBuffer}}, cite="send(2); POSIX send()",
)  # fmt: skip
def send_takes_a_part(tcb: Tcb, taken: int, wanted: int, flags: int, host: Host) -> Answer:
    """The send buffer filled up on the way: send returns how many bytes it took."""
    return Done(taken)


@TCP.rule(
    on=TcpEvent.SEND_STOPPED, stays=(S.ESTABLISHED, S.CLOSE_WAIT),
    when=lambda tcb, taken, wanted, flags, host: not waits(tcb, flags), shows={SEND_BUFFER: {_FULL: (_FULL,)}},
    cite="send(2), EAGAIN",
)  # fmt: skip
def send_would_block(tcb: Tcb, taken: int, wanted: int, flags: int, host: Host) -> Answer:
    """The send buffer takes nothing: EAGAIN."""
    return Fail(errno.EAGAIN)


@TCP.rule(
    on=TcpEvent.SEND_STOPPED, stays=(S.ESTABLISHED, S.CLOSE_WAIT), cite="send(2)",
    unconfirmed="the cross-check never blocks",
)  # fmt: skip
def send_blocks(tcb: Tcb, taken: int, wanted: int, flags: int, host: Host) -> Answer:
    """The send buffer is full, and the socket is blocking: wait for room."""
    return Block("room in the send buffer")


# ---------------------------------------------------------------- recv


@TCP.rule(on=TcpEvent.RECEIVE, stays=(S.LISTEN,), cite="recv(2), ENOTCONN; tcp_recvmsg_locked")
def recv_on_listener(tcb: Tcb, wanted: int, flags: int, host: Host) -> Answer:
    """A listening socket never carries data: ENOTCONN."""
    return Fail(errno.ENOTCONN)


def _waits_for_more(tcb: Tcb, wanted: int, flags: int, host: Host) -> bool:
    there = up_to_mark(tcb, tcb.readable_bytes)
    few = 0 < there < low_water(tcb, wanted, flags)
    return few and waits(tcb, flags) and not follows_nothing(tcb, there)


@TCP.rule(
    on=TcpEvent.RECEIVE, stays=NOT_LISTENING, when=_waits_for_more, cite="socket(7), SO_RCVLOWAT; recv(2), MSG_WAITALL",
    unconfirmed="the cross-check never blocks",
)  # fmt: skip
def recv_blocks_below_low_water(tcb: Tcb, wanted: int, flags: int, host: Host) -> Answer:
    """Bytes are there, but fewer than SO_RCVLOWAT or MSG_WAITALL ask for, and the socket is blocking: wait for more."""
    return Block("as many bytes as it asks for")


@TCP.rule(
    on=TcpEvent.RECEIVE, stays=NOT_LISTENING,
    when=lambda tcb, wanted, flags, host: flags & MSG_PEEK and tcb.readable_bytes > urgent.left_out(tcb, wanted),
    cite="recv(2), MSG_PEEK",
)  # fmt: skip
def recv_looks_at_bytes(tcb: Tcb, wanted: int, flags: int, host: Host) -> Answer:
    """MSG_PEEK: the bytes are given and stay where they are. An acknowledgement that is due goes all the same."""
    data = memory.peek_received(tcb, urgent.left_out(tcb, wanted), up_to_mark(tcb, wanted))
    if host.profile.tunes_receive_buffers:
        host.copied(len(data))
        note_read(tcb, host)
    clean_up(tcb, len(data), host)
    return Done(bytes(len(data)) if flags & MSG_TRUNC else data)


_ONLY_URGENT = (ReceiveBuffer.HOLDING, ReceiveBuffer.CLOSED_WINDOW)
"""Where MSG_PEEK finds nothing because an urgent byte alone waits."""


_TAKES: dict[View, Mapping[Any, tuple[Any, ...]]] = {
    RECEIVE_BUFFER: {
        ReceiveBuffer.HOLDING: (ReceiveBuffer.HOLDING, ReceiveBuffer.EMPTY, ReceiveBuffer.ENDED),
        ReceiveBuffer.CLOSED_WINDOW: (ReceiveBuffer.CLOSED_WINDOW, ReceiveBuffer.HOLDING, ReceiveBuffer.EMPTY,
                                      ReceiveBuffer.ENDED),
    }
}  # fmt: skip
"""What taking bytes may do to the receive buffer."""


@TCP.rule(
    on=TcpEvent.RECEIVE, stays=NOT_LISTENING,
    when=lambda tcb, wanted, flags, host: bool(flags & MSG_TRUNC) and not flags & MSG_PEEK and tcb.readable_bytes > 0,
    shows=_TAKES,
    cite="tcp(7), MSG_TRUNC; tcp_recvmsg_locked",
)  # fmt: skip
def recv_throws_bytes_away(tcb: Tcb, wanted: int, flags: int, host: Host) -> Answer:
    """MSG_TRUNC: the bytes are taken and counted, and nobody is given them. In their place there are zeros here."""
    return Done(bytes(len(_take(tcb, wanted, host))))


@TCP.rule(
    on=TcpEvent.RECEIVE, stays=NOT_LISTENING,
    when=lambda tcb, wanted, flags, host: tcb.readable_bytes > 0 and not flags & MSG_PEEK,
    shows=_TAKES, cite="recv(2); RFC 9293 §3.10.3",
)  # fmt: skip
def recv_takes_bytes(tcb: Tcb, wanted: int, flags: int, host: Host) -> Answer:
    """Bytes are there: recv returns at once with as many as it asked for, or as there are.
    It stops before an urgent byte (RFC 9293 §3.8.5; tcp_recvmsg_locked)."""
    return Done(_take(tcb, wanted, host))


def _take(tcb: Tcb, wanted: int, host: Host) -> bytes:
    data = memory.take_received(tcb, up_to_mark(tcb, wanted), host)
    clean_up(tcb, len(data), host)
    return data


def clean_up(tcb: Tcb, count: int, host: Host) -> None:
    """Bytes were read, or looked at: that may be worth an acknowledgement (`tcp_cleanup_rbuf`)."""
    if is_half_full(tcb) and 2 * tcb.receive_window <= tcb.window_clamp and not tcb.read_shut:
        tcb.quick = 0
    TCP.offer(host.trail, TcpEvent.BYTES_READ, tcb, count, host)


@TCP.rule(
    on=TcpEvent.RECEIVE, stays=NOT_LISTENING, when=lambda tcb, wanted, flags, host: tcb.fin_received,
    shows={RECEIVE_BUFFER: {view: (view,) for view in (ReceiveBuffer.ENDED, *_ONLY_URGENT)}},
    cite="recv(2): 0 at end of stream",
)  # fmt: skip
def recv_finds_end(tcb: Tcb, wanted: int, flags: int, host: Host) -> Answer:
    """The peer has closed its direction and everything was read: end of file, an empty result."""
    if not flags & MSG_PEEK:
        memory.take_received(tcb, 1, host)
    TCP.offer(host.trail, TcpEvent.BYTES_READ, tcb, 0, host)
    return Done(b"")


@TCP.rule(
    on=TcpEvent.RECEIVE, stays=NOT_LISTENING, when=lambda tcb, wanted, flags, host: tcb.error != 0,
    cite="recv(2); tcp_recvmsg_locked",
)  # fmt: skip
def recv_reports_error(tcb: Tcb, wanted: int, flags: int, host: Host) -> Answer:
    """A pending error is reported by this recv, and is then gone."""
    return Fail(tcb.take_error())


@TCP.rule(
    on=TcpEvent.RECEIVE, stays=NOT_LISTENING, when=lambda tcb, wanted, flags, host: tcb.read_shut,
    cite="shutdown(2); tcp_recvmsg_locked",
)  # fmt: skip
def recv_after_shutdown(tcb: Tcb, wanted: int, flags: int, host: Host) -> Answer:
    """The reading direction was shut here: end of file. Bytes that still arrive can be read all the same."""
    TCP.offer(host.trail, TcpEvent.BYTES_READ, tcb, 0, host)
    return Done(b"")


@TCP.rule(on=TcpEvent.RECEIVE, stays=NOT_CONNECTED, cite="recv(2), ENOTCONN")
def recv_without_connection(tcb: Tcb, wanted: int, flags: int, host: Host) -> Answer:
    """Never connected: ENOTCONN."""
    return Fail(errno.ENOTCONN)


@TCP.rule(
    on=TcpEvent.RECEIVE, stays=(*CONNECTING, *SYNCHRONIZED),
    when=lambda tcb, wanted, flags, host: not waits(tcb, flags),
    shows={RECEIVE_BUFFER: {view: (view,) for view in (ReceiveBuffer.EMPTY, *_ONLY_URGENT)}}, cite="recv(2), EAGAIN",
)  # fmt: skip
def recv_would_block(tcb: Tcb, wanted: int, flags: int, host: Host) -> Answer:
    """Nothing to read yet: EAGAIN."""
    TCP.offer(host.trail, TcpEvent.BYTES_READ, tcb, 0, host)
    return Fail(errno.EAGAIN)


@TCP.rule(
    on=TcpEvent.RECEIVE, stays=(*CONNECTING, *SYNCHRONIZED), cite="recv(2)", unconfirmed="the cross-check never blocks",
)  # fmt: skip
def recv_blocks(tcb: Tcb, wanted: int, flags: int, host: Host) -> Answer:
    """Nothing to read yet, and the socket is blocking: wait for bytes."""
    return Block("bytes to read")


def _owes_ack(tcb: Tcb, count: int, host: Host) -> bool:
    if not tcb.ack_scheduled:
        return False
    if tcb.rcv_nxt - tcb.rcv_wup > tcb.rcv_mss:
        return True
    interactive = tcb.pingpong >= host.profile.pingpong_threshold
    return count > 0 and not tcb.rmem and (tcb.ack_pushed_twice or (tcb.ack_pushed and not interactive))


def _window_doubles(tcb: Tcb, count: int, host: Host) -> bool:
    if not count or tcb.read_shut or tcb.fin_received:
        return False
    now = tcb.receive_window
    if 2 * now > tcb.window_clamp:
        return False
    window = select_window(tcb)
    return window > 0 and window >= 2 * now


@TCP.rule(on=TcpEvent.BYTES_READ, stays=SYNCHRONIZED, when=_owes_ack, cite="RFC 9293 §3.8.6.3; tcp_cleanup_rbuf")
def reading_sends_owed_ack(tcb: Tcb, count: int, host: Host) -> None:
    """The reader emptied the buffer, or more than a segment was unacknowledged: the delayed acknowledgement goes now."""  # noqa: E501
    send_ack(tcb, host)


@TCP.rule(
    on=TcpEvent.BYTES_READ, stays=SYNCHRONIZED, when=_window_doubles, cite="RFC 9293 §3.8.6.2.2; tcp_cleanup_rbuf"
)
def reading_opens_window(tcb: Tcb, count: int, host: Host) -> None:
    """Reading made room for at least twice the advertised window: tell the peer at once."""
    send_ack(tcb, host)


# ---------------------------------------------------------------- shutdown and close


# ---------------------------------------------------------------- ioctl


@TCP.rule(on=TcpEvent.FIONREAD, stays=(S.LISTEN,), cite="tcp(7), SIOCINQ: EINVAL in state LISTEN")
def fionread_on_listener(tcb: Tcb, host: Host) -> Answer:
    """A listener has no bytes to count: EINVAL."""
    return Fail(errno.EINVAL)


@TCP.rule(on=TcpEvent.FIONREAD, stays=NOT_LISTENING, cite="tcp(7), SIOCINQ")
def fionread_counts_readable(tcb: Tcb, host: Host) -> Answer:
    """How many bytes recv could give now, but none beyond an urgent one that is not in the stream."""
    return Done(0 if tcb.state in CONNECTING else urgent.countable(tcb))


@TCP.rule(on=TcpEvent.TIOCOUTQ, stays=(S.LISTEN,), cite="tcp(7), SIOCOUTQ: EINVAL in state LISTEN")
def tiocoutq_on_listener(tcb: Tcb, host: Host) -> Answer:
    """A listener sends no bytes: EINVAL."""
    return Fail(errno.EINVAL)


@TCP.rule(on=TcpEvent.TIOCOUTQ, stays=NOT_LISTENING, cite="tcp(7), SIOCOUTQ: write_seq - snd_una")
def tiocoutq_counts_unacknowledged(tcb: Tcb, host: Host) -> Answer:
    """How many bytes the peer has not acknowledged; a FIN counts as one."""
    return Done(0 if tcb.state in CONNECTING else tcb.write_seq - tcb.snd_una)
