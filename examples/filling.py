"""Filling: how many bytes go in before a send would block. It is not SO_SNDBUF, and it depends on how they are sent.

Both buffers are as small as they get: the sender is granted 4,608 bytes, the receiver 2,304. `wouldblock explain` says
of each where every byte is charged.

Not here: a reader, who would make room; byte by byte (model/byte_by_byte.py).
"""


def a_hundred_at_a_time(net):
    """In pieces of 100 bytes 2300 go in."""
    return _filled(net, 100)


def a_thousand_at_a_time(net):
    """In pieces of 1000 bytes 3728 go in, and the last piece is taken in part."""
    return _filled(net, 1000)


def all_at_once(net):
    """Of 10,000 bytes one send takes 2304 and further ones 1728: 4032 in all, and the next would block."""
    return _filled(net, 10_000)


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
