"""The state of a connection whose descriptor is gone.

After close() no descriptor shows a connection any more, but it lives on in the kernel: in FIN_WAIT_1, FIN_WAIT_2,
CLOSING or LAST_ACK as an *orphan*, then in TIME_WAIT as a much smaller thing that only remembers addresses, sequence
numbers and a time. What it does there is half of TCP's diagram, so it has to be seen. sock_diag(7) shows it: one
netlink message with the four numbers that name a connection, one message back with its state.

How the kernel looks and what it therefore answers (net/ipv4/inet_diag.c, inet_diag_find_one_icsk):

- it looks where an arriving segment would look: connections by their four numbers first, then *listeners* by local
  address and port. A listener that would get the connection's segments is not the connection, so an answer with other
  addresses counts as gone;
- of a TIME_WAIT socket it shows the *substate*: FIN_WAIT_2 while the peer's FIN is still missing (an orphan in
  FIN_WAIT_2 is soon turned into this small form, with its own timer, `tcp_fin_timeout`), TIME_WAIT afterwards;
- a handshake that only the listener knows is SYN_RECEIVED.

States are numbered as `tcpi_state` is (model.values.constants.TcpState).

Not here: IPv6, connections between hosts, listing what is there.
"""

from __future__ import annotations

import errno
import socket
import struct
from functools import lru_cache

from model.values.constants import TcpState

Address = tuple[str, int]

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY, _NLMSG_ERROR = 20, 2
_NLM_F_REQUEST = 1
_ALL_STATES = 0xFFFFFFFF

# struct nlmsghdr, then the head and the tail of struct inet_diag_req_v2; between them, and in the answer, the same 36
# bytes name the connection (struct inet_diag_sockid, include/uapi/linux/inet_diag.h): in network order
_HEADER = struct.Struct("=IHHII")
_REQUEST = struct.Struct("=IHHII BBBBI 36s I 8s")
_IDENTITY = struct.Struct("=2s2s4s12x4s12x")
_STATE_AT, _IDENTITY_AT = _HEADER.size + 1, _HEADER.size + 4
_ERROR = struct.Struct("=i")
_NO_COOKIE = b"\xff" * 8


class Diag:
    """A netlink socket that answers questions about the connections of one network namespace: the one it was made in.

    Raises OSError (EPROTONOSUPPORT) if this kernel has no inet_diag. To be closed, or used as a context manager.
    """

    __slots__ = ("_sequence", "_socket")

    def __init__(self) -> None:
        self._sequence = 0
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, _NETLINK_SOCK_DIAG)
        try:
            self._socket.bind((0, 0))
            self._socket.connect((0, 0))
            self._prove()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Diag:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def state(self, local: Address, remote: Address) -> int | None:
        """The state of the TCP connection as the end at `local` has it; None if there is none (any more).

        A listening socket is found by the remote address ("0.0.0.0", 0) and its exact local one.

        Absent or CLOSED counts only if a second look finds the same: while the kernel hands a connection over to the
        record that waits out FIN-WAIT-2 or TIME-WAIT, the one is closed already and the other not found yet, for a
        moment.
        """
        found = self._look(local, remote)
        return self._look(local, remote) if found in (None, TcpState.CLOSED) else found

    def _look(self, local: Address, remote: Address) -> int | None:
        self._sequence = sequence = (self._sequence + 1) & 0xFFFFFFFF
        identity = _identity(local, remote)
        head = (_REQUEST.size, _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, sequence, 0, socket.AF_INET, socket.IPPROTO_TCP)
        self._socket.send(_REQUEST.pack(*head, 0, 0, _ALL_STATES, identity, 0, _NO_COOKIE))
        while True:  # an answer to a question that was interrupted may still be there
            answer = self._socket.recv(4096)
            _, kind, _, of, _ = _HEADER.unpack_from(answer)
            if of == sequence:
                break
        if kind != _NLMSG_ERROR:
            return answer[_STATE_AT] if answer[_IDENTITY_AT : _IDENTITY_AT + _IDENTITY.size] == identity else None
        number = -_ERROR.unpack_from(answer, _HEADER.size)[0]
        if number == errno.ENOENT:
            return None
        raise OSError(number, f"inet_diag refused: {errno.errorcode.get(number, number)}")

    def _prove(self) -> None:
        """Ask for something that is there: a kernel without inet_diag says of everything that it is not."""
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            if self.state(listener.getsockname(), ("0.0.0.0", 0)) is None:
                raise OSError(errno.EPROTONOSUPPORT, "this kernel has no inet_diag for TCP (CONFIG_INET_TCP_DIAG)")


@lru_cache(maxsize=1024)
def _identity(local: Address, remote: Address) -> bytes:
    return _IDENTITY.pack(
        local[1].to_bytes(2, "big"),
        remote[1].to_bytes(2, "big"),
        socket.inet_aton(local[0]),
        socket.inet_aton(remote[0]),
    )
