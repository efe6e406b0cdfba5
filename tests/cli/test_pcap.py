"""`run --pcap`: the file is read back block by block.

What is written must be what the model sent: every packet is decoded and converted back, and is the segment it came
from.

Not here: the bytes of single packets (tests/model/test_wire.py); what Wireshark makes of them (test_tshark.py).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from model.trace import Trace, WireEvent
from model.values.conversion import Conversion
from model.values.packets import IpPacket, Tcp
from model.values.segments import Datagram, IcmpMessage, Segment
from model.values.wire import decode
from wouldblock import scenarios
from wouldblock.pcap import pcapng

from .captures import ALL, Caught, caught, large_on_loopback, run, two_hosts
from .conftest import Invoke, one_sentence


def check_packets(trace: Trace) -> list[Caught]:
    """Every packet of the file is the one that the model sent, and there is no other."""
    found, wire = caught(pcapng(trace)), Conversion()
    at = 0
    for event in (event for event in trace.events if isinstance(event, WireEvent)):
        data = b""
        while True:
            one, at = found[at], at + 1
            assert (one.host, one.at_ns, one.comment) == (event.host, event.at_ns, event.text)
            packet = decode(one.data)
            assert isinstance(packet, IpPacket)
            again = wire.packet(packet)
            if not isinstance(again, Segment):
                break
            data += again.data
            assert isinstance(event.packet, Segment)
            if again.end == event.packet.end:
                break
        sent = event.packet
        assert type(again) is type(sent)
        if isinstance(again, Segment) and isinstance(sent, Segment):
            assert (again.src, again.dst, data) == (sent.src, sent.dst, sent.data)
            for name in ("flags", "window", "mss", "scale", "sack_permitted"):
                assert getattr(again, name) == getattr(sent, name), (name, one.comment)
            assert (again.ack - sent.ack) % (1 << 32) == 0
        elif isinstance(again, Datagram | IcmpMessage) and isinstance(sent, Datagram | IcmpMessage):
            assert (again.src, again.dst) == (sent.src, sent.dst)
    assert at == len(found)
    return found


@pytest.mark.parametrize("scenario", ALL, ids=lambda each: f"{each.path.stem}-{each.name}")
def test_an_example_is_there_packet_for_packet(scenario: scenarios.Scenario) -> None:
    check_packets(run(scenario.function))


def test_two_hosts_are_two_interfaces() -> None:
    found = check_packets(run(two_hosts))
    assert {each.host for each in found} == {"lo", "b"}
    assert max(each.at_ns for each in found) > 1_000_000_000
    assert [each.at_ns for each in found] == sorted(each.at_ns for each in found)


def test_a_run_is_written_as_its_segments() -> None:
    found = check_packets(run(large_on_loopback))
    assert all(len(each.data) <= 65535 for each in found)
    assert sum(len(each.data) for each in found) > 300_000


def test_the_same_trace_gives_the_same_bytes() -> None:
    assert pcapng(run(two_hosts)) == pcapng(run(two_hosts))


# ----------------------------------------------------------------------------------------------------- the command line

GREETING = """
def greeting(net):
    server = net.socket.create_server(("127.0.0.1", 80))
    client = net.socket.create_connection(("127.0.0.1", 80))
    client.send(b"hello")
    client.close()
    server.close()

def nothing(net): ...
"""


def test_run_writes_a_file(invoke: Invoke, scenario: Callable[..., str]) -> None:
    scenario(GREETING)
    result = invoke("run", "mine.py::greeting", "--pcap", "g.pcapng", "--trace", "g.jsonl")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "s2.send" in result.stdout
    found = caught(Path("g.pcapng").read_bytes())
    assert found[0].comment.endswith("S 0:1(0) win 65495 <mss 65495,wscale 10>")
    payload = getattr(decode(found[3].data), "payload", None)
    assert isinstance(payload, Tcp)
    assert payload.data == b"hello"
    assert [path.name for path in sorted(Path().glob("g.*"))] == ["g.jsonl", "g.pcapng"]


def test_standard_output_gets_bytes_and_nothing_else(invoke: Invoke, scenario: Callable[..., str]) -> None:
    scenario(GREETING)
    result = invoke("run", "mine.py::greeting", "--pcap", "-")
    assert result.exit_code == 0
    invoke("run", "mine.py::greeting", "--pcap", "g.pcapng")
    assert result.stdout_bytes == Path("g.pcapng").read_bytes()


def test_a_scenario_without_packets_is_an_empty_capture(invoke: Invoke, scenario: Callable[..., str]) -> None:
    scenario(GREETING)
    assert invoke("run", "mine.py::nothing", "--pcap", "g.pcapng").exit_code == 0
    assert caught(Path("g.pcapng").read_bytes()) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("mine.py --pcap g.pcapng", ["--pcap takes one scenario", "greeting, nothing"]),
        ("mine.py::greeting --pcap missing/g", ["--pcap missing/g", "no directory missing"]),
        ("mine.py::greeting --pcap .", ["--pcap .", "directory"]),
        ("mine.py::greeting --pcap - --trace -", ["--pcap -"]),
        ("mine.py::greeting --pcap - --json -", ["--pcap -"]),
    ],
)
def test_what_cannot_be_written_is_one_sentence(
    invoke: Invoke, scenario: Callable[..., str], arguments: str, words: list[str]
) -> None:
    scenario(GREETING)
    result = invoke("run", *arguments.split())
    assert all(word in one_sentence(result) for word in words)
    assert result.stdout == ""
    assert [path.name for path in Path().iterdir()] == ["mine.py"]
