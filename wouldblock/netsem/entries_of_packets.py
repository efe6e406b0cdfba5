"""The older rules of what happens by itself: segments, datagrams and ICMP that arrive, timers, the network, time.

Not here: calls (entries_of_connections.py, entries_of_calls.py).
"""

from __future__ import annotations

from .ledger import Entry, cell, differs, elsewhere, in_part, met, test

SEGMENTS: tuple[Entry, ...] = (
    met(
        "deliver_in_1", "A SYN reaches a listener: it is remembered as a request, and SYN-ACK goes out.",
        "syn_reaches_listener syn_makes_request request_waits_for_ack child_answers_syn",
        test("scripts/handshake_passive.pkt"), test("scripts/handshake_syn_again.pkt"),
    ),
    in_part(
        "deliver_in_1b",
        "What is no SYN is reset or dropped; a SYN to which no route leads back is dropped. If the"
        " accept queue is full the SYN is dropped; a full queue of requests"
        " answers with a cookie, and drops the SYN only where cookies are switched off.",
        "ack_to_listener_is_reset reset_to_listener_is_ignored no_way_to_open syn_meets_full_queue"
        " syn_is_answered_with_cookie syn_meets_full_syn_queue syn_comes_from_where_no_route_leads",
        test("scripts/listen.pkt"),
        test("scripts/accept_queue_full.pkt"), test("model/test_forged.py::test_a_listener"),
        test("model/test_required_of_a_stranger.py::test_a_syn_from_where_no_route_leads_is_dropped"),
        test("model/test_requests.py::test_a_full_syn_queue_answers_with_a_cookie_which_is_not_remembered"),
        test("model/test_requests.py::test_a_syn_queue_that_is_full_drops_the_syn_without_cookies"),
    ),
    met(
        "deliver_in_2", "SYN-ACK answers our SYN, or the other side's SYN crossed it.",
        "syn_ack_establishes syns_cross", test("scripts/handshake_active.pkt"), test("scripts/simultaneous_open.pkt"),
    ),
    met(
        "deliver_in_2a",
        "While connecting, what acknowledges something else is reset, and what means nothing is dropped.",
        "ack_of_another_syn reset_without_ack_is_ignored segment_without_flags", test("scripts/syn_sent.pkt"),
        test("model/test_forged.py::test_some_things_are_not_worth_an_answer"),
    ),
    met(
        "deliver_in_3", "In a connection: acknowledgement, text and FIN are taken in turn, and answered.",
        "ack_frees_room ack_updates_window text_arrives text_out_of_order text_is_a_duplicate fin_arrives fins_cross"
        " our_fin_is_acked last_ack_arrives",
        test("scripts/established.pkt"), test("scripts/out_of_order.pkt"), test("scripts/close_passive.pkt"),
        test("scripts/closing.pkt"), test("scripts/last_ack.pkt"),
    ),
    met(
        "deliver_in_3a", "A wrong checksum, or a header that ends beyond the segment: dropped without a word.",
        "", test("model/test_mirror.py::test_the_kernel_refuses_what_is_malformed_and_welcomes_what_is_not"),
        test("model/test_required_of_two_hosts.py::test_a_spoilt_datagram_is_dropped_without_a_word"),
        code="model.values.wire.decode",
    ),
    met(
        "deliver_in_3b", "Text for a socket that nobody holds any more, or that is shut both ways: the peer is reset.",
        "text_nobody_will_read", test("scripts/close_then_bytes_arrive.pkt"),
        test("model/test_tcp_closing.py::test_bytes_for_a_socket_shut_both_ways_are_answered_with_a_reset"),
    ),
    met(
        "deliver_in_3c",
        "Half open, what acknowledges something that was never sent is reset. What comes from outside with the host's"
        " own address is dropped before TCP sees it; a socket connected to itself is an honest case of crossed SYNs.",
        "request_gets_another_ack ack_of_another_syn_ack", test("scripts/syn_received.pkt"),
        test("model/test_crossing.py::test_an_acknowledgement_of_something_else_is_reset"),
        test("model/test_required_of_a_stranger.py::test_a_syn_from_many_is_ignored"),
        test("model/test_tcp_opening.py::test_a_socket_connects_to_itself"),
    ),
    met(
        "deliver_in_4",
        "From or to many, or from an address that cannot be, the host's own too: dropped without a word.",
        "", test("model/test_required_of_a_stranger.py::test_a_syn_from_many_is_ignored"),
        test("model/test_required_of_a_stranger.py::test_a_syn_to_many_is_ignored"),
        code="model.world.host.Host.is_misdirected",
    ),
    met(
        "deliver_in_5", "Nobody is there for it: it is reset, unless it is a reset.",
        "", test("scripts/closed.pkt"),
        test("model/test_tcp_lives.py::test_what_is_sent_to_an_end_that_has_forgotten_is_answered_with_a_reset"),
        code="model.world.host.Host.receive",
    ),
    met(
        "deliver_in_6",
        "A closed socket is found by no segment: the same as nobody. One that waited in line is dropped.",
        "segment_meets_closed_socket", test("scripts/closed.pkt"), code="model.world.host.Host.receive",
    ),
    met(
        "deliver_in_7",
        "A reset that is expected next ends the connection: ECONNRESET, or EPIPE behind the peer's FIN.",
        "reset_aborts_connection reset_after_peers_fin", test("scripts/reset_established.pkt"),
        test("scripts/reset_close_wait.pkt"), test("scripts/reset_fin_wait_1.pkt"), test("scripts/reset_last_ack.pkt"),
        cell("reset", "getsockopt, TCP_INFO: state", "`CLOSE`"),
    ),
    met(
        "deliver_in_7a",
        "A reset ends what is half open: a listener's request is forgotten, crossed SYNs are ECONNRESET.",
        "reset_ends_request reset_ends_half_open", test("scripts/reset_syn_received.pkt"),
        test("model/test_crossing.py::test_a_reset_is_reported_as_reset_not_as_refusal"),
    ),
    met(
        "deliver_in_7b", "A reset does not concern a listener.",
        "reset_to_listener_is_ignored", test("scripts/listen.pkt"), test("model/test_forged.py::test_a_listener"),
    ),
    in_part(
        "deliver_in_7c",
        "While connecting, a reset that does not acknowledge our SYN is dropped. In TIME-WAIT one with the number that"
        " is expected ends the rest, and others are dropped.",
        "reset_without_ack_is_ignored reset_in_time_wait_is_ignored reset_ends_time_wait", test("scripts/syn_sent.pkt"),
        test("model/test_forged.py::test_a_reset_of_a_resting_connection_is_believed_if_it_is_new"),
    ),
    met(
        "deliver_in_7d", "A reset that acknowledges our SYN: ECONNREFUSED is pending.",
        "reset_refuses_connection", test("scripts/syn_sent.pkt"),
        cell("refused", "getsockopt, SO_ERROR", "`ECONNREFUSED`"),
    ),
    differs(
        "deliver_in_8",
        "A SYN in a connection may be forged: an acknowledgement answers it, and nothing changes. To a request that is"
        " half open it is the same SYN again, or a reset answers it.",
        "syn_in_connection_is_challenged syn_comes_again another_syn_ends_request",
        test("scripts/challenge_ack_syn.pkt"),
        test("model/test_forged.py::test_what_may_be_forged_is_answered_with_an_acknowledgement"),
        test("model/test_requests.py::test_a_segment_for_a_request"),
    ),
    met(
        "deliver_in_9", "A SYN in TIME-WAIT that is not new, or for which nobody listens: it is acknowledged again.",
        "segment_in_time_wait syn_ends_time_wait", test("scripts/time_wait.pkt"), test("scripts/time_wait_reuse.pkt"),
        test("model/test_forged.py::test_time_wait_answers_whatever_is_not_expected"),
    ),
    met(
        "deliver_out_1",
        "What waits goes out as far as window, congestion and Nagle allow; what is owed is acknowledged.",
        "waiting_bytes_follow send_copies ack_goes_at_once shutdown_sends_fin", test("scripts/nagle.pkt"),
        test("scripts/slow_start.pkt"), test("scripts/sws_sender.pkt"),
    ),
)  # fmt: skip

TIMERS: tuple[Entry, ...] = (
    met(
        "timer_tt_rexmtsyn_1", "Nobody has answered the SYN, or the SYN-ACK where SYNs have crossed: it is sent again.",
        "syn_is_sent_again crossed_syn_is_sent_again syn_ack_is_sent_again",
        test("model/test_tcp_opening.py::test_a_syn_is_sent_again_every_second_at_first"),
        test("model/test_crossing.py::test_the_syn_ack_is_sent_again_after_a_second"),
    ),
    met(
        "timer_tt_rexmt_1", "Nothing was acknowledged for too long: the oldest is sent again, until it is given up.",
        "oldest_is_sent_again everything_is_sent_again sending_times_out", test("scripts/retransmission.pkt"),
        test("scripts/retransmission_backoff.pkt"), test("model/test_loss.py::test_a_time_out_doubles"),
    ),
    met(
        "timer_tt_persist_1", "The window is closed: it is asked for.",
        "closed_window_is_probed probing_times_out", test("scripts/zero_window.pkt"),
        test("model/test_tcp_windows.py::test_a_closed_window_is_probed"),
    ),
    met(
        "timer_tt_keep_1", "The peer was silent for long, and SO_KEEPALIVE is set: it is asked, or given up.",
        "silent_peer_is_probed peer_was_heard silent_peer_is_given_up", test("scripts/keepalive.pkt"),
        test("model/test_keepalive.py::test_after_two_hours_by_default"),
    ),
    met(
        "timer_tt_2msl_1", "TIME-WAIT is over, after a minute.",
        "time_wait_ends", test("model/test_tcp_closing.py::test_time_wait_is_over_after_a_minute"),
    ),
    met(
        "timer_tt_delack_1", "No data came for the acknowledgement to ride on: it goes alone.",
        "delayed_ack_is_due", test("scripts/delayed_ack.pkt"),
        test("model/test_tcp_data.py::test_an_acknowledgement_waits_forty_milliseconds"),
    ),
    differs(
        "timer_tt_conn_est_1",
        "There is no such timer. An attempt is over when so many SYNs were not answered, or the user's time-out is:"
        " ETIMEDOUT.",
        "connecting_times_out",
        test("model/test_tcp_opening.py::test_the_wait_for_an_answer_doubles_until_the_attempt_is_given_up"),
        test("model/test_syn_retries.py::test_a_user_timeout_ends_the_attempt_but_not_before_the_second_syn"),
    ),
    met(
        "timer_tt_fin_wait_2_1", "Nobody holds the socket and the peer's FIN does not come: it is forgotten.",
        "orphan_gives_up", test("scripts/fin_wait_2_timeout.pkt"),
        test("model/test_tcp_closing.py::test_an_orphan_waits_a_minute_for_the_peers_fin"),
    ),
)  # fmt: skip

DATAGRAMS: tuple[Entry, ...] = (
    met(
        "deliver_in_udp_1", "A datagram waits for the reader of the socket that it is for, if there is room.",
        "datagram_is_kept datagram_is_dropped", cell("udp_datagram_waits", "ioctl, FIONREAD", "`1`"),
        test("model/test_udp.py::test_a_connected_socket_goes_before_one_that_is_not"),
    ),
    met(
        "deliver_in_udp_2", "Nobody is there for it: an ICMP error says so.",
        "refusal_arrives", cell("udp_refused", "getsockopt, SO_ERROR", "`ECONNREFUSED`"),
        test("model/test_udp.py::test_a_closed_port_is_reported_once_by_whatever_call_is_next"),
        code="model.world.host.Host.receive",
    ),
    met(
        "deliver_in_udp_3", "From an address that cannot be: dropped without a word.",
        "", test("model/test_namespaces.py::test_nobody_hears_a_datagram_for_loopback_from_outside"),
        test("model/test_required_of_a_stranger.py::test_a_datagram_from_many_is_ignored"),
        test("model/test_required_of_a_stranger.py::test_a_datagram_from_an_address_kept_for_later_is_taken"),
        code="model.world.host.Host.is_misdirected",
    ),
)  # fmt: skip

ERRORS: tuple[Entry, ...] = (
    met(
        "deliver_in_icmp_1",
        "There is no way to net or host: an attempt ends, a connection keeps the error for later, a UDP socket"
        " that does"
        " not ask is not told.",
        "error_ends_attempt error_is_kept_for_later passing_error_is_not_told",
        test("icmp/test_connections.py::test_an_attempt_ends_with_the_first_error"),
        test("icmp/test_connections.py::test_an_open_connection_keeps_the_error_for_later"),
        test("icmp/test_datagrams.py::test_a_connected_socket_is_told_what_does_not_pass"),
    ),
    met(
        "deliver_in_icmp_2", "A link ahead takes less: segments become smaller, and later datagrams are cut.",
        "segments_become_smaller datagram_was_too_big", test("scripts/icmp_too_big.pkt"),
        test("icmp/test_path_mtu.py::test_what_was_too_big_is_sent_again_at_once"),
        test("icmp/test_datagrams.py::test_what_a_router_says_is_known_to_every_later_datagram"),
    ),
    met(
        "deliver_in_icmp_3", "Port or protocol is unreachable: ECONNREFUSED or its kin is pending.",
        "error_ends_attempt refusal_arrives lasting_error_arrives", test("scripts/icmp_unreachable.pkt"),
        test("scripts/icmp_established.pkt"),
        test("icmp/test_datagrams.py::test_a_connected_socket_is_told_what_does_not_pass"),
    ),
    met(
        "deliver_in_icmp_4", "The header had a fault: EPROTO, as any other error of the kind.",
        "error_ends_attempt error_is_kept_for_later lasting_error_arrives",
        test("icmp/test_connections.py::test_an_attempt_ends_with_the_first_error"),
        test("icmp/test_datagrams.py::test_a_connected_socket_is_told_what_does_not_pass"),
    ),
    differs(
        "deliver_in_icmp_5", "It is dropped without a word (RFC 6633).",
        "", test("model/test_required_of_a_stranger.py::test_a_source_quench_is_dropped_without_a_word"),
    ),
    met(
        "deliver_in_icmp_6", "Other kinds of ICMP concern no socket.",
        "", test("model/test_wire.py::test_what_the_model_has_no_word_for_is_left_out"),
        test("model/test_required_of_a_stranger.py::test_a_source_quench_is_dropped_without_a_word"),
        code="model.values.packets.icmp_error",
    ),
    met(
        "deliver_in_icmp_7", "It quotes what is not on its way, or nobody's: it is counted, and changes nothing.",
        "error_quotes_another_segment error_comes_too_late",
        test("icmp/test_connections.py::test_an_error_that_quotes_another_segment_changes_nothing"),
        test("icmp/test_connections.py::test_errors_about_nobody_are_counted"),
        test("icmp/test_datagrams.py::test_errors_about_other_datagrams_are_counted"),
    ),
)  # fmt: skip

NETWORK: tuple[Entry, ...] = (
    met(
        "deliver_in_99", "A host takes what the wire brings, in order, when it is not in the midst of a call.",
        "", test("model/test_namespaces.py::test_a_call_returns_when_what_it_sent_has_arrived"),
        code="model.world.host.Host.receive",
    ),
    met(
        "deliver_in_99a", "What is for another host is not taken.",
        "", test("model/test_namespaces.py::test_nobody_hears_a_datagram_for_loopback_from_outside"),
        test("model/test_required_of_a_stranger.py::test_a_syn_to_many_is_ignored"),
        code="model.world.host.Host.is_misdirected",
    ),
    met(
        "deliver_out_99", "What a host sends goes on the wire, through its device if it has a slow one.",
        "", test("simnet/test_hosts.py::test_time_is_common_and_a_connection_takes_a_round_trip"),
        test("model/test_device.py::test_what_the_bucket_holds_leaves_at_once_and_the_rest_byte_by_byte"),
        code="model.world.host.Host.transmit",
    ),
    met(
        "deliver_loop_99", "What a host sends to itself has arrived when the call returns.",
        "", test("model/test_namespaces.py::test_a_call_returns_when_what_it_sent_has_arrived"),
        code="model.world.host.Host.transmit",
    ),
    in_part(
        "interface_1", "A wire can be cut, one way or both, and healed. That an interface goes down is not modelled.",
        "", test("simnet/test_hosts.py::test_a_partition_is_healed"),
        test("simnet/test_failures.py::test_one_direction_may_be_closed"), code="model.world.wire",
    ),
    elsewhere(
        "trace_1",
        "BSD's records of debugging, which this kernel does not have. TCP_INFO tells the state of a connection, and the"
        " model's trace every rule.",
        "", cell("connected", "getsockopt, TCP_INFO: state", "`ESTABLISHED`"),
        test("model/test_info.py::test_an_open_connection"), code="model.trace",
    ),
    elsewhere(
        "trace_2", "The same before a connection is open.",
        "", cell("connecting", "getsockopt, TCP_INFO: state", "`SYN_SENT`"),
        test("model/test_info.py::test_a_listener_counts_its_queue"), code="model.trace",
    ),
    met(
        "epsilon_1", "Time passes when nobody can go on, as far as the next thing that is due.",
        "", test("simnet/test_waiting.py::test_sleep_is_free_and_exact"),
        test("simnet/test_waiting.py::test_poll_waits_for_timers_and_shows_one_call"), code="model.world.world",
    ),
    elsewhere(
        "epsilon_2",
        "How a specification that relates states puts several steps of time together. Here time is a number, and goes"
        " on from timer to timer.",
        "", test("model/test_namespaces.py::test_timers_of_one_tick_fire_before_anything_arrives"),
        test("model/test_wheel.py::test_how_late_it_is_the_count_of_ticks_decides"), code="model.world.wheel",
    ),
)  # fmt: skip
