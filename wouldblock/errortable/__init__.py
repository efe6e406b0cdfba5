"""`python -m wouldblock.errortable`: what every call answers in every situation, docs/errors.md.

A *cell* is one call in one situation: a socket is brought there (wouldblock/situations.py), the call is made once, and
the socket is thrown away. So no cell depends on another. A call that may wait is made a second time, on another socket
in the same situation that is blocking: the kernel then waits, and gives up after a moment, because SO_RCVTIMEO and
SO_SNDTIMEO are set. What a cell holds is compared on both arms to the last bit, and beside it what poll says of the
socket afterwards and which error it still has to report.

    calls.py     the calls: a column each
    answers.py   a cell: the call made, and its answer in a form that two arms can share
    page.py      docs/errors.md, written from the model; docs/errors.json, what only the kernel can say

Not here: calls with wrong arguments (tests/calls), IPv6, several threads.
"""
