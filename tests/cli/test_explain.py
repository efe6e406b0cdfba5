"""`wouldblock explain`: the accounts after each call, and why a send stopped, with numbers that add up."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from model import SimNet
from model.world.accounts import take_down
from wouldblock import scenarios

from .conftest import Invoke, one_sentence

EXAMPLES = Path(__file__).parents[2] / "examples"
TAKEN = {"one_byte_at_a_time": 2113, "a_hundred_at_a_time": 2300, "a_thousand_at_a_time": 3728, "all_at_once": 4032}


def where(name: str) -> str:
    """The example of this name."""
    return f"{EXAMPLES / ('model/byte_by_byte.py' if name.startswith('one_') else 'filling.py')}::{name}"


@pytest.mark.parametrize(("name", "taken"), TAKEN.items())
def test_so_many_bytes_go_in(name: str, taken: int) -> None:
    (scenario,) = scenarios.load(where(name))
    with SimNet() as net:
        assert scenario.function(net) == taken


def rows(invoke: Invoke, name: str) -> list[dict[str, Any]]:
    assert invoke("explain", where(name), "--json", "accounts.json").exit_code == 0
    (found,) = json.loads(Path("accounts.json").read_text())["scenarios"]
    return found["rows"]  # type: ignore[no-any-return]


@pytest.mark.parametrize(("name", "taken"), TAKEN.items())
def test_the_accounts_add_up(invoke: Invoke, name: str, taken: int) -> None:
    found = rows(invoke, name)
    assert sum(row["bytes"] for row in found) == taken
    for row in found:
        for each in row["accounts"].values():
            sending = [held for held in each["buffers"] if held["queue"] in ("unacked", "unsent")]
            assert sum(held["truesize"] for held in sending) == each["wmem"]
            assert sum(held["truesize"] for held in each["buffers"] if held["queue"] == "received") == each["rmem"]
            assert sum(held["size"] for held in sending) == each["unacked"] + each["unsent"]
    *_, stopped = (row for row in found if row["why"])
    accounts = stopped["accounts"]["s2"]
    assert stopped["answer"] == {"errno": "EAGAIN"}
    full, window, reader = stopped["why"]
    assert f"charged {accounts['wmem']:,} bytes of {accounts['sndbuf']:,}" in full
    payload, overhead = (
        int(n.replace(",", "")) for n in re.findall(r"([\d,]+) (?:bytes of payload|of overhead)", full)
    )
    assert payload + overhead == accounts["wmem"] >= accounts["sndbuf"]
    assert payload == accounts["unacked"] + accounts["unsent"]
    assert f"takes {accounts['window_left']:,} more" in window
    assert f"charged {stopped['accounts']['s3']['rmem']:,} of the 2,304" in reader


def test_a_buffer_that_was_full_only_during_the_call_is_told(invoke: Invoke) -> None:
    """The send takes 2304 of 10,000 bytes; what it freed on its way out hides why."""
    partial = next(row for row in rows(invoke, "all_at_once") if row["why"])
    assert partial["answer"] == {"ok": 2304}
    accounts = partial["accounts"]["s2"]
    assert accounts["wmem"] < accounts["sndbuf"] <= accounts["full_at"]
    full, *_ = partial["why"]
    assert full.startswith(f"the send buffer was charged {accounts['full_at']:,} bytes of 4,608 when the send stopped")
    assert f"{accounts['full_at'] - accounts['wmem']:,} of them were free again" in full


def test_what_nagle_does_not_hold_is_not_put_down_to_him() -> None:
    """Three bytes wait for more because the call said MSG_MORE; nothing small is on its way."""
    with SimNet() as net:
        server = net.socket.create_server(("127.0.0.1", 7000))
        near = net.socket.create_connection(("127.0.0.1", 7000))
        near.send(b"one", net.socket.MSG_MORE)
        host = net.world.host
        accounts = take_down(host.descriptors[near.fileno()], host)
        near.close()
        server.close()
    assert accounts.unsent == 3
    assert accounts.holdups == ()


def test_calls_that_are_alike_are_one_row(invoke: Invoke) -> None:
    shown = invoke("explain", where("one_byte_at_a_time")).stdout
    assert "s2.send(b'\\x00') × 2,113, 2,113 bytes" in shown
    assert len(shown.splitlines()) < 60


def test_nothing_stops_a_send_that_is_taken(invoke: Invoke, scenario: Callable[..., str]) -> None:
    file = scenario(
        "def takes_all(net):\n"
        "    a = net.socket.socket()\n"
        "    a.bind(('127.0.0.1', 7000)); a.listen()\n"
        "    c = net.socket.create_connection(('127.0.0.1', 7000))\n"
        "    answer = c.send(b'x' * 100)\n"
        "    a.close(); c.close()\n"
        "    return answer\n"
    )
    shown = invoke("explain", file).stdout
    assert "why" not in shown


def test_a_file_that_is_not_there(invoke: Invoke) -> None:
    assert "nowhere.py" in one_sentence(invoke("explain", "nowhere.py"))
