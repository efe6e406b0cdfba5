"""The verbs of the command line and their options: `wouldblock check`, `agree`, `explain`, `run`, `rules`,
`draw`.

A verb checks all that it was given before it begins to work, does the work, prints, and returns an exit status
(front.py). What is heavy to import is imported by the verb that needs it.

Not here: anything but options; each verb's work is in the module of its subject. `cases` and `explore` and `--html`
are not there yet.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from wouldblock import agreeing, explaining, files, guests, peerchecking, scripts, threadchecking, verbs
from wouldblock.front import Front, Stop, make_text_safe

_F = TypeVar("_F", bound=Callable[..., Any])
FORMATS = ("svg", "png", "dot", "mermaid")
FAMILIES, LENGTHS = ("stream", "lives", "udp", "urgent"), (60, 200, 1000)
"""Of sequences (crosscheck/operations.py, agreement.py)."""
SETTINGS = ("pinned", "default")
"""Of the kernel (realnet/settings.py)."""


class Duration(click.ParamType[float]):
    """A time in seconds: finite and more than nothing."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            seconds = float(value)
        except ValueError:
            self.fail(f"{value!r} is not a number of seconds.", param, ctx)
        if not (math.isfinite(seconds) and seconds > 0):
            self.fail(f"{value!r} is not a time to work for: it must be more than 0 seconds.", param, ctx)
        return seconds


def _json_option(what: str) -> Callable[[_F], _F]:
    def check(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
        files.check_file(value, "--json")
        return value

    return click.option(
        "--json", "json_file", metavar="FILE", callback=check, help=f"Write {what} to FILE; - is standard output."
    )


_define_option = click.option(
    "-D",
    "--define",
    "defines",
    multiple=True,
    metavar="NAME=VALUE",
    help="In packet scripts, NAME stands for VALUE. May be given several times.",
)


def _report_option(default: str) -> Callable[[_F], _F]:
    return click.option(
        "--report", metavar="FILE", help=f"Take confirmations from this report of a check.  [default: {default}]"
    )


@click.group(
    "wouldblock", cls=Front, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(package_name="wouldblock", message="%(prog)s %(version)s")
def cli() -> None:
    """The sockets API as state machines: run them, check them against the running kernel, draw them.

    Exit status: 0 the model and the kernel agreed, 1 they contradicted each other, 2 wrong usage or a missing
    permission.
    """


@cli.command(short_help="Compare the model with the running kernel.")
@click.argument("targets", nargs=-1, metavar="[FILE.py[::NAME] | FILE.pkt… | DIR…]")
@click.option("--calls", type=click.IntRange(min=1), metavar="N", help="Stop after N checked calls.")
@click.option(
    "--time", "seconds", type=Duration(), metavar="T", help="Stop after T seconds.  [default: 10, without --calls]"
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=1,
    metavar="S",
    show_default=True,
    help="The seed of everything random.",
)
@click.option(
    "--out", type=click.Path(), metavar="DIR", help="Where the report and the diagrams go.  [default: build/report]"
)  # fmt: skip
@click.option("--peer", is_flag=True, help="Play a scripted peer's segments instead of random calls on loopback.")
@click.option("--threads", is_flag=True, help="Play programs of several threads instead of one thread's random calls.")
@click.option(
    "--sequences", type=click.IntRange(min=1), metavar="N", help="With --peer or --threads: stop after N of them."
)  # fmt: skip
@click.option("--guest", is_flag=True, help="Make the random calls in a guest with another kernel (user-mode-linux).")
@_define_option
@_json_option("the report")
def check(
    targets: tuple[str, ...],
    calls: int | None,
    seconds: float | None,
    seed: int,
    out: str | None,
    peer: bool,
    threads: bool,
    sequences: int | None,
    guest: bool,
    defines: tuple[str, ...],
    json_file: str | None,
) -> int:
    """Compare the model with the running kernel.

    Without a file: random calls on both, and every answer compared. Ctrl-C ends it early and prints what was found so
    far.

    With --peer: random calls of one party and random segments of a scripted peer, many sequences at once in real time,
    and every segment that the party sends compared. What differs is shrunk to a packet script. It takes --seed, --time
    or --sequences, and --json.

    With --threads: random programs of several threads that block, wait for each other and are sent signals; every call,
    who waits in which call in the end, and every account of a socket compared. What differs is shrunk. It takes --seed,
    --time or --sequences, and --json.

    With --guest: the random calls are made in a guest, Debian's user-mode-linux, whose kernel is of another release,
    and the model is that release's. Reports go to build/report/guest.

    With FILE.py: each scenario in it, a function of one parameter named net, runs on both arms and is shown side by
    side, call by call, with the rules behind every answer. FILE.py::NAME runs that one.

    With FILE.pkt: a script in packetdrill's language runs on the model in virtual time and on the kernel, in a private
    network namespace behind a TUN device, in real time; both are shown side by side, event by event. A directory means
    every script below it. Status 2 also says that a script needs what is not supported.

    \b
    Examples:
      wouldblock check --time 30
      wouldblock check --calls 100000 --seed 7 --json report.json
      wouldblock check --peer --sequences 100 --seed 7
      wouldblock check --threads --time 60
      wouldblock check --guest --time 30
      wouldblock check examples/connecting.py::refused_then_asked_again
      wouldblock check tests/scripts/nagle.pkt tests/scripts/zero_window.pkt
    """
    if peer or threads:
        walk, what = ("--peer", "a scripted peer") if peer else ("--threads", "programs of threads")
        for option, is_given in (
            ("--calls", calls is not None), ("--out", out is not None), ("--define", defines), ("--guest", guest),
            ("--threads", peer and threads),
        ):  # fmt: skip
            if is_given:
                raise Stop(f"{option} says nothing about the walk with {what}: leave it or {walk} out.")
        if targets:
            raise Stop(f"{walk} makes its own sequences and takes no file: leave out one of {walk} and {targets[0]}.")
        check_walk = peerchecking.check if peer else threadchecking.check
        return check_walk(sequences, seconds, seed, json_file)
    if sequences is not None:
        raise Stop("--sequences belongs to the walks with --peer and --threads: say one of them too, or leave it out.")
    if not targets:
        if defines:
            raise Stop("--define belongs to packet scripts and says nothing about the random check: leave it out.")
        if guest:
            return guests.check(calls, seconds, seed, Path(out or guests.REPORT_FOLDER), json_file)
        return verbs.check_random(calls, seconds, seed, Path(out or verbs.REPORT_FOLDER), json_file)
    if guest:
        raise Stop("--guest belongs to the random check and says nothing about a file: leave out one of them.")
    for option, given in (("--calls", calls), ("--time", seconds), ("--out", out)):
        if given is not None:
            raise Stop(
                f"{option} belongs to the random check and says nothing about a scenario file: leave out one of them."
            )
    if scripts.are_scripts(targets):
        return scripts.check(targets, scripts.defined(defines), json_file)
    return verbs.check_file(_scenario(targets, defines), seed, json_file)


def _scenario(targets: tuple[str, ...], defines: tuple[str, ...]) -> str:
    """The one file of scenarios that is meant."""
    if len(targets) > 1:
        raise click.UsageError(f"scenarios run one file at a time: {targets[0]} and {targets[1]} are two.")
    if defines:
        raise Stop("--define belongs to packet scripts and says nothing about a scenario file: leave it out.")
    return targets[0]


@cli.command(short_help="Over whole sequences, how often are model and kernel equal?")
@click.option(
    "--time",
    "seconds",
    type=Duration(),
    metavar="T",
    help="Stop after T seconds, shared among families and lengths.  [default: 60, without --sequences]",
)
@click.option("--sequences", type=click.IntRange(min=1), metavar="N", help="Stop after N of each family and length.")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=1,
    metavar="S",
    show_default=True,
    help="The seed of everything random.",
)
@click.option(
    "--family",
    "families",
    multiple=True,
    type=click.Choice(FAMILIES),
    help="What the sequences are about. May be given several times.  [default: all]",
)
@click.option(
    "--length",
    "lengths",
    multiple=True,
    type=click.IntRange(min=1),
    metavar="N",
    help="Calls of a sequence. May be given several times.  [default: 60, 200 and 1000]",
)
@click.option("--only", type=click.IntRange(min=0), metavar="NUMBER", help="Play the sequence of this number alone.")
@click.option("--guest", is_flag=True, help="Play them in a guest with another kernel (user-mode-linux).")
@click.option(
    "--settings",
    type=click.Choice(SETTINGS),
    default="pinned",
    show_default=True,
    help="Of the kernel: pinned ones, or those that it begins with.",
)
@click.option(
    "--two-hosts", is_flag=True, help="Play them between two hosts with an MTU of 1500 instead of on loopback."
)
@_json_option("the report")
def agree(
    seconds: float | None,
    sequences: int | None,
    seed: int,
    families: tuple[str, ...],
    lengths: tuple[int, ...],
    only: int | None,
    guest: bool,
    settings: str,
    two_hosts: bool,
    json_file: str | None,
) -> int:
    """Over whole sequences, how often are model and kernel equal?

    Random sequences of non-blocking calls are played three times each on the kernel. Those that it shows the same way
    every time, at every step, are followed by the model, which must show the same: what each call returned, the poll
    bits of every socket, FIONREAD, TIOCOUTQ, what was not sent yet, the TCP state and all accounts of memory. One
    difference anywhere, and the sequence is not equal.

    With --guest the kernel is another one, Debian's user-mode-linux, and the model is that release's.

    With --two-hosts the sockets of a sequence are divided among two hosts: two network namespaces joined by a pair of
    Ethernet ends with an MTU of 1500. Three more settings are pinned there; the report's settings tell.

    Settings: pinned are reno, buffers that do not tune themselves and no auto-corking, with which the kernel repeats
    itself best; default are the kernel's own, cubic, tuning and auto-corking. bbr stays out of both: it paces with
    timers, even where the machine prefers it.

    Families: stream is one connection's data, lives are the lives of many connections, udp is UDP.

    \b
    Examples:
      wouldblock agree
      wouldblock agree --time 300 --json agreement.json
      wouldblock agree --guest
      wouldblock agree --two-hosts
      wouldblock agree --settings default
      wouldblock agree --family stream --length 200 --only 17
    """
    if only is not None and (sequences is not None or seconds is not None):
        raise Stop("--only plays one sequence of each family and length: leave --sequences and --time out.")
    families, lengths = families or FAMILIES, lengths or LENGTHS
    own_settings = settings == "default"
    if own_settings and (guest or two_hosts):
        raise Stop("--settings default is for loopback and the running kernel: leave --guest and --two-hosts out.")
    if guest:
        if two_hosts:
            raise Stop("--guest has one host only: leave --two-hosts out, or --guest.")
        return guests.agree(sequences, seconds, seed, families, lengths, only, json_file)
    return agreeing.agree(
        sequences, seconds, seed, families, lengths, only, json_file, two_hosts=two_hosts, own_settings=own_settings
    )


@cli.command(short_help="The accounts of memory behind every call of a scenario, and why it stopped.")
@click.argument("target", metavar="FILE.py[::NAME]")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=1,
    metavar="S",
    show_default=True,
    help="The seed of everything random.",
)
@_json_option("the accounts after every row of calls, and the reasons,")
def explain(target: str, seed: int, json_file: str | None) -> int:
    """The accounts of memory behind every call of a scenario, and why it stopped where it did.

    The scenario runs on the model. After each call: what is charged to the send and the receive buffer of each socket,
    in which buffers, what is in flight, and how much the windows take. After a send that took less than it was given,
    or nothing: the reasons with their numbers. Calls that are alike and answered alike are one row.

    \b
    Examples:
      wouldblock explain examples/model/byte_by_byte.py
      wouldblock explain examples/filling.py::all_at_once --json accounts.json
    """
    return explaining.explain(target, seed, json_file)


@cli.command(short_help="Run scenarios or packet scripts on the model only.")
@click.argument("targets", nargs=-1, required=True, metavar="FILE.py[::NAME] | FILE.pkt… | DIR…")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    metavar="S",
    show_default=True,
    help="The seed of the model's choices.",
)
@click.option("--trace", metavar="FILE", help="Write the trace as JSON Lines to FILE; only for a single scenario.")
@click.option(
    "--pcap", metavar="FILE", help="Write the packets as pcapng, for Wireshark, to FILE; only for a single scenario."
)
@_define_option
@_json_option("calls, answers and rules")
def run(
    targets: tuple[str, ...],
    seed: int,
    trace: str | None,
    pcap: str | None,
    defines: tuple[str, ...],
    json_file: str | None,
) -> int:
    """Run scenarios on the model only, in virtual time, and show every call with the rules behind its answer.

    With FILE.pkt: a script in packetdrill's language runs on the model, and every event is shown with what was seen. A
    directory means every script below it. Status 1 says that one failed, 2 that one needs what is not supported.

    \b
    Examples:
      wouldblock run tests/scripts/nagle.pkt
      wouldblock run examples/connecting.py
      wouldblock run examples/connecting.py::refused_then_asked_again --trace trace.jsonl
      wouldblock run examples/closing.py::close_with_unread_data --pcap closing.pcapng
    """
    files.check_file(trace, "--trace")
    files.check_file(pcap, "--pcap")
    if pcap == files.STDOUT and files.STDOUT in (trace, json_file):
        raise Stop("--pcap - writes bytes, which nothing else may be mixed with: let only one option have '-'.")
    if scripts.are_scripts(targets):
        for option, given in (("--trace", trace), ("--pcap", pcap)):
            if given is not None:
                raise Stop(f"{option} belongs to scenarios and is not there for packet scripts: leave it out.")
        return scripts.run(targets, scripts.defined(defines), json_file)
    return verbs.run(_scenario(targets, defines), seed, trace, pcap, json_file)


@cli.command(short_help="List the rules of the model.")
@click.option("--call", metavar="X", help="Only rules for this call or event: connect, SEGMENT_FIN, SHUT*.")
@click.option("--state", metavar="Y", help="Only rules that start from this state or lead to it: SYN_SENT.")
@click.option("--machine", metavar="M", help="Only rules of this machine: tcp.")
@click.option("--text", metavar="T", help="Only rules with T in their name, sentence, notes or source.")
@_report_option("build/report/report.json, else the report behind docs/diagrams")
@_json_option("the rules")
def rules(
    call: str | None,
    state: str | None,
    machine: str | None,
    text: str | None,
    report: str | None,
    json_file: str | None,
) -> int:
    """List the rules of the model: sentence, source, moves, and how often the kernel confirmed each.

    \b
    Examples:
      wouldblock rules --call connect
      wouldblock rules --machine tcp --state TIME_WAIT
      wouldblock rules --text ECONNABORTED
    """
    return verbs.rules(call, state, machine, text, report, json_file)


@cli.command(short_help="Draw diagrams of the model.")
@click.argument("name", required=False)
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Draw every machine and view, as SVG, DOT and Mermaid unless --format says else.",
)
@click.option(
    "--format",
    "formats",
    type=click.Choice(FORMATS),
    multiple=True,
    help="May be given several times.  [default: svg]",
)
@click.option("--out", default="build/diagrams", metavar="DIR", show_default=True, help="Where the files go.")
@_report_option("the report behind docs/diagrams")
def draw(name: str | None, everything: bool, formats: tuple[str, ...], out: str, report: str | None) -> int:
    """Draw a machine of the model, or a view, from its rules; each arrow says how often the kernel confirmed it.

    \b
    Examples:
      wouldblock draw tcp
      wouldblock draw send_buffer --format png --format mermaid --out pictures
      wouldblock draw --all --report build/report/report.json
    """
    if everything and name is not None:
        raise Stop(f"name one diagram or say --all, not both: {name} and --all.")
    return verbs.draw(None if everything else name, everything, formats, out, report)


def main() -> None:
    """The program `wouldblock`."""
    make_text_safe()
    cli(prog_name="wouldblock")
