"""The guest's first program: it makes the machine ready, runs the task, and stops the machine.

It finds the task in the folder named by its argument, as `task.json` (__init__.py writes it): the command, its working
directory and environment, the folders that may be written, the settings of the machine. It leaves there what was
printed (`out`, `err`) and the exit status (`status`). What it says itself goes to the console.

Root is the host's file system, read-only; the folders that may be written are mounted once more over themselves.

Run by the guest kernel as process 1, with Python's standard library only: the project is the task's affair.
"""

import ctypes
import json
import os
import signal
import socket
import struct
import subprocess
import sys
from fcntl import ioctl
from pathlib import Path
from typing import Any

_POWER_OFF = 0x4321FEDC
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1
_IFREQ = struct.Struct("16sh14x")
_libc = ctypes.CDLL(None, use_errno=True)


def tell(words: str) -> None:
    """Say something on the console."""
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def mount(kind: str, where: str, options: str = "") -> None:
    """Mount a file system. OSError with the place if the kernel does not."""
    if _libc.mount(kind.encode(), where.encode(), kind.encode(), 0, options.encode()):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), where)


def loopback_up() -> None:
    """Put the machine's loopback up."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        name, flags = _IFREQ.unpack(ioctl(any_socket, _SIOCGIFFLAGS, _IFREQ.pack(b"lo", 0)))
        ioctl(any_socket, _SIOCSIFFLAGS, _IFREQ.pack(name, flags | _IFF_UP))


def main(shared: Path) -> None:
    """Do the task that is described in this folder."""
    task: dict[str, Any] = json.loads((shared / "task.json").read_text(encoding="utf-8"))
    mount("proc", "/proc")
    mount("sysfs", "/sys")
    for folder in task["writable"]:
        mount("hostfs", folder, folder)
    for name, value in task["settings"].items():
        Path("/proc/sys", *name.split(".")).write_text(f"{value}\n", encoding="ascii")
    loopback_up()
    environment = {**os.environ, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **task["environment"]}
    with (shared / "out").open("ab") as out, (shared / "err").open("ab") as err:
        done = subprocess.run(
            task["command"], cwd=task["folder"], env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
            check=False,
        )  # fmt: skip
    if done.returncode < 0:
        tell(f"the task was killed by {signal.Signals(-done.returncode).name}")
    else:
        (shared / "status").write_text(str(done.returncode), encoding="ascii")


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except Exception as problem:
        tell(f"init: {problem}")
    finally:
        os.sync()
        _libc.reboot(_POWER_OFF)
