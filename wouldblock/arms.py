"""The two arms, opened for a command: the model always, the kernel where the machine allows a private network
namespace.

Either arm is imported when it is first needed, so that `--help` answers at once and the model runs where the kernel's
arm cannot.

Not here: what runs on them (scenarios.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from wouldblock.front import Stop


@contextmanager
def model(seed: int) -> Iterator[Any]:
    """The simulated net."""
    from model import SimNet

    with SimNet(seed=seed) as net:
        yield net


@contextmanager
def kernel(seed: int = 0) -> Iterator[Any]:
    """The running kernel in a private network namespace; `seed` decides which thread runs. Raises `Stop` where none may
    be made.
    """
    from realnet import NamespaceRefused, RealNet

    with refused_in_a_sentence(NamespaceRefused), RealNet(seed) as net:
        yield net


@contextmanager
def refused_in_a_sentence(*refusals: type[OSError]) -> Iterator[None]:
    """Turn the refusal of a namespace into a `Stop`."""
    try:
        yield
    except refusals as error:
        raise Stop(f"{error.strerror or error}.") from None
