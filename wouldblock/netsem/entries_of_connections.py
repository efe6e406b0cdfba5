"""The older rules of calls that make, name and end sockets: accept, bind, close, connect, listen, shutdown, socket.

Not here: calls that carry data, and those that ask (entries_of_calls.py); segments (entries_of_packets.py).
"""

from __future__ import annotations

from .ledger import Entry, cell, differs, elsewhere, in_part, met, missing, scene, test, wait

_BLOCKED = "thread_waits"
_WOKEN = "thread_is_woken"
_LIMIT = "simnet/test_descriptors.py::test_both_arms_have_a_limit"

ACCEPT: tuple[Entry, ...] = (
    met(
        "accept_1", "The connection that has waited longest is given, at once or to one who waits for it.",
        f"accept_gives_connection {_WOKEN}",
        cell("listening_with_child", "accept", "`socket`, `127.0.0.1:*`"),
        wait("accept", "a client connects", "a connection"),
    ),
    met(
        "accept_2", "Nobody has connected, and the socket is blocking: the call waits.",
        f"accept_blocks {_BLOCKED}", cell("listening", "accept", "waits"),
    ),
    met(
        "accept_3", "Nobody has connected, and the socket is non-blocking: EAGAIN.",
        "accept_would_block", cell("listening", "accept", "waits"),
    ),
    differs(
        "accept_4",
        "ECONNABORTED is never given. A listener that is shut for writing accepts as before; one shut for reading is no"
        " listener any more, EINVAL, and that ends the wait of who waits; a connection that was reset meanwhile is"
        " accepted all the same.",
        "shutdown_listener_for_writing shutdown_stops_listening accept_without_listen accept_gives_connection",
        scene("a_listener_shut_for_writing_accepts", "a connection"),
        cell("listener_shut", "accept", "EINVAL"),
        cell("listening_with_reset_child", "accept", "`socket`, `127.0.0.1:*`"),
        wait("accept", "`SHUT_RD`", "EINVAL", "closing"), wait("accept", "`SHUT_WR`", "waits on", "closing"),
    ),
    met(
        "accept_5", "A socket that does not listen does not accept: EINVAL.",
        "accept_without_listen", cell("fresh", "accept", "EINVAL"), cell("connected", "accept", "EINVAL"),
    ),
    met(
        "accept_6", "No descriptor is left: EMFILE, and the connection waits on. That is looked at first of all.",
        "accept_finds_no_number", test(_LIMIT),
    ),
    met(
        "accept_7", "A UDP socket has no connections to give: EOPNOTSUPP.",
        "udp_cannot_accept", cell("udp_bound", "accept", "EOPNOTSUPP"),
    ),
)  # fmt: skip

BIND: tuple[Entry, ...] = (
    met(
        "bind_1", "The socket has a name; port 0 stands for one that the kernel draws.",
        "bind_takes_address", cell("fresh", "bind, a free port", "ok"), cell("udp_fresh", "bind, any port", "ok"),
    ),
    met(
        "bind_2", "Another has this port on an overlapping address: EADDRINUSE.",
        "bind_where_another_is", cell("fresh", "bind, a taken port", "EADDRINUSE"),
        cell("udp_fresh", "bind, a taken port", "EADDRINUSE"),
    ),
    met(
        "bind_3", "The host does not have this address: EADDRNOTAVAIL.",
        "bind_to_foreign_address", cell("fresh", "bind, not our address", "EADDRNOTAVAIL"),
    ),
    met(
        "bind_5", "It has a port already: EINVAL. That it was shut for writing does not matter.",
        "bind_again", cell("bound", "bind, a free port", "EINVAL"),
        cell("shut_before_connect", "bind, a free port", "ok"),
    ),
    missing(
        "bind_7", "A port below 1024 needs a privilege: EACCES. Programs on the model may do everything.",
        scene("a_low_port", "ok"), scene("a_low_port_without_privileges", "EACCES"),
    ),
    differs(
        "bind_8",
        "That a socket is connected is not looked at: it has a port, EINVAL. When the connection is over and the port"
        " was not asked for, it can be bound anew.",
        "bind_again bind_takes_address", cell("connected", "bind, a free port", "EINVAL"),
        cell("both_shut", "bind, a free port", "ok"),
    ),
    differs(
        "bind_9", "No port is left to draw: EADDRINUSE, and an address bound by the same call is forgotten.",
        "bind_finds_no_port",
        scene(
            "bind_when_no_port_is_left", [(["ok", "ok", "EADDRINUSE"], ("0.0.0.0", 0), "ok")] * 2
        ),
    ),
)  # fmt: skip

CLOSE: tuple[Entry, ...] = (
    met(
        "close_1", "One of several descriptors is closed: nothing happens to the file.",
        "one_of_several_closes", scene("a_duplicate_keeps_the_connection", (1, b"x")),
        test("simnet/test_descriptors.py::test_both_arms_show_the_same"),
    ),
    met(
        "close_2", "The last descriptor of a connection is closed: a FIN goes out behind what waits to be sent.",
        "descriptor_closes close_sends_fin close_after_fin close_in_fin_wait_2", cell("connected", "close", "ok"),
        test("scripts/close_active.pkt"), test("scripts/close_passive.pkt"),
    ),
    met(
        "close_3", "SO_LINGER of no time, or bytes that were never read: a reset goes out.",
        "close_without_lingering close_with_unread_bytes", test("guests/test_lingering.py::test_no_time_resets"),
        test("scripts/close_with_unread_bytes.pkt"),
    ),
    met(
        "close_4", "SO_LINGER of some time: close waits. On Linux it does so on a non-blocking socket too.",
        f"close_sends_fin {_BLOCKED}", test("guests/test_lingering.py::test_close_waits_until_its_time_is_over"),
        test("guests/test_lingering.py::test_the_last_descriptor_waits"),
    ),
    met(
        "close_5", "The peer has acknowledged everything in time: the close that waited is over.",
        _WOKEN, test("guests/test_lingering.py::test_close_ends_with_what_it_waits_for"),
    ),
    differs(
        "close_6", "The time is over and not everything was acknowledged: close succeeds all the same.",
        "wait_runs_out", test("guests/test_lingering.py::test_close_waits_until_its_time_is_over"),
    ),
    in_part(
        "close_7",
        "A socket without a connection, or whose SYN was not answered, is gone without a word. Where SYNs have"
        " crossed a"
        " FIN goes out, and the opening goes on.",
        "close_without_connection close_gives_up_connecting", cell("fresh", "close", "ok"),
        cell("connecting", "close", "ok"), test("model/test_tcp_opening.py::test_closing_an_attempt_sends_nothing"),
        test("scripts/crossed_then_closed.pkt"),
    ),
    met(
        "close_8", "The listener is gone, and connections that waited are reset.",
        "close_listener listener_leaves_connection", cell("listening", "close", "ok"),
        test("model/test_tcp_opening.py::test_closing_a_listener_resets_the_connections_that_wait"),
    ),
    met(
        "close_10", "A UDP socket is gone, and what was not read with it.",
        "udp_close", cell("udp_datagram_waits", "close", "ok"),
        test("model/test_udp.py::test_closing_sends_nothing_and_frees_the_port"),
    ),
)  # fmt: skip

CONNECT: tuple[Entry, ...] = (
    met(
        "connect_1", "A SYN goes out: EINPROGRESS, or the call waits.",
        f"connect_starts active_open {_BLOCKED}", cell("fresh", "connect, somebody is there", "EINPROGRESS / ok"),
        test("scripts/handshake_active.pkt"),
    ),
    met(
        "connect_2", "The connection is there: the call that waited for it succeeds.",
        f"waiting_connect_succeeds syn_ack_establishes {_WOKEN}",
        wait("connect", "the listener accepts, and the SYN goes again", "connected"),
    ),
    met(
        "connect_3", "The attempt has failed: the call that waited tells the pending error.",
        "waiting_connect_fails reset_refuses_connection",
        wait("connect", "the listener closes, and the SYN goes again", "ECONNREFUSED"),
        cell("fresh", "connect, nobody is there", "EINPROGRESS / ECONNREFUSED"),
    ),
    met(
        "connect_4", "An error becomes pending while the call waits, here by a shutdown in another thread: it is told.",
        "waiting_connect_fails shutdown_gives_up_connecting", wait("connect", "`SHUT_RD`", "ECONNRESET", "closing"),
        wait("connect", "`SHUT_WR`", "ECONNRESET", "closing"),
    ),
    met(
        "connect_4a", "The attempt has failed before: connect tells the pending error, and the next one begins anew.",
        "connect_asked_again_reports_failure", cell("refused", "connect, somebody is there", "ECONNREFUSED"),
        cell("refused_and_asked", "connect, somebody is there", "EINPROGRESS / ok"),
    ),
    met(
        "connect_5",
        "In progress: EALREADY. Connected, or listening: EISCONN, but the first connect after EINPROGRESS"
        " succeeds. Shut"
        " after a failed attempt: EINVAL.",
        "connect_asked_again_in_progress connect_when_connected connect_on_listener connect_asked_again_succeeds"
        " connect_after_failed_shutdown",
        cell("connecting", "connect, somebody is there", "EALREADY / waits"),
        cell("connected", "connect, somebody is there", "EISCONN"),
        cell("listening", "connect, somebody is there", "EISCONN"),
        cell("connected_unknowing", "connect, somebody is there", "ok"),
        test("model/test_tcp_lives.py::test_a_refused_attempt_that_is_shut_never_connects_again"),
    ),
    met(
        "connect_5a", "No route leads there: ENETUNREACH.",
        "connect_without_route udp_connect_without_route", cell("fresh", "connect, no route", "ENETUNREACH"),
        cell("udp_fresh", "connect, no route", "ENETUNREACH"),
    ),
    differs(
        "connect_5b", "Another connection has the same two ends: EADDRNOTAVAIL.",
        "connect_where_pair_is_taken", scene("a_pair_of_addresses_in_use", ["ok", "EADDRNOTAVAIL"]),
    ),
    met(
        "connect_5c", "No port is left to come from: EADDRNOTAVAIL of TCP. Of UDP it is EAGAIN, and no peer is fixed.",
        "connect_finds_no_port first_use_finds_no_port", scene("connect_when_no_port_is_left", "EADDRNOTAVAIL"),
        test("model/test_ports.py::test_a_port_that_was_bound_is_not_shared"),
    ),
    met(
        "connect_5d", "An attempt is in progress and the socket is blocking by now: the call waits for its outcome.",
        f"connect_waits_on {_BLOCKED}", cell("connecting", "connect, nobody is there", "EALREADY / waits"),
    ),
    differs(
        "connect_6", "A socket that was shut for writing connects; the direction stays shut.",
        "connect_starts send_after_early_shutdown",
        cell("shut_before_connect", "connect, somebody is there", "EINPROGRESS / ok"),
        test("model/test_tcp_lives.py::test_a_direction_shut_before_connecting_stays_shut"),
    ),
    met(
        "connect_7", "A UDP socket without a name is given a peer, an address and a port.",
        "udp_connect_fixes_peer first_use_takes_a_port", cell("udp_fresh", "connect, somebody is there", "ok"),
        cell("udp_connected", "getsockname", "`127.0.0.1:*`"),
    ),
    met(
        "connect_8", "A UDP socket that has a name is given a peer, or another one.",
        "udp_connect_fixes_peer udp_connect_changes_peer", cell("udp_bound", "connect, somebody is there", "ok"),
        cell("udp_connected", "connect, somebody is there", "ok"),
    ),
    elsewhere(
        "connect_9",
        "FreeBSD's. Here connect to port 0 succeeds on a UDP socket, which has no peer in the eyes of getpeername then,"
        " but sends: datagrams go out to port 0, where nobody is.",
        "udp_connect_fixes_peer", scene("datagrams_to_port_zero", ("ok", "ENOTCONN", 1)),
    ),
    elsewhere(
        "connect_10", "FreeBSD's. Here connect does not look at a pending error: it succeeds, and the error stays.",
        "udp_connect_changes_peer", cell("udp_refused", "connect, somebody is there", "ok"),
        scene("connect_does_not_tell_a_refusal", ("ok", ("127.0.0.1", 7000), "ECONNREFUSED")),
    ),
    missing(
        "disconnect_4",
        "connect with an address of no family that it knows: EAFNOSUPPORT. Python's sockets cannot say it, so no net"
        " offers it.",
        scene("an_address_of_another_family", ["EAFNOSUPPORT", "EAFNOSUPPORT"]),
    ),
    missing(
        "disconnect_5",
        "connect with AF_UNSPEC lets a connection go: the peer is reset, and the socket is as good as new; a listener"
        " listens no more. Python's sockets cannot say it.",
        scene("a_connection_let_go", ("ok", "ENOTCONN", "ECONNRESET", "ok", True)),
        scene("a_listener_or_a_fresh_socket_let_go", ("ok", "EINVAL", "ok")),
    ),
    missing(
        "disconnect_1", "connect with AF_UNSPEC takes the peer away from a UDP socket; a port that was bound stays.",
        scene(
            "a_peer_let_go",
            [
                ("ok", "ENOTCONN", ("127.0.0.1", 7001)), ("ok", "ENOTCONN", ("0.0.0.0", 0)),
                ("ok", "ENOTCONN", ("0.0.0.0", 0)),
            ],
        ),
    ),
    missing(
        "disconnect_2", "The same on a UDP socket that was not bound: it has no port then, and is given none.",
        scene(
            "a_peer_let_go",
            [
                ("ok", "ENOTCONN", ("127.0.0.1", 7001)), ("ok", "ENOTCONN", ("0.0.0.0", 0)),
                ("ok", "ENOTCONN", ("0.0.0.0", 0)),
            ],
        ),
    ),
    elsewhere(
        "disconnect_3", "To lose its peer a UDP socket needs no port here, so it does not matter whether one is left.",
        "",
        scene(
            "a_peer_let_go",
            [
                ("ok", "ENOTCONN", ("127.0.0.1", 7001)), ("ok", "ENOTCONN", ("0.0.0.0", 0)),
                ("ok", "ENOTCONN", ("0.0.0.0", 0)),
            ],
        ),
    ),
)  # fmt: skip

LISTEN: tuple[Entry, ...] = (
    met(
        "listen_1", "The socket listens, on a port that it is given if it has none.",
        "listen_starts", cell("fresh", "listen", "ok"), cell("bound", "listen", "ok"),
        scene("listen_when_no_port_is_left", ("EADDRINUSE", ("0.0.0.0", 0), "ok", "ok")),
    ),
    met(
        "listen_1b", "It listens already: the accept queue has another length.",
        "listen_again", cell("listening", "listen", "ok"),
        test("model/test_tcp_lives.py::test_listening_again_makes_the_queue_longer_and_loses_nobody"),
    ),
    elsewhere(
        "listen_1c", "FreeBSD's. Here a socket that connects or is connected does not listen: EINVAL.",
        "listen_on_used_socket", cell("connected", "listen", "EINVAL"), cell("connecting", "listen", "EINVAL"),
    ),
    elsewhere(
        "listen_2", "Windows XP's. Here a socket without a port is given one.",
        "listen_starts", cell("fresh", "listen", "ok"),
    ),
    met(
        "listen_3", "Neither closed nor listening: EINVAL.",
        "listen_on_used_socket", cell("connected", "listen", "EINVAL"), cell("peer_shut", "listen", "EINVAL"),
    ),
    met(
        "listen_4", "Another listens on this address and port: EADDRINUSE. The same if no port is left to be drawn.",
        "listen_where_another_listens listen_finds_no_port",
        scene("two_listen_at_one_address", ["ok", "EADDRINUSE"]),
        scene("listen_when_no_port_is_left", ("EADDRINUSE", ("0.0.0.0", 0), "ok", "ok")),
    ),
    elsewhere(
        "listen_5", "BSD's. Here a socket shut for writing listens, and its children are born shut for writing.",
        "listen_starts", cell("shut_before_connect", "listen", "ok"),
        test("model/test_tcp_lives.py::test_a_listener_shut_for_writing_before_has_children_that_hang_up"),
    ),
    met(
        "listen_7", "A UDP socket has no connections to wait for: EOPNOTSUPP.",
        "udp_cannot_listen", cell("udp_bound", "listen", "EOPNOTSUPP"),
    ),
)  # fmt: skip

SHUTDOWN: tuple[Entry, ...] = (
    met(
        "shutdown_1", "A direction of a connection is shut: a FIN goes out, or the reader finds the end.",
        "shutdown_sends_fin shutdown_reading shutdown_again shutdown_concerns_protocol",
        cell("connected", "shutdown, SHUT_WR", "ok"), cell("connected", "shutdown, SHUT_RD", "ok"),
        cell("shut_for_writing", "send", "EPIPE"), cell("shut_for_reading", "recv", "`b''`"),
    ),
    met(
        "shutdown_2", "A direction of a UDP socket that has a peer is shut; nothing is sent.",
        "udp_shutdown",
        cell("udp_connected", "shutdown, SHUT_RDWR", "ok"), cell("udp_shut_for_writing", "send", "EPIPE"),
    ),
    met(
        "shutdown_3", "Not connected: ENOTCONN, and the direction is shut all the same.",
        "shutdown_without_connection", cell("fresh", "shutdown, SHUT_WR", "ENOTCONN"),
        test("model/test_tcp_lives.py::test_a_direction_shut_before_connecting_stays_shut"),
    ),
    met(
        "shutdown_4", "A UDP socket without a peer: ENOTCONN, and the direction is shut all the same.",
        "udp_shutdown_without_peer", cell("udp_bound", "shutdown, SHUT_RD", "ENOTCONN"),
        test("model/test_udp.py::test_shutdown_without_a_peer_says_enotconn_and_shuts_all_the_same"),
    ),
)  # fmt: skip

SOCKET: tuple[Entry, ...] = (
    met(
        "socket_1", "A fresh socket has the lowest number that is free.",
        "tcp_socket_opens udp_socket_opens", scene("sockets_of_both_protocols", ([True, True], "EPROTONOSUPPORT")),
        test("simnet/test_descriptors.py::test_both_arms_show_the_same"),
    ),
    met("socket_2", "No descriptor is left: EMFILE.", "socket_finds_no_number", test(_LIMIT)),
)  # fmt: skip
