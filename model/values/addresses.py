"""IPv4 addresses as the model handles them: ``("127.0.0.1", 80)``, dotted text and a port number.

Every address of 127.0.0.0/8 is any host's own, and a packet for one of them that leaves without a bound source address
gets 127.0.0.1 (the preferred source of the kernel's local route for 127.0.0.0/8).

Not here: names, IPv6; which addresses a host has besides (Host.addresses).
"""

from __future__ import annotations

Address = tuple[str, int]

ANY = "0.0.0.0"
LOOPBACK = "127.0.0.1"
LOOPBACK_BROADCAST, EVERYBODY = "127.255.255.255", "255.255.255.255"
UNNAMED: Address = (ANY, 0)


def is_local(ip: str) -> bool:
    """Whether every host would accept a packet for `ip` from itself."""
    return ip.startswith("127.") and ip != LOOPBACK_BROADCAST


def target(address: Address, local: Address) -> Address:
    """Where a packet for `address` really goes: the wildcard stands for the own address, or for 127.0.0.1 without
    one.
    """
    if address[0] != ANY:
        return address
    return (LOOPBACK if local[0] == ANY else local[0], address[1])


def is_one(ip: str) -> bool:
    """Whether a packet can come from `ip` over a wire: it is one host's address, not a group's or everybody's, and not
    one that never leaves a host (RFC 1122 §3.2.1.3). RFC 1112 keeps those from 240 on for later; Linux takes them.
    """
    first = int(ip.split(".", 1)[0])
    return first not in (0, 127) and not 224 <= first < 240 and ip != "255.255.255.255"
