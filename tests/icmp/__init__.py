"""ICMP errors that reach a socket, on the model and on the kernel."""
