"""What an ICMP error means to a program: an error number, and whether it will pass (`icmp_err_convert`).

One that lasts says that no packet will get there, now or later; one that passes may be gone with the next packet,
because a route comes back or another is found.

Not here: a packet that was too big, which means a number of bytes (TCP) or EMSGSIZE (UDP), and parts that were not made
whole, which nobody is told.
"""

from __future__ import annotations

import errno

from .packets import IcmpError

LASTING: dict[IcmpError, int] = {
    IcmpError.PROTOCOL_UNREACHABLE: errno.ENOPROTOOPT,
    IcmpError.PORT_UNREACHABLE: errno.ECONNREFUSED,
    IcmpError.NET_UNKNOWN: errno.ENETUNREACH,
    IcmpError.HOST_UNKNOWN: errno.EHOSTDOWN,
    IcmpError.SOURCE_ISOLATED: errno.ENONET,
    IcmpError.NET_PROHIBITED: errno.ENETUNREACH,
    IcmpError.HOST_PROHIBITED: errno.EHOSTUNREACH,
    IcmpError.PROHIBITED: errno.EHOSTUNREACH,
    IcmpError.PRECEDENCE_VIOLATION: errno.EHOSTUNREACH,
    IcmpError.PRECEDENCE_CUTOFF: errno.EHOSTUNREACH,
    IcmpError.PARAMETER_PROBLEM: errno.EPROTO,
}
PASSING: dict[IcmpError, int] = {
    IcmpError.NET_UNREACHABLE: errno.ENETUNREACH,
    IcmpError.HOST_UNREACHABLE: errno.EHOSTUNREACH,
    IcmpError.SOURCE_ROUTE_FAILED: errno.EOPNOTSUPP,
    IcmpError.NET_UNREACHABLE_FOR_TOS: errno.ENETUNREACH,
    IcmpError.HOST_UNREACHABLE_FOR_TOS: errno.EHOSTUNREACH,
    IcmpError.TIME_EXCEEDED: errno.EHOSTUNREACH,
}
MEANS: dict[IcmpError, int] = LASTING | PASSING
