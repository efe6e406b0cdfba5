"""A thread that waits costs nothing: it sleeps in the kernel, in every call that can wait, and its processor time and
its switches do not grow until what it waits for has come.
"""

from __future__ import annotations

import pytest

from realnet import NamespaceRefused
from wouldblock.waitingcost.naps import WAITS, WAITS_S, nap

SYSTEM_CALLS = {
    "recv": "recvfrom", "send": "sendto", "accept": "accept4", "connect": "connect", "select": "pselect6",
    "poll": "poll", "epoll_wait": "epoll_wait", "sleep": "clock_nanosleep",
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.parametrize("call", WAITS)
def test_who_waits_is_not_on_the_processor(call: str) -> None:
    try:
        seen = nap(call)
    except NamespaceRefused as refusal:
        pytest.skip(f"the running kernel is out of reach: {refusal.strerror}")
    assert (seen.system_call, seen.state) == (SYSTEM_CALLS[call], "S")
    assert seen.last_ns - seen.since_ns > 0.8 * WAITS_S * 1e9, "it was looked at until the wait was over"
    assert seen.cpu_ns_last == seen.cpu_ns
    assert seen.switches_last == seen.switches
