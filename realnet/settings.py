"""The settings of a private network namespace: which are pinned, to what, and why; and the kernel's own, pinned too.

A fresh network namespace has sysctls of its own under ``/proc/sys/net``; what is written there while a thread is
inside reaches nothing outside. Most start at the kernel's built-in defaults, some are inherited from the machine, and
defaults differ between kernel releases. So everything that a program on loopback could notice is written down here,
and read back.

Four differ from Linux's defaults, because with the defaults the kernel does not agree with itself from run to run:

- ``tcp_congestion_control=reno``: bbr paces with timers; reno's window depends on what was acknowledged and on
  nothing else.
- ``tcp_autocorking=0``: whether a small segment is held back would depend on how fast the queue below drained.
- ``tcp_moderate_rcvbuf=0``: the receive buffer would grow with measured round-trip times.
- ``tcp_no_metrics_save=1``: one connection's path would inform the next one.

The rest are the defaults of Linux 6.18; ``tcp_max_syn_backlog`` and ``tcp_max_tw_buckets``, which otherwise follow the
machine's memory, are those of a machine with plenty.

`DEFAULT` takes these four back: cubic, auto-corking, receive buffers that tune themselves, and memory of earlier
connections' paths. Everything else is as above. A fresh namespace refuses cubic as a setting where the machine's own
default is another, so each TCP socket is told by an option (TCP_CONGESTION), which the connections that it accepts
inherit. bbr, which may be the machine's own default, stays out: it paces with timers.

Values are the text the kernel reads and shows, several numbers separated by one space; keys are names as sysctl(8)
takes them.

Not here: ``net.core.rmem_max`` and its like, which exist once per machine. They are not ours to change; they are read
and reported, because `SO_RCVBUF` and `SO_SNDBUF` are cut to them.
"""

from __future__ import annotations

import _socket
from collections.abc import Iterable, Mapping
from pathlib import Path

import attrs

PINNED: dict[str, str] = {
    "net.core.somaxconn": "4096",
    "net.ipv4.ip_autobind_reuse": "0",
    "net.ipv4.ip_local_port_range": "32768 60999",
    "net.ipv4.ip_local_reserved_ports": "",
    "net.ipv4.ip_nonlocal_bind": "0",
    "net.ipv4.ip_unprivileged_port_start": "1024",
    "net.ipv4.tcp_abort_on_overflow": "0",
    "net.ipv4.tcp_adv_win_scale": "1",
    "net.ipv4.tcp_app_win": "31",
    "net.ipv4.tcp_autocorking": "0",
    "net.ipv4.tcp_base_mss": "1024",
    "net.ipv4.tcp_challenge_ack_limit": "2147483647",
    "net.ipv4.tcp_congestion_control": "reno",
    "net.ipv4.tcp_dsack": "1",
    "net.ipv4.tcp_ecn": "2",
    "net.ipv4.tcp_fin_timeout": "60",
    "net.ipv4.tcp_frto": "2",
    "net.ipv4.tcp_invalid_ratelimit": "500",
    "net.ipv4.tcp_limit_output_bytes": "4194304",
    "net.ipv4.tcp_max_syn_backlog": "4096",
    "net.ipv4.tcp_max_tw_buckets": "131072",
    "net.ipv4.tcp_min_tso_segs": "2",
    "net.ipv4.tcp_moderate_rcvbuf": "0",
    "net.ipv4.tcp_mtu_probing": "0",
    "net.ipv4.tcp_no_metrics_save": "1",
    "net.ipv4.tcp_notsent_lowat": "4294967295",
    "net.ipv4.tcp_orphan_retries": "0",
    "net.ipv4.tcp_pingpong_thresh": "1",
    "net.ipv4.tcp_recovery": "1",
    "net.ipv4.tcp_reordering": "3",
    "net.ipv4.tcp_retrans_collapse": "1",
    "net.ipv4.tcp_retries1": "3",
    "net.ipv4.tcp_retries2": "15",
    "net.ipv4.tcp_rfc1337": "0",
    "net.ipv4.tcp_rmem": "4096 131072 33554432",
    "net.ipv4.tcp_rto_max_ms": "120000",
    "net.ipv4.tcp_rto_min_us": "200000",
    "net.ipv4.tcp_sack": "1",
    "net.ipv4.tcp_shrink_window": "0",
    "net.ipv4.tcp_slow_start_after_idle": "1",
    "net.ipv4.tcp_stdurg": "0",
    "net.ipv4.tcp_syn_linear_timeouts": "4",
    "net.ipv4.tcp_syn_retries": "6",
    "net.ipv4.tcp_synack_retries": "5",
    "net.ipv4.tcp_syncookies": "1",
    "net.ipv4.tcp_timestamps": "1",
    "net.ipv4.tcp_tso_rtt_log": "9",
    "net.ipv4.tcp_tso_win_divisor": "3",
    "net.ipv4.tcp_tw_reuse": "2",
    "net.ipv4.tcp_tw_reuse_delay": "1000",
    "net.ipv4.tcp_window_scaling": "1",
    "net.ipv4.tcp_wmem": "4096 16384 4194304",
    "net.ipv4.udp_rmem_min": "4096",
    "net.ipv4.udp_wmem_min": "4096",
}


@attrs.frozen
class Settings:
    """A set of settings with a name."""

    name: str
    sysctls: Mapping[str, str]
    congestion_control: str | None = None
    """What each TCP socket is told to use; None: what the namespace says."""

    def tell(self, tcp: _socket.socket) -> None:
        """Tell a TCP socket that was just made. Raises OSError (ENOENT) for an algorithm that this kernel lacks."""
        if self.congestion_control is not None:
            name = self.congestion_control.encode()
            _socket.socket.setsockopt(tcp, _socket.IPPROTO_TCP, _socket.TCP_CONGESTION, name)


PINNED_SETTINGS = Settings("pinned", PINNED)
DEFAULT = Settings(
    "default",
    {
        **PINNED,
        "net.ipv4.tcp_autocorking": "1",
        "net.ipv4.tcp_moderate_rcvbuf": "1",
        "net.ipv4.tcp_no_metrics_save": "0",
    },
    "cubic",
)
NAMED: dict[str, Settings] = {each.name: each for each in (PINNED_SETTINGS, DEFAULT)}

REPORTED: tuple[str, ...] = (
    "net.core.rmem_default",
    "net.core.rmem_max",
    "net.core.wmem_default",
    "net.core.wmem_max",
    "net.ipv4.tcp_fastopen",
)
"""Read, never written."""


def write(values: Mapping[str, str]) -> None:
    """Write settings of the calling thread's network namespace; one that this kernel does not know is passed over.

    Raises OSError (EACCES, EPERM, EROFS) where the machine forbids it, EINVAL for a value the kernel does not take.
    """
    for name, value in values.items():
        try:
            with _file(name).open("w", encoding="ascii") as file:
                file.write(value + "\n")
        except FileNotFoundError:
            continue


def read(names: Iterable[str]) -> dict[str, str]:
    """The settings of the calling thread's network namespace, sorted by name; without those that this kernel does not
    know.
    """
    found: dict[str, str] = {}
    for name in sorted(set(names)):
        try:
            found[name] = " ".join(_file(name).read_text(encoding="ascii").split())
        except FileNotFoundError:
            continue
    return found


def _file(name: str) -> Path:
    return Path("/proc/sys", *name.split("."))
