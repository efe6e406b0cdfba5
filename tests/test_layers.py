"""Imports only ever point down.

The layers and the rooms of the model are written down once, as contracts in pyproject.toml, section
``tool.importlinter``; here they are run with the tests. A contract that could not fail would prove nothing, so each is
also shown to bite: in a copy of the sources one forbidden import is planted, and the contract that owns it must break.

Not here: what `model/` may import from the standard library (test_purity.py).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("model", "realnet", "diagrams", "wouldblock")


def lint_imports(where: Path) -> tuple[int, str]:
    """Run import-linter on the tree at `where`; its exit status and what it said."""
    script = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True, no_logo=True))"
    done = subprocess.run(
        [sys.executable, "-c", script],  # the working directory comes before the installed project in the search path
        cwd=where,
        env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_imports_point_down() -> None:
    status, said = lint_imports(ROOT)
    assert status == 0, said


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("model/rules.py", "import realnet", "The layers"),
        ("model/rules.py", "import diagrams", "The layers"),
        ("model/rules.py", "import wouldblock", "The layers"),
        ("diagrams/__init__.py", "import realnet", "The layers"),
        ("realnet/__init__.py", "import diagrams", "The layers"),
        ("realnet/__init__.py", "import wouldblock", "The layers"),
        ("realnet/__init__.py", "from model import rules", "realnet knows the model's vocabulary only"),
        ("realnet/__init__.py", "import model.world.world", "realnet knows the model's vocabulary only"),
        ("model/values/constants.py", "from .. import rules", "The rooms of the model"),
        ("model/tcp/block.py", "from ..world import world", "The rooms of the model"),
        ("model/tcp/block.py", "from ..udp import machine", "The rooms of the model"),
        ("model/profiles.py", "from .tcp import block", "The rooms of the model"),
        ("model/endpoint.py", "from .tcp import block", "The rooms of the model"),
        ("model/waiting/readiness.py", "from ..sockets import descriptors", "The rooms of the model"),
        ("model/machines.py", "from .world import world", "The rooms of the model"),
        ("model/stdlib.py", "from .world import world", "The rooms of the model"),
        ("model/world/world.py", "from .. import simnet", "The rooms of the model"),
    ],
)
def test_a_planted_import_breaks_its_contract(tmp_path: Path, file: str, line: str, contract: str) -> None:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / file).open("a") as source:
        source.write(f"\n{line}\n")
    status, said = lint_imports(tmp_path)
    assert status == 1, said
    assert f"{contract} BROKEN" in " ".join(said.split()), said
