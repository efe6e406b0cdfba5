"""What can be seen of one open socket from outside, after every step, on either arm.

The cross-check compares these tuples for equality. A quantity that the system refuses to tell (FIONREAD of a
listening socket, say) is stored as the negative error number, so the refusal is compared as well.
"""

from __future__ import annotations

from typing import NamedTuple


class Observation(NamedTuple):
    """One socket's observable state. Sizes in bytes."""

    poll: int
    """`revents` of a zero-timeout poll asking for POLLIN | POLLPRI | POLLOUT | POLLRDHUP."""
    fionread: int
    """`ioctl(FIONREAD)`: bytes that can be read; for UDP the size of the first datagram. Or minus errno."""
    outq: int
    """`ioctl(TIOCOUTQ)`: bytes not yet acknowledged; for UDP the memory charged to unsent datagrams. Or minus errno."""
    tcp_state: int
    """`tcpi_state` of `TCP_INFO`; 0 for a socket that is not TCP."""
    drops: int
    """`SO_MEMINFO[SK_MEMINFO_DROPS]`: packets this socket refused for want of room."""
    rmem: int = 0
    """`SO_MEMINFO`, rmem_alloc: memory charged to the receive buffer."""
    rcvbuf: int = 0
    """Its size."""
    wmem: int = 0
    """`SO_MEMINFO`, wmem_queued, or wmem_alloc of a socket that is not TCP: memory charged to the send buffer."""
    sndbuf: int = 0
    """Its size."""
    reserved: int = 0
    """`SO_MEMINFO`, fwd_alloc: memory that is reserved and not charged."""
    notsent: int = 0
    """`tcpi_notsent_bytes` of `TCP_INFO`: bytes not yet sent for the first time, which is what `ioctl(SIOCOUTQNSD)`
    gives of a connection; 0 for a socket that is not TCP.
    """
