"""Scenario files: which functions are meant, and one clear sentence for every file that cannot be used.

Each wrong file is one line of a table, with words that its sentence must contain. For every one: exit status 2, one
line on standard error, nothing on standard output, neither arm opened, no file left behind.

Not here: what the arms answer (test_check_scenario.py).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from wouldblock import scenarios
from wouldblock.front import Stop

from .conftest import Arms, Invoke, one_sentence

TWO = '''
"""Two scenarios, a helper, something hidden and something from elsewhere."""
from functools import wraps
from os.path import join

def later(net):
    """A fact.

    More about it.
    """

def helper(net, port): ...
def _hidden(net): ...

class Thing:
    def method(net): ...

def earlier(net): ...

alias = later
'''


def test_public_functions_of_net_are_scenarios(scenario: Callable[..., str], tmp_path: Path) -> None:
    found = scenarios.load(str(tmp_path / scenario(TWO)))
    assert [(each.name, each.fact, each.line) for each in found] == [("later", "A fact.", 6), ("earlier", "", 18)]
    assert not (tmp_path / "__pycache__").exists(), "a compiled copy was left beside the file"


def test_one_function_by_name_may_be_hidden(scenario: Callable[..., str], tmp_path: Path) -> None:
    path = tmp_path / scenario(TWO)
    assert [each.name for each in scenarios.load(f"{path}::_hidden")] == ["_hidden"]


def test_a_helper_beside_the_file_is_found_and_hides_nothing(scenario: Callable[..., str], tmp_path: Path) -> None:
    scenario("raise RuntimeError('the wrong module')", "json.py")
    scenario("NUMBER = 7", "beside_it_7.py")
    path = tmp_path / scenario("import json\nfrom beside_it_7 import NUMBER\ndef f(net): return NUMBER")
    assert scenarios.load(str(path))[0].function(None) == 7


@pytest.mark.parametrize("verb", ["check", "run"])
@pytest.mark.parametrize(
    ("source", "name", "words"),
    [
        (None, "", ["there is no file mine.py"]),
        ("def f(:", "", ["cannot be imported", "line 1", "SyntaxError"]),
        ("import nothing_of_that_name", "", ["cannot be imported", "nothing_of_that_name", "mine.py:1"]),
        ("x = 1\n1 / 0", "", ["cannot be imported", "ZeroDivisionError", "mine.py:2"]),
        ("raise SystemExit(0)", "", ["cannot be imported", "SystemExit"]),
        ("raise ValueError('two\\nlines')", "", ["cannot be imported", "two lines"]),
        ("x = '\0'", "", ["cannot be imported"]),
        ("", "", ["has no scenario", "net"]),
        ("def helper(net, port): ...", "", ["has no scenario"]),
        (TWO, "::missing", ["no function missing", "later, earlier"]),
        (TWO, "::", ["name is missing", "later, earlier"]),
        (TWO, "::join", ["join", "not a function written in that file", "later, earlier"]),
        (TWO, "::Thing", ["not a function"]),
        (TWO, "::helper", ["helper(net, port)", "exactly one parameter, net"]),
        ("def f(): ...", "::f", ["f()", "exactly one parameter, net"]),
        ("def f(*net): ...", "::f", ["f(*net)", "exactly one parameter, net"]),
        ("async def f(net): ...", "::f", ["coroutine"]),
        ("def f(net): yield", "::f", ["generator"]),
    ],
)
def test_an_unusable_file_is_one_sentence(
    invoke: Invoke, arms: Arms, scenario: Callable[..., str], tmp_path: Path,
    verb: str, source: str | None, name: str, words: list[str],
) -> None:  # fmt: skip
    if source is not None:
        scenario(source)
    result = invoke(verb, f"mine.py{name}", "--json", "out.json")
    said = one_sentence(result)
    assert all(word in said for word in words), said
    assert result.stdout == ""
    assert not arms.opened
    assert {path.name for path in tmp_path.iterdir()} <= {"mine.py"}


@pytest.mark.parametrize("target", [".", "notes.txt"])
def test_what_is_no_python_file(invoke: Invoke, tmp_path: Path, target: str) -> None:
    (tmp_path / "notes.txt").write_text("def f(net): ...")
    assert target in one_sentence(invoke("run", target))


def test_a_scenario_named_like_a_module_in_use(scenario: Callable[..., str], tmp_path: Path) -> None:
    path = tmp_path / scenario("def f(net): return 1", "model.py")
    assert scenarios.load(str(path))[0].function(None) == 1
    from model import rules

    assert rules.__name__ == "model.rules"


def test_a_decorated_scenario_shows_the_line_of_its_own(scenario: Callable[..., str], tmp_path: Path) -> None:
    source = """
        from functools import wraps
        def twice(function):
            @wraps(function)
            def both(net): return function(net), function(net)
            return both

        @twice
        def f(net): return 1
    """
    path = tmp_path / scenario("\n".join(line[8:] for line in source.splitlines()))
    (found,) = scenarios.load(f"{path}::f")
    assert (found.line, found.function(None)) == (8, (1, 1))


def test_stop_is_what_loading_raises(tmp_path: Path) -> None:
    with pytest.raises(Stop):
        scenarios.load(str(tmp_path / "missing.py"))
