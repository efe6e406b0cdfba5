"""What a script runs on: an arm. There are two, the model (simulation.py) and the running kernel (kernel.py).

The runner knows nothing else of either: it asks an arm to make a call, to let a packet arrive, to let time pass, and
what packets have left, with their times. All times are nanoseconds since the script began. Packets are those of a wire.

A call that is begun may not be over: it *waits* until something has happened. When it is over it gives a `Reply`: what
it returned, its errno, and what it wrote to where its arguments point, as numbers, bytes, lists and dictionaries by the
names of members. What of that was expected is judged by the runner (expected.py), the same for both arms.

What an arm does not have it names by raising `Beyond`.

Not here: the two arms.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from ipaddress import IPv4Address
from typing import Protocol

import attrs

from model.profiles import LINUX, SECOND
from model.values.addresses import Address
from model.values.packets import IpPacket
from model.values.results import Block

from .lexer import ScriptError
from .syntax import Packet, Script, SystemCall

Seen = int | bytes | list["Seen"] | dict[str, "Seen"]
"""What a call wrote somewhere. Dictionaries are structures, by the names of their members."""

START_NS = 1000 * SECOND + SECOND // 1000
"""What the model's clock says when a script begins: a millisecond into a tick, so that no event that is a whole number
of ticks away is near the next one.
"""
START_COUNT = START_NS // LINUX.jiffy_ns + LINUX.first_tick
"""The count of ticks at that moment. The kernel's run begins when its own count has the same remainder, for by that
timers of a quarter of a second and more are late.
"""

LOCAL, REMOTE = "192.168.0.1", "192.0.2.1"
NETMASK = "255.255.0.0"
PORT, MTU = 8080, 1500
"""What packetdrill's options have for defaults."""


@attrs.frozen
class Reply:
    """How a call ended. `value` is -1 where `errno` is not 0."""

    value: int
    errno: int = 0
    written: Mapping[int, Seen] = attrs.Factory(dict)
    """The number of an argument → what stands now where it points to."""


class Attempt(Protocol):
    """A call that is begun."""

    def reply(self) -> Reply | Block:
        """How it ended, or what it waits for. Asked again whenever something has happened, until it has ended."""


@attrs.frozen
class Ends:
    """What ``...`` stands for where an address is due: the arm's own address and the remote side's."""

    local: Address
    remote: Address
    mtu: int = MTU
    netmask: str = NETMASK


class Arm(Protocol):
    """What a script runs on. A context manager: entered before the first command, left at the end."""

    name: str
    captured: deque[tuple[int, IpPacket]]
    """Packets that left and were not expected yet, each with its time."""
    longest_ns: int
    """How long a packet is waited for that may come at any time."""

    @property
    def now_ns(self) -> int:
        """The time since the script began."""

    def begin(self) -> None:
        """The script begins now."""

    def step(self, until_ns: int) -> bool:
        """Let time pass until something has happened, at most to `until_ns`. Whether something has."""

    def call(self, call: SystemCall) -> Attempt:
        """Begin a call."""

    def inject(self, packet: IpPacket) -> int:
        """Let a packet arrive now. When it did."""

    def command(self, text: str) -> tuple[str, ...]:
        """Set what shell commands would set. What of it cannot be set."""

    def info(self, fd: int) -> Mapping[str, int] | None:
        """`TCP_INFO` of the script's descriptor `fd` by the names of its fields; None if it is no connection."""

    def lacks(self, packet: Packet) -> tuple[str, ...]:
        """What of a packet that the script injects or expects this arm does not have."""

    def __enter__(self) -> Arm: ...

    def __exit__(self, *exception: object) -> None: ...


def ends_of(script: Script, name: str = "script") -> Ends:
    """The addresses that the options at the top of a script give. Raises `ScriptError`; `name` is the file's, for it.

    A script for IPv6 gets the addresses that it would have without options.
    """
    if script.option("ip_version") not in {None, "ipv4"}:
        return Ends((LOCAL, PORT), (REMOTE, PORT))
    local, remote, netmask = (
        _address(script, name, *each) for each in (("local_ip", LOCAL), ("remote_ip", REMOTE), ("netmask_ip", NETMASK))
    )
    ours, theirs = (_number(script, name, option, PORT, 1, 65535) for option in ("bind_port", "connect_port"))
    return Ends((local, ours), (remote, theirs), _number(script, name, "mtu", MTU, 68, 65535), netmask)


def _address(script: Script, name: str, option: str, default: str) -> str:
    value = script.option(option)
    try:
        return str(IPv4Address(value)) if value is not None else default
    except ValueError:
        raise ScriptError(name, 1, 1, f"expected an IPv4 address in --{option}, found '{value}'.") from None


def _number(script: Script, name: str, option: str, default: int, low: int, high: int) -> int:
    value = script.option(option)
    if value is None:
        return default
    if not value.isdecimal() or not low <= int(value) <= high:
        raise ScriptError(name, 1, 1, f"expected a number from {low} to {high} in --{option}, found '{value}'.")
    return int(value)
