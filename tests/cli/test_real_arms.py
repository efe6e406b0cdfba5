"""The command line on the running kernel: every example agrees, and Ctrl-C during a check prints the table so far.

On a machine without private network namespaces these tests are skipped, and say so.

Not here: what the model says about the kernel in general (the cross-check's tests).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from realnet import NamespaceRefused, RealNet
from wouldblock import scenarios

from .conftest import Invoke

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
SCENARIOS = [scenario for path in EXAMPLES for scenario in scenarios.load(str(path))]


@pytest.fixture(scope="module", autouse=True)
def kernel() -> None:
    try:
        with RealNet():
            pass
    except NamespaceRefused as refused:
        pytest.skip(str(refused))


def test_there_are_examples() -> None:
    assert len(SCENARIOS) >= 10


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_an_example_states_a_fact_and_both_arms_agree_on_it(invoke: Invoke, scenario: scenarios.Scenario) -> None:
    assert scenario.fact.endswith(".")
    result = invoke("check", scenario.target, "--json", "out.json")
    assert result.exit_code == 0, result.stdout
    found = json.loads(Path("out.json").read_text())
    assert found["equal"]
    assert found["kernel"] == os.uname().release
    assert found["settings"]


def test_ctrl_c_during_a_check(tmp_path: Path) -> None:
    """Whatever was found until then is printed and kept, and the verdict is of what ran."""
    with subprocess.Popen(
        [sys.executable, "-m", "wouldblock", "check", "--time", "600", "--json", "out.json"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:  # fmt: skip
        assert process.stderr is not None
        assert process.stderr.readline() == "Checking the model against the kernel: 600 s …\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
    report = json.loads((tmp_path / "out.json").read_text())
    assert report["interrupted"], err
    assert report["calls"] > 0
    assert "rules confirmed" in out
    assert "interrupted)" in " ".join(out.split())
    assert process.returncode == (1 if report["contradictions"] else 0)
    assert (tmp_path / "build" / "report" / "tcp.svg").exists()
