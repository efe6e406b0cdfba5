"""SYNs that cross (RFC 9293 §3.5, figure 7): the host opens actively, and so does the peer, which is a test.

Not here: a socket that is connected to itself (test_tcp_opening.py).
"""

from __future__ import annotations

import errno

import pytest

from .outside import FIRST_PORT, NOTHING, PEER, SERVICE, ModelWire, Wire, from_outside
from .traces import End

SYN_ACK = "1: S. 0 ack 1 <mss 1460,sackOK,wscale 10>"


def crossed(wire: Wire) -> End:
    """SYN-RECEIVED by way of SYN-SENT."""
    client = wire.net.tcp("client")
    client.bind(SERVICE)
    assert client.connect((PEER, FIRST_PORT + 1)) == "EINPROGRESS"
    assert len(wire.hears()) == 1
    wire.sends(1, "S")
    assert (wire.hears(), client.state) == ([SYN_ACK], "SYN_RECEIVED")
    return client


@from_outside
def test_crossed_syns_open_one_connection(wire: Wire) -> None:
    client = crossed(wire)
    wire.sends(1, ".", 1)
    assert (wire.hears(), client.state) == (NOTHING, "ESTABLISHED")


@from_outside
def test_the_peers_syn_ack_opens_it_too(wire: Wire) -> None:
    client = crossed(wire)
    wire.sends(1, "S.")
    assert (len(wire.hears()), client.state) == (1, "ESTABLISHED")


@from_outside
def test_a_reset_is_reported_as_reset_not_as_refusal(wire: Wire) -> None:
    client = crossed(wire)
    wire.sends(1, "R", 1)
    assert (wire.hears(), client.state, client.error()) == (NOTHING, "CLOSED", errno.ECONNRESET)


@pytest.mark.parametrize("ack", [-7, 5])
@from_outside
def test_an_acknowledgement_of_something_else_is_reset(wire: Wire, ack: int) -> None:
    client = crossed(wire)
    wire.sends(1, ".", 1, ack)
    assert (wire.hears(), client.state) == ([f"1: R {ack}"], "SYN_RECEIVED")


@from_outside
def test_a_repeated_syn_is_challenged(wire: Wire) -> None:
    client = crossed(wire)
    wire.sends(1, "S")
    assert (wire.hears(), client.state) == (["1: . 1 ack 1"], "SYN_RECEIVED")


@from_outside
def test_the_syn_ack_is_sent_again_after_a_second(wire: Wire) -> None:
    client = crossed(wire)
    assert wire.hears(0.9) == NOTHING
    assert (wire.hears(0.25), client.state) == ([SYN_ACK], "SYN_RECEIVED")


def test_the_waits_double_until_the_attempt_is_given_up() -> None:
    """tcp_syn_retries = 6: linear waits are for SYN-SENT only. The last wait ends a second late on the wheel."""
    wire = ModelWire({})
    client = crossed(wire)
    assert wire.times(126) == [1, 3, 7, 15, 31, 64]
    assert (client.state, wire.times(8), client.state, client.error()) == ("SYN_RECEIVED", [], "CLOSED", 110)


@from_outside
def test_an_acknowledgement_of_nothing_new_opens_it_too(wire: Wire) -> None:
    """RFC 9293 wants a reset; the kernel takes the connection for established, and its SYN for unacknowledged."""
    client = crossed(wire)
    wire.sends(1, ".", 1, 0)
    assert (wire.hears(), client.state, client.unacknowledged()) == (NOTHING, "ESTABLISHED", 1)
    assert wire.hears(0.9) == NOTHING
    assert (wire.hears(0.25), client.state) == ([SYN_ACK], "ESTABLISHED")
    wire.sends(1, ".", 1)
    assert (wire.hears(), client.unacknowledged()) == (NOTHING, 0)
