"""`fcntl`: ioctl() and fcntl() on sockets of the simulated host.

ioctl() hands the kernel a C argument, and the kernel writes its answer through it as through a pointer. So the way in
which the argument is given decides what comes back: bytes give new bytes with the answer in the first four; a
bytearray or an array is changed in place and 0 comes back; an int is taken for the pointer, and no int points
anywhere, so a request that answers fails with EFAULT.

``ioctl(FIONREAD)``, ``TIOCOUTQ``, ``SIOCOUTQNSD`` and ``SIOCATMARK`` go to the model, as does every request that is
not known here; ``FIONBIO`` sets O_NONBLOCK, and so does ``fcntl(F_SETFL)``: the trace shows both as `setblocking`,
which is what they do, and F_DUPFD and F_DUPFD_CLOEXEC as `dup`. Reading flags (F_GETFL, F_GETFD) and FD_CLOEXEC
(F_SETFD) leave no line.

Not here: locks, leases, other flags than these; buffers longer than 1024 bytes that must be copied are refused as
CPython refuses them.
"""

from __future__ import annotations

from operator import index
from sys import byteorder
from types import ModuleType
from typing import Any

from ..sockets.options import NotModelled
from ..values.constants import (
    F_DUPFD,
    F_DUPFD_CLOEXEC,
    F_SETFL,
    O_APPEND,
    O_ASYNC,
    O_DIRECT,
    O_NOATIME,
    O_NONBLOCK,
)
from ..values.results import Fail
from .arguments import c_int, file_descriptor
from .constants import FCNTL, FIONBIO
from .errors import os_error
from .kernel import Kernel

_EFAULT, _EINVAL = 14, 22
_COPY_MAX = 1024
_OTHER_FLAGS = O_APPEND | O_ASYNC | O_DIRECT | O_NOATIME


def make_fcntl(kernel: Kernel) -> ModuleType:
    """A module object that looks like `fcntl`."""

    def ioctl(fd: Any, request: int, arg: Any = 0, mutate_flag: bool = True, /) -> int | bytes:
        """Ask for or set something of a socket; what comes back depends on the kind of `arg` (see the module)."""
        number, code = file_descriptor(fd), c_unsigned_int(request)
        given = _buffer(arg)
        if given is None:
            c_int(arg)
            _request(number, code, None)
            return 0
        if given.nbytes > _COPY_MAX and (given.readonly or not mutate_flag):
            raise ValueError("ioctl string arg too long")
        copy = bytearray(given)
        _request(number, code, copy)
        if given.readonly or not mutate_flag:
            return bytes(copy[: given.nbytes])
        given[:] = copy[: given.nbytes]
        return 0

    def _request(fd: int, code: int, buffer: bytearray | None) -> None:
        """Make the request. `buffer` is what the C argument points to, an int in front; None points nowhere."""
        if code != FIONBIO:
            answer = kernel.ask("ioctl", fd, code)
            if buffer is not None:
                buffer[:4] = int(answer).to_bytes(4, byteorder, signed=True)
                return
            kernel.amend(answer=Fail(_EFAULT))
            raise os_error(_EFAULT)
        if buffer is None:
            kernel.check_open(fd)
            raise os_error(_EFAULT)
        kernel.set_blocking(fd, not any(buffer[:4]))

    def fcntl(fd: Any, cmd: int, arg: Any = 0, /) -> int | bytes:
        """Read or set the flags of a descriptor or of its description; a buffer as `arg` comes back unchanged."""
        number, command = file_descriptor(fd), c_int(cmd)
        given = _buffer(arg)
        if given is not None and given.nbytes > _COPY_MAX:
            raise ValueError("fcntl string arg too long")
        value = 0 if given is not None else c_unsigned_int(arg)
        answer = _command(number, command, value)
        return answer if given is None else given.tobytes()

    def _command(fd: int, command: int, value: int) -> int:
        if command in (F_DUPFD, F_DUPFD_CLOEXEC):
            return int(kernel.ask("dup", fd, value, command == F_DUPFD))
        if command != F_SETFL:
            return int(kernel.quietly("fcntl", fd, command, value))
        if value & _OTHER_FLAGS:
            raise NotModelled(f"status flags {value & _OTHER_FLAGS:#o} are not modelled; O_NONBLOCK is")
        kernel.set_blocking(fd, not value & O_NONBLOCK)
        return 0

    module = ModuleType("fcntl", "The simulated stand-in for the standard library's module.")
    for function in (ioctl, fcntl):
        function.__module__, function.__qualname__ = "fcntl", function.__name__
    module.__dict__.update({**FCNTL, "ioctl": ioctl, "fcntl": fcntl})
    return module


def c_unsigned_int(value: Any) -> int:
    """A C `unsigned int` that takes the low bits of any int (getargs code "I")."""
    return index(value) & 0xFFFFFFFF


def _buffer(arg: Any) -> memoryview | None:
    """The bytes of a buffer or of text; None for anything else, which has to be an int."""
    if isinstance(arg, str):
        return memoryview(arg.encode())
    try:
        view = memoryview(arg)
    except TypeError:
        return None
    return view.cast("B") if view.nbytes else memoryview(b"" if view.readonly else bytearray())
