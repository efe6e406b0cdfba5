"""Random programs of several threads: each makes calls on sockets that all of them share, and some calls wait.

Every socket has a time-out, so every program ends by itself. What a thread does is drawn beforehand and not what it
meets: so a program is the same whatever its threads see.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

TIMEOUT_S = 0.03
Step = tuple[Any, ...]
Plan = list[list[Step]]


def plan(seed: int) -> Plan:
    """The steps of two or three threads."""
    source = random.Random(seed)
    steps: Plan = []
    for _ in range(source.randrange(2, 4)):
        steps.append([_step(source) for _ in range(source.randrange(2, 7))])
    return steps


def _step(source: random.Random) -> Step:
    end = source.choice(("client", "server"))
    return source.choice(
        (
            ("send", end, source.choice((1, 100, 5000, 200_000, 3_000_000))),
            ("recv", end, source.choice((1, 100, 10_000, 1_000_000))),
            ("recv", end, source.choice((1, 100, 10_000, 1_000_000))),
            ("wait", end),
            ("accept",),
            ("connect",),
            ("datagram", source.choice((1, 500))),
            ("receive",),
            ("sleep", source.choice((0.002, 0.05))),
            ("shutdown", end, source.randrange(3)),
            ("put", source.randrange(9)),
            ("get",),
        )
    )


def program(steps: Plan) -> Callable[[Any], Any]:
    """A scenario that runs them, and returns what each thread met."""

    def run(net: Any) -> Any:
        seen: list[list[str]] = [[] for _ in steps]
        doing = _Doing(net)
        threads = [
            net.threading.Thread(target=_follow, args=(doing, mine, seen[number]), name=f"t{number}")
            for number, mine in enumerate(steps)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        doing.close()
        return seen

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
        for sock in (self.listener, self.datagrams, *self.ends.values()):
            sock.settimeout(TIMEOUT_S)

    def close(self) -> None:
        for sock in (self.listener, self.datagrams, *self.ends.values(), *self.others):
            sock.close()

    def send(self, end: str, size: int) -> str:
        return f"sent {self.ends[end].send(bytes(size))}"

    def recv(self, end: str, size: int) -> str:
        return f"received {len(self.ends[end].recv(size))}"

    def wait(self, end: str) -> str:
        return f"ready {[len(found) for found in self.net.select.select([self.ends[end]], [], [], TIMEOUT_S)]}"

    def accept(self) -> str:
        self.others.append(self.listener.accept()[0])
        return "accepted"

    def connect(self) -> str:
        self.others.append(self.net.socket.create_connection(("127.0.0.1", 80), TIMEOUT_S))
        return "connected"

    def datagram(self, size: int) -> str:
        return f"sent {self.datagrams.sendto(bytes(size), ('127.0.0.1', 81))}"

    def receive(self) -> str:
        return f"received {len(self.datagrams.recv(1000))}"

    def sleep(self, seconds: float) -> str:
        self.net.time.sleep(seconds)
        return "slept"

    def shutdown(self, end: str, how: int) -> str:
        self.ends[end].shutdown(how)
        return "shut"

    def put(self, value: int) -> str:
        self.queue.put(value)
        return "put"

    def get(self) -> str:
        try:
            return f"got {self.queue.get(timeout=TIMEOUT_S)}"
        except self.net.queue.Empty:
            return "empty"
