"""The guest: it runs our code on another kernel, passes on what that says, leaves nothing behind, and fails with a
sentence.

Where there is no guest kernel, the tests that need one are skipped, and say why.
"""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from realnet import guest
from wouldblock.front import AGREED, UNUSABLE

SECONDS = 60.0
CALLS = 100


@pytest.fixture(scope="module")
def kernel() -> Path:
    try:
        return guest.find()
    except guest.NoGuest as refusal:
        pytest.skip(str(refusal))


def said_by(kernel: Path, *arguments: str, seconds: float = SECONDS, writable: tuple[Path, ...] = ()) -> list[object]:
    """What a run says, in the end the exit status: output, error messages, status."""
    heard: dict[bool, bytes] = {False: b"", True: b""}

    def hear(said: bytes, is_error: bool) -> None:
        heard[is_error] += said

    status = guest.run(arguments, seconds=seconds, writable=writable, kernel=kernel, say=hear)
    return [heard[False].decode(), heard[True].decode(), status]


def left_behind() -> list[str]:
    """Processes of a guest, and its folders."""
    processes = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout.splitlines()
    mine = f"wouldblock-guest-{os.getpid()}-"
    return [line for line in processes if mine in line] + [
        str(each) for each in Path(tempfile.gettempdir()).glob(f"{mine}*")
    ]


def test_it_is_another_kernel_with_the_same_files_and_the_same_python(kernel: Path) -> None:
    code = "import os, sys, realnet; print(os.uname().release, sys.version, os.getcwd(), realnet.__file__, sep='|')"
    output, errors, status = said_by(kernel, "-c", code)
    expected = [
        guest.release(kernel),
        sys.version,
        str(Path.cwd()),
        str(Path(guest.__file__).parents[1] / "__init__.py"),
    ]
    assert (str(output).strip().split("|"), errors, status) == (expected, "", 0)
    assert guest.release(kernel) != os.uname().release
    assert left_behind() == []


def test_it_writes_where_it_may_and_nowhere_else(kernel: Path, tmp_path: Path) -> None:
    open_one, closed = tmp_path / "open", tmp_path / "closed"
    for each in (open_one, closed):
        each.mkdir()
    code = f"open({str(open_one / 'a')!r}, 'w').write('here'); open({str(closed / 'b')!r}, 'w')"
    _, errors, status = said_by(kernel, "-c", code, writable=(open_one,))
    assert status == 1
    assert "Read-only file system" in str(errors)
    assert (open_one / "a").read_text() == "here"
    assert [*closed.iterdir()] == []


def test_registers_survive_a_fresh_page(kernel: Path) -> None:
    """A copy to memory that nobody has touched is a page fault in the middle of wide stores (shield.py)."""
    code = "b = bytes(range(256)) * 4096; c = [bytearray(b) for _ in range(64)]; print(all(x == b for x in c))"
    assert said_by(kernel, "-c", code) == ["True\n", "", 0]


def test_out_of_time_is_a_sentence(kernel: Path) -> None:
    with pytest.raises(guest.GuestRefused, match=r"^the guest was not done after 3 seconds and was stopped; it said: "):
        said_by(kernel, "-c", "import time; time.sleep(100)", seconds=3)
    assert left_behind() == []


def test_a_task_that_dies_is_a_sentence(kernel: Path) -> None:
    with pytest.raises(guest.GuestRefused, match=r"ended before its task did; it said: the task was killed by SIGKILL"):
        said_by(kernel, "-c", "import os; os.kill(os.getpid(), 9)")


def test_a_panic_is_a_sentence(kernel: Path) -> None:
    with pytest.raises(guest.GuestRefused, match=r"ended before its task did; it said: Kernel panic - not syncing"):
        said_by(kernel, "-c", "open('/proc/sysrq-trigger', 'w').write('c')")
    assert left_behind() == []


def test_the_check_runs_in_it(kernel: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    done = subprocess.run(
        [sys.executable, "-m", "wouldblock", "check", "--guest", "--calls", str(CALLS), "--out", tmp_path,
         "--json", report],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert f"Kernel {guest.release(kernel)} as a guest" in done.stderr
    found = json.loads(report.read_text())
    assert found["kernel"] == guest.release(kernel)
    assert found["profile"].startswith("linux 6.1, ticks of ")
    assert found["contradictions"] == []
    assert found["calls"] >= CALLS
    assert done.returncode == AGREED, done.stdout


def test_whole_sequences_are_compared_in_it(kernel: Path, tmp_path: Path) -> None:
    report = tmp_path / "agreement.json"
    done = subprocess.run(
        [sys.executable, "-m", "wouldblock", "agree", "--guest", "--family", "udp", "--length", "60", "--sequences",
         "4", "--json", report],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    found = json.loads(report.read_text())
    assert found["kernel"] == guest.release(kernel)
    assert [(cell["family"], cell["sequences"], cell["repeated"], cell["equal"]) for cell in found["cells"]] == [
        ("udp", 4, 4, 4)
    ]
    assert done.returncode == AGREED, done.stdout


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A program that is no kernel, under the kernel's name."""
    program = tmp_path / guest.PROGRAM
    program.write_text("#!/bin/sh\necho out of order\nexit 1\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program


def test_a_broken_kernel_is_a_sentence(broken: Path) -> None:
    with pytest.raises(guest.GuestRefused, match=r"ended before its task did; it said: out of order$"):
        said_by(broken, "-c", "pass")
    with pytest.raises(guest.GuestRefused, match=r"is no kernel that runs as a program: it does not tell its release$"):
        guest.release(broken)


def test_no_kernel_is_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(guest, "FETCHED", tmp_path / "nothing")
    with pytest.raises(guest.NoGuest, match=r"is not there: install Debian's package user-mode-linux"):
        guest.find()
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    with pytest.raises(guest.NoGuest, match=r"there is no guest kernel for riscv64"):
        guest.find()


def test_without_a_kernel_the_check_ends_with_status_2(broken: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "wouldblock", "check", "--guest", "--calls", "10", "--out", tmp_path / "report"],
        capture_output=True, text=True, timeout=60, check=False, env={**os.environ, "PATH": str(broken.parent)},
    )  # fmt: skip
    assert done.returncode == UNUSABLE
    assert done.stderr == f"wouldblock: {broken} is no kernel that runs as a program: it does not tell its release.\n"
    assert done.stdout == ""
