"""The simulated world: hosts, their wires, and virtual time."""
