"""What a script's shell commands set, as far as it is settings of the kernel that the model has.

No command is run. A line that sets a value of the profile sets it; one that sets what the model does anyway, or what
makes no difference to it, is passed over; every other one is named.

Not here: options (running.py).
"""

from __future__ import annotations

import re
from typing import Any

import attrs

from model.profiles import Profile

_DEFAULTS = (
    "net.ipv4.tcp_rmem='4096 540000 15728640' net.ipv4.tcp_wmem='4096 262144 4194304' net.ipv4.tcp_syn_retries=5"
)
"""What the kernel's self-tests set in their defaults.sh, without what the model has anyway."""
_COUNTS = {
    "tcp_syn_retries": "syn_retries",
    "tcp_synack_retries": "synack_retries",
    "tcp_retries2": "data_retries",
    "tcp_keepalive_probes": "keepalive_probes",
}
_SAME = {
    "tcp_sack": "1", "tcp_dsack": "1", "tcp_window_scaling": "1", "tcp_ecn": "0", "tcp_fack": "0",
    "tcp_reordering": "3",
    "tcp_congestion_control": "reno", "tcp_recovery": "1", "tcp_slow_start_after_idle": "0", "tcp_timestamps": "0",
    "tcp_early_retrans": "3", "tcp_mtu_probing": "0", "tcp_autocorking": "0",
}  # fmt: skip
_INDIFFERENT = {"tcp_tso_win_divisor", "tcp_min_tso_segs", "tcp_syncookies", "tcp_no_metrics_save"}
_ASSIGNMENT = re.compile(r"""(?:/proc/sys/)?net[./]ipv4[./](\w+)=("[^"]*"|'[^']*'|\S+)""")


def settled(text: str, profile: Profile) -> tuple[Profile, tuple[str, ...]]:
    """The profile after these commands, and those that it does not know."""
    unknown: list[str] = []
    for line in re.split(r"[;\n]|&&", text.replace("\\\n", " ")):
        command = line.strip()
        if not command or command.startswith(("#", "/tmp/sysctl_restore")):
            continue
        if re.fullmatch(r"\S*defaults\.sh", command):
            command = f"sysctl {_DEFAULTS}"
        if not command.startswith(("sysctl ", "./set_sysctls.py ")):
            unknown.append(f"the command {command.split()[0]}")
            continue
        if _ASSIGNMENT.sub("", command).count("="):
            unknown.append("a setting outside of net.ipv4")
        for name, quoted in _ASSIGNMENT.findall(command):
            changed = _set(profile, name, quoted.strip("\"'"))
            if changed is None:
                unknown.append(f"the setting {name}={quoted}")
            else:
                profile = changed
    return profile, tuple(unknown)


def _set(profile: Profile, name: str, value: str) -> Profile | None:
    if name in _INDIFFERENT or _SAME.get(name) == value:
        return profile
    numbers = [int(part) for part in value.split() if part.isdecimal()]
    if name in _COUNTS and len(numbers) == 1:
        return _evolved(profile, **{_COUNTS[name]: numbers[0]})
    if name == "tcp_rmem" and len(numbers) == 3:
        scale = max(numbers[2], profile.rmem_max).bit_length() - 1 - 15
        return _evolved(profile, tcp_rmem=tuple(numbers), window_scale=max(0, min(scale, 14)))
    if name == "tcp_wmem" and len(numbers) == 3:
        return _evolved(profile, tcp_wmem=tuple(numbers))
    return None


def _evolved(profile: Profile, **changes: Any) -> Profile:
    return attrs.evolve(profile, **changes)
