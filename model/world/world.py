"""The world: hosts in one virtual time. So far it has a single host, called "lo", joined to itself.

Not here: further hosts, wires that delay and lose.
"""

from __future__ import annotations

from .. import machines  # noqa: F401  # a world has all rules: importing this declares them
from ..choices import Policy, Seeded
from ..profiles import LINUX, Profile
from ..trace import Trace
from .host import Host


class World:
    """A simulated world. The same seed and the same calls give the same trace, byte for byte."""

    def __init__(
        self, seed: int = 0, profile: Profile = LINUX, trace: Trace | None = None, policy: Policy | None = None
    ) -> None:
        self.trace = trace
        self.host = Host("lo", profile, policy or Seeded(seed), trace)
