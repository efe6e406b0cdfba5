"""Every machine and every view of the model, in the order in which they are drawn and listed.

Importing this module imports every file that declares rules, so whoever reads the rules reads all of them.
"""

from __future__ import annotations

from . import errorqueue
from .errorqueue import ERROR_QUEUE
from .rules import Machine, Rule, View
from .sockets import messages
from .sockets.descriptors import DESCRIPTOR
from .sockets.life import SOCKET
from .sockets.options import calls as option_calls
from .tcp import (
    acceptance,
    acknowledging,
    answering,
    calls,
    closing,
    ecn,
    handshake,
    icmp,
    keepalive,
    paws,
    recovery,
    requests,
    resting,
    text,
    timeouts,
    timers,
    urgent,
)
from .tcp.machine import RECEIVE_BUFFER, RECOVERY, REQUEST, SEND_BUFFER, TCP, URGENT
from .udp import assembling as udp_assembling
from .udp import calls as udp_calls
from .udp import icmp as udp_icmp
from .udp.machine import UDP
from .waiting import epoll, scheduling
from .waiting.interest import EPOLL
from .waiting.scheduling import THREAD

MACHINES: tuple[Machine, ...] = (TCP, REQUEST, RECOVERY, URGENT, SOCKET, UDP, ERROR_QUEUE, DESCRIPTOR, EPOLL, THREAD)
VIEWS: tuple[View, ...] = (SEND_BUFFER, RECEIVE_BUFFER)

RULES_FROM = (
    option_calls, messages, errorqueue, calls, closing, handshake, requests, paws, acceptance, acknowledging, recovery,
    timeouts, urgent, text, ecn, answering, resting, timers, keepalive, icmp, udp_assembling, udp_calls, udp_icmp,
    epoll, scheduling,
)  # fmt: skip
"""The modules whose import declares rules."""

for _machine in MACHINES:
    _machine.sort_rules([module.__name__ for module in RULES_FROM])


def all_rules() -> dict[str, Rule]:
    """Every rule by name. Names are unique across machines (a test holds that)."""
    return {rule.name: rule for machine in MACHINES for rule in machine.rules.values()}
