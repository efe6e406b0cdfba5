"""Congestion control: how far the congestion window opens, and how far it closes after a loss.

Reno (RFC 5681 §3.1): below `ssthresh` the window opens by a segment for every segment acknowledged, above it by one
for every window. A loss halves it. The window opens only while it is really used up.

Not here: other algorithms.
"""

from __future__ import annotations

from .block import Tcb

LEAST = 2
"""Segments that the threshold never goes below (RFC 5681 §3.1, equation 4)."""


def opens(tcb: Tcb, acknowledged: int) -> None:
    """So many segments were acknowledged, and nothing was lost."""
    if tcb.cwnd < tcb.ssthresh:
        if tcb.cwnd < 2 * tcb.in_flight_max:
            tcb.cwnd = min(tcb.cwnd + acknowledged, tcb.ssthresh)
        return
    if tcb.in_flight_max < tcb.cwnd:
        return
    tcb.cwnd_count += acknowledged
    if tcb.cwnd_count >= tcb.cwnd:
        tcb.cwnd_count -= tcb.cwnd
        tcb.cwnd += 1


def after_loss(tcb: Tcb) -> int:
    """The threshold after a loss, in segments."""
    return max(tcb.cwnd // 2, LEAST)
