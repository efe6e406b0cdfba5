"""A fresh page for what is sent next.

Bytes that a program sends are copied to a page of 32 KiB that belongs to its thread, one sender's bytes behind the
other's, until the page is full; it is begun anew as soon as nobody holds any of them (`skb_page_frag_refill`). Where
in a page some bytes lie decides whether they stay one piece, so it shows in the memory accounts. And connections that
were closed may hold on to their bytes for a while: then what one program sends later depends on what another left
behind.

`FreshPage.turn` sends one page more than full over a connection of its own and takes it out again at once: so the
page begun last is held by nobody.

Not here: the model's page (model/pages.py).
"""

from __future__ import annotations

import fcntl
import socket
from array import array
from types import TracebackType

from model.values.constants import TIOCOUTQ

_PAGE = 32_768
_MOST_LOOKS = 100


class FreshPage:
    """A connection over loopback in the namespace that the caller has entered. A context manager."""

    def __enter__(self) -> FreshPage:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self._sender = socket.create_connection(listener.getsockname())
            self._receiver, _ = listener.accept()
        self._unsent = array("i", [0])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._sender.close()
        self._receiver.close()

    def turn(self) -> None:
        """Begin a page that nobody holds. OSError if the kernel does not let go of what was sent."""
        self._sender.sendall(bytes(_PAGE + 1))
        left = _PAGE + 1
        for _ in range(_MOST_LOOKS):
            self._receiver.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            if left:
                left -= len(self._receiver.recv(left))
            fcntl.ioctl(self._sender, TIOCOUTQ, self._unsent)
            if not left and not self._unsent[0]:
                return
        raise OSError("a connection over loopback is not acknowledged")
