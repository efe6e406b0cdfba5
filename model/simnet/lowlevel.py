"""`_socket`: the module that the standard library's `socket.py` stands on, made anew for each net.

`socket.py` exports whatever public name it finds here, so the module carries what it should and nothing else. A name
that is absent (`sendmsg_afalg`, `if_nameindex`) is absent from the simulated `socket` as well, as on a system
without it; a name that programs call and that is not modelled is there and says so.

`adopt` puts right the few methods of `socket.socket` that would go round `_socket` to the real system: descriptors of
the model are small ints, and `os` would take them for files of this very process. And it keeps `repr` out of the trace.

Not here: the class (sockets.py), names and addresses (names.py).
"""

from __future__ import annotations

from operator import index
from types import ModuleType
from typing import Any, NoReturn

from ..values.constants import F_GETFD, F_SETFD, FD_CLOEXEC
from ..values.results import Fail
from . import names
from .arguments import FOREVER, c_int, socket_timeout_ns
from .constants import SOCKET
from .errors import gaierror, herror, raised
from .kernel import Kernel
from .messages import CMSG_LEN, CMSG_SPACE
from .sockets import SimulatedSocket

_EOPNOTSUPP = 95


def htons(x: int, /) -> int:
    """A 16-bit number from host to network order."""
    return _swap16(x, "htons")


def ntohs(x: int, /) -> int:
    """A 16-bit number from network to host order."""
    return _swap16(x, "ntohs")


def htonl(x: int, /) -> int:
    """A 32-bit number from host to network order."""
    return _swap32(x)


def ntohl(x: int, /) -> int:
    """A 32-bit number from network to host order."""
    return _swap32(x)


def _swap16(x: Any, name: str) -> int:
    number = c_int(x)
    if number < 0:
        raise OverflowError(f"{name}: can't convert negative Python int to C 16-bit unsigned integer")
    if number > 0xFFFF:
        raise OverflowError(f"{name}: Python int too large to convert to C 16-bit unsigned integer")
    return int.from_bytes(number.to_bytes(2, "big"), "little")


def _swap32(x: Any) -> int:
    if not isinstance(x, int):
        raise TypeError(f"expected int, {type(x).__name__} found")
    if x < 0:
        raise OverflowError("can't convert negative value to unsigned int")
    if x >= 2**64:
        raise OverflowError("Python int too large to convert to C unsigned long")
    if x > 0xFFFFFFFF:
        raise OverflowError("int larger than 32 bits")
    return int.from_bytes(index(x).to_bytes(4, "big"), "little")


def socketpair(*family_type_proto: int) -> NoReturn:
    """Not modelled: the families that have pairs are not."""
    raise OSError(_EOPNOTSUPP, "socketpair() needs Unix sockets, which are not modelled: connect two TCP sockets")


def make_socket_module(kernel: Kernel) -> ModuleType:
    """A module object that looks like `_socket`, on one host."""

    def close(fd: int, /) -> None:
        """Close a descriptor that a socket object gave away with detach()."""
        number = c_int(fd)
        if not kernel.guests.alone:
            kernel.step()
        answer = kernel.close(number)
        if isinstance(answer, Fail):
            raise raised(answer)

    def dup(fd: int, /) -> int:
        """A further descriptor for the same socket, which is closed on exec."""
        new: int = kernel.ask("dup", c_int(fd))
        return new

    def getdefaulttimeout() -> float | None:
        """The timeout of new sockets in seconds, or None."""
        return None if kernel.default_timeout_ns < 0 else kernel.default_timeout_ns / 1e9

    def setdefaulttimeout(timeout: Any, /) -> None:
        """Set the timeout of new sockets, in seconds or None."""
        kernel.default_timeout_ns = FOREVER if timeout is None else socket_timeout_ns(timeout)

    cls = type("socket", (SimulatedSocket,), {"__slots__": (), "__module__": "_socket", "home": kernel})
    functions = (
        close, getdefaulttimeout, setdefaulttimeout, dup, socketpair, htons, htonl, ntohs, ntohl, names.getaddrinfo,
        names.gethostbyname, names.gethostbyaddr, names.gethostname, names.inet_aton, names.inet_ntoa,
        names.inet_pton, names.inet_ntop, CMSG_LEN, CMSG_SPACE,
    )  # fmt: skip
    module = ModuleType("_socket", "The simulated stand-in for the module below the standard library's socket.")
    module.__dict__.update(
        SOCKET, socket=cls, SocketType=cls, has_ipv6=False,
        error=OSError, timeout=TimeoutError, gaierror=gaierror, herror=herror,
        **{function.__name__: function for function in functions},
    )  # fmt: skip
    return module


def adopt(module: ModuleType, kernel: Kernel) -> None:
    """Take a fresh `socket` module off the real system's hands: what asks `os` about a descriptor asks the model."""

    def get_inheritable(self: Any) -> bool:
        """Whether the descriptor would survive exec()."""
        return not kernel.quietly("fcntl", self.fileno(), F_GETFD) & FD_CLOEXEC

    def set_inheritable(self: Any, inheritable: Any) -> None:
        """Whether the descriptor shall survive exec()."""
        kernel.quietly("fcntl", self.fileno(), F_SETFD, 0 if inheritable else FD_CLOEXEC)

    def _sendfile_use_sendfile(self: Any, file: Any, offset: int = 0, count: int | None = None) -> NoReturn:
        raise module._GiveupOnSendfile("the simulated host has no sendfile(2)")

    original_repr = module.socket.__repr__

    def __repr__(self: Any) -> str:  # noqa: N807
        """The original's text; looking at a socket leaves no line in the trace."""
        before = len(kernel.events)
        text: str = original_repr(self)
        del kernel.events[before:]
        return text

    for method in (get_inheritable, set_inheritable, _sendfile_use_sendfile, __repr__):
        setattr(module.socket, method.__name__, method)
