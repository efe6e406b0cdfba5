"""Scenario files: finding the functions in them and running one function on one arm.

A scenario is a public function of one parameter, named ``net``, in plain socket code. A target on the command line
names a file and, after ``::``, one function of it: ``examples/refused.py::refused``. Without a name every scenario of
the file is meant, in the order of the file.

A file is loaded as a module of its own, as `python FILE.py` would load it, except that `__name__` is not
``__main__``, that its directory comes *last* in the search path (a helper beside it is found, and nothing of the
standard library is hidden by it), and that no compiled copy of it is left beside it.

A run ends in one of three ways: the function returned, it raised, or Ctrl-C ended it. All three are values (`Run`),
with the calls made until then: an exception that both arms raise alike is agreement, so it must not end the
comparison. What can go wrong before that (no such file, a syntax error, no such function) is a `Stop` of one
sentence.

Not here: comparing two runs (sidebyside.py).
"""

from __future__ import annotations

import importlib.util
import inspect
import linecache
import sys
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

import attrs

from model.trace import CallEvent, Trace
from wouldblock.front import Stop

PARAMETER = "net"
_LINES_OF_TRACEBACK = 3
_WHAT_IT_TAKES = f"a scenario is a function of exactly one parameter, {PARAMETER}"


@attrs.frozen(eq=False)
class Scenario:
    """One function of a scenario file."""

    name: str
    path: Path
    line: int
    fact: str
    """The first line of its docstring, or nothing."""
    function: Callable[[Any], Any]

    @property
    def target(self) -> str:
        return f"{self.path}::{self.name}"


@attrs.frozen(eq=False)
class Run:
    """How one scenario went on one arm."""

    arm: str
    trace: Trace
    calls: tuple[CallEvent, ...]
    """The calls until the scenario ended; what is closed behind it is not among them."""
    returned: Any = None
    raised: BaseException | None = None
    """What ended the scenario, if it did not return; a KeyboardInterrupt if Ctrl-C did."""
    where: tuple[str, ...] = ()
    """The scenario's own last lines in the traceback, innermost last: ``refused.py:12 in refused:
    s.connect(("127.0.0.1", 9))``.
    """

    facts: dict[str, Any] = attrs.Factory(dict)
    """Of the kernel's arm: its release (``kernel``) and the settings that were pinned (``settings``)."""

    @property
    def interrupted(self) -> bool:
        return isinstance(self.raised, KeyboardInterrupt)

    @property
    def error(self) -> str:
        """What was raised, in one line: ``ConnectionRefusedError: [Errno 111] Connection refused``."""
        return "" if self.raised is None else _in_one_line(self.raised)


def load(target: str) -> list[Scenario]:
    """The scenarios that `target`, ``FILE.py`` or ``FILE.py::name``, means. Raises `Stop`."""
    file, _, name = target.partition("::")
    path = Path(file)
    module = _load_module(path)
    functions = {
        key: value
        for key, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__
    }
    if name:
        return [_named(name, functions, module, path)]
    if target.endswith("::"):
        raise Stop(f"{target}: a function's name is missing behind '::'; {_there_are(functions, path)}")
    once = {id(value): key for key, value in reversed(functions.items())}  # an alias is no second scenario
    found = [
        _scenario(key, value, path)
        for key, value in functions.items()
        if _is_scenario(key, value) and once[id(value)] == key
    ]
    if not found:
        raise Stop(f"{path} has no scenario: {_WHAT_IT_TAKES}, and its name does not begin with an underscore.")
    return found


def run(scenario: Scenario, arm: str, open_net: Callable[[], AbstractContextManager[Any]]) -> Run:
    """Run `scenario` on the net that `open_net` makes. What opening the net raises is raised here; all else is in the
    `Run`.
    """
    with open_net() as net:
        facts = {name: getattr(net, name) for name in ("kernel", "settings") if hasattr(net, name)}
        returned: Any = None
        raised: BaseException | None = None
        try:
            returned = scenario.function(net)
            net.join_threads()
        except (Exception, SystemExit, KeyboardInterrupt) as error:
            raised = error
        calls = tuple(net.trace.calls())
        where = _own_lines(raised.__traceback__, scenario.path) if raised else ()
        return Run(arm, net.trace, calls, returned, raised, where, facts)


def _load_module(path: Path) -> ModuleType:
    if not path.exists():
        raise Stop(f"there is no file {path}.")
    if not path.is_file():
        raise Stop(f"{path} is not a file: name a Python file, as in FILE.py or FILE.py::name.")
    if path.suffix != ".py":
        raise Stop(f"{path} is not a Python file: its name does not end in .py.")
    name = f"scenario_{path.stem}"
    loader = SourceFileLoader(name, str(path))
    spec = importlib.util.spec_from_loader(name, loader)
    if spec is None:  # only a loader without a module would do that
        raise Stop(f"{path} cannot be loaded.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.append(folder)
    writes_none, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise Stop(f"{path} cannot be imported: {_import_error(error, path)}") from None
    finally:
        sys.dont_write_bytecode = writes_none
    return module


def _import_error(error: BaseException, path: Path) -> str:
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f"line {error.lineno}: {type(error).__name__}: {error.msg}."
    if isinstance(error, OSError) and error.filename == str(path):
        return f"{(error.strerror or str(error)).lower()}."
    own = _own_lines(error.__traceback__, path)
    return f"{_in_one_line(error)}{f' (at {own[-1]})' if own else ''}."


def _named(name: str, functions: dict[str, Any], module: ModuleType, path: Path) -> Scenario:
    if name not in functions:
        if hasattr(module, name):
            raise Stop(f"{name} of {path} is not a function written in that file; {_there_are(functions, path)}")
        raise Stop(f"{path} has no function {name}; {_there_are(functions, path)}")
    function = functions[name]
    if _is_lazy(function):
        raise Stop(f"{name} of {path} is a generator or a coroutine function: {_WHAT_IT_TAKES}, in plain code.")
    if not _takes_a_net(function):
        raise Stop(f"{name}{inspect.signature(function)} of {path} has other parameters: {_WHAT_IT_TAKES}.")
    return _scenario(name, function, path)


def _there_are(functions: dict[str, Any], path: Path) -> str:
    names = [name for name, function in functions.items() if _is_scenario(name, function)]
    return f"there are {', '.join(names)}." if names else f"there is no scenario in it at all: {_WHAT_IT_TAKES}."


def _is_scenario(name: str, function: Any) -> bool:
    return not name.startswith("_") and _takes_a_net(function) and not _is_lazy(function)


def _takes_a_net(function: Any) -> bool:
    parameters = list(inspect.signature(function).parameters.values())
    if [parameter.name for parameter in parameters] != [PARAMETER]:
        return False
    return parameters[0].kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def _is_lazy(function: Any) -> bool:
    return (
        inspect.iscoroutinefunction(function)
        or inspect.isgeneratorfunction(function)
        or inspect.isasyncgenfunction(function)
    )


def _scenario(name: str, function: Any, path: Path) -> Scenario:
    documentation = inspect.getdoc(function) or ""
    fact = documentation.splitlines()[0].strip() if documentation else ""
    return Scenario(name, path, inspect.unwrap(function).__code__.co_firstlineno, fact, function)


def _own_lines(trail: TracebackType | None, path: Path) -> tuple[str, ...]:
    """The last lines of the traceback that lie in the scenario's own file."""
    own = [frame for frame in traceback.extract_tb(trail) if frame.filename == str(path)]
    return tuple(
        f"{path}:{frame.lineno} in {frame.name}: {linecache.getline(frame.filename, frame.lineno or 0).strip()}"
        for frame in own[-_LINES_OF_TRACEBACK:]
    )


def _in_one_line(error: BaseException) -> str:
    """The exception as Python's traceback would end with it, in one line."""
    return " ".join("".join(traceback.format_exception_only(error)).split())
