"""The net of a test, once on each arm; and, where it may be had, a processor that nobody else takes away meanwhile.

What a long send finds in its buffers hangs on whether the machine interrupts it: packets then wait for another thread
of the kernel's. Ahead of everything else that runs (sched(7), SCHED_FIFO), a test is interrupted hardly ever.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import pytest

from model import SimNet
from realnet import NamespaceRefused, RealNet


@pytest.fixture(autouse=True)
def ahead_of_others() -> Iterator[None]:
    before, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    yield
    os.sched_setscheduler(0, before, parameters)


@pytest.fixture(params=["model", "kernel"])
def arm(request: pytest.FixtureRequest) -> Any:
    """The class of nets of one arm, if the machine has it."""
    try:
        with RealNet() if request.param == "kernel" else SimNet():
            return RealNet if request.param == "kernel" else SimNet
    except NamespaceRefused as refusal:
        pytest.skip(f"the running kernel is out of reach: {refusal.strerror}")


@pytest.fixture(params=["model", "kernel"])
def net(request: pytest.FixtureRequest) -> Iterator[Any]:
    try:
        with SimNet() if request.param == "model" else RealNet() as made:
            yield made
    except NamespaceRefused as refusal:
        pytest.skip(f"the running kernel is out of reach: {refusal.strerror}")
