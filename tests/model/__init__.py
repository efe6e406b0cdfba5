"""Tests of the model itself: the rule kit, wire traces, properties, determinism. A few also ask the kernel."""
