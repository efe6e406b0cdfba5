"""`fcntl` on the running kernel, recording: ioctl() and, of fcntl(), duplication and the setting of O_NONBLOCK.

Where the kernel writes its answer depends on what it was handed (a new bytes object, the caller's own buffer,
nowhere); the trace shows the number itself. Both ways of setting O_NONBLOCK, `ioctl(FIONBIO)` and `fcntl(F_SETFL)`,
are recorded as ``setblocking``, because that is what they do, and both ways to duplicate as ``dup``. Reading flags, and
FD_CLOEXEC, which is no matter of sockets, leave no line.

Not here: locks. They are the real ones and nobody records them.
"""

from __future__ import annotations

import fcntl as real
import os
from collections.abc import Callable
from sys import byteorder
from types import ModuleType
from typing import Any

from model.values.constants import FIONREAD, SIOCATMARK, SIOCOUTQNSD, TIOCOUTQ

from .recorder import Recorder
from .selecting import descriptor

_FIONBIO = 0x5421
_INT = 4


def make_fcntl(recorder: Recorder) -> ModuleType:
    """A module object that looks like `fcntl`."""

    def ioctl(fd: Any, request: int, arg: Any = 0, mutate_flag: bool = True, /) -> Any:
        """ioctl(2); what comes back depends on what kind of thing `arg` is, as the original says."""
        name = recorder.name_or_none(descriptor(fd))
        if request == _FIONBIO and isinstance(arg, bytes | bytearray | memoryview):
            on = any(bytes(arg)[:_INT])
            return recorder.ask(
                "setblocking", name, lambda *_: (not on,), real.ioctl, fd, request, arg, mutate_flag, shown=_nothing
            )
        shown = _answer_in(request, arg)
        return recorder.ask(
            "ioctl", name, lambda *_: (request,), real.ioctl, fd, request, arg, mutate_flag, shown=shown
        )

    def fcntl(fd: Any, cmd: int, arg: Any = 0, /) -> Any:
        """fcntl(2)."""
        if cmd == real.F_SETFL and isinstance(arg, int):
            name = recorder.name_or_none(descriptor(fd))
            blocking = not arg & os.O_NONBLOCK
            return recorder.ask("setblocking", name, lambda *_: (blocking,), real.fcntl, fd, cmd, arg, shown=_nothing)
        if cmd in (real.F_DUPFD, real.F_DUPFD_CLOEXEC) and isinstance(arg, int):
            number, least = descriptor(fd), arg & 0xFFFFFFFF
            return recorder.ask(
                "dup", recorder.name_or_none(number), lambda *_: (least,) if least else (), real.fcntl, fd, cmd, arg,
                shown=lambda new: recorder.duplicated(number, new),
            )  # fmt: skip
        return real.fcntl(fd, cmd, arg)

    module = ModuleType("fcntl", real.__doc__)
    module.__dict__.update({name: value for name, value in vars(real).items() if not name.startswith("__")})
    for function in (ioctl, fcntl):
        function.__module__, function.__qualname__ = "fcntl", function.__name__
        setattr(module, function.__name__, staticmethod(function))  # as in C: no method where a class keeps it
    return module


def _nothing(_value: Any) -> None:
    return None


def _answer_in(request: int, arg: Any) -> Callable[[Any], Any]:
    """What the trace shows of an ioctl's value: the number for requests that answer with one."""

    def shown(value: Any) -> Any:
        if request not in (FIONREAD, TIOCOUTQ, SIOCOUTQNSD, SIOCATMARK):
            return value
        written = value if isinstance(value, bytes) else bytes(memoryview(arg).cast("B"))
        return int.from_bytes(written[:_INT], byteorder, signed=True)

    return shown
