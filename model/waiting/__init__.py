"""Waiting: what a socket is ready for, and the calls that ask."""
