"""Events of the kernel, counted where they happen: system calls, wake-ups.

The kernel has *tracepoints*, places in its own code that can be told to report. perf_event_open(2) counts how often
one is passed on a processor, and a filter says which of the passes count: by the name of the thread, by a field of the
event. What is counted is counted by the kernel, exactly, whoever makes the call and through whatever library.

Numbers and fields of tracepoints are read in tracefs. It is opened here without being mounted anywhere
(fsopen(2), fsmount(2)), so that nothing of the machine changes.

A tracepoint that is switched on makes each pass dearer: so what is counted is not timed, and what is timed is not
counted.

Not here: reading events one by one; counters of the processor.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from contextlib import ExitStack
from types import TracebackType

_PERF_EVENT_OPEN, _FSOPEN, _FSCONFIG, _FSMOUNT = 298, 430, 431, 432  # x86-64, syscalls(2)
_FSOPEN_CLOEXEC = _FSMOUNT_CLOEXEC = 1
_CONFIG_CREATE = 6
_TRACEPOINT = 2
_SET_FILTER = 0x40082406
_FD_CLOEXEC = 8
_ATTRIBUTES = struct.Struct("=II Q Q Q Q Q 80x")
"""perf_event_attr: type, size, config, period, sample_type, read_format, flags."""
_EVERY_TASK = -1
_COUNT = struct.Struct("=Q")

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


class TracepointsRefused(PermissionError):
    """The machine does not let its tracepoints be counted. The text says in one sentence what failed and what to do."""


class Tracepoints:
    """Counters of the passes of tracepoints on the processor `cpu`; a context manager. Raises `TracepointsRefused`."""

    def __init__(self, cpu: int) -> None:
        self._cpu = cpu
        self._stack = ExitStack()

    def __enter__(self) -> Tracepoints:
        try:
            self._tracefs = self._keep(_detached_tracefs())
        except OSError as error:
            self._stack.close()
            raise _refused(error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def count(self, tracepoint: str, only: str = "") -> Counter:
        """A counter of a tracepoint, ``raw_syscalls/sys_enter``, from now on, of the passes that `only` lets count, a
        filter over the event's fields.
        """
        try:
            attributes = _ATTRIBUTES.pack(_TRACEPOINT, _ATTRIBUTES.size, self._number(tracepoint), 0, 0, 0, 0)
            counter = _call(_PERF_EVENT_OPEN, attributes, _EVERY_TASK, self._cpu, -1, _FD_CLOEXEC)
            self._keep(counter)
            if only and _libc.ioctl(counter, ctypes.c_ulong(_SET_FILTER), ctypes.c_char_p(only.encode())):
                raise _error()
        except OSError as error:
            raise _refused(error) from error
        return Counter(counter)

    def _number(self, tracepoint: str) -> int:
        fd = os.open(f"events/{tracepoint}/id", os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._tracefs)
        try:
            return int(os.read(fd, 20))
        finally:
            os.close(fd)

    def _keep(self, fd: int) -> int:
        self._stack.callback(os.close, fd)
        return fd


class Counter:
    """How often a tracepoint was passed. `fd` is that of a perf event."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def read(self) -> int:
        """The count so far."""
        count: int
        (count,) = _COUNT.unpack(os.read(self._fd, _COUNT.size))
        return count


def _detached_tracefs() -> int:
    """A descriptor of tracefs' root, which is mounted nowhere."""
    context = _call(_FSOPEN, b"tracefs", _FSOPEN_CLOEXEC)
    try:
        _call(_FSCONFIG, context, _CONFIG_CREATE, 0, 0, 0)
        return _call(_FSMOUNT, context, _FSMOUNT_CLOEXEC, 0)
    finally:
        os.close(context)


def _call(number: int, *args: int | bytes) -> int:
    answer: int = _libc.syscall(
        ctypes.c_long(number), *(arg if isinstance(arg, bytes) else ctypes.c_long(arg) for arg in args)
    )
    if answer < 0:
        raise _error()
    return answer


def _error() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))


def _refused(error: OSError) -> TracepointsRefused:
    return TracepointsRefused(
        error.errno or errno.EPERM,
        f"the kernel's tracepoints cannot be counted ({error.strerror}): it takes root, or the capabilities to mount "
        "and to measure (CAP_SYS_ADMIN, CAP_PERFMON), and a kernel with tracefs and perf events",
    )
