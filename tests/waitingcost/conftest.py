"""A namespace of the kernel, entered, where the machine allows that and what is measured in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from realnet.namespace import Namespace, NamespaceRefused
from realnet.tracepoints import TracepointsRefused
from wouldblock.waitingcost.measurement import Measured, PriorityRefused


@pytest.fixture
def cpu() -> Iterator[int]:
    """The processor on which the test runs, inside a namespace."""
    try:
        with Namespace() as namespace:
            with Measured(namespace.cpu):
                pass
            yield namespace.cpu
    except (NamespaceRefused, TracepointsRefused, PriorityRefused) as refusal:
        pytest.skip(f"the running kernel is out of reach: {refusal.strerror}")
