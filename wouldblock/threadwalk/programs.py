"""Random programs of several threads: each makes calls on sockets that all of them share, and most calls wait.

What a thread does is drawn beforehand and does not depend on what it meets. Some wait for ever: so the program looks,
after a while, at who waits on what, and then shuts everything, which wakes all of them. Times to sleep are such that no
two threads ever wake at the same moment.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

LOOKS_S = 0.6
Step = tuple[Any, ...]
Plan = list[list[Step]]


def plan(seed: int) -> Plan:
    """The steps of two to four threads."""
    source = random.Random(seed)
    naps = [0.012, 0.024, 0.048, 0.096, 0.192]
    source.shuffle(naps)
    threads: Plan = []
    for _ in range(source.randrange(2, 5)):
        steps = [_step(source) for _ in range(source.randrange(1, 7))]
        threads.append([("sleep", naps.pop() if naps else 0.0) if step == ("sleep",) else step for step in steps])
    return threads


def _step(source: random.Random) -> Step:
    end = source.choice(("client", "server"))
    return source.choice(
        (
            ("send", end, source.choice((1, 100, 5000, 200_000, 3_000_000))),
            ("send", end, source.choice((1, 100, 5000))),
            ("recv", end, source.choice((1, 100, 10_000, 1_000_000))),
            ("recv", end, source.choice((1, 100, 10_000, 1_000_000))),
            ("select", end),
            ("epoll", end),
            ("accept",),
            ("connect",),
            ("datagram", source.choice((1, 500))),
            ("receive",),
            ("sleep",),
            ("sleep",),
            ("put", source.randrange(9)),
            ("get",),
        )
    )


def program(steps: Plan, before_the_end: Callable[[], None] = lambda: None) -> Callable[[Any], Any]:
    """A scenario that runs them. It returns what each thread met, and who waited on what after a while."""

    def run(net: Any) -> Any:
        seen: list[list[str]] = [[] for _ in steps]
        doing = _Doing(net)
        threads = [
            net.threading.Thread(target=_follow, args=(doing, mine, seen[number]), name=f"t{number}")
            for number, mine in enumerate(steps)
        ]
        for thread in threads:
            thread.start()
        net.time.sleep(LOOKS_S)
        waiting = net.waiting()
        met = [list(each) for each in seen]
        before_the_end()
        doing.shut_everything(6 * len(threads))
        for thread in threads:
            thread.join()
        doing.close()
        return waiting, met, seen

    return run


def _follow(doing: _Doing, steps: list[Step], seen: list[str]) -> None:
    for name, *args in steps:
        try:
            seen.append(getattr(doing, name)(*args))
        except OSError as error:
            seen.append(f"{type(error).__name__} {error.errno}")


class _Doing:
    """What a step does, on the sockets that all threads share."""

    def __init__(self, net: Any) -> None:
        self.net = net
        self.listener = net.socket.create_server(("127.0.0.1", 80), backlog=1)
        self.ends = {"client": net.socket.create_connection(("127.0.0.1", 80))}
        self.ends["server"], _ = self.listener.accept()
        self.datagrams = net.socket.socket(type=net.socket.SOCK_DGRAM)
        self.datagrams.bind(("127.0.0.1", 81))
        self.queue = net.queue.Queue()
        self.others: list[Any] = []
        net.time.sleep(0.1)  # nothing of the handshake is left to be done

    def shut_everything(self, most: int) -> None:
        for _ in range(most):
            self.queue.put(None)
        for sock in (self.datagrams, self.listener, *self.ends.values()):
            try:
                sock.shutdown(self.net.socket.SHUT_RDWR)
            except OSError:
                pass  # ENOTCONN, and everybody who waits is woken all the same
            self.net.time.sleep(0.05)

    def close(self) -> None:
        for sock in (self.listener, self.datagrams, *self.ends.values(), *self.others):
            sock.close()

    def send(self, end: str, size: int) -> str:
        return f"sent {self.ends[end].send(bytes(size))}"

    def recv(self, end: str, size: int) -> str:
        return f"received {len(self.ends[end].recv(size))}"

    def select(self, end: str) -> str:
        return f"ready {[len(found) for found in self.net.select.select([self.ends[end]], [], [])]}"

    def epoll(self, end: str) -> str:
        with self.net.select.epoll() as epoll:
            epoll.register(self.ends[end], self.net.select.EPOLLIN)
            return f"ready {[events for _, events in epoll.poll()]}"

    def accept(self) -> str:
        self.others.append(self.listener.accept()[0])
        return "accepted"

    def connect(self) -> str:
        self.others.append(self.net.socket.create_connection(("127.0.0.1", 80), 0.4))
        return "connected"

    def datagram(self, size: int) -> str:
        return f"sent {self.datagrams.sendto(bytes(size), ('127.0.0.1', 81))}"

    def receive(self) -> str:
        return f"received {len(self.datagrams.recv(1000))}"

    def sleep(self, seconds: float) -> str:
        self.net.time.sleep(seconds)
        return "slept"

    def put(self, value: int) -> str:
        self.queue.put(value)
        return "put"

    def get(self) -> str:
        return f"got {self.queue.get()}"
