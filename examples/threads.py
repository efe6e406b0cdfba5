"""Threads that wait in calls: what wakes them, and what does not.

Each function is a fact, and runs on the model and on the kernel:

    wouldblock check examples/threads.py

On the model a thread is a guest that the scheduler lets run in virtual time. On the kernel it is a thread of the
machine that really sleeps; only one at a time runs otherwise, so that both arms see the same order of events.
"""


def _pair(net):
    server = net.socket.create_server(("127.0.0.1", 80))
    client = net.socket.create_connection(("127.0.0.1", 80))
    connection, _ = server.accept()
    server.close()
    return client, connection


def closing_does_not_wake_a_reader(net):
    """A socket is closed while another thread waits in recv on it: the thread waits on, and no FIN is sent."""
    client, server = _pair(net)
    said = []
    reader = net.threading.Thread(target=lambda: said.append(server.recv(10)), name="reader")
    reader.start()
    net.time.sleep(0.05)
    server.close()
    net.time.sleep(0.05)
    assert net.waiting() == {"reader": "recv() on s3"}, net.waiting()
    client.settimeout(0.3)
    try:
        client.recv(1)
    except TimeoutError:
        said.append("no end of file")
    client.send(b"too late")  # it is read all the same, through a socket that nobody can name any more
    reader.join()
    said.append(client.recv(1))  # and only now the connection ends
    client.close()
    return said


def shutting_does(net):
    """What wakes a thread that waits in recv, in accept or in send is shutdown, each with an answer of its own."""
    client, server = _pair(net)
    listener = net.socket.create_server(("127.0.0.1", 81))
    said = []

    def tells(call, *args):
        try:
            said.append(call(*args))
        except OSError as error:
            said.append(error.errno)

    waits = [
        (server, net.socket.SHUT_RD, lambda: tells(server.recv, 10)),
        (listener, net.socket.SHUT_RDWR, lambda: tells(listener.accept)),
        (client, net.socket.SHUT_WR, lambda: tells(client.send, bytes(20_000_000))),
    ]
    for sock, how, wait in waits:
        thread = net.threading.Thread(target=wait)
        thread.start()
        net.time.sleep(0.05)
        sock.shutdown(how)
        thread.join()
    for sock in (client, server, listener):
        sock.close()
    return said


def who_came_first_is_served_first(net):
    """Of three threads that wait in accept each connection wakes one, and always the one that has waited longest."""
    server = net.socket.create_server(("127.0.0.1", 80))
    served = []

    def serve(number):
        connection, _ = server.accept()
        served.append(number)
        connection.close()

    threads = [net.threading.Thread(target=serve, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
        net.time.sleep(0.02)
    for _ in threads:
        net.socket.create_connection(("127.0.0.1", 80)).close()
        net.time.sleep(0.02)
    for thread in threads:
        thread.join()
    server.close()
    return served


def a_lock_and_a_queue(net):
    """Locks, events and queues wait as calls do, and their time-outs pass in the net's time."""
    queue, event, said = net.queue.Queue(maxsize=1), net.threading.Event(), []

    def produce():
        for number in range(4):
            queue.put(number)
        queue.put(None)

    producer = net.threading.Thread(target=produce)
    producer.start()
    while (number := queue.get()) is not None:
        said.append(number)
    said.append(event.wait(0.05))
    net.threading.Timer(0.05, event.set).start()
    said.append(event.wait())
    return said


def a_pool_fetches_side_by_side(net):
    """Answers that take 0.3, 0.1 and 0.2 s are all there after 0.3 s, each as soon as it can be."""
    server = net.socket.create_server(("127.0.0.1", 80))

    def answer():
        connection, _ = server.accept()
        question = connection.recv(10)
        net.time.sleep(float(question))
        connection.send(question)
        connection.close()

    def fetch(question):
        with net.socket.create_connection(("127.0.0.1", 80)) as client:
            client.send(question)
            return client.recv(10)

    with net.concurrent.futures.ThreadPoolExecutor(6) as pool:
        for _ in range(3):
            pool.submit(answer)
        before = net.time.monotonic()
        asked = [pool.submit(fetch, question) for question in (b"0.3", b"0.1", b"0.2")]
        said = [future.result() for future in net.concurrent.futures.as_completed(asked)]
        said.append(round(net.time.monotonic() - before, 1))
    server.close()
    assert said == [b"0.1", b"0.2", b"0.3", 0.3], said
    return said


def a_future_cannot_be_cancelled_out_of_recv(net):
    """A thread of a pool that waits in recv is not to be had back: neither a time-out nor cancel() reaches into it."""
    client, server = _pair(net)
    pool, said = net.concurrent.futures.ThreadPoolExecutor(1), []
    first, second = pool.submit(server.recv, 10), pool.submit(server.recv, 10)
    try:
        first.result(timeout=0.05)
    except TimeoutError:
        said.append(("timed out", first.cancel(), second.cancel()))
    assert list(net.waiting().values()) == ["recv() on s3"], net.waiting()
    server.shutdown(net.socket.SHUT_RD)  # but this does
    said.append(first.result())
    pool.shutdown()
    client.close()
    server.close()
    assert said == [("timed out", False, True), b""], said
    return said
