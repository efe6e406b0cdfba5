"""`run --pcap`: the file is read back block by block, and by Wireshark's own eyes where `tshark` is installed.

What is written must be what the model sent: every packet is decoded and converted back, and is the segment it came
from. tshark judges checksums, lengths and the course of a connection.

Not here: the bytes of single packets (tests/model/test_wire.py).
"""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from model import SimNet
from model.trace import Trace, WireEvent
from model.values.conversion import Conversion
from model.values.packets import IpPacket, Tcp
from model.values.segments import Datagram, IcmpMessage, Segment
from model.values.wire import decode
from wouldblock import scenarios
from wouldblock.pcap import pcapng

from .conftest import Invoke, one_sentence

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
ALL = [each for file in sorted(EXAMPLES.glob("*.py")) for each in scenarios.load(str(file))]
Block = tuple[int, bytes, dict[int, bytes]]
_FIXED = {0x0A0D0D0A: 16, 1: 8, 6: 20}
"""Block type → bytes of its body before packet and options."""


def blocks(data: bytes) -> Iterator[Block]:
    """Type, fixed part with the packet, and options of each block."""
    at = 0
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        assert length % 4 == 0
        assert struct.unpack_from("<I", data, at + length - 4) == (length,)
        body = data[at + 8 : at + length - 4]
        size = _FIXED[kind]
        captured = struct.unpack_from("<I", body, 12)[0] if kind == 6 else 0
        yield kind, body[: size + captured], dict(options(body[size + captured + -captured % 4 :]))
        at += length
    assert at == len(data)


def options(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while (code_and_length := struct.unpack_from("<HH", data, at)) != (0, 0):
        code, length = code_and_length
        yield code, data[at + 4 : at + 4 + length]
        at += 4 + length + -length % 4
    assert at + 4 == len(data)


@attrs.frozen
class Caught:
    """One packet of a file."""

    host: str
    at_ns: int
    data: bytes
    comment: str


def caught(data: bytes) -> list[Caught]:
    section, *rest = blocks(data)
    assert section[0] == 0x0A0D0D0A
    assert struct.unpack("<IHHq", section[1]) == (0x1A2B3C4D, 1, 0, -1)
    hosts, found = [], []
    for kind, body, given in rest:
        if kind == 1:
            assert struct.unpack("<HHI", body) == (101, 0, 0)
            assert given[9] == b"\x09"
            hosts.append(given[2].decode())
        else:
            interface, high, low, captured, length = struct.unpack_from("<IIIII", body)
            assert captured == length == len(body) - 20
            assert given[2] == b"\2\0\0\0"
            found.append(Caught(hosts[interface], high << 32 | low, body[20:], given[1].decode()))
    return found


def run(function: Callable[[Any], Any]) -> Trace:
    with SimNet(seed=3) as net:
        function(net)
        return net.trace


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


def two_hosts(net: Any, loss: bool = True) -> None:
    """A transfer over a wire that loses a segment, then runs on loopback."""
    b = net.host("b")
    if loss:
        net.wire.judge = lambda passing: net.wire.DROP if passing.number == 6 else net.wire.PASS
    with b.socket.create_server((b.address, 80)) as server, net.socket.create_connection((b.address, 80)) as near:
        far, _ = server.accept()
        for _ in range(4):
            near.send(bytes(4000))
            net.time.sleep(0.001)
        net.time.sleep(1)
        assert len(far.recv(20_000)) == 16_000
        far.close()
        assert near.recv(1) == b""
    net.time.sleep(1)


def large_on_loopback(net: Any) -> None:
    """Runs of segments, cut on their way."""
    with net.socket.create_server(("127.0.0.1", 80)) as server:
        near = net.socket.create_connection(("127.0.0.1", 80))
        far, _ = server.accept()
        got, text = b"", bytes(range(250)) * 1200
        near.setblocking(False)
        while len(got) < len(text):
            try:
                near.send(text[len(got) :])
            except BlockingIOError:
                pass
            got += far.recv(1 << 20)
        near.close()
        far.close()


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


# --------------------------------------------------------------------------------------------------------------- tshark

COLUMNS = ("frame.number", "_ws.malformed", "ip.checksum.status", "tcp.checksum.status", "udp.checksum.status",
           "icmp.checksum.status", "tcp.analysis.flags", "_ws.expert.message")  # fmt: skip
CHECKED = [f"{name}.check_checksum:TRUE" for name in ("ip", "tcp", "udp")]
BAD = "0"
"""In a column of checksums; 1 is good, 2 is unverified."""


@attrs.frozen
class Judgement:
    """What tshark says of a file."""

    packets: int
    wrong: list[str]
    """Malformed packets and bad checksums."""
    remarks: list[str]
    """Of the course of connections."""


def judged(data: bytes, folder: Path) -> Judgement:
    program = shutil.which("tshark")
    if program is None:
        pytest.skip("tshark is not installed: nobody else here reads pcapng")
    file = folder / "judged.pcapng"
    file.write_bytes(data)
    arguments = [program, "-n", "-r", str(file), "-T", "fields", "-E", "occurrence=a", "-E", "aggregator=|"]
    arguments += [f"-o{preference}" for preference in CHECKED] + [f"-e{column}" for column in COLUMNS]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    wrong, remarks = [], []
    lines = done.stdout.splitlines()
    for line in lines:
        number, malformed, *sums, analysis, message = (line + "\t" * len(COLUMNS)).split("\t")[: len(COLUMNS)]
        wrong += [f"{number}: malformed"] if malformed else []
        wrong += [f"{number}: checksum"] if BAD in "|".join(sums).split("|") else []
        remarks += [f"{number}: {message}"] if analysis else []
    assert all(re.match(r"\d+\t", line) for line in lines)
    return Judgement(len(lines), wrong, remarks)


@pytest.mark.parametrize("scenario", ALL, ids=lambda each: f"{each.path.stem}-{each.name}")
def test_wireshark_has_nothing_to_say_of_an_example(scenario: scenarios.Scenario, tmp_path: Path) -> None:
    data = pcapng(run(scenario.function))
    judgement = judged(data, tmp_path)
    assert judgement.packets == len(caught(data))
    assert judgement.wrong == []
    full = scenario.name == "full_and_free_again"  # fills a window, and that is what tshark says of it
    assert [remark for remark in judgement.remarks if not (full and "window" in remark)] == []


def test_wireshark_follows_a_large_transfer(tmp_path: Path) -> None:
    judgement = judged(pcapng(run(large_on_loopback)), tmp_path)
    assert judgement.wrong == []
    assert [remark for remark in judgement.remarks if "window" not in remark] == []


def test_wireshark_sees_a_loss_and_a_spoilt_byte(tmp_path: Path) -> None:
    """It does look."""
    clean = pcapng(run(lambda net: two_hosts(net, loss=False)))
    assert judged(clean, tmp_path) == Judgement(len(caught(clean)), [], [])
    lossy = judged(pcapng(run(two_hosts)), tmp_path)
    assert lossy.wrong == []
    assert any("retransmission" in remark for remark in lossy.remarks)
    third = caught(clean)[2].data
    spoilt = clean.replace(third, third[:-1] + bytes([third[-1] ^ 1]), 1)
    assert judged(spoilt, tmp_path).wrong == ["3: checksum"]
