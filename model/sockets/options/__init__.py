"""getsockopt and setsockopt: what can be set of a socket, what a bad value answers, and what it does.

Each option is a row (row.py): its level, its number, how it is read and set, which values and lengths it takes, and
whether it is

- *modelled*: it changes what the model does, as it changes what the kernel does; or
- *stored*: the model keeps the value, refuses what the kernel refuses, and tells it again, and that is all.

What is asked for is not what is granted: the kernel doubles SO_SNDBUF and SO_RCVBUF to pay for its own overhead and
keeps both within bounds (socket(7)). docs/options.md is made of these rows, and each of its answers is compared with
the kernel's.

    row.py        what a row holds
    table.py      all rows; which numbers the kernel knows and the model does not, and which nobody knows
    calls.py      the two calls, as rules
    sockets.py    options of every socket, but for the next two
    buffers.py    sizes and marks of buffers
    patience.py   how long calls wait
    streams.py    options of TCP
    network.py    options of IP, and of UDP
    info.py       TCP_INFO and SO_MEMINFO

An option that the kernel knows and that has no row raises `NotModelled` instead of guessing. Not here: options that
show in ancillary data only (SO_TIMESTAMP, IP_PKTINFO), filters, devices.
"""

from __future__ import annotations

from .calls import getsockopt, setsockopt
from .info import tcp_info
from .row import NotModelled, Option
from .table import OPTIONS

__all__ = ["OPTIONS", "NotModelled", "Option", "getsockopt", "setsockopt", "tcp_info"]
