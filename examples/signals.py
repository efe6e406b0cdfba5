"""Signals that come while a call waits: what becomes of the call, and when the handler runs.

Each function is a fact, and runs on the model and on the kernel:

    wouldblock check examples/signals.py

A handler that returns lets Python make the call again (PEP 475); one that raises ends it.
"""

import struct


def _pair(net):
    server = net.socket.create_server(("127.0.0.1", 80))
    client = net.socket.create_connection(("127.0.0.1", 80))
    connection, _ = server.accept()
    server.close()
    return client, connection


def _later(net, seconds, function, *args):
    def run():
        net.time.sleep(seconds)
        function(*args)

    net.threading.Thread(target=run).start()


def _counting(net):
    """A handler for SIGUSR1 that only counts; the list grows by one each time, and `kick` sends the signal."""
    hits, main = [], net.threading.get_ident()
    net.signal.signal(net.signal.SIGUSR1, lambda number, frame: hits.append(number))
    return hits, lambda: net.signal.pthread_kill(main, net.signal.SIGUSR1)


def a_kernel_timeout_begins_anew(net):
    """A signal half-way through SO_RCVTIMEO makes recv wait all of it once more; settimeout() keeps its end."""
    hits, kick = _counting(net)
    client, server = _pair(net)
    said = []

    def waits():
        before = net.time.monotonic()
        try:
            server.recv(1)
        except OSError as error:
            said.append((type(error).__name__, round(net.time.monotonic() - before, 1)))

    server.setsockopt(net.socket.SOL_SOCKET, net.socket.SO_RCVTIMEO, struct.pack("ll", 0, 400_000))
    _later(net, 0.2, kick)
    waits()
    server.settimeout(0.4)
    _later(net, 0.2, kick)
    waits()
    client.close()
    server.close()
    assert said == [("BlockingIOError", 0.6), ("TimeoutError", 0.4)], said
    return said, hits


def a_blocking_send_comes_back_short(net):
    """A send that has taken a part answers with it when a signal comes: blocking sockets have short counts as well."""
    hits, kick = _counting(net)
    client, server = _pair(net)
    _later(net, 0.1, kick)
    taken = client.send(bytes(20_000_000))
    client.close()
    server.close()
    assert 0 < taken < 20_000_000
    return taken, hits


def an_interrupted_connect_goes_on(net):
    """A handler that raises ends the call, not the attempt: a second connect waits for the outcome of the first."""
    listener = net.socket.create_server(("127.0.0.1", 80), backlog=0)
    first = net.socket.create_connection(("127.0.0.1", 80))
    sock, main, said = net.socket.socket(), net.threading.get_ident(), []

    def enough(number, frame):
        raise InterruptedError("enough")

    net.signal.signal(net.signal.SIGUSR1, enough)
    _later(net, 0.2, net.signal.pthread_kill, main, net.signal.SIGUSR1)
    try:
        sock.connect(("127.0.0.1", 80))
    except InterruptedError as error:
        said.append(str(error))
    sock.setblocking(False)
    said.append(sock.connect_ex(("127.0.0.1", 80)))
    sock.setblocking(True)
    connection, _ = listener.accept()
    said.append(sock.connect_ex(("127.0.0.1", 80)))
    for each in (sock, first, connection, listener):
        each.close()
    return said


def a_restarted_call_keeps_the_handler_waiting(net):
    """With SA_RESTART the kernel makes the call again by itself, and Python's handler runs only when it is over."""
    _, kick = _counting(net)
    client, server = _pair(net)
    when = []
    net.signal.signal(net.signal.SIGUSR1, lambda number, frame: when.append(round(net.time.monotonic() - before, 1)))
    net.signal.siginterrupt(net.signal.SIGUSR1, False)
    before = net.time.monotonic()
    _later(net, 0.2, kick)
    _later(net, 0.6, client.send, b"x")
    server.recv(1)
    client.close()
    server.close()
    assert when == [0.6], when
    return when


def a_signal_to_another_thread_does_not_wake_the_first(net):
    """Only the first thread runs handlers: while it waits in recv, a signal to another thread has to wait as well."""
    hits, _ = _counting(net)
    client, server = _pair(net)
    seen = []
    other = net.threading.Thread(target=net.time.sleep, args=(0.5,))
    other.start()
    _later(net, 0.1, net.signal.pthread_kill, other.ident, net.signal.SIGUSR1)
    _later(net, 0.3, lambda: (seen.append(len(hits)), client.send(b"x")))
    server.recv(1)
    seen.append(len(hits))
    other.join()
    client.close()
    server.close()
    assert seen == [0, 1], seen
    return seen


def an_alarm_breaks_a_wait_off(net):
    """setitimer() and a handler that raises are a time-out for whatever the first thread waits in."""
    client, server = _pair(net)
    said = []

    def enough(number, frame):
        raise TimeoutError("enough")

    net.signal.signal(net.signal.SIGALRM, enough)
    lock = net.threading.Lock()
    lock.acquire()
    waits = [lambda: server.recv(1), lambda: net.select.select([server], [], []), lock.acquire]
    for wait in [*waits, lambda: net.time.sleep(60)]:
        net.signal.setitimer(net.signal.ITIMER_REAL, 0.1)
        before = net.time.monotonic()
        try:
            wait()
        except TimeoutError as error:
            said.append((str(error), round(net.time.monotonic() - before, 1)))
    client.close()
    server.close()
    assert said == [("enough", 0.1)] * 4, said
    return said


def a_broken_pipe_is_a_signal_too(net):
    """To send where nobody will ever read is EPIPE and, unless told otherwise, SIGPIPE for the thread that sends."""
    hits = []
    net.signal.signal(net.signal.SIGPIPE, lambda number, frame: hits.append(number))
    client, server = _pair(net)
    client.shutdown(net.socket.SHUT_WR)
    said = []
    for flags in (0, net.socket.MSG_NOSIGNAL):
        try:
            client.send(b"x", flags)
        except BrokenPipeError:
            said.append(len(hits))
    client.close()
    server.close()
    assert said == [1, 1], said
    return said
