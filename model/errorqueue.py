"""The error queue: reports of errors, which a program reads with MSG_ERRQUEUE (ip(7), IP_RECVERR).

A pending error is a number, is told once, and says nothing of which datagram it is about. Whoever sets IP_RECVERR gets
more: each error of the network, and each datagram that was too large to leave, puts a report in a queue. It has the
number, who complains, whom the datagram was for, and the bytes of it that the error quotes. POLLERR shows while a
report waits, and reading one never blocks.

Queue and pending error know of each other, in one direction. Reading the pending error, by whatever call, leaves the
queue alone. Reading a report makes the error of the *next* one pending, if that came from the network; if none such
follows, nothing is pending any more, even if the pending error was another one. The report of a datagram that did not
leave changes nothing that is pending, for the send itself has told of it.

A report takes room in the receive buffer, like a datagram, and without room it is lost; the error is pending all the
same. A TCP socket that connects gets a report of what ends its attempt even if it never asked for one: POLLERR shows
until that was read, though SO_ERROR has been.

Not here: which errors are reported (udp/icmp.py, tcp/icmp.py, udp/sending.py); the reports of MSG_ZEROCOPY and of
timestamps; extensions of ICMP (IP_RECVERR_RFC4884).
"""

from __future__ import annotations

import errno
from enum import IntEnum
from typing import TYPE_CHECKING

from .endpoint import Endpoint, Reports
from .heads import linear
from .rules import Machine
from .values.addresses import Address
from .values.constants import SO_EE_ORIGIN_ICMP, SO_EE_ORIGIN_LOCAL, WAKES_ERRORS
from .values.messages import Report
from .values.results import Answer, Done, Fail
from .values.segments import IcmpMessage

if TYPE_CHECKING:
    from .world.host import Host

NONE, WAIT = Reports.NONE, Reports.WAIT
_IP_HEADER, _HEADERS = 20, 28
"""IPv4, and IPv4 with ICMP or UDP, in bytes."""


class QueueEvent(IntEnum):
    """What can happen to an error queue."""

    REPORT = 0
    READ_REPORT = 1
    FORGET_REPORTS = 2


ERROR_QUEUE = Machine("errorqueue", "Error queue of a socket", Reports, QueueEvent, field="reporting")


def report_error(end: Endpoint, message: IcmpMessage, code: int, host: Host) -> None:
    """An ICMP error that means the errno `code` is reported to the socket (`ip_icmp_error`)."""
    kind, its_code = message.kind.of(4)
    size = _HEADERS + (message.about or _HEADERS)
    report = Report(
        code, SO_EE_ORIGIN_ICMP, message.dst, _truesize(size, host), kind, its_code, message.info,
        message.reporter or message.dst[0], message.quote,
    )  # fmt: skip
    ERROR_QUEUE.fire(host.trail, QueueEvent.REPORT, end, report, host)


def report_too_large(end: Endpoint, goal: Address, mtu: int, host: Host) -> None:
    """A datagram was too large to leave, for `mtu` bytes get through: that is reported (`ip_local_error`)."""
    report = Report(errno.EMSGSIZE, SO_EE_ORIGIN_LOCAL, goal, _truesize(_IP_HEADER, host), info=mtu)
    ERROR_QUEUE.fire(host.trail, QueueEvent.REPORT, end, report, host)


def _truesize(size: int, host: Host) -> int:
    """What a report is charged that is a packet of so many bytes."""
    return linear(size, host.profile.small_head).truesize


def _finds_no_room(end: Endpoint, report: Report, host: Host) -> bool:
    return end.rmem + report.truesize >= end.rcvbuf


@ERROR_QUEUE.rule(
    on=QueueEvent.REPORT, stays=(NONE, WAIT), when=_finds_no_room, cite="sock_queue_err_skb, ENOMEM",
)  # fmt: skip
def report_is_lost(end: Endpoint, report: Report, host: Host) -> None:
    """The receive buffer has no room for the report: it is lost, and nobody is told."""


@ERROR_QUEUE.rule(
    on=QueueEvent.REPORT, moves={NONE: WAIT}, stays=(WAIT,), cite="ip(7), IP_RECVERR; sock_queue_err_skb",
)  # fmt: skip
def report_waits(end: Endpoint, report: Report, host: Host) -> None:
    """A report waits to be read, behind those that came before it. Nothing is reserved for the memory it takes."""
    end.rmem += report.truesize
    end.reports.append(report)
    host.wake(end, WAKES_ERRORS)


@ERROR_QUEUE.rule(on=QueueEvent.READ_REPORT, stays=(NONE,), cite="recv(2), MSG_ERRQUEUE; ip_recv_error")
def no_report_waits(end: Endpoint, host: Host) -> Answer:
    """No report waits: EAGAIN, for a read of the error queue never blocks, and looks at nothing else."""
    return Fail(errno.EAGAIN)


@ERROR_QUEUE.rule(
    on=QueueEvent.READ_REPORT, moves={WAIT: NONE}, when=lambda end, host: len(end.reports) == 1,
    cite="recv(2), MSG_ERRQUEUE; sock_dequeue_err_skb",
)  # fmt: skip
def last_report_is_read(end: Endpoint, host: Host) -> Answer:
    """The only report is given. If it came from the network, nothing is pending any more, whatever was."""
    report = _take(end)
    if report.is_icmp:
        end.error = 0
    return Done(report)


@ERROR_QUEUE.rule(on=QueueEvent.READ_REPORT, stays=(WAIT,), cite="recv(2), MSG_ERRQUEUE; sock_dequeue_err_skb")
def report_is_read(end: Endpoint, host: Host) -> Answer:
    """The oldest report is given, even to a program that only wants to peek; then the next one's error is pending.
    If that one did not come from the network, nothing is pending; and if neither did, what is pending stays so."""
    report = _take(end)
    following = end.reports[0]
    if following.is_icmp:
        end.error = following.errno
    elif report.is_icmp:
        end.error = 0
    host.wake(end, WAKES_ERRORS)
    return Done(report)


def _take(end: Endpoint) -> Report:
    report = end.reports.popleft()
    end.rmem -= report.truesize
    return report


@ERROR_QUEUE.rule(on=QueueEvent.FORGET_REPORTS, moves={WAIT: NONE}, cite="ip(7), IP_RECVERR; skb_errqueue_purge")
def reports_are_forgotten(end: Endpoint, host: Host) -> None:
    """The program does not want to hear of errors any more: reports that wait are gone. What is pending stays so."""
    end.rmem -= sum(report.truesize for report in end.reports)
    end.reports.clear()
