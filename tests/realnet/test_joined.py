"""Two hosts on one kernel: what passes between them, and what they are set to.

Not here: the model of it (tests/model/test_namespaces.py).
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator

import pytest

from realnet import Namespace
from realnet.joined import ENDS, SETTINGS, JoinedHosts, homes, opposite, whose
from realnet.namespace import current_inode
from realnet.settings import read

NEAR, FAR = homes(7)
STREAM, DGRAM = socket.SOCK_STREAM, socket.SOCK_DGRAM


@pytest.fixture
def hosts() -> Iterator[JoinedHosts]:
    """Both, in a namespace of the test's own."""
    with Namespace():
        pair = JoinedHosts()
        try:
            pair.__enter__()
        except OSError as refused:
            pytest.skip(f"this kernel joins no two hosts: {refused}")
        try:
            yield pair
        finally:
            pair.__exit__(None, None, None)


def test_every_number_has_addresses_of_its_own() -> None:
    found = [homes(number) for number in range(64 * 254)]
    assert len({ip for pair in found for ip in pair}) == 2 * len(found)
    assert all(opposite(near) == far for near, far in found)
    assert homes(64 * 254) == homes(0)
    assert {(whose(near), whose(far)) for near, far in found} == {("near", "far")}
    assert [whose(ip) for ip in (*ENDS, "127.0.0.1", "10.99.99.99")] == [*ENDS, "127.0.0.1", "10.99.99.99"]


def test_a_stream_from_one_to_the_other(hosts: JoinedHosts) -> None:
    with hosts.make(1, STREAM) as listener, hosts.make(0, STREAM) as client:
        listener.bind((FAR, 0))
        listener.listen()
        client.connect(listener.getsockname())
        with listener.accept()[0] as server:
            assert client.getsockname()[0] == ENDS[0]
            assert client.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG) == 1448
            server.setblocking(False)
            client.sendall(bytes(20_000))
            assert len(server.recv(30_000)) == 20_000


def test_a_datagram_larger_than_the_link_becomes_whole(hosts: JoinedHosts) -> None:
    with hosts.make(0, DGRAM) as one, hosts.make(1, DGRAM) as other:
        other.bind((FAR, 0))
        other.setblocking(False)
        one.sendto(bytes(60_000), other.getsockname())
        assert len(other.recv(65_535)) == 60_000


def test_refusals_are_told_without_limit(hosts: JoinedHosts) -> None:
    with hosts.make(0, DGRAM) as one:
        one.connect((FAR, 9))
        for _ in range(200):
            one.send(b"x")
            assert one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED


def test_addresses_are_one_hosts(hosts: JoinedHosts) -> None:
    with hosts.make(0, DGRAM) as near, hosts.make(1, DGRAM) as far:
        near.bind((NEAR, 0))
        with pytest.raises(OSError, match="Cannot assign requested address"):
            far.bind((NEAR, 0))


def test_settings_are_those_of_both_and_the_thread_is_back_at_the_near_one(hosts: JoinedHosts) -> None:
    before = current_inode()
    assert read(SETTINGS) == SETTINGS
    hosts.make(1, DGRAM).close()
    assert current_inode() == before
