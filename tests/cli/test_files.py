"""Files are written whole or not at all, and a place that cannot be written is found out before the work.

Not here: what the verbs write.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from wouldblock import files
from wouldblock.front import Stop


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.json"
    files.write(path, "old")

    def full(self: Path, target: Any) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(Stop, match=r"report\.json cannot be written \(no space left on device\)\.$"):
        files.write(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    files.write(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_a_device_is_written_and_not_replaced() -> None:
    files.check_file(os.devnull, "--json")
    files.write(os.devnull, "away")
    assert Path(os.devnull).is_char_device()


def test_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    files.check_file("-", "--json")
    files.write_json("-", {"b": 1, "a": "≠"})
    assert capsys.readouterr().out == '{\n "a": "≠",\n "b": 1\n}\n'


@pytest.mark.parametrize(
    ("name", "words"),
    [("missing/out.json", "there is no directory"), (".", "directory"), ("file/out.json", "there is no directory")],
)
def test_places_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, words: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("kept")
    with pytest.raises(Stop, match=words) as raised:
        files.check_file(name, "--json")
    assert raised.value.message.startswith(f"--json {name}: ")


def test_a_directory_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(self: Path, **options: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "touch", refused)
    for check in (
        lambda: files.check_file(str(tmp_path / "x"), "--json"),
        lambda: files.make_folder(tmp_path, "--out"),
    ):
        with pytest.raises(Stop, match="cannot be written \\(permission denied\\)"):
            check()


def test_a_check_leaves_nothing_behind(tmp_path: Path) -> None:
    files.check_file(str(tmp_path / "out.json"), "--json")
    files.make_folder(tmp_path, "--out")
    assert not list(tmp_path.iterdir())
