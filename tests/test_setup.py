"""What the set-up rests on: the lock belongs to pyproject.toml, is whole, and names no place to fetch from.

Not here: running the set-up; a continuous-integration run does that each time, in a fresh clone.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

ENTRY = re.compile(
    r"^(?P<name>[\w.-]+)==(?P<version>[\w.+!]+)(?: ; [^\\\n]+)?(?P<hashes>(?: \\\n    --hash=sha256:[0-9a-f]{64})+)$",
    re.MULTILINE,
)
PINNED = {canonicalize_name(entry["name"]): entry["version"] for entry in ENTRY.finditer(LOCK)}


@pytest.mark.parametrize(
    "asked",
    [
        *PROJECT["project"]["dependencies"],
        *PROJECT["project"]["optional-dependencies"]["dev"],
        *PROJECT["build-system"]["requires"],
    ],
)
def test_the_lock_pins_what_the_project_asks_for(asked: str) -> None:
    wanted = Requirement(asked)
    assert wanted.specifier.contains(PINNED[canonicalize_name(wanted.name)]), "run: make lock"


def test_every_line_of_the_lock_is_a_pin_with_hashes_or_a_comment() -> None:
    assert [
        line for line in ENTRY.sub("", LOCK).splitlines() if line.strip() and not line.lstrip().startswith("#")
    ] == []


def test_the_lock_names_no_place() -> None:
    assert "//" not in LOCK
    assert "--index" not in LOCK
    assert "--find-links" not in LOCK


def test_setup_and_makefile_know_the_same_steps() -> None:
    steps = re.findall(r"scripts/setup\.sh (\w+)", (ROOT / "Makefile").read_text(encoding="utf-8"))
    known = re.findall(r"^(\w+)\) ", (ROOT / "scripts" / "setup.sh").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(set(steps)) == sorted(known)
