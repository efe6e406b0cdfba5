"""Edges: what epoll reports once, and what makes it report again.

Not here: what poll and select say (readiness.py).
"""

from closing import pair

EDGE = 1 << 31


def a_part_read_is_no_edge(net):
    """After a report, bytes that are left unread are not reported again; but one more byte from the peer is an edge."""
    near, far = pair(net)
    with net.select.epoll() as epoll:
        epoll.register(far, net.select.EPOLLIN | EDGE)
        near.send(b"two")
        first = epoll.poll(0)
        far.recv(1)
        left = epoll.poll(0)
        near.send(b"!")
        again = epoll.poll(0)
    near.close()
    far.close()
    return bool(first) and not left and bool(again)


def sending_a_datagram_is_an_edge(net):
    """A UDP socket is reported as writable each time it has sent something, although it was never anything else."""
    with net.socket.socket(type=net.socket.SOCK_DGRAM) as sock, net.select.epoll() as epoll:
        epoll.register(sock, net.select.EPOLLOUT | EDGE)
        seen = [len(epoll.poll(0)), len(epoll.poll(0))]
        for _ in range(2):
            sock.sendto(b"x", ("127.0.0.1", 9))
            seen += [len(epoll.poll(0)), len(epoll.poll(0))]
    return seen == [1, 0, 1, 0, 1, 0]


def a_useless_shutdown_is_an_edge(net):
    """shutdown() wakes everybody who waits, even if it fails because there is no connection."""
    with net.socket.socket() as sock, net.select.epoll() as epoll:
        epoll.register(sock, net.select.EPOLLOUT | EDGE)
        epoll.poll(0)
        try:
            sock.shutdown(net.socket.SHUT_RD)
        except OSError:
            pass
        return len(epoll.poll(0)) == 1
