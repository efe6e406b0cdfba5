"""`wouldblock check FILE.py` and `run FILE.py`: both arms side by side, differences marked, verdicts as exit statuses.

The kernel's arm is played by a second model (conftest.py), which lies where a test wants a contradiction.

Not here: wrong files (test_scenario_files.py), the real kernel (test_real_arms.py).
"""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from model.values.results import Done, Fail
from wouldblock.front import Stop

from .conftest import Arms, Invoke, one_sentence

REFUSED = """
def refused(net):
    '''A refused connect reports its error once.'''
    s = net.socket.socket()
    s.setblocking(False)
    answers = [s.connect_ex(("127.0.0.1", 9)), s.getsockopt(net.socket.SOL_SOCKET, net.socket.SO_ERROR)]
    s.close()
    return answers
"""
PORTS = """
def ports(net):
    with net.socket.socket() as server, net.socket.socket() as s:
        server.bind(("127.0.0.1", 0))
        server.listen(1)
        s.setblocking(False)
        s.connect_ex(server.getsockname())
        child, peer = server.accept()
        with child:
            assert peer == s.getsockname()
            return peer, child.getpeername(), server.getsockname(), ("127.0.0.1", 9)
"""
LISTEN = """
def f(net):
    with net.socket.socket() as s:
        s.listen(1)
"""
Write = Callable[..., str]


def wrong_errno(*_: Any) -> Fail:
    return Fail(errno.EPERM)


def test_arms_that_agree(invoke: Invoke, arms: Arms, scenario: Write) -> None:
    result = invoke("check", scenario(REFUSED))
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    out = result.stdout
    assert "refused  mine.py:2" in out
    assert "A refused connect reports its error once." in out
    assert "s1.connect(127.0.0.1:9)" in out
    connect = next(line for line in out.splitlines() if "s1.connect" in line)
    assert connect.split()[-3:] == ["EINPROGRESS", "EINPROGRESS", "="]
    assert "connect_starts  The attempt begins" in out
    assert "returned [115, 111]  =" in out
    assert "= refused: 5 calls, equal on both arms." in out
    assert "≠" not in out


def test_ephemeral_ports_are_named_in_the_order_of_their_appearance(
    invoke: Invoke, arms: Arms, scenario: Write
) -> None:
    result = invoke("check", scenario(PORTS))
    assert result.exit_code == 0, result.output
    assert "s2.connect(127.0.0.1:port#1)" in result.stdout
    assert "s3 from 127.0.0.1:port#2" in result.stdout
    assert "(('127.0.0.1', 'port#2'), ('127.0.0.1', 'port#2'), ('127.0.0.1', 'port#1'), ('127.0.0.1', 9))" in " ".join(
        result.stdout.split()
    )


def test_ports_of_the_scenario_keep_their_numbers(invoke: Invoke, arms: Arms, scenario: Write) -> None:
    result = invoke("check", scenario(PORTS.replace('("127.0.0.1", 0)', '("127.0.0.1", 7000)')))
    assert "s2.connect(127.0.0.1:7000)" in result.stdout
    assert "s3 from 127.0.0.1:port#1" in result.stdout


def test_a_wrong_answer_is_marked_and_ends_with_1(invoke: Invoke, arms: Arms, scenario: Write) -> None:
    arms.lie("connect_starts", body=wrong_errno)
    result = invoke("check", scenario(REFUSED), "--json", "out.json")
    assert result.exit_code == 1, result.output
    connect = next(line for line in result.stdout.splitlines() if "s1.connect" in line)
    assert connect.split()[-3:] == ["EINPROGRESS", "EPERM", "≠"]
    assert "model returned [115, 111]  ≠" in result.stdout
    assert "kernel returned [1, 0]  ≠" in result.stdout
    verdict = result.stdout.strip().splitlines()[-1]
    assert verdict.startswith("≠ refused: ")
    assert "and so does what it returned" in verdict
    found = json.loads(Path("out.json").read_text())
    assert found["equal"] is False
    call = next(call for call in found["scenarios"][0]["calls"] if call["call"].startswith("s1.connect"))
    assert (call["model"]["text"], call["kernel"]["text"], call["equal"]) == ("EINPROGRESS", "EPERM", False)


def test_what_is_seen_of_the_sockets_is_compared(invoke: Invoke, arms: Arms, scenario: Write) -> None:
    """The answer is right, but a move is missing: the state shows it."""
    arms.lie("active_open", body=lambda *_: Done())
    result = invoke("check", scenario(REFUSED))
    assert result.exit_code == 1, result.output
    assert "after it, s1 poll: model POLLIN|POLLOUT|POLLERR|POLLHUP" in result.stdout
    assert "after it, s1 tcpi_state: model CLOSED, kernel SYN_SENT" in result.stdout


def test_calls_of_one_arm_alone_stand_alone(invoke: Invoke, arms: Arms, scenario: Write) -> None:
    arms.lie("connect_starts", body=wrong_errno)
    source = REFUSED.replace("    s.close()", "    if 1 in answers: s.getsockname()\n    s.close()")
    result = invoke("check", scenario(source))
    lines = result.stdout.splitlines()
    alone = next(line for line in lines if "s1.getsockname()" in line)
    assert alone.split()[-2:] == ["0.0.0.0:0", "≠"]
    assert next(line for line in lines if "s1.close()" in line).split()[-3:] == ["ok", "ok", "="]


def test_the_same_oserror_on_both_arms_is_agreement(invoke: Invoke, arms: Arms, scenario: Write) -> None:
    result = invoke("check", scenario(LISTEN.replace("s.listen(1)", "s.send(b'x')")))
    assert result.exit_code == 0, result.output
    assert "raised BrokenPipeError: [Errno 32] Broken pipe  =" in result.stdout
    assert "mine.py:4 in f: s.send(b'x')" in result.stdout
    assert "calls, raised the same on both arms." in result.stdout


def test_an_oserror_on_one_arm_alone_is_a_contradiction(invoke: Invoke, arms: Arms, scenario: Write) -> None:
    arms.lie("listen_starts", body=wrong_errno)
    result = invoke("check", scenario(LISTEN))
    assert result.exit_code == 1, result.output
    assert "model returned None  ≠" in result.stdout
    assert "kernel raised PermissionError: [Errno 1] Operation not permitted  ≠" in result.stdout
    assert "mine.py:4 in f" in result.stdout
    assert "and so does what it returned or raised" in result.stdout


@pytest.mark.parametrize("verb", ["check", "run"])
def test_a_scenario_that_fails_by_itself(invoke: Invoke, arms: Arms, scenario: Write, verb: str) -> None:
    source = "def f(net):\n    net.socket.socket().close()\n    g()\ndef g():\n    return 1 / 0"
    said = one_sentence(invoke(verb, scenario(source)))
    assert "mine.py::f" in said
    assert "ZeroDivisionError: division by zero" in said
    assert "mine.py:5 in g: return 1 / 0" in said


@pytest.mark.parametrize("verb", ["check", "run"])
def test_a_call_that_blocks_for_ever_is_not_tried_on_the_kernel(
    invoke: Invoke, arms: Arms, scenario: Write, verb: str
) -> None:
    result = invoke(verb, scenario(LISTEN + "        s.accept()"))
    said = one_sentence(result)
    assert "goes on for ever: at 0 s the only thread waits" in said
    assert "MainThread in accept() on s1, for a connection to accept, since 0 s" in said
    assert "mine.py:5 in f: s.accept()" in said
    assert "s1.listen(1)" in result.stdout, "the calls until then are shown"
    assert not arms.opened, "the kernel would wait for ever"


def test_a_module_that_the_model_lacks(
    invoke: Invoke, arms: Arms, scenario: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = "def f(net):\n    return net.only_on_the_kernel"
    with arms.kernel() as net:
        monkeypatch.setattr(type(net), "only_on_the_kernel", property(lambda net: net.kernel), raising=False)
    said = one_sentence(invoke("check", scenario(source)))
    assert "does not have yet" in said


def test_a_defect_of_the_model_is_no_contradiction(invoke: Invoke, arms: Arms, scenario: Write) -> None:
    source = "def f(net):\n    from model.rules import ModelDefect\n    raise ModelDefect('a hole')"
    said = one_sentence(invoke("check", scenario(source)))
    assert "defect of the model" in said
    assert "a hole" in said


def test_a_machine_without_namespaces(invoke: Invoke, arms: Arms, scenario: Write) -> None:
    arms.refusal = Stop("a private network namespace may not be made here: run as root.")
    assert "namespace" in one_sentence(invoke("check", scenario(REFUSED)))


def test_ctrl_c_shows_the_calls_so_far(invoke: Invoke, arms: Arms, scenario: Write) -> None:
    source = "def f(net):\n    net.socket.socket().close()\n    raise KeyboardInterrupt\ndef never(net): ..."
    result = invoke("check", scenario(source))
    assert "interrupted" in one_sentence(result)
    assert "s1 = socket(AF_INET, SOCK_STREAM)" in result.stdout
    assert "never" not in result.stdout


def test_several_scenarios_the_worst_verdict_counts(invoke: Invoke, arms: Arms, scenario: Write) -> None:
    arms.lie("connect_starts", body=wrong_errno)
    source = "def first(net): ...\ndef broken(net): raise ValueError\n" + REFUSED
    result = invoke("check", scenario(source), "--json", "out.json")
    assert result.exit_code == 1, result.output
    assert "= first: 0 calls, equal on both arms." in result.stdout
    found = json.loads(Path("out.json").read_text())
    assert [(each["scenario"], each["equal"]) for each in found["scenarios"]] == [
        ("first", True), ("broken", True), ("refused", False)
    ]  # fmt: skip
    assert [each["scenario"] for each in found["not_judged"]] == ["broken"]


def test_json_of_a_check(invoke: Invoke, arms: Arms, scenario: Write) -> None:
    result = invoke("check", scenario(REFUSED), "--json", "-")
    found = json.loads(result.stdout)
    assert found["kernel"] == "6.18.44"
    assert found["settings"] == {"net.ipv4.tcp_autocorking": "0"}
    (only,) = found["scenarios"]
    assert (only["scenario"], only["fact"], only["equal"]) == (
        "refused",
        "A refused connect reports its error once.",
        True,
    )
    assert only["ending"] == {"equal": True, "model": {"returned": "[115, 111]"}, "kernel": {"returned": "[115, 111]"}}
    assert "connect_starts" in only["calls"][2]["rules"]
    assert only["calls"][2]["kernel"]["answer"] == {"errno": "EINPROGRESS"}
    assert "A refused connect" in result.stderr, "what is for people goes to standard error"


@pytest.mark.parametrize("option", [["--calls", "5"], ["--time", "1"], ["--out", "x"]])
def test_options_of_the_random_check_do_not_go_with_a_file(invoke: Invoke, scenario: Write, option: list[str]) -> None:
    assert option[0] in one_sentence(invoke("check", scenario(REFUSED), *option))


def test_run_prints_calls_with_rules(invoke: Invoke, scenario: Write) -> None:
    result = invoke("run", scenario(REFUSED), "--json", "out.json")
    assert result.exit_code == 0, result.output
    connect = next(line for line in result.stdout.splitlines() if "s1.connect" in line)
    assert connect.split()[-1] == "EINPROGRESS"
    assert "connect_starts  The attempt begins" in result.stdout
    (only,) = json.loads(Path("out.json").read_text())["scenarios"]
    assert (only["returned"], only["raised"]) == ("[115, 111]", None)
    assert only["calls"][2]["call"] == "connect"


def test_a_repeated_rule_is_explained_once(invoke: Invoke, scenario: Write) -> None:
    result = invoke("run", scenario("def f(net):\n    for _ in range(3): net.socket.socket().close()"))
    assert result.stdout.count("tcp_socket_opens") == 3
    assert result.stdout.count("A fresh TCP socket") == 1


def test_a_trace_is_the_same_every_time(invoke: Invoke, scenario: Write) -> None:
    scenario(PORTS)
    for name in ("one.jsonl", "two.jsonl"):
        assert invoke("run", "mine.py", "--seed", "5", "--trace", name).exit_code == 0
    one, two = Path("one.jsonl").read_bytes(), Path("two.jsonl").read_bytes()
    assert one == two
    header, *events = (json.loads(line) for line in one.splitlines())
    assert header["format"] == "wouldblock-trace"
    assert header["seed"] == 5
    assert {"call", "segment"} <= {event["kind"] for event in events}


def test_a_trace_is_of_one_scenario(invoke: Invoke, scenario: Write) -> None:
    said = one_sentence(invoke("run", scenario(REFUSED + PORTS), "--trace", "t.jsonl"))
    assert "refused, ports" in said
    assert not Path("t.jsonl").exists()


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_lines_fit_the_terminal_and_end_without_blanks(invoke: Invoke, arms: Arms, scenario: Write, width: int) -> None:
    arms.lie("connect_starts", body=wrong_errno)
    source = REFUSED + PORTS + "def long(net): return 'a' * 500"
    for line in invoke("check", scenario(source), width=width).stdout.splitlines():
        assert len(line) <= width
        assert line == line.rstrip()
