"""Another kernel, as a process: the guest.

User Mode Linux is a Linux kernel that was built to run as a program. Debian's package `user-mode-linux` has one, of an
older release than most machines run. It takes memory from a file, time from its host, and files from the host's own
file system (hostfs); processes inside it are host processes whose every system call it answers itself. So its sockets
are those of its release, all of them, while the code that asks is the very same Python from the very same files.

A run of the guest (`run`) goes like this:

- a directory of its own holds what passes between the two: the task, what was printed, the exit status;
- the kernel is started through `shield.py`, in a session of its own and with the host's files read-only as its root;
- `init.py` is its first and only program. It mounts what is needed, lets the task's folders be written, puts loopback
  up, runs Python with the task's arguments, leaves the exit status behind and stops the machine;
- meanwhile `run` passes on what the task prints. When the kernel is gone, or the time is up, whatever is left of the
  process group is killed, and the directory is removed.

The guest has no network but its loopback. It needs no privileges on the host, and its root user is whoever started it.

Time in the guest is real, but it comes in the guest's own ticks (10 ms in Debian's), and a system call takes some
microseconds, ten to twenty times as long as on the host.

Not here: what runs in the guest; where the package comes from (scripts/setup.sh).
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

PROGRAM = "linux.uml"
"""The kernel's file name in Debian's package."""
FETCHED = Path(__file__).parent.parent.parent / "build" / "guest" / "usr" / "bin" / PROGRAM
"""Where set-up unpacks the package if it may not install it."""
MEMORY_MB = 512
MACHINE = {
    "net.core.rmem_default": "212992",
    "net.core.rmem_max": "4194304",
    "net.core.wmem_default": "212992",
    "net.core.wmem_max": "4194304",
}
"""Settings that exist once per machine; the guest's are ours to set, and are what the model's profiles say."""

_HERE = Path(__file__).parent
_NARROW = (
    "AVX", "AVX2", "AVX512F", "AVX512VL", "AVX512BW", "XSAVE", "XSAVEC", "AVX_Fast_Unaligned_Load",
)  # fmt: skip
_NARROW_REGISTERS = {
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=" + ",".join(f"-{name}" for name in _NARROW),
    "OPENSSL_ia32cap": "0:0",
}
"""What keeps programs in the guest from using registers that it would lose (shield.py)."""
_PASSED_ON = ("COLUMNS", "LANG", "LC_ALL", "NO_COLOR", "PYTHONHASHSEED")
_LOOK_S = 0.02
_GONE_S = 5.0
_COMMAND_LINE = "Kernel command line"
_LAST_LINES = 2


class GuestRefused(OSError):
    """The guest could not do its work. The text says in one sentence what went wrong and what to do."""


class NoGuest(GuestRefused):
    """There is no such kernel on this machine."""


def find() -> Path:
    """The kernel's program: an installed one, else the one that set-up unpacked. Raises `NoGuest`."""
    if platform.machine() != "x86_64":
        raise NoGuest(f"there is no guest kernel for {platform.machine()}: Debian has user-mode-linux for amd64 only")
    found = shutil.which(PROGRAM)
    if found is not None:
        return Path(found)
    if os.access(FETCHED, os.X_OK):
        return FETCHED
    raise NoGuest(
        f"the guest kernel '{PROGRAM}' is not there: install Debian's package user-mode-linux "
        "(as root: apt-get install user-mode-linux; else: scripts/setup.sh uml)"
    )


def release(kernel: Path | None = None) -> str:
    """The release of the guest kernel, ``6.1.176``. Raises `GuestRefused` if the program is no such kernel."""
    kernel = kernel or find()
    try:
        done = subprocess.run([kernel, "--version"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        why = "it does not answer" if isinstance(error, subprocess.TimeoutExpired) else error.strerror
        raise GuestRefused(f"{kernel} is no kernel that runs as a program: {why}") from error
    first = done.stdout.strip()
    if done.returncode or not first[:1].isdigit():
        raise GuestRefused(f"{kernel} is no kernel that runs as a program: it does not tell its release")
    return first


def run(
    arguments: Sequence[str], *, seconds: float, writable: Sequence[Path] = (), kernel: Path | None = None,
    environment: Mapping[str, str] | None = None, say: Callable[[bytes, bool], None] | None = None,
) -> int:  # fmt: skip
    """Run this Python with `arguments` (``["-m", "wouldblock", "check"]``) in the guest; its exit status.

    The working directory is the caller's, the host's files can be read, and those in the folders `writable` written.
    What is printed is passed to `say`, in pieces, with whether it is an error message; by default to the same streams
    here. `kernel` is the program to start, by default what `find` finds.

    Raises `GuestRefused` if the guest is not there, does not start, dies, or is not done after `seconds`.
    """
    kernel = kernel or find()
    with tempfile.TemporaryDirectory(prefix=f"wouldblock-guest-{os.getpid()}-") as folder:
        shared = Path(folder).resolve()
        if any(letter.isspace() for letter in str(shared)):
            raise GuestRefused(f"the guest's command line takes no folder with a space in its name: {shared}")
        _write_task(shared, arguments, writable, environment or {})
        guest = _start(kernel, shared)
        try:
            in_time = _follow(guest, shared, time.monotonic() + seconds, say or _print)
        finally:
            _end(guest)
        status = shared / "status"
        if status.exists():
            return int(status.read_text())
        if not in_time:
            raise GuestRefused(f"the guest was not done after {seconds:.0f} seconds and was stopped{_said(shared)}")
        raise GuestRefused(f"the guest kernel {kernel} ended before its task did{_said(shared)}")


def _write_task(
    shared: Path, arguments: Sequence[str], writable: Sequence[Path], environment: Mapping[str, str]
) -> None:
    passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    task = {
        "command": [sys.executable, *arguments],
        "folder": str(Path.cwd()),
        "writable": [str(shared), *(str(each.resolve()) for each in writable)],
        "environment": {**passed, "HOME": str(shared), "TMPDIR": str(shared), **environment},
        "settings": MACHINE,
    }
    (shared / "task.json").write_text(json.dumps(task), encoding="utf-8")
    (shared / "python").symlink_to(Path(sys.executable).resolve())
    (shared / "init.py").symlink_to(_HERE / "init.py")
    for name in ("out", "err"):
        (shared / name).touch()


def _start(kernel: Path, shared: Path) -> subprocess.Popen[bytes]:
    line = [
        f"mem={MEMORY_MB}M", "rootfstype=hostfs", "rootflags=/", "ro", "panic=-1", "noreboot",
        "con=null", "con0=null,fd:1", f"uml_dir={shared}/", "umid=guest",
        *(f"{name}={value}" for name, value in _NARROW_REGISTERS.items()),
        f"init={shared}/python", "--", "-I", "-S", f"{shared}/init.py", str(shared),
    ]  # fmt: skip
    with (shared / "console").open("wb") as console:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", _HERE / "shield.py", kernel, *line],
            stdin=subprocess.DEVNULL, stdout=console, stderr=console, start_new_session=True,
        )  # fmt: skip


def _follow(guest: subprocess.Popen[bytes], shared: Path, deadline: float, say: Callable[[bytes, bool], None]) -> bool:
    """Pass on what is printed until the kernel is gone; whether it went in time."""
    with (shared / "out").open("rb") as out, (shared / "err").open("rb") as err:
        while True:
            running = guest.poll() is None
            for stream, is_error in ((out, False), (err, True)):
                if said := stream.read():
                    say(said, is_error)
            if not running:
                return True
            if time.monotonic() > deadline:
                return False
            time.sleep(_LOOK_S)


def _print(said: bytes, is_error: bool) -> None:
    stream = sys.stderr if is_error else sys.stdout
    stream.write(said.decode(errors="replace"))
    stream.flush()


def _end(guest: subprocess.Popen[bytes]) -> None:
    """Kill what is left of the guest, and see it gone: the processes in it are members of the group that it leads."""
    last = time.monotonic() + _GONE_S
    with suppress(ProcessLookupError):
        while time.monotonic() < last:
            os.killpg(guest.pid, signal.SIGKILL)
            guest.poll()
            time.sleep(_LOOK_S)
    guest.wait()


def _said(shared: Path) -> str:
    """The last that the kernel said, for a sentence; a panic is told before all else."""
    lines = (shared / "console").read_text(errors="replace").splitlines()
    lines = [line.strip() for line in lines if line.strip() and not line.startswith((" ", _COMMAND_LINE))]
    panics = [line for line in lines if "Kernel panic" in line]
    said = " / ".join(panics[:1] or lines[-_LAST_LINES:])
    return f"; it said: {said}" if said else "; it said nothing"
