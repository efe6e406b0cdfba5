"""Where no private network namespace may be made, the tests on the kernel are skipped, and the reason is shown.

Not here: anything else.
"""

from __future__ import annotations

import pytest

from realnet import Namespace, NamespaceRefused


@pytest.fixture(scope="session")
def kernel_in_reach() -> None:
    try:
        with Namespace():
            pass
    except NamespaceRefused as refusal:
        pytest.skip(f"the running kernel is out of reach: {refusal.strerror}")
