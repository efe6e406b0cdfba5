"""`_socket.socket`: the class under the standard library's `socket.socket`, answering from a host of the model.

A socket object is a descriptor and a timeout. The timeout is Python's, not the kernel's, and it decides three ways to
make a call (Modules/socketmodule.c, sock_call_impl):

- *timeout 0* (non-blocking): the call goes down once, and EAGAIN is the program's to handle;
- *a positive timeout*: the kernel's side is non-blocking too; poll until ready or until the time is over
  (`TimeoutError`), then call;
- *no timeout* (blocking): the kernel waits. On the model the call answers `Block`; the thread then waits until the
  socket wakes it and makes the call again, and if nothing can ever do that `Deadlock` says so.

`send` and `recv` are what programs spend their time in, so the common path through them is short: check the
arguments, one call on the host, hand out the value. Everything else is behind `_otherwise`.

A socket that is dropped without close() is closed, with a ResourceWarning, as the original is. `home` is the kernel
of the net that the class belongs to: each net makes a class of its own (lowlevel.py).

With MSG_TRUNC more bytes may be counted than are given. What the original then has in their place is whatever was
there; here it is zeros.

Not here: sendmsg_afalg, share, ioctl (absent, as on systems that lack them), Unix and IPv6 addresses.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Self
from warnings import warn

from ..values.addresses import Address
from ..values.constants import (
    AF_INET,
    IPPROTO_IP,
    MSG_DONTWAIT,
    MSG_ERRQUEUE,
    MSG_NOSIGNAL,
    MSG_TRUNC,
    POLLERR,
    POLLIN,
    POLLOUT,
    SO_ERROR,
    SO_PROTOCOL,
    SO_TYPE,
    SOCK_CLOEXEC,
    SOCK_NONBLOCK,
    SOCK_STREAM,
    SOL_SOCKET,
)
from ..values.results import Answer, Block, Done, Fail
from ..waiting.signals import SIGPIPE
from .arguments import (
    FOREVER,
    SSIZE_MAX,
    as_bytes,
    c_int,
    c_ssize_t,
    exact_c_int,
    size_and_flags,
    socket_timeout_ns,
    whole_ms,
    writable_view,
)
from .errors import STRERROR, os_error, raised
from .kernel import Kernel
from .messages import items, joined, room, scatter, writable
from .names import socket_address

_EINTR, _EAGAIN, _EFAULT, _EINVAL, _EPIPE, _ECONNRESET, _EISCONN, _EINPROGRESS = 4, 11, 14, 22, 32, 104, 106, 115
_BACKLOG = 128
_OPTION_MAX = 1024
_FLAGS = SOCK_NONBLOCK | SOCK_CLOEXEC
Message = tuple[bytes, list[Any], int, Any]
"""What recvmsg gives: bytes, ancillary data, flags, address."""


class SimulatedSocket:
    """A socket of the simulated host. `family`, `type`, `proto` are ints; the standard library makes enums of them."""

    __slots__ = ("_call", "_family", "_fd", "_kernel", "_proto", "_timeout_ns", "_type")
    home: ClassVar[Kernel]

    _call: Callable[..., Any]
    _fd: int
    _kernel: Kernel
    _timeout_ns: int

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        self = object.__new__(cls)
        self._kernel = cls.home
        self._call = cls.home.call
        self._fd, self._timeout_ns = -1, FOREVER
        self._family = self._type = self._proto = 0
        return self

    def __init__(self, family: int = -1, type: int = -1, proto: int = -1, fileno: Any = None) -> None:
        kernel = self._kernel
        kernel.sweep()
        domain, kind, protocol = exact_c_int(family), exact_c_int(type), exact_c_int(proto)
        if fileno is None:
            domain = AF_INET if domain == -1 else domain
            kind = SOCK_STREAM if kind == -1 else kind
            protocol = IPPROTO_IP if protocol == -1 else protocol
            fd = kernel.ask("socket", domain, kind & ~_FLAGS, protocol)
        else:
            fd = c_int(fileno)
            if fd < 0:
                raise ValueError("negative file descriptor")
            kernel.quietly("getsockname", fd)
            domain = AF_INET if domain == -1 else domain
            kind = kernel.quietly("getsockopt", fd, SOL_SOCKET, SO_TYPE) if kind == -1 else kind
            protocol = kernel.quietly("getsockopt", fd, SOL_SOCKET, SO_PROTOCOL) if protocol == -1 else protocol
        self._fd, self._family, self._type, self._proto = fd, domain, kind & ~_FLAGS, protocol
        self._timeout_ns = 0 if kind & SOCK_NONBLOCK else kernel.default_timeout_ns
        if self._timeout_ns >= 0:
            kernel.set_blocking(fd, False)
            kernel.forget()

    def __del__(self) -> None:
        if self._fd >= 0 and self._kernel.running:
            text = f"unclosed {SimulatedSocket.__repr__(self)}"
            fd, self._fd = self._fd, -1
            self._kernel.drop(fd)
            warn(text, ResourceWarning, source=self, stacklevel=2)

    def __repr__(self) -> str:
        return f"<socket object, fd={self._fd}, family={self._family}, type={self._type}, proto={self._proto}>"

    family = property(lambda self: self._family, doc="The address family, as an int.")
    type = property(lambda self: self._type, doc="The socket type, as an int.")
    proto = property(lambda self: self._proto, doc="The protocol, as an int.")
    timeout = property(lambda self: self.gettimeout(), doc="The timeout in seconds, or None.")

    # Sending and receiving --------------------------------------------------------------------------------------------

    def send(self, data: Any, flags: int = 0, /) -> int:
        """Send bytes; how many were taken comes back, which may be fewer."""
        if data.__class__ is not bytes:
            data = as_bytes(data)
        if flags.__class__ is not int or flags:
            flags = c_int(flags)
        if not self._kernel.guests.alone:
            self._kernel.step()
        sent: int
        if self._timeout_ns:
            sent = self._send_waiting("send", data, flags)
            return sent
        answer = self._call("send", self._fd, data, flags)
        if answer.__class__ is Done:
            sent = answer.value
            return sent
        if answer.__class__ is Fail:
            raise self._refused("send", answer.errno, flags)
        sent = self._otherwise(answer, "send", data, flags)
        return sent

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """Receive at most `bufsize` bytes; none means end-of-file (TCP) or an empty datagram (UDP)."""
        if bufsize.__class__ is not int or not 0 < bufsize <= SSIZE_MAX or flags.__class__ is not int or flags:
            bufsize, flags = size_and_flags(bufsize, flags, "recv")
        if not bufsize:
            return b""
        if not self._kernel.guests.alone:
            self._kernel.step()
        data: bytes
        if self._timeout_ns > 0:
            data = self._when(POLLIN, "recv", bufsize, flags)
            return data
        answer = self._call("recv", self._fd, bufsize, flags)
        if answer.__class__ is Done:
            data = answer.value
            return data
        if answer.__class__ is Fail:
            raise self._refused("recv", answer.errno)
        data = self._otherwise(answer, "recv", bufsize, flags)
        return data

    def sendto(self, data: Any, *flags_and_address: Any) -> int:
        """sendto(data[, flags], address): send a datagram."""
        if not 1 <= len(flags_and_address) <= 2:
            raise TypeError(f"sendto() takes 2 or 3 arguments ({1 + len(flags_and_address)} given)")
        if data.__class__ is not bytes:
            data = as_bytes(data)
        flags = c_int(flags_and_address[0]) if len(flags_and_address) == 2 else 0
        address = socket_address(flags_and_address[-1], "sendto")
        if not self._kernel.guests.alone:
            self._kernel.step()
        sent: int
        if self._timeout_ns:
            sent = self._send_waiting("sendto", data, flags, address)
            return sent
        answer = self._call("sendto", self._fd, data, flags, address)
        if answer.__class__ is Done:
            sent = answer.value
            return sent
        if answer.__class__ is Fail:
            raise self._refused("sendto", answer.errno, flags)
        sent = self._otherwise(answer, "sendto", data, flags, address)
        return sent

    def recvfrom(self, bufsize: int, flags: int = 0, /) -> tuple[bytes, Address | None]:
        """Receive like recv(), with the sender's address; None from a connected stream."""
        if bufsize.__class__ is not int or not 0 < bufsize <= SSIZE_MAX or flags.__class__ is not int or flags:
            bufsize, flags = size_and_flags(bufsize, flags, "recvfrom")
        if not self._kernel.guests.alone:
            self._kernel.step()
        received: tuple[bytes, Address | None]
        if self._timeout_ns > 0:
            received = self._when(POLLIN, "recvfrom", bufsize, flags)
            return received
        answer = self._call("recvfrom", self._fd, bufsize, flags)
        if answer.__class__ is Done:
            received = answer.value
            return received
        if answer.__class__ is Fail:
            raise self._refused("recvfrom", answer.errno)
        received = self._otherwise(answer, "recvfrom", bufsize, flags)
        return received

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """Receive into a writable buffer, `nbytes` at most or as many as fit; how many came comes back."""
        view = writable_view(buffer, "recv_into")
        size, flags = size_and_flags(nbytes, flags, "recv_into")
        size = size or view.nbytes
        if size > view.nbytes:
            raise ValueError("buffer too small for requested bytes")
        data = self.recv(size, flags)
        scatter(self._written(data, size, flags), [view])
        return len(data)

    def recvfrom_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> tuple[int, Address | None]:
        """Receive into a writable buffer, with the sender's address."""
        view = writable_view(buffer, "recvfrom_into")
        size, flags = size_and_flags(nbytes, flags, "recvfrom_into")
        size = size or view.nbytes
        if size > view.nbytes:
            raise ValueError("nbytes is greater than the length of the buffer")
        data, address = self.recvfrom(size, flags)
        scatter(self._written(data, size, flags), [view])
        return len(data), address

    def _written(self, data: bytes, size: int, flags: int) -> bytes:
        """Of what was received the bytes that are given: with MSG_TRUNC a stream gives none of them."""
        none = flags & MSG_TRUNC and self._type == SOCK_STREAM and not flags & MSG_ERRQUEUE
        return b"" if none else data[:size]

    def sendmsg(self, buffers: Any, ancdata: Any = (), flags: int = 0, address: Any = None, /) -> int:
        """Send the bytes of several buffers as one message; how many were taken comes back."""
        flags = c_int(flags)
        to = None if address is None else socket_address(address, "sendmsg")
        return int(self._send_message(joined(buffers), flags, to, items(ancdata)))

    def _send_message(self, *args: Any) -> Any:
        if not self._kernel.guests.alone:
            self._kernel.step()
        if self._timeout_ns:
            return self._send_waiting("sendmsg", *args)
        return self._otherwise(self._call("sendmsg", self._fd, *args), "sendmsg", *args)

    def recvmsg(self, bufsize: int, ancbufsize: int = 0, flags: int = 0, /) -> Message:
        """Receive a message of at most `bufsize` bytes: its bytes, ancillary data of at most `ancbufsize` bytes, flags,
        and the sender's address.
        """
        bufsize, ancbufsize, flags = c_ssize_t(bufsize), c_ssize_t(ancbufsize), c_int(flags)
        if bufsize < 0:
            raise ValueError("negative buffer size in recvmsg()")
        data, *rest = self._receive_message(bufsize, flags, room(ancbufsize))
        return data[:bufsize], *rest

    def recvmsg_into(self, buffers: Any, ancbufsize: int = 0, flags: int = 0, /) -> tuple[int, list[Any], int, Any]:
        """Receive a message into several writable buffers; how many bytes came stands in place of them."""
        ancbufsize, flags = c_ssize_t(ancbufsize), c_int(flags)
        views = writable(buffers)
        size = sum(view.nbytes for view in views)
        data, *rest = self._receive_message(size, flags, room(ancbufsize))
        scatter(self._written(data, size, flags), views)
        return len(data), *rest

    def _receive_message(self, *args: Any) -> Any:
        if not self._kernel.guests.alone:
            self._kernel.step()
        if self._timeout_ns > 0:
            return self._when(POLLIN, "recvmsg", *args)
        return self._otherwise(self._call("recvmsg", self._fd, *args), "recvmsg", *args)

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        """Send all bytes, waiting where the socket may; the timeout is for the whole."""
        left, flags = as_bytes(data), c_int(flags)
        timed = self._timeout_ns > 0
        deadline_ns = self._kernel.clock.now_ns + whole_ms(self._timeout_ns)
        while True:
            sent = self._when_until(deadline_ns, POLLOUT, "send", left, flags) if timed else self.send(left, flags)
            left = left[sent:]
            if not left:
                return

    # Waiting ----------------------------------------------------------------------------------------------------------

    def _when(self, events: int, call: str, *args: Any) -> Any:
        """With a positive timeout: wait until the socket shows one of `events`, then make the call."""
        return self._when_until(self._kernel.clock.now_ns + whole_ms(self._timeout_ns), events, call, *args)

    def _when_until(self, deadline_ns: int, events: int, call: str, *args: Any) -> Any:
        kernel = self._kernel
        answer: Answer = Fail(_EAGAIN)

        def then() -> bool:
            nonlocal answer
            answer = self._call(call, self._fd, *args)
            if isinstance(answer, Fail) and answer.errno == _EAGAIN:
                kernel.forget()
                return False
            return True

        if then() if self._fd < 0 else kernel.when_ready(call, self._fd, events, deadline_ns, then):
            return self._otherwise(answer, call, *args)
        raise kernel.timed_out(call, self._fd, args)

    def _send_waiting(self, call: str, data: bytes, flags: int, *address: Any) -> Any:
        """Send through a socket that may wait, for a time or for ever."""
        if self._timeout_ns > 0:
            return self._when(POLLOUT, call, data, flags, *address)
        if self._type != SOCK_STREAM or flags & MSG_DONTWAIT or self._kernel.host.is_nonblocking(self._fd):
            answer = self._call(call, self._fd, data, flags, *address)
        else:
            answer = self._kernel.until_sent(call, self._fd, data, flags, *address)
        return self._otherwise(answer, call, data, flags, *address)

    def _otherwise(self, answer: Answer, call: str, *args: Any) -> Any:
        """What becomes of a call that may not have succeeded at once: its value in the end, or its exception."""
        if isinstance(answer, Block):
            answer = self._kernel.until_unblocked(answer, call, self._fd, *args)
        if isinstance(answer, Done):
            return answer.value
        raise self._refused(call, answer.errno, *args[1:])

    def _refused(self, call: str, errno: int, flags: int = 0, *_address: Any) -> OSError:
        """The exception of a call that failed. One that would have to wait is counted: it may be asked for ever; one
        that cannot be any more sends its own thread SIGPIPE.
        """
        if errno == _EPIPE and self._type == SOCK_STREAM and not flags & MSG_NOSIGNAL:
            self._kernel.guests.signal_itself(SIGPIPE)
        if errno == _EAGAIN:
            self._kernel.note_idle(call, self._fd)
        return OSError(errno, STRERROR[errno])

    # Connecting -------------------------------------------------------------------------------------------------------

    def connect(self, address: Any, /) -> None:
        """Connect; with a positive timeout wait for the outcome."""
        errno = self._connect(socket_address(address, "connect"))
        if errno < 0:
            raise TimeoutError("timed out")
        if errno:
            raise os_error(errno)

    def connect_ex(self, address: Any, /) -> int:
        """Like connect(), but an error number comes back in place of an exception; EAGAIN if time ran out."""
        errno = self._connect(socket_address(address, "connect_ex"))
        return _EAGAIN if errno < 0 else errno

    def _connect(self, address: Address) -> int:
        """The error number of an attempt, 0 for success, -1 if the timeout came first."""
        kernel = self._kernel
        if not kernel.guests.alone:
            kernel.step()
        answer = self._call("connect", self._fd, address)
        if isinstance(answer, Block):
            answer = kernel.until_unblocked(answer, "connect", self._fd, address)
        if isinstance(answer, Done):
            return 0
        assert isinstance(answer, Fail)
        if answer.errno != _EINTR and (self._timeout_ns <= 0 or answer.errno != _EINPROGRESS):
            return answer.errno
        until_ns = kernel.deadline(whole_ms(self._timeout_ns) if self._timeout_ns > 0 else FOREVER)
        line = kernel.take_out()
        errno = -1

        def then() -> bool:
            nonlocal errno
            errno = kernel.quietly("getsockopt", self._fd, SOL_SOCKET, SO_ERROR)
            if errno == _EISCONN:
                errno = 0
            kernel.put(line, Fail(errno) if errno else Done(None))
            return True

        if not kernel.when_ready("connect", self._fd, POLLOUT | POLLERR, until_ns, then):
            kernel.put(line, answer)
        return errno

    def listen(self, backlog: int = _BACKLOG, /) -> None:
        """Accept connections from now on; `backlog` of them may wait."""
        self._kernel.ask("listen", self._fd, max(c_int(backlog), 0))

    def _accept(self) -> tuple[int, Address]:
        """The descriptor of the next connection and the peer's address."""
        if not self._kernel.guests.alone:
            self._kernel.step()
        if self._timeout_ns > 0:
            fd, address = self._when(POLLIN, "accept")
        else:
            fd, address = self._otherwise(self._call("accept", self._fd), "accept")
        return fd, address

    def bind(self, address: Any, /) -> None:
        """Give the socket a local address; port 0 asks for any."""
        self._kernel.ask("bind", self._fd, socket_address(address, "bind"))

    def shutdown(self, how: int, /) -> None:
        """Shut one or both directions."""
        self._kernel.ask("shutdown", self._fd, exact_c_int(how))

    def getsockname(self) -> Address:
        """The local address."""
        name: Address = self._kernel.ask("getsockname", self._fd)
        return name

    def getpeername(self) -> Address:
        """The peer's address."""
        name: Address = self._kernel.ask("getpeername", self._fd)
        return name

    # Options and modes ------------------------------------------------------------------------------------------------

    def getsockopt(self, level: int, option: int, buflen: int = 0, /) -> int | bytes:
        """An option as an int, or as bytes if `buflen` (at most 1024) is given."""
        level, option, buflen = c_int(level), c_int(option), c_int(buflen)
        if not 0 <= buflen <= _OPTION_MAX:
            raise OSError("getsockopt buflen out of range")
        value: int | bytes = self._kernel.ask("getsockopt", self._fd, level, option, buflen)
        return value

    def setsockopt(self, level: int, option: int, value: Any = None, *optlen: int) -> None:
        """Set an option to an int or to the bytes of a C structure."""
        level, option = c_int(level), c_int(option)
        if value is None and optlen:
            self._kernel.check_open(self._fd)
            raise os_error(_EFAULT if c_int(optlen[0]) >= 4 else _EINVAL)
        if optlen:
            raise TypeError(f"setsockopt() takes exactly 3 arguments ({3 + len(optlen)} given)")
        try:
            value = c_int(value)
        except Exception:  # whatever it was: CPython tries again, with a buffer
            value = as_bytes(value)
        self._kernel.ask("setsockopt", self._fd, level, option, value)

    def setblocking(self, flag: Any, /) -> None:
        """Blocking (no timeout) or not (timeout 0)."""
        self._timeout_ns = FOREVER if flag else 0
        self._kernel.set_blocking(self._fd, bool(flag))

    def getblocking(self) -> bool:
        """False if the timeout is 0."""
        return self._timeout_ns != 0

    def settimeout(self, timeout: Any, /) -> None:
        """Seconds of virtual time that a call may wait; None waits for ever, 0 not at all."""
        self._timeout_ns = socket_timeout_ns(timeout)
        self._kernel.set_blocking(self._fd, timeout is None)

    def gettimeout(self) -> float | None:
        """The timeout in seconds, or None."""
        return None if self._timeout_ns < 0 else self._timeout_ns / 1e9

    # The descriptor ---------------------------------------------------------------------------------------------------

    def fileno(self) -> int:
        """The descriptor; -1 when closed."""
        return self._fd

    def detach(self) -> int:
        """Give the descriptor away: the object is closed, the socket is not."""
        fd, self._fd = self._fd, -1
        return fd

    def close(self) -> None:
        """Close the socket; a second time does nothing."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            if not self._kernel.guests.alone:
                self._kernel.step()
            answer = self._kernel.close(fd)
            if isinstance(answer, Fail) and answer.errno != _ECONNRESET:
                raise raised(answer)
