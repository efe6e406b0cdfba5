"""The running kernel: private namespaces, real sockets with every call recorded, and a close look at what they show.

    from realnet import RealNet

    with RealNet() as net:
        server = net.socket.create_server(("127.0.0.1", 80))

Its rooms:

    namespace.py        a network of one's own for the calling thread, and the way back
    settings.py         which of its settings are pinned, to what and why
    net.py              RealNet, the net that a scenario runs on
    recorder.py         names for sockets, a line in the trace for each call
    sockets.py          `_socket`, recording
    selecting.py        `select`, recording
    controlling.py      `fcntl`, recording
    observe.py          what can be seen of open sockets, fast; TCP_INFO and SO_MEMINFO in full
    diag.py             the state of a connection whose descriptor is gone
    guest/              another kernel, as a process: user-mode-linux
    tun.py              a TUN device: the kernel's packets as bytes
    rtnetlink.py        what the kernel is told about interfaces, addresses, routes and queues
    held.py             a device that holds packets back, and a host behind it
    joined.py           two hosts with an MTU of 1500

Not here: the model. Of it only the vocabulary is used: traces, values, and the way to execute a standard module anew.
"""

from .namespace import Namespace, NamespaceRefused
from .net import RealNet

__all__ = ["Namespace", "NamespaceRefused", "RealNet"]
