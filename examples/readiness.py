"""Readiness: what poll and select say about sockets in unusual states.

Not here: epoll (edges.py).
"""

from closing import pair


def fresh_socket(net):
    """A TCP socket that was never connected is writable and hung up: POLLOUT and POLLHUP."""
    s = net.socket.socket()
    bits = polled(net, s)
    s.close()
    return bits == net.select.POLLOUT | net.select.POLLHUP


def writable_after_shut_wr(net):
    """After SHUT_WR a socket counts as writable, although every send will fail."""
    near, far = pair(net)
    near.shutdown(net.socket.SHUT_WR)
    bits = polled(net, near)
    near.close()
    far.close()
    return bool(bits & net.select.POLLOUT)


def full_and_free_again(net):
    """Writable ends before the last byte is taken, and comes back not with the first byte read but only with enough."""
    near, far = pair(net, sndbuf=10_000, rcvbuf=10_000)
    sent, was_writable = [], []
    try:
        while True:
            was_writable.append(bool(polled(net, near)))
            sent.append(near.send(b"x" * 3000))
    except BlockingIOError:
        pass
    read = []
    while not polled(net, near):
        read.append(len(far.recv(3000)))
    near.close()
    far.close()
    return sent, was_writable, read


def polled(net, s):
    """The bits that poll reports for one socket, asked whether it is readable or writable."""
    poller = net.select.poll()
    poller.register(s, net.select.POLLIN | net.select.POLLOUT)
    ready = poller.poll(0)
    return ready[0][1] if ready else 0
