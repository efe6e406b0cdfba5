"""Signals on both arms: which waits they end, when handlers run, and what the module refuses.

Not here: the facts in examples/signals.py, which tests/cli runs on both arms; what a signal makes of each blocking
call (tests/waiting/test_waits.py).
"""

from __future__ import annotations

import signal as real
from typing import Any

import pytest

from model import SimNet

PORT = ("127.0.0.1", 80)
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


def pair(net: Any) -> tuple[Any, Any]:
    with net.socket.create_server(PORT) as listener:
        client = net.socket.create_connection(PORT)
        return client, listener.accept()[0]


def noted(net: Any, number: int) -> list[int]:
    hits: list[int] = []
    net.signal.signal(number, lambda number, frame: hits.append(number))
    return hits


def later(net: Any, seconds: float, function: Any, *args: Any) -> None:
    def run() -> None:
        net.time.sleep(seconds)
        function(*args)

    net.threading.Thread(target=run, daemon=True).start()


def test_raising_a_signal_runs_its_handler_before_the_call_returns(net: Any) -> None:
    hits = noted(net, net.signal.SIGUSR1)
    net.signal.raise_signal(net.signal.SIGUSR1)
    assert hits == [net.signal.SIGUSR1]
    net.signal.signal(net.signal.SIGUSR1, net.signal.SIG_IGN)
    net.signal.raise_signal(net.signal.SIGUSR1)
    assert len(hits) == 1


def test_keyboard_interrupt_is_a_handler_like_others(net: Any) -> None:
    with pytest.raises(KeyboardInterrupt):
        net.signal.raise_signal(net.signal.SIGINT)
    assert net.signal.getsignal(net.signal.SIGINT) is net.signal.default_int_handler


def test_an_exception_of_a_handler_loses_no_bytes(net: Any) -> None:
    client, server = pair(net)

    def enough(number: int, frame: Any) -> None:
        raise OverflowError

    net.signal.signal(net.signal.SIGUSR1, enough)
    main = net.threading.get_ident()
    later(net, 0.05, net.signal.pthread_kill, main, net.signal.SIGUSR1)
    with pytest.raises(OverflowError):
        server.recv(10)
    client.send(b"kept")
    assert server.recv(10) == b"kept"


def test_a_handler_may_make_calls_of_its_own(net: Any) -> None:
    client, server = pair(net)
    net.signal.signal(net.signal.SIGUSR1, lambda number, frame: client.send(b"from the handler"))
    later(net, 0.05, net.signal.pthread_kill, net.threading.get_ident(), net.signal.SIGUSR1)
    assert server.recv(100) == b"from the handler"


def test_handlers_run_in_the_order_of_numbers_and_once(net: Any) -> None:
    order: list[int] = []
    for number in (net.signal.SIGUSR2, net.signal.SIGUSR1):
        net.signal.signal(number, lambda number, frame: order.append(number))
    _, server = pair(net)
    other = net.threading.Thread(target=net.time.sleep, args=(0.3,))
    other.start()

    def kick() -> None:
        for number in (net.signal.SIGUSR2, net.signal.SIGUSR1, net.signal.SIGUSR2):
            net.signal.pthread_kill(other.ident, number)

    later(net, 0.05, kick)
    server.settimeout(0.2)
    with pytest.raises(TimeoutError):
        server.recv(1)
    assert order == [net.signal.SIGUSR1, net.signal.SIGUSR2]


def test_a_signal_to_a_reader_makes_it_the_last_in_the_queue(net: Any) -> None:
    noted(net, net.signal.SIGUSR1)
    listener = net.socket.create_server(PORT)
    served: list[int] = []

    def serve(number: int) -> None:
        listener.accept()[0].close()
        served.append(number)

    threads = [net.threading.Thread(target=serve, args=(number,), daemon=True) for number in range(3)]
    for thread in threads:
        thread.start()
        net.time.sleep(0.01)
    net.signal.pthread_kill(threads[0].ident, net.signal.SIGUSR1)
    net.time.sleep(0.01)
    for _ in threads:
        net.socket.create_connection(PORT).close()
        net.time.sleep(0.01)
    assert served == [1, 2, 0]


def test_one_signal_in_the_midst_of_another_is_lost_by_neither(net: Any) -> None:
    """The first thread waits for its turn to run a handler when it is to run a second, of a signal to somebody else."""
    hits = noted(net, net.signal.SIGUSR1)
    net.signal.signal(net.signal.SIGUSR2, lambda number, frame: hits.append(number))
    client, server = pair(net)
    main = net.threading.get_ident()
    other = net.threading.Thread(target=client.recv, args=(1,), daemon=True)
    other.start()

    def kick_both() -> None:
        for _ in range(5):
            net.signal.pthread_kill(main, net.signal.SIGUSR1)
            net.signal.pthread_kill(other.ident, net.signal.SIGUSR2)
            net.time.sleep(0.01)
        client.send(b"x")

    later(net, 0.05, kick_both)
    assert server.recv(1) == b"x"
    server.send(b"x")
    assert hits == [net.signal.SIGUSR1, net.signal.SIGUSR2] * 5


def test_a_signal_to_a_sleeper_has_come_when_the_call_that_sends_it_is_over(net: Any) -> None:
    hits = noted(net, net.signal.SIGUSR1)
    _, server = pair(net)
    reader = net.threading.Thread(target=server.recv, args=(1,), daemon=True)
    reader.start()
    net.time.sleep(0.02)
    for sent in range(1, 30):
        net.signal.pthread_kill(reader.ident, net.signal.SIGUSR1)
        assert len(hits) == sent
    server.shutdown(net.socket.SHUT_RD)


def test_the_alarm_comes_again_and_again(net: Any) -> None:
    hits = noted(net, net.signal.SIGALRM)
    assert net.signal.setitimer(net.signal.ITIMER_REAL, 0.05, 0.1) == (0.0, 0.0)
    net.time.sleep(0.3)
    left, every = net.signal.setitimer(net.signal.ITIMER_REAL, 0)
    assert len(hits) == 3
    assert 0 < left <= 0.1
    assert every == 0.1
    assert net.signal.alarm(0) == 0


def test_a_socket_closed_while_a_signal_breaks_its_call_is_gone(net: Any) -> None:
    """What the call held is let go; made again, it names nothing."""
    noted(net, net.signal.SIGUSR1)
    client, server = pair(net)
    main = net.threading.get_ident()

    def close_and_kick() -> None:
        server.close()
        net.signal.pthread_kill(main, net.signal.SIGUSR1)

    later(net, 0.05, close_and_kick)
    with pytest.raises(OSError, match="Bad file descriptor"):
        server.recv(1)
    assert client.recv(1) == b""


def test_what_is_refused_is_refused_in_words(net: Any) -> None:
    signal = net.signal
    with pytest.raises(RuntimeError, match="SIGTERM would end or stop the process"):
        signal.raise_signal(signal.SIGTERM)
    with pytest.raises(RuntimeError, match="SIGALRM would end or stop the process"):
        signal.alarm(1)
    with pytest.raises(ProcessLookupError):
        signal.pthread_kill(99, signal.SIGUSR1)
    with pytest.raises(OSError, match="Invalid argument"):
        signal.setitimer(1, 1.0)
    said: list[str] = []

    def from_a_thread() -> None:
        try:
            signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        except ValueError as error:
            said.append(str(error))

    thread = net.threading.Thread(target=from_a_thread)
    thread.start()
    thread.join()
    assert said == ["signal only works in main thread of the main interpreter"]


@pytest.mark.parametrize("args", [(0, real.SIG_IGN), (65, real.SIG_IGN), (10, 7), (10, None), ("x", 1)])
def test_arguments_are_checked_as_the_original_does(args: tuple[Any, Any]) -> None:
    with pytest.raises((ValueError, TypeError)) as original:
        real.signal(*args)
    with SimNet() as net, pytest.raises(original.type) as ours:
        net.signal.signal(*args)
    assert str(ours.value) == str(original.value)


def test_nobody_outside_sees_the_handlers_of_a_net(net: Any) -> None:
    before = real.getsignal(real.SIGUSR2)
    noted(net, net.signal.SIGUSR2)
    net.signal.raise_signal(net.signal.SIGUSR2)
    assert (real.getsignal(real.SIGUSR2) == before) == isinstance(net, SimNet)


def test_the_numbers_are_those_of_the_machine() -> None:
    with SimNet() as net:
        ours = {name: value for name, value in vars(net.signal).items() if name.startswith("SIG") and name.isupper()}
    assert ours == {name: getattr(real, name) for name in ours}
