"""Sockets as programs hold them: descriptors, their common state, options, bind rules, and connect's life."""
