"""`wouldblock rules` and `wouldblock draw`: what the filters let through, where confirmations come from, which files
are drawn.

Not here: what the rules say (the model), how a diagram looks (tests/diagrams).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from diagrams.render import DotMissing, render
from model.machines import MACHINES
from wouldblock import pictures, rulebook

from .conftest import Invoke, one_sentence

RULES = {rule.name: rule for machine in MACHINES for rule in machine.rules.values()}


@pytest.fixture(autouse=True)
def no_report(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The committed report is out of reach: each test says where confirmations come from."""
    monkeypatch.setattr(rulebook, "COMMITTED", tmp_path / "committed.json")


def write_report(path: str, **rules: int) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    arrows = {arrow.key: 5 for name in rules for arrow in RULES[name].every_arrow()}
    Path(path).write_text(json.dumps({"rules": rules, "arrows": arrows, "calls": 1234567, "kernel": "6.18.44"}))


def listed(invoke: Invoke, *options: str) -> set[str]:
    result = invoke("rules", *options, "--json", "-")
    assert result.exit_code == 0, result.output
    return {rule["name"] for rule in json.loads(result.stdout)["rules"]}


def test_all_rules_with_sentence_source_and_moves(invoke: Invoke) -> None:
    out = " ".join(invoke("rules").stdout.split())
    for rule in RULES.values():
        assert rule.name in out
        assert " ".join(rule.sentence.split()) in out
        assert " ".join(rule.cite.split()) in out
    assert "Not checked yet" in out


@pytest.mark.parametrize(
    ("options", "some", "without"),
    [
        (["--call", "connect"], {"connect_starts", "active_open", "connect_on_listener"}, {"send_copies"}),
        (["--call", "connect()"], {"connect_starts"}, {"send_copies"}),
        (["--call", "SEGMENT_FIN"], {"fin_arrives"}, {"connect_starts"}),
        (["--call", "segment-*"], {"fin_arrives", "text_arrives"}, {"connect_starts"}),
        (["--call", "recv"], {"recv_would_block"}, {"send_copies"}),
        (["--state", "time_wait"], {"peers_fin_ends_connection"}, {"connect_starts", "active_open"}),
        (["--machine", "tcp"], {"active_open"}, {"connect_starts"}),
        (["--text", "econnaborted"], {"connect_asked_again_too_late"}, {"send_copies"}),
        (["--call", "connect", "--machine", "tcp"], {"active_open"}, {"connect_starts"}),
        (["--text", "no such words anywhere"], set(), {"active_open"}),
    ],
)
def test_filters(invoke: Invoke, options: list[str], some: set[str], without: set[str]) -> None:
    found = listed(invoke, *options)
    assert some <= found
    assert not without & found


def test_no_rule_matches(invoke: Invoke) -> None:
    assert invoke("rules", "--text", "no such words anywhere").stdout == "No rule matches all of these.\n"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--call", "conect"], ["--call conect", "CONNECT", "SEGMENT_FIN"]),
        (["--state", "AJAR"], ["--state AJAR", "ESTABLISHED"]),
        (["--machine", "ip"], ["--machine ip", "tcp", "udp"]),
        (["--machine", ""], ["tcp"]),
    ],
)
def test_a_filter_that_nothing_can_match_says_what_there_is(
    invoke: Invoke, options: list[str], words: list[str]
) -> None:
    said = one_sentence(invoke("rules", *options))
    assert all(word in said for word in words)


def test_confirmations_come_from_the_last_report(invoke: Invoke) -> None:
    write_report("committed.json", connect_starts=4321)
    result = invoke("rules", "--call", "CONNECT")
    assert "4,321×" in result.stdout
    assert "1 confirmed by kernel 6.18.44 in 1,234,567 calls" in " ".join(result.stdout.split())
    write_report("build/report/report.json", connect_starts=11)
    result = invoke("rules", "--call", "CONNECT")
    assert "11×" in result.stdout
    assert "never" in result.stdout
    write_report("named.json", connect_starts=12)
    result = invoke("rules", "--call", "CONNECT", "--report", "named.json", "--json", "out.json")
    assert "12×" in result.stdout
    found = {rule["name"]: rule for rule in json.loads(Path("out.json").read_text())["rules"]}
    assert found["connect_starts"]["confirmed"] == 12
    assert set(found["connect_starts"]["arrows"].values()) == {5}
    assert found["connect_on_listener"]["confirmed"] == 0


@pytest.mark.parametrize("verb", [["rules"], ["draw", "--all"]])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read"),
        ("not json", "not JSON"),
        ("[]", "not a report"),
        ('{"rules": {"x": "many"}, "arrows": {}}', "not a report"),
        ('{"rules": {}}', "not a report"),
        ("\udcff", "not JSON"),
    ],
)
def test_a_report_that_is_none(invoke: Invoke, verb: list[str], content: str | None, words: str) -> None:
    if content is not None:
        Path("given.json").write_bytes(content.encode(errors="surrogateescape"))
    said = one_sentence(invoke(*verb, "--report", "given.json"))
    assert "--report given.json" in said
    assert words in said
    assert not Path("build").exists()


@pytest.mark.parametrize("width", [60, 80, 100])
def test_lines_fit_the_terminal_and_end_without_blanks(invoke: Invoke, width: int) -> None:
    write_report("build/report/report.json", connect_starts=4321)
    for line in invoke("rules", width=width).stdout.splitlines():
        assert len(line) <= width
        assert line == line.rstrip()


def test_draw_one(invoke: Invoke) -> None:
    result = invoke("draw", "tcp")
    assert result.exit_code == 0
    assert result.stdout.split() == ["build/diagrams/tcp.svg"]
    assert "<svg" in Path("build/diagrams/tcp.svg").read_text()


def test_draw_in_several_formats(invoke: Invoke) -> None:
    options = ["--format", "dot", "--format", "mermaid", "--format", "dot"]
    assert invoke("draw", "udp", *options, "--out", "p").stdout.split() == ["p/udp.dot", "p/udp.mmd"]
    assert "stateDiagram" in Path("p/udp.mmd").read_text()


def test_draw_all_uses_the_committed_report(invoke: Invoke) -> None:
    write_report("committed.json", connect_starts=4321)
    write_report("build/report/report.json", connect_starts=11)
    result = invoke("draw", "--all", "--out", "p")
    assert len(result.stdout.split()) == 3 * len(pictures.names())
    assert "1,234,567 calls checked against kernel 6.18.44" in Path("p/socket.svg").read_text()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], ["name a diagram", "--all", "tcp", "send_buffer"]),
        (["ip"], ["no diagram ip", "tcp", "send_buffer"]),
        (["tcp", "--all"], ["not both"]),
        (["tcp", "--format", "gif"], ["gif", "svg"]),
        (["tcp", "--out", "file"], ["--out file"]),
    ],
)
def test_what_cannot_be_drawn(invoke: Invoke, options: list[str], words: list[str]) -> None:
    Path("file").write_text("kept")
    said = one_sentence(invoke("draw", *options))
    assert all(word in said for word in words)
    assert not Path("build").exists()
    assert Path("file").read_text() == "kept"


def test_png_without_dot(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    def without_dot(diagram: Any, format: str) -> str | bytes:
        if format == "png":
            raise DotMissing("Graphviz's dot is not installed, and PNG needs it.")
        return render(diagram, format)

    monkeypatch.setattr(pictures, "render", without_dot)
    assert "dot is not installed" in one_sentence(invoke("draw", "tcp", "--format", "svg", "--format", "png"))
    assert not Path("build").exists(), "nothing half drawn"
