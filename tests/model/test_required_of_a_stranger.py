"""What the standards ask of a host whose peer is peculiar: it offers no options, no SACK, no timestamps, or comes from
an address that nobody has.

The peer's every packet is written here, for the model and, behind a TUN device, for the kernel.

Each is named in the ledger (docs/adherence/).

Not here: peers that are hosts of the model (test_required_on_a_wire.py).
"""

from __future__ import annotations

import pytest

from model.values.constants import SOCK_DGRAM, SOCK_STREAM
from model.values.packets import EndOfOptions, Icmp, IpPacket, Mss, Nop, Option, SackPermitted, Tcp, Udp, WindowScale
from model.values.wire import decode, encode

from ..icmp.bench import HERE, NOTHING, PEER, PEER_PORT, PORT, THEIR_ISS, Bench, ModelBench, Sock, on_both_arms

MANY = ("224.0.0.1", "255.255.255.255")
SYN, ACK = 2, 16


def listening(bench: Bench) -> Sock:
    sock = bench.tcp()
    assert sock.call("listen", 5) is None
    return sock


def syn(bench: Bench, options: tuple[Option, ...] = (), source: str = PEER, target: str = HERE) -> None:
    bench.inject(IpPacket(source, target, Tcp(PEER_PORT, PORT, THEIR_ISS, 0, SYN, 60_000, options=options)))


def called(bench: Bench, options: tuple[Option, ...] = ()) -> Sock:
    """A connection that the peer has opened with these options."""
    listener = listening(bench)
    syn(bench, options)
    assert bench.take() == ["S. 0:1(0) ack 1 mss 1460"]
    bench.segment(".", 1, 1)
    accepted = listener.call("accept")
    assert isinstance(accepted, Sock)
    return accepted


def sizes(lines: list[str]) -> list[int]:
    return [int(line.split("(")[1].split(")")[0]) for line in lines]


# ---------------------------------------------------------------- segment sizes and options


@on_both_arms
def test_a_peer_that_tells_no_segment_size_gets_536_bytes(bench: Bench) -> None:
    """RFC 9293 MUST-15."""
    called(bench).call("send", bytes(1200))
    assert sizes(bench.take()) == [536, 536, 128]


@pytest.mark.parametrize(("told", "largest"), [(1000, 1000), (1460, 1460), (9000, 1460)])
@on_both_arms
def test_a_segment_is_no_larger_than_the_peer_said(bench: Bench, told: int, largest: int) -> None:
    """RFC 9293 MUST-16: nor larger than the way there allows."""
    called(bench, (Mss(told),)).call("send", bytes(3000))
    assert max(sizes(bench.take())) == largest


@on_both_arms
def test_options_may_begin_anywhere(bench: Bench) -> None:
    """RFC 9293 MUST-64: the segment size begins at the second byte."""
    called(bench, (Nop(), Mss(700), EndOfOptions(b"\0\0"))).call("send", bytes(1200))
    assert sizes(bench.take()) == [700, 500]


@on_both_arms
def test_options_of_ip_are_passed_over(bench: Bench) -> None:
    """RFC 9293 MUST-50: no-operations, and one of an experiment that nobody knows."""
    listener = listening(bench)
    call = Tcp(PEER_PORT, PORT, THEIR_ISS, 0, SYN, 60_000)
    bench.inject(IpPacket(PEER, HERE, call, options=b"\1\1\x1e\4\0\0\1\0"))
    assert bench.take() == ["S. 0:1(0) ack 1 mss 1460"]
    assert listener.state == "LISTEN"


@on_both_arms
def test_a_header_is_filled_up_with_zeros(bench: Bench) -> None:
    """RFC 9293 MUST-69: whoever writes three bytes of options sends four, and is understood."""
    packet = IpPacket(PEER, HERE, Tcp(PEER_PORT, PORT, THEIR_ISS, 0, SYN, 60_000, options=(WindowScale(2),)))
    assert encode(packet)[40:44] == b"\3\3\2\0"
    found = decode(encode(packet))
    assert isinstance(found, IpPacket)
    assert isinstance(found.payload, Tcp)
    assert found.payload.options == (WindowScale(2), EndOfOptions())
    called(bench, (WindowScale(2),))


@on_both_arms
def test_a_scale_of_more_than_fourteen_is_fourteen(bench: Bench) -> None:
    """RFC 7323 §2.3: a window of 1 is 16,384 bytes, and not more."""
    listener = listening(bench)
    syn(bench, (Mss(1460), Nop(), WindowScale(20)))
    bench.take()
    bench.segment(".", 1, 1, window=1)
    sock = listener.call("accept")
    sock.call("send", bytes(40_000))
    assert sizes(bench.take()) == [1460] * 10
    bench.segment(".", 1, 1 + 10 * 1460, window=1)
    assert 10_000 < sum(sizes(bench.take())) <= 16_384


@on_both_arms
def test_nothing_is_told_of_gaps_to_a_peer_that_does_not_understand(bench: Bench) -> None:
    """RFC 2018 §2."""
    called(bench, (Mss(1460),))
    bench.segment(".", 11, 1, b"x" * 10)
    (answer,) = bench.packets()
    assert isinstance(answer.payload, Tcp)
    assert (answer.payload.flags, answer.payload.options) == (ACK, ())


@on_both_arms
def test_without_timestamps_four_blocks_fit(bench: Bench) -> None:
    """RFC 2018 §3."""
    called(bench, (Mss(1460), Nop(), Nop(), SackPermitted()))
    for seq in (11, 31, 51, 71):
        bench.segment(".", seq, 1, b"x" * 10)
        bench.wait(0.005)
    answer = bench.packets()[-1]
    assert isinstance(answer.payload, Tcp)
    (blocks,) = [option.blocks for option in answer.payload.options if hasattr(option, "blocks")]
    assert [begin - THEIR_ISS for begin, _ in blocks] == [71, 51, 31, 11]


# ---------------------------------------------------------------- loss without SACK


def ten_on_their_way(bench: Bench) -> Sock:
    """Ten segments of a thousand bytes are on their way to a peer without SACK, and one waits."""
    sock = called(bench, (Mss(1000),))
    sock.call("send", bytes(11_000))
    assert sizes(bench.take()) == [1000] * 10
    return sock


def duplicate(bench: Bench, ack: int = 1) -> list[int]:
    """One more acknowledgement of the same; what it lets out, by the numbers of the first bytes."""
    bench.segment(".", 1, ack)
    return [int(line.split()[1].split(":")[0]) for line in bench.take()]


@on_both_arms
def test_the_first_two_duplicates_let_new_segments_out(bench: Bench) -> None:
    """RFC 3042; RFC 5681 §3.2."""
    sock = ten_on_their_way(bench)
    assert duplicate(bench) == [10_001]
    sock.call("send", bytes(1000))
    assert bench.take() == NOTHING
    assert duplicate(bench) == [11_001]


@on_both_arms
def test_three_duplicates_bring_a_segment_back(bench: Bench) -> None:
    """RFC 5681 §3.2; RFC 6582 §3.2: the third says that the first segment is lost."""
    ten_on_their_way(bench)
    assert [duplicate(bench) for _ in range(3)] == [[10_001], [], [1]]


@on_both_arms
def test_further_duplicates_let_new_segments_out(bench: Bench) -> None:
    """RFC 6937: proportional rate reduction spreads what is let out."""
    sock = ten_on_their_way(bench)
    for _ in range(3):
        duplicate(bench)
    let_out = []
    for _ in range(7):
        sock.call("send", bytes(1000))
        let_out.append(len(bench.take()) + len(duplicate(bench)))
    assert let_out == [0, 1, 0, 0, 1, 1, 1], "as many as arrive, once no more than the threshold are on their way"


@on_both_arms
def test_an_acknowledgement_of_a_part_brings_the_next_segment_back(bench: Bench) -> None:
    """RFC 6582 §3.2: the first gap is filled, and the third segment is missing too. Then everything is here, and the
    recovery lasts until more than that is acknowledged.
    """
    ten_on_their_way(bench)
    for _ in range(3):
        duplicate(bench)
    assert [duplicate(bench, 2001) for _ in range(4)] == [[], [], [2001], []], "as the reduction of the window allows"
    assert duplicate(bench, 11_001) == []
    assert [duplicate(bench, 11_001) for _ in range(4)] == [[]] * 4


@on_both_arms
def test_duplicates_after_a_time_out_begin_no_recovery(bench: Bench) -> None:
    """RFC 6582 §3.2, step 4: what was sent before the time-out arrived late, and says so."""
    ten_on_their_way(bench)
    bench.wait(0.45)
    assert any(line.split()[1].startswith("1:") for line in bench.take())
    assert all(1 not in duplicate(bench) for _ in range(4))


@on_both_arms
def test_what_lies_behind_a_window_that_shrank_is_sent_again(bench: Bench) -> None:
    """RFC 9293 SHLD-16, MAY-7, MUST-35: two segments are on their way, and the window closes before both."""
    sock = called(bench, (Mss(1000),))
    sock.call("send", bytes(2000))
    assert sizes(bench.take()) == [1000, 1000]
    bench.segment(".", 1, 1, window=0)
    assert bench.take() == NOTHING
    bench.wait(0.5)
    again = bench.take()
    assert "P. 1:1001(1000) ack 1" in again or ". 1:1001(1000) ack 1" in again
    assert sock.state == "ESTABLISHED"


def window_taken_back(bench: Bench) -> Sock:
    """A thousand bytes are on their way, and the window closes before them."""
    sock = called(bench, (Mss(1000),))
    sock.call("send", bytes(1000))
    assert sizes(bench.take()) == [1000]
    bench.segment(".", 1, 1, window=0)
    return sock


def test_a_peer_that_keeps_its_window_closed_is_not_given_up() -> None:
    """RFC 9293 SHLD-17: as long as it answers. An hour is too long to wait for on the kernel."""
    bench = ModelBench()
    sock = window_taken_back(bench)
    for _ in range(360):
        bench.wait(10)
        if bench.take():
            bench.segment(".", 1, 1, window=0)
    assert sock.state == "ESTABLISHED"


def test_a_peer_that_closed_its_window_and_is_silent_is_given_up() -> None:
    """Four minutes without an answer are enough (tcp_rtx_probe0_timed_out)."""
    bench = ModelBench()
    sock = window_taken_back(bench)
    bench.wait(230)
    assert sock.state == "ESTABLISHED"
    bench.wait(240)
    assert (sock.state, sock.error()) == ("CLOSED", "ETIMEDOUT")


@on_both_arms
def test_a_source_quench_is_dropped_without_a_word(bench: Bench) -> None:
    """RFC 9293 MUST-55: it quotes what is on its way, and neither the program nor the window hears of it."""
    sock = called(bench, (Mss(1000),))
    sock.call("send", bytes(1000))
    (sent,) = bench.packets()
    window = sock.info.cwnd
    bench.inject(IpPacket(PEER, HERE, Icmp(4, 0, 0, encode(sent)[:48])))
    assert (bench.take(), sock.error(), sock.state, sock.info.cwnd) == (NOTHING, "", "ESTABLISHED", window)
    assert bench.counted()[0] == 0


# ---------------------------------------------------------------- impossible addresses


@pytest.mark.parametrize("ip", [*MANY, "127.0.0.1", "0.0.0.0", HERE])
@on_both_arms
def test_a_syn_from_many_is_ignored(bench: Bench, ip: str) -> None:
    """RFC 9293 MUST-63: nor from an address that never travels, nor from the host's own (a "land" attack)."""
    listener = listening(bench)
    syn(bench, source=ip)
    bench.wait(0.01)
    assert (bench.take(), listener.call("accept"), listener.state) == (NOTHING, "EAGAIN", "LISTEN")


@pytest.mark.parametrize("ip", MANY)
@on_both_arms
def test_a_syn_to_many_is_ignored(bench: Bench, ip: str) -> None:
    """RFC 9293 MUST-57: even where somebody listens at every address of the host."""
    listener = bench.open(SOCK_STREAM)
    assert listener.call("bind", ("0.0.0.0", PORT)) is None
    assert listener.call("listen", 5) is None
    syn(bench, target=ip)
    bench.wait(0.01)
    assert (bench.take(), listener.call("accept"), listener.state) == (NOTHING, "EAGAIN", "LISTEN")


@pytest.mark.parametrize("ip", [*MANY, "127.0.0.1", HERE])
@on_both_arms
def test_a_datagram_from_many_is_ignored(bench: Bench, ip: str) -> None:
    """RFC 1122 §4.1.3.6."""
    sock = bench.open(SOCK_DGRAM)
    assert sock.call("bind", (HERE, PORT)) is None
    bench.inject(IpPacket(ip, HERE, Udp(PEER_PORT, PORT, b"x")))
    bench.wait(0.01)
    assert (bench.take(), sock.call("recv", 100)) == (NOTHING, "EAGAIN")


@on_both_arms
def test_a_datagram_from_an_address_kept_for_later_is_taken(bench: Bench) -> None:
    """RFC 1112 §4 keeps addresses from 240 on for later; Linux takes what comes from one."""
    sock = bench.open(SOCK_DGRAM)
    assert sock.call("bind", (HERE, PORT)) is None
    bench.inject(IpPacket("240.0.0.1", HERE, Udp(PEER_PORT, PORT, b"x")))
    bench.wait(0.01)
    assert (bench.take(), sock.call("recv", 100)) == (NOTHING, b"x")


@pytest.mark.parametrize("ip", ["240.0.0.1", "192.0.2.7"])
@on_both_arms
def test_a_syn_from_where_no_route_leads_is_dropped(bench: Bench, ip: str) -> None:
    """Nor is one answered for whom nobody listens. The listener counts what it dropped."""
    listener = listening(bench)
    syn(bench, source=ip)
    bench.wait(0.01)
    assert (bench.take(), listener.call("accept"), listener.state, listener.drops) == (NOTHING, "EAGAIN", "LISTEN", 1)
    bench.inject(IpPacket(ip, HERE, Tcp(PEER_PORT, PORT + 1, THEIR_ISS, 0, SYN, 60_000)))
    bench.wait(1.1)
    assert bench.take() == NOTHING
