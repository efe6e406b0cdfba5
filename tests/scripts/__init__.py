"""Packet scripts of the project's own, one for each state of TCP and each mechanism, and the test that runs them."""
