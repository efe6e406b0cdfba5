"""How CPython turns the arguments of a call into C integers, buffers and timeouts, and what it says when it cannot.

The real `_socket`, `select` and `time` are written in C and parse their arguments before the kernel hears of the
call. A program notices: a port as text is a TypeError, a size of 2**70 an OverflowError, and neither is an OSError.
The conversions here are those of Python/getargs.c and Python/pytime.c with their texts; tests run one table of bad
arguments through these and through the real modules.

Not here: addresses (names.py), and the texts for a wrong *number* of arguments, which are those of Python functions.
"""

from __future__ import annotations

from math import ceil, floor, isnan
from operator import index
from typing import Any

INT_MAX, LONG_MAX, SSIZE_MAX = 2**31 - 1, 2**63 - 1, 2**63 - 1
NS_PER_SECOND, NS_PER_MS = 1_000_000_000, 1_000_000
FOREVER = -1
"""A timeout of None, in nanoseconds: wait for as long as it takes."""


def c_int(value: Any) -> int:
    """A C `int` (getargs code "i")."""
    number = index(value)
    if -INT_MAX - 1 <= number <= INT_MAX:
        return number
    if not -LONG_MAX - 1 <= number <= LONG_MAX:
        raise OverflowError("Python int too large to convert to C long")
    raise OverflowError(f"signed integer is {'greater than maximum' if number > 0 else 'less than minimum'}")


def exact_c_int(value: Any) -> int:
    """A C `int` where CPython converts in one step (PyLong_AsInt) and has one complaint for all that do not fit."""
    number = index(value)
    if not -INT_MAX - 1 <= number <= INT_MAX:
        raise OverflowError("Python int too large to convert to C int")
    return number


def c_ssize_t(value: Any) -> int:
    """A C `Py_ssize_t` (getargs code "n"), in bytes."""
    number = index(value)
    if not -SSIZE_MAX - 1 <= number <= SSIZE_MAX:
        raise OverflowError("Python int too large to convert to C ssize_t")
    return number


def size_and_flags(size: Any, flags: Any, call: str) -> tuple[int, int]:
    """How many bytes the call named `call` shall receive, and its flags; ValueError if the size is negative, which is
    looked at when both are numbers.
    """
    wanted, bits = c_ssize_t(size), c_int(flags)
    if wanted < 0:
        raise ValueError(f"negative buffersize in {call}")
    return wanted, bits


def as_bytes(data: Any) -> bytes:
    """The contents of any object with a buffer (getargs code "y*")."""
    return bytes_view(data).tobytes()


def bytes_view(data: Any) -> memoryview:
    """A view of any object with a contiguous buffer; TypeError for others, text among them."""
    try:
        view = memoryview(data)
    except TypeError:
        raise TypeError(f"a bytes-like object is required, not {type(data).__name__!r}") from None
    if not view.c_contiguous:
        raise BufferError("memoryview: underlying buffer is not C-contiguous")
    return view


def type_name(value: Any) -> str:
    """What a complaint about an argument calls its type (Python/getargs.c, converterr)."""
    return "None" if value is None else type(value).__name__


def writable_view(buffer: Any, call: str) -> memoryview:
    """A view of a buffer that may be written, as bytes (getargs code "w*"), for the call named `call`."""
    try:
        view = memoryview(buffer)
    except TypeError:
        view = memoryview(b"")
    if view.readonly or not view.c_contiguous:
        raise TypeError(f"{call}() argument 1 must be read-write bytes-like object, not {type_name(buffer)}")
    return view.cast("B") if view.nbytes else memoryview(bytearray())


def file_descriptor(value: Any) -> int:
    """The descriptor of an int or of an object with fileno() (PyObject_AsFileDescriptor)."""
    if isinstance(value, int):
        fd = int(value)
    else:
        fileno = getattr(value, "fileno", None)
        if fileno is None:
            raise TypeError("argument must be an int, or have a fileno() method.")
        fd = fileno()
        if not isinstance(fd, int):
            raise TypeError("fileno() returned a non-integer")
    if not -INT_MAX - 1 <= fd <= INT_MAX:
        raise OverflowError("Python int too large to convert to C int")
    if fd < 0:
        raise ValueError(f"file descriptor cannot be a negative integer ({fd})")
    return fd


def duration_ns(value: Any, unit_ns: int) -> int:
    """A duration in `unit_ns`, an int or a float, as nanoseconds rounded away from zero (_PyTime_ROUND_TIMEOUT)."""
    if isinstance(value, float):
        if isnan(value):
            raise ValueError("Invalid value NaN (not a number)")
        scaled = value * unit_ns
        if not -(2.0**63) <= scaled < 2.0**63:
            raise OverflowError("timestamp out of range for platform time_t")
        return ceil(scaled) if scaled >= 0 else floor(scaled)
    ns = index(value) * unit_ns
    if not -LONG_MAX - 1 <= ns <= LONG_MAX:
        raise OverflowError("timestamp too large to convert to C PyTime_t")
    return ns


def socket_timeout_ns(value: Any) -> int:
    """What settimeout() takes, in seconds or None, as nanoseconds or `FOREVER`."""
    if value is None:
        return FOREVER
    ns = duration_ns(value, NS_PER_SECOND)
    if ns < 0:
        raise ValueError("Timeout value out of range")
    return ns


def whole_ms(ns: int) -> int:
    """Nanoseconds rounded up to whole milliseconds, which is what poll(2) can wait for."""
    return -(-ns // NS_PER_MS) * NS_PER_MS
