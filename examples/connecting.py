"""Connecting: what `connect` says when it is asked more than once, or at the wrong moment.

Not here: connecting to another host; everything is on the loopback of a private network.
"""

import errno

HERE = "127.0.0.1"
NOBODY = (HERE, 9)  # nothing listens there


def refused_then_asked_again(net):
    """After a refused connect whose error was read, the next one gives ECONNABORTED; only the one after that tries."""
    s = net.socket.socket()
    s.setblocking(False)
    answers = [s.connect_ex(NOBODY)]
    answers.append(s.getsockopt(net.socket.SOL_SOCKET, net.socket.SO_ERROR))
    answers.append(s.connect_ex(NOBODY))
    answers.append(s.connect_ex(NOBODY))
    s.close()
    return [errno.errorcode.get(number, number) for number in answers]


def connected_and_asked_again(net):
    """A connect that succeeded says so once more (0), and from then on EISCONN."""
    server = _listening(net)
    s = net.socket.socket()
    s.setblocking(False)
    answers = [s.connect_ex(server.getsockname()) for _ in range(3)]
    s.close()
    server.close()
    return [errno.errorcode.get(number, number) for number in answers]


def connect_on_a_listening_socket(net):
    """Connecting a socket that listens gives EISCONN, where books say EINVAL."""
    server = _listening(net)
    answer = server.connect_ex(NOBODY)
    server.close()
    return errno.errorcode[answer]


def shutdown_before_connect(net):
    """SHUT_WR before connect says ENOTCONN and still sticks: a later connect succeeds, and then send gives EPIPE."""
    server = _listening(net)
    s = net.socket.socket()
    s.setblocking(False)
    answers = []
    for call in (
        lambda: s.shutdown(net.socket.SHUT_WR),
        lambda: s.connect(server.getsockname()),
        lambda: s.connect(server.getsockname()),
        lambda: s.send(b"x"),
    ):
        try:
            call()
            answers.append("ok")
        except OSError as error:
            answers.append(errno.errorcode[error.errno])
    s.close()
    server.close()
    return answers


def shutdown_is_inherited(net):
    """Shut a socket for writing, then let it listen: every connection it accepts has hung up before anyone spoke."""
    server = net.socket.socket()
    try:
        server.shutdown(net.socket.SHUT_WR)
    except OSError:
        pass  # ENOTCONN, they say; and yet the direction stays shut
    server.bind((HERE, 0))
    server.listen(1)
    client = net.socket.create_connection(server.getsockname())
    net.time.sleep(0.01)  # the client's acknowledgement of that waits for the kernel's next tick
    greeting = client.recv(100)
    accepted, _ = server.accept()
    try:
        accepted.send(b"welcome")
        answer = "sent"
    except BrokenPipeError:
        answer = "EPIPE"
    for s in (accepted, client, server):
        s.close()
    return greeting, answer


def _listening(net, backlog=1):
    """A non-blocking socket that listens on a port of the system's choice."""
    server = net.socket.socket()
    server.setblocking(False)
    server.bind((HERE, 0))
    server.listen(backlog)
    return server
