"""`python -m wouldblock.optiontable`: what every option takes, refuses, clamps and tells, docs/options.md.

A *probe* is one call: getsockopt with a length, or setsockopt with a value or a length, and then getsockopt. The values
and lengths are the same for all options. Each option has five sockets, a new TCP socket, a listener, a connected one, a
new and a connected UDP socket, and each socket is asked in turn; of a sixth, a listener that it was set of, a
connection is accepted. Every answer is compared on both arms.

    probes.py   the sockets, the values, and what came of them
    page.py     docs/options.md, written from the model

Not here: what options do (tests/simnet/test_options.py, and the tests of what each is about).
"""
