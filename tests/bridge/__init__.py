"""Tests of the bridge: a host of the model talks to the running kernel over a TUN device."""
