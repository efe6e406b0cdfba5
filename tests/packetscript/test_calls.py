"""Calls: arguments, answers, errors and notes."""

from __future__ import annotations

import pytest

from wouldblock.packetscript import parse, show
from wouldblock.packetscript.syntax import (
    Anything,
    Applied,
    Array,
    Either,
    Expression,
    Field,
    Number,
    Struct,
    Symbol,
    SystemCall,
    Text,
)


def call(text: str) -> SystemCall:
    (event,) = parse(f"0 {text}").events
    assert isinstance(event.action, SystemCall)
    return event.action


@pytest.mark.parametrize(
    ("written", "value", "normal"),
    [
        ("4", Number(4), None),
        ("-1", Number(-1), None),
        ("0xFF", Number(255, hexadecimal=True), "0xff"),
        ("...", Anything(), None),
        ("NULL", Symbol("NULL"), None),
        ("O_RDWR | O_NONBLOCK", Either((Symbol("O_RDWR"), Symbol("O_NONBLOCK"))), "O_RDWR|O_NONBLOCK"),
        ("A|0x10|2", Either((Symbol("A"), Number(16, hexadecimal=True), Number(2))), None),
        (r'"\xa1 \" //"', Text((r"\xa1 \" //",)), None),
        ('"GET"...', Text(("GET",), more=True), None),
        ('"a" "b"', Text(("a", "b")), None),
        ("[]", Array(()), None),
        ("[1,2]", Array((Number(1), Number(2))), "[1, 2]"),
        ("[A|B]", Array((Either((Symbol("A"), Symbol("B"))),)), None),
        ('inet_addr("192.0.2.1")', Applied("inet_addr", (Text(("192.0.2.1",)),)), None),
        ("sizeof(struct linger)", Applied("sizeof", (Symbol("struct linger"),)), None),
        ("sizeof(int)", Applied("sizeof", (Symbol("int"),)), None),
        ("f()", Applied("f", ()), None),
        ("{..., 1000}", Struct((Anything(), Number(1000))), None),
        ("{}", Struct(()), None),
        (
            "{events=EPOLLIN|EPOLLET, fd=4}",
            Struct((Field("events", Either((Symbol("EPOLLIN"), Symbol("EPOLLET")))), Field("fd", Number(4)))),
            None,
        ),
        ("size=10", Field("size", Number(10)), None),
    ],
)
def test_expressions(written: str, value: Expression, normal: str | None) -> None:
    found = call(f"f({written}) = 0")
    assert found.arguments == (value,)
    assert show(parse(f"0 f({written}) = 0")) == f"0 f({normal or written}) = 0\n"


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ('{sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("1.2.3.4")}', "sockaddr"),
        ("{msg_name(...)=..., msg_iov(1)=[{..., 10}], msg_flags=0}", "msghdr"),
        ("{..., 10}", "iovec"),
        ("{iov_base=..., iov_len=10}", "iovec"),
        ("{fd=3, events=POLLIN, revents=0}", "pollfd"),
        ("{events=EPOLLIN, fd=4}", "epoll_event"),
        ("{events=0, ptr=0}", "epoll_event"),
        ("{onoff=1, linger=0}", "linger"),
        ("{cmsg_level=SOL_TCP, cmsg_type=TCP_CM_INQ, cmsg_data=10}", "cmsghdr"),
        ("{ee_errno=0, ee_origin=1, ee_type=0, ee_code=0, ee_info=0, ee_data=2}", "sock_extended_err"),
        ("{scm_sec=0, scm_nsec=20000000}", "scm_timestamping"),
        ("{1, 2, 3}", None),
        ("{}", None),
    ],
)
def test_structures_are_known_by_their_members(written: str, kind: str | None) -> None:
    (struct,) = call(f"f({written}) = 0").arguments
    assert isinstance(struct, Struct)
    assert struct.kind == kind


def test_members_that_say_how_many() -> None:
    (struct,) = call("f({msg_name(...)=..., msg_iov(2)=[{...,0},{...,5}], msg_flags=0}) = 5").arguments
    assert isinstance(struct, Struct)
    iov = struct.field("msg_iov")
    assert iov is not None
    assert iov.count == Number(2)
    assert isinstance(iov.value, Array)
    assert len(iov.value.items) == 2
    assert struct.field("msg_name") == Field("msg_name", Anything(), Anything())
    assert struct.field("msg_control") is None


@pytest.mark.parametrize(
    ("answer", "result", "errno", "note"),
    [
        ("3", Number(3), None, None),
        ("...", Anything(), None, None),
        ("-1 EAGAIN (Resource temporarily unavailable)", Number(-1), "EAGAIN", "Resource temporarily unavailable"),
        ("-1 ENOTCONN", Number(-1), "ENOTCONN", None),
        ("-1 (Invalid Argument)", Number(-1), None, "Invalid Argument"),
        ("0x2 (flags O_RDWR)", Number(2, hexadecimal=True), None, "flags O_RDWR"),
        ("0x802 (flags O_RDWR|O_NONBLOCK)", Number(0x802, hexadecimal=True), None, "flags O_RDWR|O_NONBLOCK"),
        ("-1 EADDRNOTAVAIL (Can't assign (this) address)", Number(-1), "EADDRNOTAVAIL", "Can't assign (this) address"),
        ("RESULT (which is a note)", Symbol("RESULT"), None, "which is a note"),
    ],
)
def test_answers(answer: str, result: Expression, errno: str | None, note: str | None) -> None:
    found = call(f"fcntl(3, F_GETFL) = {answer}\n+0 close(3) = 0".split("\n", maxsplit=1)[0])
    assert (found.result, found.errno, found.note) == (result, errno, note)
    assert show(parse(f"0 g() = {answer}")) == f"0 g() = {answer}\n"
