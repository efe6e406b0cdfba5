"""What is measured: every number beside the one it is to be compared with, from the same run on the same CPU.

    make bench                                  or: python -m benchmarks [--json FILE] [--quick]

A time by itself says more about the machine and its other work than about the program, so nothing here stands by
itself: each pair is run in turn, A B A B, many times, each turn gives one ratio, and the median of the ratios is shown
with the middle half of them. Beside it stands the budget that the design sets. No test and no command fails on a time.

Everything runs in one private network namespace and so on one CPU (realnet/namespace.py): both arms of a ratio have
the same core, the same caches and the same neighbours. Times are of the wall clock: the CPU time of a thread would
leave out the half of a kernel's send that runs as a soft interrupt.

Its rooms:

    rounds.py       turns, medians, ratios: how anything is measured here
    machine.py      on what
    programs.py     five small programs, in socket code and in calls of a host
    calls.py        one call: the model against the kernel
    checking.py     the cross-check against the kernel alone and against Hypothesis
    wire.py         a transfer between two hosts
    timers.py       hours of virtual time
    memory.py       ten thousand connections
    printing.py     the table

Not here: exploration (there is no explorer yet), a history of measurements.
"""
