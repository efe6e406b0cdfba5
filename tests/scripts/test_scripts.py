"""Every script in this folder on the model and on the running kernel: both pass, with the same answers and packets.

A script is a trace test: it says what is sent, and at its end that nothing else is.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from wouldblock.packetscript import parse
from wouldblock.packetscript.arm import ends_of
from wouldblock.packetscript.outcome import Verdict
from wouldblock.packetscript.running import run
from wouldblock.packetscript.syntax import Nothing
from wouldblock.scripts import Loaded, on_both

HERE = Path(__file__).parent
SCRIPTS = sorted(HERE.glob("*.pkt"), key=lambda path: path.stem)
MODEL_LACKS: dict[str, str] = {}
"""Scripts that the kernel passes and the model cannot run, and why."""


def loaded(path: Path) -> Loaded:
    script = parse(path.read_text(encoding="utf-8"), path.name)
    return Loaded(path.name, script, ends_of(script, path.name))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_the_model_passes(path: Path) -> None:
    each = loaded(path)
    outcome = run(each.script, each.name)
    expected = Verdict.UNSUPPORTED if path.stem in MODEL_LACKS else Verdict.PASSED
    assert outcome.verdict is expected, str(outcome)


@pytest.mark.usefixtures("kernel_in_reach")
@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_the_kernel_passes_with_the_same_packets(path: Path) -> None:
    both = on_both(loaded(path))
    assert both.kernel.verdict is Verdict.PASSED, str(both.kernel)
    if path.stem not in MODEL_LACKS:
        other = [(pair.line, pair.model, pair.kernel) for pair in both.pairs if not pair.equal]
        assert both.verdict is Verdict.PASSED, other


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_it_says_what_it_is_and_that_nothing_else_is_sent(path: Path) -> None:
    assert path.read_text(encoding="utf-8").startswith("// ")
    assert isinstance(loaded(path).script.events[-1].action, Nothing)


def test_what_the_model_lacks_is_there() -> None:
    assert MODEL_LACKS.keys() <= {path.stem for path in SCRIPTS}
