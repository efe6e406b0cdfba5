"""On what was measured: the machine in a few words, from what it says of itself.

Not here: its name, its load, anything that tells whose it is.
"""

from __future__ import annotations

import os
import platform
from pathlib import Path

import attrs


@attrs.frozen
class Machine:
    """What a reader needs to place the numbers."""

    cpu: str
    cores: int
    kernel: str
    python: str

    def line(self) -> str:
        cores = f"{self.cores} core{'' if self.cores == 1 else 's'}, one of them used"
        return f"{self.cpu}, {cores}; Linux {self.kernel}; {self.python}"


def describe() -> Machine:
    """This machine."""
    return Machine(
        cpu=_cpu(),
        cores=os.cpu_count() or 1,
        kernel=platform.release(),
        python=f"{platform.python_implementation()} {platform.python_version()}",
    )


def _cpu() -> str:
    """The CPU's model; on architectures whose kernel does not tell, the architecture."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            field, _, value = line.partition(":")
            if field.strip() == "model name":
                return value.strip()
    except OSError:
        pass
    return platform.machine()
