"""TCP's machines: the connection, a request for one, recovery from loss, urgent data, and the two buffers as views. No
rules live here.

The eleven states are RFC 9293's (§3.3.2). Events are the user's calls, the phases in which an arriving segment is
processed (§3.10.7.4: each phase is one question, and at most one rule answers it), and the timers.

The buffers are *views*: their states are read off the control block, so no rule can forget to keep them. A send
buffer is FULL when poll no longer says writable, which is long before the last byte is taken: writable means that a
third of the buffer is free (`sk_stream_is_writeable`).
"""

from __future__ import annotations

from enum import IntEnum, auto
from typing import TYPE_CHECKING

from ..rules import Machine, View
from ..values.constants import TcpState
from .block import Recovery, Request, Urgent

if TYPE_CHECKING:
    from .block import Tcb


class TcpEvent(IntEnum):
    """What can happen to a control block."""

    # user calls (RFC 9293 §3.10.1 to §3.10.6, in the words of the sockets API)
    PASSIVE_OPEN = 0
    ACTIVE_OPEN = auto()
    ACCEPT = auto()
    SEND = auto()
    SEND_STOPPED = auto()
    """The copying of a send ended: with everything, a part, or nothing taken."""
    RECEIVE = auto()
    BYTES_READ = auto()
    """A reader took bytes, or looked for some: is an acknowledgement due, is the peer told that there is room again?"""
    SHUTDOWN = auto()
    CLOSE = auto()
    FIONREAD = auto()
    TIOCOUTQ = auto()
    # phases of an arriving segment (RFC 9293 §3.10.7)
    SEGMENT_TIMESTAMP = auto()
    """Is it older than what was seen already?"""
    SEGMENT_SEQUENCE = auto()
    SEGMENT_RESET = auto()
    SEGMENT_SYN = auto()
    SEGMENT_ACK = auto()
    OUR_FIN_ACKED = auto()
    """Everything we had to send was acknowledged, our FIN included."""
    SEGMENT_URGENT = auto()
    """Does it announce urgent data, or bring them?"""
    SEGMENT_MEMORY = auto()
    """Is there memory for what the segment carries?"""
    SEGMENT_TEXT = auto()
    SEGMENT_MARK = auto()
    """Text has arrived where ECN was agreed on: was it marked?"""
    REDUCTION_TOLD = auto()
    """The peer says that it has reduced its window."""
    SEGMENT_FIN = auto()
    SEGMENT_PUSH = auto()
    """Bytes that waited: can they go now?"""
    SEGMENT_ANSWER = auto()
    """Is an acknowledgement due, and when?"""
    # timers
    DELAYED_ACK_DUE = auto()
    COMPRESSED_ACK_DUE = auto()
    RETRANSMIT_DUE = auto()
    PROBE_DUE = auto()
    TAIL_PROBE_DUE = auto()
    REORDERING_DUE = auto()
    TIME_WAIT_OVER = auto()
    KEEPALIVE_DUE = auto()
    LEFT_BEHIND = auto()
    """Another record waits out TIME-WAIT for a socket that programs still hold."""
    ICMP_ERROR = auto()
    """An ICMP error quotes a segment of this connection."""
    PATH_IS_NARROWER = auto()
    """Something is to be sent, and meanwhile another socket has learnt that the path takes less."""


TCP = Machine("tcp", "TCP connection", TcpState, TcpEvent)


class RequestEvent(IntEnum):
    """What can happen to a request for a connection (requests.py)."""

    SYN = 0
    """A SYN reaches a listener."""
    QUEUED = auto()
    COOKIE = auto()
    """An acknowledgement reaches a listener that has no request for it, but has sent such a cookie."""
    BORN = auto()
    """A connection is made of a cookie."""
    SEGMENT = auto()
    TIMEOUT = auto()
    ACCEPTED = auto()
    LISTENER_GONE = auto()


REQUEST = Machine("request", "Request for a connection: SYN queue and accept queue", Request, RequestEvent, "request")

DROP = True
"""What a phase answers when the segment is done with; None passes it on to the next phase."""

_S = TcpState
CONNECTING = (_S.SYN_SENT, _S.SYN_RECEIVED)
SYNCHRONIZED = (_S.ESTABLISHED, _S.FIN_WAIT_1, _S.FIN_WAIT_2, _S.CLOSE_WAIT, _S.CLOSING, _S.LAST_ACK)
"""States with a connection; TIME-WAIT is left to a record of its own (resting.py)."""


class SendBuffer(IntEnum):
    """What the send buffer is like, seen by poll and send."""

    EMPTY = 0
    """Everything was acknowledged."""
    ROOM = 1
    """Bytes are waiting or unacknowledged, and poll says writable."""
    FULL = 2
    """poll does not say writable; send may still take what the last buffer has room for, or would block."""


class ReceiveBuffer(IntEnum):
    """What the receive buffer is like, seen by the reader and by the peer."""

    EMPTY = 0
    HOLDING = 1
    """Bytes can be read, and the window towards the peer is open."""
    CLOSED_WINDOW = 2
    """Bytes can be read, and the peer may send nothing."""
    ENDED = 3
    """Nothing to read, and nothing will come: recv gives end of file."""


_EMPTY, _ROOM, _FULL = SendBuffer
_NOTHING, _HOLDING, _CLOSED_WINDOW, _ENDED = ReceiveBuffer


def _send_buffer(tcb: Tcb) -> SendBuffer:
    if not tcb.unsent and not tcb.unacked:
        return _EMPTY
    return _ROOM if tcb.writable else _FULL


def _receive_buffer(tcb: Tcb) -> ReceiveBuffer:
    if not tcb.readable_bytes:
        return _ENDED if tcb.fin_received else _NOTHING
    return _HOLDING if tcb.receive_window else _CLOSED_WINDOW


SEND_BUFFER = View("send_buffer", "TCP send buffer", SendBuffer, _send_buffer)
RECEIVE_BUFFER = View("receive_buffer", "TCP receive buffer", ReceiveBuffer, _receive_buffer)


class RecoveryEvent(IntEnum):
    """What can happen to a sender that misses something, or does not."""

    ALL_HEARD = 0
    """Everything that was on its way when the trouble showed is acknowledged."""
    LATE = auto()
    """An acknowledgement in recovery goes on: did a retransmission fill the gap, or the original?"""
    TOLD_TWICE = auto()
    """Has all that was sent again arrived twice?"""
    AFTER_TIME_OUT = auto()
    LOST = auto()
    """Something is lost."""
    SETTLED = auto()
    """Nothing is lost: is everything in order?"""
    TIMED_OUT = auto()
    MARK_ECHOED = auto()
    """Nothing is lost, but a router has marked something (ecn.py)."""
    PROBE_ANSWERED = auto()
    """The tail probe was acknowledged, and not as a duplicate: it had filled a gap."""
    TOO_LARGE = auto()
    """Segments have become smaller, and something larger was on its way: it did not get through."""
    SYN_TIMED_OUT = auto()
    SYN_ACKED = auto()


class UrgentEvent(IntEnum):
    """What can happen to the peer's urgent byte (urgent.py)."""

    POINTED = 0
    """A segment has the bit URG."""
    SEGMENT = auto()
    """A segment arrives while an announced byte is waited for."""
    RECEIVE = auto()
    """recv with MSG_OOB."""
    PASSED = auto()
    """The reader of the stream is past it."""
    ATMARK = auto()
    """ioctl(SIOCATMARK)."""
    FORGOTTEN = auto()
    """The connection is over, and its socket as good as new."""


URGENT = Machine("urgent", "Urgent data, as the receiver has them", Urgent, UrgentEvent, field="urgent")


class Resend(IntEnum):
    """What an acknowledgement makes the sender send beyond what it would send anyway."""

    NOTHING = 0
    LOST = 1
    """What is lost."""
    NEW = 2
    """New bytes; if there are none, what is lost (RFC 5682)."""


RECOVERY = Machine("recovery", "Recovery from loss", Recovery, RecoveryEvent, field="recovery")
STOP = True
"""What a rule of recovery answers when nothing more is to be asked about this acknowledgement."""
