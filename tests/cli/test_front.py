"""The front door as a program: help, exit statuses, bad inputs, a reader that goes away, an encoding that lacks
characters, a machine without Graphviz.

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
VERBS = ("agree", "check", "draw", "explain", "rules", "run")
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


BAD_FILES = {"syntax.py": "def f(:\n", "imports.py": "import no_such_module_anywhere\n", "mine.py": SCENARIO}


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("check nosuch.py", ["there is no file nosuch.py"]),
        ("check syntax.py", ["syntax.py cannot be imported", "line 1", "SyntaxError"]),
        ("check imports.py", ["imports.py cannot be imported", "no_such_module_anywhere", "imports.py:1"]),
        ("check mine.py::nosuch", ["mine.py has no function nosuch", "there are f"]),
        ("check mine.py --json missing/dir/x.json", ["--json missing/dir/x.json", "no directory missing/dir"]),
        ("check --time 1 --json missing/dir/x.json", ["--json missing/dir/x.json", "no directory missing/dir"]),
        ("run mine.py --trace missing/x", ["--trace missing/x", "no directory missing"]),
        ("draw nosuchmachine", ["no diagram nosuchmachine", "tcp", "receive_buffer"]),
        ("draw tcp --report missing.json", ["--report missing.json", "cannot be read"]),
    ],
)
def test_a_bad_input_is_one_clear_sentence(tmp_path: Path, command: str, words: list[str]) -> None:
    for name, source in BAD_FILES.items():
        (tmp_path / name).write_text(source)
    done = program(*command.split(), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, b"")
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("wouldblock: ")
    assert line.endswith(".")
    assert all(word in line for word in words), line
    assert {path.name for path in tmp_path.iterdir()} == set(BAD_FILES)


def test_without_dot(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = program("draw", "tcp", "--out", "p", cwd=tmp_path, PATH=str(tmp_path / "empty"))
    assert (done.returncode, done.stdout) == (0, b"p/tcp.svg\n")
    assert (
        done.stderr == b"wouldblock: Graphviz's dot is not installed: the SVG has the project's own, plainer layout.\n"
    )
    assert (tmp_path / "p" / "tcp.svg").read_text().startswith("<svg")
    done = program("draw", "tcp", "--format", "dot", cwd=tmp_path, PATH=str(tmp_path / "empty"))
    assert (done.returncode, done.stderr) == (0, b"")


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
