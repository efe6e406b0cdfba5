"""The arguments of sendmsg, recvmsg and recvmsg_into, and the sizes of ancillary data: how CPython takes them apart,
and what it says when it cannot (Modules/socketmodule.c).

The order is CPython's: numbers first, then the address, then buffers, then ancillary data. More buffers than the kernel
takes in one message (UIO_MAXIOV) are not modelled.

Not here: the calls (sockets.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..sockets.options import NotModelled
from ..values.messages import HEADER, Ancillary, space
from .arguments import INT_MAX, as_bytes, c_int, c_ssize_t, type_name

_MOST_BUFFERS = 1024


def CMSG_LEN(length: int, /) -> int:  # noqa: N802  # it is the function's name
    """Bytes of an item of ancillary data that has `length` bytes, without what keeps the next one aligned."""
    return HEADER + _checked(length, INT_MAX - HEADER, "CMSG_LEN")


def CMSG_SPACE(length: int, /) -> int:  # noqa: N802
    """Bytes that an item of ancillary data with `length` bytes takes in a buffer."""
    return space(_checked(length, INT_MAX - space(1), "CMSG_SPACE"))


def _checked(length: int, most: int, name: str) -> int:
    size = c_ssize_t(length)
    if not 0 <= size <= most:
        raise OverflowError(f"{name}() argument out of range")
    return size


def joined(buffers: Any) -> bytes:
    """The bytes of the buffers of a message that is sent, one behind the other."""
    parts = [as_bytes(part) for part in _each(buffers, "sendmsg() argument 1 must be an iterable")]
    _check_number(parts)
    return b"".join(parts)


def items(given: Any) -> list[Ancillary]:
    """The ancillary data of a message that is sent."""
    return [_item(each) for each in _each(given, "sendmsg() argument 2 must be an iterable")]


def _item(given: Any) -> Ancillary:
    where = "[sendmsg() ancillary data items]() argument must be"
    if not hasattr(given, "__len__") or not hasattr(given, "__getitem__") or isinstance(given, dict):
        raise TypeError(f"{where} 3-item sequence, not {type_name(given)}")
    if len(given) != 3:
        raise TypeError(f"{where} sequence of length 3, not {len(given)}")
    return c_int(given[0]), c_int(given[1]), as_bytes(given[2])


def writable(buffers: Any) -> list[memoryview]:
    """Views of the buffers that a message is received into, as bytes."""
    complaint = "recvmsg_into() argument 1 must be an iterable"
    views = []
    for buffer in _each(buffers, complaint):
        try:
            view = memoryview(buffer)
        except TypeError:
            view = memoryview(b"")
        if view.readonly or not view.c_contiguous:
            raise TypeError(f"{complaint} of single-segment read-write buffers")
        views.append(view.cast("B") if view.nbytes else memoryview(bytearray()))
    _check_number(views)
    return views


def room(size: int) -> int:
    """How many bytes of ancillary data a program has room for."""
    if not 0 <= size <= INT_MAX:
        raise ValueError("invalid ancillary data buffer length")
    return size


def scatter(data: bytes, views: Iterable[memoryview]) -> None:
    """Put received bytes into the buffers, each one full before the next."""
    for view in views:
        part, data = data[: view.nbytes], data[view.nbytes :]
        view[: len(part)] = part


def _each(given: Any, complaint: str) -> list[Any]:
    try:
        iterator = iter(given)
    except TypeError:
        raise TypeError(complaint) from None
    return list(iterator)


def _check_number(buffers: list[Any]) -> None:
    if len(buffers) > _MOST_BUFFERS:
        raise NotModelled(f"a message of more than {_MOST_BUFFERS} buffers is not modelled")
