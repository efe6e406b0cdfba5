"""Private namespaces: what is pinned inside, that nothing outside changes, that the thread comes back, and what is said
where none may be made.

Without root everything is different (a user namespace, no way back), so that is tried in processes of their own that
give up their rights.

Not here: sockets (test_net.py).
"""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from realnet import Namespace, NamespaceRefused, namespace
from realnet.settings import DEFAULT, PINNED, REPORTED, Settings, read

ROOT = Path(__file__).parent.parent.parent


def standing() -> tuple[object, ...]:
    """Where this thread is and what it has open."""
    return (
        namespace.current_inode(),
        os.sched_getaffinity(0),
        sorted(path.name for path in Path("/proc/self/fd").iterdir()),
    )


def test_inside_and_back() -> None:
    before, settings_before = standing(), read([*PINNED, *REPORTED])
    with Namespace() as inside:
        assert namespace.current_inode() == inside.inode != before[0]
        assert inside.contains_this_thread()
        assert os.sched_getaffinity(0) == {inside.cpu} <= before[1]  # type: ignore[operator]
        assert [name for _, name in socket.if_nameindex()] == ["lo"]
    assert not inside.contains_this_thread()
    assert standing() == before
    assert read([*PINNED, *REPORTED]) == settings_before


def test_the_settings_are_pinned_and_read_back() -> None:
    with Namespace() as inside:
        known = [name for name in PINNED if Path("/proc/sys", *name.split(".")).exists()]
        assert {name: inside.settings[name] for name in known} == {name: PINNED[name] for name in known}
        assert inside.settings == read([*PINNED, *REPORTED])
        assert inside.settings["net.ipv4.tcp_congestion_control"] == "reno"
    assert inside.kernel == os.uname().release


def test_other_settings_on_request() -> None:
    with Namespace({**PINNED, "net.ipv4.tcp_fin_timeout": "5"}) as inside:
        assert inside.settings["net.ipv4.tcp_fin_timeout"] == "5"


def test_the_kernels_own_settings_are_pinned_too() -> None:
    differs = {name: value for name, value in DEFAULT.sysctls.items() if PINNED.get(name) != value}
    assert differs == {
        "net.ipv4.tcp_autocorking": "1", "net.ipv4.tcp_moderate_rcvbuf": "1", "net.ipv4.tcp_no_metrics_save": "0",
    }  # fmt: skip
    with Namespace(DEFAULT) as inside, socket.socket() as listener:
        assert {name: inside.settings[name] for name in differs} == differs
        assert inside.settings["TCP_CONGESTION"] == "cubic"
        DEFAULT.tell(listener)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        with socket.create_connection(listener.getsockname()), listener.accept()[0] as child:
            for each in (listener, child):
                used = each.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16)
                assert used.rstrip(b"\0") == b"cubic"


def test_an_algorithm_that_is_not_there_is_refused() -> None:
    before = standing()
    with pytest.raises(NamespaceRefused, match=r"told to use nonesuch here .*modprobe tcp_nonesuch"):
        Namespace(Settings("other", PINNED, "nonesuch")).__enter__()
    assert standing() == before


def test_loopback_is_up_and_its_own() -> None:
    with Namespace(), socket.create_server(("127.0.0.1", 80)) as outer:
        with Namespace():  # the port is free here, and nobody is behind it
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", 80))
            socket.create_server(("127.0.0.1", 80)).close()
        with socket.create_connection(("127.0.0.1", 80)) as client:
            accepted, caller = outer.accept()
            accepted.close()
            assert caller == client.getsockname()


def test_no_way_out() -> None:
    with (
        Namespace(),
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe,
        pytest.raises(OSError, match="unreachable") as caught,
    ):
        probe.connect(("192.0.2.1", 9))
    assert caught.value.errno == errno.ENETUNREACH


def test_only_the_thread_that_entered_leaves() -> None:
    inside = Namespace()
    inside.__enter__()
    said: list[object] = []

    def leave() -> None:
        try:
            inside.__exit__(None, None, None)
        except RuntimeError as error:
            said.append(str(error))

    try:
        thread = threading.Thread(target=leave)
        thread.start()
        thread.join()
        assert said == ["a Namespace is left by the thread that entered it, and by no other"]
        assert inside.contains_this_thread()
    finally:
        inside.__exit__(None, None, None)


def test_entered_once_at_a_time() -> None:
    before = standing()
    with Namespace() as inside, pytest.raises(RuntimeError, match="entered already"):
        inside.__enter__()
    assert standing() == before


def test_an_error_inside_leads_back() -> None:
    before = standing()
    with pytest.raises(ZeroDivisionError), Namespace():
        raise ZeroDivisionError
    assert standing() == before


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
def test_settings_that_may_not_be_written(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def refuse(_values: object) -> None:
        raise OSError(number, os.strerror(number), "/proc/sys/net/ipv4/tcp_sack")

    before = standing()
    monkeypatch.setattr(namespace, "write", refuse)
    with pytest.raises(NamespaceRefused) as caught:
        Namespace().__enter__()
    assert os.strerror(number) in str(caught.value)
    assert "run as root" in str(caught.value)
    assert standing() == before


@pytest.mark.parametrize(
    ("number", "remedy"), [(errno.EPERM, "run as root"), (errno.ENOSPC, "user.max_net_namespaces")]
)
def test_refused(monkeypatch: pytest.MonkeyPatch, number: int, remedy: str) -> None:
    """unshare(2) says EPERM without the right, ENOSPC where a limit (user.max_net_namespaces) is reached."""

    def refuse(_flags: int) -> None:
        raise OSError(number, os.strerror(number))

    before = standing()
    monkeypatch.setattr(namespace, "unshare", refuse)
    with pytest.raises(PermissionError) as caught:
        Namespace().__enter__()
    assert isinstance(caught.value, NamespaceRefused)
    assert remedy in str(caught.value)
    assert "\n" not in str(caught.value)
    assert standing() == before


# Without root ---------------------------------------------------------------------------------------------------------

_GIVE_UP_ROOT = """
import ctypes, encodings.idna, os, sys, threading
from realnet import Namespace, NamespaceRefused, RealNet
with RealNet():  # what it imports and reads is at hand afterwards
    pass
os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)
ctypes.CDLL(None).prctl(4, 1)  # PR_SET_DUMPABLE: as if started like this
where = lambda: os.stat("/proc/thread-self/ns/net").st_ino
user = lambda: os.stat("/proc/self/ns/user").st_ino
home, owner = where(), user()
"""


def without_root(script: str) -> list[str]:
    """Run `script` as nobody; the lines it prints. Skips the test where this user may not do that, or nobody may."""
    if os.geteuid() != 0:
        pytest.skip("giving up root takes root")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _GIVE_UP_ROOT + script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 3:
        pytest.skip(f"unprivileged user namespaces are not allowed here: {done.stdout.strip()}")
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_without_root() -> None:
    """A private network inside a user namespace, again and again; the way back is to the waiting room."""
    lines = without_root("""
try:
    with Namespace() as first:
        inside, settings = where(), first.settings
except NamespaceRefused as refusal:
    print(refusal.strerror)
    sys.exit(3)
room = where()
print(len({home, inside, room}), owner != user(), os.getresuid(), settings["net.ipv4.tcp_congestion_control"])
with RealNet() as net:
    server = net.socket.create_server(("127.0.0.1", 80))
    with net.socket.create_connection(("127.0.0.1", 80)) as client:
        client.send(b"hello")
        print(server.accept()[0].recv(10), where() not in (home, inside, room))
print(where() == room, os.sched_getaffinity(0) == os.sched_getaffinity(os.getppid()))
""")
    assert lines == ["3 True (65534, 65534, 65534) reno", "b'hello' True", "True True"]


def test_without_root_a_process_with_threads_is_refused() -> None:
    lines = without_root("""
wait = threading.Event()
thread = threading.Thread(target=wait.wait)
thread.start()
try:
    Namespace().__enter__()
except NamespaceRefused as refusal:
    print(refusal.strerror)
print(home == where(), owner == user())
wait.set()
""")
    assert lines[0].startswith("a private network namespace was refused: without root it needs a user namespace")
    assert "a process with 2 threads may not enter" in lines[0]
    assert lines[1:] == ["True True"]


def test_without_root_a_refusal_leaves_the_process_as_it_was() -> None:
    """The machine says no halfway, at the network namespace inside the user namespace, as Ubuntu's AppArmor does."""
    lines = without_root("""
from realnet import namespace
original = namespace.unshare
def half(flags):
    if user() != owner or flags == namespace.CLONE_NEWNET:
        raise PermissionError(1, "Operation not permitted")
    original(namespace.CLONE_NEWUSER)
namespace.unshare = half
try:
    Namespace().__enter__()
except NamespaceRefused as refusal:
    print(refusal.strerror)
print(home == where(), owner == user(), os.getuid())
""")
    assert lines[0].startswith("a private network namespace was refused (Operation not permitted): run as root, or ")
    assert lines[1:] == ["True True 65534"]
