"""Where no private network namespace may be made, these tests are skipped, and the reason is shown.

Not here: anything else; each test enters the namespace it needs.
"""

from __future__ import annotations

import pytest

from realnet import Namespace, NamespaceRefused


@pytest.fixture(autouse=True, scope="session")
def _a_namespace_may_be_made() -> None:
    try:
        with Namespace():
            pass
    except NamespaceRefused as refusal:
        pytest.skip(f"the running kernel is out of reach: {refusal.strerror}")
