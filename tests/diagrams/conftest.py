"""A sample machine: RFC 9293's eleven states in the model's kit, with rules of every sort that a picture must show.

It stands in for the real machines so that the pictures are tested on their own: many rules between two states,
rules that never move, rules that nobody can confirm, sentences with characters that formats stumble over.

Not here: behaviour. The bodies do nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from pathlib import Path
from typing import Any

import pytest

from diagrams.diagram import Caption, Diagram, make
from diagrams.machines import LOOKS
from model.rules import Machine, View, arrows_of
from model.values.constants import TcpState as S

CAPTION = Caption(kernel="6.18.44", calls=1234567)
SYNCHRONIZED = (S.ESTABLISHED, S.FIN_WAIT_1, S.FIN_WAIT_2, S.CLOSE_WAIT, S.CLOSING, S.LAST_ACK)
NEVER = ("bad_ack_aborts", "segment_answered_7", "fin_with_ack_arrives")
"""Rules that ought to have been confirmed and were not."""


class Event(IntEnum):
    CALL = 0


class Fill(IntEnum):
    EMPTY = 0
    ROOM = 1
    FULL = 2


def rule(
    machine: Machine,
    name: str,
    sentence: str,
    moves: dict[Any, Any] | None = None,
    stays: Iterable[Any] = (),
    shows: dict[View, dict[Any, tuple[Any, ...]]] | None = None,
    unconfirmed: str = "",
) -> None:
    """Declare a rule with an empty body."""

    def body(draft: object) -> None:
        return None

    body.__name__, body.__doc__ = name, sentence
    declare = machine.rule(
        on=Event.CALL,
        moves=moves,
        stays=stays,
        shows=shows,
        cite="RFC 9293 §3.10",
        unconfirmed=unconfirmed,
        when=lambda draft: True,
    )
    declare(body)


def counts_of(shown: Machine | View, machine: Machine) -> dict[str, int]:
    """Counts of every size, and none for the rules in `NEVER` and those that cannot be confirmed."""
    return {
        arrow.key: (at * 7919 + 13) ** 2 % 10 ** (1 + at % 6) + 1
        for at, arrow in enumerate(arrows_of(shown, [machine]))
        if not arrow.rule.unconfirmed and arrow.rule.name not in NEVER
    }


@pytest.fixture(scope="session")
def view() -> View:
    return View("send_buffer", "TCP send buffer", Fill, lambda draft: Fill.EMPTY)


@pytest.fixture(scope="session")
def machine(view: View) -> Machine:
    """The moves of RFC 9293 figure 5, resets, aborts, time-outs and many rules that stay."""
    m = Machine("tcp", "TCP connection", S, Event)
    rule(m, "listen_opens", "A passive open waits for connections.", {S.CLOSED: S.LISTEN})
    rule(m, "connect_sends_syn", "An active open sends SYN.", {S.CLOSED: S.SYN_SENT})
    rule(m, "close_listener", "Closing a listener forgets it.", {S.LISTEN: S.CLOSED})
    rule(m, "close_attempt", "Closing a connection attempt forgets it.", {S.SYN_SENT: S.CLOSED})
    rule(m, "syn_arrives", "A child is made for a SYN.", {S.LISTEN: S.SYN_RECEIVED})
    rule(m, "syn_ack_completes_connect", "SYN and ACK complete the attempt.", {S.SYN_SENT: S.ESTABLISHED})
    why = 'needs "held" segments; wire & hold <not there> yet'
    rule(m, "syn_crosses", "Both sides opened at once.", {S.SYN_SENT: S.SYN_RECEIVED}, unconfirmed=why)
    rule(m, "attempt_refused", "A reset refuses the attempt.", {S.SYN_SENT: S.CLOSED})
    rule(m, "attempt_times_out", "Nobody answered.", {S.SYN_SENT: S.CLOSED}, unconfirmed="takes two minutes")
    rule(m, "ack_completes_handshake", "The last ACK of the handshake.", {S.SYN_RECEIVED: S.ESTABLISHED})
    for verb in ("close", "shutdown"):
        sentence = f'{verb} sends FIN: "no more"; <FIN> & ours \\ 100 %.'
        ends = {S.ESTABLISHED: S.FIN_WAIT_1, S.CLOSE_WAIT: S.LAST_ACK, S.SYN_RECEIVED: S.FIN_WAIT_1}
        rule(m, f"{verb}_sends_fin", sentence, ends)
    moves = {S.ESTABLISHED: S.CLOSE_WAIT, S.FIN_WAIT_1: S.CLOSING, S.FIN_WAIT_2: S.TIME_WAIT}
    rule(m, "fin_arrives", "The peer has no more to send.", moves)
    rule(m, "fin_with_ack_arrives", "FIN and the ACK of ours.", {S.FIN_WAIT_1: S.TIME_WAIT})
    moves = {S.FIN_WAIT_1: S.FIN_WAIT_2, S.CLOSING: S.TIME_WAIT, S.LAST_ACK: S.CLOSED}
    rule(m, "our_fin_acked", "The peer acknowledged our FIN.", moves)
    rule(m, "time_wait_over", "TIME-WAIT ends.", {S.TIME_WAIT: S.CLOSED}, unconfirmed="takes a minute")
    rule(m, "orphan_given_up", "An orphan is given up.", {S.FIN_WAIT_2: S.CLOSED}, unconfirmed="takes a minute")
    rule(m, "reset_arrives", "A reset ends the connection.", dict.fromkeys(SYNCHRONIZED, S.CLOSED))
    rule(m, "reset_ends_child", "A reset ends a half-open child.", {S.SYN_RECEIVED: S.CLOSED})
    for why in ("unread_data", "linger_zero", "unspec_connect", "late_data", "bad_ack", "no_listener", "no_memory"):
        rule(m, f"{why}_aborts", f"{why} aborts.", {S.ESTABLISHED: S.CLOSED, S.CLOSE_WAIT: S.CLOSED})
    for number in range(16):
        rule(m, f"segment_answered_{number}", "A segment that does not move.", stays=SYNCHRONIZED)
    turns = {Fill.EMPTY: (Fill.ROOM, Fill.FULL), Fill.ROOM: (Fill.ROOM, Fill.FULL), Fill.FULL: (Fill.FULL,)}
    sending = (S.ESTABLISHED, S.CLOSE_WAIT)
    rule(m, "send_accepted", "Bytes are taken.", stays=sending, shows={view: turns})
    rule(m, "send_would_block", "No room.", stays=sending, shows={view: {Fill.FULL: (Fill.FULL,)}})
    turns = {Fill.ROOM: (Fill.EMPTY, Fill.ROOM), Fill.FULL: (Fill.FULL, Fill.ROOM, Fill.EMPTY)}
    rule(m, "ack_frees_room", "Acknowledged bytes free memory.", stays=sending, shows={view: turns})
    return m


@pytest.fixture(scope="session")
def tcp(machine: Machine) -> Diagram:
    return make(machine, [machine], counts_of(machine, machine), CAPTION, LOOKS["tcp"])


@pytest.fixture(scope="session")
def send_buffer(machine: Machine, view: View) -> Diagram:
    return make(view, [machine], counts_of(view, machine), CAPTION, LOOKS["send_buffer"])


@pytest.fixture
def no_dot(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without dot: nothing is on the path."""
    monkeypatch.setenv("PATH", str(tmp_path))
