"""Where a sequence plays: on loopback, or between two hosts. A place makes both arms, and says what is pinned there.

Every sequence has a *home*, an address that nobody has used before (of the near host, if there are two; the far host's
goes with it). An operation means the same everywhere; what its addresses stand for is the place's to say.

**Between two hosts** the sockets that a program makes are the near host's and the far host's in turn, and an accepted
one is its listener's. Addresses are such as a program would use:

- ``("home", port)`` is the own host's in a bind, and the other one's in a connect or a send;
- ``("of", n)`` is the address that socket n is bound to, as before; of one on the other host that is bound to the
  wildcard it is that host's home. So some connections stay on one host, some socket is to be bound to the other host's
  address, and one that is bound to loopback is to send to the other host.

Epolls are the program's, and watch sockets of both hosts.

Not here: what is played (operations.py), and how it is compared (pair.py).
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import attrs

from model.choices import Policy
from model.profiles import Profile, with_default_settings
from model.values.addresses import ANY
from model.world.host import Host
from model.world.namespaces import SharedKernel
from model.world.pace import Pace
from realnet import joined, settings
from realnet.joined import JoinedHosts
from realnet.settings import DEFAULT, PINNED_SETTINGS

from .arms import KernelArm, ModelArm
from .operations import Hosts


def home_address(number: int) -> str:
    """A loopback address for the sequence with this number; they repeat after four million."""
    number = number % (250 * 127 * 127)
    return f"127.{1 + number // (127 * 127)}.{1 + number // 127 % 127}.{1 + number % 127}"


class PlaceRefused(OSError):
    """The kernel does not make such a place. The text says in one sentence what failed."""


PACE = Pace(byte_ps=45, sending_ns=1700, arriving_ns=1700)
"""How work is shared out within a call: what a byte costs beside a segment."""


class Place:
    """Loopback: all sockets are one host's."""

    settings = PINNED_SETTINGS
    """What is pinned in the namespace."""
    where = "loopback"
    """What a report calls it."""
    made_at = "127.0.0.1"
    """The home of a sequence while it is made up."""
    pace: Pace | None = None
    """What work costs on the model; None: it takes no time."""

    slower = 1.0
    """How many times slower it is than the kernel was seen to be."""

    def doubts(self) -> Iterator[Place]:
        """The same place with work that is somewhat quicker or slower: none where work takes no time."""
        yield from ()

    def home(self, number: int) -> str:
        """The home of the sequence with this number."""
        return home_address(number)

    @contextmanager
    def opened(self) -> Iterator[Mapping[str, str]]:
        """Make the place, in the namespace that the caller has entered. What is set there beside the settings of every
        namespace. Raises `PlaceRefused` where the kernel lacks something.
        """
        yield {}

    def profile(self, profile: Profile) -> Profile:
        """What a host of the model is to be here."""
        return profile

    def kernel(self, home: str) -> KernelArm:
        return KernelArm(home)

    def model(self, home: str, policy: Policy, profile: Profile) -> ModelArm:
        return ModelArm(home, Host("lo", self.profile(profile), policy))


class OwnSettings(Place):
    """Loopback with the kernel's own settings. Work takes time there on the model too (model/world/pace.py)."""

    settings = DEFAULT
    where = f"loopback, {DEFAULT.name} settings"

    def __init__(self, slower: float = 1.0) -> None:
        self.slower, self.pace = slower, PACE

    def doubts(self) -> Iterator[Place]:
        return map(OwnSettings, (0.6, 0.8, 1.25, 1.6))

    def profile(self, profile: Profile) -> Profile:
        return with_default_settings(profile)

    def kernel(self, home: str) -> KernelArm:
        arm = super().kernel(home)
        arm.settings = self.settings
        return arm

    def model(self, home: str, policy: Policy, profile: Profile) -> ModelArm:
        host = Host("lo", self.profile(profile), policy)
        host.pace = self.pace
        return ModelArm(home, host)


class TwoHosts(Place):
    """Two hosts of one kernel, joined by a pair of Ethernet ends (realnet/joined.py, model/world/namespaces.py)."""

    where = f"two hosts, MTU {joined.MTU}"
    made_at = joined.homes(0)[0]

    def __init__(self) -> None:
        self._hosts: JoinedHosts | None = None

    def home(self, number: int) -> str:
        return joined.homes(number)[0]

    @contextmanager
    def opened(self) -> Iterator[Mapping[str, str]]:
        hosts = JoinedHosts()
        try:
            hosts.__enter__()
        except OSError as error:
            raise PlaceRefused(f"this kernel joins no two hosts by a pair of Ethernet ends: {error}") from error
        try:
            self._hosts = hosts
            yield settings.read(joined.SETTINGS)
        finally:
            hosts.__exit__(None, None, None)

    def profile(self, profile: Profile) -> Profile:
        divisor = int(joined.SETTINGS["net.ipv4.tcp_tso_win_divisor"])
        return attrs.evolve(profile, tso_win_divisor=divisor)

    def kernel(self, home: str) -> KernelArm:
        assert self._hosts is not None, "the place is open"
        return _TwoKernels(home, self._hosts)

    def model(self, home: str, policy: Policy, profile: Profile) -> ModelArm:
        own = [(end, each) for end, each in zip(joined.ENDS, _homes(home), strict=True)]
        return _TwoModels(home, SharedKernel(self.profile(profile), policy, own, joined.NETWORK, joined.MTU))


LOOPBACK = Place()


def _homes(home: str) -> tuple[str, str]:
    return home, joined.opposite(home)


class _Divided:
    """On which host each socket is: mixed into both arms."""

    home: str
    made: int

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.asked = 0
        """How many sockets were made, accepted ones not counted."""
        self.at: dict[int, int] = {}
        """Socket → the number of its host."""

    def _next(self) -> int:
        """The host of the socket that is made now."""
        host = self.asked % 2
        self.asked += 1
        self.at[self.made + 1] = host
        return host

    def _stand_for(
        self, n: int, symbolic: tuple[str, int], local: tuple[str, int], own: bool
    ) -> tuple[str, int] | None:
        """What an address stands for, where it is not the same as on loopback. `local` is the address of the socket
        that it names.
        """
        where, value = symbolic
        homes = _homes(self.home)
        if where == "home":
            return homes[self.at[n] if own else 1 - self.at[n]], value
        if where == "of" and local[0] == ANY and self.at[n] != self.at[value]:
            return homes[self.at[value]], local[1]
        return None


class _TwoKernels(_Divided, KernelArm):
    def __init__(self, home: str, hosts: JoinedHosts) -> None:
        super().__init__(home)
        self.hosts = hosts

    def _tcp(self) -> None:
        self._add(self.hosts.make(self._next(), socket.SOCK_STREAM))

    def _udp(self) -> None:
        self._add(self.hosts.make(self._next(), socket.SOCK_DGRAM))

    def _accept(self, n: int) -> Any:
        self.at[self.made + 1] = self.at[n]
        return super()._accept(n)

    def _dup(self, n: int, inheritable: bool) -> None:
        self.at[self.made + 1] = self.at[n]
        super()._dup(n, inheritable)

    def _address(self, n: int, symbolic: tuple[str, int], *, own: bool = False) -> tuple[str, int]:
        local = self.sockets[symbolic[1]].getsockname() if symbolic[0] == "of" else (ANY, 0)
        return self._stand_for(n, symbolic, local, own) or super()._address(n, symbolic, own=own)


class _TwoModels(_Divided, ModelArm):
    host: SharedKernel

    def _tcp(self) -> None:
        self._add(self._value(self.host.call("socket", 2, 1, 0, at=self._next())))

    def _udp(self) -> None:
        self._add(self._value(self.host.call("socket", 2, 2, 0, at=self._next())))

    def _accept(self, n: int) -> Any:
        self.at[self.made + 1] = self.at[n]
        return super()._accept(n)

    def _dup(self, n: int, inheritable: bool) -> None:
        self.at[self.made + 1] = self.at[n]
        super()._dup(n, inheritable)

    def _address(self, n: int, symbolic: tuple[str, int], *, own: bool = False) -> tuple[str, int]:
        local = self.endpoint(symbolic[1]).local if symbolic[0] == "of" else (ANY, 0)
        return self._stand_for(n, symbolic, local, own) or super()._address(n, symbolic, own=own)

    def fork(self, host: Hosts) -> ModelArm:
        new = super().fork(host)
        assert isinstance(new, _TwoModels)
        new.asked, new.at = self.asked, dict(self.at)
        return new
