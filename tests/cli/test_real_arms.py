"""The command line on the running kernel: every example agrees, each outcome of a scenario has its exit status, Ctrl-C
during a check prints the table so far, and a machine that refuses namespaces is told of in a sentence.

On a machine without private network namespaces these tests are skipped, and say so.

Not here: what the model says about the kernel in general (the cross-check's tests).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
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


SCENARIO_FILE = """
def agrees(net):
    net.socket.socket().close()

def answers_with_an_error(net):
    net.socket.socket().connect(("127.0.0.1", 9))

def fails(net):
    raise ValueError("mine")

def differs(net):
    return net.time.time()
"""


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        ("::agrees", 0, ""),
        ("::answers_with_an_error", 0, ""),
        ("::fails", 2, "mine.py::fails fails by itself, on both arms: ValueError: mine"),
        ("::differs", 1, ""),
        ("", 1, "mine.py::fails fails by itself"),
    ],
)
def test_what_a_scenario_does_decides_the_exit_status(
    invoke: Invoke, tmp_path: Path, name: str, status: int, words: str
) -> None:
    (tmp_path / "mine.py").write_text(SCENARIO_FILE)
    result = invoke("check", f"mine.py{name}")
    assert result.exit_code == status, result.output
    assert len(result.stderr.splitlines()) == (1 if words else 0)
    assert words in result.stderr


@pytest.mark.parametrize("args", [["--time", "1"], ["mine.py::agrees"]], ids=["random", "scenario"])
def test_a_machine_that_refuses_namespaces(tmp_path: Path, args: list[str]) -> None:
    """In a user namespace that may have no network namespaces, nobody may make one, root's rights or not."""
    (tmp_path / "mine.py").write_text(SCENARIO_FILE)
    inside = ["unshare", "--user", "--map-root-user", "sh", "-c"]
    forbid = "echo 0 >/proc/sys/user/max_net_namespaces"
    try:
        subprocess.run([*inside, forbid], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no user namespace to try it in: {error}")
    done = subprocess.run(
        [*inside, f'{forbid} && exec "$0" -m wouldblock check "$@"', sys.executable, *args],
        cwd=tmp_path, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("wouldblock: a private network namespace was refused")
    assert "user.max_net_namespaces" in line


@pytest.fixture
def sigint_ends_children() -> Iterator[None]:
    """A shell lets what it starts in the background ignore Ctrl-C, and a child would inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("sigint_ends_children")
def test_ctrl_c_during_a_check(tmp_path: Path) -> None:
    """Whatever was found until then is printed and kept, and the exit status is the verdict on what ran, not 130."""
    with subprocess.Popen(
        [sys.executable, "-m", "wouldblock", "check", "--time", "600", "--json", "out.json"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:  # fmt: skip
        assert process.stderr is not None
        assert process.stderr.readline() == "Checking the model against the kernel: 600 s …\n"
        process.send_signal(signal.SIGINT)
        try:
            out, err = process.communicate(timeout=120)
        finally:
            process.kill()
    report = json.loads((tmp_path / "out.json").read_text())
    assert report["interrupted"], err
    assert report["calls"] > 0
    assert "rules confirmed" in out
    assert "interrupted)" in " ".join(out.split())
    assert process.returncode == (1 if report["contradictions"] else 0)
    assert (tmp_path / "build" / "report" / "tcp.svg").exists()
