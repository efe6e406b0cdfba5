"""The world seen through the standard library's interfaces: socket code runs here unchanged.

A program sees the modules `socket`, `select`, `selectors`, `fcntl` and `time`. `socket` and `selectors` are the
standard library's own Python source (model/stdlib.py) over a simulated `_socket` and `select`, which are in this room:

    net.py              SimNet: one world, its modules, its trace
    modules.py          the modules of one host, put together
    kernel.py           the one way down: calls on the host, waiting in virtual time, tidy traces
    sockets.py          `_socket.socket`, the class
    lowlevel.py         `_socket`, the module: its functions and constants
    selecting.py        `select`: select and poll
    controlling.py      `fcntl`: ioctl and fcntl
    clock.py            `time`: virtual time
    names.py            names, addresses and ports: getaddrinfo, inet_aton and the argument checks of addresses
    arguments.py        how CPython turns arguments into C integers, buffers and timeouts
    errors.py           the texts of error numbers, and the exceptions that are ours
    constants.py        numbers that socket code wants and the model does not need

Answers of the model are values; this room turns `Fail` into the `OSError` a program sees, and `Block` into virtual
time that passes.

Not here: threads, epoll, IPv6, Unix sockets, `dup`, further hosts.
"""
