"""The standard library's own modules, executed anew over other foundations.

`socket.py` and `selectors.py` are plain Python over two C modules, `_socket` and `select`. Executing the very same
source over a `_socket` of ours gives a `socket` module that differs from the original in nothing but the ground it
stands on: `makefile`, `create_connection`, the argument checks, the class hierarchy, the enums are the originals.
Both arms are made in this way: simulated modules below on the model, recording ones on the running kernel.

One thing has to be known. A module finds what it imports in `sys.modules`, and `socket.py` looks *itself* up there
too: `IntEnum._convert_` makes `AF_INET` and its like from ``sys.modules["socket"]``. So while the source executes,
`sys.modules` holds the fresh module under its own name and every replacement under its name; afterwards it holds
exactly what it held before, whatever happened in between.

    selectors = fresh("selectors", {"select": our_select})
    socket = fresh("socket", {"_socket": our_socket, "selectors": selectors})

Not here: protection from other threads. A thread that imports `socket` for the first time in that very moment gets
the fresh one.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, module_from_spec
from types import CodeType, ModuleType

_sources: dict[str, tuple[ModuleSpec, CodeType]] = {}


def fresh(name: str, replacements: Mapping[str, ModuleType]) -> ModuleType:
    """Execute the standard library's module `name` over `replacements` (module name -> module); a new module each time.

    `sys.modules` is as before when this returns or raises. Raises ImportError if there is no Python source for `name`.
    """
    if name not in _sources:
        _sources[name] = _find(name)
    spec, code = _sources[name]
    module = module_from_spec(spec)
    installed: dict[str, ModuleType] = {**replacements, name: module}
    before = {key: sys.modules[key] for key in installed if key in sys.modules}
    sys.modules.update(installed)
    try:
        exec(code, module.__dict__)
    finally:
        for key in installed:
            sys.modules.pop(key, None)
        sys.modules.update(before)
    return module


def _find(name: str) -> tuple[ModuleSpec, CodeType]:
    """Where a module comes from, and its compiled source.

    The original is imported, and with it whatever it needs: a module that only the fresh one imported would for ever
    stand on the replacements.
    """
    spec = find_spec(name)
    get_code = getattr(spec.loader, "get_code", None) if spec is not None else None
    code = get_code(name) if get_code is not None else None
    if spec is None or code is None:
        raise ImportError(f"the standard library's {name} has no Python source that could be executed anew", name=name)
    import_module(name)
    return spec, code
