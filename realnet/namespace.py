"""Private network namespaces: a network of one's own for the calling thread, and the way back.

A network namespace has its own interfaces, ports, sockets and settings; a fresh one holds nothing but a loopback
interface that is down. It belongs to a *thread*: unshare(2) moves the one that calls, `/proc/sys/net` shows it the
settings of the one it is in, threads that it starts later start there too, threads that existed before stay where
they are. A socket belongs for good to the namespace in which it was made, and the namespace is gone when no thread,
socket or descriptor holds it any more.

**With root** (precisely: CAP_SYS_ADMIN) the thread comes back by setns(2) to where it was.

**Without root** a namespace may be made inside a *user namespace*, in which the caller has every capability and
nobody's files. A whole process enters one, and only while it has a single thread; it is entered once and not left
again, so:

- the first `Namespace` of a process that is not root moves the process into a user namespace (its user and group stay
  the same numbers there) together with an empty network namespace, the *waiting room*, and the way back on exit leads
  there: the kernel lets nobody without root return to the machine's own network;
- further ones are then made as if by root.

Whether all that will work is tried beforehand in a child process, so that a refusal leaves this process as it was.

One CPU while inside: on loopback the receiver's half of a send runs on the sender's CPU before send() returns, so
that with a single CPU the order of everything is the order of the calls.

Not here: wires between namespaces, several hosts.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from fcntl import ioctl
from pathlib import Path

from .settings import PINNED, REPORTED, Settings, read, write

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1
_IFREQ = struct.Struct("16sh14x")  # netdevice(7): the interface's name, its flags
_HERE = "/proc/thread-self/ns/net"
_WHAT_TO_DO = (
    "run as root, or let unprivileged users make user namespaces "
    "(sysctl kernel.unprivileged_userns_clone=1, on Ubuntu also kernel.apparmor_restrict_unprivileged_userns=0)"
)

_TOO_MANY = "as many as the machine allows exist already (sysctl user.max_net_namespaces and user.max_user_namespaces)"


class NamespaceRefused(PermissionError):
    """The machine does not allow a private network namespace. The text says in one sentence what failed and what to
    do.
    """


class Namespace:
    """A fresh private network namespace for the calling thread: loopback up, settings pinned, one CPU.

    A context manager; each entry makes a new one. `pinned` are the sysctls to write, by default `settings.PINNED`, or
    a set with a name, whose algorithm of congestion control must be there too. Raises `NamespaceRefused` where the
    machine does not allow it; then the thread is where it was.
    """

    settings: dict[str, str]
    """The settings as read back inside, by sysctl name, and the option that TCP sockets are told, if any."""
    kernel: str
    """The running kernel's release, ``6.18.44``."""
    cpu: int
    """The CPU on which the thread runs while inside."""
    inode: int
    """The number under which the kernel knows the namespace (`/proc/thread-self/ns/net`)."""

    def __init__(self, pinned: Mapping[str, str] | Settings = PINNED) -> None:
        self._told = pinned if isinstance(pinned, Settings) else Settings("", pinned)
        self._pinned = dict(self._told.sysctls)
        self.kernel = platform.release()
        self._home = -1
        self._thread = 0
        self._cpus: set[int] = set()

    def __enter__(self) -> Namespace:
        if self._home >= 0:
            raise RuntimeError("this Namespace is entered already; make another one")
        self._home = _enter_fresh_namespace()
        self._thread = threading.get_ident()
        try:
            _loopback_up()
            write(self._pinned)
            self.settings = read([*self._pinned, *REPORTED])
            if self._told.congestion_control is not None:
                _try(self._told)
                self.settings["TCP_CONGESTION"] = self._told.congestion_control
            self.inode = current_inode()
            self._cpus = os.sched_getaffinity(0)
            self.cpu = _current_cpu(self._cpus)
            os.sched_setaffinity(0, {self.cpu})
        except NamespaceRefused:
            self._leave()
            raise
        except OSError as error:
            self._leave()
            raise NamespaceRefused(
                error.errno, f"a private network namespace could not be set up ({_text(error)}): {_WHAT_TO_DO}"
            ) from error
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        if threading.get_ident() != self._thread:
            raise RuntimeError("a Namespace is left by the thread that entered it, and by no other")
        self._leave()

    def contains_this_thread(self) -> bool:
        """Whether a socket that the calling thread makes now would be in this namespace."""
        return self._home >= 0 and current_inode() == self.inode

    def _leave(self) -> None:
        home, self._home = self._home, -1
        try:
            setns(home, CLONE_NEWNET)
        finally:
            os.close(home)
            if self._cpus:
                os.sched_setaffinity(0, self._cpus)
                self._cpus = set()


def _try(settings: Settings) -> None:
    with socket.socket() as probe:
        try:
            settings.tell(probe)
        except OSError as error:
            raise NamespaceRefused(
                error.errno,
                f"TCP sockets cannot be told to use {settings.congestion_control} here ({_text(error)}): load its "
                f"module (modprobe tcp_{settings.congestion_control})",
            ) from error


def current_inode() -> int:
    """The number of the network namespace in which the calling thread is."""
    return os.stat(_HERE).st_ino  # noqa: PTH116  # asked for every new socket, and a Path takes three times as long


# The kernel's calls ---------------------------------------------------------------------------------------------------

_libc = ctypes.CDLL(None, use_errno=True)


def _call(function: Callable[..., int], *args: int) -> None:
    if function(*args) < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _unshare(flags: int) -> None:
    _call(_libc.unshare, flags)


def _setns(fd: int, nstype: int) -> None:
    _call(_libc.setns, fd, nstype)


unshare: Callable[[int], None] = getattr(os, "unshare", _unshare)  # Python 3.12 has them
setns: Callable[[int, int], None] = getattr(os, "setns", _setns)


def _current_cpu(allowed: set[int]) -> int:
    """The CPU the scheduler chose for this thread just now, which is as good a choice as any."""
    cpu: int = _libc.sched_getcpu()
    return cpu if cpu in allowed else min(allowed)


# Getting in -----------------------------------------------------------------------------------------------------------


def _enter_fresh_namespace() -> int:
    """Move the calling thread into a fresh network namespace; a descriptor of the one to return to."""
    try:
        home = _open_here()
    except OSError as error:
        raise NamespaceRefused(
            error.errno,
            f"this machine shows no network namespaces ({_text(error)}): Linux with /proc mounted is needed",
        ) from error
    try:
        unshare(CLONE_NEWNET)
        return home
    except OSError as error:
        os.close(home)
        if error.errno != errno.EPERM:
            raise _refused(error) from error
    try:
        _check_user_namespace()
        _enter_user_namespace()
        home = _open_here()
    except OSError as error:
        raise _refused(error) from error
    try:
        unshare(CLONE_NEWNET)
    except OSError as error:
        os.close(home)
        raise _refused(error) from error
    return home


def _open_here() -> int:
    return os.open(_HERE, os.O_RDONLY | os.O_CLOEXEC)


def _refused(error: OSError) -> NamespaceRefused:
    if isinstance(error, NamespaceRefused):
        return error
    what = _TOO_MANY if error.errno == errno.ENOSPC else _WHAT_TO_DO
    return NamespaceRefused(error.errno, f"a private network namespace was refused ({_text(error)}): {what}")


def _text(error: OSError) -> str:
    return f"{error.strerror}: {error.filename}" if error.filename else str(error.strerror)


def _enter_user_namespace() -> None:
    """Move this process into a user namespace of its own and, with it, into an empty network namespace
    (user_namespaces(7)).
    """
    user, group = os.geteuid(), os.getegid()
    unshare(CLONE_NEWUSER | CLONE_NEWNET)
    me = Path("/proc/self")
    (me / "setgroups").write_text("deny", encoding="ascii")
    (me / "uid_map").write_text(f"{user} {user} 1", encoding="ascii")
    (me / "gid_map").write_text(f"{group} {group} 1", encoding="ascii")


def _check_user_namespace() -> None:
    """Go all the way in a child process and raise what it met, because this process could not come back."""
    threads = len(list(Path("/proc/self/task").iterdir()))
    if threads > 1:
        raise NamespaceRefused(
            errno.EPERM,
            "a private network namespace was refused: without root it needs a user namespace, which a process with "
            f"{threads} threads may not enter; enter it before the first thread is started, or run as root",
        )
    child = os.fork()
    if child == 0:
        status = 255
        try:
            _enter_user_namespace()
            unshare(CLONE_NEWNET)
            _loopback_up()
            write({"net.ipv4.tcp_autocorking": "0"})
            status = 0
        except OSError as error:
            status = error.errno or status
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status:
        raise OSError(status, os.strerror(status))


def _loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        name, flags = _IFREQ.unpack(ioctl(any_socket, _SIOCGIFFLAGS, _IFREQ.pack(b"lo", 0)))
        ioctl(any_socket, _SIOCSIFFLAGS, _IFREQ.pack(name, flags | _IFF_UP))
