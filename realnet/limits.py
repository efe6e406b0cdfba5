"""How many descriptors and watches a program may have, on the running kernel, counted as on the model.

**Descriptors** (RLIMIT_NOFILE). On the model a program begins with descriptors 0, 1 and 2, so a limit of n leaves it
n - 3. Here the process has others beside, and needs them: so its limit is put where just as many numbers are free below
it. It is the process's, and put back on the way out; what the process opens meanwhile for itself counts too.

**Watches** (fs.epoll.max_user_watches). The setting is the whole machine's, no namespace has its own, and each user's
watches are counted by themselves: those of the epolls that a thread made whose *real* user it was. To set it to a
handful would have other programs refused. So:

- while entered the thread is really, though not effectively, a user whom nobody else is (credentials are a thread's,
  and the threads that it starts have them too);
- the setting is lowered only as far as `HARMLESS`, which nobody's watches come near;
- and of these as many are used up by epolls of our own that the program is left with exactly the limit.

On the way out all that is undone. Several processes do this one after another, with a lock on the setting's file; one
that is killed meanwhile leaves `HARMLESS` behind.

Not here: threads in a net whose descriptors are used up (who looks on when they sleep must open files for that);
a limit on watches without root.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import platform
import resource
import select
from contextlib import ExitStack
from itertools import count, islice
from pathlib import Path

FIRST = 3
"""The first descriptor that a program on the model finds free."""
MOST_WATCHES = Path("/proc/sys/fs/epoll/max_user_watches")
HARMLESS = 1 << 16
"""How far the machine's limit on watches is lowered."""
_NOBODY_ELSE = 0x7E000000
"""With the process's number added: a user of its own."""
_SETRESUID = {"x86_64": 117, "aarch64": 147, "riscv64": 147}
_NUMBERS = 256
"""Under how many descriptors a file is watched to use watches up."""
_libc = ctypes.CDLL(None, use_errno=True)


class DescriptorLimit:
    """While entered, a program can make `limit` - 3 descriptors, and then EMFILE is what it is told."""

    def __init__(self, limit: int) -> None:
        self._limit = limit

    def __enter__(self) -> None:
        taken = {int(each.name) for each in Path("/proc/self/fd").iterdir()}
        taken = {fd for fd in taken if _is_open(fd)}
        free = (fd for fd in count() if fd not in taken)
        last = max(islice(free, self._limit - FIRST), default=max(taken))
        self._before = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (last + 1, self._before[1]))

    def __exit__(self, *exc: object) -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, self._before)


class WatchLimit:
    """While entered, epolls that this thread makes, or one that it starts, can watch `limit` files in all, and then
    ENOSPC is what they are told. ValueError for less than 0, and on entering for more than `HARMLESS`; PermissionError
    without root.
    """

    def __init__(self, limit: int) -> None:
        if limit < 0:
            raise ValueError(f"a limit of {limit} watches: it must be 0 or more")
        self._limit = limit
        self._undo = ExitStack()

    def __enter__(self) -> None:
        with ExitStack() as stack:
            try:
                setting = stack.enter_context(MOST_WATCHES.open("r+", encoding="ascii"))
                fcntl.flock(setting, fcntl.LOCK_EX)
                before = _read()
                user = os.getuid()
                _become(_NOBODY_ELSE + os.getpid())
                stack.callback(_become, user)
            except OSError as error:
                raise PermissionError(
                    error.errno, f"a limit on watches needs root on this machine ({error.strerror}): run as root"
                ) from error
            lowered = min(before, HARMLESS)
            if self._limit > lowered:
                raise ValueError(f"a limit of {self._limit} watches: it can be at most {lowered} on this machine")
            stack.callback(_write, before)
            _write(lowered)
            _use_up(lowered - self._limit, stack)
            self._undo = stack.pop_all()

    def __exit__(self, *exc: object) -> None:
        self._undo.close()


def _read() -> int:
    return int(MOST_WATCHES.read_text(encoding="ascii"))


def _write(most: int) -> None:
    MOST_WATCHES.write_text(f"{most}\n", encoding="ascii")


def _become(user: int) -> None:
    """The calling thread, and no other, is really this user; effectively it stays who it is (setresuid(2))."""
    if _libc.syscall(_SETRESUID[platform.machine()], user, -1, -1) < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _use_up(watches: int, stack: ExitStack) -> None:
    """Use up so many watches, as long as the stack is not closed. An item outlives the number that it was registered
    under, so one file under `_NUMBERS` numbers, which are closed again, is watched by each of some epolls.
    """
    silent, other_end = os.pipe()
    for fd in (silent, other_end):
        stack.callback(os.close, fd)
    epolls = [stack.enter_context(select.epoll()) for _ in range(-(-watches // _NUMBERS))]
    number = FIRST
    while watches:
        number = fcntl.fcntl(silent, fcntl.F_DUPFD_CLOEXEC, number + 1)
        for epoll in epolls[:watches]:
            epoll.register(number, 0)
        watches -= min(watches, len(epolls))
        os.close(number)


def _is_open(fd: int) -> bool:
    """Whether it still is: to list the descriptors takes one."""
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True
