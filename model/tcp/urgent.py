"""Urgent data: one byte that the peer wants to be seen at once, and the mark that it leaves in the stream.

A sender's MSG_OOB makes the last byte of that send urgent. While it is unacknowledged every segment near it carries the
bit URG and a pointer to *behind* that byte (RFC 1122 §4.2.2.4, RFC 6093 §3.1); but Linux takes the pointer for the
number of the byte behind the urgent one, as BSD did, on both sides, unless net.ipv4.tcp_stdurg is set. What RFC 9293
calls urgent data of any length is to Linux this one byte, and each new pointer makes an ordinary one of the last.

The receiver keeps three things: where the *mark* is (`rcv_up`), a copy of the byte once it is here, and whether that
was read. The byte itself stays in the stream, in its buffer and counted, whatever becomes of the copy. So

- the copy is taken from the segment as it arrives, even from one behind a gap, or one that the window has no room for;
- recv stops before the mark. One that begins at it leaves the byte out (unless SO_OOBINLINE keeps it), and with that
  byte forgets mark and copy. If nothing follows yet, such a recv answers EAGAIN and has thrown the urgent byte away;
- who has read it with MSG_OOB and closes has unread bytes, and resets the connection;
- poll's POLLPRI is the copy, unread: the announcement alone wakes nobody.

Not here: sending (calls.py, output.py); SIGURG; an urgent pointer on a SYN. One whose byte arrived earlier, behind a
gap, in a segment that did not point at it: Linux misses that one, and may take a byte of a later header for it.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from ..values.constants import MSG_PEEK, WAKES_READERS, TcpFlag, TcpState
from ..values.results import Answer, Done, Fail
from ..values.segments import Segment
from . import memory
from .block import Tcb, Urgent
from .machine import RECEIVE_BUFFER, SYNCHRONIZED, TCP, URGENT, ReceiveBuffer, TcpEvent, UrgentEvent
from .windows import may_predict

if TYPE_CHECKING:
    from ..world.host import Host

U, E = Urgent, UrgentEvent
ANY = tuple(Urgent)
THERE = (U.ANNOUNCED, U.WAITING, U.READ)
_URG = int(TcpFlag.URG)


# ---------------------------------------------------------------- what a segment says of them


@TCP.rule(
    on=TcpEvent.SEGMENT_URGENT, stays=SYNCHRONIZED,
    when=lambda tcb, seg, host: bool(seg.flags & _URG) or tcb.urgent is U.ANNOUNCED,
    cite="RFC 9293 §3.10.7.4, sixth: check the URG bit; tcp_urg",
)  # fmt: skip
def segment_may_be_urgent(tcb: Tcb, segment: Segment, host: Host) -> None:
    """It points at urgent data, or may bring them: that is looked at before its text, which may yet be dropped.
    RFC 9293 has this ignored behind the peer's FIN; Linux looks at it all the same."""
    if segment.flags & _URG:
        URGENT.fire(host.trail, E.POINTED, tcb, segment, host)
    URGENT.offer(host.trail, E.SEGMENT, tcb, segment, host)


def _named(segment: Segment) -> int:
    """The number of the urgent byte: the last before the one that is pointed at."""
    return segment.seq + max(segment.urgent - 1, 0)


def _is_known(tcb: Tcb, segment: Segment, host: Host) -> bool:
    named = _named(segment)
    return named < max(tcb.copied_seq, tcb.rcv_nxt) or (tcb.urgent is not U.NONE and named <= tcb.rcv_up)


@URGENT.rule(on=E.POINTED, stays=ANY, when=_is_known, cite="tcp_check_urg")
def pointer_names_nothing_new(tcb: Tcb, segment: Segment, host: Host) -> None:
    """The byte was received before, or this one or a later one is known to be urgent: nothing changes."""


def _announce(tcb: Tcb, segment: Segment) -> None:
    tcb.rcv_up, tcb.urgent_byte = _named(segment), b""
    tcb.predicts = False


_SKIPPED = {
    ReceiveBuffer.HOLDING: (ReceiveBuffer.HOLDING, ReceiveBuffer.EMPTY, ReceiveBuffer.ENDED),
    ReceiveBuffer.CLOSED_WINDOW: (ReceiveBuffer.CLOSED_WINDOW, ReceiveBuffer.EMPTY, ReceiveBuffer.ENDED),
}


@URGENT.rule(
    on=E.POINTED, moves=dict.fromkeys(THERE, U.ANNOUNCED),
    when=lambda tcb, seg, host: tcb.at_mark and not tcb.urgent_inline and tcb.readable_bytes > 0,
    shows={RECEIVE_BUFFER: _SKIPPED}, cite="tcp_check_urg",
)  # fmt: skip
def pointer_drops_byte_at_mark(tcb: Tcb, segment: Segment, host: Host) -> None:
    """The reader stands at the mark of the last one, which is left out of the stream now: unread, it is lost."""
    memory.skip_received(tcb, host)
    _announce(tcb, segment)


@URGENT.rule(on=E.POINTED, moves=dict.fromkeys(ANY, U.ANNOUNCED), cite="RFC 9293 §3.8.5; RFC 6093 §3.1; tcp_check_urg")
def pointer_announces_urgent_byte(tcb: Tcb, segment: Segment, host: Host) -> None:
    """A byte is urgent that has not come yet. One before it that was not passed is an ordinary byte from now on."""
    _announce(tcb, segment)


@URGENT.rule(
    on=E.SEGMENT, moves={U.ANNOUNCED: U.WAITING},
    when=lambda tcb, seg, host: 0 <= tcb.rcv_up - seg.seq < len(seg.data), cite="RFC 9293 §3.8.5; tcp_urg",
)  # fmt: skip
def urgent_byte_arrives(tcb: Tcb, segment: Segment, host: Host) -> None:
    """The segment has the byte: a copy of it can be read at once, whatever is missing before it; readers are woken."""
    at = tcb.rcv_up - segment.seq
    tcb.urgent_byte = bytes(segment.data[at : at + 1])
    host.wake(tcb, WAKES_READERS)


# ---------------------------------------------------------------- recv with MSG_OOB


@URGENT.rule(
    on=E.RECEIVE, stays=(U.NONE,), when=lambda tcb, wanted, flags, host: tcb.state is TcpState.LISTEN,
    cite="recv(2), ENOTCONN; tcp_recvmsg_locked",
)  # fmt: skip
def urgent_recv_on_listener(tcb: Tcb, wanted: int, flags: int, host: Host) -> Answer:
    """A listening socket never carries data: ENOTCONN."""
    return Fail(errno.ENOTCONN)


@URGENT.rule(
    on=E.RECEIVE, stays=THERE, when=lambda tcb, wanted, flags, host: tcb.urgent_inline,
    cite="POSIX recv(), EINVAL; socket(7), SO_OOBINLINE; tcp_recv_urg",
)  # fmt: skip
def urgent_recv_of_byte_in_line(tcb: Tcb, wanted: int, flags: int, host: Host) -> Answer:
    """SO_OOBINLINE leaves the byte to those who read the stream: EINVAL."""
    return Fail(errno.EINVAL)


@URGENT.rule(on=E.RECEIVE, stays=(U.NONE, U.READ), cite="POSIX recv(), EINVAL; tcp_recv_urg")
def urgent_recv_finds_none(tcb: Tcb, wanted: int, flags: int, host: Host) -> Answer:
    """No urgent byte was announced, it was read, or the reader is past it: EINVAL.
    That is the answer also of a socket that never was connected, and at the end of the stream."""
    return Fail(errno.EINVAL)


@URGENT.rule(
    on=E.RECEIVE, stays=(U.ANNOUNCED, U.WAITING),
    when=lambda tcb, wanted, flags, host: tcb.state is TcpState.CLOSED and not tcb.fin_received,
    cite="recv(2), ENOTCONN; tcp_recv_urg",
)  # fmt: skip
def urgent_recv_after_reset(tcb: Tcb, wanted: int, flags: int, host: Host) -> Answer:
    """The connection broke off, and the byte cannot be had any more, though poll says it can: ENOTCONN.
    What error ended it is not told, and stays pending."""
    return Fail(errno.ENOTCONN)


@URGENT.rule(
    on=E.RECEIVE, stays=(U.WAITING,), when=lambda tcb, wanted, flags, host: bool(flags & MSG_PEEK),
    cite="recv(2), MSG_PEEK",
)  # fmt: skip
def urgent_byte_is_looked_at(tcb: Tcb, wanted: int, flags: int, host: Host) -> Answer:
    """MSG_PEEK: the byte is given, and can be read again."""
    return Done(tcb.urgent_byte[:wanted])


@URGENT.rule(on=E.RECEIVE, moves={U.WAITING: U.READ}, cite="recv(2), MSG_OOB; tcp_recv_urg")
def urgent_byte_is_read(tcb: Tcb, wanted: int, flags: int, host: Host) -> Answer:
    """The byte is given, one however many were asked for, and counts as read even if none was."""
    return Done(tcb.urgent_byte[:wanted])


@URGENT.rule(
    on=E.RECEIVE, stays=(U.ANNOUNCED,),
    when=lambda tcb, wanted, flags, host: tcb.state is TcpState.CLOSED or tcb.read_shut, cite="tcp_recv_urg",
)  # fmt: skip
def urgent_recv_finds_end(tcb: Tcb, wanted: int, flags: int, host: Host) -> Answer:
    """The byte was announced, but the reading direction is shut: end of file."""
    return Done(b"")


@URGENT.rule(on=E.RECEIVE, stays=(U.ANNOUNCED,), cite="POSIX recv(), EAGAIN; tcp_recv_urg")
def urgent_recv_never_waits(tcb: Tcb, wanted: int, flags: int, host: Host) -> Answer:
    """The byte was announced and is not here yet: EAGAIN, even if the socket is blocking."""
    return Fail(errno.EAGAIN)


# ---------------------------------------------------------------- the reader of the stream, and the mark


def left_out(tcb: Tcb, wanted: int) -> int:
    """1 if the next byte that waits is the urgent one, which a recv of so many bytes leaves out; else 0."""
    return int(wanted > 0 and tcb.at_mark and not tcb.urgent_inline and tcb.readable_bytes > 0)


def before_mark(tcb: Tcb) -> int | None:
    """How many bytes lie before the mark, if that is ahead: recv stops there."""
    return tcb.rcv_up - tcb.copied_seq if tcb.urgent and tcb.rcv_up > tcb.copied_seq else None


def countable(tcb: Tcb) -> int:
    """What FIONREAD counts: bytes that wait, but none behind an urgent byte that is here (`tcp_inq`)."""
    if tcb.urgent and not tcb.urgent_inline and tcb.copied_seq <= tcb.rcv_up < tcb.rcv_nxt:
        return tcb.rcv_up - tcb.copied_seq
    return tcb.readable_bytes


@TCP.rule(
    on=TcpEvent.RECEIVE, stays=tuple(s for s in TcpState if s not in (TcpState.LISTEN, TcpState.TIME_WAIT)),
    when=lambda tcb, wanted, flags, host: tcb.urgent and not flags & MSG_PEEK and left_out(tcb, wanted) > 0,
    cite="recv(2), MSG_OOB; socket(7), SO_OOBINLINE; tcp_recvmsg_locked",
)  # fmt: skip
def recv_leaves_urgent_byte_out(tcb: Tcb, wanted: int, flags: int, host: Host) -> Answer:
    """The urgent byte is next, and not part of the stream: read or not it is passed over, and what is behind it counts.
    A recv that finds nothing there answers as ever, and the byte is gone all the same."""
    URGENT.fire(host.trail, E.PASSED, tcb, host)
    answer: Answer = TCP.fire(host.trail, TcpEvent.RECEIVE, tcb, wanted, flags, host)
    return answer


def _forget(tcb: Tcb) -> None:
    tcb.urgent_byte = b""
    tcb.predicts = tcb.predicts or may_predict(tcb)


@URGENT.rule(
    on=E.PASSED, moves=dict.fromkeys(THERE, U.NONE), when=lambda tcb, host: tcb.copied_seq > tcb.rcv_up,
    cite="socket(7), SO_OOBINLINE; tcp_recvmsg_locked",
)  # fmt: skip
def urgent_byte_is_read_in_line(tcb: Tcb, host: Host) -> None:
    """It was read as part of the stream: the mark is gone."""
    _forget(tcb)


@URGENT.rule(
    on=E.PASSED, moves=dict.fromkeys(THERE, U.NONE), shows={RECEIVE_BUFFER: _SKIPPED}, cite="tcp_recvmsg_locked",
)  # fmt: skip
def urgent_byte_is_passed(tcb: Tcb, host: Host) -> None:
    """It is left out of the stream, and mark and copy are gone with it."""
    _forget(tcb)
    memory.skip_received(tcb, host)


@URGENT.rule(
    on=E.FORGOTTEN, moves=dict.fromkeys(THERE, U.NONE), cite="tcp_disconnect",
)  # fmt: skip
def urgent_data_are_forgotten(tcb: Tcb, host: Host) -> None:
    """The socket is as good as new, and has no urgent data."""
    tcb.urgent_byte = b""


@URGENT.rule(on=E.ATMARK, stays=THERE, when=lambda tcb, host: tcb.at_mark, cite="sockatmark(3); tcp_ioctl, SIOCATMARK")
def mark_is_here(tcb: Tcb, host: Host) -> Answer:
    """Everything before the urgent byte was read, and it was not passed: 1, whether it was read or is still to come."""
    return Done(1)


@URGENT.rule(on=E.ATMARK, stays=ANY, cite="sockatmark(3); tcp_ioctl, SIOCATMARK")
def mark_is_elsewhere(tcb: Tcb, host: Host) -> Answer:
    """There is no urgent byte, or others are to be read before it: 0. No state of the socket makes this an error."""
    return Done(0)
