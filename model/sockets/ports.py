"""Ports: who holds which local address and port, who may take one, and who gets what arrives.

Two sockets may not hold the same port on overlapping addresses (the wildcard overlaps all), unless both have
SO_REUSEADDR and, for TCP, neither listens. A TCP connection holds its port until TIME-WAIT is over, and the children
of a listener hold the listener's port with it: which is why a server cannot be started again for a minute without
SO_REUSEADDR.

Not here: SO_REUSEPORT, binding to devices.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from ..choices import EPHEMERAL_PORT
from ..endpoint import Endpoint
from ..values.addresses import ANY
from ..values.constants import TcpState

if TYPE_CHECKING:
    from ..world.host import Host


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
        endpoint.holds_port = False

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

    def bind_ephemeral(self, endpoint: Endpoint, host: Host) -> bool:
        """Give `endpoint` a free port of the ephemeral range on its own address. False if none is free."""
        low, high = host.profile.ephemeral_ports
        first = host.choose(EPHEMERAL_PORT, low, high, None, endpoint.number)
        for offset in range(high - low + 1):
            port = low + (first - low + offset) % (high - low + 1)
            if port not in self.held:
                endpoint.local = (endpoint.local[0], port)
                self.hold(endpoint)
                return True
        return False
