"""UDP: the machine, the calls, what arrives, and what a receive buffer keeps."""
