"""The front door as a program: help, exit statuses, a reader that goes away, an encoding that lacks characters.

Not here: the verbs one by one.
"""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from diagrams.render import FORMATS
from wouldblock import cli as module
from wouldblock.cli import cli

from .conftest import Invoke, one_sentence

ROOT = Path(__file__).parent.parent.parent
VERBS = ("check", "draw", "rules", "run")
SCENARIO = "def f(net):\n    net.socket.socket().close()\n"


def program(*args: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "wouldblock", *args],
        cwd=cwd, capture_output=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )  # fmt: skip


def test_the_verbs() -> None:
    assert isinstance(cli, click.Group)
    assert tuple(sorted(cli.commands)) == VERBS
    assert tuple(module.FORMATS) == FORMATS


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_an_example(invoke: Invoke, verb: str) -> None:
    result = invoke(verb, "--help")
    assert result.exit_code == 0
    assert f"  wouldblock {verb} " in result.stdout.split("Examples:")[1]
    assert cli.commands[verb].params
    for parameter in cli.commands[verb].params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{parameter.name} has no help"


@pytest.mark.parametrize("verb", VERBS)
def test_examples_of_the_help_are_valid_usage(verb: str) -> None:
    """Each example parses, and the files it names are there."""
    context = click.Context(cli, info_name="wouldblock")
    command = cli.commands[verb]
    lines = inspect.cleandoc(command.help or "").splitlines()
    examples = [line.split()[2:] for line in lines if line.startswith("  wouldblock ")]
    assert examples
    for example in examples:
        parameters = command.make_context(verb, list(example), parent=context).params
        target = parameters.get("target")
        if target is not None:
            path, _, name = target.partition("::")
            assert not name or f"def {name}(net)" in (ROOT / path).read_text()


def test_wrong_usage_is_one_line(invoke: Invoke) -> None:
    for args in (["chekc"], ["check", "--tiem", "3"], ["run"], ["run", "a.py", "b.py"]):
        assert "--help" in one_sentence(invoke(*args))


def test_as_a_program(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(SCENARIO)
    done = program("run", "mine.py", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"s1 = socket(AF_INET, SOCK_STREAM)" in done.stdout
    done = program("run", "missing.py", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr == b"wouldblock: there is no file missing.py.\n"
    assert program(cwd=tmp_path).returncode == 2


def test_an_encoding_without_the_characters(tmp_path: Path) -> None:
    done = program("rules", cwd=tmp_path, PYTHONIOENCODING="ascii", LC_ALL="C")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"RFC 9293" in done.stdout


def test_a_reader_that_goes_away(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "wouldblock", "rules"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 0
