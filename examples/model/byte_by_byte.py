"""Filling a send buffer of 4608 bytes byte by byte: for `wouldblock explain`, on the model.

The kernel takes as many, if the calls follow each other closely. `wouldblock check` looks at every socket after every
call: two thousand calls then take longer than the 40 ms of a delayed acknowledgement, which changes what is in flight,
and the model's time stands still meanwhile. So this is no example for both arms.

Not here: larger pieces (filling.py).
"""


def one_byte_at_a_time(net):
    """A send buffer of 4608 bytes takes 2113 bytes if they come one by one: what fills it is memory, not payload."""
    return _filled(net, 1)


def _filled(net, size):
    """How many bytes a sender with small buffers takes in pieces of this size."""
    server = net.socket.socket()
    server.setsockopt(net.socket.SOL_SOCKET, net.socket.SO_RCVBUF, 1)
    server.bind(("127.0.0.1", 7000))
    server.listen()
    near = net.socket.socket()
    near.setsockopt(net.socket.SOL_SOCKET, net.socket.SO_SNDBUF, 1)
    near.connect(server.getsockname())
    far, _ = server.accept()
    near.setblocking(False)
    total = 0
    try:
        while True:
            total += near.send(bytes(size))
    except BlockingIOError:
        pass
    for sock in (near, far, server):
        sock.close()
    return total
