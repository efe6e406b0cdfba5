"""Tests of the arm that is the kernel: namespaces, its sockets, what is observed of them."""
