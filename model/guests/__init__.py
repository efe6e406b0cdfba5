"""Guest threads: the threads of a program that runs on either arm, one at a time, chosen by a seeded scheduler.

Who runs and who waits on what is a machine and a scheduler (waiting/scheduling.py). Here is what a program sees of it:

- lowlevel.py: `_thread`, the module that the standard library's `threading` stands on, over a scheduler;
- queues.py: `_queue`, on which `queue` stands, and pools of threads;
- signals.py: `_signal`;
- modules.py: `threading`, `queue`, `signal` and `concurrent.futures`, executed anew over them.

What carries a thread differs: a greenlet in virtual time on the model (simnet/greenlets.py), a thread of the machine's
own on the kernel (realnet/baton.py).
"""
