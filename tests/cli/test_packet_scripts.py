"""`wouldblock run FILE.pkt` and `check FILE.pkt`: verdicts as exit statuses, sentences for what is wrong, counts.

Not here: what scripts do (tests/packetscript, tests/scripts); the kernel but for a few scripts.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Invoke, one_sentence

GOOD = """0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 1000 <mss 1000>
+0 > S. 0:0(0) ack 1 <...>
+.1 > nothing
"""
BAD = GOOD.replace("ack 1 <", "ack 2 <")
BEYOND = GOOD + "+0 setsockopt(3, SOL_TCP, TCP_INQ, [1], 4) = 0\n"

Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str, name: str = "a.pkt") -> str:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
        return name

    return write


@pytest.mark.parametrize(
    ("text", "status", "verdict"), [(GOOD, 0, "passed"), (BAD, 1, "failed"), (BEYOND, 2, "unsupported")]
)
def test_run_leaves_with_the_verdict(invoke: Invoke, write: Write, text: str, status: int, verdict: str) -> None:
    result = invoke("run", write(text), "--json", "out.json")
    assert result.exit_code == status
    found = json.loads(Path("out.json").read_text())
    assert {key: found[key] for key in ("passed", "failed", "unsupported")} == {
        "passed": 0, "failed": 0, "unsupported": 0, verdict: 1,
    }  # fmt: skip
    (script,) = found["scripts"]
    assert (script["file"], script["verdict"], script["arm"]) == ("a.pkt", verdict, "model")
    assert [event["line"] for event in script["events"]] == list(range(1, 1 + len(script["events"])))


def test_what_was_expected_and_seen_is_shown(invoke: Invoke, write: Write) -> None:
    result = invoke("run", write(BAD), width=120)
    assert "a.pkt" in result.stdout
    assert "> S. 0:0(0) ack 2 <...>" in result.stdout
    assert "fails on the model, line 5: expected > S. 0:0(0) ack 2 <...>, seen > S. 0:0(0) ack 1" in result.stdout


def test_what_is_not_supported_is_named_with_file_and_line(invoke: Invoke, write: Write) -> None:
    result = invoke("run", write(BEYOND))
    assert "a.pkt:7: not supported on the model: the name TCP_INQ" in result.stdout


def test_a_directory_means_all_below_and_each_end_is_counted(invoke: Invoke, write: Write) -> None:
    for name, text in {"d/a.pkt": GOOD, "d/b.pkt": BAD, "d/c.pkt": BEYOND, "d/d.txt": "no script"}.items():
        write(text, name)
    result = invoke("run", "d")
    assert result.exit_code == 1
    assert "3 scripts: 1 passed, 1 failed, 1 unsupported." in result.stdout
    assert "= d/a.pkt: passed on the model." in result.stdout
    Path("d/b.pkt").unlink()
    assert invoke("run", "d").exit_code == 2
    assert invoke("run", "d/a.pkt", "d/a.pkt").exit_code == 0


def test_names_can_be_defined(invoke: Invoke, write: Write) -> None:
    text = GOOD.replace("1000 <mss 1000>", "WINDOW <mss 1000>")
    assert invoke("run", "-D", "WINDOW=99", write(text)).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "text", "words"),
    [
        ("run a.pkt", "0 socket(\n", "a.pkt:2:1: expected"),
        ("run a.pkt", "--mtu=12\n" + GOOD, "a.pkt:1:1: expected a number from 68 to 65535 in --mtu, found '12'."),
        ("run a.pkt", "--local_ip=here\n" + GOOD, "a.pkt:1:1: expected an IPv4 address in --local_ip, found 'here'."),
        ("run no.pkt", GOOD, "no.pkt: there is no such file."),
        ("run .", None, "there is no packet script"),
        ("run a.pkt b.py", GOOD, "give either FILE.pkt and directories, or one FILE.py"),
        ("run --pcap x.pcapng a.pkt", GOOD, "--pcap belongs to scenarios"),
        ("run -D 5 a.pkt", GOOD, "a name, '=' and a value are wanted"),
        ("check --calls 5 a.pkt", GOOD, "--calls belongs to the random check"),
        ("check -D A=5", GOOD, "--define belongs to packet scripts"),
    ],
)
def test_wrong_usage_is_a_sentence(invoke: Invoke, write: Write, arguments: str, text: str | None, words: str) -> None:
    if text is not None:
        write(text)
    assert words in one_sentence(invoke(*arguments.split()))


def test_a_script_that_is_no_text(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "a.pkt").write_bytes(b"\xff\xfe")
    assert one_sentence(invoke("run", "a.pkt")) == "wouldblock: a.pkt: this is not text in UTF-8."


def test_check_shows_both_arms(invoke: Invoke, write: Write) -> None:
    result = invoke("check", write(GOOD), "--json", "out.json", width=120)
    assert result.exit_code == 0, result.output
    assert "= a.pkt: passed on both arms, with the same answers and packets." in result.stdout
    (script,) = json.loads(Path("out.json").read_text())["scripts"]
    assert [(each["arm"], each["verdict"]) for each in script["arms"]] == [("model", "passed"), ("kernel", "passed")]


def test_check_of_a_failure_names_each_arm(invoke: Invoke, write: Write) -> None:
    result = invoke("check", write(BAD), width=200)
    assert result.exit_code == 1
    for arm in ("model", "kernel"):
        assert f"fails on the {arm}, line 5: expected > S. 0:0(0) ack 2 <...>" in result.stdout


def test_what_only_the_kernel_has_is_counted_apart(invoke: Invoke, write: Write) -> None:
    result = invoke("check", write(BEYOND), "--json", "out.json")
    assert result.exit_code == 2
    (script,) = json.loads(Path("out.json").read_text())["scripts"]
    assert [each["verdict"] for each in script["arms"]] == ["unsupported", "passed"]
