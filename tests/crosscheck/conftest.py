"""A private namespace for each test that needs the kernel; where the machine refuses one, the test says so and is
skipped.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from realnet.diag import Diag
from realnet.namespace import Namespace, NamespaceRefused
from realnet.page import FreshPage


@pytest.fixture
def diag() -> Iterator[Diag]:
    """Inside a namespace of its own, with a socket that asks for the states of closed connections."""
    try:
        namespace = Namespace()
        namespace.__enter__()
    except NamespaceRefused as refused:
        pytest.skip(f"the kernel's arm needs a private namespace: {refused}")
    try:
        with Diag() as diag:
            yield diag
    finally:
        namespace.__exit__(None, None, None)


@pytest.fixture
def page(diag: Diag) -> Iterator[FreshPage]:
    """A connection in the same namespace that turns the page for each sequence."""
    with FreshPage() as page:
        yield page
