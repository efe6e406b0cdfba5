"""Ports: who holds which local address and port, who may take one, and who gets what arrives.

Two sockets may not hold the same port on overlapping addresses (the wildcard overlaps all), unless both have
SO_REUSEADDR and, for TCP, neither listens. A TCP connection holds its port until TIME-WAIT is over, and the children
of a listener hold the listener's port with it: which is why a server cannot be started again for a minute without
SO_REUSEADDR.

A port that `connect` draws is held less firmly. Connections to different places may have the same one, as long as
everybody who holds it got it by connecting: what must be unique is the pair of ends.

Not here: SO_REUSEPORT, binding to devices.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs

from ..choices import EPHEMERAL_PORT
from ..endpoint import Endpoint
from ..values.addresses import ANY, Address, is_local
from ..values.constants import TcpState

if TYPE_CHECKING:
    from ..tcp.block import Tcb
    from ..world.host import Host

_REST_NS = 1_000_000_000


@attrs.define(eq=False)
class Ports:
    """The ports of one protocol on one host: port → numbers of the endpoints that hold it, in order of taking."""

    is_draft = True
    held: dict[int, tuple[int, ...]] = attrs.Factory(dict)

    def hold(self, endpoint: Endpoint) -> None:
        port = endpoint.local[1]
        self.held[port] = (*self.held.get(port, ()), endpoint.number)
        endpoint.holds_port = True

    def release(self, endpoint: Endpoint) -> None:
        if not endpoint.holds_port:
            return
        port = endpoint.local[1]
        rest = tuple(n for n in self.held[port] if n != endpoint.number)
        if rest:
            self.held[port] = rest
        else:
            del self.held[port]
        endpoint.holds_port = endpoint.port_from_connect = False

    def conflicts(self, endpoint: Endpoint, ip: str, port: int, host: Host) -> bool:
        """Whether `endpoint` may not take `port` on `ip` (`inet_csk_bind_conflict`, `udp_lib_lport_inuse`)."""
        for number in self.held.get(port, ()):
            other = host.endpoints[number]
            if other is endpoint:
                continue
            if ip != ANY and other.local[0] != ANY and ip != other.local[0]:
                continue
            listens = getattr(other, "state", None) is TcpState.LISTEN
            if not (endpoint.reuse_address and other.reuse_address) or listens:
                return True
        return False

    def may_listen(self, endpoint: Endpoint, host: Host) -> bool:
        """Whether a bound socket may begin to listen: since it was bound, another may have begun on the same port."""
        if not endpoint.holds_port:
            return True
        return not self.conflicts(endpoint, endpoint.local[0], endpoint.local[1], host)

    def none_is_left(self, host: Host) -> bool:
        """Whether every port of the ephemeral range is held, so that port 0 stands for none."""
        low, high = host.profile.ephemeral_ports
        return len(self.held) > high - low and all(port in self.held for port in range(low, high + 1))

    def bind_ephemeral(self, endpoint: Endpoint, host: Host) -> bool:
        """Give `endpoint` a free port of the ephemeral range on its own address. False if none is free."""
        return self._draw(endpoint, host, lambda port: port not in self.held)

    def bind_to_connect(self, tcb: Tcb, host: Host) -> bool:
        """Give a connection from its own address to its remote end a port that it may have. False if there is none."""
        ip, remote = tcb.local[0], tcb.remote
        tcb.port_from_connect = self._draw(tcb, host, lambda port: self._may_connect((ip, port), remote, host))
        return tcb.port_from_connect

    def any_to_connect(self, ip: str, remote: Address, host: Host) -> bool:
        """Whether a connection from `ip` to `remote` would find a port."""
        low, high = host.profile.ephemeral_ports
        return any(self._may_connect((ip, port), remote, host) for port in range(low, high + 1))

    def _may_connect(self, local: Address, remote: Address, host: Host) -> bool:
        """Whether a connection may draw this port: nobody who holds it bound it, and no other has the same two ends.

        One that rests in TIME-WAIT makes way on loopback after a second, when timestamps tell the two apart
        (`__inet_hash_connect`, `tcp_twsk_unique` with tcp_tw_reuse = 2).
        """
        if not all(host.endpoints[number].port_from_connect for number in self.held.get(local[1], ())):
            return False
        number = host.connections.get((local, remote))
        if number is None:
            return True
        other = host.tcb(number)
        return (
            other.state is TcpState.TIME_WAIT
            and is_local(local[0])
            and other.ts_recent_ns is not None
            and host.now_ns >= other.ts_recent_ns + _REST_NS
        )

    def _draw(self, endpoint: Endpoint, host: Host, may: Callable[[int], bool]) -> bool:
        low, high = host.profile.ephemeral_ports
        first = host.choose(EPHEMERAL_PORT, low, high, None, endpoint.number)
        for offset in range(high - low + 1):
            port = low + (first - low + offset) % (high - low + 1)
            if may(port):
                endpoint.local = (endpoint.local[0], port)
                self.hold(endpoint)
                return True
        return False
