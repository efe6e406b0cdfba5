"""Closing: what the other side sees, and what is still possible on this side.

Not here: the minute of TIME-WAIT.
"""

import errno
import struct


def close_with_unread_data(net):
    """Closing a socket that holds unread bytes resets the connection: the peer gets ECONNRESET, not end-of-file."""
    near, far = pair(net)
    near.send(b"never read")
    far.close()
    try:
        answer = near.recv(100)
    except OSError as error:
        answer = errno.errorcode[error.errno]
    near.close()
    return answer


def close_with_nothing_unread(net):
    """Closing a socket whose bytes were all read sends a FIN: the peer gets end-of-file."""
    near, far = pair(net)
    near.send(b"read")
    far.recv(100)
    far.close()
    answer = near.recv(100)
    near.close()
    return answer


def send_after_the_peer_closed(net):
    """The first send after the peer's close succeeds, and the reset it provokes makes the next one EPIPE."""
    near, far = pair(net)
    far.close()
    answers = [near.recv(100), near.send(b"x")]
    try:
        near.send(b"x")
    except OSError as error:
        answers.append(errno.errorcode[error.errno])
    near.close()
    return answers


def read_after_shut_rd(net):
    """SHUT_RD gives end-of-file to the reader, but the peer is not told, and what it sends later can still be read."""
    near, far = pair(net)
    far.shutdown(net.socket.SHUT_RD)
    answers = [far.recv(100), near.send(b"late"), far.recv(100), far.recv(100)]
    near.close()
    far.close()
    return answers


def close_that_lingers_waits_for_a_delayed_acknowledgement(net):
    """With SO_LINGER close waits until all is acknowledged, non-blocking or not: if the peer delays that, 40 ms."""
    near, far = pair(net)
    near.send(b"one")
    net.time.sleep(0.1)
    near.send(b"two")
    near.setsockopt(net.socket.SOL_SOCKET, net.socket.SO_LINGER, struct.pack("ii", 1, 5))
    before = net.time.monotonic()
    near.close()
    waited = 0.03 < net.time.monotonic() - before < 1
    far.close()
    return waited


def close_that_lingers_no_time(net):
    """With SO_LINGER and no time close sends a reset: the peer reads what had come, and then ECONNRESET."""
    near, far = pair(net)
    near.send(b"sent before")
    near.setsockopt(net.socket.SOL_SOCKET, net.socket.SO_LINGER, struct.pack("ii", 1, 0))
    near.close()
    answers = [far.recv(100)]
    try:
        answers.append(far.recv(100))
    except OSError as error:
        answers.append(errno.errorcode[error.errno])
    far.close()
    return answers


def pair(net, port=7000, sndbuf=None, rcvbuf=None):
    """Two connected non-blocking TCP sockets, with buffers of these sizes in bytes from the first to the second."""
    server = net.socket.socket()
    if rcvbuf is not None:
        server.setsockopt(net.socket.SOL_SOCKET, net.socket.SO_RCVBUF, rcvbuf)  # an accepted socket inherits it
    server.bind(("127.0.0.1", port))
    server.listen(1)
    near = net.socket.socket()
    if sndbuf is not None:
        near.setsockopt(net.socket.SOL_SOCKET, net.socket.SO_SNDBUF, sndbuf)
    near.setblocking(False)
    near.connect_ex(("127.0.0.1", port))
    far, _ = server.accept()
    far.setblocking(False)
    server.close()
    return near, far
