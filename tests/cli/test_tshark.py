"""Our captures by Wireshark's own eyes, where `tshark` is installed: `make test` installs it where it may.

tshark judges checksums and lengths, reads options, scales windows, and follows every connection: whatever it has to say
of a connection's course is in `tcp.analysis.flags`. Of a run in which nothing is lost it says nothing. Of a lossy one
it says what the model did: every segment that was sent again, every acknowledgement that repeats another, and no more.

Not here: our own reading of the same files (test_pcap.py).
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from model.trace import Trace, WireEvent
from model.values.segments import Datagram, IcmpMessage, Segment
from wouldblock import scenarios
from wouldblock.pcap import pcapng

from .captures import ALL, caught, large_on_loopback, run, two_hosts

Frame = dict[str, str]
"""One packet as tshark reads it: field → its values, joined by `|`."""
SUMS = ("ip.checksum.status", "tcp.checksum.status", "udp.checksum.status", "icmp.checksum.status")
AGAIN = tuple(
    f"tcp.analysis.{what}"
    for what in ("retransmission", "fast_retransmission", "spurious_retransmission", "out_of_order")
)
"""Numbers that were there before. One that comes back sooner than the first round trip took is called out of order: on
the side of the sender that cannot be, but tshark does not know the side."""
OPTIONS = ("tcp.options.timestamp.tsval", "tcp.options.timestamp.tsecr", "tcp.options.sack_le", "tcp.options.sack_re")
FIELDS = (
    "frame.number", "_ws.malformed", *SUMS, "tcp.analysis.flags", "_ws.expert.message", *AGAIN,
    "tcp.analysis.duplicate_ack", "tcp.window_size", *OPTIONS,
)  # fmt: skip
PREFERENCES = (
    *(f"{name}.check_checksum:TRUE" for name in ("ip", "tcp", "udp")),
    "tcp.relative_sequence_numbers:FALSE",
)
BAD = "0"
"""In a column of checksums; 1 is good, 2 is unverified."""
PORT = 4000
"""One for which tshark knows no protocol."""


def frames(data: bytes, folder: Path) -> list[Frame]:
    """Every packet of a capture. Skips the test where there is no tshark."""
    program = shutil.which("tshark")
    if program is None:
        pytest.skip("tshark is not installed: nobody else here reads pcapng")
    file = folder / "judged.pcapng"
    file.write_bytes(data)
    arguments = [program, "-n", "-r", str(file), "-T", "fields", "-E", "occurrence=a", "-E", "aggregator=|"]
    arguments += [f"-o{preference}" for preference in PREFERENCES] + [f"-e{field}" for field in FIELDS]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    found = [dict(zip(FIELDS, line.split("\t"), strict=True)) for line in done.stdout.splitlines()]
    assert [frame["frame.number"] for frame in found] == [str(number + 1) for number in range(len(found))]
    return found


@attrs.frozen
class Judgement:
    """What tshark says of a file."""

    packets: int
    wrong: list[str]
    """Malformed packets and bad checksums."""
    remarks: list[str]
    """Of the course of connections."""


def judged(data: bytes, folder: Path) -> Judgement:
    found = frames(data, folder)
    wrong = [f"{frame['frame.number']}: malformed" for frame in found if frame["_ws.malformed"]]
    wrong += [f"{frame['frame.number']}: checksum" for frame in found for name in SUMS if BAD in frame[name].split("|")]
    remarks = [
        f"{frame['frame.number']}: {frame['_ws.expert.message']}" for frame in found if frame["tcp.analysis.flags"]
    ]
    return Judgement(len(found), wrong, remarks)


# --------------------------------------------------------------------------------------------------------- no complaint


SAID = {
    "full_and_free_again": "window", "all_at_once": "window", "shutting_does": "window",
    "a_blocking_send_comes_back_short": "window", "an_interrupted_connect_goes_on": "request (syn)",
}  # fmt: skip
"""Examples that fill a window, or whose SYN goes again because a queue is full: tshark says so of them."""


@pytest.mark.parametrize("scenario", ALL, ids=lambda each: f"{each.path.stem}-{each.name}")
def test_wireshark_has_nothing_to_say_of_an_example(scenario: scenarios.Scenario, tmp_path: Path) -> None:
    data = pcapng(run(scenario.function))
    judgement = judged(data, tmp_path)
    assert judgement.packets == len(caught(data))
    assert judgement.wrong == []
    said = SAID.get(scenario.name)
    assert [remark for remark in judgement.remarks if said is None or said not in remark.lower()] == []


def test_wireshark_follows_a_large_transfer(tmp_path: Path) -> None:
    judgement = judged(pcapng(run(large_on_loopback)), tmp_path)
    assert judgement.wrong == []
    assert [remark for remark in judgement.remarks if "window" not in remark] == []


def everything(net: Any) -> None:
    """TCP in both directions, read as it comes; UDP there and back; and a datagram that nobody wants."""
    b = net.host("b")
    net.wire.set(delay=0.02)
    with b.socket.create_server((b.address, PORT)) as server:
        near = net.socket.create_connection((b.address, PORT))
        far, _ = server.accept()
        for one, other in ((near, far), (far, near)):
            for _ in range(60):
                one.send(bytes(5000))
                left = 5000
                while left:
                    left -= len(other.recv(left))
        near.close()
        assert far.recv(1) == b""
        far.close()
    with b.socket.socket(type=net.socket.SOCK_DGRAM) as asked, net.socket.socket(type=net.socket.SOCK_DGRAM) as asks:
        asked.bind((b.address, PORT))
        asks.sendto(b"question", (b.address, PORT))
        question, address = asked.recvfrom(100)
        asked.sendto(b"answer to " + question, address)
        assert asks.recv(100) == b"answer to question"
        asks.connect((b.address, PORT + 1))
        asks.send(b"is anybody there?")
        with pytest.raises(ConnectionRefusedError):
            asks.recv(1)
    net.time.sleep(100)


def test_wireshark_has_nothing_to_say_of_a_clean_run_between_two_hosts(tmp_path: Path) -> None:
    trace = run(everything)
    kinds = {type(event.packet) for event in trace.events if isinstance(event, WireEvent)}
    assert kinds == {Segment, Datagram, IcmpMessage}
    assert judged(pcapng(trace), tmp_path) == Judgement(len(wire_events(trace)), [], [])


# ----------------------------------------------------------------------------------------------- what it reads, it says


def wire_events(trace: Trace) -> list[WireEvent]:
    return [event for event in trace.events if isinstance(event, WireEvent)]


def paired(scenario: Callable[[Any], None], folder: Path) -> Iterator[tuple[Segment, Frame]]:
    """The segments that the model sent, each with what tshark reads; none is a run of several."""
    trace = run(scenario)
    for event, frame in zip(wire_events(trace), frames(pcapng(trace), folder), strict=True):
        if isinstance(event.packet, Segment):
            yield event.packet, frame


def numbers(frame: Frame, field: str) -> list[int]:
    return [int(value) for value in frame[field].split("|") if value]


def lossy(seed: int, loss: float) -> Callable[[Any], None]:
    """A transfer in which the wire loses packets in both directions."""

    def scenario(net: Any) -> None:
        b = net.host("b")
        net.wire.set(delay=0.02)
        net.wire.weather(seed, loss=loss)
        with b.socket.create_server((b.address, PORT)) as server:
            near = net.socket.create_connection((b.address, PORT))
            far, _ = server.accept()
            near.setblocking(False)
            text, sent, got = bytes(200_000), 0, 0
            while got < len(text):
                try:
                    while sent < len(text):
                        sent += near.send(text[sent:])
                except BlockingIOError:
                    pass
                got += len(far.recv(1 << 20))
            near.close()
            far.close()
        net.time.sleep(100)

    return scenario


@pytest.mark.parametrize("scenario", [everything, lossy(5, 0.02)], ids=["clean", "lossy"])
def test_wireshark_reads_windows_timestamps_and_sack_as_the_model_means_them(
    scenario: Callable[[Any], None], tmp_path: Path
) -> None:
    sacked = 0
    for segment, frame in paired(scenario, tmp_path):
        assert numbers(frame, "tcp.window_size") == [segment.window]
        assert segment.timestamps is not None
        assert (*numbers(frame, OPTIONS[0]), *numbers(frame, OPTIONS[1])) == segment.timestamps
        runs = zip(numbers(frame, OPTIONS[2]), numbers(frame, OPTIONS[3]), strict=True)
        assert [*runs] == [(begin % (1 << 32), end % (1 << 32)) for begin, end in segment.sack]
        sacked += bool(segment.sack)
    assert (sacked > 0) == (scenario is not everything)


@pytest.mark.parametrize(("seed", "loss"), [(5, 0.05), (6, 0.05), (7, 0.06)])
def test_wireshark_complains_of_what_was_sent_again_and_of_nothing_else(seed: int, loss: float, tmp_path: Path) -> None:
    """Or of acknowledgements that repeat another, which are the receiver's part in it, and of the window."""
    reached: dict[object, int] = {}
    again, complaints = 0, set[str]()
    for segment, frame in paired(lossy(seed, loss), tmp_path):
        sent_before = segment.seq < reached.get(segment.src, segment.seq) and segment.end > segment.seq
        reached[segment.src] = max(reached.get(segment.src, segment.end), segment.end)
        again += sent_before
        assert any(frame[field] for field in AGAIN) == sent_before, frame
        if frame["tcp.analysis.duplicate_ack"]:
            assert (segment.data, bool(segment.sack)) == (b"", True)
        elif not sent_before and frame["tcp.analysis.flags"]:
            complaints.add(frame["_ws.expert.message"].rpartition("|")[2])
    assert again > 3
    assert {complaint for complaint in complaints if "window" not in complaint.lower()} == set()


def test_wireshark_sees_a_loss_and_a_spoilt_byte(tmp_path: Path) -> None:
    """It does look."""
    clean = pcapng(run(lambda net: two_hosts(net, loss=False)))
    assert judged(clean, tmp_path) == Judgement(len(caught(clean)), [], [])
    lost = judged(pcapng(run(two_hosts)), tmp_path)
    assert lost.wrong == []
    assert any("retransmission" in remark for remark in lost.remarks)
    third = caught(clean)[2].data
    spoilt = clean.replace(third, third[:-1] + bytes([third[-1] ^ 1]), 1)
    assert judged(spoilt, tmp_path).wrong == ["3: checksum"]
