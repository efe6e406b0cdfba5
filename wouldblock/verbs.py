"""What each verb of the command line does, with its options already checked one by one.

Each function does the work of one verb, prints to the screen, writes the files that were asked for and returns the
exit status (front.py).

Not here: options and help (cli.py).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import attrs
import click

from model.rules import ModelDefect
from model.trace import Trace, to_json
from model.waiting.scheduling import BusyLoop, Deadlock
from wouldblock import arms, files, rulebook, scenarios
from wouldblock.front import AGREED, CONTRADICTED, UNUSABLE, Stop, screen, stderr_screen
from wouldblock.scenarios import Run, Scenario
from wouldblock.sidebyside import Comparison, compare

ATTEMPTS = 5
HELD_UP_NS = 20_000_000
"""Half of the shortest delay of an acknowledgement: time that the model knows nothing of."""
REPORT_FOLDER = Path("build/report")
DEFAULT_SECONDS = 10.0


# ------------------------------------------------------------------------------------------------ check, random calls


def check_random(calls: int | None, seconds: float | None, seed: int, out: Path, json_file: str | None) -> int:
    """`wouldblock check`: a random walk over both arms, its tables, and the folder with report and diagrams."""
    from realnet import NamespaceRefused
    from wouldblock import checking, reportfolder
    from wouldblock.crosscheck.walk import walk

    if calls is None and seconds is None:
        seconds = DEFAULT_SECONDS
    folder = files.make_folder(out, "--out")
    with (
        arms.refused_in_a_sentence(NamespaceRefused),
        checking.progress(stderr_screen(), calls, seconds) as show,
    ):
        report = walk(seed=seed, calls=calls, seconds=seconds, progress=show)
    reportfolder.save(report, folder)
    files.write_json(json_file, report.to_json())
    console = screen(json_file)
    with suppress(KeyboardInterrupt):  # enough read; the verdict stands
        checking.print_report(console, report)
        ended = (calls and report.calls >= calls) or (seconds and report.seconds >= seconds) or report.interrupted
        if report.contradictions and not ended:
            console.print(f"The check ended early, at contradiction number {len(report.contradictions)}.")
        console.print(f"Report and diagrams: {folder}/", soft_wrap=True, markup=False)
    if report.contradictions:
        return CONTRADICTED
    return AGREED if report.calls else UNUSABLE


# ------------------------------------------------------------------------------------------------ check, a scenario


@attrs.frozen(eq=False)
class _Broken:
    """A scenario that could not be judged, and why."""

    scenario: Scenario
    sentence: str
    stops: bool = False
    """Whether the scenarios behind it are not run either."""


def check_file(target: str, seed: int, json_file: str | None) -> int:
    """`wouldblock check FILE.py[::NAME]`: each scenario on both arms, side by side."""
    from wouldblock.output import print_comparison, print_run

    console = screen(json_file)
    found: list[Comparison] = []
    broken: list[_Broken] = []
    facts: dict[str, Any] = {"kernel": None, "settings": None}
    for scenario in scenarios.load(target):
        model = scenarios.run(scenario, "model", lambda: arms.model(seed))
        trouble = _trouble_on_the_model(scenario, model)
        if trouble is None:
            found.append(_on_both(scenario, model, seed))
            kernel = found[-1].kernel
            facts.update(kernel.facts)
            print_comparison(console, found[-1])
            trouble = _trouble_on_both(scenario, model, kernel)
        else:
            print_run(console, scenario, model)
        if trouble is not None:
            _say(trouble.sentence)
            broken.append(trouble)
            if trouble.stops:
                break
    judged = [each for each in found if all(each.scenario is not other.scenario for other in broken)]
    agreed = all(each.equal for each in judged)
    files.write_json(json_file, {
        **facts,
        "seed": seed,
        "equal": agreed and not broken,
        "scenarios": [each.to_json() for each in found],
        "not_judged": [{"scenario": each.scenario.name, "why": each.sentence} for each in broken],
    })  # fmt: skip
    if not agreed:
        return CONTRADICTED
    return UNUSABLE if broken else AGREED


def _on_both(scenario: Scenario, model: Run, seed: int) -> Comparison:
    """The kernel's run beside the model's. A busy machine may hold a program up between two calls for so long that a
    timer of the kernel goes off, which says nothing about the model: then, and only if that was measured, it is run
    again.
    """
    for attempt in range(ATTEMPTS):
        found = compare(scenario, model, scenarios.run(scenario, "kernel", lambda: arms.kernel(seed)))
        held_up_ns = found.held_up_ns
        if found.equal or found.kernel.interrupted or held_up_ns < HELD_UP_NS:
            break
        again = "it is run again" if attempt < ATTEMPTS - 1 else "run it again when the machine is less busy"
        _say(f"{scenario.target} was held up for {held_up_ns / 1e6:.0f} ms between two calls to the kernel; {again}.")
    return found


def _trouble_on_the_model(scenario: Scenario, model: Run) -> _Broken | None:
    """Why there is no point in asking the kernel."""
    at = _place(model)
    match model.raised:
        case KeyboardInterrupt():
            return _Broken(scenario, f"{scenario.target} was interrupted on the model{at}.", stops=True)
        case Deadlock() | BusyLoop():
            return _Broken(scenario, f"{scenario.target} goes on for ever: {model.raised}{at}.")
        case NotImplementedError():
            return _Broken(scenario, f"{scenario.target} needs what the model does not have yet: {model.raised}{at}.")
        case ModelDefect():
            return _Broken(scenario, f"{scenario.target} met a defect of the model: {model.error}{at}.")
    return None


def _trouble_on_both(scenario: Scenario, model: Run, kernel: Run) -> _Broken | None:
    """Why a comparison says nothing. An OSError is an answer of the sockets API, so that two arms may well agree on
    it.
    """
    at = _place(model)
    if kernel.interrupted:
        return _Broken(scenario, f"{scenario.target} was interrupted on the kernel{_place(kernel)}.", stops=True)
    if isinstance(model.raised, AttributeError) and not isinstance(kernel.raised, AttributeError):
        return _Broken(scenario, f"{scenario.target} needs what the model does not have yet: {model.raised}{at}.")
    if model.raised is None or isinstance(model.raised, OSError) or type(model.raised) is not type(kernel.raised):
        return None
    return _Broken(scenario, f"{scenario.target} fails by itself, on both arms: {model.error}{at}.")


def _place(run: Run) -> str:
    return f" (at {run.where[-1]})" if run.where else ""


def _say(sentence: str) -> None:
    click.echo(f"wouldblock: {sentence}", err=True)


# -------------------------------------------------------------------------------------------------------------- run


def run(target: str, seed: int, trace_file: str | None, pcap_file: str | None, json_file: str | None) -> int:
    """`wouldblock run`: scenarios on the model only."""
    from wouldblock.output import print_run

    chosen = scenarios.load(target)
    for option, file in (("--trace", trace_file), ("--pcap", pcap_file)):
        if file is not None and len(chosen) > 1:
            names = ", ".join(scenario.name for scenario in chosen)
            raise Stop(
                f"{option} takes one scenario, and {target} has {len(chosen)}: name one of {names} as {target}::NAME."
            )
    console = screen(files.STDOUT if files.STDOUT in (json_file, trace_file, pcap_file) else None)
    runs: list[tuple[Scenario, Run]] = []
    failed = False
    for scenario in chosen:
        done = scenarios.run(scenario, "model", lambda: arms.model(seed))
        runs.append((scenario, done))
        print_run(console, scenario, done)
        if done.raised is not None:
            failed = True
            trouble = _trouble_on_the_model(scenario, done)
            _say(trouble.sentence if trouble else f"{scenario.target} raised on the model: {done.error}{_place(done)}.")
            if done.interrupted:
                break
    if trace_file is not None:
        files.write(trace_file, "".join(f"{line}\n" for line in runs[0][1].trace.lines()))
    if pcap_file is not None:
        _write_pcap(pcap_file, runs[0][1].trace)
    files.write_json(json_file, {"seed": seed, "scenarios": [_run_json(scenario, done) for scenario, done in runs]})
    return UNUSABLE if failed else AGREED


def _write_pcap(name: str, trace: Trace) -> None:
    """The packets of a run as pcapng in the file `name`; ``-`` is standard output, which then takes bytes."""
    from wouldblock.pcap import pcapng

    if name == files.STDOUT:
        sys.stdout.buffer.write(pcapng(trace))
        sys.stdout.buffer.flush()
    else:
        files.write(name, pcapng(trace))


def _run_json(scenario: Scenario, done: Run) -> dict[str, Any]:
    return {
        "scenario": scenario.name,
        "file": str(scenario.path),
        "line": scenario.line,
        "fact": scenario.fact,
        "calls": [to_json(event) for event in done.calls],
        "returned": None if done.raised else repr(done.returned),
        "raised": done.error or None,
    }


# -------------------------------------------------------------------------------------------------- rules, diagrams


def rules(
    call: str | None,
    state: str | None,
    machine: str | None,
    text: str | None,
    report: str | None,
    json_file: str | None,
) -> int:
    """`wouldblock rules`: the rules that the filters let through."""
    from wouldblock.rulelist import print_rules

    chosen = rulebook.select(call, state, machine, text)
    known = rulebook.confirmations(report)
    console = screen(json_file)
    print_rules(console, chosen, known)
    files.write_json(json_file, {
        "report": str(known.source) if known.source else None,
        "kernel": known.kernel or None,
        "rules": [rulebook.rule_json(of, rule, known) for of, rule in chosen],
    })  # fmt: skip
    return AGREED


def draw(name: str | None, everything: bool, formats: Sequence[str], out: str, report: str | None) -> int:
    """`wouldblock draw`: diagrams as files."""
    from diagrams.render import has_dot
    from wouldblock import pictures

    there = pictures.names()
    if not everything and name not in there:
        asked = f"there is no diagram {name}" if name else "name a diagram, or say --all"
        raise Stop(f"{asked}; there are {', '.join(there)}.")
    which = there if everything or name is None else (name,)
    wanted = tuple(dict.fromkeys(formats)) or (pictures.TOGETHER if everything else ("svg",))
    known = rulebook.confirmations(report, last=False)
    drawn = pictures.draw(which, wanted, known)
    folder = files.make_folder(out, "--out")
    console = screen()
    for path in pictures.save(drawn, folder):
        console.print(str(path), soft_wrap=True, markup=False)
    if "svg" in wanted and not has_dot():
        _say("Graphviz's dot is not installed: the SVG has the project's own, plainer layout.")
    return AGREED
