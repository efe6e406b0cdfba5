"""docs/waiting.md: the tables and the claims, from what report.py has stored. No number is typed here.

Not here: the chart (chart.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from typing import Any

from .programs import WAYS
from .report import counts

Stored = Mapping[str, Any]


def page(stored: Stored) -> str:
    """The page in Markdown."""
    return "\n".join([*_head(stored), *_echo(stored), *_unpinned(stored), *_senders(stored), *_frames(stored),
                      *_naps(stored), *_claims(stored), ""])  # fmt: skip


def _head(stored: Stored) -> list[str]:
    return [
        "# What waiting costs",
        "",
        (
            f"Linux {stored['kernel']}, CPython {stored['python']}, {stored['date']}; made by "
            "`python -m wouldblock.waitingcost`. Counts of the kernel are those of its tracepoints. The model's are "
            "made by the same program on one simulated processor (`model/simnet/processor.py`); processor time is "
            "predicted as a sum of what was counted, each thing at a price that was measured once."
        ),
        "",
        "![Processor time, system calls, switches and wake-ups by number of connections](diagrams/waiting.svg)",
        "",
    ]


def _echo(stored: Stored) -> list[str]:
    rows = [
        (
            f"An echo of {stored['message_bytes']} bytes, at most {stored['few']} connections ready at a time, one "
            "processor, SCHED_FIFO. All figures are for one message, server and client together: the model's, then the "
            "kernel's. select has a limit of 1,024 descriptors, which 1,000 connections with both ends in one process "
            "exceed only for the client's."
        ),
        "",
        "| way to wait | connections | system calls | switches | wake-ups | processor time, µs |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for entry in stored["echo"]:
        model, kernel, messages = counts(entry["predicted"]), counts(entry["measured"]), entry["messages"]
        pairs = [
            (model.system_calls, kernel.system_calls),
            (model.switches, kernel.switches),
            (model.wakeups, kernel.wakeups),
        ]
        cells = [_both(predicted / messages, measured / messages) for predicted, measured in pairs]
        cells.append(_both(entry["predicted_ns"] / 1000, median(entry["measured_ns"]) / 1000))
        rows.append(f"| {entry['way']} | {entry['connections']:,} | {' | '.join(cells)} |")
    return [*rows, ""]


def _both(predicted: float, measured: float) -> str:
    one, other = (f"{number:.3g}" if number < 1000 else f"{number:,.0f}" for number in (predicted, measured))
    return one if one == other else f"{one} / {other}"


def _unpinned(stored: Stored) -> list[str]:
    rows = [
        (
            f"Left to the default scheduler, {stored['unpinned'][0]['connections']} connections, "
            f"{stored['runs']} runs, for one message, from the least to the most:"
        ),
        "",
        "| way to wait | system calls | switches |",
        "|---|---:|---:|",
    ]
    for entry in stored["unpinned"]:
        seen = [counts(each) for each in entry["measured"]]
        cells = (sorted(getattr(each, of) / entry["messages"] for each in seen) for of in ("system_calls", "switches"))
        rows.append(f"| {entry['way']} | {' | '.join(f'{cell[0]:.3g} to {cell[-1]:.3g}' for cell in cells)} |")
    return [*rows, ""]


def _senders(stored: Stored) -> list[str]:
    rows = [
        (
            "Senders that meet would-block: one that asks again at once (spin), one that waits for room with poll, one "
            "that blocks. Calls in vain, the model's and the kernel's, and processor time:"
        ),
        "",
        "| work | way | in vain, model | in vain, kernel | processor time, ms |",
        "|---|---|---:|---:|---:|",
    ]
    for entry in stored["senders"]:
        vain = sorted(entry["in_vain"])
        seen = f"{vain[0]:,}" if vain[0] == vain[-1] else f"{vain[0]:,} to {vain[-1]:,}"
        cells = f"{entry['predicted_in_vain']:,} | {seen} | {entry['cpu_ms']}"
        rows.append(f"| {entry['work']} | {entry['way']} | {cells} |")
    return [*rows, ""]


def _frames(stored: Stored) -> list[str]:
    rows = [
        "A loop of sixty frames a second that looks at a socket in each; a peer speaks ten times a second:",
        "",
        "| the socket | arm | frames in a second | longest frame, ms | messages |",
        "|---|---|---:|---:|---:|",
    ]
    for entry in stored["frames"]:
        kind = "blocking" if entry["blocking"] else "non-blocking"
        for arm, name in (("predicted", "model"), ("measured", "kernel")):
            beat = entry[arm]
            rows.append(f"| {kind} | {name} | {beat['frames']} | {beat['longest_ms']} | {beat['messages']} |")
    return [*rows, ""]


def _naps(stored: Stored) -> list[str]:
    rows = [
        "A thread that waits, as /proc shows it from its first look to its last:",
        "",
        "| call | system call | state | seen for, ms | processor time meanwhile, ns | switches meanwhile |",
        "|---|---|---|---:|---:|---:|",
    ]
    for nap in stored["naps"]:
        rows.append(
            f"| {nap['call']} | {nap['system_call']} | {nap['state']} | {(nap['last_ns'] - nap['since_ns']) / 1e6:.0f} "
            f"| {nap['cpu_ns_last'] - nap['cpu_ns']} | {nap['switches_last'] - nap['switches']} |"
        )
    return [*rows, ""]


def _claims(stored: Stored) -> list[str]:
    blocking, free = (beat["measured"]["frames"] for beat in stored["frames"])
    idle = all(nap["cpu_ns_last"] == nap["cpu_ns"] and nap["state"] == "S" for nap in stored["naps"])
    threads, sweep, epoll = (_largest(stored, way) for way in ("threads", "sweep", "epoll"))
    datagrams = {each["way"]: each for each in stored["senders"] if each["work"] == "datagrams"}
    spin, poll = datagrams["spin"], datagrams["poll"]
    vain = {way: f"{median(datagrams[way]['in_vain']):,.0f}" for way in ("spin", "poll")}
    calls = {each["way"]: _per(each, "system_calls") for each in (threads, sweep, epoll)}
    return [
        "## The claims, on Linux",
        "",
        f"""- **C02** holds with a condition: a blocking read does not return before there is something to
  read; the loop made {blocking} frames in a second, the same with a non-blocking socket {free}. But one
  byte is enough for a read, and a blocking *send* returns as soon as the buffer has taken the bytes
  (rules `recv_takes_bytes`, `send_takes_everything`).""",
        f"""- **C03** {"holds" if idle else "does not hold"}: whoever waits is in state S, in its system call, and
  neither its processor time nor its switches grow, in each of {len(stored["naps"])} calls
  (rules `thread_waits`, `thread_is_woken`).""",
        f"""- **C17** holds with a condition: with {threads["connections"]:,} connections a thread for each makes
  {_per(threads, "switches")} switches for a message, one epoll loop {_per(epoll, "switches")}. But it makes
  fewer system calls ({calls["threads"]} against {calls["epoll"]}), and the processor time is
  {_us(threads)} µs against {_us(epoll)}.""",
        f"""- **C22** holds with a condition: a datagram goes whole or not at all. Behind a slow device a sender
  that asked again at once did so {vain["spin"]} times in vain and took {spin["cpu_ms"]} ms of processor time,
  one that waited with poll {vain["poll"]} times and {poll["cpu_ms"]} ms. On loopback nothing is ever held
  back, and it does not happen.""",
        f"""- **C24** holds: one thread serves {sweep["connections"]:,} connections, and a loop that asks all of
  them in turn makes {calls["sweep"]} system calls for a message, an epoll loop {calls["epoll"]}.""",
    ]


def _largest(stored: Stored, way: str) -> Mapping[str, Any]:
    assert way in WAYS
    return max((e for e in stored["echo"] if e["way"] == way), key=lambda e: e["connections"])


def _per(entry: Mapping[str, Any], of: str) -> str:
    return f"{getattr(counts(entry['measured']), of) / entry['messages']:.3g}"


def _us(entry: Mapping[str, Any]) -> str:
    return f"{median(entry['measured_ns']) / 1000:.3g}"
