"""The model is pure: whatever it knows of time, chance, scheduling or the system came in as an argument.

Two nets. Every file of `model/` is read as a syntax tree and may import only from a list of modules that compute and do
nothing else: a list of what is allowed, so that tomorrow's module is refused until someone thinks of it. And whatever
depends on where objects lie in memory or on the hash seed is refused: `id`, `hash`, the order of a set. A set may be
asked and sorted, not walked.

Limits: a set that reaches a loop through a variable is not seen here. That same seeds give same bytes under different
``PYTHONHASHSEED`` is tested where traces are. That `model/` imports nothing of ours above it is in test_layers.py.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

MODEL = Path(__file__).parent.parent / "model"

PURE = frozenset(
    """
    __future__ abc array bisect collections collections.abc contextlib enum errno functools heapq ipaddress itertools
    json math operator re string struct textwrap types typing attrs
    """.split()
)

MOST_WANTED = """
    _socket _thread asyncio concurrent.futures ctypes datetime fcntl importlib io logging multiprocessing os pathlib
    platform queue random resource secrets select selectors signal socket ssl subprocess sys tempfile threading time
    uuid hypothesis click realnet wouldblock
    """.split()

NEEDED = {
    # Executes the standard library's socket.py over a _socket of ours: has to find its source and to stand in for what
    # it imports.
    "model/stdlib.py": frozenset("sys importlib.import_module importlib.machinery importlib.util exec".split()),
    # Numbers that nobody can foretell without the host's secret; blake2b gives the same everywhere.
    "model/world/host.py": frozenset({"hashlib"}),
    # The edge where programs look in. ioctl() fills a buffer of the caller in the machine's byte order; a dropped
    # socket is closed at once unless the simulation itself is at work further up the stack, and warns as the original.
    # Virtual threads are greenlets, which switch where they are told to; what one waits for is read off its stack.
    "model/simnet/greenlets.py": frozenset({"greenlet"}),
    "model/guests/lowlevel.py": frozenset({"sys._getframe"}),
    "model/simnet/controlling.py": frozenset({"sys.byteorder"}),
    "model/simnet/kernel.py": frozenset({"sys._getframe"}),
    "model/simnet/sockets.py": frozenset({"warnings.warn"}),
}
"""What single files need beyond that, as module, module.name or built-in function, and why."""

IMPURE_CALLS = frozenset("__import__ breakpoint compile eval exec globals hash id input open print vars".split())
ORDERED_BY = frozenset("enumerate iter list next tuple zip".split())


def faults(source: str, allowed: frozenset[str] = PURE) -> list[str]:
    """Every impure thing in `source`, as ``line: what``."""
    return [f"{line}: {what}" for line, what in _faults(ast.parse(source), allowed)]


def _faults(tree: ast.AST, allowed: frozenset[str]) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, f"imports {a.name}") for a in names if a.name not in allowed)
            case ast.ImportFrom(module=str(module), level=0, names=names) if module.split(".")[0] != "model":
                if module not in allowed and not all(f"{module}.{a.name}" in allowed for a in names):
                    yield node.lineno, f"imports {module}"
            case ast.Call(func=ast.Name(id=name)) if name in IMPURE_CALLS and name not in allowed:
                yield node.lineno, f"calls {name}()"
            case ast.Call(func=ast.Name(id=name), args=args) if name in ORDERED_BY and any(map(_is_set, args)):
                yield node.lineno, f"takes the order of a set with {name}()"
            case ast.For(iter=walked) | ast.comprehension(iter=walked) | ast.Starred(value=walked) if _is_set(walked):
                yield walked.lineno, "walks a set in its own order"


def _is_set(node: ast.expr) -> bool:
    match node:
        case ast.Set() | ast.SetComp():
            return True
        case ast.Call(func=ast.Name(id="set" | "frozenset")):
            return True
        case ast.BinOp(left=left, op=ast.BitOr() | ast.BitAnd() | ast.Sub() | ast.BitXor(), right=right):
            return _is_set(left) or _is_set(right)
    return False


@pytest.mark.parametrize("file", sorted(MODEL.rglob("*.py")), ids=lambda file: str(file.relative_to(MODEL.parent)))
def test_the_model_is_pure(file: Path) -> None:
    name = str(file.relative_to(MODEL.parent))
    assert faults(file.read_text(encoding="utf-8"), PURE | NEEDED.get(name, frozenset())) == []


def test_every_exception_is_still_needed() -> None:
    for name, extra in NEEDED.items():
        source = (MODEL.parent / name).read_text(encoding="utf-8")
        for word in sorted(extra):
            assert faults(source, PURE | extra - {word}), f"{name} no longer needs {word}: take it off the list"


@pytest.mark.parametrize("module", MOST_WANTED)
def test_the_impure_are_refused(module: str) -> None:
    assert faults(f"import {module}") == [f"1: imports {module}"]
    assert faults(f"def later():\n    from {module} import something") == [f"2: imports {module}"]
    assert faults(f"import json, {module} as harmless") == [f"1: imports {module}"]


@pytest.mark.parametrize(
    "line",
    [
        "order = id(socket)",
        "order = hash(address)",
        "open('/proc/net/tcp')",
        "for port in {80, 443}: use(port)",
        "for port in set(ports): use(port)",
        "for port in frozenset(ports) | {80}: use(port)",
        "[use(port) for port in {p for p in ports}]",
        "first = next(iter(set(ports)))",
        "ports = list({80, 443})",
        "ports = [*{80, 443}]",
    ],
)
def test_what_depends_on_memory_or_hash_seed_is_refused(line: str) -> None:
    assert len(faults(line)) == 1


@pytest.mark.parametrize(
    "line",
    [
        "from __future__ import annotations",
        "import attrs",
        "from collections.abc import Callable",
        "from .values.results import Done",
        "from model.values.results import Done",
        "for port in sorted({80, 443}): use(port)",
        "known = port in {80, 443}",
        "socket.id(3)",
        "flags = a | b\nfor bit in range(flags): use(bit)",
    ],
)
def test_the_pure_is_not_refused(line: str) -> None:
    assert faults(line) == []
