"""The net of a test, once on each arm."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from model import SimNet
from realnet import NamespaceRefused, RealNet


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
