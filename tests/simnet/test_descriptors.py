"""Descriptors, one body on two arms: several of one file, their flags, their numbers, and what is left of closed ones.

Numbers differ between the arms, because a process has other files too; which is given out when is the same, and so is
whether it is the one that was closed before. Every call, its arguments and its answer must be equal.

Not here: epolls that watch files with several descriptors (tests/waiting/test_shared_files.py); descriptors that are
closed while a thread waits (tests/guests/test_closing.py).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from model import SimNet
from model.sockets.numbers import Numbers
from realnet import NamespaceRefused, RealNet

SERVER, CLIENT, OTHER = (("127.0.0.1", port) for port in (8000, 8001, 8002))
O_NONBLOCK, BEYOND = 0o4000, 1 << 30


def pair(net: Any) -> tuple[Any, Any]:
    with net.socket.create_server(SERVER) as listener:
        client = net.socket.create_connection(SERVER, source_address=CLIENT)
        return client, listener.accept()[0]


def complaint(function: Callable[..., Any], *args: Any) -> tuple[Any, ...]:
    try:
        return (function(*args),)
    except OSError as error:
        return (type(error).__name__, error.errno, str(error))


def error_of(function: Callable[..., Any], *args: Any) -> str | None:
    """The name of the exception and its number; None if there is none, and then what was made is closed again."""
    try:
        function(*args)
    except OSError as error:
        return f"{type(error).__name__} {error.errno}"
    return None


# Several descriptors of one file ------------------------------------------------------------------------------------


def a_duplicate_is_the_same_socket(net: Any) -> Any:
    client, server = pair(net)
    with client, server, server.dup() as twin:
        client.send(b"abcdef")
        seen: list[Any] = [twin.fileno() != server.fileno(), twin.getsockname() == server.getsockname()]
        seen += [server.recv(2), twin.recv(2), twin.send(b"x"), client.recv(5), server.recv(9)]
        twin.setsockopt(net.socket.SOL_SOCKET, net.socket.SO_RCVLOWAT, 3)
        return seen, server.getsockopt(net.socket.SOL_SOCKET, net.socket.SO_RCVLOWAT)


def to_close_one_of_several_sends_nothing(net: Any) -> Any:
    client, server = pair(net)
    twin = server.dup()
    client.setblocking(False)
    server.close()
    seen: list[Any] = [complaint(client.recv, 1), complaint(server.recv, 1), client.send(b"x"), twin.recv(1)]
    third = twin.dup()
    twin.close()
    seen += [complaint(client.recv, 1), third.send(b"y"), client.recv(1)]
    third.close()
    return seen, client.recv(1), client.close()


def to_shut_one_down_shuts_all(net: Any) -> Any:
    client, server = pair(net)
    with client, server, server.dup() as twin:
        twin.shutdown(net.socket.SHUT_WR)
        return client.recv(1), complaint(server.send, b"x"), client.send(b"z"), server.recv(1)


def a_listener_lives_on_in_its_duplicate(net: Any) -> Any:
    listener = net.socket.create_server(SERVER)
    twin = listener.dup()
    listener.close()
    with net.socket.create_connection(SERVER, source_address=CLIENT) as client, twin, twin.accept()[0] as server:
        client.send(b"hello")
        seen = server.recv(9)
    return seen, error_of(net.socket.create_connection, SERVER, None, OTHER)


def from_a_number(net: Any) -> Any:
    """fromfd() duplicates; socket(fileno=) does not, and two objects of one descriptor close it under each other."""
    client, server = pair(net)
    copy = net.socket.fromfd(server.fileno(), net.socket.AF_INET, net.socket.SOCK_STREAM)
    same = net.socket.socket(fileno=server.fileno())
    client.send(b"abc")
    seen: list[Any] = [copy.recv(1), same.recv(1), server.recv(1), same.fileno() == server.fileno()]
    seen += [copy.fileno() != server.fileno(), same.close(), complaint(server.recv, 1), complaint(server.close)]
    client.send(b"d")
    return seen, copy.recv(1), copy.close(), client.recv(1), client.close()


def a_number_given_away_closes_another_socket(net: Any) -> Any:
    """The number of a closed descriptor is the next one's; whoever still has it closes that."""
    with net.socket.socket(type=net.socket.SOCK_DGRAM) as first:
        second = net.socket.socket(fileno=first.fileno())
        number = first.fileno()
        first.close()
        third = net.socket.socket()
        seen: list[Any] = [third.fileno() == number, second.type == net.socket.SOCK_DGRAM]
        seen += [complaint(second.getpeername), complaint(second.bind, SERVER), third.getsockname()]
        second.close()
        return seen, complaint(third.getsockname), third.detach() == number


def a_file_object_keeps_its_socket(net: Any) -> Any:
    client, server = pair(net)
    with client, server.makefile("rwb", buffering=0) as file, server.dup() as twin:
        server.close()
        client.send(b"line\nrest")
        seen: list[Any] = [file.readline(), file.write(b"out"), client.recv(9)]
        with twin.makefile("rb") as other:
            twin.close()
            client.close()
            seen.append(other.read())
    return seen


# Flags ----------------------------------------------------------------------------------------------------------------


def o_nonblock_belongs_to_the_file(net: Any) -> Any:
    """A Python socket remembers its own time-out beside, and does not hear of it."""
    client, server = pair(net)
    get, put = net.fcntl.F_GETFL, net.fcntl.F_SETFL
    with client, server, server.dup() as twin:

        def flags() -> list[int]:
            return [net.fcntl.fcntl(each, get) & O_NONBLOCK for each in (server, twin)]

        seen: list[Any] = [flags(), twin.setblocking(False), flags(), server.gettimeout(), complaint(server.recv, 1)]
        net.fcntl.fcntl(server, put, net.fcntl.fcntl(server, get) & ~O_NONBLOCK)
        seen += [flags(), twin.gettimeout(), twin.settimeout(1), flags()]
        net.fcntl.ioctl(server, 0x5421, b"\0\0\0\0")
        with server.dup() as timed:
            return seen, flags(), timed.gettimeout()


def a_duplicate_takes_its_time_out_over(net: Any) -> Any:
    with net.socket.socket() as sock:
        seen = []
        for timeout in (None, 0.0, 2.5):
            sock.settimeout(timeout)
            with sock.dup() as twin:
                seen.append((twin.gettimeout(), net.fcntl.fcntl(sock, net.fcntl.F_GETFL)))
        with net.socket.fromfd(sock.fileno(), net.socket.AF_INET, net.socket.SOCK_STREAM) as copy:
            return seen, copy.gettimeout(), net.fcntl.fcntl(copy, net.fcntl.F_GETFL)


def close_on_exec_belongs_to_the_descriptor(net: Any) -> Any:
    fcntl = net.fcntl
    with net.socket.socket() as sock, sock.dup() as twin:

        def kept() -> list[Any]:
            return [(each.get_inheritable(), fcntl.fcntl(each, fcntl.F_GETFD)) for each in (sock, twin)]

        seen: list[Any] = [kept(), twin.set_inheritable(True), kept(), fcntl.fcntl(sock, fcntl.F_SETFD, 0), kept()]
        seen += [fcntl.fcntl(twin, fcntl.F_SETFD, 0xFF), kept(), fcntl.fcntl(twin, fcntl.F_SETFD, 2), kept()]
        for command in (fcntl.F_DUPFD, fcntl.F_DUPFD_CLOEXEC):
            number = fcntl.fcntl(sock, command, 0)
            seen.append(fcntl.fcntl(number, fcntl.F_GETFD))
            net.socket.close(number)
        with net.socket.socket(type=net.socket.SOCK_DGRAM) as fresh:  # the number begins afresh
            return seen, fresh.get_inheritable()


def descriptors_that_are_closed(net: Any) -> Any:
    fcntl = net.fcntl
    with net.socket.socket() as sock:
        number = sock.detach()
    net.socket.close(number)
    commands = [(fcntl.F_GETFL,), (fcntl.F_SETFL, 0), (fcntl.F_GETFD,), (fcntl.F_SETFD, 1), (fcntl.F_DUPFD, 0)]
    seen = [complaint(fcntl.fcntl, number, *command) for command in commands]
    seen += [complaint(fcntl.fcntl, number, fcntl.F_DUPFD, BEYOND), complaint(net.socket.close, number)]
    return seen, complaint(net.socket.fromfd, number, 2, 1), error_of(lambda: net.socket.socket(fileno=number))


# Numbers --------------------------------------------------------------------------------------------------------------


def the_lowest_free_number_is_given(net: Any) -> Any:
    socks = [net.socket.socket() for _ in range(4)]
    numbers = [sock.fileno() for sock in socks]
    socks[2].close()
    socks[0].close()
    first, second = socks[1].dup(), net.select.epoll()
    seen = [numbers == sorted(numbers), first.fileno() == numbers[0], second.fileno() == numbers[2]]
    second.close()
    socks[1].close()
    again = first.dup()
    seen.append(again.fileno() == numbers[1])
    return seen, [each.close() for each in (first, again, socks[3])]


def a_number_can_be_asked_for(net: Any) -> Any:
    """From which on: the next free one is taken. Numbers up there are given back like any others."""
    fcntl = net.fcntl
    with net.socket.socket(type=net.socket.SOCK_DGRAM) as sock:
        sock.bind(SERVER)
        made = [fcntl.fcntl(sock, fcntl.F_DUPFD, 500), fcntl.fcntl(sock, fcntl.F_DUPFD_CLOEXEC, 500)]
        with sock.dup() as low:
            seen: list[Any] = [low.fileno() < 500]
        net.socket.close(made[0])
        made[0] = fcntl.fcntl(sock, fcntl.F_DUPFD, 400)
        made.append(fcntl.fcntl(sock, fcntl.F_DUPFD, 500))
        with net.socket.socket(fileno=made[2]) as high:
            seen += [made, high.getsockname()]
        for number in made[:2]:
            net.socket.close(number)
        return seen, [complaint(fcntl.fcntl, sock, fcntl.F_DUPFD, least) for least in (BEYOND, -1, 1 << 31)]


def an_epoll_can_be_duplicated(net: Any) -> Any:
    fcntl = net.fcntl
    epoll = net.select.epoll()
    with net.socket.socket(type=net.socket.SOCK_DGRAM) as sock:
        sock.bind(SERVER)
        sock.sendto(b"x", SERVER)
        epoll.register(sock, 1)
        twin = net.select.epoll.fromfd(fcntl.fcntl(epoll, fcntl.F_DUPFD_CLOEXEC, 0))
        seen: list[Any] = [[bits for _, bits in each.poll(0)] for each in (epoll, twin)]
        seen += [complaint(twin.register, epoll, 1), complaint(twin.register, twin, 1), complaint(twin.register, sock)]
        fcntl.fcntl(twin, fcntl.F_SETFL, O_NONBLOCK)
        seen += [fcntl.fcntl(epoll, fcntl.F_GETFL) & O_NONBLOCK, epoll.close(), len(twin.poll(0))]
        with net.select.epoll() as outer:
            outer.register(twin, 1)
            seen.append(len(outer.poll(0)))
            third = net.select.epoll.fromfd(fcntl.fcntl(twin, fcntl.F_DUPFD, 0))
            twin.close()
            seen += [len(outer.poll(0)), complaint(third.register, outer, 1), third.close(), outer.poll(0)]
    return seen


SCENARIOS = (
    a_duplicate_is_the_same_socket, to_close_one_of_several_sends_nothing, to_shut_one_down_shuts_all,
    a_listener_lives_on_in_its_duplicate, from_a_number, a_number_given_away_closes_another_socket,
    a_file_object_keeps_its_socket, o_nonblock_belongs_to_the_file, a_duplicate_takes_its_time_out_over,
    close_on_exec_belongs_to_the_descriptor, descriptors_that_are_closed, the_lowest_free_number_is_given,
    a_number_can_be_asked_for, an_epoll_can_be_duplicated,
)  # fmt: skip


# The limit ------------------------------------------------------------------------------------------------------------


def nothing_more_can_be_opened(net: Any) -> Any:
    """Seven descriptors. Who asks for something that there is not hears of that first, except accept, which takes a
    number before it looks; and the connection waits on.
    """
    socket, fcntl = net.socket, net.fcntl
    listener = socket.create_server(SERVER)
    listener.setblocking(False)
    first, second = socket.socket(), socket.socket()
    for client, address in ((first, CLIENT), (second, OTHER)):
        client.bind(address)
        client.connect(SERVER)
    datagrams, epoll = socket.socket(type=socket.SOCK_DGRAM), net.select.epoll()
    last = datagrams.dup()
    spare = datagrams.dup()
    full = [
        error_of(socket.socket), error_of(socket.socket, 2, 1, 17), error_of(listener.accept),
        error_of(datagrams.accept), error_of(net.select.epoll), error_of(datagrams.dup),
        error_of(fcntl.fcntl, epoll, fcntl.F_DUPFD, 0), error_of(fcntl.fcntl, 1000, fcntl.F_DUPFD, 0),
        [len(each) for each in net.select.select([listener], [], [], 0)],
    ]  # fmt: skip
    spare.close()
    server = listener.accept()[0]
    full += [server.getpeername() == first.getsockname(), error_of(listener.accept)]
    server.close()
    server = listener.accept()[0]
    full.append(server.getpeername() == second.getsockname())
    first.close()
    full.append(error_of(listener.accept))
    return full, [each.close() for each in (listener, second, datagrams, epoll, last, server)]


def played(net: Any, scenario: Callable[[Any], Any]) -> tuple[Any, list[tuple[Any, ...]]]:
    with net:
        seen = scenario(net)
        return seen, [(event.call, event.socket, event.args, event.answer) for event in net.trace.calls()]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_both_arms_show_the_same(scenario: Callable[[Any], Any]) -> None:
    model = played(SimNet(), scenario)
    try:
        assert played(RealNet(), scenario) == model
    except NamespaceRefused as error:
        pytest.skip(str(error))


def test_both_arms_have_a_limit() -> None:
    seen, said = played(SimNet(descriptor_limit=3 + 7), nothing_more_can_be_opened)
    assert seen[0][:3] == ["OSError 24", "OSError 93", "OSError 24"]
    try:
        assert played(RealNet(descriptor_limit=3 + 7), nothing_more_can_be_opened) == (seen, said)
    except NamespaceRefused as error:
        pytest.skip(str(error))


def test_the_model_ends_where_its_limit_is() -> None:
    with SimNet(descriptor_limit=5) as net, net.socket.socket() as first, first.dup() as second:
        assert (first.fileno(), second.fileno()) == (3, 4)
        duplicates = [complaint(net.fcntl.fcntl, first, net.fcntl.F_DUPFD, least) for least in (3, 4, 5)]
        assert [each[1] for each in duplicates] == [24, 24, 22]


def test_numbers_are_what_a_plain_search_gives() -> None:
    """Against the definition: the least number from the given one on that is not taken."""
    dice = random.Random(7)
    for _ in range(200):
        numbers, taken = Numbers(limit=24), set(range(3))
        for _ in range(60):
            least = dice.choice((0, 0, dice.randrange(28)))
            lowest = next(fd for fd in range(least, 100) if fd not in taken)
            assert numbers.is_full(least) == (lowest >= 24)
            if lowest < 24 and dice.random() < 0.6:
                assert numbers.take(least) == lowest
                taken.add(lowest)
            elif len(taken) > 3:
                fd = dice.choice(sorted(taken)[3:])
                numbers.give_back(fd)
                taken.remove(fd)
