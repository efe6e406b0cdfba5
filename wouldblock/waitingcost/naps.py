"""A thread that waits in a call (wouldblock/waits.py): what the kernel shows of it meanwhile.

The thread makes the call and sleeps; the program sleeps too, `WAITS_S`, and then does what the thread waits for. What
is seen of the sleep until then is `RealNet.naps` (realnet/baton.py).

Not here: who is woken by what (wouldblock/blocking.py); calls that wait for a lock.
"""

from __future__ import annotations

import attrs

from realnet import RealNet
from realnet.baton import Nap

from ..blocking import made

WAITS_S = 0.1
CALLS = ("recv", "send", "accept", "connect", "select", "poll", "epoll.poll", "time.sleep")
"""Those whose naps the page counts."""


def nap(call: str) -> Nap:
    """What was seen of a thread that waits in this call. Raises `NamespaceRefused` where the kernel is out of reach."""
    with RealNet() as net, made(net, call) as wait:
        thread = net.threading.Thread(target=wait.call, name="waits")
        thread.start()
        net.time.sleep(WAITS_S)
        net.waiting()  # looks once more
        found = attrs.evolve(next(each for each in net.naps if each.guest == "waits"))
        wait.end()
        thread.join()
        return found
