"""Any script at all comes to an outcome: what it asks for may be nonsense, unsupported or wrong, and is never a crash.

Not here: the running kernel, which would have to take what it gets.
"""

from __future__ import annotations

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from wouldblock.packetscript import ScriptError, parse
from wouldblock.packetscript.outcome import Verdict
from wouldblock.packetscript.printing import show_packet
from wouldblock.packetscript.running import run

from . import strategies
from .test_running import SERVER

_NAMES = """
    socket bind listen accept connect shutdown close write send sendto writev sendmsg read recv recvfrom readv recvmsg
    setsockopt getsockopt fcntl ioctl poll epoll_wait
    """.split()
_ARGUMENTS = """
    3|4|0|1|-1|100|70000|99999999999|...|[1]|[]|[4]|{...,_10}|[{...,_10},_{"ab",_2}]|[{fd=4,_events=POLLIN}]|"abc"|NULL
    |SOL_SOCKET|SOL_TCP|SO_RCVBUF|SO_ERROR|SOCK_STREAM|SOCK_DGRAM|F_GETFL|F_SETFL|O_NONBLOCK|FIONREAD|MSG_PEEK|NO_NAME
    |{sa_family=AF_INET,_sin_port=htons(8080),_sin_addr=inet_addr("192.0.2.9")}|{onoff=1,_linger=5}|f(x)
    |{msg_name(...)=...,_msg_iov(1)=[{...,_10}],_msg_flags=0}|{msg_iov(1)=5}|1_|_O_NONBLOCK
    """.split("|")
arguments = st.sampled_from([argument.strip().replace("_ ", " ").replace(",_", ", ") for argument in _ARGUMENTS])
calls = st.builds(
    lambda name, given, answer: f"{name}({', '.join(given)}) = {answer}",
    st.sampled_from(_NAMES),
    st.lists(arguments, max_size=5),
    st.sampled_from(["0", "3", "4", "10", "-1 EAGAIN", "..."]),
)
flags = st.sampled_from(["S", ".", "P.", "F.", "R", "R.", "S.", "SF", "-", "FP.", "SR."])
segments = st.builds(
    lambda bits, seq, size, ack, window: f"< {bits} {seq}:{seq + size}({size}) ack {ack} win {window}",
    flags,
    st.integers(0, 3000),
    st.sampled_from([0, 0, 1, 1000]),
    st.integers(0, 3000),
    st.sampled_from([0, 257, 65535]),
)
events = st.one_of(
    calls,
    segments,
    strategies.packets().filter(lambda packet: not packet.outbound).map(show_packet),
    st.sampled_from(
        ["> nothing", "> . 1:1(0) ack 1", "%{ assert tcpi_snd_cwnd > 0 }%", "`sysctl net.ipv4.tcp_sack=1`"]
    ),
)


@given(st.lists(st.tuples(st.sampled_from(["+0", "+.01", "+1", "+0...0.1"]), events), max_size=8))
def test_a_script_comes_to_an_outcome(lines: list[tuple[str, str]]) -> None:
    text = SERVER + "".join(f"{when} {what}\n" for when, what in lines)
    with contextlib.suppress(ScriptError):
        outcome = run(parse(text), "a.pkt")
        assert outcome.verdict in Verdict
        assert (outcome.line is None) == (outcome.sentence is None)
        assert str(outcome)
