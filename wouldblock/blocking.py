"""`python -m wouldblock.blocking`: the page of what ends each call that waits.

Each cell of its tables is the outcome of a small program: the first thread makes a call that waits (waits.py), another
does something to it, and what comes of the call is written down. The page is made on the model; a test makes every cell
on the kernel too and demands the same.

Something happens a tenth of a second after the call was made, and a tenth later somebody looks whether it is over. What
the call waits for comes in the end if nothing else did. Where times matter all is slower, and is told in quarters of a
second: time-outs are of two, and something happens after one. A machine that holds a thread up for longer than that is
too busy for this.

Not here: the calls (waits.py); the reasons behind the outcomes (docs/decisions.md, model/waiting).
"""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import attrs

from .waits import SYSTEM_CALLS, WAITS, Do, Wait, let_go, limit

PAGE = Path(__file__).parent.parent / "docs" / "blocking.md"
TENTH_S, QUARTER_S = 0.1, 0.25
LIMIT_S = 2 * QUARTER_S
_PATIENCE_S, _LONG_PATIENCE_S = 0.3, 2.0
"""After so long what has been waited for comes, where no time-out is to be seen, and where one is."""
NOTHING = "–"


class HandlerError(Exception):
    """What a handler raises."""


@attrs.frozen
class Seen:
    """What came of a call."""

    on: str
    """What `net.waiting()` said of the caller before anything happened; empty: it did not wait."""
    slept: bool
    """Whether it was not over a tenth of a second after that."""
    gave: str
    """What it gave in the end, in words."""
    ended: bool
    """Whether nothing ended it but what it waits for, which then came."""
    after: int
    """How many quarters of a second it took, if it was over neither then nor so."""
    handled: tuple[int, ...] = ()
    """How often handlers had run a tenth of a second after the signal, and in the end."""


@attrs.frozen
class Two:
    """What came of two threads that made the same call, when what they wait for had come once. The *first* called
    before the *second*.
    """

    woken: tuple[str, ...]
    """Who was woken; who of them came first is not said."""
    gave: tuple[str, ...]
    """What those have got whose call is over, in words: nothing for one that was woken in vain."""


def play(
    net: Any, wait: Wait, call: Callable[[], Any], happens: Do | None = None, *, at_s: float = TENTH_S,
    patience_s: float = _PATIENCE_S, signal: bool = False, raises: bool = False, restarts: bool = False,
) -> Seen:  # fmt: skip
    """The first thread makes a call. After a while (`at_s`) something happens, or it is sent a `signal`, whose handler
    returns or `raises`, and lets calls restart or not.
    """
    handled: list[int] = []
    over: list[str] = []
    seen: list[Any] = []
    failed: list[Exception] = []

    def handle(number: int, frame: Any) -> None:
        handled.append(number)
        if raises:
            raise HandlerError

    def others() -> None:
        try:
            net.time.sleep(at_s)
            seen.append("" if over else net.waiting().get("MainThread", ""))
            if signal:
                net.signal.pthread_kill(net.threading.main_thread().ident, net.signal.SIGUSR2)
            if happens is not None:
                happens()
            net.time.sleep(TENTH_S)
            seen.extend((not over, len(handled)))
            while not over and net.time.monotonic() < began + patience_s:
                net.time.sleep(TENTH_S)
            seen.append(not over)
            if not over:
                wait.end()
        except Exception as error:
            failed.append(error)

    if signal:
        net.signal.signal(net.signal.SIGUSR2, handle)
        net.signal.siginterrupt(net.signal.SIGUSR2, not restarts)
    other = net.threading.Thread(target=others)
    began = net.time.monotonic()
    other.start()
    try:
        gave = wait.told(call())
    except Exception as error:
        gave = in_words(error)
    over.append(gave)
    took_s = net.time.monotonic() - began
    other.join()
    if failed:
        raise failed[0]
    on, slept, soon, ended = seen
    after = int(took_s / QUARTER_S + 0.05) if slept and not ended else 0
    return Seen(on, slept, gave, ended, after, (soon, len(handled)) if signal else ())


def play_two(net: Any, wait: Wait) -> Two | None:
    """Two threads make the call, one a little after the other; then what they wait for comes, once."""
    if not wait.twice:
        return None
    given: dict[str, str] = {}
    threads = []

    def waits(name: str) -> None:
        try:
            given[name] = wait.told(wait.call())
        except Exception as error:
            given[name] = in_words(error)

    for name in ("first", "second"):
        threads.append(net.threading.Thread(target=waits, args=(name,), name=name))
        threads[-1].start()
        net.time.sleep(0.02)
    wait.end()
    net.time.sleep(TENTH_S + wait.takes_s)
    in_vain = net.woken_in_vain()
    woken = tuple(name for name in ("first", "second") if name in given or in_vain.get(name))
    seen = Two(woken, tuple(sorted(given.values())))
    for _ in threads:
        if len(given) < len(threads):
            wait.end()
            net.time.sleep(TENTH_S)
    for thread in threads:
        thread.join()
    return seen


def in_words(error: Exception) -> str:
    """An exception as the page names it: by its number, if it has one."""
    if isinstance(error, HandlerError):
        return "the handler's exception"
    if isinstance(error, OSError) and error.errno:
        return errno.errorcode[error.errno]
    return type(error).__name__


@contextmanager
def made(net: Any, name: str) -> Iterator[Wait]:
    """The wait of this name on a net."""
    try:
        yield WAITS[name](net)
    finally:
        let_go()


# ---------------------------------------------------------------- what happens to a call


Answer = Seen | Two
Cell = Callable[[Any, Wait], Answer | None]
"""Makes one cell on a fresh net; None where there is nothing to be tried."""


def left_alone(net: Any, wait: Wait) -> Seen:
    """Nothing happens until what it waits for comes."""
    return play(net, wait, wait.call)


def _by_settimeout(net: Any, wait: Wait, **more: Any) -> Seen | None:
    if not (wait.sock and wait.times_out):
        return None
    wait.sock.settimeout(LIMIT_S)
    return play(net, wait, wait.call, at_s=QUARTER_S, patience_s=_LONG_PATIENCE_S, **more)


def _by_option(net: Any, wait: Wait, **more: Any) -> Seen | None:
    if not wait.option:
        return None
    limit(net, wait.sock, wait.option, LIMIT_S)
    return play(net, wait, wait.call, at_s=QUARTER_S, patience_s=_LONG_PATIENCE_S, **more)


def _by_argument(net: Any, wait: Wait, **more: Any) -> Seen | None:
    limited = wait.limited
    if limited is None:
        return None
    return play(net, wait, lambda: limited(LIMIT_S), at_s=QUARTER_S, patience_s=_LONG_PATIENCE_S, **more)


def _signalled(**how: Any) -> Cell:
    return lambda net, wait: play(net, wait, wait.call, signal=True, **how)


def _signalled_elsewhere(net: Any, wait: Wait) -> Seen:
    """Another thread than the first makes the call, and is sent the signal."""
    given: list[str] = []

    def makes() -> None:
        try:
            given.append(wait.told(wait.call()))
        except Exception as error:
            given.append(in_words(error))

    net.signal.signal(net.signal.SIGUSR2, lambda number, frame: None)
    net.signal.siginterrupt(net.signal.SIGUSR2, True)
    other = net.threading.Thread(target=makes, name="other")
    other.start()
    net.time.sleep(TENTH_S)
    on = net.waiting().get("other", "")
    net.signal.pthread_kill(other.ident, net.signal.SIGUSR2)
    net.time.sleep(TENTH_S)
    slept = not given
    if slept:
        wait.end()
    other.join()
    return Seen(on, slept, given[0], slept, 0)


def _closed(net: Any, wait: Wait) -> Seen | None:
    return play(net, wait, wait.call, wait.sock.close) if wait.sock else None


def _closed_with_time_out(net: Any, wait: Wait) -> Seen | None:
    return _by_settimeout(net, wait, happens=wait.sock.close) if wait.sock else None


def _shut(how: str) -> Cell:
    def cell(net: Any, wait: Wait) -> Seen | None:
        def shut() -> None:
            with suppress(OSError):  # ENOTCONN, and it is shut all the same
                wait.sock.shutdown(getattr(net.socket, how))

        return play(net, wait, wait.call, shut) if wait.sock else None

    return cell


# ---------------------------------------------------------------- the tables


def _outcome(seen: Answer, natural: str) -> str:
    """Of a call to which something happens."""
    assert isinstance(seen, Seen)
    if not seen.on:
        return f"does not wait: {seen.gave}"
    if not seen.slept:
        return seen.gave
    return "waits on" if seen.gave == natural else f"waits on, then {seen.gave}"


def _limited(seen: Answer, natural: str) -> str:
    """Of a call that has a time-out."""
    assert isinstance(seen, Seen)
    if not seen.on:
        return f"does not wait: {seen.gave}"
    if seen.ended:
        return "waits on, without end"
    if not seen.slept:
        return f"{seen.gave}, at once"
    return seen.gave if seen.after == LIMIT_S / QUARTER_S else f"{seen.gave}, after {seen.after * QUARTER_S:g} s"


def _interrupted(seen: Answer, natural: str) -> str:
    """Of a call in which a signal comes."""
    assert isinstance(seen, Seen)
    if not seen.slept:
        return seen.gave
    if not seen.handled:
        return "waits on"
    return "made again" if seen.handled == (1, 1) else "waits on; the handler runs when it is over"


def _of_two(seen: Answer, natural: str) -> str:
    assert isinstance(seen, Two)
    assert seen.woken
    if len(seen.woken) == 1:
        return f"the {seen.woken[0]}"
    return "both" if len(seen.gave) == len(seen.woken) else "both, and one gets it"


@attrs.frozen
class Table:
    """A table of the page: one line for each wait."""

    title: str
    text: str
    columns: dict[str, Cell]
    shown: Callable[[Answer, str], str]
    """A cell in words, from what was seen and from what the call gives if nothing happens."""


TABLES = {
    "time-outs": Table(
        "Time-outs",
        """\
Each is of half a second. `settimeout` is Python's: the thread sleeps in poll, and the exception is `TimeoutError`.
`SO_RCVTIMEO` and `SO_SNDTIMEO` are the kernel's: the call itself ends, with an error number or with what it has. Of
`sendall` the first counts for the whole, the second for each send(2) that it makes.""",
        {
            "`settimeout`": _by_settimeout,
            "`SO_RCVTIMEO`, `SO_SNDTIMEO`": _by_option,
            "an argument": _by_argument,
        },
        _limited,
    ),
    "signals": Table(
        "Signals",
        """\
If the handler returns, Python makes the call again (PEP 475); a connect that is made again only waits for the outcome
of its first attempt. A call that has taken a part answers with it, and is not made again. With
`siginterrupt(SIGNAL, False)` (SA_RESTART) the kernel makes the call again by itself where it may, and Python's handler,
which never runs inside of a system call, has to wait until it is over; poll, select, epoll_wait and sleep are never
made again by the kernel (signal(7)). A handler that raises ends any call; what the call had taken by then is lost. All
that is so in the first thread, which alone runs handlers. Any other makes its call again at once.""",
        {
            "the handler returns": _signalled(),
            "the same, SA_RESTART": _signalled(restarts=True),
            "the handler raises": _signalled(raises=True),
            "in another thread": _signalled_elsewhere,
        },
        _interrupted,
    ),
    "signals and time-outs": Table(
        "A signal half-way through a time-out",
        """\
The time-out is of half a second, the signal comes after a quarter, and its handler returns. Python keeps the time that
is left. The kernel does not, and begins anew; for a connect it forgets the time-out.""",
        {
            "`settimeout`": partial(_by_settimeout, signal=True),
            "`SO_RCVTIMEO`, `SO_SNDTIMEO`": partial(_by_option, signal=True),
            "an argument": partial(_by_argument, signal=True),
        },
        _limited,
    ),
    "closing": Table(
        "Another thread closes the socket, or shuts it",
        """\
`close` takes the descriptor away and wakes nobody: the call keeps the file, and goes on as if nothing had been. poll
and select look their numbers up again when they are woken for another reason, and say what they say of a closed one
(select: everything); epoll forgets the socket, and waits for others. With `settimeout` Python finds no descriptor when
the time is over. What does wake is `shutdown`.""",
        {
            "`close`": _closed,
            "`close`, and a time-out": _closed_with_time_out,
            "`SHUT_RD`": _shut("SHUT_RD"),
            "`SHUT_WR`": _shut("SHUT_WR"),
            "`SHUT_RDWR`": _shut("SHUT_RDWR"),
        },
        _outcome,
    ),
    "two": Table(
        "Two threads make the same call",
        """\
What they wait for comes once. Where one is woken it is the one that has waited longer. Where both are woken and one
gets it, either may be the one, as the scheduler has it; the other was woken in vain.""",
        {"who is woken": play_two},
        _of_two,
    ),
}


def ways(net: Any, name: str) -> list[str]:
    """What may happen to a wait, in words."""
    with made(net, name) as wait:
        return list(wait.ways)


def way(words: str) -> Cell:
    """The cell of one of them."""

    def cell(net: Any, wait: Wait) -> Seen:
        return play(net, wait, wait.call, wait.ways[words], patience_s=_PATIENCE_S + wait.takes_s)

    return cell


def found(arm: Callable[[], Any], name: str, cell: Cell) -> Answer | None:
    """One cell of one wait, on a net made by `arm`."""
    with arm() as net, made(net, name) as wait:
        return cell(net, wait)


# ---------------------------------------------------------------- the page


_HEAD = """# Calls that wait

What each call of a blocking socket waits for, what wakes it, and what ends it otherwise: a time-out, a signal, `close`
or `shutdown` in another thread. Made by `python -m wouldblock.blocking`: every cell is the outcome of a small program
(`wouldblock/waits.py` has the calls, `wouldblock/blocking.py` what is done to them), run on the model for this page,
and equal on the kernel (`tests/waiting/test_waits.py`).

Calls that came out equal in every cell of a table share a line. *Waits on*: a tenth of a second later the call was not
over; then what it waits for came, and it gave that. A dash: there is nothing to try, because the call takes no such
time-out, or is about no socket.
"""
_WAITING = """
## Where a thread waits

It sleeps in the kernel, in state S, and neither its processor time nor its switches grow until it is woken. With
`settimeout` the system call is poll.

| call | because | `net.waiting()` says | for | system call |
|---|---|---|---|---|
"""
_WAYS = """
## What wakes it

| call | what happens | it gives |
|---|---|---|
"""


def page() -> str:
    """The page in Markdown."""
    from model import SimNet

    natural = {name: found(SimNet, name, left_alone) for name in WAITS}
    tables = [_table(SimNet, each, natural) for each in TABLES.values()]
    return "".join([_HEAD, *_waiting(SimNet), *_wakes(SimNet), *tables])


def _waiting(arm: Callable[[], Any]) -> Iterator[str]:
    yield _WAITING
    lines: dict[str, tuple[str, ...]] = {}
    for name, make in WAITS.items():
        reasons: list[str] = []

        def cell(net: Any, wait: Wait, reasons: list[str] = reasons) -> Seen:
            return play(net, wait, wait.call, lambda: reasons.append(net.waited_for().get("MainThread", NOTHING)))

        seen = found(arm, name, cell)
        assert isinstance(seen, Seen)
        on = re.sub(r" on [es]\d+", "", seen.on)
        lines[name] = (str(make.__doc__).splitlines()[0], f"`{on}`", reasons[0], f"`{SYSTEM_CALLS[name]}`")
    yield from _lines(lines)


def _wakes(arm: Callable[[], Any]) -> Iterator[str]:
    yield _WAYS
    lines: dict[str, tuple[str, ...]] = {}
    for name in WAITS:
        with arm() as net:
            words = ways(net, name)
        shown: list[str] = []
        for each in words:
            seen = found(arm, name, way(each))
            assert isinstance(seen, Seen)
            later = f", {seen.after * QUARTER_S:g} s after the call" if seen.after else ""
            shown += [each, "waits on" if seen.ended else f"{seen.gave}{later}"]
        lines[name] = tuple(shown)
    for names, cells in _merged(lines):
        for at in range(0, len(cells), 2):
            yield f"| {'' if at else names} | {cells[at]} | {cells[at + 1]} |\n"


def _table(arm: Callable[[], Any], table: Table, natural: dict[str, Any]) -> str:
    lines: dict[str, tuple[str, ...]] = {}
    for name in WAITS:
        answers = [found(arm, name, cell) for cell in table.columns.values()]
        if any(answers):
            gives = natural[name].gave
            lines[name] = tuple(NOTHING if each is None else table.shown(each, gives) for each in answers)
    head = f"| call | {' | '.join(table.columns)} |\n{'|---' * (len(table.columns) + 1)}|\n"
    return f"\n## {table.title}\n\n{table.text}\n\n{head}{''.join(_lines(lines))}"


def _lines(lines: dict[str, tuple[str, ...]]) -> Iterator[str]:
    for names, cells in _merged(lines):
        yield f"| {names} | {' | '.join(cells)} |\n"


def _merged(lines: dict[str, tuple[str, ...]]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The lines, of which equal ones are one, where the first of them stands."""
    for cells in dict.fromkeys(lines.values()):
        yield ", ".join(_in_type(name) for name, own in lines.items() if own == cells), cells


def _in_type(name: str) -> str:
    """The name of a wait, with what is Python in it."""
    return re.sub(r"[\w.]*[a-z][\w.]*", r"`\g<0>`", name, count=1)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
