"""`wouldblock check`: the walk it starts, the tables it prints, the folder it leaves, its exit status.

The walk is a fake that returns a report made here, so that each table is seen with rules fired and not fired, with
and without contradictions.

Not here: the walk itself (tests of the cross-check).
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from model.machines import MACHINES
from realnet import NamespaceRefused
from wouldblock import pictures
from wouldblock.crosscheck.report import Contradiction, Report

from .conftest import Invoke, one_sentence

FIRED = ("connect_starts", "active_open", "udp_socket_opens")
CONTRADICTION = Contradiction(
    seed=3, step=17, op="s1.send(100)", expected="EPIPE", seen="100", rules=["send_copies"],
    program="import socket\ns = socket.socket()\n", ladder="model   kernel\nEPIPE   100\n", operations=["tcp"],
)  # fmt: skip


@attrs.define
class FakeWalk:
    """Stands in for the walk and remembers how it was called."""

    report: Report
    asked: dict[str, Any] = attrs.Factory(dict)
    refusal: Exception | None = None

    def __call__(
        self, seed: int, calls: int | None, seconds: float | None, progress: Callable[[Report], None]
    ) -> Report:
        self.asked = {"seed": seed, "calls": calls, "seconds": seconds}
        if self.refusal is not None:
            raise self.refusal
        progress(self.report)
        return self.report


@pytest.fixture
def walk(monkeypatch: pytest.MonkeyPatch) -> FakeWalk:
    arrows = [a.key for m in MACHINES for rule in m.rules.values() if rule.name in FIRED for a in rule.every_arrow()]
    report = Report(
        seed=1, kernel="6.18.44", settings={"net.ipv4.tcp_autocorking": "0"}, calls=1234, exact=1200, allowed=34,
        rules=Counter({name: 1000 + at for at, name in enumerate(FIRED)}), arrows=Counter(dict.fromkeys(arrows, 7)),
        choices={"ephemeral_port": 34}, seconds=2.0,
    )  # fmt: skip
    fake = FakeWalk(report)
    monkeypatch.setattr("wouldblock.crosscheck.walk.walk", fake)
    return fake


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ([], {"seed": 1, "calls": None, "seconds": 10.0}),
        (["--calls", "500"], {"seed": 1, "calls": 500, "seconds": None}),
        (["--time", "0.5", "--seed", "9"], {"seed": 9, "calls": None, "seconds": 0.5}),
        (["--time", "2", "--calls", "1"], {"seed": 1, "calls": 1, "seconds": 2.0}),
    ],
)
def test_limits_reach_the_walk(invoke: Invoke, walk: FakeWalk, options: list[str], asked: dict[str, Any]) -> None:
    assert invoke("check", *options).exit_code == 0
    assert walk.asked == asked


@pytest.mark.parametrize(
    ("option", "value"),
    [("--calls", "0"), ("--calls", "-3"), ("--calls", "many"), ("--time", "0"), ("--time", "-1"), ("--time", "nan"),
     ("--time", "inf"), ("--time", "soon"), ("--seed", "-1"), ("--seed", "1.5")],
)  # fmt: skip
def test_limits_out_of_bounds(invoke: Invoke, walk: FakeWalk, option: str, value: str) -> None:
    said = one_sentence(invoke("check", option, value))
    assert option in said
    assert value in said
    assert not walk.asked
    assert not Path("build").exists()


def test_the_tables_of_an_agreement(invoke: Invoke, walk: FakeWalk) -> None:
    result = invoke("check")
    assert result.exit_code == 0
    out = " ".join(result.stdout.split())
    assert (
        "Agreed: 1,234 calls checked against kernel 6.18.44 in 2.0 s (617 calls/s, seed 1); "
        "answers exact 1,200 (97.24 %), allowed 34 (2.76 %), contradicted 0."
    ) in out
    assert "1,000 connect_starts" in out
    assert "ephemeral_port asked 34" in out
    assert "Not confirmed in this run: " in out
    assert "Report and diagrams: build/report/" in out
    for machine in MACHINES:
        for rule in machine.rules.values():
            assert rule.name in out, "every rule is listed, as confirmed or not"
            if rule.unconfirmed:
                assert f"{rule.name} {' '.join(rule.unconfirmed.split())}" in out, "with its reason"


def test_the_folder(invoke: Invoke, walk: FakeWalk) -> None:
    invoke("check", "--out", "here/there")
    folder = Path("here/there")
    expected = {f"{name}.{end}" for name in pictures.names() for end in ("svg", "dot", "mmd")}
    assert {path.name for path in folder.iterdir()} == {"report.json", "report.md", *expected}
    report = json.loads((folder / "report.json").read_text())
    assert {"calls", "exact", "allowed", "contradictions", "rules", "kernel", "settings", "seed", "seconds"} <= set(
        report
    )
    assert report["rules"]["connect_starts"] == 1000
    text = (folder / "report.md").read_text()
    assert "Agreed: 1,234 calls" in text
    assert "![tcp](tcp.svg)" in text
    assert "| `connect_starts` | 1,000 |" in text
    assert "7" in (folder / "tcp.dot").read_text()
    assert "1,234 calls checked against kernel 6.18.44" in (folder / "tcp.svg").read_text()


def test_json_is_the_report(invoke: Invoke, walk: FakeWalk) -> None:
    invoke("check", "--json", "out.json")
    assert Path("out.json").read_text() == Path("build/report/report.json").read_text()
    result = invoke("check", "--json", "-")
    assert json.loads(result.stdout)["calls"] == 1234
    assert "Agreed" in result.stderr


def test_contradictions_are_shown_with_their_program(invoke: Invoke, walk: FakeWalk) -> None:
    walk.report.contradictions = [CONTRADICTION] * 7
    result = invoke("check")
    assert result.exit_code == 1
    assert result.stdout.count("(seed 3, step 17): s1.send(100)") == 5
    assert "… and 2 more contradictions in the report." in result.stdout
    assert "the model expects EPIPE" in result.stdout
    assert "the kernel shows 100" in result.stdout
    assert "\nmodel   kernel\nEPIPE   100\n" in result.stdout
    assert "\nimport socket\ns = socket.socket()\n" in result.stdout, "it can be copied from the terminal"
    assert "7 contradictions: " in result.stdout
    text = Path("build/report/report.md").read_text()
    assert text.count("```python\nimport socket\n") == 7


def test_ctrl_c_prints_the_table_so_far(invoke: Invoke, walk: FakeWalk) -> None:
    walk.report.interrupted = True
    result = invoke("check", "--time", "30")
    assert result.exit_code == 0, "nothing that ran was contradicted"
    assert "seed 1, interrupted)" in " ".join(result.stdout.split())
    assert Path("build/report/report.json").exists()


def test_nothing_checked_is_no_agreement(invoke: Invoke, walk: FakeWalk) -> None:
    walk.report.calls = walk.report.exact = walk.report.allowed = 0
    walk.report.interrupted = True
    result = invoke("check")
    assert result.exit_code == 2
    assert "Nothing was checked" in result.stdout


def test_a_machine_without_namespaces(invoke: Invoke, walk: FakeWalk) -> None:
    walk.refusal = NamespaceRefused(1, "a private network namespace may not be made here: run as root")
    said = one_sentence(invoke("check"))
    assert said == "wouldblock: a private network namespace may not be made here: run as root."


def test_a_folder_that_cannot_be_is_found_out_before_the_work(invoke: Invoke, walk: FakeWalk) -> None:
    Path("file").write_text("kept")
    for place in ("file", "file/below"):
        assert "--out" in one_sentence(invoke("check", "--out", place))
    assert "--json" in one_sentence(invoke("check", "--json", "missing/out.json"))
    assert not walk.asked
    assert Path("file").read_text() == "kept"
    assert os.listdir() == ["file"]  # noqa: PTH208  # names are what is wanted


def test_progress_without_a_terminal_is_one_line(invoke: Invoke, walk: FakeWalk) -> None:
    result = invoke("check", "--time", "3")
    assert result.stderr == "Checking the model against the kernel: 3 s …\n"


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_lines_fit_the_terminal_and_end_without_blanks(invoke: Invoke, walk: FakeWalk, width: int) -> None:
    walk.report.contradictions = [CONTRADICTION]
    for line in invoke("check", width=width).stdout.splitlines():
        assert len(line) <= width, line
        assert line == line.rstrip()
