"""What the tests of the command line share: a runner, and two arms that need no kernel.

`arms` puts a second model in the kernel's place, with another seed, so that its ephemeral ports differ from the first
one's. A test that wants the arms to disagree changes a rule while the second one runs (`Arms.lie`).

Not here: the real kernel (test_real_arms.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
from click.testing import CliRunner, Result

from model import SimNet
from model.machines import MACHINES
from wouldblock import arms as real_arms
from wouldblock.cli import cli

Invoke = Callable[..., Result]


@attrs.define
class Arms:
    """The kernel's arm as the tests play it."""

    opened: list[str] = attrs.Factory(list)
    lies: dict[str, dict[str, Any]] = attrs.Factory(dict)
    """Rule name → what to change in the rule while the second arm runs."""
    refusal: Exception | None = None

    def lie(self, rule: str, **changes: Any) -> None:
        self.lies[rule] = changes

    @contextmanager
    def kernel(self, seed: int = 0) -> Iterator[Any]:
        self.opened.append("kernel")
        if self.refusal is not None:
            raise self.refusal
        undo = [m.replace(name, **changes) for name, changes in self.lies.items() for m in MACHINES if name in m.rules]
        try:
            with SimNet(seed=99) as net:
                object.__setattr__(net, "kernel", "6.18.44")
                object.__setattr__(net, "settings", {"net.ipv4.tcp_autocorking": "0"})
                yield net
        finally:
            for put_back in undo:
                put_back()


@pytest.fixture
def arms(monkeypatch: pytest.MonkeyPatch) -> Arms:
    fake = Arms()
    monkeypatch.setattr(real_arms, "kernel", fake.kernel)
    return fake


@pytest.fixture
def invoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Run the command line in an empty directory; ``width`` is that of the terminal."""
    monkeypatch.chdir(tmp_path)

    def run(*args: str, width: int = 100, **options: Any) -> Result:
        result = CliRunner(env={"COLUMNS": str(width), "NO_COLOR": "1"}).invoke(cli, args, **options)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def scenario(tmp_path: Path) -> Callable[..., str]:
    """Write a scenario file and return its name."""

    def write(source: str, name: str = "mine.py") -> str:
        (tmp_path / name).write_text(source)
        return name

    return write


def one_sentence(result: Result) -> str:
    """The only line on standard error, of a command that left with 2; it names the program and ends like a sentence."""
    assert result.exit_code == 2, (result.exit_code, result.output)
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("wouldblock"), lines
    assert lines[0].endswith((".", "`")), lines
    assert "Traceback" not in result.output
    return lines[0]
