"""What a script's shell commands set: settings of the kernel under ``net``, and the device's MTU.

No command is run. What a line would set is read from it, and the arm sets it: the model in its profile, the kernel's
arm in its private namespace. Lines that make no difference there are passed over; every other one is named.

Not here: options (running.py).
"""

from __future__ import annotations

import re
from typing import Any

import attrs

from model.profiles import Profile
from model.tcp.algorithms import ALGORITHMS

_DEFAULTS = (
    "net.ipv4.tcp_rmem='4096 540000 15728640' net.ipv4.tcp_wmem='4096 262144 4194304' net.ipv4.tcp_syn_retries=5 "
    "net.ipv4.tcp_slow_start_after_idle=0 net.ipv4.tcp_ecn=0"
)
"""What the kernel's self-tests set in their defaults.sh and the arms do not have anyway."""
_COUNTS = {
    "tcp_syn_retries": "syn_retries",
    "tcp_syn_linear_timeouts": "syn_linear_timeouts",
    "tcp_synack_retries": "synack_retries",
    "tcp_syncookies": "syn_cookies",
    "tcp_max_syn_backlog": "max_syn_backlog",
    "tcp_abort_on_overflow": "abort_on_overflow",
    "tcp_retries2": "data_retries",
    "tcp_keepalive_probes": "keepalive_probes",
}
_SECONDS = {
    "tcp_fin_timeout": "fin_wait_2_ns",
    "tcp_keepalive_time": "keepalive_idle_ns",
    "tcp_keepalive_intvl": "keepalive_interval_ns",
}
_SAME = {
    "tcp_sack": "1", "tcp_dsack": "1", "tcp_window_scaling": "1", "tcp_fack": "0", "tcp_reordering": "3",
    "tcp_recovery": "1",
    "tcp_mtu_probing": "0", "tcp_autocorking": "0", "tcp_moderate_rcvbuf": "0", "tcp_rfc1337": "0",
}  # fmt: skip
"""What the model does without being told."""
_INDIFFERENT = {
    "tcp_tso_win_divisor", "tcp_min_tso_segs", "tcp_no_metrics_save", "tcp_early_retrans",
    "tcp_frto", "tcp_pacing_ss_ratio", "tcp_pacing_ca_ratio", "tcp_fastopen", "tcp_invalid_ratelimit",
}  # fmt: skip
"""What makes no difference to the model."""
_NAME = re.compile(r"(?:/proc/sys/)?(net[./](?:\w+[./])+\w+)")
_ASSIGNMENT = re.compile(_NAME.pattern + r"""=("[^"]*"|'[^']*'|\S+)""")
_MTU = re.compile(r"(?:ip link set (?:dev )?tun0|ifconfig tun0) mtu (\d+)(?: up)?")
_NOTHING = re.compile(
    r"#.*|/tmp/sysctl_restore\S*|tc qdisc add dev tun0 root pfifo|ip tcp_metrics flush.*|ip link set (dev )?tun0 up"
)


@attrs.frozen
class Commands:
    """What lines of shell commands set."""

    assignments: tuple[tuple[str, str], ...] = ()
    """Names as sysctl(8) takes them, and values."""
    mtu: int | None = None
    unknown: tuple[str, ...] = ()
    """Everything else that they say."""


def read_commands(text: str) -> Commands:
    """Read the lines of a script's command."""
    found: list[tuple[str, str]] = []
    unknown: list[str] = []
    mtu: int | None = None
    for line in re.split(r"[;\n]|&&", text.replace("\\\n", " ")):
        command = re.sub(r"\s*>\s*/dev/null.*", "", " ".join(line.split()) if "'" not in line else line.strip())
        if not command or _NOTHING.fullmatch(command):
            continue
        if re.fullmatch(r"\S*defaults\.sh", command):
            command = f"sysctl {_DEFAULTS}"
        if resized := _MTU.fullmatch(command):
            mtu = int(resized[1])
        elif re.match(r"sysctl |\S*set_sysctls\.py ", command):
            assigned = _ASSIGNMENT.findall(command)
            found += [(name.replace("/", "."), value.strip("\"'")) for name, value in assigned]
            if _ASSIGNMENT.sub("", command).count("="):
                unknown.append("a setting that is not below net")
        else:
            unknown.append(f"the command {command.split()[0]}")
    return Commands(tuple(found), mtu, tuple(unknown))


def settled(profile: Profile, assignments: tuple[tuple[str, str], ...]) -> tuple[Profile, tuple[str, ...]]:
    """The model's profile after these assignments, and those that it cannot make."""
    unknown: list[str] = []
    for name, value in assignments:
        changed = _set(profile, name.removeprefix("net.ipv4."), value)
        if changed is None:
            unknown.append(f"the setting {name}={value}")
        else:
            profile = changed
    return profile, tuple(unknown)


def _set(profile: Profile, name: str, value: str) -> Profile | None:
    if name in _INDIFFERENT or value in _SAME.get(name, "").split():
        return profile
    numbers = [int(part) for part in value.split() if part.isdecimal()]
    if name in _COUNTS and len(numbers) == 1:
        return _evolved(profile, **{_COUNTS[name]: numbers[0]})
    if name in _SECONDS and len(numbers) == 1:
        return _evolved(profile, **{_SECONDS[name]: numbers[0] * 1_000_000_000})
    if name == "tcp_congestion_control" and value in ALGORITHMS:
        return _evolved(profile, congestion_control=value)
    if name == "tcp_slow_start_after_idle" and value in {"0", "1"}:
        return _evolved(profile, slow_start_after_idle=value == "1")
    if name == "tcp_ecn" and value in {"0", "1", "2"}:
        return _evolved(profile, ecn=numbers[0])
    if name == "tcp_ecn_fallback" and value in {"0", "1"}:
        return _evolved(profile, ecn_fallback=value == "1")
    if name == "tcp_timestamps" and value in {"0", "1"}:
        return _evolved(profile, timestamps=value == "1")
    if name == "tcp_rmem" and len(numbers) == 3:
        scale = max(numbers[2], profile.rmem_max).bit_length() - 1 - 15
        return _evolved(profile, tcp_rmem=tuple(numbers), window_scale=max(0, min(scale, 14)))
    if name == "tcp_wmem" and len(numbers) == 3:
        return _evolved(profile, tcp_wmem=tuple(numbers))
    return None


def _evolved(profile: Profile, **changes: Any) -> Profile:
    return attrs.evolve(profile, **changes)
