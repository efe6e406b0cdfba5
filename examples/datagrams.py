"""Datagrams: UDP has no connection, and yet connect, send and errors mean something.

Not here: multicast, broadcast.
"""

import errno

HERE = "127.0.0.1"


def send_without_destination(net):
    """Sending on an unconnected UDP socket gives EDESTADDRREQ, where books say ENOTCONN."""
    s = _udp(net)
    try:
        answer = s.send(b"to whom?")
    except OSError as error:
        answer = errno.errorcode[error.errno]
    s.close()
    return answer


def refused_later(net):
    """A datagram to a closed port is sent without complaint; the refusal waits as an error for the next call."""
    s = _udp(net)
    s.connect((HERE, 9))
    answers = [s.send(b"anybody?")]
    try:
        s.send(b"anybody?")
    except OSError as error:
        answers.append(errno.errorcode[error.errno])
    s.close()
    return answers


def cut_off(net):
    """What does not fit the buffer of recv is lost: the next recv gets the next datagram."""
    receiver, sender = _udp(net), _udp(net)
    receiver.bind((HERE, 7000))
    for text in (b"a long datagram", b"next"):
        sender.sendto(text, (HERE, 7000))
    answers = [receiver.recv(6), receiver.recv(6)]
    receiver.close()
    sender.close()
    return answers


def _udp(net):
    """A non-blocking UDP socket."""
    s = net.socket.socket(net.socket.AF_INET, net.socket.SOCK_DGRAM)
    s.setblocking(False)
    return s
