"""Pools of threads, each case on both arms: `net.concurrent.futures`, which is the standard library's own source.

Not here: the facts in examples/threads.py, which tests/cli runs on both arms.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from model import Deadlock, SimNet

PORT = ("127.0.0.1", 80)
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


def after(net: Any, ms: int, value: Any = None) -> Any:
    """Sleep, and return the value; raise it if it is an exception."""
    net.time.sleep(ms / 1000)
    if isinstance(value, Exception):
        raise value
    return value


def pool_of(net: Any, *args: Any, **kwargs: Any) -> Any:
    return net.concurrent.futures.ThreadPoolExecutor(*args, **kwargs)


# ---------------------------------------------------------------- what a pool does


def test_fetches_go_on_side_by_side(net: Any) -> None:
    def serve() -> None:
        for _ in range(3):
            connection, _ = listener.accept()
            with connection:
                net.time.sleep(0.1)
                connection.send(connection.recv(9) * 2)

    def fetch(number: int) -> bytes:
        with net.socket.create_connection(PORT) as client:
            client.send(b"%d" % number)
            return bytes(client.recv(9))

    with net.socket.create_server(PORT) as listener, pool_of(net, 4, "fetches") as pool:
        server = pool.submit(serve)
        fetched = [pool.submit(fetch, number) for number in range(3)]
        net.time.sleep(0.05)
        waiting = net.waiting()
        assert [future.result() for future in fetched] == [b"00", b"11", b"22"]
        assert server.result() is None
    assert {name: call.partition(" on ")[0] for name, call in waiting.items()} == {
        "fetches_0": "sleep()", "fetches_1": "recv()", "fetches_2": "recv()", "fetches_3": "recv()",
    }  # fmt: skip


def test_as_many_threads_as_on_one_processor_unless_told_otherwise(net: Any) -> None:
    names: list[str] = []

    def work() -> None:
        names.append(net.threading.current_thread().name)
        net.time.sleep(0.2)

    with pool_of(net) as pool:
        for _ in range(7):
            pool.submit(work)
        net.time.sleep(0.1)
        assert sorted(names) == [f"ThreadPoolExecutor-0_{number}" for number in range(5)]
    assert len(names) == 7
    with pool_of(net) as second:
        for _ in range(3):
            assert second.submit(lambda: net.threading.current_thread().name).result() == "ThreadPoolExecutor-1_0"
            net.time.sleep(0.01)  # a thread that is idle is taken, and none is started


def test_times_are_the_nets(net: Any) -> None:
    futures = net.concurrent.futures
    with pool_of(net, 2) as pool:
        began = net.time.monotonic()
        slow = pool.submit(after, net, 200, "slow")
        with pytest.raises(TimeoutError):
            slow.result(timeout=0.05)
        assert 0.05 <= net.time.monotonic() - began < 0.1
        assert slow.running()
        with pytest.raises(futures.TimeoutError):
            list(pool.map(lambda ms: after(net, ms), [1, 300], timeout=0.1))
        assert slow.result() == "slow"
        assert 0.2 <= net.time.monotonic() - began < 0.28


def test_who_waits_for_several_is_told_in_the_order_of_their_ends(net: Any) -> None:
    futures = net.concurrent.futures
    with pool_of(net, 4) as pool:
        asked = {pool.submit(after, net, ms): ms for ms in (300, 100, 200)}
        assert [asked[future] for future in futures.as_completed(asked)] == [100, 200, 300]
        asked = {pool.submit(after, net, ms): ms for ms in (40, 400)}
        said: list[int] = []
        with pytest.raises(TimeoutError, match=r"1 \(of 2\) futures unfinished"):
            said.extend(asked[future] for future in futures.as_completed(asked, timeout=0.2))
        assert said == [40]


def test_wait_for_one_for_a_failure_for_all(net: Any) -> None:
    futures = net.concurrent.futures

    def wait(until: Any, *steps: tuple[int, Any], timeout: float | None = None) -> tuple[list[Any], int]:
        asked = [pool.submit(after, net, ms, value) for ms, value in steps]
        done, rest = futures.wait(asked, timeout, until)
        return [future.exception() or future.result() for future in done], len(rest)

    failure = ValueError("no")
    with pool_of(net, 8) as pool:
        assert wait(futures.FIRST_COMPLETED, (80, "b"), (20, "a")) == (["a"], 1)
        assert wait(futures.FIRST_EXCEPTION, (20, "a"), (50, failure), (120, "c")) == (["a", failure], 1)
        assert wait(futures.ALL_COMPLETED, (50, "b"), (20, "a")) == (["b", "a"], 0)
        assert wait(futures.ALL_COMPLETED, (200, "b"), (20, "a"), timeout=0.1) == (["a"], 1)


def test_what_has_begun_cannot_be_cancelled(net: Any) -> None:
    futures = net.concurrent.futures
    said: list[Any] = []
    with pool_of(net, 1) as pool:
        first, second, third = (pool.submit(after, net, 50, number) for number in range(3))
        second.add_done_callback(lambda future: said.append(future.cancelled()))
        net.time.sleep(0.01)
        assert (first.cancel(), second.cancel(), second.cancel()) == (False, True, True)
        with pytest.raises(futures.CancelledError):
            second.result()
        pool.shutdown(wait=False, cancel_futures=True)
        with pytest.raises(RuntimeError, match="after shutdown"):
            pool.submit(print)
    assert (said, first.result(), third.cancelled()) == ([True], 0, True)


def test_what_a_function_raises_is_raised_to_whoever_asks(net: Any) -> None:
    with pool_of(net, 2) as pool:
        future = pool.submit(lambda: net.socket.create_connection(PORT))
        with pytest.raises(ConnectionRefusedError):
            future.result()
        assert isinstance(future.exception(), ConnectionRefusedError)
        with pytest.raises(net.concurrent.futures.InvalidStateError):
            future.set_result(1)


def test_a_pool_whose_threads_cannot_begin_is_broken(net: Any, caplog: pytest.LogCaptureFixture) -> None:
    def fails() -> None:
        net.time.sleep(0.01)
        raise OSError("no")

    with pool_of(net, 1, initializer=fails) as pool:
        with pytest.raises(net.concurrent.futures.BrokenExecutor):
            pool.submit(print).result()
        with pytest.raises(net.concurrent.futures.thread.BrokenThreadPool):
            pool.submit(print)
    assert [record.getMessage() for record in caplog.records] == ["Exception in initializer:"]


# ---------------------------------------------------------------- the ends of pools


def test_a_pool_that_nobody_has_any_more_ends_its_threads(net: Any) -> None:
    pool = pool_of(net, 2)
    future = pool.submit(after, net, 20, "done")
    net.time.sleep(0.01)
    gone = weakref.ref(pool)
    del pool
    assert gone() is None
    assert future.result() == "done"
    net.time.sleep(0.01)
    assert net.threading.enumerate() == [net.threading.main_thread()]


def test_a_pool_that_is_not_shut_down_ends_with_the_net(arm: Any) -> None:
    done: list[int] = []
    with arm() as net:
        pool = pool_of(net, 2)
        for number in range(4):
            pool.submit(lambda number=number: done.append(after(net, 20, number)))
    assert sorted(done) == [0, 1, 2, 3]
    assert len(net.threading.enumerate()) == 1


def test_a_net_left_by_an_exception_leaves_the_work_undone_and_says_nothing(
    arm: Any, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    done: list[str] = []
    stuck: list[Any] = []

    def leaves(net: Any) -> None:
        pool = pool_of(net, 2)
        idle = pool_of(net, 1)
        idle.submit(len, ()).result()
        stuck.extend(pool.submit(net.queue.Queue().get) for _ in range(2))
        pool.submit(done.append, "no")
        net.time.sleep(0.01)
        assert net.waiting() == {
            "ThreadPoolExecutor-0_0": "Queue.get()", "ThreadPoolExecutor-0_1": "Queue.get()",
            "ThreadPoolExecutor-1_0": "SimpleQueue.get()",
        }  # fmt: skip
        raise KeyError

    with pytest.raises(KeyError), arm() as net:
        leaves(net)
    gc.collect()
    assert all(isinstance(future.exception(timeout=0), SystemExit) for future in stuck if future.done())
    assert (done, caplog.records, capfd.readouterr()) == ([], [], ("", ""))


def report(program: Callable[[Any], object]) -> str:
    """What the model says of a program that waits for ever."""
    with pytest.raises(Deadlock) as told, SimNet() as net:
        program(net)
    return str(told.value)


def test_a_future_that_never_comes_is_told() -> None:
    def program(net: Any) -> None:
        listener = net.socket.create_server(PORT)
        client = net.socket.create_connection(PORT)
        pool = pool_of(net, 2)
        pool.submit(len, ()).result()
        pool.submit(client.recv, 9).result()
        listener.close()

    assert report(program) == (
        "at 0 s all 2 threads wait, and no timer is pending that could end it: MainThread in Future.result(), since "
        "0 s; ThreadPoolExecutor-0_0 in recv() on s2, for bytes to read, since 0 s"
    )


@pytest.mark.parametrize("ends", [
    lambda futures, pool, asked: futures.wait(asked), lambda futures, pool, asked: list(futures.as_completed(asked)),
    lambda futures, pool, asked: list(pool.map(lambda future: future.result(), asked)),
    lambda futures, pool, asked: pool.shutdown(), lambda futures, pool, asked: pool.__exit__(None, None, None),
    lambda futures, pool, asked: None,
], ids=["wait", "as_completed", "map", "shutdown", "leave", "end"])  # fmt: skip
def test_whoever_waits_for_a_pool_is_told_in_which_call(ends: Any, request: pytest.FixtureRequest) -> None:
    def program(net: Any) -> None:
        pool = pool_of(net, 3)
        ends(net.concurrent.futures, pool, [pool.submit(net.threading.Event().wait)])

    call = {
        "wait": "wait()", "as_completed": "as_completed()", "map": "Executor.map()", "end": "Thread.join()",
        "shutdown": "ThreadPoolExecutor.shutdown()", "leave": "ThreadPoolExecutor.shutdown()",
    }[request.node.callspec.id]  # fmt: skip
    assert f": MainThread in {call}, since" in report(program)
    assert "ThreadPoolExecutor-0_0 in Event.wait()" in report(program)


def test_pools_of_processes_refuse(net: Any) -> None:
    with pytest.raises(NotImplementedError) as told:
        net.concurrent.futures.ProcessPoolExecutor(2)
    assert str(told.value) == (
        "no ProcessPoolExecutor: a net's sockets are known to one process only; use ThreadPoolExecutor"
    )


def test_threads_and_pools_of_a_further_host_are_waited_for() -> None:
    done: list[int] = []
    with SimNet() as net:
        other = net.host("b")
        other.threading.Thread(target=lambda: done.append(after(other, 10, 1))).start()
        pool_of(other, 1).submit(lambda: done.append(after(other, 20, 2)))
    assert done == [1, 2]


# ---------------------------------------------------------------- the same seed, the same run


def test_sets_of_futures_and_threads_do_not_hang_on_addresses() -> None:
    def orders() -> list[list[int]]:
        with SimNet(3) as net:
            pool = pool_of(net, 12)
            kept, asked = [], []
            for number in range(12):
                kept.append(bytearray(number * 977 % 4099))
                asked.append(pool.submit(after, net, 5, number))
            done, _ = net.concurrent.futures.wait(reversed(asked))
            finished = net.concurrent.futures.as_completed(asked)
            names = [int(thread.name.rpartition("_")[2]) for thread in pool._threads]
            return [[future.result() for future in each] for each in (done, finished)] + [names]

    first = orders()
    assert [sorted(each) for each in first] == [list(range(12))] * 3
    assert [orders() for _ in range(3)] == [first] * 3


# ---------------------------------------------------------------- the queue below, and the lock


def test_as_many_wake_as_there_are_items(net: Any) -> None:
    queue, got = net.queue.SimpleQueue(), []
    threads = [net.threading.Thread(target=lambda: got.append(queue.get())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for item in range(3):
        queue.put(item)
    for thread in threads:
        thread.join()
    assert sorted(got) == [0, 1, 2]
    with pytest.raises(net.queue.Empty):
        queue.get(timeout=0.01)
    with pytest.raises(net.queue.Empty):
        queue.get_nowait()
    with pytest.raises(ValueError, match="'timeout' must be a non-negative number"):
        queue.get(timeout=-1)
    assert (queue.empty(), queue.qsize()) == (True, 0)


@pytest.mark.parametrize("seed", range(8))
def test_who_gives_up_in_the_moment_of_its_wake_up_takes_it_from_nobody(seed: int) -> None:
    """Of three whose time comes in one moment one lets go what another no longer waits for: the third has it."""
    with SimNet(seed) as net:
        lock, got = net.threading.Lock(), []
        lock.acquire()

        def waits(name: str, timeout: float) -> None:
            got.append((name, lock.acquire(timeout=timeout)))

        for each in (("gives up", 0.05), ("waits", -1)):
            net.threading.Thread(target=waits, args=each).start()
            net.time.sleep(0.001)
        net.time.sleep(0.049)
        lock.release()
        net.time.sleep(0.01)
        if ("gives up", True) in got:
            lock.release()
    assert ("waits", True) in got
