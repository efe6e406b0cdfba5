"""Random programs of several threads: each makes calls on sockets that all of them share, most calls wait, and signals
come in between.

What a thread does is drawn beforehand and does not depend on what it meets. The first thread is one of them: it alone
runs handlers, so what it waits in is interrupted, restarted or broken off. Some wait for ever: so another thread looks,
after a while, at who waits on what, and then shuts everything, which wakes all of them.

No two threads ever wake at the same moment. Each pause lasts 64 ms or twice, four or eight times that, and is there
once in a program, so no two sums of them are equal; and 64 ms are far from the 40 after which TCP acknowledges. What
does not come of pauses alone comes at another remainder of 64 ms: the alarm at 16 and then 32, a connect that gives up
at 44 and 54, the look at 24; a time-out of the kernel's own is up to two of its ticks late, and there is one. A sleep
of no time at all is none or a short one, so it is not drawn. And no two threads wait for the same end of the connection
to be readable, or writable: who of several that are woken at once gets at it first is the kernel's to say.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from typing import Any

LOOKS_S = 1.048
PAUSES_S = (0.064, 0.128, 0.256, 0.512)
GIVES_UP_S = (0.428, 0.438)
ALARM_S = (0.144, 0.528)
"""When the alarm goes off, and how long after that once more."""
LONGEST_OF_THE_KERNEL_S = 0.248
"""62 ticks; beyond it the kernel keeps the time of a call in steps of eight ticks."""
HOWS = ("sleep", "select", "poll", "epoll", "lock", "queue", "settimeout", "SO_RCVTIMEO")
SIZES = (1, 100, 5000, 200_000, 3_000_000)
SIGNALS = ("SIGUSR1", "SIGUSR2", "SIGVTALRM", "SIGPROF")
Step = tuple[Any, ...]
Plan = list[list[Step]]


def plan(seed: int) -> Plan:
    """The steps of three to five threads."""
    source = random.Random(seed)
    pauses, hows, gives_up, alarms = list(PAUSES_S), list(HOWS), list(GIVES_UP_S), [()]
    source.shuffle(pauses)
    source.shuffle(hows)

    def timed(step: Step) -> Step:
        """What waits for a time has one that nobody else has."""
        if step == ("pause",):
            if not pauses:
                return "put", 8
            how, seconds = hows.pop(), pauses.pop()
            return "pause", how if how != "SO_RCVTIMEO" or seconds <= LONGEST_OF_THE_KERNEL_S else "sleep", seconds
        if step == ("connect",):
            return ("connect", gives_up.pop()) if gives_up else ("get",)
        if step == ("alarm",):
            return ("alarm", *alarms.pop()) if alarms else ("put", 9)
        return step

    threads = source.randrange(3, 6)
    reads, writes = ({end: source.choice((0, *range(threads))) for end in ("client", "server")} for _ in range(2))
    return [
        [timed(_step(source, _of(reads, number), _of(writes, number))) for _ in range(source.randrange(1, 7))]
        for number in range(threads)
    ]


def _of(owners: dict[str, int], number: int) -> list[str]:
    return [end for end, owner in owners.items() if owner == number]


def _step(source: random.Random, reads: list[str], writes: list[str]) -> Step:
    """A step of a thread that reads from some ends and writes to some: nobody else does so."""
    steps: list[Step] = [
        ("accept",),
        ("connect",),
        ("datagram", source.choice((1, 500))),
        ("receive",),
        ("pause",),
        ("pause",),
        ("put", source.randrange(9)),
        ("get",),
        ("alarm",),
        *(("kick", source.choice(SIGNALS), source.choice((0, 0, 0, 1, 2))) for _ in range(3)),
    ]
    for end in writes:
        steps += [("send", end, source.choice(sizes)) for sizes in (SIZES, SIZES, SIZES[:3])]
    for end in reads:
        steps += [("recv", end, source.choice((1, 100, 10_000, 1_000_000))) for _ in range(3)]
        steps += [("select", end), ("epoll", end)]
    return source.choice(steps)


def program(steps: Plan, before_the_end: Callable[[], None] = lambda: None) -> Callable[[Any], Any]:
    """A scenario that runs them, the first by the program's own thread. It returns who waited on what after a while,
    and what each had met then and in the end.
    """

    def run(net: Any) -> Any:
        seen: list[list[str]] = [[] for _ in steps]
        doing = Doing(net, seen[0])
        threads = [
            net.threading.Thread(target=_follow, args=(doing, mine, seen[number]), name=f"t{number}")
            for number, mine in enumerate(steps)
            if number
        ]
        doing.threads = [net.threading.main_thread(), *threads]
        looked: list[Any] = []

        def look() -> None:
            net.time.sleep(LOOKS_S)
            looked.extend((net.waiting(), [list(each) for each in seen]))
            before_the_end()
            doing.shut_everything(6 * len(steps))

        looker = net.threading.Thread(target=look, name="looker")
        for thread in (looker, *threads):
            thread.start()
        _follow(doing, steps[0], seen[0])
        for thread in (looker, *threads):
            thread.join()
        doing.close()
        waiting, met = looked
        return waiting, met, seen

    return run


def _follow(doing: Doing, steps: list[Step], seen: list[str]) -> None:
    first = seen is doing.seen
    for name, *args in steps:
        try:
            doing.breaks_off = first
            seen.append(getattr(doing, name)(*args))
        except OSError as error:
            seen.append(f"{type(error).__name__} {error.errno}")
        finally:
            doing.breaks_off = doing.breaks_off and not first


class Doing:
    """What a step does, on the sockets that all threads share. `seen` is what the first thread has met so far."""

    def __init__(self, net: Any, seen: list[str]) -> None:
        self.net, self.seen = net, seen
        self.listener = net.socket.create_server(("127.0.0.1", 80), backlog=1)
        self.ends = {"client": net.socket.create_connection(("127.0.0.1", 80))}
        self.ends["server"], _ = self.listener.accept()
        self.datagrams = net.socket.socket(type=net.socket.SOCK_DGRAM)
        self.datagrams.bind(("127.0.0.1", 81))
        self.queue = net.queue.Queue()
        self.others: list[Any] = []
        self.threads: list[Any] = []
        self.breaks_off = False
        for name in (*SIGNALS, "SIGALRM"):
            net.signal.signal(getattr(net.signal, name), self._handle)
        net.signal.siginterrupt(net.signal.SIGUSR2, False)
        net.time.sleep(0.1)  # nothing of the handshake is left to be done

    def _handle(self, number: int, frame: object) -> None:
        """SIGUSR1 and SIGALRM are noted, SIGUSR2 as well but restarts calls, SIGVTALRM makes a call, SIGPROF breaks off
        what the first thread does.
        """
        name = self.net.signal.Signals(number).name
        self.seen.append(name)
        if name == "SIGVTALRM":
            try:
                self.seen.append(self.datagram(3))
            except OSError as error:
                self.seen.append(f"{type(error).__name__} {error.errno}")
        if name == "SIGPROF" and self.breaks_off:
            raise InterruptedError(name)

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
        self.net.signal.setitimer(self.net.signal.ITIMER_REAL, 0)
        for sock in (self.listener, self.datagrams, *self.ends.values(), *self.others):
            sock.close()

    # ---------------------------------------------------------------- steps

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

    def connect(self, seconds: float) -> str:
        self.others.append(self.net.socket.create_connection(("127.0.0.1", 80), seconds))
        return "connected"

    def datagram(self, size: int) -> str:
        return f"sent {self.datagrams.sendto(bytes(size), ('127.0.0.1', 81))}"

    def receive(self) -> str:
        return f"received {len(self.datagrams.recv(1000))}"

    def put(self, value: int) -> str:
        self.queue.put(value)
        return "put"

    def get(self) -> str:
        return f"got {self.queue.get()}"

    def kick(self, name: str, whom: int) -> str:
        ident = self.threads[whom % len(self.threads)].ident
        if ident is None:
            return "not yet"
        self.net.signal.pthread_kill(ident, getattr(self.net.signal, name))
        return "kicked"

    def alarm(self) -> str:
        return f"alarm {self.net.signal.setitimer(self.net.signal.ITIMER_REAL, *ALARM_S)}"

    def pause(self, how: str, seconds: float) -> str:
        """Wait in vain, in one of several ways."""
        net = self.net
        if how == "sleep":
            net.time.sleep(seconds)
        elif how == "select":
            net.select.select([], [], [], seconds)
        elif how == "poll":
            net.select.poll().poll(seconds * 1000)
        elif how == "epoll":
            with net.select.epoll() as epoll:
                epoll.poll(seconds)
        elif how == "lock":
            lock = net.threading.Lock()
            lock.acquire()
            lock.acquire(timeout=seconds)
        elif how == "queue":
            try:
                net.queue.Queue().get(timeout=seconds)
            except net.queue.Empty:
                pass
        else:
            with net.socket.socket(type=net.socket.SOCK_DGRAM) as sock:
                if how == "settimeout":
                    sock.settimeout(seconds)
                else:
                    microseconds = round(seconds * 1_000_000)
                    sock.setsockopt(net.socket.SOL_SOCKET, net.socket.SO_RCVTIMEO, struct.pack("=qq", 0, microseconds))
                try:
                    sock.recv(1)
                except (TimeoutError, BlockingIOError):
                    pass
        return f"paused by {how}"
