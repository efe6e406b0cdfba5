"""The older rules of calls that carry data, and of those that ask and set: recv, send, select, options, descriptors.

Not here: calls that make, name and end sockets (entries_of_connections.py); segments (entries_of_packets.py).
"""

from __future__ import annotations

from typing import Any

from .ledger import Entry, cell, differs, elsewhere, in_part, met, missing, scene, test, wait

_LIMIT = "simnet/test_descriptors.py::test_both_arms_have_a_limit"
_ON_AND_OFF: dict[str, Any] = {
    name: [("ok", 1), ("ok", 0)] * 2
    for name in ("SO_KEEPALIVE", "SO_OOBINLINE", "SO_REUSEADDR", "SO_BROADCAST", "SO_DONTROUTE")
}
_NUMBERS: dict[str, Any] = {
    "SO_RCVBUF": [("ok", 10_000), ("ok", 2304)] * 2,
    "SO_SNDBUF": [("ok", 10_000), ("ok", 4608)] * 2,
    "SO_RCVLOWAT": [("ok", 5000), ("ok", 1)] * 2,
}
_TIMES: dict[str, Any] = {
    "SO_RCVTIMEO": [("ok", (2, 0)), ("ok", (0, 0))] * 2,
    "SO_SNDTIMEO": [("ok", (2, 0)), ("ok", (0, 0))] * 2,
    "SO_LINGER": [("ok", (1, 3)), ("ok", (0, 3))] * 2,
}
_LOW_WATER: dict[str, Any] = {"SO_SNDLOWAT": [("ENOPROTOOPT", 1)] * 4}
_TOO_LONG: dict[str, Any] = {"SO_RCVTIMEO": [("ok", (0, 0)), ("EDOM", (0, 0))] * 2}

DESCRIPTORS: tuple[Entry, ...] = (
    met(
        "dup_1", "Another number means the same file from now on: the lowest that is free.",
        "descriptor_is_duplicated", cell("connected", "dup", "`socket`"),
        scene("a_duplicate_keeps_the_connection", (1, b"x")),
    ),
    met("dup_2", "No descriptor is left: EMFILE.", "duplicate_finds_no_number", test(_LIMIT)),
    met(
        "dupfd_1", "F_DUPFD: the lowest free number from one on that was asked for.",
        "descriptor_is_duplicated", scene("duplicates_from_a_number_on", (True, "EINVAL", "EINVAL")),
        test("simnet/test_descriptors.py::test_numbers_are_what_a_plain_search_gives"),
    ),
    met(
        "dupfd_3", "That number is negative, or beyond the limit itself: EINVAL.",
        "duplicate_is_beyond_the_limit", scene("duplicates_from_a_number_on", (True, "EINVAL", "EINVAL")),
    ),
    met("dupfd_4", "No number is free from there on: EMFILE.", "duplicate_finds_no_number", test(_LIMIT)),
    met(
        "getfileflags_1", "F_GETFL: open for reading and writing, and O_NONBLOCK if it is set.",
        "flags_of_a_file_are_told", scene("flags_of_a_file", (True, True)),
        test("simnet/test_two_arms.py::test_both_arms_show_the_same"),
    ),
    in_part(
        "setfileflags_1", "F_SETFL: O_NONBLOCK is set or cleared, for every descriptor of the file. O_ASYNC is not"
        " modelled.",
        "blocking_is_set", scene("flags_of_a_file", (True, True)), cell("connected", "setblocking", "ok"),
        scene("a_file_that_sends_signals", True),
    ),
)  # fmt: skip

NAMES: tuple[Entry, ...] = (
    missing(
        "getifaddrs_1", "What interfaces a host has cannot be asked on the model; on the kernel's arm there is one.",
        scene("interfaces", [(1, "lo")]),
    ),
    met(
        "getpeername_1", "The peer's address and port.",
        "getpeername_tells_peer", cell("connected", "getpeername", "`127.0.0.1:7000`"),
        cell("udp_connected", "getpeername", "`127.0.0.1:7000`"),
    ),
    met(
        "getpeername_2", "Not connected, not yet, or no more: ENOTCONN.",
        "getpeername_without_peer", cell("fresh", "getpeername", "ENOTCONN"),
        cell("connecting", "getpeername", "ENOTCONN"), cell("reset", "getpeername", "ENOTCONN"),
        cell("udp_bound", "getpeername", "ENOTCONN"),
    ),
    met(
        "getsockname_1", "The own address and port, 0.0.0.0 and 0 as long as there are none.",
        "getsockname_tells_own_name", cell("bound", "getsockname", "`127.0.0.1:7000`"),
        cell("fresh", "getsockname", "`0.0.0.0:0`"),
    ),
    elsewhere(
        "getsockname_2", "FreeBSD's. Here the name is told after an attempt that failed, too.",
        "getsockname_tells_own_name", cell("refused", "getsockname", "`127.0.0.1:*`"),
        cell("reset", "getsockname", "`127.0.0.1:*`"),
    ),
    elsewhere(
        "getsockname_3", "Windows XP's. Here a socket that is not bound has a name of zeros.",
        "getsockname_tells_own_name", cell("udp_fresh", "getsockname", "`0.0.0.0:0`"),
    ),
)  # fmt: skip

ASKING: tuple[Entry, ...] = (
    met(
        "getsockbopt_1", "SO_KEEPALIVE, SO_OOBINLINE, SO_REUSEADDR, SO_BROADCAST and SO_DONTROUTE are told.",
        "option_is_read", scene("options_that_are_on_or_off", _ON_AND_OFF),
    ),
    elsewhere(
        "getsockbopt_2", "Windows XP's. Here a UDP socket tells each of them.",
        "option_is_read", scene("options_that_are_on_or_off", _ON_AND_OFF),
    ),
    met(
        "getsockerr_1", "SO_ERROR with nothing pending: 0.",
        "pending_error_is_read", cell("fresh", "getsockopt, SO_ERROR", "`0`"),
        cell("refused_and_read", "getsockopt, SO_ERROR", "`0`"),
    ),
    met(
        "getsockerr_2", "SO_ERROR gives the pending error, here as its value, and it is gone.",
        "pending_error_is_read", cell("refused", "getsockopt, SO_ERROR", "`ECONNREFUSED`"),
        cell("udp_refused", "getsockopt, SO_ERROR", "`ECONNREFUSED`"),
    ),
    met(
        "getsocklistening_1", "SO_ACCEPTCONN: 1 of a listener, else 0.",
        "option_is_read", cell("listening", "getsockopt, SO_ACCEPTCONN", "`1`"),
        cell("connected", "getsockopt, SO_ACCEPTCONN", "`0`"),
    ),
    elsewhere(
        "getsocklistening_3", "FreeBSD's. Here it can be asked of any socket; to set it is ENOPROTOOPT.",
        "option_is_read option_can_only_be_read", cell("fresh", "getsockopt, SO_ACCEPTCONN", "`0`"),
    ),
    met(
        "getsocklistening_2", "Of a UDP socket SO_ACCEPTCONN is 0.",
        "option_is_read", cell("udp_bound", "getsockopt, SO_ACCEPTCONN", "`0`"),
    ),
    met(
        "getsocknopt_1",
        "Options that are numbers: SO_RCVBUF and SO_SNDBUF tell what was granted; SO_RCVLOWAT what was set; SO_SNDLOWAT"
        " is 1.",
        "option_is_read", scene("options_that_are_numbers", _NUMBERS), scene("the_low_water_of_sending", _LOW_WATER),
    ),
    elsewhere(
        "getsocknopt_4", "Another system's. Here SO_RCVLOWAT and SO_SNDLOWAT are told.",
        "option_is_read", scene("options_that_are_numbers", _NUMBERS), scene("the_low_water_of_sending", _LOW_WATER),
    ),
    met(
        "getsocktopt_1", "Options that are times: SO_LINGER, SO_RCVTIMEO and SO_SNDTIMEO are told.",
        "option_is_read", scene("options_that_are_times", _TIMES),
    ),
    elsewhere(
        "getsocktopt_4", "Windows XP's. Here a UDP socket tells its SO_LINGER, which does nothing.",
        "option_is_read", scene("options_that_are_times", _TIMES),
        test("guests/test_lingering.py::test_a_datagram_socket_never_waits"),
    ),
    met(
        "setsockbopt_1", "SO_KEEPALIVE, SO_OOBINLINE, SO_REUSEADDR, SO_BROADCAST are set; SO_DONTROUTE is only stored.",
        "option_is_set",
        scene("options_that_are_on_or_off", _ON_AND_OFF), cell("fresh", "setsockopt, SO_KEEPALIVE", "ok"),
        cell("fresh", "setsockopt, SO_BROADCAST", "ok"),
    ),
    elsewhere(
        "setsockbopt_2", "Windows XP's. Here a UDP socket takes each of them.",
        "option_is_set", scene("options_that_are_on_or_off", _ON_AND_OFF),
        cell("udp_fresh", "setsockopt, SO_KEEPALIVE", "ok"),
    ),
    met(
        "setsocknopt_1", "SO_RCVBUF, SO_SNDBUF and SO_RCVLOWAT are set; of a buffer size the double is granted.",
        "option_is_set", scene("options_that_are_numbers", _NUMBERS), cell("fresh", "setsockopt, SO_RCVBUF", "ok"),
    ),
    elsewhere(
        "setsocknopt_2", "FreeBSD's. Here 0 is taken, and means the least that there is.",
        "option_is_set", scene("options_that_are_numbers", _NUMBERS),
    ),
    met(
        "setsocknopt_4", "SO_SNDLOWAT cannot be set: ENOPROTOOPT.",
        "option_can_only_be_read", scene("the_low_water_of_sending", _LOW_WATER),
    ),
    met(
        "setsocktopt_1", "SO_LINGER, SO_RCVTIMEO and SO_SNDTIMEO are set.",
        "option_is_set", scene("options_that_are_times", _TIMES), cell("fresh", "setsockopt, SO_LINGER", "ok"),
        test("guests/test_timeouts.py::test_receiving_gives_up"),
    ),
    elsewhere(
        "setsocktopt_4", "Windows XP's. Here a UDP socket takes SO_LINGER, which does nothing.",
        "option_is_set", cell("udp_fresh", "setsockopt, SO_LINGER", "ok"),
        test("guests/test_lingering.py::test_a_datagram_socket_never_waits"),
    ),
    differs(
        "setsocktopt_5",
        "No time is too long: what does not fit means for ever. EDOM is said of what is no time, with a million"
        " microseconds or more.",
        "option_is_set option_is_no_time", scene("a_time_that_is_far_too_long", _TOO_LONG),
        test("guests/test_timeouts.py::test_what_is_no_time_is_refused_and_changes_nothing"),
    ),
    met(
        "sockatmark_1", "SIOCATMARK: 1 if everything before the urgent byte was read, else 0.",
        "mark_is_here mark_is_elsewhere", cell("urgent_byte_waits", "ioctl, SIOCATMARK", "`1`"),
        cell("urgent_byte_behind_bytes", "ioctl, SIOCATMARK", "`0`"), cell("fresh", "ioctl, SIOCATMARK", "`0`"),
    ),
    differs(
        "sockatmark_2", "SIOCATMARK means nothing to a UDP socket: ENOTTY.",
        "datagrams_have_no_mark", cell("udp_bound", "ioctl, SIOCATMARK", "ENOTTY"),
    ),
)  # fmt: skip

SELECT: tuple[Entry, ...] = (
    met(
        "pselect_1", "Something is ready, or no time is to be waited: the answer comes at once.",
        "select_tells_readiness", scene("select_at_once", [[0, 1, 0], [0, 1, 0]]),
        test("waiting/test_readiness.py::test_both_arms_say_the_same"),
    ),
    met(
        "pselect_2", "Nothing is ready: the call waits. Python makes pselect of select, without a mask of signals.",
        "thread_waits", test("waiting/test_waits.py::test_who_waits_sleeps_in_the_kernel"),
    ),
    met(
        "pselect_3", "Something becomes ready, or the time is over.",
        "thread_is_woken wait_runs_out select_tells_readiness", wait("select", "a byte comes", "readable"),
        wait("select", "an argument", "nothing", "time-outs"),
    ),
    in_part(
        "pselect_4", "A time below zero is refused: by Python, before the kernel is asked.",
        "", scene("select_of_what_cannot_be", ["ValueError", "ValueError", "ValueError", "EBADF"]),
        code="model.simnet.selecting",
    ),
    in_part(
        "pselect_5", "Numbers below zero and beyond 1023 are refused: by Python, before the kernel is asked.",
        "", scene("select_of_what_cannot_be", ["ValueError", "ValueError", "ValueError", "EBADF"]),
        code="model.simnet.selecting",
    ),
    in_part(
        "pselect_6",
        "A descriptor that is closed: EBADF; files that are no sockets may be asked. Not modelled: a number beyond the"
        " process's table is not looked at, and comes back as if it were ready.",
        "", scene("select_of_what_cannot_be", ["ValueError", "ValueError", "ValueError", "EBADF"]),
        test("guests/test_closing.py::test_select_refuses_a_descriptor_that_is_closed_from_the_beginning"),
        scene("select_beyond_the_table", True), code="model.simnet.selecting",
    ),
)  # fmt: skip

RECEIVING: tuple[Entry, ...] = (
    met(
        "recv_1", "Bytes are there, or the end: they are given at once.",
        "recv_takes_bytes recv_finds_end recv_after_shutdown", cell("bytes_wait", "recv", "`b'x'`"),
        cell("peer_shut", "recv", "`b''`"),
    ),
    met(
        "recv_2", "Nothing is there, or too little: the call waits.",
        "recv_blocks recv_blocks_below_low_water thread_waits", cell("connected", "recv", "waits"),
        cell("below_low_water", "recv", "`b'x'` / waits"), cell("bytes_wait", "recv, MSG_WAITALL", "`b'x'` / waits"),
    ),
    met(
        "recv_3", "What the call waited for has come.",
        "thread_is_woken recv_takes_bytes", wait("recv", "a byte comes", "1 byte"),
        wait("recv", "the peer shuts for writing, or closes (FIN)", "end of file"),
    ),
    met(
        "recv_4", "Nothing is there, and the call must not wait: EAGAIN.",
        "recv_would_block", cell("connected", "recv, MSG_DONTWAIT", "EAGAIN"), cell("connecting", "recv", "waits"),
    ),
    met(
        "recv_5", "MSG_OOB gives the urgent byte that was left out of the stream.",
        "urgent_byte_is_read", cell("urgent_byte_waits", "recv, MSG_OOB", "`b'!'`"),
        cell("urgent_byte_behind_bytes", "recv, MSG_OOB", "`b'!'`"),
    ),
    met(
        "recv_6",
        "MSG_OOB without a byte to give: EAGAIN if it was announced and is not here; EINVAL if there is none, it was"
        " read, or is left in line.",
        "urgent_recv_finds_none urgent_recv_never_waits urgent_recv_of_byte_in_line",
        cell("connected", "recv, MSG_OOB", "EINVAL"), cell("urgent_byte_read", "recv, MSG_OOB", "EINVAL"),
        cell("urgent_byte_in_line", "recv, MSG_OOB", "EINVAL"),
        test("model/test_urgent_arrivals.py::test_a_byte_that_is_announced_wakes_nobody"),
    ),
    met(
        "recv_7", "Never connected, or a listener: ENOTCONN.",
        "recv_without_connection recv_on_listener", cell("fresh", "recv", "ENOTCONN"),
        cell("listening", "recv", "ENOTCONN"),
    ),
    met(
        "recv_8", "A pending error is told, once; but bytes that came before it go first.",
        "recv_reports_error", cell("reset", "recv", "ECONNRESET"), cell("refused", "recv", "ECONNREFUSED"),
        cell("reset_with_bytes", "recv", "`b'last'`"),
    ),
    met(
        "recv_8a", "An error ends the wait, and is told.",
        "thread_is_woken recv_reports_error", wait("recv", "the peer closes with a byte unread (reset)", "ECONNRESET"),
    ),
    elsewhere(
        "recv_9", "Windows XP's. Here a direction that was shut gives end of file, and what still comes can be read.",
        "recv_after_shutdown", cell("shut_for_reading", "recv", "`b''`"),
        test("model/test_tcp_data.py::test_shutting_the_reading_direction_is_kept_from_the_peer"),
    ),
    met(
        "recv_11", "A datagram is there: one is given, even an empty one.",
        "datagram_is_read", cell("udp_datagram_waits", "recv", "`b'x'`"),
        cell("udp_empty_datagram_waits", "recv", "`b''`"),
    ),
    met(
        "recv_12", "No datagram is there: the call waits.",
        "udp_recv_blocks thread_waits", cell("udp_bound", "recv", "waits"),
    ),
    met(
        "recv_13", "No datagram is there, and the call must not wait: EAGAIN.",
        "udp_recv_would_block", cell("udp_bound", "recv, MSG_DONTWAIT", "EAGAIN"),
    ),
    differs(
        "recv_14",
        "To receive takes no port: a socket without one waits for what cannot come, whatever ports are left.",
        "udp_recv_would_block udp_recv_blocks", scene("a_receiver_without_a_port", ("EAGAIN", ("0.0.0.0", 0))),
        cell("udp_fresh", "recv", "waits"),
    ),
    met(
        "recv_15", "A datagram comes: the call that waited has it.",
        "thread_is_woken datagram_is_read", wait("UDP recv", "a datagram comes", "1 byte"),
        wait("UDP recv", "an empty datagram comes", "no bytes"),
    ),
    elsewhere(
        "recv_16", "Other systems'. Here UDP takes MSG_WAITALL and MSG_OOB and heeds neither.",
        "datagram_is_read", cell("udp_datagram_waits", "recv, MSG_OOB", "`b'x'`"),
        cell("udp_datagram_waits", "recv, MSG_WAITALL", "`b'x'`"),
    ),
    in_part(
        "recv_17",
        "Shut for reading, a blocking socket gets no bytes at once, and who waits is woken with none; but a"
        " non-blocking"
        " one says EAGAIN.",
        "udp_recv_after_shutdown udp_recv_would_block", cell("udp_shut_for_reading", "recv", "EAGAIN / `b''`"),
        wait("UDP recv", "`SHUT_RD`", "no bytes", "closing"),
    ),
    elsewhere(
        "recv_20", "Windows XP's. Here a datagram longer than was asked for is cut, and the rest is lost.",
        "datagram_is_cut", scene("a_datagram_longer_than_was_asked_for", (b"abc", "EAGAIN")),
    ),
    elsewhere(
        "recv_21", "FreeBSD's. Here a call that asks for no bytes waits for a datagram too.",
        "udp_recv_would_block", cell("udp_bound", "recvmsg, no bytes", "waits"),
    ),
    elsewhere(
        "recv_22", "Windows XP's. Here a socket without a port waits.",
        "udp_recv_blocks", cell("udp_fresh", "recv", "waits"),
    ),
    elsewhere(
        "recv_23", "Windows XP's. Here an error does not stand in the queue: it is told before any datagram.",
        "receiving_reports_refusal", test("model/test_udp.py::test_the_error_goes_before_datagrams_that_wait"),
    ),
    met(
        "recv_24", "A pending error is told, once.",
        "receiving_reports_refusal", cell("udp_refused", "recv", "ECONNREFUSED"),
        wait("UDP recv", "a datagram that it sent has found nobody", "ECONNREFUSED"),
    ),
)  # fmt: skip

SENDING: tuple[Entry, ...] = (
    met(
        "send_1", "The bytes are taken, as far as there is room.",
        "send_copies send_takes_everything send_takes_a_part send_nothing", cell("connected", "send", "`1`"),
        cell("much_room", "send, 4 MB", "`100,000` / waits"),
    ),
    met(
        "send_2", "There is no room, or no connection yet: the call waits.",
        "send_blocks send_while_connecting_blocks thread_waits", cell("full", "send", "waits"),
        cell("connecting", "send", "waits"),
    ),
    met(
        "send_3", "There is room again, for everything: the call that waited is over.",
        "thread_is_woken send_takes_everything", wait("send", "the peer reads everything", "1 byte"),
    ),
    met(
        "send_3a", "There is some room: a part is taken, and the call waits on.",
        "send_takes_a_part thread_waits", wait("send of 4 MB", "the peer reads everything", "everything"),
        test("simnet/test_waiting.py::test_a_blocking_send_goes_out_in_portions_and_is_one_call"),
    ),
    met(
        "send_4", "There is no room, and the call must not wait: EAGAIN.",
        "send_would_block send_while_connecting_would_block", cell("full", "send, MSG_DONTWAIT", "EAGAIN"),
        cell("connecting", "send, MSG_DONTWAIT", "EAGAIN"),
    ),
    met(
        "send_5", "A pending error is told, once.",
        "send_reports_error", cell("reset", "send", "ECONNRESET"), cell("refused", "send", "ECONNREFUSED"),
    ),
    met(
        "send_5a", "An error ends the wait: it is told, or is left for the next call if a part was taken.",
        "thread_is_woken send_reports_error", wait("send", "the peer closes with bytes unread (reset)", "ECONNRESET"),
        wait("send of 4 MB", "the peer closes with bytes unread (reset)", "a part"),
    ),
    met(
        "send_6", "Not connected: EPIPE, never ENOTCONN.",
        "send_without_connection", cell("fresh", "send", "EPIPE"), cell("listening", "send", "EPIPE"),
    ),
    met(
        "send_7", "Shut for writing: EPIPE, also for who waits.",
        "send_without_connection send_after_early_shutdown", cell("shut_for_writing", "send", "EPIPE"),
        wait("send", "`SHUT_WR`", "EPIPE", "closing"),
    ),
    differs(
        "send_8", "Flags that mean nothing to send, such as MSG_PEEK and MSG_WAITALL, are taken and not heeded.",
        "send_copies datagram_is_sent", scene("flags_that_mean_nothing_to_send", [[1, 1], [1, 1]]),
    ),
    met(
        "send_9", "The datagram goes out.",
        "datagram_is_sent", cell("udp_connected", "send", "`1`"), cell("udp_fresh", "sendto, nobody is there", "`1`"),
    ),
    met(
        "send_10", "What has not left yet fills the buffer: the call waits. On loopback everything leaves at once.",
        "udp_send_blocks thread_waits",
        test("model/test_device.py::test_a_sender_that_waits_goes_on_when_more_than_half_has_left"),
    ),
    met(
        "send_11", "The same, and the call must not wait: EAGAIN.",
        "datagram_would_block",
        test("model/test_device.py::test_a_sender_that_may_not_wait_is_told_and_poll_says_when_to_go_on"),
    ),
    differs(
        "send_12", "Neither connected nor told where to: EDESTADDRREQ.",
        "datagram_without_destination", cell("udp_bound", "send", "EDESTADDRREQ"),
    ),
    met(
        "send_13", "Longer than a datagram may be: EMSGSIZE.",
        "datagram_is_far_too_long datagram_is_too_long", cell("udp_connected", "send, 4 MB", "EMSGSIZE"),
        test("model/test_udp.py::test_the_longest_datagram"),
    ),
    met(
        "send_14",
        "No port is left to be drawn: EAGAIN, whatever else would be wrong with the call. The next one tries again.",
        "first_use_finds_no_port first_use_takes_a_port",
        scene(
            "datagrams_when_no_port_is_left",
            (
                ["EAGAIN", "EAGAIN", "EAGAIN", "EAGAIN", "EAGAIN", "EAGAIN", "EAGAIN", "EAGAIN"],
                ("0.0.0.0", 0), "ENOTCONN", 1,
            ),
        ),
    ),
    met(
        "send_15", "Something has left: the datagram of who waited goes out.",
        "thread_is_woken datagram_is_sent", wait("UDP sendto", "the device lets it leave", "the datagram sent"),
    ),
    met(
        "send_16", "An error ends the wait and is told; to be shut for writing ends it, too: EPIPE.",
        "thread_is_woken sending_reports_refusal datagram_after_shutdown",
        wait("UDP sendto", "an ICMP error says that nobody is there", "ECONNREFUSED"),
        wait("UDP sendto", "`SHUT_WR`", "EPIPE", "closing"),
    ),
    elsewhere(
        "send_17",
        "Whether the datagram is too long is settled before the call waits. That its peer is taken away meanwhile no"
        " net can say (disconnect_1).",
        "datagram_is_far_too_long datagram_is_too_long", cell("udp_connected", "send, 4 MB", "EMSGSIZE"),
    ),
    met(
        "send_18", "Datagrams are never urgent: MSG_OOB is EOPNOTSUPP. MSG_PEEK is taken and not heeded.",
        "datagram_cannot_be_urgent", cell("udp_connected", "send, MSG_OOB", "EOPNOTSUPP"),
        scene("flags_that_mean_nothing_to_send", [[1, 1], [1, 1]]),
    ),
    elsewhere(
        "send_19", "FreeBSD's. Here two UDP sockets may have the same two ends, and both send.",
        "datagram_is_sent", scene("two_datagram_sockets_with_the_same_ends", [("ok", "ok", 1)] * 2),
    ),
    elsewhere(
        "send_21", "FreeBSD's. Here a socket that has a peer may send to another.",
        "datagram_is_sent", scene("a_connected_socket_sends_elsewhere", (1, b"x")),
        test("model/test_udp.py::test_a_connected_socket_may_send_to_others"),
    ),
    met(
        "send_22", "Shut for writing: EPIPE.",
        "datagram_after_shutdown", cell("udp_shut_for_writing", "send", "EPIPE"),
        cell("udp_shut_for_both", "send", "EPIPE"),
    ),
    met(
        "send_23", "A pending error is told, once, and the datagram is not sent.",
        "sending_reports_refusal", cell("udp_refused", "send", "ECONNREFUSED"),
    ),
)  # fmt: skip

ANY_CALL: tuple[Entry, ...] = (
    met(
        "return_1", "A call that is over answers when its thread runs on; which thread runs is a named choice.",
        "thread_is_chosen thread_is_woken", test("guests/test_threads.py::test_a_policy_may_say_who_gets_the_byte"),
        test("guests/test_random.py::test_threads_meet_the_same_on_both_arms"),
    ),
    met(
        "badf_1", "Nothing has this number: EBADF.",
        "call_on_closed_descriptor", cell("closed", "recv", "EBADF"), cell("closed", "listen", "EBADF"),
        test("model/test_unchanged.py::test_a_closed_descriptor_answers_ebadf_whatever_is_asked"),
    ),
    met(
        "notsock_1", "The file is no socket: ENOTSOCK.",
        "socket_call_on_epoll", scene("a_file_that_is_no_socket", "ENOTSOCK"),
    ),
    in_part(
        "intr_1",
        "A signal ends the call with EINTR, and Python makes it again unless the handler raises; what had taken a part"
        " answers with that; with SA_RESTART the kernel makes it again.",
        "wait_is_interrupted", wait("recv", "the handler returns", "made again", "signals"),
        wait("recv", "the handler raises", "the handler's exception", "signals"),
        wait("send of 4 MB", "the handler returns", "a part", "signals"), test("guests/test_signals.py::"
        "test_a_signal_to_a_sleeper_has_come_when_the_call_that_sends_it_is_over"),
    ),
    in_part(
        "resourcefail_1",
        "ENOBUFS is there where it can be provoked: fragments that find no room, ancillary data too long. That the"
        " machine itself has no memory, or no more files (ENOMEM, ENFILE), is not modelled.",
        "fragments_find_no_room ancillary_data_is_too_long",
        test("crosscheck/test_held.py::test_fragments_may_take_twice_the_buffer_and_no_more"),
        test("simnet/test_messages.py::test_both_arms_show_the_same"),
    ),
    missing(
        "resourcefail_2",
        "That the machine runs out of memory while a call waits. It cannot be provoked without harm to the machine, and"
        " was not observed.",
    ),
)  # fmt: skip
