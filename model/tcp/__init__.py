"""TCP: control block, user calls, handshake, segment arrival, output, windows, memory, timers."""
