"""The same seed gives the same trace, byte for byte: in this process and in others, with any hash seed, any Python.

A trace holds every call, answer, segment, timer and observation, so equal traces mean equal runs. The programs are
random ones (programs.py), long enough to come through most rules. Other processes get another hash seed each, which
moves every set and every string's hash; other Python versions bring their own dictionaries, heaps and enumerations.

A copy of a host is a run of its own as well: what happens to one shows nowhere in the other.

Not here: that nothing impure is imported (tests/test_purity.py).
"""

from __future__ import annotations

import functools
import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import attrs
import pytest

from model.choices import Seeded
from model.trace import CallEvent
from wouldblock.crosscheck.operations import FAMILIES

from .programs import Program, seeded

ROOT = Path(__file__).parent.parent.parent
SEED = 20
VERSIONS = ("3.11", "3.12", "3.13")
OURS = "this"


@functools.cache
def expected() -> bytes:
    """What `programs.py` writes for SEED, made in this process."""
    file = io.StringIO()
    for family in FAMILIES:
        seeded(family, SEED).write(file)
    return file.getvalue().encode()


def environment(version: str = "", hash_seed: str = "0") -> dict[str, str]:
    """Where the project and its packages are found; and, where several versions share a name, which is meant."""
    packages = Path(attrs.__file__).parent.parent
    found = {"PYTHONPATH": os.pathsep.join([str(ROOT), str(packages)]), "PYTHONHASHSEED": hash_seed}
    return {
        **os.environ,
        "PYENV_VERSION": version,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONIOENCODING": "utf-8",
        **found,
    }


@functools.cache
def interpreter(version: str) -> str:
    """A Python of this version, by its full path; skips the test where there is none, or none that imports attrs."""
    if version == OURS:
        return sys.executable
    named = shutil.which(f"python{version}")
    if named is None:
        pytest.skip(f"no Python {version} on the search path")
    asked = "import sys, attrs; print('%d.%d' % sys.version_info[:2], sys.executable)"
    said = run(named, "-c", asked, version=version)
    if said.returncode or not said.stdout.decode().startswith(version):
        pytest.skip(
            f"Python {version} is named but does not start, or cannot import attrs: {said.stderr.decode()[-200:]}"
        )
    return said.stdout.decode().split(" ", 1)[1].strip()


def run(python: str, *args: str, version: str = "", hash_seed: str = "0") -> subprocess.CompletedProcess[bytes]:
    there = environment(version, hash_seed)
    return subprocess.run([python, *args], cwd=ROOT, env=there, capture_output=True, check=False, timeout=60)


@pytest.mark.parametrize("hash_seed", ["0", "1"])
@pytest.mark.parametrize("version", [OURS, *VERSIONS])
def test_another_process_writes_the_same_bytes(version: str, hash_seed: str) -> None:
    said = run(interpreter(version), "-m", "tests.model.programs", str(SEED), version=version, hash_seed=hash_seed)
    assert said.stderr == b""
    assert said.stdout.splitlines() == expected().splitlines()  # a shorter report of a difference
    assert said.stdout == expected()


def test_the_programs_are_worth_comparing() -> None:
    """Calls that succeed and fail, segments, timers; and another seed is another program."""
    text = expected().decode()
    assert all(f'"kind": "{kind}"' in text for kind in ("call", "segment", "datagram", "timer"))
    assert all(f'"errno": "{name}"' in text for name in ("EAGAIN", "EINPROGRESS", "EPIPE", "ECONNREFUSED"))
    traces = [seeded(family, seed) for family in FAMILIES for seed in range(12)]
    fired = {rule for trace in traces for event in trace.events if isinstance(event, CallEvent) for rule in event.rules}
    assert len(fired) > 100
    assert len({"".join(trace.lines()) for trace in traces}) == len(traces)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_seed_in_the_same_process(family: str) -> None:
    """Nothing is left behind in the model by one world that another could find."""
    for seed in range(10):
        assert list(seeded(family, seed).lines()) == list(seeded(family, seed).lines())


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("seed", range(10))
def test_a_fork_goes_its_own_way(family: str, seed: int) -> None:
    """After a fork both go on alike under the same numbers; and neither sees what the other does."""
    runs = [split(family, seed, first) for first in ("original", "copy")]
    assert runs[0] == runs[1]
    assert runs[0]["original"] == runs[0]["copy"]


def split(family: str, seed: int, first: str) -> dict[str, list[object]]:
    """Thirty steps, a fork, thirty steps of each, `first` going first: what both did and saw then."""
    source = Seeded(seed)
    program = Program(family, lambda most: source.draw() % most, seed)
    for _ in range(30):
        program.step()
    at, policy = source.clone(), program.host.policy
    assert isinstance(policy, Seeded)
    twin = object.__new__(Program)
    twin.family, twin.draw, twin._begin = family, program.draw, list(program._begin)
    twin.host = program.host.fork(policy.clone())
    twin.arm = program.arm.fork(twin.host)
    seen: dict[str, list[object]] = {}
    for name in sorted(("original", "copy"), key=lambda name: name != first):
        source = at.clone()
        going = program if name == "original" else twin
        seen[name] = [(going.step(), going.arm.observe(), going.host.now_ns) for _ in range(30)]
    return seen
