"""The ladder of two traces.

Not here: making traces.
"""

from __future__ import annotations

from typing import Any

import attrs

from diagrams.ladder import CALL_WIDTH_MAX, ladder, poll_text
from model.trace import CallEvent
from model.values.constants import POLLHUP, POLLIN, POLLOUT, SOL_TCP, TCP_INFO
from model.values.observation import Observation
from model.values.results import OK, Answer, Block, Done, Fail

SEEN = Observation(poll=POLLOUT, fionread=0, outq=0, tcp_state=1, drops=0)


def call(name: str, *args: Any, answer: Answer = OK, rules: tuple[str, ...] = (), **more: Any) -> CallEvent:
    return CallEvent(0, "lo", name, more.pop("socket", "s1"), args, answer, rules, **more)


OPENED = call("socket", 2, 1, 0, answer=Done(3))
SENT = call("send", b"x" * 40, 0, answer=Done(40), rules=("send_copies",), sockets=(("s1", SEEN),))


def test_a_ladder_in_full() -> None:
    broken = attrs.evolve(SENT, answer=Fail(32), rules=(), sockets=(("s1", SEEN._replace(poll=POLLOUT | POLLHUP)),))
    polled = call("poll", [("s1", 5)], answer=Done([("s1", POLLIN | POLLOUT)]), socket=None)
    waits = call("recv", 10, 0, answer=Block("data"))
    model = [OPENED, SENT, polled, waits]
    kernel = [attrs.evolve(OPENED, answer=Done(9)), broken, polled]
    assert ladder(model, kernel) == FULL


FULL = """\
call                                                 model        kernel
1  s1 = socket(2, 1, 0)                                 ok ├────┤ ok
2  s1.send(b'xxxxxxxx'… (40 bytes), 0)                  40 ├ ≠≠ ┤ EPIPE
     rules: send_copies
     s1 poll                                       POLLOUT ├ ≠≠ ┤ POLLOUT|POLLHUP
3  poll([('s1', 5)])                    s1: POLLIN|POLLOUT ├────┤ s1: POLLIN|POLLOUT
4  s1.recv(10, 0)                           blocks on data ├    ┤ ·
"""


def test_a_socket_that_one_arm_did_not_look_at_is_no_difference() -> None:
    assert "≠" not in ladder([SENT], [attrs.evolve(SENT, sockets=())])


def test_what_no_two_runs_share_is_no_difference() -> None:
    info = [call("getsockopt", SOL_TCP, TCP_INFO, 104, answer=Done(bytes([1, *rest]))) for rest in ((7, 8), (9, 9))]
    assert "≠" not in ladder(info[:1], info[1:])
    other = attrs.evolve(info[1], answer=Done(b"\x08\x00\x00"))
    assert "≠" in ladder(info[:1], [other])
    assert "≠" not in ladder([call("accept", answer=Done(("s2", 5)))], [call("accept", answer=Done(["s2", 5]))])


def test_an_error_and_a_value_differ() -> None:
    assert "1 ├ ≠≠ ┤ ECONNREFUSED" in ladder([call("f", answer=Done(1))], [call("f", answer=Fail(111))])


def test_calls_that_are_not_the_same_have_no_rung() -> None:
    text = ladder([call("send", b"a", 0, answer=Done(1))], [call("recv", 1, 0, answer=Done(b"b"))])
    assert [line[line.index("├") - 2 :] for line in text.splitlines()[1:]] == ["1 ├    ┤ ·", "· ├    ┤ b'b'"]


def test_long_calls_are_cut_and_lines_end_clean() -> None:
    text = ladder([call("sendto", *range(60))], [call("sendto", *range(60))])
    assert "…" in text
    assert max(map(len, text.splitlines())) < CALL_WIDTH_MAX + 40
    assert not any(line.endswith(" ") for line in text.splitlines())


def test_words_can_be_chosen() -> None:
    text = ladder([SENT], [SENT], call_text=lambda event: "THE CALL", answer_text=lambda event: "THE ANSWER")
    assert "1  THE CALL  THE ANSWER ├────┤ THE ANSWER\n" in text


def test_no_calls_at_all() -> None:
    assert ladder([], []) == "call  model        kernel\n"


def test_poll_bits_by_name() -> None:
    assert poll_text(0) == "0"
    assert poll_text(POLLIN | POLLHUP | 0x8000) == "POLLIN|POLLHUP|0x8000"
