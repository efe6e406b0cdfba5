"""Packet scripts on the command line: `wouldblock run FILE.pkt` and `wouldblock check FILE.pkt`.

Every script is read before the first one runs. Each is shown as soon as it is done; several get a line each, and their
events only where something is not as expected. The status is 1 if a script failed or the arms differ, else 2 if one
needs what an arm does not have, else 0.

Not here: the language and the runner (packetscript/), how it looks (scriptoutput.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import click

from wouldblock import arms, files, scriptoutput
from wouldblock.front import AGREED, CONTRADICTED, UNUSABLE, Stop, screen
from wouldblock.packetscript import Script, ScriptError, parse
from wouldblock.packetscript.arm import Ends, ends_of
from wouldblock.packetscript.comparing import Both, side_by_side
from wouldblock.packetscript.outcome import Outcome, Verdict
from wouldblock.packetscript.running import run as run_on

SUFFIX = ".pkt"
ATTEMPTS = 5
HELD_UP_NS = 4_000_000
"""As much as a time in a script may be missed by: a kernel whose neighbour was later than this says nothing."""


@attrs.frozen
class Loaded:
    """A script that was read."""

    name: str
    script: Script
    ends: Ends


def are_scripts(targets: Sequence[str]) -> bool:
    """Whether packet scripts are meant: every target is one, or a directory. Stop if only some are."""
    meant = [target.endswith(SUFFIX) or Path(target).is_dir() for target in targets]
    if any(meant) and not all(meant):
        raise Stop("packet scripts and scenarios run apart: give either FILE.pkt and directories, or one FILE.py.")
    return all(meant)


def load(targets: Sequence[str], defines: Mapping[str, str]) -> list[Loaded]:
    """The scripts that `targets` mean, directories with all below them. Raises `Stop`."""
    paths: list[Path] = []
    for target in targets:
        path = Path(target)
        below = sorted(path.rglob(f"*{SUFFIX}")) if path.is_dir() else [path]
        if not below:
            raise Stop(f"{target}: there is no packet script (*{SUFFIX}) in this directory.")
        paths += below
    return [_read(path, defines) for path in dict.fromkeys(paths)]


def _read(path: Path, defines: Mapping[str, str]) -> Loaded:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise Stop(f"{path}: there is no such file.") from None
    except UnicodeDecodeError:
        raise Stop(f"{path}: this is not text in UTF-8.") from None
    except OSError as error:
        raise Stop(f"{path}: cannot be read ({(error.strerror or str(error)).lower()}).") from None
    try:
        script = parse(text, str(path), defines)
        return Loaded(str(path), script, ends_of(script, str(path)))
    except ScriptError as error:
        raise Stop(str(error)) from None


def defined(pairs: Sequence[str]) -> dict[str, str]:
    """What ``--define NAME=VALUE`` defines. Raises `Stop`."""
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.isidentifier():
            raise Stop(f"--define {pair}: a name, '=' and a value are wanted, such as --define PORT=80.")
        found[name] = value
    return found


# ------------------------------------------------------------------------------------------------------------- verbs


def run(targets: Sequence[str], defines: Mapping[str, str], json_file: str | None) -> int:
    """`wouldblock run FILE.pkt`: scripts on the model."""
    loaded = load(targets, defines)
    console = screen(json_file)
    outcomes: list[Outcome] = []
    for each in loaded:
        outcomes.append(run_on(each.script, each.name))
        scriptoutput.print_outcome(console, outcomes[-1], brief=len(loaded) > 1)
    return _concluded(console, [(each.name, each.verdict, each.to_json()) for each in outcomes], json_file)


def check(targets: Sequence[str], defines: Mapping[str, str], json_file: str | None) -> int:
    """`wouldblock check FILE.pkt`: scripts on the model and on the running kernel."""
    loaded = load(targets, defines)
    console = screen(json_file)
    found: list[tuple[str, Verdict, dict[str, Any]]] = []
    for each in loaded:
        both = on_both(each)
        scriptoutput.print_both(console, both, brief=len(loaded) > 1)
        found.append((each.name, both.verdict, both.to_json()))
    return _concluded(console, found, json_file)


def on_both(loaded: Loaded) -> Both:
    """The script on both arms. A busy machine may hold the script's side up, so that what it sends comes late, which
    says nothing about the kernel: then, and only if that was measured, it runs again.
    """
    from realnet import NamespaceRefused
    from wouldblock.packetscript.kernel import RunningKernel

    model = run_on(loaded.script, loaded.name)
    for attempt in range(ATTEMPTS):
        with arms.refused_in_a_sentence(NamespaceRefused):
            kernel = run_on(loaded.script, loaded.name, RunningKernel(loaded.ends))
        both = side_by_side(model, kernel)
        if both.verdict is not Verdict.FAILED or kernel.late_ns < HELD_UP_NS:
            break
        again = "it is run again" if attempt < ATTEMPTS - 1 else "run it again when the machine is less busy"
        late = f"{kernel.late_ns / 1e6:.0f} ms"
        click.echo(f"wouldblock: {loaded.name} was held up for {late} on the kernel; {again}.", err=True)
    return both


def _concluded(console: Any, found: list[tuple[str, Verdict, dict[str, Any]]], json_file: str | None) -> int:
    counts = Counter(verdict for _, verdict, _ in found)
    if len(found) > 1:
        scriptoutput.print_summary(console, counts)
    files.write_json(json_file, {
        "scripts": [{"file": name, **content} for name, _, content in found],
        **{str(verdict): counts[verdict] for verdict in Verdict},
    })  # fmt: skip
    if counts[Verdict.FAILED]:
        return CONTRADICTED
    return UNUSABLE if counts[Verdict.UNSUPPORTED] else AGREED
